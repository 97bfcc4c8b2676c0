//! Stores made here, in every format and encoding, whole and with single faults.
//! Never a file from elsewhere.

use anyhow::{Context, Result};

use super::NativeStore;
use super::cipher::Encoding;
use super::sample::{Cell, Data, Sample, open, utf16};
use crate::item::{Content, Item, Part};
use crate::names::PSETID_COMMON;
use crate::property::{VALUE_OCTETS_MAX, Value, ValueType};
use crate::store::{Blob, Blobs, Format, NodeId, Store, StoreError};

const LONG_ID: u32 = 0x8001 << 5 | 0x1F;
const DATA_ID: u32 = 0x8002 << 5 | 0x1F;
const EMBEDDED_ID: u32 = 0x0020_0024;
const ITEM: u32 = 0x0020_0024;
const OTHER: u32 = 0x0020_0044;
const FOLDER: u32 = 0x8022;

/// Attachment data that no two blocks of are alike.
fn attached(octets: usize) -> Vec<u8> {
    let words = (0..=octets as u32 / 4).map(|number| number.wrapping_mul(2_654_435_761));
    words.flat_map(u32::to_le_bytes).take(octets).collect()
}

fn word(id: u16, kind: u16, word: u32) -> Cell {
    (id, kind, Data::Word(word))
}

fn text(id: u16, value: &str) -> Cell {
    (id, 0x001F, utf16(value))
}

/// Adds an attachment's data and sub-nodes to an item's sub-nodes.
fn attachment(sample: &mut Sample, properties: &[Cell], subnodes: &[(u32, u64, u64)]) -> (u64, u64) {
    let own = if subnodes.is_empty() { 0 } else { sample.subnodes(subnodes) };
    (sample.properties(properties), own)
}

/// Octets of a value that is held, over several blocks, and of one that is not, over lists of lists.
const HELD: usize = 50_000;
const LONG: usize = VALUE_OCTETS_MAX as usize + 2;

/// Writes an item with recipients, a value of `long` octets, and attachments of four kinds.
fn rich_item(sample: &mut Sample, parent: u32, long: usize) {
    let long = sample.data(&attached(long));
    let recipients = sample.table(&[
        (0, vec![word(0x0C15, 3, 1), text(0x3003, "a@example.org")]),
        (1, vec![word(0x0C15, 3, 2), text(0x3003, "b@example.org")]),
    ]);
    let table = sample.table(&[
        (0x8045, vec![word(0x3705, 3, 1)]),
        (0x8025, vec![word(0x3705, 3, 5)]),
        (0x8065, vec![word(0x3705, 3, 6)]),
    ]);
    let by_value = sample.data(&attached(20_000));
    let by_value = attachment(
        sample,
        &[word(0x3705, 3, 1), word(0x3701, 0x102, DATA_ID), text(0x3707, "file")],
        &[(DATA_ID, by_value, 0)],
    );
    let inner = sample.properties(&[text(0x001A, "IPM.Contact"), text(0x0037, "inside")]);
    // Its method is missing, and its item has the number of one of the store's own.
    let refers = Data::Heap([EMBEDDED_ID.to_le_bytes(), [0; 4]].concat());
    let embedded = attachment(sample, &[(0x3701, 0x000D, refers)], &[(EMBEDDED_ID, inner, 0)]);
    let storage = sample.data(b"compound file");
    let refers = Data::Heap([DATA_ID.to_le_bytes(), [0; 4]].concat());
    let ole = attachment(sample, &[word(0x3705, 3, 6), (0x3701, 0x000D, refers)], &[(DATA_ID, storage, 0)]);
    let unlisted = attachment(sample, &[word(0x3705, 3, 7), text(0x370D, "https://example.org")], &[]);
    let subnodes = sample.subnodes(&[
        (0x671, table, 0),
        (0x692, recipients, 0),
        (0x8025, embedded.0, embedded.1),
        (0x8045, by_value.0, by_value.1),
        (0x8065, ole.0, ole.1),
        (0x8085, unlisted.0, unlisted.1),
        (LONG_ID, long, 0),
    ]);
    let item = sample.properties(&[
        text(0x001A, "IPM.Note"),
        text(0x0037, "ação"),
        word(0x0E07, 3, 1),
        word(0x0017, 0, 0),
        (0x6001, 0x2102, Data::Heap(vec![1, 2])),
        word(0x6002, 0x001F, 0x7F20),
        word(0x1013, 0x0102, LONG_ID),
        (0x8001, 0x1003, Data::Heap([7_u32.to_le_bytes(), 8_u32.to_le_bytes()].concat())),
    ]);
    sample.nodes.push((ITEM, parent, item, subnodes));
}

/// A store of a root, one folder and two items; the rows of the contents table stand in the other order.
fn store(format: Format, encoding: Encoding, long: usize) -> Sample {
    let mut sample = Sample::new(format, encoding);
    let properties = sample.properties(&[(0x0FF9, 0x0102, Data::Heap(vec![9; 16]))]);
    sample.nodes.push((0x21, 0, properties, 0));
    let entry = [0x01, 0x85, 0, 0, 6, 0, 1, 0];
    let guids = Data::Heap(PSETID_COMMON.to_vec());
    let names = sample.properties(&[(2, 0x0102, guids), (3, 0x0102, Data::Heap(entry.to_vec()))]);
    sample.nodes.push((0x61, 0, names, 0));
    let root = sample.properties(&[word(0x3602, 3, 0)]);
    sample.nodes.push((0x122, 0x122, root, 0));
    let hierarchy = sample.table(&[(FOLDER, vec![text(0x3001, "Inbox")])]);
    sample.nodes.push((0x12D, 0, hierarchy, 0));
    let empty = sample.table(&[]);
    sample.nodes.push((0x12E, 0, empty, 0));
    let folder = sample.properties(&[text(0x3001, "Inbox"), word(0x3602, 3, 2)]);
    sample.nodes.push((FOLDER, 0x122, folder, 0));
    sample.nodes.push((0x802D, 0, empty, 0));
    let contents = sample.table(&[(OTHER, vec![text(0x0037, "other")]), (ITEM, vec![text(0x0037, "ação")])]);
    sample.nodes.push((0x802E, 0, contents, 0));
    rich_item(&mut sample, FOLDER, long);
    let other = sample.properties(&[text(0x001A, "IPM.Note"), text(0x0037, "other")]);
    sample.nodes.push((OTHER, FOLDER, other, 0));
    sample
}

fn octets(store: &mut NativeStore, blob: &Blob) -> Result<Vec<u8>> {
    let mut octets = vec![0; usize::try_from(blob.octets)?];
    let count = store.read_at(blob, 0, &mut octets)?;
    assert_eq!(count as u64, blob.octets);
    Ok(octets)
}

fn check_rich_item(store: &mut NativeStore, item: &Item, what: &str) -> Result<()> {
    let get = |id| item.properties.get(id).cloned();
    assert_eq!(get(0x0037), Some(Value::String("ação".to_owned())), "{what}");
    assert_eq!(get(0x0017), Some(Value::Null), "{what}: a type of 0 costs nothing");
    assert_eq!(get(0x6001), Some(Value::Binary(vec![1, 2])), "{what}: nor does one that nobody knows");
    assert_eq!(get(0x8001), Some(Value::Many(vec![Value::Integer32(7), Value::Integer32(8)])), "{what}");
    // Of a store without any block tree it is not certain that a page is the newest.
    let is_certain = |part: &Part| what != "both" || *part != Part::File;
    let damaged: Vec<Part> = item.damage.iter().map(|damage| damage.part).filter(is_certain).collect();
    assert_eq!(damaged, [Part::Property(0x6002)], "{what}: one bad property costs itself");
    match get(0x1013) {
        Some(Value::Binary(held)) => assert!(held == attached(HELD), "{what}"),
        Some(Value::Long(ValueType::Binary, long)) => {
            assert!(octets(store, &long)? == attached(LONG), "{what}");
            assert_eq!(
                store.read_at(&long, LONG as u64 - 50, &mut [0; 100])?,
                50,
                "{what}: no more than there is"
            );
        }
        other => panic!("{what}: {other:?}"),
    }
    let recipients: Vec<_> = item.recipients.iter().map(|one| one.integer(0x0C15)).collect();
    assert_eq!(recipients, [Some(1), Some(2)], "{what}");
    let [by_value, embedded, ole, unlisted] = &item.attachments[..] else {
        panic!("{what}: {} attachments", item.attachments.len());
    };
    let Content::Octets(blob) = &by_value.content else { panic!("{what}: {:?}", by_value.content) };
    assert_eq!(octets(store, blob)?, attached(20_000), "{what}");
    let Content::Embedded(inner) = &embedded.content else { panic!("{what}: {:?}", embedded.content) };
    assert_eq!(
        inner.properties.get(0x0037),
        Some(&Value::String("inside".to_owned())),
        "{what}: its own sub-node"
    );
    assert_eq!(
        (inner.node, embedded.properties.integer(0x3705)),
        (NodeId(ITEM), Some(5)),
        "{what}: from the row"
    );
    let Content::Ole(blob) = &ole.content else { panic!("{what}: {:?}", ole.content) };
    assert_eq!(octets(store, blob)?, b"compound file", "{what}");
    assert_eq!(unlisted.content, Content::Reference, "{what}: only the sub-nodes know it");
    Ok(())
}

#[test]
fn a_store_of_every_format_and_encoding_is_read_whole() -> Result<()> {
    for format in [Format::Ansi, Format::Unicode, Format::Unicode4k] {
        for encoding in [Encoding::None, Encoding::Permute, Encoding::Cyclic] {
            let what = format!("{format:?} {encoding:?}");
            let mut store = open(&store(format, encoding, HELD).finish()).context(what.clone())?;
            assert_eq!((store.reader(), store.summary().format), ("native", format));
            assert_eq!(store.summary().damage, [], "{what}");
            assert_eq!(store.summary().names.number(PSETID_COMMON, 0x8501), Some(0x8001), "{what}");
            let folders = store.folders()?;
            assert_eq!(folders.len(), 2, "{what}");
            assert!(folders.iter().all(|folder| folder.damage.is_empty()), "{what}: {folders:?}");
            let inbox = &folders[1];
            assert_eq!((inbox.node, inbox.parent), (NodeId(FOLDER), NodeId(0x122)), "{what}");
            assert_eq!(inbox.items, [NodeId(OTHER), NodeId(ITEM)], "{what}: the table's order");
            let counts = (inbox.counts.table_rows, inbox.counts.node_children, inbox.counts.claimed);
            assert_eq!(counts, (Some(2), Some(2), Some(2)), "{what}");
            let item = store.item(NodeId(ITEM))?;
            check_rich_item(&mut store, &item, &what)?;
            assert_eq!(store.recovered()?, [], "{what}");
            assert_eq!(store.try_clone().item(NodeId(ITEM))?, item, "{what}: another handle reads the same");
        }
    }
    Ok(())
}

/// The octets of a store of two items, changed wherever `needle` stands.
fn changed(sample: Sample, needle: &[u8], into: &[u8]) -> Vec<u8> {
    let mut octets = sample.finish();
    let found: Vec<usize> = octets
        .windows(needle.len())
        .enumerate()
        .filter(|(_, one)| *one == needle)
        .map(|(at, _)| at)
        .collect();
    assert!(!found.is_empty(), "what is to be changed is there");
    for at in found {
        octets[at..at + into.len()].copy_from_slice(into);
    }
    octets
}

#[test]
fn altered_data_is_an_error_and_never_other_data() -> Result<()> {
    let part = &attached(20_000)[9_000..9_016];
    let mut store = open(&changed(store(Format::Unicode, Encoding::None, HELD), part, b"altered!"))?;
    let item = store.item(NodeId(ITEM))?;
    let Content::Octets(blob) = &item.attachments[0].content else { panic!("{:?}", item.attachments[0]) };
    assert!(store.read_at(blob, 9_000, &mut [0; 16]).is_err());
    assert!(store.read_at(blob, 0, &mut [0; 20_000]).is_err());
    assert_eq!(store.read_at(blob, 0, &mut [0; 8_000])?, 8_000, "the block before it is sound");
    Ok(())
}

#[test]
fn data_whose_list_of_blocks_was_altered_is_an_error() -> Result<()> {
    let whole = store(Format::Unicode, Encoding::None, HELD).finish();
    // The list of the attachment's three blocks: level 1, 20,000 octets.
    let list = [&[1, 1, 3, 0][..], &20_000_u32.to_le_bytes()].concat();
    let at = whole.windows(8).position(|one| *one == list[..]).context("the list is there")?;
    let mut octets = whole;
    // The second block becomes the first one: a sound block, but not the one that stood there.
    octets.copy_within(at + 8..at + 16, at + 16);
    let mut store = open(&octets)?;
    let item = store.item(NodeId(ITEM))?;
    let attachment = &item.attachments[0];
    assert_eq!(attachment.damage[0].part, Part::Data);
    let Content::Octets(blob) = &attachment.content else { panic!("{attachment:?}") };
    assert!(store.read_at(blob, 0, &mut [0; 20_000]).is_err());
    // What was noted of it is told of no other item, whoever is asked for next.
    store.blocks.forget();
    assert!(store.read_at(blob, 0, &mut [0; 20_000]).is_err());
    assert!(!store.item(NodeId(OTHER))?.is_damaged());
    Ok(())
}

#[test]
fn an_item_whose_entry_was_altered_is_damaged_even_if_it_reads_well() -> Result<()> {
    let sample = store(Format::Unicode, Encoding::None, HELD);
    let mut nodes = sample.nodes.clone();
    nodes.sort_unstable();
    let entry = |number: u32| {
        let (_, parent, data, subnodes) =
            nodes.iter().find(|node| node.0 == number).copied().unwrap_or_default();
        let numbers: Vec<u8> =
            [u64::from(number), data, subnodes].iter().flat_map(|one| one.to_le_bytes()).collect();
        [numbers, parent.to_le_bytes().to_vec()].concat()
    };
    let (right, mut wrong) = (entry(OTHER), entry(OTHER));
    wrong[8..16].copy_from_slice(&entry(ITEM)[8..16]);
    let mut store = open(&changed(sample, &right, &wrong))?;
    let item = store.item(NodeId(OTHER))?;
    assert_eq!(item.properties.get(0x0037), Some(&Value::String("ação".to_owned())), "the other item's data");
    assert!(item.damage.iter().any(|damage| damage.part == Part::File), "{:?}", item.damage);
    Ok(())
}

#[test]
fn a_lost_contents_table_gives_the_children_of_the_node_tree() -> Result<()> {
    let mut sample = store(Format::Unicode, Encoding::None, HELD);
    sample.nodes.retain(|(number, ..)| *number != 0x802E);
    let mut store = open(&sample.finish())?;
    let folders = store.folders()?;
    assert_eq!(folders[1].items, [NodeId(ITEM), NodeId(OTHER)]);
    assert_eq!(folders[1].counts.table_rows, None);
    assert_eq!(folders[1].damage[0].part, Part::Contents);
    Ok(())
}

#[test]
fn an_item_of_two_tables_is_listed_once_and_where_it_lies() -> Result<()> {
    let mut sample = store(Format::Unicode, Encoding::None, HELD);
    let twice = sample.table(&[(ITEM, vec![text(0x0037, "ação")])]);
    sample.nodes.iter_mut().filter(|(number, ..)| *number == 0x12E).for_each(|node| node.2 = twice);
    let mut store = open(&sample.finish())?;
    let folders = store.folders()?;
    assert_eq!((folders[0].items.len(), folders[1].items.len()), (0, 2));
    assert_eq!(folders[0].damage[0].part, Part::Contents, "the disagreement is told");
    Ok(())
}

#[test]
fn a_row_without_a_node_is_an_item_that_cannot_be_read() -> Result<()> {
    let mut sample = store(Format::Unicode, Encoding::None, HELD);
    sample.nodes.retain(|(number, ..)| *number != OTHER);
    let mut store = open(&sample.finish())?;
    assert_eq!(store.folders()?[1].items, [NodeId(OTHER), NodeId(ITEM)]);
    assert!(matches!(store.item(NodeId(OTHER)), Err(StoreError::Unreadable { .. })));
    Ok(())
}

#[test]
fn what_leads_in_circles_ends() -> Result<()> {
    let mut sample = store(Format::Unicode, Encoding::None, HELD);
    // Two folders, each below the other; the root knows none of them.
    sample.nodes.push((0x8042, 0x8062, 0, 0));
    sample.nodes.push((0x8062, 0x8042, 0, 0));
    // A list of blocks that lists itself, as the data of an attachment.
    let own = sample.next_list();
    let (circle, _) = sample.list(2, &[(own, 0)]);
    let data =
        attachment(&mut sample, &[word(0x3705, 3, 1), word(0x3701, 0x102, DATA_ID)], &[(DATA_ID, circle, 0)]);
    // An item that is embedded in itself.
    let item = sample.properties(&[text(0x001A, "IPM.Note")]);
    let refers = Data::Heap([EMBEDDED_ID.to_le_bytes(), [0; 4]].concat());
    let holder = sample.properties(&[word(0x3705, 3, 5), (0x3701, 0x000D, refers)]);
    let outer = sample.next_list() + 4;
    let inner = sample.subnodes(&[(EMBEDDED_ID, item, outer)]);
    let subnodes = sample.subnodes(&[(0x8025, holder, inner), (0x8045, data.0, data.1)]);
    assert_eq!(subnodes, outer);
    sample.nodes.push((0x20_0064, FOLDER, item, subnodes));
    let mut store = open(&sample.finish())?;
    let folders = store.folders()?;
    assert_eq!(folders.len(), 4, "folders that nothing leads to are listed, each once");
    assert!(folders[2..].iter().all(|folder| !folder.damage.is_empty()));
    let item = store.item(NodeId(0x20_0064))?;
    assert_eq!(item.attachments.len(), 2);
    assert!(item.attachments.iter().all(|one| one.content == Content::Unreadable && !one.damage.is_empty()));
    assert!(item.is_damaged());
    Ok(())
}

#[test]
fn a_store_whose_roots_are_lost_is_found_again_and_said_to_be_damaged() -> Result<()> {
    for (what, root_at) in [("nodes", 224), ("blocks", 240), ("both", 0)] {
        let long = if what == "both" { LONG } else { HELD };
        let mut octets = store(Format::Unicode, Encoding::Permute, long).finish();
        for at in if root_at == 0 { vec![224, 240] } else { vec![root_at] } {
            octets[at..at + 8].fill(0x55);
        }
        let mut store = open(&octets).context(what)?;
        assert!(!store.summary().damage.is_empty(), "{what}");
        let folders = store.folders()?;
        assert_eq!(folders[1].items, [NodeId(OTHER), NodeId(ITEM)], "{what}");
        let item = store.item(NodeId(ITEM))?;
        check_rich_item(&mut store, &item, what)?;
    }
    Ok(())
}

#[test]
fn what_is_no_store_is_refused_with_a_reason() {
    let whole = store(Format::Unicode, Encoding::None, HELD).finish();
    let with = |at: usize, octet: u8| {
        let mut octets = whole[..8192].to_vec();
        octets[at] = octet;
        octets
    };
    for (octets, reason) in [
        (Vec::new(), "signature"),
        (b"!BD".to_vec(), "signature"),
        (b"!BDN".to_vec(), "ends within"),
        (whole[..200].to_vec(), "ends within"),
        (with(0, b'?'), "signature"),
        (with(9, b'B'), "address book"),
        (with(10, 99), "version 99"),
        (with(513, 16), "method 0x10"),
        (whole[..8192].to_vec(), "no node"),
    ] {
        let mut octets = octets;
        if reason == "address book" {
            octets[8] = b'A';
        }
        match open(&octets) {
            Err(StoreError::NotAStore(told)) => {
                assert!(told.contains(reason), "{told:?} tells of {reason:?}")
            }
            other => panic!("{reason}: {other:?}"),
        }
    }
}

#[test]
fn a_cut_store_never_fails_and_never_lists_an_item_twice() -> Result<()> {
    let whole = store(Format::Ansi, Encoding::Permute, HELD).finish();
    for cut in (0..whole.len()).step_by(whole.len() / 60) {
        let Ok(mut store) = open(&whole[..cut]) else { continue };
        let nodes: Vec<NodeId> = store.folders()?.into_iter().flat_map(|folder| folder.items).collect();
        assert!(nodes.len() <= 2, "{cut}: {nodes:?}");
        for node in nodes {
            let told = store.item(node).is_ok() || !store.summary().damage.is_empty();
            assert!(told, "{cut}: what is lost is told");
        }
    }
    Ok(())
}

#[test]
fn no_altered_octet_of_any_format_makes_the_reader_fail() -> Result<()> {
    for (format, encoding) in [
        (Format::Ansi, Encoding::Cyclic),
        (Format::Unicode, Encoding::Permute),
        (Format::Unicode4k, Encoding::None),
    ] {
        let whole = store(format, encoding, HELD).finish();
        for seed in 0..60_u32 {
            let mut octets = whole.clone();
            let mut number = seed.wrapping_mul(2_654_435_761) | 1;
            for _ in 0..200 {
                number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = number as usize % octets.len();
                octets[at] ^= 1 << (number >> 29);
            }
            let Ok(mut store) = open(&octets) else { continue };
            let folders = store.folders().unwrap_or_default();
            for node in folders.into_iter().flat_map(|folder| folder.items) {
                if let Err(StoreError::Unreadable { reason, .. }) = store.item(node) {
                    assert!(
                        !reason.contains("the reader failed"),
                        "{format:?}, seed {seed}: a panic at {node:?}"
                    );
                }
            }
        }
    }
    Ok(())
}
