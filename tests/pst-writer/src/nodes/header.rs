//! The end of the writing: both trees, the allocation maps, the header that points at them ([MS-PST] §2.2.2.6).
//! Never written before all else is: a file without its header is no store.

use std::io::Write;

use anyhow::{Context, Result};

use super::pages::PageReference;
use super::{Database, obfuscation};
use crate::{Crypt, Format};

/// Octets from `wMagicClient` on that the first checksum covers, and the second.
const PARTIAL_SUM_OCTETS: usize = 471;
const FULL_SUM_OCTETS: usize = 516;
/// Where the second checksum lies in Unicode stores; ANSI ones have none.
const FULL_SUM_PLACE: usize = 524;
/// Where `wMagicClient` lies.
const SUM_START: usize = 8;

impl Database {
    /// Writes what is left to write, and gives the file's length.
    pub fn finish(mut self) -> Result<u64> {
        let (nodes, blocks) = self.trees()?;
        // Nobody has described where a file of 4096-octet pages keeps its maps: it says that they must be made anew.
        if self.format != Format::Unicode4k {
            self.put_maps()?;
        }
        let header = self.header(nodes, blocks);
        self.put(0, &header)?;
        let octets = self.space.file_octets();
        self.put(octets - 1, &[0])?;
        self.out.flush().context("writing the store")?;
        Ok(octets)
    }

    fn put_maps(&mut self) -> Result<()> {
        let maps: Vec<_> = self.space.maps().collect();
        for map in maps {
            let mut body = Vec::with_capacity(self.format.page_octets());
            if self.format == Format::Ansi {
                body.extend([0; 4]);
            }
            body.extend(map.bits);
            self.put_page(PageReference { id: map.place, place: map.place }, map.kind, body)?;
        }
        Ok(())
    }

    fn header(&self, nodes: PageReference, blocks: PageReference) -> Vec<u8> {
        let format = self.format;
        let mut header = Vec::with_capacity(564);
        header.extend(b"!BDN\0\0\0\0SM");
        header.extend(format.version().to_le_bytes());
        header.extend([19, 0, 1, 1]);
        header.extend([0; 8]);
        if format == Format::Ansi {
            format.put_id(&mut header, self.next_block);
        } else {
            header.extend([0; 8]);
        }
        format.put_id(&mut header, self.next_page);
        header.extend(1_u32.to_le_bytes());
        self.next_index.iter().for_each(|index| header.extend((index + 1).to_le_bytes()));
        if format != Format::Ansi {
            header.extend([0; 8]);
        }
        self.put_root(&mut header, nodes, blocks);
        header.extend([0xFF; 256]);
        let crypt = match self.crypt {
            Crypt::None => 0,
            Crypt::Permute => 1,
            Crypt::Cyclic => 2,
        };
        header.extend([0x80, crypt, 0, 0]);
        if format == Format::Ansi {
            header.extend([0; 48]);
        } else {
            format.put_id(&mut header, self.next_block);
            header.extend([0; 40]);
        }
        let partial = obfuscation::checksum(&header[SUM_START..SUM_START + PARTIAL_SUM_OCTETS]);
        header[4..8].copy_from_slice(&partial.to_le_bytes());
        if format != Format::Ansi {
            let full = obfuscation::checksum(&header[SUM_START..SUM_START + FULL_SUM_OCTETS]);
            header[FULL_SUM_PLACE..FULL_SUM_PLACE + 4].copy_from_slice(&full.to_le_bytes());
        }
        header
    }

    /// The ROOT structure (§2.2.2.5).
    fn put_root(&self, header: &mut Vec<u8>, nodes: PageReference, blocks: PageReference) {
        const VALID_MAPS: u8 = 2;
        header.extend([0; 4]);
        for number in [self.space.file_octets(), self.space.last_map(), self.space.free_octets(), 0] {
            self.format.put_id(header, number);
        }
        for number in [nodes.id, nodes.place, blocks.id, blocks.place] {
            self.format.put_id(header, number);
        }
        header.extend([if self.format == Format::Unicode4k { 0 } else { VALID_MAPS }, 0, 0, 0]);
        if self.format != Format::Ansi {
            header.extend([0; 4]);
        }
    }
}
