//! Subjects of quarantined messages, for whoever may look at mail and proved a moment ago who they are.
//! Never kept in a table: each is read from the kept octets, and each look is written down before it is told.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use malote_engine::likeness;
use serde::Deserialize;
use serde_json::json;

use super::Result;
use super::caller::Caller;
use super::error::ApiError;
use super::layers::Origin;
use super::quarantine_raw::open;
use crate::app::App;
use crate::audit::Entry;
use crate::auth::permission::Permission;
use crate::store::looks::ItemRow;

/// Octets of a message in which its subject is looked for.
const HEADER_BYTES_MAX: u64 = 256 * 1024;
/// Octets of what is known of a store's item that are read.
const DUMP_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Characters of a subject that are told.
const SUBJECT_CHARS_MAX: usize = 1000;

/// True where a request asks for subjects.
///
/// # Errors
/// 400 for what nothing comes along as.
pub(super) fn wants(include: Option<&str>) -> Result<bool> {
    match include {
        None | Some("") => Ok(false),
        Some("subject") => Ok(true),
        Some(_) => Err(ApiError::bad_request("include is subject")),
    }
}

/// Whether a caller may be told of subjects.
///
/// # Errors
/// 403 for who may not look at mail, and for who did not prove a moment ago who they are.
pub(super) fn may(app: &App, caller: &Caller) -> Result<()> {
    caller.may(Permission::ViewMessageContent)?;
    caller.has_stepped_up(app.now_ms())
}

/// The subjects of some messages of one job, in their order; none for those that are not known here.
///
/// # Errors
/// Where the look cannot be written down: then nothing is told.
pub(super) async fn told(
    app: &App,
    caller: &Caller,
    origin: &Origin,
    (action, job): (&str, i64),
    rows: &[ItemRow],
) -> Result<Vec<Option<String>>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let entry = Entry {
        actor_kind: "user",
        actor_id: caller.id.clone(),
        action: action.to_owned(),
        resource_kind: "quarantine".to_owned(),
        resource_id: ids.first().filter(|_| ids.len() == 1).map(i64::to_string).unwrap_or_default(),
        tenant_id: caller.touched.get().map(|(tenant, _)| *tenant),
        job_id: Some(job),
        outcome: "success",
        status_code: 200,
        ip: origin.ip(),
        user_agent: origin.agent.clone(),
        request_id: origin.request_id.clone(),
        details_json: json!({"job_id": job, "subjects_of": ids}).to_string(),
    };
    app.audit.write(&entry, app.now_ms()).await?;
    let folder = app.config.data.join("quarantine");
    let files: Vec<(PathBuf, String)> =
        rows.iter().map(|row| (folder.join(row.mailbox_id.to_string()), row.file.clone())).collect();
    let read = move || files.iter().map(|(folder, file)| subject(folder, file)).collect();
    tokio::task::spawn_blocking(read).await.map_err(|error| ApiError::internal(&error))
}

/// The subject that a kept file tells; none where it is not here, or tells none.
fn subject(folder: &Path, file: &str) -> Option<String> {
    /// What is known of a store's item.
    #[derive(Deserialize)]
    struct Dump {
        #[serde(default)]
        subject: String,
    }
    let (kept, _) = open(folder, file).filter(|_| !file.is_empty())?;
    let text = if file.ends_with(".json") {
        let reader = std::io::BufReader::new(kept.take(DUMP_BYTES_MAX));
        serde_json::from_reader::<_, Dump>(reader).ok()?.subject
    } else {
        let mut octets = Vec::new();
        kept.take(HEADER_BYTES_MAX).read_to_end(&mut octets).ok()?;
        likeness::subject(&octets)?
    };
    let text: String = text.chars().filter(|letter| !letter.is_control()).take(SUBJECT_CHARS_MAX).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_of_a_message_and_of_what_is_known_of_an_item_and_of_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for (name, octets, expected) in [
            (
                "a.eml",
                &b"From: a@b\r\nSubject: =?utf-8?Q?Sal=C3=A1rios?=\r\n de maio\r\n\r\nHi"[..],
                Some("Salários de maio"),
            ),
            ("b.eml", b"From: a@b\r\n\r\nSubject: in the text\r\n", None),
            ("c.json", br#"{"node":"0x4","subject":"Ol\u00e1\u0007","damage":[]}"#, Some("Olá")),
            ("d.json", b"{\"node\":", None),
            ("e.eml", b"", None),
            ("f.eml", b"Subject:  \r\n\r\n", None),
        ] {
            std::fs::write(folder.path().join(name), octets).unwrap();
            assert_eq!(subject(folder.path(), name).as_deref(), expected, "{name}");
        }
        for none in ["", "gone.eml", "../a.eml", "/etc/hostname"] {
            assert_eq!(subject(folder.path(), none), None, "{none}");
        }
        let long = format!("Subject: {}\r\n\r\n", "ab ".repeat(200_000));
        std::fs::write(folder.path().join("long.eml"), long).unwrap();
        let told = subject(folder.path(), "long.eml").unwrap_or_default();
        assert!(told.chars().count() <= SUBJECT_CHARS_MAX, "{}", told.len());
    }
}
