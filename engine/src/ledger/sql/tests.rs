//! The ledgers in databases against the suite, against the one in memory, and against what befalls files.

mod equivalence;
mod postgres;
mod server;
mod sqlite;

use super::migrate;
use super::queries::{ALL, ALL_BATCHES};
use super::session::Session;

/// Every text that the engine of `S` is ever asked to prepare.
fn texts<S: Session>() -> Vec<String> {
    let single = ALL.iter().chain(&[migrate::NEWEST, migrate::NOTE]).map(|text| (*text).to_owned());
    let sizes = S::BATCH_ROWS;
    single.chain(ALL_BATCHES.iter().flat_map(|batch| sizes.iter().map(|rows| batch.text(*rows)))).collect()
}

#[tokio::test]
async fn the_ledger_in_memory_passes_the_suite() {
    crate::ledger::suite::suite(async || crate::ledger::memory::MemoryLedger::new()).await;
}
