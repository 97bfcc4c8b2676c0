//! libpff over stores whose content is known because they are written here: every format, then broken in every way.
//! Never needs a foreign file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use malote_pst::item::{Attachment, Content, Item, Part};
use malote_pst::libpff::{
    BoundedStore, ChildLimits, ChildStore, EMBEDDED_DEPTH_MAX, LibpffStore, ReaderCommand,
};
use malote_pst::names::PS_PUBLIC_STRINGS;
use malote_pst::property::{VALUE_OCTETS_MAX, Value};
use malote_pst::store::{Blob, NodeId, Store, StoreError};
use pst_writer::{
    AttachmentTruth, Crypt, Data, Format, ItemTruth, Message, Pst, Truth, Value as Written, bulk, features,
};
use sha2::{Digest as _, Sha256};

const PIECE: usize = 50_001;

fn in_child(file: &Path, limits: ChildLimits) -> Result<ChildStore, StoreError> {
    let command =
        ReaderCommand { program: env!("CARGO_BIN_EXE_malote-pst-reader").into(), arguments: Vec::new() };
    ChildStore::open(file, command, limits)
}

fn octets(store: &mut dyn Store, blob: &Blob) -> Result<Vec<u8>> {
    let mut read = Vec::new();
    let mut piece = vec![0; PIECE];
    while u64::try_from(read.len())? < blob.octets {
        let got = store.read_at(blob, u64::try_from(read.len())?, &mut piece)?;
        ensure!(got > 0, "it ended at {} of {}", read.len(), blob.octets);
        read.extend_from_slice(&piece[..got]);
    }
    Ok(read)
}

fn hexadecimal(octets: &[u8]) -> String {
    Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Holds an item against what was written. libpff loses whole items over a property of an unknown type; nothing else
/// of what is written here.
fn check_item(store: &mut dyn Store, item: &Item, told: &ItemTruth, has_text: bool) -> Result<()> {
    let text = |id| match item.properties.get(id) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::String8(octets)) => Some(String::from_utf8_lossy(octets).into_owned()),
        _ => None,
    };
    // One item is written without its class.
    ensure!(text(0x001A).is_none_or(|class| class == told.class), "the class is {:?}", text(0x001A));
    if has_text {
        let subject = text(0x0037);
        let is_same = told.subject.is_none() || subject == told.subject;
        ensure!(is_same, "the subject is {subject:?} instead of {:?}", told.subject);
    }
    ensure!(item.recipients.len() == told.recipients, "{} recipients", item.recipients.len());
    ensure!(item.attachments.len() == told.attachments.len(), "{} attachments", item.attachments.len());
    for (attachment, told) in item.attachments.iter().zip(&told.attachments) {
        check_attachment(store, attachment, told, has_text).with_context(|| told.name.clone())?;
    }
    Ok(())
}

fn check_attachment(
    store: &mut dyn Store,
    attachment: &Attachment,
    told: &AttachmentTruth,
    has_text: bool,
) -> Result<()> {
    match (&attachment.content, &told.embedded) {
        (Content::Embedded(item), Some(told)) => check_item(store, item, told, has_text),
        (Content::Octets(blob) | Content::Ole(blob), None) => {
            ensure!(blob.octets == told.octets, "{} octets instead of {}", blob.octets, told.octets);
            let read = hexadecimal(&octets(store, blob)?);
            ensure!(told.sha256.as_ref().is_none_or(|told| *told == read), "the octets differ");
            Ok(())
        }
        (Content::None | Content::Reference, None) => {
            ensure!(told.octets == 0, "nothing instead of {} octets", told.octets);
            Ok(())
        }
        (content, _) => anyhow::bail!("{content:?}: {:?}", attachment.damage),
    }
}

/// Reads a whole store and holds it against the truth; gives the items that libpff did not give.
fn check_store(store: &mut dyn Store, truth: &Truth, has_text: bool) -> Result<Vec<String>> {
    let folders = store.folders()?;
    let mut lost = Vec::new();
    for told in truth.folders.iter().filter(|folder| !folder.is_search) {
        let node = NodeId(told.node);
        let folder = folders.iter().find(|folder| folder.node == node);
        let folder = folder.with_context(|| format!("no folder {:?}", told.path))?;
        let mut expected: Vec<NodeId> = told.items.iter().map(|item| NodeId(item.node)).collect();
        let mut given = folder.items.clone();
        expected.sort_unstable();
        given.sort_unstable();
        ensure!(given == expected, "{:?}: {given:?} instead of {expected:?}", told.path);
        let rows = told.items.iter().filter(|item| item.has_row).count();
        let rows_told = folder.counts.table_rows;
        ensure!(rows_told.is_none_or(|told| told >= rows as u64), "{:?}: {:?}", told.path, folder.counts);
        ensure!(folder.counts.node_children == Some(told.items.len() as u64), "{:?}", folder.counts);
        for told in &told.items {
            match store.item(NodeId(told.node)) {
                Ok(item) => check_item(store, &item, told, has_text)
                    .with_context(|| format!("{:#x}, {:?}", told.node, told.subject))?,
                Err(error) => lost.push(error.to_string()),
            }
        }
    }
    let searches = truth.folders.iter().filter(|folder| folder.is_search);
    for search in searches {
        ensure!(folders.iter().all(|folder| folder.node.0 != search.node), "a search folder is shown");
    }
    Ok(lost)
}

#[test]
fn what_was_written_is_read_in_every_format_and_what_libpff_loses_is_said() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, crypt, format) in [
        ("unicode", Crypt::Permute, Format::Unicode),
        ("plain", Crypt::None, Format::Unicode),
        ("cyclic", Crypt::Cyclic, Format::Unicode),
        ("ansi", Crypt::Permute, Format::Ansi),
        ("unicode4k", Crypt::None, Format::Unicode4k),
    ] {
        let file = folder.path().join(name);
        let truth = features::write(&file, Pst::new(crypt), format)?;
        let before = fs::read(&file)?;
        let mut own = LibpffStore::open(&file)?;
        let mut child = in_child(&file, ChildLimits::default())?;
        ensure!(
            own.summary() == child.summary() && own.folders()? == child.folders()?,
            "{name}: a child differs"
        );
        let has_text = format != Format::Ansi;
        let lost = check_store(&mut own, &truth, has_text).with_context(|| name.to_owned())?;
        if name == "unicode" {
            assert_eq!(check_store(&mut child, &truth, has_text).context("in a child")?, lost);
        }
        let is_named = lost.iter().all(|reason| reason.contains("unsupported value type"));
        assert!(is_named && lost.len() <= 2, "{name}: {lost:?}");
        assert_eq!(
            own.summary().format.as_str(),
            name.replace("plain", "unicode").replace("cyclic", "unicode")
        );
        assert_eq!(fs::read(&file)?, before, "{name} was changed");
    }
    Ok(())
}

#[test]
fn an_altered_octet_anywhere_in_a_block_is_damage_of_the_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("altered.pst");
    for format in [Format::Unicode, Format::Ansi, Format::Unicode4k] {
        let mut store = Pst::new(Crypt::None).format(format).create(&file)?;
        let top = store.top();
        let mark = b"an octet of this will be altered";
        let data = Data::Held(mark.repeat(50));
        let message = Message::new("IPM.Note").text("one", "text");
        store.item(top, &message.attach(pst_writer::Attachment::file("a.bin", "", data)))?;
        store.finish()?;
        let damage = LibpffStore::open(&file)?.summary().damage.clone();
        ensure!(damage.is_empty(), "{format:?}: {damage:?}");
        let mut octets = fs::read(&file)?;
        let place = octets.windows(mark.len()).position(|window| window == mark);
        let Some(place) = place else {
            // Compressed blocks do not show what is in them.
            ensure!(format == Format::Unicode4k, "{format:?}: the data are not in the file");
            continue;
        };
        octets[place + 5] ^= 1;
        fs::write(&file, &octets)?;
        let damage = in_child(&file, ChildLimits::default())?.summary().damage.clone();
        ensure!(damage.iter().any(|damage| damage.reason.contains("1 blocks")), "{format:?}: {damage:?}");
    }
    Ok(())
}

#[test]
fn named_properties_and_long_values_are_found() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("long.pst");
    let long = "ção ".repeat(usize::try_from(VALUE_OCTETS_MAX)? / 8 + 1000);
    let keywords = Written::Texts(vec!["azul".to_owned(), "verde".to_owned()]);
    let inner = Message::new("IPM.Note").text("inner", &long);
    let mut store = Pst::new(Crypt::Permute).create(&file)?;
    let top = store.top();
    let message = Message::new("IPM.Note")
        .text("outer", &long)
        .named(PS_PUBLIC_STRINGS, "Keywords", keywords)
        .attach(pst_writer::Attachment::file("empty.bin", "", Data::Held(Vec::new())))
        .attach(pst_writer::Attachment::item("inner", inner));
    let node = NodeId(store.item(top, &message)?);
    store.finish()?;
    let mut store = in_child(&file, ChildLimits::default())?;
    let item = store.item(node)?;
    ensure!(!item.is_damaged(), "{:?}", item.damage);
    let id = store.summary().names.text(PS_PUBLIC_STRINGS, "keywords").context("Keywords have no id")?;
    let expected = Value::Many(vec![Value::String("azul".into()), Value::String("verde".into())]);
    assert_eq!(item.properties.get(id), Some(&expected));
    assert!(matches!(&item.attachments[0].content, Content::Octets(blob) if blob.octets == 0));
    let Content::Embedded(inner) = &item.attachments[1].content else { anyhow::bail!("nothing is embedded") };
    for properties in [&item.properties, &inner.properties] {
        let Some(Value::Long(_, blob)) = properties.get(0x1000) else {
            anyhow::bail!("the text is not long")
        };
        let units: Vec<u16> = long.encode_utf16().collect();
        let read = octets(&mut store, blob)?;
        let read: Vec<u16> =
            read.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        assert!(read.strip_suffix(&[0]).unwrap_or(&read) == units, "the long text differs");
    }
    Ok(())
}

#[test]
fn items_deep_in_one_another_end_at_the_limit_with_damage() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("embedded.pst");
    let truth = bulk::embedded(&file, 200)?;
    let node = truth.items().next().context("an item was written")?.node;
    let item = in_child(&file, ChildLimits::default())?.item(NodeId(node))?;
    let mut depth = 0;
    let mut inner = &item;
    let end = loop {
        let attachment = inner.attachments.first().context("each holds the next")?;
        match &attachment.content {
            Content::Embedded(next) => inner = next,
            _ => break attachment,
        }
        depth += 1;
    };
    assert_eq!((depth, &end.content), (EMBEDDED_DEPTH_MAX, &Content::Unreadable));
    assert!(end.damage.iter().any(|damage| damage.part == Part::Limit), "{:?}", end.damage);
    assert!(item.is_damaged());
    Ok(())
}

#[test]
fn folders_deep_in_one_another_are_all_walked_or_the_reader_says_no() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("deep.pst");
    let truth = bulk::deep(&file, 500)?;
    let mut store = in_child(&file, ChildLimits::default())?;
    let folders = store.folders()?;
    let written = truth.folders.iter().filter(|folder| !folder.is_search).count();
    assert_eq!(folders.len(), written);
    Ok(())
}

/// Everything that a store gives, as far as it goes.
fn walk(store: &mut dyn Store) -> Result<BTreeMap<NodeId, Result<Item, String>>, StoreError> {
    let mut items = BTreeMap::new();
    for node in store.folders()?.iter().flat_map(|folder| &folder.items) {
        let item = store.item(*node).map_err(|error| error.to_string());
        for attachment in item.iter().flat_map(|item| &item.attachments) {
            if let Content::Octets(blob) | Content::Ole(blob) = &attachment.content {
                // What a broken file has instead of octets may end early: that is an error, and no other thing.
                let _ = octets(store, blob);
            }
        }
        items.insert(*node, item);
    }
    let _ = store.recovered();
    Ok(items)
}

/// One way to break a file.
fn broken(octets: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut chance = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 16).unwrap_or(0) % below.max(1)
    };
    let mut octets = octets.to_vec();
    match seed % 5 {
        0 => {
            for _ in 0..=chance(200) {
                let place = chance(octets.len());
                octets[place] ^= 1 << chance(8);
            }
        }
        1 => {
            let page = chance(octets.len() / 512) * 512;
            octets[page..page + 512].fill(0);
        }
        2 => octets.truncate(octets.len() * (50 + chance(50)) / 100),
        3 => {
            // Lengths and counts at their ends.
            for _ in 0..=chance(20) {
                let place = chance(octets.len() - 4);
                octets[place..place + 4].copy_from_slice(&[0xFF; 4]);
            }
        }
        _ => {
            let (from, to) = (chance(octets.len() / 512) * 512, chance(octets.len() / 512) * 512);
            let page = octets[from..from + 512].to_vec();
            octets[to..to + 512].copy_from_slice(&page);
        }
    }
    octets
}

#[test]
fn broken_files_are_read_as_far_as_they_go_and_nobody_hangs_or_dies() -> Result<()> {
    let seeds: u64 =
        std::env::var("MALOTE_BROKEN_STORES").ok().and_then(|told| told.parse().ok()).unwrap_or(20);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("features.pst");
    features::write(&file, Pst::new(Crypt::Permute), Format::Unicode)?;
    let whole = fs::read(&file)?;
    let limits = ChildLimits { restarts_max: 1000, ..ChildLimits::default() };
    let (mut opened, mut read, mut lost) = (0, 0, 0);
    for seed in 0..seeds {
        fs::write(&file, broken(&whole, seed))?;
        let began = Instant::now();
        let mut store = match in_child(&file, limits) {
            Ok(store) => store,
            Err(StoreError::ReaderEnded(reason)) => anyhow::bail!("seed {seed}: opening: {reason}"),
            Err(_) => continue,
        };
        opened += 1;
        let walked = walk(&mut store);
        ensure!(store.restarts() == 0, "seed {seed}: the reader ended {} times", store.restarts());
        ensure!(began.elapsed() < Duration::from_mins(1), "seed {seed}: {:?}", began.elapsed());
        if let Ok(walked) = walked {
            read += walked.values().filter(|item| item.is_ok()).count();
            lost += walked.values().filter(|item| item.is_err()).count();
        }
    }
    eprintln!("{seeds} broken files: {opened} opened, {read} items read, {lost} named as lost");
    ensure!(opened > 0 && read > 0, "nothing was ever read");
    Ok(())
}

#[test]
fn an_item_that_libpff_would_hold_whole_is_read_block_by_block() -> Result<()> {
    const OCTETS: u64 = 80 * 1024 * 1024;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("heavy.pst");
    let one = bulk::Bulk {
        items: 2,
        folders: 1,
        body_characters: 100,
        attachment_every: 2,
        attachment_octets: OCTETS,
    };
    let truth = one.write(&path, Pst::new(Crypt::Permute), 1)?;
    let command =
        ReaderCommand { program: env!("CARGO_BIN_EXE_malote-pst-reader").into(), arguments: Vec::new() };
    let mut store = BoundedStore::open(&path, command, ChildLimits::default())?;
    let nodes: Vec<NodeId> = store.folders()?.into_iter().flat_map(|folder| folder.items).collect();
    ensure!(nodes.len() == 2, "{} items", nodes.len());
    let item = store.item(nodes[0])?;
    let told = truth.folders.iter().flat_map(|folder| &folder.items).find(|told| told.node == nodes[0].0);
    let told = told.context("the first item is not in the truth")?;
    check_item(&mut store, &item, told, true)?;
    let child = child_of(std::process::id(), "malote-pst-read").context("the reader does not run")?;
    let status = fs::read_to_string(format!("/proc/{child}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no peak")?;
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse()?;
    ensure!(kib < OCTETS / 1024 / 4, "libpff held the attachment: {kib} KiB at most");
    let light = store.item(nodes[1])?;
    ensure!(light.attachments.is_empty() && !light.is_damaged(), "the other item: {:?}", light.damage);
    Ok(())
}

/// The process of a name, as far as the kernel keeps names, below any thread of `parent`.
fn child_of(parent: u32, name: &str) -> Option<u32> {
    let threads = fs::read_dir(format!("/proc/{parent}/task")).ok()?;
    let listed = threads.flatten().map(|thread| fs::read_to_string(thread.path().join("children")));
    let pids: Vec<u32> = listed
        .flat_map(|listed| {
            let listed = listed.unwrap_or_default();
            listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()
        })
        .collect();
    let is_it =
        |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name);
    pids.into_iter().find(is_it)
}

#[test]
fn a_reader_that_has_grown_is_replaced_and_reads_on_as_if_nothing_were() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("features.pst");
    features::write(&path, Pst::new(Crypt::Permute), Format::Unicode)?;
    let mut steady = in_child(&path, ChildLimits::default())?;
    let tight = ChildLimits { resident_octets: 0, ..ChildLimits::default() };
    let mut replaced = in_child(&path, tight)?;
    let folders = steady.folders()?;
    ensure!(folders == replaced.folders()?, "the folders differ");
    for node in folders.iter().flat_map(|folder| &folder.items) {
        match (steady.item(*node), replaced.item(*node)) {
            (Ok(one), Ok(other)) => ensure!(one == other, "{:#x} differs", node.0),
            (Err(one), Err(other)) => ensure!(one.to_string() == other.to_string(), "{one}: {other}"),
            (one, other) => anyhow::bail!("{:#x}: {one:?} and {other:?}", node.0),
        }
    }
    ensure!(steady.replacements() == 0 && replaced.replacements() > 0, "nothing was replaced");
    ensure!(replaced.restarts() == 0, "a replacement counts as an end");
    Ok(())
}
