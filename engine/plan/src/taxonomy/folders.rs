//! Refusals of a folder: missing, there already, not to be had, not by that name.
//! Never wider than the folder.

use super::advice::{FOLDER, NAME};
use super::row::{Doing, Row, Seen, Verdict};
use crate::failure::Class::{FolderExists, FolderMissing, FolderRefused};
use crate::failure::Reach::Folder;

const OPENED: &[Doing] = &[Doing::Select, Doing::Append, Doing::Store, Doing::Fetch, Doing::Other];
const NAMED: &[Doing] =
    &[Doing::List, Doing::Select, Doing::Create, Doing::Fetch, Doing::Append, Doing::Store, Doing::Other];
const CREATED: &[Doing] = &[Doing::Create];

const REFUSED: Verdict = Verdict::never(FolderRefused, Folder);

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "folder.missing",
        seen: Seen::code("NONEXISTENT").at(NAMED),
        verdict: Verdict::never(FolderMissing, Folder),
        sample: "NO [NONEXISTENT] Mailbox doesn't exist: Old",
        advice: "nothing: it went away while the run was at work; the next run lists anew",
        source: "RFC 5530 §3",
    },
    Row {
        id: "folder.try_create",
        seen: Seen::code("TRYCREATE").at(NAMED),
        verdict: Verdict::never(FolderMissing, Folder),
        sample: "NO [TRYCREATE] Mailbox doesn't exist: Old",
        advice: "run again: the folder is created then",
        source: "RFC 9051 §7.1",
    },
    Row {
        id: "folder.missing_text",
        seen: Seen::texts(&[
            "doesn't exist",
            "does not exist",
            "no such mailbox",
            "no such folder",
            "unknown mailbox",
            "unknown folder",
            "mailbox not found",
            "folder not found",
        ])
        .at(OPENED),
        verdict: Verdict::never(FolderMissing, Folder),
        sample: "NO Old doesn't exist.",
        advice: "nothing: it went away while the run was at work; the next run lists anew",
        source: "Exchange, Courier, Zimbra",
    },
    Row {
        id: "folder.exists",
        seen: Seen::code("ALREADYEXISTS").at(NAMED),
        verdict: Verdict::never(FolderExists, Folder),
        sample: "NO [ALREADYEXISTS] Mailbox already exists",
        advice: "nothing: it is used as it is",
        source: "RFC 5530 §3",
    },
    Row {
        id: "folder.exists_text",
        seen: Seen::texts(&["already exists", "mailbox exists", "name conflict"]).at(CREATED),
        verdict: Verdict::never(FolderExists, Folder),
        sample: "NO Mailbox already exists",
        advice: "the server ignores upper and lower case and has a folder of this name: decide with --on-clash",
        source: "Exchange, Cyrus, Zimbra",
    },
    Row {
        id: "folder.no_permission",
        seen: Seen::code("NOPERM").at(NAMED),
        verdict: REFUSED,
        sample: "NO [NOPERM] Access denied",
        advice: "have the folder's owner grant the right, or leave it out with --exclude",
        source: "RFC 5530 §3",
    },
    Row {
        id: "folder.no_permission_text",
        seen: Seen::texts(&["permission denied", "access denied", "not permitted", "read-only"]).at(NAMED),
        verdict: REFUSED,
        sample: "NO Permission denied",
        advice: "have the folder's owner grant the right, or leave it out with --exclude",
        source: "Cyrus, Courier, Zimbra",
    },
    Row {
        id: "folder.read_only",
        seen: Seen::code("READ-ONLY").at(&[Doing::Select, Doing::Append, Doing::Store]),
        verdict: REFUSED,
        sample: "NO [READ-ONLY] Mailbox is read-only",
        advice: "have the folder's owner grant the right, or leave it out with --exclude",
        source: "RFC 9051 §7.1",
    },
    Row {
        id: "folder.cannot",
        seen: Seen::code("CANNOT").at(&[Doing::List, Doing::Select, Doing::Fetch, Doing::Store]),
        verdict: REFUSED,
        sample: "NO [CANNOT] Folder cannot be selected",
        advice: FOLDER,
        source: "RFC 5530 §3",
    },
    Row {
        id: "folder.corrupt",
        seen: Seen::code("CORRUPTION").at(&[Doing::Select, Doing::List]),
        verdict: REFUSED,
        sample: "NO [CORRUPTION] Mailbox index is damaged",
        advice: "have the server's administrator mend the folder, then run again",
        source: "RFC 5530 §3",
    },
    Row {
        id: "folder.name_refused",
        seen: Seen::code("CANNOT").at(CREATED),
        verdict: REFUSED,
        sample: "NO [CANNOT] Folder contains excess whitespace (Failure)",
        advice: NAME,
        source: "RFC 5530 §3",
    },
    Row {
        id: "folder.name_refused_text",
        seen: Seen::texts(&[
            "excess whitespace",
            "invalid mailbox name",
            "invalid folder name",
            "invalid name",
            "is reserved",
            "reserved name",
            "reserved folder",
            "not allowed in mailbox names",
            "illegal character",
            "name too long",
            "hierarchy separator",
        ])
        .at(CREATED),
        verdict: REFUSED,
        sample: "NO Folder name is reserved",
        advice: NAME,
        source: "Exchange, Gmail, Zimbra",
    },
    Row {
        id: "folder.no_inferiors",
        seen: Seen::texts(&["inferior", "allow child", "too deep", "too many levels"]).at(CREATED),
        verdict: REFUSED,
        sample: "NO Mailbox doesn't allow inferior mailboxes",
        advice: "the folder above takes none below it: take this one elsewhere with --map",
        source: "Dovecot mbox, Zimbra",
    },
    Row {
        id: "folder.too_many",
        seen: Seen::code("LIMIT").saying(&["mailboxes", "folders"]).at(CREATED),
        verdict: REFUSED,
        sample: "NO [LIMIT] Maximum number of mailboxes reached",
        advice: "the destination takes no more folders: merge some with --map, or have its limit raised",
        source: "RFC 5530 §3",
    },
    Row {
        id: "folder.too_many_text",
        seen: Seen::texts(&[
            "number of mailboxes",
            "number of folders",
            "too many mailboxes",
            "too many folders",
        ])
        .at(CREATED),
        verdict: REFUSED,
        sample: "NO Too many folders",
        advice: "the destination takes no more folders: merge some with --map, or have its limit raised",
        source: "Cyrus, GMX",
    },
    Row {
        id: "folder.special_use",
        seen: Seen::code("USEATTR").at(CREATED),
        verdict: REFUSED,
        sample: "NO [USEATTR] \\Sent is already assigned",
        advice: "nothing: it is created without the special use",
        source: "RFC 6154 §3",
    },
];
