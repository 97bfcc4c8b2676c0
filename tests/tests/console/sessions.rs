//! Where others are logged in: seen and ended by whoever may manage them, and by nobody else; and what the program is.
//! Never somebody's own sessions: those are the account's page.

use anyhow::{Context as _, Result};
use malote_service::store::Row;
use serde_json::json;

use super::visitor::Visitor;
use crate::world::{PASSWORD, World};

/// What the audit log says of the ends of sessions: actions with their details, oldest first.
async fn written(world: &World) -> Result<Vec<(String, String)>> {
    let text = "SELECT action || ' ' || status_code, details_json FROM audit_logs
                WHERE action LIKE 'DELETE /access/users/{id}/sessions%' ORDER BY seq";
    let rows = world.app.store.all("asking", text, Vec::new()).await?;
    rows.iter().map(|row: &Row| Ok((row.text(0)?, row.text(1)?))).collect()
}

#[tokio::test]
async fn a_manager_of_users_sees_and_ends_their_sessions_and_it_is_written_down() -> Result<()> {
    let world = World::new().await?;
    let chief = world.user("chief", &["admin"], &[]).await?;
    let bia = world.user("bia", &["operator"], &[1]).await?;
    let again = world.log_in("bia").await?;
    let path = format!("/access/users/{}/sessions", bia.id.trim_start_matches("u_"));
    let told = world.get(&chief, &path).await?.with(200).json();
    let items = told["items"].as_array().context("no sessions")?;
    assert_eq!((items.len(), &items[0]["is_current"]), (2, &json!(false)), "{told}");
    for name in ["created_at", "last_seen_at", "expires_at", "ip"] {
        assert!(items[0][name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {told}");
    }
    let one = |place: usize| format!("{path}/{}", items[place]["id"].as_str().unwrap_or_default());
    world.send(&chief, "DELETE", &format!("{path}/none"), json!({})).await?.with(404);
    world.send(&chief, "DELETE", &one(0), json!({})).await?.with(204);
    world.send(&chief, "DELETE", &one(0), json!({})).await?.with(404);
    let open = [world.get(&bia, "/auth/me").await?.status, world.get(&again, "/auth/me").await?.status];
    assert!(open.contains(&401) && open.contains(&200), "{open:?}");
    world.send(&chief, "DELETE", &path, json!({})).await?.with(204);
    for who in [&bia, &again] {
        world.get(who, "/auth/me").await?.with(401);
    }
    // One's own that asks stays.
    let own = format!("/access/users/{}/sessions", chief.id.trim_start_matches("u_"));
    world.send(&chief, "DELETE", &own, json!({})).await?.with(204);
    world.get(&chief, "/auth/me").await?.with(200);
    let log = written(&world).await?;
    let seen: Vec<_> =
        log.iter().filter(|(action, _)| action.ends_with("204")).map(|(_, details)| details).collect();
    assert!(seen[0].contains("user_id") && seen[1].contains("\"sessions_ended\":1"), "{log:?}");
    world.pass(10 * 60_000);
    world.send(&chief, "DELETE", &path, json!({})).await?.refused(403, "step_up_required");
    Ok(())
}

#[tokio::test]
async fn nobody_sees_or_ends_the_sessions_of_who_reaches_further() -> Result<()> {
    let world = World::new().await?;
    let chief = world.user("chief", &["admin"], &[]).await?;
    let near = world.user("near", &["admin"], &[1]).await?;
    let viewer = world.user("vera", &["viewer"], &[]).await?;
    let path = format!("/access/users/{}/sessions", chief.id.trim_start_matches("u_"));
    for who in [&near, &viewer] {
        world.get(who, &path).await?.refused(403, "forbidden");
        world.send(who, "DELETE", &path, json!({})).await?.refused(403, "forbidden");
    }
    let told = world.get(&chief, "/auth/sessions").await?.json();
    let session = format!("{path}/{}", told["items"][0]["id"].as_str().context("no session")?);
    world.send(&near, "DELETE", &session, json!({})).await?.refused(403, "forbidden");
    // A session is ended below its own user alone.
    let own = format!("/access/users/{}/sessions", near.id.trim_start_matches("u_"));
    let id = session.rsplit('/').next().unwrap_or_default();
    world.send(&near, "DELETE", &format!("{own}/{id}"), json!({})).await?.with(404);
    world.get(&chief, "/auth/me").await?.with(200);
    Ok(())
}

#[tokio::test]
async fn a_persons_page_ends_sessions_after_a_fresh_proof() -> Result<()> {
    let world = World::new().await?;
    world.user("chief", &["admin"], &[]).await?;
    let bia = world.user("bia", &["operator"], &[1]).await?;
    let mut chief = Visitor::new(&world);
    chief.log_in("chief").await?;
    let place = format!("/console/access/users/{}", bia.id.trim_start_matches("u_"));
    let page = chief.get(&place).await?.with(200);
    assert!(page.text.contains("Where this person is logged in"), "{}", page.text);
    let session = super::visitor::hidden(&page.text, "session").context("no session to end")?;
    let act = format!("{place}/act");
    world.pass(10 * 60_000);
    let fields = [("action", "end-session"), ("session", session.as_str())];
    let page = chief.fill(&page, &act, &fields).await?;
    assert!(page.text.contains("Is it still you?"), "{}", page.text);
    let proven = [fields[0], fields[1], ("proof_password", PASSWORD)];
    let page = chief.fill(&page, &act, &proven).await?.with(200);
    assert!(page.text.contains("The session was ended.") && page.text.contains("Nowhere."), "{}", page.text);
    world.get(&bia, "/auth/me").await?.with(401);
    Ok(())
}

#[tokio::test]
async fn the_program_says_what_it_is_built_of_to_whoever_is_logged_in() -> Result<()> {
    let world = World::new().await?;
    let vera = world.user("vera", &["viewer"], &[]).await?;
    let told = world.get(&vera, "/system/about").await?.with(200);
    assert!(
        !told.text.contains("/work/") && !told.text.contains("/home/"),
        "a place of the machine that built it"
    );
    let told = told.json();
    assert!(told["parts"].as_array().is_some_and(|all| all.len() > 100), "{told}");
    assert!(told["target"].as_str().is_some_and(|text| text.contains('-')), "{told}");
    let mut visitor = Visitor::new(&world);
    visitor.log_in("vera").await?;
    let page = visitor.get("/console/system/about").await?.with(200);
    assert!(page.text.contains("minijinja") && page.text.contains("LGPL-3.0-or-later"), "{}", page.text);
    Ok(())
}
