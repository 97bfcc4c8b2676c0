//! How much may be uploaded, by name; an administrator may set other numbers.
//! Never lifts a limit because a setting cannot be read.

use serde::Deserialize;

use crate::store::Store;

/// Longest chunk, in octets: what a broken line costs at most.
pub const CHUNK_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Shortest chunk that is not the last, in octets: a row is written for each.
pub const CHUNK_BYTES_MIN: u64 = 64 * 1024;
/// Longest name of a file that is kept, in characters.
pub const NAME_CHARACTERS_MAX: usize = 255;
/// Files of a job that are told of, and that it may have.
pub const FILES_OF_JOB_MAX: usize = 1_000;
/// An upload that nobody goes on with is given up after so long, in milliseconds: a day.
pub const IDLE_MILLIS: i64 = 86_400_000;
/// A complete file that no mailbox takes goes after so long, in milliseconds: 30 days.
pub const KEPT_MILLIS: i64 = 30 * 86_400_000;

/// What may be set: the row `uploads` of `system_settings`, a JSON object with any of these members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Longest file, in octets.
    pub file_bytes_max: u64,
    /// All files of one tenant, in octets.
    pub tenant_bytes_max: u64,
    /// Uploads that one user has open at once.
    pub open_per_user_max: u64,
    /// Octets of the disk that no upload may take.
    pub free_bytes_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes_max: 50 * 1024 * 1024 * 1024,
            tenant_bytes_max: 500 * 1024 * 1024 * 1024,
            open_per_user_max: 4,
            free_bytes_min: 256 * 1024 * 1024,
        }
    }
}

impl Limits {
    /// The limits that hold now.
    ///
    /// # Errors
    /// What the database says.
    pub async fn now(store: &Store) -> crate::store::Result<Self> {
        let Some(text) = store.upload_limits().await? else { return Ok(Self::default()) };
        Ok(serde_json::from_str(&text).unwrap_or_else(|cause| {
            tracing::error!("the setting uploads cannot be used, and the limits are the usual ones: {cause}");
            Self::default()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_as_usual() {
        let limits: Limits = serde_json::from_str(r#"{"file_bytes_max":7}"#).unwrap();
        assert_eq!(limits, Limits { file_bytes_max: 7, ..Limits::default() });
        assert!(serde_json::from_str::<Limits>(r#"{"file_bytes":7}"#).is_err());
    }
}
