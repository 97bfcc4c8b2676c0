//! Every row against its own sample, and the order in which rows are believed.

use alloc::collections::BTreeSet;
use alloc::string::ToString;

use super::*;

/// A sample as an answer: how it was answered, its code's name, its words.
fn read(sample: &str) -> (Answered, Option<&str>, &str) {
    let (word, rest) = sample.split_once(' ').unwrap();
    let answered = [Answered::Ok, Answered::No, Answered::Bad, Answered::Bye]
        .into_iter()
        .find(|answered| answered.as_str() == word);
    let (code, text) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((code, text)) => (code.split(' ').next(), text.trim_start()),
        None => (None, rest),
    };
    (answered.unwrap(), code, text)
}

fn judged(side: Side, doing: Doing, sample: &str) -> Judged {
    let (answered, code, text) = read(sample);
    judge(&Said { side, doing, answered, code, text })
}

#[test]
fn every_row_is_found_by_its_own_sample_wherever_it_may_be_seen() {
    for row in rows() {
        let side = row.seen.side.unwrap_or(Side::Destination);
        let places: &[Doing] = if row.seen.doing.is_empty() { &[Doing::Other] } else { row.seen.doing };
        for doing in places {
            let found = judged(side, *doing, row.sample);
            assert_eq!(found.row.id, row.id, "{} while {doing:?}", row.sample);
        }
    }
}

#[test]
fn every_row_has_a_name_of_its_own_and_says_what_to_do() {
    let mut names = BTreeSet::new();
    for row in rows() {
        assert!(names.insert(row.id), "{} is there twice", row.id);
        let Verdict { class, reach, retry, wait_seconds_max } = row.verdict;
        let is_final = retry == Retry::Never;
        assert!(!row.source.is_empty() && (!row.advice.is_empty() || !is_final), "{}", row.id);
        assert!(row.seen.texts.iter().all(|text| *text == text.to_lowercase()), "{}", row.id);
        assert_eq!(matches!(retry, Retry::After(_)), wait_seconds_max > 0, "{}", row.id);
        assert!(!class.as_str().is_empty() && !row.pattern().is_empty(), "{}: {reach:?}", row.id);
    }
    assert!(names.len() > 80, "only {} rows", names.len());
    assert_eq!(row("limit.batch").map(|row| row.id), Some("limit.batch"));
    assert!(row("no.such").is_none());
}

#[test]
fn a_code_decides_and_words_only_where_there_is_none() {
    let check = |doing, sample: &str, id: &str| {
        assert_eq!(judged(Side::Destination, doing, sample).row.id, id, "{sample}");
    };
    check(Doing::Append, "NO [TOOBIG] mailbox is full", "item.too_large");
    check(Doing::Append, "NO [OVERQUOTA] message too large", "dest.over_quota");
    check(Doing::Login, "NO [UNAVAILABLE] login failed", "server.unavailable");
    check(Doing::Login, "NO [AUTHENTICATIONFAILED] try again later", "auth.bad_credentials");
    check(Doing::Login, "NO [ALERT] try again later", "server.temp_login");
    check(Doing::Other, "NO [XFOO] quota exceeded", "dest.over_quota_text");
    check(Doing::Other, "NO [XFOO] hm", "unknown.no");
    check(Doing::Append, "NO [NOPERM] contains a virus", "folder.no_permission");
    check(Doing::Login, "BYE [UNAVAILABLE] Too many connections", "limit.connections_unavailable");
}

/// Answers as servers were seen to give them.
#[test]
fn answers_of_real_servers_are_known() {
    use Doing::{Append, Create, Fetch, Login, Select, Store};
    for (doing, sample, id) in [
        (Login, "NO [ALERT] Invalid credentials (Failure)", "auth.login_failed"),
        (Login, "NO [AUTHENTICATIONFAILED] LOGIN Invalid credentials", "auth.bad_credentials"),
        (
            Login,
            "NO [AUTHENTICATIONFAILED] (#MBR1212) Incorrect username or password.",
            "auth.bad_credentials",
        ),
        (Login, "NO Login failed: authentication failure", "auth.login_failed"),
        (Login, "NO Invalid user name or password.", "auth.login_failed"),
        (Login, "NO Login fail. Account is abnormal", "auth.login_failed"),
        (Login, "NO [AUTHENTICATIONFAILED] Application password is REQUIRED", "auth.app_password_coded"),
        (Login, "NO [ALERT] Please log in via your web browser: https://…", "auth.app_password_needed"),
        (Login, "NO Logon failure: LogonDenied-BasicAuthBlocked", "auth.app_password_needed"),
        (Login, "NO [ALERT] You are yet to enable IMAP for your account.", "auth.imap_off"),
        (Login, "NO [LIMIT] LOGIN Rate limit hit", "throttle.rate"),
        (Login, "NO too many login attempts, please try again later", "auth.locked"),
        (Login, "NO Temporary authentication failure. [mail:2026-11-21]", "server.temp_login"),
        (
            Login,
            "NO [ALERT] Exceeded the maximum number of connections from this IP address",
            "limit.connections",
        ),
        (Select, "NO Mailbox does not exist", "folder.missing_text"),
        (Select, "NO Mailbox is locked by POP server", "server.lock_text"),
        (Create, "NO [ALREADYEXISTS] Duplicate folder name Obras (Failure)", "folder.exists"),
        (Create, "NO [CANNOT] Invalid mailbox name: Begins with hierarchy separator", "folder.name_refused"),
        (Create, "NO Invalid mailbox name", "folder.name_refused_text"),
        (Fetch, "NO [SERVERBUG] Internal error occurred. Refer to server log", "server.bug"),
        (Fetch, "NO FETCH Server error while fetching messages", "item.unreadable_text"),
        (Fetch, "NO [ALERT] Account exceeded bandwidth limits. Lockdown in sector 4", "throttle.daily_text"),
        (Append, "NO [TRYCREATE] No folder Obras (Failure)", "folder.try_create"),
        (Append, "NO Over quota.", "dest.over_quota_text"),
        (Append, "NO APPEND failed: mailbox exceeded its quota", "dest.over_quota_text"),
        (Append, "NO Invalid Arguments: Unable to parse message", "item.malformed"),
        (Append, "NO Message contains non-ASCII characters in headers", "item.malformed"),
        (Append, "NO Message contains bare newlines", "item.malformed"),
        (Append, "NO System I/O error", "server.temp"),
        (Append, "NO System Error (Failure)", "server.temp"),
        (Store, "NO Too many user flags in mailbox", "item.flag"),
    ] {
        assert_eq!(judged(Side::Destination, doing, sample).row.id, id, "{sample}");
    }
}

#[test]
fn what_the_server_tells_replaces_the_rows_own_wait_and_never_a_final_word() {
    let told =
        judged(Side::Source, Doing::Fetch, "NO Request is throttled. Suggested Backoff Time: 5 milliseconds");
    assert_eq!((told.retry, told.told.wait_ms), (Retry::After(105), Some(105)));
    let silent = judged(Side::Source, Doing::Fetch, "NO Request is throttled.");
    assert_eq!(silent.retry, Retry::After(60_000));
    let wrong = judged(Side::Source, Doing::Login, "NO [AUTHENTICATIONFAILED] retry after 5 seconds");
    assert_eq!(wrong.retry, Retry::Never);
    let full = judged(Side::Source, Doing::Login, "NO [LIMIT] Too many sessions (max 4)");
    assert_eq!(full.told.connections_max, Some(4));
}

#[test]
fn waits_double_up_to_their_longest() {
    for (id, attempt, wait_ms) in [
        ("server.unavailable", 1, Some(5_000)),
        ("server.unavailable", 3, Some(20_000)),
        ("server.unavailable", 99, Some(600_000)),
        ("limit.batch", 7, Some(0)),
        ("auth.bad_credentials", 1, None),
    ] {
        assert_eq!(row(id).unwrap().verdict.wait_ms(attempt), wait_ms, "{id} {attempt}");
    }
}

#[test]
fn answers_of_one_kind_are_counted_together() {
    assert_eq!(normalised("Error 12 in 345.6 ms"), "Error # in #.# ms".to_string());
    assert_eq!(rows().filter(|row| row.seen.is_silent()).count(), 7);
}
