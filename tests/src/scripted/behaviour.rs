//! How a scripted server behaves: its manners throughout, and rules for single moments. Plain data.
//! Never acts: the session asks which rules apply and does what they say.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::store::{Letter, World};
use super::strict::Strictness;
use crate::tls::Identity;

/// What a server with nothing to hide announces; `AUTH=` words and STARTTLS are added to it.
pub const CAPABILITIES: &str = "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE NAMESPACE UIDPLUS MULTIAPPEND CONDSTORE \
    ESEARCH LIST-EXTENDED LIST-STATUS SPECIAL-USE CHILDREN UNSELECT MOVE STATUS=SIZE";

/// What happens to STARTTLS.
#[derive(Clone, Debug, Default)]
pub enum StartTls {
    /// Not announced, and unknown when tried.
    #[default]
    Absent,
    /// Announced, and carried out with this certificate.
    Works(Identity),
    /// Announced, then `NO`.
    Refused,
    /// Announced, then the connection is reset.
    Reset,
}

/// What the answer to APPEND says about the new UID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AppendUid {
    /// The truth.
    #[default]
    Right,
    /// Nothing, although UIDPLUS is announced.
    Missing,
    /// A UID that no message has.
    Wrong,
}

type Judge = Arc<dyn Fn(&[u8]) -> Option<String> + Send + Sync>;

type Rewrite = Arc<dyn Fn(Letter) -> Letter + Send + Sync>;

/// How a server is, at every moment.
#[derive(Clone)]
pub struct Manners {
    /// The line after `* ` at connection; with `PREAUTH` the first account is logged in by it.
    pub greeting: String,
    /// What ID says: keys and values.
    pub id: Vec<(String, String)>,
    /// Words of CAPABILITY, without `AUTH=` words; what is not announced is not done either.
    pub capabilities: String,
    /// SASL mechanisms announced and done.
    pub mechanisms: Vec<String>,
    /// STARTTLS.
    pub starttls: StartTls,
    /// Whether logins without TLS are refused, and LOGINDISABLED is announced.
    pub is_clear_login_refused: bool,
    /// TLS from the first octet with this certificate.
    pub tls: Option<Identity>,
    /// Hierarchy separator; NIL when absent.
    pub delimiter: Option<char>,
    /// The answer to NAMESPACE after `* NAMESPACE `; made from the delimiter when absent.
    pub namespace: Option<String>,
    /// Whether `sent` and `Sent` are one folder.
    pub is_case_insensitive: bool,
    /// Characters that make CREATE fail with `NO [CANNOT]`.
    pub refused_name_characters: String,
    /// PERMANENTFLAGS, given in one line; flags outside it are forgotten.
    pub permanent_flags: String,
    /// Distinct keywords a folder takes before `NO [LIMIT]`.
    pub keywords_max: Option<usize>,
    /// Largest message taken; announced as APPENDLIMIT.
    pub append_limit: Option<u64>,
    /// Connections held at once; one more is told `NO [UNAVAILABLE]` at login and closed.
    pub connections_max: Option<usize>,
    /// APPENDUID in the answer to APPEND.
    pub append_uid: AppendUid,
    /// COPYUID in the answer to COPY.
    pub copy_uid: AppendUid,
    /// Whether a message that a folder has already is taken and not kept a second time.
    pub merges_duplicates: bool,
    /// Looks at each appended message and may refuse it, with this answer.
    pub judge: Option<Judge>,
    /// What becomes of an appended message.
    pub rewrite: Option<Rewrite>,
    /// UIDs that SEARCH lists and no folder holds.
    pub ghosts: Vec<u32>,
    /// Whether every SELECT sees another UIDVALIDITY.
    pub is_uidvalidity_volatile: bool,
    /// What it does not bear.
    pub strict: Strictness,
    /// Wait before every answer.
    pub delay: Duration,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            greeting: "OK scripted server ready".to_owned(),
            id: vec![("name".to_owned(), "scripted".to_owned())],
            capabilities: CAPABILITIES.to_owned(),
            mechanisms: ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER"]
                .map(String::from)
                .to_vec(),
            starttls: StartTls::default(),
            is_clear_login_refused: false,
            tls: None,
            delimiter: Some('/'),
            namespace: None,
            is_case_insensitive: false,
            refused_name_characters: String::new(),
            permanent_flags: r"\Answered \Flagged \Deleted \Seen \Draft \*".to_owned(),
            keywords_max: None,
            append_limit: None,
            connections_max: None,
            append_uid: AppendUid::default(),
            copy_uid: AppendUid::default(),
            merges_duplicates: false,
            judge: None,
            rewrite: None,
            ghosts: Vec::new(),
            is_uidvalidity_volatile: false,
            strict: Strictness::default(),
            delay: Duration::ZERO,
        }
    }
}

impl fmt::Debug for Manners {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Manners").field("capabilities", &self.capabilities).finish_non_exhaustive()
    }
}

/// How a connection ends early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// In order, as far as TCP can tell.
    #[default]
    Close,
    /// With RST.
    Reset,
    /// Never: it stays open and silent.
    Stall,
}

/// Which way octets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client.
    In,
    /// To the client.
    Out,
}

/// Ends a connection at an octet of its stream, counted before TLS.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Which connection, from 1; every one when absent.
    pub connection: Option<usize>,
    /// Which direction is counted.
    pub way: Way,
    /// Octets that still pass.
    pub after_octets: u64,
    /// How it ends.
    pub end: End,
}

/// Something other than the normal answer to a command.
#[derive(Clone)]
pub enum Act {
    /// Answers this after the tag, e.g. `NO [OVERQUOTA] full`, and does nothing.
    Answer(String),
    /// Answers this after the tag, does nothing, and closes.
    AnswerAndClose(String),
    /// Sends these octets and does nothing; `{tag}` stands for the command's tag.
    Raw(Vec<u8>),
    /// Sends these octets, then obeys as usual.
    Prelude(Vec<u8>),
    /// Repeats these octets until the client gives up.
    Endless(Vec<u8>),
    /// Ends the connection before obeying.
    EndBefore(End),
    /// Obeys, then ends the connection without a word.
    EndUnanswered(End),
    /// Obeys, answers, then ends the connection.
    EndAfter(End),
    /// Waits, then obeys.
    Delay(Duration),
    /// Changes the mail first: the user at work meanwhile.
    Meanwhile(Arc<dyn Fn(&World) + Send + Sync>),
}

impl fmt::Debug for Act {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Answer(_) => "Answer",
            Self::AnswerAndClose(_) => "AnswerAndClose",
            Self::Raw(_) => "Raw",
            Self::Prelude(_) => "Prelude",
            Self::Endless(_) => "Endless",
            Self::EndBefore(_) => "EndBefore",
            Self::EndUnanswered(_) => "EndUnanswered",
            Self::EndAfter(_) => "EndAfter",
            Self::Delay(_) => "Delay",
            Self::Meanwhile(_) => "Meanwhile",
        })
    }
}

/// Which commands a rule is about. Matching commands are counted over all connections.
#[derive(Clone, Debug)]
pub struct When {
    verb: Option<String>,
    containing: Option<Vec<u8>>,
    connection: Option<usize>,
    first: usize,
    last: usize,
}

impl When {
    /// Every command.
    #[must_use]
    pub fn any() -> Self {
        Self { verb: None, containing: None, connection: None, first: 1, last: usize::MAX }
    }

    /// Commands with this verb, e.g. `APPEND` or `UID FETCH`.
    #[must_use]
    pub fn verb(verb: &str) -> Self {
        Self { verb: Some(verb.to_owned()), ..Self::any() }
    }

    /// Only those that hold these octets, literals included.
    #[must_use]
    pub fn containing(self, octets: impl AsRef<[u8]>) -> Self {
        Self { containing: Some(octets.as_ref().to_vec()), ..self }
    }

    /// Only those of one connection, numbered from 1.
    #[must_use]
    pub fn on_connection(self, connection: usize) -> Self {
        Self { connection: Some(connection), ..self }
    }

    /// Only the one with this number among those that match, from 1.
    #[must_use]
    pub fn nth(self, number: usize) -> Self {
        Self { first: number, last: number, ..self }
    }

    /// All from this number on.
    #[must_use]
    pub fn from(self, number: usize) -> Self {
        Self { first: number, last: usize::MAX, ..self }
    }

    /// The first so many.
    #[must_use]
    pub fn first(self, count: usize) -> Self {
        Self { first: 1, last: count, ..self }
    }
}

/// A moment and what happens then.
#[derive(Debug)]
pub(super) struct Rule {
    when: When,
    pub(super) act: Act,
    matched: AtomicUsize,
}

impl Rule {
    pub(super) fn new(when: When, act: Act) -> Self {
        Self { when, act, matched: AtomicUsize::new(0) }
    }

    /// Whether this command is the moment; counts it when it is of the right kind.
    pub(super) fn applies(&self, verb: &str, whole: &[u8], connection: usize) -> bool {
        let when = &self.when;
        let is_of_kind = when.verb.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(verb))
            && when.connection.is_none_or(|wanted| wanted == connection)
            && when.containing.as_ref().is_none_or(|wanted| holds(whole, wanted));
        is_of_kind && {
            let number = self.matched.fetch_add(1, Ordering::SeqCst) + 1;
            (when.first..=when.last).contains(&number)
        }
    }
}

/// Whether `part` lies somewhere in `whole`.
pub(super) fn holds(whole: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && whole.windows(part.len()).any(|window| window == part)
}
