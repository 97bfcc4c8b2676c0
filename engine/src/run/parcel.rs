//! Makes a fetched message ready for the destination: its flags, its date, its keys.
//! Never changes an octet of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use malote_plan::date;
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::flags;
use malote_plan::identity;
use malote_plan::message::{Flag, Flags, InternalDate, Uid};
use malote_plan::record::{Imprint, Keys, Record, State};
use tokio::sync::{mpsc, oneshot};

use super::manners::Manners;
use crate::body::{Body, Held, WireBody};
use crate::destination::Parcel;
use crate::failure::{Failure, Result};
use crate::source::{Fetched, Stub};

/// What is needed to send a message again and to record it.
pub(super) struct Item {
    pub uid: Uid,
    pub octets: u64,
    /// The source's flags less `keywords`: the base of the flag merge until these are set.
    pub source_flags: Flags,
    pub destination_flags: Flags,
    /// Keywords that the destination folder does not know yet. They are set after the copy, the most used first,
    /// so that a folder's limit on keywords costs the least.
    pub keywords: Vec<Flag>,
    /// Flags that the destination does not keep; told once the message is recorded.
    pub dropped: Vec<Flag>,
    pub internal_date: Option<InternalDate>,
    /// Where that date was found.
    pub date_origin: date::DateOrigin,
    /// The octets, where they are held in memory.
    pub kept: Option<Bytes>,
    pub keys: KeysOf,
    /// What the item says of which the source made the message.
    pub imprint: Option<Imprint>,
    /// Given back when the item is dropped.
    pub _held: Held,
}

/// Keys that are known, or will be once a passing body has been read to its end.
pub(super) enum KeysOf {
    Known(Keys),
    Passing(oneshot::Receiver<Keys>),
}

impl Item {
    /// The same parcel once more; nothing for a body that has already passed.
    pub fn parcel(&self) -> Option<Parcel> {
        let octets = self.kept.clone()?;
        Some(Parcel {
            body: Body::Memory(octets),
            flags: self.destination_flags.clone(),
            internal_date: self.internal_date,
        })
    }

    /// What the ledger remembers once the destination has confirmed.
    pub async fn record(self, destination_uid: Option<Uid>) -> Record {
        let keys = match self.keys {
            KeysOf::Known(keys) => keys,
            KeysOf::Passing(keys) => keys.await.unwrap_or_default(),
        };
        Record {
            source_uid: self.uid,
            state: State::Copied,
            destination_uid,
            keys: Keys { imprint: self.imprint, ..keys },
            octets: self.octets,
            internal_unix_seconds: self.internal_date.map(|date| date.unix_seconds),
            flags: self.source_flags,
        }
    }
}

/// The flags that a destination folder keeps.
pub(super) struct Keeps<'a> {
    pub permanent: Flags,
    pub takes_new: bool,
    /// False where no NUL may be sent.
    pub carries_nul: bool,
    pub manners: &'a Manners,
}

impl Keeps<'_> {
    /// What is kept of a message's flags.
    fn keep(&self, all: &Flags) -> flags::Kept {
        let (unwanted, wanted): (Vec<Flag>, Vec<Flag>) =
            all.iter().cloned().partition(|flag| self.manners.unwanted.contains(flag.as_str()));
        let mut kept = flags::keep(&wanted.into_iter().collect(), &self.permanent, self.takes_new);
        kept.dropped.extend(unwanted);
        kept
    }

    /// True for a flag that is set after the message is there.
    fn is_set_later(&self, flag: &Flag) -> bool {
        let is_new = !flag.is_system() && !self.permanent.contains(flag.as_str());
        is_new || self.manners.late.contains(flag.as_str())
    }
}

/// A message that is ready.
pub(super) struct Ready {
    pub item: Item,
    /// The parcel of a body that passes from wire to wire; others are made from the item.
    pub passing: Option<Parcel>,
    /// True once a NUL broke the passing body off.
    pub met_nul: Arc<AtomicBool>,
}

/// Prepares one message. `neighbour` is the date of the message before it, the last resort for one without any.
pub(super) async fn ready(fetched: Fetched, keeps: &Keeps<'_>, neighbour: Option<InternalDate>) -> Ready {
    let Fetched { stub, body, held } = fetched;
    let (octets, met_nul) = (body.octets(), Arc::new(AtomicBool::new(false)));
    let (kept, keys, wire, header) = match body {
        Body::Memory(octets) => {
            let keys = identity::keys(&octets);
            (Some(octets.clone()), KeysOf::Known(keys), None, octets)
        }
        Body::Wire(mut body) => {
            let first = if has_date(&stub) { None } else { body.chunks.recv().await };
            let header = first.as_ref().and_then(|chunk| chunk.as_ref().ok()).cloned().unwrap_or_default();
            let watch = (!keeps.carries_nul).then(|| Arc::clone(&met_nul));
            let (body, keys) = hashed(body, first, watch);
            (None, KeysOf::Passing(keys), Some(body), header)
        }
    };
    let (internal_date, date_origin) = date_of(&stub, &header, neighbour);
    let (internal_date, date_origin) = within(internal_date, date_origin, keeps.manners.latest);
    let kept_flags = keeps.keep(&stub.flags);
    let (keywords, known): (Vec<Flag>, Vec<Flag>) =
        kept_flags.flags.0.into_iter().partition(|flag| keeps.is_set_later(flag));
    let destination_flags: Flags = known.into_iter().collect();
    let source_flags = stub.flags.0.into_iter().filter(|flag| !keywords.contains(flag)).collect();
    let passing =
        wire.map(|body| Parcel { body: Body::Wire(body), flags: destination_flags.clone(), internal_date });
    let item = Item {
        uid: stub.uid,
        octets,
        source_flags,
        destination_flags,
        keywords,
        dropped: kept_flags.dropped,
        internal_date,
        date_origin,
        kept,
        keys,
        imprint: stub.imprint,
        _held: held,
    };
    Ready { item, passing, met_nul }
}

/// A date that the destination can hold.
fn within(
    found: Option<InternalDate>,
    origin: date::DateOrigin,
    latest: Option<InternalDate>,
) -> (Option<InternalDate>, date::DateOrigin) {
    let is_later = found.zip(latest).is_some_and(|(found, latest)| found.unix_seconds > latest.unix_seconds);
    if is_later { (latest, date::DateOrigin::Latest) } else { (found, origin) }
}

fn date_of(
    stub: &Stub,
    header: &[u8],
    neighbour: Option<InternalDate>,
) -> (Option<InternalDate>, date::DateOrigin) {
    date::date_of(stub.internal_date.as_deref(), header, neighbour)
}

/// False where the date has to be looked for in the header.
fn has_date(stub: &Stub) -> bool {
    stub.internal_date.as_deref().is_some_and(|text| date::parse_internal(text).is_some())
}

/// Passes a body on chunk by chunk and reads its keys on the way; `first` is a chunk that was taken off it before.
/// With a `watch` the first NUL breaks it off, and is told there.
fn hashed(
    body: WireBody,
    first: Option<Result<Bytes>>,
    watch: Option<Arc<AtomicBool>>,
) -> (WireBody, oneshot::Receiver<Keys>) {
    let (pass, chunks) = mpsc::channel::<Result<Bytes>>(2);
    let (tell, keys) = oneshot::channel();
    let (octets, mut source) = (body.octets, body.chunks);
    tokio::spawn(async move {
        let (mut hasher, mut first) = (identity::Hasher::new(), first);
        while let Some(chunk) = next(&mut first, &mut source).await {
            if let Ok(chunk) = &chunk {
                hasher.update(chunk);
            }
            if let (Some(met), Ok(octets)) = (&watch, &chunk)
                && memchr::memchr(0, octets).is_some()
            {
                met.store(true, Ordering::Release);
                let _told = pass.send(Err(broken_off())).await;
                break;
            }
            if pass.send(chunk).await.is_err() {
                break;
            }
        }
        while source.recv().await.is_some() {}
        // The receiver is gone where the message was refused; nobody needs its keys then.
        let _unread = tell.send(hasher.finish());
    });
    (WireBody { octets, chunks }, keys)
}

/// A long message turned out to hold a NUL when a part of it was on its way.
fn broken_off() -> Failure {
    let message = "the message holds a NUL octet, which IMAP cannot carry";
    Failure::new(Side::Source, Class::ItemMalformed, Reach::Message, Retry::Again, message)
}

async fn next(
    first: &mut Option<Result<Bytes>>,
    source: &mut mpsc::Receiver<Result<Bytes>>,
) -> Option<Result<Bytes>> {
    match first.take() {
        Some(chunk) => Some(chunk),
        None => source.recv().await,
    }
}
