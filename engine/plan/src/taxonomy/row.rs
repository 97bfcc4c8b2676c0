//! One row of the table, and when it fits.
//! Never holds a rule of its own: the rows stand in the files of their subjects.

use alloc::string::String;

use super::Said;
use crate::failure::{Class, Reach, Retry, Side};

/// What was being done when the server refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doing {
    /// Connecting, greeting and logging in.
    Login,
    /// Listing folders.
    List,
    /// Opening a folder.
    Select,
    /// Creating a folder or subscribing to it.
    Create,
    /// Asking for metadata or messages.
    Fetch,
    /// Appending messages.
    Append,
    /// Setting flags.
    Store,
    /// Anything else.
    Other,
}

impl Doing {
    /// The word for it in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::List => "list",
            Self::Select => "select",
            Self::Create => "create",
            Self::Fetch => "fetch",
            Self::Append => "append",
            Self::Store => "store",
            Self::Other => "other",
        }
    }
}

/// How the server answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answered {
    /// `OK`, with a code that asks for something.
    Ok,
    /// `NO`
    No,
    /// `BAD`
    Bad,
    /// `BYE`
    Bye,
}

impl Answered {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::No => "NO",
            Self::Bad => "BAD",
            Self::Bye => "BYE",
        }
    }
}

/// Where and how an answer has to be seen for a row to fit it.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// The server family that is known for it; `any` for what standards define.
    pub family: &'static str,
    /// On which side; both where absent.
    pub side: Option<Side>,
    /// What was being done; anything where empty.
    pub doing: &'static [Doing],
    /// How it was answered; `NO`, `BAD` or `BYE` where absent.
    pub answered: Option<Answered>,
    /// The response code; empty where none is asked for.
    pub code: &'static str,
    /// Words in small letters, any one of which has to stand in the text; `*` stands for anything between.
    pub texts: &'static [&'static str],
}

impl Seen {
    /// Answers with this code.
    pub(super) const fn code(code: &'static str) -> Self {
        Self { family: "any", side: None, doing: &[], answered: None, code, texts: &[] }
    }

    /// Answers with any of these words.
    pub(super) const fn texts(texts: &'static [&'static str]) -> Self {
        Self { family: "any", side: None, doing: &[], answered: None, code: "", texts }
    }

    /// Any answer.
    pub(super) const fn nothing() -> Self {
        Self::texts(&[])
    }

    /// The same, with any of these words beside the code.
    pub(super) const fn saying(self, texts: &'static [&'static str]) -> Self {
        Self { texts, ..self }
    }

    /// The same, as this family of servers says it.
    pub(super) const fn by(self, family: &'static str) -> Self {
        Self { family, ..self }
    }

    /// The same, only while one of these is done.
    pub(super) const fn at(self, doing: &'static [Doing]) -> Self {
        Self { doing, ..self }
    }

    /// The same, only on this side.
    pub(super) const fn on(self, side: Side) -> Self {
        Self { side: Some(side), ..self }
    }

    /// The same, only when answered so.
    pub(super) const fn answered(self, answered: Answered) -> Self {
        Self { answered: Some(answered), ..self }
    }

    /// True for a row that knows neither a code nor words.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.code.is_empty() && self.texts.is_empty()
    }

    /// True where this answer, whose words `text` holds in small letters, is one of the row's.
    pub(super) fn fits(&self, said: &Said<'_>, text: &str) -> bool {
        let is_answered =
            self.answered.map_or(said.answered != Answered::Ok, |answered| answered == said.answered);
        is_answered
            && self.side.is_none_or(|side| side == said.side)
            && (self.doing.is_empty() || self.doing.contains(&said.doing))
            && (self.code.is_empty() || said.code == Some(self.code))
            && (self.texts.is_empty() || self.texts.iter().any(|words| holds(text, words)))
    }

    /// Lower for what says more: a code with words, a code, words, nothing; then what names a place.
    pub(super) const fn rank(&self) -> (u8, bool, bool) {
        let told = match (self.code.is_empty(), self.texts.is_empty()) {
            (false, false) => 0,
            (false, true) => 1,
            (true, false) => 2,
            (true, true) => 3,
        };
        (told, self.doing.is_empty() && self.answered.is_none(), self.side.is_none())
    }
}

/// True where the parts of `words` that `*` separates stand in `text` in their order.
fn holds(text: &str, words: &str) -> bool {
    let mut rest = text;
    words.split('*').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// What follows from an answer.
#[derive(Debug, Clone, Copy)]
pub struct Verdict {
    /// What kind of failure it is.
    pub class: Class,
    /// What must stop because of it.
    pub reach: Reach,
    /// Whether and when the same may be tried again; the first wait where it grows.
    pub retry: Retry,
    /// The longest wait, in seconds, that doubling the first one leads to; 0 where there is no wait.
    pub wait_seconds_max: u32,
}

impl Verdict {
    /// Not again without a change by somebody.
    pub(super) const fn never(class: Class, reach: Reach) -> Self {
        Self { class, reach, retry: Retry::Never, wait_seconds_max: 0 }
    }

    /// Again at once, on another connection.
    pub(super) const fn again(class: Class, reach: Reach) -> Self {
        Self { class, reach, retry: Retry::Again, wait_seconds_max: 0 }
    }

    /// Again after so many milliseconds, which double up to so many seconds.
    pub(super) const fn after(class: Class, reach: Reach, wait_ms: u64, wait_seconds_max: u32) -> Self {
        Self { class, reach, retry: Retry::After(wait_ms), wait_seconds_max }
    }

    /// The wait before the attempt of this number, in milliseconds; the first attempt after a refusal is 1.
    #[must_use]
    pub fn wait_ms(&self, attempt: u32) -> Option<u64> {
        let longest = u64::from(self.wait_seconds_max) * 1_000;
        match self.retry {
            Retry::Never => None,
            Retry::Again => Some(0),
            Retry::After(first) => {
                let doubled = first.saturating_mul(1 << attempt.saturating_sub(1).min(30));
                Some(doubled.min(longest.max(first)))
            }
        }
    }
}

/// One kind of refusal.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its name, which no other row has.
    pub id: &'static str,
    /// When it fits.
    pub seen: Seen,
    /// What follows.
    pub verdict: Verdict,
    /// An answer as a server sends it, without its tag.
    pub sample: &'static str,
    /// What the operator is told, with the next step; empty where Malote sees to it alone.
    pub advice: &'static str,
    /// Where it is laid down or was seen.
    pub source: &'static str,
}

impl Row {
    /// What the answer looks like, for reading: `NO [LIMIT] … "rate limit hit"`.
    #[must_use]
    pub fn pattern(&self) -> String {
        let mut pattern = String::new();
        let mut part = |text: &str| {
            if !pattern.is_empty() {
                pattern.push(' ');
            }
            pattern.push_str(text);
        };
        if let Some(answered) = self.seen.answered {
            part(answered.as_str());
        }
        if !self.seen.code.is_empty() {
            part(&["[", self.seen.code, "]"].concat());
        }
        for (index, words) in self.seen.texts.iter().enumerate() {
            if index > 0 {
                part("or");
            }
            part(&["\"", &words.replace('*', "…"), "\""].concat());
        }
        if self.seen.is_silent() {
            part("anything else");
        }
        pattern
    }
}
