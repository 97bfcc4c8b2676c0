//! Mail in files as source and as destination: one suite for every format, crashes at every step, a real Dovecot.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made ends its test")]

#[path = "archives/again.rs"]
mod again;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use acceptance::archives::{FORMATS, Format, Sheet, destination as files, hashes, run, sheets};
use acceptance::program::{Ended, Home, between};
use acceptance::reader::Reader;
use acceptance::servers::Dovecot;
use acceptance::world::{Fault, Habits, Mailbox, MemoryDestination, Moment, Steps};
use malote_engine::destination::Destination;
use malote_engine::ledger::memory::MemoryLedger;
use malote_engine::report::Report;
use malote_engine::source::Source;
use malote_engine::source::archive::book::Book;

/// A source of `format` whose UIDs are kept beside the files.
fn open(format: &Format, top: &Path, path: &Path) -> Arc<dyn Source> {
    Arc::new((format.open)(path.to_owned(), Book::kept_in(top.join(format!("{}.uids", format.name)), true)))
}

fn memory(mailbox: &Mailbox) -> Arc<dyn Destination> {
    Arc::new(MemoryDestination { mailbox: mailbox.clone(), steps: Steps::counting() })
}

/// What a mailbox holds: folder and octets of each message, sorted.
fn texts(mailbox: &Mailbox) -> Vec<(String, String)> {
    let all = mailbox.content();
    all.into_iter().flat_map(|(name, list)| list.into_iter().map(move |one| (name.clone(), one.0))).collect()
}

fn expected(sheets: &[Sheet]) -> Vec<(String, String)> {
    let wire = |sheet: &Sheet| sheet.text.replace('\n', "\r\n").as_bytes().escape_ascii().to_string();
    let mut all: Vec<_> = sheets.iter().map(|sheet| (sheet.folder.to_owned(), wire(sheet))).collect();
    all.sort();
    all
}

fn judge(report: &Report, place: &str) {
    assert!(report.balances(), "{place}: {report:#?}");
    assert!(report.errors.is_empty(), "{place}: {:#?}", report.errors);
    assert_eq!((report.totals.pending, report.totals.quarantined), (0, 0), "{place}: {report:#?}");
}

/// What any source of files must do: give every message once, exactly; give nothing new the second time; give what is
/// added wherever it stands; lose its UIDs without doubling anything; leave the files as they were.
async fn suite(format: &Format) {
    let (top, mailbox, ledger) =
        (tempfile::tempdir().unwrap(), Mailbox::new(Habits::default()), Arc::new(MemoryLedger::new()));
    let mut all = sheets();
    let path = (format.write)(top.path(), &all).unwrap();
    let before = hashes(&path).unwrap();
    let name = format.name;
    let go = async |path: &Path| {
        let source = open(format, top.path(), path);
        run(source, memory(&mailbox), &ledger, &Steps::counting()).await.expect("nothing strikes")
    };
    let report = go(&path).await;
    judge(&report, name);
    assert_eq!(report.totals.copied, 7, "{name}: {report:#?}");
    assert_eq!(texts(&mailbox), expected(&all), "{name}");
    assert_eq!(hashes(&path).unwrap(), before, "{name}: the source was written to");

    let report = go(&path).await;
    judge(&report, name);
    assert_eq!((report.totals.copied, report.totals.already), (0, 7), "{name}, again: {report:#?}");

    all.insert(1, Sheet { folder: "INBOX", text: "Message-ID: <new@x>\nSubject: new\n\nnew\n".to_owned() });
    let path = (format.write)(top.path(), &all).unwrap();
    let report = go(&path).await;
    judge(&report, name);
    assert_eq!(report.totals.copied, 1, "{name}, one more in the middle: {report:#?}");
    assert_eq!(texts(&mailbox), expected(&all), "{name}");

    std::fs::remove_dir_all(top.path().join(format!("{name}.uids"))).unwrap();
    let report = go(&path).await;
    judge(&report, name);
    assert_eq!(report.totals.copied, 0, "{name}, UIDs lost: {report:#?}");
    assert_eq!(texts(&mailbox), expected(&all), "{name}");
}

macro_rules! source_suite {
    ($($test:ident => $number:expr),* $(,)?) => {
        $(#[tokio::test] async fn $test() { suite(&FORMATS[$number]).await; })*
    };
}

source_suite! {
    an_mbox_tree_is_a_source => 0,
    a_folder_of_eml_files_is_a_source => 1,
    a_zip_of_eml_files_is_a_source => 2,
    a_maildir_is_a_source => 3,
    a_zimbra_export_is_a_source => 4,
}

/// Writes a file anew, a second later than it was written last.
fn rewrite(path: &Path, text: &str) {
    let before = std::fs::metadata(path).unwrap().modified().unwrap();
    std::fs::write(path, text).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(before + Duration::from_secs(1)).unwrap();
}

/// A message whose header tells nothing of its amount.
fn bill(number: u32, amount: u32) -> Sheet {
    let header =
        format!("Message-ID: <{number}@x>\nFrom: a@x\nDate: Mon, 1 Jul 2024 10:00:00 +0000\nSubject: s");
    Sheet { folder: "INBOX", text: format!("{header}\n\namount {amount}\n") }
}

#[tokio::test]
async fn an_eml_that_is_rewritten_at_its_old_length_is_never_taken_for_what_was_copied() {
    let format = FORMATS.iter().find(|format| format.name == "eml").unwrap();
    let all: Vec<Sheet> = (0..3).map(|number| bill(number, 1)).collect();
    let mut at = 1;
    loop {
        let (top, mailbox, ledger) =
            (tempfile::tempdir().unwrap(), Mailbox::new(Habits::default()), Arc::new(MemoryLedger::new()));
        let path = (format.write)(top.path(), &all).unwrap();
        let go = async |steps: &Arc<Steps>| {
            run(open(format, top.path(), &path), memory(&mailbox), &ledger, steps).await
        };
        let report = go(&Steps::counting()).await.unwrap();
        assert_eq!(report.totals.copied, 3, "{report:#?}");
        // Touched and the same: nothing to do.
        rewrite(&path.join("000.eml"), &bill(0, 1).text);
        let report = go(&Steps::counting()).await.unwrap();
        judge(&report, "touched");
        assert_eq!((report.totals.copied, report.totals.already), (0, 3), "{report:#?}");

        rewrite(&path.join("001.eml"), &bill(1, 2).text);
        let is_past_the_end = go(&Steps::striking(at, Fault::Crash(Moment::After))).await.is_some();
        // Whatever the crash left: it is held, and no run is a success over it, however often it is asked.
        for _ in 0..2 {
            let report = go(&Steps::counting()).await.unwrap();
            let classes: Vec<&str> = report.errors.iter().map(|error| error.class.as_str()).collect();
            assert_eq!(
                (classes, report.totals.already),
                (vec!["decision.needed"], 2),
                "step {at}: {report:#?}"
            );
            assert_eq!(texts(&mailbox), expected(&all), "step {at}");
        }
        if is_past_the_end {
            assert!(at > 5, "only {at} steps");
            return;
        }
        at += 1;
    }
}

/// Copies `format` into what `make` gives, undisturbed and with a crash at every step; it must come to the same.
async fn every_step(format: &Format, written: Option<&Format>) {
    // Short messages alone, for every step is a whole run.
    let all: Vec<Sheet> = sheets().into_iter().filter(|sheet| sheet.text.len() < 1000).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = (format.write)(folder.path(), &all).unwrap();
    let mut at = 0;
    loop {
        let moments: &[Moment] = if at == 0 { &[Moment::Before] } else { &[Moment::Before, Moment::After] };
        let mut is_past_the_end = false;
        for moment in moments {
            let top = tempfile::tempdir().unwrap();
            let mailbox = Mailbox::new(Habits::default());
            let ledger = Arc::new(MemoryLedger::new());
            let place = format!("{}, {moment:?} step {at}", format.name);
            let destination = |mailbox: &Mailbox| match written {
                Some(written) => files(written.name, top.path().join("to")),
                None => memory(mailbox),
            };
            let steps = Steps::striking(at, Fault::Crash(*moment));
            let source = open(format, top.path(), &path);
            let first = run(source, destination(&mailbox), &ledger, &steps).await;
            is_past_the_end = at > 0 && first.is_some();
            for again in 0..2 {
                // A dead run's thread may still hold the lock for a moment; a dead process would not.
                let source = open(format, top.path(), &path);
                let report = run(source, destination(&mailbox), &ledger, &Steps::counting()).await;
                let report = report.expect("nothing strikes twice");
                judge(&report, &place);
                assert!(again == 0 || report.totals.copied == 0, "{place}: a second run found work");
            }
            let read = match written {
                None => mailbox,
                Some(written) => {
                    let back = Mailbox::new(Habits::default());
                    let source = open(written, &top.path().join("back"), &top.path().join("to"));
                    let ledger = Arc::new(MemoryLedger::new());
                    run(source, memory(&back), &ledger, &Steps::counting()).await.expect("nothing strikes");
                    back
                }
            };
            assert_eq!(texts(&read), expected(&all), "{place}");
        }
        if is_past_the_end {
            assert!(at > 20, "{}: only {at} steps", format.name);
            return;
        }
        at += 1;
    }
}

#[tokio::test]
async fn an_mbox_as_source_survives_a_crash_at_every_step() {
    every_step(&FORMATS[0], None).await;
}

#[tokio::test]
async fn an_mbox_as_destination_survives_a_crash_at_every_step() {
    every_step(&FORMATS[3], Some(&FORMATS[0])).await;
}

#[tokio::test]
async fn a_maildir_as_destination_survives_a_crash_at_every_step() {
    every_step(&FORMATS[0], Some(&FORMATS[3])).await;
}

#[tokio::test]
async fn an_mbox_that_a_dead_run_left_half_written_is_whole_again() {
    let all = sheets();
    let top = tempfile::tempdir().unwrap();
    let path = (FORMATS[3].write)(top.path(), &all[..2]).unwrap();
    let (to, ledger) = (top.path().join("to"), Arc::new(MemoryLedger::new()));
    let source = || open(&FORMATS[3], top.path(), &path);
    run(source(), files("mbox", to.clone()), &ledger, &Steps::counting()).await.unwrap();
    let inbox = to.join("INBOX.mbox");
    let journal = to.join("INBOX.mbox.malote");
    let (whole, lines) = (std::fs::read(&inbox).unwrap(), std::fs::read_to_string(&journal).unwrap());
    // As if the process had died while it wrote: its intent stands, its end does not.
    let begun: String = lines.split_inclusive('\n').take_while(|line| !line.contains(" message ")).collect();
    for cut in [0, 1, 40, whole.len() / 2, whole.len() - 1, whole.len()] {
        std::fs::write(&inbox, &whole[..cut]).unwrap();
        std::fs::write(&journal, &begun).unwrap();
        let fresh = Arc::new(MemoryLedger::new());
        let mut report = run(source(), files("mbox", to.clone()), &fresh, &Steps::counting()).await.unwrap();
        let aside = to.join("INBOX.mbox.malote-torn-1");
        if aside.exists() {
            // Without the batch that lay beside, nobody can tell whose it is: it is told until somebody removes it.
            let told: Vec<_> = report.errors.iter().map(|error| error.class.as_str()).collect();
            assert_eq!(told, ["item.unreadable"], "cut at {cut}: {report:#?}");
            assert!(std::fs::read(&aside).unwrap().ends_with(&whole[..cut]), "cut at {cut}");
            std::fs::remove_file(&aside).unwrap();
            report = run(source(), files("mbox", to.clone()), &fresh, &Steps::counting()).await.unwrap();
        }
        judge(&report, &format!("cut at {cut}"));
        let back = Mailbox::new(Habits::default());
        let read = open(&FORMATS[0], &top.path().join(format!("back{cut}")), &to);
        run(read, memory(&back), &Arc::new(MemoryLedger::new()), &Steps::counting()).await.unwrap();
        assert_eq!(texts(&back), expected(&all[..2]), "cut at {cut}");
    }
}

/// Copies into `format`, alters what Malote keeps in `list`, and copies again with the ledger of the first run.
async fn wrong_list(format: &str, list: &str, alter: fn(&mut Vec<u8>)) {
    let all = sheets();
    let top = tempfile::tempdir().unwrap();
    let path = (FORMATS[1].write)(top.path(), &all).unwrap();
    let (to, ledger) = (top.path().join("to"), Arc::new(MemoryLedger::new()));
    let source = || open(&FORMATS[1], top.path(), &path);
    run(source(), files(format, to.clone()), &ledger, &Steps::counting()).await.unwrap();
    let place = to.join(list);
    let mut octets = std::fs::read(&place).unwrap();
    alter(&mut octets);
    std::fs::write(&place, octets).unwrap();
    for again in 0..2 {
        let report = run(source(), files(format, to.clone()), &ledger, &Steps::counting()).await.unwrap();
        judge(&report, list);
        assert_eq!(report.totals.copied, 0, "{format}, run {again}: {report:#?}");
    }
    let back = Mailbox::new(Habits::default());
    let written = FORMATS.iter().find(|one| one.name == format).unwrap();
    let read = open(written, &top.path().join("back"), &to);
    run(read, memory(&back), &Arc::new(MemoryLedger::new()), &Steps::counting()).await.unwrap();
    assert_eq!(texts(&back), expected(&all), "{format}");
}

#[tokio::test]
async fn a_wrong_bit_in_what_malote_keeps_beside_the_mail_costs_and_doubles_nothing() {
    let flip = |octets: &mut Vec<u8>| {
        let row = octets.windows(11).position(|window| window == b" message 2 ").unwrap();
        octets[row + 12] ^= 1;
    };
    wrong_list("mbox", "INBOX.mbox.malote", flip).await;
    let flip = |octets: &mut Vec<u8>| {
        let row = octets.windows(6).position(|window| window == b".malot").unwrap();
        octets[row - 1] ^= 1;
    };
    wrong_list("maildir", "malote-uids", flip).await;
}

#[tokio::test]
async fn a_destination_of_files_needs_no_other_place_and_verify_leaves_it_as_it_is() {
    for format in ["mbox", "maildir"] {
        let program = Home::new().unwrap();
        std::fs::create_dir_all(program.path("files")).unwrap();
        let path = (FORMATS[1].write)(&program.path("files"), &sheets()).unwrap();
        let to_path = program.path("to");
        let (from, to) = (format!("eml:{}", path.display()), format!("{format}:{}", to_path.display()));
        let mut copying = program.command(between("copy", &from, &to));
        copying.env("TMPDIR", program.path("nowhere"));
        let ended = Ended::of(copying).await.unwrap().with(0);
        assert_eq!(ended.total("copied"), 7, "{format}");
        // Somebody adds a message, and a run dies: a verification looks at both and touches neither.
        if format == "mbox" {
            let add = |name: &str, text: &str| {
                let mut file = std::fs::File::options().append(true).open(to_path.join(name)).unwrap();
                std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
            };
            let octets = std::fs::metadata(to_path.join("INBOX.mbox")).unwrap().len();
            let text = format!("intent {octets}");
            let mut checksum = flate2::Crc::new();
            checksum.update(text.as_bytes());
            add("INBOX.mbox.malote", &format!("{:08x} {text}\n", checksum.sum()));
            add("INBOX.mbox", "From u@x Tue Jul  2 10:00:00 2024\nSubject: mine\n\nmine\n\n");
        } else {
            std::fs::write(to_path.join("new/1.x"), "Subject: mine\n\nmine\n").unwrap();
        }
        let before = hashes(&to_path).unwrap();
        let mut verify = between("verify", &from, &to);
        verify.extend(["--content", "full"]);
        program.run(verify).await.unwrap().with(0);
        assert_eq!(hashes(&to_path).unwrap(), before, "{format}");
    }
}

#[tokio::test]
async fn exactly_the_damage_that_a_person_has_accepted_keeps_no_run_from_success() {
    let program = Home::new().unwrap();
    let (from_path, to_path) = (program.path("from"), program.path("to"));
    let message = |number: u32| {
        let (line, header) = ("From a@x Mon Jul  1 10:00:00 2024", format!("Message-ID: <{number}@x>"));
        format!("{line}\n{header}\nSubject: s\n\ntext {number}\n\n")
    };
    let hole = |octets: usize| "\0".repeat(octets) + "\n";
    let put = |name: &str, text: &str, age: Duration| {
        std::fs::create_dir_all(&from_path).unwrap();
        std::fs::write(from_path.join(name), text).unwrap();
        let file = std::fs::File::options().write(true).open(from_path.join(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    };
    let long_ago = Duration::from_secs(3600);
    put("Inbox", &message(1), long_ago);
    put("Clients", &(hole(100) + &message(2)), long_ago);
    let (from, to) = (format!("mbox:{}", from_path.display()), format!("mbox:{}", to_path.display()));
    let copy = async |codes: &[&str], exit: i32| {
        let mut copying = between("copy", &from, &to);
        codes.iter().for_each(|code| copying.extend(["--accept-damage", code]));
        program.run(copying).await.unwrap().with(exit)
    };
    let told = |ended: &Ended| {
        let message = ended.json()["errors"][0]["message"].as_str().unwrap().to_owned();
        message.rsplit(' ').next().unwrap_or_default().to_owned()
    };
    let ended = copy(&[], 3).await;
    assert_eq!((ended.total("copied"), ended.errors().len()), (2, 1), "{ended:?}");
    let code = told(&ended);
    assert_eq!(told(&copy(&["0123456789ab"], 3).await), code, "another's code accepts nothing");
    copy(&["everything"], 2).await;
    let ended = copy(&["0123456789ab", &code], 0).await;
    let warnings = ended.json()["warnings"].to_string();
    assert!(
        ended.errors().is_empty() && warnings.contains(&code) && warnings.contains("Clients"),
        "{ended:?}"
    );
    copy(&[], 3).await;

    // What may be otherwise in a minute is nobody's to accept.
    put("Inbox", &(message(1) + message(3).trim_end()), Duration::ZERO);
    let ended = copy(&[&code], 4).await;
    assert!(ended.json()["errors"].to_string().contains("may still be written"), "{ended:?}");
    put("Inbox", &(message(1) + message(3).trim_end()), long_ago);
    assert_eq!(copy(&[&code], 0).await.total("copied"), 1);

    // More damage is other damage.
    put("Bills", &(hole(50) + &message(4)), long_ago);
    let ended = copy(&[&code], 3).await;
    assert_eq!((ended.total("copied"), ended.errors().len()), (1, 2), "{ended:?}");
    copy(&[&told(&ended)], 0).await;
}

#[tokio::test]
async fn every_format_goes_to_a_real_server_and_comes_twice_to_the_same() {
    let users: Vec<(String, &str)> =
        FORMATS.iter().map(|format| (format.name.to_owned(), "segredo")).collect();
    let users: Vec<(&str, &str)> = users.iter().map(|(name, password)| (name.as_str(), *password)).collect();
    let server = Dovecot::with_users(&users).unwrap();
    let program = Home::new().unwrap();
    std::fs::create_dir_all(program.path("files")).unwrap();
    for format in &FORMATS {
        let all = sheets();
        let path = (format.write)(&program.path("files"), &all).unwrap();
        let scheme = if format.name == "zip" { "eml" } else { format.name };
        let (from, to) = (format!("{scheme}:{}", path.display()), server.url(format.name));
        let words = |command| between(command, &from, &to);
        let plan = program.run(words("plan")).await.unwrap().with(0);
        assert_eq!(plan.json()["folders"][0]["source"], "INBOX", "{}", format.name);
        let ended = program.run(words("copy")).await.unwrap().with(0);
        assert_eq!(ended.total("copied"), 7, "{}", format.name);
        let ended = program.run(words("copy")).await.unwrap().with(0);
        assert_eq!((ended.total("copied"), ended.total("already")), (0, 7), "{}", format.name);
        let mut verify = words("verify");
        verify.extend(["--content", "full"]);
        program.run(verify).await.unwrap().with(0);
        let mut reader = Reader::login(server.port(), format.name, "segredo").await.unwrap();
        let mut found: Vec<(String, String)> = Vec::new();
        for message in reader.everything().await.unwrap() {
            found.push((message.folder, message.octets.escape_ascii().to_string()));
        }
        found.sort();
        assert_eq!(found, expected(&all), "{}", format.name);
    }
}
