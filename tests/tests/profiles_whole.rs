//! A thousand messages from each kind of server to another, with what such servers do to those who copy from them.
//! Never slower than it must be: the waits that servers name are short here.

use std::collections::BTreeSet;
use std::sync::Arc;

use acceptance::migration::Migration;
use acceptance::play::{assert_only_read, errors};
use acceptance::scripted::{Act, Dialect, End, Letter, Script, Scripted, When};
use anyhow::{Context as _, Result};
use malote_engine::profile::{Profile, named};
use malote_engine::report::{Report, Status};

/// Folders of each source, with a quarter of its messages each.
const FOLDERS: [&str; 4] = ["INBOX", "Sent", "Obras", "Obras/2024"];

const MESSAGES: u32 = 1_000;

/// Connections to a side: as many as the sparsest of these servers bears.
const CONNECTIONS: usize = 2;

/// One run: who copies to whom, and what happens on the way.
struct Case {
    source: Script,
    destination: Script,
    /// Whether a run is broken off on the way, so that some bodies have to be asked for again.
    is_broken_off: bool,
}

fn filled(script: Script) -> Result<Scripted> {
    let server = script.start()?;
    for number in 0..MESSAGES {
        let folder = FOLDERS[number as usize % FOLDERS.len()];
        server.world().folder(folder).push(Letter::simple(&format!("{folder} {number}")).flagged(r"\Seen"));
    }
    Ok(server)
}

/// Checks that nothing went wrong; what was appended without an answer is found again, and counts as adopted.
fn whole(report: &Report, arrived: u64) {
    assert_eq!(errors(report), Vec::<String>::new(), "{:#?}", report.errors);
    let totals = &report.totals;
    let found = totals.copied + totals.adopted;
    assert_eq!((report.status, found), (Status::Success, arrived), "{:#?}", report.warnings);
    assert_eq!(report.totals.source_messages, u64::from(MESSAGES));
    assert!(report.balances());
}

/// Runs to the end and once more: everything is there once, no limit was passed, and nothing is fetched twice
/// without need.
async fn check(case: Case) -> Result<()> {
    check_as(case, None).await
}

/// The same with a profile that the operator names for the destination.
async fn check_as(case: Case, profile: Option<Arc<Profile>>) -> Result<()> {
    let (source, destination) = (filled(case.source)?, case.destination.start()?);
    let mut migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
    migration.policy.connections = CONNECTIONS;
    migration.profiles.1 = profile;
    whole(&migration.copy().await?, u64::from(MESSAGES));
    for folder in FOLDERS {
        let there = destination.world().messages(folder);
        let distinct: BTreeSet<&[u8]> = there.iter().map(|stored| stored.letter.octets.as_slice()).collect();
        assert_eq!((there.len(), distinct.len()), (250, 250), "{folder}");
    }
    let asked = source.transcript().bodies_asked().len();
    assert!(asked >= MESSAGES as usize && (case.is_broken_off || asked == MESSAGES as usize), "{asked}");
    assert_eq!((source.transcript().hang_ups(), destination.transcript().hang_ups()), (0, 0));
    source.transcript().clear();
    whole(&migration.copy().await?, 0);
    assert_eq!(source.transcript().bodies_asked(), Vec::<u32>::new());
    assert_only_read(&source);
    Ok(())
}

fn throttled(milliseconds: u32) -> Act {
    Act::AnswerAndClose(format!(
        "BAD Request is throttled. Suggested Backoff Time: {milliseconds} milliseconds"
    ))
}

#[tokio::test]
async fn gmail_as_a_source_bears_few_connections_and_says_goodbye() -> Result<()> {
    let goodbye = Act::Prelude(b"* BYE Session expired, please login again.\r\n".to_vec());
    let source = Dialect::Gmail
        .script()
        .manners(|manners| manners.connections_max = Some(2))
        .rule(When::verb("UID FETCH").containing("BODY.PEEK[]").nth(2), goodbye)
        .rule(When::verb("UID FETCH").containing("BODY.PEEK[]").nth(2), Act::EndBefore(End::Close));
    check(Case { source, destination: Script::new(), is_broken_off: true }).await
}

#[tokio::test]
async fn exchange_as_a_source_throttles_and_names_the_wait() -> Result<()> {
    let source = Dialect::Exchange
        .script()
        .rule(When::verb("UID FETCH").containing("BODY.PEEK[]").nth(3), throttled(400));
    check(Case { source, destination: Dialect::Yahoo.script(), is_broken_off: true }).await
}

#[tokio::test]
async fn yahoo_as_a_source_bears_two_connections_and_a_thousand_messages_to_a_command() -> Result<()> {
    let source = Dialect::Yahoo.script().manners(|manners| manners.connections_max = Some(2));
    check(Case { source, destination: Dialect::Zimbra.script(), is_broken_off: false }).await
}

#[tokio::test]
async fn zimbra_as_a_source_drops_connections_without_a_word() -> Result<()> {
    let source = Dialect::Zimbra
        .script()
        .rule(When::verb("UID FETCH").containing("BODY.PEEK[]").nth(2), Act::EndBefore(End::Close));
    check(Case { source, destination: Dialect::Gmail.script(), is_broken_off: true }).await
}

#[tokio::test]
async fn gmail_as_a_destination_bears_two_connections() -> Result<()> {
    let destination = Dialect::Gmail.script().manners(|manners| manners.connections_max = Some(2));
    check(Case { source: Dialect::Cpanel.script().manners(slashed), destination, is_broken_off: false }).await
}

#[tokio::test]
async fn exchange_and_microsoft_365_as_destinations_throttle_and_close() -> Result<()> {
    for (dialect, name) in [(Dialect::Exchange, "exchange"), (Dialect::Microsoft365, "microsoft365")] {
        // Four appends a second would take minutes; `paces.rs` holds that in paused time.
        let mut profile = (*named(name).context("the profile is shipped")?).clone();
        profile.settings.appends_per_second = None;
        let destination = dialect
            .script()
            .rule(When::verb("APPEND").nth(200), throttled(300))
            .rule(When::verb("APPEND").nth(700), throttled(200));
        let case = Case { source: Script::new(), destination, is_broken_off: true };
        check_as(case, Some(Arc::new(profile))).await?;
    }
    Ok(())
}

#[tokio::test]
async fn yahoo_as_a_destination_takes_everything_at_once() -> Result<()> {
    let destination = Dialect::Yahoo.script();
    check(Case { source: Dialect::Gmail.script(), destination, is_broken_off: false }).await
}

#[tokio::test]
async fn zimbra_as_a_destination_drops_a_connection_without_a_word() -> Result<()> {
    let destination =
        Dialect::Zimbra.script().rule(When::verb("APPEND").nth(5), Act::EndUnanswered(End::Close));
    check(Case { source: Dialect::Microsoft365.script(), destination, is_broken_off: true }).await
}

/// Folders without a prefix, so that the same names are used on all servers.
fn slashed(manners: &mut acceptance::scripted::Manners) {
    (manners.delimiter, manners.namespace) = (Some('/'), None);
}
