//! Written stores, read by programs that know nothing of the writer: pffexport (libpff) and readpst (libpst).
//! Never silent where such a program is missing: the test says that it proved nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use pst_writer::bulk::{self, Bulk};
use pst_writer::{AttachmentTruth, Crypt, Format, ItemTruth, Pst, Truth, features};
use sha2::{Digest, Sha256};

/// Every format with every way of obfuscation that some program is known to write.
const KINDS: [(Format, Crypt); 7] = [
    (Format::Unicode, Crypt::None),
    (Format::Unicode, Crypt::Permute),
    (Format::Unicode, Crypt::Cyclic),
    (Format::Ansi, Crypt::None),
    (Format::Ansi, Crypt::Permute),
    (Format::Ansi, Crypt::Cyclic),
    (Format::Unicode4k, Crypt::None),
];

/// Small enough for a test, large enough for tables whose rows leave their heap, and B-trees of three levels.
const SMALL: Bulk =
    Bulk { items: 300, folders: 3, body_characters: 2000, attachment_every: 3, attachment_octets: 30_000 };

fn is_missing(program: &str) -> bool {
    let is_missing = Command::new(program).arg("-V").output().is_err();
    if is_missing {
        eprintln!("SKIPPED: {program} is not installed, so nothing was proved of stores by it");
    }
    is_missing
}

fn run(program: &str, arguments: &[&str], paths: &[&Path]) -> Result<()> {
    let output = Command::new(program).args(arguments).args(paths).output()?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program}: {words}");
    Ok(())
}

/// The files of a folder and below.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

/// How often each attachment's octets are there, by their SHA-256.
fn sums(files: impl Iterator<Item = PathBuf>) -> Result<BTreeMap<String, usize>> {
    let mut sums = BTreeMap::new();
    for file in files {
        let sum = Sha256::digest(fs::read(file)?);
        let sum = sum.iter().map(|octet| format!("{octet:02x}")).collect();
        *sums.entry(sum).or_default() += 1;
    }
    Ok(sums)
}

/// How often each attachment was written, those of embedded items too.
fn written_sums(truth: &Truth) -> BTreeMap<String, usize> {
    fn note(item: &ItemTruth, sums: &mut BTreeMap<String, usize>) {
        for AttachmentTruth { sha256, embedded, .. } in &item.attachments {
            sha256.iter().for_each(|sum| *sums.entry(sum.clone()).or_default() += 1);
            embedded.iter().for_each(|item| note(item, sums));
        }
    }
    let mut sums = BTreeMap::new();
    truth.items().for_each(|item| note(item, &mut sums));
    sums
}

/// What pffexport makes of a store: its files.
fn exported(store: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let target = folder.join("libpff");
    run("pffexport", &["-q", "-m", "items", "-t", target.to_str().context("a path in UTF-8")?], &[store])?;
    files(&target.with_added_extension("export"))
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn check_by_libpff(format: Format, crypt: Crypt) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("bulk.pst");
    let truth = SMALL.write(&store, Pst::new(crypt).format(format), 5)?;
    assert_eq!(fs::metadata(&store)?.len(), truth.octets);
    let files = exported(&store, folder.path())?;
    let messages = files.iter().filter(|file| name(file) == "OutlookHeaders.txt").count();
    assert_eq!(messages, truth.item_count(), "{format:?} {crypt:?}");
    let attachments =
        files.into_iter().filter(|file| file.components().any(|part| part.as_os_str() == "Attachments"));
    assert_eq!(sums(attachments)?, written_sums(&truth), "{format:?} {crypt:?}");
    Ok(())
}

#[test]
fn libpff_finds_every_message_and_every_octet_of_every_attachment() -> Result<()> {
    if is_missing("pffexport") {
        return Ok(());
    }
    KINDS.into_iter().try_for_each(|(format, crypt)| check_by_libpff(format, crypt))
}

fn check_by_libpst(format: Format, crypt: Crypt) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("bulk.pst");
    let truth = SMALL.write(&store, Pst::new(crypt).format(format), 6)?;
    let target = folder.path().join("libpst");
    fs::create_dir(&target)?;
    // With more than one job it overwrites files of its own.
    run("readpst", &["-q", "-j", "0", "-S", "-o", target.to_str().context("a path in UTF-8")?], &[&store])?;
    let (attachments, messages): (Vec<_>, Vec<_>) =
        files(&target)?.into_iter().partition(|file| name(file).contains('-'));
    assert_eq!(messages.len(), truth.item_count(), "{format:?} {crypt:?}");
    assert_eq!(sums(attachments.into_iter())?, written_sums(&truth), "{format:?} {crypt:?}");
    Ok(())
}

#[test]
fn libpst_finds_every_message_and_every_octet_of_every_attachment() -> Result<()> {
    if is_missing("readpst") {
        return Ok(());
    }
    KINDS.into_iter().try_for_each(|(format, crypt)| check_by_libpst(format, crypt))
}

/// Items of the features store that pffexport gives up, by their subjects, and why.
const LOST_BY_LIBPFF: [&str; 5] = [
    // It knows every type of property, or the whole item is lost.
    "A property of no type",
    "A property of an unknown type",
    // It goes by the contents table alone.
    "Not in the contents table",
    "In a folder without a contents table",
    // It does not export the class.
    "Of class IPM.Post",
];

fn check_features(format: Format, crypt: Crypt) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("features.pst");
    let truth = features::write(&store, Pst::new(crypt), format)?;
    let files = exported(&store, folder.path())?;
    let subject = |file: &PathBuf| -> Result<Option<String>> {
        let text = fs::read_to_string(file)?;
        Ok(text
            .lines()
            .find_map(|line| line.strip_prefix("Subject:").map(|subject| subject.trim().to_owned())))
    };
    let embeds = |file: &&PathBuf| file.components().any(|part| part.as_os_str() == "Attachments");
    let mut found = Vec::new();
    for file in files.iter().filter(|file| name(file) == "OutlookHeaders.txt" && !embeds(file)) {
        found.extend(subject(file)?);
    }
    // Classes beside mail come under headings of their own; they are held against the folders by their number.
    let mails = truth.items().filter(|item| item.class.starts_with("IPM.Note") && item.subject.is_some());
    for item in mails {
        let subject = item.subject.as_deref().unwrap_or_default();
        let subject = subject.strip_prefix("\u{1}\u{5}").unwrap_or(subject).trim();
        let is_found =
            found.iter().any(|found| found == subject || (subject.is_ascii() && found.contains(subject)));
        let is_lost = LOST_BY_LIBPFF.contains(&subject);
        assert!(
            is_found != is_lost || !subject.is_ascii(),
            "{format:?} {crypt:?}: {subject}: found {is_found}"
        );
    }
    let attachments = files.iter().filter(|file| embeds(file)).cloned();
    let read = sums(attachments)?;
    let missing: Vec<AttachmentTruth> = truth
        .items()
        .flat_map(|item| item.attachments.clone())
        .filter(|attachment| attachment.sha256.as_ref().is_some_and(|sum| !read.contains_key(sum)))
        .collect();
    // One name is longer than a file system takes, and an OLE object is not exported.
    let expected = ["long ".repeat(60), "Bild".to_owned()];
    let unexpected: Vec<_> = missing.iter().filter(|missing| !expected.contains(&missing.name)).collect();
    assert!(unexpected.is_empty(), "{format:?} {crypt:?}: {unexpected:?}");
    Ok(())
}

#[test]
fn libpff_finds_all_features_but_for_the_traps_that_it_falls_into() -> Result<()> {
    if is_missing("pffexport") {
        return Ok(());
    }
    KINDS.into_iter().try_for_each(|(format, crypt)| check_features(format, crypt))
}

#[test]
fn libpff_opens_a_deep_store_and_deeply_embedded_items() -> Result<()> {
    if is_missing("pffexport") {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let deep = folder.path().join("deep.pst");
    let truth = bulk::deep(&deep, 60)?;
    assert_eq!(truth.folders.last().map(|folder| folder.path.len()), Some(61));
    let at_the_bottom =
        exported(&deep, folder.path())?.into_iter().find(|file| name(file) == "OutlookHeaders.txt");
    let depth = at_the_bottom.context("no message at the bottom")?;
    assert!(
        depth.components().filter(|part| part.as_os_str().to_string_lossy().starts_with('d')).count() >= 60
    );
    let within = tempfile::tempdir()?;
    let embedded = within.path().join("embedded.pst");
    bulk::embedded(&embedded, 20)?;
    let messages = exported(&embedded, within.path())?;
    assert_eq!(messages.iter().filter(|file| name(file) == "OutlookHeaders.txt").count(), 21);
    Ok(())
}

#[test]
fn the_same_call_writes_the_same_octets() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let paths = [folder.path().join("one.pst"), folder.path().join("two.pst")];
    for (format, crypt) in KINDS {
        let truths = [&paths[0], &paths[1]].map(|path| SMALL.write(path, Pst::new(crypt).format(format), 9));
        let [one, two] = truths;
        assert_eq!(one?, two?);
        assert!(fs::read(&paths[0])? == fs::read(&paths[1])?, "{format:?} {crypt:?}");
    }
    Ok(())
}
