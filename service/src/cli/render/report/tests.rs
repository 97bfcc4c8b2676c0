//! What a report reads like.

use std::collections::BTreeMap;

use malote_engine::failure::{Failure, Reach, Retry, Side};
use malote_engine::report::{ErrorEntry, FolderReport, QuarantineEntry, SCHEMA};

use super::*;

fn sample() -> Report {
    let inbox = Counters {
        source_messages: 1200,
        copied: 1199,
        quarantined: 1,
        bytes_copied: 3 << 20,
        destination_messages: 1199,
        ..Counters::default()
    };
    let sent = Counters {
        source_messages: 3,
        already: 2,
        pending: 1,
        destination_messages: 2,
        ..Counters::default()
    };
    let mut totals = Counters::default();
    totals.add(&inbox);
    totals.add(&sent);
    let lost = Failure::new(
        Side::Destination,
        Class::Net,
        Reach::Account,
        Retry::Again,
        "appending to Sent: connection lost",
    );
    Report {
        schema: SCHEMA.to_owned(),
        run_id: "r1".to_owned(),
        kind: Kind::Copy,
        status: Status::Partial,
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        finished_at: "2026-01-01T00:00:02Z".to_owned(),
        elapsed_ms: 2000,
        source: Place { url: "imaps://ana@old:993".to_owned(), server: "Dovecot".to_owned() },
        destination: Place { url: "imaps://ana@new:993".to_owned(), server: String::new() },
        totals,
        folders: vec![
            FolderReport {
                source: "INBOX".to_owned(),
                destination: "INBOX".to_owned(),
                role: Some("inbox".to_owned()),
                renamed: false,
                counters: inbox,
            },
            FolderReport {
                source: "Enviados/Açaí".to_owned(),
                destination: "Sent/Açaí".to_owned(),
                role: None,
                renamed: true,
                counters: sent,
            },
        ],
        quarantine: vec![QuarantineEntry {
            folder: "INBOX".to_owned(),
            uid: 7,
            size: 40 << 20,
            reason: "too_large".to_owned(),
            detail: "the limit is 36700160 octets".to_owned(),
            ..QuarantineEntry::default()
        }],
        repairs: Vec::new(),
        dropped_flags: BTreeMap::from([("custom1".to_owned(), 3)]),
        warnings: vec!["2 folders of other users were left out".to_owned()],
        errors: vec![ErrorEntry::from(&lost)],
        store: None,
        measured: malote_engine::measured::Measured::default(),
    }
}

#[test]
fn a_report_says_what_was_done_what_is_left_and_what_to_do() {
    let expected = "\
Copy: not complete: see what is left below
  from  imaps://ana@old:993 (Dovecot)
  to    imaps://ana@new:993
  took  2.0 s, 3.0 MiB copied (1.5 MiB/s, 599 messages/s)
  run   r1

Folder         At the destination   At source  Copied  Already  Quarantined  Pending  There now
INBOX          same                     1,200   1,199        0            1        0      1,199
Enviados/Açaí  Sent/Açaí (renamed)          3       0        2            0        1          2
-----------------------------------------------------------------------------------------------
2 folders                               1,203   1,199        2            1        1      1,201

1,203 at the source = 1,199 copied + 2 already there + 1 quarantined + 1 pending

Errors
  destination [net]: appending to Sent: connection lost

In quarantine
  INBOX UID 7 (no Message-ID, 40.0 MiB): too_large: the limit is 36700160 octets

Flags that the destination does not keep
  custom1: 3 messages

Warnings
  2 folders of other users were left out

What to do next
  1 message is pending; run the same command again: nothing is copied twice
  1 message lies in quarantine and will not be tried again by itself; see why above, and what may be \
done about it by `malote quarantine --help`
";
    assert_eq!(report(&sample(), Look::default()), expected);
}

#[test]
fn a_run_that_could_not_begin_has_no_table() {
    let mut failed = sample();
    let refused = Failure::new(
        Side::Source,
        Class::AuthBadCredentials,
        Reach::Account,
        Retry::Never,
        "logging in to old: \u{1b}[2J no",
    );
    failed.errors = vec![ErrorEntry::from(&refused)];
    failed.status = Status::Failed;
    failed.totals = Counters::default();
    failed.folders.clear();
    failed.quarantine.clear();
    failed.dropped_flags.clear();
    failed.warnings.clear();
    let text = report(&failed, Look { width: Some(80), has_colour: false });
    assert!(text.starts_with("Copy: failed\n"), "{text}");
    assert!(!text.contains("At source") && !text.contains('\u{1b}'), "{text}");
    assert!(text.contains("source [auth.bad_credentials]") && text.contains("malote probe URL"), "{text}");
}
