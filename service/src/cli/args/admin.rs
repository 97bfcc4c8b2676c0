//! Options of `serve` and `admin`.
//! Never opens the database.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use ipnet::IpNet;

use super::{LogFormatArg, OutputArgs, OutsideArgs, PlaceArgs};

/// Whether roles that ask for a second factor get on without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum MfaArg {
    /// Approvers and administrators do nothing before they have set one up
    #[default]
    Required,
    /// Whoever has set one up is asked for it
    Offered,
}

/// The options of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Where to listen; put a proxy with TLS before it
    #[arg(long, value_name = "ADDR", env = "MALOTE_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// A private network that every mail server may stand in, such as 10.1.0.0/16; repeatable
    #[arg(long, value_name = "CIDR", env = "MALOTE_ALLOW_PRIVATE", value_delimiter = ',')]
    pub allow_private: Vec<IpNet>,
    /// A proxy whose X-Forwarded-For is believed; repeatable
    #[arg(long, value_name = "CIDR", env = "MALOTE_TRUSTED_PROXY", value_delimiter = ',')]
    pub trusted_proxy: Vec<IpNet>,
    /// The master key's file; below the data folder, or systemd's credential `malote-master-key`, where nothing is said
    #[arg(long, value_name = "FILE", env = "MALOTE_MASTER_KEY_FILE")]
    pub master_key_file: Option<PathBuf>,
    /// The second factor of approvers and administrators
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, env = "MALOTE_MFA")]
    pub mfa: MfaArg,
    /// The world outside.
    #[command(flatten)]
    pub outside: OutsideArgs,
    /// Runs at once in this process; 0: other processes carry them out
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(0..=256))]
    pub workers: u16,
    /// Form of log lines
    #[arg(long, value_name = "FORM", value_enum, default_value_t = LogFormatArg::Json)]
    pub log_format: LogFormatArg,
}

/// What `admin` does.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Users
    #[command(subcommand)]
    User(UserCommand),
    /// Service tokens
    #[command(subcommand)]
    Token(TokenCommand),
}

/// What is done with users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make a user
    Add(UserAddArgs),
}

/// The options of `admin user add`.
#[derive(Debug, Args)]
pub struct UserAddArgs {
    /// What is typed at login
    #[arg(value_name = "NAME")]
    pub name: String,
    /// viewer, operator, ops_lead or admin; repeatable
    #[arg(long, value_name = "ROLE", required = true)]
    pub role: Vec<String>,
    /// File that holds the password; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub password_file: PathBuf,
    /// A tenant that the user belongs to; every tenant where none is named; repeatable
    #[arg(long, value_name = "ID")]
    pub tenant: Vec<i64>,
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How results are told.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What is done with service tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a service token; it is printed once
    Add(TokenAddArgs),
}

/// The options of `admin token add`.
#[derive(Debug, Args)]
pub struct TokenAddArgs {
    /// What it is for
    #[arg(value_name = "NAME")]
    pub name: String,
    /// What it may do, such as gate:read or jobs:read; repeatable
    #[arg(long, value_name = "SCOPE", required = true, num_args = 1.., value_delimiter = ',')]
    pub scope: Vec<String>,
    /// The one tenant that it sees; every tenant where none is named
    #[arg(long, value_name = "ID")]
    pub tenant: Option<i64>,
    /// A network from which it is taken; from anywhere where none is named; repeatable
    #[arg(long, value_name = "CIDR")]
    pub allow_from: Vec<String>,
    /// How long it lives
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub expires_days: i64,
    /// Where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How results are told.
    #[command(flatten)]
    pub output: OutputArgs,
}
