//! From imapsync's options to those of `malote copy`: the options that a run takes, and the same as a command line.
//! Never names folders: that takes both servers' listings, and `folders` does it.

use super::super::args::{
    ChangeArgs, ClashArg, DuplicatesArg, FlagsArg, PaceArgs, SelectionArgs, TrustArgs, WorkArgs,
};
use super::account::{Account, Key, Line};
use super::options::quoted;
use super::search::Bounds;
use super::wish::Wish;
use malote_engine::imap::Security;

/// The options of the run, but for folders.
pub fn arguments(wish: &Wish, bounds: Bounds) -> WorkArgs {
    let flags =
        if wish.switch("resyncflags") == Some(false) { FlagsArg::Destination } else { FlagsArg::Merge };
    let on_clash = if wish.switch("mixfolders") == Some(false) { ClashArg::Block } else { ClashArg::Merge };
    let duplicates = if wish.switch("syncduplicates") == Some(false) {
        DuplicatesArg::Collapse
    } else {
        DuplicatesArg::Keep
    };
    let whole =
        |name: &str| wish.whole(name).and_then(|number| u64::try_from(number).ok()).filter(|n| *n > 0);
    WorkArgs {
        // Each side's own wish was followed before any secret was asked for.
        trust: TrustArgs { allow_cleartext: true, ..TrustArgs::default() },
        selection: SelectionArgs {
            since: bounds.since,
            before: bounds.before,
            skip_smaller: bounds.octets_min,
            skip_larger: bounds.octets_max,
            only_folders: wish.is_on("justfolders"),
            ..SelectionArgs::default()
        },
        changes: ChangeArgs {
            duplicates,
            flags,
            on_clash,
            mirror_deletes: wish.is_on("delete2"),
            ..ChangeArgs::default()
        },
        pace: PaceArgs {
            rate_bytes: whole("maxbytespersecond"),
            rate_messages: wish.real("maxmessagespersecond").map(|rate| rate as u64).filter(|rate| *rate > 0),
            ..PaceArgs::default()
        },
        ..WorkArgs::default()
    }
}

/// The same as a command line of Malote's own.
pub fn command_line(
    wish: &Wish,
    source: Option<&Account>,
    destination: Option<&Account>,
    work: &WorkArgs,
) -> String {
    let command = if wish.is_on("dry") || wish.is_on("justfoldersizes") || wish.is_on("justfolderlists") {
        "plan"
    } else {
        "copy"
    };
    let mut words = vec!["malote".to_owned(), command.to_owned()];
    for (account, word) in [(source, "from"), (destination, "to")] {
        let Some(account) = account else { continue };
        words.extend([format!("--{word}"), quoted(&url(account))]);
        match (&account.key, account.token_file()) {
            (Key::Token(_), Some(file)) => {
                words.extend([format!("--{word}-token-file"), quoted(&file.display().to_string())]);
            }
            (Key::Token(_), None) => words.extend([format!("--{word}-token-file"), "FILE".to_owned()]),
            (Key::File(file), _) => {
                words.extend([format!("--{word}-password-file"), quoted(&file.display().to_string())]);
            }
            (Key::Password, _) => {}
        }
        if let Some(file) = &account.ca_file {
            words.extend([format!("--{word}-ca-file"), quoted(&file.display().to_string())]);
        }
        if account.line == Line::Clear && !account.is_loopback() {
            words.push("--allow-cleartext".to_owned());
        }
    }
    let timeouts = [source, destination].into_iter().flatten().filter_map(|account| account.timeout);
    if let Some(seconds) = timeouts.max() {
        words.push(format!("--timeout {seconds}"));
    }
    words.extend(selection(wish, &work.selection));
    if wish.is_on("gmail1") {
        words.push("--gmail-labels folders".to_owned());
    }
    words.extend(changes(&work.changes));
    words.extend(work.pace.rate_bytes.map(|rate| format!("--rate-bytes {rate}")));
    words.extend(work.pace.rate_messages.map(|rate| format!("--rate-messages {rate}")));
    words.join(" ")
}

fn url(account: &Account) -> String {
    let security = match account.line {
        Line::Tls | Line::AsOffered { tries_tls: true } => Security::Tls,
        Line::Clear => Security::Clear,
        Line::StartTls => Security::StartTls,
        Line::AsOffered { tries_tls: false } if account.is_loopback() => Security::Clear,
        Line::AsOffered { tries_tls: false } => Security::StartTls,
    };
    account.location(security).to_string()
}

fn selection(wish: &Wish, selection: &SelectionArgs) -> Vec<String> {
    let mut words = Vec::new();
    for name in wish.texts("folder") {
        words.push(format!("--folder {}", quoted(name)));
    }
    for name in wish.texts("folderrec").iter().chain(wish.text("subfolder1").iter()) {
        words.push(format!("--folder {}", quoted(&format!("{name}/**"))));
    }
    for text in wish.texts("f1f2") {
        words.push(format!("--map {}", quoted(text)));
    }
    for (from, to) in wish.pairs("f1f2h") {
        words.push(format!("--map {}", quoted(&format!("{from}={to}"))));
    }
    words.extend(wish.text("subfolder2").map(|name| format!("--into {}", quoted(name))));
    let day = |seconds: i64| {
        jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
    };
    words.extend(selection.since.map(|since| format!("--since {}", day(since))));
    words.extend(selection.before.map(|before| format!("--before {}", day(before))));
    words.extend(selection.skip_smaller.map(|size| format!("--skip-smaller {size}")));
    words.extend(selection.skip_larger.map(|size| format!("--skip-larger {size}")));
    words.extend(selection.only_folders.then(|| "--only-folders".to_owned()));
    words
}

fn changes(changes: &ChangeArgs) -> Vec<String> {
    let mut words = Vec::new();
    if changes.duplicates == DuplicatesArg::Collapse {
        words.push("--duplicates collapse".to_owned());
    }
    if changes.flags == FlagsArg::Destination {
        words.push("--flags destination".to_owned());
    }
    if changes.on_clash == ClashArg::Merge {
        words.push("--on-clash merge".to_owned());
    }
    if changes.mirror_deletes {
        words.push(format!("--mirror-deletes --delete-limit {}", changes.delete_limit));
    }
    words
}
