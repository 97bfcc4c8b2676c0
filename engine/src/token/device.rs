//! A person consents on another device: a code is shown, and the provider asked until it was typed (RFC 8628).
//! Never asks more often than the provider bears.

use std::sync::Arc;
use std::time::Duration;

use malote_plan::failure::Class;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::answer::{self, Issued};
use super::broker::Patience;
use super::grant::Client;
use super::http::{Http, Url};
use super::trouble::{Trouble, Verdict, cleaned};

/// What a person has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicePrompt {
    /// The code to type.
    pub user_code: String,
    /// Where to type it.
    pub url: String,
    /// How long it holds.
    pub holds: Duration,
}

/// Tells a person.
pub type Prompt = Arc<dyn Fn(&DevicePrompt) + Send + Sync>;

/// The form's grant type (RFC 8628 §3.4).
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Seconds between two questions where the provider names none (RFC 8628 §3.2).
const INTERVAL_SECONDS: u32 = 5;

/// Seconds that are added each time the provider asks to slow down (RFC 8628 §3.5).
const SLOW_DOWN_SECONDS: u32 = 5;

/// Most seconds between two questions.
const INTERVAL_SECONDS_MAX: u32 = 60;

/// Most seconds that a code is waited for.
const HOLDS_SECONDS_MAX: u32 = 1_800;

/// An answer of the device endpoint (RFC 8628 §3.2).
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

/// Everything that one consent needs.
pub(super) struct Consent<'a> {
    pub http: &'a Http,
    pub client: &'a Client,
    pub device_url: &'a Url,
    pub scope: &'a str,
    pub prompt: &'a Prompt,
    pub patience: Patience,
}

impl Consent<'_> {
    /// Shows a code and waits until somebody consents, refuses, or the code has run out.
    pub async fn token(&self) -> Result<Issued, Trouble> {
        let codes = self.codes().await?;
        let code = SecretString::from(codes.device_code);
        let second = self.patience.second;
        let holds = second * codes.expires_in.min(HOLDS_SECONDS_MAX);
        (self.prompt)(&DevicePrompt {
            user_code: cleaned(&codes.user_code, &[]),
            url: codes.verification_uri,
            holds,
        });
        let until = Instant::now() + holds;
        let mut interval = codes.interval.unwrap_or(INTERVAL_SECONDS).clamp(1, INTERVAL_SECONDS_MAX);
        while Instant::now() < until {
            sleep(second * interval).await;
            let trouble = match self.asked(&code).await {
                Ok(issued) => return Ok(issued),
                Err(trouble) => trouble,
            };
            let longer = match (trouble.verdict, trouble.code.as_str()) {
                (Verdict::Final(_), _) => return Err(trouble),
                (Verdict::Passing(_), "authorization_pending") => interval,
                (Verdict::Passing(_), "slow_down") => interval + SLOW_DOWN_SECONDS,
                // RFC 8628 §3.5 wants a back-off for an answer that did not come.
                (Verdict::Passing(_), _) => interval * 2,
            };
            interval = longer.min(INTERVAL_SECONDS_MAX);
        }
        Err(self.ran_out())
    }

    async fn codes(&self) -> Result<Codes, Trouble> {
        let form = [("client_id", self.client.id.as_str()), ("scope", self.scope)];
        let host = self.device_url.host();
        let answered = self.http.post(self.device_url, &form).await?;
        if !(200..300).contains(&answered.status) {
            let wrong = answer::read(host, &answered, &[]).err();
            return Err(wrong.unwrap_or_else(|| Trouble::passing(format!("{host} gave no device code"))));
        }
        let codes: Codes = serde_json::from_slice(&answered.body)
            .map_err(|_| Trouble::passing(format!("{host} gave no device code that can be read")))?;
        // What is shown on a terminal must be an address and nothing else.
        let is_plain = codes.verification_uri.bytes().all(|octet| octet.is_ascii_graphic());
        if !is_plain || Url::parse(&codes.verification_uri).is_err() {
            return Err(Trouble::passing(format!("{host} gave no address to consent at")));
        }
        Ok(codes)
    }

    async fn asked(&self, code: &SecretString) -> Result<Issued, Trouble> {
        let mut form = vec![
            ("grant_type", GRANT_TYPE),
            ("client_id", self.client.id.as_str()),
            ("device_code", code.expose_secret()),
        ];
        self.client.sign(&mut form);
        let answered = self.http.post(&self.client.token_url, &form).await?;
        answer::read(self.client.token_url.host(), &answered, &[code.expose_secret()])
    }

    fn ran_out(&self) -> Trouble {
        let message = format!("nobody consented at {} before the code ran out", self.device_url.host());
        Trouble::lasting(Class::AuthTokenExpired, message)
    }
}
