//! Uploaded files on the disk: written at an offset while their digest is taken, read through, counted against the
//! free room. Never opens a file by a name that a person chose, nor through a link.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use rustix::fs::{OFlags, statvfs};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::UploadError;
use super::kind::HEAD_BYTES;
use crate::store::uploads::ChunkSum;
use crate::vault::key::hex;

/// Pieces of a body that wait for the disk.
pub const PIECES_WAITING_MAX: usize = 8;
/// Octets that are read at once.
const READ_BYTES: usize = 256 * 1024;
/// Free room, in multiples of what is to come: the file, and what is made of it.
const ROOM_TIMES: u64 = 2;

/// How long ago a whole upload was written, as its file says.
const RESTED: Duration = Duration::from_hours(1);

/// Length of an upload's id, in octets.
pub const ID_OCTETS: usize = 36;

/// The file of an upload. Ids are made here and hold nothing but hexadecimal digits and dashes.
#[must_use]
pub fn path_of(folder: &Path, id: &str) -> Option<PathBuf> {
    let is_ours = id.len() == ID_OCTETS && id.bytes().all(|octet| octet.is_ascii_hexdigit() || octet == b'-');
    is_ours.then(|| folder.join(id))
}

/// Octets that the disk of a folder has left for us.
///
/// # Errors
/// Where it cannot be asked.
pub fn free_bytes(folder: &Path) -> Result<u64, UploadError> {
    let stat = statvfs(folder).map_err(|cause| UploadError::Disk {
        tried: "asking for the free room of the disk",
        cause: cause.into(),
    })?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Goes on where the disk has room for twice what is to come, beside what must stay free.
///
/// # Errors
/// Where it has not.
pub fn has_room(folder: &Path, coming: u64, reserve: u64) -> Result<(), UploadError> {
    let (needed, free) = (coming.saturating_mul(ROOM_TIMES).saturating_add(reserve), free_bytes(folder)?);
    if free >= needed { Ok(()) } else { Err(UploadError::Full { needed, free }) }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// How many octets.
    pub octets: u64,
    /// Their SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// Opens an upload's file for this request alone; it is made where it is not there.
fn open_alone(path: &Path) -> Result<File, UploadError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    let file = options.open(path).map_err(UploadError::disk("opening the file of an upload"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(UploadError::Busy),
        Err(TryLockError::Error(cause)) => Err(UploadError::disk("locking the file of an upload")(cause)),
    }
}

/// Holds a file against other requests.
///
/// # Errors
/// Where another holds it, or the disk does not let us.
pub async fn hold(path: PathBuf) -> Result<Held, UploadError> {
    blocking(move || open_alone(&path)).await.map(Held)
}

/// A file that is this request's alone until the value goes.
#[derive(Debug)]
pub struct Held(File);

impl Held {
    /// Writes what comes through `pieces` at `offset`, cuts off what lay behind, and has the disk keep it. A sender
    /// that goes without a last empty piece has lost its line: then nothing is said to be written. The file stays
    /// held: nobody else may write before it is written down what came.
    ///
    /// # Errors
    /// Where the disk is full or broken.
    pub async fn write(
        self,
        offset: u64,
        mut pieces: mpsc::Receiver<Bytes>,
    ) -> Result<(Self, Option<Written>), UploadError> {
        let mut file = self.0;
        blocking(move || {
            let fail = UploadError::disk;
            // What a broken chunk left behind the offset is not to stay behind a shorter one.
            file.set_len(offset).map_err(fail("cutting the file of an upload"))?;
            file.seek(SeekFrom::Start(offset)).map_err(fail("writing an upload"))?;
            let (mut hasher, mut octets) = (Sha256::new(), 0_u64);
            while let Some(piece) = pieces.blocking_recv() {
                if piece.is_empty() {
                    file.sync_data().map_err(fail("keeping an upload"))?;
                    return Ok((Self(file), Some(Written { octets, sha256: hex(&hasher.finalize()) })));
                }
                hasher.update(&piece);
                file.write_all(&piece).map_err(fail("writing an upload"))?;
                octets += piece.len() as u64;
            }
            Ok((Self(file), None))
        })
        .await
    }

    /// Dates the file back, for nobody writes to it any more: whoever reads an mbox that was written to a moment ago
    /// waits for more of it.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn rest(&self, now_ms: i64) -> Result<(), UploadError> {
        let then = Duration::from_millis(now_ms.unsigned_abs()).saturating_sub(RESTED);
        self.0.set_modified(SystemTime::UNIX_EPOCH + then).map_err(UploadError::disk("closing an upload"))
    }

    /// Reads the whole file: its length, its digest and its first octets. `chunks` are those that it was made of, in
    /// their order.
    ///
    /// # Errors
    /// Where the disk does not give it back, or gives other octets than a chunk had.
    pub async fn read(self, chunks: Vec<ChunkSum>) -> Result<(Self, Written, Vec<u8>), UploadError> {
        let mut file = self.0;
        blocking(move || {
            file.seek(SeekFrom::Start(0)).map_err(UploadError::disk("reading an upload"))?;
            let mut proof = Proof::of(chunks);
            let (written, head) = read_through(&mut file, || false, |some| proof.feed(some))?;
            proof.end()?;
            Ok((Self(file), written, head))
        })
        .await
    }
}

/// Reads a file to its end, unless it is stopped: its length, its digest and its first octets.
fn read_through(
    file: &mut File,
    is_stopped: impl Fn() -> bool,
    mut each: impl FnMut(&[u8]),
) -> Result<(Written, Vec<u8>), UploadError> {
    let (mut hasher, mut octets, mut head) = (Sha256::new(), 0_u64, Vec::new());
    let mut some = vec![0; READ_BYTES];
    while !is_stopped() {
        let count = file.read(&mut some).map_err(UploadError::disk("reading an upload"))?;
        if count == 0 {
            break;
        }
        let wanted = HEAD_BYTES.saturating_sub(head.len()).min(count);
        head.extend_from_slice(&some[..wanted]);
        hasher.update(&some[..count]);
        each(&some[..count]);
        octets += count as u64;
    }
    Ok((Written { octets, sha256: hex(&hasher.finalize()) }, head))
}

/// Holds what a disk gives back against the chunks that went there.
struct Proof {
    chunks: std::vec::IntoIter<ChunkSum>,
    /// The chunk that is being read, with how many of its octets are still to come.
    current: Option<(ChunkSum, u64)>,
    hasher: Sha256,
    wrong: Option<(String, String)>,
}

/// A chunk of which nothing is read yet.
fn begun(chunk: ChunkSum) -> (ChunkSum, u64) {
    let octets = chunk.octets;
    (chunk, octets)
}

impl Proof {
    fn of(chunks: Vec<ChunkSum>) -> Self {
        let mut chunks = chunks.into_iter();
        let current = chunks.next().map(begun);
        Self { chunks, current, hasher: Sha256::new(), wrong: None }
    }

    fn feed(&mut self, mut octets: &[u8]) {
        while let Some((chunk, left)) = &mut self.current
            && !octets.is_empty()
        {
            let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(octets.len());
            self.hasher.update(&octets[..taken]);
            (octets, *left) = (&octets[taken..], *left - taken as u64);
            if *left > 0 {
                return;
            }
            let found = hex(&self.hasher.finalize_reset());
            if found != chunk.sha256 {
                self.wrong.get_or_insert_with(|| (chunk.sha256.clone(), found));
            }
            self.current = self.chunks.next().map(begun);
        }
    }

    /// # Errors
    /// Where a chunk came back otherwise.
    fn end(self) -> Result<(), UploadError> {
        match self.wrong {
            Some((told, found)) => {
                Err(UploadError::Checksum { what: "a chunk, read back from the disk,", told, found })
            }
            None => Ok(()),
        }
    }
}

/// What a file holds that nobody writes to any more; nothing where it was stopped meanwhile.
///
/// # Errors
/// Where the disk does not give it back.
pub async fn digest(path: PathBuf, stop: CancellationToken) -> Result<Option<Written>, UploadError> {
    blocking(move || {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        let mut file = options.open(&path).map_err(UploadError::disk("opening the file of an upload"))?;
        let (written, _) = read_through(&mut file, || stop.is_cancelled(), |_| {})?;
        Ok((!stop.is_cancelled()).then_some(written))
    })
    .await
}

/// The first octets of a file.
///
/// # Errors
/// Where the disk does not give them.
pub async fn head(path: PathBuf) -> Result<Vec<u8>, UploadError> {
    blocking(move || {
        let mut head = Vec::new();
        let file = File::open(&path).map_err(UploadError::disk("reading an upload"))?;
        file.take(HEAD_BYTES as u64)
            .read_to_end(&mut head)
            .map_err(UploadError::disk("reading an upload"))?;
        Ok(head)
    })
    .await
}

/// Removes a file; one that is not there is gone already.
///
/// # Errors
/// Where the disk does not let us.
pub fn remove(path: &Path) -> Result<(), UploadError> {
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(UploadError::disk("removing an upload")(cause))
        }
        _ => Ok(()),
    }
}

/// Runs what blocks on a thread that may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
) -> Result<T, UploadError> {
    let broken = |_| UploadError::Disk {
        tried: "working on an upload",
        cause: std::io::Error::other("an internal error, which is a bug: please report it"),
    };
    tokio::task::spawn_blocking(work).await.map_err(broken)?
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn write(path: &Path, offset: u64, pieces: &[&'static [u8]], ends: bool) -> Option<Written> {
        let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
        let held = hold(path.to_owned()).await.unwrap();
        for piece in pieces {
            sender.send(Bytes::from_static(piece)).await.unwrap();
        }
        if ends {
            sender.send(Bytes::new()).await.unwrap();
        }
        drop(sender);
        held.write(offset, receiver).await.unwrap().1
    }

    #[tokio::test]
    async fn a_broken_chunk_leaves_nothing_behind_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_of(folder.path(), "0b6f1b1e-0000-4000-8000-0123456789ab").unwrap();
        assert_eq!(write(&path, 0, &[b"hello ", b"wor"], false).await, None);
        let written = write(&path, 0, &[b"hel"], true).await.unwrap();
        assert_eq!((written.octets, std::fs::read(&path).unwrap()), (3, b"hel".to_vec()));
        let written = write(&path, 3, &[b"lo"], true).await.unwrap();
        assert_eq!(written.sha256, hex(&Sha256::digest(b"lo")));
        let (_held, whole, head) = hold(path.clone()).await.unwrap().read(Vec::new()).await.unwrap();
        assert_eq!((whole.octets, head.as_slice()), (5, &b"hello"[..]));
        assert_eq!(whole.sha256, hex(&Sha256::digest(b"hello")));
    }

    #[tokio::test]
    async fn a_file_is_one_requests_alone_and_never_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let held = hold(path.clone()).await.unwrap();
        assert!(matches!(hold(path.clone()).await, Err(UploadError::Busy)));
        drop(held);
        assert!(hold(path.clone()).await.is_ok());
        let link = folder.path().join("b");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        assert!(matches!(hold(link).await, Err(UploadError::Disk { .. })));
    }

    #[tokio::test]
    async fn what_the_disk_gives_back_is_held_against_each_chunk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let content: Vec<u8> = (0..READ_BYTES + 99).map(|at| (at % 251) as u8).collect();
        let sum =
            |octets: &[u8]| ChunkSum { octets: octets.len() as u64, sha256: hex(&Sha256::digest(octets)) };
        for parts in [vec![content.len()], vec![1, content.len() - 1], vec![READ_BYTES, 99], vec![7]] {
            let mut rest = &content[..];
            let mut chunks = Vec::new();
            for octets in parts {
                chunks.push(sum(&rest[..octets]));
                rest = &rest[octets..];
            }
            std::fs::write(&path, &content).unwrap();
            assert!(hold(path.clone()).await.unwrap().read(chunks.clone()).await.is_ok(), "{chunks:?}");
            let holed = [&[0; 2], &content[2..]].concat();
            std::fs::write(&path, holed).unwrap();
            let read = hold(path.clone()).await.unwrap().read(chunks.clone()).await;
            assert!(matches!(read, Err(UploadError::Checksum { .. })), "{chunks:?}");
        }
    }

    #[tokio::test]
    async fn a_file_stays_its_writers_until_it_is_written_down_what_came() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
        sender.send(Bytes::new()).await.unwrap();
        let (held, written) = hold(path.clone()).await.unwrap().write(0, receiver).await.unwrap();
        assert!(written.is_some() && matches!(hold(path.clone()).await, Err(UploadError::Busy)));
        drop(held);
        assert!(hold(path).await.is_ok());
    }

    #[test]
    fn only_our_own_names_are_files() {
        let folder = Path::new("/x");
        for id in ["../../../../../../../../../etc/passwd", "a", "", "0b6f1b1e-0000-4000-8000-0123456789a/"] {
            assert_eq!(path_of(folder, id), None, "{id}");
        }
        assert!(has_room(Path::new("/"), u64::MAX, 0).is_err());
        assert!(has_room(Path::new("/"), 1, 0).is_ok());
    }
}
