//! Every limit of the native reader, by name.
//! Never a limit that a store written by a mail program comes near.

/// Levels of a B-tree of pages, of a tree of heap records, and of what else descends.
pub(super) const LEVELS_MAX: u8 = 8;
/// Nodes that are read of one store.
pub(super) const NODES_MAX: usize = 20_000_000;
/// Blocks that are read of one store's block tree.
pub(super) const BLOCKS_MAX: usize = 60_000_000;
/// Blocks of one data tree: 16 times what its 32-bit length allows of full ones.
pub(super) const TREE_BLOCKS_MAX: usize = 1 << 20;
/// Blocks of data that the reading of one item or one folder may list: 32 GiB of full ones.
pub(super) const LISTED_BLOCKS_MAX: usize = 1 << 22;
/// Rows that are taken from a table's own octets where their index is lost.
pub(super) const UNINDEXED_ROWS_MAX: u64 = 1 << 17;
/// Sub-nodes of one node.
pub(super) const SUBNODES_MAX: usize = 1 << 18;
/// Records of one tree of heap records: the rows of a table, or an object's properties.
pub(super) const RECORDS_MAX: usize = 1 << 22;
/// Octets of heap blocks that one heap keeps at a time.
pub(super) const HEAP_OCTETS_HELD_MAX: usize = 4 << 20;
/// Values of one multi-valued property.
pub(super) const VALUES_MAX: usize = 1 << 16;
/// Octets of memory that one item takes with all that is embedded in it: values, with what keeps them, and lists of
/// blocks. Further values come as blobs where they can, and are told where they cannot.
pub(super) const ITEM_OCTETS_MAX: u64 = 16 << 20;
/// Of those, octets that only values take which cannot be left in the file, or are short.
pub(super) const SMALL_VALUES_OCTETS: u64 = 8 << 20;
/// Octets of a value that is short, and so held as long as anything is: headers that a mail came with, recurrences.
pub(super) const SHORT_VALUE_OCTETS: u64 = 64 << 10;
/// What keeps one property, beside its value, in octets of memory: a place in a tree that is about half full.
pub(super) const PROPERTY_OCTETS: u64 = 128;
/// What keeps one block of a list of blocks, in octets of memory.
pub(super) const LISTED_BLOCK_OCTETS: u64 = 40;
/// Octets of the text of one named property: programs write 254 ([MS-OXCPRPT] §2.2.12.1).
pub(super) const NAME_OCTETS_MAX: usize = 4096;
/// Octets of the texts of all named properties of one store: more than 32,768 of them take as programs write them.
pub(super) const NAMES_OCTETS_MAX: usize = 9 << 20;
/// Rows of one recipient table from which on each keeps only what says who it is.
pub(super) const RECIPIENTS_WHOLE_MAX: usize = 1000;
/// Rows of one recipient table.
pub(super) const RECIPIENTS_MAX: usize = 100_000;
/// Attachments of one item with all that is embedded in it.
pub(super) const ATTACHMENTS_MAX: usize = 16_384;
/// How deep items may be embedded in one another.
pub(super) const EMBEDDED_DEPTH_MAX: usize = 64;
/// Folders of one store.
pub(super) const FOLDERS_MAX: usize = 1 << 18;
/// Names of one store: as many as there are ids from 0x8000 on.
pub(super) const NAMES_MAX: usize = 0x8000;
/// Damages that are told one by one of one object; the rest is counted.
pub(super) const DAMAGES_MAX: usize = 64;
