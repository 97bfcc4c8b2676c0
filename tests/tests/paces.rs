//! Ceilings on messages and octets per second, measured over minutes of a time of their own.
//! Never a real second: nothing here waits but for a ceiling.

use std::sync::Arc;
use std::time::Duration;

use acceptance::world::{Habits, Letter, Mailbox, MemoryDestination, MemorySource, Steps};
use async_trait::async_trait;
use malote_engine::body::Body;
use malote_engine::failure::Result;
use malote_engine::ledger::PairIdentity;
use malote_engine::ledger::memory::MemoryLedger;
use malote_engine::pace::Pace;
use malote_engine::profile::Profile;
use malote_engine::quarantine::Quarantine;
use malote_engine::run::{Job, copy};
use tokio::time::Instant;

struct Nowhere;

#[async_trait]
impl Quarantine for Nowhere {
    async fn keep(&self, hint: &str, _body: Body) -> Result<String> {
        Ok(hint.to_owned())
    }
}

/// Four folders of so many messages each, every message of so many octets.
fn filled(messages: u32, octets: usize) -> Mailbox {
    let mailbox = Mailbox::new(Habits::default());
    for folder in ["INBOX", "A", "B", "C"] {
        for number in 0..messages {
            let head = format!("Message-ID: <{folder}{number}@x>\r\nSubject: s\r\n\r\n");
            let text = format!("{head}{}\r\n", "x".repeat(octets - head.len() - 2));
            mailbox.with(folder, |shelf| shelf.push(Letter::new(&text, "")));
        }
    }
    mailbox
}

/// How long a copy takes under these ceilings, on so many connections.
async fn elapsed(source: Mailbox, habits: Habits, pace: Pace, connections: usize) -> Duration {
    let (messages, steps) = (source.content().values().map(Vec::len).sum::<usize>(), Steps::counting());
    let source = MemorySource { mailbox: source, steps: Arc::clone(&steps) };
    let destination = MemoryDestination { mailbox: Mailbox::new(habits), steps };
    let identity = PairIdentity { source: "memory:a".to_owned(), destination: "memory:b".to_owned() };
    let mut job = Job::new(
        Arc::new(source),
        Arc::new(destination),
        Arc::new(MemoryLedger::new()),
        Arc::new(Nowhere),
        identity,
    );
    (job.policy.connections, job.policy.quiet_ms, job.pace) = (connections, 0, Arc::new(pace));
    let start = Instant::now();
    let report = copy(&job).await;
    assert_eq!(report.totals.copied, messages as u64, "{:#?}", report.errors);
    start.elapsed()
}

/// Checks that a copy kept its ceiling, and used at least nine tenths of it.
fn check(what: &str, elapsed: Duration, expected_seconds: f64) {
    let ratio = elapsed.as_secs_f64() / expected_seconds;
    assert!(
        (0.98..=1.1).contains(&ratio),
        "{what}: {elapsed:?}, where {expected_seconds} s are the ceiling's"
    );
}

#[tokio::test(start_paused = true)]
async fn a_ceiling_on_messages_is_kept_and_used_however_many_connections_there_are() {
    for (rate, connections) in [(1, 1), (20, 1), (20, 4), (500, 4)] {
        let pace = Pace::new(None, Some(rate));
        let elapsed = elapsed(filled(500, 200), Habits::default(), pace, connections).await;
        check(&format!("{rate} a second on {connections}"), elapsed, 2000.0 / rate as f64);
    }
}

#[tokio::test(start_paused = true)]
async fn a_ceiling_on_octets_is_kept_and_used_however_many_connections_there_are() {
    for (rate, connections) in [(10_000, 1), (10_000, 4), (1_000_000, 4)] {
        let pace = Pace::new(Some(rate), None);
        let elapsed = elapsed(filled(250, 20_000), Habits::default(), pace, connections).await;
        check(&format!("{rate} octets a second on {connections}"), elapsed, 20_000_000.0 / rate as f64);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_s_own_rate_of_appends_is_kept_whatever_the_operator_allows() {
    let text = "name = \"own\"\ntitle = \"Own\"\n[[quirk]]\nknob = \"appends_per_second\"\nvalue = 4\n\
        deviation = \"d\"\nhandling = \"h\"\nsource = \"s\"\n";
    let profile = Arc::new(Profile::read(text).expect("the profile above can be read"));
    for connections in [1, 4] {
        let habits = Habits { profile: Arc::clone(&profile), ..Habits::default() };
        let pace = Pace::new(None, Some(1000));
        let elapsed = elapsed(filled(100, 200), habits, pace, connections).await;
        check(&format!("4 a second on {connections}"), elapsed, 100.0);
    }
}
