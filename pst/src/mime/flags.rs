//! An item's state as IMAP keeps it: flags and keywords (RFC 9051 §2.3.2).
//! Never a keyword that a server could not take.

use std::collections::HashSet;

use super::view::View;
use super::{FolderRole, tag};
use crate::loss::{LossKind, Losses};
use crate::names::PS_PUBLIC_STRINGS;

/// Longest keyword, in octets; longer texts end in a hash of themselves.
pub const KEYWORD_OCTETS_MAX: usize = 60;
/// Most keywords of one item.
pub const KEYWORDS_MAX: usize = 100;

const FLAG_READ: i64 = 0x1;
/// `mfUnsent` of `PidTagMessageFlags`: it was never sent.
pub const FLAG_UNSENT: i64 = 0x8;

/// An item's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// `\Seen`: it was read.
    pub seen: bool,
    /// `\Answered`.
    pub answered: bool,
    /// `\Flagged`: it is marked for a follow-up that is not done.
    pub flagged: bool,
    /// `\Draft`: it was never sent.
    pub draft: bool,
    /// `$Forwarded`.
    pub forwarded: bool,
    /// Marked for a follow-up that is done; IMAP has no flag for that, and the keyword `$Completed` is among the
    /// item's keywords.
    pub completed: bool,
}

/// The flags of an item.
pub fn of(view: &View<'_>) -> Flags {
    let state = view.integer(tag::MESSAGE_FLAGS).unwrap_or(0);
    // The last verb counts; the icon shows what clients that wrote no verb did.
    let (answered, forwarded) = match (view.integer(tag::LAST_VERB), view.integer(tag::ICON_INDEX)) {
        (Some(102 | 103), _) => (true, false),
        (Some(104), _) => (false, true),
        (_, Some(261)) => (true, false),
        (_, Some(262)) => (false, true),
        _ => (false, false),
    };
    let follow_up = view.integer(tag::FLAG_STATUS);
    Flags {
        seen: state & FLAG_READ != 0,
        answered,
        flagged: follow_up == Some(2),
        draft: state & FLAG_UNSENT != 0 || view.context.role == FolderRole::Drafts,
        forwarded,
        completed: follow_up == Some(1),
    }
}

/// The item's categories as the store spells them.
pub fn categories<'a>(view: &View<'a>) -> Vec<std::borrow::Cow<'a, str>> {
    view.texts_by_name(PS_PUBLIC_STRINGS, "Keywords")
}

/// The item's categories as keywords of IMAP, each once.
pub fn keywords(view: &View<'_>, flags: Flags, losses: &mut Losses) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut found: Vec<String> = Vec::new();
    for category in categories(view) {
        match keyword(&category) {
            Some(keyword) if found.len() < KEYWORDS_MAX => {
                if seen.insert(keyword.to_ascii_lowercase()) {
                    found.push(keyword);
                }
            }
            _ => losses.note(LossKind::KeywordDropped, None, "a category has no form as a keyword"),
        }
    }
    if flags.completed {
        found.push("$Completed".to_owned());
    }
    found
}

/// A category as an atom (RFC 9051 §9, `flag-keyword`). Where characters were lost, a hash keeps it apart from others
/// that would look the same.
fn keyword(category: &str) -> Option<String> {
    let category = category.trim();
    if category.is_empty() {
        return None;
    }
    let is_legal = |character: char| {
        character.is_ascii_graphic() && !matches!(character, '(' | ')' | '{' | '%' | '*' | '"' | '\\' | ']')
    };
    let mut keyword = String::with_capacity(category.len());
    let mut is_changed = false;
    for character in category.chars() {
        let is_kept = is_legal(character) && keyword.len() < KEYWORD_OCTETS_MAX - 7;
        is_changed |= !is_kept && character != ' ';
        if keyword.len() < KEYWORD_OCTETS_MAX - 7 {
            keyword.push(if is_kept { character } else { '_' });
        }
    }
    if is_changed {
        keyword.push('_');
        keyword.push_str(&blake3::hash(category.as_bytes()).to_hex()[..6]);
    }
    Some(keyword)
}

#[cfg(test)]
mod tests {
    use super::{KEYWORD_OCTETS_MAX, keyword};

    #[test]
    fn a_category_becomes_a_legal_keyword_and_keeps_apart_from_others() {
        assert_eq!(keyword("Red Category").as_deref(), Some("Red_Category"));
        assert_eq!(keyword("  "), None);
        let (one, other) = (keyword("Ação"), keyword("Açãe"));
        assert_ne!(one, other);
        assert!(one.is_some_and(|one| one.starts_with("A__o_") && one.is_ascii()));
        for category in ["a(b)", "\\Seen", "x]\"y", "日本語", &"long ".repeat(100), "a\r\nb"] {
            let keyword = keyword(category).expect("it has a form");
            assert!(keyword.len() <= KEYWORD_OCTETS_MAX, "{keyword}");
            let is_legal = |octet: u8| octet.is_ascii_graphic() && !b"(){%*\"\\]".contains(&octet);
            assert!(keyword.bytes().all(|octet| is_legal(octet) || octet == b'{') && !keyword.contains('{'));
        }
    }
}
