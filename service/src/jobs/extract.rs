//! Reads an uploaded file through as a copy would, and says what is in it: folders, messages, what cannot be read.
//! Never brings a message over, and never keeps one.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use malote_engine::body::Body;
use malote_engine::damage::{self, Judged};
use malote_engine::event::{Event, Events as _};
use malote_engine::failure::{Class, Failure, Reach, Retry, Side};
use malote_engine::plan::folder::Folder;
use malote_engine::plan::message::Uid;
use malote_engine::plan::uid_set::UidSet;
use malote_engine::progress::Progress;
use malote_engine::report::{ErrorEntry, QuarantineEntry};
use malote_engine::source::archive::book::Book;
use malote_engine::source::{Fetched, OpenSource, ReadLimits, Source};
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::log::RunLog;
use crate::cli::args::StoreArgs;
use crate::cli::files::Files;

/// Messages that are asked for at once; between two windows a run may be stopped.
const WINDOW_MESSAGES: usize = 256;
/// Messages that wait to be counted.
const WAITING_MAX: usize = 8;
/// Bodies of more octets are counted as they pass.
const MEMORY_OCTETS_MAX: u64 = 1024 * 1024;
/// Messages that cannot be read and are named, at most; more are counted.
const NAMED_MAX: usize = 100_000;

/// What a file holds.
#[derive(Debug, Serialize)]
pub(super) struct Inventory {
    schema: &'static str,
    /// The format as its reader calls it.
    pub format: String,
    /// Its folders.
    pub folders: Vec<FolderFound>,
    /// Messages that cannot be read, each with its reason.
    pub quarantine: Vec<QuarantineEntry>,
    /// Messages that cannot be read, also those that are not named.
    pub quarantined: u64,
    /// What is no fault and worth telling: items of other classes, losses.
    pub remarks: Vec<String>,
    /// What could not be read at all, and why the reading ended early.
    pub errors: Vec<ErrorEntry>,
}

/// A folder of a file.
#[derive(Debug, Default, Serialize)]
pub(super) struct FolderFound {
    /// Decoded, levels parted by `/`.
    pub path: String,
    /// `inbox`, `sent` and so on; empty for an ordinary folder.
    pub role: String,
    /// Messages, those that are left out too.
    pub messages: u64,
    /// Messages that can be read.
    pub readable: u64,
    /// Their octets.
    pub octets: u64,
    /// Messages that cannot be read.
    pub quarantined: u64,
    /// Items that are no mail, or were deleted by their user.
    pub filtered: u64,
}

/// What a reading needs beside the file.
pub(super) struct Desk {
    pub progress: Arc<Progress>,
    pub log: Arc<RunLog>,
    pub stop: CancellationToken,
    pub budget: Arc<Semaphore>,
    /// Where UIDs of files are kept that have none; read and not written.
    pub uids: PathBuf,
    /// Codes of damage that people have accepted.
    pub accepted_damage: Vec<String>,
}

/// Reads a file through. What ends the reading early is among the errors.
pub(super) async fn extract(files: &Files, reading: &StoreArgs, desk: &Desk) -> Inventory {
    let source = files.source(Book::kept_in(desk.uids.clone(), false), reading);
    let mut found = Inventory {
        schema: "malote.extract/1",
        format: String::new(),
        folders: Vec::new(),
        quarantine: Vec::new(),
        quarantined: 0,
        remarks: Vec::new(),
        errors: Vec::new(),
    };
    if let Err(failure) = all(source.as_ref(), desk, &mut found).await {
        found.errors.push(ErrorEntry::from(&failure));
    }
    let Judged { failures, accepted } = damage::judge(source.as_ref(), &desk.accepted_damage);
    found.errors.extend(failures.iter().map(ErrorEntry::from));
    found.remarks = source.remarks().into_iter().chain(accepted).collect();
    source.close().await;
    found
}

fn unreadable(words: String) -> Failure {
    Failure::new(Side::Source, Class::ItemUnreadable, Reach::Account, Retry::Never, words)
}

async fn all(source: &dyn Source, desk: &Desk, found: &mut Inventory) -> Result<(), Failure> {
    let survey = source.survey().await?;
    let folders = survey.folders.len();
    desk.log.emit(Event::Surveyed { side: Side::Source, server: survey.server.clone(), folders });
    found.format = survey.server;
    if folders == 0 {
        return Err(unreadable("the file holds no mail that can be read".to_owned()));
    }
    desk.progress.folders_listed(folders as u64);
    for folder in &survey.folders {
        // One folder that cannot be read does not hide the others.
        match one(source, desk, folder, found).await {
            Ok(()) => {}
            Err(failure) if failure.reach <= Reach::Folder => found.errors.push(ErrorEntry::from(&failure)),
            Err(failure) => return Err(failure),
        }
        desk.progress.folder_done();
    }
    Ok(())
}

async fn one(
    source: &dyn Source,
    desk: &Desk,
    folder: &Folder,
    found: &mut Inventory,
) -> Result<(), Failure> {
    let mut open = source.open(folder).await?;
    let (listed, left_out) = (open.uids().await?, open.left_out());
    let wanted: Vec<Uid> = listed.iter().filter(|uid| !left_out.contains(*uid)).collect();
    let path = folder.path.to_string();
    let messages = wanted.len() as u64;
    desk.progress.messages_listed(messages);
    desk.log.emit(Event::FolderStarted { folder: path.clone(), messages, to_copy: 0 });
    let mut seen = FolderFound {
        path: path.clone(),
        role: folder.special_use.map_or("", |role| role.as_str()).to_owned(),
        messages: listed.iter().count() as u64,
        filtered: listed.iter().count() as u64 - messages,
        ..FolderFound::default()
    };
    let mut ended = Ok(());
    for window in wanted.chunks(WINDOW_MESSAGES) {
        if desk.stop.is_cancelled() {
            let words = format!("the reading of {path} was stopped");
            ended = Err(Failure::new(Side::Local, Class::Cancelled, Reach::Account, Retry::Again, words));
            break;
        }
        ended = some(open.as_mut(), desk, window, (&mut seen, found)).await;
        if ended.is_err() {
            break;
        }
        desk.progress.messages_done(window.len() as u64);
    }
    let left = messages - seen.readable - seen.quarantined;
    desk.log.emit(Event::FolderFinished { folder: path, copied: 0, pending: left });
    found.folders.push(seen);
    ended
}

/// Reads some messages of an open folder.
async fn some(
    open: &mut dyn OpenSource,
    desk: &Desk,
    window: &[Uid],
    (seen, found): (&mut FolderFound, &mut Inventory),
) -> Result<(), Failure> {
    let uids: UidSet = window.iter().copied().collect();
    let limits = ReadLimits { budget: Arc::clone(&desk.budget), memory_octets_max: MEMORY_OCTETS_MAX };
    let (sink, queue) = mpsc::channel(WAITING_MAX);
    let reader = &mut *open;
    // The queue ends when its sender goes with this block.
    let read = async move {
        let sink = sink;
        reader.bodies(&uids, &limits, &sink).await
    };
    let (read, came) = tokio::join!(read, count(queue));
    read?;
    for (uid, octets) in &came {
        if let Some(octets) = octets {
            (seen.readable, seen.octets) = (seen.readable + 1, seen.octets + octets);
        } else {
            keep(seen, found, *uid, 0, open.refusal(*uid));
        }
    }
    let arrived: BTreeSet<Uid> = came.iter().map(|(uid, _)| *uid).collect();
    let missing: UidSet = window.iter().copied().filter(|uid| !arrived.contains(uid)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let stubs = open.stubs(&missing).await?;
    for uid in missing.iter() {
        let octets = stubs.iter().find(|stub| stub.uid == uid).map_or(0, |stub| stub.octets_claimed);
        keep(seen, found, uid, octets, open.refusal(uid));
    }
    Ok(())
}

/// Names a message that cannot be read.
fn keep(seen: &mut FolderFound, found: &mut Inventory, uid: Uid, size: u64, why: Option<String>) {
    (seen.quarantined, found.quarantined) = (seen.quarantined + 1, found.quarantined + 1);
    if found.quarantine.len() >= NAMED_MAX {
        return;
    }
    found.quarantine.push(QuarantineEntry {
        folder: seen.path.clone(),
        uid: uid.get(),
        size,
        reason: "unreadable".to_owned(),
        detail: why.unwrap_or_else(|| "nothing came for it".to_owned()),
        attempts: 1,
        ..QuarantineEntry::default()
    });
}

/// Counts what comes: octets of each message, or nothing for one that broke off.
async fn count(mut queue: mpsc::Receiver<Fetched>) -> Vec<(Uid, Option<u64>)> {
    let mut came = Vec::new();
    while let Some(fetched) = queue.recv().await {
        let octets = match fetched.body {
            Body::Memory(octets) => Some(octets.len() as u64),
            Body::Wire(mut body) => {
                let (mut octets, mut is_whole) = (0, true);
                while let Some(chunk) = body.chunks.recv().await {
                    match chunk {
                        Ok(chunk) => octets += chunk.len() as u64,
                        Err(_) => is_whole = false,
                    }
                }
                (is_whole && octets == body.octets).then_some(octets)
            }
        };
        came.push((fetched.stub.uid, octets));
    }
    came
}
