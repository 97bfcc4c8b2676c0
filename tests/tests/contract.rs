//! The contract's report and exit statuses, held against the program itself.
//! Never looks at the command line's own code: what is checked is what scripts see.

use std::fs;
use std::time::{Duration, Instant};

use acceptance::mail::Postman;
use acceptance::migration::PASSWORD;
use acceptance::office::{Writing, contents, move_in, sorted};
use acceptance::play::{assert_only_read, assert_untouched};
use acceptance::program::{Ended, Home, between, until};
use acceptance::reader::Reader;
use acceptance::scripted::{Act, End, Letter, Script, Scripted, StartTls, When, World};
use acceptance::servers::{Dovecot, free_port};
use acceptance::tls::{Identity, TestCa};
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::Child;

const COUNTERS: [&str; 13] = [
    "source_messages",
    "copied",
    "adopted",
    "already",
    "collapsed",
    "filtered",
    "quarantined",
    "pending",
    "vanished",
    "flag_changes",
    "deleted",
    "bytes_copied",
    "destination_messages",
];

fn letters(count: usize) -> impl Iterator<Item = Letter> {
    (1..=count).map(|number| Letter::simple(&format!("proposta {number}")))
}

fn fill(world: &World, folder: &str, count: usize) {
    let _ = world.folder(folder).holding(letters(count));
}

/// Two servers, with so many letters at the source, and an empty home.
struct Ground {
    source: Scripted,
    destination: Scripted,
    home: Home,
}

impl Ground {
    fn of(source: Script, destination: Script, count: usize) -> Result<Self> {
        let (source, destination) = (source.start()?, destination.start()?);
        fill(&source.world(), "INBOX", count);
        Ok(Self { source, destination, home: Home::new()? })
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let (from, to) = (self.source.url("ana"), self.destination.url("ana"));
        between("copy", &from, &to).into_iter().chain(more.iter().copied()).map(str::to_owned).collect()
    }

    async fn copy(&self, more: &[&str]) -> Result<Ended> {
        let ended = self.home.run(self.arguments(more)).await?;
        assert_balances(&ended.json());
        Ok(ended)
    }

    fn start(&self) -> Result<Child> {
        Ok(self.home.command(self.arguments(&[])).spawn()?)
    }

    fn there(&self) -> usize {
        self.destination.world().messages("INBOX").len()
    }
}

/// The ledger equation, for each folder and for the totals.
#[track_caller]
fn assert_balances(report: &Value) {
    let folders = report["folders"].as_array().map(Vec::as_slice).unwrap_or_default();
    for counters in folders.iter().chain([&report["totals"]]) {
        let count = |name: &str| counters[name].as_u64().unwrap_or_else(|| panic!("no {name} in {report:#}"));
        let sum: u64 = COUNTERS[1..8].iter().map(|name| count(name)).sum();
        assert_eq!(count("source_messages"), sum, "{report:#}");
    }
    for name in COUNTERS {
        let sum: u64 = folders.iter().filter_map(|folder| folder[name].as_u64()).sum();
        assert_eq!(report["totals"][name], sum, "{name} in {report:#}");
    }
}

/// Checks that an object has these keys, each of this type: `s`tring, `n`umber, `b`ool, `a`rray, `o`bject.
#[track_caller]
fn assert_keys(object: &Value, keys: &str) {
    for key in keys.split(' ') {
        let (name, kind) = key.split_once(':').unwrap_or((key, "s"));
        let value = &object[name];
        let is_of_kind = match kind {
            "n" => value.is_number(),
            "b" => value.is_boolean(),
            "a" => value.is_array(),
            "o" => value.is_object(),
            _ => value.is_string(),
        };
        assert!(is_of_kind, "{key} is {value} in {object:#}");
    }
}

#[tokio::test]
async fn a_report_has_every_key_of_the_contract_and_nothing_else_is_on_standard_output() -> Result<()> {
    let source = Dovecot::start(acceptance::servers::DovecotOptions::default())?;
    let destination = Dovecot::start(acceptance::servers::DovecotOptions::default())?;
    let mut reader = Reader::login(source.port(), "ana", PASSWORD).await?;
    let mails = sorted(Postman::new(7).ordinaries(40));
    assert_eq!(move_in(&mut reader, Writing::PLAIN, &mails).await?, Vec::<String>::new());
    let expected = contents(&mut reader, Writing::PLAIN).await?;
    let (home, from, to) = (Home::new()?, source.url("ana"), destination.url("bia"));
    let first = home.run(between("copy", &from, &to)).await?.with(0);
    let report = first.json();
    assert_keys(
        &report,
        "schema run_id kind status started_at finished_at elapsed_seconds:n source:o destination:o totals:o \
         folders:a quarantine:a repairs:a dropped_flags:o warnings:a errors:a",
    );
    let words = ["schema", "kind", "status"].map(|name| report[name].as_str().unwrap_or_default());
    assert_eq!(words, ["malote.report/1", "copy", "success"]);
    for name in ["started_at", "finished_at"] {
        assert!(report[name].as_str().is_some_and(|time| time.ends_with('Z')), "{report:#}");
    }
    for side in ["source", "destination"] {
        assert_keys(&report[side], "url server");
        assert_eq!(report[side]["server"], "Dovecot");
    }
    let names = COUNTERS.map(|name| format!("{name}:n")).join(" ");
    assert_keys(&report["totals"], &names);
    let folders = report["folders"].as_array().context("no folders")?;
    for folder in folders {
        assert_keys(folder, &format!("source destination renamed:b {names}"));
        assert!(folder["role"].is_string() || folder["role"].is_null(), "{folder:#}");
    }
    assert!(folders.iter().any(|folder| folder["source"] == "INBOX" && folder["role"] == "inbox"));
    assert_balances(&report);
    assert_eq!((first.total("copied"), first.err.as_str()), (40, ""), "--quiet is not quiet");
    let mut reader = Reader::login(destination.port(), "bia", PASSWORD).await?;
    assert_eq!(contents(&mut reader, Writing::PLAIN).await?, expected);
    let second = home.run(between("copy", &from, &to)).await?.with(0);
    assert_balances(&second.json());
    assert_eq!((second.total("copied"), second.total("already")), (0, 40));
    assert_ne!(second.json()["run_id"], report["run_id"]);
    // Without --json people read it, and it is no JSON.
    let text = home.run(["copy", "--from", &from, "--to", &to]).await?.with(0).out;
    assert!(text.contains("INBOX") && serde_json::from_str::<Value>(&text).is_err(), "{text}");
    Ok(())
}

#[tokio::test]
async fn wrong_usage_ends_with_2_before_any_server_is_asked() -> Result<()> {
    let ground = Ground::of(Script::new(), Script::new(), 1)?;
    let (from, to) = (ground.source.url("ana"), ground.destination.url("ana"));
    let with_password = from.replace("ana@", "ana:hunter2@");
    let sheet = ground.home.write("bad.csv", "nome,idade\nana,3\n")?;
    let binary = ground.home.write("binary.csv", b"\x00\xff\xfe\x00")?;
    let pair = |from: &str, to: &str, more: &[&str]| -> Vec<String> {
        let arguments = between("copy", from, to);
        arguments.into_iter().chain(more.iter().copied()).map(str::to_owned).collect()
    };
    let batch = |file: &str| vec!["batch".to_owned(), file.to_owned()];
    for (arguments, word) in [
        (pair(&from, &to, &["--frobnicate"]), "--frobnicate"),
        (vec!["frobnicate".to_owned()], "frobnicate"),
        (Vec::new(), "Usage"),
        (pair("ftp://ana@127.0.0.1", &to, &[]), "--from"),
        (pair(&from, "imaps://127.0.0.1", &[]), "--to"),
        (pair(&with_password, &to, &[]), "password"),
        (pair(&from, "imap://ana@mail.example.com?tls=off", &[]), "--allow-cleartext"),
        (pair(&from, &from, &[]), "same mailbox"),
        (pair(&from, &to, &["--folder", "a//b"]), "a//b"),
        (pair(&from, &to, &["--exclude", "/a"]), "/a"),
        (pair(&from, &to, &["--since", "yesterday"]), "yesterday"),
        (pair(&from, &to, &["--from-password-file", "/does/not/exist"]), "/does/not/exist"),
        (batch("/does/not/exist.csv"), "/does/not/exist.csv"),
        (batch(&sheet), "bad.csv"),
        (batch(&binary), "binary.csv"),
    ] {
        let ended = ground.home.run(&arguments).await?.with(2);
        let said = format!("{}{}", ended.out, ended.err);
        assert!(said.contains(word) && !said.contains("hunter2"), "{arguments:?}: {said}");
    }
    // Without a terminal there is nobody to ask.
    let mut command = ground.home.below(&["setsid", "--wait"], pair(&from, &to, &[]));
    command.env_remove("MALOTE_FROM_PASSWORD");
    let ended = Ended::of(command).await?.with(2);
    assert!(ended.err.contains("--from-password-file") && ended.err.contains("MALOTE_FROM_PASSWORD"));
    let asked = [&ground.source, &ground.destination].map(|server| server.transcript().connections());
    assert_eq!((asked, ground.home.ledgers().len()), ([0, 0], 0));
    Ok(())
}

#[tokio::test]
async fn what_a_server_refuses_for_good_is_listed_and_ends_with_3() -> Result<()> {
    let refused = When::verb("APPEND").containing("<virus@example.net>");
    let ground = Ground::of(Script::new(), Script::new().refuse(refused, "NO it holds a virus"), 3)?;
    let bad = Letter::simple("virus");
    ground.source.world().folder("INBOX").push(bad.clone());
    let ended =
        ground.copy(&["--quarantine", &ground.home.path("kept").display().to_string()]).await?.with(3);
    let entry = &ended.json()["quarantine"][0];
    assert_keys(entry, "folder uid:n message_id size:n reason detail");
    assert_eq!((&entry["reason"], &entry["uid"]), (&"refused".into(), &4.into()), "{entry:#}");
    let file = ground.home.path("kept").join(entry["file"].as_str().context("no file")?);
    assert_eq!(fs::read(file)?, bad.octets);
    assert_eq!((ended.total("copied"), ended.total("quarantined"), ground.there()), (3, 1, 3));

    let picky = Script::new().manners(|manners| manners.refused_name_characters = "x".to_owned());
    let ground = Ground::of(Script::new(), picky, 2)?;
    fill(&ground.source.world(), "caixa", 2);
    let ended = ground.copy(&[]).await?.with(3);
    assert_eq!((ended.errors(), ground.there()), (vec!["destination folder.refused".to_owned()], 2));

    let ground = Ground::of(Script::new(), Script::new(), 2)?;
    let mut large = Letter::simple("grande");
    large.octets.extend_from_slice("x".repeat(3000).as_bytes());
    ground.source.world().folder("INBOX").push(large);
    let ended = ground.copy(&["--max-size", "2k"]).await?.with(3);
    assert_eq!(ended.json()["quarantine"][0]["reason"], "too_large");
    assert_eq!((ended.total("quarantined"), ground.there()), (1, 2));
    Ok(())
}

fn interrupt(child: &Child) -> Result<()> {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).context("it has ended already")?;
    Ok(kill_process(pid, Signal::INT)?)
}

#[tokio::test]
async fn one_interrupt_stops_with_4_and_the_next_run_completes_exactly_once() -> Result<()> {
    let slow = Script::new().rule(When::verb("APPEND"), Act::Delay(Duration::from_millis(40)));
    let ground = Ground::of(Script::new(), slow.without("MULTIAPPEND"), 60)?;
    let child = ground.start()?;
    until("the first messages", || ground.there() >= 5).await;
    interrupt(&child)?;
    let ended = Ended::wait(child).await?.with(4);
    assert_balances(&ended.json());
    assert_eq!(
        (ended.json()["status"].as_str(), ended.errors()),
        (Some("partial"), vec!["local cancelled".into()])
    );
    assert!(ended.total("copied") >= 5 && ended.total("pending") > 0, "{}", ended.out);
    assert_eq!(ended.total("copied"), ground.there() as u64, "the report tells what arrived");
    let ended = ground.copy(&[]).await?.with(0);
    assert_eq!(
        (ended.total("copied") + ended.total("already") + ended.total("adopted"), ground.there()),
        (60, 60)
    );
    Ok(())
}

#[tokio::test]
async fn a_second_interrupt_ends_at_once_and_nothing_is_lost_by_it() -> Result<()> {
    let stuck = Script::new().rule(When::verb("APPEND").nth(1), Act::EndUnanswered(End::Stall));
    let ground = Ground::of(Script::new(), stuck, 5)?;
    let mut child = ground.start()?;
    until("an APPEND", || ground.destination.transcript().count("APPEND") > 0).await;
    interrupt(&child)?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(child.try_wait()?.is_none(), "what is in flight was not waited for");
    let began = Instant::now();
    interrupt(&child)?;
    let ended = Ended::wait(child).await?.with(4);
    assert!(began.elapsed() < Duration::from_secs(2), "it took {:?}", began.elapsed());
    assert!(ended.err.contains("Ctrl-C again"), "{}", ended.err);
    ground.copy(&[]).await?.with(0);
    assert_eq!(ground.there(), 5);
    Ok(())
}

#[tokio::test]
async fn a_network_that_is_gone_ends_with_4_and_says_which_side() -> Result<()> {
    let ground = Ground::of(Script::new(), Script::new(), 2)?;
    let nobody = format!("imap://ana@127.0.0.1:{}?tls=off", free_port()?);
    let (from, to) = (ground.source.url("ana"), ground.destination.url("ana"));
    for (from, to, side) in [(&nobody, &to, "source net"), (&from, &nobody, "destination net")] {
        let ended = ground.home.run(between("copy", from, to)).await?.with(4);
        assert_eq!(
            (ended.errors(), ended.json()["status"].as_str()),
            (vec![side.to_owned()], Some("failed"))
        );
    }
    assert_untouched(&ground.destination);
    Ok(())
}

#[tokio::test]
async fn wrong_passwords_end_with_5_and_both_sides_are_told_at_once() -> Result<()> {
    let ground = Ground::of(Script::new(), Script::new(), 2)?;
    fill(&ground.source.world(), "Projetos", 1);
    let (source, destination) = ("source auth.bad_credentials", "destination auth.bad_credentials");
    for (names, errors) in [
        (&["MALOTE_FROM_PASSWORD"][..], vec![source]),
        (&["MALOTE_TO_PASSWORD"], vec![destination]),
        (&["MALOTE_FROM_PASSWORD", "MALOTE_TO_PASSWORD"], vec![source, destination]),
    ] {
        let mut command = ground.home.command(ground.arguments(&[]));
        names.iter().for_each(|name| {
            command.env(name, "hunter2");
        });
        let ended = Ended::of(command).await?.with(5);
        assert_eq!(ended.errors(), errors);
        assert!(!format!("{ended:?}").contains("hunter2"));
        assert_untouched(&ground.destination);
    }
    Ok(())
}

#[tokio::test]
async fn tls_that_is_not_to_be_trusted_ends_with_6_before_any_password_is_sent() -> Result<()> {
    let ca = TestCa::new()?;
    let home = Home::new()?;
    let roots = home.write("ca.pem", ca.pem())?;
    let destination = Script::new().start()?;
    for (script, scheme, class) in [
        (Script::new().tls(Identity::self_signed()?), "imaps", "source tls.untrusted"),
        (Script::new().tls(ca.expired_identity()?), "imaps", "source tls.untrusted"),
        (Script::new(), "imap", "source tls.required"),
        (Script::new().starttls(StartTls::Refused), "imap", "source tls.required"),
    ] {
        let source = script.start()?;
        let (from, to) = (format!("{scheme}://ana@127.0.0.1:{}", source.port()), destination.url("ana"));
        let mut arguments = between("copy", &from, &to);
        arguments.extend(["--ca-file", &roots]);
        let ended = home.run(arguments).await?.with(6);
        assert_eq!(ended.errors(), [class]);
        let heard = source.transcript();
        assert_eq!((heard.count("LOGIN"), heard.count("AUTHENTICATE")), (0, 0));
        assert_untouched(&destination);
    }
    Ok(())
}

#[tokio::test]
async fn a_full_destination_ends_with_7_and_takes_the_rest_when_there_is_room() -> Result<()> {
    let ground = Ground::of(Script::new(), Script::new(), 9)?;
    ground.destination.world().set_room(Some(4));
    let ended = ground.copy(&[]).await?.with(7);
    assert!(ended.errors().contains(&"destination dest.over_quota".to_owned()), "{}", ended.out);
    assert!(ended.total("pending") >= 5, "{}", ended.out);
    ground.destination.world().set_room(None);
    ground.copy(&[]).await?.with(0);
    assert_eq!(ground.there(), 9);
    Ok(())
}

#[tokio::test]
async fn what_somebody_must_decide_ends_with_8_and_changes_nothing() -> Result<()> {
    let exchange = Script::new().without("ID").manners(|manners| {
        manners.greeting = "OK The Microsoft Exchange IMAP4 service is ready.".to_owned();
        manners.is_case_insensitive = true;
    });
    let ground = Ground::of(Script::new(), exchange, 0)?;
    fill(&ground.source.world(), "Kunden", 2);
    fill(&ground.source.world(), "kunden", 2);
    assert_eq!(ground.copy(&[]).await?.with(8).errors(), ["destination decision.needed"]);
    assert_untouched(&ground.destination);
    assert_only_read(&ground.source);
    ground.copy(&["--on-clash", "suffix"]).await?.with(0);

    let ground = Ground::of(Script::new(), Script::new(), 20)?;
    ground.copy(&[]).await?.with(0);
    (1..=10).for_each(|uid| ground.source.world().folder("INBOX").remove(uid));
    let ended = ground.copy(&["--mirror-deletes"]).await?.with(8);
    assert_eq!((ended.total("deleted"), ground.there()), (0, 20));
    let ended = ground.copy(&["--mirror-deletes", "--delete-limit", "60"]).await?.with(0);
    assert_eq!((ended.total("deleted"), ground.there()), (10, 10));

    let ground = Ground::of(Script::new(), Script::new(), 5)?;
    ground.copy(&[]).await?.with(0);
    let inbox = ground.source.world().folder("INBOX");
    inbox.remove(5);
    inbox.set_uidnext(5);
    assert_eq!(ground.copy(&[]).await?.with(8).errors(), ["source folder.uidvalidity_changed"]);
    assert_eq!(ground.there(), 5);
    Ok(())
}
