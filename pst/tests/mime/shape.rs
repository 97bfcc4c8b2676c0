//! The whole of an item: its class, its state, and the structures that other programs rely on.
//! Never looks at single fields of ordinary mail.

use mail_parser::MessageParser;
use malote_pst::item::Item;
use malote_pst::loss::LossKind;
use malote_pst::mime::{Flags, FolderRole, ItemKind, Items, SkipReason, Verdict};
use malote_pst::property::Value;

use crate::items::{World, binary, file, item, mail, recipient, text, values};

fn of_class(class: &str) -> Item {
    let mut mail = mail([]);
    mail.properties.0.insert(0x001A, text(class));
    mail
}

#[test]
fn every_class_is_carried_or_counted() {
    for (class, kind, all, only_mail) in [
        ("IPM.Note", ItemKind::Mail, true, true),
        ("IPM.Post", ItemKind::Mail, true, true),
        ("IPM.Note.Custom", ItemKind::Mail, true, true),
        ("IPM.Schedule.Meeting.Request", ItemKind::Meeting, true, true),
        ("REPORT.IPM.Note.NDR", ItemKind::Report, true, true),
        ("IPM.Appointment", ItemKind::Appointment, true, false),
        ("IPM.Contact", ItemKind::Contact, true, false),
        ("IPM.StickyNote", ItemKind::Note, true, false),
        ("IPM.Task", ItemKind::Task, true, false),
        ("IPM.Microsoft.ScheduleData.FreeBusy", ItemKind::System, false, false),
    ] {
        for (items, is_carried) in [(Items::All, all), (Items::Mail, only_mail)] {
            let world = World { items, ..World::default() };
            let converted = world.convert(&of_class(class));
            assert_eq!(converted.kind, kind, "{class}");
            assert_eq!(converted.message.is_some(), is_carried, "{class} {items:?}");
            let expected = match (is_carried, kind) {
                (true, _) => Verdict::Carry,
                (false, ItemKind::System) => Verdict::Skip(SkipReason::System),
                (false, _) => Verdict::Skip(SkipReason::NotMail),
            };
            assert_eq!(converted.verdict, expected, "{class} {items:?}");
        }
    }
    let mut associated = of_class("IPM.Note");
    associated.properties.0.insert(0x0E07, Value::Integer32(0x40));
    assert_eq!(World::default().convert(&associated).verdict, Verdict::Skip(SkipReason::System));
}

#[test]
fn flags_and_keywords_tell_the_state() {
    let number = |id, value| (id, Value::Integer32(value));
    let none = Flags::default();
    for (pairs, expected, keywords) in [
        (vec![], none, &[][..]),
        (vec![number(0x0E07, 1)], Flags { seen: true, ..none }, &[]),
        (vec![number(0x0E07, 9)], Flags { seen: true, draft: true, ..none }, &[]),
        (vec![number(0x1081, 102)], Flags { answered: true, ..none }, &[]),
        (vec![number(0x1081, 103)], Flags { answered: true, ..none }, &[]),
        (vec![number(0x1081, 104), number(0x1080, 261)], Flags { forwarded: true, ..none }, &[]),
        (vec![number(0x1080, 261)], Flags { answered: true, ..none }, &[]),
        (vec![number(0x1080, 262)], Flags { forwarded: true, ..none }, &[]),
        (vec![number(0x1090, 2)], Flags { flagged: true, ..none }, &[]),
        (vec![number(0x1090, 1)], Flags { completed: true, ..none }, &["$Completed"]),
        (
            vec![(0x8001, Value::Many(vec![text("Red Category"), text("red category"), text("Ação")]))],
            none,
            &["Red_Category", "A__o_4661c8"],
        ),
    ] {
        let converted = World::default().convert(&mail(pairs.clone()));
        assert_eq!(converted.flags, expected, "{pairs:?}");
        assert_eq!(converted.keywords.len(), keywords.len(), "{:?}", converted.keywords);
        assert!(
            converted.keywords.iter().zip(keywords).all(|(found, told)| found[..4] == told[..4]),
            "{pairs:?}"
        );
    }
    let drafts = World { role: FolderRole::Drafts, ..World::default() };
    assert!(drafts.convert(&mail([])).flags.draft);
}

#[test]
fn signed_content_is_not_touched() {
    let signed = "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=\"s\"\r\n\r\n\
        --s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
        ação  \r\n--s\r\nContent-Type: application/pkcs7-signature\r\n\r\nMIIB\r\n--s--\r\n";
    let mut item = of_class("IPM.Note.SMIME.MultipartSigned");
    item.attachments = vec![file(0, "smime.p7m", signed.as_bytes())];
    let octets = World::default().octets(&item);
    assert!(octets.ends_with(signed.as_bytes()), "{}", String::from_utf8_lossy(&octets));
    let text = String::from_utf8_lossy(&octets);
    assert_eq!(values(&text, "Content-Type").len(), 1, "{text}");
    assert_eq!(values(&text, "MIME-Version"), ["1.0"]);

    // Within another message it is still the same, and what is around it says that 8 bits may come.
    let mut outer = mail([]);
    let content = malote_pst::item::Content::Embedded(Box::new(item.clone()));
    outer.attachments = vec![crate::items::attachment(0, "x", content)];
    let octets = World::default().octets(&outer);
    assert!(memchr::memmem::find(&octets, signed.as_bytes()).is_some());
    assert_eq!(String::from_utf8_lossy(&octets).matches("Content-Transfer-Encoding: 8bit").count(), 3);

    for content in [
        "no fields at all",
        "Content-Type: text/plain\r\n\r\nx",
        "Content-Type: multipart/signed\r\nFrom: evil\r\n\r\n",
    ] {
        item.attachments = vec![file(0, "smime.p7m", content.as_bytes())];
        let converted = World::default().convert(&item);
        assert!(converted.losses.iter().any(|loss| loss.kind == LossKind::SmimePlain), "{content}");
        assert!(World::default().message(&item).contains("smime.p7m"));
    }
}

#[test]
fn encrypted_content_is_the_whole_message() {
    let mut item = of_class("IPM.Note.SMIME");
    item.attachments = vec![file(0, "smime.p7m", &[0x30; 500])];
    item.attachments[0].properties.0.insert(0x370E, text("application/octet-stream"));
    item.properties
        .0
        .insert(0x8003, text("application/x-pkcs7-mime; smime-type=enveloped-data; name=\"smime.p7m\""));
    let message = World::default().message(&item);
    let kind = "application/x-pkcs7-mime; smime-type=\"enveloped-data\"; name=\"smime.p7m\"";
    assert_eq!(values(&message, "Content-Type"), [kind]);
    let parsed = MessageParser::new().parse(message.as_bytes()).expect("it is a message");
    assert_eq!(parsed.parts[0].contents(), [0x30; 500]);
}

#[test]
fn reports_have_the_structure_of_reports() {
    let mut failed = of_class("REPORT.IPM.Note.NDR");
    failed.properties.0.remove(&0x1000);
    failed.properties.0.insert(0x1001, text("Não foi entregue.\r\n"));
    let mut row = recipient(1, "Bruno", "bruno@exemplo.pt");
    row.0.insert(0x0C20, Value::Integer32(511));
    row.0.insert(0x0C1B, text("550 5.1.1 unknown\r\nX: y"));
    row.0.insert(0x0C21, text("mx.exemplo.pt"));
    failed.recipients = vec![row];
    let message = World::default().message(&failed);
    for expected in [
        "multipart/report; report-type=delivery-status;",
        "N=C3=A3o foi entregue.",
        "Content-Type: message/delivery-status",
        "Final-Recipient: rfc822; bruno@exemplo.pt\r\nAction: failed\r\nStatus: 5.1.1\r\n\
         Remote-MTA: dns; mx.exemplo.pt\r\nDiagnostic-Code: smtp; 550 5.1.1 unknown X: y\r\n",
    ] {
        assert!(message.contains(expected), "{expected}\n{message}");
    }
    let mut read = of_class("REPORT.IPM.Note.IPNRN");
    read.properties.0.insert(0x1046, text("<0@exemplo.pt>"));
    let message = World::default().message(&read);
    for expected in
        ["report-type=disposition-notification", "Original-Message-ID: <0@exemplo.pt>", "; displayed"]
    {
        assert!(message.contains(expected), "{expected}\n{message}");
    }
    let mut bare = of_class("REPORT.IPM.Note.DR");
    bare.recipients.clear();
    let converted = World::default().convert(&bare);
    assert!(converted.losses.iter().any(|loss| loss.kind == LossKind::ReportPlain));
    assert!(World::default().message(&bare).contains("texto"));
}

#[test]
fn a_boundary_never_stands_in_a_text() {
    let mut mail = mail([]);
    mail.attachments = vec![file(0, "a", b"x")];
    let world = World::default();
    let message = world.message(&mail);
    let start = message.find("boundary=\"").expect("it has parts") + 10;
    let boundary = message[start..start + 36].to_owned();
    mail.properties.0.insert(0x1000, text(&format!("--{boundary}\r\n--{boundary}--\r\n")));
    let other = world.message(&mail);
    assert_eq!(other.matches(&boundary[..26]).count(), 2, "{other}");
    let parsed = MessageParser::new().parse(other.as_bytes()).expect("it is a message");
    assert_eq!(parsed.attachment_count(), 1);
    assert!(parsed.body_text(0).is_some_and(|text| text.contains(&boundary)));
}

#[test]
fn an_item_without_a_class_is_mail_and_told() {
    let mut bare = item("", [(0x1013, binary(b"<p>x</p>"))]);
    bare.properties.0.remove(&0x001A);
    let converted = World::default().convert(&bare);
    assert_eq!((converted.kind, converted.verdict), (ItemKind::Mail, Verdict::Carry));
    assert!(converted.losses.iter().any(|loss| loss.kind == LossKind::ClassMissing));
}
