//! Where a mailbox is and how to log in: the contract's `imaps://` and `imap://` locations.
//! Never holds a secret: that is asked for when it is needed, and never stands in a URL.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use malote_plan::failure::{Class, Reach, Retry, Side};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::SecretString;

use super::host::{Host, Hosts};
use super::resolver::{Resolver, SystemResolver};
use crate::clock::{Clock, SystemClock};
use crate::failure::{Failure, Result};
use crate::observed::Notes;
use crate::profile::Profile;

/// How long each may take: one address to answer, TLS to stand, the greeting to come.
pub const CONNECT_MAX: Duration = Duration::from_secs(30);

/// How long a server may be silent in the midst of a command.
pub const PROGRESS_MAX: Duration = Duration::from_secs(120);

/// Longest location that is read, in octets.
const LOCATION_OCTETS_MAX: usize = 4_096;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Security {
    /// TLS from the first octet.
    Tls,
    /// TLS by STARTTLS, before any credential.
    StartTls,
    /// None.
    Clear,
}

/// A way to log in that was asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// SASL PLAIN.
    Plain,
    /// The LOGIN command, or SASL LOGIN where that is all there is.
    Login,
    /// SASL CRAM-MD5.
    CramMd5,
    /// SASL SCRAM-SHA-256 or SCRAM-SHA-1.
    Scram,
    /// SASL XOAUTH2.
    XOauth2,
    /// SASL OAUTHBEARER.
    OauthBearer,
    /// PROXYAUTH: an administrator logs in as himself and goes on as `authzid`, at Sun's and Oracle's servers.
    ProxyAuth,
}

impl AuthMethod {
    const NAMES: [(&'static str, Self); 7] = [
        ("plain", Self::Plain),
        ("login", Self::Login),
        ("cram-md5", Self::CramMd5),
        ("scram", Self::Scram),
        ("xoauth2", Self::XOauth2),
        ("oauthbearer", Self::OauthBearer),
        ("proxyauth", Self::ProxyAuth),
    ];

    /// The name in a location.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, method)| *method == self).map_or("", |(name, _)| name)
    }

    fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, method)| *method)
    }
}

/// Gives the password or token when a login needs it, anew each time so that a renewed token is seen.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// The secret as it is at this moment.
    async fn secret(&self) -> Result<SecretString>;

    /// True where the secret is an OAuth access token: without another word, a login is by XOAUTH2 or OAUTHBEARER.
    fn is_token(&self) -> bool {
        false
    }

    /// Told that a server refused the secret. True where `secret` may give another one now, so that it is worth
    /// asking; a password is what it is.
    fn is_renewed_after_refusal(&self, _refused: &str) -> bool {
        false
    }
}

#[async_trait]
impl<F: Fn() -> Result<SecretString> + Send + Sync> SecretSource for F {
    async fn secret(&self) -> Result<SecretString> {
        self()
    }
}

/// A mailbox's place, as a location names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// The login's name.
    pub user: String,
    /// Host name or address, an IPv6 one without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// The way to log in, where one is named.
    pub auth: Option<AuthMethod>,
    /// The user whose mailbox is opened, where it is not `user` himself.
    pub authzid: Option<String>,
    /// SHA-256 of the one certificate that is accepted.
    pub pin: Option<[u8; 32]>,
    /// Whether the line is compressed (RFC 4978); where nothing is said, if that proves to be faster.
    pub compress: Option<bool>,
}

impl Location {
    /// Reads a location. Clear text is let through for loopback, or where `allow_cleartext`.
    pub fn parse(text: &str, allow_cleartext: bool) -> Result<Self> {
        parse(text, allow_cleartext).map_err(|wrong| usage(&wrong))
    }

    /// The mailbox that this is, however one logs in to it: equal for locations that lead to one mailbox. With
    /// `authzid` that is the other user's.
    #[must_use]
    pub fn mailbox(&self) -> String {
        let plain = Self { auth: None, authzid: None, pin: None, compress: None, ..self.clone() };
        let user = self.authzid.clone().unwrap_or_else(|| self.user.clone());
        Self { user, ..plain }.to_string()
    }

    /// The endpoint at this place, with default time limits.
    #[must_use]
    pub fn endpoint(self, side: Side, secret: Arc<dyn SecretSource>) -> Endpoint {
        let host = Hosts::default().host(&self.host, self.port);
        Endpoint {
            side,
            host,
            location: self,
            extra_roots: Vec::new(),
            secret,
            profile: None,
            written: Vec::new(),
            notes: Arc::default(),
            clock: Arc::new(SystemClock),
            resolver: Arc::new(SystemResolver),
            connect_max: CONNECT_MAX,
            progress_max: PROGRESS_MAX,
        }
    }
}

/// Octets that stand for themselves in a location.
const PLAIN: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'*').remove(b'@');

impl fmt::Display for Location {
    /// Writes the location so that `parse` reads the same; it never holds a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default_port) =
            if self.security == Security::Tls { ("imaps", 993) } else { ("imap", 143) };
        write!(f, "{scheme}://{}@", utf8_percent_encode(&self.user, &PLAIN))?;
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if self.port != default_port {
            write!(f, ":{}", self.port)?;
        }
        let tls = (self.security == Security::Clear).then(|| "tls=off".to_owned());
        let auth = self.auth.map(|auth| format!("auth={}", auth.as_str()));
        let authzid =
            self.authzid.as_ref().map(|name| format!("authzid={}", utf8_percent_encode(name, &PLAIN)));
        let pin = self.pin.as_ref().map(|pin| format!("pin=sha256:{}", hex(pin)));
        let compress = self.compress.map(|on| format!("compress={}", if on { "on" } else { "off" }));
        for (index, query) in [tls, auth, authzid, pin, compress].into_iter().flatten().enumerate() {
            write!(f, "{}{query}", if index == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

/// Everything that is needed to log in to one mailbox.
#[derive(Clone)]
pub struct Endpoint {
    /// On which side it stands.
    pub side: Side,
    /// Its place.
    pub location: Location,
    /// Certificates trusted besides the platform's, as PEM: for tests.
    pub extra_roots: Vec<u8>,
    /// Where the password or token comes from.
    pub secret: Arc<dyn SecretSource>,
    /// The profile to treat the server by; the one that it is recognised by where absent.
    pub profile: Option<Arc<Profile>>,
    /// Profiles that the operator wrote, for a server that is recognised: they go before the shipped ones.
    pub written: Vec<Arc<Profile>>,
    /// What the server is seen to do.
    pub notes: Arc<Notes>,
    /// The server, where several mailboxes share what it bears.
    pub host: Arc<Host>,
    /// Tells when a daily allowance begins anew.
    pub clock: Arc<dyn Clock>,
    /// Where its name leads, asked anew for each connection.
    pub resolver: Arc<dyn Resolver>,
    /// How long one address may take to answer.
    pub connect_max: Duration,
    /// How long a server may be silent in the midst of a command.
    pub progress_max: Duration,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({}, {}:{})", self.side.as_str(), self.location.host, self.location.port)
    }
}

fn usage(wrong: &str) -> Failure {
    Failure::new(
        Side::Local,
        Class::Usage,
        Reach::Account,
        Retry::Never,
        format!("reading the location: {wrong}"),
    )
}

fn parse(text: &str, allow_cleartext: bool) -> std::result::Result<Location, String> {
    if text.len() > LOCATION_OCTETS_MAX || text.chars().any(|c| c.is_control() || c == ' ') {
        return Err("it is too long, or holds a blank or control character; write those as %XX".to_owned());
    }
    let (scheme, rest) = text.split_once("://").ok_or("it must begin with imaps:// or imap://")?;
    let (mut security, default_port) = match scheme.to_ascii_lowercase().as_str() {
        "imaps" => (Security::Tls, 993),
        "imap" => (Security::StartTls, 143),
        _ => return Err("it must begin with imaps:// or imap://".to_owned()),
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (user, address) = place.rsplit_once('@').ok_or("it names no user: imaps://USER@HOST")?;
    if user.contains(':') {
        return Err(
            "a password must not stand in a location: use a password file, the environment or the prompt \
                    (a ':' in the user's name is written %3A)"
                .to_owned(),
        );
    }
    let user = decoded(user, "user")?;
    if user.is_empty() {
        return Err("it names no user: imaps://USER@HOST".to_owned());
    }
    let (host, port) = host_and_port(address.strip_suffix('/').unwrap_or(address), default_port)?;
    let (auth, authzid, pin, compress) = (None, None, None, None);
    let mut location = Location { user, host, port, security, auth, authzid, pin, compress };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (key, value) {
            ("tls", "off") if security == Security::Tls => {
                return Err("tls=off goes with imap://, not with imaps://".to_owned());
            }
            ("tls", "off") => security = Security::Clear,
            ("auth", name) => {
                location.auth = Some(AuthMethod::parse(name).ok_or_else(|| {
                    let names: Vec<_> = AuthMethod::NAMES.iter().map(|(name, _)| *name).collect();
                    format!("auth must be one of {}", names.join(", "))
                })?);
            }
            ("authzid", name) if !name.is_empty() => location.authzid = Some(decoded(name, "authzid")?),
            ("compress", "on") => location.compress = Some(true),
            ("compress", "off") => location.compress = Some(false),
            ("pin", pin) => {
                location.pin =
                    Some(parse_pin(pin).ok_or("pin must be sha256: and 32 octets in hex or base64")?)
            }
            _ => {
                return Err(format!(
                    "\"{}\" is not known after '?'",
                    super::response::harmless(key.as_bytes())
                ));
            }
        }
    }
    if security == Security::Clear && !allow_cleartext && !is_loopback(&location.host) {
        return Err(
            "tls=off would send the password in clear: allowed only for this machine itself, or with \
                    --allow-cleartext"
                .to_owned(),
        );
    }
    if location.auth == Some(AuthMethod::ProxyAuth) && location.authzid.is_none() {
        return Err("auth=proxyauth goes on as another user: name him with authzid=NAME".to_owned());
    }
    location.security = security;
    Ok(location)
}

fn decoded(text: &str, what: &str) -> std::result::Result<String, String> {
    let decoded =
        percent_decode_str(text).decode_utf8().map_err(|_| format!("{what} is not UTF-8 once decoded"))?;
    if decoded.contains(['\0', '\r', '\n']) {
        return Err(format!("{what} holds a line end or NUL"));
    }
    Ok(decoded.into_owned())
}

fn host_and_port(address: &str, default_port: u16) -> std::result::Result<(String, u16), String> {
    let (host, port) = if let Some(inner) = address.strip_prefix('[') {
        let (host, rest) = inner.split_once(']').ok_or("the '[' of an IPv6 address is not closed")?;
        host.parse::<std::net::Ipv6Addr>().map_err(|_| "what stands in brackets is no IPv6 address")?;
        (
            host,
            rest.strip_prefix(':')
                .or_else(|| rest.is_empty().then_some(""))
                .ok_or("after ']' comes :PORT")?,
        )
    } else {
        let (host, port) = address.split_once(':').unwrap_or((address, ""));
        let is_name = !host.is_empty()
            && host.len() <= 253
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        if !is_name {
            return Err("it names no host, or one that is no name or address (write IPv6 in brackets, \
                        international names as xn--)"
                .to_owned());
        }
        (host, port)
    };
    let port = match port {
        "" => default_port,
        digits => {
            digits.parse().ok().filter(|port| *port != 0).ok_or("the port is no number from 1 to 65535")?
        }
    };
    Ok((host.to_ascii_lowercase(), port))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn parse_pin(text: &str) -> Option<[u8; 32]> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    let text = text.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("sha256"))?.1;
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    if digits.len() == 64 {
        let mut pin = [0; 32];
        for (octet, pair) in pin.iter_mut().zip(digits.chunks(2)) {
            *octet = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        return Some(pin);
    }
    let bare = text.trim_end_matches('=');
    let octets = STANDARD_NO_PAD.decode(bare).or_else(|_| URL_SAFE_NO_PAD.decode(bare)).ok()?;
    octets.try_into().ok()
}

/// Octets in lower-case hex.
#[must_use]
pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_read_and_written_back() {
        for (text, written) in [
            ("imaps://u@h.example", "imaps://u@h.example"),
            ("imaps://u@H.Example:993/", "imaps://u@h.example"),
            ("IMAP://u@h:143", "imap://u@h"),
            ("imap://u@h:1143", "imap://u@h:1143"),
            ("imaps://a%40b.c%2Ad@h", "imaps://a@b.c*d@h"),
            ("imaps://a@b.c@h", "imaps://a@b.c@h"),
            ("imaps://user*master@h", "imaps://user*master@h"),
            ("imap://u@127.0.0.1:1?tls=off", "imap://u@127.0.0.1:1?tls=off"),
            ("imap://u@[::1]:1?tls=off&auth=cram-md5", "imap://u@[::1]:1?tls=off&auth=cram-md5"),
            (
                "imaps://%C3%A9%3A%20@h?auth=XOAUTH2&authzid=o%40x",
                "imaps://%C3%A9%3A%20@h?auth=xoauth2&authzid=o@x",
            ),
        ] {
            let location = Location::parse(text, false).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(location.to_string(), written);
            assert_eq!(Location::parse(written, false).unwrap(), location, "{text}");
        }
    }

    #[test]
    fn pins_are_read_in_hex_and_base64() {
        let pin: [u8; 32] = std::array::from_fn(|index| (index * 8) as u8 ^ 0xfb);
        let colons: Vec<String> = pin.iter().map(|octet| format!("{octet:02X}")).collect();
        for text in [
            hex(&pin),
            colons.join(":"),
            STANDARD_NO_PAD.encode(pin),
            format!("{}=", URL_SAFE_NO_PAD.encode(pin)),
        ] {
            let location = Location::parse(&format!("imaps://u@h?pin=sha256:{text}"), false).unwrap();
            assert_eq!(location.pin, Some(pin), "{text}");
            assert_eq!(Location::parse(&location.to_string(), false).unwrap(), location);
        }
    }

    #[test]
    fn what_is_wrong_or_unsafe_is_refused_without_repeating_a_secret() {
        for text in [
            "",
            "imaps://",
            "http://u@h",
            "imaps://h",
            "imaps://@h",
            "imaps://u@",
            "imaps://u@h:0",
            "imaps://u@h:99999",
            "imaps://u@h:x",
            "imaps://u@[::1",
            "imaps://u@[x]",
            "imaps://u@::1",
            "imaps://u:hunter2@h",
            "imap://u@h?tls=off",
            "imaps://u@h?tls=off",
            "imaps://u@h?auth=ntlm",
            "imaps://u@h?auth=proxyauth",
            "imaps://u@h?pin=sha256:00",
            "imaps://u@h?pin=md5:00",
            "imaps://u%0a@h",
            "imaps://u%ff@h",
            "imaps://u@h?what=1",
            "imaps://u@h x",
        ] {
            let failure = Location::parse(text, false).expect_err(text);
            assert_eq!(failure.class, Class::Usage);
            assert!(!failure.to_string().contains("hunter2"));
        }
        assert!(Location::parse("imap://u@h?tls=off", true).is_ok());
    }
}
