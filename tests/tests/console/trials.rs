//! What is seen before it is kept: the next times of a schedule, and logins that are tried before a mailbox is added.
//! Never a login that is kept though it failed, unless somebody pressed for it.

use acceptance::servers::Dovecot;
use anyhow::{Context as _, Result};
use serde_json::json;

use super::visitor::Visitor;
use crate::world::{Person, World};

const USER: &str = "ana@example.org";
const SECRET: &str = "planted secret 7391";

#[tokio::test]
async fn the_wizard_proposes_six_hours_and_shows_the_next_times_before_anything_is_kept() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["operator"], &[1]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let place = format!("/console/jobs/{job}/options");
    let page = ana.get(&place).await?.with(200);
    assert!(page.text.contains("value=\"six-hours\" checked") && page.text.contains("every 6 hours"));
    assert_eq!(page.text.matches("</time>").count(), 5, "{}", page.text);
    let path = format!("/migration/jobs/{job}/schedule");
    let own = [("enabled", "1"), ("skip", "1"), ("zone", "America/Manaus"), ("rhythm", "own")];
    let look = |cron: &'static str| [&own[..], &[("cron", cron), ("step", "look")]].concat();
    let wrong = ana.fill(&page, &place, &look("every day")).await?.with(422);
    assert!(
        wrong.text.contains("id=\"wrong-cron\"") && wrong.text.contains("This schedule cannot be kept yet.")
    );
    let seen = ana.fill(&page, &place, &look("30 3 * * 1-5")).await?.with(200);
    assert!(seen.text.contains("on workdays, at 03:30</strong> · America&#x2f;Manaus"), "{}", seen.text);
    assert_eq!(seen.text.matches("</time>").count(), 5, "{}", seen.text);
    world.get(&person, &path).await?.refused(404, "not_found");
    let keep = [&own[..], &[("cron", "30 3 * * 1-5"), ("step", "keep")]].concat();
    let kept = ana.fill(&page, &place, &keep).await?.with(200);
    assert!(kept.text.contains("The schedule is kept.") && kept.text.contains("The gate before DNS"));
    let told = world.get(&person, &path).await?.with(200).json();
    assert_eq!((&told["cron"], &told["timezone"]), (&json!("30 3 * * 1-5"), &json!("America/Manaus")));
    let page = ana.get(&place).await?.with(200);
    assert!(page.text.contains("value=\"own\" checked") && page.text.contains("on workdays, at 03:30"));
    let none = [("rhythm", "by-hand"), ("zone", "UTC"), ("step", "keep")];
    let gone = ana.fill(&page, &place, &none).await?.with(200);
    assert!(gone.text.contains("No delta begins by itself."), "{}", gone.text);
    // It is kept and does not fire: a migration without one would be given one after its first copies.
    assert_eq!(world.get(&person, &path).await?.with(200).json()["enabled"], false);
    let page = ana.get(&place).await?.with(200);
    assert!(page.text.contains("value=\"by-hand\" checked"), "{}", page.text);
    // Whoever may not keep one goes on without.
    world.make_user("eva", &["viewer"], &[1]).await?;
    let mut eva = Visitor::new(&world);
    eva.log_in("eva").await?;
    let page = eva.get(&place).await?.with(200);
    assert!(page.text.contains("Whoever may manage schedules") && !page.text.contains("name=\"rhythm\""));
    Ok(())
}

async fn endpoint(world: &World, who: &Person, name: &str, port: u16) -> Result<String> {
    let body = json!({
        "name": name, "kind": "imap", "host": "127.0.0.1", "port": port, "tls": "off", "allow_private": true,
        "allow_cleartext": true, "allowed_networks": ["127.0.0.1/32"],
    });
    let made = world.post(who, "/endpoints", body).await?.with(201).json();
    Ok(made["id"].as_str().context("no id")?.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_are_tried_before_a_mailbox_is_added_and_a_failing_one_is_told_in_plain_words() -> Result<()> {
    let (source, destination) =
        (Dovecot::with_users(&[(USER, SECRET)])?, Dovecot::with_users(&[(USER, SECRET)])?);
    let world = World::new().await?;
    let person = world.user("ana", &["admin"], &[]).await?;
    let old = endpoint(&world, &person, "old", source.port()).await?;
    let new = endpoint(&world, &person, "new", destination.port()).await?;
    let job = json!({"tenant_id": 1, "domain": "example.org", "source": {"endpoint_id": old},
                     "dest": {"endpoint_id": new}});
    let job = world.post(&person, "/migration/jobs", job).await?.with(201).json()["id"].to_string();
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let (page, one) =
        (format!("/console/jobs/{job}/mailboxes/new"), format!("/console/jobs/{job}/mailboxes/one"));
    let boxes = format!("/migration/jobs/{job}/mailboxes");
    let form = ana.get(&page).await?.with(200);
    let typed = |source: &'static str, step: &'static str| {
        [("email", USER), ("source_password", source), ("dest_password", SECRET), ("step", step)]
    };
    let seen = ana.fill(&form, &one, &typed(SECRET, "try-source")).await?.with(200);
    assert!(seen.text.contains("The login works.") && seen.text.contains("nothing is kept"), "{}", seen.text);
    let seen = ana.fill(&form, &one, &typed("wrong", "try-source")).await?.with(200);
    for words in ["Name or password is wrong", "auth.bad_credentials", "Type the password anew"] {
        assert!(seen.text.contains(words), "{words}: {}", seen.text);
    }
    // One of two fails: nothing is kept, and no secret comes back.
    let refused = ana.fill(&form, &one, &typed("wrong", "add")).await?.with(200);
    assert!(refused.text.contains("The mailbox was not added") && refused.text.contains("The login works."));
    assert!(refused.text.contains("value=\"ana@example.org\"") && !refused.text.contains(SECRET));
    assert_eq!(world.get(&person, &boxes).await?.json()["total"], 0);
    let added = ana.fill(&form, &one, &typed(SECRET, "add")).await?.with(200);
    assert!(added.text.contains("The mailboxes were added."), "{}", added.text);
    assert_eq!(world.get(&person, &boxes).await?.json()["total"], 1);
    // Without a password there is nothing to try; whoever presses for it keeps what fails.
    let none = [("email", "bia@example.org"), ("step", "add")];
    ana.fill(&form, &one, &none).await?.with(200);
    let anyway = [("email", "eva@example.org"), ("source_password", "wrong"), ("step", "anyway")];
    ana.fill(&form, &one, &anyway).await?.with(200);
    assert_eq!(world.get(&person, &boxes).await?.json()["total"], 3);
    drop(source);
    let gone = ana.fill(&form, &one, &typed(SECRET, "try-source")).await?.with(200);
    assert!(gone.text.contains("The line to the server broke"), "{}", gone.text);
    let wrong = [("email", "no address"), ("source_password", "x"), ("step", "try-source")];
    let told = ana.fill(&form, &one, &wrong).await?.with(422);
    assert!(told.text.contains("id=\"wrong-email\""), "{}", told.text);
    // Nothing of what was typed is written down, and nobody guesses by it.
    let log = world.get(&person, "/audit-logs?limit=200").await?.text;
    assert!(log.contains("try-login") && !log.contains(SECRET), "{log}");
    let eve = world.user("eve", &["viewer"], &[1]).await?;
    let body = json!({"side": "source", "email": USER, "secret": {"password": "x"}});
    let path = format!("/migration/jobs/{job}/try-login");
    world.post(&eve, &path, body.clone()).await?.refused(403, "forbidden");
    let other = world.user("other", &["operator"], &[2]).await?;
    world.post(&other, &path, body).await?.refused(404, "not_found");
    // What was typed leads no further than a run would.
    for (place, host) in ["127.0.0.1:22", "169.254.169.254", "192.0.2.7:25"].into_iter().enumerate() {
        let there = json!({"side": "source", "email": USER, "host": host, "secret": {"password": "x"}});
        let domain = format!("bare{place}.example");
        let plain = json!({"tenant_id": 1, "domain": domain, "dest_imap_host": "new.example.org"});
        let bare = world.post(&person, "/migration/jobs", plain).await?.with(201).json()["id"].to_string();
        let told =
            world.post(&person, &format!("/migration/jobs/{bare}/try-login"), there).await?.with(200).json();
        assert_eq!(told["status"], "error", "{host}: {told}");
    }
    let archive = json!({"side": "source", "email": USER, "source_type": "pst", "secret": {"password": "x"}});
    world.post(&person, &path, archive).await?.refused(422, "invalid");
    Ok(())
}
