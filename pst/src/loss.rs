//! What a conversion could not carry, or carried in another form, as data that reports count and show.
//! Never a message's own words: details name formats, numbers and reasons, not addresses or subjects.

/// One thing that was not carried as it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What kind of thing.
    pub kind: LossKind,
    /// Attachment numbers from the outside in; empty for the item itself.
    pub attachments: Vec<u32>,
    /// The property it is about, where it is about one.
    pub property: Option<u16>,
    /// What happened, in words.
    pub detail: String,
}

/// The kinds of losses. Reports count by [`LossKind::as_str`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossKind {
    /// The reader could not read a part of the item.
    Damaged,
    /// An attachment's data cannot be read.
    AttachmentUnreadable,
    /// The attachment table cannot be read, so that attachments may be missing.
    AttachmentsUnknown,
    /// An attachment is only a path or a URL; the message names it in a text part.
    AttachmentReference,
    /// An attachment claims a kind of content and has none.
    AttachmentEmpty,
    /// Embedded items lie deeper than a named limit.
    TooDeep,
    /// A text is too long to be held, and is carried as an attachment.
    BodyAttached,
    /// A value other than a body is too long to be held, and is left out.
    ValueTooLong,
    /// Octets of a text do not decode in any code page; replacement characters stand for them.
    TextUndecodable,
    /// Control characters were taken out of a text.
    TextControls,
    /// Compressed or plain RTF is broken; what could be read of it is carried.
    RtfBroken,
    /// An OLE object is carried as its raw storage.
    OleRaw,
    /// The recipient table cannot be read; the display strings stand for it.
    RecipientsFromDisplay,
    /// An address is not one of the Internet, and is carried encapsulated below `.invalid`.
    AddressEncapsulated,
    /// Lines of the transport headers are no header fields, and were left out.
    HeaderDropped,
    /// A header field was written anew so that it may stand in a message, or the store shows another one.
    HeaderChanged,
    /// The item has no time that could be its date.
    DateMissing,
    /// A time lies outside of what is believed.
    DateRejected,
    /// The item has no message class, and is taken for mail.
    ClassMissing,
    /// An appointment, contact or task is carried as mail without its own structure.
    PimNotConverted,
    /// A part of an appointment, contact or task has no counterpart in its format.
    PimProperty,
    /// A report without the structure of a report is carried as plain mail.
    ReportPlain,
    /// An S/MIME item without the structure of one is carried as an ordinary message.
    SmimePlain,
    /// An attachment's name was changed so that it may stand in a message.
    NameChanged,
    /// An attachment's media type is not one, or may not stand where it stood.
    TypeReplaced,
    /// A keyword has no form that IMAP allows.
    KeywordDropped,
}

/// Every kind in the order of its definition: as reports write it, and for people, of one item.
const KINDS: [(LossKind, &str, &str); 26] = [
    (LossKind::Damaged, "damaged", "a part of the item cannot be read"),
    (LossKind::AttachmentUnreadable, "attachment-unreadable", "an attachment's data cannot be read"),
    (
        LossKind::AttachmentsUnknown,
        "attachments-unknown",
        "the list of attachments cannot be read, so that some may be missing",
    ),
    (
        LossKind::AttachmentReference,
        "attachment-reference",
        "an attachment is only a path or an address on the Web; a text part names it",
    ),
    (LossKind::AttachmentEmpty, "attachment-empty", "an attachment claims a kind of content and has none"),
    (LossKind::TooDeep, "too-deep", "messages lie in each other deeper than they are carried"),
    (LossKind::BodyAttached, "body-attached", "a very long text is carried as an attachment"),
    (LossKind::ValueTooLong, "value-too-long", "a very long value other than a text is left out"),
    (
        LossKind::TextUndecodable,
        "text-undecodable",
        "a text has octets that are no letters of its code page; replacement characters stand for them",
    ),
    (LossKind::TextControls, "text-controls", "control characters were taken out of a text"),
    (LossKind::RtfBroken, "rtf-broken", "rich text is broken; what could be read of it is carried"),
    (LossKind::OleRaw, "ole-raw", "an embedded object is carried as the file that Outlook keeps it in"),
    (
        LossKind::RecipientsFromDisplay,
        "recipients-from-display",
        "the list of recipients cannot be read; the names that were shown stand for it",
    ),
    (
        LossKind::AddressEncapsulated,
        "address-encapsulated",
        "an address is not one of the Internet, and stands encapsulated below .invalid",
    ),
    (
        LossKind::HeaderDropped,
        "header-dropped",
        "lines among the headers are no header fields, and were left out",
    ),
    (
        LossKind::HeaderChanged,
        "header-changed",
        "a header field was written anew so that it may stand in a message, or the store shows another",
    ),
    (LossKind::DateMissing, "date-missing", "the item has no time that could be its date"),
    (LossKind::DateRejected, "date-rejected", "a time is too early or too late to be believed"),
    (LossKind::ClassMissing, "class-missing", "the item does not say what it is, and is taken for mail"),
    (
        LossKind::PimNotConverted,
        "pim-not-converted",
        "an appointment, contact or task is carried as mail without its own structure",
    ),
    (
        LossKind::PimProperty,
        "pim-property",
        "a part of an appointment, contact or task has no place in iCalendar or vCard",
    ),
    (
        LossKind::ReportPlain,
        "report-plain",
        "a delivery report lacks the structure of one, and is carried as mail",
    ),
    (
        LossKind::SmimePlain,
        "smime-plain",
        "a signed or encrypted item lacks the structure of one, and is carried as mail",
    ),
    (
        LossKind::NameChanged,
        "name-changed",
        "an attachment's name was changed so that it may stand in a message",
    ),
    (LossKind::TypeReplaced, "type-replaced", "an attachment's media type is none, or may not stand there"),
    (LossKind::KeywordDropped, "keyword-dropped", "a category has no form that IMAP allows for a keyword"),
];

impl LossKind {
    /// As reports write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        KINDS[self as usize].1
    }

    /// What it means, for people, of one item and without a full stop.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        KINDS[self as usize].2
    }

    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|(kind, ..)| *kind)
    }
}

/// Collects losses of one item, and knows where in it the conversion stands.
#[derive(Debug, Default)]
pub struct Losses {
    found: Vec<Loss>,
    place: Vec<u32>,
}

impl Losses {
    /// Notes a loss of the item or attachment that is being converted.
    pub fn note(&mut self, kind: LossKind, property: Option<u16>, detail: impl Into<String>) {
        self.found.push(Loss { kind, attachments: self.place.clone(), property, detail: detail.into() });
    }

    /// Goes into an attachment; what is noted until [`Self::leave`] is about it.
    pub fn enter(&mut self, attachment: u32) {
        self.place.push(attachment);
    }

    /// Goes back out of the attachment entered last.
    pub fn leave(&mut self) {
        self.place.pop();
    }

    /// Attachment numbers from the outside in, down to where the conversion stands.
    #[must_use]
    pub fn place(&self) -> &[u32] {
        &self.place
    }

    /// What was noted, in order.
    #[must_use]
    pub fn into_found(self) -> Vec<Loss> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_in_its_place_under_a_name_of_its_own() {
        for (place, kind) in LossKind::all().enumerate() {
            assert_eq!(kind as usize, place, "{kind:?}");
            assert_eq!(
                LossKind::all().filter(|other| other.as_str() == kind.as_str()).count(),
                1,
                "{kind:?}"
            );
        }
        assert_eq!(LossKind::KeywordDropped as usize + 1, KINDS.len(), "the last kind has a row");
    }
}
