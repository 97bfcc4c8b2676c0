//! A program that prints a token.
//! Never goes through a shell, and never shows what the program printed to standard output.

use std::process::Stdio;
use std::time::Duration;

use malote_plan::failure::Class;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::answer::{Issued, TOKEN_OCTETS_MAX, bare_or_json};
use super::trouble::{Trouble, cleaned};

/// How long a program may take where nobody says.
pub(super) const PROGRAM_MAX: Duration = Duration::from_secs(60);

/// Most of what a program says on standard error that is kept, in octets.
const COMPLAINT_OCTETS_MAX: u64 = 4_096;

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The program's name or path, then its arguments.
    pub command: Vec<String>,
    /// How long it may take.
    pub limit: Duration,
}

impl Program {
    /// A program with the usual time limit.
    #[must_use]
    pub fn new(command: Vec<String>) -> Self {
        Self { command, limit: PROGRAM_MAX }
    }

    pub(super) async fn token(&self) -> Result<Issued, Trouble> {
        let Some((name, arguments)) = self.command.split_first() else {
            return Err(Trouble::usage("the command that gives a token is empty"));
        };
        let mut child = Command::new(name)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|cause| Trouble::usage(format!("starting {name}, which gives a token: {cause}")))?;
        let (out, complaint) = (child.stdout.take(), child.stderr.take());
        let out_max = TOKEN_OCTETS_MAX as u64 * 2;
        let ended = timeout(self.limit, async {
            let (out, complaint) = tokio::join!(read(out, out_max), read(complaint, COMPLAINT_OCTETS_MAX));
            (out, complaint, child.wait().await)
        });
        let Ok((out, complaint, status)) = ended.await else {
            let limit = self.limit.as_secs();
            return Err(Trouble::passing(format!("{name}, which gives a token, took more than {limit} s")));
        };
        let status = status.map_err(|cause| Trouble::passing(format!("waiting for {name}: {cause}")))?;
        let printed = String::from_utf8_lossy(&out);
        let complaint = cleaned(&String::from_utf8_lossy(&complaint), &[printed.trim()]);
        let complaint = if complaint.is_empty() { String::new() } else { format!(", \"{complaint}\"") };
        if !status.success() {
            let message = format!("{name}, which gives a token, failed ({status}){complaint}");
            return Err(Trouble::lasting(Class::AuthTokenExpired, message));
        }
        bare_or_json(&out).map_err(|wrong| {
            Trouble::passing(format!("{name} was to print a token, and gave {wrong}{complaint}"))
        })
    }
}

/// Reads to the end and keeps the beginning, so that a program that says too much is not stuck.
async fn read(pipe: Option<impl AsyncRead + Unpin>, octets_max: u64) -> Zeroizing<Vec<u8>> {
    let mut kept = Zeroizing::new(Vec::new());
    if let Some(mut pipe) = pipe {
        // A pipe that breaks has said what it had to say; the exit status decides.
        let _ = (&mut pipe).take(octets_max).read_to_end(&mut kept).await;
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    }
    kept
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::super::trouble::Verdict;
    use super::*;

    async fn check(script: &str, expected: Result<&str, &str>) {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        let found = Program { command, limit: Duration::from_secs(5) }.token().await;
        match (found, expected) {
            (Ok(issued), Ok(token)) => assert_eq!(issued.token.expose_secret(), token),
            (Err(trouble), Err(word)) => {
                assert!(trouble.message.contains(word), "{script}: {trouble:?}");
                assert!(!trouble.message.contains("hunter2"), "{script}: {trouble:?}");
            }
            (found, _) => panic!("{script}: {found:?}"),
        }
    }

    #[tokio::test]
    async fn a_program_prints_a_token_or_is_told_what_was_wrong() {
        check("echo abc", Ok("abc")).await;
        check(r#"echo '{"access_token":"abc","expires_in":9}'"#, Ok("abc")).await;
        check("echo noise >&2; echo abc", Ok("abc")).await;
        check("head -c 300000 /dev/zero >&2; echo abc", Ok("abc")).await;
        check("echo hunter2; echo hunter2 is no good >&2; exit 3", Err("is no good")).await;
        check("true", Err("an empty token")).await;
        check("echo hunter2 hunter2", Err("blanks")).await;
        check("head -c 300000 /dev/zero | tr '\\0' x", Err("octets")).await;
    }

    #[tokio::test]
    async fn a_program_that_hangs_or_is_not_there_does_not_hold_us_up() {
        let hanging = Program {
            command: ["sh", "-c", "sleep 60"].map(str::to_owned).to_vec(),
            limit: Duration::from_millis(50),
        };
        assert_eq!(hanging.token().await.unwrap_err().verdict, Verdict::Passing(None));
        let absent = Program::new(vec!["/nowhere/token".to_owned()]);
        assert_eq!(absent.token().await.unwrap_err().verdict, Verdict::Final(Class::Usage));
        assert!(Program::new(Vec::new()).token().await.is_err());
    }
}
