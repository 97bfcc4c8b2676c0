//! Stores that somebody made to hurt: small files that stand for endless ones.
//! Never a file that a mail program would write.

use anyhow::Result;

use super::cipher::Encoding;
use super::limits::{ATTACHMENTS_MAX, EMBEDDED_DEPTH_MAX, ITEM_OCTETS_MAX};
use super::sample::{Cell, Data, Sample, open};
use crate::item::{Content, Item};
use crate::property::Value;
use crate::store::{Format, NodeId, Store};

const ITEM: u32 = 0x0020_0024;
const DATA_ID: u32 = 0x8002 << 5 | 0x1F;

/// A store of one item with these sub-nodes and properties.
fn with_item(mut sample: Sample, properties: &[Cell], subnodes: u64) -> Vec<u8> {
    let item = sample.properties(properties);
    let root = sample.properties(&[]);
    sample.nodes.push((0x122, 0x122, root, 0));
    sample.nodes.push((ITEM, 0x122, item, subnodes));
    sample.finish()
}

fn read(octets: &[u8]) -> Result<Item> {
    let mut store = open(octets)?;
    assert_eq!(store.folders()?[0].items, [NodeId(ITEM)]);
    Ok(store.item(NodeId(ITEM))?)
}

fn count(item: &Item) -> usize {
    let below = item.attachments.iter().map(|attachment| match &attachment.content {
        Content::Embedded(embedded) => 1 + count(embedded),
        _ => 1,
    });
    below.sum()
}

fn depth(item: &Item) -> usize {
    let below = item.attachments.iter().filter_map(|attachment| match &attachment.content {
        Content::Embedded(embedded) => Some(depth(embedded)),
        _ => None,
    });
    1 + below.max().unwrap_or(0)
}

/// Items within items: each holds the next one so many times.
fn nested(levels: usize, times: u32) -> Vec<u8> {
    let mut sample = Sample::new(Format::Unicode, Encoding::None);
    let class = (0x001A, 0x001F, Data::Heap(b"I\0".to_vec()));
    let item = sample.properties(std::slice::from_ref(&class));
    let refers = Data::Heap([ITEM.to_le_bytes(), [0; 4]].concat());
    let holder = sample.properties(&[(0x3705, 3, Data::Word(5)), (0x3701, 0x000D, refers)]);
    let mut below = 0;
    for _ in 0..levels {
        let inner = sample.subnodes(&[(ITEM, item, below)]);
        let holders: Vec<_> = (1..=times).map(|number| (number << 5 | 5, holder, inner)).collect();
        below = sample.subnodes(&holders);
    }
    with_item(sample, &[class], below)
}

#[test]
fn items_within_items_end_at_the_limit_and_the_damage_is_told() -> Result<()> {
    let item = read(&nested(EMBEDDED_DEPTH_MAX * 3, 1))?;
    assert_eq!(depth(&item), EMBEDDED_DEPTH_MAX);
    assert!(item.is_damaged());
    let item = read(&nested(EMBEDDED_DEPTH_MAX - 1, 1))?;
    assert_eq!((depth(&item), item.is_damaged()), (EMBEDDED_DEPTH_MAX, false));
    Ok(())
}

#[test]
fn items_that_double_at_every_level_end_at_the_limit() -> Result<()> {
    let item = read(&nested(40, 2))?;
    assert!(count(&item) <= ATTACHMENTS_MAX, "{}", count(&item));
    assert!(item.is_damaged());
    Ok(())
}

#[test]
fn one_value_under_many_names_is_held_only_so_often() -> Result<()> {
    let mut sample = Sample::new(Format::Unicode, Encoding::None);
    let value = sample.data(&vec![b'x'; 7 << 20]);
    let subnodes = sample.subnodes(&[(DATA_ID, value, 0)]);
    let many: Vec<Cell> = (1..400).map(|id| (id, 0x0102, Data::Word(DATA_ID))).collect();
    let item = read(&with_item(sample, &many, subnodes))?;
    let held = item.properties.0.values().map(|value| match value {
        Value::Binary(octets) => octets.len() as u64,
        _ => 0,
    });
    assert!(held.sum::<u64>() <= ITEM_OCTETS_MAX);
    assert_eq!((item.properties.0.len(), item.is_damaged()), (399, false), "the others are blobs");
    Ok(())
}

#[test]
fn lists_that_name_the_same_blocks_again_and_again_end() -> Result<()> {
    let mut sample = Sample::new(Format::Unicode, Encoding::None);
    let leaf = sample.data(&vec![b'x'; 8176]);
    let (list, octets) = sample.list(1, &vec![(leaf, 8176); 1000]);
    let mut attachments = Vec::new();
    for number in 1..100_u32 {
        let (lists, _) = sample.list(2, &vec![(list, octets); 1000]);
        let own = sample.subnodes(&[(DATA_ID, lists, 0)]);
        let holder = sample.properties(&[(0x3705, 3, Data::Word(1)), (0x3701, 0x0102, Data::Word(DATA_ID))]);
        attachments.push((number << 5 | 5, holder, own));
    }
    let subnodes = sample.subnodes(&attachments);
    let item = read(&with_item(sample, &[], subnodes))?;
    assert_eq!(item.attachments.len(), 99);
    assert!(
        item.attachments
            .last()
            .is_some_and(|last| last.content == Content::Unreadable && !last.damage.is_empty())
    );
    Ok(())
}
