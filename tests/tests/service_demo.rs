//! The demo: a domain carried through the service by its own program, also while the service is killed again and again.
//! Never counts by the service's word: the demo asks both servers themselves, and the numbers are held here.

use acceptance::program::Home;
use anyhow::{Context, Result};
use serde_json::Value;

const SEED: u64 = 20_261_121;
/// How often the service is killed on the way.
const KILLS: u32 = 30;

fn seed() -> u64 {
    let seed = std::env::var("MALOTE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    eprintln!("MALOTE_SEED={seed}");
    seed
}

/// Plays the demo and holds what it came to against what was put into the mailboxes.
async fn check(more: &[&str], kills: u64) -> Result<()> {
    let home = Home::new()?;
    let words = ["demo", "--exit", "--json", "--quiet", "--messages", "600"];
    let ended = home.run(words.iter().chain(more)).await?.with(0);
    let told: Value = serde_json::from_str(&ended.out)?;
    assert_eq!(
        (&told["gate"]["dns_allowed"], &told["phase"]),
        (&true.into(), &"cutover_ready".into()),
        "{told}"
    );
    assert_eq!(told["kills"], kills, "{told}");
    let mailboxes = told["mailboxes"].as_array().context("no mailboxes")?;
    let mut total = 0;
    for mailbox in mailboxes {
        assert_eq!(mailbox["source"], mailbox["destination"], "{mailbox}");
        total += mailbox["source"].as_u64().context("no number")?;
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
