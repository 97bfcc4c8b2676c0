//! Who takes part: organizers and attendees of meetings (RFC 5545 §3.8.4).
//! Never says of anybody more than the store does.

use super::lines::{Lines, mailto, quoted};
use crate::mime::address::{self, Recipient, RecipientKind};
use crate::mime::mailbox::Mailbox;
use crate::mime::view::View;

/// `PidTagRecipientFlags` ([MS-OXOCAL] §2.2.4.10.1), and its bit for the organizer.
const RECIPIENT_FLAGS: u16 = 0x5FFD;
const IS_ORGANIZER: i64 = 0x02;
/// `PidTagRecipientTrackStatus`: what was answered.
const TRACK_STATUS: u16 = 0x5FFF;

/// What somebody answered, by the numbers of `PidTagRecipientTrackStatus` and `PidLidResponseStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing yet.
    None,
    /// Perhaps.
    Tentative,
    /// Yes.
    Accepted,
    /// No.
    Declined,
}

impl Answer {
    const fn of_number(number: i64) -> Self {
        match number {
            2 => Self::Tentative,
            3 => Self::Accepted,
            4 => Self::Declined,
            _ => Self::None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::None => "NEEDS-ACTION",
            Self::Tentative => "TENTATIVE",
            Self::Accepted => "ACCEPTED",
            Self::Declined => "DECLINED",
        }
    }
}

/// Writes who called the meeting.
pub fn put_organizer(lines: &mut Lines, mailbox: &Mailbox<'_>) {
    lines.line(&format!("ORGANIZER{}:{}", common_name(mailbox), mailto(&mailbox.address)));
}

/// Writes whoever was asked. `asks` is true where an answer is wished for.
pub fn put_attendees(lines: &mut Lines, view: &View<'_>, asks: bool) {
    for recipient in address::recipients(view) {
        if is_organizer(&recipient) {
            continue;
        }
        let role = match recipient.kind {
            RecipientKind::Bcc => ";CUTYPE=RESOURCE;ROLE=NON-PARTICIPANT",
            RecipientKind::Cc => ";ROLE=OPT-PARTICIPANT",
            _ => ";ROLE=REQ-PARTICIPANT",
        };
        let answer = Answer::of_number(recipient.properties.integer(TRACK_STATUS).unwrap_or(0));
        let wish = if asks { ";RSVP=TRUE" } else { "" };
        let name = common_name(&recipient.mailbox);
        let address = mailto(&recipient.mailbox.address);
        lines.line(&format!("ATTENDEE{role};PARTSTAT={}{wish}{name}:{address}", answer.as_str()));
    }
}

/// Writes the one attendee of an answer: who answers.
pub fn put_answer(lines: &mut Lines, mailbox: &Mailbox<'_>, answer: Answer) {
    let name = common_name(mailbox);
    lines.line(&format!("ATTENDEE;PARTSTAT={}{name}:{}", answer.as_str(), mailto(&mailbox.address)));
}

/// The recipient that called the meeting; in an answer, whoever it goes to.
pub fn organizer_among<'a>(view: &View<'a>, is_answer: bool) -> Option<Mailbox<'a>> {
    let mut all = address::recipients(view);
    let place = all.iter().position(is_organizer);
    let place = place.or_else(|| {
        let is_first = |recipient: &Recipient<'_>| recipient.kind == RecipientKind::To;
        if is_answer { all.iter().position(is_first) } else { None }
    })?;
    Some(all.swap_remove(place).mailbox)
}

fn is_organizer(recipient: &Recipient<'_>) -> bool {
    let flags = recipient.properties.integer(RECIPIENT_FLAGS).unwrap_or(0);
    flags & IS_ORGANIZER != 0 || recipient.kind == RecipientKind::Originator
}

fn common_name(mailbox: &Mailbox<'_>) -> String {
    let name = mailbox.name.trim();
    if name.is_empty() { String::new() } else { format!(";CN={}", quoted(name)) }
}
