//! Several hands that read one store, and one order in which their work is written.
//! Never lets what is written depend on who was faster: each folder's items come in the folder's order.
//!
//! Items are taken in portions. A hand keeps what it makes of a portion until the portions before it in the same folder
//! are written, then writes straight through. Hands go to folders that nobody works on first, so that they seldom wait.

use std::fs::File;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use malote_pst::mailbox::{Damaged, Helper, Mailbox, Outcome};
use malote_pst::mime::Unwritten;
use malote_pst::store::NodeId;

use super::listing::{Lines, Listing};
use super::sink::{Sink, failure};
use super::tray::{Rooms, Tray};
use super::{Place, Quarantined, Sums};
use crate::cli::exit::Stopped;

/// Items of one portion.
const PORTION_ITEMS: usize = 16;
/// Items that are told of together.
const ITEMS_TOLD: usize = 4;
/// Hands at one store: each takes memory.
const HANDS_MAX: usize = 4;
/// Files that wait for the disk.
const FILES_WAITING_MAX: usize = 16;

/// Reads every item of `places`, writes what is carried where there is a sink, and lists losses where there is a list;
/// see [`super::walk`].
pub(super) fn walk(
    mailbox: &mut Mailbox,
    places: &[Place],
    (sink, listing): (Option<&Sink>, Option<&Listing>),
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Sums, Stopped> {
    let helpers = helpers(mailbox);
    let (finished, waiting) = sync_channel::<Finished>(FILES_WAITING_MAX);
    let states = places.iter().map(|place| State { portions: portions(place), ..State::default() });
    let work = Mutex::new(Work { folders: states.collect(), ..Work::default() });
    let mailbox = Mutex::new(mailbox);
    let crew = Crew { places, sink, listing, progress, work, moved: Condvar::new(), mailbox, finished };
    let (sums, alone, kept, work, mailbox) = thread::scope(|scope| {
        let keeper = scope.spawn(|| waiting.into_iter().try_for_each(|finished| finished.keep(sink)));
        let (sums, alone) = hands(&crew, helpers);
        let Crew { work, mailbox, finished, .. } = crew;
        drop(finished);
        (sums, alone, keeper.join().unwrap_or_else(|cause| resume_unwind(cause)), work, mailbox)
    });
    let failed = work.into_inner().unwrap_or_else(PoisonError::into_inner).failed;
    failed.map_or(kept, Err)?;
    mailbox.into_inner().unwrap_or_else(PoisonError::into_inner).count_alone(alone);
    Ok(sums)
}

/// Lets every hand work to the end; gives what they found, and how many items only the first reader has seen.
fn hands(crew: &Crew<'_>, helpers: Vec<Option<Helper>>) -> (Sums, u64) {
    let (mut sums, mut alone) = (Sums::default(), 0);
    thread::scope(|scope| {
        let start = |helper| scope.spawn(|| Hand::new(crew, helper).work());
        let hands: Vec<_> = helpers.into_iter().map(start).collect();
        for hand in hands {
            let (of_hand, read) = hand.join().unwrap_or_else(|cause| resume_unwind(cause));
            sums.add(of_hand);
            alone += read;
        }
    });
    sums.quarantined.sort_by_key(|item| item.order);
    (sums, alone)
}

/// One for each processor, and one more for who waits for a disk; a single hand where only the mailbox itself can read.
fn helpers(mailbox: &Mailbox) -> Vec<Option<Helper>> {
    let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let hands = (processors + usize::from(!mailbox.is_in_memory())).min(HANDS_MAX);
    let helpers: Vec<_> = (0..hands).map_while(|_| mailbox.helper()).map(Some).collect();
    if helpers.is_empty() { vec![None] } else { helpers }
}

fn portions(place: &Place) -> usize {
    place.items.len().div_ceil(PORTION_ITEMS)
}

/// What all hands share.
pub(super) struct Crew<'a> {
    places: &'a [Place],
    sink: Option<&'a Sink>,
    listing: Option<&'a Listing>,
    progress: &'a (dyn Fn(u64) + Sync),
    work: Mutex<Work>,
    moved: Condvar,
    /// Whom hands ask for what they do not read themselves. Who has it waits for nothing else.
    mailbox: Mutex<&'a mut Mailbox>,
    finished: SyncSender<Finished>,
}

/// Who has come how far.
#[derive(Default)]
struct Work {
    folders: Vec<State>,
    /// Folders before this one have no portion left to take.
    first_open: usize,
    is_stopped: bool,
    /// Why, but for a panic.
    failed: Option<Stopped>,
}

/// How far one folder has come.
#[derive(Default)]
struct State {
    portions: usize,
    taken: usize,
    written: usize,
    /// The file that the folder's messages go to one after the other, while nobody has the turn.
    file: Option<File>,
}

/// Some items of one folder, one behind the other.
#[derive(Debug, Clone)]
pub(super) struct Portion {
    /// The folder's number in the walk.
    pub(super) folder: usize,
    number: usize,
    items: Range<usize>,
}

/// A file that nothing more is written to.
struct Finished {
    folder: usize,
    file: File,
}

impl Finished {
    /// Waits until the disk has it, where that is wanted, and gives it its name.
    fn keep(self, sink: Option<&Sink>) -> Result<(), Stopped> {
        let Some(sink) = sink else { return Ok(()) };
        let ended = sink.end_file(self.folder, &self.file);
        ended.map_err(|cause| failure("writing", sink.place(self.folder), &cause))
    }
}

impl Crew<'_> {
    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next portion of the folder that fewest hands work on, the first of them.
    fn take(&self) -> Option<Portion> {
        let mut work = self.work();
        if work.is_stopped {
            return None;
        }
        while work.folders.get(work.first_open).is_some_and(|state| state.taken == state.portions) {
            work.first_open += 1;
        }
        let mut chosen: Option<(usize, usize)> = None;
        for (folder, state) in work.folders.iter().enumerate().skip(work.first_open) {
            let hands = state.taken - state.written;
            if state.taken < state.portions && chosen.is_none_or(|(fewest, _)| hands < fewest) {
                chosen = Some((hands, folder));
                if hands == 0 {
                    break;
                }
            }
        }
        let (_, folder) = chosen?;
        let number = work.folders[folder].taken;
        work.folders[folder].taken += 1;
        let first = number * PORTION_ITEMS;
        let items = first..self.places[folder].items.len().min(first + PORTION_ITEMS);
        Some(Portion { folder, number, items })
    }

    /// Waits until everything before the portion is written, and takes the file that it goes to, where there is one
    /// yet.
    ///
    /// # Errors
    /// Where another hand has stopped the work.
    pub(super) fn turn(&self, portion: &Portion) -> std::io::Result<Option<File>> {
        let mut work = self.work();
        while !work.is_stopped && work.folders[portion.folder].written != portion.number {
            work = self.moved.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
        if work.is_stopped {
            return Err(std::io::Error::other("the work was stopped"));
        }
        Ok(work.folders[portion.folder].file.take())
    }

    /// True where [`Self::turn`] need not wait.
    pub(super) fn has_turn(&self, portion: &Portion) -> bool {
        self.work().folders[portion.folder].written == portion.number
    }

    /// Gives the turn on.
    fn written(&self, portion: &Portion, file: Option<File>) {
        let mut work = self.work();
        let state = &mut work.folders[portion.folder];
        state.written += 1;
        let is_last = state.written == state.portions;
        let ended = if is_last { file } else { std::mem::replace(&mut state.file, file) };
        drop(work);
        self.moved.notify_all();
        if let Some(file) = ended {
            // Whoever keeps the files has ended only with an error, which is told in the end.
            let _ended = self.finished.send(Finished { folder: portion.folder, file });
        }
    }

    fn stop(&self, failed: Option<Stopped>) {
        let mut work = self.work();
        work.is_stopped = true;
        work.failed = work.failed.take().or(failed);
        drop(work);
        self.moved.notify_all();
    }
}

/// One thread's reader and what it found.
struct Hand<'h, 'a> {
    crew: &'h Crew<'a>,
    helper: Option<Helper>,
    sums: Sums,
    /// Items that no second reader was asked for.
    alone: u64,
    /// Of the portion that is worked on.
    lines: Lines,
}

impl Drop for Hand<'_, '_> {
    /// Others must not wait for the turn of a hand that broke down.
    fn drop(&mut self) {
        if thread::panicking() {
            self.crew.stop(None);
        }
    }
}

impl<'h, 'a> Hand<'h, 'a> {
    fn new(crew: &'h Crew<'a>, helper: Option<Helper>) -> Self {
        Self { crew, helper, sums: Sums::default(), alone: 0, lines: Lines::default() }
    }

    fn work(mut self) -> (Sums, u64) {
        let mut rooms = Rooms::default();
        while let Some(portion) = self.crew.take() {
            if let Err(failed) = self.portion(&portion, &mut rooms) {
                self.crew.stop(Some(failed));
                break;
            }
        }
        (std::mem::take(&mut self.sums), self.alone)
    }

    fn portion(&mut self, portion: &Portion, rooms: &mut Rooms) -> Result<(), Stopped> {
        let crew = self.crew;
        let place = &crew.places[portion.folder];
        let mut tray = Tray::new(crew, crew.sink, portion, std::mem::take(rooms));
        if let Some(helper) = &mut self.helper {
            helper.expect(&place.items[portion.items.clone()]);
        }
        let mut first = portion.items.start;
        for at in portion.items.clone() {
            let node = place.items[at];
            let lines = crew.listing.map(|_| &mut self.lines);
            let mut sums = Outcomes { sums: &mut self.sums, lines, place, order: (portion.folder, at), node };
            let read = self.helper.as_mut().and_then(|helper| {
                let outcome = helper.read(node, place.role)?;
                Some((helper.mailbox(), outcome))
            });
            let kept = match read {
                Some((mailbox, outcome)) => sums.keep(mailbox, outcome, &mut tray)?,
                None => Kept::Unread,
            };
            if kept == Kept::Done {
                self.alone += 1;
            } else {
                // The turn comes first: whoever has it may be waiting for the mailbox.
                tray.take_turn()?;
                let mut mailbox = crew.mailbox.lock().unwrap_or_else(PoisonError::into_inner);
                sums.insist(&mut mailbox, kept, &mut tray)?;
            }
            // Each telling looks at the clock.
            let is_told = (at + 1) % ITEMS_TOLD == 0 || at + 1 == portion.items.end;
            if is_told {
                (crew.progress)((at - first) as u64 + 1);
                first = at + 1;
            }
        }
        let file = tray.finish(rooms)?;
        crew.listing
            .map_or(Ok(()), |listing| listing.put((portion.folder, portion.number), &mut self.lines))?;
        crew.written(portion, file);
        Ok(())
    }
}

/// How far one item has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// Nobody has read it.
    Unread,
    /// Its data cannot be read to the end.
    Unreadable,
    /// It is written, or it is said why not.
    Done,
}

/// Where it is counted what became of one item.
struct Outcomes<'a> {
    sums: &'a mut Sums,
    /// Where it is listed what items lost, if that is wanted.
    lines: Option<&'a mut Lines>,
    place: &'a Place,
    order: (usize, usize),
    node: NodeId,
}

impl Outcomes<'_> {
    /// Has the mailbox itself read the item, to its last octet where its data proved unreadable while it was written.
    fn insist(
        &mut self,
        mailbox: &mut Mailbox,
        mut kept: Kept,
        tray: &mut Tray<'_, '_>,
    ) -> Result<(), Stopped> {
        if kept == Kept::Unread {
            let outcome = mailbox.read(self.node, self.place.role);
            kept = self.keep(mailbox, outcome, tray)?;
        }
        if kept == Kept::Unreadable {
            let outcome = mailbox.read_proven(self.node, self.place.role);
            kept = self.keep(mailbox, outcome, tray)?;
        }
        match kept {
            Kept::Done => Ok(()),
            _ => Err(Stopped::early(format!("item {:#x} reads otherwise each time", self.node.0))),
        }
    }

    /// Writes and counts, unless the item's data proves unreadable only now.
    fn keep(
        &mut self,
        mailbox: &mut Mailbox,
        outcome: Outcome,
        tray: &mut Tray<'_, '_>,
    ) -> Result<Kept, Stopped> {
        if let Outcome::Carried(converted) = &outcome {
            match tray.put(mailbox, self.node, converted) {
                Ok(()) => {}
                Err(Unwritten::Unreadable(_)) => return Ok(Kept::Unreadable),
                Err(Unwritten::Refused(cause)) => return Err(tray.refused(&cause)),
            }
        }
        self.sums.arithmetic.count(&outcome);
        match outcome {
            Outcome::Carried(converted) => {
                self.sums.lose(&converted.losses);
                if let Some(lines) = &mut self.lines {
                    let item = (self.place.path.as_slice(), self.node);
                    lines
                        .add(mailbox, item, converted.message.as_ref(), &converted.losses)
                        .map_err(|cause| Stopped::bug(format!("listing losses: {cause}")))?;
                }
            }
            Outcome::Skipped { .. } => {}
            Outcome::Quarantined(damaged) => {
                tray.dump(self.node, &damaged)?;
                self.quarantine(*damaged);
            }
        }
        Ok(Kept::Done)
    }

    fn quarantine(&mut self, damaged: Damaged) {
        self.sums.quarantined.push(Quarantined {
            order: self.order,
            node: format!("{:#x}", self.node.0),
            folder: self.place.path.clone(),
            class: damaged.class,
            subject: damaged.subject,
            reason: damaged.reason,
        });
    }
}
