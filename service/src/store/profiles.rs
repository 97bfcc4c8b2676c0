//! Profiles of servers as operators changed them, version after version, as rows.
//! Never reads one: what a text means is the engine's affair.

use super::{Result, Row, Store};
use crate::binds;

/// Binds: name.
const NEWEST: &str = "
    SELECT name, version, text, created_by, created_at FROM provider_profiles WHERE name = $1
    ORDER BY version DESC LIMIT 1";
/// The newest version of each name. Binds: rows.
const ALL: &str = "
    SELECT its.name, its.version, its.text, its.created_by, its.created_at FROM provider_profiles AS its
    WHERE its.version = (SELECT MAX(other.version) FROM provider_profiles AS other WHERE other.name = its.name)
    ORDER BY its.name LIMIT $1";
/// Fails as a duplicate where somebody was faster. Binds: name, version, text, who.
const INSERT: &str =
    "INSERT INTO provider_profiles (name, version, text, created_by) VALUES ($1, $2, $3, $4)";

/// A profile that somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of its name in provider_profiles")]
pub struct ProfileRow {
    pub name: String,
    pub version: i64,
    /// Empty: the shipped one holds again.
    pub text: String,
    pub created_by: String,
    pub created_at: String,
}

fn profile(row: &Row) -> Result<ProfileRow> {
    Ok(ProfileRow {
        name: row.text(0)?,
        version: row.int(1)?,
        text: row.text(2)?,
        created_by: row.text(3)?,
        created_at: row.text(4)?,
    })
}

impl Store {
    /// The newest version of a profile; nothing where nobody ever wrote one.
    pub async fn profile(&self, name: &str) -> Result<Option<ProfileRow>> {
        self.one("reading a profile", NEWEST, binds![name]).await?.as_ref().map(profile).transpose()
    }

    /// The newest version of each.
    pub async fn profiles(&self, rows: i64) -> Result<Vec<ProfileRow>> {
        self.all("reading profiles", ALL, binds![rows]).await?.iter().map(profile).collect()
    }

    /// Writes a version. Fails as a duplicate where somebody was faster.
    pub async fn insert_profile(&self, name: &str, version: i64, text: &str, who: &str) -> Result<()> {
        self.run("writing a profile", INSERT, binds![name, version, text, who]).await.map(|_| ())
    }
}
