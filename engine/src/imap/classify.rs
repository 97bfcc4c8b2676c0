//! Turns a server's refusal into a failure, by the table of `malote_plan::taxonomy`.
//! Never decides by itself: the table does, and here the answer is only read for it.

mod name;

use malote_plan::failure::Side;
use malote_plan::taxonomy::{self, Answered, Judged, Said};

pub(super) use malote_plan::taxonomy::Doing;
pub(super) use name::name;

use super::endpoint::Endpoint;
use super::response::{Code, Kind, Reply};
use crate::failure::{Class, Failure, Reach, Retry};

/// Makes a failure of a refusal. `what` says what was tried and on what: `opening folder Sent on mail.example`.
pub(super) fn refused(side: Side, doing: Doing, what: &str, reply: &Reply) -> Failure {
    let Judged { row, class, mut reach, mut retry, mut told } = judged(side, doing, reply);
    if doing != Doing::Login && class.refuses_login() && class != Class::AuthNoMailboxRights {
        // A session whose credentials ended: a new login tells whether they can be had anew.
        (reach, retry) = (Reach::Connection, Retry::Again);
    }
    if let Some(Code::MessageLimit(Some(limit))) = reply.code {
        told.uids_max = u32::try_from(limit).ok();
    }
    let answer =
        if reply.text.is_empty() { "without a reason".to_owned() } else { format!("\"{}\"", reply.text) };
    let code = reply.code.as_ref().map(|code| format!("[{}] ", name(code))).unwrap_or_default();
    let hint = if row.advice.is_empty() { String::new() } else { format!("; {}", row.advice) };
    let message = format!("{what}: the server refused, {code}{answer}{hint}");
    let failure = Failure::new(side, class, reach, retry, message);
    Failure { rule: Some(row.id), told, ..failure }
}

/// The same of a login or what stands before it, noted for the report.
pub(super) fn refused_login(endpoint: &Endpoint, what: &str, reply: &Reply) -> Failure {
    let failure = refused(endpoint.side, Doing::Login, what, reply);
    endpoint.notes.refusal(&failure, &said(reply));
    failure
}

/// An answer as it came: kind, code and words.
pub(super) fn said(reply: &Reply) -> String {
    let kind = match reply.kind {
        Kind::Ok => "OK",
        Kind::No => "NO",
        Kind::Bad => "BAD",
        Kind::Bye => "BYE",
        Kind::PreAuth => "PREAUTH",
    };
    let code = reply.code.as_ref().map(|code| format!(" [{}]", name(code))).unwrap_or_default();
    format!("{kind}{code} {}", reply.text)
}

/// What the table makes of an answer.
pub(super) fn judged(side: Side, doing: Doing, reply: &Reply) -> Judged {
    let answered = match reply.kind {
        Kind::Ok | Kind::PreAuth => Answered::Ok,
        Kind::No => Answered::No,
        Kind::Bad => Answered::Bad,
        Kind::Bye => Answered::Bye,
    };
    taxonomy::judge(&Said { side, doing, answered, code: reply.code.as_ref().map(name), text: &reply.text })
}

/// What a goodbye means whose reason the table knows and that reaches beyond a folder; nothing where it is no more
/// than a lost connection.
pub(super) fn parted(side: Side, what: &str, bye: &Reply) -> Option<Failure> {
    let failure = refused(side, Doing::Other, what, bye);
    (failure.class != Class::Net && failure.reach >= Reach::Connection).then_some(failure)
}

/// True where a refusal of one FETCH would be the same for any other messages, so that asking for halves of them
/// would only make it worse. A fault of the server's may be one message's fault: Dovecot says SERVERBUG of a damaged
/// one, Gmail a system error.
pub(super) fn concerns_all(side: Side, reply: &Reply) -> bool {
    let Judged { row, class, .. } = judged(side, Doing::Fetch, reply);
    matches!(
        class,
        Class::Throttle
            | Class::ThrottleDaily
            | Class::LimitConnections
            | Class::LimitBatch
            | Class::ServerLock
            | Class::OverQuota
            | Class::AuthNoMailboxRights
            | Class::AuthTokenExpired
    ) || row.id == "server.unavailable"
}

#[cfg(test)]
mod tests;
