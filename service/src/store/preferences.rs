//! How people want to see the console, as rows: language, theme, zone; an empty word was never chosen.
//! Never decides what holds where nothing was chosen.

use super::{Result, Store};
use crate::binds;

/// Binds: user.
const READ: &str = "SELECT language, theme, zone FROM user_preferences WHERE user_id = $1";
/// Binds: user, language, theme, zone, now_ms.
const PUT: &str = "
    INSERT INTO user_preferences (user_id, language, theme, zone, changed_ms) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (user_id) DO UPDATE SET language = $2, theme = $3, zone = $4, changed_ms = $5";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[READ, PUT];

/// What somebody chose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PreferencesRow {
    /// `pt-BR` or `en`; empty: as the browser wishes.
    pub language: String,
    /// `auto`, `light` or `dark`; empty: not chosen.
    pub theme: String,
    /// A name of the IANA time zone database; empty: not chosen.
    pub zone: String,
}

impl Store {
    /// What somebody chose; nothing but empty words where they never did.
    ///
    /// # Errors
    /// What the database says.
    pub async fn preferences(&self, user: &str) -> Result<PreferencesRow> {
        let row = self.one("reading preferences", READ, binds![user]).await?;
        row.map_or_else(
            || Ok(PreferencesRow::default()),
            |row| Ok(PreferencesRow { language: row.text(0)?, theme: row.text(1)?, zone: row.text(2)? }),
        )
    }

    /// Writes down what somebody chose, in the place of what they chose before.
    ///
    /// # Errors
    /// What the database says.
    pub async fn put_preferences(&self, user: &str, chosen: &PreferencesRow, now_ms: i64) -> Result<()> {
        let binds = binds![user, &chosen.language, &chosen.theme, &chosen.zone, now_ms];
        self.run("writing preferences", PUT, binds).await.map(|_| ())
    }
}
