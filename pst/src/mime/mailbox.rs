//! Addresses of the Internet as they are written: told from others, put in order, listed, wrapped (RFC 5322 §3.4).
//! Never knows of stores: strings in, addresses out.

use std::borrow::Cow;

/// The domain of addresses that are not of the Internet; `.invalid` is nobody's (RFC 2606 §2).
pub const ENCAPSULATED_DOMAIN: &str = "encapsulated.invalid";
/// Longest local part of an encapsulated address, in octets; longer ones end in a hash of themselves.
pub const ENCAPSULATED_OCTETS_MAX: usize = 600;
/// Longest address that is taken for one, in octets. RFC 5321 §4.5.3.1 allows 320.
pub const ADDRESS_OCTETS_MAX: usize = 800;
/// Longest list of mailboxes that is taken apart, in octets: 20,000 recipients and more. Longer ones stay as they are.
pub const LIST_OCTETS_MAX: usize = 1024 * 1024;

/// A name and an address, the address legal in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox<'a> {
    /// The name to show, as it stands in the store; may be empty.
    pub name: Cow<'a, str>,
    /// The address: `local@domain`, printable ASCII.
    pub address: Cow<'a, str>,
    /// True where the store's address was not of the Internet and `address` only wraps it.
    pub is_encapsulated: bool,
}

/// An entry of a list of mailboxes as a header writes it; nothing where it is no such thing.
#[must_use]
pub fn entry(entry: &str) -> Option<Mailbox<'static>> {
    let entry = entry.trim();
    let (name, address) = match entry.rsplit_once('<') {
        Some((name, rest)) => (name.trim(), rest.split_once('>')?.0),
        None => ("", entry),
    };
    let name = match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => name.to_owned(),
    };
    let address = Cow::Owned(internet(address)?.into_owned());
    Some(Mailbox { name: Cow::Owned(name), address, is_encapsulated: false })
}

/// True for a value that a header may hold where mailboxes are listed: groups, comments and encoded words included.
pub fn is_list(value: &str) -> bool {
    if value.len() > LIST_OCTETS_MAX {
        return true;
    }
    split_list(value).map(str::trim).filter(|entry| !entry.is_empty()).all(|entry| {
        let is_group = entry.contains(':') || entry.ends_with(';');
        let bare = match entry.rsplit_once('<') {
            Some((_, rest)) => rest.split_once('>').map(|(address, _)| address),
            None => Some(entry.split_once('(').map_or(entry, |(address, _)| address)),
        };
        is_group || bare.is_some_and(|address| internet(address).is_some())
    })
}

/// The entries between commas that stand neither in quotes nor in brackets.
pub fn split_list(value: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped, mut depth) = (false, false, 0_u32);
    value.split(move |character| {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '<' | '(' if !is_quoted => depth += 1,
            '>' | ')' if !is_quoted => depth = depth.saturating_sub(1),
            ',' => return !is_quoted && depth == 0,
            _ => {}
        }
        false
    })
}

/// An address of the Internet, in a form that may stand between `<` and `>`; nothing where it is none.
#[must_use]
pub fn internet(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim().trim_matches('\'');
    let scheme = ["smtp:", "mailto:"].into_iter().find(|scheme| {
        text.as_bytes().get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
    });
    let text = scheme.and_then(|scheme| text.get(scheme.len()..)).unwrap_or(text);
    let text = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    let (local, domain) = text.rsplit_once('@')?;
    if text.len() > ADDRESS_OCTETS_MAX || local.is_empty() || !is_domain(domain) {
        return None;
    }
    if is_dot_atom(local) || is_quoted(local) {
        return Some(Cow::Borrowed(text));
    }
    // Doubled dots and the like occur in living addresses, and are legal once quoted.
    let is_quotable = local.bytes().all(|octet| is_atom(octet) || octet == b'.');
    is_quotable.then(|| Cow::Owned(format!("\"{local}\"@{domain}")))
}

fn is_domain(domain: &str) -> bool {
    let is_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    let is_literal = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b':' | b'-');
    match domain.strip_prefix('[').and_then(|domain| domain.strip_suffix(']')) {
        Some(literal) => !literal.is_empty() && literal.bytes().all(is_literal),
        None => !domain.is_empty() && !domain.starts_with('.') && domain.bytes().all(is_name),
    }
}

fn is_dot_atom(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom))
}

fn is_quoted(local: &str) -> bool {
    let Some(inner) = local.strip_prefix('"').and_then(|local| local.strip_suffix('"')) else { return false };
    !inner.is_empty()
        && inner.bytes().all(|octet| matches!(octet, b' '..=b'~') && !matches!(octet, b'"' | b'\\'))
}

/// Characters of an atom (RFC 5322 §3.2.3).
pub const fn is_atom(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(
            octet,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'/'
                | b'='
                | b'?'
                | b'^'
                | b'_'
                | b'`'
                | b'{'
                | b'|'
                | b'}'
                | b'~'
        )
}

/// An address of another kind, wrapped as Exchange wraps it ([MS-OXCMAIL], IMCEA encapsulation), below a domain that
/// is nobody's.
pub fn encapsulated(kind: &str, address: &str) -> String {
    use std::fmt::Write as _;

    let kind: String = kind.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    let mut local = format!("IMCEA{}-", if kind.is_empty() { "UNKNOWN" } else { &kind });
    for octet in address.bytes() {
        match octet {
            b'/' => local.push('_'),
            b'-' | b'=' => local.push(char::from(octet)),
            _ if octet.is_ascii_alphanumeric() => local.push(char::from(octet)),
            _ => {
                let _ = write!(local, "+{octet:02X}");
            }
        }
        if local.len() > ENCAPSULATED_OCTETS_MAX {
            let hash = blake3::hash(address.as_bytes()).to_hex();
            let _ = write!(local, "-{}", &hash[..32]);
            break;
        }
    }
    format!("{local}@{ENCAPSULATED_DOMAIN}")
}

#[cfg(test)]
mod tests {
    use super::{ENCAPSULATED_OCTETS_MAX, encapsulated, internet};

    #[test]
    fn what_is_an_address_of_the_internet_is_told_and_put_in_order() {
        for (text, expected) in [
            ("ana@exemplo.pt", Some("ana@exemplo.pt")),
            ("SMTP:ana@exemplo.pt", Some("ana@exemplo.pt")),
            ("'ana@exemplo.pt'", Some("ana@exemplo.pt")),
            ("a..b.@docomo.example", Some("\"a..b.\"@docomo.example")),
            ("\"a b\"@x.example", Some("\"a b\"@x.example")),
            ("ana@[192.0.2.1]", Some("ana@[192.0.2.1]")),
            ("ana@exemplo.pt\r\nBcc: x@y", None),
            ("ana <ana@exemplo.pt>", None),
            ("ana@", None),
            ("@exemplo.pt", None),
            ("çã@exemplo.pt", None),
            ("/o=x/cn=y", None),
            ("", None),
        ] {
            assert_eq!(internet(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn an_address_of_another_kind_is_wrapped_and_never_grows_without_end() {
        assert_eq!(
            encapsulated("EX", "/o=First Org/cn=Ana.G"),
            "IMCEAEX-_o=First+20Org_cn=Ana+2EG@encapsulated.invalid"
        );
        let long = encapsulated("X400\r\n", &"ç".repeat(10_000));
        assert!(long.starts_with("IMCEAX400-+C3+A7") && long.len() < ENCAPSULATED_OCTETS_MAX + 80, "{long}");
        assert_eq!(internet(&long).as_deref(), Some(long.as_str()));
    }
}
