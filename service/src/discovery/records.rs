//! What name servers say of a domain: its exchangers, its services, its addresses.
//! Never hands on a name that is none, and never waits without an end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Resolver, ResolverBuilder, TokioResolver};

use crate::dialer::{Names, is_host};

/// How long a name server may take for one try.
const TRY_MAX: Duration = Duration::from_secs(2);
/// Tries after the first.
const TRIES_MORE: usize = 1;
/// Records of one answer that are looked at, at most.
const RECORDS_MAX: usize = 20;

/// Name servers that are asked each by itself, at most.
pub const SERVERS_MAX: usize = 10;

/// Where a domain takes its mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchanger {
    /// The least goes first.
    pub preference: u16,
    /// Empty: the domain takes none.
    pub host: String,
}

/// Where a service of a domain is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The least goes first.
    pub priority: u16,
    /// Its share among those of one priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// Empty: there is decidedly none.
    pub host: String,
}

/// What is found, or a sentence on why nothing could be learnt. A name that is not there has nothing.
pub type Lookup<T> = Result<Vec<T>, String>;

/// Asks name servers; clones share them.
#[derive(Clone)]
pub struct Records {
    resolver: Option<TokioResolver>,
}

impl Records {
    /// Asks these servers, or those that the machine is told of where none is named.
    ///
    /// # Panics
    /// Never: a machine that names no server only answers that to each question.
    #[must_use]
    pub fn new(servers: &[SocketAddr]) -> Self {
        let provider = TokioRuntimeProvider::default();
        let builder = if servers.is_empty() {
            Resolver::builder(provider).ok()
        } else {
            let config = ResolverConfig::from_name_servers(servers.iter().map(named).collect());
            Some(Resolver::builder_with_config(config, provider))
        };
        Self::of(builder)
    }

    /// The same, each server by itself and with its address as `ADDRESS:PORT`, [`SERVERS_MAX`] at most.
    #[must_use]
    pub fn each(servers: &[SocketAddr]) -> Vec<(String, Self)> {
        let all = if servers.is_empty() {
            read_system_conf().map(|(config, _)| config.name_servers().to_vec()).unwrap_or_default()
        } else {
            servers.iter().map(named).collect()
        };
        let one = |server: NameServerConfig| {
            let port = server.connections.first().map_or(53, |connection| connection.port);
            let name = SocketAddr::new(server.ip, port).to_string();
            let config = ResolverConfig::from_name_servers(vec![server]);
            let builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
            (name, Self::of(Some(builder)))
        };
        all.into_iter().take(SERVERS_MAX).map(one).collect()
    }

    fn of(builder: Option<ResolverBuilder<TokioRuntimeProvider>>) -> Self {
        let resolver = builder.and_then(|mut builder| {
            let options = builder.options_mut();
            (options.timeout, options.attempts) = (TRY_MAX, TRIES_MORE);
            // A lookup is made for one connection; an older answer is another connection's.
            options.cache_size = 0;
            options.use_hosts_file = ResolveHosts::Never;
            builder.build().ok()
        });
        Self { resolver }
    }

    async fn ask<T>(&self, name: &str, kind: RecordType, read: fn(&RData) -> Option<T>) -> Lookup<T> {
        let found = self.ask_whole(name, kind, read).await?;
        Ok(found.into_iter().map(|(one, _)| one).collect())
    }

    /// The same, each record with the seconds for which it may be kept.
    async fn ask_whole<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: fn(&RData) -> Option<T>,
    ) -> Lookup<(T, u32)> {
        let resolver = self.resolver.as_ref().ok_or("this machine names no name server")?;
        let mut name = Name::from_ascii(name).map_err(|_| "it is no name")?;
        // Otherwise the machine's own search list would be tried too.
        name.set_fqdn(true);
        match resolver.lookup(name, kind).await {
            Ok(found) => {
                let records = found.answers().iter().take(RECORDS_MAX);
                Ok(records.filter_map(|record| Some((read(&record.data)?, record.ttl))).collect())
            }
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(_) => Err("the name servers give no answer".to_owned()),
        }
    }

    /// MX records, the preferred first (RFC 5321 §5.1).
    ///
    /// # Errors
    /// Where name servers do not answer.
    pub async fn exchangers(&self, domain: &str) -> Lookup<Exchanger> {
        let mut found = self
            .ask(domain, RecordType::MX, |data| match data {
                RData::MX(one) => Some(Exchanger { preference: one.preference, host: host(&one.exchange)? }),
                _ => None,
            })
            .await?;
        found.sort_by_key(|one| one.preference);
        Ok(found)
    }

    /// MX records as they stand, also where a name is no host's: in small letters, the preferred first, each with the
    /// seconds for which others may keep it (RFC 1035 §3.2.1). A TTL with the first bit set is 0 (RFC 2181 §8).
    ///
    /// # Errors
    /// As [`Self::exchangers`].
    pub async fn exchangers_as_told(&self, domain: &str) -> Lookup<(Exchanger, u32)> {
        let read = |data: &RData| match data {
            RData::MX(one) => {
                let host = one.exchange.to_ascii().trim_end_matches('.').to_ascii_lowercase();
                Some(Exchanger { preference: one.preference, host })
            }
            _ => None,
        };
        let mut found = self.ask_whole(domain, RecordType::MX, read).await?;
        found.iter_mut().filter(|(_, ttl)| i32::try_from(*ttl).is_err()).for_each(|(_, ttl)| *ttl = 0);
        found.sort_by_key(|(one, _)| one.preference);
        Ok(found)
    }

    /// SRV records, the preferred first (RFC 2782). Weights only order: nobody is asked by lot here.
    ///
    /// # Errors
    /// As [`Self::exchangers`].
    pub async fn services(&self, name: &str) -> Lookup<Service> {
        let mut found = self
            .ask(name, RecordType::SRV, |data| match data {
                RData::SRV(one) => {
                    let host = host(&one.target)?;
                    (one.port != 0 || host.is_empty()).then_some(Service {
                        priority: one.priority,
                        weight: one.weight,
                        port: one.port,
                        host,
                    })
                }
                _ => None,
            })
            .await?;
        found.sort_by_key(|one| (one.priority, u16::MAX - one.weight));
        Ok(found)
    }
}

fn named(server: &SocketAddr) -> NameServerConfig {
    let mut named = NameServerConfig::udp_and_tcp(server.ip());
    named.connections.iter_mut().for_each(|connection| connection.port = server.port());
    named
}

/// A name as a host's: small letters, without the root's dot; empty for the root itself.
fn host(name: &Name) -> Option<String> {
    let text = name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
    (text.is_empty() || is_host(&text)).then_some(text)
}

#[async_trait]
impl Names for Records {
    async fn lookup(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let four = |data: &RData| match data {
            RData::A(address) => Some(std::net::IpAddr::from(address.0)),
            _ => None,
        };
        let six = |data: &RData| match data {
            RData::AAAA(address) => Some(std::net::IpAddr::from(address.0)),
            _ => None,
        };
        let asked = futures_util::future::join(
            self.ask(name, RecordType::A, four),
            self.ask(name, RecordType::AAAA, six),
        );
        let (four, six) = asked.await;
        let found = match (four, six) {
            (Err(why), Err(_)) => return Err(io::Error::other(why)),
            (four, six) => [four.unwrap_or_default(), six.unwrap_or_default()].concat(),
        };
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no address is known"));
        }
        Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }
}
