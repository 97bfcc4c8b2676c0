//! What all requests share: the database, the vault, the audit log, the clock.
//! Never holds anything of one request.

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use ipnet::IpNet;
use tokio::sync::Notify;

use crate::api::limits::Limits;
use crate::api::metrics::Metrics;
use crate::audit::{Audit, Signer};
use crate::auth::token;
use crate::config::Config;
use crate::dialer::{Names, Purpose, SystemNames, Walls};
use crate::discovery::Records;
use crate::oauth::Brokers;
use crate::store::{Store, migrate};
use crate::vault::Vault;

/// How long a set-up link holds, in milliseconds: one hour.
pub const SETUP_MILLIS: i64 = 3_600_000;

/// A clock; tests bring their own.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What all requests share; clones are cheap.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

/// The parts of [`App`].
pub struct Inner {
    /// What the service was told.
    pub config: Config,
    /// The database.
    pub store: Store,
    /// Secrets.
    pub vault: Vault,
    /// Who did what.
    pub audit: Audit,
    /// How often who may ask.
    pub limits: Limits,
    /// What is counted.
    pub metrics: Metrics,
    /// Name servers.
    pub records: Records,
    /// The same, each by itself, with its address.
    pub resolvers: Vec<(String, Records)>,
    /// Grants that give tokens.
    pub brokers: Brokers,
    clock: Clock,
    wake: OnceLock<Arc<Notify>>,
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl App {
    /// Opens everything. Tables are made where the database is a file; a server's are the administrator's affair
    /// only in so far as a newer program made them.
    ///
    /// # Errors
    /// Where a folder, a key or the database cannot be had.
    pub async fn open(config: Config, clock: Clock) -> Result<Self> {
        config.make_folders().with_context(|| format!("making folders in {}", config.data.display()))?;
        let store = Store::connect(&config.database).await?;
        migrate::up(&store).await?;
        let vault = Vault::open(store.clone(), &config.master_key)?;
        let signer = Signer::load_or_make(&config.audit_key(), &config.checkpoints())?;
        let audit = Audit::new(store.clone(), signer);
        let (limits, metrics) = (Limits::new(), Metrics::new());
        let records = Records::new(&config.outside.name_servers);
        let resolvers = Records::each(&config.outside.name_servers);
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                store,
                vault,
                audit,
                limits,
                metrics,
                records,
                resolvers,
                brokers: Brokers::default(),
                clock,
                wake: OnceLock::new(),
            }),
        })
    }

    /// Walls around mail servers, by the names that this service was told to believe.
    pub fn walls(&self, allowed: Vec<IpNet>) -> Walls {
        let names: Arc<dyn Names> = if self.config.outside.name_servers.is_empty() {
            Arc::new(SystemNames)
        } else {
            Arc::new(self.records.clone())
        };
        Walls { purpose: Purpose::Imap, allowed, names }
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        (self.clock)()
    }

    /// Names the worker of this process, so that it need not wait for its next look.
    pub fn set_wake(&self, wake: Arc<Notify>) {
        // A process has one worker.
        let _ = self.wake.set(wake);
    }

    /// Has the worker of this process look for work now.
    pub fn wake(&self) {
        if let Some(wake) = self.wake.get() {
            wake.notify_one();
        }
    }

    /// A one-time token for the first administrator, where there is no user yet.
    ///
    /// # Errors
    /// What the database says.
    pub async fn setup_token(&self) -> Result<Option<secrecy::SecretString>> {
        if self.store.users_count().await? > 0 {
            return Ok(None);
        }
        let token = token::new("setup_")?;
        self.store.put_setup(token::digest(&token), self.now_ms() + SETUP_MILLIS).await?;
        Ok(Some(token))
    }
}

/// The machine's clock.
pub fn machine_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
