//! Names as two servers list them, options as people write them, and what imapsync would make of both.

use malote_engine::plan::folder::{Role, WireName};
use malote_engine::plan::promise::Promises;

use super::*;

fn survey(prefix: &str, delimiter: char, names: &[&str]) -> Survey {
    let naming =
        Naming { delimiter: Some(delimiter), prefix: prefix.to_owned(), is_utf8: false, ignores_case: false };
    let folder = |name: &&str| Folder {
        path: folder_name::decode(name.as_bytes(), Some(delimiter), &naming),
        wire: WireName(name.as_bytes().to_vec()),
        delimiter: Some(delimiter),
        is_selectable: true,
        may_have_children: true,
        is_subscribed: name.contains('s'),
        special_use: (*name == "Sent").then_some(Role::Sent),
        namespace: if name.starts_with("Shared") { NamespaceKind::Shared } else { NamespaceKind::Personal },
        status: None,
    };
    Survey {
        server: String::new(),
        profile: std::sync::Arc::default(),
        promises: Promises::default(),
        folders: names.iter().map(folder).collect(),
        naming,
        dangling_subscriptions: Vec::new(),
        warnings: Vec::new(),
    }
}

fn plain() -> Survey {
    survey("", '/', &["INBOX", "Sent Items", "Work", "Work/2024.Q1", "R&AOk-", "[Gmail]/Spam", "Shared/x"])
}

fn chosen(words: &[&str], source: &Survey, destination: &Survey) -> Result<Chosen, Unchosen> {
    let wish = Wish::read(words.iter().map(ToString::to_string).collect()).unwrap();
    choose(&wish, source, destination, &Recorded::new())
}

fn check(words: &[&str], destination: &Survey, expected: &[(&str, &str)]) {
    let chosen = chosen(words, &plain(), destination).unwrap_or_else(|wrong| panic!("{words:?}: {wrong:?}"));
    let names: Vec<(&str, &str)> =
        chosen.taken.iter().map(|taken| (taken.name1.as_str(), taken.name2.as_str())).collect();
    assert_eq!(names, expected, "{words:?}");
}

#[test]
fn folders_are_chosen_as_imapsync_chooses_them() {
    let to = survey("", '/', &["INBOX"]);
    let own = |names: &[&'static str]| names.iter().map(|name| (*name, *name)).collect::<Vec<_>>();
    check(&[], &to, &own(&["INBOX", "R&AOk-", "Sent Items", "Work", "Work/2024.Q1", "[Gmail]/Spam"]));
    check(&["--folder", "Work"], &to, &own(&["Work"]));
    check(&["--folder", "Ré", "--folder", "Nope"], &to, &own(&["R&AOk-"]));
    check(&["--folderrec", "Work"], &to, &own(&["Work", "Work/2024.Q1"]));
    check(&["--folderrec", "Ré"], &to, &own(&["R&AOk-"]));
    check(&["--subscribed", "--exclude", "Sh"], &to, &own(&["Sent Items"]));
    check(&["--include", "^Work|Spam"], &to, &own(&["Work", "Work/2024.Q1", "[Gmail]/Spam"]));
    check(&["--include", "Shared"], &to, &own(&["Shared/x"]));
    check(
        &["--exclude", "(?i)spam", "--exclude", "é", "--exclude", "^INBOX$"],
        &to,
        &own(&["Sent Items", "Work", "Work/2024.Q1"]),
    );
    check(&["--folder", "Work", "--include", "INBOX", "--exclude", "Work"], &to, &own(&["INBOX"]));
}

#[test]
fn names_are_changed_as_imapsync_changes_them() {
    let dots = survey("INBOX.", '.', &["INBOX", "INBOX.Sent"]);
    let only = ["--folder", "INBOX", "--folder", "Work/2024.Q1"];
    let with = |more: &[&'static str]| only.iter().chain(more).copied().collect::<Vec<_>>();
    check(&with(&[]), &dots, &[("INBOX", "INBOX"), ("Work/2024.Q1", "INBOX.Work.2024_Q1")]);
    check(&with(&["--nofixslash2"]), &dots, &[("INBOX", "INBOX"), ("Work/2024.Q1", "INBOX.Work.2024/Q1")]);
    check(&with(&["--prefix2", ""]), &dots, &[("INBOX", "INBOX"), ("Work/2024.Q1", "Work.2024_Q1")]);
    check(
        &with(&["--subfolder2", "Old"]),
        &dots,
        &[("INBOX", "INBOX.Old.INBOX"), ("Work/2024.Q1", "INBOX.Old.Work.2024_Q1")],
    );
    check(
        &with(&["--subfolder2", "INBOX.Old"]),
        &dots,
        &[("INBOX", "INBOX.Old.INBOX"), ("Work/2024.Q1", "INBOX.Old.Work.2024_Q1")],
    );
    let slash = survey("", '/', &["INBOX"]);
    check(
        &with(&["--subfolder2", "Old"]),
        &slash,
        &[("INBOX", "Old/INBOX"), ("Work/2024.Q1", "Old/Work/2024.Q1")],
    );
    check(
        &with(&["--regextrans2", "s,^Work,Job,", "--regextrans2", "tr/./-/"]),
        &slash,
        &[("INBOX", "INBOX"), ("Work/2024.Q1", "Job/2024-Q1")],
    );
    check(
        &with(&["--f1f2", "INBOX=Início", "--regextrans2", "s/.*/X/"]),
        &slash,
        &[("INBOX", "In&AO0-cio"), ("Work/2024.Q1", "X")],
    );
    check(&["--subfolder1", "Work"], &slash, &[("Work", "INBOX"), ("Work/2024.Q1", "2024.Q1")]);
    let missing = chosen(&["--subfolder1", "Nope"], &plain(), &slash).unwrap_err();
    assert_eq!(missing, Unchosen::NoSubfolder("Nope".to_owned()));
}

#[test]
fn roles_count_with_automap_alone() {
    let to = survey("", '/', &["INBOX", "Sent"]);
    check(&["--folder", "Sent Items"], &to, &[("Sent Items", "Sent Items")]);
    check(&["--folder", "Sent Items", "--automap"], &to, &[("Sent Items", "Sent")]);
    check(&["--folder", "Sent Items", "--automap", "--f1f2", "Sent Items=X"], &to, &[("Sent Items", "X")]);
    check(
        &["--folder", "Sent Items", "--automap", "--subfolder2", "Old"],
        &to,
        &[("Sent Items", "Old/Sent Items")],
    );
    check(&["--folder", "Sent Items", "--automap", "--noautomap"], &to, &[("Sent Items", "Sent Items")]);
    check(
        &["--gmail1", "--folder", "[Gmail]/Spam", "--folder", "Sent Items"],
        &to,
        &[("Sent Items", "Sent"), ("[Gmail]/Spam", "Spam")],
    );
}

#[test]
fn a_role_leads_to_the_same_place_in_every_run() {
    let source = survey("", '/', &["Sent", "Sent Items"]);
    let empty = survey("", '/', &["INBOX"]);
    let later = survey("", '/', &["INBOX", "Sent"]);
    let names = |chosen: Chosen| chosen.taken.into_iter().map(|one| one.name2).collect::<Vec<_>>();
    for destination in [&empty, &later] {
        assert_eq!(names(chosen(&["--automap"], &source, destination).unwrap()), ["Sent", "Sent"]);
    }
    let wish = Wish::read(vec!["--automap".to_owned()]).unwrap();
    let old = FolderPath::root("Sent Items");
    let recorded = Recorded::from([(WireName(b"Sent Items".to_vec()), old)]);
    assert_eq!(names(choose(&wish, &source, &later, &recorded).unwrap()), ["Sent", "Sent Items"]);
}

#[test]
fn a_name_leads_to_one_path_and_one_pattern() {
    let dots = survey("INBOX.", '.', &["INBOX"]);
    for (name, expected) in [("INBOX.Work.R&AOk-", "Work/Ré"), ("INBOX", "INBOX"), ("Work.a/b", "Work/a_b")]
    {
        assert_eq!(place(name, &dots.naming), expected);
    }
    let odd = survey("", '/', &["a*b?"]);
    assert_eq!(pattern_of(&odd.folders[0]), r"a\*b\?");
    assert_eq!((shown("R&AOk-"), shown("Work")), ("[R&AOk-] = [Ré]".to_owned(), "[Work]".to_owned()));
}

#[test]
fn names_that_differ_in_case_alone_are_one_folder_only_where_that_is_wanted() {
    let twins = survey("", '/', &["Sent", "SENT"]);
    let to = survey("", '/', &["INBOX"]);
    assert_eq!(chosen(&[], &twins, &to).unwrap().taken.len(), 2);
    assert!(matches!(chosen(&["--nomixfolders"], &twins, &to), Err(Unchosen::Wrong(_))));
}
