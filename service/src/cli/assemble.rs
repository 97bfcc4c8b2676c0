//! Puts a run together from what the operator asked for: endpoints, ledger, quarantine, policy.
//! The only place of the command line that knows which engine parts are behind the traits.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use malote_engine::destination::Destination;
use malote_engine::destination::imap::ImapDestination;
use malote_engine::failure::{Failure, Side};
use malote_engine::imap::host::Hosts;
pub use malote_engine::imap::{Endpoint, Finding, Location, Probe, SecretSource, probe};
use malote_engine::ledger::memory::MemoryLedger;
use malote_engine::ledger::sql::SqliteLedger;
use malote_engine::ledger::{Ledger, PairIdentity};
use malote_engine::observed::{Notes, Observed};
use malote_engine::pace::Pace;
use malote_engine::policy::Policy;
use malote_engine::profile::{Profile, named, shipped};
use malote_engine::quarantine::QuarantineFolder;
use malote_engine::run::{BUDGET_OCTETS, Job};
use malote_engine::source::Source;
use malote_engine::source::archive::book::Book;
use malote_engine::source::imap::ImapSource;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::args::{PaceArgs, RepairArg, StoreArgs, TrustArgs, WorkArgs};
use super::exit::Stopped;
use super::files::Files;
use super::state;

/// Connections per side at most where nobody says; a run begins with fewer and opens more while that pays.
const CONNECTIONS_UNSAID: u16 = 8;

/// Largest file of certificates that is read, in octets.
const CA_OCTETS_MAX: u64 = 16 * 1024 * 1024;

/// Octets of a user's name that stand for themselves in a pair's identity.
const PLAIN: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'*').remove(b'@');

/// What all runs of a process share: memory, speed, the wish to stop.
#[derive(Clone)]
pub struct Shared {
    /// Octets of messages that may be held in memory.
    pub budget: Arc<Semaphore>,
    /// Ceilings per second.
    pub pace: Arc<Pace>,
    /// What each server bears, whoever's mailboxes are moved.
    pub hosts: Arc<Hosts>,
    /// Cancelled when everything shall finish what is in flight and stop.
    pub stop: CancellationToken,
}

impl Shared {
    /// One budget and one pace, as asked for; each server bears as many connections as it shows to.
    pub fn new(pace: &PaceArgs) -> Self {
        Self {
            hosts: Arc::default(),
            budget: Arc::new(Semaphore::new(BUDGET_OCTETS)),
            pace: Arc::new(Pace::new(pace.rate_bytes, pace.rate_messages)),
            stop: CancellationToken::new(),
        }
    }
}

/// Whether a command may make files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// The ledger is made where there is none, and put aside where it is damaged.
    Writes,
    /// What is there is read; where there is nothing, nothing is made.
    ReadsOnly,
}

/// One side as its location names it.
pub enum Place {
    /// A mailbox on a server.
    Server(Location),
    /// Mail in files.
    Files(Files),
}

/// One side, ready to be worked on.
#[derive(Clone)]
pub enum End {
    /// A mailbox on a server.
    Server(Box<Endpoint>),
    /// Mail in files.
    Files(Files),
}

impl From<Endpoint> for End {
    fn from(endpoint: Endpoint) -> Self {
        Self::Server(Box::new(endpoint))
    }
}

impl End {
    /// What this side is to a ledger.
    fn identity(&self) -> String {
        match self {
            Self::Server(endpoint) => identity(&endpoint.location),
            Self::Files(files) => files.to_string(),
        }
    }
}

/// Two mailboxes, ready to be worked on.
#[derive(Clone)]
pub struct Pair {
    /// Where mail comes from.
    pub source: End,
    /// Where it goes to.
    pub destination: End,
    /// Which two mailboxes these are.
    pub identity: PairIdentity,
}

impl Pair {
    /// Two sides and what they are to a ledger.
    pub fn new(source: impl Into<End>, destination: impl Into<End>) -> Self {
        let (source, destination) = (source.into(), destination.into());
        let identity = PairIdentity { source: source.identity(), destination: destination.identity() };
        Self { source, destination, identity }
    }

    /// Why these two cannot be copied from one to the other, if that is so.
    pub fn contradiction(&self) -> Option<&'static str> {
        match (&self.source, &self.destination) {
            _ if self.identity.source == self.identity.destination => Some("are the same mailbox"),
            (End::Files(source), End::Files(destination)) if source.overlaps(destination) => {
                Some("lie within each other: what is written would be read again")
            }
            _ => None,
        }
    }
}

/// Reads one side's location, whatever it names.
pub fn place(side: Side, text: &str, trust: &TrustArgs) -> Result<Place, Stopped> {
    match Files::parse(side, text)? {
        Some(files) => Ok(Place::Files(files)),
        None => Ok(Place::Server(server(side, text, trust)?)),
    }
}

/// What a place is to a ledger.
pub fn identity_of(place: &Place) -> String {
    match place {
        Place::Server(location) => identity(location),
        Place::Files(files) => files.to_string(),
    }
}

/// Reads one side's location where only a server will do.
pub fn location(side: Side, text: &str, trust: &TrustArgs) -> Result<Location, Stopped> {
    match place(side, text, trust)? {
        Place::Server(location) => Ok(location),
        Place::Files(_) => Err(Stopped::usage(format!(
            "{} {text}: a server is needed here: imaps:// or imap://",
            option(side)
        ))),
    }
}

fn server(side: Side, text: &str, trust: &TrustArgs) -> Result<Location, Stopped> {
    let option = option(side);
    Location::parse(text, trust.allow_cleartext).map_err(|failure| {
        let stopped = Stopped::from(failure);
        Stopped { message: format!("{option}: {}", stopped.message), ..stopped }
    })
}

/// One side, with its secret and what is trusted there.
pub fn endpoint(
    side: Side,
    location: Location,
    secret: Arc<dyn SecretSource>,
    trust: &TrustArgs,
) -> Result<Endpoint, Stopped> {
    let mut endpoint = location.endpoint(side, secret);
    let own = if side == Side::Source { &trust.from_ca_file } else { &trust.to_ca_file };
    for path in trust.ca_file.iter().chain(own) {
        endpoint.extra_roots.extend(certificates(path)?);
        endpoint.extra_roots.push(b'\n');
    }
    let own = if side == Side::Source { &trust.from_profile } else { &trust.to_profile };
    endpoint.profile = own.as_deref().map(|name| profile(side, name)).transpose()?;
    if let Some(seconds) = trust.timeout {
        endpoint.progress_max = Duration::from_secs(seconds);
        endpoint.connect_max = endpoint.connect_max.min(endpoint.progress_max);
    }
    Ok(endpoint)
}

/// The profile of this name, or the one in this file.
fn profile(side: Side, name: &str) -> Result<Arc<Profile>, Stopped> {
    if let Some(profile) = named(name) {
        return Ok(profile);
    }
    let option = if side == Side::Destination { "--to-profile" } else { "--from-profile" };
    let text = std::fs::read_to_string(name).map_err(|cause| {
        let known: Vec<&str> = shipped().iter().map(|profile| profile.name.as_str()).collect();
        Stopped::usage(format!("{option} {name}: {cause}, and it is none of {}", known.join(", ")))
    })?;
    let read = Profile::read(&text).map_err(|wrong| Stopped::usage(format!("{option} {name}: {wrong}")))?;
    Ok(Arc::new(read))
}

/// Certificates in PEM, from a file.
pub fn certificates(path: &Path) -> Result<Vec<u8>, Stopped> {
    let fail = |cause: &str| Stopped::usage(format!("reading certificates from {}: {cause}", path.display()));
    let length = std::fs::metadata(path).map_err(|cause| fail(&cause.to_string()))?.len();
    if length > CA_OCTETS_MAX {
        return Err(fail("the file is too large for certificates"));
    }
    let pem = std::fs::read(path).map_err(|cause| fail(&cause.to_string()))?;
    let has_certificate = pem.windows(27).any(|octets| octets == b"-----BEGIN CERTIFICATE-----");
    if has_certificate { Ok(pem) } else { Err(fail("it holds no -----BEGIN CERTIFICATE-----")) }
}

/// Which mailbox a location opens, whoever logs in: an administrator's login for Ana and Ana's own are the same
/// mailbox, and one administrator's logins for Ana and Bia are two.
pub fn identity(location: &Location) -> String {
    let scheme = if location.to_string().starts_with("imaps:") { "imaps" } else { "imap" };
    let owner = location.authzid.as_ref().unwrap_or(&location.user);
    let host =
        if location.host.contains(':') { format!("[{}]", location.host) } else { location.host.clone() };
    format!("{scheme}://{}@{host}:{}", utf8_percent_encode(owner, &PLAIN), location.port)
}

/// What the operator wants, as the engine takes it.
pub fn policy(work: &WorkArgs) -> Policy {
    let WorkArgs { selection, changes, pace, .. } = work;
    Policy {
        folders: selection.folder.clone(),
        excludes: selection.exclude.clone(),
        maps: selection.map.clone(),
        into: selection.into.clone(),
        since_unix_seconds: selection.since,
        before_unix_seconds: selection.before,
        octets_max: selection.max_size,
        wanted_octets_min: selection.skip_smaller,
        wanted_octets_max: selection.skip_larger,
        only_folders: selection.only_folders,
        duplicates: changes.duplicates.into(),
        mirror_deletes: changes.mirror_deletes,
        delete_percent_max: changes.delete_limit,
        flags: changes.flags.into(),
        labels: changes.gmail_labels.into(),
        octets_per_second: pace.rate_bytes,
        messages_per_second: pace.rate_messages,
        connections: usize::from(pace.connections.unwrap_or(CONNECTIONS_UNSAID)),
        on_clash: changes.on_clash.into(),
        waits_for_allowance: pace.wait,
        repairs: changes.repair == RepairArg::On,
        accepted_damage: changes.accept_damage.clone(),
        ..Policy::default()
    }
}

/// A run that only needs to be started, and what came up while it was put together.
pub struct Assembled {
    /// The run.
    pub job: Job,
    /// For the report.
    pub warnings: Vec<String>,
    /// What the servers are seen to do, and where that is kept; nowhere for a command that makes no files.
    seen: Option<Seen>,
}

/// What is noted of both servers, and its file.
struct Seen {
    path: PathBuf,
    source: Arc<Notes>,
    destination: Arc<Notes>,
}

impl Seen {
    /// Begins with what earlier runs saw.
    fn begin(pair: &mut Pair, path: PathBuf) -> Self {
        let now = now();
        let Observed { source, destination, .. } = Observed::load(&path).unwrap_or_default();
        let (source, destination) =
            (Arc::new(Notes::begin(source, now)), Arc::new(Notes::begin(destination, now)));
        for (end, notes) in [(&mut pair.source, &source), (&mut pair.destination, &destination)] {
            if let End::Server(endpoint) = end {
                endpoint.notes = Arc::clone(notes);
            }
        }
        Self { path, source, destination }
    }

    /// Keeps it for the next run. Where it cannot be written, the next run learns it again.
    fn save(&self) {
        let now = now();
        let (source, destination) = (self.source.observed(now), self.destination.observed(now));
        if let Err(cause) = (Observed { source, destination, ..Observed::default() }).save(&self.path) {
            tracing::warn!("what the servers were seen to do could not be kept: {cause}");
        }
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Puts a run together; `state` is where its ledger lies.
pub async fn assemble(
    pair: Pair,
    state: &Path,
    keeping: Keeping,
    work: &WorkArgs,
    shared: &Shared,
) -> Result<Assembled, Stopped> {
    let mut warnings = Vec::new();
    let ledger: Arc<dyn Ledger> = match keeping {
        Keeping::Writes => {
            state::make_folder_of(state)?;
            let (ledger, aside) = SqliteLedger::open_or_set_aside(state).await?;
            if let Some(aside) = aside {
                warnings.push(format!(
                    "the ledger was damaged and lies now at {}; a new one was begun, and what is at the \
                     destination already is adopted, not copied again",
                    aside.display()
                ));
            }
            Arc::new(ledger)
        }
        Keeping::ReadsOnly if state.exists() => {
            Arc::new(SqliteLedger::open(state).await.map_err(Failure::from)?)
        }
        Keeping::ReadsOnly => Arc::new(MemoryLedger::new()),
    };
    let parts = Parts {
        pair,
        ledger,
        observed: state::observed_beside(state),
        uids: state::uids_beside(state),
        store: work.store.clone(),
        keeping,
        policy: policy(work),
        quarantine: work.quarantine.clone().unwrap_or_else(|| state::quarantine_beside(state)),
    };
    Ok(Assembled { warnings, ..put_together(parts, shared)? })
}

/// What a run is put together from.
pub struct Parts {
    /// Both mailboxes.
    pub pair: Pair,
    /// What is remembered of them.
    pub ledger: Arc<dyn Ledger>,
    /// Where it is kept what the servers are seen to do.
    pub observed: PathBuf,
    /// The folder for UIDs of files that have none of their own.
    pub uids: PathBuf,
    /// How personal stores are read.
    pub store: StoreArgs,
    /// Whether these files may be written.
    pub keeping: Keeping,
    /// What is wanted.
    pub policy: Policy,
    /// The folder for refused messages.
    pub quarantine: PathBuf,
}

/// Puts a run together from its parts.
///
/// # Errors
/// Where the destination is of a kind that is not written.
pub fn put_together(parts: Parts, shared: &Shared) -> Result<Assembled, Stopped> {
    let Parts { mut pair, ledger, observed, uids, store, keeping, policy, quarantine } = parts;
    let seen = Seen::begin(&mut pair, observed);
    for end in [&mut pair.source, &mut pair.destination] {
        if let End::Server(endpoint) = end {
            endpoint.host = shared.hosts.host(&endpoint.location.host, endpoint.location.port);
        }
    }
    let mut job = Job::new(
        source(pair.source, Book::kept_in(uids, keeping == Keeping::Writes), &store, policy.connections),
        destination(pair.destination, policy.connections, keeping)?,
        ledger,
        Arc::new(QuarantineFolder::new(quarantine)),
        pair.identity,
    );
    job.run_id = run_id(&job.identity);
    job.policy = policy;
    job.budget = Arc::clone(&shared.budget);
    job.pace = Arc::clone(&shared.pace);
    job.stop = shared.stop.clone();
    Ok(Assembled { job, warnings: Vec::new(), seen: (keeping == Keeping::Writes).then_some(seen) })
}

/// Where mail comes from. UIDs of files are kept beside the ledger.
fn source(end: End, book: Book, store: &StoreArgs, connections: usize) -> Arc<dyn Source> {
    match end {
        End::Server(endpoint) => Arc::new(ImapSource::new(*endpoint, connections)),
        End::Files(files) => files.source(book, store),
    }
}

fn destination(end: End, connections: usize, keeping: Keeping) -> Result<Arc<dyn Destination>, Stopped> {
    match end {
        End::Server(endpoint) => Ok(Arc::new(ImapDestination::new(*endpoint, connections))),
        End::Files(files) => files
            .destination(keeping == Keeping::Writes)
            .ok_or_else(|| Stopped::usage(format!("--to {files}: is read and not written"))),
    }
}

impl Assembled {
    /// Says goodbye to both servers and closes the ledger.
    pub async fn close(&self) {
        tokio::join!(self.job.source.close(), self.job.destination.close());
        self.job.ledger.close().await;
        if let Some(seen) = &self.seen {
            seen.save();
        }
    }
}

/// One side for reading alone, on one connection of its own: folders are opened by EXAMINE.
pub fn reader(endpoint: Endpoint) -> Arc<dyn Source> {
    Arc::new(ImapSource::new(endpoint, 1))
}

/// A name that sorts by time and that no two runs share.
fn run_id(identity: &PairIdentity) -> String {
    let now = jiff::Timestamp::now();
    let mut hasher = blake3::Hasher::new();
    hasher.update(identity.source.as_bytes()).update(identity.destination.as_bytes());
    hasher.update(&now.as_nanosecond().to_le_bytes()).update(&std::process::id().to_le_bytes());
    format!("{}-{}", now.strftime("%Y%m%dT%H%M%SZ"), &hasher.finalize().to_hex()[..8])
}

/// The option that names a side's location.
pub const fn option(side: Side) -> &'static str {
    match side {
        Side::Destination => "--to",
        Side::Source | Side::Local => "--from",
    }
}

#[cfg(test)]
mod tests {
    use super::super::exit::Exit;
    use super::*;

    #[test]
    fn a_mailbox_is_the_same_whoever_opens_it() {
        for (text, expected) in [
            ("imaps://ana@Old.example", "imaps://ana@old.example:993"),
            (
                "imaps://ana@old.example?auth=plain&\
                 pin=sha256:0000000000000000000000000000000000000000000000000000000000000000",
                "imaps://ana@old.example:993",
            ),
            ("imaps://admin@old.example?authzid=ana", "imaps://ana@old.example:993"),
            ("imap://a%20b@[::1]:1143?tls=off", "imap://a%20b@[::1]:1143"),
        ] {
            let location = location(Side::Source, text, &TrustArgs::default()).unwrap();
            assert_eq!(identity(&location), expected);
        }
    }

    #[test]
    fn wrong_locations_are_usage_errors() {
        for (text, word) in [
            ("maildir:x", "a server is needed here"),
            ("tgz:x", "read and not written"),
            ("imap://a@far.example?tls=off", "--allow-cleartext"),
            ("ftp://a@h", "--to"),
        ] {
            let stopped = location(Side::Destination, text, &TrustArgs::default()).unwrap_err();
            assert_eq!(stopped.exit, Exit::Usage);
            assert!(stopped.message.contains(word), "{}", stopped.message);
        }
    }
}
