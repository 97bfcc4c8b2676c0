//! The quarantined messages of one ledger that a command is about, and the folder that holds their octets.
//! Never makes a ledger: one that is not there has nothing in quarantine.

use std::path::{Path, PathBuf};

use malote_engine::failure::{Failure, Side};
use malote_engine::ledger::sql::SqliteLedger;
use malote_engine::ledger::{FolderRow, Ledger as _, PairIdentity};
use malote_engine::plan::pattern::Pattern;
use malote_engine::plan::record::QuarantineNote;
use malote_engine::plan::uid_set::UidSet;
use malote_engine::policy::Retry;
use malote_engine::report::QuarantineEntry;

use super::super::args::{LedgerArgs, TrustArgs};
use super::super::exit::Stopped;
use super::super::{assemble, state};
use super::item::{self, Item};

/// What was chosen.
pub struct Shelf {
    ledger: SqliteLedger,
    kept: PathBuf,
    chosen: Vec<(FolderRow, Vec<QuarantineNote>)>,
}

impl Shelf {
    /// Opens the ledger and reads what is chosen of its quarantine.
    pub async fn open(args: &LedgerArgs) -> Result<Self, Stopped> {
        let path = ledger_of(args)?;
        if !path.exists() {
            return Err(Stopped::usage(format!("there is no ledger at {}", path.display())));
        }
        let patterns = args.folder.iter().map(|text| Pattern::parse(text));
        let patterns: Vec<Pattern> =
            patterns.collect::<Result<_, _>>().map_err(|error| Stopped::usage(error.to_string()))?;
        let uids = args.choice.uid.clone().unwrap_or_default();
        let choice = Retry { reasons: args.choice.reason.clone(), uids };
        let ledger = SqliteLedger::open(&path).await.map_err(Failure::from)?;
        let mut chosen = Vec::new();
        for folder in ledger.folders().await? {
            let path = &folder.key.source_path;
            if patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(path)) {
                let mut notes = ledger.quarantine_notes(folder.id).await?;
                notes.retain(|note| choice.takes(note));
                chosen.push((folder, notes));
            }
        }
        let kept = args.quarantine.clone().unwrap_or_else(|| state::quarantine_beside(&path));
        Ok(Self { ledger, kept, chosen })
    }

    /// Each message, by folder and UID.
    pub fn entries(&self) -> Vec<QuarantineEntry> {
        let of_folder = |(folder, notes): &(FolderRow, Vec<QuarantineNote>)| {
            let path = folder.key.source_path.to_string();
            notes.iter().map(|note| QuarantineEntry::of(&path, note.clone())).collect::<Vec<_>>()
        };
        self.chosen.iter().flat_map(of_folder).collect()
    }

    /// Notes that the operator accepts that each is left out.
    pub async fn acknowledge(&self) -> Result<(), Stopped> {
        for (folder, notes) in &self.chosen {
            let uids: UidSet = notes.iter().map(|note| note.source_uid).collect();
            self.ledger.acknowledge(folder.id, &uids).await?;
        }
        Ok(())
    }

    /// The octets of a message, where they were had and are still there.
    pub fn octets(&self, entry: &QuarantineEntry) -> Result<Option<Vec<u8>>, Stopped> {
        // The name is the engine's own; whatever a ledger says, nothing is read from elsewhere.
        let Some(name) = Path::new(&entry.file).file_name().filter(|name| *name == entry.file.as_str())
        else {
            return Ok(None);
        };
        let path = self.kept.join(name);
        match std::fs::read(&path) {
            Ok(octets) => Ok(Some(octets)),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Stopped::early(format!("reading {}: {cause}", path.display()))),
        }
    }

    /// What is known of a message that is an item of a store; of others nothing.
    pub fn item(&self, entry: &QuarantineEntry) -> Option<Item> {
        let is_dump = item::is_dump(&entry.file);
        let dump = if is_dump { self.octets(entry).ok().flatten() } else { None };
        dump.and_then(|dump| Item::of(&dump))
    }

    /// Closes the ledger.
    pub async fn close(&self) {
        self.ledger.close().await;
    }
}

fn ledger_of(args: &LedgerArgs) -> Result<PathBuf, Stopped> {
    let (Some(from), Some(to)) = (&args.from, &args.to) else {
        return args.state.clone().ok_or_else(|| Stopped::usage("give --state, or --from and --to"));
    };
    // Nobody is called: a location without TLS is as good as any other to tell which ledger is meant.
    let trust = TrustArgs { allow_cleartext: true, ..TrustArgs::default() };
    let source = assemble::identity_of(&assemble::place(Side::Source, from, &trust)?);
    let destination = assemble::identity_of(&assemble::place(Side::Destination, to, &trust)?);
    Ok(state::default_folder()?.join(state::file_name(&PairIdentity { source, destination })))
}
