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
    assert!(archive.damage()[0].contains("cur/5.e:2,S"), "{:?}", archive.damage());
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

/// Each message's text by its UID, or why it cannot be read.
fn answers(archive: &mut MaildirArchive) -> Vec<std::result::Result<String, String>> {
    let folder = archive.survey().unwrap().folders[0].clone();
    let mut shelf = archive.open(&folder).unwrap();
    let uids: Vec<Uid> = shelf.uids().iter().collect();
    let answer = |uid: Uid| match shelf.body(uid) {
        Ok(mut content) => {
            let mut text = String::new();
            content.reader.read_to_string(&mut text).map_err(|cause| cause.to_string()).map(|_| text)
        }
        Err(Refusal::Unreadable(reason)) => Err(reason),
        Err(other) => panic!("{other:?}"),
    };
    uids.into_iter().map(answer).collect()
}

#[test]
fn a_length_in_the_name_tells_a_file_that_was_cut() {
    // 17 octets as the file has them, 20 with the wire's line ends.
    let text = "Subject: xy\n\nabc\n";
    for (name, expected) in [
        ("1.a", Ok(true)),
        ("1.a,S=17,W=20", Ok(true)),
        ("1.a,S=17,W=99", Ok(true)),
        ("1.a,S=20", Ok(true)),
        ("1.a,W=20", Ok(true)),
        ("1.a,S=2700", Err("S=2700")),
        ("1.a,S=18,W=21", Err("S=18")),
        ("1.a,W=21", Err("W=21")),
        ("1.a,S=10", Ok(false)),
        ("1.a,S=no", Ok(true)),
    ] {
        let top = maildir(&[(&format!("cur/{name}:2,S"), text.as_bytes())]);
        let mut archive = MaildirArchive::new(top.path().to_owned(), Book::in_memory());
        let answers = answers(&mut archive);
        match (&answers[0], expected) {
            (Ok(_), Ok(fits)) => {
                let remarks = archive.remarks();
                assert_eq!(
                    remarks.iter().any(|one| one.contains("longer than")),
                    !fits,
                    "{name}: {remarks:?}"
                );
            }
            (Err(reason), Err(part)) => assert!(reason.contains(part), "{name}: {reason}"),
            (answer, _) => panic!("{name}: {answer:?}"),
        }
    }
}

#[test]
fn two_messages_of_one_name_are_two() {
    let other = MAIL.replace("one", "two");
    let longer = MAIL.replace("one", "three");
    for (second, messages) in [(MAIL, 1), (other.as_str(), 2), (longer.as_str(), 2)] {
        let (top, state) = (
            maildir(&[("cur/3.M4.host:2,S", MAIL.as_bytes()), ("new/3.M4.host", second.as_bytes())]),
            tempfile::tempdir().unwrap(),
        );
        let book = || Book::kept_in(state.path().join("uids"), true);
        let mut archive = MaildirArchive::new(top.path().to_owned(), book());
        let mut found = answers(&mut archive);
        let mut expected: Vec<_> =
            [MAIL, second][..messages].iter().map(|text| Ok(text.replace('\n', "\r\n"))).collect();
        let validity = |archive: &mut MaildirArchive| {
            let folder = archive.survey().unwrap().folders[0].clone();
            archive.open(&folder).unwrap().status().uid_validity
        };
        let before = validity(&mut archive);
        // Wherever they lie and whatever their flags are, they stay who they are.
        std::fs::rename(top.path().join("cur/3.M4.host:2,S"), top.path().join("cur/3.M4.host:2,SF")).unwrap();
        std::fs::rename(top.path().join("new/3.M4.host"), top.path().join("cur/3.M4.host:2,")).unwrap();
        let mut again = MaildirArchive::new(top.path().to_owned(), book());
        assert_eq!(answers(&mut again), found);
        assert_eq!(validity(&mut again), before);
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }
}

#[test]
fn linked_folders_are_told_by_name() {
    let big = maildir(&[("cur/1.b:2,", MAIL.as_bytes()), ("mails/1.c:2,", MAIL.as_bytes())]);
    let top = maildir(&[
        ("cur/1.a:2,", MAIL.as_bytes()),
        (".Sent/cur/2.a:2,", MAIL.as_bytes()),
        (".Y/tmp/x", b"half"),
    ]);
    symlink(big.path(), top.path().join(".Archive")).unwrap();
    symlink(big.path().join("mails"), top.path().join(".Y/cur")).unwrap();
    symlink(".Sent", top.path().join(".Gesendet")).unwrap();
    let mut archive = MaildirArchive::new(top.path().to_owned(), Book::in_memory());
    assert_eq!(archive.survey().unwrap().folders.len(), 2);
    let damage = archive.damage();
    assert_eq!(damage.len(), 2, "{damage:?}");
    for name in [".Archive", ".Y/cur"] {
        let is_told = |one: &&String| one.contains(name) && one.contains("--from");
        assert!(damage.iter().any(|one| is_told(&one)), "{name}: {damage:?}");
    }
    assert!(archive.remarks().iter().any(|one| one.contains(".Gesendet")), "{:?}", archive.remarks());
}

#[test]
fn what_is_no_text_is_no_message() {
    let top = maildir(&[
        ("cur/1.a:2,", MAIL.as_bytes()),
        ("cur/2.b:2,", &[0; 600]),
        ("cur/3.c:2,", b"CRYPTED\x03\x07\x02 and more"),
    ]);
    let mut archive = MaildirArchive::new(top.path().to_owned(), Book::in_memory());
    let mut answers = answers(&mut archive);
    answers.sort();
    assert!(answers[0].is_ok());
    let reasons: Vec<_> = answers.into_iter().filter_map(std::result::Result::err).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons.iter().any(|one| one.contains("mail-crypt")), "{reasons:?}");
    assert!(reasons.iter().any(|one| one.contains("no header")), "{reasons:?}");
}

#[test]
fn a_maildir_whose_folders_went_away_is_not_an_empty_one() {
    for gone in ["cur", "new", ""] {
        let top = maildir(&[(".Sent/cur/1.a:2,", MAIL.as_bytes()), (".Sent/new/2.b", MAIL.as_bytes())]);
        let mut archive = MaildirArchive::new(top.path().to_owned(), Book::in_memory());
        let folder = archive.survey().unwrap().folders.remove(0);
        assert_eq!(archive.open(&folder).unwrap().uids().len(), 2);
        std::fs::rename(top.path().join(".Sent").join(gone), top.path().join("away")).unwrap();
        let failure = archive.open(&folder).map(|_| ()).unwrap_err().to_string();
        assert!(failure.contains("is not there any more"), "{gone}: {failure}");
    }
    // One that never had them both is listed as it is.
    let top = maildir(&[("cur/1.a:2,", MAIL.as_bytes())]);
    let mut archive = MaildirArchive::new(top.path().to_owned(), Book::in_memory());
    let folder = archive.survey().unwrap().folders.remove(0);
    assert_eq!(archive.open(&folder).unwrap().uids().len(), 1);
}
