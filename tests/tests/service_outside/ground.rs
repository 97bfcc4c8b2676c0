//! A service among servers of the loopback: a name server, web servers over TLS, mail servers by name.
//! Never holds a check: that is what the tests beside it do.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use acceptance::name_server::{NameServer, Record};
use acceptance::tls::{Identity, TestCa};
use anyhow::Result;
use malote_service::config::{Mfa, Outside};
use tokio_rustls::rustls::{ServerConnection, StreamOwned};

use super::world::World;

/// The loopback's first address, which alone is allowed.
pub const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A service that asks this name server and trusts this authority, whose web servers are at `https_port`.
pub async fn world(names: &NameServer, ca: &TestCa, https_port: u16) -> Result<World> {
    let outside = Outside {
        name_servers: vec![names.address()],
        roots: ca.pem().as_bytes().to_vec(),
        https_port,
        ..Outside::default()
    };
    World::reaching(Mfa::Offered, vec!["127.0.0.1/32".parse()?], outside).await
}

/// What a web server says to each request: the whole answer, or nothing and the line stays open.
pub type Say = dyn Fn(&str) -> Option<String> + Send + Sync;

/// A web server over TLS that ends with the process, its port and how often it was asked.
pub fn web(identity: &Identity, say: Arc<Say>) -> Result<(u16, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind((HERE, 0))?;
    let port = listener.local_addr()?.port();
    let (config, asked) = (identity.server_config()?, Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (config, say, counted) = (Arc::clone(&config), Arc::clone(&say), Arc::clone(&counted));
            thread::spawn(move || {
                counted.fetch_add(1, Ordering::Relaxed);
                // Who asked may be gone, or not like the certificate.
                let _ = serve(stream, ServerConnection::new(config)?, &say);
                anyhow::Ok(())
            });
        }
    });
    Ok((port, asked))
}

fn serve(stream: TcpStream, session: ServerConnection, say: &Arc<Say>) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut reader = BufReader::new(StreamOwned::new(session, stream));
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    match say(&first) {
        Some(text) => {
            reader.get_mut().write_all(text.as_bytes())?;
            reader.get_mut().flush()?;
        }
        None => thread::sleep(Duration::from_secs(20)),
    }
    Ok(())
}

/// A page as a web server sends it.
pub fn page(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// Tells that these names lead to the loopback.
pub fn lead_here(names: &NameServer, hosts: &[&str]) {
    for host in hosts {
        names.tell(host, Record::A(HERE));
    }
}
