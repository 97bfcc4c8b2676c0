//! The ledger in PostgreSQL, on a server of the test's own.

use malote_plan::record::{QuarantineNote, State};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::server::Server;
use super::{equivalence, texts};
use crate::failure::Class;
use crate::ledger::sql::{PostgresLedger, migrate, postgres};
use crate::ledger::suite::{folder_in, key, known, note, pairs, row, suite};
use crate::ledger::{Ledger, PairIdentity};

/// How many random sequences of calls are compared.
const SEQUENCES: usize = 12;

async fn connect(server: &Server, pair_key: &str) -> PostgresLedger {
    match PostgresLedger::connect(&server.url(), pair_key).await {
        Ok(ledger) => ledger,
        Err(failure) => panic!("{}", failure.full_message()),
    }
}

#[tokio::test]
async fn the_ledger_in_postgresql_does_as_the_others() {
    let Some(server) = Server::start() else { return };
    let made = std::sync::atomic::AtomicU32::new(0);
    let next = || format!("pair-{}", made.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    suite(async || connect(&server, &next()).await).await;
    every_query_can_be_prepared(&server).await;
    text_that_postgresql_cannot_keep_is_mended(&server).await;
    pairs_in_one_database_do_not_see_each_other(&server).await;
    a_pair_is_one_process_s_alone(&server).await;
    a_lost_connection_is_made_anew(&server).await;
    a_newer_malote_s_tables_are_left_alone(&server).await;
}

#[tokio::test]
async fn postgresql_and_memory_agree_on_any_calls() {
    let Some(server) = Server::start() else { return };
    for number in 0..SEQUENCES {
        let calls =
            equivalence::calls().new_tree(&mut TestRunner::default()).expect("calls can be made").current();
        let ledger = connect(&server, &format!("random-{number}")).await;
        if let Err(error) = equivalence::compare(&calls, &ledger).await {
            panic!("{error}\nthe calls were {calls:?}");
        }
        ledger.close().await;
    }
}

async fn every_query_can_be_prepared(server: &Server) {
    let ledger = connect(server, "prepare").await;
    let mut slot = ledger.slot.lock().await;
    let session = slot.session.as_mut().expect("the ledger was just opened");
    for text in texts::<PgConnection>().into_iter().chain([postgres::HOLD.to_owned()]) {
        if let Err(error) = session.prepare(sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(text.clone()))).await
        {
            panic!("{error} in {text}");
        }
    }
}

async fn text_that_postgresql_cannot_keep_is_mended(server: &Server) {
    let ledger = connect(server, "nul").await;
    let folder = folder_in(&ledger, &key("A", "X"), (1, 9)).await;
    ledger.record(folder, &[row(1, State::Quarantined, 0)]).await.expect("a record is written");
    let odd = QuarantineNote { detail: "NO\0way".into(), ..note(1, 1) };
    ledger.note_quarantine(folder, &[odd]).await.expect("one odd text stops nothing");
    let kept = ledger.quarantine_notes(folder).await.expect("notes are read");
    assert_eq!(kept[0].detail, "NO\u{fffd}way");
}

async fn pairs_in_one_database_do_not_see_each_other(server: &Server) {
    let (ada, bob) = (connect(server, "ada").await, connect(server, "bob").await);
    let pair =
        |user: &str| PairIdentity { source: format!("imaps://{user}@a"), destination: "imaps://b".into() };
    ada.claim(&pair("ada")).await.expect("a new ledger is anyone's");
    bob.claim(&pair("bob")).await.expect("another is too");
    let folder = folder_in(&ada, &key("A", "X"), (1, 9)).await;
    ada.record(folder, &[row(1, State::Copied, 11)]).await.expect("a record is written");
    assert_eq!(bob.folders().await.expect("folders are read"), []);
    assert!(bob.recorded(folder).await.is_err(), "a folder of another ledger");
    assert!(bob.record(folder, &[row(1, State::Copied, 12)]).await.is_err());
    assert_eq!(known(&bob, "X", 9).await, "");
    assert_eq!(pairs(&ada, folder).await, [(1, 11)]);
}

async fn a_pair_is_one_process_s_alone(server: &Server) {
    let first = connect(server, "held").await;
    let failure = PostgresLedger::connect(&server.url(), "held").await.err().expect("it is held");
    assert_eq!(failure.class, Class::Ledger);
    assert!(failure.message.starts_with("another malote is using the ledger held in postgres"), "{failure}");
    first.close().await;
    connect(server, "held").await;
}

async fn a_lost_connection_is_made_anew(server: &Server) {
    let ledger = connect(server, "lost").await;
    let folder = folder_in(&ledger, &key("A", "X"), (1, 9)).await;
    let other = connect(server, "other").await;
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE pid <> pg_backend_pid() AND application_name = 'malote'";
    let mut slot = other.slot.lock().await;
    let session = slot.session.as_mut().expect("the ledger was just opened");
    session.execute(sqlx::raw_sql(kill)).await.expect("the other session is ended");
    let failure =
        ledger.record(folder, &[row(1, State::Copied, 11)]).await.expect_err("the connection is gone");
    assert_eq!(failure.class, Class::Ledger);
    ledger.record(folder, &[row(1, State::Copied, 11)]).await.expect("the next call connects anew");
    assert_eq!(pairs(&ledger, folder).await, [(1, 11)]);
}

async fn a_newer_malote_s_tables_are_left_alone(server: &Server) {
    let ledger = connect(server, "newer").await;
    let mut slot = ledger.slot.lock().await;
    let session = slot.session.as_mut().expect("the ledger was just opened");
    session.execute(sqlx::raw_sql("INSERT INTO ledger_migration VALUES (99, 'later')")).await.expect("noted");
    let failure = PostgresLedger::connect(&server.url(), "another").await.err().expect("it is newer");
    assert_eq!(failure.class, Class::LedgerForeign);
    assert!(failure.message.contains("written by a newer malote"), "{failure}");
    assert!(migrate::migrate(session).await.is_err());
}
