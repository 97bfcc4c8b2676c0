//! The same mail in every format of file, and what reads and writes it.
//! Never asks Malote to make a file that Malote is to read: each is written here, octet by octet.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use malote_engine::body::Body;
use malote_engine::clock::{Clock, SystemClock};
use malote_engine::destination::Destination;
use malote_engine::destination::maildir::MaildirDestination;
use malote_engine::destination::mbox::MboxDestination;
use malote_engine::ledger::PairIdentity;
use malote_engine::ledger::memory::MemoryLedger;
use malote_engine::policy::Policy;
use malote_engine::quarantine::Quarantine;
use malote_engine::report::Report;
use malote_engine::run::{Job, copy};
use malote_engine::source::Source;
use malote_engine::source::archive::ArchiveSource;
use malote_engine::source::archive::book::Book;
use malote_engine::source::eml::EmlArchive;
use malote_engine::source::eml::zipped::ZipOfEml;
use malote_engine::source::maildir::MaildirArchive;
use malote_engine::source::mbox::MboxArchive;
use malote_engine::source::tgz::TgzArchive;
use sha2::{Digest as _, Sha256};

use crate::world::{SteppedDestination, SteppedLedger, SteppedSource, Steps};

/// A message as every format can tell it.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// `INBOX` or a folder's name.
    pub folder: &'static str,
    /// Its text, with line feeds alone.
    pub text: String,
}

/// Seven messages in two folders: twins, one with lines that have to be quoted, one without header, one that is long
/// enough to pass from wire to wire.
#[must_use]
pub fn sheets() -> Vec<Sheet> {
    let text = |number: u32, body: &str| {
        format!(
            "Received: by x; Mon, 1 Jul 2024 10:00:0{number} +0000\nMessage-ID: <{number}@x>\nFrom: a@x\n\
             Date: Mon, 1 Jul 2024 10:00:00 +0000\nSubject: s{number}\n\n{body}\n"
        )
    };
    let sheet = |folder, text| Sheet { folder, text };
    vec![
        sheet("INBOX", text(1, "one")),
        sheet("INBOX", text(2, "From here\n>From there\n\nFrom nowhere")),
        sheet("INBOX", text(2, "From here\n>From there\n\nFrom nowhere")),
        sheet("INBOX", text(3, &"long line\n".repeat(120_000))),
        sheet("Kunden", text(4, "four")),
        sheet("Kunden", text(5, "")),
        sheet("Kunden", text(6, "no end of lines: \r is one")),
    ]
}

/// A format that mail is read from.
pub struct Format {
    /// Its name.
    pub name: &'static str,
    /// Writes sheets below a folder; the path that is read.
    pub write: fn(&Path, &[Sheet]) -> Result<PathBuf>,
    /// Reads that path.
    pub open: fn(PathBuf, Book) -> ArchiveSource,
}

/// The machine's clock an hour ahead: files that were just written are at rest, and nothing waits for them.
struct HourLater;

impl Clock for HourLater {
    fn now_unix_ms(&self) -> i64 {
        SystemClock.now_unix_ms() + 3_600_000
    }
}

/// Every format that is read.
pub const FORMATS: [Format; 5] = [
    Format {
        name: "mbox",
        write: write_mbox,
        open: |path, book| ArchiveSource::new(MboxArchive::with_clock(path, None, book, Arc::new(HourLater))),
    },
    Format {
        name: "eml",
        write: write_eml,
        open: |path, book| ArchiveSource::new(EmlArchive::new(path, book)),
    },
    Format {
        name: "zip",
        write: write_zip,
        open: |path, book| ArchiveSource::new(ZipOfEml::new(path, book)),
    },
    Format {
        name: "maildir",
        write: write_maildir,
        open: |path, book| ArchiveSource::new(MaildirArchive::new(path, book)),
    },
    Format {
        name: "tgz",
        write: write_tgz,
        open: |path, book| ArchiveSource::new(TgzArchive::new(path, book)),
    },
];

/// What an earlier writing left is no part of the next one.
fn emptied(path: PathBuf) -> Result<PathBuf> {
    if path.exists() {
        fs::remove_dir_all(&path)?;
    }
    Ok(path)
}

fn write_mbox(top: &Path, sheets: &[Sheet]) -> Result<PathBuf> {
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    for sheet in sheets {
        let body = sheet.text.split_inclusive('\n').map(|line| {
            let marks = line.bytes().take_while(|octet| *octet == b'>').count();
            if line[marks..].starts_with("From ") { format!(">{line}") } else { line.to_owned() }
        });
        let body: String = body.collect();
        let file = files.entry(sheet.folder).or_default();
        file.push_str(&format!("From a@x Mon Jul  1 10:00:00 2024\nStatus: RO\n{body}\n"));
    }
    let path = emptied(top.join("mbox"))?;
    fs::create_dir_all(&path)?;
    for (name, text) in files {
        fs::write(path.join(name), text)?;
    }
    Ok(path)
}

fn write_eml(top: &Path, sheets: &[Sheet]) -> Result<PathBuf> {
    let path = emptied(top.join("eml"))?;
    for (number, sheet) in sheets.iter().enumerate() {
        let folder = if sheet.folder == "INBOX" { path.clone() } else { path.join(sheet.folder) };
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{number:03}.eml")), &sheet.text)?;
    }
    Ok(path)
}

fn write_zip(top: &Path, sheets: &[Sheet]) -> Result<PathBuf> {
    use std::io::Write as _;
    let path = top.join("mail.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path)?);
    for (number, sheet) in sheets.iter().enumerate() {
        let name = format!("{}/{number:03}.eml", sheet.folder);
        zip.start_file(name, zip::write::SimpleFileOptions::default())?;
        zip.write_all(sheet.text.as_bytes())?;
    }
    zip.finish()?;
    Ok(path)
}

fn write_maildir(top: &Path, sheets: &[Sheet]) -> Result<PathBuf> {
    let path = emptied(top.join("maildir"))?;
    for (number, sheet) in sheets.iter().enumerate() {
        let folder =
            if sheet.folder == "INBOX" { path.clone() } else { path.join(format!(".{}", sheet.folder)) };
        fs::create_dir_all(folder.join("cur"))?;
        fs::write(folder.join("cur").join(format!("{number:03}.x:2,S")), &sheet.text)?;
    }
    Ok(path)
}

fn write_tgz(top: &Path, sheets: &[Sheet]) -> Result<PathBuf> {
    let path = top.join("mail.tgz");
    let encoder = flate2::write::GzEncoder::new(fs::File::create(&path)?, flate2::Compression::fast());
    let mut tar = tar::Builder::new(encoder);
    let mut add = |name: String, text: &str| -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, text.as_bytes())?;
        Ok(())
    };
    for (number, sheet) in sheets.iter().enumerate() {
        let name = format!("{}/{number:03}.eml", sheet.folder);
        add(format!("{name}.meta"), r#"{"type":5,"unread":0,"date":1719828000}"#)?;
        add(name, &sheet.text)?;
    }
    tar.into_inner()?.finish()?;
    Ok(path)
}

/// The formats that are written too.
#[must_use]
pub fn destination(format: &str, path: PathBuf) -> Arc<dyn Destination> {
    match format {
        "mbox" => Arc::new(MboxDestination::new(path)),
        _ => Arc::new(MaildirDestination::new(path)),
    }
}

/// SHA-256 of every file below a path, by its name.
///
/// # Errors
/// Where one cannot be read.
pub fn hashes(path: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut all = BTreeMap::new();
    if path.is_file() {
        all.insert(path.to_owned(), Sha256::digest(fs::read(path)?).to_vec());
        return Ok(all);
    }
    for entry in fs::read_dir(path)? {
        all.extend(hashes(&entry?.path())?);
    }
    Ok(all)
}

struct Nowhere;

#[async_trait]
impl Quarantine for Nowhere {
    async fn keep(&self, hint: &str, _body: Body) -> malote_engine::failure::Result<String> {
        Ok(hint.to_owned())
    }
}

/// Copies once, each call of every part being a step; nothing where the process died on the way.
pub async fn run(
    source: Arc<dyn Source>,
    destination: Arc<dyn Destination>,
    ledger: &Arc<MemoryLedger>,
    steps: &Arc<Steps>,
) -> Option<Report> {
    run_with(source, destination, ledger, steps, |_| {}).await
}

/// The same under another policy.
pub async fn run_with(
    source: Arc<dyn Source>,
    destination: Arc<dyn Destination>,
    ledger: &Arc<MemoryLedger>,
    steps: &Arc<Steps>,
    change: impl FnOnce(&mut Policy),
) -> Option<Report> {
    let source = SteppedSource { inner: source, steps: Arc::clone(steps) };
    let destination = SteppedDestination { inner: destination, steps: Arc::clone(steps) };
    let ledger = SteppedLedger { inner: Arc::clone(ledger) as _, steps: Arc::clone(steps) };
    let identity = PairIdentity { source: "files:a".to_owned(), destination: "files:b".to_owned() };
    let mut job =
        Job::new(Arc::new(source), Arc::new(destination), Arc::new(ledger), Arc::new(Nowhere), identity);
    (job.policy.connections, job.policy.quiet_ms, job.policy.pause_ms) = (1, 0, 1);
    change(&mut job.policy);
    tokio::select! {
        biased;
        () = steps.crashed() => None,
        report = copy(&job) => Some(report),
    }
}
