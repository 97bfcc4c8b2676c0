//! From an endpoint to a connection that TLS protects and a greeting has opened.
//! Never sends a credential: that is login's, and only after this is done.

use std::io;
use std::time::Duration;

use futures_util::future::select_ok;
use malote_plan::failure::{Class, Reach, Retry};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::capability::Capabilities;
use super::classify::refused_login;
use super::command::Command;
use super::connection::{Connection, Wire};
use super::endpoint::{Endpoint, Security};
use super::resolver::Unresolved;
use super::response::{Answer, Code, Kind, Reply};
use super::tls::{Tls, TlsFacts};
use crate::failure::{Failure, Result};

/// How long an address is tried alone before the next one is tried beside it (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Most addresses of one host that are tried.
const ADDRESSES_MAX: usize = 8;

/// A connection before login.
pub(super) struct Greeted {
    pub connection: Connection,
    /// The greeting's words.
    pub greeting: String,
    pub capabilities: Capabilities,
    /// True where the server took us for somebody already (PREAUTH).
    pub is_authenticated: bool,
    pub tls: Option<TlsFacts>,
}

/// Connects, protects, greets.
pub(super) async fn connect(endpoint: &Endpoint, tls: Option<&Tls>) -> Result<Greeted> {
    let socket: Box<dyn Wire> = Box::new(dial(endpoint).await?);
    let (wire, facts) = match (endpoint.location.security, tls) {
        (Security::Tls, Some(tls)) => {
            tls.wrap(endpoint, socket).await.map(|(wire, facts)| (wire, Some(facts)))?
        }
        _ => (socket, None),
    };
    let connection =
        Connection::new(endpoint.side, endpoint.location.host.clone(), wire, endpoint.progress_max);
    let greeted = timeout(endpoint.connect_max, greet(endpoint, connection, facts)).await;
    let mut greeted = greeted.unwrap_or_else(|_| {
        let place = format!("{}:{}", endpoint.location.host, endpoint.location.port);
        Err(account_net(
            endpoint,
            format!("connecting to {place}: no greeting came; check the port and its TLS"),
        ))
    })?;
    if endpoint.location.security == Security::StartTls {
        greeted = start_tls(endpoint, greeted, tls).await?;
    }
    if greeted.capabilities.is_empty() {
        greeted.capabilities = ask_capabilities(&mut greeted.connection).await?;
    }
    Ok(greeted)
}

/// Asks CAPABILITY.
pub(super) async fn ask_capabilities(connection: &mut Connection) -> Result<Capabilities> {
    let mut capabilities = Capabilities::default();
    connection
        .run(Command::new("CAPABILITY"), |answer| {
            if let Answer::Capability(names) = answer {
                capabilities = Capabilities::new(names);
            }
        })
        .await?;
    Ok(capabilities)
}

async fn dial(endpoint: &Endpoint) -> Result<TcpStream> {
    let (host, port) = (endpoint.location.host.as_str(), endpoint.location.port);
    let found = timeout(endpoint.connect_max, endpoint.resolver.addresses(host, port)).await;
    let addresses = match found {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(Unresolved::Refused(why))) => {
            let message = format!("connecting to {host}:{port}: {why}");
            return Err(Failure::new(endpoint.side, Class::Usage, Reach::Account, Retry::Never, message));
        }
        Ok(Err(Unresolved::Unknown(error))) => {
            let message = format!("looking up {host}: no address; check the host's name");
            return Err(account_net(endpoint, message).because(error));
        }
        Err(_) => return Err(account_net(endpoint, format!("looking up {host}: no answer in time"))),
    };
    let attempts = addresses.into_iter().enumerate().map(|(index, address)| {
        let head_start = HEAD_START * u32::try_from(index).unwrap_or(u32::MAX);
        Box::pin(async move {
            sleep(head_start).await;
            let connected = timeout(endpoint.connect_max, TcpStream::connect(address)).await;
            connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        })
    });
    let attempts: Vec<_> = attempts.take(ADDRESSES_MAX).collect();
    if attempts.is_empty() {
        return Err(account_net(endpoint, format!("looking up {host}: no address; check the host's name")));
    }
    match select_ok(attempts).await {
        Ok((stream, _)) => Ok(tuned(stream)),
        Err(error) => {
            let message = format!("connecting to {host}:{port}: nobody answers there; check host and port");
            Err(account_net(endpoint, message).because(error))
        }
    }
}

fn account_net(endpoint: &Endpoint, message: String) -> Failure {
    Failure::new(endpoint.side, Class::Net, Reach::Connection, Retry::Again, message)
}

/// Without delay for small commands, and with keepalive so that a dead peer is found out. Both are wishes: a
/// socket that takes neither works all the same.
fn tuned(stream: TcpStream) -> TcpStream {
    let _ = stream.set_nodelay(true);
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(20));
    let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
    stream
}

/// Reads the greeting.
pub(super) async fn greet(
    endpoint: &Endpoint,
    mut connection: Connection,
    tls: Option<TlsFacts>,
) -> Result<Greeted> {
    let reply = loop {
        match connection.next().await? {
            Answer::Untagged(reply) => break reply,
            Answer::Unknown => {
                return Err(connection.protocol("what answers there does not speak IMAP; check the port"));
            }
            _ => {}
        }
    };
    match reply.kind {
        Kind::Ok | Kind::PreAuth => {}
        Kind::Bye | Kind::No | Kind::Bad => {
            let what = format!("connecting to {}", endpoint.location.host);
            return Err(refused_login(endpoint, &what, &reply));
        }
    }
    let capabilities = match &reply.code {
        Some(Code::Capability(names)) => Capabilities::new(names.clone()),
        _ => Capabilities::default(),
    };
    let is_authenticated = reply.kind == Kind::PreAuth;
    Ok(Greeted { connection, greeting: reply.text, capabilities, is_authenticated, tls })
}

/// Puts TLS under way by STARTTLS. What the server said before is forgotten: anybody could have said it
/// (RFC 9051 §6.2.1), and what came unprotected after its OK is refused.
pub(super) async fn start_tls(
    endpoint: &Endpoint,
    mut greeted: Greeted,
    tls: Option<&Tls>,
) -> Result<Greeted> {
    if greeted.is_authenticated {
        return Err(no_tls(
            endpoint,
            "the server skipped the login before TLS (PREAUTH), which STARTTLS cannot follow",
            None,
        ));
    }
    let reply = greeted.connection.run(Command::new("STARTTLS"), drop).await;
    // A server or somebody on the way that hangs up here does so again: it is no TLS, not a passing fault.
    let reply =
        reply.map_err(|lost| no_tls(endpoint, "the connection was lost at STARTTLS", None).because(lost))?;
    if reply.kind != Kind::Ok {
        return Err(no_tls(endpoint, "the server refused STARTTLS", Some(&reply)));
    }
    let (Some(wire), Some(tls)) = (greeted.connection.into_wire(), tls) else {
        return Err(no_tls(endpoint, "somebody sent unprotected octets after STARTTLS", None));
    };
    let (wire, facts) = tls.wrap(endpoint, wire).await?;
    let connection =
        Connection::new(endpoint.side, endpoint.location.host.clone(), wire, endpoint.progress_max);
    let greeting = greeted.greeting;
    Ok(Greeted {
        connection,
        greeting,
        capabilities: Capabilities::default(),
        is_authenticated: false,
        tls: Some(facts),
    })
}

fn no_tls(endpoint: &Endpoint, what: &str, reply: Option<&Reply>) -> Failure {
    let said = reply.map(|reply| format!(", \"{}\"", reply.text)).unwrap_or_default();
    let message = format!(
        "protecting the connection to {}:{}: {what}{said}; no credential was sent; use imaps:// if the server has it",
        endpoint.location.host, endpoint.location.port
    );
    Failure::new(endpoint.side, Class::TlsRequired, Reach::Account, Retry::Never, message)
}
