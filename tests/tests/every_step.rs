//! Every scenario is run, run again, then stopped and cut at every single step, and must end the same each time.

use std::future::Future;
use std::sync::Arc;

use acceptance::world::{
    Fault, Habits, Letter, Mailbox, MemoryDestination, MemorySource, Moment, SteppedLedger, Steps,
};
use async_trait::async_trait;
use malote_engine::body::Body;
use malote_engine::failure::Result;
use malote_engine::ledger::memory::MemoryLedger;
use malote_engine::ledger::sql::SqliteLedger;
use malote_engine::ledger::{Ledger, PairIdentity};
use malote_engine::plan::folder::Role;
use malote_engine::policy::{Duplicates, FlagPolicy, LabelPolicy, Policy};
use malote_engine::quarantine::Quarantine;
use malote_engine::report::Report;
use malote_engine::run::{Job, copy};

struct Nowhere;

#[async_trait]
impl Quarantine for Nowhere {
    async fn keep(&self, hint: &str, _body: Body) -> Result<String> {
        Ok(hint.to_owned())
    }
}

/// Two mailboxes, what the operator wants, and what users do after a first undisturbed run.
struct Scenario {
    name: &'static str,
    source: fn() -> Mailbox,
    destination: fn() -> Mailbox,
    policy: fn(&mut Policy),
    meanwhile: Option<fn(&Mailbox, &Mailbox)>,
    /// Messages that must be quarantined in the end.
    quarantined: u64,
    /// Messages collapsed in the end.
    collapsed: u64,
}

const PLAIN: Scenario = Scenario {
    name: "first copy",
    source: letters,
    destination: || Mailbox::new(Habits::default()),
    policy: |_| {},
    meanwhile: None,
    quarantined: 0,
    collapsed: 0,
};

fn text(number: u32) -> String {
    format!(
        "Message-ID: <{number}@x>\r\nFrom: a@x\r\nDate: d{number}\r\nSubject: s{number}\r\n\r\nbody {number}\r\n"
    )
}

/// Seven messages in three folders, among them twins, one without any header and one with keywords.
fn letters() -> Mailbox {
    let mailbox = Mailbox::new(Habits::default());
    mailbox.with("INBOX", |shelf| {
        shelf.push(Letter::new(&text(1), "\\Seen"));
        shelf.push(Letter::new(&text(2), "\\Flagged $Forwarded"));
        shelf.push(Letter::new(&text(2), "\\Flagged $Forwarded"));
        shelf.push(Letter::new("no header at all\r\n", ""));
        shelf.push(Letter::new(&text(3), "custom1"));
    });
    mailbox.with("Projetos/Orçamentos", |shelf| shelf.push(Letter::new(&text(4), "\\Answered")));
    mailbox.with("Vazia", |_| ());
    mailbox.with("Sent", |shelf| shelf.push(Letter::new(&text(5), "")));
    mailbox
}

fn scenarios() -> Vec<Scenario> {
    vec![
        PLAIN,
        Scenario {
            name: "a destination that tells no UIDs",
            destination: || Mailbox::new(Habits { uidplus: false, ..Habits::default() }),
            ..PLAIN
        },
        Scenario {
            name: "one message at a time, no modification sequences",
            destination: || {
                Mailbox::new(Habits { batch_messages_max: 1, condstore: false, ..Habits::default() })
            },
            ..PLAIN
        },
        Scenario {
            name: "twins collapsed",
            policy: |policy| policy.duplicates = Duplicates::Collapse,
            collapsed: 1,
            ..PLAIN
        },
        Scenario {
            name: "one message refused, one unreadable",
            source: || {
                let mut mailbox = letters();
                mailbox.habits.unreadable = Some("NOBODY");
                mailbox.with("INBOX", |shelf| shelf.push(Letter::new("Subject: REFUSE\r\n\r\nx\r\n", "")));
                mailbox.with("INBOX", |shelf| shelf.push(Letter::new("Subject: NOBODY\r\n\r\nx\r\n", "")));
                mailbox
            },
            destination: || Mailbox::new(Habits { refuses: Some("REFUSE"), ..Habits::default() }),
            quarantined: 2,
            ..PLAIN
        },
        Scenario {
            name: "half is there already, put by somebody else",
            destination: || {
                let mailbox = Mailbox::new(Habits::default());
                mailbox.with("INBOX", |shelf| {
                    shelf.push(Letter::new(&text(2), "\\Flagged $Forwarded"));
                    shelf.push(Letter::new("no header at all\r\n", ""));
                });
                mailbox
            },
            ..PLAIN
        },
        Scenario { name: "a delta: new, read, removed", meanwhile: Some(delta), ..PLAIN },
        Scenario {
            name: "a delta with the source ruling flags",
            policy: |policy| policy.flags = FlagPolicy::Source,
            meanwhile: Some(delta),
            ..PLAIN
        },
        Scenario {
            name: "the source's UIDs change",
            meanwhile: Some(|source, _| {
                source.with("INBOX", |shelf| {
                    shelf.renumber();
                    shelf.push(Letter::new(&text(9), ""));
                });
            }),
            ..PLAIN
        },
        Scenario {
            name: "the destination's UIDs change",
            meanwhile: Some(|source, destination| {
                destination.with("INBOX", acceptance::world::Shelf::renumber);
                source.with("INBOX", |shelf| shelf.push(Letter::new(&text(9), "")));
            }),
            ..PLAIN
        },
        Scenario {
            name: "deletions mirrored",
            policy: |policy| {
                policy.mirror_deletes = true;
                policy.delete_percent_max = 50;
            },
            meanwhile: Some(|source, _| source.with("INBOX", |shelf| shelf.remove(1))),
            ..PLAIN
        },
    ]
}

fn scenarios_of_labels() -> Vec<Scenario> {
    vec![
        Scenario { name: "labels, each a folder", source: labels, collapsed: 3, ..PLAIN },
        Scenario {
            name: "labels, at a destination that does not copy",
            source: labels,
            destination: || Mailbox::new(Habits { copies: false, ..Habits::default() }),
            collapsed: 3,
            ..PLAIN
        },
        Scenario {
            name: "labels, the first alone",
            source: labels,
            policy: |policy| policy.labels = LabelPolicy::First,
            collapsed: 6,
            ..PLAIN
        },
        Scenario {
            name: "labels as keywords",
            source: labels,
            policy: |policy| policy.labels = LabelPolicy::Keywords,
            collapsed: 6,
            ..PLAIN
        },
        Scenario {
            name: "labels given and taken meanwhile",
            source: labels,
            meanwhile: Some(|source, _| {
                source.label(&["INBOX", "Projetos", "All"], 50, &Letter::new(&text(9), "\\Seen"));
                source.with("INBOX", |shelf| shelf.remove(2));
                source.with("Casa", |shelf| shelf.set_flags(1, "\\Flagged"));
            }),
            collapsed: 4,
            ..PLAIN
        },
    ]
}

/// Four messages under six labels, and the folder that shows them all.
fn labels() -> Mailbox {
    let mailbox = Mailbox::new(Habits { labels: true, ..Habits::default() });
    mailbox.create("All", Some(Role::All));
    let letter = |number: u32, flags| Letter::new(&text(number), flags);
    mailbox.label(&["INBOX", "Casa", "All"], 10, &letter(5, "\\Seen"));
    mailbox.label(&["INBOX", "Casa", "Projetos", "All"], 20, &letter(6, "\\Flagged"));
    mailbox.label(&["All"], 30, &letter(7, ""));
    mailbox.label(&["Projetos", "All"], 40, &letter(8, ""));
    mailbox
}

fn delta(source: &Mailbox, destination: &Mailbox) {
    source.with("INBOX", |shelf| {
        shelf.push(Letter::new(&text(9), "\\Seen"));
        shelf.set_flags(1, "\\Seen \\Flagged");
        shelf.set_flags(5, "");
    });
    destination.with("Sent", |shelf| shelf.set_flags(1, "\\Seen"));
}

struct World {
    source: Mailbox,
    destination: Mailbox,
    ledger: Arc<dyn Ledger>,
    policy: fn(&mut Policy),
}

impl World {
    async fn new(scenario: &Scenario, ledger: Arc<dyn Ledger>) -> Self {
        let (source, destination) = ((scenario.source)(), (scenario.destination)());
        let world = Self { source, destination, ledger, policy: scenario.policy };
        if let Some(meanwhile) = scenario.meanwhile {
            world.run(&Steps::counting()).await.expect("nothing strikes");
            meanwhile(&world.source, &world.destination);
        }
        world
    }

    /// Runs once; nothing where the process died on the way.
    async fn run(&self, steps: &Arc<Steps>) -> Option<Report> {
        let source = MemorySource { mailbox: self.source.clone(), steps: Arc::clone(steps) };
        let destination = MemoryDestination { mailbox: self.destination.clone(), steps: Arc::clone(steps) };
        let ledger = SteppedLedger { inner: Arc::clone(&self.ledger), steps: Arc::clone(steps) };
        let identity = PairIdentity { source: "memory:a".to_owned(), destination: "memory:b".to_owned() };
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
}

/// Runs `scenario` undisturbed, then with every fault at every step.
async fn check<L, F>(scenario: &Scenario, ledger: L)
where
    L: Fn() -> F,
    F: Future<Output = Arc<dyn Ledger>>,
{
    let world = World::new(scenario, ledger().await).await;
    let (steps, untouched) = (Steps::counting(), world.source.content());
    let report = world.run(&steps).await.expect("nothing strikes");
    let finished = world.destination.content();
    judge(scenario, &report, "undisturbed");
    assert_eq!(world.source.content(), untouched, "{}: the source was changed", scenario.name);
    settled(scenario, &world, "undisturbed").await;
    for fault in [
        Fault::Crash(Moment::Before),
        Fault::Crash(Moment::After),
        Fault::Cut(Moment::Before),
        Fault::Cut(Moment::After),
    ] {
        for at in 1..=steps.count() {
            let place = format!("{}, {fault:?} at step {at} of {}", scenario.name, steps.count());
            let world = World::new(scenario, ledger().await).await;
            let first = world.run(&Steps::striking(at, fault)).await;
            let is_done = first.as_ref().is_some_and(|report| report.errors.is_empty());
            let last = match first {
                Some(report) if is_done => report,
                _ => world.run(&Steps::counting()).await.expect("nothing strikes twice"),
            };
            judge(scenario, &last, &place);
            assert_eq!(world.destination.content(), finished, "{place}");
            assert_eq!(world.source.content(), untouched, "{place}: the source was changed");
            settled(scenario, &world, &place).await;
        }
    }
}

fn judge(scenario: &Scenario, report: &Report, place: &str) {
    assert!(report.balances(), "{place}: {report:#?}");
    assert!(report.errors.is_empty(), "{place}: {:#?}", report.errors);
    let totals = &report.totals;
    let found = (totals.pending, totals.quarantined, totals.collapsed);
    assert_eq!(found, (0, scenario.quarantined, scenario.collapsed), "{place}: {totals:#?}");
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

async fn in_memory() -> Arc<dyn Ledger> {
    Arc::new(MemoryLedger::new())
}

#[tokio::test(start_paused = true)]
async fn every_scenario_survives_every_fault_at_every_step() {
    for scenario in scenarios() {
        check(&scenario, in_memory).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_scenario_of_labels_survives_every_fault_at_every_step() {
    for scenario in scenarios_of_labels() {
        check(&scenario, in_memory).await;
    }
}

#[tokio::test]
async fn a_first_copy_and_a_delta_survive_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    let ledger = || async {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let path = folder.path().join(format!("{number}.malote"));
        Arc::new(SqliteLedger::open(&path).await.unwrap()) as Arc<dyn Ledger>
    };
    for scenario in [PLAIN, Scenario { name: "a delta", meanwhile: Some(delta), ..PLAIN }] {
        check(&scenario, ledger).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_arrives_is_what_was_there_byte_flag_and_date() {
    let world = World::new(&PLAIN, in_memory().await).await;
    world.run(&Steps::counting()).await.unwrap();
    assert_eq!(world.destination.content(), world.source.content());
}

#[tokio::test(start_paused = true)]
async fn a_lost_ledger_costs_no_second_copy() {
    for scenario in [PLAIN, Scenario { name: "a delta", meanwhile: Some(delta), ..PLAIN }] {
        let mut world = World::new(&scenario, in_memory().await).await;
        world.run(&Steps::counting()).await.unwrap();
        let before = world.destination.content();
        world.ledger = in_memory().await;
        let report = world.run(&Steps::counting()).await.unwrap();
        assert_eq!((report.totals.copied, report.totals.adopted), (0, report.totals.source_messages));
        assert_eq!(world.destination.content(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_rewrites_headers_is_adopted_by_the_text() {
    let scenario =
        Scenario { destination: || Mailbox::new(Habits { rewrites: true, ..Habits::default() }), ..PLAIN };
    let mut world = World::new(&scenario, in_memory().await).await;
    world.run(&Steps::counting()).await.unwrap();
    let second = world.run(&Steps::counting()).await.unwrap();
    assert_eq!(second.totals.copied, 0, "with the ledger nothing is compared");
    world.ledger = in_memory().await;
    let report = world.run(&Steps::counting()).await.unwrap();
    let totals = &report.totals;
    assert_eq!((totals.copied, totals.pending), (0, 1), "the one without any header is held: {report:#?}");
    assert_eq!(report.errors[0].class, "decision.needed");
}
