//! Asks a server which folders it has, and names them.
//! Never guesses a folder's role from its name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use malote_plan::folder::{Folder, NamespaceKind, Naming, WireName};
use malote_plan::folder_name::decode;

use super::classify::Doing;
use super::command::Command;
use super::limits::{COMMANDS_IN_FLIGHT_MAX, FOLDERS_MAX};
use super::list_data::{Listed, StatusItems};
use super::response::{Answer, Kind, Reply};
use super::session::Session;
use crate::exchange::Survey;
use crate::failure::{Class, Reach, Result, Retry, Side};

/// What the listing answers said, before anything is decoded.
#[derive(Default)]
struct Listing {
    listed: BTreeMap<Vec<u8>, Listed>,
    subscribed: BTreeSet<Vec<u8>>,
    statuses: BTreeMap<Vec<u8>, StatusItems>,
    is_too_long: bool,
}

impl Listing {
    fn note(&mut self, answer: Answer) {
        match answer {
            Answer::List(listed) => {
                self.is_too_long |= self.listed.len() >= FOLDERS_MAX;
                if listed.has("\\Subscribed") {
                    self.subscribed.insert(listed.name.clone());
                }
                // A folder may be listed twice, once for its name and once for a wider pattern.
                if !self.is_too_long && !listed.name.is_empty() {
                    self.listed.entry(listed.name.clone()).or_insert(listed);
                }
            }
            Answer::Lsub(listed) if !listed.has("\\Noselect") && self.subscribed.len() < FOLDERS_MAX => {
                self.subscribed.insert(listed.name);
            }
            Answer::Status(name, items) if self.statuses.len() < FOLDERS_MAX => {
                self.statuses.insert(name, items);
            }
            _ => {}
        }
    }
}

impl Session {
    /// Everything there is, in as few round trips as the server bears.
    pub async fn survey(&mut self) -> Result<Survey> {
        let mut warnings = Vec::new();
        let mut listing = self.list_all(&mut warnings).await?;
        if listing.is_too_long {
            let message = format!("listing folders on {}: more than {FOLDERS_MAX}", self.connection.host);
            let side = self.connection.side;
            return Err(crate::failure::Failure::new(
                side,
                Class::LimitExceeded,
                Reach::Account,
                Retry::Never,
                message,
            ));
        }
        if self.asks_status_apart() {
            self.count_apart(&mut listing).await?;
        }
        let naming = self.naming(&listing);
        let folders: Vec<Folder> =
            listing.listed.values().map(|listed| self.folder(listed, &naming, &listing)).collect();
        let dangling = listing.subscribed.iter().filter(|name| {
            let is_listed = listing.listed.get(*name).is_some_and(|listed| !listed.has("\\NonExistent"));
            let is_inbox = name.eq_ignore_ascii_case(b"INBOX");
            !is_listed && !is_inbox
        });
        Ok(Survey {
            server: self.promises.software.clone(),
            dangling_subscriptions: dangling
                .map(|name| decode(name, naming.delimiter, &naming).to_string())
                .collect(),
            promises: self.promises.clone(),
            profile: Arc::clone(&self.profile),
            folders,
            naming,
            warnings,
        })
    }

    /// True where counters do not come with the listing and yet tell whether a folder has to be opened. A source
    /// without modification sequences is opened for its flags in any case.
    const fn asks_status_apart(&self) -> bool {
        let is_telling = self.promises.condstore || matches!(self.connection.side, Side::Destination);
        is_telling && !self.promises.list_status
    }

    /// Asks each folder's counters, many at the price of one round trip. A folder that refuses stays without.
    async fn count_apart(&mut self, listing: &mut Listing) -> Result<()> {
        let modseq = if self.promises.condstore { " HIGHESTMODSEQ" } else { "" };
        let items = format!("(MESSAGES UIDNEXT UIDVALIDITY{modseq})");
        let can_be_asked = |listed: &&Listed| !listed.has("\\Noselect") && !listed.has("\\NonExistent");
        let names: Vec<Vec<u8>> =
            listing.listed.values().filter(can_be_asked).map(|listed| listed.name.clone()).collect();
        for some in names.chunks(COMMANDS_IN_FLIGHT_MAX) {
            let commands = some.iter().filter_map(|name| Command::new("STATUS").string(name).ok());
            let commands = commands.map(|command| command.words(&items)).collect();
            self.connection.run_all(commands, |answer| listing.note(answer)).await?;
        }
        Ok(())
    }

    /// LIST with all that it can bring, else plainly; LSUB beside it.
    async fn list_all(&mut self, warnings: &mut Vec<String>) -> Result<Listing> {
        let options = self.list_options();
        let mut patterns = vec![b"*".to_vec()];
        let others = self.namespaces.other.iter().chain(&self.namespaces.shared);
        patterns.extend(
            others.filter(|entry| !entry.prefix.is_empty()).map(|entry| [&entry.prefix[..], b"*"].concat()),
        );
        let mut listing = Listing::default();
        let replies = self.list_once("LIST", &patterns, &options, &mut listing).await?;
        if replies.first().is_some_and(|reply| reply.kind == Kind::Ok) {
            return Ok(listing);
        }
        if !options.is_empty() {
            warnings.push("the server refused the LIST options that it offers; asked plainly".to_owned());
            (self.promises.list_status, self.promises.special_use) = (false, false);
        }
        let verb =
            if self.capabilities.has("XLIST") && !self.promises.special_use { "XLIST" } else { "LIST" };
        listing = Listing::default();
        let replies = self.list_once(verb, &patterns, "", &mut listing).await?;
        match replies.into_iter().next() {
            Some(reply) if reply.kind != Kind::Ok => {
                Err(self.refused(Doing::List, "listing folders", &reply))
            }
            _ => Ok(listing),
        }
    }

    fn list_options(&self) -> String {
        let mut options = Vec::new();
        if self.capabilities.has("LIST-EXTENDED") {
            options.push("SUBSCRIBED".to_owned());
        }
        if self.promises.special_use {
            options.push("SPECIAL-USE".to_owned());
        }
        if self.promises.list_status {
            let modseq = if self.promises.condstore { " HIGHESTMODSEQ" } else { "" };
            let size = if self.capabilities.has("STATUS=SIZE") { " SIZE" } else { "" };
            options.push(format!("STATUS (MESSAGES UIDNEXT UIDVALIDITY{modseq}{size})"));
        }
        if options.is_empty() { String::new() } else { format!("RETURN ({})", options.join(" ")) }
    }

    async fn list_once(
        &mut self,
        verb: &str,
        patterns: &[Vec<u8>],
        options: &str,
        listing: &mut Listing,
    ) -> Result<Vec<Reply>> {
        let mut commands = Vec::new();
        for pattern in patterns {
            let command = Command::new(verb).words("\"\"").string(pattern);
            let Ok(command) = command else { continue };
            commands.push(if options.is_empty() { command } else { command.words(options) });
        }
        commands.push(Command::new("LSUB").words("\"\" \"*\""));
        self.connection.run_all(commands, |answer| listing.note(answer)).await
    }

    /// How the server writes names: by NAMESPACE, else by what it listed.
    fn naming(&self, listing: &Listing) -> Naming {
        let is_utf8 = self.promises.names_are_utf8;
        let bare = |delimiter| Naming {
            delimiter,
            prefix: String::new(),
            is_utf8,
            ignores_case: ["Exchange", "Gimap", "hMailServer"]
                .iter()
                .any(|name| self.promises.software.contains(name)),
        };
        let personal = self.namespaces.personal.first();
        let delimiter = personal.and_then(|entry| entry.delimiter);
        let delimiter = delimiter.or_else(|| listing.listed.values().find_map(|listed| listed.delimiter));
        let prefix =
            personal.map_or_else(|| guessed_prefix(listing, delimiter), |entry| entry.prefix.clone());
        Naming { prefix: decoded_prefix(&prefix, &bare(delimiter)), ..bare(delimiter) }
    }

    fn folder(&self, listed: &Listed, naming: &Naming, listing: &Listing) -> Folder {
        let foreign = self.namespaces.all().filter(|(kind, entry)| {
            *kind != NamespaceKind::Personal
                && !entry.prefix.is_empty()
                && is_within(&listed.name, &entry.prefix, entry.delimiter)
        });
        let foreign = foreign.max_by_key(|(_, entry)| entry.prefix.len());
        let namespace = foreign.map_or(NamespaceKind::Personal, |(kind, _)| kind);
        Folder {
            wire: WireName(listed.name.clone()),
            delimiter: listed.delimiter,
            is_selectable: !listed.has("\\Noselect") && !listed.has("\\NonExistent"),
            may_have_children: !listed.has("\\Noinferiors"),
            is_subscribed: listing.subscribed.contains(&listed.name),
            special_use: listed.special_use(),
            namespace,
            status: listing.statuses.get(&listed.name).and_then(StatusItems::folder_status),
            // The prefix of others' folders stays a part of their names: a shared `Projects` is not the user's own.
            path: decode(&listed.name, listed.delimiter, naming),
        }
    }
}

/// True for the names below a prefix, and for the bare prefix without its delimiter.
fn is_within(name: &[u8], prefix: &[u8], delimiter: Option<char>) -> bool {
    let mut octets = [0; 4];
    let bare =
        delimiter.and_then(|delimiter| prefix.strip_suffix(delimiter.encode_utf8(&mut octets).as_bytes()));
    name.starts_with(prefix) || bare == Some(name)
}

/// `INBOX.` where everything but INBOX lies below it, as Courier had it before NAMESPACE.
fn guessed_prefix(listing: &Listing, delimiter: Option<char>) -> Vec<u8> {
    let Some(delimiter) = delimiter else { return Vec::new() };
    let prefix = format!("INBOX{delimiter}").into_bytes();
    let mut others = listing.listed.keys().filter(|name| !name.eq_ignore_ascii_case(b"INBOX")).peekable();
    let is_prefix = others.peek().is_some() && others.all(|name| name.starts_with(&prefix));
    if is_prefix { prefix } else { Vec::new() }
}

/// A namespace's prefix as Unicode, with its trailing delimiter.
fn decoded_prefix(prefix: &[u8], naming: &Naming) -> String {
    if prefix.is_empty() {
        return String::new();
    }
    let bare = Naming { prefix: String::new(), ..naming.clone() };
    let levels = decode(prefix, naming.delimiter, &bare);
    let delimiter = naming.delimiter.map(String::from).unwrap_or_default();
    let mut text = levels.levels().join(&delimiter);
    if prefix.ends_with(delimiter.as_bytes()) {
        text.push_str(&delimiter);
    }
    text
}
