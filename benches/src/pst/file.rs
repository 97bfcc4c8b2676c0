//! The stores that are measured: files that are named, files of a writer that is named, or our own writer's.
//! Never one that is not in the system's page cache: disks are not what is compared.

use std::env;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use malote_pst::native::NativeStore;
use malote_pst::store::Store as _;
use pst_writer::bulk::Bulk;
use pst_writer::{Crypt, Pst};

use super::planted::Planted;
use crate::place;

/// How small stores are where only the bench itself is tried.
const QUICK: f64 = 0.02;
/// Where every store of our own begins: the same octets each time.
const SEED: u64 = 1;

/// What a store is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 20,000 items with attachments, 0.9 GB.
    A,
    /// 100,000 small items, 0.7 GB.
    B,
    /// 30,000 items with attachments, 3.4 GB.
    C,
}

/// A store to be measured.
#[derive(Debug)]
pub struct Store {
    name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its length.
    pub octets: u64,
    /// Items in its folders.
    pub items: u64,
    /// Which of the three it is, if one of them.
    kind: Option<Kind>,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];

    /// A letter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }

    /// How many times as fast as readpst it is to be exported.
    const fn times_min(self) -> f64 {
        match self {
            Self::A | Self::C => 4.0,
            Self::B => 8.0,
        }
    }

    /// Everybody's turns that count: few where readpst takes a minute for each.
    const fn rounds(self) -> usize {
        match self {
            Self::A | Self::C => 9,
            Self::B => 3,
        }
    }

    const fn bulk(self) -> Bulk {
        match self {
            Self::A => Bulk::A,
            Self::B => Bulk::B,
            Self::C => Bulk::C,
        }
    }

    /// What the writer that `GENPST` names is asked for: items, folders, characters, one in how many has a file, of how
    /// many octets, seed, encoding.
    const fn words(self) -> [&'static str; 7] {
        match self {
            Self::A => ["20000", "20", "2500", "2", "100000", "1", "1"],
            Self::B => ["100000", "50", "2200", "0", "0", "2", "1"],
            Self::C => ["30000", "30", "2500", "1", "140000", "3", "1"],
        }
    }
}

impl Store {
    /// What is done with it, for tables.
    pub fn case(&self, what: &str) -> String {
        format!("{}, {:.2} GB, {} items: {what}", self.name, self.octets as f64 / 1e9, self.items)
    }

    /// How many times as fast as readpst it is to be exported.
    pub fn times_min(&self) -> f64 {
        self.kind.map_or(1.0, Kind::times_min)
    }

    /// Whether the rate of reading it alone has a target: small items are another matter.
    pub fn reading_counts(&self) -> bool {
        matches!(self.kind, Some(Kind::A | Kind::C))
    }

    /// Everybody's turns that count.
    pub fn rounds(&self) -> usize {
        self.kind.map_or(1, Kind::rounds)
    }
}

/// The store of a kind: `PST_A`, `PST_B` or `PST_C` where it is named, else made once.
pub fn store(kind: Kind, is_quick: bool) -> Result<Store> {
    let named = env::var_os(format!("PST_{}", kind.name())).filter(|path| !path.is_empty());
    let path = match named {
        Some(path) => PathBuf::from(path),
        None => made(kind, is_quick)?,
    };
    opened(kind.name().to_owned(), path, Some(kind))
}

/// A store of a million items.
pub fn million(is_quick: bool) -> Result<Store> {
    let items = if is_quick { 20_000 } else { 1_000_000 };
    let path = folder()?.join(format!("items-{items}.pst"));
    if !path.exists() {
        eprintln!("pst: writing {}", path.display());
        let bulk =
            Bulk { items, folders: 50, body_characters: 200, attachment_every: 0, attachment_octets: 0 };
        bulk.write(&path, Pst::new(Crypt::Permute), SEED)?;
    }
    opened(format!("{items} items"), path, None)
}

/// A store of three items, of which one has an attachment of 200 to 400 MB.
pub fn big(is_quick: bool) -> Result<Store> {
    let attachment_octets = if is_quick { 4_000_000 } else { 400_000_000 };
    let path = folder()?.join(format!("attachment-{attachment_octets}.pst"));
    if !path.exists() {
        eprintln!("pst: writing {}", path.display());
        let bulk =
            Bulk { items: 3, folders: 1, body_characters: 500, attachment_every: 3, attachment_octets };
        bulk.write(&path, Pst::new(Crypt::Permute), SEED)?;
    }
    opened("one large attachment".to_owned(), path, None)
}

/// A store of two items with texts of 8 million characters, nearly the longest that are held, of one also as HTML.
pub fn long_texts(is_quick: bool) -> Result<Store> {
    let body_characters = if is_quick { 300_000 } else { 8_000_000 };
    let path = folder()?.join(format!("text-{body_characters}.pst"));
    if !path.exists() {
        eprintln!("pst: writing {}", path.display());
        let bulk = Bulk { items: 2, folders: 1, body_characters, attachment_every: 0, attachment_octets: 0 };
        bulk.write(&path, Pst::new(Crypt::Permute), SEED)?;
    }
    opened("two long texts".to_owned(), path, None)
}

/// A store that somebody made to take memory.
pub fn planted(kind: Planted) -> Result<Store> {
    let path = folder()?.join(format!("planted-{}.pst", kind.name()));
    if !path.exists() {
        eprintln!("pst: writing {}", path.display());
        kind.write(&path)?;
    }
    opened(format!("planted {}", kind.name()), path, None)
}

/// The same store with one octet altered in its middle, which is that of its largest value.
pub fn damaged(store: &Store) -> Result<Store> {
    let path = store.path.with_extension("damaged.pst");
    fs::copy(&store.path, &path)?;
    let file = File::options().read(true).write(true).open(&path)?;
    let mut octet = [0];
    file.read_exact_at(&mut octet, store.octets / 2)?;
    file.write_all_at(&[!octet[0]], store.octets / 2)?;
    opened(format!("{}, damaged", store.name), path, None)
}

fn folder() -> Result<PathBuf> {
    let folder = place::folder()?.join("pst");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn made(kind: Kind, is_quick: bool) -> Result<PathBuf> {
    let writer = env::var_os("GENPST").filter(|path| !path.is_empty() && !is_quick);
    let by = if writer.is_some() { "genpst" } else { "own" };
    let size = if is_quick { "-quick" } else { "" };
    let path = folder()?.join(format!("{}-{by}{size}.pst", kind.name()));
    if path.exists() {
        return Ok(path);
    }
    eprintln!("pst: writing {}", path.display());
    match writer {
        Some(writer) => {
            let status = Command::new(writer).arg("bulk").arg(&path).args(kind.words()).status()?;
            ensure!(status.success(), "the writer that GENPST names: {status}");
        }
        None => {
            let bulk = if is_quick { kind.bulk().scaled(QUICK) } else { kind.bulk() };
            bulk.write(&path, Pst::new(Crypt::Permute), SEED)?;
        }
    }
    Ok(path)
}

/// Counts a store's items, and reads it once from end to end.
fn opened(name: String, path: PathBuf, kind: Option<Kind>) -> Result<Store> {
    let octets = io::copy(&mut File::open(&path)?, &mut io::sink())?;
    let folders = NativeStore::open(&path)?.folders()?;
    let items = folders.iter().map(|folder| folder.items.len() as u64).sum();
    Ok(Store { name, path, octets, items, kind })
}

/// Messages in all mbox files below a folder, by the lines that begin them.
pub fn messages(folder: &Path) -> Result<u64> {
    let (mut waiting, mut messages) = (vec![folder.to_owned()], 0);
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                waiting.push(entry?.path());
            }
            continue;
        }
        let (mut file, mut line) = (BufReader::new(File::open(&path)?), Vec::new());
        while file.read_until(b'\n', &mut line)? > 0 {
            messages += u64::from(line.starts_with(b"From "));
            line.clear();
        }
    }
    Ok(messages)
}
