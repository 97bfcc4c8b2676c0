//! The exit status: what a report, a forecast or a failure comes to.
//! Never read from words: the failure's class decides.

use std::process::ExitCode;

use malote_engine::failure::{Class, Failure};
use malote_engine::report::{ErrorEntry, Report, Status};
use malote_engine::run::Forecast;

/// How the program ends. Where several apply, the one that comes first in this order is told: what we cannot be
/// trusted with, what the operator must put right by hand (command line, login, TLS, space, a decision), what
/// running the same command again puts right, what is only left to be read.
///
/// `Internal`, `Usage`, `Auth`, `Tls`, `Full`, `Decision`, `Early`, `LeftOver`, `Success`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Exit {
    /// 0: everything is accounted for.
    #[default]
    Success,
    /// 3: finished; messages are quarantined or folders refused.
    LeftOver,
    /// 4: stopped early, safe to run again.
    Early,
    /// 8: a decision is needed first.
    Decision,
    /// 7: the destination is full.
    Full,
    /// 6: TLS refused or not to be trusted.
    Tls,
    /// 5: authentication or authorisation refused.
    Auth,
    /// 2: wrong usage.
    Usage,
    /// 1: our own bug.
    Internal,
}

impl Exit {
    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::LeftOver => 3,
            Self::Early => 4,
            Self::Auth => 5,
            Self::Tls => 6,
            Self::Full => 7,
            Self::Decision => 8,
        }
    }

    /// What a failure of this class comes to.
    pub const fn of_class(class: Class) -> Self {
        match class {
            Class::Internal => Self::Internal,
            Class::Usage => Self::Usage,
            Class::AuthBadCredentials
            | Class::AuthAppPassword
            | Class::AuthNoMailboxRights
            | Class::AuthTokenExpired
            | Class::AuthUnsupported => Self::Auth,
            Class::TlsUntrusted | Class::TlsRequired => Self::Tls,
            Class::OverQuota => Self::Full,
            Class::DecisionNeeded | Class::IdentityChanged | Class::LedgerForeign => Self::Decision,
            Class::Net
            | Class::Throttle
            | Class::ThrottleDaily
            | Class::LimitConnections
            | Class::LimitBatch
            | Class::ServerTemporary
            | Class::ServerLock
            | Class::ServerProtocol
            | Class::ClientBug
            | Class::LimitExceeded
            | Class::Ledger
            | Class::Cancelled => Self::Early,
            Class::ItemTooLarge
            | Class::ItemRefused
            | Class::ItemMalformed
            | Class::ItemRefusedContent
            | Class::ItemUnreadable
            | Class::ItemVanished
            | Class::FolderMissing
            | Class::FolderExists
            | Class::FolderRefused
            | Class::VerifyMissing
            | Class::VerifyDiffers
            | Class::Duplicated => Self::LeftOver,
        }
    }

    /// What a run comes to.
    pub fn of_report(report: &Report) -> Self {
        if !report.balances() {
            return Self::Internal;
        }
        let counters = &report.totals;
        let left_over = if report.quarantined_unacknowledged() > 0 { Self::LeftOver } else { Self::Success };
        let errors = of_errors(&report.errors);
        // Pending mail whose cause is told is judged by its cause; else another run takes it up.
        let pending =
            if counters.pending > 0 && errors == Self::Success { Self::Early } else { Self::Success };
        let unexplained = match report.status {
            Status::Success => Self::Success,
            Status::Partial => Self::LeftOver,
            Status::Failed if report.errors.is_empty() => Self::Internal,
            Status::Failed => Self::LeftOver,
        };
        left_over.max(errors).max(pending).max(unexplained)
    }

    /// What a forecast comes to.
    pub fn of_forecast(forecast: &Forecast) -> Self {
        let clashes = if forecast.clashes.is_empty() { Self::Success } else { Self::Decision };
        clashes.max(of_errors(&forecast.errors))
    }
}

fn of_errors(errors: &[ErrorEntry]) -> Exit {
    let exits = errors.iter().map(|error| error.kind.map_or(Exit::Internal, Exit::of_class));
    exits.max().unwrap_or_default()
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not be carried out: the status and a sentence for standard error.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Stopped {
    /// The status.
    pub exit: Exit,
    /// What was tried, on what, and what the reader can do.
    pub message: String,
    /// The same as a report tells it, where the engine failed.
    pub error: Option<Box<ErrorEntry>>,
}

impl Stopped {
    /// A wrong command line, or a wrong file that it names.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), error: None }
    }

    /// A bug of our own.
    pub fn bug(message: impl Into<String>) -> Self {
        Self { exit: Exit::Internal, message: message.into(), error: None }
    }

    /// Something of this machine that failed and may be tried again.
    pub fn early(message: impl Into<String>) -> Self {
        Self { exit: Exit::Early, message: message.into(), error: None }
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        let error = Some(Box::new(ErrorEntry::from(&failure)));
        Self { exit: Exit::of_class(failure.class), message: failure.full_message(), error }
    }
}

#[cfg(test)]
mod tests {
    use malote_engine::failure::{Reach, Retry, Side};
    use malote_engine::report::{Counters, FolderReport, Kind, Place, SCHEMA};

    use super::*;

    fn report(status: Status, counters: Counters, classes: &[Class]) -> Report {
        let failure =
            |class: &Class| Failure::new(Side::Source, *class, Reach::Account, Retry::Never, "it failed");
        Report {
            schema: SCHEMA.to_owned(),
            run_id: "r".to_owned(),
            kind: Kind::Copy,
            status,
            started_at: String::new(),
            finished_at: String::new(),
            elapsed_ms: 0,
            source: Place::default(),
            destination: Place::default(),
            totals: counters,
            folders: vec![FolderReport { counters, ..FolderReport::default() }],
            quarantine: Vec::new(),
            repairs: Vec::new(),
            dropped_flags: std::collections::BTreeMap::new(),
            warnings: Vec::new(),
            errors: classes.iter().map(|class| ErrorEntry::from(&failure(class))).collect(),
            store: None,
            measured: malote_engine::measured::Measured::default(),
        }
    }

    fn counters(copied: u64, quarantined: u64, pending: u64) -> Counters {
        let source_messages = copied + quarantined + pending;
        Counters { source_messages, copied, quarantined, pending, ..Counters::default() }
    }

    #[test]
    fn each_ending_has_the_contracts_number() {
        use Status::{Failed, Partial, Success};
        for (number, status, (copied, quarantined, pending), classes) in [
            (0, Success, (3, 0, 0), &[][..]),
            (0, Success, (0, 0, 0), &[]),
            (3, Partial, (3, 1, 0), &[]),
            (3, Partial, (3, 0, 0), &[Class::FolderRefused]),
            (3, Partial, (3, 0, 2), &[Class::FolderRefused]),
            (3, Partial, (3, 0, 0), &[]),
            (4, Partial, (3, 0, 1), &[]),
            (4, Partial, (3, 1, 1), &[]),
            (4, Partial, (3, 0, 1), &[Class::Net]),
            (4, Failed, (0, 0, 0), &[Class::ThrottleDaily]),
            (4, Partial, (1, 0, 1), &[Class::Cancelled]),
            (4, Partial, (1, 0, 1), &[Class::FolderRefused, Class::Cancelled]),
            (5, Failed, (0, 0, 0), &[Class::AuthBadCredentials]),
            (5, Failed, (0, 0, 0), &[Class::TlsUntrusted, Class::AuthTokenExpired, Class::Net]),
            (6, Failed, (0, 0, 0), &[Class::Net, Class::TlsRequired]),
            (7, Partial, (1, 1, 1), &[Class::OverQuota, Class::DecisionNeeded]),
            (8, Failed, (0, 0, 0), &[Class::DecisionNeeded]),
            (8, Partial, (1, 0, 1), &[Class::Net, Class::IdentityChanged]),
            (8, Failed, (0, 0, 0), &[Class::LedgerForeign]),
            (2, Failed, (0, 0, 0), &[Class::AuthUnsupported, Class::Usage]),
            (1, Failed, (0, 0, 0), &[Class::Internal, Class::Usage]),
            (1, Failed, (0, 0, 0), &[]),
        ] {
            let report = report(status, counters(copied, quarantined, pending), classes);
            assert_eq!(Exit::of_report(&report).code(), number, "{status:?} {classes:?}");
        }
    }

    #[test]
    fn counts_that_do_not_add_up_are_a_bug_whatever_else_happened() {
        let mut wrong = report(Status::Success, counters(3, 0, 0), &[Class::AuthBadCredentials]);
        wrong.totals.copied = 2;
        assert_eq!(Exit::of_report(&wrong), Exit::Internal);
        let uneven = Counters { source_messages: 2, copied: 1, ..Counters::default() };
        assert_eq!(Exit::of_report(&report(Status::Success, uneven, &[])), Exit::Internal);
    }

    #[test]
    fn the_most_serious_comes_first() {
        let mut all = [
            Exit::Success,
            Exit::Early,
            Exit::LeftOver,
            Exit::Internal,
            Exit::Full,
            Exit::Usage,
            Exit::Auth,
            Exit::Decision,
            Exit::Tls,
        ];
        all.sort();
        all.reverse();
        assert_eq!(all.map(Exit::code), [1, 2, 5, 6, 7, 8, 4, 3, 0]);
    }
}
