//! Credentials that are kept at a server, as a person keeps them: made, tried, given another secret, consented to by
//! browser and by device, taken back, removed. Never asks a real provider, and never finds a secret on a page.

use acceptance::identity_provider::{CLIENT_ID, CLIENT_SECRET, IdentityProvider, SCOPE};
use acceptance::servers::Dovecot;
use anyhow::{Context as _, Result};
use malote_service::config::{Mfa, Outside};
use serde_json::json;

use super::visitor::Visitor;
use crate::world::{Answer, Person, World};

const USER: &str = "ana@acme.test";
const SECRET: &str = "planted secret 7391";
const BACK: &str = "https://malote.example/oauth/callback";

async fn endpoint(world: &World, who: &Person, port: u16) -> Result<String> {
    let body = json!({
        "name": "old server", "kind": "imap", "host": "127.0.0.1", "port": port, "tls": "off",
        "allow_private": true, "allow_cleartext": true, "allowed_networks": ["127.0.0.1/32"],
    });
    let made = world.post(who, "/endpoints", body).await?.with(201).json();
    Ok(made["id"].as_str().context("no id")?.to_owned())
}

/// The address of the credential that a page shows.
fn place(page: &Answer) -> Result<String> {
    let text = page.text.replace("&#x2f;", "/");
    let rest = text.split("action=\"/console/credentials/").nth(1).context("no form")?;
    Ok(format!("/console/credentials/{}", rest.split("/act").next().unwrap_or_default()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_opens_a_server_is_kept_tried_changed_taken_back_and_removed() -> Result<()> {
    let server = Dovecot::with_users(&[(USER, SECRET)])?;
    let world = World::new().await?;
    let root = world.user("root", &["admin"], &[]).await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("root").await?;
    let page = ana.get("/console/credentials").await?.with(200);
    assert!(page.text.contains("add the server first"), "{}", page.text);
    let old = endpoint(&world, &root, server.port()).await?;
    let page = ana.get("/console/credentials").await?.with(200);
    assert!(page.text.contains("No credential is kept at a server yet."), "{}", page.text);
    let typed = |secret: &'static str| {
        [("endpoint_id", old.as_str()), ("name", "chief"), ("user", USER), ("secret_password", secret)]
    };
    let none = ana.fill(&page, "/console/credentials", &typed("")).await?.with(422);
    assert!(
        none.text.contains("id=\"wrong-secret\"") && none.text.contains("value=\"chief\""),
        "{}",
        none.text
    );
    let page = ana.fill(&page, "/console/credentials", &typed("wrong one")).await?.with(200);
    assert!(
        page.text.contains("It is never shown again") && !page.text.contains("wrong one"),
        "{}",
        page.text
    );
    let (here, act) = (place(&page)?, format!("{}/act", place(&page)?));
    let tried = ana.fill(&page, &act, &[("action", "try"), ("user", "")]).await?.with(200);
    assert!(tried.text.contains("Name or password is wrong"), "{}", tried.text);
    let kept = ana.fill(&page, &act, &[("action", "secret"), ("secret_password", SECRET)]).await?.with(200);
    assert!(!kept.text.contains(SECRET), "a secret is shown");
    let tried = ana.fill(&page, &act, &[("action", "try"), ("user", "")]).await?.with(200);
    assert!(tried.text.contains("The login works."), "{}", tried.text);
    let list = ana.get("/console/credentials").await?.with(200);
    assert!(
        list.text.contains("old server")
            && list.text.contains("Ready")
            && list.text.contains("a***@acme.test")
    );
    // Whoever may not see credentials finds no way to them.
    world.make_user("eva", &["viewer"], &[]).await?;
    let mut eva = Visitor::new(&world);
    let page = eva.log_in("eva").await?;
    assert!(!page.text.contains("/console/credentials") && !page.text.contains("&#x2f;credentials"));
    eva.get(&here).await?.with(403);
    let page = ana.get(&here).await?.with(200);
    let back = ana.fill(&page, &act, &[("action", "revoke")]).await?.with(200);
    assert!(
        back.text.contains("Taken back") && back.text.contains("It was taken back here."),
        "{}",
        back.text
    );
    let gone = ana.fill(&page, &act, &[("action", "remove")]).await?.with(200);
    assert!(gone.text.contains("The credential was removed."), "{}", gone.text);
    ana.get(&here).await?.with(404);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_is_given_in_this_browser_or_on_another_device_and_the_page_tells_how_it_stands()
-> Result<()> {
    let provider = IdentityProvider::start(USER)?;
    let base = provider.token_url().trim_end_matches("/token").to_owned();
    let outside = Outside {
        identity_providers: vec![("google".to_owned(), base.clone()), ("microsoft".to_owned(), base)],
        public_url: "https://malote.example".to_owned(),
        ..Outside::default()
    };
    let world = World::reaching(Mfa::Offered, Vec::new(), outside).await?;
    let root = world.user("root", &["admin"], &[]).await?;
    let server = Dovecot::with_users(&[(USER, SECRET)])?;
    let old = endpoint(&world, &root, server.port()).await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("root").await?;
    let grant = |provider: &'static str, flow: &'static str| {
        let id = old.as_str();
        [
            ("endpoint_id", id),
            ("name", flow),
            ("user", USER),
            ("provider", provider),
            ("flow", flow),
            ("client_id", CLIENT_ID),
            ("scope", SCOPE),
            ("secret_client_secret", CLIENT_SECRET),
        ]
    };
    let page = ana.get("/console/credentials").await?.with(200);
    let one = ana.fill(&page, "/console/credentials", &grant("google", "auth_code")).await?.with(200);
    assert!(one.text.contains("Waits for a consent") && !one.text.contains(CLIENT_SECRET), "{}", one.text);
    let act = format!("{}/act", place(&one)?);
    let begun = ana.fill(&one, &act, &[("action", "consent")]).await?.with(200);
    let text = begun.text.replace("&#x2f;", "/").replace("&amp;", "&");
    let link = text.split("class=\"button primary\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
    let link = link.context("no way to the provider")?.to_owned();
    let word = |name: &str| {
        let rest = link.split(&format!("{name}=")).nth(1).unwrap_or_default();
        rest.split('&').next().unwrap_or_default().to_owned()
    };
    let refused = format!("/oauth/callback?state={}&error=access_denied", word("state"));
    // What the provider says against it is told in words, with the next step.
    let told = ana.get(&refused).await?.with(409);
    for words in ["The provider refused", "begin the consent anew", "access_denied"] {
        assert!(told.text.contains(words), "{words}: {}", told.text);
    }
    let begun = ana.fill(&one, &act, &[("action", "consent")]).await?.with(200);
    let text = begun.text.replace("&#x2f;", "/").replace("&amp;", "&");
    let link = text.split("class=\"button primary\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
    let link = link.context("no way to the provider")?.to_owned();
    let word = |name: &str| {
        let rest = link.split(&format!("{name}=")).nth(1).unwrap_or_default();
        rest.split('&').next().unwrap_or_default().to_owned()
    };
    let code = provider.state().new_code(&word("code_challenge"), BACK);
    let given = ana.get(&format!("/oauth/callback?state={}&code={code}", word("state"))).await?.with(200);
    assert!(given.text.contains("The consent was given.") && given.text.contains("Ready"), "{}", given.text);
    let again = ana.get(&format!("/oauth/callback?state={}&code={code}", word("state"))).await?;
    assert!(again.status >= 400 && again.text.contains("<html"), "{}", again.text);

    let page = ana.get("/console/credentials").await?.with(200);
    let one = ana.fill(&page, "/console/credentials", &grant("microsoft", "device_code")).await?.with(200);
    let (here, act) = (place(&one)?, format!("{}/act", place(&one)?));
    let begun = ana.fill(&one, &act, &[("action", "consent")]).await?.with(200);
    assert!(
        begun.text.contains("class=\"secret\"") && begun.text.contains("data-every=\"5\""),
        "{}",
        begun.text
    );
    let text = begun.text.replace("&#x2f;", "/");
    let follow =
        text.split("data-from=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let plain = follow.replace("%2D", "-");
    assert!(plain.starts_with(&format!("{here}?flow=")), "{follow}");
    let waits = ana.get(follow).await?.with(200);
    assert!(waits.text.contains("Nobody has consented yet."), "{}", waits.text);
    world.pass(2_000);
    let given = ana.get(follow).await?.with(200);
    assert!(given.text.contains("The consent was given.") && given.text.contains("Ready"), "{}", given.text);
    Ok(())
}

#[tokio::test]
async fn a_new_migration_names_a_login_that_is_kept_at_a_known_server() -> Result<()> {
    let world = World::new().await?;
    let root = world.user("root", &["admin"], &[]).await?;
    let old = endpoint(&world, &root, 143).await?;
    let kept = json!({"endpoint_id": old, "name": "chief", "user": USER, "secret": {"password": SECRET}});
    let kept = world.post(&root, "/credentials", kept).await?.with(201).json()["id"].clone();
    let kept = kept.as_str().context("no id")?;
    let mut ana = Visitor::new(&world);
    ana.log_in("root").await?;
    let page = ana.get("/console/jobs/new").await?.with(200);
    let named = [("domain", "example.invalid"), ("tenant_id", "1"), ("ticket_id", "")];
    let page = ana.fill(&page, "/console/jobs/new", &named).await?.with(200);
    assert!(page.text.contains("chief (old server)"), "{}", page.text);
    let servers = |endpoint: &'static str| {
        [
            ("domain", "example.invalid"),
            ("tenant_id", "1"),
            ("source_endpoint", endpoint),
            ("source_host", "old.example.org"),
            ("dest_host", "new.example.org"),
            ("source_credential_id", "KEPT"),
        ]
        .map(|(name, value)| match value {
            "KEPT" => (name.to_owned(), kept.to_owned()),
            "KNOWN" => (name.to_owned(), old.clone()),
            value => (name.to_owned(), value.to_owned()),
        })
    };
    let place = "/console/jobs/servers";
    let typed = servers("");
    let typed: Vec<(&str, &str)> =
        typed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let lost = ana.fill(&page, place, &typed).await?.with(422);
    assert!(lost.text.contains("id=\"wrong-source_credential_id\""), "{}", lost.text);
    assert!(lost.text.contains(&format!("value=\"{kept}\" selected")), "the choice is gone: {}", lost.text);
    let typed = servers("KNOWN");
    let typed: Vec<(&str, &str)> =
        typed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    ana.fill(&lost, place, &typed).await?.with(200);
    let job = world.get(&root, "/migration/jobs").await?.json()["items"][0].clone();
    assert_eq!(
        (&job["source_credential_id"], &job["source_endpoint_id"]),
        (&json!(kept), &json!(old)),
        "{job}"
    );
    Ok(())
}
