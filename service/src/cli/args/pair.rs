//! The options of `copy`, `plan` and `verify`, in the groups that `--help` shows; `batch` shares most of them.
//! Never turns them into anything: `assemble` does.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use malote_engine::policy::{Content, Duplicates, FlagPolicy, LabelPolicy, OnClash};

use super::value::{damage_code, date, map, octets, pattern};
use super::{
    HEADING_CHANGES, HEADING_PACE, HEADING_PLACES, HEADING_SECRETS, HEADING_SELECTION, HEADING_SERVERS,
    HEADING_STATE, HEADING_TRUST, OutputArgs, StoreArgs,
};

/// Connections that may be asked for on one side.
const CONNECTIONS_MAX: u16 = 64;

/// The part of a folder, in percent, that a mirrored deletion may take where nobody says.
const DELETE_LIMIT_PERCENT: u8 = 10;

/// Two mailboxes and everything that may be said of bringing one to the other.
#[derive(Debug, Args)]
pub struct PairArgs {
    /// Where mail comes from: imaps://USER@HOST, or pst: mbox: eml: maildir: tgz: and a path
    #[arg(long, value_name = "URL", help_heading = HEADING_PLACES)]
    pub from: String,
    /// Where mail goes to: imaps://USER@HOST, or mbox: maildir: and a path
    #[arg(long, value_name = "URL", help_heading = HEADING_PLACES)]
    pub to: String,
    /// Passwords and tokens.
    #[command(flatten)]
    pub secrets: SecretArgs,
    /// The ledger of this pair (SQLite) [default: a file per pair in ~/.local/state/malote]
    #[arg(long, value_name = "FILE", help_heading = HEADING_STATE)]
    pub state: Option<PathBuf>,
    /// The work itself.
    #[command(flatten)]
    pub work: WorkArgs,
    /// How results are told.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The options of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// How much of the messages is read again and compared, octet by octet
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub content: ContentArg,
    /// Which two mailboxes, and the same options as for `copy`.
    #[command(flatten)]
    pub pair: PairArgs,
}

/// What `batch` shares with the others.
#[derive(Debug, Clone, Default, Args)]
pub struct WorkArgs {
    /// What is trusted.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Which folders and messages.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// What becomes of them.
    #[command(flatten)]
    pub changes: ChangeArgs,
    /// Speed.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// Where refused or unreadable messages are kept, with reason and octets [default: beside the state]
    #[arg(long, value_name = "DIR", help_heading = HEADING_STATE)]
    pub quarantine: Option<PathBuf>,
    /// How personal stores are read.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// What `--help` says of an OAuth document.
const OAUTH_HELP: &str = "\
File that says where the source's OAuth tokens come from; they are renewed while mail moves

JSON. It holds no secret itself: it names files, which are looked for beside it. `provider` (microsoft, google)
fills in addresses and scopes; token_url, device_url and scope replace them. {user} in a command or a file's name
stands for the mailbox.

  Microsoft 365, every mailbox of a tenant:
    {\"kind\":\"client_credentials\", \"provider\":\"microsoft\", \"tenant\":\"contoso.onmicrosoft.com\",
     \"client_id\":\"...\", \"client_secret_file\":\"secret.txt\"}
  Google Workspace, every mailbox (domain-wide delegation):
    {\"kind\":\"service_account\", \"provider\":\"google\", \"key_file\":\"key.json\"}
  one user, who consents in a browser once (not for Google):
    {\"kind\":\"device_code\", \"provider\":\"microsoft\", \"client_id\":\"...\",
     \"refresh_token_file\":\"refresh-{user}\"}
  one user, whose refresh token is there already; a rotated one is stored back:
    {\"kind\":\"refresh_token\", \"provider\":\"google\", \"client_id\":\"...\", \"client_secret_file\":\"secret.txt\",
     \"refresh_token_file\":\"refresh.txt\"}
  a program that prints a token, or JSON with access_token and expires_in:
    {\"kind\":\"command\", \"command\":[\"get-token\", \"{user}\"], \"timeout_seconds\":60}
  a file that somebody else keeps fresh:
    {\"kind\":\"token_file\", \"token_file\":\"token.txt\"}
";

/// Where passwords and tokens come from.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = HEADING_SECRETS)]
pub struct SecretArgs {
    /// File that holds the source's password; `-` reads standard input [else: MALOTE_FROM_PASSWORD, else a prompt]
    #[arg(long, value_name = "FILE")]
    pub from_password_file: Option<PathBuf>,
    /// File that holds the destination's password; `-` reads standard input [else: MALOTE_TO_PASSWORD, else a prompt]
    #[arg(long, value_name = "FILE")]
    pub to_password_file: Option<PathBuf>,
    /// File that holds the source's OAuth access token, read again when it changes
    #[arg(long, value_name = "FILE", conflicts_with = "from_password_file")]
    pub from_token_file: Option<PathBuf>,
    /// File that holds the destination's OAuth access token, read again when it changes
    #[arg(long, value_name = "FILE", conflicts_with = "to_password_file")]
    pub to_token_file: Option<PathBuf>,
    /// File that says where the source's OAuth tokens come from; they are renewed while mail moves
    #[arg(
        long, value_name = "FILE", long_help = OAUTH_HELP,
        conflicts_with_all = ["from_password_file", "from_token_file"]
    )]
    pub from_oauth: Option<PathBuf>,
    /// File that says where the destination's OAuth tokens come from, in the same form
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to_password_file", "to_token_file"])]
    pub to_oauth: Option<PathBuf>,
}

/// What is trusted, and how long a silent server is waited for.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = HEADING_TRUST)]
pub struct TrustArgs {
    /// Allow ?tls=off to other machines: passwords and mail pass the network in clear
    #[arg(long)]
    pub allow_cleartext: bool,
    /// Certificates (PEM) to trust besides the system's, on both sides
    #[arg(long, value_name = "PEM")]
    pub ca_file: Option<PathBuf>,
    /// Certificates (PEM) to trust besides the system's, at the source
    #[arg(long, value_name = "PEM")]
    pub from_ca_file: Option<PathBuf>,
    /// Certificates (PEM) to trust besides the system's, at the destination
    #[arg(long, value_name = "PEM")]
    pub to_ca_file: Option<PathBuf>,
    /// How long a server may be silent in the midst of a command [default: 120]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: Option<u64>,
    /// Treat the source by this profile: a name such as gmail or dovecot, or a file of the same form
    /// [default: the one that the server is recognised by; see malote probe]
    #[arg(long, value_name = "NAME|FILE", visible_alias = "profile", help_heading = HEADING_SERVERS)]
    pub from_profile: Option<String>,
    /// Treat the destination by this profile
    #[arg(long, value_name = "NAME|FILE", help_heading = HEADING_SERVERS)]
    pub to_profile: Option<String>,
}

/// Which folders and messages are taken, and where to.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = HEADING_SELECTION)]
pub struct SelectionArgs {
    /// Folders to take: globs over decoded names, `*` within a level, `**` over levels [default: all personal ones]
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    pub folder: Vec<String>,
    /// Folders to leave out
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    pub exclude: Vec<String>,
    /// Source folder SRC becomes DST, its children follow [default: special use and the table of names decide]
    #[arg(long, value_name = "SRC=DST", value_parser = map)]
    pub map: Vec<(String, String)>,
    /// Put everything below this destination folder
    #[arg(long, value_name = "PREFIX")]
    pub into: Option<String>,
    /// Only messages received at or after DATE: 2024-01-31 (midnight UTC) or 2024-01-31T08:00:00-03:00
    #[arg(long, value_name = "DATE", value_parser = date, allow_hyphen_values = true)]
    pub since: Option<i64>,
    /// Only messages received before DATE
    #[arg(long, value_name = "DATE", value_parser = date, allow_hyphen_values = true)]
    pub before: Option<i64>,
    /// Leave out smaller messages: octets, or with k, M, G
    #[arg(long, value_name = "BYTES", value_parser = octets)]
    pub skip_smaller: Option<u64>,
    /// Leave out larger messages, without quarantine: a later run without this option takes them
    #[arg(long, value_name = "BYTES", value_parser = octets)]
    pub skip_larger: Option<u64>,
    /// Make folders and subscriptions alone, and leave every message out
    #[arg(long)]
    pub only_folders: bool,
    /// Quarantine larger messages as `too_large`: octets, or with k, M, G for 1024, 1024², 1024³
    /// [default: the server's own limit]
    #[arg(long, value_name = "BYTES", value_parser = octets)]
    pub max_size: Option<u64>,
}

/// What becomes of messages and folders that are there already, twice, or no more.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = HEADING_CHANGES)]
pub struct ChangeArgs {
    /// Byte-identical messages within one source folder
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub duplicates: DuplicatesArg,
    /// How flag changes meet on later runs: `merge` goes three ways from the last synced value
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub flags: FlagsArg,
    /// Two source folders that would become one destination folder without having been told so
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub on_clash: ClashArg,
    /// A source whose folders are labels (Gmail), where one message stands under several: it is read once in any case
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub gmail_labels: LabelsArg,
    /// A message that the destination refuses twice: `on` has it accepted by the least named change, where it is
    /// not signed or encrypted, keeps the original and reports it
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub repair: RepairArg,
    /// Damage of a file that you have seen and do not wait for: the code that a run tells, as 1a2b3c4d5e6f. It stands
    /// for exactly that damage; any other ends the run with 3 again
    #[arg(long, value_name = "CODE", value_parser = damage_code)]
    pub accept_damage: Vec<String>,
    /// Remove at the destination what the source no longer has; only messages that Malote wrote
    #[arg(long)]
    pub mirror_deletes: bool,
    /// With --mirror-deletes: refuse to remove more than this part of a folder
    #[arg(
        long, value_name = "PERCENT", default_value_t = DELETE_LIMIT_PERCENT,
        value_parser = clap::value_parser!(u8).range(0..=100)
    )]
    pub delete_limit: u8,
}

impl Default for ChangeArgs {
    fn default() -> Self {
        Self {
            duplicates: DuplicatesArg::default(),
            flags: FlagsArg::default(),
            on_clash: ClashArg::default(),
            gmail_labels: LabelsArg::default(),
            repair: RepairArg::default(),
            accept_damage: Vec::new(),
            mirror_deletes: false,
            delete_limit: DELETE_LIMIT_PERCENT,
        }
    }
}

/// How fast.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = HEADING_PACE)]
pub struct PaceArgs {
    /// At most N connections per side [default: what the server bears, at most 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(CONNECTIONS_MAX)))]
    pub connections: Option<u16>,
    /// At most N octets per second; k, M, G stand for 1024, 1024², 1024³
    #[arg(long, value_name = "N", value_parser = octets)]
    pub rate_bytes: Option<u64>,
    /// At most N messages per second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub rate_messages: Option<u64>,
    /// Where a server's daily allowance is used up, wait for the next day instead of ending with 4
    #[arg(long)]
    pub wait: bool,
}

/// How much is read to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ContentArg {
    /// Counts and UIDs alone
    #[default]
    None,
    /// A sample of each folder
    Sample,
    /// Every message
    Full,
}

/// Byte-identical messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DuplicatesArg {
    /// Three stay three
    #[default]
    Keep,
    /// One is copied, the others are counted as collapsed
    Collapse,
}

/// How flags meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FlagsArg {
    /// A change on either side is carried over; what a user did at the destination is never undone
    #[default]
    Merge,
    /// The destination is made like the source
    Source,
    /// The destination is left alone
    Destination,
}

/// Clashing names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ClashArg {
    /// Stop before anything is created
    #[default]
    Block,
    /// The later one gets a name of its own
    Suffix,
    /// They become one folder
    Merge,
}

/// Labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LabelsArg {
    /// Every label is a folder, and a message is in each of its folders; Archive holds what has no label
    #[default]
    Folders,
    /// A message is only in the first of its folders: Sent, Drafts, INBOX, then the labels by name, else Archive
    First,
    /// Labels become keywords; what is in no folder of the mailbox's own goes to Archive
    Keywords,
    /// Labels are let go; what is in no folder of the mailbox's own goes to Archive
    Archive,
}

/// Refused messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum RepairArg {
    /// Repaired where that is known to help, else quarantined
    #[default]
    On,
    /// Quarantined as they are
    Off,
}

impl From<ContentArg> for Content {
    fn from(content: ContentArg) -> Self {
        match content {
            ContentArg::None => Self::None,
            ContentArg::Sample => Self::Sample,
            ContentArg::Full => Self::Full,
        }
    }
}

impl From<DuplicatesArg> for Duplicates {
    fn from(duplicates: DuplicatesArg) -> Self {
        match duplicates {
            DuplicatesArg::Keep => Self::Keep,
            DuplicatesArg::Collapse => Self::Collapse,
        }
    }
}

impl From<FlagsArg> for FlagPolicy {
    fn from(flags: FlagsArg) -> Self {
        match flags {
            FlagsArg::Merge => Self::Merge,
            FlagsArg::Source => Self::Source,
            FlagsArg::Destination => Self::Destination,
        }
    }
}

impl From<LabelsArg> for LabelPolicy {
    fn from(labels: LabelsArg) -> Self {
        match labels {
            LabelsArg::Folders => Self::Folders,
            LabelsArg::First => Self::First,
            LabelsArg::Keywords => Self::Keywords,
            LabelsArg::Archive => Self::Archive,
        }
    }
}

impl From<ClashArg> for OnClash {
    fn from(clash: ClashArg) -> Self {
        match clash {
            ClashArg::Block => Self::Block,
            ClashArg::Suffix => Self::Suffix,
            ClashArg::Merge => Self::Merge,
        }
    }
}
