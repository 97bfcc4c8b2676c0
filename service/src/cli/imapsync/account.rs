//! One side of imapsync's command line: where the account is, who logs in, how the line is protected.
//! Never connects: what only the server can tell is left open.

use std::path::{Path, PathBuf};

use malote_engine::failure::Side;
use malote_engine::imap::{AuthMethod, Location, Security};

use super::wish::Wish;

/// How the line shall be protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// TLS from the first octet.
    Tls,
    /// STARTTLS, required.
    StartTls,
    /// None, by the user's own word.
    Clear,
    /// STARTTLS where the server offers it; with `tries_tls`, TLS on 993 first.
    AsOffered {
        /// True where neither port nor protection was named.
        tries_tls: bool,
    },
}

/// Where the secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A file's first line.
    File(PathBuf),
    /// A token, or a file that holds one.
    Token(String),
    /// The environment, the command line or the terminal.
    Password,
}

/// One side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Which.
    pub side: Side,
    /// `1` or `2`.
    pub digit: char,
    /// The host's name.
    pub host: String,
    /// The port, where one was named.
    pub port: Option<u16>,
    /// The mailbox.
    pub user: String,
    /// The administrator who logs in, where it is not the user himself.
    pub admin: Option<String>,
    /// The way to log in, where one was named.
    pub auth: Option<AuthMethod>,
    /// The protection.
    pub line: Line,
    /// The secret.
    pub key: Key,
    /// SHA-256 of the one certificate that is accepted.
    pub pin: Option<[u8; 32]>,
    /// Certificates to trust.
    pub ca_file: Option<PathBuf>,
    /// How long a silent server is waited for, in seconds.
    pub timeout: Option<u64>,
}

impl Account {
    /// Reads one side; nothing where no host was named.
    pub fn read(wish: &Wish, side: Side) -> Option<Self> {
        let digit = if side == Side::Destination { '2' } else { '1' };
        let name = |stem: &str| format!("{stem}{digit}");
        let host = wish.trimmed(&name("host"))?.replace([' ', '/'], "");
        let port =
            wish.whole(&name("port")).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        let admin = wish.text(&name("authuser")).map(str::to_owned);
        let pairs: Vec<(String, String)> = wish
            .pairs(&name("sslargs"))
            .iter()
            .map(|(key, text)| (key.to_string(), text.to_string()))
            .collect();
        let argument =
            |wanted: &str| pairs.iter().rev().find(|(key, _)| key == wanted).map(|(_, text)| text.clone());
        let key = match (wish.text(&name("oauthaccesstoken")), wish.text(&name("passfile"))) {
            (Some(token), _) => Key::Token(token.to_owned()),
            (None, Some(path)) => Key::File(PathBuf::from(path)),
            (None, None) => Key::Password,
        };
        let seconds = wish.real(&name("timeout")).or_else(|| wish.real("timeout"));
        Some(Self {
            side,
            digit,
            host,
            port,
            user: wish.trimmed(&name("user")).unwrap_or_default().to_owned(),
            auth: auth(wish, digit, admin.is_some(), &key),
            admin,
            line: line(wish.switch(&name("ssl")), wish.switch(&name("tls")), port, wish.switch("sslcheck")),
            key,
            pin: argument("SSL_fingerprint").and_then(|text| pin(&text)),
            ca_file: argument("SSL_ca_file").map(PathBuf::from),
            // 0 is for ever in imapsync; a day is as good as that.
            timeout: seconds.map(|seconds| if seconds < 1.0 { 86_400 } else { (seconds as u64).min(86_400) }),
        })
    }

    /// `Host1` or `Host2`, as imapsync's lines begin.
    pub fn label(&self) -> String {
        format!("Host{}", self.digit)
    }

    /// The location, once it is known how the line is protected.
    pub fn location(&self, security: Security) -> Location {
        let default_port = if security == Security::Tls { 993 } else { 143 };
        Location {
            user: self.admin.clone().unwrap_or_else(|| self.user.clone()),
            host: self.host.to_ascii_lowercase(),
            port: self.port.unwrap_or(default_port),
            security,
            auth: self.auth,
            authzid: self.admin.as_ref().map(|_| self.user.clone()),
            pin: self.pin,
            compress: None,
        }
    }

    /// True for this machine itself.
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// True where the token stands in a file.
    pub fn token_file(&self) -> Option<&Path> {
        match &self.key {
            Key::Token(text) if Path::new(text).is_file() => Some(Path::new(text)),
            _ => None,
        }
    }
}

fn line(ssl: Option<bool>, tls: Option<bool>, port: Option<u16>, sslcheck: Option<bool>) -> Line {
    match (ssl, tls) {
        (Some(true), _) => Line::Tls,
        (_, Some(true)) => Line::StartTls,
        (Some(false), Some(false)) => Line::Clear,
        (None, None) if port == Some(993) => Line::Tls,
        (None, None) => Line::AsOffered { tries_tls: port.is_none() && sslcheck != Some(false) },
        // A `--nossl` alone leaves STARTTLS as it is offered, a `--notls` alone says the same of imapsync's probe.
        _ => Line::AsOffered { tries_tls: false },
    }
}

fn auth(wish: &Wish, digit: char, has_admin: bool, key: &Key) -> Option<AuthMethod> {
    let is_md5 = wish.is_on("authmd5") || wish.is_on(&format!("authmd5{digit}"));
    if wish.is_on(&format!("proxyauth{digit}")) && has_admin {
        return Some(AuthMethod::ProxyAuth);
    }
    if matches!(key, Key::Token(_)) {
        return Some(AuthMethod::XOauth2);
    }
    let named = wish.text(&format!("authmech{digit}")).and_then(|name| method(name).ok());
    // Who logs in for somebody else, in imapsync's way or in Dovecot's `user*master`, can do so by PLAIN alone.
    let is_for_another =
        has_admin || wish.text(&format!("user{digit}")).is_some_and(|user| user.contains('*'));
    named
        .or_else(|| is_md5.then_some(AuthMethod::CramMd5))
        .or_else(|| is_for_another.then_some(AuthMethod::Plain))
}

/// The way to log in that imapsync calls so.
///
/// # Errors
/// Why it is not spoken.
pub fn method(name: &str) -> Result<AuthMethod, String> {
    match name.to_ascii_uppercase().as_str() {
        "LOGIN" => Ok(AuthMethod::Login),
        "PLAIN" => Ok(AuthMethod::Plain),
        "CRAM-MD5" => Ok(AuthMethod::CramMd5),
        "XOAUTH2" => Ok(AuthMethod::XOauth2),
        other => Err(format!("{other} is not spoken; LOGIN, PLAIN and CRAM-MD5 are, and tokens")),
    }
}

/// Why an argument of the TLS library cannot be followed; nothing where it can, or makes no difference.
pub fn ssl_refused(key: &str, value: &str) -> Option<String> {
    match key {
        "SSL_verify_mode" if value.trim() == "0" || value == "SSL_VERIFY_NONE" => Some(
            "certificates are always checked; where one is self-signed, pin it with SSL_fingerprint=sha256$HEX or \
             trust its authority with SSL_ca_file=FILE"
                .to_owned(),
        ),
        "SSL_fingerprint" => pin(value).is_none().then(|| "write SSL_fingerprint=sha256$ and 64 hex digits".to_owned()),
        "SSL_version" => {
            let is_modern = value.contains("TLSv1_2") || value.contains("TLSv1_3") || value.starts_with("SSLv23");
            (!is_modern).then(|| "only TLS 1.2 and 1.3 are spoken".to_owned())
        }
        "SSL_verify_mode" | "SSL_ca_file" | "SSL_cipher_list" | "SSL_verifycn_scheme" | "SSL_verifycn_name"
        | "SSL_hostname" => None,
        other => Some(format!("{other} is not known here")),
    }
}

/// `sha256$AB:CD…` as octets.
fn pin(text: &str) -> Option<[u8; 32]> {
    let (_, digits) = text.split_once('$').filter(|(name, _)| name.eq_ignore_ascii_case("sha256"))?;
    let digits: Vec<u32> = digits
        .chars()
        .filter(|digit| *digit != ':')
        .map(|digit| digit.to_digit(16))
        .collect::<Option<_>>()?;
    let octets: Vec<u8> =
        digits.chunks_exact(2).filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect();
    (digits.len() == 64).then_some(octets)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(words: &str) -> Account {
        let words = words.split_whitespace().map(str::to_owned).collect();
        Account::read(&Wish::read(words).unwrap(), Side::Source).unwrap()
    }

    #[test]
    fn the_line_is_protected_as_imapsync_would_or_better() {
        for (words, expected) in [
            ("", Line::AsOffered { tries_tls: true }),
            ("--nosslcheck", Line::AsOffered { tries_tls: false }),
            ("--port1 143", Line::AsOffered { tries_tls: false }),
            ("--port1 993", Line::Tls),
            ("--ssl1", Line::Tls),
            ("--ssl1 --port1 9993", Line::Tls),
            ("--tls1", Line::StartTls),
            ("--nossl1 --notls1", Line::Clear),
            ("--notls1", Line::AsOffered { tries_tls: false }),
        ] {
            assert_eq!(account(&format!("--host1 h {words}")).line, expected, "{words}");
        }
    }

    #[test]
    fn an_administrator_logs_in_for_the_user() {
        for (words, url) in [
            ("--user1 ana", "imaps://ana@h"),
            ("--user1 ana --authuser1 root", "imaps://root@h?auth=plain&authzid=ana"),
            ("--user1 ana --authuser1 root --proxyauth1", "imaps://root@h?auth=proxyauth&authzid=ana"),
            ("--user1 ana --authmech1 cram-md5 --port1 1993", "imaps://ana@h:1993?auth=cram-md5"),
            ("--user1 ana*root", "imaps://ana*root@h?auth=plain"),
            ("--user1 ana --authmd5", "imaps://ana@h?auth=cram-md5"),
            ("--user1 ana --oauthaccesstoken1 t", "imaps://ana@h?auth=xoauth2"),
        ] {
            let account = account(&format!("--host1 H/ {words}"));
            assert_eq!(account.location(Security::Tls).to_string(), url, "{words}");
        }
    }

    #[test]
    fn arguments_of_the_tls_library_pin_trust_or_are_refused() {
        let digits = "ab".repeat(32);
        let pinned = account(&format!(
            "--host1 h --sslargs1 SSL_fingerprint=sha256${digits} --sslargs1 SSL_ca_file=/ca"
        ));
        assert_eq!(pinned.pin, Some([0xab; 32]));
        assert_eq!(pinned.ca_file, Some(PathBuf::from("/ca")));
        for (key, value, is_refused) in [
            ("SSL_verify_mode", "1", false),
            ("SSL_verify_mode", "0", true),
            ("SSL_version", "SSLv3", true),
            ("SSL_version", "TLSv1_2", false),
            ("SSL_fingerprint", "md5$00", true),
            ("SSL_passwd_cb", "x", true),
        ] {
            assert_eq!(ssl_refused(key, value).is_some(), is_refused, "{key}={value}");
        }
    }
}
