//! How a client proves who it is: LOGIN, and the SASL mechanisms.

use anyhow::Result;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};

use super::grammar::Command;
use super::session::Session;

const SCRAM_SALT: &[u8] = b"a salt for tests";
const SCRAM_ROUNDS: u32 = 4096;
const REFUSED: &str = "NO [AUTHENTICATIONFAILED] Invalid credentials";

impl Session {
    pub(super) fn login(&mut self, command: &Command) -> String {
        match command.arguments.as_slice() {
            [user, password] => self.enter(user.octets(), user.octets(), password.octets()),
            _ => "BAD LOGIN takes a name and a password".to_owned(),
        }
    }

    pub(super) async fn authenticate(&mut self, command: &Command) -> Result<String> {
        let mechanism = command.arguments.first().map(super::grammar::Token::upper).unwrap_or_default();
        if !self.shared.manners.mechanisms.iter().any(|own| own.eq_ignore_ascii_case(&mechanism)) {
            return Ok("NO [CANNOT] mechanism not supported".to_owned());
        }
        let initial = match command.arguments.get(1) {
            Some(_) if !self.has("SASL-IR") => return Ok("BAD initial response not taken".to_owned()),
            Some(token) if token.octets() == b"=" => Some(Vec::new()),
            Some(token) => match BASE64_STANDARD.decode(token.octets()) {
                Ok(octets) => Some(octets),
                Err(_) => return Ok("BAD not base64".to_owned()),
            },
            None => None,
        };
        match mechanism.as_str() {
            "PLAIN" => self.plain(initial).await,
            "LOGIN" => self.login_mechanism(initial).await,
            "CRAM-MD5" => self.cram_md5().await,
            "SCRAM-SHA-256" => self.scram_sha_256(initial).await,
            _ => self.bearer(initial).await,
        }
    }

    async fn plain(&mut self, initial: Option<Vec<u8>>) -> Result<String> {
        let response = self.first(initial).await?;
        let mut fields = response.split(|octet| *octet == 0);
        let (authzid, user, password) =
            (fields.next().unwrap_or(b""), fields.next().unwrap_or(b""), fields.next().unwrap_or(b""));
        let whose = if authzid.is_empty() { user } else { authzid };
        Ok(self.enter(whose, user, password))
    }

    async fn login_mechanism(&mut self, initial: Option<Vec<u8>>) -> Result<String> {
        let user = match initial {
            Some(user) => user,
            None => self.challenge(b"Username:").await?,
        };
        let password = self.challenge(b"Password:").await?;
        Ok(self.enter(&user, &user, &password))
    }

    async fn cram_md5(&mut self) -> Result<String> {
        let challenge = b"<1896.697170952@scripted.example>";
        let response = self.challenge(challenge).await?;
        let text = String::from_utf8_lossy(&response).into_owned();
        let (user, digest) = text.rsplit_once(' ').unwrap_or_default();
        let Some(password) = self.password_of(user) else { return Ok(REFUSED.to_owned()) };
        let mut mac = Hmac::<Md5>::new_from_slice(password.as_bytes())?;
        mac.update(challenge);
        let expected: String =
            mac.finalize().into_bytes().iter().map(|octet| format!("{octet:02x}")).collect();
        if expected != digest {
            return Ok(REFUSED.to_owned());
        }
        Ok(self.enter(user.as_bytes(), user.as_bytes(), password.as_bytes()))
    }

    /// RFC 7677 without channel binding; the server's signature is real, so a client can check it.
    async fn scram_sha_256(&mut self, initial: Option<Vec<u8>>) -> Result<String> {
        let first = String::from_utf8_lossy(&self.first(initial).await?).into_owned();
        let bare = first.splitn(3, ',').nth(2).unwrap_or_default().to_owned();
        let header = first.get(..first.len() - bare.len()).unwrap_or_default().to_owned();
        let user = attribute(&bare, "n=").replace("=2C", ",").replace("=3D", "=");
        let Some(password) = self.password_of(&user) else { return Ok(REFUSED.to_owned()) };
        let nonce = format!("{}scripted", attribute(&bare, "r="));
        let server_first = format!("r={nonce},s={},i={SCRAM_ROUNDS}", BASE64_STANDARD.encode(SCRAM_SALT));
        let last = String::from_utf8_lossy(&self.challenge(server_first.as_bytes()).await?).into_owned();
        let (without_proof, proof) = last.rsplit_once(",p=").unwrap_or_default();
        let expected_start = format!("c={},r={nonce}", BASE64_STANDARD.encode(&header));
        let message = format!("{bare},{server_first},{without_proof}");
        let salted = salted_password(password.as_bytes())?;
        let client_key = hmac_sha256(&salted, b"Client Key")?;
        let signature = hmac_sha256(&Sha256::digest(&client_key), message.as_bytes())?;
        let expected: Vec<u8> = client_key.iter().zip(&signature).map(|(key, sign)| key ^ sign).collect();
        if without_proof != expected_start || BASE64_STANDARD.decode(proof).ok() != Some(expected) {
            return Ok(REFUSED.to_owned());
        }
        let server_signature = hmac_sha256(&hmac_sha256(&salted, b"Server Key")?, message.as_bytes())?;
        self.challenge(format!("v={}", BASE64_STANDARD.encode(server_signature)).as_bytes()).await?;
        let whose = header.split(',').find_map(|field| field.strip_prefix("a=")).unwrap_or(&user);
        Ok(self.enter(whose.as_bytes(), user.as_bytes(), password.as_bytes()))
    }

    /// XOAUTH2 and OAUTHBEARER: the account's password plays the token.
    async fn bearer(&mut self, initial: Option<Vec<u8>>) -> Result<String> {
        let response = String::from_utf8_lossy(&self.first(initial).await?).into_owned();
        let mut fields = response.split(['\u{1}', ',']);
        let user = fields.find_map(|field| field.strip_prefix("user=").or_else(|| field.strip_prefix("a=")));
        let user = user.unwrap_or_default().to_owned();
        let token =
            response.split('\u{1}').find_map(|field| field.strip_prefix("auth=Bearer ")).unwrap_or_default();
        let verdict = self.enter(user.as_bytes(), user.as_bytes(), token.as_bytes());
        if !verdict.starts_with("OK") {
            // RFC 7628 §3.2.3: the error comes as a challenge, and the client answers it before the NO.
            self.challenge(br#"{"status":"401","schemes":"bearer","scope":"https://mail.example/"}"#).await?;
        }
        Ok(verdict)
    }

    /// Checks a password and opens the mail of `whose`: the user's own, or another's for a master.
    fn enter(&mut self, whose: &[u8], user: &[u8], password: &[u8]) -> String {
        let (whose, user) =
            (String::from_utf8_lossy(whose).into_owned(), String::from_utf8_lossy(user).into_owned());
        // `ana*admin` with the administrator's password opens Ana's mail, as at Dovecot.
        let (whose, user) = match user.split_once('*') {
            Some((owner, master)) => (owner.to_owned(), master.to_owned()),
            None => (whose, user),
        };
        let accounts = &self.shared.accounts;
        let proven =
            accounts.iter().find(|account| account.name == user && account.password.as_bytes() == password);
        let owner = accounts.iter().find(|account| account.name == whose);
        let (Some(proven), Some(owner)) = (proven, owner) else { return REFUSED.to_owned() };
        if proven.name != owner.name && !proven.is_master {
            return "NO [AUTHORIZATIONFAILED] not a master".to_owned();
        }
        (self.world, self.is_master) = (Some(owner.world.clone()), proven.is_master);
        format!("OK [CAPABILITY {}] logged in", self.capabilities())
    }

    /// `PROXYAUTH user`: a master who has logged in goes on as someone else, as at Sun's servers.
    pub(super) fn proxy_auth(&mut self, command: &Command) -> String {
        let whose = command.arguments.first().map(super::grammar::Token::text).unwrap_or_default();
        let owner = self.shared.accounts.iter().find(|account| account.name == whose && self.is_master);
        let Some(owner) = owner else { return "NO [AUTHORIZATIONFAILED] not a master".to_owned() };
        self.world = Some(owner.world.clone());
        "OK proxied".to_owned()
    }

    fn password_of(&self, user: &str) -> Option<String> {
        self.shared
            .accounts
            .iter()
            .find(|account| account.name == user)
            .map(|account| account.password.clone())
    }

    async fn first(&mut self, initial: Option<Vec<u8>>) -> Result<Vec<u8>> {
        match initial {
            Some(octets) => Ok(octets),
            None => self.challenge(b"").await,
        }
    }

    async fn challenge(&mut self, octets: &[u8]) -> Result<Vec<u8>> {
        self.line(&format!("+ {}", BASE64_STANDARD.encode(octets)));
        self.flush().await?;
        let line = self.wire.line().await?;
        // A cancel (`*`) or nonsense counts as an empty response, which no mechanism accepts.
        Ok(BASE64_STANDARD.decode(line).unwrap_or_default())
    }
}

fn attribute(message: &str, name: &str) -> String {
    message.split(',').find_map(|field| field.strip_prefix(name)).unwrap_or_default().to_owned()
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().to_vec())
}

fn salted_password(password: &[u8]) -> Result<Vec<u8>> {
    let mut block = hmac_sha256(password, &[SCRAM_SALT, &[0, 0, 0, 1]].concat())?;
    let mut salted = block.clone();
    for _ in 1..SCRAM_ROUNDS {
        block = hmac_sha256(password, &block)?;
        for (octet, mixed) in salted.iter_mut().zip(&block) {
            *octet ^= mixed;
        }
    }
    Ok(salted)
}
