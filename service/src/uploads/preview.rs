//! What an uploaded file holds: its folders and how many messages each has, by the reader that a copy would use.
//! Never reads more than a glance of a store, nor a whole archive that is large.

use std::path::Path;

use malote_engine::source::archive::book::Book;
use tokio::sync::Semaphore;

use super::{UploadError, place};
use crate::cli::args::{ReaderArg, StoreArgs};
use crate::store::uploads::UploadFile;

/// Archives have no table of contents: they are read through, and a longer one is not, in octets.
pub const READ_THROUGH_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Previews that are made at once.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// A folder of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Decoded, levels parted by `/`.
    pub path: String,
    /// `inbox`, `sent` and so on; empty for an ordinary folder.
    pub role: String,
    /// Messages, those that would be left out too.
    pub messages: u64,
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// The format as its reader calls it.
    pub format: String,
    /// Its folders.
    pub folders: Vec<Seen>,
    /// What could not be read.
    pub damage: Vec<String>,
    /// What is no fault and worth telling.
    pub remarks: Vec<String>,
}

/// Looks into a complete file. `folder` is where uploads lie.
///
/// # Errors
/// Where it is too long for a look, or cannot be read.
pub async fn preview(folder: &Path, id: &str, file: &UploadFile) -> Result<Preview, UploadError> {
    if file.detected_kind != "pst" && file.size_bytes > READ_THROUGH_BYTES_MAX {
        let words = "the file is too long for a look: ask for POST …/extract, which reads it as a run";
        return Err(UploadError::Conflict(words.to_owned()));
    }
    let _permit = AT_ONCE.acquire().await;
    let own = tempfile::tempdir().map_err(UploadError::disk("making a folder"))?;
    let reading = StoreArgs { reader: ReaderArg::Native, second_opinion: 0, ..StoreArgs::default() };
    let (files, _link) = place::look(folder, id, file)?;
    let source = files.source(Book::kept_in(own.path().to_owned(), false), &reading);
    let wrong = |failure: malote_engine::failure::Failure| UploadError::Kind(failure.full_message());
    let survey = source.survey().await.map_err(wrong)?;
    let (mut folders, mut damage) = (Vec::new(), Vec::new());
    for one in &survey.folders {
        let messages = match one.status {
            Some(status) => u64::from(status.messages),
            None => match source.open(one).await {
                Ok(open) => u64::from(open.status().messages),
                Err(failure) => {
                    damage.push(failure.full_message());
                    0
                }
            },
        };
        let role = one.special_use.map_or("", |role| role.as_str()).to_owned();
        folders.push(Seen { path: one.path.to_string(), role, messages });
    }
    damage.extend(source.damage());
    let remarks = source.remarks();
    source.close().await;
    Ok(Preview { format: survey.server, folders, damage, remarks })
}
