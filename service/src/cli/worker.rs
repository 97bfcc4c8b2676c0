//! The command `worker`: carries out runs beside a service, on the same machine or another.
//! Never answers a request, and never makes a master key: it needs the service's own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::args::WorkerArgs;
use super::exit::{Exit, Stopped};
use super::{dumps, migrate, output, serve, signal};
use crate::app::{App, machine_clock};
use crate::config::{Config, Mfa};
use crate::jobs::{Ledgers, Scheduler, SchedulerOptions, Worker, WorkerOptions, free_the_dead};
use crate::store::Where;
use crate::work::{FromVault, GateAfter};

/// Works until a signal comes; what is in flight is finished then, and runs go back into the queue.
pub async fn worker(args: WorkerArgs) -> Result<Exit, Stopped> {
    serve::log(args.log_format);
    dumps::refuse();
    let data = args.place.data.clone().unwrap_or_else(|| PathBuf::from("malote-data"));
    let place = super::args::PlaceArgs { data: Some(data.clone()), database: args.place.database.clone() };
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let master_key = Config::master_key(args.master_key_file.clone(), credentials.as_deref(), &data);
    if !master_key.is_file() {
        return Err(Stopped::usage(format!(
            "a worker needs the service's master key, and {} is not there: copy it, or name it by --master-key-file",
            master_key.display()
        )));
    }
    let database = migrate::whereabouts(&place)?;
    let ledgers = match &database {
        Where::Sqlite(_) => Ledgers::Files,
        Where::Postgres(url) => Ledgers::Postgres(url.clone()),
    };
    let config = Config {
        database,
        data: data.clone(),
        listen: ([127, 0, 0, 1], 0).into(),
        allow_private: args.allow_private.clone(),
        master_key,
        trusted_proxies: Vec::new(),
        mfa: Mfa::Required,
        workers: usize::from(args.workers),
        outside: serve::outside(&args.outside)?,
    };
    let app =
        App::open(config, machine_clock()).await.map_err(|error| Stopped::usage(format!("{error:#}")))?;
    free_the_dead(&app.store).await.map_err(|error| Stopped::early(error.to_string()))?;
    let stop = CancellationToken::new();
    signal::watch(stop.clone(), signal::nothing())?;
    let options = WorkerOptions {
        capacity: usize::from(args.workers),
        lease: Duration::from_secs(args.lease_seconds.into()),
        ..WorkerOptions::new(data, ledgers)
    };
    let (secrets, after) = (Arc::new(FromVault(app.clone())), Arc::new(GateAfter(app.clone())));
    let worker = Worker::start(app.store.clone(), options, secrets, after);
    // Each firing happens once, however many look: schedules do not end with the service's process.
    let wake = Some(worker.waker());
    let scheduler =
        Scheduler::start(app.store.clone(), SchedulerOptions { wake, ..SchedulerOptions::default() });
    output::tell(&format!("malote: worker {} is at work", worker.id()));
    stop.cancelled().await;
    scheduler.stop().await;
    worker.stop().await;
    app.store.close().await;
    Ok(Exit::Success)
}
