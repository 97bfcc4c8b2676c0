//! Exports by several hands: the order of what they write, and what a damaged file within a sound item costs.
//! Never reads a foreign file: the stores are written by the tests' own writer.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use acceptance::program::{Ended, Home};
use anyhow::{Context as _, Result};
use malote_pst::loss::LossKind;
use pst_writer::names::PS_PUBLIC_STRINGS;
use pst_writer::{Attachment, Crypt, Data, Folder, Format, Message, Pst, Value, features};

/// Stands near the end of the file that is damaged, and nowhere else.
const MARK: &[u8] = b"the octets that a bad sector takes";
/// The file's length: an export has written a part of it before it comes to the bad sector.
const DAMAGED_OCTETS: usize = 6_000_000;
/// When messages of the store with losses were sent: 2024-03-01, noon.
const NOON: i64 = 1_709_294_400;
/// The item that has it.
const DAMAGED: usize = 30;

/// One folder of so many items with files; one of them, where there are so many, has a file with the mark.
fn store(path: &Path, items: usize) -> Result<()> {
    let mut store = Pst::new(Crypt::None).format(Format::Unicode).create(path)?;
    let top = store.top();
    let folder = store.folder(top, Folder::new("Large").class("IPF.Note"))?;
    for number in 0..items {
        let data = if number == DAMAGED {
            let mut octets = vec![b'x'; DAMAGED_OCTETS];
            octets[DAMAGED_OCTETS - 50_000..][..MARK.len()].copy_from_slice(MARK);
            Data::Held(octets)
        } else {
            Data::Noise { seed: number as u64, octets: 1000 * (number as u64 % 50) }
        };
        let message = Message::new("IPM.Note")
            .text(&format!("Item {number:04}"), "From here on\r\n>From there")
            .id(&format!("<{number}@large.example>"))
            .attach(Attachment::file("file.bin", "application/octet-stream", data));
        store.item(folder, &message)?;
    }
    store.finish()?;
    Ok(())
}

/// Alters one octet of the mark.
fn damage(path: &Path) -> Result<()> {
    let mut octets = fs::read(path)?;
    let place = octets.windows(MARK.len()).position(|part| part == MARK).context("the mark is not there")?;
    octets[place] ^= 1;
    Ok(fs::write(path, octets)?)
}

/// Messages of all mbox files below a folder by their subjects, in the order of the files.
fn messages(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for path in files(folder)?.into_iter().filter(|path| path.extension().is_some_and(|name| name == "mbox"))
    {
        let text = String::from_utf8(fs::read(path)?)?;
        for message in text.split("From MAILER-DAEMON ").skip(1) {
            let subject = message.lines().find_map(|line| line.strip_prefix("Subject: "));
            found.push((subject.context("no subject")?.to_owned(), message.to_owned()));
        }
    }
    Ok(found)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { all.extend(files(&path)?) } else { all.push(path) }
    }
    all.sort();
    Ok(all)
}

async fn export(home: &Home, path: &Path, form: &str, reader: &str, code: i32) -> Result<PathBuf> {
    let out = home.path(&format!("{}-{form}-{reader}", path.file_name().context("no name")?.display()));
    let words =
        [&path.display().to_string(), "--to", form, "--reader", reader, "--json", "--out"].map(str::to_owned);
    let words = ["pst".to_owned(), "export".to_owned()].into_iter().chain(words);
    let ended = home.run(words.chain([out.display().to_string()])).await?.with(code);
    let quarantined = ended.json()["quarantined"].as_array().map_or(0, Vec::len);
    assert_eq!(quarantined, usize::from(code == 3), "{form} by {reader}: {}", ended.json());
    Ok(out)
}

#[tokio::test]
async fn one_folder_is_written_in_its_order_by_however_many_hands() -> Result<()> {
    let home = Home::new()?;
    let path = home.path("large.pst");
    store(&path, 400)?;
    let out = export(&home, &path, "mbox", "native", 0).await?;
    let subjects: Vec<String> = messages(&out)?.into_iter().map(|(subject, _)| subject).collect();
    let wanted: Vec<String> = (0..400).map(|number| format!("Item {number:04}")).collect();
    assert_eq!(subjects, wanted);
    let file =
        |out: &Path| fs::read(files(out)?.pop().context("nothing was written")?).map_err(anyhow::Error::from);
    let again = export(&home, &path, "mbox", "auto", 0).await?;
    assert!(file(&out)? == file(&again)?, "another export wrote something else");
    let quick = home.path("quick").display().to_string();
    let words = ["pst", "export", "--no-sync", "--to", "mbox", "--out", &quick, &path.display().to_string()];
    home.run(words.map(str::to_owned)).await?.with(0);
    assert!(file(&out)? == file(Path::new(&quick))?, "an export that waits for no disk wrote something else");
    Ok(())
}

#[tokio::test]
async fn a_folder_that_is_called_like_an_mbox_file_keeps_its_folders() -> Result<()> {
    let home = Home::new()?;
    let path = home.path("named.pst");
    let mut made = Pst::new(Crypt::None).create(&path)?;
    let top = made.top();
    let mail = |name| Folder::new(name).class("IPF.Note");
    let (like, plain) = (made.folder(top, mail("A.mbox"))?, made.folder(top, mail("A"))?);
    let within = made.folder(like, mail("B"))?;
    for (folder, subject) in [(like, "like"), (plain, "plain"), (within, "within")] {
        made.item(folder, &Message::new("IPM.Note").text(subject, "x"))?;
    }
    made.finish()?;
    let out = export(&home, &path, "mbox", "native", 0).await?;
    let mut subjects: Vec<String> = messages(&out)?.into_iter().map(|(subject, _)| subject).collect();
    subjects.sort();
    assert_eq!(subjects, ["like", "plain", "within"]);
    Ok(())
}

#[tokio::test]
async fn an_item_whose_file_is_damaged_is_kept_back_alone() -> Result<()> {
    let home = Home::new()?;
    let path = home.path("sound.pst");
    store(&path, 60)?;
    let sound = messages(&export(&home, &path, "mbox", "native", 0).await?)?;
    let letters = files(&export(&home, &path, "eml", "native", 0).await?)?.len();
    let path = home.path("damaged.pst");
    store(&path, 60)?;
    damage(&path)?;
    for reader in ["native", "auto"] {
        let out = export(&home, &path, "mbox", reader, 3).await?;
        let lost = format!("Item {DAMAGED:04}");
        let kept: BTreeMap<_, _> = sound.iter().filter(|(subject, _)| *subject != lost).cloned().collect();
        let found: BTreeMap<_, _> = messages(&out)?.into_iter().collect();
        assert!(found == kept, "{reader}: {} messages, not those that are sound", found.len());
        assert_eq!(files(&out.join("quarantine"))?.len(), 1, "{reader}: its properties are kept");
        // The dump of its properties takes the place of its message.
        let out = export(&home, &path, "eml", reader, 3).await?;
        assert_eq!(files(&out)?.len(), letters, "{reader}");
        let words = ["pst", "check", "--json", "--reader", reader, &path.display().to_string()];
        let checked = home.run(words).await?.with(3).json();
        assert_eq!(checked["quarantined"].as_array().map(Vec::len), Some(1), "{reader}: {checked}");
        assert_eq!(checked["clean"], false, "{reader}");
    }
    Ok(())
}

#[tokio::test]
async fn a_second_export_replaces_the_first_and_never_that_of_another_store() -> Result<()> {
    let home = Home::new()?;
    let path = home.path("twice.pst");
    store(&path, 12)?;
    let out = export(&home, &path, "maildir", "native", 0).await?;
    let before = files(&out)?;
    // Somebody has read one with a mail program.
    let letter =
        before.iter().find(|path| path.display().to_string().contains(".malote,S=")).context("a letter")?;
    let name = letter.file_name().context("no name")?.to_string_lossy().replace(":2,", ":2,S");
    fs::rename(letter, letter.with_file_name(name))?;
    export(&home, &path, "maildir", "native", 0).await?;
    assert_eq!(files(&out)?, before, "each item is there once, as it was exported");
    let other = home.path("other.pst");
    let mut made = Pst::new(Crypt::None).record_key(*b"another-store-16").create(&other)?;
    let (top, note) = (made.top(), Message::new("IPM.Note").text("Other", "x"));
    let folder = made.folder(top, Folder::new("Large").class("IPF.Note"))?;
    made.item(folder, &note)?;
    made.finish()?;
    let words = ["pst", "export", "--to", "maildir", "--out"].map(str::to_owned).into_iter();
    let ended = home
        .run(words.clone().chain([out.display().to_string(), other.display().to_string()]))
        .await?
        .with(2);
    assert!(ended.err.contains("another store"), "{}", ended.err);
    assert_eq!(files(&out)?, before);
    // A mark that a full disk has emptied is nobody's, and no leave to write.
    fs::write(out.join(".malote-pst-export"), "")?;
    let ended =
        home.run(words.chain([out.display().to_string(), other.display().to_string()])).await?.with(2);
    assert!(ended.err.contains("something else"), "{}", ended.err);
    assert_eq!(files(&out)?, before);
    // What is left of an export that was killed before it wrote anything is in nobody's way.
    let killed = home.path("killed");
    fs::create_dir(&killed)?;
    fs::write(killed.join(".malote-pst-exportQ1w2e3"), "half a ma")?;
    export_to(&home, &other, &killed, 0).await?;
    Ok(())
}

#[tokio::test]
async fn an_mbox_file_has_its_name_only_when_it_is_whole() -> Result<()> {
    let home = Home::new()?;
    let path = home.path("named.pst");
    store(&path, 40)?;
    let out = export(&home, &path, "mbox", "native", 0).await?;
    let (file, whole) = (out.join("Large.mbox"), messages(&out)?);
    fs::remove_file(&file)?;
    fs::create_dir(&file)?;
    let ended = export_to(&home, &path, &out, 4).await?;
    assert!(ended.err.contains("Large.mbox"), "{}", ended.err);
    assert_eq!(files(&out)?, [out.join(".malote-pst-export")], "nothing half made is left");
    fs::remove_dir(&file)?;
    export_to(&home, &path, &out, 0).await?;
    assert_eq!(messages(&out)?, whole);
    Ok(())
}

/// A file may grow to so many blocks of 512 octets; more is refused as on a disk that takes no more.
const REFUSED: &[&str] = &["sh", "-c", "trap '' XFSZ; ulimit -f 9000; exec \"$0\" \"$@\""];

#[tokio::test]
async fn what_a_disk_refuses_within_a_message_is_told_as_it_is() -> Result<()> {
    let home = Home::new()?;
    let path = home.path("refused.pst");
    store(&path, 40)?;
    let out = home.path("out");
    let words = ["pst", "export", "--to", "mbox", "--out"].map(str::to_owned).into_iter();
    let words = words.chain([out.display().to_string(), path.display().to_string()]);
    let ended = Ended::of(home.below(REFUSED, words)).await?.with(4);
    assert!(ended.err.contains("File too large"), "{}", ended.err);
    assert_eq!(files(&out)?, [out.join(".malote-pst-export")]);
    Ok(())
}

async fn export_to(home: &Home, path: &Path, out: &Path, code: i32) -> Result<Ended> {
    let words = ["pst", "export", "--to", "mbox", "--out"].map(str::to_owned).into_iter();
    let words = words.chain([out.display().to_string(), path.display().to_string()]);
    Ok(home.run(words).await?.with(code))
}

#[tokio::test]
async fn no_line_of_a_message_is_taken_for_one_of_an_exported_mbox() -> Result<()> {
    let home = Home::new()?;
    let path = home.path("lines.pst");
    let mut store = Pst::new(Crypt::None).create(&path)?;
    let top = store.top();
    let folder = store.folder(top, Folder::new("Kunden").class("IPF.Note"))?;
    let headers =
        "X-Mozilla-Status: 0009\r\nX-Status: D\r\nContent-Length: 2\r\nMessage-ID: <1@example.org>\r\n";
    let message =
        Message::new("IPM.Note").text("Offer", "From here on\r\n").with(0x7D, Value::Text(headers.into()));
    let categories = Value::Texts(vec!["Vermelho".into(), "Pago".into()]);
    store.item(folder, &message.named(PS_PUBLIC_STRINGS, "Keywords", categories))?;
    store.finish()?;
    let out = export(&home, &path, "mbox", "native", 0).await?;
    let from = format!("mbox:{}", out.display());
    let to = format!("maildir:{}", home.path("copied").display());
    let ended = home.run(["copy", "--json", "--quiet", "--from", &from, "--to", &to]).await?.with(0);
    assert_eq!(ended.total("copied"), 1, "{}", ended.out);
    let letter = |folder: &Path, part: &str| -> Result<String> {
        let mut all = files(folder)?.into_iter().filter(|path| path.display().to_string().contains(part));
        Ok(fs::read_to_string(all.next().context("no letter")?)?.replace("\r\n", "\n"))
    };
    let letters = export(&home, &path, "eml", "native", 0).await?;
    let copied = letter(&home.path("copied"), "/cur/")?;
    assert_eq!(copied, letter(&letters, ".eml")?, "the message is as it was");
    let keywords = files(&home.path("copied"))?.into_iter().find(|path| path.ends_with("dovecot-keywords"));
    let keywords = fs::read_to_string(keywords.context("no keywords came")?)?;
    assert!(["Vermelho", "Pago"].iter().all(|word| keywords.contains(word)), "{keywords}");
    Ok(())
}

/// Two folders of so many items; every third has a file that is only a path, every fifth one in its message.
fn lossy(path: &Path, items: usize) -> Result<()> {
    let mut store = Pst::new(Crypt::None).create(path)?;
    let top = store.top();
    for name in ["First", "Second"] {
        let folder = store.folder(top, Folder::new(name).class("IPF.Note"))?;
        for number in 0..items {
            let id = format!("<{name}-{number}@lossy.example>");
            let reference = Attachment::reference("plan.doc", "\\\\server\\plans\\plan.doc");
            let mut message =
                Message::new("IPM.Note").text(&format!("Ação {number:03}"), "x").id(&id).dated(NOON);
            if number % 3 == 0 {
                message = message.attach(reference.clone());
            }
            if number % 5 == 0 {
                let inner = Message::new("IPM.Note").text("Within", "y").dated(NOON).attach(reference);
                message = message.attach(Attachment::item("Within", inner));
            }
            store.item(folder, &message)?;
        }
    }
    store.finish()?;
    Ok(())
}

#[tokio::test]
async fn half_a_character_is_told_as_lost_by_either_reader() -> Result<()> {
    let home = Home::new()?;
    let (path, list) = (home.path("features.pst"), home.path("losses.jsonl"));
    features::write(&path, Pst::new(Crypt::Permute), Format::Unicode)?;
    let (store, lists) = (path.display().to_string(), list.display().to_string());
    for reader in ["native", "libpff"] {
        home.run(["pst", "check", "--reader", reader, "--losses", &lists, &store]).await?.with(3);
        let text = fs::read_to_string(&list)?;
        let line = text.lines().find(|line| line.contains("Half a pair")).context("nothing is told of it")?;
        let losses = serde_json::from_str::<serde_json::Value>(line)?["losses"].clone();
        let kinds: Vec<_> = losses.as_array().context("a list")?.iter().map(|loss| &loss["kind"]).collect();
        assert_eq!(kinds, ["text-undecodable"], "{reader}: {line}");
    }
    Ok(())
}

#[tokio::test]
async fn what_each_item_lost_is_listed_item_by_item() -> Result<()> {
    let home = Home::new()?;
    let (path, list) = (home.path("lossy.pst"), home.path("losses.jsonl"));
    lossy(&path, 100)?;
    let (store, lists) = (path.display().to_string(), list.display().to_string());
    let check = ["pst", "check", "--reader", "native", "--losses", &lists, &store];
    let told = home.run(check.into_iter().chain(["--json"])).await?.with(0).json();
    let text = fs::read_to_string(&list)?;
    let lines: Vec<serde_json::Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!(
        lines[0],
        serde_json::json!({"schema": "malote.pst-losses/1", "store": "lossy.pst", "items": 94})
    );
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    for line in &lines[1..] {
        let losses = line["losses"].as_array().context("no losses")?;
        let places: Vec<_> = losses.iter().map(|loss| loss["attachments"].to_string()).collect();
        assert!(losses.iter().all(|loss| loss["kind"] == "attachment-reference"), "{line}");
        let of = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let folder = line["folder"][0].as_str().unwrap_or_default();
        found.push((folder.to_owned(), of("message_id"), of("subject"), places));
    }
    for folder in ["First", "Second"] {
        for number in (0..100).filter(|number| number % 3 == 0 || number % 5 == 0) {
            let places = match (number % 3 == 0, number % 5 == 0) {
                (true, true) => vec!["[0]", "[1,0]"],
                (true, false) => vec!["[0]"],
                _ => vec!["[0,0]"],
            };
            let places = places.into_iter().map(str::to_owned).collect();
            let id = format!("<{folder}-{number}@lossy.example>");
            expected.push((folder.to_owned(), id, format!("Ação {number:03}"), places));
        }
    }
    assert_eq!(found, expected);
    let counted: usize = expected.iter().map(|(.., places)| places.len()).sum();
    assert_eq!(told["losses"]["attachment-reference"], counted, "{told}");

    // An earlier list is replaced, and an export lists the same.
    let out = home.path("out").display().to_string();
    let export =
        ["pst", "export", "--reader", "native", "--losses", &lists, "--to", "mbox", "--out", &out, &store];
    let ended = home.run(export).await?.with(0);
    assert!(ended.out.contains(&format!("item by item: {lists}")), "{}", ended.out);
    assert_eq!(fs::read_to_string(&list)?, text);

    // Nothing else is.
    let octets = fs::read(&path)?;
    let ended = home.run(["pst", "check", "--losses", &store, &store]).await?.with(2);
    assert!(ended.err.contains("holds something else"), "{}", ended.err);
    assert_eq!(fs::read(&path)?, octets, "the store is as it was");
    Ok(())
}

#[test]
fn the_documents_table_of_losses_is_that_of_the_program() -> Result<()> {
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pst.md"))?;
    let rows = document.lines().skip_while(|line| !line.starts_with("| kind | what it means |")).skip(2);
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    let kinds: Vec<String> =
        LossKind::all().map(|kind| format!("| `{}` | {} |", kind.as_str(), kind.meaning())).collect();
    assert_eq!(rows, kinds);
    Ok(())
}
