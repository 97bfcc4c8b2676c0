//! Gmail Takeout: one mbox of all mail, with the labels of each message in its header.
//! Never puts a message into two folders: one label decides, the others become keywords.

use malote_plan::folder::Role;
use malote_plan::header;
use malote_plan::message::{Flag, Flags};
use malote_plan::names_table;
use malote_pst::text::words::decoded;

use super::status;

/// Labels of one message that are read.
const LABELS_MAX: usize = 100;

/// What a label says of a message's state, in the languages that Takeout writes; all folded to lower case.
const UNREAD: &[&str] =
    &["unread", "não lidas", "não lido", "no leídos", "ungelesen", "non lus", "da leggere"];
const STARRED: &[&str] =
    &["starred", "com estrela", "destacados", "markiert", "suivis", "messages suivis", "speciali"];
const SILENT: &[&str] = &[
    "opened",
    "important",
    "archived",
    "aberto",
    "aberta",
    "importante",
    "arquivado",
    "arquivada",
    "abiertos",
    "importantes",
    "archivados",
    "geöffnet",
    "wichtig",
    "archiviert",
    "ouvert",
    "archivés",
    "aperti",
    "importanti",
    "archiviati",
];
const INBOX: &[&str] =
    &["inbox", "caixa de entrada", "recibidos", "posteingang", "boîte de réception", "posta in arrivo"];
const CATEGORY: &[&str] = &["category ", "categoria", "categoría", "kategorie ", "catégorie"];

/// Where mail lies that has no label of a folder.
const ALL_MAIL: &str = "Archive";

/// Where a message goes and what it bears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// The folder, level by level.
    pub levels: Vec<String>,
    /// Flags and keywords.
    pub flags: Flags,
}

/// True for a message out of a Takeout file.
#[must_use]
pub fn is_labelled(raw_header: &[u8]) -> bool {
    header::values(raw_header, "X-Gmail-Labels").next().is_some()
}

/// Where a message would have gone before quotes were heeded: an earlier run's folder of it, level by level.
#[must_use]
pub fn former_levels(raw_header: &[u8]) -> Vec<String> {
    sorted(&text_of(raw_header), true).levels
}

/// Reads the labels. Trash and spam outweigh all; then drafts and sent mail, the inbox, the first label of the user's
/// own. A message without the field has no flags of it.
#[must_use]
pub fn read(raw_header: &[u8]) -> Labelled {
    let labelled = sorted(&text_of(raw_header), false);
    if is_labelled(raw_header) { labelled } else { Labelled { flags: Flags::default(), ..labelled } }
}

fn text_of(raw_header: &[u8]) -> String {
    let values = header::values(raw_header, "X-Gmail-Labels");
    values.map(|value| decoded(&String::from_utf8_lossy(value))).collect::<Vec<_>>().join(",")
}

/// The labels, parted by commas: those within quotes part nothing, and two quotes within quotes are one (RFC 4180 §2).
fn parted(text: &str) -> Vec<String> {
    let (mut labels, mut label, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.next_if_eq(&'"').is_some() => label.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => labels.push(std::mem::take(&mut label)),
            _ => label.push(letter),
        }
    }
    labels.push(label);
    if is_quoted { parted_anywhere(text) } else { labels }
}

fn parted_anywhere(text: &str) -> Vec<String> {
    text.split(',').map(|label| label.trim().trim_matches('"').to_owned()).collect()
}

fn sorted(text: &str, is_former: bool) -> Labelled {
    let labels = if is_former { parted_anywhere(text) } else { parted(text) };
    let labels = labels.iter().map(|label| label.trim());
    let labels: Vec<&str> = labels.filter(|label| !label.is_empty()).take(LABELS_MAX).collect();
    let is = |label: &str, known: &[&str]| known.contains(&label.to_lowercase().as_str());
    let has = |known: &[&str]| labels.iter().any(|label| is(label, known));
    let role = |label: &&str| names_table::look_up(label).map(|named| named.role);
    let of_role = |wanted: Role| labels.iter().find(|label| role(label) == Some(wanted)).copied();
    let is_silent = |label: &str| {
        let folded = label.to_lowercase();
        is(label, UNREAD)
            || is(label, STARRED)
            || is(label, SILENT)
            || CATEGORY.iter().any(|one| folded.starts_with(one))
    };
    let own = labels.iter().find(|label| !is_silent(label) && !is(label, INBOX) && role(label).is_none());
    let inbox = has(INBOX).then_some(malote_plan::folder::INBOX);
    let first = [Role::Trash, Role::Junk, Role::Drafts, Role::Sent].into_iter().find_map(of_role);
    let chosen = first.or(inbox).or(own.copied()).unwrap_or(ALL_MAIL);
    let mut flags = Flags::default();
    let mut set = |flag: Option<Flag>| flags.0.extend(flag);
    set(Flag::new("\\Seen").filter(|_| !has(UNREAD)));
    set(Flag::new("\\Flagged").filter(|_| has(STARRED)));
    set(Flag::new("\\Draft").filter(|_| of_role(Role::Drafts).is_some()));
    for label in labels.iter().filter(|label| **label != chosen && !is_silent(label) && !is(label, INBOX)) {
        set(status::keyword(label));
    }
    let levels = chosen.split('/').filter(|level| !level.trim().is_empty()).map(str::to_owned).collect();
    Labelled { levels, flags }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(labels: &str, folder: &str, flags: &str) {
        let header = format!("X-Gmail-Labels: {labels}\r\nSubject: x\r\n\r\n");
        let found = read(header.as_bytes());
        assert_eq!((found.levels.join("/").as_str(), found.flags), (folder, Flags::parse(flags)), "{labels}");
    }

    #[test]
    fn one_label_decides_and_none_is_lost() {
        check("Inbox,Important,Opened", "INBOX", "\\Seen");
        check("Inbox,Unread,Starred,Kunden", "INBOX", "\\Flagged Kunden");
        check("Sent,Opened,Kunden/Alt", "Sent", "\\Seen Kunden/Alt");
        check("Kunden/Alt,Neu,Opened,Category Updates", "Kunden/Alt", "\\Seen Neu");
        check("Archived,Opened", "Archive", "\\Seen");
        check("Lixeira,Caixa de entrada,Não lidas", "Lixeira", "");
        check("Spam,Unread", "Spam", "");
        check("Drafts", "Drafts", "\\Seen \\Draft");
        check("=?UTF-8?Q?Or=C3=A7amento,?=\r\n =?UTF-8?B?TsOjbyBsaWRhcw==?=", "Orçamento", "");
        check("=?UTF-8?B?T3LD?=\r\n =?UTF-8?B?p2FtZW50bw==?=", "Orçamento", "\\Seen");
        check("///", "", "\\Seen");
    }
}
