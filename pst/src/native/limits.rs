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
/// Sub-nodes of one node.
pub(super) const SUBNODES_MAX: usize = 1 << 18;
/// Records of one tree of heap records: the rows of a table, or an object's properties.
pub(super) const RECORDS_MAX: usize = 1 << 22;
/// Octets of heap blocks that one heap keeps at a time.
pub(super) const HEAP_OCTETS_HELD_MAX: usize = 8 << 20;
/// Values of one multi-valued property.
pub(super) const VALUES_MAX: usize = 1 << 16;
/// Octets of values that one item holds with all that is embedded in it; further ones come as blobs.
pub(super) const ITEM_OCTETS_MAX: u64 = 64 << 20;
/// Rows of one recipient table.
pub(super) const RECIPIENTS_MAX: usize = 100_000;
/// Attachments of one item with all that is embedded in it.
pub(super) const ATTACHMENTS_MAX: usize = 65_536;
/// How deep items may be embedded in one another.
pub(super) const EMBEDDED_DEPTH_MAX: usize = 64;
/// Folders of one store.
pub(super) const FOLDERS_MAX: usize = 1 << 20;
/// Names of one store: as many as there are ids from 0x8000 on.
pub(super) const NAMES_MAX: usize = 0x8000;
/// Damages that are told one by one of one object; the rest is counted.
pub(super) const DAMAGES_MAX: usize = 64;
