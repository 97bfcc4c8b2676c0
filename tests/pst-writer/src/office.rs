//! A small store as people in an office have them: some folders, mail with attachments, and one item that is lost.
//! Never holds what only a test of readers needs: that is what the features are for.

use std::path::Path;

use anyhow::Result;

use crate::{Attachment, Data, Folder, Message, Pst, Recipient, Role, Truth};

/// How many messages there are.
pub const MESSAGES: u64 = 48;
/// When the first was sent, in seconds since 1970.
const FIRST_SENT: i64 = 1_420_100_000;
/// Half a day, in seconds.
const PACE: i64 = 43_200;

const SUBJECTS: [&str; 6] =
    ["Ata da reunião", "Proposta comercial", "Pedido 4711", "Férias coletivas", "Nota fiscal", "Re: prazo"];

/// Writes the store; every message but the lost one can be read whole.
///
/// # Errors
/// What the file system says.
pub fn write(out: &Path, pst: Pst) -> Result<Truth> {
    let mut store = pst.create(out)?;
    let top = store.top();
    let inbox = store.folder(top, Folder::new("Caixa de Entrada").class("IPF.Note").role(Role::Inbox))?;
    let sent = store.folder(top, Folder::new("Itens Enviados").class("IPF.Note").role(Role::Sent))?;
    let old = store.folder(top, Folder::new("Arquivo 2015").class("IPF.Note"))?;
    for number in 0..MESSAGES {
        let folder = [inbox, old, sent][usize::try_from(number % 3)?];
        let subject = SUBJECTS[usize::try_from(number)? % SUBJECTS.len()];
        let (from, to) = if folder == sent { ("ana", "bruno") } else { ("bruno", "ana") };
        let address = |name: &str| format!("{name}@exemplo.com.br");
        let mut message = Message::new("IPM.Note")
            .text(
                &format!("{subject} ({number})"),
                &format!("Segue o combinado, número {number}.\r\nAté breve.\r\n"),
            )
            .from(from, &address(from))
            .to(Recipient::new(1, to, &address(to)))
            .dated(FIRST_SENT + i64::try_from(number)? * PACE)
            .id(&format!("<escritorio-{number}@exemplo.com.br>"));
        if number % 8 == 1 {
            let noise = Data::Noise { seed: number, octets: 40_000 };
            message = message.attach(Attachment::file("planilha.xlsx", "application/octet-stream", noise));
        }
        store.item(folder, &message)?;
    }
    store.row_without_item(inbox)?;
    store.finish()
}
