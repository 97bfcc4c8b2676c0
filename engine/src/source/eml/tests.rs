//! What folders and zips of `.eml` files give.

use std::io::{Read as _, Write as _};

use malote_plan::message::Uid;
use zip::write::SimpleFileOptions;

use super::zipped::ZipOfEml;
use super::*;

const MAIL: &str = "Date: Mon, 1 Jul 2024 10:00:00 -0300\r\nSubject: one\n\ntext\n";

fn told(archive: &mut dyn Archive) -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    for folder in archive.survey().unwrap().folders {
        let mut shelf = archive.open(&folder).unwrap();
        let uids: Vec<Uid> = shelf.uids().iter().collect();
        for uid in uids {
            let date = shelf.stub(uid).unwrap().unwrap().internal_date.unwrap_or_default();
            let Ok(mut content) = shelf.body(uid) else { panic!("UID {uid} cannot be read") };
            let mut text = String::new();
            content.reader.read_to_string(&mut text).unwrap();
            assert_eq!(text.len() as u64, content.octets);
            all.push((folder.path.to_string(), date.trim().to_owned(), text));
        }
    }
    all
}

fn expected(folder: &str) -> (String, String, String) {
    let text = MAIL.replace("\r\n", "\n").replace('\n', "\r\n");
    (folder.to_owned(), "01-Jul-2024 10:00:00 -0300".to_owned(), text)
}

#[test]
fn a_folder_of_files_is_folders_of_messages() {
    let top = tempfile::tempdir().unwrap();
    let apple = format!("{}\n{MAIL}<?xml version=\"1.0\"?>", MAIL.len());
    for (name, text) in [
        ("a.eml", MAIL),
        ("Kunden/Alt/b.EML", MAIL),
        ("Kunden/Alt/c.emlx", &apple),
        ("Kunden/note.txt", "no mail"),
    ] {
        let path = top.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    std::fs::create_dir(top.path().join("Leer")).unwrap();
    let mut archive = EmlArchive::new(top.path().to_owned(), Book::in_memory());
    assert_eq!(told(&mut archive), [expected("INBOX"), expected("Kunden/Alt"), expected("Kunden/Alt")]);
    let paths: Vec<String> =
        archive.survey().unwrap().folders.iter().map(|folder| folder.path.to_string()).collect();
    assert_eq!(paths, ["INBOX", "Kunden/Alt", "Leer"]);
    assert!(archive.remarks()[0].contains("1 files are no .eml"), "{:?}", archive.remarks());
}

#[test]
fn a_file_that_is_replaced_meanwhile_is_not_taken_for_the_one_that_was_listed() {
    let top = tempfile::tempdir().unwrap();
    std::fs::write(top.path().join("a.eml"), MAIL).unwrap();
    let mut archive = EmlArchive::new(top.path().to_owned(), Book::in_memory());
    let contents = archive.survey().unwrap();
    let mut shelf = archive.open(&contents.folders[0]).unwrap();
    std::fs::write(top.path().join("a.eml"), MAIL.repeat(2)).unwrap();
    assert!(matches!(shelf.body(Uid::new(1).unwrap()), Err(Refusal::Failed(_))));
    std::fs::remove_file(top.path().join("a.eml")).unwrap();
    assert!(matches!(shelf.body(Uid::new(1).unwrap()), Err(Refusal::Gone)));
}

fn zip_of(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn zipped(octets: &[u8]) -> (tempfile::NamedTempFile, ZipOfEml) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(octets).unwrap();
    let zip = ZipOfEml::new(file.path().to_owned(), Book::in_memory());
    (file, zip)
}

#[test]
fn a_zip_is_read_like_the_folder_it_was() {
    let octets =
        zip_of(&[("a.eml", MAIL), ("Kunden/Alt/b.eml", MAIL), ("Kunden\\Alt\\c.eml", MAIL), ("x.txt", "")]);
    let (_file, mut zip) = zipped(&octets);
    assert_eq!(told(&mut zip), [expected("INBOX"), expected("Kunden/Alt"), expected("Kunden/Alt")]);
    assert!(zip.damage().is_empty());
}

#[test]
fn hostile_and_damaged_entries_of_a_zip_are_told_and_cost_no_other() {
    let octets =
        zip_of(&[("../x.eml", MAIL), ("/etc/y.eml", MAIL), ("a.eml", MAIL), ("b.eml", &MAIL.repeat(3))]);
    let (_file, mut zip) = zipped(&octets);
    assert_eq!(told(&mut zip).len(), 2);
    assert!(zip.damage()[0].contains("2 names that lead out"), "{:?}", zip.damage());
    // One octet of the first message's data, found by its name, which goes right before it.
    let mut damaged = zip_of(&[("a.eml", MAIL), ("b.eml", MAIL)]);
    let at = damaged.windows(5).position(|part| part == b"a.eml").unwrap();
    damaged[at + 10] ^= 0xff;
    let (_file, mut zip) = zipped(&damaged);
    assert_eq!(told(&mut zip).len(), 1);
    assert!(zip.damage()[0].contains("message 0 cannot be read"), "{:?}", zip.damage());
    let (_file, mut cut) = zipped(&octets[..octets.len() - 30]);
    assert!(cut.survey().is_err());
}

/// A message as Apple's Mail keeps it.
fn apple(text: &str) -> Vec<u8> {
    format!("{:<10}\n{text}<?xml version=\"1.0\"?><plist/>\n", text.len()).into_bytes()
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

/// Every message of one folder: its text, or why it cannot be read.
fn answers(archive: &mut dyn Archive) -> Vec<std::result::Result<String, String>> {
    let mut all = Vec::new();
    for folder in archive.survey().unwrap().folders {
        let mut shelf = archive.open(&folder).unwrap();
        let uids: Vec<Uid> = shelf.uids().iter().collect();
        all.extend(uids.into_iter().map(|uid| match shelf.body(uid) {
            Ok(mut content) => {
                let mut text = String::new();
                content.reader.read_to_string(&mut text).map_err(|cause| cause.to_string()).map(|_| text)
            }
            Err(Refusal::Unreadable(reason)) => Err(reason),
            Err(other) => panic!("{other:?}"),
        }));
    }
    all
}

/// Files of every writing with what is to come of them; a part of the reason where it is a refusal.
fn writings() -> Vec<(&'static str, Vec<u8>, std::result::Result<String, &'static str>)> {
    let whole = || Ok(MAIL.replace("\r\n", "\n").replace('\n', "\r\n"));
    let mut cut = apple(&MAIL.repeat(50));
    cut.truncate(900);
    vec![
        ("a.eml", MAIL.into(), whole()),
        ("b.eml.gz", gzip(MAIL.as_bytes()), whole()),
        ("c.emlx", apple(MAIL), whole()),
        ("d.emlx.gz", gzip(&apple(MAIL)), whole()),
        ("e.emlx", cut.clone(), Err("ends before")),
        ("f.emlx.gz", gzip(&cut), Err("ends before")),
        ("g.partial.emlx", apple(MAIL), Err("partial.emlx")),
        ("h.eml.gz", gzip(MAIL.as_bytes())[..40].to_vec(), Err("")),
        ("i.eml", vec![0; 700], Err("no header")),
        ("j.eml.gz", b"\x04\x22\x4d\x18 some other packing".to_vec(), Err("no header")),
    ]
}

#[test]
fn a_message_is_unpacked_by_its_name_and_octets_or_refused() {
    let top = tempfile::tempdir().unwrap();
    for (name, octets, _) in writings() {
        std::fs::write(top.path().join(name), octets).unwrap();
    }
    let mut archive = EmlArchive::new(top.path().to_owned(), Book::in_memory());
    let answers = answers(&mut archive);
    assert_eq!(answers.len(), writings().len());
    for (answer, (name, _, expected)) in answers.iter().zip(writings()) {
        match (answer, expected) {
            (Ok(text), Ok(expected)) => assert_eq!(text, &expected, "{name}"),
            (Err(reason), Err(part)) => assert!(reason.contains(part), "{name}: {reason}"),
            (answer, _) => panic!("{name}: {answer:?}"),
        }
    }
}

#[test]
fn a_zip_gives_of_each_writing_what_a_folder_gives() {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, octets, _) in writings() {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(&octets).unwrap();
    }
    let (_file, mut zip) = zipped(&zip.finish().unwrap().into_inner());
    let (whole, refused): (Vec<_>, Vec<_>) = writings().into_iter().partition(|(_, _, told)| told.is_ok());
    let expected: Vec<_> = whole.into_iter().map(|(_, _, told)| told.map_err(str::to_owned)).collect();
    assert_eq!(answers(&mut zip), expected);
    let damage = zip.damage();
    assert_eq!(damage.len(), refused.len(), "{damage:?}");
    for (name, _, told) in refused {
        let part = told.unwrap_err();
        assert!(damage.iter().any(|one| one.contains(name) && one.contains(part)), "{name}: {damage:?}");
    }
}

#[test]
fn entries_of_one_name_are_all_read() {
    // The crate's writer refuses two of one name, so that the second is renamed in its two headers.
    let mails = ["one", "two", "three"].map(|number| MAIL.replace("one", number));
    let mut octets =
        zip_of(&[("messag1.eml", &mails[0]), ("messag2.eml", &mails[1]), ("messag3.eml", &mails[2])]);
    for at in 0..octets.len() - 7 {
        if octets[at..].starts_with(b"messag") {
            octets[at + 6] = b'e';
        }
    }
    let (_file, mut zip) = zipped(&octets);
    let expected = mails.map(|text| Ok(text.replace("\r\n", "\n").replace('\n', "\r\n")));
    assert_eq!(answers(&mut zip), expected);
    assert!(zip.damage().is_empty());
}

#[test]
fn a_linked_folder_or_message_is_told_by_name() {
    use std::os::unix::fs::symlink;
    let (top, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(top.path().join("Kunden")).unwrap();
    std::fs::write(top.path().join("Kunden/a.eml"), MAIL).unwrap();
    std::fs::write(other.path().join("b.eml"), MAIL).unwrap();
    std::fs::write(other.path().join("note.txt"), "no mail").unwrap();
    symlink(other.path(), top.path().join("Archiv")).unwrap();
    symlink(other.path().join("b.eml"), top.path().join("b.eml")).unwrap();
    symlink(other.path().join("note.txt"), top.path().join("note.txt")).unwrap();
    symlink("Kunden", top.path().join("Clientes")).unwrap();
    symlink("nowhere", top.path().join("broken.eml")).unwrap();
    let mut archive = EmlArchive::new(top.path().to_owned(), Book::in_memory());
    assert_eq!(told(&mut archive).len(), 1);
    let damage = archive.damage();
    assert_eq!(damage.len(), 3, "{damage:?}");
    let target = other.path().canonicalize().unwrap();
    assert!(damage[0].contains("Archiv") && damage[0].contains(&target.display().to_string()), "{damage:?}");
    assert!(damage[0].contains("--from"), "{damage:?}");
    assert!(damage[1].contains("b.eml") && damage[2].contains("broken.eml"), "{damage:?}");
}

const APPLE_DOUBLE: &str = "\0\u{5}\u{16}\u{7}\0\0\0";
const MBOX: &str = "From ana@x.org Mon Jul  1 10:00:00 2024\nSubject: x\n\n";

#[test]
fn what_lies_beside_messages_is_passed_over_or_told_alike_in_a_folder_and_a_zip() {
    let files = [
        ("I/1.eml", MAIL),
        ("I/._1.eml", APPLE_DOUBLE),
        ("__MACOSX/I/._1.eml", APPLE_DOUBLE),
        ("Takeout/Mail/All.mbox", MBOX),
        ("old/cur/1719828000.M1P2.host:2,S", MAIL),
        ("note.txt", "no mail"),
    ];
    let top = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = top.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let (_file, zip) = zipped(&zip_of(&files));
    let folder = EmlArchive::new(top.path().to_owned(), Book::in_memory());
    for mut archive in [Box::new(zip) as Box<dyn Archive>, Box::new(folder)] {
        assert_eq!(told(archive.as_mut()), [expected("I")]);
        let (remarks, damage) = (archive.remarks(), archive.damage());
        assert!(remarks.iter().any(|one| one.contains("2 files that macOS adds")), "{remarks:?}");
        assert!(remarks.iter().any(|one| one.contains("are no .eml")), "{remarks:?}");
        assert_eq!(damage.len(), 2, "{damage:?}");
        for name in ["All.mbox", "1719828000"] {
            assert!(damage.iter().any(|one| one.contains(name)), "{name}: {damage:?}");
        }
    }
}

#[test]
fn many_messages_of_a_zip_that_cannot_be_read_are_not_told_one_by_one() {
    let names: Vec<String> = (0..200).map(|number| format!("{number}.eml")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "\0\0")).collect();
    let (_file, mut zip) = zipped(&zip_of(&files));
    assert!(told(&mut zip).is_empty());
    let damage = zip.damage();
    assert!(damage.len() < 60 && damage.last().unwrap().contains("150 more"), "{damage:?}");
}

#[test]
fn a_zips_names_are_of_code_page_437_where_they_are_no_utf8() {
    let mut octets = zip_of(&[("Cafe/1.eml", MAIL)]);
    for at in 0..octets.len() - 4 {
        if octets[at..].starts_with(b"Cafe/") {
            octets[at + 3] = 0x82;
        }
    }
    let (_file, mut zip) = zipped(&octets);
    assert_eq!(told(&mut zip), [expected("Caf\u{e9}")]);
}

#[test]
fn a_folder_is_listed_for_itself_when_it_is_opened() {
    use std::os::unix::fs::symlink;
    let top = tempfile::tempdir().unwrap();
    let path = |name: &str| top.path().join(name);
    for name in ["a/b", "c"] {
        std::fs::create_dir_all(path(name)).unwrap();
        std::fs::write(path(name).join("1.eml"), MAIL).unwrap();
    }
    let mut archive = EmlArchive::new(top.path().to_owned(), Book::in_memory());
    let folders = archive.survey().unwrap().folders;
    let mut count = |number: usize| Some(archive.open(&folders[number]).ok()?.uids().iter().count());
    assert_eq!((count(0), count(1)), (Some(1), Some(1)));
    std::fs::write(path("a/b/2.eml"), MAIL).unwrap();
    assert_eq!(count(0), Some(2));
    // One that is closed, gone, or a link by now is not taken for an empty one.
    std::fs::rename(path("a"), path("z")).unwrap();
    assert_eq!(count(0), None);
    symlink("z", path("a")).unwrap();
    assert_eq!(count(0), None);
    std::fs::rename(path("c/1.eml"), path("c/1.txt")).unwrap();
    assert_eq!(count(1), None);
    std::fs::remove_file(path("c/1.txt")).unwrap();
    assert_eq!(count(1), Some(0));
}

#[test]
fn what_the_table_of_a_zip_does_not_tell_of_is_damage() {
    let (one, two) =
        (zip_of(&[("1.eml", MAIL), ("2.eml", MAIL), ("3.eml", MAIL)]), zip_of(&[("4.eml", MAIL)]));
    let counted = |count: u8| {
        let mut zip = one.clone();
        let end = zip.len() - 22;
        (zip[end + 8], zip[end + 10]) = (count, count);
        zip
    };
    let made_to_run = [b"#!/bin/sh\n".to_vec(), one.clone()].concat();
    for (octets, messages, damage) in [
        (one.clone(), 3, ""),
        (made_to_run, 3, ""),
        (zip_of(&[]), 0, ""),
        (counted(2), 2, "goes on behind the 2 entries"),
        (counted(0), 0, "does not name what it begins with"),
        ([one.clone(), two].concat(), 1, "several zips were joined"),
    ] {
        let (_file, mut zip) = zipped(&octets);
        assert_eq!(told(&mut zip).len(), messages, "{damage}");
        let said = zip.damage();
        assert_eq!(said.len(), usize::from(!damage.is_empty()), "{said:?}");
        assert!(said.iter().all(|one| one.contains(damage)), "{damage}: {said:?}");
    }
}
