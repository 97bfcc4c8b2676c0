//! From an open gate to a closed job, with a real service, real servers and a name server of the tests' own: DNS
//! changed, confirmed, waited for; late mail fetched until none comes; verified, closed; the service killed on the way.
//! Never turns a clock: what is waited for is short, and waited for.

use std::time::{Duration, Instant};

use acceptance::mail::{Mail, Postman};
use acceptance::name_server::{NameServer, Record};
use acceptance::program::Home;
use acceptance::reader::Reader;
use acceptance::servers::Dovecot;
use acceptance::service::{Client, PASSWORD, Service, people, settle};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

const DOMAIN: &str = "exemplo.com.br";
const USERS: [&str; 2] = ["ana@exemplo.com.br", "bia@exemplo.com.br"];
const SECRET: &str = "segredo";
const OLD: &str = "mx.antigo.example";
const NEW: &str = "mx.novo.example";
/// For how many seconds the name server's answers may be kept.
const TTL_SECONDS: u32 = 3;
/// How long a step may take: a pass follows another after half a minute.
const WAIT_MAX: Duration = Duration::from_secs(240);

/// The service among its servers, and who asks it.
struct Stage {
    home: Home,
    data: String,
    source: Dovecot,
    destination: Dovecot,
    names: NameServer,
    service: Service,
    lead: Client,
    job: i64,
}

impl Stage {
    async fn begin() -> Result<Self> {
        let users: Vec<(&str, &str)> = USERS.iter().map(|user| (*user, SECRET)).collect();
        let (source, destination) = (Dovecot::with_users(&users)?, Dovecot::with_users(&users)?);
        let mut postman = Postman::new(6);
        for user in USERS {
            let mails = postman.ordinaries(6);
            let mut reader = Reader::login(source.port(), user, SECRET).await?;
            reader.fill(mails.iter().map(|mail| ("INBOX", mail))).await?;
            reader.logout().await?;
        }
        let names = NameServer::start()?;
        names.keep(TTL_SECONDS);
        names.tell_only(DOMAIN, &[Record::Mx(10, OLD.to_owned())]);
        let home = Home::new()?;
        let data = home.path("data").display().to_string();
        people(&home, &data).await?;
        let service = start(&home, &data, &names).await?;
        let admin = Client::log_in(&service.address, "root1").await?;
        // Whoever makes a job may not approve its gate.
        let lead = Client::log_in(&service.address, "lead").await?;
        let job = settle(&admin, &admin, &[source.port(), destination.port()], DOMAIN).await?;
        for user in USERS {
            let secret = json!({"password": SECRET});
            let mailbox =
                json!({"email": user, "source_type": "imap", "secret": secret, "dest_secret": secret});
            lead.post(&format!("/migration/jobs/{job}/mailboxes"), mailbox).await?.with(201);
        }
        Ok(Self { home, data, source, destination, names, service, lead, job })
    }

    fn path(&self, rest: &str) -> String {
        format!("/migration/jobs/{}{rest}", self.job)
    }

    /// Ends the service as a power failure would, and starts another on its data.
    async fn crash(self) -> Result<Self> {
        self.service.kill().await?;
        let service = start(&self.home, &self.data, &self.names).await?;
        let mut lead = self.lead;
        lead.address.clone_from(&service.address);
        Ok(Self { service, lead, ..self })
    }

    async fn run(&self, what: &str, wish: Value) -> Result<()> {
        let told = self.lead.post(&self.path(what), wish).await?.with(202).json();
        for run in told["run_ids"].as_array().context("no runs")? {
            let ended = self.lead.over(run.as_i64().context("no run")?).await?;
            ensure!(ended["status"] == "success", "{what}: {ended}");
        }
        Ok(())
    }

    async fn approve(&self) -> Result<()> {
        let gate = self.lead.get(&self.path("/gate")).await?.with(200).json();
        let wish = json!({"snapshot_hash": gate["snapshot_hash"], "accepted_warnings": gate["warnings"]});
        self.lead.post("/auth/step-up", json!({"password": PASSWORD})).await?.with(204);
        self.lead.post(&self.path("/approve-gate"), wish).await?.with(200);
        Ok(())
    }

    async fn confirm(&self) -> Result<acceptance::service::Reply> {
        let wish = json!({"confirm": DOMAIN, "expected_mx": [NEW]});
        self.lead.post(&self.path("/dns/confirm"), wish).await
    }

    /// Waits until the job is in a phase.
    async fn until(&self, phase: &str) -> Result<()> {
        let began = Instant::now();
        loop {
            let job = self.lead.get(&self.path("")).await?.with(200).json();
            if job["phase"] == phase {
                return Ok(());
            }
            let passes = self.lead.get(&self.path("/final-passes")).await?.json();
            ensure!(began.elapsed() < WAIT_MAX, "the job does not come to {phase}: {job} {passes}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Puts a message into the old server, as a sender does who knows no better.
    async fn late(&self, user: &str, mail: &Mail) -> Result<()> {
        let mut reader = Reader::login(self.source.port(), user, SECRET).await?;
        reader.append("INBOX", mail).await?;
        reader.logout().await
    }

    /// The final runs of a mailbox in their order, each with how many messages it brought.
    async fn passes(&self, user: &str) -> Result<Vec<u64>> {
        let runs = self.lead.get(&self.path("/runs?run_type=final&limit=200")).await?.with(200).json();
        let own = runs["items"].as_array().into_iter().flatten().filter(|run| run["email"] == user);
        let mut passes: Vec<(i64, u64)> = own
            .filter_map(|run| Some((run["id"].as_i64()?, run["stats"]["transferred"].as_u64()?)))
            .collect();
        passes.sort_unstable();
        Ok(passes.into_iter().map(|(_, brought)| brought).collect())
    }
}

async fn start(home: &Home, data: &str, names: &NameServer) -> Result<Service> {
    Service::start_with(home, data, &["--name-server", &names.address().to_string()]).await
}

#[tokio::test]
async fn a_domain_goes_from_its_open_gate_to_its_certificate_over_killed_services() -> Result<()> {
    let mut stage = Stage::begin().await?;
    stage.run("/preflight", json!({})).await?;
    stage.run("/sync", json!({"type": "initial"})).await?;
    stage.run("/sync", json!({"type": "delta"})).await?;
    stage.run("/verify", json!({"sample": "full"})).await?;
    stage.approve().await?;
    stage.until("cutover_ready").await?;

    // The gate falls between the approval and the change.
    stage.names.tell_only(DOMAIN, &[Record::Mx(10, NEW.to_owned())]);
    stage.lead.post(&stage.path("/revoke-approval"), json!({"reason": "wait"})).await?.with(200);
    assert_eq!(stage.confirm().await?.with(409).json()["code"], "gate_not_ready");
    stage.names.tell_only(DOMAIN, &[Record::Mx(10, OLD.to_owned())]);
    stage.approve().await?;
    stage.until("cutover_ready").await?;

    let told = stage.confirm().await?.with(409).json();
    assert_eq!(
        (&told["code"], &told["resolvers"][0]["hosts"]),
        (&json!("change_not_seen"), &json!([OLD])),
        "{told}"
    );
    stage.names.tell_only(DOMAIN, &[Record::Mx(10, NEW.to_owned())]);
    let late = Postman::new(60).ordinaries(2);
    stage.late(USERS[0], &late[0]).await?;
    let (one, two) = tokio::join!(stage.confirm(), stage.confirm());
    let mut statuses = [one?.status, two?.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    stage = stage.crash().await?;

    stage.until("final_sync").await?;
    let began = Instant::now();
    while stage.passes(USERS[0]).await?.is_empty() {
        ensure!(began.elapsed() < WAIT_MAX, "the first pass does not end");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    stage.late(USERS[0], &late[1]).await?;
    stage = stage.crash().await?;
    stage.until("verified").await?;
    let passes = stage.passes(USERS[0]).await?;
    // A pass that was killed may have brought the second one; the run that takes its place finds it there.
    assert!((1..=2).contains(&passes.iter().sum::<u64>()) && passes.last() == Some(&0), "{passes:?}");
    assert_eq!(stage.passes(USERS[1]).await?.last(), Some(&0));
    for (user, expected) in [(USERS[0], 8), (USERS[1], 6)] {
        let mut old = Reader::login(stage.source.port(), user, SECRET).await?;
        let mut new = Reader::login(stage.destination.port(), user, SECRET).await?;
        let (ours, theirs) = (old.fingerprints().await?, new.fingerprints().await?);
        assert_eq!((ours.len(), &ours), (expected, &theirs), "{user}");
    }

    let wish = json!({"confirm": DOMAIN});
    let told = stage.lead.post(&stage.path("/close"), wish).await?.with(409).json();
    assert_eq!(told["unmet"], json!(["straggler_window_open"]), "{told}");
    let wish = json!({"confirm": DOMAIN, "waive_straggler_reason": "nobody writes there"});
    let certificate = stage.lead.post(&stage.path("/close"), wish).await?.with(202).json();
    stage.until("closed").await?;
    let report = stage.lead.get(&stage.path("/report?format=json")).await?.with(200).json();
    assert_eq!(
        (&report["dns"]["before"], &report["dns"]["after"]),
        (&json!([OLD]), &json!([NEW])),
        "{report}"
    );
    assert_eq!(report["purge_certificate"]["digest"], certificate["digest"], "{report}");
    stage.service.kill().await
}
