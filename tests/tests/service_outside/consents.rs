//! Consents: begun, come back from, typed on another device, withdrawn, taken back; and the runs that live by them.
//! Never asks a real provider: this one is the tests' own, and it lies.

use std::collections::BTreeMap;
use std::time::Duration;

use acceptance::identity_provider::{
    CLIENT_ID, CLIENT_SECRET, ISSUER, IdentityProvider, KEY_PEM, Lie, SCOPE,
};
use acceptance::migration::PASSWORD;
use acceptance::servers::{Dovecot, DovecotOptions, DovecotUser};
use anyhow::{Context, Result};
use malote_engine::failure::Side;
use malote_service::app::{App, machine_clock};
use malote_service::config::{Mfa, Outside};
use malote_service::oauth::broker;
use malote_service::work::opened_kept;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::ground::{Bench, endpoint};
use super::world::{Answer, Person, World};

const USER: &str = "ana@acme.test";
const BACK: &str = "https://malote.example/oauth/callback";

/// A service whose providers all are this one, an administrator of it, and a mail server that asks it about tokens.
struct House {
    provider: IdentityProvider,
    world: World,
    root: Person,
    server: Dovecot,
    old: String,
}

impl House {
    async fn new() -> Result<Self> {
        let provider = IdentityProvider::start(USER)?;
        let base = provider.token_url().trim_end_matches("/token").to_owned();
        let outside = Outside {
            identity_providers: vec![("google".to_owned(), base.clone()), ("microsoft".to_owned(), base)],
            public_url: "https://malote.example".to_owned(),
            ..Outside::default()
        };
        let world = World::reaching(Mfa::Offered, Vec::new(), outside).await?;
        let root = world.user("root", &["admin"], &[]).await?;
        let server = Dovecot::start(DovecotOptions {
            users: vec![DovecotUser::new(USER, PASSWORD)],
            introspection_url: Some(provider.introspection_url()),
            ..DovecotOptions::default()
        })?;
        let old = endpoint(&world, &root, "old", server.port()).await?;
        Ok(Self { provider, world, root, server, old })
    }

    /// A credential with a grant; its id.
    async fn grant(&self, provider: &str, flow: &str, secret: Value) -> Result<String> {
        let name = format!(
            "{provider} {flow} {}",
            self.world.get(&self.root, "/credentials").await?.json()["total"]
        );
        let grant = json!({"provider": provider, "flow": flow, "client_id": CLIENT_ID, "scope": SCOPE});
        let body =
            json!({"endpoint_id": self.old, "name": name, "user": USER, "grant": grant, "secret": secret});
        let made = self.world.post(&self.root, "/credentials", body).await?.with(201);
        assert!(!made.text.contains("hunter2"), "{}", made.text);
        Ok(made.json()["id"].as_str().context("no id")?.to_owned())
    }

    async fn start(&self, provider: &str, id: &str) -> Result<Answer> {
        self.world.post(&self.root, &format!("/oauth/{provider}/start"), json!({"credential_id": id})).await
    }

    /// What the page is told that a browser is sent to.
    async fn authorize(&self, id: &str) -> Result<BTreeMap<String, String>> {
        let told = self.start("google", id).await?.with(200).json();
        let url = told["authorization_url"].as_str().context("no address")?;
        let (_, query) = url.split_once('?').context("no query")?;
        let decoded =
            |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let pairs: BTreeMap<String, String> =
            pairs.map(|(name, value)| (decoded(name), decoded(value))).collect();
        assert_eq!(pairs["state"], told["state"].as_str().unwrap_or_default());
        Ok(pairs)
    }

    async fn back(&self, who: &Person, query: &str) -> Result<Answer> {
        self.world.get(who, &format!("/oauth/callback?{query}")).await
    }

    async fn status(&self, id: &str) -> Result<Value> {
        let all = self.world.get(&self.root, "/credentials?limit=200").await?.json();
        let one = all["items"].as_array().and_then(|all| all.iter().find(|one| one["id"] == id).cloned());
        Ok(one.context("no such credential")?["status"].clone())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_consents_in_the_browser_and_runs_live_by_it_until_it_is_withdrawn() -> Result<()> {
    let house = House::new().await?;
    let (world, root) = (&house.world, &house.root);
    let id = house.grant("google", "auth_code", json!({"client_secret": CLIENT_SECRET})).await?;
    assert_eq!(house.status(&id).await?, "waiting");
    let asked = house.authorize(&id).await?;
    let word = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    assert_eq!((word("response_type"), word("code_challenge_method")), ("code", "S256"));
    assert_eq!((word("redirect_uri"), word("client_id"), word("scope")), (BACK, CLIENT_ID, SCOPE));
    assert_eq!((word("access_type"), word("prompt")), ("offline", "consent"));
    let code = house.provider.state().new_code(word("code_challenge"), BACK);
    let answer = format!("state={}&code={code}", word("state"));
    // Another person's browser, another state, nobody at all.
    let eve = world.user("eve", &["admin"], &[]).await?;
    house.back(&eve, &answer).await?.refused(400, "bad_request");
    house.back(root, &format!("state=x{}&code={code}", word("state"))).await?.refused(400, "bad_request");
    house.back(root, &format!("code={code}")).await?.refused(400, "bad_request");
    house.back(&Person::default(), &answer).await?.refused(401, "unauthenticated");
    let done = house.back(root, &answer).await?.with(302);
    assert_eq!((done.header("location").as_str(), done.text.as_str()), ("/console", ""));
    house.back(root, &answer).await?.refused(400, "bad_request");
    assert_eq!(house.status(&id).await?, "valid");
    let test = world.post(root, &format!("/credentials/{id}/test"), json!({})).await?.with(200);
    assert_eq!(test.json()["status"], "ok", "{}", test.text);
    let bench = consented_job(&house, &id).await?;
    bench.preflight("success", "").await?;
    // The provider gives another refresh token each time, and the vault has the last one.
    world.post(root, &format!("/credentials/{id}/refresh"), json!({})).await?.with(200);
    bench.preflight("success", "").await?;
    assert_eq!(house.provider.state().refresh_tokens.len(), 1);
    house.provider.revoke();
    let gone = world.post(root, &format!("/credentials/{id}/refresh"), json!({})).await?;
    let gone = gone.refused(409, "oauth_refused");
    assert!(gone.text.contains("consent") && !gone.text.contains("hunter2"), "{}", gone.text);
    assert_eq!(house.status(&id).await?, "needs_consent");
    bench.preflight("failed", "auth.bad_credentials").await?;
    // Consented anew, everything goes on.
    let asked = house.authorize(&id).await?;
    let code = house.provider.state().new_code(&asked["code_challenge"], BACK);
    house.back(root, &format!("state={}&code={code}", asked["state"])).await?.with(302);
    bench.preflight("success", "").await?;
    let log = world.get(root, "/audit-logs?limit=200").await?.text;
    assert!(log.contains("/oauth/callback") && !log.contains("hunter2"), "{log}");
    bench.end().await;
    Ok(())
}

/// A job of one mailbox, from that server to another account's place, by the credential.
async fn consented_job<'a>(house: &'a House, id: &str) -> Result<Bench<'a>> {
    let (world, root) = (&house.world, &house.root);
    let other = Dovecot::start(DovecotOptions {
        users: vec![DovecotUser::new(USER, PASSWORD)],
        ..DovecotOptions::default()
    })?;
    let new = endpoint(world, root, "new", other.port()).await?;
    let job = json!({"tenant_id": 1, "domain": "acme.test", "source": {"endpoint_id": house.old},
                     "dest": {"endpoint_id": new},
                     "mailboxes": [{"email": USER, "dest_secret": {"password": PASSWORD}}]});
    let job = world.post(root, "/migration/jobs", job).await?.with(201).json()["id"].to_string();
    let path = format!("/migration/jobs/{job}");
    world.put(root, "PATCH", &path, &path, json!({"source_credential_id": id})).await?.with(200);
    let mut bench = Bench::new(world, root, &job);
    bench.keep(other);
    Ok(bench)
}

#[tokio::test]
async fn whatever_a_provider_answers_a_consent_is_there_or_it_is_not() -> Result<()> {
    let house = House::new().await?;
    let root = &house.root;
    let id = house.grant("google", "auth_code", json!({"client_secret": CLIENT_SECRET})).await?;
    let base = house.provider.token_url().trim_end_matches("/token").to_owned();
    let answer = |status, body: &str| Some(Lie::Answer(status, "", body.to_owned()));
    for (more, challenge, lie, status, word) in [
        ("error=access_denied", None, None, 409, "access_denied"),
        ("error=%3Cscript%3E", None, None, 409, "says script"),
        ("", None, None, 409, "no code"),
        ("code=C&iss=https://evil.example", None, None, 409, "another provider"),
        ("code=nobodys", None, None, 409, "invalid_grant"),
        ("code=C", Some("another"), None, 409, "invalid_grant"),
        ("code=C", None, Some(Lie::refusal("invalid_client")), 409, "invalid_client"),
        ("code=C", None, Some(Lie::Close), 503, "127.0.0.1"),
        ("code=C", None, Some(Lie::Noise), 503, "127.0.0.1"),
        ("code=C", None, Some(Lie::Endless), 503, "sent more"),
        ("code=C", None, answer(200, r#"{"access_token":"hunter2 x"}"#), 503, "blanks"),
        ("code=C", None, answer(302, ""), 503, "not followed"),
        ("code=C", None, answer(500, "hunter2"), 503, "500"),
    ] {
        let asked = house.authorize(&id).await?;
        let code = house.provider.state().new_code(challenge.unwrap_or(&asked["code_challenge"]), BACK);
        house.provider.state().lies.extend(lie);
        let more = more.replace("code=C", &format!("code={code}"));
        let told = house.back(root, &format!("state={}&{more}", asked["state"])).await?;
        assert_eq!(told.status, status, "{more}: {}", told.text);
        assert!(told.text.contains(word) && !told.text.contains("hunter2"), "{more} {word}: {}", told.text);
        assert_eq!(house.status(&id).await?, "waiting", "{more}");
        house.provider.state().lies.clear();
    }
    house.provider.state().gives_refresh = false;
    let asked = house.authorize(&id).await?;
    let code = house.provider.state().new_code(&asked["code_challenge"], BACK);
    let told = house.back(root, &format!("state={}&code={code}&iss={base}", asked["state"])).await?;
    assert!(told.refused(409, "oauth_refused").text.contains("no refresh token"));
    house.provider.state().gives_refresh = true;
    // Only the last one that was begun counts, and that for ten minutes.
    let (first, second) = (house.authorize(&id).await?, house.authorize(&id).await?);
    let code = house.provider.state().new_code(&first["code_challenge"], BACK);
    house.back(root, &format!("state={}&code={code}", first["state"])).await?.refused(400, "bad_request");
    house.world.pass(601_000);
    let code = house.provider.state().new_code(&second["code_challenge"], BACK);
    house.back(root, &format!("state={}&code={code}", second["state"])).await?.refused(410, "expired");
    assert_eq!(house.status(&id).await?, "waiting");
    let program = house.world.program(&["credentials:write"], None).await?;
    let start = json!({"credential_id": id});
    house.world.post(&program, "/oauth/google/start", start.clone()).await?.refused(403, "forbidden");
    house.world.post(root, "/oauth/microsoft/start", start).await?.refused(422, "invalid");
    Ok(())
}

#[tokio::test]
async fn a_code_is_typed_on_another_device_and_the_provider_is_asked_no_more_often_than_it_bears()
-> Result<()> {
    let house = House::new().await?;
    let (world, root) = (&house.world, &house.root);
    let id = house.grant("microsoft", "device_code", json!({})).await?;
    house.provider.state().device_answers.extend(["authorization_pending", "slow_down"]);
    let told = house.start("microsoft", &id).await?.with(200);
    assert_eq!((&told.json()["user_code"], &told.json()["interval"]), (&json!("WDJB-MJHT"), &json!(1)));
    assert!(!told.text.contains("device-hunter2"), "{}", told.text);
    let flow = told.json()["flow_id"].clone();
    let poll = || world.post(root, "/oauth/microsoft/poll", json!({"flow_id": flow}));
    // Asked at once, nobody is asked; a second later, once; then the provider wants patience.
    for (pause, asked, interval) in [(0, 0, 1), (1_000, 1, 1), (0, 1, 1), (1_000, 2, 6), (3_000, 2, 6)] {
        world.pass(pause);
        let told = poll().await?.with(200).json();
        assert_eq!((&told["status"], &told["interval"]), (&json!("pending"), &json!(interval)), "{told}");
        assert_eq!(house.provider.asked("token"), asked, "{told}");
    }
    world.pass(3_000);
    // Two ask at once: the provider is asked by one of them.
    let (one, other) = futures_util::future::join(poll(), poll()).await;
    assert!([one?, other?].iter().any(|told| told.json()["status"] == "ok"));
    assert_eq!((house.provider.asked("token"), house.status(&id).await?), (3, json!("valid")));
    let shown =
        world.get(root, &format!("/oauth/flows/{}", flow.as_str().context("no id")?)).await?.with(200);
    assert_eq!(shown.json()["status"], "ok");
    let stranger = world.user("bob", &["operator"], &[2]).await?;
    let path = format!("/oauth/flows/{}", flow.as_str().context("no id")?);
    world.get(&stranger, &path).await?.refused(404, "not_found");
    for (answer, status) in [("access_denied", "refused"), ("expired_token", "expired")] {
        house.provider.state().device_answers.extend([answer]);
        let flow = house.start("microsoft", &id).await?.with(200).json()["flow_id"].clone();
        world.pass(1_000);
        let told =
            world.post(root, "/oauth/microsoft/poll", json!({"flow_id": flow})).await?.with(200).json();
        assert_eq!(told["status"], status, "{told}");
        assert_eq!(house.status(&id).await?, "valid", "a consent that failed leaves the one before it");
    }
    let flow = house.start("microsoft", &id).await?.with(200).json()["flow_id"].clone();
    world.pass(61_000);
    let told = world.post(root, "/oauth/microsoft/poll", json!({"flow_id": flow})).await?.with(200).json();
    assert_eq!(told["status"], "expired", "{told}");
    Ok(())
}

#[tokio::test]
async fn applications_ask_for_themselves_and_what_is_taken_back_is_gone() -> Result<()> {
    let house = House::new().await?;
    let (world, root) = (&house.world, &house.root);
    let wrong =
        house.grant("microsoft", "client_credentials", json!({"client_secret": "hunter2-wrong"})).await?;
    let told = house.start("microsoft", &wrong).await?.refused(409, "oauth_refused");
    assert!(told.text.contains("invalid_client") && !told.text.contains("hunter2"), "{}", told.text);
    let right = json!({"secret": {"client_secret": CLIENT_SECRET}});
    world.send(root, "PUT", &format!("/credentials/{wrong}/secret"), right).await?.with(200);
    house.start("microsoft", &wrong).await?.with(200);
    let key =
        json!({"client_email": ISSUER, "private_key": KEY_PEM, "token_uri": "https://evil.example/token"});
    let account = house.grant("google", "dwd", json!({"service_account_key": key.to_string()})).await?;
    house.start("google", &account).await?.with(200);
    for id in [&wrong, &account] {
        let told =
            world.post(root, &format!("/credentials/{id}/test"), json!({"user": USER})).await?.with(200);
        assert_eq!(told.json()["status"], "ok", "{}", told.text);
    }
    let words = json!({"credential_id": wrong, "object_id": "0-1", "mailboxes": [USER]});
    let told = world.post(root, "/oauth/microsoft/admin-consent-url", words.clone()).await?.with(200).text;
    assert!(
        told.contains("Add-MailboxPermission") && told.contains(USER) && told.contains("adminconsent"),
        "{told}"
    );
    let sly = json!({"credential_id": wrong, "mailboxes": ["a\"; Remove-Mailbox b"]});
    world.post(root, "/oauth/microsoft/admin-consent-url", sly).await?.refused(422, "invalid");
    world.post(root, "/oauth/google/admin-consent-url", words).await?.refused(422, "invalid");
    let refresh = house.provider.consent();
    let person =
        house.grant("google", "auth_code", json!({"client_secret": CLIENT_SECRET, "refresh_token": refresh}));
    let person = person.await?;
    assert_eq!(house.status(&person).await?, "valid", "a consent that was given elsewhere is taken over");
    for (id, provider) in [(&person, "told"), (&account, "has_no_way")] {
        let told = world.post(root, &format!("/credentials/{id}/revoke"), json!({})).await?.with(200).json();
        assert_eq!((&told["provider"], &told["credential"]["status"]), (&json!(provider), &json!("revoked")));
        let test =
            world.post(root, &format!("/credentials/{id}/test"), json!({"user": USER})).await?.with(200);
        assert_eq!(test.json()["status"], "auth_failed", "{}", test.text);
    }
    assert_eq!((house.provider.asked("revoke"), house.provider.state().refresh_tokens.len()), (1, 0));
    let sealed = world.app.store.kept(&person).await?.context("it is gone")?.sealed;
    assert_eq!(sealed, "", "nothing is left in the vault");
    house.provider.state().always = Some(Lie::Answer(429, "Retry-After: 7\r\n", String::new()));
    let third = house.grant("microsoft", "device_code", json!({"refresh_token": "hunter2-x"})).await?;
    let began = std::time::Instant::now();
    let told = world.post(root, &format!("/credentials/{third}/refresh"), json!({})).await?;
    told.refused(503, "provider_unavailable");
    assert!(began.elapsed() < Duration::from_secs(60));
    assert_eq!(house.status(&third).await?, "valid", "trouble that passes takes no consent away");
    drop(house.server);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_renew_one_rotating_grant_in_turn() -> Result<()> {
    let house = House::new().await?;
    let refresh = house.provider.consent();
    let id =
        house.grant("google", "auth_code", json!({"client_secret": CLIENT_SECRET, "refresh_token": refresh}));
    let id = id.await?;
    let one = &house.world.app;
    // A second service over the same database, as a worker's process has it.
    let other = App::open(one.config.clone(), machine_clock()).await?;
    for _ in 0..4 {
        one.brokers.forget(&id);
        other.brokers.forget(&id);
        let row = one.store.kept(&id).await?.context("no such credential")?;
        let asked = [one, &other].map(|app| {
            let row = row.clone();
            async move {
                broker(app, &row, USER, Side::Source)
                    .await
                    .map_err(anyhow::Error::from)?
                    .secret()
                    .await
                    .map_err(anyhow::Error::from)
            }
        });
        for token in futures_util::future::join_all(asked).await {
            token.context("one took the other's token away")?;
        }
    }
    assert_eq!(house.provider.state().refresh_tokens.len(), 1);
    let row = one.store.kept(&id).await?.context("no such credential")?;
    assert!(opened_kept(&other, &row, USER, Side::Source).await.is_ok());
    assert_eq!((row.status.as_str(), house.provider.asked("token")), ("valid", 8));
    Ok(())
}
