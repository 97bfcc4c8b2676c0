//! The phases of a migration job and the edges between them, each with the guard that must hold.
//! Never moves a job: it says whether an edge may be taken, and what stands in the way.

use alloc::vec::Vec;

use crate::gate::Gate;

/// Where a job stands; the names are those of the data model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Written down, nothing asked yet.
    Discovered,
    /// Logins, space and folder maps are being looked at.
    Preflight,
    /// The first full copy.
    InitialSync,
    /// What has changed since, again and again.
    DeltaSync,
    /// The gate is open: DNS may be changed.
    CutoverReady,
    /// DNS points to the destination.
    DnsCutover,
    /// What still arrived at the source is brought over.
    FinalSync,
    /// Nothing is missing.
    Verified,
    /// Credentials and uploads are purged.
    Closed,
    /// Stopped for a reason that somebody has to look at.
    Failed,
}

impl Phase {
    /// Every phase, in the order of a job's life.
    pub const ALL: [Self; 10] = [
        Self::Discovered,
        Self::Preflight,
        Self::InitialSync,
        Self::DeltaSync,
        Self::CutoverReady,
        Self::DnsCutover,
        Self::FinalSync,
        Self::Verified,
        Self::Closed,
        Self::Failed,
    ];

    /// The name in the database and in every answer.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discovered => "discovered",
            Self::Preflight => "preflight",
            Self::InitialSync => "initial_sync",
            Self::DeltaSync => "delta_sync",
            Self::CutoverReady => "cutover_ready",
            Self::DnsCutover => "dns_cutover",
            Self::FinalSync => "final_sync",
            Self::Verified => "verified",
            Self::Closed => "closed",
            Self::Failed => "failed",
        }
    }

    /// The phase of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == name)
    }

    /// True while the domain's DNS has not been changed for this job.
    #[must_use]
    pub const fn is_before_cutover(self) -> bool {
        matches!(
            self,
            Self::Discovered | Self::Preflight | Self::InitialSync | Self::DeltaSync | Self::CutoverReady
        )
    }

    /// The phases that one edge leads to, guards left aside; `before` is the phase that a failed job was in.
    #[must_use]
    pub fn next(self, before: Option<Self>) -> Vec<Self> {
        Edge::ALL.into_iter().filter_map(|edge| edge.target(self, before)).collect()
    }
}

/// One way from a phase to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edge {
    /// `discovered` → `preflight`.
    BeginPreflight,
    /// `preflight` → `initial_sync`.
    BeginInitial,
    /// `initial_sync` → `delta_sync`.
    BeginDelta,
    /// `delta_sync` → `cutover_ready`.
    OpenGate,
    /// `cutover_ready` → `delta_sync`.
    LoseGate,
    /// `cutover_ready` → `dns_cutover`.
    CutOver,
    /// `dns_cutover` → `final_sync`.
    BeginFinal,
    /// `final_sync` → `verified`.
    Verify,
    /// `verified` → `closed`.
    Close,
    /// Any phase but `closed` and `failed` → `failed`. A closed job has nothing left that could be tried again.
    Fail,
    /// `failed` → the phase before it.
    Retry,
}

impl Edge {
    /// Every edge.
    pub const ALL: [Self; 11] = [
        Self::BeginPreflight,
        Self::BeginInitial,
        Self::BeginDelta,
        Self::OpenGate,
        Self::LoseGate,
        Self::CutOver,
        Self::BeginFinal,
        Self::Verify,
        Self::Close,
        Self::Fail,
        Self::Retry,
    ];

    /// Where the edge leads from this phase; nothing where it does not begin there.
    #[must_use]
    pub fn target(self, from: Phase, before: Option<Phase>) -> Option<Phase> {
        match (self, from) {
            (Self::BeginPreflight, Phase::Discovered) => Some(Phase::Preflight),
            (Self::BeginInitial, Phase::Preflight) => Some(Phase::InitialSync),
            (Self::BeginDelta, Phase::InitialSync) | (Self::LoseGate, Phase::CutoverReady) => {
                Some(Phase::DeltaSync)
            }
            (Self::OpenGate, Phase::DeltaSync) => Some(Phase::CutoverReady),
            (Self::CutOver, Phase::CutoverReady) => Some(Phase::DnsCutover),
            (Self::BeginFinal, Phase::DnsCutover) => Some(Phase::FinalSync),
            (Self::Verify, Phase::FinalSync) => Some(Phase::Verified),
            (Self::Close, Phase::Verified) => Some(Phase::Closed),
            (Self::Fail, Phase::Closed | Phase::Failed) => None,
            (Self::Fail, _) => Some(Phase::Failed),
            // A history that names `failed` or `closed` as the phase before is broken, and leads nowhere.
            (Self::Retry, Phase::Failed) => {
                before.filter(|phase| !matches!(phase, Phase::Failed | Phase::Closed))
            }
            _ => None,
        }
    }
}

/// What the guards ask about a job. What is not known is left at its default, which no guard takes for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// Mailboxes that are to be moved.
    pub mailboxes_enabled: u64,
    /// Of these, with both logins proven or waived with a reason.
    pub mailboxes_with_logins: u64,
    /// Of these, with a destination that holds the source and a tenth more, or waived.
    pub mailboxes_with_space: u64,
    /// Folder maps with a clash that nobody has decided.
    pub folder_conflicts: u64,
    /// Mailboxes whose initial run ended with `success` or `partial`.
    pub mailboxes_copied: u64,
    /// The gate, evaluated in the transaction that takes the edge.
    pub gate: Option<Gate>,
    /// The approver of the gate is known.
    pub has_approver: bool,
    /// Somebody typed the domain's name.
    pub is_confirmed: bool,
    /// The largest TTL seen in the 48 hours before the change has run out.
    pub is_old_ttl_over: bool,
    /// Enough resolvers give the new MX, or an operator said so.
    pub is_change_seen: bool,
    /// Mailboxes whose last final run had nothing to copy.
    pub mailboxes_finished: u64,
    /// The verifying run passed.
    pub is_verified: bool,
    /// No straggler is awaited any more, or the wait was waived with a reason.
    pub is_straggler_window_over: bool,
    /// A reason was given.
    pub has_reason: bool,
    /// A person asks, and no timer.
    pub is_asked_by_a_person: bool,
    /// The phase that a failed job was in.
    pub before: Option<Phase>,
}

/// What keeps an edge from being taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmet {
    /// No mailbox is enabled.
    NoMailbox,
    /// Logins are not proven.
    Logins,
    /// The destination's space is not known to suffice.
    Space,
    /// Folder maps clash.
    FolderConflicts,
    /// Not every mailbox was copied once.
    InitialRuns,
    /// The gate is not `ready_for_dns`.
    Gate,
    /// The gate still is `ready_for_dns`.
    GateStillOpen,
    /// Nobody approved.
    Approver,
    /// The domain's name was not typed.
    Confirmation,
    /// The old TTL still runs.
    OldTtl,
    /// The new MX is not seen yet.
    ChangeNotSeen,
    /// A final run still had something to copy.
    FinalRuns,
    /// The verifying run did not pass.
    Verification,
    /// Mail may still arrive at the old server.
    StragglerWindow,
    /// No reason was given.
    Reason,
    /// Only a person may do this.
    Person,
}

impl Unmet {
    /// The name in an answer.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoMailbox => "no_mailbox",
            Self::Logins => "logins_not_proven",
            Self::Space => "destination_space_not_known",
            Self::FolderConflicts => "folder_conflicts",
            Self::InitialRuns => "initial_runs_not_finished",
            Self::Gate => "gate_not_ready",
            Self::GateStillOpen => "gate_still_open",
            Self::Approver => "no_approver",
            Self::Confirmation => "confirmation_missing",
            Self::OldTtl => "old_ttl_not_over",
            Self::ChangeNotSeen => "change_not_seen",
            Self::FinalRuns => "final_runs_not_finished",
            Self::Verification => "not_verified",
            Self::StragglerWindow => "straggler_window_open",
            Self::Reason => "reason_missing",
            Self::Person => "operator_needed",
        }
    }
}

/// Why an edge is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The edge does not begin at the job's phase.
    Conflict {
        /// The phases that some edge leads to.
        legal: Vec<Phase>,
    },
    /// The edge is there; its guard does not hold.
    Unmet(Vec<Unmet>),
}

/// Decides whether a job may take an edge, and gives the phase it comes to.
///
/// # Errors
/// Where no such edge begins at this phase, or its guard does not hold; every unmet condition is named.
pub fn decide(from: Phase, edge: Edge, facts: &Facts) -> Result<Phase, Refusal> {
    let Some(target) = edge.target(from, facts.before) else {
        return Err(Refusal::Conflict { legal: from.next(facts.before) });
    };
    let unmet: Vec<Unmet> =
        guards(edge, facts).into_iter().filter_map(|(holds, unmet)| (!holds).then_some(unmet)).collect();
    if unmet.is_empty() { Ok(target) } else { Err(Refusal::Unmet(unmet)) }
}

/// The conditions of an edge, each with whether it holds.
fn guards(edge: Edge, facts: &Facts) -> Vec<(bool, Unmet)> {
    let all = facts.mailboxes_enabled;
    let has_mailbox = (all > 0, Unmet::NoMailbox);
    let is_open = facts.gate == Some(Gate::ReadyForDns);
    match edge {
        Edge::BeginPreflight => [has_mailbox].into(),
        Edge::BeginInitial => [
            has_mailbox,
            (facts.mailboxes_with_logins >= all, Unmet::Logins),
            (facts.mailboxes_with_space >= all, Unmet::Space),
            (facts.folder_conflicts == 0, Unmet::FolderConflicts),
        ]
        .into(),
        Edge::BeginDelta => [has_mailbox, (facts.mailboxes_copied >= all, Unmet::InitialRuns)].into(),
        Edge::OpenGate => [(is_open, Unmet::Gate)].into(),
        // An unknown gate is not open: the job falls back.
        Edge::LoseGate => [(!is_open, Unmet::GateStillOpen)].into(),
        Edge::CutOver => [
            (is_open, Unmet::Gate),
            (facts.has_approver, Unmet::Approver),
            (facts.is_confirmed, Unmet::Confirmation),
        ]
        .into(),
        Edge::BeginFinal => {
            [(facts.is_old_ttl_over, Unmet::OldTtl), (facts.is_change_seen, Unmet::ChangeNotSeen)].into()
        }
        Edge::Verify => [
            has_mailbox,
            (facts.mailboxes_finished >= all, Unmet::FinalRuns),
            (facts.is_verified, Unmet::Verification),
        ]
        .into(),
        Edge::Close => [
            (facts.is_asked_by_a_person, Unmet::Person),
            (facts.is_straggler_window_over, Unmet::StragglerWindow),
        ]
        .into(),
        Edge::Fail => [(facts.has_reason, Unmet::Reason)].into(),
        Edge::Retry => [(facts.is_asked_by_a_person, Unmet::Person)].into(),
    }
}

/// True when a destination with so many octets free holds a source of so many, and a tenth more.
#[must_use]
pub const fn holds_with_a_tenth_more(free_bytes: u64, source_bytes: u64) -> bool {
    free_bytes as u128 * 10 >= source_bytes as u128 * 11
}

#[cfg(test)]
mod tests;
