//! Sentences for the operator that several rows share.
//! Never names a server: rows that need to say more have sentences of their own.

/// A wrong name or password.
pub(super) const CREDENTIALS: &str = "check user name and password (some providers want an app password, or IMAP \
    switched on); not tried again, so as not to lock the account";

/// A login that may not open the mailbox.
pub(super) const RIGHTS: &str =
    "the login may not open this mailbox, its owner or administrator must allow it";

/// A password that no program may use.
pub(super) const APP_PASSWORD: &str = "make an app password for this mailbox at the provider (or use a token, \
    ?auth=xoauth2), and give that instead of the password";

/// A token past its time.
pub(super) const TOKEN: &str = "get a new token";

/// TLS first.
pub(super) const TLS: &str = "use imaps:// or imap:// with STARTTLS";

/// No room.
pub(super) const ROOM: &str = "make room at the destination, then run again";

/// A message beyond the server's limit.
pub(super) const SIZE: &str =
    "have the server's administrator raise its limit, or keep the message from quarantine";

/// A message that breaks a rule of the server.
pub(super) const MENDING: &str = "the message lies in quarantine as it is; mend it and append it by hand, or raise \
    the matter with the server's administrator";

/// A message that a filter refused.
pub(super) const CONTENT: &str = "the destination's filter refused the message: look at it in quarantine, and have \
    the administrator let it pass if it is sound";

/// Nothing to do but wait, which is done without anybody.
pub(super) const WAITED_OUT: &str = "nothing: it is waited out and tried again";

/// Fewer connections.
pub(super) const CONNECTIONS: &str = "nothing: fewer connections are used; close other mail programs of this mailbox, \
    or give --connections, to be left in peace";

/// A folder that cannot be had.
pub(super) const FOLDER: &str =
    "look at the folder on the server; --map takes it elsewhere, --exclude leaves it out";

/// A name that the destination does not take.
pub(super) const NAME: &str = "give the folder another name at the destination with --map";

/// A bug, theirs or ours.
pub(super) const REPORT: &str = "please report it with the lines above: the server does not understand what it was \
    asked";
