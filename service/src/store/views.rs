//! Views of the list of jobs that somebody keeps by name, as rows; one of them at most is where their list begins.
//! Never reads a filter: what one means is the list's.

use super::{Result, Row, Store};
use crate::binds;

/// Binds: user.
const LIST: &str = "
    SELECT id, name, filters_json, is_default FROM saved_views WHERE user_id = $1 ORDER BY lower(name), id";
/// Binds: user.
const COUNT: &str = "SELECT COUNT(*) FROM saved_views WHERE user_id = $1";
/// Binds: user, id.
const ONE: &str = "SELECT id, name, filters_json, is_default FROM saved_views WHERE user_id = $1 AND id = $2";
/// Binds: id, user, name, filters, default, now_ms.
const INSERT: &str = "
    INSERT INTO saved_views (id, user_id, name, filters_json, is_default, created_ms)
    VALUES ($1, $2, $3, $4, $5, $6)";
/// Binds: user, id, name, filters, default.
const CHANGE: &str = "
    UPDATE saved_views SET name = $3, filters_json = $4, is_default = $5 WHERE user_id = $1 AND id = $2";
/// No other view of a user is where the list begins. Binds: user, id.
const NO_OTHER_DEFAULT: &str = "
    UPDATE saved_views SET is_default = 0 WHERE user_id = $1 AND id <> $2 AND is_default = 1";
/// Binds: user, id.
const REMOVE: &str = "DELETE FROM saved_views WHERE user_id = $1 AND id = $2";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[LIST, COUNT, ONE, INSERT, CHANGE, NO_OTHER_DEFAULT, REMOVE];

/// A view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewRow {
    /// A UUID.
    pub id: String,
    /// What its keeper calls it.
    pub name: String,
    /// The filters as a JSON object.
    pub filters_json: String,
    /// The list begins with it.
    pub is_default: bool,
}

fn view(row: &Row) -> Result<ViewRow> {
    Ok(ViewRow { id: row.text(0)?, name: row.text(1)?, filters_json: row.text(2)?, is_default: row.flag(3)? })
}

impl Store {
    /// Somebody's views by name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn views(&self, user: &str) -> Result<Vec<ViewRow>> {
        self.all("reading views", LIST, binds![user]).await?.iter().map(view).collect()
    }

    /// One of somebody's views.
    ///
    /// # Errors
    /// What the database says.
    pub async fn view(&self, user: &str, id: &str) -> Result<Option<ViewRow>> {
        self.one("reading a view", ONE, binds![user, id]).await?.as_ref().map(view).transpose()
    }

    /// Writes a new view; false where its keeper has `most` already.
    ///
    /// # Errors
    /// What the database says; a duplicate where there is one of the name.
    pub async fn insert_view(&self, user: &str, row: &ViewRow, most: i64, now_ms: i64) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let count = transaction.one("counting views", COUNT, binds![user]).await?;
        if count.map_or(Ok(0), |row| row.int(0))? >= most {
            return Ok(false);
        }
        if row.is_default {
            transaction.run("changing views", NO_OTHER_DEFAULT, binds![user, &row.id]).await?;
        }
        let binds = binds![&row.id, user, &row.name, &row.filters_json, row.is_default, now_ms];
        transaction.run("writing a view", INSERT, binds).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Changes a view; false where there is none of this id.
    ///
    /// # Errors
    /// What the database says; a duplicate where there is another of the name.
    pub async fn change_view(&self, user: &str, row: &ViewRow) -> Result<bool> {
        let mut transaction = self.begin().await?;
        if row.is_default {
            transaction.run("changing views", NO_OTHER_DEFAULT, binds![user, &row.id]).await?;
        }
        let binds = binds![user, &row.id, &row.name, &row.filters_json, row.is_default];
        let is_changed = transaction.run("changing a view", CHANGE, binds).await? > 0;
        transaction.commit().await?;
        Ok(is_changed)
    }

    /// Removes a view; false where there is none of this id.
    ///
    /// # Errors
    /// What the database says.
    pub async fn remove_view(&self, user: &str, id: &str) -> Result<bool> {
        Ok(self.run("removing a view", REMOVE, binds![user, id]).await? > 0)
    }
}
