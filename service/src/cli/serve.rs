//! The command `serve`: API and workers in one process, until it is asked to stop.
//! Never answers before the tables and keys are there, and never ends in the middle of a request.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use malote_engine::token::{Url, provider::Provider};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::alone::Alone;
use super::args::{LogFormatArg, MfaArg, OutsideArgs, ServeArgs};
use super::exit::{Exit, Stopped};
use super::{dumps, migrate, output, signal};
use crate::api::{gates, router};
use crate::app::{App, machine_clock};
use crate::config::{Config, Mfa, Outside};
use crate::cutover::{SIGHTINGS_MILLIS, Watch};
use crate::hooks::Teller;
use crate::jobs::{Ledgers, Scheduler, SchedulerOptions, Worker, WorkerOptions, free_the_dead};
use crate::store::Where;
use crate::work::{FromVault, GateAfter};

/// How long requests that are under way may take once the service is asked to stop.
const STOP_MAX: Duration = Duration::from_secs(20);
/// How often what is old is swept out, and gates are looked at.
const TEND_EVERY: Duration = Duration::from_secs(30);
/// A request that holds an idempotency key for longer has died, in milliseconds: ten minutes.
const DEAD_MILLIS: i64 = 600_000;
const DAY_MILLIS: i64 = 86_400_000;

/// Serves until a signal comes.
pub async fn serve(args: ServeArgs) -> Result<Exit, Stopped> {
    log(args.log_format);
    dumps::refuse();
    let config = config(&args)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|cause| Stopped::usage(format!("listening on {}: {cause}", config.listen)))?;
    let address = listener.local_addr().map_err(|cause| Stopped::early(format!("listening: {cause}")))?;
    let database = config.database.clone();
    let (data, workers) = (config.data.clone(), config.workers);
    let _alone = Alone::at(&data).await?;
    let app =
        App::open(config, machine_clock()).await.map_err(|error| Stopped::usage(format!("{error:#}")))?;
    free_the_dead(&app.store).await.map_err(|error| Stopped::early(error.to_string()))?;
    if matches!(database, Where::Sqlite(_)) {
        // A file has one service: whatever was being answered died with the one before.
        let now_ms = app.now_ms();
        let swept = app.store.sweep_keys(now_ms, now_ms).await;
        swept.map_err(|error| Stopped::early(error.to_string()))?;
    }
    // Before anybody is told that it listens: a signal that comes at once ends it in order too.
    let stop = CancellationToken::new();
    signal::watch(stop.clone(), signal::nothing())?;
    greet(&app, address).await?;
    let worker = (workers > 0).then(|| begin_work(&app, data, &database, workers));
    if let Some(worker) = &worker {
        app.set_wake(worker.waker());
    }
    let wake = worker.as_ref().map(Worker::waker);
    let scheduler =
        Scheduler::start(app.store.clone(), SchedulerOptions { wake, ..SchedulerOptions::default() });
    let teller = Teller::start(app.clone());
    let watch = Watch::start(app.clone());
    let tending = tokio::spawn(tend(app.clone(), stop.clone()));
    answer(listener, &app, &stop).await?;
    scheduler.stop().await;
    teller.stop().await;
    watch.stop().await;
    if let Some(worker) = worker {
        worker.stop().await;
    }
    // A panic in it is told by the runtime.
    let _ = tending.await;
    if let Err(error) = app.audit.checkpoint(app.now_ms()).await {
        tracing::error!(error = %error, "the audit log's end was not signed: {error}");
    }
    app.store.close().await;
    tracing::info!("stopped");
    Ok(Exit::Success)
}

async fn answer(listener: TcpListener, app: &App, stop: &CancellationToken) -> Result<(), Stopped> {
    let service = router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let ending = stop.clone();
    let serving =
        axum::serve(listener, service).with_graceful_shutdown(async move { ending.cancelled().await });
    let late = stop.clone();
    tokio::select! {
        done = async { serving.await } => done.map_err(|cause| Stopped::early(format!("serving: {cause}"))),
        // Streams of events have no end of their own.
        () = async { late.cancelled().await; tokio::time::sleep(STOP_MAX).await; } => Ok(()),
    }
}

fn begin_work(app: &App, data: PathBuf, database: &Where, capacity: usize) -> Worker {
    let ledgers = match database {
        Where::Sqlite(_) => Ledgers::Files,
        Where::Postgres(url) => Ledgers::Postgres(url.clone()),
    };
    let options = WorkerOptions { capacity, ..WorkerOptions::new(data, ledgers) };
    let (secrets, after) = (Arc::new(FromVault(app.clone())), Arc::new(GateAfter(app.clone())));
    Worker::start(app.store.clone(), options, secrets, after)
}

fn config(args: &ServeArgs) -> Result<Config, Stopped> {
    let data = args.place.data.clone().unwrap_or_else(|| PathBuf::from("malote-data"));
    let place = super::args::PlaceArgs { data: Some(data.clone()), database: args.place.database.clone() };
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let master_key = Config::master_key(args.master_key_file.clone(), credentials.as_deref(), &data);
    Ok(Config {
        database: migrate::whereabouts(&place)?,
        data,
        listen: args.listen,
        allow_private: args.allow_private.clone(),
        master_key,
        trusted_proxies: args.trusted_proxy.clone(),
        mfa: match args.mfa {
            MfaArg::Required => Mfa::Required,
            MfaArg::Offered => Mfa::Offered,
        },
        workers: usize::from(args.workers),
        outside: outside(&args.outside)?,
    })
}

/// What the world outside is reached by.
pub(super) fn outside(args: &OutsideArgs) -> Result<Outside, Stopped> {
    let roots = match &args.ca_file {
        None => Vec::new(),
        Some(path) => std::fs::read(path).map_err(|cause| {
            Stopped::usage(format!("reading certificates in {}: {cause}", path.display()))
        })?,
    };
    let mut identity_providers = Vec::new();
    for text in &args.identity_provider {
        let wrong = |why: String| Stopped::usage(format!("--identity-provider {text}: {why}"));
        let (name, url) = text.split_once('=').ok_or_else(|| wrong("write it as NAME=URL".to_owned()))?;
        Provider::named(name).ok_or_else(|| wrong("no such provider is known".to_owned()))?;
        Url::parse(url).map_err(wrong)?;
        identity_providers.push((name.to_owned(), url.trim_end_matches('/').to_owned()));
    }
    let public_url = args.public_url.trim_end_matches('/').to_owned();
    if !public_url.is_empty() {
        Url::parse(&public_url).map_err(|why| Stopped::usage(format!("--public-url: {why}")))?;
    }
    Ok(Outside {
        name_servers: args.name_server.clone(),
        roots,
        identity_providers,
        public_url,
        ..Outside::default()
    })
}

/// Says where it listens, and how the first administrator gets in.
async fn greet(app: &App, address: SocketAddr) -> Result<(), Stopped> {
    tracing::info!(address = %address, "listening on http://{address}");
    output::tell(&format!("malote: listening on http://{address}"));
    let token = app.setup_token().await.map_err(|error| Stopped::early(format!("{error:#}")))?;
    if let Some(token) = token {
        // Not through the log, which others read and keep.
        output::tell(&format!(
            "malote: no user yet. Within one hour, and once: POST /auth/setup \
             {{\"token\":\"{}\",\"name\":…,\"password\":…}}, or use `malote admin user add`",
            token.expose_secret()
        ));
        let link = format!("http://{address}/console/setup?token={}", token.expose_secret());
        output::tell(&format!("malote: or open {link}"));
    }
    Ok(())
}

/// What is done by the clock: gates, the audit log, sweeping.
async fn tend(app: App, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(TEND_EVERY) => (),
            () = stop.cancelled() => return,
        }
        if let Err(error) = tend_once(&app).await {
            tracing::warn!(error = %error, "tending: {error:#}");
        }
    }
}

async fn tend_once(app: &App) -> anyhow::Result<()> {
    let now_ms = app.now_ms();
    gates::look_due(app).await?;
    app.audit.tend(now_ms).await?;
    app.store.sweep_sessions(now_ms - DAY_MILLIS).await?;
    app.store.sweep_keys(now_ms, now_ms - DEAD_MILLIS).await?;
    app.store.forget_failures(now_ms - DAY_MILLIS).await?;
    app.store.forget_sightings(now_ms - SIGHTINGS_MILLIS).await?;
    app.limits.sweep();
    crate::uploads::sweep::sweep(app).await?;
    crate::originals::sweep(app).await?;
    Ok(())
}

pub(super) fn log(form: LogFormatArg) {
    let filter = EnvFilter::try_from_env("MALOTE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A test may have set one; then that stands.
    let _ = match form {
        LogFormatArg::Json => log.json().flatten_event(true).try_init(),
        LogFormatArg::Text => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
}
