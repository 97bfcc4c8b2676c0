//! Builds `malote` and runs it as a user would: arguments, environment, what it says and how it ends.
//! Never links anything of the command line: only the process is looked at.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Build, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::migration::PASSWORD;

/// How long a process may take before it is taken for stuck.
const RUN_MAX: Duration = Duration::from_secs(240);

/// Builds `malote` and the engine's example, together with the tests' own package: with other features everything
/// below them would be compiled again. Gives the folder that they lie in; `MALOTE_BUILT` names one where they are
/// built already, as `make test` does.
///
/// # Errors
/// Where they do not compile.
pub fn build() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("MALOTE_BUILT").map(PathBuf::from) {
        ensure!(folder.join("malote").is_file(), "no malote in {}", folder.display());
        return Ok(folder);
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let packages = ["build", "-p", "acceptance", "-p", "malote-engine", "-p", "malote", "-p", "malote-pst"];
    let targets = ["--bin", "malote", "--bin", "hostile-pst-reader", "--example", "copy"];
    let mut command = Build::new(cargo);
    // What cargo tells a test of its package would have build scripts that watch it run again, and all above them.
    let told = std::env::vars_os().map(|(name, _)| name);
    told.filter(|name| name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR")
        .for_each(|name| {
            command.env_remove(name);
        });
    let built = command.current_dir(workspace).args(packages).args(targets).output()?;
    ensure!(built.status.success(), "building malote: {}", String::from_utf8_lossy(&built.stderr));
    // A test lies in `target/PROFILE/deps`, and what cargo builds by default in `target/debug`.
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(3).context("this test lies in no target folder")?;
    Ok(target.join("debug"))
}

/// The folder of [`build`], built once per test process.
fn built() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}"))).clone().map_err(|text| anyhow!(text))
}

/// A user's home: nothing that a process does there is seen elsewhere.
#[derive(Debug)]
pub struct Home {
    program: PathBuf,
    folder: TempDir,
}

impl Home {
    /// An empty one.
    ///
    /// # Errors
    /// Where `malote` does not compile.
    pub fn new() -> Result<Self> {
        Ok(Self { program: built()?.join("malote"), folder: tempfile::tempdir()? })
    }

    /// A place in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and gives its path.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Result<String> {
        fs::write(self.path(name), text)?;
        Ok(self.path(name).display().to_string())
    }

    /// The folder of ledgers that nobody named.
    #[must_use]
    pub fn state_folder(&self) -> PathBuf {
        self.path("state/malote")
    }

    /// Ledgers in that folder; none where it does not exist.
    #[must_use]
    pub fn ledgers(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.state_folder()).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        found.retain(|path| path.extension().is_some_and(|ending| ending == "sqlite"));
        found.sort();
        found
    }

    /// `malote` with these arguments; both passwords are in the environment, and nothing else of the tests' own.
    pub fn command<T: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = T>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.path()).env("XDG_STATE_HOME", self.path("state"));
        command.env("MALOTE_FROM_PASSWORD", PASSWORD).env("MALOTE_TO_PASSWORD", PASSWORD);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// The same, on no terminal and below `program`, such as a shell that sets limits; what it prints is kept.
    pub fn below<T: AsRef<OsStr>>(
        &self,
        program: &[&str],
        arguments: impl IntoIterator<Item = T>,
    ) -> Command {
        let own = self.command(arguments);
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg(&self.program).args(own.as_std().get_args()).env_clear();
        own.as_std().get_envs().for_each(|(name, value)| {
            command.env(name, value.unwrap_or_default());
        });
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// Where it cannot be started or does not end.
    pub async fn run<T: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = T>) -> Result<Ended> {
        Ended::of(self.command(arguments)).await
    }
}

/// The arguments of a pair of mailboxes, with a report as JSON.
#[must_use]
pub fn between<'a>(command: &'a str, from: &'a str, to: &'a str) -> Vec<&'a str> {
    vec![command, "--json", "--quiet", "--from", from, "--to", to]
}

/// What a process said and how it ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit status; -1 for a death by signal.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ended {
    /// Starts a process and waits for its end.
    ///
    /// # Errors
    /// Where it cannot be started or does not end.
    pub async fn of(mut command: Command) -> Result<Self> {
        Self::wait(command.spawn().with_context(|| format!("starting {command:?}"))?).await
    }

    /// Waits for the end of a process.
    ///
    /// # Errors
    /// Where it does not end, or says what is not UTF-8.
    pub async fn wait(child: Child) -> Result<Self> {
        let output = timeout(RUN_MAX, child.wait_with_output()).await.context("it does not end")??;
        let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        Ok(Self { code: output.status.code().unwrap_or(-1), out, err })
    }

    /// Checks the exit status.
    ///
    /// # Panics
    /// Where it is another.
    #[track_caller]
    pub fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// Standard output as the one JSON document that it must be.
    ///
    /// # Panics
    /// Where it is anything else.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        let read = serde_json::from_str(&self.out);
        read.unwrap_or_else(|error| panic!("{error} in {:?}; {}", self.out, self.err))
    }

    /// A counter of the report's totals.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    #[track_caller]
    pub fn total(&self, name: &str) -> u64 {
        self.json()["totals"][name].as_u64().unwrap_or_else(|| panic!("no {name} in {}", self.out))
    }

    /// `side class` of each error in the report.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        let told = self.json()["errors"].as_array().cloned().unwrap_or_default();
        let word = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
        told.iter().map(|error| format!("{} {}", word(error, "side"), word(error, "class"))).collect()
    }
}

/// Waits until something has come true.
///
/// # Panics
/// Where it never does.
pub async fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < RUN_MAX, "waited in vain for {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
