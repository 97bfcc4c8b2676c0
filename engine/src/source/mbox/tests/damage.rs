//! Files that are cut, overwritten, packed or still being written: what is lost is named, and no run is a success.
//! Never a file that is whole.

use std::io::Write;

use super::*;

fn tree(files: &[(&str, &[u8])]) -> (tempfile::TempDir, MboxArchive) {
    let top = tempfile::tempdir().unwrap();
    for (name, octets) in files {
        write(&top.path().join(name), octets);
    }
    let archive = MboxArchive::new(top.path().to_owned(), None, Book::in_memory());
    (top, archive)
}

fn all(archive: &mut MboxArchive) -> Vec<(String, usize)> {
    let folders = archive.survey().unwrap().folders;
    folders
        .iter()
        .map(|one| (one.path.to_string(), archive.open(one).unwrap().uids().iter().count()))
        .collect()
}

fn message(number: u32) -> String {
    format!("From a@x {DATE}\nMessage-ID: <{number}@x>\nSubject: {number}\n\nbody {number}\n\n")
}

#[test]
fn a_message_whose_length_goes_beyond_the_files_end_is_quarantined() {
    for count in [3, 20] {
        let one = |number: u32| {
            let body = format!("body {number}\n").repeat(40);
            format!("From a@x {DATE}\nSubject: {number}\nContent-Length: {}\n\n{body}\n", body.len())
        };
        let whole: String = (1..=count).map(one).collect();
        let (_folder, mut archive) = archive(&whole[..whole.len() - 200], None);
        let bodies = bodies(shelf_of(&mut archive, 0));
        assert_eq!(bodies.len(), count as usize);
        assert_eq!(bodies.iter().filter(|body| body.is_err()).count(), 1, "{bodies:?}");
        assert!(
            bodies[count as usize - 1].as_ref().is_err_and(|reason| reason.contains("the file ends before"))
        );
        assert!(archive.damage().join("").contains("Mail.mbox"), "{:?}", archive.damage());
    }
}

#[test]
fn a_length_that_a_sender_wrote_holds_no_whole_message_back() {
    let one = |number: u32| {
        let body = format!("body {number}\n");
        format!("From a@x {DATE}\nSubject: {number}\nContent-Length: {}\n\n{body}\n", body.len())
    };
    let whole: String = (1..=10).map(one).collect();
    let last =
        format!("From c@x {DATE}\nContent-Length: 5120\nSubject: bulk\nTo: b@x\n\nwhole and short\n\n");
    let last = last.replace("\nContent", "\nReceived: by x; Mon, 1 Jul 2024 10:00:00 +0000\nContent");
    let (messages, remarks, damage) = read(&format!("{whole}{last}"));
    assert!(messages[10].ends_with("\r\n\r\nwhole and short\r\n"), "{}", messages[10]);
    assert!(remarks.contains("are wrong and not believed (1)") && damage.is_empty(), "{remarks} {damage}");
    // Where programs write it, it is believed, and so it is where the file ends within a line or a paragraph.
    let placed = last.replace("Content-Length: 5120\n", "").replace("b@x\n", "b@x\nContent-Length: 5120\n");
    for cut in [placed.as_str(), &last[..last.len() - 1], &last[..last.len() - 5]] {
        let (_, _, damage) = read(&format!("{whole}{cut}"));
        assert!(damage.contains("ends within its last message"), "{cut}: {damage}");
    }
}

#[test]
fn a_mark_or_blanks_before_the_first_separator_cost_no_message() {
    for before in ["\u{feff}", " ", "\n \n", "\t"] {
        let (messages, _, damage) = read(&format!("{before}{}{}", message(1), message(2)));
        assert_eq!(messages.len(), 2, "{before:?}");
        assert_eq!(damage, "", "{before:?}");
    }
}

#[test]
fn what_stands_before_the_first_separator_is_damage_and_the_rest_is_read() {
    for (zeros, end) in [(4096, "\n"), (4096, ""), (300_000, "")] {
        let zeroed =
            [&vec![0; zeros][..], end.as_bytes(), message(2).as_bytes(), message(3).as_bytes()].concat();
        let (_top, mut archive) = tree(&[("Inbox", message(1).as_bytes()), ("Kunden", &zeroed)]);
        assert_eq!(all(&mut archive), [("INBOX".to_owned(), 1), ("Kunden".to_owned(), 2)]);
        let damage = archive.damage().join("\n");
        assert!(damage.contains("Kunden") && damage.contains(&format!("{zeros} octets")), "{damage}");
    }
}

#[test]
fn a_packed_mbox_is_named() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    Write::write_all(&mut gzip, message(1).as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    let (_top, mut archive) = tree(&[
        ("Inbox", message(1).as_bytes()),
        ("Sent.mbox.gz", &packed),
        ("Drafts", &packed),
        ("Old.mbox.xz", b"\xfd7zXZ\0"),
        ("photo.gz", b"\x1f\x8b\x08 no mail"),
    ]);
    assert_eq!(all(&mut archive).len(), 1);
    let damage = archive.damage().join("\n");
    assert!(["Sent.mbox.gz", "Drafts", "Old.mbox.xz"].iter().all(|name| damage.contains(name)), "{damage}");
    assert!(!damage.contains("photo.gz"), "{damage}");
}

#[test]
fn what_malote_lays_beside_an_mbox_is_no_mbox() {
    use crate::source::mbox::tree::{ASIDE_BEGIN, BATCH_HEAD};
    let aside = format!("{ASIDE_BEGIN}what stood there:\n{}", message(2));
    let batch = format!("{BATCH_HEAD}{}", message(3));
    let (_top, mut archive) = tree(&[
        ("INBOX.mbox", message(1).as_bytes()),
        ("INBOX.mbox.malote-torn-1", aside.as_bytes()),
        ("INBOX.mbox.malote-batch", batch.as_bytes()),
    ]);
    assert_eq!(all(&mut archive).len(), 1);
    let (damage, remarks) = (archive.damage(), archive.remarks().join("\n"));
    assert_eq!(damage, Vec::<String>::new());
    assert!(remarks.contains("INBOX.mbox.malote-torn-1: was set aside"), "{remarks}");
}

/// A clock and a pause of its own, for files that were just written.
struct At(i64);

impl Clock for At {
    fn now_unix_ms(&self) -> i64 {
        self.0
    }
}

/// What a file gives when it is looked at `later` milliseconds after it was written, and what may be otherwise soon.
fn later(path: &Path, later: i64) -> (usize, String) {
    let mut archive = looked_at_later(path, later);
    let count = shelf_of(&mut archive, 0).uids().iter().count();
    (count, archive.unsettled().join("\n"))
}

fn looked_at_later(path: &Path, later: i64) -> MboxArchive {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = std::fs::metadata(path).unwrap();
    let now = metadata.mtime() * 1000 + metadata.mtime_nsec() / 1_000_000 + later;
    let mut archive = MboxArchive::with_clock(path.to_owned(), None, Book::in_memory(), Arc::new(At(now)));
    archive.patience.pause = |_| ();
    archive
}

#[test]
fn a_message_that_is_still_being_written_waits_for_its_end() {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("Inbox");
    let whole = format!("{}{}", message(1), message(2));
    let half = &whole[..whole.len() - 5];
    for (text, milliseconds, count) in [
        (half, 10_000, 1),
        // Nobody has gone on with it for a minute: so it is.
        (half, 61_000, 2),
        (&whole, 10_000, 2),
        // It is written to all the time.
        (&whole, 100, 1),
        // The clock goes wrong.
        (&whole, -5_000, 2),
    ] {
        write(&path, text.as_bytes());
        let (found, told) = later(&path, milliseconds);
        assert_eq!(found, count, "{text:?} {milliseconds}");
        assert_eq!(told.contains("Inbox") && told.contains("octet"), count == 1, "{told}");
    }
}

#[test]
fn a_file_that_ends_within_a_separator_gives_what_stands_before_it() {
    let (first, second) = (format!("From a@x {DATE}\nSubject: 1\n\nHi,\n\n>From here on\n\n"), message(2));
    let expected = "Subject: 1\r\n\r\nHi,\r\n\r\nFrom here on\r\n";
    let separator = second.find('\n').unwrap();
    for cut in 1..=separator {
        for milliseconds in [10_000, 3_600_000] {
            let top = tempfile::tempdir().unwrap();
            let path = top.path().join("Inbox");
            write(&path, format!("{first}{}", &second[..cut]).as_bytes());
            let mut archive = looked_at_later(&path, milliseconds);
            let place = format!("cut at {cut}, {milliseconds} ms later");
            assert_eq!(bodies(shelf_of(&mut archive, 0)), [Ok(expected.to_owned())], "{place}");
            let damage = archive.damage().join("\n");
            assert!(damage.contains(&format!("at octet {}", first.len())), "{place}: {damage}");
        }
    }
}

#[test]
fn a_locked_file_is_taken_for_one_that_is_written_to() {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("Inbox");
    write(&path, format!("{}{}", message(1), message(2)).as_bytes());
    let file = File::options().read(true).write(true).open(&path).unwrap();
    file.lock().unwrap();
    assert_eq!(later(&path, 3_600_000).0, 1);
    file.unlock().unwrap();
    assert_eq!(later(&path, 3_600_000).0, 2);
    write(&top.path().join("Inbox.lock"), b"");
    assert_eq!(later(&path, 0).0, 1, "a lock file beside it");
    assert_eq!(later(&path, 3_600_000).0, 2, "a lock file that was left behind");
}

#[test]
fn a_file_that_comes_to_rest_is_read_whole() {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("Inbox");
    std::fs::write(&path, message(1)).unwrap();
    let mut archive = MboxArchive::new(path.clone(), None, Book::in_memory());
    // What passes in a pause is made to pass at once: the file grows old.
    archive.patience.clock = Arc::new(Passing);
    archive.patience.pause = |passed| PASSED.with(|all| all.set(all.get() + passed.as_millis() as i64));
    assert_eq!(shelf_of(&mut archive, 0).uids().iter().count(), 1);
    assert!(PASSED.with(std::cell::Cell::get) >= 1_000, "it was waited for");
    assert_eq!(archive.damage(), Vec::<String>::new());
}

std::thread_local! {
    static PASSED: std::cell::Cell<i64> = const { std::cell::Cell::new(0) };
}

/// The machine's clock, further on by what was paused.
struct Passing;

impl Clock for Passing {
    fn now_unix_ms(&self) -> i64 {
        SystemClock.now_unix_ms() + PASSED.with(std::cell::Cell::get)
    }
}
