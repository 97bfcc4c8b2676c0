//! By which Message-ID a message goes, and to whom: what tells two messages of one text apart.
//! Never goes by names beside addresses, by their order or by the case of letters: programs write those as they like.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use crate::header;
use crate::identity::HEADER_OCTETS_MAX;
use crate::record::HeaderKey;

/// The end of addresses that stand for names inside an organisation: nobody's domain (RFC 2606 §2).
const NOBODYS_DOMAIN: &str = ".invalid";

/// The end of the Message-IDs that `imapsync --addheader` writes into messages which have none.
const IMAPSYNC_ID_END: &[u8] = b"@imapsync>";

/// What a header says of a message's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// The Message-ID without blanks.
    pub message_id: Option<HeaderKey>,
    /// To and Cc together.
    pub addressed: Addressed,
}

/// Whom a message is addressed to (To and Cc).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Addressed {
    /// No address: a draft, or all were left out.
    Nobody,
    /// These addresses, in whatever order.
    These(HeaderKey),
    /// Somebody of whom only a name is known, or an address inside an organisation.
    Unclear(HeaderKey),
}

impl Addressed {
    /// Whether both go to the same people; nothing where that cannot be told.
    #[must_use]
    pub fn agrees(self, other: Self) -> Option<bool> {
        match (self, other) {
            _ if self == other => Some(true),
            (Self::These(_), Self::These(_)) => Some(false),
            _ => None,
        }
    }
}

impl Envelope {
    /// Reads a header, or that of a whole message.
    #[must_use]
    pub fn of(header: &[u8]) -> Self {
        let header = &header[..header.len().min(HEADER_OCTETS_MAX)];
        let id: Vec<u8> = header::values(header, "Message-ID").next().unwrap_or_default().to_vec();
        let id: Vec<u8> = id.into_iter().filter(|octet| !matches!(octet, 0..=32 | 127)).collect();
        let is_own = !id.is_empty() && !id.ends_with(IMAPSYNC_ID_END);
        Self { message_id: is_own.then(|| key(&id)), addressed: addressed(header) }
    }

    /// True unless both tell that the two are not one: another Message-ID, and to other people.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        let has_other_id = self.message_id.zip(other.message_id).is_some_and(|(one, two)| one != two);
        !has_other_id || self.addressed.agrees(other.addressed) != Some(false)
    }
}

/// Whom a header addresses.
#[must_use]
pub fn addressed(header: &[u8]) -> Addressed {
    let (mut all, mut is_clear) = (BTreeSet::new(), true);
    for value in ["To", "Cc"].into_iter().flat_map(|name| header::values(header, name)) {
        for address in addresses(&String::from_utf8_lossy(value)) {
            is_clear &= address.contains('@') && !address.ends_with(NOBODYS_DOMAIN);
            all.insert(address);
        }
    }
    let joined = all.into_iter().collect::<Vec<_>>().join("\n");
    match (joined.is_empty(), is_clear) {
        (true, _) => Addressed::Nobody,
        (false, true) => Addressed::These(key(joined.as_bytes())),
        (false, false) => Addressed::Unclear(key(joined.as_bytes())),
    }
}

/// One bit for each address of To and Cc that mail can be sent to.
#[must_use]
pub fn address_bits(header: &[u8]) -> u128 {
    let lists = ["To", "Cc"].into_iter().flat_map(|name| header::values(header, name));
    let found = lists.flat_map(|value| addresses(&String::from_utf8_lossy(value)));
    let clear = found.filter(|address| address.contains('@') && !address.ends_with(NOBODYS_DOMAIN));
    clear.fold(0, |bits, address| bits | 1 << (key(address.as_bytes()).0[0] % 128))
}

/// The addresses of a list (RFC 5322 §3.4) in lower case, without names, comments and the names of groups; a name
/// alone where somebody has no address.
fn addresses(list: &str) -> Vec<String> {
    let (mut found, mut word, mut angle) = (Vec::new(), String::new(), None::<String>);
    let (mut is_quoted, mut is_escaped, mut comments, mut is_angle) = (false, false, 0_u32, false);
    for letter in list.chars().chain([',']) {
        if core::mem::take(&mut is_escaped) {
            continue;
        }
        match letter {
            '\\' if is_quoted || comments > 0 => is_escaped = true,
            '"' if comments == 0 => is_quoted = !is_quoted,
            '(' if !is_quoted => comments += 1,
            ')' if !is_quoted => comments = comments.saturating_sub(1),
            _ if comments > 0 => {}
            '<' if !is_quoted => (is_angle, angle) = (true, Some(String::new())),
            '>' if !is_quoted => is_angle = false,
            ':' if !is_quoted && !is_angle => word.clear(),
            ',' | ';' if !is_quoted => {
                let one = angle.take().unwrap_or_default();
                let one = if one.is_empty() { core::mem::take(&mut word) } else { one };
                (is_angle, word) = (false, String::new());
                found.extend((!one.is_empty()).then_some(one));
            }
            _ if letter.is_whitespace() || letter.is_control() => {}
            _ => angle.as_mut().filter(|_| is_angle).unwrap_or(&mut word).extend(letter.to_lowercase()),
        }
    }
    found
}

fn key(octets: &[u8]) -> HeaderKey {
    let mut key = [0; 16];
    key.copy_from_slice(&blake3::hash(octets).as_bytes()[..16]);
    HeaderKey(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn addresses_are_read_from_any_writing() {
        for (list, expected) in [
            ("a@b", &["a@b"][..]),
            (
                " \"Silva, Ana\" <ANA@b.example>,\r\n\tbob@b.example (Bob, at work)",
                &["ana@b.example", "bob@b.example"],
            ),
            ("Team: a@b, \"x:y\" <c@d>;, e@f", &["a@b", "c@d", "e@f"]),
            ("undisclosed-recipients:;", &[]),
            ("Ana Silva, <>", &["anasilva"]),
            ("\"a \\\" <x@y>, b\" <c@d>", &["c@d"]),
            ("a@b <c@d", &["c@d"]),
            ("", &[]),
        ] {
            assert_eq!(addresses(list), expected, "{list}");
        }
    }

    #[test]
    fn two_writings_of_one_list_agree_and_what_is_unclear_tells_nothing() {
        let of = |to: &str, cc: &str| addressed(format!("To: {to}\r\nCc: {cc}\r\n\r\nTo: z@z").as_bytes());
        let both = of("Ana <ana@b>", "bob@b");
        assert_eq!(both.agrees(of("BOB@b", "\"A\" <ana@B>")), Some(true));
        assert_eq!(both.agrees(of("ana@b", "")), Some(false));
        assert_eq!(both.agrees(of("", "")), None);
        assert_eq!(both.agrees(of("Ana <IMCEAEX-_o=x@encapsulated.invalid>", "bob@b")), None);
        assert_eq!(of("Ana", "bob@b").agrees(of("Ana", "bob@b")), Some(true));
        assert_eq!(of("", "").agrees(Addressed::Nobody), Some(true));
    }

    #[test]
    fn lists_with_a_common_address_have_a_common_bit() {
        let of = |to: &str| address_bits(format!("To: {to}\r\n\r\n").as_bytes());
        assert_ne!(of("ana@b, bob@b") & of("c@d, Ana <ANA@b>"), 0);
        assert_eq!(of("ana@b") & of("bob@b"), 0);
        assert_eq!((of(""), of("Ana, <IMCEAEX-_o=x@encapsulated.invalid>")), (0, 0));
        assert_eq!(of("ana@b, bob@b").count_ones(), 2);
    }

    #[test]
    fn another_id_and_other_people_make_another_message() {
        let of =
            |id: &str, to: &str| Envelope::of(format!("Message-ID: {id}\r\nTo: {to}\r\n\r\n").as_bytes());
        for (one, other, may_be) in [
            (of("<1@x>", "a@b"), of("<1@x>", "c@d"), true),
            (of("<1@x>", "a@b"), of("<2@x>", "a@b"), true),
            (of("<1@x>", "a@b"), of("<2@x>", "c@d"), false),
            (of("<1@x>", "a@b"), of("<2@x>", "c"), true),
            (of("<1@x>", "a@b"), of("<2@imapsync>", "c@d"), true),
            (of("", "a@b"), of("<2@x>", "c@d"), true),
        ] {
            assert_eq!((one.may_be(&other), other.may_be(&one)), (may_be, may_be), "{one:?} {other:?}");
        }
    }
}
