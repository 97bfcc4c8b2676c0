//! Blocks by their BID: found, checked, decompressed, decoded ([MS-PST] §2.2.2.8).
//! Never gives the octets of another block for those that were asked for.

use std::sync::Arc;

use flate2::{Decompress, FlushDecompress, Status};

use super::cipher::Encoding;
use super::data_tree::{DataTree, Leaf};
use super::disk::Disk;
use super::fault::{Fault, Read};
use super::index::{Block, Index, Node};
use super::layout::Layout;
use super::limits::{DAMAGES_MAX, LISTED_BLOCKS_MAX};
use super::octets::{checksum, signature};
use crate::item::{DENIED, Damage, Part};

/// Octets of the file that are read in one step where blocks lie one behind the other.
const RUN_OCTETS_MAX: u64 = 128 * 1024;

/// Reads blocks for one handle.
#[derive(Debug)]
pub(super) struct Blocks {
    pub(super) disk: Disk,
    pub(super) layout: Layout,
    pub(super) encoding: Encoding,
    pub(super) index: Arc<Index>,
    /// The data tree that was read last, by its BID: a blob is read piece by piece.
    pub(super) tree: Option<(u64, DataTree)>,
    /// The leaf that was read last, by its BID.
    pub(super) leaf: Option<(u64, Contents)>,
    /// What was read although something of it was wrong, until somebody asks.
    warnings: Vec<String>,
    warnings_left_out: usize,
    /// Blocks of data that were listed since [`Self::begin`].
    listed: usize,
    /// Room for blocks that lie one behind the other, as they are in the file.
    run: Vec<u8>,
    /// Where the block that was asked for last stands in the block tree.
    pub(super) near: usize,
    /// Where the node that was asked for last stands in the node tree.
    pub(super) near_node: usize,
}

/// What a block holds.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    pub(super) octets: Vec<u8>,
    /// False where the checksum says that octets were altered.
    pub(super) is_sound: bool,
}

/// True for a block that the node database made itself: it lists other blocks and is not encoded.
pub(super) const fn is_internal(block: u64) -> bool {
    block & 2 != 0
}

impl Blocks {
    /// A reader of a file's blocks.
    pub(super) fn new(disk: Disk, layout: Layout, encoding: Encoding, index: Arc<Index>) -> Self {
        Self {
            disk,
            layout,
            encoding,
            index,
            tree: None,
            leaf: None,
            warnings: Vec::new(),
            warnings_left_out: 0,
            listed: 0,
            run: Vec::new(),
            near: 0,
            near_node: 0,
        }
    }

    /// Notes something that did not stop the reading.
    pub(super) fn warn(&mut self, warning: String) {
        if self.warnings.len() < DAMAGES_MAX {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        } else {
            self.warnings_left_out += 1;
        }
    }

    /// Hands over what was noted, as damage of a part.
    pub(super) fn warned(&mut self, part: Part, damage: &mut Vec<Damage>) {
        // Asked after every value.
        if self.warnings.is_empty() {
            return;
        }
        damage.extend(self.warnings.drain(..).map(|reason| Damage { part, reason }));
        let left_out = std::mem::take(&mut self.warnings_left_out);
        if left_out > 0 {
            damage.push(Damage { part, reason: format!("{left_out} more blocks are damaged") });
        }
    }

    /// Begins the reading of an item, a folder or a blob, with the whole of what one may list. What an earlier one
    /// noted and nobody asked for is none of its own.
    pub(super) fn begin(&mut self) {
        self.listed = 0;
        self.warnings.clear();
        self.warnings_left_out = 0;
    }

    /// Counts one more block of data: hostile lists name the same blocks again and again.
    pub(super) fn count_listed(&mut self) -> Read<()> {
        self.listed += 1;
        if self.listed > LISTED_BLOCKS_MAX {
            return Err(Fault::new(format!("more than {LISTED_BLOCKS_MAX} blocks of data are listed")));
        }
        Ok(())
    }

    /// Forgets everything that was kept, after a reading that did not end.
    pub(super) fn forget(&mut self) {
        (self.tree, self.leaf) = (None, None);
        self.warnings.clear();
        self.warnings_left_out = 0;
    }

    /// A block's octets, also where its checksum is wrong; that is noted.
    pub(super) fn block(&mut self, block: u64) -> Read<Vec<u8>> {
        let contents = self.contents(block)?;
        if !contents.is_sound {
            self.warn(format!("block {block:#x}: {DENIED}"));
        }
        Ok(contents.octets)
    }

    /// What a block holds, at the first of its places where it is sound, else where it at least is.
    pub(super) fn contents(&mut self, block: u64) -> Read<Contents> {
        let first = self.index.place(block, &mut self.near).map(|place| self.at(block, place));
        match first {
            Some(Ok(contents)) if contents.is_sound => Ok(contents),
            _ => self.contents_anywhere(block),
        }
    }

    /// What a block holds, where its first place is not sound: every place is tried.
    fn contents_anywhere(&mut self, block: u64) -> Read<Contents> {
        let index = Arc::clone(&self.index);
        let (mut altered, mut fault) = (None, None);
        for place in index.places(block, &mut self.near) {
            match self.at(block, place) {
                Ok(contents) if contents.is_sound => return Ok(contents),
                Ok(contents) => altered = altered.or(Some(contents)),
                Err(reason) => fault = fault.or(Some(reason)),
            }
        }
        altered.ok_or_else(|| fault.unwrap_or_else(|| Fault::new(format!("block {block:#x} is nowhere"))))
    }

    /// The node of a NID, a living one before a stray one.
    pub(super) fn node(&mut self, number: u32) -> Option<Node> {
        self.index.node(number, &mut self.near_node)
    }

    /// The living node of a NID.
    pub(super) fn living(&mut self, number: u32) -> Option<Node> {
        self.index.living_near(number, &mut self.near_node)
    }

    /// The first of a block's places.
    pub(super) fn place(&mut self, block: u64) -> Option<Block> {
        self.index.place(block, &mut self.near)
    }

    /// Reads leaves of which the first begins at `start` straight to where they are wanted, as long as they lie one
    /// behind the other in the file, are plainly sound and fit into `into`; gives how many those are. What is not
    /// plain is left to [`Self::contents`], which looks further.
    pub(super) fn read_run(&mut self, leaves: &[Leaf], start: u64, into: &mut [u8]) -> usize {
        let mut places: Vec<Block> = Vec::new();
        let (mut held, mut filed) = (0, 0);
        for leaf in leaves {
            let Some(at) = leaf.place else { break };
            let octets = u64::from(at.octets());
            let is_plain = at.octets() == at.stored() && start + held + octets == leaf.end;
            let is_next = places.first().is_none_or(|first| at.place() == first.place() + filed);
            filed += self.layout.block_octets(at.stored());
            held += octets;
            if !is_plain || !is_next || held > into.len() as u64 || filed > RUN_OCTETS_MAX {
                break;
            }
            places.push(at);
        }
        let filed: u64 = places.iter().map(|at| self.layout.block_octets(at.stored())).sum();
        let Some(first) = places.first() else { return 0 };
        let mut run = std::mem::take(&mut self.run);
        // It never shrinks: octets that are read over need not be wiped before.
        let filed = filed as usize;
        run.resize(run.len().max(filed), 0);
        let is_read = self.disk.fill(first.place(), &mut run[..filed]);
        let sound = if is_read { self.decode_run(&places, &run[..filed], into) } else { 0 };
        self.run = run;
        sound
    }

    /// Decodes the first of the blocks in `run` that are plainly sound; gives how many those are.
    fn decode_run(&self, places: &[Block], mut run: &[u8], mut into: &mut [u8]) -> usize {
        for (number, at) in places.iter().enumerate() {
            let (block, others) = run.split_at(self.layout.block_octets(at.stored()) as usize);
            let trailer_at = block.len() - self.layout.block_trailer_octets() as usize;
            let (octets, trailer) = (&block[..usize::from(at.stored())], &block[trailer_at..]);
            let is_own = self.layout.block_trailer(trailer).is_some_and(|trailer| {
                trailer.number & !1 == at.number() && trailer.checksum == checksum(octets)
            });
            if !is_own {
                return number;
            }
            let (wanted, rest) = into.split_at_mut(octets.len());
            self.encoding.decode_into(octets, at.number(), wanted);
            (run, into) = (others, rest);
        }
        places.len()
    }

    fn at(&mut self, block: u64, at: Block) -> Read<Contents> {
        let whole = self.layout.block_octets(at.stored()) as usize;
        let named = |fault: Fault| Fault::new(format!("block {block:#x}: {fault}"));
        let (index, layout, near) = (&self.index, self.layout, self.near);
        let filed =
            self.disk.read(at.place(), whole, || index.small_around(at, near, layout)).map_err(named)?;
        let trailer =
            self.layout.block_trailer(&filed[whole - self.layout.block_trailer_octets() as usize..]);
        let trailer = trailer.expect("a block's octets were counted with its trailer");
        let stored = &filed[..usize::from(at.stored())];
        let is_sound = checksum(stored) == trailer.checksum && trailer.number != 0;
        // Either says that the place still holds this block; a damaged trailer may have lost one of them.
        let is_own =
            trailer.number & !1 == at.number() || trailer.signature == signature(at.place(), at.number());
        // A trailer that was wiped out names no other block; what lies before it may still be there, in part.
        let is_wiped = trailer.number == 0 && trailer.checksum == 0;
        if !is_own && !is_wiped {
            return Err(Fault::new(format!("block {block:#x}: its place {} holds another", at.place())));
        }
        let encoding = if is_internal(block) { Encoding::None } else { self.encoding };
        if at.octets() == at.stored() {
            return Ok(Contents { octets: encoding.decoded(stored, at.number()), is_sound });
        }
        let whole = usize::from(at.octets());
        let octets = match inflate(stored, whole) {
            Ok(inflated) => encoding.decoded(&inflated, at.number()),
            // No store was seen that both encodes and compresses: the other order is tried as well.
            Err(_) if encoding != Encoding::None => {
                inflate(&encoding.decoded(stored, at.number()), whole).map_err(named)?
            }
            Err(fault) => return Err(named(fault)),
        };
        Ok(Contents { octets, is_sound })
    }
}

/// Decompresses a block of a 4k store, whose decompressed length is known and at most 65,512.
fn inflate(compressed: &[u8], octets: usize) -> Read<Vec<u8>> {
    let mut inflated = vec![0; octets];
    let mut inflater = Decompress::new(true);
    let status = inflater.decompress(compressed, &mut inflated, FlushDecompress::Finish);
    let is_whole = matches!(status, Ok(Status::StreamEnd)) && inflater.total_out() == octets as u64;
    if is_whole { Ok(inflated) } else { Err(Fault::new("what it holds cannot be decompressed")) }
}
