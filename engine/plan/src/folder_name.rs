//! Folder names between the wire and Unicode: modified UTF-7 or UTF-8, delimiters and the namespace's prefix.
//! Never refuses a name: what breaks the rules is kept as readable text, and its octets stay in `Folder::wire`.
//!
//! Below a prefix such as `INBOX.` the wire's `INBOX.Sent` is the path `[Sent]`, while `INBOX` stays `[INBOX]`.
//! There a path `[INBOX, Status]` is only another way to write `[Status]`: both are `INBOX.Status` on the wire.
//! A folder that is called INBOX below the prefix (`INBOX.INBOX`) keeps the prefix as a level, `[INBOX, INBOX]`,
//! so that it is never taken for the inbox.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::folder::{FolderPath, Naming, WireName, is_inbox_name};

/// Reads a name as a server listed it with `delimiter`. Total: a shift that is not modified UTF-7 stays literal,
/// octets over 127 are UTF-8 where they can be and Latin-1 else, empty levels are passed over, and a name of
/// delimiters alone is `_`.
#[must_use]
pub fn decode(wire: &[u8], delimiter: Option<char>, naming: &Naming) -> FolderPath {
    let mut levels = split(wire, delimiter, naming.is_utf8);
    levels.retain(|level| !level.is_empty());
    if levels.first().is_some_and(|level| is_inbox_name(level)) {
        levels[0] = crate::folder::INBOX.into();
    }
    let prefix = prefix_levels(naming);
    if !prefix.is_empty()
        && levels.len() > prefix.len()
        && levels.starts_with(&prefix)
        && !stands_outside(&levels[prefix.len()..], &prefix)
    {
        levels.drain(..prefix.len());
    }
    FolderPath::new(levels).unwrap_or_else(|| FolderPath::root(""))
}

/// Writes a path as this server would list it. A level that holds the delimiter reads back as two, and a server
/// without a delimiter takes one level: `mapping` sees to both before anything is created.
#[must_use]
pub fn encode(path: &FolderPath, naming: &Naming) -> WireName {
    let mut levels = prefix_levels(naming);
    if stands_outside(path.levels(), &levels) {
        levels.clear();
    }
    levels.extend_from_slice(path.levels());
    let mut wire = Vec::new();
    for (index, level) in levels.iter().enumerate() {
        if index > 0 {
            let mut octets = [0; 4];
            wire.extend_from_slice(naming.delimiter.unwrap_or('_').encode_utf8(&mut octets).as_bytes());
        }
        if naming.is_utf8 {
            wire.extend_from_slice(level.as_bytes());
        } else {
            write_utf7(level, &mut wire);
        }
    }
    WireName(wire)
}

/// The one path that a server with this naming lists for `path`: where the prefix is `INBOX.`, `[INBOX, Status]`
/// becomes `[Status]`. A server without a delimiter lists no path of several levels: it is given back as it is.
#[must_use]
pub fn as_listed(path: &FolderPath, naming: &Naming) -> FolderPath {
    if naming.delimiter.is_none() {
        return path.clone();
    }
    decode(&encode(path, naming).0, naming.delimiter, naming)
}

fn prefix_levels(naming: &Naming) -> Vec<String> {
    let Some(delimiter) = naming.delimiter else { return Vec::new() };
    let levels: Vec<String> =
        naming.prefix.split(delimiter).filter(|level| !level.is_empty()).map(String::from).collect();
    FolderPath::new(levels).map_or_else(Vec::new, |path| path.levels().to_vec())
}

/// True for a path that carries no prefix on the wire: INBOX and what lies below it, and, however often the prefix
/// is repeated, a folder whose name would be taken for INBOX once the prefix is gone.
fn stands_outside(levels: &[String], prefix: &[String]) -> bool {
    let mut rest = levels;
    loop {
        if rest.first().is_some_and(|level| is_inbox_name(level)) {
            return true;
        }
        match rest.strip_prefix(prefix) {
            Some(shorter) if !prefix.is_empty() => rest = shorter,
            _ => return false,
        }
    }
}

/// Splits on the wire, where a delimiter that is also a base64 character may stand inside a shift.
fn split(wire: &[u8], delimiter: Option<char>, is_utf8: bool) -> Vec<String> {
    let mut octets = [0; 4];
    let delimiter: &[u8] = delimiter.map_or(&[], |delimiter| delimiter.encode_utf8(&mut octets).as_bytes());
    let mut levels = vec![String::new()];
    let (mut at, mut literal_from) = (0, 0);
    while at < wire.len() {
        let shift = if is_utf8 { None } else { read_shift(&wire[at..]) };
        let ends_level = !delimiter.is_empty() && wire[at..].starts_with(delimiter);
        if shift.is_none() && !ends_level {
            at += 1;
            continue;
        }
        let level = levels.last_mut().expect("the vector starts with one level and only grows");
        level.push_str(&text(&wire[literal_from..at]));
        if let Some((decoded, length)) = shift {
            level.push_str(&decoded);
            at += length;
        } else {
            levels.push(String::new());
            at += delimiter.len();
        }
        literal_from = at;
    }
    let level = levels.last_mut().expect("the vector starts with one level and only grows");
    level.push_str(&text(&wire[literal_from..]));
    levels
}

/// UTF-8 where the octets are, else each octet as its Latin-1 character.
fn text(octets: &[u8]) -> String {
    match core::str::from_utf8(octets) {
        Ok(text) => text.into(),
        Err(_) => octets.iter().map(|&octet| char::from(octet)).collect(),
    }
}

/// The base64 alphabet of RFC 3501 §5.1.3: `,` stands for `/`.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// Reads `&…-` at the start of `wire`: its text and its length in octets; nothing where it is not one whole,
/// well-formed shift.
fn read_shift(wire: &[u8]) -> Option<(String, usize)> {
    let inside = wire.strip_prefix(b"&")?;
    let length = inside.iter().position(|octet| !ALPHABET.contains(octet))?;
    if inside[length] != b'-' {
        return None;
    }
    if length == 0 {
        return Some(("&".into(), 2));
    }
    let (mut units, mut bits, mut bit_count) = (Vec::new(), 0_u32, 0);
    for octet in &inside[..length] {
        let value = ALPHABET.iter().position(|letter| letter == octet)?;
        bits = (bits << 6) | u32::try_from(value).ok()?;
        bit_count += 6;
        if bit_count >= 16 {
            bit_count -= 16;
            units.push(u16::try_from(bits >> bit_count).ok()?);
            bits &= (1 << bit_count) - 1;
        }
    }
    if bits != 0 || bit_count >= 6 {
        return None;
    }
    let decoded = String::from_utf16(&units).ok()?;
    Some((decoded, length + 2))
}

fn write_utf7(level: &str, wire: &mut Vec<u8>) {
    let mut rest = level;
    while let Some(first) = rest.chars().next() {
        let shifted = rest.find(is_direct).unwrap_or(rest.len());
        if shifted > 0 {
            write_shift(&rest[..shifted], wire);
            rest = &rest[shifted..];
            continue;
        }
        let mut octets = [0; 4];
        wire.extend_from_slice(first.encode_utf8(&mut octets).as_bytes());
        if first == '&' {
            wire.push(b'-');
        }
        rest = &rest[first.len_utf8()..];
    }
}

/// Printable ASCII stands for itself (`&` as `&-`).
fn is_direct(character: char) -> bool {
    matches!(character, ' '..='~')
}

fn write_shift(text: &str, wire: &mut Vec<u8>) {
    wire.push(b'&');
    let (mut bits, mut bit_count) = (0_u32, 0);
    for unit in text.encode_utf16() {
        bits = (bits << 16) | u32::from(unit);
        bit_count += 16;
        while bit_count >= 6 {
            bit_count -= 6;
            wire.push(ALPHABET[(bits >> bit_count) as usize & 63]);
            bits &= (1 << bit_count) - 1;
        }
    }
    if bit_count > 0 {
        wire.push(ALPHABET[(bits << (6 - bit_count)) as usize & 63]);
    }
    wire.push(b'-');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naming(prefix: &str, delimiter: char, is_utf8: bool) -> Naming {
        Naming { delimiter: Some(delimiter), prefix: prefix.into(), is_utf8, ignores_case: false }
    }

    fn path(levels: &[&str]) -> FolderPath {
        FolderPath::new(levels.iter().map(|level| String::from(*level)).collect()).unwrap()
    }

    fn check(prefix: &str, delimiter: char, wire: &[u8], levels: &[&str]) {
        let naming = naming(prefix, delimiter, false);
        assert_eq!(decode(wire, Some(delimiter), &naming), path(levels), "{}", wire.escape_ascii());
    }

    fn check_both_ways(prefix: &str, delimiter: char, wire: &str, levels: &[&str]) {
        check(prefix, delimiter, wire.as_bytes(), levels);
        assert_eq!(encode(&path(levels), &naming(prefix, delimiter, false)).0, wire.as_bytes(), "{wire}");
    }

    #[test]
    fn legal_names_are_read_and_written() {
        for (prefix, delimiter, wire, levels) in [
            ("", '/', "Itens Exclu&AO0-dos", &["Itens Excluídos"][..]),
            ("", '/', "Lixo Eletr&APQ-nico", &["Lixo Eletrônico"]),
            ("", '/', "&AMk-l&AOk-ments envoy&AOk-s", &["Éléments envoyés"]),
            ("", '/', "Gel&APY-schte Elemente", &["Gelöschte Elemente"]),
            ("", '/', "Entw&APw-rfe", &["Entwürfe"]),
            ("", '/', "Wys&AUI-ane", &["Wysłane"]),
            ("", '/', "&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-", &["Отправленные"]),
            ("", '/', "&kAFP4W4IMH8wojCkMMYw4A-", &["送信済みアイテム"]),
            ("", '/', "&XfJT0ZABkK5O9g-", &["已发送邮件"]),
            ("", '/', "Caixa de Sa&AO0-da", &["Caixa de Saída"]),
            ("", '/', "&2D3eAA-", &["😀"]),
            ("", '/', "R&-D/&AAE-/ x ", &["R&D", "\u{1}", " x "]),
            ("", '/', "INBOX", &["INBOX"]),
            ("", '/', "INBOX/Status", &["INBOX", "Status"]),
            ("", '.', "a/b.c", &["a/b", "c"]),
            ("INBOX.", '.', "INBOX", &["INBOX"]),
            ("INBOX.", '.', "INBOX.Sent", &["Sent"]),
            ("INBOX.", '.', "INBOX.INBOX", &["INBOX", "INBOX"]),
            ("INBOX.", '.', "INBOX.Inbox.x", &["INBOX", "Inbox", "x"]),
            ("Mail/", '/', "Mail/Sent", &["Sent"]),
            ("Mail/", '/', "INBOX/x", &["INBOX", "x"]),
            ("Mail/", '/', "Mail/Mail/x", &["Mail", "x"]),
            ("Mail/", '/', "Mail/inbox", &["Mail", "inbox"]),
            ("Mail/", '/', "Mail/Mail/Inbox", &["Mail", "Mail", "Inbox"]),
            ("", '+', "a+&2D3e+w-+b", &["a", "🛻", "b"]),
            ("", ',', "&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-,x", &["Отправленные", "x"]),
            ("", '-', "&AOk--b", &["é", "b"]),
            ("", 'A', "&AOk-Ab", &["é", "b"]),
        ] {
            check_both_ways(prefix, delimiter, wire, levels);
        }
    }

    #[test]
    fn a_name_that_breaks_the_rules_is_still_readable() {
        for (prefix, delimiter, wire, levels) in [
            ("", '/', &b"Tom & Jerry"[..], &["Tom & Jerry"][..]),
            ("", '/', b"&AO", &["&AO"]),
            ("", '/', b"&A-", &["&A-"]),
            ("", '/', b"&2D0-x", &["&2D0-x"]),
            ("", '/', b"&AO/k-", &["&AO", "k-"]),
            ("", '/', b"&AGEAYg-", &["ab"]),
            ("", '/', b"&AOk-&AOk-", &["éé"]),
            ("", '/', "Saída".as_bytes(), &["Saída"]),
            ("", '/', b"Sa\xedda", &["Saída"]),
            ("", '/', b"a//b/", &["a", "b"]),
            ("", '/', b"/a", &["a"]),
            ("", '/', b"/", &["_"]),
            ("", '/', b"", &["_"]),
            ("", '/', b"inbox/Status", &["INBOX", "Status"]),
            ("INBOX.", '.', b"Inbox.Sent", &["Sent"]),
            ("INBOX.", '.', b"INBOX.", &["INBOX"]),
            ("INBOX.", '.', b"user.ana", &["user", "ana"]),
            ("INBOX", '.', b"INBOX.Sent", &["Sent"]),
        ] {
            check(prefix, delimiter, wire, levels);
        }
        assert_eq!(decode(b"a/b", None, &naming("", '/', false)), path(&["a/b"]));
        assert_eq!(decode("R&D/é".as_bytes(), Some('/'), &naming("", '/', true)), path(&["R&D", "é"]));
    }

    #[test]
    fn below_an_inbox_prefix_a_child_of_inbox_is_a_top_level_folder() {
        let naming = naming("INBOX.", '.', false);
        assert_eq!(encode(&path(&["INBOX", "Status"]), &naming), encode(&path(&["Status"]), &naming));
        assert_eq!(as_listed(&path(&["INBOX", "Status"]), &naming), path(&["Status"]));
        assert_eq!(as_listed(&path(&["INBOX", "Inbox"]), &naming), path(&["INBOX", "Inbox"]));
    }

    fn levels() -> impl Strategy<Value = Vec<String>> {
        let level = prop_oneof![
            "[ -~]{1,6}",
            any::<String>(),
            Just("INBOX".into()),
            Just("inbox".into()),
            Just("Mail".into()),
            "[&,a-é-]{1,5}",
        ];
        prop::collection::vec(level, 1..5)
    }

    proptest! {
        #[test]
        fn every_path_survives_the_wire(
            levels in levels(),
            delimiter in prop::sample::select(vec!['/', '.', '\\', '^', '+', ',', '-', 'A', 'x', '|']),
            prefix in prop::sample::select(vec!["", "INBOX", "Mail", "Mail/Old"]),
            is_utf8: bool,
        ) {
            let whole = |level: &String| match level.replace(delimiter, "") {
                level if level.is_empty() => "x".replace(delimiter, "y"),
                level => level,
            };
            let levels = levels.iter().map(whole).collect();
            let prefix = if prefix.is_empty() { prefix.into() } else {
                let mut prefix = prefix.replace('/', delimiter.encode_utf8(&mut [0; 4]));
                prefix.push(delimiter);
                prefix
            };
            let naming = naming(&prefix, delimiter, is_utf8);
            let path = FolderPath::new(levels).unwrap();
            let wire = encode(&path, &naming);
            let listed = decode(&wire.0, Some(delimiter), &naming);
            prop_assert_eq!(encode(&listed, &naming), wire);
            let is_alias = prefix.starts_with("INBOX") && path.levels()[0] == "INBOX";
            if !is_alias {
                prop_assert_eq!(listed, path);
            }
        }

        #[test]
        fn any_octets_give_a_path(
            wire in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"&-/.AOk,".to_vec())], 0..40),
            is_utf8: bool,
        ) {
            let naming = naming("INBOX.", '.', is_utf8);
            let path = decode(&wire, Some('.'), &naming);
            prop_assert!(path.levels().iter().all(|level| !level.is_empty()));
            prop_assert_eq!(as_listed(&path, &naming), path);
        }
    }
}
