//! Where a pair's ledger and quarantine lie when nobody says.
//! Never makes a file: folders only, and only for a command that writes.

use std::env;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use malote_engine::ledger::PairIdentity;

use super::exit::Stopped;

/// Letters of one mailbox's part in a file's name at most.
const NAME_LETTERS_MAX: usize = 60;

/// `$XDG_STATE_HOME/malote`, else `~/.local/state/malote`.
pub fn default_folder() -> Result<PathBuf, Stopped> {
    default_folder_of(|name| env::var_os(name))
}

fn default_folder_of(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Stopped> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("malote")).ok_or_else(|| {
        Stopped::usage(
            "finding a place for the ledger: neither XDG_STATE_HOME nor HOME is set; give --state FILE",
        )
    })
}

/// The name of a pair's ledger: both mailboxes for the eye, and a hash that tells every pair from every other.
pub fn file_name(identity: &PairIdentity) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(identity.source.as_bytes()).update(b"\0").update(identity.destination.as_bytes());
    let hash = hasher.finalize().to_hex();
    format!("{}--{}-{}.sqlite", readable(&identity.source), readable(&identity.destination), &hash[..12])
}

/// Where quarantined messages lie when nobody says: `<state>.quarantine`.
pub fn quarantine_beside(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".quarantine");
    PathBuf::from(name)
}

/// Where it is kept what both servers were seen to do: `<state>.observed.json`.
pub fn observed_beside(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".observed.json");
    PathBuf::from(name)
}

/// Where the UIDs of messages in files are kept: `<state>.uids`.
pub fn uids_beside(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".uids");
    PathBuf::from(name)
}

/// Makes the folder that `state` shall lie in, readable by its owner alone where it is new.
pub fn make_folder_of(state: &Path) -> Result<(), Stopped> {
    let Some(folder) = state.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|cause| {
        let message = format!("making the folder {} for the ledger: {cause}", folder.display());
        match cause.kind() {
            // Another place is not wanted, but a disk that takes it.
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem => {
                Stopped::early(message)
            }
            _ => Stopped::usage(message),
        }
    })
}

fn readable(location: &str) -> String {
    let place = location.split_once("://").map_or(location, |(_, place)| place);
    let plain = |letter: char| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '@' => letter,
        _ => '_',
    };
    place.trim_start_matches('.').chars().map(plain).take(NAME_LETTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(source: &str, destination: &str) -> PairIdentity {
        PairIdentity { source: source.to_owned(), destination: destination.to_owned() }
    }

    #[test]
    fn names_can_be_read_and_told_apart() {
        let name = file_name(&pair("imaps://ana%40x.org@old.example:993", "imap://bia@[::1]:143"));
        assert!(name.starts_with("ana_40x.org@old.example_993--bia@___1__143-"), "{name}");
        assert!(name.ends_with(".sqlite"));
        assert_ne!(name, file_name(&pair("imap://bia@[::1]:143", "imaps://ana%40x.org@old.example:993")));
        assert_ne!(file_name(&pair("imap://a/b@h", "x")), file_name(&pair("imap://a_b@h", "x")));
        let long = file_name(&pair(&format!("imaps://{}@h", "é/..".repeat(200)), "imaps://b@h"));
        assert!(long.len() < 255 && !long.contains('/'), "{long}");
    }

    #[test]
    fn the_folder_follows_the_users_wish() {
        for (state, home, folder) in [
            (Some("/s"), Some("/h"), Some("/s/malote")),
            (Some("s"), Some("/h"), Some("/h/.local/state/malote")),
            (None, Some("/h"), Some("/h/.local/state/malote")),
            (None, None, None),
        ] {
            let found =
                default_folder_of(|name| (if name == "HOME" { home } else { state }).map(OsString::from));
            assert_eq!(found.ok(), folder.map(PathBuf::from));
        }
        assert_eq!(quarantine_beside(Path::new("/s/a.sqlite")), Path::new("/s/a.sqlite.quarantine"));
    }
}
