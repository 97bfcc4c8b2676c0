//! Message classes and the kinds of items that they stand for ([MS-OXCMSG] §2.2.1.3).
//! Never looks at anything but the class.

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKind {
    /// Mail, and everything that travels as mail.
    Mail,
    /// A meeting request, cancellation or answer: mail with a calendar part.
    Meeting,
    /// A delivery report or a receipt: mail with the structure of a report.
    Report,
    /// An entry of a calendar.
    Appointment,
    /// An entry of an address book.
    Contact,
    /// A list of contacts.
    ContactList,
    /// A task.
    Task,
    /// A journal entry.
    Journal,
    /// A sticky note.
    Note,
    /// Outlook's own bookkeeping, which is nobody's message.
    System,
}

impl ItemKind {
    /// As reports write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Meeting => "meeting",
            Self::Report => "report",
            Self::Appointment => "appointment",
            Self::Contact => "contact",
            Self::ContactList => "contact-list",
            Self::Task => "task",
            Self::Journal => "journal",
            Self::Note => "note",
            Self::System => "system",
        }
    }

    /// True for what is carried under every policy.
    #[must_use]
    pub const fn is_mail(self) -> bool {
        matches!(self, Self::Mail | Self::Meeting | Self::Report)
    }

    /// The kind of a message class. Unknown classes are mail: what is not known is carried rather than dropped.
    #[must_use]
    pub fn of_class(class: &str) -> Self {
        let is = |prefix: &str| is_below(class, prefix);
        if is("IPM.Schedule.Meeting") {
            Self::Meeting
        } else if is("REPORT") {
            Self::Report
        } else if is("IPM.Appointment") {
            Self::Appointment
        } else if is("IPM.Contact") || is("IPM.AbchPerson") {
            Self::Contact
        } else if is("IPM.DistList") {
            Self::ContactList
        } else if is("IPM.Task") {
            Self::Task
        } else if is("IPM.Activity") {
            Self::Journal
        } else if is("IPM.StickyNote") {
            Self::Note
        } else if is_system(class) {
            Self::System
        } else {
            Self::Mail
        }
    }
}

/// Free/busy data, settings, rules, and the exceptions of a series, which live as attachments of the series.
fn is_system(class: &str) -> bool {
    ["IPM.Microsoft", "IPM.Configuration", "IPM.Rule", "IPM.ExtendedRule"]
        .iter()
        .any(|one| is_below(class, one))
        || starts_with(class, "IPM.OLE.CLASS.{00061055-")
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// True where the class is `prefix` itself or one of its own below it: `IPM.Task.X`, not `IPM.TaskRequest`.
pub fn is_below(class: &str, prefix: &str) -> bool {
    starts_with(class, prefix) && matches!(class.as_bytes().get(prefix.len()), None | Some(b'.'))
}

#[cfg(test)]
mod tests {
    use super::ItemKind;

    #[test]
    fn a_class_stands_for_a_kind_whatever_its_case() {
        for (class, kind) in [
            ("IPM.Note", ItemKind::Mail),
            ("ipm.note.smime.multipartsigned", ItemKind::Mail),
            ("IPM.Post", ItemKind::Mail),
            ("IPM.TaskRequest.Accept", ItemKind::Mail),
            ("IPM.Sharing", ItemKind::Mail),
            ("IPM.Something.Else", ItemKind::Mail),
            ("", ItemKind::Mail),
            ("IPM.Schedule.Meeting.Resp.Pos", ItemKind::Meeting),
            ("REPORT.IPM.Note.NDR", ItemKind::Report),
            ("IPM.Appointment", ItemKind::Appointment),
            ("IPM.Contact.Custom", ItemKind::Contact),
            ("IPM.DistList", ItemKind::ContactList),
            ("IPM.Task", ItemKind::Task),
            ("IPM.Activity", ItemKind::Journal),
            ("IPM.StickyNote", ItemKind::Note),
            ("IPM.Microsoft.ScheduleData.FreeBusy", ItemKind::System),
            ("IPM.Rule.Version2.Message", ItemKind::System),
            ("IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}", ItemKind::System),
        ] {
            assert_eq!(ItemKind::of_class(class), kind, "{class}");
        }
    }
}
