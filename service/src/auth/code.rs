//! Recovery codes: ten of them, each for one login where the authenticator is lost.
//! Never kept in clear.

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::totp::base32;
use crate::vault::VaultError;
use crate::vault::key::{chance, hex};

/// How many are handed out at once.
pub const CODES: usize = 10;

/// New codes of 80 bits each, in groups of four letters.
///
/// # Errors
/// Where there is no randomness.
pub fn new() -> Result<Vec<SecretString>, VaultError> {
    let mut codes = Vec::with_capacity(CODES);
    for _ in 0..CODES {
        let text = base32(&chance::<10>()?);
        codes.push(SecretString::from(format!(
            "{}-{}-{}-{}",
            &text[..4],
            &text[4..8],
            &text[8..12],
            &text[12..]
        )));
    }
    Ok(codes)
}

/// What is kept of a code for a user; how it is typed, with or without dashes, does not matter.
pub fn digest(user_id: &str, code: &SecretString) -> String {
    let letters = code.expose_secret().chars().filter(char::is_ascii_alphanumeric);
    let plain: String = letters.map(|letter| letter.to_ascii_uppercase()).collect();
    let mut digest = Sha256::new();
    digest.update(user_id.as_bytes());
    digest.update(b":");
    digest.update(plain.as_bytes());
    hex(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_however_it_is_typed() {
        let codes = new().unwrap();
        assert_eq!(codes.len(), CODES);
        let shown = codes[0].expose_secret().to_owned();
        assert_eq!(shown.len(), 19);
        let typed = SecretString::from(shown.replace('-', " ").to_lowercase());
        assert_eq!(digest("u", &codes[0]), digest("u", &typed));
        assert_ne!(digest("u", &codes[0]), digest("v", &codes[0]));
        assert_ne!(digest("u", &codes[0]), digest("u", &codes[1]));
    }
}
