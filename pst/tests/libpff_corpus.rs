//! libpff in this process and in a child, over real files: the same, nothing lost that is not named, nothing written.
//! Never changes a file; where the corpus is missing, files made here show that what is no store is refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use malote_pst::item::{Attachment, Content, Item};
use malote_pst::libpff::{ChildLimits, ChildStore, LibpffStore, ReaderCommand};
use malote_pst::property::{Properties, Value};
use malote_pst::store::{Blob, NodeId, Store, StoreError};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

/// Octets that are asked for at once: no divisor of a block, so that pieces lie across blocks.
const PIECE: usize = 70_001;

/// Files of which libpff does not give what a tolerant reader finds: how many items come, and how many are named as
/// unreadable.
const LOSSES: [(&str, usize, usize); 4] = [
    ("aspose_split_nulltype.pst", 0, 3),
    ("gen_features1.pst", 69, 1),
    ("dmg_support_trunc80.pst", 12, 5),
    ("dmg_iped_flips400.pst", 10, 3),
];
/// Files that libpff cannot give anything of: what is said of them.
const REFUSED: [(&str, &str); 3] = [
    ("aspose_badbtree.pst", "finds no root folder"),
    ("aspose_half_written.pst", "not a store that can be read"),
    ("aspose_not_a_pst.pst", "not a store that can be read"),
];

fn corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = here.ancestors().map(|above| above.join("shared/corpus/pst")).find(|path| path.is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: no corpus of stores beside the workspace (../shared/corpus/pst)");
    }
    found
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "pst" || ending == "ost") {
            files.push(path);
        }
    }
    files.sort();
    ensure!(files.len() > 30, "{} files in {}", files.len(), folder.display());
    Ok(files)
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn sum(octets: &[u8]) -> String {
    Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect()
}

fn in_child(file: &Path) -> Result<ChildStore, StoreError> {
    let command =
        ReaderCommand { program: env!("CARGO_BIN_EXE_malote-pst-reader").into(), arguments: Vec::new() };
    ChildStore::open(file, command, ChildLimits::default())
}

fn blob_sum(store: &mut dyn Store, blob: &Blob) -> Result<String> {
    let mut sum = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut offset = 0;
    while offset < blob.octets {
        let got = store.read_at(blob, offset, &mut piece)?;
        ensure!(got > 0, "it ended at {offset} of {}", blob.octets);
        sum.update(&piece[..got]);
        offset += u64::try_from(got)?;
    }
    ensure!(store.read_at(blob, offset, &mut piece)? == 0, "it goes on after its end");
    Ok(sum.finalize().iter().map(|octet| format!("{octet:02x}")).collect())
}

/// Every blob of an item, at any depth, with the SHA-256 of its octets.
fn blobs(store: &mut dyn Store, item: &Item) -> Result<Vec<(Blob, String)>> {
    let mut found = Vec::new();
    let long = item.properties.0.values().filter_map(|value| match value {
        Value::Long(_, blob) => Some(blob),
        _ => None,
    });
    for blob in long {
        found.push((blob.clone(), blob_sum(store, blob)?));
    }
    for attachment in &item.attachments {
        match &attachment.content {
            Content::Octets(blob) | Content::Ole(blob) => found.push((blob.clone(), blob_sum(store, blob)?)),
            Content::Embedded(item) => found.extend(blobs(store, item)?),
            _ => {}
        }
    }
    Ok(found)
}

/// All items of a store by their nodes; of one that cannot be read, what is said of it.
fn items(store: &mut dyn Store) -> Result<BTreeMap<NodeId, Result<Item, String>>, StoreError> {
    let folders = store.folders()?;
    let mut items = BTreeMap::new();
    for node in folders.iter().flat_map(|folder| &folder.items) {
        items.insert(*node, store.item(*node).map_err(|error| error.to_string()));
    }
    Ok(items)
}

#[test]
fn a_child_says_the_same_as_the_library_and_no_file_is_changed() -> Result<()> {
    let Some(folder) = corpus() else { return Ok(()) };
    for file in files(&folder)? {
        let name = name(&file);
        let before = sum(&fs::read(&file)?);
        match (LibpffStore::open(&file), in_child(&file)) {
            (Ok(mut own), Ok(mut child)) => same(&mut own, &mut child).context(name.clone())?,
            (Err(own), Err(child)) => assert_eq!(own.to_string(), child.to_string(), "{name}"),
            (own, child) => panic!("{name}: {:?}, in a child {:?}", own.err(), child.err()),
        }
        assert_eq!(sum(&fs::read(&file)?), before, "{name} was changed");
    }
    Ok(())
}

fn same(own: &mut LibpffStore, child: &mut ChildStore) -> Result<()> {
    ensure!(own.summary() == child.summary(), "the summaries differ");
    match (own.folders(), child.folders()) {
        (Ok(own), Ok(child)) => ensure!(own == child, "the folders differ"),
        (Err(own), Err(child)) => {
            ensure!(own.to_string() == child.to_string(), "{own}, in a child {child}");
            return Ok(());
        }
        (own, child) => anyhow::bail!("{:?}, in a child {:?}", own.err(), child.err()),
    }
    let (of_own, of_child) = (items(own)?, items(child)?);
    ensure!(of_own == of_child, "the items differ");
    for item in of_own.values().flatten() {
        ensure!(blobs(own, item)? == blobs(child, item)?, "the octets of {:#x} differ", item.node.0);
    }
    ensure!(own.recovered()? == child.recovered()?, "what was recovered differs");
    ensure!(child.restarts() == 0, "the child was started {} times anew", child.restarts());
    Ok(())
}

#[test]
fn what_libpff_loses_is_named_and_all_else_is_there() -> Result<()> {
    let Some(folder) = corpus() else { return Ok(()) };
    let truth: Json = serde_json::from_slice(&fs::read(folder.join("truth.json"))?)?;
    for file in files(&folder)? {
        let name = name(&file);
        let read = LibpffStore::open(&file).and_then(|mut store| items(&mut store));
        if let Some((_, said)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            let error = read.err().with_context(|| format!("{name} was read"))?;
            assert!(error.to_string().contains(said), "{name}: {error}");
            continue;
        }
        let items = read.with_context(|| name.clone())?;
        let lost = items.values().filter(|item| item.is_err()).count();
        let there = u64::try_from(items.len() - lost)?;
        let expected = truth["files"][&name]["counts"]["raw"].as_u64();
        match LOSSES.iter().find(|(losing, _, _)| *losing == name) {
            Some((_, some, named)) => assert_eq!((items.len() - lost, lost), (*some, *named), "{name}"),
            None => {
                assert_eq!((Some(there), lost), (expected, 0), "{name}");
                assert!(items.values().flatten().all(|item| !item.is_damaged()), "{name} is whole");
            }
        }
    }
    Ok(())
}

/// A string of any kind; of 8-bit ones only ASCII means anything without their code page.
fn text(properties: &Properties, id: u16) -> Option<String> {
    match properties.get(id)? {
        Value::String(text) => Some(text.clone()),
        Value::String8(octets) if octets.is_ascii() => Some(String::from_utf8_lossy(octets).into_owned()),
        _ => None,
    }
}

#[test]
fn items_are_what_other_readers_agree_that_they_are() -> Result<()> {
    let Some(folder) = corpus() else { return Ok(()) };
    let truth: Json = serde_json::from_slice(&fs::read(folder.join("truth.json"))?)?;
    let mut compared = (0, 0);
    for file in files(&folder)? {
        let name = name(&file);
        let Ok(mut store) = LibpffStore::open(&file) else { continue };
        for told in truth["files"][&name]["messages"].as_array().into_iter().flatten() {
            let node = NodeId(u32::try_from(told["nid"].as_u64().context("a message has a node")?)?);
            let is_disputed = told["disputed"].as_array().is_some_and(|disputes| !disputes.is_empty());
            let readers = told["readers"].as_array().context("a message was read by somebody")?;
            if is_disputed || !readers.iter().any(|reader| reader == "libpff") {
                continue;
            }
            let item = store.item(node).with_context(|| name.clone())?;
            compared.0 += 1;
            compared.1 += agree(&mut store, &item, told).with_context(|| format!("{name}, {:#x}", node.0))?;
        }
    }
    assert!(compared.0 > 400 && compared.1 > 150, "only {compared:?} items and attachments were compared");
    Ok(())
}

/// Holds an item against what is told of it, and gives how many attachments were compared.
fn agree(store: &mut dyn Store, item: &Item, told: &Json) -> Result<usize> {
    for (id, field) in [(0x001A, "class"), (0x1035, "message_id")] {
        if let (Some(read), Some(told)) = (text(&item.properties, id), told[field].as_str()) {
            ensure!(read == told, "{field} is {read:?} instead of {told:?}");
        }
    }
    if let (Some(read), Some(told)) = (text(&item.properties, 0x0037), told["subject"].as_str()) {
        ensure!(read.ends_with(told) || told.ends_with(&read), "the subject is {read:?} instead of {told:?}");
    }
    if let Some(recipients) = told["recipients"].as_array() {
        let read = item.recipients.len();
        ensure!(read == recipients.len(), "{read} recipients instead of {}", recipients.len());
    }
    let none = Vec::new();
    let told = told["attachments"].as_array().unwrap_or(&none);
    ensure!(item.attachments.len() == told.len(), "{} attachments of {}", item.attachments.len(), told.len());
    let mut compared = 0;
    for (attachment, told) in item.attachments.iter().zip(told) {
        compared += attached(store, attachment, told)?;
    }
    Ok(compared)
}

fn attached(store: &mut dyn Store, attachment: &Attachment, told: &Json) -> Result<usize> {
    match &attachment.content {
        Content::Embedded(item) => Ok(1 + agree(store, item, &told["embedded"])?),
        Content::Octets(blob) => {
            if let Some(size) = told["size"].as_u64() {
                ensure!(blob.octets == size, "{} octets instead of {size}", blob.octets);
            }
            if let Some(sha256) = told["sha256"].as_str() {
                ensure!(blob_sum(store, blob)? == sha256, "attachment {} differs", attachment.number);
            }
            Ok(1)
        }
        _ => Ok(0),
    }
}

#[test]
fn a_reader_that_is_killed_is_started_anew_and_goes_on() -> Result<()> {
    let Some(folder) = corpus() else { return Ok(()) };
    let mut store = in_child(&folder.join("tika_testPST.pst"))?;
    let nodes: Vec<NodeId> = store.folders()?.into_iter().flat_map(|folder| folder.items).collect();
    let whole: Vec<Item> = nodes.iter().map(|node| store.item(*node)).collect::<Result<_, _>>()?;
    for (node, before) in nodes.iter().zip(&whole) {
        kill(store.process().context("it runs")?)?;
        let error = store.item(*node).err().context("a dead reader answered")?;
        ensure!(matches!(error, StoreError::ReaderEnded(_)), "{error}");
        ensure!(error.to_string().contains("signal: 9"), "{error}");
        ensure!(store.item(*node)? == *before, "{:#x} is another after a restart", node.0);
        // What lies in the file is found again by a reader that never walked the folders.
        blobs(&mut store, before)?;
    }
    ensure!(usize::try_from(store.restarts())? == nodes.len(), "{} restarts", store.restarts());
    Ok(())
}

fn kill(process: u32) -> Result<()> {
    let number = i32::try_from(process)?;
    let process = rustix::process::Pid::from_raw(number).context("a process has a number")?;
    rustix::process::kill_process(process, rustix::process::Signal::KILL)?;
    Ok(())
}

#[test]
fn too_little_memory_or_time_ends_the_reader_and_not_the_parent() -> Result<()> {
    let Some(folder) = corpus() else { return Ok(()) };
    let file = folder.join("pstextractor_enron.pst");
    let open = |limits: ChildLimits| {
        let program = env!("CARGO_BIN_EXE_malote-pst-reader").into();
        ChildStore::open(&file, ReaderCommand { program, arguments: Vec::new() }, limits)
    };
    let hurried = ChildLimits { open: std::time::Duration::from_nanos(1), ..ChildLimits::default() };
    assert!(matches!(open(hurried), Err(StoreError::ReaderEnded(_) | StoreError::Io(_))));
    let mut whole = open(ChildLimits::default())?;
    let (folders, expected) = (whole.folders()?, items(&mut whole)?);
    let mut lost = 0;
    for memory in 5..12_u64 {
        let cramped = ChildLimits { memory_octets: memory * 1024 * 1024, ..ChildLimits::default() };
        let Ok(mut store) = open(cramped) else {
            lost += 1;
            continue;
        };
        if let Ok(read) = store.folders() {
            ensure!(
                read == folders || read.iter().any(|folder| !folder.damage.is_empty()),
                "{memory} MiB: folders"
            );
        }
        for (node, item) in &expected {
            match store.item(*node) {
                Ok(read) if Ok(&read) == item.as_ref() => {}
                Ok(read) => ensure!(read.is_damaged(), "{memory} MiB: {:#x} is silently another", node.0),
                Err(_) => lost += 1,
            }
        }
    }
    ensure!(lost > 0, "no limit was ever reached");
    Ok(())
}

#[test]
fn what_is_no_store_is_refused_with_a_reason() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut bare = b"!BDN".to_vec();
    bare.resize(1024, 0);
    let cases: [(&str, &[u8]); 4] = [
        ("empty.pst", b""),
        ("zeros.pst", &[0; 4096]),
        ("text.pst", b"From ana@example.org Sat Nov 21 2026\n\nThis is a mailbox of another kind.\n"),
        ("bare.pst", &bare),
    ];
    for (name, octets) in cases {
        let file = folder.path().join(name);
        fs::write(&file, octets)?;
        for (how, opened) in [("own", LibpffStore::open(&file).err()), ("child", in_child(&file).err())] {
            let error = opened.with_context(|| format!("{name} was opened, {how}"))?;
            assert!(matches!(error, StoreError::NotAStore(_)), "{name}, {how}: {error}");
        }
        assert_eq!(fs::read(&file)?, octets, "{name} was changed");
    }
    assert!(matches!(in_child(folder.path()), Err(StoreError::NotAStore(_))));
    assert!(matches!(in_child(&folder.path().join("missing.pst")), Err(StoreError::Io(_))));
    Ok(())
}

#[test]
fn the_guards_of_a_reader_are_told() -> Result<()> {
    let Some(folder) = corpus() else { return Ok(()) };
    let store = in_child(&folder.join("ms_empty.pst"))?;
    eprintln!("{}", store.guards().join("\n"));
    for name in ["limits", "network namespace", "landlock", "seccomp", "seccomp after opening"] {
        let is_told = store.guards().iter().any(|guard| guard.starts_with(&format!("{name}: ")));
        ensure!(is_told, "nothing is said of {name}");
    }
    Ok(())
}
