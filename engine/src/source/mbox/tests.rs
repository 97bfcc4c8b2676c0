//! What mbox files of every kind give.
//! Never reads a file that a program wrote: those are in the acceptance tests.

use std::io::Read as _;

use malote_plan::message::Uid;

use super::*;

mod boundaries;
mod damage;
mod labels;
mod own_lines;
mod states;

/// What one message came to: octets, flags and whether it is left out.
type Told = (String, String, bool);

fn shelf_of(archive: &mut MboxArchive, number: usize) -> Box<dyn Shelf> {
    let contents = archive.survey().unwrap();
    archive.open(&contents.folders[number]).unwrap()
}

fn told(shelf: &mut dyn Shelf) -> Vec<Told> {
    let left_out = shelf.left_out();
    let uids: Vec<Uid> = shelf.uids().iter().collect();
    let read = |uid: Uid| {
        let flags = shelf.stub(uid).unwrap().unwrap().flags.to_string();
        let Ok(mut content) = shelf.body(uid) else { panic!("UID {uid} cannot be read") };
        let mut text = String::new();
        content.reader.read_to_string(&mut text).unwrap();
        assert_eq!(text.len() as u64, content.octets);
        (text, flags, left_out.contains(uid))
    };
    uids.into_iter().map(read).collect()
}

fn archive(text: &str, variant: Option<Variant>) -> (tempfile::TempDir, MboxArchive) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Mail.mbox");
    write(&path, text.as_bytes());
    (folder, MboxArchive::new(path, variant, Book::in_memory()))
}

/// Writes a file that nobody has written to for an hour.
fn write(path: &Path, octets: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, octets).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(3600)).unwrap();
}

/// The octets of every message of a file, its remarks and its damage.
fn read(text: &str) -> (Vec<String>, String, String) {
    let (_folder, mut archive) = archive(text, None);
    let shelf = shelf_of(&mut archive, 0);
    let messages = bodies(shelf).into_iter().map(|body| body.unwrap_or_else(|reason| reason)).collect();
    (messages, archive.remarks().join("\n"), archive.damage().join("\n"))
}

/// The octets of each message, or why there are none.
fn bodies(mut shelf: Box<dyn Shelf>) -> Vec<std::result::Result<String, String>> {
    let uids: Vec<Uid> = shelf.uids().iter().collect();
    let read = |uid: Uid| match shelf.body(uid) {
        Ok(mut content) => {
            let mut octets = Vec::new();
            content.reader.read_to_end(&mut octets).map_err(|cause| cause.to_string())?;
            Ok(String::from_utf8_lossy(&octets).into_owned())
        }
        Err(Refusal::Unreadable(reason)) => Err(reason),
        Err(other) => panic!("{uid}: {other:?}"),
    };
    uids.into_iter().map(read).collect()
}

/// Reads `text` and holds the messages' octets against `expected`, and the remarks against a word of them.
fn check(text: &str, expected: &[&str], word: &str) {
    let (_folder, mut archive) = archive(text, None);
    let messages: Vec<String> =
        told(shelf_of(&mut archive, 0).as_mut()).into_iter().map(|one| one.0).collect();
    assert_eq!(messages, expected, "{text:?}");
    let remarks = archive.remarks().join("\n");
    assert!(remarks.contains(word), "{word}: {remarks}");
}

const DATE: &str = "Mon Jul  1 10:00:00 2024";

#[test]
fn every_variant_is_detected_said_and_undone() {
    let text = format!("From a@x {DATE}\nA: 1\n\nx\n>From y\n\nFrom b@x {DATE}\nA: 2\n\nz\n");
    check(&text, &["A: 1\r\n\r\nx\r\nFrom y\r\n", "A: 2\r\n\r\nz\r\n"], "mboxrd (mboxo reads");
    let text = format!("From a@x {DATE}\nA: 1\n\n>>From y\n");
    check(&text, &["A: 1\r\n\r\n>From y\r\n"], "?variant=mboxo");
    let text = format!(
        "From a@x {DATE}\nA: 1\nContent-Length: 8\n\n>From y\n\nFrom b@x {DATE}\nContent-Length: 2\n\nz\n\n"
    );
    check(&text, &["A: 1\r\n\r\nFrom y\r\n", "\r\nz\r\n"], "mboxcl (by its lengths)");
    let body = format!("\nFrom q {DATE}\n>From y\n");
    let text = format!(
        "From a@x {DATE}\nContent-Length: {}\nA: 1\n\n{body}\nFrom b@x {DATE}\nContent-Length: 2\n\nz\n",
        body.len()
    );
    let quoted = format!("A: 1\r\n\r\n{}", body.replace('\n', "\r\n"));
    check(&text, &[&quoted, "\r\nz\r\n"], "mboxcl2 (by its lengths)");
}

#[test]
fn a_length_that_is_wrong_costs_no_message() {
    let one =
        |name: &str, length: u64| format!("From a@x {DATE}\nContent-Length: {length}\nA: {name}\n\nx\n\n");
    let right: String = (0..30).map(|number| one(&number.to_string(), 2)).collect();
    let text = format!("{right}{}{}", one("long", 60), one("endless", 1 << 60));
    let (_folder, mut archive) = archive(&text, None);
    let messages = told(shelf_of(&mut archive, 0).as_mut());
    assert_eq!(messages.len(), 32);
    assert_eq!(
        messages[30].0, "Content-Length: 60\r\nA: long\r\n\r\nx\r\n",
        "what is no length of the file is the message's"
    );
    assert!(
        archive.remarks().join("\n").contains("are wrong and not believed (2)"),
        "{:?}",
        archive.remarks()
    );
}

#[test]
fn separators_are_found_in_every_form() {
    let first = "A: 1\r\n\r\nx\r\n";
    for (text, expected) in [
        (
            format!("From - {DATE}\r\nA: 1\r\n\r\nx\r\n\r\nFrom - {DATE}\r\nA: 2\r\n\r\n"),
            vec![first, "A: 2\r\n\r\n"],
        ),
        ("From \nA: 1\n\nx\n\nFrom \nA: 2\n\ny".to_owned(), vec![first, "A: 2\r\n\r\ny"]),
        (format!("From a {DATE}\nA: 1\n\nx\nFrom a {DATE}\nA: 2\n\n"), vec![first, "A: 2\r\n\r\n"]),
        (
            format!("From a {DATE}\nA: 1\n\nx\n\nFrom here on\n"),
            vec!["A: 1\r\n\r\nx\r\n\r\nFrom here on\r\n"],
        ),
        (
            format!("From a {DATE}\nA: 1\n\nFrom a {DATE}\nno field\n\n\n"),
            vec!["A: 1\r\n\r\n", "no field\r\n\r\n"],
        ),
        (format!("\n\nFrom a {DATE}\nA: 1\n\nx\n\n\n"), vec!["A: 1\r\n\r\nx\r\n\r\n"]),
        (format!("From a {DATE}\n"), vec![""]),
        (String::new(), vec![]),
    ] {
        let (_folder, mut archive) = archive(&text, None);
        let contents = archive.survey().unwrap();
        let mut shelf = archive.open(&contents.folders[0]).unwrap();
        let messages: Vec<String> = told(shelf.as_mut()).into_iter().map(|one| one.0).collect();
        assert_eq!(messages, expected, "{text:?}");
    }
}

#[test]
fn flags_come_from_whatever_the_program_wrote() {
    let one = |lines: &str| format!("From - {DATE}\n{lines}A: 1\n\nx\n\n");
    let text = [
        one("Status: RO\nX-Status: AF\nX-Keywords: k1 k2   \n"),
        one("X-Mozilla-Status: 0005\nX-Mozilla-Status2: 02000000\nX-Mozilla-Keys: NonJunk       \n"),
        one("X-Mozilla-Status: 0009\n"),
        one(""),
    ]
    .concat();
    let (_folder, mut archive) = archive(&text, None);
    let messages = told(shelf_of(&mut archive, 0).as_mut());
    let told: Vec<(&str, bool)> = messages.iter().map(|(_, flags, out)| (flags.as_str(), *out)).collect();
    assert_eq!(
        told,
        [
            ("\\Answered \\Flagged \\Seen k1 k2", false),
            ("$label1 \\Flagged \\Seen NonJunk", false),
            ("", true),
            ("", false)
        ]
    );
    assert!(
        messages.iter().all(|(text, _, _)| text == "A: 1\r\n\r\nx\r\n"),
        "the same message, whatever its flags"
    );
}

#[test]
fn a_takeout_file_becomes_folders_and_no_message_is_doubled() {
    let one = |id: u32, labels: &str| {
        format!(
            "From {id}@xxx Mon Jul 01 10:00:00 +0000 2024\nX-GM-THRID: {id}\nX-Gmail-Labels: {labels}\nA: {id}\n\nx\n\n"
        )
    };
    let text = [
        one(1, "Inbox,Unread"),
        one(2, "Sent,Opened"),
        one(3, "Inbox,Opened,Kunden"),
        one(4, "Kunden,Opened"),
    ];
    let (_folder, mut archive) = archive(&text.concat(), None);
    let contents = archive.survey().unwrap();
    let paths: Vec<(String, u32)> = contents
        .folders
        .iter()
        .map(|folder| (folder.path.to_string(), folder.status.unwrap().messages))
        .collect();
    assert_eq!(paths, [("INBOX".into(), 2), ("Kunden".into(), 1), ("Sent".into(), 1)]);
    let inbox = told(archive.open(&contents.folders[0]).unwrap().as_mut());
    assert_eq!(inbox[0], ("A: 1\r\n\r\nx\r\n".into(), String::new(), false));
    assert_eq!(inbox[1].1, "\\Seen Kunden");
}

#[test]
fn a_thunderbird_tree_is_a_tree_of_folders() {
    let top = tempfile::tempdir().unwrap();
    let message = format!("From - {DATE}\nA: 1\n\nx\n\n");
    for (name, text) in [
        ("Inbox", message.as_str()),
        ("Inbox.msf", "// index"),
        ("Inbox.sbd/Kunden", &message),
        ("Inbox.sbd/Kunden.sbd/Alt", &message),
        ("Empty", ""),
        ("Empty.msf", ""),
        ("Apple.mbox/mbox", &message),
        ("notes.txt", "text"),
        ("broken.mbox", "no mbox"),
    ] {
        let path = top.path().join(name);
        write(&path, text.as_bytes());
    }
    let mut archive = MboxArchive::new(top.path().to_owned(), None, Book::in_memory());
    let mut paths: Vec<String> =
        archive.survey().unwrap().folders.iter().map(|folder| folder.path.to_string()).collect();
    paths.sort();
    assert_eq!(paths, ["Apple", "Empty", "INBOX", "INBOX/Kunden", "INBOX/Kunden/Alt"]);
    assert!(archive.damage()[0].contains("broken.mbox"), "{:?}", archive.damage());
    assert!(
        archive.remarks().iter().any(|remark| remark.contains("no mbox and are passed over (3)")),
        "{:?}",
        archive.remarks()
    );
}

#[test]
fn a_file_that_is_written_to_while_it_is_read_gives_nothing_false() {
    let text = format!("From a {DATE}\nA: 1\n\nx\n\nFrom a {DATE}\nA: 2\n\ny\n\n");
    let (folder, mut archive) = archive(&text, None);
    let mut shelf = shelf_of(&mut archive, 0);
    let path = folder.path().join("Mail.mbox");
    std::fs::write(&path, text.replace("A: 1\n\nx", "A: 3\n\nz")).unwrap();
    let mut content = shelf.body(Uid::new(1).unwrap()).unwrap_or_else(|_| panic!("it is announced"));
    assert!(content.reader.read_to_end(&mut Vec::new()).is_err());
    drop(content);
    assert!(
        shelf
            .body(Uid::new(2).unwrap())
            .unwrap_or_else(|_| panic!("it is there"))
            .reader
            .read_to_end(&mut Vec::new())
            .is_ok()
    );
}
