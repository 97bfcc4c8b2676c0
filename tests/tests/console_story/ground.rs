//! What the story stands on: two real servers with mail, a slow line to the first, the service as a process, a store.
//! Never a step of the story, and never a count by Malote's own engine.

use std::path::Path;
use std::time::Duration;

use acceptance::mail::{Mail, Postman};
use acceptance::program::Home;
use acceptance::reader::{Fingerprint, Reader};
use acceptance::servers::Dovecot;
use anyhow::{Context as _, Result, ensure};
use pst_writer::{Crypt, Folder, Message, Pst, Recipient, Role};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;
use tokio::time::{sleep, timeout};

/// Whose mail is moved.
pub const DOMAIN: &str = "padaria.invalid";
pub const ANA: &str = "ana@padaria.invalid";
pub const BRUNO: &str = "bruno@padaria.invalid";
pub const CARLA: &str = "carla@padaria.invalid";
/// Their password at both servers.
pub const SECRET: &str = "segredo da casa";
/// Messages of the store that can be read.
pub const STORE_GOOD: usize = 120;
/// Octets that pass the slow line in a second, for each connection.
const LINE_OCTETS_PER_SECOND: u64 = 250_000;
/// The seed of all mail.
const SEED: u64 = 7;
/// How long anything may take before it is taken for stuck.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// All of it.
pub struct Ground {
    pub home: Home,
    pub source: Dovecot,
    pub destination: Dovecot,
    /// The port at which the source is reached slowly, as over a long line.
    pub slow_port: u16,
    service: Child,
    /// `http://127.0.0.1:PORT`.
    pub base: String,
    /// The link that the service printed for its first administrator.
    pub setup_link: String,
    postman: Postman,
}

impl Ground {
    /// Lays it; Ana has so many messages.
    pub async fn lay(messages: usize) -> Result<Self> {
        let users = [ANA, BRUNO, CARLA].map(|name| (name, SECRET));
        let (source, destination) = (Dovecot::with_users(&users)?, Dovecot::with_users(&users)?);
        let mut postman = Postman::new(SEED);
        for (user, count) in [(ANA, messages), (BRUNO, 12), (CARLA, 0)] {
            let mails: Vec<(&str, Mail)> =
                (0..count).map(|_| (postman.folder(), postman.ordinary())).collect();
            let mut reader = Reader::login(source.port(), user, SECRET).await?;
            let refused = reader.fill(mails.iter().map(|(folder, mail)| (*folder, mail))).await?;
            ensure!(refused.is_empty(), "the source refuses {refused:?}");
            if user == ANA {
                // So long a message that the copy of it can be watched.
                let long = format!("Subject: plan\r\n\r\n{}", "What was planned.\r\n".repeat(60_000));
                for number in 0..3 {
                    reader
                        .append(
                            "INBOX",
                            &Mail::new(&format!("plan {number}"), format!("X: {number}\r\n{long}")),
                        )
                        .await?;
                }
            }
        }
        let slow_port = slow_line(source.port()).await?;
        let home = Home::new()?;
        let data = home.path("data").display().to_string();
        let words = ["serve", "--data", &data, "--listen", "127.0.0.1:0", "--allow-private", "127.0.0.0/8"];
        let mut service = home.command(words).spawn()?;
        let mut lines = BufReader::new(service.stderr.take().context("no standard error")?).lines();
        let (mut told, mut setup_link) = (String::new(), String::new());
        while setup_link.is_empty() {
            let line = timeout(WAIT_MAX, lines.next_line()).await??;
            let line = line.with_context(|| format!("it ended: {told}"))?;
            if let Some(link) = line.strip_prefix("malote: or open ") {
                link.clone_into(&mut setup_link);
            }
            told.push_str(&line);
        }
        // Nobody may wait for a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let base = setup_link.split("/console").next().unwrap_or_default().to_owned();
        Ok(Self { home, source, destination, slow_port, service, base, setup_link, postman })
    }

    /// New mail for somebody at the source.
    pub async fn delivers(&mut self, user: &str, count: usize) -> Result<()> {
        let mut reader = Reader::login(self.source.port(), user, SECRET).await?;
        for _ in 0..count {
            reader.append("INBOX", &self.postman.ordinary()).await?;
        }
        Ok(())
    }

    /// What somebody has at both servers, as a client sees it that is not ours.
    pub async fn counts(&self, user: &str) -> Result<(Vec<Fingerprint>, Vec<Fingerprint>)> {
        let mut source = Reader::login(self.source.port(), user, SECRET).await?;
        let mut destination = Reader::login(self.destination.port(), user, SECRET).await?;
        Ok((source.fingerprints().await?, destination.fingerprints().await?))
    }

    /// A store of good messages and one row whose item is not there; where it lies.
    pub fn store(&self) -> Result<String> {
        let path = self.home.path("ana.pst");
        write_store(&path)?;
        Ok(path.display().to_string())
    }

    /// Ends the service as its operator does.
    pub async fn ends(mut self) -> Result<()> {
        let id = self.service.id().context("it has ended already")?;
        let id = rustix::process::Pid::from_raw(i32::try_from(id)?).context("no process")?;
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        let ended = timeout(WAIT_MAX, self.service.wait()).await??;
        ensure!(ended.success(), "the service ended with {ended}");
        Ok(())
    }
}

fn write_store(path: &Path) -> Result<()> {
    let mut store = Pst::new(Crypt::Permute).create(path)?;
    let inbox = store.folder(store.top(), Folder::new("Inbox").class("IPF.Note").role(Role::Inbox))?;
    let minutes = store.folder(store.top(), Folder::new("Minutes").class("IPF.Note"))?;
    for number in 0..STORE_GOOD {
        let message = Message::new("IPM.Note")
            .text(&format!("minutes {number}"), &format!("What was said on day {number}."))
            .from("Bia", "bia@padaria.invalid")
            .to(Recipient::new(1, "Ana", ANA))
            .dated(1_500_000_000 + i64::try_from(number)? * 3600)
            .id(&format!("<minutes-{number}@padaria.invalid>"));
        store.item(if number % 2 == 0 { inbox } else { minutes }, &message)?;
    }
    store.row_without_item(inbox)?;
    store.finish()?;
    Ok(())
}

/// A line to a port of this machine that lets so much through in a second; its own port.
async fn slow_line(port: u16) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let own = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            tokio::spawn(pass(near_in, far_out));
            tokio::spawn(pass(far_in, near_out));
        }
    });
    Ok(own)
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut piece = vec![0; 16 * 1024];
    while let Ok(octets) = from.read(&mut piece).await {
        if octets == 0 || to.write_all(&piece[..octets]).await.is_err() {
            return;
        }
        sleep(Duration::from_micros(octets as u64 * 1_000_000 / LINE_OCTETS_PER_SECOND)).await;
    }
}
