//! The walls around what users name: every connection goes to an address that was looked at for it.
//! Never asks a real name server: the one here says another thing each time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use acceptance::scripted::Script;
use acceptance::tls::TestCa;
use anyhow::{Context, Result};
use async_trait::async_trait;
use malote_engine::failure::{Class, Failure, Retry, Side};
use malote_engine::imap::probe::greeting;
use malote_engine::imap::{Endpoint, Location, SecretString, Security};
use malote_service::dialer::{Names, Purpose, Walls};
use tokio::net::TcpListener;

/// Says one list of addresses after another, and the last for ever.
struct Fickle {
    said: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Names for Fickle {
    async fn lookup(&self, _name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let said = self.said.get(number).or(self.said.last());
        let said = said.ok_or(io::ErrorKind::NotFound)?;
        Ok(said.iter().map(|address| SocketAddr::new(*address, port)).collect())
    }
}

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const INNER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// An endpoint of the name `localhost`, which leads where `said` says; this machine's first address alone is allowed.
fn endpoint(port: u16, security: Security, said: &[&[IpAddr]]) -> Result<(Endpoint, Arc<Fickle>)> {
    let scheme = if security == Security::Tls { "imaps" } else { "imap" };
    let query = if security == Security::Clear { "?tls=off" } else { "" };
    let location = Location::parse(&format!("{scheme}://ana@localhost:{port}{query}"), false)?;
    let secret = || Ok::<_, Failure>(SecretString::from("segredo".to_owned()));
    let mut endpoint = location.endpoint(Side::Source, Arc::new(secret));
    let said = said.iter().map(|list| list.to_vec()).collect();
    let names = Arc::new(Fickle { said, asked: AtomicUsize::new(0) });
    let (purpose, allowed) = (Purpose::Imap, vec!["127.0.0.1/32".parse()?]);
    endpoint.resolver = Arc::new(Walls { purpose, allowed, names: Arc::clone(&names) as Arc<dyn Names> });
    Ok((endpoint, names))
}

#[tokio::test]
async fn a_name_that_changes_its_mind_between_two_connections_reaches_nothing_the_second_time() -> Result<()>
{
    let server = Script::new().start()?;
    let port = server.port();
    // What stands behind the wall, at the same port: a connection there would be seen.
    let inner = TcpListener::bind((INNER, port)).await?;
    let (endpoint, names) = endpoint(port, Security::Clear, &[&[HERE], &[INNER], &[HERE, INNER], &[]])?;
    greeting(&endpoint).await.context("the first answer is an allowed address")?;
    for what in ["another address", "one more beside the allowed one"] {
        let failure = greeting(&endpoint).await.err().context(what)?;
        assert_eq!((failure.class, failure.retry), (Class::Usage, Retry::Never), "{what}: {failure}");
        assert!(failure.message.contains("this machine itself"), "{what}: {failure}");
    }
    let failure = greeting(&endpoint).await.err().context("no address at all")?;
    assert_eq!(failure.class, Class::Net, "{failure}");
    assert_eq!(names.asked.load(Ordering::Relaxed), 4, "a name is asked for once for each connection");
    let knocked = tokio::time::timeout(std::time::Duration::from_millis(200), inner.accept()).await;
    assert!(knocked.is_err(), "somebody was led behind the wall");
    Ok(())
}

#[tokio::test]
async fn the_name_goes_on_to_tls_whatever_address_was_checked() -> Result<()> {
    let ca = TestCa::new()?;
    let server = Script::new().tls(ca.identity_for_loopback()?).start()?;
    let (mut endpoint, _) = endpoint(server.port(), Security::Tls, &[&[HERE]])?;
    endpoint.extra_roots = ca.pem().as_bytes().to_vec();
    let told = greeting(&endpoint).await.context("the certificate names localhost")?;
    assert!(told.tls.is_some());
    endpoint.location.host = "mail.example.com".to_owned();
    let failure = greeting(&endpoint).await.err().context("the certificate names another host")?;
    assert_eq!(failure.class, Class::TlsUntrusted, "{failure}");
    Ok(())
}
