//! Servers whose folders are labels: one message stands in several of them, and each standing bears one number.
//! Never knows how such a server is asked.

use alloc::string::String;
use core::num::NonZeroU64;

use unicode_normalization::UnicodeNormalization;

use crate::folder::Role;
use crate::message::Flag;

/// Characters that a keyword made of a label has at most.
pub const KEYWORD_CHARS_MAX: usize = 60;

/// What is to become of messages that bear several labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LabelPolicy {
    /// Every label is a folder: a message is copied into each of them.
    #[default]
    Folders,
    /// A message is copied once, into the first folder that it stands in.
    First,
    /// A message is copied once, and its labels become keywords; labels have no folders of their own.
    Keywords,
    /// A message is copied once, and its labels are let go; what is in no other folder goes to the archive.
    Archive,
}

impl LabelPolicy {
    /// True where labels of the user's own have no folders: their messages go to the archive.
    #[must_use]
    pub const fn gathers(self) -> bool {
        matches!(self, Self::Keywords | Self::Archive)
    }
}

/// The number that a server gives to a message wherever it stands (`X-GM-MSGID`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(pub NonZeroU64);

impl Origin {
    /// Takes `value`, or nothing where it is 0.
    #[must_use]
    pub const fn new(value: u64) -> Option<Self> {
        match NonZeroU64::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The number as the wire carries it.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

/// Which of a message's folders is its first: the smallest number. `is_all` is the folder that shows every message.
#[must_use]
pub const fn precedence(role: Option<Role>, is_all: bool) -> u8 {
    match role {
        _ if is_all => 6,
        Some(Role::Sent) => 0,
        Some(Role::Drafts) => 1,
        Some(Role::Inbox) => 2,
        Some(Role::Junk | Role::Trash) => 3,
        Some(Role::All | Role::Flagged | Role::Important) => 5,
        Some(Role::Archive) | None => 4,
    }
}

/// The keyword that a label becomes: letters lose their marks, and what no keyword may hold becomes `_`. Of the
/// server's own labels only two say something of the message (RFC 8457 for `$Important`); the others are folders.
#[must_use]
pub fn keyword(label: &str) -> Option<Flag> {
    if label.starts_with('\\') {
        return match label.to_ascii_lowercase().as_str() {
            "\\important" => Flag::new("$Important"),
            "\\starred" => Flag::new("\\Flagged"),
            _ => None,
        };
    }
    let plain = |letter: char| {
        let is_plain = letter.is_ascii_alphanumeric() || "-_.$+&'!#/:;=?@".contains(letter);
        if is_plain { letter } else { '_' }
    };
    let unmarked = label.nfd().filter(|letter| !unicode_normalization::char::is_combining_mark(*letter));
    let name: String = unmarked.map(plain).take(KEYWORD_CHARS_MAX).collect();
    // A label of other letters alone would become the keyword of every other such label.
    let says_something = name.chars().any(|letter| letter.is_ascii_alphanumeric());
    if says_something { Flag::new(&name) } else { hashed(label) }
}

fn hashed(label: &str) -> Option<Flag> {
    let hash = blake3::hash(label.as_bytes()).to_hex();
    Flag::new(&alloc::format!("label_{}", &hash[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_becomes_a_keyword_that_every_server_can_hold() {
        for (label, expected) in [
            ("Work", "Work"),
            ("Orçamentos 2024", "Orcamentos_2024"),
            ("Work/Água", "Work/Agua"),
            ("a(b)%*\"\\]{", "a_b_______"),
            ("\\Important", "$Important"),
            ("\\starred", "\\Flagged"),
        ] {
            assert_eq!(
                keyword(label).map(|flag| flag.as_str().into()),
                Some(String::from(expected)),
                "{label}"
            );
        }
        for system in ["\\Inbox", "\\Sent", "\\Draft", "\\Trash"] {
            assert_eq!(keyword(system), None);
        }
        let others = ["重要", "仕事"].map(|label| keyword(label).expect("every label has a keyword"));
        assert_ne!(others[0], others[1]);
        assert!(others.iter().all(|flag| flag.as_str().starts_with("label_") && flag.as_str().len() == 14));
    }

    #[test]
    fn sent_mail_comes_first_and_the_folder_of_all_mail_last() {
        use Role::{All, Archive, Drafts, Inbox, Junk, Sent};
        let order = [Some(Sent), Some(Drafts), Some(Inbox), Some(Junk), None];
        let numbers = order.map(|role| precedence(role, false));
        assert!(numbers.is_sorted() && numbers[4] == precedence(Some(Archive), false));
        assert!(precedence(Some(Archive), true) > precedence(Some(All), false));
    }
}
