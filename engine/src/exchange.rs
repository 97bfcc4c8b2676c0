//! What passes between a run and a server: surveys, stubs, bodies, parcels, answers.
//! Never does anything: values alone, so that neither side has to know the other.

use std::sync::Arc;

use bytes::Bytes;
use malote_plan::folder::{Folder, Naming};
use malote_plan::labels::Origin;
use malote_plan::message::{Flags, InternalDate, ModSeq, Uid, UidValidity};
use malote_plan::promise::Promises;
use malote_plan::record::Imprint;
use tokio::sync::Semaphore;

use crate::body::{Body, Held};
use crate::failure::Failure;
use crate::profile::Profile;

/// What a server is and has, asked once at the start of a run.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The software's name for reports: `Dovecot`, `Cyrus IMAP`, `memory`.
    pub server: String,
    /// How it writes names.
    pub naming: Naming,
    /// What it says that it can do.
    pub promises: Promises,
    /// What servers of its kind are known to do otherwise.
    pub profile: Arc<Profile>,
    /// Every folder, selectable or not, of every namespace that was listed.
    pub folders: Vec<Folder>,
    /// Subscriptions to folders that do not exist, decoded for reading.
    pub dangling_subscriptions: Vec<String>,
    /// What the survey coped with, as sentences for the report.
    pub warnings: Vec<String>,
}

/// One message's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stub {
    /// Its UID.
    pub uid: Uid,
    /// Its flags, without `\Recent`.
    pub flags: Flags,
    /// INTERNALDATE as the server wrote it, not yet believed; `None` for NIL or nothing.
    pub internal_date: Option<String>,
    /// The size that the server claims, in octets: advice, never proof.
    pub octets_claimed: u64,
    /// Its modification sequence, where the server keeps one.
    pub modseq: Option<ModSeq>,
    /// As [`malote_plan::record::Keys::imprint`]; none where the octets are what there is.
    pub imprint: Option<Imprint>,
}

/// One message's metadata with its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headed {
    /// Metadata.
    pub stub: Stub,
    /// The whole header as the server gave it (`BODY.PEEK[HEADER]`), with the blank line where there is one.
    pub header: Bytes,
}

/// One message of a server whose folders are labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// Its UID in this folder.
    pub uid: Uid,
    /// The number by which it is known wherever it stands.
    pub origin: Origin,
    /// The size that the server claims, in octets.
    pub octets_claimed: u64,
    /// Its labels, decoded; the server's own begin with a backslash.
    pub labels: Vec<String>,
}

/// What a server copied from one of its folders into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Within {
    /// The generation of the folder that was copied into.
    pub uid_validity: UidValidity,
    /// Each message that was there to be copied, with its copy.
    pub pairs: Vec<(Uid, Uid)>,
}

/// One message as it comes from a server: metadata, octets, and the budget that they hold.
#[derive(Debug)]
pub struct Fetched {
    /// Metadata.
    pub stub: Stub,
    /// The octets.
    pub body: Body,
    /// Given back when the message is recorded.
    pub held: Held,
}

/// Limits within which bodies are read.
#[derive(Debug, Clone)]
pub struct ReadLimits {
    /// The process's byte budget; each in-memory body takes its octets from it before it is read.
    pub budget: Arc<Semaphore>,
    /// Bodies of more octets than this come as [`Body::Wire`].
    pub memory_octets_max: u64,
}

/// One message ready to be appended.
#[derive(Debug)]
pub struct Parcel {
    /// The octets; appended exactly as they are.
    pub body: Body,
    /// The flags to set, already filtered to what the folder keeps.
    pub flags: Flags,
    /// INTERNALDATE to set; `None` lets the destination use the time of arrival.
    pub internal_date: Option<InternalDate>,
}

/// A number that names one batch on one open folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// What became of a batch.
#[derive(Debug)]
pub enum Answer {
    /// Every message of the batch is there. The UIDs, in the batch's order, where the server gave exactly one
    /// for each under `uid_validity` (RFC 4315 APPENDUID); else `None`, and a search has to find them.
    Appended {
        /// One UID for each message.
        uids: Option<(UidValidity, Vec<Uid>)>,
    },
    /// The server refused the batch; none of it is there. Where the batch held more than one message, any of
    /// them may be the cause.
    Refused(Failure),
}
