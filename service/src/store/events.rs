//! What happens within runs, for people who look on: log events and steps.
//! Never holds a subject, an address or a secret.

use super::{Result, Store, at};
use crate::binds;

/// Writes an event. Binds: job_id, run_id, level, event, message, attributes_json, at.
const EVENT: &str = "
    INSERT INTO run_log_events (job_id, run_id, level, event, message, attributes_json, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Writes how far a step is. Binds: run_id, sequence, name, status, messages_done, messages_total, detail, now_at.
const STEP: &str = "
    INSERT INTO run_steps (run_id, sequence, name, status, messages_done, messages_total, detail, started_at,
                           finished_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $4 = 'running' THEN '' ELSE $8 END)
    ON CONFLICT (run_id, sequence) DO UPDATE
    SET name = excluded.name, status = excluded.status, messages_done = excluded.messages_done,
        messages_total = CASE WHEN excluded.messages_total > 0 THEN excluded.messages_total
                              ELSE run_steps.messages_total END,
        detail = excluded.detail, finished_at = excluded.finished_at";

/// Ends the steps that a worker left open. Binds: run_id, status, now_at.
const CLOSE_STEPS: &str = "
    UPDATE run_steps SET status = $2, finished_at = $3 WHERE run_id = $1 AND status = 'running'";

/// The number after the highest of a run's steps. Binds: run_id.
const NEXT_STEP: &str = "SELECT COALESCE(MAX(sequence), 0) + 1 FROM run_steps WHERE run_id = $1";

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// State changed.
    Info,
    /// We coped.
    Warn,
    /// Someone must act.
    Error,
}

impl Level {
    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// How much it matters.
    pub level: Level,
    /// `progress`, `phase`, `gate`, `run`, `log` or `quarantine`.
    pub event: &'static str,
    /// As a sentence.
    pub message: String,
    /// The same as fields.
    pub attributes_json: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// How far a part of a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its place among the run's steps, from 1.
    pub sequence: i64,
    /// Such as `folder:INBOX`.
    pub name: String,
    /// `running`, `completed`, `failed`.
    pub status: &'static str,
    /// Messages done.
    pub messages_done: i64,
    /// Messages in all; 0 where that is not known anew.
    pub messages_total: i64,
    /// For people.
    pub detail: String,
}

impl Store {
    /// Writes events and steps together.
    ///
    /// # Errors
    /// What the database says; nothing of them stands then.
    pub async fn tell(
        &self,
        (job_id, run_id): (i64, Option<i64>),
        events: &[NewEvent],
        steps: &[Step],
        now_ms: i64,
    ) -> Result<()> {
        if events.is_empty() && steps.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        for event in events {
            let binds = binds![
                job_id,
                run_id,
                event.level.as_str(),
                event.event,
                &event.message,
                &event.attributes_json,
                at(event.at_ms),
            ];
            transaction.run("writing an event", EVENT, binds).await?;
        }
        for step in steps {
            let binds = binds![
                run_id,
                step.sequence,
                &step.name,
                step.status,
                step.messages_done,
                step.messages_total,
                &step.detail,
                at(now_ms),
            ];
            transaction.run("writing a step", STEP, binds).await?;
        }
        transaction.commit().await
    }

    /// The number of a run's next step.
    ///
    /// # Errors
    /// What the database says.
    pub async fn next_step(&self, run_id: i64) -> Result<i64> {
        let row = self.one("counting steps", NEXT_STEP, binds![run_id]).await?;
        row.map_or(Ok(1), |row| row.int(0))
    }

    /// Ends the steps of a run that a worker left open.
    ///
    /// # Errors
    /// What the database says.
    pub async fn close_steps(&self, run_id: i64, status: &str, now_ms: i64) -> Result<()> {
        self.run("ending steps", CLOSE_STEPS, binds![run_id, status, at(now_ms)]).await.map(|_| ())
    }
}
