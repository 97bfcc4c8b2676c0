//! Puts a mailbox's run together: locations, secrets, ledger, options, as the engine takes them.
//! Never begins it, and never shows a secret.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use malote_engine::failure::{Class, Failure, Reach, Retry, Side};
use malote_engine::imap::Location;
use malote_engine::ledger::sql::{PostgresLedger, SqliteLedger};
use malote_engine::ledger::{Ledger, PairIdentity};
use malote_engine::profile::{Profile, named};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::credentials::{Credentials, Login, NoSecret};
use super::options::{RunOptions, WantedUnreadable};
use super::worker::Ledgers;
use crate::api::providers::WRITTEN_MAX;
use crate::cli::args::{StoreArgs, UnreadableArg};
use crate::cli::assemble::{Assembled, End, Keeping, Pair, Parts, Shared, put_together};
use crate::cli::files::Files;
use crate::cli::state;
use crate::store::mailboxes::{Endpoint, Mailbox};
use crate::store::uploads::UploadFile;
use crate::store::words::SourceType;
use crate::store::{Store, StoreError};
use crate::uploads::{UploadError, place};

/// Longest time in seconds that the second reader of a store may take in one run.
const SECOND_OPINION_SECONDS: u64 = 600;

/// Why a run could not be put together.
#[derive(Debug)]
pub(super) enum Unready {
    /// Somebody must change something; the class and the words say what.
    Wrong(Class, String),
    /// The engine's own failure, such as a ledger that cannot be opened.
    Failed(Failure),
    /// The service's database did not answer.
    Store(StoreError),
}

impl From<StoreError> for Unready {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for Unready {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What a worker brings to every run.
pub(super) struct Bench<'a> {
    pub store: &'a Store,
    pub credentials: &'a dyn Credentials,
    pub ledgers: &'a Ledgers,
    pub data: &'a Path,
    pub shared: Shared,
}

/// Puts the run on a mailbox together; also its options, and what was coped with.
pub(super) async fn assemble(
    bench: &Bench<'_>,
    mailbox: &Mailbox,
    options: &RunOptions,
) -> Result<Assembled, Unready> {
    let wrong = |words: String| Unready::Wrong(Class::Usage, words);
    let policy = options.policy(&mailbox.folder_map_json).map_err(wrong)?;
    let source = source(bench, mailbox).await?;
    let destination = side(bench.store, bench.credentials, mailbox, Side::Destination).await?;
    let is_archive = mailbox.source_type.is_archive();
    let mut pair = Pair::new(source, destination);
    if is_archive {
        // Its name on the disk is nothing to a ledger: the data folder may move.
        pair.identity.source = format!("upload:{}", mailbox.pst_path);
    }
    if pair.identity.source == pair.identity.destination {
        return Err(wrong("the source and the destination are the same mailbox".to_owned()));
    }
    let name = state::file_name(&pair.identity);
    let (ledger, warning) = open_ledger(bench, &pair.identity, &name).await?;
    let observed = folder_of(bench.data, "ledgers").map_err(wrong)?.join(format!("{name}.observed.json"));
    let quarantine = folder_of(bench.data, "quarantine").map_err(wrong)?.join(mailbox.id.to_string());
    let uids = folder_of(bench.data, "ledgers").map_err(wrong)?.join(format!("{name}.uids"));
    let (store, keeping) = (reading(options), Keeping::Writes);
    let parts = Parts { pair, ledger, observed, uids, store, keeping, policy, quarantine };
    let mut assembled = put_together(parts, &bench.shared).map_err(|stopped| wrong(stopped.message))?;
    assembled.warnings.extend(warning);
    Ok(assembled)
}

/// How stores are read for a run.
pub(super) fn reading(options: &RunOptions) -> StoreArgs {
    let is_stub = options.unreadable == Some(WantedUnreadable::Stub);
    let unreadable = if is_stub { UnreadableArg::Stub } else { UnreadableArg::Quarantine };
    StoreArgs { unreadable, second_opinion: SECOND_OPINION_SECONDS, ..StoreArgs::default() }
}

/// Where a mailbox's mail comes from: a server, or an uploaded file.
async fn source(bench: &Bench<'_>, mailbox: &Mailbox) -> Result<End, Unready> {
    if mailbox.source_type == SourceType::Zimbra {
        let words = "Zimbra's own export is not driven by this version: upload its tgz, or use IMAP";
        return Err(Unready::Wrong(Class::Usage, words.to_owned()));
    }
    if mailbox.source_type.is_archive() {
        return files(bench, mailbox).await.map(End::Files);
    }
    Ok(side(bench.store, bench.credentials, mailbox, Side::Source).await?.into())
}

/// The uploaded file of a mailbox.
pub(super) async fn files(bench: &Bench<'_>, mailbox: &Mailbox) -> Result<Files, Unready> {
    let file = uploaded(bench, mailbox).await?;
    place::files(&bench.data.join("uploads"), &mailbox.pst_path, &file).map_err(unplaced)
}

/// Reads the uploaded file of a mailbox through once, and refuses one that is not what was uploaded.
pub(super) async fn prove(bench: &Bench<'_>, mailbox: &Mailbox) -> Result<(), Unready> {
    let file = uploaded(bench, mailbox).await?;
    let (folder, stop) = (bench.data.join("uploads"), bench.shared.stop.clone());
    place::prove(&folder, &mailbox.pst_path, &file, stop).await.map_err(unplaced)
}

async fn uploaded(bench: &Bench<'_>, mailbox: &Mailbox) -> Result<UploadFile, Unready> {
    let wrong = |words: String| Unready::Wrong(Class::Usage, words);
    if mailbox.pst_path.is_empty() {
        let words = format!("no file was uploaded for this mailbox of type {}", mailbox.source_type);
        return Err(wrong(words));
    }
    let file = bench.store.upload_file(&mailbox.pst_path).await?;
    file.ok_or_else(|| wrong("the mailbox's file was never uploaded".to_owned()))
}

fn unplaced(error: UploadError) -> Unready {
    match error {
        // Another machine may have it, or its disk may come back.
        UploadError::Disk { .. } => {
            let message = format!("{error}; workers on several machines share the folder uploads");
            let (class, reach) = (Class::Ledger, Reach::Account);
            Unready::Failed(Failure::new(Side::Local, class, reach, Retry::Again, message))
        }
        other => Unready::Wrong(Class::Usage, format!("the mailbox's file cannot be read: {other}")),
    }
}

/// A folder of the data folder, made where it is missing, readable by its owner alone.
pub(super) fn folder_of(data: &Path, name: &str) -> Result<PathBuf, String> {
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = data.join(name);
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|cause| format!("making the folder {}: {cause}", folder.display()))?;
    Ok(folder)
}

/// Opens a mailbox's ledger: a file of its own, or its part of the database.
async fn open_ledger(
    bench: &Bench<'_>,
    identity: &PairIdentity,
    name: &str,
) -> Result<(Arc<dyn Ledger>, Option<String>), Unready> {
    match bench.ledgers {
        Ledgers::Files => {
            let folder = folder_of(bench.data, "ledgers").map_err(|words| {
                let message = format!("opening the ledger: {words}");
                Failure::new(Side::Local, Class::Ledger, Reach::Account, Retry::Again, message)
            })?;
            let (ledger, aside) = SqliteLedger::open_or_set_aside(&folder.join(name)).await?;
            let warning = aside.map(|aside| {
                format!(
                    "the ledger was damaged and lies now at {}; a new one was begun, and what is at the \
                     destination already is adopted, not copied again",
                    aside.display()
                )
            });
            Ok((Arc::new(ledger), warning))
        }
        Ledgers::Postgres(url) => {
            let key = format!("{} {}", identity.source, identity.destination);
            Ok((Arc::new(PostgresLedger::connect(url, &key).await?), None))
        }
    }
}

/// One side of a mailbox, ready to be connected to.
async fn side(
    store: &Store,
    credentials: &dyn Credentials,
    mailbox: &Mailbox,
    side: Side,
) -> Result<malote_engine::imap::Endpoint, Unready> {
    let id = if side == Side::Source { &mailbox.source_endpoint_id } else { &mailbox.dest_endpoint_id };
    let server = match id {
        Some(id) => store.endpoint(id).await?,
        None => None,
    };
    let wrong = |words: String| Unready::Wrong(Class::Usage, words);
    if let Some(server) = server.as_ref().filter(|server| !server.is_enabled) {
        return Err(wrong(format!("the server {} is switched off", server.name)));
    }
    let allow_cleartext = server.as_ref().is_some_and(|server| server.allow_cleartext);
    let unready = |error: NoSecret| match error {
        NoSecret::Missing(_) | NoSecret::Unusable(_) => {
            Unready::Wrong(Class::AuthBadCredentials, error.to_string())
        }
        NoSecret::Passing(_) => Unready::Failed(Failure::new(
            side,
            Class::Ledger,
            Reach::Account,
            Retry::Again,
            error.to_string(),
        )),
    };
    let login = credentials.login(mailbox, side).await.map_err(unready)?;
    let text = location(mailbox, server.as_ref(), side, login.as_ref()).map_err(wrong)?;
    let location = Location::parse(&text, allow_cleartext)?;
    let secret = credentials.secret(mailbox, side).await.map_err(unready)?;
    let mut endpoint = location.endpoint(side, secret);
    endpoint.resolver = credentials.resolver(mailbox, side).await.map_err(unready)?;
    endpoint.extra_roots.extend(credentials.roots());
    match server {
        Some(server) => {
            endpoint.extra_roots.extend_from_slice(server.ca_pem.as_bytes());
            if server.profile.is_empty() {
                endpoint.written = written(store).await?;
            } else {
                endpoint.profile = Some(profile(store, &server.profile).await?);
            }
        }
        None => endpoint.written = written(store).await?,
    }
    Ok(endpoint)
}

/// What operators wrote of families of servers, for those that are recognised rather than named.
async fn written(store: &Store) -> Result<Vec<Arc<Profile>>, Unready> {
    let rows = store.profiles(WRITTEN_MAX).await?;
    // A text was read when it was kept; one that an older program kept and this one cannot read recognises nobody.
    let read = rows.iter().filter(|row| !row.text.is_empty()).filter_map(|row| Profile::read(&row.text).ok());
    Ok(read.map(Arc::new).collect())
}

/// The profile of a name: the operator's own, else the shipped one.
async fn profile(store: &Store, name: &str) -> Result<Arc<Profile>, Unready> {
    let wrong = |words: String| Unready::Wrong(Class::Usage, words);
    if let Some(row) = store.profile(name).await?.filter(|row| !row.text.is_empty()) {
        let read = Profile::read(&row.text);
        return read.map(Arc::new).map_err(|error| wrong(format!("the profile {name}: {error}")));
    }
    named(name).ok_or_else(|| wrong(format!("no profile is called {name}")))
}

/// One side of a mailbox as a run would connect to it, for whoever tries a login.
///
/// # Errors
/// A sentence, where it cannot be put together.
pub async fn login_of(
    store: &Store,
    credentials: &dyn Credentials,
    mailbox: &Mailbox,
    which: Side,
) -> Result<malote_engine::imap::Endpoint, String> {
    side(store, credentials, mailbox, which).await.map_err(|unready| match unready {
        Unready::Wrong(_, words) => words,
        Unready::Failed(failure) => failure.message,
        Unready::Store(error) => error.to_string(),
    })
}

/// A mailbox at a server; `login` opens it in its own right, where that is another one.
///
/// # Errors
/// A sentence, where a name is none.
pub fn login_at(server: &Endpoint, user: &str, login: Option<&str>) -> Result<Location, String> {
    let text = at_server(server, user, (user, login), server.kind == "imap_oauth")?;
    Location::parse(&text, server.allow_cleartext).map_err(|failure| failure.message)
}

/// A side's place as the command line would write it, so that one reader takes both.
fn location(
    mailbox: &Mailbox,
    server: Option<&Endpoint>,
    side: Side,
    login: Option<&Login>,
) -> Result<String, String> {
    let is_source = side == Side::Source;
    let own_user = if is_source { &mailbox.source_user } else { &mailbox.dest_user };
    let user = if own_user.is_empty() { &mailbox.email } else { own_user };
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let Some(server) = server else {
        let hosts = if is_source {
            [&mailbox.source_host, ""]
        } else {
            [mailbox.dest_host.as_str(), mailbox.job_dest_host.as_str()]
        };
        let host = hosts.into_iter().find(|host| !host.is_empty());
        let host = host.ok_or_else(|| format!("no host is named for the {}", side.as_str()))?;
        let auth =
            if is_source && mailbox.source_type == SourceType::ImapOauth { "?auth=xoauth2" } else { "" };
        return Ok(format!("imaps://{}@{}{auth}", encode(user), plain_host(host)?));
    };
    let is_token = is_source && mailbox.source_type == SourceType::ImapOauth;
    at_server(server, &mailbox.email, (user, login.map(|login| login.user.as_str())), is_token)
}

fn at_server(
    server: &Endpoint,
    email: &str,
    (user, login): (&str, Option<&str>),
    is_token: bool,
) -> Result<String, String> {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut query = Vec::new();
    if server.tls == "off" {
        query.push("tls=off".to_owned());
    }
    if !server.auth.is_empty() {
        query.push(format!("auth={}", server.auth));
    } else if is_token {
        query.push("auth=xoauth2".to_owned());
    }
    let other = login.filter(|login| *login != user);
    if !server.authzid_template.is_empty() {
        query.push(format!("authzid={}", encode(&server.authzid_template.replace("{user}", email))));
    } else if other.is_some() {
        query.push(format!("authzid={}", encode(user)));
    }
    let user = other.unwrap_or(user);
    if !server.pin.is_empty() {
        query.push(format!("pin={}", server.pin));
    }
    let scheme = if server.tls == "implicit" { "imaps" } else { "imap" };
    let port = if server.port == 0 { String::new() } else { format!(":{}", server.port) };
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    Ok(format!("{scheme}://{}@{}{port}{query}", encode(user), plain_host(&server.host)?))
}

/// A host, with a port or without: nothing that could become another part of a location.
fn plain_host(host: &str) -> Result<&str, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || ".-_:[]".contains(letter);
    if host.is_empty() || !host.chars().all(is_plain) {
        return Err(format!("{host:?} is no host"));
    }
    Ok(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(source_type: SourceType) -> Mailbox {
        Mailbox {
            id: 1,
            job_id: 1,
            tenant_id: 1,
            email: "ana@x.br".to_owned(),
            source_type,
            source_host: "old.x.br".to_owned(),
            source_user: String::new(),
            dest_user: "ana new".to_owned(),
            dest_host: String::new(),
            job_dest_host: "mail.x.br:1993".to_owned(),
            pst_path: String::new(),
            folder_map_json: String::new(),
            job_options_json: String::new(),
            options_json: String::new(),
            context_id: None,
            source_endpoint_id: None,
            dest_endpoint_id: None,
            priority: 0,
            has_scan: false,
            phase: "initial_sync".to_owned(),
            is_enabled: true,
            source_credential_id: String::new(),
            dest_credential_id: String::new(),
        }
    }

    fn server() -> Endpoint {
        Endpoint {
            id: "1".to_owned(),
            name: "old".to_owned(),
            kind: "imap".to_owned(),
            profile: String::new(),
            host: "127.0.0.1".to_owned(),
            port: 1143,
            tls: "off".to_owned(),
            auth: "plain".to_owned(),
            authzid_template: "{user}".to_owned(),
            pin: String::new(),
            ca_pem: String::new(),
            connections_max: 0,
            is_enabled: true,
            allow_cleartext: false,
            allow_private: true,
            allowed_networks_json: "[]".to_owned(),
        }
    }

    #[test]
    fn a_side_is_written_as_the_command_line_would_and_reads_back() {
        let (imap, oauth) = (mailbox(SourceType::Imap), mailbox(SourceType::ImapOauth));
        for (mailbox, server, side, expected) in [
            (&imap, None, Side::Source, "imaps://ana%40x%2Ebr@old.x.br"),
            (&oauth, None, Side::Source, "imaps://ana%40x%2Ebr@old.x.br?auth=xoauth2"),
            (&imap, None, Side::Destination, "imaps://ana%20new@mail.x.br:1993"),
            (
                &imap,
                Some(server()),
                Side::Source,
                "imap://ana%40x%2Ebr@127.0.0.1:1143?tls=off&auth=plain&authzid=ana%40x%2Ebr",
            ),
        ] {
            let text = location(mailbox, server.as_ref(), side, None).unwrap();
            assert_eq!(text, expected);
            assert!(Location::parse(&text, false).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_host_is_never_more_than_a_host() {
        for host in ["", "h?tls=off", "u@h", "h/x", "h h", "h\r\nx", "h#"] {
            let sly = Mailbox { source_host: host.to_owned(), ..mailbox(SourceType::Imap) };
            assert!(location(&sly, None, Side::Source, None).is_err(), "{host:?}");
        }
        let sly = Mailbox { source_user: "x\r\nLOGOUT".to_owned(), ..mailbox(SourceType::Imap) };
        let read = location(&sly, None, Side::Source, None).map(|text| Location::parse(&text, false).is_ok());
        assert!(!read.unwrap_or(false), "a user's name is more than one line");
        for user in ["a@b:c?tls=off", "é"] {
            let sly = Mailbox { source_user: user.to_owned(), ..mailbox(SourceType::Imap) };
            let text = location(&sly, None, Side::Source, None).unwrap();
            let read = Location::parse(&text, false).unwrap();
            assert_eq!((read.user.as_str(), read.host.as_str()), (user, "old.x.br"), "{text}");
        }
    }
}
