//! The words that columns with a closed list of them hold, as types.
//! Never decides what follows from one.

use serde::{Deserialize, Serialize};

use super::{Result, StoreError};

/// Writes an enum whose variants are words of a column.
macro_rules! words {
    ($(#[$about:meta])* $name:ident, $what:literal, { $($(#[$doc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word in the database and in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// Reads the word.
            ///
            /// # Errors
            /// For any other word.
            pub fn parse(word: &str) -> Result<Self> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(StoreError::Word { what: $what, word: word.to_owned() }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(
    /// What a run does.
    RunType, "type of run", {
        /// Logs in on both sides and says what a copy would do.
        Preflight = "preflight",
        /// The first copy.
        Initial = "initial",
        /// Brings over what has changed.
        Delta = "delta",
        /// The same after the change of DNS.
        Final = "final",
        /// Recounts both sides and reads a sample.
        Verify = "verify",
        /// Reads a PST.
        PstExtract = "pst_extract",
        /// Brings a PST's items to the destination.
        PstUpload = "pst_upload",
        /// Has a Zimbra server write a tgz.
        TgzExport = "tgz_export",
        /// Brings a tgz's items to the destination.
        TgzImport = "tgz_import",
        /// Backs a mailbox up.
        Backup = "backup",
        /// Brings a backup back.
        Restore = "restore",
        /// Brings mail back to the source after a rollback.
        ReverseDelta = "reverse_delta",
        /// Counts alone.
        Scan = "scan",
        /// Looks at DNS.
        DnsProbe = "dns_probe",
    }
);

impl RunType {
    /// True where a mailbox's mail is brought to its destination.
    #[must_use]
    pub const fn is_copy(self) -> bool {
        matches!(self, Self::Initial | Self::Delta | Self::Final | Self::PstUpload | Self::TgzImport)
    }

    /// What does it, in the column `tool`.
    #[must_use]
    pub const fn tool(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::PstExtract | Self::PstUpload => "pst",
            Self::TgzExport => "zmmailbox",
            _ => "engine",
        }
    }
}

words!(
    /// How far a run is.
    RunStatus, "status of a run", {
        /// It waits for a worker.
        Queued = "queued",
        /// A worker has it.
        Running = "running",
        /// Everything is accounted for.
        Success = "success",
        /// Something is left over: the report says what.
        Partial = "partial",
        /// Nothing could be done.
        Failed = "failed",
        /// Somebody wished so.
        Cancelled = "cancelled",
    }
);

words!(
    /// How a mailbox or one of its folders stands.
    MailboxStatus, "status of a mailbox", {
        /// Nothing was done yet.
        Pending = "pending",
        /// A run is at work.
        Syncing = "syncing",
        /// The last run left nothing over.
        Ok = "ok",
        /// The last run met an error.
        Error = "error",
        /// The last run came to its end, and open quarantine items exist.
        Quarantine = "quarantine",
    }
);

words!(
    /// Where a mailbox's mail comes from.
    SourceType, "type of source", {
        /// IMAP by password.
        Imap = "imap",
        /// IMAP by access token.
        ImapOauth = "imap_oauth",
        /// An Outlook file.
        Pst = "pst",
        /// An mbox file.
        Mbox = "mbox",
        /// A folder of single messages.
        Eml = "eml",
        /// A Zimbra archive.
        Tgz = "tgz",
        /// A live Zimbra server.
        Zimbra = "zimbra",
        /// A live Dovecot server.
        Dovecot = "dovecot",
    }
);

impl SourceType {
    /// True for files, whose quarantined items the gate counts apart.
    #[must_use]
    pub const fn is_archive(self) -> bool {
        matches!(self, Self::Pst | Self::Mbox | Self::Eml | Self::Tgz)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_comes_back() {
        for word in RunType::ALL {
            assert_eq!(RunType::parse(word.as_str()).unwrap(), *word);
        }
        for word in RunStatus::ALL {
            assert_eq!(RunStatus::parse(word.as_str()).unwrap(), *word);
        }
        assert!(MailboxStatus::parse("OK").is_err());
        assert_eq!(serde_json::to_string(&SourceType::ImapOauth).unwrap(), "\"imap_oauth\"");
    }
}
