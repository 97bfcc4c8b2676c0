//! Personal stores through the program itself: listed, checked, exported, and copied into a real Dovecot.
//! Never reads a foreign file: the stores are written by the tests' own writer, which says what is in them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use acceptance::program::{Home, between};
use acceptance::reader::Reader;
use acceptance::servers::Dovecot;
use anyhow::{Context as _, Result, ensure};
use pst_writer::bulk::Bulk;
use pst_writer::{Crypt, Folder, Format, Message, Pst, Truth, features};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The features store in one format.
fn store(home: &Home, name: &str, format: Format) -> Result<(PathBuf, Truth)> {
    let path = home.path(name);
    let truth = features::write(&path, Pst::new(Crypt::Permute), format)?;
    Ok((path, truth))
}

fn hash(path: &Path) -> Result<Vec<u8>> {
    Ok(Sha256::digest(fs::read(path)?).to_vec())
}

/// Items by class over the whole store.
fn classes(truth: &Truth) -> BTreeMap<String, u64> {
    let mut classes = BTreeMap::new();
    for item in truth.items() {
        *classes.entry(item.class.clone()).or_default() += 1;
    }
    classes
}

#[tokio::test]
async fn a_list_names_every_folder_and_every_class_in_each_format() -> Result<()> {
    let home = Home::new()?;
    for (name, format) in
        [("ansi", Format::Ansi), ("unicode", Format::Unicode), ("unicode4k", Format::Unicode4k)]
    {
        let crypt = if name == "unicode4k" { Crypt::None } else { Crypt::Permute };
        let path = home.path(&format!("{name}.pst"));
        let truth = features::write(&path, Pst::new(crypt), format)?;
        let listed = home.run(["pst", "ls", "--json", &path.display().to_string()]).await?.with(0).json();
        assert_eq!((&listed["schema"], &listed["format"]), (&"malote.pst/1".into(), &name.into()));
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        for folder in listed["folders"].as_array().context("no folders")? {
            for (class, count) in folder["items"].as_object().context("no items")? {
                *found.entry(class.clone()).or_default() += count.as_u64().unwrap_or(0);
            }
        }
        // A row of a contents table without its item is listed too: it may have been mail.
        let rows_alone = 1;
        assert_eq!(found.values().sum::<u64>(), truth.item_count() as u64 + rows_alone, "{name}: {found:?}");
        // The writer calls an item without a class what it would be by its properties.
        let classless = found.get("").copied().unwrap_or(0) - rows_alone;
        *found.entry("IPM.Note".to_owned()).or_default() += classless;
        for (class, count) in classes(&truth).into_iter().filter(|(class, _)| !class.is_empty()) {
            assert_eq!(found.get(&class), Some(&count), "{name}: {class}");
        }
        let roles: Vec<&str> = listed["folders"]
            .as_array()
            .context("no folders")?
            .iter()
            .filter_map(|folder| folder["role"].as_str())
            .collect();
        for role in ["sent", "trash", "drafts", "calendar", "contacts"] {
            assert!(roles.contains(&role), "{name}: no folder is {role}: {roles:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_check_accounts_for_every_item_and_names_what_cannot_be_carried() -> Result<()> {
    let home = Home::new()?;
    let (path, truth) = store(&home, "features.pst", Format::Unicode)?;
    let before = hash(&path)?;
    for reader in ["native", "libpff", "auto"] {
        let words = ["pst", "check", "--json", "--reader", reader, &path.display().to_string()];
        let ended = home.run(words).await?;
        let found = ended.json();
        let sums = &found["arithmetic"];
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        let skipped: u64 =
            sums["skipped"].as_object().map_or(0, |classes| classes.values().map(number).sum());
        let (listed, sent, quarantined) =
            (number(&sums["listed"]), number(&sums["sent"]), number(&sums["quarantined"]));
        assert_eq!(listed, sent + quarantined + skipped, "{reader}: {sums}");
        assert_eq!(found["quarantined"].as_array().map(Vec::len), usize::try_from(quarantined).ok());
        assert_eq!(number(&found["items"]), listed, "{reader}");
        ensure!(listed >= truth.item_count() as u64, "{reader}: {listed} of {}", truth.item_count());
        let is_left_over =
            quarantined > 0 || found["damage"].as_array().is_some_and(|damage| !damage.is_empty());
        assert_eq!(ended.code, if is_left_over { 3 } else { 0 }, "{reader}: {}", ended.err);
    }
    assert_eq!(hash(&path)?, before, "the store was changed");
    Ok(())
}

#[tokio::test]
async fn an_export_writes_each_item_once_in_each_form() -> Result<()> {
    let home = Home::new()?;
    let (path, _) = store(&home, "features.pst", Format::Unicode)?;
    let path = path.display().to_string();
    let mut counted = Vec::new();
    for form in ["eml", "mbox", "maildir"] {
        let out = home.path(&format!("out-{form}"));
        let words = ["pst", "export", &path, "--to", form, "--out", &out.display().to_string(), "--json"];
        let first = home.run(words).await?;
        let sent = first.json()["arithmetic"]["sent"].as_u64().context("no sum")?;
        let messages = match form {
            "mbox" => files(&out)?
                .iter()
                .filter(|(path, _)| path.extension().is_some_and(|name| name == "mbox"))
                .map(|(_, octets)| count_lines(octets, b"From MAILER-DAEMON "))
                .sum(),
            "eml" => files(&out)?
                .iter()
                .filter(|(path, _)| path.extension().is_some_and(|name| name == "eml"))
                .count(),
            _ => files(&out)?
                .iter()
                .filter(|(path, _)| path.parent().is_some_and(|p| p.ends_with("cur")))
                .count(),
        };
        assert_eq!(messages as u64, sent, "{form}");
        counted.push(sent);
        let before = files(&out)?;
        home.run(words).await?.with(first.code);
        assert!(files(&out)? == before, "{form}: the second export wrote something else");
    }
    assert!(counted.windows(2).all(|pair| pair[0] == pair[1]), "{counted:?}");
    let words = ["pst", "export", &path, "--to", "eml", "--out", &home.path("").display().to_string()];
    home.run(words).await?.with(2);
    Ok(())
}

fn count_lines(octets: &[u8], start: &[u8]) -> usize {
    octets.split(|octet| *octet == b'\n').filter(|line| line.starts_with(start)).count()
}

/// Every file below a folder with its octets.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(files(&path)?);
        } else {
            all.insert(path.clone(), fs::read(&path)?);
        }
    }
    Ok(all)
}

#[tokio::test]
async fn a_store_is_copied_into_a_real_server_once_and_verified_whole() -> Result<()> {
    let home = Home::new()?;
    let (path, _) = store(&home, "features.pst", Format::Unicode)?;
    let server = Dovecot::with_users(&[("ana", "segredo")])?;
    let (from, to) = (format!("pst:{}", path.display()), server.url("ana"));
    let before = hash(&path)?;
    let plan = home.run(between("plan", &from, &to)).await?;
    assert!([0, 3].contains(&plan.code), "{}: {}{}", plan.code, plan.out, plan.err);
    let first = home.run(between("copy", &from, &to)).await?;
    let sums = first.json()["totals"].clone();
    let (copied, quarantined) = (first.total("copied"), first.total("quarantined"));
    assert_eq!(
        first.total("source_messages"),
        copied + quarantined + first.total("filtered") + first.total("collapsed"),
        "{sums}"
    );
    assert_eq!(
        (first.code, first.total("pending")),
        (if quarantined > 0 { 3 } else { 0 }, 0),
        "{}",
        first.err
    );
    let second = home.run(between("copy", &from, &to)).await?.with(first.code);
    assert_eq!((second.total("copied"), second.total("already")), (0, copied));
    let verify = between("verify", &from, &to).into_iter().chain(["--content", "full"]);
    assert_eq!(home.run(verify).await?.with(first.code).total("already"), copied);
    let mut reader = Reader::login(server.port(), "ana", "segredo").await?;
    let stored = reader.everything().await?;
    assert_eq!(stored.len() as u64, copied);
    assert!(stored.iter().any(|message| message.folder == "INBOX"), "nothing came to INBOX");
    // A lost ledger costs no second copy: items become the same octets every time.
    fs::remove_dir_all(home.state_folder())?;
    let again = home.run(between("copy", &from, &to)).await?.with(first.code);
    assert_eq!((again.total("copied"), again.total("adopted")), (0, copied));
    assert_eq!(hash(&path)?, before, "the store was changed");
    Ok(())
}

#[tokio::test]
async fn a_copy_that_is_killed_goes_on_at_the_item_after() -> Result<()> {
    let home = Home::new()?;
    let path = home.path("bulk.pst");
    let truth = Bulk::B.scaled(0.02).write(&path, Pst::new(Crypt::Permute), 7)?;
    let server = Dovecot::with_users(&[("ana", "segredo")])?;
    let (from, to) = (format!("pst:{}", path.display()), server.url("ana"));
    for kill_after_ms in [300, 700, 1100] {
        let mut child = home.command(between("copy", &from, &to)).spawn()?;
        tokio::time::sleep(Duration::from_millis(kill_after_ms)).await;
        // It may have ended by itself on a fast machine.
        let _ = child.start_kill();
        child.wait().await?;
    }
    let ended = home.run(between("copy", &from, &to)).await?.with(0);
    let total = truth.item_count() as u64;
    assert_eq!(ended.total("copied") + ended.total("already") + ended.total("adopted"), total);
    let mut reader = Reader::login(server.port(), "ana", "segredo").await?;
    assert_eq!(reader.everything().await?.len() as u64, total);
    Ok(())
}

/// A store of a few mails whose subjects begin with `word`; the same key and the same nodes whatever the word is.
fn fork(path: &Path, word: &str) -> Result<()> {
    let mut store = Pst::new(Crypt::Permute).create(path)?;
    let inbox = store.folder(store.top(), Folder::new("Inbox").class("IPF.Note"))?;
    for number in 0..5 {
        store.item(inbox, &Message::new("IPM.Note").text(&format!("{word} {number}"), word))?;
    }
    store.finish()?;
    Ok(())
}

#[tokio::test]
async fn another_copy_of_a_store_in_its_place_is_not_taken_for_the_same() -> Result<()> {
    let home = Home::new()?;
    let path = home.path("mail.pst");
    let server = Dovecot::with_users(&[("ana", "segredo")])?;
    let (from, to) = (format!("pst:{}", path.display()), server.url("ana"));
    fork(&path, "ours")?;
    home.run(between("copy", &from, &to)).await?.with(0);
    fork(&path, "them")?;
    let second = home.run(between("copy", &from, &to)).await?.with(0);
    assert_eq!((second.total("copied"), second.total("already")), (5, 0), "{}", second.err);
    let mut reader = Reader::login(server.port(), "ana", "segredo").await?;
    assert_eq!(reader.everything().await?.len(), 10);
    // Nothing but its time changed: the same messages are known again.
    fs::File::options().write(true).open(&path)?.set_modified(std::time::SystemTime::now())?;
    let third = home.run(between("copy", &from, &to)).await?.with(0);
    assert_eq!(third.total("copied"), 0, "{}", third.err);
    Ok(())
}
