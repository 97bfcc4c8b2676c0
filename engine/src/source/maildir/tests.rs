//! What Maildirs give: flags, keywords, order, compressed files, moved ones.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;

use flate2::Compression;
use flate2::write::GzEncoder;
use malote_plan::message::Uid;

use super::*;

const MAIL: &str = "Subject: one\n\ntext\n";

fn maildir(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let top = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = top.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    top
}

fn told(shelf: &mut dyn Shelf) -> Vec<(u32, String, String)> {
    let uids: Vec<Uid> = shelf.uids().iter().collect();
    let read = |uid: Uid| {
        let flags = shelf.stub(uid).unwrap().unwrap().flags.to_string();
        let Ok(mut content) = shelf.body(uid) else { panic!("UID {uid} cannot be read") };
        let mut text = String::new();
        content.reader.read_to_string(&mut text).unwrap();
        assert_eq!(text.len() as u64, content.octets);
        (uid.get(), flags, text)
    };
    uids.into_iter().map(read).collect()
}

#[test]
fn dovecots_own_files_rule_order_flags_and_subscriptions() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(MAIL.as_bytes()).unwrap();
    let top = maildir(&[
        ("cur/3.c,S=20,W=24:2,FSa", MAIL.replace("one", "three").as_bytes()),
        ("cur/1.a:2,", MAIL.as_bytes()),
        ("new/2.b", &gzip.finish().unwrap()),
        ("tmp/4.d", b"half"),
        ("dovecot-uidlist", b"3 V1719 N4 Gabc\n1 :3.c,S=20,W=24\n2 W24 :2.b\n3 :1.a\n"),
        ("dovecot-keywords", b"0 $label1\n"),
        ("subscriptions", b"Sent\n"),
        (".Sent/cur/1.x:2,S", MAIL.as_bytes()),
        (".Old.2020/new/1.y", MAIL.as_bytes()),
    ]);
    symlink("/etc/passwd", top.path().join("cur/5.e:2,S")).unwrap();
    let mut archive = MaildirArchive::new(top.path().to_owned(), Book::in_memory());
    let contents = archive.survey().unwrap();
    let folders: Vec<(String, bool)> =
        contents.folders.iter().map(|folder| (folder.path.to_string(), folder.is_subscribed)).collect();
    assert_eq!(folders, [("INBOX".into(), true), ("Old/2020".into(), false), ("Sent".into(), true)]);
    let mail = MAIL.replace('\n', "\r\n");
    let inbox = told(archive.open(&contents.folders[0]).unwrap().as_mut());
    assert_eq!(
        inbox,
        [
            (1, "$label1 \\Flagged \\Seen".to_owned(), mail.replace("one", "three")),
            (2, String::new(), mail.clone()),
            (3, String::new(), mail)
        ]
    );
    assert!(archive.remarks()[0].contains("1 links"), "{:?}", archive.remarks());
}

#[test]
fn a_message_whose_flags_change_meanwhile_is_found_again() {
    let top = maildir(&[("cur/1.a:2,", MAIL.as_bytes()), ("new/2.b", MAIL.as_bytes())]);
    let mut archive = MaildirArchive::new(top.path().to_owned(), Book::in_memory());
    let contents = archive.survey().unwrap();
    let mut shelf = archive.open(&contents.folders[0]).unwrap();
    std::fs::rename(top.path().join("cur/1.a:2,"), top.path().join("cur/1.a:2,S")).unwrap();
    std::fs::rename(top.path().join("new/2.b"), top.path().join("cur/2.b:2,")).unwrap();
    assert_eq!(told(shelf.as_mut()).len(), 2);
    std::fs::remove_file(top.path().join("cur/2.b:2,")).unwrap();
    let mut shelf = archive.open(&contents.folders[0]).unwrap();
    assert_eq!(told(shelf.as_mut()).len(), 1);
    let missing = Uid::new(2).unwrap();
    assert!(matches!(shelf.body(missing), Err(Refusal::Gone)));
}

#[test]
fn a_damaged_file_is_refused_with_its_reason() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&MAIL.repeat(100).into_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    let top = maildir(&[("cur/1.a:2,", &packed[..packed.len() / 2])]);
    let mut archive = MaildirArchive::new(top.path().to_owned(), Book::in_memory());
    let contents = archive.survey().unwrap();
    let mut shelf = archive.open(&contents.folders[0]).unwrap();
    assert!(matches!(shelf.body(Uid::new(1).unwrap()), Err(Refusal::Unreadable(_))));
}

#[test]
fn what_is_no_maildir_is_refused() {
    let top = maildir(&[("a/b", b"x")]);
    assert!(MaildirArchive::new(top.path().to_owned(), Book::in_memory()).survey().is_err());
    assert!(MaildirArchive::new(top.path().join("none"), Book::in_memory()).survey().is_err());
}
