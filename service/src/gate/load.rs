//! From rows to what plan's gate takes.
//! Never fills a gap with something that looks good.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use malote_plan::failure::Class;
use malote_plan::gate::{
    Approval, Bytes, CheckId, Counts, Coverage, Delta, DeltaEnd, FolderInput, FolderMap, FolderRole,
    JobInput, Known, Logins, MailboxInput, Quota, Ruling, Sample, UidValidity,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::GateError;
use crate::jobs::InForce;
use crate::store::gate_sets::{GateFolder, GateMailbox};
use crate::store::gates::{DecisionRow, GateJob};
use crate::store::measures::MeasuresRow;
use crate::store::words::SourceType;
use crate::store::{Transaction, milliseconds};
use crate::vault::key::hex;

/// How many items of a folder were acknowledged, by mailbox and folder.
type Acknowledged<'a> = HashMap<(i64, &'a str), u64>;

/// Everything about a job that counts.
pub(super) async fn input(
    transaction: &mut Transaction,
    job_id: i64,
    job: &GateJob,
    decision: Option<&DecisionRow>,
    now_ms: i64,
) -> Result<JobInput, GateError> {
    let sets = transaction.gate_sets(job_id).await?;
    let items = transaction.gate_items(job_id).await?;
    let (runs_active, crashed) = transaction.gate_runs(job_id).await?;
    let undecided = transaction.undecided(job_id).await?;
    let (rows, folders, measures) = (sets.mailboxes()?, sets.folders()?, sets.measures()?);
    let measured: BTreeMap<i64, &MeasuresRow> = measures.iter().map(|row| (row.mailbox_id, row)).collect();
    let acknowledged: Acknowledged<'_> = items
        .iter()
        .filter(|item| item.status == "acknowledged")
        .map(|item| ((item.mailbox_id, item.folder_path.as_str()), item.count))
        .collect();
    let mut own: HashMap<i64, Vec<&GateFolder<'_>>> = HashMap::with_capacity(rows.len());
    for folder in &folders {
        own.entry(folder.mailbox_id).or_default().push(folder);
    }
    let of = |row: &GateMailbox<'_>| own.get(&row.id).map_or(&[][..], Vec::as_slice);
    let is_whole = rows.iter().filter(|row| row.enabled && row.has_scan).all(|row| agrees(row, of(row)));
    let told: Vec<Value> = rows.iter().map(|row| map_of(row, of(row))).collect();
    let map = serde_json::json!([job.options_json, told]).to_string();
    let mut in_force = InForce::new(&job.options_json);
    Ok(JobInput {
        now_ms,
        mailboxes: rows
            .iter()
            .map(|row| {
                let selection = in_force.of(row);
                mailbox(row, of(row), &acknowledged, (measured.get(&row.id).copied(), &selection))
            })
            .collect(),
        coverage: undecided.map_or(Known::Unknown, |undecided| Known::Is(Coverage { undecided })),
        files_waiting: transaction.files_waiting(job_id).await?,
        // Nothing here asks DNS: a person has to accept that nobody did.
        dns: Known::Unknown,
        runs_active,
        is_ledger_whole: Known::Is(is_whole),
        has_crashed_since_scan: crashed > 0,
        folder_map_hash: format!("sha256:{}", hex(&Sha256::digest(map.as_bytes()))),
        dns_plan_hash: job.dns_plan_hash.clone(),
        approval: decision.map(approval),
    })
}

/// What a mailbox's row says of its sums is what its folders' rows come to: both were written from the ledger.
fn agrees(row: &GateMailbox<'_>, folders: &[&GateFolder<'_>]) -> bool {
    let sum = |of: fn(&GateFolder<'_>) -> u64| folders.iter().map(|folder| of(folder)).sum::<u64>();
    let missing = row.messages_pending + row.messages_quarantined + row.messages_acknowledged;
    row.messages_source == sum(|folder| folder.messages_source)
        && row.messages_matched == sum(|folder| folder.messages_matched)
        && row.messages_pending == sum(|folder| folder.messages_pending)
        && missing == sum(|folder| folder.messages_pending + folder.messages_quarantined)
}

/// What the operator chose, and what it made of names: a new folder that keeps its name changes nothing.
fn map_of(row: &GateMailbox<'_>, folders: &[&GateFolder<'_>]) -> Value {
    let mut renamed: Vec<(&str, &str)> = folders
        .iter()
        .filter(|folder| folder.is_renamed())
        .map(|folder| (&*folder.source_path, &*folder.dest_path))
        .collect();
    renamed.sort_unstable();
    serde_json::json!([
        row.id,
        row.folder_map_json,
        row.options_json,
        row.dest_endpoint_id,
        row.dest_host,
        row.dest_user,
        renamed
    ])
}

fn mailbox(
    row: &GateMailbox<'_>,
    folders: &[&GateFolder<'_>],
    acknowledged: &Acknowledged<'_>,
    (measured, selection): (Option<&MeasuresRow>, &str),
) -> MailboxInput {
    let is_outdated = is_outdated(row, selection);
    // A destination's room depends on no selection; all else was measured of messages that are chosen otherwise now.
    let chosen = measured.filter(|_| !is_outdated);
    let is_archive = SourceType::parse(&row.source_type).is_ok_and(SourceType::is_archive);
    let has_sent_folder = folders.iter().any(|folder| folder.role == "sent");
    let is_like_sent = |folder: &&&GateFolder<'_>| {
        let name = folder.source_path.to_lowercase();
        folder.messages_source > 0 && (name.contains("sent") || name.contains("enviad"))
    };
    MailboxInput {
        id: row.id.unsigned_abs(),
        is_enabled: row.enabled,
        is_scanned: row.has_scan,
        is_outdated,
        has_inbox_by_nature: !is_archive,
        has_sent_by_other_signs: !has_sent_folder && folders.iter().any(|folder| is_like_sent(&folder)),
        has_destination: !row.dest_host.is_empty()
            || !row.dest_imap_host.is_empty()
            || !row.dest_endpoint_id.is_empty(),
        folders: folders.iter().map(|folder| of_folder(folder, acknowledged)).collect(),
        destination_messages: Some(row.messages_dest),
        delta: delta(row),
        uid_validity: if is_archive { Known::NotApplicable } else { generations(folders) },
        folder_map: folder_map(row, folders),
        sample: known(chosen, |of| &of.sampled_at, sample),
        bytes: known(chosen, |of| &of.bytes_at, bytes),
        duplicates: known(chosen, |of| &of.duplicates_at, |of| of.duplicates),
        quota: quota(row, measured),
        logins: Logins {
            source_ms: milliseconds(&row.source_login_ok_at),
            destination_ms: milliseconds(&row.dest_login_ok_at),
            is_failing: row.error_class.starts_with("auth."),
        },
    }
}

/// What is known of a mailbox was counted or copied under another selection than the one in force, also where the run
/// that did it began before the change and ended after it.
fn is_outdated(row: &GateMailbox<'_>, selection: &str) -> bool {
    let is_other = |known: &str| known.is_empty() || known != selection;
    (row.has_scan && is_other(&row.counted_selection))
        || (!row.last_delta_at.is_empty() && is_other(&row.delta_selection))
}

/// A measure that has a time; without one nobody took it.
fn known<T>(
    row: Option<&MeasuresRow>,
    at: impl Fn(&MeasuresRow) -> &String,
    value: impl Fn(&MeasuresRow) -> T,
) -> Known<T> {
    row.filter(|row| !at(row).is_empty()).map_or(Known::Unknown, |row| Known::Is(value(row)))
}

fn sample(row: &MeasuresRow) -> Sample {
    Sample { compared: row.sample_compared, rewritten: row.sample_rewritten, different: row.sample_different }
}

fn bytes(row: &MeasuresRow) -> Bytes {
    Bytes { source: row.bytes_source, destination: row.bytes_dest }
}

/// The destination's room as its server told it after the last run. One that refused a message for want of room is
/// full, whatever it says or does not say.
fn quota(row: &GateMailbox<'_>, measured: Option<&MeasuresRow>) -> Known<Quota> {
    let is_over = row.error_class == Class::OverQuota.as_str();
    let pending = pending_octets(row, measured);
    match measured.map(|row| (row.quota_kind.as_str(), row)) {
        Some(("limited", told)) => Known::Is(Quota {
            limit: told.quota_limit,
            free: told.quota_limit.saturating_sub(told.quota_used),
            pending,
            is_over,
        }),
        _ if is_over => Known::Is(Quota { limit: 0, free: 0, pending, is_over }),
        Some(("endless", _)) => Known::NotApplicable,
        _ => Known::Unknown,
    }
}

/// What is still to be copied, in octets: as large as the mean of what is known, because sizes of messages that were
/// never read are not kept.
fn pending_octets(row: &GateMailbox<'_>, measured: Option<&MeasuresRow>) -> u64 {
    let told = measured.filter(|of| !of.bytes_at.is_empty()).map_or(0, |of| of.bytes_source);
    let octets = u128::from(told.max(row.bytes_source));
    let all = u128::from(row.messages_source.max(1));
    let pending = (u128::from(row.messages_pending) * octets).div_ceil(all);
    u64::try_from(pending).unwrap_or(u64::MAX)
}

/// What became of the source's generations since the first copy. A folder that changed was matched again where
/// nothing of it is pending.
fn generations(folders: &[&GateFolder<'_>]) -> Known<UidValidity> {
    if folders.is_empty() || folders.iter().any(|folder| folder.is_of_unknown_generation()) {
        return Known::Unknown;
    }
    let mut changed = folders.iter().filter(|folder| folder.has_another_generation()).peekable();
    Known::Is(if changed.peek().is_none() {
        UidValidity::Stable
    } else if changed.all(|folder| folder.messages_pending == 0 && folder.is_scanned()) {
        UidValidity::Rematched
    } else {
        UidValidity::Lost
    })
}

/// How names came over. Folders that share a place are counted each by its own messages, so that none is lost in
/// another; a folder without a place, or a run that waits for somebody to decide between names, is a clash.
fn folder_map(row: &GateMailbox<'_>, folders: &[&GateFolder<'_>]) -> Known<FolderMap> {
    let is_undecided = row.error_class == Class::DecisionNeeded.as_str();
    if folders.is_empty() && !is_undecided {
        return Known::Unknown;
    }
    let unplaced = folders.iter().filter(|folder| folder.dest_path.is_empty()).count();
    let places: BTreeSet<&str> = folders.iter().map(|folder| &*folder.dest_path).collect();
    let placed: BTreeSet<&str> = places.into_iter().filter(|place| !place.is_empty()).collect();
    Known::Is(FolderMap {
        renamed: folders.iter().filter(|folder| folder.is_renamed()).count() as u64,
        merged: (folders.len() - unplaced - placed.len()) as u64,
        collisions: unplaced as u64 + u64::from(is_undecided),
    })
}

/// A folder's counts, with what people acknowledged since the scan moved from open to acknowledged.
fn of_folder(folder: &GateFolder<'_>, acknowledged: &Acknowledged<'_>) -> FolderInput {
    let role = match &*folder.role {
        "inbox" => FolderRole::Inbox,
        "sent" => FolderRole::Sent,
        _ => FolderRole::Other,
    };
    let acknowledged = acknowledged.get(&(folder.mailbox_id, &*folder.source_path)).copied().unwrap_or(0);
    // Never more acknowledged than there are: a word about a message that is gone settles nothing.
    let counts = folder.is_scanned().then(|| {
        let acknowledged = acknowledged.min(folder.messages_quarantined);
        Counts {
            eligible: folder.messages_source,
            matched: folder.messages_matched,
            pending: folder.messages_pending,
            quarantine_open: folder.messages_quarantined - acknowledged,
            quarantine_acknowledged: acknowledged,
        }
    });
    FolderInput { path: folder.source_path.clone().into_owned(), role, counts }
}

fn delta(row: &GateMailbox<'_>) -> Option<Delta> {
    let finished_ms = milliseconds(&row.last_delta_at)?;
    let is_parked = row.error_class == "throttle.daily";
    let end = match &*row.last_delta_status {
        "success" => DeltaEnd::Success,
        "partial" => DeltaEnd::Partial,
        _ if is_parked => DeltaEnd::Parked,
        _ => DeltaEnd::Failed,
    };
    Some(Delta { end, finished_ms, pending: row.messages_pending })
}

/// What of a snapshot an approval is held against. Its folders are passed over: there are ten thousand.
#[derive(Deserialize, Serialize, Default)]
struct Approved {
    mailboxes: Vec<ApprovedMailbox>,
    checks: Vec<ApprovedCheck>,
    folder_map: String,
    dns_plan: String,
}

#[derive(Deserialize, Serialize)]
struct ApprovedMailbox {
    id: u64,
    enabled: bool,
    counts: Option<ApprovedCounts>,
}

#[derive(Deserialize, Serialize)]
struct ApprovedCounts {
    e: u64,
}

#[derive(Deserialize, Serialize)]
struct ApprovedCheck {
    id: String,
    status: String,
}

/// The part of a snapshot that a decision is held against later, as JSON of the same names; empty, so that the snapshot
/// itself is asked, for one that cannot be read.
pub(super) fn held_against(snapshot_json: &str) -> String {
    let seen: Option<Approved> = serde_json::from_str(snapshot_json).ok();
    seen.and_then(|seen| serde_json::to_string(&seen).ok()).unwrap_or_default()
}

/// What an approver saw. What cannot be read holds nothing: it is void.
fn approval(row: &DecisionRow) -> Approval {
    let seen: Option<Approved> = serde_json::from_str(&row.seen_json).ok();
    let is_unreadable = seen.is_none();
    let Approved { mailboxes, checks, folder_map, dns_plan } = seen.unwrap_or_default();
    let eligible = |one: &ApprovedMailbox| one.counts.as_ref().map_or(0, |counts| counts.e);
    Approval {
        ruling: match row.decision.as_str() {
            "approved" => Ruling::Approved,
            "rejected" => Ruling::Rejected,
            _ => Ruling::Revoked,
        },
        at_ms: milliseconds(&row.created_at).unwrap_or(0),
        is_void: row.is_void || is_unreadable,
        mailboxes: mailboxes.iter().filter(|one| one.enabled).map(|one| (one.id, eligible(one))).collect(),
        failing: checks
            .iter()
            .filter(|check| check.status == "fail")
            .filter_map(|check| CheckId::named(&check.id))
            .collect(),
        folder_map_hash: folder_map,
        dns_plan_hash: dns_plan,
    }
}
