//! The OAuth document of one mailbox or of many: a small JSON file that names a grant and where its secrets lie.
//! Never holds a secret itself.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use super::assertion::ServiceAccount;
use super::device::Prompt;
use super::grant::{Client, Grant};
use super::http::Url;
use super::keep::{RefreshFile, read_secret};
use super::program::{PROGRAM_MAX, Program};
use super::provider::{PROVIDERS, Provider};

/// Largest document that is read, in octets.
const DOCUMENT_OCTETS_MAX: u64 = 64 * 1024;

/// What stands for the mailbox's name in a command or a file's name.
const USER_MARK: &str = "{user}";

/// A document as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Which grant.
    pub kind: Kind,
    /// `microsoft` or `google`: fills in addresses and scopes.
    #[serde(default)]
    pub provider: Option<String>,
    /// Microsoft: the tenant's domain or id.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Where tokens are asked for, instead of the provider's address.
    #[serde(default)]
    pub token_url: Option<String>,
    /// Where a device code is asked for, instead of the provider's address.
    #[serde(default)]
    pub device_url: Option<String>,
    /// The application.
    #[serde(default)]
    pub client_id: Option<String>,
    /// File that holds the application's secret.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// What for, instead of the provider's scope for mail.
    #[serde(default)]
    pub scope: Option<String>,
    /// The mailbox that a service account asks for, where it is not the one that is opened.
    #[serde(default)]
    pub user: Option<String>,
    /// File that holds the refresh token, and takes the next one.
    #[serde(default)]
    pub refresh_token_file: Option<PathBuf>,
    /// A service account's key file, as Google gives it out.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// A program and its arguments; no shell is between.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// How long the program may take, in seconds.
    #[serde(default)]
    pub timeout_seconds: Option<u64>,
    /// File that holds a token which somebody else renews.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
}

/// The grants by the names that a document gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody else renews a token in a file.
    TokenFile,
    /// A program prints it.
    Command,
    /// The application asks for itself.
    ClientCredentials,
    /// A service account asks for a mailbox.
    ServiceAccount,
    /// A user consented once.
    RefreshToken,
    /// A user consents now, on another device.
    DeviceCode,
}

impl Document {
    /// Reads a document; the error says what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let name = path.display();
        let fail = |cause: String| format!("reading the OAuth file {name}: {cause}");
        let length = std::fs::metadata(path).map_err(|cause| fail(cause.to_string()))?.len();
        if length > DOCUMENT_OCTETS_MAX {
            return Err(fail(format!("it is larger than {DOCUMENT_OCTETS_MAX} octets")));
        }
        let octets = std::fs::read(path).map_err(|cause| fail(cause.to_string()))?;
        Self::parse(&octets).map_err(fail)
    }

    fn parse(octets: &[u8]) -> Result<Self, String> {
        // Whoever writes a password or a key where none belongs shall not see it repeated.
        serde_json::from_slice(octets).map_err(|wrong| {
            let place = format!("line {}, column {}", wrong.line(), wrong.column());
            let text = wrong.to_string();
            match text.split_once(" at line ").map_or(text.as_str(), |(what, _)| what) {
                what if what.starts_with("unknown field") || what.starts_with("missing field") => {
                    format!("{what} ({place})")
                }
                _ => format!(
                    "it is no OAuth document; `malote copy --help` shows what one looks like ({place})"
                ),
            }
        })
    }

    /// True where each mailbox needs a grant of its own; else one token serves all.
    #[must_use]
    pub fn is_of_one_mailbox(&self) -> bool {
        let marked = |path: &Option<PathBuf>| {
            path.as_ref().is_some_and(|path| path.to_string_lossy().contains(USER_MARK))
        };
        let arguments = self.command.iter().flatten();
        self.kind == Kind::ServiceAccount
            || marked(&self.refresh_token_file)
            || marked(&self.token_file)
            || arguments.into_iter().any(|argument| argument.contains(USER_MARK))
    }

    /// The grant for a mailbox; files are named from `folder`, where the document lies. `prompt` tells a person of
    /// a device code, where there is one to tell.
    pub fn grant(&self, folder: &Path, mailbox: &str, prompt: Option<Prompt>) -> Result<Grant, String> {
        self.check_members()?;
        let provider = self.provider()?;
        let mailbox = self.user.as_deref().unwrap_or(mailbox);
        Ok(match self.kind {
            Kind::TokenFile => Grant::File(named(folder, self.token_file.as_ref(), "token_file", mailbox)?),
            Kind::Command => {
                let command = self.command.clone().filter(|command| !command.is_empty());
                let command = command.ok_or("it lacks \"command\", a list of a program and its arguments")?;
                let command = command.iter().map(|word| word.replace(USER_MARK, mailbox)).collect();
                let limit = self.timeout_seconds.map_or(PROGRAM_MAX, Duration::from_secs);
                Grant::Program(Program { command, limit })
            }
            Kind::ClientCredentials => {
                let scope = self.scope(provider.map(|known| known.application_scope))?;
                let client = self.client(folder, provider)?;
                if client.secret.is_none() {
                    return Err("it lacks \"client_secret_file\"".to_owned());
                }
                Grant::ClientCredentials { client, scope }
            }
            Kind::ServiceAccount => {
                let key = named(folder, self.key_file.as_ref(), "key_file", mailbox)?;
                let scope = self.scope(provider.map(|known| known.application_scope))?;
                let own = self.token_url.as_deref().map(Url::parse).transpose()?;
                Grant::ServiceAccount(ServiceAccount::read(&key, own, mailbox, &scope)?)
            }
            Kind::RefreshToken => {
                let file = named(folder, self.refresh_token_file.as_ref(), "refresh_token_file", mailbox)?;
                let (client, file) = (self.client(folder, provider)?, RefreshFile::new(file));
                Grant::RefreshToken { client, scope: self.scope.clone(), file }
            }
            Kind::DeviceCode => {
                let file = named(folder, self.refresh_token_file.as_ref(), "refresh_token_file", mailbox)?;
                let scope = self.scope(provider.map(|known| known.user_scope))?;
                let device_url = match (&self.device_url, provider.and_then(|known| known.device_url)) {
                    (Some(own), _) => own.clone(),
                    (None, Some(pattern)) => self.filled(provider, pattern)?,
                    (None, None) if provider.is_some() => {
                        return Err(
                            "this provider gives no device codes for mail: use another kind".to_owned()
                        );
                    }
                    (None, None) => return Err("it lacks \"device_url\"".to_owned()),
                };
                Grant::DeviceCode {
                    client: self.client(folder, provider)?,
                    device_url: Url::parse(&device_url)?,
                    scope,
                    file: RefreshFile::new(file),
                    prompt,
                    was_asked: AtomicBool::new(false),
                }
            }
        })
    }

    /// A member that the grant does not look at would be a mistake that nobody sees.
    fn check_members(&self) -> Result<(), String> {
        let given = [
            ("provider", self.provider.is_some()),
            ("tenant", self.tenant.is_some()),
            ("token_url", self.token_url.is_some()),
            ("device_url", self.device_url.is_some()),
            ("client_id", self.client_id.is_some()),
            ("client_secret_file", self.client_secret_file.is_some()),
            ("scope", self.scope.is_some()),
            ("user", self.user.is_some()),
            ("refresh_token_file", self.refresh_token_file.is_some()),
            ("key_file", self.key_file.is_some()),
            ("command", self.command.is_some()),
            ("timeout_seconds", self.timeout_seconds.is_some()),
            ("token_file", self.token_file.is_some()),
        ];
        let taken = self.kind.members();
        match given.iter().find(|(name, is_given)| *is_given && !taken.contains(name)) {
            Some((name, _)) => Err(format!("\"{name}\" means nothing for this kind of grant")),
            None => Ok(()),
        }
    }

    fn provider(&self) -> Result<Option<Provider>, String> {
        let Some(name) = &self.provider else { return Ok(None) };
        let known = PROVIDERS.map(|provider| provider.name).join(", ");
        Provider::named(name).map(Some).ok_or_else(|| format!("\"provider\" must be one of {known}"))
    }

    fn filled(&self, provider: Option<Provider>, pattern: &str) -> Result<String, String> {
        provider.map_or_else(
            || Ok(pattern.to_owned()),
            |provider| provider.filled(pattern, self.tenant.as_deref()),
        )
    }

    fn client(&self, folder: &Path, provider: Option<Provider>) -> Result<Client, String> {
        let token_url = match (&self.token_url, provider) {
            (Some(own), _) => own.clone(),
            (None, Some(known)) => self.filled(provider, known.token_url)?,
            (None, None) => return Err("it lacks \"provider\" or \"token_url\"".to_owned()),
        };
        let secret: Option<SecretString> =
            self.client_secret_file.as_ref().map(|path| read_secret(&folder.join(path))).transpose()?;
        let id = self.client_id.clone().ok_or("it lacks \"client_id\"")?;
        Ok(Client { token_url: Url::parse(&token_url)?, id, secret })
    }

    fn scope(&self, known: Option<&str>) -> Result<String, String> {
        let scope = self.scope.as_deref().or(known);
        scope.map(str::to_owned).ok_or_else(|| "it lacks \"provider\" or \"scope\"".to_owned())
    }
}

impl Kind {
    /// The members that a document of this kind may have.
    const fn members(self) -> &'static [&'static str] {
        match self {
            Self::TokenFile => &["token_file", "user"],
            Self::Command => &["command", "timeout_seconds", "user"],
            Self::ClientCredentials => {
                &["provider", "tenant", "token_url", "client_id", "client_secret_file", "scope"]
            }
            Self::ServiceAccount => &["provider", "token_url", "key_file", "scope", "user"],
            Self::RefreshToken => &[
                "provider",
                "tenant",
                "token_url",
                "client_id",
                "client_secret_file",
                "scope",
                "refresh_token_file",
                "user",
            ],
            Self::DeviceCode => &[
                "provider",
                "tenant",
                "token_url",
                "device_url",
                "client_id",
                "client_secret_file",
                "scope",
                "refresh_token_file",
                "user",
            ],
        }
    }
}

/// A file beside the document, with the mailbox's name filled in where it is wanted.
fn named(folder: &Path, path: Option<&PathBuf>, member: &str, mailbox: &str) -> Result<PathBuf, String> {
    let path = path.ok_or_else(|| format!("it lacks \"{member}\""))?;
    let Some(text) = path.to_str().filter(|text| text.contains(USER_MARK)) else {
        return Ok(folder.join(path));
    };
    // A mailbox's name is somebody else's word: it must not lead to another folder.
    if mailbox.contains(['/', '\\', '\0']) || mailbox.starts_with('.') {
        return Err(format!("the mailbox's name cannot be part of a file's name in \"{member}\""));
    }
    Ok(folder.join(text.replace(USER_MARK, mailbox)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str, expected: Result<&str, &str>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("s"), "hunter2\n").unwrap();
        let grant = Document::parse(document.as_bytes())
            .and_then(|document| document.grant(folder.path(), "ana@x.example", None));
        match (grant, expected) {
            (Ok(grant), Ok(shown)) => assert_eq!(format!("{grant:?}"), shown, "{document}"),
            (Err(wrong), Err(word)) => {
                assert!(wrong.contains(word) && !wrong.contains("hunter2"), "{document}: {wrong}");
            }
            (found, _) => panic!("{document}: {found:?}"),
        }
    }

    #[test]
    fn a_document_names_a_grant_or_is_told_what_it_lacks() {
        for (document, expected) in [
            (r#"{"kind":"token_file","token_file":"t"}"#, Ok("Grant(file)")),
            (r#"{"kind":"command","command":["p","{user}"],"timeout_seconds":9}"#, Ok("Grant(command)")),
            (
                r#"{"kind":"client_credentials","provider":"microsoft","tenant":"x.example","client_id":"c",
                    "client_secret_file":"s"}"#,
                Ok("Grant(client_credentials)"),
            ),
            (
                r#"{"kind":"refresh_token","provider":"google","client_id":"c","client_secret_file":"s",
                    "refresh_token_file":"r-{user}"}"#,
                Ok("Grant(refresh_token)"),
            ),
            (
                r#"{"kind":"device_code","provider":"microsoft","client_id":"c","refresh_token_file":"r"}"#,
                Ok("Grant(device_code)"),
            ),
            (r#"{"kind":"command","command":[]}"#, Err("\"command\"")),
            (r#"{"kind":"command","command":["p"],"scope":"x"}"#, Err("\"scope\" means nothing")),
            (
                r#"{"kind":"client_credentials","provider":"google","client_id":"c"}"#,
                Err("client_secret_file"),
            ),
            (r#"{"kind":"client_credentials","provider":"mine","client_id":"c"}"#, Err("microsoft, google")),
            (
                r#"{"kind":"client_credentials","token_url":"http://far.example/t","client_id":"c",
                    "scope":"x","client_secret_file":"s"}"#,
                Err("in clear"),
            ),
            (
                r#"{"kind":"device_code","provider":"google","client_id":"c","refresh_token_file":"r"}"#,
                Err("no device codes for mail"),
            ),
            (r#"{"kind":"refresh_token","client_id":"c","refresh_token_file":"r"}"#, Err("\"token_url\"")),
            (r#"{"kind":"service_account","provider":"google","key_file":"s"}"#, Err("client_email")),
            (r#"{"kind":"command","command":["p"],"password":"hunter2"}"#, Err("unknown field `password`")),
            (r#"{"kind":"hunter2"}"#, Err("line 1")),
            (r#"{"provider":"google"}"#, Err("missing field `kind`")),
            ("hunter2", Err("line 1")),
        ] {
            check(document, expected);
        }
    }

    #[test]
    fn a_mailbox_name_cannot_lead_to_another_folder() {
        let document = Document::parse(br#"{"kind":"token_file","token_file":"t-{user}"}"#).unwrap();
        for (mailbox, is_taken) in
            [("ana@x", true), ("../../etc/passwd", false), ("a/b", false), (".hidden", false)]
        {
            assert_eq!(document.grant(Path::new("/d"), mailbox, None).is_ok(), is_taken, "{mailbox}");
        }
        assert!(document.is_of_one_mailbox());
    }
}
