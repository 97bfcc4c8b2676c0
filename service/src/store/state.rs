//! Backups of what a service on one machine knows: its database and its ledgers, with a manifest that proves them.
//! Never holds keys, uploads or messages: those lie elsewhere in the data folder.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Result, Store, StoreError, Where, migrate};
use crate::binds;

/// The manifest's format.
const SCHEMA: &str = "malote.backup/1";
/// The manifest's name; written last, so that a backup without one was broken off.
const MANIFEST: &str = "manifest.json";
/// The database's name, in a data folder and in a backup.
const DATABASE: &str = "malote.sqlite";
/// The folder of ledgers, likewise.
const LEDGERS: &str = "ledgers";
/// Longest manifest that is read, in octets: a ledger takes two lines of it.
const MANIFEST_OCTETS_MAX: u64 = 256 * 1024 * 1024;
/// Octets that are read at once.
const CHUNK_OCTETS: usize = 256 * 1024;

/// Writes a whole copy of a database, as it is at this moment. Binds: path.
const COPY: &str = "VACUUM INTO $1";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The manifest's form.
    pub schema: String,
    /// When it was made, RFC 3339.
    pub made_at: String,
    /// By which malote.
    pub program_version: String,
    /// The newest migration of its database.
    pub migration: i64,
    /// Its files.
    pub files: Vec<BackedUp>,
    /// Ledgers that could not be read, with the reason: their mailboxes are looked through anew.
    pub left_out: Vec<LeftOut>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUp {
    /// Below the backup's folder.
    pub path: String,
    /// Its length.
    pub size_bytes: u64,
    /// Its SHA-256, as hexadecimal digits.
    pub sha256: String,
}

/// A ledger that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Below the data folder.
    pub path: String,
    /// Why.
    pub reason: String,
}

fn wrong(tried: &str, path: &Path, cause: &dyn std::fmt::Display) -> StoreError {
    StoreError::Place(format!("{tried} {}: {cause}", path.display()))
}

/// Copies the database and the ledgers of the data folder into the new folder `to`; workers may be at work. A ledger
/// that is older than what was copied since is safe: what is at the destination already is found there.
///
/// # Errors
/// Where `to` is not empty, or anything but a ledger cannot be read or written.
pub async fn back_up(data: &Path, to: &Path, now_at: &str) -> Result<Manifest> {
    let database = data.join(DATABASE);
    if !database.is_file() {
        return Err(wrong("backing up", &database, &"there is no database"));
    }
    make_empty(to).map_err(|cause| wrong("making the folder", to, &cause))?;
    let (mut files, mut left_out) = (Vec::new(), Vec::new());
    let store = Store::connect(&Where::Sqlite(database)).await?;
    let migration = migrate::status(&store).await?.iter().filter(|step| !step.applied_at.is_empty()).count();
    copy(&store, &to.join(DATABASE)).await?;
    store.close().await;
    files.push(described(to, DATABASE)?);
    for name in ledgers(data)? {
        let (from, path) = (data.join(LEDGERS).join(&name), format!("{LEDGERS}/{name}"));
        let copied = if name.ends_with(".json") {
            fs::copy(&from, to.join(&path)).map(|_| ()).map_err(|cause| wrong("copying", &from, &cause))
        } else {
            copy_ledger(&from, &to.join(&path)).await
        };
        match copied {
            Ok(()) => files.push(described(to, &path)?),
            Err(error) => {
                // What there is of it proves nothing.
                let _ = fs::remove_file(to.join(&path));
                left_out.push(LeftOut { path, reason: error.to_string() });
            }
        }
    }
    let manifest = Manifest {
        schema: SCHEMA.to_owned(),
        made_at: now_at.to_owned(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        migration: i64::try_from(migration).unwrap_or(i64::MAX),
        files,
        left_out,
    };
    write_manifest(to, &manifest).map_err(|cause| wrong("writing the manifest in", to, &cause))?;
    Ok(manifest)
}

/// Brings a backup back into a data folder that has no database; nothing is changed before every file is proven.
///
/// # Errors
/// Where a file is missing, longer, shorter or another than the manifest says, or the data folder is in use.
pub fn restore(from: &Path, data: &Path) -> Result<Manifest> {
    let manifest = read_manifest(from)?;
    if data.join(DATABASE).exists() {
        let what = "there is a database already: stop the service and move it away first";
        return Err(wrong("restoring into", data, &what));
    }
    for file in &manifest.files {
        let path = safe(&file.path)?;
        if described(from, &file.path)? != *file {
            let what = "it is not the file that the manifest tells of";
            return Err(wrong("checking", &from.join(path), &what));
        }
    }
    make_folder(&data.join(LEDGERS)).map_err(|cause| wrong("making the folder", data, &cause))?;
    // The database comes last: where it is, everything is.
    let (database, others): (Vec<_>, Vec<_>) = manifest.files.iter().partition(|file| file.path == DATABASE);
    for file in others.into_iter().chain(database) {
        let (source, target) = (from.join(&file.path), data.join(safe(&file.path)?));
        place(&source, &target).map_err(|cause| wrong("restoring", &target, &cause))?;
        if described(data, &file.path)? != *file {
            return Err(wrong("restoring", &target, &"the disk gives back other octets than were written"));
        }
    }
    Ok(manifest)
}

async fn copy(store: &Store, to: &Path) -> Result<()> {
    let path = to.to_str().ok_or_else(|| wrong("writing", to, &"its name is not UTF-8"))?;
    store.run("copying a database", COPY, binds![path]).await?;
    fs::File::open(to).and_then(|file| file.sync_all()).map_err(|cause| wrong("writing", to, &cause))
}

async fn copy_ledger(from: &Path, to: &Path) -> Result<()> {
    let store = Store::connect(&Where::Sqlite(from.to_owned())).await?;
    let copied = copy(&store, to).await;
    store.close().await;
    copied
}

/// The ledgers and what lies beside them, by name; damaged ones that were put aside are left there.
fn ledgers(data: &Path) -> Result<Vec<String>> {
    let folder = data.join(LEDGERS);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&folder).map_err(|cause| wrong("reading", &folder, &cause))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|cause| wrong("reading", &folder, &cause))?.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.ends_with(".sqlite") || name.ends_with(".observed.json") {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn described(folder: &Path, path: &str) -> Result<BackedUp> {
    let whole = folder.join(safe(path)?);
    let (size_bytes, sha256) = digest(&whole).map_err(|cause| wrong("reading", &whole, &cause))?;
    Ok(BackedUp { path: path.to_owned(), size_bytes, sha256 })
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hasher, mut length) = (fs::File::open(path)?, Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK_OCTETS];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        hasher.update(&chunk[..read]);
        length += read as u64;
    }
    let digits = hasher.finalize().iter().map(|octet| format!("{octet:02x}")).collect();
    Ok((length, digits))
}

/// A path of a manifest: below its folder, and one that a backup writes.
fn safe(path: &str) -> Result<PathBuf> {
    let read = Path::new(path);
    let parts: Vec<Component<'_>> = read.components().collect();
    let is_plain = parts.iter().all(|part| matches!(part, Component::Normal(_)));
    let is_ours = path == DATABASE || (parts.len() == 2 && read.starts_with(LEDGERS));
    if is_plain && is_ours && !path.contains('\0') {
        return Ok(read.to_owned());
    }
    Err(StoreError::Place(format!("the manifest names {path:?}, which no backup holds")))
}

fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn make_empty(folder: &Path) -> io::Result<()> {
    make_folder(folder)?;
    if fs::read_dir(folder)?.next().is_some() {
        return Err(io::Error::other("it is not empty"));
    }
    make_folder(&folder.join(LEDGERS))
}

fn private(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Copies a file to where it belongs: under another name first, so that half of it never stands there.
fn place(source: &Path, target: &Path) -> io::Result<()> {
    let mut partial = target.as_os_str().to_owned();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let mut file = private(&partial)?;
    io::copy(&mut fs::File::open(source)?, &mut file)?;
    file.sync_all()?;
    fs::rename(&partial, target)?;
    sync_folder_of(target)
}

fn write_manifest(folder: &Path, manifest: &Manifest) -> io::Result<()> {
    let partial = folder.join(format!("{MANIFEST}.part"));
    let mut file = private(&partial)?;
    file.write_all(&serde_json::to_vec_pretty(manifest)?)?;
    file.sync_all()?;
    fs::rename(&partial, folder.join(MANIFEST))?;
    sync_folder_of(&folder.join(MANIFEST))
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

fn read_manifest(folder: &Path) -> Result<Manifest> {
    let path = folder.join(MANIFEST);
    let read = || -> io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        fs::File::open(&path)?.take(MANIFEST_OCTETS_MAX).read_to_end(&mut octets)?;
        Ok(octets)
    };
    let octets = read().map_err(|cause| wrong("reading the manifest", &path, &cause))?;
    let manifest: Manifest =
        serde_json::from_slice(&octets).map_err(|cause| wrong("reading the manifest", &path, &cause))?;
    if manifest.schema != SCHEMA {
        return Err(wrong("reading the manifest", &path, &format!("its format is {:?}", manifest.schema)));
    }
    let (found, known) = (manifest.migration, migrate::newest());
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    if !manifest.files.iter().any(|file| file.path == DATABASE) {
        return Err(wrong("reading the manifest", &path, &"it names no database"));
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_leads_nowhere_else() {
        for (path, is_safe) in [
            ("malote.sqlite", true),
            ("ledgers/a--b-0.sqlite", true),
            ("ledgers", false),
            ("../malote.sqlite", false),
            ("ledgers/../../x", false),
            ("ledgers/a/b", false),
            ("/etc/passwd", false),
            ("keys/master", false),
            ("", false),
        ] {
            assert_eq!(safe(path).is_ok(), is_safe, "{path}");
        }
    }
}
