//! Passwords and tokens: from a file, the environment or a prompt, in this order.
//! Never from the command line, and never shown: not in messages, not by Debug.

use std::ffi::OsString;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use malote_engine::failure::{Class, Failure, Reach, Retry, Side};
use secrecy::{ExposeSecret as _, SecretString};

use super::assemble::SecretSource;
use super::exit::Stopped;

/// Longest password or token that is read, in octets.
const SECRET_OCTETS_MAX: u64 = 64 * 1024;

/// Where one side's secret shall come from.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// `--…-password-file`; `-` is standard input.
    pub password_file: Option<PathBuf>,
    /// `--…-token-file`.
    pub token_file: Option<PathBuf>,
}

impl Wish {
    /// True when a token is asked for.
    pub const fn is_token(&self) -> bool {
        self.token_file.is_some()
    }

    fn is_standard_input(&self) -> bool {
        self.password_file.as_deref() == Some(Path::new("-"))
    }
}

/// What may be asked besides files; a test brings its own.
pub struct Surroundings<'a> {
    /// Reads an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// Asks on the terminal; `None` where there is none.
    pub ask: &'a dyn Fn(&str) -> Option<std::io::Result<SecretString>>,
    /// Reads standard input to its end.
    pub standard_input: &'a dyn Fn() -> std::io::Result<Vec<u8>>,
}

/// The process's own environment, terminal and standard input.
pub fn surroundings() -> Surroundings<'static> {
    Surroundings {
        variable: &|name| std::env::var_os(name),
        ask: &|question| {
            // The terminal itself is asked, so that standard input may be a pipe.
            std::fs::File::open("/dev/tty").ok()?;
            Some(rpassword::prompt_password(question).map(SecretString::from))
        },
        standard_input: &|| {
            let mut octets = Vec::new();
            std::io::stdin().lock().take(SECRET_OCTETS_MAX + 1).read_to_end(&mut octets)?;
            Ok(octets)
        },
    }
}

/// Standard input ends once, so only one side may be read from it.
pub fn check_standard_input(source: &Wish, destination: &Wish) -> Result<(), Stopped> {
    if source.is_standard_input() && destination.is_standard_input() {
        return Err(Stopped::usage(
            "--from-password-file and --to-password-file cannot both be -: standard input is read once",
        ));
    }
    Ok(())
}

/// Finds one side's secret; `place` is what the prompt calls the mailbox.
pub fn find(
    side: Side,
    wish: &Wish,
    place: &str,
    around: &Surroundings<'_>,
) -> Result<Arc<dyn SecretSource>, Stopped> {
    if let Some(found) = without_prompt(side, wish, around)? {
        return Ok(found);
    }
    let word = option_word(side);
    match (around.ask)(&format!("Password of {place}: ")) {
        Some(Ok(secret)) if !secret.expose_secret().is_empty() => Ok(Arc::new(Password(secret))),
        Some(Ok(_)) => Err(Stopped::usage(format!("the password of the {} is empty", side.as_str()))),
        Some(Err(cause)) => {
            Err(Stopped::usage(format!("asking for the password of the {}: {cause}", side.as_str())))
        }
        None => Err(Stopped::usage(format!(
            "no password for the {}: give --{word}-password-file FILE (- reads standard input) or \
             --{word}-token-file FILE, set MALOTE_{}_PASSWORD, or run on a terminal to be asked",
            side.as_str(),
            word.to_ascii_uppercase()
        ))),
    }
}

/// Finds one side's secret in a file or the environment.
pub fn without_prompt(
    side: Side,
    wish: &Wish,
    around: &Surroundings<'_>,
) -> Result<Option<Arc<dyn SecretSource>>, Stopped> {
    if let Some(path) = &wish.token_file {
        let token = TokenFile { side, path: path.clone() };
        token.secret()?;
        return Ok(Some(Arc::new(token)));
    }
    if wish.is_standard_input() {
        let octets = (around.standard_input)()
            .map_err(|cause| Stopped::usage(format!("reading the password from standard input: {cause}")))?;
        return Ok(Some(Arc::new(Password(one_line(octets, "standard input")?))));
    }
    if let Some(path) = &wish.password_file {
        return Ok(Some(Arc::new(Password(read(path)?))));
    }
    let name = format!("MALOTE_{}_PASSWORD", option_word(side).to_ascii_uppercase());
    let Some(value) = (around.variable)(&name).filter(|value| !value.is_empty()) else { return Ok(None) };
    let value = value.into_string().map_err(|_| Stopped::usage(format!("{name} is not UTF-8")))?;
    Ok(Some(Arc::new(Password(SecretString::from(value)))))
}

/// A password that is known already, such as a cell of a CSV file.
pub fn known(secret: SecretString) -> Arc<dyn SecretSource> {
    Arc::new(Password(secret))
}

fn option_word(side: Side) -> &'static str {
    if side == Side::Destination { "to" } else { "from" }
}

fn read(path: &Path) -> Result<SecretString, Stopped> {
    let name = path.display().to_string();
    let fail = |cause| Stopped::usage(format!("reading the secret in {name}: {cause}"));
    let mut octets = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(SECRET_OCTETS_MAX + 1).read_to_end(&mut octets).map_err(fail)?;
    one_line(octets, &name)
}

/// Takes off exactly one line end, for a password may well end in a blank.
fn one_line(octets: Vec<u8>, name: &str) -> Result<SecretString, Stopped> {
    if octets.len() as u64 > SECRET_OCTETS_MAX {
        return Err(Stopped::usage(format!(
            "the secret in {name} is longer than {SECRET_OCTETS_MAX} octets"
        )));
    }
    let mut text = String::from_utf8(octets)
        .map_err(|_| Stopped::usage(format!("the secret in {name} is not UTF-8")))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    match text.as_str() {
        "" => Err(Stopped::usage(format!("the secret in {name} is empty"))),
        line if line.contains(['\n', '\0']) => {
            Err(Stopped::usage(format!("the secret in {name} is more than one line")))
        }
        _ => Ok(SecretString::from(text)),
    }
}

/// A password that does not change while we run.
struct Password(SecretString);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl SecretSource for Password {
    fn secret(&self) -> malote_engine::failure::Result<SecretString> {
        Ok(self.0.clone())
    }
}

/// A token that somebody renews: read anew for each login.
#[derive(Debug)]
struct TokenFile {
    side: Side,
    path: PathBuf,
}

impl SecretSource for TokenFile {
    fn secret(&self) -> malote_engine::failure::Result<SecretString> {
        read(&self.path).map_err(|stopped| {
            Failure::new(self.side, Class::Usage, Reach::Account, Retry::Never, stopped.message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIDDEN: &str = "hunter2 ";

    fn around<'a>(
        variable: &'a dyn Fn(&str) -> Option<OsString>,
        ask: &'a dyn Fn(&str) -> Option<std::io::Result<SecretString>>,
    ) -> Surroundings<'a> {
        Surroundings { variable, ask, standard_input: &|| Ok(b"from-stdin\n".to_vec()) }
    }

    fn shown(found: Result<Arc<dyn SecretSource>, Stopped>) -> Result<String, Stopped> {
        found.map(|source| source.secret().unwrap().expose_secret().to_owned())
    }

    #[test]
    fn exactly_one_line_end_is_taken_off() {
        for (octets, secret) in [
            (&b"a"[..], Some("a")),
            (b"a\n", Some("a")),
            (b"a\r\n", Some("a")),
            (b"a \n", Some("a ")),
            (b"a\r", Some("a\r")),
            ("\u{e9}\"\\%* \n".as_bytes(), Some("\u{e9}\"\\%* ")),
            (b"a\n\n", None),
            (b"a\nb\n", None),
            (b"", None),
            (b"\n", None),
            (b"a\0b", None),
            (b"\xff\xfe", None),
        ] {
            let read = one_line(octets.to_vec(), "f").ok();
            assert_eq!(read.as_ref().map(|secret| secret.expose_secret()), secret, "{octets:?}");
        }
    }

    #[test]
    fn a_file_goes_before_the_environment_and_that_before_the_prompt() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p");
        std::fs::write(&file, format!("{HIDDEN}\n")).unwrap();
        let none = |_: &str| None;
        let set = |name: &str| (name == "MALOTE_FROM_PASSWORD").then(|| OsString::from("from-environment"));
        let asked = |_: &str| Some(Ok(SecretString::from("from-prompt".to_owned())));
        let no_terminal = |_: &str| None;
        let by_file = Wish { password_file: Some(file.clone()), token_file: None };
        let by_input = Wish { password_file: Some("-".into()), token_file: None };
        let by_token = Wish { password_file: None, token_file: Some(file.clone()) };
        let unsaid = Wish::default();
        let source = |wish: &Wish, around: &Surroundings<'_>| shown(find(Side::Source, wish, "a@h", around));
        assert_eq!(source(&by_file, &around(&set, &asked)).unwrap(), HIDDEN);
        assert_eq!(source(&by_token, &around(&set, &asked)).unwrap(), HIDDEN);
        assert_eq!(source(&by_input, &around(&set, &asked)).unwrap(), "from-stdin");
        assert_eq!(source(&unsaid, &around(&set, &asked)).unwrap(), "from-environment");
        assert_eq!(source(&unsaid, &around(&none, &asked)).unwrap(), "from-prompt");
        assert_eq!(
            shown(find(Side::Destination, &unsaid, "a@h", &around(&set, &asked))).unwrap(),
            "from-prompt"
        );
        let refused = source(&unsaid, &around(&none, &no_terminal)).unwrap_err();
        assert_eq!(refused.exit, super::super::exit::Exit::Usage);
        for way in ["--from-password-file", "--from-token-file", "MALOTE_FROM_PASSWORD", "terminal"] {
            assert!(refused.message.contains(way), "{way}: {}", refused.message);
        }
    }

    #[test]
    fn a_token_is_read_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t");
        std::fs::write(&file, "first\n").unwrap();
        let token = TokenFile { side: Side::Source, path: file.clone() };
        assert_eq!(token.secret().unwrap().expose_secret(), "first");
        std::fs::write(&file, "second\n").unwrap();
        assert_eq!(token.secret().unwrap().expose_secret(), "second");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(token.secret().unwrap_err().class, Class::Usage);
    }

    #[test]
    fn standard_input_serves_one_side_and_no_secret_is_shown() {
        let input = Wish { password_file: Some("-".into()), token_file: None };
        assert!(check_standard_input(&input, &input).is_err());
        assert!(check_standard_input(&input, &Wish::default()).is_ok());
        assert_eq!(format!("{:?}", Password(SecretString::from(HIDDEN.to_owned()))), "Password");
        let error = one_line(b"hunter2\nhunter2".to_vec(), "f").unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
