//! Leave to change a mailbox: open for writing, flag, remove; `create` and `append` go by it too.
//! Never reached by a source: only `destination::imap` makes a `Writing`.

use malote_plan::folder::{FolderPath, FolderStatus, WireName};
use malote_plan::folder_name::decode;
use malote_plan::message::Flag;
use malote_plan::uid_set::UidSet;

use super::append::flag_list;
use super::classify::Doing;
use super::command::Command;
use super::list_data::{Listed, StatusItems};
use super::response::{Answer, Code, Kind, Reply};
use super::session::{Session, shown};
use crate::failure::{Class, Failure, Reach, Result, Retry};

/// Leave to write on a session.
pub(crate) struct Writing<'a> {
    pub(super) session: &'a mut Session,
}

impl<'a> Writing<'a> {
    /// Takes leave to write; for the destination alone.
    pub const fn on(session: &'a mut Session) -> Self {
        Self { session }
    }

    /// Opens a folder for writing.
    pub async fn select(&mut self, wire: &WireName) -> Result<()> {
        self.session.open_folder("SELECT", wire).await?;
        if self.session.selected().is_some_and(|selected| selected.is_writable) {
            return Ok(());
        }
        self.session.selected = None;
        let reply = Reply { kind: Kind::No, code: Some(Code::NoPerm), text: "opened read-only".to_owned() };
        Err(self.session.refused(
            Doing::Select,
            &format!("opening folder {} for writing", shown(wire)),
            &reply,
        ))
    }

    /// Asks the open folder's counters anew.
    pub async fn refresh(&mut self) -> Result<FolderStatus> {
        let Some(selected) = self.session.selected.clone() else { return Ok(FolderStatus::default()) };
        let modseq = if selected.status.highest_modseq.is_some() { " HIGHESTMODSEQ" } else { "" };
        let status = self.session.named("STATUS", &selected.wire)?;
        let status = status.words(&format!("(MESSAGES UIDNEXT UIDVALIDITY{modseq})"));
        let mut items = StatusItems::default();
        let open = &mut self.session.selected;
        self.session
            .connection
            .run_all(vec![Command::new("NOOP"), status], |answer| {
                Session::note(open, &answer);
                if let Answer::Status(_, given) = answer {
                    items = given;
                }
            })
            .await?;
        let Some(open) = open else { return Ok(FolderStatus::default()) };
        open.listed = None;
        if let Some(status) = items.folder_status() {
            open.status = FolderStatus { size_octets: open.status.size_octets, ..status };
        }
        Ok(open.status)
    }

    /// Largest message that the folder takes, where it says so only when asked (RFC 7889 §3).
    pub async fn append_octets_max(&mut self) -> Result<Option<u64>> {
        let general = self.session.promises.append_octets_max;
        let wire = self.session.selected().map(|selected| selected.wire.clone());
        let Some(wire) = wire.filter(|_| general.is_none() && self.session.capabilities.has("APPENDLIMIT"))
        else {
            return Ok(general);
        };
        let mut limit = None;
        let command = self.session.named("STATUS", &wire)?.words("(APPENDLIMIT)");
        self.session
            .connection
            .run(command, |answer| {
                if let Answer::Status(_, items) = answer {
                    limit = items.append_octets_max;
                }
            })
            .await?;
        Ok(limit)
    }

    /// Adds and removes flags.
    pub async fn store(&mut self, uids: &UidSet, add: &[Flag], remove: &[Flag]) -> Result<()> {
        let mut commands = Vec::new();
        for chunk in uids.chunks(self.session.uids_at_once(u64::MAX), self.session.uid_set_octets()) {
            for (sign, flags) in [('+', add), ('-', remove)] {
                let list = flag_list(flags.iter().map(Flag::as_str));
                if !list.is_empty() {
                    commands.push(
                        Command::new("UID STORE").words(&format!("{chunk} {sign}FLAGS.SILENT ({list})")),
                    );
                }
            }
        }
        self.run_noting(commands, "setting flags").await
    }

    /// Removes exactly these messages.
    pub async fn remove(&mut self, uids: &UidSet) -> Result<()> {
        if !self.session.promises.uidplus {
            let side = self.session.connection.side;
            let message =
                "removing messages: the server has no UIDPLUS, so others could be removed with them";
            return Err(Failure::new(side, Class::FolderRefused, Reach::Folder, Retry::Never, message));
        }
        let mut commands = Vec::new();
        for chunk in uids.chunks(self.session.uids_at_once(u64::MAX), self.session.uid_set_octets()) {
            commands.push(Command::new("UID STORE").words(&format!("{chunk} +FLAGS.SILENT (\\Deleted)")));
            commands.push(Command::new("UID EXPUNGE").words(&chunk.to_string()));
        }
        self.run_noting(commands, "removing messages").await
    }

    async fn run_noting(&mut self, commands: Vec<Command>, what: &str) -> Result<()> {
        let selected = &mut self.session.selected;
        let replies =
            self.session.connection.run_all(commands, |answer| Session::note(selected, &answer)).await?;
        match replies.iter().find(|reply| reply.kind != Kind::Ok) {
            Some(reply) => Err(self.session.refused(Doing::Store, what, reply)),
            None => Ok(()),
        }
    }

    /// The path by which this session knows a wire name.
    pub fn path(&self, listed: &Listed, naming: &malote_plan::folder::Naming) -> FolderPath {
        decode(&listed.name, listed.delimiter, naming)
    }
}
