//! Runs that follow one another over the same file: each message keeps its UID whatever happens around it.
//! Never reads a state that no version of Malote wrote.

use super::*;
use crate::source::archive::book::{Key, key};

/// The UIDs of all messages by their subject, those that are left out apart.
fn uids(path: &Path, book: &Path) -> (Vec<(String, u32)>, Vec<u32>) {
    let mut archive = MboxArchive::new(path.to_owned(), None, Book::kept_in(book.to_owned(), true));
    let contents = archive.survey().unwrap();
    let (mut live, mut left_out) = (Vec::new(), Vec::new());
    for folder in &contents.folders {
        let mut shelf = archive.open(folder).unwrap();
        let out = shelf.left_out();
        for uid in shelf.uids().iter() {
            if out.contains(uid) {
                left_out.push(uid.get());
            } else {
                let header = shelf.header(uid).unwrap_or_else(|_| panic!("{uid}")).0;
                let subject = malote_plan::header::values(&header, "Subject").next().unwrap_or_default();
                live.push((String::from_utf8_lossy(subject.trim_ascii()).into_owned(), uid.get()));
            }
        }
    }
    (live, left_out)
}

#[test]
fn compacting_a_thunderbird_folder_doubles_nothing() {
    let top = tempfile::tempdir().unwrap();
    let (path, book) = (top.path().join("Inbox"), top.path().join("uids"));
    let one = |status: &str| format!("From - {DATE}\nX-Mozilla-Status: {status}\nSubject: a\n\nx\n\n");
    write(&path, format!("{}{}", one("0009"), one("0001")).as_bytes());
    let (live, left_out) = uids(&path, &book);
    assert_eq!((live.len(), left_out.len()), (1, 1));
    write(&path, one("0001").as_bytes());
    assert_eq!(uids(&path, &book), (live.clone(), vec![]));
    write(&path, format!("{}{}", one("0001"), one("0009")).as_bytes());
    assert_eq!(uids(&path, &book).0, live);
}

/// What the version before numbered by: BLAKE3 of the octets with every line taken out that looked like the file's.
fn earlier_key(text: &str) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(&blake3::hash(text.replace('\n', "\r\n").as_bytes()).as_bytes()[..16]);
    key
}

#[test]
fn a_state_of_the_version_before_is_gone_on_with() {
    let top = tempfile::tempdir().unwrap();
    let (path, book) = (top.path().join("Inbox"), top.path().join("uids"));
    let one = |lines: &str, body: &str| format!("From - {DATE}\nSubject: a\n{lines}\n{body}\n\n");
    let all = [
        one("X-Mozilla-Status: 0009\n", "x"),
        one("Status: RO\nTo: b\n", "x"),
        one("To: b\n", ">From here\nFrom there"),
        format!("From - {DATE}\nX-Mozilla-Status: 0009\nSubject: b\n\ny\n\n"),
        format!("From - {DATE}\nSubject: b\n\ny\n\n"),
    ];
    write(&path, all.concat().as_bytes());
    let b = earlier_key("Subject: b\n\ny\n");
    let second = key(&[&b, &2_u64.to_le_bytes()]);
    let keys = [
        earlier_key("Subject: a\n\nx\n"),
        earlier_key("Subject: a\nTo: b\n\nx\n"),
        earlier_key("Subject: a\nTo: b\n\nFrom here\nFrom there\n"),
        b,
        second,
    ];
    let wire = WireName(b"Inbox".to_vec());
    Book::kept_in(book.clone(), true).number(&wire, &keys, KeyedBy::Content).unwrap();
    for again in 0..2 {
        let (live, left_out) = uids(&path, &book);
        let live: Vec<(&str, u32)> = live.iter().map(|(subject, uid)| (subject.as_str(), *uid)).collect();
        assert_eq!(live, [("a", 1), ("a", 2), ("a", 3), ("b", 5)], "{again}");
        assert_eq!(left_out, [4], "{again}");
    }
    // The live copy keeps its UID when the deleted one goes.
    write(&path, [&all[..3], &all[4..]].concat().concat().as_bytes());
    assert_eq!(uids(&path, &book).0[3].1, 5);
}

#[test]
fn what_an_earlier_run_took_a_file_for_it_stays() {
    let top = tempfile::tempdir().unwrap();
    let (path, book) = (top.path().join("Mail"), top.path().join("uids"));
    let plain = |number: u32| format!("From a@x {DATE}\nSubject: {number}\n\nx\n\n");
    let labelled =
        |number: u32| format!("From a@x {DATE}\nX-Gmail-Labels: Kunden\nSubject: {number}\n\nx\n\n");
    let begun = [plain(1), plain(2)].concat();
    write(&path, begun.as_bytes());
    let before = uids(&path, &book).0;
    write(&path, [begun, labelled(3), labelled(4), labelled(5)].concat().as_bytes());
    let after = uids(&path, &book).0;
    assert_eq!((&after[..2], after.len()), (&before[..], 5), "no message changes its folder");
}

#[test]
fn a_later_proof_that_nothing_is_quoted_doubles_nothing() {
    let top = tempfile::tempdir().unwrap();
    let (path, book) = (top.path().join("Mail"), top.path().join("uids"));
    let one = |number: u32, body: &str| format!("From a@x {DATE}\nSubject: {number}\n\n{body}\n\n");
    let first = one(1, ">From here");
    write(&path, first.as_bytes());
    let before = uids(&path, &book).0;
    write(&path, format!("{first}{}", one(2, "From there")).as_bytes());
    assert_eq!(uids(&path, &book).0[0], before[0]);
}

#[test]
fn what_mail_programs_write_into_a_message_doubles_nothing() {
    let one = |number: u32, lines: &str| format!("From a@x {DATE}\nSubject: {number}\n{lines}\nx\n\n");
    let box_of = |lines: &str| (1..4).map(|number| one(number, lines)).collect::<String>();
    let plain = box_of("");
    let top = |keys: &str| {
        plain.replace("\nSubject", &format!("\nX-Mozilla-Status: 0001\nX-Mozilla-Keys: {keys:80}\nSubject"))
    };
    for (before, after) in [
        (plain.clone(), box_of("Status: RO\nContent-Length: 2\nLines: 1\n")),
        (box_of("X-Evolution: 00000001-0000\n"), box_of("X-Evolution: 00000001-0010\n")),
        (box_of("X-RMAIL-ATTRIBUTES: -------U\n"), box_of("X-RMAIL-ATTRIBUTES: --------\n")),
        (
            box_of("X-Status: OC\nX-KMail-EncryptionState:  \n"),
            box_of("X-Status: RC\nX-KMail-EncryptionState: N\nX-KMail-SignatureState: N\n"),
        ),
        (top(""), top("[todo]")),
        (plain[..plain.len() - 2].to_owned(), format!("{plain}{}", one(4, ""))),
        (plain[..plain.len() - 1].to_owned(), format!("{plain}{}", one(4, ""))),
    ] {
        let top = tempfile::tempdir().unwrap();
        let (path, book) = (top.path().join("Mail"), top.path().join("uids"));
        write(&path, before.as_bytes());
        let known = uids(&path, &book).0;
        write(&path, after.as_bytes());
        assert_eq!(uids(&path, &book).0[..3], known[..], "{before:?}, then {after:?}");
    }
}

#[test]
fn a_state_that_knew_programs_lines_by_what_they_say_is_gone_on_with() {
    let top = tempfile::tempdir().unwrap();
    let (path, book) = (top.path().join("Mail"), top.path().join("uids"));
    let one = |lines: &str, end: &str| format!("From a@x {DATE}\nSubject: a\n{lines}\nx{end}");
    let all = [one("X-Evolution: 1\n", "\n\n"), one("X-Evolution: 2\n", "\n\n"), one("Lines: 1\n", "")];
    write(&path, all.concat().as_bytes());
    let one = 1_u64.to_le_bytes();
    let keys = [
        "Subject: a\nX-Evolution: 1\n\nx\n",
        "Subject: a\nX-Evolution: 2\n\nx\n",
        "Subject: a\nLines: 1\n\nx",
    ]
    .map(|text| key(&[b"mbox", &earlier_key(text), &one]));
    Book::kept_in(book.clone(), true).number(&WireName(b"Mail".to_vec()), &keys, KeyedBy::Content).unwrap();
    for again in 0..2 {
        let live: Vec<u32> = uids(&path, &book).0.into_iter().map(|one| one.1).collect();
        assert_eq!(live, [1, 2, 3], "{again}");
    }
}
