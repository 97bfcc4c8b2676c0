//! Items at random, hostile ones among them: whatever goes in, a legal message with the same content comes out.
//! Never decides by luck: a failing case is shrunk and printed with its seed.

use mail_parser::{HeaderName, Message, MessageParser, PartType};
use malote_pst::item::{Attachment, Item};
use malote_pst::property::{LONE_SURROGATE, Properties, Value};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::items::{World, decoded, file, mail, properties, recipient, text};

const NASTY: [&str; 17] = [
    "\r\nX-Injected: 1\r\n",
    "\n\n",
    "\r",
    "\0",
    "\u{1B}",
    "=?utf-8?Q?=0D=0A?=",
    "\"",
    "\\",
    "<a@b>",
    ",",
    ";",
    "ç",
    "日本語",
    "\u{1F600}",
    "\u{10FFFF}",
    "  ",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

/// Pieces of RTF that change what follows.
const RTF: [&str; 18] = [
    "{",
    "}",
    "{\\*\\htmltag64 ",
    "\\htmlrtf ",
    "\\htmlrtf0 ",
    "{\\rtf1\\ansi\\fromhtml1 ",
    "{\\rtf1\\fromtext ",
    "\\u-10179 ?",
    "\\u-8704 ",
    "\\uc3 ",
    "\\'e7",
    "\\'",
    "{\\fonttbl{\\f1\\fcharset128 }}",
    "\\f1 ",
    "\\bin9 ",
    "\\par ",
    "text",
    "\\~\\{",
];

/// Words, nasty pieces and any characters, in any order.
fn string() -> impl Strategy<Value = String> {
    let nasty = (0..NASTY.len()).prop_map(|place| NASTY[place].to_owned());
    let plain = (0..4_usize).prop_map(|place| ["a", "word ", "Ana", "x@y.example"][place].to_owned());
    let any = any::<String>();
    vec(prop_oneof![3 => plain, 2 => nasty, 1 => any], 0..12).prop_map(|pieces| pieces.concat())
}

/// A value of any type, as a broken store gives it for any property.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => string().prop_map(Value::String),
        2 => vec(any::<u8>(), 0..200).prop_map(Value::String8),
        2 => vec(any::<u8>(), 0..200).prop_map(Value::Binary),
        1 => any::<i32>().prop_map(Value::Integer32),
        1 => any::<u64>().prop_map(Value::Time),
        1 => vec(string().prop_map(Value::String), 0..4).prop_map(Value::Many),
        1 => Just(Value::Null),
    ]
}

const IDS: [u16; 46] = [
    0x0017, 0x0026, 0x0029, 0x0036, 0x0037, 0x0039, 0x003D, 0x0041, 0x0042, 0x004F, 0x0064, 0x0065, 0x0070,
    0x0071, 0x007D, 0x0C19, 0x0C1A, 0x0C1E, 0x0C1F, 0x0E02, 0x0E03, 0x0E04, 0x0E06, 0x0E07, 0x0E1D, 0x1000,
    0x1001, 0x1009, 0x1013, 0x1035, 0x1039, 0x1042, 0x1046, 0x1080, 0x1081, 0x1090, 0x3007, 0x3FDE, 0x3FF1,
    0x3FFD, 0x5D01, 0x5D02, 0x8001, 0x8002, 0x8003, 0x8004,
];
const CLASSES: [&str; 8] = [
    "IPM.Note",
    "IPM.Note.SMIME",
    "IPM.Note.SMIME.MultipartSigned",
    "REPORT.IPM.Note.NDR",
    "REPORT.IPM.Note.IPNRN",
    "IPM.Schedule.Meeting.Request",
    "IPM.Appointment",
    "IPM.Contact",
];

fn any_properties(ids: &'static [u16]) -> impl Strategy<Value = Properties> {
    vec(((0..ids.len()).prop_map(|place| ids[place]), value()), 0..14).prop_map(properties)
}

fn any_attachment() -> impl Strategy<Value = Attachment> {
    let ids = &[0x3001, 0x3703, 0x3704, 0x3707, 0x370E, 0x3712, 0x3713];
    (any_properties(ids), vec(any::<u8>(), 0..300)).prop_map(|(properties, octets)| {
        let mut file = file(0, "f", &octets);
        file.properties = properties;
        file
    })
}

fn any_item() -> impl Strategy<Value = Item> {
    let recipients =
        vec(any_properties(&[0x0C15, 0x3001, 0x3002, 0x3003, 0x39FE, 0x0FFF, 0x0C20, 0x0C1B]), 0..4);
    (0..CLASSES.len(), any_properties(&IDS), recipients, vec(any_attachment(), 0..3)).prop_map(
        |(class, properties, recipients, mut attachments)| {
            let mut item = mail([]);
            item.properties.extend(properties.0);
            item.properties.0.insert(0x001A, text(CLASSES[class]));
            item.recipients.extend(recipients);
            for (number, attachment) in (0..).zip(&mut attachments) {
                attachment.number = number;
            }
            item.attachments = attachments;
            item
        },
    )
}

fn injected(message: &Message<'_>) -> bool {
    message.parts.iter().any(|part| {
        let own = part
            .headers
            .iter()
            .any(|header| matches!(&header.name, HeaderName::Other(name) if name == "X-Injected"));
        own || matches!(&part.body, PartType::Message(inner) if injected(inner))
    })
}

/// A header's text as a reader gives it back: without controls, spaces in a row as one; blanks alone are nothing.
fn squeezed(text: &str) -> String {
    let spaced: String = text.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
    if spaced.trim().is_empty() {
        return String::new();
    }
    spaced.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    #[test]
    fn whatever_an_item_holds_its_message_is_legal(mut item in any_item()) {
        // A header that came with the mail may be called anything; those that did not may not come to be.
        if !matches!(item.properties.get(0x007D), Some(Value::String(_) | Value::String8(_))) {
            item.properties.0.remove(&0x007D);
        }
        // What belongs to the folder is nobody's message.
        if let Some(Value::Integer32(flags)) = item.properties.0.get_mut(&0x0E07) {
            *flags &= !0x40;
        }
        let has_transport = item.properties.get(0x007D).is_some();
        let message = World::default().message(&item);
        let parsed = MessageParser::new().parse(message.as_bytes()).expect("it is a message");
        prop_assert!(has_transport || !injected(&parsed), "{message}");
        prop_assert!(message.matches("\r\nMIME-Version: 1.0\r\n").count() >= 1, "{message}");
        let octets: Vec<_> = item.attachments.iter().map(|one| match &one.content {
            malote_pst::item::Content::Octets(blob) => match &blob.key {
                malote_pst::store::BlobKey::Held(octets) => octets.to_vec(),
                _ => vec![],
            },
            _ => vec![],
        }).collect();
        for octets in octets.iter().filter(|octets| !octets.is_empty()) {
            let mut decoded = parsed.parts.iter().filter_map(|part| decoded(message.as_bytes(), part));
            prop_assert!(decoded.any(|found| found == *octets), "{message}");
        }
    }

    #[test]
    fn rich_text_of_any_kind_ends_in_text(octets in vec(any::<u8>(), 0..400), pieces in vec(0..RTF.len(), 0..60)) {
        let made: Vec<u8> = pieces.iter().flat_map(|place| RTF[*place].as_bytes().to_vec()).collect();
        for rtf in [&octets, &made] {
            let packed = [&[0; 8][..], b"LZFu", &[0; 4], rtf].concat();
            prop_assert!(malote_pst::rtf::unpack(&packed, usize::MAX).octets.len() <= rtf.len() * 9);
            prop_assert!(malote_pst::rtf::read(rtf).text.len() <= rtf.len() * 6);
        }
    }

    #[test]
    fn subjects_names_and_texts_come_back(subject in string(), name in string(), body in string()) {
        let mut item = mail([(0x0037, text(&subject)), (0x1000, text(&body))]);
        item.recipients = vec![recipient(1, &name, "b@exemplo.pt")];
        let message = World::default().message(&item);
        let parsed = MessageParser::new().parse(message.as_bytes()).expect("it is a message");
        let inner = |text: &str| text.trim_end_matches('\0').replace(['\0', LONE_SURROGATE], "\u{FFFD}");
        let subject = if subject.starts_with('\u{1}') { subject.chars().skip(2).collect() } else { subject };
        prop_assert_eq!(squeezed(parsed.subject().unwrap_or_default()), squeezed(&inner(&subject)), "{}", message);
        let found = parsed.to().and_then(|to| to.first()).and_then(|to| to.name()).unwrap_or_default().to_owned();
        let told = squeezed(&inner(&name));
        let repeats = told.trim_matches('\'') == "b@exemplo.pt";
        prop_assert!(squeezed(&found) == told || repeats, "{found:?} {told:?} {message}");
        let body = inner(&body).replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
        let is_kept = |one: &char| !one.is_ascii_control() || matches!(one, '\t' | '\r' | '\n' | '\u{C}');
        let body: String = body.chars().filter(is_kept).collect();
        let found = parsed.body_text(0).unwrap_or_default().into_owned();
        prop_assert_eq!(found, body, "{}", message);
    }
}
