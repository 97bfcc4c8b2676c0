//! In which order a list's rows come, and after which of them a page begins.
//! Never leaves a tie open: rows of one value come by their ids.

use super::Bind;
use crate::binds;

/// The order of a list, and its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The place of the column among those that the list can be sorted by.
    pub column: usize,
    /// The greatest first.
    pub is_descending: bool,
    /// The value and the id of the last row of the page before; none: the first page.
    pub after: Option<(String, i64)>,
    /// Rows at most.
    pub rows: i64,
}

impl Order {
    /// The first rows by the list's first column, which is the id.
    #[must_use]
    pub const fn first(rows: i64) -> Self {
        Self { column: 0, is_descending: false, after: None, rows }
    }

    /// The newest rows, by the same.
    #[must_use]
    pub const fn newest(rows: i64) -> Self {
        Self { column: 0, is_descending: true, after: None, rows }
    }

    /// The query of this order, of those that `by!` makes of each column.
    #[must_use]
    pub fn of(&self, queries: &[[&'static str; 2]]) -> &'static str {
        queries[self.column][usize::from(self.is_descending)]
    }

    /// Whether there is a page before, the value and the id that it ended with, how many rows.
    #[must_use]
    pub fn binds(&self) -> Vec<Bind> {
        // A value that is compared with nothing has to be a number where numbers are compared.
        let (value, id) = self.after.as_ref().map_or(("0", 0), |(value, id)| (value.as_str(), *id));
        binds![i64::from(self.after.is_some()), value, id, self.rows]
    }
}

/// A query in both orders of a column: `$head` names the macro of everything up to the last condition, `$has` to
/// `$rows` are the places of [`Order::binds`].
macro_rules! by {
    ($head:ident, $column:literal, $id:literal, [$has:literal, $value:literal, $last:literal, $rows:literal]) => {
        [
            concat!(
                $head!(),
                " AND (",
                $has,
                " = 0 OR (",
                $column,
                ", ",
                $id,
                ") > (",
                $value,
                ", ",
                $last,
                "))
                ORDER BY ",
                $column,
                ", ",
                $id,
                " LIMIT ",
                $rows
            ),
            concat!(
                $head!(),
                " AND (",
                $has,
                " = 0 OR (",
                $column,
                ", ",
                $id,
                ") < (",
                $value,
                ", ",
                $last,
                "))
                ORDER BY ",
                $column,
                " DESC, ",
                $id,
                " DESC LIMIT ",
                $rows
            ),
        ]
    };
}
pub(crate) use by;
