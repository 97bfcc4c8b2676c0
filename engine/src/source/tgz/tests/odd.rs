//! What tar archives give that tools of long ago, or whoever joins archives, have written.

use super::*;

/// One entry as it stands: of whatever kind, and telling whatever length.
fn entry(kind: u8, (name, target): (&str, &str), told: usize, octets: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::new(kind));
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_size(told as u64);
    header.set_cksum();
    let filling = octets.len().next_multiple_of(512) - octets.len();
    [header.as_bytes(), octets, &vec![0; filling]].concat()
}

fn file(name: &str, text: &str) -> Vec<u8> {
    entry(b'0', (name, ""), text.len(), text.as_bytes())
}

const END: [u8; 1024] = [0; 1024];

#[test]
fn entries_that_tell_a_length_and_have_no_octets_hide_none_behind_them() {
    let mails = [file("Inbox/1.eml", MAIL), file("Inbox/2.eml", MAIL), file("Inbox/3.eml", MAIL)].concat();
    for (kind, name) in [(b'5', "Inbox/"), (b'2', "a.png"), (b'3', "tty"), (b'4', "disk"), (b'6', "pipe")] {
        for told in [1, 512, 1024, 4096] {
            let odd = entry(kind, (name, "b.png"), told, b"");
            check(&[odd.clone(), mails.clone(), END.to_vec()].concat(), 3, None);
            check(&[mails.clone(), odd, END.to_vec()].concat(), 3, None);
        }
    }
    let link = |octets: &[u8]| entry(b'1', ("Sent/1.eml", "Inbox/1.eml"), MAIL.len(), octets);
    let link = [link(b""), link(MAIL.as_bytes()), link(b"")].concat();
    check(&[mails.clone(), link, mails.clone(), END.to_vec()].concat(), 9, None);
    let cut = entry(b'1', ("Sent/1.eml", "Inbox/1.eml"), 2000, &[b'x'; 700]);
    check(&[mails, cut].concat(), 4, Some("cut off in an entry"));
}

#[test]
fn entries_of_unknown_kinds_are_told_and_those_of_other_tars_read() {
    let mail = file("A/1.eml", MAIL);
    let odd = |kind: u8| entry(kind, ("A/2.eml", ""), MAIL.len(), MAIL.as_bytes());
    for kind in [b'M', b'N', b'Z'] {
        check(&[odd(kind), mail.clone(), END.to_vec()].concat(), 1, Some("of them A/2.eml"));
    }
    for kind in [b'V', b'A', b'E', b'I', b'D'] {
        check(&[odd(kind), mail.clone(), END.to_vec()].concat(), 1, None);
    }
    let (long, short) = (format!("A/{}.eml", "n".repeat(110)), format!("A/{}", "n".repeat(97)));
    let record = format!("126 path={long}\n");
    let solaris = entry(b'X', ("x", ""), record.len(), record.as_bytes());
    assert_eq!(record.len(), 126);
    check(&[solaris, file(&short, MAIL), mail, END.to_vec()].concat(), 2, None);
}

#[test]
fn archives_behind_one_another_keep_their_own_metas_and_links() {
    let archive = |subject: &str, meta: &str, link: &str| {
        let mail = format!("Subject: {subject}\n\ntext\n");
        let link = entry(b'1', (link, "Inbox/1.eml"), 0, b"");
        [file("Inbox/1.eml", &mail), file("Inbox/1.eml.meta", meta), link, END.to_vec()].concat()
    };
    let one = archive("one", r#"{"type":5,"unread":1,"FlagStr":"f"}"#, "A/1.eml");
    let two = archive("two", r#"{"type":5,"unread":1,"FlagStr":"r"}"#, "B/1.eml");
    let contact = archive("three", r#"{"type":6,"unread":1}"#, "C/1.eml");
    let (_file, mut archive) = self::archive(&[one, two, contact].concat());
    let mut found: Vec<(String, String, String)> =
        told(&mut archive).into_iter().map(|(folder, flags, _, text)| (folder, flags, text)).collect();
    found.sort();
    let expected = [
        ("A", "", "one"),
        ("B", "", "two"),
        ("C", "", "three"),
        ("INBOX", "", "three"),
        ("INBOX", "\\Answered", "two"),
        ("INBOX", "\\Flagged", "one"),
    ];
    let text = |(folder, flags, subject): (&str, &str, &str)| {
        (folder.to_owned(), flags.to_owned(), format!("Subject: {subject}\r\n\r\ntext\r\n"))
    };
    assert_eq!(found, expected.map(text));
    let inbox = archive.survey().unwrap().folders.into_iter().find(|folder| folder.path.is_inbox()).unwrap();
    let shelf = archive.open(&inbox).unwrap();
    let left_out: Vec<u32> = shelf.left_out().iter().map(Uid::get).collect();
    assert_eq!(left_out, [3]);
}

#[test]
fn a_message_is_not_left_out_for_another_of_its_name() {
    let contact = r#"{"type":6,"unread":1}"#;
    for (things, left_out) in [
        (vec![file("A/1.eml", MAIL), file("A/1.eml", MAIL), file("A/1.eml.meta", contact)], 0),
        (vec![file("A/1.eml", MAIL), file("A/1.eml.meta", contact), file("A/1.eml.meta", contact)], 1),
        (vec![file("A/1.eml", MAIL), file("A/1.eml.meta", contact), file("A/1.eml.meta", "{}")], 0),
    ] {
        let (_file, mut archive) = archive(&[things.concat(), END.to_vec()].concat());
        let folder = archive.survey().unwrap().folders.remove(0);
        assert_eq!(archive.open(&folder).unwrap().left_out().len(), left_out);
    }
}

#[test]
fn folders_whose_names_fill_the_memory_end_the_reading_and_are_told() {
    let folder = |number: usize| {
        let name = format!("{number}/{}/1.eml", "n".repeat(60_000));
        let record = entry(b'L', ("././@LongLink", ""), name.len(), name.as_bytes());
        [record, file("x", MAIL)].concat()
    };
    let octets: Vec<u8> = (0..300).flat_map(folder).chain(END).collect();
    let (_file, mut archive) = archive(&octets);
    let folders = archive.survey().unwrap().folders.len();
    assert_eq!(folders, 279);
    assert!(
        archive.damage().iter().any(|one| one.contains("names of its folders")),
        "{:?}",
        archive.damage()
    );
}

#[test]
fn a_message_behind_which_no_header_comes_is_kept_back() {
    let long = format!("Subject: x\n\n{}", "text\n".repeat(400));
    let mails = [file("A/1.eml", MAIL), file("A/2.eml", &long)].concat();
    let rest = [file("A/3.eml", MAIL), END.to_vec()].concat();
    let shifted = [&mails[..1536], b"more", &mails[1536..], &rest].concat();
    check(
        &shifted,
        1,
        Some("the message before that may be altered and is kept back, 1 before it were read"),
    );
    // Volumes of one archive that were put together as they are.
    let volumes = [&mails[..2048], &entry(b'M', ("A/2.eml", ""), 500, &[b'x'; 500]), &rest].concat();
    check(&volumes, 1, Some("may be altered"));
}
