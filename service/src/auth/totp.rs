//! One-time codes by time (RFC 6238): six digits, 30 seconds, HMAC-SHA-1, each taken once.
//! Never accepts a time step twice; where the newest taken step is kept is the caller's affair.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha1::Sha1;

use crate::vault::VaultError;
use crate::vault::key::chance;

/// One step, in seconds.
const STEP_SECONDS: i64 = 30;
/// Steps before and after, for clocks that are apart.
const STEPS_APART_MAX: i64 = 1;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new secret of 160 bits (RFC 4226 §4, R6), in base32.
///
/// # Errors
/// Where there is no randomness.
pub fn new_secret() -> Result<SecretString, VaultError> {
    Ok(SecretString::from(base32(&chance::<20>()?)))
}

/// What an authenticator application reads from a picture or takes as a link.
pub fn link(secret: &SecretString, user: &str) -> SecretString {
    let user = percent_encoding::utf8_percent_encode(user, percent_encoding::NON_ALPHANUMERIC);
    let secret = secret.expose_secret();
    SecretString::from(format!(
        "otpauth://totp/Malote:{user}?secret={secret}&issuer=Malote&algorithm=SHA1&digits=6&period=30"
    ))
}

/// The time step whose code this is, where it is newer than the newest that was taken.
pub fn accepted_step(secret: &SecretString, code: &str, now_ms: i64, last_step: i64) -> Option<i64> {
    let key = unbase32(secret.expose_secret())?;
    let now = now_ms.div_euclid(1000 * STEP_SECONDS);
    let typed = code.as_bytes();
    let steps = now - STEPS_APART_MAX..=now + STEPS_APART_MAX;
    // Every step is looked at, whichever fits: the time it takes tells nothing.
    let fitting = steps.filter(|step| {
        let expected = at_step(&key, *step);
        let differs = expected.bytes().zip(typed).fold(0, |sum, (one, other)| sum | (one ^ other));
        differs == 0 && typed.len() == expected.len() && *step > last_step
    });
    fitting.max()
}

/// The code of one step (RFC 4226 §5.3).
fn at_step(key: &[u8], step: i64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let start = usize::from(digest[19] & 0x0f);
    let four = [digest[start] & 0x7f, digest[start + 1], digest[start + 2], digest[start + 3]];
    format!("{:06}", u32::from_be_bytes(four) % 1_000_000)
}

/// Base32 without padding (RFC 4648 §6).
pub fn base32(octets: &[u8]) -> String {
    let (mut text, mut bits, mut held) = (String::new(), 0_u32, 0_u32);
    for octet in octets {
        held = (held << 8) | u32::from(*octet);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(BASE32[((held >> bits) & 31) as usize]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(BASE32[((held << (5 - bits)) & 31) as usize]));
    }
    text
}

fn unbase32(text: &str) -> Option<Vec<u8>> {
    let (mut octets, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for letter in text.bytes() {
        let value = BASE32.iter().position(|own| *own == letter.to_ascii_uppercase())?;
        held = (held << 5) | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            octets.push(u8::try_from((held >> bits) & 0xff).ok()?);
        }
        held &= (1 << bits) - 1;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 Appendix B, SHA-1, the last six of its eight digits.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        let secret = SecretString::from(base32(b"12345678901234567890"));
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            let step = accepted_step(&secret, code, seconds * 1000, 0);
            assert_eq!(step, Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_is_taken_once_and_only_near_its_time() {
        let secret = SecretString::from(base32(b"12345678901234567890"));
        let check = |seconds: i64, last_step, expected: Option<i64>| {
            assert_eq!(accepted_step(&secret, "287082", seconds * 1000, last_step), expected, "{seconds}");
        };
        check(59, 0, Some(1));
        check(59, 1, None);
        check(89, 0, Some(1));
        check(90, 0, None);
        for wrong in ["", "28708", "2870820", "287083", "28708é"] {
            assert_eq!(accepted_step(&secret, wrong, 59_000, 0), None, "{wrong}");
        }
        assert_eq!(accepted_step(&SecretString::from("not base 32!".to_owned()), "287082", 59_000, 0), None);
    }

    #[test]
    fn base32_comes_back() {
        for (octets, text) in [(&b""[..], ""), (b"f", "MY"), (b"fo", "MZXQ"), (b"foobar", "MZXW6YTBOI")] {
            assert_eq!(base32(octets), text);
            assert_eq!(unbase32(text).unwrap(), octets);
        }
    }
}
