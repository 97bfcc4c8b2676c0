//! Tables: rows of cells by columns ([MS-PST] §2.3.4).
//! Never reads a cell that its row does not claim to have.

use super::blocks::Blocks;
use super::btree_heap::records;
use super::data_tree::DataTree;
use super::fault::{Fault, Read};
use super::limits::{LISTED_BLOCK_OCTETS, PROPERTY_OCTETS, UNINDEXED_ROWS_MAX};
use super::object::{Allowance, Object};
use super::octets::{u8_at, u16_at, u32_at};
use super::properties::push;
use super::values::{fixed, fixed_octets};
use crate::item::{Damage, Part};
use crate::property::Properties;

/// `PidTagLtpRowId` and `PidTagLtpRowVer`: the table's own, and no property of what a row stands for.
const OWN_COLUMNS: [u16; 2] = [0x67F2, 0x67F3];

/// A table that was opened.
#[derive(Debug)]
pub(super) struct Table {
    object: Object,
    columns: Vec<Column>,
    row_octets: usize,
    /// Where the bits begin that say which cells there are (`TCI_1b`).
    bits: usize,
    matrix: Matrix,
    /// Its rows in their order.
    pub(super) rows: Vec<Row>,
    /// Why rows may be missing.
    pub(super) faults: Vec<Fault>,
}

/// One row: what it stands for, and its place in the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// A NID, for folders, items and attachments.
    pub(super) id: u32,
    number: u32,
}

#[derive(Debug, Clone, Copy)]
struct Column {
    id: u16,
    kind: u16,
    at: usize,
    octets: usize,
    bit: usize,
}

/// Where the rows' octets lie.
#[derive(Debug)]
enum Matrix {
    /// In the heap: where, and how many.
    Held {
        place: u32,
        octets: u64,
    },
    Tree(DataTree),
}

impl Table {
    /// The table of a node's data.
    pub(super) fn open(blocks: &mut Blocks, data: u64, subnodes: u64) -> Read<Self> {
        let mut object = Object::open(blocks, data, subnodes, super::heap::TABLE)?;
        let root = object.heap.root;
        let information = object.heap.get(blocks, root)?;
        let field = |at| u16_at(information, at).map(usize::from);
        let (Some(0x7C), Some(count), Some(bits), Some(row_octets)) =
            (u8_at(information, 0), u8_at(information, 1), field(6), field(8))
        else {
            return Err(Fault::new("its heap holds no table"));
        };
        let words = u32_at(information, 10).zip(u32_at(information, 14));
        let (index, matrix) = words.ok_or_else(|| Fault::new("its description ends early"))?;
        let mut columns = Vec::with_capacity(usize::from(count));
        let described = information.get(22..).unwrap_or_default().chunks_exact(8).take(usize::from(count));
        columns.extend(described.filter_map(Column::read));
        if row_octets < 4 || bits > row_octets {
            return Err(Fault::new("its rows have an impossible form"));
        }
        let matrix = if matrix & 0x1F == 0 {
            let octets = object.heap.get(blocks, matrix)?.len() as u64;
            Matrix::Held { place: matrix, octets }
        } else {
            Matrix::Tree(blocks.data_tree(object.subnode(matrix)?.data)?)
        };
        let mut table =
            Self { object, columns, row_octets, bits, matrix, rows: Vec::new(), faults: Vec::new() };
        table.read_index(blocks, index);
        Ok(table)
    }

    /// Reads which rows there are; where their index is lost, the rows' own ids are taken.
    fn read_index(&mut self, blocks: &mut Blocks, index: u32) {
        if index == 0 {
            return;
        }
        match records(blocks, &mut self.object.heap, index) {
            Ok(records) if records.key_octets == 4 && matches!(records.value_octets, 2 | 4) => {
                let row = |record: &[u8]| {
                    let number = u32_at(record, 4).or_else(|| u16_at(record, 4).map(u32::from))?;
                    Some(Row { id: u32_at(record, 0)?, number })
                };
                self.rows.reserve_exact(records.iter().len());
                self.rows.extend(records.iter().filter_map(row));
                self.rows.sort_by_key(|row| row.number);
                self.faults = records.faults;
            }
            Ok(_) => self.faults.push(Fault::new("the index of its rows has an impossible form")),
            Err(fault) => self.faults.push(fault),
        }
        if !self.faults.is_empty() {
            self.add_rows_of_matrix(blocks);
        }
    }

    /// Adds rows that the index lost. The matrix may hold rows that were deleted, but not more than it has room for.
    fn add_rows_of_matrix(&mut self, blocks: &mut Blocks) {
        let octets = match &self.matrix {
            Matrix::Held { octets, .. } => *octets,
            Matrix::Tree(tree) => tree.octets(),
        };
        let count = (octets / self.row_octets as u64).min(UNINDEXED_ROWS_MAX) as u32;
        let known: std::collections::HashSet<u32> = self.rows.iter().map(|row| row.id).collect();
        for number in 0..count {
            let id = self.row(blocks, number).ok().and_then(|row| u32_at(&row, 0));
            if let Some(id) = id.filter(|id| *id != 0 && !known.contains(id)) {
                self.rows.push(Row { id, number });
            }
        }
    }

    /// A row's octets. Rows do not go over the end of a block: what does not fit is left empty.
    fn row(&mut self, blocks: &mut Blocks, number: u32) -> Read<Vec<u8>> {
        let lost = || Fault::new(format!("row {number} lies outside of its table"));
        let number = number as usize;
        match &self.matrix {
            Matrix::Held { place, .. } => {
                let octets = self.object.heap.get(blocks, *place)?;
                let row = octets.chunks_exact(self.row_octets).nth(number);
                Ok(row.ok_or_else(lost)?.to_vec())
            }
            Matrix::Tree(tree) => {
                let first = tree.leaves.first().map_or(0, |leaf| leaf.end as usize);
                let in_each = (first / self.row_octets).max(1);
                let leaf = blocks.leaf(tree, number / in_each)?;
                let row = leaf.chunks_exact(self.row_octets).nth(number % in_each);
                Ok(row.ok_or_else(lost)?.to_vec())
            }
        }
    }

    /// Octets of memory that its lists and its rows take.
    pub(super) fn octets_of_lists(&self) -> u64 {
        let matrix = match &self.matrix {
            Matrix::Held { octets, .. } => *octets,
            Matrix::Tree(tree) => tree.leaves.len() as u64 * LISTED_BLOCK_OCTETS,
        };
        let rows = self.rows.len() * size_of::<Row>();
        self.object.octets_of_lists() + matrix + rows as u64
    }

    /// Lets go of what of it is kept: it is read again where it is asked for.
    pub(super) fn let_go(&mut self) {
        self.object.heap.let_go();
    }

    /// The cells of a row as properties; what cannot be read of them is damage of `part`.
    pub(super) fn cells(
        &mut self,
        blocks: &mut Blocks,
        allowance: &mut Allowance,
        row: Row,
        part: Part,
        damage: &mut Vec<Damage>,
    ) -> Read<Properties> {
        let octets = self.row(blocks, row.number)?;
        let mut properties = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let bits = octets.get(self.bits + column.bit / 8).copied().unwrap_or(0);
            if bits & (0x80 >> (column.bit % 8)) == 0 || OWN_COLUMNS.contains(&column.id) {
                continue;
            }
            let cell = octets.get(column.at..column.at + column.octets).unwrap_or_default();
            let read = match fixed_octets(column.kind) {
                Some(0..=8) => {
                    allowance.charge(PROPERTY_OCTETS);
                    fixed(column.kind, cell).ok_or_else(|| Fault::new("a cell is too short"))
                }
                _ => match u32_at(cell, 0) {
                    Some(word) => self.object.value(blocks, allowance, column.kind, word),
                    None => Err(Fault::new("a cell is too short")),
                },
            };
            match read {
                Ok(value) => properties.push((column.id, value)),
                Err(fault) => {
                    let told = format!("row {:#x}, property {:#06x}: {fault}", row.id, column.id);
                    push(damage, part, Fault::new(told));
                }
            }
        }
        blocks.warned(part, damage);
        Ok(properties.into_iter().collect())
    }
}

impl Column {
    /// A column's description ([MS-PST] §2.3.4.2).
    fn read(description: &[u8]) -> Option<Self> {
        Some(Self {
            kind: u16_at(description, 0)?,
            id: u16_at(description, 2)?,
            at: usize::from(u16_at(description, 4)?),
            octets: usize::from(u8_at(description, 6)?),
            bit: usize::from(u8_at(description, 7)?),
        })
    }
}
