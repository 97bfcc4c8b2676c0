//! Roles of the house, people's rights and where they look; the list by its owner, the log by person, action and day.
//! Never a right that is taken for granted: what a form gives is tried at the doors.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::visitor::{Visitor, hidden};
use crate::world::World;

const ROLES: &str = "/console/access/roles";

#[tokio::test]
async fn a_role_is_made_given_changed_and_removed_by_forms() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let job = world.job(&admin, 1, "example.org").await?;
    let sam = world.user("sam", &["viewer"], &[1]).await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("admin1").await?;
    let page = ana.get(ROLES).await?.with(200);
    assert!(
        page.text.contains("See migrations and their numbers") && !page.text.contains("can_manage_access")
    );
    // What the visitor has not cannot be given.
    let lacking = "value=\"can_view_message_content\" disabled> <span>Read quarantined messages";
    assert!(page.text.contains(lacking), "{}", page.text);
    let two = [("name", "two words"), ("permission", "can_view_migration")];
    let told = ana.fill(&page, ROLES, &two).await?.with(422);
    assert!(told.text.contains("id=\"wrong-name\"") && told.text.contains("\"can_view_migration\" checked"));
    let grave = [("name", "own"), ("permission", "can_approve_migration_gate")];
    ana.fill(&page, ROLES, &grave).await?.with(403);
    let wish = [
        ("name", "starter"),
        ("description", "begins and looks"),
        ("permission", "can_view_migration"),
        ("permission", "can_run_sync"),
    ];
    let made = ana.fill(&told, ROLES, &wish).await?.with(200);
    assert!(made.text.contains("The role was made.") && made.text.contains("\"can_run_sync\" checked"));
    let listed = world.get(&admin, "/access/roles").await?.json();
    let own = listed["items"].as_array().context("no roles")?.iter().find(|one| one["name"] == "starter");
    let id = own.and_then(|one| one["id"].as_str()).context("no role")?.to_owned();
    let (place, act) = (format!("{ROLES}/{id}"), format!("{ROLES}/{id}/act"));

    // Given to somebody on their page; it holds from the next login on.
    let (whose, give) =
        (format!("/console/access/users/{}", sam.id), format!("/console/access/users/{}/act", sam.id));
    let person = ana.get(&whose).await?.with(200);
    assert!(person.text.contains("begins and looks"), "{}", person.text);
    let seen = hidden(&person.text, "seen").unwrap_or_default().replace("&quot;", "\"");
    let rights = [("action", "change"), ("seen", seen.as_str()), ("role", "starter"), ("tenants", "1")];
    let wrong = [("action", "change"), ("seen", seen.as_str()), ("role", "starter"), ("tenants", "1, two")];
    let told = ana.fill(&person, &give, &wrong).await?.with(422);
    assert!(told.text.contains("id=\"wrong-tenants\"") && told.text.contains("\"starter\" checked"));
    ana.fill(&person, &give, &rights).await?.with(200);
    let sam = world.log_in("sam").await?;
    world.post(&sam, &format!("/migration/jobs/{job}/pause"), json!({})).await?.with(200);

    // What another saw before is not overwritten.
    let page = ana.get(&place).await?.with(200);
    assert!(page.text.contains(">sam</a>"), "who has it is not said: {}", page.text);
    let seen = hidden(&page.text, "seen").unwrap_or_default().replace("&quot;", "\"");
    let change = [
        ("action", "change"),
        ("seen", seen.as_str()),
        ("name", "starter"),
        ("permission", "can_view_migration"),
    ];
    ana.fill(&page, &act, &change).await?.with(200);
    ana.fill(&page, &act, &change).await?.with(412);
    let sam = world.log_in("sam").await?;
    world.post(&sam, &format!("/migration/jobs/{job}/resume"), json!({})).await?.refused(403, "forbidden");
    let told = ana.fill(&page, &act, &[("action", "remove")]).await?.with(409);
    ana.language = "pt-BR";
    let told = ana.fill(&told, &act, &[("action", "remove")]).await?.with(409);
    assert!(told.text.contains("há usuários com este papel"), "{}", told.text);
    ana.language = "en";
    let person = ana.get(&whose).await?.with(200);
    let seen = hidden(&person.text, "seen").unwrap_or_default().replace("&quot;", "\"");
    let plain = [("action", "change"), ("seen", seen.as_str()), ("role", "viewer"), ("tenants", "1")];
    ana.fill(&person, &give, &plain).await?.with(200);
    let gone = ana.fill(&page, &act, &[("action", "remove")]).await?.with(200);
    assert!(gone.text.contains("The role was removed.") && gone.text.contains("No role of your own yet"));
    // A shipped role is shown and offers no form.
    let shipped = ana.get(&format!("{ROLES}/viewer")).await?.with(200);
    assert!(
        shipped.text.contains("A shipped role stays as it is.")
            && !shipped.text.contains("name=\"permission\"")
    );
    Ok(())
}

#[tokio::test]
async fn places_are_opened_and_shut_line_by_line_and_a_wrong_line_is_named() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let (one, two) = (world.job(&admin, 1, "one.example").await?, world.job(&admin, 2, "two.example").await?);
    let sam = world.user("sam", &["viewer"], &[1]).await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("admin1").await?;
    let place = format!("/console/access/users/{}", sam.id);
    let act = format!("{place}/act");
    let page = ana.get(&place).await?.with(200);
    let two = two.to_string();
    let line = |effect, kind, which| [("effect", effect), ("resource_kind", kind), ("resource_id", which)];
    let seen = hidden(&page.text, "seen_scopes").unwrap_or_default().replace("&quot;", "\"");
    let front = [("action", "scopes"), ("seen_scopes", seen.as_str())];
    for wrong in ["x", "999"] {
        let lines = [&front[..], &line("allow", "job", &two)[..], &line("allow", "job", wrong)[..]].concat();
        let told = ana.fill(&page, &act, &lines).await?.with(422);
        assert!(told.text.contains("id=\"wrong-items[1]_resource_id\""), "{wrong}: {}", told.text);
        assert!(told.text.contains("Number (2)") && told.text.contains(&format!("value=\"{wrong}\"")));
    }
    let see = async |job: &str| -> Result<u16> {
        Ok(world.get(&sam, &format!("/migration/jobs/{job}")).await?.status)
    };
    let one = one.to_string();
    assert_eq!((see(&one).await?, see(&two).await?), (200, 404));
    let lines = [
        &front[..],
        &line("allow", "job", &two)[..],
        &line("deny", "tenant", "1")[..],
        &line("allow", "tenant", "")[..],
    ]
    .concat();
    let done = ana.fill(&page, &act, &lines).await?.with(200);
    assert!(done.text.contains("Where to look is kept.") && done.text.contains(&format!("value=\"{two}\"")));
    assert_eq!((see(&one).await?, see(&two).await?), (404, 200));
    // Whoever is no administrator sees none of it.
    let mut eve = Visitor::new(&world);
    world.make_user("eve", &["operator"], &[1]).await?;
    eve.log_in("eve").await?;
    for path in [ROLES, place.as_str(), "/console/access/roles/viewer"] {
        eve.get(path).await?.with(403);
    }
    Ok(())
}

#[tokio::test]
async fn a_grave_form_of_a_role_waits_for_its_proof_with_every_box_that_was_ticked() -> Result<()> {
    let world = World::new().await?;
    world.make_user("admin1", &["admin"], &[]).await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("admin1").await?;
    world.pass(300_001);
    let page = ana.get(ROLES).await?.with(200);
    let wish = [("name", "starter"), ("permission", "can_view_migration"), ("permission", "can_run_sync")];
    let asked = ana.fill(&page, ROLES, &wish).await?.with(200);
    assert!(asked.text.contains("Is it still you?"), "{}", asked.text);
    assert_eq!(asked.text.matches("name=\"permission\" value=").count(), 2);
    let proven = [&wish[..], &[("proof_password", crate::world::PASSWORD)]].concat();
    let made = ana.fill(&asked, ROLES, &proven).await?.with(200);
    assert!(made.text.contains("The role was made."), "{}", made.text);
    Ok(())
}

#[tokio::test]
async fn the_list_is_found_by_its_owner_and_the_log_by_person_action_and_day() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let bia = world.user("bia", &["operator"], &[]).await?;
    world.job(&admin, 1, "one.example").await?;
    world.job(&bia, 1, "two.example").await?;
    let own = format!("/access/users/{}", bia.id);
    world.put(&admin, "PUT", &own, &own, json!({"email": "bia@example.org"})).await?.with(200);
    let mut ana = Visitor::new(&world);
    ana.log_in("admin1").await?;
    let page = ana.get("/console/jobs?owner=bia").await?.with(200);
    assert!(page.text.contains("two.example") && !page.text.contains("one.example"), "{}", page.text);
    assert!(page.text.contains("name=\"owner\" value=\"bia\""), "{}", page.text);
    assert!(
        page.text.replace("&#x2f;", "/").contains("href=\"/console/jobs?owner=admin1\""),
        "{}",
        page.text
    );
    let list = ana.get("/console/jobs?all=1&sort=-domain").await?.with(200);
    let place = |page: &str, words: &str| page.find(words).unwrap_or(usize::MAX);
    assert!(place(&list.text, "two.example") < place(&list.text, "one.example"), "{}", list.text);
    assert!(list.text.contains("aria-sort=\"descending\"><a class=\"sort\""), "{}", list.text);
    let list = ana.get("/console/jobs?sort=domain").await?.with(200);
    assert!(place(&list.text, "one.example") < place(&list.text, "two.example"), "{}", list.text);
    let keep = [("action", "keep"), ("owner", "bia"), ("name", "of bia")];
    let kept = ana.fill(&page, "/console/jobs/views", &keep).await?.with(200);
    assert!(kept.text.contains("aria-current=\"page\">of bia"), "{}", kept.text);

    for who in ["bia", "BIA@example.org", bia.id.as_str()] {
        let page =
            ana.get(&format!("/console/audit?actor={who}&action_part=Migration%2Fjobs")).await?.with(200);
        assert!(page.text.contains("POST "), "{who}: {}", page.text);
        assert!(!page.text.contains(">admin1<br>"), "{who} is another: {}", page.text);
    }
    let nobody = ana.get("/console/audit?actor=nobody").await?.with(200);
    assert!(nobody.text.contains("No row matches."), "{}", nobody.text);
    let day = |ms: i64| malote_service::store::at(ms)[..10].to_owned();
    let (today, before) = (day(world.now()), day(world.now() - 3 * 86_400_000));
    let page = ana.get(&format!("/console/audit?from={before}&to={today}&actor=bia")).await?.with(200);
    assert!(!page.text.contains("No row matches."), "{}", page.text);
    assert!(page.text.contains(&format!("name=\"from\" value=\"{before}\"")), "{}", page.text);
    let page = ana.get(&format!("/console/audit?to={before}&action_part=POST")).await?.with(200);
    assert!(page.text.contains("No row matches."), "{}", page.text);
    world.get(&admin, "/audit-logs?since=yesterday").await?.refused(422, "invalid");
    Ok(())
}

#[tokio::test]
async fn a_report_is_sent_to_a_ticket_and_its_delivery_stands_on_the_page() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    world.make_user("ana", &["operator"], &[1]).await?;
    let job = world.job(&admin, 1, "example.org").await?;
    let mailbox = world.mailbox(&admin, job, "bia@example.org").await?;
    super::pages::copied(&world, job, mailbox).await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let (place, attach) =
        (format!("/console/jobs/{job}/report"), format!("/console/jobs/{job}/report/attach"));
    let page = ana.get(&place).await?.with(200);
    let none = ana.fill(&page, &attach, &[("ticket_id", "")]).await?.with(409);
    assert!(none.text.contains("No ticket can be told"), "{}", none.text);
    let wrong = ana.fill(&page, &attach, &[("ticket_id", "x")]).await?.with(422);
    assert!(wrong.text.contains("id=\"wrong-ticket_id\"") && wrong.text.contains("value=\"x\""));
    let hook = json!({"url": "https://8.8.8.8/hook", "public_url": "https://malote.example"});
    world.send(&admin, "PUT", "/system/ticket-hook", hook).await?.with(200);
    let sent = ana.fill(&wrong, &attach, &[("ticket_id", "991")]).await?.with(200);
    assert!(sent.text.contains("The report is on its way to the ticket."), "{}", sent.text);
    assert!(sent.text.contains("id=\"deliveries\"") && sent.text.contains("migration."), "{}", sent.text);
    Ok(())
}

#[tokio::test]
async fn a_role_of_the_house_wears_no_shipped_roles_name() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let names = ["ops-lead", "second-asked", "ops.lead"];
    for name in names {
        let own = json!({"name": name, "description": "", "permissions": ["can_view_migration"]});
        world.post(&admin, "/access/roles", own).await?.with(201);
    }
    let mut ana = Visitor::new(&world);
    ana.log_in("admin1").await?;
    let page = ana.get(ROLES).await?.with(200);
    for name in names {
        assert!(page.text.contains(&format!("\">{name}</a>")), "{name}: {}", page.text);
    }
    assert!(!page.text.contains("\">ops_lead</a>"), "a shipped role is told by its title: {}", page.text);
    Ok(())
}
