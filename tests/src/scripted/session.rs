//! One client's session: reads commands, asks the rules, obeys.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail};
use tokio::time::sleep;

use super::Shared;
use super::behaviour::{Act, End, StartTls, holds};
use super::grammar::{Command, Part, announced_literal, command};
use super::store::World;
use super::strict::Verdict;
use super::wire::Wire;

/// LITERAL- lets a client push at most this many octets unasked (RFC 7888 §5).
const SMALL_LITERAL_BYTES_MAX: u64 = 4096;
const LITERAL_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// A command is searched for passwords this far: what comes later is mail.
const CREDENTIAL_BYTES_MAX: usize = 2048;
const ENDLESS_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A selected folder and the messages its client has been told of.
pub(super) struct Selected {
    pub(super) name: Vec<u8>,
    pub(super) is_read_only: bool,
    /// UIDs in order: a message's sequence number is its place here.
    pub(super) known: Vec<u32>,
}

/// The state of one connection.
pub(super) struct Session {
    pub(super) wire: Wire,
    pub(super) shared: Arc<Shared>,
    pub(super) connection: usize,
    pub(super) world: Option<World>,
    /// Whether a master logged in, who may go on as any other account.
    pub(super) is_master: bool,
    pub(super) selected: Option<Selected>,
    /// Commands refused so far.
    pub(super) refusals: usize,
    /// CREATEs since anything else was said.
    pub(super) creates_in_row: usize,
    /// Answer lines of the command at hand.
    pub(super) out: Vec<u8>,
}

/// Counts a connection for as long as it lives.
struct Seat<'a>(&'a AtomicUsize);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Session {
    pub(super) fn new(wire: Wire, shared: Arc<Shared>, connection: usize) -> Self {
        let (refusals, creates_in_row) = (0, 0);
        let (world, is_master, selected, out) = (None, false, None, Vec::new());
        Self { wire, shared, connection, world, is_master, selected, refusals, creates_in_row, out }
    }

    /// Serves until the client leaves or the script ends the connection.
    pub(super) async fn serve(mut self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let seated = shared.seated.fetch_add(1, Ordering::SeqCst) + 1;
        let _seat = Seat(&shared.seated);
        if let Some(identity) = &shared.manners.tls {
            self.wire.start_tls(identity.server_config()?).await?;
        }
        if shared.manners.greeting.starts_with("PREAUTH") {
            self.world = shared.accounts.first().map(|account| account.world.clone());
        }
        let is_crowded = shared.manners.connections_max.is_some_and(|limit| seated > limit);
        let refusal = shared.manners.strict.connections_refusal.as_deref();
        if is_crowded && refusal == Some("") {
            return self.wire.end(End::Close).await;
        }
        self.line(&format!("* {}", shared.manners.greeting));
        self.flush().await?;
        loop {
            let Some((command, whole)) = self.read_command().await? else { continue };
            self.remember(&command, &whole);
            if is_crowded && matches!(command.verb.as_str(), "LOGIN" | "AUTHENTICATE") {
                let refusal = refusal.unwrap_or("NO [UNAVAILABLE] Maximum number of connections exceeded");
                self.line(&format!("{} {refusal}", command.tag));
                self.flush().await?;
                self.wire.end(End::Close).await?;
            }
            if !shared.manners.delay.is_zero() {
                sleep(shared.manners.delay).await;
            }
            match self.judged(&command, &whole) {
                Some(Verdict::Dropped) => return self.wire.end(End::Close).await,
                Some(Verdict::Refused(text)) => {
                    self.answer(&command, &text).await?;
                    continue;
                }
                None => {}
            }
            let left = self.follow_rules(&command, &whole).await?;
            if command.verb == "LOGOUT" && left {
                return self.wire.end(End::Close).await;
            }
        }
    }

    /// Does what the rules say, and otherwise obeys. Gives whether the command was obeyed.
    async fn follow_rules(&mut self, command: &Command, whole: &[u8]) -> Result<bool> {
        let shared = Arc::clone(&self.shared);
        let mut afterwards = None;
        let mut is_silent = false;
        for rule in &shared.rules {
            if !rule.applies(&command.verb, whole, self.connection) {
                continue;
            }
            match &rule.act {
                Act::Answer(text) => return self.answer(command, text).await.map(|()| false),
                Act::AnswerAndClose(text) => {
                    self.answer(command, text).await?;
                    self.wire.leave().await?;
                }
                Act::Raw(octets) => return self.raw(command, octets).await.map(|()| false),
                Act::Prelude(octets) => self.raw(command, octets).await?,
                Act::Endless(octets) => return self.endless(octets).await.map(|()| false),
                Act::EndBefore(end) => self.wire.end(*end).await?,
                Act::EndUnanswered(end) => (is_silent, afterwards) = (true, Some(*end)),
                Act::EndAfter(end) => afterwards = Some(*end),
                Act::Delay(duration) => sleep(*duration).await,
                Act::Meanwhile(change) => change(&self.world()),
            }
        }
        self.obey(command).await?;
        if is_silent {
            self.out.clear();
        }
        self.flush().await?;
        if let Some(end) = afterwards {
            self.wire.end(end).await?;
        }
        Ok(true)
    }

    async fn obey(&mut self, command: &Command) -> Result<()> {
        let text = match command.verb.as_str() {
            "CAPABILITY" => {
                let capabilities = self.capabilities();
                self.line(&format!("* CAPABILITY {capabilities}"));
                "OK done".to_owned()
            }
            "NOOP" | "CHECK" => {
                self.announce_changes();
                "OK done".to_owned()
            }
            "ID" if self.has("ID") => {
                let pairs =
                    self.shared.manners.id.iter().map(|(key, value)| format!("\"{key}\" \"{value}\""));
                let pairs: Vec<String> = pairs.collect();
                self.line(&format!("* ID ({})", pairs.join(" ")));
                "OK done".to_owned()
            }
            "LOGOUT" => {
                self.line("* BYE see you");
                "OK done".to_owned()
            }
            "STARTTLS" => return self.start_tls(command).await,
            "LOGIN" | "AUTHENTICATE" if self.needs_tls() => "NO [PRIVACYREQUIRED] start TLS first".to_owned(),
            "LOGIN" => self.login(command),
            "AUTHENTICATE" => self.authenticate(command).await?,
            _ if self.world.is_none() => "BAD log in first".to_owned(),
            "PROXYAUTH" => self.proxy_auth(command),
            "ENABLE" if self.has("ENABLE") => {
                let asked: Vec<String> = command.arguments.iter().map(super::grammar::Token::upper).collect();
                self.line(&format!("* ENABLED {}", asked.join(" ")));
                "OK done".to_owned()
            }
            verb => match self.folder_command(verb, command) {
                Some(text) => text,
                None => {
                    self.message_command(verb, command).unwrap_or_else(|| "BAD unknown command".to_owned())
                }
            },
        };
        if command.verb.starts_with("UID ") {
            self.announce_changes();
        }
        self.line(&format!("{} {text}", command.tag));
        self.count_refusal(&text).await
    }

    async fn start_tls(&mut self, command: &Command) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        match &shared.manners.starttls {
            StartTls::Absent => self.answer(command, "BAD unknown command").await,
            StartTls::Refused => self.answer(command, "NO TLS is not available").await,
            StartTls::Reset => self.wire.end(End::Reset).await,
            StartTls::Works(identity) => {
                self.answer(command, "OK begin").await?;
                self.wire.start_tls(identity.server_config()?).await
            }
        }
    }

    /// Reads one command with its literals; `None` when it was answered on the way.
    async fn read_command(&mut self) -> Result<Option<(Command, Vec<u8>)>> {
        let mut parts = Vec::new();
        let mut whole = Vec::new();
        loop {
            let line = self.wire.line().await?;
            whole.extend_from_slice(&line);
            let announced = announced_literal(&line);
            parts.push(Part::Text(line));
            let Some((length, waits)) = announced else { break };
            let Some(refusal) = self.literal_refusal(length, waits, &parts) else {
                if waits {
                    self.wire.send(b"+ go on\r\n").await?;
                }
                let octets = self.wire.octets(length).await?;
                whole.extend_from_slice(&octets);
                parts.push(Part::Literal(octets));
                continue;
            };
            let tag = command(&parts).map_or_else(|| "*".to_owned(), |command| command.tag);
            self.line(&format!("{tag} {refusal}"));
            self.flush().await?;
            if !waits {
                bail!("the client pushed a literal that this server does not take");
            }
            return Ok(None);
        }
        match command(&parts) {
            Some(command) => Ok(Some((command, whole))),
            None => {
                self.line("* BAD no command");
                self.flush().await?;
                Ok(None)
            }
        }
    }

    /// Why a literal is not taken, said before it is sent.
    fn literal_refusal(&self, length: u64, waits: bool, parts: &[Part]) -> Option<&'static str> {
        let may_push = self.has("LITERAL+") || (self.has("LITERAL-") && length <= SMALL_LITERAL_BYTES_MAX);
        if !waits && !may_push {
            return Some("BAD non-synchronizing literal not taken");
        }
        let is_append = command(parts).is_some_and(|command| command.verb == "APPEND");
        let limit = self.shared.manners.append_limit.unwrap_or(LITERAL_BYTES_MAX);
        // A pushed literal cannot be stopped: it is read, and refused afterwards.
        (is_append && waits && length > limit).then_some("NO [TOOBIG] message too large")
    }

    fn remember(&self, command: &Command, whole: &[u8]) {
        let start = &whole[..whole.len().min(CREDENTIAL_BYTES_MAX)];
        let is_credential = matches!(command.verb.as_str(), "LOGIN" | "AUTHENTICATE")
            || self.shared.accounts.iter().any(|account| holds(start, account.password.as_bytes()));
        if is_credential && !self.wire.is_tls() {
            self.shared.transcript.credential_in_clear(&command.verb);
        }
        let line = match command.verb.as_str() {
            // The transcript is printed when a test fails.
            "LOGIN" | "AUTHENTICATE" => command.verb.clone(),
            "APPEND" => command
                .arguments
                .iter()
                .map(|token| {
                    if token.octets().len() > 200 {
                        format!("{{{}}}", token.octets().len())
                    } else {
                        token.text()
                    }
                })
                .collect::<Vec<_>>()
                .join(" "),
            _ => String::from_utf8_lossy(whole)
                .split_once(' ')
                .map_or_else(String::new, |(_, rest)| rest.to_owned()),
        };
        self.shared.transcript.heard(self.connection, &command.verb, line);
    }

    /// Whether a capability is announced.
    pub(super) fn has(&self, word: &str) -> bool {
        self.shared.manners.capabilities.split_whitespace().any(|own| own.eq_ignore_ascii_case(word))
    }

    fn needs_tls(&self) -> bool {
        self.shared.manners.is_clear_login_refused && !self.wire.is_tls()
    }

    pub(super) fn capabilities(&self) -> String {
        let manners = &self.shared.manners;
        let mut words = manners.capabilities.clone();
        if self.world.is_none() {
            for mechanism in &manners.mechanisms {
                words.push_str(" AUTH=");
                words.push_str(mechanism);
            }
            if !self.wire.is_tls() && !matches!(manners.starttls, StartTls::Absent) {
                words.push_str(" STARTTLS");
            }
            if self.needs_tls() {
                words.push_str(" LOGINDISABLED");
            }
        }
        if let Some(limit) = manners.append_limit {
            words.push_str(&format!(" APPENDLIMIT={limit}"));
        }
        words
    }

    /// The mail of whoever has logged in; before login, an empty world of its own.
    pub(super) fn world(&self) -> World {
        self.world.clone().unwrap_or_default()
    }

    /// Tells the client what has come and gone in the selected folder since it last heard.
    pub(super) fn announce_changes(&mut self) {
        let Some(mut selected) = self.selected.take() else { return };
        let present: Vec<u32> = {
            let world = self.world();
            let state = world.lock();
            let messages = state.folders.get(&selected.name).map(|folder| folder.messages.as_slice());
            messages.unwrap_or_default().iter().map(|stored| stored.uid).collect()
        };
        // From the end, so that the numbers still to be said stay true.
        for place in (0..selected.known.len()).rev() {
            if present.binary_search(&selected.known[place]).is_err() {
                selected.known.remove(place);
                self.line(&format!("* {} EXPUNGE", place + 1));
            }
        }
        if selected.known.len() < present.len() {
            self.line(&format!("* {} EXISTS", present.len()));
        }
        selected.known = present;
        self.selected = Some(selected);
    }

    pub(super) fn line(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    pub(super) async fn flush(&mut self) -> Result<()> {
        let out = std::mem::take(&mut self.out);
        self.wire.send(&out).await
    }

    async fn answer(&mut self, command: &Command, text: &str) -> Result<()> {
        self.line(&format!("{} {text}", command.tag));
        self.flush().await?;
        self.count_refusal(text).await
    }

    async fn raw(&mut self, command: &Command, octets: &[u8]) -> Result<()> {
        let mut rest = octets;
        while let Some(place) = rest.windows(5).position(|window| window == b"{tag}") {
            self.out.extend_from_slice(&rest[..place]);
            self.out.extend_from_slice(command.tag.as_bytes());
            rest = &rest[place + 5..];
        }
        self.out.extend_from_slice(rest);
        self.flush().await
    }

    async fn endless(&mut self, octets: &[u8]) -> Result<()> {
        let chunk = octets.repeat((64 * 1024 / octets.len().max(1)).max(1));
        let mut sent = 0;
        while sent < ENDLESS_BYTES_MAX {
            self.wire.send(&chunk).await?;
            sent += chunk.len().max(1);
        }
        self.wire.end(End::Close).await
    }
}
