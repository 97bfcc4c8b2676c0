//! What reports come to, as tables.

use malote_engine::failure::{Failure, Reach, Retry, Side};
use malote_engine::report::{Kind, Place, QuarantineEntry};

use super::*;

fn report(status: Status, counters: Counters, classes: &[Class]) -> Report {
    let at = "2026-11-21T00:00:00Z";
    let failure =
        |class: &Class| Failure::new(Side::Source, *class, Reach::Account, Retry::Again, "it failed");
    let mut report = Report::not_begun(
        Kind::Copy,
        "imaps://a@h",
        "imaps://b@h",
        at,
        ErrorEntry::from(&failure(&Class::Net)),
    );
    report.status = status;
    report.source = Place { url: String::new(), server: "Dovecot".to_owned() };
    report.errors = classes.iter().map(|class| ErrorEntry::from(&failure(class))).collect();
    report.totals = counters;
    report.folders = vec![FolderReport { source: "INBOX".to_owned(), counters, ..FolderReport::default() }];
    report
}

#[test]
fn percents_are_rounded_down_and_never_hide_a_loss() {
    for (matched, source, is_whole, percents) in [
        (0, 0, true, 100.0),
        (0, 0, false, 0.0),
        (99_999, 100_000, true, 99.99),
        (9_899, 10_000, true, 98.99),
        (1, 3, true, 33.33),
        (10, 10, true, 100.0),
        (11, 10, true, 100.0),
        (i64::MAX, i64::MAX, true, 100.0),
    ] {
        assert_eq!(percent(matched, source, is_whole), percents, "{matched} of {source}");
    }
}

#[test]
fn the_gates_equation_follows_from_the_buckets() {
    let counters = Counters {
        source_messages: 100,
        copied: 50,
        adopted: 10,
        already: 20,
        collapsed: 5,
        filtered: 4,
        quarantined: 6,
        pending: 5,
        vanished: 3,
        destination_messages: 500,
        ..Counters::default()
    };
    let counts = counts(&counters, 2);
    assert_eq!((counts.source, counts.matched, counts.missing), (96, 85, 11));
    assert_eq!(counts.missing, counts.pending + counts.quarantined + counts.acknowledged);
    assert_eq!(counts.missing, counts.source - counts.matched);
    assert_eq!(counts.dest, 500);
}

#[test]
fn an_ending_is_read_off_the_report() {
    let whole = Counters { source_messages: 3, copied: 3, ..Counters::default() };
    let quarantined = Counters { source_messages: 3, copied: 2, quarantined: 1, ..Counters::default() };
    let pending = Counters { source_messages: 3, copied: 2, pending: 1, ..Counters::default() };
    for (status, counters, classes, ended, mailbox, again) in [
        (Status::Success, whole, &[][..], RunStatus::Success, MailboxStatus::Ok, None),
        (Status::Partial, quarantined, &[], RunStatus::Partial, MailboxStatus::Quarantine, None),
        (Status::Partial, pending, &[], RunStatus::Partial, MailboxStatus::Error, Some(Again::Soon)),
        (
            Status::Partial,
            pending,
            &[Class::Net],
            RunStatus::Partial,
            MailboxStatus::Error,
            Some(Again::Soon),
        ),
        (Status::Failed, whole, &[Class::AuthBadCredentials], RunStatus::Failed, MailboxStatus::Error, None),
        (
            Status::Partial,
            pending,
            &[Class::Net, Class::OverQuota],
            RunStatus::Partial,
            MailboxStatus::Error,
            None,
        ),
        (Status::Partial, pending, &[Class::Cancelled], RunStatus::Partial, MailboxStatus::Error, None),
        (
            Status::Partial,
            pending,
            &[Class::Ledger],
            RunStatus::Partial,
            MailboxStatus::Error,
            Some(Again::OwnTrouble),
        ),
        (
            Status::Partial,
            pending,
            &[Class::ThrottleDaily],
            RunStatus::Partial,
            MailboxStatus::Error,
            Some(Again::InAnHour),
        ),
    ] {
        let outcome = of_report(&report(status, counters, classes), Before { transferred: 7, bytes: 70 });
        assert_eq!(
            (outcome.status, outcome.mailbox_status, outcome.again),
            (ended, mailbox, again),
            "{classes:?}"
        );
        assert_eq!(outcome.stats.transferred, 7 + counters.copied);
        let json = serde_json::to_value(&outcome.stats).unwrap();
        assert!(["transferred", "errors", "folders"].iter().all(|key| json[key].is_u64()), "{json}");
    }
}

#[test]
fn a_scan_that_met_an_error_proves_nothing() {
    let counters = Counters { source_messages: 3, copied: 3, ..Counters::default() };
    let outcome = of_report(&report(Status::Partial, counters, &[Class::FolderRefused]), Before::default());
    assert!(matches!(outcome.found, Found::Counted { is_whole: false, .. }));
    let uneven = Counters { source_messages: 3, copied: 2, ..Counters::default() };
    let outcome = of_report(&report(Status::Success, uneven, &[]), Before::default());
    assert_eq!(outcome.found, Found::Nothing, "counts that do not add up are not written");
}

#[test]
fn acknowledged_messages_are_missing_and_not_open() {
    let counters = Counters { source_messages: 3, copied: 1, quarantined: 2, ..Counters::default() };
    let mut report = report(Status::Partial, counters, &[]);
    let entry = |uid, acknowledged| QuarantineEntry {
        folder: "INBOX".to_owned(),
        uid,
        acknowledged,
        ..QuarantineEntry::default()
    };
    report.quarantine = vec![entry(1, true), entry(2, false)];
    let Found::Counted { totals, folders, quarantine, .. } = of_report(&report, Before::default()).found
    else {
        panic!("it was counted");
    };
    assert_eq!((totals.quarantined, totals.acknowledged, totals.missing), (1, 1, 2));
    assert_eq!(folders[0].counts, totals);
    assert_eq!(quarantine.len(), 2);
}

#[test]
fn what_earlier_workers_did_is_added() {
    assert_eq!(Before::of(r#"{"transferred":3,"bytes":9}"#), Before { transferred: 3, bytes: 9 });
    assert_eq!(Before::of(""), Before::default());
}

#[test]
fn pauses_grow_to_a_limit() {
    let second = Duration::from_secs(1);
    for (again, attempts, seconds) in [
        (Again::Soon, 0, 1),
        (Again::Soon, 3, 8),
        (Again::Soon, 63, 600),
        (Again::OwnTrouble, 5, 32),
        (Again::OwnTrouble, 99, 60),
        (Again::InAnHour, 0, 3600),
    ] {
        assert_eq!(again.pause(second, attempts).as_secs(), seconds, "{again:?} after {attempts}");
    }
}
