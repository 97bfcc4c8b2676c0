//! Sends messages to an open destination of files and reads them back, for the tests of each format.
//! Never looks into a file: what is there is what the destination gives.

use std::sync::Arc;

use bytes::Bytes;
use malote_plan::message::{Flags, InternalDate, Uid};
use tokio::sync::{Semaphore, mpsc};

use super::OpenDestination;
use crate::body::Body;
use crate::exchange::{Answer, Parcel, ReadLimits};
use crate::failure::Result;

/// Sends one batch; the UIDs of its messages.
pub(super) async fn append(mut open: Box<dyn OpenDestination>, texts: &[&str]) -> Result<Vec<Uid>> {
    let parcel = |text: &&str| Parcel {
        body: Body::Memory(Bytes::from((*text).to_owned())),
        flags: Flags::parse("\\Seen"),
        internal_date: Some(InternalDate { unix_seconds: 1_719_828_000, offset_minutes: 0 }),
    };
    open.send(texts.iter().map(parcel).collect()).await?;
    match open.answer().await?.1 {
        Answer::Appended { uids } => Ok(uids.unwrap().1),
        Answer::Refused(failure) => Err(failure),
    }
}

/// The texts of all messages, sorted.
pub(super) async fn texts(mut open: Box<dyn OpenDestination>) -> Vec<String> {
    let uids = open.uids().await.unwrap();
    let limits = ReadLimits { budget: Arc::new(Semaphore::new(1 << 20)), memory_octets_max: 1 << 20 };
    let (sink, mut fetched) = mpsc::channel(1000);
    open.bodies(&uids, &limits, &sink).await.unwrap();
    drop(sink);
    let mut all = Vec::new();
    while let Some(one) = fetched.recv().await {
        let Body::Memory(octets) = one.body else { panic!("a short message comes whole") };
        all.push(String::from_utf8_lossy(&octets).into_owned());
    }
    all.sort();
    all
}
