//! Reads a CSV file as operators make them: comma, semicolon or tab, UTF-8 or Latin-1, with or without a mark.
//! Never shows a cell: it may be a password.

use std::collections::BTreeMap;

use crate::csv_lines::Lines;

/// Rows that are read at most.
const ROWS_MAX: usize = 100_000;

/// A column that means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    From,
    To,
    User,
    FromUser,
    ToUser,
    FromHost,
    ToHost,
    Password,
    FromPassword,
    ToPassword,
    FromPasswordFile,
    ToPasswordFile,
    FromTokenFile,
    ToTokenFile,
    FromOauth,
    ToOauth,
    FromAuthzid,
    ToAuthzid,
    Folder,
    Exclude,
    Map,
    Into,
    State,
}

/// Every name that a column may have, the first of each kind being ours.
const NAMES: [(&str, Column); 36] = [
    ("from", Column::From),
    ("to", Column::To),
    ("user", Column::User),
    ("email", Column::User),
    ("mailbox", Column::User),
    ("from_user", Column::FromUser),
    ("user1", Column::FromUser),
    ("to_user", Column::ToUser),
    ("user2", Column::ToUser),
    ("from_host", Column::FromHost),
    ("host1", Column::FromHost),
    ("to_host", Column::ToHost),
    ("host2", Column::ToHost),
    ("password", Column::Password),
    ("senha", Column::Password),
    ("from_password", Column::FromPassword),
    ("password1", Column::FromPassword),
    ("to_password", Column::ToPassword),
    ("password2", Column::ToPassword),
    ("from_password_file", Column::FromPasswordFile),
    ("passfile1", Column::FromPasswordFile),
    ("to_password_file", Column::ToPasswordFile),
    ("passfile2", Column::ToPasswordFile),
    ("from_token_file", Column::FromTokenFile),
    ("to_token_file", Column::ToTokenFile),
    ("from_oauth", Column::FromOauth),
    ("to_oauth", Column::ToOauth),
    ("from_authzid", Column::FromAuthzid),
    ("to_authzid", Column::ToAuthzid),
    ("folder", Column::Folder),
    ("folders", Column::Folder),
    ("exclude", Column::Exclude),
    ("map", Column::Map),
    ("into", Column::Into),
    ("state", Column::State),
    ("usuario", Column::User),
];

/// One row: its line in the file, and its cells or what is wrong with it.
pub struct Row {
    /// The line that it begins on, from 1.
    pub line: u64,
    /// Cells that are not empty.
    pub cells: Result<BTreeMap<Column, String>, String>,
}

impl Row {
    /// A cell's text.
    pub fn get(&self, column: Column) -> Option<&str> {
        self.cells.as_ref().ok().and_then(|cells| cells.get(&column)).map(String::as_str)
    }
}

/// The file.
pub struct Sheet {
    /// The columns, in the file's order; `None` for one that means nothing here.
    columns: Vec<Option<Column>>,
    /// The rows, empty ones left out.
    pub rows: Vec<Row>,
    /// What was coped with.
    pub warnings: Vec<String>,
}

impl Sheet {
    /// Reads a whole file; what is wrong with a row is kept with the row.
    pub fn parse(octets: &[u8]) -> Result<Self, String> {
        let (text, mut warnings) = decoded(octets)?;
        let (text, lines_before) = without_separator_line(&text);
        let mut lines = Lines::new(text.as_bytes(), lines_before + 1);
        let delimiter = delimiter(text);
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .has_headers(true)
            .from_reader(text.as_bytes());
        let header = reader.headers().map_err(|_| "the first line cannot be read as CSV".to_owned())?.clone();
        let columns = columns(&header, &mut warnings)?;
        let mut rows = Vec::new();
        for record in reader.records() {
            if rows.len() >= ROWS_MAX {
                return Err(format!("it has more than {ROWS_MAX} rows: split it"));
            }
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    let line = lines.line_of(error.position());
                    rows.push(Row {
                        line,
                        cells: Err("it cannot be read as CSV: look at its quotes".to_owned()),
                    });
                    continue;
                }
            };
            let line = lines.line_of(record.position());
            if record.iter().any(|cell| !cell.trim().is_empty()) {
                rows.push(Row { line, cells: cells(&record, &columns) });
            }
        }
        Ok(Self { columns, rows, warnings })
    }

    /// True when a column holds passwords.
    pub fn has_passwords(&self) -> bool {
        let secret = [Column::Password, Column::FromPassword, Column::ToPassword];
        self.columns.iter().flatten().any(|column| secret.contains(column))
    }
}

fn decoded(octets: &[u8]) -> Result<(String, Vec<String>), String> {
    if octets.starts_with(b"\xff\xfe") || octets.starts_with(b"\xfe\xff") {
        return Err("it is UTF-16: save it as \"CSV UTF-8\"".to_owned());
    }
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    match std::str::from_utf8(octets) {
        Ok(text) => Ok((text.to_owned(), Vec::new())),
        Err(_) => {
            let text = octets.iter().map(|octet| char::from(*octet)).collect();
            Ok((text, vec!["the CSV file is not UTF-8; it was read as Latin-1".to_owned()]))
        }
    }
}

/// Excel's own `sep=;` line says nothing about mailboxes.
fn without_separator_line(text: &str) -> (&str, u64) {
    let is_separator = text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("sep="));
    match text.split_once('\n') {
        Some((line, rest)) if is_separator && line.trim_end().len() == 5 => (rest, 1),
        _ => (text, 0),
    }
}

/// The delimiter that the first line has most of, outside quotes.
fn delimiter(text: &str) -> u8 {
    let mut counts = [(b',', 0_u32), (b';', 0), (b'\t', 0)];
    let mut is_quoted = false;
    for octet in text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().bytes() {
        is_quoted ^= octet == b'"';
        if let Some((_, count)) = counts.iter_mut().find(|(delimiter, _)| *delimiter == octet && !is_quoted) {
            *count += 1;
        }
    }
    let most = counts.iter().rev().max_by_key(|(_, count)| *count);
    most.filter(|(_, count)| *count > 0).map_or(b',', |(delimiter, _)| *delimiter)
}

fn columns(header: &csv::StringRecord, warnings: &mut Vec<String>) -> Result<Vec<Option<Column>>, String> {
    let mut columns: Vec<Option<Column>> = Vec::new();
    for title in header {
        let name = title.trim().to_lowercase().replace([' ', '-'], "_");
        let column = NAMES.iter().find(|(known, _)| *known == name).map(|(_, column)| *column);
        if column.is_some() && columns.contains(&column) {
            return Err(format!("the column \"{name}\" is there twice"));
        }
        columns.push(column);
    }
    if columns.iter().all(Option::is_none) {
        // The first line may be a row with a password, so it is not repeated.
        return Err("its first line names no column that is known; it must be something like \
                    from,to,from_password,to_password (see malote batch --help)"
            .to_owned());
    }
    let unknown: Vec<&str> = header
        .iter()
        .zip(&columns)
        .filter(|(title, column)| column.is_none() && !title.is_empty())
        .map(|(title, _)| title)
        .collect();
    if !unknown.is_empty() {
        warnings.push(format!("columns that mean nothing here: {}", unknown.join(", ")));
    }
    Ok(columns)
}

fn cells(record: &csv::StringRecord, columns: &[Option<Column>]) -> Result<BTreeMap<Column, String>, String> {
    if record.len() > columns.len() {
        return Err(format!(
            "it has {} cells below {} columns: a cell that holds the delimiter must stand in quotes",
            record.len(),
            columns.len()
        ));
    }
    let is_secret =
        |column: Column| matches!(column, Column::Password | Column::FromPassword | Column::ToPassword);
    let named = record.iter().zip(columns).filter_map(|(cell, column)| column.map(|column| (column, cell)));
    // A blank may be part of a password, and nowhere else.
    let trimmed = named.map(|(column, cell)| (column, if is_secret(column) { cell } else { cell.trim() }));
    Ok(trimmed.filter(|(_, cell)| !cell.is_empty()).map(|(column, cell)| (column, cell.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(octets: &[u8], rows: &[(u64, &[(Column, &str)])]) {
        let sheet = Sheet::parse(octets).unwrap();
        let found: Vec<_> = sheet.rows.iter().map(|row| (row.line, row.cells.clone().unwrap())).collect();
        let expected: Vec<_> = rows
            .iter()
            .map(|(line, cells)| {
                (*line, cells.iter().map(|(column, cell)| (*column, (*cell).to_owned())).collect())
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_way_of_writing_csv_is_read() {
        let ana = [(Column::User, "ana@x"), (Column::Password, "a,b;c")];
        for octets in [
            &b"user,password\nana@x,\"a,b;c\"\n"[..],
            b"\xef\xbb\xbfuser;password\r\nana@x;\"a,b;c\"\r\n",
            b"USER\tPassword\nana@x\ta,b;c",
        ] {
            check(octets, &[(2, &ana)]);
        }
        check(b"sep=;\nuser;password\nana@x;\"a,b;c\"\n", &[(3, &ana)]);
        check(b"user,password\n\n , \nana@x,\"a,b;c\"\n", &[(4, &ana)]);
        check(
            "Usuario;Senha\najoão;s \n".as_bytes(),
            &[(2, &[(Column::User, "ajoão"), (Column::Password, "s ")])],
        );
        check(b"user;password\nana;\xe7\xe3o\n", &[(2, &[(Column::User, "ana"), (Column::Password, "ção")])]);
        check(
            b"host1;user1;password1\nh;u;p\n",
            &[(2, &[(Column::FromUser, "u"), (Column::FromHost, "h"), (Column::FromPassword, "p")])],
        );
        check(b"user,password\nana\n", &[(2, &[(Column::User, "ana")])]);
    }

    #[test]
    fn what_is_wrong_is_told_without_showing_a_cell() {
        for octets in [&b""[..], b"imaps://a@h,hunter2\n", b"\xff\xfeu\0", b"from,from\na,b\n"] {
            let error = Sheet::parse(octets).err().expect("it must be refused");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let sheet = Sheet::parse(b"user,password,name\nana,hunter2,x,y\nbia,p\n").unwrap();
        let wrong = sheet.rows[0].cells.clone().unwrap_err();
        assert!(wrong.contains("4 cells below 3 columns") && !wrong.contains("hunter2"), "{wrong}");
        assert_eq!(sheet.rows[1].get(Column::User), Some("bia"));
        assert_eq!(sheet.warnings, ["columns that mean nothing here: name"]);
        assert!(sheet.has_passwords());
    }
}
