//! What follows when neither code nor words are known: what was being done decides.
//! Never a guess at a cause: the answer is told as it came, and counted as unknown.

use super::advice::{CREDENTIALS, FOLDER, MENDING, REPORT, WAITED_OUT};
use super::row::{Answered, Doing, Row, Seen, Verdict};
use crate::failure::Class::{
    AuthBadCredentials, FolderRefused, ItemRefused, Net, ServerProtocol, ServerTemporary,
};
use crate::failure::Reach::{Account, Connection, Folder, Message};

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "unknown.bye",
        seen: Seen::nothing().answered(Answered::Bye),
        verdict: Verdict::again(Net, Connection),
        sample: "BYE See you",
        advice: "",
        source: "RFC 9051 §7.1.5",
    },
    Row {
        id: "unknown.login",
        seen: Seen::nothing().at(&[Doing::Login]).answered(Answered::No),
        verdict: Verdict::never(AuthBadCredentials, Account),
        sample: "NO Sorry",
        advice: CREDENTIALS,
        source: "RFC 9051 §6.2.3",
    },
    Row {
        id: "unknown.login_bad",
        seen: Seen::nothing().at(&[Doing::Login]).answered(Answered::Bad),
        verdict: Verdict::never(ServerProtocol, Account),
        sample: "BAD Not understood",
        advice: "name another way to log in with ?auth=",
        source: "RFC 9051 §7.1.3",
    },
    Row {
        id: "unknown.folder",
        seen: Seen::nothing().at(&[Doing::Select, Doing::Create]),
        verdict: Verdict::never(FolderRefused, Folder),
        sample: "NO Not this one",
        advice: FOLDER,
        source: "RFC 9051 §6.3",
    },
    Row {
        id: "unknown.message",
        seen: Seen::nothing().at(&[Doing::Append, Doing::Store]),
        verdict: Verdict::never(ItemRefused, Message),
        sample: "NO Not this one",
        advice: MENDING,
        source: "RFC 9051 §6.3.12",
    },
    Row {
        id: "unknown.bad",
        seen: Seen::nothing().answered(Answered::Bad),
        verdict: Verdict::never(ServerProtocol, Folder),
        sample: "BAD Not understood",
        advice: REPORT,
        source: "RFC 9051 §7.1.3",
    },
    ANYTHING,
];

/// What follows where nothing else fits.
pub(super) const ANYTHING: Row = Row {
    id: "unknown.no",
    seen: Seen::nothing(),
    verdict: Verdict::after(ServerTemporary, Account, 5_000, 600),
    sample: "NO Not at this moment",
    advice: WAITED_OUT,
    source: "RFC 9051 §7.1.2",
};
