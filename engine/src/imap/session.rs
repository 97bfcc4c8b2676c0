//! A logged-in session and what may be done on it without changing anything.
//! Never writes: commands that can stand in `write`, which only the destination takes.

use std::sync::Arc;

use malote_plan::folder::{FolderStatus, WireName};
use malote_plan::message::{Flag, Flags, UidValidity};
use malote_plan::promise::Promises;

use super::capability::Capabilities;
use super::classify::{Doing, refused, said};
use super::command::Command;
use super::connect::{Greeted, connect};
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::limits::LOGOUT_MAX;
use super::list_data::Namespaces;
use super::login::log_in;
use super::response::{Answer, Code, Kind, Reply};
use super::tls::{Tls, TlsFacts};
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
    /// True once the server has put a large body before its flags: then they are asked for first.
    pub(super) has_late_metadata: bool,
    /// By which the server is treated.
    pub(super) profile: Arc<Profile>,
    pub(super) notes: Arc<Notes>,
    /// Folders created since anything else was said.
    pub(super) creates: u32,
}

impl Session {
    /// Connects and logs in.
    pub(super) async fn open(endpoint: &Endpoint, tls: Option<&Tls>, secret: &str) -> Result<Self> {
        let mut greeted = connect(endpoint, tls).await?;
        log_in(endpoint, &mut greeted, secret).await?;
        let mut session = Self::begin(greeted).await?;
        session.treat_as_at(endpoint);
        Ok(session)
    }

    /// Says who we are, and asks what is needed before anything else: one round trip.
    pub(super) async fn begin(greeted: Greeted) -> Result<Self> {
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
            has_late_metadata: false,
            profile: Arc::default(),
            notes: Arc::default(),
            creates: 0,
        };
        session.connection.literal = session.promises.literal;
        session.introduce().await?;
        session.promises.software = session.software();
        session.treat_as(session.recognised());
        Ok(session)
    }

    async fn introduce(&mut self) -> Result<()> {
        let mut commands = Vec::new();
        if self.promises.id {
            let version = env!("CARGO_PKG_VERSION");
            commands
                .push(Command::new("ID").words(&format!("(\"name\" \"Malote\" \"version\" \"{version}\")")));
        }
        if self.promises.namespace {
            commands.push(Command::new("NAMESPACE"));
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
        if let Some(enables) = enables {
            commands.push(Command::new("ENABLE").words(enables));
        }
        let (id, namespaces, is_on) = (&mut self.id, &mut self.namespaces, &mut self.is_condstore_on);
        self.connection
            .run_all(commands, |answer| match answer {
                Answer::Id(pairs) => *id = pairs,
                Answer::Namespace(given) => *namespaces = given,
                Answer::Enabled(names) => {
                    *is_on = names.iter().any(|name| name.eq_ignore_ascii_case("CONDSTORE"))
                }
                _ => {}
            })
            .await?;
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

    /// Makes the session of no more use to anybody.
    pub const fn give_up(&mut self) {
        self.connection.break_off();
    }

    /// The folder that is open.
    pub const fn selected(&self) -> Option<&Selected> {
        self.selected.as_ref()
    }

    /// Opens a folder for reading alone.
    pub async fn examine(&mut self, wire: &WireName) -> Result<()> {
        // Where UIDVALIDITY only lasts under SELECT, the folder is opened so, and still by a type that cannot write.
        let verb = if self.profile.settings.select_instead_of_examine { "SELECT" } else { "EXAMINE" };
        self.open_folder(verb, wire).await
    }

    pub(super) async fn open_folder(&mut self, verb: &str, wire: &WireName) -> Result<()> {
        let what = format!("opening folder {}", shown(wire));
        self.selected = None;
        let mut command = self.named(verb, wire)?;
        if self.promises.condstore && !self.is_condstore_on {
            command = command.words("(CONDSTORE)");
        }
        let mut opening = Opening::default();
        let mut reply = self.connection.run(command, |answer| opening.note(&answer)).await?;
        if reply.kind == Kind::Bad && self.promises.condstore && !self.is_condstore_on {
            self.promises.condstore = false;
            let again = self.named(verb, wire)?;
            opening = Opening::default();
            reply = self.connection.run(again, |answer| opening.note(&answer)).await?;
        }
        if reply.kind != Kind::Ok {
            return Err(self.refused(Doing::Select, &what, &reply));
        }
        opening.note(&Answer::Untagged(reply));
        if !self.promises.condstore {
            // Yahoo tells one without keeping the promise, and STATUS would be refused for asking.
            opening.status.highest_modseq = None;
        }
        self.selected = Some(opening.selected(wire.clone(), verb == "SELECT"));
        Ok(())
    }

    /// Keeps the open folder's counters up with what the server says in between.
    pub(super) fn note(selected: &mut Option<Selected>, answer: &Answer) {
        let Some(selected) = selected else { return };
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

/// A folder's name for messages.
pub(super) fn shown(wire: &WireName) -> String {
    super::response::harmless(&wire.0)
}

/// What the answers to SELECT say, gathered.
#[derive(Default)]
struct Opening {
    status: FolderStatus,
    flags: Vec<String>,
    permanent: Option<Vec<String>>,
    is_read_only: bool,
}

impl Opening {
    fn note(&mut self, answer: &Answer) {
        match answer {
            Answer::Exists(count) => self.status.messages = *count,
            Answer::Flags(names) => self.flags.clone_from(names),
            Answer::Untagged(Reply { code: Some(code), .. }) => self.note_code(code),
            _ => {}
        }
    }

    fn note_code(&mut self, code: &Code) {
        match code {
            Code::UidValidity(value) => self.status.uid_validity = UidValidity::new(value.get()),
            Code::UidNext(next) => self.status.uid_next = Some(*next),
            Code::HighestModSeq(modseq) => self.status.highest_modseq = *modseq,
            Code::NoModSeq => self.status.highest_modseq = None,
            Code::PermanentFlags(names) => self.permanent = Some(names.clone()),
            Code::ReadOnly => self.is_read_only = true,
            _ => {}
        }
    }

    fn selected(self, wire: WireName, is_select: bool) -> Selected {
        let has_list = self.permanent.is_some();
        let names = self.permanent.unwrap_or(self.flags);
        Selected {
            wire,
            is_writable: is_select && !self.is_read_only,
            status: self.status,
            takes_keywords: !has_list || names.iter().any(|name| name == "\\*"),
            permanent_flags: names.iter().filter_map(|name| Flag::new(name)).collect(),
        }
    }
}
