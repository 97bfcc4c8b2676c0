//! Appointments, meetings, contacts, tasks and journals as parts in the formats of the Internet.
//! Never decides whether such an item is carried: that is the policy's; this only writes its part.

mod calendar;
mod card;
mod common;
mod event;
mod identity;
mod lines;
mod list;
mod moment;
mod octets;
mod people;
mod recurrence;
mod rule;
mod task;
#[cfg(test)]
mod tests;
mod zone;

use super::class::ItemKind;
use super::view::View;
use crate::loss::{LossKind, Losses};
use crate::names::PSETID_APPOINTMENT;
use event::Purpose;
use lines::Lines;

pub use lines::TEXT_CHARACTERS_MAX;

/// `PidLidAppointmentCounterProposal`: an answer that names another time.
const COUNTER_PROPOSAL: u32 = 0x8257;

/// One part in a format of its own, beside the text of the item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PimPart {
    /// Its type without parameters, `text/calendar` or `text/vcard`; its octets are UTF-8 with CRLF line ends.
    pub media_type: &'static str,
    /// The iTIP method (RFC 5546 §1.4) of a `text/calendar` part that asks or answers; it then stands as the last
    /// alternative of the message's text. Nothing for parts that only record.
    pub method: Option<&'static str>,
    /// The name of the file that it is where it is saved.
    pub file_name: String,
    /// The whole part.
    pub octets: Vec<u8>,
}

impl PimPart {
    /// A part that only records.
    fn record(media_type: &'static str, file_name: &str, lines: Lines) -> Self {
        Self { media_type, method: None, file_name: file_name.to_owned(), octets: lines.into_octets() }
    }
}

/// The part of a meeting message, appointment, contact, list, task or journal entry; sticky notes are texts and have
/// none. Where there should be one and is none, a loss says so and the item is carried as mail with the text it has.
#[must_use]
pub fn part(view: &View<'_>, losses: &mut Losses) -> Option<PimPart> {
    let class = view.text(super::tag::MESSAGE_CLASS).unwrap_or_default();
    match ItemKind::of_class(&class) {
        ItemKind::Appointment => calendar::part(view, Purpose::Record, losses),
        ItemKind::Meeting => {
            let counter = view.named_integer(PSETID_APPOINTMENT, COUNTER_PROPOSAL);
            let Some(purpose) = Purpose::of_class(&class, counter.is_some_and(|counter| counter != 0)) else {
                losses.note(
                    LossKind::PimNotConverted,
                    None,
                    format!("{class} is carried as mail without a part of its own"),
                );
                return None;
            };
            calendar::part(view, purpose, losses)
        }
        ItemKind::Contact => Some(card::part(view, losses)),
        ItemKind::ContactList => Some(list::part(view, losses)),
        ItemKind::Task => Some(task::part(view, losses)),
        ItemKind::Journal => Some(task::journal(view, losses)),
        ItemKind::Mail | ItemKind::Report | ItemKind::Note | ItemKind::System => None,
    }
}
