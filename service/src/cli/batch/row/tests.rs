//! What rows come to.

use clap::Parser as _;
use secrecy::ExposeSecret as _;

use super::super::super::args::{Cli, Command};
use super::super::super::secret::Asking;
use super::*;

fn args(options: &str) -> BatchArgs {
    let line = format!("malote batch f.csv --state-dir /s {options}");
    let Command::Batch(args) = Cli::try_parse_from(line.split_whitespace()).unwrap().command else {
        panic!()
    };
    args
}

fn read(options: &str, sheet: &str) -> (Vec<Mailbox>, Vec<Outcome>) {
    let args = args(options);
    let brokers = Brokers::new(&args.work.trust, Asking::Never).unwrap();
    let folder = PathBuf::from("/c");
    let common = Common { args: &args, source_secret: None, destination_secret: None, brokers, folder };
    mailboxes(&Sheet::parse(sheet.as_bytes()).unwrap(), &common)
}

/// The two mailboxes and passwords of a sheet's only row.
fn check(options: &str, sheet: &str, source: &str, destination: &str, passwords: (&str, &str)) {
    let (mailboxes, outcomes) = read(options, sheet);
    assert!(outcomes.is_empty(), "{}", outcomes[0].first_error());
    let pair = &mailboxes[0].pair;
    assert_eq!((pair.identity.source.as_str(), pair.identity.destination.as_str()), (source, destination));
    let shown = |end: &End| {
        let End::Server(endpoint) = end else { panic!("a server was named") };
        let secret = futures_util::FutureExt::now_or_never(endpoint.secret.secret());
        secret.unwrap().unwrap().expose_secret().to_owned()
    };
    assert_eq!((shown(&pair.source).as_str(), shown(&pair.destination).as_str()), passwords);
}

#[test]
fn rows_and_templates_name_two_mailboxes() {
    let templates = "--from imaps://{user}@old.{domain} --to imaps://{local}%40new.org@mail.new.org";
    check(
        "",
        "from,to,from_password,to_password\nimaps://a@h,imaps://b@h,p,q\n",
        "imaps://a@h:993",
        "imaps://b@h:993",
        ("p", "q"),
    );
    check(
        templates,
        "user,password\nana@x.org,p\n",
        "imaps://ana@x.org@old.x.org:993",
        "imaps://ana@new.org@mail.new.org:993",
        ("p", "p"),
    );
    check(
        templates,
        "user,to_user,password,to_password\nana@x.org,\"{user}/b@y\",p,q\n",
        "imaps://ana@x.org@old.x.org:993",
        "imaps://%7Buser%7D%2Fb@new.org@mail.new.org:993",
        ("p", "q"),
    );
    check(
        "--from imaps://admin@old?authzid={user} --to imaps://{user}@new",
        "user,password\nana,p\n",
        "imaps://ana@old:993",
        "imaps://ana@new:993",
        ("p", "p"),
    );
    check(
        "--from imaps://{local}*chefe@old --to imaps://ACME/chefe/{local}@new",
        "user,password\nana@x.org,p\n",
        "imaps://ana*chefe@old:993",
        "imaps://ACME%2Fchefe%2Fana@new:993",
        ("p", "p"),
    );
    check(
        "--from imaps://chefe@old?authzid={user}&auth=proxyauth --to imaps://chefe@new?authzid={local}%40y",
        "user,password\nana@x.org,p\n",
        "imaps://ana@x.org@old:993",
        "imaps://ana@y@new:993",
        ("p", "p"),
    );
    check(
        "",
        "host1;user1;password1;host2;user2;password2\nold;ana@x;p;new;bia;q\n",
        "imaps://ana@x@old:993",
        "imaps://bia@new:993",
        ("p", "q"),
    );
}

#[test]
fn what_is_wrong_with_a_row_is_told_with_its_line_and_stops_no_other() {
    let sheet = "from,to,from_password,to_password,map\n\
        imaps://a@h,imaps://b@h,p,q,\n\
        imaps://a@h,,p,q,\n\
        ftp://hunter2:hunter2@h,imaps://b@h,p,q,\n\
        imaps://a@h,imaps://b@h,p,q,\n\
        imaps://c@h,imaps://b@h,,q,\n\
        imaps://c@h,imaps://c@h,p,q,\n\
        imaps://c@h,imaps://d@h,p,q,nothing\n\
        imaps://e@h,imaps://f@h,p,q,A=B|C=D\n";
    let (mailboxes, outcomes) = read("", sheet);
    assert_eq!(mailboxes.iter().map(|mailbox| mailbox.line).collect::<Vec<_>>(), [2, 9]);
    assert_eq!(mailboxes[1].work.selection.map.len(), 2);
    assert!(mailboxes[1].state.starts_with("/s"));
    for (outcome, (line, word)) in outcomes.iter().zip([
        (3, "no cell \"to\""),
        (4, "imaps://"),
        (5, "repeats line 2"),
        (6, "no password for the source"),
        (7, "same mailbox"),
        (8, "SRC=DST"),
    ]) {
        assert_eq!((outcome.line, outcome.exit_code), (line, 2));
        assert!(outcome.first_error().contains(word), "{line}: {}", outcome.first_error());
        let json = serde_json::to_string(outcome).unwrap();
        assert!(!json.contains(":hunter2"), "{json}");
    }
    assert_eq!(outcomes.len(), 6);
}
