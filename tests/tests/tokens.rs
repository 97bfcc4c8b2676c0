//! The token broker against an identity provider that refuses, slows down and lies.
//! Every case ends with a token that holds, or with a failure that says whether to try again and shows no secret.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use acceptance::identity_provider::{
    CLIENT_ID, CLIENT_SECRET, ISSUER, IdentityProvider, KEY_PEM, Lie, SCOPE,
};
use acceptance::tls::{Identity, TestCa};
use anyhow::{Result, anyhow};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use malote_engine::failure::{Class, Failure, Retry, Side};
use malote_engine::imap::SecretSource;
use malote_engine::token::document::Document;
use malote_engine::token::{Broker, DevicePrompt, Patience, Prompt};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::time::sleep;

/// Everything about times is short, for a test does not wait.
const PATIENCE: Patience = Patience {
    request_max: Duration::from_millis(1_500),
    attempts_max: 3,
    pause: Duration::from_millis(10),
    pause_max: Duration::from_secs(2),
    refusal_held: Duration::from_millis(300),
    second: Duration::from_millis(20),
};

struct Ground {
    provider: IdentityProvider,
    folder: TempDir,
}

impl Ground {
    fn lay() -> Result<Self> {
        Self::of(IdentityProvider::start("ana")?)
    }

    fn of(provider: IdentityProvider) -> Result<Self> {
        let ground = Self { provider, folder: tempfile::tempdir()? };
        ground.write("secret", CLIENT_SECRET)?;
        let key = serde_json::json!({
            "type": "service_account", "client_email": ISSUER, "private_key": KEY_PEM, "private_key_id": "k1",
            "token_uri": ground.provider.token_url(),
        });
        ground.write("key.json", &key.to_string())?;
        Ok(ground)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        Ok(std::fs::write(self.folder.path().join(name), text)?)
    }

    fn kept(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default().trim().to_owned()
    }

    fn broker(&self, document: &str, prompt: Option<Prompt>) -> Result<Broker> {
        self.trusting(document, prompt, "")
    }

    fn trusting(&self, document: &str, prompt: Option<Prompt>, roots: &str) -> Result<Broker> {
        self.write("oauth.json", &self.filled(document))?;
        let document =
            Document::read(&self.folder.path().join("oauth.json")).map_err(|wrong| anyhow!(wrong))?;
        let grant = document.grant(self.folder.path(), "ana", prompt).map_err(|wrong| anyhow!(wrong))?;
        Ok(Broker::new(Side::Source, grant, roots.as_bytes().to_vec(), PATIENCE))
    }

    fn filled(&self, document: &str) -> String {
        let provider = &self.provider;
        document
            .replace("TOKEN_URL", &provider.token_url())
            .replace("DEVICE_URL", &provider.device_url())
            .replace("SCOPE", SCOPE)
            .replace("CLIENT", CLIENT_ID)
    }

    fn application(&self) -> Result<Broker> {
        self.broker(APPLICATION, None)
    }

    fn refreshing(&self) -> Result<Broker> {
        self.write("refresh", &self.provider.consent())?;
        self.broker(REFRESH, None)
    }

    /// Whether mail servers would take a token.
    fn holds(&self, token: &str) -> bool {
        let state = self.provider.state();
        state.tokens.get(token).is_some_and(|(_, until)| std::time::Instant::now() < *until)
    }
}

const APPLICATION: &str = r#"{"kind":"client_credentials","token_url":"TOKEN_URL","client_id":"CLIENT",
    "client_secret_file":"secret","scope":"SCOPE"}"#;
const REFRESH: &str =
    r#"{"kind":"refresh_token","token_url":"TOKEN_URL","client_id":"CLIENT","refresh_token_file":"refresh"}"#;
const SERVICE_ACCOUNT: &str = r#"{"kind":"service_account","key_file":"key.json","scope":"SCOPE"}"#;
const DEVICE: &str = r#"{"kind":"device_code","token_url":"TOKEN_URL","device_url":"DEVICE_URL",
    "client_id":"CLIENT","scope":"SCOPE","refresh_token_file":"refresh"}"#;

async fn token(broker: &Broker) -> Result<String, Failure> {
    Ok(broker.token().await?.expose_secret().to_owned())
}

/// A failure of this class, to be tried again or not, that shows no secret and says what it is about.
fn check_failure(failure: &Failure, class: Class, is_passing: bool, word: &str) {
    assert_eq!(failure.class, class, "{failure:?}");
    assert_eq!(failure.retry != Retry::Never, is_passing, "{failure:?}");
    let told = format!("{} {failure:?}", failure.full_message());
    assert!(told.contains(word), "{told}");
    assert!(!told.contains("hunter2") && !told.contains("PRIVATE"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_who_ask_at_once_cost_one_request() -> Result<()> {
    let ground = Ground::lay()?;
    for broker in [ground.application()?, ground.refreshing()?, ground.broker(SERVICE_ACCOUNT, None)?] {
        let before = ground.provider.asked("token");
        let tokens = join_all((0..8).map(|_| token(&broker))).await;
        let first = tokens[0].as_ref().map_err(|failure| anyhow!("{failure:?}"))?.clone();
        assert!(tokens.iter().all(|other| other.as_ref().is_ok_and(|other| *other == first)));
        assert!(ground.holds(&first));
        assert_eq!(ground.provider.asked("token") - before, 1, "{broker:?}");
        // All eight are refused it at once: one more request, and nobody gets the refused one again.
        let renewed = join_all((0..8).map(|_| async {
            assert!(broker.is_renewed_after_refusal(&first));
            token(&broker).await
        }));
        assert!(renewed.await.iter().all(|other| other.as_ref().is_ok_and(|other| *other != first)));
        assert_eq!(ground.provider.asked("token") - before, 2, "{broker:?}");
    }
    Ok(())
}

#[tokio::test]
async fn every_lie_is_outlived_when_the_truth_follows() -> Result<()> {
    let html = "<html><body>Sign in</body></html>".to_owned();
    for lie in [
        Lie::Answer(500, "", "{}".to_owned()),
        Lie::Answer(503, "Retry-After: 1\r\n", html.clone()),
        Lie::Answer(429, "Retry-After: 0\r\n", String::new()),
        Lie::Answer(200, "", html),
        Lie::Answer(200, "", r#"{"access_token":"hunter2\u0001auth=x"}"#.to_owned()),
        Lie::Answer(200, "", r#"{"access_token":["hunter2"]}"#.to_owned()),
        Lie::Answer(200, "", String::new()),
        Lie::Answer(302, "Location: http://127.0.0.1:1/hunter2\r\n", String::new()),
        Lie::Answer(404, "", "nothing".to_owned()),
        Lie::refusal("temporarily_unavailable"),
        Lie::Hang,
        Lie::Close,
        Lie::CutShort,
        Lie::Endless,
        Lie::Noise,
    ] {
        let ground = Ground::lay()?;
        let broker = ground.refreshing()?;
        ground.provider.state().lies.push_back(lie.clone());
        let token = token(&broker).await.map_err(|failure| anyhow!("{lie:?}: {failure:?}"))?;
        assert!(ground.holds(&token), "{lie:?}");
        assert_eq!(ground.provider.asked("token"), 2, "{lie:?}");
        // Told for ever, it ends in a failure that may be tried again.
        ground.provider.state().always = Some(lie.clone());
        let broker = ground.application()?;
        let failure = broker.token().await.err().ok_or_else(|| anyhow!("{lie:?} gave a token"))?;
        check_failure(&failure, Class::ServerTemporary, true, "127.0.0.1");
        assert_eq!(ground.provider.asked("token"), 5, "{lie:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_grant_that_is_gone_is_final_and_not_asked_for_again_at_once() -> Result<()> {
    for (name, class) in [
        ("invalid_grant", Class::AuthTokenExpired),
        ("interaction_required", Class::AuthTokenExpired),
        ("unauthorized_client", Class::AuthBadCredentials),
        ("invalid_client", Class::AuthBadCredentials),
        ("invalid_scope", Class::AuthBadCredentials),
    ] {
        let ground = Ground::lay()?;
        let broker = ground.refreshing()?;
        ground.provider.state().always = Some(Lie::refusal(name));
        for failure in join_all((0..8).map(|_| token(&broker))).await {
            let failure = failure.err().ok_or_else(|| anyhow!("{name} gave a token"))?;
            check_failure(&failure, class, false, "run again");
            check_failure(&failure, class, false, name);
        }
        assert_eq!(ground.provider.asked("token"), 1, "{name}");
        ground.provider.state().always = None;
        sleep(PATIENCE.refusal_held).await;
        assert!(token(&broker).await.is_ok(), "a new grant is taken up");
    }
    Ok(())
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_left_to_the_run() -> Result<()> {
    let ground = Ground::lay()?;
    let lie = Lie::Answer(429, "Retry-After: 120\r\n", String::new());
    ground.provider.state().always = Some(lie);
    let failure = token(&ground.application()?).await.unwrap_err();
    assert_eq!(failure.retry, Retry::After(120_000), "{failure:?}");
    assert_eq!(ground.provider.asked("token"), 1);
    Ok(())
}

#[tokio::test]
async fn a_provider_that_echoes_secrets_is_not_repeated() -> Result<()> {
    let ground = Ground::lay()?;
    let echo =
        format!("bad secret {CLIENT_SECRET} for refresh-hunter2-1 eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln");
    let body = serde_json::json!({"error": "invalid_client", "error_description": echo});
    ground.provider.state().always = Some(Lie::Answer(401, "", body.to_string()));
    let secret = ground.application()?;
    assert!(!token(&secret).await.unwrap_err().full_message().contains(CLIENT_SECRET));
    let refresh = ground.refreshing()?;
    assert!(!token(&refresh).await.unwrap_err().full_message().contains("refresh-hunter2"));
    Ok(())
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end_and_the_old_one_serves_while_that_fails() -> Result<()> {
    let ground = Ground::lay()?;
    ground.provider.lives(Duration::from_secs(5), 2);
    let broker = ground.application()?;
    let first = token(&broker).await?;
    assert_eq!(token(&broker).await?, first);
    sleep(Duration::from_millis(1_700)).await;
    ground.provider.state().always = Some(Lie::Answer(500, "", String::new()));
    assert_eq!(token(&broker).await?, first, "it holds still");
    let asked = ground.provider.asked("token");
    assert_eq!(token(&broker).await?, first);
    assert_eq!(ground.provider.asked("token"), asked, "a renewal that failed rests");
    sleep(Duration::from_millis(400)).await;
    check_failure(&token(&broker).await.unwrap_err(), Class::ServerTemporary, true, "500");
    ground.provider.state().always = None;
    assert_ne!(token(&broker).await?, first);
    Ok(())
}

#[tokio::test]
async fn a_life_that_is_a_lie_costs_requests_but_no_failure() -> Result<()> {
    for said in ["0", "-5", "\"3600\"", "\"soon\"", "null", "1e300", "{}", ""] {
        let ground = Ground::lay()?;
        ground.provider.state().said_life = said.to_owned();
        let broker = ground.application()?;
        for _ in 0..3 {
            assert!(ground.holds(&token(&broker).await?), "{said}");
        }
        let together = join_all((0..8).map(|_| token(&broker))).await;
        assert!(together.iter().all(Result::is_ok), "{said}");
        assert!(ground.provider.asked("token") <= 4, "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_rotated_refresh_token_is_stored_before_its_access_token_is_given() -> Result<()> {
    let ground = Ground::lay()?;
    ground.provider.state().said_life = "0".to_owned();
    let broker = ground.refreshing()?;
    for _ in 0..5 {
        let before = ground.kept("refresh");
        token(&broker).await?;
        let after = ground.kept("refresh");
        assert_ne!(before, after);
        assert!(ground.provider.state().refresh_tokens.contains(&after));
        assert!(!ground.provider.state().refresh_tokens.contains(&before));
    }
    // Whoever comes later, or beside, goes on from the file.
    let (one, other) = (ground.broker(REFRESH, None)?, ground.broker(REFRESH, None)?);
    let both = join_all((0..6).map(|at| if at % 2 == 0 { token(&one) } else { token(&other) })).await;
    assert!(both.iter().all(Result::is_ok), "{both:?}");
    // One that went away in the midst of asking has stored what it got all the same.
    assert!(token(&one).now_or_never().is_none());
    sleep(Duration::from_millis(300)).await;
    assert!(ground.provider.state().refresh_tokens.contains(&ground.kept("refresh")));
    Ok(())
}

#[tokio::test]
async fn a_service_account_asks_for_its_mailbox_whatever_the_machines_clock_says() -> Result<()> {
    for (ahead, requests) in [(0, 1), (-120, 1), (7_200, 2), (-86_400, 2)] {
        let ground = Ground::lay()?;
        ground.provider.state().clock_ahead_seconds = ahead;
        let broker = ground.broker(SERVICE_ACCOUNT, None)?;
        let token = token(&broker).await?;
        assert_eq!(ground.provider.state().tokens.get(&token).map(|(user, _)| user.as_str()), Some("ana"));
        assert_eq!(ground.provider.asked("token"), requests, "{ahead} s");
    }
    let ground = Ground::lay()?;
    ground.provider.state().clock_ahead_seconds = 7_200;
    ground.provider.state().always = Some(Lie::refusal("invalid_grant"));
    let failure = token(&ground.broker(SERVICE_ACCOUNT, None)?).await.unwrap_err();
    check_failure(&failure, Class::AuthTokenExpired, false, "domain-wide delegation");
    Ok(())
}

#[tokio::test]
async fn a_person_consents_on_another_device_once() -> Result<()> {
    let ground = Ground::lay()?;
    let shown: Arc<Mutex<Vec<DevicePrompt>>> = Arc::default();
    let keep = Arc::clone(&shown);
    let prompt: Prompt = Arc::new(move |prompt: &DevicePrompt| {
        keep.lock().unwrap_or_else(PoisonError::into_inner).push(prompt.clone());
    });
    let pending = ["authorization_pending", "slow_down", "authorization_pending"];
    ground.provider.state().device_answers.extend(pending);
    let began = std::time::Instant::now();
    let first = token(&ground.broker(DEVICE, Some(Arc::clone(&prompt)))?).await?;
    // One second, one more, then six twice: of 20 ms each here.
    assert!(began.elapsed() >= Duration::from_millis(20 * 14), "{:?}", began.elapsed());
    assert!(ground.holds(&first));
    assert_eq!(ground.provider.asked("token"), 4);
    let prompts = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!((prompts.len(), prompts[0].user_code.as_str()), (1, "WDJB-MJHT"));
    assert_eq!(prompts[0].url, "https://login.example/device");
    // Later processes go on from the refresh token, with or without anybody to ask.
    assert!(ground.holds(&token(&ground.broker(DEVICE, None)?).await?));
    assert_eq!(ground.provider.asked("device"), 1);
    ground.provider.revoke();
    let failure = token(&ground.broker(DEVICE, None)?).await.unwrap_err();
    check_failure(&failure, Class::AuthTokenExpired, false, "consent again");
    Ok(())
}

#[tokio::test]
async fn a_consent_that_does_not_come_is_told() -> Result<()> {
    for (answer, class) in
        [("expired_token", Class::AuthTokenExpired), ("access_denied", Class::AuthBadCredentials)]
    {
        let ground = Ground::lay()?;
        ground.provider.state().device_answers.push_back(answer);
        let broker = ground.broker(DEVICE, Some(Arc::new(|_: &DevicePrompt| ())))?;
        check_failure(&token(&broker).await.unwrap_err(), class, false, answer);
    }
    let ground = Ground::lay()?;
    ground.provider.state().device_answers.extend(["authorization_pending"; 200]);
    let broker = ground.broker(DEVICE, Some(Arc::new(|_: &DevicePrompt| ())))?;
    check_failure(&token(&broker).await.unwrap_err(), Class::AuthTokenExpired, false, "nobody consented");
    let nobody = ground.broker(DEVICE, None)?;
    check_failure(&token(&nobody).await.unwrap_err(), Class::Usage, false, "malote probe");
    Ok(())
}

#[tokio::test]
async fn secrets_go_to_a_provider_with_the_right_certificate_alone() -> Result<()> {
    let (ca, other) = (TestCa::new()?, TestCa::new()?);
    let cases = [
        (ca.identity_for_loopback()?, ca.pem(), true),
        (ca.identity_for_loopback()?, other.pem(), false),
        (ca.expired_identity()?, ca.pem(), false),
        (Identity::self_signed()?, ca.pem(), false),
    ];
    for (at, (identity, roots, is_taken)) in cases.into_iter().enumerate() {
        let ground = Ground::of(IdentityProvider::start_with_tls("ana", &identity)?)?;
        let broker = ground.trusting(APPLICATION, None, roots)?;
        if is_taken {
            assert!(ground.holds(&token(&broker).await?));
        } else {
            check_failure(&token(&broker).await.unwrap_err(), Class::TlsUntrusted, false, "127.0.0.1");
            assert_eq!(ground.provider.asked("token"), 0, "case {at}");
        }
    }
    // What does not speak TLS gets nothing either.
    let plain = Ground::lay()?;
    let document = APPLICATION.replace("TOKEN_URL", &plain.provider.token_url().replace("http:", "https:"));
    check_failure(
        &token(&plain.broker(&document, None)?).await.unwrap_err(),
        Class::ServerTemporary,
        true,
        "TLS",
    );
    Ok(())
}

#[tokio::test]
async fn a_file_that_somebody_else_keeps_is_read_anew_each_time() -> Result<()> {
    let ground = Ground::lay()?;
    let broker = ground.broker(r#"{"kind":"token_file","token_file":"t"}"#, None)?;
    check_failure(&token(&broker).await.unwrap_err(), Class::Usage, false, "t:");
    for text in ["one", "two\n", r#"{"access_token":"three","expires_in":9}"#] {
        ground.write("t", text)?;
        assert!(text.contains(&token(&broker).await?));
    }
    assert!(Path::new(&ground.folder.path().join("t")).exists());
    Ok(())
}
