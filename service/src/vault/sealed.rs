//! The form of a sealed value: `v1.<kid>.<algorithm>.<payload>`, so that key and algorithm can be changed later.
//! Never opens anything.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::VaultError;

const VERSION: &str = "v1";

/// How a payload was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// AES-128-CBC with HMAC-SHA256, as a Fernet token.
    Fernet,
    /// AES-256-GCM: 12 octets of nonce, then the text and its tag, in base64url.
    Aes256Gcm,
}

impl Algorithm {
    /// The name within a sealed value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fernet => "fernet",
            Self::Aes256Gcm => "a256gcm",
        }
    }
}

/// A sealed value in its parts.
pub struct Sealed {
    /// The data key.
    pub key_id: String,
    /// The algorithm.
    pub algorithm: Algorithm,
    /// What is sealed.
    pub payload: String,
}

impl Sealed {
    /// Takes a sealed value apart.
    ///
    /// # Errors
    /// Where it has another form.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let mut parts = text.splitn(4, '.');
        let mut part = || parts.next().filter(|part| !part.is_empty()).ok_or(VaultError::Form);
        if part()? != VERSION {
            return Err(VaultError::Form);
        }
        let key_id = part()?.to_owned();
        let name = part()?;
        let algorithm = [Algorithm::Fernet, Algorithm::Aes256Gcm]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or(VaultError::Form)?;
        Ok(Self { key_id, algorithm, payload: part()?.to_owned() })
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, into: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(into, "{VERSION}.{}.{}.{}", self.key_id, self.algorithm.as_str(), self.payload)
    }
}

pub(super) fn encode(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

pub(super) fn decode(text: &str) -> Result<Vec<u8>, VaultError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| VaultError::Form)
}
