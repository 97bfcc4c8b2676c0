//! What a server says, as typed values.
//! Never fatal: an answer that cannot be read is `Answer::Unknown`.

use malote_plan::message::{ModSeq, Uid, UidValidity};
use malote_plan::uid_set::UidSet;

use super::fetch_data::{FetchData, fetch_data};
use super::limits::SERVER_TEXT_CHARS_MAX;
use super::list_data::{Listed, NamespaceEntry, Namespaces, StatusItems, listed, namespaces, status_items};
use super::split::Response;
use super::token::{Tokens, Value, number};

/// How a command or greeting was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `OK`
    Ok,
    /// `NO`
    No,
    /// `BAD`
    Bad,
    /// `BYE`
    Bye,
    /// `PREAUTH`
    PreAuth,
}

/// A response code (RFC 9051 §7.1, RFC 5530 and others).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the code of its name")]
pub enum Code {
    Alert,
    AlreadyExists,
    AppendUid(UidValidity, UidSet),
    AuthenticationFailed,
    AuthorizationFailed,
    BadCharset,
    Cannot,
    Capability(Vec<String>),
    ClientBug,
    Closed,
    ContactAdmin,
    /// Messages and their copies, in one order.
    CopyUid(UidValidity, Vec<Uid>, Vec<Uid>),
    Corruption,
    Expired,
    ExpungeIssued,
    HasChildren,
    HighestModSeq(Option<ModSeq>),
    InUse,
    Limit,
    MessageLimit(Option<u64>),
    NoModSeq,
    NonExistent,
    NoPerm,
    OverQuota,
    PermanentFlags(Vec<String>),
    PrivacyRequired,
    ReadOnly,
    ReadWrite,
    ServerBug,
    Throttled,
    TooBig,
    TryCreate,
    UidNext(u32),
    UidNotSticky,
    UidValidity(UidValidity),
    Unavailable,
    UnknownCte,
    /// A code that nothing here makes use of: its name in capitals.
    Other(String),
}

/// `OK`, `NO` and their like, tagged or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Which.
    pub kind: Kind,
    /// The code in square brackets.
    pub code: Option<Code>,
    /// The words for people, made harmless and short.
    pub text: String,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The end of the command with this tag.
    Tagged(String, Reply),
    /// `+`: the server waits for more, with what follows.
    Continue(Vec<u8>),
    /// An untagged `OK`, `NO`, `BAD`, `BYE` or `PREAUTH`.
    Untagged(Reply),
    /// CAPABILITY.
    Capability(Vec<String>),
    /// ENABLED.
    Enabled(Vec<String>),
    /// LIST or XLIST.
    List(Listed),
    /// LSUB.
    Lsub(Listed),
    /// STATUS of the folder of this wire name.
    Status(Vec<u8>, StatusItems),
    /// NAMESPACE.
    Namespace(Namespaces),
    /// SEARCH.
    Search(UidSet),
    /// ESEARCH; `None` where nothing matched.
    Esearch {
        /// ALL.
        all: Option<UidSet>,
        /// COUNT.
        count: Option<u64>,
    },
    /// FETCH.
    Fetch(FetchData),
    /// EXISTS.
    Exists(u32),
    /// EXPUNGE of one sequence number.
    Expunge(u32),
    /// VANISHED; `EARLIER` ones were gone before.
    Vanished {
        /// True with EARLIER.
        is_earlier: bool,
        /// Which.
        uids: UidSet,
    },
    /// FLAGS.
    Flags(Vec<String>),
    /// ID: keys and values.
    Id(Vec<(String, String)>),
    /// QUOTA: root and triples of resource, usage and limit.
    Quota(String, Vec<(String, u64, u64)>),
    /// Anything else.
    Unknown,
}

/// Reads a response.
#[must_use]
pub fn answer(response: &Response) -> Answer {
    let mut tokens = Tokens::new(response);
    let first = tokens.word();
    if let Some(rest) = first.strip_prefix(b"+") {
        tokens.skip_blanks();
        return Answer::Continue([rest, tokens.rest()].concat());
    }
    if first == b"*" {
        return untagged(&mut tokens);
    }
    let tag = String::from_utf8_lossy(first).into_owned();
    let word = tokens.word();
    if let Some(kind) = kind(word) {
        return Answer::Tagged(tag, reply(kind, &mut tokens));
    }
    glued(word, &mut tokens).map_or(Answer::Unknown, |reply| Answer::Tagged(tag, reply))
}

/// `BADRequest is throttled. …`: Exchange forgets the blank at times, and the command would never end.
fn glued(word: &[u8], tokens: &mut Tokens<'_>) -> Option<Reply> {
    let is_sentence = |rest: &&[u8]| matches!(rest, [b'A'..=b'Z', b'a'..=b'z', ..]);
    let rest = word.strip_prefix(b"BAD").filter(is_sentence)?;
    Some(Reply { kind: Kind::Bad, code: None, text: harmless(&[rest, tokens.rest()].concat()) })
}

fn untagged(tokens: &mut Tokens<'_>) -> Answer {
    let word = tokens.word();
    if let Some(kind) = kind(word) {
        return Answer::Untagged(reply(kind, tokens));
    }
    if let Some(number) = number(word) {
        return numbered(u32::try_from(number).unwrap_or(u32::MAX), tokens);
    }
    match word.to_ascii_uppercase().as_slice() {
        b"CAPABILITY" => Answer::Capability(words(tokens)),
        b"ENABLED" => Answer::Enabled(words(tokens)),
        b"LIST" | b"XLIST" => listed(tokens).map_or(Answer::Unknown, Answer::List),
        b"LSUB" => listed(tokens).map_or(Answer::Unknown, Answer::Lsub),
        b"STATUS" => status(tokens).unwrap_or(Answer::Unknown),
        b"NAMESPACE" => Answer::Namespace(namespaces(tokens)),
        b"SEARCH" => Answer::Search(search(tokens)),
        b"ESEARCH" => esearch(tokens),
        b"VANISHED" => vanished(tokens),
        b"FLAGS" => Answer::Flags(tokens.value().map(texts).unwrap_or_default()),
        b"ID" => Answer::Id(pairs(tokens)),
        b"QUOTA" => quota(tokens).unwrap_or(Answer::Unknown),
        _ => Answer::Unknown,
    }
}

fn numbered(number: u32, tokens: &mut Tokens<'_>) -> Answer {
    match tokens.word().to_ascii_uppercase().as_slice() {
        b"EXISTS" => Answer::Exists(number),
        b"EXPUNGE" => Answer::Expunge(number),
        b"FETCH" => Answer::Fetch(fetch_data(number, tokens)),
        _ => Answer::Unknown,
    }
}

fn kind(word: &[u8]) -> Option<Kind> {
    Some(match word.to_ascii_uppercase().as_slice() {
        b"OK" => Kind::Ok,
        b"NO" => Kind::No,
        b"BAD" => Kind::Bad,
        b"BYE" => Kind::Bye,
        b"PREAUTH" => Kind::PreAuth,
        _ => return None,
    })
}

fn reply(kind: Kind, tokens: &mut Tokens<'_>) -> Reply {
    tokens.skip_blanks();
    let rest = tokens.rest();
    let bracket = rest.strip_prefix(b"[").and_then(|inner| {
        let close = closing_bracket(inner)?;
        Some((&inner[..close], &inner[close + 1..]))
    });
    let (code, text) = bracket.map_or((None, rest), |(inner, text)| (Some(code(inner)), text));
    Reply { kind, code, text: harmless(text) }
}

/// The `]` that ends a code: a flag inside PERMANENTFLAGS' list may hold one too.
fn closing_bracket(inner: &[u8]) -> Option<usize> {
    let mut depth = 0_i64;
    let outside = inner.iter().position(|byte| {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        *byte == b']' && depth <= 0
    });
    outside.or_else(|| memchr::memchr(b']', inner))
}

fn code(inner: &[u8]) -> Code {
    let response = Response { pieces: vec![super::split::Piece::Text(bytes::Bytes::copy_from_slice(inner))] };
    let mut tokens = Tokens::new(&response);
    let name = String::from_utf8_lossy(tokens.word()).to_ascii_uppercase();
    simple_code(&name).or_else(|| code_with_argument(&name, &mut tokens)).unwrap_or(Code::Other(name))
}

fn simple_code(name: &str) -> Option<Code> {
    Some(match name {
        "ALERT" => Code::Alert,
        "ALREADYEXISTS" => Code::AlreadyExists,
        "AUTHENTICATIONFAILED" => Code::AuthenticationFailed,
        "AUTHORIZATIONFAILED" => Code::AuthorizationFailed,
        "BADCHARSET" => Code::BadCharset,
        "CANNOT" => Code::Cannot,
        "CLIENTBUG" => Code::ClientBug,
        "CLOSED" => Code::Closed,
        "CONTACTADMIN" => Code::ContactAdmin,
        "CORRUPTION" => Code::Corruption,
        "EXPIRED" => Code::Expired,
        "EXPUNGEISSUED" => Code::ExpungeIssued,
        "HASCHILDREN" => Code::HasChildren,
        "INUSE" => Code::InUse,
        "LIMIT" => Code::Limit,
        "NOMODSEQ" => Code::NoModSeq,
        "NONEXISTENT" => Code::NonExistent,
        "NOPERM" => Code::NoPerm,
        "OVERQUOTA" => Code::OverQuota,
        "PRIVACYREQUIRED" => Code::PrivacyRequired,
        "READ-ONLY" => Code::ReadOnly,
        "READ-WRITE" => Code::ReadWrite,
        "SERVERBUG" => Code::ServerBug,
        "THROTTLED" => Code::Throttled,
        "TOOBIG" => Code::TooBig,
        "TRYCREATE" => Code::TryCreate,
        "UIDNOTSTICKY" => Code::UidNotSticky,
        "UNAVAILABLE" => Code::Unavailable,
        "UNKNOWN-CTE" => Code::UnknownCte,
        _ => return None,
    })
}

fn code_with_argument(name: &str, tokens: &mut Tokens<'_>) -> Option<Code> {
    Some(match name {
        "APPENDUID" => {
            let uid_validity = UidValidity::new(small(tokens)?)?;
            let uids = std::str::from_utf8(tokens.word()).ok()?;
            // Only ascending UIDs can be told apart message by message.
            is_ascending(uids).then_some(Code::AppendUid(uid_validity, UidSet::parse(uids)?))?
        }
        "CAPABILITY" => Code::Capability(words(tokens)),
        "COPYUID" => super::copy::copy_uid(small(tokens)?, tokens.word(), tokens.word())?,
        "HIGHESTMODSEQ" => Code::HighestModSeq(ModSeq::new(number(tokens.word())?)),
        "MESSAGELIMIT" => Code::MessageLimit(number(tokens.word())),
        "PERMANENTFLAGS" => Code::PermanentFlags(tokens.value().map(texts).unwrap_or_default()),
        "UIDNEXT" => Code::UidNext(small(tokens)?),
        "UIDVALIDITY" => Code::UidValidity(UidValidity::new(small(tokens)?)?),
        _ => return None,
    })
}

fn is_ascending(uids: &str) -> bool {
    let bounds = uids.split([',', ':']).map(|bound| bound.parse::<u32>().ok());
    bounds.clone().all(|bound| bound.is_some()) && bounds.is_sorted_by(|low, high| low <= high)
}

fn small(tokens: &mut Tokens<'_>) -> Option<u32> {
    u32::try_from(number(tokens.word())?).ok()
}

fn words(tokens: &mut Tokens<'_>) -> Vec<String> {
    let mut words = Vec::new();
    while let Some(value) = tokens.value() {
        words.extend(value.text());
    }
    words
}

fn texts(list: Value<'_>) -> Vec<String> {
    list.into_list().iter().filter_map(Value::text).collect()
}

fn status(tokens: &mut Tokens<'_>) -> Option<Answer> {
    let name = tokens.value()?.octets()?.to_vec();
    Some(Answer::Status(name, status_items(tokens.value()?)))
}

fn search(tokens: &mut Tokens<'_>) -> UidSet {
    let mut uids = Vec::new();
    loop {
        let word = tokens.word();
        if word.is_empty() {
            break;
        }
        uids.extend(number(word).and_then(|uid| u32::try_from(uid).ok()).and_then(Uid::new));
    }
    uids.into_iter().collect()
}

/// Only with `UID` in it: without, the numbers are of the order in the folder (RFC 4731 §3.1), which nobody asks for.
fn esearch(tokens: &mut Tokens<'_>) -> Answer {
    let (mut all, mut count, mut is_of_uids) = (None, None, false);
    while let Some(value) = tokens.value() {
        let Some(name) = value.octets().map(<[u8]>::to_ascii_uppercase) else { continue };
        match name.as_slice() {
            b"ALL" => {
                let set = tokens.value();
                all = set.and_then(|set| UidSet::parse(&set.text()?));
            }
            b"COUNT" => count = tokens.value().and_then(|count| count.number()),
            b"MIN" | b"MAX" | b"MODSEQ" => drop(tokens.value()),
            b"UID" => is_of_uids = true,
            _ => {}
        }
    }
    if is_of_uids { Answer::Esearch { all, count } } else { Answer::Unknown }
}

fn vanished(tokens: &mut Tokens<'_>) -> Answer {
    let is_earlier = tokens.peek() == Some(b'(');
    if is_earlier {
        tokens.value();
    }
    let uids = std::str::from_utf8(tokens.word()).ok().and_then(UidSet::parse);
    uids.map_or(Answer::Unknown, |uids| Answer::Vanished { is_earlier, uids })
}

fn pairs(tokens: &mut Tokens<'_>) -> Vec<(String, String)> {
    let values = tokens.value().map(Value::into_list).unwrap_or_default();
    let pair = |pair: &[Value<'_>]| Some((pair.first()?.text()?, pair.get(1)?.text()?));
    values.chunks(2).filter_map(pair).map(|(key, value)| (key, harmless(value.as_bytes()))).collect()
}

fn quota(tokens: &mut Tokens<'_>) -> Option<Answer> {
    let root = tokens.value()?.text()?;
    let values = tokens.value()?.into_list();
    let triple = |of: &[Value<'_>]| Some((of.first()?.text()?, of.get(1)?.number()?, of.get(2)?.number()?));
    Some(Answer::Quota(harmless(root.as_bytes()), values.chunks(3).filter_map(triple).collect()))
}

/// Text of a server for people: control characters become blanks, the length is bounded.
#[must_use]
pub fn harmless(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(4 * SERVER_TEXT_CHARS_MAX)]);
    let is_hidden = |c: char| {
        c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    let shown = text.trim().chars().take(SERVER_TEXT_CHARS_MAX);
    shown.map(|c| if is_hidden(c) { ' ' } else { c }).collect()
}

impl Namespaces {
    /// Every namespace with its kind.
    pub fn all(&self) -> impl Iterator<Item = (malote_plan::folder::NamespaceKind, &NamespaceEntry)> {
        use malote_plan::folder::NamespaceKind::{Other, Personal, Shared};
        let kinds = [(Personal, &self.personal), (Other, &self.other), (Shared, &self.shared)];
        kinds.into_iter().flat_map(|(kind, entries)| entries.iter().map(move |entry| (kind, entry)))
    }
}
