//! The options of `batch`.
//! Never reads the CSV file.

use std::path::PathBuf;

use clap::Args;

use super::{HEADING_PLACES, HEADING_STATE, OutputArgs, SecretArgs, WorkArgs};

/// Mailboxes that may be worked on at once.
const JOBS_MAX: u16 = 256;

const LONG_HELP: &str = "\
Bring over many mailboxes, one row of a CSV file each

The first line names the columns; comma, semicolon or tab is found out. Every login of every row is tried
before anything is copied, on both sides, and all that fail are reported at once. Running the same command
again goes on where it stopped: each pair has a ledger of its own. One row never stops another.";

const AFTER_HELP: &str = "\
Columns (any order, others are ignored with a warning):
  from, to                          locations; or leave them out and give --from and --to as templates
  user                              fills {user} in the templates, for both sides
  from_user, to_user                the same for one side
  from_host, to_host                with a user: imaps://USER@HOST
  password                          for both sides
  from_password, to_password        for one side
  from_password_file, to_password_file, from_token_file, to_token_file   relative to the CSV file
  from_oauth, to_oauth              OAuth files as --from-oauth takes, relative to the CSV file
  from_authzid, to_authzid          whose mailbox an administrator's login opens
  folder, exclude, map              as the options; several are parted by |
  into, state                       as the options
  Also known: host1 user1 password1 host2 user2 password2, as imapsync's scripts name them.

Templates:
  {user}    the row's user, percent-encoded      {local}   what stands before its @
                                                 {domain}  what stands behind it
  malote batch users.csv --from 'imaps://{user}@mail.old.com' --to 'imaps://{local}%40new.com@mail.new.com'
  malote batch users.csv --from 'imaps://admin@old.com?authzid={user}' --from-password-file admin.txt \\
      --to 'imaps://{user}@new.com'

One login for all mailboxes, as servers have it:
  imaps://admin@HOST?authzid={user}                  Cyrus, Zimbra, Dovecot (with &auth=plain)
  imaps://{user}*admin@HOST                          Dovecot master users
  imaps://admin@HOST?authzid={user}&auth=proxyauth   servers with PROXYAUTH
  imaps://DOMAIN/admin/{local}@HOST                  Exchange
  Give the administrator's password by --from-password-file or --to-password-file.

A row's own password goes before --from-password-file and --to-password-file, those before
MALOTE_FROM_PASSWORD and MALOTE_TO_PASSWORD. There is no prompt.

Exit status: that of the most serious row: 1, 2, 5, 6, 7, 8, 4, 3, 0 in this order.";

/// Many mailboxes.
#[derive(Debug, Args)]
#[command(long_about = LONG_HELP, after_help = AFTER_HELP)]
pub struct BatchArgs {
    /// The CSV file
    #[arg(value_name = "FILE.csv")]
    pub file: PathBuf,
    /// Where mail comes from, for rows without `from`; {user}, {local}, {domain} are filled in
    #[arg(long, value_name = "TEMPLATE", help_heading = HEADING_PLACES)]
    pub from: Option<String>,
    /// Where mail goes to, for rows without `to`
    #[arg(long, value_name = "TEMPLATE", help_heading = HEADING_PLACES)]
    pub to: Option<String>,
    /// Mailboxes worked on at once
    #[arg(
        long,
        value_name = "N",
        default_value_t = 4,
        value_parser = clap::value_parser!(u16).range(1..=i64::from(JOBS_MAX))
    )]
    pub jobs: u16,
    /// At most N connections to one server, all mailboxes together [default: what it bears]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub host_connections: Option<u16>,
    /// Try every login and stop there
    #[arg(long)]
    pub validate_only: bool,
    /// Copy nothing unless every row is valid and every login works
    #[arg(long)]
    pub require_all: bool,
    /// Folder of the ledgers, one file per pair [default: ~/.local/state/malote]
    #[arg(long, value_name = "DIR", help_heading = HEADING_STATE)]
    pub state_dir: Option<PathBuf>,
    /// Passwords and tokens of rows that have none of their own.
    #[command(flatten)]
    pub secrets: SecretArgs,
    /// The work itself; rates and memory are shared by all rows.
    #[command(flatten)]
    pub work: WorkArgs,
    /// How results are told.
    #[command(flatten)]
    pub output: OutputArgs,
}
