//! Forms beyond the first: grave ones that wait for a proof, a schedule, and addresses that only take forms.
//! Never a look into the database: what a page says next is what counts.

use anyhow::Result;

use super::visitor::Visitor;
use crate::world::{PASSWORD, World};

/// A proof holds for five minutes, in milliseconds.
const PROOF_MILLIS: i64 = 300_000;

#[tokio::test]
async fn a_grave_form_waits_for_its_proof_and_goes_on_with_all_that_was_typed() -> Result<()> {
    let world = World::new().await?;
    world.make_user("ana", &["admin"], &[]).await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    world.pass(PROOF_MILLIS + 1);
    let (place, secret) = ("/console/access/act", "another long sentence 42");
    let typed =
        [("action", "user"), ("name", "bia"), ("password", secret), ("role", "viewer"), ("all_tenants", "1")];
    let page = ana.get("/console/access").await?.with(200);
    let asked = ana.fill(&page, place, &typed).await?.with(200);
    assert!(asked.text.contains("Is it still you?"), "{}", asked.text);
    for (name, value) in typed {
        let carried = format!("type=\"hidden\" name=\"{name}\" value=\"{value}\"");
        assert!(asked.text.contains(&carried), "{name} is lost: {}", asked.text);
    }
    let with = |proof: &'static str| [&typed[..], &[("proof_password", proof)]].concat();
    let wrong = ana.fill(&asked, place, &with("not the password")).await?.with(401);
    assert!(wrong.text.contains("Name, password or code is wrong"), "{}", wrong.text);
    assert!(wrong.text.contains("value=\"bia\"") && !wrong.text.contains("not the password"));
    let done = ana.fill(&wrong, place, &with(PASSWORD)).await?.with(200);
    assert!(done.text.contains("The user was made.") && !done.text.contains(secret), "{}", done.text);
    let mut bia = Visitor::new(&world);
    let page = bia.get("/console/login").await?;
    let into = bia.fill(&page, "/console/login", &[("name", "bia"), ("password", secret)]).await?;
    assert!(into.text.contains("Overview"), "{}", into.text);
    Ok(())
}

#[tokio::test]
async fn a_schedule_is_kept_in_words_with_its_next_times_and_taken_away() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["operator"], &[1]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let (page, act) = (format!("/console/jobs/{job}/schedule"), format!("/console/jobs/{job}/schedule/act"));
    let first = ana.get(&page).await?.with(200);
    assert!(first.text.contains("No schedule: deltas are started by hand."), "{}", first.text);
    let own = [("action", "keep"), ("rhythm", "own"), ("cron", "every day"), ("enabled", "1")];
    let wrong = ana.fill(&first, &act, &own).await?.with(422);
    assert!(wrong.text.contains("id=\"wrong-cron\"") && wrong.text.contains("value=\"every day\""));
    let wish = [("action", "keep"), ("rhythm", "evening"), ("enabled", "1"), ("skip", "1")];
    let kept = ana.fill(&wrong, &act, &wish).await?.with(200);
    assert!(kept.text.contains("every day, at 22:00"), "{}", kept.text);
    assert_eq!(kept.text.matches("22:00</time>").count(), 5, "{}", kept.text);
    let wish =
        [("action", "keep"), ("rhythm", "hourly"), ("from", "20:00"), ("to", "22:00"), ("enabled", "1")];
    let changed = ana.fill(&kept, &act, &wish).await?.with(200);
    assert!(changed.text.contains("from 20:00 to 22:00"), "{}", changed.text);
    let gone = ana.fill(&changed, &act, &[("action", "remove")]).await?.with(200);
    assert!(gone.text.contains("The schedule was removed"), "{}", gone.text);
    Ok(())
}

#[tokio::test]
async fn an_address_that_only_takes_forms_leads_back_to_its_page() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["admin"], &[]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    for (path, expected) in [
        (format!("/console/jobs/{job}/act"), format!("/console/jobs/{job}")),
        ("/console/access/act".to_owned(), "/console/access".to_owned()),
        ("/console/jobs/servers".to_owned(), "/console/jobs/new".to_owned()),
    ] {
        let told = ana.open(&path).await?.with(303);
        assert_eq!(told.header("location"), expected);
    }
    // A form that was refused stands at such an address; its page says where it is to be asked for again.
    let page = ana.get(&format!("/console/jobs/{job}")).await?;
    let refused = ana.fill(&page, &format!("/console/jobs/{job}/act"), &[("action", "initial")]).await?;
    assert!((400..500).contains(&refused.status), "{}", refused.status);
    let from = format!("data-from=\"/console/jobs/{job}\"");
    assert!(refused.text.replace("&#x2f;", "/").contains(&from), "{}", refused.text);
    Ok(())
}

#[tokio::test]
async fn a_tick_and_a_word_stay_where_a_quarantine_form_is_refused() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["operator"], &[1]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let mailbox = world.mailbox(&person, job, "ana@example.org").await?;
    world
        .sql(
            "INSERT INTO quarantine_items (job_id, mailbox_id, folder_path, source_ref, reason, detail, size_bytes)
             VALUES ($1, $2, 'INBOX', '7', 'unreadable', 'a block is damaged', 10)",
            malote_service::binds![job, mailbox],
        )
        .await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let place = format!("/console/jobs/{job}/quarantine");
    let page = ana.get(&place).await?.with(200);
    assert!(page.text.contains("Cannot be read at the source"), "{}", page.text);
    let id = page.text.split("name=\"id\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let id = id.unwrap_or_default().to_owned();
    let typed = [("action", "acknowledge"), ("id", id.as_str()), ("note", "the customer was told")];
    let refused = ana.fill(&page, &place, &typed).await?.with(422);
    assert!(
        refused.text.contains(" checked aria-label=") && refused.text.contains(">the customer was told<")
    );
    Ok(())
}

#[tokio::test]
async fn what_the_service_says_in_english_is_said_in_the_visitors_language() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["admin"], &[]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let binds = || malote_service::binds![job];
    let moved = "INSERT INTO phase_history (job_id, from_phase, to_phase, actor, reason)
                 VALUES ($1, 'initial_sync', 'delta_sync', 'worker',
                     'every enabled mailbox has finished its first copy'),
                     ($1, 'delta_sync', 'failed', 'u_x', 'the customer <b>said</b> so')";
    world.sql(moved, binds()).await?;
    let voided = "INSERT INTO gate_approvals (id, job_id, decision, approver, voided_ms, void_reason)
                  VALUES ('00000000-0000-4000-8000-000000000001', $1, 'approved', 'u_x', 1,
                      'approval void: count_ratio fails')";
    world.sql(voided, binds()).await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let job_page = format!("/console/jobs/{job}");
    let english = ana.get(&job_page).await?.with(200);
    assert!(english.text.contains("every enabled mailbox has finished its first copy"), "{}", english.text);
    ana.language = "pt-BR";
    let page = ana.get(&job_page).await?.with(200);
    for words in [
        "cada caixa ativa terminou a primeira cópia",
        "a aprovação caiu: falhou a verificação “Mensagens no destino”",
        // What a person wrote stays as it was written, and nothing of it becomes part of the page.
        "<span lang=\"en\">the customer &lt;b&gt;said&lt;&#x2f;b&gt; so</span>",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    let page = ana.get("/console/access").await?.with(200);
    let typed = [("action", "user"), ("name", "two words"), ("password", "another long sentence 42")];
    let told = ana.fill(&page, "/console/access/act", &typed).await?.with(422);
    assert!(told.text.contains("de 1 a 100 caracteres, sem espaços"), "{}", told.text);
    assert!(told.text.contains("href=\"#field-name\">Nome</a>: de 1 a 100"), "{}", told.text);
    Ok(())
}

#[tokio::test]
async fn a_file_that_nobody_has_read_through_has_a_page_of_its_own() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["operator"], &[1]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let mailbox = world.mailbox(&person, job, "ana@example.org").await?;
    let mail =
        "From bia@example.org Thu Jan  1 00:00:00 2015\nFrom: bia@example.org\nSubject: x\n\nhello\n\n";
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"mailbox_id\"\r\n\r\n{mailbox}\r\n--b\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a.mbox\"\r\n\r\n{mail}\r\n--b--\r\n"
    );
    let mut request = world.request("POST", &format!("/migration/jobs/{job}/upload-pst"), &person, None)?;
    request.headers_mut().insert("content-type", "multipart/form-data; boundary=b".parse()?);
    *request.body_mut() = axum::body::Body::from(body);
    let made = world.ask(request).await?.with(201).json();
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let path = format!("/console/uploads/{}", made["id"].as_str().unwrap_or_default());
    let page = ana.get(&path).await?.with(200);
    assert!(page.text.contains("a.mbox") && page.text.contains("Read it through"), "{}", page.text);
    Ok(())
}
