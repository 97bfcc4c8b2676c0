//! Options of the commands that work on the service's own database.
//! Never opens it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use ipnet::IpNet;

use super::{LogFormatArg, OutputArgs};

/// Where the service keeps what it knows.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Where the service keeps what it knows")]
pub struct PlaceArgs {
    /// The data folder: database, ledgers, uploads, logs, quarantine
    #[arg(long, value_name = "DIR", env = "MALOTE_DATA")]
    pub data: Option<PathBuf>,
    /// The database, where it is not a file in the data folder: postgres://USER:PASSWORD@HOST/NAME
    #[arg(long, value_name = "URL", env = "MALOTE_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
}

/// What `migrate` does.
#[derive(Debug, Subcommand)]
pub enum MigrateCommand {
    /// Bring the tables up to what this program knows
    Up(MigrateArgs),
    /// Take back the newest step, with everything that its tables hold
    Down(MigrateDownArgs),
    /// Say which steps were taken
    Status(MigrateArgs),
}

/// The options of `migrate up` and `migrate status`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How results are told.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The options of `migrate down`.
#[derive(Debug, Args)]
pub struct MigrateDownArgs {
    /// Take back every step above this one; without it, the newest alone
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(0..))]
    pub to: Option<i64>,
    /// Needed, because what the tables hold is lost
    #[arg(long)]
    pub yes: bool,
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How results are told.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The options of `backup-state`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The data folder; the service may be at work in it
    #[arg(long, value_name = "DIR", env = "MALOTE_DATA")]
    pub data: PathBuf,
    /// A new folder for the backup
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// How results are told.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The options of `restore-state`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The folder that `backup-state` wrote
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The data folder, without a database in it
    #[arg(long, value_name = "DIR", env = "MALOTE_DATA")]
    pub data: PathBuf,
    /// How results are told.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The options of `gate`.
#[derive(Debug, Args)]
pub struct GateArgs {
    /// The domain
    #[arg(value_name = "DOMAIN")]
    pub domain: String,
    /// The service; http:// on this machine alone
    #[arg(long, value_name = "URL", env = "MALOTE_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// A file that holds a service token of the scope gate:read; MALOTE_TOKEN where nothing is said
    #[arg(long, value_name = "FILE", env = "MALOTE_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// How results are told.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The options of `worker`.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// The service's master key; below the data folder, or systemd's credential `malote-master-key`, where nothing is
    /// said
    #[arg(long, value_name = "FILE", env = "MALOTE_MASTER_KEY_FILE")]
    pub master_key_file: Option<PathBuf>,
    /// A private network that every mail server may stand in, such as 10.1.0.0/16; repeatable
    #[arg(long, value_name = "CIDR", env = "MALOTE_ALLOW_PRIVATE", value_delimiter = ',')]
    pub allow_private: Vec<IpNet>,
    /// The world outside.
    #[command(flatten)]
    pub outside: OutsideArgs,
    /// Runs at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,
    /// How long a run stays this worker's after its last sign of life; then another one takes it over
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(5..=3600))]
    pub lease_seconds: u16,
    /// Form of log lines
    #[arg(long, value_name = "FORM", value_enum, default_value_t = LogFormatArg::Json)]
    pub log_format: LogFormatArg,
}

/// What the world outside is reached by.
#[derive(Debug, Clone, Args)]
pub struct OutsideArgs {
    /// A name server to ask, such as 10.0.0.2:53; those of the machine where none is named; repeatable
    #[arg(long, value_name = "ADDR", env = "MALOTE_NAME_SERVER", value_delimiter = ',')]
    pub name_server: Vec<SocketAddr>,
    /// Certificates (PEM) that are trusted beside the platform's
    #[arg(long, value_name = "FILE", env = "MALOTE_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// Another address of an identity provider, `microsoft` or `google`, with its scheme; repeatable
    #[arg(long, value_name = "NAME=URL", env = "MALOTE_IDENTITY_PROVIDER", value_delimiter = ',')]
    pub identity_provider: Vec<String>,
    /// Where browsers reach this service, with its scheme: identity providers send people back there
    #[arg(long, value_name = "URL", env = "MALOTE_PUBLIC_URL", default_value = "")]
    pub public_url: String,
}
