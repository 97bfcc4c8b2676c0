//! What the provider knows: tokens, consents, device codes, and what it was asked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::{KEY_PEM, Lie};

/// The application that it knows.
pub const CLIENT_ID: &str = "malote-tests";
/// That application's secret.
pub const CLIENT_SECRET: &str = "hunter2-client-secret+&=%";
/// The service account that it knows.
pub const ISSUER: &str = "movers@tests.example";
/// The scope that it takes.
pub const SCOPE: &str = "https://mail.example/ offline_access";

/// How far an assertion's time may be off, in seconds.
const SKEW_SECONDS_MAX: i64 = 300;

/// One question.
#[derive(Clone, Debug)]
pub struct Request {
    /// `token`, `device`, `revoke` or `introspect`, whatever stands before it.
    pub path: String,
    /// The form.
    pub form: Vec<(String, String)>,
}

impl Request {
    /// A field of the form; empty where there is none.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.form.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

pub(super) enum Said {
    Lie(Lie),
    Answer { status: u16, body: String, date: String },
}

/// What the provider knows and how it behaves.
pub struct State {
    /// Everything that it was asked.
    pub requests: Vec<Request>,
    /// Tokens that it issued: for whom, and until when they hold.
    pub tokens: BTreeMap<String, (String, Instant)>,
    /// Consents that hold.
    pub refresh_tokens: BTreeSet<String>,
    /// Codes of people who consented in a browser: their challenge, and where they were sent back.
    pub codes: BTreeMap<String, (String, String)>,
    /// Whether a consent leaves a refresh token.
    pub gives_refresh: bool,
    /// How long a token holds.
    pub life: Duration,
    /// What it says of that: the member `expires_in` as it stands in the answer, empty for none.
    pub said_life: String,
    /// Whether a refresh token is good for one use, and the next one comes with the answer.
    pub rotates: bool,
    /// What it does instead of answering at the token endpoint, once each.
    pub lies: VecDeque<Lie>,
    /// What it does there always.
    pub always: Option<Lie>,
    /// What it says of a device code before somebody has consented, once each.
    pub device_answers: VecDeque<&'static str>,
    /// How far its clock is ahead, in seconds.
    pub clock_ahead_seconds: i64,
    user: String,
    audience: String,
    issued: u64,
}

impl State {
    pub(super) fn new(user: &str, audience: &str) -> Self {
        Self {
            requests: Vec::new(),
            tokens: BTreeMap::new(),
            refresh_tokens: BTreeSet::new(),
            codes: BTreeMap::new(),
            gives_refresh: true,
            life: Duration::from_secs(3_600),
            said_life: "3600".to_owned(),
            rotates: true,
            lies: VecDeque::new(),
            always: None,
            device_answers: VecDeque::new(),
            clock_ahead_seconds: 0,
            user: user.to_owned(),
            audience: audience.to_owned(),
            issued: 0,
        }
    }

    pub(super) fn new_refresh_token(&mut self) -> String {
        self.issued += 1;
        let token = format!("refresh-hunter2-{}", self.issued);
        self.refresh_tokens.insert(token.clone());
        token
    }

    /// A code of a person who consents on the page that a browser was sent to; what was sent along is in its query.
    pub fn new_code(&mut self, challenge: &str, back: &str) -> String {
        self.issued += 1;
        let code = format!("code-hunter2-{}", self.issued);
        self.codes.insert(code.clone(), (challenge.to_owned(), back.to_owned()));
        code
    }

    /// A token for a mailbox, as one that it issued.
    pub fn new_token(&mut self, user: &str) -> String {
        self.issued += 1;
        let token = format!("access-hunter2-{}", self.issued);
        self.tokens.insert(token.clone(), (user.to_owned(), Instant::now() + self.life));
        token
    }

    pub(super) fn said(&mut self, request: &Request) -> Said {
        self.requests.push(request.clone());
        if request.path == "token"
            && let Some(lie) = self.lies.pop_front().or_else(|| self.always.clone())
        {
            return Said::Lie(lie);
        }
        let (status, body) = match request.path.as_str() {
            "token" => self.token(request),
            "device" => self.device(request),
            "introspect" => self.introspect(request),
            "revoke" => {
                self.refresh_tokens.remove(request.field("token"));
                (200, json!({}))
            }
            _ => (404, json!("nothing is here")),
        };
        Said::Answer { status, body: body.to_string(), date: http_date(self.now()) }
    }

    fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        i64::try_from(now).unwrap_or(0) + self.clock_ahead_seconds
    }

    fn token(&mut self, request: &Request) -> (u16, Value) {
        let is_client = request.field("client_id") == CLIENT_ID;
        match request.field("grant_type") {
            "client_credentials" if !is_client || request.field("client_secret") != CLIENT_SECRET => {
                (401, json!({"error": "invalid_client"}))
            }
            "client_credentials" => self.granted(None, None),
            "refresh_token" if !is_client => (401, json!({"error": "invalid_client"})),
            "refresh_token" => {
                let given = request.field("refresh_token").to_owned();
                if !self.refresh_tokens.contains(&given) {
                    return gone();
                }
                if !self.rotates {
                    return self.granted(None, None);
                }
                self.refresh_tokens.remove(&given);
                let next = self.new_refresh_token();
                self.granted(None, Some(next))
            }
            "authorization_code" if !is_client || request.field("client_secret") != CLIENT_SECRET => {
                (401, json!({"error": "invalid_client"}))
            }
            "authorization_code" => {
                // A code is good for one question, right or wrong (RFC 6749 §4.1.2).
                let Some((challenge, back)) = self.codes.remove(request.field("code")) else { return gone() };
                let verifier = Sha256::digest(request.field("code_verifier").as_bytes());
                let is_right = BASE64_URL_SAFE_NO_PAD.encode(verifier) == challenge;
                if !is_right || request.field("redirect_uri") != back {
                    return gone();
                }
                let refresh = self.gives_refresh.then(|| self.new_refresh_token());
                self.granted(None, refresh)
            }
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => match self.subject(request.field("assertion")) {
                Ok(subject) => self.granted(Some(subject), None),
                Err(why) => (400, json!({"error": "invalid_grant", "error_description": why})),
            },
            "urn:ietf:params:oauth:grant-type:device_code" => {
                if request.field("device_code") != "device-hunter2" {
                    return gone();
                }
                if let Some(answer) = self.device_answers.pop_front() {
                    return (400, json!({"error": answer}));
                }
                let next = self.new_refresh_token();
                self.granted(None, Some(next))
            }
            _ => (400, json!({"error": "unsupported_grant_type"})),
        }
    }

    fn granted(&mut self, user: Option<String>, refresh: Option<String>) -> (u16, Value) {
        let user = user.unwrap_or_else(|| self.user.clone());
        let mut answer = json!({"token_type": "Bearer", "access_token": self.new_token(&user)});
        if let Ok(life) = serde_json::from_str::<Value>(&self.said_life) {
            answer["expires_in"] = life;
        }
        if let Some(refresh) = refresh {
            answer["refresh_token"] = refresh.into();
        }
        (200, answer)
    }

    fn device(&self, request: &Request) -> (u16, Value) {
        if request.field("client_id") != CLIENT_ID || request.field("scope") != SCOPE {
            return (400, json!({"error": "invalid_client"}));
        }
        let answer = json!({
            "device_code": "device-hunter2", "user_code": "WDJB-MJHT", "interval": 1, "expires_in": 60,
            "verification_uri": "https://login.example/device",
        });
        (200, answer)
    }

    /// What a mail server is told of a token (RFC 7662).
    fn introspect(&self, request: &Request) -> (u16, Value) {
        let known = self.tokens.get(request.field("token")).filter(|(_, until)| Instant::now() < *until);
        let answer = known.map_or_else(
            || json!({"active": false}),
            |(user, _)| json!({"active": true, "username": user, "scope": SCOPE, "client_id": CLIENT_ID}),
        );
        (200, answer)
    }

    /// The mailbox that an assertion asks for, once its signature, names and times are found right.
    fn subject(&self, assertion: &str) -> Result<String, &'static str> {
        let (signed, signature) = assertion.rsplit_once('.').ok_or("no signature")?;
        let (header, claims) = signed.split_once('.').ok_or("no claims")?;
        let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| "no base64url");
        let key = PrivatePkcs8KeyDer::from_pem_slice(KEY_PEM.as_bytes()).map_err(|_| "no key")?;
        let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).map_err(|_| "no key")?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())
            .verify(signed.as_bytes(), &decoded(signature)?)
            .map_err(|_| "a false signature")?;
        let read = |part: &str| serde_json::from_slice::<Value>(&decoded(part)?).map_err(|_| "no JSON");
        let (header, claims) = (read(header)?, read(claims)?);
        let time = |name: &str| claims[name].as_i64().unwrap_or(0);
        let skew = self.now() - time("iat");
        match () {
            () if header["alg"] != "RS256" => Err("another algorithm"),
            () if claims["iss"] != ISSUER => Err("another issuer"),
            () if claims["aud"] != self.audience.as_str() => Err("another audience"),
            () if time("exp") - time("iat") > 3_600 || skew.abs() > SKEW_SECONDS_MAX => Err("another time"),
            () => Ok(claims["sub"].as_str().unwrap_or_default().to_owned()),
        }
    }
}

fn gone() -> (u16, Value) {
    (400, json!({"error": "invalid_grant", "error_description": "The consent has been withdrawn."}))
}

/// A date as HTTP writes it (RFC 9110 §5.6.7).
fn http_date(unix_seconds: i64) -> String {
    let days = unix_seconds.div_euclid(86_400);
    let second = unix_seconds.rem_euclid(86_400);
    let weekday =
        ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][usize::try_from(days.rem_euclid(7)).unwrap_or(0)];
    let (year, month, day) = civil(days);
    let name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month];
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{weekday}, {day:02} {name} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Year, month from 0 and day from 1 of so many days since 1970-01-01.
fn civil(days: i64) -> (i64, usize, i64) {
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (mut year, mut left) = (1970, days);
    while left >= 365 + i64::from(is_leap(year)) {
        left -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
    }
    (year, month, left + 1)
}
