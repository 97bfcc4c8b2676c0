//! The service as a process, and somebody who asks it over sockets of their own.
//! Never holds a check: that is what the tables beside it do.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::time::timeout;

use crate::program::Home;

/// Everybody's password.
pub const PASSWORD: &str = "planted battery staple 7391";
/// How long anything may take before it is taken for stuck.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// A running service.
pub struct Service {
    child: Child,
    /// Where it listens: `127.0.0.1:PORT`.
    pub address: String,
}

impl Service {
    /// Starts it in a home, with workers.
    ///
    /// # Errors
    /// Where it ends at once.
    pub async fn start(home: &Home, data: &str) -> Result<Self> {
        Self::start_with(home, data, &[]).await
    }

    /// The same, with more arguments.
    ///
    /// # Errors
    /// Where it ends at once.
    pub async fn start_with(home: &Home, data: &str, more: &[&str]) -> Result<Self> {
        let words = ["serve", "--data", data, "--listen", "127.0.0.1:0", "--mfa", "offered"];
        let local = ["--allow-private", "127.0.0.0/8", "--workers", "2"];
        let words = words.into_iter().chain(local).chain(more.iter().copied());
        let mut child = home.command(words).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("no standard error")?).lines();
        let mut told = String::new();
        let address = loop {
            let line = timeout(WAIT_MAX, lines.next_line()).await??;
            let line = line.with_context(|| format!("it ended: {told}"))?;
            if let Some(rest) = line.strip_prefix("malote: listening on http://") {
                break rest.to_owned();
            }
            told.push_str(&line);
        };
        // Nobody may wait for a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, address })
    }

    /// Ends it as a power failure would.
    ///
    /// # Errors
    /// Where the service cannot be asked, or answers otherwise.
    pub async fn kill(mut self) -> Result<()> {
        self.child.start_kill()?;
        timeout(WAIT_MAX, self.child.wait()).await??;
        Ok(())
    }
}

/// Who asks.
#[derive(Clone, Default)]
pub struct Client {
    /// Where the service listens.
    pub address: String,
    cookie: String,
    csrf: String,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// HTTP's.
    pub status: u16,
    /// By names in small letters.
    pub headers: BTreeMap<String, String>,
    /// Undecoded.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The same, where it has this status.
    ///
    /// # Panics
    /// Where it has another.
    #[track_caller]
    pub fn with(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

impl Client {
    /// Logs in.
    ///
    /// # Errors
    /// Where the service does not let them in.
    pub async fn log_in(address: &str, name: &str) -> Result<Self> {
        Self::log_in_from(address, name, "127.0.0.1").await
    }

    /// The same, as if from elsewhere, where the service trusts what proxies on this machine say.
    ///
    /// # Errors
    /// Where the service does not let them in.
    pub async fn log_in_from(address: &str, name: &str, origin: &str) -> Result<Self> {
        let mut client = Self { address: address.to_owned(), ..Self::default() };
        let headers = [("Content-Type", "application/json"), ("X-Forwarded-For", origin)];
        let body = json!({"name": name, "password": PASSWORD}).to_string();
        let told = client.ask("POST", "/auth/login", &headers, body.as_bytes()).await?;
        ensure!(told.status == 200, "{}", String::from_utf8_lossy(&told.body));
        let line = told.headers.get("set-cookie").context("no cookie")?;
        client.cookie = line.split(['=', ';']).nth(1).context("no cookie")?.to_owned();
        told.json()["csrf_token"].as_str().context("no token")?.clone_into(&mut client.csrf);
        Ok(client)
    }

    /// The headers that tell who asks.
    #[must_use]
    pub fn identity(&self) -> Value {
        json!({"Cookie": format!("__Host-session={}", self.cookie), "X-CSRF-Token": self.csrf})
    }

    /// The beginning of a request, without its body.
    #[must_use]
    pub fn head(&self, method: &str, path: &str, headers: &[(&str, &str)], octets: usize) -> String {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: malote\r\nConnection: close\r\nContent-Length: {octets}\r\n\
             Cookie: __Host-session={}\r\nX-CSRF-Token: {}\r\n",
            self.cookie, self.csrf
        );
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head + "\r\n"
    }

    /// One request on a connection of its own.
    ///
    /// # Errors
    /// Where the service cannot be asked, or answers otherwise.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply> {
        let mut stream = TcpStream::connect(&self.address).await?;
        stream.write_all(self.head(method, path, headers, body.len()).as_bytes()).await?;
        // Whoever is refused early may find the line shut.
        let _ = stream.write_all(body).await;
        let mut octets = Vec::new();
        timeout(WAIT_MAX, stream.read_to_end(&mut octets)).await??;
        let end = octets.windows(4).position(|four| four == b"\r\n\r\n").context("no header")?;
        let head = String::from_utf8(octets[..end].to_vec())?;
        let mut lines = head.split("\r\n");
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).context("no status")?;
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Ok(Reply { status, headers, body: octets[end + 4..].to_vec() })
    }

    /// Reads.
    ///
    /// # Errors
    /// Where the service cannot be asked, or answers otherwise.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        self.ask("GET", path, &[], b"").await
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// Where the service cannot be asked, or answers otherwise.
    pub async fn post(&self, path: &str, body: Value) -> Result<Reply> {
        self.ask("POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes()).await
    }

    /// Sends a chunk.
    ///
    /// # Errors
    /// Where the service cannot be asked, or answers otherwise.
    pub async fn chunk(&self, upload: &str, offset: usize, octets: &[u8]) -> Result<Reply> {
        let (offset, digest) = (offset.to_string(), checksum(octets));
        let headers = [
            ("Content-Type", "application/offset+octet-stream"),
            ("Upload-Offset", offset.as_str()),
            ("Upload-Checksum", digest.as_str()),
        ];
        self.ask("PATCH", &format!("/migration/uploads/{upload}"), &headers, octets).await
    }

    /// Sends the first half of a chunk and holds the line.
    ///
    /// # Errors
    /// Where the service cannot be asked, or answers otherwise.
    pub async fn half_a_chunk(&self, upload: &str, offset: usize, octets: &[u8]) -> Result<TcpStream> {
        let (offset, digest) = (offset.to_string(), checksum(octets));
        let headers = [
            ("Content-Type", "application/offset+octet-stream"),
            ("Upload-Offset", offset.as_str()),
            ("Upload-Checksum", digest.as_str()),
        ];
        let mut stream = TcpStream::connect(&self.address).await?;
        let head = self.head("PATCH", &format!("/migration/uploads/{upload}"), &headers, octets.len());
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&octets[..octets.len() / 2]).await?;
        stream.flush().await?;
        Ok(stream)
    }

    /// How many octets of an upload are there.
    ///
    /// # Errors
    /// Where the service cannot be asked, or answers otherwise.
    pub async fn offset(&self, upload: &str) -> Result<usize> {
        let told = self.ask("HEAD", &format!("/migration/uploads/{upload}"), &[], b"").await?.with(200);
        Ok(told.headers.get("upload-offset").context("no offset")?.parse()?)
    }

    /// Waits until a run is over.
    ///
    /// # Errors
    /// Where the service cannot be asked, or answers otherwise.
    pub async fn over(&self, run: i64) -> Result<Value> {
        let began = Instant::now();
        loop {
            let told = self.get(&format!("/migration/runs/{run}")).await?.with(200).json();
            if !matches!(told["status"].as_str(), Some("queued" | "running")) {
                return Ok(told);
            }
            if began.elapsed() > WAIT_MAX {
                bail!("run {run} does not end: {told}");
            }
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    }

    /// Waits until the one run that an answer names is over.
    ///
    /// # Errors
    /// Where the service cannot be asked, or answers otherwise.
    pub async fn run_of(&self, told: &Reply) -> Result<Value> {
        let run = told.json()["run_ids"][0].as_i64();
        self.over(run.with_context(|| format!("no run: {}", String::from_utf8_lossy(&told.body)))?).await
    }

    /// The status of one check of a job's gate.
    ///
    /// # Errors
    /// Where the service cannot be asked, or answers otherwise.
    pub async fn check(&self, job: i64, id: &str) -> Result<String> {
        let gate = self.get(&format!("/migration/jobs/{job}/gate")).await?.with(200).json();
        let checks = gate["checks"].as_array().context("no checks")?;
        let found = checks.iter().find(|check| check["check_id"] == id).context("no such check")?;
        Ok(found["status"].as_str().unwrap_or_default().to_owned())
    }
}

/// A chunk's digest as its header tells it.
#[must_use]
pub fn checksum(octets: &[u8]) -> String {
    format!("sha256 {}", STANDARD.encode(Sha256::digest(octets)))
}

/// A file's digest as JSON tells it.
#[must_use]
pub fn hex(octets: &[u8]) -> String {
    Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Makes the servers at these ports, the last one the destination, and a job of a domain; the job.
///
/// # Errors
/// Where the service cannot be asked, or answers otherwise.
pub async fn settle(admin: &Client, lead: &Client, ports: &[u16], domain: &str) -> Result<i64> {
    let mut job = json!({"tenant_id": 1, "domain": domain});
    for (place, port) in ports.iter().enumerate() {
        let server = json!({
            "name": format!("{domain} {port}"), "kind": "imap", "host": "127.0.0.1", "port": port, "tls": "off",
            "allow_cleartext": true, "allow_private": true, "allowed_networks": ["127.0.0.0/8"],
        });
        let told = admin.post("/endpoints", server).await?.with(201);
        let side = if place + 1 == ports.len() { "dest" } else { "source" };
        job[side] = json!({"endpoint_id": told.json()["id"]});
    }
    let told = lead.post("/migration/jobs", job).await?.with(201);
    told.json()["id"].as_i64().context("no job")
}

/// Brings a file in one chunk; its upload.
///
/// # Errors
/// Where the service cannot be asked, or answers otherwise.
pub async fn bring(lead: &Client, job: i64, name: &str, octets: &[u8], email: &str) -> Result<String> {
    let wish = json!({"file_name": name, "size": octets.len(), "email": email});
    let told = lead.post(&format!("/migration/jobs/{job}/uploads"), wish).await?.with(201);
    let upload = told.json()["id"].as_str().context("no id")?.to_owned();
    lead.chunk(&upload, 0, octets).await?.with(204);
    let wish = json!({"sha256": hex(octets)});
    lead.post(&format!("/migration/uploads/{upload}/complete"), wish).await?.with(200);
    Ok(upload)
}

/// Makes users on a data folder: `admin` and `lead`.
///
/// # Errors
/// Where the service cannot be asked, or answers otherwise.
pub async fn people(home: &Home, data: &str) -> Result<()> {
    let secret = home.write("password", format!("{PASSWORD}\n"))?;
    for (name, role) in [("root1", "admin"), ("lead", "ops_lead")] {
        let words =
            ["admin", "user", "add", name, "--role", role, "--password-file", &secret, "--data", data];
        home.run(words).await?.with(0);
    }
    Ok(())
}
