//! Fields of the headers that an item came with: kept as they stand, folded anew, or encoded where nothing else is
//! legal. Never encodes an address, nor a word that is encoded already.

use super::head::{self, FOLD_AT, Listed, RUN_MAX};
use super::mailbox;
use super::transport::{self, Field};

/// Fields whose value is a list of mailboxes.
const MAILBOX_FIELDS: [&str; 12] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
    "Resent-Bcc",
    "Disposition-Notification-To",
];

/// Keeps a field: octet for octet where that is legal. False where it had to be changed.
pub fn keep(out: &mut Vec<u8>, field: &Field<'_>) -> bool {
    let is_legal = field.value.bytes().all(|octet| is_printable(octet) || matches!(octet, b'\r' | b'\n'));
    let fits = |line: &str| line.len() <= super::encode::LINE_OCTETS_MAX - 80;
    // A line of blanks alone looks like the end of the headers to many.
    let is_folded = || transport::lines(field.value).skip(1).all(|line| !is_blank(line));
    let mut plain = |value: &str| {
        out.extend_from_slice(field.name.as_bytes());
        out.push(b':');
        super::encode::mend(value.as_bytes(), out);
        out.extend_from_slice(b"\r\n");
    };
    if is_legal && transport::lines(field.value).all(fits) && is_folded() {
        plain(field.value);
        return true;
    }
    if let Some(folded) = is_legal.then(|| folded(field)).flatten() {
        plain(&folded);
        return false;
    }
    let value = field.unfolded();
    let is_list = MAILBOX_FIELDS.iter().any(|name| field.name.eq_ignore_ascii_case(name));
    match is_list.then(|| list(&value)).flatten() {
        Some(entries) => {
            let mut field = head::Field::begin(out, field.name);
            field.listed(&entries);
            field.end();
        }
        None => head::text(out, field.name, &value),
    }
    false
}

fn is_printable(octet: u8) -> bool {
    matches!(octet, b' '..=b'~' | b'\t')
}

fn is_blank(line: &str) -> bool {
    line.trim_matches([' ', '\t']).is_empty()
}

/// A value of which long lines are folded before their blanks, and lines of blanks alone left out; nothing where a word
/// is longer than a line.
fn folded(field: &Field<'_>) -> Option<String> {
    let mut text = String::with_capacity(field.value.len() + field.value.len() / 32);
    for (number, line) in transport::lines(field.value).enumerate() {
        let mut column = if number == 0 { field.name.len() + 1 } else { 0 };
        if number > 0 {
            if is_blank(line) {
                continue;
            }
            text.push_str("\r\n");
        }
        let (mut rest, mut is_first) = (line, true);
        while !rest.is_empty() {
            let word = rest.find(|letter| !matches!(letter, ' ' | '\t')).unwrap_or(rest.len());
            let end = rest[word..].find([' ', '\t']).map_or(rest.len(), |end| word + end);
            let (run, after) = rest.split_at(end);
            if run.len() > RUN_MAX {
                return None;
            }
            if column + run.len() > FOLD_AT && !is_first && word < end {
                text.push_str("\r\n");
                column = 0;
            }
            text.push_str(run);
            column += run.len();
            (rest, is_first) = (after, false);
        }
    }
    Some(text)
}

/// The entries of a list of mailboxes: those of printable ASCII as they stand, the others taken apart; nothing where
/// one is no mailbox, or the list is too long to be taken apart.
fn list(value: &str) -> Option<Vec<Listed<'_>>> {
    if value.len() > mailbox::LIST_OCTETS_MAX {
        return None;
    }
    let entries = mailbox::split_list(value).map(str::trim).filter(|entry| !entry.is_empty());
    let entries = entries.map(|entry| {
        let is_kept = entry.bytes().all(is_printable)
            && entry.split_ascii_whitespace().all(|word| word.len() <= RUN_MAX);
        if is_kept { Some(Listed::Kept(entry)) } else { mailbox::entry(entry).map(Listed::Mailbox) }
    });
    entries.collect::<Option<Vec<_>>>().filter(|entries| !entries.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, expected: &str, is_kept: bool) {
        let mut out = Vec::new();
        assert_eq!(keep(&mut out, &Field { name, value }), is_kept, "{value}");
        let out = String::from_utf8_lossy(&out).into_owned();
        assert_eq!(out, expected, "{value}");
        let lines: Vec<_> = out.split("\r\n").collect();
        assert!(lines.iter().all(|line| line.len() <= 998 && line.bytes().all(is_printable)), "{out}");
        assert!(lines[..lines.len() - 1].iter().all(|line| !is_blank(line)), "{out}");
    }

    #[test]
    fn what_is_legal_is_kept_as_it_stands() {
        for (name, value) in [
            ("Subject", " =?utf-8?Q?Ol=C3=A1?=  x"),
            ("To", " =?utf-8?Q?Jo=C3=A3o?= <j@x.pt>,\r\n\tana@x.pt"),
            ("X", "\r\n y"),
        ] {
            check(name, value, &format!("{name}:{value}\r\n"), true);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_folded_and_nothing_of_it_encoded() {
        let entry = " =?utf-8?Q?Jo=C3=A3o?= <joao.da.silva@example.org>,";
        let value = entry.repeat(40);
        let mut out = Vec::new();
        assert!(!keep(&mut out, &Field { name: "To", value: value.trim_end_matches(',') }));
        let out = String::from_utf8_lossy(&out).replace("\r\n", "");
        assert_eq!(out, format!("To:{}", value.trim_end_matches(',')), "only line ends are new");
        let words = format!(" {}", "word ".repeat(300));
        let mut out = Vec::new();
        assert!(!keep(&mut out, &Field { name: "Subject", value: &words }));
        let out = String::from_utf8_lossy(&out).into_owned();
        assert!(out.split("\r\n").all(|line| line.len() <= FOLD_AT), "{out}");
        assert_eq!(out.replace("\r\n", ""), format!("Subject:{words}"));
    }

    #[test]
    fn a_line_of_blanks_alone_is_left_out() {
        check("X", " a\r\n \t\r\n b", "X: a\r\n b\r\n", false);
    }

    #[test]
    fn only_what_is_not_ascii_is_encoded_and_every_address_stays() {
        check(
            "To",
            " João <j@x.pt>, =?utf-8?Q?Jo=C3=A3o?= <k@x.pt>, \"a, b\" <l@x.pt>, undisclosed:;",
            "To: =?utf-8?B?Sm/Do28=?= <j@x.pt>, =?utf-8?Q?Jo=C3=A3o?= <k@x.pt>,\r\n \
             \"a, b\" <l@x.pt>, undisclosed:;\r\n",
            false,
        );
        check("To", " ção =?x?= <j@x.pt>", "To: =?utf-8?B?w6fDo28gPT94Pz0=?= <j@x.pt>\r\n", false);
        check("Subject", " Olá", "Subject: =?utf-8?Q?Ol=C3=A1?=\r\n", false);
    }
}
