//! One broker for each grant of this process, however many runs log in by it; and what becomes of a refusal.
//! Never keeps a broker of a secret that was replaced: the version is part of its name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use malote_engine::failure::{Class, Failure, Retry, Side};
use malote_engine::imap::SecretSource;
use malote_engine::token::{Broker, Grant, Patience, ServiceAccount};
use secrecy::{ExposeSecret as _, SecretString};

use super::keeper::Keeper;
use super::plan::{Flow, Plan};
use super::{Secrets, client, http};
use crate::app::App;
use crate::jobs::NoSecret;
use crate::store::kept::KeptRow;

/// Grants that are held at once; beyond that all are let go, and come back when they are asked for.
const BROKERS_MAX: usize = 10_000;

/// A credential, the version of its secret, and the mailbox that is asked for where each has a token of its own.
type Name = (String, i64, String);

/// Every grant that this process was asked for.
#[derive(Default)]
pub struct Brokers {
    held: Mutex<BTreeMap<Name, Broker>>,
}

impl Brokers {
    /// Forgets what was held of a credential, so that its next token is a new one.
    pub fn forget(&self, id: &str) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|(known, ..), _| known != id);
    }

    fn held(&self, name: &Name) -> Option<Broker> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn hold(&self, name: Name, broker: Broker) -> Broker {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= BROKERS_MAX {
            held.clear();
        }
        // Whoever was faster: his is everybody's.
        held.entry(name).or_insert(broker).clone()
    }
}

/// Who gives tokens of a credential for a mailbox.
///
/// # Errors
/// Where the credential cannot be opened, or holds not what its grant needs.
pub async fn broker(
    app: &App,
    row: &KeptRow,
    user: &str,
    side: Side,
) -> Result<Arc<dyn SecretSource>, NoSecret> {
    let unusable = NoSecret::Unusable;
    let plan = Plan::parse(&row.grant_json).map_err(unusable)?;
    let subject = if plan.flow == Flow::Dwd { user.to_owned() } else { String::new() };
    let name = (row.id.clone(), row.version, subject);
    let broker = match app.brokers.held(&name) {
        Some(broker) => broker,
        None => {
            let broker = made(app, row, &plan, user, side).await?;
            app.brokers.hold(name, broker)
        }
    };
    Ok(Arc::new(Told { app: app.clone(), id: row.id.clone(), flow: plan.flow, broker: broker.at(side) }))
}

async fn made(app: &App, row: &KeptRow, plan: &Plan, user: &str, side: Side) -> Result<Broker, NoSecret> {
    let addresses = plan.check(&app.config.outside).map_err(|(_, words)| NoSecret::Unusable(words))?;
    let secrets = Secrets::open(&app.vault, &row.id, &row.sealed).await;
    let secrets = secrets.map_err(|error| NoSecret::Unusable(error.to_string()))?;
    let client = client(plan, &secrets, &addresses);
    let scope = addresses.scope.clone();
    let grant = match plan.flow {
        Flow::ClientCredentials => Grant::ClientCredentials { client, scope },
        Flow::Dwd => {
            let lacking = || NoSecret::Unusable("it holds no service account's key".to_owned());
            let key = secrets.service_account_key.as_ref().ok_or_else(lacking)?;
            let octets = key.expose_secret().as_bytes();
            let token = Some(addresses.token.clone());
            let account = ServiceAccount::parse(octets, "the kept key", token, user, &scope);
            Grant::ServiceAccount(account.map_err(NoSecret::Unusable)?)
        }
        Flow::AuthCode | Flow::DeviceCode => {
            let keeper = Keeper::new(app.clone(), row.id.clone()).map_err(NoSecret::Passing)?;
            Grant::Kept { client, scope: Some(scope), keeper: Arc::new(keeper) }
        }
    };
    Ok(Broker::by(side, grant, http(app, &addresses), Patience::default()))
}

/// A broker whose final refusals are written down: a person sees that somebody has to consent anew.
struct Told {
    app: App,
    id: String,
    flow: Flow,
    broker: Broker,
}

#[async_trait]
impl SecretSource for Told {
    async fn secret(&self) -> Result<SecretString, Failure> {
        let told = self.broker.token().await;
        if let Err(failure) = &told {
            let is_gone = matches!(failure.class, Class::AuthTokenExpired | Class::AuthBadCredentials);
            if failure.retry == Retry::Never && is_gone && self.flow.needs_a_person() {
                let noted = self.app.store.set_kept_status(&self.id, "needs_consent").await;
                if let Err(error) = noted {
                    let id = &self.id;
                    tracing::warn!(credential.id = id, error = %error, "a credential's end was not noted: {error}");
                }
            }
        }
        told
    }

    fn is_token(&self) -> bool {
        true
    }

    fn is_renewed_after_refusal(&self, refused: &str) -> bool {
        self.broker.is_renewed_after_refusal(refused)
    }
}
