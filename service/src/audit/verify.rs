//! Walks the chain from its first row and holds every signed place against it, in the table and in the file.
//! Never mends anything.

use std::collections::BTreeMap;
use std::path::Path;

use super::{AuditError, chain, signer};
use crate::store::Store;
use crate::store::audit::CheckpointRow;

/// Rows that are read at once.
const PAGE: i64 = 1000;
/// Faults that are told, at most.
const FAULTS_MAX: usize = 100;

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Rows that were read.
    pub rows: i64,
    /// Signed places that were held against them.
    pub checkpoints: i64,
    /// What does not hold, in order.
    pub faults: Vec<String>,
}

impl Verified {
    fn fault(&mut self, words: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(words);
        }
    }
}

/// Walks the whole chain. `public_key` is this service's own; a place that another key signed is a fault.
///
/// # Errors
/// Where the database or the file of checkpoints cannot be read.
pub async fn verify(store: &Store, checkpoints: &Path, public_key: &[u8]) -> Result<Verified, AuditError> {
    let mut found = Verified::default();
    let mut places: BTreeMap<i64, Vec<CheckpointRow>> = BTreeMap::new();
    for row in store.checkpoints().await? {
        places.entry(row.seq).or_default().push(row);
    }
    for read in signer::exported(checkpoints)? {
        match read {
            Ok(row) => places.entry(row.seq).or_default().push(row),
            Err(line) => found.fault(format!("line {line} of the file of checkpoints cannot be read")),
        }
    }
    let (mut last, mut hash) = (0, chain::FIRST.to_vec());
    loop {
        let page = store.audit_page(last, PAGE).await?;
        let Some(newest) = page.last().map(|row| row.seq) else { break };
        for row in &page {
            if row.seq != last + 1 {
                found.fault(format!("rows {} to {} are gone", last + 1, row.seq - 1));
            } else if row.prev_hash != hash {
                found.fault(format!("row {} does not follow the one before it", row.seq));
            }
            if chain::hash(row) != row.hash {
                found.fault(format!("row {} was changed", row.seq));
            }
            for place in places.remove(&row.seq).unwrap_or_default() {
                found.checkpoints += 1;
                if place.public_key != public_key || !signer::is_signed(&place) {
                    found.fault(format!("the signature at row {} is not this service's", row.seq));
                } else if place.hash != row.hash {
                    found.fault(format!("row {} is not the one that was signed", row.seq));
                }
            }
            found.rows += 1;
            last = row.seq;
            hash.clone_from(&row.hash);
        }
        last = last.max(newest);
    }
    for seq in places.into_keys() {
        found.fault(format!("row {seq} was signed and is gone"));
    }
    Ok(found)
}
