//! What is sealed of a credential that is kept at a server, opened and closed again.
//! Never has a `Debug`, and never leaves a copy in memory behind that it made.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

use crate::vault::{KeeperError, Place, Vault};

/// What is sealed of a credential.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Secrets {
    /// A password.
    pub password: Option<SecretString>,
    /// An access token that somebody else renews.
    pub oauth_token: Option<SecretString>,
    /// An application's.
    pub client_secret: Option<SecretString>,
    /// What a consent left.
    pub refresh_token: Option<SecretString>,
    /// A service account's key file, as its provider gives it out.
    pub service_account_key: Option<SecretString>,
}

/// The same as JSON has it, overwritten when it has gone.
#[derive(Default, Serialize)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account_key: Option<String>,
}

impl Drop for Written {
    fn drop(&mut self) {
        let all = [
            &mut self.password,
            &mut self.oauth_token,
            &mut self.client_secret,
            &mut self.refresh_token,
            &mut self.service_account_key,
        ];
        all.into_iter().for_each(|text| text.zeroize());
    }
}

fn place(id: &str) -> Place<'_> {
    Place { table: "endpoint_credentials", column: "secret_encrypted", row: id }
}

impl Secrets {
    /// Opens what a credential holds.
    ///
    /// # Errors
    /// Where it was changed or moved, or its key is gone.
    pub async fn open(vault: &Vault, id: &str, sealed: &str) -> Result<Self, KeeperError> {
        if sealed.is_empty() {
            return Ok(Self::default());
        }
        let text = vault.open_sealed(place(id), sealed).await?;
        Ok(serde_json::from_str(text.expose_secret()).unwrap_or_default())
    }

    /// Seals it for its place.
    ///
    /// # Errors
    /// Where it is too long, or the database does not let us.
    pub async fn seal(&self, vault: &Vault, id: &str) -> Result<String, KeeperError> {
        let text =
            |secret: &Option<SecretString>| secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        let written = Written {
            password: text(&self.password),
            oauth_token: text(&self.oauth_token),
            client_secret: text(&self.client_secret),
            refresh_token: text(&self.refresh_token),
            service_account_key: text(&self.service_account_key),
        };
        let json = SecretString::from(serde_json::to_string(&written).unwrap_or_default());
        vault.seal(place(id), &json).await
    }
}
