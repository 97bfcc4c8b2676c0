//! Keeps a refresh token in the vault: renewed by one process at a time, swapped and never lost.
//! Never lets an older token take the place of a newer one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use malote_engine::token::RefreshKeeper;
use secrecy::{ExposeSecret as _, SecretString};

use super::Secrets;
use crate::app::App;
use crate::auth::token::uuid;

/// How long one renewal may take, in milliseconds; longer than any answer of a provider.
const TURN_MILLIS: i64 = 60_000;
/// How often a taken turn is tried again.
const TURN_PAUSE: Duration = Duration::from_millis(100);
/// How long a turn is waited for.
const TURN_MAX: Duration = Duration::from_secs(90);
/// How often the database is asked to take a renewed token.
const STORES_MAX: u32 = 20;
/// The pause between.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// The refresh token of one credential.
pub(super) struct Keeper {
    app: App,
    id: String,
    /// Who this is, for the turn.
    who: String,
    /// A token that could not be stored, beside the one that the vault still holds.
    unstored: Mutex<Option<(SecretString, SecretString)>>,
}

impl Keeper {
    pub fn new(app: App, id: String) -> Result<Self, String> {
        let who = uuid().map_err(|error| error.to_string())?;
        Ok(Self { app, id, who, unstored: Mutex::default() })
    }

    async fn swap(&self, old: &SecretString, new: &SecretString) -> Result<bool, String> {
        let row = self.app.store.kept(&self.id).await.map_err(|error| error.to_string())?;
        let Some(row) = row else { return Ok(false) };
        let opened = Secrets::open(&self.app.vault, &self.id, &row.sealed).await;
        let mut secrets = opened.map_err(|error| error.to_string())?;
        let is_same =
            secrets.refresh_token.as_ref().is_some_and(|held| held.expose_secret() == old.expose_secret());
        if !is_same {
            // Somebody consented anew meanwhile, or took the consent back: that stands.
            return Ok(false);
        }
        secrets.refresh_token = Some(new.clone());
        let sealed = secrets.seal(&self.app.vault, &self.id).await.map_err(|error| error.to_string())?;
        let done = self.app.store.renew_kept(&self.id, &row.sealed, &sealed).await;
        done.map_err(|error| error.to_string())
    }
}

#[async_trait]
impl RefreshKeeper for Keeper {
    async fn lock(&self) -> Result<(), String> {
        let tries = TURN_MAX.as_millis() / TURN_PAUSE.as_millis();
        for _ in 0..tries {
            let now_ms = self.app.store.now_ms().await.map_err(|error| error.to_string())?;
            let taken = self.app.store.lease_kept(&self.id, &self.who, now_ms + TURN_MILLIS, now_ms).await;
            if taken.map_err(|error| error.to_string())? {
                return Ok(());
            }
            tokio::time::sleep(TURN_PAUSE).await;
        }
        Err("another process renews this credential".to_owned())
    }

    async fn unlock(&self) {
        if let Err(error) = self.app.store.unlease_kept(&self.id, &self.who).await {
            tracing::warn!(credential.id = self.id, error = %error, "a credential's turn ends by its time: {error}");
        }
    }

    async fn read(&self) -> Result<Option<SecretString>, String> {
        let row = self.app.store.kept(&self.id).await.map_err(|error| error.to_string())?;
        let Some(row) = row else { return Ok(None) };
        let opened = Secrets::open(&self.app.vault, &self.id, &row.sealed).await;
        let Some(stored) = opened.map_err(|error| error.to_string())?.refresh_token else { return Ok(None) };
        let unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = unstored.as_ref().filter(|(old, _)| old.expose_secret() == stored.expose_secret());
        Ok(Some(newer.map_or(stored, |(_, new)| new.clone())))
    }

    async fn store(&self, old: &SecretString, new: &SecretString) {
        if old.expose_secret() == new.expose_secret() {
            return;
        }
        // What the vault holds may be older than `old` where an earlier token could not be stored.
        let held = {
            let unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner);
            let older = unstored.as_ref().filter(|(_, newer)| newer.expose_secret() == old.expose_secret());
            older.map_or_else(|| old.clone(), |(older, _)| older.clone())
        };
        for _ in 0..STORES_MAX {
            match self.swap(&held, new).await {
                Ok(_) => {
                    *self.unstored.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    return;
                }
                Err(_) => tokio::time::sleep(STORE_PAUSE).await,
            }
        }
        tracing::error!(
            credential.id = self.id,
            "the new refresh token of a credential could not be stored: after a restart somebody has to consent anew"
        );
        *self.unstored.lock().unwrap_or_else(PoisonError::into_inner) = Some((held, new.clone()));
    }
}
