//! Every profile against a server that speaks its dialect, and every knob against a server that needs it.
//! Never a real provider: what is known of one is played by the scripted server.

use std::sync::Arc;

use acceptance::migration::{Migration, PASSWORD};
use acceptance::play::{assert_only_read, errors};
use acceptance::program::{Home, between};
use acceptance::scripted::{Act, Dialect, Letter, Script, Scripted, When};
use anyhow::{Context, Result};
use malote_engine::failure::Side;
use malote_engine::imap::{Location, Probe, SecretString, probe};
use malote_engine::profile::{Profile, named};
use malote_engine::report::{Report, Status};

async fn probed(server: &Scripted) -> Result<Probe> {
    let secret = || Ok(SecretString::from(PASSWORD));
    let endpoint = Location::parse(&server.url("ana"), false)?.endpoint(Side::Source, Arc::new(secret));
    Ok(probe(&endpoint).await?)
}

/// Letters whose UIDs have gaps, so that no set of them is short.
fn sparse(server: &Scripted, letters: u32) {
    let inbox = server.world().folder("INBOX");
    for number in 0..letters {
        inbox.set_uidnext(1_000_000 + 3 * number);
        inbox.push(Letter::simple(&format!("carta {number}")));
    }
}

/// Checks that everything was copied and nothing went wrong.
fn whole(report: &Report, copied: u64) {
    assert_eq!(errors(report), Vec::<String>::new(), "{:#?}", report.errors);
    assert_eq!((report.status, report.totals.copied), (Status::Success, copied), "{:#?}", report.warnings);
    assert!(report.balances());
}

fn own(quirk: &str) -> Result<Option<Arc<Profile>>> {
    let text = format!(
        "name = \"own\"\ntitle = \"Own\"\n[[quirk]]\n{quirk}\ndeviation = \"d\"\nhandling = \"h\"\nsource = \"s\"\n"
    );
    Ok(Some(Arc::new(Profile::read(&text)?)))
}

#[tokio::test]
async fn every_dialect_is_recognised_and_the_probe_says_what_is_done() -> Result<()> {
    for (dialect, name) in Dialect::ALL {
        let server = dialect.script().start()?;
        let found = probed(&server).await?;
        assert_eq!(found.profile.name, name, "{dialect:?}");
        let profile = named(name).context("a profile of each dialect")?;
        assert!(found.findings.len() >= profile.quirks.len(), "{dialect:?}");
        for quirk in &profile.quirks {
            let finding = found.findings.iter().find(|finding| finding.about == quirk.knob.name());
            assert_eq!(finding.map(|finding| &finding.handling), Some(&quirk.handling), "{dialect:?}");
        }
        assert_eq!(found.warnings.iter().any(|warning| warning.contains("unverified")), !profile.is_verified);
        assert_only_read(&server);
    }
    let plain = probed(&Script::new().start()?).await?;
    assert_eq!(plain.profile.name, "unknown");
    Ok(())
}

#[tokio::test]
async fn commands_are_no_longer_and_name_no_more_than_microsoft_365_bears() -> Result<()> {
    let (source, destination) = (Dialect::Microsoft365.script().start()?, Script::new().start()?);
    sparse(&source, 2_500);
    let mut migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
    whole(&migration.copy().await?, 2_500);
    assert_eq!(source.transcript().hang_ups(), 0);
    assert_only_read(&source);

    let (fresh, policy) = (Script::new().start()?, migration.policy.clone());
    migration = Migration::between(&source.url("ana"), &fresh.url("ana"))?;
    migration.policy = malote_engine::policy::Policy { attempts_max: 0, ..policy };
    migration.profiles.0 = named("unknown");
    let report = migration.copy().await?;
    assert_eq!(errors(&report), ["source limit.batch"], "without the profile the server refuses");
    assert!(report.totals.pending > 0);
    Ok(())
}

#[tokio::test]
async fn limits_of_commands_that_no_profile_tells_are_found_by_trying() -> Result<()> {
    for dialect in [Dialect::Microsoft365, Dialect::Exchange] {
        let (source, destination) = (dialect.script().start()?, Script::new().start()?);
        sparse(&source, 2_500);
        let mut migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
        migration.profiles.0 = named("unknown");
        whole(&migration.copy().await?, 2_500);
        assert_eq!(source.transcript().hang_ups(), 0);
    }
    Ok(())
}

#[tokio::test]
async fn exchange_and_zimbra_get_no_command_that_is_too_long() -> Result<()> {
    for dialect in [Dialect::Exchange, Dialect::Zimbra, Dialect::Yahoo] {
        let (source, destination) = (dialect.script().start()?, Script::new().start()?);
        sparse(&source, 3_000);
        let migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
        whole(&migration.copy().await?, 3_000);
        assert_eq!(source.transcript().hang_ups(), 0, "{dialect:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_is_replaced_before_its_last_error() -> Result<()> {
    for dialect in [Dialect::Zimbra, Dialect::Exchange, Dialect::Microsoft365] {
        let script = dialect.script().refuse(When::verb("APPEND").containing("veneno"), "NO APPEND failed");
        let (source, destination) = (Script::new().start()?, script.start()?);
        for number in 0..60 {
            let subject =
                if number % 5 == 0 { format!("veneno {number}") } else { format!("carta {number}") };
            source.world().folder("INBOX").push(Letter::simple(&subject));
        }
        let migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
        let report = migration.copy().await?;
        assert_eq!((report.totals.copied, report.totals.quarantined), (48, 12), "{dialect:?}");
        assert_eq!(errors(&report), Vec::<String>::new(), "{:#?}", report.errors);
        assert!(report.balances());
        assert_eq!(destination.transcript().hang_ups(), 0, "{dialect:?}");
    }
    Ok(())
}

#[tokio::test]
async fn messages_that_exchange_cannot_give_cost_neither_the_others_nor_the_connection() -> Result<()> {
    let text = "NO The requested message could not be converted to an RFC-822 compatible format.";
    for dialect in [Dialect::Exchange, Dialect::Microsoft365, Dialect::Zimbra] {
        let bad = vec![17, 203, 204, 377];
        let script = dialect
            .script()
            .manners(|manners| manners.strict.unreadable = Some((bad.clone(), text.to_owned())));
        let (source, destination) = (script.start()?, Script::new().start()?);
        let letters = (0..400).map(|number| Letter::simple(&format!("carta {number}")));
        let _ = source.world().folder("INBOX").holding(letters);
        let migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
        let report = migration.copy().await?;
        assert_eq!((report.totals.copied, report.totals.quarantined), (396, 4), "{dialect:?} {report:#?}");
        let uids: Vec<u32> = report.quarantine.iter().map(|entry| entry.uid).collect();
        assert_eq!(uids, bad);
        assert_eq!((source.transcript().hang_ups(), errors(&report)), (0, Vec::new()), "{dialect:?}");

        let fresh = Script::new().start()?;
        let mut migration = Migration::between(&source.url("ana"), &fresh.url("ana"))?;
        migration.policy.attempts_max = 0;
        migration.profiles.0 = named("unknown");
        let report = migration.copy().await?;
        assert!(
            source.transcript().hang_ups() > 0 && report.totals.pending > 0,
            "without the profile it ends so"
        );
    }
    Ok(())
}

#[tokio::test]
async fn zimbra_hears_something_else_between_its_creates() -> Result<()> {
    let (source, destination) = (Script::new().start()?, Dialect::Zimbra.script().start()?);
    for number in 0..70 {
        source.world().folder(format!("Pasta {number:02}")).push(Letter::simple(&format!("carta {number}")));
    }
    let migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
    whole(&migration.copy().await?, 70);
    assert_eq!(destination.transcript().hang_ups(), 0);
    assert_eq!(destination.world().folders().len(), 71);
    Ok(())
}

#[tokio::test]
async fn names_that_a_server_refuses_are_changed_before_it_is_asked() -> Result<()> {
    for (dialect, source_name, expected) in [
        (Dialect::Zimbra, "Obra: 2024", "Obra_ 2024"),
        (Dialect::Zimbra, "O \"novo\"", "O _novo_"),
        (Dialect::Zimbra, " Contas  pagas ", "Contas pagas"),
        (Dialect::Gmail, "Contas  pagas", "Contas pagas"),
        (Dialect::Gmail, "a^b", "a_b"),
        (Dialect::Exchange, "Contas ", "Contas"),
        (Dialect::Zimbra, "Contacts", "Contacts_"),
        (Dialect::Microsoft365, "Files", "Files_"),
    ] {
        let (source, destination) = (Script::new().start()?, dialect.script().start()?);
        source.world().folder(source_name).push(Letter::simple("carta"));
        let migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
        let report = migration.copy().await?;
        whole(&report, 1);
        assert_eq!(destination.world().messages(expected).len(), 1, "{:?}", destination.world().folders());
        assert!(report.folders.iter().any(|folder| folder.source == source_name && folder.renamed));
    }
    Ok(())
}

#[tokio::test]
async fn couriers_uidvalidity_lasts_because_its_folders_are_selected() -> Result<()> {
    let (source, destination) = (Dialect::Courier.script().start()?, Script::new().start()?);
    let letters = (0..20).map(|number| Letter::simple(&format!("carta {number}")));
    let inbox = source.world().folder("INBOX").holding(letters);
    let migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
    whole(&migration.copy().await?, 20);
    let validity = inbox.uidvalidity();
    let second = migration.copy().await?;
    assert_eq!((second.totals.already, second.totals.copied), (20, 0), "{second:#?}");
    assert_eq!(inbox.uidvalidity(), validity, "it was never opened by EXAMINE");
    assert_eq!(source.transcript().bodies_asked().len(), 20);
    let written: Vec<String> =
        source.transcript().writing().into_iter().filter(|line| !line.starts_with("SELECT")).collect();
    assert_eq!(written, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn icloud_is_not_asked_for_what_it_refuses() -> Result<()> {
    let (source, destination) = (Dialect::Icloud.script().start()?, Script::new().start()?);
    source.world().folder("Sent Messages").push(Letter::simple("carta"));
    let mut migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
    let report = migration.copy().await?;
    whole(&report, 1);
    assert_eq!(report.warnings, Vec::<String>::new());
    let asked = |server: &Scripted| {
        server
            .transcript()
            .entries()
            .iter()
            .any(|entry| entry.verb == "LIST" && entry.line.contains("RETURN"))
    };
    assert!(!asked(&source));
    migration.profiles.0 = named("unknown");
    let report = migration.copy().await?;
    assert!(asked(&source) && report.warnings.iter().any(|warning| warning.contains("LIST options")));
    Ok(())
}

#[tokio::test]
async fn yahoo_is_not_asked_for_what_its_modification_sequence_seems_to_promise() -> Result<()> {
    for (from, to) in [(Dialect::Yahoo, Dialect::Dovecot), (Dialect::Dovecot, Dialect::Yahoo)] {
        for profile in [None, named("unknown")] {
            let (source, destination) = (from.script().start()?, to.script().start()?);
            let letters = (0..20).map(|number| Letter::simple(&format!("carta {number}")));
            let inbox = source.world().folder("INBOX").holding(letters);
            let mut migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
            migration.profiles = (profile.clone(), profile);
            whole(&migration.copy().await?, 20);
            inbox.set_flags(3, r"\Seen");
            let second = migration.copy().await?;
            assert_eq!((second.totals.already, second.totals.flag_changes), (20, 1), "{second:#?}");
            let yahoo = if from == Dialect::Yahoo { &source } else { &destination };
            let asked = yahoo.transcript().entries().into_iter().find(|entry| entry.line.contains("MODSEQ"));
            assert_eq!(asked, None);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_message_without_a_last_line_end_is_given_one_at_yahoo() -> Result<()> {
    let (source, destination) = (Script::new().start()?, Dialect::Yahoo.script().start()?);
    let inbox = source.world().folder("INBOX");
    inbox.push(Letter::simple("carta"));
    inbox.push(Letter::new("Subject: sem fim\r\n\r\nfim"));
    let migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
    let report = migration.copy().await?;
    assert_eq!((report.totals.copied, report.totals.quarantined), (2, 0), "{report:#?}");
    assert_eq!(report.repairs[0].repairs, ["final_line_end"], "{:?}", report.repairs);
    Ok(())
}

#[tokio::test]
async fn promises_that_a_users_profile_distrusts_are_not_used() -> Result<()> {
    let multiappend = own("knob = \"avoid_multiappend\"\nvalue = true")?;
    let condstore = own("knob = \"distrust_condstore\"\nvalue = true")?;
    let list_status = own("knob = \"distrust_list_status\"\nvalue = true")?;
    for (profile, verb, words, count) in [
        (None, "APPEND", "", 1),
        (multiappend, "APPEND", "", 8),
        (None, "UID FETCH", "MODSEQ", 1),
        (condstore, "UID FETCH", "MODSEQ", 0),
        (None, "LIST", "STATUS", 1),
        (list_status, "LIST", "STATUS", 0),
    ] {
        let (source, destination) = (Script::new().start()?, Script::new().start()?);
        let letters = (0..8).map(|number| Letter::simple(&format!("carta {number}")));
        let _ = source.world().folder("INBOX").holding(letters);
        let mut migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
        migration.profiles = (profile.clone(), profile);
        whole(&migration.copy().await?, 8);
        let server = if verb == "APPEND" { &destination } else { &source };
        let entries = server.transcript().entries();
        let heard = entries.iter().filter(|entry| entry.verb == verb && entry.line.contains(words)).count();
        assert_eq!(heard, count, "{verb} {words}");
    }
    Ok(())
}

#[tokio::test]
async fn one_login_opens_all_mailboxes_in_each_way_that_servers_have() -> Result<()> {
    for (from, to) in [
        ("{user}*chefe@SOURCE?tls=off&auth=login", "chefe@DESTINATION?tls=off&authzid={user}&auth=plain"),
        (
            "chefe@SOURCE?tls=off&authzid={local}&auth=proxyauth",
            "{local}*chefe@DESTINATION?tls=off&auth=login",
        ),
    ] {
        let server = || Script::new().account("bia", "outra").master("chefe", "mestra").start();
        let (source, destination) = (server()?, server()?);
        for user in ["ana", "bia"] {
            source.world_of(user).folder("INBOX").push(Letter::simple(&format!("carta de {user}")));
        }
        let home = Home::new()?;
        let sheet = home.write("users.csv", "user\nana\nbia\n")?;
        let password = home.write("password", "mestra")?;
        let place = |template: &str, name: &str, server: &Scripted| {
            format!("imap://{}", template.replace(name, &format!("127.0.0.1:{}", server.port())))
        };
        let (from, to) = (place(from, "SOURCE", &source), place(to, "DESTINATION", &destination));
        let arguments = ["batch", &sheet, "--from", &from, "--to", &to, "--from-password-file", &password];
        let ended =
            home.run(arguments.into_iter().chain(["--to-password-file", &password, "--json"])).await?;
        ended.with(0);
        for user in ["ana", "bia"] {
            let there = destination.world_of(user).messages("INBOX");
            assert_eq!(there.len(), 1, "{user}");
            assert!(there[0].letter.octets.ends_with(format!("carta de {user}.\r\n").as_bytes()));
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_slows_down_where_an_ok_asks_for_it() -> Result<()> {
    let script = Dialect::Gmail.script().refuse(When::verb("NOOP"), "OK [THROTTLED] Success");
    let (server, began) = (script.start()?, std::time::Instant::now());
    probed(&server).await?;
    assert!(began.elapsed().as_millis() >= 50 + 100 + 200 + 400, "{:?}", began.elapsed());
    Ok(())
}

#[tokio::test]
async fn what_a_server_was_seen_to_do_is_kept_beside_the_ledger() -> Result<()> {
    let script = Dialect::Dovecot.script().manners(|manners| manners.connections_max = Some(3));
    let batch = "BAD Error in IMAP command APPEND: Too many arguments";
    let script = script.rule(When::verb("APPEND").first(1), Act::Answer(batch.to_owned()));
    let (source, destination) = (Script::new().start()?, script.start()?);
    for folder in ["INBOX", "A", "B", "C", "D", "E"] {
        let letters = (0..6).map(|number| Letter::simple(&format!("carta {folder} {number}")));
        let _ = source.world().folder(folder).holding(letters);
    }
    let home = Home::new()?;
    let state = home.path("pair.sqlite").display().to_string();
    let (from, to) = (source.url("ana"), destination.url("ana"));
    let mut arguments = between("copy", &from, &to);
    arguments.extend(["--state", &state, "--connections", "1"]);
    let ended = home.run(&arguments).await?.with(0);
    assert_eq!(ended.total("copied"), 36);
    let file = home.path("pair.sqlite.observed.json");
    let seen: serde_json::Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    assert_eq!(seen["destination"]["refuses_multiappend"], true, "{seen:#}");
    assert_eq!(seen["destination"]["profile"], "dovecot");
    assert_eq!(seen["source"]["profile"], "unknown");

    let letters = (6..9).map(|number| Letter::simple(&format!("carta {number}")));
    let _ = source.world().folder("INBOX").holding(letters);
    destination.transcript().clear();
    assert_eq!(home.run(&arguments).await?.with(0).total("copied"), 3);
    assert_eq!(destination.transcript().count("APPEND"), 3, "one message to an APPEND from the start");
    Ok(())
}

#[tokio::test]
async fn the_number_of_connections_that_a_refusal_names_is_kept() -> Result<()> {
    let destination =
        Dialect::Dovecot.script().manners(|manners| manners.connections_max = Some(0)).start()?;
    let source = Script::new().start()?;
    let home = Home::new()?;
    let state = home.path("pair.sqlite").display().to_string();
    let (from, to) = (source.url("ana"), destination.url("ana"));
    let mut arguments = between("copy", &from, &to);
    arguments.extend(["--state", &state]);
    let ended = home.run(&arguments).await?.with(4);
    assert_eq!(ended.errors(), ["destination limit.connections"]);
    let file = home.path("pair.sqlite.observed.json");
    let seen: serde_json::Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    assert_eq!(seen["destination"]["connections_max"], 3, "{seen:#}");
    assert!(
        seen["destination"]["connections_max_unix_seconds"].as_i64().is_some_and(|at| at > 1_700_000_000)
    );
    assert_eq!(seen["source"]["connections_max"], serde_json::Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_profile_is_named_or_given_as_a_file_and_a_wrong_one_is_refused() -> Result<()> {
    let server = Dialect::Zimbra.script().start()?;
    let (home, url) = (Home::new()?, server.url("ana"));
    let text = home.run(["probe", &url]).await?.with(0).out;
    for words in ["zimbra (Zimbra)", "creates_between_noops = 20", "-> a NOOP is said after twenty"] {
        assert!(text.contains(words), "{words} is missing from {text}");
    }
    let gmail = Dialect::Gmail.script().start()?;
    let text = home.run(["probe", &gmail.url("ana")]).await?.with(0).out;
    assert!(text.contains("told only:"), "what the server itself says is only told: {text}");
    let json = home.run(["probe", &url, "--json"]).await?.with(0).json();
    assert_eq!(json["profile"]["name"], "zimbra");
    assert!(json["findings"].as_array().is_some_and(|findings| findings.len() > 5), "{json:#}");
    let text = "name = \"ours\"\ntitle = \"Ours\"\nextends = \"zimbra\"\nverified = true\n";
    let file = home.write("ours.toml", text)?;
    let json = home.run(["probe", &url, "--json", "--profile", &file]).await?.with(0).json();
    assert_eq!((&json["profile"]["name"], &json["profile"]["verified"]), (&"ours".into(), &true.into()));
    let json = home.run(["probe", &url, "--json", "--from-profile", "gmail"]).await?.with(0).json();
    assert_eq!(json["profile"]["title"], "Gmail");
    let wrong = home.write("wrong.toml", format!("{text}[[quirk]]\nknob = \"x\"\n"))?;
    for (profile, words) in [("nobody", "none of"), (wrong.as_str(), "missing field")] {
        let ended = home.run(["probe", &url, "--profile", profile]).await?.with(2);
        assert!(ended.err.contains(words), "{}", ended.err);
    }
    Ok(())
}
