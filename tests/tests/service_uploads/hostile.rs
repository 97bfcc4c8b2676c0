//! Uploads attacked: wrong digests, wrong offsets, two writers, other tenants, names that are paths, full disks.
//! Never trusts an answer alone: after each, the offset and the folder are looked at.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use acceptance::service::{checksum, hex};
use anyhow::{Context as _, Result};
use axum::body::{Body, Bytes};
use axum::http::Request;
use futures_util::stream;
use malote_service::binds;
use malote_service::uploads::limits::{CHUNK_BYTES_MIN, IDLE_MILLIS, KEPT_MILLIS};
use malote_service::uploads::sweep::sweep;
use serde_json::{Value, json};

use crate::world::{Answer, Person, World};

/// The shortest chunk that is not the last.
const CHUNK: usize = CHUNK_BYTES_MIN as usize;

/// An mbox of so many messages; each file of another seed has other octets.
pub fn mbox(messages: usize, seed: usize) -> Vec<u8> {
    let mut text = String::new();
    for number in 0..messages {
        text += &format!(
            "From bia@x.br Thu Jan  1 00:00:00 2015\nFrom: bia@x.br\nTo: ana@x.br\n\
             Message-ID: <{seed}-{number}@x.br>\nDate: Thu, 1 Jan 2015 00:00:00 +0000\nSubject: {seed} {number}\n\n\
             {}\n\n",
            "a line of text. ".repeat(40)
        );
    }
    text.into_bytes()
}

/// A job with a mailbox, and who may upload to it.
pub struct Place {
    pub world: World,
    pub lead: Person,
    pub job: i64,
    pub mailbox: i64,
}

impl Place {
    pub async fn new() -> Result<Self> {
        Self::lay(World::new().await?).await
    }

    pub async fn lay(world: World) -> Result<Self> {
        let lead = world.user("lead", &["ops_lead"], &[]).await?;
        let job = world.job(&lead, 1, "x.br").await?;
        let mailbox = world.mailbox(&lead, job, "ana@x.br").await?;
        let place = Self { world, lead, job, mailbox };
        // The machine of the tests need not have as much room as a server.
        place.limit(json!({"free_bytes_min": 0})).await?;
        Ok(place)
    }

    /// Sets limits as an administrator would.
    pub async fn limit(&self, limits: Value) -> Result<()> {
        let text = "INSERT INTO system_settings (key, value_json) VALUES ('uploads', $1)
                    ON CONFLICT (key) DO UPDATE SET value_json = excluded.value_json";
        self.world.sql(text, binds![limits.to_string()]).await
    }

    pub async fn begin(&self, wish: Value) -> Result<Answer> {
        self.world.post(&self.lead, &format!("/migration/jobs/{}/uploads", self.job), wish).await
    }

    /// Begins an upload of these octets; its id.
    pub async fn upload(&self, octets: &[u8]) -> Result<String> {
        let told = self.begin(json!({"file_name": "mail", "size": octets.len()})).await?.with(201);
        Ok(told.json()["id"].as_str().context("no id")?.to_owned())
    }

    /// A chunk, with headers that may be left out or changed.
    pub fn patch(&self, upload: &str, headers: &[(&str, &str)], body: Body) -> Result<Request<Body>> {
        let mut request =
            self.world.request("PATCH", &format!("/migration/uploads/{upload}"), &self.lead, None)?;
        for (name, value) in headers {
            request.headers_mut().insert(axum::http::HeaderName::try_from(*name)?, value.parse()?);
        }
        *request.body_mut() = body;
        Ok(request)
    }

    pub async fn chunk(&self, upload: &str, offset: usize, octets: &[u8]) -> Result<Answer> {
        let (offset, digest) = (offset.to_string(), checksum(octets));
        let request = self.patch(upload, &right(&offset, &digest), Body::from(octets.to_vec()))?;
        self.world.ask(request).await
    }

    pub async fn offset(&self, upload: &str) -> Result<u64> {
        let told = self.world.get(&self.lead, &format!("/migration/uploads/{upload}")).await?.with(200);
        assert_eq!(told.header("upload-offset"), told.json()["received_bytes"].to_string());
        told.json()["received_bytes"].as_u64().context("no offset")
    }

    pub async fn complete(&self, upload: &str, wish: Value) -> Result<Answer> {
        self.world.post(&self.lead, &format!("/migration/uploads/{upload}/complete"), wish).await
    }

    /// Brings octets as a complete upload of a mailbox or of nobody; its id.
    pub async fn bring(&self, name: &str, octets: &[u8], wish: Value) -> Result<String> {
        let mut told = json!({"file_name": name, "size": octets.len()});
        told.as_object_mut().context("an object")?.extend(wish.as_object().cloned().unwrap_or_default());
        let upload = self.begin(told).await?.with(201).json()["id"].as_str().context("no id")?.to_owned();
        self.chunk(&upload, 0, octets).await?.with(204);
        self.complete(&upload, json!({"sha256": hex(octets)})).await?.with(200);
        Ok(upload)
    }

    pub fn folder(&self) -> PathBuf {
        self.world.app.config.uploads()
    }

    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder()).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// The headers of a chunk as they should be.
pub fn right<'a>(offset: &'a str, digest: &'a str) -> [(&'static str, &'a str); 3] {
    [
        ("content-type", "application/offset+octet-stream"),
        ("upload-offset", offset),
        ("upload-checksum", digest),
    ]
}

/// What is sent, its headers and octets, and how it is refused.
type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, Vec<u8>, u16, &'a str);

#[tokio::test]
async fn a_chunk_counts_as_a_whole_or_not_at_all() -> Result<()> {
    let place = Place::new().await?;
    let octets = mbox(400, 1);
    let upload = place.upload(&octets).await?;
    place.chunk(&upload, 0, &octets[..CHUNK]).await?.with(204);
    let (next, other) = (&octets[CHUNK..2 * CHUNK], checksum(b"other"));
    let (at, digest) = (CHUNK.to_string(), checksum(next));
    let typed = ("content-type", "application/offset+octet-stream");
    let long = octets.len().to_string();
    let cases: [Case; 9] = [
        ("wrong digest", right(&at, &other).to_vec(), next.to_vec(), 422, "checksum"),
        ("octets seen before", right("0", &digest).to_vec(), next.to_vec(), 409, "conflict"),
        ("a gap", right(&long, &digest).to_vec(), next.to_vec(), 409, "conflict"),
        ("overlap", right("100", &digest).to_vec(), next.to_vec(), 409, "conflict"),
        ("no offset", vec![typed, ("upload-checksum", &digest)], next.to_vec(), 400, "bad_request"),
        ("negative", right("-1", &digest).to_vec(), next.to_vec(), 400, "bad_request"),
        ("no digest", vec![typed, ("upload-offset", &at)], next.to_vec(), 400, "bad_request"),
        (
            "another type",
            vec![("content-type", "text/plain"), ("upload-offset", &at), ("upload-checksum", &digest)],
            next.to_vec(),
            415,
            "unsupported_media_type",
        ),
        ("too long", right(&at, &digest).to_vec(), [&octets[..], &octets[..]].concat(), 413, "too_large"),
    ];
    for (what, headers, body, status, code) in cases {
        let told = place.world.ask(place.patch(&upload, &headers, Body::from(body))?).await?;
        assert_eq!((told.status, &told.json()["code"]), (status, &json!(code)), "{what}: {}", told.text);
        assert_eq!(place.offset(&upload).await?, CHUNK as u64, "{what}");
    }
    place.chunk(&upload, CHUNK, &next[..100]).await?.refused(400, "bad_request");
    place.chunk(&upload, CHUNK, b"").await?.refused(400, "bad_request");
    let pieces =
        vec![Ok(Bytes::copy_from_slice(&next[..5000])), Err(std::io::Error::other("the line broke"))];
    let broken = Body::from_stream(stream::iter(pieces));
    let told = place.world.ask(place.patch(&upload, &right(&at, &digest), broken)?).await?;
    told.refused(400, "bad_request");
    assert_eq!(place.offset(&upload).await?, CHUNK as u64);
    place.complete(&upload, json!({})).await?.refused(409, "conflict");
    place.chunk(&upload, CHUNK, &octets[CHUNK..]).await?.with(204);
    place.complete(&upload, json!({})).await?.with(200);
    let again = place.complete(&upload, json!({})).await?.with(200).json();
    assert_eq!(again["sha256"], hex(&octets), "asked twice, it is done once");
    place.chunk(&upload, octets.len(), b"more").await?.refused(409, "finished");
    assert_eq!(std::fs::read(place.folder().join(&upload))?, octets);
    Ok(())
}

#[tokio::test]
async fn of_two_writers_one_waits() -> Result<()> {
    let place = Place::new().await?;
    let octets = mbox(400, 1);
    let upload = place.upload(&octets).await?;
    let (digest, (sender, receiver)) = (checksum(&octets), tokio::sync::mpsc::channel::<Bytes>(1));
    let body = Body::from_stream(stream::unfold(receiver, |mut receiver| async move {
        Some((Ok::<_, std::io::Error>(receiver.recv().await?), receiver))
    }));
    let first = place.world.ask(place.patch(&upload, &right("0", &digest), body)?);
    let second = async {
        sender.send(Bytes::copy_from_slice(&octets[..CHUNK])).await.unwrap();
        // The first has the file once it has taken a piece and room for the next.
        sender.send(Bytes::copy_from_slice(&octets[CHUNK..CHUNK + 10])).await.unwrap();
        let junk = vec![b'x'; octets.len()];
        let told = place.chunk(&upload, 0, &junk).await.unwrap();
        sender.send(Bytes::copy_from_slice(&octets[CHUNK + 10..])).await.unwrap();
        drop(sender);
        told
    };
    let (first, second) = tokio::join!(first, second);
    second.refused(409, "in_progress");
    first?.with(204);
    place.complete(&upload, json!({"sha256": hex(&octets)})).await?.with(200);
    Ok(())
}

#[tokio::test]
async fn another_tenant_sees_nothing_and_a_viewer_changes_nothing() -> Result<()> {
    let place = Place::new().await?;
    let octets = mbox(200, 1);
    let upload = place.upload(&octets).await?;
    let stranger = place.world.user("stranger", &["ops_lead"], &[2]).await?;
    let viewer = place.world.user("viewer", &["viewer"], &[1]).await?;
    let path = format!("/migration/uploads/{upload}");
    for (who, expected) in [(&stranger, 404), (&viewer, 403)] {
        for (method, path) in [
            ("PATCH", path.clone()),
            ("DELETE", path.clone()),
            ("POST", format!("{path}/complete")),
            ("POST", format!("{path}/map")),
            ("POST", format!("{path}/extract")),
            ("POST", format!("/migration/jobs/{}/uploads", place.job)),
            ("POST", format!("/migration/jobs/{}/upload-pst", place.job)),
        ] {
            let body = match path.rsplit('/').next() {
                Some("map") => json!({"email": "ana@x.br"}),
                Some("uploads") => json!({"file_name": "a", "size": 1}),
                _ => json!({}),
            };
            let told = place.world.send(who, method, &path, body).await?;
            assert_eq!(told.status, expected, "{method} {path}: {}", told.text);
        }
    }
    place.world.get(&stranger, &path).await?.with(404);
    place.world.get(&viewer, &path).await?.with(200);
    for id in ["..%2F..%2Fetc%2Fpasswd", "x", "00000000-0000-4000-8000-000000000000"] {
        place.world.get(&place.lead, &format!("/migration/uploads/{id}")).await?.with(404);
    }
    let beside = place.world.job(&place.lead, 1, "y.br").await?;
    let wish = json!({"file_name": "a", "size": 9, "mailbox_id": place.mailbox});
    place
        .world
        .post(&place.lead, &format!("/migration/jobs/{beside}/uploads"), wish)
        .await?
        .refused(422, "invalid");
    Ok(())
}

#[tokio::test]
async fn a_name_is_text_and_the_file_is_its_owners_alone() -> Result<()> {
    let place = Place::new().await?;
    let octets = mbox(3, 1);
    let wish = json!({"file_name": "../../../etc/cron.d/x", "size": octets.len()});
    let upload = place.begin(wish).await?.with(201).json()["id"].as_str().context("no id")?.to_owned();
    place.chunk(&upload, 0, &octets).await?.with(204);
    assert_eq!(place.files(), std::slice::from_ref(&upload));
    let mode = std::fs::metadata(place.folder().join(&upload))?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for name in ["", "a\u{0}b", "a\r\nb", &"x".repeat(300)] {
        place.begin(json!({"file_name": name, "size": 1})).await?.refused(422, "invalid");
    }
    for (field, value) in [
        ("kind", json!("exe")),
        ("sha256", json!("abc")),
        ("size", json!(0)),
        ("mailbox_id", json!(999)),
        ("email", json!("nobody@x.br")),
    ] {
        let mut wish = json!({"file_name": "a", "size": 1});
        wish[field] = value;
        place.begin(wish).await?.refused(422, "invalid");
    }
    Ok(())
}

#[tokio::test]
async fn each_limit_has_its_answer() -> Result<()> {
    let place = Place::new().await?;
    let wish = |size: u64| json!({"file_name": "a", "size": size});
    place.limit(json!({"free_bytes_min": 0, "file_bytes_max": 1000, "tenant_bytes_max": 1500})).await?;
    place.begin(wish(1001)).await?.refused(413, "too_large");
    let first = place.begin(wish(1000)).await?.with(201).json()["id"].as_str().context("no id")?.to_owned();
    place.begin(wish(501)).await?.refused(413, "too_large");
    place.begin(wish(500)).await?.with(201);
    let path = format!("/migration/uploads/{first}");
    place.world.ask(place.world.request("DELETE", &path, &place.lead, None)?).await?.with(204);
    place.begin(wish(1000)).await?.with(201);
    place.limit(json!({"free_bytes_min": 0, "open_per_user_max": 2})).await?;
    let told = place.begin(wish(1)).await?.refused(429, "rate_limited");
    assert!(!told.header("retry-after").is_empty());
    place.limit(json!({"free_bytes_min": 0})).await?;
    let octets = mbox(400, 1);
    let upload = place.upload(&octets).await?;
    place.limit(json!({"free_bytes_min": 1_u64 << 60})).await?;
    place.begin(wish(1)).await?.refused(503, "unavailable");
    place.chunk(&upload, 0, &octets).await?.refused(503, "unavailable");
    assert_eq!(place.offset(&upload).await?, 0);
    place.limit(json!({"free_bytes_min": 0})).await?;
    place.chunk(&upload, 0, &octets).await?.with(204);
    place.begin(wish(u64::MAX >> 1)).await?.refused(413, "too_large");
    Ok(())
}

#[tokio::test]
async fn what_nobody_goes_on_with_is_swept_away_and_what_a_mailbox_has_stays() -> Result<()> {
    let place = Place::new().await?;
    let kept = place.bring("kept.mbox", &mbox(5, 1), json!({"mailbox_id": place.mailbox})).await?;
    let nobodys = place.bring("nobodys.mbox", &mbox(5, 2), json!({})).await?;
    let octets = mbox(400, 3);
    let open = place.upload(&octets).await?;
    place.chunk(&open, 0, &octets[..CHUNK]).await?.with(204);
    place.world.pass(IDLE_MILLIS + 1);
    let lead = place.world.log_in("lead").await?;
    let place = Place { lead, ..place };
    place.chunk(&open, CHUNK, &octets[CHUNK..]).await?.refused(410, "expired");
    assert_eq!(sweep(&place.world.app).await?, 1);
    place.chunk(&open, CHUNK, &octets[CHUNK..]).await?.refused(410, "expired");
    let mut expected = [kept.clone(), nobodys];
    expected.sort();
    assert_eq!(place.files(), expected);
    place.world.pass(KEPT_MILLIS + 1);
    assert_eq!(sweep(&place.world.app).await?, 1);
    assert_eq!(place.files(), [kept]);
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_not_what_was_announced_goes() -> Result<()> {
    let place = Place::new().await?;
    let octets = mbox(3, 1);
    let program = b"\x7fELF\x02\x01\x01".repeat(2000);
    let at = "0";
    for (what, wish, body, status, code) in [
        ("a program", json!({}), &program, 415, "unsupported_media_type"),
        ("an mbox as PST", json!({"kind": "pst"}), &octets, 415, "unsupported_media_type"),
    ] {
        let mut told = json!({"file_name": "mail.pst", "size": body.len()});
        told.as_object_mut().context("an object")?.extend(wish.as_object().cloned().unwrap_or_default());
        let upload = place.begin(told).await?.with(201).json()["id"].as_str().context("no id")?.to_owned();
        let digest = checksum(body);
        let request = place.patch(&upload, &right(at, &digest), Body::from(body.clone()))?;
        place.world.ask(request).await?.refused(status, code);
        let row =
            place.world.get(&place.lead, &format!("/migration/uploads/{upload}")).await?.with(200).json();
        assert_eq!(row["state"], "refused", "{what}: {row}");
    }
    let upload = place.upload(&octets).await?;
    place.chunk(&upload, 0, &octets).await?.with(204);
    place.complete(&upload, json!({"sha256": "0".repeat(64)})).await?.refused(422, "checksum");
    place.complete(&upload, json!({})).await?.refused(410, "expired");
    // An octet that the disk gives back otherwise than it was given is found out.
    let upload = place.upload(&octets).await?;
    place.chunk(&upload, 0, &octets).await?.with(204);
    std::fs::File::options().write(true).open(place.folder().join(&upload))?.set_len(10)?;
    place.complete(&upload, json!({})).await?.refused(409, "conflict");
    let octets = mbox(400, 4);
    for hole in [CHUNK - 9, CHUNK + 9] {
        let upload = place.upload(&octets).await?;
        place.chunk(&upload, 0, &octets[..CHUNK]).await?.with(204);
        place.chunk(&upload, CHUNK, &octets[CHUNK..]).await?.with(204);
        let file = std::fs::File::options().write(true).open(place.folder().join(&upload))?;
        std::os::unix::fs::FileExt::write_all_at(&file, &[0; 4], hole as u64)?;
        drop(file);
        place.complete(&upload, json!({})).await?.refused(422, "checksum");
    }
    assert_eq!(place.files(), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_disk_that_fills_in_the_middle_of_a_chunk_costs_the_chunk() -> Result<()> {
    let place = Place::new().await?;
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
        .arg(place.folder())
        .output();
    if !mounted.as_ref().is_ok_and(|done| done.status.success()) {
        eprintln!("SKIPPED: no small disk can be mounted here: a_disk_that_fills_in_the_middle_of_a_chunk");
        return Ok(());
    }
    let done = full(&place).await;
    std::process::Command::new("umount").arg(place.folder()).status()?;
    done
}

async fn full(place: &Place) -> Result<()> {
    let octets = mbox(900, 1);
    assert!(octets.len() > 600_000 && octets.len() < 1_000_000);
    let upload = place.upload(&octets).await?;
    place.chunk(&upload, 0, &octets[..CHUNK]).await?.with(204);
    let (at, rest) = (CHUNK.to_string(), octets[CHUNK..].to_vec());
    let digest = checksum(&rest);
    let filler = place.folder().join("filler");
    let begun = stream::once(async { Ok::<_, std::io::Error>(Bytes::new()) });
    let (own, last) = (filler.clone(), rest.clone());
    let body = Body::from_stream(futures_util::StreamExt::chain(
        begun,
        stream::once(async move {
            // Somebody else takes the room after it was looked for.
            let _ = std::fs::write(own, vec![0; 4 * 1024 * 1024]);
            Ok(Bytes::from(last))
        }),
    ));
    let told = place.world.ask(place.patch(&upload, &right(&at, &digest), body)?).await?;
    told.refused(503, "unavailable");
    assert_eq!(place.offset(&upload).await?, CHUNK as u64);
    std::fs::remove_file(filler)?;
    place.chunk(&upload, CHUNK, &rest).await?.with(204);
    place.complete(&upload, json!({"sha256": hex(&octets)})).await?.with(200);
    Ok(())
}
