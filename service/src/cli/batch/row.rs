//! From a row of the sheet to a pair of mailboxes: templates, secrets, options of its own.
//! Never shows a secret, and never asks a server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use malote_engine::failure::Side;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;

use super::super::args::{BatchArgs, WorkArgs, map_value, pattern_value};
use super::super::assemble::{self, End, Location, Pair, Place, SecretSource};
use super::super::exit::Stopped;
use super::super::secret::{self, Brokers, Wish};
use super::super::state;
use super::outcome::Outcome;
use super::sheet::{Column, Row, Sheet};

/// What parts several values of one cell.
const VALUES_PARTED_BY: char = '|';

/// Octets of a user's name that stand for themselves in a location.
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What all rows share.
pub struct Common<'a> {
    /// The options.
    pub args: &'a BatchArgs,
    /// For rows without a secret of their own.
    pub source_secret: Option<Arc<dyn SecretSource>>,
    /// For rows without a secret of their own.
    pub destination_secret: Option<Arc<dyn SecretSource>>,
    /// The OAuth grants of all rows.
    pub brokers: Brokers,
    /// Where the sheet lies; its files are named from there.
    pub folder: PathBuf,
}

/// One row that can be tried.
#[derive(Clone)]
pub struct Mailbox {
    /// Its line in the file.
    pub line: u64,
    /// The two mailboxes.
    pub pair: Pair,
    /// Where its ledger lies.
    pub state: PathBuf,
    /// The options, with the row's own.
    pub work: WorkArgs,
}

/// The columns of one side.
struct Columns {
    side: Side,
    location: Column,
    user: Column,
    host: Column,
    password: Column,
    password_file: Column,
    token_file: Column,
    oauth: Column,
    authzid: Column,
}

const SOURCE: Columns = Columns {
    side: Side::Source,
    location: Column::From,
    user: Column::FromUser,
    host: Column::FromHost,
    password: Column::FromPassword,
    password_file: Column::FromPasswordFile,
    token_file: Column::FromTokenFile,
    oauth: Column::FromOauth,
    authzid: Column::FromAuthzid,
};

const DESTINATION: Columns = Columns {
    side: Side::Destination,
    location: Column::To,
    user: Column::ToUser,
    host: Column::ToHost,
    password: Column::ToPassword,
    password_file: Column::ToPasswordFile,
    token_file: Column::ToTokenFile,
    oauth: Column::ToOauth,
    authzid: Column::ToAuthzid,
};

/// The rows that can be tried, and the outcomes of those that cannot.
pub fn mailboxes(sheet: &Sheet, common: &Common<'_>) -> (Vec<Mailbox>, Vec<Outcome>) {
    let (mut mailboxes, mut outcomes) = (Vec::<Mailbox>::new(), Vec::new());
    let (mut lines_of_pairs, mut lines_of_states) = (BTreeMap::new(), BTreeMap::new());
    for row in &sheet.rows {
        let checked = mailbox(row, common).and_then(|mailbox| {
            let identity = &mailbox.pair.identity;
            let pair = (identity.source.clone(), identity.destination.clone());
            if let Some(line) = lines_of_pairs.insert(pair.clone(), row.line) {
                lines_of_pairs.insert(pair, line);
                return Err(Stopped::usage(format!("it repeats line {line}; that one is worked on")));
            }
            if let Some(line) = lines_of_states.insert(mailbox.state.clone(), row.line) {
                return Err(Stopped::usage(format!("it names the same state as line {line}")));
            }
            Ok(mailbox)
        });
        match checked {
            Ok(mailbox) => mailboxes.push(mailbox),
            Err(stopped) => outcomes.push(Outcome::invalid(row, common, stopped)),
        }
    }
    (mailboxes, outcomes)
}

/// What a row's side is called before it is known to be a location; never with what may be a password.
pub fn shown(row: &Row, common: &Common<'_>, side: Side) -> String {
    let columns = if side == Side::Source { &SOURCE } else { &DESTINATION };
    let Ok(text) = location_text(row, common, columns) else { return String::new() };
    let Some((place, host)) = text.rsplit_once('@') else { return String::new() };
    let (scheme, user) = place.split_once("://").unwrap_or(("", place));
    let user = user.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}@{host}")
}

fn mailbox(row: &Row, common: &Common<'_>) -> Result<Mailbox, Stopped> {
    if let Err(wrong) = &row.cells {
        return Err(Stopped::usage(wrong.clone()));
    }
    let pair = Pair::new(end(row, common, &SOURCE)?, end(row, common, &DESTINATION)?);
    if let Some(contradiction) = pair.contradiction() {
        return Err(Stopped::usage(format!("both sides {contradiction}")));
    }
    let mut work = common.args.work.clone();
    own_options(row, &mut work)?;
    let state = match row.get(Column::State) {
        Some(state) => common.folder.join(state),
        None => {
            let folder = common.args.state_dir.clone().map_or_else(state::default_folder, Ok)?;
            folder.join(state::file_name(&pair.identity))
        }
    };
    // One folder for all rows would mix their messages.
    work.quarantine = work.quarantine.map(|folder| folder.join(state::file_name(&pair.identity)));
    Ok(Mailbox { line: row.line, pair, state, work })
}

fn own_options(row: &Row, work: &mut WorkArgs) -> Result<(), Stopped> {
    let values = |column: Column| -> Option<Vec<String>> {
        let parts = row.get(column)?.split(VALUES_PARTED_BY).map(str::trim);
        Some(parts.filter(|part| !part.is_empty()).map(str::to_owned).collect())
    };
    let patterns = |column: Column, name: &str| -> Result<Option<Vec<String>>, Stopped> {
        let checked = |text: String| {
            pattern_value(&text).map_err(|wrong| Stopped::usage(format!("{name}: {wrong}: `{text}`")))
        };
        values(column).map(|texts| texts.into_iter().map(checked).collect()).transpose()
    };
    let selection = &mut work.selection;
    if let Some(folders) = patterns(Column::Folder, "folder")? {
        selection.folder = folders;
    }
    selection.exclude.extend(patterns(Column::Exclude, "exclude")?.unwrap_or_default());
    for text in values(Column::Map).unwrap_or_default() {
        selection.map.push(map_value(&text).map_err(|wrong| Stopped::usage(format!("map: {wrong}")))?);
    }
    if let Some(prefix) = row.get(Column::Into) {
        selection.into = Some(prefix.to_owned());
    }
    Ok(())
}

fn end(row: &Row, common: &Common<'_>, columns: &Columns) -> Result<End, Stopped> {
    let text = location_text(row, common, columns)?;
    let trust = &common.args.work.trust;
    let mut location = match assemble::place(columns.side, &text, trust)? {
        Place::Server(location) => location,
        Place::Files(files) => return Ok(End::Files(files)),
    };
    if let Some(name) = row.get(columns.authzid) {
        location.authzid = Some(name.to_owned());
    }
    let secret = secret(row, common, columns, &location)?;
    assemble::endpoint(columns.side, location, secret, trust).map(End::from)
}

/// The row's own location, else host and user, else the template with the row's user filled in.
fn location_text(row: &Row, common: &Common<'_>, columns: &Columns) -> Result<String, Stopped> {
    if let Some(own) = row.get(columns.location) {
        return filled(own, user(row, columns), columns);
    }
    if let Some(host) = row.get(columns.host) {
        let user = user(row, columns).ok_or_else(|| lacks_user(columns))?;
        return Ok(format!("imaps://{}@{host}", utf8_percent_encode(user, &PLAIN)));
    }
    let is_source = columns.side == Side::Source;
    let template = if is_source { &common.args.from } else { &common.args.to };
    let template = template.as_deref().ok_or_else(|| {
        let word = if is_source { "from" } else { "to" };
        Stopped::usage(format!("it has no cell \"{word}\", and there is no --{word} template"))
    })?;
    filled(template, user(row, columns), columns)
}

fn user<'a>(row: &'a Row, columns: &Columns) -> Option<&'a str> {
    row.get(columns.user).or_else(|| row.get(Column::User))
}

fn lacks_user(columns: &Columns) -> Stopped {
    let word = if columns.side == Side::Source { "from_user" } else { "to_user" };
    Stopped::usage(format!("it has no cell \"user\" or \"{word}\""))
}

fn filled(template: &str, user: Option<&str>, columns: &Columns) -> Result<String, Stopped> {
    if !["{user}", "{local}", "{domain}"].iter().any(|mark| template.contains(mark)) {
        return Ok(template.to_owned());
    }
    let user = user.ok_or_else(|| lacks_user(columns))?;
    let (local, domain) = user.rsplit_once('@').unwrap_or((user, ""));
    if template.contains("{domain}") && domain.is_empty() {
        return Err(Stopped::usage("its user has no @, so {domain} is empty"));
    }
    let encoded = |text: &str| utf8_percent_encode(text, &PLAIN).to_string();
    // One pass from left to right, so that a user's name that looks like a mark stays what it is.
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let marks = [("{user}", user), ("{local}", local), ("{domain}", domain)];
        match marks.iter().find(|(mark, _)| rest.starts_with(mark)) {
            Some((mark, value)) => {
                text.push_str(&encoded(value));
                rest = &rest[mark.len()..];
            }
            None => {
                text.push('{');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    Ok(text)
}

/// The row's own secret, else the one for all rows.
fn secret(
    row: &Row,
    common: &Common<'_>,
    columns: &Columns,
    location: &Location,
) -> Result<Arc<dyn SecretSource>, Stopped> {
    let from_file = |path: &str| Some(common.folder.join(Path::new(path)));
    let own = if let Some(path) = row.get(columns.oauth) {
        Wish { oauth_file: from_file(path), ..Wish::default() }
    } else if let Some(path) = row.get(columns.token_file) {
        Wish { token_file: from_file(path), ..Wish::default() }
    } else if let Some(password) = row.get(columns.password) {
        return Ok(secret::known(SecretString::from(password.to_owned())));
    } else if let Some(path) = row.get(columns.password_file) {
        Wish { password_file: from_file(path), ..Wish::default() }
    } else if let Some(password) = row.get(Column::Password) {
        return Ok(secret::known(SecretString::from(password.to_owned())));
    } else {
        let is_source = columns.side == Side::Source;
        let (source, destination) = Wish::both(&common.args.secrets);
        let (shared, wish, word) = if is_source {
            (&common.source_secret, source, "from")
        } else {
            (&common.destination_secret, destination, "to")
        };
        if let Some(file) = &wish.oauth_file {
            return common.brokers.open(columns.side, file, location);
        }
        let shared = shared.as_ref().ok_or_else(|| {
            Stopped::usage(format!(
                "it has no password for the {}: a cell \"password\" or \"{word}_password\", --{word}-password-file, \
                 --{word}-oauth, or MALOTE_{}_PASSWORD",
                columns.side.as_str(),
                word.to_ascii_uppercase()
            ))
        })?;
        return Ok(Arc::clone(shared));
    };
    let nowhere =
        secret::Surroundings { variable: &|_| None, ask: &|_| None, standard_input: &|| Ok(Vec::new()) };
    secret::find(columns.side, &own, location, &nowhere, &common.brokers)
}

#[cfg(test)]
mod tests;
