//! What a run tells while it works, kept until the next beat: a log file, events and steps.
//! Never waits for a disk or a database within the run, and never holds a subject, an address or a secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use malote_engine::event::{Event, Events};
use malote_engine::failure::Class;
use serde_json::{Value, json};

use super::assemble::folder_of;
use crate::store::at;
use crate::store::events::{Level, NewEvent, Step};
use crate::store::waits::part_of;

/// Events that wait for the next beat, at most; more are counted and left out.
const WAITING_MAX: usize = 1_000;
/// Steps of one run, at most.
const STEPS_MAX: usize = 20_000;

/// Takes what a run tells.
pub(super) struct RunLog {
    path: PathBuf,
    inner: Mutex<Inner>,
    throttle_ms: AtomicU64,
}

#[derive(Default)]
struct Inner {
    waiting: Vec<NewEvent>,
    left_out: u64,
    steps: BTreeMap<String, Step>,
    changed: Vec<String>,
    /// Milliseconds that were waited, by parts of the time.
    waits: BTreeMap<i64, i64>,
    /// Parts of which the database does not know all.
    waits_untold: BTreeSet<i64>,
    next_step: i64,
    operation: String,
}

impl RunLog {
    /// A log that goes on where an earlier worker of the run left off.
    ///
    /// # Errors
    /// A sentence, where the folder for logs cannot be made.
    pub fn open(data: &Path, run_id: i64, next_step: i64) -> Result<Self, String> {
        let path = folder_of(data, "logs")?.join(file_name(run_id));
        let inner = Mutex::new(Inner { next_step, ..Inner::default() });
        Ok(Self { path, inner, throttle_ms: AtomicU64::new(0) })
    }

    /// What was waited because a server asked for it, in milliseconds.
    pub fn throttle_ms(&self) -> u64 {
        self.throttle_ms.load(Ordering::Relaxed)
    }

    /// Notes a wait that a server asked for.
    fn waits(&self, pause_ms: u64, now_ms: i64) {
        self.throttle_ms.fetch_add(pause_ms, Ordering::Relaxed);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let part = part_of(now_ms);
        let waited = inner.waits.entry(part).or_default();
        *waited = waited.saturating_add(i64::try_from(pause_ms).unwrap_or(i64::MAX));
        inner.waits_untold.insert(part);
    }

    /// Takes the parts of the time of which the database does not know all that was waited in them.
    pub fn take_waits(&self) -> Vec<(i64, i64)> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let untold = std::mem::take(&mut inner.waits_untold);
        untold.into_iter().map(|part| (part, inner.waits.get(&part).copied().unwrap_or(0))).collect()
    }

    /// Puts back those that could not be written.
    pub fn give_back_waits(&self, parts: &[(i64, i64)]) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.waits_untold.extend(parts.iter().map(|(part, _)| *part));
    }

    /// Adds an event.
    pub fn add(&self, level: Level, event: &'static str, message: String, attributes: &Value) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.waiting.len() >= WAITING_MAX {
            inner.left_out += 1;
            return;
        }
        let at_ms = jiff::Timestamp::now().as_millisecond();
        inner.waiting.push(NewEvent {
            level,
            event,
            message,
            attributes_json: attributes.to_string(),
            at_ms,
        });
    }

    /// What the run is doing, for people.
    pub fn operation(&self) -> String {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).operation.clone()
    }

    /// Takes what waits, and writes it to the log file.
    pub fn take(&self) -> (Vec<NewEvent>, Vec<Step>) {
        let (mut events, steps, left_out) = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = std::mem::take(&mut inner.changed);
            let steps = changed.iter().filter_map(|name| inner.steps.get(name).cloned()).collect();
            (std::mem::take(&mut inner.waiting), steps, std::mem::take(&mut inner.left_out))
        };
        if left_out > 0 {
            let at_ms = jiff::Timestamp::now().as_millisecond();
            let message = format!("{left_out} more events came at once and were left out");
            let attributes_json = "{}".to_owned();
            events.push(NewEvent { level: Level::Warn, event: "log", message, attributes_json, at_ms });
        }
        if let Err(cause) = self.append(&events) {
            tracing::warn!("writing the log {}: {cause}", self.path.display());
        }
        (events, steps)
    }

    /// Puts back what could not be written to the database; the log file has it already.
    pub fn give_back(&self, events: Vec<NewEvent>, steps: &[Step]) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let later = std::mem::replace(&mut inner.waiting, events);
        inner.waiting.extend(later);
        inner.changed.extend(steps.iter().map(|step| step.name.clone()));
        inner.changed.sort();
        inner.changed.dedup();
        if inner.waiting.len() > WAITING_MAX {
            let dropped = inner.waiting.len() - WAITING_MAX;
            inner.waiting.truncate(WAITING_MAX);
            inner.left_out += dropped as u64;
        }
    }

    fn append(&self, events: &[NewEvent]) -> std::io::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let mut text = String::new();
        for event in events {
            let sentence = event.message.replace(['\r', '\n'], " ");
            // Writing to a String does not fail.
            let _ = writeln!(text, "{} {:5} {sentence}", at(event.at_ms), event.level.as_str());
        }
        let mut options = std::fs::OpenOptions::new();
        options.create(true).append(true).mode(0o600).open(&self.path)?.write_all(text.as_bytes())
    }

    fn step(&self, folder: &str, change: impl FnOnce(&mut Step)) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("folder:{folder}");
        if !inner.steps.contains_key(&name) {
            if inner.steps.len() >= STEPS_MAX {
                return;
            }
            let sequence = inner.next_step;
            inner.next_step += 1;
            let (messages_done, messages_total, detail) = (0, 0, String::new());
            let step = Step {
                sequence,
                name: name.clone(),
                status: "running",
                messages_done,
                messages_total,
                detail,
            };
            inner.steps.insert(name.clone(), step);
        }
        if let Some(step) = inner.steps.get_mut(&name) {
            change(step);
        }
        inner.operation = name.clone();
        if !inner.changed.contains(&name) {
            inner.changed.push(name);
        }
    }

    fn does(&self, operation: &str) {
        operation.clone_into(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner).operation);
    }
}

/// The name of a run's log below the folder of logs.
pub(super) fn file_name(run_id: i64) -> String {
    format!("run-{run_id}.log")
}

impl Events for RunLog {
    fn emit(&self, event: Event) {
        match event {
            Event::Surveyed { side, server, folders } => {
                self.does("survey");
                let told = format!("{} surveyed: {server}, {folders} folders", side.as_str());
                let fields = json!({"side": side.as_str(), "server": server, "folders": folders});
                self.add(Level::Info, "log", told, &fields);
            }
            Event::Mapped { pairs, left_out } => {
                self.does("mapping");
                let told = format!("{pairs} folders to work on, {left_out} left out");
                self.add(Level::Info, "log", told, &json!({"pairs": pairs, "left_out": left_out}));
            }
            Event::FolderStarted { folder, messages, to_copy } => {
                self.step(&folder, |step| {
                    step.status = "running";
                    step.messages_total = i64::try_from(messages).unwrap_or(i64::MAX);
                    step.detail = format!("{to_copy} to copy");
                });
            }
            Event::FolderFinished { folder, copied, pending } => {
                self.step(&folder, |step| {
                    step.status = if pending == 0 { "completed" } else { "failed" };
                    step.messages_done = i64::try_from(copied).unwrap_or(i64::MAX);
                    step.detail = format!("{copied} copied, {pending} pending");
                });
                if copied > 0 || pending > 0 {
                    let level = if pending == 0 { Level::Info } else { Level::Warn };
                    let told = format!("folder {folder}: {copied} copied, {pending} pending");
                    let fields = json!({"folder": folder, "copied": copied, "pending": pending});
                    self.add(level, "progress", told, &fields);
                }
            }
            Event::Retrying { side, folder, class, pause_ms } => {
                if class == Class::Throttle.as_str() {
                    self.waits(pause_ms, jiff::Timestamp::now().as_millisecond());
                }
                let told =
                    format!("folder {folder}: {class} at the {}: again in {pause_ms} ms", side.as_str());
                let fields =
                    json!({"side": side.as_str(), "folder": folder, "class": class, "pause_ms": pause_ms});
                self.add(Level::Warn, "log", told, &fields);
            }
            Event::Resting { side, until_unix_ms } => {
                let told =
                    format!("the allowance of the {} is used up until {}", side.as_str(), at(until_unix_ms));
                self.add(
                    Level::Warn,
                    "log",
                    told,
                    &json!({"side": side.as_str(), "until_ms": until_unix_ms}),
                );
            }
            Event::Warning(words) => self.add(Level::Warn, "log", words, &json!({})),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_events_is_counted_and_a_line_stays_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let log = RunLog::open(folder.path(), 7, 1).unwrap();
        for number in 0..WAITING_MAX + 5 {
            log.emit(Event::Warning(format!("one\r\ntwo {number}")));
        }
        let (events, _) = log.take();
        assert_eq!(events.len(), WAITING_MAX + 1);
        assert!(events[WAITING_MAX].message.starts_with("5 more"));
        let text = std::fs::read_to_string(folder.path().join("logs").join(file_name(7))).unwrap();
        assert_eq!(text.lines().count(), WAITING_MAX + 1);
    }

    #[test]
    fn what_a_server_asks_for_is_told_by_ten_minutes_each_time_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let log = RunLog::open(folder.path(), 7, 1).unwrap();
        log.waits(500, 599_999);
        log.waits(700, 600_000);
        assert_eq!(log.take_waits(), [(0, 500), (600_000, 700)]);
        assert_eq!(log.take_waits(), []);
        log.waits(30, 600_001);
        let taken = log.take_waits();
        assert_eq!(taken, [(600_000, 730)]);
        log.give_back_waits(&taken);
        assert_eq!((log.take_waits(), log.throttle_ms()), (taken, 1230));
    }

    #[test]
    fn steps_go_on_where_an_earlier_worker_left_off() {
        let folder = tempfile::tempdir().unwrap();
        let log = RunLog::open(folder.path(), 7, 4).unwrap();
        log.emit(Event::FolderStarted { folder: "INBOX".to_owned(), messages: 3, to_copy: 2 });
        log.emit(Event::FolderFinished { folder: "INBOX".to_owned(), copied: 2, pending: 0 });
        let (events, steps) = log.take();
        assert_eq!((events.len(), steps.len()), (1, 1));
        assert_eq!((steps[0].sequence, steps[0].status, steps[0].messages_total), (4, "completed", 3));
        log.give_back(events, &steps);
        assert_eq!(log.take().1, steps);
        assert_eq!(log.take().1, []);
    }
}
