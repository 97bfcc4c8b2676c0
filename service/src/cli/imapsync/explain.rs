//! `--explain` and `--help`: what each option becomes, in words.
//! Never runs anything.

use super::account::Account;
#[cfg(test)]
use super::options::Fate;
use super::options::{self, GROUPS};
use super::wish::Wish;
use super::{search, work};
use malote_engine::failure::Side;

/// The names that only a look at both servers' listings can give.
const NAMED_BY_LISTING: [&str; 9] = [
    "include",
    "exclude",
    "subscribed",
    "regextrans2",
    "automap",
    "skipemptyfolders",
    "prefix1",
    "prefix2",
    "gmail1",
];

/// A command line, translated.
pub fn explain(wish: &Wish, now_unix_seconds: i64) -> String {
    let (source, destination) = (Account::read(wish, Side::Source), Account::read(wish, Side::Destination));
    let work = work::arguments(wish, search::bounds(wish, now_unix_seconds));
    let mut text = work::command_line(wish, source.as_ref(), destination.as_ref(), &work);
    text.push('\n');
    let by_listing = NAMED_BY_LISTING.iter().any(|name| wish.switch(name).is_some());
    if by_listing {
        text.push_str(
            "and one --folder and one --map for each folder, as both servers' listings give them: --justfolderlists \
             shows which\n",
        );
    }
    text.push('\n');
    let refusals = wish.refusals();
    for given in wish.given() {
        let written = options::written(given);
        let fate = options::row_of(given).fate_of(&given.value);
        let refused = refusals.iter().find(|refusal| refusal.option == written);
        let (word, why) = match refused {
            Some(refusal) => ("refused", refusal.reason.as_str()),
            None => (fate.word(), fate.text()),
        };
        text.push_str(&format!("{written}\n    {word}: {why}\n"));
    }
    let spoken: Vec<String> = wish.given().iter().map(options::written).collect();
    for refusal in refusals.iter().filter(|refusal| !spoken.contains(&refusal.option)) {
        text.push_str(&format!("{}\n    refused: {}\n", refusal.option, refusal.reason));
    }
    text
}

/// All options, one a line: its specification as Getopt::Long has it, its fate, and what it becomes or why.
pub fn help() -> String {
    let mut text = String::from(
        "malote imapsync [options]: imapsync's command line, carried out by Malote\n\n\
         --explain                shows what a command line becomes, and does nothing\n",
    );
    for (heading, rows) in GROUPS {
        text.push_str(&format!("\n{heading}\n"));
        for row in rows {
            let written = format!("--{}{}", row.spelling.names, row.spelling.takes.suffix());
            text.push_str(&format!("{written:<32} {:<10} {}\n", row.fate.word(), row.fate.text()));
            if let Some(off) = row.off {
                let written = format!("--no{}", row.spelling.name());
                text.push_str(&format!("{written:<32} {:<10} {}\n", off.word(), off.text()));
            }
        }
    }
    text
}

/// The table of the documentation.
#[cfg(test)]
fn table() -> String {
    let mut text = String::new();
    for (heading, rows) in GROUPS {
        text.push_str(&format!("\n### {heading}\n\n| option | fate | to what, or why |\n|---|---|---|\n"));
        let mut line = |written: &str, fate: Fate| {
            let cell = fate.text().replace('|', "\\|");
            text.push_str(&format!("| `{}` | {} | {cell} |\n", written.replace('|', "\\|"), fate.word()));
        };
        for row in rows {
            line(&format!("--{}{}", row.spelling.names, row.spelling.takes.suffix()), row.fate);
            if let Some(off) = row.off {
                line(&format!("--no{}", row.spelling.name()), off);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_holds_the_table_as_it_is() {
        let document = include_str!("../../../../docs/imapsync.md");
        for line in table().lines() {
            assert!(document.lines().any(|told| told == line), "docs/imapsync.md lacks this line:\n{line}");
        }
        let rows = document.lines().filter(|line| line.starts_with("| `--")).count();
        assert_eq!(
            rows,
            table().lines().filter(|line| line.starts_with("| `--")).count(),
            "rows that are no more"
        );
    }

    #[test]
    fn a_command_line_is_explained() {
        let words = "--host1 old.example --user1 ana --password1 hunter2 --host2 new.example --user2 ana --passfile2 p \
                     --tls2 --folder INBOX --subfolder2 Old --maxage 1 --delete2 --delete1 --addheader";
        let wish = Wish::read(words.split_whitespace().map(str::to_owned).collect()).unwrap();
        let text = explain(&wish, 1_700_000_000);
        let first = text.lines().next().unwrap_or_default();
        assert_eq!(
            first,
            "malote copy --from imaps://ana@old.example --to imap://ana@new.example --to-password-file p \
             --folder INBOX --into Old --since 2023-11-13T22:13:20Z --on-clash merge --mirror-deletes --delete-limit 10"
        );
        for expected in
            ["--password1 MASKED\n    translated", "--addheader\n    automatic", "--delete\n    refused"]
        {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        assert!(!text.contains("hunter2"));
    }
}
