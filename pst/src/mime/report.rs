//! Delivery reports and receipts as `multipart/report` (RFC 6522, RFC 3464, RFC 8098; [MS-OXCMAIL] §2.1.3.4).
//! Never invents a recipient or a status: without them, the report is plain mail.

use std::borrow::Cow;

use super::address;
use super::head;
use super::mailbox::internet;
use super::part::Part;
use super::tag;
use super::view::View;
use crate::loss::{LossKind, Losses};
use crate::property::Properties;

/// The part that machines read, and the subtype of the whole.
pub struct Report {
    /// `multipart/report` with its type.
    pub subtype: &'static str,
    /// The second part.
    pub part: Part<'static>,
}

/// The structure of a report; nothing where the item does not hold what it is made of.
pub fn part(view: &View<'_>, class: &str, losses: &mut Losses) -> Option<Report> {
    let class = class.to_ascii_uppercase();
    let report = if class.ends_with(".NDR") || class.ends_with(".DR") {
        delivery(view, class.ends_with(".NDR"))
    } else if class.ends_with(".IPNRN") || class.ends_with(".IPNNRN") {
        receipt(view, class.ends_with(".IPNRN"))
    } else {
        None
    };
    if report.is_none() {
        losses.note(LossKind::ReportPlain, None, "the report has no structure, and is carried as plain mail");
    }
    report
}

fn delivery(view: &View<'_>, has_failed: bool) -> Option<Report> {
    let mut out = Vec::new();
    let reporter = view.text(tag::REPORTING_MTA).filter(|name| is_host(name));
    head::text(
        &mut out,
        "Reporting-MTA",
        &format!("dns; {}", reporter.as_deref().unwrap_or("unknown.invalid")),
    );
    let recipients = address::recipients(view);
    if recipients.is_empty() {
        return None;
    }
    for recipient in &recipients {
        out.extend_from_slice(b"\r\n");
        head::text(&mut out, "Final-Recipient", &format!("rfc822; {}", recipient.mailbox.address));
        head::text(&mut out, "Action", if has_failed { "failed" } else { "delivered" });
        head::text(&mut out, "Status", &status(recipient.properties, has_failed));
        let text = |id| view.text_of(recipient.properties, id);
        if let Some(mta) = text(tag::REMOTE_MTA).filter(|name| is_host(name)) {
            head::text(&mut out, "Remote-MTA", &format!("dns; {mta}"));
        }
        if let Some(told) = text(tag::SUPPLEMENTARY_INFO) {
            head::text(&mut out, "Diagnostic-Code", &format!("smtp; {}", told.trim()));
        }
        for (name, id) in
            [("X-MAPI-NDR-Reason", tag::NDR_REASON), ("X-MAPI-NDR-Diagnostic", tag::NDR_DIAGNOSTIC)]
        {
            if let Some(code) = recipient.properties.integer(id) {
                head::text(&mut out, name, &code.to_string());
            }
        }
    }
    let head = b"Content-Type: message/delivery-status\r\n".to_vec();
    let part = Part::text(head, Cow::Owned(out));
    Some(Report { subtype: "report; report-type=delivery-status", part })
}

/// The enhanced status (RFC 3463): 100 times the class, 10 times the subject, and the detail.
fn status(recipient: &Properties, has_failed: bool) -> String {
    match recipient.integer(tag::NDR_STATUS) {
        Some(code @ 200..=599) => format!("{}.{}.{}", code / 100, code / 10 % 10, code % 10),
        _ if has_failed => "5.0.0".to_owned(),
        _ => "2.0.0".to_owned(),
    }
}

fn receipt(view: &View<'_>, was_read: bool) -> Option<Report> {
    // Who read the mail is who sent the receipt.
    let reader = address::author(view)?;
    let mut out = Vec::new();
    head::text(&mut out, "Final-Recipient", &format!("rfc822; {}", reader.address));
    let original = view.text(tag::ORIGINAL_MESSAGE_ID).or_else(|| view.text(tag::IN_REPLY_TO));
    if let Some(original) = original.filter(|id| id.is_ascii()) {
        head::text(&mut out, "Original-Message-ID", original.trim());
    }
    let done = if was_read { "displayed" } else { "deleted" };
    head::text(&mut out, "Disposition", &format!("manual-action/MDN-sent-manually; {done}"));
    let head = b"Content-Type: message/disposition-notification\r\n".to_vec();
    let part = Part::text(head, Cow::Owned(out));
    Some(Report { subtype: "report; report-type=disposition-notification", part })
}

fn is_host(name: &str) -> bool {
    internet(&format!("x@{name}")).is_some()
}
