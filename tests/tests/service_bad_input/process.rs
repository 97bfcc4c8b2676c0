//! The service as a process: secrets looked for in all that it says and shows, no core dumps, a database of a newer
//! version left alone.
//! Never a mail server: logins go to a port where nobody listens.

use std::fs;
use std::time::Duration;

use acceptance::program::Home;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

const PASSWORD: &str = "root battery staple 5512";
/// Planted: none of them may be seen anywhere.
const PLANTED: [&str; 2] = ["planted-source-81f3", "planted-destination-81f3"];
const WAIT_MAX: Duration = Duration::from_secs(60);

struct Service {
    child: Child,
    address: String,
    lines: mpsc::UnboundedReceiver<String>,
    said: String,
}

impl Service {
    async fn start(home: &Home, data: &str) -> Result<Self> {
        let words = [
            "serve",
            "--data",
            data,
            "--listen",
            "127.0.0.1:0",
            "--mfa",
            "offered",
            "--allow-private",
            "127.0.0.0/8",
        ];
        let mut child = home.command(words).spawn()?;
        let mut read = BufReader::new(child.stderr.take().context("no standard error")?).lines();
        let (tell, mut lines) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = read.next_line().await {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        let mut said = String::new();
        loop {
            let line = timeout(WAIT_MAX, lines.recv()).await?.with_context(|| format!("it ended: {said}"))?;
            said.push_str(&line);
            said.push('\n');
            if let Some(address) = line.strip_prefix("malote: listening on http://") {
                return Ok(Self { child, address: address.to_owned(), lines, said });
            }
        }
    }

    /// One request; status, head and body.
    async fn ask(&self, method: &str, path: &str, head: &str, body: &str) -> Result<(u16, String, String)> {
        let mut stream = TcpStream::connect(&self.address).await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: malote\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             {head}Connection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        timeout(WAIT_MAX, stream.read_to_string(&mut text)).await??;
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
        let (head, body) = text.split_once("\r\n\r\n").context("no end of the head")?;
        Ok((status, head.to_owned(), body.to_owned()))
    }

    async fn stop(mut self) -> Result<String> {
        let id = i32::try_from(self.child.id().context("it has ended already")?)?;
        let id = rustix::process::Pid::from_raw(id).context("no process")?;
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        timeout(WAIT_MAX, self.child.wait()).await??;
        while let Some(line) = self.lines.recv().await {
            self.said.push_str(&line);
            self.said.push('\n');
        }
        Ok(self.said)
    }
}

/// The process and everything below it.
fn family(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut at = 0;
    while at < all.len() {
        let tasks = fs::read_dir(format!("/proc/{}/task", all[at])).into_iter().flatten().flatten();
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
        at += 1;
    }
    all
}

fn none_in(what: &str, octets: &[u8]) -> Result<()> {
    for secret in PLANTED {
        let is_there = octets.windows(secret.len()).any(|part| part == secret.as_bytes());
        ensure!(!is_there, "{what} tells a secret");
    }
    Ok(())
}

#[tokio::test]
async fn planted_secrets_are_in_no_answer_no_log_no_list_of_processes_and_no_file() -> Result<()> {
    let home = Home::new()?;
    let data = home.path("data").display().to_string();
    let file = home.write("password", format!("{PASSWORD}\n"))?;
    let user =
        ["admin", "user", "add", "root1", "--role", "operator", "--password-file", &file, "--data", &data];
    home.run(user).await?.with(0);
    let service = Service::start(&home, &data).await?;
    let login = json!({"name": "root1", "password": PASSWORD}).to_string();
    let (status, head, body) = service.ask("POST", "/auth/login", "", &login).await?;
    ensure!(status == 200, "{body}");
    let cookie =
        head.split("__Host-session=").nth(1).and_then(|rest| rest.split(';').next()).context("no cookie")?;
    let csrf = serde_json::from_str::<Value>(&body)?["csrf_token"].as_str().unwrap_or_default().to_owned();
    let proof = format!("Cookie: __Host-session={cookie}\r\nX-CSRF-Token: {csrf}\r\n");
    let mut answers = String::new();
    let mailboxes = json!([{
        "email": "ana@example.com", "source_host": "127.0.0.1:9", "dest_host": "127.0.0.1:9",
        "secret": {"password": PLANTED[0]}, "dest_secret": {"password": PLANTED[1]},
    }]);
    let job = json!({"tenant_id": 1, "domain": "example.com", "dest_imap_host": "127.0.0.1:9", "mailboxes": mailboxes});
    let (status, _, body) = service.ask("POST", "/migration/jobs", &proof, &job.to_string()).await?;
    ensure!(status == 201, "{body}");
    answers.push_str(&body);
    let id = serde_json::from_str::<Value>(&body)?["id"].as_i64().context("no id")?;
    // Wrong requests that carry a secret: what is wrong with them is told without it.
    let wrong = [
        json!({"mailbox_id": 1, "side": "source", "secret": {"password": PLANTED[0], "more": PLANTED[1]}}),
        json!({"mailbox_id": PLANTED[0], "side": "source", "secret": {"password": PLANTED[1]}}),
        json!({"mailbox_id": 1, "side": PLANTED[0], "secret": {"password": format!("{}\n", PLANTED[1])}}),
    ];
    for body in wrong {
        let (status, _, told) = service.ask("POST", "/credentials", &proof, &body.to_string()).await?;
        ensure!(status == 422, "{told}");
        answers.push_str(&told);
    }
    let preflight = format!("/migration/jobs/{id}/preflight");
    let (status, _, body) = service.ask("POST", &preflight, &proof, "{}").await?;
    ensure!(status == 202, "{body}");
    let process = service.child.id().context("it has ended")?;
    for _ in 0..10 {
        for one in family(process) {
            for list in ["cmdline", "environ"] {
                let shown = fs::read(format!("/proc/{one}/{list}")).unwrap_or_default();
                none_in(list, &shown)?;
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
    let limits = fs::read_to_string(format!("/proc/{process}/limits"))?;
    let core =
        limits.lines().find(|line| line.starts_with("Max core file size")).context("no limit of cores")?;
    let numbers: Vec<&str> = core.split_whitespace().filter(|word| word.parse::<u64>().is_ok()).collect();
    ensure!(numbers == ["0", "0"], "core dumps are on: {core}");
    for path in [
        format!("/migration/jobs/{id}?include=mailboxes,gate,runs"),
        format!("/migration/jobs/{id}/mailboxes"),
        format!("/migration/jobs/{id}/runs"),
        format!("/migration/jobs/{id}/gate"),
        format!("/migration/jobs/{id}/report"),
        "/migration/mailboxes/1".to_owned(),
        "/migration/runs/1/log".to_owned(),
        "/credentials".to_owned(),
        "/logs".to_owned(),
        "/metrics".to_owned(),
    ] {
        let (status, head, body) = service.ask("GET", &path, &proof, "").await?;
        ensure!(status < 500, "{path}: {status}");
        answers.push_str(&head);
        answers.push_str(&body);
    }
    none_in("an answer", answers.as_bytes())?;
    none_in("the log", service.stop().await?.as_bytes())?;
    let mut folders = vec![home.path("data")];
    let mut looked_at = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)?.flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                none_in(&entry.path().display().to_string(), &fs::read(entry.path())?)?;
                looked_at += 1;
            }
        }
    }
    ensure!(looked_at > 3, "{looked_at} files are not a data folder");
    Ok(())
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() -> Result<()> {
    let home = Home::new()?;
    let data = home.path("data").display().to_string();
    home.run(["migrate", "up", "--data", &data]).await?.with(0);
    let file = home.path("data").join("malote.sqlite");
    let place = malote_service::store::Where::in_folder(&home.path("data"));
    let store = malote_service::store::Store::connect(&place).await?;
    let later = "INSERT INTO schema_migrations (number, name) VALUES (99, 'later')";
    store.run("a later step", later, Vec::new()).await?;
    store.close().await;
    let before = fs::read(&file)?;
    for words in
        [vec!["serve", "--data", &data, "--listen", "127.0.0.1:0"], vec!["migrate", "up", "--data", &data]]
    {
        let ended = home.run(words.clone()).await?;
        ensure!(ended.code != 0, "{words:?} began: {}", ended.err);
        ensure!(ended.err.contains("newer than"), "{words:?}: {}", ended.err);
    }
    ensure!(fs::read(&file)? == before, "the database was changed");
    Ok(())
}
