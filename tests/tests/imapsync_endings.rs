//! How `malote imapsync` ends: its exit status, its closing lines, its log, and what becomes of secrets.
//! Never expects other words than those that scripts look for.

use std::fs;
use std::time::Duration;

use acceptance::migration::PASSWORD;
use acceptance::program::{Ended, Home, until};
use acceptance::scripted::{Act, Letter, Script, Scripted, StartTls, When};
use acceptance::tls::TestCa;
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// Two servers with ana's mail on the first, and a home.
struct Stage {
    from: Scripted,
    to: Scripted,
    home: Home,
}

impl Stage {
    fn set(from: Script, to: Script) -> Result<Self> {
        let stage = Self { from: from.start()?, to: to.start()?, home: Home::new()? };
        let letters = (0..3).map(|number| Letter::simple(&format!("carta {number}")));
        let _ = stage.from.world().folder("INBOX").holding(letters);
        Ok(stage)
    }

    fn words(&self, more: &str) -> Vec<String> {
        let own = format!(
            "imapsync --host1 127.0.0.1 --port1 {} --user1 ana --host2 127.0.0.1 --port2 {} --user2 ana {more}",
            self.from.port(),
            self.to.port()
        );
        own.split_whitespace().map(str::to_owned).collect()
    }

    async fn run(&self, more: &str) -> Result<Ended> {
        let mut command = self.home.command(self.words(more));
        command.current_dir(self.home.path("."));
        Ended::of(command).await
    }

    /// Checks the exit status and that the closing line names it.
    async fn check(&self, more: &str, code: i32, name: &str) -> Result<Ended> {
        let ended = self.run(more).await?.with(code);
        let closing = format!("Exiting with return value {code} ({name}");
        assert!(ended.out.contains(&closing), "{closing}\n{}\n{}", ended.out, ended.err);
        Ok(ended)
    }
}

fn plain() -> Result<Stage> {
    Stage::set(Script::new(), Script::new())
}

#[tokio::test]
async fn a_good_run_says_so_and_its_log_says_the_same() -> Result<()> {
    let stage = plain()?;
    let ended = stage.check("", 0, "EX_OK: successful termination) 0/50 nb_errors/max_errors PID").await?;
    for line in [
        "Host1 Nb messages:                    3 messages",
        "Host2 Nb messages:                    0 messages",
        "Host2 Nb messages:                    3 messages",
        "Folders synced                          : 1/1 synced",
        "Messages transferred                    : 3 ",
        "Messages skipped                        : 0",
        "Messages found in host1 not in host2    : 0 messages",
        "Final difference host2 - host1          : 0 messages, 0 bytes (0.000 KiB)",
        "The sync looks good, all 3 identified messages in host1 are on host2.",
        "There is no unidentified message on host1.",
        "The sync is strict, all 3 identified messages in host2 are on host1.",
        "Detected 0 errors",
    ] {
        assert!(ended.out.lines().any(|told| told == line), "{line}\n{}", ended.out);
    }
    let logs: Vec<_> = fs::read_dir(stage.home.path("LOG_imapsync"))?.collect::<Result<_, _>>()?;
    assert_eq!(logs.len(), 1);
    let name = logs[0].file_name().into_string().unwrap_or_default();
    assert!(
        name.ends_with("_ana_ana.txt") && name.len() == "2026_11_21_12_38_52_761_ana_ana.txt".len(),
        "{name}"
    );
    assert_eq!(fs::read_to_string(logs[0].path())?, ended.out);
    let again = stage.check("--nofoldersizes --nolog", 0, "EX_OK").await?;
    assert!(
        again.out.contains("Messages transferred                    : 0 ")
            && !again.out.contains("Nb messages")
    );
    assert!(again.out.contains("Messages skipped                        : 3"));
    assert_eq!(stage.to.world().messages("INBOX").len(), 3);
    Ok(())
}

#[tokio::test]
async fn each_failure_has_imapsyncs_number() -> Result<()> {
    let stage = plain()?;
    let file = |name: &str, text: &str| stage.home.write(name, text);
    let (wrong, empty) = (file("wrong", "not it\n")?, file("empty", "\n")?);
    stage.check(&format!("--passfile1 {wrong}"), 161, "EXIT_AUTHENTICATION_FAILURE_USER1").await?;
    stage.check(&format!("--passfile2 {wrong}"), 162, "EXIT_AUTHENTICATION_FAILURE_USER2").await?;
    let both = stage.check(&format!("--passfile1 {wrong} --passfile2 {wrong}"), 161, "EXIT_AUTH").await?;
    assert!(both.out.contains("Host2 failure: Error login on [127.0.0.1] with user [ana]"), "{}", both.out);
    assert!(both.out.contains("Err 2/2:"), "{}", both.out);
    stage.check(&format!("--passfile1 {empty}"), 66, "EX_NOINPUT").await?;
    stage.check("--passfile2 /does/not/exist", 66, "EX_NOINPUT").await?;
    stage.check("--port1 1", 101, "EXIT_CONNECTION_FAILURE_HOST1").await?;
    stage.check("--port2 1", 102, "EXIT_CONNECTION_FAILURE_HOST2").await?;
    stage.check("--tls2", 12, "EXIT_TLS_FAILURE").await?;
    stage.check("--subfolder1 Nope", 21, "EXIT_SUBFOLDER1_NO_EXISTS").await?;
    stage.check("--folder Nope", 117, "EXIT_ERR_SELECT").await?;
    let missing = stage.home.command(["imapsync", "--nolog", "--host1", "h", "--user1", "u", "--host2", "h"]);
    assert!(Ended::of(missing).await?.with(64).out.contains("--user2 option is mandatory"));
    let mine = file("pid", &format!("{}\n", std::process::id()))?;
    stage.check(&format!("--pidfile {mine} --pidfilelocking"), 8, "EXIT_PID_FILE_ERROR").await?;
    assert_eq!(fs::read_to_string(stage.home.path("pid"))?, format!("{}\n", std::process::id()));
    let gone = stage.check(&format!("--pidfile {mine} --noerrorsdump"), 0, "EX_OK").await?;
    assert!(gone.out.contains("Removing pidfile") && !stage.home.path("pid").exists());
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_brought_over_is_told_by_number_and_by_name() -> Result<()> {
    let stage = plain()?;
    stage.to.world().set_room(Some(1));
    let full = stage.check("", 113, "EXIT_OVERQUOTA").await?;
    assert!(
        full.out.contains("The sync is not finished") && !full.out.contains("looks good"),
        "{}",
        full.out
    );
    stage.to.world().set_room(None);
    stage.check("", 0, "EX_OK").await?;
    assert_eq!(stage.to.world().messages("INBOX").len(), 3);
    let refusing =
        Script::new().refuse(When::verb("APPEND").containing("carta 1"), "NO [CANNOT] not this one");
    let stage = Stage::set(Script::new(), refusing.without("MULTIAPPEND"))?;
    let refused = stage.check("", 114, "EXIT_ERR_APPEND").await?;
    assert!(refused.out.contains("The most frequent error is ERR_APPEND"), "{}", refused.out);
    assert_eq!(stage.to.world().messages("INBOX").len(), 2);
    let stage = plain()?;
    let _ = stage.from.world().folder("INBOX").holding([Letter::new("x".repeat(5000))]);
    let left = stage.check("--maxsize 4000", 0, "EX_OK").await?;
    assert!(left.out.contains("Messages skipped                        : 1"), "{}", left.out);
    assert!(left.out.contains("looks good, all 3 identified"), "{}", left.out);
    let taken = stage.check("", 0, "EX_OK").await?;
    assert!(taken.out.contains("Messages transferred                    : 1 "), "{}", taken.out);
    Ok(())
}

#[tokio::test]
async fn a_run_stops_when_it_has_brought_enough_and_goes_on_later() -> Result<()> {
    let stage = plain()?;
    let letters =
        (0..240).map(|number| Letter::new(format!("Subject: {number}\r\n\r\n{}", "x".repeat(40_000))));
    let _ = stage.from.world().folder("Work").holding(letters);
    let words = "--exitwhenover 200000 --maxbytespersecond 4000000";
    let over = stage.check(words, 118, "EXIT_TRANSFER_EXCEEDED").await?;
    assert!(over.out.contains("Maximum bytes transferred reached"), "{}", over.out);
    assert!(stage.to.world().messages("Work").len() < 240);
    stage.check("", 0, "EX_OK").await?;
    assert_eq!(stage.to.world().messages("Work").len(), 240);
    Ok(())
}

#[tokio::test]
async fn a_certificate_is_trusted_by_its_authority_or_its_pin_alone() -> Result<()> {
    let ca = TestCa::new()?;
    let identity = ca.identity_for_loopback()?;
    let pin = identity.fingerprint()?;
    for (script, way) in [
        (Script::new().starttls(StartTls::Works(identity.clone())), ""),
        (Script::new().tls(identity.clone()), "--ssl1"),
    ] {
        let stage = Stage::set(script, Script::new())?;
        let roots = stage.home.write("ca.pem", ca.pem())?;
        stage.check(way, 12, "EXIT_TLS_FAILURE").await?;
        stage.check(&format!("{way} --sslargs1 SSL_ca_file={roots}"), 0, "EX_OK").await?;
        stage.check(&format!("{way} --sslargs1 SSL_fingerprint=sha256${pin}"), 0, "EX_OK").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_password_on_the_command_line_does_not_stay_there() -> Result<()> {
    let slow = Script::new()
        .account("bia", "hunter2 é%")
        .rule(When::verb("LIST").nth(1), Act::Delay(Duration::from_millis(400)));
    let stage = Stage::set(slow, Script::new())?;
    let _ = stage.from.world_of("bia").folder("INBOX").holding([Letter::simple("carta")]);
    let words =
        stage.words("--user1 bia").into_iter().chain(["--password1".to_owned(), "hunter2 é%".to_owned()]);
    let mut command = stage.home.command(words);
    command.current_dir(stage.home.path("."));
    let child = command.spawn()?;
    until("the login", || stage.from.transcript().count("LIST") > 0).await;
    let seen = fs::read(format!("/proc/{}/cmdline", child.id().context("it has ended")?))?;
    let seen = String::from_utf8_lossy(&seen).into_owned();
    assert!(seen.contains("--user1") && !seen.contains("hunter2"), "{seen}");
    let ended = Ended::wait(child).await?.with(0);
    assert!(ended.err.contains("--password1 on the command line can be read"), "{}", ended.err);
    assert!(!ended.out.contains("hunter2") && !ended.err.contains("hunter2"), "{ended:?}");
    let mut variable = stage.home.command(stage.words("--user1 bia --nolog"));
    variable.env("IMAPSYNC_PASSWORD1", "hunter2 é%").env("MALOTE_FROM_PASSWORD", PASSWORD);
    assert!(Ended::of(variable).await?.with(0).out.contains("Messages skipped                        : 1"));
    Ok(())
}

#[tokio::test]
async fn a_token_is_taken_as_it_is_or_from_a_file_and_does_not_stay_on_the_command_line() -> Result<()> {
    let token = "ya29.never-to-be-shown";
    let script = Script::new()
        .account("bia", token)
        .manners(|manners| manners.mechanisms = vec!["XOAUTH2".to_owned()])
        .rule(When::verb("LIST").nth(1), Act::Delay(Duration::from_millis(300)));
    let stage = Stage::set(script, Script::new())?;
    let file = stage.home.write("token", format!("{token}\n"))?;
    for given in [token, &file] {
        let lists = stage.from.transcript().count("LIST");
        let words = stage.words(&format!("--user1 bia --oauthaccesstoken1 {given}"));
        let mut command = stage.home.command(words);
        let child = command.current_dir(stage.home.path(".")).spawn()?;
        until("the login", || stage.from.transcript().count("LIST") > lists).await;
        let seen = fs::read(format!("/proc/{}/cmdline", child.id().context("it has ended")?))?;
        assert!(!String::from_utf8_lossy(&seen).contains(token));
        let ended = Ended::wait(child).await?.with(0);
        assert!(!ended.out.contains(token) && !ended.err.contains(token), "{ended:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_signal_ends_the_run_as_imapsync_would_name_it_and_the_next_one_goes_on() -> Result<()> {
    let slow = Script::new().rule(When::verb("APPEND").first(6), Act::Delay(Duration::from_millis(300)));
    let stage = Stage::set(Script::new(), slow.without("MULTIAPPEND"))?;
    let letters = (0..40).map(|number| Letter::simple(&format!("mais {number}")));
    let _ = stage.from.world().folder("INBOX").holding(letters);
    let mut command = stage.home.command(stage.words("--nofoldersizes --nolog"));
    let child = command.spawn()?;
    until("an append", || stage.to.transcript().count("APPEND") > 0).await;
    let pid = i32::try_from(child.id().context("it has ended")?)?;
    kill_process(Pid::from_raw(pid).context("no pid")?, Signal::TERM)?;
    let ended = Ended::wait(child).await?.with(6);
    assert!(ended.out.contains("Exiting with return value 6 (EXIT_BY_SIGNAL)"), "{}", ended.out);
    assert!(ended.out.contains("The sync is not finished"), "{}", ended.out);
    stage.check("", 0, "EX_OK").await?;
    assert_eq!(stage.to.world().messages("INBOX").len(), 43);
    Ok(())
}

#[tokio::test]
async fn delete2_removes_what_was_brought_and_is_gone_within_the_limit_and_nothing_else() -> Result<()> {
    let stage = plain()?;
    let more = (0..27).map(|number| Letter::simple(&format!("mais {number}")));
    let _ = stage.from.world().folder("INBOX").holding(more);
    let _ = stage.to.world().folder("INBOX").holding([Letter::simple("de outra pessoa")]);
    stage.check("", 0, "EX_OK").await?;
    assert_eq!(stage.to.world().messages("INBOX").len(), 31);
    let (first, second) =
        (stage.from.world().messages("INBOX")[0].uid, stage.from.world().messages("INBOX")[9].uid);
    stage.from.world().folder("INBOX").remove(first);
    let removed = stage.check("--delete2", 0, "EX_OK").await?;
    assert!(removed.out.contains("Messages deleted on host2               : 1"), "{}", removed.out);
    assert_eq!(stage.to.world().messages("INBOX").len(), 30);
    for message in stage.from.world().messages("INBOX").iter().filter(|message| message.uid > second) {
        stage.from.world().folder("INBOX").remove(message.uid);
    }
    let kept = stage.check("--delete2", 111, "EXIT_WITH_ERRORS").await?;
    assert!(kept.out.contains("above the ceiling of 10 %"), "{}", kept.out);
    assert_eq!(stage.to.world().messages("INBOX").len(), 30);
    Ok(())
}

#[tokio::test]
async fn a_look_changes_nothing() -> Result<()> {
    let stage = plain()?;
    for (more, sentence) in [
        ("--justlogin", "Exiting because of --justlogin"),
        ("--justfolderlists", "Exiting because of --justfolderlists"),
        ("--justfoldersizes", "Exiting because of --justfoldersizes"),
        ("--justconnect", "Exiting after a justconnect on host(s): 127.0.0.1 127.0.0.1"),
        ("--dry", "(could be 3 without dry mode)"),
    ] {
        let ended = stage.check(&format!("{more} --nolog"), 0, "EX_OK").await?;
        assert!(ended.out.contains(sentence), "{more}\n{}", ended.out);
    }
    assert_eq!(stage.to.transcript().writing(), Vec::<String>::new());
    assert_eq!(stage.from.transcript().writing(), Vec::<String>::new());
    assert!(!stage.home.path("state").exists() && !stage.home.path("LOG_imapsync").exists());
    Ok(())
}
