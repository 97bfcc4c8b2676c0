//! Opaque tokens: made by chance, kept as digests.
//! Never stored, logged or compared in clear.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::vault::VaultError;
use crate::vault::key::{chance, hex};

/// What a service token begins with, so that scanners for leaked secrets know it.
pub const SERVICE_PREFIX: &str = "lbx_";

/// A new token of 256 bits behind a prefix.
///
/// # Errors
/// Where there is no randomness.
pub fn new(prefix: &str) -> Result<SecretString, VaultError> {
    let octets: [u8; 32] = chance()?;
    Ok(SecretString::from(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(octets))))
}

/// What is kept of a token. No salt: 256 bits of chance need none.
pub fn digest(token: &SecretString) -> Vec<u8> {
    Sha256::digest(token.expose_secret().as_bytes()).to_vec()
}

/// A random UUID (RFC 9562 §5.4).
///
/// # Errors
/// Where there is no randomness.
pub fn uuid() -> Result<String, VaultError> {
    let mut octets: [u8; 16] = chance()?;
    octets[6] = (octets[6] & 0x0f) | 0x40;
    octets[8] = (octets[8] & 0x3f) | 0x80;
    let text = hex(&octets);
    Ok(format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_hold_256_bits_and_uuids_are_of_version_4() {
        let token = new(SERVICE_PREFIX).unwrap();
        assert_eq!(token.expose_secret().len(), 4 + 43);
        assert_eq!(digest(&token).len(), 32);
        let id = uuid().unwrap();
        assert_eq!((id.len(), &id[14..15]), (36, "4"));
        assert!("89ab".contains(&id[19..20]), "{id}");
    }
}
