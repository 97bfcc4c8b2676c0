//! Ways through the console: by keys alone, without script, and live.
//! Never by the API: what is done is done as a person does it.

use acceptance::browser::Browser;
use anyhow::{Result, ensure};

use super::scene::Scene;
use crate::world::PASSWORD;

/// The key of WebDriver §17.4.2 that moves the focus on.
const TAB: &str = "\u{e004}";
/// And the one that presses what has it.
const ENTER: &str = "\u{e007}";

/// Moves the focus until it is on what a selector names.
async fn tab_to(browser: &Browser, selector: &str) -> Result<()> {
    for _ in 0..80 {
        let there = format!("return document.activeElement.matches({})", serde_json::json!(selector));
        if browser.run(&there).await? == true {
            let seen = "const one = getComputedStyle(document.activeElement); \
                return one.outlineStyle !== 'none' && parseFloat(one.outlineWidth) >= 2";
            ensure!(browser.run(seen).await? == true, "the focus on {selector} is not seen");
            return Ok(());
        }
        browser.keys(TAB).await?;
    }
    anyhow::bail!("keys do not lead to {selector}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_is_registered_by_keys_alone() -> Result<()> {
    let scene = Scene::empty().await?;
    let Some(browser) = Browser::start(1280, 900, true).await? else { return Ok(()) };
    browser.set_cookie(&scene.base, "malote-language", "en").await?;
    browser.open(&format!("{}/console", scene.base)).await?;
    tab_to(&browser, "#field-name").await?;
    browser.keys(&format!("lia{TAB}{PASSWORD}{ENTER}")).await?;
    browser.until("Your first migration").await?;
    tab_to(&browser, "main a[href='/console/jobs/new']").await?;
    browser.keys(ENTER).await?;
    browser.until("Look for its mail server").await?;
    tab_to(&browser, "#field-domain").await?;
    browser.keys(&format!("example.invalid{ENTER}")).await?;
    browser.until("The two servers").await?;
    tab_to(&browser, "#field-source_host").await?;
    browser.keys("old.example.invalid").await?;
    tab_to(&browser, "#field-dest_host").await?;
    browser.keys(&format!("new.example.invalid{ENTER}")).await?;
    browser.until("Nothing has been written at any server").await?;
    tab_to(&browser, "#field-email").await?;
    browser.keys("ana@example.invalid").await?;
    tab_to(&browser, "form[action$='/one'] button[value=anyway]").await?;
    browser.keys(ENTER).await?;
    browser.until("The mailboxes were added").await?;
    browser.quit().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_script_a_narrow_browser_gets_the_essential_done() -> Result<()> {
    let scene = Scene::busy().await?;
    let Some(browser) = Browser::start(360, 800, false).await? else { return Ok(()) };
    browser.set_cookie(&scene.base, "malote-language", "en").await?;
    scene.log_in(&browser).await?;
    browser.open(&format!("{}/console/jobs/{}", scene.base, scene.jobs[0])).await?;
    browser.until("The gate before DNS").await?;
    browser.press("form[action$='/act'] button:not(.primary)").await?;
    browser.until("Started. This page follows it.").await?;
    browser.quit().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_looked_at_follows_what_happens() -> Result<()> {
    let scene = Scene::busy().await?;
    let Some(browser) = Browser::start(1280, 900, true).await? else { return Ok(()) };
    browser.set_cookie(&scene.base, "malote-language", "en").await?;
    scene.log_in(&browser).await?;
    let job = scene.jobs[1];
    browser.open(&format!("{}/console/jobs/{job}", scene.base)).await?;
    browser.until("The gate before DNS").await?;
    browser.run("window.stays = 1; document.querySelector('#gate').scrollIntoView(); return 0").await?;
    let why = malote_service::binds![job];
    scene
        .world
        .sql("UPDATE migration_jobs SET paused_reason = 'lunch', is_paused = 1 WHERE id = $1", why)
        .await?;
    let now_ms = scene.world.now();
    let event = malote_service::store::events::NewEvent {
        level: malote_service::store::events::Level::Info,
        event: "phase",
        message: "paused".to_owned(),
        attributes_json: "{}".to_owned(),
        at_ms: now_ms,
    };
    scene.world.app.store.tell((job, None), &[event], &[], now_ms).await?;
    browser.until("lunch").await?;
    ensure!(browser.run("return window.stays").await? == 1, "the page was loaded anew");
    browser.quit().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_times_of_a_rhythm_are_seen_as_it_is_chosen_and_nothing_is_kept() -> Result<()> {
    let scene = Scene::busy().await?;
    let Some(browser) = Browser::start(1280, 900, true).await? else { return Ok(()) };
    browser.set_cookie(&scene.base, "malote-language", "en").await?;
    scene.log_in(&browser).await?;
    let job = scene.jobs[0];
    browser.open(&format!("{}/console/jobs/{job}/options", scene.base)).await?;
    browser.until("every 6 hours").await?;
    browser.run("window.stays = 1; return 0").await?;
    browser.press("input[value=workdays]").await?;
    browser.until("on workdays, at 20:00").await?;
    browser.press("input[value=own]").await?;
    browser.until("This schedule cannot be kept yet.").await?;
    browser.fill("#field-cron", &format!("30 3 * * 1{TAB}")).await?;
    browser.until("on Monday, at 03:30").await?;
    let times = "return document.querySelectorAll('[data-looked=look] time').length";
    ensure!(browser.run(times).await? == 5, "not five times are shown");
    ensure!(browser.run("return window.stays").await? == 1, "the page was loaded anew");
    let kept = scene.world.get(&scene.lead, &format!("/migration/jobs/{job}/schedule")).await?;
    ensure!(kept.status == 404, "looking kept a schedule: {}", kept.text);
    browser.quit().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_theme_and_a_language_follow_somebody_into_another_browser() -> Result<()> {
    let scene = Scene::empty().await?;
    let Some(browser) = Browser::start(1280, 900, true).await? else { return Ok(()) };
    browser.set_cookie(&scene.base, "malote-language", "en").await?;
    scene.log_in(&browser).await?;
    browser.open(&format!("{}/console/account", scene.base)).await?;
    browser.until("Kept with your account").await?;
    let choose = "const form = document.querySelector('#field-language').form;
        form.elements.language.value = 'pt-BR'; form.elements.theme.value = 'dark'; form.requestSubmit(); return 0";
    browser.run(choose).await?;
    browser.until("Salvo").await?;
    browser.quit().await?;
    let Some(other) = Browser::start(1280, 900, true).await? else { return Ok(()) };
    other.set_cookie(&scene.base, "malote-language", "en").await?;
    other.set_cookie(&scene.base, "malote-theme", "light").await?;
    scene.log_in(&other).await?;
    let told = "return [document.documentElement.lang, document.documentElement.dataset.theme]";
    ensure!(other.run(told).await? == serde_json::json!(["pt-BR", "dark"]), "the choice did not follow");
    other.quit().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tree_of_runs_is_walked_by_keys_and_what_was_opened_stays_open_while_it_is_refreshed()
-> Result<()> {
    let scene = Scene::busy().await?;
    let Some(browser) = Browser::start(1280, 900, true).await? else { return Ok(()) };
    browser.set_cookie(&scene.base, "malote-language", "en").await?;
    scene.log_in(&browser).await?;
    let job = scene.jobs[0];
    browser.open(&format!("{}/console/jobs/{job}/runs", scene.base)).await?;
    tab_to(&browser, ".twigs > li:first-child summary").await?;
    browser.keys(ENTER).await?;
    let is_open = "return document.querySelector('.twigs > li:first-child details').open";
    ensure!(browser.run(is_open).await? == true, "Enter does not open a run");
    browser.until("6,026 / 6,028").await?;
    // A run of the pass comes to another end: the page hears of it, and what was opened stays.
    let other = "UPDATE migration_runs SET status = 'partial' WHERE id = (SELECT MAX(id) FROM migration_runs
                 WHERE run_type = 'verify' AND job_id = $1)";
    scene.world.sql(other, malote_service::binds![job]).await?;
    let told = "INSERT INTO run_log_events (job_id, level, event, message, at) VALUES ($1, 'info', 'run', 'ended', $2)";
    let now = malote_service::store::at(scene.world.now());
    scene.world.sql(told, malote_service::binds![job, now]).await?;
    browser.until("× Not complete").await?;
    ensure!(browser.run(is_open).await? == true, "a refresh closed what was opened");
    tab_to(&browser, ".branches > li:nth-child(2) > details > summary").await?;
    browser.keys(ENTER).await?;
    tab_to(&browser, ".branches > li:nth-child(2) a.button").await?;
    browser.keys(ENTER).await?;
    browser.until("contato@padaria-estrela.com.br").await?;
    ensure!(browser.address().await?.contains("pass="), "the second pass was not opened");
    browser.until("auth.bad_credentials").await?;
    browser.quit().await
}
