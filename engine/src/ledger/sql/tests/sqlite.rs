//! What befalls a ledger's file.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use malote_plan::record::State;
use sqlx::{AssertSqlSafe, Executor, Row, SqliteConnection};
use tempfile::TempDir;

use super::texts;
use crate::failure::{Class, Failure};
use crate::ledger::sql::queries::ALL_BATCHES;
use crate::ledger::sql::session::Session;
use crate::ledger::sql::sqlite::{OpenError, set_aside};
use crate::ledger::sql::{Broken, SqliteLedger};
use crate::ledger::suite::{folder_in, key, known, pairs, row, set, suite, validity};
use crate::ledger::{Ledger, PairIdentity};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

async fn open(path: &Path) -> SqliteLedger {
    SqliteLedger::open(path).await.expect("the file opens")
}

/// The failure of opening `path`, and whether it is damage.
async fn refusal(path: &Path) -> (bool, Failure) {
    match SqliteLedger::open(path).await {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(OpenError::Corrupt(failure)) => (true, failure),
        Err(OpenError::Failed(failure)) => (false, failure),
    }
}

async fn fill(ledger: &SqliteLedger, rows: u32) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let records: Vec<_> = (1..=rows).map(|number| row(number, State::Copied, number)).collect();
    ledger.record(folder, &records).await.expect("records are written");
    ledger.open_intent(folder, &set("7:9"), validity(9), 5).await.expect("an intent is written");
}

async fn assert_filled(ledger: &SqliteLedger, rows: u32) {
    let folders = ledger.folders().await.expect("folders are read");
    assert_eq!(folders.len(), 1);
    assert_eq!(pairs(ledger, folders[0].id).await.len(), rows as usize);
    assert_eq!(ledger.intents(folders[0].id).await.expect("intents are read").len(), 1);
    assert_eq!(known(ledger, "X", 9).await, format!("1:{rows}"));
}

#[tokio::test]
async fn the_ledger_in_a_file_passes_the_suite() {
    let folder = folder();
    let made = std::cell::Cell::new(0);
    suite(async || {
        made.set(made.get() + 1);
        open(&folder.path().join(format!("{}.db", made.get()))).await
    })
    .await;
}

#[tokio::test]
async fn every_query_can_be_prepared() {
    let folder = folder();
    let path = folder.path().join("a.db");
    let ledger = open(&path).await;
    let mut slot = ledger.slot.lock().await;
    let session = slot.session.as_mut().expect("the ledger was just opened");
    for text in texts::<SqliteConnection>() {
        if let Err(error) = session.prepare(sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(text.clone()))).await
        {
            panic!("{error} in {text}");
        }
    }
}

/// Without this an update of many rows reads the folder once for each piece of it: 96 s for 200,000 rows.
#[tokio::test]
async fn no_statement_on_many_rows_scans_a_folder() {
    let folder = folder();
    let ledger = open(&folder.path().join("a.db")).await;
    fill(&ledger, 1_000).await;
    let mut slot = ledger.slot.lock().await;
    let session = slot.session.as_mut().expect("no call has failed");
    for batch in ALL_BATCHES {
        for rows in SqliteConnection::BATCH_ROWS {
            let text = format!("EXPLAIN QUERY PLAN {}", batch.text(*rows));
            let plan =
                sqlx::query(AssertSqlSafe(text.clone())).fetch_all(&mut *session).await.expect("a plan");
            for step in plan.iter().map(|row| row.get::<String, _>(3)) {
                let is_of_table = ["message", "gone", "quarantine"]
                    .iter()
                    .any(|name| step.split(' ').any(|word| word == *name));
                assert!(!is_of_table || step.contains("source_uid"), "{step} in {text}");
            }
        }
    }
}

#[tokio::test]
async fn a_ledger_is_found_again_after_close_and_after_drop() {
    let folder = folder();
    let path = folder.path().join("a.db");
    let ledger = open(&path).await;
    fill(&ledger, 100).await;
    drop(ledger);
    let ledger = open(&path).await;
    assert_filled(&ledger, 100).await;
    ledger.close().await;
    assert!(!folder.path().join("a.db-wal").exists(), "an ordered end leaves one file");
    assert_filled(&open(&path).await, 100).await;
}

#[tokio::test]
async fn what_was_committed_survives_a_crash() {
    let folder = folder();
    let path = folder.path().join("a.db");
    let ledger = open(&path).await;
    fill(&ledger, 100).await;
    for suffix in ["", "-wal"] {
        let copy = folder.path().join(format!("copy.db{suffix}"));
        std::fs::copy(folder.path().join(format!("a.db{suffix}")), copy).expect("an open file can be copied");
    }
    assert_filled(&open(&folder.path().join("copy.db")).await, 100).await;
}

#[tokio::test]
async fn a_cancelled_call_is_not_done_at_all() {
    let folder = folder();
    let ledger = open(&folder.path().join("a.db")).await;
    fill(&ledger, 10).await;
    let id = ledger.folders().await.expect("folders are read")[0].id;
    let more: Vec<_> = (11..=50_000).map(|number| row(number, State::Copied, number)).collect();
    for micros in [1, 500, 5_000, 20_000] {
        let limit = std::time::Duration::from_micros(micros);
        assert!(
            tokio::time::timeout(limit, ledger.record(id, &more)).await.is_err(),
            "it was done in {micros} µs"
        );
        assert_filled(&ledger, 10).await;
    }
}

#[tokio::test]
async fn a_file_is_one_process_s_alone() {
    let folder = folder();
    let path = folder.path().join("a.db");
    let ledger = open(&path).await;
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).expect("a link can be made");
    for name in [&path, &link] {
        let (is_corrupt, failure) = refusal(name).await;
        assert!(!is_corrupt);
        assert_eq!(failure.class, Class::Ledger);
        assert!(
            failure.message.starts_with("another malote is using the state file /"),
            "{}",
            failure.message
        );
        assert!(SqliteLedger::open_or_set_aside(name).await.is_err());
    }
    ledger.close().await;
    open(&path).await;
}

#[tokio::test]
async fn a_file_is_its_owner_s_alone() {
    let folder = folder();
    let ledger = open(&folder.path().join("a.db")).await;
    fill(&ledger, 1).await;
    for name in ["a.db", "a.db-wal", "a.db-shm", "a.db.lock"] {
        let mode =
            std::fs::metadata(folder.path().join(name)).expect("the file is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// Damages a filled ledger's file by `harm`, and expects that it is recognised and set aside.
async fn check_damage(harm: impl Fn(&mut Vec<u8>)) {
    let folder = folder();
    let path = folder.path().join("a.db");
    for number in 1..=2 {
        let ledger = open(&path).await;
        fill(&ledger, 3_000).await;
        ledger.close().await;
        let mut octets = std::fs::read(&path).expect("the file can be read");
        harm(&mut octets);
        std::fs::write(&path, &octets).expect("the file can be written");
        let (is_corrupt, failure) = refusal(&path).await;
        assert!(is_corrupt, "{}", failure.full_message());
        assert!(failure.message.contains("it is damaged"), "{}", failure.full_message());
        std::fs::write(folder.path().join("a.db-wal"), b"of no use").expect("a log can be written");
        let (ledger, aside) = SqliteLedger::open_or_set_aside(&path).await.expect("a new file is begun");
        let aside = aside.expect("the damaged file was set aside");
        assert!(aside.ends_with(format!("a.db.corrupt-{number}")), "{}", aside.display());
        assert_eq!(std::fs::read(&aside).expect("it is kept"), octets);
        assert_eq!(ledger.folders().await.expect("the new ledger works"), []);
        ledger.close().await;
    }
}

#[tokio::test]
async fn a_damaged_file_is_set_aside() {
    check_damage(|octets| octets[..100].fill(b'x')).await;
    check_damage(|octets| octets.truncate(octets.len() / 2)).await;
    check_damage(|octets| {
        let middle = octets.len() / 2 / 4096 * 4096;
        octets[middle..middle + 4096].fill(0xa5);
    })
    .await;
    check_damage(|octets| *octets = b"From nobody Thu Jan  1 00:00:00 1970\r\n".repeat(200)).await;
}

#[tokio::test]
async fn damage_met_while_running_is_looked_for_at_the_next_start() {
    let folder = folder();
    let path = folder.path().join("a.db");
    let ledger = open(&path).await;
    fill(&ledger, 10).await;
    let id = ledger.folders().await.expect("folders are read")[0].id;
    let spoil = "PRAGMA ignore_check_constraints = ON; UPDATE message SET state = 9 WHERE source_uid = 3";
    let mut slot = ledger.slot.lock().await;
    let session = slot.session.as_mut().expect("the ledger was just opened");
    session.execute(sqlx::raw_sql(spoil)).await.expect("the row is spoilt");
    drop(slot);
    let failure = ledger.recorded(id).await.expect_err("no state has that number");
    assert!(failure.message.contains("it is damaged: run again to have it put aside"), "{failure}");
    let mark = || std::fs::metadata(folder.path().join("a.db.lock")).expect("the lock file is there").len();
    assert_eq!(mark(), 1);
    ledger.close().await;
    let (_ledger, aside) = SqliteLedger::open_or_set_aside(&path).await.expect("a new file is begun");
    assert!(aside.is_some());
    assert_eq!(mark(), 0);
}

#[test]
fn what_lies_beside_a_damaged_file_goes_with_it() {
    let folder = folder();
    let path = folder.path().join("a.db");
    for (number, suffixes) in [(1, vec!["", "-wal", "-shm"]), (2, vec!["", "-wal"]), (3, vec![""])] {
        for suffix in &suffixes {
            std::fs::write(folder.path().join(format!("a.db{suffix}")), suffix)
                .expect("a file can be written");
        }
        let aside = set_aside(&path).expect("the files can be renamed");
        assert_eq!(aside, folder.path().join(format!("a.db.corrupt-{number}")));
        for suffix in &suffixes {
            let kept = folder.path().join(format!("a.db.corrupt-{number}{suffix}"));
            assert_eq!(std::fs::read(kept).expect("it was renamed"), suffix.as_bytes());
            assert!(!folder.path().join(format!("a.db{suffix}")).exists());
        }
    }
}

#[tokio::test]
async fn a_sound_file_is_not_set_aside() {
    let folder = folder();
    let path = folder.path().join("a.db");
    let (ledger, aside) = SqliteLedger::open_or_set_aside(&path).await.expect("the file opens");
    assert_eq!(aside, None);
    fill(&ledger, 5).await;
    drop(ledger);
    let (ledger, aside) = SqliteLedger::open_or_set_aside(&path).await.expect("the file opens again");
    assert_eq!(aside, None);
    assert_filled(&ledger, 5).await;
}

/// Runs `sql` on a ledger's file (or a new one) behind its back, and expects `LedgerForeign` with `words`.
async fn check_foreign(is_ledger: bool, sql: &'static str, words: &str) {
    let folder = folder();
    let path = folder.path().join("a.db");
    if is_ledger {
        open(&path).await.close().await;
    }
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut session = sqlx::ConnectOptions::connect(&options).await.expect("the file opens");
    session.execute(sqlx::raw_sql(sql)).await.expect("the change is made");
    sqlx::Connection::close(session).await.expect("the file closes");
    let before = std::fs::read(&path).expect("the file can be read");
    let (is_corrupt, failure) = refusal(&path).await;
    assert!(!is_corrupt);
    assert_eq!(failure.class, Class::LedgerForeign);
    assert!(failure.message.contains(words), "{}", failure.full_message());
    assert_eq!(std::fs::read(&path).expect("the file can be read"), before, "nothing was changed");
}

#[tokio::test]
async fn files_that_are_not_ours_are_left_alone() {
    check_foreign(true, "INSERT INTO ledger_migration VALUES (99, 'later')", "written by a newer malote")
        .await;
    check_foreign(true, "UPDATE ledger SET format = 2", "written by a newer malote").await;
    check_foreign(false, "CREATE TABLE bookmark (id INTEGER)", "a database of another program").await;
}

#[tokio::test]
async fn a_file_of_another_pair_names_both() {
    let folder = folder();
    let path = folder.path().join("a.db");
    let pair = |user: &str| PairIdentity {
        source: format!("imaps://{user}@old.example.org:993"),
        destination: format!("imaps://{user}@new.example.org:993"),
    };
    let ledger = open(&path).await;
    ledger.claim(&pair("ada")).await.expect("a new file is anyone's");
    ledger.close().await;
    let failure = open(&path).await.claim(&pair("bob")).await.expect_err("it is ada's");
    assert_eq!(failure.class, Class::LedgerForeign);
    for words in ["a.db belongs to the pair imaps://ada@old", "not to imaps://bob@old"] {
        assert!(failure.message.contains(words), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_full_disk_says_so_and_the_ledger_goes_on_afterwards() {
    let folder = folder();
    let ledger = open(&folder.path().join("a.db")).await;
    fill(&ledger, 10).await;
    let id = ledger.folders().await.expect("folders are read")[0].id;
    let limit = async |pages: &'static str| {
        let mut slot = ledger.slot.lock().await;
        let session = slot.session.as_mut().expect("no call has failed yet");
        session.execute(sqlx::raw_sql(pages)).await.expect("the limit is set");
    };
    limit("PRAGMA max_page_count = 40").await;
    let more: Vec<_> = (11..=5_000).map(|number| row(number, State::Copied, number)).collect();
    let failure = ledger.record(id, &more).await.expect_err("there is no room");
    assert_eq!(failure.class, Class::Ledger);
    assert!(failure.message.contains("a.db: the disk is full: free some space and run again"), "{failure}");
    assert_filled(&ledger, 10).await;
    ledger.record(id, &more).await.expect("a new connection has no limit");
    assert_filled(&ledger, 5_000).await;
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let (is_corrupt, failure) = refusal(Path::new("/nowhere/at/all/a.db")).await;
    assert!(!is_corrupt);
    assert_eq!(failure.class, Class::Ledger);
    assert!(failure.message.contains("/nowhere/at/all/a.db"), "{failure}");
}

#[test]
fn storage_errors_of_the_system_are_recognised() {
    let full = Broken::File(std::io::Error::from(std::io::ErrorKind::StorageFull));
    assert!(full.into_failure("the state file a.db", "opening").message.contains("the disk is full"));
}
