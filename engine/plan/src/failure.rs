//! Failures: what class, how far they reach and whether to try again.
//! Never reads a server's prose to decide: `taxonomy` does, at the protocol border, response codes first.

/// On which server something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Where mail comes from.
    Source,
    /// Where mail goes to.
    Destination,
    /// Ourselves: ledger, disk, command line.
    Local,
}

impl Side {
    /// The side's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Local => "local",
        }
    }
}

/// How far a failure reaches: what must stop because of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// One message.
    Message,
    /// One folder.
    Folder,
    /// This connection alone: another may go on.
    Connection,
    /// The whole mailbox on that side.
    Account,
    /// Every mailbox on that server.
    Endpoint,
}

/// Whether the same thing may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Retry {
    /// At once, on another connection.
    Again,
    /// After at least so many milliseconds.
    After(u64),
    /// Not without a change by somebody.
    Never,
}

/// What kind of failure it is; the names are part of the report's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Reset, end of stream, time-out, unknown host.
    Net,
    /// The certificate is not trusted, expired, or not the pinned one.
    TlsUntrusted,
    /// TLS was required and could not be had.
    TlsRequired,
    /// Name or password refused.
    AuthBadCredentials,
    /// The provider wants a password made for programs, or a login in a browser first.
    AuthAppPassword,
    /// The login worked, the mailbox may not be opened.
    AuthNoMailboxRights,
    /// The token has expired or was revoked.
    AuthTokenExpired,
    /// No way to log in that both sides know.
    AuthUnsupported,
    /// The server asks to slow down.
    Throttle,
    /// The day's allowance is used up.
    ThrottleDaily,
    /// Too many connections.
    LimitConnections,
    /// One command named too many messages, or was too long.
    LimitBatch,
    /// A temporary fault of the server.
    ServerTemporary,
    /// Somebody else holds the folder.
    ServerLock,
    /// The server broke the protocol.
    ServerProtocol,
    /// The server calls a command of ours wrong.
    ClientBug,
    /// One of our own limits was passed by what the server sent.
    LimitExceeded,
    /// The destination is full.
    OverQuota,
    /// The message is larger than the server takes.
    ItemTooLarge,
    /// The server refused the message.
    ItemRefused,
    /// The server refused the message for how it is written.
    ItemMalformed,
    /// A filter of the server refused the message for what is in it.
    ItemRefusedContent,
    /// The source lists the message and cannot give it.
    ItemUnreadable,
    /// The message was removed while it was being copied.
    ItemVanished,
    /// The folder does not exist, or went away.
    FolderMissing,
    /// The folder exists already.
    FolderExists,
    /// The folder cannot be created or opened.
    FolderRefused,
    /// UIDVALIDITY is not what it was.
    IdentityChanged,
    /// A decision is needed first: a clash of names, a delete ceiling.
    DecisionNeeded,
    /// A message that was copied is not at the destination.
    VerifyMissing,
    /// A message at the destination has another text than at the source.
    VerifyDiffers,
    /// A message came to the destination twice.
    Duplicated,
    /// The ledger cannot be read or written.
    Ledger,
    /// The state file belongs to other servers or mailboxes, or to a newer version.
    LedgerForeign,
    /// The command line or a file that it names is wrong.
    Usage,
    /// Stopped by a signal or by the caller.
    Cancelled,
    /// Our own bug.
    Internal,
}

impl Class {
    /// The class as reports carry it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::TlsUntrusted => "tls.untrusted",
            Self::TlsRequired => "tls.required",
            Self::AuthBadCredentials => "auth.bad_credentials",
            Self::AuthAppPassword => "auth.app_password_needed",
            Self::AuthNoMailboxRights => "auth.no_mailbox_rights",
            Self::AuthTokenExpired => "auth.token_expired",
            Self::AuthUnsupported => "auth.unsupported",
            Self::Throttle => "throttle.soft",
            Self::ThrottleDaily => "throttle.daily",
            Self::LimitConnections => "limit.connections",
            Self::LimitBatch => "limit.batch",
            Self::ServerTemporary => "server.temp",
            Self::ServerLock => "server.lock",
            Self::ServerProtocol => "server.protocol",
            Self::ClientBug => "client.bug",
            Self::LimitExceeded => "server.limit_exceeded",
            Self::OverQuota => "dest.over_quota",
            Self::ItemTooLarge => "item.too_large",
            Self::ItemRefused => "item.refused",
            Self::ItemMalformed => "item.malformed",
            Self::ItemRefusedContent => "item.refused_content",
            Self::ItemUnreadable => "item.unreadable",
            Self::ItemVanished => "item.vanished",
            Self::FolderMissing => "folder.missing",
            Self::FolderExists => "folder.exists",
            Self::FolderRefused => "folder.refused",
            Self::IdentityChanged => "folder.uidvalidity_changed",
            Self::DecisionNeeded => "decision.needed",
            Self::VerifyMissing => "verify.missing",
            Self::VerifyDiffers => "verify.content",
            Self::Duplicated => "verify.duplicate",
            Self::Ledger => "ledger.failed",
            Self::LedgerForeign => "ledger.foreign",
            Self::Usage => "usage",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }

    /// True where a login was refused for who came: the same login is not tried again, so as not to lock the account.
    #[must_use]
    pub const fn refuses_login(self) -> bool {
        matches!(
            self,
            Self::AuthBadCredentials
                | Self::AuthAppPassword
                | Self::AuthNoMailboxRights
                | Self::AuthTokenExpired
        )
    }
}
