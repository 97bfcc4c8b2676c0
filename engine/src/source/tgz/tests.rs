//! What tar archives give: whole ones, cut ones, hostile ones.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use malote_plan::message::Uid;
use tar::{EntryType, Header};

use super::*;

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
    assert!(archive.damage()[0].contains("2 names that lead out"), "{:?}", archive.damage());
    assert!(archive.remarks()[0].contains("3 links or devices"), "{:?}", archive.remarks());
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
