//! Appointments, meetings, contacts, tasks and journals as parts in the formats of the Internet.
//! Never decides whether such an item is carried: that is the policy's; this only writes its part.

use super::view::View;
use crate::loss::{LossKind, Losses};

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

/// The part of a meeting message, appointment, contact, list, task or journal entry. Where there is none, a loss says
/// so and the item is carried as mail with the text that it has.
#[must_use]
pub fn part(view: &View<'_>, losses: &mut Losses) -> Option<PimPart> {
    let class = view.text(super::tag::MESSAGE_CLASS).unwrap_or_default();
    losses.note(
        LossKind::PimNotConverted,
        None,
        format!("{class} is carried as mail without a part of its own"),
    );
    None
}
