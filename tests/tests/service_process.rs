//! The service as a process: started, asked over a socket, stopped by a signal; its command line beside it.
//! Never asks anything that the router's own tests ask already.

use std::time::{Duration, Instant};

use acceptance::program::{Home, until};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::time::timeout;

const PASSWORD: &str = "planted battery staple 7391";
/// How long a process may take.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A running service.
struct Service {
    child: Child,
    address: String,
    told: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Service {
    async fn start(home: &Home, data: &str) -> Result<Self> {
        let words = ["serve", "--data", data, "--listen", "127.0.0.1:0", "--mfa", "offered"];
        let mut child = home.command(words).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("no standard error")?).lines();
        let (mut told, mut address) = (String::new(), String::new());
        while address.is_empty() {
            let line = timeout(WAIT_MAX, lines.next_line()).await??;
            let line = line.with_context(|| format!("it ended: {told}"))?;
            if let Some(rest) = line.strip_prefix("malote: listening on http://") {
                rest.clone_into(&mut address);
            }
            told.push_str(&line);
            told.push('\n');
        }
        let told = std::sync::Arc::new(std::sync::Mutex::new(told));
        let kept = std::sync::Arc::clone(&told);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(mut told) = kept.lock() {
                    told.push_str(&line);
                    told.push('\n');
                }
            }
        });
        Ok(Self { child, address, told })
    }

    /// One request with its own connection; status and body.
    async fn ask(&self, request: &str) -> Result<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        timeout(WAIT_MAX, stream.read_to_string(&mut text)).await??;
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
        Ok((status, body))
    }

    async fn get(&self, path: &str, token: &str) -> Result<(u16, String)> {
        let proof =
            if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: malote\r\n{proof}Connection: close\r\n\r\n")).await
    }

    fn said(&self) -> String {
        self.told.lock().map(|told| told.clone()).unwrap_or_default()
    }

    /// Asks it to stop, by its own number; its exit status.
    async fn stop(mut self) -> Result<i32> {
        let id = self.child.id().context("it has ended already")?;
        let id = rustix::process::Pid::from_raw(i32::try_from(id)?).context("no process")?;
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        Ok(timeout(WAIT_MAX, self.child.wait()).await??.code().unwrap_or(-1))
    }
}

#[tokio::test]
async fn a_script_sets_it_up_and_a_dns_tool_is_answered() -> Result<()> {
    let home = Home::new()?;
    let data = home.path("data").display().to_string();
    let secret = home.write("password", format!("{PASSWORD}\n"))?;
    let user =
        ["admin", "user", "add", "root1", "--role", "admin", "--password-file", &secret, "--data", &data];
    home.run(user).await?.with(0);
    assert!(home.run(user).await?.with(2).err.contains("user of that name"));
    let weak = home.write("weak", "short")?;
    let refused =
        ["admin", "user", "add", "bob", "--role", "admin", "--password-file", &weak, "--data", &data];
    home.run(refused).await?.with(2);
    let unknown =
        ["admin", "user", "add", "bob", "--role", "king", "--password-file", &secret, "--data", &data];
    home.run(unknown).await?.with(2);
    let token = ["admin", "token", "add", "vm112", "--scope", "gate:read", "--data", &data];
    let token = home.run(token).await?.with(0).out.trim().to_owned();
    ensure!(token.starts_with("lbx_") && !token.contains(char::is_whitespace), "{token}");
    let wrong = ["admin", "token", "add", "x", "--scope", "can_approve_migration_gate", "--data", &data];
    home.run(wrong).await?.with(2);

    let service = Service::start(&home, &data).await?;
    assert_eq!(service.get("/health", "").await?.0, 200);
    assert_eq!(service.get("/health/ready", "").await?.0, 200);
    assert_eq!(service.get("/metrics", "").await?.0, 200);
    for (token, status) in [("", 401), ("lbx_wrong", 401), (token.as_str(), 404)] {
        let (found, body) = service.get("/migration/gate?domain=example.com", token).await?;
        let body: Value = serde_json::from_str(&body)?;
        assert_eq!((found, &body["dns_allowed"]), (status, &Value::Bool(false)), "{body}");
    }
    let login = format!("{{\"name\":\"root1\",\"password\":\"{PASSWORD}\"}}");
    let request = format!(
        "POST /auth/login HTTP/1.1\r\nHost: malote\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{login}",
        login.len()
    );
    assert_eq!(service.ask(&request).await?.0, 200);

    let said = service.said();
    assert!(!said.contains("/auth/setup"), "a set-up link though there is a user: {said}");
    for word in [PASSWORD, &token] {
        assert!(!said.contains(word), "the log tells a secret: {said}");
    }
    let id = service.child.id().context("it has ended")?;
    let words = std::fs::read(format!("/proc/{id}/cmdline"))?;
    assert!(!String::from_utf8_lossy(&words).contains(PASSWORD));
    let began = Instant::now();
    assert_eq!(service.stop().await?, 0);
    assert!(began.elapsed() < WAIT_MAX);
    Ok(())
}

#[tokio::test]
async fn a_first_start_tells_one_link_and_a_second_start_another() -> Result<()> {
    let home = Home::new()?;
    let data = home.path("data").display().to_string();
    let mut links = Vec::new();
    for _ in 0..2 {
        let service = Service::start(&home, &data).await?;
        until("the set-up link", || service.said().contains("\"token\":\"setup_")).await;
        let said = service.said();
        let link =
            said.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next()).context("no link")?;
        links.push(link.to_owned());
        assert_eq!(service.stop().await?, 0);
    }
    assert_ne!(links[0], links[1]);
    let keys = home.path("data").join("keys");
    for name in ["master.key", "audit.key"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(keys.join(name))?.permissions().mode() & 0o777;
        assert_eq!(mode, 0o400, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn a_folder_has_one_service_and_the_next_may_begin_once_that_one_is_gone() -> Result<()> {
    let home = Home::new()?;
    let data = home.path("data").display().to_string();
    let mut first = Service::start(&home, &data).await?;
    let id = first.child.id().context("it has ended already")?;
    let second = home.run(["serve", "--data", &data, "--listen", "127.0.0.1:0"]).await?.with(2);
    ensure!(second.err.contains(&format!("process {id}")), "{}", second.err);
    // As a power failure would end it: the lock does not outlive its process.
    first.child.start_kill()?;
    timeout(WAIT_MAX, first.child.wait()).await??;
    assert_eq!(Service::start(&home, &data).await?.stop().await?, 0);
    Ok(())
}
