//! Refusals that ask for patience: throttles, daily allowances, connections, batches.
//! Never final: every row here is waited out.

use super::advice::{CONNECTIONS, WAITED_OUT};
use super::row::{Answered, Doing, Row, Seen, Verdict};
use crate::failure::Class::{
    ItemRefused, LimitBatch, LimitConnections, ServerTemporary, Throttle, ThrottleDaily,
};
use crate::failure::Reach::{Account, Connection, Folder, Message};
use crate::failure::Side;

/// Words of servers that count connections.
const TOO_MANY_CONNECTIONS: &[&str] = &[
    "too many simultaneous connections",
    "maximum number of connections",
    "too many open connections",
    "too many connections",
    "too many concurrent",
    "too many sessions",
    "connection limit",
    "connections * exceeded",
];

/// The daily allowance of Gmail: megabytes through IMAP, by all programs of the account.
const DAY: &str = "nothing: the day's allowance of this mailbox is used up by IMAP, other programs included; it \
    goes on when the provider lifts it, within a day";

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "throttle.told",
        seen: Seen::texts(&["request is throttled", "suggested backoff time"]).by("Exchange"),
        verdict: Verdict::after(Throttle, Account, 60_000, 600),
        sample: "BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds",
        advice: WAITED_OUT,
        source: "Microsoft 365, Exchange",
    },
    Row {
        id: "throttle.soft",
        seen: Seen::code("THROTTLED").by("Gmail"),
        verdict: Verdict::after(Throttle, Connection, 16_000, 600),
        sample: "NO [THROTTLED] Slow down",
        advice: WAITED_OUT,
        source: "Gmail",
    },
    Row {
        id: "throttle.slowed",
        seen: Seen::code("THROTTLED").answered(Answered::Ok).by("Gmail"),
        verdict: Verdict::after(Throttle, Connection, 50, 16),
        sample: "OK [THROTTLED] Success",
        advice: WAITED_OUT,
        source: "Gmail",
    },
    Row {
        id: "throttle.daily",
        seen: Seen::code("OVERQUOTA").saying(&["command or bandwidth limits", "bandwidth"]).by("Gmail"),
        verdict: Verdict::after(ThrottleDaily, Account, 3_600_000, 86_400),
        sample: "NO [OVERQUOTA] Account exceeded command or bandwidth limits",
        advice: DAY,
        source: "Gmail",
    },
    Row {
        id: "throttle.daily_source",
        seen: Seen::code("OVERQUOTA").on(Side::Source),
        verdict: Verdict::after(ThrottleDaily, Account, 3_600_000, 86_400),
        sample: "NO [OVERQUOTA] Limit reached",
        advice: DAY,
        source: "RFC 5530 §3: reading takes no room, so that it is an allowance",
    },
    Row {
        id: "throttle.daily_text",
        seen: Seen::texts(&[
            "exceeded * bandwidth",
            "command or bandwidth limits",
            "download limit",
            "lockdown in sector",
        ])
        .by("Gmail"),
        verdict: Verdict::after(ThrottleDaily, Account, 3_600_000, 86_400),
        sample: "NO Account exceeded command or bandwidth limits. (Failure)",
        advice: DAY,
        source: "Gmail",
    },
    Row {
        id: "throttle.rate",
        seen: Seen::code("LIMIT").saying(&["rate limit"]).by("Yahoo"),
        verdict: Verdict::after(Throttle, Account, 60_000, 1_800),
        sample: "NO [LIMIT] UID FETCH Rate limit hit.",
        advice: WAITED_OUT,
        source: "Yahoo, AOL",
    },
    Row {
        id: "throttle.rate_text",
        seen: Seen::texts(&["rate limit", "too many requests", "too many commands", "slow down"]),
        verdict: Verdict::after(Throttle, Account, 60_000, 1_800),
        sample: "BYE Too many requests",
        advice: WAITED_OUT,
        source: "Yahoo, Zimbra",
    },
    Row {
        id: "limit.any",
        seen: Seen::code("LIMIT"),
        verdict: Verdict::after(Throttle, Account, 60_000, 1_800),
        sample: "NO [LIMIT] Slow down",
        advice: WAITED_OUT,
        source: "RFC 5530 §3",
    },
    Row {
        id: "limit.connections",
        seen: Seen::texts(TOO_MANY_CONNECTIONS),
        verdict: Verdict::after(LimitConnections, Connection, 30_000, 600),
        sample: "NO [ALERT] Too many simultaneous connections. (Failure)",
        advice: CONNECTIONS,
        source: "Gmail, Cyrus, Courier",
    },
    Row {
        id: "limit.connections_unavailable",
        seen: Seen::code("UNAVAILABLE").saying(TOO_MANY_CONNECTIONS).by("Dovecot"),
        verdict: Verdict::after(LimitConnections, Connection, 30_000, 600),
        sample: "NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded \
            (mail_max_userip_connections=10)",
        advice: CONNECTIONS,
        source: "Dovecot",
    },
    Row {
        id: "limit.connections_login",
        seen: Seen::code("LIMIT").at(&[Doing::Login]),
        verdict: Verdict::after(LimitConnections, Connection, 30_000, 600),
        sample: "NO [LIMIT] Try later",
        advice: CONNECTIONS,
        source: "RFC 5530 §3",
    },
    Row {
        id: "limit.connections_coded",
        seen: Seen::code("LIMIT").saying(TOO_MANY_CONNECTIONS),
        verdict: Verdict::after(LimitConnections, Connection, 30_000, 600),
        sample: "BYE [LIMIT] Too many sessions",
        advice: CONNECTIONS,
        source: "RFC 5530 §3",
    },
    Row {
        id: "limit.batch",
        seen: Seen::code("MESSAGELIMIT"),
        verdict: Verdict::again(LimitBatch, Folder),
        sample: "NO [MESSAGELIMIT 1000] Too many messages in one command",
        advice: "",
        source: "RFC 9738 §3",
    },
    Row {
        id: "limit.batch_text",
        seen: Seen::texts(&["command error. 10"]).by("Exchange"),
        verdict: Verdict::again(LimitBatch, Folder),
        sample: "BAD Command Error. 10",
        advice: "nothing: commands that name fewer are tried; a profile with uids_per_command spares the trying",
        source: "Microsoft 365",
    },
    Row {
        id: "limit.keywords",
        seen: Seen::code("LIMIT").at(&[Doing::Store]),
        verdict: Verdict::never(ItemRefused, Message),
        sample: "NO [LIMIT] Too many keywords in this mailbox",
        advice: "nothing: the message is there; its keyword is named in the report as dropped",
        source: "Dovecot, Maildir: 26 keywords to a folder",
    },
    Row {
        id: "limit.keywords_append",
        seen: Seen::code("LIMIT").saying(&["keyword", "flag"]).at(&[Doing::Append]),
        verdict: Verdict::never(ItemRefused, Message),
        sample: "NO [LIMIT] Too many keywords in this mailbox",
        advice: "remove keywords that nobody needs at the destination, then run again",
        source: "Dovecot, Maildir: 26 keywords to a folder",
    },
    Row {
        id: "throttle.session",
        seen: Seen::texts(&["session expired"]).answered(Answered::Bye).by("Gmail"),
        verdict: Verdict::after(ServerTemporary, Connection, 5_000, 600),
        sample: "BYE Session expired, please login again.",
        advice: WAITED_OUT,
        source: "Gmail",
    },
];
