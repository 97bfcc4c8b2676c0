//! Finds the Maildirs below a folder: Maildir++ (`.Sent.2024`) and folders in folders.
//! Never goes into `cur`, `new` or `tmp`, and never follows a link.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use malote_plan::folder::{FolderPath, Naming};
use malote_plan::folder_name;

use crate::source::archive::contents::{FOLDERS_MAX, path_of};
use crate::source::archive::files::{self, DEPTH_MAX, Link, Target};

/// Longest file of subscriptions, keywords or UIDs that is read, in octets.
const SMALL_OCTETS_MAX: u64 = 1024 * 1024 * 1024;

/// One Maildir.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maildir {
    /// Where it is.
    pub path: PathBuf,
    /// Its way from the top as octets, which is its wire name; empty for the top itself.
    pub wire: Vec<u8>,
    /// The folder that it is.
    pub folder: FolderPath,
}

/// What lies below a folder.
#[derive(Debug, Default)]
pub struct Tree {
    /// Every Maildir, parents first.
    pub maildirs: Vec<Maildir>,
    /// Links among the folders.
    links: Vec<Link>,
    damage: Vec<String>,
}

impl Tree {
    /// What could not be read, as sentences.
    #[must_use]
    pub fn damage(&self) -> Vec<String> {
        let mut damage = self.damage.clone();
        // A lock of an editor leads nowhere, and is none of a folder.
        let is_lock =
            |link: &Link| link.path.file_name().is_some_and(|name| name.as_bytes().starts_with(b".#"));
        let is_missing = |link: &&Link| match link.target() {
            Target::Folder => true,
            Target::Nothing => !is_lock(link),
            Target::OwnFolder | Target::File => false,
        };
        let missing = self.links.iter().filter(is_missing).map(Link::damage);
        files::tell(&mut damage, missing, "links lead to folders that are not read");
        damage
    }

    /// Second names of folders that are read under their first ones, as sentences.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let own = self.links.iter().filter(|link| link.target() == Target::OwnFolder);
        let sentence = |link: &Link| {
            let (path, to) = (link.path.display(), link.leads_to.display());
            format!("{path}: is a link to {to}, whose messages are read there and not a second time")
        };
        files::tell(&mut remarks, own.map(sentence), "links are second names of folders");
        remarks
    }
}

/// Every Maildir below `top`, parents first, and what could not be listed.
///
/// # Errors
/// Where `top` cannot be listed, or a limit is passed.
pub fn find(top: &Path) -> io::Result<(Vec<Maildir>, Vec<String>)> {
    let tree = survey(top)?;
    Ok((tree.maildirs, tree.damage))
}

/// Everything below `top`, links too.
///
/// # Errors
/// As [`find`].
pub fn survey(top: &Path) -> io::Result<Tree> {
    let mut tree = Tree::default();
    descend((top, top), &[], &mut tree)?;
    tree.maildirs.sort_by(|one, other| one.wire.cmp(&other.wire));
    tree.links.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(tree)
}

fn descend((top, path): (&Path, &Path), levels: &[Vec<u8>], tree: &mut Tree) -> io::Result<()> {
    let limit = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    if levels.len() > DEPTH_MAX {
        return Err(limit(format!("{}: folders lie deeper than {DEPTH_MAX}", path.display())));
    }
    if is_maildir(path) {
        let folder = folder_of(levels);
        tree.maildirs.push(Maildir { path: path.to_owned(), wire: levels.join(&b'/'), folder });
    }
    if tree.maildirs.len() > FOLDERS_MAX {
        return Err(limit(format!("{}: more than {FOLDERS_MAX} folders", path.display())));
    }
    let entries = match std::fs::read_dir(path) {
        Err(cause) if !levels.is_empty() => {
            tree.damage.push(format!("{}: cannot be listed: {cause}", path.display()));
            return Ok(());
        }
        answered => answered?,
    };
    for entry in entries {
        let entry = entry?;
        let name = std::os::unix::ffi::OsStringExt::into_vec(entry.file_name());
        let is_own = is_maildir(path) && matches!(name.as_slice(), b"cur" | b"new" | b"tmp");
        // A link's own type is told, not that of what it points to.
        let kind = entry.file_type()?;
        if kind.is_symlink() && name != b"tmp" {
            tree.links.push(Link::at(&entry.path(), top));
        }
        if kind.is_dir() && !is_own {
            let mut own = levels.to_vec();
            own.push(name);
            descend((top, &entry.path()), &own, tree)?;
        }
    }
    Ok(())
}

fn is_maildir(path: &Path) -> bool {
    let is_folder = |name: &str| std::fs::symlink_metadata(path.join(name)).is_ok_and(|found| found.is_dir());
    is_folder("cur") || is_folder("new")
}

/// The folder of a way: a name that begins with a dot holds several levels parted by dots.
fn folder_of(levels: &[Vec<u8>]) -> FolderPath {
    let mut all = Vec::new();
    for level in levels {
        match level.strip_prefix(b".").filter(|rest| !rest.is_empty()) {
            Some(rest) => all.extend_from_slice(decoded(rest, Some('.')).levels()),
            None => all.extend_from_slice(decoded(level, None).levels()),
        }
    }
    path_of(all.iter().map(String::as_str)).unwrap_or_else(|| FolderPath::root(malote_plan::folder::INBOX))
}

/// Names are in modified UTF-7 unless they show that they are not.
fn decoded(name: &[u8], delimiter: Option<char>) -> FolderPath {
    let naming = Naming { delimiter, prefix: String::new(), is_utf8: !name.is_ascii(), ignores_case: false };
    folder_name::decode(name, delimiter, &naming)
}

/// A small file's text; empty where there is none.
///
/// # Errors
/// Where there is one and it cannot be read.
pub fn text(path: &Path) -> io::Result<String> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_file() && found.len() <= SMALL_OCTETS_MAX => {
            Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
        }
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_lay_folders_out_are_read() {
        for (levels, expected) in [
            (vec![], "INBOX"),
            (vec![".Sent"], "Sent"),
            (vec![".Work.2024.Q1"], "Work/2024/Q1"),
            (vec![".Or&AOc-amento"], "Orçamento"),
            (vec![".Orçamento"], "Orçamento"),
            (vec!["Work", "Q1.old"], "Work/Q1.old"),
            (vec!["INBOX", "x"], "INBOX/x"),
        ] {
            let levels: Vec<Vec<u8>> = levels.into_iter().map(|level: &str| level.into()).collect();
            assert_eq!(folder_of(&levels).to_string(), expected);
        }
    }
}
