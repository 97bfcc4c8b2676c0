//! Passwords and tokens: from a file, the environment or a prompt, in this order.
//! Never from the command line, and never shown: not in messages, not by Debug.

use std::ffi::OsString;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use malote_engine::failure::Side;
use malote_engine::token::{Broker, Grant, Patience, check_token_file, read_secret};
use secrecy::{ExposeSecret as _, SecretString};

use super::args::SecretArgs;
use super::assemble::{self, Location, SecretSource};
use super::exit::Stopped;

mod oauth;

pub use oauth::{Asking, Brokers};

/// Longest password or token that is read, in octets.
const SECRET_OCTETS_MAX: u64 = 64 * 1024;

/// Where one side's secret shall come from.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// `--…-password-file`; `-` is standard input.
    pub password_file: Option<PathBuf>,
    /// `--…-token-file`.
    pub token_file: Option<PathBuf>,
    /// `--…-oauth`.
    pub oauth_file: Option<PathBuf>,
}

impl Wish {
    /// The source's and the destination's.
    pub fn both(secrets: &SecretArgs) -> (Self, Self) {
        let source = Self {
            password_file: secrets.from_password_file.clone(),
            token_file: secrets.from_token_file.clone(),
            oauth_file: secrets.from_oauth.clone(),
        };
        let destination = Self {
            password_file: secrets.to_password_file.clone(),
            token_file: secrets.to_token_file.clone(),
            oauth_file: secrets.to_oauth.clone(),
        };
        (source, destination)
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

/// Finds the secret of the mailbox at `location`.
pub fn find(
    side: Side,
    wish: &Wish,
    location: &Location,
    around: &Surroundings<'_>,
    brokers: &Brokers,
) -> Result<Arc<dyn SecretSource>, Stopped> {
    if let Some(file) = &wish.oauth_file {
        return brokers.open(side, file, location);
    }
    if let Some(found) = without_prompt(side, wish, around)? {
        return Ok(found);
    }
    let word = option_word(side);
    match (around.ask)(&format!("Password of {}: ", assemble::identity(location))) {
        Some(Ok(secret)) if !secret.expose_secret().is_empty() => Ok(Arc::new(Password(secret))),
        Some(Ok(_)) => Err(Stopped::usage(format!("the password of the {} is empty", side.as_str()))),
        Some(Err(cause)) => {
            Err(Stopped::usage(format!("asking for the password of the {}: {cause}", side.as_str())))
        }
        None => Err(Stopped::usage(format!(
            "no password for the {}: give --{word}-password-file FILE (- reads standard input), \
             --{word}-token-file FILE or --{word}-oauth FILE, set MALOTE_{}_PASSWORD, or run on a terminal to be asked",
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
        check_token_file(path).map_err(Stopped::usage)?;
        let grant = Grant::File(path.clone());
        return Ok(Some(Arc::new(Broker::new(side, grant, Vec::new(), Patience::default()))));
    }
    if wish.is_standard_input() {
        let octets = (around.standard_input)()
            .map_err(|cause| Stopped::usage(format!("reading the password from standard input: {cause}")))?;
        return Ok(Some(Arc::new(Password(one_line(octets, "standard input")?))));
    }
    if let Some(path) = &wish.password_file {
        return Ok(Some(Arc::new(Password(read_secret(path).map_err(Stopped::usage)?))));
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

/// A token that is known already and cannot be renewed.
pub fn known_token(secret: SecretString) -> Arc<dyn SecretSource> {
    Arc::new(Token(secret))
}

fn option_word(side: Side) -> &'static str {
    if side == Side::Destination { "to" } else { "from" }
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

#[async_trait]
impl SecretSource for Password {
    async fn secret(&self) -> malote_engine::failure::Result<SecretString> {
        Ok(self.0.clone())
    }
}

struct Token(SecretString);

#[async_trait]
impl SecretSource for Token {
    async fn secret(&self) -> malote_engine::failure::Result<SecretString> {
        Ok(self.0.clone())
    }

    fn is_token(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use malote_engine::failure::Class;

    use super::super::args::TrustArgs;
    use super::*;

    const HIDDEN: &str = "hunter2 ";

    fn around<'a>(
        variable: &'a dyn Fn(&str) -> Option<OsString>,
        ask: &'a dyn Fn(&str) -> Option<std::io::Result<SecretString>>,
    ) -> Surroundings<'a> {
        Surroundings { variable, ask, standard_input: &|| Ok(b"from-stdin\n".to_vec()) }
    }

    fn shown(found: Result<Arc<dyn SecretSource>, Stopped>) -> Result<String, Stopped> {
        found.map(|source| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(source.secret()).unwrap().expose_secret().to_owned()
        })
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
        let by_file = Wish { password_file: Some(file.clone()), ..Wish::default() };
        let by_input = Wish { password_file: Some("-".into()), ..Wish::default() };
        let token = folder.path().join("t");
        std::fs::write(&token, "a-token\n").unwrap();
        let by_token = Wish { token_file: Some(token), ..Wish::default() };
        let unsaid = Wish::default();
        let place = Location::parse("imaps://a@h", false).unwrap();
        let brokers = Brokers::new(&TrustArgs::default(), Asking::Never).unwrap();
        let source = |wish: &Wish, around: &Surroundings<'_>| {
            shown(find(Side::Source, wish, &place, around, &brokers))
        };
        assert_eq!(source(&by_file, &around(&set, &asked)).unwrap(), HIDDEN);
        assert_eq!(source(&by_token, &around(&set, &asked)).unwrap(), "a-token");
        assert_eq!(source(&by_input, &around(&set, &asked)).unwrap(), "from-stdin");
        assert_eq!(source(&unsaid, &around(&set, &asked)).unwrap(), "from-environment");
        assert_eq!(source(&unsaid, &around(&none, &asked)).unwrap(), "from-prompt");
        assert_eq!(
            shown(find(Side::Destination, &unsaid, &place, &around(&set, &asked), &brokers)).unwrap(),
            "from-prompt"
        );
        let refused = source(&unsaid, &around(&none, &no_terminal)).unwrap_err();
        assert_eq!(refused.exit, super::super::exit::Exit::Usage);
        for way in
            ["--from-password-file", "--from-token-file", "--from-oauth", "MALOTE_FROM_PASSWORD", "terminal"]
        {
            assert!(refused.message.contains(way), "{way}: {}", refused.message);
        }
    }

    #[tokio::test]
    async fn a_token_is_read_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t");
        std::fs::write(&file, "first\n").unwrap();
        let around = around(&|_| None, &|_| None);
        let wish = Wish { token_file: Some(file.clone()), ..Wish::default() };
        let token = without_prompt(Side::Source, &wish, &around).unwrap().unwrap();
        assert_eq!(token.secret().await.unwrap().expose_secret(), "first");
        std::fs::write(&file, "second\n").unwrap();
        assert_eq!(token.secret().await.unwrap().expose_secret(), "second");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(token.secret().await.unwrap_err().class, Class::Usage);
        std::fs::write(&file, "third\n").unwrap();
        assert_eq!(token.secret().await.unwrap().expose_secret(), "third");
    }

    #[test]
    fn standard_input_serves_one_side_and_no_secret_is_shown() {
        let input = Wish { password_file: Some("-".into()), ..Wish::default() };
        assert!(check_standard_input(&input, &input).is_err());
        assert!(check_standard_input(&input, &Wish::default()).is_ok());
        assert_eq!(format!("{:?}", Password(SecretString::from(HIDDEN.to_owned()))), "Password");
        let error = one_line(b"hunter2\nhunter2".to_vec(), "f").unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
