//! A file brought in parts by the page's script: over a line that breaks, by a page that is loaded again, and given up.
//! Never by the API: it is asked only what has arrived.

use std::time::{Duration, Instant};

use acceptance::browser::{Browser, axe};
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::scene::Scene;

/// Octets that the line lets through in a second.
const LINE: u32 = 400_000;
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A service with one mailbox, somebody logged in at the page of uploads, and a file of two megabytes.
struct Desk {
    scene: Scene,
    browser: Browser,
    job: i64,
    file: tempfile::NamedTempFile,
}

impl Desk {
    async fn lay() -> Result<Option<Self>> {
        let scene = Scene::empty().await?;
        let job = scene.world.job(&scene.lead, 1, "example.org").await?;
        scene.world.mailbox(&scene.lead, job, "ana@example.org").await?;
        let Some(browser) = Browser::start(1280, 900, true).await? else { return Ok(None) };
        browser.set_cookie(&scene.base, "malote-language", "en").await?;
        scene.log_in(&browser).await?;
        let file = tempfile::Builder::new().suffix(".mbox").tempfile()?;
        std::fs::write(file.path(), mbox())?;
        let desk = Self { scene, browser, job, file };
        desk.opens().await?;
        Ok(Some(desk))
    }

    async fn opens(&self) -> Result<()> {
        self.browser.open(&format!("{}/console/jobs/{}/uploads", self.scene.base, self.job)).await
    }

    async fn sends(&self) -> Result<()> {
        self.browser.fill_file("#field-file", &self.file.path().display().to_string()).await?;
        self.browser.press("form[data-upload] button.primary").await
    }

    /// Uploads as the API has them.
    async fn uploads(&self) -> Result<Value> {
        let path = format!("/migration/jobs/{}/uploads", self.job);
        Ok(self.scene.world.get(&self.scene.lead, &path).await?.with(200).json()["items"].take())
    }

    /// Waits until so many octets of the only upload are here.
    async fn arrived(&self, octets: u64) -> Result<u64> {
        let began = Instant::now();
        loop {
            let there = self.uploads().await?[0]["received_bytes"].as_u64().unwrap_or(0);
            if there >= octets {
                return Ok(there);
            }
            ensure!(began.elapsed() < WAIT_MAX, "{there} octets are here");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn mbox() -> Vec<u8> {
    let mut text = String::new();
    for number in 0..2_000 {
        text += &format!(
            "From bia@example.org Thu Jan  1 00:00:00 2015\nFrom: bia@example.org\nTo: ana@example.org\n\
             Message-ID: <{number}@example.org>\nDate: Thu, 1 Jan 2015 00:00:00 +0000\nSubject: {number}\n\n{}\n\n",
            "a line of text. ".repeat(52)
        );
    }
    text.into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_on_after_a_broken_line_and_after_the_page_was_loaded_again() -> Result<()> {
    let Some(desk) = Desk::lay().await? else { return Ok(()) };
    desk.browser.line(Some(LINE)).await?;
    desk.sends().await?;
    desk.arrived(200_000).await?;
    let told = "const bar = document.querySelector('.sending progress');
        return [bar.value > 0, bar.getAttribute('aria-valuetext'), bar.getAttribute('aria-label')]";
    let told = desk.browser.run(told).await?;
    ensure!(told[0] == true && told[1].as_str().is_some_and(|text| text.contains(" of ")), "{told}");
    desk.browser.line(None).await?;
    desk.browser.until("The line is broken.").await?;
    let before = desk.arrived(0).await?;
    desk.browser.line(Some(LINE)).await?;
    desk.arrived(before + 100_000).await?;

    // The page is closed in the middle and opened again: the same file goes on from where it was.
    desk.browser.run("window.onbeforeunload = null; return 0").await?;
    desk.opens().await?;
    desk.browser.until("Choose the same file again to go on:").await?;
    let there = desk.arrived(0).await?;
    ensure!(there > before, "{there} octets after {before}");
    desk.browser.line(Some(0)).await?;
    desk.sends().await?;
    desk.browser.until("The file was received and checked.").await?;
    desk.browser.until("2,000 messages in one folder.").await?;
    let uploads = desk.uploads().await?;
    ensure!(uploads.as_array().is_some_and(|all| all.len() == 1), "it was begun anew: {uploads}");
    ensure!(uploads[0]["state"] == "complete", "{uploads}");
    if let Some(axe) = axe() {
        let faults = desk.browser.faults(&axe).await?;
        ensure!(faults.is_empty(), "{faults:?}");
    }
    desk.browser.quit().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_file_of_the_same_name_is_never_joined_to_the_one_begun() -> Result<()> {
    let Some(desk) = Desk::lay().await? else { return Ok(()) };
    desk.browser.line(Some(LINE)).await?;
    desk.sends().await?;
    desk.arrived(200_000).await?;
    desk.opens().await?;
    desk.browser.until("Choose the same file again to go on:").await?;
    desk.browser.line(Some(0)).await?;
    let other = String::from_utf8(mbox())?.replace("a line of text", "A LINE OF TEXT");
    std::fs::write(desk.file.path(), other.as_bytes())?;
    desk.sends().await?;
    desk.browser.until("The file was received and checked.").await?;
    let uploads = desk.uploads().await?;
    ensure!(uploads.as_array().is_some_and(|all| all.len() == 2), "{uploads}");
    ensure!(
        (&uploads[0]["state"], &uploads[1]["state"]) == (&json!("open"), &json!("complete")),
        "{uploads}"
    );
    desk.browser.quit().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_goes_on_goes_where_the_page_says_now() -> Result<()> {
    let Some(desk) = Desk::lay().await? else { return Ok(()) };
    let bia = desk.scene.world.mailbox(&desk.scene.lead, desk.job, "bia@example.org").await?;
    desk.browser.line(Some(LINE)).await?;
    desk.opens().await?;
    let choose = format!("document.querySelector('#field-mailbox_id').value = '{bia}'; return 0");
    desk.browser.run(&choose).await?;
    desk.sends().await?;
    desk.arrived(100_000).await?;
    // Opened again, the page says for whom it was begun; whoever chooses another means another.
    desk.browser.run("window.onbeforeunload = null; return 0").await?;
    desk.opens().await?;
    desk.browser.until("Choose the same file again to go on:").await?;
    let chosen = "const field = document.querySelector('#field-mailbox_id');
        const before = field.value; field.selectedIndex = 0;
        return [before, field.selectedOptions[0].textContent]";
    let chosen = desk.browser.run(chosen).await?;
    ensure!(chosen == json!([bia.to_string(), "ana@example.org"]), "{chosen}");
    desk.browser.line(Some(0)).await?;
    desk.sends().await?;
    desk.browser.until("The file was received and checked.").await?;
    let uploads = desk.uploads().await?;
    ensure!(uploads[0]["state"] == "deleted" && uploads[1]["state"] == "complete", "{uploads}");
    let taken_by = format!("/migration/mailboxes/{}", uploads[1]["mailbox_id"]);
    let taken_by = desk.scene.world.get(&desk.scene.lead, &taken_by).await?.with(200).json();
    ensure!(taken_by["email"] == "ana@example.org", "{taken_by}");
    desk.browser.quit().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_told_at_the_end_is_held_against_the_file() -> Result<()> {
    let Some(desk) = Desk::lay().await? else { return Ok(()) };
    desk.browser.line(Some(LINE)).await?;
    desk.sends().await?;
    desk.arrived(100_000).await?;
    desk.browser.run("window.onbeforeunload = null; return 0").await?;
    desk.opens().await?;
    desk.browser.until("Choose the same file again to go on:").await?;
    let wrong = format!("document.querySelector('#field-sha256').value = '{}'; return 0", "0".repeat(64));
    desk.browser.run(&wrong).await?;
    desk.browser.line(Some(0)).await?;
    desk.sends().await?;
    desk.browser.until("was announced").await?;
    let uploads = desk.uploads().await?;
    ensure!(uploads.as_array().is_some_and(|all| all.len() == 1), "{uploads}");
    ensure!(uploads[0]["state"] == "refused", "{uploads}");
    desk.browser.quit().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_is_given_up_leaves_nothing() -> Result<()> {
    let Some(desk) = Desk::lay().await? else { return Ok(()) };
    desk.browser.line(Some(LINE)).await?;
    desk.sends().await?;
    desk.arrived(100_000).await?;
    desk.browser.press(".sending button").await?;
    desk.browser.until("No file yet.").await?;
    ensure!(desk.uploads().await?[0]["state"] != "open", "{}", desk.uploads().await?);
    desk.browser.quit().await
}
