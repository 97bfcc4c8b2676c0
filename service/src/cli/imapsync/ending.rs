//! imapsync's exit status: what each failure counts as, and which one the process ends with.
//! Never reads words: the failure's class and side decide.

use std::collections::BTreeMap;

use malote_engine::failure::{Class, Side};
use malote_engine::report::{ErrorEntry, Report};

use super::super::exit::Stopped;

/// How the process ends. Numbers and names are those of imapsync 2.229.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// 0.
    Ok,
    /// 6: stopped by a signal.
    BySignal,
    /// 8: another process holds the pid file, or it cannot be written.
    PidFile,
    /// 12.
    Tls,
    /// 21.
    NoSubfolder1,
    /// 64.
    Usage,
    /// 66: a password file cannot be read.
    NoInput,
    /// 70: a bug of our own.
    Software,
    /// 101.
    ConnectionHost1,
    /// 102.
    ConnectionHost2,
    /// 111.
    WithErrors,
    /// 113.
    OverQuota,
    /// 114.
    Append,
    /// 115.
    Fetch,
    /// 116.
    Create,
    /// 117.
    Select,
    /// 118: `--exitwhenover`.
    TransferExceeded,
    /// 161.
    AuthenticationUser1,
    /// 162.
    AuthenticationUser2,
}

impl Code {
    /// The number that the shell sees.
    pub const fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::BySignal => 6,
            Self::PidFile => 8,
            Self::Tls => 12,
            Self::NoSubfolder1 => 21,
            Self::Usage => 64,
            Self::NoInput => 66,
            Self::Software => 70,
            Self::ConnectionHost1 => 101,
            Self::ConnectionHost2 => 102,
            Self::WithErrors => 111,
            Self::OverQuota => 113,
            Self::Append => 114,
            Self::Fetch => 115,
            Self::Create => 116,
            Self::Select => 117,
            Self::TransferExceeded => 118,
            Self::AuthenticationUser1 => 161,
            Self::AuthenticationUser2 => 162,
        }
    }

    /// The name in the closing line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "EX_OK: successful termination",
            Self::BySignal => "EXIT_BY_SIGNAL",
            Self::PidFile => "EXIT_PID_FILE_ERROR",
            Self::Tls => "EXIT_TLS_FAILURE",
            Self::NoSubfolder1 => "EXIT_SUBFOLDER1_NO_EXISTS",
            Self::Usage => "EX_USAGE: command line usage error",
            Self::NoInput => "EX_NOINPUT: cannot open input",
            Self::Software => "EX_SOFTWARE: internal software error",
            Self::ConnectionHost1 => "EXIT_CONNECTION_FAILURE_HOST1",
            Self::ConnectionHost2 => "EXIT_CONNECTION_FAILURE_HOST2",
            Self::WithErrors => "EXIT_WITH_ERRORS",
            Self::OverQuota => "EXIT_OVERQUOTA",
            Self::Append => "EXIT_ERR_APPEND",
            Self::Fetch => "EXIT_ERR_FETCH",
            Self::Create => "EXIT_ERR_CREATE",
            Self::Select => "EXIT_ERR_SELECT",
            Self::TransferExceeded => "EXIT_TRANSFER_EXCEEDED",
            Self::AuthenticationUser1 => "EXIT_AUTHENTICATION_FAILURE_USER1",
            Self::AuthenticationUser2 => "EXIT_AUTHENTICATION_FAILURE_USER2",
        }
    }
}

/// One error as imapsync counts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Its kind: `ERR_APPEND` and so on, or the exit status's own name where imapsync has no kind for it.
    pub kind: &'static str,
    /// What it makes the process end with.
    pub code: Code,
    /// The sentence.
    pub sentence: String,
}

impl Trouble {
    /// A failure as an error of imapsync's.
    pub fn of(entry: &ErrorEntry) -> Self {
        let (kind, code) =
            of_class(entry.kind.unwrap_or(Class::Internal), entry.side == Side::Destination.as_str());
        let label = if entry.side == Side::Source.as_str() {
            "Host1 failure: "
        } else if entry.side == Side::Destination.as_str() {
            "Host2 failure: "
        } else {
            ""
        };
        Self { kind, code, sentence: format!("{label}{}", entry.message) }
    }

    /// A command that could not be carried out.
    pub fn of_stopped(stopped: &Stopped) -> Self {
        match &stopped.error {
            Some(entry) => Self::of(entry),
            None => Self::new("ERR_UNCLASSIFIED", Code::WithErrors, stopped.message.clone()),
        }
    }

    /// Any other.
    pub fn new(kind: &'static str, code: Code, sentence: impl Into<String>) -> Self {
        Self { kind, code, sentence: sentence.into() }
    }
}

const fn of_class(class: Class, is_host2: bool) -> (&'static str, Code) {
    match class {
        Class::AuthBadCredentials
        | Class::AuthAppPassword
        | Class::AuthNoMailboxRights
        | Class::AuthTokenExpired
        | Class::AuthUnsupported => {
            if is_host2 {
                ("ERR_AUTHENTICATION_FAILURE_USER2", Code::AuthenticationUser2)
            } else {
                ("ERR_AUTHENTICATION_FAILURE_USER1", Code::AuthenticationUser1)
            }
        }
        Class::Net | Class::LimitConnections => {
            if is_host2 {
                ("ERR_CONNECTION_FAILURE_HOST2", Code::ConnectionHost2)
            } else {
                ("ERR_CONNECTION_FAILURE_HOST1", Code::ConnectionHost1)
            }
        }
        Class::TlsUntrusted | Class::TlsRequired => ("ERR_EXIT_TLS_FAILURE", Code::Tls),
        Class::OverQuota => ("ERR_OVERQUOTA", Code::OverQuota),
        Class::ItemTooLarge => ("ERR_APPEND_SIZE", Code::Append),
        Class::ItemRefused | Class::ItemMalformed | Class::ItemRefusedContent => ("ERR_APPEND", Code::Append),
        Class::ItemUnreadable => ("ERR_Host1_FETCH", Code::Fetch),
        Class::FolderMissing | Class::FolderExists | Class::FolderRefused => {
            if is_host2 {
                ("ERR_CREATE", Code::Create)
            } else {
                ("ERR_SELECT", Code::Select)
            }
        }
        Class::Usage => ("EX_USAGE", Code::Usage),
        Class::Internal => ("EX_SOFTWARE", Code::Software),
        Class::Cancelled => ("EXIT_BY_SIGNAL", Code::BySignal),
        Class::Throttle
        | Class::ThrottleDaily
        | Class::LimitBatch
        | Class::ServerTemporary
        | Class::ServerLock
        | Class::ServerProtocol
        | Class::ClientBug
        | Class::LimitExceeded
        | Class::ItemVanished
        | Class::IdentityChanged
        | Class::DecisionNeeded
        | Class::VerifyMissing
        | Class::VerifyDiffers
        | Class::Duplicated
        | Class::Ledger
        | Class::LedgerForeign => ("ERR_UNCLASSIFIED", Code::WithErrors),
    }
}

/// The errors of a run; in a forecast nothing is late.
pub fn of_report(report: &Report, is_forecast: bool) -> Vec<Trouble> {
    let mut troubles: Vec<Trouble> = report.errors.iter().map(Trouble::of).collect();
    for entry in &report.quarantine {
        let (kind, code, what) = match entry.reason.as_str() {
            "too_large" => ("ERR_APPEND_SIZE", Code::Append, "could not append"),
            "unreadable" => ("ERR_Host1_FETCH", Code::Fetch, "could not be fetched"),
            _ => ("ERR_APPEND", Code::Append, "could not append"),
        };
        let sentence = format!(
            "msg {}/{} {{{}}} {what}: {}; its octets are in quarantine: {}",
            entry.folder, entry.uid, entry.size, entry.detail, entry.file
        );
        troubles.push(Trouble::new(kind, code, sentence));
    }
    if !report.balances() {
        troubles.push(Trouble::new(
            "EX_SOFTWARE",
            Code::Software,
            "the counts do not add up: please report it",
        ));
    }
    if troubles.is_empty() && report.totals.pending > 0 && !is_forecast {
        let sentence = format!("{} messages are still to be copied: run again", report.totals.pending);
        troubles.push(Trouble::new("ERR_UNCLASSIFIED", Code::WithErrors, sentence));
    }
    troubles
}

/// The most frequent kind and what the process ends with; of equally frequent ones the first by name.
pub fn most_frequent(troubles: &[Trouble]) -> Option<(&'static str, Code)> {
    // A bug outweighs everything: nothing else that is told can be believed.
    if let Some(bug) = troubles.iter().find(|trouble| trouble.code == Code::Software) {
        return Some((bug.kind, bug.code));
    }
    let mut counts: BTreeMap<&str, (usize, &Trouble)> = BTreeMap::new();
    for trouble in troubles {
        counts.entry(trouble.kind).or_insert((0, trouble)).0 += 1;
    }
    let mut most: Option<(usize, &Trouble)> = None;
    for (count, trouble) in counts.into_values() {
        if most.is_none_or(|(more, _)| count > more) {
            most = Some((count, trouble));
        }
    }
    most.map(|(_, trouble)| (trouble.kind, trouble.code))
}

#[cfg(test)]
mod tests {
    use malote_engine::failure::{Failure, Reach, Retry};
    use malote_engine::report::{Counters, FolderReport, Kind, QuarantineEntry};

    use super::*;

    fn report(pending: u64, failures: &[(Side, Class)], quarantine: &[(&str, u64)]) -> Report {
        let entry = |(side, class): &(Side, Class)| {
            ErrorEntry::from(&Failure::new(*side, *class, Reach::Account, Retry::Never, "it failed"))
        };
        let error = entry(&(Side::Source, Class::Net));
        let mut report = Report::not_begun(Kind::Copy, "", "", "", error);
        report.errors = failures.iter().map(entry).collect();
        let quarantined = quarantine.len() as u64;
        let counters =
            Counters { source_messages: pending + quarantined, pending, quarantined, ..Counters::default() };
        report.totals = counters;
        report.folders = vec![FolderReport { counters, ..FolderReport::default() }];
        report.quarantine = quarantine
            .iter()
            .map(|(reason, size)| QuarantineEntry {
                reason: (*reason).to_owned(),
                size: *size,
                ..QuarantineEntry::default()
            })
            .collect();
        report
    }

    fn check(number: u8, pending: u64, failures: &[(Side, Class)], quarantine: &[(&str, u64)]) {
        let troubles = of_report(&report(pending, failures, quarantine), false);
        let code = most_frequent(&troubles).map_or(Code::Ok, |(_, code)| code);
        assert_eq!(code.number(), number, "{failures:?} {quarantine:?}");
    }

    #[test]
    fn each_ending_has_imapsyncs_number() {
        use Side::{Destination, Source};
        check(0, 0, &[], &[]);
        check(114, 0, &[], &[("too_large", 1000)]);
        check(114, 0, &[], &[("refused", 5)]);
        check(115, 0, &[], &[("unreadable", 5)]);
        check(111, 1, &[], &[]);
        check(101, 0, &[(Source, Class::Net)], &[]);
        check(102, 0, &[(Destination, Class::Net)], &[]);
        check(161, 0, &[(Source, Class::AuthBadCredentials)], &[]);
        check(162, 0, &[(Destination, Class::AuthUnsupported)], &[]);
        check(12, 0, &[(Source, Class::TlsUntrusted)], &[]);
        check(113, 1, &[(Destination, Class::OverQuota)], &[]);
        check(116, 0, &[(Destination, Class::FolderRefused)], &[]);
        check(117, 0, &[(Source, Class::FolderMissing)], &[]);
        check(6, 1, &[(Side::Local, Class::Cancelled)], &[]);
        check(64, 0, &[(Side::Local, Class::Usage)], &[]);
        check(70, 0, &[(Source, Class::Net), (Source, Class::Net), (Side::Local, Class::Internal)], &[]);
    }

    #[test]
    fn the_most_frequent_error_decides_and_of_equals_the_first_by_name() {
        use Side::{Destination, Source};
        check(162, 0, &[(Destination, Class::AuthBadCredentials)], &[("unreadable", 1)]);
        check(161, 0, &[(Destination, Class::AuthBadCredentials), (Source, Class::AuthBadCredentials)], &[]);
        check(115, 0, &[(Destination, Class::AuthBadCredentials)], &[("unreadable", 1), ("unreadable", 1)]);
    }

    #[test]
    fn counts_that_do_not_add_up_are_our_own_fault() {
        let mut wrong = report(0, &[], &[]);
        wrong.totals.copied = 1;
        assert_eq!(most_frequent(&of_report(&wrong, false)), Some(("EX_SOFTWARE", Code::Software)));
    }
}
