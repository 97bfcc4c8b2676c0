//! A Maildir++ as a destination: `.Sent`, `.Kunden.Alt`, each with `cur`, `new` and `tmp`.
//! Never shows a message before it is whole and durable, and never changes a file that it did not write.

mod listing;
mod moving;
#[cfg(test)]
mod tests;
mod tray;
mod uids;
mod underway;

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::{Folder, FolderPath, Naming, Role};
use malote_plan::folder_name;
use malote_plan::promise::Promises;

use self::tray::{MaildirTray, Opening};
use super::files::{OpenFiles, Remarks, not_made, unwritten};
use super::{Destination, OpenDestination};
use crate::clock::{Clock, SystemClock};
use crate::exchange::Survey;
use crate::failure::{Failure, Result};
use crate::source::archive::contents::{self, Contents};
use crate::source::maildir::tree::{self, Maildir};

/// The folders that a Maildir is made of.
const PLACES: [&str; 3] = ["tmp", "new", "cur"];

/// A Maildir++ to write to, made where it is missing.
pub struct MaildirDestination {
    top: PathBuf,
    clock: Arc<dyn Clock>,
    writes: bool,
    remarks: Remarks,
}

/// How Maildir++ writes names.
fn naming() -> Naming {
    Naming { delimiter: Some('.'), prefix: String::new(), is_utf8: false, ignores_case: false }
}

impl MaildirDestination {
    /// The Maildir at `top`.
    #[must_use]
    pub fn new(top: PathBuf) -> Self {
        Self { top, clock: Arc::new(SystemClock), writes: true, remarks: Remarks::default() }
    }

    /// The same for reading alone: nothing is written, neither a message nor what is kept beside them.
    #[must_use]
    pub fn reading(self) -> Self {
        Self { writes: false, ..self }
    }

    /// Where a folder lies: the top is INBOX, everything else a name with a dot before it.
    fn place(&self, path: &FolderPath) -> PathBuf {
        if path.is_inbox() {
            return self.top.clone();
        }
        let name = [b".", folder_name::encode(path, &naming()).0.as_slice()].concat();
        self.top.join(std::ffi::OsStr::from_bytes(&name))
    }

    fn listed(&self, maildir: Maildir) -> Folder {
        let wire = maildir.wire;
        let is_subscribed = wire.is_empty() || subscriptions(&self.top).contains(&subscription(&wire));
        let folder = contents::folder(maildir.folder, wire, None);
        Folder { is_subscribed, delimiter: Some('.'), ..folder }
    }

    fn list(&self) -> Result<Survey> {
        let fail = |cause| unwritten(&format!("listing the Maildir {}", self.top.display()), cause);
        let (mut found, damage) =
            if self.top.exists() { tree::find(&self.top).map_err(fail)? } else { Default::default() };
        if !found.iter().any(|maildir| maildir.wire.is_empty()) {
            // Every mailbox has an INBOX; it is made where mail comes for it.
            let folder = FolderPath::root(malote_plan::folder::INBOX);
            found.insert(0, Maildir { path: self.top.clone(), wire: Vec::new(), folder });
        }
        let folders = found.into_iter().map(|maildir| self.listed(maildir)).collect();
        let survey = Contents { format: "Maildir".to_owned(), folders, warnings: damage }.into_survey();
        Ok(Survey { naming: naming(), promises: Promises { uidplus: true, ..Promises::default() }, ..survey })
    }

    fn make_folder(&self, path: &FolderPath) -> Result<Folder> {
        let place = self.place(path);
        make(&place)
            .map_err(|cause| not_made(format!("creating folder {path} in {}", self.top.display()), cause))?;
        let wire = place.strip_prefix(&self.top).map(|rest| rest.as_os_str().as_bytes().to_vec());
        Ok(self.listed(Maildir { path: place, wire: wire.unwrap_or_default(), folder: path.clone() }))
    }
}

/// Makes a Maildir with its three folders; one that is there stays as it is.
fn make(maildir: &Path) -> io::Result<()> {
    let mut made = DirBuilder::new();
    made.recursive(true).mode(0o700);
    for place in PLACES {
        made.create(maildir.join(place))?;
    }
    let is_below = maildir.file_name().is_some_and(|name| name.as_bytes().starts_with(b"."));
    if is_below {
        // Courier and Dovecot know a folder by this file.
        File::options().append(true).create(true).mode(0o600).open(maildir.join("maildirfolder"))?;
    }
    File::open(maildir)?.sync_all()?;
    maildir.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// True for a folder that lacks one of those that a Maildir is made of.
fn is_half_made(maildir: &Path) -> bool {
    fs::symlink_metadata(maildir).is_ok_and(|found| found.is_dir())
        && PLACES.iter().any(|place| !maildir.join(place).exists())
}

/// A folder's name in the file of subscriptions.
fn subscription(wire: &[u8]) -> String {
    let name = String::from_utf8_lossy(wire);
    name.strip_prefix('.').unwrap_or(&name).to_owned()
}

/// True for a file whose last line has its end, or that has no line.
fn is_ended(file: &File) -> io::Result<bool> {
    let mut last = [b'\n'];
    if let Some(at) = file.metadata()?.len().checked_sub(1) {
        file.read_exact_at(&mut last, at)?;
    }
    Ok(last == [b'\n'])
}

fn subscriptions(top: &Path) -> Vec<String> {
    tree::text(&top.join("subscriptions")).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[async_trait]
impl Destination for MaildirDestination {
    async fn survey(&self) -> Result<Survey> {
        self.list()
    }

    async fn create(&self, path: &FolderPath, _special_use: Option<Role>) -> Result<Folder> {
        self.make_folder(path)
    }

    async fn subscribe(&self, folder: &Folder) -> Result<()> {
        let name = subscription(&folder.wire.0);
        if name.is_empty() || subscriptions(&self.top).contains(&name) {
            return Ok(());
        }
        let add = || -> io::Result<()> {
            let options = File::options().read(true).append(true).create(true).mode(0o600).clone();
            let mut file = options.open(self.top.join("subscriptions"))?;
            // A last line that nobody ended would become one name with ours.
            let end = if is_ended(&file)? { "" } else { "\n" };
            file.write_all(format!("{end}{name}\n").as_bytes())?;
            file.sync_all()
        };
        add().map_err(|cause| unwritten("writing the file of subscriptions", cause))
    }

    async fn open(&self, folder: &Folder) -> Result<Box<dyn OpenDestination>> {
        let path = self.top.join(std::ffi::OsStr::from_bytes(&folder.wire.0));
        let (clock, name) = (Arc::clone(&self.clock), folder.path.to_string());
        let is_top = folder.wire.0.is_empty();
        // One that was half made when a disk was full is made whole.
        if self.writes && (is_top || is_half_made(&path)) {
            make(&path).map_err(|cause| unwritten("making the Maildir", cause))?;
        }
        let found = fs::symlink_metadata(&path);
        let is_to_be_made = found.is_err() && is_top && !self.writes;
        if !is_to_be_made && !found.is_ok_and(|found| found.is_dir()) {
            let message = format!("{name}: the Maildir is not there any more");
            let (class, reach) = (Class::FolderMissing, Reach::Folder);
            return Err(Failure::new(Side::Destination, class, reach, Retry::Never, message));
        }
        let opening = Opening { name, clock, remarks: self.remarks.clone(), writes: self.writes };
        let tray = tokio::task::spawn_blocking(move || MaildirTray::open(path, opening))
            .await
            .map_err(|_| Failure::net(Side::Destination, "opening a Maildir: broken off"))??;
        Ok(Box::new(OpenFiles::new(Box::new(tray), folder.wire.clone())))
    }

    fn remarks(&self) -> Vec<String> {
        self.remarks.all()
    }

    async fn close(&self) {}
}
