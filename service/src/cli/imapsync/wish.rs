//! What a command line asks for: the options with their values, presets filled in, refusals found.
//! Never asks a server, and never opens a file.

use malote_engine::imap::AuthMethod;

use super::getopt::{self, Given, Spelling, Value};
use super::options::{self, Fate};
use super::perl::{Change, Pattern};
use super::{account, search};

/// An option that cannot be carried out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// As it was written, secrets masked.
    pub option: String,
    /// Why, and how it is done here.
    pub reason: String,
}

/// A command line, understood.
#[derive(Debug, Default)]
pub struct Wish {
    given: Vec<Given>,
    /// What the presets (`--gmail1` and so on) add; the user's own word goes first.
    preset: Vec<Given>,
    /// True for `--explain`, which is Malote's own.
    pub is_explained: bool,
}

impl Wish {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// What is wrong with them, as sentences.
    pub fn read(words: Vec<String>) -> Result<Self, Vec<String>> {
        let (own, words): (Vec<String>, Vec<String>) =
            words.into_iter().partition(|word| word == "--explain");
        if words.windows(2).any(|pair| pair[0].ends_with("-delete") && pair[1] == "2") {
            return Err(vec!["May be you mean --delete2 instead of --delete 2".to_owned()]);
        }
        let spellings: Vec<Spelling> = options::rows().map(|row| row.spelling).collect();
        let line = getopt::read(&spellings, words);
        let mut wrong = line.wrong;
        // GNU parallel puts an empty word where a column is empty.
        if line.extra.first().is_some_and(|first| !first.is_empty()) {
            wrong.push(format!(
                "Found {} extra arguments : [{}]; it usually means a quoting issue or a misspelt option",
                line.extra.len(),
                line.extra.join(" ")
            ));
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let mut wish = Self { given: line.given, preset: Vec::new(), is_explained: !own.is_empty() };
        wish.fill_presets();
        Ok(wish)
    }

    /// Takes a text that came another way than by the command line, unless that has one of its own.
    pub fn take(&mut self, name: &'static str, text: String) {
        if self.text(name).is_none() {
            self.given.push(Given { name, value: Value::Text(text) });
        }
    }

    /// What was given, in its order.
    pub fn given(&self) -> &[Given] {
        &self.given
    }

    fn values(&self, name: &str) -> Vec<&Value> {
        debug_assert!(options::rows().any(|row| row.spelling.name() == name), "{name} is no option");
        let given = self.preset.iter().chain(&self.given).filter(|given| given.name == name);
        given.map(|given| &given.value).collect()
    }

    /// The last text of an option.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).pop()
    }

    /// Every text of an option.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        self.values(name)
            .into_iter()
            .filter_map(|value| match value {
                Value::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Every pair of an option.
    pub fn pairs(&self, name: &str) -> Vec<(&str, &str)> {
        self.values(name)
            .into_iter()
            .filter_map(|value| match value {
                Value::Pair(key, text) => Some((key.as_str(), text.as_str())),
                _ => None,
            })
            .collect()
    }

    /// The last whole number of an option.
    pub fn whole(&self, name: &str) -> Option<i64> {
        let whole = |value: &&Value| if let Value::Whole(number) = value { Some(*number) } else { None };
        self.values(name).iter().rev().find_map(whole)
    }

    /// The last number of an option.
    pub fn real(&self, name: &str) -> Option<f64> {
        let real = |value: &&Value| if let Value::Real(number) = value { Some(*number) } else { None };
        self.values(name).iter().rev().find_map(real)
    }

    /// Whether an option was last switched on or off; nothing where it was not given.
    pub fn switch(&self, name: &str) -> Option<bool> {
        self.values(name).pop().map(|value| *value != Value::Off)
    }

    /// True where an option is switched on.
    pub fn is_on(&self, name: &str) -> bool {
        self.switch(name) == Some(true)
    }

    /// A text with the blanks around it taken off, as `--sanitize` does by default.
    pub fn trimmed(&self, name: &str) -> Option<&str> {
        let text = self.text(name)?;
        Some(if self.switch("sanitize") == Some(false) { text } else { text.trim_matches(' ') })
    }

    fn fill_presets(&mut self) {
        let mut add = |name: &'static str, value: Value| self.preset.push(Given { name, value });
        let is_given = |name: &str| self.given.iter().any(|given| given.name == name);
        let text = |text: &str| Value::Text(text.to_owned());
        for (preset, host, ssl, name) in [
            ("gmail1", "host1", "ssl1", "imap.gmail.com"),
            ("gmail2", "host2", "ssl2", "imap.gmail.com"),
            ("office1", "host1", "ssl1", "outlook.office365.com"),
            ("office2", "host2", "ssl2", "outlook.office365.com"),
        ] {
            if is_given(preset) {
                add(host, text(name));
                add(ssl, Value::On);
            }
        }
        let (gmail1, gmail2) = (is_given("gmail1"), is_given("gmail2"));
        if gmail1 || gmail2 {
            add("automap", Value::On);
        }
        if gmail1 && gmail2 {
            add("exclude", text(r"\[Gmail\]$"));
        } else if gmail1 || gmail2 {
            add("regextrans2", text(r"s,\[Gmail\].,,"));
        }
        if gmail2 && !gmail1 {
            if !is_given("noexclude") {
                add("exclude", text(r"\[Gmail\]$"));
            }
            for change in [r"s,^ +| +$,,g", r"s,/ +| +/,/,g", r#"s/['\\^"]/_/g"#] {
                add("regextrans2", text(change));
            }
        }
        if is_given("office1") && !is_given("noexclude") {
            add("exclude", text("^Files$"));
        }
        if is_given("office2") && !is_given("nof1f2") {
            add("f1f2", text("Files=Files_renamed_by_imapsync"));
        }
        if is_given("domino1") {
            add("sep1", text("\\"));
            add("prefix1", text(""));
        }
        if is_given("domino2") {
            add("sep2", text("\\"));
            add("prefix2", text(""));
            add("regextrans2", text(r"s,^Inbox\\(.*),$1,i"));
        }
    }

    /// Everything that cannot be carried out.
    pub fn refusals(&self) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        for given in &self.given {
            let fate = options::row_of(given).fate_of(&given.value);
            let reason = match fate {
                Fate::Refused(reason) => Some(reason.to_owned()),
                Fate::Translated(_) | Fate::Automatic(_) => self.value_refused(given),
            };
            refusals.extend(reason.map(|reason| Refusal { option: options::written(given), reason }));
        }
        let overrun = self.whole("minsize").zip(self.whole("maxsize")).is_some_and(|(min, max)| min >= max);
        if overrun {
            refusals.push(Refusal {
                option: "--minsize with --maxsize".to_owned(),
                reason: "no message is larger than the one and smaller than the other".to_owned(),
            });
        }
        if self.real("minage").zip(self.real("maxage")).is_some_and(|(min, max)| min > max) {
            refusals.push(Refusal {
                option: "--minage above --maxage".to_owned(),
                reason: "leaving out the middle takes two runs: one with --maxage, one with --minage"
                    .to_owned(),
            });
        }
        refusals
    }

    /// Why the value of an option that is otherwise carried out cannot be.
    fn value_refused(&self, given: &Given) -> Option<String> {
        let below_one = |least: f64, number: f64| {
            (number < least).then(|| format!("{number} is too little: {least} is the least"))
        };
        match (given.name, &given.value) {
            ("regextrans2", Value::Text(text)) => Change::read(text).err(),
            ("include" | "exclude", Value::Text(text)) => Pattern::read(text).err(),
            ("authmech1" | "authmech2", Value::Text(text)) => match account::method(text) {
                Ok(AuthMethod::XOauth2) => {
                    let token = given.name.replace("authmech", "oauthaccesstoken");
                    let why =
                        || format!("a service account's key is not read here; give a token with --{token}");
                    self.text(&token).is_none().then(why)
                }
                method => method.err(),
            },
            ("sslargs1" | "sslargs2", Value::Pair(key, value)) => account::ssl_refused(key, value),
            ("ssl1_ssl_version" | "ssl2_ssl_version", Value::Text(text)) => {
                account::ssl_refused("SSL_version", text)
            }
            ("search" | "search1", Value::Text(text)) => search::read(text).err(),
            ("f1f2", Value::Text(text)) if !text.contains('=') => Some("write FOLDER1=FOLDER2".to_owned()),
            ("maxmessagespersecond", Value::Real(number)) if *number != 0.0 => below_one(1.0, *number),
            ("maxsize", Value::Whole(number)) => below_one(1.0, *number as f64),
            ("minsize" | "maxbytespersecond" | "exitwhenover", Value::Whole(number)) => {
                below_one(0.0, *number as f64)
            }
            ("maxage" | "minage" | "timeout" | "timeout1" | "timeout2", Value::Real(number)) => {
                below_one(0.0, *number)
            }
            ("port1" | "port2", Value::Whole(number)) => {
                u16::try_from(*number).is_err().then(|| "a port is a number from 1 to 65535".to_owned())
            }
            ("sep1" | "sep2", Value::Text(text)) => {
                (text.chars().count() != 1).then(|| "a separator is one character".to_owned())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(words: &[&str]) -> Wish {
        Wish::read(words.iter().map(ToString::to_string).collect())
            .unwrap_or_else(|wrong| panic!("{wrong:?}"))
    }

    #[test]
    fn the_users_word_goes_before_a_presets() {
        let one = wish(&["--gmail1", "--host1", "mine", "--nossl1"]);
        assert_eq!(
            (one.text("host1"), one.switch("ssl1"), one.is_on("automap")),
            (Some("mine"), Some(false), true)
        );
        let two = wish(&["--gmail2", "--office1"]);
        assert_eq!((two.text("host2"), two.texts("exclude").len()), (Some("imap.gmail.com"), 2));
        assert_eq!(two.texts("regextrans2").len(), 4);
        assert_eq!(wish(&["--gmail1", "--gmail2"]).texts("regextrans2").len(), 0);
        assert_eq!(wish(&["--office2", "--nof1f2"]).texts("f1f2").len(), 0);
        for change in two.texts("regextrans2") {
            assert!(Change::read(change).is_ok(), "{change}");
        }
    }

    #[test]
    fn the_last_word_counts_and_lists_gather() {
        let one =
            wish(&["--user1", "a", "--user1", " b ", "--folder", "x", "--folder=y", "--dry", "--nodry"]);
        assert_eq!((one.text("user1"), one.trimmed("user1")), (Some(" b "), Some("b")));
        assert_eq!((one.texts("folder"), one.is_on("dry")), (vec!["x", "y"], false));
        assert_eq!(wish(&["--nosanitize", "--user1", " b "]).trimmed("user1"), Some(" b "));
    }

    #[test]
    fn refusals_name_the_option_and_the_reason() {
        for (words, option, word) in [
            (&["--delete1"][..], "--delete", "source is never written"),
            (&["--delete"], "--delete", "source is never written"),
            (&["--regexmess", "s/a/b/"], "--regexmess s/a/b/", "quarantine"),
            (&["--regextrans2", "s/a/b/e"], "--regextrans2 s/a/b/e", "modifier e"),
            (&["--exclude", "("], "--exclude '('", "parenthes"),
            (&["--authmech1", "NTLM"], "--authmech1 NTLM", "not spoken"),
            (&["--sslargs2", "SSL_verify_mode=0"], "--sslargs2 SSL_verify_mode=0", "pin"),
            (&["--search", "UNSEEN"], "--search UNSEEN", "UNSEEN"),
            (&["--nosyncinternaldates"], "--nosyncinternaldates", "always kept"),
            (&["--minage", "9", "--maxage", "3"], "--minage above --maxage", "two runs"),
            (&["--maxmessagespersecond", "0.5"], "--maxmessagespersecond 0.5", "too little"),
            (&["--port1", "99999"], "--port1 99999", "65535"),
        ] {
            let refusals = wish(words).refusals();
            assert_eq!(refusals.len(), 1, "{words:?}: {refusals:?}");
            assert_eq!(refusals[0].option, option);
            assert!(refusals[0].reason.contains(word), "{refusals:?}");
        }
        for words in
            [&["--nodelete1"][..], &["--delete2", "--uidexpunge2"], &["--noexpunge1", "--resyncflags"]]
        {
            assert_eq!(wish(words).refusals(), [], "{words:?}");
        }
    }

    #[test]
    fn a_wrong_line_is_told() {
        for (words, word) in [
            (&["--delete", "2"][..], "--delete2"),
            (&["--hsot1", "x"], "Unknown option"),
            (&["--host1", "x", "y"], "extra arguments"),
        ] {
            let wrong = Wish::read(words.iter().map(ToString::to_string).collect()).unwrap_err();
            assert!(wrong.join(" ").contains(word), "{wrong:?}");
        }
        assert!(wish(&["--host1", "x", ""]).refusals().is_empty());
    }
}
