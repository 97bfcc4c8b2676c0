//! Who takes part: Malote, the one-at-a-time way, and what is found on PATH; and how each is called.
//! Never a setting that makes a rival slower than its own documentation advises.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::measure::{self, Figures};

/// The password of every account here.
pub const PASSWORD: &str = "segredo";

/// The account that is copied.
pub const SOURCE_USER: &str = "corpus";

/// The account with a part of it, for those who would need minutes for the whole.
pub const PART_USER: &str = "part";

/// Somebody who copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rival {
    /// The binary beside this one.
    Malote(PathBuf),
    /// The same, over TLS on both sides.
    MaloteTls(PathBuf),
    /// Dovecot's dsync, which reads by IMAP and writes the destination's mail store itself.
    Dsync(PathBuf),
    /// isync's mbsync.
    Mbsync(PathBuf),
    /// The user's own imapsync.
    Imapsync(PathBuf),
    /// One APPEND after the other, by async-imap.
    OneAtATime,
}

/// Where one side is reached.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// In clear text, by the line where there is one.
    pub plain: u16,
    /// With TLS, where the server has it.
    pub tls: Option<u16>,
}

/// One account to copy to, with a folder for whatever the rival remembers.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The source.
    pub from: Ports,
    /// The source's account.
    pub from_user: &'static str,
    /// The destination.
    pub to: Ports,
    /// The destination's account.
    pub user: String,
    /// What the rival remembers from run to run.
    pub state: PathBuf,
    /// The destination's configuration, for who writes its store.
    pub dovecot_conf: PathBuf,
    /// Certificates to trust.
    pub ca_file: PathBuf,
}

/// Malote first, then whoever is there.
pub fn found() -> Result<Vec<Rival>> {
    let mut rivals = vec![Rival::Malote(malote()?)];
    rivals.extend(on_path("doveadm").map(Rival::Dsync));
    rivals.extend(on_path("mbsync").map(Rival::Mbsync));
    let named = std::env::var_os("IMAPSYNC").map(PathBuf::from);
    rivals.extend(named.or_else(|| on_path("imapsync")).map(Rival::Imapsync));
    rivals.push(Rival::OneAtATime);
    Ok(rivals)
}

/// The binary that is measured: the one beside this one.
pub fn malote() -> Result<PathBuf> {
    let malote = std::env::current_exe()?.with_file_name("malote");
    ensure!(malote.exists(), "build it first: cargo build --release -p malote");
    Ok(malote)
}

/// A program on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

impl Rival {
    /// A word for tables and account names.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malote(_) => "malote",
            Self::MaloteTls(_) => "malote-tls",
            Self::Dsync(_) => "dsync",
            Self::Mbsync(_) => "mbsync",
            Self::Imapsync(_) => "imapsync",
            Self::OneAtATime => "one-at-a-time",
        }
    }

    /// Whether a second run does anything but double everything.
    pub fn is_repeatable(&self) -> bool {
        !matches!(self, Self::OneAtATime)
    }

    /// Whether it waits for every message, so that distance multiplies its time.
    pub fn waits_for_each_message(&self) -> bool {
        matches!(self, Self::OneAtATime | Self::Imapsync(_))
    }

    /// Copies, or brings up to date what an earlier run copied.
    pub fn run(&self, pair: &Pair) -> Result<Figures> {
        let command = match self {
            Self::Malote(program) => malote_copy(program, &locations(pair), pair),
            Self::MaloteTls(program) => {
                let mut command = malote_copy(program, &tls_locations(pair)?, pair);
                command.extend(["--ca-file".to_owned(), pair.ca_file.display().to_string()]);
                command
            }
            Self::Dsync(program) => dsync(program, pair),
            Self::Mbsync(program) => {
                let file = pair.state.join("mbsyncrc");
                fs::write(&file, mbsyncrc(pair)).context("writing mbsync's configuration")?;
                command(program, &format!("-q -q -c {} corpus", file.display()))
            }
            Self::Imapsync(program) => imapsync(program, pair),
            Self::OneAtATime => {
                let Pair { from, from_user, to, user, .. } = pair;
                let program = std::env::current_exe()?;
                command(&program, &format!("baseline {} {from_user} {} {user}", from.plain, to.plain))
            }
        };
        measure::outside(&command, &passwords())
    }
}

/// Malote's passwords, which it takes from its environment; nobody else reads these names.
pub fn passwords() -> [(&'static str, String); 2] {
    ["MALOTE_FROM_PASSWORD", "MALOTE_TO_PASSWORD"].map(|name| (name, PASSWORD.to_owned()))
}

fn command(program: &Path, words: &str) -> Vec<String> {
    let words = words.split(' ').filter(|word| !word.is_empty());
    std::iter::once(program.display().to_string()).chain(words.map(str::to_owned)).collect()
}

fn locations(pair: &Pair) -> [String; 2] {
    [(pair.from_user, pair.from), (pair.user.as_str(), pair.to)]
        .map(|(user, ports)| format!("imap://{user}@127.0.0.1:{}?tls=off", ports.plain))
}

fn tls_locations(pair: &Pair) -> Result<[String; 2]> {
    let from = pair.from.tls.context("the source has no TLS")?;
    let to = pair.to.tls.context("the destination has no TLS")?;
    Ok([
        format!("imaps://{}@127.0.0.1:{from}", pair.from_user),
        format!("imaps://{}@127.0.0.1:{to}", pair.user),
    ])
}

fn malote_copy(program: &Path, [from, to]: &[String; 2], pair: &Pair) -> Vec<String> {
    let state = pair.state.join("state.malote");
    command(program, &format!("copy --quiet --from {from} --to {to} --state {}", state.display()))
}

/// `doveadm backup -R` with the settings that Dovecot's documentation gives for migrations by imapc: larger
/// prefetch, sizes and headers by FETCH. The store is written without fsync, as the server's own is here.
fn dsync(program: &Path, pair: &Pair) -> Vec<String> {
    let settings = [
        "imapc_host=127.0.0.1".to_owned(),
        format!("imapc_port={}", pair.from.plain),
        format!("imapc_user={}", pair.from_user),
        format!("imapc_password={PASSWORD}"),
        "imapc_ssl=no".to_owned(),
        "mail_prefetch_count=20".to_owned(),
        "mail_fsync=never".to_owned(),
    ];
    let mut command = command(program, &format!("-c {}", pair.dovecot_conf.display()));
    command.extend(settings.into_iter().flat_map(|setting| ["-o".to_owned(), setting]));
    command.extend(["-o", "imapc_features=rfc822.size fetch-headers"].map(str::to_owned));
    command.extend(["backup", "-R", "-u", &pair.user, "imapc:"].map(str::to_owned));
    command
}

fn imapsync(program: &Path, pair: &Pair) -> Vec<String> {
    let Pair { from, from_user, to, user, state, .. } = pair;
    command(
        program,
        &format!(
            "--host1 127.0.0.1 --port1 {} --user1 {from_user} --password1 {PASSWORD} --nossl1 --notls1 \
             --host2 127.0.0.1 --port2 {} --user2 {user} --password2 {PASSWORD} --nossl2 --notls2 \
             --nolog --noreleasecheck --tmpdir {} --pidfile {}/pid",
            from.plain,
            to.plain,
            state.display(),
            state.display()
        ),
    )
}

fn mbsyncrc(pair: &Pair) -> String {
    let store = |name: &str, port: u16, user: &str| {
        format!(
            "IMAPAccount {name}\nHost 127.0.0.1\nPort {port}\nUser {user}\nPass {PASSWORD}\nSSLType None\n\
             AuthMechs LOGIN\n\nIMAPStore {name}\nAccount {name}\n\n"
        )
    };
    format!(
        "{}{}Channel corpus\nFar :from:\nNear :to:\nPatterns *\nCreate Near\nSync Pull\nCopyArrivalDate yes\n\
         SyncState {}/\n",
        store("from", pair.from.plain, pair.from_user),
        store("to", pair.to.plain, &pair.user),
        pair.state.display()
    )
}
