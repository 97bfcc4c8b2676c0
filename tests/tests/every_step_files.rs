//! Every scenario with a personal store and with an mbox as source: run, run again, then stopped and cut at every step.
//! Never reads a foreign file: stores and mbox files are written here.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made ends its test")]

#[path = "every_step_files/changed.rs"]
mod changed;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use acceptance::archives::{FORMATS, Sheet, hashes};
use acceptance::world::{
    Fault, Habits, Letter, Mailbox, MemoryDestination, Moment, SteppedLedger, SteppedSource, Steps,
};
use async_trait::async_trait;
use malote_engine::body::Body;
use malote_engine::failure::Result;
use malote_engine::ledger::PairIdentity;
use malote_engine::ledger::memory::MemoryLedger;
use malote_engine::policy::{Duplicates, Policy};
use malote_engine::quarantine::Quarantine;
use malote_engine::report::Report;
use malote_engine::run::{Job, copy};
use malote_engine::source::Source;
use malote_engine::source::archive::ArchiveSource;
use malote_engine::source::archive::book::Book;
use malote_engine::source::pst::PstArchive;
use malote_pst::both::Asking;
use malote_pst::libpff::ChildLimits;
use malote_pst::mailbox::{Options, ReaderChoice};
use malote_pst::mime::{Items, Unreadable};
use pst_writer::{Attachment, Crypt, Data, Folder, FolderId, Message, Pst, Store};

/// When the first letter was sent, in seconds since 1970: Mon, 1 Jul 2024 10:00:00 +0000.
const FIRST_SENT: i64 = 1_719_828_000;

/// Octets of an attachment that is damaged after the store was written.
const DAMAGED: &[u8] = b"these octets are found in the file, and then they are others";

struct Nowhere;

#[async_trait]
impl Quarantine for Nowhere {
    async fn keep(&self, hint: &str, _body: Body) -> Result<String> {
        Ok(hint.to_owned())
    }
}

/// A mail, whatever file it is to lie in.
#[derive(Clone, Copy)]
struct Mail {
    folder: &'static str,
    /// Makes Message-ID, date and subject.
    number: u8,
    text: &'static str,
    is_damaged: bool,
}

const fn mail(folder: &'static str, number: u8, text: &'static str) -> Mail {
    Mail { folder, number, text, is_damaged: false }
}

/// Six mails in two folders, two of them twins.
const MAILS: [Mail; 6] = [
    mail("INBOX", 1, "one"),
    mail("INBOX", 2, "two, Olá"),
    mail("INBOX", 2, "two, Olá"),
    mail("INBOX", 3, "three"),
    mail("Kunden", 4, "four"),
    mail("Kunden", 5, "five"),
];

impl Mail {
    fn minute(&self) -> String {
        format!("Mon, 1 Jul 2024 10:{:02}:00 +0000", self.number)
    }

    /// As it once came over a wire.
    fn sheet(&self) -> Sheet {
        let (number, date) = (self.number, self.minute());
        let text = format!(
            "Received: by x; {date}\nMessage-ID: <{number}@x>\nFrom: Ana <ana@x.example>\nDate: {date}\n\
             Subject: s{number}\nContent-Type: text/plain; charset=utf-8\n\n{}\n",
            self.text
        );
        Sheet { folder: self.folder, text }
    }

    fn letter(&self) -> Letter {
        Letter::new(&self.sheet().text.replace('\n', "\r\n"), "")
    }

    fn item(&self) -> Message {
        let sent = FIRST_SENT + 60 * i64::from(self.number);
        let message = Message::new("IPM.Note").text(&format!("s{}", self.number), self.text).dated(sent);
        let message = message.from("Ana", "ana@x.example").id(&format!("<{}@x>", self.number));
        match self.is_damaged {
            true => message.attach(Attachment::file("a.bin", "a/b", Data::Held(DAMAGED.repeat(200)))),
            false => message,
        }
    }
}

/// What the mails lie in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Store,
    Mbox,
}

impl Kind {
    fn write(self, top: &Path, mails: &[Mail]) -> PathBuf {
        match self {
            Self::Store => store(top, mails),
            Self::Mbox => {
                let sheets: Vec<Sheet> = mails.iter().map(Mail::sheet).collect();
                (FORMATS[0].write)(top, &sheets).unwrap()
            }
        }
    }

    fn open(self, top: &Path, path: &Path) -> Arc<dyn Source> {
        match self {
            Self::Store => Arc::new(ArchiveSource::new(PstArchive::new(path.to_owned(), options()))),
            Self::Mbox => Arc::new((FORMATS[0].open)(path.to_owned(), Book::kept_in(top.join("uids"), true))),
        }
    }
}

fn store(top: &Path, mails: &[Mail]) -> PathBuf {
    let path = top.join("mail.pst");
    let mut store: Store = Pst::new(Crypt::None).create(&path).unwrap();
    let top_folder = store.top();
    let mut folder = |name: &str, role| {
        let folder = Folder::new(name).class("IPF.Note");
        store.folder(top_folder, if role { folder.role(pst_writer::Role::Inbox) } else { folder }).unwrap()
    };
    let (inbox, other): (FolderId, FolderId) = (folder("Posteingang", true), folder("Kunden", false));
    for mail in mails {
        store.item(if mail.folder == "INBOX" { inbox } else { other }, &mail.item()).unwrap();
    }
    store.finish().unwrap();
    let mut octets = fs::read(&path).unwrap();
    while let Some(at) = octets.windows(DAMAGED.len()).position(|window| window == DAMAGED) {
        octets[at] ^= 1;
    }
    fs::write(&path, octets).unwrap();
    path
}

fn options() -> Options {
    Options {
        reader: ReaderChoice::Native,
        command: None,
        limits: ChildLimits::default(),
        asking: Asking::Damaged,
        budget: Duration::ZERO,
        stopwatch: Arc::new(|| Duration::ZERO),
        items: Items::Mail,
        unreadable: Unreadable::Quarantine,
        code_page: None,
        recovered: false,
        now: 0x01DC_0000_0000_0000,
    }
}

/// What lies in the files, what is at the destination, what is wanted, and what comes after a first undisturbed run.
struct Scenario {
    name: &'static str,
    mails: fn() -> Vec<Mail>,
    destination: fn() -> Mailbox,
    policy: fn(&mut Policy),
    later: Option<fn() -> Vec<Mail>>,
    quarantined: u64,
    collapsed: u64,
    /// Messages in the end.
    stored: usize,
}

const PLAIN: Scenario = Scenario {
    name: "first copy",
    mails: || MAILS.to_vec(),
    destination: || Mailbox::new(Habits::default()),
    policy: |_| {},
    later: None,
    quarantined: 0,
    collapsed: 0,
    stored: 6,
};

/// Two items that change places between two folders of one destination.
const CHANGED_PLACES: Scenario = Scenario {
    name: "two items change places between two folders of one destination",
    policy: |policy| policy.maps = vec![("Kunden".to_owned(), "INBOX".to_owned())],
    later: Some(|| {
        let mut mails = MAILS.to_vec();
        (mails[3].folder, mails[4].folder) = ("Kunden", "INBOX");
        mails
    }),
    ..PLAIN
};

fn scenarios(kind: Kind) -> Vec<Scenario> {
    let mut all = vec![
        PLAIN,
        Scenario {
            name: "a destination that tells no UIDs, one message at a time",
            destination: || {
                Mailbox::new(Habits { uidplus: false, batch_messages_max: 1, ..Habits::default() })
            },
            ..PLAIN
        },
        Scenario {
            name: "half came by another way before, in its own writing",
            destination: || {
                let mailbox = Mailbox::new(Habits::default());
                mailbox.with("INBOX", |shelf| {
                    shelf.push(MAILS[3].letter());
                    shelf.push(MAILS[1].letter());
                });
                mailbox.with("Kunden", |shelf| shelf.push(MAILS[4].letter()));
                mailbox
            },
            ..PLAIN
        },
        Scenario {
            name: "one more comes",
            later: Some(|| [&MAILS[..], &[mail("INBOX", 9, "nine")]].concat()),
            stored: 7,
            ..PLAIN
        },
        Scenario {
            name: "one message refused",
            destination: || Mailbox::new(Habits { refuses: Some("three"), ..Habits::default() }),
            quarantined: 1,
            stored: 5,
            ..PLAIN
        },
    ];
    match kind {
        Kind::Store => all.extend([
            CHANGED_PLACES,
            Scenario {
                name: "the last item goes, and with it the highest number",
                later: Some(|| MAILS[..5].to_vec()),
                ..PLAIN
            },
            Scenario {
                name: "one item damaged",
                mails: || {
                    let damaged = Mail { is_damaged: true, ..mail("INBOX", 8, "eight") };
                    [&[damaged], &MAILS[..]].concat()
                },
                quarantined: 1,
                ..PLAIN
            },
        ]),
        Kind::Mbox => all.push(Scenario {
            name: "twins collapsed",
            policy: |policy| policy.duplicates = Duplicates::Collapse,
            collapsed: 1,
            stored: 5,
            ..PLAIN
        }),
    }
    all
}

struct World {
    kind: Kind,
    top: tempfile::TempDir,
    path: PathBuf,
    destination: Mailbox,
    ledger: Arc<MemoryLedger>,
    policy: fn(&mut Policy),
}

impl World {
    async fn new(kind: Kind, scenario: &Scenario) -> Self {
        let top = tempfile::tempdir().unwrap();
        let path = kind.write(top.path(), &(scenario.mails)());
        let (destination, ledger) = ((scenario.destination)(), Arc::new(MemoryLedger::new()));
        let world = Self { kind, top, path, destination, ledger, policy: scenario.policy };
        if let Some(later) = scenario.later {
            world.run(&Steps::counting()).await.expect("nothing strikes");
            kind.write(world.top.path(), &later());
        }
        world
    }

    /// Runs once; nothing where the process died on the way.
    async fn run(&self, steps: &Arc<Steps>) -> Option<Report> {
        self.run_from(self.kind.open(self.top.path(), &self.path), steps).await
    }

    async fn run_from(&self, inner: Arc<dyn Source>, steps: &Arc<Steps>) -> Option<Report> {
        let source = SteppedSource { inner, steps: Arc::clone(steps) };
        let destination = MemoryDestination { mailbox: self.destination.clone(), steps: Arc::clone(steps) };
        let ledger = SteppedLedger { inner: Arc::clone(&self.ledger) as _, steps: Arc::clone(steps) };
        let identity = PairIdentity { source: "files:a".to_owned(), destination: "memory:b".to_owned() };
        let mut job =
            Job::new(Arc::new(source), Arc::new(destination), Arc::new(ledger), Arc::new(Nowhere), identity);
        (job.policy.connections, job.policy.quiet_ms, job.policy.pause_ms) = (1, 0, 1);
        (self.policy)(&mut job.policy);
        tokio::select! {
            biased;
            () = steps.crashed() => None,
            report = copy(&job) => Some(report),
        }
    }

    fn stored(&self) -> usize {
        self.destination.content().values().map(Vec::len).sum()
    }
}

/// Runs a scenario undisturbed, then with every fault at every step: it must come to the same each time.
async fn check(kind: Kind, scenario: &Scenario) {
    let world = World::new(kind, scenario).await;
    let (steps, untouched) = (Steps::counting(), hashes(&world.path).unwrap());
    let report = world.run(&steps).await.expect("nothing strikes");
    judge(scenario, &report, "undisturbed");
    assert_eq!(world.stored(), scenario.stored, "{}: {report:#?}", scenario.name);
    let finished = world.destination.content();
    settled(scenario, &world, "undisturbed").await;
    assert_eq!(hashes(&world.path).unwrap(), untouched, "{}: the source was changed", scenario.name);
    assert!(steps.count() > 20, "{}: only {} steps", scenario.name, steps.count());
    for fault in [
        Fault::Crash(Moment::Before),
        Fault::Crash(Moment::After),
        Fault::Cut(Moment::Before),
        Fault::Cut(Moment::After),
    ] {
        for at in 1..=steps.count() {
            let place = format!("{}, {fault:?} at step {at} of {}", scenario.name, steps.count());
            let world = World::new(kind, scenario).await;
            let first = world.run(&Steps::striking(at, fault)).await;
            let last = match first.filter(|report| report.errors.is_empty()) {
                Some(report) => report,
                None => world.run(&Steps::counting()).await.expect("nothing strikes twice"),
            };
            judge(scenario, &last, &place);
            assert_eq!(world.destination.content(), finished, "{place}");
            settled(scenario, &world, &place).await;
        }
    }
}

fn judge(scenario: &Scenario, report: &Report, place: &str) {
    assert!(report.balances(), "{place}: {report:#?}");
    assert!(report.errors.is_empty(), "{place}: {:#?}", report.errors);
    let totals = &report.totals;
    let found = (totals.pending, totals.quarantined, totals.collapsed);
    assert_eq!(found, (0, scenario.quarantined, scenario.collapsed), "{place}: {report:#?}");
    if let Some(store) = &report.store {
        assert_eq!(store.listed, totals.source_messages, "{place}: {store:#?}");
    }
}

/// One more run finds nothing to do and changes nothing.
async fn settled(scenario: &Scenario, world: &World, place: &str) {
    let before = world.destination.content();
    let report = world.run(&Steps::counting()).await.expect("nothing strikes");
    judge(scenario, &report, place);
    let totals = &report.totals;
    let work = (totals.copied, totals.adopted, totals.flag_changes, totals.deleted);
    assert_eq!(work, (0, 0, 0, 0), "{place}: a second run found work: {report:#?}");
    assert_eq!(world.destination.content(), before, "{place}: a second run changed something");
}

#[tokio::test]
async fn a_store_survives_every_fault_at_every_step() {
    for scenario in scenarios(Kind::Store) {
        check(Kind::Store, &scenario).await;
    }
}

#[tokio::test]
async fn an_mbox_survives_every_fault_at_every_step() {
    for scenario in scenarios(Kind::Mbox) {
        check(Kind::Mbox, &scenario).await;
    }
}

#[tokio::test]
async fn a_lost_ledger_costs_no_second_copy() {
    for kind in [Kind::Store, Kind::Mbox] {
        for scenario in scenarios(kind).into_iter().filter(|one| one.quarantined + one.collapsed == 0) {
            let mut world = World::new(kind, &scenario).await;
            world.run(&Steps::counting()).await.unwrap();
            let before = world.destination.content();
            world.ledger = Arc::new(MemoryLedger::new());
            let report = world.run(&Steps::counting()).await.unwrap();
            let found = (report.totals.copied, report.totals.adopted);
            assert_eq!(found, (0, report.totals.source_messages), "{}: {report:#?}", scenario.name);
            assert_eq!(world.destination.content(), before, "{}", scenario.name);
        }
    }
}
