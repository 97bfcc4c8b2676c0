//! A mailbox in memory as a source.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use malote_engine::body::{Body, Held};
use malote_engine::failure::{Class, Failure, Reach, Result, Retry, Side};
use malote_engine::plan::folder::{Folder, FolderStatus};
use malote_engine::plan::labels::Origin;
use malote_engine::plan::message::{ModSeq, Uid};
use malote_engine::plan::uid_set::UidSet;
use malote_engine::source::{Fetched, Headed, Labelled, OpenSource, ReadLimits, Source, Stub, Survey};
use tokio::sync::mpsc;

use super::mailbox::{Letter, Mailbox};
use super::steps::Steps;

/// Mail comes from here.
pub struct MemorySource {
    /// What is there.
    pub mailbox: Mailbox,
    /// Counts and strikes.
    pub steps: Arc<Steps>,
}

#[async_trait]
impl Source for MemorySource {
    async fn survey(&self) -> Result<Survey> {
        self.steps.wire(Side::Source, || Ok(self.mailbox.survey())).await
    }

    async fn open(&self, folder: &Folder) -> Result<Box<dyn OpenSource>> {
        let open = Open::new(&self.mailbox, &self.steps, Side::Source, folder).await?;
        Ok(Box::new(open))
    }

    async fn close(&self) {}
}

/// One folder, open on one connection.
pub(super) struct Open {
    pub mailbox: Mailbox,
    pub steps: Arc<Steps>,
    pub side: Side,
    pub name: String,
    pub status: FolderStatus,
    pub is_usable: bool,
    _seat: Seat,
}

/// Counts one open folder as long as it lives.
struct Seat(Arc<AtomicU32>);

impl Seat {
    fn taken(seats: &Arc<AtomicU32>) -> Self {
        seats.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(seats))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Open {
    pub async fn new(mailbox: &Mailbox, steps: &Arc<Steps>, side: Side, folder: &Folder) -> Result<Self> {
        let name = String::from_utf8_lossy(&folder.wire.0).into_owned();
        let seat = Seat::taken(&mailbox.seats);
        if seat.0.load(Ordering::SeqCst) > mailbox.habits.connections_max {
            let (class, retry) = (Class::LimitConnections, Retry::After(1));
            return Err(Failure::new(side, class, Reach::Connection, retry, "all connections are taken"));
        }
        if let Some(act) = mailbox.habits.on_open {
            act(mailbox, mailbox.opened.fetch_add(1, Ordering::SeqCst) + 1);
        }
        let status = steps.wire(side, || Ok(mailbox.with(&name, |shelf| mailbox.status(shelf)))).await?;
        let (mailbox, steps) = (mailbox.clone(), Arc::clone(steps));
        Ok(Self { mailbox, steps, side, name, status, is_usable: true, _seat: seat })
    }

    pub async fn ask<T>(&mut self, effect: impl FnOnce(&Mailbox, &str) -> T) -> Result<T> {
        let (mailbox, name) = (self.mailbox.clone(), self.name.clone());
        let answer = self.steps.wire(self.side, || Ok(effect(&mailbox, &name))).await;
        self.is_usable &= answer.is_ok();
        answer
    }

    pub async fn uids(&mut self) -> Result<UidSet> {
        self.ask(|mailbox, name| {
            mailbox.with(name, |shelf| {
                let is_hidden =
                    |letter: &Letter| mailbox.habits.hides.is_some_and(|text| holds(&letter.octets, text));
                let shown = shelf.letters.iter().filter(|(_, letter)| !is_hidden(letter));
                shown.filter_map(|(uid, _)| Uid::new(*uid)).collect()
            })
        })
        .await
    }

    pub async fn map<T>(&mut self, uids: &UidSet, view: impl Fn(Stub, &Letter) -> T) -> Result<Vec<T>> {
        self.ask(|mailbox, name| {
            mailbox.with(name, |shelf| {
                let is_omitted =
                    |letter: &Letter| mailbox.habits.omits.is_some_and(|text| holds(&letter.octets, text));
                let chosen = shelf.letters.iter().filter(|(uid, _)| is_in(uids, **uid));
                let chosen = chosen.filter(|(_, letter)| !is_omitted(letter));
                chosen.map(|(uid, letter)| view(mailbox.stub(*uid, letter), letter)).collect()
            })
        })
        .await
    }

    pub async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>> {
        self.map(uids, |stub, letter| Headed { stub, header: header(&letter.octets) }).await
    }

    pub async fn bodies(&mut self, uids: &UidSet, sink: &mpsc::Sender<Fetched>) -> Result<()> {
        let unreadable = self.mailbox.habits.unreadable;
        for uid in uids.iter() {
            let one = UidSet::from_iter([uid]);
            let omits = self.mailbox.habits.omits.take();
            let found = self.map(&one, |stub, letter| (stub, letter.octets.clone())).await;
            self.mailbox.habits.omits = omits;
            for (stub, mut octets) in found? {
                if self.mailbox.habits.empties.is_some_and(|text| holds(&octets, text)) {
                    octets.clear();
                }
                if unreadable.is_some_and(|text| holds(&octets, text)) {
                    continue;
                }
                let fetched = Fetched { stub, body: Body::Memory(octets.into()), held: Held::default() };
                if sink.send(fetched).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn is_in(uids: &UidSet, uid: u32) -> bool {
    Uid::new(uid).is_some_and(|uid| uids.contains(uid))
}

/// True when `octets` hold `text`.
pub(super) fn holds(octets: &[u8], text: &str) -> bool {
    octets.windows(text.len()).any(|window| window == text.as_bytes())
}

fn header(octets: &[u8]) -> bytes::Bytes {
    let end = octets.windows(4).position(|window| window == b"\r\n\r\n").map_or(octets.len(), |at| at + 4);
    bytes::Bytes::copy_from_slice(&octets[..end])
}

#[async_trait]
impl OpenSource for Open {
    fn status(&self) -> FolderStatus {
        self.status
    }

    async fn uids(&mut self) -> Result<UidSet> {
        Self::uids(self).await
    }

    async fn stubs(&mut self, uids: &UidSet) -> Result<Vec<Stub>> {
        self.map(uids, |stub, _| stub).await
    }

    async fn changed_since(&mut self, uids: &UidSet, since: ModSeq) -> Result<Option<Vec<Stub>>> {
        if !self.mailbox.habits.condstore {
            return Ok(None);
        }
        let stubs = self.map(uids, |stub, _| stub).await?;
        Ok(Some(stubs.into_iter().filter(|stub| stub.modseq.is_some_and(|modseq| modseq > since)).collect()))
    }

    async fn labelled(&mut self, uids: &UidSet) -> Result<Vec<Labelled>> {
        if !self.mailbox.habits.labels {
            return Ok(Vec::new());
        }
        let found = self.map(uids, |stub, letter| (stub, letter.number)).await?;
        let labelled = |(stub, number): (Stub, u64)| {
            let (uid, octets_claimed) = (stub.uid, stub.octets_claimed);
            Some(Labelled {
                uid,
                origin: Origin::new(number)?,
                octets_claimed,
                labels: vec!["Etiqueta".into()],
            })
        };
        Ok(found.into_iter().filter_map(labelled).collect())
    }

    async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>> {
        Self::headed(self, uids).await
    }

    async fn bodies(
        &mut self,
        uids: &UidSet,
        _limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()> {
        Self::bodies(self, uids, sink).await
    }

    fn retire(&mut self) {}

    fn is_usable(&self) -> bool {
        self.is_usable
    }

    async fn reopen(&mut self, folder: &Folder) -> Result<()> {
        *self = Self::new(&self.mailbox, &self.steps, self.side, folder).await?;
        Ok(())
    }
}
