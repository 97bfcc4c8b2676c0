//! Reads one open folder of either side in windows: outlines from headers, portraits from octets.
//! Never keeps more than one window of headers, nor any octets beyond the budget.

use bytes::Bytes;
use malote_plan::date;
use malote_plan::envelope::Envelope;
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::FolderStatus;
use malote_plan::identity;
use malote_plan::matching::{Outline, Portrait};
use malote_plan::message::Uid;
use malote_plan::record::Keys;
use malote_plan::uid_set::UidSet;
use tokio::sync::mpsc;

use super::context::FolderRun;
use crate::body::Body;
use crate::destination::OpenDestination;
use crate::failure::{Failure, Result};
use crate::source::{Fetched, Headed, OpenSource, ReadLimits, Stub};

/// Messages whose headers are held at once.
const HEADER_WINDOW_MESSAGES: u64 = 500;

/// Messages that wait between the wire and whoever takes them.
pub(super) const FETCH_QUEUE_MESSAGES: usize = 64;

/// Either side's open folder, for reading.
pub(super) enum Reading<'a> {
    Source(&'a mut dyn OpenSource),
    Destination(&'a mut dyn OpenDestination),
}

impl Reading<'_> {
    pub async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>> {
        match self {
            Self::Source(folder) => folder.headed(uids).await,
            Self::Destination(folder) => folder.headed(uids).await,
        }
    }

    pub async fn bodies(
        &mut self,
        uids: &UidSet,
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()> {
        match self {
            Self::Source(folder) => folder.bodies(uids, limits, sink).await,
            Self::Destination(folder) => folder.bodies(uids, limits, sink).await,
        }
    }

    /// One message's octets; nothing for one that is gone or longer than `octets_max`.
    pub async fn whole(&mut self, uid: Uid, limits: &ReadLimits, octets_max: u64) -> Result<Option<Bytes>> {
        let uids = UidSet::from_iter([uid]);
        let (sink, mut queue) = mpsc::channel::<Fetched>(1);
        let read = async move { self.bodies(&uids, limits, &sink).await };
        let gather = async {
            match queue.recv().await {
                Some(fetched) => gathered(fetched.body, octets_max).await,
                None => Ok(None),
            }
        };
        let (read, octets) = tokio::join!(read, gather);
        read?;
        octets
    }

    /// Outlines of those of `uids` that exist.
    pub async fn outlines(&mut self, uids: &UidSet) -> Result<Vec<Outline>> {
        let mut outlines = Vec::new();
        for window in uids.chunks(HEADER_WINDOW_MESSAGES, usize::MAX) {
            outlines.extend(self.headed(&window).await?.iter().map(outline));
        }
        Ok(outlines)
    }

    /// Portraits of those of `uids` that exist and can be read, with the length that was read.
    pub async fn portraits(&mut self, uids: &UidSet, limits: &ReadLimits) -> Result<Vec<(Portrait, u64)>> {
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        let (sink, mut queue) = mpsc::channel::<Fetched>(FETCH_QUEUE_MESSAGES);
        let read = async move { self.bodies(uids, limits, &sink).await };
        let look = async {
            let mut portraits = Vec::new();
            while let Some(fetched) = queue.recv().await {
                let octets = fetched.body.octets();
                let internal_unix_seconds = unix_seconds(&fetched.stub);
                let (keys, envelope) = traits_of(fetched.body).await?;
                let keys = Keys { imprint: fetched.stub.imprint, ..keys };
                let (uid, envelope) = (fetched.stub.uid, Some(envelope));
                portraits.push((Portrait { uid, keys, envelope, internal_unix_seconds }, octets));
            }
            Ok(portraits)
        };
        let (read, portraits) = tokio::join!(read, look);
        read?;
        portraits
    }
}

fn outline(headed: &Headed) -> Outline {
    let keys = identity::header_keys(&headed.header);
    Outline {
        uid: headed.stub.uid,
        strong: keys.strong,
        loose: keys.loose,
        octets: headed.stub.octets_claimed,
        internal_unix_seconds: unix_seconds(&headed.stub),
    }
}

/// INTERNALDATE in seconds since the epoch, where it makes sense.
pub(super) fn unix_seconds(stub: &Stub) -> Option<i64> {
    let date = date::parse_internal(stub.internal_date.as_deref()?)?;
    Some(date.unix_seconds)
}

/// Reads a body to its end; nothing where it is longer than `octets_max`.
pub(super) async fn gathered(body: Body, octets_max: u64) -> Result<Option<Bytes>> {
    let is_short = body.octets() <= octets_max;
    match body {
        Body::Memory(octets) => Ok(is_short.then_some(octets)),
        Body::Wire(mut body) => {
            let mut octets = Vec::new();
            while let Some(chunk) = body.chunks.recv().await {
                let chunk = chunk?;
                if is_short {
                    octets.extend_from_slice(&chunk);
                }
            }
            Ok(is_short.then(|| octets.into()))
        }
    }
}

/// Reads a body to its end for what it can be known by.
pub(super) async fn traits_of(body: Body) -> Result<(Keys, Envelope)> {
    let mut hasher = identity::Hasher::new();
    match body {
        Body::Memory(octets) => hasher.update(&octets),
        Body::Wire(mut body) => {
            while let Some(chunk) = body.chunks.recv().await {
                hasher.update(&chunk?);
            }
        }
    }
    let envelope = hasher.envelope();
    Ok((hasher.finish(), envelope))
}

/// One folder, open on both sides.
pub(super) struct Ends {
    pub source: Box<dyn OpenSource>,
    pub destination: Box<dyn OpenDestination>,
    /// True when the destination's counters are older than what was sent there.
    pub is_stale: bool,
}

impl Ends {
    /// The destination's counters, asked anew where something was sent since they were last given.
    pub async fn look(&mut self) -> Result<FolderStatus> {
        if self.is_stale {
            self.destination.refresh().await?;
            self.is_stale = false;
        }
        Ok(self.destination.status())
    }

    pub fn source(&mut self) -> Reading<'_> {
        Reading::Source(self.source.as_mut())
    }

    pub fn destination(&mut self) -> Reading<'_> {
        Reading::Destination(self.destination.as_mut())
    }

    /// Gives both connections up, so that whoever opens the folder next hears others.
    pub fn retire(mut self) {
        self.source.retire();
        self.destination.retire();
    }
}

/// Each `step`th of the UIDs, the lowest first.
pub(super) fn every(uids: &UidSet, step: u64) -> impl Iterator<Item = Uid> + '_ {
    uids.iter().enumerate().filter(move |(index, _)| (*index as u64).is_multiple_of(step)).map(|(_, uid)| uid)
}

/// Every UID at the destination, to decide by what is not there.
pub(super) async fn at_destination(folder: &FolderRun<'_>, ends: &mut Ends) -> Result<UidSet> {
    let uids = ends.destination.uids().await?;
    whole(folder, Side::Destination, &uids, ends.destination.status().messages)?;
    Ok(uids)
}

/// Fails where a folder lists fewer messages than it counts: what it hides would be taken for gone, and copied twice.
pub(super) fn whole(folder: &FolderRun<'_>, side: Side, uids: &UidSet, counted: u32) -> Result<()> {
    let listed = uids.len();
    if listed >= u64::from(counted) {
        return Ok(());
    }
    let (path, side_name) = (&folder.pair.source.path, side.as_str());
    let message = format!(
        "{path}: the {side_name} counts {counted} messages and lists {listed}; nothing is decided on that, run again"
    );
    Err(Failure::new(side, Class::ServerProtocol, Reach::Folder, Retry::Again, message))
}

/// UIDs as a set, from a list that is mostly ascending.
pub(super) fn ascending(uids: impl IntoIterator<Item = Uid>) -> UidSet {
    uids.into_iter().collect()
}
