//! A logged-in session and what may be done on it without changing anything.
//! Never writes: commands that can stand in `write`, which only the destination takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use malote_plan::folder::{FolderStatus, WireName};
use malote_plan::message::Flags;
use malote_plan::promise::Promises;
use malote_plan::uid_set::UidSet;

use super::capability::Capabilities;
use super::classify::{Doing, refused, said};
use super::command::Command;
use super::compress::deflated;
use super::connect::{Greeted, connect};
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::host::Place;
use super::limits::LOGOUT_MAX;
use super::list_data::Namespaces;
use super::login::log_in;
use super::response::{Answer, Code, Kind, Reply};
use super::tls::{Tls, TlsFacts};
use crate::clock::{Clock, SystemClock};
use crate::failure::{Failure, Result};
use crate::observed::Notes;
use crate::profile::Profile;

/// A folder that is open on a session.
#[derive(Debug, Clone)]
pub(crate) struct Selected {
    /// The name it was opened by.
    pub wire: WireName,
    /// True after SELECT, false after EXAMINE or `[READ-ONLY]`.
    pub is_writable: bool,
    /// Counters, kept up with what the server says meanwhile.
    pub status: FolderStatus,
    /// PERMANENTFLAGS, or FLAGS where the server gives none (RFC 9051 §7.1).
    pub permanent_flags: Flags,
    /// `\*`.
    pub takes_keywords: bool,
    /// Every UID, as listed with the opening; gone once it is taken or anything has changed.
    pub listed: Option<UidSet>,
}

/// What one session of an account has learnt that holds for the next ones.
#[derive(Debug, Clone)]
pub(crate) struct Introduced {
    namespaces: Namespaces,
    id: Vec<(String, String)>,
    is_condstore_on: bool,
    /// How long an answer takes that costs the server nothing.
    pub round_trip: Duration,
}

/// A logged-in connection.
pub(crate) struct Session {
    pub(super) connection: Connection,
    pub(super) capabilities: Capabilities,
    /// What a copy makes use of.
    pub(crate) promises: Promises,
    pub(super) namespaces: Namespaces,
    pub(super) id: Vec<(String, String)>,
    pub(super) greeting: String,
    pub(super) tls: Option<TlsFacts>,
    pub(super) selected: Option<Selected>,
    pub(super) is_condstore_on: bool,
    pub(super) round_trip: Duration,
    pub(super) is_compressed: bool,
    /// Given back to the server's others when this session ends.
    pub(super) place: Option<Place>,
    /// Commands that go out together with the first opening of a folder.
    pub(super) before_opening: Vec<Command>,
    /// True once the server has put a large body before its flags: then they are asked for first.
    pub(super) has_late_metadata: bool,
    /// By which the server is treated.
    pub(super) profile: Arc<Profile>,
    pub(super) notes: Arc<Notes>,
    /// For the daily allowance alone.
    pub(super) clock: Arc<dyn Clock>,
    /// Folders created since anything else was said.
    pub(super) creates: u32,
}

impl Session {
    /// Connects and logs in. What an earlier session of the account has learnt is not asked for again.
    pub(super) async fn open(
        endpoint: &Endpoint,
        tls: Option<&Tls>,
        secret: &str,
        introduced: Option<Introduced>,
    ) -> Result<Self> {
        let mut greeted = connect(endpoint, tls).await?;
        log_in(endpoint, &mut greeted, secret).await?;
        let mut session = Self::begin(greeted, introduced).await?;
        session.treat_as_at(endpoint);
        Ok(session)
    }

    /// Says who we are, and asks what is needed before anything else: one round trip, or none where that is known.
    pub(super) async fn begin(greeted: Greeted, introduced: Option<Introduced>) -> Result<Self> {
        let promises = greeted.capabilities.promises(String::new());
        let mut session = Self {
            connection: greeted.connection,
            capabilities: greeted.capabilities,
            promises,
            namespaces: Namespaces::default(),
            id: Vec::new(),
            greeting: greeted.greeting,
            tls: greeted.tls,
            selected: None,
            is_condstore_on: false,
            round_trip: Duration::ZERO,
            is_compressed: false,
            place: None,
            before_opening: Vec::new(),
            has_late_metadata: false,
            profile: Arc::default(),
            notes: Arc::default(),
            clock: Arc::new(SystemClock),
            creates: 0,
        };
        session.connection.literal = session.promises.literal;
        // Where names are UTF-8 nothing may be named before the server has agreed to it (RFC 6855 §3).
        match introduced.filter(|_| !session.promises.names_are_utf8) {
            Some(introduced) => {
                session.before_opening = session.introduction();
                session.namespaces = introduced.namespaces;
                session.id = introduced.id;
                session.is_condstore_on = introduced.is_condstore_on;
                session.round_trip = introduced.round_trip;
            }
            None => session.introduce().await?,
        }
        session.promises.software = session.software();
        session.treat_as(session.recognised(&[]));
        Ok(session)
    }

    /// What later sessions of the same account need not ask.
    pub(super) fn introduced(&self) -> Introduced {
        Introduced {
            namespaces: self.namespaces.clone(),
            id: self.id.clone(),
            is_condstore_on: self.is_condstore_on,
            round_trip: self.round_trip,
        }
    }

    /// Who we are, and what shall be in force.
    fn introduction(&self) -> Vec<Command> {
        let mut commands = Vec::new();
        if self.promises.id {
            let version = env!("CARGO_PKG_VERSION");
            commands
                .push(Command::new("ID").words(&format!("(\"name\" \"Malote\" \"version\" \"{version}\")")));
        }
        // Names travel in modified UTF-7, which every server takes, unless it takes UTF-8 alone; CONDSTORE alone
        // is enabled and not QRESYNC, whose VANISHED nothing here needs and which Zimbra does not do right.
        let enables = match (self.promises.names_are_utf8, self.promises.condstore) {
            _ if !self.capabilities.has("ENABLE") => None,
            (true, true) => Some("UTF8=ACCEPT CONDSTORE"),
            (true, false) => Some("UTF8=ACCEPT"),
            (false, true) => Some("CONDSTORE"),
            (false, false) => None,
        };
        commands.extend(enables.map(|enables| Command::new("ENABLE").words(enables)));
        commands
    }

    async fn introduce(&mut self) -> Result<()> {
        let mut commands = self.introduction();
        if self.promises.namespace {
            commands.push(Command::new("NAMESPACE"));
        }
        let is_asking = !commands.is_empty();
        let (id, namespaces, is_on) = (&mut self.id, &mut self.namespaces, &mut self.is_condstore_on);
        let asked = Instant::now();
        self.connection
            .run_all(commands, |answer| match answer {
                Answer::Id(pairs) => *id = pairs,
                Answer::Namespace(given) => *namespaces = given,
                Answer::Enabled(names) => *is_on = names_condstore(&names),
                _ => {}
            })
            .await?;
        if is_asking {
            self.round_trip = asked.elapsed();
        }
        Ok(())
    }

    /// The software's name, by ID or by a greeting that names a known one.
    fn software(&self) -> String {
        const KNOWN: [&str; 9] = [
            "Dovecot",
            "Cyrus IMAP",
            "Courier-IMAP",
            "Zimbra",
            "Gimap",
            "Microsoft Exchange",
            "Stalwart",
            "hMailServer",
            "MDaemon",
        ];
        let by_id =
            self.id.iter().find(|(key, _)| key.eq_ignore_ascii_case("name")).map(|(_, name)| name.clone());
        let by_greeting =
            || KNOWN.iter().find(|name| self.greeting.contains(**name)).map(|name| (*name).to_owned());
        by_id.filter(|name| !name.is_empty()).or_else(by_greeting).unwrap_or_else(|| "unknown".to_owned())
    }

    /// True when another command may be sent, and the server has not refused so many that it would soon hang up.
    pub fn is_usable(&self) -> bool {
        self.connection.is_usable() && self.refusals_left() > 0
    }

    /// How many refusals more this connection should see, where its server hangs up after some.
    pub fn refusals_left(&self) -> u32 {
        let budget = self.profile.settings.errors_per_connection;
        budget.map_or(u32::MAX, |budget| budget.saturating_sub(self.connection.refusals))
    }

    /// True for a sound connection that has seen all the refusals that its server bears.
    pub fn is_worn(&self) -> bool {
        self.connection.is_usable() && self.refusals_left() == 0
    }

    /// Compresses all that follows, where the server offers it and has not refused it (RFC 4978).
    pub(super) async fn compress(&mut self) -> Result<()> {
        if self.is_compressed || !self.capabilities.has("COMPRESS=DEFLATE") {
            return Ok(());
        }
        let selected = &mut self.selected;
        let reply = self
            .connection
            .run(Command::new("COMPRESS DEFLATE"), |answer| Self::note(selected, &answer))
            .await?;
        // TLS may compress already, or the server has changed its mind: a plain line does as well.
        if reply.kind != Kind::Ok {
            self.capabilities.forget("COMPRESS=DEFLATE");
            return Ok(());
        }
        self.is_compressed = self.connection.wrap(deflated);
        if self.is_compressed {
            return Ok(());
        }
        Err(self.connection.protocol("octets came after COMPRESS that were not compressed"))
    }

    /// Octets read and written so far, as they are before compression.
    pub(super) const fn octets_moved(&self) -> u64 {
        self.connection.octets_moved()
    }

    /// Makes the session of no more use to anybody.
    pub const fn give_up(&mut self) {
        self.connection.break_off();
    }

    /// The folder that is open.
    pub const fn selected(&self) -> Option<&Selected> {
        self.selected.as_ref()
    }

    /// Keeps the open folder's counters up with what the server says in between.
    pub(super) fn note(selected: &mut Option<Selected>, answer: &Answer) {
        let Some(selected) = selected else { return };
        if matches!(answer, Answer::Exists(_) | Answer::Expunge(_) | Answer::Vanished { .. }) {
            selected.listed = None;
        }
        let status = &mut selected.status;
        match answer {
            Answer::Exists(count) => status.messages = *count,
            Answer::Expunge(_) => status.messages = status.messages.saturating_sub(1),
            Answer::Vanished { is_earlier: false, uids } => {
                status.messages =
                    status.messages.saturating_sub(u32::try_from(uids.len()).unwrap_or(u32::MAX));
            }
            Answer::Untagged(Reply { code: Some(Code::UidNext(next)), .. }) => status.uid_next = Some(*next),
            Answer::Untagged(Reply { code: Some(Code::HighestModSeq(modseq)), .. }) => {
                status.highest_modseq = *modseq
            }
            _ => {}
        }
    }

    /// Says goodbye; nothing that goes wrong in it matters.
    pub async fn log_out(mut self) {
        if self.is_usable() {
            let _ = tokio::time::timeout(LOGOUT_MAX, self.connection.run(Command::new("LOGOUT"), drop)).await;
        }
    }

    pub(super) fn named(&self, verb: &str, wire: &WireName) -> Result<Command> {
        Command::new(verb).string(&wire.0).map_err(|error| {
            let reply = Reply { kind: Kind::No, code: None, text: error.to_string() };
            self.refused(Doing::Select, &format!("naming folder {}", shown(wire)), &reply)
        })
    }

    pub(super) fn refused(&self, doing: Doing, what: &str, reply: &Reply) -> Failure {
        let what = format!("{what} on {}", self.connection.host);
        let failure = refused(self.connection.side, doing, &what, reply);
        self.notes.refusal(&failure, &said(reply));
        failure
    }
}

/// True where CONDSTORE is among what was enabled.
pub(super) fn names_condstore(enabled: &[String]) -> bool {
    enabled.iter().any(|name| name.eq_ignore_ascii_case("CONDSTORE"))
}

/// A folder's name for messages.
pub(super) fn shown(wire: &WireName) -> String {
    super::response::harmless(&wire.0)
}
