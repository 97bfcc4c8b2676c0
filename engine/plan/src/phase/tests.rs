//! The table of edges, held against random walks and against every condition alone.
//! Never a job: only what may follow what.

use alloc::vec;

use proptest::prelude::*;

use super::*;

/// Every pair of phases that the specification joins; `failed` leads back to the phase before, here each in turn.
const LEGAL: [(Phase, Phase); 17] = [
    (Phase::Discovered, Phase::Preflight),
    (Phase::Preflight, Phase::InitialSync),
    (Phase::InitialSync, Phase::DeltaSync),
    (Phase::DeltaSync, Phase::CutoverReady),
    (Phase::CutoverReady, Phase::DeltaSync),
    (Phase::CutoverReady, Phase::DnsCutover),
    (Phase::DnsCutover, Phase::FinalSync),
    (Phase::FinalSync, Phase::Verified),
    (Phase::Verified, Phase::Closed),
    (Phase::Discovered, Phase::Failed),
    (Phase::Preflight, Phase::Failed),
    (Phase::InitialSync, Phase::Failed),
    (Phase::DeltaSync, Phase::Failed),
    (Phase::CutoverReady, Phase::Failed),
    (Phase::DnsCutover, Phase::Failed),
    (Phase::FinalSync, Phase::Failed),
    (Phase::Verified, Phase::Failed),
];

fn good() -> Facts {
    Facts {
        mailboxes_enabled: 2,
        mailboxes_with_logins: 2,
        mailboxes_with_space: 2,
        folder_conflicts: 0,
        mailboxes_copied: 2,
        gate: Some(Gate::ReadyForDns),
        has_approver: true,
        is_confirmed: true,
        is_old_ttl_over: true,
        is_change_seen: true,
        mailboxes_finished: 2,
        is_verified: true,
        is_straggler_window_over: true,
        has_reason: true,
        is_asked_by_a_person: true,
        before: None,
    }
}

#[test]
fn exactly_the_named_edges_exist() {
    for from in Phase::ALL {
        for to in Phase::ALL {
            let is_legal = LEGAL.contains(&(from, to));
            assert_eq!(from.next(None).contains(&to), is_legal, "{from:?} to {to:?}");
        }
        assert_eq!(Phase::named(from.as_str()), Some(from));
    }
    assert_eq!(Phase::named("Discovered"), None);
    assert_eq!(Phase::Closed.next(Some(Phase::DeltaSync)), vec![]);
}

#[test]
fn a_failed_job_goes_back_to_where_it_was_and_nowhere_else() {
    for before in Phase::ALL {
        let facts = Facts { before: Some(before), ..good() };
        let can_return = !matches!(before, Phase::Failed | Phase::Closed);
        assert_eq!(
            decide(Phase::Failed, Edge::Retry, &facts).ok(),
            can_return.then_some(before),
            "{before:?}"
        );
    }
    let unknown = decide(Phase::Failed, Edge::Retry, &good());
    assert_eq!(unknown, Err(Refusal::Conflict { legal: vec![] }));
}

#[test]
fn each_condition_alone_keeps_the_edge_shut_and_is_named() {
    let check = |from, edge, facts: Facts, unmet| {
        assert_eq!(decide(from, edge, &facts), Err(Refusal::Unmet(vec![unmet])), "{edge:?}");
    };
    let of = good();
    check(Phase::Discovered, Edge::BeginPreflight, Facts::default(), Unmet::NoMailbox);
    check(Phase::Preflight, Edge::BeginInitial, Facts { mailboxes_with_logins: 1, ..of }, Unmet::Logins);
    check(Phase::Preflight, Edge::BeginInitial, Facts { mailboxes_with_space: 1, ..of }, Unmet::Space);
    check(Phase::Preflight, Edge::BeginInitial, Facts { folder_conflicts: 1, ..of }, Unmet::FolderConflicts);
    check(Phase::InitialSync, Edge::BeginDelta, Facts { mailboxes_copied: 1, ..of }, Unmet::InitialRuns);
    check(Phase::DeltaSync, Edge::OpenGate, Facts { gate: None, ..of }, Unmet::Gate);
    check(Phase::DeltaSync, Edge::OpenGate, Facts { gate: Some(Gate::Warning), ..of }, Unmet::Gate);
    check(Phase::CutoverReady, Edge::LoseGate, of, Unmet::GateStillOpen);
    check(Phase::CutoverReady, Edge::CutOver, Facts { gate: Some(Gate::Warning), ..of }, Unmet::Gate);
    check(Phase::CutoverReady, Edge::CutOver, Facts { has_approver: false, ..of }, Unmet::Approver);
    check(Phase::CutoverReady, Edge::CutOver, Facts { is_confirmed: false, ..of }, Unmet::Confirmation);
    check(Phase::DnsCutover, Edge::BeginFinal, Facts { is_old_ttl_over: false, ..of }, Unmet::OldTtl);
    check(Phase::DnsCutover, Edge::BeginFinal, Facts { is_change_seen: false, ..of }, Unmet::ChangeNotSeen);
    check(Phase::FinalSync, Edge::Verify, Facts { mailboxes_finished: 1, ..of }, Unmet::FinalRuns);
    check(Phase::FinalSync, Edge::Verify, Facts { is_verified: false, ..of }, Unmet::Verification);
    let straggling = Facts { is_straggler_window_over: false, ..of };
    check(Phase::Verified, Edge::Close, straggling, Unmet::StragglerWindow);
    check(Phase::Verified, Edge::Close, Facts { is_asked_by_a_person: false, ..of }, Unmet::Person);
    check(Phase::DeltaSync, Edge::Fail, Facts { has_reason: false, ..of }, Unmet::Reason);
    let alone = Facts { is_asked_by_a_person: false, before: Some(Phase::Preflight), ..of };
    check(Phase::Failed, Edge::Retry, alone, Unmet::Person);
}

#[test]
fn a_lost_gate_takes_the_job_back() {
    for gate in [None, Some(Gate::Blocked), Some(Gate::Warning)] {
        let facts = Facts { gate, ..good() };
        assert_eq!(decide(Phase::CutoverReady, Edge::LoseGate, &facts), Ok(Phase::DeltaSync));
    }
}

#[test]
fn space_is_compared_without_rounding_and_without_overflow() {
    for (free, source, expected) in
        [(110, 100, true), (109, 100, false), (0, 0, true), (u64::MAX, u64::MAX, false)]
    {
        assert_eq!(holds_with_a_tenth_more(free, source), expected, "{free} for {source}");
    }
}

fn facts() -> impl Strategy<Value = Facts> {
    let gates = prop::option::of(prop::sample::select(vec![Gate::Blocked, Gate::Warning, Gate::ReadyForDns]));
    let counts = prop::array::uniform6(0_u64..3);
    let words = prop::array::uniform8(any::<bool>());
    (gates, counts, words).prop_map(|(gate, counts, words)| Facts {
        mailboxes_enabled: counts[0],
        mailboxes_with_logins: counts[1],
        mailboxes_with_space: counts[2],
        folder_conflicts: counts[3],
        mailboxes_copied: counts[4],
        mailboxes_finished: counts[5],
        gate,
        has_approver: words[0],
        is_confirmed: words[1],
        is_old_ttl_over: words[2],
        is_change_seen: words[3],
        is_verified: words[4],
        is_straggler_window_over: words[5],
        has_reason: words[6],
        is_asked_by_a_person: words[7],
        before: None,
    })
}

proptest! {
    #[test]
    fn no_walk_leaves_the_table_or_reaches_dns_past_a_shut_gate(
        steps in prop::collection::vec((prop::sample::select(Edge::ALL.to_vec()), facts()), 0..60)
    ) {
        let (mut phase, mut before) = (Phase::Discovered, None);
        for (edge, facts) in steps {
            let facts = Facts { before, ..facts };
            match decide(phase, edge, &facts) {
                Ok(next) => {
                    let is_return = phase == Phase::Failed && Some(next) == before;
                    prop_assert!(is_return || LEGAL.contains(&(phase, next)), "{phase:?} to {next:?}");
                    if next == Phase::DnsCutover && !is_return {
                        prop_assert_eq!(facts.gate, Some(Gate::ReadyForDns));
                        prop_assert!(facts.has_approver && facts.is_confirmed);
                    }
                    if next == Phase::Failed {
                        before = Some(phase);
                    }
                    phase = next;
                }
                Err(Refusal::Conflict { legal }) => prop_assert_eq!(legal, phase.next(before)),
                Err(Refusal::Unmet(unmet)) => prop_assert!(!unmet.is_empty()),
            }
        }
    }
}
