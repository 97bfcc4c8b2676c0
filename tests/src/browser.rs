//! A real Chromium, driven over WebDriver (W3C, 2018): pages, keys, pictures, and the rules of axe-core.
//! Never a browser of somebody's: a profile of its own, ended by its own number.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// How long the driver may take to begin.
const START_MAX: Duration = Duration::from_secs(60);
/// How long one command may take.
const COMMAND_MAX: Duration = Duration::from_secs(120);

/// What WebDriver calls an element by (§12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// An element of a page.
#[derive(Debug, Clone)]
pub struct Place(String);

impl Place {
    /// As an argument of a script.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ELEMENT: self.0})
    }
}

/// A browser.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: TempDir,
}

/// The programs that a browser needs, where the machine has them.
fn programs() -> Option<(PathBuf, PathBuf)> {
    let found = |names: &[&str]| names.iter().map(PathBuf::from).find(|path| path.exists());
    let chromium = found(&["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"])?;
    Some((found(&["/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver"])?, chromium))
}

impl Browser {
    /// Starts one with a window of this size; `None`, said aloud, where the machine has no Chromium.
    ///
    /// # Errors
    /// Where it is there and does not start.
    pub async fn start(width: u32, height: u32, has_script: bool) -> Result<Option<Self>> {
        let Some((driver, chromium)) = programs() else {
            eprintln!("SKIPPED: no Chromium with its driver: the console is not seen by a browser");
            return Ok(None);
        };
        let profile = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let driver = Command::new(driver)
            .arg(format!("--port={port}"))
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let mut browser = Self { driver, port, session: String::new(), _profile: profile };
        let began = tokio::time::Instant::now();
        while browser.ask("GET", "/status", None).await.is_err() {
            ensure!(began.elapsed() < START_MAX, "the driver does not begin");
            sleep(Duration::from_millis(100)).await;
        }
        let folder = browser._profile.path().join("profile");
        let mut options = json!({
            "binary": chromium,
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                "--force-device-scale-factor=1", "--no-first-run", "--disable-extensions",
                format!("--window-size={width},{height}"), format!("--user-data-dir={}", folder.display()),
            ],
        });
        if !has_script {
            options["prefs"] = json!({"profile.managed_default_content_settings.javascript": 2});
        }
        let wish = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}});
        let told = browser.ask("POST", "/session", Some(&wish)).await?;
        browser.session = told["sessionId"].as_str().context("no session")?.to_owned();
        browser.resize(width, height).await?;
        Ok(Some(browser))
    }

    /// One command of the driver; what it gives.
    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let body = body.map_or_else(String::new, Value::to_string);
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        );
        let answer = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            stream.write_all(request.as_bytes()).await?;
            read_answer(&mut stream).await
        };
        let told: Value = serde_json::from_slice(&timeout(COMMAND_MAX, answer).await??)?;
        if let Some(error) = told["value"]["error"].as_str() {
            bail!("{method} {path}: {error}: {}", told["value"]["message"].as_str().unwrap_or_default());
        }
        Ok(told["value"].clone())
    }

    async fn post(&self, command: &str, body: Value) -> Result<Value> {
        self.ask("POST", &format!("/session/{}/{command}", self.session), Some(&body)).await
    }

    /// A command of the developer tools.
    async fn tools(&self, command: &str, parameters: Value) -> Result<Value> {
        self.post("goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    /// Opens an address and waits until it is loaded.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub async fn open(&self, address: &str) -> Result<()> {
        self.post("url", json!({"url": address})).await.map(|_| ())
    }

    /// Makes the page so large, in CSS pixels.
    ///
    /// # Errors
    /// Where the browser does not.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.tools("Emulation.setDeviceMetricsOverride", size).await.map(|_| ())
    }

    /// Sets a cookie of the page's host.
    ///
    /// # Errors
    /// Where the browser does not take it.
    pub async fn set_cookie(&self, address: &str, name: &str, value: &str) -> Result<()> {
        let cookie = json!({"url": address, "name": name, "value": value, "path": "/console"});
        let told = self.tools("Network.setCookie", cookie).await?;
        ensure!(told["success"] == true, "the cookie {name} was not taken");
        Ok(())
    }

    /// Runs a function's body in the page; what it returns.
    ///
    /// # Errors
    /// Where it throws.
    pub async fn run(&self, body: &str) -> Result<Value> {
        self.post("execute/sync", json!({"script": body, "args": []})).await
    }

    /// The same with arguments; elements come and go as [`Place`]s do.
    ///
    /// # Errors
    /// Where it throws.
    pub async fn run_with(&self, body: &str, arguments: Value) -> Result<Value> {
        self.post("execute/sync", json!({"script": body, "args": arguments})).await
    }

    /// The element that a function's body returns; `None` where it returns none.
    ///
    /// # Errors
    /// Where it throws.
    pub async fn find(&self, body: &str, arguments: Value) -> Result<Option<Place>> {
        let told = self.run_with(body, arguments).await?;
        Ok(told[ELEMENT].as_str().map(|id| Place(id.to_owned())))
    }

    /// An element's name or role, as the browser tells it to a screen reader (`computedlabel`, `computedrole`).
    ///
    /// # Errors
    /// Where it is gone.
    pub async fn told(&self, place: &Place, what: &str) -> Result<String> {
        let path = format!("/session/{}/element/{}/{what}", self.session, place.0);
        Ok(self.ask("GET", &path, None).await?.as_str().unwrap_or_default().to_owned())
    }

    /// Presses an element as a pointer does: it has to be in view and not covered.
    ///
    /// # Errors
    /// Where it is gone, or something lies over it.
    pub async fn click(&self, place: &Place) -> Result<()> {
        self.post(&format!("element/{}/click", place.0), json!({})).await.map(|_| ())
    }

    /// Empties a field.
    ///
    /// # Errors
    /// Where it is gone or takes no text.
    pub async fn empty(&self, place: &Place) -> Result<()> {
        self.post(&format!("element/{}/clear", place.0), json!({})).await.map(|_| ())
    }

    /// Types into an element, or names the file of a field for files.
    ///
    /// # Errors
    /// Where it is gone or takes no text.
    pub async fn enter(&self, place: &Place, text: &str) -> Result<()> {
        self.post(&format!("element/{}/value", place.0), json!({"text": text})).await.map(|_| ())
    }

    /// What the browser complained of since it was asked last: its console, with what the security policy stopped.
    ///
    /// # Errors
    /// Where the driver keeps none.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let told = self.post("se/log", json!({"type": "browser"})).await?;
        let lines = told.as_array().into_iter().flatten();
        // A page that says what was wrong with a form has a status of 400 and above, which is told as a failed load.
        let grave = lines.filter(|line| line["level"] == "SEVERE" && line["source"] != "network");
        Ok(grave.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// The first element of a selector.
    async fn element(&self, selector: &str) -> Result<String> {
        let found = self.post("element", json!({"using": "css selector", "value": selector})).await?;
        let id = found.as_object().and_then(|object| object.values().next()).and_then(Value::as_str);
        Ok(id.with_context(|| format!("no {selector}"))?.to_owned())
    }

    /// Types into a field, in the place of what stands there.
    ///
    /// # Errors
    /// Where there is no such field.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let id = self.element(selector).await?;
        self.post(&format!("element/{id}/clear"), json!({})).await?;
        self.post(&format!("element/{id}/value"), json!({"text": text})).await.map(|_| ())
    }

    /// Names the file that a field for files is to take, in the place of the one before.
    ///
    /// # Errors
    /// Where there is no such field.
    pub async fn fill_file(&self, selector: &str, path: &str) -> Result<()> {
        let id = self.element(selector).await?;
        self.post(&format!("element/{id}/value"), json!({"text": path})).await.map(|_| ())
    }

    /// Makes the line so narrow, in octets a second, both ways; 0: as it is; `None`: cuts it.
    ///
    /// # Errors
    /// Where the browser does not.
    pub async fn line(&self, octets_per_second: Option<u32>) -> Result<()> {
        let most = match octets_per_second {
            Some(0) => -1,
            Some(octets) => i64::from(octets),
            None => 0,
        };
        let line = json!({
            "offline": octets_per_second.is_none(), "latency": 0,
            "download_throughput": most, "upload_throughput": most,
        });
        self.post("chromium/network_conditions", json!({"network_conditions": line})).await.map(|_| ())
    }

    /// Presses what a selector names.
    ///
    /// # Errors
    /// Where there is nothing to press.
    pub async fn press(&self, selector: &str) -> Result<()> {
        let id = self.element(selector).await?;
        self.post(&format!("element/{id}/click"), json!({})).await.map(|_| ())
    }

    /// Types keys at whatever has the focus; special keys have their code points of WebDriver §17.4.2.
    ///
    /// # Errors
    /// Where the browser does not take them.
    pub async fn keys(&self, text: &str) -> Result<()> {
        let actions: Vec<Value> = text
            .chars()
            .flat_map(|key| {
                [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
            })
            .collect();
        let body = json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]});
        self.post("actions", body).await.map(|_| ())
    }

    /// Holds the first of some keys down while the others are typed.
    ///
    /// # Errors
    /// Where the browser does not take them.
    pub async fn keys_together(&self, text: &str) -> Result<()> {
        let mut keys = text.chars();
        let Some(held) = keys.next() else { return Ok(()) };
        let typed = keys.flat_map(|key| {
            [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
        });
        let mut actions = vec![json!({"type": "keyDown", "value": held})];
        actions.extend(typed);
        actions.push(json!({"type": "keyUp", "value": held}));
        let body = json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]});
        self.post("actions", body).await.map(|_| ())
    }

    /// The page's text.
    ///
    /// # Errors
    /// Where there is no page.
    pub async fn text(&self) -> Result<String> {
        let id = self.element("body").await?;
        let told = self.ask("GET", &format!("/session/{}/element/{id}/text", self.session), None).await?;
        Ok(told.as_str().unwrap_or_default().to_owned())
    }

    /// The page's address.
    ///
    /// # Errors
    /// Where there is no page.
    pub async fn address(&self) -> Result<String> {
        let told = self.ask("GET", &format!("/session/{}/url", self.session), None).await?;
        Ok(told.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the page's text holds these words.
    ///
    /// # Errors
    /// Where it does not come to that; the text is told.
    pub async fn until(&self, words: &str) -> Result<()> {
        let began = tokio::time::Instant::now();
        loop {
            let text = self.text().await.unwrap_or_default();
            if text.contains(words) {
                return Ok(());
            }
            ensure!(began.elapsed() < COMMAND_MAX, "{words:?} does not come: {text}");
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// The whole page as PNG.
    ///
    /// # Errors
    /// Where the browser gives none.
    pub async fn picture(&self) -> Result<Vec<u8>> {
        let wish = json!({"format": "png", "captureBeyondViewport": true});
        let told = self.tools("Page.captureScreenshot", wish).await?;
        let data = told["data"].as_str().context("no picture")?;
        Ok(base64::engine::general_purpose::STANDARD.decode(data)?)
    }

    /// What axe-core finds wrong with the page, by the rules of WCAG 2.2 AA; its text is `axe`.
    ///
    /// # Errors
    /// Where it does not run.
    pub async fn faults(&self, axe: &str) -> Result<Vec<String>> {
        self.run(axe).await?;
        let rules = json!(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]);
        self.faults_by(rules).await
    }

    /// What it finds wrong with the colours that the page has in another theme, once [`Self::faults`] were asked for.
    /// No other rule knows of colours; they change at once, as if somebody had asked for no motion.
    ///
    /// # Errors
    /// Where it does not run.
    pub async fn faults_in(&self, theme: &str) -> Result<Vec<String>> {
        let still = json!({"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]});
        self.tools("Emulation.setEmulatedMedia", still).await?;
        self.run_with("document.documentElement.dataset.theme = arguments[0]", json!([theme])).await?;
        self.faults_by(json!({"type": "rule", "values": ["color-contrast", "link-in-text-block"]})).await
    }

    async fn faults_by(&self, rules: Value) -> Result<Vec<String>> {
        let script = "const done = arguments[arguments.length - 1];
            axe.run(document, {runOnly: arguments[0]})
                .then(found => done(found.violations.map(one =>
                    one.id + ': ' + one.nodes.slice(0, 3).map(node => node.html.slice(0, 160) + ' ' +
                        (node.any[0] ? node.any[0].message : '')).join(' | '))), error => done([String(error)]));";
        let told = self.post("execute/async", json!({"script": script, "args": [rules]})).await?;
        Ok(told.as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect())
    }

    /// Ends it.
    ///
    /// # Errors
    /// Where it does not end.
    pub async fn quit(mut self) -> Result<()> {
        let path = format!("/session/{}", self.session);
        self.ask("DELETE", &path, None).await?;
        self.driver.start_kill()?;
        self.driver.wait().await?;
        Ok(())
    }
}

/// A test that fails leaves nothing running: the driver leads the group that its browser is in.
impl Drop for Browser {
    fn drop(&mut self) {
        let id = self.driver.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(id) = id {
            // It may have ended by itself.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}

/// Reads an answer by its length: the driver keeps lines open.
async fn read_answer(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let (mut octets, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let count = stream.read(&mut piece).await?;
        octets.extend_from_slice(&piece[..count]);
        let head = octets.windows(4).position(|four| four == b"\r\n\r\n").map(|place| place + 4);
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&octets[..head]).to_ascii_lowercase();
            let length = text.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
            let length: usize = length.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
            if octets.len() >= head + length {
                return Ok(octets[head..head + length].to_vec());
            }
        }
        ensure!(count > 0, "the driver hung up");
    }
}

/// The text of axe-core, as `tests/setup/axe.sh` fetched it; `None`, said aloud, where it did not.
pub fn axe() -> Option<String> {
    let named = std::env::var_os("MALOTE_AXE").map(PathBuf::from);
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let path = named.or_else(|| Some(cache?.join("malote").join("axe-4.10.3").join("axe.min.js")))?;
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SKIPPED: no axe-core; sh tests/setup/axe.sh fetches it");
    }
    text
}
