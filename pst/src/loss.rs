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
    /// A header field's value was changed so that it may stand in a message.
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

impl LossKind {
    /// As reports write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::AttachmentUnreadable => "attachment-unreadable",
            Self::AttachmentsUnknown => "attachments-unknown",
            Self::AttachmentReference => "attachment-reference",
            Self::AttachmentEmpty => "attachment-empty",
            Self::TooDeep => "too-deep",
            Self::BodyAttached => "body-attached",
            Self::ValueTooLong => "value-too-long",
            Self::TextUndecodable => "text-undecodable",
            Self::TextControls => "text-controls",
            Self::RtfBroken => "rtf-broken",
            Self::OleRaw => "ole-raw",
            Self::RecipientsFromDisplay => "recipients-from-display",
            Self::AddressEncapsulated => "address-encapsulated",
            Self::HeaderDropped => "header-dropped",
            Self::HeaderChanged => "header-changed",
            Self::DateMissing => "date-missing",
            Self::DateRejected => "date-rejected",
            Self::ClassMissing => "class-missing",
            Self::PimNotConverted => "pim-not-converted",
            Self::PimProperty => "pim-property",
            Self::ReportPlain => "report-plain",
            Self::SmimePlain => "smime-plain",
            Self::NameChanged => "name-changed",
            Self::TypeReplaced => "type-replaced",
            Self::KeywordDropped => "keyword-dropped",
        }
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
