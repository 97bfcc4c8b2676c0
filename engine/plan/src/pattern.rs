//! Which folders an operator means: globs over decoded names, levels parted by `/`.
//! Never sees a wire name: an operator types what the mail program shows.
//!
//! `*` stands for any text within a level, `**` for any text across levels, `?` for one character within a level,
//! `\` takes the next character as it is. A pattern means exactly the folders it matches, not what lies below them;
//! `Work/**` means Work and everything below it, and `**/Old` means Old at any depth, the top included.
//! Case counts, except in the name INBOX.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::folder::{FolderPath, INBOX, is_inbox_name};

/// Characters of one pattern.
pub const PATTERN_CHARS_MAX: usize = 1000;

/// One glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Exactly(char),
    AnyOne,
    AnyInLevel,
    AnyAcross,
    /// `/**` at the end: nothing, or `/` and any text.
    AllBelow,
    /// `**/`: nothing, or any text and `/`.
    AnyAbove,
}

/// Why a pattern is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternError {
    /// It has no character.
    Empty,
    /// It has more than [`PATTERN_CHARS_MAX`] characters.
    TooLong,
    /// It begins or ends with `/`, or has two of them together: no folder is called so.
    EmptyLevel,
    /// It ends with a `\` that has nothing to take.
    LooseEscape,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the folder pattern is empty"),
            Self::TooLong => write!(f, "the folder pattern has more than {PATTERN_CHARS_MAX} characters"),
            Self::EmptyLevel => {
                f.write_str("the folder pattern begins or ends with `/` or has `//` in it; write `Work/Old`")
            }
            Self::LooseEscape => {
                f.write_str("the folder pattern ends with `\\`; write `\\\\` for a backslash")
            }
        }
    }
}

impl core::error::Error for PatternError {}

impl Pattern {
    /// Reads a glob.
    ///
    /// # Errors
    /// Where it cannot match any folder.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let characters: Vec<char> = text.nfc().collect();
        if characters.is_empty() {
            return Err(PatternError::Empty);
        }
        if characters.len() > PATTERN_CHARS_MAX {
            return Err(PatternError::TooLong);
        }
        let mut pieces = Vec::new();
        let mut rest = characters.as_slice();
        while let Some((piece, after)) = next_piece(rest, pieces.last())? {
            pieces.push(piece);
            rest = after;
        }
        let slash = Piece::Exactly('/');
        let has_empty_level = pieces.windows(2).any(|pair| pair == [slash, slash])
            || pieces.first() == Some(&slash)
            || matches!(pieces.last(), Some(piece) if *piece == slash || *piece == Piece::AnyAbove);
        if has_empty_level {
            return Err(PatternError::EmptyLevel);
        }
        Ok(Self { pieces: with_inbox(pieces) })
    }

    /// True when the pattern means this folder.
    #[must_use]
    pub fn matches(&self, path: &FolderPath) -> bool {
        let name: Vec<char> = joined(path).nfc().collect();
        let inbox_chars = if path.levels()[0] == INBOX { INBOX.len() } else { 0 };
        // reached[n]: the pieces so far can match the first n characters.
        let mut reached = vec![false; name.len() + 1];
        reached[0] = true;
        for piece in &self.pieces {
            reached = step(*piece, &reached, &name, inbox_chars);
        }
        reached[name.len()]
    }

    /// True when the pattern is this one folder's name, without any glob.
    #[must_use]
    pub fn names(&self, path: &FolderPath) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Exactly(_))) && self.matches(path)
    }

    /// True when the pattern means this folder and spells the level at its root: `Shared/**`, not `**/Sent`.
    #[must_use]
    pub fn names_root(&self, path: &FolderPath) -> bool {
        let ends_level = |piece: &Piece| matches!(piece, Piece::Exactly('/') | Piece::AllBelow);
        let mut root = self.pieces.iter().take_while(|piece| !ends_level(piece));
        root.all(|piece| matches!(piece, Piece::Exactly(_))) && self.matches(path)
    }
}

/// A path as an operator types it: levels parted by `/`.
pub(crate) fn joined(path: &FolderPath) -> String {
    path.levels().join("/")
}

type Next<'a> = Option<(Piece, &'a [char])>;

fn next_piece<'a>(rest: &'a [char], before: Option<&Piece>) -> Result<Next<'a>, PatternError> {
    let is_level_start = matches!(before, None | Some(Piece::Exactly('/') | Piece::AnyAbove));
    Ok(match rest {
        [] => None,
        ['\\'] => return Err(PatternError::LooseEscape),
        ['\\', literal, after @ ..] => Some((Piece::Exactly(*literal), after)),
        ['/', '*', '*'] if before.is_some() => Some((Piece::AllBelow, &[])),
        ['*', '*', '/', after @ ..] if is_level_start => Some((Piece::AnyAbove, after)),
        ['*', '*', after @ ..] => Some((Piece::AnyAcross, after)),
        ['*', after @ ..] => Some((Piece::AnyInLevel, after)),
        ['?', after @ ..] => Some((Piece::AnyOne, after)),
        [literal, after @ ..] => Some((Piece::Exactly(*literal), after)),
    })
}

/// Writes a first level that spells INBOX in capitals, as every path has it.
fn with_inbox(mut pieces: Vec<Piece>) -> Vec<Piece> {
    let spelt: String = pieces
        .iter()
        .map_while(|piece| match piece {
            Piece::Exactly(character) if *character != '/' => Some(*character),
            _ => None,
        })
        .collect();
    let ends_level = matches!(pieces.get(INBOX.len()), None | Some(Piece::Exactly('/') | Piece::AllBelow));
    if is_inbox_name(&spelt) && ends_level {
        for (piece, letter) in pieces.iter_mut().zip(INBOX.chars()) {
            *piece = Piece::Exactly(letter);
        }
    }
    pieces
}

fn step(piece: Piece, reached: &[bool], name: &[char], inbox_chars: usize) -> Vec<bool> {
    let mut next = vec![false; reached.len()];
    let mut is_open = false;
    for at in 0..reached.len() {
        let before = at.checked_sub(1);
        match piece {
            Piece::Exactly(wanted) => {
                next[at] = before.is_some_and(|from| {
                    let is_same = if from < inbox_chars {
                        name[from].eq_ignore_ascii_case(&wanted)
                    } else {
                        name[from] == wanted
                    };
                    reached[from] && is_same
                });
            }
            Piece::AnyOne => next[at] = before.is_some_and(|from| reached[from] && name[from] != '/'),
            Piece::AnyInLevel => {
                is_open = reached[at] || (is_open && before.is_some_and(|from| name[from] != '/'));
                next[at] = is_open;
            }
            Piece::AnyAcross => {
                is_open |= reached[at];
                next[at] = is_open;
            }
            Piece::AllBelow => {
                is_open |= before.is_some_and(|from| reached[from] && name[from] == '/');
                next[at] = reached[at] || is_open;
            }
            Piece::AnyAbove => {
                is_open |= reached[at];
                next[at] = reached[at] || (is_open && before.is_some_and(|from| name[from] == '/'));
            }
        }
    }
    next
}

/// Which folders a run takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Folders to take; all where there is none.
    pub take: Vec<Pattern>,
    /// Folders to leave, even where they are to be taken.
    pub leave: Vec<Pattern>,
}

/// What a selection says of one folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected {
    /// It is taken.
    Taken,
    /// It is taken, and was named without a glob.
    ByName,
    /// No pattern to take means it.
    NotTaken,
    /// A pattern to leave means it.
    Left,
}

impl Selection {
    /// What becomes of a folder.
    #[must_use]
    pub fn of(&self, path: &FolderPath) -> Selected {
        let mut taking = self.take.iter().filter(|pattern| pattern.matches(path)).peekable();
        if self.leave.iter().any(|pattern| pattern.matches(path)) {
            Selected::Left
        } else if !self.take.is_empty() && taking.peek().is_none() {
            Selected::NotTaken
        } else if taking.any(|pattern| pattern.names(path)) {
            Selected::ByName
        } else {
            Selected::Taken
        }
    }

    /// True when a pattern that takes a folder spells the level at its root.
    #[must_use]
    pub fn names_root(&self, path: &FolderPath) -> bool {
        self.take.iter().any(|pattern| pattern.names_root(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> FolderPath {
        FolderPath::new(text.split('/').map(String::from).collect()).unwrap()
    }

    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let parsed = Pattern::parse(pattern).unwrap();
        for (names, expected) in [(matching, true), (others, false)] {
            for name in names {
                assert_eq!(parsed.matches(&path(name)), expected, "{pattern} {name}");
            }
        }
    }

    #[test]
    fn a_pattern_that_spells_the_root_asks_for_what_lies_below_it() {
        for (pattern, expected) in [
            ("Shared/**", true),
            ("Shared/Sent", true),
            ("Shared/*", true),
            ("S*/Sent", false),
            ("**/Sent", false),
            ("**", false),
            ("Other/**", false),
        ] {
            assert_eq!(
                Pattern::parse(pattern).unwrap().names_root(&path("Shared/Sent")),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_pattern_means_what_an_operator_expects() {
        for (pattern, matching, others) in [
            ("Work", &["Work"][..], &["Work/Old", "work", "Workshop", "x/Work"][..]),
            ("Work/*", &["Work/Old"], &["Work", "Work/Old/2020"]),
            ("Work/**", &["Work", "Work/Old", "Work/Old/2020"], &["Workshop"]),
            ("**/Old", &["Old", "Work/Old", "a/b/Old"], &["Older", "xOld"]),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["ab", "a/xb"]),
            ("W*k", &["Work", "Wk"], &["W/k"]),
            ("W**k", &["Work", "W/k"], &["Work/x"]),
            ("**", &["a", "a/b"], &[]),
            ("*", &["a"], &["a/b"]),
            ("20??", &["2024"], &["202", "20/4"]),
            ("\\*", &["*"], &["a"]),
            ("inbox", &["INBOX"], &["INBOX/x"]),
            ("inbox/**", &["INBOX", "INBOX/x"], &["x/inbox"]),
            ("in*", &["INBOX", "inside"], &["INBOX/x", "Inside"]),
            ("inboxes", &["inboxes"], &["INBOX"]),
            ("Sai\u{301}da", &["Saída"], &["Saida"]),
        ] {
            check(pattern, matching, others);
        }
        assert!(Pattern::parse("a/b").unwrap().matches(&FolderPath::root("a/b")));
    }

    #[test]
    fn a_pattern_that_can_match_nothing_is_refused() {
        for (pattern, error) in [
            ("", PatternError::Empty),
            ("/a", PatternError::EmptyLevel),
            ("a/", PatternError::EmptyLevel),
            ("a//b", PatternError::EmptyLevel),
            ("**/", PatternError::EmptyLevel),
            ("a\\", PatternError::LooseEscape),
            (&"a".repeat(PATTERN_CHARS_MAX + 1), PatternError::TooLong),
        ] {
            assert_eq!(Pattern::parse(pattern), Err(error), "{pattern}");
        }
    }

    #[test]
    fn to_leave_wins_over_to_take() {
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        for (take, leave, name, expected) in [
            (&[][..], &[][..], "a", Selected::Taken),
            (&["a*"], &[], "ab", Selected::Taken),
            (&["a*", "ab"], &[], "ab", Selected::ByName),
            (&["a"], &[], "b", Selected::NotTaken),
            (&["a"], &["**"], "a", Selected::Left),
        ] {
            let selection = Selection { take: patterns(take), leave: patterns(leave) };
            assert_eq!(selection.of(&path(name)), expected, "{take:?} {leave:?} {name}");
        }
    }

    /// The meaning of a pattern, as a plain search.
    fn means(pattern: &[char], name: &[char]) -> bool {
        match pattern {
            [] => name.is_empty(),
            ['*', '*', rest @ ..] => (0..=name.len()).any(|from| means(rest, &name[from..])),
            ['*', rest @ ..] => {
                let level = name.iter().position(|character| *character == '/').unwrap_or(name.len());
                (0..=level).any(|from| means(rest, &name[from..]))
            }
            ['?', rest @ ..] => !name.is_empty() && name[0] != '/' && means(rest, &name[1..]),
            [literal, rest @ ..] => name.first() == Some(literal) && means(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn globs_agree_with_a_plain_search(pattern in "[ab*?]{1,3}(/[ab*?]{1,3})?", name in "[ab]{1,4}(/[ab]{1,4})?") {
            prop_assume!(!pattern.contains("/**") && !pattern.contains("**/") && !pattern.contains("***"));
            let (pattern_chars, name_chars): (Vec<_>, Vec<_>) = (pattern.chars().collect(), name.chars().collect());
            let found = Pattern::parse(&pattern).unwrap().matches(&path(&name));
            prop_assert_eq!(found, means(&pattern_chars, &name_chars));
        }

        #[test]
        fn no_pattern_breaks_the_reader(text: String) {
            let _ = Pattern::parse(&text);
        }
    }
}
