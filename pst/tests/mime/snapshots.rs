//! Whole messages as they are sent, one for each class and pitfall, held against what stands in `snapshots/`.
//! Never says what is right by itself: a person has read each file. `MALOTE_SNAPSHOTS=write` writes them anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use malote_pst::item::{Content, Item};
use malote_pst::mime::{FolderRole, Unreadable};
use malote_pst::names::{
    Name, PSETID_ADDRESS, PSETID_APPOINTMENT, PSETID_COMMON, PSETID_MEETING, PSETID_TASK,
};
use malote_pst::property::Value;

use crate::items::{
    THEN, World, attachment, binary, damage, file, item, lost, mail, properties, recipient, text,
};

/// Named properties that the cases below use, by their ids.
fn world() -> World {
    let mut world = World::default();
    for (id, set, number) in [
        (0x8010, PSETID_APPOINTMENT, 0x820D),
        (0x8011, PSETID_APPOINTMENT, 0x820E),
        (0x8012, PSETID_APPOINTMENT, 0x8208),
        (0x8013, PSETID_APPOINTMENT, 0x8205),
        (0x8014, PSETID_APPOINTMENT, 0x8215),
        (0x8015, PSETID_COMMON, 0x8501),
        (0x8016, PSETID_COMMON, 0x8503),
        (0x8017, PSETID_MEETING, 0x0003),
        (0x8018, PSETID_ADDRESS, 0x8083),
        (0x8019, PSETID_ADDRESS, 0x8082),
        (0x801A, PSETID_TASK, 0x8105),
        (0x801B, PSETID_TASK, 0x8101),
    ] {
        world.names.0.insert((set, Name::Number(number)), id);
    }
    world
}

/// An hour of a meeting with all that makes one.
fn meeting(class: &str) -> Item {
    let mut meeting = of_class(class);
    meeting.properties.extend([
        (0x0037, text("Reunião, sala 2; às 10")),
        (0x8010, Value::Time(THEN)),
        (0x8011, Value::Time(THEN + 36_000_000_000)),
        (0x8012, text("Açores, sala \"2\"")),
        (0x8013, Value::Integer32(2)),
        (0x8015, Value::Integer32(15)),
        (0x8016, Value::Boolean(true)),
        (0x8017, binary(&[4, 0, 0, 0, 0x82, 0, 0xE0, 0, 0x74, 0xC5, 0xB7, 0x10, 0x1A, 0x82, 0xE0, 8])),
    ]);
    meeting.recipients.push(recipient(2, "Clara", "clara@exemplo.pt"));
    meeting
}

fn of_class(class: &str) -> Item {
    mail([(0x001A, text(class))])
}

/// Rich text as it is stored without packing ([MS-OXRTFCP] §2.1.3.1).
fn rtf(rtf: &str) -> (u16, Value) {
    let length = u32::try_from(rtf.len() + 12).expect("the texts here are short");
    let raw = u32::try_from(rtf.len()).expect("the texts here are short");
    let head = [&length.to_le_bytes()[..], &raw.to_le_bytes(), b"MELA", &[0; 4]].concat();
    (0x1009, binary(&[head, rtf.as_bytes().to_vec()].concat()))
}

fn with(mut item: Item, pairs: impl IntoIterator<Item = (u16, Value)>) -> Item {
    item.properties.extend(pairs);
    item
}

/// One case of each class.
fn classes() -> Vec<(&'static str, Item)> {
    let signed = "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=\"s\"\r\n\r\n\
        --s\r\nContent-Type: text/plain\r\n\r\nsigned  \r\n--s\r\nContent-Type: application/pkcs7-signature\r\n\r\n\
        MIIB\r\n--s--\r\n";
    let mut clear = of_class("IPM.Note.SMIME.MultipartSigned");
    clear.attachments = vec![file(0, "smime.p7m", signed.as_bytes())];
    let mut sealed = of_class("IPM.Note.SMIME");
    sealed.attachments = vec![file(0, "smime.p7m", &[0x30; 60])];
    let mut failed = with(of_class("REPORT.IPM.Note.NDR"), [(0x1001, text("Não foi entregue.\r\n"))]);
    failed.recipients[0].0.extend([
        (0x0C20, Value::Integer32(511)),
        (0x0C1B, text("550 5.1.1 unknown")),
        (0x0C21, text("mx.exemplo.pt")),
    ]);
    let contact = item(
        "IPM.Contact",
        [
            (0x3001, text("José Álvares")),
            (0x3A06, text("José")),
            (0x3A11, text("Álvares")),
            (0x3A16, text("Ação, Lda; Sul")),
            (0x3A1C, text("+351 912 345 678")),
            (0x8018, text("jose@exemplo.pt")),
            (0x8019, text("SMTP")),
        ],
    );
    let task = item(
        "IPM.Task",
        [
            (0x0037, text("Lavar o carro")),
            (0x1000, text("com água\r\n")),
            (0x801A, Value::Time(THEN)),
            (0x801B, Value::Integer32(1)),
        ],
    );
    vec![
        ("class-note", mail([])),
        ("class-post", of_class("IPM.Post")),
        ("class-unknown-note", of_class("IPM.Note.Custom.Form")),
        ("class-none", of_class("")),
        ("class-signed", clear),
        ("class-sealed", sealed),
        ("class-report-failed", failed),
        ("class-report-read", with(of_class("REPORT.IPM.Note.IPNRN"), [(0x1046, text("<0@exemplo.pt>"))])),
        ("class-meeting-request", meeting("IPM.Schedule.Meeting.Request")),
        ("class-meeting-cancelled", meeting("IPM.Schedule.Meeting.Canceled")),
        ("class-meeting-accepted", meeting("IPM.Schedule.Meeting.Resp.Pos")),
        ("class-appointment", meeting("IPM.Appointment")),
        ("class-contact", contact),
        ("class-list", item("IPM.DistList", [(0x3001, text("Equipa")), (0x0037, text("Equipa"))])),
        ("class-task", task),
        ("class-journal", item("IPM.Activity", [(0x0037, text("Chamada")), (0x1000, text("breve"))])),
        (
            "class-note-sticky",
            item("IPM.StickyNote", [(0x0037, text("Leite")), (0x1000, text("Leite\r\nPão"))]),
        ),
    ]
}

/// One case of each pitfall.
fn pitfalls() -> Vec<(&'static str, Item)> {
    let legacy = "/o=Org/ou=Exchange Administrative Group/cn=Recipients/cn=bia";
    let mut exchange = mail([(0x0064, text("EX")), (0x0065, text(legacy))]);
    exchange.recipients = vec![properties([
        (0x0C15, Value::Integer32(1)),
        (0x3001, text("Bia")),
        (0x3002, text("EX")),
        (0x3003, text(legacy)),
        (0x39FE, text("bia@exemplo.pt")),
    ])];
    let headers = "Microsoft Mail Internet Headers Version 2.0\r\nReceived: from a by b; 1 Jan 2018 00:00:00 +0000\r\n\
        no field at all\r\nFrom: Outra <outra@exemplo.pt>\r\nX-Twice: 1\r\nX-Twice: 2\r\nContent-Type: text/html\r\n\
        Subject: do cabe\u{e7}alho\r\n\r\nContent-Type: text/plain\r\n";
    let mut people = mail([]);
    people.recipients.extend([
        recipient(2, "Silva, João \"Zé\"", "joao@exemplo.pt"),
        recipient(3, "Oculta", "oculta@exemplo.pt"),
        recipient(1, "sem endereço", ""),
    ]);
    let page = "<html><body><p>Olá</p><img src=\"cid:logo@x\"></body></html>";
    let mut inline = mail([(0x1013, binary(page.as_bytes())), (0x3FDE, Value::Integer32(65001))]);
    inline.attachments = vec![file(0, "logo.png", b"png"), file(1, "oculto.png", b"gnp")];
    inline.attachments[0].properties.0.insert(0x3712, text("logo@x"));
    inline.attachments[1].properties.extend([(0x3712, text("ninguem@x")), (0x7FFE, Value::Boolean(true))]);
    let mut names = mail([]);
    names.attachments = vec![
        file(0, "../../etc/passwd", b"a"),
        file(1, "orçamento — 2º.pdf", b"b"),
        file(2, "a\r\nX-Evil: 1.txt", b"c"),
        file(3, "vazio.txt", b""),
    ];
    names.attachments[2].properties.0.insert(0x370E, text("text/plain\r\nX-Evil: 1"));
    let mut references = mail([]);
    references.attachments = vec![attachment(0, "Nuvem.docx", Content::Reference)];
    references.attachments[0].properties.0.insert(0x370D, text("https://nuvem.exemplo.pt/a"));
    let mut nested = mail([]);
    let mut middle = mail([(0x0037, text("Meio"))]);
    middle.attachments = vec![file(0, "fundo.bin", b"fundo")];
    nested.attachments = vec![attachment(0, "Meio", Content::Embedded(Box::new(middle)))];
    let mut broken = mail([]);
    broken.attachments = vec![attachment(0, "perdido.bin", Content::Unreadable), file(1, "aqui.bin", b"x")];
    broken.attachments[0].damage = vec![damage(malote_pst::item::Part::Data)];
    let from_html = "{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 {\\*\\htmltag64 <p>}\\htmlrtf x\\htmlrtf0 Ol\\'e1 \\u8364?\
        {\\*\\htmltag72 </p>}}";
    let shift_jis = Value::String8(vec![0x93, 0xFA, 0x96, 0x7B]);
    vec![
        ("addresses-of-exchange", exchange),
        ("headers-that-came-along", mail([(0x007D, text(headers))])),
        ("recipients-of-all-kinds", people),
        ("inline-pictures", inline),
        ("names-of-files", names),
        ("references", references),
        ("message-in-message", nested),
        ("unreadable-file", broken),
        ("long-file", {
            let mut long = mail([]);
            long.attachments = vec![attachment(0, "nulo.bin", Content::Octets(lost(0)))];
            long
        }),
        ("rich-text-from-html", with(bare(), [rtf(from_html)])),
        ("rich-text-from-text", with(bare(), [rtf("{\\rtf1\\ansi\\fromtext s\\'f3 texto\\par fim}")])),
        ("rich-text-by-itself", with(bare(), [rtf("{\\rtf1\\ansi {\\b forte} e fraco}")])),
        ("no-body", bare()),
        ("controls-and-lines", mail([(0x1000, text("a\0b\u{7}c\r\n.\r\nFrom x\nlf\rcr"))])),
        ("long-line", mail([(0x1000, text(&"palavra ".repeat(200)))])),
        ("subject-with-prefix", mail([(0x0037, text("\u{1}\u{5}AW: Orçamento\r\nX-Evil: 1"))])),
        (
            "page-of-japan",
            mail([(0x1000, shift_jis.clone()), (0x0037, shift_jis), (0x3FFD, Value::Integer32(932))]),
        ),
        ("no-id-and-no-date", {
            let mut none = mail([(0x0E06, Value::Time(0))]);
            none.properties.0.retain(|id, _| ![0x1035, 0x0039].contains(id));
            none
        }),
        (
            "flags-and-fields",
            mail([
                (0x0017, Value::Integer32(2)),
                (0x0036, Value::Integer32(2)),
                (0x0029, Value::Boolean(true)),
                (0x1042, text("<0@exemplo.pt>")),
                (0x1039, text("<-1@exemplo.pt> <0@exemplo.pt>")),
                (0x0070, text("Olá")),
                (0x0071, binary(&[1; 22])),
                (0x8001, Value::Many(vec![text("Vermelho"), text("Lixo & mais")])),
            ]),
        ),
    ]
}

/// A mail without any text.
fn bare() -> Item {
    let mut bare = mail([]);
    bare.properties.0.remove(&0x1000);
    bare
}

#[test]
fn every_class_and_every_pitfall_is_sent_as_it_was_read_by_a_person() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mime/snapshots");
    let is_writing = std::env::var_os("MALOTE_SNAPSHOTS").is_some_and(|what| what == "write");
    let mut known = BTreeSet::new();
    let mut wrong = Vec::new();
    for (name, item) in classes().into_iter().chain(pitfalls()) {
        let world = World { unreadable: Unreadable::Stub, role: FolderRole::Other, ..world() };
        let sent = String::from_utf8(world.octets(&item)).context(name)?.replace("\r\n", "\n");
        let path = folder.join(format!("{name}.eml"));
        known.insert(path.clone());
        if is_writing {
            fs::create_dir_all(&folder)?;
            fs::write(&path, &sent)?;
        }
        let read = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        if read != sent {
            wrong.push(format!("=== {name}: where this stood:\n{read}=== this is sent:\n{sent}"));
        }
    }
    let stale = fs::read_dir(&folder)?.filter_map(Result::ok).find(|entry| !known.contains(&entry.path()));
    assert!(stale.is_none(), "{stale:?} belongs to no case");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
