//! One mbox file that is written to, with its journal beside it.
//! Never believes a file that is shorter than its journal says, and never cuts off what it did not write.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use malote_plan::date;
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::FolderStatus;
use malote_plan::message::{Flag, Flags, InternalDate, Uid, UidValidity};
use malote_plan::uid_set::UidSet;

use super::journal::{self, Line, Row, State};
use super::write::{FLAGS_OCTETS, Spooled, flag_lines, separator, spool, write};
use crate::clock::Clock;
use crate::destination::files::{Letter, Tray, unwritten};
use crate::exchange::Stub;
use crate::failure::{Failure, Result};
use crate::source::archive::files::Slice;
use crate::source::archive::lines::Verified;
use crate::source::archive::{Content, HEADER_OCTETS_MAX, Refusal, Shelf, lines};
use crate::source::mbox::from_line;
use crate::source::mbox::letter::{LetterReader, Manner, Variant};
use crate::source::mbox::scan::{self, Flow};
use crate::source::mbox::status::{self, Storage};

/// What the journal's name ends with.
const JOURNAL: &str = ".malote";

/// One mbox file.
pub(super) struct MboxTray {
    path: PathBuf,
    name: String,
    clock: Arc<dyn Clock>,
    /// The mbox; locked as long as the tray lives.
    file: Arc<File>,
    journal: File,
    state: State,
    rows: BTreeMap<Uid, Row>,
}

impl MboxTray {
    /// Locks the file, cuts off what a dead run began, and takes in what others added.
    pub(super) fn open(path: PathBuf, name: String, clock: Arc<dyn Clock>) -> Result<Self> {
        let fail = |cause| unwritten(&format!("opening the mbox {name}"), cause);
        let file = File::options().read(true).write(true).open(&path).map_err(fail)?;
        if file.try_lock().is_err() {
            let message = format!("{name}: another program writes to this mbox");
            let (class, reach, retry) = (Class::ServerLock, Reach::Folder, Retry::After(1000));
            return Err(Failure::new(Side::Destination, class, reach, retry, message));
        }
        let journal_path = journal_of(&path);
        let options = File::options().append(true).create(true).clone();
        let journal = options.open(&journal_path).map_err(fail)?;
        let (state, rows) = (State::default(), BTreeMap::new());
        let mut tray = Self { path, name, clock, file: Arc::new(file), journal, state, rows };
        tray.read_anew()?;
        Ok(tray)
    }

    fn fail(&self, what: &str) -> impl Fn(io::Error) -> Failure + use<> {
        let what = format!("{what} in the mbox {}", self.name);
        move |cause| unwritten(&what, cause)
    }

    fn read_anew(&mut self) -> Result<()> {
        let fail = self.fail("reading what is there");
        let journal_path = journal_of(&self.path);
        let text = fs::read(&journal_path).map_err(&fail)?;
        let text = String::from_utf8_lossy(&text);
        let mut state = State::of(&text);
        let octets = self.file.metadata().map_err(&fail)?.len();
        if state.is_torn && octets >= state.end && state.validity != 0 {
            self.file.set_len(state.end).map_err(&fail)?;
            self.file.sync_all().map_err(&fail)?;
            state.is_torn = false;
        }
        let octets = self.file.metadata().map_err(&fail)?.len();
        let is_ours = state.validity != 0 && octets >= state.end && self.is_as_written(&state);
        if !is_ours {
            // The time tells every generation from all before it (RFC 3501 §2.3.1.1).
            let now = u32::try_from(self.clock.now_unix_ms() / 1000).unwrap_or(1).max(1);
            let validity = now.max(state.validity.saturating_add(1));
            state = State { validity, next: 1, ..State::default() };
        }
        let known = state.rows.len();
        if octets > state.end {
            self.take_others(&mut state)?;
        }
        let is_torn_text = !text.is_empty() && !text.ends_with('\n');
        if !is_ours || is_torn_text {
            let mut all = vec![Line::Validity(state.validity)];
            all.extend(state.rows.iter().copied().map(Line::Row));
            all.push(Line::Done(state.end));
            journal::begin(&journal_path, &all).map_err(&fail)?;
            self.journal = File::options().append(true).open(&journal_path).map_err(&fail)?;
        } else if state.rows.len() > known || octets > state.end {
            let mut added = vec![Line::Intent(state.end)];
            added.extend(state.rows[known..].iter().copied().map(Line::Row));
            added.push(Line::Done(state.end));
            journal::add(&mut self.journal, &added).map_err(&fail)?;
        }
        self.rows = state.rows.iter().filter_map(|row| Some((Uid::new(row.uid)?, *row))).collect();
        self.state = state;
        Ok(())
    }

    /// True where the first and the last message that Malote wrote still stand where it wrote them.
    fn is_as_written(&self, state: &State) -> bool {
        let own = || state.rows.iter().filter(|row| row.is_own);
        let stands =
            |row: &Row| self.read(row).and_then(|mut all| io::copy(&mut all, &mut io::sink()).ok()).is_some();
        own().next().is_none_or(stands) && own().next_back().is_none_or(stands)
    }

    fn read(&self, row: &Row) -> Option<Verified<LetterReader<Slice>>> {
        let manner =
            if row.is_own { Manner::own(row.keeps_ends) } else { Manner::found(Variant::Mboxrd, false) };
        let slice = Slice::new(Arc::clone(&self.file), row.at, row.stored);
        Some(Verified::new(LetterReader::new(slice, manner), row.hash))
    }

    /// Numbers messages that stand behind what is known.
    fn take_others(&self, state: &mut State) -> Result<()> {
        let fail = self.fail("reading what others added");
        let (begin, octets) = (state.end, self.file.metadata().map_err(&fail)?.len());
        let slice = Slice::new(Arc::clone(&self.file), begin, octets - begin);
        let part = Part { file: &self.file, begin };
        scan::scan(slice, &part, Variant::Mboxrd, &mut |found| {
            let date = from_line::received(found.line, &found.measured.header);
            state.rows.push(Row {
                uid: state.next,
                at: begin + found.at,
                stored: found.octets,
                octets: found.measured.octets,
                unix_seconds: date.map_or(0, |date| date.unix_seconds),
                is_own: false,
                keeps_ends: false,
                hash: found.measured.hash,
            });
            state.next += 1;
            Flow::Continue(())
        })
        .map_err(&fail)?;
        state.end = octets;
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

    /// Writes messages behind the file's end; their rows and the new end.
    fn write_all(&self, letters: Vec<(Spooled, Flags, Option<InternalDate>)>) -> io::Result<(Vec<Row>, u64)> {
        let mut into = Counted { into: BufWriter::new(self.file.as_ref()), at: self.state.end };
        io::Seek::seek(&mut self.file.as_ref(), io::SeekFrom::Start(self.state.end))?;
        into.write_all(self.gap()?)?;
        let (mut rows, mut uid) = (Vec::with_capacity(letters.len()), self.state.next);
        for (spooled, flags, date) in letters {
            let unix_seconds = date.map_or(self.clock.now_unix_ms() / 1000, |date| date.unix_seconds);
            into.write_all(separator(unix_seconds).as_bytes())?;
            let system = flags.iter().filter(|flag| flag.is_system()).cloned().collect();
            let lines = flag_lines(&flags).or_else(|| flag_lines(&system)).unwrap_or_default();
            into.write_all(lines.as_bytes())?;
            let (at, octets, keeps_ends, hash) = (into.at, spooled.octets, spooled.keeps_ends, spooled.hash);
            let stored = write(spooled, &mut into)?;
            rows.push(Row { uid, at, stored, octets, unix_seconds, is_own: true, keeps_ends, hash });
            uid += 1;
        }
        into.into.flush()?;
        let end = into.at;
        drop(into);
        self.file.sync_all()?;
        Ok((rows, end))
    }

    /// What is missing between the last message and a separator.
    fn gap(&self) -> io::Result<&'static [u8]> {
        let end = self.state.end;
        let mut last = [b'\n'; 2];
        let looked_at = usize::try_from(end.min(2)).unwrap_or(2);
        self.file.read_exact_at(&mut last[2 - looked_at..], end - looked_at as u64)?;
        Ok(match last {
            _ if end == 0 => b"",
            [b'\n', b'\n'] => b"",
            [_, b'\n'] => b"\n",
            _ => b"\n\n",
        })
    }
}

fn journal_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(JOURNAL);
    PathBuf::from(name)
}

/// A file from one octet on, to be looked at.
struct Part<'a> {
    file: &'a File,
    begin: u64,
}

impl scan::Glance for Part<'_> {
    fn glance(&self, offset: u64, into: &mut [u8]) -> usize {
        scan::Glance::glance(self.file, self.begin + offset, into)
    }
}

/// Knows where in the file it writes.
struct Counted<'a> {
    into: BufWriter<&'a File>,
    at: u64,
}

impl io::Write for Counted<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.into.write_all(octets)?;
        self.at += octets.len() as u64;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
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
        }))
    }

    fn body(&mut self, uid: Uid) -> std::result::Result<Content<'_>, Refusal> {
        let row = self.rows.get(&uid).ok_or(Refusal::Gone)?;
        let reader = self.read(row).ok_or(Refusal::Gone)?;
        Ok(Content { octets: row.octets, reader: Box::new(reader) })
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
        let mut spooled = Vec::with_capacity(letters.len());
        for mut letter in letters {
            let whole = spool(&mut letter)?;
            spooled.push((whole, letter.flags, letter.internal_date));
        }
        if self.file.metadata().map_err(&fail)?.len() != self.state.end {
            let message = format!("{}: another program wrote to the mbox; it is read anew", self.name);
            return Err(Failure::net(Side::Destination, message));
        }
        journal::add(&mut self.journal, &[Line::Intent(self.state.end)]).map_err(&fail)?;
        let (rows, end) = match self.write_all(spooled) {
            Ok(written) => written,
            Err(cause) => {
                // The intent stands: where even this fails, the next opening cuts it off.
                let _cut = self.file.set_len(self.state.end).and_then(|()| self.file.sync_all());
                return Err(fail(cause));
            }
        };
        let mut lines: Vec<Line> = rows.iter().copied().map(Line::Row).collect();
        lines.push(Line::Done(end));
        journal::add(&mut self.journal, &lines).map_err(&fail)?;
        let uids: Vec<Uid> = rows.iter().filter_map(|row| Uid::new(row.uid)).collect();
        (self.state.end, self.state.next) =
            (end, self.state.next + u32::try_from(rows.len()).unwrap_or(u32::MAX));
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
        let mut refusal = None;
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
                Some(lines) => {
                    let at = row.at - FLAGS_OCTETS as u64;
                    self.file.write_all_at(lines.as_bytes(), at).map_err(&fail)?;
                }
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
