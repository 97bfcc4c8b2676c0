//! The stores that are held against their truth: the foreign corpus where it is there, and our own writer's always.
//! Never changes a file of the corpus.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use malote_pst::both::Asking;
use malote_pst::libpff::{ChildLimits, ReaderCommand};
use malote_pst::mailbox::{Options, ReaderChoice};
use malote_pst::mime::{Items, Unreadable};
use pst_writer::{Crypt, Format, Pst, features};
use tempfile::TempDir;

/// 2026-01-01T00:00:00Z as a FILETIME: the time of every run here.
pub const NOW: u64 = 134_117_856_000_000_000;

/// Files of the corpus that are no stores.
pub const REFUSED: [&str; 2] = ["aspose_half_written.pst", "aspose_not_a_pst.pst"];

/// One store.
pub struct Subject {
    pub name: String,
    pub path: PathBuf,
}

/// All stores, with the folder that those written here lie in.
pub struct Subjects {
    pub all: Vec<Subject>,
    _folder: TempDir,
}

/// The folder of the corpus; told aloud where it is missing.
pub fn corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = here.ancestors().map(|above| above.join("shared/corpus/pst"));
    let named = std::env::var_os("MALOTE_PST_CORPUS").map(PathBuf::from);
    let found = named.into_iter().chain(beside).find(|folder| folder.join("truth.json").is_file());
    if found.is_none() {
        eprintln!(
            "SKIPPED: the corpus of stores is not here; only the stores written by this test were tried"
        );
    }
    found
}

/// Our own stores, one of each format and cipher.
pub fn written() -> Result<Subjects> {
    let folder = tempfile::tempdir()?;
    let mut all = Vec::new();
    for (name, crypt, format) in [
        ("own_ansi", Crypt::Permute, Format::Ansi),
        ("own_cyclic", Crypt::Cyclic, Format::Unicode),
        ("own_unicode4k", Crypt::None, Format::Unicode4k),
    ] {
        let path = folder.path().join(format!("{name}.pst"));
        features::write(&path, Pst::new(crypt), format)?;
        all.push(Subject { name: format!("{name}.pst"), path });
    }
    Ok(Subjects { all, _folder: folder })
}

/// The foreign stores, by name, after our own.
pub fn all() -> Result<Subjects> {
    let mut subjects = written()?;
    if let Some(folder) = corpus() {
        let mut foreign = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with(".pst") || name.ends_with(".ost") {
                foreign.push(Subject { name, path });
            }
        }
        foreign.sort_by(|one, other| one.name.cmp(&other.name));
        subjects.all.extend(foreign);
    }
    Ok(subjects)
}

/// How a store is opened here.
pub fn options(reader: ReaderChoice, unreadable: Unreadable) -> Options {
    let began = Instant::now();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_malote-pst-reader"));
    Options {
        reader,
        command: Some(ReaderCommand { program, arguments: Vec::new() }),
        limits: ChildLimits::default(),
        asking: Asking::Damaged,
        budget: Duration::from_secs(20),
        stopwatch: Arc::new(move || began.elapsed()),
        items: Items::All,
        unreadable,
        code_page: None,
        recovered: false,
        now: NOW,
    }
}
