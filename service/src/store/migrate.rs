//! Makes, renews and takes back the service's tables: each step once, in order, in a transaction of its own.
//! Never touches the ledgers' tables, which have a series of their own, nor what a newer malote has made.

use serde::Serialize;

use super::{Result, Store, StoreError, Transaction};
use crate::binds;

/// One step of the tables' history.
#[derive(Debug, Clone, Copy)]
struct Step {
    number: i64,
    name: &'static str,
    sqlite: Ways,
    postgres: Ways,
}

/// There and back, for one engine.
#[derive(Debug, Clone, Copy)]
struct Ways {
    up: &'static str,
    down: &'static str,
}

macro_rules! step {
    ($number:literal, $file:literal, $name:literal) => {
        Step {
            number: $number,
            name: $name,
            sqlite: Ways {
                up: include_str!(concat!("../../../migrations/service/sqlite/", $file, ".up.sql")),
                down: include_str!(concat!("../../../migrations/service/sqlite/", $file, ".down.sql")),
            },
            postgres: Ways {
                up: include_str!(concat!("../../../migrations/service/postgres/", $file, ".up.sql")),
                down: include_str!(concat!("../../../migrations/service/postgres/", $file, ".down.sql")),
            },
        }
    };
}

/// Every step, oldest first.
const STEPS: &[Step] = &[
    step!(1, "0001_people", "people"),
    step!(2, "0002_migrations", "migrations"),
    step!(3, "0003_triggers", "triggers"),
    step!(4, "0004_gate_inputs", "gate_inputs"),
    step!(5, "0005_kept_credentials", "kept_credentials"),
    step!(6, "0006_outside", "outside"),
    step!(7, "0007_preferences", "preferences"),
    step!(8, "0008_after_the_gate", "after_the_gate"),
    step!(9, "0009_what_was_approved", "what_was_approved"),
    step!(10, "0010_by_hand", "by_hand"),
    step!(11, "0011_of_one_mailbox", "of_one_mailbox"),
    step!(12, "0012_selections_and_audit", "selections_and_audit"),
];

/// Marks the file as ours ("MalS"), told from a ledger, and makes the table of steps where there is none.
/// `BEGIN IMMEDIATE` keeps others away.
const PREPARE_SQLITE: &str = "
    PRAGMA application_id = 1298230355;
    CREATE TABLE IF NOT EXISTS schema_migrations (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    ) STRICT";

/// The same; the lock makes machines that start together wait for the first.
const PREPARE_POSTGRES: &str = "
    SELECT pg_advisory_xact_lock(1298230355);
    CREATE TABLE IF NOT EXISTS schema_migrations (
        number BIGINT PRIMARY KEY,
        name TEXT NOT NULL,
        applied_at TEXT NOT NULL
            DEFAULT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')
    )";

/// What a file holds: the mark of the program that made it, and how many tables.
const CONTENTS: &str =
    "SELECT application_id, (SELECT COUNT(*) FROM sqlite_schema) FROM pragma_application_id";
/// `application_id` of the service's database.
const APPLICATION_ID: i64 = 1_298_230_355;

/// The steps that were taken. Binds: none.
const TAKEN: &str = "SELECT number, name, applied_at FROM schema_migrations ORDER BY number";
/// Notes a step. Binds: number, name.
const NOTE: &str = "INSERT INTO schema_migrations (number, name) VALUES ($1, $2)";
/// Forgets a step. Binds: number.
const FORGET: &str = "DELETE FROM schema_migrations WHERE number = $1";

/// One step and whether it was taken, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepStatus {
    /// Its number, from 1.
    pub number: i64,
    /// What it is called.
    pub name: String,
    /// When it was taken; empty where it was not.
    pub applied_at: String,
}

/// The number of the newest step that is known here.
#[must_use]
pub fn newest() -> i64 {
    STEPS.last().map_or(0, |step| step.number)
}

/// How many steps are known here. Their numbers rise, and may leave some out.
#[must_use]
pub fn count() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Brings the tables up to what this malote knows; the steps that were taken now.
///
/// # Errors
/// For the database of a newer malote or another program, and what the database says; nothing of the step that
/// failed stands.
pub async fn up(store: &Store) -> Result<Vec<StepStatus>> {
    let mut taken_now = Vec::new();
    loop {
        let mut transaction = begin(store).await?;
        let taken = taken(&mut transaction).await?;
        let found = taken.last().map_or(0, |step| step.number);
        let Some(step) = STEPS.iter().find(|step| step.number > found) else {
            transaction.commit().await?;
            return Ok(taken_now);
        };
        let ways = if store.is_postgres() { step.postgres } else { step.sqlite };
        transaction.batch("making tables", ways.up).await?;
        transaction.run("noting a migration", NOTE, binds![step.number, step.name]).await?;
        transaction.commit().await?;
        taken_now.push(StepStatus {
            number: step.number,
            name: step.name.to_owned(),
            applied_at: String::new(),
        });
    }
}

/// Takes back every step above `to`, newest first, with all that their tables hold; the steps taken back.
///
/// # Errors
/// As for [`up`].
pub async fn down(store: &Store, to: i64) -> Result<Vec<StepStatus>> {
    let mut taken_back = Vec::new();
    loop {
        let mut transaction = begin(store).await?;
        let taken = taken(&mut transaction).await?;
        let Some(last) = taken.into_iter().next_back().filter(|step| step.number > to) else {
            transaction.commit().await?;
            return Ok(taken_back);
        };
        let step = STEPS.iter().find(|step| step.number == last.number);
        let step = step.ok_or(StoreError::Newer { found: last.number, known: newest() })?;
        let ways = if store.is_postgres() { step.postgres } else { step.sqlite };
        transaction.batch("removing tables", ways.down).await?;
        transaction.run("forgetting a migration", FORGET, binds![step.number]).await?;
        transaction.commit().await?;
        taken_back.push(last);
    }
}

/// Every step that is known here or was taken.
///
/// # Errors
/// What the database says.
pub async fn status(store: &Store) -> Result<Vec<StepStatus>> {
    let mut transaction = begin(store).await?;
    let mut all = read(&mut transaction).await?;
    transaction.commit().await?;
    let found = all.last().map_or(0, |step| step.number);
    let missing = STEPS.iter().filter(|step| step.number > found);
    all.extend(missing.map(|step| StepStatus {
        number: step.number,
        name: step.name.to_owned(),
        applied_at: String::new(),
    }));
    Ok(all)
}

/// Makes sure that the tables are those that this malote knows, without changing them.
///
/// # Errors
/// Where they are newer or older.
pub async fn check(store: &Store) -> Result<()> {
    let all = status(store).await?;
    let found = all.iter().filter(|step| !step.applied_at.is_empty()).map(|step| step.number).max();
    let (found, known) = (found.unwrap_or(0), newest());
    match found.cmp(&known) {
        std::cmp::Ordering::Less => Err(StoreError::Older { found, known }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(StoreError::Newer { found, known }),
    }
}

async fn begin(store: &Store) -> Result<Transaction> {
    let mut transaction = store.begin().await?;
    if store.is_postgres() {
        transaction.batch("preparing migrations", PREPARE_POSTGRES).await?;
        return Ok(transaction);
    }
    let row = transaction.one("looking at the database file", CONTENTS, Vec::new()).await?;
    let row = row.ok_or(StoreError::Stale("the database file"))?;
    if !matches!((row.int(0)?, row.int(1)?), (APPLICATION_ID, _) | (0, 0)) {
        return Err(StoreError::Place("the file is a database of another program: name another".to_owned()));
    }
    transaction.batch("preparing migrations", PREPARE_SQLITE).await?;
    Ok(transaction)
}

async fn read(transaction: &mut Transaction) -> Result<Vec<StepStatus>> {
    let rows = transaction.all("reading the migrations", TAKEN, Vec::new()).await?;
    let steps = rows
        .iter()
        .map(|row| Ok(StepStatus { number: row.int(0)?, name: row.text(1)?, applied_at: row.text(2)? }));
    steps.collect()
}

async fn taken(transaction: &mut Transaction) -> Result<Vec<StepStatus>> {
    let taken = read(transaction).await?;
    let (found, known) = (taken.last().map_or(0, |step| step.number), newest());
    if found > known { Err(StoreError::Newer { found, known }) } else { Ok(taken) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_numbered_from_one_upward() {
        assert!(STEPS.windows(2).all(|pair| pair[0].number < pair[1].number) && STEPS[0].number == 1);
    }

    #[test]
    fn both_engines_have_the_same_columns_in_the_same_order() {
        let columns = |texts: Vec<&str>| -> Vec<String> {
            let lines = texts.iter().flat_map(|text| text.lines());
            let of_tables = lines.filter(|line| line.starts_with("CREATE TABLE") || line.starts_with("    "));
            let words = of_tables.filter_map(|line| {
                line.strip_prefix("CREATE TABLE ").unwrap_or(line).split_whitespace().next()
            });
            words
                .filter(|word| word.starts_with(|letter: char| letter.is_ascii_lowercase()))
                .map(str::to_owned)
                .collect()
        };
        for step in STEPS.iter().filter(|step| step.name != "triggers") {
            assert_eq!(columns(vec![step.sqlite.up]), columns(vec![step.postgres.up]), "{}", step.name);
        }
    }
}
