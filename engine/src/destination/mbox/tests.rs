//! What becomes of an mbox whose writer died, whose journal is damaged, or that others write to.
//! Never waits: a dead writer is a file as it would have left it.

mod shrunk;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use malote_plan::message::{Flags, Uid};

use super::*;
use crate::destination::trial::{append, texts};

/// What a batch lies in beside the mbox while it is written.
const BATCH_HEAD: &[u8] = b"malote batch: being written into the mbox beside it; removed when that is done\n";

/// What another program adds, with a blank line before it and without, and with the sender that Malote writes too.
const ADDED: [&str; 4] = [
    "\n\nFrom u@x Tue Jul  2 10:00:00 2024\nSubject: precious\n\nprecious\n\n",
    "\nFrom u@x Tue Jul  2 10:00:00 2024\nSubject: precious\n\nprecious\n\n",
    "From u@x Tue Jul  2 10:00:00 2024\nSubject: precious\n\nprecious\n\n",
    "From MAILER-DAEMON Tue Jul  2 10:00:00 2024\nSubject: precious\n\nprecious\n\n",
];

struct World {
    top: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { top: tempfile::tempdir().unwrap() }
    }

    fn inbox(&self) -> PathBuf {
        self.top.path().join("INBOX.mbox")
    }

    fn beside(&self, ending: &str) -> PathBuf {
        self.top.path().join(format!("INBOX.mbox.{ending}"))
    }

    fn destination(&self) -> MboxDestination {
        MboxDestination::new(self.top.path().to_owned())
    }

    async fn send(&self, texts: &[&str]) {
        let open = open(&self.destination()).await;
        append(open, texts).await.unwrap();
    }

    /// The texts of all messages, sorted, as an opening for writing gives them.
    async fn texts(&self) -> Vec<String> {
        texts(open(&self.destination()).await).await
    }

    /// Every file by its name.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(self.top.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        all.sort();
        all
    }
}

async fn open(destination: &MboxDestination) -> Box<dyn OpenDestination> {
    let folder = listed(FolderPath::new(vec!["INBOX".to_owned()]).unwrap());
    destination.open(&folder).await.unwrap()
}

fn letter(number: usize) -> String {
    format!("Message-ID: <{number}@x>\r\nSubject: s{number}\r\n\r\nFrom here\r\nto there {number}\r\n")
}

const PRECIOUS: &str = "Subject: precious\r\n\r\nprecious\r\n";

/// An mbox with a message, and what a writer would have written next: the mbox before, the octets of the batch, the
/// journal before `done`.
struct Begun {
    before: Vec<u8>,
    batch: Vec<u8>,
    journal: String,
}

async fn begun(world: &World) -> Begun {
    world.send(&[&letter(1)]).await;
    let before = fs::read(world.inbox()).unwrap();
    world.send(&[&letter(2), &letter(3)]).await;
    let batch = fs::read(world.inbox()).unwrap()[before.len()..].to_vec();
    let journal = fs::read_to_string(world.beside("malote")).unwrap();
    let done = journal.trim_end().rfind('\n').unwrap() + 1;
    Begun { before, batch, journal: journal[..done].to_owned() }
}

impl Begun {
    /// Leaves a move as one left it that died: the mbox from where it is cut, the journal's line, what is moved.
    fn plant_move(&self, world: &World, mbox: &str, moved: Option<journal::Moved>, plan: &str) {
        let planned =
            journal::Planned { octets: plan.len() as u64, hash: *blake3::hash(plan.as_bytes()).as_bytes() };
        let end = self.before.len() as u64;
        fs::write(world.inbox(), [&self.before, mbox.as_bytes()].concat()).unwrap();
        fs::write(world.beside("malote"), &self.journal).unwrap();
        let lines = [
            journal::Line::Intent(end, Some(journal::Planned::nothing())),
            journal::Line::Done(end),
            journal::Line::Move(end, planned, moved),
        ];
        journal::add(&world.beside("malote"), &lines).unwrap();
        fs::write(world.beside("malote-move"), [BATCH_HEAD, plan.as_bytes()].concat()).unwrap();
    }

    /// Leaves things as a writer that died after so many octets, and whatever was added since.
    fn plant(&self, world: &World, cut: usize, added: &str) {
        fs::write(world.inbox(), [&self.before, &self.batch[..cut], added.as_bytes()].concat()).unwrap();
        fs::write(world.beside("malote"), &self.journal).unwrap();
        fs::write(world.beside("malote-batch"), [BATCH_HEAD, &self.batch].concat()).unwrap();
    }

    /// The messages that are whole after so many octets, and what else there is.
    fn expected(&self, cut: usize, added: &str) -> Vec<String> {
        // A blank line that somebody added ends a message as ours would have.
        let alike = added
            .bytes()
            .zip(&self.batch[cut..])
            .take_while(|(one, other)| (one, *other) == (&b'\n', &b'\n'));
        let cut = cut + alike.count();
        let text = String::from_utf8_lossy(&self.batch);
        let second = text.match_indices("From MAILER").nth(1).unwrap().0;
        let whole = usize::from(cut >= second) + usize::from(cut >= self.batch.len());
        let mut all: Vec<String> = (1..=1 + whole).map(letter).collect();
        all.extend((!added.is_empty()).then(|| PRECIOUS.to_owned()));
        all
    }
}

#[tokio::test]
async fn one_wrong_bit_in_the_journal_cuts_nothing_off() {
    let world = World::new();
    for number in 0..3 {
        world.send(&[&letter(2 * number + 1), &letter(2 * number + 2)]).await;
    }
    let (whole, journal) = (fs::read(world.inbox()).unwrap(), fs::read(world.beside("malote")).unwrap());
    let lines: Vec<usize> = memchr::memchr_iter(b'\n', &journal).collect();
    for end in &lines {
        let mut wrong = journal.clone();
        wrong[end - 3] ^= 1;
        fs::write(world.beside("malote"), &wrong).unwrap();
        let destination = world.destination();
        let found = texts(open(&destination).await).await;
        assert_eq!(found, (1..=6).map(letter).collect::<Vec<_>>(), "line that ends at {end}");
        assert_eq!(fs::read(world.inbox()).unwrap(), whole);
        let is_last = Some(end) == lines.last();
        let is_told =
            destination.remarks().iter().any(|remark| remark.contains("INBOX.mbox.malote: is damaged"));
        assert_eq!(is_told, !is_last, "{:?}", destination.remarks());
    }
}

#[tokio::test]
async fn what_a_dead_run_began_never_costs_a_message_of_others() {
    let world = World::new();
    let begun = begun(&world).await;
    let length = begun.batch.len();
    for added in ["", ADDED[0], ADDED[1], ADDED[2], ADDED[3]] {
        for cut in (0..length).step_by(5).chain([length - 1, length]) {
            let place = format!("{cut} of {length} octets, then {added:?}");
            begun.plant(&world, cut, added);
            assert_eq!(world.texts().await, begun.expected(cut, added), "{place}");
            assert_eq!(world.texts().await, begun.expected(cut, added), "{place}, again");
            assert!(!world.beside("malote-torn-1").exists(), "{place}: proven octets need not be kept");
            assert!(!world.beside("malote-batch").exists(), "{place}");
            let text = fs::read_to_string(world.inbox()).unwrap();
            let separators = text.lines().filter(|line| line.starts_with("From ")).count();
            assert_eq!(separators, begun.expected(cut, added).len(), "{place}: {text}");
        }
    }
}

#[tokio::test]
async fn a_move_that_died_is_brought_to_its_end() {
    let world = World::new();
    let begun = begun(&world).await;
    let added = ADDED[0].as_bytes();
    let planned = journal::Planned { octets: added.len() as u64, hash: *blake3::hash(added).as_bytes() };
    let end = begun.before.len() as u64;
    for cut in 0..=added.len() {
        fs::write(world.inbox(), [&begun.before, &added[..cut]].concat()).unwrap();
        fs::write(world.beside("malote"), &begun.journal).unwrap();
        let lines = [
            journal::Line::Intent(end, Some(journal::Planned::nothing())),
            journal::Line::Done(end),
            journal::Line::Move(end, planned, None),
        ];
        journal::add(&world.beside("malote"), &lines).unwrap();
        fs::write(world.beside("malote-batch"), [BATCH_HEAD, added].concat()).unwrap();
        assert_eq!(world.texts().await, [letter(1), PRECIOUS.to_owned()], "cut at {cut}");
        assert!(!world.beside("malote-batch").exists());
    }
}

/// What a third program adds.
const CAROL: &str = "From carol@x Wed Jul  3 10:00:00 2024\nSubject: carol\n\ncarol\n\n";
const CAROLS: &str = "Subject: carol\r\n\r\ncarol\r\n";

#[tokio::test]
async fn mail_that_comes_while_a_move_is_open_is_moved_too() {
    let world = World::new();
    let begun = begun(&world).await;
    let half = String::from_utf8_lossy(&begun.batch);
    let half = half[..half.find("Subject: s2").unwrap()].to_owned();
    let moved = journal::Moved { from: (begun.before.len() + half.len()) as u64, before: 0 };
    let expected = |has_carol: bool| {
        let all = [letter(1), PRECIOUS.to_owned(), CAROLS.to_owned()];
        let mut all = all[..2 + usize::from(has_carol)].to_vec();
        all.sort();
        all
    };
    for moved in [Some(moved), None] {
        for added in ["", CAROL, &format!("\n{CAROL}")] {
            // The mbox is cut, and so much was written back.
            let plan = ADDED[2];
            for cut in 0..plan.len() + usize::from(!added.starts_with('\n')) {
                begun.plant_move(&world, &format!("{}{added}", &plan[..cut]), moved, plan);
                let place = format!("cut at {cut}, then {added:?}, {moved:?}");
                assert_eq!(world.texts().await, expected(!added.is_empty()), "{place}");
                assert_eq!(world.files().len(), 2, "{place}");
            }
            // It is not cut yet. Who did not write down where from can tell only where nothing was added since.
            if !added.starts_with('\n') && (moved.is_some() || added.is_empty()) {
                begun.plant_move(&world, &format!("{half}{plan}{added}"), moved, plan);
                assert_eq!(world.texts().await, expected(!added.is_empty()), "{added:?}, {moved:?}");
                assert_eq!(world.files().len(), 2, "{added:?}");
                let text = fs::read_to_string(world.inbox()).unwrap();
                assert!(!text.contains("<2@x>"), "{text}");
            }
        }
    }
    // The plan was made longer by what a third program added, and the mbox is not cut for the second time yet.
    for cut in 0..ADDED[2].len() {
        let moved = journal::Moved { from: (begun.before.len() + cut) as u64, before: ADDED[2].len() as u64 };
        for dave in ["", &CAROL.replace("carol", "dave")] {
            let mbox = format!("{}{CAROL}{dave}", &ADDED[2][..cut]);
            begun.plant_move(&world, &mbox, Some(moved), &format!("{}{CAROL}", ADDED[2]));
            let mut expected = expected(true);
            expected.extend((!dave.is_empty()).then(|| CAROLS.replace("carol", "dave")));
            expected.sort();
            assert_eq!(world.texts().await, expected, "cut at {cut}, then {dave:?}");
            assert_eq!(world.files().len(), 2, "cut at {cut}, then {dave:?}");
        }
    }
}

#[tokio::test]
async fn a_move_that_nobody_can_finish_is_set_aside_and_told() {
    let world = World::new();
    let begun = begun(&world).await;
    // What came meanwhile begins, line for line, as what was still to be put back.
    let dave = CAROL.replace("Subject: carol", "Subject: dave");
    let plan = format!("{}{dave}", ADDED[2]);
    begun.plant_move(&world, &format!("{}{CAROL}", ADDED[2]), None, &plan);
    for again in 0..2 {
        let destination = world.destination();
        destination.survey().await.unwrap();
        let found = texts(open(&destination).await).await;
        assert_eq!(found, [letter(1), CAROLS.to_owned(), PRECIOUS.to_owned()], "{again}");
        assert!(destination.damage()[0].contains("malote-torn-1"), "{again}: {:?}", destination.damage());
        assert!(fs::read_to_string(world.beside("malote-torn-1")).unwrap().contains("Subject: dave"));
    }
}

#[tokio::test]
async fn a_move_that_was_not_laid_out_to_its_end_is_begun_anew() {
    let world = World::new();
    let begun = begun(&world).await;
    let octets = [BATCH_HEAD, ADDED[2].as_bytes()].concat();
    for cut in [0, 5, BATCH_HEAD.len(), BATCH_HEAD.len() + 20, octets.len()] {
        begun.plant(&world, 40, ADDED[2]);
        fs::write(world.beside("malote-move"), &octets[..cut]).unwrap();
        assert_eq!(world.texts().await, [letter(1), PRECIOUS.to_owned()], "{cut}");
        assert_eq!(world.files().len(), 2, "{cut}: {:?}", world.files());
    }
}

#[tokio::test]
async fn a_move_whose_octets_are_gone_is_told() {
    let world = World::new();
    let begun = begun(&world).await;
    begun.plant_move(&world, &ADDED[2][..60], None, ADDED[2]);
    fs::remove_file(world.beside("malote-move")).unwrap();
    let destination = world.destination();
    drop(open(&destination).await);
    assert!(destination.damage()[0].contains("look whether mail is missing"), "{:?}", destination.damage());
}

#[tokio::test]
async fn mail_behind_a_begun_gap_stays_a_message_of_its_own() {
    let old = "Subject: old\r\n\r\nold";
    for end in ["", "\n", "\n\n"] {
        let world = World::new();
        let before = format!("From u@x Mon Jul  1 10:00:00 2024\nSubject: old\n\nold{end}");
        fs::write(world.inbox(), &before).unwrap();
        world.send(&[&letter(2), &letter(3)]).await;
        let batch = fs::read(world.inbox()).unwrap()[before.len()..].to_vec();
        let journal = fs::read_to_string(world.beside("malote")).unwrap();
        let done = journal.trim_end().rfind('\n').unwrap() + 1;
        let begun = Begun { before: before.into_bytes(), batch, journal: journal[..done].to_owned() };
        for added in &ADDED {
            for cut in 0..60 {
                let place = format!("old{end:?}, {cut} octets, then {added:?}");
                if end.is_empty() && cut == 0 && !added.starts_with('\n') {
                    // Whoever adds mail to a line without an end glues it there himself.
                    continue;
                }
                begun.plant(&world, cut, added);
                let texts: Vec<String> =
                    world.texts().await.iter().map(|text| text.trim_end().to_owned()).collect();
                assert_eq!(texts, [old, PRECIOUS.trim_end()], "{place}");
                let text = fs::read_to_string(world.inbox()).unwrap();
                assert_eq!(
                    text.lines().filter(|line| line.starts_with("From ")).count(),
                    2,
                    "{place}: {text}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_a_dead_run_left_beside_an_mbox_is_swept() {
    let world = World::new();
    world.send(&[&letter(1)]).await;
    for ending in ["malote-batch", "malote-move", "malote-new"] {
        fs::write(world.beside(ending), BATCH_HEAD).unwrap();
    }
    let before = world.files().len();
    drop(open(&world.destination().reading()).await);
    assert_eq!(world.files().len(), before);
    drop(open(&world.destination()).await);
    assert_eq!(world.files().len(), 2, "{:?}", world.files());
}

#[tokio::test]
async fn what_no_batch_proves_is_set_aside_and_said() {
    for is_old in [true, false] {
        for (added, others) in [("", false), (ADDED[0], true)] {
            let world = World::new();
            let begun = begun(&world).await;
            begun.plant(&world, begun.batch.len() - 9, added);
            fs::remove_file(world.beside("malote-batch")).unwrap();
            if is_old {
                // As earlier writers left it: an intent that tells the end alone, and no rows.
                let text = format!("intent {}", begun.before.len());
                let mut checksum = flate2::Crc::new();
                checksum.update(text.as_bytes());
                let kept = begun.journal.rfind(" intent ").unwrap();
                let kept = begun.journal[..kept].rfind('\n').unwrap() + 1;
                let journal = format!("{}{:08x} {text}\n", &begun.journal[..kept], checksum.sum());
                fs::write(world.beside("malote"), journal).unwrap();
            }
            let destination = world.destination();
            let found = texts(open(&destination).await).await;
            let whole = if is_old { 1 } else { 2 };
            let expected = (1..=whole).map(letter).chain(others.then(|| PRECIOUS.to_owned()));
            assert_eq!(found, expected.collect::<Vec<_>>(), "old journal: {is_old}, added: {added:?}");
            let aside = fs::read_to_string(world.beside("malote-torn-1")).unwrap();
            assert!(aside.starts_with("malote set aside") && aside.contains("Subject: s3"), "{aside}");
            assert!(!aside.contains("precious"));
            assert!(destination.damage()[0].contains("malote-torn-1"), "{:?}", destination.damage());
            // It is told until somebody has removed it.
            let later = world.destination();
            later.survey().await.unwrap();
            assert_eq!(later.damage(), destination.damage());
        }
    }
}

#[tokio::test]
async fn what_stands_in_a_head_that_no_batch_proves_is_told() {
    let world = World::new();
    let begun = begun(&world).await;
    begun.plant(&world, 52, ADDED[2]);
    fs::remove_file(world.beside("malote-batch")).unwrap();
    let destination = world.destination();
    drop(open(&destination).await);
    assert!(destination.damage()[0].contains("in the middle of a line"), "{:?}", destination.damage());
}

#[tokio::test]
async fn another_mbox_in_its_place_stays_whole() {
    let world = World::new();
    let begun = begun(&world).await;
    begun.plant(&world, 40, "");
    let theirs: String = (0..200)
        .map(|number| format!("From u@x Tue Jul  2 10:00:00 2024\nSubject: own {number}\n\nmine\n\n"))
        .collect();
    fs::write(world.inbox(), &theirs).unwrap();
    assert_eq!(world.texts().await.len(), 200);
    assert_eq!(fs::read_to_string(world.inbox()).unwrap(), theirs);
}

#[tokio::test]
async fn an_opening_for_reading_writes_nothing() {
    let world = World::new();
    let begun = begun(&world).await;
    for (cut, added) in [(0, ""), (40, ""), (40, ADDED[0]), (begun.batch.len(), ADDED[1])] {
        begun.plant(&world, cut, added);
        let before = world.files();
        let found = texts(open(&world.destination().reading()).await).await;
        assert_eq!(found, begun.expected(cut, added), "cut at {cut}, then {added:?}");
        assert_eq!(world.files(), before);
        assert!(append(open(&world.destination().reading()).await, &[&letter(9)]).await.is_err());
    }
    let empty = World::new();
    assert!(texts(open(&empty.destination().reading()).await).await.is_empty());
    assert!(empty.files().is_empty());
}

#[tokio::test]
async fn every_line_like_a_separator_is_quoted_and_comes_back() {
    let mut all = [
        "From bob@x.example Mon Jul  1 10:00:00 2024\r\nSubject: began in an mbox\r\n\r\none\r\n",
        "Subject: no blank line\r\nhello\r\nFrom bob@x.example Mon Jul  1 10:00:00 2024\r\nfoo: bar\r\n",
        ">From a@x Mon Jul  1 10:00:00 2024\r\nSubject: quoted\r\n\r\n>>From x\r\n",
        "Status: RO\r\nX-Status: D\r\nX-Mozilla-Status: 0009\r\nSubject: once in an mbox\r\n\r\ntwo\r\n",
        "Subject: line feeds\nFrom x\r\n\nFrom y\n",
        "",
    ];
    let world = World::new();
    world.send(&all).await;
    let text = fs::read_to_string(world.inbox()).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("From ")).count(), all.len(), "{text}");
    all.sort_unstable();
    assert_eq!(world.texts().await, all);
    // Without its journal too: what Malote wrote is known by the lines that it puts before each message. Only one
    // without any octet cannot be told from one with an end of line.
    fs::remove_file(world.beside("malote")).unwrap();
    all[0] = "\r\n";
    assert_eq!(world.texts().await, all);
}

#[tokio::test]
async fn a_row_of_an_earlier_writer_reads_the_same_octets() {
    let world = World::new();
    let text = ">From a@x Mon Jul  1 10:00:00 2024\r\nSubject: quoted\r\n\r\nx\r\n";
    world.send(&[text]).await;
    // The earlier writer quoted no line of a header and said 1 where 2 stands.
    let inbox = fs::read_to_string(world.inbox()).unwrap();
    fs::write(world.inbox(), inbox.replace("\n>>From", "\n>From")).unwrap();
    let journal = fs::read_to_string(world.beside("malote")).unwrap();
    let lines: Vec<String> = journal
        .lines()
        .map(|line| {
            let mut words: Vec<String> = line.split(' ').skip(1).map(str::to_owned).collect();
            match words[0].as_str() {
                "intent" => words.truncate(2),
                "message" => {
                    words[3] = (words[3].parse::<u64>().unwrap() - 1).to_string();
                    words[5] = "1".to_owned();
                }
                "done" if words[1] != "0" => words[1] = (words[1].parse::<u64>().unwrap() - 1).to_string(),
                _ => {}
            }
            let text = words.join(" ");
            let mut checksum = flate2::Crc::new();
            checksum.update(text.as_bytes());
            format!("{:08x} {text}\n", checksum.sum())
        })
        .collect();
    fs::write(world.beside("malote"), lines.concat()).unwrap();
    let validity = open(&world.destination()).await.status().uid_validity;
    assert_eq!(world.texts().await, [text]);
    assert!(journal.contains(&format!("validity {}", validity.unwrap().get())), "the generation stays");
}

#[tokio::test]
async fn a_file_that_was_replaced_meanwhile_is_not_written_to() {
    let world = World::new();
    world.send(&[&letter(1)]).await;
    let writer = open(&world.destination()).await;
    let compacted = world.top.path().join("nstmp");
    fs::copy(world.inbox(), &compacted).unwrap();
    fs::rename(&compacted, world.inbox()).unwrap();
    assert!(append(writer, &[&letter(2)]).await.is_err(), "it would have gone into a file without a name");
    world.send(&[&letter(2)]).await;
    assert_eq!(world.texts().await, [letter(1), letter(2)]);
}

#[tokio::test]
async fn flags_are_not_written_over_what_is_no_line_for_flags() {
    let world = World::new();
    world.send(&[&letter(1)]).await;
    let mut writer = open(&world.destination()).await;
    let text = fs::read_to_string(world.inbox()).unwrap().replace("X-Keywords", "X-Other-It");
    fs::write(world.inbox(), &text).unwrap();
    let uids = writer.stubs(&[Uid::new(1).unwrap()].into_iter().collect()).await.unwrap();
    assert_eq!(uids.len(), 1);
    let flagged = Flags::parse("\\Flagged").0.into_iter().collect::<Vec<_>>();
    let all = [Uid::new(1).unwrap()].into_iter().collect();
    assert!(writer.store(&all, &flagged, &[]).await.is_err());
    assert_eq!(fs::read_to_string(world.inbox()).unwrap(), text);
}

#[tokio::test]
async fn what_is_made_is_for_its_owner_alone() {
    let world = World::new();
    world.send(&[&letter(1)]).await;
    let modes = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for (path, _) in world.files() {
        assert_eq!(modes(&path), 0o600, "{}", path.display());
    }
    fs::set_permissions(world.inbox(), fs::Permissions::from_mode(0o660)).unwrap();
    world.send(&[&letter(2)]).await;
    assert_eq!(modes(&world.inbox()), 0o660, "a mode that somebody chose stays");
}
