//! Grants that are kept at servers: which provider gives the tokens, by which flow, and who renews them for runs.
//! Never shows a token, and never connects past the walls unless the operator named the provider's address.

mod brokers;
mod keeper;
pub mod plan;
pub mod provider;
pub mod secrets;

use std::sync::Arc;
use std::time::Duration;

use malote_engine::token::{Client, Consenter, Http};

pub use brokers::{Brokers, broker};
pub use plan::{Flow, Plan};
pub use provider::Addresses;
pub use secrets::Secrets;

use crate::app::App;
use crate::dialer::{Purpose, Walls};

/// How long an identity provider may take for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// A client for identity providers. What is shipped is behind the walls; what the operator named is his own affair.
#[must_use]
pub fn http(app: &App, addresses: &Addresses) -> Http {
    let http = Http::new(app.config.outside.roots.clone(), ANSWER_MAX);
    if addresses.is_named_by_operator {
        return http;
    }
    let walls = Walls { purpose: Purpose::Https, ..app.walls(app.config.allow_private.clone()) };
    http.behind(Arc::new(walls))
}

/// Whoever asks a provider one question of a consent.
#[must_use]
pub fn consenter(app: &App, addresses: &Addresses) -> Consenter {
    Consenter::new(http(app, addresses))
}

/// The application of a grant.
#[must_use]
pub fn client(plan: &Plan, secrets: &Secrets, addresses: &Addresses) -> Client {
    Client {
        token_url: addresses.token.clone(),
        id: plan.client_id.clone(),
        secret: secrets.client_secret.clone(),
    }
}
