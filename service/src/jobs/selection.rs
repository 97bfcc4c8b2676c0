//! What the runs of a mailbox take, and from where to where, as one digest: what was counted under another digest says
//! nothing of what is wanted. Never tells what was changed, only that something was.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::options::RunOptions;
use crate::store::gate_sets::GateMailbox;
use crate::store::mailboxes::{Mailbox, destination_key};
use crate::vault::key::hex;

/// What decides which messages of a mailbox are copied.
struct Selection<'a> {
    /// Options, the first at the bottom: the job's, the mailbox's, the run's own.
    options: [&'a str; 3],
    folder_map_json: &'a str,
    /// Kind, server, host, name there, address and file.
    source: [&'a str; 6],
    destination: String,
}

impl Selection<'_> {
    /// Its digest; the empty word where no run could do with these options.
    fn digest(&self) -> String {
        let Ok(options) = RunOptions::laid(&self.options) else { return String::new() };
        let Ok(policy) = options.policy(self.folder_map_json) else { return String::new() };
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
            self.source,
            self.destination,
        ]);
        hex(&Sha256::digest(told.to_string().as_bytes()))
    }
}

/// What a run with these options of its own takes of a mailbox as it was read when the run began; the empty word where
/// they cannot be read.
#[must_use]
pub fn selection_of(mailbox: &Mailbox, run_options_json: &str) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Selection {
        options: [&mailbox.job_options_json, &mailbox.options_json, run_options_json],
        folder_map_json: &mailbox.folder_map_json,
        source: [
            mailbox.source_type.as_str(),
            &text(&mailbox.source_endpoint_id),
            &mailbox.source_host,
            &mailbox.source_user,
            &mailbox.email,
            &mailbox.pst_path,
        ],
        destination: mailbox.destination_key(),
    }
    .digest()
}

/// What a run would take of a mailbox that was begun now; the empty word where no run could.
pub(crate) fn selection_in_force(job_options_json: &str, row: &GateMailbox<'_>) -> String {
    let endpoint = (!row.dest_endpoint_id.is_empty()).then_some(&*row.dest_endpoint_id);
    Selection {
        options: [job_options_json, &row.options_json, ""],
        folder_map_json: &row.folder_map_json,
        source: [
            &row.source_type,
            &row.source_endpoint_id,
            &row.source_host,
            &row.source_user,
            &row.email,
            &row.pst_path,
        ],
        destination: destination_key(
            endpoint,
            [&row.dest_host, &row.dest_imap_host],
            [&row.dest_user, &row.email],
        ),
    }
    .digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(options: [&str; 3], folder_map_json: &str, destination: &str) -> String {
        let source = ["imap", "", "old.example.org", "", "ana@example.com", ""];
        Selection { options, folder_map_json, source, destination: destination.to_owned() }.digest()
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
