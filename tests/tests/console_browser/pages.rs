//! Every page: no fault by axe-core's rules, nothing cut off on a narrow screen, and a picture of each.
//! Never a comparison of pictures: people look at them.

use std::path::Path;

use acceptance::browser::{Browser, axe};
use anyhow::{Context as _, Result, bail, ensure};

use super::scene::Scene;

/// The widths at which pages must not scroll sideways, in CSS pixels (WCAG 2.2, 1.4.10, and a small telephone).
const WIDTHS: [u32; 2] = [320, 360];

async fn prefer(browser: &Browser, base: &str, language: &str, theme: &str) -> Result<()> {
    browser.set_cookie(base, "malote-language", language).await?;
    browser.set_cookie(base, "malote-theme", theme).await
}

/// What is wrong with the page that is open, in both themes.
async fn faults(browser: &Browser, axe: &str, page: &str) -> Result<Vec<String>> {
    let (light, dark) = (browser.faults(axe).await?, browser.faults_in("dark").await?);
    let told = |theme, faults: Vec<String>| {
        faults.into_iter().map(move |fault| format!("{page} {theme}: {fault}")).collect::<Vec<_>>()
    };
    Ok([told("light", light), told("dark", dark)].concat())
}

/// Every page in some languages: a busy service has so many that its languages are looked at side by side.
async fn check(scene: &Scene, languages: &[&str]) -> Result<()> {
    let Some(browser) = Browser::start(1280, 900, true).await? else { return Ok(()) };
    let Some(axe) = axe() else { return Ok(()) };
    let mut found = Vec::new();
    for language in languages {
        prefer(&browser, &scene.base, language, "light").await?;
        browser.open(&format!("{}/console/login", scene.base)).await?;
        found.extend(faults(&browser, &axe, &format!("login {language}")).await?);
    }
    scene.log_in(&browser).await?;
    for language in languages {
        prefer(&browser, &scene.base, language, "light").await?;
        for (name, path) in scene.pages() {
            browser.open(&format!("{}{path}", scene.base)).await?;
            found.extend(faults(&browser, &axe, &format!("{name} {language}")).await?);
        }
    }
    for (name, path, script) in scene.ways() {
        scene.go(&browser, (&path, &script)).await?;
        found.extend(faults(&browser, &axe, name).await?);
    }
    browser.quit().await?;
    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn colours_that_nobody_can_read_are_found_in_the_theme_that_has_them() -> Result<()> {
    let scene = Scene::empty().await?;
    let Some(browser) = Browser::start(1280, 900, true).await? else { return Ok(()) };
    let Some(axe) = axe() else { return Ok(()) };
    prefer(&browser, &scene.base, "en", "light").await?;
    browser.open(&format!("{}/console/login", scene.base)).await?;
    // Where the page's own rules forbid a style in the page, a sheet that a script makes is not one.
    let grey = "const sheet = new CSSStyleSheet();
        sheet.replaceSync(':root[data-theme=dark] h1 { color: #333; background: #222; }');
        document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];";
    browser.run(grey).await?;
    let found = faults(&browser, &axe, "login").await?;
    browser.quit().await?;
    let [fault] = found.as_slice() else { bail!("{found:?}") };
    ensure!(fault.starts_with("login dark: color-contrast:") && fault.contains("<h1"), "{fault}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_of_an_empty_service_breaks_a_rule_of_accessibility() -> Result<()> {
    check(&Scene::empty().await?, &["pt-BR", "en"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_portuguese_page_of_a_busy_service_breaks_a_rule_of_accessibility() -> Result<()> {
    check(&Scene::busy().await?, &["pt-BR"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_english_page_of_a_busy_service_breaks_a_rule_of_accessibility() -> Result<()> {
    check(&Scene::busy().await?, &["en"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_scrolls_sideways_on_a_narrow_screen() -> Result<()> {
    let scene = Scene::busy().await?;
    let Some(browser) = Browser::start(1280, 900, true).await? else { return Ok(()) };
    scene.log_in(&browser).await?;
    let mut wide = Vec::new();
    for width in WIDTHS {
        browser.resize(width, 800).await?;
        for (name, path) in scene.pages() {
            browser.open(&format!("{}{path}", scene.base)).await?;
            let over = "return [document.documentElement.scrollWidth, \
                [...document.querySelectorAll('main *')].filter(one => \
                one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('.scroll, .tabs, .log')) \
                .slice(0, 3).map(one => one.outerHTML.slice(0, 90))]";
            let told = browser.run(over).await?;
            if told[0].as_u64().unwrap_or(0) > u64::from(width) {
                wide.push(format!("{name} at {width}: {told}"));
            }
        }
    }
    browser.quit().await?;
    assert!(wide.is_empty(), "{}", wide.join("\n"));
    Ok(())
}

/// `make screenshots`: into target/screenshots.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "makes pictures for people to look at"]
async fn pictures_of_every_screen() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace")?;
    let folder = root.join("target").join("screenshots");
    std::fs::create_dir_all(&folder)?;
    let scenes = [("empty", Scene::empty().await?), ("busy", Scene::busy().await?)];
    for (state, scene) in &scenes {
        let Some(browser) = Browser::start(1280, 900, true).await? else { return Ok(()) };
        browser.open(&format!("{}/console/login", scene.base)).await?;
        std::fs::write(folder.join(format!("{state}-login.png")), browser.picture().await?)?;
        scene.log_in(&browser).await?;
        for (language, theme, width) in
            [("pt-BR", "light", 1280), ("en", "dark", 1280), ("pt-BR", "light", 360)]
        {
            prefer(&browser, &scene.base, language, theme).await?;
            browser.resize(width, 900).await?;
            for (name, path) in scene.pages() {
                browser.open(&format!("{}{path}", scene.base)).await?;
                let file = format!("{state}-{name}-{language}-{theme}-{width}.png");
                std::fs::write(folder.join(file), browser.picture().await?)?;
            }
            for (name, path, script) in scene.ways() {
                scene.go(&browser, (&path, &script)).await?;
                let file = format!("{state}-{name}-{language}-{theme}-{width}.png");
                std::fs::write(folder.join(file), browser.picture().await?)?;
            }
        }
        browser.quit().await?;
    }
    Ok(())
}
