//! Doors: set-up, login, second factor, proof, cookies, other sites.
//! Never a page behind them.

use anyhow::Result;
use secrecy::ExposeSecret as _;

use super::visitor::{Visitor, hidden};
use crate::world::{PASSWORD, World};

#[tokio::test]
async fn an_empty_service_leads_to_its_set_up_and_then_to_the_second_factor_and_the_guide() -> Result<()> {
    let world = World::new().await?;
    let token =
        world.app.setup_token().await?.map(|token| token.expose_secret().to_owned()).unwrap_or_default();
    let mut ana = Visitor::new(&world);
    let page = ana.get("/").await?.with(200);
    assert!(page.text.contains("Set up Malote"), "{}", page.text);
    let wrong = [("token", "setup_wrong"), ("name", "ana"), ("password", PASSWORD), ("again", PASSWORD)];
    let told = ana.fill(&page, "/console/setup", &wrong).await?.with(401);
    assert!(told.text.contains("Name, password or code is wrong") && !told.text.contains(PASSWORD));
    let differ = [("token", token.as_str()), ("name", "ana"), ("password", PASSWORD), ("again", "another")];
    let told = ana.fill(&page, "/console/setup", &differ).await?.with(422);
    assert!(told.text.contains("aria-invalid=\"true\"") && told.text.contains("id=\"wrong-again\""));
    let right = [("token", token.as_str()), ("name", "ana"), ("password", PASSWORD), ("again", PASSWORD)];
    let page = ana.fill(&page, "/console/setup", &right).await?.with(200);
    assert!(page.text.contains("Second factor"), "{}", page.text);
    let guide = ana.get("/console").await?.with(200);
    assert!(guide.text.contains("Your first migration") && guide.text.contains("/console/jobs/new"));
    Ok(())
}

#[tokio::test]
async fn a_login_leads_back_to_the_page_that_was_asked_for_and_out_again() -> Result<()> {
    let world = World::new().await?;
    world.make_user("ana", &["admin"], &[]).await?;
    let mut ana = Visitor::new(&world);
    let led = ana.open("/console/jobs?q=x").await?.with(303);
    assert_eq!(led.header("location"), "/console/login?next=%2Fconsole%2Fjobs%3Fq%3Dx");
    let page = ana.get("/console/jobs?q=x").await?;
    let next = hidden(&page.text, "next").unwrap_or_default();
    assert_eq!(next, "/console/jobs?q=x");
    let bad = [("name", "ana"), ("password", "wrong wrong wrong"), ("next", next.as_str())];
    ana.fill(&page, "/console/login", &bad).await?.with(401);
    let good = [("name", "ana"), ("password", PASSWORD), ("next", next.as_str())];
    let list = ana.fill(&page, "/console/login", &good).await?.with(200);
    assert!(list.text.contains("<h1>Migrations</h1>"), "{}", list.text);
    assert!(ana.cookies.contains_key("__Host-session"));
    let out = ana.fill(&list, "/console/logout", &[]).await?.with(200);
    assert!(out.text.contains("<h1>Log in</h1>") && !ana.cookies.contains_key("__Host-session"));
    Ok(())
}

#[tokio::test]
async fn on_this_machine_without_tls_the_session_goes_by_a_cookie_that_browsers_keep() -> Result<()> {
    let world = World::new().await?;
    world.make_user("ana", &["admin"], &[]).await?;
    let mut ana = Visitor::new(&world);
    (ana.host, ana.address) = ("127.0.0.1:8080", ([127, 0, 0, 1], 9).into());
    let request = [("name", "ana"), ("password", PASSWORD), ("next", "/console")];
    // The form's origin says http here.
    let body = request.map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).join("&");
    let asked = axum::http::Request::post("/console/login")
        .header("host", ana.host)
        .header("origin", "http://127.0.0.1:8080")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(axum::body::Body::from(body))?;
    let told = world.ask_from(ana.address, asked).await?.with(303);
    let line = told.header("set-cookie");
    assert!(
        line.starts_with("malote-session=") && line.contains("HttpOnly") && !line.contains("Secure"),
        "{line}"
    );
    let value = line.split(['=', ';']).nth(1).unwrap_or_default().to_owned();
    ana.cookies.insert("malote-session".to_owned(), value.clone());
    ana.get("/console").await?.with(200);
    // The same cookie from elsewhere is nobody's.
    let mut eve = Visitor::new(&world);
    eve.cookies.insert("malote-session".to_owned(), value);
    eve.open("/console").await?.with(303);
    Ok(())
}

#[tokio::test]
async fn a_form_of_another_site_or_without_the_pages_token_changes_nothing() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["admin"], &[]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let mut ana = Visitor::new(&world);
    let page = ana.log_in("ana").await?;
    let token = hidden(&page.text, "csrf").unwrap_or_default();
    let path = format!("/console/jobs/{job}/act");
    let without = ana.send(&path, &[("action", "pause"), ("reason", "x")]).await?.with(403);
    assert!(without.text.contains("The page was too old"), "{}", without.text);
    let body = format!("csrf={token}&action=pause&reason=x");
    let cookie = format!("__Host-session={}", ana.cookies["__Host-session"]);
    for (name, value) in
        [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
    {
        let asked = axum::http::Request::post(&path)
            .header("host", ana.host)
            .header(name, value)
            .header("cookie", &cookie)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(axum::body::Body::from(body.clone()))?;
        world.ask(asked).await?.with(403);
    }
    let told = world.get(&person, &format!("/migration/jobs/{job}")).await?.json();
    assert_eq!(told["is_paused"], false);
    ana.send(&path, &[("csrf", &token), ("action", "pause"), ("reason", "lunch")]).await?.with(303);
    let told = world.get(&person, &format!("/migration/jobs/{job}")).await?.json();
    assert_eq!((&told["is_paused"], &told["paused_reason"]), (&true.into(), &"lunch".into()));
    Ok(())
}
