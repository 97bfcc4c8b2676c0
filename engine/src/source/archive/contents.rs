//! What an archive holds, told as a server's survey would tell it.
//! Never lists two folders of one name: a clash of spellings gets a number.

use std::collections::BTreeSet;
use std::sync::Arc;

use malote_plan::folder::{Folder, FolderPath, FolderStatus, NamespaceKind, Naming, Role, WireName};
use malote_plan::promise::Promises;

use crate::exchange::Survey;

/// The most folders that one archive may have.
pub const FOLDERS_MAX: usize = 100_000;

/// Folders, and what the survey coped with.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// The format for reports: `mbox`, `Maildir`.
    pub format: String,
    /// Every folder, as [`folder`] makes them.
    pub folders: Vec<Folder>,
    /// What was coped with, as sentences.
    pub warnings: Vec<String>,
}

impl Contents {
    /// The same as a run takes it from any source.
    #[must_use]
    pub fn into_survey(self) -> Survey {
        let mut taken = BTreeSet::new();
        let mut folders = self.folders;
        for folder in &mut folders {
            folder.path = free(&folder.path, &taken);
            taken.insert(folder.path.clone());
        }
        Survey {
            server: self.format,
            naming: naming(),
            promises: Promises::default(),
            profile: Arc::default(),
            folders,
            dangling_subscriptions: Vec::new(),
            warnings: self.warnings,
        }
    }
}

/// How archives write names: levels parted by `/`, in UTF-8.
#[must_use]
pub fn naming() -> Naming {
    Naming { delimiter: Some('/'), prefix: String::new(), is_utf8: true, ignores_case: false }
}

/// The path itself, or with the lowest free number behind its name.
fn free(path: &FolderPath, taken: &BTreeSet<FolderPath>) -> FolderPath {
    let numbered = |number: usize| {
        let name = format!("{} {number}", path.name());
        path.parent().map_or_else(|| FolderPath::root(&name), |parent| parent.child(&name))
    };
    if !taken.contains(path) {
        return path.clone();
    }
    (2..=taken.len() + 2).map(numbered).find(|path| !taken.contains(path)).unwrap_or_else(|| path.clone())
}

/// One folder of an archive. `wire` is what the archive finds it by, and what the ledger knows it by.
#[must_use]
pub fn folder(path: FolderPath, wire: Vec<u8>, status: Option<FolderStatus>) -> Folder {
    Folder {
        path,
        wire: WireName(wire),
        delimiter: Some('/'),
        is_selectable: true,
        may_have_children: true,
        is_subscribed: true,
        special_use: None,
        namespace: NamespaceKind::Personal,
        status,
    }
}

/// The same with a use that the archive itself states.
#[must_use]
pub fn with_use(folder: Folder, special_use: Option<Role>) -> Folder {
    Folder { special_use, ..folder }
}

/// The levels of a path as a folder; nothing where no level is left.
#[must_use]
pub fn path_of<'a>(levels: impl IntoIterator<Item = &'a str>) -> Option<FolderPath> {
    FolderPath::new(
        levels.into_iter().map(|level| if level.is_empty() { "_" } else { level }.to_owned()).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_folder_stay_two_folders() {
        let names = ["Inbox", "INBOX", "a", "inbox"];
        let folders = names.map(|name| folder(FolderPath::root(name), name.into(), None)).to_vec();
        let survey = Contents { folders, ..Contents::default() }.into_survey();
        let paths: Vec<String> = survey.folders.iter().map(|folder| folder.path.to_string()).collect();
        assert_eq!(paths, ["INBOX", "INBOX 2", "a", "INBOX 3"]);
    }
}
