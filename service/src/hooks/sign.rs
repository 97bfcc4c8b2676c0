//! Signatures of events (Standard Webhooks): `v1,` and the base64 of an HMAC-SHA256 over `id.timestamp.body`.
//! Never shows a secret; one that is malformed signs nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::vault::VaultError;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Octets of a secret, at least.
const KEY_BYTES_MIN: usize = 24;
/// And at most.
const KEY_BYTES_MAX: usize = 64;
/// Octets of a secret that is made here.
const KEY_BYTES: usize = 32;

fn key(secret: &SecretString) -> Option<Zeroizing<Vec<u8>>> {
    let text = secret.expose_secret().strip_prefix(PREFIX)?;
    let key = Zeroizing::new(STANDARD.decode(text).ok()?);
    (KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&key.len()).then_some(key)
}

/// True for a secret of the right form.
pub fn is_secret(secret: &SecretString) -> bool {
    key(secret).is_some()
}

/// A new secret.
///
/// # Errors
/// Where the operating system gives no randomness.
pub fn new_secret() -> Result<SecretString, VaultError> {
    use ring::rand::SecureRandom as _;
    let mut octets = Zeroizing::new([0_u8; KEY_BYTES]);
    ring::rand::SystemRandom::new().fill(octets.as_mut()).map_err(|_| VaultError::Chance)?;
    Ok(SecretString::from(format!("{PREFIX}{}", STANDARD.encode(octets.as_ref()))))
}

/// The signature of a message; nothing for a malformed secret.
pub fn signature(secret: &SecretString, id: &str, timestamp_seconds: i64, body: &str) -> Option<String> {
    let key = key(secret)?;
    let mut hmac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    hmac.update(format!("{id}.{timestamp_seconds}.").as_bytes());
    hmac.update(body.as_bytes());
    Some(format!("v1,{}", STANDARD.encode(hmac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_that_others_compute() {
        // Computed with Python's hmac over b"msg_1.1700000000.{\"a\":1}" and the key of 32 octets 0x01.
        let secret = SecretString::from(format!("whsec_{}", STANDARD.encode([1_u8; 32])));
        let told = signature(&secret, "msg_1", 1_700_000_000, "{\"a\":1}").unwrap();
        assert_eq!(told, "v1,3tN+SMwreJINGaFSPFdhMpE4XGSVaCkC9ee+KquMGGQ=");
    }

    #[test]
    fn secrets_have_a_form() {
        for (length, is_good) in [(23, false), (24, true), (64, true), (65, false)] {
            let secret = SecretString::from(format!("whsec_{}", STANDARD.encode(vec![7_u8; length])));
            assert_eq!(is_secret(&secret), is_good, "{length}");
        }
        assert!(!is_secret(&SecretString::from("whsec_%%%")) && !is_secret(&SecretString::from("")));
        assert!(is_secret(&new_secret().unwrap()));
    }
}
