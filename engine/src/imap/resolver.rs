//! Where a host's name leads: asked once for each connection, and what is answered is what is connected to.
//! Never asked twice for one connection: a name whose answers change cannot pass a check and then lead elsewhere.

use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;
use tokio::net::lookup_host;

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum Unresolved {
    /// No name server knows it, or none answers: another try may help.
    #[error("no address; check the host's name")]
    Unknown(#[source] io::Error),
    /// It leads where nothing may be connected to: no other try helps. The words say what stands in the way.
    #[error("{0}")]
    Refused(String),
}

/// Gives the addresses of a host. Whoever lets users name hosts checks them here: every address is connected to as
/// it was given, while the name goes on to TLS.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The addresses that may be connected to, best first.
    ///
    /// # Errors
    /// Where there is none, or one that must not be reached.
    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Unresolved>;
}

/// Whatever the system's resolver says, for callers who name their own servers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Unresolved> {
        Ok(lookup_host((host, port)).await.map_err(Unresolved::Unknown)?.collect())
    }
}
