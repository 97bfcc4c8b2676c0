//! The gate's golden numbers, one table per rule, and what no numbers may ever do.
//! Never a count that a server gave: every number here is chosen.

use alloc::vec;

use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_800_000_000_000;

fn counts(eligible: u64, matched: u64, pending: u64, open: u64, acknowledged: u64) -> Counts {
    Counts { eligible, matched, pending, quarantine_open: open, quarantine_acknowledged: acknowledged }
}

fn folder(path: &str, role: FolderRole, counts: Counts) -> FolderInput {
    FolderInput { path: path.into(), role, counts: Some(counts) }
}

/// A mailbox at which nothing is to be said: an inbox, sent mail, and one folder with these counts.
fn mailbox(id: u64, own: Counts) -> MailboxInput {
    MailboxInput {
        id,
        is_enabled: true,
        is_scanned: true,
        has_inbox_by_nature: true,
        has_destination: true,
        folders: vec![
            folder("INBOX", FolderRole::Inbox, Counts::default()),
            folder("Sent", FolderRole::Sent, Counts::default()),
            folder("Archive", FolderRole::Other, own),
        ],
        destination_messages: Some(0),
        delta: Some(Delta { end: DeltaEnd::Success, finished_ms: NOW - 1_000_000, pending: 0 }),
        bytes: Known::Is(Bytes { source: 1000, destination: 1000 }),
        sample: Known::Is(Sample { compared: u64::MAX, rewritten: 0, different: 0 }),
        uid_validity: Known::Is(UidValidity::Stable),
        quota: Known::Is(Quota { limit: 100, free: 50, pending: 0, is_over: false }),
        folder_map: Known::Is(FolderMap { renamed: 0, merged: 0, collisions: 0 }),
        logins: Logins { source_ms: Some(NOW), destination_ms: Some(NOW), is_failing: false },
        duplicates: Known::Is(0),
        ..MailboxInput::default()
    }
}

fn job(mailboxes: Vec<MailboxInput>) -> JobInput {
    JobInput {
        now_ms: NOW,
        mailboxes,
        coverage: Known::Is(Coverage { undecided: 0 }),
        files_waiting: 0,
        dns: Known::Is(Readiness { warnings: 0, failures: 0 }),
        is_ledger_whole: Known::Is(true),
        folder_map_hash: "map".into(),
        ..JobInput::default()
    }
}

fn good() -> JobInput {
    job(vec![mailbox(1, counts(10_000, 10_000, 0, 0, 0))])
}

fn approved(mut job: JobInput) -> JobInput {
    let record = approve_record(&job, &evaluate(&job));
    job.approval = Some(record);
    job
}

/// One check of a job with one mailbox that was changed.
fn status(id: CheckId, change: impl FnOnce(&mut MailboxInput)) -> Status {
    let mut job = good();
    change(&mut job.mailboxes[0]);
    evaluate(&job).check(id).unwrap().status
}

#[test]
fn the_ratio_is_compared_in_whole_numbers_at_its_edges() {
    let check = |own: Counts, percent: &str, ratio: Status, gate: Gate| {
        let told = evaluate(&job(vec![mailbox(1, own)]));
        assert_eq!(percent_words(told.percent_hundredths), percent, "{own:?}");
        assert_eq!(told.check(CheckId::CountRatio).unwrap().status, ratio, "{own:?}");
        assert_eq!(told.gate, gate, "{own:?}: {:?}", told.checks);
    };
    check(counts(10_000, 9_899, 0, 101, 0), "98.99", Status::Fail, Gate::Blocked);
    check(counts(10_000, 9_899, 101, 0, 0), "98.99", Status::Fail, Gate::Blocked);
    check(counts(10_000, 9_900, 0, 0, 100), "99.00", Status::Pass, Gate::Warning);
    check(counts(10_000, 9_900, 0, 100, 0), "99.00", Status::Pass, Gate::Blocked);
    check(counts(100_000, 99_999, 1, 0, 0), "99.99", Status::Pass, Gate::Warning);
    check(counts(100_000, 99_999, 0, 0, 1), "99.99", Status::Pass, Gate::Warning);
    check(counts(10_000_000, 9_999_999, 0, 1, 0), "99.99", Status::Pass, Gate::Blocked);
    check(counts(10_000, 10_000, 0, 0, 0), "100.00", Status::Pass, Gate::Warning);
    check(counts(0, 0, 0, 0, 0), "100.00", Status::Pass, Gate::Warning);
    check(counts(1, 0, 1, 0, 0), "0.00", Status::Fail, Gate::Blocked);
    check(counts(u64::MAX, u64::MAX, 0, 0, 0), "100.00", Status::Pass, Gate::Warning);
}

#[test]
fn the_worst_mailbox_decides_and_the_total_counts_too() {
    let check = |all: Vec<Counts>, expected: Status| {
        let mailboxes = all.iter().zip(1..).map(|(own, id)| mailbox(id, *own)).collect();
        let told = evaluate(&job(mailboxes));
        assert_eq!(told.check(CheckId::CountRatio).unwrap().status, expected, "{all:?}");
    };
    let whole = counts(100_000, 100_000, 0, 0, 0);
    check(vec![whole, counts(100, 98, 0, 0, 2)], Status::Warn);
    check(vec![whole, counts(100, 95, 0, 0, 5)], Status::Warn);
    check(vec![whole, counts(100, 94, 0, 0, 6)], Status::Fail);
    check(vec![whole, counts(100, 98, 1, 0, 1)], Status::Fail);
    check(vec![whole, counts(100, 98, 0, 1, 1)], Status::Fail);
    check(vec![counts(100, 98, 0, 0, 2), counts(100, 98, 0, 0, 2)], Status::Fail);
    check(vec![whole, counts(10, 9, 1, 0, 0)], Status::Fail);
}

#[test]
fn mail_that_arrived_at_the_destination_does_not_hide_a_loss() {
    let mut job = approved(good());
    job.mailboxes[0].folders[2].counts = Some(counts(1000, 900, 100, 0, 0));
    let before = evaluate(&job);
    job.mailboxes[0].destination_messages = Some(1050);
    let after = evaluate(&job);
    assert_eq!((before.gate, after.gate), (Gate::Blocked, Gate::Blocked));
    assert_eq!(before, after);
}

#[test]
fn what_is_unknown_or_does_not_add_up_blocks_whatever_was_approved() {
    let check = |why: &str, change: fn(&mut JobInput)| {
        let mut job = approved(good());
        assert_eq!(evaluate(&job).gate, Gate::ReadyForDns);
        change(&mut job);
        let told = evaluate(&job);
        assert_eq!(told.gate, Gate::Blocked, "{why}: {:?}", told.checks);
        assert!(!told.gate.is_dns_allowed());
    };
    let unbalanced = |job: &mut JobInput, own| job.mailboxes[0].folders[2].counts = Some(own);
    check("a folder was not scanned", |job| job.mailboxes[0].folders[2].counts = None);
    check("the inbox was not scanned", |job| job.mailboxes[0].folders[0].counts = None);
    check("there is no inbox", |job| drop(job.mailboxes[0].folders.remove(0)));
    check("the scan broke off", |job| job.mailboxes[0].is_scanned = false);
    check("the options were changed since", |job| job.mailboxes[0].is_outdated = true);
    check("no mailbox", |job| job.mailboxes.clear());
    check("every mailbox is left out", |job| job.mailboxes[0].is_enabled = false);
    check("no delta", |job| job.mailboxes[0].delta = None);
    check("the ledger was not checked", |job| job.is_ledger_whole = Known::Unknown);
    check("the ledger is damaged", |job| job.is_ledger_whole = Known::Is(false));
    check("a run is under way", |job| job.runs_active = 1);
    check("a worker died", |job| job.has_crashed_since_scan = true);
    check("no destination", |job| job.mailboxes[0].has_destination = false);
    check("never logged in", |job| job.mailboxes[0].logins = Logins::default());
    let mut job = approved(good());
    for (own, why) in [
        (counts(10_000, 9_999, 0, 0, 0), "one is in no bucket"),
        (counts(10_000, 9_999, 1, 1, 0), "one is in two"),
        (counts(10_000, 10_001, 0, 0, 0), "more matched than eligible"),
        (counts(10_000, 0, u64::MAX, 1, 0), "the sum overflows"),
    ] {
        unbalanced(&mut job, own);
        let told = evaluate(&job);
        assert_eq!((told.gate, told.percent_hundredths), (Gate::Blocked, 0), "{why}");
        assert_eq!(told.check(CheckId::RunIntegrity).unwrap().status, Status::Fail, "{why}");
    }
    let two = vec![mailbox(1, counts(u64::MAX, u64::MAX, 0, 0, 0)), mailbox(2, counts(1, 1, 0, 0, 0))];
    assert_eq!(evaluate(&self::job(two)).gate, Gate::Blocked, "the job's sum overflows");
}

#[test]
fn a_missing_message_in_inbox_or_sent_mail_needs_a_word() {
    for (place, id) in [(0, CheckId::InboxComplete), (1, CheckId::SentComplete)] {
        let check = |own: Counts, expected| {
            assert_eq!(status(id, |mailbox| mailbox.folders[place].counts = Some(own)), expected, "{own:?}");
        };
        check(counts(5, 5, 0, 0, 0), Status::Pass);
        check(counts(5, 4, 0, 0, 1), Status::Warn);
        check(counts(5, 4, 0, 1, 0), Status::Fail);
        check(counts(5, 4, 1, 0, 0), Status::Fail);
        check(counts(5, 3, 0, 1, 1), Status::Fail);
    }
    let id = CheckId::SentComplete;
    assert_eq!(status(id, |mailbox| drop(mailbox.folders.remove(1))), Status::Pass);
    let other_signs = status(id, |mailbox| {
        mailbox.folders.remove(1);
        mailbox.has_sent_by_other_signs = true;
    });
    assert_eq!(other_signs, Status::Warn);
    let file = status(CheckId::InboxComplete, |mailbox| {
        mailbox.folders.remove(0);
        mailbox.has_inbox_by_nature = false;
    });
    assert_eq!(file, Status::Pass, "a file need not hold an inbox");
}

#[test]
fn quarantined_items_block_until_each_is_acknowledged() {
    let check = |open, acknowledged, expected| {
        let own = counts(10_000, 10_000 - open - acknowledged, 0, open, acknowledged);
        let told = status(CheckId::PstQuarantine, |mailbox| mailbox.folders[2].counts = Some(own));
        assert_eq!(told, expected, "{own:?}");
    };
    check(0, 0, Status::Pass);
    check(0, 15, Status::Warn);
    check(1, 0, Status::Fail);
    check(1, 15, Status::Fail);
}

#[test]
fn a_delta_is_fresh_for_six_hours_and_stale_after_a_day() {
    let check = |hours_ago: i64, end, pending, expected| {
        let told = status(CheckId::DeltaPending, |mailbox| {
            mailbox.delta = Some(Delta { end, finished_ms: NOW - hours_ago * HOUR_MILLIS, pending });
        });
        assert_eq!(told, expected, "{hours_ago} h ago, {end:?}, {pending} pending");
    };
    check(0, DeltaEnd::Success, 0, Status::Pass);
    check(6, DeltaEnd::Success, 0, Status::Pass);
    check(7, DeltaEnd::Success, 0, Status::Warn);
    check(24, DeltaEnd::Success, 0, Status::Warn);
    check(25, DeltaEnd::Success, 0, Status::Fail);
    check(1, DeltaEnd::Success, 1, Status::Warn);
    check(1, DeltaEnd::Success, 20, Status::Warn);
    check(1, DeltaEnd::Success, 21, Status::Fail);
    check(1, DeltaEnd::Parked, 5, Status::Warn);
    check(25, DeltaEnd::Parked, 5, Status::Fail);
    check(1, DeltaEnd::Partial, 0, Status::Warn);
    check(1, DeltaEnd::Failed, 0, Status::Fail);
    check(-1, DeltaEnd::Success, 0, Status::Fail);
    let much = status(CheckId::DeltaPending, |mailbox| {
        mailbox.folders[2].counts = Some(counts(100_000, 99_900, 100, 0, 0));
    });
    assert_eq!(much, Status::Warn, "one in a thousand, though the run says that nothing is pending");
    let more = status(CheckId::DeltaPending, |mailbox| {
        mailbox.folders[2].counts = Some(counts(100_000, 99_899, 101, 0, 0));
    });
    assert_eq!(more, Status::Fail);
}

#[test]
fn what_was_measured_beside_the_counts_is_judged_by_its_table() {
    type Change = fn(&mut MailboxInput);
    fn bytes(mailbox: &mut MailboxInput, destination: u64) {
        mailbox.bytes = Known::Is(Bytes { source: 1000, destination });
    }
    fn quota(mailbox: &mut MailboxInput, free: u64, pending: u64) {
        mailbox.quota = Known::Is(Quota { limit: 100, free, pending, is_over: false });
    }
    fn sample(mailbox: &mut MailboxInput, compared: u64, rewritten: u64, different: u64) {
        mailbox.sample = Known::Is(Sample { compared, rewritten, different });
    }
    fn logins(mailbox: &mut MailboxInput, hours: i64) {
        mailbox.logins.source_ms = Some(NOW - hours * HOUR_MILLIS);
    }
    let table: [(CheckId, Change, Status); 29] = [
        (CheckId::BytesRatio, |m| bytes(m, 990), Status::Pass),
        (CheckId::BytesRatio, |m| bytes(m, 1011), Status::Warn),
        (CheckId::BytesRatio, |m| bytes(m, 949), Status::Fail),
        (CheckId::BytesRatio, |m| m.bytes = Known::Unknown, Status::Warn),
        (CheckId::ContentSample, |m| sample(m, 150, 0, 0), Status::Pass),
        (CheckId::ContentSample, |m| sample(m, 149, 0, 0), Status::Warn),
        (CheckId::ContentSample, |m| sample(m, 150, 1, 0), Status::Warn),
        (CheckId::ContentSample, |m| sample(m, 150, 0, 1), Status::Fail),
        (CheckId::ContentSample, |m| m.sample = Known::Unknown, Status::Warn),
        (CheckId::UidvalidityStable, |m| m.uid_validity = Known::Is(UidValidity::Rematched), Status::Warn),
        (CheckId::UidvalidityStable, |m| m.uid_validity = Known::Is(UidValidity::Lost), Status::Fail),
        (CheckId::UidvalidityStable, |m| m.uid_validity = Known::NotApplicable, Status::Pass),
        (CheckId::DestQuota, |m| quota(m, 10, 10), Status::Pass),
        (CheckId::DestQuota, |m| quota(m, 9, 0), Status::Warn),
        (CheckId::DestQuota, |m| quota(m, 4, 0), Status::Fail),
        (CheckId::DestQuota, |m| quota(m, 10, 11), Status::Fail),
        (CheckId::DestQuota, |m| m.quota = Known::Unknown, Status::Warn),
        (
            CheckId::FolderMap,
            |m| m.folder_map = Known::Is(FolderMap { renamed: 1, merged: 0, collisions: 0 }),
            Status::Warn,
        ),
        (
            CheckId::FolderMap,
            |m| m.folder_map = Known::Is(FolderMap { renamed: 0, merged: 0, collisions: 1 }),
            Status::Fail,
        ),
        (CheckId::CredentialsValid, |m| logins(m, 24), Status::Pass),
        (CheckId::CredentialsValid, |m| logins(m, 25), Status::Warn),
        (CheckId::CredentialsValid, |m| logins(m, 73), Status::Fail),
        (CheckId::CredentialsValid, |m| logins(m, -1), Status::Fail),
        (CheckId::CredentialsValid, |m| m.logins.is_failing = true, Status::Fail),
        (CheckId::CredentialsValid, |m| m.logins.destination_ms = None, Status::Fail),
        (CheckId::Duplicates, |m| m.duplicates = Known::Is(10), Status::Pass),
        (CheckId::Duplicates, |m| m.duplicates = Known::Is(11), Status::Warn),
        (CheckId::Duplicates, |m| m.duplicates = Known::Is(101), Status::Fail),
        (CheckId::Duplicates, |m| m.duplicates = Known::Unknown, Status::Warn),
    ];
    for (row, (id, change, expected)) in table.into_iter().enumerate() {
        assert_eq!(status(id, change), expected, "row {row}: {}", id.as_str());
    }
}

#[test]
fn inventory_and_dns_are_asked_once_for_the_job() {
    let check = |change: fn(&mut JobInput), id: CheckId, expected: Status| {
        let mut job = good();
        change(&mut job);
        assert_eq!(evaluate(&job).check(id).unwrap().status, expected, "{}", id.as_str());
    };
    check(|job| job.coverage = Known::Unknown, CheckId::MailboxCoverage, Status::Warn);
    check(|job| job.coverage = Known::Is(Coverage { undecided: 1 }), CheckId::MailboxCoverage, Status::Fail);
    check(|job| job.files_waiting = 1, CheckId::MailboxCoverage, Status::Fail);
    check(|job| job.dns = Known::Unknown, CheckId::DnsReadiness, Status::Warn);
    let dns = |warnings, failures| Known::Is(Readiness { warnings, failures });
    let mut job = good();
    for (readiness, expected) in [(dns(1, 0), Status::Warn), (dns(1, 1), Status::Fail)] {
        job.dns = readiness;
        assert_eq!(evaluate(&job).check(CheckId::DnsReadiness).unwrap().status, expected);
    }
}

#[test]
fn all_checks_are_told_once_and_in_order() {
    let told = evaluate(&good());
    let ids: Vec<CheckId> = told.checks.iter().map(|check| check.id).collect();
    assert_eq!(ids, CheckId::ALL);
    let critical = CheckId::ALL.iter().filter(|id| id.is_critical()).count();
    assert_eq!(critical, 13);
    for id in CheckId::ALL {
        assert_eq!(CheckId::named(id.as_str()), Some(id));
    }
}

#[test]
fn failures_that_are_not_critical_need_an_approver_and_no_more() {
    let mut job = good();
    job.mailboxes[0].duplicates = Known::Is(5000);
    let told = evaluate(&job);
    assert_eq!((told.gate, told.warnings()), (Gate::Warning, vec![CheckId::Duplicates]));
    assert_eq!(evaluate(&approved(job)).gate, Gate::ReadyForDns);
}

#[test]
fn an_approval_is_refused_for_what_it_does_not_see() {
    let check = |job: &JobInput, change: fn(&mut ApprovalWish<'_>), expected: Result<(), Refused>| {
        let told = evaluate(job);
        let mut wish = ApprovalWish {
            snapshot_hash: &told.snapshot_hash,
            accepted: &[],
            has_prepared_it: false,
            is_four_eyes: true,
        };
        change(&mut wish);
        assert_eq!(approve(&told, &wish), expected);
    };
    let job = good();
    check(&job, |_| {}, Ok(()));
    check(&job, |wish| wish.snapshot_hash = "sha256:0", Err(Refused::Stale));
    check(&job, |wish| wish.has_prepared_it = true, Err(Refused::FourEyes));
    check(&job, |wish| (wish.has_prepared_it, wish.is_four_eyes) = (true, false), Ok(()));
    let mut warned = good();
    warned.dns = Known::Unknown;
    check(&warned, |_| {}, Err(Refused::NotAccepted(vec![CheckId::DnsReadiness])));
    check(&warned, |wish| wish.accepted = &[CheckId::FolderMap], {
        Err(Refused::NotAccepted(vec![CheckId::DnsReadiness]))
    });
    check(&warned, |wish| wish.accepted = &[CheckId::DnsReadiness], Ok(()));
    let mut blocked = good();
    blocked.mailboxes[0].delta = None;
    check(&blocked, |_| {}, Err(Refused::Blocked(vec![CheckId::DeltaPending])));
}

#[test]
fn an_approval_holds_until_what_it_was_given_for_changes() {
    let check = |change: fn(&mut JobInput), expected: Standing| {
        let mut job = approved(job(vec![
            mailbox(1, counts(10_000, 10_000, 0, 0, 0)),
            mailbox(2, counts(100, 100, 0, 0, 0)),
        ]));
        change(&mut job);
        let told = evaluate(&job);
        assert_eq!(told.standing, expected);
        let is_open = told.gate == Gate::ReadyForDns;
        assert_eq!(is_open, expected == Standing::Valid, "{expected:?}");
    };
    let void = Standing::Void;
    check(|_| {}, Standing::Valid);
    check(|job| job.now_ms += 6 * HOUR_MILLIS - 1_000_000, Standing::Valid);
    check(|job| job.mailboxes[0].folders[2].counts = Some(counts(11_000, 11_000, 0, 0, 0)), Standing::Valid);
    check(|job| job.mailboxes[0].folders[2].counts = Some(counts(9_900, 9_900, 0, 0, 0)), Standing::Valid);
    check(
        |job| job.mailboxes[0].folders[2].counts = Some(counts(9_899, 9_899, 0, 0, 0)),
        void(Void::EligibleDropped),
    );
    check(|job| job.mailboxes[0].is_enabled = false, void(Void::EligibleDropped));
    check(|job| job.mailboxes.push(mailbox(3, Counts::default())), void(Void::MailboxAdded(3)));
    check(|job| job.folder_map_hash = "other".into(), void(Void::FolderMap));
    check(|job| job.dns_plan_hash = "plan".into(), void(Void::DnsPlan));
    check(|job| job.mailboxes[0].delta = None, void(Void::CheckFailed(CheckId::DeltaPending)));
    check(|job| job.mailboxes[0].duplicates = Known::Is(5000), void(Void::CheckFailed(CheckId::Duplicates)));
    check(|job| job.approval.as_mut().unwrap().at_ms = NOW - APPROVAL_MILLIS_MAX, Standing::Valid);
    check(|job| job.approval.as_mut().unwrap().at_ms = NOW - APPROVAL_MILLIS_MAX - 1, void(Void::Expired));
    check(|job| job.approval.as_mut().unwrap().at_ms = NOW + HOUR_MILLIS, void(Void::Expired));
    check(|job| job.approval.as_mut().unwrap().is_void = true, void(Void::Before));
    check(|job| job.approval.as_mut().unwrap().ruling = Ruling::Rejected, Standing::Rejected);
    check(|job| job.approval.as_mut().unwrap().ruling = Ruling::Revoked, Standing::Revoked);
}

#[test]
fn the_snapshot_is_canonical_and_knows_no_clock() {
    let mut job = good();
    job.mailboxes[0].folders.truncate(1);
    job.mailboxes[0].folders[0].path = "IN\"B\\O\nX\u{1}é".into();
    job.mailboxes[0].bytes = Known::Unknown;
    let text = snapshot::canonical(&job, &evaluate(&job).checks[..1]);
    let zero = r#"{"a":0,"e":0,"m":0,"pending":0,"q":0,"x":0}"#;
    let start = r#"{"checks":[{"id":"count_ratio","status":"pass"}],"dns_plan":"","folder_map":"map","#;
    let expected = String::from(start)
        + &alloc::format!(
            r#""mailboxes":[{{"bytes":null,"counts":{zero},"enabled":true,"folders":[{{"counts":{zero},"#
        )
        + r#""path":"IN\"B\\O\nX\u0001é","role":"inbox"}],"id":1,"scanned":true}],"schema":"malote.gate/1"}"#;
    assert_eq!(text, expected);

    for number in [0, 9, 10, 48_226, u64::MAX] {
        let mut job = good();
        job.mailboxes[0].id = number;
        let text = snapshot::canonical(&job, &[]);
        assert!(text.contains(&alloc::format!(r#""id":{number},"scanned""#)), "{number}");
    }

    let base = evaluate(&good()).snapshot_hash;
    assert!(base.starts_with("sha256:") && base.len() == 71, "{base}");
    let check = |change: fn(&mut JobInput), is_same: bool| {
        let mut job = good();
        change(&mut job);
        assert_eq!(evaluate(&job).snapshot_hash == base, is_same);
    };
    check(|job| job.now_ms += HOUR_MILLIS, true);
    check(|job| job.mailboxes[0].destination_messages = Some(7), true);
    check(|job| job.mailboxes[0].folders.reverse(), true);
    check(|job| *job = approved(job.clone()), true);
    check(|job| job.now_ms += 7 * HOUR_MILLIS, false);
    check(|job| job.mailboxes[0].folders[2].counts = Some(counts(10_001, 10_001, 0, 0, 0)), false);
    check(|job| job.folder_map_hash.clear(), false);
    check(|job| job.mailboxes.push(MailboxInput { id: 2, ..MailboxInput::default() }), false);
}

fn any_folder() -> impl Strategy<Value = FolderInput> {
    let roles = prop::sample::select(vec![FolderRole::Inbox, FolderRole::Sent, FolderRole::Other]);
    // Mostly counts that add up, or nothing would ever open.
    let balanced = (0_u64..300, 0_u64..4, 0_u64..4, 0_u64..4).prop_map(|(matched, pending, open, known)| {
        counts(matched + pending + open + known, matched, pending, open, known)
    });
    let wild = (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(e, m, p)| counts(e, m, p, 0, 0));
    let own = prop_oneof![
        6 => balanced.prop_map(Some),
        6 => (0_u64..300).prop_map(|all| Some(counts(all, all, 0, 0, 0))),
        1 => wild.prop_map(Some),
        1 => Just(None),
    ];
    (roles, own).prop_map(|(role, counts)| FolderInput { path: "a".into(), role, counts })
}

proptest! {
    #[test]
    fn an_open_gate_misses_nothing_unacknowledged_beyond_what_a_fresh_delta_may_leave(
        boxes in prop::collection::vec((prop::collection::vec(any_folder(), 0..4), any::<bool>()), 0..4),
        hours in 0_i64..30,
    ) {
        let mailboxes = boxes.into_iter().zip(1..).map(|((folders, is_enabled), id)| MailboxInput {
            folders,
            is_enabled,
            has_inbox_by_nature: false,
            delta: Some(Delta { end: DeltaEnd::Success, finished_ms: NOW - hours * HOUR_MILLIS, pending: 0 }),
            ..mailbox(id, Counts::default())
        });
        let job = approved(job(mailboxes.collect()));
        let told = evaluate(&job);
        prop_assert_eq!(told.gate.is_dns_allowed(), told.gate == Gate::ReadyForDns);
        if told.gate == Gate::ReadyForDns {
            prop_assert!(hours <= 24);
            prop_assert!(!told.mailboxes.is_empty());
            for own in &told.mailboxes {
                let counts = own.counts.unwrap();
                prop_assert_eq!(counts.quarantine_open, 0);
                prop_assert!(counts.pending <= 20.max(counts.eligible / 1000));
                prop_assert!(counts.reaches(95));
            }
            prop_assert!(told.counts.unwrap().reaches(99));
        }
        if let Some(sums) = told.counts {
            prop_assert_eq!(told.percent_hundredths == 10_000, sums.matched == sums.eligible);
        }
    }
}
