//! What an identity provider's answer means: a token, trouble that passes, or a grant that is gone.
//! Never asks anybody, and never repeats a token.

use std::time::Duration;

use malote_plan::failure::Class;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::http::Answered;
use super::trouble::{Trouble, Verdict, cleaned};

/// Longest token that is taken, in octets.
pub(super) const TOKEN_OCTETS_MAX: usize = 64 * 1024;

/// Longest life of a token that is believed.
const LIFE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// A token as it was issued.
#[derive(Debug)]
pub(super) struct Issued {
    /// The access token.
    pub token: SecretString,
    /// How long it holds, where that is said.
    pub life: Option<Duration>,
    /// The refresh token for the next time, where one came along.
    pub refresh: Option<SecretString>,
}

/// The members of a successful answer (RFC 6749 §5.1).
#[derive(Deserialize)]
struct Success {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    expires_in: Option<Value>,
    #[serde(default)]
    refresh_token: Option<String>,
}

/// Names of errors (RFC 6749 §5.2, RFC 8628 §3.5, OpenID Connect Core §3.1.2.6) that pass by themselves.
const PASSING: [&str; 4] = ["temporarily_unavailable", "server_error", "slow_down", "authorization_pending"];

/// Names of errors that say a person has to consent or log in again.
const CONSENT: [&str; 5] =
    ["invalid_grant", "interaction_required", "consent_required", "login_required", "expired_token"];

/// Reads an answer of `host`; `hidden` are secrets that it may have repeated.
pub(super) fn read(host: &str, answered: &Answered, hidden: &[&str]) -> Result<Issued, Trouble> {
    let status = answered.status;
    if status == 429 || status == 408 || status >= 500 {
        let trouble = Trouble::passing(format!("{host} answered with HTTP status {status}"));
        return Err(Trouble { verdict: Verdict::Passing(answered.retry_after), ..trouble });
    }
    if (200..300).contains(&status) {
        return issued(&answered.body)
            .map_err(|wrong| Trouble::passing(format!("{host} answered with {wrong}")));
    }
    Err(refusal(host, answered, hidden))
}

/// Reads a bare token or an answer in JSON, as a program or a file gives it.
pub(super) fn bare_or_json(octets: &[u8]) -> Result<Issued, String> {
    let octets = octets.trim_ascii();
    if octets.first() == Some(&b'{') {
        return issued(octets);
    }
    let text = std::str::from_utf8(octets).map_err(|_| "something that is not UTF-8")?;
    Ok(Issued { token: token(text)?, life: None, refresh: None })
}

fn issued(body: &[u8]) -> Result<Issued, String> {
    // The parser's own words are left out: they may repeat a part of what it read.
    let read: Success = serde_json::from_slice(body).map_err(|_| "something that holds no access_token")?;
    if read.token_type.as_deref().is_some_and(|name| !name.eq_ignore_ascii_case("bearer")) {
        return Err("a token that is no bearer token".to_owned());
    }
    let life = read.expires_in.as_ref().and_then(seconds);
    let refresh = read.refresh_token.filter(|text| !text.is_empty()).map(|text| token(&text));
    Ok(Issued { token: token(&read.access_token)?, life, refresh: refresh.transpose()? })
}

/// A token holds printable ASCII alone (RFC 6750 §2.1): anything else could end the line that carries it.
fn token(text: &str) -> Result<SecretString, String> {
    match text.len() {
        0 => Err("an empty token".to_owned()),
        length if length > TOKEN_OCTETS_MAX => {
            Err(format!("a token of {length} octets, more than {TOKEN_OCTETS_MAX}"))
        }
        _ if !text.bytes().all(|octet| octet.is_ascii_graphic()) => {
            Err("a token with blanks or control characters".to_owned())
        }
        _ => Ok(SecretString::from(text)),
    }
}

/// A life as a number or, as some write it, a number in a string; none where it is anything else.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds.max(0.0)).ok().map(|life| life.min(LIFE_MAX))
}

fn refusal(host: &str, answered: &Answered, hidden: &[&str]) -> Trouble {
    let status = answered.status;
    let parsed: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
    let Some(code) = parsed["error"].as_str().map(|code| cleaned(code, hidden)) else {
        let elsewhere = if (300..400).contains(&status) { ", which is not followed" } else { "" };
        return Trouble::passing(format!(
            "{host} answered with HTTP status {status}{elsewhere} and nothing that a token endpoint says; \
             check its URL"
        ));
    };
    let said = cleaned(parsed["error_description"].as_str().unwrap_or_default(), hidden);
    let said = if said.is_empty() { String::new() } else { format!(", \"{said}\"") };
    let message = format!("{host} refused: {code}{said}");
    let is_consent =
        CONSENT.contains(&code.as_str()) || parsed["suberror"].as_str() == Some("consent_required");
    let verdict = match code.as_str() {
        code if PASSING.contains(&code) => Verdict::Passing(answered.retry_after),
        _ if is_consent => Verdict::Final(Class::AuthTokenExpired),
        _ => Verdict::Final(Class::AuthBadCredentials),
    };
    Trouble { verdict, code, message }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use zeroize::Zeroizing;

    use super::*;

    fn answered(status: u16, body: &str) -> Answered {
        let body = Zeroizing::new(body.as_bytes().to_vec());
        Answered { status, body, date_unix_seconds: None, retry_after: None, location: None }
    }

    #[test]
    fn a_life_is_believed_within_reason() {
        for (body, life) in [
            (r#"{"access_token":"t","expires_in":3599}"#, Some(3_599)),
            (r#"{"access_token":"t","expires_in":"3599"}"#, Some(3_599)),
            (r#"{"access_token":"t","token_type":"bearer"}"#, None),
            (r#"{"access_token":"t","expires_in":-5}"#, Some(0)),
            (r#"{"access_token":"t","expires_in":1e30}"#, None),
            (r#"{"access_token":"t","expires_in":9999999999}"#, Some(86_400)),
            (r#"{"access_token":"t","expires_in":[1]}"#, None),
            (" {\"access_token\":\"t\"}\n", None),
            ("t\n", None),
        ] {
            let read = bare_or_json(body.as_bytes()).unwrap();
            assert_eq!(read.token.expose_secret(), "t");
            assert_eq!(read.life.map(|life| life.as_secs()), life, "{body}");
        }
    }

    #[test]
    fn what_is_no_token_is_no_token_and_is_not_repeated() {
        for body in [
            "",
            "hunter2 x",
            "hunter2\u{1}",
            r#"{"access_token":"hunter2\u0001"}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":7}"#,
            r#"{"token":"hunter2"}"#,
            r#"{"access_token":"hunter2","token_type":"mac"}"#,
            r#"{"access_token":"hunter2""#,
            "{}",
        ] {
            assert!(!bare_or_json(body.as_bytes()).unwrap_err().contains("hunter2"), "{body}");
            let read = read("h", &answered(200, body), &[]).unwrap_err();
            assert_eq!(read.verdict, Verdict::Passing(None), "{body}");
        }
        assert!(bare_or_json(&vec![b'x'; TOKEN_OCTETS_MAX + 1]).is_err());
    }

    #[test]
    fn a_grant_that_is_gone_is_told_from_trouble_that_passes() {
        let consent = Some(Class::AuthTokenExpired);
        let refused = Some(Class::AuthBadCredentials);
        for (status, body, class) in [
            (400, r#"{"error":"invalid_grant","error_description":"x"}"#, consent),
            (400, r#"{"error":"interaction_required"}"#, consent),
            (400, r#"{"error":"invalid_scope","suberror":"consent_required"}"#, consent),
            (401, r#"{"error":"invalid_client"}"#, refused),
            (400, r#"{"error":"unauthorized_client"}"#, refused),
            (400, r#"{"error":"temporarily_unavailable"}"#, None),
            (500, r#"{"error":"invalid_grant"}"#, None),
            (503, "", None),
            (429, "slow", None),
            (302, "", None),
            (404, "<html>", None),
            (400, r#"{"error":{"code":400}}"#, None),
        ] {
            let found = match read("h", &answered(status, body), &[]).unwrap_err().verdict {
                Verdict::Final(class) => Some(class),
                Verdict::Passing(_) => None,
            };
            assert_eq!(found, class, "{status} {body}");
        }
    }
}
