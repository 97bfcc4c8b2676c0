//! What a message must hold, read off the properties by rules of its own ([MS-OXCMAIL], [MS-OXPROPS]).
//! Never calls the conversion: code pages are encoding_rs's own, addresses and dates are taken as they stand.

use std::collections::BTreeSet;

use anyhow::Result;
use encoding_rs::Encoding;
use malote_pst::item::{Content, Item};
use malote_pst::native::NativeStore;
use malote_pst::property::{LONE_SURROGATE, Properties, Value, ValueType};
use malote_pst::store::{Blob, Blobs};

use crate::letter::{FileFound, Letter, hash, words};
use crate::stores::NOW;

/// What a message must hold.
#[derive(Debug, Default)]
pub struct Expected {
    pub subject: Option<String>,
    pub message_id: Option<String>,
    pub date: Option<i64>,
    pub internal_date: Option<i64>,
    pub people: BTreeSet<String>,
    pub texts: Vec<String>,
    pub files: Vec<String>,
    /// What the message must end with, octet by octet.
    pub entity: Option<Vec<u8>>,
    /// True where the item says itself what its fields were.
    pub has_headers: bool,
    /// True where an OLE object or a body of its own format adds files that no property holds as they are.
    pub has_more_files: bool,
}

/// All octets of a blob.
pub fn octets(store: &mut NativeStore, blob: &Blob) -> Result<Vec<u8>> {
    let mut octets = vec![0; usize::try_from(blob.octets)?];
    let mut at = 0;
    while at < octets.len() {
        let count = store.read_at(blob, at as u64, &mut octets[at..])?;
        anyhow::ensure!(count > 0, "it ends at {at} of {}", blob.octets);
        at += count;
    }
    Ok(octets)
}

/// The encoding of a code page, as far as the corpus knows it.
fn encoding(page: i64) -> Option<&'static Encoding> {
    let label = match page {
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 | 51949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        1250..=1258 | 874 => format!("windows-{page}"),
        20127 => "ascii".to_owned(),
        20866 => "koi8-r".to_owned(),
        28591..=28605 => format!("iso-8859-{}", page - 28590),
        50220..=50222 => "iso-2022-jp".to_owned(),
        51932 => "euc-jp".to_owned(),
        54936 => "gb18030".to_owned(),
        65001 => "utf-8".to_owned(),
        _ => return None,
    };
    Encoding::for_label(label.as_bytes())
}

/// A text, where this test can tell for sure what it is: 8-bit ones only as far as they are ASCII or name their page.
pub fn text(properties: &Properties, id: u16) -> Option<String> {
    match properties.get(id)? {
        Value::String(text) => Some(text.clone()),
        Value::String8(octets) if octets.is_ascii() => Some(String::from_utf8_lossy(octets).into_owned()),
        Value::String8(octets) => {
            let (text, _, has_errors) = encoding(properties.integer(0x3FFD)?)?.decode(octets);
            (!has_errors).then(|| text.into_owned())
        }
        _ => None,
    }
    .filter(|text| !text.trim().is_empty())
}

/// The subject, its prefix's mark taken off ([MS-PST] §2.5.3.1.1.1), as one line.
fn subject(properties: &Properties) -> Option<String> {
    let subject = text(properties, 0x0037)?;
    let bare = match subject.strip_prefix('\u{1}') {
        Some(marked) => marked.chars().skip(1).collect(),
        None => subject,
    };
    Some(squeezed(&bare)).filter(|subject| !subject.is_empty())
}

/// One space between words: folding may change no more than that.
pub fn squeezed(text: &str) -> String {
    let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn seconds(properties: &Properties, id: u16) -> Option<i64> {
    let time = properties.time(id)?;
    let seconds = (time / 10_000_000) as i64 - 11_644_473_600;
    let two_days_on = (NOW / 10_000_000) as i64 - 11_644_473_600 + 2 * 86_400;
    (315_532_800..=two_days_on).contains(&seconds).then_some(seconds)
}

/// What an item's message must hold.
pub fn of(store: &mut NativeStore, item: &Item) -> Result<Expected> {
    let properties = &item.properties;
    let mut expected = Expected {
        subject: subject(properties),
        message_id: text(properties, 0x1035).map(|id| id.trim().trim_matches(['<', '>']).to_owned()),
        date: seconds(properties, 0x0039).or_else(|| seconds(properties, 0x0E06)),
        internal_date: [0x0E06, 0x0039, 0x3007].into_iter().find_map(|id| seconds(properties, id)),
        has_headers: text(properties, 0x007D).is_some(),
        ..Expected::default()
    };
    for recipient in &item.recipients {
        let is_smtp = text(recipient, 0x3002).is_some_and(|kind| kind.eq_ignore_ascii_case("SMTP"));
        let own = text(recipient, 0x3003).filter(|_| is_smtp);
        let address = own.or_else(|| text(recipient, 0x39FE));
        let is_plain = |address: &String| {
            address.is_ascii()
                && address.matches('@').count() == 1
                && !address.contains(|c: char| c.is_whitespace() || "<>()\"',;".contains(c))
        };
        // 0 is the one who wrote it, and no one who gets it.
        if recipient.integer(0x0C15).is_some_and(|kind| kind & 0xF != 0) {
            expected.people.extend(address.filter(is_plain).map(|address| address.to_lowercase()));
        }
    }
    inside(store, item, &mut expected)?;
    Ok(expected)
}

/// Texts and files of an item and of whatever is embedded in it.
fn inside(store: &mut NativeStore, item: &Item, expected: &mut Expected) -> Result<()> {
    let properties = &item.properties;
    let class = text(properties, 0x001A).unwrap_or_default().to_ascii_lowercase();
    if class.starts_with("ipm.note.smime") {
        return sealed(store, item, expected);
    }
    if let Some(Value::Long(ValueType::String, blob)) = properties.get(0x1000) {
        let octets = octets(store, blob)?;
        expected.texts.push(words(&encoding_rs::UTF_16LE.decode(&octets).0));
    }
    // A NUL within a text is something that is not there any more (U+FFFD), and so is half a character.
    let plain = text(properties, 0x1000)
        .map(|text| words(&text.trim_end_matches('\0').replace(['\0', LONE_SURROGATE], "\u{FFFD}")));
    // A report says what it has to say in a property of its own, before its text; where that text is in a page that
    // nothing names, the two together are not known here.
    let is_known = plain.is_some() || properties.get(0x1000).is_none();
    let report = text(properties, 0x1001).filter(|_| is_known && class.starts_with("report"));
    let report = report.map(|text| words(&text));
    expected.texts.extend(match (report, plain) {
        (Some(report), Some(plain)) if !plain.contains(report.trim()) => Some(format!("{report}\n\n{plain}")),
        (report, plain) => plain.or(report),
    });
    let page = properties.integer(0x3FDE).and_then(encoding);
    match (properties.get(0x1013), page) {
        (Some(Value::String(html)), _) => expected.texts.push(words(html)),
        (Some(Value::Binary(html)), Some(page)) => {
            let (html, _, has_errors) = page.decode(html);
            if !has_errors {
                expected.texts.push(words(html.trim_end_matches('\0')));
            }
        }
        _ => {}
    }
    expected.texts.retain(|text| !text.is_empty());
    expected.has_more_files |= properties.get(0x1009).is_some();
    for attachment in &item.attachments {
        match &attachment.content {
            Content::Octets(blob) => {
                let octets = octets(store, blob)?;
                expected.files.push(hash(&octets));
            }
            // What has a format of its own and nothing attached becomes a file of that format, its text in it.
            Content::Embedded(embedded) if is_own_format(embedded) => {}
            Content::Embedded(embedded) => inside(store, embedded, expected)?,
            Content::None => expected.files.push(hash(b"")),
            _ => expected.has_more_files = true,
        }
    }
    Ok(())
}

/// Signed or encrypted mail is its one attachment: a whole entity where it is signed, a file where it is encrypted.
fn sealed(store: &mut NativeStore, item: &Item, expected: &mut Expected) -> Result<()> {
    expected.has_more_files = true;
    if let [attachment] = item.attachments.as_slice()
        && let Content::Octets(blob) = &attachment.content
    {
        let octets = octets(store, blob)?;
        if octets.get(..13).is_some_and(|start| start.eq_ignore_ascii_case(b"content-type:")) {
            expected.entity = Some(octets);
        } else {
            expected.files.push(hash(&octets));
        }
    }
    Ok(())
}

fn is_own_format(item: &Item) -> bool {
    let class = text(&item.properties, 0x001A).unwrap_or_default().to_ascii_lowercase();
    let formats = ["ipm.contact", "ipm.distlist", "ipm.appointment", "ipm.task", "ipm.activity"];
    item.attachments.is_empty() && formats.iter().any(|format| class.starts_with(format))
}

/// What of an expectation a letter does not keep, in words without any content.
pub fn missing(expected: &Expected, letter: &Letter) -> Vec<String> {
    let mut missing = letter.defects.iter().map(|defect| format!("defect: {defect}")).collect::<Vec<_>>();
    if !expected.has_headers {
        let subject = squeezed(&letter.subject);
        if expected.subject.as_ref().is_some_and(|right| *right != subject) {
            missing.push(format!("the subject: {:?} where {:?} is right", subject, expected.subject));
        }
        if expected.message_id.as_ref().is_some_and(|right| *right != letter.message_id) {
            missing.push(format!("the id: {} where {:?} is right", letter.message_id, expected.message_id));
        }
        if expected.date.is_some() && expected.date != letter.date {
            missing.push(format!("the date: {:?} where {:?} is right", letter.date, expected.date));
        }
    }
    missing.extend(expected.people.difference(&letter.people).map(|one| format!("the recipient {one}")));
    let mut texts = letter.texts.clone();
    for text in &expected.texts {
        match texts.iter().position(|found| is_same(found, text)) {
            Some(place) => drop(texts.swap_remove(place)),
            None => missing.push(format!("a text of {} characters: {:.80}", text.chars().count(), text)),
        }
    }
    let mut files = letter.files.clone();
    for file in &expected.files {
        match files.iter().position(|found| found.sha256 == *file) {
            Some(place) => drop(files.swap_remove(place)),
            None => missing.push(format!("a file of hash {file}")),
        }
    }
    let is_ours = |file: &FileFound| MADE.contains(&file.media_type.as_str());
    files.retain(|file| !is_ours(file));
    if !expected.has_more_files {
        missing
            .extend(files.iter().map(|file| format!("a file too many: {} {}", file.media_type, file.sha256)));
    }
    missing
}

/// Parts that the conversion makes of properties.
const MADE: [&str; 5] = [
    "text/calendar",
    "text/vcard",
    "application/rtf",
    "message/delivery-status",
    "message/disposition-notification",
];

/// Texts are the same, but for what HTML says of its own charset: that has to follow what it is sent in.
fn is_same(found: &str, right: &str) -> bool {
    found == right || without_meta(found) == without_meta(right)
}

fn without_meta(html: &str) -> String {
    let mut rest = html;
    let mut bare = String::new();
    while let Some(start) = rest.to_ascii_lowercase().find("<meta") {
        bare.push_str(&rest[..start]);
        rest = rest[start..].find('>').map_or("", |end| &rest[start + end + 1..]);
    }
    bare + rest
}
