//! What goes into a query and what comes out of it, whichever engine answers.
//! Never knows a query or a table.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _};

use super::{Result, StoreError};

/// A value bound to a placeholder.
#[derive(Debug, Clone)]
pub enum Bind {
    /// A number.
    Int(i64),
    /// A number or NULL.
    IntOrNull(Option<i64>),
    /// A number with a fraction.
    Real(f64),
    /// Text; a NUL becomes U+FFFD, because PostgreSQL cannot keep it.
    Text(String),
    /// Text or NULL.
    TextOrNull(Option<String>),
    /// Octets.
    Octets(Vec<u8>),
}

impl From<i64> for Bind {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Bind {
    fn from(is_so: bool) -> Self {
        Self::Int(i64::from(is_so))
    }
}

impl From<f64> for Bind {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<&str> for Bind {
    fn from(text: &str) -> Self {
        Self::Text(clean(text))
    }
}

impl From<&String> for Bind {
    fn from(text: &String) -> Self {
        Self::Text(clean(text))
    }
}

impl From<String> for Bind {
    fn from(text: String) -> Self {
        Self::Text(if text.contains('\0') { clean(&text) } else { text })
    }
}

impl From<Option<i64>> for Bind {
    fn from(number: Option<i64>) -> Self {
        Self::IntOrNull(number)
    }
}

impl From<Option<String>> for Bind {
    fn from(text: Option<String>) -> Self {
        Self::TextOrNull(text.map(|text| clean(&text)))
    }
}

impl From<Option<&str>> for Bind {
    fn from(text: Option<&str>) -> Self {
        Self::TextOrNull(text.map(clean))
    }
}

impl From<Vec<u8>> for Bind {
    fn from(octets: Vec<u8>) -> Self {
        Self::Octets(octets)
    }
}

fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Makes a list of binds of values of different types: `binds![id, name, None::<i64>]`.
#[macro_export]
macro_rules! binds {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::Bind::from($value)),*] };
}

#[derive(Debug, Clone)]
enum Cell {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Octets(Vec<u8>),
}

/// One row of an answer, its columns by number, from 0.
#[derive(Debug, Clone)]
pub struct Row(Vec<Cell>);

impl Row {
    fn cell<'a, T>(
        &'a self,
        column: usize,
        wanted: &'static str,
        take: impl FnOnce(&'a Cell) -> Option<T>,
    ) -> Result<T> {
        let cell = self.0.get(column);
        cell.and_then(take).ok_or_else(|| {
            let found = match cell {
                None => "not there",
                Some(Cell::Null) => "NULL",
                Some(Cell::Int(_)) => "a whole number",
                Some(Cell::Real(_)) => "a number",
                Some(Cell::Text(_)) => "text",
                Some(Cell::Octets(_)) => "octets",
            };
            StoreError::Column { column, found, wanted }
        })
    }

    /// A whole number.
    ///
    /// # Errors
    /// For anything else.
    pub fn int(&self, column: usize) -> Result<i64> {
        self.cell(column, "a whole number", |cell| match cell {
            Cell::Int(number) => Some(*number),
            _ => None,
        })
    }

    /// A whole number or NULL.
    ///
    /// # Errors
    /// For anything else.
    pub fn int_or_null(&self, column: usize) -> Result<Option<i64>> {
        self.cell(column, "a whole number or NULL", |cell| match cell {
            Cell::Int(number) => Some(Some(*number)),
            Cell::Null => Some(None),
            _ => None,
        })
    }

    /// A whole number that is never negative.
    ///
    /// # Errors
    /// For anything else.
    pub fn count(&self, column: usize) -> Result<u64> {
        let number = self.int(column)?;
        u64::try_from(number).map_err(|_| StoreError::Column {
            column,
            found: "negative",
            wanted: "a number from 0",
        })
    }

    /// True for 1, false for 0.
    ///
    /// # Errors
    /// For anything else.
    pub fn flag(&self, column: usize) -> Result<bool> {
        self.cell(column, "0 or 1", |cell| match cell {
            Cell::Int(0) => Some(false),
            Cell::Int(1) => Some(true),
            _ => None,
        })
    }

    /// A number with a fraction.
    ///
    /// # Errors
    /// For anything else.
    pub fn real(&self, column: usize) -> Result<f64> {
        self.cell(column, "a number", |cell| match cell {
            Cell::Real(number) => Some(*number),
            Cell::Int(number) => Some(*number as f64),
            _ => None,
        })
    }

    /// Text.
    ///
    /// # Errors
    /// For anything else.
    pub fn text(&self, column: usize) -> Result<String> {
        self.str(column).map(str::to_owned)
    }

    /// Text, to be looked at.
    ///
    /// # Errors
    /// For anything else.
    pub fn str(&self, column: usize) -> Result<&str> {
        self.cell(column, "text", |cell| match cell {
            Cell::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Text or NULL.
    ///
    /// # Errors
    /// For anything else.
    pub fn text_or_null(&self, column: usize) -> Result<Option<String>> {
        self.cell(column, "text or NULL", |cell| match cell {
            Cell::Text(text) => Some(Some(text.clone())),
            Cell::Null => Some(None),
            _ => None,
        })
    }

    /// Octets.
    ///
    /// # Errors
    /// For anything else.
    pub fn octets(&self, column: usize) -> Result<Vec<u8>> {
        self.cell(column, "octets", |cell| match cell {
            Cell::Octets(octets) => Some(octets.clone()),
            _ => None,
        })
    }
}

pub(super) fn from_sqlite(row: &SqliteRow) -> sqlx::Result<Row> {
    let cells = (0..row.len()).map(|column| {
        let value = row.try_get_raw(column)?;
        // Its type would be the column's own.
        if value.is_null() {
            return Ok(Cell::Null);
        }
        let kind = value.type_info().into_owned();
        Ok(match kind.name() {
            "INTEGER" | "BOOLEAN" => Cell::Int(row.try_get_unchecked(column)?),
            "REAL" => Cell::Real(row.try_get_unchecked(column)?),
            "BLOB" => Cell::Octets(row.try_get_unchecked(column)?),
            _ => Cell::Text(row.try_get_unchecked(column)?),
        })
    });
    cells.collect::<sqlx::Result<_>>().map(Row)
}

pub(super) fn from_postgres(row: &PgRow) -> sqlx::Result<Row> {
    let cells = row.columns().iter().enumerate().map(|(column, of)| {
        if row.try_get_raw(column)?.is_null() {
            return Ok(Cell::Null);
        }
        Ok(match of.type_info().name() {
            "INT8" => Cell::Int(row.try_get(column)?),
            "INT4" => Cell::Int(row.try_get::<i32, _>(column)?.into()),
            "BOOL" => Cell::Int(row.try_get::<bool, _>(column)?.into()),
            "FLOAT8" => Cell::Real(row.try_get(column)?),
            "BYTEA" => Cell::Octets(row.try_get(column)?),
            _ => Cell::Text(row.try_get(column)?),
        })
    });
    cells.collect::<sqlx::Result<_>>().map(Row)
}

/// A query with its binds, for whichever engine it is then run on.
macro_rules! bound {
    ($text:expr, $binds:expr) => {{
        let mut query = sqlx::query(sqlx::AssertSqlSafe($text));
        for bind in $binds {
            query = match bind {
                $crate::store::Bind::Int(number) => query.bind(number),
                $crate::store::Bind::IntOrNull(number) => query.bind(number),
                $crate::store::Bind::Real(number) => query.bind(number),
                $crate::store::Bind::Text(text) => query.bind(text),
                $crate::store::Bind::TextOrNull(text) => query.bind(text),
                $crate::store::Bind::Octets(octets) => query.bind(octets),
            };
        }
        query
    }};
}

pub(super) use bound;
