//! Every row of the table through the parser and the door by which refusals come in.

use malote_plan::failure::Retry;
use malote_plan::taxonomy::rows;

use super::*;
use crate::imap::response::{Answer, answer};
use crate::imap::split::{Piece, Response};

fn reply(line: &str) -> Reply {
    let response = Response { pieces: vec![Piece::Text(format!("a1 {line}").into())] };
    let Answer::Tagged(_, reply) = answer(&response) else { panic!("{line} is not tagged") };
    reply
}

fn check(doing: Doing, line: &str, class: Class, reach: Reach, retry: Retry) {
    let failure = refused(Side::Destination, doing, "trying", &reply(line));
    assert_eq!((failure.class, failure.reach, failure.retry), (class, reach, retry), "{line}");
}

/// True where credentials end in the midst of a session: whether new ones can be had is for a new login to tell.
fn ends_a_session(doing: Doing, failure: &Failure) -> bool {
    let is_login = doing == Doing::Login || failure.class == Class::AuthNoMailboxRights;
    failure.class.refuses_login() && !is_login
}

#[test]
fn every_row_comes_in_by_the_door() {
    for row in rows() {
        let side = row.seen.side.unwrap_or(Side::Destination);
        for doing in if row.seen.doing.is_empty() { &[Doing::Other] } else { row.seen.doing } {
            let failure = refused(side, *doing, "trying", &reply(row.sample));
            assert_eq!(failure.rule, Some(row.id), "{} while {doing:?}", row.sample);
            assert_eq!(failure.class, row.verdict.class, "{}", row.id);
            assert!(failure.message.ends_with(row.advice), "{}", failure.message);
            if ends_a_session(*doing, &failure) {
                assert_eq!((failure.reach, failure.retry), (Reach::Connection, Retry::Again), "{}", row.id);
                continue;
            }
            assert_eq!(failure.reach, row.verdict.reach, "{}", row.id);
            let is_told = failure.told.wait_ms.is_some();
            assert!(is_told || failure.retry == row.verdict.retry, "{}", row.id);
        }
    }
}

#[test]
fn a_refusal_is_told_with_its_code_its_words_and_the_next_step() {
    let failure =
        refused(Side::Destination, Doing::Append, "appending 1 to Sent", &reply("NO [OVERQUOTA] Full"));
    assert_eq!(
        failure.message,
        "appending 1 to Sent: the server refused, [OVERQUOTA] \"Full\"; make room at the destination, then run again"
    );
    let limit = refused(Side::Source, Doing::Fetch, "x", &reply("NO [MESSAGELIMIT 500 23221] Too many"));
    assert_eq!((limit.class, limit.told.uids_max), (Class::LimitBatch, Some(500)));
}

#[test]
fn verdicts_that_runs_rely_on_stay_as_they_are() {
    use Class as C;
    use Doing::{Append, Login, Other, Select, Store};
    use Reach as R;
    use Retry::{After, Never};
    check(Append, "NO [OVERQUOTA] Not enough disk quota", C::OverQuota, R::Account, Never);
    check(Append, "NO Quota exceeded (mailbox for user is full)", C::OverQuota, R::Account, Never);
    check(Append, "NO [TOOBIG] Message too large", C::ItemTooLarge, R::Message, Never);
    check(Append, "NO [LIMIT] slow down", C::Throttle, R::Account, After(60_000));
    check(Append, "NO [UNAVAILABLE] later", C::ServerTemporary, R::Account, After(5_000));
    check(Append, "NO [INUSE] locked", C::ServerLock, R::Folder, After(10_000));
    check(Append, "NO [TRYCREATE] no such mailbox", C::FolderMissing, R::Folder, Never);
    check(Append, "NO Message contains a virus", C::ItemRefusedContent, R::Message, Never);
    check(Append, "BAD Command Argument Error. 11", C::ItemRefused, R::Message, Never);
    check(Store, "NO [LIMIT] too many keywords", C::ItemRefused, R::Message, Never);
    let told = "BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds";
    check(Other, told, C::Throttle, R::Account, After(300_061));
    check(Login, "NO [AUTHENTICATIONFAILED] no", C::AuthBadCredentials, R::Account, Never);
    check(Login, "NO no", C::AuthBadCredentials, R::Account, Never);
    check(Login, "BAD no", C::ServerProtocol, R::Account, Never);
    check(Select, "NO no", C::FolderRefused, R::Folder, Never);
    check(Other, "BAD no", C::ServerProtocol, R::Folder, Never);
    let full = "NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded \
        (mail_max_userip_connections=10)";
    check(Login, full, C::LimitConnections, R::Connection, After(30_000));
    assert_eq!(refused(Side::Source, Login, "x", &reply(full)).told.connections_max, Some(10));
}

#[test]
fn a_fetch_is_halved_only_where_one_message_may_be_the_cause() {
    for (line, expected) in [
        ("NO [LIMIT] UID FETCH Rate limit hit.", true),
        ("NO [THROTTLED] slow", true),
        ("NO [UNAVAILABLE] later", true),
        ("NO [INUSE] locked", true),
        ("NO [OVERQUOTA] Account exceeded command or bandwidth limits", true),
        ("NO [MESSAGELIMIT 10] less", true),
        ("BAD Request is throttled. Suggested Backoff Time: 5 milliseconds", true),
        ("BAD User is authenticated but not connected.", true),
        ("NO [SERVERBUG] Internal error occurred.", false),
        ("NO [CORRUPTION] damaged", false),
        ("NO System Error (Failure)", false),
        ("NO Server Unavailable. 15", false),
        ("NO [CANNOT] not this one", false),
        ("BAD Could not parse command", false),
        ("NO [EXPUNGEISSUED] gone", false),
        ("NO The requested message could not be converted to an RFC-822 compatible format.", false),
        ("NO something else", false),
    ] {
        assert_eq!(concerns_all(Side::Source, &reply(line)), expected, "{line}");
    }
}

#[test]
fn a_goodbye_with_a_known_reason_is_more_than_a_lost_connection() {
    for (text, class) in [
        ("Too many requests", Some(Class::Throttle)),
        ("[LIMIT] Too many sessions", Some(Class::LimitConnections)),
        ("[UNAVAILABLE] maintenance", Some(Class::ServerTemporary)),
        ("Disconnected for inactivity.", None),
        ("[TOOBIG] Message too large", None),
        ("See you", None),
    ] {
        let Reply { code, text, .. } = reply(&format!("NO {text}"));
        let bye = Reply { kind: Kind::Bye, code, text };
        let failure = parted(Side::Source, "talking", &bye);
        assert_eq!(failure.map(|failure| failure.class), class, "{bye:?}");
    }
}
