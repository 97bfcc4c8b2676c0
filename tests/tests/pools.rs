//! Mailboxes that share what their servers bear: a cap of the operator's, a limit that only a refusal shows.
//! Never by times: what is counted is connections and messages.

use std::sync::Arc;
use std::time::Duration;

use acceptance::migration::{Migration, PASSWORD};
use acceptance::pair::{Pair, classes, told};
use acceptance::reader::Reader;
use acceptance::scripted::{Letter, Script};
use acceptance::servers::{Dovecot, DovecotOptions, DovecotUser};
use anyhow::Result;
use futures_util::future::try_join_all;
use malote_engine::event::Event;
use malote_engine::imap::host::Hosts;
use malote_engine::profile::Profile;
use malote_engine::run::copy;

const MAILBOXES: usize = 10;

fn server(user_sessions_max: u32) -> Result<Dovecot> {
    let users = (0..MAILBOXES).map(|at| DovecotUser::new(&format!("u{at}"), PASSWORD)).collect();
    Dovecot::start(DovecotOptions { users, user_sessions_max, ..DovecotOptions::default() })
}

/// Three folders with ten messages each for every user.
async fn fill(server: &Dovecot) -> Result<()> {
    for at in 0..MAILBOXES {
        let mut reader = Reader::login(server.port(), &format!("u{at}"), PASSWORD).await?;
        for folder in ["INBOX", "Enviadas", "Projetos"] {
            if folder != "INBOX" {
                reader.run(&format!("CREATE {folder}")).await?;
            }
            for number in 0..10 {
                let octets = Letter::simple(&format!("{folder} {at} {number}")).octets;
                reader.fill([(folder, &acceptance::mail::Mail::new("m", octets))]).await?;
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn ten_mailboxes_under_a_cap_of_five_all_arrive_and_never_pass_it() -> Result<()> {
    let (source, destination) = (server(10)?, server(10)?);
    fill(&source).await?;
    let hosts = Arc::new(Hosts::new(5));
    let mut migrations = Vec::new();
    for at in 0..MAILBOXES {
        let user = format!("u{at}");
        let mut migration = Migration::between(&source.url(&user), &destination.url(&user))?;
        migration.hosts = Some(Arc::clone(&hosts));
        migrations.push(migration);
    }
    let reports = try_join_all(migrations.iter().map(Migration::copy)).await?;
    for told in reports.iter().map(told) {
        assert_eq!(told, "success: 30 copied");
    }
    for server in [&source, &destination] {
        let most = hosts.host("127.0.0.1", server.port()).most_open();
        assert_eq!(most, 5, "the cap is used, and kept");
    }
    Ok(())
}

#[tokio::test]
async fn a_dovecot_that_bears_three_connections_of_a_user_is_served_by_three() -> Result<()> {
    let (source, destination) = (server(3)?, server(3)?);
    fill(&source).await?;
    let mut migration = Migration::between(&source.url("u0"), &destination.url("u0"))?;
    migration.policy.connections = 8;
    assert_eq!(told(&migration.copy().await?), "success: 30 copied");
    assert_eq!(told(&migration.copy().await?), "success: 30 already");
    Ok(())
}

#[tokio::test]
async fn a_limit_that_only_a_refusal_shows_is_found_and_kept() -> Result<()> {
    let source = Script::new().manners(|manners| manners.connections_max = Some(2)).start()?;
    let destination = Script::new().start()?;
    for number in 0..12 {
        let letters = (0..5).map(|at| Letter::simple(&format!("{number} {at}")));
        let _ = source.world().folder(format!("Pasta {number}")).holding(letters);
    }
    let mut migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
    migration.policy.connections = 8;
    assert_eq!(told(&migration.copy().await?), "success: 60 copied");
    Ok(())
}

/// A server that lets `octets` be read in a day.
fn allowing(octets: u64) -> Result<Arc<Profile>> {
    let text = format!(
        "name = \"miser\"\ntitle = \"A miser\"\n\n[recognised]\n\n[[quirk]]\nknob = \"octets_down_per_day\"\n\
         value = {octets}\ndeviation = \"counts what is read\"\nhandling = \"reads no more\"\nsource = \"tests\"\n"
    );
    Profile::read(&text).map(Arc::new).map_err(|wrong| anyhow::anyhow!("{wrong}"))
}

#[tokio::test]
async fn a_daily_allowance_ends_a_run_with_what_arrived_kept_and_is_told_by_the_plan() -> Result<()> {
    let mut pair = Pair::plain()?;
    let letters = (0..40).map(|at| Letter::simple(&format!("{at} {}", "x".repeat(1000))));
    pair.deliver(letters);
    pair.migration.profiles.0 = Some(allowing(20_000)?);
    let plan = pair.migration.plan().await?;
    let [allowance] = plan.allowances.as_slice() else { anyhow::bail!("{plan:?}") };
    assert_eq!((allowance.side.as_str(), allowance.bytes_per_day), ("source", 20_000));
    assert!((6..=8).contains(&allowance.days), "{allowance:?}");
    let report = pair.copy().await?;
    assert_eq!(classes(&report), ["throttle.daily"], "{report:?}");
    let copied = report.totals.copied;
    assert!(report.balances() && copied > 0 && report.totals.pending == 40 - copied, "{report:?}");
    assert!(report.errors[0].message.contains("goes on at"), "{report:?}");
    assert_eq!(pair.there().messages().len() as u64, copied, "what was read was written and recorded");
    Ok(())
}

#[tokio::test]
async fn a_run_that_may_wait_says_until_when_and_a_stop_ends_the_waiting() -> Result<()> {
    let mut pair = Pair::plain()?;
    pair.deliver((0..40).map(|at| Letter::simple(&format!("{at} {}", "x".repeat(1000)))));
    pair.migration.profiles.0 = Some(allowing(20_000)?);
    pair.migration.policy.waits_for_allowance = true;
    let job = pair.migration.job().await?;
    let stop = async {
        while !pair.migration.events().iter().any(|event| matches!(event, Event::Resting { .. })) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        job.stop.cancel();
    };
    let (report, ()) = tokio::join!(copy(&job), stop);
    assert_eq!(classes(&report), ["cancelled"], "no error but the stop itself: {report:?}");
    assert!(report.totals.copied > 0 && report.balances());
    Ok(())
}
