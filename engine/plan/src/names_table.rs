//! What mail programs in twelve languages call the folders that everybody has.
//! Never asked where a server says itself what a folder is for, and never for INBOX: a folder with a localised
//! name for it is a user's folder.

use alloc::string::String;

use unicode_normalization::UnicodeNormalization;

use crate::folder::Role;

/// One language's names of one role, as [`folded`] leaves them; the commonest first.
type Row = (Role, &'static [&'static str]);

/// English, then Portuguese, for these are the servers and mailboxes that Malote moves most.
const ROWS: &[Row] = &[
    (Role::Sent, &["sent", "sent items", "sent messages", "sent mail"]),
    (Role::Drafts, &["drafts", "draft"]),
    (Role::Trash, &["trash", "deleted items", "deleted messages", "bin", "deleted"]),
    (Role::Junk, &["junk", "spam", "junk email", "junk e-mail", "bulk mail"]),
    (Role::Archive, &["archive", "archives", "all mail", "all messages"]),
    // Portuguese of Brazil.
    (
        Role::Sent,
        &[
            "itens enviados",
            "enviados",
            "enviadas",
            "e-mails enviados",
            "mensagens enviadas",
            "enviado",
            "enviada",
            "correio enviado",
        ],
    ),
    (Role::Drafts, &["rascunhos", "rascunho"]),
    (Role::Trash, &["lixeira", "itens excluídos", "itens excluidos", "excluídos", "mensagens excluídas"]),
    (Role::Junk, &["lixo eletrônico", "lixo eletronico", "lixo", "e-mail indesejado", "quarentena"]),
    (Role::Archive, &["arquivo", "arquivo morto", "arquivados", "todos os e-mails"]),
    // Portuguese of Portugal.
    (Role::Trash, &["itens eliminados", "itens apagados", "reciclagem", "caixote do lixo"]),
    (Role::Junk, &["lixo eletrónico", "correio electrónico não solicitado", "e-mail de lixo"]),
    (Role::Archive, &["todo o correio"]),
    // Spanish.
    (Role::Sent, &["elementos enviados", "mensajes enviados"]),
    (Role::Drafts, &["borradores", "borrador"]),
    (Role::Trash, &["elementos eliminados", "elementos borrados", "papelera", "eliminados"]),
    (Role::Junk, &["correo no deseado", "no deseado", "correo basura"]),
    (Role::Archive, &["archivo", "archivos", "todos"]),
    // French.
    (Role::Sent, &["éléments envoyés", "messages envoyés", "envoyés", "objets envoyés"]),
    (Role::Drafts, &["brouillons"]),
    (Role::Trash, &["éléments supprimés", "corbeille", "messages supprimés"]),
    (Role::Junk, &["courrier indésirable", "pourriels", "pourriel", "indésirables"]),
    (Role::Archive, &["tous les messages"]),
    // German.
    (Role::Sent, &["gesendete elemente", "gesendet", "gesendete objekte", "gesendete"]),
    (Role::Drafts, &["entwürfe"]),
    (Role::Trash, &["gelöschte elemente", "gelöschte objekte", "papierkorb", "gelöscht"]),
    (Role::Junk, &["junk-e-mail", "unerwünscht", "spamverdacht"]),
    (Role::Archive, &["archiv", "alle nachrichten"]),
    // Italian.
    (Role::Sent, &["posta inviata", "inviata", "inviati", "messaggi inviati"]),
    (Role::Drafts, &["bozze"]),
    (Role::Trash, &["posta eliminata", "elementi eliminati", "cestino"]),
    (Role::Junk, &["posta indesiderata", "indesiderata"]),
    (Role::Archive, &["archivio", "tutti i messaggi"]),
    // Dutch.
    (Role::Sent, &["verzonden items", "verzonden", "verzonden berichten"]),
    (Role::Drafts, &["concepten"]),
    (Role::Trash, &["verwijderde items", "prullenbak", "prullenmand"]),
    (Role::Junk, &["ongewenste e-mail", "ongewenst"]),
    (Role::Archive, &["archief", "alle e-mail"]),
    // Polish.
    (Role::Sent, &["elementy wysłane", "wysłane"]),
    (Role::Drafts, &["wersje robocze", "kopie robocze", "szkice", "robocze"]),
    (Role::Trash, &["elementy usunięte", "usunięte wiadomości", "kosz"]),
    (Role::Junk, &["wiadomości-śmieci", "potwierdzony spam"]),
    (Role::Archive, &["archiwum", "wszystkie"]),
    // Russian.
    (Role::Sent, &["отправленные", "отправленные элементы"]),
    (Role::Drafts, &["черновики"]),
    (Role::Trash, &["удаленные", "удалённые", "корзина"]),
    (Role::Junk, &["спам", "нежелательная почта"]),
    (Role::Archive, &["архив", "вся почта"]),
    // Japanese.
    (Role::Sent, &["送信済みアイテム", "送信済み", "送信済みメール", "送信済みﾒｰﾙ"]),
    (Role::Drafts, &["下書き"]),
    (Role::Trash, &["削除済みアイテム", "ごみ箱", "ゴミ箱"]),
    (Role::Junk, &["迷惑メール"]),
    (Role::Archive, &["アーカイブ", "すべてのメール"]),
    // Chinese, simplified and traditional.
    (Role::Sent, &["已发送邮件", "已发送", "已发信息", "已发送项目", "寄件備份", "寄件匣"]),
    (Role::Drafts, &["草稿箱", "草稿", "草稿匣"]),
    (Role::Trash, &["已删除邮件", "已删除", "垃圾箱", "刪除的郵件", "垃圾桶", "已刪除項目"]),
    (Role::Junk, &["垃圾邮件", "垃圾郵件", "垃圾電郵"]),
    (Role::Archive, &["存档", "归档", "封存"]),
];

/// The one name that means two things: junk in Brazil, trash in Portugal.
const JUNK_OR_TRASH: &str = "lixo";

/// What a folder is called and for what, by the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// What it is for.
    pub role: Role,
    /// How early in the table it stands: the smaller, the commoner the name.
    pub rank: usize,
    /// What else the name may mean, elsewhere.
    pub or_else: Option<Role>,
}

/// Looks a folder's own name up, without regard to case, blanks around it and Unicode's ways to compose a letter.
#[must_use]
pub fn look_up(name: &str) -> Option<Named> {
    let name = folded(name);
    let names = ROWS.iter().flat_map(|(role, names)| names.iter().map(move |name| (*role, *name)));
    let (rank, (role, _)) = names.enumerate().find(|(_, (_, known))| *known == name)?;
    Some(Named { role, rank, or_else: (name == JUNK_OR_TRASH).then_some(Role::Trash) })
}

fn folded(name: &str) -> String {
    let lower: String = name.trim().nfc().flat_map(char::to_lowercase).collect();
    lower.nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn the_table_is_written_folded_and_names_each_name_once() {
        let mut seen = BTreeSet::new();
        for (role, names) in ROWS {
            for name in *names {
                assert_eq!(folded(name), *name);
                assert!(seen.insert(*name), "{name} stands twice");
                assert_eq!(look_up(name).map(|named| named.role), Some(*role));
            }
        }
    }

    #[test]
    fn a_name_is_known_in_any_case_and_composition() {
        for (name, role) in [
            (" ITENS ENVIADOS ", Some(Role::Sent)),
            ("Lixo Eletro\u{302}nico", Some(Role::Junk)),
            ("ОТПРАВЛЕННЫЕ", Some(Role::Sent)),
            ("SPAM", Some(Role::Junk)),
            ("Caixa de entrada", None),
            ("Posteingang", None),
            ("Caixa de Saída", None),
            ("INBOX", None),
        ] {
            assert_eq!(look_up(name).map(|named| named.role), role, "{name}");
        }
    }
}
