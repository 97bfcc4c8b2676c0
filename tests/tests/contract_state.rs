//! What is remembered between runs, and `batch`, as the contract has them, held against the program itself.
//! Never looks at the command line's own code: what is checked is what scripts see.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use acceptance::mail::Postman;
use acceptance::migration::PASSWORD;
use acceptance::office::{Writing, contents, move_in, sorted};
use acceptance::program::{Ended, Home, between, until};
use acceptance::reader::Reader;
use acceptance::scripted::{Letter, Script, Scripted};
use acceptance::servers::{Dovecot, DovecotOptions, DovecotUser};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};

const MAILBOXES: usize = 4;
/// What a later version would leave in a ledger that it has brought up to its own format.
const LATER: &str = "INSERT INTO ledger_migration (number, name) VALUES (9999, 'later')";

fn pair(count: usize, destination: Script) -> Result<(Scripted, Scripted)> {
    let (source, destination) = (Script::new().start()?, destination.start()?);
    let letter = |number| Letter::simple(&format!("proposta {number}"));
    let _ = source.world().folder("INBOX").holding((0..count).map(letter));
    Ok((source, destination))
}

fn held(server: &Scripted) -> usize {
    server.world().messages("INBOX").len()
}

/// Copies with the ledger in this file.
async fn copy_with(home: &Home, source: &Scripted, destination: &Scripted, state: &Path) -> Result<Ended> {
    let (from, to, state) = (source.url("ana"), destination.url("ana"), state.display().to_string());
    home.run(between("copy", &from, &to).into_iter().chain(["--state", &state])).await
}

#[tokio::test]
async fn a_ledger_that_nobody_named_lies_in_the_state_folder_and_is_its_owners_alone() -> Result<()> {
    let (source, destination) = pair(2, Script::new())?;
    let home = Home::new()?;
    home.run(between("copy", &source.url("ana"), &destination.url("ana"))).await?.with(0);
    let ledgers = home.ledgers();
    assert_eq!(ledgers.len(), 1, "{ledgers:?}");
    let mode = |path: &Path| anyhow::Ok(fs::metadata(path)?.permissions().mode() & 0o777);
    assert_eq!((mode(&ledgers[0])?, mode(&home.state_folder())?), (0o600, 0o700));
    // Without XDG_STATE_HOME it lies below HOME.
    let mut command = home.command(between("copy", &source.url("ana"), &destination.url("ana")));
    command.env_remove("XDG_STATE_HOME");
    assert_eq!(Ended::of(command).await?.with(0).total("adopted"), 2);
    assert!(fs::read_dir(home.path(".local/state/malote"))?.count() > 0);
    assert_eq!(held(&destination), 2);
    Ok(())
}

#[tokio::test]
async fn a_ledger_of_another_pair_or_a_newer_version_is_left_alone_and_ends_with_8() -> Result<()> {
    let (source, destination) = pair(2, Script::new())?;
    let (other, _) = pair(3, Script::new())?;
    let home = Home::new()?;
    let state = home.path("ana.sqlite");
    copy_with(&home, &source, &destination, &state).await?.with(0);
    let ended = copy_with(&home, &other, &destination, &state).await?.with(8);
    let said = format!("{}{}", ended.out, ended.err);
    assert!(said.contains(&source.port().to_string()) && said.contains("ana.sqlite"), "{said}");
    assert_eq!(held(&destination), 2);
    let mut ledger = SqliteConnection::connect(&format!("sqlite://{}", state.display())).await?;
    sqlx::query(LATER).execute(&mut ledger).await?;
    ledger.close().await?;
    let octets = fs::read(&state)?;
    let ended = copy_with(&home, &source, &destination, &state).await?.with(8);
    let said = format!("{}{}", ended.out, ended.err);
    assert!(said.contains("newer"), "{said}");
    assert_eq!((fs::read(&state)? == octets, held(&destination)), (true, 2));
    Ok(())
}

#[tokio::test]
async fn a_damaged_ledger_is_put_aside_and_its_mail_is_adopted_and_not_copied_twice() -> Result<()> {
    let (source, destination) = pair(5, Script::new())?;
    let home = Home::new()?;
    let state = home.path("ana.sqlite");
    copy_with(&home, &source, &destination, &state).await?.with(0);
    fs::write(&state, "this is no database\n".repeat(500))?;
    let ended = copy_with(&home, &source, &destination, &state).await?.with(0);
    assert_eq!((ended.total("adopted"), ended.total("copied"), held(&destination)), (5, 0, 5));
    let warnings = ended.json()["warnings"].to_string();
    assert!(warnings.contains("corrupt-1") && home.path("ana.sqlite.corrupt-1").exists(), "{warnings}");
    assert_eq!(copy_with(&home, &source, &destination, &state).await?.with(0).total("already"), 5);
    Ok(())
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_is_told_and_costs_no_mail() -> Result<()> {
    let (source, destination) = pair(3, Script::new())?;
    let home = Home::new()?;
    home.write("file", "")?;
    // Not even root makes a file below a file, or in /proc.
    let below_a_file = home.path("file/ana.sqlite");
    for (state, code) in [
        (below_a_file.as_path(), 2),
        (Path::new("/proc/malote/ana.sqlite"), 2),
        (Path::new("/proc/ana.sqlite"), 4),
    ] {
        let ended = copy_with(&home, &source, &destination, state).await?.with(code);
        let place = state.parent().and_then(Path::to_str).context("a path")?;
        assert!(ended.err.contains(place), "{ended:?}");
        assert_eq!((held(&destination), destination.transcript().count("APPEND")), (0, 0));
    }
    assert_eq!(
        copy_with(&home, &source, &destination, &home.path("ana.sqlite")).await?.with(0).total("copied"),
        3
    );
    Ok(())
}

#[tokio::test]
async fn a_disk_that_fills_up_in_the_midst_ends_with_4_and_completes_exactly_once_later() -> Result<()> {
    let (source, destination) = pair(2000, Script::new().without("MULTIAPPEND"))?;
    let home = Home::new()?;
    let state = home.path("ana.sqlite").display().to_string();
    let (from, to) = (source.url("ana"), destination.url("ana"));
    let arguments = || between("copy", &from, &to).into_iter().chain(["--state", &state]);
    // No file may grow beyond this, as if the disk ended there; the signal for it is ignored, as services do.
    let full = ["bash", "-c", "trap '' XFSZ; ulimit -f 160; exec \"$0\" \"$@\""];
    let ended = Ended::of(home.below(&full, arguments())).await?.with(4);
    assert_eq!(ended.errors(), ["local ledger.failed"], "{}", ended.out);
    let arrived = held(&destination);
    assert!((1..2000).contains(&arrived), "{arrived} arrived, so the disk filled up at the wrong time");
    let ended = home.run(arguments()).await?.with(0);
    let known = ended.total("copied") + ended.total("already") + ended.total("adopted");
    assert_eq!((known, held(&destination)), (2000, 2000));
    Ok(())
}

/// Two Dovecots, mail for everyone at the first, and a sheet with a row for each.
struct Office {
    source: Dovecot,
    destination: Dovecot,
    home: Home,
}

impl Office {
    async fn open(messages: usize) -> Result<Self> {
        let users = || (0..MAILBOXES).map(|at| DovecotUser::new(&format!("u{at}"), PASSWORD)).collect();
        let start = || Dovecot::start(DovecotOptions { users: users(), ..DovecotOptions::default() });
        let (source, destination) = (start()?, start()?);
        for at in 0..MAILBOXES {
            let mut reader = Reader::login(source.port(), &format!("u{at}"), PASSWORD).await?;
            let mails = sorted(Postman::new(at as u64 + 1).ordinaries(messages));
            ensure!(move_in(&mut reader, Writing::PLAIN, &mails).await?.is_empty(), "mail was refused");
        }
        Ok(Self { source, destination, home: Home::new()? })
    }

    fn row(&self, at: usize) -> String {
        let user = format!("u{at}");
        format!("{},{},{PASSWORD}\n", self.source.url(&user), self.destination.url(&user))
    }

    /// Writes the sheet and gives the arguments.
    fn sheet(&self, rows: &[String]) -> Result<Vec<String>> {
        let text = format!("from,to,password\n{}", rows.concat());
        let file = self.home.write("users.csv", text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        Ok(["batch", "--json", &file].map(str::to_owned).to_vec())
    }

    async fn assert_exact(&self) -> Result<()> {
        for at in 0..MAILBOXES {
            let user = format!("u{at}");
            let mut source = Reader::login(self.source.port(), &user, PASSWORD).await?;
            let mut destination = Reader::login(self.destination.port(), &user, PASSWORD).await?;
            let expected = contents(&mut source, Writing::PLAIN).await?;
            assert_eq!(contents(&mut destination, Writing::PLAIN).await?, expected, "{user}");
        }
        Ok(())
    }
}

/// Line, status and exit status of each row.
fn rows(report: &Value) -> Vec<(u64, &str, u64)> {
    let mut read = Vec::new();
    for row in report["rows"].as_array().into_iter().flatten() {
        let told = (row["line"].as_u64(), row["status"].as_str(), row["exit_code"].as_u64());
        read.push((told.0.unwrap_or(0), told.1.unwrap_or_default(), told.2.unwrap_or(99)));
    }
    read
}

#[tokio::test]
async fn bad_rows_are_named_with_their_lines_and_stop_no_other() -> Result<()> {
    let office = Office::open(15).await?;
    let wrong = office.row(2).replace(PASSWORD, "hunter2");
    let lacking = format!("{},,{PASSWORD}\n", office.source.url("u1"));
    let unreadable = format!("ftp://u1@127.0.0.1,{},{PASSWORD}\n", office.destination.url("u1"));
    let sheet = [
        office.row(0),
        lacking,
        unreadable,
        wrong,
        office.row(0),
        office.row(1),
        office.row(2),
        office.row(3),
    ];
    let arguments = office.sheet(&sheet)?;
    let ended = office.home.run(&arguments).await?.with(2);
    let report = ended.json();
    assert_eq!(report["schema"], "malote.batch/1");
    let expected = [
        (2, "success", 0),
        (3, "invalid", 2),
        (4, "invalid", 2),
        (5, "refused", 5),
        (6, "invalid", 2),
        (7, "success", 0),
        // Line 5 is of the same pair: the first row of a pair is the one that counts.
        (8, "invalid", 2),
        (9, "success", 0),
    ];
    assert_eq!(rows(&report), expected, "{report:#}");
    for line in [3, 4, 5, 6] {
        assert!(ended.err.contains(&format!("line {line}:")), "line {line} in {}", ended.err);
    }
    assert!(ended.err.contains("repeats line 2"), "{}", ended.err);
    assert!(!format!("{ended:?}").contains("hunter2") && !format!("{ended:?}").contains(PASSWORD));
    // Both logins of the wrong row are told at once, before anything is copied.
    let (told, copied) = (ended.err.find("line 5:"), ended.err.find("line 2: "));
    assert!(told.zip(copied).is_some_and(|(told, copied)| told < copied), "{}", ended.err);
    assert_eq!(report["rows"][3]["errors"].as_array().map(Vec::len), Some(2), "{report:#}");

    let arguments = office.sheet(&(0..MAILBOXES).map(|at| office.row(at)).collect::<Vec<_>>())?;
    assert_eq!(office.home.run(&arguments).await?.with(0).total("copied"), 15);
    office.assert_exact().await?;
    let again = office.home.run(&arguments).await?.with(0);
    assert_eq!((again.total("copied"), again.total("already")), (0, 15 * MAILBOXES as u64));
    assert_eq!(office.home.ledgers().len(), MAILBOXES);
    Ok(())
}

#[tokio::test]
async fn a_batch_that_is_killed_in_the_midst_completes_every_mailbox_exactly_once() -> Result<()> {
    let office = Office::open(60).await?;
    let arguments = office.sheet(&(0..MAILBOXES).map(|at| office.row(at)).collect::<Vec<_>>())?;
    let mut child = office.home.command(&arguments).spawn()?;
    until("the first mail", || stored(&office.destination.mail_root()) >= 30).await;
    child.kill().await?;
    // What was on its way arrives before the next run looks, or is found by it.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let arrived = stored(&office.destination.mail_root());
    assert!(arrived < 60 * MAILBOXES, "it was killed too late to prove anything");
    let ended = office.home.run(&arguments).await?.with(0);
    assert!(ended.total("copied") > 0, "{}", ended.out);
    office.assert_exact().await?;
    assert_eq!(office.home.run(&arguments).await?.with(0).total("copied"), 0);
    Ok(())
}

/// Messages in Dovecot's sdbox files: `u.` and a number.
fn stored(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let count = |path: std::path::PathBuf| {
        let is_message = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("u."));
        if path.is_dir() { stored(&path) } else { usize::from(is_message) }
    };
    entries.map(|entry| count(entry.path())).sum()
}

#[tokio::test]
async fn a_batch_tries_every_login_before_it_copies_anything() -> Result<()> {
    let (source, destination) = pair(2, Script::new().account("bia", "hunter2"))?;
    let home = Home::new()?;
    let rows = [("ana", "ana"), ("ana", "bia")]
        .map(|(from, to)| format!("{},{}\n", source.url(from), destination.url(to)));
    let file = home.write("users.csv", format!("from,to\n{}", rows.concat()))?;
    let ended = home.run(["batch", "--json", "--require-all", &file]).await?.with(5);
    assert_eq!((held(&destination), destination.transcript().count("APPEND")), (0, 0), "{}", ended.out);
    let ended = home.run(["batch", "--json", &file]).await?.with(5);
    assert_eq!((held(&destination), ended.total("copied")), (2, 2));
    Ok(())
}
