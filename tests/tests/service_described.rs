//! The API held against its own description by schemathesis: no request that it can think of gets an answer that the
//! description does not name, and none an error of ours. Never stands in for the tables of what answers mean.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use acceptance::program::Home;
use acceptance::service::{Client, PASSWORD, Service, people, settle};
use anyhow::{Context, Result, ensure};
use malote_service::binds;
use malote_service::store::{Store, Where};
use serde_json::{Value, json};
use tokio::process::Command;

/// How many people ask in turn, and how many tokens beside each, so that nobody meets the limit of requests in a
/// minute.
const SESSIONS: usize = 12;
const TOKENS: usize = 3;
/// Requests that are drawn for each operation, beside those at the limits of its description.
const DRAWN: &str = "4";
/// Which requests are drawn; another number, other requests.
const SEED: &str = "20261121";
/// What may be uploaded: little, so that no announced file is refused for what happens to be free on this disk. That is
/// an error of the server's by its number, and has its test elsewhere.
const UPLOADS: &str = r#"{"file_bytes_max": 1000000, "tenant_bytes_max": 16000000, "free_bytes_min": 0}"#;
/// Not asked: what ends the callers' sessions, what never ends, and what asks other machines.
const LEFT_OUT: &str = "^/auth/(logout|sessions|password)|/events$|/system/keys/rotate|/migration/discover";

/// Where the program lies; `None`, said aloud, where the set-up could not fetch it.
fn schemathesis() -> Option<PathBuf> {
    let named = std::env::var_os("MALOTE_SCHEMATHESIS").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home);
    let kept = cache.map(|cache| cache.join("malote/schemathesis-4.32.5/bin/schemathesis"));
    let program = named.or(kept).filter(|program| program.exists());
    if program.is_none() {
        eprintln!("SKIPPED: no schemathesis; sh tests/setup/schemathesis.sh fetches it");
    }
    program
}

/// Everybody who asks: sessions of people who may do everything, and tokens that may do what tokens may.
async fn callers(home: &Home, data: &str, admin: &Client) -> Result<Vec<Value>> {
    let secret = home.write("password", format!("{PASSWORD}\n"))?;
    admin.post("/auth/step-up", json!({"password": PASSWORD})).await?.with(204);
    let mut callers = Vec::new();
    for number in 0..SESSIONS {
        let (name, origin) = (format!("caller{number}"), format!("10.9.{number}.1"));
        let words = ["admin", "user", "add", &name, "--role", "admin", "--role", "ops_lead", "--data", data];
        let words = words.into_iter().chain(["--password-file", secret.as_str()]);
        home.run(words).await?.with(0);
        callers.push(Client::log_in_from(&admin.address, &name, &origin).await?.identity());
        for token in 0..TOKENS {
            let scopes = [
                "can_manage_migration",
                "can_run_sync",
                "can_manage_credentials",
                "can_upload_sources",
                "can_ack_quarantine",
                "can_view_migration",
                "gate:read",
                "can_read_audit",
            ];
            let wish = json!({"name": format!("{name}-{token}"), "scopes": scopes});
            let told = admin.post("/access/service-tokens", wish).await?.with(201).json();
            let token = told["token"].as_str().context("no token")?;
            callers.push(json!({"Authorization": format!("Bearer {token}")}));
        }
    }
    Ok(callers)
}

/// Something of each kind, so that not every answer is that there is nothing: which object stands in which path.
async fn ground(admin: &Client, lead: &Client) -> Result<Value> {
    // Nobody listens there: what runs do is other tests' matter.
    let job = settle(admin, lead, &[9, 10], "exemplo.com.br").await?;
    let mailbox = json!({"email": "ana@exemplo.com.br", "source_type": "imap", "secret": {"password": "a"},
                         "dest_secret": {"password": "b"}});
    let told = lead.post(&format!("/migration/jobs/{job}/mailboxes"), mailbox).await?.with(201).json();
    let mailbox = told["id"].as_i64().context("no mailbox")?;
    let wish = json!({"file_name": "a.mbox", "size": 100_000, "email": "ana@exemplo.com.br"});
    let upload = lead.post(&format!("/migration/jobs/{job}/uploads"), wish).await?.with(201).json();
    let run = lead.post(&format!("/migration/jobs/{job}/preflight"), json!({})).await?.with(202).json();
    let endpoints = admin.get("/endpoints").await?.with(200).json();
    Ok(json!({
        "/migration/jobs/": {"id": job},
        "/migration/mailboxes/": {"mid": mailbox},
        "/migration/uploads/": {"uid": upload["id"]},
        "/migration/runs/": {"rid": run["run_ids"][0]},
        "/endpoints/": {"id": endpoints["items"][0]["id"]},
        "/provider-profiles/": {"id": "gmail"},
        "/system/settings/": {"key": "gate.four_eyes"},
    }))
}

#[tokio::test]
async fn every_answer_to_every_request_is_one_that_the_description_names() -> Result<()> {
    let Some(program) = schemathesis() else { return Ok(()) };
    let home = Home::new()?;
    let data = home.path("data").display().to_string();
    people(&home, &data).await?;
    let store = Store::connect(&Where::in_folder(Path::new(&data))).await?;
    let limit = "INSERT INTO system_settings (key, value_json) VALUES ('uploads', $1)";
    store.run("limiting uploads", limit, binds![UPLOADS]).await?;
    drop(store);
    let service = Service::start_with(&home, &data, &["--trusted-proxy", "127.0.0.0/8"]).await?;
    let (admin, lead) =
        (Client::log_in(&service.address, "root1").await?, Client::log_in(&service.address, "lead").await?);
    let places = ground(&admin, &lead).await?;
    let ground = json!({"callers": callers(&home, &data, &admin).await?, "places": places});
    let ground = home.write("ground.json", ground.to_string())?;

    let url = format!("http://{}", service.address);
    let document = format!("{url}/openapi.json");
    let checks =
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
    let mut command = Command::new(program);
    command.args(["run", document.as_str(), "--url", url.as_str(), "--checks", checks]);
    command.args(["--phases", "coverage,fuzzing", "--max-examples", DRAWN, "--seed", SEED, "--no-shrink"]);
    command.args(["--continue-on-failure", "--exclude-path-regex", LEFT_OUT, "--warnings", "off"]);
    command.current_dir(home.path(".")).env("MALOTE_GROUND", ground).env("SCHEMATHESIS_HOOKS", "hooks");
    command.env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/service_described"));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let ended = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
    let said = String::from_utf8_lossy(&ended.stdout);
    ensure!(ended.status.success(), "seed {SEED}: {said}\n{}", String::from_utf8_lossy(&ended.stderr));
    let asked = said.lines().find_map(|line| line.trim().split_once(" generated")?.0.parse::<u64>().ok());
    ensure!(asked > Some(1_000), "too few requests to prove anything: {asked:?}");
    service.kill().await
}
