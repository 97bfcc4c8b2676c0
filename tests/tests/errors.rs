//! Refusals over the wire: each class of the table from a server that answers so, and unknown ones counted.
//! Never the rows themselves: each of them is held against its own sample where the table stands.

use std::collections::BTreeSet;

use acceptance::migration::Migration;
use acceptance::play::errors;
use acceptance::program::Home;
use acceptance::scripted::{Act, Letter, Script, When};
use anyhow::Result;
use malote_engine::event::Event;
use malote_engine::plan::taxonomy::rows;
use malote_engine::policy::Policy;
use malote_engine::report::Report;

/// A run in which one side answers a command so, and nothing is tried twice.
async fn refused(side: &str, verb: &str, act: Act) -> Result<Report> {
    let script = Script::new().rule(When::verb(verb), act);
    let (from, to) = if side == "source" { (script, Script::new()) } else { (Script::new(), script) };
    let (source, destination) = (from.start()?, to.start()?);
    source.world().folder("INBOX").push(Letter::simple("carta"));
    source.world().folder("Obras").push(Letter::simple("obra"));
    let mut migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
    migration.policy = Policy { attempts_max: 0, ..migration.policy };
    migration.copy().await
}

#[tokio::test]
async fn every_class_that_ends_a_run_or_a_folder_is_told_by_its_name() -> Result<()> {
    for (side, verb, answer, class) in [
        ("source", "AUTHENTICATE", "NO [AUTHENTICATIONFAILED] Invalid credentials", "auth.bad_credentials"),
        (
            "source",
            "AUTHENTICATE",
            "NO [ALERT] Application-specific password required",
            "auth.app_password_needed",
        ),
        ("destination", "AUTHENTICATE", "NO [AUTHORIZATIONFAILED] no", "auth.no_mailbox_rights"),
        ("source", "LIST", "BAD User is authenticated but not connected.", "auth.no_mailbox_rights"),
        ("source", "AUTHENTICATE", "NO [EXPIRED] too old", "auth.token_expired"),
        ("source", "AUTHENTICATE", "NO [PRIVACYREQUIRED] TLS first", "tls.required"),
        ("source", "AUTHENTICATE", "NO [LIMIT] Too many sessions", "limit.connections"),
        ("source", "UID FETCH", "NO [LIMIT] UID FETCH Rate limit hit.", "throttle.soft"),
        (
            "source",
            "UID FETCH",
            "NO [OVERQUOTA] Account exceeded command or bandwidth limits",
            "throttle.daily",
        ),
        ("source", "UID FETCH", "NO [MESSAGELIMIT 5] Too many", "limit.batch"),
        ("destination", "SELECT", "NO [INUSE] Timeout while waiting for lock", "server.lock"),
        ("destination", "SELECT", "NO [UNAVAILABLE] Down for maintenance", "server.temp"),
        ("source", "LIST", "BAD What?", "server.protocol"),
        ("source", "EXAMINE", "BAD [CLIENTBUG] What?", "client.bug"),
        ("destination", "APPEND", "NO [OVERQUOTA] Not enough disk quota", "dest.over_quota"),
        ("destination", "SELECT", "NO [NONEXISTENT] gone", "folder.missing"),
        ("source", "EXAMINE", "NO [NOPERM] Access denied", "folder.refused"),
    ] {
        let report = refused(side, verb, Act::Answer(answer.to_owned())).await?;
        let told: BTreeSet<String> = errors(&report).into_iter().collect();
        assert_eq!(told, BTreeSet::from([format!("{side} {class}")]), "{answer}: {:#?}", report.errors);
        assert!(report.balances() && report.totals.copied < 2, "{answer}");
        let words = answer.split_once(' ').map_or("", |(_, words)| words);
        let words = words.split_once("] ").map_or(words, |(_, words)| words);
        assert!(report.errors[0].message.contains(words), "{answer}: {:#?}", report.errors);
    }
    Ok(())
}

#[tokio::test]
async fn every_class_of_a_message_leaves_it_in_quarantine_with_the_next_step() -> Result<()> {
    for (answer, words) in [
        ("NO [TOOBIG] Message too large", "have the server's administrator raise its limit"),
        ("NO Message contains NUL characters", "mend it and append it by hand"),
        ("NO Message refused because it contains a virus", "the destination's filter refused"),
        ("BAD [CLIENTBUG] Invalid arguments", "please report it"),
        ("BAD Command Argument Error. 11", "look at it in quarantine"),
        ("NO Something else", "mend it"),
    ] {
        let report = refused("destination", "APPEND", Act::Answer(answer.to_owned())).await?;
        assert_eq!((report.totals.quarantined, report.totals.copied), (2, 0), "{answer}: {report:#?}");
        let detail = &report.quarantine[0].detail;
        assert!(detail.contains(words) && report.balances(), "{answer}: {detail}");
    }
    Ok(())
}

#[tokio::test]
async fn a_goodbye_that_gives_its_reason_is_told_by_it() -> Result<()> {
    for (bye, class) in [
        ("BYE [UNAVAILABLE] Maintenance", "server.temp"),
        ("BYE Too many requests", "throttle.soft"),
        ("BYE Session expired, please login again.", "server.temp"),
        ("BYE So long", "net"),
    ] {
        let server = format!("* {bye}\r\n");
        let script = Script::new()
            .rule(When::verb("APPEND"), Act::Prelude(server.into_bytes()))
            .rule(When::verb("APPEND"), Act::EndBefore(acceptance::scripted::End::Close));
        let (source, destination) = (Script::new().start()?, script.start()?);
        source.world().folder("INBOX").push(Letter::simple("carta"));
        let mut migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
        migration.policy = Policy { attempts_max: 0, ..migration.policy };
        let report = migration.copy().await?;
        assert_eq!(errors(&report), [format!("destination {class}")], "{bye}: {:#?}", report.errors);
        assert_eq!(report.totals.pending, 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_wait_that_the_server_names_is_kept_and_the_run_goes_on() -> Result<()> {
    for glue in [" ", ""] {
        let text =
            format!("{{tag}} BAD{glue}Request is throttled. Suggested Backoff Time: 400 milliseconds\r\n");
        let script = Script::new().rule(When::verb("APPEND").nth(1), Act::Raw(text.into_bytes())).rule(
            // The first rule takes the first APPEND, so that this one sees the second as its first.
            When::verb("APPEND").nth(1),
            Act::AnswerAndClose(
                "BAD Request is throttled. Suggested Backoff \
                Time: 300 milliseconds"
                    .to_owned(),
            ),
        );
        let (source, destination) = (Script::new().start()?, script.start()?);
        let letters = (0..5).map(|number| Letter::simple(&format!("carta {number}")));
        let _ = source.world().folder("INBOX").holding(letters);
        let migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
        let began = std::time::Instant::now();
        let report = migration.copy().await?;
        assert_eq!((errors(&report), report.totals.copied), (Vec::new(), 5), "{report:#?}");
        assert!(began.elapsed().as_millis() >= 700, "{:?}", began.elapsed());
        let pauses = migration.events().into_iter().filter_map(|event| match event {
            Event::Retrying { class, pause_ms, .. } => Some((class, pause_ms)),
            _ => None,
        });
        assert_eq!(pauses.collect::<Vec<_>>(), [("throttle.soft", 500), ("throttle.soft", 400)]);
        assert_eq!(destination.world().messages("INBOX").len(), 5);
    }
    Ok(())
}

#[tokio::test]
async fn answers_of_an_unknown_kind_are_kept_raw_and_counted() -> Result<()> {
    let report = refused("destination", "APPEND", Act::Answer("NO [XFOO] Blorb 17".to_owned())).await?;
    let warning = report.warnings.iter().find(|warning| warning.contains("unknown kind"));
    let warning = warning.cloned().unwrap_or_default();
    assert!(warning.starts_with("destination: 4 answers of an unknown kind: NO [XFOO] Blorb #"), "{warning}");
    assert!(report.quarantine[0].detail.contains("[XFOO] \"Blorb 17\""), "{:?}", report.quarantine);
    let known = refused("destination", "APPEND", Act::Answer("NO [TOOBIG] no".to_owned())).await?;
    assert!(!known.warnings.iter().any(|warning| warning.contains("unknown kind")), "{:?}", known.warnings);
    Ok(())
}

#[tokio::test]
async fn the_table_is_shown_to_people_and_programs() -> Result<()> {
    let home = Home::new()?;
    let text = home.run(["help", "errors"]).await?.with(0).out;
    let json = home.run(["help", "errors", "--json"]).await?.with(0).json();
    let told: Vec<&str> =
        json["errors"].as_array().into_iter().flatten().filter_map(|row| row["id"].as_str()).collect();
    assert_eq!(told, rows().map(|row| row.id).collect::<Vec<_>>());
    for row in rows() {
        assert!(text.contains(row.id) && text.contains(row.verdict.class.as_str()), "{}", row.id);
    }
    assert_eq!(json["schema"], "malote.errors/1");
    assert!(home.run(["help"]).await?.with(0).out.contains("malote help errors"));
    home.run(["help", "errors", "--nothing"]).await?.with(2);
    Ok(())
}
