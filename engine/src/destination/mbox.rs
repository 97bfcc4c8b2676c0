//! A tree of mbox files as a destination: `Kunden.mbox`, `Kunden.sbd/Alt.mbox`.
//! Never leaves half a message: what a dead run began is settled before anything else is done, and nothing is cut off
//! that is not proven to be its own.

mod aside;
mod batch;
mod journal;
mod lock;
mod others;
#[cfg(test)]
mod tests;
mod torn;
mod tray;
mod write;

use std::fs::{self, DirBuilder, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::{Folder, FolderPath, Role};
use malote_plan::promise::Promises;

use self::tray::{MboxTray, Opening};
pub use self::write::lines_of_flags;
use super::files::{OpenFiles, Remarks, not_made, unwritten};
use super::{Destination, OpenDestination};
use crate::clock::{Clock, SystemClock};
use crate::exchange::Survey;
use crate::failure::{Failure, Result};
use crate::source::archive::contents::{self, Contents};
use crate::source::archive::files;

/// What a folder's file and the place of its children end with.
const FILE: &str = ".mbox";
const CHILDREN: &str = ".sbd";

/// A tree of mbox files to write to, made where it is missing.
pub struct MboxDestination {
    top: PathBuf,
    clock: Arc<dyn Clock>,
    writes: bool,
    remarks: Remarks,
    damage: Remarks,
}

impl MboxDestination {
    /// The tree below the folder `top`.
    #[must_use]
    pub fn new(top: PathBuf) -> Self {
        let (remarks, damage) = (Remarks::default(), Remarks::default());
        Self { top, clock: Arc::new(SystemClock), writes: true, remarks, damage }
    }

    /// The same for reading alone: nothing is written, neither into a file nor beside it.
    #[must_use]
    pub fn reading(self) -> Self {
        Self { writes: false, ..self }
    }

    fn list(&self) -> Result<Survey> {
        let fail = |cause| unwritten(&format!("listing the mbox files below {}", self.top.display()), cause);
        if self.top.is_file() {
            let message = format!("{}: is a file; mbox files are written below a folder", self.top.display());
            let (class, reach) = (Class::Usage, Reach::Account);
            return Err(Failure::new(Side::Destination, class, reach, Retry::Never, message));
        }
        let walk =
            if self.top.exists() { files::walk(&self.top).map_err(fail)? } else { files::Walk::default() };
        for found in &walk.files {
            if found.levels.last().is_some_and(|name| aside::is_one(name)) {
                self.damage.tell(aside::sentence(&found.path));
            }
        }
        let mut folders: Vec<Folder> =
            walk.files.iter().filter_map(|found| folder_of(&found.levels)).collect();
        if !folders.iter().any(|folder| folder.path.is_inbox()) {
            // Every mailbox has an INBOX; it is made where mail comes for it.
            folders.extend(FolderPath::new(vec![malote_plan::folder::INBOX.to_owned()]).map(listed));
        }
        let warnings = walk.warnings.into_iter().chain(walk.damage).collect();
        let survey = Contents { format: "mbox".to_owned(), folders, warnings }.into_survey();
        Ok(Survey { promises: Promises { uidplus: true, ..Promises::default() }, ..survey })
    }
}

/// Where a folder's file lies below the top.
fn wire_of(path: &FolderPath) -> Vec<u8> {
    let levels = path.levels();
    let last = levels.len().saturating_sub(1);
    let name = |(number, level): (usize, &String)| {
        // A name of dots alone would lead elsewhere.
        let level =
            if level.bytes().all(|octet| octet == b'.') { level.replace('.', "_") } else { level.clone() };
        let ending = if number == last { FILE } else { CHILDREN };
        format!("{}{ending}", level.replace('/', "_"))
    };
    levels.iter().enumerate().map(name).collect::<Vec<_>>().join("/").into_bytes()
}

fn listed(path: FolderPath) -> Folder {
    let wire = wire_of(&path);
    contents::folder(path, wire, None)
}

/// The folder of a file; nothing for what is none of ours.
fn folder_of(levels: &[Vec<u8>]) -> Option<Folder> {
    let (last, above) = levels.split_last()?;
    let text = |level: &[u8], ending: &str| {
        let level = std::str::from_utf8(level).ok()?.strip_suffix(ending)?.to_owned();
        Some(level).filter(|level| !level.is_empty())
    };
    let mut path: Vec<String> = above.iter().map(|level| text(level, CHILDREN)).collect::<Option<_>>()?;
    path.push(text(last, FILE)?);
    FolderPath::new(path).map(|path| contents::folder(path, levels.join(&b'/'), None))
}

/// Makes an empty file with all folders above it; one that is there stays as it is.
fn make(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    File::options().append(true).create(true).mode(0o600).open(path)?.sync_all()?;
    File::open(folder)?.sync_all()
}

#[async_trait]
impl Destination for MboxDestination {
    async fn survey(&self) -> Result<Survey> {
        self.list()
    }

    async fn create(&self, path: &FolderPath, _special_use: Option<Role>) -> Result<Folder> {
        let folder = listed(path.clone());
        make(&self.top.join(std::ffi::OsStr::from_bytes(&folder.wire.0))).map_err(|cause| {
            not_made(format!("creating folder {path} below {}", self.top.display()), cause)
        })?;
        Ok(folder)
    }

    async fn subscribe(&self, _folder: &Folder) -> Result<()> {
        Ok(())
    }

    async fn open(&self, folder: &Folder) -> Result<Box<dyn OpenDestination>> {
        let path = self.top.join(std::ffi::OsStr::from_bytes(&folder.wire.0));
        let (clock, name) = (Arc::clone(&self.clock), folder.path.to_string());
        let is_inbox = folder.path.is_inbox();
        if is_inbox && self.writes {
            make(&path).map_err(|cause| unwritten("making the mbox file", cause))?;
        }
        let found = fs::symlink_metadata(&path);
        let is_to_be_made = found.is_err() && is_inbox && !self.writes;
        if !is_to_be_made && !found.is_ok_and(|found| found.is_file()) {
            let message = format!("{name}: the mbox file is not there any more");
            let (class, reach) = (Class::FolderMissing, Reach::Folder);
            return Err(Failure::new(Side::Destination, class, reach, Retry::Never, message));
        }
        let (remarks, damage) = (self.remarks.clone(), self.damage.clone());
        let opening = Opening { name, clock, remarks, damage, writes: self.writes, patience: lock::PATIENCE };
        let tray = tokio::task::spawn_blocking(move || MboxTray::open(path, opening))
            .await
            .map_err(|_| Failure::net(Side::Destination, "opening an mbox: broken off"))??;
        Ok(Box::new(OpenFiles::new(Box::new(tray), folder.wire.clone())))
    }

    fn remarks(&self) -> Vec<String> {
        self.remarks.all()
    }

    fn damage(&self) -> Vec<String> {
        self.damage.all()
    }

    async fn close(&self) {}
}

#[cfg(test)]
mod names {
    use super::*;

    #[test]
    fn a_folders_file_is_found_again_by_its_name() {
        for levels in [vec!["INBOX"], vec!["Kunden", "Alt"], vec!["a.sbd", "b.mbox"], vec!["Orçamento"]] {
            let path = FolderPath::new(levels.iter().map(|level| (*level).to_owned()).collect()).unwrap();
            let wire = wire_of(&path);
            let parts: Vec<Vec<u8>> = wire.split(|octet| *octet == b'/').map(<[u8]>::to_vec).collect();
            assert_eq!(folder_of(&parts).unwrap().path, path);
        }
        assert_eq!(wire_of(&FolderPath::new(vec!["..".into(), "a/b".into()]).unwrap()), b"__.sbd/a_b.mbox");
        assert!(folder_of(&[b"note.txt".to_vec()]).is_none());
    }
}
