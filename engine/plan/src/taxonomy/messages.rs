//! Refusals of messages: no room, too large, malformed, unwanted, gone, unreadable.
//! Never final for a message until a second connection has said the same.

use super::advice::{CONTENT, MENDING, ROOM, SIZE};
use super::row::{Doing, Row, Seen, Verdict};
use crate::failure::Class::{
    ItemMalformed, ItemRefused, ItemRefusedContent, ItemTooLarge, ItemUnreadable, ItemVanished, OverQuota,
};
use crate::failure::Reach::{Account, Folder, Message};
use crate::failure::Side;

const APPENDED: &[Doing] = &[Doing::Append];
const FETCHED: &[Doing] = &[Doing::Fetch, Doing::Other];

/// Words of filters.
const UNWANTED: &[&str] = &[
    "virus",
    "malware",
    "infected",
    "refused by policy",
    "content policy",
    "message blocked",
    "rejected by content",
];

/// Words of limits to a message's size.
const TOO_LARGE: &[&str] = &[
    "maximum message size",
    "maximum size of appendable message",
    "message too large",
    "message too big",
    "message is too large",
    "message size exceed",
    "mail size is larger",
];

const MALFORMED: Verdict = Verdict::never(ItemMalformed, Message);

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "dest.over_quota",
        seen: Seen::code("OVERQUOTA"),
        verdict: Verdict::never(OverQuota, Account),
        sample: "NO [OVERQUOTA] Not enough disk quota",
        advice: ROOM,
        source: "RFC 9208 §4.3",
    },
    Row {
        id: "dest.over_quota_text",
        seen: Seen::texts(&[
            "not enough disk quota",
            "quota exceeded",
            "mailbox is full",
            "over quota",
            "blocks limit exceeded",
            "exceeds * quota",
            "exceeded * quota",
            "no space left",
        ])
        .on(Side::Destination),
        verdict: Verdict::never(OverQuota, Account),
        sample: "NO Quota exceeded (mailbox for user is full)",
        advice: ROOM,
        source: "Courier, Cyrus, Dovecot, Zimbra",
    },
    Row {
        id: "item.too_large",
        seen: Seen::code("TOOBIG"),
        verdict: Verdict::never(ItemTooLarge, Message),
        sample: "NO [TOOBIG] Message size exceeds fixed limit",
        advice: SIZE,
        source: "RFC 4469 §4.2, RFC 7889 §4",
    },
    Row {
        id: "item.too_large_limit",
        seen: Seen::code("LIMIT").saying(TOO_LARGE).at(APPENDED),
        verdict: Verdict::never(ItemTooLarge, Message),
        sample: "NO [LIMIT] Mail size is larger than the maximum size allowed by server configuration",
        advice: SIZE,
        source: "Dovecot (quota_max_mail_size), RFC 5530 §3",
    },
    Row {
        id: "item.too_large_text",
        seen: Seen::texts(TOO_LARGE).at(APPENDED),
        verdict: Verdict::never(ItemTooLarge, Message),
        sample: "NO Maximum size of appendable message has been exceeded.",
        advice: SIZE,
        source: "Exchange, Cyrus, hMailServer",
    },
    Row {
        id: "item.unknown_refusal",
        seen: Seen::texts(&["command argument error. 11"]).at(APPENDED).by("Exchange"),
        verdict: Verdict::never(ItemRefused, Message),
        sample: "BAD Command Argument Error. 11",
        advice: "Exchange says so of a message that is too large, has a line of more than about 10,000 octets, \
            or finds no room: look at it in quarantine",
        source: "Exchange",
    },
    Row {
        id: "item.malformed",
        seen: Seen::texts(&[
            "nul character",
            "contains nul",
            "bare newline",
            "bare lf",
            "8bit",
            "8-bit",
            "non-ascii",
            "invalid header",
            "bad header",
            "no header",
            "blank line",
            "unable to parse message",
            "invalid message",
            "malformed",
        ])
        .at(APPENDED),
        verdict: MALFORMED,
        sample: "NO Message contains NUL characters",
        advice: MENDING,
        source: "Cyrus",
    },
    Row {
        id: "item.malformed_coded",
        seen: Seen::code("CANNOT")
            .saying(&["nul character", "bare newline", "header", "parse", "malformed"])
            .at(APPENDED),
        verdict: MALFORMED,
        sample: "NO [CANNOT] Message contains invalid header",
        advice: MENDING,
        source: "RFC 5530 §3, Cyrus",
    },
    Row {
        id: "item.no_final_line_end",
        seen: Seen::code("CLIENTBUG").saying(&["additional arguments"]).at(APPENDED).by("Yahoo"),
        verdict: MALFORMED,
        sample: "BAD [CLIENTBUG] APPEND Additional arguments found after last expected argument",
        advice: "the message does not end in a line end, which this server asks for: it lies in quarantine",
        source: "Yahoo, AOL",
    },
    Row {
        id: "item.date",
        seen: Seen::texts(&["invalid date", "bad date", "invalid internaldate", "date * range"]).at(APPENDED),
        verdict: MALFORMED,
        sample: "NO APPEND failed: invalid date-time",
        advice: MENDING,
        source: "Zimbra: no date after 2038",
    },
    Row {
        id: "item.encoding",
        seen: Seen::code("UNKNOWN-CTE"),
        verdict: MALFORMED,
        sample: "NO [UNKNOWN-CTE] Cannot decode",
        advice: MENDING,
        source: "RFC 3516 §4.3",
    },
    Row {
        id: "item.refused_content",
        seen: Seen::texts(UNWANTED).at(APPENDED),
        verdict: Verdict::never(ItemRefusedContent, Message),
        sample: "NO Message refused because it contains a virus",
        advice: CONTENT,
        source: "filters at several hosters",
    },
    Row {
        id: "item.refused_content_coded",
        seen: Seen::code("CANNOT").saying(UNWANTED).at(APPENDED),
        verdict: Verdict::never(ItemRefusedContent, Message),
        sample: "NO [CANNOT] Message contains a virus",
        advice: CONTENT,
        source: "RFC 5530 §3",
    },
    Row {
        id: "item.cannot",
        seen: Seen::code("CANNOT").at(APPENDED),
        verdict: Verdict::never(ItemRefused, Message),
        sample: "NO [CANNOT] Not this message",
        advice: MENDING,
        source: "RFC 5530 §3",
    },
    Row {
        id: "item.flag",
        seen: Seen::texts(&[
            "invalid flag",
            "unsupported flag",
            "invalid system flag",
            "flag not supported",
            "user flags",
        ])
        .at(&[Doing::Append, Doing::Store]),
        verdict: Verdict::never(ItemRefused, Message),
        sample: "BAD Invalid system flag \\Important",
        advice: "nothing: the flag is named in the report as dropped",
        source: "Dovecot, Zimbra",
    },
    Row {
        id: "item.vanished",
        seen: Seen::code("EXPUNGEISSUED"),
        verdict: Verdict::never(ItemVanished, Message),
        sample: "NO [EXPUNGEISSUED] Some of the requested messages no longer exist",
        advice: "nothing: its user removed it meanwhile",
        source: "RFC 5530 §3",
    },
    Row {
        id: "item.unreadable",
        seen: Seen::code("CORRUPTION").at(FETCHED),
        verdict: Verdict::again(ItemUnreadable, Folder),
        sample: "NO [CORRUPTION] Message is damaged",
        advice: "have the source's administrator mend the message, then run again",
        source: "RFC 5530 §3",
    },
    Row {
        id: "item.unreadable_text",
        seen: Seen::texts(&[
            "could not be converted to an rfc",
            "cannot be converted",
            "body structure",
            "error while fetching messages",
        ])
        .at(FETCHED)
        .by("Exchange"),
        verdict: Verdict::again(ItemUnreadable, Folder),
        sample: "NO The requested message could not be converted to an RFC-822 compatible format.",
        advice: "open the message at the source and save it anew, or export it there by hand",
        source: "Exchange, Yahoo",
    },
];
