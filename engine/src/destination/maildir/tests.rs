//! What becomes of a Maildir that other programs write to as well, and of one whose list of UIDs is wrong.
//! Never waits.

mod keywords;

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use malote_plan::message::{Flags, Uid};
use malote_plan::uid_set::UidSet;

use super::*;
use crate::body::{Body, WireBody};
use crate::destination::Parcel;
use crate::destination::trial::{append, texts};

struct World {
    top: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { top: tempfile::tempdir().unwrap() };
        for place in ["cur", "new", "tmp"] {
            fs::create_dir(world.path(place)).unwrap();
        }
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    fn destination(&self) -> MaildirDestination {
        MaildirDestination::new(self.top.path().to_owned())
    }

    async fn open(&self) -> Box<dyn OpenDestination> {
        open(&self.destination(), "INBOX").await
    }

    /// Puts a message there as another program would.
    fn put(&self, name: &str, number: u32) {
        fs::write(self.path(name), letter(number)).unwrap();
    }

    /// The names in `cur`, sorted.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("cur")).unwrap();
        let mut all: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        all.sort();
        all
    }

    async fn uids(&self) -> Vec<u32> {
        self.open().await.uids().await.unwrap().iter().map(Uid::get).collect()
    }
}

async fn open(destination: &MaildirDestination, name: &str) -> Box<dyn OpenDestination> {
    let folder = destination.make_folder(&FolderPath::new(vec![name.to_owned()]).unwrap()).unwrap();
    destination.open(&folder).await.unwrap()
}

fn letter(number: u32) -> String {
    format!("Message-ID: <{number}@x>\r\nSubject: s{number}\r\n\r\ntext {number}\r\n")
}

fn letters(numbers: &[u32]) -> Vec<String> {
    let mut all: Vec<String> = numbers.iter().copied().map(letter).collect();
    all.sort();
    all
}

/// Sets \Flagged on one message; the names of the files that show it.
async fn flagged(world: &World, uid: Uid) -> Vec<String> {
    let all: UidSet = [uid].into_iter().collect();
    let flags: Vec<_> = Flags::parse("\\Flagged").0.into_iter().collect();
    world.open().await.store(&all, &flags, &[]).await.unwrap();
    world.names().into_iter().filter(|name| name.ends_with(":2,F")).collect()
}

#[tokio::test]
async fn a_name_with_a_uid_in_it_makes_no_message_another() {
    let world = World::new();
    let uids = append(world.open().await, &[&letter(1), &letter(2)]).await.unwrap();
    let own = world.names();
    for name in ["1900000000.X.host,U=1:2,", "1900000001.X.host,U=2:2,", "1900000002.X,U=4294967295:2,"] {
        let number = 10 + u32::try_from(world.names().len()).unwrap();
        world.put(&format!("cur/{name}"), number);
    }
    assert_eq!(texts(world.open().await).await, letters(&[1, 12, 13, 14, 2]));
    let mut found = world.uids().await;
    assert_eq!(found, world.uids().await, "UIDs stay");
    found.dedup();
    assert_eq!(found.len(), 5);
    // Flags go to the message that was meant.
    let base = own.iter().find(|name| name.ends_with(",U=1:2,S")).unwrap().trim_end_matches("S");
    let all: UidSet = [uids[0]].into_iter().collect();
    let seen: Vec<_> = Flags::parse("\\Seen").0.into_iter().collect();
    world.open().await.store(&all, &[], &seen).await.unwrap();
    assert_eq!(flagged(&world, uids[0]).await, [format!("{base}F")]);
    // None of them leads the counter to its end.
    let more = append(world.open().await, &[&letter(3)]).await.unwrap();
    assert!(more[0].get() < 100, "{more:?}");
}

#[tokio::test]
async fn a_letter_that_was_moved_into_another_folder_is_a_message_of_that_folder() {
    let world = World::new();
    let sent = append(world.open().await, &[&letter(1)]).await.unwrap();
    let other = append(open(&world.destination(), "Old").await, &[&letter(2)]).await.unwrap();
    assert_eq!(sent, other, "both folders count from one");
    let name = world.names().remove(0);
    fs::rename(world.path("cur").join(&name), world.path(".Old/cur").join(&name)).unwrap();
    assert_eq!(texts(open(&world.destination(), "Old").await).await, letters(&[1, 2]));
    let uids = open(&world.destination(), "Old").await.uids().await.unwrap();
    assert!(uids.len() == 2 && uids.contains(other[0]), "{uids:?}");
    assert!(texts(world.open().await).await.is_empty());
}

#[tokio::test]
async fn two_messages_of_one_name_are_both_there() {
    let world = World::new();
    world.put("cur/1003.M4P1.host:2,S", 4);
    world.put("new/1003.M4P1.host", 5);
    // Seen twice on its way, by a link or by a copy, a message is one.
    world.put("new/1004.M5P1.host", 6);
    fs::hard_link(world.path("new/1004.M5P1.host"), world.path("cur/1004.M5P1.host:2,")).unwrap();
    world.put("new/1005.M6P1.host", 7);
    world.put("cur/1005.M6P1.host:2,", 7);
    assert_eq!(texts(world.open().await).await, letters(&[4, 5, 6, 7]));
    let before = world.uids().await;
    // Where one of the two goes, the other keeps its UID.
    let two = world.open().await.stubs(&before.iter().copied().filter_map(Uid::new).collect()).await.unwrap();
    let seen = two.iter().find(|stub| stub.flags.contains("\\Seen")).unwrap().uid.get();
    fs::remove_file(world.path("cur/1003.M4P1.host:2,S")).unwrap();
    let left: Vec<u32> = before.into_iter().filter(|uid| *uid != seen).collect();
    assert_eq!(world.uids().await, left);
    assert_eq!(texts(world.open().await).await, letters(&[5, 6, 7]));
}

/// Opens a world with three messages, `change`s them as another program would, and gives their UIDs.
async fn changed_while_open(
    world: &World,
    change: impl FnOnce(&World),
) -> (Box<dyn OpenDestination>, UidSet) {
    world.put("new/1.x", 1);
    world.put("cur/2.x:2,", 2);
    world.put("cur/3.x:2,F", 3);
    let mut open = world.open().await;
    let uids = open.uids().await.unwrap();
    change(world);
    (open, uids)
}

fn renamed(world: &World, from: &str, to: &str) {
    fs::rename(world.path(from), world.path(to)).unwrap();
}

fn flags(text: &str) -> Vec<malote_plan::message::Flag> {
    Flags::parse(text).0.into_iter().collect()
}

#[tokio::test]
async fn what_a_program_renames_between_listing_and_reading_is_read() {
    let world = World::new();
    let (mut open, uids) = changed_while_open(&world, |world| {
        renamed(world, "new/1.x", "cur/1.x:2,");
        renamed(world, "cur/2.x:2,", "cur/2.x:2,S");
        // Another message of the same name makes both known by what they hold.
        renamed(world, "cur/3.x:2,F", "cur/3.x:2,FS");
        world.put("new/3.x", 4);
    })
    .await;
    assert_eq!(open.headed(&uids).await.unwrap().len(), 3);
    let stubs = open.stubs(&uids).await.unwrap();
    assert_eq!(stubs.iter().filter(|stub| stub.flags.contains("\\Seen")).count(), 2);
}

#[tokio::test]
async fn what_is_gone_is_not_there_and_what_the_system_refuses_is_a_failure() {
    let world = World::new();
    let (mut open, uids) =
        changed_while_open(&world, |world| fs::remove_file(world.path("new/1.x")).unwrap()).await;
    assert_eq!(open.headed(&uids).await.unwrap().len(), 2);
    let world = World::new();
    let (mut open, uids) = changed_while_open(&world, |world| {
        fs::remove_file(world.path("new/1.x")).unwrap();
        std::os::unix::fs::symlink("/dev/null", world.path("new/1.x")).unwrap();
    })
    .await;
    assert_eq!(open.headed(&uids).await.unwrap_err().side, Side::Destination);
}

#[tokio::test]
async fn flags_reach_a_message_that_a_program_renamed_and_keep_what_it_set() {
    let world = World::new();
    let (mut open, uids) = changed_while_open(&world, |world| {
        renamed(world, "new/1.x", "cur/1.x:2,S");
        renamed(world, "cur/2.x:2,", "cur/2.x:2,Rq");
    })
    .await;
    open.store(&uids, &flags("\\Flagged"), &[]).await.unwrap();
    assert_eq!(world.names(), ["1.x:2,FS", "2.x:2,FRq", "3.x:2,F"]);
}

#[tokio::test]
async fn flags_never_put_a_message_in_the_place_of_another() {
    let world = World::new();
    world.put("new/200.a", 1);
    world.put("cur/200.a:2,S", 2);
    let destination = world.destination();
    let mut open = open(&destination, "INBOX").await;
    let uids = open.uids().await.unwrap();
    open.store(&uids, &flags("\\Seen"), &[]).await.unwrap();
    assert!(world.path("new/200.a").exists());
    assert!(destination.remarks()[0].contains("those flags were not set"), "{:?}", destination.remarks());
    open.store(&uids, &flags("\\Flagged"), &[]).await.unwrap();
    assert_eq!(world.names(), ["200.a:2,F", "200.a:2,FS"]);
    assert_eq!(texts(open).await, letters(&[1, 2]));
}

#[tokio::test]
async fn what_is_removed_is_gone_under_whatever_names_it_has() {
    let world = World::new();
    let (mut open, uids) = changed_while_open(&world, |world| {
        renamed(world, "new/1.x", "cur/1.x:2,S");
        fs::hard_link(world.path("cur/2.x:2,"), world.path("new/2.x")).unwrap();
        world.put("cur/9.x:2,", 9);
    })
    .await;
    open.remove(&uids).await.unwrap();
    assert_eq!(world.names(), ["9.x:2,"]);
    assert_eq!(fs::read_dir(world.path("new")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_comes_under_the_name_of_what_is_removed_stays() {
    let world = World::new();
    let (mut open, uids) = changed_while_open(&world, |world| world.put("new/2.x", 9)).await;
    assert!(open.remove(&uids).await.is_err());
    drop(open);
    assert_eq!(texts(world.open().await).await, letters(&[9]));
}

#[tokio::test]
async fn a_new_keyword_takes_no_letter_that_names_have() {
    let world = World::new();
    world.put("cur/1.x:2,a", 1);
    let mut open = world.open().await;
    let uids = open.uids().await.unwrap();
    open.store(&uids, &flags("$Junk"), &[]).await.unwrap();
    assert_eq!(world.names(), ["1.x:2,ab"]);
    assert_eq!(fs::read_to_string(world.path("dovecot-keywords")).unwrap(), "1 $Junk\n");
}

#[tokio::test]
async fn a_batch_that_fails_leaves_nothing_in_tmp_nor_does_a_killed_run() {
    let world = World::new();
    let in_tmp = || {
        let names = fs::read_dir(world.path("tmp")).unwrap();
        names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let parcel = |body| Parcel { body, flags: Flags::default(), internal_date: None };
    let (_, chunks) = tokio::sync::mpsc::channel(1);
    let broken = Body::Wire(WireBody { octets: 3, chunks });
    let batch = vec![parcel(Body::Memory(letter(1).into())), parcel(broken)];
    assert!(world.open().await.send(batch).await.is_err());
    assert!(in_tmp().is_empty(), "{:?}", in_tmp());
    for name in ["1795350471.M340P5270Q0.malote", "1795350471.M340P5270Q1.host", "1795350471.M3P5Q1.x.malote"]
    {
        world.put(&format!("tmp/{name}"), 1);
    }
    world.open().await;
    let mut left = in_tmp();
    left.sort();
    assert_eq!(left, ["1795350471.M340P5270Q1.host", "1795350471.M3P5Q1.x.malote"]);
}

#[tokio::test]
async fn a_subscription_behind_a_line_without_an_end_is_a_line_of_its_own() {
    for (before, after) in [("", "S1\n"), ("Old", "Old\nS1\n"), ("Old\n", "Old\nS1\n")] {
        let world = World::new();
        fs::write(world.path("subscriptions"), before).unwrap();
        let destination = world.destination();
        let folder = destination.make_folder(&FolderPath::new(vec!["S1".to_owned()]).unwrap()).unwrap();
        destination.subscribe(&folder).await.unwrap();
        assert_eq!(fs::read_to_string(world.path("subscriptions")).unwrap(), after);
    }
}

#[tokio::test]
async fn a_wrong_digit_in_the_list_of_uids_is_not_believed() {
    let world = World::new();
    world.put("cur/1.x:2,", 1);
    append(world.open().await, &[&letter(2)]).await.unwrap();
    let generation = world.open().await.status().uid_validity.unwrap();
    let list = fs::read_to_string(world.path("malote-uids")).unwrap();
    let wrong = list.replacen(" 1 1.x", " 7 1.x", 1);
    assert_ne!(wrong, list);
    fs::write(world.path("malote-uids"), wrong).unwrap();
    let destination = world.destination();
    let anew = open(&destination, "INBOX").await;
    assert!(anew.status().uid_validity.unwrap() > generation);
    assert_eq!(texts(anew).await, letters(&[1, 2]));
    assert!(destination.remarks()[0].contains("malote-uids: is damaged"), "{:?}", destination.remarks());
}

#[tokio::test]
async fn a_list_of_an_earlier_writer_keeps_its_uids() {
    let world = World::new();
    world.put("cur/1.x:2,", 1);
    let octets = letter(2).len();
    world.put(&format!("cur/1795350471.M340P5270Q0.malote,S={octets},U=5:2,"), 2);
    fs::write(world.path("malote-uids"), "malote-uids 1 1700000000 6\n3 1.x\n").unwrap();
    for _ in 0..2 {
        let status = world.open().await.status();
        assert_eq!((status.uid_validity.unwrap().get(), world.uids().await), (1_700_000_000, vec![3, 5]));
    }
    let sent = append(world.open().await, &[&letter(3)]).await.unwrap();
    assert_eq!(sent[0].get(), 6);
}

#[tokio::test]
async fn an_opening_for_reading_writes_nothing() {
    let world = World::new();
    world.put("new/1.x", 1);
    let listed = |world: &World| {
        let mut all: Vec<_> =
            fs::read_dir(world.top.path()).unwrap().map(|one| one.unwrap().path()).collect();
        all.sort();
        (all, fs::metadata(world.path("cur")).unwrap().mtime_nsec())
    };
    let before = listed(&world);
    let folder = FolderPath::root(malote_plan::folder::INBOX);
    let folder = world.destination().listed(Maildir { path: world.path(""), wire: Vec::new(), folder });
    let reading = || async { world.destination().reading().open(&folder).await.unwrap() };
    assert_eq!(texts(reading().await).await, letters(&[1]));
    assert!(append(reading().await, &[&letter(9)]).await.is_err());
    assert_eq!(listed(&world), before);
}

#[tokio::test]
async fn what_is_made_is_for_its_owner_alone() {
    let world = World::new();
    append(world.open().await, &[&letter(1)]).await.unwrap();
    for name in [&format!("cur/{}", world.names()[0]), "malote-uids", "malote-lock"] {
        let mode = fs::metadata(world.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
}
