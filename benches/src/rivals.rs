//! Who takes part: Malote, the one-at-a-time way, and what is found on PATH.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::measure::{self, Figures};

/// The password of every account here.
pub const PASSWORD: &str = "segredo";

/// Somebody who copies.
pub enum Rival {
    /// The binary beside this one.
    Malote(PathBuf),
    /// One APPEND after the other, by async-imap.
    OneAtATime,
    /// isync's mbsync.
    Mbsync,
    /// The user's own imapsync.
    Imapsync(PathBuf),
}

/// One account to copy to, with a folder for whatever the rival remembers.
pub struct Pair {
    from: u16,
    to: u16,
    user: String,
    folder: TempDir,
}

impl Pair {
    pub fn new(from: u16, to: u16, user: &str) -> Result<Self> {
        Ok(Self { from, to, user: user.to_owned(), folder: tempfile::tempdir()? })
    }
}

/// Malote first, then whoever is there.
pub fn found() -> Result<Vec<Rival>> {
    let malote = std::env::current_exe()?.with_file_name("malote");
    ensure!(malote.exists(), "build it first: cargo build --release -p malote");
    let mut rivals = vec![Rival::Malote(malote), Rival::OneAtATime];
    if on_path("mbsync").is_some() {
        rivals.push(Rival::Mbsync);
    }
    let named = std::env::var_os("IMAPSYNC").map(PathBuf::from);
    if let Some(program) = named.or_else(|| on_path("imapsync")) {
        rivals.push(Rival::Imapsync(program));
    }
    Ok(rivals)
}

fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

impl Rival {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malote(_) => "malote",
            Self::OneAtATime => "one-at-a-time",
            Self::Mbsync => "mbsync",
            Self::Imapsync(_) => "imapsync",
        }
    }

    pub fn run(&self, pair: &Pair) -> Result<Figures> {
        let (from, to, user) = (pair.from, pair.to, &pair.user);
        let words = |text: String| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let folder = pair.folder.path();
        let passwords =
            [("MALOTE_FROM_PASSWORD", PASSWORD.to_owned()), ("MALOTE_TO_PASSWORD", PASSWORD.to_owned())];
        match self {
            Self::Malote(program) => {
                let mut command = vec![program.display().to_string()];
                command.extend(words(format!(
                    "copy --quiet --from imap://corpus@127.0.0.1:{from}?tls=off \
                     --to imap://{user}@127.0.0.1:{to}?tls=off --state {}/state.malote",
                    folder.display()
                )));
                measure::outside(&command, &passwords)
            }
            Self::OneAtATime => {
                let mut command = vec![std::env::current_exe()?.display().to_string()];
                command.extend(words(format!("baseline {from} {to} {user}")));
                measure::outside(&command, &[])
            }
            Self::Mbsync => {
                let file = folder.join("mbsyncrc");
                if !file.exists() {
                    fs::write(&file, mbsyncrc(pair)).context("writing mbsync's configuration")?;
                }
                let command = words(format!("mbsync -q -q -c {} corpus", file.display()));
                measure::outside(&command, &[])
            }
            Self::Imapsync(program) => {
                let mut command = vec![program.display().to_string()];
                command.extend(words(format!(
                    "--host1 127.0.0.1 --port1 {from} --user1 corpus --password1 {PASSWORD} --nossl1 --notls1 \
                     --host2 127.0.0.1 --port2 {to} --user2 {user} --password2 {PASSWORD} --nossl2 --notls2 \
                     --nolog --noreleasecheck --tmpdir {}",
                    folder.display()
                )));
                measure::outside(&command, &[])
            }
        }
    }
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
        store("from", pair.from, "corpus"),
        store("to", pair.to, &pair.user),
        pair.folder.path().display()
    )
}
