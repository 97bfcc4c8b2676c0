//! One small store with one of everything: roles, classes, addresses, code pages, attachments, and traps.
//! Never grows with chance: the same call writes the same octets.

use std::path::Path;

use anyhow::Result;

use crate::names::{
    PS_INTERNET_HEADERS, PS_PUBLIC_STRINGS, PSETID_APPOINTMENT, PSETID_COMMON, PSETID_MEETING,
};
use crate::{
    Attachment, Content, Data, Folder, FolderId, Format, Message, Pst, Recipient, Role, Store, Truth, Value,
};

/// When the first item was sent, in seconds since 1970; each next one an hour later.
const FIRST_SENT: i64 = 1_500_000_000;

/// Folders that a store has anyway: name, container class, role.
const FOLDERS: [(&str, &str, Role); 11] = [
    ("Posteingang", "IPF.Note", Role::Inbox),
    ("Gelöschte Elemente", "IPF.Note", Role::Trash),
    ("Gesendete Elemente", "IPF.Note", Role::Sent),
    ("Postausgang", "IPF.Note", Role::Outbox),
    ("Entwürfe", "IPF.Note", Role::Drafts),
    ("Junk-E-Mail", "IPF.Note", Role::Junk),
    ("Kalender", "IPF.Appointment", Role::Calendar),
    ("Kontakte", "IPF.Contact", Role::Contacts),
    ("Journal", "IPF.Journal", Role::Journal),
    ("Notizen", "IPF.StickyNote", Role::Notes),
    ("Aufgaben", "IPF.Task", Role::Tasks),
];

/// Places in [`FOLDERS`].
const INBOX: usize = 0;
const SENT: usize = 2;
const DRAFTS: usize = 4;
const CALENDAR: usize = 6;
const CONTACTS: usize = 7;
const JOURNAL: usize = 8;
const NOTES: usize = 9;
const TASKS: usize = 10;

struct Writer {
    store: Store,
    folders: Vec<FolderId>,
    format: Format,
    sent: i64,
}

/// Writes the store.
///
/// # Errors
/// Where the file cannot be written.
pub fn write(path: &Path, pst: Pst, format: Format) -> Result<Truth> {
    let mut store = pst.format(format).create(path)?;
    let mut folders = Vec::new();
    for (name, class, role) in FOLDERS {
        folders.push(store.folder(store.top(), Folder::new(name).class(class).role(role))?);
    }
    let mut writer = Writer { store, folders, format, sent: FIRST_SENT };
    writer.mails()?;
    writer.attachments()?;
    writer.other_classes()?;
    writer.traps()?;
    writer.folder_shapes()?;
    writer.store.finish()
}

impl Writer {
    /// An ordinary mail, an hour after the one before.
    fn mail(&mut self, subject: &str) -> Message {
        self.item("IPM.Note", subject).id(&format!("<{}@features.example>", self.sent))
    }

    fn item(&mut self, class: &str, subject: &str) -> Message {
        self.sent += 3600;
        let message = Message::new(class).text(subject, "Guten Tag,\r\nmit Grüßen\r\n").dated(self.sent);
        let message = message.from("João Conceição", "joao@features.example");
        message.to(Recipient::new(1, "Ana Gonçalves", "ana@features.example"))
    }

    fn put(&mut self, place: usize, message: &Message) -> Result<u32> {
        self.store.item(self.folders[place], message)
    }

    fn mails(&mut self) -> Result<()> {
        let headers = "Received: from a.example by b.example; Fri, 14 Jul 2017 02:40:07 +0000\r\n\
                       From: =?UTF-8?Q?Jo=C3=A3o?= <joao@features.example>\r\nX-Custom: 1\r\nX-Custom: 2\r\n\r\n";
        let message = self.mail("With transport headers").with(0x007D, Value::text(headers));
        self.put(INBOX, &message)?;
        let html = "<html><head><meta charset=utf-8></head><body>Grüße ☃</body></html>".as_bytes().to_vec();
        let message = self.mail("HTML in UTF-8").with(0x1013, Value::Binary(html));
        self.put(INBOX, &message.with(0x3FDE, Value::Integer32(65001)))?;
        let mut message = self.mail("Six hundred recipients");
        for number in 0..600 {
            let kind = 1 + number % 3;
            let address = format!("empfänger.{number}@features.example");
            message = message.to(Recipient::new(kind, &format!("Empfänger {number}"), &address));
        }
        self.put(INBOX, &message)?;
        let legacy = "/o=Org/ou=Exchange Administrative Group/cn=Recipients/cn=bia";
        let mut message = self.mail("Sent by Exchange").to(Recipient::of(2, "Bia", "EX", legacy));
        message = message.with(0x0064, Value::text("EX")).with(0x0065, Value::text(legacy));
        self.put(SENT, &message.with(0x5D02, Value::text("bia@features.example")))?;
        let message = self.mail("A draft").with(0x0E07, Value::Integer32(8)).without(0x0039).without(0x0E06);
        self.put(DRAFTS, &message)?;
        let keywords = Value::Texts(vec!["Rot".into(), "Müll & mehr".into(), String::new()]);
        let message = self.mail("Flags and keywords").with(0x1090, Value::Integer32(2));
        let message = message.with(0x1081, Value::Integer32(102)).with(0x0E07, Value::Integer32(0));
        let message = message.named(PS_PUBLIC_STRINGS, "Keywords", keywords);
        self.put(INBOX, &message.named(PS_INTERNET_HEADERS, "list-id", Value::text("<l.features.example>")))?;
        let message = self.mail("").with(0x0037, Value::text("\u{1}\u{5}AW: Vorsatz"));
        self.put(INBOX, &message)?;
        let twin = self.mail("Twin");
        self.put(INBOX, &twin)?;
        self.put(INBOX, &twin)?;
        let body = "Eine Zeile mit Umlauten: äöü\r\n".repeat(24_000);
        let message = self.mail("A body of many blocks").with(0x1000, Value::text(&body));
        self.put(INBOX, &message)?;
        Ok(())
    }

    fn attachments(&mut self) -> Result<()> {
        let file = |name: &str, octets: u64| {
            Attachment::file(name, "application/octet-stream", Data::Noise { seed: octets, octets })
        };
        let mut message = self.mail("Attachments of all lengths");
        for octets in [0, 1, 3580, 3581, 8176, 8177, 70_000] {
            message = message.attach(file(&format!("{octets}.bin"), octets));
        }
        self.put(INBOX, &message)?;
        let message = self.mail("An attachment under an XXBLOCK").attach(file("big.bin", 17_500_000));
        self.put(INBOX, &message)?;
        let mut message = self.mail("Forty attachments");
        for number in 0..40 {
            message = message.attach(file(&format!("{number}.bin"), 10 + number));
        }
        self.put(INBOX, &message)?;
        let mut message = self.mail("Names to be careful with");
        for name in ["../../etc/passwd", "a\r\nb: c.txt", "", "Anhang ☃.txt", &"long ".repeat(60)] {
            let data = Data::Held(name.as_bytes().to_vec());
            message = message.attach(Attachment::file(name, "text/plain\r\nX: y", data));
        }
        self.put(INBOX, &message)?;
        let ole = Attachment::of("Bild", Content::Ole(Data::Noise { seed: 3, octets: 5000 }));
        let cloud = Attachment::web_reference("Cloud.docx", "https://cloud.example/Cloud.docx");
        let shared = Attachment::reference("Share.docx", r"\\server\share\Share.docx");
        let message = self.mail("OLE and references").attach(ole).attach(cloud).attach(shared);
        self.put(INBOX, &message)?;
        let innermost = self.mail("Third").attach(file("deep.bin", 2000));
        let middle = self.mail("Second").attach(Attachment::item("Third", innermost));
        let message = self.mail("First").attach(Attachment::item("Second", middle)).attach(file("f.bin", 20));
        self.put(INBOX, &message)?;
        let card = self.item("IPM.Contact", "Visitenkarte").with(0x3001, Value::text("José Álvares"));
        let message = self.mail("An embedded contact").attach(Attachment::item("Visitenkarte", card));
        self.put(INBOX, &message)?;
        Ok(())
    }

    fn other_classes(&mut self) -> Result<()> {
        for class in ["IPM.Post", "IPM.Note.Rules.Unknown", "REPORT.IPM.Note.NDR", "REPORT.IPM.Note.IPNRN"] {
            let message = self.item(class, &format!("Of class {class}"));
            self.put(INBOX, &message.with(0x1001, Value::text("Your message did not arrive")))?;
        }
        let signed = b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\nx\r\n--s--\r\n".to_vec();
        for (class, name, kind, data) in [
            ("IPM.Note.SMIME", "smime.p7m", "application/pkcs7-mime", vec![7; 4000]),
            ("IPM.Note.SMIME.MultipartSigned", "smime.p7m", "multipart/signed", signed),
        ] {
            let message = self.item(class, class).attach(Attachment::file(name, kind, Data::Held(data)));
            self.put(INBOX, &message)?;
        }
        let start = self.sent + 86_400;
        for class in ["IPM.Schedule.Meeting.Request", "IPM.Schedule.Meeting.Canceled", "IPM.Appointment"] {
            let mut message = self.item(class, &format!("Besprechung, {class}"));
            message = message.named(PSETID_APPOINTMENT, 0x820D, Value::time(start));
            message = message.named(PSETID_APPOINTMENT, 0x820E, Value::time(start + 3600));
            message = message.named(PSETID_APPOINTMENT, 0x8208, Value::text("Raum Açores"));
            message = message.named(PSETID_COMMON, 0x8501, Value::Integer32(15));
            message =
                message.named(PSETID_MEETING, 0x0003, Value::Binary(vec![4, 0, 0, 0, 0x82, 0, 0xE0, 0]));
            self.put(if class == "IPM.Appointment" { CALENDAR } else { INBOX }, &message)?;
        }
        let mut contact = self.item("IPM.Contact", "José Álvares").without_recipient_table();
        contact = contact.with(0x3001, Value::text("José Álvares")).with(0x3A16, Value::text("Ação Lda"));
        self.put(CONTACTS, &contact)?;
        for (place, class) in [
            (CONTACTS, "IPM.DistList"),
            (TASKS, "IPM.Task"),
            (NOTES, "IPM.StickyNote"),
            (JOURNAL, "IPM.Activity"),
        ] {
            let message = self.item(class, class);
            self.put(place, &message)?;
        }
        Ok(())
    }

    fn traps(&mut self) -> Result<()> {
        let message = self.mail("A property of no type").with(0x6666, Value::Raw(0x0000, vec![1, 0, 0, 0]));
        self.put(INBOX, &message)?;
        let message =
            self.mail("A property of an unknown type").with(0x6667, Value::Raw(0x2102, vec![9; 40]));
        self.put(INBOX, &message)?;
        let message =
            self.mail("Control characters").with(0x1000, Value::text("a\0b\u{7}c\r\n.\r\nFrom x\nlf\rcr"));
        self.put(INBOX, &message)?;
        if self.format != Format::Ansi {
            let message = self.mail("Half a pair").with(0x1000, Value::Units(vec![0x70, 0xD800, 0x41]));
            self.put(INBOX, &message)?;
        }
        let message = self.mail("Not in the contents table").without_row();
        self.put(INBOX, &message)?;
        let message = Message::new("IPM.Note").without(0x001A).dated(self.sent);
        self.put(INBOX, &message)?;
        let message = self.item("IPM.Configuration.View", "Of the folder itself").associated();
        self.put(INBOX, &message)?;
        let huge = Value::Binary(vec![0x5A; 3_000_000]);
        let message = self.mail("A huge property").with(0x6668, huge);
        self.put(INBOX, &message)?;
        Ok(())
    }

    fn folder_shapes(&mut self) -> Result<()> {
        let inbox = self.folders[INBOX];
        let shown = self.mail("Shown by a search as well");
        let shown = self.put(INBOX, &shown)?;
        self.store.search_folder(self.store.root(), "Ungelesen", &[shown])?;
        let message = self.mail("Directly under the top");
        self.store.item(self.store.top(), &message)?;
        for name in ["a/b.c \\ \"q\" * % ☃ ", "Doppelt", "Doppelt", "doppelt"] {
            let folder = self.store.folder(inbox, Folder::new(name).class("IPF.Note"))?;
            let message = self.mail(&format!("In {name}"));
            self.store.item(folder, &message)?;
        }
        let mut folder = inbox;
        for level in 0..9 {
            folder = self.store.folder(folder, Folder::new(&format!("Ebene {level}")))?;
        }
        let message = self.mail("Nine levels down");
        self.store.item(folder, &message)?;
        let wrong = self.store.folder(inbox, Folder::new("Counts wrongly").claims(17))?;
        let message = self.mail("The only one");
        self.store.item(wrong, &message)?;
        self.store.row_without_item(wrong)?;
        let bare = self.store.folder(inbox, Folder::new("Without a table").without_contents_table())?;
        let message = self.mail("In a folder without a contents table");
        self.store.item(bare, &message)?;
        self.store.folder(self.store.top(), Folder::new("Leer"))?;
        Ok(())
    }
}
