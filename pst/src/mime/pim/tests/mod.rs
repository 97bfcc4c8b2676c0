//! Items made by hand, turned into parts, and the parts read by another program's parser.
//! Never a part that is only compared with what this crate says of it.

mod calendars;
mod cards;
mod hostile;
mod tasks;

use super::moment::Moment;
use super::{PimPart, part};
use crate::item::{Attachment, Content, Item};
use crate::loss::{LossKind, Losses};
use crate::mime::view::View;
use crate::mime::{AddressBook, Context, FolderRole, Items, Unreadable, tag};
use crate::names::{Guid, Name, Names};
use crate::property::{Properties, Value};
use crate::store::NodeId;

/// An item being made, with the names that its store gives out.
#[derive(Clone)]
struct Made {
    item: Item,
    names: Names,
}

impl Made {
    fn new(class: &str) -> Self {
        let item = Item {
            node: NodeId(0x20_0024),
            properties: Properties::default(),
            recipients: Vec::new(),
            attachments: Vec::new(),
            damage: Vec::new(),
        };
        Self { item, names: Names::default() }.with(tag::MESSAGE_CLASS, text(class))
    }

    fn with(mut self, id: u16, value: Value) -> Self {
        self.item.properties.0.insert(id, value);
        self
    }

    /// Sets a named property under an id that is the same for all items of these tests.
    fn named(mut self, set: Guid, number: u32, value: Value) -> Self {
        let id = 0x8000 + u16::from(set[0] & 0xF) * 0x200 + (number & 0x1FF) as u16;
        self.names.0.insert((set, Name::Number(number)), id);
        self.item.properties.0.insert(id, value);
        self
    }

    fn keywords(mut self, set: Guid, words: &[&str]) -> Self {
        self.names.0.insert((set, Name::Text("Keywords".to_owned())), 0xFF00);
        self.with(0xFF00, Value::Many(words.iter().map(|word| text(word)).collect()))
    }

    fn recipient(mut self, kind: i32, name: &str, address: &str, more: &[(u16, i32)]) -> Self {
        let mut row = Properties::from([
            (tag::RECIPIENT_TYPE, Value::Integer32(kind)),
            (tag::DISPLAY_NAME, text(name)),
            (tag::ADDRESS_TYPE, text("SMTP")),
            (tag::EMAIL_ADDRESS, text(address)),
        ]);
        row.extend(more.iter().map(|(id, value)| (*id, Value::Integer32(*value))));
        self.item.recipients.push(row);
        self
    }

    fn attach(mut self, properties: &[(u16, Value)], content: Content) -> Self {
        let properties = properties.iter().cloned().collect();
        let number = self.item.attachments.len() as u32;
        self.item.attachments.push(Attachment { number, properties, content, damage: Vec::new() });
        self
    }

    fn embed(mut self, properties: &[(u16, Value)], made: Self) -> Self {
        self.names.0.extend(made.names.0);
        self.attach(properties, Content::Embedded(Box::new(made.item)))
    }

    /// The part and the kinds of what was lost.
    fn part(&self) -> (Option<PimPart>, Vec<LossKind>) {
        let context = Context {
            names: &self.names,
            store_key: b"store",
            addresses: &AddressBook::default(),
            code_page: None,
            store_code_page: None,
            role: FolderRole::Other,
            items: Items::All,
            unreadable: Unreadable::Quarantine,
            now: 0,
        };
        let mut losses = Losses::default();
        let made = part(&View::new(&self.item, &context), &mut losses);
        (made, losses.into_found().into_iter().map(|loss| loss.kind).collect())
    }

    /// The part's lines, unfolded. Nothing may be lost.
    fn lines(&self) -> Vec<String> {
        let (part, losses) = self.part();
        assert_eq!(losses, []);
        unfolded(&part.expect("an item of this class has a part"))
    }
}

fn unfolded(part: &PimPart) -> Vec<String> {
    let octets = std::str::from_utf8(&part.octets).expect("parts are UTF-8");
    assert!(octets.ends_with("\r\n") && octets.split("\r\n").all(|line| line.len() <= 75), "{octets}");
    octets.replace("\r\n ", "").lines().map(str::to_owned).collect()
}

/// Fails unless each line is there, in this order, with others between them or not.
fn check_lines(lines: &[String], expected: &[&str]) {
    let mut rest = lines.iter();
    for line in expected {
        assert!(rest.any(|own| own == line), "{line} is missing from:\n{}", lines.join("\n"));
    }
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn at(year: i16, month: i8, day: i8, hour: i8, minute: i8) -> Moment {
    let civil = jiff::civil::date(year, month, day).at(hour, minute, 0, 0);
    Moment::of_civil(civil).expect("a year that calendars can name")
}

/// A FILETIME.
fn time(moment: Moment) -> Value {
    Value::Time(moment.seconds().unsigned_abs() * 10_000_000)
}
