//! Whole mailboxes moved by tokens that end: at a real Dovecot that looks each of them up, and at scripted servers.
//! Every case ends with each message at the destination exactly as often as at the source.

use std::sync::Arc;
use std::time::Duration;

use acceptance::identity_provider::{CLIENT_ID, CLIENT_SECRET, IdentityProvider, Lie};
use acceptance::mail::{Mail, Postman};
use acceptance::migration::{Migration, PASSWORD};
use acceptance::office::{Writing, contents, differences, move_in, sorted};
use acceptance::pair::{Pair, classes};
use acceptance::proxy::{Place, Plan, Proxy};
use acceptance::reader::{Fingerprint, Reader};
use acceptance::scripted::{Act, End, Letter, Script, When};
use acceptance::servers::{Dovecot, DovecotOptions};
use anyhow::{Result, ensure};
use malote_engine::failure::{Result as Outcome, Side};
use malote_engine::imap::{SecretSource, SecretString};
use malote_engine::report::{Report, Status};
use malote_engine::token::{Broker, Client, Grant, Patience, RefreshFile, Url};
use tempfile::TempDir;
use tokio::time::sleep;

const SEED: u64 = 4_206;
const MESSAGES: usize = 400;

/// Two Dovecots that take tokens of one provider, and mail at the first.
struct Ground {
    provider: IdentityProvider,
    source: Dovecot,
    destination: Dovecot,
    expected: Vec<Fingerprint>,
    folder: TempDir,
}

impl Ground {
    async fn lay(messages: usize) -> Result<Self> {
        let provider = IdentityProvider::start("ana")?;
        let options = || DovecotOptions {
            introspection_url: Some(provider.introspection_url()),
            ..DovecotOptions::default()
        };
        let (source, destination) = (Dovecot::start(options())?, Dovecot::start(options())?);
        let mut postman = Postman::new(SEED);
        let mails: Vec<Mail> = postman.ordinaries(messages);
        let mut reader = Reader::login(source.port(), "ana", PASSWORD).await?;
        ensure!(move_in(&mut reader, Writing::PLAIN, &sorted(mails)).await?.is_empty());
        let expected = contents(&mut reader, Writing::PLAIN).await?;
        Ok(Self { provider, source, destination, expected, folder: tempfile::tempdir()? })
    }

    /// The destination holds what the source held, each message once.
    async fn is_exact(&self) -> Result<()> {
        let mut reader = Reader::login(self.destination.port(), "ana", PASSWORD).await?;
        let there = contents(&mut reader, Writing::PLAIN).await?;
        let (missing, altered) = differences(&self.expected, &there);
        ensure!(missing.is_empty() && altered.is_empty(), "missing {missing:#?}, too many {altered:#?}");
        Ok(())
    }

    fn client(&self) -> Result<Client> {
        let token_url = Url::parse(&self.provider.token_url()).map_err(anyhow::Error::msg)?;
        Ok(Client {
            token_url,
            id: CLIENT_ID.to_owned(),
            secret: Some(SecretString::from(CLIENT_SECRET.to_owned())),
        })
    }

    /// Both sides by one refresh token that is rotated with every use.
    fn broker(&self) -> Result<Broker> {
        let path = self.folder.path().join("refresh");
        if !path.exists() {
            std::fs::write(&path, self.provider.consent())?;
        }
        let (client, file) = (self.client()?, RefreshFile::new(path));
        let grant = Grant::RefreshToken { client, scope: None, file };
        let patience = Patience { pause: Duration::from_millis(20), ..Patience::default() };
        Ok(Broker::new(Side::Source, grant, Vec::new(), patience))
    }

    fn migration(&self, from: &str, to: &str) -> Result<Migration> {
        let broker = self.broker()?;
        let mut migration = Migration::between(from, to)?;
        migration.from_secret = Some(Arc::new(broker.clone()));
        migration.to_secret = Some(Arc::new(broker.at(Side::Destination)));
        Ok(migration)
    }
}

/// Cuts the first connections, each a little later than the one before it.
fn cut_often(place: fn(u64) -> Place, end: End) -> Plan {
    (1..=12).fold(Plan::new(), |plan, number| plan.on(number, place(30_000 + 15_000 * number as u64), end))
}

fn told(report: &Report) -> String {
    report.errors.iter().map(|error| format!("{}: {}; ", error.class, error.message)).collect()
}

fn is_whole(report: &Report) {
    assert_eq!((report.status, report.totals.pending), (Status::Success, 0), "{}", told(report));
    assert!(report.balances() && report.errors.is_empty(), "{}", told(report));
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_connections_to_a_real_server_cost_one_request_for_a_token() -> Result<()> {
    let ground = Ground::lay(120).await?;
    for query in ["", "&auth=xoauth2", "&auth=oauthbearer"] {
        let urls = (ground.source.url("ana") + query, ground.destination.url("ana") + query);
        let mut migration = ground.migration(&urls.0, &urls.1)?;
        migration.policy.connections = 8;
        let before = ground.provider.asked("token");
        is_whole(&migration.copy().await?);
        ground.is_exact().await?;
        assert_eq!(ground.provider.asked("token") - before, 1, "{query}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_end_in_the_midst_of_a_copy_lose_and_double_nothing() -> Result<()> {
    for connections in [2, 8] {
        outlives_its_tokens(connections).await?;
    }
    Ok(())
}

async fn outlives_its_tokens(connections: usize) -> Result<()> {
    let ground = Ground::lay(MESSAGES).await?;
    let from = Proxy::start(ground.source.port(), cut_often(Place::ToClient, End::Close))?;
    let to = Proxy::start(ground.destination.port(), cut_often(Place::ToServer, End::Reset))?;
    let mut migration = ground.migration(&from.url("ana"), &to.url("ana"))?;
    (migration.policy.attempts_max, migration.policy.connections) = (12, connections);
    // Said to hold an hour, and ended again and again: only the mail server's refusal tells. The wires are cut as
    // well, so that there are many logins.
    let opened = || from.connections() + to.connections();
    let endings = async {
        loop {
            let before = opened();
            while opened() < before + 4 {
                sleep(Duration::from_millis(1)).await;
            }
            ground.provider.state().tokens.clear();
            // Whoever is refused now has time to log in with the next token.
            sleep(Duration::from_millis(700)).await;
        }
    };
    let report = tokio::select! {
        report = migration.copy() => report?,
        () = endings => unreachable!("it never ends by itself"),
    };
    is_whole(&report);
    ground.is_exact().await?;
    let requests = ground.provider.asked("token");
    assert!(requests >= 2, "no token ended in {} connections", opened());
    assert!(requests <= opened(), "{requests} tokens are too many");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_is_withdrawn_parks_the_mailbox_and_a_new_one_finishes_it() -> Result<()> {
    let ground = Ground::lay(MESSAGES).await?;
    ground.provider.lives(Duration::from_millis(300), 3_600);
    let to = Proxy::start(ground.destination.port(), cut_often(Place::ToServer, End::Close))?;
    let mut migration = ground.migration(&ground.source.url("ana"), &to.url("ana"))?;
    let parked = {
        let (copying, provider) = (migration.copy(), &ground.provider);
        let withdrawn = async {
            while to.connections() < 4 {
                sleep(Duration::from_millis(1)).await;
            }
            provider.revoke();
        };
        tokio::join!(copying, withdrawn).0?
    };
    assert_ne!(parked.status, Status::Success, "{parked:#?}");
    assert!(parked.balances() && parked.totals.pending > 0, "{parked:#?}");
    assert_eq!(classes(&parked).first(), Some(&"auth.token_expired"), "{}", told(&parked));
    assert!(told(&parked).contains("consent again"), "{}", told(&parked));
    let text = serde_json::to_string(&parked)?;
    assert!(!text.contains("hunter2"), "{text}");
    // Without a new consent, nothing is copied and nothing is lost.
    let still = migration.copy().await?;
    assert_eq!(still.totals.copied, 0, "{still:#?}");
    std::fs::write(ground.folder.path().join("refresh"), ground.provider.consent())?;
    ground.provider.lives(Duration::from_secs(600), 3_600);
    let broker = ground.broker()?;
    migration.from_secret = Some(Arc::new(broker.clone()));
    migration.to_secret = Some(Arc::new(broker));
    let report = migration.copy().await?;
    is_whole(&report);
    assert!(report.totals.already + report.totals.adopted > 0 || parked.totals.copied == 0, "{report:#?}");
    ground.is_exact().await
}

#[tokio::test]
async fn a_provider_that_is_down_for_a_while_stops_the_run_and_not_the_mailbox() -> Result<()> {
    let ground = Ground::lay(20).await?;
    ground.provider.state().always = Some(Lie::Answer(503, "", String::new()));
    let migration = ground.migration(&ground.source.url("ana"), &ground.destination.url("ana"))?;
    let report = migration.copy().await?;
    assert_eq!(classes(&report).first(), Some(&"server.temp"), "{}", told(&report));
    ground.provider.state().always = None;
    is_whole(&migration.copy().await?);
    ground.is_exact().await
}

#[tokio::test]
async fn tokens_that_the_mail_server_never_takes_are_tried_once_each_and_three_at_most() -> Result<()> {
    let ground = Ground::lay(5).await?;
    ground.provider.lives(Duration::ZERO, 3_600);
    let migration = ground.migration(&ground.source.url("ana"), &ground.destination.url("ana"))?;
    let report = migration.copy().await?;
    assert_eq!(classes(&report).first(), Some(&"auth.token_expired"), "{}", told(&report));
    // Two sides with three logins each, at most; a token value is never tried again at one side.
    let looked_up: Vec<String> = {
        let state = ground.provider.state();
        let requests = state.requests.iter().filter(|request| request.path == "introspect");
        requests.map(|request| request.field("token").to_owned()).collect()
    };
    assert!(!looked_up.is_empty() && looked_up.len() <= 6, "{looked_up:?}");
    let most = looked_up.iter().map(|one| looked_up.iter().filter(|other| *other == one).count()).max();
    assert!(most <= Some(2), "{looked_up:?}");
    assert!(ground.provider.asked("token") <= 6, "{}", ground.provider.asked("token"));
    Ok(())
}

#[tokio::test]
async fn a_token_of_another_mailbox_opens_nothing() -> Result<()> {
    let ground = Ground::lay(5).await?;
    let migration = ground.migration(&ground.source.url("bia"), &ground.destination.url("ana"))?;
    let report = migration.copy().await?;
    assert_eq!((report.status, report.totals.copied), (Status::Failed, 0), "{report:#?}");
    assert!(classes(&report)[0].starts_with("auth."), "{}", told(&report));
    Ok(())
}

/// The scripted servers' password, handed over as a token.
struct PlayedToken;

#[async_trait::async_trait]
impl SecretSource for PlayedToken {
    async fn secret(&self) -> Outcome<SecretString> {
        Ok(SecretString::from(PASSWORD.to_owned()))
    }

    fn is_token(&self) -> bool {
        true
    }

    fn is_renewed_after_refusal(&self, _refused: &str) -> bool {
        true
    }
}

/// Runs until everything is there, twice at most, and expects it there once.
async fn arrives_once(source: Script, destination: Script, case: &str) -> Result<()> {
    let mut pair = Pair::of(source, destination)?;
    pair.deliver((0..60).map(|number| Letter::simple(&format!("letter {number}"))));
    pair.migration.from_secret = Some(Arc::new(PlayedToken));
    pair.migration.to_secret = Some(Arc::new(PlayedToken));
    pair.migration.progress_max = Some(Duration::from_millis(700));
    let mut report = pair.copy().await?;
    if report.totals.source_messages == 0 {
        // It ended before the folders were known; that is told, and another run takes it up.
        ensure!(report.status == Status::Failed, "{case}: {}", told(&report));
        report = pair.copy().await?;
    }
    ensure!(report.status == Status::Success, "{case}: {}", told(&report));
    ensure!(pair.is_twin(), "{case}: {}", told(&report));
    Ok(())
}

#[tokio::test]
async fn a_session_whose_token_ends_in_its_midst_is_left_for_a_new_one() -> Result<()> {
    let expired = b"* BYE Session invalidated - AccessTokenExpired\r\n".to_vec();
    let ways = [
        ("UID FETCH", Act::AnswerAndClose("NO [EXPIRED] token".to_owned())),
        ("UID FETCH", Act::Answer("NO [EXPIRED] token".to_owned())),
        ("UID FETCH", Act::Answer("NO [AUTHENTICATIONFAILED] log in again".to_owned())),
        ("SELECT", Act::Answer("NO [EXPIRED] token".to_owned())),
        ("EXAMINE", Act::Answer("NO [EXPIRED] token".to_owned())),
        ("APPEND", Act::Answer("NO [EXPIRED] token".to_owned())),
        ("APPEND", Act::AnswerAndClose("NO [AUTHENTICATIONFAILED] log in again".to_owned())),
        ("UID FETCH", Act::Raw(expired.clone())),
        ("APPEND", Act::Raw(expired)),
        ("APPEND", Act::EndUnanswered(End::Close)),
    ];
    for (verb, act) in ways {
        for number in [1, 2] {
            let script = || Script::new().rule(When::verb(verb).nth(number), act.clone());
            arrives_once(script(), script(), &format!("{verb} {number} {act:?}")).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_session_that_refuses_everything_from_some_moment_on_is_not_used_again() -> Result<()> {
    for answer in ["NO [EXPIRED] token", "NO [AUTHENTICATIONFAILED] log in again"] {
        for connection in 1..=2 {
            for number in [5, 6, 8, 10] {
                let when = || When::any().on_connection(connection).from(number);
                let script = || Script::new().rule(when(), Act::Answer(answer.to_owned()));
                let case = |side: &str| format!("{side} {connection} from {number}: {answer}");
                arrives_once(script(), Script::new(), &case("source")).await?;
                arrives_once(Script::new(), script(), &case("destination")).await?;
            }
        }
    }
    Ok(())
}
