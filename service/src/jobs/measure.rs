//! What the gate and the report want to know once a run is over: the destination's room, and one digest of the ledger.
//! Never fails a run: what cannot be asked is not known.

use std::time::Duration;

use malote_engine::destination::Destination;
use malote_engine::ledger::Ledger;
use malote_engine::measured::Room;
use malote_engine::plan::record::Record;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use crate::store::measures::QuotaFound;
use crate::vault::key::hex;

/// How long a server may take to tell its quota.
const ASK_MAX: Duration = Duration::from_secs(20);

/// The destination's room; nothing where it does not say.
pub(super) async fn quota(destination: &dyn Destination) -> Option<QuotaFound> {
    let whole = |octets: u64| i64::try_from(octets).unwrap_or(i64::MAX);
    match timeout(ASK_MAX, destination.room()).await.ok()?.ok()?? {
        Room::Endless => Some(QuotaFound::Endless),
        Room::Of { limit, used } => Some(QuotaFound::Limited(whole(limit), whole(used))),
    }
}

/// Records read at once.
const WINDOW_MESSAGES: u64 = 1_000;

/// The root of a Merkle tree over what the ledger knows of each message at the destination, folder by folder in the
/// order of their names, UIDs ascending; nothing where the ledger cannot be read. Whoever holds the ledger can show
/// later that a message was among them.
pub(super) async fn merkle_root(ledger: &dyn Ledger) -> Option<String> {
    let mut folders = ledger.folders().await.ok()?;
    folders.sort_by(|one, two| one.key.source_wire.0.cmp(&two.key.source_wire.0));
    let mut tree = Tree::default();
    for folder in folders {
        let recorded = ledger.recorded(folder.id).await.ok()?;
        for window in recorded.copied.union(&recorded.adopted).chunks(WINDOW_MESSAGES, usize::MAX) {
            for record in ledger.records(folder.id, &window).await.ok()? {
                tree.push(leaf(&folder.key.source_wire.0, &record));
            }
        }
    }
    Some(format!("sha256:{}", hex(&tree.root())))
}

/// A leaf: the folder's name with its length, the UIDs of both sides, and by what the message is known.
fn leaf(folder: &[u8], record: &Record) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update([0]);
    digest.update((folder.len() as u64).to_be_bytes());
    digest.update(folder);
    digest.update(record.source_uid.get().to_be_bytes());
    digest.update(record.destination_uid.map_or(0, |uid| uid.get()).to_be_bytes());
    let keys = &record.keys;
    for key in
        [keys.content.as_ref().map(|key| key.0.as_slice()), keys.strong.as_ref().map(|key| key.0.as_slice())]
    {
        let key = key.unwrap_or_default();
        digest.update([u8::try_from(key.len()).unwrap_or(u8::MAX)]);
        digest.update(key);
    }
    digest.finalize().into()
}

/// A Merkle tree that keeps one digest for each of its levels; leaves and nodes begin with another octet, so that one
/// never passes for the other (RFC 6962 §2.1).
#[derive(Default)]
struct Tree {
    levels: Vec<Option<[u8; 32]>>,
}

impl Tree {
    fn push(&mut self, leaf: [u8; 32]) {
        let mut carried = leaf;
        for level in &mut self.levels {
            match level.take() {
                Some(left) => carried = node(&left, &carried),
                None => {
                    *level = Some(carried);
                    return;
                }
            }
        }
        self.levels.push(Some(carried));
    }

    fn root(self) -> [u8; 32] {
        let mut standing = self.levels.into_iter().flatten();
        let Some(first) = standing.next() else { return Sha256::digest([]).into() };
        standing.fold(first, |right, left| node(&left, &right))
    }
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update([1]);
    digest.update(left);
    digest.update(right);
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962 §2.1, over hashed leaves.
    fn plain(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node(&plain(&leaves[..split]), &plain(&leaves[split..]))
            }
        }
    }

    #[test]
    fn the_root_is_the_one_of_the_whole_tree() {
        let leaves: Vec<[u8; 32]> = (0..70_u8).map(|number| Sha256::digest([number]).into()).collect();
        for count in 0..leaves.len() {
            let mut tree = Tree::default();
            leaves[..count].iter().for_each(|leaf| tree.push(*leaf));
            assert_eq!(tree.root(), plain(&leaves[..count]), "{count} leaves");
        }
    }
}
