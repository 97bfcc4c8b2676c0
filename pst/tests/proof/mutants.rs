//! Damaged copies of whole stores, carried to the end: no process dies, no item is lost without a name, time and
//! memory have their bounds. Never a copy that cannot be made again: each comes from a number that a failure prints.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use malote_pst::loss::LossKind;
use malote_pst::mailbox::{Arithmetic, Mailbox, Outcome, ReaderChoice, WriteError};
use malote_pst::mime::Unreadable;
use malote_pst::store::{NodeId, StoreError};

use crate::letter::hash;
use crate::stores;

/// Longest that one damaged copy may take, on a machine that does several things at once.
const TIME_MAX: Duration = Duration::from_secs(30);
/// Most memory that this process may come to hold, in octets: all stores of this test are small.
const MEMORY_MAX: u64 = 768 << 20;
/// Largest store that is damaged, in octets.
const STORE_MAX: u64 = 1_400_000;

/// Losses that say that something could not be read.
const TELLING: [LossKind; 3] =
    [LossKind::Damaged, LossKind::AttachmentUnreadable, LossKind::AttachmentsUnknown];

/// Numbers that look like chance and come again with their seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % end.max(1) as u64) as usize
    }
}

/// Bits, octets, numbers, pages, the order of pages, and the end.
fn damage(octets: &mut Vec<u8>, chance: &mut Chance) -> &'static str {
    let pages = octets.len() / 512;
    match chance.below(7) {
        0 => {
            for _ in 0..1 + chance.below(100) {
                let at = chance.below(octets.len());
                octets[at] ^= 1 << chance.below(8);
            }
            "flipped bits"
        }
        1 => {
            let at = chance.below(octets.len());
            octets[at] ^= 1 << chance.below(8);
            "one flipped bit"
        }
        2 => {
            octets.truncate(chance.below(octets.len()));
            "cut"
        }
        3 => {
            for _ in 0..1 + chance.below(4) {
                let page = chance.below(pages) * 512;
                octets[page..page + 512].fill(0);
            }
            "zeroed pages"
        }
        4 => {
            let (one, other) = (chance.below(pages) * 512, chance.below(pages) * 512);
            (0..512).for_each(|at| octets.swap(one + at, other + at));
            "swapped pages"
        }
        5 => {
            for _ in 0..1 + chance.below(40) {
                let number = [0, 1, u32::MAX, 1 << 31, 0x7FFF, 0x1F, 0xEC00][chance.below(7)];
                let at = chance.below(octets.len() - 4);
                octets[at..at + 4].copy_from_slice(&number.to_le_bytes());
            }
            "odd numbers"
        }
        _ => {
            let (from, to) = (chance.below(pages) * 512, chance.below(pages) * 512);
            octets.copy_within(from..from + 512, to);
            "a doubled page"
        }
    }
}

/// Octets of memory that this process has held at most.
fn memory() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no peak of memory")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kilobytes * 1024)
}

/// What each item's message was, by node, and whether its losses tell of damage.
type Messages = BTreeMap<NodeId, (String, bool)>;

/// What became of a store's items.
#[derive(Default)]
struct Course {
    messages: Messages,
    named: usize,
    refused: bool,
    /// True where the file as a whole is told to be damaged.
    is_file_damaged: bool,
}

/// Carries a whole store as an export does. Every item is carried, skipped or named; sums close.
fn carry(path: &Path, reader: ReaderChoice, unreadable: Unreadable) -> Result<Course> {
    let mut course = Course::default();
    let mut mailbox = match Mailbox::open(path, stores::options(reader, unreadable)) {
        Ok(mailbox) => mailbox,
        Err(StoreError::NotAStore(_) | StoreError::Unreadable { .. }) => {
            course.refused = true;
            return Ok(course);
        }
        Err(error) => return Err(error.into()),
    };
    let mut sums = Arithmetic::of(mailbox.tree());
    let places: Vec<_> = mailbox.tree().folders.iter().map(|one| (one.role, one.items.clone())).collect();
    for (role, node) in places.iter().flat_map(|(role, items)| items.iter().map(|item| (*role, *item))) {
        let mut outcome = mailbox.read(node, role);
        let mut octets = Vec::new();
        if let Outcome::Carried(converted) = &outcome {
            let message = converted.message.as_ref().context("what is carried has a message")?;
            match mailbox.write(message, &mut octets) {
                Ok(()) => ensure!(octets.len() as u64 == message.octets(), "another length than promised"),
                Err(WriteError::Unreadable(_)) => {
                    outcome = mailbox.read_proven(node, role);
                    ensure!(matches!(outcome, Outcome::Quarantined(_)), "{:#x}: read and not read", node.0);
                }
                Err(WriteError::Output(error)) => return Err(error.into()),
            }
        }
        sums.count(&outcome);
        match outcome {
            Outcome::Carried(converted) => {
                let is_told = converted.losses.iter().any(|loss| TELLING.contains(&loss.kind));
                ensure!(
                    course.messages.insert(node, (hash(&octets), is_told)).is_none(),
                    "{:#x} is carried twice",
                    node.0
                );
            }
            Outcome::Skipped { .. } => {}
            Outcome::Quarantined(damaged) => {
                ensure!(!damaged.reason.is_empty(), "{:#x} is kept back without a reason", node.0);
                ensure!(!damaged.reason.contains("the reader failed"), "{:#x}: the reader panicked", node.0);
                course.named += 1;
            }
        }
    }
    let elsewhere: Vec<NodeId> =
        mailbox.tree().left_out.iter().flat_map(|folder| folder.items.iter().copied()).collect();
    for node in elsewhere {
        let class = mailbox.look(node, None).map(|leaf| leaf.class).unwrap_or_default();
        sums.count(&Outcome::Skipped { class, reason: "left out" });
    }
    ensure!(sums.balances(), "the sums do not close: {sums:?}");
    course.is_file_damaged = !mailbox.summary().damage.is_empty();
    let is_told = course.is_file_damaged
        || mailbox.tree().folders.iter().any(|folder| !folder.damage.is_empty())
        || sums.folders_uneven > 0;
    course.named += usize::from(is_told);
    Ok(course)
}

/// Damages each store and carries it. What whole stores give and a damaged one does not must be told by something, and
/// what it gives must be what the whole store gave.
fn check(numbers: std::ops::Range<u64>, reader: ReaderChoice) -> Result<()> {
    let subjects = stores::all()?;
    let mut wholes = Vec::new();
    for subject in &subjects.all {
        let octets = fs::read(&subject.path)?;
        let is_fit = octets.len() as u64 <= STORE_MAX && !subject.name.starts_with("dmg_");
        if is_fit && !stores::REFUSED.contains(&subject.name.as_str()) {
            let course = carry(&subject.path, ReaderChoice::Native, Unreadable::Quarantine)?;
            wholes.push((&subject.name, octets, course));
        }
    }
    // Our own stores are large for their one long attachment; a small one stands for them.
    let folder = tempfile::tempdir()?;
    let small = folder.path().join("small.pst");
    write_small(&small)?;
    let course = carry(&small, ReaderChoice::Native, Unreadable::Quarantine)?;
    let name = "small.pst".to_owned();
    wholes.push((&name, fs::read(&small)?, course));
    let (mut carried, mut kept_back, mut refused) = (0, 0, 0);
    for number in numbers.clone() {
        let mut chance = Chance(number);
        let (name, whole, right) = &wholes[chance.below(wholes.len())];
        let mut octets = whole.clone();
        let how = damage(&mut octets, &mut chance);
        let path = folder.path().join("mutant.pst");
        fs::write(&path, &octets)?;
        let began = Instant::now();
        let unreadable = if number % 8 == 7 { Unreadable::Stub } else { Unreadable::Quarantine };
        let course = carry(&path, reader, unreadable).and_then(|course| {
            ensure!(began.elapsed() < TIME_MAX, "it took {:?}", began.elapsed());
            ensure!(fs::read(&path)? == octets, "the file was changed");
            hold(&course, right)?;
            Ok(course)
        });
        let course = course.with_context(|| format!("number {number}: {name}, {how}"))?;
        carried += course.messages.len();
        kept_back += course.named;
        refused += usize::from(course.refused);
    }
    let memory = memory()?;
    eprintln!(
        "{numbers:?}: {carried} carried, {kept_back} named, {refused} files refused, {memory} octets held"
    );
    ensure!(memory < MEMORY_MAX, "{memory} octets of memory were held");
    ensure!(carried > 0, "nothing was carried at all");
    Ok(())
}

/// Nothing is gone without a word, and nothing is other than it was.
fn hold(course: &Course, right: &Course) -> Result<()> {
    let missing = right.messages.keys().filter(|node| !course.messages.contains_key(node)).count();
    let is_silent = missing > 0 && course.named == 0 && !course.refused;
    ensure!(!is_silent, "{missing} items are gone, and nothing says so");
    // Addresses and names of properties are the file's: where it is damaged, they may be lost to every item.
    let changed = course.messages.iter().find(|(node, (hash, is_told))| {
        let is_same = right.messages.get(node).is_some_and(|(right, _)| right == hash);
        !is_same && !is_told && !course.is_file_damaged
    });
    ensure!(changed.is_none(), "{:?} is another message, and nothing says so", changed.map(|(node, _)| node));
    Ok(())
}

/// A store of a few items of every kind that matters here, small enough to be damaged thousands of times.
fn write_small(path: &Path) -> Result<()> {
    use pst_writer::{Attachment, Crypt, Data, Folder, Message, Pst, Recipient, Role};

    let mut store = Pst::new(Crypt::Cyclic).create(path)?;
    let inbox = store.folder(store.top(), Folder::new("Inbox").class("IPF.Note").role(Role::Inbox))?;
    for number in 0..12 {
        let subject = format!("Mail {number}");
        let text = "Uma linha com acentuação.\r\n".repeat(1 + number * 40);
        let mut message = Message::new("IPM.Note").text(&subject, &text).dated(1_500_000_000);
        for recipient in 0..=number {
            let address = format!("r{recipient}@example.org");
            message = message.to(Recipient::new(1, &format!("R {recipient}"), &address));
        }
        let octets = 1_000 + number as u64 * 3_000;
        let file =
            Attachment::file("a.bin", "application/octet-stream", Data::Noise { seed: octets, octets });
        let inner = Message::new("IPM.Note").text("Inner", "inner").dated(1_400_000_000);
        message = message.attach(file).attach(Attachment::item("Inner", inner));
        store.item(inbox, &message)?;
    }
    store.finish()?;
    Ok(())
}

#[test]
fn damaged_stores_are_carried_as_far_as_they_can_be_and_the_rest_is_named() -> Result<()> {
    check(0..120, ReaderChoice::Native)
}

#[test]
fn damaged_stores_are_carried_with_a_second_reader_too() -> Result<()> {
    check(10_000..10_016, ReaderChoice::Auto)
}

#[test]
#[ignore = "takes minutes: make salvage"]
fn two_thousand_damaged_stores_are_carried_or_named() -> Result<()> {
    check(20_000..21_600, ReaderChoice::Native)?;
    check(30_000..30_400, ReaderChoice::Auto)
}
