//! `malote imapsync`, and `malote` called by the name `imapsync`: imapsync 2.229's command line, carried out.
//! Never copies a message itself: options become those of an ordinary run, and its report becomes imapsync's lines.

mod account;
mod ending;
mod explain;
mod folders;
mod getopt;
mod journal;
mod login;
mod machine;
mod options;
mod perl;
mod pid_file;
mod run;
mod search;
mod sizes;
mod statistics;
mod sync;
mod wish;
mod work;

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use getopt::{Given, Value};
use jiff::Zoned;

use super::args::OutputArgs;
use super::output;
use super::progress::Screen;
use ending::Code;
use journal::Journal;
use wish::Wish;

/// The version whose command line this is.
const VERSION: &str = "2.229";

/// The name that is as good as the command.
const NAME: &str = "imapsync";

/// Secrets that may stand on the command line, and the variables that carry them instead.
const SECRETS: [(&str, &str); 4] = [
    ("password1", "IMAPSYNC_PASSWORD1"),
    ("password2", "IMAPSYNC_PASSWORD2"),
    ("oauthaccesstoken1", "IMAPSYNC_OAUTHACCESSTOKEN1"),
    ("oauthaccesstoken2", "IMAPSYNC_OAUTHACCESSTOKEN2"),
];

/// The words after `imapsync`, where that is what was called.
pub fn asked_for(arguments: &[OsString]) -> Option<&[OsString]> {
    let (program, words) = arguments.split_first()?;
    if Path::new(program).file_name().is_some_and(|name| name == NAME) {
        return Some(words);
    }
    words.split_first().filter(|(command, _)| *command == NAME).map(|(_, words)| words)
}

/// Carries a command line out and gives imapsync's exit status.
pub fn main(words: &[OsString]) -> ExitCode {
    let code = std::panic::catch_unwind(|| outcome(words)).unwrap_or_else(|_| {
        output::tell("malote: an internal error, which is a bug: please report it with the lines above");
        Code::Software
    });
    ExitCode::from(code.number())
}

fn outcome(words: &[OsString]) -> Code {
    let Some(words) =
        words.iter().map(|word| word.clone().into_string().ok()).collect::<Option<Vec<String>>>()
    else {
        output::tell("malote imapsync: a word of the command line is not UTF-8");
        return Code::Usage;
    };
    let is_bare = words.is_empty();
    let mut wish = match Wish::read(words) {
        Ok(wish) => wish,
        Err(wrong) => {
            wrong.iter().for_each(|sentence| output::tell(&super::render::clean(sentence)));
            return Code::Usage;
        }
    };
    if wish.is_on("version") {
        return said(&format!("{VERSION}\n"));
    }
    if is_bare || wish.is_on("help") || wish.is_on("justbanner") {
        return said(&explain::help());
    }
    if wish.is_explained {
        let told = said(&explain::explain(&wish, jiff::Timestamp::now().as_second()));
        return if wish.refusals().is_empty() { told } else { Code::Usage };
    }
    let refusals = wish.refusals();
    if !refusals.is_empty() {
        for refusal in &refusals {
            output::tell(&format!("{} is refused: {}", refusal.option, refusal.reason));
        }
        output::tell("nothing was done; malote imapsync --explain with the same options tells more");
        return Code::Usage;
    }
    hide_secrets(&wish);
    // Passwords are read from there where they are needed; a token decides how the login goes.
    for (option, variable) in &SECRETS[2..] {
        if let Some(token) = std::env::var(variable).ok().filter(|token| !token.is_empty()) {
            wish.take(option, token);
        }
    }
    started(&wish)
}

fn said(text: &str) -> Code {
    if output::print(text).is_ok() { Code::Ok } else { Code::WithErrors }
}

fn started(wish: &Wish) -> Code {
    let _screen = Screen::open(&OutputArgs {
        verbose: wish.is_on("debug"),
        quiet: !wish.is_on("debug"),
        ..OutputArgs::default()
    });
    let journal = match Journal::open(wish, &Zoned::now()) {
        Ok(journal) => journal,
        Err(sentence) => {
            output::tell(&sentence);
            return Code::NoInput;
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(run::run(wish, &journal)),
        Err(cause) => {
            output::tell(&format!("starting threads: {cause}"));
            Code::Software
        }
    }
}

/// Starts the process anew without the passwords of its command line, which every user of the machine may read; the
/// environment, where they go, is its owner's alone. Where it cannot be started anew, it goes on as it is.
fn hide_secrets(wish: &Wish) {
    let is_shown = |option: &str| wish.text(option).is_some_and(|text| is_secret(option, text));
    let shown: Vec<_> = SECRETS.iter().filter(|(option, _)| is_shown(option)).collect();
    if shown.is_empty() {
        return;
    }
    for (option, _) in &shown {
        output::tell(&format!(
            "malote: warning: --{option} on the command line can be read by every user of this machine; \
             give a file instead: --passfile1, --passfile2, or the file of a token"
        ));
    }
    let own = std::env::args_os().next().unwrap_or_else(|| NAME.into());
    let is_called_so = Path::new(&own).file_name().is_some_and(|name| name == NAME);
    let mut command = Command::new("/proc/self/exe");
    command.arg0(&own);
    if !is_called_so {
        command.arg(NAME);
    }
    let stays = |given: &&Given| !matches!(&given.value, Value::Text(text) if is_secret(given.name, text));
    command.args(wish.given().iter().filter(stays).flat_map(words_of));
    for (option, variable) in shown {
        let is_set = std::env::var_os(variable).is_some_and(|value| !value.is_empty());
        if let Some(secret) = wish.text(option).filter(|_| !is_set) {
            command.env(variable, secret);
        }
    }
    let cause = command.exec();
    output::tell(&format!("malote: warning: the password stays in the list of processes: {cause}"));
}

/// True for a password and for a token, but not for the name of the file that holds one.
fn is_secret(option: &str, text: &str) -> bool {
    SECRETS.iter().any(|(secret, _)| *secret == option)
        && !(option.starts_with("oauthaccesstoken") && Path::new(text).is_file())
}

/// An option as words that are read the same again.
fn words_of(given: &Given) -> Vec<String> {
    let name = |prefix: &str| format!("--{prefix}{}", given.name);
    match &given.value {
        Value::On => vec![name("")],
        Value::Off => vec![name("no")],
        Value::Text(text) => vec![name(""), text.clone()],
        Value::Whole(number) => vec![name(""), number.to_string()],
        Value::Real(number) => vec![name(""), number.to_string()],
        Value::Pair(key, text) => vec![name(""), format!("{key}={text}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_called_by_command_or_by_name() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        for (line, expected) in [
            (&["/usr/bin/imapsync", "--dry"][..], Some(1)),
            (&["malote", "imapsync", "--dry", "x"], Some(2)),
            (&["malote", "copy", "imapsync"], None),
            (&["malote"], None),
            (&[], None),
        ] {
            assert_eq!(asked_for(&words(line)).map(<[OsString]>::len), expected, "{line:?}");
        }
    }

    #[test]
    fn words_are_read_the_same_again() {
        let line = "--host1 h --nossl1 --maxage 0.5 --maxsize 45_000 --sslargs1 SSL_version=TLSv1_2 --dry \
                    --exclude=^a$";
        let wish = Wish::read(line.split_whitespace().map(str::to_owned).collect()).unwrap();
        let again = Wish::read(wish.given().iter().flat_map(words_of).collect()).unwrap();
        assert_eq!(wish.given(), again.given());
    }
}
