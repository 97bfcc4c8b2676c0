//! Mailboxes whose folders are labels: each message is read once, and stands where the operator wants it.
//! Never Gmail itself: the scripted server shows its folders, numbers and labels.

use std::collections::BTreeMap;

use acceptance::pair::{Pair, texts, told};
use acceptance::play::{assert_only_read, counters, pairs};
use acceptance::scripted::gmail::{self, Labelled};
use acceptance::scripted::{Act, AppendUid, Dialect, Letter, Script, When};
use anyhow::Result;
use malote_engine::policy::{Content, LabelPolicy};
use malote_engine::report::Status;

/// A mailbox of eight messages that stand in thirteen places.
fn filled(source: &Pair) -> Labelled {
    let mut mail = Labelled::new(source.source.world());
    let letter = |name: &str| Letter::simple(name);
    mail.deliver(letter("a").flagged(r"\Seen"), &["INBOX"]);
    mail.deliver(letter("b").flagged(r"\Flagged"), &["INBOX", "Casa", "Trabalho/2024", gmail::STARRED]);
    mail.deliver(letter("c"), &["Casa", "Trabalho/2024"]);
    mail.deliver(letter("d").flagged(r"\Seen"), &[gmail::SENT, "Casa"]);
    mail.deliver(letter("e"), &[]);
    mail.deliver(letter("f"), &[gmail::TRASH]);
    mail.deliver(letter("g"), &["Casa", gmail::IMPORTANT]);
    mail.deliver(letter("h"), &["INBOX", gmail::SENT]);
    mail
}

fn labelled(labels: LabelPolicy) -> Result<(Pair, Labelled)> {
    let mut pair = Pair::of(Dialect::Gmail.script(), Script::new())?;
    pair.migration.policy.labels = labels;
    let mail = filled(&pair);
    Ok((pair, mail))
}

/// The subjects of each folder at the destination that holds any.
fn there(pair: &Pair) -> BTreeMap<String, String> {
    let world = pair.destination.world();
    let subjects = |name: &String| {
        let texts = texts(&world.folder(name));
        let subject = |text: &Vec<u8>| {
            let text = String::from_utf8_lossy(text);
            text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned()
        };
        texts.iter().map(subject).collect::<Vec<_>>().join(" ")
    };
    let all = world.folders().into_iter().map(|name| (name.clone(), subjects(&name)));
    all.filter(|(_, subjects)| !subjects.is_empty()).collect()
}

fn expected(folders: &[(&str, &str)]) -> BTreeMap<String, String> {
    folders.iter().map(|(name, subjects)| ((*name).to_owned(), (*subjects).to_owned())).collect()
}

#[tokio::test]
async fn every_label_is_a_folder_and_each_message_is_read_once() -> Result<()> {
    let (pair, _) = labelled(LabelPolicy::Folders)?;
    let forecast = pair.migration.plan().await?;
    let sum =
        |of: fn(&malote_engine::run::FolderForecast) -> u64| forecast.folders.iter().map(of).sum::<u64>();
    assert_eq!((sum(|one| one.to_copy), sum(|one| one.elsewhere)), (13, 11), "{:#?}", forecast.folders);
    let report = pair.copy().await?;
    assert_eq!(told(&report), "success: 13 copied, 6 collapsed", "{:#?}", report.errors);
    assert_eq!(
        there(&pair),
        expected(&[
            ("INBOX", "a b h"),
            ("Casa", "b c d g"),
            ("Trabalho/2024", "b c"),
            ("E-mails enviados", "d h"),
            ("Lixeira", "f"),
            ("Archive", "e"),
        ])
    );
    assert_eq!(pair.source.transcript().bodies_asked().len(), 8, "eight messages are there");
    assert_eq!(counters(&report, gmail::ALL).collapsed, 6);
    assert!(pairs(&report).iter().all(|(source, _)| ![gmail::STARRED, gmail::IMPORTANT].contains(source)));
    let starred = pair.destination.world().messages("Casa");
    let flags = |subject: &str| {
        let is_it = |text: &[u8]| String::from_utf8_lossy(text).contains(&format!("Subject: {subject}"));
        let found = starred.iter().find(|stored| is_it(&stored.letter.octets));
        found.map(|stored| stored.letter.flags.join(" ")).unwrap_or_default()
    };
    assert_eq!((flags("b").as_str(), flags("d").as_str(), flags("c").as_str()), (r"\Flagged", r"\Seen", ""));
    assert_only_read(&pair.source);
    let report = pair.copy().await?;
    assert_eq!(told(&report), "success: 13 already, 6 collapsed");
    assert_eq!((pair.bodies_read(), pair.writes()), (0, 0));
    let report = pair.migration.verify(Content::Full).await?;
    assert_eq!(told(&report), "success: 13 already, 6 collapsed", "{:#?}", report.errors);
    Ok(())
}

#[tokio::test]
async fn a_message_is_copied_once_where_the_operator_wants_no_more() -> Result<()> {
    let first =
        [("INBOX", "a b"), ("Casa", "c g"), ("E-mails enviados", "d h"), ("Lixeira", "f"), ("Archive", "e")];
    let gathered = [("INBOX", "a b"), ("E-mails enviados", "d h"), ("Lixeira", "f"), ("Archive", "c e g")];
    for (labels, folders) in [
        (LabelPolicy::First, &first[..]),
        (LabelPolicy::Keywords, &gathered[..]),
        (LabelPolicy::Archive, &gathered[..]),
    ] {
        let (pair, _) = labelled(labels)?;
        let report = pair.copy().await?;
        assert_eq!(told(&report), "success: 8 copied, 11 collapsed", "{labels:?} {:#?}", report.errors);
        assert_eq!(there(&pair), expected(folders), "{labels:?}");
        assert_eq!(pair.bodies_read(), 8, "{labels:?}");
        let report = pair.migration.verify(Content::Full).await?;
        assert_eq!(told(&report), "success: 8 already, 11 collapsed", "{labels:?} {:#?}", report.errors);
        let report = pair.copy().await?;
        assert_eq!(told(&report), "success: 8 already, 11 collapsed", "{labels:?}");
        assert_eq!((pair.bodies_read(), pair.writes()), (0, 0), "{labels:?}");
    }
    Ok(())
}

#[tokio::test]
async fn labels_become_keywords_and_follow_when_they_change() -> Result<()> {
    let (pair, mut mail) = labelled(LabelPolicy::Keywords)?;
    mail.deliver(Letter::simple("i"), &["INBOX", "Orçamentos &- mais"]);
    pair.copy().await?;
    let flags = |folder: &str, subject: &str| {
        let stored = pair.destination.world().messages(folder).into_iter().find(|stored| {
            String::from_utf8_lossy(&stored.letter.octets).contains(&format!("Subject: {subject}\r\n"))
        });
        let mut flags = stored.map(|stored| stored.letter.flags).unwrap_or_default();
        flags.sort();
        flags.join(" ")
    };
    assert_eq!(flags("INBOX", "b"), r"Casa Trabalho/2024 \Flagged");
    assert_eq!(flags("Archive", "g"), "$Important Casa");
    assert_eq!(flags("Archive", "e"), "");
    let inbox = pair.inbox();
    let uid = inbox.messages()[0].uid;
    inbox.relabel(uid, r#"(\Inbox "Novo")"#);
    pair.copy().await?;
    assert_eq!(flags("INBOX", "a"), r"Novo \Seen");
    Ok(())
}

#[tokio::test]
async fn a_destination_that_copies_badly_gets_each_message_by_append_once() -> Result<()> {
    let lie = |copy_uid| Script::new().manners(|manners| manners.copy_uid = copy_uid);
    let refuse = || Script::new().rule(When::verb("UID COPY"), Act::Answer("NO [CANNOT] not here".into()));
    let lose = || Script::new().rule(When::verb("UID COPY").nth(1), Act::EndUnanswered(Default::default()));
    let cut = || Script::new().rule(When::verb("UID COPY").nth(1), Act::EndBefore(Default::default()));
    let deaf = || Script::new().manners(|manners| manners.capabilities = "IMAP4rev1 NAMESPACE".to_owned());
    for (what, script) in [
        ("no COPYUID", lie(AppendUid::Missing)),
        ("a wrong COPYUID", lie(AppendUid::Wrong)),
        ("COPY refused", refuse()),
        ("the answer lost", lose()),
        ("the command lost", cut()),
        ("no UIDPLUS", deaf()),
    ] {
        let pair = Pair::of(Dialect::Gmail.script(), script)?;
        filled(&pair);
        let report = pair.copy().await?;
        assert_eq!(report.status, Status::Success, "{what}: {:#?} {:#?}", report.errors, report.totals);
        assert_eq!(
            (report.totals.copied + report.totals.adopted, report.totals.collapsed),
            (13, 6),
            "{what}"
        );
        assert_eq!(there(&pair)["Casa"], "b c d g", "{what}");
        assert_eq!(there(&pair)["Trabalho/2024"], "b c", "{what}");
    }
    Ok(())
}

#[tokio::test]
async fn mail_that_is_archived_or_labelled_later_follows() -> Result<()> {
    let (pair, _) = labelled(LabelPolicy::Folders)?;
    pair.copy().await?;
    let (casa, inbox) = (pair.source.world().folder("Casa"), pair.inbox());
    let moved = inbox.messages()[0].clone();
    inbox.remove(moved.uid);
    let labelled = pair.source.world().messages(gmail::ALL);
    let archived = labelled.iter().find(|stored| stored.letter.octets == moved.letter.octets).cloned();
    let report = pair.copy().await?;
    assert_eq!(told(&report), "success: 1 copied, 12 already, 5 collapsed");
    assert_eq!(pair.bodies_read(), 0, "the destination had it in its inbox");
    assert_eq!(there(&pair)["Archive"], "a e", "what left the inbox is archived");
    casa.push(archived.map(|stored| stored.letter).unwrap_or(moved.letter));
    let report = pair.copy().await?;
    assert_eq!(told(&report), "success: 1 copied, 13 already, 5 collapsed");
    assert_eq!(pair.bodies_read(), 0, "the destination had it in its archive");
    Ok(())
}

#[tokio::test]
async fn numbers_that_lie_cost_no_message() -> Result<()> {
    for labels in [LabelPolicy::Folders, LabelPolicy::First, LabelPolicy::Keywords, LabelPolicy::Archive] {
        let mut pair = Pair::of(Dialect::Gmail.script(), Script::new())?;
        pair.migration.policy.labels = labels;
        let _ = Labelled::new(pair.source.world());
        let one = |name: &str| Letter::simple(name).with_attribute("X-GM-MSGID", "7");
        let _ = pair.inbox().holding([one("first"), one("second"), Letter::simple("no number")]);
        let _ = pair.source.world().folder("Casa").holding([one("a longer third one")]);
        let report = pair.copy().await?;
        assert_eq!(
            (report.status, report.totals.copied),
            (Status::Success, 4),
            "{labels:?} {:#?}",
            there(&pair)
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_a_folder_hides_is_not_taken_for_archived() -> Result<()> {
    let refuse = When::verb("EXAMINE").containing("Casa");
    let script = Dialect::Gmail.script().rule(refuse, Act::Answer("NO [NOPERM] not now".into()));
    let pair = Pair::of(script, Script::new())?;
    filled(&pair);
    let report = pair.copy().await?;
    assert_eq!(report.status, Status::Partial);
    assert!(report.balances());
    assert!(!there(&pair).contains_key("Archive"), "{:#?}", there(&pair));
    assert_eq!(there(&pair)["INBOX"], "a b h");
    Ok(())
}

#[tokio::test]
async fn a_thousand_messages_under_two_thousand_labels_are_read_a_thousand_times() -> Result<()> {
    let pair = Pair::of(Dialect::Gmail.script(), Script::new())?;
    let mut mail = Labelled::new(pair.source.world());
    let labels = ["INBOX", "Casa", "Trabalho", "Clientes/Ana", "Clientes/Bia", gmail::SENT, gmail::STARRED];
    let (mut standing, mut views) = (0, 0);
    for number in 0..1000_usize {
        let folders: Vec<&str> =
            (0..number % 4).map(|step| labels[(number / 4 + 2 * step) % labels.len()]).collect();
        standing += folders.iter().filter(|folder| **folder != gmail::STARRED).count();
        views += usize::from(folders.iter().all(|folder| *folder == gmail::STARRED));
        mail.deliver(Letter::simple(&format!("carta {number}")), &folders);
    }
    let report = pair.copy().await?;
    assert_eq!(report.status, Status::Success, "{:#?}", report.errors);
    let totals = report.totals;
    assert_eq!(totals.copied, (standing + views) as u64, "every label, and what has none");
    assert_eq!(totals.source_messages, totals.copied + totals.collapsed);
    assert_eq!(totals.collapsed, 1000 - views as u64);
    assert_eq!(pair.source.transcript().bodies_asked().len(), 1000);
    for folder in ["INBOX", "Casa", "Trabalho", "Clientes/Ana", "Clientes/Bia"] {
        assert_eq!(
            texts(&pair.source.world().folder(folder)),
            texts(&pair.destination.world().folder(folder))
        );
    }
    Ok(())
}
