//! The commands `copy`, `plan` and `verify`: one pair of mailboxes.
//! Never says anything on standard output but the result.

use std::path::{Path, PathBuf};

use malote_engine::failure::Side;
use malote_engine::policy::{Content, Retry};
use malote_engine::report::{Kind, Report};
use malote_engine::run;

use super::args::{OutputArgs, PairArgs, VerifyArgs, WorkArgs};
use super::assemble::{self, End, Keeping, Pair, Place, Shared};
use super::exit::{Exit, Stopped};
use super::progress::Screen;
use super::secret::{self, Asking, Brokers, Wish};
use super::{output, render, signal, state, turn};

/// What is done to a pair that leads to a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Bring the destination up to date.
    Copy,
    /// The same, with quarantined messages open to it again.
    Retry(Retry),
    /// Recount, and read as much as is said.
    Verify(Content),
}

/// Brings the destination up to date.
pub async fn copy(args: PairArgs) -> Result<Exit, Stopped> {
    reported(args, Task::Copy).await
}

/// Tries quarantined messages again.
pub async fn retry(args: PairArgs, choice: Retry) -> Result<Exit, Stopped> {
    reported(args, Task::Retry(choice)).await
}

/// Recounts both sides.
pub async fn verify(args: VerifyArgs) -> Result<Exit, Stopped> {
    reported(args.pair, Task::Verify(args.content.into())).await
}

/// Says what `copy` would do.
pub async fn plan(args: PairArgs) -> Result<Exit, Stopped> {
    let screen = Screen::open(&args.output);
    let (pair, state) = mailboxes(&args).await?;
    let shared = Shared::new(&args.work.pace);
    // Only from here on: Ctrl-C at a prompt shall end the program at once.
    signal::watch(shared.stop.clone(), signal::nothing())?;
    let mut assembled = assemble::assemble(pair, &state, Keeping::ReadsOnly, &args.work, &shared).await?;
    let watch = screen.watch(&mut assembled.job, "plan");
    let mut forecast = run::plan(&assembled.job).await;
    watch.finish();
    assembled.close().await;
    forecast.warnings.append(&mut assembled.warnings);
    if args.output.json {
        output::print_json(&forecast)?;
    } else {
        output::print(&render::forecast(&forecast, output::look()))?;
    }
    Ok(Exit::of_forecast(&forecast))
}

async fn reported(args: PairArgs, task: Task) -> Result<Exit, Stopped> {
    let screen = Screen::open(&args.output);
    let (pair, state) = mailboxes(&args).await?;
    let shared = Shared::new(&args.work.pace);
    // Only from here on: Ctrl-C at a prompt shall end the program at once.
    signal::watch(shared.stop.clone(), signal::nothing())?;
    let (label, kind) = match task {
        Task::Copy => ("copy", Kind::Copy),
        Task::Retry(_) => ("retry", Kind::Copy),
        Task::Verify(_) => ("verify", Kind::Verify),
    };
    let identity = pair.identity.clone();
    let worked = work(pair, &state, task, label, &args.work, &shared, &screen).await;
    let report = match worked {
        Ok(report) => report,
        Err(stopped) => match (&stopped.error, args.output.json) {
            // Whoever reads JSON gets a report also of a run that could not begin.
            (Some(error), true) => {
                output::tell(&format!("malote: {stopped}"));
                let at = jiff::Timestamp::now().to_string();
                let error = error.as_ref().clone();
                Report::not_begun(kind, &identity.source, &identity.destination, &at, error)
            }
            _ => return Err(stopped),
        },
    };
    show(&report, &args.output)?;
    Ok(Exit::of_report(&report))
}

/// Puts one run together, shows it while it works and closes everything behind it.
pub async fn work(
    pair: Pair,
    state: &Path,
    task: Task,
    label: &str,
    work: &WorkArgs,
    shared: &Shared,
    screen: &Screen,
) -> Result<Report, Stopped> {
    let keeping = match task {
        Task::Copy | Task::Retry(_) => Keeping::Writes,
        Task::Verify(_) => Keeping::ReadsOnly,
    };
    let is_of_files = matches!(pair.source, End::Files(_)) && keeping == Keeping::Writes;
    let _turn = match state::default_folder().ok().filter(|_| is_of_files) {
        Some(folder) => Some(turn::wait(&folder, &pair.identity.destination, &shared.stop).await),
        None => None,
    };
    let mut assembled = assemble::assemble(pair, state, keeping, work, shared).await?;
    let watch = screen.watch(&mut assembled.job, label);
    let mut report = match task {
        Task::Copy => run::copy(&assembled.job).await,
        Task::Retry(choice) => {
            assembled.job.policy.retry = Some(choice);
            run::copy(&assembled.job).await
        }
        Task::Verify(content) => run::verify(&assembled.job, content).await,
    };
    watch.finish();
    assembled.close().await;
    report.warnings.append(&mut assembled.warnings);
    Ok(report)
}

/// Prints a report as asked for.
pub fn show(report: &Report, output: &OutputArgs) -> Result<(), Stopped> {
    if output.json {
        output::print_json(report)
    } else {
        output::print(&render::report(report, output::look()))
    }
}

/// Both mailboxes and the place of their ledger. Everything that can be wrong with the command line is found
/// before the first prompt.
async fn mailboxes(args: &PairArgs) -> Result<(Pair, PathBuf), Stopped> {
    let trust = &args.work.trust;
    let from = assemble::place(Side::Source, &args.from, trust)?;
    let to = assemble::place(Side::Destination, &args.to, trust)?;
    if assemble::identity_of(&from) == assemble::identity_of(&to) {
        return Err(Stopped::usage("--from and --to are the same mailbox"));
    }
    let (source_wish, destination_wish) = Wish::both(&args.secrets);
    secret::check_standard_input(&source_wish, &destination_wish)?;
    let (around, brokers) = (secret::surroundings(), Brokers::new(trust, Asking::OnTerminal)?);
    // Both secrets are found before anybody is asked, and none is looked for where no server is.
    let find = |side, wish: &Wish, place: &Place| match place {
        Place::Server(location) => secret::find(side, wish, location, &around, &brokers).map(Some),
        Place::Files(_) => Ok(None),
    };
    let source_secret = find(Side::Source, &source_wish, &from)?;
    let destination_secret = find(Side::Destination, &destination_wish, &to)?;
    brokers.ask_people().await?;
    let end = |side, place, secret: Option<_>| match (place, secret) {
        (Place::Server(location), Some(secret)) => {
            assemble::endpoint(side, location, secret, trust).map(End::from)
        }
        (Place::Server(_), None) => Err(Stopped::bug("a server was left without a secret")),
        (Place::Files(files), _) => Ok(End::Files(files)),
    };
    let pair =
        Pair::new(end(Side::Source, from, source_secret)?, end(Side::Destination, to, destination_secret)?);
    if let Some(contradiction) = pair.contradiction() {
        return Err(Stopped::usage(format!("--from and --to {contradiction}")));
    }
    let state = match &args.state {
        Some(state) => state.clone(),
        None => state::default_folder()?.join(state::file_name(&pair.identity)),
    };
    Ok((pair, state))
}
