//! Fills accounts, changes a hundredth of them, and counts what is in them.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::{Context as _, Result};

use crate::corpus::{FOLDERS, Letter, Shape, Writer};
use crate::wire::Wire;

/// Most octets and messages of one APPEND.
const BATCH_OCTETS_MAX: usize = 1 << 20;
const BATCH_MESSAGES_MAX: usize = 100;

/// What a change did to an account.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// New messages.
    pub added: usize,
    /// Messages that are no longer there.
    pub expunged: usize,
}

/// APPENDs being gathered, one for each folder.
#[derive(Default)]
struct Batches {
    open: BTreeMap<&'static str, (Vec<u8>, usize)>,
    octets: u64,
}

impl Batches {
    fn put(&mut self, wire: &mut Wire, letter: &Letter) -> Result<()> {
        let (command, messages) = self.open.entry(letter.folder).or_default();
        if command.is_empty() {
            write!(command, "APPEND \"{}\"", letter.folder)?;
        }
        write!(command, " ({}) \"{}\" {{{}+}}\r\n", letter.flags, letter.date, letter.octets.len())?;
        command.extend_from_slice(&letter.octets);
        *messages += 1;
        self.octets += letter.octets.len() as u64;
        if command.len() >= BATCH_OCTETS_MAX || *messages >= BATCH_MESSAGES_MAX {
            wire.append(command)?;
            self.open.remove(letter.folder);
        }
        Ok(())
    }

    fn end(self, wire: &mut Wire) -> Result<u64> {
        for (command, _) in self.open.values() {
            wire.append(command)?;
        }
        wire.appended()?;
        Ok(self.octets)
    }
}

/// Fills an account with so many letters and returns their octets.
pub fn fill(port: u16, user: &str, writer: &mut Writer, messages: usize) -> Result<u64> {
    let mut wire = Wire::login(port, user)?;
    for (folder, _) in FOLDERS.iter().skip(1) {
        // The server may have made it by itself.
        let _made = wire.command(&format!("CREATE \"{folder}\""));
    }
    let mut batches = Batches::default();
    for _ in 0..messages {
        batches.put(&mut wire, &writer.letter())?;
    }
    let octets = batches.end(&mut wire)?;
    wire.end();
    Ok(octets)
}

/// Changes about a hundredth of an account of `messages`: one new message in a hundred, flags of half as many,
/// and one in five hundred expunged. `number` tells changes of one account apart.
pub fn change(port: u16, user: &str, shape: Shape, messages: usize, number: usize) -> Result<Change> {
    let change = Change { added: (messages / 100).max(1), expunged: (messages / 500).max(1) };
    let flagged = (messages / 200).max(1);
    let mut wire = Wire::login(port, user)?;
    let (mut writer, mut batches) = (Writer::new(shape, 1000 + number as u64), Batches::default());
    for _ in 0..change.added {
        batches.put(&mut wire, &writer.letter())?;
    }
    batches.end(&mut wire)?;
    wire.command("SELECT INBOX")?;
    let sign = if number.is_multiple_of(2) { '+' } else { '-' };
    wire.command(&format!("STORE 1:{flagged} {sign}FLAGS.SILENT (\\Flagged $Bench)"))?;
    let (first, last) = (flagged + 1, flagged + change.expunged);
    wire.command(&format!("STORE {first}:{last} +FLAGS.SILENT (\\Deleted)"))?;
    wire.command("EXPUNGE")?;
    wire.end();
    Ok(change)
}

/// The number of messages in all folders of an account.
pub fn count(port: u16, user: &str) -> Result<usize> {
    let mut wire = Wire::login(port, user)?;
    let mut total = 0;
    for line in wire.command("LIST \"\" *")? {
        if line.to_ascii_lowercase().contains("\\noselect") {
            continue;
        }
        let name = line.trim_end().rsplit_once("\"/\" ").context("LIST with another separator")?.1;
        total += wire.messages(name)?;
    }
    wire.end();
    Ok(total)
}
