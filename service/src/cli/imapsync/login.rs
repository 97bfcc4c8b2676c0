//! From an account to an endpoint: the protection that the server offers, and the secret.
//! Never sends a secret over a line that is not protected, unless its user says `--nossl --notls`.

use std::sync::Arc;
use std::time::Duration;

use malote_engine::failure::{Class, Failure};
use malote_engine::imap::{Endpoint, Greeting, Location, SecretSource, SecretString, Security, greeting};

use super::super::args::TrustArgs;
use super::super::assemble;
use super::super::secret::{self, Asking, Brokers, Wish as SecretWish};
use super::account::{Account, Key, Line};
use super::ending::{Code, Trouble};
use super::journal::Journal;
use super::wish::Wish;

/// How long port 993 is tried where nothing says that it is there.
const PROBE_MAX: Duration = Duration::from_secs(10);

/// What is trusted on one side.
pub fn trust(account: &Account) -> TrustArgs {
    TrustArgs {
        allow_cleartext: true,
        ca_file: account.ca_file.clone(),
        timeout: account.timeout,
        ..TrustArgs::default()
    }
}

/// An endpoint, ready to log in.
pub async fn endpoint(account: &Account, wish: &Wish, journal: &Journal) -> Result<Endpoint, Trouble> {
    let location = location(account, journal).await?;
    let secret = key(account, wish)?;
    let endpoint = assemble::endpoint(account.side, location, secret, &trust(account));
    endpoint.map_err(|stopped| Trouble::new("EX_NOINPUT", Code::NoInput, stopped.message))
}

/// What the server says before any login, for `--justconnect`.
pub async fn greet(account: &Account, journal: &Journal) -> Result<Greeting, Trouble> {
    let location = location(account, journal).await?;
    greeted(account, location, None).await.map_err(|failure| trouble(&failure))
}

/// Where the account is, the protection decided.
async fn location(account: &Account, journal: &Journal) -> Result<Location, Trouble> {
    let label = account.label();
    let tries_tls = match account.line {
        Line::Tls => return Ok(account.location(Security::Tls)),
        Line::StartTls => return Ok(account.location(Security::StartTls)),
        Line::Clear => {
            if !account.is_loopback() {
                journal.line(&format!(
                    "{label}: warning! --nossl{0} --notls{0}: the password and all mail pass the network in clear",
                    account.digit
                ));
            }
            return Ok(account.location(Security::Clear));
        }
        Line::AsOffered { tries_tls } => tries_tls,
    };
    if tries_tls {
        journal
            .line(&format!("{label}: probing ssl on port 993 ( use --nosslcheck to avoid this ssl probe )"));
        let probed = greeted(account, account.location(Security::Tls), Some(PROBE_MAX)).await;
        // A certificate that is not trusted is TLS all the same: the login will say what is wrong with it.
        if probed.map_or_else(|failure| failure.class == Class::TlsUntrusted, |_| true) {
            journal.line(&format!("{label}: sslcheck detected open ssl port 993 so turning ssl on"));
            return Ok(account.location(Security::Tls));
        }
        journal.line(&format!(
            "{label}: sslcheck did not detected open ssl port 993. Will use standard 143 port."
        ));
    }
    let clear = account.location(Security::Clear);
    let said = greeted(account, clear.clone(), None).await.map_err(|failure| trouble(&failure))?;
    if said.capabilities.has("STARTTLS") {
        journal.line(&format!("{label}: going to ssl because STARTTLS is in CAPABILITY."));
        return Ok(account.location(Security::StartTls));
    }
    if account.is_loopback() {
        return Ok(clear);
    }
    let sentence = format!(
        "{label} failure: Can not go to tls encryption on {}: it offers none; use --ssl{1}, or --nossl{1} --notls{1} \
         to send password and mail in clear",
        account.host, account.digit
    );
    Err(Trouble::new("ERR_EXIT_TLS_FAILURE", Code::Tls, sentence))
}

async fn greeted(account: &Account, location: Location, most: Option<Duration>) -> Result<Greeting, Failure> {
    let no_secret: Arc<dyn SecretSource> = secret::known(SecretString::from(""));
    let mut endpoint =
        assemble::endpoint(account.side, location, no_secret, &trust(account)).map_err(|stopped| {
            Failure::new(
                account.side,
                Class::Usage,
                malote_engine::failure::Reach::Account,
                malote_engine::failure::Retry::Never,
                stopped.message,
            )
        })?;
    endpoint.connect_max = endpoint.connect_max.min(most.unwrap_or(endpoint.connect_max));
    greeting(&endpoint).await
}

fn trouble(failure: &Failure) -> Trouble {
    Trouble::of(&malote_engine::report::ErrorEntry::from(failure))
}

/// The secret: a token, a file's first line, the environment, the command line, the terminal.
fn key(account: &Account, wish: &Wish) -> Result<Arc<dyn SecretSource>, Trouble> {
    let no_input = |sentence: String| Trouble::new("EX_NOINPUT", Code::NoInput, sentence);
    let digit = account.digit;
    match &account.key {
        Key::Token(text) => {
            let Some(file) = account.token_file() else {
                return Ok(secret::known_token(SecretString::from(text.clone())));
            };
            let token = SecretWish { token_file: Some(file.to_path_buf()), ..SecretWish::default() };
            let found = secret::without_prompt(account.side, &token, &secret::surroundings());
            let found = found.map_err(|stopped| no_input(stopped.message))?;
            found.ok_or_else(|| no_input(format!("no token in {}", file.display())))
        }
        Key::File(path) => {
            let text = std::fs::read_to_string(path).map(zeroize::Zeroizing::new).map_err(|cause| {
                no_input(format!(
                    "Failure: file from parameter --passfile{digit} {} does not exist or is not readable: {cause}",
                    path.display()
                ))
            })?;
            let first = text.lines().next().unwrap_or_default();
            if first.is_empty() {
                return Err(no_input(format!(
                    "Failure: the first line of --passfile{digit} {} is empty",
                    path.display()
                )));
            }
            Ok(secret::known(SecretString::from(first)))
        }
        Key::Password => {
            let from_environment = std::env::var(format!("IMAPSYNC_PASSWORD{digit}")).ok();
            let given = from_environment
                .filter(|text| !text.is_empty())
                .or_else(|| wish.text(&format!("password{digit}")).map(str::to_owned));
            if let Some(text) = given {
                return Ok(secret::known(SecretString::from(text)));
            }
            let place = format!("{} at {}", account.admin.as_ref().unwrap_or(&account.user), account.host);
            let (location, wish) = (account.location(Security::Tls), SecretWish::default());
            let brokers = Brokers::new(&trust(account), Asking::Never);
            let brokers = brokers.map_err(|stopped| no_input(stopped.message))?;
            let around = secret::surroundings();
            secret::find(account.side, &wish, &location, &around, &brokers).map_err(|_| {
                Trouble::new(
                    "EX_USAGE",
                    Code::Usage,
                    format!(
                        "no password for {place}: give --passfile{digit} FILE, set IMAPSYNC_PASSWORD{digit}, or run on \
                         a terminal to be asked"
                    ),
                )
            })
        }
    }
}
