//! A mailbox whose folders are labels: one message stands in as many of them as it has labels, and in All Mail.
//! Never more of Gmail than its folders, numbers and labels.

use super::store::{Letter, World};

/// The first number that a message gets; its neighbours are far apart, as Gmail's are.
const FIRST_NUMBER: u64 = 1_278_455_344_230_334_865;

/// Folders of the user's own language, told by their special uses alone.
const FOLDERS: [(&str, &str); 8] = [
    ("[Gmail]", "\\Noselect \\HasChildren"),
    (ALL, "\\All \\HasNoChildren"),
    (STARRED, "\\Flagged \\HasNoChildren"),
    (IMPORTANT, "\\Important \\HasNoChildren"),
    (SENT, "\\Sent \\HasNoChildren"),
    (DRAFTS, "\\Drafts \\HasNoChildren"),
    (SPAM, "\\Junk \\HasNoChildren"),
    (TRASH, "\\Trash \\HasNoChildren"),
];

/// The folder of all mail.
pub const ALL: &str = "[Gmail]/Todos os e-mails";
/// The view of starred messages.
pub const STARRED: &str = "[Gmail]/Com estrela";
/// The view of important messages.
pub const IMPORTANT: &str = "[Gmail]/Importante";
/// Sent mail.
pub const SENT: &str = "[Gmail]/E-mails enviados";
/// Drafts.
pub const DRAFTS: &str = "[Gmail]/Rascunhos";
/// Junk.
pub const SPAM: &str = "[Gmail]/Spam";
/// Trash.
pub const TRASH: &str = "[Gmail]/Lixeira";

/// Delivers messages under labels.
pub struct Labelled {
    world: World,
    next: u64,
}

impl Labelled {
    /// Makes the folders that every account has.
    #[must_use]
    pub fn new(world: World) -> Self {
        for (name, attributes) in FOLDERS {
            let _ = world.folder(name).with_attributes(attributes);
        }
        Self { world, next: FIRST_NUMBER }
    }

    /// Delivers one message into each of `folders`, and into All Mail unless it is junk or in the trash; gives its
    /// number.
    pub fn deliver(&mut self, letter: Letter, folders: &[&str]) -> u64 {
        self.next += 4_294_967_311;
        let number = self.next;
        let is_hidden = folders.iter().any(|folder| [SPAM, TRASH].contains(folder));
        let label = |folder: &&str| match *folder {
            "INBOX" => "\\Inbox".to_owned(),
            SENT => "\\Sent".to_owned(),
            DRAFTS => "\\Draft".to_owned(),
            STARRED => "\\Starred".to_owned(),
            IMPORTANT => "\\Important".to_owned(),
            name => format!("\"{name}\""),
        };
        let labels: Vec<String> = folders.iter().map(label).collect();
        let letter = letter
            .with_attribute("X-GM-MSGID", &number.to_string())
            .with_attribute("X-GM-LABELS", &format!("({})", labels.join(" ")));
        let all = (!is_hidden).then_some(&ALL);
        for folder in folders.iter().chain(all) {
            self.world.folder(folder).push(letter.clone());
        }
        number
    }
}
