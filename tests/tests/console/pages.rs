//! Pages: every one in both languages, with something and with nothing on it.
//! Never a number of its own: what is looked for was put there through the API.

use anyhow::{Context as _, Result};

use malote_service::binds;
use malote_service::console::assets;
use malote_service::store::at;

use super::visitor::{Visitor, hidden};
use crate::world::World;

/// Octets that a page may weigh with its style and script.
const PAGE_BYTES_MAX: usize = 150 * 1024;

#[tokio::test]
async fn every_page_comes_in_both_languages_and_says_nothing_of_others() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["admin"], &[]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let mailbox = world.mailbox(&person, job, "bia@example.org").await?;
    let server =
        serde_json::json!({"name": "old", "kind": "imap", "host": "old.example.org", "tls": "implicit"});
    let server = world.post(&person, "/endpoints", server).await?.with(201).json()["id"].clone();
    let kept = serde_json::json!({"endpoint_id": server, "name": "chief", "secret": {"password": "planted"}});
    let kept = world.post(&person, "/credentials", kept).await?.with(201).json()["id"].clone();
    let credential = kept.as_str().unwrap_or_default();
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    for (language, lang) in [("en", "en"), ("pt-BR,pt;q=0.9", "pt-BR"), ("fr", "pt-BR")] {
        ana.language = language;
        for path in [
            "/console".to_owned(),
            "/console/jobs".to_owned(),
            "/console/jobs?phase=failed".to_owned(),
            "/console/account".to_owned(),
            "/console/account/factor".to_owned(),
            "/console/step-up".to_owned(),
            "/console/jobs/new".to_owned(),
            "/console/approvals".to_owned(),
            "/console/access".to_owned(),
            "/console/audit".to_owned(),
            "/console/audit?verify=1".to_owned(),
            "/console/system".to_owned(),
            "/console/system/about".to_owned(),
            "/console/system/hook".to_owned(),
            "/console/help".to_owned(),
            "/console/credentials".to_owned(),
            "/console/jobs?all=1".to_owned(),
            format!("/console/credentials/{credential}"),
            format!("/console/jobs/{job}/options"),
            format!("/console/jobs/{job}"),
            format!("/console/jobs/{job}/mailboxes/new"),
            format!("/console/jobs/{job}/runs"),
            format!("/console/jobs/{job}/folders"),
            format!("/console/jobs/{job}/schedule"),
            format!("/console/jobs/{job}/quarantine"),
            format!("/console/jobs/{job}/uploads"),
            format!("/console/jobs/{job}/report"),
            format!("/console/jobs/{job}/share"),
            format!("/console/mailboxes/{mailbox}"),
            format!("/console/mailboxes/{mailbox}/schedule"),
            format!("/console/jobs/{job}/runs?view=list"),
        ] {
            let page = ana.get(&path).await?.with(200);
            assert!(page.text.contains(&format!("<html lang=\"{lang}\"")), "{path}");
            assert!(!page.text.contains("style=\"") && !page.text.contains("onclick"), "{path}");
            assert!(page.header("content-security-policy").contains("default-src 'none'"), "{path}");
            assert!(!page.text.contains("https://"), "{path} names another machine");
            let octets = page.text.len();
            let beside = assets::STYLE.len() + assets::SCRIPT.len() + assets::UPLOAD.len();
            assert!(octets + beside < PAGE_BYTES_MAX, "{path} weighs {octets} and {beside}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_customers_link_shows_numbers_to_whoever_has_it_until_it_ends() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["admin"], &[]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    world.mailbox(&person, job, "bia@example.org").await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let place = format!("/console/jobs/{job}/share");
    let page = ana.get(&place).await?.with(200);
    let many = ana.fill(&page, &place, &[("days", "61")]).await?.with(422);
    assert!(many.text.contains("id=\"wrong-days\""), "{}", many.text);
    let page = ana.fill(&page, &place, &[("days", "2")]).await?.with(200);
    let link = page.text.split("href=\"/console/share/").nth(1).and_then(|rest| rest.split('"').next());
    let link = format!("/console/share/{}", link.unwrap_or_default());
    let mut customer = Visitor::new(&world);
    let shown = customer.open(&link).await?.with(200);
    assert!(shown.text.contains("example.org") && !shown.text.contains("bia"), "{}", shown.text);
    let other = link.replacen(&format!("/{job}."), &format!("/{}.", job + 1), 1);
    let padded = link.replacen(&format!("/{job}."), &format!("/0{job}."), 1);
    for wrong in
        [other, padded, format!("{link}A"), "/console/share/1.AAAA".to_owned(), "/console/share/x".to_owned()]
    {
        customer.open(&wrong).await?.with(404);
    }
    world.pass(2 * 86_400_000);
    customer.open(&link).await?.with(404);
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_is_said_in_plain_words() -> Result<()> {
    let world = World::new().await?;
    world.make_user("ana", &["viewer"], &[]).await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    for path in ["/console/jobs/999", "/console/nothing"] {
        let page = ana.get(path).await?.with(404);
        assert!(page.text.contains("There is nothing here"), "{path}: {}", page.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_migration_is_registered_by_forms_and_gets_its_mailboxes_one_by_one_and_as_a_list() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["admin", "ops_lead"], &[]).await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let page = ana.get("/console/jobs/new").await?.with(200);
    assert!(page.text.contains("name=\"tenant_id\" type=\"text\" value=\"1\""), "{}", page.text);
    let named = [("domain", "not a domain"), ("tenant_id", "7"), ("ticket_id", "")];
    let page = ana.fill(&page, "/console/jobs/new", &named).await?;
    let page = if page.status == 422 { page } else { ana.get("/console/jobs/new").await? };
    let named = [("domain", "example.invalid"), ("tenant_id", "7"), ("ticket_id", "991")];
    let page = ana.fill(&page, "/console/jobs/new", &named).await?.with(200);
    assert!(page.text.contains("The two servers"), "{}", page.text);
    let servers = [
        ("domain", "example.invalid"),
        ("tenant_id", "7"),
        ("ticket_id", "991"),
        ("source_host", "bad host"),
        ("source_tls", "implicit"),
        ("dest_host", "new.example.org"),
        ("dest_tls", "implicit"),
    ];
    let page = ana.fill(&page, "/console/jobs/servers", &servers).await?.with(422);
    assert!(page.text.contains("Something in the form is not right"), "{}", page.text);
    assert!(page.text.contains("value=\"new.example.org\""), "what was typed is gone");
    assert!(
        page.text.contains("id=\"wrong-source_host\""),
        "nothing is said beside the field: {}",
        page.text
    );
    let mut servers = servers;
    servers[3].1 = "old.example.org";
    let page = ana.fill(&page, "/console/jobs/servers", &servers).await?.with(200);
    assert!(page.text.contains("Nothing has been written at any server"), "{}", page.text);
    let jobs = world.get(&person, "/migration/jobs").await?.json();
    let job = jobs["items"][0]["id"].as_i64().unwrap_or_default();
    assert_eq!(jobs["items"][0]["ticket_id"], 991);

    let one = format!("/console/jobs/{job}/mailboxes/one");
    let secret = "planted-secret-7391";
    let fields = [("email", "ana@example.invalid"), ("source_password", secret), ("dest_password", secret)];
    let page = ana.fill(&page, &one, &fields).await?.with(200);
    assert!(page.text.contains("The mailboxes were added") && !page.text.contains(secret));
    let again = ana.fill(&page, &one, &fields).await?.with(409);
    assert!(again.text.contains("It is there already") && !again.text.contains(secret), "{}", again.text);

    let list = format!("/console/jobs/{job}/mailboxes/list");
    let broken = "email,password\nbia@example.invalid,x\nno address,y\n";
    let seen = ana.fill(&page, &list, &[("list", broken), ("step", "look")]).await?.with(200);
    assert!(
        seen.text.contains("2 lines read, 1 can be taken") && seen.text.contains("Line 3"),
        "{}",
        seen.text
    );
    assert!(!seen.text.contains("value=\"take\""), "a list with a fault can be taken");
    let whole = "email,password\nbia@example.invalid,x\ncaio@example.invalid,y\n";
    let seen = ana.fill(&page, &list, &[("list", whole), ("step", "look")]).await?.with(200);
    assert!(seen.text.contains("value=\"take\""), "{}", seen.text);
    let options = ana.fill(&seen, &list, &[("list", whole), ("step", "take")]).await?.with(200);
    assert!(options.text.contains("The mailboxes were added.") && options.text.contains("every 6 hours"));
    let job_page = ana.get(&format!("/console/jobs/{job}")).await?.with(200);
    for name in ["ana@example.invalid", "bia@example.invalid", "caio@example.invalid", "Start the preflight"]
    {
        assert!(job_page.text.contains(name), "{name}");
    }
    let act = format!("/console/jobs/{job}/act");
    let begun = ana.fill(&job_page, &act, &[("action", "preflight")]).await?.with(200);
    assert!(begun.text.contains("Started. This page follows it."), "{}", begun.text);
    let told = ana.fill(&job_page, &act, &[("action", "preflight")]).await?.with(409);
    assert!(told.text.contains("A run is under way"), "{}", told.text);
    Ok(())
}

#[tokio::test]
async fn quarantine_is_settled_together_and_the_gate_approved_by_a_second_person() -> Result<()> {
    let world = World::new().await?;
    let maker = world.user("maker", &["operator"], &[]).await?;
    world.make_user("lead", &["ops_lead"], &[]).await?;
    let job = world.job(&maker, 1, "example.com").await?;
    let mailbox = world.mailbox(&maker, job, "ana@example.com").await?;
    copied(&world, job, mailbox).await?;
    let mut operator = Visitor::new(&world);
    operator.log_in("maker").await?;
    let place = format!("/console/jobs/{job}/quarantine");
    let page = operator.get(&place).await?.with(200);
    assert!(page.text.contains("Archive") && page.text.contains("mime.broken"), "{}", page.text);
    let item = hidden(&page.text, "id").unwrap_or_default();
    let none = [("action", "acknowledge"), ("reason", "spam")];
    operator.fill(&page, &place, &none).await?.with(422);
    let without = [("action", "acknowledge"), ("id", item.as_str()), ("reason", "")];
    let told = operator.fill(&page, &place, &without).await?.with(422);
    assert!(told.text.contains("id=\"wrong-reason\""), "{}", told.text);
    let with = [("action", "acknowledge"), ("id", item.as_str()), ("reason", "spam")];
    let told = operator.fill(&page, &place, &with).await?.with(200);
    assert!(told.text.contains("Acknowledged"), "{}", told.text);
    let page = operator.get(&format!("/console/jobs/{job}")).await?.with(200);
    assert!(!page.text.contains("value=\"approve\""), "an operator is offered an approval");

    let mut lead = Visitor::new(&world);
    lead.log_in("lead").await?;
    let page = lead.get(&format!("/console/jobs/{job}")).await?.with(200);
    assert!(page.text.contains("value=\"approve\""), "{}", page.text);
    let hash = hidden(&page.text, "snapshot_hash").unwrap_or_default();
    let act = format!("/console/jobs/{job}/act");
    let partly = [("action", "approve"), ("snapshot_hash", hash.as_str())];
    let told = lead.fill(&page, &act, &partly).await?.with(422);
    assert!(told.text.contains("Not every warning is accepted"), "{}", told.text);
    let gate = world.get(&maker, &format!("/migration/jobs/{job}/gate")).await?.json();
    let mut all = partly.to_vec();
    let warnings: Vec<String> = gate["warnings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| Some(one.as_str()?.to_owned()))
        .collect();
    all.extend(warnings.iter().map(|one| ("accept", one.as_str())));
    let told = lead.fill(&page, &act, &all).await?.with(200);
    assert!(told.text.contains("DNS may be switched."), "{}", told.text);
    Ok(())
}

/// What a first copy with one bad message would have written.
pub(super) async fn copied(world: &World, job: i64, mailbox: i64) -> Result<()> {
    let now_at = at(world.now());
    world
        .sql(
            "UPDATE migration_mailboxes SET has_scan = 1, messages_source = 100, messages_matched = 99,
                 messages_dest = 99, messages_missing = 1, messages_quarantined = 1, sync_percent = 99,
                 status = 'quarantine', last_scan_at = $2, last_delta_at = $2, last_delta_status = 'success',
                 source_login_ok_at = $2, dest_login_ok_at = $2 WHERE id = $1",
            binds![mailbox, &now_at],
        )
        .await?;
    world
        .sql(
            "INSERT INTO mailbox_folders (mailbox_id, source_path, dest_path, role, messages_source, messages_matched,
                 messages_dest, messages_missing, messages_quarantined, last_scan_at, status)
             VALUES ($1, 'Archive', 'Archive', '', 100, 99, 99, 1, 1, $2, 'ok'),
                 ($1, 'INBOX', 'INBOX', 'inbox', 0, 0, 0, 0, 0, $2, 'ok'),
                 ($1, 'Sent', 'Sent', 'sent', 0, 0, 0, 0, 0, $2, 'ok')",
            binds![mailbox, &now_at],
        )
        .await?;
    world
        .sql(
            "INSERT INTO quarantine_items (job_id, mailbox_id, folder_path, source_ref, size_bytes, reason, detail,
                 status) VALUES ($1, $2, 'Archive', 'uid 7', 2048, 'mime.broken', 'a boundary is missing', 'open')",
            binds![job, mailbox],
        )
        .await?;
    world.counted(mailbox).await?;
    world.sql("UPDATE migration_jobs SET phase = 'delta_sync' WHERE id = $1", binds![job]).await
}

#[tokio::test]
async fn after_the_gate_a_migrations_page_says_what_is_waited_for_and_what_can_be_done() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["ops_lead"], &[]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let mailbox = world.mailbox(&person, job, "bia@example.org").await?;
    let confirmed =
        "INSERT INTO job_cutovers (job_id, expected_json, before_json, confirmed_by, confirmed_ms,
                         old_ttl_seconds, is_old_ttl_known, runs_before)
                     VALUES ($1, '[\"mx.new.example\"]', '[\"mx.old.example\"]', 'u_ana', $2, 3600, 1, 0)";
    world.sql(confirmed, binds![job, world.now()]).await?;
    let seen = "INSERT INTO dns_sightings (job_id, resolver, hosts_json, ttl_seconds, error, at_ms)
                VALUES ($1, '192.0.2.53:53', '[\"<script>\"]', 60, '', $2)";
    world.sql(seen, binds![job, world.now()]).await?;
    let passed = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, status, stats_json, exit_code, finished_at,
                      triggered_by) VALUES ($1, $2, $3, $4, $5, $6, $7, 'worker')";
    let now_at = at(world.now());
    for (run_type, status, stats, exit_code) in [
        ("final", "success", r#"{"transferred":0,"pending":0,"errors":0}"#, 0),
        ("verify", "partial", r#"{"pending":1,"errors":1,"errors_by_class":{"verify.missing":1}}"#, 3),
    ] {
        world.sql(passed, binds![job, mailbox, run_type, status, stats, exit_code, &now_at]).await?;
    }
    world.counted(mailbox).await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    for (phase, is_told, is_missing) in [
        (
            "dns_cutover",
            &["mx.new.example", "mx.old.example", "192.0.2.53:53", "&lt;script&gt;"][..],
            "id=\"passes\"",
        ),
        ("final_sync", &["bia@example.org", "value=\"accept-missing\"", "id=\"passes\""], "value=\"close\""),
        ("verified", &["mx.new.example", "value=\"close\""], "value=\"accept-missing\""),
    ] {
        world.sql("UPDATE migration_jobs SET phase = $2 WHERE id = $1", binds![job, phase]).await?;
        for language in ["en", "pt-BR"] {
            ana.language = language;
            let page = ana.get(&format!("/console/jobs/{job}")).await?.with(200);
            for words in is_told {
                assert!(page.text.contains(words), "{phase} {language}: {words} is not there: {}", page.text);
            }
            assert!(!page.text.contains(is_missing), "{phase} {language}: {is_missing}");
        }
    }
    let form = [("action", "accept-missing"), ("confirm", "example.org"), ("reason", "tidied up")];
    world.sql("UPDATE migration_jobs SET phase = 'final_sync' WHERE id = $1", binds![job]).await?;
    let page = ana.get(&format!("/console/jobs/{job}")).await?.with(200);
    ana.fill(&page, &format!("/console/jobs/{job}/act"), &form).await?.with(200);
    let accepted = "SELECT accepted_reason FROM job_cutovers WHERE job_id = $1";
    let row = world.app.store.one("asking", accepted, binds![job]).await?;
    assert_eq!(row.map(|row| row.text(0)).transpose()?, Some("tidied up".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_filter_that_finds_no_mailbox_stays_and_goes_along_to_the_next_page() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["operator"], &[]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let place = format!("/console/jobs/{job}");
    let page = ana.get(&place).await?.with(200);
    assert!(page.text.contains("No mailbox yet.") && !page.text.contains("name=\"q\""), "{}", page.text);
    for number in 0..51 {
        let add = "INSERT INTO migration_mailboxes (job_id, email, source_type, status) VALUES ($1, $2, 'imap', 'ok')";
        world.sql(add, binds![job, format!("b+{number}@example.org")]).await?;
    }
    for (language, words) in
        [("en", "No mailbox matches these filters."), ("pt-BR", "Nenhuma caixa corresponde a estes filtros.")]
    {
        ana.language = language;
        for asked in ["status=error", "q=nobody"] {
            let page = ana.get(&format!("{place}?{asked}")).await?.with(200);
            assert!(page.text.contains(words) && page.text.contains("name=\"q\""), "{asked}: {}", page.text);
        }
    }
    let page = ana.get(&format!("{place}?status=ok&q=b%2B")).await?.with(200);
    let text = page.text.replace("&#x2f;", "/").replace("&amp;", "&");
    let link = text.split(&format!("href=\"{place}?cursor=")).nth(1).and_then(|rest| rest.split('#').next());
    let link = link.context("no next page")?;
    assert!(link.ends_with("&status=ok&q=b%2B"), "{link}");
    let page = ana.get(&format!("{place}?cursor={link}")).await?.with(200);
    assert!(
        page.text.contains("b+50@example.org") || page.text.contains("b&#x2b;50@example.org"),
        "{}",
        page.text
    );
    Ok(())
}
