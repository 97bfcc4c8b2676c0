//! What servers of certain kinds do not bear: long commands, many UIDs, many errors, CREATEs in a row, odd names.
//! Never refuses anything where a test set no limit.

use super::behaviour::End;
use super::grammar::Command;
use super::session::Session;

/// Commands that carry literals of any length, or credentials: their length says nothing.
const LONG_BY_NATURE: [&str; 3] = ["APPEND", "LOGIN", "AUTHENTICATE"];

/// Limits, each with the text by which it is told.
#[derive(Clone, Debug, Default)]
pub struct Strictness {
    /// Refusals on one connection, the last of which ends it with a goodbye.
    pub refusals_max: Option<usize>,
    /// Octets of a command, and the refusal of a longer one.
    pub command_octets: Option<(usize, String)>,
    /// Messages that one UID command may name, and the refusal of one that names more.
    pub uids: Option<(u64, String)>,
    /// CREATEs in a row, the next of which ends the connection without a word.
    pub creates_in_row_max: Option<usize>,
    /// UIDs whose bodies cannot be given, and the refusal of a FETCH that asks for any of them.
    pub unreadable: Option<(Vec<u32>, String)>,
    /// Whether LIST with RETURN options is refused, whatever is announced.
    pub refuses_list_return: bool,
    /// Whether EXAMINE shows another UIDVALIDITY each time, and SELECT a lasting one.
    pub forgets_uidvalidity_on_examine: bool,
    /// Whether SELECT tells HIGHESTMODSEQ where CONDSTORE is not announced, and STATUS is refused for asking it.
    pub tells_modseq_without_condstore: bool,
    /// Whether a message without a line end at its end is refused, and how.
    pub final_line_end: Option<String>,
    /// Whether names with blanks at their ends, or several together, are refused, and how.
    pub spare_blanks: Option<String>,
    /// Names, and what lies below them, that are refused with this text.
    pub reserved: Option<(Vec<String>, String)>,
    /// How a connection too many is refused at login; without a word at connecting where empty.
    pub connections_refusal: Option<String>,
}

/// What becomes of a command that a limit forbids.
pub(super) enum Verdict {
    /// It is answered so.
    Refused(String),
    /// The connection ends without a word.
    Dropped,
}

impl Session {
    /// What the limits make of a command; nothing where it is obeyed.
    pub(super) fn judged(&mut self, command: &Command, whole: &[u8]) -> Option<Verdict> {
        let shared = std::sync::Arc::clone(&self.shared);
        let strict = &shared.manners.strict;
        self.creates_in_row = if command.verb == "CREATE" { self.creates_in_row + 1 } else { 0 };
        if strict.creates_in_row_max.is_some_and(|most| self.creates_in_row > most) {
            shared.transcript.hung_up();
            return Some(Verdict::Dropped);
        }
        let refused = |text: &String| Some(Verdict::Refused(text.clone()));
        if let Some((most, text)) = &strict.command_octets
            && whole.len() > *most
            && !LONG_BY_NATURE.contains(&command.verb.as_str())
        {
            return refused(text);
        }
        if let Some((most, text)) = &strict.uids
            && command.verb.starts_with("UID ")
            && named(&command.arguments.first().map(super::grammar::Token::text).unwrap_or_default()) > *most
        {
            return refused(text);
        }
        if let Some((uids, text)) = &strict.unreadable
            && command.verb == "UID FETCH"
            && super::behaviour::holds(whole, b"BODY.PEEK[]")
        {
            let set = command.arguments.first().map(super::grammar::Token::text).unwrap_or_default();
            if uids.iter().any(|uid| super::grammar::in_set(&set, *uid, u32::MAX)) {
                return refused(text);
            }
        }
        if strict.refuses_list_return
            && command.verb == "LIST"
            && command.arguments.iter().any(|token| token.upper() == "RETURN")
        {
            return refused(&"BAD Parse Error (Extra arguments)".to_owned());
        }
        let asks_modseq = || {
            let items = command.arguments.iter().flat_map(super::grammar::Token::members);
            items.map(super::grammar::Token::upper).any(|item| item == "HIGHESTMODSEQ")
        };
        if strict.tells_modseq_without_condstore && command.verb == "STATUS" && asks_modseq() {
            return refused(&"BAD [CLIENTBUG] STATUS Command arguments invalid".to_owned());
        }
        let is_unended = || !command.arguments.last().is_some_and(|body| body.octets().ends_with(b"\r\n"));
        match &strict.final_line_end {
            Some(text) if command.verb == "APPEND" && is_unended() => refused(text),
            _ => None,
        }
    }

    /// Why a folder's name is not taken.
    pub(super) fn name_refusal(&self, name: &str) -> Option<String> {
        let strict = &self.shared.manners.strict;
        let delimiter = self.shared.manners.delimiter;
        let levels: Vec<&str> =
            delimiter.map_or_else(|| vec![name], |delimiter| name.split(delimiter).collect());
        let is_spare = |level: &&str| level.trim() != *level || level.contains("  ");
        if let Some(text) = strict.spare_blanks.as_ref().filter(|_| levels.iter().any(is_spare)) {
            return Some(text.clone());
        }
        let (names, text) = strict.reserved.as_ref()?;
        let first = levels.first()?;
        names.iter().any(|own| own.eq_ignore_ascii_case(first)).then(|| text.clone())
    }

    /// Counts a refusal, and says goodbye after the last one that is borne.
    pub(super) async fn count_refusal(&mut self, answer: &str) -> anyhow::Result<()> {
        if !answer.starts_with("NO") && !answer.starts_with("BAD") {
            return Ok(());
        }
        self.refusals += 1;
        if self.shared.manners.strict.refusals_max.is_some_and(|most| self.refusals >= most) {
            self.shared.transcript.hung_up();
            self.line("* BYE Connection is closed. 13");
            self.flush().await?;
            self.wire.end(End::Close).await?;
        }
        Ok(())
    }
}

/// How many messages a set names; `*` counts as one.
fn named(set: &str) -> u64 {
    let range = |range: &str| {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        let (Ok(first), Ok(last)) = (first.parse::<u64>(), last.parse::<u64>()) else { return 1 };
        last.abs_diff(first) + 1
    };
    set.split(',').map(range).sum()
}
