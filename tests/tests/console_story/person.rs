//! Somebody at a browser: finds things by the words that stand on them, and uses a pointer or keys alone.
//! Never looks at a class, an id or the API: whatever a person cannot see or hear is not there.

use std::time::{Duration, Instant};

use acceptance::browser::{Browser, Place};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use super::totp::Authenticator;

/// Finds an element by its words.
const FIND: &str = include_str!("find.js");
/// How long anything may take to appear.
const APPEAR_MAX: Duration = Duration::from_secs(60);
/// What takes longer is said.
const SLOW: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Keys of WebDriver §17.4.2.
const TAB: &str = "\u{e004}";
const SHIFT_TAB: &str = "\u{e008}\u{e004}";
const ENTER: &str = "\u{e007}";
const CONTROL_A: &str = "\u{e009}a";
const BACKSPACE: &str = "\u{e003}";
const DOWN: &str = "\u{e015}";
const UP: &str = "\u{e013}";
/// A page is refreshed every other second at most: nobody misses a place so often.
const STALE_MAX: usize = 5;
/// So many presses of the tab key lead from any place of a page to any other.
const TABS_MAX: usize = 400;

/// What a person uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// A pointer and a keyboard, on a large screen.
    Pointer,
    /// A keyboard alone.
    Keys,
    /// A pointer and a browser that runs no script.
    WithoutScript,
    /// A small telephone, 360 × 740 CSS pixels.
    Narrow,
}

/// The width of the narrow screen, in CSS pixels.
const NARROW: u32 = 360;

/// Somebody.
pub struct Person {
    pub browser: Browser,
    pub base: String,
    pub manner: Manner,
    pub authenticator: Authenticator,
    began: Instant,
}

impl Person {
    /// Opens a browser of somebody's own, in English; `None`, said aloud, where there is none.
    pub async fn sits_down(base: &str, manner: Manner) -> Result<Option<Self>> {
        let (width, height) = if manner == Manner::Narrow { (NARROW, 740) } else { (1280, 900) };
        let has_script = manner != Manner::WithoutScript;
        let Some(browser) = Browser::start(width, height, has_script).await? else { return Ok(None) };
        browser.set_cookie(base, "malote-language", "en").await?;
        Ok(Some(Self {
            browser,
            base: base.to_owned(),
            manner,
            authenticator: Authenticator::default(),
            began: Instant::now(),
        }))
    }

    /// Types an address.
    pub async fn opens(&self, path: &str) -> Result<()> {
        let address = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        self.browser.open(&address).await?;
        self.looks_around().await
    }

    /// Waits until the page says something.
    pub async fn reads(&self, words: &str) -> Result<()> {
        let began = Instant::now();
        loop {
            let text = self.browser.text().await.unwrap_or_default();
            if text.contains(words) {
                if began.elapsed() > SLOW {
                    self.station(&format!("{words:?} took {:.1} s", began.elapsed().as_secs_f32()));
                }
                return Ok(());
            }
            if began.elapsed() > APPEAR_MAX {
                let address = self.browser.address().await.unwrap_or_default();
                bail!("{words:?} does not come at {address}:\n{text}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Loads the page again until it says something: what a browser without script has to do.
    pub async fn waits_for(&self, words: &str) -> Result<()> {
        if self.manner != Manner::WithoutScript {
            return self.reads(words).await;
        }
        let began = Instant::now();
        while !self.text().await?.contains(words) {
            ensure!(began.elapsed() < APPEAR_MAX, "{words:?} does not come:\n{}", self.text().await?);
            tokio::time::sleep(Duration::from_millis(500)).await;
            let address = self.browser.address().await?;
            self.browser.open(&address).await?;
        }
        Ok(())
    }

    /// The page's text as it stands; a page that goes away under one's eyes is read anew.
    pub async fn text(&self) -> Result<String> {
        for _ in 0..STALE_MAX {
            if let Ok(text) = self.browser.text().await {
                return Ok(text);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.browser.text().await
    }

    /// True where something of this kind and name can be used now.
    pub async fn sees(&self, kind: &str, name: &str, within: &str) -> Result<bool> {
        Ok(self.browser.find(FIND, json!([kind, name, within])).await?.is_some())
    }

    async fn finds(&self, kind: &str, name: &str, within: &str) -> Result<Place> {
        let began = Instant::now();
        loop {
            // The page may be on its way: what cannot be asked now is asked again.
            if let Ok(Some(place)) = self.browser.find(FIND, json!([kind, name, within])).await {
                if began.elapsed() > SLOW {
                    self.station(&format!("{name:?} took {:.1} s", began.elapsed().as_secs_f32()));
                }
                return Ok(place);
            }
            if began.elapsed() > APPEAR_MAX / 3 {
                let (address, text) = (self.browser.address().await?, self.browser.text().await?);
                bail!("no {kind} {name:?} within {within:?} at {address}:\n{text}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Finds a place and, by keys alone, leads the focus to it. A page that refreshes itself may make a place anew
    /// under one's hands: then it is found again, as a person does.
    async fn reaches(&self, kind: &str, name: &str, within: &str) -> Result<Place> {
        let mut tries = 0;
        loop {
            let place = self.finds(kind, name, within).await?;
            if self.manner != Manner::Keys {
                return Ok(place);
            }
            match self.walks_to(&place, name).await {
                Ok(()) => return Ok(place),
                Err(error) if tries < STALE_MAX && format!("{error:#}").contains("stale element") => {
                    tries += 1
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reaches a place and has its name or role told, again where it is made anew before it is asked.
    async fn hears(&self, kind: &str, name: &str, within: &str, what: &str) -> Result<(Place, String)> {
        for _ in 0..STALE_MAX {
            let place = self.reaches(kind, name, within).await?;
            match self.browser.told(&place, what).await {
                Err(error) if format!("{error:#}").contains("stale element") => (),
                told => return Ok((place, told?)),
            }
        }
        bail!("{name:?} does not stand still")
    }

    /// Presses with a pointer, on a place that may be made anew meanwhile.
    async fn clicks(&self, kind: &str, name: &str, within: &str) -> Result<()> {
        for _ in 0..STALE_MAX {
            let place = self.finds(kind, name, within).await?;
            match self.browser.click(&place).await {
                Err(error) if format!("{error:#}").contains("stale element") => (),
                done => return done.with_context(|| format!("pressing {name:?}")),
            }
        }
        bail!("{name:?} does not stand still")
    }

    /// Says what comes, and when: a story that fails shows how far it came.
    pub fn station(&self, what: &str) {
        eprintln!("{:6.1} s {:?}: {what}", self.began.elapsed().as_secs_f32(), self.manner);
    }

    /// Presses a button, a link or what opens more.
    pub async fn presses(&self, name: &str) -> Result<()> {
        self.presses_in("", name).await
    }

    /// The same in the part of the page that has this heading.
    pub async fn presses_in(&self, within: &str, name: &str) -> Result<()> {
        let began = Instant::now();
        if self.manner == Manner::Keys {
            let (_, role) = self.hears("press", name, within, "computedrole").await?;
            let known = ["button", "link", "DisclosureTriangle"].contains(&role.as_str());
            ensure!(known, "{name:?} is a {role}, which nobody takes for something to press");
            self.browser.keys(ENTER).await?;
        } else {
            self.clicks("press", name, within).await?;
        }
        self.looks_around().await?;
        if began.elapsed() > SLOW {
            self.station(&format!("pressing {name:?} took {:.1} s", began.elapsed().as_secs_f32()));
        }
        Ok(())
    }

    /// Fills a field in.
    pub async fn fills(&self, name: &str, text: &str) -> Result<()> {
        self.fills_in("", name, text).await
    }

    /// The same in the part of the page that has this heading.
    pub async fn fills_in(&self, within: &str, name: &str, text: &str) -> Result<()> {
        let (place, told) = self.hears("field", name, within, "computedlabel").await?;
        ensure!(!told.is_empty(), "the field {name:?} has no name for those who hear the page");
        if self.manner == Manner::Keys {
            self.browser.keys_together(CONTROL_A).await?;
            self.browser.keys(BACKSPACE).await?;
            return self.types(text).await;
        }
        self.browser.empty(&place).await?;
        self.browser.enter(&place, text).await
    }

    /// Line ends are typed as a person does who pastes: the enter key would send some forms.
    async fn types(&self, text: &str) -> Result<()> {
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                self.browser.keys(ENTER).await?;
            }
            self.browser.keys(line).await?;
        }
        Ok(())
    }

    /// Names the file that a field for files is to take. Nobody can use the system's own window from here; the way
    /// to the field is a person's.
    pub async fn gives_file(&self, name: &str, path: &str) -> Result<()> {
        let place = self.reaches("field", name, "").await?;
        self.browser.enter(&place, path).await
    }

    /// Ticks a box, or takes the tick away.
    pub async fn ticks(&self, name: &str) -> Result<()> {
        self.ticks_in("", name).await
    }

    /// The same in the part of the page that has this heading.
    pub async fn ticks_in(&self, within: &str, name: &str) -> Result<()> {
        if self.manner == Manner::Keys {
            self.reaches("field", name, within).await?;
            return self.browser.keys(" ").await;
        }
        self.clicks("field", name, within).await
    }

    /// Picks one of several; by keys from the one that is picked, as browsers have it.
    pub async fn picks(&self, name: &str) -> Result<()> {
        if self.manner != Manner::Keys {
            return self.clicks("field", name, "").await;
        }
        let place = self.finds("field", name, "").await?;
        let all = "const [one] = arguments;
            const all = [...document.querySelectorAll(`input[name='${one.name}']`)];";
        let steps = format!("{all} return all.indexOf(one) - all.findIndex(each => each.checked)");
        let steps = self.browser.run_with(&steps, json!([place.json()])).await?.as_i64().unwrap_or(0);
        let picked = format!("{all} return all.find(each => each.checked)");
        let picked = self.browser.find(&picked, json!([place.json()])).await?.context("none is picked")?;
        self.walks_to(&picked, name).await?;
        let key = if steps < 0 { UP } else { DOWN };
        self.browser.keys(&key.repeat(usize::try_from(steps.abs())?)).await
    }

    /// The names of all boxes in the part of the page that has this heading.
    pub async fn boxes_in(&self, within: &str) -> Result<Vec<String>> {
        let body = "const part = [...document.querySelectorAll('fieldset, section')]
                .find(one => [...one.querySelectorAll(':scope > legend, :scope > h2')]
                    .some(head => head.textContent.trim().startsWith(arguments[0])));
            const boxes = part ? [...part.querySelectorAll('input[type=checkbox]')] : [];
            return boxes.map(one => one.labels[0].textContent.trim())";
        let told = self.browser.run_with(body, json!([within])).await?;
        let names = told.as_array().into_iter().flatten();
        Ok(names.filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }

    /// Chooses from a list.
    pub async fn chooses(&self, within: &str, name: &str, option: &str) -> Result<()> {
        let place = self.reaches("field", name, within).await?;
        let steps = "const [list, wanted] = arguments;
            const place = [...list.options].findIndex(one => one.text.trim().startsWith(wanted));
            return place < 0 ? null : place - list.selectedIndex";
        let steps = self.browser.run_with(steps, json!([place.json(), option])).await?;
        let steps = steps.as_i64().with_context(|| format!("{name:?} offers no {option:?}"))?;
        if self.manner == Manner::Keys {
            let key = if steps < 0 { UP } else { DOWN };
            return self.browser.keys(&key.repeat(usize::try_from(steps.abs())?)).await;
        }
        // As WebDriver has it (§12.5.1), a press on an option chooses it.
        let body = "return [...arguments[0].options].find(one => one.text.trim().startsWith(arguments[1]))";
        let option = self.browser.find(body, json!([place.json(), option])).await?.context("no option")?;
        self.browser.click(&option).await
    }

    /// Leads the focus to an element by the tab key, backwards where it lies before; sees to it that the focus can be
    /// seen on the way's end, and that the way has one.
    async fn walks_to(&self, place: &Place, name: &str) -> Result<()> {
        let body = "const [one] = arguments; const here = document.activeElement || document.body;
            if (here === one) return 0;
            return one.compareDocumentPosition(here) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1";
        for _ in 0..TABS_MAX {
            let way = self.browser.run_with(body, json!([place.json()])).await?;
            match way.as_i64() {
                Some(0) => {
                    let seen = "const one = getComputedStyle(document.activeElement);
                        return one.outlineStyle !== 'none' && parseFloat(one.outlineWidth) >= 2";
                    ensure!(self.browser.run(seen).await? == true, "the focus on {name:?} is not seen");
                    return Ok(());
                }
                Some(-1) => self.browser.keys_together(SHIFT_TAB).await?,
                _ => self.browser.keys(TAB).await?,
            }
        }
        bail!("the tab key does not lead to {name:?}")
    }

    /// What holds for every page: one main heading, a language, a name; on a narrow screen nothing that lies outside.
    async fn looks_around(&self) -> Result<()> {
        let body = "return [document.querySelectorAll('h1').length, document.title, document.documentElement.lang,
            document.scrollingElement.scrollWidth, innerWidth,
            [...document.querySelectorAll('button, a.button, input:not([type=hidden]), select, textarea')].filter(
            one => {
                if (one.disabled || !one.checkVisibility({visibilityProperty: true})) return false;
                const box = one.getBoundingClientRect();
                const roll = one.closest('[role=region][tabindex], .tabs, .log');
                return box.width > 0 && !roll && (box.left < -1 || box.right > innerWidth + 1);
            }).map(one => one.outerHTML.slice(0, 120))]";
        // A page that is on its way is looked at where the person stops.
        let Ok(told) = self.browser.run(body).await else { return Ok(()) };
        let address = self.browser.address().await?;
        if !address.contains("/console") || told[1] == "" {
            return Ok(());
        }
        ensure!(told[0] == 1, "{address} has {} main headings", told[0]);
        ensure!(told[2] == "en", "{address} says its language is {}", told[2]);
        if self.manner == Manner::Narrow {
            let width = told[3].as_u64().unwrap_or(u64::MAX);
            ensure!(width <= u64::from(NARROW), "{address} is {width} pixels wide");
            ensure!(told[5] == json!([]), "{address} has what cannot be reached: {}", told[5]);
        }
        Ok(())
    }

    /// Leaves the machine; what the browser complained of on the way is a fault.
    pub async fn leaves(self) -> Result<()> {
        let complaints = self.browser.complaints().await?;
        ensure!(complaints.is_empty(), "the browser complained: {complaints:?}");
        self.browser.quit().await
    }
}
