//! Every request of the tables of core, servers and access, one by one: it is described, strangers are turned away, and
//! each role passes where it may and nowhere else.
//! Never trusts a role by its name: each door is tried.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::world::{Person, World};

/// Who passes: every role; those who operate; leads; leads and administrators; administrators. `Untried`: what the
/// door leads to has tests of its own, for it streams, calls out, or is asked before anybody is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    All,
    Operating,
    Lead,
    Heads,
    Admin,
    Untried,
}
use Who::{Admin, All, Heads, Lead, Operating, Untried};

impl Who {
    fn has(self, role: &str) -> bool {
        match self {
            All => true,
            Operating => role != "viewer",
            Lead => role == "ops_lead",
            Heads => matches!(role, "ops_lead" | "admin"),
            Admin => role == "admin",
            Untried => false,
        }
    }
}

/// Method, path, who passes, a body that can be read. Job and mailbox 1 are there, run, message and server 99 are not.
const CORE: [(&str, &str, Who, &str); 72] = [
    ("post", "/migration/jobs", Operating, r#"{"tenant_id":1,"domain":"new.example"}"#),
    ("get", "/migration/jobs", All, ""),
    ("get", "/migration/jobs/{id}", All, ""),
    ("patch", "/migration/jobs/{id}", Operating, r#"{"notes":"n"}"#),
    ("delete", "/migration/jobs/{id}", Admin, ""),
    ("get", "/migration/jobs/{id}/mailboxes", All, ""),
    ("post", "/migration/jobs/{id}/mailboxes", Operating, r#"{"email":"b@example.com"}"#),
    ("post", "/migration/jobs/{id}/mailboxes/import", Operating, "{}"),
    ("get", "/migration/mailboxes/{mid}", All, ""),
    ("patch", "/migration/mailboxes/{mid}", Operating, r#"{"priority":1}"#),
    ("delete", "/migration/mailboxes/{mid}", Operating, ""),
    ("get", "/migration/mailboxes/{mid}/folders", All, ""),
    ("put", "/migration/mailboxes/{mid}/folder-map", Operating, "{}"),
    ("get", "/migration/mailboxes/{mid}/throttling", All, ""),
    ("get", "/migration/mailboxes/{mid}/schedule", All, ""),
    ("put", "/migration/mailboxes/{mid}/schedule", Operating, r#"{"cron":"0 */6 * * *"}"#),
    ("delete", "/migration/mailboxes/{mid}/schedule", Operating, ""),
    ("get", "/migration/jobs/{id}/folder-map/preview", All, ""),
    ("post", "/migration/jobs/{id}/preflight", Operating, "{}"),
    ("post", "/migration/jobs/{id}/sync", Operating, r#"{"type":"delta"}"#),
    ("post", "/migration/jobs/{id}/verify", Operating, "{}"),
    ("post", "/migration/jobs/{id}/pause", Operating, "{}"),
    ("post", "/migration/jobs/{id}/resume", Operating, "{}"),
    ("post", "/migration/jobs/{id}/cancel", Operating, "{}"),
    ("post", "/migration/jobs/{id}/retry", Heads, "{}"),
    ("post", "/migration/jobs/{id}/fail", Heads, "{}"),
    ("get", "/migration/gate", All, ""),
    ("get", "/migration/jobs/{id}/gate", All, ""),
    ("post", "/migration/jobs/{id}/gate/evaluate", Operating, "{}"),
    ("post", "/migration/jobs/{id}/approve-gate", Lead, r#"{"snapshot_hash":"x"}"#),
    ("post", "/migration/jobs/{id}/revoke-approval", Lead, r#"{"reason":"x"}"#),
    ("post", "/migration/jobs/{id}/reject-gate", Lead, r#"{"reason":"x"}"#),
    ("post", "/migration/jobs/{id}/upload-pst", Untried, ""),
    (
        "post",
        "/migration/jobs/{id}/uploads",
        Operating,
        r#"{"file_name":"a.pst","size":1,"email":"a@example.com"}"#,
    ),
    ("get", "/migration/jobs/{id}/uploads", All, ""),
    ("get", "/migration/uploads/{uid}", All, ""),
    ("patch", "/migration/uploads/{uid}", Untried, ""),
    ("post", "/migration/uploads/{uid}/complete", Operating, "{}"),
    ("delete", "/migration/uploads/{uid}", Operating, ""),
    ("get", "/migration/jobs/{id}/runs", All, ""),
    ("get", "/migration/jobs/{id}/passes", All, ""),
    ("get", "/migration/jobs/{id}/passes/{rid}", All, ""),
    ("get", "/migration/runs/{rid}", All, ""),
    ("get", "/migration/runs/{rid}/log", All, ""),
    ("get", "/migration/runs/{rid}/steps", All, ""),
    ("post", "/migration/runs/{rid}/cancel", Operating, "{}"),
    ("get", "/migration/jobs/{id}/events", Untried, ""),
    ("get", "/migration/jobs/{id}/quarantine", All, ""),
    ("get", "/migration/quarantine/{qid}", All, ""),
    ("patch", "/migration/quarantine/{qid}", Operating, r#"{"status":"acknowledged","reason":"x"}"#),
    ("post", "/migration/quarantine/{qid}/retry", Operating, "{}"),
    ("post", "/migration/quarantine/{qid}/ack", Operating, r#"{"reason":"x"}"#),
    (
        "post",
        "/migration/jobs/{id}/quarantine/bulk",
        Operating,
        r#"{"action":"ack","ids":[99],"reason":"x"}"#,
    ),
    ("get", "/migration/quarantine/{qid}/raw", Lead, ""),
    ("get", "/migration/jobs/{id}/report", All, ""),
    ("post", "/migration/jobs/{id}/report/attach", Operating, "{}"),
    ("get", "/migration/jobs/{id}/ticket-payload", All, ""),
    ("get", "/migration/jobs/{id}/schedule", All, ""),
    (
        "put",
        "/migration/jobs/{id}/schedule",
        Operating,
        r#"{"cron":"0 */6 * * *","timezone":"America/Sao_Paulo"}"#,
    ),
    ("delete", "/migration/jobs/{id}/schedule", Operating, ""),
    ("get", "/migration/metrics", All, ""),
    ("post", "/migration/jobs/{id}/close", Heads, r#"{"confirm":"example.com"}"#),
    ("get", "/migration/jobs/{id}/purge-certificate", All, ""),
    ("get", "/migration/jobs/{id}/timeline", All, ""),
    ("post", "/migration/discover", Untried, ""),
    ("post", "/migration/estimate", Operating, r#"{"mailboxes":1,"bytes":1}"#),
    ("get", "/migration/jobs/{id}/dns/propagation", All, ""),
    ("post", "/migration/jobs/{id}/dns/confirm", Lead, r#"{"confirm":"example.com"}"#),
    ("post", "/migration/jobs/{id}/verify/accept", Lead, r#"{"confirm":"example.com","reason":"x"}"#),
    ("get", "/migration/jobs/{id}/final-passes", All, ""),
    ("get", "/migration/jobs/{id}/share", Operating, ""),
    ("get", "/migration/jobs/{id}/deliveries", All, ""),
];

const SERVERS: [(&str, &str, Who, &str); 24] = [
    ("get", "/endpoints", All, ""),
    (
        "post",
        "/endpoints",
        Operating,
        r#"{"name":"n","tenant_id":1,"kind":"imap","host":"h.example","tls":"implicit"}"#,
    ),
    ("get", "/endpoints/{id}", All, ""),
    (
        "put",
        "/endpoints/{id}",
        Operating,
        r#"{"name":"n","kind":"imap","host":"h.example","tls":"implicit"}"#,
    ),
    ("delete", "/endpoints/{id}", Operating, ""),
    ("post", "/endpoints/{id}/test", Operating, "{}"),
    ("post", "/endpoints/test", Untried, ""),
    ("get", "/endpoints/{id}/health", All, ""),
    ("get", "/credentials", Operating, ""),
    ("post", "/credentials", Untried, ""),
    ("put", "/credentials/{id}/secret", Operating, r#"{"secret":{"password":"p"}}"#),
    ("post", "/credentials/{id}/test", Operating, "{}"),
    ("delete", "/credentials/{id}", Operating, ""),
    ("post", "/credentials/{id}/refresh", Operating, "{}"),
    ("post", "/credentials/{id}/revoke", Operating, "{}"),
    ("post", "/oauth/{provider}/start", Untried, ""),
    ("get", "/oauth/callback", Untried, ""),
    ("post", "/oauth/{provider}/poll", Untried, ""),
    ("post", "/oauth/{provider}/admin-consent-url", Untried, ""),
    ("get", "/provider-profiles", All, ""),
    ("put", "/provider-profiles/{id}", Untried, ""),
    ("get", "/quota", All, ""),
    ("get", "/quota/{provider}", All, ""),
    ("get", "/provider-profiles/{id}", All, ""),
];

const ACCESS: [(&str, &str, Who, &str); 52] = [
    ("get", "/auth/status", Untried, ""),
    ("post", "/auth/setup", Untried, ""),
    ("post", "/auth/login", Untried, ""),
    ("post", "/auth/mfa", Untried, ""),
    ("post", "/auth/logout", Untried, ""),
    ("get", "/auth/me", All, ""),
    ("post", "/auth/step-up", Untried, ""),
    ("get", "/auth/sessions", All, ""),
    ("delete", "/auth/sessions", Untried, ""),
    ("delete", "/auth/sessions/{id}", All, ""),
    ("get", "/access/permissions", Admin, ""),
    ("get", "/access/roles", Admin, ""),
    ("post", "/access/roles", Admin, r#"{"name":"own","permissions":[]}"#),
    ("get", "/access/roles/{id}", Admin, ""),
    ("put", "/access/roles/{id}", Admin, r#"{"name":"own","permissions":[]}"#),
    ("delete", "/access/roles/{id}", Admin, ""),
    ("get", "/access/users", Admin, ""),
    ("post", "/access/users", Admin, r#"{"name":"n","password":"p","roles":[]}"#),
    ("get", "/access/users/{id}", Admin, ""),
    ("put", "/access/users/{id}", Admin, "{}"),
    ("delete", "/access/users/{id}", Admin, ""),
    ("put", "/access/users/{id}/password", Admin, r#"{"password":"p"}"#),
    ("get", "/access/users/{id}/sessions", Admin, ""),
    ("delete", "/access/users/{id}/sessions", Admin, ""),
    ("delete", "/access/users/{id}/sessions/{sid}", Admin, ""),
    ("get", "/access/users/{id}/scopes", Admin, ""),
    ("put", "/access/users/{id}/scopes", Admin, r#"{"items":[]}"#),
    ("get", "/access/roles/{id}/scopes", Admin, ""),
    ("put", "/access/roles/{id}/scopes", Admin, r#"{"items":[]}"#),
    ("get", "/access/service-tokens", Admin, ""),
    ("post", "/access/service-tokens", Admin, r#"{"name":"t","scopes":[]}"#),
    ("delete", "/access/service-tokens/{id}", Admin, ""),
    ("get", "/approvals", All, ""),
    ("post", "/approvals", Untried, ""),
    ("post", "/approvals/{id}/approve", Untried, ""),
    ("post", "/approvals/{id}/reject", Untried, ""),
    ("get", "/audit-logs", Heads, ""),
    ("get", "/audit-logs/verify", Heads, ""),
    ("get", "/audit-logs/export", Heads, ""),
    ("get", "/audit-logs/export.csv", Heads, ""),
    ("get", "/system/settings", Admin, ""),
    ("get", "/system/settings/{key}", Admin, ""),
    ("put", "/system/settings/{key}", Admin, r#"{"value":true}"#),
    ("post", "/system/keys/rotate", Admin, "{}"),
    ("get", "/system/workers", Admin, ""),
    ("get", "/system/performance", Admin, ""),
    ("get", "/system/jobs-conflicts", All, ""),
    ("get", "/system/about", All, ""),
    ("get", "/health", Untried, ""),
    ("get", "/health/ready", Untried, ""),
    ("get", "/version", Untried, ""),
    ("get", "/i18n/{file}", Untried, ""),
];

/// Parameters that the tables name.
const PARAMETERS: [(&str, &[&str]); 12] = [
    (
        "/migration/jobs",
        &["phase", "gate", "tenant_id", "domain", "ticket_id", "owner", "q", "limit", "cursor", "sort"],
    ),
    ("/migration/jobs/{id}", &["include"]),
    ("/migration/gate", &["domain"]),
    ("/migration/jobs/{id}/gate", &["history"]),
    ("/migration/runs/{rid}/log", &["level", "after", "format"]),
    ("/migration/jobs/{id}/passes/{rid}", &["status", "limit", "cursor"]),
    ("/migration/jobs/{id}/quarantine", &["status", "mailbox_id", "include"]),
    ("/migration/jobs/{id}/passes", &["status", "run_type", "limit", "cursor"]),
    ("/migration/jobs/{id}/report", &["format", "lang"]),
    ("/migration/metrics", &["window"]),
    ("/endpoints/{id}/health", &["from", "to"]),
    ("/migration/jobs/{id}/mailboxes", &["limit", "cursor", "sort", "q"]),
];

fn all() -> impl Iterator<Item = &'static (&'static str, &'static str, Who, &'static str)> {
    CORE.iter().chain(&SERVERS).chain(&ACCESS)
}

fn place(path: &str) -> String {
    let id = if path.starts_with("/migration/jobs/") { "1" } else { "99" };
    let words = path.split('/').map(|word| if word.starts_with('{') { id } else { word });
    let place = words.collect::<Vec<_>>().join("/");
    if path == "/migration/gate" { format!("{place}?domain=example.com") } else { place }
}

async fn try_door(world: &World, who: &Person, method: &str, path: &str, body: &str) -> Result<(u16, Value)> {
    let body = if body.is_empty() { None } else { Some(serde_json::from_str(body)?) };
    let told = world.ask(world.request(&method.to_uppercase(), &place(path), who, body)?).await?;
    Ok((told.status, told.json()))
}

#[tokio::test]
async fn every_request_of_the_tables_is_described_with_its_parameters() -> Result<()> {
    let world = World::new().await?;
    let told = world.get(&Person::default(), "/openapi.json").await?.with(200).json();
    for (method, path, _, _) in all() {
        let operation = &told["paths"][path][method];
        ensure!(operation["responses"].is_object(), "{method} {path} is not described");
    }
    for (path, names) in PARAMETERS {
        let listed = told["paths"][path]["get"]["parameters"].as_array().context("no parameters")?;
        for name in names {
            ensure!(listed.iter().any(|one| one["name"] == *name), "{path} does not take {name}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_role_passes_where_the_tables_let_it_and_strangers_nowhere() -> Result<()> {
    for role in ["viewer", "operator", "ops_lead", "admin"] {
        let world = World::new().await?;
        let maker = world.user("maker", &["operator"], &[]).await?;
        world.job(&maker, 1, "example.com").await?;
        world.mailbox(&maker, 1, "ana@example.com").await?;
        let mut who = Person::default();
        let tried = all().filter(|(_, _, who, _)| *who != Untried);
        for (number, (method, path, may, body)) in tried.enumerate() {
            if number % 40 == 0 {
                // Nobody may ask for all of it within a minute.
                who = world.user(&format!("tested{number}"), &[role], &[]).await?;
            }
            let (status, told) = try_door(&world, &who, method, path, body).await?;
            // A role that may not is told which permission it lacks.
            let is_shut = status == 403 && told["permission"].is_string();
            ensure!(is_shut != may.has(role), "{role}: {method} {path}: {status} {told}");
            ensure!(status < 500, "{role}: {method} {path}: {status} {told}");
            let (status, told) = try_door(&world, &Person::default(), method, path, body).await?;
            ensure!(status == 401, "a stranger: {method} {path}: {status} {told}");
        }
    }
    Ok(())
}
