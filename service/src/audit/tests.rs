//! A chain that nobody can bend without its being seen.
//! Never a key or a row that anybody uses.

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::store::{Where, migrate};

async fn log() -> (TempDir, Store, Audit, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::connect(&Where::in_folder(folder.path())).await.unwrap();
    migrate::up(&store).await.unwrap();
    let file = folder.path().join("checkpoints.ndjson");
    let signer = Signer::load_or_make(&folder.path().join("audit.key"), &file).unwrap();
    let audit = Audit::new(store.clone(), signer);
    (folder, store, audit, file)
}

fn entry(action: &str) -> Entry {
    Entry { actor_kind: "user", action: action.to_owned(), outcome: "success", ..Entry::default() }
}

async fn faults(store: &Store, audit: &Audit, file: &std::path::Path) -> Vec<String> {
    verify::verify(store, file, &audit.signer.public_key()).await.unwrap().faults
}

#[tokio::test]
async fn every_change_of_a_row_is_chained_before_the_entry_that_follows_it() {
    let (_folder, store, audit, file) = log().await;
    let told = "INSERT INTO system_settings (key, value_json) VALUES ('a', '1')";
    store.run("test", told, Vec::new()).await.unwrap();
    audit.write(&entry("settings.change"), 5).await.unwrap();
    let rows = store.audit_page(0, 1000).await.unwrap();
    let (last, before) = (rows.last().unwrap(), &rows[rows.len() - 2]);
    assert_eq!((before.action.as_str(), before.resource_kind.as_str()), ("row.insert", "system_settings"));
    assert_eq!(
        (last.action.as_str(), last.at_ms, last.prev_hash.clone()),
        ("settings.change", 5, before.hash.clone())
    );
    assert_eq!(faults(&store, &audit, &file).await, Vec::<String>::new());
}

#[tokio::test]
async fn many_writers_at_once_leave_one_chain() {
    let (_folder, store, audit, file) = log().await;
    let writers = (0..20).map(|_| {
        let audit = audit.clone();
        tokio::spawn(async move { audit.write(&entry("x"), 1).await.map(|_| ()).map_err(|e| e.to_string()) })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap().unwrap();
    }
    audit.tend(2).await.unwrap();
    assert_eq!(faults(&store, &audit, &file).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_bent_row_a_missing_row_and_a_cut_end_are_seen() {
    const LOOSE: [&str; 2] =
        ["DROP TRIGGER trg_audit_logs_no_update", "DROP TRIGGER trg_audit_logs_no_delete"];
    const BENT: [(&str, &str); 3] = [
        ("UPDATE audit_logs SET actor_id = 'other' WHERE seq = 2", "row 2 was changed"),
        ("DELETE FROM audit_logs WHERE seq = 2", "rows 2 to 2 are gone"),
        ("DELETE FROM audit_logs WHERE seq > 2", "row 4 was signed and is gone"),
    ];
    for (bend, expected) in BENT {
        let (_folder, store, audit, file) = log().await;
        // The rows of the migration itself come first in no table that is watched, so these are 1 to 4 from here.
        let start = store.audit_head().await.unwrap().map_or(0, |(seq, _)| seq);
        for _ in start..4 {
            audit.write(&entry("x"), 1).await.unwrap();
        }
        audit.checkpoint(9).await.unwrap();
        let refused = store.run("test", bend, Vec::new()).await;
        assert!(refused.is_err(), "the database lets {bend} pass");
        for text in LOOSE {
            store.run("test", text, Vec::new()).await.unwrap();
        }
        store.run("test", bend, Vec::new()).await.unwrap();
        let told = faults(&store, &audit, &file).await;
        assert!(told.iter().any(|fault| fault == expected), "{bend}: {told:?}");
    }
}
