//! From the command line to an exit status.
//! Never decides anything about mail: the engine does.

mod admin;
mod alone;
pub mod args;
pub mod assemble;
mod backup;
mod batch;
mod dumps;
pub mod exit;
pub(crate) mod files;
mod gate;
mod help;
mod imapsync;
mod migrate;
pub mod output;
pub mod pair;
mod probe;
pub mod progress;
mod pst;
mod pst_reader;
mod quarantine;
pub mod render;
pub mod secret;
mod serve;
pub mod signal;
pub mod state;
pub mod turn;
mod worker;

use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Cli, Command};
use exit::{Exit, Stopped};
use output::tell;

/// Runs the program; what comes back is its exit status, in imapsync's own numbers where that is what was called.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(status) = pst_reader::asked_for(&arguments) {
        return status;
    }
    match imapsync::asked_for(&arguments) {
        Some(words) => imapsync::main(words),
        None => own(arguments).into(),
    }
}

fn own(arguments: Vec<OsString>) -> Exit {
    if let Some(told) = help::topic(&arguments) {
        return told.unwrap_or_else(|stopped| {
            tell(&format!("malote: {}", render::clean(&stopped.message)));
            stopped.exit
        });
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Where neither stream can be written there is nobody to tell.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Success };
        }
    };
    match std::panic::catch_unwind(AssertUnwindSafe(|| run(cli))) {
        Ok(Ok(exit)) => exit,
        Ok(Err(stopped)) => {
            tell(&format!("malote: {}", render::clean(&stopped.message)));
            stopped.exit
        }
        Err(_) => {
            tell(
                "malote: an internal error, which is a bug: please report it with the lines above. \
                 Nothing is lost: the same command may be run again",
            );
            Exit::Internal
        }
    }
}

fn run(cli: Cli) -> Result<Exit, Stopped> {
    if let Command::Completions { shell } = cli.command {
        return completions(shell);
    }
    if let Command::Pst(command) = cli.command {
        return pst::pst(command);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| Stopped::early(format!("starting threads: {cause}")))?;
    runtime.block_on(async {
        match cli.command {
            Command::Copy(args) => pair::copy(args).await,
            Command::Plan(args) => pair::plan(args).await,
            Command::Verify(args) => pair::verify(args).await,
            Command::Probe(args) => probe::probe(args).await,
            Command::Batch(args) => batch::batch(args).await,
            // Its words are not clap's: `main` has taken them already.
            Command::Imapsync => Err(Stopped::bug("imapsync was asked for in a way that is not known")),
            Command::Quarantine(command) => quarantine::quarantine(command).await,
            Command::Pst(command) => pst::pst(command),
            Command::BackupState(args) => backup::back_up(args).await,
            Command::RestoreState(args) => backup::restore(&args),
            Command::Migrate(command) => migrate::migrate(command).await,
            Command::Worker(args) => worker::worker(args).await,
            Command::Serve(args) => serve::serve(args).await,
            Command::Gate(args) => gate::gate(args).await,
            Command::Admin(command) => admin::admin(command).await,
            Command::Demo(args) => crate::demo::demo(args).await,
            Command::Completions { shell } => completions(shell),
        }
    })
}

fn completions(shell: clap_complete::Shell) -> Result<Exit, Stopped> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "malote", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
