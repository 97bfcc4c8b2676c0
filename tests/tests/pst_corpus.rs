//! The whole corpus of foreign stores through the program: listed, checked, exported, and copied into a real Dovecot,
//! each held against its truth. Never changes a file of the corpus; told aloud where it is missing, and the same is
//! asked of stores written here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use acceptance::program::{Home, between};
use acceptance::reader::Reader;
use acceptance::servers::Dovecot;
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use pst_writer::{Crypt, Format, Pst, features};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Files that are no stores.
const REFUSED: [&str; 2] = ["aspose_half_written.pst", "aspose_not_a_pst.pst"];
/// Files that were damaged on purpose: what is kept back is named, and their truth is what readers guessed.
const DAMAGED: [&str; 2] = ["dmg_iped_flips400.pst", "dmg_support_trunc80.pst"];

/// The folder of the corpus; told aloud where it is missing.
fn corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = here.ancestors().map(|above| above.join("shared/corpus/pst"));
    let named = std::env::var_os("MALOTE_PST_CORPUS").map(PathBuf::from);
    let found = named.into_iter().chain(beside).find(|folder| folder.join("truth.json").is_file());
    if found.is_none() {
        eprintln!("SKIPPED: the corpus of stores is not here; only stores written by this test were tried");
    }
    found
}

fn hash(octets: &[u8]) -> String {
    Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// What a store must give; nothing is known beforehand of our own but how many items they list.
struct Subject {
    name: String,
    path: PathBuf,
    truth: Option<Value>,
}

fn subjects(home: &Home) -> Result<Vec<Subject>> {
    let mut all = Vec::new();
    for (name, crypt, format) in [
        ("own_ansi.pst", Crypt::Permute, Format::Ansi),
        ("own_cyclic.pst", Crypt::Cyclic, Format::Unicode),
        ("own_4k.pst", Crypt::None, Format::Unicode4k),
    ] {
        let path = home.path(name);
        features::write(&path, Pst::new(crypt), format)?;
        all.push(Subject { name: name.to_owned(), path, truth: None });
    }
    if let Some(folder) = corpus() {
        let truth: Value = serde_json::from_slice(&fs::read(folder.join("truth.json"))?)?;
        for (name, truth) in truth["files"].as_object().context("a truth without files")? {
            all.push(Subject { name: name.clone(), path: folder.join(name), truth: Some(truth.clone()) });
        }
    }
    Ok(all)
}

/// Every file below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { all.extend(files(&path)?) } else { all.push(path) }
    }
    Ok(all)
}

/// The octets of every part in base64, at any depth: read line by line, without a parser of mail.
fn attached(message: &[u8]) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let (mut is_head, mut is_encoded, mut letters) = (true, false, None::<String>);
    for line in message.split(|octet| *octet == b'\n').chain([b"--".as_slice()]) {
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        if line.starts_with("--") {
            if let Some(letters) = letters.take()
                && let Ok(octets) = base64::engine::general_purpose::STANDARD.decode(letters)
            {
                *found.entry(hash(&octets)).or_default() += 1;
            }
            (is_head, is_encoded) = (true, false);
        } else if is_head && line.is_empty() {
            (is_head, letters) = (false, is_encoded.then(String::new));
        } else if is_head {
            is_encoded |= line.eq_ignore_ascii_case("Content-Transfer-Encoding: base64");
        } else if let Some(letters) = &mut letters {
            letters.push_str(&line);
        }
    }
    found
}

/// Hashes of all files of an item and of what is embedded in it, with how often each must be there.
fn hashes(message: &Value, into: &mut BTreeMap<String, usize>) {
    for attachment in message["attachments"].as_array().into_iter().flatten() {
        let is_file = attachment["method"] == 1;
        if let Some(hash) = attachment["sha256"].as_str().filter(|_| is_file) {
            *into.entry(hash.to_owned()).or_default() += 1;
        }
        hashes(&attachment["embedded"], into);
    }
}

/// Items by class of each folder that holds any.
fn by_class<'a>(folders: impl Iterator<Item = &'a Value>) -> Vec<BTreeMap<String, u64>> {
    let mut all: Vec<BTreeMap<String, u64>> = folders
        .filter_map(|classes| classes.as_object())
        .map(|classes| classes.iter().map(|(class, count)| (class.clone(), number(count))).collect())
        .filter(|classes: &BTreeMap<String, u64>| classes.values().sum::<u64>() > 0)
        .collect();
    all.sort();
    all
}

struct Checked {
    sent: u64,
    quarantined: u64,
    code: i32,
}

/// `pst ls` and `pst check` against the truth; the arithmetic of the file closes.
async fn check(home: &Home, subject: &Subject) -> Result<Checked> {
    let (name, path) = (&subject.name, subject.path.display().to_string());
    let ended = home.run(["pst", "check", "--json", &path]).await?;
    let found = ended.json();
    let sums = &found["arithmetic"];
    let skipped: u64 = sums["skipped"].as_object().map_or(0, |classes| classes.values().map(number).sum());
    let (listed, sent, quarantined) =
        (number(&sums["listed"]), number(&sums["sent"]), number(&sums["quarantined"]));
    ensure!(listed == sent + quarantined + skipped, "{name}: {sums}");
    ensure!(found["quarantined"].as_array().map(Vec::len) == usize::try_from(quarantined).ok(), "{name}");
    let is_left_over = quarantined > 0 || found["damage"].as_array().is_some_and(|all| !all.is_empty());
    ensure!(ended.code == if is_left_over { 3 } else { 0 }, "{name}: {} {}", ended.code, ended.err);
    for class in sums["skipped"].as_object().into_iter().flatten().map(|(class, _)| class) {
        ensure!(class.starts_with("IPM.Microsoft"), "{name}: {class} is passed over");
    }
    if let Some(truth) = &subject.truth {
        let known = truth["messages"].as_array().map_or(0, Vec::len) as u64;
        ensure!(listed >= known, "{name}: {listed} items are listed, {known} are known");
        if !DAMAGED.contains(&name.as_str()) {
            ensure!(quarantined == 0, "{name}: {}", found["quarantined"]);
            let listed = home.run(["pst", "ls", "--json", &path]).await?.with(0).json();
            let found = by_class(listed["folders"].as_array().into_iter().flatten().map(|one| &one["items"]));
            let folders = truth["folders"].as_array().into_iter().flatten();
            let ours = folders.filter(|folder| number(&folder["nid"]) & 0x1F == 2);
            ensure!(found == by_class(ours.map(|one| &one["by_class"])), "{name}: {found:?}");
        }
    }
    Ok(Checked { sent, quarantined, code: ended.code })
}

/// `pst export` to files: one for each item that is carried, with the ids and the files that the truth knows.
async fn export(home: &Home, subject: &Subject, checked: &Checked) -> Result<BTreeMap<String, usize>> {
    let (name, path) = (&subject.name, subject.path.display().to_string());
    let out = home.path(&format!("out-{name}"));
    let words = ["pst", "export", &path, "--to", "eml", "--out", &out.display().to_string(), "--json"];
    home.run(words).await?.with(checked.code);
    let mut messages = BTreeMap::new();
    for path in files(&out)? {
        if path.extension().is_some_and(|ending| ending == "eml") {
            let node = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            ensure!(messages.insert(node, fs::read(&path)?).is_none(), "{name}: {} twice", path.display());
        }
    }
    ensure!(messages.len() as u64 == checked.sent, "{name}: {} of {}", messages.len(), checked.sent);
    let kept = files(&out)?.iter().filter(|path| path.extension().is_some_and(|end| end == "json")).count();
    ensure!(kept as u64 == checked.quarantined, "{name}: {kept} property dumps");
    let truth = subject.truth.as_ref().and_then(|truth| truth["messages"].as_array());
    for known in truth.into_iter().flatten() {
        let Some(message) = messages.get(&format!("{:08x}", number(&known["nid"]))) else { continue };
        let text = String::from_utf8_lossy(message).replace("\r\n ", " ").replace("\r\n\t", " ");
        let id = known["message_id"].as_str().unwrap_or_default().trim();
        ensure!(text.contains(id), "{name}: {:#x} lacks its id {id}", number(&known["nid"]));
        let is_sealed = known["class"].as_str().is_some_and(|class| class.starts_with("IPM.Note.SMIME."));
        let (mut wanted, found) = (BTreeMap::new(), attached(message));
        hashes(known, &mut wanted);
        for (hash, count) in wanted.into_iter().filter(|_| !is_sealed) {
            let there = found.get(&hash).copied().unwrap_or(0);
            ensure!(there >= count, "{name}: {:#x}: {there} of {count} files {hash}", number(&known["nid"]));
        }
    }
    let mut octets = BTreeMap::new();
    messages.values().for_each(|message| *octets.entry(hash(message)).or_default() += 1);
    Ok(octets)
}

/// `copy` into a real server: the very messages that the export gives, each as often.
async fn copy(
    home: &Home,
    server: &Dovecot,
    user: &str,
    subject: &Subject,
    exported: &BTreeMap<String, usize>,
) -> Result<()> {
    let (name, from) = (&subject.name, format!("pst:{}", subject.path.display()));
    let to = server.url(user);
    let ended = home.run(between("copy", &from, &to)).await?;
    let left_over = ended.total("quarantined");
    let sums = ended.json()["totals"].clone();
    ensure!(
        ended.total("source_messages") == ended.total("copied") + left_over + ended.total("filtered")
            && ended.total("pending") == 0,
        "{name}: {sums}"
    );
    ensure!(ended.code == 0 || !exported.is_empty() || left_over > 0, "{name}: {} {}", ended.code, ended.err);
    let mut reader = Reader::login(server.port(), user, "segredo").await?;
    let mut stored = BTreeMap::new();
    for message in reader.everything().await? {
        *stored.entry(hash(&message.octets)).or_insert(0) += 1;
    }
    let (missing, foreign): (Vec<_>, Vec<_>) = (
        exported.iter().filter(|(hash, count)| stored.get(*hash) != Some(count)).collect(),
        stored.iter().filter(|(hash, _)| !exported.contains_key(*hash)).collect(),
    );
    ensure!(missing.is_empty(), "{name}: {} messages did not arrive as exported", missing.len());
    ensure!(foreign.is_empty(), "{name}: {} messages arrived that were not exported", foreign.len());
    Ok(())
}

#[tokio::test]
async fn every_store_is_checked_exported_and_copied_as_its_truth_says() -> Result<()> {
    let home = Home::new()?;
    let subjects = subjects(&home)?;
    let users: Vec<String> = (0..subjects.len()).map(|place| format!("user{place}")).collect();
    let accounts: Vec<(&str, &str)> = users.iter().map(|user| (user.as_str(), "segredo")).collect();
    let server = Dovecot::with_users(&accounts)?;
    let (mut sent, mut kept_back, mut wrong) = (0, 0, BTreeSet::new());
    for (user, subject) in users.iter().zip(&subjects) {
        let before = hash(&fs::read(&subject.path)?);
        if REFUSED.contains(&subject.name.as_str()) {
            for command in ["ls", "check"] {
                home.run(["pst", command, "--json", &subject.path.display().to_string()]).await?.with(2);
            }
        } else {
            match whole(&home, &server, user, subject).await {
                Ok(checked) => (sent, kept_back) = (sent + checked.sent, kept_back + checked.quarantined),
                Err(error) => drop(wrong.insert(format!("{}: {error:#}", subject.name))),
            }
        }
        ensure!(hash(&fs::read(&subject.path)?) == before, "{} was changed", subject.name);
    }
    eprintln!("{} stores: {sent} items carried, {kept_back} named", subjects.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

async fn whole(home: &Home, server: &Dovecot, user: &str, subject: &Subject) -> Result<Checked> {
    let checked = check(home, subject).await?;
    let exported = export(home, subject, &checked).await?;
    copy(home, server, user, subject, &exported).await?;
    Ok(checked)
}
