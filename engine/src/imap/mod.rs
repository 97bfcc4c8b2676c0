//! The only place that knows IMAP: wire, login, sessions, listing, fetching, appending, pooling.
//! Never decides what is copied where; source and destination adapt it to the traits that runs know.

mod append;
mod body;
mod capability;
mod classify;
mod command;
mod compress;
mod connect;
mod connection;
mod copy;
pub(crate) mod create;
mod date;
pub mod endpoint;
mod fetch;
mod fetch_data;
pub mod findings;
pub mod host;
mod labels;
pub mod limits;
mod list;
pub(crate) mod list_data;
mod login;
mod opening;
#[cfg(test)]
mod parser_tests;
pub(crate) mod pool;
pub mod probe;
pub mod resolver;
pub mod response;
mod sasl;
pub(crate) mod session;
#[cfg(test)]
mod session_tests;
mod slowing;
pub mod split;
mod tls;
pub mod token;
mod treatment;
pub(crate) mod write;

pub use capability::Capabilities;
pub use endpoint::{AuthMethod, Endpoint, Location, SecretSource, Security};
pub use fetch_data::{FetchData, Section};
pub use findings::{Finding, ProbedProfile};
pub use list_data::{Listed, NamespaceEntry, Namespaces, StatusItems};
pub use probe::{Greeting, Probe, greeting, probe};
pub use resolver::{Resolver, SystemResolver, Unresolved};
pub use secrecy::SecretString;
pub use tls::TlsFacts;

pub(crate) use append::AppendQueue;
