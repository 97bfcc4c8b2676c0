//! What a ticket is told: over a real socket to a receiver that takes, refuses, delays and lies.
//! Never a mock of our own sender.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance::tls::Identity;
use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use malote_service::binds;
use malote_service::hooks::{deliver_due, signature};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::gate::copied;
use super::world::{Person, World};

/// What a receiver does with the next request.
#[derive(Clone)]
enum Manner {
    /// Answers with these lines.
    Answers(&'static str),
    /// Closes the line without a word.
    Hangs,
    /// Waits before it answers 204.
    Waits(Duration),
}

/// A receiver on this machine. It ends with its test.
struct Receiver {
    port: u16,
    manner: Arc<Mutex<Manner>>,
    /// Head and body of each request.
    seen: Arc<Mutex<Vec<(String, String)>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let manner = Arc::new(Mutex::new(Manner::Answers("204 No Content")));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (own, kept) = (Arc::clone(&manner), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let manner = own.lock().unwrap().clone();
                // A line that breaks is this receiver's manner too.
                let _ = serve(stream, manner, &kept).await;
            }
        });
        Ok(Self { port, manner, seen, task })
    }

    fn is(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    fn last(&self) -> (String, String) {
        self.seen.lock().unwrap().last().cloned().unwrap()
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, seen: &Mutex<Vec<(String, String)>>) -> Result<()> {
    let mut octets = Vec::new();
    loop {
        let mut part = [0_u8; 4096];
        let count = stream.read(&mut part).await?;
        octets.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&octets).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            anyhow::ensure!(count > 0, "no request");
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned));
        let length: usize = length.context("no length")?.trim().parse()?;
        if body.len() >= length {
            seen.lock().unwrap().push((head.to_owned(), body.to_owned()));
            break;
        }
    }
    let answer = match manner {
        Manner::Hangs => return Ok(()),
        Manner::Waits(time) => {
            tokio::time::sleep(time).await;
            "204 No Content"
        }
        Manner::Answers(answer) => answer,
    };
    stream.write_all(format!("HTTP/1.1 {answer}\r\nconnection: close\r\n\r\n").as_bytes()).await?;
    Ok(())
}

/// A world with a hook that leads to a receiver, its secret, and a job whose gate waits for approval.
struct Ground {
    world: World,
    receiver: Receiver,
    admin: Person,
    lead: Person,
    secret: SecretString,
    job: i64,
}

async fn ground() -> Result<Ground> {
    let world = World::new().await?;
    let receiver = Receiver::start().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let lead = world.user("lead", &["ops_lead"], &[]).await?;
    let hook = json!({"url": receiver.url(), "public_url": "https://malote.example.com/",
        "allowed_networks": ["127.0.0.0/8"]});
    let told = world.send(&admin, "PUT", "/system/ticket-hook", hook).await?.with(200).json();
    let secret = SecretString::from(told["secret"].as_str().context("no secret")?.to_owned());
    let job = world.job(&ana, 1, "example.com").await?;
    let mailbox = world.mailbox(&ana, job, "ana@example.com").await?;
    copied(&world, mailbox).await?;
    world.sql("INSERT INTO tickets_ref (id, tenant_id) VALUES (991, 1)", binds![]).await?;
    world
        .sql("UPDATE migration_jobs SET phase = 'delta_sync', ticket_id = 991 WHERE id = $1", binds![job])
        .await?;
    Ok(Ground { world, receiver, admin, lead, secret, job })
}

impl Ground {
    async fn open_gate(&self) -> Result<Value> {
        let path = format!("/migration/jobs/{}", self.job);
        let gate = self.world.get(&self.lead, &format!("{path}/gate")).await?.with(200).json();
        let yes = json!({"snapshot_hash": gate["snapshot_hash"], "accepted_warnings": gate["warnings"],
            "comment": "seen"});
        self.world.post(&self.lead, &format!("{path}/approve-gate"), yes).await?.with(200);
        Ok(gate)
    }

    async fn deliveries(&self) -> Result<Value> {
        let path = format!("/migration/jobs/{}/deliveries", self.job);
        // Days may have passed since the last login.
        let lead = self.world.log_in("lead").await?;
        Ok(self.world.get(&lead, &path).await?.with(200).json())
    }

    async fn look(&self) -> Result<usize> {
        deliver_due(&self.world.app).await
    }
}

fn header(head: &str, name: &str) -> String {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
    line.and_then(|line| line.split_once(':')).map_or_else(String::new, |(_, value)| value.trim().to_owned())
}

#[tokio::test]
async fn an_open_gate_and_a_closed_job_are_told_once_and_signed() -> Result<()> {
    let ground = ground().await?;
    assert_eq!(ground.look().await?, 0, "nothing has happened yet");
    let gate = ground.open_gate().await?;
    assert_eq!(ground.look().await?, 1);
    assert_eq!(ground.look().await?, 0, "what was taken is not told again");
    let (head, body) = ground.receiver.last();
    let told: Value = serde_json::from_str(&body)?;
    let (id, seconds) = (header(&head, "webhook-id"), header(&head, "webhook-timestamp"));
    let expected = signature(&ground.secret, &id, seconds.parse()?, &body).context("no signature")?;
    assert_eq!(header(&head, "webhook-signature"), expected);
    assert_eq!(header(&head, "content-type"), "application/json");
    assert_eq!(told["type"], "migration.gate_ready");
    let data = &told["data"];
    assert_eq!(data["migration_job_id"], ground.job);
    assert_eq!(data["migration_gate"], "ready_for_dns");
    assert_eq!((&data["ticket_id"], &data["domain"]), (&json!(991), &json!("example.com")));
    assert_eq!(data["snapshot_hash"], gate["snapshot_hash"]);
    assert_eq!(data["migration_sync_percent"], gate["sync_percent"]);
    assert!(data["approved_by"].as_str().is_some_and(|who| !who.is_empty()), "{told}");
    let report = format!("https://malote.example.com/migration/jobs/{}/report?format=pdf", ground.job);
    assert_eq!(data["report_url"], report);
    assert!(body.len() < 20_000 && !body.contains("whsec_"));
    let listed = ground.deliveries().await?;
    assert_eq!((&listed["items"][0]["state"], &listed["items"][0]["id"]), (&json!("delivered"), &json!(id)));
    assert_eq!(listed["items"][0]["tries"][0]["status"], 204, "{listed}");
    let path = format!("/migration/jobs/{}", ground.job);
    ground
        .world
        .sql("UPDATE migration_jobs SET phase = 'verified' WHERE id = $1", binds![ground.job])
        .await?;
    let closing = json!({"confirm": "example.com", "waive_straggler_reason": "nobody writes there"});
    ground.world.post(&ground.lead, &format!("{path}/close"), closing).await?.with(202);
    assert_eq!(ground.look().await?, 1);
    let (_, body) = ground.receiver.last();
    let told: Value = serde_json::from_str(&body)?;
    assert_eq!(
        (&told["type"], &told["data"]["migration_phase"]),
        (&json!("migration.closed"), &json!("closed"))
    );
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_refuses_delays_or_lies_is_tried_again_by_the_same_id_and_body() -> Result<()> {
    let ground = ground().await?;
    ground.open_gate().await?;
    let mut first: Option<(String, String)> = None;
    for (place, (manner, status, wait_ms)) in [
        (Manner::Answers("500 Internal Server Error"), 500, 6_000),
        (Manner::Answers("302 Found\r\nlocation: http://127.0.0.1:1/"), 302, 331_000),
        (Manner::Hangs, 0, 1_981_000),
        (Manner::Answers("teapot"), 0, 7_921_000),
        (Manner::Answers("429 Too Many Requests\r\nretry-after: 40000"), 429, 40_001_000),
    ]
    .into_iter()
    .enumerate()
    {
        ground.receiver.is(manner);
        assert_eq!(ground.look().await?, 1, "try {place}");
        assert_eq!(ground.look().await?, 0, "a try waits for its time");
        assert_eq!(
            ground.receiver.count(),
            place + 1,
            "each try is one request and no redirection is followed"
        );
        let (head, body) = ground.receiver.last();
        let own = (header(&head, "webhook-id"), body);
        assert_eq!(first.get_or_insert_with(|| own.clone()), &own, "the same id and the same octets");
        let listed = ground.deliveries().await?;
        assert_eq!(listed["items"][0]["tries"][0]["status"], status, "{listed}");
        assert_eq!(listed["items"][0]["state"], "waiting");
        ground.world.pass(wait_ms);
    }
    ground.receiver.is(Manner::Waits(Duration::from_millis(300)));
    assert_eq!(ground.look().await?, 1);
    assert_eq!(ground.deliveries().await?["items"][0]["state"], "delivered");
    let id = first.context("no try")?.0;
    let path = format!("/migration/jobs/{}/deliveries/{id}/replay", ground.job);
    let lead = ground.world.log_in("lead").await?;
    ground.world.post(&lead, &path, json!({})).await?.with(202);
    assert_eq!(ground.look().await?, 1, "a person may have it told again");
    assert_eq!(header(&ground.receiver.last().0, "webhook-id"), id);
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_never_asked_again_and_one_that_never_takes_is_given_up() -> Result<()> {
    let ground = ground().await?;
    ground.receiver.is(Manner::Answers("410 Gone"));
    ground.open_gate().await?;
    assert_eq!(ground.look().await?, 1);
    let hook = ground.world.get(&ground.admin, "/system/ticket-hook").await?.json();
    assert_eq!((&hook["enabled"], &hook["disabled_reason"]), (&json!(false), &json!("gone")));
    assert_eq!(ground.deliveries().await?["items"][0]["state"], "dead");
    ground.world.pass(7 * 86_400_000);
    assert_eq!(ground.look().await?, 0);
    let ground = self::ground().await?;
    ground.receiver.is(Manner::Answers("503 Service Unavailable"));
    ground.open_gate().await?;
    let mut tries = 0;
    for _ in 0..20 {
        tries += ground.look().await?;
        ground.world.pass(100_000_000);
    }
    assert_eq!((tries, ground.receiver.count()), (10, 10), "ten tries in all");
    assert_eq!(ground.deliveries().await?["items"][0]["state"], "dead");
    Ok(())
}

#[tokio::test]
async fn a_hook_leads_nowhere_inside_and_only_administrators_set_it() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    world.get(&ana, "/system/ticket-hook").await?.refused(403, "forbidden");
    world.get(&admin, "/system/ticket-hook").await?.refused(404, "not_found");
    let short = format!("whsec_{}", STANDARD.encode([1_u8; 8]));
    for (url, networks, secret) in [
        ("https://127.0.0.1/", json!([]), json!(null)),
        ("http://127.0.0.1/", json!([]), json!(null)),
        ("https://169.254.169.254/latest", json!([]), json!(null)),
        ("https://169.254.169.254/latest", json!(["127.0.0.0/8"]), json!(null)),
        ("https://[::ffff:127.0.0.1]/", json!(["0.0.0.0/0", "::/0"]), json!(null)),
        ("https://8.8.8.8:22/", json!([]), json!(null)),
        ("https://a:b@8.8.8.8/", json!([]), json!(null)),
        ("gopher://8.8.8.8/", json!([]), json!(null)),
        ("https://8.8.8.8/", json!(["everywhere"]), json!(null)),
        ("https://8.8.8.8/", json!([]), json!("secret")),
        ("https://8.8.8.8/", json!([]), json!(short)),
    ] {
        let mut hook = json!({"url": url, "allowed_networks": networks});
        if !secret.is_null() {
            hook["secret"] = secret;
        }
        world.send(&admin, "PUT", "/system/ticket-hook", hook).await?.refused(422, "invalid");
    }
    let secret = format!("whsec_{}", STANDARD.encode([7_u8; 32]));
    let hook = json!({"url": "https://8.8.8.8/hook", "secret": secret});
    world.send(&ana, "PUT", "/system/ticket-hook", hook.clone()).await?.refused(403, "forbidden");
    let told = world.send(&admin, "PUT", "/system/ticket-hook", hook).await?.with(200);
    assert!(!told.text.contains(&secret), "a secret that was given is not shown");
    let renewed = json!({"url": "https://8.8.8.8/hook", "renew_secret": true});
    let told = world.send(&admin, "PUT", "/system/ticket-hook", renewed).await?.with(200).json();
    assert!(told["secret"].is_string() && told["secret_before_until"] != "", "{told}");
    let shown = world.get(&admin, "/system/ticket-hook").await?.with(200);
    assert!(!shown.text.contains("whsec_"), "{}", shown.text);
    world.send(&admin, "DELETE", "/system/ticket-hook", json!({})).await?.with(204);
    world.send(&admin, "DELETE", "/system/ticket-hook", json!({})).await?.refused(404, "not_found");
    Ok(())
}

#[tokio::test]
async fn a_receiver_whose_certificate_nobody_vouches_for_gets_nothing() -> Result<()> {
    let ground = ground().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let acceptor = tokio_rustls::TlsAcceptor::from(Identity::self_signed()?.server_config()?);
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            assert!(acceptor.accept(stream).await.is_err(), "nobody may trust this certificate");
        }
    });
    let hook = json!({"url": format!("https://127.0.0.1:{port}/"), "allowed_networks": ["127.0.0.0/8"]});
    ground.world.send(&ground.admin, "PUT", "/system/ticket-hook", hook).await?.with(200);
    ground.open_gate().await?;
    assert_eq!(ground.look().await?, 1);
    let told = ground.deliveries().await?;
    let tried = &told["items"][0]["tries"][0];
    assert!(
        tried["status"] == 0 && tried["error"].as_str().is_some_and(|why| why.contains("ertificate")),
        "{told}"
    );
    assert!(!task.is_finished(), "the receiver was spoken to as it is");
    task.abort();
    Ok(())
}

#[tokio::test]
async fn two_secrets_sign_while_one_replaces_the_other() -> Result<()> {
    let ground = ground().await?;
    let renewed =
        json!({"url": ground.receiver.url(), "allowed_networks": ["127.0.0.0/8"], "renew_secret": true});
    let told =
        ground.world.send(&ground.admin, "PUT", "/system/ticket-hook", renewed).await?.with(200).json();
    let new = SecretString::from(told["secret"].as_str().context("no secret")?.to_owned());
    ground.open_gate().await?;
    assert_eq!(ground.look().await?, 1);
    let (head, body) = ground.receiver.last();
    let (id, seconds) = (header(&head, "webhook-id"), header(&head, "webhook-timestamp").parse()?);
    let both = [&new, &ground.secret].map(|secret| signature(secret, &id, seconds, &body).unwrap());
    assert_eq!(header(&head, "webhook-signature"), both.join(" "));
    Ok(())
}

#[tokio::test]
async fn each_link_of_a_customer_is_taken_back_by_itself() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let viewer = world.user("viewer1", &["viewer"], &[]).await?;
    let job = world.job(&ana, 1, "example.com").await?;
    let path = format!("/migration/jobs/{job}/share");
    let one = world.post(&ana, &path, json!({"days": 3})).await?.with(201).json();
    let two = world.post(&ana, &path, json!({"days": 3})).await?.with(201).json();
    let nobody = Person::default();
    let open = |told: &Value| told["path"].as_str().unwrap_or_default().to_owned();
    for told in [&one, &two] {
        world.get(&nobody, &open(told)).await?.with(200);
    }
    let links = world.get(&ana, &path).await?.with(200);
    let told = links.json();
    assert_eq!(told["items"].as_array().map(Vec::len), Some(2), "{told}");
    assert!(told["items"][0]["uses"] == 1 && told["items"][0]["used_at"] != "", "{told}");
    assert!(!links.text.contains(one["token"].as_str().unwrap_or_default()), "a link is kept nowhere");
    let link = format!("{path}/{}", one["id"].as_str().unwrap_or_default());
    world.send(&viewer, "DELETE", &link, json!({})).await?.refused(403, "forbidden");
    world.send(&ana, "DELETE", &link, json!({})).await?.with(204);
    world.send(&ana, "DELETE", &link, json!({})).await?.refused(404, "not_found");
    world.get(&nobody, &open(&one)).await?.refused(404, "not_found");
    world.get(&nobody, &open(&two)).await?.with(200);
    let other = world.user("other", &["operator"], &[2]).await?;
    world.get(&other, &path).await?.refused(404, "not_found");
    Ok(())
}

#[tokio::test]
async fn a_report_is_attached_to_the_jobs_ticket_or_to_one_that_is_named() -> Result<()> {
    let ground = ground().await?;
    let path = format!("/migration/jobs/{}/report/attach", ground.job);
    let world = &ground.world;
    let made = world.post(&ground.lead, &path, json!({})).await?.with(202);
    let entered = made.json();
    let deliveries = format!("/migration/jobs/{}/deliveries", ground.job);
    assert_eq!((made.header("location"), &entered["ticket_id"]), (deliveries, &json!(991)));
    assert_eq!(ground.look().await?, 1);
    let told: Value = serde_json::from_str(&ground.receiver.last().1)?;
    assert_eq!((&told["type"], &told["data"]["ticket_id"]), (&json!("migration.report"), &json!(991)));
    let report = format!("/migration/jobs/{}/report", ground.job);
    let report = world.get(&ground.lead, &report).await?.with(200).json();
    assert_eq!(told["data"]["report_digest"], report["digest"], "{told}");
    assert_eq!(entered["report_digest"], report["digest"]);
    assert!(told["data"]["report_url"].as_str().is_some_and(|url| url.contains("/report?format=pdf")));
    assert_eq!(ground.deliveries().await?["items"][0]["id"], entered["event_id"]);

    world.post(&ground.lead, &path, json!({"ticket_id": 992})).await?.with(202);
    assert_eq!(ground.look().await?, 1);
    let told: Value = serde_json::from_str(&ground.receiver.last().1)?;
    assert_eq!(told["data"]["ticket_id"], 992);
    let job = format!("/migration/jobs/{}", ground.job);
    let shown = world.get(&ground.lead, &job).await?.with(200).json();
    assert_eq!(shown["ticket_id"], 991, "the job keeps its own");
    Ok(())
}

#[tokio::test]
async fn a_report_goes_to_no_ticket_of_another_tenant_and_never_for_who_may_not_send_it() -> Result<()> {
    let ground = ground().await?;
    let path = format!("/migration/jobs/{}/report/attach", ground.job);
    let world = &ground.world;
    let viewer = world.user("viewer", &["viewer"], &[]).await?;
    world.post(&viewer, &path, json!({})).await?.refused(403, "forbidden");
    let stranger = world.user("stranger", &["operator"], &[2]).await?;
    world.post(&stranger, &path, json!({})).await?.refused(404, "not_found");
    world.sql("INSERT INTO tickets_ref (id, tenant_id) VALUES (77, 2)", binds![]).await?;
    for wrong in [json!({"ticket_id": 77}), json!({"ticket_id": 0}), json!({"ticket": 1})] {
        world.post(&ground.lead, &path, wrong).await?.refused(422, "invalid");
    }
    let made = json!({"tenant_id": 1, "domain": "other.example", "ticket_id": 77});
    world.post(&ground.lead, "/migration/jobs", made).await?.refused(422, "invalid");
    let job = format!("/migration/jobs/{}", ground.job);
    let change = json!({"ticket_id": 77});
    world.put(&ground.lead, "PATCH", &job, &job, change).await?.refused(422, "invalid");
    let empty = world.job(&ground.lead, 1, "empty.example").await?;
    let attach = format!("/migration/jobs/{empty}/report/attach");
    world.post(&ground.lead, &attach, json!({})).await?.refused(409, "no_ticket");
    world.post(&ground.lead, &attach, json!({"ticket_id": 5})).await?.refused(409, "no_data");
    world.send(&ground.admin, "DELETE", "/system/ticket-hook", json!({})).await?.with(204);
    world.post(&ground.lead, &path, json!({})).await?.refused(409, "no_ticket");
    assert_eq!(ground.look().await?, 0, "what was refused is not told");
    let noted = "SELECT COUNT(*) FROM audit_logs WHERE action = 'POST /migration/jobs/{id}/report/attach'";
    let rows = world.app.store.all("asking", noted, binds![]).await?;
    assert!(rows[0].int(0)? >= 5, "each asking is in the trail");
    Ok(())
}
