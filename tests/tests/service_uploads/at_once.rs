//! One upload by several requests at once, on PostgreSQL: a chunk that is repeated while it is written or written down,
//! and completions meanwhile. Never trusts the row: the octets on the disk are what counts.

use std::time::Duration;

use acceptance::servers::Postgres;
use acceptance::service::{checksum, hex};
use anyhow::{Context as _, Result};
use axum::body::{Body, Bytes};
use futures_util::{future, stream};
use malote_service::store::Where;
use malote_service::uploads::limits::CHUNK_BYTES_MIN;
use serde_json::json;

use super::hostile::{Place, mbox, right};
use crate::world::{Answer, World};

/// The shortest chunk that is not the last.
const CHUNK: usize = CHUNK_BYTES_MIN as usize;
/// Whoever must not wait for another request answers sooner.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// A place whose tables are in a PostgreSQL of its own; nothing where there is none on this machine.
async fn place(postgres: Option<&Postgres>) -> Result<Option<Place>> {
    let Some(postgres) = postgres else { return Ok(None) };
    Place::lay(World::on(Where::parse(&postgres.url())?).await?).await.map(Some)
}

impl Place {
    /// Sends the first octets of a chunk; then the line breaks.
    async fn broken_chunk(&self, upload: &str, offset: usize, octets: &[u8]) -> Result<Answer> {
        let (offset, digest) = (offset.to_string(), checksum(octets));
        let begun = Bytes::copy_from_slice(&octets[..octets.len() / 2]);
        let pieces = vec![Ok(begun), Err(std::io::Error::other("the line broke"))];
        let request =
            self.patch(upload, &right(&offset, &digest), Body::from_stream(stream::iter(pieces)))?;
        self.world.ask(request).await
    }

    fn octets_of(&self, upload: &str) -> Vec<u8> {
        std::fs::read(self.folder().join(upload)).unwrap_or_default()
    }
}

#[tokio::test]
async fn a_chunk_that_is_not_written_down_yet_is_nobody_elses_to_write() -> Result<()> {
    let postgres = Postgres::start()?;
    let Some(place) = place(postgres.as_ref()).await? else { return Ok(()) };
    let octets = mbox(600, 1);
    let upload = place.upload(&octets).await?;
    place.chunk(&upload, 0, &octets[..CHUNK]).await?.with(204);
    let next = &octets[CHUNK..2 * CHUNK];
    // The row is held, so that the chunk lies on the disk and cannot be written down.
    let mut holding = place.world.app.store.begin().await?;
    assert!(holding.aim_upload(&upload, None, i64::MAX).await?);
    let meanwhile = async {
        while place.octets_of(&upload).len() < 2 * CHUNK {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // What a file's writer holds is let go too early or not at all: a moment later it would be.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let broken = place.broken_chunk(&upload, CHUNK, next).await?;
        let again = place.chunk(&upload, CHUNK, next).await?;
        let complete = place.complete(&upload, json!({})).await?;
        anyhow::Ok((broken, again, complete))
    };
    let first = async {
        let told = place.chunk(&upload, CHUNK, next).await;
        told.map(|told| told.with(204))
    };
    let held = async {
        let answers = tokio::time::timeout(ANSWERED_WITHIN, meanwhile).await;
        holding.commit().await?;
        answers.context("a repetition waits to be written down")?
    };
    let (first, answers) = tokio::join!(first, held);
    let (broken, again, complete) = answers?;
    first?;
    broken.refused(409, "in_progress");
    again.refused(409, "in_progress");
    complete.refused(409, "conflict");
    assert_eq!(place.octets_of(&upload), octets[..2 * CHUNK]);
    place.chunk(&upload, 2 * CHUNK, &octets[2 * CHUNK..]).await?.with(204);
    place.complete(&upload, json!({"sha256": hex(&octets)})).await?.with(200);
    assert_eq!(place.octets_of(&upload), octets);
    Ok(())
}

/// Brings a file from wherever it is, over a line that breaks at every third chunk, until it is there.
async fn bring(place: &Place, upload: &str, octets: &[u8], number: usize) -> Result<()> {
    for attempt in number.. {
        let told = place.world.get(&place.lead, &format!("/migration/uploads/{upload}")).await?.with(200);
        let offset = usize::try_from(told.json()["received_bytes"].as_u64().context("no offset")?)?;
        if offset == octets.len() {
            break;
        }
        let piece = &octets[offset..octets.len().min(offset + CHUNK)];
        if attempt % 3 == 0 {
            let broken = place.broken_chunk(upload, offset, piece).await?;
            assert!(matches!(broken.status, 400 | 409), "{}", broken.text);
        } else {
            let told = place.chunk(upload, offset, piece).await?;
            assert!(matches!(told.status, 204 | 409), "{}", told.text);
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_file_that_several_bring_at_once_is_what_was_sent_or_is_not_complete() -> Result<()> {
    let postgres = Postgres::start()?;
    let Some(place) = place(postgres.as_ref()).await? else { return Ok(()) };
    for seed in 0..4 {
        let octets = mbox(1500, seed);
        let upload = place.upload(&octets).await?;
        let complete = async {
            loop {
                let told = place.complete(&upload, json!({})).await?;
                match told.status {
                    200 => return anyhow::Ok(told.json()),
                    status => assert_eq!(status, 409, "seed {seed}: {}", told.text),
                }
                // It reads the row before the file's writer does, and must not take a half for the whole.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let bringers = (0..5).map(|number| bring(&place, &upload, &octets, number));
        let (done, brought) = tokio::join!(complete, future::join_all(bringers));
        brought.into_iter().collect::<Result<Vec<()>>>()?;
        assert_eq!(done?["sha256"], hex(&octets), "seed {seed}");
        assert_eq!(place.octets_of(&upload), octets, "seed {seed}");
    }
    Ok(())
}
