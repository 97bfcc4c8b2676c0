//! Scenarios 6 to 15: which folder goes where, under which name, and what happens where it cannot.
//! Never looks into a message: letters are counted, not read.

use std::collections::BTreeSet;

use acceptance::mail::{Mail, Postman};
use acceptance::migration::{Migration, PASSWORD};
use acceptance::play::{assert_only_read, assert_untouched, census, counters, errors, pairs};
use acceptance::reader::Reader;
use acceptance::scripted::{Letter, Script, Scripted, Spelling, When, World};
use acceptance::servers::{Dovecot, DovecotOptions, Layout};
use anyhow::Result;
use malote_engine::policy::OnClash;
use malote_engine::report::{Report, Status};

fn between(source: &Scripted, destination: &Scripted) -> Result<Migration> {
    Migration::between(&source.url("ana"), &destination.url("ana"))
}

/// Puts `count` letters into a folder of a world.
fn fill(world: &World, folder: &str, count: usize) {
    let letter = |number| Letter::simple(&format!("{folder} {number}"));
    let _ = world.folder(folder).holding((0..count).map(letter));
}

/// A server that takes folders for the same whose names differ in case only, and is known to.
fn indifferent_to_case() -> Script {
    Script::new().without("ID").manners(|manners| {
        manners.greeting = "OK The Microsoft Exchange IMAP4 service is ready.".to_owned();
        manners.is_case_insensitive = true;
    })
}

fn maildir() -> Result<Dovecot> {
    Dovecot::start(DovecotOptions { layout: Layout::MaildirPlusPlus, ..DovecotOptions::default() })
}

async fn read(dovecot: &Dovecot) -> Result<Reader> {
    Reader::login(dovecot.port(), "ana", PASSWORD).await
}

/// How many messages each folder of Ana's has; those that hold none are left out unless `with_empty`.
async fn held(dovecot: &Dovecot, with_empty: bool) -> Result<Vec<(String, usize)>> {
    let mut reader = read(dovecot).await?;
    let mut folders = Vec::new();
    for folder in reader.folders().await?.into_iter().filter(|folder| folder.is_selectable) {
        let count = reader.messages(&folder.name).await?.len();
        folders.push((folder.name, count));
    }
    folders.retain(|(_, count)| with_empty || *count > 0);
    folders.sort();
    Ok(folders)
}

fn named(folders: &[(&str, usize)]) -> Vec<(String, usize)> {
    folders.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

/// Checks that a run left nothing over and gives it back.
fn whole(report: Report) -> Report {
    assert_eq!(errors(&report), Vec::<String>::new(), "{:#?}", report.errors);
    assert_eq!((report.status, report.totals.pending), (Status::Success, 0));
    assert!(report.balances());
    report
}

/// Checks that a second run finds everything as the first left it.
async fn settled(migration: &Migration, first: &Report, destination: &Scripted) -> Result<()> {
    let before = census(&destination.world());
    destination.transcript().clear();
    let second = whole(migration.copy().await?);
    let already = first.totals.copied + first.totals.adopted;
    assert_eq!((second.totals.copied, second.totals.adopted, second.totals.already), (0, 0, already));
    let transcript = destination.transcript();
    assert_eq!((transcript.count("CREATE"), transcript.count("APPEND")), (0, 0));
    assert_eq!((pairs(&second), census(&destination.world())), (pairs(first), before));
    Ok(())
}

#[tokio::test]
async fn s06_a_dot_in_a_name_does_not_become_a_level_where_dots_part_levels() -> Result<()> {
    let (source, destination) = (Dovecot::start(DovecotOptions::default())?, maildir()?);
    let mut postman = Postman::new(6);
    let mails: Vec<Mail> = (0..4).map(|_| postman.ordinary()).collect();
    let folders = ["INBOX", "Work/2024.Q1", "Work/2024.Q1", "Work/2024_Q1"];
    read(&source).await?.fill(folders.into_iter().zip(&mails)).await?;
    let migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
    let forecast = migration.plan().await?;
    let changed: Vec<_> = forecast.folders.iter().filter(|folder| folder.renamed).collect();
    assert_eq!(changed.len(), 1, "{forecast:#?}");
    assert_eq!((changed[0].source.as_str(), changed[0].to_copy), ("Work/2024.Q1", 2));
    let first = whole(migration.copy().await?);
    let there = [("INBOX", 1), ("INBOX.Work.2024_Q1", 1), ("INBOX.Work.2024_Q1 (2)", 2)];
    assert_eq!(held(&destination, false).await?, named(&there));
    let planned: Vec<_> =
        forecast.folders.iter().map(|folder| (folder.source.as_str(), folder.destination.as_str())).collect();
    assert!(planned.iter().all(|pair| pairs(&first).contains(pair)), "{planned:?} {:?}", pairs(&first));
    let before = held(&destination, true).await?;
    let second = whole(migration.copy().await?);
    assert_eq!((second.totals.copied, second.totals.adopted, second.totals.already), (0, 0, 4));
    assert_eq!((pairs(&second), held(&destination, true).await?), (pairs(&first), before));
    Ok(())
}

#[tokio::test]
async fn s06_levels_and_prefixes_are_put_on_and_taken_off_again() -> Result<()> {
    let (source, middle, back) = (Script::new().start()?, maildir()?, Script::new().start()?);
    let folders = [("INBOX", 1), ("Work", 1), ("Work/2024", 2), ("Work/2024/Or&AOc-amentos", 3)];
    folders.iter().for_each(|(name, count)| fill(&source.world(), name, *count));
    whole(Migration::between(&source.url("ana"), &middle.url("ana"))?.copy().await?);
    let there =
        [("INBOX", 1), ("INBOX.Work", 1), ("INBOX.Work.2024", 2), ("INBOX.Work.2024.Or&AOc-amentos", 3)];
    assert_eq!(held(&middle, false).await?, named(&there));
    whole(Migration::between(&middle.url("ana"), &back.url("ana"))?.copy().await?);
    assert_eq!(
        census(&back.world()).into_iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>(),
        named(&folders)
    );
    assert_only_read(&source);
    Ok(())
}

#[tokio::test]
async fn s07_a_folder_below_inbox_stays_below_it_and_never_twice() -> Result<()> {
    let source = Script::new().start()?;
    fill(&source.world(), "INBOX", 1);
    fill(&source.world(), "Inbox/Status", 2);
    for (destination, below) in
        [(Dovecot::start(DovecotOptions::default())?, "INBOX/Status"), (maildir()?, "INBOX.Status")]
    {
        let migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
        let report = whole(migration.copy().await?);
        assert_eq!(held(&destination, false).await?, named(&[("INBOX", 1), (below, 2)]));
        assert_eq!(counters(&report, "INBOX/Status").copied, 2);
        assert_eq!(whole(migration.copy().await?).totals.already, 3);
    }
    assert_only_read(&source);
    Ok(())
}

#[tokio::test]
async fn s08_names_that_differ_in_case_alone_block_until_somebody_decides() -> Result<()> {
    for names in [["SENT", "Sent", "sent"], ["Kunden", "KUNDEN", "kunden"]] {
        let (source, destination) = (Script::new().start()?, indifferent_to_case().start()?);
        names.iter().for_each(|name| fill(&source.world(), name, 2));
        let migration = between(&source, &destination)?;
        let forecast = migration.plan().await?;
        assert_eq!(forecast.clashes.len(), 1, "{forecast:#?}");
        assert!(names.iter().all(|name| forecast.clashes[0].contains(&format!("`{name}`"))), "{forecast:?}");
        let report = migration.copy().await?;
        assert_eq!(
            (errors(&report), report.status),
            (vec!["destination decision.needed".to_owned()], Status::Failed)
        );
        assert_untouched(&destination);
        assert_only_read(&source);
    }
    Ok(())
}

#[tokio::test]
async fn s08_a_suffix_keeps_three_folders_apart_and_a_merge_makes_one_of_them() -> Result<()> {
    for names in [["SENT", "Sent", "sent"], ["Kunden", "KUNDEN", "kunden"]] {
        for (on_clash, expected) in [(OnClash::Suffix, vec![0, 2, 2, 2]), (OnClash::Merge, vec![0, 6])] {
            let (source, destination) = (Script::new().start()?, indifferent_to_case().start()?);
            names.iter().for_each(|name| fill(&source.world(), name, 2));
            let mut migration = between(&source, &destination)?;
            migration.policy.on_clash = on_clash;
            let report = whole(migration.copy().await?);
            let mut counts: Vec<_> = census(&destination.world()).iter().map(|(_, count)| *count).collect();
            counts.sort_unstable();
            assert_eq!((counts, report.totals.copied), (expected, 6), "{names:?}");
            settled(&migration, &report, &destination).await?;
            assert_only_read(&source);
        }
    }
    Ok(())
}

#[tokio::test]
async fn s08_names_that_differ_in_case_alone_are_three_folders_where_they_may_be() -> Result<()> {
    for names in [["SENT", "Sent", "sent"], ["KUNDEN", "Kunden", "kunden"]] {
        let (source, destination) = (Script::new().start()?, Script::new().start()?);
        names.iter().for_each(|name| fill(&source.world(), name, 2));
        let migration = between(&source, &destination)?;
        let report = whole(migration.copy().await?);
        let there = [("INBOX", 0), (names[0], 2), (names[1], 2), (names[2], 2)];
        assert_eq!(census(&destination.world()), named(&there));
        settled(&migration, &report, &destination).await?;
    }
    Ok(())
}

#[tokio::test]
async fn s08_a_server_that_hides_its_indifference_to_case_does_not_merge_folders_in_silence() -> Result<()> {
    let destination = Script::new().manners(|manners| manners.is_case_insensitive = true).start()?;
    let source = Script::new().start()?;
    ["Kunden", "KUNDEN"].iter().for_each(|name| fill(&source.world(), name, 2));
    let report = between(&source, &destination)?.copy().await?;
    assert_eq!(
        (errors(&report), report.status),
        (vec!["destination decision.needed".to_owned()], Status::Partial)
    );
    assert_eq!((report.totals.copied, report.totals.pending), (2, 2));
    assert!(report.balances());
    Ok(())
}

#[tokio::test]
async fn s08_nothing_is_removed_by_mirroring_where_folders_were_merged() -> Result<()> {
    let (source, destination) = (Script::new().start()?, indifferent_to_case().start()?);
    ["KUNDEN", "Kunden"].iter().for_each(|name| fill(&source.world(), name, 2));
    let mut migration = between(&source, &destination)?;
    migration.policy.on_clash = OnClash::Merge;
    (migration.policy.mirror_deletes, migration.policy.delete_percent_max) = (true, 100);
    whole(migration.copy().await?);
    source.world().folder("Kunden").remove(1);
    let report = whole(migration.copy().await?);
    assert_eq!((report.totals.deleted, census(&destination.world())[1].1), (0, 4));
    assert!(
        report.warnings.iter().any(|warning| warning.contains("several origins")),
        "{:?}",
        report.warnings
    );
    Ok(())
}

#[tokio::test]
async fn s09_a_role_in_another_language_leads_to_the_folder_of_that_role_with_its_children() -> Result<()> {
    let (source, destination) = (Script::new().start()?, Script::new().start()?);
    fill(&source.world(), "Gesendete Elemente", 2);
    fill(&source.world(), "Gesendete Elemente/Kunden", 3);
    let _ = destination.world().folder("Sent").with_attributes(r"\Sent");
    let migration = between(&source, &destination)?;
    let report = whole(migration.copy().await?);
    assert_eq!(census(&destination.world()), named(&[("INBOX", 0), ("Sent", 2), ("Sent/Kunden", 3)]));
    let sent = report.folders.iter().find(|folder| folder.destination == "Sent");
    assert_eq!(sent.and_then(|folder| folder.role.as_deref()), Some("sent"));
    settled(&migration, &report, &destination).await?;
    assert_only_read(&source);
    Ok(())
}

#[tokio::test]
async fn s09_at_dovecot_the_folders_of_its_roles_take_the_mail() -> Result<()> {
    let (source, destination) = (Script::new().start()?, Dovecot::start(DovecotOptions::default())?);
    let mut reader = read(&destination).await?;
    reader.create("Sent").await?;
    reader.create("Trash").await?;
    for (name, count) in [("Gesendete Elemente", 2), ("Gesendete Elemente/Kunden", 1), ("Lixeira", 1)] {
        fill(&source.world(), name, count);
    }
    whole(Migration::between(&source.url("ana"), &destination.url("ana"))?.copy().await?);
    assert_eq!(held(&destination, false).await?, named(&[("Sent", 2), ("Sent/Kunden", 1), ("Trash", 1)]));
    assert_only_read(&source);
    Ok(())
}

/// Names that have broken clients, with the way a server writes them.
const AWKWARD: [(&str, Spelling); 10] = [
    (r#"a"b"#, Spelling::Quoted),
    (r"back\slash", Spelling::Quoted),
    (r#"lit"er\al"#, Spelling::Literal),
    ("star*", Spelling::Quoted),
    ("per%cent", Spelling::Literal),
    ("{10}", Spelling::Quoted),
    ("blank ", Spelling::Quoted),
    ("two  blanks", Spelling::Literal),
    ("2024", Spelling::Bare),
    ("NIL", Spelling::Bare),
];

fn awkward(source: &Scripted) {
    for (name, spelling) in AWKWARD {
        fill(&source.world(), name, 1);
        let _ = source.world().folder(name).spelled(spelling);
    }
}

#[tokio::test]
async fn s10_awkward_names_are_listed_created_and_opened() -> Result<()> {
    for lacking in ["", "LITERAL+", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE"] {
        let (source, destination) =
            (Script::new().without(lacking).start()?, Script::new().without(lacking).start()?);
        awkward(&source);
        let migration = between(&source, &destination)?;
        let report = whole(migration.copy().await?);
        assert_eq!(census(&destination.world()), census(&source.world()), "{lacking}");
        assert_eq!(report.totals.copied, 10);
        settled(&migration, &report, &destination).await?;
        assert_only_read(&source);
    }
    Ok(())
}

#[tokio::test]
async fn s10_awkward_names_survive_two_real_servers_and_come_as_the_plan_showed_them() -> Result<()> {
    for destination in [Dovecot::start(DovecotOptions::default())?, maildir()?] {
        let source = Script::new().start()?;
        awkward(&source);
        let migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
        let forecast = migration.plan().await?;
        let report = whole(migration.copy().await?);
        assert_eq!(report.totals.copied, 10);
        let counts: Vec<_> = held(&destination, false).await?.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, vec![1; 10]);
        let mut planned: Vec<_> = forecast
            .folders
            .iter()
            .map(|folder| (folder.source.as_str(), folder.destination.as_str()))
            .collect();
        planned.sort_unstable();
        assert_eq!(planned, pairs(&report));
        assert_eq!(whole(migration.copy().await?).totals.already, 10);
    }
    Ok(())
}

#[tokio::test]
async fn s10_a_name_that_one_server_refuses_costs_its_own_mail_and_no_other() -> Result<()> {
    let destination =
        Script::new().manners(|manners| manners.refused_name_characters = "^".to_owned()).start()?;
    let source = Script::new().start()?;
    for (name, count) in [("INBOX", 1), ("Mau^Nome", 2), ("Mau^Nome/Filho", 3), ("Projetos", 4)] {
        fill(&source.world(), name, count);
    }
    let migration = between(&source, &destination)?;
    for copied in [5, 0] {
        let report = migration.copy().await?;
        assert_eq!(errors(&report), ["destination folder.refused"; 2], "{:#?}", report.errors);
        assert!(report.errors[0].message.contains("Mau^Nome"), "{:?}", report.errors);
        assert_eq!(
            (report.status, report.totals.copied, report.totals.pending),
            (Status::Partial, copied, 5)
        );
        assert_eq!(
            (counters(&report, "Mau^Nome").pending, counters(&report, "Mau^Nome/Filho").pending),
            (2, 3)
        );
        assert!(report.balances());
        assert_eq!(census(&destination.world()), named(&[("INBOX", 1), ("Projetos", 4)]));
    }
    assert_only_read(&source);
    Ok(())
}

#[tokio::test]
async fn s11_a_folder_that_only_leads_to_others_is_neither_opened_nor_an_error() -> Result<()> {
    let (source, destination) = (Script::new().start()?, Script::new().start()?);
    let _ = source.world().folder("Clientes").with_attributes(r"\Noselect \HasChildren");
    fill(&source.world(), "Clientes/Norte", 2);
    let _ = source.world().folder("Vazia").with_attributes(r"\NonExistent \Noselect");
    let migration = between(&source, &destination)?;
    let report = whole(migration.copy().await?);
    assert_eq!(pairs(&report), [("Clientes/Norte", "Clientes/Norte"), ("INBOX", "INBOX")]);
    assert_eq!(census(&destination.world()), named(&[("Clientes/Norte", 2), ("INBOX", 0)]));
    let heard = source.transcript().entries();
    let opened: BTreeSet<_> = heard.iter().filter_map(|entry| entry.line.strip_prefix("EXAMINE ")).collect();
    let opened: Vec<_> = opened.iter().map(|name| name.trim_matches('"')).collect();
    assert_eq!(opened, ["Clientes/Norte", "INBOX"]);
    let dovecot = Dovecot::start(DovecotOptions::default())?;
    whole(Migration::between(&source.url("ana"), &dovecot.url("ana"))?.copy().await?);
    assert_eq!(held(&dovecot, false).await?, named(&[("Clientes/Norte", 2)]));
    assert_only_read(&source);
    Ok(())
}

/// A server on which Ana sees a colleague's folder and two shared ones.
fn with_namespaces() -> Result<Scripted> {
    let namespace = r#"(("" "/")) (("Other Users/" "/")) (("Shared/" "/"))"#;
    let source = Script::new().manners(|manners| manners.namespace = Some(namespace.to_owned())).start()?;
    for (name, count) in [
        ("INBOX", 1),
        ("Projetos", 2),
        ("Other Users/bia/Sent", 3),
        ("Shared/Projetos", 4),
        ("Shared/Empresa", 5),
    ] {
        fill(&source.world(), name, count);
    }
    Ok(source)
}

#[tokio::test]
async fn s12_only_the_users_own_folders_are_copied_and_the_others_are_named_with_their_counts() -> Result<()>
{
    let (source, destination) = (with_namespaces()?, Script::new().start()?);
    let migration = between(&source, &destination)?;
    let report = whole(migration.copy().await?);
    assert_eq!(census(&destination.world()), named(&[("INBOX", 1), ("Projetos", 2)]));
    for words in [
        ["Other Users/bia/Sent", "3 messages"],
        ["Shared/Projetos", "4 messages"],
        ["Shared/Empresa", "5 messages"],
    ] {
        let is_told = |warning: &String| words.iter().all(|word| warning.contains(word));
        assert!(report.warnings.iter().any(is_told), "{words:?} {:?}", report.warnings);
    }
    assert_eq!(migration.plan().await?.left_out.len(), 3);
    assert_only_read(&source);
    Ok(())
}

#[tokio::test]
async fn s12_a_namespace_is_copied_when_a_pattern_asks_for_it() -> Result<()> {
    let (source, destination) = (with_namespaces()?, Script::new().start()?);
    let mut migration = between(&source, &destination)?;
    migration.policy.folders = vec!["Shared/**".to_owned()];
    let report = whole(migration.copy().await?);
    assert_eq!(report.totals.copied, 9);
    let there = [("INBOX", 0), ("Shared/Empresa", 5), ("Shared/Projetos", 4)];
    assert_eq!(census(&destination.world()), named(&there));
    settled(&migration, &report, &destination).await?;
    assert_only_read(&source);
    Ok(())
}

#[tokio::test]
async fn s13_a_folder_without_mail_and_one_whose_mail_is_filtered_out_are_both_created() -> Result<()> {
    let (source, destination) = (Script::new().start()?, Script::new().start()?);
    fill(&source.world(), "Vazia", 0);
    fill(&source.world(), "Antiga", 3);
    let mut migration = between(&source, &destination)?;
    migration.policy.since_unix_seconds = Some(1_700_000_000);
    let report = whole(migration.copy().await?);
    assert_eq!(census(&destination.world()), named(&[("Antiga", 0), ("INBOX", 0), ("Vazia", 0)]));
    let (empty, old) = (counters(&report, "Vazia"), counters(&report, "Antiga"));
    assert_eq!((empty.source_messages, empty.filtered), (0, 0));
    assert_eq!((old.source_messages, old.filtered, old.copied), (3, 3, 0));
    settled(&migration, &report, &destination).await?;
    assert_only_read(&source);
    Ok(())
}

#[tokio::test]
async fn s14_subscriptions_are_the_sources_and_a_dangling_one_is_told() -> Result<()> {
    for lacking in ["", "LIST-EXTENDED"] {
        let (source, destination) = (Script::new().without(lacking).start()?, Script::new().start()?);
        for (name, is_subscribed) in [("A", true), ("B", false), ("C", true), ("D", false)] {
            fill(&source.world(), name, 1);
            if is_subscribed {
                let _ = source.world().folder(name).subscribed();
            }
        }
        source.world().subscribe_dangling("Sumiu");
        let _ = destination.world().folder("C");
        let migration = between(&source, &destination)?;
        let report = whole(migration.copy().await?);
        assert_eq!(destination.world().subscriptions(), ["A", "C"], "{lacking}");
        assert!(report.warnings.iter().any(|warning| warning.contains("Sumiu")), "{:?}", report.warnings);
        settled(&migration, &report, &destination).await?;
        assert_only_read(&source);
    }
    Ok(())
}

#[tokio::test]
async fn s14_a_refused_subscription_costs_nothing_but_a_warning() -> Result<()> {
    let destination = Script::new().refuse(When::verb("SUBSCRIBE"), "NO not here").start()?;
    let source = Script::new().start()?;
    fill(&source.world(), "A", 2);
    let _ = source.world().folder("A").subscribed();
    let report = whole(between(&source, &destination)?.copy().await?);
    assert_eq!(census(&destination.world()), named(&[("A", 2), ("INBOX", 0)]));
    assert!(report.warnings.iter().any(|warning| warning.contains("not here")), "{:?}", report.warnings);
    Ok(())
}

#[tokio::test]
async fn s15_a_declared_merge_keeps_every_mail_of_both_and_a_second_run_copies_none() -> Result<()> {
    let (source, destination) = (Script::new().start()?, Script::new().start()?);
    for name in ["Old Sent", "Sent"] {
        let _ = source
            .world()
            .folder(name)
            .holding((0..10).map(|number| Letter::simple(&format!("igual {number}"))));
        fill(&source.world(), name, 2);
    }
    let mut migration = between(&source, &destination)?;
    migration.policy.maps = vec![("Old Sent".to_owned(), "Sent".to_owned())];
    let report = whole(migration.copy().await?);
    let sums = |name| counters(&report, name);
    assert_eq!((sums("Old Sent").source_messages, sums("Sent").source_messages), (12, 12));
    let there = sums("Old Sent").copied + sums("Sent").copied;
    assert_eq!(census(&destination.world()), named(&[("INBOX", 0), ("Sent", usize::try_from(there)?)]));
    assert_eq!((there, report.totals.adopted), (24, 0), "kept is the default: both copies are there");
    settled(&migration, &report, &destination).await?;
    migration.forget()?;
    let report = whole(migration.copy().await?);
    assert_eq!((report.totals.copied, report.totals.adopted), (0, 24), "each copy is found once");
    assert_only_read(&source);
    Ok(())
}

#[tokio::test]
async fn a_source_folder_that_vanishes_meanwhile_stops_no_other() -> Result<()> {
    let gone = When::verb("EXAMINE").containing("Projetos");
    let source = Script::new().refuse(gone, "NO [NONEXISTENT] Mailbox doesn't exist").start()?;
    let destination = Script::new().start()?;
    for (name, count) in [("INBOX", 1), ("Projetos", 2), ("Zebra", 3)] {
        fill(&source.world(), name, count);
    }
    let report = between(&source, &destination)?.copy().await?;
    assert_eq!(errors(&report), ["source folder.missing"], "{:#?}", report.errors);
    assert!(report.errors[0].message.contains("Projetos"));
    assert_eq!((report.status, report.totals.copied, report.totals.pending), (Status::Partial, 4, 0));
    assert!(report.balances());
    assert_eq!(census(&destination.world()), named(&[("INBOX", 1), ("Projetos", 0), ("Zebra", 3)]));
    assert_only_read(&source);
    Ok(())
}

#[tokio::test]
async fn a_source_folder_that_may_not_be_opened_leaves_its_mail_pending_and_stops_no_other() -> Result<()> {
    let locked = When::verb("EXAMINE").containing("Projetos");
    let source = Script::new().refuse(locked, "NO [NOPERM] not yours").start()?;
    let destination = Script::new().start()?;
    for (name, count) in [("INBOX", 1), ("Projetos", 2), ("Zebra", 3)] {
        fill(&source.world(), name, count);
    }
    let report = between(&source, &destination)?.copy().await?;
    assert_eq!(errors(&report), ["source folder.refused"], "{:#?}", report.errors);
    assert_eq!((report.status, report.totals.copied, report.totals.pending), (Status::Partial, 4, 2));
    assert_eq!(
        (counters(&report, "Projetos").source_messages, counters(&report, "Projetos").pending),
        (2, 2)
    );
    assert!(report.balances());
    assert_only_read(&source);
    Ok(())
}

#[tokio::test]
async fn a_run_that_ends_early_counts_the_mail_of_folders_that_it_never_opened_as_pending() -> Result<()> {
    let destination = Script::new().refuse(When::verb("APPEND"), "NO [OVERQUOTA] full").start()?;
    let source = Script::new().start()?;
    for (name, count) in [("INBOX", 1), ("Projetos", 2), ("Zebra", 3)] {
        fill(&source.world(), name, count);
    }
    let mut migration = between(&source, &destination)?;
    migration.policy.connections = 1;
    let report = migration.copy().await?;
    assert_eq!(errors(&report), ["destination dest.over_quota"], "{:#?}", report.errors);
    assert_eq!((report.totals.source_messages, report.totals.pending), (6, 6));
    assert!(report.balances());
    assert_eq!(destination.transcript().count("APPEND"), 1);
    assert_only_read(&source);
    Ok(())
}

#[tokio::test]
async fn a_destination_folder_that_vanishes_meanwhile_leaves_its_mail_pending_and_stops_no_other()
-> Result<()> {
    let gone = When::verb("APPEND").containing("Projetos");
    let destination = Script::new().refuse(gone, "NO [TRYCREATE] no such folder").start()?;
    let source = Script::new().start()?;
    for (name, count) in [("INBOX", 1), ("Projetos", 2), ("Zebra", 3)] {
        fill(&source.world(), name, count);
    }
    let report = between(&source, &destination)?.copy().await?;
    assert_eq!(errors(&report), ["destination folder.missing"], "{:#?}", report.errors);
    assert_eq!((report.totals.copied, report.totals.quarantined, report.totals.pending), (4, 0, 2));
    assert_eq!(report.status, Status::Partial);
    assert!(report.balances());
    assert_only_read(&source);
    Ok(())
}
