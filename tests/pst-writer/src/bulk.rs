//! Big stores of ordinary mail, for measurements, and stores of extreme shape.
//! Never holds more than one message: content is made while it is written.

use std::path::Path;

use anyhow::Result;

use crate::{Attachment, Crypt, Data, Folder, Message, Noise, Pst, Recipient, Role, Truth, Value};

const WORDS: [&str; 16] = [
    "malote",
    "ação",
    "carta",
    "relatório",
    "não",
    "expedição",
    "the",
    "letter",
    "went",
    "by",
    "rail",
    "über",
    "Straße",
    "ordre",
    "été",
    "mañana",
];
/// When the first message of a store was sent, in seconds since 1970.
const FIRST_SENT: i64 = 1_400_000_000;

/// How much of what a bulk store holds.
#[derive(Debug, Clone, Copy)]
pub struct Bulk {
    /// How many messages.
    pub items: u64,
    /// Over how many folders.
    pub folders: u64,
    /// Characters of each plain body.
    pub body_characters: usize,
    /// One message of so many has an attachment; 0 for none.
    pub attachment_every: u64,
    /// Largest attachment in octets; the smallest has half of it.
    pub attachment_octets: u64,
}

impl Bulk {
    /// A: 20,000 messages, 10,000 attachments, about 0.9 GB.
    pub const A: Self = Self {
        items: 20_000,
        folders: 20,
        body_characters: 2000,
        attachment_every: 2,
        attachment_octets: 100_000,
    };
    /// B: 100,000 messages without attachments, about 0.7 GB.
    pub const B: Self = Self {
        items: 100_000,
        folders: 100,
        body_characters: 2200,
        attachment_every: 0,
        attachment_octets: 0,
    };
    /// C: 30,000 messages, each with an attachment, 3.4 GB.
    pub const C: Self = Self {
        items: 30_000,
        folders: 30,
        body_characters: 3000,
        attachment_every: 1,
        attachment_octets: 140_000,
    };

    /// The same with fewer or more messages; at least one.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    pub fn scaled(self, scale: f64) -> Self {
        let times = |count: u64| ((count as f64 * scale) as u64).max(1);
        Self { items: times(self.items), folders: times(self.folders), ..self }
    }

    /// Writes the store.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, path: &Path, pst: Pst, seed: u64) -> Result<Truth> {
        let mut noise = Noise::new(seed);
        let mut store = pst.create(path)?;
        let top = store.top();
        let mut folders = vec![store.folder(top, Folder::new("Inbox").class("IPF.Note").role(Role::Inbox))?];
        for number in 1..self.folders {
            folders.push(store.folder(top, Folder::new(&format!("Folder {number:04}")).class("IPF.Note"))?);
        }
        for number in 0..self.items {
            let message = self.message(number, seed, &mut noise);
            let place = usize::try_from(number % self.folders)?;
            store.item(folders[place], &message)?;
        }
        store.finish()
    }

    fn message(&self, number: u64, seed: u64, noise: &mut Noise) -> Message {
        let subject = format!("Message {number} {}", noise.choose(&WORDS));
        let body = prose(noise, self.body_characters);
        let id = format!("<{number}.{seed}@bulk.example>");
        let headers = format!(
            "Received: from a.example by b.example; Fri, 14 Jul 2017 02:40:07 +0000\r\nFrom: joao@a.example\r\n\
             To: ana@b.example\r\nSubject: Message {number}\r\nMessage-ID: {id}\r\n\r\n"
        );
        let sent = FIRST_SENT + i64::try_from(number).unwrap_or(0) * 60;
        let mut message = Message::new("IPM.Note").text(&subject, &body).id(&id).dated(sent);
        message = message.from("João Conceição", "joao@a.example").with(0x007D, Value::text(&headers));
        message = message.to(Recipient::new(1, "Ana Gonçalves", "ana@b.example"));
        if number.is_multiple_of(2) {
            let html = format!("<html><body><p>{body}</p></body></html>").into_bytes();
            message = message.with(0x1013, Value::Binary(html)).with(0x3FDE, Value::Integer32(65001));
        }
        if self.attachment_every > 0 && number.is_multiple_of(self.attachment_every) {
            let octets = noise.below(self.attachment_octets / 2, self.attachment_octets + 1);
            let data = Data::Noise { seed: noise.word(), octets };
            message = message.attach(Attachment::file(
                &format!("file{number}.bin"),
                "application/octet-stream",
                data,
            ));
        }
        message
    }
}

/// Writes a store whose folders lie one within the other, `depth` of them, with one message at the bottom.
///
/// # Errors
/// Where the file cannot be written.
pub fn deep(path: &Path, depth: u64) -> Result<Truth> {
    let mut store = Pst::new(Crypt::Permute).create(path)?;
    let mut folder = store.top();
    for number in 0..depth {
        folder = store.folder(folder, Folder::new(&format!("d{number}")))?;
    }
    store.item(folder, &Message::new("IPM.Note").text("At the bottom", "x").dated(FIRST_SENT))?;
    store.finish()
}

/// Writes a store with one message, in which `depth` others lie, one within the other.
///
/// # Errors
/// Where the file cannot be written.
pub fn embedded(path: &Path, depth: u64) -> Result<Truth> {
    let mut store = Pst::new(Crypt::Permute).create(path)?;
    let mut message = Message::new("IPM.Note").text("Innermost", "x").dated(FIRST_SENT);
    for number in 0..depth {
        let outer = Message::new("IPM.Note").text(&format!("Around {number}"), "x").dated(FIRST_SENT);
        message = outer.attach(Attachment::item("within", message));
    }
    store.item(store.top(), &message)?;
    store.finish()
}

/// Words with a line break now and then.
fn prose(noise: &mut Noise, characters: usize) -> String {
    let mut text = String::with_capacity(characters + 16);
    while text.len() < characters {
        text.push_str(noise.choose(&WORDS));
        text.push_str(if noise.below(0, 12) == 0 { "\r\n" } else { " " });
    }
    text
}
