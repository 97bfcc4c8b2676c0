//! A mailbox in memory as a destination.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use malote_engine::body::Body;
use malote_engine::destination::{Answer, BatchId, Destination, OpenDestination, Parcel, Within};
use malote_engine::failure::{Class, Failure, Reach, Result, Retry, Side};
use malote_engine::plan::date;
use malote_engine::plan::folder::{Folder, FolderPath, FolderStatus, Role};
use malote_engine::plan::message::{Flag, Flags, Uid, UidValidity};
use malote_engine::plan::uid_set::UidSet;
use malote_engine::source::{Fetched, Headed, ReadLimits, Stub, Survey};
use tokio::sync::mpsc;

use super::mailbox::{Letter, Mailbox};
use super::source::{Open, holds};
use super::steps::Steps;

/// Mail goes here.
pub struct MemoryDestination {
    /// What is there.
    pub mailbox: Mailbox,
    /// Counts and strikes.
    pub steps: Arc<Steps>,
}

#[async_trait]
impl Destination for MemoryDestination {
    async fn survey(&self) -> Result<Survey> {
        self.steps.wire(Side::Destination, || Ok(self.mailbox.survey())).await
    }

    async fn create(&self, path: &FolderPath, special_use: Option<Role>) -> Result<Folder> {
        let name = path.to_string();
        let make = || {
            self.mailbox.create(&name, special_use);
            Ok(self.mailbox.with(&name, |shelf| self.mailbox.folder(&name, shelf)))
        };
        self.steps.wire(Side::Destination, make).await
    }

    async fn subscribe(&self, _folder: &Folder) -> Result<()> {
        self.steps.wire(Side::Destination, || Ok(())).await
    }

    async fn open(&self, folder: &Folder) -> Result<Box<dyn OpenDestination>> {
        let open = Open::new(&self.mailbox, &self.steps, Side::Destination, folder).await?;
        Ok(Box::new(OpenWriter { open, next: 0, answers: VecDeque::new() }))
    }

    async fn copy_within(
        &self,
        (from, generation): (&Folder, UidValidity),
        uids: &UidSet,
        to: &Folder,
    ) -> Result<Option<Within>> {
        let name = |folder: &Folder| String::from_utf8_lossy(&folder.wire.0).into_owned();
        let copy = || {
            let (habits, taken) = (
                &self.mailbox.habits,
                self.mailbox.with(&name(from), |shelf| {
                    let letter = |uid: Uid| Some((uid, shelf.letters.get(&uid.get())?.clone()));
                    (shelf.validity, uids.iter().filter_map(letter).collect::<Vec<_>>())
                }),
            );
            if !habits.copies || !habits.uidplus || taken.0 != generation.get() {
                return Ok(None);
            }
            self.mailbox.with(&name(to), |shelf| {
                let put = |(uid, letter)| Some((uid, Uid::new(shelf.push(letter))?));
                let pairs = taken.1.into_iter().filter_map(put).collect();
                Ok(UidValidity::new(shelf.validity).map(|uid_validity| Within { uid_validity, pairs }))
            })
        };
        self.steps.wire(Side::Destination, copy).await
    }

    fn copy_messages_max(&self) -> u64 {
        2
    }

    async fn close(&self) {}
}

struct OpenWriter {
    open: Open,
    next: u64,
    answers: VecDeque<(BatchId, Answer)>,
}

impl OpenWriter {
    fn refusal(&self, batch: &[(Vec<u8>, Parcel)]) -> Option<Failure> {
        let habits = &self.open.mailbox.habits;
        let refuse = |class, text: &str| {
            Failure::new(Side::Destination, class, Reach::Message, Retry::Never, text.to_owned())
        };
        for (octets, _) in batch {
            if [habits.refuses, habits.keeps_and_refuses].iter().flatten().any(|text| holds(octets, text)) {
                return Some(refuse(Class::ItemRefused, "NO invalid header"));
            }
            if habits.append_octets_max.is_some_and(|max| octets.len() as u64 > max) {
                return Some(refuse(Class::ItemTooLarge, "NO [TOOBIG] too large"));
            }
        }
        None
    }

    fn put(&self, batch: Vec<(Vec<u8>, Parcel)>) -> Answer {
        let habits = &self.open.mailbox.habits;
        if batch.iter().any(|(octets, _)| habits.full_for.is_some_and(|text| holds(octets, text))) {
            let (class, reach) = (Class::OverQuota, Reach::Account);
            let failure = Failure::new(Side::Destination, class, reach, Retry::Never, "NO [OVERQUOTA] full");
            return Answer::Refused(failure);
        }
        if let Some(failure) = self.refusal(&batch) {
            let is_kept = |octets: &[u8]| habits.keeps_and_refuses.is_some_and(|text| holds(octets, text));
            if batch.len() == 1 && batch.iter().all(|(octets, _)| is_kept(octets)) {
                self.store_all(batch);
            } else if habits.tears_batches {
                let is_good = |octets: &[u8]| !habits.refuses.is_some_and(|text| holds(octets, text));
                let before = batch.into_iter().take_while(|(octets, _)| is_good(octets)).collect();
                self.store_all(before);
            }
            return Answer::Refused(failure);
        }
        let (validity, mut uids) = self.store_all(batch);
        if habits.lies_about_uids {
            uids = (1..).filter_map(Uid::new).take(uids.len()).collect();
        }
        let uids = validity.filter(|_| habits.uidplus).map(|validity| (validity, uids));
        Answer::Appended { uids }
    }

    fn store_all(&self, batch: Vec<(Vec<u8>, Parcel)>) -> (Option<UidValidity>, Vec<Uid>) {
        let (mailbox, name) = (&self.open.mailbox, &self.open.name);
        mailbox.with(name, |shelf| {
            let mut uids = Vec::new();
            for (mut octets, parcel) in batch {
                if mailbox.habits.rewrites {
                    octets.splice(0..0, *b"Received: by memory\r\n");
                }
                let date = parcel.internal_date.map(date::fmt_internal);
                let letter = Letter { octets, flags: parcel.flags, date, modseq: 0, number: 0 };
                uids.extend(Uid::new(shelf.push(letter)));
            }
            (mailbox.status(shelf).uid_validity, uids)
        })
    }
}

#[async_trait]
impl OpenDestination for OpenWriter {
    fn status(&self) -> FolderStatus {
        self.open.status
    }

    async fn refresh(&mut self) -> Result<FolderStatus> {
        let ask = |mailbox: &Mailbox, name: &str| mailbox.with(name, |shelf| mailbox.status(shelf));
        self.open.status = self.open.ask(ask).await?;
        Ok(self.open.status)
    }

    fn permanent_flags(&self) -> (Flags, bool) {
        self.open.mailbox.habits.permanent.clone()
    }

    fn append_octets_max(&self) -> Option<u64> {
        None
    }

    async fn uids(&mut self) -> Result<UidSet> {
        self.open.uids().await
    }

    async fn stubs(&mut self, uids: &UidSet) -> Result<Vec<Stub>> {
        self.open.map(uids, |stub, _| stub).await
    }

    async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>> {
        self.open.headed(uids).await
    }

    async fn bodies(
        &mut self,
        uids: &UidSet,
        _limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()> {
        self.open.bodies(uids, sink).await
    }

    fn batch_messages_max(&self) -> usize {
        self.open.mailbox.habits.batch_messages_max
    }

    async fn send(&mut self, batch: Vec<Parcel>) -> Result<BatchId> {
        let mut read = Vec::new();
        for mut parcel in batch {
            let octets = match std::mem::replace(&mut parcel.body, Body::Memory(bytes::Bytes::new())) {
                Body::Memory(octets) => octets.to_vec(),
                Body::Wire(mut body) => {
                    let mut octets = Vec::new();
                    while let Some(chunk) = body.chunks.recv().await {
                        octets.extend_from_slice(&chunk?);
                    }
                    octets
                }
            };
            read.push((octets, parcel));
        }
        let steps = Arc::clone(&self.open.steps);
        let answer = steps.wire(Side::Destination, || Ok(self.put(read))).await;
        self.open.is_usable &= answer.is_ok();
        self.next += 1;
        self.answers.push_back((BatchId(self.next), answer?));
        Ok(BatchId(self.next))
    }

    async fn answer(&mut self) -> Result<(BatchId, Answer)> {
        let steps = Arc::clone(&self.open.steps);
        let answered = steps.wire(Side::Destination, || Ok(())).await;
        self.open.is_usable &= answered.is_ok();
        answered?;
        Ok(self.answers.pop_front().expect("an answer is asked for while a batch is in flight"))
    }

    async fn store(&mut self, uids: &UidSet, add: &[Flag], remove: &[Flag]) -> Result<()> {
        let change = |mailbox: &Mailbox, name: &str| {
            mailbox.with(name, |shelf| {
                for uid in uids.iter() {
                    let Some(letter) = shelf.letters.get(&uid.get()) else { continue };
                    let mut flags = letter.flags.clone();
                    flags.0.retain(|flag| !remove.contains(flag));
                    flags.0.extend(add.iter().cloned());
                    shelf.set_flags(uid.get(), &flags.to_string());
                }
            });
        };
        self.open.ask(change).await
    }

    async fn remove(&mut self, uids: &UidSet) -> Result<()> {
        let change = |mailbox: &Mailbox, name: &str| {
            mailbox.with(name, |shelf| uids.iter().for_each(|uid| shelf.remove(uid.get())));
        };
        self.open.ask(change).await
    }

    fn retire(&mut self) {}

    fn is_usable(&self) -> bool {
        self.open.is_usable
    }
}
