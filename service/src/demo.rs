//! The command `demo`: a sample domain carried between two throw-away Dovecot servers, through the service.
//! Never leaves a process or a file behind, and never touches anything outside a folder of its own.

mod client;
mod config;
mod dovecot;
mod fill;
mod killer;
mod message;
mod outcome;
mod service;
mod story;

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;

use crate::cli::args::DemoArgs;
use crate::cli::exit::{Exit, Stopped};
use crate::cli::{output, signal};
use client::Client;
use dovecot::{Dovecot, Plan};
use fill::Account;
use killer::Killer;
use outcome::Outcome;
use service::{Service, SetupToken};
use story::{Stage, Story};

/// What is moved.
const DOMAIN: &str = "exemplo.com.br";

/// Whose mailboxes; the first has the most mail.
const NAMES: [&str; 12] = [
    "ana", "bruno", "carla", "davi", "elisa", "fabio", "gabriela", "heitor", "ines", "joao", "karina", "luis",
];

/// The first mailbox's part of all messages, in hundredths; the others have equal parts of the rest.
const FIRST_SHARE: u64 = 34;

/// New messages that come while the move is under way, in each round.
const ARRIVALS: u64 = 5;

/// Folders with a special use at the source, as a Brazilian provider names them.
const SOURCE_ROLES: [(&str, &str); 4] =
    [("Enviados", "Sent"), ("Rascunhos", "Drafts"), ("Lixeira", "Trash"), ("Spam", "Junk")];

/// And at the destination.
const DESTINATION_ROLES: [(&str, &str); 4] =
    [("Sent", "Sent"), ("Drafts", "Drafts"), ("Trash", "Trash"), ("Junk", "Junk")];

/// The two servers and their mailboxes.
struct Ground {
    source: Dovecot,
    destination: Dovecot,
    users: Vec<String>,
    password: SecretString,
}

/// Carries the domain to an open gate, and keeps the console open until the demo is told to end.
pub async fn demo(args: DemoArgs) -> Result<Exit, Stopped> {
    let folder = tempfile::Builder::new()
        .prefix("malote-demo-")
        .tempdir()
        .map_err(|cause| Stopped::early(format!("making a folder for the demo: {cause}")))?;
    // Started on the program's first thread: the kernel ends them when the thread that started them ends.
    let ground = Ground::lay(folder.path())?;
    let service = Service::start(&folder.path().join("service"), Some(args.listen))?;
    let token = service.token();
    let address = service.address();
    let service = Arc::new(Mutex::new(service));
    let stop = CancellationToken::new();
    watch(&ground, &service, folder.path(), &stop)?;
    let is_quiet = args.output.quiet;
    if !is_quiet {
        let version = ground.source.version();
        output::tell(&format!(
            "two Dovecot {version} servers are up; filling {} mailboxes of the first",
            NAMES.len()
        ));
    }
    ground.fill(args.messages.into(), &stop).await?;
    let stage = Stage {
        address,
        service: Client::new(address),
        domain: DOMAIN,
        users: &ground.users,
        password: &ground.password,
        source: ground.source.port(),
        destination: ground.destination.port(),
        store: args.pst.as_deref(),
        stop: &stop,
        is_quiet,
    };
    let killer = Killer::begin(&service, args.kills, args.seed);
    let outcome = carry(&stage, &ground, &token, args.messages.into(), &killer).await?;
    if args.output.json {
        output::print_json(&outcome)?;
    } else {
        output::print(&outcome.render(output::look()))?;
    }
    let exit = outcome.exit();
    if !args.exit && exit == Exit::Success {
        show(address, &ground.password);
        stop.cancelled().await;
    }
    drop(killer);
    drop((service, ground));
    folder.close().map_err(|cause| Stopped::early(format!("removing the demo's folder: {cause}")))?;
    if !is_quiet {
        output::tell("demo: nothing is left running, and nothing on disk");
    }
    Ok(exit)
}

/// From set-up to an open gate, with mail that arrives meanwhile.
async fn carry(
    stage: &Stage<'_>,
    ground: &Ground,
    token: &SetupToken,
    messages: u64,
    killer: &Killer,
) -> Result<Outcome, Stopped> {
    let mut story = Story::begin(stage, token).await?;
    story.upload().await?;
    story.preflight().await?;
    story.sync("initial", "first copy of every mailbox").await?;
    let mut arrived = messages;
    loop {
        ground.deliver(arrived..arrived + ARRIVALS).await?;
        arrived += ARRIVALS;
        story.sync("delta", "delta: new mail arrived at the source meanwhile").await?;
        if killer.is_done() {
            break;
        }
    }
    let acknowledged = story.acknowledge().await?;
    story.verify().await?;
    let checks = story.approve().await?;
    let (gate, token) = story.ask_gate().await?;
    let carried = story.carried().await?;
    let counts = ground.count().await?;
    let numbers = (carried, acknowledged, killer.kills());
    let place = (format!("http://{}", stage.address), token);
    Ok(Outcome::new(story.job().await?, &checks, gate, counts, numbers, place))
}

/// Ends what was started where somebody is in a hurry.
fn watch(
    ground: &Ground,
    service: &Arc<Mutex<Service>>,
    folder: &Path,
    stop: &CancellationToken,
) -> Result<(), Stopped> {
    let (groups, root) = ([ground.source.group(), ground.destination.group()], folder.to_owned());
    let service = Arc::clone(service);
    let end_at_once = move || {
        groups.iter().for_each(|group| dovecot::end_at_once(*group));
        if let Some(process) = service.lock().ok().and_then(|service| service.process()) {
            dovecot::end_at_once(process);
        }
        // What cannot be removed now lies in the system's folder for temporary files.
        let _ = std::fs::remove_dir_all(&root);
    };
    signal::watch(stop.clone(), Arc::new(end_at_once))
}

/// Says where the console is and who may look.
fn show(address: std::net::SocketAddr, password: &SecretString) {
    let people: Vec<String> = story::PEOPLE.iter().map(|(name, role)| format!("{name} ({role})")).collect();
    output::tell(&format!(
        "\nThe console is open at http://{address}/ until Ctrl-C.\nLog in as {}; everybody's password: {}",
        people.join(", "),
        password.expose_secret()
    ));
}

impl Ground {
    fn lay(folder: &Path) -> Result<Self, Stopped> {
        let users: Vec<String> = NAMES.iter().map(|name| format!("{name}@{DOMAIN}")).collect();
        let password = password(folder);
        let start = |name: &str, roles: &[(&str, &str)]| {
            Dovecot::start(&Plan { root: &folder.join(name), users: &users, password: &password, roles })
        };
        let (source, destination) =
            (start("source", &SOURCE_ROLES)?, start("destination", &DESTINATION_ROLES)?);
        Ok(Self { source, destination, users, password: password.into() })
    }

    async fn fill(&self, messages: u64, stop: &CancellationToken) -> Result<(), Stopped> {
        let (port, users, password) = (self.source.port(), self.users.clone(), self.password.clone());
        let stop = stop.clone();
        apart(move || {
            for (user, numbers) in users.iter().zip(shares(messages, users.len() as u64)) {
                fill::fill(Account { port, user, password: password.expose_secret() }, numbers, &stop)?;
            }
            Ok(())
        })
        .await
    }

    /// New mail for the first mailbox.
    async fn deliver(&self, numbers: Range<u64>) -> Result<(), Stopped> {
        let (port, user, password) = (self.source.port(), self.users[0].clone(), self.password.clone());
        apart(move || {
            fill::deliver(Account { port, user: &user, password: password.expose_secret() }, numbers)
        })
        .await
    }

    /// For each mailbox: its name, and how many messages there are at the source and at the destination.
    async fn count(&self) -> Result<Vec<(String, u64, u64)>, Stopped> {
        let ports = [self.source.port(), self.destination.port()];
        let (users, password) = (self.users.clone(), self.password.clone());
        apart(move || {
            let count = |port: u16, user: &str| {
                fill::count(Account { port, user, password: password.expose_secret() })
            };
            let both = |user: String| Ok((user.clone(), count(ports[0], &user)?, count(ports[1], &user)?));
            users.into_iter().map(both).collect()
        })
        .await
    }
}

/// Which numbers of messages go to which mailbox.
fn shares(messages: u64, users: u64) -> Vec<Range<u64>> {
    let first = messages * FIRST_SHARE / 100;
    let (rest, others) = (messages - first, users - 1);
    let ends = (0..=others).map(|number| first + rest * number / others.max(1));
    let ends: Vec<u64> = std::iter::once(0).chain(ends).collect();
    ends.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

/// Runs what waits for a socket apart from what answers.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Stopped> + Send + 'static,
) -> Result<T, Stopped> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Stopped::bug("a client of the demo stopped"))?
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_goes_to_one_mailbox() {
        for (messages, users) in [(1200, 12), (120, 12), (1201, 12), (100_000, 12), (121, 2)] {
            let shares = shares(messages, users);
            assert_eq!(shares.len() as u64, users);
            let mut next = 0;
            for share in shares {
                assert_eq!(share.start, next);
                assert!(share.end > share.start);
                next = share.end;
            }
            assert_eq!(next, messages);
        }
    }
}
