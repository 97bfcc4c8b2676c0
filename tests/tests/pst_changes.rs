//! Stores that change, vanish or cannot be read for a while under a run's hands: what was read is whole, or is said not
//! to be. Never reads a foreign file: the stores are written by the tests' own writer.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use acceptance::program;
use anyhow::{Context as _, Result, ensure};
use malote_engine::failure::Reach;
use malote_engine::source::archive::{Archive as _, Refusal, Shelf};
use malote_engine::source::pst::PstArchive;
use malote_plan::folder::Folder;
use malote_plan::message::Uid;
use malote_pst::both::Asking;
use malote_pst::libpff::{ChildLimits, ReaderCommand};
use malote_pst::mailbox::{Options, ReaderChoice};
use malote_pst::mime::{Items, Unreadable};
use pst_writer::{Crypt, Folder as Written, Message, Pst};

fn options(reader: ReaderChoice, command: Option<ReaderCommand>) -> Options {
    Options {
        reader,
        command,
        limits: ChildLimits::default(),
        asking: Asking::Damaged,
        budget: Duration::from_secs(20),
        stopwatch: Arc::new(|| Duration::ZERO),
        items: Items::Mail,
        unreadable: Unreadable::Quarantine,
        code_page: None,
        recovered: false,
        now: 0x01DC_0000_0000_0000,
    }
}

fn store(path: &Path, subjects: &[&str]) -> Result<()> {
    let mut store = Pst::new(Crypt::None).create(path)?;
    let inbox = store.folder(store.top(), Written::new("Kunden").class("IPF.Note"))?;
    for subject in subjects {
        store.item(inbox, &Message::new("IPM.Note").text(subject, "words").dated(1_719_828_000))?;
    }
    store.finish()?;
    Ok(())
}

/// A store, surveyed, with the folder that has mail.
struct Ground {
    _home: tempfile::TempDir,
    path: PathBuf,
    archive: PstArchive,
    folder: Folder,
}

impl Ground {
    fn new(subjects: &[&str]) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let path = home.path().join("mail.pst");
        store(&path, subjects)?;
        let mut archive = PstArchive::new(path.clone(), options(ReaderChoice::Native, None));
        let folder = filled(&mut archive)?;
        Ok(Self { _home: home, path, archive, folder })
    }

    /// Something writes to the file and leaves no octet as it was, or only says that it did.
    fn write(&self, octets: Option<u8>) -> Result<()> {
        let file = fs::File::options().write(true).open(&self.path)?;
        if let Some(octet) = octets {
            fs::write(&self.path, vec![octet; fs::metadata(&self.path)?.len() as usize])?;
        }
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000))?;
        Ok(())
    }
}

fn filled(archive: &mut PstArchive) -> Result<Folder> {
    let contents = archive.survey()?;
    let is_filled = |folder: &Folder| folder.status.is_some_and(|status| status.messages > 0);
    contents.folders.into_iter().find(is_filled).context("no folder has mail")
}

fn first(shelf: &dyn Shelf) -> Result<Uid> {
    shelf.uids().iter().next().context("the folder is empty")
}

/// The octets of a message, where it is given whole.
fn body(shelf: &mut dyn Shelf, uid: Uid) -> std::result::Result<String, String> {
    let content = shelf.body(uid).map_err(|refusal| match refusal {
        Refusal::Unreadable(reason) => reason,
        other => format!("{other:?}"),
    })?;
    let mut text = String::new();
    let mut reader = content.reader;
    reader.read_to_string(&mut text).map_err(|cause| cause.to_string())?;
    Ok(text)
}

#[test]
fn a_store_that_is_written_to_while_it_is_read_gives_nothing_more_and_ends_the_run() -> Result<()> {
    let mut ground = Ground::new(&["one", "two"])?;
    let mut shelf = ground.archive.open(&ground.folder)?;
    let uid = first(shelf.as_ref())?;
    ensure!(body(shelf.as_mut(), uid).is_ok_and(|text| text.contains("Subject: one")), "it was whole before");
    shelf.check()?;
    ground.write(None)?;
    let refused = body(shelf.as_mut(), uid).err().context("a message of two states was given")?;
    ensure!(refused.contains("changed while it was read"), "{refused}");
    let failure = shelf.check().err().context("nobody was told")?;
    assert_eq!(failure.reach, Reach::Account);
    ensure!(failure.message.contains("mail.pst") && failure.message.contains("run again"), "{failure}");
    ensure!(ground.archive.open(&ground.folder).is_err(), "the next folder is of another state");
    Ok(())
}

#[test]
fn a_store_that_is_replaced_is_read_to_its_end_and_the_report_says_so() -> Result<()> {
    let mut ground = Ground::new(&["one", "two"])?;
    let other = ground.path.with_extension("new");
    store(&other, &["three", "four", "five"])?;
    assert_eq!(ground.archive.damage(), Vec::<String>::new());
    fs::rename(&other, &ground.path)?;
    let mut shelf = ground.archive.open(&ground.folder)?;
    let texts: Vec<String> = shelf
        .uids()
        .iter()
        .map(|uid| body(shelf.as_mut(), uid).map_err(anyhow::Error::msg))
        .collect::<Result<_>>()?;
    let has = |subject: &str| texts.iter().any(|text| text.contains(&format!("Subject: {subject}")));
    ensure!(texts.len() == 2 && has("one") && has("two"), "{texts:?}");
    shelf.check()?;
    let told = ground.archive.unsettled();
    ensure!(told.len() == 1 && told[0].contains("run again for what is there now"), "{told:?}");
    // The next run sees another generation.
    let mut next = PstArchive::new(ground.path.clone(), options(ReaderChoice::Native, None));
    let validity = |folder: &Folder| folder.status.and_then(|status| status.uid_validity);
    ensure!(validity(&filled(&mut next)?) != validity(&ground.folder), "two files are one generation");
    assert_eq!(next.damage(), Vec::<String>::new());
    Ok(())
}

#[test]
fn a_store_that_only_lost_its_name_is_read_to_its_end() -> Result<()> {
    let mut ground = Ground::new(&["one"])?;
    fs::remove_file(&ground.path)?;
    let mut shelf = ground.archive.open(&ground.folder)?;
    let uid = first(shelf.as_ref())?;
    ensure!(body(shelf.as_mut(), uid).is_ok(), "the open file is whole");
    assert_eq!(ground.archive.damage(), Vec::<String>::new());
    Ok(())
}

/// A reader that goes wrong over every third of its invented items, at any file.
fn hostile(way: &str, marker: &Path) -> Result<PstArchive> {
    let program = program::build()?.join("hostile-pst-reader");
    let arguments = vec![way.into(), marker.into()];
    let command = ReaderCommand { program: program.clone(), arguments };
    Ok(PstArchive::new(program, options(ReaderChoice::Libpff, Some(command))))
}

#[test]
fn an_item_whose_flags_cannot_be_read_is_looked_at_again_and_never_carried_without_them() -> Result<()> {
    let home = tempfile::tempdir()?;
    for (way, is_known) in [("crashes-twice", true), ("crashes", false)] {
        let mut archive = hostile(way, &home.path().join("crashes"))?;
        let folder = filled(&mut archive)?;
        let mut shelf = archive.open(&folder)?;
        let (whole, third) = (Uid::new(1).context("a UID")?, Uid::new(3).context("a UID")?);
        ensure!(shelf.stub(whole)?.is_some_and(|stub| stub.flags.contains(r"\Seen")), "{way}: a whole item");
        let flags = shelf.stub(third)?.map(|stub| stub.flags.contains(r"\Seen"));
        assert_eq!(flags, is_known.then_some(true), "{way}");
        match body(shelf.as_mut(), third) {
            Ok(_) => ensure!(is_known, "{way}: it was given without its flags"),
            Err(reason) => ensure!(!is_known && reason.contains("its flags and date"), "{way}: {reason}"),
        }
    }
    Ok(())
}
