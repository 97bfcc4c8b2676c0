//! Whole stores in which something lies where nothing leads: it is listed, and no such store is called clean.
//! Never a store with a wrong checksum.

use anyhow::Result;

use super::*;
use crate::native::NativeStore;
use crate::native::cipher::Encoding;
use crate::native::sample::{Sample, open, utf16};
use crate::store::{Format, Store as _};

const INBOX: u32 = 0x8022;
const SENT: u32 = 0x8042;
const FIRST: u32 = 0x0020_0024;
const SECOND: u32 = 0x0020_0044;

/// A store of two folders and two items. Each node names these parents, and the root's table only these folders.
fn store(sent: u32, second: u32, named: &[u32], rows: &[u32]) -> Result<NativeStore> {
    let mut sample = Sample::new(Format::Unicode, Encoding::None);
    let properties = sample.properties(&[]);
    sample.nodes.extend([(0x21, 0, properties, 0), (0x61, 0, properties, 0), (ROOT, ROOT, properties, 0)]);
    let table = |sample: &mut Sample, ids: &[u32]| {
        let rows: Vec<_> = ids.iter().map(|id| (*id, vec![(0x3001, 0x001F, utf16("a name"))])).collect();
        sample.table(&rows)
    };
    for (folder, parent, below, items) in
        [(ROOT, ROOT, named, &[][..]), (INBOX, ROOT, &[][..], rows), (SENT, sent, &[][..], &[][..])]
    {
        let (hierarchy, contents) = (table(&mut sample, below), table(&mut sample, items));
        sample.nodes.extend([(folder & !0x1F | HIERARCHY_TYPE, 0, hierarchy, 0)]);
        sample.nodes.extend([(folder & !0x1F | CONTENTS_TYPE, 0, contents, 0)]);
        if folder != ROOT {
            let name = sample.properties(&[(0x3001, 0x001F, utf16("its own name"))]);
            sample.nodes.push((folder, parent, name, 0));
        }
    }
    let item = sample.properties(&[(0x001A, 0x001F, utf16("IPM.Note"))]);
    sample.nodes.extend([(FIRST, INBOX, item, 0), (SECOND, second, item, 0)]);
    Ok(open(&sample.finish())?)
}

/// A folder's number, its items, and whether it is whole.
type Listed = (u32, Vec<u32>, bool);

/// What a store lists, which has no damage of its own.
fn listed(store: &mut NativeStore) -> Result<Vec<Listed>> {
    assert_eq!(store.summary().damage, Vec::new());
    let told = |folder: Folder| {
        let items = folder.items.iter().map(|item| item.0).collect();
        (folder.node.0, items, folder.damage.is_empty())
    };
    Ok(store.folders()?.into_iter().map(told).collect())
}

#[test]
fn what_nothing_leads_to_is_listed_and_told_also_where_every_checksum_holds() -> Result<()> {
    const GONE: u32 = 0x9982;
    let (root, inbox) = ((ROOT, vec![], true), (INBOX, vec![FIRST], true));
    let whole = || vec![root.clone(), inbox.clone(), (SENT, vec![SECOND], true)];
    for (sent, second, named, rows, expected) in [
        (ROOT, SENT, &[INBOX, SENT][..], &[FIRST][..], whole()),
        // No table names the folder, but it names its parent.
        (ROOT, SENT, &[INBOX], &[FIRST], whole()),
        // It names a parent that is gone, or itself.
        (
            GONE,
            SENT,
            &[INBOX],
            &[FIRST],
            vec![root.clone(), inbox.clone(), (GONE, vec![], false), (SENT, vec![SECOND], true)],
        ),
        (SENT, SENT, &[INBOX], &[FIRST], vec![root.clone(), inbox.clone(), (SENT, vec![SECOND], false)]),
        // An item names a folder that is gone, or none at all.
        (
            ROOT,
            GONE,
            &[INBOX, SENT],
            &[FIRST],
            vec![root.clone(), inbox.clone(), (SENT, vec![], true), (GONE, vec![SECOND], false)],
        ),
        (
            ROOT,
            0,
            &[INBOX, SENT],
            &[FIRST],
            vec![(ROOT, vec![SECOND], false), inbox.clone(), (SENT, vec![], true)],
        ),
        // Where a table that is reached names it, its user saw it there.
        (
            ROOT,
            GONE,
            &[INBOX, SENT],
            &[FIRST, SECOND],
            vec![root.clone(), (INBOX, vec![FIRST, SECOND], true), (SENT, vec![], true)],
        ),
    ] {
        let mut store = store(sent, second, named, rows)?;
        assert_eq!(listed(&mut store)?, expected, "{sent:#x} {second:#x} {named:x?} {rows:x?}");
    }
    Ok(())
}

#[test]
fn folders_beyond_the_limit_are_told_and_their_items_are_listed_all_the_same() -> Result<()> {
    let mut store = store(ROOT, SENT, &[INBOX, SENT], &[FIRST])?;
    let folders = read_most(&mut store.blocks, 2);
    let items: Vec<NodeId> = folders.iter().flat_map(|folder| folder.items.iter().copied()).collect();
    assert_eq!((folders.len(), items), (2, vec![NodeId(SECOND), NodeId(FIRST)]));
    let told: Vec<Part> = folders[0].damage.iter().map(|damage| damage.part).collect();
    assert_eq!(told, [Part::Limit, Part::Contents], "{:?}", folders[0].damage);
    Ok(())
}
