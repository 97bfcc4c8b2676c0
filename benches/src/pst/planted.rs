//! Stores that somebody made to take memory: each asks for as much as one item, or one store, can ask for.
//! Never a store that a mail program would write.

use std::path::Path;

use anyhow::Result;
use pst_writer::names::PS_PUBLIC_STRINGS;
use pst_writer::{Attachment, Crypt, Data, Folder, Message, Pst, Recipient, Value};

/// When everything was sent, in seconds since 1970.
const SENT: i64 = 1_700_000_000;
/// Characters of a named property's name, as many as programs write.
const NAME_CHARACTERS: usize = 126;

/// What a store asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// Rich text of 12 MB that unpacks to a hundred, and of 900 kB that unpacks to eight, in items by themselves.
    RichText,
    /// Messages in messages, 30 deep, each with texts of a megabyte and rich text that unpacks to eight.
    Embedded,
    /// 20,000 recipients of one message: as many as are carried.
    People,
    /// 60,000 recipients of one message.
    Recipients,
    /// 100,000 files of one message.
    Attachments,
    /// 30,000 named properties with long names.
    Names,
}

impl Planted {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::RichText, Self::Embedded, Self::People, Self::Recipients, Self::Attachments, Self::Names];

    /// For tables and for names of files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RichText => "rich-text",
            Self::Embedded => "embedded",
            Self::People => "people",
            Self::Recipients => "recipients",
            Self::Attachments => "attachments",
            Self::Names => "names",
        }
    }

    /// Writes the store.
    pub fn write(self, path: &Path) -> Result<()> {
        let mut store = Pst::new(Crypt::Permute).create(path)?;
        let top = store.top();
        let folder = store.folder(top, Folder::new("Inbox").class("IPF.Note"))?;
        match self {
            Self::RichText => {
                for references in [700_000, 50_000, 50_000, 50_000, 50_000] {
                    let rich = Value::Binary(rich_text(references));
                    store.item(folder, &mail("Rich").without(0x1000).with(0x1009, rich))?;
                }
            }
            Self::Embedded => {
                let rich = rich_text(50_000);
                let mut message = mail("Innermost");
                for number in 0..30 {
                    let outer = mail(&format!("Around {number}")).with(0x1000, Value::text(&words(500_000)));
                    let outer = outer.with(0x1009, Value::Binary(rich.clone()));
                    let outer = if number % 2 == 0 { outer.without(0x1000) } else { outer };
                    message = outer.attach(Attachment::item("within", message));
                }
                store.item(folder, &message)?;
            }
            Self::People => {
                store.item(folder, &to_all(20_000))?;
            }
            Self::Recipients => {
                store.item(folder, &to_all(60_000))?;
            }
            Self::Attachments => {
                let file = |number| {
                    let data = Data::Noise { seed: number, octets: 40 };
                    Attachment::file(&format!("file {number}.bin"), "application/octet-stream", data)
                };
                store.item(folder, &(0..100_000).map(file).fold(mail("Files"), Message::attach))?;
            }
            Self::Names => {
                for number in 0..30_000 {
                    let name = format!("{number:0NAME_CHARACTERS$}");
                    store.named(PS_PUBLIC_STRINGS, name.as_str())?;
                }
                store.item(folder, &mail("Named"))?;
            }
        }
        store.finish()?;
        Ok(())
    }
}

fn to_all(people: usize) -> Message {
    let to = |number| {
        let (name, address) = (format!("Somebody {number}"), format!("person.{number}@example.org"));
        Recipient::new(1, &name, &address)
    };
    (0..people).map(to).fold(mail("To all"), Message::to)
}

fn mail(subject: &str) -> Message {
    Message::new("IPM.Note").text(subject, "Text.").dated(SENT).from("Ana", "ana@example.org")
}

fn words(characters: usize) -> String {
    "palavras à toa ".chars().cycle().take(characters).collect()
}

/// Compressed RTF ([MS-OXRTFCP] §2.2): a little text, and so many references that stand for 17 octets each.
fn rich_text(references: usize) -> Vec<u8> {
    // Eight octets as they are behind each octet that says so.
    let begin = b"{\\rtf1 words and words and words or more";
    let mut data: Vec<u8> = begin.chunks(8).flat_map(|eight| [&[0], eight].concat()).collect();
    for group in 0..references.div_ceil(8) {
        data.push(0xFF);
        for number in 0..8 {
            // Anywhere in the window but where it is written, which would be the end.
            let written = 207 + begin.len() + 17 * (8 * group + number);
            let from = (written + 4096 - 20) % 4096;
            data.extend_from_slice(&u16::to_be_bytes((from as u16) << 4 | 0xF));
        }
    }
    let raw = (begin.len() + 17 * references) as u32;
    [&(data.len() as u32 + 12).to_le_bytes()[..], &raw.to_le_bytes(), b"LZFu", &[0; 4], &data].concat()
}
