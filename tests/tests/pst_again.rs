//! Personal stores that come a second time: cut and whole again, put back, touched, read with other options, or another
//! store in the place of the first.
//! Never reads a foreign file: the stores are written by the tests' own writer.

use std::path::Path;

use acceptance::mail::Mail;
use acceptance::program::{Ended, Home, between};
use acceptance::reader::Reader;
use acceptance::servers::Dovecot;
use anyhow::{Result, ensure};
use pst_writer::{Crypt, Folder, Format, Message, Pst, Recipient, Value};

/// When the first item was sent, in seconds since 1970: Mon, 1 Jul 2024 10:00:00 +0000.
const FIRST_SENT: i64 = 1_719_828_000;

fn item(number: i64, text: &str) -> Message {
    let message = Message::new("IPM.Note").text(&format!("Orçamento {number}"), text);
    let message = message.dated(FIRST_SENT + 60 * number).from("Ana", "ana@example.org");
    message.id(&format!("<{number}@example.org>")).to(Recipient::new(1, "Bia", "bia@example.org"))
}

fn anonymous(number: i64, text: &str) -> Message {
    item(number, text).without(0x1035)
}

fn written(pst: Pst, path: &Path, items: &[(&str, Message)]) -> Result<()> {
    let mut store = pst.create(path)?;
    let top = store.top();
    let mut folders = Vec::new();
    for (name, message) in items {
        let place = match folders.iter().find(|(known, _)| known == name) {
            Some((_, place)) => *place,
            None => {
                let place = store.folder(top, Folder::new(name).class("IPF.Note"))?;
                folders.push((*name, place));
                place
            }
        };
        store.item(place, message)?;
    }
    store.finish()?;
    Ok(())
}

/// A program, a server, a mailbox on it, and one path at which stores stand in turn.
struct Ground {
    home: Home,
    server: Dovecot,
}

impl Ground {
    fn new() -> Result<Self> {
        Ok(Self { home: Home::new()?, server: Dovecot::with_users(&[("ana", "segredo")])? })
    }

    /// Puts a store at the path, over whatever stands there.
    fn put(&self, items: &[(&str, Message)]) -> Result<()> {
        written(Pst::new(Crypt::Permute), &self.home.path("mail.pst"), items)
    }

    async fn copy(&self, options: &[&str]) -> Result<Ended> {
        self.run("copy", options).await
    }

    async fn run(&self, command: &str, options: &[&str]) -> Result<Ended> {
        let (from, to) = (format!("pst:{}", self.home.path("mail.pst").display()), self.server.url("ana"));
        let words = between(command, &from, &to).into_iter().chain(options.iter().copied());
        self.home.run(words).await
    }

    async fn reader(&self) -> Result<Reader> {
        Reader::login(self.server.port(), "ana", "segredo").await
    }

    /// Puts a mail into a folder of the mailbox, as it came over a wire.
    async fn deliver(&self, folder: &str, octets: &str) -> Result<()> {
        let (mut reader, mail) = (self.reader().await?, Mail::new("delivered", octets.as_bytes()));
        let refused = reader.fill([(folder, &mail)]).await?;
        ensure!(refused.is_empty(), "{refused:?}");
        Ok(())
    }

    /// Folder and octets of everything in the mailbox, sorted.
    async fn everything(&self) -> Result<Vec<(String, String)>> {
        let all = self.reader().await?.everything().await?.into_iter();
        let mut all: Vec<_> =
            all.map(|one| (one.folder, String::from_utf8_lossy(&one.octets).into_owned())).collect();
        all.sort();
        Ok(all)
    }

    async fn folders(&self) -> Result<Vec<String>> {
        Ok(self.everything().await?.into_iter().map(|one| one.0).collect())
    }
}

fn sums(ended: &Ended) -> [u64; 4] {
    ["copied", "adopted", "already", "pending"].map(|name| ended.total(name))
}

#[tokio::test]
async fn a_store_that_was_cut_for_a_while_is_known_again_and_nothing_is_doubled() -> Result<()> {
    let ground = Ground::new()?;
    let whole = [1, 2, 3, 4].map(|number| ("Kunden", item(number, "the same text")));
    ground.put(&whole)?;
    assert_eq!(sums(&ground.copy(&[]).await?.with(0)), [4, 0, 0, 0]);
    let before = ground.everything().await?;
    ground.put(&whole[..2])?;
    let cut = ground.copy(&[]).await?.with(0);
    assert_eq!(sums(&cut), [0, 0, 2, 0], "{}", cut.out);
    ensure!(
        cut.out.contains("2 copies that earlier runs made"),
        "the other two are kept and told: {}",
        cut.out
    );
    ground.put(&whole)?;
    let again = ground.copy(&[]).await?.with(0);
    assert_eq!(sums(&again), [0, 2, 2, 0], "{}", again.out);
    ensure!(ground.everything().await? == before, "the mailbox is what it was");
    assert_eq!(sums(&ground.copy(&[]).await?.with(0)), [0, 0, 4, 0]);
    Ok(())
}

#[tokio::test]
async fn a_store_that_another_stood_in_for_is_known_again_and_nothing_is_doubled() -> Result<()> {
    let ground = Ground::new()?;
    let twins = [("Kunden", item(1, "one")), ("Kunden", item(1, "one")), ("Kunden", item(2, "two"))];
    ground.put(&twins)?;
    assert_eq!(sums(&ground.copy(&[]).await?.with(0)), [3, 0, 0, 0]);
    ground.put(&[("Kunden", item(7, "seven")), ("Kunden", item(8, "eight"))])?;
    assert_eq!(sums(&ground.copy(&[]).await?.with(0)), [2, 0, 0, 0]);
    let before = ground.everything().await?;
    ground.put(&[&twins[..], &[("Kunden", item(1, "one"))]].concat())?;
    let again = ground.copy(&[]).await?.with(0);
    assert_eq!(sums(&again), [1, 3, 0, 0], "the third twin alone is new: {}", again.out);
    assert_eq!(ground.everything().await?.len(), before.len() + 1);
    let verify = ground.run("verify", &["--content", "full"]).await?.with(0);
    assert_eq!(verify.total("already"), 4, "{}", verify.out);
    Ok(())
}

#[tokio::test]
async fn an_item_whose_sender_came_to_be_known_is_adopted_and_not_doubled() -> Result<()> {
    let ground = Ground::new()?;
    let inside = |name: [u16; 3], message: Message| {
        let message = message.with(name[0], Value::text("Ana")).with(name[1], Value::text("EX"));
        message.with(name[2], Value::text("/O=EXAMPLE/OU=FIRST/CN=RECIPIENTS/CN=ANA"))
    };
    let unknown = inside([0x0C1A, 0x0C1E, 0x0C1F], item(1, "a text"));
    let unknown = inside([0x0042, 0x0064, 0x0065], unknown);
    ground.put(&[("Kunden", unknown)])?;
    assert_eq!(sums(&ground.copy(&[]).await?.with(0)), [1, 0, 0, 0]);
    ground.put(&[("Kunden", item(1, "a text")), ("Kunden", item(2, "new"))])?;
    let grown = ground.copy(&[]).await?.with(0);
    assert_eq!(sums(&grown), [1, 1, 0, 0], "{}", grown.out);
    assert_eq!(ground.everything().await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn items_that_are_read_in_another_code_page_are_held_and_not_doubled() -> Result<()> {
    let ground = Ground::new()?;
    let items = [("Kunden", item(1, "Olá, até")), ("Kunden", anonymous(2, "Também"))];
    let pst = Pst::new(Crypt::Permute).format(Format::Ansi);
    written(pst, &ground.home.path("mail.pst"), &items)?;
    assert_eq!(sums(&ground.copy(&["--code-page", "1252"]).await?.with(0)), [2, 0, 0, 0]);
    written(pst, &ground.home.path("mail.pst"), &items)?;
    let again = ground.copy(&["--code-page", "1251"]).await?.with(8);
    assert_eq!(sums(&again), [0, 0, 0, 2], "{}", again.out);
    assert_eq!(again.errors(), ["destination decision.needed"]);
    assert_eq!(ground.everything().await?.len(), 2);
    let back = ground.copy(&["--code-page", "1252"]).await?.with(0);
    assert_eq!(sums(&back), [0, 2, 0, 0], "{}", back.out);
    Ok(())
}

#[tokio::test]
async fn an_item_that_was_edited_is_copied_beside_its_earlier_copy() -> Result<()> {
    let ground = Ground::new()?;
    let two = |first: Message, second: Message| [("Kunden", first), ("Kunden", second)];
    ground.put(&two(item(1, "as it was"), anonymous(2, "a note")))?;
    assert_eq!(sums(&ground.copy(&[]).await?.with(0)), [2, 0, 0, 0]);
    ground.put(&two(item(1, "as it became"), anonymous(2, "a longer note")))?;
    let edited = ground.copy(&[]).await?.with(0);
    assert_eq!(sums(&edited), [2, 0, 0, 0], "{}", edited.out);
    ensure!(edited.out.contains("2 copies that earlier runs made"), "they are told: {}", edited.out);
    let all = ground.everything().await?;
    assert_eq!(all.len(), 4, "nothing of before is removed");
    for text in ["as it was", "as it became", "a note", "a longer note"] {
        assert_eq!(all.iter().filter(|one| one.1.contains(text)).count(), 1, "{text}");
    }
    assert_eq!(sums(&ground.copy(&[]).await?.with(0)), [0, 0, 2, 0]);
    ground.run("verify", &["--content", "full"]).await?.with(0);
    ground.put(&two(item(1, "as it was"), anonymous(2, "a longer note")))?;
    let back = ground.copy(&[]).await?.with(0);
    assert_eq!(sums(&back), [0, 1, 1, 0], "what it was before is there: {}", back.out);
    assert_eq!(ground.everything().await?.len(), 4);
    Ok(())
}

#[tokio::test]
async fn earlier_copies_in_a_folder_that_several_share_are_told_once_for_all() -> Result<()> {
    let ground = Ground::new()?;
    let maps = ["--map", "Um=Juntos", "--map", "Dois=Juntos"];
    let put = |first: &str, second: &str| {
        ground.put(&[("Um", item(1, first)), ("Dois", item(2, second)), ("Dois", item(3, "the same"))])
    };
    put("as it was", "as it was too")?;
    assert_eq!(sums(&ground.copy(&maps).await?.with(0)), [3, 0, 0, 0]);
    put("as it became", "as it became too")?;
    let edited = ground.copy(&maps).await?.with(0);
    assert_eq!(sums(&edited), [2, 0, 1, 0], "{}", edited.out);
    assert_eq!(edited.out.matches("2 copies that earlier runs made").count(), 1, "{}", edited.out);
    assert_eq!(ground.everything().await?.len(), 5, "nothing of before is removed");
    Ok(())
}

#[tokio::test]
async fn of_two_items_of_one_message_id_the_edited_one_alone_is_copied() -> Result<()> {
    let ground = Ground::new()?;
    let two = |first: &str, second: &str| [("Kunden", item(1, first)), ("Kunden", item(1, second))];
    for (texts, expected) in [
        (("one", "two"), [2, 0, 0, 0]),
        (("one", "three"), [1, 0, 1, 0]),
        (("two", "three"), [0, 1, 1, 0]),
        (("four", "five"), [2, 0, 0, 0]),
    ] {
        ground.put(&two(texts.0, texts.1))?;
        let ended = ground.copy(&[]).await?.with(0);
        assert_eq!(sums(&ended), expected, "{texts:?}: {}", ended.out);
    }
    let all = ground.everything().await?;
    for text in ["one", "two", "three", "four", "five"] {
        assert_eq!(all.iter().filter(|mail| mail.1.contains(text)).count(), 1, "{text}: {all:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_item_that_another_reader_read_before_is_held_where_it_says_something_else() -> Result<()> {
    let ground = Ground::new()?;
    ground.put(&[("Kunden", item(1, "as it was"))])?;
    assert_eq!(sums(&ground.copy(&["--reader", "libpff"]).await?.with(0)), [1, 0, 0, 0]);
    ground.put(&[("Kunden", item(1, "as it became"))])?;
    let held = ground.copy(&["--reader", "native"]).await?.with(8);
    assert_eq!(sums(&held), [0, 0, 0, 1], "nobody knows who made the difference: {}", held.out);
    let told = ground.copy(&["--reader", "libpff"]).await?.with(0);
    assert_eq!(sums(&told), [1, 0, 0, 0], "{}", told.out);
    assert_eq!(ground.everything().await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn an_item_without_message_id_that_was_only_touched_is_not_doubled() -> Result<()> {
    let ground = Ground::new()?;
    let touched = |seconds: i64| {
        let bare = [0x0039, 0x0E06, 0x3007].into_iter().fold(anonymous(1, "a draft"), Message::without);
        [("Kunden", bare.with(0x3008, Value::time(FIRST_SENT + seconds)))]
    };
    ground.put(&touched(0))?;
    assert_eq!(sums(&ground.copy(&[]).await?.with(0)), [1, 0, 0, 0]);
    ground.put(&touched(86_400))?;
    let again = ground.copy(&[]).await?;
    assert_eq!(again.total("copied"), 0, "{}", again.out);
    let fresh = ground.home.path("fresh").display().to_string();
    let fresh = ground.copy(&["--state", &fresh]).await?;
    assert_eq!(fresh.total("copied"), 0, "{}", fresh.out);
    assert_eq!(ground.everything().await?.len(), 1);
    Ok(())
}

/// A mail of one second, sender, subject and text: to whom, and with which Message-ID, where it has any.
fn merged(to: &str, id: &str) -> Message {
    let message = Message::new("IPM.Note").text("Aviso", "The server is down").dated(FIRST_SENT);
    let message =
        message.from("Ana", "ana@example.org").to(Recipient::new(1, to, &format!("{to}@example.org")));
    if id.is_empty() { message } else { message.id(id) }
}

#[tokio::test]
async fn one_text_to_two_people_is_two_messages() -> Result<()> {
    let ground = Ground::new()?;
    ground.put(&[("Kunden", merged("bia", "<1.1@example.org>"))])?;
    assert_eq!(sums(&ground.copy(&[]).await?.with(0)), [1, 0, 0, 0]);
    let fresh = ground.home.path("fresh").display().to_string();
    ground.put(&[("Kunden", merged("bob", "<1.9@example.org>"))])?;
    for options in [&[][..], &["--state", &fresh]] {
        let other = ground.copy(options).await?.with(0);
        assert_eq!(other.total("copied") + other.total("adopted"), 1, "{}", other.out);
        let all = ground.everything().await?;
        assert_eq!(all.iter().filter(|one| one.1.contains("bob@example.org")).count(), 1, "{all:?}");
        assert_eq!(all.len(), 2);
    }
    Ok(())
}

#[tokio::test]
async fn an_item_without_message_id_is_not_taken_for_the_mail_of_another_recipient() -> Result<()> {
    let ground = Ground::new()?;
    let mail = |to: &str| {
        format!(
            "Message-ID: <real@example.org>\r\nDate: Mon, 1 Jul 2024 10:00:00 +0000\r\nFrom: ana@example.org\r\n\
             To: {to}\r\nSubject: Aviso\r\n\r\nThe server is down\r\n"
        )
    };
    ground.deliver("Kunden", &mail("bia@example.org")).await?;
    ground.put(&[("Kunden", merged("bob", ""))])?;
    let other = ground.copy(&[]).await?.with(0);
    assert_eq!(sums(&other), [1, 0, 0, 0], "{}", other.out);
    ground.deliver("Obras", &mail("Bob <BOB@example.org>")).await?;
    ground.put(&[("Kunden", merged("bob", "")), ("Obras", merged("bob", ""))])?;
    let same = ground.copy(&[]).await?.with(0);
    assert_eq!(sums(&same), [0, 1, 1, 0], "{}", same.out);
    // Nobody can say whether a name inside an organisation is this address.
    let inside = Recipient::of(1, "Bob", "EX", "/O=EXAMPLE/OU=FIRST/CN=RECIPIENTS/CN=BOB");
    let unclear = Message::new("IPM.Note").text("Aviso", "The server is down").dated(FIRST_SENT);
    let unclear = unclear.from("Ana", "ana@example.org").to(inside);
    ground.deliver("Vendas", &mail("bob@example.org")).await?;
    ground.put(&[("Vendas", unclear)])?;
    let held = ground.copy(&[]).await?.with(8);
    assert_eq!(sums(&held), [0, 0, 0, 1], "{}", held.out);
    Ok(())
}

#[tokio::test]
async fn items_of_other_classes_that_an_earlier_run_brought_are_no_error_of_a_later_one() -> Result<()> {
    let ground = Ground::new()?;
    let contact =
        Message::new("IPM.Contact").with(0x3001, Value::text("Bia")).with(0x0037, Value::text("Bia"));
    ground.put(&[("Kunden", item(1, "one")), ("Kunden", contact.dated(FIRST_SENT))])?;
    assert_eq!(sums(&ground.copy(&["--items", "all"]).await?.with(0)), [2, 0, 0, 0]);
    let mail = ground.copy(&["--items", "mail"]).await?.with(0);
    assert_eq!(sums(&mail), [0, 0, 2, 0], "{}", mail.out);
    let store = &mail.json()["store"];
    assert_eq!((&store["sent"], &store["balances"]), (&2.into(), &true.into()), "{store:#}");
    assert_eq!(store["skipped"], serde_json::json!({}), "what is there is not passed over: {store:#}");
    Ok(())
}

#[tokio::test]
async fn a_prefix_that_comes_too_late_for_known_folders_is_told() -> Result<()> {
    let ground = Ground::new()?;
    ground.put(&[("Kunden", item(1, "one"))])?;
    ground.copy(&[]).await?.with(0);
    for command in ["copy", "plan"] {
        let late = ground.run(command, &["--into", "Archive"]).await?.with(0);
        ensure!(
            late.out.contains("went to `Kunden`") && late.out.contains("--map"),
            "{command}: {}",
            late.out
        );
    }
    assert_eq!(ground.folders().await?, ["Kunden"]);
    let mapped = ground.copy(&["--into", "Archive", "--map", "Kunden=Kunden"]).await?.with(0);
    ensure!(!mapped.out.contains("went to `"), "the operator has said where: {}", mapped.out);
    Ok(())
}

#[tokio::test]
async fn another_store_in_the_place_of_the_first_goes_by_its_own_folder_names() -> Result<()> {
    let ground = Ground::new()?;
    ground.put(&[("first", item(1, "one")), ("second", item(2, "two"))])?;
    ground.copy(&[]).await?.with(0);
    let other = Pst::new(Crypt::Permute).record_key(*b"another-record-k");
    let items = [("Taxes", item(3, "three")), ("Photos", item(4, "four"))];
    written(other, &ground.home.path("mail.pst"), &items)?;
    assert_eq!(sums(&ground.copy(&[]).await?.with(0)), [2, 0, 0, 0]);
    assert_eq!(ground.folders().await?, ["Photos", "Taxes", "first", "second"]);
    // A folder of the first store that is given another name stays where it went.
    ground.put(&[("renamed", item(1, "one")), ("second", item(2, "two")), ("second", item(5, "five"))])?;
    let back = ground.copy(&[]).await?.with(0);
    assert_eq!(sums(&back), [1, 0, 2, 0], "{}", back.out);
    assert_eq!(ground.folders().await?, ["Photos", "Taxes", "first", "second", "second"]);
    Ok(())
}

#[tokio::test]
async fn a_mailbox_folder_that_two_folders_share_counts_once() -> Result<()> {
    let ground = Ground::new()?;
    ground.put(&[("Um", item(1, "one")), ("Dois", item(2, "two")), ("Dois", item(3, "three"))])?;
    let maps = ["--map", "Um=Juntos", "--map", "Dois=Juntos"];
    for command in ["copy", "copy", "verify"] {
        let ended = ground.run(command, &maps).await?.with(0);
        assert_eq!(ended.total("destination_messages"), 3, "{command}: {}", ended.out);
    }
    Ok(())
}
