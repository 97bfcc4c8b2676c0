//! Pairs of readers of which one fails, dies, dawdles or reads something else.
//! Never opens a file: the readers are made by hand.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::names::Names;
use crate::property::{Properties, Value};
use crate::store::Format;

const NODE: NodeId = NodeId(0x20_0024);
const FOLDER: NodeId = NodeId(0x8022);

/// A reader that answers each item as it is told, each answer taking its time.
struct Fake {
    name: &'static str,
    summary: Summary,
    folders: Result<Vec<Folder>, String>,
    item: Box<dyn Fn(NodeId) -> Result<Item, StoreError> + Send>,
    seconds: u64,
    clock: Arc<AtomicU64>,
}

impl Blobs for Fake {
    fn read_at(&mut self, _blob: &Blob, _offset: u64, into: &mut [u8]) -> io::Result<usize> {
        into.fill(self.name.as_bytes()[0]);
        Ok(into.len())
    }
}

impl Store for Fake {
    fn reader(&self) -> &'static str {
        self.name
    }
    fn summary(&self) -> &Summary {
        &self.summary
    }
    fn folders(&mut self) -> Result<Vec<Folder>, StoreError> {
        self.folders.clone().map_err(StoreError::NotAStore)
    }
    fn item(&mut self, node: NodeId) -> Result<Item, StoreError> {
        self.clock.fetch_add(self.seconds, Ordering::Relaxed);
        (self.item)(node)
    }
    fn recovered(&mut self) -> Result<Vec<NodeId>, StoreError> {
        Ok(Vec::new())
    }
}

type Reading = fn(NodeId) -> Result<Item, StoreError>;

fn fake(name: &'static str, items: &[u32], item: Reading, seconds: u64, clock: &Arc<AtomicU64>) -> Box<Fake> {
    let properties = Properties::default();
    let folder = Folder {
        node: FOLDER,
        parent: FOLDER,
        properties: properties.clone(),
        items: items.iter().map(|node| NodeId(*node)).collect(),
        counts: crate::item::Counts::default(),
        damage: Vec::new(),
    };
    let summary =
        Summary { format: Format::Unicode, properties, names: Names::default(), damage: Vec::new() };
    let clock = Arc::clone(clock);
    Box::new(Fake { name, summary, folders: Ok(vec![folder]), item: Box::new(item), seconds, clock })
}

fn whole(node: NodeId) -> Result<Item, StoreError> {
    let properties = Properties::from([(0x37, Value::String("Olá".to_owned()))]);
    Ok(Item { node, properties, recipients: Vec::new(), attachments: Vec::new(), damage: Vec::new() })
}

#[expect(clippy::unnecessary_wraps, reason = "it stands where a reading stands")]
fn damaged(node: NodeId) -> Result<Item, StoreError> {
    let damage = vec![Damage { part: Part::Property(0x1000), reason: "its block is not there".to_owned() }];
    let properties = Properties::default();
    Ok(Item { node, properties, recipients: Vec::new(), attachments: Vec::new(), damage })
}

#[expect(clippy::unnecessary_wraps, reason = "it stands where a reading stands")]
fn denied(node: NodeId) -> Result<Item, StoreError> {
    let reason = "block 0x10: its checksum is wrong".to_owned();
    let damage = vec![Damage { part: Part::Property(0x1000), reason }];
    let properties = Properties::default();
    Ok(Item { node, properties, recipients: Vec::new(), attachments: Vec::new(), damage })
}

fn unreadable(node: NodeId) -> Result<Item, StoreError> {
    Err(StoreError::Unreadable { node, reason: "its node is not there".to_owned() })
}

fn dying(_node: NodeId) -> Result<Item, StoreError> {
    Err(StoreError::ReaderEnded("signal 11".to_owned()))
}

/// Both readers over one folder of three items, the second with two minutes.
fn both(first: Reading, second: Reading, asking: Asking, seconds: u64) -> (Both, Arc<Mutex<u32>>) {
    let clock = Arc::new(AtomicU64::new(0));
    let opened = Arc::new(Mutex::new(0));
    let first = fake("native", &[0x20_0024, 0x20_0044, 0x20_0064], first, 0, &clock);
    let (counter, time) = (Arc::clone(&opened), Arc::clone(&clock));
    let opening: Opening = Box::new(move || {
        *counter.lock().expect("no thread panics with it") += 1;
        Ok(fake("libpff", &[0x20_0024, 0x20_0044, 0x20_0084], second, seconds, &time))
    });
    let stopwatch: Stopwatch = Arc::new(move || Duration::from_secs(clock.load(Ordering::Relaxed)));
    (Both::new(first, opening, asking, Budget::new(Duration::from_secs(120)), stopwatch), opened)
}

#[test]
fn each_pair_of_readings_gives_the_better_one_and_its_disagreement() {
    for (first, second, asking, subject, disagreements, opened) in [
        (whole as Reading, whole as Reading, Asking::Everything, Some(true), 0, 1),
        (whole, damaged, Asking::Everything, Some(true), 1, 1),
        (damaged, whole, Asking::Damaged, Some(true), 1, 1),
        (damaged, damaged, Asking::Damaged, Some(false), 1, 1),
        (denied, whole, Asking::Damaged, Some(false), 1, 1),
        (denied, whole, Asking::Everything, Some(false), 1, 1),
        (unreadable, whole, Asking::Damaged, Some(true), 1, 1),
        (whole, unreadable, Asking::Damaged, Some(true), 0, 0),
        (whole, unreadable, Asking::Everything, Some(true), 1, 1),
        (unreadable, unreadable, Asking::Damaged, None, 1, 1),
        (unreadable, dying, Asking::Damaged, None, 1, 1),
    ] {
        let (mut both, openings) = both(first, second, asking, 1);
        let item = both.item(NODE).ok().map(|item| item.properties.get(0x37).is_some());
        let comparison = both.comparison();
        assert_eq!((item, comparison.unlike.len()), (subject, disagreements), "{comparison:#?}");
        assert_eq!(*openings.lock().expect("no thread panics with it"), opened);
    }
}

#[test]
fn an_item_that_only_the_second_reader_reads_still_tells_what_the_first_met() {
    let (mut both, _) = both(unreadable, whole, Asking::Damaged, 1);
    let item = both.item(NODE).expect("the second reader reads it");
    assert!(item.is_damaged());
    // Looked at, read and described, it is one item all the same.
    both.item(NODE).expect("the second reader reads it again");
    assert_eq!((both.comparison().rescued.len(), both.comparison().unlike.len()), (1, 1));
}

/// A reading with somebody in it whom the other one lacks, and with damage.
#[expect(clippy::unnecessary_wraps, reason = "it stands where a reading stands")]
fn with_people(node: NodeId) -> Result<Item, StoreError> {
    let damage = vec![Damage { part: Part::Recipients, reason: "its checksum is wrong".to_owned() }];
    let recipients = vec![Properties::from([(0x3001, Value::String("Ana".to_owned()))])];
    let properties = Properties::from([(0x37, Value::String("Olá".to_owned()))]);
    Ok(Item { node, properties, recipients, attachments: Vec::new(), damage })
}

#[test]
fn a_reading_without_damage_never_hides_what_the_other_has_or_met() {
    for (first, people) in [(with_people as Reading, 1), (damaged, 0)] {
        let (mut both, _) = both(first, whole, Asking::Damaged, 1);
        let item = both.item(NODE).expect("both read it");
        assert_eq!((item.recipients.len(), item.is_damaged()), (people, true));
    }
}

#[test]
fn items_of_either_reader_are_listed_once() {
    let (mut both, _) = both(whole, whole, Asking::Everything, 1);
    let folders = both.folders().expect("both find folders");
    let nodes: Vec<u32> = folders[0].items.iter().map(|node| node.0).collect();
    assert_eq!(nodes, [0x20_0024, 0x20_0044, 0x20_0064, 0x20_0084]);
    assert_eq!(both.comparison().unlike.len(), 1);
}

#[test]
fn a_reader_that_dies_is_opened_anew_for_the_next_item() {
    let (mut both, openings) = both(damaged, dying, Asking::Damaged, 1);
    for _ in 0..3 {
        assert!(both.item(NODE).is_ok_and(|item| item.is_damaged()));
    }
    assert_eq!(*openings.lock().expect("no thread panics with it"), 3);
}

#[test]
fn a_second_reader_whose_time_is_used_up_is_asked_no_further_and_the_file_is_not_clean() {
    let (mut both, _) = both(whole, whole, Asking::Everything, 50);
    for _ in 0..5 {
        assert!(both.item(NODE).is_ok());
    }
    let comparison = both.comparison();
    assert_eq!((comparison.items_compared, comparison.items_alone), (3, 2));
    assert!(comparison.second_ended.is_some() && !comparison.is_clean());
}

#[test]
fn all_handles_of_a_file_share_the_time_of_its_second_reader() {
    let clock = Arc::new(AtomicU64::new(0));
    let budget = Budget::new(Duration::from_secs(100));
    let mut handles: Vec<Both> = (0..3)
        .map(|_| {
            let (time, watch) = (Arc::clone(&clock), Arc::clone(&clock));
            let opening: Opening = Box::new(move || Ok(fake("libpff", &[NODE.0], whole, 60, &time)));
            let stopwatch: Stopwatch = Arc::new(move || Duration::from_secs(watch.load(Ordering::Relaxed)));
            let first = fake("native", &[NODE.0], whole, 0, &clock);
            Both::new(first, opening, Asking::Everything, budget.clone(), stopwatch)
        })
        .collect();
    handles.iter_mut().for_each(|both| assert!(both.item(NODE).is_ok()));
    let compared: Vec<u64> = handles.iter().map(|both| both.comparison().items_compared).collect();
    assert_eq!(compared, [1, 1, 0], "two of a minute each take what there is");
    assert!(handles[2].comparison().second_ended.is_some());
}

#[test]
fn blobs_are_read_by_the_reader_that_made_them() {
    let (mut both, _) = both(whole, whole, Asking::Damaged, 1);
    let path = BlobKey::Path { node: NODE, attachments: vec![0], property: 0x3701 };
    for (key, letter) in [(BlobKey::Block(4), b'n'), (path, b'l')] {
        let mut octet = [0];
        let read = both.read_at(&Blob { octets: 1, key }, 0, &mut octet);
        assert_eq!((read.ok(), octet[0]), (Some(1), letter));
    }
}

fn heavy(node: NodeId) -> Result<Item, StoreError> {
    let mut item = whole(node)?;
    let blob = Blob { octets: weight::WHOLE_OCTETS_MAX + 1, key: BlobKey::Block(4) };
    let (properties, damage) = (Properties::default(), Vec::new());
    let content = crate::item::Content::Octets(blob);
    item.attachments.push(crate::item::Attachment { number: 0, properties, content, damage });
    Ok(item)
}

#[test]
fn a_second_reader_is_not_asked_for_what_it_would_hold_whole() {
    let clock = Arc::new(AtomicU64::new(0));
    let first = fake("first", &[NODE.0], heavy, 0, &clock);
    let opening: Opening = Box::new(|| Err(StoreError::ReaderEnded("it was asked".to_owned())));
    let stopwatch: Stopwatch = Arc::new(|| Duration::ZERO);
    let mut both =
        Both::new(first, opening, Asking::Everything, Budget::new(Duration::from_secs(1)), stopwatch);
    assert_eq!(both.item(NODE).ok(), heavy(NODE).ok());
    let comparison = both.comparison();
    assert_eq!((comparison.items_alone, comparison.second_ended.as_ref()), (1, None));
    assert!(!comparison.is_clean(), "only one reader has seen it");
    let told = comparison.told.first().expect("it is told why");
    assert!(told.reason.contains("was not asked"), "{}", told.reason);
}
