//! What a server says that it can do.
//! Never takes a claim for proof: callers fall back where an answer is BAD or NO.

use std::collections::BTreeSet;

use malote_plan::promise::{LiteralMode, Promises};

/// Capabilities in capitals; empty before they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities(BTreeSet<String>);

impl Capabilities {
    /// Takes them as the server listed them.
    #[must_use]
    pub fn new(names: Vec<String>) -> Self {
        Self(names.into_iter().map(|name| name.to_ascii_uppercase()).collect())
    }

    /// True where the server claims `name`, written in capitals.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Takes out what the server proved not to do.
    pub fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// True before the server said anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The number of `NAME=number`.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.0.iter().find_map(|given| given.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    }

    /// What a copy makes use of.
    #[must_use]
    pub fn promises(&self, software: String) -> Promises {
        // IMAP4rev2 contains these (RFC 9051 appendix E); without ENABLE only the syntax of answers differs.
        let rev2 = self.has("IMAP4REV2");
        let literal = if self.has("LITERAL+") {
            LiteralMode::Plus
        } else if self.has("LITERAL-") || rev2 {
            LiteralMode::Minus
        } else {
            LiteralMode::Synchronising
        };
        Promises {
            uidplus: self.has("UIDPLUS") || rev2,
            multiappend: self.has("MULTIAPPEND"),
            literal,
            condstore: self.has("CONDSTORE") || self.has("QRESYNC"),
            qresync: self.has("QRESYNC"),
            esearch: self.has("ESEARCH") || rev2,
            list_status: self.has("LIST-STATUS"),
            special_use: self.has("SPECIAL-USE"),
            create_special_use: self.has("CREATE-SPECIAL-USE"),
            utf8_accept: self.has("UTF8=ACCEPT") || self.has("UTF8=ONLY"),
            names_are_utf8: self.has("UTF8=ONLY"),
            namespace: self.has("NAMESPACE") || rev2,
            id: self.has("ID"),
            labels: self.has("X-GM-EXT-1"),
            append_octets_max: self.number("APPENDLIMIT"),
            software,
        }
    }
}
