//! UIDs, metadata and headers of the open folder.
//! Never fetches a body, and never believes that a listing is whole without counting it.

use std::collections::BTreeMap;

use bytes::Bytes;
use malote_plan::message::{ModSeq, Uid};
use malote_plan::uid_set::UidSet;

use super::classify::Doing;
use super::command::Command;
use super::connection::Sent;
use super::fetch_data::{FetchData, Section};
use super::limits::STUB_UIDS_MAX;
use super::response::{Answer, Code, Kind, Reply};
use super::session::Session;
use crate::exchange::{Headed, Stub};
use crate::failure::Result;

/// What makes a stub.
pub(super) const STUB_ITEMS: &str = "UID FLAGS INTERNALDATE RFC822.SIZE";

/// The same where the server keeps modification sequences.
pub(super) const STUB_ITEMS_MODSEQ: &str = "UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ";

/// FETCH commands that are on the wire at once.
const FETCHES_IN_FLIGHT: usize = 2;

impl Session {
    /// Every UID that exists, counted against EXISTS.
    pub async fn uids(&mut self) -> Result<UidSet> {
        if let Some(selected) = &mut self.selected
            && let Some(listed) = selected.listed.take()
            && listed.len() == u64::from(selected.status.messages)
        {
            return Ok(listed);
        }
        let (mut found, mut is_answered) = (UidSet::new(), false);
        let command = if self.promises.esearch { "UID SEARCH RETURN (ALL) ALL" } else { "UID SEARCH ALL" };
        let selected = &mut self.selected;
        let reply = self
            .connection
            .run(Command::new(command), |answer| {
                Self::note(selected, &answer);
                match answer {
                    Answer::Search(uids) => {
                        is_answered = true;
                        found = std::mem::take(&mut found).union(&uids);
                    }
                    Answer::Esearch { all, .. } => {
                        is_answered = true;
                        found = all.unwrap_or_default();
                    }
                    _ => {}
                }
            })
            .await?;
        let exists = self.selected.as_ref().map_or(0, |selected| u64::from(selected.status.messages));
        if reply.kind == Kind::Ok && is_answered && found.len() == exists {
            return Ok(found);
        }
        if exists == 0 && found.is_empty() {
            // Some servers answer BAD to a sequence in an empty folder.
            return Ok(UidSet::new());
        }
        let mut uids = Vec::new();
        let mut on = |data: FetchData| uids.extend(data.uid);
        let reply = self.fetch_once("UID FETCH 1:* (UID)", &mut on).await?;
        if reply.kind != Kind::Ok && reply.code != Some(Code::ExpungeIssued) {
            return Err(self.refused(Doing::Fetch, "listing UIDs", &reply));
        }
        // Either answer may lack what the other has.
        Ok(found.union(&uids.into_iter().collect()))
    }

    /// Metadata of those of `uids` that exist.
    pub async fn stubs(&mut self, uids: &UidSet) -> Result<Vec<Stub>> {
        let mut gathered = Gathered::default();
        let items = self.stub_items();
        self.fetch_chunks(uids, STUB_UIDS_MAX, &format!("({items})"), &mut |data| gathered.note(uids, data))
            .await?;
        Ok(gathered.stubs())
    }

    /// Metadata of those whose modification sequence is above `since`; nothing where the folder keeps none.
    pub async fn changed_since(&mut self, uids: &UidSet, since: ModSeq) -> Result<Option<Vec<Stub>>> {
        let keeps = self.selected.as_ref().is_some_and(|selected| selected.status.highest_modseq.is_some());
        if !self.promises.condstore || !keeps {
            return Ok(None);
        }
        let mut gathered = Gathered::default();
        let items = format!("({}) (CHANGEDSINCE {})", self.stub_items(), since.get());
        self.fetch_chunks(uids, STUB_UIDS_MAX, &items, &mut |data| gathered.note(uids, data)).await?;
        Ok(Some(gathered.stubs()))
    }

    /// Metadata and headers of those of `uids` that exist.
    pub async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>> {
        let mut gathered = Gathered::default();
        let mut headers: BTreeMap<Uid, Bytes> = BTreeMap::new();
        let items = format!("({} BODY.PEEK[HEADER])", self.stub_items());
        self.fetch_chunks(uids, STUB_UIDS_MAX, &items, &mut |data| {
            if let (Some(uid), Some(Section::Held(octets))) = (data.uid, &data.header) {
                headers.insert(uid, octets.clone());
            }
            gathered.note(uids, data);
        })
        .await?;
        let headed = |stub: Stub| {
            let header = headers.remove(&stub.uid).unwrap_or_default();
            Headed { stub, header }
        };
        Ok(gathered.stubs().into_iter().map(headed).collect())
    }

    pub(super) fn stub_items(&self) -> &'static str {
        let keeps = self.selected.as_ref().is_some_and(|selected| selected.status.highest_modseq.is_some());
        if self.promises.condstore && keeps { STUB_ITEMS_MODSEQ } else { STUB_ITEMS }
    }

    async fn fetch_once(&mut self, command: &str, on: &mut impl FnMut(FetchData)) -> Result<Reply> {
        let selected = &mut self.selected;
        self.connection
            .run(Command::new(command), |answer| {
                Self::note(selected, &answer);
                if let Answer::Fetch(data) = answer {
                    on(data);
                }
            })
            .await
    }

    /// FETCH of many UIDs, in commands that no server finds too long, two of them on the wire at a time.
    pub(super) async fn fetch_chunks(
        &mut self,
        uids: &UidSet,
        uids_max: u64,
        items: &str,
        on: &mut impl FnMut(FetchData),
    ) -> Result<()> {
        let mut chunks = uids.chunks(self.uids_at_once(uids_max), self.uid_set_octets()).into_iter();
        let mut tags = Vec::new();
        self.connection.begin()?;
        loop {
            while tags.len() < FETCHES_IN_FLIGHT
                && let Some(chunk) = chunks.next()
            {
                tags.push(self.send_fetch(&chunk, items).await?);
            }
            if tags.is_empty() {
                break;
            }
            let selected = &mut self.selected;
            let (index, reply) = self
                .connection
                .finish_one(&tags, &mut |answer| {
                    Self::note(selected, &answer);
                    if let Answer::Fetch(data) = answer {
                        on(data);
                    }
                })
                .await?;
            tags.remove(index);
            // Messages that went away meanwhile are no failure: Dovecot says NO and gives the others all the same.
            if reply.kind != Kind::Ok && reply.code != Some(Code::ExpungeIssued) {
                return Err(self.refused(Doing::Fetch, "fetching metadata", &reply));
            }
        }
        self.connection.set_busy(false);
        Ok(())
    }

    pub(super) async fn send_fetch(&mut self, chunk: &UidSet, items: &str) -> Result<String> {
        let command = Command::new("UID FETCH").words(&chunk.to_string()).words(items);
        match self.connection.send(command).await? {
            Sent::Whole(tag) => Ok(tag),
            Sent::Refused(_) => {
                Err(self.connection.protocol("a command without a literal was refused as one"))
            }
        }
    }
}

/// Stubs as they come together: a server may give one message's attributes in several answers, and flags of
/// messages that nobody asked for.
#[derive(Default)]
pub(super) struct Gathered {
    found: BTreeMap<Uid, FetchData>,
}

impl Gathered {
    pub(super) fn note(&mut self, asked: &UidSet, data: FetchData) {
        let Some(uid) = data.uid.filter(|uid| asked.contains(*uid)) else { return };
        let known = self.found.entry(uid).or_default();
        known.uid = Some(uid);
        known.flags = data.flags.or(known.flags.take());
        known.internal_date = data.internal_date.or(known.internal_date.take());
        known.octets_claimed = data.octets_claimed.or(known.octets_claimed);
        known.modseq = data.modseq.or(known.modseq);
    }

    pub(super) fn stubs(&mut self) -> Vec<Stub> {
        // Without size and date it is only an update of somebody's flags; without flags it would read as if none
        // were set.
        let whole = |data: &FetchData| {
            data.flags.is_some() && (data.octets_claimed.is_some() || data.internal_date.is_some())
        };
        std::mem::take(&mut self.found).into_values().filter(whole).filter_map(stub).collect()
    }
}

/// A stub of what one answer said, where it named a UID.
pub(super) fn stub(data: FetchData) -> Option<Stub> {
    Some(Stub {
        uid: data.uid?,
        flags: data.flags.unwrap_or_default(),
        internal_date: data.internal_date.flatten(),
        octets_claimed: data.octets_claimed.unwrap_or(0),
        modseq: data.modseq,
        imprint: None,
    })
}
