//! Roles that a house makes itself, and where users and roles may look, as rows.
//! Never touches a role that is shipped.

use super::people::RoleRow;
use super::{Result, Row, Store, Transaction, at};
use crate::binds;

/// Binds: id.
const ROLE: &str =
    "SELECT id, name, description, is_system, requires_mfa, updated_at FROM roles WHERE id = $1";
/// Binds: role.
const PERMISSIONS: &str = "SELECT permission FROM role_permissions WHERE role_id = $1 ORDER BY permission";
/// Binds: id, name, description, whether it asks for a second factor, now_at.
const INSERT_ROLE: &str = "
    INSERT INTO roles (id, name, description, is_system, requires_mfa, updated_at) VALUES ($1, $2, $3, 0, $4, $5)";
/// Changes a role that is as it was seen. Binds: id, name, description, second factor, now_at, seen_at.
const UPDATE_ROLE: &str = "
    UPDATE roles SET name = $2, description = $3, requires_mfa = $4, updated_at = $5
    WHERE id = $1 AND is_system = 0 AND updated_at = $6";
/// Removes a role that nobody has. Binds: id.
const DELETE_ROLE: &str = "
    DELETE FROM roles WHERE id = $1 AND is_system = 0
        AND NOT EXISTS (SELECT 1 FROM user_roles WHERE user_roles.role_id = roles.id)";
/// Binds: role, permission.
const GIVE: &str = "INSERT INTO role_permissions (role_id, permission) VALUES ($1, $2)";
/// Binds: role.
const TAKE: &str = "DELETE FROM role_permissions WHERE role_id = $1";
/// Ends the sessions of all who have a role. Binds: role.
const END_SESSIONS: &str = "
    UPDATE auth_sessions SET state = 'revoked', revoked_reason = 'rights_changed'
    WHERE state <> 'revoked' AND user_id IN (SELECT user_id FROM user_roles WHERE role_id = $1)";
/// Binds: user or NULL, role or NULL.
const SCOPES: &str = "
    SELECT effect, resource_kind, resource_id FROM access_scopes
    WHERE user_id = $1 OR role_id = $2 ORDER BY effect DESC, resource_kind, resource_id";
/// Binds: user or NULL, role or NULL.
const TAKE_SCOPES: &str = "DELETE FROM access_scopes WHERE user_id = $1 OR role_id = $2";
/// Binds: id, user or NULL, role or NULL, effect, kind, which.
const GIVE_SCOPE: &str = "
    INSERT INTO access_scopes (id, user_id, role_id, effect, resource_kind, resource_id)
    VALUES ($1, $2, $3, $4, $5, $6)";

/// Counts a user's version on, where it still is the one that was seen. Binds: id, version.
const NEXT_USER: &str = "UPDATE users SET version = version + 1 WHERE id = $1 AND version = $2";
/// The same of a role. Binds: id, now_at, seen_at.
const NEXT_ROLE: &str = "UPDATE roles SET updated_at = $2 WHERE id = $1 AND updated_at = $3";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[
    ROLE,
    PERMISSIONS,
    INSERT_ROLE,
    UPDATE_ROLE,
    DELETE_ROLE,
    GIVE,
    TAKE,
    END_SESSIONS,
    SCOPES,
    TAKE_SCOPES,
    GIVE_SCOPE,
    NEXT_USER,
    NEXT_ROLE,
];

/// Whose scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder<'a> {
    /// A user's.
    User(&'a str),
    /// Those of all who have a role.
    Role(&'a str),
}

impl<'a> Holder<'a> {
    const fn ids(self) -> (Option<&'a str>, Option<&'a str>) {
        match self {
            Self::User(id) => (Some(id), None),
            Self::Role(id) => (None, Some(id)),
        }
    }
}

/// Where somebody may look, or may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRow {
    /// `allow` or `deny`.
    pub effect: String,
    /// `tenant` or `job`.
    pub kind: String,
    /// Which.
    pub resource: String,
}

impl Store {
    /// A role, its permissions, and when it was changed last.
    ///
    /// # Errors
    /// What the database says.
    pub async fn role(&self, id: &str) -> Result<Option<(RoleRow, Vec<String>, String)>> {
        let Some(row) = self.one("reading a role", ROLE, binds![id]).await? else { return Ok(None) };
        let role = RoleRow {
            id: row.text(0)?,
            name: row.text(1)?,
            description: row.text(2)?,
            is_system: row.flag(3)?,
            requires_mfa: row.flag(4)?,
        };
        let given = self.all("reading a role's permissions", PERMISSIONS, binds![id]).await?;
        let given = given.iter().map(|row| row.text(0)).collect::<Result<_>>()?;
        Ok(Some((role, given, row.text(5)?)))
    }

    /// Removes a role; false where somebody has it, or it is shipped.
    ///
    /// # Errors
    /// What the database says.
    pub async fn delete_role(&self, id: &str) -> Result<bool> {
        Ok(self.run("removing a role", DELETE_ROLE, binds![id]).await? > 0)
    }

    /// Where a user or a role may look, beside the user's tenants.
    ///
    /// # Errors
    /// What the database says.
    pub async fn scopes(&self, of: Holder<'_>) -> Result<Vec<ScopeRow>> {
        let (user, role) = of.ids();
        let rows = self.all("reading scopes", SCOPES, binds![user, role]).await?;
        let read =
            |row: &Row| Ok(ScopeRow { effect: row.text(0)?, kind: row.text(1)?, resource: row.text(2)? });
        rows.iter().map(read).collect()
    }
}

impl Transaction {
    /// Writes a role with its permissions.
    ///
    /// # Errors
    /// What the database says; a duplicate where the name is taken.
    pub async fn insert_role(&mut self, role: &RoleRow, permissions: &[String], now_at: &str) -> Result<()> {
        let binds = binds![&role.id, &role.name, &role.description, role.requires_mfa, now_at];
        self.run("writing a role", INSERT_ROLE, binds).await?;
        self.give_permissions(&role.id, permissions).await
    }

    /// Changes a role where it still is as it was seen, and ends the sessions of all who have it.
    ///
    /// # Errors
    /// What the database says; a duplicate where the name is taken.
    pub async fn update_role(
        &mut self,
        role: &RoleRow,
        permissions: &[String],
        (now_at, seen_at): (&str, &str),
    ) -> Result<bool> {
        let binds = binds![&role.id, &role.name, &role.description, role.requires_mfa, now_at, seen_at];
        if self.run("changing a role", UPDATE_ROLE, binds).await? == 0 {
            return Ok(false);
        }
        self.run("taking permissions", TAKE, binds![&role.id]).await?;
        self.give_permissions(&role.id, permissions).await?;
        self.run("ending sessions", END_SESSIONS, binds![&role.id]).await?;
        Ok(true)
    }

    async fn give_permissions(&mut self, role: &str, permissions: &[String]) -> Result<()> {
        for permission in permissions {
            self.run("giving a permission", GIVE, binds![role, permission]).await?;
        }
        Ok(())
    }

    /// Gives a user or a role, as it was seen, exactly these scopes, each with an id of its own; false where it is not
    /// as it was seen. A user's version is counted on by one, a role's is `next`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn set_scopes(
        &mut self,
        of: Holder<'_>,
        scopes: &[(String, ScopeRow)],
        (seen, next): (i64, i64),
    ) -> Result<bool> {
        let changed = match of {
            Holder::User(id) => self.run("changing a user", NEXT_USER, binds![id, seen]).await?,
            Holder::Role(id) => {
                self.run("changing a role", NEXT_ROLE, binds![id, at(next), at(seen)]).await?
            }
        };
        if changed == 0 {
            return Ok(false);
        }
        let (user, role) = of.ids();
        self.run("taking scopes", TAKE_SCOPES, binds![user, role]).await?;
        for (id, scope) in scopes {
            let binds = binds![id, user, role, &scope.effect, &scope.kind, &scope.resource];
            self.run("giving a scope", GIVE_SCOPE, binds).await?;
        }
        Ok(true)
    }
}
