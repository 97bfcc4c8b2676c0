//! Figures for the report: `cargo test --release -p malote-engine ledger_figures -- --ignored --nocapture`.

use std::time::Instant;

use malote_plan::message::Flags;
use malote_plan::record::State;

use super::server::Server;
use crate::ledger::Ledger;
use crate::ledger::sql::{PostgresLedger, SqliteLedger};
use crate::ledger::suite::{folder_in, key, known, row, set, uid, validity};

/// How many records one call writes.
const CALL_ROWS: u32 = 500;

async fn measure(name: &str, ledger: &impl Ledger, rows: u32) {
    let say = |what: &str, begun: Instant| eprintln!("{name} {rows:>7} {what:<28} {:?}", begun.elapsed());
    let folder = folder_in(ledger, &key(&format!("F{rows}"), "X"), (1, 9)).await;
    let begun = Instant::now();
    for start in (1..=rows).step_by(CALL_ROWS as usize) {
        let records: Vec<_> =
            (start..start + CALL_ROWS).map(|number| row(number, State::Copied, number)).collect();
        ledger.record(folder, &records).await.expect("recorded");
    }
    say("record, 500 a call", begun);
    let begun = Instant::now();
    assert_eq!(ledger.recorded(folder).await.expect("read").copied.len(), u64::from(rows));
    say("recorded", begun);
    let begun = Instant::now();
    known(ledger, "X", 9).await;
    say("destination_uids", begun);
    let begun = Instant::now();
    assert_eq!(ledger.records(folder, &set("1:4294967295")).await.expect("read").len(), rows as usize);
    say("records, all", begun);
    let odd = (1..=rows).filter(|number| number % 2 == 1).map(uid).collect();
    let begun = Instant::now();
    assert_eq!(ledger.records(folder, &odd).await.expect("read").len(), rows as usize / 2);
    say("records, every second", begun);
    let flags: Vec<_> = (1..=rows).map(|number| (uid(number), Flags::parse(r"\Seen"))).collect();
    let begun = Instant::now();
    ledger.set_flags(folder, &flags).await.expect("set");
    say("set_flags, all", begun);
    let begun = Instant::now();
    for _ in 0..100 {
        let intent = ledger.open_intent(folder, &odd, validity(9), 1).await.expect("opened");
        ledger.close_intent(folder, intent).await.expect("closed");
    }
    say("100 intents open and close", begun);
    let moves: Vec<_> = (1..=rows).map(|number| (uid(number), uid(number + 1))).collect();
    let begun = Instant::now();
    ledger.rebase_source(folder, validity(2), &moves).await.expect("rebased");
    say("rebase_source, all", begun);
    let begun = Instant::now();
    ledger.rebase_destination(folder, validity(10), &moves).await.expect("rebased");
    say("rebase_destination, all", begun);
    let begun = Instant::now();
    ledger.forget(folder, &odd).await.expect("forgotten");
    say("forget, every second", begun);
}

#[tokio::test]
#[ignore = "measures; asserts nothing about time"]
async fn ledger_figures() {
    let target = std::env::current_exe().expect("the test has a file");
    let target = target.parent().expect("the file lies in a folder");
    let folder = tempfile::tempdir_in(target).expect("a folder can be made on a real disk");
    let path = folder.path().join("a.db");
    for rows in [10_000, 200_000] {
        let ledger = SqliteLedger::open(&path).await.expect("the file opens");
        measure("sqlite", &ledger, rows).await;
        ledger.close().await;
        let octets = std::fs::metadata(&path).expect("the file is there").len();
        let begun = Instant::now();
        SqliteLedger::open(&path).await.expect("the file opens").close().await;
        eprintln!("sqlite opening and closing {octets} octets: {:?}", begun.elapsed());
    }
    let Some(server) = Server::start() else { return };
    for rows in [10_000, 200_000] {
        let ledger = PostgresLedger::connect(&server.url(), &format!("p{rows}")).await.expect("it connects");
        measure("postgres", &ledger, rows).await;
    }
}
