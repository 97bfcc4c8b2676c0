//! Times the console's first page and its list over 500 migrations, as the server makes them: `cargo bench --bench
//! console`. Never over a socket: what a line and a browser take is another matter.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::Request;
use divan::Bencher;
use malote_service::api::access::{Made, make};
use malote_service::api::router;
use malote_service::app::{App, machine_clock};
use malote_service::config::{Config, Mfa, Outside};
use malote_service::store::Where;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// Migrations of the service.
const JOBS: usize = 500;
const PASSWORD: &str = "correct horse battery";

fn main() {
    divan::main();
}

struct Service {
    runtime: Runtime,
    router: Router,
    cookie: String,
    _folder: tempfile::TempDir,
}

/// One request. A caller may read 200 times a minute, and an overview of so many migrations reads five times: whoever
/// takes more samples is refused.
async fn ask(
    router: &Router,
    request: Request<Body>,
    number: u32,
) -> anyhow::Result<(axum::http::HeaderMap, String)> {
    let mut request = request;
    let address = SocketAddr::from((std::net::Ipv4Addr::from(0x0a00_0000 + number), 9));
    request.extensions_mut().insert(ConnectInfo(address));
    let (parts, body) = router.clone().oneshot(request).await?.into_parts();
    let text = String::from_utf8(to_bytes(body, 64 << 20).await?.to_vec())?;
    anyhow::ensure!(parts.status.is_success(), "{}: {text}", parts.status);
    Ok((parts.headers, text))
}

async fn begin() -> anyhow::Result<(Router, String, tempfile::TempDir)> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let config = Config {
        database: Where::in_folder(&data),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        allow_private: Vec::new(),
        master_key: data.join("keys").join("master.key"),
        trusted_proxies: Vec::new(),
        mfa: Mfa::Offered,
        workers: 0,
        outside: Outside::default(),
        data,
    };
    let app = App::open(config, machine_clock()).await?;
    let roles = ["admin".to_owned()];
    let made = Made {
        name: "ana",
        display_name: "ana",
        email: "",
        roles: &roles,
        tenants: &[],
        sees_all_tenants: true,
        by: "bench",
    };
    let done = make(&app.store, &made, SecretString::from(PASSWORD.to_owned()), app.now_ms()).await;
    done.map_err(|error| anyhow::anyhow!(error.detail))?;
    let mut transaction = app.store.begin().await?;
    transaction.know(1, true).await?;
    transaction.commit().await?;
    let insert = "
        WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < $1)
        INSERT INTO migration_jobs (tenant_id, domain, phase, source_server_label)
        SELECT 1, 'domain-' || number || '.example', 'delta_sync', 'Dovecot' FROM numbers";
    app.store.run("filling", insert, malote_service::binds![i64::try_from(JOBS)?]).await?;
    let router = router(app);
    let login = Request::post("/auth/login").header("content-type", "application/json");
    let login = login.body(Body::from(json!({"name": "ana", "password": PASSWORD}).to_string()))?;
    let (headers, _) = ask(&router, login, 1).await?;
    let line = headers.get("set-cookie").and_then(|line| line.to_str().ok()).unwrap_or_default();
    let cookie = line.split(';').next().unwrap_or_default().to_owned();
    let list = Request::get("/migration/jobs?limit=1").header("cookie", &cookie).body(Body::empty())?;
    let told: Value = serde_json::from_str(&ask(&router, list, 2).await?.1)?;
    anyhow::ensure!(told["total"] == JOBS, "{} migrations", told["total"]);
    Ok((router, cookie, folder))
}

fn page(bencher: Bencher<'_, '_>, path: &'static str) {
    let runtime = Runtime::new().expect("a machine that runs benches has threads");
    let (router, cookie, _folder) =
        runtime.block_on(begin()).expect("a service in a temporary folder begins");
    let service = Arc::new(Service { runtime, router, cookie, _folder });
    bencher.bench_local(|| {
        let request = Request::get(path).header("cookie", &service.cookie).body(Body::empty());
        let request = request.expect("the path is well formed");
        service.runtime.block_on(ask(&service.router, request, 3)).expect("the page comes").1.len()
    });
}

#[divan::bench(max_time = 5, sample_count = 30, sample_size = 1)]
fn overview_of_500_migrations(bencher: Bencher<'_, '_>) {
    page(bencher, "/console");
}

#[divan::bench(max_time = 5, sample_count = 30, sample_size = 1)]
fn list_of_migrations(bencher: Bencher<'_, '_>) {
    page(bencher, "/console/jobs");
}
