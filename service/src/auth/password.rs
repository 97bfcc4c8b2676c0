//! Passwords: which are taken, how they are kept, how they are compared.
//! Never asks for a mixture of characters, and never tells how a comparison failed.

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;

use crate::vault::VaultError;
use crate::vault::key::chance;

/// The fewest characters (ASVS 5.0 6.2.1, with room).
pub const CHARACTERS_MIN: usize = 12;
/// The most, in characters.
pub const CHARACTERS_MAX: usize = 128;
/// Argon2id's memory, in KiB (OWASP's first choice for t = 2).
const MEMORY_KIB: u32 = 19_456;
/// Its passes.
const PASSES: u32 = 2;
/// Its lanes.
const LANES: u32 = 1;

/// Passwords that are tried first everywhere, in lower case and without what is hung on at the end.
const COMMON: [&str; 41] = [
    "password",
    "passw0rd",
    "p@ssword",
    "p@ssw0rd",
    "senha",
    "mudar",
    "qwerty",
    "qwertyuiop",
    "asdfghjkl",
    "azerty",
    "letmein",
    "welcome",
    "bemvindo",
    "iloveyou",
    "teamo",
    "admin",
    "administrator",
    "administrador",
    "root",
    "master",
    "monkey",
    "dragon",
    "football",
    "futebol",
    "baseball",
    "sunshine",
    "princess",
    "superman",
    "batman",
    "trustno1",
    "changeme",
    "default",
    "secret",
    "segredo",
    "brasil",
    "flamengo",
    "corinthians",
    "palmeiras",
    "abc",
    "malote",
    "ligbox",
];

/// Why a password is not taken. The words are for the person who chose it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Weak {
    /// Too short.
    #[error("a password has at least {CHARACTERS_MIN} characters")]
    Short,
    /// Too long.
    #[error("a password has at most {CHARACTERS_MAX} characters")]
    Long,
    /// Among the first that are tried.
    #[error("this password is among the first that are tried")]
    Common,
    /// The user's own name, or the domain's.
    #[error("the password holds the user's name or a word of this service")]
    Context,
}

/// Looks at a new password. `words` are what belongs to the user and the place: names, domains.
///
/// # Errors
/// Where it is too short, too long, common, or made of such a word.
pub fn check(password: &SecretString, words: &[&str]) -> Result<(), Weak> {
    let text = password.expose_secret();
    let count = text.chars().count();
    if count < CHARACTERS_MIN {
        return Err(Weak::Short);
    }
    if count > CHARACTERS_MAX {
        return Err(Weak::Long);
    }
    let lower = text.to_lowercase();
    let is_run = lower.chars().zip(lower.chars().skip(1)).all(|(one, next)| {
        let step = i64::from(u32::from(next)) - i64::from(u32::from(one));
        (-1..=1).contains(&step) || (one, next) == ('9', '0')
    });
    // What is left when the digits and signs at both ends are taken off.
    let kernel = lower.trim_matches(|letter: char| !letter.is_alphabetic());
    // A word said several times over is one word.
    let repeats = |word: &str| !word.is_empty() && kernel.replace(word, "").is_empty();
    if is_run || kernel.is_empty() || COMMON.iter().any(|word| repeats(word)) {
        return Err(Weak::Common);
    }
    let is_own = |word: &&str| {
        let word = word.to_lowercase();
        let parts = word.split(['@', '.', ' ', '-', '_']).filter(|part| part.chars().count() >= 4);
        let mut rest = kernel.to_owned();
        for part in parts {
            rest = rest.replace(part, "");
        }
        rest.chars().filter(|letter| letter.is_alphanumeric()).count() < 6 && rest != kernel
    };
    if words.iter().any(is_own) { Err(Weak::Context) } else { Ok(()) }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("these are within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The hash of a password in PHC form, with its own salt and parameters. Takes about 20 ms and 19 MiB.
///
/// # Errors
/// Where there is no randomness.
pub fn hash(password: &SecretString) -> Result<String, VaultError> {
    let salt = SaltString::encode_b64(&chance::<16>()?).map_err(|_| VaultError::Chance)?;
    let hash = argon2().hash_password(password.expose_secret().as_bytes(), &salt);
    Ok(hash.map_err(|_| VaultError::Chance)?.to_string())
}

/// True where the password is the hash's. With no hash, as of a user who does not exist, the same work is done.
pub fn is_right(password: &SecretString, hash: Option<&str>) -> bool {
    let octets = password.expose_secret().as_bytes();
    // Longer ones are never set; nobody shall make us hash megabytes.
    let octets = if octets.len() > CHARACTERS_MAX * 4 { &[][..] } else { octets };
    match hash.and_then(|hash| PasswordHash::new(hash).ok()) {
        Some(hash) => argon2().verify_password(octets, &hash).is_ok(),
        None => {
            let mut out = [0; 32];
            let done = argon2().hash_password_into(octets, b"nobody's salt...", &mut out);
            // The work is what matters; nobody has this password.
            done.is_err() && out == [1; 32]
        }
    }
}

/// True where a hash was made with weaker parameters than today's, so that it is renewed at the next login.
pub fn is_outdated(hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return true };
    let number = |name: &str| hash.params.get_decimal(name).unwrap_or(0);
    hash.algorithm.as_str() != "argon2id" || number("m") < MEMORY_KIB || number("t") < PASSES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_and_mixtures_do_not() {
        let check = |text: &str, expected: Result<(), Weak>| {
            let told = check(&SecretString::from(text.to_owned()), &["ana.souza", "exemplo.com.br"]);
            assert_eq!(told, expected, "{text}");
        };
        check("correct horse battery", Ok(()));
        check("todos os gatos", Ok(()));
        check("só onze car", Err(Weak::Short));
        check(&"ab cd".repeat(30), Err(Weak::Long));
        check("password12345", Err(Weak::Common));
        check("PasswordPassword", Err(Weak::Common));
        check("aaaaaaaaaaaaaa", Err(Weak::Common));
        check("12345678901234", Err(Weak::Common));
        check("31415926535897", Err(Weak::Common));
        check("!!!!Ligbox2026!!!!", Err(Weak::Common));
        check("ana.souza2026!!", Err(Weak::Context));
        check("Exemplo.com.br1", Err(Weak::Context));
        check("exemplo de uma frase longa", Ok(()));
    }

    #[test]
    fn a_hash_carries_its_parameters_and_knows_its_password() {
        let password = SecretString::from("correct horse battery".to_owned());
        let hash = hash(&password).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_right(&password, Some(&hash)));
        assert!(!is_right(&SecretString::from("other".to_owned()), Some(&hash)));
        assert!(!is_right(&password, None));
        assert!(!is_right(&password, Some("")));
        assert!(!is_outdated(&hash));
        assert!(is_outdated(&hash.replace("m=19456", "m=4096")));
        assert!(is_outdated("x"));
    }
}
