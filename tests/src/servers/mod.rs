//! Real IMAP servers, each with its own folder, port and process group, and nothing of the system's.

mod courier;
mod cyrus;
mod dovecot;
mod dovecot_conf;
mod port;
mod postgres;
mod process;

pub use courier::Courier;
pub use cyrus::{Cyrus, CyrusOptions};
pub use dovecot::Dovecot;
pub use dovecot_conf::{DovecotOptions, DovecotUser, Layout};
pub use port::free_port;
pub use postgres::Postgres;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Unreserved octets of RFC 3986 §2.3 stay readable in a user part; all others are escaped.
const USER_PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The address of one account, as the command line takes it, without TLS.
#[must_use]
pub fn plain_url(user: &str, port: u16) -> String {
    format!("imap://{}@127.0.0.1:{port}?tls=off", utf8_percent_encode(user, USER_PART))
}
