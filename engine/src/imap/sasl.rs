//! SASL mechanisms as plain functions: challenge in, answer out.
//! Never sends anything, and never shows a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::limits::SCRAM_ITERATIONS_MAX;

/// A mechanism that we can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mechanism {
    ScramSha256,
    ScramSha1,
    CramMd5,
    Plain,
    Login,
    XOauth2,
    OauthBearer,
}

impl Mechanism {
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::CramMd5 => "CRAM-MD5",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::XOauth2 => "XOAUTH2",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }
}

/// Who logs in, and by what.
pub(super) struct Identity<'a> {
    pub user: &'a str,
    pub authzid: Option<&'a str>,
    pub secret: &'a str,
    pub host: &'a str,
    pub port: u16,
}

/// Why an exchange cannot go on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stopped {
    #[error("the server's challenge cannot be read")]
    Challenge,
    #[error(
        "the server could not prove that it knows the password: it may not be the server it claims to be"
    )]
    Impostor,
    #[error("the server asks for more rounds of hashing than are safe to compute")]
    Iterations,
}

/// An exchange under way.
pub(super) struct Exchange<'a> {
    mechanism: Mechanism,
    identity: &'a Identity<'a>,
    nonce: String,
    round: u32,
    scram: Option<ScramEnd>,
    refusal: Option<Vec<u8>>,
}

struct ScramEnd {
    server_signature: Vec<u8>,
    is_proven: bool,
}

impl<'a> Exchange<'a> {
    /// Begins; `nonce` is fresh chance in printable ASCII without a comma.
    pub const fn new(mechanism: Mechanism, identity: &'a Identity<'a>, nonce: String) -> Self {
        Self { mechanism, identity, nonce, round: 0, scram: None, refusal: None }
    }

    /// What may be said before the server says anything.
    pub fn initial(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let Identity { user, authzid, secret, host, port } = *self.identity;
        let text = match self.mechanism {
            Mechanism::Plain => format!("{}\0{user}\0{secret}", authzid.unwrap_or_default()),
            Mechanism::XOauth2 => format!("user={}\x01auth=Bearer {secret}\x01\x01", authzid.unwrap_or(user)),
            Mechanism::OauthBearer => {
                let name = scram_name(authzid.unwrap_or(user));
                format!("n,a={name},\x01host={host}\x01port={port}\x01auth=Bearer {secret}\x01\x01")
            }
            Mechanism::ScramSha1 | Mechanism::ScramSha256 => {
                format!("{}{}", self.scram_header(), self.scram_first_bare())
            }
            Mechanism::CramMd5 | Mechanism::Login => return None,
        };
        self.round = 1;
        Some(Zeroizing::new(text.into_bytes()))
    }

    /// Answers a challenge.
    pub fn answer(&mut self, challenge: &[u8]) -> Result<Zeroizing<Vec<u8>>, Stopped> {
        self.round += 1;
        match self.mechanism {
            // Without an initial response, the first challenge is an empty one.
            Mechanism::Plain
            | Mechanism::XOauth2
            | Mechanism::OauthBearer
            | Mechanism::ScramSha1
            | Mechanism::ScramSha256
                if self.round == 1 =>
            {
                self.initial().ok_or(Stopped::Challenge)
            }
            Mechanism::Plain => Err(Stopped::Challenge),
            Mechanism::Login if self.round == 1 => Ok(octets(self.identity.user)),
            Mechanism::Login if self.round == 2 => Ok(octets(self.identity.secret)),
            Mechanism::Login => Err(Stopped::Challenge),
            Mechanism::CramMd5 => {
                let mut mac = Hmac::<md5::Md5>::new_from_slice(self.identity.secret.as_bytes())
                    .map_err(|_| Stopped::Challenge)?;
                mac.update(challenge);
                let digest = super::endpoint::hex(&mac.finalize().into_bytes());
                Ok(octets(&format!("{} {digest}", self.identity.user)))
            }
            Mechanism::XOauth2 => {
                self.refusal = Some(challenge.to_vec());
                Ok(Zeroizing::default())
            }
            Mechanism::OauthBearer => {
                self.refusal = Some(challenge.to_vec());
                Ok(octets("\x01"))
            }
            Mechanism::ScramSha1 => self.scram_answer(challenge, &Sha1Scram),
            Mechanism::ScramSha256 => self.scram_answer(challenge, &Sha256Scram),
        }
    }

    /// True when the server has proven what the mechanism lets it prove.
    pub fn is_proven(&self) -> bool {
        match self.mechanism {
            Mechanism::ScramSha1 | Mechanism::ScramSha256 => {
                self.scram.as_ref().is_some_and(|end| end.is_proven)
            }
            _ => true,
        }
    }

    /// What the server said of a token that it refuses: whether it is expired or invalid (RFC 7628 §3.2.2).
    pub fn says_token_expired(&self) -> bool {
        let Some(refusal) = &self.refusal else { return false };
        let Ok(json) = serde_json::from_slice::<serde_json::Value>(refusal) else { return true };
        let status = json.get("status").map(|status| status.to_string().trim_matches('"').to_owned());
        matches!(status.as_deref(), Some("400" | "401" | "invalid_token" | "invalid_request") | None)
    }

    fn scram_header(&self) -> String {
        self.identity.authzid.map_or_else(|| "n,,".to_owned(), |name| format!("n,a={},", scram_name(name)))
    }

    fn scram_first_bare(&self) -> String {
        format!("n={},r={}", scram_name(self.identity.user), self.nonce)
    }

    fn scram_answer(
        &mut self,
        challenge: &[u8],
        hash: &dyn ScramHash,
    ) -> Result<Zeroizing<Vec<u8>>, Stopped> {
        let challenge = std::str::from_utf8(challenge).map_err(|_| Stopped::Challenge)?;
        if let Some(end) = &mut self.scram {
            let signature = attribute(challenge, "v=").and_then(|text| STANDARD.decode(text).ok());
            end.is_proven = signature.as_ref() == Some(&end.server_signature);
            return if end.is_proven { Ok(Zeroizing::default()) } else { Err(Stopped::Impostor) };
        }
        let nonce = attribute(challenge, "r=").ok_or(Stopped::Challenge)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(Stopped::Challenge);
        }
        let salt = attribute(challenge, "s=")
            .and_then(|text| STANDARD.decode(text).ok())
            .ok_or(Stopped::Challenge)?;
        let iterations: u32 =
            attribute(challenge, "i=").and_then(|text| text.parse().ok()).ok_or(Stopped::Challenge)?;
        if iterations == 0 || iterations > SCRAM_ITERATIONS_MAX {
            return Err(Stopped::Iterations);
        }
        let secret: Zeroizing<String> = Zeroizing::new(self.identity.secret.nfkc().collect());
        let salted = Zeroizing::new(salted(hash, secret.as_bytes(), &salt, iterations));
        let client_key = Zeroizing::new(hash.mac(&salted, b"Client Key"));
        let binding = STANDARD.encode(self.scram_header());
        let without_proof = format!("c={binding},r={nonce}");
        let signed = format!("{},{challenge},{without_proof}", self.scram_first_bare());
        let signature = hash.mac(&hash.digest(&client_key), signed.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(key, mask)| key ^ mask).collect();
        let server_key = hash.mac(&salted, b"Server Key");
        self.scram =
            Some(ScramEnd { server_signature: hash.mac(&server_key, signed.as_bytes()), is_proven: false });
        Ok(octets(&format!("{without_proof},p={}", STANDARD.encode(proof))))
    }
}

fn octets(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_bytes().to_vec())
}

fn scram_name(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

fn attribute<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.split(',').find_map(|part| part.strip_prefix(name))
}

trait ScramHash {
    fn mac(&self, key: &[u8], octets: &[u8]) -> Vec<u8>;
    fn digest(&self, octets: &[u8]) -> Vec<u8>;
}

struct Sha1Scram;
struct Sha256Scram;

impl ScramHash for Sha1Scram {
    fn mac(&self, key: &[u8], octets: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<sha1::Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(octets);
        mac.finalize().into_bytes().to_vec()
    }

    fn digest(&self, octets: &[u8]) -> Vec<u8> {
        sha1::Sha1::digest(octets).to_vec()
    }
}

impl ScramHash for Sha256Scram {
    fn mac(&self, key: &[u8], octets: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(octets);
        mac.finalize().into_bytes().to_vec()
    }

    fn digest(&self, octets: &[u8]) -> Vec<u8> {
        Sha256::digest(octets).to_vec()
    }
}

/// `Hi` of RFC 5802 §2.2: PBKDF2 with one block.
fn salted(hash: &dyn ScramHash, secret: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
    let mut last = hash.mac(secret, &[salt, &[0, 0, 0, 1]].concat());
    let mut sum = last.clone();
    for _ in 1..iterations {
        last = hash.mac(secret, &last);
        sum.iter_mut().zip(&last).for_each(|(sum, octet)| *sum ^= octet);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity<'a>(user: &'a str, secret: &'a str) -> Identity<'a> {
        Identity { user, authzid: None, secret, host: "mail.example", port: 993 }
    }

    fn check(mechanism: Mechanism, who: &Identity<'_>, nonce: &str, turns: &[(&str, &str)]) {
        let mut exchange = Exchange::new(mechanism, who, nonce.to_owned());
        for (challenge, answer) in turns {
            let given = exchange.answer(challenge.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(given.to_vec()).unwrap(), *answer, "{challenge}");
        }
        assert!(exchange.is_proven());
    }

    #[test]
    fn every_mechanism_speaks_as_its_rfc_shows() {
        check(Mechanism::Plain, &identity("tim", "tanstaaftanstaaf"), "", &[("", "\0tim\0tanstaaftanstaaf")]);
        let admin = Identity { authzid: Some("Ursel"), ..identity("Kurt", "xipj3plmq") };
        check(Mechanism::Plain, &admin, "", &[("", "Ursel\0Kurt\0xipj3plmq")]);
        check(Mechanism::Login, &identity("tim", "pass"), "", &[("User Name", "tim"), ("Password", "pass")]);
        check(
            Mechanism::CramMd5,
            &identity("tim", "tanstaaftanstaaf"),
            "",
            &[("<1896.697170952@postoffice.reston.mci.net>", "tim b913a602c7eda7a495b4e6e7334d3890")],
        );
        check(
            Mechanism::ScramSha1,
            &identity("user", "pencil"),
            "fyko+d2lbbFgONRv9qkxdawL",
            &[
                ("", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"),
                (
                    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
                    "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                ),
                ("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", ""),
            ],
        );
        check(
            Mechanism::ScramSha256,
            &identity("user", "pencil"),
            "rOprNGfwEbeRWgbNEkqO",
            &[
                ("", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"),
                (
                    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
                    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                     p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                ),
                ("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", ""),
            ],
        );
        check(
            Mechanism::OauthBearer,
            &identity("u@x", "tok"),
            "",
            &[
                ("", "n,a=u@x,\x01host=mail.example\x01port=993\x01auth=Bearer tok\x01\x01"),
                ("{\"status\":\"401\"}", "\x01"),
            ],
        );
        check(
            Mechanism::XOauth2,
            &identity("u@x", "tok"),
            "",
            &[("", "user=u@x\x01auth=Bearer tok\x01\x01"), ("{}", "")],
        );
    }

    #[test]
    fn a_server_that_lies_is_found_out() {
        let who = identity("user", "pencil");
        let mut exchange = Exchange::new(Mechanism::ScramSha1, &who, "abc".to_owned());
        exchange.answer(b"").unwrap();
        assert_eq!(exchange.answer(b"r=xyz,s=AAAA,i=1").unwrap_err(), Stopped::Challenge);
        assert_eq!(exchange.answer(b"r=abcd,s=AAAA,i=4000000000").unwrap_err(), Stopped::Iterations);
        exchange.answer(b"r=abcd,s=AAAA,i=1").unwrap();
        assert!(!exchange.is_proven());
        assert_eq!(exchange.answer(b"v=AAAA").unwrap_err(), Stopped::Impostor);
    }

    #[test]
    fn a_refused_token_is_told_from_a_refused_user() {
        for (challenge, expired) in [
            (r#"{"status":"401","schemes":"bearer"}"#, true),
            (r#"{"status":400}"#, true),
            (r#"{"status":"invalid_token"}"#, true),
            (r#"{"status":"insufficient_scope"}"#, false),
            ("not json", true),
        ] {
            let who = identity("u", "t");
            let mut exchange = Exchange::new(Mechanism::XOauth2, &who, String::new());
            exchange.answer(b"").unwrap();
            exchange.answer(challenge.as_bytes()).unwrap();
            assert_eq!(exchange.says_token_expired(), expired, "{challenge}");
        }
    }
}
