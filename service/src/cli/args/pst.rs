//! The options of `pst` and of every command that reads a personal store.
//! Never opens the store.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{HEADING_CHANGES, HEADING_OUTPUT, OutputArgs};

/// The commands of `pst`.
#[derive(Debug, Subcommand)]
pub enum PstCommand {
    /// List folders with path, use, and items by message class
    Ls(PstArgs),
    /// Read every item, and name each that cannot be carried whole; exit 3 when there is one
    ///
    /// Both readers read everything, the second within --second-opinion: a file is called clean only when they agree.
    Check(CheckArgs),
    /// Write every item as mail: files, mbox folders or a Maildir
    Export(Box<ExportArgs>),
}

/// Which reader reads a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ReaderArg {
    /// Malote's own, with libpff for a second opinion and where the first fails
    #[default]
    Auto,
    /// libpff alone, in a process of its own
    Libpff,
    /// Malote's own alone
    Native,
}

/// Which items are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ItemsArg {
    /// Mail, meetings and reports
    Mail,
    /// Appointments, contacts, tasks and notes too, as mail with a part in their own format
    #[default]
    All,
}

/// What becomes of an item with a part that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum UnreadableArg {
    /// It is kept back, and named
    #[default]
    Quarantine,
    /// It is carried, with a part that says what is missing
    Stub,
}

/// How stores are read.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Personal stores (PST, OST)")]
pub struct StoreArgs {
    /// Which reader reads the file
    #[arg(long, value_enum, default_value_t, value_name = "READER")]
    pub reader: ReaderArg,
    /// Which items become messages
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    pub items: ItemsArg,
    /// What becomes of an item with a part that cannot be read
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub unreadable: UnreadableArg,
    /// Windows code page of old 8-bit strings that do not name theirs, e.g. 1252 or 932; found out otherwise
    #[arg(long, value_name = "NUMBER")]
    pub code_page: Option<u16>,
    /// Carry also what no folder reaches any more: deleted items and remains
    #[arg(long)]
    pub recovered: bool,
    /// Longest time in seconds that the second reader may take in all
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub second_opinion: u64,
}

/// The options of `pst ls` and `pst check`.
#[derive(Debug, Args)]
pub struct PstArgs {
    /// The store
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How it is read.
    #[command(flatten)]
    pub store: StoreArgs,
    /// How results are told.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What `pst check` and `pst export` tell beside their result.
#[derive(Debug, Args)]
pub struct LossesArgs {
    /// List each item that is not carried in every point as it stood, and why, in this file: one line of JSON for each
    #[arg(long, value_name = "LIST", help_heading = HEADING_OUTPUT)]
    pub losses: Option<PathBuf>,
}

/// The options of `pst check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The store, how it is read, and how results are told.
    #[command(flatten)]
    pub pst: PstArgs,
    /// What is told beside them.
    #[command(flatten)]
    pub listing: LossesArgs,
}

/// What items are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportArg {
    /// One file for each item, below a folder for each folder
    Eml,
    /// One mbox file (mboxrd) for each folder
    Mbox,
    /// A Maildir++ with its subfolders
    Maildir,
}

/// The options of `pst export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The store
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What to write
    #[arg(long, value_enum, value_name = "FORM", help_heading = HEADING_CHANGES)]
    pub to: ExportArg,
    /// The folder to write into; made where it is missing, and never one that holds anything else
    #[arg(long, value_name = "DIR", help_heading = HEADING_CHANGES)]
    pub out: PathBuf,
    /// Do not wait until the disk has everything: what a machine that stops soon afterwards may lose
    #[arg(long, help_heading = HEADING_CHANGES)]
    pub no_sync: bool,
    /// How the store is read.
    #[command(flatten)]
    pub store: StoreArgs,
    /// How results are told.
    #[command(flatten)]
    pub output: OutputArgs,
    /// What is told beside them.
    #[command(flatten)]
    pub listing: LossesArgs,
}
