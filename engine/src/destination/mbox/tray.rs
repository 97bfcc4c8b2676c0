//! One mbox file that is written to, with its journal beside it.
//! Never believes a file that is shorter than its journal says, and never cuts off what it did not write.

mod settle;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use malote_plan::date;
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::FolderStatus;
use malote_plan::message::{Flag, Flags, InternalDate, Uid, UidValidity};
use malote_plan::uid_set::UidSet;

use super::batch::{self, Batch, Layout};
use super::journal::{self, Line, Planned, Row, State};
use super::lock::{self, Held, Refused};
use super::others;
use super::write::{FLAGS_OCTETS, flag_lines, own_lines, spool};
use crate::clock::Clock;
use crate::destination::files::{Letter, Remarks, Tray, unwritten};
use crate::exchange::Stub;
use crate::failure::{Failure, Result};
use crate::source::archive::files::Slice;
use crate::source::archive::{Content, HEADER_OCTETS_MAX, Refusal, Shelf, lines};
use crate::source::mbox::status::{self, Storage};

/// What the journal's name ends with.
const JOURNAL: &str = ".malote";

/// One mbox file.
pub(super) struct MboxTray {
    path: PathBuf,
    name: String,
    clock: Arc<dyn Clock>,
    remarks: Remarks,
    damage: Remarks,
    /// False where nothing is written, neither into the mbox nor beside it.
    writes: bool,
    /// How long another program's lock is waited for.
    patience: Duration,
    /// The mbox; locked as long as the tray lives.
    file: Arc<File>,
    state: State,
    rows: BTreeMap<Uid, Row>,
}

/// What a tray is opened with.
pub(super) struct Opening {
    pub name: String,
    pub clock: Arc<dyn Clock>,
    pub remarks: Remarks,
    /// What keeps a run from success.
    pub damage: Remarks,
    /// False where nothing is to be written.
    pub writes: bool,
    /// How long another program's lock is waited for.
    pub patience: Duration,
}

impl MboxTray {
    /// Locks the file, settles what a dead run began, and takes in what others added. For reading alone, all of this
    /// is only thought: nothing is written, and an mbox that is not there is an empty one.
    pub(super) fn open(path: PathBuf, opening: Opening) -> Result<Self> {
        let Opening { name, clock, remarks, damage, writes, patience } = opening;
        let fail = |cause| unwritten(&format!("opening the mbox {name}"), cause);
        let opened = File::options().read(true).write(writes).open(&path);
        let file = match opened {
            Err(cause) if !writes && cause.kind() == io::ErrorKind::NotFound => tempfile::tempfile(),
            opened => opened,
        };
        let file = Arc::new(file.map_err(fail)?);
        if if writes { file.try_lock() } else { file.try_lock_shared() }.is_err() {
            return Err(locked(&format!("{name}: another program writes to this mbox")));
        }
        let (state, rows) = (State::default(), BTreeMap::new());
        let mut tray = Self { path, name, clock, remarks, damage, writes, patience, file, state, rows };
        tray.read_anew()?;
        Ok(tray)
    }

    fn fail(&self, what: &str) -> impl Fn(io::Error) -> Failure + use<> {
        let what = format!("{what} in the mbox {}", self.path.display());
        move |cause| unwritten(&what, cause)
    }

    /// Takes the locks that other mail programs know, and makes sure that the open file is still the mbox.
    fn hold(&self) -> Result<Held> {
        if !self.writes {
            let (class, reach) = (Class::Internal, Reach::Folder);
            let message = format!("{}: the mbox was opened for reading alone", self.name);
            return Err(Failure::new(Side::Destination, class, reach, Retry::Never, message));
        }
        let held = lock::take(&self.file, &self.path, self.patience).map_err(|refused| match refused {
            Refused::Held(what) => locked(&format!("{}: another program holds {what}", self.path.display())),
            Refused::Failed(cause) => self.fail("locking")(cause),
        })?;
        let fail = self.fail("looking at the file");
        let (open, named) = (self.file.metadata().map_err(&fail)?, fs::metadata(&self.path).map_err(&fail)?);
        if (open.dev(), open.ino()) != (named.dev(), named.ino()) {
            let message = format!("{}: another program replaced the mbox; it is read anew", self.name);
            return Err(Failure::net(Side::Destination, message));
        }
        Ok(held)
    }

    fn octets(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_anew(&mut self) -> Result<()> {
        let fail = self.fail("reading what is there");
        let _held = if self.writes { Some(self.hold()?) } else { None };
        let text = match fs::read(journal_of(&self.path)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            text => text.map_err(&fail)?,
        };
        let mut state = State::of(&String::from_utf8_lossy(&text));
        let octets = self.octets().map_err(&fail)?;
        let stands = state.validity != 0 && !state.is_damaged && octets >= state.end;
        let others_at = if stands && self.is_as_written(&state) {
            if self.writes && state.ends_torn {
                // No line may be added behind half a one.
                journal::begin(&journal_of(&self.path), &state.lines()).map_err(&fail)?;
            }
            match state.torn.take() {
                Some(torn) => self.settle(&mut state, &torn).map_err(&fail)?,
                None => {
                    self.sweep().map_err(&fail)?;
                    state.end
                }
            }
        } else {
            self.tell_new_generation(&state, octets);
            self.set_batches_aside(&state).map_err(&fail)?;
            self.set_cut_aside(&state, octets).map_err(&fail)?;
            state = State { validity: self.new_validity(&state), next: 1, ..State::default() };
            if self.writes {
                journal::begin(&journal_of(&self.path), &state.lines()).map_err(&fail)?;
            }
            0
        };
        let (known, octets) = (state.rows.len(), self.octets().map_err(&fail)?);
        if octets > others_at {
            let begun = state.end;
            others::take(&self.file, others_at, octets, &mut state).map_err(&fail)?;
            let mut added = vec![Line::Intent(begun, Some(Planned::nothing()))];
            added.extend(state.rows[known..].iter().copied().map(Line::Row));
            added.push(Line::Done(state.end));
            if self.writes {
                journal::add(&journal_of(&self.path), &added).map_err(&fail)?;
            }
        }
        self.rows = state.rows.iter().filter_map(|row| Some((Uid::new(row.uid)?, *row))).collect();
        self.state = state;
        Ok(())
    }

    /// The time tells every generation from all before it (RFC 3501 §2.3.1.1). For reading alone it need only be
    /// another one, the same at each opening.
    fn new_validity(&self, state: &State) -> u32 {
        let now = u32::try_from(self.clock.now_unix_ms() / 1000).unwrap_or(1).max(1);
        if self.writes { now.max(state.validity.saturating_add(1)) } else { state.validity.saturating_add(1) }
    }

    /// True where the first and the last message that are known still stand where they stood.
    fn is_as_written(&self, state: &State) -> bool {
        state.rows.first().is_none_or(|row| self.is_message(row))
            && state.rows.last().is_none_or(|row| self.is_message(row))
    }

    fn is_message(&self, row: &Row) -> bool {
        io::copy(&mut others::read(&self.file, row), &mut io::sink()).is_ok()
    }

    /// Adds what is missing of a batch, of which `written` octets stand from octet `at` on, and looks whether it came
    /// to stand where it was meant to.
    fn write_batch(&self, batch: &Batch, at: u64, written: u64) -> io::Result<()> {
        let mut into = File::options().append(true).open(&self.path)?;
        io::copy(&mut batch.octets(written), &mut into)?;
        into.sync_all()?;
        if batch::common(&self.file, at, batch.octets(0))? == batch.planned.octets {
            return Ok(());
        }
        let what = "another program wrote to the mbox at the same time, without a lock; it is read anew";
        Err(io::Error::other(what))
    }

    /// Lays a batch out beside the mbox: all of it, or nothing is written.
    fn lay_out(&self, letters: Vec<Letter>) -> Result<(Batch, Vec<Row>)> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let what = format!("laying messages out beside the mbox {}", self.path.display());
        let fail = |cause| unwritten(&what, cause);
        let mut layout = Layout::begin(&self.path, self.state.end).map_err(fail)?;
        io::Write::write_all(&mut layout, self.gap(self.state.end).map_err(fail)?).map_err(fail)?;
        let mut rows = Vec::with_capacity(letters.len());
        for (uid, mut letter) in (self.state.next..).zip(letters) {
            let unix_seconds =
                letter.internal_date.map_or(self.clock.now_unix_ms() / 1000, |date| date.unix_seconds);
            let spooled = spool(&mut letter, folder)?;
            rows.push(layout.add(spooled, &letter.flags, unix_seconds, uid).map_err(fail)?);
        }
        Ok((layout.finish().map_err(fail)?, rows))
    }

    /// Takes back what of a batch was written before writing failed; where that fails too, the next opening does it.
    fn take_back(&self, batch: &Batch) -> io::Result<()> {
        let written = batch::common(&self.file, self.state.end, batch.octets(0))?;
        if self.state.end + written == self.octets()? {
            self.file.set_len(self.state.end)?;
            self.file.sync_all()?;
            let lines = [Line::Intent(self.state.end, Some(Planned::nothing())), Line::Done(self.state.end)];
            journal::add(&journal_of(&self.path), &lines)?;
            batch::remove(&self.path);
        }
        Ok(())
    }

    /// The flags of a message as the lines before it tell them.
    fn flags(&self, row: &Row) -> Flags {
        let mut lines = vec![0; FLAGS_OCTETS];
        let text = if row.is_own {
            let begin = row.at.saturating_sub(FLAGS_OCTETS as u64);
            self.file.read_exact_at(&mut lines, begin).map(|()| lines).unwrap_or_default()
        } else {
            let mut slice = Slice::new(Arc::clone(&self.file), row.at, row.stored);
            lines::header(&mut slice, HEADER_OCTETS_MAX).unwrap_or_default()
        };
        let told = text.split_inclusive(|octet| *octet == b'\n').filter_map(status::judge);
        told.flat_map(|storage| match storage {
            Storage::Flags(flags) => flags.0,
            _ => Flags::default().0,
        })
        .collect()
    }

    /// Writes the lines that tell flags over those that stand there.
    fn write_flags(&self, row: &Row, lines: &str) -> Result<()> {
        let fail = self.fail("setting flags");
        let at = row.at.saturating_sub(FLAGS_OCTETS as u64);
        let mut there = vec![0; FLAGS_OCTETS];
        self.file.read_exact_at(&mut there, at).map_err(&fail)?;
        if own_lines(&there) != Some(true) {
            let message = format!("{}: another program changed the mbox; it is read anew", self.name);
            return Err(Failure::net(Side::Destination, message));
        }
        self.file.write_all_at(lines.as_bytes(), at).map_err(&fail)
    }

    /// What is missing between the message that ends at octet `end` and a separator.
    fn gap(&self, end: u64) -> io::Result<&'static [u8]> {
        let mut last = [b'\n'; 2];
        let looked_at = usize::try_from(end.min(2)).unwrap_or(2);
        self.file.read_exact_at(&mut last[2 - looked_at..], end - looked_at as u64)?;
        Ok(if end == 0 { b"" } else { missing(last) })
    }
}

/// What is missing between these octets and a separator.
fn missing(last: [u8; 2]) -> &'static [u8] {
    match last {
        [b'\n', b'\n'] => b"",
        [_, b'\n'] => b"\n",
        _ => b"\n\n",
    }
}

fn journal_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(JOURNAL);
    PathBuf::from(name)
}

/// Somebody else has the mbox for now.
fn locked(message: &str) -> Failure {
    let (class, reach, retry) = (Class::ServerLock, Reach::Folder, Retry::After(1000));
    Failure::new(Side::Destination, class, reach, retry, message)
}

impl Shelf for MboxTray {
    fn status(&self) -> FolderStatus {
        FolderStatus {
            messages: u32::try_from(self.rows.len()).unwrap_or(u32::MAX),
            uid_next: Some(self.state.next),
            uid_validity: UidValidity::new(self.state.validity),
            highest_modseq: None,
            size_octets: None,
        }
    }

    fn uids(&self) -> UidSet {
        self.rows.keys().copied().collect()
    }

    fn stub(&mut self, uid: Uid) -> Result<Option<Stub>> {
        let Some(row) = self.rows.get(&uid) else { return Ok(None) };
        let date = InternalDate { unix_seconds: row.unix_seconds, offset_minutes: 0 };
        let internal_date = Some(date::fmt_internal(date));
        Ok(Some(Stub {
            uid,
            flags: self.flags(row),
            internal_date,
            octets_claimed: row.octets,
            modseq: None,
            imprint: None,
        }))
    }

    fn body(&mut self, uid: Uid) -> std::result::Result<Content<'_>, Refusal> {
        let row = self.rows.get(&uid).ok_or(Refusal::Gone)?;
        Ok(Content { octets: row.octets, reader: Box::new(others::read(&self.file, row)) })
    }
}

impl Tray for MboxTray {
    fn refresh(&mut self) -> Result<()> {
        self.read_anew()
    }

    fn permanent_flags(&self) -> (Flags, bool) {
        (Flags::parse("\\Seen \\Answered \\Flagged \\Draft \\Deleted"), true)
    }

    fn append(&mut self, letters: Vec<Letter>) -> Result<Vec<Uid>> {
        let fail = self.fail("writing messages");
        let journal = journal_of(&self.path);
        let laid_out = self.lay_out(letters);
        let held = laid_out.and_then(|laid_out| Ok((self.hold()?, laid_out)));
        let (_held, (batch, rows)) = held.inspect_err(|_| batch::remove(&self.path))?;
        if self.octets().map_err(&fail)? != self.state.end {
            batch::remove(&self.path);
            let message = format!("{}: another program wrote to the mbox; it is read anew", self.name);
            return Err(Failure::net(Side::Destination, message));
        }
        let end = self.state.end + batch.planned.octets;
        let mut lines = vec![Line::Intent(self.state.end, Some(batch.planned))];
        lines.extend(rows.iter().copied().map(Line::Row));
        batch.keep().map_err(&fail)?;
        journal::add(&journal, &lines).map_err(&fail)?;
        if let Err(cause) = self.write_batch(&batch, self.state.end, 0) {
            let _taken_back = self.take_back(&batch);
            return Err(fail(cause));
        }
        journal::add(&journal, &[Line::Done(end)]).map_err(&fail)?;
        batch::remove(&self.path);
        let uids: Vec<Uid> = rows.iter().filter_map(|row| Uid::new(row.uid)).collect();
        self.state.end = end;
        self.state.next = self.state.next.saturating_add(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        self.rows.extend(uids.iter().copied().zip(rows.iter().copied()));
        self.state.rows.extend(rows);
        Ok(uids)
    }

    fn store(&mut self, uids: &UidSet, add: &[Flag], remove: &[Flag]) -> Result<()> {
        let fail = self.fail("setting flags");
        let refused = |what: &str| {
            let (class, reach) = (Class::ItemRefused, Reach::Message);
            Failure::new(Side::Destination, class, reach, Retry::Never, format!("{}: {what}", self.name))
        };
        let (_held, mut refusal) = (self.hold()?, None);
        for uid in uids.iter() {
            let Some(row) = self.rows.get(&uid) else { continue };
            let before = self.flags(row);
            let mut flags = before.clone();
            flags.0.retain(|flag| !remove.contains(flag));
            flags.0.extend(add.iter().cloned());
            if flags == before {
                continue;
            }
            match flag_lines(&flags).filter(|_| row.is_own) {
                Some(lines) => self.write_flags(row, &lines)?,
                None if row.is_own => {
                    refusal = Some(refused("no room is left for another keyword of a message"))
                }
                None => refusal = Some(refused("a message that another program wrote keeps its flags")),
            }
        }
        self.file.sync_data().map_err(&fail)?;
        refusal.map_or(Ok(()), Err)
    }

    fn remove(&mut self, _uids: &UidSet) -> Result<()> {
        let message = format!("{}: nothing is removed from an mbox; leave --mirror-deletes out", self.name);
        let (class, reach) = (Class::FolderRefused, Reach::Folder);
        Err(Failure::new(Side::Destination, class, reach, Retry::Never, message))
    }
}
