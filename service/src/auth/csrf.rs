//! The token that a page of ours sends along and a page of others cannot know.
//! Never kept: it is made anew from the session's own key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::vault::VaultError;
use crate::vault::key::chance;

fn mac(key: &[u8], session_id: &str, random: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(session_id.as_bytes());
    mac.update(b".");
    mac.update(random.as_bytes());
    mac
}

/// A token for a session.
///
/// # Errors
/// Where there is no randomness.
pub fn token(key: &[u8], session_id: &str) -> Result<String, VaultError> {
    let random = URL_SAFE_NO_PAD.encode(chance::<16>()?);
    let tag = URL_SAFE_NO_PAD.encode(mac(key, session_id, &random).finalize().into_bytes());
    Ok(format!("{random}.{tag}"))
}

/// True where the token was made for this session.
pub fn is_right(key: &[u8], session_id: &str, token: &str) -> bool {
    let Some((random, tag)) = token.split_once('.') else { return false };
    let Ok(tag) = URL_SAFE_NO_PAD.decode(tag) else { return false };
    mac(key, session_id, random).verify_slice(&tag).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_for_its_session_alone() {
        let token = token(b"key", "s1").unwrap();
        assert!(is_right(b"key", "s1", &token));
        for (key, session, token) in [
            (&b"other"[..], "s1", token.as_str()),
            (b"key", "s2", &token),
            (b"key", "s1", "a.b"),
            (b"key", "s1", ""),
        ] {
            assert!(!is_right(key, session, token));
        }
    }
}
