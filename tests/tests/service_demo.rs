//! The demo: a domain carried through the service by its own program, also while the service is killed again and again.
//! Never counts by the service's word: the demo asks both servers themselves, and the numbers are held here.

use std::time::Duration;

use acceptance::program::Home;
use anyhow::{Context, Result};
use pst_writer::{Crypt, Pst, office};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// How long anything may take before it is taken for stuck.
const WAIT_MAX: Duration = Duration::from_secs(120);
const SEED: u64 = 20_261_121;
/// How often the service is killed on the way.
const KILLS: u32 = 30;

fn seed() -> u64 {
    let seed = std::env::var("MALOTE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    eprintln!("MALOTE_SEED={seed}");
    seed
}

/// Plays the demo with a store for its first mailbox, and holds what it came to against what was put in.
async fn check(more: &[&str], kills: u64) -> Result<()> {
    let home = Home::new()?;
    let store = home.path("ana.pst");
    office::write(&store, Pst::new(Crypt::Permute))?;
    let store = store.display().to_string();
    let words = ["demo", "--exit", "--json", "--quiet", "--messages", "600", "--pst", &store];
    let ended = home.run(words.iter().chain(more)).await?.with(0);
    let told: Value = serde_json::from_str(&ended.out)?;
    let open = (&told["gate"]["dns_allowed"], &told["phase"]);
    assert_eq!(open, (&true.into(), &"cutover_ready".into()), "{told}");
    let numbers = (&told["kills"], &told["carried"], &told["acknowledged"]);
    assert_eq!(numbers, (&kills.into(), &office::MESSAGES.into(), &1.into()), "{told}");
    let mailboxes = told["mailboxes"].as_array().context("no mailboxes")?;
    let mut total = 0;
    for (place, mailbox) in mailboxes.iter().enumerate() {
        let count = |name: &str| mailbox[name].as_u64().context("no number");
        let more = if place == 0 { office::MESSAGES } else { 0 };
        assert_eq!(count("source")? + more, count("destination")?, "{mailbox}");
        total += count("source")?;
    }
    assert_eq!(mailboxes.len(), 12);
    // New mail comes in fives, once at least.
    assert!(total >= 605 && total % 5 == 0, "{total}");
    Ok(())
}

#[tokio::test]
async fn a_domain_is_carried_to_an_open_gate() -> Result<()> {
    check(&[], 0).await
}

#[tokio::test]
async fn a_service_that_is_killed_thirty_times_loses_nothing_and_needs_no_hand() -> Result<()> {
    let (kills, seed) = (KILLS.to_string(), seed().to_string());
    check(&["--kills", &kills, "--seed", &seed], KILLS.into()).await
}

#[tokio::test]
async fn a_script_asks_a_running_installation_and_believes_nothing_else() -> Result<()> {
    let home = Home::new()?;
    let mut demo = home.command(["demo", "--json", "--quiet", "--messages", "120"]).spawn()?;
    let mut out = BufReader::new(demo.stdout.take().context("no standard output")?).lines();
    let mut text = String::new();
    while text.lines().last() != Some("}") {
        let line = timeout(WAIT_MAX, out.next_line()).await??.context("the demo ended")?;
        text.push_str(&line);
        text.push('\n');
    }
    let told: Value = serde_json::from_str(&text)?;
    let (url, token) = (told["url"].as_str().context("no URL")?, told["token"].as_str().context("no token")?);
    let (right, wrong) = (home.write("token", token)?, home.write("wrong", "lbx_wrong")?);
    for (url, token, domain, status, words) in [
        (url, &right, "exemplo.com.br", 0, "the gate of exemplo.com.br is open"),
        (url, &right, "other.example", 1, "FAIL  the gate of other.example answers"),
        (url, &wrong, "exemplo.com.br", 1, "do not change DNS"),
        ("http://127.0.0.1:1", &right, "exemplo.com.br", 1, "FAIL  the service is ready"),
    ] {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/verify-migration.sh");
        let mut command = Command::new(script);
        command.arg(domain).env("MALOTE_URL", url).env("MALOTE_TOKEN_FILE", token);
        let output = timeout(WAIT_MAX, command.output()).await??;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(status), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(words), "{said}");
        assert_eq!(said.contains("DNS may be changed"), status == 0, "{said}");
    }
    for (url, token, domain, status) in [
        (url, &right, "exemplo.com.br", 0),
        (url, &right, "other.example", 8),
        (url, &wrong, "exemplo.com.br", 5),
        ("http://127.0.0.1:1", &right, "exemplo.com.br", 4),
        ("http://malote.example.net", &right, "exemplo.com.br", 2),
    ] {
        home.run(["gate", domain, "--url", url, "--token-file", token]).await?.with(status);
    }
    let id = rustix::process::Pid::from_raw(i32::try_from(demo.id().context("it has ended")?)?);
    rustix::process::kill_process(id.context("no process")?, rustix::process::Signal::INT)?;
    assert_eq!(timeout(WAIT_MAX, demo.wait()).await??.code(), Some(0));
    assert!(
        tokio::net::TcpStream::connect(url.trim_start_matches("http://")).await.is_err(),
        "it still listens"
    );
    Ok(())
}
