//! Where the service may connect to: a port for each purpose, a resolved name whose every address is looked at.
//! Never resolves a name twice for one connection: who connects gets the address that was checked.

pub mod address;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ipnet::IpNet;
use malote_engine::imap::{Resolver, Unresolved};
use thiserror::Error;

pub use address::Refusal;

/// How long a name server may take.
const RESOLVE_MAX: Duration = Duration::from_secs(10);
/// Addresses of one name that are looked at, at most.
const ADDRESSES_MAX: usize = 32;

/// What a connection is for; each has its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A mail server.
    Imap,
    /// Whether a server takes mail.
    SmtpProbe,
    /// A web service: tokens, webhooks, provider APIs.
    Https,
    /// A declared host.
    Ssh,
}

impl Purpose {
    /// The ports that it may use. Others need an endpoint to which an administrator allowed private networks.
    pub const fn ports(self) -> &'static [u16] {
        match self {
            Self::Imap => &[143, 993],
            Self::SmtpProbe => &[25, 465, 587],
            Self::Https => &[443],
            Self::Ssh => &[22],
        }
    }
}

/// Why nothing is connected to. The words hold no answer of any server.
#[derive(Debug, Error)]
pub enum DialError {
    /// Not a port of this purpose.
    #[error("port {port} is not for this purpose: it is one of {allowed:?}")]
    Port {
        /// What was asked for.
        port: u16,
        /// What is allowed.
        allowed: &'static [u16],
    },
    /// The name is not one.
    #[error("{0:?} is no host name")]
    Name(String),
    /// The name is not known, or nobody answers.
    #[error("the name {name} cannot be resolved")]
    Unknown {
        /// The name.
        name: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// One of its addresses is not to be connected to.
    #[error(
        "{name} leads to {address}, which is {refusal}: an administrator can allow that network for this endpoint"
    )]
    Refused {
        /// The name.
        name: String,
        /// The address.
        address: IpAddr,
        /// What it is.
        refusal: Refusal,
    },
}

/// Asks name servers. What they say is not believed before it was looked at.
#[async_trait]
pub trait Names: Send + Sync {
    /// Every address of a name, with the port.
    async fn lookup(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The name servers of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNames;

#[async_trait]
impl Names for SystemNames {
    async fn lookup(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let asked = tokio::time::timeout(RESOLVE_MAX, tokio::net::lookup_host((name, port))).await;
        let found = asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        Ok(found.take(ADDRESSES_MAX).collect())
    }
}

/// The walls that stand around each connection of one endpoint: the engine asks them before every one, and connects
/// to nothing else. A name that led into the Internet when it was tested and leads inward now is refused.
#[derive(Clone)]
pub struct Walls {
    /// What the connections are for.
    pub purpose: Purpose,
    /// Networks that an administrator allowed.
    pub allowed: Vec<IpNet>,
    /// Who knows the names.
    pub names: Arc<dyn Names>,
}

impl Walls {
    /// Looks whether a place may be connected to.
    ///
    /// # Errors
    /// As [`resolve_by`].
    pub async fn check(&self, host: &str, port: u16) -> Result<(), DialError> {
        resolve_by(self.names.as_ref(), self.purpose, host, port, &self.allowed).await.map(|_| ())
    }
}

#[async_trait]
impl Resolver for Walls {
    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Unresolved> {
        let found = resolve_by(self.names.as_ref(), self.purpose, host, port, &self.allowed).await;
        found.map_err(|error| match error {
            DialError::Unknown { cause, .. } => Unresolved::Unknown(cause),
            other => Unresolved::Refused(other.to_string()),
        })
    }
}

/// Resolves a name once and gives the addresses that may be connected to: all of them, or none. Where one address
/// of a name is refused, the whole name is: what it leads to changes with each question.
///
/// # Errors
/// Where the port is not for this purpose, the name is not known, or an address is refused.
pub async fn resolve(
    purpose: Purpose,
    name: &str,
    port: u16,
    allowed: &[IpNet],
) -> Result<Vec<SocketAddr>, DialError> {
    resolve_by(&SystemNames, purpose, name, port, allowed).await
}

/// The same, by somebody else's knowledge of names.
///
/// # Errors
/// As [`resolve`].
pub async fn resolve_by(
    names: &dyn Names,
    purpose: Purpose,
    name: &str,
    port: u16,
    allowed: &[IpNet],
) -> Result<Vec<SocketAddr>, DialError> {
    // Whoever allows a private network names the machines in it, and their ports are their own affair.
    if !purpose.ports().contains(&port) && allowed.is_empty() {
        return Err(DialError::Port { port, allowed: purpose.ports() });
    }
    if !is_host(name) {
        return Err(DialError::Name(name.chars().take(64).filter(|letter| !letter.is_control()).collect()));
    }
    let found = match name.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => {
            let unknown = |cause| DialError::Unknown { name: name.to_owned(), cause };
            names.lookup(name, port).await.map_err(unknown)?
        }
    };
    for one in &found {
        if let Some(refusal) = address::refusal(one.ip(), allowed) {
            return Err(DialError::Refused { name: name.to_owned(), address: one.ip(), refusal });
        }
    }
    if found.is_empty() {
        let cause = io::Error::from(io::ErrorKind::NotFound);
        return Err(DialError::Unknown { name: name.to_owned(), cause });
    }
    Ok(found)
}

/// A host name (RFC 1123 §2.1) or an address: nothing that could end a line, a URL or a command.
pub fn is_host(name: &str) -> bool {
    if name.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits would be read as an address by some, and as a name by others.
    let is_number = name.rsplit('.').next().is_some_and(|last| {
        last.bytes().all(|octet| octet.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X")
    });
    (1..=253).contains(&name.len()) && name.split('.').all(is_label) && !is_number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_letters_digits_and_hyphens() {
        for (name, expected) in [
            ("mail.example.com", true),
            ("mail.example.com.", true),
            ("localhost", true),
            ("192.0.2.1", true),
            ("::1", true),
            ("xn--mgba3a4f16a.ir", true),
            ("", false),
            ("a..b", false),
            ("-a.example", false),
            ("2130706433", false),
            ("127.1", false),
            ("0x7f000001", false),
            ("a b", false),
            ("a\r\nb", false),
            ("a@b", false),
            ("a/b", false),
            ("exämple.com", false),
        ] {
            assert_eq!(is_host(name), expected, "{name:?}");
        }
    }

    #[tokio::test]
    async fn a_name_is_refused_for_its_port_and_for_what_it_leads_to() {
        let loopback: IpNet = "127.0.0.0/8".parse().unwrap();
        for (name, port, allowed, is_taken) in [
            ("127.0.0.1", 143, vec![], false),
            ("127.0.0.1", 143, vec![loopback], true),
            ("127.0.0.1", 4143, vec![loopback], true),
            ("8.8.8.8", 993, vec![], true),
            ("8.8.8.8", 6379, vec![], false),
            ("::ffff:127.0.0.1", 993, vec![], false),
            ("bad name", 993, vec![], false),
        ] {
            let told = resolve(Purpose::Imap, name, port, &allowed).await;
            assert_eq!(told.is_ok(), is_taken, "{name}:{port}: {told:?}");
        }
    }
}
