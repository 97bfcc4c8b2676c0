//! Damaged items of a store in the quarantine of a copy: named, shown, exported, tried again, accepted.
//! Never reads a foreign file: the stores are written by the tests' own writer and damaged afterwards.

use std::fs;
use std::path::Path;

use acceptance::program::{Ended, Home, between};
use acceptance::reader::Reader;
use acceptance::servers::Dovecot;
use anyhow::{Context as _, Result, ensure};
use pst_writer::{Attachment, Crypt, Data, Folder, Message, Pst};
use serde_json::Value;

/// Stands in one block of the file and nowhere else.
const OF_FILE: &[u8] = b"octets of an attachment that are found in the file, and then are others";
/// `bSig` and `bClientSig` of a heap of properties ([MS-PST] §2.3.1.2).
const HEAP: [u8; 2] = [0xEC, 0xBC];
const OF_BODY: &str = "words of a body that lie among the item's own properties";

fn item(number: i64, subject: &str, text: &str) -> Message {
    let message = Message::new("IPM.Note").text(subject, text).dated(1_719_828_000 + 60 * number);
    message.from("Ana Gonçalves", "ana@example.org").id(&format!("<{number}@example.org>"))
}

/// A store of four mails: one without damage, one with a damaged file, one with damaged properties, one whole again.
fn store(path: &Path) -> Result<()> {
    let mut store = Pst::new(Crypt::None).create(path)?;
    let inbox = store.folder(store.top(), Folder::new("Kunden").class("IPF.Note"))?;
    store.item(inbox, &item(1, "whole", "one"))?;
    let file = Attachment::file("contract.bin", "application/x-contract", Data::Held(OF_FILE.repeat(300)));
    store.item(inbox, &item(2, "contract", "see the file").attach(file))?;
    store.item(inbox, &item(3, "Orçamento perdido", OF_BODY))?;
    store.item(inbox, &item(4, "whole too", "four"))?;
    store.finish()?;
    let wide: Vec<u8> = OF_BODY.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut octets = fs::read(path)?;
    let find =
        |octets: &[u8], needle: &[u8]| octets.windows(needle.len()).position(|window| window == needle);
    let at = find(&octets, OF_FILE).context("the file is not there")?;
    octets[at] ^= 1;
    // All that leads through the item's properties is gone: the head of their heap ([MS-PST] §2.3.1.2).
    let body = find(&octets, &wide).context("the body is not there")?;
    let head = octets[..body].windows(4).rposition(|window| window[2..] == HEAP).context("it has no heap")?;
    octets[head..head + 32].fill(0);
    fs::write(path, octets)?;
    Ok(())
}

struct Ground {
    home: Home,
    server: Dovecot,
    from: String,
}

impl Ground {
    fn new() -> Result<Self> {
        let home = Home::new()?;
        let path = home.path("mail.pst");
        store(&path)?;
        let from = format!("pst:{}", path.display());
        Ok(Self { home, server: Dovecot::with_users(&[("ana", "segredo")])?, from })
    }

    async fn copy(&self, options: &[&str]) -> Result<Ended> {
        let to = self.server.url("ana");
        self.home.run(between("copy", &self.from, &to).into_iter().chain(options.iter().copied())).await
    }

    async fn quarantine(&self, words: &[&str]) -> Result<Ended> {
        let to = self.server.url("ana");
        let all = [&["quarantine"], words, &["--from", &self.from, "--to", &to]].concat();
        self.home.run(all).await
    }
}

fn messages(listed: &Value) -> Result<Vec<Value>> {
    listed["messages"].as_array().cloned().context("no messages")
}

#[tokio::test]
async fn a_damaged_item_is_named_by_all_that_can_be_read_of_it() -> Result<()> {
    let ground = Ground::new()?;
    let ended = ground.copy(&[]).await?.with(3);
    assert_eq!((ended.total("copied"), ended.total("quarantined")), (2, 2), "{}", ended.out);
    let store = ended.json()["store"].clone();
    assert_eq!((&store["listed"], &store["sent"], &store["quarantined"]), (&4.into(), &2.into(), &2.into()));
    assert_eq!(store["balances"], true, "{store:#}");

    let listed = messages(&ground.quarantine(&["ls", "--json"]).await?.with(0).json())?;
    let subjects: Vec<&str> = listed.iter().filter_map(|one| one["item"]["subject"].as_str()).collect();
    assert_eq!(subjects, ["contract", "Orçamento perdido"], "{listed:#?}");
    for one in &listed {
        let item = &one["item"];
        assert_eq!((&one["reason"], &one["folder"]), (&"unreadable".into(), &"Kunden".into()));
        assert_eq!((&item["class"], &item["folder"][0]), (&"IPM.Note".into(), &"Kunden".into()), "{item:#}");
        assert_eq!(item["sender"], "Ana Gonçalves", "{item:#}");
        ensure!(item["date"].as_str().is_some_and(|date| date.starts_with("2024-07-01T10:0")), "{item:#}");
        ensure!(item["node"].as_str().is_some_and(|node| node.starts_with("0x")), "{item:#}");
        ensure!(one["file"].as_str().is_some_and(|file| file.ends_with(".json")), "{one:#}");
    }
    let text = ground.quarantine(&["ls"]).await?.with(0).out;
    ensure!(text.contains("Orçamento perdido (IPM.Note 0x"), "{text}");
    let shown = ground.quarantine(&["show"]).await?.with(0).out;
    for words in
        ["subject  contract", "subject  Orçamento perdido", "from     Ana Gonçalves", "item     IPM.Note"]
    {
        ensure!(shown.contains(words), "no `{words}` in {shown}");
    }
    let out = ground.home.path("out").display().to_string();
    let manifest = ground.quarantine(&["export", "--json", "--out", &out]).await?.with(0).json();
    for line in messages(&manifest)? {
        let name = line["exported"].as_str().context("no name")?;
        let dump: Value = serde_json::from_slice(&fs::read(Path::new(&out).join(name))?)?;
        assert_eq!(dump["schema"], "malote.pst-item/1", "{name}");
        assert_eq!(dump["subject"], line["item"]["subject"], "{name}");
        ensure!(dump["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{dump:#}");
    }
    // The second run tries neither again, keeps no second file, and says the same.
    let folder = |home: &Home| -> Result<usize> {
        let beside = home.ledgers().first().context("no ledger")?.with_added_extension("quarantine");
        Ok(fs::read_dir(beside)?.count())
    };
    assert_eq!(folder(&ground.home)?, 2);
    let second = ground.copy(&[]).await?.with(3);
    assert_eq!((second.total("already"), second.total("quarantined")), (2, 2), "{}", second.out);
    assert_eq!((second.json()["store"]["balances"].clone(), folder(&ground.home)?), (true.into(), 2));
    Ok(())
}

#[tokio::test]
async fn an_operator_may_accept_an_item_or_have_it_carried_with_a_stub() -> Result<()> {
    let ground = Ground::new()?;
    ground.copy(&[]).await?.with(3);
    // Nothing has changed: it is tried again and stays.
    let retried = ground.quarantine(&["retry", "--json", "--quiet"]).await?.with(3);
    assert_eq!((retried.total("copied"), retried.total("quarantined")), (0, 2), "{}", retried.out);
    let stubbed = ground.quarantine(&["retry", "--json", "--quiet", "--unreadable", "stub"]).await?.with(3);
    assert_eq!((stubbed.total("copied"), stubbed.total("quarantined")), (1, 1), "{}", stubbed.out);
    let listed = messages(&ground.quarantine(&["ls", "--json"]).await?.with(0).json())?;
    assert_eq!((listed.len(), &listed[0]["item"]["subject"]), (1, &"Orçamento perdido".into()));
    let all = Reader::login(ground.server.port(), "ana", "segredo").await?.everything().await?;
    assert_eq!(all.len(), 3);
    let carried = all.iter().filter(|one| String::from_utf8_lossy(&one.octets).contains("contract.bin"));
    assert_eq!(carried.count(), 1, "the stub names the file");
    ground.quarantine(&["acknowledge", "--json"]).await?.with(0);
    let last = ground.copy(&[]).await?.with(0);
    assert_eq!((last.total("already"), last.total("quarantined")), (3, 1), "{}", last.out);
    assert_eq!(last.json()["quarantine"][0]["acknowledged"], true);
    Ok(())
}
