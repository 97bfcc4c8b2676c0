//! Holds a message against the length that its file's name tells: `S=` as the file has it, `W=` with CRLF.
//! Never lets a file that a crash has cut pass for the message.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use super::name::Name;
use crate::source::archive::book::{Key, key};

/// Messages that are longer than their names tell, by the folder's name.
#[derive(Debug, Clone, Default)]
pub struct Longer(Arc<Mutex<BTreeMap<String, Noted>>>);

/// Those of one folder.
#[derive(Debug)]
struct Noted {
    first: String,
    keys: HashSet<Key>,
}

impl Longer {
    fn note(&self, folder: &str, base: &[u8]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = || Noted { first: String::from_utf8_lossy(base).into_owned(), keys: HashSet::new() };
        all.entry(folder.to_owned()).or_insert_with(first).keys.insert(key(&[base]));
    }

    /// A sentence for each folder that has any.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sentence = |(folder, Noted { first, keys }): (&String, &Noted)| {
            format!(
                "{folder}: {} messages are longer than their files' names tell and are copied as they are, the first \
                 of them {first}",
                keys.len()
            )
        };
        all.iter().map(sentence).collect()
    }
}

/// Passes a message's octets on, expanded and with the file's own line ends, and fails at their end where there are
/// fewer than the name tells.
pub struct Measured<R> {
    inner: R,
    base: Vec<u8>,
    folder: String,
    longer: Longer,
    stored: u64,
    wire: u64,
    was_return: bool,
}

impl<R: Read> Measured<R> {
    /// Reads `inner`, whose file in `folder` has the name `base`; what is too long is noted in `longer`.
    pub fn new(inner: R, base: &[u8], folder: &str, longer: &Longer) -> Self {
        let (base, folder, longer) = (base.to_vec(), folder.to_owned(), longer.clone());
        Self { inner, base, folder, longer, stored: 0, wire: 0, was_return: false }
    }

    fn count(&mut self, octets: &[u8]) {
        self.stored += octets.len() as u64;
        self.wire += octets.len() as u64;
        for at in memchr::memchr_iter(b'\n', octets) {
            let has_return = if at == 0 { self.was_return } else { octets[at - 1] == b'\r' };
            self.wire += u64::from(!has_return);
        }
        self.was_return = octets.last().map_or(self.was_return, |last| *last == b'\r');
    }

    /// One right length is enough: some programs write a length of their own into the other.
    fn judge(&self) -> io::Result<()> {
        let name = Name { base: &self.base, letters: &[] };
        let (stored, wire) = (name.stored_octets(), name.wire_octets());
        if stored == Some(self.stored) || stored == Some(self.wire) || wire == Some(self.wire) {
            return Ok(());
        }
        let (mark, told, found) = match (stored, wire) {
            (Some(told), _) => ("S", told, self.stored),
            (None, Some(told)) => ("W", told, self.wire),
            (None, None) => return Ok(()),
        };
        if found > told {
            self.longer.note(&self.folder, &self.base);
            return Ok(());
        }
        let why = format!("it was cut: its name tells {mark}={told}, and it has {found} octets");
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.count(&into[..read]);
        if read == 0 && !into.is_empty() {
            self.judge()?;
        }
        Ok(read)
    }
}
