//! The command line: commands, options, defaults and what `--help` says of them.
//! Never opens a file or asks a server.

mod admin;
mod batch;
mod pair;
mod pst;
mod quarantine;
mod service;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use admin::{AdminCommand, MfaArg, ServeArgs, TokenAddArgs, TokenCommand, UserAddArgs, UserCommand};
pub use batch::BatchArgs;
pub use pair::{
    ChangeArgs, ClashArg, DuplicatesArg, FlagsArg, PaceArgs, PairArgs, RepairArg, SecretArgs, SelectionArgs,
    TrustArgs, VerifyArgs, WorkArgs,
};
pub use pst::{
    CheckArgs, ExportArg, ExportArgs, ItemsArg, LossesArgs, PstArgs, PstCommand, ReaderArg, StoreArgs,
    UnreadableArg,
};
pub use quarantine::{LedgerArgs, QuarantineCommand, RetryArgs};
pub use service::{BackupArgs, GateArgs, MigrateCommand, OutsideArgs, PlaceArgs, RestoreArgs, WorkerArgs};
pub use value::{map as map_value, pattern as pattern_value};

pub const HEADING_PLACES: &str = "Where from, where to";
pub const HEADING_SECRETS: &str = "Passwords and tokens (never in a URL, never on the command line)";
pub const HEADING_TRUST: &str = "Trust";
pub const HEADING_SERVERS: &str = "What the servers are";
pub const HEADING_SELECTION: &str = "Which folders and messages";
pub const HEADING_CHANGES: &str = "What to do with them";
pub const HEADING_PACE: &str = "Speed";
pub const HEADING_STATE: &str = "What is remembered";
pub const HEADING_OUTPUT: &str = "Output";

const AFTER_HELP: &str = "\
Locations:
  imaps://USER@HOST[:993]         TLS from the first octet
  imap://USER@HOST[:143]          STARTTLS, required before any password is sent
  imap://USER@HOST:PORT?tls=off   clear text: this machine only, or with --allow-cleartext
  ?auth=plain|login|cram-md5|scram|xoauth2|oauthbearer|proxyauth   how to log in
  ?authzid=NAME                   log in as an administrator, open NAME's mailbox
  ?pin=sha256:...                 the one certificate that is accepted
  USER is percent-encoded: ana%40example.com, or plainly ana@example.com.
  pst:FILE mbox:PATH eml:DIR maildir:DIR tgz:FILE   mail in files; mbox: and maildir: as --to too

Examples:
  malote plan --from imaps://ana@old.example.com --to imaps://ana@new.example.com
  malote copy --from imaps://ana@old.example.com --to imaps://ana@new.example.com \\
      --from-password-file old.txt --to-password-file new.txt
  malote copy ... the same again later: brings over only what is new
  malote verify ... --content full
  malote batch users.csv --from 'imaps://{user}@old.example.com' --to 'imaps://{user}@new.example.com'
  malote copy --from pst:archive.pst --to imaps://ana@new.example.com --into 'Old mail'
  malote pst check archive.pst
  malote demo

Coming from imapsync?
  malote imapsync --host1 ... takes its command lines as they are;
  malote imapsync --explain --host1 ... shows the same in Malote's own words.

Exit status:
  0 everything accounted for        5 authentication refused
  1 internal error: please report   6 TLS refused or not to be trusted
  2 wrong usage                     7 the destination is full
  3 quarantined or refused: listed  8 a decision is needed first
  4 stopped early: run it again
What servers refuse with, what follows and what to do: malote help errors [--json]";

/// Everything that may stand on the command line.
#[derive(Debug, Parser)]
#[command(
    name = "malote",
    version,
    about = "Moves mailboxes between IMAP servers, and proves that nothing is missing",
    after_help = AFTER_HELP,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = false
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the destination up to date with the source
    ///
    /// The first run copies everything, later runs bring over what has changed. Safe to repeat, to kill and to
    /// resume: no message is ever appended twice.
    #[command(after_help = COPY_EXAMPLES)]
    Copy(PairArgs),
    /// Say what `copy` would do, and write nothing anywhere
    ///
    /// Folders, counts, octets, names that would change, clashes, what would be left out.
    Plan(PairArgs),
    /// Recount both sides from the servers themselves and hold them against the ledger
    Verify(VerifyArgs),
    /// Say what a server is and can do: greeting, capabilities, namespaces, limits, round-trip time
    Probe(ProbeArgs),
    /// Bring over many mailboxes, one row of a CSV file each
    Batch(BatchArgs),
    /// Look into a personal store (PST, OST) of Outlook, check it, or export its items
    #[command(subcommand)]
    Pst(PstCommand),
    /// Show what was refused or unreadable, try it again, export it, or acknowledge that it is left out
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Make, renew or take back the tables of the service's own database, or say how they stand
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Copy the service's database and ledgers into a new folder, with a manifest that proves them
    ///
    /// The service may be at work. Not copied: the master key, uploads, quarantined messages, logs. Where the
    /// database is PostgreSQL, its own tools do this.
    BackupState(BackupArgs),
    /// Bring back what backup-state copied, after every file is proven
    RestoreState(RestoreArgs),
    /// Serve the API and carry out runs, until asked to stop
    ///
    /// Listens on this machine alone unless told otherwise; put a proxy with TLS before it.
    Serve(ServeArgs),
    /// Carry out runs beside a service, on this machine or another, until asked to stop
    ///
    /// Several share one PostgreSQL: one that dies is replaced by the others once its leases run out. It needs the
    /// service's master key.
    Worker(WorkerArgs),
    /// Ask a running service whether a domain's DNS may be changed
    ///
    /// Exit status 0 is a clear yes; 8 the gate is shut; 5 the token is refused; 4 nobody could tell. Whatever is not
    /// 0 is a no.
    Gate(GateArgs),
    /// Make users and service tokens, for installation scripts
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Show a whole migration between two throw-away Dovecot servers on this machine
    ///
    /// Starts two mail servers and a service, and carries the mailboxes of a sample domain from one to the other by
    /// the service's API: preflight, first copy, an uploaded personal store, deltas, verification, and the gate
    /// that a second person opens. The console stays open until Ctrl-C; neither a process nor a file is left
    /// behind then. Needs the program `dovecot`.
    Demo(DemoArgs),
    /// Carry out imapsync's own command line; also when called by the name `imapsync`
    ///
    /// Every option of imapsync 2.229 is translated, accepted as automatic, or refused by name with the reason:
    /// `malote imapsync --help` lists them, `malote imapsync --explain ...` translates a command line.
    Imapsync,
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

const COPY_EXAMPLES: &str = "\
Examples:
  malote copy --from imaps://ana@old.example.com --to imaps://ana@new.example.com
      asks for both passwords on the terminal
  MALOTE_FROM_PASSWORD=... MALOTE_TO_PASSWORD=... malote copy --from ... --to ... --json > report.json
  malote copy --from ... --to ... --folder 'Projects/**' --exclude '**/Old' --since 2024-01-31
  malote copy --from ... --to ... --map 'Sent Items=Sent' --into 'Old mailbox'

Exit status: 0 everything accounted for; 3 something quarantined; 4 stopped early, run it again;
5 login refused; 6 TLS; 7 destination full; 8 decide first; 2 wrong usage; 1 a bug.";

/// The options of `probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// The mailbox: imaps://USER@HOST
    #[arg(value_name = "URL")]
    pub url: String,
    /// File that holds the password; `-` reads standard input
    #[arg(long, value_name = "FILE", help_heading = HEADING_SECRETS, visible_alias = "from-password-file")]
    pub password_file: Option<PathBuf>,
    /// File that holds an OAuth access token
    #[arg(
        long, value_name = "FILE", help_heading = HEADING_SECRETS, visible_alias = "from-token-file",
        conflicts_with = "password_file"
    )]
    pub token_file: Option<PathBuf>,
    /// File that says where OAuth tokens come from; see `malote copy --help`. A code for another device is shown here
    #[arg(
        long, value_name = "FILE", help_heading = HEADING_SECRETS, visible_alias = "from-oauth",
        conflicts_with_all = ["password_file", "token_file"]
    )]
    pub oauth: Option<PathBuf>,
    /// What is trusted.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// How results are told.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The options of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How many messages the twelve mailboxes of the source get together
    #[arg(long, value_name = "N", default_value_t = 1200, value_parser = clap::value_parser!(u32).range(120..=100_000))]
    pub messages: u32,
    /// A personal store (PST) that is uploaded for the first mailbox
    #[arg(long, value_name = "FILE")]
    pub pst: Option<PathBuf>,
    /// Where the service and its console listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// End when the gate is open, instead of leaving the console open until Ctrl-C
    #[arg(long)]
    pub exit: bool,
    /// How often the service is killed on the way, and begun again
    #[arg(long, value_name = "N", default_value_t = 0, hide = true)]
    pub kills: u32,
    /// What chance begins with where the service is killed
    #[arg(long, value_name = "N", default_value_t = 1, hide = true)]
    pub seed: u64,
    /// How results are told.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// When progress bars are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ProgressArg {
    /// On a terminal only
    #[default]
    Auto,
    /// Even into a file
    Always,
    /// Nowhere
    Never,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormatArg {
    /// Readable lines
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// How results are told.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = HEADING_OUTPUT)]
pub struct OutputArgs {
    /// Print the result as JSON, as the only thing on standard output
    #[arg(long)]
    pub json: bool,
    /// Draw no progress bar and log errors only
    #[arg(long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log what happens, folder by folder, to standard error
    #[arg(long, short)]
    pub verbose: bool,
    /// Form of log lines
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub log_format: LogFormatArg,
    /// When to draw progress bars (to standard error)
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub progress: ProgressArg,
}

#[cfg(test)]
mod tests;
