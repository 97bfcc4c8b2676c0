//! Mailboxes from a CSV file: every row is looked at before the first is written, and each fault names its line.
//! Never echoes a cell: one of them holds a password.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Asked, At};
use super::caller::Caller;
use super::error::FieldError;
use super::jobs::read as read_job;
use super::mailboxes::{MailboxMake, Secret, check, check_open};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::auth::token::uuid;
use crate::csv_lines::Lines;
use crate::store::sheet::{SheetBox, SheetSecret};
use crate::vault::{DataKey, seal_for_mailbox};

/// A file is at most so long, in octets.
pub const FILE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// And has so many rows.
const ROWS_MAX: usize = 50_000;
/// Faults that are told, at most.
const FAULTS_MAX: usize = 1000;
/// Rows that are sealed before others are served.
const SEALED_AT_ONCE: usize = 500;

/// Columns by the names that they may have, in small letters: Microsoft's own, and ours.
const COLUMNS: [(&str, &[&str]); 10] = [
    ("email", &["email", "emailaddress"]),
    ("source_user", &["source_user", "username"]),
    ("password", &["password", "source_password"]),
    ("source_host", &["source_host"]),
    ("source_type", &["source_type"]),
    ("dest_host", &["dest_host"]),
    ("dest_user", &["dest_user"]),
    ("dest_password", &["dest_password"]),
    ("priority", &["priority"]),
    ("enabled", &["enabled"]),
];

/// Whether it is only looked at.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wish {
    /// Look at every row and write none.
    #[serde(default)]
    dry_run: bool,
}

/// What is wrong with a row.
#[derive(Serialize, ToSchema)]
pub struct RowFault {
    /// The line of the file, its first being 1.
    row: u64,
    /// The column.
    field: String,
    /// A sentence, without what stood there.
    message: String,
}

/// What was found, or done.
#[derive(Serialize, ToSchema)]
pub struct ImportView {
    /// Rows of the file.
    rows: usize,
    /// Rows that can be taken.
    valid: usize,
    /// Mailboxes that were made.
    created: usize,
    /// Up to 1,000 faults.
    errors: Vec<RowFault>,
}

/// `POST /migration/jobs/{id}/mailboxes/import`: CSV with a header line, parted by commas or semicolons, in UTF-8 or
/// Latin-1. One faulty row, and none is written.
#[utoipa::path(post, path = "/migration/jobs/{id}/mailboxes/import", tag = "mailboxes",
    params(("id" = i64, Path), Wish), request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = ImportView), (status = 201, body = ImportView), (status = 413), (status = 422)))]
pub async fn import(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(wish): Asked<Wish>,
    octets: std::result::Result<Bytes, BytesRejection>,
) -> Result<Response> {
    caller.may(Permission::ManageMigration)?;
    caller.may(Permission::ManageCredentials)?;
    let job = read_job(&app, &caller, id).await?;
    check_open(&job.phase)?;
    let text = text(&octets.map_err(|rejection| super::body::of_bytes(&rejection))?);
    let known = known(app.store.begin_reading().await?.known_mailboxes(id).await?);
    let (made, errors, rows) = read(&text, known)?;
    let valid = made.len();
    if wish.dry_run {
        return Ok(Json(ImportView { rows, valid, created: 0, errors }).into_response());
    }
    if !errors.is_empty() {
        return Err(faulty(errors));
    }
    let key = app.vault.key_of(id).await?;
    let (boxes, secrets) = sealed(&key, made).await?;
    let mut transaction = app.store.begin().await?;
    // Whoever takes the job to another phase, or adds a mailbox, waits until all rows stand, and counts them then.
    check_open(&transaction.hold_phase(id).await?)?;
    let known = self::known(transaction.known_mailboxes(id).await?);
    if boxes.iter().any(|one| known.contains(&(one.email.to_lowercase(), one.source_type.clone()))) {
        // Somebody has added it since the file was looked at.
        return Err(faulty(read(&text, known)?.1));
    }
    transaction.insert_sheet(id, &boxes, &secrets).await?;
    transaction.commit().await?;
    let view = ImportView { rows, valid, created: valid, errors: Vec::new() };
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

fn known(rows: Vec<(String, String)>) -> BTreeSet<(String, String)> {
    rows.into_iter().map(|(email, kind)| (email.to_lowercase(), kind)).collect()
}

fn faulty(errors: Vec<RowFault>) -> ApiError {
    let told = errors.into_iter().map(|fault| FieldError {
        field: format!("row {}: {}", fault.row, fault.field),
        code: "invalid",
        message: fault.message,
    });
    ApiError::fields(told.collect())
}

/// Mailboxes with their secrets sealed.
async fn sealed(key: &DataKey, made: Vec<MailboxMake>) -> Result<(Vec<SheetBox>, Vec<SheetSecret>)> {
    let (mut boxes, mut secrets) = (Vec::with_capacity(made.len()), Vec::new());
    for (place, one) in made.into_iter().enumerate() {
        let mut seal = |secret: &Option<Secret>, side| -> Result<Option<String>> {
            let Some(secret) = secret else { return Ok(None) };
            let (kind, text) = secret.json();
            let (id, email, source_type) = (uuid()?, one.email.clone(), one.source_type.clone());
            let (kind, key_id, sealed) = (kind.as_str(), key.id().to_owned(), seal_for_mailbox(key, &text)?);
            secrets.push(SheetSecret { id: id.clone(), email, source_type, side, kind, key_id, sealed });
            Ok(Some(id))
        };
        let credentials_ref = seal(&one.secret, "source")?;
        let dest_credentials_ref = seal(&one.dest_secret, "destination")?;
        boxes.push(SheetBox {
            email: one.email,
            source_type: one.source_type,
            source_host: one.source_host,
            source_user: one.source_user,
            credentials_ref,
            dest_host: one.dest_host.unwrap_or_default(),
            dest_user: one.dest_user.unwrap_or_default(),
            dest_credentials_ref,
            enabled: i64::from(one.enabled),
            priority: one.priority,
        });
        // Others are served while a long sheet is sealed.
        if place % SEALED_AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
    }
    Ok((boxes, secrets))
}

/// A file as text: UTF-8 with or without its mark, else Latin-1, in which every octet is a letter.
fn text(octets: &[u8]) -> String {
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.iter().copied().map(char::from).collect(),
    }
}

type Read = (Vec<MailboxMake>, Vec<RowFault>, usize);

/// Every row as a mailbox, or as a fault.
fn read(text: &str, mut known: BTreeSet<(String, String)>) -> Result<Read> {
    let first = text.lines().next().unwrap_or_default();
    let delimiter = if first.matches(';').count() > first.matches(',').count() { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .trim(csv::Trim::Headers)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|_| ApiError::field("row 1", "the header cannot be read"))?;
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, name) in header.iter().enumerate() {
        let name = name.to_lowercase();
        let column = COLUMNS.iter().find(|(_, names)| names.contains(&name.as_str()));
        let Some((column, _)) = column else {
            let known: Vec<&str> = COLUMNS.iter().map(|(column, _)| *column).collect();
            let words = format!("column {} is not known; known are {}", place + 1, known.join(", "));
            return Err(ApiError::field("row 1", words));
        };
        if places.insert(column, place).is_some() {
            return Err(ApiError::field("row 1", format!("the column {column} is there twice")));
        }
    }
    if !places.contains_key("email") {
        return Err(ApiError::field("row 1", "a column email or EmailAddress is needed"));
    }
    let mut lines = Lines::new(text.as_bytes(), 1);
    let (mut made, mut faults, mut rows) = (Vec::new(), Vec::new(), 0);
    for record in reader.records() {
        rows += 1;
        if rows > ROWS_MAX {
            return Err(ApiError::field("rows", format!("a file has at most {ROWS_MAX} rows")));
        }
        let (row, done) = match &record {
            Ok(record) => {
                let done = mailbox(record, header_len(&places), &places, &mut known);
                (lines.line_of(record.position()), done)
            }
            Err(error) => {
                let line = lines.line_of(error.position());
                (line, Err(("row".to_owned(), "the row cannot be read".to_owned())))
            }
        };
        match done {
            Ok(mailbox) => made.push(mailbox),
            Err((field, message)) if faults.len() < FAULTS_MAX => {
                faults.push(RowFault { row, field, message })
            }
            Err(_) => (),
        }
    }
    Ok((made, faults, rows))
}

/// How many cells a row has at least: up to the last column that is known.
fn header_len(places: &BTreeMap<&str, usize>) -> usize {
    places.values().max().map_or(0, |last| last + 1)
}

fn mailbox(
    record: &csv::StringRecord,
    width: usize,
    places: &BTreeMap<&str, usize>,
    known: &mut BTreeSet<(String, String)>,
) -> std::result::Result<MailboxMake, (String, String)> {
    let fail = |field: &str, words: &str| Err((field.to_owned(), words.to_owned()));
    if record.len() != width {
        return fail("row", &format!("it has {} cells where the header has {width}", record.len()));
    }
    let cell = |name: &str| places.get(name).and_then(|place| record.get(*place)).unwrap_or_default();
    let some = |name: &str| Some(cell(name).trim().to_owned()).filter(|text| !text.is_empty());
    // A password's own blanks are part of it.
    let secret = |name: &str| {
        let text = cell(name);
        let password = (!text.is_empty()).then(|| SecretString::from(text.to_owned()));
        password.map(|password| Secret { password: Some(password), oauth_token: None, expires_at: None })
    };
    let Ok(priority) = some("priority").map_or(Ok(0), |text| text.parse::<i64>()) else {
        return fail("priority", "a whole number");
    };
    let enabled = match some("enabled").map(|text| text.to_lowercase()).as_deref() {
        None | Some("1" | "true" | "yes" | "sim") => true,
        Some("0" | "false" | "no" | "nao" | "não") => false,
        Some(_) => return fail("enabled", "yes or no"),
    };
    let made = MailboxMake {
        email: some("email").unwrap_or_default(),
        source_type: some("source_type").unwrap_or_else(|| "imap".to_owned()),
        source_host: some("source_host"),
        source_user: some("source_user"),
        secret: secret("password"),
        dest_host: some("dest_host"),
        dest_user: some("dest_user"),
        dest_secret: secret("dest_password"),
        folder_map: None,
        priority,
        enabled,
    };
    if let Err(error) = check(&made, "") {
        let first = error.errors.into_iter().next();
        let (field, message) = first.map_or_else(Default::default, |one| (one.field, one.message));
        return Err((field, message));
    }
    if !known.insert((made.email.to_lowercase(), made.source_type.clone())) {
        return fail("email", "this mailbox is there already");
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (Vec<String>, Vec<(u64, String)>) {
        let known = [("old@example.com".to_owned(), "imap".to_owned())].into();
        let (made, faults, _) = read(text, known).unwrap();
        let made = made.into_iter().map(|one| one.email).collect();
        (made, faults.into_iter().map(|fault| (fault.row, fault.field)).collect())
    }

    #[test]
    fn microsofts_columns_and_ours_are_known_and_each_fault_names_its_line() {
        let (made, faults) = told(
            "EmailAddress,UserName,Password\r\na@example.com,a,\"pass, \"\"word\"\"\"\r\nno address,b,c\r\n\
             \"two\r\nlines\",b,c\r\nold@example.com,x,y\r\nA@example.com,x,y\r\nb@example.com,x\r\n\
             b@example.com,,\r\n",
        );
        assert_eq!(made, ["a@example.com", "b@example.com"]);
        let expected = [(3, "email"), (4, "email"), (6, "email"), (7, "email"), (8, "row")];
        assert_eq!(faults, expected.map(|(row, field)| (row, field.to_owned())));
    }

    #[test]
    fn semicolons_and_latin_1_are_read_as_they_were_meant() {
        let (made, faults) = told("email;enabled;priority\na@example.com;não;3\nb@example.com;talvez;1\n");
        assert_eq!((made.len(), faults), (1, vec![(3, "enabled".to_owned())]));
        assert_eq!(text(b"Jo\xe3o"), "João");
        assert_eq!(text("\u{feff}João".as_bytes()), "João");
    }

    #[test]
    fn a_header_that_is_not_known_stops_at_once() {
        for wrong in ["", "UserName\nx\n", "email,email\n", "email,shoe size\n"] {
            assert!(read(wrong, BTreeSet::new()).is_err(), "{wrong:?}");
        }
    }
}
