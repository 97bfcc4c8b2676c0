//! Heads: who, to whom, when, under which identity; what came with the item, and what its properties add.
//! Never looks at bodies.

use malote_pst::item::{Item, Part};
use malote_pst::loss::LossKind;
use malote_pst::mime::{DateOrigin, FolderRole, InternalDate};
use malote_pst::property::{LONE_SURROGATE, Value};

use crate::items::{THEN, World, binary, damage, head, item, mail, properties, recipient, text, values};

/// Holds the values of some fields against what is expected; `[]` is a field that is not there.
fn check(world: &World, item: &Item, expected: &[(&str, &[&str])]) {
    let message = world.message(item);
    for (name, values_expected) in expected {
        assert_eq!(values(&message, name), *values_expected, "{name} in\n{message}");
    }
}

fn one_off(name: &str, kind: &str, address: &str) -> Vec<u8> {
    let uid = [0x81, 0x2B, 0x1F, 0xA4, 0xBE, 0xA3, 0x10, 0x19, 0x9D, 0x6E, 0, 0xDD, 1, 0x0F, 0x54, 2];
    let mut octets = [&[0_u8; 4][..], &uid, &[0, 0, 0, 0x80]].concat();
    for part in [name, kind, address] {
        octets.extend(part.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    }
    octets
}

#[test]
fn a_mail_without_headers_gets_them_from_its_properties() {
    let mut mail = mail([
        (0x0C1A, text("Secretária")),
        (0x0C1E, text("SMTP")),
        (0x0C1F, text("sec@exemplo.pt")),
        (0x0017, Value::Integer32(2)),
        (0x0026, Value::Integer32(1)),
        (0x0036, Value::Integer32(2)),
        (0x0029, Value::Boolean(true)),
        (0x0070, text("Olá")),
        (0x0071, binary(&[1; 22])),
        (0x1042, text("<0@exemplo.pt>")),
        (0x1039, text("<a@x> <b@x>")),
        (0x8001, Value::Many(vec![text("Red"), text("Ação")])),
        (0x8002, text("5.1\r\nX-Injected: 1")),
        (0x8004, text("x")),
    ]);
    mail.recipients.push(recipient(2, "", "carla@exemplo.pt"));
    mail.recipients.push(recipient(0x1000_0003_u32.cast_signed(), "Diogo, o \"Grande\"", "diogo@exemplo.pt"));
    let mut reply = vec![0; 8];
    let entry = one_off("Lista", "SMTP", "lista@exemplo.pt");
    reply.extend(u32::try_from(entry.len()).expect("it is short").to_le_bytes());
    reply.extend(&entry);
    mail.properties.0.insert(0x004F, Value::Binary(reply));
    check(
        &World::default(),
        &mail,
        &[
            ("From", &["=?utf-8?Q?Ana_Gon=C3=A7alves?= <ana@exemplo.pt>"]),
            ("Sender", &["=?utf-8?Q?Secret=C3=A1ria?= <sec@exemplo.pt>"]),
            ("To", &["Bruno <bruno@exemplo.pt>"]),
            ("Cc", &["carla@exemplo.pt"]),
            ("Bcc", &["\"Diogo, o \\\"Grande\\\"\" <diogo@exemplo.pt>"]),
            ("Reply-To", &["Lista <lista@exemplo.pt>"]),
            ("Subject", &["=?utf-8?Q?Ol=C3=A1?="]),
            ("Date", &["Sat, 26 May 2018 23:49:48 +0000"]),
            ("Message-ID", &["<1@exemplo.pt>"]),
            ("In-Reply-To", &["<0@exemplo.pt>"]),
            ("References", &["<a@x> <b@x>"]),
            ("Thread-Index", &["AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=="]),
            ("Importance", &["high"]),
            ("Priority", &["urgent"]),
            ("Sensitivity", &["Private"]),
            ("Disposition-Notification-To", &["=?utf-8?Q?Ana_Gon=C3=A7alves?= <ana@exemplo.pt>"]),
            ("x-spam-score", &["5.1 X-Injected: 1"]),
            ("X-Injected", &[]),
            ("X-Malote-Message-ID", &[]),
        ],
    );
}

#[test]
fn headers_that_came_with_the_mail_are_kept_and_completed() {
    let headers = "Microsoft Mail Internet Headers Version 2.0\r\n\
        Received: from a by b;\r\n\tMon, 1 Jan 2018 00:00:00 +0000\r\n\
        Received: from c by a; Sun, 31 Dec 2017 23:00:00 +0000\r\n\
        From: \"Outra\" <outra@exemplo.pt>\r\n\
        this is no field\r\n\
        Subject: =?iso-8859-1?Q?Ol=E1?=\r\n\
        Content-Type: multipart/mixed; boundary=x\r\n\
        MIME-Version: 1.0\r\n\
        X-Nome: ação\r\n\
        To: Zé <ze@exemplo.pt>, b@exemplo.pt\r\n\
        Bcc: old@exemplo.pt\r\n\r\n\
        Content-Type: text/plain\r\n";
    let mut mail = mail([(0x007D, text(headers))]);
    mail.recipients.push(recipient(3, "Diogo", "diogo@exemplo.pt"));
    let world = World::default();
    check(
        &world,
        &mail,
        &[
            (
                "Received",
                &[
                    "from a by b; Mon, 1 Jan 2018 00:00:00 +0000",
                    "from c by a; Sun, 31 Dec 2017 23:00:00 +0000",
                ],
            ),
            ("From", &["\"Outra\" <outra@exemplo.pt>"]),
            ("Subject", &["=?iso-8859-1?Q?Ol=E1?="]),
            ("To", &["=?utf-8?B?WsOp?= <ze@exemplo.pt>, b@exemplo.pt"]),
            ("X-Nome", &["=?utf-8?B?YcOnw6Nv?="]),
            ("Bcc", &["Diogo <diogo@exemplo.pt>"]),
            ("Date", &["Sat, 26 May 2018 23:49:48 +0000"]),
            ("Message-ID", &["<1@exemplo.pt>"]),
            ("Content-Type", &["text/plain; charset=\"us-ascii\""]),
            ("MIME-Version", &["1.0"]),
        ],
    );
    let kinds: Vec<_> = world.convert(&mail).losses.into_iter().map(|loss| loss.kind).collect();
    assert_eq!(kinds, [LossKind::HeaderDropped, LossKind::HeaderChanged]);
}

#[test]
fn in_sent_items_the_properties_win() {
    let headers = "From: x@y.example\r\nTo: nobody@y.example\r\nSubject: no\r\nX-Kept: yes\r\n";
    let world = World { role: FolderRole::Sent, ..World::default() };
    check(
        &world,
        &mail([(0x007D, text(headers))]),
        &[
            ("From", &["=?utf-8?Q?Ana_Gon=C3=A7alves?= <ana@exemplo.pt>"]),
            ("To", &["Bruno <bruno@exemplo.pt>"]),
            ("Subject", &["=?utf-8?Q?Ol=C3=A1?="]),
            ("X-Kept", &["yes"]),
        ],
    );
}

#[test]
fn addresses_of_exchange_are_found_wherever_they_are_said() {
    const BRUNO: &str = "/o=Org/ou=X/cn=Recipients/cn=bruno";
    let exchange = |pairs: &[(u16, &str)]| {
        let mut row =
            properties([(0x0C15, Value::Integer32(1)), (0x3002, text("EX")), (0x3003, text(BRUNO))]);
        row.extend(pairs.iter().map(|(id, value)| (*id, text(value))));
        row
    };
    let with = |row| {
        let mut mail = mail([]);
        mail.recipients = vec![row];
        mail
    };
    let mut world = World::default();
    let unknown = with(exchange(&[(0x3001, "Bruno")]));
    let wrapped = "Bruno <IMCEAEX-_o=Org_ou=X_cn=Recipients_cn=bruno@encapsulated.invalid>";
    check(&world, &unknown, &[("To", &[wrapped])]);
    let known = with(exchange(&[(0x39FE, "bruno@exemplo.pt")]));
    check(&world, &known, &[("To", &["bruno@exemplo.pt"])]);
    let nameless = with(exchange(&[(0x3001, "bruno@exemplo.pt")]));
    check(&world, &nameless, &[("To", &["bruno@exemplo.pt"])]);
    world.addresses.learn(&known);
    check(&world, &unknown, &[("To", &["Bruno <bruno@exemplo.pt>"])]);

    let headers = "From: Ana <ana.real@exemplo.pt>\r\n";
    let sender = [(0x0064, text("EX")), (0x0065, text("/O=ORG/CN=ANA"))];
    let mut taught = mail(sender.clone());
    taught.properties.0.insert(0x007D, text(headers));
    world.addresses.learn(&taught);
    check(&world, &mail(sender), &[("From", &["=?utf-8?Q?Ana_Gon=C3=A7alves?= <ana.real@exemplo.pt>"])]);
}

#[test]
fn entry_ids_tell_names_that_8_bits_cannot() {
    let mut mail = mail([
        (0x0042, Value::String8(b"??? ???".to_vec())),
        (0x0041, Value::Binary(one_off("Анна Анна", "SMTP", "anna@example.ru"))),
    ]);
    mail.properties.0.remove(&0x0065);
    let message = World::default().message(&mail);
    assert_eq!(values(&message, "From"), ["=?utf-8?B?0JDQvdC90LAg0JDQvdC90LA=?= <anna@example.ru>"]);
}

#[test]
fn nobody_is_never_nothing() {
    let bare = item("IPM.Note", [(0x0E04, text("Bruno; 'c@exemplo.pt'")), (0x0E06, Value::Time(THEN))]);
    let world = World::default();
    let to = "Bruno <IMCEAUNKNOWN-Bruno@encapsulated.invalid>, c@exemplo.pt";
    check(
        &world,
        &bare,
        &[
            ("From", &["unknown@encapsulated.invalid"]),
            ("To", &[to]),
            ("Date", &["Sat, 26 May 2018 23:49:48 +0000"]),
        ],
    );
    let message = world.message(&bare);
    let made = values(&message, "Message-ID");
    assert!(made[0].ends_with("@malote.invalid>"), "{made:?}");
    assert_eq!(values(&message, "X-Malote-Message-ID").len(), 1);
    let mut hurt = mail([]);
    hurt.recipients.clear();
    hurt.damage.push(damage(Part::Recipients));
    hurt.properties.0.insert(0x0E04, text("Bruno"));
    let kinds: Vec<_> = world.convert(&hurt).losses.into_iter().map(|loss| loss.kind).collect();
    assert!(kinds.contains(&LossKind::RecipientsFromDisplay), "{kinds:?}");
}

#[test]
fn an_item_that_was_never_sent_keeps_its_date_however_often_it_is_touched() {
    const HOUR: u64 = 36_000_000_000;
    for (created, modified, date) in [
        (Some(THEN), Some(THEN + HOUR), "Sat, 26 May 2018 23:49:48 +0000"),
        (Some(THEN), Some(THEN + 2 * HOUR), "Sat, 26 May 2018 23:49:48 +0000"),
        (None, Some(THEN + HOUR), "Sun, 27 May 2018 00:49:48 +0000"),
        (Some(0), Some(THEN + HOUR), "Sun, 27 May 2018 00:49:48 +0000"),
    ] {
        let mut draft = mail([]);
        draft.properties.0.remove(&0x0039);
        draft.properties.extend(created.map(|time| (0x3007, Value::Time(time))));
        draft.properties.extend(modified.map(|time| (0x3008, Value::Time(time))));
        check(&World::default(), &draft, &[("Date", &[date])]);
    }
}

#[test]
fn six_hundred_recipients_all_stand_in_short_lines() {
    let mut mail = mail([]);
    for number in 0..650 {
        let address = format!("pessoa{number}@exemplo.pt");
        mail.recipients.push(recipient(1, "Pessoa com um nome bastante comprido à vista", &address));
    }
    let message = World::default().message(&mail);
    assert_eq!(values(&message, "To")[0].matches("@exemplo.pt").count(), 651);
    assert!(message.split("\r\n").all(|line| line.len() <= 78), "every line is short");
}

#[test]
fn nothing_in_a_value_becomes_a_field() {
    const EVIL: &str = "x\r\nX-Injected: 1\r\n\r\nbody\0\u{1B}";
    let ids =
        [0x0037, 0x0042, 0x0065, 0x0064, 0x0C1A, 0x1035, 0x1042, 0x1039, 0x0070, 0x0E04, 0x8002, 0x001A];
    for id in ids {
        let mut evil = mail([(id, text(EVIL))]);
        evil.recipients = vec![recipient(1, EVIL, EVIL)];
        evil.properties.0.insert(0x8001, Value::Many(vec![text(EVIL)]));
        let message = World::default().message(&evil);
        let names: Vec<_> = head(&message).into_iter().map(|(name, _)| name).collect();
        assert!(!names.iter().any(|name| name == "X-Injected"), "{id:#06x}: {message}");
        assert!(names.iter().any(|name| name == "MIME-Version"), "{id:#06x}: {message}");
    }
}

#[test]
fn the_prefix_of_a_subject_is_taken_off_and_two_halves_become_one() {
    for (pairs, expected) in [
        (vec![(0x0037, text("\u{1}\u{5}RE: x"))], "RE: x"),
        (vec![(0x0037, text("")), (0x003D, text("RE: ")), (0x0E1D, text("x"))], "RE: x"),
        (vec![(0x0037, text("a\0b"))], "=?utf-8?B?Ye+/vWI=?="),
        (vec![(0x0037, text(&format!("a{LONE_SURROGATE}b")))], "=?utf-8?B?Ye+/vWI=?="),
    ] {
        check(&World::default(), &mail(pairs), &[("Subject", &[expected])]);
    }
}

#[test]
fn the_day_of_arrival_is_the_first_time_that_can_be_believed() {
    let time = |seconds: u64| Value::Time((seconds + 11_644_473_600) * 10_000_000);
    let received =
        "Received: by x; Mon, 1 Jan 2018 00:00:00 +0000\r\nDate: Sun, 31 Dec 2017 00:00:00 +0000\r\n";
    let far = 1_900_000_000;
    for (pairs, expected) in [
        (vec![(0x0E06, time(1_500_000_000))], Some((1_500_000_000, DateOrigin::Delivery))),
        (vec![(0x0E06, time(far)), (0x0039, time(1_400_000_000))], Some((1_400_000_000, DateOrigin::Submit))),
        (
            vec![(0x0E06, Value::Time(0)), (0x0039, Value::Time(1)), (0x3007, time(1_300_000_000))],
            Some((1_300_000_000, DateOrigin::Creation)),
        ),
        (
            vec![(0x0039, Value::Time(u64::MAX)), (0x007D, text(received))],
            Some((1_514_764_800, DateOrigin::Headers)),
        ),
        (vec![(0x0039, Value::Time(i64::MAX as u64 - 1))], None),
    ] {
        let expected = expected.map(|(unix_seconds, origin)| InternalDate { unix_seconds, origin });
        assert_eq!(World::default().convert(&mail(pairs.clone())).internal_date, expected, "{pairs:?}");
    }
}

#[test]
fn a_list_of_what_are_no_addresses_gives_way_to_the_properties() {
    let headers = "From: Lokay, Michelle </O=ENRON/OU=NA/CN=RECIPIENTS/CN=MLOKAY>\r\n\
        To: Blair, Lynn </O=ENRON/CN=LBLAIR>\r\nCc: undisclosed-recipients:;\r\n";
    let mut mail = mail([(0x007D, text(headers))]);
    check(
        &World::default(),
        &mail,
        &[
            ("From", &["=?utf-8?Q?Ana_Gon=C3=A7alves?= <ana@exemplo.pt>"]),
            ("To", &["Bruno <bruno@exemplo.pt>"]),
            ("Cc", &["undisclosed-recipients:;"]),
            ("X-Malote-Original-To", &["Blair, Lynn </O=ENRON/CN=LBLAIR>"]),
        ],
    );
    // Where the properties know nobody, what stands there is better than nothing.
    mail.recipients.clear();
    check(&World::default(), &mail, &[("To", &["Blair, Lynn </O=ENRON/CN=LBLAIR>"])]);
}

#[test]
fn a_subject_without_end_is_cut_and_told() {
    let world = World::default();
    let endless = mail([(0x0037, text(&"assunto ".repeat(100_000)))]);
    assert!(world.message(&endless).len() < 200_000);
    let kinds: Vec<_> = world.convert(&endless).losses.into_iter().map(|loss| loss.kind).collect();
    assert_eq!(kinds, [LossKind::HeaderChanged]);
}

#[test]
fn a_field_that_every_message_needs_and_that_came_empty_is_made_of_what_the_properties_know() {
    for headers in
        ["From:\r\nDate: \r\nMessage-ID:\r\nTo:\r\n", "Message-ID: <>\r\nFROM: \r\n \r\nTo:\r\ndate:\t\r\n"]
    {
        let world = World::default();
        let mail = mail([(0x007D, text(headers))]);
        let wanted: [(&str, &[&str]); 4] = [
            ("From", &["=?utf-8?Q?Ana_Gon=C3=A7alves?= <ana@exemplo.pt>"]),
            ("Date", &["Sat, 26 May 2018 23:49:48 +0000"]),
            ("Message-ID", &["<1@exemplo.pt>"]),
            // It says that nobody is named.
            ("To", &[""]),
        ];
        check(&world, &mail, &wanted);
        assert_eq!(world.convert(&mail).losses, [], "nothing of it was lost");
    }
    let ana = "=?utf-8?Q?Ana_Gon=C3=A7alves?= <ana@exemplo.pt>";
    let bounce = mail([(0x007D, text("From: <>\r\n"))]);
    check(&World::default(), &bounce, &[("From", &[ana]), ("X-Malote-Original-From", &["<>"])]);
}

#[test]
fn each_value_of_a_header_that_the_store_keeps_as_a_property_is_a_field() {
    let world = World::default();
    let two = mail([(0x8002, Value::Many(vec![text("5.1"), text(""), text("6\r\nX-Injected: 1")]))]);
    check(&world, &two, &[("x-spam-score", &["5.1", "6 X-Injected: 1"]), ("X-Injected", &[])]);
    assert_eq!(world.convert(&two).losses, []);
    let octets = mail([(0x8002, binary(&[1]))]);
    check(&world, &octets, &[("x-spam-score", &[])]);
    let kinds: Vec<_> = world.convert(&octets).losses.into_iter().map(|loss| loss.kind).collect();
    assert_eq!(kinds, [LossKind::HeaderDropped]);
}
