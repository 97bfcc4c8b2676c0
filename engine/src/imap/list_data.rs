//! LIST, STATUS and NAMESPACE as values.
//! Never decodes a folder's name: octets stay octets here.

use malote_plan::folder::{FolderStatus, Role};
use malote_plan::message::{ModSeq, UidValidity};

use super::token::{Tokens, Value};

/// One line of LIST, XLIST or LSUB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// `\Noselect` and its like, as written.
    pub attributes: Vec<String>,
    /// The hierarchy delimiter; none for NIL.
    pub delimiter: Option<char>,
    /// The name's octets.
    pub name: Vec<u8>,
}

impl Listed {
    /// True where the attribute is there, in any case.
    #[must_use]
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|given| given.eq_ignore_ascii_case(attribute))
    }

    /// The special use, by RFC 6154 or XLIST's older names.
    #[must_use]
    pub fn special_use(&self) -> Option<Role> {
        const USES: [(&str, Role); 12] = [
            ("\\Sent", Role::Sent),
            ("\\Drafts", Role::Drafts),
            ("\\Trash", Role::Trash),
            ("\\Junk", Role::Junk),
            ("\\Spam", Role::Junk),
            ("\\Archive", Role::Archive),
            ("\\All", Role::All),
            ("\\AllMail", Role::All),
            ("\\Flagged", Role::Flagged),
            ("\\Starred", Role::Flagged),
            ("\\Important", Role::Important),
            ("\\Inbox", Role::Inbox),
        ];
        USES.into_iter().find(|(name, _)| self.has(name)).map(|(_, role)| role)
    }
}

/// Reads what follows `LIST`: attributes, delimiter, name; extended data after them is left alone.
pub(super) fn listed(tokens: &mut Tokens<'_>) -> Option<Listed> {
    let attributes = tokens.value()?.into_list().iter().filter_map(Value::text).collect();
    // A backslash that the server forgot to escape: no delimiter of one character is written like this.
    let delimiter = if tokens.take_text(b"\"\\\" ") {
        Some('\\')
    } else {
        match tokens.value()? {
            Value::Nil => None,
            value => value.text()?.chars().next(),
        }
    };
    // A folder may be called NIL; an unquoted NIL in this place can be nothing else.
    let name = match tokens.value()? {
        Value::Nil => b"NIL".to_vec(),
        Value::Atom(atom) => [atom, rest_of_name(tokens)].concat(),
        value => value.octets()?.to_vec(),
    };
    Some(Listed { attributes, delimiter, name })
}

/// Old servers leave names with brackets or blanks unquoted: the whole rest of the line belongs to the name,
/// unless it is extended data.
fn rest_of_name<'a>(tokens: &Tokens<'a>) -> &'a [u8] {
    let rest = tokens.rest();
    let is_extended = rest.starts_with(b" ") && rest.trim_ascii_start().starts_with(b"(");
    if is_extended { &[] } else { rest.trim_ascii_end() }
}

/// Counters of STATUS; anything else in it is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatusItems {
    /// MESSAGES.
    pub messages: Option<u32>,
    /// UIDNEXT.
    pub uid_next: Option<u32>,
    /// UIDVALIDITY.
    pub uid_validity: Option<UidValidity>,
    /// HIGHESTMODSEQ.
    pub highest_modseq: Option<ModSeq>,
    /// SIZE.
    pub size_octets: Option<u64>,
    /// APPENDLIMIT.
    pub append_octets_max: Option<u64>,
}

impl StatusItems {
    /// As a folder's status, where MESSAGES is known.
    #[must_use]
    pub fn folder_status(&self) -> Option<FolderStatus> {
        Some(FolderStatus {
            messages: self.messages?,
            uid_next: self.uid_next,
            uid_validity: self.uid_validity,
            highest_modseq: self.highest_modseq,
            size_octets: self.size_octets,
        })
    }
}

pub(super) fn status_items(list: Value<'_>) -> StatusItems {
    let mut items = StatusItems::default();
    let values = list.into_list();
    for pair in values.chunks(2) {
        let [name, value] = pair else { continue };
        let number = value.number();
        let small = number.and_then(|number| u32::try_from(number).ok());
        match name.octets().map(<[u8]>::to_ascii_uppercase).as_deref() {
            Some(b"MESSAGES") => items.messages = small,
            Some(b"UIDNEXT") => items.uid_next = small,
            Some(b"UIDVALIDITY") => items.uid_validity = small.and_then(UidValidity::new),
            Some(b"HIGHESTMODSEQ") => items.highest_modseq = number.and_then(ModSeq::new),
            Some(b"SIZE") => items.size_octets = number,
            Some(b"APPENDLIMIT") => items.append_octets_max = number,
            _ => {}
        }
    }
    items
}

/// One namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceEntry {
    /// The prefix's octets.
    pub prefix: Vec<u8>,
    /// The hierarchy delimiter.
    pub delimiter: Option<char>,
}

/// NAMESPACE's three lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Namespaces {
    /// The user's own.
    pub personal: Vec<NamespaceEntry>,
    /// Other users'.
    pub other: Vec<NamespaceEntry>,
    /// Shared by all.
    pub shared: Vec<NamespaceEntry>,
}

pub(super) fn namespaces(tokens: &mut Tokens<'_>) -> Namespaces {
    let mut next = || tokens.value().map(namespace_entries).unwrap_or_default();
    Namespaces { personal: next(), other: next(), shared: next() }
}

fn namespace_entries(list: Value<'_>) -> Vec<NamespaceEntry> {
    let entry = |entry: Value<'_>| {
        let fields = entry.into_list();
        let prefix = fields.first()?.octets()?.to_vec();
        let delimiter = fields.get(1).and_then(Value::text).and_then(|text| text.chars().next());
        Some(NamespaceEntry { prefix, delimiter })
    };
    list.into_list().into_iter().filter_map(entry).collect()
}
