//! Turns a refusal into a failure: class, reach and retry.
//! Never guesses from words where the server gave a code.

use malote_plan::failure::{Class, Reach, Retry, Side};

use super::response::{Code, Kind, Reply};
use crate::failure::Failure;

/// What was being done; decides what a refusal without a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Logging in.
    Login,
    /// Opening a folder.
    Select,
    /// Creating a folder.
    Create,
    /// Appending a batch.
    Append,
    /// Setting flags.
    Store,
    /// Anything else.
    Other,
}

const LOCK_WAIT_MS: u64 = 10_000;
const FAULT_WAIT_MS: u64 = 5_000;
const RATE_WAIT_MS: u64 = 60_000;
const CONNECTIONS_WAIT_MS: u64 = 30_000;
const DAILY_WAIT_MS: u64 = 3_600_000;

/// Words by which servers that send no code are known to say what a code would (providers §1.7): Exchange,
/// Courier, Cyrus, older Dovecot. Only asked when there is no code, or a code that says less.
const PHRASES: [(&str, Class); 17] = [
    ("request is throttled", Class::Throttle),
    ("command or bandwidth limits", Class::ThrottleDaily),
    ("rate limit hit", Class::Throttle),
    ("too many simultaneous connections", Class::LimitConnections),
    ("maximum number of connections", Class::LimitConnections),
    ("too many open connections", Class::LimitConnections),
    ("too many connections", Class::LimitConnections),
    ("authenticated but not connected", Class::AuthNoMailboxRights),
    ("cleartext authentication disabled", Class::TlsRequired),
    ("not enough disk quota", Class::OverQuota),
    ("quota exceeded", Class::OverQuota),
    ("mailbox is full", Class::OverQuota),
    ("over quota", Class::OverQuota),
    ("maximum message size exceeded", Class::ItemTooLarge),
    ("maximum size of appendable message", Class::ItemTooLarge),
    ("temporary authentication failure", Class::ServerTemporary),
    ("server unavailable", Class::ServerTemporary),
];

/// Makes a failure of a refusal. `what` says what was tried and on what: `opening folder Sent on mail.example`.
pub(super) fn refused(side: Side, doing: Doing, what: &str, reply: &Reply) -> Failure {
    let text = reply.text.to_ascii_lowercase();
    let phrase = PHRASES.iter().find(|(phrase, _)| text.contains(phrase)).map(|(_, class)| *class);
    let class = reply.code.as_ref().and_then(|code| by_code(side, doing, code, phrase)).or(phrase);
    let class = class.unwrap_or_else(|| without_code(doing, reply.kind));
    let (reach, retry) = verdict(class, doing, reply, &text);
    let answer =
        if reply.text.is_empty() { "without a reason".to_owned() } else { format!("\"{}\"", reply.text) };
    let hint = hint(class);
    Failure::new(side, class, reach, retry, format!("{what}: the server refused, {answer}{hint}"))
}

fn by_code(side: Side, doing: Doing, code: &Code, phrase: Option<Class>) -> Option<Class> {
    Some(match code {
        Code::OverQuota if phrase == Some(Class::ThrottleDaily) || side == Side::Source => {
            Class::ThrottleDaily
        }
        Code::OverQuota => Class::OverQuota,
        Code::TooBig => Class::ItemTooLarge,
        Code::Throttled => Class::Throttle,
        Code::Limit if doing == Doing::Login => Class::LimitConnections,
        // Dovecot and others say so of one keyword too many (scenario 24).
        Code::Limit if doing == Doing::Store => Class::ItemRefused,
        Code::Limit => Class::Throttle,
        Code::Unavailable if phrase == Some(Class::LimitConnections) => Class::LimitConnections,
        Code::Unavailable | Code::ServerBug | Code::InUse => Class::ServerTemporary,
        Code::AuthenticationFailed => Class::AuthBadCredentials,
        Code::AuthorizationFailed => Class::AuthNoMailboxRights,
        Code::Expired => Class::AuthTokenExpired,
        Code::PrivacyRequired => Class::TlsRequired,
        Code::TryCreate | Code::NonExistent if doing != Doing::Login => Class::FolderMissing,
        Code::AlreadyExists => Class::FolderExists,
        Code::NoPerm if doing == Doing::Login => Class::AuthNoMailboxRights,
        Code::NoPerm => Class::FolderRefused,
        Code::ExpungeIssued => Class::ItemVanished,
        Code::Cannot if doing == Doing::Append => Class::ItemRefused,
        _ => return None,
    })
}

const fn without_code(doing: Doing, kind: Kind) -> Class {
    match (doing, kind) {
        (_, Kind::Bye) => Class::Net,
        (Doing::Login, Kind::Bad) => Class::ServerProtocol,
        (Doing::Login, _) => Class::AuthBadCredentials,
        (Doing::Select | Doing::Create, _) => Class::FolderRefused,
        (Doing::Append | Doing::Store, _) => Class::ItemRefused,
        (Doing::Other, Kind::Bad) => Class::ServerProtocol,
        (Doing::Other, _) => Class::ServerTemporary,
    }
}

fn verdict(class: Class, doing: Doing, reply: &Reply, text: &str) -> (Reach, Retry) {
    match class {
        Class::Net => (Reach::Connection, Retry::Again),
        // A session whose credentials ended: a new login tells whether they can be had anew.
        Class::AuthTokenExpired | Class::AuthBadCredentials if doing != Doing::Login => {
            (Reach::Connection, Retry::Again)
        }
        Class::Throttle => (Reach::Account, Retry::After(told_wait(text).unwrap_or(RATE_WAIT_MS))),
        Class::ThrottleDaily => (Reach::Account, Retry::After(DAILY_WAIT_MS)),
        Class::LimitConnections => (Reach::Connection, Retry::After(CONNECTIONS_WAIT_MS)),
        Class::ServerTemporary if reply.code == Some(Code::InUse) => {
            (Reach::Folder, Retry::After(LOCK_WAIT_MS))
        }
        Class::ServerTemporary => (Reach::Account, Retry::After(FAULT_WAIT_MS)),
        Class::ItemTooLarge | Class::ItemRefused | Class::ItemVanished => (Reach::Message, Retry::Never),
        Class::FolderMissing | Class::FolderRefused | Class::FolderExists => (Reach::Folder, Retry::Never),
        Class::ServerProtocol if doing != Doing::Login => (Reach::Folder, Retry::Never),
        _ => (Reach::Account, Retry::Never),
    }
}

/// The wait that Exchange names: `Suggested Backoff Time: 299961 milliseconds`, with a tenth of a second more.
fn told_wait(text: &str) -> Option<u64> {
    let after = text.split_once("suggested backoff time:")?.1.trim_start();
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse::<u64>().ok().map(|ms| ms.saturating_add(100))
}

const fn hint(class: Class) -> &'static str {
    match class {
        Class::AuthBadCredentials => {
            "; check user name and password (some providers want an app password, or IMAP switched on); \
             not tried again, so as not to lock the account"
        }
        Class::AuthNoMailboxRights => {
            "; the login may not open this mailbox, its owner or administrator must allow it"
        }
        Class::AuthTokenExpired => "; get a new token",
        Class::TlsRequired => "; use imaps:// or imap:// with STARTTLS",
        Class::OverQuota => "; make room at the destination, then run again",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::response::{Answer, answer};
    use crate::imap::split::{Piece, Response};

    fn check(doing: Doing, line: &str, class: Class, reach: Reach, retry: Retry) {
        let response = Response { pieces: vec![Piece::Text(format!("a1 {line}").into())] };
        let Answer::Tagged(_, reply) = answer(&response) else { panic!("{line} is not tagged") };
        let failure = refused(Side::Destination, doing, "trying", &reply);
        assert_eq!((failure.class, failure.reach, failure.retry), (class, reach, retry), "{line}");
    }

    #[test]
    fn a_code_decides_and_words_only_where_there_is_none() {
        use Class as C;
        use Doing::{Append, Login, Other, Select};
        use Reach as R;
        use Retry::{After, Never};
        check(Append, "NO [OVERQUOTA] Not enough disk quota", C::OverQuota, R::Account, Never);
        check(Append, "NO Quota exceeded (mailbox for user is full)", C::OverQuota, R::Account, Never);
        check(
            Append,
            "NO [OVERQUOTA] Account exceeded command or bandwidth limits",
            C::ThrottleDaily,
            R::Account,
            After(DAILY_WAIT_MS),
        );
        check(Append, "NO [TOOBIG] Message too large", C::ItemTooLarge, R::Message, Never);
        check(Append, "NO [LIMIT] slow down", C::Throttle, R::Account, After(RATE_WAIT_MS));
        check(Append, "NO [UNAVAILABLE] later", C::ServerTemporary, R::Account, After(FAULT_WAIT_MS));
        check(Append, "NO [INUSE] locked", C::ServerTemporary, R::Folder, After(LOCK_WAIT_MS));
        check(Append, "NO [TRYCREATE] no such mailbox", C::FolderMissing, R::Folder, Never);
        check(Append, "NO Message contains a virus", C::ItemRefused, R::Message, Never);
        check(Append, "BAD Command Argument Error. 11", C::ItemRefused, R::Message, Never);
        check(
            Other,
            "BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds",
            C::Throttle,
            R::Account,
            After(300_061),
        );
        check(Login, "NO [AUTHENTICATIONFAILED] no", C::AuthBadCredentials, R::Account, Never);
        check(Login, "NO LOGIN failed.", C::AuthBadCredentials, R::Account, Never);
        check(
            Login,
            "NO [UNAVAILABLE] Temporary authentication failure.",
            C::ServerTemporary,
            R::Account,
            After(FAULT_WAIT_MS),
        );
        check(
            Login,
            "NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
            C::LimitConnections,
            R::Connection,
            After(CONNECTIONS_WAIT_MS),
        );
        check(Login, "NO [AUTHORIZATIONFAILED] no", C::AuthNoMailboxRights, R::Account, Never);
        check(Login, "NO [PRIVACYREQUIRED] TLS first", C::TlsRequired, R::Account, Never);
        check(Append, "NO [EXPIRED] token", C::AuthTokenExpired, R::Connection, Retry::Again);
        check(Other, "NO [AUTHENTICATIONFAILED] again", C::AuthBadCredentials, R::Connection, Retry::Again);
        check(Login, "NO [EXPIRED] token", C::AuthTokenExpired, R::Account, Never);
        check(Select, "NO [NONEXISTENT] Mailbox doesn't exist", C::FolderMissing, R::Folder, Never);
        check(
            Select,
            "NO User is authenticated but not connected.",
            C::AuthNoMailboxRights,
            R::Account,
            Never,
        );
    }
}
