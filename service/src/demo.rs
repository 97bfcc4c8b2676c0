//! The command `demo`: a whole migration between two throw-away Dovecot servers on this machine.
//! Never leaves a process or a file behind, and never touches anything outside a folder of its own.

mod config;
mod dovecot;
mod fill;
mod message;

use std::path::Path;
use std::sync::Arc;

use malote_engine::failure::Side;
use malote_engine::policy::Content;
use malote_engine::report::{Report, Status};
use secrecy::SecretString;

use crate::cli::args::{DemoArgs, OutputArgs, PaceArgs, TrustArgs, WorkArgs};
use crate::cli::assemble::{self, Endpoint, Pair, Shared};
use crate::cli::exit::{Exit, Stopped};
use crate::cli::pair::{self, Task};
use crate::cli::progress::Screen;
use crate::cli::{output, render, secret, signal};
use dovecot::{Dovecot, Plan};

/// The demo's only account, on both servers.
const USER: &str = "ana@exemplo.com.br";

/// Folders with a special use at the source, as a Brazilian provider names them.
const SOURCE_ROLES: [(&str, &str); 4] =
    [("Enviados", "Sent"), ("Rascunhos", "Drafts"), ("Lixeira", "Trash"), ("Spam", "Junk")];

/// And at the destination.
const DESTINATION_ROLES: [(&str, &str); 4] =
    [("Sent", "Sent"), ("Drafts", "Drafts"), ("Trash", "Trash"), ("Junk", "Junk")];

/// Fills one server, copies, copies again, verifies; succeeds only if all three do.
pub async fn demo(args: DemoArgs) -> Result<Exit, Stopped> {
    let screen = Screen::open(&args.output);
    let folder = tempfile::Builder::new()
        .prefix("malote-demo-")
        .tempdir()
        .map_err(|cause| Stopped::early(format!("making a folder for the demo: {cause}")))?;
    let password = password(folder.path());
    // Started on the program's first thread: the kernel ends them when the thread that started them ends.
    let start = |name: &str, roles: &[(&str, &str)]| {
        Dovecot::start(&Plan { root: &folder.path().join(name), user: USER, password: &password, roles })
    };
    let (source, destination) = (start("source", &SOURCE_ROLES)?, start("destination", &DESTINATION_ROLES)?);
    let shared = Shared::new(&PaceArgs::default());
    let (groups, root) = ([source.group(), destination.group()], folder.path().to_owned());
    let end_at_once = move || {
        groups.iter().for_each(|group| dovecot::end_at_once(*group));
        // What cannot be removed now lies in the system's folder for temporary files.
        let _ = std::fs::remove_dir_all(&root);
    };
    signal::watch(shared.stop.clone(), Arc::new(end_at_once))?;
    if !args.output.quiet {
        output::tell(&format!("two Dovecot {} servers are up; filling the first", source.version()));
    }
    let (port, messages, secret, stop) =
        (source.port(), args.messages, password.clone(), shared.stop.clone());
    let filling = tokio::task::spawn_blocking(move || fill::fill(port, USER, &secret, messages, &stop));
    filling.await.map_err(|_| Stopped::bug("filling the mailbox stopped"))??;
    let pair = Pair::new(
        endpoint(Side::Source, source.port(), &password)?,
        endpoint(Side::Destination, destination.port(), &password)?,
    );
    let reports =
        rehearse(&pair, &folder.path().join("state.sqlite"), &shared, &screen, &args.output).await?;
    drop((source, destination));
    folder.close().map_err(|cause| Stopped::early(format!("removing the demo's folder: {cause}")))?;
    if args.output.json {
        output::print_json(&reports)?;
    }
    Ok(judge(&reports, args.output.quiet))
}

/// A copy, another, and a verification; ends early when one of them is no success.
async fn rehearse(
    pair: &Pair,
    state: &Path,
    shared: &Shared,
    screen: &Screen,
    output: &OutputArgs,
) -> Result<Vec<Report>, Stopped> {
    let steps = [
        (Task::Copy, "1 of 3: copy"),
        (Task::Copy, "2 of 3: copy again, with nothing to do"),
        (Task::Verify(Content::Full), "3 of 3: verify every octet on both servers"),
    ];
    let mut reports = Vec::new();
    for (task, title) in steps {
        let report =
            pair::work(pair.clone(), state, task, title, &WorkArgs::default(), shared, screen).await?;
        if !output.json {
            let look = output::look();
            output::print(&format!("{}\n\n{}\n", look.strong(title), render::report(&report, look)))?;
        }
        let is_success = report.status == Status::Success;
        reports.push(report);
        if !is_success {
            break;
        }
    }
    Ok(reports)
}

/// Success where three runs succeeded and the second found nothing to do.
fn judge(reports: &[Report], is_quiet: bool) -> Exit {
    let worst = reports.iter().map(Exit::of_report).max().unwrap_or(Exit::Internal);
    let is_idle = reports.get(1).is_some_and(|second| second.totals.copied + second.totals.adopted == 0);
    let is_whole = reports.len() == 3 && is_idle;
    let exit = if worst == Exit::Success && !is_whole { Exit::Internal } else { worst };
    if !is_quiet {
        output::tell(if exit == Exit::Success {
            "demo: copied, found nothing to do, verified every octet; nothing is left running"
        } else {
            "demo: not every step succeeded; see above. Nothing is left running"
        });
    }
    exit
}

fn endpoint(side: Side, port: u16, password: &str) -> Result<Endpoint, Stopped> {
    let user = USER.replace('@', "%40");
    let trust = TrustArgs::default();
    let location = assemble::location(side, &format!("imap://{user}@127.0.0.1:{port}?tls=off"), &trust)?;
    let secret = secret::known(SecretString::from(password.to_owned()));
    assemble::endpoint(side, location, secret, &trust)
}

/// Keeps other users of this machine out while the servers run.
fn password(folder: &Path) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(folder.as_os_str().as_encoded_bytes());
    hasher.update(&jiff::Timestamp::now().as_nanosecond().to_le_bytes());
    let mut chance = [0_u8; 32];
    // Where the system gives no chance, the folder's own random name and the time must do for a demo.
    if let Ok(mut file) = std::fs::File::open("/dev/urandom") {
        let _ = std::io::Read::read_exact(&mut file, &mut chance);
    }
    hasher.update(&chance);
    hasher.finalize().to_hex()[..32].to_owned()
}
