//! Files of every kind: told by their octets, looked into, mapped, sent as a form; archives that lie.
//! Never reads a foreign file.

use std::io::Write as _;

use acceptance::service::hex;
use anyhow::{Context as _, Result};
use axum::body::{Body, Bytes};
use futures_util::stream;
use serde_json::{Value, json};

use super::hostile::{Place, mbox};

const LETTER: &[u8] =
    b"From: bia@x.br\r\nTo: ana@x.br\r\nMessage-ID: <one@x.br>\r\nSubject: one\r\n\r\nText.\r\n";

/// A gzipped tar of these entries.
pub fn tgz(entries: &[(&str, &[u8])]) -> Result<Vec<u8>> {
    let packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut archive = tar::Builder::new(packer);
    for (name, octets) in entries {
        let mut header = tar::Header::new_gnu();
        // A name that leads out of the archive is not taken by the polite way.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(octets.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, *octets)?;
    }
    Ok(archive.into_inner()?.finish()?)
}

pub fn zip(entries: &[(&str, &[u8])]) -> Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, octets) in entries {
        archive.start_file(*name, zip::write::SimpleFileOptions::default())?;
        archive.write_all(octets)?;
    }
    Ok(archive.finish()?.into_inner())
}

async fn seen(place: &Place, upload: &str) -> Result<Value> {
    let told = place.world.get(&place.lead, &format!("/migration/uploads/{upload}/folders")).await?;
    Ok(told.with(200).json())
}

#[tokio::test]
async fn a_file_is_what_its_octets_say_and_its_folders_are_shown() -> Result<()> {
    let place = Place::new().await?;
    let store = place.world.folder.path().join("own.pst");
    let mut pst = pst_writer::Pst::new(pst_writer::Crypt::Permute).create(&store)?;
    let inbox = pst.folder(pst.top(), pst_writer::Folder::new("Inbox").class("IPF.Note"))?;
    for number in 0..3 {
        pst.item(inbox, &pst_writer::Message::new("IPM.Note").text(&format!("{number}"), "text"))?;
    }
    pst.finish()?;
    for (name, octets, kind, folder, messages) in [
        ("Enviadas 2020.pst", mbox(4, 1), "mbox", "Enviadas 2020", 4),
        ("x", LETTER.to_vec(), "eml", "", 1),
        ("x.zip", zip(&[("Box/a.eml", LETTER), ("Box/b.eml", LETTER)])?, "zip", "Box", 2),
        ("x.tgz", tgz(&[("Old/a.eml", LETTER)])?, "tgz", "Old", 1),
        ("x.mbox", std::fs::read(&store)?, "pst", "INBOX", 3),
    ] {
        let upload = place.bring(name, &octets, json!({})).await?;
        let row =
            place.world.get(&place.lead, &format!("/migration/uploads/{upload}")).await?.with(200).json();
        assert_eq!(
            (&row["detected_kind"], &row["is_mapped"]),
            (&json!(kind), &json!(false)),
            "{name}: {row}"
        );
        let seen = seen(&place, &upload).await?;
        assert_eq!(seen["messages"], messages, "{name}: {seen}");
        let paths: Vec<&str> = seen["folders"]
            .as_array()
            .context("no folders")?
            .iter()
            .filter_map(|f| f["path"].as_str())
            .collect();
        assert!(folder.is_empty() || paths.contains(&folder), "{name}: {seen}");
    }
    Ok(())
}

#[tokio::test]
async fn archives_that_lie_are_told_and_never_unpacked() -> Result<()> {
    let place = Place::new().await?;
    let whole = tgz(&[("Inbox/a.eml", LETTER), ("Inbox/b.eml", &mbox(900, 7))])?;
    let bomb = zip(&[("a.eml", &[LETTER, &vec![b'a'; 80 * 1024 * 1024]].concat())])?;
    for (what, octets, word) in [
        ("cut off", whole[..whole.len() / 2].to_vec(), "cut off"),
        ("names that lead out", tgz(&[("../../evil.eml", LETTER), ("Inbox/a.eml", LETTER)])?, "lead out"),
        ("a bomb", bomb, "expands"),
    ] {
        let upload = place.bring(what, &octets, json!({})).await?;
        let seen = seen(&place, &upload).await?;
        let damage = seen["damage"].to_string();
        assert!(damage.contains(word), "{what}: {seen}");
    }
    let outside = place.world.folder.path();
    assert!(!outside.join("evil.eml").exists() && !outside.join("data/evil.eml").exists());
    Ok(())
}

#[tokio::test]
async fn each_file_is_a_mailbox_of_its_own_and_none_comes_twice() -> Result<()> {
    let place = Place::new().await?;
    let octets = mbox(4, 1);
    // The mailbox reads from a server already: the file becomes another beside it.
    let upload = place.bring("a.mbox", &octets, json!({"email": "ANA@x.br"})).await?;
    let list = format!("/migration/jobs/{}/mailboxes", place.job);
    let boxes = place.world.get(&place.lead, &list).await?.with(200).json();
    let kinds: Vec<&str> = boxes["items"]
        .as_array()
        .context("no list")?
        .iter()
        .filter_map(|b| b["source_type"].as_str())
        .collect();
    assert_eq!(kinds, ["imap", "mbox"]);
    let twin = place.upload(&octets).await?;
    place.chunk(&twin, 0, &octets).await?.with(204);
    place.complete(&twin, json!({})).await?.with(200);
    let map = format!("/migration/uploads/{twin}/map");
    place.world.post(&place.lead, &map, json!({"email": "ana@x.br"})).await?.refused(409, "conflict");
    let wish = json!({"file_name": "b", "size": octets.len(), "email": "ana@x.br"});
    let third = place.begin(wish).await?.with(201).json()["id"].as_str().context("no id")?.to_owned();
    place.chunk(&third, 0, &octets).await?.with(204);
    place.complete(&third, json!({})).await?.refused(409, "conflict");
    // Two requests at once give a file to one mailbox.
    let other = place.bring("c.mbox", &mbox(4, 2), json!({})).await?;
    let map = format!("/migration/uploads/{other}/map");
    let body = || json!({"mailbox_id": place.mailbox});
    let (one, two) = tokio::join!(
        place.world.post(&place.lead, &map, body()),
        place.world.post(&place.lead, &map, body())
    );
    let mut statuses = [one?.status, two?.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let boxes = place.world.get(&place.lead, &list).await?.with(200).json();
    assert_eq!(boxes["total"], 3, "{boxes}");
    // What never ran goes with its mailbox.
    let path = format!("/migration/uploads/{upload}");
    place.world.ask(place.world.request("DELETE", &path, &place.lead, None)?).await?.with(204);
    let boxes = place.world.get(&place.lead, &list).await?.with(200).json();
    assert_eq!(boxes["total"], 2, "{boxes}");
    Ok(())
}

#[tokio::test]
async fn of_two_completions_of_the_same_octets_at_once_one_is_the_first() -> Result<()> {
    let place = Place::new().await?;
    for seed in 10..16 {
        let octets = mbox(4, seed);
        let mut both = Vec::new();
        for name in ["a.mbox", "b.mbox"] {
            let wish = json!({"file_name": name, "size": octets.len(), "email": "ana@x.br"});
            let id = place.begin(wish).await?.with(201).json()["id"].as_str().context("no id")?.to_owned();
            place.chunk(&id, 0, &octets).await?.with(204);
            both.push(id);
        }
        let (one, two) =
            tokio::join!(place.complete(&both[0], json!({})), place.complete(&both[1], json!({})));
        let mut statuses = [one?.status, two?.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "seed {seed}");
    }
    let list = format!("/migration/jobs/{}/mailboxes", place.job);
    let boxes = place.world.get(&place.lead, &list).await?.with(200).json();
    assert_eq!(boxes["total"], 7, "the server's and one of each: {boxes}");
    Ok(())
}

/// A form of these fields, the file last.
fn form(fields: &[(&str, &str)], file: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend_from_slice(
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").as_bytes(),
        );
    }
    body.extend_from_slice(
        b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../a.pst\"\r\n\
          Content-Type: application/vnd.ms-outlook\r\n\r\n",
    );
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--b--\r\n");
    body
}

/// A form with a field behind its file.
fn behind(form: &[u8]) -> Vec<u8> {
    let mut body = form[..form.len() - b"--\r\n".len()].to_vec();
    body.extend_from_slice(b"\r\nContent-Disposition: form-data; name=\"mailbox_id\"\r\n\r\n1\r\n--b--\r\n");
    body
}

async fn send(place: &Place, kind: &str, body: Body) -> Result<crate::world::Answer> {
    let path = format!("/migration/jobs/{}/upload-pst", place.job);
    let mut request = place.world.request("POST", &path, &place.lead, None)?;
    request.headers_mut().insert("content-type", kind.parse()?);
    *request.body_mut() = body;
    place.world.ask(request).await
}

#[tokio::test]
async fn a_form_brings_a_file_at_once_or_nothing() -> Result<()> {
    let place = Place::new().await?;
    let (octets, kind) = (mbox(500, 1), "multipart/form-data; boundary=b");
    let (digest, zeros) = (hex(&octets), "0".repeat(64));
    for (what, kind, body, status, code) in [
        ("no form", "application/json", form(&[], &octets), 415, "unsupported_media_type"),
        ("an unknown field", kind, form(&[("x", "1")], &octets), 422, "invalid"),
        ("no such mailbox", kind, form(&[("mailbox_id", "999")], &octets), 422, "invalid"),
        ("another kind", kind, form(&[("kind", "pst")], &octets), 415, "unsupported_media_type"),
        ("another digest", kind, form(&[("sha256", &zeros)], &octets), 422, "checksum"),
        ("read through for nobody", kind, form(&[("start", "true")], &octets), 422, "invalid"),
        ("a mailbox behind the file", kind, behind(&form(&[], &octets)), 422, "invalid"),
        ("no file", kind, b"--b--\r\n".to_vec(), 422, "invalid"),
        ("an empty file", kind, form(&[], b""), 422, "invalid"),
        ("a cut form", kind, form(&[], &octets)[..octets.len() / 2].to_vec(), 400, "bad_request"),
        ("a long field", kind, form(&[("email", &"a".repeat(9000))], &octets), 413, "too_large"),
    ] {
        let told = send(&place, kind, Body::from(body)).await?;
        assert_eq!((told.status, &told.json()["code"]), (status, &json!(code)), "{what}: {}", told.text);
    }
    let pieces = vec![
        Ok(Bytes::copy_from_slice(&form(&[], &octets)[..100_000])),
        Err(std::io::Error::other("the line broke")),
    ];
    send(&place, kind, Body::from_stream(stream::iter(pieces))).await?.refused(400, "bad_request");
    let body = form(&[("email", "ana@x.br"), ("sha256", &digest)], &octets);
    let told = send(&place, kind, Body::from(body)).await?.with(201).json();
    assert_eq!((&told["size"], &told["sha256"]), (&json!(octets.len()), &json!(digest)), "{told}");
    assert_eq!((&told["detected_kind"], &told["is_mapped"]), (&json!("mbox"), &json!(true)), "{told}");
    // What was given up is cleared away behind the answer.
    let kept = [told["upload_id"].as_str().context("no id")?.to_owned()];
    acceptance::program::until("the folder to hold one file", || place.files() == kept).await;
    let list = format!("/migration/jobs/{}/uploads", place.job);
    let rows = place.world.get(&place.lead, &list).await?.with(200).json();
    let open =
        rows["items"].as_array().context("no list")?.iter().filter(|row| row["state"] == "open").count();
    assert_eq!(open, 0, "{rows}");
    Ok(())
}
