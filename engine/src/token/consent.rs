//! One question each of a consent that somebody else leads: a code for a token, a device's code, a token taken back.
//! Never waits and never asks twice: whoever leads the consent does, who may be stopped and go on in another process.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::answer::{self, Issued};
use super::grant::Client;
use super::http::{Http, Url};
use super::trouble::{Trouble, Verdict, cleaned};

/// The form's grant type (RFC 8628 §3.4).
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Seconds between two questions where the provider names none (RFC 8628 §3.2).
const INTERVAL_SECONDS: u32 = 5;
/// Most seconds between two questions.
const INTERVAL_SECONDS_MAX: u32 = 60;
/// Most seconds that a code is waited for.
const HOLDS_SECONDS_MAX: u32 = 1_800;
/// The longest code or address that a provider may give, in octets.
const CODE_OCTETS_MAX: usize = 4_096;

/// What a consent gave.
pub struct Consented {
    /// The access token.
    pub access: SecretString,
    /// The refresh token; providers leave it out where they were not asked for offline access.
    pub refresh: Option<SecretString>,
    /// How long the access token holds, where that is said.
    pub life: Option<Duration>,
}

/// What a person is to be shown, and what the provider is asked by (RFC 8628 §3.2).
pub struct Shown {
    /// By what it is asked.
    pub device_code: SecretString,
    /// The code to type.
    pub user_code: String,
    /// Where to type it.
    pub url: String,
    /// How long it holds.
    pub holds: Duration,
    /// How long to wait between two questions.
    pub interval: Duration,
}

/// Why a question gave nothing. The words are cleaned of secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The person has not typed the code yet.
    #[error("nobody has consented yet")]
    Pending,
    /// Likewise, and the provider wants to be asked less often.
    #[error("nobody has consented yet, and the provider asks for patience")]
    SlowDown,
    /// It may be otherwise in a moment.
    #[error("{0}")]
    Passing(String),
    /// It stays so: refused, run out, or nothing that the provider takes.
    #[error("{said}")]
    Final {
        /// The provider's own name for it; empty where it gave none.
        code: String,
        /// What happened.
        said: String,
    },
}

impl From<Trouble> for Refused {
    fn from(trouble: Trouble) -> Self {
        match (trouble.verdict, trouble.code.as_str()) {
            (Verdict::Passing(_), "authorization_pending") => Self::Pending,
            (Verdict::Passing(_), "slow_down") => Self::SlowDown,
            (Verdict::Passing(_), _) => Self::Passing(trouble.message),
            (Verdict::Final(_), _) => Self::Final { code: trouble.code, said: trouble.message },
        }
    }
}

/// Asks an identity provider on behalf of whoever leads a consent.
pub struct Consenter {
    http: Http,
}

/// An answer of the device endpoint.
#[derive(Deserialize)]
struct Codes {
    device_code: String,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    expires_in: u32,
    #[serde(default)]
    interval: Option<u32>,
}

impl Consenter {
    /// Asks by this client.
    #[must_use]
    pub fn new(http: Http) -> Self {
        Self { http }
    }

    /// Gives an authorization code for a token (RFC 6749 §4.1.3), with the verifier of its challenge (RFC 7636 §4.5).
    ///
    /// # Errors
    /// Where the provider refuses, or does not answer as one.
    pub async fn by_code(
        &self,
        client: &Client,
        code: &SecretString,
        (redirect_uri, verifier): (&str, &SecretString),
    ) -> Result<Consented, Refused> {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", client.id.as_str()),
            ("code", code.expose_secret()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.expose_secret()),
        ];
        self.issued(client, form.to_vec(), &[code.expose_secret(), verifier.expose_secret()]).await
    }

    /// Asks for a code that a person types on another device.
    ///
    /// # Errors
    /// As [`Self::by_code`].
    pub async fn device(&self, client: &Client, url: &Url, scope: &str) -> Result<Shown, Refused> {
        let mut form = vec![("client_id", client.id.as_str()), ("scope", scope)];
        client.sign(&mut form);
        let answered = self.http.post(url, &form).await?;
        let nothing = |words: &str| Refused::Passing(format!("{} {words}", url.host()));
        if !(200..300).contains(&answered.status) {
            let told = answer::read(url.host(), &answered, &[]).err();
            return Err(told.map_or_else(|| nothing("gave no device code"), Refused::from));
        }
        let codes: Codes = serde_json::from_slice(&answered.body)
            .map_err(|_| nothing("gave no device code that can be read"))?;
        let shown = codes.verification_uri;
        // What is shown to a person must be an address and nothing else.
        let is_plain = shown.len() <= CODE_OCTETS_MAX && shown.bytes().all(|octet| octet.is_ascii_graphic());
        if !is_plain || Url::parse(&shown).is_err() {
            return Err(nothing("gave no address to consent at"));
        }
        if codes.device_code.is_empty() || codes.device_code.len() > CODE_OCTETS_MAX {
            return Err(nothing("gave no device code that can be used"));
        }
        let seconds = |number: u32| Duration::from_secs(u64::from(number));
        Ok(Shown {
            device_code: SecretString::from(codes.device_code),
            user_code: cleaned(&codes.user_code, &[]),
            url: shown,
            holds: seconds(codes.expires_in.min(HOLDS_SECONDS_MAX)),
            interval: seconds(codes.interval.unwrap_or(INTERVAL_SECONDS).clamp(1, INTERVAL_SECONDS_MAX)),
        })
    }

    /// Asks once whether the code was typed (RFC 8628 §3.4).
    ///
    /// # Errors
    /// [`Refused::Pending`] where it was not.
    pub async fn by_device(&self, client: &Client, device_code: &SecretString) -> Result<Consented, Refused> {
        let form = [
            ("grant_type", DEVICE),
            ("client_id", client.id.as_str()),
            ("device_code", device_code.expose_secret()),
        ];
        self.issued(client, form.to_vec(), &[device_code.expose_secret()]).await
    }

    /// Takes a token back (RFC 7009).
    ///
    /// # Errors
    /// Where the provider does not say that it is gone.
    pub async fn revoke(&self, client: &Client, url: &Url, token: &SecretString) -> Result<(), Refused> {
        let mut form = vec![("token", token.expose_secret()), ("client_id", client.id.as_str())];
        client.sign(&mut form);
        let answered = self.http.post(url, &form).await?;
        // One that is gone already is gone (§2.2); some say so with 400.
        match answered.status {
            200..300 | 400 => Ok(()),
            status => Err(Refused::Passing(format!("{} answered with HTTP status {status}", url.host()))),
        }
    }

    async fn issued(
        &self,
        client: &Client,
        mut form: Vec<(&str, &str)>,
        hidden: &[&str],
    ) -> Result<Consented, Refused> {
        client.sign(&mut form);
        let answered = self.http.post(&client.token_url, &form).await?;
        let secret = client.secret.as_ref().map_or("", |secret| secret.expose_secret());
        let hidden = [hidden, &[secret]].concat();
        let Issued { token, life, refresh } = answer::read(client.token_url.host(), &answered, &hidden)?;
        Ok(Consented { access: token, refresh, life })
    }
}
