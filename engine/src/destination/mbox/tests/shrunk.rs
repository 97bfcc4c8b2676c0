//! What becomes of an mbox that another program or a full disk cut off since Malote wrote it.
//! Never cuts what another program wrote.

use super::*;

/// Three messages as a run left them: the mbox, its journal, where each message begins, where each ends with
/// the blank line behind it.
struct Left {
    mbox: Vec<u8>,
    journal: Vec<u8>,
    begins: Vec<usize>,
    ends: Vec<usize>,
}

/// The second is the longest.
fn sent() -> [String; 3] {
    [letter(1), letter(2) + &"another line\r\n".repeat(20), letter(3)]
}

async fn left(world: &World) -> Left {
    let [one, two, three] = sent();
    world.send(&[&one]).await;
    world.send(&[&two, &three]).await;
    let mbox = fs::read(world.inbox()).unwrap();
    let text = String::from_utf8_lossy(&mbox).into_owned();
    let places = |pattern: &str| text.match_indices(pattern).map(|found| found.0).collect::<Vec<_>>();
    let begins = places("From MAILER");
    let ends = begins.iter().skip(1).copied().chain([mbox.len()]).collect();
    Left { mbox, journal: fs::read(world.beside("malote")).unwrap(), begins, ends }
}

impl Left {
    /// Leaves the mbox with these octets, and the journal as it was.
    fn plant(&self, world: &World, mbox: &[u8]) {
        for (path, _) in world.files() {
            fs::remove_file(path).unwrap();
        }
        fs::write(world.inbox(), mbox).unwrap();
        fs::write(world.beside("malote"), &self.journal).unwrap();
    }
}

#[tokio::test]
async fn where_an_mbox_is_cut_the_begun_message_is_set_aside_and_the_whole_ones_stay() {
    let world = World::new();
    let left = left(&world).await;
    let validity = open(&world.destination()).await.status().uid_validity;
    for cut in
        (0..left.mbox.len()).filter(|cut| cut % 7 == 0 || left.ends.iter().any(|end| end.abs_diff(*cut) < 3))
    {
        left.plant(&world, &left.mbox[..cut]);
        let whole = left.ends.iter().filter(|end| **end <= cut).count();
        let begun = left.begins.get(whole).copied().filter(|begin| *begin < cut);
        let expected = &sent()[..whole];
        // For reading alone, nothing is touched.
        let before = world.files();
        drop(open(&world.destination().reading()).await);
        assert_eq!(world.files(), before, "cut at {cut}");

        let destination = world.destination();
        let again = open(&destination).await;
        assert_ne!(again.status().uid_validity, validity, "cut at {cut}: other messages get its UIDs");
        assert_eq!(texts(again).await, expected, "cut at {cut}");
        assert!(destination.remarks()[0].contains(&format!("has {cut} octets")), "cut at {cut}");
        assert_eq!(destination.damage().len(), usize::from(begun.is_some()), "cut at {cut}");
        if let Some(begun) = begun {
            let aside = fs::read(world.beside("malote-torn-1")).unwrap();
            assert!(aside.ends_with(&left.mbox[begun..cut]), "cut at {cut}");
        }
        world.send(&sent()[whole..].iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert_eq!(world.texts().await, sent(), "cut at {cut}");
        let text = fs::read_to_string(world.inbox()).unwrap();
        assert_eq!(text.lines().filter(|line| line.starts_with("From ")).count(), 3, "cut at {cut}: {text}");
        // It is told until somebody has removed it.
        let later = world.destination();
        later.survey().await.unwrap();
        assert_eq!(later.damage().len(), usize::from(begun.is_some()), "cut at {cut}");
    }
}

#[tokio::test]
async fn what_may_be_a_message_is_not_set_aside_where_an_mbox_is_shorter() {
    let world = World::new();
    let left = left(&world).await;
    let (first, second, third) = (0..left.begins[1], left.begins[1]..left.begins[2], left.begins[2]..);
    let part = |octets: &[u8]| octets.to_vec();
    let (first, second, third) = (part(&left.mbox[first]), part(&left.mbox[second]), part(&left.mbox[third]));
    let (theirs, shorter) = (ADDED[2].as_bytes(), second.len() - 150);
    let altered = |octets: &[u8], from: &str, to: &str| {
        String::from_utf8_lossy(octets).replacen(from, to, 1).into_bytes()
    };
    for (mbox, found) in [
        // One was removed, and what stood behind it has come up.
        ([&second[..], &third].concat(), 2),
        ([&first[..], &third].concat(), 2),
        // Others wrote where ours had been, or behind what was left of it.
        ([&first[..], theirs].concat(), 2),
        ([&first[..], &second[..shorter], b"\n\n", theirs].concat(), 3),
        // Another message was cut, or another mbox.
        ([&first[..], &altered(&second, "10:00:00", "10:00:01")[..shorter]].concat(), 2),
        ([&altered(&first, "s1", "s9")[..], &second[..shorter]].concat(), 2),
    ] {
        left.plant(&world, &mbox);
        let destination = world.destination();
        let texts = texts(open(&destination).await).await;
        let text = String::from_utf8_lossy(&mbox).into_owned();
        assert_eq!(texts.len(), found, "{text}: {texts:?}");
        assert_eq!(fs::read(world.inbox()).unwrap(), mbox, "{text}");
        assert!(destination.damage().is_empty(), "{text}");
        assert!(destination.remarks()[0].contains("numbered anew"), "{text}");
    }
}
