//! Where readers find an uploaded file: mostly where it lies; where a reader goes by names, at a link of ours.
//! Never follows a name that a person chose further than to one harmless word.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use malote_engine::failure::Side;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::UploadError;
use super::disk::{ID_OCTETS, digest, path_of};
use super::kind::Kind;
use crate::cli::files::Files;
use crate::store::uploads::UploadFile;

/// The folder of links, beside the files: a hard link does not lead to another disk.
const LINKS: &str = ".read";
/// Longest name of a link, in characters.
const NAME_CHARACTERS_MAX: usize = 48;
/// What an mbox is called whose own name holds no letter.
const NAMELESS: &str = "Imported";

/// The folder of links that are made for a look alone.
const LOOKS: &str = ".look";

/// The file as a source of mail for a run. `folder` is where uploads lie.
///
/// # Errors
/// Where it is gone, or was never completed.
pub(crate) fn files(folder: &Path, id: &str, file: &UploadFile) -> Result<Files, UploadError> {
    placed(folder, id, file, &folder.join(LINKS).join(id))
}

/// The file as a source of mail for a look, and the folder of its link: runs and other looks, whose links come and go
/// meanwhile, do not touch it, and it goes with its value.
///
/// # Errors
/// As [`files`].
pub(crate) fn look(folder: &Path, id: &str, file: &UploadFile) -> Result<(Files, TempDir), UploadError> {
    let looks = folder.join(LOOKS);
    let make = || {
        DirBuilder::new().recursive(true).mode(0o700).create(&looks)?;
        tempfile::Builder::new().prefix(id).tempdir_in(&looks)
    };
    let own = make().map_err(UploadError::disk("making a folder"))?;
    Ok((placed(folder, id, file, own.path())?, own))
}

/// Removes what looks have left whose service died, of files that are not `living`.
///
/// # Errors
/// Where the disk does not let us.
pub fn forget_looks(folder: &Path, living: &BTreeSet<String>) -> Result<(), UploadError> {
    for name in names(&folder.join(LOOKS))? {
        if name.get(..ID_OCTETS).is_none_or(|id| !living.contains(id)) {
            remove_folder(&folder.join(LOOKS).join(name))?;
        }
    }
    Ok(())
}

fn placed(folder: &Path, id: &str, file: &UploadFile, links: &Path) -> Result<Files, UploadError> {
    if file.state != "complete" {
        return Err(UploadError::Ended(file.state.clone()));
    }
    let kind = Kind::named(&file.detected_kind);
    let kind = kind.ok_or_else(|| UploadError::Kind("the file was never looked at".to_owned()))?;
    let path = path_of(folder, id).ok_or_else(|| UploadError::Ended("not there".to_owned()))?;
    let length = path.symlink_metadata().map_err(UploadError::disk("looking for an uploaded file"))?.len();
    if length != file.size_bytes {
        let words =
            format!("the file has {length} octets on the disk, and {} were uploaded", file.size_bytes);
        return Err(UploadError::Conflict(words));
    }
    let (scheme, place) = match kind {
        Kind::Pst => ("pst", path),
        Kind::Tgz => ("tgz", path),
        Kind::Zip => ("eml", path),
        Kind::Mbox => {
            let name = format!("{}.mbox", harmless(&file.file_name));
            ("mbox", link(links, &path, &name)?)
        }
        Kind::Eml => {
            link(links, &path, "message.eml")?;
            ("eml", links.to_owned())
        }
    };
    let text =
        place.to_str().ok_or_else(|| UploadError::Kind("the data folder's name is not UTF-8".to_owned()))?;
    let parsed = Files::parse(Side::Source, &format!("{scheme}:{text}"));
    let parsed = parsed.map_err(|stopped| UploadError::Kind(stopped.message))?;
    parsed.ok_or_else(|| UploadError::Kind("the file cannot be named as a source".to_owned()))
}

/// Holds the octets on the disk against those that were uploaded, before what was made of them has the last word: a
/// disk may give others back than it took. An older program may have kept no digest.
///
/// # Errors
/// Where they are others, or the disk does not give them.
pub(crate) async fn prove(
    folder: &Path,
    id: &str,
    file: &UploadFile,
    stop: CancellationToken,
) -> Result<(), UploadError> {
    let path = path_of(folder, id).ok_or_else(|| UploadError::Ended("not there".to_owned()))?;
    if file.sha256.is_empty() {
        return Ok(());
    }
    match digest(path, stop).await? {
        Some(found) if found.sha256 != file.sha256 => {
            let (found, told) = (found.sha256, &file.sha256);
            Err(UploadError::Conflict(format!(
                "the octets on the disk are not those that were uploaded (SHA-256 {found} instead of {told}): \
                 upload the file again"
            )))
        }
        _ => Ok(()),
    }
}

/// Makes a link to the file below `links`; the link's path.
fn link(links: &Path, file: &Path, name: &str) -> Result<PathBuf, UploadError> {
    let (fail, path) = (UploadError::disk("making a link to an uploaded file"), links.join(name));
    let make = || {
        DirBuilder::new().recursive(true).mode(0o700).create(links)?;
        match std::fs::hard_link(file, &path) {
            Err(cause) if cause.kind() == ErrorKind::AlreadyExists => Ok(()),
            done => done,
        }
    };
    make().map_err(fail)?;
    Ok(path)
}

/// Removes a file's links; they are made again where they are needed.
///
/// # Errors
/// Where the disk does not let us.
pub fn clear(folder: &Path, id: &str) -> Result<(), UploadError> {
    if path_of(folder, id).is_none() {
        return Ok(());
    }
    remove_folder(&folder.join(LINKS).join(id))
}

fn remove_folder(path: &Path) -> Result<(), UploadError> {
    match std::fs::remove_dir_all(path) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => {
            Err(UploadError::disk("removing links to an upload")(cause))
        }
        _ => Ok(()),
    }
}

/// Ids of the files that have links for runs.
///
/// # Errors
/// Where the disk does not let us.
pub fn linked(folder: &Path) -> Result<Vec<String>, UploadError> {
    names(&folder.join(LINKS))
}

/// What lies in a folder; nothing where there is none.
fn names(folder: &Path) -> Result<Vec<String>, UploadError> {
    let fail = || UploadError::disk("listing links to uploads");
    let entries = match std::fs::read_dir(folder) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(fail())?,
    };
    entries.map(|entry| Ok(entry.map_err(fail())?.file_name().to_string_lossy().into_owned())).collect()
}

/// A file's name without its folder and its ending, and of that letters, digits and spaces.
fn harmless(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| if stem.is_empty() { last } else { stem });
    let plain: String = stem
        .chars()
        .map(
            |letter| if letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_') { letter } else { '_' },
        )
        .take(NAME_CHARACTERS_MAX)
        .collect();
    let plain = plain.trim();
    if plain.chars().any(char::is_alphanumeric) { plain.to_owned() } else { NAMELESS.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_keeps_its_link_whatever_runs_do_with_theirs() {
        let folder = tempfile::tempdir().expect("a folder");
        let id = "0b6f1b1e-0000-4000-8000-0123456789ab";
        std::fs::write(path_of(folder.path(), id).expect("it is an id"), b"From a").expect("it is ours");
        let file = UploadFile {
            file_name: "a.mbox".to_owned(),
            detected_kind: "mbox".to_owned(),
            size_bytes: 6,
            path: id.to_owned(),
            state: "complete".to_owned(),
            sha256: String::new(),
        };
        files(folder.path(), id, &file).expect("a run");
        let (_, own) = look(folder.path(), id, &file).expect("a look");
        clear(folder.path(), id).expect("the run ends");
        assert!(own.path().join("a.mbox").exists());
        assert_eq!(linked(folder.path()).expect("it is there"), [""; 0]);
        let left = own.keep();
        forget_looks(folder.path(), &BTreeSet::from([id.to_owned()])).expect("a sweep");
        assert!(left.exists(), "the file lives");
        forget_looks(folder.path(), &BTreeSet::new()).expect("a sweep");
        assert!(!left.exists());
    }

    #[tokio::test]
    async fn octets_that_the_disk_gives_back_otherwise_are_refused_and_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let id = "0b6f1b1e-0000-4000-8000-0123456789ab";
        let path = path_of(folder.path(), id).expect("it is an id");
        std::fs::write(&path, b"From a").expect("it is ours");
        let digest = digest(path.clone(), CancellationToken::new()).await.expect("it is there");
        let file = UploadFile {
            file_name: "a.mbox".to_owned(),
            detected_kind: "mbox".to_owned(),
            size_bytes: 6,
            path: id.to_owned(),
            state: "complete".to_owned(),
            sha256: digest.expect("nobody stopped it").sha256,
        };
        let prove = async |file: &UploadFile| prove(folder.path(), id, file, CancellationToken::new()).await;
        assert!(prove(&file).await.is_ok());
        std::fs::write(&path, b"From b").expect("it is ours");
        let refused = prove(&file).await.expect_err("one octet is another").to_string();
        assert!(refused.contains("upload the file again"), "{refused}");
        assert!(prove(&UploadFile { sha256: String::new(), ..file }).await.is_ok());
    }

    #[test]
    fn a_name_becomes_one_harmless_word() {
        for (name, expected) in [
            ("Sent.mbox", "Sent"),
            ("../../etc/passwd", "passwd"),
            (r"C:\mail\Enviadas 2020.mbox", "Enviadas 2020"),
            ("..", NAMELESS),
            ("", NAMELESS),
            (".mbox", "_mbox"),
            ("a?variant=mboxcl2.mbox", "a_variant_mboxcl2"),
            ("\u{202e}gnp", "_gnp"),
        ] {
            assert_eq!(harmless(name), expected, "{name}");
        }
        assert_eq!(harmless(&"é".repeat(500)).chars().count(), NAME_CHARACTERS_MAX);
    }
}
