//! Options of the commands that work on the service's own database.
//! Never opens it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::OutputArgs;

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
