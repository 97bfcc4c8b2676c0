//! Personal stores into a mailbox that others write to as well: mail that came by IMAP, other stores, other folders.
//! Never reads a foreign file: the stores are written by the tests' own writer, the mail beside them by hand.

use std::fs;
use std::path::Path;

use acceptance::mail::Mail;
use acceptance::program::{Ended, Home, between};
use acceptance::reader::Reader;
use acceptance::servers::Dovecot;
use anyhow::{Context as _, Result, ensure};
use pst_writer::{Attachment, Crypt, Data, Folder, Message, Pst, Recipient, Role, Store, Value};

/// When the first mail was sent, in seconds since 1970: Mon, 1 Jul 2024 10:00:00 +0000.
const FIRST_SENT: i64 = 1_719_828_000;

const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\nno picture that could be seen";

fn sent(number: i64) -> i64 {
    FIRST_SENT + 60 * number
}

/// A mail as Outlook keeps it: properties alone.
fn item(number: i64, text: &str) -> Message {
    let message = Message::new("IPM.Note").text(&format!("Orçamento {number}"), text).dated(sent(number));
    let message = message.from("Ana Gonçalves", "Ana@Example.org").id(&format!("<{number}@example.org>"));
    message.to(Recipient::new(1, "Bia", "bia@example.org"))
}

fn html(message: Message, html: &str) -> Message {
    message.with(0x1013, Value::Binary(html.as_bytes().to_vec())).with(0x3FDE, Value::Integer32(65001))
}

/// The header of the same mail as it once came over a wire, without its Content-Type.
fn header(number: i64) -> String {
    format!(
        "Return-Path: <ana@example.org>\r\nReceived: from a by b; Mon, 1 Jul 2024 10:{number:02}:05 +0000\r\n\
         Message-ID: <{number}@example.org>\r\nDate: Mon, 1 Jul 2024 07:{number:02}:00 -0300\r\n\
         From: =?iso-8859-1?Q?Ana_Gon=E7alves?= <ana@example.org>\r\nTo: Bia <bia@example.org>\r\n\
         Subject: =?utf-8?B?T3LDp2FtZW50bw==?= {number}\r\nMIME-Version: 1.0\r\n"
    )
}

fn plain(number: i64, text: &str) -> Vec<u8> {
    let start = format!("{}Content-Type: text/plain; charset=iso-8859-1\r\n", header(number));
    let mut octets = format!("{start}Content-Transfer-Encoding: 8bit\r\n\r\n").into_bytes();
    octets.extend(text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?')));
    octets
}

/// Text, HTML with a picture in it, and a file, as a mail program nests them.
fn rich(number: i64, file: &str) -> Vec<u8> {
    use base64::Engine as _;
    let base64 = |octets: &[u8]| base64::engine::general_purpose::STANDARD.encode(octets);
    format!(
        "{}Content-Type: multipart/mixed; boundary=\"=_m\"\r\n\r\n--=_m\r\n\
         Content-Type: multipart/alternative; boundary=\"=_a\"\r\n\r\n--=_a\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
         The author's own words=21\r\n--=_a\r\nContent-Type: multipart/related; boundary=\"=_r\"\r\n\r\n--=_r\r\n\
         Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
         <html><body><p>Olá &amp; até</p><img src=\"cid:p1\"></body></html>\r\n--=_r\r\nContent-Type: image/png\r\n\
         Content-ID: <p1>\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--=_r--\r\n--=_a--\r\n--=_m\r\n\
         Content-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--=_m--\r\n",
        header(number),
        base64(PICTURE),
        base64(file.as_bytes())
    )
    .into_bytes()
}

fn rich_item(number: i64, file: &str) -> Message {
    // Outlook makes the plain text anew from the HTML, and cleans the HTML.
    let message = html(
        item(number, "Olá & até \r\n[cid:p1]\r\n"),
        "<html><head><meta charset=\"utf-8\"><style>p {}</style></head>\r\n<body><p>Ol&aacute; &amp; até</p>\r\n\
         <img src=\"cid:p1\"></body></html>",
    );
    let picture = Attachment::file("image001.png", "image/png", Data::Held(PICTURE.to_vec()));
    let message = message.attach(picture.with(0x3712, Value::text("p1")));
    message.attach(Attachment::file("a.pdf", "application/pdf", Data::Held(file.as_bytes().to_vec())))
}

fn store(path: &Path, items: &[(&str, Message)]) -> Result<()> {
    let mut store: Store = Pst::new(Crypt::Permute).create(path)?;
    let top = store.top();
    let mut folders = Vec::new();
    for (name, message) in items {
        let place = match folders.iter().find(|(known, _)| known == name) {
            Some((_, place)) => *place,
            None => {
                let folder = Folder::new(name).class("IPF.Note");
                let folder = if *name == "Posteingang" { folder.role(Role::Inbox) } else { folder };
                let place = store.folder(top, folder)?;
                folders.push((*name, place));
                place
            }
        };
        store.item(place, message)?;
    }
    store.finish()?;
    Ok(())
}

/// A program, a server, and a mailbox on it.
struct Ground {
    home: Home,
    server: Dovecot,
}

impl Ground {
    fn new() -> Result<Self> {
        Ok(Self { home: Home::new()?, server: Dovecot::with_users(&[("ana", "segredo")])? })
    }

    fn store(&self, name: &str, items: &[(&str, Message)]) -> Result<String> {
        store(&self.home.path(name), items)?;
        Ok(format!("pst:{}", self.home.path(name).display()))
    }

    async fn copy(&self, from: &str, options: &[&str]) -> Result<Ended> {
        self.run("copy", from, options).await
    }

    async fn run(&self, command: &str, from: &str, options: &[&str]) -> Result<Ended> {
        let to = self.server.url("ana");
        let words = between(command, from, &to).into_iter().chain(options.iter().copied());
        self.home.run(words).await
    }

    async fn deliver(&self, mails: &[(&str, Vec<u8>)]) -> Result<()> {
        let mut reader = self.reader().await?;
        let mails: Vec<(&str, Mail)> =
            mails.iter().map(|(folder, octets)| (*folder, Mail::new("delivered", octets))).collect();
        let refused = reader.fill(mails.iter().map(|(folder, mail)| (*folder, mail))).await?;
        ensure!(refused.is_empty(), "{refused:?}");
        Ok(())
    }

    async fn reader(&self) -> Result<Reader> {
        Reader::login(self.server.port(), "ana", "segredo").await
    }

    /// Folder and octets of everything in the mailbox, sorted.
    async fn everything(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let all = self.reader().await?.everything().await?;
        let mut all: Vec<_> = all.into_iter().map(|one| (one.folder, one.octets)).collect();
        all.sort();
        Ok(all)
    }
}

#[tokio::test]
async fn mail_that_came_by_imap_before_is_adopted_and_not_doubled() -> Result<()> {
    let ground = Ground::new()?;
    // The first is half an hour of dates away from what the store says of its arrival, as real mail is.
    let delivered = [
        ("INBOX", plain(1, "Olá,\r\n\r\numa linha que o programa dobrou\r\nem duas.\r\n")),
        ("INBOX", rich(2, "a file")),
        ("INBOX", plain(3, "sem Message-ID no arquivo")),
        ("Kunden", plain(4, "com cabeçalho\r\n")),
    ];
    ground.deliver(&delivered).await?;
    let mut before = ground.everything().await?;
    let items = [
        ("Posteingang", item(1, "Olá,\r\n\r\numa linha que o programa dobrou em duas.\r\n")),
        ("Posteingang", rich_item(2, "a file")),
        ("Posteingang", item(3, "sem Message-ID no arquivo").without(0x1035)),
        ("Kunden", item(4, "com cabeçalho\r\n").with(0x007D, Value::text(&header(4)))),
        ("Posteingang", item(5, "this one is new")),
    ];
    let from = ground.store("mail.pst", &items)?;
    let first = ground.copy(&from, &[]).await?.with(0);
    assert_eq!((first.total("adopted"), first.total("copied")), (4, 1), "{}", first.out);
    ensure!(first.out.contains("as they once came there"), "{}", first.out);
    let after = ground.everything().await?;
    ensure!(before.iter().all(|one| after.contains(one)), "what was there was changed");
    assert_eq!(after.len(), 5);
    let second = ground.copy(&from, &[]).await?.with(0);
    assert_eq!((second.total("already"), second.total("copied")), (5, 0), "{}", second.out);
    let verify = ground.run("verify", &from, &["--content", "full"]).await?.with(0);
    assert_eq!(verify.total("already"), 5, "{}", verify.out);
    for ledger in ground.home.ledgers() {
        fs::remove_file(ledger)?;
    }
    let again = ground.copy(&from, &[]).await?.with(0);
    assert_eq!((again.total("adopted"), again.total("copied")), (5, 0), "{}", again.out);
    // The store was written to: its items are another generation and known again.
    fs::File::options()
        .write(true)
        .open(ground.home.path("mail.pst"))?
        .set_modified(std::time::SystemTime::now())?;
    let touched = ground.copy(&from, &[]).await?.with(0);
    assert_eq!((touched.total("copied"), touched.total("source_messages")), (0, 5), "{}", touched.out);
    before = after;
    ensure!(ground.everything().await? == before, "a later run changed something");
    Ok(())
}

#[tokio::test]
async fn mail_that_may_be_another_is_held_and_told_and_never_doubled() -> Result<()> {
    let ground = Ground::new()?;
    let delivered = [("INBOX", plain(1, "pay 100")), ("INBOX", rich(2, "a file"))];
    ground.deliver(&delivered).await?;
    let items = [
        ("Posteingang", item(1, "pay 900")),
        ("Posteingang", rich_item(2, "another file")),
        ("Posteingang", item(3, "new")),
    ];
    let from = ground.store("mail.pst", &items)?;
    let ended = ground.copy(&from, &[]).await?.with(8);
    assert_eq!((ended.total("pending"), ended.total("copied")), (2, 1), "{}", ended.out);
    assert_eq!(ended.errors(), ["destination decision.needed"]);
    assert_eq!(ground.everything().await?.len(), 3);
    // The decision: both shall be had, beside what is there.
    let ledger = ground.home.path("b").display().to_string();
    let beside = ground.copy(&from, &["--into", "Outlook", "--state", &ledger]).await?.with(0);
    assert_eq!(beside.total("copied"), 3);
    assert_eq!(ground.everything().await?.len(), 6);
    Ok(())
}

#[tokio::test]
async fn a_text_too_long_to_be_held_against_another_is_held_back_and_told_and_never_doubled() -> Result<()> {
    let ground = Ground::new()?;
    // Beyond `malote_engine::likeness::TEXT_OCTETS_MAX`, at which comparing ends.
    let long = |end: &str| format!("{}{end}\r\n", "uma linha de muitas\r\n".repeat(60_000));
    let delivered = [("INBOX", plain(1, &long("o mesmo fim"))), ("INBOX", plain(2, &long("um fim")))];
    ground.deliver(&delivered).await?;
    let items =
        [("Posteingang", item(1, &long("o mesmo fim"))), ("Posteingang", item(2, &long("outro fim")))];
    let from = ground.store("mail.pst", &items)?;
    for _ in 0..2 {
        let ended = ground.copy(&from, &[]).await?.with(8);
        assert_eq!((ended.total("pending"), ended.total("copied")), (2, 0), "{}", ended.out);
        assert_eq!(ended.errors(), ["destination decision.needed"]);
        assert_eq!(ground.everything().await?.len(), 2);
    }
    // Without anything that is like them, they come like all others.
    let ledger = ground.home.path("b").display().to_string();
    let beside = ground.copy(&from, &["--into", "Outlook", "--state", &ledger]).await?.with(0);
    assert_eq!(beside.total("copied"), 2);
    let again = ground.copy(&from, &["--into", "Outlook", "--state", &ledger]).await?.with(0);
    assert_eq!((again.total("already"), ground.everything().await?.len()), (2, 4), "{}", again.out);
    Ok(())
}

/// Two stores that share what `shared` of each holds, in different writings.
fn two_stores(ground: &Ground) -> Result<[String; 2]> {
    let one = [
        ("Posteingang", item(1, "shared")),
        ("Posteingang", rich_item(2, "a file")),
        ("Kunden", item(3, "first alone")),
    ];
    let two = [
        ("Posteingang", item(4, "second alone")),
        ("Posteingang", item(1, "shared").with(0x007D, Value::text(&header(1)))),
        ("Posteingang", rich_item(2, "a file").with(0x007D, Value::text(&header(2)))),
        ("Kunden", item(5, "second alone too")),
    ];
    Ok([ground.store("one.pst", &one)?, ground.store("two.pst", &two)?])
}

#[tokio::test]
async fn two_stores_come_one_after_the_other_into_one_mailbox() -> Result<()> {
    let ground = Ground::new()?;
    let [one, two] = two_stores(&ground)?;
    assert_eq!(ground.copy(&one, &[]).await?.with(0).total("copied"), 3);
    let second = ground.copy(&two, &[]).await?.with(0);
    assert_eq!((second.total("copied"), second.total("adopted")), (2, 2), "{}", second.out);
    for from in [&one, &two] {
        assert_eq!(ground.copy(from, &[]).await?.with(0).total("copied"), 0);
    }
    assert_eq!(ground.everything().await?.len(), 5);
    Ok(())
}

#[tokio::test]
async fn two_stores_come_at_the_same_time_into_one_mailbox() -> Result<()> {
    let ground = Ground::new()?;
    let [one, two] = two_stores(&ground)?;
    let (first, second) = tokio::join!(ground.copy(&one, &[]), ground.copy(&two, &[]));
    let (first, second) = (first?.with(0), second?.with(0));
    let sum = |name: &str| first.total(name) + second.total(name);
    assert_eq!((sum("copied"), sum("adopted")), (5, 2), "{}{}", first.out, second.out);
    assert_eq!(ground.everything().await?.len(), 5);
    Ok(())
}

#[tokio::test]
async fn a_batch_brings_several_stores_into_one_mailbox() -> Result<()> {
    let ground = Ground::new()?;
    let [one, two] = two_stores(&ground)?;
    let to = ground.server.url("ana");
    let sheet = ground.home.write("rows.csv", format!("from,to\n{one},{to}\n{two},{to}\n"))?;
    let ended = ground.home.run(["batch", "--json", "--quiet", "--jobs", "2", &sheet]).await?.with(0);
    assert_eq!(ground.everything().await?.len(), 5, "{}", ended.out);
    ground.home.run(["batch", "--json", "--quiet", "--jobs", "2", &sheet]).await?.with(0);
    assert_eq!(ground.everything().await?.len(), 5);
    Ok(())
}

#[tokio::test]
async fn folders_lead_where_the_operator_says_and_items_of_other_classes_come_when_asked() -> Result<()> {
    let ground = Ground::new()?;
    let contact =
        Message::new("IPM.Contact").with(0x3001, Value::text("Bia")).with(0x0037, Value::text("Bia"));
    let items =
        [("Posteingang", item(1, "one")), ("Kunden", item(2, "two")), ("Kunden", contact.dated(sent(3)))];
    let from = ground.store("mail.pst", &items)?;
    let places = ["--into", "Alt", "--map", "Kunden=Alt/Clientes"];
    let map = [&places[..], &["--items", "mail"]].concat();
    let plan = ground.run("plan", &from, &map).await?.with(0).json();
    let store = &plan["store"];
    assert_eq!((&store["sent"], &store["skipped"]["IPM.Contact"]), (&2.into(), &1.into()), "{store:#}");
    assert_eq!((&store["listed"], &store["balances"]), (&3.into(), &true.into()), "{store:#}");
    let ended = ground.copy(&from, &map).await?.with(0);
    let store = ended.json()["store"].clone();
    for (name, expected) in [
        ("listed", 3),
        ("table_rows", 3),
        ("node_children", 3),
        ("folders_uneven", 0),
        ("sent", 2),
        ("quarantined", 0),
        ("recovered", 0),
        ("filtered", 0),
        ("pending", 0),
        ("not_opened", 0),
    ] {
        assert_eq!(store[name], expected, "{name}: {store:#}");
    }
    assert_eq!(store["skipped"]["IPM.Contact"], 1, "{store:#}");
    assert_eq!(store["balances"], true, "{store:#}");
    let folders = |all: Vec<(String, Vec<u8>)>| all.into_iter().map(|one| one.0).collect::<Vec<_>>();
    let found = folders(ground.everything().await?);
    ensure!(found.len() == 2 && found.iter().all(|folder| folder.starts_with("Alt")), "{found:?}");
    ensure!(found.iter().any(|folder| folder.ends_with("Clientes")), "{found:?}");
    let all = ground.copy(&from, &places).await?.with(0);
    assert_eq!((all.total("copied"), all.total("already")), (1, 2), "{}", all.out);
    let ledger = ground.home.path("c").display().to_string();
    let one_folder = ["--folder", "Kunden", "--state", &ledger, "--into", "X", "--items", "mail"];
    let store = ground.copy(&from, &one_folder).await?.with(0).json()["store"].clone();
    assert_eq!((&store["not_opened"], &store["sent"]), (&1.into(), &1.into()), "{store:#}");
    let to = ground.server.url("ana");
    let words = ["copy", "--quiet", "--from", &from, "--to", &to];
    let text = ground.home.run(words.into_iter().chain(places)).await?;
    ensure!(text.out.contains("The store\n  3 items listed = 3 sent"), "{}", text.out);
    Ok(())
}

/// What Outlook calls its folders where a store says nothing of their use: sent, drafts, trash, junk.
const LANGUAGES: [(&str, [&str; 4]); 12] = [
    ("English", ["Sent Items", "Drafts", "Deleted Items", "Junk Email"]),
    ("Portuguese of Brazil", ["Itens Enviados", "Rascunhos", "Itens Excluídos", "Lixo Eletrônico"]),
    ("Portuguese of Portugal", ["Itens Enviados", "Rascunhos", "Itens Eliminados", "Lixo Eletrónico"]),
    ("Spanish", ["Elementos enviados", "Borradores", "Elementos eliminados", "Correo no deseado"]),
    ("French", ["Éléments envoyés", "Brouillons", "Éléments supprimés", "Courrier indésirable"]),
    ("German", ["Gesendete Elemente", "Entwürfe", "Gelöschte Elemente", "Junk-E-Mail"]),
    ("Italian", ["Posta inviata", "Bozze", "Posta eliminata", "Posta indesiderata"]),
    ("Dutch", ["Verzonden items", "Concepten", "Verwijderde items", "Ongewenste e-mail"]),
    ("Polish", ["Elementy wysłane", "Wersje robocze", "Elementy usunięte", "Wiadomości-śmieci"]),
    ("Russian", ["Отправленные", "Черновики", "Удаленные", "Нежелательная почта"]),
    ("Japanese", ["送信済みアイテム", "下書き", "削除済みアイテム", "迷惑メール"]),
    ("Chinese", ["已发送邮件", "草稿", "已删除邮件", "垃圾邮件"]),
];

#[tokio::test]
async fn folders_go_by_their_use_and_by_their_names_in_twelve_languages() -> Result<()> {
    let home = Home::new()?;
    let users: Vec<String> = (0..=LANGUAGES.len()).map(|at| format!("u{at}")).collect();
    let accounts: Vec<(&str, &str)> = users.iter().map(|user| (user.as_str(), "segredo")).collect();
    let server = Dovecot::with_users(&accounts)?;
    let expected = ["Sent", "Drafts", "Trash", "Junk"];
    for ((language, names), user) in LANGUAGES.iter().zip(&users) {
        let path = home.path(&format!("{user}.pst"));
        let items: Vec<(&str, Message)> = names
            .iter()
            .zip(1..)
            .map(|(name, number)| (*name, item(number, expected[number as usize - 1])))
            .collect();
        store(&path, &items)?;
        check_places(&home, &server, (user, language), &path, &expected).await?;
    }
    // The store's own word outweighs any name.
    let (user, path) = (&users[LANGUAGES.len()], home.path("roles.pst"));
    let mut roles = Pst::new(Crypt::Permute).create(&path)?;
    let uses = [Role::Sent, Role::Drafts, Role::Trash, Role::Junk];
    let inbox = roles.folder(roles.top(), Folder::new("Caixa").class("IPF.Note").role(Role::Inbox))?;
    roles.item(inbox, &item(9, "INBOX"))?;
    for ((used_for, number), text) in uses.into_iter().zip(1..).zip(expected) {
        let folder = Folder::new(&format!("Any name {number}")).class("IPF.Note").role(used_for);
        let folder = roles.folder(roles.top(), folder)?;
        roles.item(folder, &item(number, text))?;
    }
    roles.finish()?;
    let with_inbox = ["Sent", "Drafts", "Trash", "Junk", "INBOX"];
    check_places(&home, &server, (user, "roles"), &path, &with_inbox).await
}

/// Copies a store whose items say in which folder they must come to lie.
async fn check_places(
    home: &Home,
    server: &Dovecot,
    (user, what): (&str, &str),
    path: &Path,
    expected: &[&str],
) -> Result<()> {
    let mut reader = Reader::login(server.port(), user, "segredo").await?;
    for folder in ["Sent", "Drafts", "Trash", "Junk"] {
        reader.create(folder).await?;
    }
    let (from, to) = (format!("pst:{}", path.display()), server.url(user));
    let ended = home.run(between("copy", &from, &to)).await?.with(0);
    ensure!(ended.total("copied") == expected.len() as u64, "{what}: {}", ended.out);
    let all = reader.everything().await?;
    for folder in expected {
        let one = all.iter().find(|one| one.folder == *folder);
        let text = String::from_utf8_lossy(
            &one.with_context(|| format!("{what}: nothing lies in {folder}: {}", ended.out))?.octets,
        )
        .into_owned();
        ensure!(text.trim_end().ends_with(folder), "{what}: in {folder} lies {text}");
    }
    Ok(())
}
