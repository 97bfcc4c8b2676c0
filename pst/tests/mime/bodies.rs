//! Texts: plain, HTML and rich, in every code page, and how they are encoded on the way.
//! Never looks at attachments beyond rich text that is kept.

use mail_parser::MessageParser;
use malote_pst::item::Part;
use malote_pst::loss::LossKind;
use malote_pst::mime::{FolderRole, Verdict};
use malote_pst::property::{LONE_SURROGATE, Value, ValueType};

use crate::items::{World, binary, blob, damage, lost, mail, text};

/// What a mail with these properties says when another hand reads it: plain text, HTML, kinds of losses.
struct Expected<'e> {
    plain: Option<&'e str>,
    html: Option<&'e str>,
    losses: &'e [LossKind],
}

fn check(pairs: Vec<(u16, Value)>, expected: &Expected<'_>) {
    let mut mail = mail([]);
    mail.properties.0.remove(&0x1000);
    mail.properties.extend(pairs.clone());
    let world = World::default();
    let octets = world.octets(&mail);
    let parsed = MessageParser::new().parse(&octets).expect("it is a message");
    let told = String::from_utf8_lossy(&octets);
    let plain = parsed.text_bodies().find(|part| part.is_text() && !part.is_text_html());
    assert_eq!(plain.and_then(|part| part.text_contents()), expected.plain, "{pairs:?}\n{told}");
    let html = parsed.html_bodies().find(|part| part.is_text_html());
    assert_eq!(html.and_then(|part| part.text_contents()), expected.html, "{pairs:?}\n{told}");
    let kinds: Vec<_> = world.convert(&mail).losses.into_iter().map(|loss| loss.kind).collect();
    assert_eq!(kinds, expected.losses, "{pairs:?}");
}

const fn plain(text: &str) -> Expected<'_> {
    Expected { plain: Some(text), html: None, losses: &[] }
}

const fn html(html: &str) -> Expected<'_> {
    Expected { plain: None, html: Some(html), losses: &[] }
}

/// RTF that is not compressed, as the store holds it.
fn rtf(rtf: &[u8]) -> (u16, Value) {
    let length = u32::try_from(rtf.len()).expect("it is short");
    let octets = [&(length + 12).to_le_bytes()[..], &length.to_le_bytes(), b"MELA", &[0; 4], rtf].concat();
    (0x1009, Value::Binary(octets))
}

#[test]
fn plain_text_keeps_its_words_and_gets_line_ends() {
    check(vec![], &plain(""));
    check(vec![(0x1000, text("ação\nb\rc\r\n"))], &plain("ação\r\nb\r\nc\r\n"));
    check(vec![(0x1000, text("no end"))], &plain("no end"));
    check(vec![(0x1000, text(&"日本語".repeat(2_000)))], &plain(&"日本語".repeat(2_000)));
    check(vec![(0x1000, text(&"x".repeat(200_000)))], &plain(&"x".repeat(200_000)));
    let controls = Expected { losses: &[LossKind::TextControls], ..plain("a\tb\u{C}c") };
    check(vec![(0x1000, text("a\tb\u{C}\u{1}c\u{7F}"))], &controls);
    let parted = Expected { losses: &[LossKind::TextControls], ..plain("\r\n\r\n\r\nx") };
    check(vec![(0x1000, text("\r\u{1B}\n\nx"))], &parted);
}

#[test]
fn strings_of_eight_bits_are_read_in_the_page_that_the_item_says() {
    let narrow = |octets: &[u8]| (0x1000, Value::String8(octets.to_vec()));
    let number = |id, number| (id, Value::Integer32(number));
    check(vec![narrow(b"\x93\xFA\x96{"), number(0x3FFD, 932)], &plain("日本"));
    check(vec![narrow(b"\x93\xFA\x96{"), number(0x3FF1, 0x0411)], &plain("日本"));
    check(vec![narrow(b"\x93\xFA\x96{"), number(0x3FDE, 50220)], &plain("日本"));
    check(vec![narrow(b"\xEF\xF0\xE8"), number(0x3FFD, 1200), number(0x3FF1, 0x0419)], &plain("при"));
    check(vec![narrow(b"a\xE7\xE3o\0")], &plain("ação"));
    check(vec![narrow(b"a\x87\xC6o"), number(0x3FFD, 850)], &plain("ação"));
    let broken = Expected { losses: &[LossKind::TextUndecodable], ..plain("a\u{FFFD}") };
    check(vec![narrow(b"a\xFF"), number(0x3FFD, 65001)], &broken);
}

#[test]
fn html_says_what_it_said() {
    let page = |number| (0x3FDE, Value::Integer32(number));
    check(vec![(0x1013, text("<p>日本</p>\n"))], &html("<p>日本</p>\r\n"));
    check(vec![(0x1013, binary("<p>ação</p>".as_bytes())), page(65001)], &html("<p>ação</p>"));
    check(vec![(0x1013, binary(b"<p>a\xE7\xE3o</p>")), page(28591)], &html("<p>ação</p>"));
    check(vec![(0x1013, binary(b"<p>\x93\xFA\x96{</p>")), page(932)], &html("<p>日本</p>"));
    check(vec![(0x1013, binary(b"<p>\x1B$BF|K\\\x1B(B</p>")), page(50220)], &html("<p>日本</p>"));
    check(vec![(0x1013, binary("<p>ação</p>".as_bytes())), page(20127)], &html("<p>ação</p>"));
    let wide = "<p>Olá, Ελλάδα 日本</p>";
    let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    for end in [&b""[..], b"\0\0", b"\0"] {
        for page in [vec![page(1200)], vec![page(1252)], vec![]] {
            let marked = [b"\xFF\xFE", &little(wide)[..], end].concat();
            check([vec![(0x1013, binary(&marked))], page.clone()].concat(), &html(wide));
            let marked = [b"\xFE\xFF", &big(wide)[..], end].concat();
            check([vec![(0x1013, binary(&marked))], page.clone()].concat(), &html(wide));
            let bare = [&little(wide)[..], end].concat();
            check([vec![(0x1013, binary(&bare))], page.clone()].concat(), &html(wide));
            let ascii = [&little("<html>Ana</html>")[..], end].concat();
            check([vec![(0x1013, binary(&ascii))], page].concat(), &html("<html>Ana</html>"));
        }
    }
    let both = Expected { plain: Some("dois"), html: Some("<p>dois</p>"), losses: &[] };
    check(vec![(0x1000, text("dois")), (0x1013, binary(b"<p>dois</p>"))], &both);
}

#[test]
fn rich_text_gives_back_what_it_wraps() {
    let wrapped =
        br"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}{\f1\fcharset204 Times;}}
{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 a\'e7\'e3o {\f1\'ef\'f0}\u-10179 ?\u-8704 ? {\*\htmltag84 &nbsp;}
\htmlrtf \'a0\htmlrtf0
\{x\}\~{\*\mhtmltag64 <no>}{\*\htmltag72 </p>}\htmlrtf }\htmlrtf0\par
}";
    check(vec![rtf(wrapped)], &html("<p>ação пр\u{1F600} &nbsp;{x}&nbsp;</p>\r\n"));
    let from_text = br"{\rtf1\ansi\ansicpg1252\fromtext \deff0{\fonttbl{\f0\fswiss Arial;}}a\'e7\'e3o\par
\tab b\line c}";
    check(vec![rtf(from_text)], &plain("ação\r\n\tb\r\nc"));
    check(vec![rtf(from_text), (0x1000, text("o outro"))], &plain("o outro"));
    // From `\plain` on text has the default font again, and its page.
    let reset = br"{\rtf1\ansi\ansicpg1252\fromtext \deff0{\fonttbl{\f0 Arial;}{\f1\fcharset204 Times;}}
\f1\'ef\'f0\plain  \'e7\'e3o}";
    check(vec![rtf(reset)], &plain("пр ção"));
}

#[test]
fn what_is_rich_by_itself_gives_its_words_and_is_kept() {
    let rich = br"{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\colortbl;\red0;}{\*\generator x;}
\b fort\'e9\b0\par {\v no}{\pict 00}x}";
    let mut mail = mail([rtf(rich)]);
    mail.properties.0.remove(&0x1000);
    let octets = World::default().octets(&mail);
    let parsed = MessageParser::new().parse(&octets).expect("it is a message");
    assert_eq!(parsed.body_text(0).as_deref(), Some("forté\r\nx"));
    assert_eq!(parsed.attachment(0).map(|part| part.contents()), Some(&rich[..]));
    let broken = Expected { losses: &[LossKind::RtfBroken], ..plain("") };
    check(vec![(0x1009, binary(b"too short"))], &broken);
}

#[test]
fn long_bodies_are_read_and_those_beyond_the_limit_become_files() {
    let wide: Vec<u8> = "longo ".repeat(10).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let long = Value::Long(ValueType::String, blob(&wide));
    check(vec![(0x1000, long)], &plain(&"longo ".repeat(10)));
    let world = World::default();
    let huge = mail([(0x1000, Value::Long(ValueType::String, lost(1 << 40)))]);
    let converted = world.convert(&huge);
    assert_eq!(converted.losses.first().map(|loss| loss.kind), Some(LossKind::BodyAttached));
    let message = converted.message.expect("it is carried");
    assert!(message.octets() > 1 << 40 && message.octets_held() < 10_000);
    let gone = mail([(0x1000, Value::Long(ValueType::String, lost(100)))]);
    assert!(matches!(world.convert(&gone).verdict, Verdict::Quarantine(_)));
}

#[test]
fn long_html_that_is_unicode_is_decoded_as_unicode_whatever_is_wrong_with_it() {
    let mut units: Vec<u16> = "<p>ação ".encode_utf16().collect();
    units.extend([0xD83D, u16::from(b'x'), 0]);
    let wide: Vec<u8> = units.into_iter().flat_map(u16::to_le_bytes).collect();
    let mut mail = mail([(0x1013, Value::Long(ValueType::String, blob(&wide)))]);
    mail.properties.0.remove(&0x1000);
    let world = World::default();
    assert_eq!(world.convert(&mail).losses.first().map(|loss| loss.kind), Some(LossKind::TextUndecodable));
    let octets = world.octets(&mail);
    let parsed = MessageParser::new().parse(&octets).expect("it is a message");
    assert_eq!(parsed.body_html(0).as_deref(), Some("<p>ação \u{FFFD}x"));
}

#[test]
fn a_body_that_the_reader_could_not_read_is_a_reason_for_the_quarantine() {
    for (part, is_kept_back) in [
        (Part::Property(0x1000), true),
        (Part::Property(0x1013), true),
        (Part::Property(0x0037), true),
        (Part::Properties, true),
        (Part::Attachments, true),
        (Part::Limit, true),
        (Part::Property(0x0070), false),
        (Part::Recipients, true),
    ] {
        let mut mail = mail([]);
        mail.damage.push(damage(part));
        let converted = World::default().convert(&mail);
        assert_eq!(matches!(converted.verdict, Verdict::Quarantine(_)), is_kept_back, "{part:?}");
        assert_eq!(converted.message.is_none(), is_kept_back, "{part:?}");
        assert!(!converted.losses.is_empty(), "{part:?}");
    }
}

#[test]
fn a_recipient_table_that_cannot_be_read_is_excused_only_by_headers_that_say_what_it_said() {
    let came = "From: ana@exemplo.pt\r\nTo: bruno@exemplo.pt\r\n\r\n";
    let copied = "Received: from a\r\nCc: bruno@exemplo.pt\r\n\r\n";
    let nobody = "From: ana@exemplo.pt\r\nTo:\r\n\r\n";
    for (headers, role, flags, shown, is_carried) in [
        (came, FolderRole::Other, 0x1, &[][..], true),
        (came, FolderRole::Other, 0x1, &[(0x0E04, "Bruno"), (0x0E03, " ")], true),
        (copied, FolderRole::Other, 0x1, &[], true),
        (copied, FolderRole::Other, 0x1, &[(0x0E04, "Carla")], false),
        (came, FolderRole::Other, 0x1, &[(0x0E03, "Carla")], false),
        (came, FolderRole::Other, 0x1, &[(0x0E02, "Carla")], false),
        (nobody, FolderRole::Other, 0x1, &[], false),
        (came, FolderRole::Sent, 0x1, &[], false),
        (came, FolderRole::Drafts, 0x1, &[], false),
        (came, FolderRole::Other, 0x9, &[], false),
        (came, FolderRole::Other, 0x21, &[], false),
    ] {
        let mut mail = mail([(0x007D, text(headers)), (0x0E07, Value::Integer32(flags))]);
        mail.properties.extend(shown.iter().map(|(id, name)| (*id, text(name))));
        mail.recipients.clear();
        mail.damage.push(damage(Part::Recipients));
        let world = World { role, ..World::default() };
        let verdict = world.convert(&mail).verdict;
        assert_eq!(
            verdict == Verdict::Carry,
            is_carried,
            "{headers:?} {role:?} {flags:#x} {shown:?}: {verdict:?}"
        );
    }
}

#[test]
fn letters_that_are_lost_are_told_wherever_they_stand() {
    let narrow = |octets: &[u8]| Value::String8(octets.to_vec());
    let page = (0x3FFD, Value::Integer32(932));
    for (id, value, is_told) in [
        (0x0037, narrow(b"Ol\xE1"), true),
        (0x0037, narrow(b"\x93\xFA\x96{"), false),
        (0x0042, narrow(b"Gon\xE7"), true),
        (0x007D, narrow(b"X-Spam: Ol\xE1\r\n"), true),
        (0x007D, text("Received: x\r\r\nReferences: <a@b>\r\r\n"), true),
        (0x007D, text("Received: x\r\n\r\n--b\r\nContent-Type: text/plain\r\n"), false),
        (0x1000, text("a\0b"), true),
        (0x1000, text("a\0"), false),
        (0x0037, text(&format!("cut {LONE_SURROGATE}")), true),
        (0x0037, text("kept \u{FFFD} 😀 \u{100000}"), false),
        (0x0E05, Value::Many(vec![text("a"), text(&format!("{LONE_SURROGATE}\0"))]), true),
        (0x0E05, Value::Many(vec![text("a"), text("\u{FFFD}")]), false),
    ] {
        let losses = World::default().convert(&mail([page.clone(), (id, value.clone())])).losses;
        assert_eq!(losses.iter().any(|loss| loss.property == Some(id)), is_told, "{value:?}: {losses:?}");
    }
}

#[test]
fn a_subject_that_was_edited_since_it_came_is_told() {
    let came = (0x007D, text("Subject: =?utf-8?Q?Ol=C3=A1?=\r\n"));
    for (shown, is_told) in [("Olá", false), ("Olá, pago", true)] {
        let losses = World::default().convert(&mail([came.clone(), (0x0037, text(shown))])).losses;
        assert_eq!(losses.iter().any(|loss| loss.property == Some(0x0037)), is_told, "{shown}: {losses:?}");
    }
}
