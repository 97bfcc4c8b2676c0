//! Contacts and lists as cards, read by another program's parser.
//! Never a member or an address that is only counted: each is looked for.

use std::sync::Arc;

use calcard::vcard::{VCard, VCardProperty, VCardVersion};

use super::{LossKind, Made, Value, at, check_lines, text, time, unfolded};
use crate::item::Content;
use crate::mime::tag;
use crate::names::{PS_PUBLIC_STRINGS, PSETID_ADDRESS};
use crate::store::{Blob, BlobKey};

const ONE_OFF: [u8; 16] =
    [0x81, 0x2B, 0x1F, 0xA4, 0xBE, 0xA3, 0x10, 0x19, 0x9D, 0x6E, 0x00, 0xDD, 0x01, 0x0F, 0x54, 0x02];

fn one_off(name: &str, kind: &str, address: &str) -> Vec<u8> {
    let mut octets = [&[0_u8; 4][..], &ONE_OFF, &[0, 0, 0, 0x80]].concat();
    let words = format!("{name}\0{kind}\0{address}\0");
    octets.extend(words.encode_utf16().flat_map(u16::to_le_bytes));
    octets
}

fn contact() -> Made {
    let mut made = Made::new("IPM.Contact");
    for (id, value) in [
        (tag::DISPLAY_NAME, "Dr. José Álvares"),
        (0x3A11, "Álvares"),
        (0x3A06, "José"),
        (0x3A45, "Dr."),
        (0x3A16, "Ação; Filhos, Lda"),
        (0x3A18, "Vendas"),
        (0x3A17, "Chefe"),
        (0x3A08, "+351 21 000 0000"),
        (0x3A1C, "+351 91 000 0000"),
        (0x3A24, "+351 21 000 0001"),
        (0x3A5D, "Rua Um, 2"),
        (0x3A59, "Lisboa"),
        (0x3A5B, "1000-001"),
        (0x3A51, "https://exemplo.example/a;b,c"),
        (tag::BODY, "Nota\r\nzwei"),
    ] {
        made = made.with(id, text(value));
    }
    let made = made.named(PSETID_ADDRESS, 0x8082, text("SMTP"));
    let made = made.named(PSETID_ADDRESS, 0x8083, text("jose@exemplo.example"));
    let made = made.named(PSETID_ADDRESS, 0x8093, text("casa@exemplo.example"));
    let made =
        made.named(PSETID_ADDRESS, 0x8045, text("Avenida 3")).named(PSETID_ADDRESS, 0x8046, text("Porto"));
    let made = made.named(PSETID_ADDRESS, 0x8049, text("Portugal"));
    let made = made.named(PSETID_ADDRESS, 0x8022, Value::Integer32(2));
    made.with(0x3A42, time(at(1970, 5, 3, 23, 0))).keywords(PS_PUBLIC_STRINGS, &["Freunde"])
}

fn values(card: &VCard, property: &VCardProperty) -> Vec<String> {
    let entries = card.entries.iter().filter(|entry| entry.name == *property);
    entries
        .flat_map(|entry| entry.values.iter().filter_map(|value| value.as_text().map(str::to_owned)))
        .collect()
}

#[test]
fn a_contact_is_a_card_that_every_address_book_reads() {
    let lines = contact().lines();
    check_lines(
        &lines,
        &[
            "BEGIN:VCARD",
            "VERSION:3.0",
            "FN:Dr. José Álvares",
            "N:Álvares;José;;Dr.;",
            "ORG:Ação\\; Filhos\\, Lda;Vendas",
            "EMAIL;TYPE=INTERNET,PREF:jose@exemplo.example",
            "EMAIL;TYPE=INTERNET:casa@exemplo.example",
            "TEL;TYPE=WORK,VOICE:+351 21 000 0000",
            "TEL;TYPE=CELL,VOICE:+351 91 000 0000",
            "TEL;TYPE=WORK,FAX:+351 21 000 0001",
            "ADR;TYPE=WORK,PREF:;;Avenida 3;Porto;;;Portugal",
            "ADR;TYPE=HOME:;;Rua Um\\, 2;Lisboa;;1000-001;",
            "TITLE:Chefe",
            "URL;TYPE=WORK:https://exemplo.example/a;b,c",
            "BDAY:1970-05-04",
            "CATEGORIES:Freunde",
            "NOTE:Nota\\nzwei",
            "END:VCARD",
        ],
    );
    let card = VCard::parse(lines.join("\r\n") + "\r\n").expect("a card that others can read");
    assert_eq!(card.version(), Some(VCardVersion::V3_0));
    assert_eq!(values(&card, &VCardProperty::Fn), ["Dr. José Álvares"]);
    assert_eq!(values(&card, &VCardProperty::Email), ["jose@exemplo.example", "casa@exemplo.example"]);
    assert_eq!(values(&card, &VCardProperty::Tel).len(), 3);
    assert_eq!(values(&card, &VCardProperty::Note), ["Nota\nzwei"]);
}

#[test]
fn a_card_always_has_a_name_to_show() {
    let bare = Made::new("IPM.Contact");
    for (made, expected) in [
        (bare.clone(), "FN:?"),
        (bare.clone().with(0x3A16, text("Firma")), "FN:Firma"),
        (bare.clone().with(0x3A06, text("Ana")).with(0x3A11, text("Silva")), "FN:Ana Silva"),
        (bare.named(PSETID_ADDRESS, 0x8083, text("a@b.example")), "FN:a@b.example"),
    ] {
        check_lines(&made.lines(), &[expected, "END:VCARD"]);
    }
}

#[test]
fn a_photo_at_hand_is_in_the_card_and_another_is_told() {
    let octets: Arc<[u8]> = Arc::from(&b"\xFF\xD8\xFF photo"[..]);
    let held = Blob { octets: octets.len() as u64, key: BlobKey::Held(octets) };
    let hidden = [(0x7FFF, Value::Boolean(true))];
    let lines = contact().attach(&hidden, Content::Octets(held)).lines();
    check_lines(&lines, &["PHOTO;ENCODING=b;TYPE=JPEG:/9j/IHBob3Rv"]);
    let far = Blob { octets: 9, key: BlobKey::Block(4) };
    let (part, losses) = contact().attach(&hidden, Content::Octets(far)).part();
    assert!(part.is_some());
    assert_eq!(losses, [LossKind::PimProperty]);
}

#[test]
fn addresses_that_are_none_of_the_internet_are_kept_and_told() {
    let exchange = "/o=Org/cn=Recipients/cn=jose";
    let made = Made::new("IPM.Contact").named(PSETID_ADDRESS, 0x8082, text("EX"));
    let made = made.named(PSETID_ADDRESS, 0x8083, text(exchange));
    let (part, losses) = made.part();
    assert_eq!(losses, [LossKind::PimProperty]);
    check_lines(&unfolded(&part.expect("a contact has a part")), &[&format!("X-MALOTE-ADDRESS:{exchange}")]);
    let typed = made.named(PSETID_ADDRESS, 0x8084, text("jose@exemplo.example"));
    check_lines(&typed.lines(), &["EMAIL;TYPE=INTERNET,PREF:jose@exemplo.example"]);
    let fax = Made::new("IPM.Contact").named(PSETID_ADDRESS, 0x8082, text("FAX"));
    check_lines(
        &fax.named(PSETID_ADDRESS, 0x8083, text("José@+351 21 1")).lines(),
        &["TEL;TYPE=FAX:+351 21 1"],
    );
}

fn list(one_offs: &[Vec<u8>], members: &[Vec<u8>]) -> Made {
    let many = |values: &[Vec<u8>]| Value::Many(values.iter().cloned().map(Value::Binary).collect());
    let made = Made::new("IPM.DistList").named(PSETID_ADDRESS, 0x8053, text("Equipe"));
    made.named(PSETID_ADDRESS, 0x8054, many(one_offs)).named(PSETID_ADDRESS, 0x8055, many(members))
}

#[test]
fn a_list_names_all_its_members() {
    let wrapped_provider =
        [0xC0, 0x91, 0xAD, 0xD3, 0x51, 0x9D, 0xCF, 0x11, 0xA4, 0xA9, 0x00, 0xAA, 0x00, 0x47, 0xFA, 0xA4];
    let zoe = one_off("Zoé", "SMTP", "zoe@b.example");
    let wrapped = [&[0_u8; 4][..], &wrapped_provider, &[0xC3], &zoe].concat();
    let made = list(&[one_off("Ana", "SMTP", "ana@b.example"), Vec::new()], &[vec![1; 24], wrapped]);
    let lines = made.lines();
    check_lines(
        &lines,
        &[
            "VERSION:4.0",
            "KIND:group",
            "FN:Equipe",
            "MEMBER;X-CN=\"Ana\":mailto:ana@b.example",
            "MEMBER;X-CN=\"Zoé\":mailto:zoe@b.example",
        ],
    );
    let card = VCard::parse(lines.join("\r\n") + "\r\n").expect("a card that others can read");
    assert_eq!(card.entries.iter().filter(|entry| entry.name == VCardProperty::Member).count(), 2);
}

#[test]
fn a_long_list_keeps_its_members_in_a_stream() {
    let mut stream = vec![2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    stream.extend(3_u32.to_le_bytes());
    for name in ["a", "b", "c"] {
        let member = one_off(name, "SMTP", &format!("{name}@b.example"));
        stream.extend(0_u32.to_le_bytes());
        stream.extend((member.len() as u32).to_le_bytes());
        stream.extend(&member);
        stream.extend(0_u32.to_le_bytes());
    }
    stream.extend([0; 8]);
    let made = Made::new("IPM.DistList").with(tag::DISPLAY_NAME, text("Viele"));
    let made = made.named(PSETID_ADDRESS, 0x8064, Value::Binary(stream));
    check_lines(
        &made.lines(),
        &["FN:Viele", "MEMBER;X-CN=\"a\":mailto:a@b.example", "MEMBER;X-CN=\"c\":mailto:c@b.example"],
    );
}

#[test]
fn members_without_an_address_are_told() {
    let made = list(&[one_off("Grupo", "MAPIPDL", "Unknown")], &[vec![1; 24], vec![2; 24]]);
    let (part, losses) = made.part();
    assert_eq!(losses, [LossKind::PimProperty]);
    check_lines(&unfolded(&part.expect("a list has a part")), &["X-MALOTE-MEMBER:Grupo <MAPIPDL:Unknown>"]);
}
