//! Gmail's extension: the number and the labels of each message of the open folder (`X-GM-EXT-1`).
//! Never asked of a server that does not offer it.

use std::collections::BTreeMap;

use malote_plan::folder::Naming;
use malote_plan::folder_name::decode;
use malote_plan::message::Uid;
use malote_plan::uid_set::UidSet;

use super::fetch_data::FetchData;
use super::limits::{LABELS_MAX, STUB_UIDS_MAX};
use super::session::Session;
use crate::exchange::Labelled;
use crate::failure::Result;

/// What is asked: the size stands by the number, so that one that lies is found out.
const LABEL_ITEMS: &str = "(UID RFC822.SIZE X-GM-MSGID X-GM-LABELS)";

impl Session {
    /// Numbers and labels of those of `uids` that exist; none where the server has no such thing.
    pub async fn labelled(&mut self, uids: &UidSet) -> Result<Vec<Labelled>> {
        if !self.promises.labels {
            return Ok(Vec::new());
        }
        let mut found: BTreeMap<Uid, FetchData> = BTreeMap::new();
        self.fetch_chunks(uids, STUB_UIDS_MAX, LABEL_ITEMS, &mut |data| {
            let Some(uid) = data.uid.filter(|uid| uids.contains(*uid)) else { return };
            let known = found.entry(uid).or_default();
            known.origin = data.origin.or(known.origin);
            known.octets_claimed = data.octets_claimed.or(known.octets_claimed);
            known.labels = data.labels.or(known.labels.take());
        })
        .await?;
        let naming = Naming {
            delimiter: Some('/'),
            prefix: String::new(),
            is_utf8: self.promises.names_are_utf8,
            ignores_case: false,
        };
        let labelled = |(uid, data): (Uid, FetchData)| {
            let labels = data.labels.unwrap_or_default();
            Some(Labelled {
                uid,
                origin: data.origin?,
                octets_claimed: data.octets_claimed.unwrap_or(0),
                labels: labels.into_iter().take(LABELS_MAX).map(|label| readable(&label, &naming)).collect(),
            })
        };
        Ok(found.into_iter().filter_map(labelled).collect())
    }
}

/// A label as its user knows it; the server's own keep their backslash.
fn readable(label: &str, naming: &Naming) -> String {
    if label.starts_with('\\') {
        return label.to_owned();
    }
    decode(label.as_bytes(), naming.delimiter, naming).to_string()
}
