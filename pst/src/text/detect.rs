//! Finds out which code page the 8-bit strings of a whole store are in.
//! Never asked about one string: a few octets fit every page.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

use super::page::by_encoding;
use crate::item::{Content, Item};
use crate::property::{Properties, Value};

/// Most octets that a guess is made over; more do not make it better.
pub const DETECTION_OCTETS_MAX: usize = 4 * 1024 * 1024;

/// Gathers the strings of a store that name no code page.
pub struct Detector {
    detector: EncodingDetector,
    fed: usize,
}

impl Default for Detector {
    fn default() -> Self {
        Self { detector: EncodingDetector::new(Iso2022JpDetection::Allow), fed: 0 }
    }
}

impl Detector {
    /// Takes one string; those in ASCII say nothing and are passed over.
    pub fn feed(&mut self, octets: &[u8]) {
        if !octets.is_ascii() && self.fed < DETECTION_OCTETS_MAX {
            self.fed = self.fed.saturating_add(octets.len());
            self.detector.feed(octets, false);
            self.detector.feed(b"\n", false);
        }
    }

    /// Takes every 8-bit string of an object.
    pub fn learn_properties(&mut self, properties: &Properties) {
        for value in properties.0.values() {
            match value {
                Value::String8(octets) => self.feed(octets),
                Value::Many(values) => values.iter().for_each(|value| {
                    if let Value::String8(octets) = value {
                        self.feed(octets);
                    }
                }),
                _ => {}
            }
        }
    }

    /// Takes every 8-bit string of an item, its recipients and its attachments.
    pub fn learn(&mut self, item: &Item) {
        self.learn_properties(&item.properties);
        item.recipients.iter().for_each(|row| self.learn_properties(row));
        for attachment in &item.attachments {
            self.learn_properties(&attachment.properties);
            if let Content::Embedded(item) = &attachment.content {
                self.learn(item);
            }
        }
    }

    /// The page that fits best; nothing where every string was ASCII.
    #[must_use]
    pub fn guess(mut self) -> Option<u16> {
        if self.fed == 0 {
            return None;
        }
        self.detector.feed(b"", true);
        let encoding = self.detector.guess(None, Utf8Detection::Allow);
        by_encoding(encoding).map(|page| page.number)
    }
}

#[cfg(test)]
mod tests {
    use super::Detector;
    use crate::item::Item;
    use crate::property::{Properties, Value};
    use crate::store::NodeId;

    #[test]
    fn the_strings_of_a_store_show_their_page_together() {
        let japanese: &[&[u8]] = &[b"\x93\xFA\x96{\x8C\xEA", b"\x83e\x83X\x83g", b"\x93\x8C\x8B\x9E\x93s"];
        let russian: &[&[u8]] =
            &[b"\xCF\xF0\xE8\xE2\xE5\xF2 \xEC\xE8\xF0", b"\xD2\xE5\xEC\xE0 \xEF\xE8\xF1\xFC\xEC\xE0"];
        let western: &[&[u8]] = &[b"Ol\xE1, cora\xE7\xE3o", b"N\xE3o h\xE1 informa\xE7\xF5es"];
        for (strings, expected) in
            [(japanese, Some(932)), (russian, Some(1251)), (western, Some(1252)), (&[b"only ASCII"], None)]
        {
            let mut detector = Detector::default();
            for octets in strings {
                let properties = Properties::from([(0x0037, Value::String8(octets.to_vec()))]);
                let (recipients, attachments, damage) = (vec![], vec![], vec![]);
                detector.learn(&Item { node: NodeId(1), properties, recipients, attachments, damage });
            }
            assert_eq!(detector.guess(), expected, "{strings:?}");
        }
    }
}
