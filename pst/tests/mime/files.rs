//! Attachments: files of any name and type, pictures in HTML, messages in messages, objects, references, ruins.
//! Never looks at the texts beside them.

use mail_parser::{MessageParser, MimeHeaders, PartType};
use malote_pst::item::{Content, Item};
use malote_pst::loss::LossKind;
use malote_pst::mime::{EMBEDDED_DEPTH_MAX, Unreadable, Verdict};
use malote_pst::property::Value;

use crate::items::{World, attachment, binary, blob, decoded, file, item, lost, mail, text};

fn with(attachments: Vec<malote_pst::item::Attachment>) -> Item {
    let mut mail = mail([]);
    mail.attachments = attachments;
    mail
}

/// Names, types and octets of the attachments that another hand finds.
fn found(octets: &[u8]) -> Vec<(String, String, Vec<u8>)> {
    let parsed = MessageParser::new().parse(octets).expect("it is a message");
    let parts = parsed.attachments().map(|part| {
        let kind = part
            .content_type()
            .map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()));
        (
            part.attachment_name().unwrap_or_default().to_owned(),
            kind.unwrap_or_default(),
            decoded(octets, part).unwrap_or_default(),
        )
    });
    parts.collect()
}

#[test]
fn a_file_keeps_its_octets_and_a_name_and_type_that_are_safe() {
    let long = "relatório de orçamento — 2º trimestre ".repeat(5) + ".pdf";
    let octets: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for (name, kind, expected_name, expected_kind) in [
        ("a.txt", None, "a.txt", "text/plain"),
        ("relatório.pdf", Some("application/pdf"), "relatório.pdf", "application/pdf"),
        (long.as_str(), None, long.as_str(), "application/pdf"),
        ("x.bin", Some("text/plain\r\nX-Injected: 1"), "x.bin", "application/octet-stream"),
        ("m.eml", Some("message/rfc822"), "m.eml", "application/octet-stream"),
        ("..\\..\\a\r\nb.png", Some("image/png; name=x"), "ab.png", "image/png"),
        ("", None, "attachment-0", "application/octet-stream"),
        ("quote\"s.txt", None, "quote\"s.txt", "text/plain"),
    ] {
        for content in [&octets[..], &[]] {
            let mut file = file(0, name, content);
            if let Some(kind) = kind {
                file.properties.0.insert(0x370E, text(kind));
            }
            let message = World::default().message(&with(vec![file]));
            let expected = vec![(expected_name.to_owned(), expected_kind.to_owned(), content.to_vec())];
            assert_eq!(
                found(message.as_bytes()),
                expected,
                "{name:?} {kind:?}\n{}",
                &message[..message.len().min(900)]
            );
        }
    }
}

#[test]
fn only_what_the_html_shows_stands_beside_it() {
    let picture = |number, id: &str| {
        let mut picture = file(number, "p.png", &[1, 2, 3]);
        picture.properties.0.insert(0x3712, text(id));
        picture.properties.0.insert(0x7FFE, Value::Boolean(true));
        picture
    };
    let mut mail =
        with(vec![picture(0, "<a@x>"), picture(1, "unseen@x"), picture(2, "a@x"), picture(3, "b c")]);
    let mut located = file(4, "l.gif", &[9]);
    located.properties.0.insert(0x3713, text("http://x.example/l.gif"));
    mail.attachments.push(located);
    mail.properties.0.insert(0x1013, binary(b"<img src='cid:a%40x'><img src=\"http://x.example/l.gif\">"));
    let message = World::default().message(&mail);
    let parsed = MessageParser::new().parse(message.as_bytes()).expect("it is a message");
    let related: Vec<_> = parsed
        .parts
        .iter()
        .filter(|part| {
            matches!(part.body, PartType::Multipart(_))
                && part.content_type().is_some_and(|kind| kind.subtype() == Some("related"))
        })
        .filter_map(|part| part.sub_parts().map(<[u32]>::len))
        .collect();
    assert_eq!(related, [3], "the HTML, one picture by its id, one by its place\n{message}");
    assert_eq!(message.matches("Content-Disposition: inline").count(), 2);
    assert_eq!(message.matches("Content-Disposition: attachment").count(), 3);
    let losses = World::default().convert(&mail).losses.into_iter();
    let losses: Vec<_> = losses.map(|loss| (loss.kind, loss.attachments, loss.property)).collect();
    assert_eq!(
        losses,
        [(LossKind::HeaderChanged, vec![3], Some(0x3712))],
        "an id with a blank refers to nothing"
    );
}

#[test]
fn a_message_in_a_message_stays_one() {
    let mut inner = mail([(0x0037, text("dentro"))]);
    inner.attachments = vec![file(0, "fundo.bin", &[7; 1_000])];
    let outer = with(vec![attachment(0, "dentro", Content::Embedded(Box::new(inner)))]);
    let message = World::default().message(&outer);
    let parsed = MessageParser::new().parse(message.as_bytes()).expect("it is a message");
    let PartType::Message(nested) = &parsed.attachment(0).expect("it has one").body else {
        panic!("no message within:\n{message}");
    };
    assert_eq!(nested.subject(), Some("dentro"));
    assert_eq!(nested.attachment(0).map(|part| part.contents()), Some(&[7_u8; 1_000][..]));
    assert!(
        message.contains("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n"),
        "{message}"
    );
    assert!(
        message.contains("filename=dentro.eml") || message.contains("filename=\"dentro.eml\""),
        "{message}"
    );
}

#[test]
fn an_embedded_entry_of_any_length_keeps_its_whole_text() {
    let long = format!("{}the very end", "uma linha\r\n".repeat(30_000));
    for (class, name) in [("IPM.Contact", 0x3001), ("IPM.Task", 0x0037), ("IPM.Activity", 0x0037)] {
        let inner = item(class, [(name, text("José")), (0x1000, text(&long))]);
        let outer = with(vec![attachment(0, "inner", Content::Embedded(Box::new(inner)))]);
        let message = World::default().message(&outer).replace("\r\n ", "");
        assert!(message.contains("the very end"), "{class}: {} octets", message.len());
    }
}

#[test]
fn a_deep_chain_of_messages_ends_at_the_limit() {
    let chain = |depth: usize| {
        (0..depth)
            .fold(mail([]), |inner, _| with(vec![attachment(0, "m", Content::Embedded(Box::new(inner)))]))
    };
    let world = World::default();
    assert_eq!(world.convert(&chain(EMBEDDED_DEPTH_MAX)).verdict, Verdict::Carry);
    assert!(matches!(world.convert(&chain(EMBEDDED_DEPTH_MAX + 1)).verdict, Verdict::Quarantine(_)));
    let stubs = World { unreadable: Unreadable::Stub, ..World::default() };
    assert!(stubs.message(&chain(200)).contains("too-deep.txt"));
}

#[test]
fn what_has_no_octets_is_named_and_what_cannot_be_read_keeps_the_message_back() {
    let mut reference = attachment(0, "plano.doc", Content::Reference);
    reference.properties.0.insert(0x370D, text("\\\\servidor\\pasta\\plano.doc\r\nX: y"));
    let world = World::default();
    let message = world.message(&with(vec![reference]));
    assert!(message.contains("\\\\servidor\\pasta\\plano.doc X: y\r\n"), "{message}");

    for content in [Content::Unreadable, Content::Ole(lost(1_000))] {
        let ruined = with(vec![attachment(3, "foto.jpg", content), file(4, "b", b"x")]);
        let converted = world.convert(&ruined);
        assert!(
            matches!(&converted.verdict, Verdict::Quarantine(why) if why.len() == 1),
            "{:?}",
            converted.verdict
        );
        assert_eq!(converted.message, None);
        let loss = &converted.losses[0];
        assert_eq!((loss.kind, loss.attachments.as_slice()), (LossKind::AttachmentUnreadable, &[3][..]));
        let stubs = World { unreadable: Unreadable::Stub, ..World::default() };
        assert!(matches!(stubs.convert(&ruined).verdict, Verdict::CarryWithStubs(_)));
        let message = stubs.message(&ruined);
        assert!(
            message.contains("unreadable-3.txt") && message.contains("Its name was: foto.jpg"),
            "{message}"
        );
    }
}

#[test]
fn an_object_gives_the_document_in_it_or_itself() -> anyhow::Result<()> {
    use std::io::{Cursor, Write};

    let mut compound = cfb::CompoundFile::create(Cursor::new(Vec::new()))?;
    compound.create_stream("/Package")?.write_all(b"a whole document")?;
    compound.flush()?;
    let octets = compound.into_inner().into_inner();
    let world = World::default();
    let message = world.message(&with(vec![attachment(0, "Objeto.docx", Content::Ole(blob(&octets)))]));
    assert_eq!(found(message.as_bytes())[0].2, b"a whole document");
    let raw = with(vec![attachment(0, "Objeto", Content::Ole(blob(b"no compound file")))]);
    assert_eq!(found(world.message(&raw).as_bytes())[0].2, b"no compound file");
    assert_eq!(world.convert(&raw).losses[0].kind, LossKind::OleRaw);
    Ok(())
}

#[test]
fn a_file_of_two_gigabytes_is_a_plan_and_not_memory() {
    let big = with(vec![attachment(0, "big.iso", Content::Octets(lost(2 << 30)))]);
    let converted = World::default().convert(&big);
    let message = converted.message.expect("nothing is read to plan it");
    assert!(message.octets() > (2 << 30) / 3 * 4 && message.octets_held() < 4_096);
}
