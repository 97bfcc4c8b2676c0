//! What the runs of a mailbox take, and from where to where, as one digest: what was counted under another digest says
//! nothing of what is wanted. Never tells what was changed, only that something was.

use std::collections::HashMap;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::options::RunOptions;
use crate::store::gate_sets::GateMailbox;
use crate::store::mailboxes::{Mailbox, destination_key};
use crate::vault::key::hex;

/// What the options select, as text; nothing where no run could do with them. `options` are laid over each other, the
/// first at the bottom: the job's, the mailbox's, the run's own.
fn selected(options: [&str; 3], folder_map_json: &str) -> Option<String> {
    let options = RunOptions::laid(&options).ok()?;
    let policy = options.policy(folder_map_json).ok()?;
    // Its shape is part of the digest: a malote that selects by more asks for a new delta.
    let told = json!([
        1,
        policy.folders,
        policy.excludes,
        policy.maps,
        policy.into,
        policy.since_unix_seconds,
        policy.before_unix_seconds,
        policy.octets_max,
        options.collapse_duplicates == Some(true),
    ]);
    Some(told.to_string())
}

/// The digest of what is selected from where to where; the empty word where nothing could be. `source` is its kind,
/// server, host, name there, address and file.
fn digest(selected: Option<&str>, source: [&str; 6], destination: &str) -> String {
    let place = json!([source, destination]).to_string();
    let of = |selected: &str| hex(&Sha256::new().chain_update(selected).chain_update(&place).finalize());
    selected.map(of).unwrap_or_default()
}

/// What a run with these options of its own takes of a mailbox as it was read when the run began; the empty word where
/// they cannot be read.
#[must_use]
pub fn selection_of(mailbox: &Mailbox, run_options_json: &str) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let options = [&*mailbox.job_options_json, &mailbox.options_json, run_options_json];
    let source = [
        mailbox.source_type.as_str(),
        &text(&mailbox.source_endpoint_id),
        &mailbox.source_host,
        &mailbox.source_user,
        &mailbox.email,
        &mailbox.pst_path,
    ];
    digest(selected(options, &mailbox.folder_map_json).as_deref(), source, &mailbox.destination_key())
}

/// What runs would take that were begun now, of each mailbox of one job.
pub(crate) struct InForce<'j> {
    job_options_json: &'j str,
    /// By a mailbox's own options and folder map: most have none.
    selected: HashMap<(String, String), Option<String>>,
}

impl<'j> InForce<'j> {
    pub(crate) fn new(job_options_json: &'j str) -> Self {
        Self { job_options_json, selected: HashMap::new() }
    }

    /// Its digest for a mailbox; the empty word where no run could.
    pub(crate) fn of(&mut self, row: &GateMailbox<'_>) -> String {
        let job = self.job_options_json;
        let own = (row.options_json.to_string(), row.folder_map_json.to_string());
        let known = self.selected.entry(own).or_insert_with_key(|(own, map)| selected([job, own, ""], map));
        let source = [
            &*row.source_type,
            &row.source_endpoint_id,
            &row.source_host,
            &row.source_user,
            &row.email,
            &row.pst_path,
        ];
        let endpoint = (!row.dest_endpoint_id.is_empty()).then_some(&*row.dest_endpoint_id);
        let (hosts, users) = ([&*row.dest_host, &row.dest_imap_host], [&*row.dest_user, &row.email]);
        digest(known.as_deref(), source, &destination_key(endpoint, hosts, users))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(options: [&str; 3], folder_map_json: &str, destination: &str) -> String {
        let source = ["imap", "", "old.example.org", "", "ana@example.com", ""];
        super::digest(selected(options, folder_map_json).as_deref(), source, destination)
    }

    #[test]
    fn what_selects_changes_the_digest_and_nothing_else_does() {
        let own = r#"{"exclude":["Archive/**"],"folder_map":{"A":"B"}}"#;
        let plain = digest([own, "{}", "{}"], "", "x/ana");
        for (options, map, is_same) in [
            ([r#"{"folder_map":{"A":"B"},"exclude":["Archive/**"]}"#, "", ""], "", true),
            ([own, r#"{"connections":2,"flags":"source"}"#, r#"{"content":"sample"}"#], "{}", true),
            ([own, "{}", r#"{"only_errors":true,"retry_uids":[7]}"#], "", true),
            ([own, "{}", "{}"], r#"{"A":"B"}"#, true),
            (["{}", "{}", "{}"], "", false),
            ([own, r#"{"exclude":[]}"#, "{}"], "", false),
            ([own, "{}", r#"{"folders":["INBOX"]}"#], "", false),
            ([own, r#"{"since_unix_seconds":5}"#, "{}"], "", false),
            ([own, r#"{"before_unix_seconds":5}"#, "{}"], "", false),
            ([own, r#"{"size_bytes_max":5}"#, "{}"], "", false),
            ([own, r#"{"into":"Old"}"#, "{}"], "", false),
            ([own, r#"{"collapse_duplicates":true}"#, "{}"], "", false),
            ([own, "{}", "{}"], r#"{"A":"C"}"#, false),
        ] {
            assert_eq!(digest(options, map, "x/ana") == plain, is_same, "{options:?} {map}");
        }
        assert_ne!(digest([own, "{}", "{}"], "", "y/ana"), plain, "another destination");
    }

    #[test]
    fn what_cannot_be_read_has_no_digest() {
        for (options, map) in [("[]", ""), (r#"{"exlude":[]}"#, ""), ("{}", "[]")] {
            assert_eq!(digest([options, "", ""], map, "x/ana"), "", "{options} {map}");
        }
    }
}
