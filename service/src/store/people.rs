//! Users, what they may do, their second factor, and how often they failed to log in, as rows.
//! Never sees a password or a code in clear.

use std::collections::BTreeMap;

use super::{Result, Row, Store, Transaction};
use crate::binds;

const USER_COLUMNS_BY_NAME: &str = "
    SELECT id, name, display_name, email, locale, password_hash, is_enabled, sees_all_tenants, version
    FROM users WHERE lower(name) = lower($1)";
const USER_COLUMNS_BY_ID: &str = "
    SELECT id, name, display_name, email, locale, password_hash, is_enabled, sees_all_tenants, version
    FROM users WHERE id = $1";
const USERS: &str = "
    SELECT id, name, display_name, email, locale, password_hash, is_enabled, sees_all_tenants, version
    FROM users ORDER BY lower(name) LIMIT 1000";
const COUNT_USERS: &str = "SELECT COUNT(*) FROM users";
/// Binds: id, name, display name, e-mail, hash, now_ms, all tenants.
const INSERT_USER: &str = "
    INSERT INTO users (id, name, display_name, email, password_hash, password_changed_ms, sees_all_tenants)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
/// Binds: id, hash, now_ms.
const SET_PASSWORD: &str = "
    UPDATE users SET password_hash = $2, password_changed_ms = $3, version = version + 1 WHERE id = $1";
/// Binds: id, hash. Nobody else's password changed meanwhile.
const REHASH: &str = "UPDATE users SET password_hash = $2 WHERE id = $1 AND password_hash = $3";
/// Binds: id, enabled, all tenants, display name, e-mail, version.
const UPDATE_USER: &str = "
    UPDATE users SET is_enabled = $2, sees_all_tenants = $3, display_name = $4, email = $5, version = version + 1
    WHERE id = $1 AND version = $6";
/// Binds: id.
const DELETE_USER: &str = "DELETE FROM users WHERE id = $1";
/// Binds: id, now_ms.
const SEEN: &str = "UPDATE users SET last_login_ms = $2 WHERE id = $1";
/// Binds: user.
const ROLES_OF: &str = "
    SELECT roles.id, roles.name, roles.requires_mfa FROM roles JOIN user_roles ON user_roles.role_id = roles.id
    WHERE user_roles.user_id = $1 ORDER BY roles.id";
/// Binds: user.
const PERMISSIONS_OF: &str = "
    SELECT DISTINCT role_permissions.permission FROM role_permissions
    JOIN user_roles ON user_roles.role_id = role_permissions.role_id
    WHERE user_roles.user_id = $1 ORDER BY role_permissions.permission";
/// Binds: user.
const TENANTS_OF: &str = "SELECT tenant_id FROM user_tenants WHERE user_id = $1 ORDER BY tenant_id";
/// Binds: user.
const SCOPES_OF: &str = "
    SELECT effect, resource_kind, resource_id FROM access_scopes
    WHERE user_id = $1 OR role_id IN (SELECT role_id FROM user_roles WHERE user_id = $1)";
const ROLES: &str = "
    SELECT roles.id, roles.name, roles.description, roles.is_system, roles.requires_mfa FROM roles ORDER BY roles.id";
const ROLE_PERMISSIONS: &str = "
    SELECT role_id, permission FROM role_permissions ORDER BY role_id, permission";
const PERMISSIONS: &str = "SELECT name, description FROM permissions ORDER BY name";
/// What users and tokens are called. Binds: actors, each with a comma before and after it.
const NAMES: &str = "
    SELECT 'u_' || id, name FROM users WHERE $1 LIKE '%,u_' || id || ',%'
    UNION ALL
    SELECT 's_' || id, name FROM service_tokens WHERE $1 LIKE '%,s_' || id || ',%'
    UNION ALL
    SELECT 'api:' || id, name FROM service_tokens WHERE $1 LIKE '%,api:' || id || ',%'";
/// Binds: user, role, who.
const GIVE_ROLE: &str = "INSERT INTO user_roles (user_id, role_id, granted_by) VALUES ($1, $2, $3)";
/// Binds: user.
const TAKE_ROLES: &str = "DELETE FROM user_roles WHERE user_id = $1";
/// Binds: user, tenant.
const GIVE_TENANT: &str = "INSERT INTO user_tenants (user_id, tenant_id) VALUES ($1, $2)";
/// Binds: user.
const TAKE_TENANTS: &str = "DELETE FROM user_tenants WHERE user_id = $1";
/// Binds: role.
const ROLE: &str = "SELECT id FROM roles WHERE id = $1 OR name = $1";
/// Keeps others from looking for administrators until the transaction ends, where the engine knows row locks.
const LOCK_ADMINS: &str = "UPDATE roles SET name = name WHERE name = 'admin'";
/// Users who can manage access, and those of them who see the whole house: every tenant, and nothing denied.
const ADMINS: &str = "
    SELECT COUNT(DISTINCT users.id), COUNT(DISTINCT CASE WHEN users.sees_all_tenants = 1 AND NOT EXISTS (
        SELECT 1 FROM access_scopes AS scope
        WHERE scope.effect = 'deny' AND (scope.user_id = users.id OR scope.role_id IN
            (SELECT held.role_id FROM user_roles AS held WHERE held.user_id = users.id))) THEN users.id END)
    FROM users
    JOIN user_roles ON user_roles.user_id = users.id
    JOIN role_permissions ON role_permissions.role_id = user_roles.role_id
    WHERE role_permissions.permission = 'can_manage_access' AND users.is_enabled = 1";

/// Binds: user.
const TOTP: &str = "SELECT secret_encrypted, confirmed_ms, last_step FROM user_totp WHERE user_id = $1";
/// Binds: user, secret. A confirmed one is not replaced.
const PUT_TOTP: &str = "
    INSERT INTO user_totp (user_id, secret_encrypted) VALUES ($1, $2)
    ON CONFLICT (user_id) DO UPDATE SET secret_encrypted = $2, last_step = 0 WHERE user_totp.confirmed_ms = 0";
/// Binds: user, step, now_ms. A step that was taken is not taken again.
const TAKE_STEP: &str = "
    UPDATE user_totp SET last_step = $2, confirmed_ms = CASE WHEN confirmed_ms = 0 THEN $3 ELSE confirmed_ms END
    WHERE user_id = $1 AND last_step < $2";
/// Binds: user.
const DROP_TOTP: &str = "DELETE FROM user_totp WHERE user_id = $1";
/// Binds: user.
const DROP_CODES: &str = "DELETE FROM user_recovery_codes WHERE user_id = $1";
/// Binds: user, hash.
const PUT_CODE: &str = "INSERT INTO user_recovery_codes (user_id, code_hash) VALUES ($1, $2)";
/// Binds: user, hash, now_ms.
const TAKE_CODE: &str = "
    UPDATE user_recovery_codes SET used_ms = $3 WHERE user_id = $1 AND code_hash = $2 AND used_ms = 0";

/// Binds: subject.
const THROTTLE: &str = "
    SELECT failures, last_failure_ms, blocked_until_ms FROM login_throttle WHERE subject = $1";
/// Counts one more failure, anew where the last one is long ago. Binds: subject, now_ms, forget before.
const FAILED: &str = "
    INSERT INTO login_throttle (subject, failures, first_failure_ms, last_failure_ms) VALUES ($1, 1, $2, $2)
    ON CONFLICT (subject) DO UPDATE SET
        failures = CASE WHEN login_throttle.last_failure_ms < $3 THEN 1 ELSE login_throttle.failures + 1 END,
        last_failure_ms = $2
    RETURNING failures";
/// Binds: subject, until.
const BLOCK: &str = "UPDATE login_throttle SET blocked_until_ms = $2 WHERE subject = $1";
/// Binds: subject.
const FORGIVE: &str = "DELETE FROM login_throttle WHERE subject = $1";
/// Binds: forget before.
const FORGET: &str = "DELETE FROM login_throttle WHERE last_failure_ms < $1";

/// Binds: hash, expires_ms.
const PUT_SETUP: &str = "INSERT INTO setup_tokens (token_hash, expires_ms) VALUES ($1, $2)";
const DROP_SETUPS: &str = "DELETE FROM setup_tokens WHERE used_ms = 0";
/// Binds: hash, now_ms.
const USE_SETUP: &str = "
    UPDATE setup_tokens SET used_ms = $2 WHERE token_hash = $1 AND used_ms = 0 AND expires_ms > $2";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[
    USER_COLUMNS_BY_NAME,
    USER_COLUMNS_BY_ID,
    USERS,
    COUNT_USERS,
    INSERT_USER,
    SET_PASSWORD,
    REHASH,
    UPDATE_USER,
    DELETE_USER,
    SEEN,
    ROLES_OF,
    PERMISSIONS_OF,
    TENANTS_OF,
    SCOPES_OF,
    ROLES,
    ROLE_PERMISSIONS,
    PERMISSIONS,
    NAMES,
    GIVE_ROLE,
    TAKE_ROLES,
    GIVE_TENANT,
    TAKE_TENANTS,
    ROLE,
    LOCK_ADMINS,
    ADMINS,
    TOTP,
    PUT_TOTP,
    TAKE_STEP,
    DROP_TOTP,
    DROP_CODES,
    PUT_CODE,
    TAKE_CODE,
    THROTTLE,
    FAILED,
    BLOCK,
    FORGIVE,
    FORGET,
    PUT_SETUP,
    DROP_SETUPS,
    USE_SETUP,
];

/// A user's row.
#[derive(Clone)]
pub struct UserRow {
    /// A UUID.
    pub id: String,
    /// What is typed at login.
    pub name: String,
    /// What others see.
    pub display_name: String,
    /// Where notices go.
    pub email: String,
    /// `pt-BR` or `en`.
    pub locale: String,
    /// Argon2id in PHC form; empty: no login by password.
    pub password_hash: String,
    /// May log in.
    pub is_enabled: bool,
    /// Sees every tenant.
    pub sees_all_tenants: bool,
    /// Grows with each change.
    pub version: i64,
}

impl UserRow {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.text(0)?,
            name: row.text(1)?,
            display_name: row.text(2)?,
            email: row.text(3)?,
            locale: row.text(4)?,
            password_hash: row.text(5)?,
            is_enabled: row.flag(6)?,
            sees_all_tenants: row.flag(7)?,
            version: row.int(8)?,
        })
    }
}

/// A role that a user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRole {
    /// Its id: what scopes are found by. Of a role that a house made itself it is not the name.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Asks for a second factor.
    pub requires_mfa: bool,
}

/// What a user may do and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Roles.
    pub roles: Vec<HeldRole>,
    /// Permissions of all roles.
    pub permissions: Vec<String>,
    /// Tenants that the user belongs to.
    pub tenants: Vec<i64>,
    /// `allow` or `deny`, `tenant`, `job` or `repository`, and which.
    pub scopes: Vec<(String, String, String)>,
}

/// A second factor's row.
pub struct TotpRow {
    /// The secret, sealed for its place.
    pub sealed: String,
    /// A code was typed once.
    pub is_confirmed: bool,
    /// The newest time step whose code was taken.
    pub last_step: i64,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Shipped, and not to be changed.
    pub is_system: bool,
    /// Asks for a second factor.
    pub requires_mfa: bool,
}

fn held(row: &Row) -> Result<HeldRole> {
    Ok(HeldRole { id: row.text(0)?, name: row.text(1)?, requires_mfa: row.flag(2)? })
}

impl Store {
    /// A user by the name that was typed.
    pub async fn user_named(&self, name: &str) -> Result<Option<UserRow>> {
        let row = self.one("reading a user", USER_COLUMNS_BY_NAME, binds![name]).await?;
        row.as_ref().map(UserRow::read).transpose()
    }

    /// A user by its id.
    pub async fn user(&self, id: &str) -> Result<Option<UserRow>> {
        let row = self.one("reading a user", USER_COLUMNS_BY_ID, binds![id]).await?;
        row.as_ref().map(UserRow::read).transpose()
    }

    /// The first thousand users by name.
    pub async fn users(&self) -> Result<Vec<UserRow>> {
        self.all("reading users", USERS, binds![]).await?.iter().map(UserRow::read).collect()
    }

    /// How many there are.
    pub async fn users_count(&self) -> Result<i64> {
        self.one("counting users", COUNT_USERS, binds![]).await?.map_or(Ok(0), |row| row.int(0))
    }

    /// What a user may do and where.
    pub async fn rights(&self, user: &str) -> Result<Rights> {
        let roles = self.all("reading roles", ROLES_OF, binds![user]).await?;
        let permissions = self.all("reading permissions", PERMISSIONS_OF, binds![user]).await?;
        let tenants = self.all("reading tenants", TENANTS_OF, binds![user]).await?;
        let scopes = self.all("reading scopes", SCOPES_OF, binds![user]).await?;
        let three = |row: &Row| Ok((row.text(0)?, row.text(1)?, row.text(2)?));
        Ok(Rights {
            roles: roles.iter().map(held).collect::<Result<_>>()?,
            permissions: permissions.iter().map(|row| row.text(0)).collect::<Result<_>>()?,
            tenants: tenants.iter().map(|row| row.int(0)).collect::<Result<_>>()?,
            scopes: scopes.iter().map(three).collect::<Result<_>>()?,
        })
    }

    /// Every role with its permissions.
    pub async fn roles(&self) -> Result<Vec<(RoleRow, Vec<String>)>> {
        let given = self.all("reading permissions of roles", ROLE_PERMISSIONS, binds![]).await?;
        let given: Vec<(String, String)> =
            given.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect::<Result<_>>()?;
        let rows = self.all("reading roles", ROLES, binds![]).await?;
        rows.iter()
            .map(|row| {
                let role = RoleRow {
                    id: row.text(0)?,
                    name: row.text(1)?,
                    description: row.text(2)?,
                    is_system: row.flag(3)?,
                    requires_mfa: row.flag(4)?,
                };
                let own = given.iter().filter(|(id, _)| *id == role.id).map(|(_, name)| name.clone());
                let own = own.collect();
                Ok((role, own))
            })
            .collect()
    }

    /// Every permission with what it is for.
    pub async fn permissions(&self) -> Result<Vec<(String, String)>> {
        let rows = self.all("reading permissions", PERMISSIONS, binds![]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    /// The names of actors (`u_…`, `s_…`, `api:…`), where they have one.
    pub async fn names(&self, actors: &[&str]) -> Result<BTreeMap<String, String>> {
        if actors.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows = self.all("reading names", NAMES, binds![format!(",{},", actors.join(","))]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    /// Replaces a hash by one with today's parameters, where it still is the same.
    pub async fn rehash(&self, user: &str, new: &str, old: &str) -> Result<()> {
        self.run("renewing a password's hash", REHASH, binds![user, new, old]).await.map(|_| ())
    }

    /// Notes a login.
    pub async fn logged_in(&self, user: &str, now_ms: i64) -> Result<()> {
        self.run("noting a login", SEEN, binds![user, now_ms]).await.map(|_| ())
    }

    /// A user's second factor.
    pub async fn totp(&self, user: &str) -> Result<Option<TotpRow>> {
        let row = self.one("reading a second factor", TOTP, binds![user]).await?;
        row.map(|row| {
            Ok(TotpRow { sealed: row.text(0)?, is_confirmed: row.int(1)? > 0, last_step: row.int(2)? })
        })
        .transpose()
    }

    /// Stores a second factor that has yet to be confirmed; false where a confirmed one is there.
    pub async fn put_totp(&self, user: &str, sealed: &str) -> Result<bool> {
        Ok(self.run("writing a second factor", PUT_TOTP, binds![user, sealed]).await? > 0)
    }

    /// Takes a time step; false where it or a newer one was taken already.
    pub async fn take_step(&self, user: &str, step: i64, now_ms: i64) -> Result<bool> {
        Ok(self.run("taking a code", TAKE_STEP, binds![user, step, now_ms]).await? > 0)
    }

    /// Takes a recovery code; false where there is none, or it was taken.
    pub async fn take_code(&self, user: &str, hash: &str, now_ms: i64) -> Result<bool> {
        Ok(self.run("taking a recovery code", TAKE_CODE, binds![user, hash, now_ms]).await? > 0)
    }

    /// Failures in a row and until when a subject is made to wait.
    pub async fn throttled_until(&self, subject: &str) -> Result<i64> {
        let row = self.one("reading failed logins", THROTTLE, binds![subject]).await?;
        row.map_or(Ok(0), |row| row.int(2))
    }

    /// Counts a failure; how many in a row there are.
    pub async fn login_failed(&self, subject: &str, now_ms: i64, forget_before_ms: i64) -> Result<i64> {
        let row =
            self.one("counting a failed login", FAILED, binds![subject, now_ms, forget_before_ms]).await?;
        row.map_or(Ok(1), |row| row.int(0))
    }

    /// Makes a subject wait.
    pub async fn throttle(&self, subject: &str, until_ms: i64) -> Result<()> {
        self.run("noting a wait", BLOCK, binds![subject, until_ms]).await.map(|_| ())
    }

    /// Forgets a subject's failures.
    pub async fn forgive(&self, subject: &str) -> Result<()> {
        self.run("forgetting failed logins", FORGIVE, binds![subject]).await.map(|_| ())
    }

    /// Forgets all failures before a moment.
    pub async fn forget_failures(&self, before_ms: i64) -> Result<()> {
        self.run("forgetting failed logins", FORGET, binds![before_ms]).await.map(|_| ())
    }

    /// Puts a set-up token in the place of those that were never used.
    pub async fn put_setup(&self, hash: Vec<u8>, expires_ms: i64) -> Result<()> {
        self.run("removing set-up tokens", DROP_SETUPS, binds![]).await?;
        self.run("writing a set-up token", PUT_SETUP, binds![hash, expires_ms]).await.map(|_| ())
    }

    /// The id of a role by id or name.
    pub async fn role_named(&self, name: &str) -> Result<Option<String>> {
        self.one("reading a role", ROLE, binds![name]).await?.map(|row| row.text(0)).transpose()
    }
}

/// Enabled users who can manage access.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Administrators {
    /// All of them.
    pub all: u64,
    /// Those who see every tenant, and to whom nothing is denied: they alone can manage everybody.
    pub of_the_house: u64,
}

/// A user to be written.
pub struct NewUser<'a> {
    /// A UUID.
    pub id: &'a str,
    /// What is typed at login.
    pub name: &'a str,
    /// What others see.
    pub display_name: &'a str,
    /// Where notices go.
    pub email: &'a str,
    /// Argon2id in PHC form.
    pub password_hash: &'a str,
    /// Sees every tenant.
    pub sees_all_tenants: bool,
}

impl Transaction {
    /// Takes a set-up token; false where there is none, it was used, or its hour is over.
    pub async fn use_setup(&mut self, hash: Vec<u8>, now_ms: i64) -> Result<bool> {
        Ok(self.run("taking a set-up token", USE_SETUP, binds![hash, now_ms]).await? > 0)
    }

    /// How many users there are.
    pub async fn count_users(&mut self) -> Result<i64> {
        self.one("counting users", COUNT_USERS, binds![]).await?.map_or(Ok(0), |row| row.int(0))
    }

    /// Writes a user.
    pub async fn insert_user(&mut self, new: &NewUser<'_>, now_ms: i64) -> Result<()> {
        let binds = binds![
            new.id,
            new.name,
            new.display_name,
            new.email,
            new.password_hash,
            now_ms,
            new.sees_all_tenants
        ];
        self.run("writing a user", INSERT_USER, binds).await.map(|_| ())
    }

    /// Gives a user exactly these roles.
    pub async fn set_roles(&mut self, user: &str, roles: &[String], by: &str) -> Result<()> {
        self.run("taking roles", TAKE_ROLES, binds![user]).await?;
        for role in roles {
            self.run("giving a role", GIVE_ROLE, binds![user, role, by]).await?;
        }
        Ok(())
    }

    /// Gives a user exactly these tenants.
    pub async fn set_tenants(&mut self, user: &str, tenants: &[i64]) -> Result<()> {
        self.run("taking tenants", TAKE_TENANTS, binds![user]).await?;
        for tenant in tenants {
            self.run("giving a tenant", GIVE_TENANT, binds![user, *tenant]).await?;
        }
        Ok(())
    }

    /// Changes a user, where its version still is this; false where it is not.
    pub async fn update_user(&mut self, user: &UserRow) -> Result<bool> {
        let binds = binds![
            &user.id,
            user.is_enabled,
            user.sees_all_tenants,
            &user.display_name,
            &user.email,
            user.version
        ];
        Ok(self.run("changing a user", UPDATE_USER, binds).await? > 0)
    }

    /// How many can manage access, and how many of them see the whole house; nobody else looks until this transaction
    /// ends.
    pub async fn administrators(&mut self) -> Result<Administrators> {
        self.run("locking administrators", LOCK_ADMINS, binds![]).await?;
        let row = self.one("counting administrators", ADMINS, binds![]).await?;
        row.map_or_else(
            || Ok(Administrators::default()),
            |row| Ok(Administrators { all: row.count(0)?, of_the_house: row.count(1)? }),
        )
    }

    /// Removes a user.
    pub async fn delete_user(&mut self, user: &str) -> Result<bool> {
        Ok(self.run("removing a user", DELETE_USER, binds![user]).await? > 0)
    }

    /// Sets a password's hash.
    pub async fn set_password(&mut self, user: &str, hash: &str, now_ms: i64) -> Result<()> {
        self.run("setting a password", SET_PASSWORD, binds![user, hash, now_ms]).await.map(|_| ())
    }

    /// Replaces a user's recovery codes.
    pub async fn set_codes(&mut self, user: &str, hashes: &[String]) -> Result<()> {
        self.run("removing recovery codes", DROP_CODES, binds![user]).await?;
        for hash in hashes {
            self.run("writing a recovery code", PUT_CODE, binds![user, hash]).await?;
        }
        Ok(())
    }

    /// Removes a user's second factor and recovery codes.
    pub async fn drop_totp(&mut self, user: &str) -> Result<()> {
        self.run("removing a second factor", DROP_TOTP, binds![user]).await?;
        self.run("removing recovery codes", DROP_CODES, binds![user]).await.map(|_| ())
    }
}
