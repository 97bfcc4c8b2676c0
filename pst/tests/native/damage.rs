//! Damaged copies of stores: what is left is read, what is lost is told, and nothing ever fails or hangs.
//! Never a copy that cannot be made again: each comes from a seed that a failure prints.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;

use anyhow::{Result, ensure};
use malote_pst::native::NativeStore;
use malote_pst::store::{NodeId, Store, StoreError};

use crate::{content, corpus};

/// Numbers that look like chance and come again with their seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// One way to damage a file.
#[derive(Debug, Clone, Copy)]
enum Damaging {
    Pages(usize),
    Zeroed(usize),
    Flips(usize),
    CutTo(usize),
    Octets(usize),
    Numbers(usize),
    Swapped,
}

impl Damaging {
    fn of(self, octets: &mut Vec<u8>, chance: &mut Chance) {
        match self {
            Self::Pages(count) => (0..count).for_each(|_| {
                let page = chance.below(octets.len() / 512) * 512;
                octets[page..page + 512].fill(0);
            }),
            Self::Zeroed(length) => {
                let start = chance.below(octets.len().saturating_sub(length));
                let end = octets.len().min(start + length);
                octets[start..end].fill(0);
            }
            Self::Flips(count) => (0..count).for_each(|_| {
                let at = chance.below(octets.len());
                octets[at] ^= 1 << chance.below(8);
            }),
            Self::CutTo(hundredths) => octets.truncate(octets.len() * hundredths / 100),
            Self::Octets(count) => (0..count).for_each(|_| {
                let at = chance.below(octets.len());
                octets[at] = chance.next() as u8;
            }),
            Self::Numbers(count) => (0..count).for_each(|_| {
                let at = chance.below(octets.len() - 8);
                let number =
                    [0, 1, 0xFFFF_FFFF, u64::MAX, 0x8000_0000, 0x7FFF, 0x1F, 0xEC00][chance.below(8)];
                octets[at..at + 4].copy_from_slice(&number.to_le_bytes()[..4]);
            }),
            Self::Swapped => {
                let (one, other) = (chance.below(octets.len() / 512), chance.below(octets.len() / 512));
                for at in 0..512 {
                    octets.swap(one * 512 + at, other * 512 + at);
                }
            }
        }
    }
}

/// Reads whatever a store gives: items, data, what was deleted. Failures are answers; only panics and hangs are not.
fn read_all(octets: &[u8]) -> Result<usize> {
    let mut store = match corpus::open(octets) {
        Ok(store) => store,
        Err(StoreError::NotAStore(_)) => return Ok(0),
        Err(other) => return Err(other.into()),
    };
    let mut nodes: Vec<NodeId> = match store.folders() {
        Ok(folders) => folders.into_iter().flat_map(|folder| folder.items).collect(),
        Err(StoreError::NotAStore(_)) => Vec::new(),
        Err(other) => return Err(other.into()),
    };
    let distinct: BTreeSet<NodeId> = nodes.iter().copied().collect();
    ensure!(distinct.len() == nodes.len(), "an item is listed twice");
    let recovered = store.recovered().unwrap_or_default();
    ensure!(recovered.iter().all(|node| !distinct.contains(node)), "an item is both living and recovered");
    nodes.extend(recovered);
    let mut read = 0;
    for node in nodes {
        match store.item(node) {
            Ok(item) => {
                read += 1;
                // Data that a checksum denies is an error of the reading, and that is right.
                let _ = content::everything(&mut store, &item);
            }
            Err(StoreError::Unreadable { reason, .. }) => {
                ensure!(!reason.contains("the reader failed"), "the reader panicked at {node:?}");
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(read)
}

/// Damages a file of the corpus in every way, once for each seed.
fn check_mutants(name: &str, seeds: Range<u64>) -> Result<()> {
    let Some(folder) = corpus::folder() else { return Ok(()) };
    let whole = fs::read(folder.join(name))?;
    let mut read = 0;
    for seed in seeds {
        let mut chance = Chance(seed);
        let ways = [
            Damaging::Flips(1 + chance.below(200)),
            Damaging::Octets(1 + chance.below(100)),
            Damaging::Numbers(1 + chance.below(100)),
            Damaging::Pages(1 + chance.below(8)),
            Damaging::Swapped,
            Damaging::CutTo(chance.below(100)),
            Damaging::Zeroed(chance.below(65_536)),
        ];
        let mut octets = whole.clone();
        let way = ways[chance.below(ways.len())];
        way.of(&mut octets, &mut chance);
        match read_all(&octets) {
            Ok(count) => read += count,
            Err(error) => panic!("{name}, seed {seed}, {way:?}: {error:#}"),
        }
    }
    eprintln!("{name}: {read} items were read");
    Ok(())
}

#[test]
fn no_damage_to_a_unicode_store_makes_the_reader_fail() -> Result<()> {
    check_mutants("processpst_four_nesting_levels.pst", 0..350)?;
    check_mutants("hiraoka_msgInMsgInMsg.pst", 350..700)
}

#[test]
fn no_damage_to_a_store_of_many_items_makes_the_reader_fail() -> Result<()> {
    check_mutants("processpst_flags_john.pst", 700..1_000)?;
    check_mutants("javalibpst_dist-list.pst", 1_000..1_350)
}

#[test]
fn no_damage_to_an_ansi_store_makes_the_reader_fail() -> Result<()> {
    check_mutants("gopst_32bit_ansi.pst", 1_350..1_850)?;
    check_mutants("pstsdk_sample2_ansi.pst", 1_850..2_000)
}

/// Twelve files of all formats, as the figures were taken with twelve.
const SALVAGED: [&str; 12] = [
    "aspose_Outlook.pst",
    "aspose_contacts72.pst",
    "aspose_passwordprotected.pst",
    "gopst_support.pst",
    "hiraoka_threeItems.pst",
    "iped_test_sample_pt.pst",
    "javalibpst_dist-list.pst",
    "processpst_flags_john.pst",
    "pstsdk_test_ansi.pst",
    "tghanem_user1.pst",
    "pstextractor_4k.ost",
    "pstextractor_enron.pst",
];

/// The items of a store that can be read with a class, among `wanted`.
fn readable(store: &mut NativeStore, wanted: Option<&BTreeSet<NodeId>>) -> BTreeSet<NodeId> {
    let living = store.folders().into_iter().flatten().flat_map(|folder| folder.items);
    let mut nodes: BTreeSet<NodeId> = living.collect();
    if let Some(wanted) = wanted {
        nodes.extend(store.recovered().unwrap_or_default());
        nodes.retain(|node| wanted.contains(node));
    }
    nodes.retain(|node| store.item(*node).is_ok_and(|item| item.properties.get(0x001A).is_some()));
    nodes
}

/// Hundredths of the items of twelve stores that damaged copies still give, against the figure to be reached.
fn check_salvage(way: Damaging, copies: u64, at_least: f64) -> Result<()> {
    let Some(folder) = corpus::folder() else { return Ok(()) };
    let (mut before, mut after) = (0_usize, 0_usize);
    for (file, name) in SALVAGED.iter().enumerate() {
        let whole = fs::read(folder.join(name))?;
        let wanted = readable(&mut corpus::open(&whole)?, None);
        for copy in 0..copies {
            let mut octets = whole.clone();
            way.of(&mut octets, &mut Chance(file as u64 * 1_000 + copy));
            before += wanted.len();
            if let Ok(mut store) = corpus::open(&octets) {
                after += readable(&mut store, Some(&wanted)).len();
            }
        }
    }
    let share = 100.0 * after as f64 / before as f64;
    eprintln!("{way:?}: {after} of {before} items, {share:.1} %");
    assert!(share >= at_least, "{way:?}: {share:.1} % where {at_least} % must be reached");
    Ok(())
}

#[test]
fn a_lost_page_costs_next_to_nothing() -> Result<()> {
    check_salvage(Damaging::Pages(1), 10, 99.0)
}

#[test]
fn a_file_that_was_cut_keeps_most_of_what_is_left() -> Result<()> {
    check_salvage(Damaging::CutTo(90), 1, 90.0)
}

#[test]
#[ignore = "takes a minute, the whole table of damages: make salvage"]
fn all_damages_are_survived_as_well_as_ever() -> Result<()> {
    for (way, at_least) in [
        (Damaging::Pages(1), 99.0),
        (Damaging::Pages(4), 98.5),
        (Damaging::Zeroed(65_536), 70.0),
        (Damaging::Flips(100), 94.0),
        (Damaging::CutTo(90), 90.0),
        (Damaging::CutTo(50), 55.0),
    ] {
        check_salvage(way, 10, at_least)?;
    }
    Ok(())
}

#[test]
fn what_was_damaged_on_purpose_is_salvaged_and_told() -> Result<()> {
    let Some(folder) = corpus::folder() else { return Ok(()) };
    let truth = corpus::truth(&folder)?;
    for name in ["dmg_iped_flips400.pst", "dmg_support_trunc80.pst"] {
        let known = &truth["files"][name];
        let wanted = known["messages"].as_array().into_iter().flatten().filter_map(|one| one["nid"].as_u64());
        let wanted: BTreeSet<NodeId> = wanted.map(|nid| NodeId(nid as u32)).collect();
        let mut store = NativeStore::open(&folder.join(name))?;
        assert!(!store.summary().damage.is_empty(), "{name}: damage is told");
        let found = readable(&mut store, Some(&wanted));
        let missing: Vec<_> = wanted.difference(&found).collect();
        assert!(missing.is_empty(), "{name}: {missing:?} of {} are missing", wanted.len());
    }
    Ok(())
}
