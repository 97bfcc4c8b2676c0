//! Tables: rows of cells under typed columns ([MS-PST] §2.3.4).
//! Never sorts its rows: they stand in the order in which they came, and an index finds them by their ids.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::heap::{Heap, ITEM_OCTETS_MAX};
use crate::Format;
use crate::nodes::{Database, Node, kind};
use crate::value::{Value, Writing, cell_octets, is_inline};

/// `PidTagLtpRowId` and `PidTagLtpRowVer`, the first two columns of every table.
const ROW_COLUMNS: [(u16, u16); 2] = [(0x67F2, 0x0003), (0x67F3, 0x0003)];
/// Number of the sub-node that holds the rows where the heap cannot.
const ROWS_NUMBER: u32 = (0x400 << 5) | kind::LOCAL;

struct Column {
    id: u16,
    kind: u16,
    start: usize,
    bit: usize,
}

/// A table being filled.
pub struct Table {
    writing: Writing,
    columns: Vec<Column>,
    /// Where the cells of 4 and 8, of 2, and of 1 octet end, and where the row does.
    ends: [usize; 4],
    heap: Heap,
    rows: Vec<u8>,
    ids: Vec<u32>,
    children: Vec<(u32, Node)>,
}

impl Table {
    /// An empty table with these columns: ids and types, each id once.
    pub fn new(writing: Writing, columns: &[(u16, u16)]) -> Self {
        let mut placed: Vec<Column> = Vec::new();
        let mut ends = [0; 4];
        let mut start = 0;
        for (group, end) in ends.iter_mut().take(3).enumerate() {
            for (id, kind) in ROW_COLUMNS.iter().chain(columns) {
                let octets = cell_octets(*kind);
                let own_group = if octets >= 4 { 0 } else { 3 - octets };
                if own_group == group {
                    placed.push(Column { id: *id, kind: *kind, start, bit: placed.len() });
                    start += octets;
                }
            }
            *end = start;
        }
        ends[3] = start + placed.len().div_ceil(8);
        let heap = Heap::new(writing.format);
        Self { writing, columns: placed, ends, heap, rows: Vec::new(), ids: Vec::new(), children: Vec::new() }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.ids.len()
    }

    /// Adds a row. Cells without a column of their id and type are left out.
    pub fn row(&mut self, database: &mut Database, id: u32, cells: &BTreeMap<u16, Value>) -> Result<()> {
        let mut row = vec![0; self.ends[3]];
        let version = u32::try_from(self.ids.len() + 1)?;
        for column in &self.columns {
            let octets = match column.id {
                0x67F2 => id.to_le_bytes().to_vec(),
                0x67F3 => version.to_le_bytes().to_vec(),
                _ => match cells.get(&column.id).map(|value| self.writing.octets(value)) {
                    Some((kind, octets)) if kind == column.kind => octets,
                    _ => continue,
                },
            };
            row[self.ends[2] + column.bit / 8] |= 0x80 >> (column.bit % 8);
            let cell = if is_inline(column.kind) || cell_octets(column.kind) == 8 {
                octets
            } else if octets.len() <= ITEM_OCTETS_MAX {
                self.heap.add(&octets).to_le_bytes().to_vec()
            } else {
                let number = ROWS_NUMBER + (u32::try_from(self.children.len() + 1)? << 5);
                let node = Node { data: database.octets(&octets)?, children: 0 };
                self.children.push((number, node));
                number.to_le_bytes().to_vec()
            };
            row[column.start..column.start + cell.len()].copy_from_slice(&cell);
        }
        self.rows.extend(row);
        self.ids.push(id);
        Ok(())
    }

    /// Writes the table.
    pub fn finish(mut self, database: &mut Database) -> Result<Node> {
        let index = self.index()?;
        let row_octets = self.ends[3];
        let rows = if self.rows.len() <= ITEM_OCTETS_MAX {
            self.heap.add(&self.rows)
        } else {
            let longest = self.writing.format.block_octets_max();
            let full = longest / row_octets * row_octets;
            let has_next = |nth: usize| (nth + 1) * full < self.rows.len();
            let blocks = self.rows.chunks(full).enumerate().map(|(nth, rows)| {
                let mut block = rows.to_vec();
                if has_next(nth) {
                    block.resize(longest, 0);
                }
                block
            });
            let data = database.data(blocks)?;
            self.children.push((ROWS_NUMBER, Node { data, children: 0 }));
            ROWS_NUMBER
        };
        let mut header = vec![0x7C, u8::try_from(self.columns.len()).context("more than 255 columns")?];
        for end in self.ends {
            header.extend(u16::try_from(end)?.to_le_bytes());
        }
        header.extend(index.to_le_bytes());
        header.extend(rows.to_le_bytes());
        header.extend([0; 4]);
        self.columns.sort_by_key(|column| (column.id, column.kind));
        for column in &self.columns {
            header.extend(column.kind.to_le_bytes());
            header.extend(column.id.to_le_bytes());
            header.extend(u16::try_from(column.start)?.to_le_bytes());
            header.extend([u8::try_from(cell_octets(column.kind))?, u8::try_from(column.bit)?]);
        }
        let root = self.heap.add(&header);
        let data = database.data(self.heap.finish(0x7C, root))?;
        Ok(Node { data, children: database.children(self.children)? })
    }

    /// The tree from row ids to the places of rows (§2.3.4.3).
    fn index(&mut self) -> Result<u32> {
        let mut places: Vec<(u32, u32)> = Vec::with_capacity(self.ids.len());
        for (place, id) in self.ids.iter().enumerate() {
            places.push((*id, u32::try_from(place)?));
        }
        places.sort_unstable();
        ensure!(places.windows(2).all(|pair| pair[0].0 != pair[1].0), "two rows with one id");
        let value_octets = if self.writing.format == Format::Ansi { 2 } else { 4 };
        ensure!(value_octets == 4 || places.len() <= 0xFFFF, "an ANSI table ends at 65,535 rows");
        let record = |(id, place): &(u32, u32)| {
            [&id.to_le_bytes()[..], &place.to_le_bytes()[..usize::from(value_octets)]].concat()
        };
        let records: Vec<Vec<u8>> = places.iter().map(record).collect();
        Ok(self.heap.tree(4, value_octets, &records))
    }
}
