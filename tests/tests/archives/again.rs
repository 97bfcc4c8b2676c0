//! What the next run makes of a destination of files that somebody cut, damaged, or is to take messages out of.
//! Never believes a report alone: what lies in the files is read back.

use std::fs;
use std::path::PathBuf;

use acceptance::archives::run_with;
use acceptance::program::Home;
use malote_engine::report::Status;

use super::*;

/// The short sheets in files of their own, copied into files once.
struct Copied {
    top: tempfile::TempDir,
    sheets: Vec<Sheet>,
    from: PathBuf,
    written: &'static Format,
    ledger: Arc<MemoryLedger>,
}

impl Copied {
    async fn into(written: &'static str) -> Self {
        let top = tempfile::tempdir().unwrap();
        let sheets: Vec<Sheet> = sheets().into_iter().filter(|sheet| sheet.text.len() < 1000).collect();
        let from = (FORMATS[1].write)(top.path(), &sheets).unwrap();
        let written = FORMATS.iter().find(|format| format.name == written).unwrap();
        let copied = Self { top, sheets, from, written, ledger: Arc::new(MemoryLedger::new()) };
        judge(&copied.run(false).await, "first");
        copied
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.path().join("to").join(name)
    }

    async fn run(&self, mirrors: bool) -> Report {
        let source = open(&FORMATS[1], self.top.path(), &self.from);
        let destination = files(self.written.name, self.path(""));
        let change = |policy: &mut malote_engine::policy::Policy| {
            (policy.mirror_deletes, policy.delete_percent_max) = (mirrors, 100);
        };
        run_with(source, destination, &self.ledger, &Steps::counting(), change).await.unwrap()
    }

    /// What lies in the files, as a reader of their format finds it.
    async fn found(&self) -> Vec<(String, String)> {
        let (back, book) = (Mailbox::new(Habits::default()), tempfile::tempdir().unwrap());
        let source = open(self.written, book.path(), &self.path(""));
        run(source, memory(&back), &Arc::new(MemoryLedger::new()), &Steps::counting()).await.unwrap();
        texts(&back)
    }
}

#[tokio::test]
async fn an_mbox_that_was_cut_within_a_message_is_told_and_made_whole_again() {
    let whole = {
        let copied = Copied::into("mbox").await;
        fs::read_to_string(copied.path("INBOX.mbox")).unwrap()
    };
    let begins: Vec<usize> = whole.match_indices("From MAILER-DAEMON").map(|found| found.0).collect();
    let near = |cut: &usize| begins.iter().any(|begin| begin.abs_diff(*cut) < 2);
    for cut in (0..whole.len()).filter(|cut| cut % 61 == 0 || near(cut)) {
        for is_ledger_lost in [false, true] {
            let mut copied = Copied::into("mbox").await;
            let (inbox, aside) = (copied.path("INBOX.mbox"), copied.path("INBOX.mbox.malote-torn-1"));
            fs::File::options().write(true).open(&inbox).unwrap().set_len(cut as u64).unwrap();
            if is_ledger_lost {
                copied.ledger = Arc::new(MemoryLedger::new());
            }
            let place = format!("cut at {cut} of {}, ledger lost: {is_ledger_lost}", whole.len());
            let begun = begins.iter().rev().find(|begin| **begin <= cut).copied().unwrap_or(0);
            for again in 0..2 {
                let report = copied.run(false).await;
                assert!(report.balances() && report.totals.pending == 0, "{place}: {report:#?}");
                assert_eq!(copied.found().await, expected(&copied.sheets), "{place}, again: {again}");
                let is_told = report.warnings.iter().any(|what| what.contains(&format!("has {cut} octets")));
                assert_eq!(is_told, again == 0, "{place}: {:?}", report.warnings);
                let named: Vec<_> = report.errors.iter().map(|error| error.message.as_str()).collect();
                if begun == cut {
                    assert!(named.is_empty() && report.status == Status::Success, "{place}: {named:?}");
                } else {
                    assert!(named.len() == 1 && named[0].contains("malote-torn-1"), "{place}: {named:?}");
                    assert_ne!(report.status, Status::Success, "{place}");
                    assert!(fs::read_to_string(&aside).unwrap().ends_with(&whole[begun..cut]), "{place}");
                }
            }
            // Once somebody has looked into it, nothing is left to say or to do.
            let _looked_into = fs::remove_file(&aside);
            let report = copied.run(false).await;
            judge(&report, &place);
            assert_eq!(report.totals.copied, 0, "{place}");
        }
    }
}

#[tokio::test]
async fn a_message_that_lost_a_part_in_a_file_is_held_and_told_and_not_taken_for_its_copy() {
    for format in ["mbox", "maildir"] {
        let copied = Copied::into(format).await;
        let lost = |text: &str| text.replacen("one\n", "o\n", 1).replacen("one\r\n", "o\r\n", 1);
        if format == "mbox" {
            let text = fs::read_to_string(copied.path("INBOX.mbox")).unwrap();
            fs::write(copied.path("INBOX.mbox"), lost(&text)).unwrap();
        } else {
            let names = fs::read_dir(copied.path("cur")).unwrap().map(|entry| entry.unwrap().path());
            for path in names {
                let text = fs::read_to_string(&path).unwrap();
                // As a crash leaves it: the time that was set before stays.
                let time = fs::metadata(&path).unwrap().modified().unwrap();
                fs::write(&path, lost(&text)).unwrap();
                fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
            }
            // UIDs that are believed say nothing of what lies under them.
            let list = fs::read_to_string(copied.path("malote-uids")).unwrap();
            fs::write(copied.path("malote-uids"), list.replacen(".malote", ".mbmote", 1)).unwrap();
        }
        let mut damaged = copied.sheets.clone();
        damaged[0].text = lost(&damaged[0].text);
        assert_ne!(expected(&damaged), expected(&copied.sheets));
        // A Maildir's reader refuses what is shorter than its name tells.
        let before = (format == "maildir").then(|| hashes(&copied.path("cur")).unwrap());
        for again in 0..2 {
            let report = copied.run(false).await;
            let classes: Vec<&str> = report.errors.iter().map(|error| error.class.as_str()).collect();
            assert_eq!(classes, ["decision.needed"], "{format}, again: {again}: {report:#?}");
            let totals = &report.totals;
            assert_eq!((totals.pending, totals.copied), (1, 0), "{format}, again: {again}: {report:#?}");
            if format == "mbox" {
                assert_eq!(copied.found().await, expected(&damaged), "again: {again}");
            } else {
                assert_eq!(hashes(&copied.path("cur")).unwrap(), before.clone().unwrap(), "again: {again}");
            }
        }
    }
}

#[tokio::test]
async fn mirroring_takes_nothing_out_of_an_mbox_and_says_so_in_every_run() {
    let copied = Copied::into("mbox").await;
    fs::remove_file(copied.from.join("001.eml")).unwrap();
    for again in 0..2 {
        let report = copied.run(true).await;
        let told: Vec<_> = report.errors.iter().map(|error| error.message.as_str()).collect();
        assert!(told.len() == 1 && told[0].contains("nothing is removed from an mbox"), "{again}: {told:?}");
        assert_eq!((report.totals.deleted, report.totals.pending), (0, 0), "{again}: {report:#?}");
        assert_ne!(report.status, Status::Success, "{again}");
        assert_eq!(copied.found().await, expected(&copied.sheets), "{again}");
    }
}

/// An mbox file of so many messages as a source, below a folder of its own.
fn mbox_of(home: &Home, messages: usize) -> String {
    let folder = home.path("from");
    fs::create_dir(&folder).unwrap();
    let message =
        |at| format!("From x Fri Mar  1 12:00:00 2024\nMessage-ID: <{at}@x>\nSubject: {at}\n\nx\n\n");
    fs::write(folder.join("Work.mbox"), (0..messages).map(message).collect::<String>()).unwrap();
    format!("mbox:{}", folder.display())
}

#[tokio::test]
async fn a_maildir_that_was_half_made_on_a_full_disk_is_made_whole() {
    let home = Home::new().unwrap();
    let (from, to, state) = (mbox_of(&home, 3), home.path("to"), home.path("s").display().to_string());
    for place in ["tmp", "new"] {
        fs::create_dir_all(to.join(".Work").join(place)).unwrap();
    }
    let destination = format!("maildir:{}", to.display());
    let copy = ["copy", "--from", &from, "--to", &destination, "--state", &state];
    home.run(copy).await.unwrap().with(0);
    let letters =
        fs::read_dir(to.join(".Work/cur")).unwrap().chain(fs::read_dir(to.join(".Work/new")).unwrap());
    assert_eq!(letters.count(), 3);
    assert!(to.join(".Work/maildirfolder").exists());
}

#[tokio::test]
async fn a_disk_that_does_not_keep_uids_ends_the_run_and_is_not_the_sources_fault() {
    let home = Home::new().unwrap();
    let (from, state) = (mbox_of(&home, 3), home.path("s").display().to_string());
    // A file stands where the folder of UIDs is to be made.
    fs::write(format!("{state}.uids"), "").unwrap();
    let destination = format!("maildir:{}", home.path("to").display());
    let copy = ["copy", "--from", &from, "--to", &destination, "--state", &state, "--json"];
    let report = home.run(copy).await.unwrap().with(4).json();
    assert_eq!(
        (&report["errors"][0]["side"], &report["errors"][0]["class"]),
        (&"local".into(), &"ledger.failed".into())
    );
    fs::remove_file(format!("{state}.uids")).unwrap();
    let report = home.run(copy).await.unwrap().with(0).json();
    assert_eq!(report["totals"]["copied"], 3, "{report}");
}

#[tokio::test]
async fn octets_that_imap_cannot_carry_are_taken_out_by_name_or_kept_back() {
    let server = Dovecot::with_users(&[("ana", "segredo")]).unwrap();
    let home = Home::new().unwrap();
    let begin = |number| format!("From x Fri Mar  1 12:00:00 2024\nMessage-ID: <{number}@x>\nSubject: s\n");
    let long = "seventy octets of a line that is neither long nor short, ending here ..\n".repeat(20_000);
    let texts = [
        "\nplain\n\n".to_owned(),
        "\nbefore\0\0after\n\n".to_owned(),
        format!("\n{long}before\0after\n\n"),
        "MIME-Version: 1.0\nContent-Transfer-Encoding: binary\n\nbefore\0after\n\n".to_owned(),
    ];
    let file = home.path("nul.mbox");
    let written = texts.iter().enumerate().map(|(number, text)| begin(number) + text);
    fs::write(&file, written.collect::<String>()).unwrap();
    let (from, to) = (format!("mbox:{}", file.display()), server.url("ana"));
    for copied in [3, 0] {
        let ended = home.run(between("copy", &from, &to)).await.unwrap().with(3);
        let report = ended.json();
        assert_eq!((ended.total("copied"), ended.total("quarantined")), (copied, 1), "{report:#}");
        let repairs: Vec<_> =
            report["repairs"].as_array().unwrap().iter().map(|one| &one["repairs"][0]).collect();
        assert_eq!(repairs, ["nul", "nul"], "{report:#}");
        assert!(report["quarantine"][0]["detail"].as_str().unwrap().contains("NUL"), "{report:#}");
        let mut reader = Reader::login(server.port(), "ana", "segredo").await.unwrap();
        let found = reader.everything().await.unwrap();
        assert_eq!(found.len(), 3, "{report:#}");
        let wire = |text: &str| text.trim_end().replace('\0', "").replace('\n', "\r\n") + "\r\n";
        for text in &texts[..3] {
            let is_there = found.iter().any(|message| message.octets.ends_with(wire(text).as_bytes()));
            assert!(is_there, "{:.60}", text);
        }
    }
    let mut verify = between("verify", &from, &to);
    verify.extend(["--content", "full"]);
    let verified = home.run(verify).await.unwrap().with(3).json();
    assert_eq!(verified["errors"], serde_json::json!([]), "{verified:#}");
}
