//! What people choose for themselves: language, theme and zone that follow them, and views of the list by name.
//! Never a look at the database: another browser shows whether a choice was kept.

use anyhow::Result;
use serde_json::json;

use super::visitor::Visitor;
use crate::world::World;

#[tokio::test]
async fn a_users_language_and_theme_go_before_the_browsers_in_every_browser() -> Result<()> {
    let world = World::new().await?;
    world.make_user("ana", &["operator"], &[1]).await?;
    let mut first = Visitor::new(&world);
    let page = first.log_in("ana").await?.with(200);
    assert!(page.text.contains("<html lang=\"en\" data-theme=\"auto\""), "the browser's wish: {}", page.text);
    let page = first.get("/console/account").await?.with(200);
    let chosen =
        [("here", "/console/account?done=saved"), ("language", "pt-BR"), ("theme", "dark"), ("zone", "UTC")];
    let page = first.fill(&page, "/console/preferences", &chosen).await?.with(200);
    assert!(page.text.contains("<html lang=\"pt-BR\" data-theme=\"dark\"") && page.text.contains("Salvo"));
    assert!(page.text.contains("<option value=\"pt-BR\" lang=\"pt-BR\" selected>"), "{}", page.text);
    // Another browser, which wishes English and has chosen light for itself before anybody logged in.
    let mut second = Visitor::new(&world);
    second.cookies.insert("malote-theme".to_owned(), "light".to_owned());
    let page = second.get("/console/login").await?.with(200);
    assert!(
        page.text.contains("<html lang=\"en\" data-theme=\"light\""),
        "nobody is logged in: {}",
        page.text
    );
    second.log_in("ana").await?;
    for path in ["/console", "/console/jobs", "/console/nowhere"] {
        let page = second.get(path).await?;
        assert!(page.text.contains("<html lang=\"pt-BR\" data-theme=\"dark\""), "{path}: {}", page.text);
    }
    // Taken back, the browser's wish holds again; another person never had another.
    let page = second.get("/console/account").await?.with(200);
    let back = [("here", "/console/account"), ("language", ""), ("theme", "auto"), ("zone", "UTC")];
    let page = second.fill(&page, "/console/preferences", &back).await?.with(200);
    assert!(page.text.contains("<html lang=\"en\" data-theme=\"auto\""), "{}", page.text);
    let bia = world.user("bia", &["viewer"], &[1]).await?;
    let own = world.get(&bia, "/auth/preferences").await?.with(200).json();
    assert_eq!(own, json!({"language": "", "theme": "", "zone": ""}));
    world.send(&bia, "PUT", "/auth/preferences", json!({"theme": "sepia"})).await?.refused(422, "invalid");
    // Nobody's page keeps its choice in the browser alone, and another site's form keeps none.
    let mut nobody = Visitor::new(&world);
    let page = nobody.get("/console/login").await?;
    let told = nobody
        .fill(&page, "/console/preferences", &[("here", "/console/login"), ("language", "pt-BR")])
        .await?;
    assert!(told.text.contains("<html lang=\"pt-BR\""), "{}", told.text);
    let forged = [("csrf", "x"), ("here", "/console"), ("language", "en"), ("theme", "dark")];
    first.send("/console/preferences", &forged).await?.with(403);
    Ok(())
}

#[tokio::test]
async fn a_view_is_kept_by_name_begun_with_shared_by_its_address_and_removed() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["admin"], &[]).await?;
    for (domain, phase) in [("one.example", "preflight"), ("two.example", "delta_sync")] {
        let job = world.job(&person, 1, domain).await?;
        world
            .sql("UPDATE migration_jobs SET phase = $2 WHERE id = $1", malote_service::binds![job, phase])
            .await?;
    }
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let shown = "/console/jobs?phase=delta_sync&gate=blocked";
    let page = ana.get(shown).await?.with(200);
    assert!(page.text.contains("two.example") && !page.text.contains("one.example"), "{}", page.text);
    let views = "/console/jobs/views";
    let keep = [("action", "keep"), ("phase", "delta_sync"), ("gate", "blocked"), ("q", "")];
    let nameless = ana.fill(&page, views, &[&keep[..], &[("name", " ")]].concat()).await?.with(422);
    assert!(nameless.text.contains("id=\"wrong-name\""), "{}", nameless.text);
    let kept =
        ana.fill(&page, views, &[&keep[..], &[("name", "Deltas <3"), ("default", "1")]].concat()).await?;
    assert!(kept.text.contains("The view is kept.") && kept.text.contains("Deltas &lt;3"), "{}", kept.text);
    assert!(kept.text.contains("aria-current=\"page\">Deltas"), "{}", kept.text);
    // The list begins with it; all are one press away; the address shows the same to whoever opens it.
    let begun = ana.open("/console/jobs").await?.with(303);
    assert_eq!(begun.header("location"), "/console/jobs?phase=delta%5Fsync&gate=blocked");
    let all = ana.get("/console/jobs?all=1").await?.with(200);
    assert!(all.text.contains("one.example") && all.text.contains("two.example"), "{}", all.text);
    let bia = world.user("bia", &["admin"], &[]).await?;
    let mut other = Visitor::new(&world);
    other.log_in("bia").await?;
    let same = other.get(&begun.header("location")).await?.with(200);
    assert!(same.text.contains("two.example") && !same.text.contains("one.example"), "{}", same.text);
    assert!(!same.text.contains("Deltas &lt;3"), "another's view is shown");
    // The same name means what is shown now; another may not be begun with beside it.
    let again = [("action", "keep"), ("phase", "preflight"), ("name", "deltas <3"), ("default", "1")];
    let page = ana.get("/console/jobs?phase=preflight").await?;
    ana.fill(&page, views, &again).await?.with(200);
    let own = world.get(&person, "/auth/job-views").await?.with(200).json();
    assert_eq!((&own["total"], &own["items"][0]["filters"]), (&json!(1), &json!({"phase": "preflight"})));
    let id = own["items"][0]["id"].as_str().unwrap_or_default().to_owned();
    let path = format!("/auth/job-views/{id}");
    let stolen = json!({"name": "mine", "filters": {}});
    world.send(&bia, "PUT", &path, stolen).await?.refused(404, "not_found");
    world.send(&bia, "DELETE", &path, json!({})).await?.refused(404, "not_found");
    let second = json!({"name": "all", "is_default": true});
    world.post(&person, "/auth/job-views", second.clone()).await?.with(201);
    world.post(&person, "/auth/job-views", second).await?.refused(409, "duplicate");
    let own = world.get(&person, "/auth/job-views").await?.json();
    let defaults = own["items"].as_array().into_iter().flatten().filter(|view| view["is_default"] == true);
    assert_eq!(defaults.count(), 1, "{own}");
    // A view without filters is all there is, and begins with no other address.
    ana.open("/console/jobs").await?.with(200);
    let page = ana.get("/console/jobs?all=1").await?;
    let gone = ana.fill(&page, views, &[("action", "remove"), ("id", id.as_str())]).await?.with(200);
    assert!(gone.text.contains("The view was removed."), "{}", gone.text);
    // One has so many at most.
    for number in 0..39 {
        let id = format!("00000000-0000-4000-8000-0000000000{number:02}");
        let row = "INSERT INTO saved_views (id, user_id, name, created_ms) VALUES ($1, $2, $1, 0)";
        world.sql(row, malote_service::binds![&id, &person.id]).await?;
    }
    world.post(&person, "/auth/job-views", json!({"name": "one more"})).await?.refused(409, "conflict");
    Ok(())
}
