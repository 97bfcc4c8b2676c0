//! FETCH: the items of a message, true or as the letter lies.

use super::grammar::{Command, Token};
use super::session::Session;
use super::store::{Stored, WireDate};

impl Session {
    pub(super) fn fetch(&mut self, command: &Command) -> String {
        let Some(selected) = &self.selected else { return "BAD select a folder first".to_owned() };
        let (name, is_read_only) = (selected.name.clone(), selected.is_read_only);
        let by_uid = command.verb.starts_with("UID ");
        let [set, items, modifiers @ ..] = command.arguments.as_slice() else {
            return "BAD FETCH takes a set and items".to_owned();
        };
        let mut items: Vec<String> = items.members().iter().flat_map(|item| expanded(&item.text())).collect();
        let changed_since = changed_since(modifiers);
        if by_uid && !items.iter().any(|item| item.eq_ignore_ascii_case("UID")) {
            items.insert(0, "UID".to_owned());
        }
        if changed_since.is_some() && !items.iter().any(|item| item.eq_ignore_ascii_case("MODSEQ")) {
            items.push("MODSEQ".to_owned());
        }
        for (number, stored) in self.in_set(&set.text(), by_uid) {
            if stored.letter.is_unanswered || changed_since.is_some_and(|floor| stored.modseq <= floor) {
                continue;
            }
            let sets_seen = items.iter().any(|item| item.to_ascii_uppercase().starts_with("BODY["));
            if sets_seen && !is_read_only && !stored.has_flag("\\Seen") {
                let seen = |letter: &mut super::store::Letter| letter.flags.push("\\Seen".to_owned());
                self.world().lock().make(&name).touch(stored.uid, seen);
            }
            self.fetched(number, &stored, &items);
        }
        "OK fetched".to_owned()
    }

    fn fetched(&mut self, number: u32, stored: &Stored, items: &[String]) {
        let mut answer = format!("* {number} FETCH (").into_bytes();
        let mut is_first = true;
        for item in items {
            let Some(value) = value(stored, item) else { continue };
            if !is_first {
                answer.push(b' ');
            }
            is_first = false;
            answer.extend_from_slice(&value);
        }
        answer.extend_from_slice(b")\r\n");
        self.out.append(&mut answer);
    }
}

fn expanded(item: &str) -> Vec<String> {
    let names: &[&str] = match item.to_ascii_uppercase().as_str() {
        "FAST" | "ALL" | "FULL" => &["FLAGS", "INTERNALDATE", "RFC822.SIZE"],
        _ => &[item],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn changed_since(modifiers: &[Token]) -> Option<u64> {
    let words: Vec<String> = modifiers.iter().flat_map(Token::members).map(Token::upper).collect();
    let place = words.iter().position(|word| word == "CHANGEDSINCE")?;
    words.get(place + 1)?.parse().ok()
}

fn value(stored: &Stored, item: &str) -> Option<Vec<u8>> {
    let letter = &stored.letter;
    let upper = item.to_ascii_uppercase();
    let text = match upper.as_str() {
        "UID" => format!("UID {}", stored.uid),
        "FLAGS" => format!("FLAGS ({})", letter.flags.join(" ")),
        "MODSEQ" => format!("MODSEQ ({})", stored.modseq),
        "RFC822.SIZE" => {
            let size = letter.claimed_size.clone().unwrap_or_else(|| letter.octets.len().to_string());
            format!("RFC822.SIZE {size}")
        }
        "INTERNALDATE" => match &letter.date {
            WireDate::Quoted(date) => format!("INTERNALDATE \"{date}\""),
            WireDate::Nil => "INTERNALDATE NIL".to_owned(),
            WireDate::Missing => return None,
        },
        "RFC822" => return Some(literal("RFC822", &letter.octets)),
        "RFC822.HEADER" => return Some(literal("RFC822.HEADER", header(&letter.octets))),
        _ if upper.starts_with("BODY[") || upper.starts_with("BODY.PEEK[") => {
            return section(&letter.octets, item);
        }
        _ => {
            let (name, raw) = letter.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(item))?;
            format!("{name} {raw}")
        }
    };
    Some(text.into_bytes())
}

/// `BODY[section]<start>` and its literal; a section that this server does not know is NIL.
fn section(octets: &[u8], item: &str) -> Option<Vec<u8>> {
    let open = item.find('[')?;
    let close = item.rfind(']')?;
    let section = item.get(open + 1..close)?;
    let upper = section.to_ascii_uppercase();
    let part: Vec<u8> = match upper.as_str() {
        "" => octets.to_vec(),
        "HEADER" => header(octets).to_vec(),
        "TEXT" => octets[header(octets).len()..].to_vec(),
        _ => match upper.strip_prefix("HEADER.FIELDS ") {
            Some(names) => fields(header(octets), names),
            None => return Some(format!("BODY[{section}] NIL").into_bytes()),
        },
    };
    let partial = item.get(close + 1..).unwrap_or_default().trim_matches(['<', '>']);
    let Some((start, length)) = partial.split_once('.') else {
        return Some(literal(&format!("BODY[{section}]"), &part));
    };
    let (start, length): (usize, usize) = (start.parse().ok()?, length.parse().ok()?);
    let from = start.min(part.len());
    let to = start.saturating_add(length).min(part.len());
    Some(literal(&format!("BODY[{section}]<{start}>"), &part[from..to]))
}

fn literal(label: &str, octets: &[u8]) -> Vec<u8> {
    let mut text = format!("{label} {{{}}}\r\n", octets.len()).into_bytes();
    text.extend_from_slice(octets);
    text
}

/// The header with its blank line; the whole message when it has none.
fn header(octets: &[u8]) -> &[u8] {
    if octets.starts_with(b"\r\n") {
        return &octets[..2];
    }
    let end = octets.windows(4).position(|window| window == b"\r\n\r\n");
    &octets[..end.map_or(octets.len(), |end| end + 4)]
}

fn fields(header: &[u8], names: &str) -> Vec<u8> {
    let wanted: Vec<&str> =
        names.trim_matches(['(', ')']).split_whitespace().map(|name| name.trim_matches('"')).collect();
    let mut kept = Vec::new();
    let mut is_wanted = false;
    for line in header.split_inclusive(|octet| *octet == b'\n') {
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            let name = line.split(|octet| *octet == b':').next().unwrap_or_default();
            is_wanted = wanted.iter().any(|own| own.as_bytes().eq_ignore_ascii_case(name.trim_ascii()));
        }
        if is_wanted {
            kept.extend_from_slice(line);
        }
    }
    kept.extend_from_slice(b"\r\n");
    kept
}

/// The value of one header field, unfolded blanks kept; for SEARCH.
pub(super) fn field_holds(octets: &[u8], name: &str, part: &str) -> bool {
    let found = fields(header(octets), name);
    let found = String::from_utf8_lossy(&found).to_ascii_lowercase();
    let value = found.split_once(':').map(|(_, value)| value);
    value.is_some_and(|value| value.contains(&part.to_ascii_lowercase()))
}
