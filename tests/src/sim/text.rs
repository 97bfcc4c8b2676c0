//! What messages say: few parameters, from which the octets follow.
//! Never two texts with the same octets under different parameters.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

use super::chance::Chance;

/// What a message's header is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Message-ID, From, Date and Subject.
    Whole,
    /// No Message-ID.
    NoId,
    /// No Message-ID and no Date.
    NoDate,
    /// No header at all.
    Bare,
    /// Octets that no standard allows: NUL, 8-bit, lone line feeds and returns.
    Odd,
}

/// One message's text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    /// Tells it from others.
    pub number: u32,
    /// Its header.
    pub form: Form,
    /// Texts of one number have the same header and differ in this digit and their length: one message of each side
    /// with equal header, length and date is one message to Malote by design, whatever its text.
    pub variant: u8,
    /// Octets of filling behind the body's first line.
    pub filling_octets: u32,
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{} {:?}", self.number, self.variant, self.form)?;
        if self.filling_octets > 0 { write!(f, " +{}", self.filling_octets) } else { Ok(()) }
    }
}

impl Text {
    /// A text of any form and of a usual length.
    pub fn draw(number: u32, chance: &mut Chance) -> Self {
        let form = match chance.below(100) {
            0..70 => Form::Whole,
            70..80 => Form::NoId,
            80..87 => Form::NoDate,
            87..93 => Form::Bare,
            _ => Form::Odd,
        };
        let filling_octets = if chance.is(30) { chance.between(1, 6000) } else { 0 };
        Self { number, form, variant: 0, filling_octets }
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> Bytes {
        let number = self.number;
        let header = match self.form {
            Form::Whole => format!(
                "Message-ID: <{number}@sim>\r\nFrom: a{number}@sim\r\nDate: Wed, 17 Jul 2024 02:44:25 -0300\r\n\
                 Subject: s{number}\r\n\r\n"
            ),
            Form::NoId => {
                format!("From: a@sim\r\nDate: Wed, 17 Jul 2024 02:44:25 -0300\r\nSubject: s{number}\r\n\r\n")
            }
            Form::NoDate => format!("Subject: s{number}\r\n\r\n"),
            Form::Bare => "\r\n".to_owned(),
            Form::Odd => format!("Message-ID: <{number}@sim>\nSubject: \u{e9}\0s{number}\r\n\r\n"),
        };
        let mut octets = header.into_bytes();
        octets.extend_from_slice(format!("text {number} digit {}\r\n", self.variant).as_bytes());
        if self.form == Form::Odd {
            octets.extend_from_slice(b"lone \r and \n and \xff\0\r\n\n");
        }
        let line = format!("filling of {number} \r\n");
        let wanted = octets.len() + self.filling_octets as usize + 10 * usize::from(self.variant);
        octets.extend(line.bytes().cycle().take(wanted - octets.len()));
        Bytes::from(octets)
    }
}

/// The number of one content: messages with the same octets share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Content(pub u32);

/// Every content that was ever seen in a world.
#[derive(Debug, Default)]
pub struct Contents {
    by_octets: BTreeMap<Bytes, Content>,
    /// By content: the text's number; nothing for octets that no text has.
    texts: Vec<Option<Text>>,
    octets: Vec<Bytes>,
}

impl Contents {
    /// The content of a text.
    pub fn of_text(&mut self, text: &Text) -> (Content, Bytes) {
        let octets = text.octets();
        let content = self.of_octets(&octets);
        self.texts[content.0 as usize].get_or_insert_with(|| text.clone());
        (content, octets)
    }

    /// The content that has these octets; a new one where none has.
    pub fn of_octets(&mut self, octets: &Bytes) -> Content {
        if let Some(content) = self.by_octets.get(octets) {
            return *content;
        }
        let content = Content(self.texts.len() as u32);
        self.by_octets.insert(octets.clone(), content);
        self.texts.push(None);
        self.octets.push(octets.clone());
        content
    }

    /// The text of a content; nothing where no text of this world has those octets.
    #[must_use]
    pub fn text(&self, content: Content) -> Option<&Text> {
        self.texts.get(content.0 as usize)?.as_ref()
    }

    /// The octets of a content.
    ///
    /// # Panics
    /// For a content of another world.
    #[must_use]
    pub fn octets(&self, content: Content) -> &Bytes {
        &self.octets[content.0 as usize]
    }

    /// The text's number, for habits that go by it; 0 where there is no text.
    #[must_use]
    pub fn number(&self, content: Content) -> u32 {
        self.text(content).map_or(0, |text| text.number)
    }

    /// A content for reading.
    #[must_use]
    pub fn named(&self, content: Content) -> String {
        self.text(content).map_or_else(|| "octets that no text has".to_owned(), ToString::to_string)
    }
}
