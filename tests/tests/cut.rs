//! Wires cut, reset and silenced between the engine and real servers, on either side, wherever it may hurt.
//! Every case ends with each message at the destination exactly as often as at the source, which is untouched.

use std::collections::BTreeSet;
use std::time::Duration;

use acceptance::mail::{Kind, Mail, Postman};
use acceptance::migration::{Migration, PASSWORD};
use acceptance::office::{Writing, contents, differences, move_in, sorted};
use acceptance::proxy::{Place, Plan, Proxy};
use acceptance::reader::{Fingerprint, ReadMessage, Reader};
use acceptance::scripted::End;
use acceptance::servers::{Dovecot, DovecotOptions, DovecotUser, Layout};
use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _};
use malote_engine::event::Event;
use malote_engine::report::Status;

const SEED: u64 = 77;
const CASES_AT_ONCE: usize = 12;
/// How long the engine bears silence here; a stalled wire costs a case that long.
const PROGRESS_MAX: Duration = Duration::from_millis(1_500);
const LARGE_OCTETS: usize = 1_300_000;
const RUNS_MAX: usize = 3;
const ENDS: [End; 3] = [End::Close, End::Reset, End::Stall];

/// Which of the two wires is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Source,
    Destination,
}

/// One wire, one place, one end, on the first connections.
#[derive(Clone, Copy, Debug)]
struct Case {
    wire: Wire,
    place: Place,
    end: End,
    /// How many connections, from the first, suffer it.
    connections: usize,
}

struct Ground {
    source: Dovecot,
    destination: Dovecot,
    untouched: Vec<ReadMessage>,
    expected: Vec<Fingerprint>,
}

/// What an undisturbed run sends over each wire.
#[derive(Clone, Copy, Debug)]
struct Measure {
    to_server: u64,
    to_client: u64,
}

impl Ground {
    async fn lay(layout: Layout, users_max: usize) -> Result<Self> {
        let source = Dovecot::start(DovecotOptions::default())?;
        let users = (0..users_max).map(|number| DovecotUser::new(&user(number), PASSWORD)).collect();
        let destination = Dovecot::start(DovecotOptions { layout, users, ..DovecotOptions::default() })?;
        let mut reader = Reader::login(source.port(), "ana", PASSWORD).await?;
        assert!(move_in(&mut reader, Writing::PLAIN, &sorted(mails())).await?.is_empty());
        let untouched = reader.everything().await?;
        let expected = contents(&mut reader, Writing::PLAIN).await?;
        Ok(Self { source, destination, untouched, expected })
    }

    /// A run through proxies that pass everything on: what goes over the source's wire and the destination's.
    async fn measured(&self) -> Result<(Measure, Measure)> {
        let (source, destination) = (self.proxy(Wire::Source, None)?, self.proxy(Wire::Destination, None)?);
        let migration = migration(&source.url("ana"), &destination.url(&user(0)))?;
        let report = migration.copy().await?;
        assert_eq!(report.status, Status::Success, "{report:#?}");
        self.is_exact(&user(0)).await?;
        let measure = |proxy: &Proxy| {
            let (to_server, to_client) = proxy.octets();
            Measure { to_server, to_client }
        };
        Ok((measure(&source), measure(&destination)))
    }

    fn proxy(&self, wire: Wire, case: Option<Case>) -> Result<Proxy> {
        let port = if wire == Wire::Source { self.source.port() } else { self.destination.port() };
        let case = case.filter(|case| case.wire == wire);
        let plan = case.map_or_else(Plan::new, |case| {
            (1..=case.connections).fold(Plan::new(), |plan, number| plan.on(number, case.place, case.end))
        });
        Proxy::start(port, plan)
    }

    /// Runs one case on an account of its own; gives whether its fault came to pass.
    async fn check(&self, number: usize, case: Case) -> Result<bool> {
        let user = user(number);
        let told = || format!("{case:?} on {user}");
        let source = self.proxy(Wire::Source, Some(case))?;
        let destination = self.proxy(Wire::Destination, Some(case))?;
        let migration = migration(&source.url("ana"), &destination.url(&user))?;
        let mut report = migration.copy().await?;
        for _ in 1..RUNS_MAX {
            if report.status == Status::Success {
                break;
            }
            report = migration.copy().await?;
        }
        ensure!(report.status == Status::Success, "{}: {report:#?}", told());
        self.is_exact(&user).await.with_context(told)?;
        let again = migration.copy().await?;
        let totals = again.totals;
        ensure!(again.status == Status::Success, "{}: the run after it: {again:#?}", told());
        let moved = (totals.copied, totals.adopted, totals.flag_changes);
        ensure!(moved == (0, 0, 0), "{}: the run after it did {totals:?}", told());
        Ok(source.faults() + destination.faults() > 0)
    }

    async fn is_exact(&self, user: &str) -> Result<()> {
        let mut reader = Reader::login(self.destination.port(), user, PASSWORD).await?;
        let (missing, surplus) = differences(&self.expected, &contents(&mut reader, Writing::PLAIN).await?);
        ensure!(missing.is_empty() && surplus.is_empty(), "missing: {missing:#?}; too many: {surplus:#?}");
        reader.logout().await
    }
}

fn user(number: usize) -> String {
    format!("bia{number}")
}

/// One connection a side, so that the first connection is the one that does the work.
fn migration(from: &str, to: &str) -> Result<Migration> {
    let mut migration = Migration::between(from, to)?;
    migration.policy.connections = 1;
    migration.progress_max = Some(PROGRESS_MAX);
    Ok(migration)
}

/// Forty messages: every kind, twins, and one that passes from wire to wire.
fn mails() -> Vec<Mail> {
    let mut postman = Postman::new(SEED);
    let mut mails = postman.one_of_each();
    mails.extend(postman.ordinaries(7));
    mails.extend((0..2).map(|_| postman.of_kind(Kind::NoIdentity)));
    let large = "linha de um anexo longo\r\n".repeat(LARGE_OCTETS / 25);
    let octets = [b"Message-ID: <grande@example.net>\r\n\r\n".as_slice(), large.as_bytes()].concat();
    mails.insert(13, Mail { octets, ..mails[0].clone() });
    mails.push(mails[0].clone());
    mails.push(mails[0].clone());
    mails
}

/// So many places spread evenly over a stream, the first and the last octets among them.
fn spread(octets: u64, count: u64) -> impl Iterator<Item = u64> {
    let inner = (1..count).map(move |step| octets * step / count);
    [1, 20, octets.saturating_sub(300), octets.saturating_sub(1)].into_iter().chain(inner)
}

fn cases(wire: Wire, measure: Measure) -> Vec<Case> {
    let mut places: Vec<Place> = Vec::new();
    places.extend(spread(measure.to_client, 24).map(Place::ToClient));
    places.extend(spread(measure.to_server, 24).map(Place::ToServer));
    places.extend((1..=30).map(Place::BeforeCommand));
    if wire == Wire::Destination {
        for number in [1, 2, 3, 5, 8, 13, 20, 28, 33, 38] {
            places.extend([0, 1, 700].map(|after_octets| Place::IntoLiteral { number, after_octets }));
        }
    }
    let case = |(index, place): (usize, Place)| {
        // Stalls cost time, so each place has two of the three ends, and every third place has them all.
        let ends = ENDS.into_iter().enumerate().filter(move |(at, _)| index % 3 == 0 || *at != index % 3);
        ends.map(move |(at, end)| Case { wire, place, end, connections: 1 + (index + at) % 2 })
    };
    places.into_iter().enumerate().flat_map(case).collect()
}

async fn all_cases(layout: Layout, wire: Wire) -> Result<()> {
    let began = std::time::Instant::now();
    let ground = Ground::lay(layout, 400).await?;
    let (source, destination) = ground.measured().await?;
    let cases = cases(wire, if wire == Wire::Source { source } else { destination });
    eprintln!("{wire:?}: {source:?}, {destination:?}: {} cases", cases.len());
    let ground = &ground;
    let checks = cases.iter().enumerate().map(|(index, case)| ground.check(index + 1, *case));
    let struck: Vec<bool> =
        futures_util::stream::iter(checks).buffer_unordered(CASES_AT_ONCE).try_collect().await?;
    let faults = struck.iter().filter(|is_struck| **is_struck).count();
    eprintln!("{wire:?}: {faults} of {} cases struck, in {:?}", cases.len(), began.elapsed());
    assert!(faults * 10 >= cases.len() * 8, "only {faults} of {} cuts came to pass", cases.len());
    let mut reader = Reader::login(ground.source.port(), "ana", PASSWORD).await?;
    assert!(reader.everything().await? == ground.untouched, "the source was touched");
    let names: BTreeSet<String> = reader.folders().await?.into_iter().map(|folder| folder.name).collect();
    assert!(ground.untouched.iter().all(|message| names.contains(&message.folder)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_wire_to_the_source_loses_nothing_and_doubles_nothing() -> Result<()> {
    all_cases(Layout::Sdbox, Wire::Source).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_wire_to_the_destination_loses_nothing_and_doubles_nothing() -> Result<()> {
    all_cases(Layout::Sdbox, Wire::Destination).await
}

/// The user changes flags while the engine pauses between two passes over the folder that it had copied in part.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flag_changed_between_two_passes_is_carried() -> Result<()> {
    let servers = (Dovecot::start(DovecotOptions::default())?, Dovecot::start(DovecotOptions::default())?);
    let mut user = Reader::login(servers.0.port(), "ana", PASSWORD).await?;
    let mails = Postman::new(SEED).ordinaries(200);
    user.fill(mails.iter().map(|mail| ("INBOX", mail))).await?;
    let octets: usize = mails.iter().map(|mail| mail.octets.len()).sum();
    let place = Place::ToClient(octets as u64 * 3 / 4);
    let proxy = Proxy::start(servers.0.port(), Plan::new().on(1, place, End::Close))?;
    let mut migration = migration(&proxy.url("ana"), &servers.1.url("ana"))?;
    migration.policy.pause_ms = 500;
    let changes = async {
        while !migration.events().iter().any(|event| matches!(event, Event::Retrying { .. })) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        user.run("SELECT INBOX").await?;
        user.run("STORE 1:10 -FLAGS (\\Seen)").await?;
        user.run("STORE 5:20 +FLAGS (\\Flagged $Importante)").await
    };
    let (report, changed) = tokio::join!(migration.copy(), changes);
    (changed?, assert_eq!(report?.status, Status::Success));
    let delta = migration.copy().await?;
    let mut copy = Reader::login(servers.1.port(), "ana", PASSWORD).await?;
    let (ours, theirs) = (user.fingerprints().await?, copy.fingerprints().await?);
    assert_eq!(differences(&ours, &theirs), (vec![], vec![]), "{delta:#?}");
    Ok(())
}
