//! Makes and renews the tables: each migration once, in order, within one transaction.
//! Never changes what a newer malote has made.

use super::error::Broken;
use super::session::{Bind, Session};

/// One step of the tables' history.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    number: i64,
    name: &'static str,
    text: &'static str,
}

/// An engine's migrations.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// Makes the table of migrations where there is none, and keeps others from migrating meanwhile.
    prepare: &'static str,
    list: &'static [Migration],
}

/// SQLite's migrations; `BEGIN IMMEDIATE` keeps others away.
pub const SQLITE: Migrations = Migrations {
    prepare: "
        CREATE TABLE IF NOT EXISTS ledger_migration (
            number INTEGER PRIMARY KEY,
            name TEXT NOT NULL
        ) STRICT",
    list: &[
        Migration {
            number: 1,
            name: "ledger",
            text: include_str!("../../../../migrations/sqlite/0001_ledger.sql"),
        },
        Migration {
            number: 2,
            name: "modseq_trust",
            text: include_str!("../../../../migrations/sqlite/0002_modseq_trust.sql"),
        },
        Migration {
            number: 3,
            name: "repairs",
            text: include_str!("../../../../migrations/sqlite/0003_repairs.sql"),
        },
        Migration {
            number: 4,
            name: "origins",
            text: include_str!("../../../../migrations/sqlite/0004_origins.sql"),
        },
        Migration {
            number: 5,
            name: "imprints",
            text: include_str!("../../../../migrations/sqlite/0005_imprints.sql"),
        },
    ],
};

/// PostgreSQL's migrations; an advisory lock makes machines that start together wait for the first.
pub const POSTGRES: Migrations = Migrations {
    prepare: "
        SELECT pg_advisory_xact_lock(1298230383);
        CREATE TABLE IF NOT EXISTS ledger_migration (
            number BIGINT PRIMARY KEY,
            name TEXT NOT NULL
        )",
    list: &[
        Migration {
            number: 1,
            name: "ledger",
            text: include_str!("../../../../migrations/postgres/0001_ledger.sql"),
        },
        Migration {
            number: 2,
            name: "modseq_trust",
            text: include_str!("../../../../migrations/postgres/0002_modseq_trust.sql"),
        },
        Migration {
            number: 3,
            name: "repairs",
            text: include_str!("../../../../migrations/postgres/0003_repairs.sql"),
        },
        Migration {
            number: 4,
            name: "origins",
            text: include_str!("../../../../migrations/postgres/0004_origins.sql"),
        },
        Migration {
            number: 5,
            name: "imprints",
            text: include_str!("../../../../migrations/postgres/0005_imprints.sql"),
        },
    ],
};

/// The newest migration that was run; 0 for none. Binds: none.
pub(super) const NEWEST: &str = "SELECT COALESCE(MAX(number), 0) FROM ledger_migration";

/// Notes that a migration was run. Binds: number, name.
pub(super) const NOTE: &str = "INSERT INTO ledger_migration (number, name) VALUES ($1, $2)";

/// Brings the tables up to what this malote knows.
pub(super) async fn migrate<S: Session>(session: &mut S) -> Result<(), Broken> {
    let Migrations { prepare, list } = S::MIGRATIONS;
    session.batch(S::BEGIN).await?;
    session.batch(prepare).await?;
    let mut found = 0;
    session
        .rows(NEWEST, Vec::new(), &mut |row| {
            found = row.int(0)?;
            Ok(())
        })
        .await?;
    let known = list.last().map_or(0, |migration| migration.number);
    if found > known {
        return Err(Broken::Newer { found, known });
    }
    for migration in list.iter().filter(|migration| migration.number > found) {
        session.batch(migration.text).await?;
        session.run(NOTE, vec![Bind::Int(migration.number), Bind::text(migration.name)]).await?;
    }
    session.batch("COMMIT").await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_have_the_same_migrations_in_order() {
        let names = |list: &[Migration]| list.iter().map(|step| (step.number, step.name)).collect::<Vec<_>>();
        assert_eq!(names(SQLITE.list), names(POSTGRES.list));
        assert!(names(SQLITE.list).iter().map(|step| step.0).eq(1..=SQLITE.list.len() as i64));
    }

    #[test]
    fn both_engines_have_the_same_columns() {
        let columns = |migrations: Migrations| {
            let lines = migrations.list.iter().flat_map(|step| step.text.lines());
            let of_tables = lines.filter(|line| line.starts_with("CREATE") || line.starts_with("    "));
            of_tables
                .filter_map(|line| line.split_whitespace().find(|word| *word != "CREATE"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(columns(SQLITE), columns(POSTGRES));
    }
}
