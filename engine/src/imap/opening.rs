//! Opens folders, with what is wanted of them close behind.
//! Never writes: EXAMINE is what a source is given, and SELECT what a destination asks for in `write`.

use malote_plan::folder::{FolderStatus, WireName};
use malote_plan::message::{Flag, UidValidity};
use malote_plan::uid_set::UidSet;

use super::classify::Doing;
use super::command::Command;
use super::fetch::{Gathered, STUB_ITEMS, STUB_ITEMS_MODSEQ};
use super::fetch_data::FetchData;
use super::limits::PEEKED_UIDS_MAX;
use super::response::{Answer, Code, Kind, Reply};
use super::session::{Selected, Session, names_condstore, shown};
use crate::exchange::Stub;
use crate::failure::Result;

impl Session {
    /// Opens a folder for reading alone.
    pub async fn examine(&mut self, wire: &WireName) -> Result<()> {
        // Where UIDVALIDITY only lasts under SELECT, the folder is opened so, and still by a type that cannot write.
        let verb = if self.profile.settings.select_instead_of_examine { "SELECT" } else { "EXAMINE" };
        self.open_folder(verb, wire).await
    }

    pub(super) async fn open_folder(&mut self, verb: &str, wire: &WireName) -> Result<()> {
        let what = format!("opening folder {}", shown(wire));
        self.selected = None;
        let asks_condstore = self.promises.condstore && !self.is_condstore_on;
        let (mut reply, mut opening) = self.open_and_list(verb, wire, asks_condstore).await?;
        if reply.kind == Kind::Bad && asks_condstore {
            self.promises.condstore = false;
            (reply, opening) = self.open_and_list(verb, wire, false).await?;
        }
        if reply.kind != Kind::Ok {
            return Err(self.refused(Doing::Select, &what, &reply));
        }
        opening.note(&Answer::Untagged(reply));
        self.selected = Some(opening.selected(wire.clone(), verb == "SELECT", self.promises.condstore));
        Ok(())
    }

    /// Opens a folder and asks for its UIDs with the same breath, where their listing is short.
    async fn open_and_list(
        &mut self,
        verb: &str,
        wire: &WireName,
        asks_condstore: bool,
    ) -> Result<(Reply, Opening)> {
        let listing = self.promises.esearch.then(|| Command::new("UID SEARCH RETURN (ALL) ALL"));
        let (mut replies, at, opening) =
            self.open_with(verb, wire, asks_condstore, (listing, |_| {})).await?;
        let mut opening = opening;
        if replies.get(at + 1).is_none_or(|reply| reply.kind != Kind::Ok) {
            opening.listed = None;
        }
        Ok((replies.swap_remove(at), opening))
    }

    /// Opens a folder with one more command close behind; the replies, which of them is the opening's, and what
    /// was said. `on` sees what comes of FETCH.
    async fn open_with(
        &mut self,
        verb: &str,
        wire: &WireName,
        asks_condstore: bool,
        (behind, mut on): (Option<Command>, impl FnMut(FetchData)),
    ) -> Result<(Vec<Reply>, usize, Opening)> {
        let mut commands = std::mem::take(&mut self.before_opening);
        let command = self.named(verb, wire)?;
        let at = commands.len();
        commands.push(if asks_condstore { command.words("(CONDSTORE)") } else { command });
        commands.extend(behind);
        let mut opening = Opening::default();
        let is_on = &mut self.is_condstore_on;
        let replies = self.connection.run_all(commands, |answer| match answer {
            Answer::Enabled(names) => *is_on = names_condstore(&names),
            Answer::Fetch(data) => on(data),
            answer => opening.note(&answer),
        });
        Ok((replies.await?, at, opening))
    }

    /// Opens a folder for reading and asks for the metadata of a few messages, in one round trip. Where the server
    /// does not take the two together, one after the other.
    pub async fn peek(&mut self, wire: &WireName, uids: &UidSet) -> Result<(FolderStatus, Vec<Stub>)> {
        self.selected = None;
        let asks_condstore = self.promises.condstore && !self.is_condstore_on;
        let is_short = uids.len() <= self.uids_at_once(PEEKED_UIDS_MAX);
        if !asks_condstore && is_short && !self.profile.settings.select_instead_of_examine {
            let items = if self.promises.condstore { STUB_ITEMS_MODSEQ } else { STUB_ITEMS };
            let fetch = Command::new("UID FETCH").words(&uids.to_string()).words(&format!("({items})"));
            let mut gathered = Gathered::default();
            let on = |data| gathered.note(uids, data);
            let (mut replies, at, mut opening) =
                self.open_with("EXAMINE", wire, false, (Some(fetch), on)).await?;
            if replies.iter().skip(at).all(|reply| reply.kind == Kind::Ok) {
                opening.note(&Answer::Untagged(replies.swap_remove(at)));
                let selected = opening.selected(wire.clone(), false, self.promises.condstore);
                let status = selected.status;
                self.selected = Some(selected);
                return Ok((status, gathered.stubs()));
            }
        }
        self.examine(wire).await?;
        let stubs = self.stubs(uids).await?;
        Ok((self.selected().map(|selected| selected.status).unwrap_or_default(), stubs))
    }
}

/// What the answers to SELECT say, gathered.
#[derive(Default)]
struct Opening {
    status: FolderStatus,
    flags: Vec<String>,
    permanent: Option<Vec<String>>,
    is_read_only: bool,
    listed: Option<UidSet>,
}

impl Opening {
    fn note(&mut self, answer: &Answer) {
        // A listing from before the folder's own count is of another folder, and what changes after it is not in it.
        if matches!(
            answer,
            Answer::Exists(_) | Answer::Expunge(_) | Answer::Vanished { is_earlier: false, .. }
        ) {
            self.listed = None;
        }
        let messages = &mut self.status.messages;
        match answer {
            Answer::Exists(count) => *messages = *count,
            Answer::Expunge(_) => *messages = messages.saturating_sub(1),
            Answer::Vanished { is_earlier: false, uids } => {
                *messages = messages.saturating_sub(u32::try_from(uids.len()).unwrap_or(u32::MAX));
            }
            Answer::Flags(names) => self.flags.clone_from(names),
            Answer::Esearch { all, .. } => self.listed = Some(all.clone().unwrap_or_default()),
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

    /// The folder as it is open now. Yahoo tells a modification sequence without keeping the promise of any, and
    /// would refuse STATUS for asking: without `has_modseq` there is none.
    fn selected(mut self, wire: WireName, is_select: bool, has_modseq: bool) -> Selected {
        self.status.highest_modseq = self.status.highest_modseq.filter(|_| has_modseq);
        let has_list = self.permanent.is_some();
        let names = self.permanent.unwrap_or(self.flags);
        Selected {
            wire,
            is_writable: is_select && !self.is_read_only,
            status: self.status,
            takes_keywords: !has_list || names.iter().any(|name| name == "\\*"),
            permanent_flags: names.iter().filter_map(|name| Flag::new(name)).collect(),
            listed: self.listed,
        }
    }
}
