//! Secrets, `plan`, `verify`, `probe` and help, as the contract has them, held against the program itself.
//! Never looks at the command line's own code: what is checked is what scripts see.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use acceptance::migration::PASSWORD;
use acceptance::play::{assert_only_read, assert_untouched, census};
use acceptance::program::{Ended, Home, between, until};
use acceptance::scripted::{Act, End, Letter, Script, Scripted, When};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

/// Awkward on purpose, and found nowhere by accident.
const SECRET: &str = "hunter2 \"é\\%*";
const TOKEN: &str = "ya29.never-to-be-shown";

fn fill(server: &Scripted, folder: &str, count: usize) {
    let letter = |number| Letter::simple(&format!("{folder} {number}"));
    let _ = server.world().folder(folder).holding((0..count).map(letter));
}

/// Checks that `secret` stands in nothing that a process said.
#[track_caller]
fn assert_hidden(ended: &Ended, secret: &str) {
    let base = secret.split(' ').next().unwrap_or(secret);
    assert!(!ended.out.contains(base) && !ended.err.contains(base), "{ended:?}");
}

#[tokio::test]
async fn a_secret_comes_from_a_file_standard_input_or_the_environment_and_is_never_shown() -> Result<()> {
    let home = Home::new()?;
    let script = || Script::new().account("bia", SECRET);
    let (source, destination) = (script().start()?, script().start()?);
    let _ = source.world_of("bia").folder("INBOX").holding([Letter::simple("carta")]);
    let (from, to) = (source.url("bia"), destination.url("bia"));
    let unix = home.write("unix", format!("{SECRET}\n"))?;
    let dos = home.write("dos", format!("{SECRET}\r\n"))?;
    let bare = home.write("bare", SECRET)?;
    for (own, other) in [(unix.as_str(), dos.as_str()), (&bare, "-"), ("-", &bare), ("", "")] {
        let mut arguments = vec!["copy", "--verbose", "--log-format", "json", "--from", &from, "--to", &to];
        if !own.is_empty() {
            arguments.extend(["--from-password-file", own, "--to-password-file", other]);
        }
        let mut command = home.command(&arguments);
        for name in ["MALOTE_FROM_PASSWORD", "MALOTE_TO_PASSWORD"] {
            // A file goes before the environment.
            command.env(name, if own.is_empty() { SECRET } else { "wrong" });
        }
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().context("no standard input")?;
        // Where neither side reads it, it may be closed already.
        let _ = input.write_all(format!("{SECRET}\n").as_bytes()).await;
        drop(input);
        let ended = Ended::wait(child).await?.with(0);
        assert_hidden(&ended, SECRET);
        assert!(ended.err.lines().next().is_some_and(|line| serde_json::from_str::<Value>(line).is_ok()));
    }
    let both = ["--from-password-file", "-", "--to-password-file", "-"];
    let arguments = between("copy", &from, &to).into_iter().chain(both);
    let ended = home.run(arguments).await?.with(2);
    assert!(ended.err.contains("standard input"), "{}", ended.err);
    Ok(())
}

#[tokio::test]
async fn a_secret_is_not_in_the_command_line_that_other_users_see_nor_in_what_is_kept() -> Result<()> {
    let slow = Script::new()
        .account("bia", SECRET)
        .rule(When::verb("LIST").nth(1), Act::Delay(Duration::from_millis(400)));
    let (source, destination) = (slow.start()?, Script::new().account("bia", SECRET).start()?);
    let _ = source.world_of("bia").folder("INBOX").holding([Letter::simple("carta")]);
    let home = Home::new()?;
    let (file, from, to) = (home.write("secret", SECRET)?, source.url("bia"), destination.url("bia"));
    let files = ["--from-password-file", &file, "--to-password-file", &file];
    let child = home.command(between("copy", &from, &to).into_iter().chain(files)).spawn()?;
    until("the login", || source.transcript().count("LIST") > 0).await;
    let seen = fs::read(format!("/proc/{}/cmdline", child.id().context("it has ended")?))?;
    let seen = String::from_utf8_lossy(&seen).into_owned();
    assert!(seen.contains("--from-password-file") && !seen.contains("hunter2"), "{seen}");
    assert_hidden(&Ended::wait(child).await?.with(0), SECRET);
    for entry in fs::read_dir(home.state_folder())? {
        let octets = fs::read(entry?.path())?;
        assert!(!octets.windows(7).any(|part| part == b"hunter2"), "the ledger holds the secret");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_file_logs_in_by_token_and_a_refused_token_ends_with_5() -> Result<()> {
    let script = || {
        Script::new().account("bia", TOKEN).manners(|manners| manners.mechanisms = vec!["XOAUTH2".to_owned()])
    };
    let (source, destination) = (script().start()?, Script::new().start()?);
    let _ = source.world_of("bia").folder("INBOX").holding([Letter::simple("carta")]);
    let home = Home::new()?;
    let (from, to) = (source.url("bia"), destination.url("ana"));
    for (token, code, there) in [("ya29.never-good", 5, 0), (TOKEN, 0, 1)] {
        let file = home.write("token", format!("{token}\n"))?;
        let mut arguments = between("copy", &from, &to);
        arguments.extend(["--from-token-file", &file]);
        let ended = home.run(arguments).await?.with(code);
        assert_hidden(&ended, token);
        assert_eq!(destination.world().messages("INBOX").len(), there);
    }
    Ok(())
}

#[tokio::test]
async fn a_plan_writes_nothing_and_a_copy_then_does_just_that() -> Result<()> {
    let refusing = Script::new().manners(|manners| manners.delimiter = Some('.'));
    let (source, destination) = (Script::new().start()?, refusing.start()?);
    fill(&source, "INBOX", 3);
    fill(&source, "Obras/2024.Q1", 2);
    fill(&source, "Velho", 4);
    let _ = source.world().folder("INBOX").holding([Letter::new("x".repeat(4000))]);
    let (home, from, to) = (Home::new()?, source.url("ana"), destination.url("ana"));
    let more = ["--exclude", "Velho", "--max-size", "2k"];
    let arguments = |command| between(command, &from, &to).into_iter().chain(more);
    let before = census(&destination.world());
    let plan = home.run(arguments("plan")).await?.with(0).json();
    assert_untouched(&destination);
    assert_eq!((census(&destination.world()), destination.transcript().writing()), (before, Vec::new()));
    assert_only_read(&source);
    assert!(!home.path("state").exists(), "a plan made a state file");
    assert_eq!(plan["schema"], "malote.plan/1");
    let folders = plan["folders"].as_array().context("no folders")?;
    let named =
        |name: &str| folders.iter().find(|folder| folder["source"] == name).cloned().unwrap_or_default();
    let inbox = named("INBOX");
    assert_eq!(
        [&inbox["to_copy"], &inbox["quarantined"], &inbox["source_messages"]],
        [&json!(3), &json!(1), &json!(4)]
    );
    assert!(inbox["to_copy_bytes"].as_u64().is_some_and(|octets| octets > 300), "{inbox:#}");
    let quarter = named("Obras/2024.Q1");
    assert_eq!((&quarter["renamed"], &quarter["create"]), (&json!(true), &json!(true)), "{plan:#}");
    assert_eq!(plan["left_out"][0]["folder"], "Velho", "{plan:#}");
    let copy = home.run(arguments("copy")).await?.with(3).json();
    for folder in folders {
        let done = copy["folders"].as_array().into_iter().flatten();
        let done = done
            .clone()
            .find(|done| done["source"] == folder["source"])
            .context("a folder was not copied")?;
        for (foreseen, counted) in [
            ("destination", "destination"),
            ("to_copy", "copied"),
            ("quarantined", "quarantined"),
            ("renamed", "renamed"),
        ] {
            assert_eq!(folder[foreseen], done[counted], "{folder:#} {done:#}");
        }
    }
    assert_eq!(folders.len(), copy["folders"].as_array().map_or(0, Vec::len));
    let again = home.run(arguments("plan")).await?.json();
    let count = |name: &str| {
        again["folders"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|folder| folder[name].as_u64())
            .sum::<u64>()
    };
    assert_eq!((count("to_copy"), count("already")), (0, 5), "{again:#}");
    Ok(())
}

#[tokio::test]
async fn a_plan_shows_a_clash_and_ends_with_8() -> Result<()> {
    let exchange = Script::new().without("ID").manners(|manners| {
        manners.greeting = "OK The Microsoft Exchange IMAP4 service is ready.".to_owned();
        manners.is_case_insensitive = true;
    });
    let (source, destination) = (Script::new().start()?, exchange.start()?);
    fill(&source, "Kunden", 1);
    fill(&source, "KUNDEN", 1);
    let home = Home::new()?;
    let (from, to) = (source.url("ana"), destination.url("ana"));
    let plan = home.run(between("plan", &from, &to)).await?.with(8).json();
    let clash = plan["clashes"][0].as_str().context("no clash")?;
    assert!(clash.contains("Kunden") && clash.contains("KUNDEN"), "{clash}");
    let text = home.run(["plan", "--from", &from, "--to", &to]).await?.with(8).out;
    assert!(text.contains("Clashes") && text.contains("KUNDEN"), "{text}");
    assert_untouched(&destination);
    Ok(())
}

#[tokio::test]
async fn a_verify_finds_what_was_removed_and_what_was_altered_at_the_destination() -> Result<()> {
    let (source, destination) = (Script::new().start()?, Script::new().start()?);
    fill(&source, "INBOX", 6);
    let (home, from, to) = (Home::new()?, source.url("ana"), destination.url("ana"));
    let verify = async |content: &str| {
        home.run(between("verify", &from, &to).into_iter().chain(["--content", content])).await
    };
    assert_eq!(verify("none").await?.code, 4, "nothing was copied yet, and it is all pending");
    assert!(home.ledgers().is_empty(), "a verify made a state file");
    home.run(between("copy", &from, &to)).await?.with(0);
    for content in ["none", "sample", "full"] {
        let ended = verify(content).await?.with(0);
        assert_eq!((ended.json()["kind"].as_str(), ended.total("already")), (Some("verify"), 6));
    }
    let there = destination.world().folder("INBOX");
    let last = there.messages().last().cloned().context("nothing was copied")?;
    there.remove(last.uid);
    for content in ["none", "full"] {
        assert_eq!(verify(content).await?.with(3).errors(), ["destination verify.missing"]);
    }
    // The same UID with another text.
    there.set_uidnext(last.uid);
    let mut altered = last.letter;
    altered.octets.extend_from_slice(b"mais\r\n");
    assert_eq!(there.push(altered), last.uid);
    assert_eq!(verify("none").await?.code, 0, "without reading it looks whole");
    assert_eq!(verify("full").await?.with(3).errors(), ["destination verify.content"]);
    assert_only_read(&source);
    Ok(())
}

#[tokio::test]
async fn a_verify_whose_line_is_lost_counts_anew() -> Result<()> {
    // The copy itself reads bodies once, at the source.
    for (source_cut, destination_cut) in [(2, usize::MAX), (usize::MAX, 1), (2, 1)] {
        let cut = |number| {
            let when = When::verb("UID FETCH").containing("BODY.PEEK[]").nth(number);
            Script::new().rule(when, Act::EndBefore(End::Close)).start()
        };
        let (source, destination) = (cut(source_cut)?, cut(destination_cut)?);
        fill(&source, "INBOX", 6);
        let (home, from, to) = (Home::new()?, source.url("ana"), destination.url("ana"));
        home.run(between("copy", &from, &to)).await?.with(0);
        let verify = between("verify", &from, &to).into_iter().chain(["--content", "full"]);
        let ended = home.run(verify).await?.with(0);
        assert_eq!(ended.total("already"), 6, "{}", ended.err);
    }
    Ok(())
}

#[tokio::test]
async fn a_probe_tells_what_a_server_is_and_can_do() -> Result<()> {
    let script = Script::new().manners(|manners| {
        manners.greeting = "OK Servidor da Ana".to_owned();
        manners.append_limit = Some(35_000_000);
    });
    let server = script.start()?;
    let _ = server.world().folder("Enviadas").with_attributes(r"\Sent");
    let (home, url) = (Home::new()?, server.url("ana"));
    let probe = home.run(["probe", "--json", &url]).await?.with(0).json();
    assert_eq!(
        (&probe["schema"], &probe["append_octets_max"]),
        (&json!("malote.probe/1"), &json!(35_000_000))
    );
    assert!(probe["greeting"].as_str().is_some_and(|text| text.contains("Servidor da Ana")), "{probe:#}");
    assert!(probe["capabilities"].as_array().is_some_and(|words| words.contains(&json!("UIDPLUS"))));
    assert_eq!(probe["namespaces"][0]["kind"], "personal");
    assert!(probe["special_use"].to_string().contains("Enviadas"), "{probe:#}");
    assert!(probe["round_trip_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{probe:#}");
    let text = home.run(["probe", &url]).await?.with(0).out;
    for word in ["Servidor da Ana", "round trip", "Namespaces", "Enviadas", "UIDPLUS", "largest mail"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    assert_only_read(&server);
    let mut command = home.command(["probe", &url]);
    command.env("MALOTE_FROM_PASSWORD", "hunter2");
    assert_hidden(&Ended::of(command).await?.with(5), "hunter2");
    assert!(!text.contains(PASSWORD));
    Ok(())
}

#[tokio::test]
async fn every_command_tells_its_options_and_help_tells_the_exit_statuses() -> Result<()> {
    let home = Home::new()?;
    let pair = "--from --to --from-password-file --to-password-file --from-token-file --to-token-file --state \
        --connections --folder --exclude --map --into --since --before --max-size --duplicates --mirror-deletes \
        --delete-limit --flags --quarantine --rate-bytes --rate-messages --json --quiet --verbose --log-format \
        --allow-cleartext MALOTE_FROM_PASSWORD";
    for (command, words) in [
        ("copy", pair),
        ("plan", pair),
        ("verify", &format!("{pair} --content")),
        ("probe", "URL --json --password-file --token-file"),
        ("batch", "FILE.csv --json --quarantine --from-password-file"),
        ("demo", "--json"),
        ("completions", "bash"),
    ] {
        let help = home.run([command, "--help"]).await?.with(0);
        words.split_whitespace().for_each(|word| assert!(help.out.contains(word), "{command}: no {word}"));
        assert_eq!(help.out, home.run(["help", command]).await?.with(0).out, "{command}");
    }
    let help = home.run(["help"]).await?.with(0).out;
    for words in [
        "0 everything accounted for",
        "1 internal error",
        "2 wrong usage",
        "3 quarantined",
        "4 stopped early",
        "5 authentication",
        "6 TLS",
        "7 the destination is full",
        "8 a decision",
    ] {
        assert!(help.contains(words), "{words} in {help}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = home.run(["completions", shell]).await?.with(0).out;
        assert!(script.contains("from-password-file"), "{shell}");
    }
    home.run(["--version"]).await?.with(0);
    Ok(())
}
