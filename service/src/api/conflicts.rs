//! Where open jobs are in each other's way: `/system/jobs-conflicts`.
//! Never tells of a job that the caller may not see, and never settles a conflict.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Result;
use super::body::Asked;
use super::caller::Caller;
use super::list::{Listed, Short, Shown};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::conflicts::FedRow;

/// Mailboxes and runs of each kind that are told at most.
const ROWS_MAX: i64 = 5_000;

/// A mailbox that is part of a conflict.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "each field is the column of its name in the data model")]
pub struct ConflictBox {
    pub mailbox_id: i64,
    pub job_id: i64,
    pub tenant_id: i64,
    pub domain: String,
    pub phase: String,
    pub email: String,
    pub source_type: String,
}

/// A run that is part of a conflict.
#[derive(Serialize, ToSchema)]
pub struct ConflictRun {
    /// Its number.
    pub run_id: i64,
    /// Its job.
    pub job_id: i64,
    /// `waits`, or `works`: the one that is waited for.
    pub part: &'static str,
}

/// Where jobs are in each other's way.
#[derive(Serialize, ToSchema)]
pub struct ConflictView {
    /// Of its own: the kind and what is shared.
    id: String,
    /// `address`: one address is in several open jobs. `destination`: several addresses, or one of several jobs, are
    /// copied into one mailbox. `waiting`: a run waits until another one leaves its destination.
    kind: &'static str,
    /// The address, or the destination's place and name.
    shared: String,
    /// A sentence.
    message: String,
    /// The mailboxes.
    mailboxes: Vec<ConflictBox>,
    /// The runs.
    runs: Vec<ConflictRun>,
}

/// Rows of one thing in common, as they come one after the other, are one conflict.
fn grouped(rows: Vec<FedRow>, kind: &'static str) -> Vec<ConflictView> {
    let mut all: Vec<ConflictView> = Vec::new();
    for row in rows {
        let own = ConflictBox {
            mailbox_id: row.mailbox_id,
            job_id: row.job_id,
            tenant_id: row.tenant_id,
            domain: row.domain,
            phase: row.phase,
            email: row.email,
            source_type: row.source_type,
        };
        match all.last_mut().filter(|last| last.shared == row.common) {
            Some(last) => last.mailboxes.push(own),
            None => all.push(ConflictView {
                id: format!("{kind}:{}", row.common),
                kind,
                shared: row.common,
                message: String::new(),
                mailboxes: vec![own],
                runs: Vec::new(),
            }),
        }
    }
    for one in &mut all {
        let mut jobs: Vec<i64> = one.mailboxes.iter().map(|own| own.job_id).collect();
        jobs.sort_unstable();
        jobs.dedup();
        let boxes = one.mailboxes.len();
        let jobs: Vec<String> = jobs.iter().map(ToString::to_string).collect();
        let jobs = jobs.join(", ");
        one.message = match kind {
            "address" => {
                format!("{} is in jobs {jobs}: each copies it, and counts it for its own gate", one.shared)
            }
            _ => format!("{boxes} mailboxes of jobs {jobs} are copied into {}", one.shared),
        };
    }
    all
}

/// `GET /system/jobs-conflicts`: addresses in several open jobs, destinations that several feed, runs that wait for one
/// another. Of each kind some thousand at most.
#[utoipa::path(get, path = "/system/jobs-conflicts", tag = "system", params(Short),
    responses((status = 200, body = Listed<ConflictView>), (status = 403)))]
pub async fn conflicts(State(app): State<App>, caller: Caller, Asked(wanted): Asked<Short>) -> Result<Shown> {
    caller.may(Permission::ViewMigration)?;
    let mut all = grouped(app.store.shared_addresses(&caller.reach, ROWS_MAX).await?, "address");
    all.extend(grouped(app.store.shared_destinations(&caller.reach, ROWS_MAX).await?, "destination"));
    let waiting = app.store.waiting_runs(&caller.reach, ROWS_MAX).await?.into_iter();
    all.extend(waiting.map(|row| {
        let mut runs = vec![ConflictRun { run_id: row.run_id, job_id: row.job_id, part: "waits" }];
        let holder = match row.holder {
            Some((run_id, job_id)) => {
                runs.push(ConflictRun { run_id, job_id, part: "works" });
                format!("run {run_id} of job {job_id}")
            }
            None => "a run that you may not see".to_owned(),
        };
        let (kind, domain) = (&row.run_type, &row.domain);
        ConflictView {
            id: format!("waiting:{}", row.run_id),
            kind: "waiting",
            message: format!(
                "{kind} run {} of {domain} waits: {holder} writes into the same mailbox",
                row.run_id
            ),
            shared: row.destination,
            mailboxes: Vec::new(),
            runs,
        }
    }));
    wanted.of(all)
}
