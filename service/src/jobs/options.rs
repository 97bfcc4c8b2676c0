//! What is wanted of a run, as JSON says it: the job's wishes, over them the mailbox's, over them the run's own.
//! Never guesses: a word that is not known is refused.

use std::collections::BTreeMap;

use malote_engine::damage::is_code;
use malote_engine::plan::message::Uid;
use malote_engine::plan::pattern::Pattern;
use malote_engine::policy::{Content, Duplicates, FlagPolicy, Policy, Retry};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Connections per side at most where nobody says; a run begins with fewer and opens more while that pays.
const CONNECTIONS_UNSAID: usize = 8;
/// Connections per side that may be asked for.
const CONNECTIONS_MAX: usize = 64;
/// Patterns and maps of one kind that are taken.
const PATTERNS_MAX: usize = 1_000;
/// The longest name of a folder that is taken, in octets of UTF-8.
const NAME_BYTES_MAX: usize = 1_000;
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

/// How changes of flags meet on later runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum WantedFlags {
    /// Three-way: what was changed at the source since the last run is changed at the destination.
    #[default]
    Merge,
    /// The destination is made like the source.
    Source,
    /// The destination is left alone.
    Destination,
}

impl From<WantedFlags> for FlagPolicy {
    fn from(wanted: WantedFlags) -> Self {
        match wanted {
            WantedFlags::Merge => Self::Merge,
            WantedFlags::Source => Self::Source,
            WantedFlags::Destination => Self::Destination,
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
    /// Folders that go elsewhere, exact; what lies below follows. A mailbox's own map goes before it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub folder_map: BTreeMap<String, String>,
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
    /// How changes of flags meet on later runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<WantedFlags>,
    /// Connections per side at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<usize>,
    /// Octets that the runs of one mailbox read in a second, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    /// Messages that the runs of one mailbox read in a second, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages_per_second: Option<u64>,
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
    /// Codes of damage of a source that people have accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accept_damage: Vec<String>,
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

    /// The first field with which no run could do, and why: found before any server is asked.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        for (field, patterns) in [("folders", &self.folders), ("exclude", &self.exclude)] {
            let wrong = patterns.iter().find_map(|text| Some((text, Pattern::parse(text).err()?)));
            if let Some((text, error)) = wrong {
                return Some((field, format!("{text:?} is no pattern of folders: {error}")));
            }
        }
        if self.accept_damage.len() > PATTERNS_MAX || !self.accept_damage.iter().all(|code| is_code(code)) {
            return Some((
                "accept_damage",
                "codes that runs told, one in a line, such as 1a2b3c4d5e6f".to_owned(),
            ));
        }
        if self.into.as_deref().is_some_and(|name| !is_name(name)) {
            return Some(("into", "a folder name without control characters".to_owned()));
        }
        if let Some((from, _)) = self.folder_map.iter().find(|(from, to)| !is_name(from) || !is_name(to)) {
            return Some(("folder_map", format!("{from:?} leads to no folder name")));
        }
        if self.folder_map.len() > PATTERNS_MAX {
            return Some(("folder_map", format!("at most {PATTERNS_MAX}")));
        }
        if let (Some(since), Some(before)) = (self.since_unix_seconds, self.before_unix_seconds)
            && since >= before
        {
            return Some(("before_unix_seconds", "no message is that old and that young".to_owned()));
        }
        let nothing = [
            ("size_bytes_max", self.size_bytes_max),
            ("bytes_per_second", self.bytes_per_second),
            ("messages_per_second", self.messages_per_second),
        ];
        if let Some((field, _)) = nothing.into_iter().find(|(_, limit)| *limit == Some(0)) {
            return Some((field, "0 would let nothing through".to_owned()));
        }
        let is_fine = self.connections.is_none_or(|count| (1..=CONNECTIONS_MAX).contains(&count));
        (!is_fine).then(|| ("connections", format!("from 1 to {CONNECTIONS_MAX}")))
    }

    /// The same for the engine, with a mailbox's own folder map: `{"Sent Items":"Sent"}`, or empty.
    ///
    /// # Errors
    /// A sentence, where the map cannot be read.
    pub fn policy(&self, folder_map_json: &str) -> Result<Policy, String> {
        let mut maps = self.folder_map.clone();
        if !folder_map_json.is_empty() {
            let own: BTreeMap<String, String> = serde_json::from_str(folder_map_json)
                .map_err(|cause| format!("the folder map is not {{\"FROM\":\"TO\"}}: {cause}"))?;
            maps.extend(own);
        }
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
            flags: self.flags.unwrap_or_default().into(),
            octets_per_second: self.bytes_per_second,
            messages_per_second: self.messages_per_second,
            connections: self.connections.unwrap_or(CONNECTIONS_UNSAID).clamp(1, CONNECTIONS_MAX),
            repairs: self.repair.unwrap_or(true),
            accepted_damage: self.accept_damage.clone(),
            retry: (self.only_errors == Some(true)).then(|| Retry {
                uids: self.retry_uids.iter().filter_map(|uid| Uid::new(*uid)).collect(),
                ..Retry::default()
            }),
            ..Policy::default()
        })
    }
}

/// Names of folders as people write them.
fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control)
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

    #[test]
    fn a_mailboxs_own_map_goes_before_the_jobs_and_limits_reach_the_engine() {
        let text = r#"{"folder_map":{"Sent Items":"Sent","Old":"Archive"},"flags":"source","bytes_per_second":9,
            "messages_per_second":3}"#;
        let policy = RunOptions::laid(&[text]).unwrap().policy(r#"{"Old":"Elsewhere"}"#).unwrap();
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(policy.maps, [pair("Old", "Elsewhere"), pair("Sent Items", "Sent")]);
        assert_eq!(policy.flags, FlagPolicy::Source);
        assert_eq!((policy.octets_per_second, policy.messages_per_second), (Some(9), Some(3)));
    }

    #[test]
    fn what_no_run_could_do_with_is_found_with_its_field() {
        for (text, field) in [
            (r#"{"exclude":["Trash","/"]}"#, "exclude"),
            (r#"{"folders":[""]}"#, "folders"),
            (r#"{"into":" "}"#, "into"),
            (r#"{"folder_map":{"a":"\u0000"}}"#, "folder_map"),
            (r#"{"since_unix_seconds":5,"before_unix_seconds":5}"#, "before_unix_seconds"),
            (r#"{"size_bytes_max":0}"#, "size_bytes_max"),
            (r#"{"messages_per_second":0}"#, "messages_per_second"),
            (r#"{"connections":65}"#, "connections"),
            (r#"{"connections":0}"#, "connections"),
        ] {
            let found = RunOptions::laid(&[text]).unwrap().fault();
            assert_eq!(found.map(|(field, _)| field), Some(field), "{text}");
        }
        let fine = r#"{"exclude":["Trash/**"],"into":"Old","since_unix_seconds":5,"connections":64}"#;
        assert_eq!(RunOptions::laid(&[fine]).unwrap().fault(), None);
    }
}
