//! What tar archives give: whole ones, cut ones, hostile ones.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use malote_plan::message::Uid;
use tar::{EntryType, Header};

use super::*;

mod odd;

const MAIL: &str = "Date: Mon, 1 Jul 2024 10:00:00 +0000\nSubject: one\n\ntext\n";

enum Thing<'a> {
    File(&'a str, &'a str),
    Link(&'a str, EntryType),
    /// A header whose name `tar` itself would refuse to write.
    Raw(&'a str, &'a str),
}

fn pack(things: &[Thing<'_>]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for thing in things {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_mtime(1_600_000_000);
        match thing {
            Thing::File(name, text) => {
                header.set_size(text.len() as u64);
                tar.append_data(&mut header, name, text.as_bytes()).unwrap();
            }
            Thing::Link(name, kind) => {
                header.set_entry_type(*kind);
                header.set_size(0);
                tar.append_link(&mut header, name, "/etc/passwd").unwrap();
            }
            Thing::Raw(name, text) => {
                header.set_size(text.len() as u64);
                header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
                header.set_cksum();
                tar.append(&header, text.as_bytes()).unwrap();
            }
        }
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn archive(octets: &[u8]) -> (tempfile::NamedTempFile, TgzArchive) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(octets).unwrap();
    let archive = TgzArchive::new(file.path().to_owned(), Book::in_memory());
    (file, archive)
}

/// Every message with its folder, flags, date and text.
fn told(archive: &mut TgzArchive) -> Vec<(String, String, String, String)> {
    let mut all = Vec::new();
    for folder in archive.survey().unwrap().folders {
        let mut shelf = archive.open(&folder).unwrap();
        // From the last to the first, so that the way back is taken too.
        let uids: Vec<Uid> = shelf.uids().iter().collect();
        for uid in uids.into_iter().rev() {
            let stub = shelf.stub(uid).unwrap().unwrap();
            let Ok(mut content) = shelf.body(uid) else { panic!("UID {uid} cannot be read") };
            let mut text = String::new();
            content.reader.read_to_string(&mut text).unwrap();
            assert_eq!(text.len() as u64, content.octets);
            all.push((
                folder.path.to_string(),
                stub.flags.to_string(),
                stub.internal_date.unwrap_or_default(),
                text,
            ));
        }
    }
    all
}

#[test]
fn a_zimbra_export_is_read_with_flags_tags_and_folders() {
    let long = format!("Inbox/{}/0000000259-x.eml", "folder/".repeat(30));
    let octets = pack(&[
        Thing::File(
            "Inbox/0000000257-one.eml.meta",
            r#"{"type":5,"date":1719828000,"unread":0,"FlagStr":"f","TagNames":"Kunden"}"#,
        ),
        Thing::File("Inbox/0000000257-one.eml", MAIL),
        Thing::File("Sent/0000000258-two.eml", "Subject: two\r\n\r\ntext\n"),
        Thing::File("Sent/0000000258-two.eml.meta", r#"{"type":5,"date":1719828001,"unread":1}"#),
        Thing::File("Contacts/x.vcf", "BEGIN:VCARD"),
        Thing::File(&long, MAIL),
    ]);
    let (_file, mut archive) = archive(&octets);
    let mail = MAIL.replace('\n', "\r\n");
    let deep = format!("INBOX{}", "/folder".repeat(30));
    let dates = [" 01-Jul-2024 10:00:00 +0000", " 01-Jul-2024 10:00:01 +0000"];
    let found: Vec<_> =
        told(&mut archive).into_iter().map(|(a, b, c, d)| (a, b, c.trim().to_owned(), d)).collect();
    assert_eq!(
        found,
        [
            (
                "INBOX".to_owned(),
                "\\Flagged \\Seen Kunden".to_owned(),
                dates[0].trim().to_owned(),
                mail.clone()
            ),
            (deep, String::new(), dates[0].trim().to_owned(), mail),
            (
                "Sent".to_owned(),
                String::new(),
                dates[1].trim().to_owned(),
                "Subject: two\r\n\r\ntext\r\n".to_owned()
            ),
        ]
    );
    assert!(archive.damage().is_empty());
    assert!(archive.remarks()[0].contains("vcf 1"), "{:?}", archive.remarks());
}

#[test]
fn an_archive_that_is_cut_anywhere_gives_what_lies_before_and_says_so() {
    let text = |number: u32| {
        format!("Subject: {number}\n\n{}\n", format!("{number} ").repeat(400 + number as usize))
    };
    let names: Vec<(String, String)> =
        (0..20).map(|number| (format!("a/{number:02}.eml"), text(number))).collect();
    let things: Vec<Thing<'_>> = names.iter().map(|(name, text)| Thing::File(name, text)).collect();
    let octets = pack(&things);
    let all = told(&mut archive(&octets).1);
    assert_eq!(all.len(), 20);
    let mut counts = Vec::new();
    for cut in (60..octets.len()).step_by(37) {
        let (_file, mut archive) = archive(&octets[..cut]);
        // Cut within the first header, it is no archive at all.
        if archive.survey().is_err() {
            continue;
        }
        let found = told(&mut archive);
        assert!(found.iter().all(|one| all.contains(one)), "cut at {cut}");
        assert!(
            archive.damage().iter().any(|what| what.contains("cut off")),
            "cut at {cut}: {:?}",
            archive.damage()
        );
        counts.push(found.len());
    }
    assert!(counts.is_sorted() && counts.last() >= Some(&19), "{counts:?}");
}

#[test]
fn hostile_entries_are_never_followed_and_never_hidden() {
    let octets = pack(&[
        Thing::File("ok/1.eml", MAIL),
        Thing::Raw("../../etc/cron.d/x.eml", MAIL),
        Thing::Raw("/etc/x.eml", MAIL),
        Thing::Link("ok/link.eml", EntryType::Symlink),
        Thing::Link("ok/hard.eml", EntryType::Link),
        Thing::Link("ok/device.eml", EntryType::Char),
        Thing::File("ok/2.eml", MAIL),
    ]);
    let (_file, mut archive) = archive(&octets);
    let found = told(&mut archive);
    assert_eq!(found.len(), 2, "like messages are two messages");
    let (damage, remarks) = (archive.damage(), archive.remarks());
    for told in ["2 names that lead out", "ok/link.eml", "ok/hard.eml"] {
        assert!(damage.iter().any(|one| one.contains(told)), "{told}: {damage:?}");
    }
    assert!(remarks[0].contains("1 devices or pipes"), "{remarks:?}");
}

#[test]
fn what_is_no_archive_is_refused() {
    for octets in [&b""[..], b"plain text that is no archive", &[0x1f, 0x8b, 8, 0], &[0; 10_000]] {
        let (_file, mut archive) = archive(octets);
        let surveyed = archive.survey();
        let is_empty = surveyed.as_ref().is_ok_and(|contents| contents.folders.is_empty());
        assert!(surveyed.is_err() || is_empty, "{:?}", octets.escape_ascii().to_string());
    }
}

/// An archive that is not compressed, with its end mark.
fn tar(things: &[Thing<'_>]) -> Vec<u8> {
    let mut whole = Vec::new();
    flate2::read::GzDecoder::new(pack(things).as_slice()).read_to_end(&mut whole).unwrap();
    whole
}

/// The same without its end mark.
fn endless(things: &[Thing<'_>]) -> Vec<u8> {
    let mut whole = tar(things);
    whole.truncate(whole.len() - 1024);
    whole
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

/// Each file with its octets, under names that need not be UTF-8.
fn raw_tar(files: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, octets) in files {
        let mut header = Header::new_gnu();
        header.set_size(octets.len() as u64);
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_cksum();
        tar.append(&header, *octets).unwrap();
    }
    tar.into_inner().unwrap()
}

/// Holds how many messages an archive gives, and what its damage says, against what is expected.
fn check(octets: &[u8], messages: usize, damage: Option<&str>) {
    let (_file, mut archive) = archive(octets);
    let found = told(&mut archive).len();
    let said = archive.damage();
    assert_eq!(found, messages, "{damage:?}: {said:?}");
    match damage {
        Some(what) => assert!(said.iter().any(|one| one.contains(what)), "{what}: {said:?}"),
        None => assert!(said.is_empty(), "{said:?}"),
    }
}

#[test]
fn exports_behind_one_another_are_all_read() {
    let (one, two) = (
        [Thing::File("Inbox/1.eml", MAIL), Thing::File("Inbox/2.eml", MAIL)],
        [Thing::File("Inbox/3.eml", MAIL), Thing::File("Sent/4.eml", MAIL)],
    );
    check(&[tar(&one), tar(&two)].concat(), 4, None);
    check(&[pack(&one), pack(&two)].concat(), 4, None);
    // As tape programs fill the last record.
    let filled = |things: &[Thing<'_>]| {
        let mut whole = tar(things);
        whole.resize(whole.len().next_multiple_of(10_240), 0);
        whole
    };
    check(&gzip(&[filled(&one), filled(&two)].concat()), 4, None);
    check(&filled(&one), 2, None);
}

#[test]
fn an_archive_that_ends_without_its_end_mark_is_told() {
    let things = [Thing::File("Inbox/1.eml", MAIL), Thing::File("Inbox/2.eml", MAIL)];
    check(&endless(&things), 2, Some("no end mark"));
    check(&gzip(&endless(&things)), 2, Some("no end mark"));
    // A cut within the end mark costs nothing.
    let whole = tar(&things);
    for left in [512, 700, 1023] {
        check(&whole[..whole.len() - 1024 + left], 2, None);
    }
    check(&whole[..whole.len() - 1024 + 100], 2, Some("no end mark"));
    let filled = [whole, vec![0; 4 * 1024 * 1024]].concat();
    check(&filled, 2, Some("octets of zeros lie at its end"));
}

#[test]
fn zeros_between_entries_are_walked_over_and_told() {
    let one = endless(&[Thing::File("Inbox/1.eml", MAIL)]);
    let rest = tar(&[Thing::File("Inbox/2.eml", MAIL), Thing::File("Sent/3.eml", MAIL)]);
    for zeros in [512, 2048] {
        let holed = [one.clone(), vec![0; zeros], rest.clone()].concat();
        check(&holed, 3, Some("octets of zeros lie in its middle"));
    }
}

#[test]
fn a_hard_link_is_the_message_that_it_names() {
    let mut tar = tar::Builder::new(Vec::new());
    let mut file = |name: &str, kind: EntryType, target: &str| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mtime(1_600_000_000);
        if target.is_empty() {
            header.set_size(MAIL.len() as u64);
            tar.append_data(&mut header, name, MAIL.as_bytes()).unwrap();
        } else {
            header.set_size(0);
            tar.append_link(&mut header, name, target).unwrap();
        }
    };
    file("Inbox/1.eml", EntryType::Regular, "");
    file("Kunden/1.eml", EntryType::Link, "./Inbox/1.eml");
    file("Kunden/2.eml", EntryType::Link, "Inbox/none.eml");
    file("Kunden/3.eml", EntryType::Symlink, "../Inbox/1.eml");
    file("Fotos", EntryType::Symlink, "/mnt/big/Fotos");
    file("Eingang", EntryType::Symlink, "Inbox");
    file("All.mbox", EntryType::Symlink, "/mnt/big/All.mbox");
    let octets = tar.into_inner().unwrap();
    let (_file, mut archive) = archive(&octets);
    let found: Vec<(String, String)> =
        told(&mut archive).into_iter().map(|(folder, _, _, text)| (folder, text)).collect();
    let mail = MAIL.replace('\n', "\r\n");
    assert_eq!(found, [("INBOX".to_owned(), mail.clone()), ("Kunden".to_owned(), mail)]);
    let damage = archive.damage();
    assert_eq!(damage.len(), 4, "{damage:?}");
    for name in ["Kunden/2.eml", "Kunden/3.eml", "Fotos", "All.mbox"] {
        assert!(damage.iter().any(|one| one.contains(name)), "{name}: {damage:?}");
    }
}

#[test]
fn messages_at_the_top_are_the_inbox() {
    let octets = pack(&[Thing::File("1.eml", MAIL), Thing::File("a/2.eml", MAIL)]);
    let folders = |archive: &mut TgzArchive| -> Vec<String> {
        let contents = archive.survey().unwrap().into_survey();
        contents.folders.iter().map(|folder| folder.path.to_string()).collect()
    };
    let (_file, mut archive) = archive(&octets);
    let mut found = folders(&mut archive);
    found.sort();
    assert_eq!(found, ["INBOX", "a"]);
    // An inbox of the archive's own keeps the name.
    let both = pack(&[Thing::File("1.eml", MAIL), Thing::File("Inbox/2.eml", MAIL)]);
    let (_file, mut archive) = self::archive(&both);
    assert_eq!(folders(&mut archive), ["INBOX", "INBOX 2"]);
    let found = told(&mut archive);
    assert_eq!(found.len(), 2);
}

#[test]
fn metas_that_cannot_be_read_are_told() {
    let octets = pack(&[
        Thing::File("Inbox/1.eml", MAIL),
        Thing::File(
            "Inbox/1.eml.meta",
            r#"{"type":5,"date":"1719828000","unread":"0","FlagStr":null,"TagNames":"Kunden"}"#,
        ),
        Thing::File("Inbox/2.eml", MAIL),
        Thing::File("Inbox/2.eml.meta", "no json"),
        Thing::File("Inbox/3.eml", MAIL),
        Thing::File("Inbox/3.eml.meta", r#"{"type":5,"date":[1],"FlagStr":"f"}"#),
    ]);
    let (_file, mut archive) = archive(&octets);
    let flags: Vec<String> = told(&mut archive).into_iter().map(|(_, flags, _, _)| flags).collect();
    assert_eq!(flags, ["\\Flagged \\Seen", "", "\\Seen Kunden"]);
    let remarks = archive.remarks();
    assert!(remarks.iter().any(|one| one.contains("2 .meta entries")), "{remarks:?}");
}

#[test]
fn messages_at_the_top_stay_where_an_older_state_put_them() {
    let octets = pack(&[Thing::File("1.eml", MAIL), Thing::File("a/2.eml", MAIL)]);
    let (file, _) = archive(&octets);
    let state = tempfile::tempdir().unwrap();
    let book = || Book::kept_in(state.path().join("uids"), true);
    let paths = || -> Vec<String> {
        let mut archive = TgzArchive::new(file.path().to_owned(), book());
        archive.survey().unwrap().folders.iter().map(|folder| folder.path.to_string()).collect()
    };
    assert_eq!(paths(), ["a", "INBOX"]);
    assert_eq!(paths(), ["a", "INBOX"]);
    // The name that older ones numbered them by.
    book().number(&WireName(Vec::new()), &[], KeyedBy::Content).unwrap();
    assert_eq!(paths(), ["a", "_"]);
}

#[test]
fn what_no_right_checksum_proves_is_kept_back() {
    let name = |number: u32| format!("a/{number}.eml");
    let text = |number: u32| format!("Subject: {number}\n\n{}\n", format!("{} ", number * 7919).repeat(40));
    let all: Vec<(String, String)> = (0..6).map(|number| (name(number), text(number))).collect();
    let things: Vec<Thing<'_>> = all.iter().map(|(name, text)| Thing::File(name, text)).collect();
    let whole = pack(&things);
    let truth = told(&mut archive(&whole).1);
    for at in 10..whole.len() {
        for bit in [0, 3, 6] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            let (_file, mut archive) = archive(&damaged);
            // Where nothing is found at all, the archive is refused.
            if archive.survey().is_err() {
                continue;
            }
            let found = told(&mut archive);
            assert!(found.iter().all(|one| truth.contains(one)), "bit {bit} of octet {at}");
            assert!(found == truth || !archive.damage().is_empty(), "bit {bit} of octet {at}");
        }
    }
    // A part that is right by itself is read; what is wrong begins behind it.
    let parts = [endless(&things[..3]), tar(&things[3..])].map(|part| gzip(&part));
    let mut damaged = parts.concat();
    *damaged.last_mut().unwrap() ^= 1;
    check(&damaged, 3, Some("3 messages there may be altered and are kept back, 3 before them were read"));
}

#[test]
fn a_message_whose_meta_is_not_proven_is_kept_back() {
    let meta = r#"{"type":5,"unread":1,"FlagStr":"f"}"#;
    let mail = endless(&[Thing::File("a/0.eml", MAIL), Thing::File("a/1.eml", MAIL)]);
    let mut damaged = [gzip(&mail), gzip(&tar(&[Thing::File("a/1.eml.meta", meta)]))].concat();
    *damaged.last_mut().unwrap() ^= 1;
    check(&damaged, 1, Some("1 messages there may be altered"));
}

#[test]
fn a_file_that_is_stored_without_its_holes_is_told_and_costs_no_other() {
    let mut tar = tar::Builder::new(Vec::new());
    let extensions =
        [("GNU.sparse.major", &b"1"[..]), ("GNU.sparse.name", b"A/1.eml"), ("GNU.sparse.realsize", b"5000")];
    tar.append_pax_extensions(extensions).unwrap();
    let mut file = |name: &str, text: &str| {
        let mut header = Header::new_ustar();
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    };
    file("A/GNUSparseFile.31865/1.eml", "1\n0\n4096\nSubject: x\n");
    file("A/2.eml", MAIL);
    check(&tar.into_inner().unwrap(), 1, Some("A/1.eml"));
}

#[test]
fn an_extension_that_is_longer_than_any_name_is_skipped() {
    let mut tar = tar::Builder::new(Vec::new());
    let value = vec![b'A'; 70_000];
    tar.append_pax_extensions([("LIBARCHIVE.xattr.com.apple.x", &value[..]), ("path", b"A/1.eml")]).unwrap();
    let mut header = Header::new_ustar();
    header.set_size(MAIL.len() as u64);
    tar.append_data(&mut header, "x", MAIL.as_bytes()).unwrap();
    let octets = tar.into_inner().unwrap();
    check(&octets, 1, None);
    assert_eq!(told(&mut archive(&octets).1)[0].0, "A");
}

#[test]
fn names_that_are_no_utf8_stay_two_and_keep_their_metas() {
    let meta = br#"{"type":5,"unread":1,"FlagStr":"f"}"#;
    let contact = br#"{"type":8,"unread":0}"#;
    let octets = raw_tar(&[
        (b"A/Caf\xe9.eml", MAIL.as_bytes()),
        (b"A/Caf\xe8.eml", MAIL.as_bytes()),
        (b"A/Caf\xe9.eml.meta", meta),
        (b"A/Caf\xe8.eml.meta", contact),
        (b"Caf\xe9/1.eml", MAIL.as_bytes()),
        (b"Caf\xe8/1.eml", MAIL.as_bytes()),
        (b"Caf\xe9/1.eml.meta", meta),
    ]);
    let (file, mut archive) = archive(&octets);
    let contents = archive.survey().unwrap().into_survey();
    let mut found = Vec::new();
    for folder in &contents.folders {
        let mut shelf = archive.open(folder).unwrap();
        let left_out = shelf.left_out().iter().count();
        let flags: Vec<String> =
            (shelf.uids().iter()).map(|uid| shelf.stub(uid).unwrap().unwrap().flags.to_string()).collect();
        found.push(format!("{} {flags:?} {left_out}", folder.path));
    }
    assert_eq!(
        found,
        ["A [\"\\\\Flagged\", \"\\\\Seen\"] 1", "Caf\u{fffd} [\"\"] 0", "Caf\u{fffd} 2 [\"\\\\Flagged\"] 0"]
    );
    // Where an older state knows the two folders as one, they stay one.
    let state = tempfile::tempdir().unwrap();
    let book = || Book::kept_in(state.path().join("uids"), true);
    book().number(&WireName("Caf\u{fffd}".into()), &[], KeyedBy::Content).unwrap();
    let mut archive = TgzArchive::new(file.path().to_owned(), book());
    let folders = told(&mut archive).into_iter().map(|(folder, ..)| folder).collect::<Vec<_>>();
    assert_eq!(folders, ["A", "A", "Caf\u{fffd}", "Caf\u{fffd}"]);
}

#[test]
fn what_macos_adds_is_no_message() {
    let double = [&[0, 5, 0x16, 7][..], &[0; 60]].concat();
    let octets = raw_tar(&[
        (b"Inbox/._1.eml", &double),
        (b"Inbox/1.eml", MAIL.as_bytes()),
        (b"__MACOSX/Inbox/._1.eml", &double),
        (b"Inbox/._2.eml", MAIL.as_bytes()),
    ]);
    check(&octets, 2, None);
    let (_file, mut archive) = archive(&octets);
    archive.survey().unwrap();
    assert!(archive.remarks()[0].contains("2 files that macOS adds"), "{:?}", archive.remarks());
}

#[test]
fn messages_of_every_form_are_read_and_other_mail_is_told() {
    let apple = format!("{}\n{MAIL}<plist/>", MAIL.len());
    let octets = raw_tar(&[
        (b"A/1.eml", &gzip(MAIL.as_bytes())),
        (b"A/2.eml.gz", &gzip(MAIL.as_bytes())),
        (b"A/3.emlx", apple.as_bytes()),
        (b"A/4.eml", b""),
        (b"A/5.vcf", b"BEGIN:VCARD"),
    ]);
    check(&octets, 4, None);
    let (_file, mut archive) = archive(&octets);
    let texts: Vec<String> = told(&mut archive).into_iter().map(|(.., text)| text).collect();
    assert_eq!(texts.iter().filter(|text| **text == MAIL.replace('\n', "\r\n")).count(), 3, "{texts:?}");
    assert!(
        archive.remarks().iter().any(|one| one.contains("1 messages are .emlx")),
        "{:?}",
        archive.remarks()
    );
    let cut = gzip(MAIL.as_bytes());
    for (name, octets, damage) in [
        (&b"A/x.eml"[..], &[0; 300][..], "A/x.eml cannot be read"),
        (b"A/x.eml.gz", &cut[..cut.len() - 4], "A/x.eml.gz cannot be read"),
        (b"A/x.partial.emlx", apple.as_bytes(), "attachments"),
        (b"B/x.mbox", b"From a@b Mon Jan  1 00:00:00 2024\nSubject: x\n", "B/x.mbox is mail in another form"),
        (b"Maildir/cur/1719828000.M1.host,S=5:2,S", MAIL.as_bytes(), "is mail in another form"),
        (b"mail/Inbox", b"From a@b Mon Jan  1 00:00:00 2024\nSubject: x\n", "mail/Inbox is mail"),
    ] {
        // What stands behind is read all the same.
        check(&raw_tar(&[(name, octets), (b"A/1.eml", MAIL.as_bytes())]), 1, Some(damage));
    }
}

#[test]
fn messages_that_come_to_many_times_the_archive_are_not_read() {
    let zeros = [MAIL.as_bytes(), &vec![b'0'; 40 * 1024 * 1024]].concat();
    let bomb = gzip(&zeros);
    let octets = raw_tar(&[(b"1.eml.gz", &bomb), (b"2.eml.gz", &bomb), (b"3.eml", MAIL.as_bytes())]);
    check(&octets, 1, Some("more than 250 times its size"));
}

#[test]
fn another_packing_is_named() {
    let mut packed = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    packed.write_all(&tar(&[Thing::File("A/1.eml", MAIL)])).unwrap();
    let (_file, mut archive) = archive(&packed.finish().unwrap());
    let failure = archive.survey().unwrap_err().to_string();
    assert!(failure.contains("bzip2") && failure.contains(".tar first"), "{failure}");
}
