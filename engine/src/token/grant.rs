//! Every way to come by a token, and one request by it.
//! Never remembers a token: the broker does.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use malote_plan::failure::Class;
use secrecy::{ExposeSecret as _, SecretString};

use super::answer::{self, Issued, bare_or_json};
use super::assertion::ServiceAccount;
use super::broker::Patience;
use super::device::{Consent, Prompt};
use super::http::{Http, Url};
use super::keep::{RefreshFile, RefreshKeeper, read_octets};
use super::program::Program;
use super::trouble::{Trouble, Verdict};
use crate::clock::Clock;

/// An application that is known to an identity provider.
pub struct Client {
    /// Where it asks for tokens.
    pub token_url: Url,
    /// `client_id`.
    pub id: String,
    /// `client_secret`; public clients have none.
    pub secret: Option<SecretString>,
}

impl Client {
    /// Adds the secret to a form (RFC 6749 §2.3.1).
    pub(super) fn sign<'a>(&'a self, form: &mut Vec<(&'a str, &'a str)>) {
        if let Some(secret) = &self.secret {
            form.push(("client_secret", secret.expose_secret()));
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.token_url.as_str())
    }
}

/// A way to come by a token.
pub enum Grant {
    /// Somebody else keeps a fresh token in this file; it is read anew for each login.
    File(PathBuf),
    /// A program prints a token, bare or as JSON with `access_token` and `expires_in`.
    Program(Program),
    /// The application asks for itself (RFC 6749 §4.4): Microsoft 365 for a whole tenant.
    ClientCredentials {
        /// The application.
        client: Client,
        /// What for.
        scope: String,
    },
    /// A service account asks in the name of a mailbox (RFC 7523): a whole Google Workspace.
    ServiceAccount(ServiceAccount),
    /// A user consented once, and the refresh token lies in a file (RFC 6749 §6).
    RefreshToken {
        /// The application that he consented to.
        client: Client,
        /// What for; the consent's own scope where nothing is said.
        scope: Option<String>,
        /// Where the refresh token lies.
        file: RefreshFile,
    },
    /// A user consented once, and somebody keeps the refresh token (RFC 6749 §6).
    Kept {
        /// The application that he consented to.
        client: Client,
        /// What for; the consent's own scope where nothing is said.
        scope: Option<String>,
        /// Who keeps it.
        keeper: Arc<dyn RefreshKeeper>,
    },
    /// A user consents on another device (RFC 8628), once: afterwards its refresh token serves.
    DeviceCode {
        /// The application.
        client: Client,
        /// Where the code is asked for.
        device_url: Url,
        /// What for.
        scope: String,
        /// Where the refresh token is kept.
        file: RefreshFile,
        /// Tells the user; none where nobody looks on, so that only a kept refresh token serves.
        prompt: Option<Prompt>,
        /// Whether the user was asked already: a consent that is withdrawn later ends the run instead.
        was_asked: AtomicBool,
    },
}

/// Looks whether a file holds a token; the error says what is wrong with it.
pub fn check_token_file(path: &Path) -> Result<(), String> {
    from_file(path).map(drop)
}

fn from_file(path: &Path) -> Result<Issued, String> {
    let octets = read_octets(path)?;
    bare_or_json(&octets).map_err(|wrong| format!("the secret in {} is {wrong}", path.display()))
}

/// What a request needs beside the grant.
pub(super) struct Means {
    pub http: Http,
    pub clock: Arc<dyn Clock>,
    pub patience: Patience,
}

impl Means {
    fn now_unix_seconds(&self) -> i64 {
        self.clock.now_unix_ms() / 1_000
    }
}

impl Grant {
    /// Asks once.
    pub(super) async fn ask(&self, means: &Means) -> Result<Issued, Trouble> {
        match self {
            Self::File(path) => from_file(path).map_err(Trouble::usage),
            Self::Program(program) => program.token().await,
            Self::ClientCredentials { client, scope } => {
                let mut form = vec![
                    ("grant_type", "client_credentials"),
                    ("client_id", client.id.as_str()),
                    ("scope", scope.as_str()),
                ];
                client.sign(&mut form);
                answered(means, &client.token_url, &form).await
            }
            Self::ServiceAccount(account) => by_assertion(means, account).await,
            Self::RefreshToken { client, scope, file } => {
                let _alone = file.lock().await?;
                let old = file.read()?.ok_or_else(|| {
                    Trouble::usage(format!("there is no refresh token in {}", file.path().display()))
                })?;
                refreshed(means, client, scope.as_deref(), file, &old).await
            }
            Self::Kept { client, scope, keeper } => {
                keeper.lock().await.map_err(Trouble::passing)?;
                let issued = kept(means, client, scope.as_deref(), keeper.as_ref()).await;
                keeper.unlock().await;
                issued
            }
            Self::DeviceCode { client, device_url, scope, file, prompt, was_asked } => {
                let _alone = file.lock().await?;
                let nobody = match file.read()? {
                    Some(old) => match refreshed(means, client, Some(scope), file, &old).await {
                        Err(gone) if gone.code == "invalid_grant" => gone,
                        other => return other,
                    },
                    None => Trouble::usage(format!(
                        "nobody has consented yet, and there is no terminal to show a code on: run `malote probe` \
                         with the same OAuth file once, which leaves a refresh token in {}",
                        file.path().display()
                    )),
                };
                let Some(prompt) = prompt.as_ref().filter(|_| !was_asked.swap(true, Ordering::Relaxed))
                else {
                    return Err(nobody);
                };
                let (http, patience) = (&means.http, means.patience);
                let issued = Consent { http, client, device_url, scope, prompt, patience }.token().await?;
                if let Some(refresh) = &issued.refresh {
                    file.store(None, refresh);
                }
                Ok(issued)
            }
        }
    }

    /// What a person can do about a refusal.
    pub(super) const fn advice(&self) -> &'static str {
        match self {
            Self::File(_) => "put a new token into the file",
            Self::Program(_) => "run the program by hand to see what it wants",
            Self::ClientCredentials { .. } => {
                "check tenant, client_id, the client's secret and its date of expiry, and the administrator's consent"
            }
            Self::ServiceAccount(_) => {
                "check that the mailbox exists and that the administrator has delegated the scope to the service \
                 account (domain-wide delegation)"
            }
            Self::RefreshToken { .. } => {
                "the user has to consent again: put the new refresh token into its file"
            }
            Self::Kept { .. } => "the user has to consent again",
            Self::DeviceCode { .. } => "the user has to consent again: run the same on a terminal",
        }
    }

    /// True where each login reads the source anew, because somebody else renews it there.
    pub(super) const fn is_kept_elsewhere(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "Grant(file)",
            Self::Program(_) => "Grant(command)",
            Self::ClientCredentials { .. } => "Grant(client_credentials)",
            Self::ServiceAccount(_) => "Grant(service_account)",
            Self::RefreshToken { .. } => "Grant(refresh_token)",
            Self::Kept { .. } => "Grant(kept refresh_token)",
            Self::DeviceCode { .. } => "Grant(device_code)",
        })
    }
}

async fn answered(means: &Means, url: &Url, form: &[(&str, &str)]) -> Result<Issued, Trouble> {
    let answered = means.http.post(url, form).await?;
    let is_secret = |name: &str| matches!(name, "client_secret" | "refresh_token" | "assertion");
    let hidden: Vec<&str> =
        form.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| *value).collect();
    answer::read(url.host(), &answered, &hidden)
}

/// Asks with an assertion. A refusal by a provider whose clock shows another time is asked again by that time.
async fn by_assertion(means: &Means, account: &ServiceAccount) -> Result<Issued, Trouble> {
    let url = account.token_url();
    loop {
        let now = means.now_unix_seconds();
        let assertion = account.assertion(now)?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.as_str()),
        ];
        let answered = means.http.post(url, &form).await?;
        let mut trouble = match answer::read(url.host(), &answered, &[assertion.as_str()]) {
            Ok(issued) => return Ok(issued),
            Err(trouble) => trouble,
        };
        let is_refused = matches!(trouble.verdict, Verdict::Final(_));
        let is_skewed = answered.date_unix_seconds.is_some_and(|date| account.set_clock(now, date));
        if !is_refused || !is_skewed {
            let skew = account.skew_seconds();
            if skew != 0 {
                trouble.message.push_str(&format!("; this machine's clock is {skew} s off the provider's"));
            }
            return Err(trouble);
        }
    }
}

/// Asks with a refresh token, and stores the next one before the access token is used.
async fn refreshed(
    means: &Means,
    client: &Client,
    scope: Option<&str>,
    file: &RefreshFile,
    old: &SecretString,
) -> Result<Issued, Trouble> {
    let issued = by_refresh_token(means, client, scope, old).await?;
    if let Some(new) = &issued.refresh {
        file.store(Some(old), new);
    }
    Ok(issued)
}

/// The same with one that somebody keeps, whose turn it is.
async fn kept(
    means: &Means,
    client: &Client,
    scope: Option<&str>,
    keeper: &dyn RefreshKeeper,
) -> Result<Issued, Trouble> {
    let old = keeper.read().await.map_err(Trouble::passing)?;
    let nobody = || Trouble::lasting(Class::AuthTokenExpired, "nobody has consented yet");
    let old = old.ok_or_else(nobody)?;
    let issued = by_refresh_token(means, client, scope, &old).await?;
    if let Some(new) = &issued.refresh {
        keeper.store(&old, new).await;
    }
    Ok(issued)
}

async fn by_refresh_token(
    means: &Means,
    client: &Client,
    scope: Option<&str>,
    old: &SecretString,
) -> Result<Issued, Trouble> {
    let mut form = vec![
        ("grant_type", "refresh_token"),
        ("client_id", client.id.as_str()),
        ("refresh_token", old.expose_secret()),
    ];
    form.extend(scope.map(|scope| ("scope", scope)));
    client.sign(&mut form);
    answered(means, &client.token_url, &form).await
}
