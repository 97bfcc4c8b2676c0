//! What a hostile or broken server may send in place of an answer: each has a named limit, bounded memory, a clear
//! error, and costs no other folder anything. Never waits for a real time limit.

use acceptance::pair::{Pair, classes};
use acceptance::scripted::{Act, Letter, Script, When};
use anyhow::{Context as _, Result};

/// Resident memory that this process may reach, servers included, in KiB.
const PEAK_KIB_MAX: u64 = 300 * 1024;

fn peak_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).context("Linux tells the peak")?;
    Ok(line.split_whitespace().nth(1).context("a number")?.parse()?)
}

/// `Ruim`, whose messages have UIDs from 7000 on, is answered with this whenever its messages are read; INBOX and
/// its two messages have to arrive all the same. Returns the error's sentence.
async fn answered_with(act: Act) -> Result<String> {
    let script = Script::new().rule(When::verb("UID FETCH").containing("7000"), act);
    let mut pair = Pair::of(script, Script::new())?;
    (pair.migration.policy.pause_ms, pair.migration.policy.attempts_max) = (1, 2);
    pair.deliver([Letter::simple("a"), Letter::simple("b")]);
    let bad = pair.source.world().folder("Ruim");
    bad.set_uidnext(7000);
    bad.push(Letter::simple("c"));
    bad.push(Letter::simple("d"));
    let report = pair.copy().await?;
    assert_eq!((report.totals.copied, report.totals.pending), (2, 2), "{report:?}");
    assert!(report.balances() && pair.there().messages().len() == 2, "{report:?}");
    assert!(peak_kib()? < PEAK_KIB_MAX, "{} KiB", peak_kib()?);
    Ok(report.errors.iter().map(|error| error.message.clone()).collect::<Vec<_>>().join("; "))
}

async fn check(name: &str, act: Act, expected: &str) -> Result<()> {
    let told = answered_with(act).await?;
    assert!(told.contains(expected), "{name}: {told}");
    Ok(())
}

#[tokio::test]
async fn whatever_comes_in_place_of_a_message_is_bounded_named_and_costs_no_other_folder() -> Result<()> {
    let raw = |text: &str| Act::Raw(text.as_bytes().to_vec());
    check(
        "a header of 4 GiB",
        raw("* 1 FETCH (UID 7000 FLAGS () BODY[HEADER] {4294967296}\r\n"),
        "a literal of 4294967296 octets",
    )
    .await?;
    check(
        "a length that no number holds",
        raw("* 1 FETCH (UID 7000 BODY[] {99999999999999999999999}\r\n"),
        "the server sent a literal of",
    )
    .await?;
    check("an endless line", Act::Endless(b"x".to_vec()), "a line of more than").await?;
    check("endless parentheses", Act::Endless(b"(".to_vec()), "a line of more than").await?;
    check("endless NULs", Act::Endless(vec![0]), "a line of more than").await?;
    check("responses without end", Act::Endless(b"* OK\r\n".to_vec()), "responses to one command").await
}

#[tokio::test]
async fn parentheses_without_end_inside_a_response_are_passed_over() -> Result<()> {
    let nested = format!("* 1 FETCH (X {}{})\r\n", "(".repeat(100_000), ")".repeat(100_000));
    let script = Script::new().rule(When::verb("UID FETCH"), Act::Prelude(nested.into_bytes()));
    let pair = Pair::of(script, Script::new())?;
    pair.deliver([Letter::simple("a"), Letter::new("x\0y\r\n")]);
    let report = pair.copy().await?;
    assert_eq!((report.totals.copied, classes(&report).len()), (2, 0), "{report:?}");
    Ok(())
}

#[tokio::test]
async fn folders_beyond_the_limit_end_the_account_with_its_name() -> Result<()> {
    let mut lines = String::new();
    for number in 0..120_000 {
        lines.push_str(&format!("* LIST () \"/\" pasta{number}\r\n"));
    }
    lines.push_str("{tag} OK listed\r\n");
    let script = Script::new().rule(When::verb("LIST"), Act::Raw(lines.into_bytes()));
    let pair = Pair::of(script, Script::new())?;
    pair.deliver([Letter::simple("a")]);
    let report = pair.copy().await?;
    assert_eq!(classes(&report), ["server.limit_exceeded"], "{report:?}");
    assert!(report.errors[0].message.contains("more than 100000"), "{report:?}");
    assert!(peak_kib()? < PEAK_KIB_MAX, "{} KiB", peak_kib()?);
    Ok(())
}
