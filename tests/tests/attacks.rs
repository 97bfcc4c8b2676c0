//! Servers that lie, users who interfere and operators who change their mind: nothing is lost, doubled or altered,
//! and nothing is called a success that is not.

use std::collections::BTreeMap;
use std::sync::Arc;

use acceptance::world::{
    Fault, Habits, Letter, Mailbox, MemoryDestination, MemorySource, Moment, Shelf, SteppedLedger, Steps,
};
use async_trait::async_trait;
use malote_engine::body::Body;
use malote_engine::failure::Result;
use malote_engine::ledger::memory::MemoryLedger;
use malote_engine::ledger::{Ledger, PairIdentity};
use malote_engine::plan::message::Flags;
use malote_engine::policy::{Content, Duplicates, FlagPolicy, Policy};
use malote_engine::quarantine::Quarantine;
use malote_engine::report::{Report, Status};
use malote_engine::run::{Job, copy, verify};

struct Nowhere;

#[async_trait]
impl Quarantine for Nowhere {
    async fn keep(&self, hint: &str, _body: Body) -> Result<String> {
        Ok(hint.to_owned())
    }
}

struct World {
    source: Mailbox,
    destination: Mailbox,
    ledger: Arc<dyn Ledger>,
    policy: Policy,
}

impl World {
    /// INBOX holds `letters` at the source, and nothing is at the destination.
    fn new(letters: &[(&str, &str)]) -> Self {
        let (source, destination) = (Mailbox::new(Habits::default()), Mailbox::new(Habits::default()));
        put(&source, "INBOX", letters);
        let policy =
            Policy { connections: 1, quiet_ms: 0, pause_ms: 1, attempts_max: 3, ..Policy::default() };
        Self { source, destination, ledger: Arc::new(MemoryLedger::new()), policy }
    }

    fn job(&self, steps: &Arc<Steps>) -> Job {
        let source = MemorySource { mailbox: self.source.clone(), steps: Arc::clone(steps) };
        let destination = MemoryDestination { mailbox: self.destination.clone(), steps: Arc::clone(steps) };
        let ledger = SteppedLedger { inner: Arc::clone(&self.ledger), steps: Arc::clone(steps) };
        let identity = PairIdentity { source: "memory:a".to_owned(), destination: "memory:b".to_owned() };
        let mut job =
            Job::new(Arc::new(source), Arc::new(destination), Arc::new(ledger), Arc::new(Nowhere), identity);
        job.policy = self.policy.clone();
        job
    }

    /// Runs once; nothing where the process died on the way.
    async fn strike(&self, at: u64, fault: Fault) -> Option<Report> {
        let steps = Steps::striking(at, fault);
        let job = self.job(&steps);
        tokio::select! {
            biased;
            () = steps.crashed() => None,
            report = copy(&job) => Some(report),
        }
    }

    async fn copy(&self) -> Report {
        let report = copy(&self.job(&Steps::counting())).await;
        assert!(report.balances(), "{report:#?}");
        report
    }

    async fn verify(&self, content: Content) -> Report {
        verify(&self.job(&Steps::counting()), content).await
    }

    fn texts(&self, folder: &str) -> Vec<String> {
        let content = self.destination.content();
        content.get(folder).into_iter().flatten().map(|letter| letter.0.clone()).collect()
    }
}

fn put(mailbox: &Mailbox, folder: &str, letters: &[(&str, &str)]) {
    mailbox.with(folder, |shelf| {
        letters.iter().for_each(|(text, flags)| {
            shelf.push(Letter::new(text, flags));
        });
    });
}

fn text(number: u32) -> String {
    format!(
        "Message-ID: <{number}@x>\r\nFrom: a@x\r\nDate: d{number}\r\nSubject: s{number}\r\n\r\nbody {number}\r\n"
    )
}

fn quarantined(report: &Report) -> Vec<(u32, &str)> {
    report.quarantine.iter().map(|entry| (entry.uid, entry.reason.as_str())).collect()
}

const STEPS_MAX: u64 = 60;

#[tokio::test(start_paused = true)]
async fn a_flag_that_changes_between_two_passes_of_one_run_is_carried() {
    for at in 1..STEPS_MAX {
        let (one, two, three, four) = (text(1), text(2), text(3), text(4));
        let mut world = World::new(&[(&one, ""), (&two, ""), (&three, ""), (&four, "")]);
        world.source.habits.on_open = Some(|mailbox, opening| {
            if opening == 2 {
                mailbox.with("INBOX", |shelf| shelf.set_flags(1, "\\Flagged"));
            }
        });
        world.strike(at, Fault::Cut(Moment::After)).await;
        world.copy().await;
        world.copy().await;
        assert_eq!(world.destination.content(), world.source.content(), "cut at {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn keywords_of_an_old_message_survive_a_crash_after_it_was_copied() {
    for at in 1..STEPS_MAX {
        let mut world = World::new(&[(&text(2), "")]);
        world.source.with("INBOX", |shelf| {
            shelf.push(Letter {
                date: Some("17-Jul-2004 02:44:25 -0300".to_owned()),
                ..Letter::new(&text(1), "custom1")
            });
            shelf.push(Letter::new(&text(3), ""));
        });
        world.policy.since_unix_seconds = Some(1_600_000_000);
        world.copy().await;
        world.policy.since_unix_seconds = None;
        world.strike(at, Fault::Crash(Moment::After)).await;
        let report = world.copy().await;
        assert_eq!(report.status, Status::Success);
        assert_eq!(world.destination.content(), world.source.content(), "crash at {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_generation_has_modification_sequences_of_its_own() {
    let world = World::new(&[(&text(1), ""), (&text(2), ""), (&text(3), "")]);
    world.copy().await;
    world.source.with("INBOX", |shelf| {
        shelf.set_flags(1, "\\Flagged");
        shelf.modseq = 0;
        shelf.renumber();
    });
    world.copy().await;
    assert_eq!(world.destination.content(), world.source.content());
}

#[tokio::test(start_paused = true)]
async fn a_second_look_at_another_generation_calls_nothing_vanished() {
    let mut world = World::new(&[(&text(1), ""), ("Subject: REFUSE\r\n\r\nx\r\n", "")]);
    world.destination.habits.refuses = Some("REFUSE");
    world.source.habits.on_open = Some(|mailbox, opening| {
        if opening == 2 {
            mailbox.with("INBOX", Shelf::renumber);
        }
    });
    let report = world.copy().await;
    assert_eq!((report.totals.source_messages, report.totals.quarantined), (2, 1), "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_generation_that_changes_between_two_passes_is_counted_once() {
    for at in 1..STEPS_MAX {
        let (one, two, three, four) = (text(1), text(2), text(3), text(4));
        let mut world = World::new(&[(&one, "a"), (&two, ""), (&three, ""), (&four, "")]);
        world.source.habits.on_open = Some(|mailbox, opening| {
            if opening == 2 {
                mailbox.with("INBOX", Shelf::renumber);
            }
        });
        let first = world.strike(at, Fault::Cut(Moment::After)).await.unwrap();
        let last = world.copy().await;
        for report in [first, last].iter().filter(|report| report.errors.is_empty()) {
            assert!(report.balances());
            assert_eq!(report.totals.source_messages, 4, "cut at {at}: {report:#?}");
        }
        assert_eq!(world.destination.content(), world.source.content(), "cut at {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_connection_is_enough_to_quarantine_a_message() {
    let mut world = World::new(&[(&text(1), ""), ("Subject: REFUSE\r\n\r\nx\r\n", "")]);
    world.destination.habits.refuses = Some("REFUSE");
    (world.source.habits.connections_max, world.destination.habits.connections_max) = (1, 1);
    let report = world.copy().await;
    assert!(report.errors.is_empty(), "{:#?}", report.errors);
    assert_eq!(quarantined(&report), [(2, "refused")]);
}

#[tokio::test(start_paused = true)]
async fn uids_that_were_there_before_are_not_believed() {
    let mut world = World::new(&[(&text(1), ""), (&text(2), ""), (&text(3), "")]);
    put(&world.destination, "INBOX", &[("Subject: of a stranger\r\n\r\nx\r\n", "")]);
    world.destination.habits.lies_about_uids = true;
    (world.policy.mirror_deletes, world.policy.delete_percent_max) = (true, 50);
    world.copy().await;
    world.source.with("INBOX", |shelf| shelf.remove(1));
    world.copy().await;
    let texts = world.texts("INBOX");
    assert!(texts.iter().any(|text| text.contains("of a stranger")), "{texts:?}");
    assert!(!texts.iter().any(|text| text.contains("body 1")), "{texts:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_removed_under_a_uid_that_shows_another_message() {
    let world = {
        let mut world = World::new(&[(&text(1), ""), (&text(2), ""), (&text(3), "")]);
        (world.policy.mirror_deletes, world.policy.delete_percent_max) = (true, 50);
        world
    };
    world.copy().await;
    world.destination.with("INBOX", |shelf| {
        let letter = Letter::new("Subject: of a stranger\r\n\r\nx\r\n", "");
        shelf.letters.insert(1, letter);
    });
    world.source.with("INBOX", |shelf| shelf.remove(1));
    let report = world.copy().await;
    let texts = world.texts("INBOX");
    assert!(texts.iter().any(|text| text.contains("of a stranger")), "{texts:?}");
    assert_eq!(report.totals.deleted, 0);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_mapped_anew_is_copied_anew_whatever_its_uidvalidity() {
    let mut world = World::new(&[]);
    put(&world.source, "Notas", &[(&text(1), ""), (&text(2), "")]);
    world.copy().await;
    let validity = world.destination.with("Notas", |shelf| shelf.validity);
    world.destination.with("Outro", |shelf| shelf.validity = validity);
    world.policy.maps = vec![("Notas".to_owned(), "Outro".to_owned())];
    world.copy().await;
    assert_eq!(world.texts("Outro").len(), 2);
    assert_eq!(world.copy().await.totals.already, 2);
}

#[tokio::test(start_paused = true)]
async fn twins_of_a_refused_message_are_not_called_unreadable() {
    let refused = "Subject: REFUSE\r\n\r\nx\r\n";
    let mut world = World::new(&[(refused, ""), (&text(1), ""), (refused, "")]);
    world.destination.habits.refuses = Some("REFUSE");
    world.policy.duplicates = Duplicates::Collapse;
    world.copy().await;
    let report = world.copy().await;
    assert_eq!(quarantined(&report), [(1, "refused"), (3, "refused")]);
}

#[tokio::test(start_paused = true)]
async fn a_message_known_by_its_header_alone_survives_a_new_generation_beside_its_twin() {
    let world = World::new(&[(&text(1), "")]);
    put(&world.destination, "INBOX", &[(&text(1), "")]);
    assert_eq!(world.copy().await.totals.adopted, 1);
    put(&world.source, "INBOX", &[(&text(1), "")]);
    assert_eq!(world.copy().await.totals.copied, 1);
    world.source.with("INBOX", Shelf::renumber);
    let report = world.copy().await;
    assert_eq!((report.totals.copied, report.totals.already), (0, 2), "{report:#?}");
    assert_eq!(world.texts("INBOX").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn two_folders_in_one_never_claim_the_same_copy_after_its_uids_changed() {
    let mut world = World::new(&[]);
    put(&world.source, "A", &[(&text(1), "")]);
    put(&world.source, "B", &[(&text(1), "")]);
    world.policy.maps = [("A", "Z"), ("B", "Z")].map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec();
    world.copy().await;
    assert_eq!(world.texts("Z").len(), 2);
    world.destination.with("Z", |shelf| {
        shelf.remove(2);
        shelf.renumber();
    });
    world.copy().await;
    assert_eq!(world.texts("Z").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_verification_that_could_read_nothing_is_no_success() {
    let mut world = World::new(&[(&text(1), ""), (&text(2), "")]);
    world.copy().await;
    assert_eq!(world.verify(Content::Full).await.status, Status::Success);
    world.source.habits.unreadable = Some("Message-ID");
    let report = world.verify(Content::Full).await;
    assert_ne!(report.status, Status::Success, "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_verification_that_is_cut_anywhere_is_no_success() {
    for at in 1..STEPS_MAX {
        let world = World::new(&[(&text(1), ""), (&text(2), "")]);
        put(&world.source, "A", &[(&text(3), "")]);
        let report =
            verify(&world.job(&Steps::striking(at, Fault::Cut(Moment::Before))), Content::Full).await;
        assert_ne!(report.status, Status::Success, "nothing was ever copied; cut at {at}: {report:#?}");
        assert!(!report.errors.is_empty() || report.totals.pending == 3, "cut at {at}: {report:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_without_octets_is_not_copied() {
    let mut world = World::new(&[(&text(1), ""), ("Subject: EMPTY\r\n\r\nx\r\n", "")]);
    world.source.habits.empties = Some("EMPTY");
    let report = world.copy().await;
    assert_eq!(quarantined(&report), [(2, "unreadable")]);
    assert_eq!(world.texts("INBOX").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_without_metadata_is_copied_all_the_same() {
    let mut world = World::new(&[(&text(1), ""), (&text(2), "")]);
    world.source.habits.omits = Some("<2@x>");
    world.policy.octets_max = Some(1_000_000);
    let report = world.copy().await;
    assert_eq!(world.texts("INBOX").len(), 2, "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_kept_and_refused_is_there_once() {
    let mut world = World::new(&[(&text(1), ""), (&text(2), "")]);
    world.destination.habits.keeps_and_refuses = Some("<2@x>");
    world.copy().await;
    world.copy().await;
    assert_eq!(world.texts("INBOX").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_was_torn_doubles_nothing() {
    let mut world = World::new(&[(&text(1), ""), (&text(2), ""), ("Subject: REFUSE\r\n\r\nx\r\n", "")]);
    (world.destination.habits.refuses, world.destination.habits.tears_batches) = (Some("REFUSE"), true);
    let report = world.copy().await;
    assert_eq!(quarantined(&report), [(3, "refused")]);
    assert_eq!(world.texts("INBOX").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_flag_is_counted_once_per_message() {
    for at in 1..STEPS_MAX {
        let mut world = World::new(&[(&text(1), "custom1"), (&text(2), ""), (&text(3), ""), (&text(4), "")]);
        world.destination.habits.permanent = (Flags::parse("\\Seen"), false);
        let report = world.strike(at, Fault::Cut(Moment::Before)).await.unwrap();
        if report.errors.is_empty() {
            let expected = BTreeMap::from([("custom1".to_owned(), 1)]);
            assert_eq!(report.dropped_flags, expected, "cut at {at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pattern_that_means_no_folder_is_no_success() {
    let mut world = World::new(&[(&text(1), "")]);
    world.policy.folders = vec!["Inbxo".to_owned()];
    assert_ne!(world.copy().await.status, Status::Success);
    assert_ne!(world.verify(Content::None).await.status, Status::Success);
}

#[tokio::test(start_paused = true)]
async fn folders_that_were_never_reached_are_pending() {
    let mut world = World::new(&[(&text(1), "")]);
    put(&world.source, "A", &[(&text(2), "")]);
    put(&world.source, "B", &[(&text(3), ""), (&text(4), "")]);
    world.source.habits.list_status = true;
    world.destination.habits.full_for = Some("<1@x>");
    let report = world.copy().await;
    assert_eq!((report.totals.source_messages, report.totals.pending), (4, 4), "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_draft_of_the_same_size_is_not_the_draft_before_it() {
    let world = World::new(&[("Message-ID: <1@x>\r\nSubject: s\r\n\r\nprice 9\r\n", "")]);
    world.destination.with("INBOX", |shelf| {
        shelf.push(Letter {
            date: Some("16-Jul-2024 02:44:25 -0300".to_owned()),
            ..Letter::new("Message-ID: <1@x>\r\nSubject: s\r\n\r\nprice 1\r\n", "")
        });
    });
    let report = world.copy().await;
    let is_there = world.texts("INBOX").iter().any(|text| text.contains("price 9"));
    assert!(is_there || report.status != Status::Success, "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_listing_shorter_than_its_count_is_no_success() {
    let mut world = World::new(&[(&text(1), ""), (&text(2), "")]);
    world.source.habits.hides = Some("<2@x>");
    let report = world.copy().await;
    assert_eq!(world.texts("INBOX").len(), 1);
    assert_ne!(report.status, Status::Success, "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_rules_flags_rules_those_that_changed_at_the_destination_alone() {
    let mut world = World::new(&[(&text(1), "\\Seen")]);
    (world.source.habits.list_status, world.destination.habits.list_status) = (true, true);
    world.policy.flags = FlagPolicy::Source;
    world.copy().await;
    world.destination.with("INBOX", |shelf| shelf.set_flags(1, "\\Flagged"));
    world.copy().await;
    assert_eq!(world.destination.content(), world.source.content());
}
