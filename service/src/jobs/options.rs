//! What is wanted of a run, as JSON says it: the job's wishes, over them the mailbox's, over them the run's own.
//! Never guesses: a word that is not known is refused.

use std::collections::BTreeMap;

use malote_engine::plan::message::Uid;
use malote_engine::policy::{Content, Duplicates, Policy, Retry};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Connections per side at most where nobody says; a run begins with fewer and opens more while that pays.
const CONNECTIONS_UNSAID: usize = 8;
/// Connections per side that may be asked for.
const CONNECTIONS_MAX: usize = 64;
/// Patterns and maps of one kind that are taken.
const PATTERNS_MAX: usize = 1_000;
/// Quarantined messages that one run is told to try again by name.
const RETRIES_MAX: usize = 10_000;

/// How much of the messages a verification reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum WantedContent {
    /// Counts alone.
    None,
    /// A sample of each folder.
    #[default]
    Sample,
    /// Every message.
    Full,
}

impl From<WantedContent> for Content {
    fn from(wanted: WantedContent) -> Self {
        match wanted {
            WantedContent::None => Self::None,
            WantedContent::Sample => Self::Sample,
            WantedContent::Full => Self::Full,
        }
    }
}

/// What may be said in `options_json` of a job, a mailbox or a run; what is unsaid is as `malote copy` has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunOptions {
    /// Folders to take, as globs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<String>,
    /// Folders to leave out, as globs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Everything goes below this destination folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// Only messages received at or after this moment, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_unix_seconds: Option<i64>,
    /// Only messages received before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_unix_seconds: Option<i64>,
    /// Larger messages are quarantined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes_max: Option<u64>,
    /// Whether byte-identical messages of one folder become one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collapse_duplicates: Option<bool>,
    /// Connections per side at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<usize>,
    /// Whether refused messages may be mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<bool>,
    /// Whether to try quarantined messages again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_errors: Option<bool>,
    /// Which of the quarantined messages to try again, by UID or node; all where none is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retry_uids: Vec<u32>,
    /// What becomes of an item of a store with a part that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<WantedUnreadable>,
    /// How much a verification reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<WantedContent>,
}

/// What becomes of an item of a store with a part that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum WantedUnreadable {
    /// It is kept back, and named.
    #[default]
    Quarantine,
    /// It is carried, with a part that says what is missing.
    Stub,
}

impl RunOptions {
    /// Lays texts over each other, the first at the bottom; empty ones say nothing.
    ///
    /// # Errors
    /// A sentence, where one is not an object, or says what is not known.
    pub fn laid(texts: &[&str]) -> Result<Self, String> {
        let mut all = serde_json::Map::new();
        for text in texts.iter().filter(|text| !text.is_empty()) {
            let value: Value =
                serde_json::from_str(text).map_err(|cause| format!("the options are no JSON: {cause}"))?;
            let Value::Object(own) = value else { return Err("the options are no JSON object".to_owned()) };
            all.extend(own);
        }
        let options: Self = serde_json::from_value(Value::Object(all))
            .map_err(|cause| format!("the options cannot be used: {cause}"))?;
        if options.retry_uids.len() > RETRIES_MAX {
            return Err(format!("more than {RETRIES_MAX} messages to try again"));
        }
        if options.folders.len().max(options.exclude.len()) > PATTERNS_MAX {
            return Err(format!("more than {PATTERNS_MAX} patterns"));
        }
        Ok(options)
    }

    /// The same for the engine, with a mailbox's own folder map: `{"Sent Items":"Sent"}`, or empty.
    ///
    /// # Errors
    /// A sentence, where the map cannot be read.
    pub fn policy(&self, folder_map_json: &str) -> Result<Policy, String> {
        let maps: BTreeMap<String, String> = if folder_map_json.is_empty() {
            BTreeMap::new()
        } else {
            serde_json::from_str(folder_map_json)
                .map_err(|cause| format!("the folder map is not {{\"FROM\":\"TO\"}}: {cause}"))?
        };
        if maps.len() > PATTERNS_MAX {
            return Err(format!("the folder map has more than {PATTERNS_MAX} folders"));
        }
        let is_collapsing = self.collapse_duplicates == Some(true);
        Ok(Policy {
            folders: self.folders.clone(),
            excludes: self.exclude.clone(),
            maps: maps.into_iter().collect(),
            into: self.into.clone(),
            since_unix_seconds: self.since_unix_seconds,
            before_unix_seconds: self.before_unix_seconds,
            octets_max: self.size_bytes_max,
            duplicates: if is_collapsing { Duplicates::Collapse } else { Duplicates::Keep },
            connections: self.connections.unwrap_or(CONNECTIONS_UNSAID).clamp(1, CONNECTIONS_MAX),
            repairs: self.repair.unwrap_or(true),
            retry: (self.only_errors == Some(true)).then(|| Retry {
                uids: self.retry_uids.iter().filter_map(|uid| Uid::new(*uid)).collect(),
                ..Retry::default()
            }),
            ..Policy::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_goes_before_the_mailbox_and_the_mailbox_before_the_job() {
        let laid = RunOptions::laid(&[
            r#"{"exclude":["Trash"],"connections":4,"size_bytes_max":9}"#,
            "",
            r#"{"connections":2}"#,
            r#"{"only_errors":true}"#,
        ]);
        let policy = laid.unwrap().policy(r#"{"Sent Items":"Sent"}"#).unwrap();
        assert_eq!((policy.connections, policy.octets_max), (2, Some(9)));
        assert_eq!(policy.excludes, ["Trash"]);
        assert_eq!(policy.maps, [("Sent Items".to_owned(), "Sent".to_owned())]);
        assert_eq!(policy.retry, Some(Retry::default()));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for text in [r#"{"exlude":[]}"#, "[]", "{", r#"{"connections":"many"}"#] {
            assert!(RunOptions::laid(&[text]).is_err(), "{text}");
        }
        assert!(RunOptions::default().policy(r#"{"a":1}"#).is_err());
        assert_eq!(RunOptions::default().policy("").unwrap().connections, CONNECTIONS_UNSAID);
        let greedy = RunOptions { connections: Some(100_000), ..RunOptions::default() };
        assert_eq!(greedy.policy("").unwrap().connections, CONNECTIONS_MAX);
    }
}
