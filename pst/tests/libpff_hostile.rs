//! A parent among readers that crash, hang, flood and lie: what it says of each, and that nothing is left running.
//! Never needs libpff or a file of mail.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use malote_pst::libpff::{ChildLimits, ChildStore, ReaderCommand};
use malote_pst::store::{Blob, BlobKey, Blobs as _, NodeId, Store as _, StoreError};

/// Short, so that the tests are; far longer than an honest answer of the invented store takes.
const REQUEST: Duration = Duration::from_millis(700);

fn limits() -> ChildLimits {
    ChildLimits { open: Duration::from_secs(20), request: REQUEST, restarts_max: 4, ..ChildLimits::default() }
}

fn open(way: &str, limits: ChildLimits) -> Result<ChildStore, StoreError> {
    let command = ReaderCommand {
        program: env!("CARGO_BIN_EXE_hostile-pst-reader").into(),
        arguments: vec![way.into()],
    };
    ChildStore::open(Path::new(env!("CARGO_BIN_EXE_hostile-pst-reader")), command, limits)
}

/// True while a process of that number is there, running or not reaped.
fn is_there(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

/// Items 3, 6 and 9 go wrong, with `expected` in what is said; the six others are read.
fn check(way: &str, expected: &str, is_ended: bool) -> Result<()> {
    let mut store = open(way, limits())?;
    let items: Vec<NodeId> = store.folders()?.into_iter().flat_map(|folder| folder.items).collect();
    ensure!(items.len() == 9, "{way}: {} items", items.len());
    let mut processes = Vec::new();
    for node in items {
        processes.extend(store.process());
        match store.item(node) {
            Ok(item) => ensure!(item.node == node && node.0 % 3 != 0, "{way}: item {} came", node.0),
            Err(error) => {
                let has_ended = matches!(error, StoreError::ReaderEnded(_));
                ensure!(has_ended == is_ended && node.0 % 3 == 0, "{way}: item {}: {error}", node.0);
                ensure!(error.to_string().contains(expected), "{way}: {error}");
            }
        }
    }
    ensure!(store.restarts() == if is_ended { 2 } else { 0 }, "{way}: {} restarts", store.restarts());
    processes.extend(store.process());
    drop(store);
    let left: Vec<u32> = processes.into_iter().filter(|process| is_there(*process)).collect();
    ensure!(left.is_empty(), "{way}: still there: {left:?}");
    Ok(())
}

#[test]
fn a_reader_that_dies_costs_the_item_that_it_died_over() -> Result<()> {
    check("crashes", "it ended by itself: signal: 6", true)?;
    check("ends", "it ended by itself: exit status: 7", true)?;
    check("cuts-its-answer", "it ended by itself: exit status: 0", true)
}

#[test]
fn a_reader_that_stalls_is_stopped_within_its_time() -> Result<()> {
    check("hangs", "no answer within its time", true)?;
    check("drips", "no answer within its time", true)
}

#[test]
fn a_reader_that_floods_or_speaks_garbage_is_stopped() -> Result<()> {
    check("floods", "what came is no frame", true)?;
    check("floods-in-a-frame", "a frame claims", true)?;
    check("sends-garbage", "its answer is none", true)
}

#[test]
fn a_reader_that_answers_another_question_is_stopped() -> Result<()> {
    check("answers-another-question", "it answered question", true)?;
    check("gives-another-item", "cannot be true", true)?;
    check("answers-what-was-not-asked", "cannot be true", true)
}

#[test]
fn a_refusal_is_an_answer_and_ends_nothing() -> Result<()> {
    check("refuses", "it is damaged", false)
}

#[test]
fn an_answer_too_many_is_not_taken_for_the_next_one() -> Result<()> {
    let mut store = open("answers-twice", limits())?;
    assert_eq!(store.item(NodeId(3))?.node, NodeId(3));
    let error = store.item(NodeId(4)).err().context("the second answer was taken for another")?;
    assert!(error.to_string().contains("it answered question"), "{error}");
    assert_eq!(store.item(NodeId(4))?.node, NodeId(4));
    Ok(())
}

#[test]
fn a_reader_is_not_started_anew_without_end() -> Result<()> {
    let mut store = open("crashes", limits())?;
    for _ in 0..5 {
        ensure!(matches!(store.item(NodeId(3)), Err(StoreError::ReaderEnded(_))), "it came back");
    }
    let error = store.item(NodeId(1)).err().context("it was started a sixth time")?;
    assert!(error.to_string().contains("not started again"), "{error}");
    Ok(())
}

#[test]
fn what_never_becomes_a_reader_is_named() {
    let quick = ChildLimits { open: REQUEST, ..limits() };
    for (way, expected) in [
        ("speaks-text", "what came is no frame"),
        ("ends-at-once", "it ended by itself: exit status: 0"),
        ("is-of-another-version", "no reader of this version"),
        ("hangs-at-open", "no answer within its time"),
    ] {
        let began = Instant::now();
        match open(way, quick) {
            Err(StoreError::ReaderEnded(reason)) => assert!(reason.contains(expected), "{way}: {reason}"),
            Err(other) => panic!("{way}: {other}"),
            Ok(_) => panic!("{way} was taken for a reader"),
        }
        assert!(began.elapsed() < Duration::from_secs(15), "{way} took {:?}", began.elapsed());
    }
    let missing = ReaderCommand { program: "/nowhere/reader".into(), arguments: Vec::new() };
    let here = Path::new(env!("CARGO_BIN_EXE_hostile-pst-reader"));
    assert!(matches!(ChildStore::open(here, missing, quick), Err(StoreError::Io(_))));
}

#[test]
fn folders_that_are_none_and_octets_that_were_not_asked_for_are_lies() -> Result<()> {
    let mut store = open("loses-all-folders", limits())?;
    assert!(matches!(store.folders(), Err(StoreError::ReaderEnded(_))));
    let key = BlobKey::Path { node: NodeId(4), attachments: vec![0], property: 0x3701 };
    let blob = Blob { octets: 10, key };
    for way in ["reads-too-much", "reads-too-little"] {
        let mut store = open(way, limits())?;
        let error = store.read_at(&blob, 0, &mut [0; 10]).err().context("it was believed")?;
        assert!(error.to_string().contains("cannot be true"), "{way}: {error}");
    }
    Ok(())
}

/// Set for the process that is killed together with what it started.
const DOOMED: &str = "MALOTE_TEST_DOOMED_PARENT";

/// Does nothing unless it is run by the test below, in a process of its own: then it waits to be killed while its
/// reader is busy and does not look at the line.
#[test]
fn a_doomed_parent() -> Result<()> {
    if std::env::var_os(DOOMED).is_none() {
        return Ok(());
    }
    let mut store = open("hangs-tied", ChildLimits { request: Duration::from_mins(5), ..limits() })?;
    println!("reader {}", store.process().context("it runs")?);
    store.item(NodeId(3))?;
    Ok(())
}

#[test]
fn a_parent_that_is_killed_leaves_no_busy_reader() -> Result<()> {
    let mut parent = Command::new(std::env::current_exe()?)
        .args(["--exact", "a_doomed_parent", "--nocapture"])
        .env(DOOMED, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut lines = BufReader::new(parent.stdout.take().context("it is piped")?).lines();
    let told = lines.find_map(|line| Some(line.ok()?.split_once("reader ")?.1.to_owned()));
    let reader: u32 = told.context("it told nothing")?.trim().parse()?;
    ensure!(is_running(reader), "the reader was never there");
    parent.kill()?;
    parent.wait()?;
    let until = Instant::now() + Duration::from_secs(20);
    while is_running(reader) {
        ensure!(Instant::now() < until, "the reader {reader} goes on without its parent");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// True while a process of that number runs; one that only waits to be reaped, perhaps by nobody, does not.
fn is_running(process: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    state.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn a_store_outlives_the_thread_that_opened_it() -> Result<()> {
    let opened = std::thread::spawn(|| open("honest", limits())).join();
    let mut store = opened.map_err(|_| anyhow::anyhow!("the thread panicked"))??;
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(store.item(NodeId(1))?.node, NodeId(1));
    assert_eq!(store.restarts(), 0);
    Ok(())
}
