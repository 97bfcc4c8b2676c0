//! Faults of the server itself: down, busy, locked, confused, or not of one mind with us.
//! Never about one message's octets.

use super::advice::{REPORT, WAITED_OUT};
use super::row::{Answered, Doing, Row, Seen, Verdict};
use crate::failure::Class::{ClientBug, LimitBatch, Net, ServerLock, ServerProtocol, ServerTemporary};
use crate::failure::Reach::{Account, Connection, Folder, Message};

/// Many short waits become a long one, up to ten minutes.
const FAULT: Verdict = Verdict::after(ServerTemporary, Account, 5_000, 600);

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "server.unavailable",
        seen: Seen::code("UNAVAILABLE"),
        verdict: FAULT,
        sample: "NO [UNAVAILABLE] User's backend is down for maintenance",
        advice: WAITED_OUT,
        source: "RFC 5530 §3",
    },
    Row {
        id: "server.bug",
        seen: Seen::code("SERVERBUG"),
        verdict: FAULT,
        sample: "NO [SERVERBUG] Internal error occurred. Refer to server log for more information.",
        advice: "if it stays so, the server's administrator finds more in its log",
        source: "RFC 5530 §3",
    },
    Row {
        id: "server.lock",
        seen: Seen::code("INUSE"),
        verdict: Verdict::after(ServerLock, Folder, 10_000, 300),
        sample: "NO [INUSE] Timeout while waiting for lock",
        advice: "nothing: it is tried again; if it stays so, close other programs that hold the mailbox",
        source: "RFC 5530 §3",
    },
    Row {
        id: "server.lock_text",
        seen: Seen::texts(&[
            "waiting for lock",
            "mailbox is locked",
            "mailbox is busy",
            "mailbox in use",
            "mailbox has been locked",
        ]),
        verdict: Verdict::after(ServerLock, Folder, 10_000, 300),
        sample: "NO Timeout while waiting for lock",
        advice: "nothing: it is tried again; if it stays so, close other programs that hold the mailbox",
        source: "Dovecot, Cyrus",
    },
    Row {
        id: "server.temp_login",
        seen: Seen::texts(&[
            "temporary authentication failure",
            "temporary system error",
            "try again later",
            "temporarily unavailable",
            "temporary failure",
            "temporarily denied",
        ])
        .at(&[Doing::Login]),
        verdict: FAULT,
        sample: "NO Temporary authentication failure",
        advice: WAITED_OUT,
        source: "Dovecot",
    },
    Row {
        id: "server.temp",
        seen: Seen::texts(&[
            "server unavailable",
            "service unavailable",
            "internal error occurred",
            "internal server error",
            "system error",
            "i/o error",
            "temporary failure",
            "temporarily unavailable",
            "server is busy",
            "backend error",
            "try again later",
        ]),
        verdict: FAULT,
        sample: "NO Server Unavailable. 15",
        advice: "nothing: it is tried again; Exchange says so also of a mailbox near its quota",
        source: "Exchange, Gmail, Yahoo",
    },
    Row {
        id: "server.shutdown",
        seen: Seen::texts(&["shutting down", "shutdown", "restarting", "connection is closed"])
            .answered(Answered::Bye),
        verdict: Verdict::after(Net, Connection, 5_000, 600),
        sample: "BYE Server shutting down.",
        advice: WAITED_OUT,
        source: "Dovecot, Cyrus, Exchange",
    },
    Row {
        id: "server.idle",
        seen: Seen::texts(&["inactivity", "autologout", "idle", "timeout", "timed out"])
            .answered(Answered::Bye),
        verdict: Verdict::again(Net, Connection),
        sample: "BYE Disconnected for inactivity.",
        advice: "",
        source: "RFC 9051 §5.4",
    },
    Row {
        id: "client.bug",
        seen: Seen::code("CLIENTBUG"),
        verdict: Verdict::never(ClientBug, Folder),
        sample: "BAD [CLIENTBUG] Unexpected command",
        advice: REPORT,
        source: "RFC 5530 §3",
    },
    Row {
        id: "client.bug_append",
        seen: Seen::code("CLIENTBUG").at(&[Doing::Append]),
        verdict: Verdict::never(ClientBug, Message),
        sample: "BAD [CLIENTBUG] Invalid arguments",
        advice: REPORT,
        source: "RFC 5530 §3",
    },
    Row {
        id: "client.line_too_long",
        seen: Seen::texts(&[
            "line too long",
            "command too long",
            "command line * too long",
            "request too long",
            "maximum line length",
            "command error. 12",
        ]),
        verdict: Verdict::again(LimitBatch, Folder),
        sample: "BAD Command Error. 12",
        advice: "nothing: shorter ones are tried; a profile with command_octets spares the trying",
        source: "Microsoft 365, Zimbra",
    },
    Row {
        id: "client.charset",
        seen: Seen::code("BADCHARSET"),
        verdict: Verdict::never(ServerProtocol, Folder),
        sample: "NO [BADCHARSET (US-ASCII)] Unsupported charset",
        advice: REPORT,
        source: "RFC 9051 §7.1",
    },
    Row {
        id: "server.errors",
        seen: Seen::texts(&["too many errors", "too many invalid", "too many bad commands"]),
        verdict: Verdict::after(Net, Connection, 5_000, 600),
        sample: "BYE Too many invalid IMAP commands.",
        advice: "",
        source: "Dovecot, Exchange, Zimbra",
    },
];
