//! A service account signs who it is and for which mailbox it asks: a JWT by RS256 (RFC 7523, RFC 7518 §3.3).
//! Never shows the key.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::json;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use zeroize::{Zeroize as _, Zeroizing};

use super::http::Url;
use super::keep::read_octets;
use super::trouble::Trouble;

/// How long an assertion holds, in seconds: the most that Google takes.
const LIFE_SECONDS: i64 = 3_600;

/// How far a machine's clock may be off before it is held to be the reason of a refusal, in seconds.
const SKEW_SECONDS_MIN: i64 = 30;

/// A service account's key, and the mailbox that it asks for.
pub struct ServiceAccount {
    issuer: String,
    key_id: Option<String>,
    key: RsaKeyPair,
    token_url: Url,
    /// The mailbox: `sub` of the assertion.
    subject: String,
    scope: String,
    /// What has to be added to this machine's clock, in seconds, as the provider's answers show.
    skew_seconds: AtomicI64,
}

/// The members of a key file that matter.
#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: Option<String>,
    #[serde(default)]
    token_uri: Option<String>,
}

impl ServiceAccount {
    /// Reads a key file as Google gives it out. `token_url` goes before the one that the file names.
    pub fn read(path: &Path, token_url: Option<Url>, subject: &str, scope: &str) -> Result<Self, String> {
        let octets = read_octets(path)?;
        Self::parse(&octets, &path.display().to_string(), token_url, subject, scope)
    }

    /// Reads a key file's octets; `name` is what errors call it.
    pub fn parse(
        octets: &[u8],
        name: &str,
        token_url: Option<Url>,
        subject: &str,
        scope: &str,
    ) -> Result<Self, String> {
        // The parser's own words are left out: they may repeat a part of the key.
        let mut file: KeyFile = serde_json::from_slice(octets).map_err(|_| {
            format!("{name} is no key of a service account: it must hold client_email and private_key")
        })?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(file.private_key.as_bytes());
        file.private_key.zeroize();
        let key = key.map_err(|_| format!("private_key in {name} is no PKCS #8 key in PEM"))?;
        let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der())
            .map_err(|_| format!("private_key in {name} is no RSA key of 2048 bits or more"))?;
        let token_url = match (token_url, file.token_uri) {
            (Some(url), _) => url,
            (None, Some(text)) => Url::parse(&text)?,
            (None, None) => return Err(format!("{name} names no token_uri: give token_url")),
        };
        Ok(Self {
            issuer: file.client_email,
            key_id: file.private_key_id,
            key,
            token_url,
            subject: subject.to_owned(),
            scope: scope.to_owned(),
            skew_seconds: AtomicI64::new(0),
        })
    }

    pub(super) fn token_url(&self) -> &Url {
        &self.token_url
    }

    /// A signed assertion; `now_unix_seconds` is this machine's time.
    pub(super) fn assertion(&self, now_unix_seconds: i64) -> Result<Zeroizing<String>, Trouble> {
        let issued = now_unix_seconds + self.skew_seconds.load(Ordering::Relaxed);
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id});
        let claims = json!({
            "iss": self.issuer, "sub": self.subject, "scope": self.scope, "aud": self.token_url.as_str(),
            "iat": issued, "exp": issued + LIFE_SECONDS,
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        let random = SystemRandom::new();
        self.key
            .sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
            .map_err(|_| Trouble::usage("signing with the service account's key failed"))?;
        Ok(Zeroizing::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }

    /// Takes over the provider's time where this machine's is too far off; true where that changed anything.
    pub(super) fn set_clock(&self, now_unix_seconds: i64, provider_unix_seconds: i64) -> bool {
        let skew = provider_unix_seconds - now_unix_seconds;
        let known = self.skew_seconds.load(Ordering::Relaxed);
        let is_news = (skew - known).abs() >= SKEW_SECONDS_MIN;
        if is_news {
            self.skew_seconds.store(skew, Ordering::Relaxed);
        }
        is_news
    }

    /// How far this machine's clock was found to be off, in seconds.
    pub(super) fn skew_seconds(&self) -> i64 {
        self.skew_seconds.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceAccount({})", self.token_url.as_str())
    }
}
