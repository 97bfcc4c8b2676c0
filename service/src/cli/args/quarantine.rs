//! The options of `quarantine`.
//! Never opens a ledger.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use malote_engine::plan::uid_set::UidSet;

use super::value::pattern;
use super::{HEADING_PLACES, HEADING_SELECTION, HEADING_STATE, OutputArgs, PairArgs};

/// What to do with quarantined messages.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// List what lies in quarantine, and why
    Ls(LedgerArgs),
    /// Tell everything that is known of quarantined messages: the server's words, what was found, the header
    Show(LedgerArgs),
    /// Try quarantined messages again: a copy of the folders chosen by --folder, with these messages open to it
    ///
    /// Give --max-size or --repair anew where they were the reason; --unreadable stub has a damaged item of a store
    /// carried with a part that says what is missing. No message is ever appended twice.
    Retry(Box<RetryArgs>),
    /// Write quarantined messages as files, with a manifest.json that tells of each
    Export {
        /// The folder to write into; made where there is none
        #[arg(long, value_name = "DIR", help_heading = HEADING_PLACES)]
        out: PathBuf,
        /// Which messages.
        #[command(flatten)]
        ledger: LedgerArgs,
    },
    /// Accept that quarantined messages are left out: they stay counted and listed, and later runs may end with 0
    Acknowledge(LedgerArgs),
}

/// Which ledger, and which of its quarantined messages.
#[derive(Debug, Args)]
pub struct LedgerArgs {
    /// The ledger of the pair [default: the one that --from and --to have]
    #[arg(long, value_name = "FILE", help_heading = HEADING_STATE, required_unless_present_all = ["from", "to"])]
    pub state: Option<PathBuf>,
    /// Where mail came from, to find the ledger; nobody logs in there
    #[arg(long, value_name = "URL", help_heading = HEADING_PLACES, requires = "to", conflicts_with = "state")]
    pub from: Option<String>,
    /// Where it went to, likewise
    #[arg(long, value_name = "URL", help_heading = HEADING_PLACES, requires = "from", conflicts_with = "state")]
    pub to: Option<String>,
    /// Where the messages are kept [default: beside the state]
    #[arg(long, value_name = "DIR", help_heading = HEADING_STATE)]
    pub quarantine: Option<PathBuf>,
    /// Source folders: globs over decoded names [default: all]
    #[arg(long, value_name = "PATTERN", value_parser = pattern, help_heading = HEADING_SELECTION)]
    pub folder: Vec<String>,
    /// Which of them.
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// How results are told.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The options of `quarantine retry`.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// Which of them.
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// Which two mailboxes, and the same options as for `copy`.
    #[command(flatten)]
    pub pair: PairArgs,
}

/// Which quarantined messages; all where nothing is said.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = HEADING_SELECTION)]
pub struct ChoiceArgs {
    /// Messages of one --folder, by UID at the source: 7 or 3:9,12
    #[arg(long, value_name = "UIDS", value_parser = uids, requires = "folder")]
    pub uid: Option<UidSet>,
    /// Messages quarantined for this reason: refused, too_large, unreadable
    #[arg(long, value_name = "REASON")]
    pub reason: Vec<String>,
}

fn uids(text: &str) -> Result<UidSet, String> {
    let read = UidSet::parse(text).filter(|uids| !uids.is_empty());
    read.ok_or_else(|| "write UIDs, such as 7 or 3:9,12".to_owned())
}
