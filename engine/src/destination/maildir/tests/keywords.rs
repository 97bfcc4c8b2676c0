//! Whose `dovecot-keywords` is once Malote has written it.
//! Never asks for root: what only root can do is done where the tests run as root.

use rustix::process::{Gid, Uid as UserId, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::*;

/// The mail server's user and group, a user of that group, and a group that is not his.
const SERVER: u32 = 5000;
const MEMBER: u32 = 5001;
const STRANGERS: u32 = 5002;

#[tokio::test]
async fn the_file_of_keywords_stays_its_owners() {
    let world = World::new();
    world.put("cur/1.x:2,", 1);
    let path = world.path("dovecot-keywords");
    fs::write(&path, "0 own\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap();
    // Root alone may give a file away; for anybody else it stays the same owner's.
    let _is_given = std::os::unix::fs::chown(&path, Some(5000), Some(5000));
    let told = || fs::metadata(&path).map(|found| (found.uid(), found.gid(), found.mode())).unwrap();
    let before = told();
    let mut open = world.open().await;
    let uids = open.uids().await.unwrap();
    open.store(&uids, &flags("$Junk"), &[]).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "0 own\n1 $Junk\n");
    assert_eq!(told(), before);
}

/// Sets `$Junk` on the message of a world as [`MEMBER`], in a thread that is his alone; what is remarked.
fn junked_by_a_member(world: &World) -> Vec<String> {
    let work = || {
        let group = Gid::from_raw(MEMBER);
        set_thread_groups(&[Gid::from_raw(SERVER)]).unwrap();
        set_thread_res_gid(group, group, group).unwrap();
        let user = UserId::from_raw(MEMBER);
        set_thread_res_uid(user, user, user).unwrap();
        // Threads that it begins are his too.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let destination = world.destination();
            let mut open = open(&destination, "INBOX").await;
            let uids = open.uids().await.unwrap();
            open.store(&uids, &flags("$Junk"), &[]).await.unwrap();
            destination.remarks()
        })
    };
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

#[test]
fn a_file_of_keywords_that_cannot_stay_its_owners_stays_its_groups_or_is_told() {
    if !geteuid().is_root() {
        eprintln!("SKIPPED: only root can be somebody else");
        return;
    }
    // The group and the mode before, the group and the mode after, and whether something is told.
    for (before, after, is_told) in [
        ((SERVER, 0o660), (SERVER, 0o660), false),
        ((SERVER, 0o640), (SERVER, 0o640), true),
        ((STRANGERS, 0o664), (MEMBER, 0o644), true),
        ((STRANGERS, 0o666), (MEMBER, 0o666), false),
    ] {
        let world = World::new();
        world.put("cur/1.x:2,", 1);
        for place in ["", "cur", "new", "tmp"] {
            std::os::unix::fs::chown(world.path(place), Some(SERVER), Some(SERVER)).unwrap();
            fs::set_permissions(world.path(place), fs::Permissions::from_mode(0o770)).unwrap();
        }
        let path = world.path("dovecot-keywords");
        fs::write(&path, "0 own\n").unwrap();
        std::os::unix::fs::chown(&path, Some(SERVER), Some(before.0)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(before.1)).unwrap();
        let remarks = junked_by_a_member(&world);
        assert_eq!(fs::read_to_string(&path).unwrap(), "0 own\n1 $Junk\n", "{before:?}");
        let found = fs::metadata(&path).unwrap();
        let told = (found.uid(), found.gid(), found.mode() & 0o7777);
        assert_eq!(told, (MEMBER, after.0, after.1), "{before:?}");
        let about = remarks.iter().filter(|remark| remark.contains("only root may give a file away"));
        assert_eq!(about.count(), usize::from(is_told), "{before:?}: {remarks:?}");
        assert_eq!(world.names(), ["1.x:2,b"], "{before:?}");
    }
}
