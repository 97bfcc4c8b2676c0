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
