//! The service's own database on both engines: tables as the data model has them, triggers, every query.
//! Never runs a migration of mail.

mod service_data {
    mod acknowledged;
    mod cutover;
    pub mod schema;
    mod selections;
}

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use acceptance::program::Home;
use acceptance::servers::Postgres;
use anyhow::{Context, Result, ensure};
use malote_service::binds;
use malote_service::store::{Store, Where, migrate};
use service_data::schema::{
    AUDITED, Column, ENUMS, INDEXES, KEEPS_GROWING, Kind, SEED, TABLES, columns, text,
};

/// Both engines, each with its tables made; PostgreSQL is left out, with a line that says so, where it is missing.
struct Engines {
    stores: Vec<(&'static str, Store)>,
    // Kept until the stores are done with them.
    _postgres: Option<Postgres>,
    _folder: tempfile::TempDir,
}

impl Engines {
    async fn start() -> Result<Self> {
        let (folder, postgres) = (tempfile::tempdir()?, Postgres::start()?);
        let mut stores = vec![("SQLite", Store::connect(&Where::in_folder(folder.path())).await?)];
        if let Some(postgres) = &postgres {
            stores.push(("PostgreSQL", Store::connect(&Where::parse(&postgres.url())?).await?));
        }
        for (engine, store) in &stores {
            let taken = migrate::up(store).await.with_context(|| format!("making tables on {engine}"))?;
            assert_eq!(taken.len() as i64, migrate::count(), "{engine}");
        }
        Ok(Self { stores, _postgres: postgres, _folder: folder })
    }
}

#[tokio::test]
async fn the_live_schema_of_both_engines_is_the_data_models() -> Result<()> {
    let engines = Engines::start().await?;
    let mut all = Vec::new();
    for (engine, store) in &engines.stores {
        has_every_seed_column(engine, store).await?;
        has_every_table_and_index(engine, store).await?;
        takes_the_words_of_each_enum_and_no_others(engine, store).await?;
        tells_what_belongs_to_nothing(engine, store).await?;
        keeps_its_own_times(engine, store).await?;
        notes_every_change_without_its_secrets(engine, store).await?;
        keeps_the_trail(engine, store).await?;
        can_prepare_every_query(engine, store).await?;
        goes_down_and_up_again(engine, store).await?;
        all.push(columns(store).await?);
    }
    ensure!(all.windows(2).all(|pair| pair[0] == pair[1]), "the engines' columns differ: {all:#?}");
    Ok(())
}

async fn has_every_seed_column(engine: &str, store: &Store) -> Result<()> {
    let live = columns(store).await?;
    for (table, wanted) in SEED {
        let found = live.get(*table).with_context(|| format!("{engine} has no table {table}"))?;
        for (name, kind, is_nullable) in *wanted {
            let column = Column { kind: *kind, is_nullable: *is_nullable };
            assert_eq!(found.get(*name), Some(&column), "{engine}: {table}.{name}");
        }
    }
    for (table, column, default) in [
        ("migration_mailboxes", "messages_source", "0"),
        ("migration_mailboxes", "messages_dest", "0"),
        ("migration_mailboxes", "bytes_source", "0"),
        ("migration_mailboxes", "bytes_dest", "0"),
        ("migration_mailboxes", "sync_percent", "0"),
    ] {
        assert_eq!(
            service_data::schema::default_of(store, table, column).await?,
            default,
            "{table}.{column}"
        );
    }
    Ok(())
}

async fn has_every_table_and_index(engine: &str, store: &Store) -> Result<()> {
    let live = columns(store).await?;
    for table in TABLES {
        assert!(live.contains_key(*table), "{engine} has no table {table}");
    }
    let indexes = service_data::schema::names(store, "index").await?;
    for index in INDEXES {
        assert!(indexes.contains(*index), "{engine} has no index {index}");
    }
    if !store.is_postgres() {
        let lax =
            text(store, "SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0").await?;
        let ours: Vec<_> = lax.into_iter().filter(|name| !name.starts_with("sqlite_")).collect();
        assert_eq!(ours, Vec::<String>::new(), "not STRICT");
        assert_eq!(text(store, "SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys").await?, ["1"]);
    }
    Ok(())
}

/// A job with a mailbox, a run and what hangs on them, for tests that change single columns.
async fn plant(store: &Store) -> Result<()> {
    for statement in [
        "INSERT INTO tenants (id, name) VALUES (1, 'VM112')",
        "INSERT INTO migration_jobs (id, tenant_id, domain) VALUES (1, 1, 'exemplo.com.br')",
        "INSERT INTO migration_mailboxes (id, job_id, email, source_type) VALUES (1, 1, 'ana@exemplo.com.br', 'imap')",
        "INSERT INTO migration_runs (id, job_id, mailbox_id, run_type, triggered_by)
         VALUES (1, 1, 1, 'initial', 'worker')",
        "INSERT INTO migration_gate_checks (id, job_id, check_id, status) VALUES (1, 1, 'count_ratio', 'fail')",
        "INSERT INTO migration_credentials (id, mailbox_id, secret_blob)
         VALUES ('00000000-0000-4000-8000-000000000001', 1, CAST('gAAAAA-sealed' AS BYTES))",
        "INSERT INTO quarantine_items (id, job_id, mailbox_id, folder_path, source_ref, reason)
         VALUES (1, 1, 1, 'INBOX', '7', 'refused')",
        "INSERT INTO endpoints (id, name, kind) VALUES ('00000000-0000-4000-8000-000000000002', 'old', 'imap')",
        "INSERT INTO schedules (id, name) VALUES ('00000000-0000-4000-8000-000000000003', 'deltas')",
        "INSERT INTO mailbox_contexts (id, tenant_id, address)
         VALUES ('00000000-0000-4000-8000-000000000004', 1, 'ana@exemplo.com.br')",
        "INSERT INTO mailbox_folders (id, mailbox_id, source_path) VALUES (1, 1, 'INBOX')",
        "INSERT INTO system_settings (key, value_json) VALUES ('banner', '\"x\"')",
    ] {
        let octets = if store.is_postgres() { "AS BYTEA" } else { "AS BLOB" };
        let statement = statement.replace("AS BYTES", octets);
        store.run("planting", Box::leak(statement.into_boxed_str()), Vec::new()).await?;
    }
    Ok(())
}

async fn takes_the_words_of_each_enum_and_no_others(engine: &str, store: &Store) -> Result<()> {
    plant(store).await?;
    for (table, column, words) in ENUMS {
        let update: &'static str = Box::leak(format!("UPDATE {table} SET {column} = $1").into_boxed_str());
        for word in *words {
            let done = store.run("setting a word", update, binds![*word]).await;
            assert_eq!(done.with_context(|| format!("{engine}: {table}.{column} = {word}"))?, 1);
        }
        let refused = store.run("setting a word", update, binds!["nonsense"]).await;
        assert!(refused.is_err(), "{engine}: {table}.{column} takes nonsense");
    }
    Ok(())
}

async fn tells_what_belongs_to_nothing(engine: &str, store: &Store) -> Result<()> {
    for statement in [
        "INSERT INTO migration_runs (id, job_id, mailbox_id, run_type, triggered_by) VALUES (9, 1, 999, 'delta', 'x')",
        "UPDATE quarantine_items SET run_id = 999",
    ] {
        let refused = store.run("trying", statement, Vec::new()).await;
        assert!(refused.is_err_and(|error| error.is_orphaned()), "{engine}: {statement}");
    }
    Ok(())
}

async fn keeps_its_own_times(engine: &str, store: &Store) -> Result<()> {
    let triggers = service_data::schema::names(store, "trigger").await?;
    for (table, own) in columns(store).await? {
        if own.contains_key("updated_at") {
            let trigger = format!("trg_{table}_updated_at");
            assert!(triggers.contains(&trigger), "{engine}: no trigger {trigger}");
        }
    }
    store
        .run("aging", "UPDATE migration_jobs SET updated_at = '2001-01-01T00:00:00.000Z'", Vec::new())
        .await?;
    store.run("changing", "UPDATE migration_jobs SET notes = 'x'", Vec::new()).await?;
    let updated = text(store, "SELECT updated_at FROM migration_jobs").await?;
    assert!(
        updated[0].as_str() > "2026" && updated[0].ends_with('Z') && updated[0].len() == 24,
        "{updated:?}"
    );
    Ok(())
}

async fn notes_every_change_without_its_secrets(engine: &str, store: &Store) -> Result<()> {
    let triggers = service_data::schema::names(store, "trigger").await?;
    for table in AUDITED {
        for operation in ["insert", "update", "delete"] {
            let trigger = format!("trg_{table}_audit_{operation}");
            assert!(triggers.contains(&trigger), "{engine}: no trigger {trigger}");
        }
    }
    let octets = if store.is_postgres() { "'other'" } else { "x'00'" };
    let statement = format!("UPDATE migration_credentials SET secret_blob = {octets}");
    store.run("changing a secret", Box::leak(statement.into_boxed_str()), Vec::new()).await?;
    store.run("removing a secret", "DELETE FROM migration_credentials", Vec::new()).await?;
    store.run("closing", "UPDATE migration_jobs SET phase = 'closed'", Vec::new()).await?;
    let told = |table: &'static str| {
        text(
            store,
            Box::leak(
                format!("SELECT operation FROM audit_row_changes WHERE table_name = '{table}' ORDER BY id")
                    .into_boxed_str(),
            ),
        )
    };
    // The first update came with the words of `side`.
    assert_eq!(told("migration_credentials").await?, ["insert", "update", "update", "delete"], "{engine}");
    assert!(told("migration_jobs").await?.len() > 3, "{engine}");
    let all = text(store, "SELECT before_json || after_json FROM audit_row_changes").await?.concat();
    assert!(!all.contains("gAAAAA") && !all.contains("secret_blob"), "{engine}: {all}");
    let last = text(
        store,
        "SELECT after_json FROM audit_row_changes WHERE table_name = 'migration_jobs' ORDER BY id DESC LIMIT 1",
    );
    let last: serde_json::Value = serde_json::from_str(&last.await?[0])?;
    assert_eq!((&last["phase"], &last["domain"]), (&"closed".into(), &"exemplo.com.br".into()), "{engine}");
    Ok(())
}

async fn keeps_the_trail(engine: &str, store: &Store) -> Result<()> {
    let zeros = vec![0_u8; 32];
    let write = "INSERT INTO audit_logs (seq, at_ms, actor_kind, action, outcome, prev_hash, hash)
                 VALUES (1, 1, 'system', 'start', 'success', $1, $2)";
    store.run("writing to the chain", write, binds![zeros.clone(), vec![1_u8; 32]]).await?;
    let sign = "INSERT INTO audit_checkpoints (seq, hash, public_key, signature, signed_ms)
                VALUES (1, $1, $1, $2, 1)";
    store.run("signing", sign, binds![zeros, vec![0_u8; 64]]).await?;
    for table in KEEPS_GROWING {
        let triggers = service_data::schema::names(store, "trigger").await?;
        assert!(triggers.contains(&format!("trg_{table}_no_delete")), "{engine}: {table}");
        let remove: &'static str = Box::leak(format!("DELETE FROM {table}").into_boxed_str());
        assert!(store.run("removing", remove, Vec::new()).await.is_err(), "{engine}: {table} can be emptied");
        let column = if *table == "audit_row_changes" { "row_id = 'x'" } else { "seq = 2" };
        let change: &'static str = Box::leak(format!("UPDATE {table} SET {column}").into_boxed_str());
        assert!(store.run("changing", change, Vec::new()).await.is_err(), "{engine}: {table} can be changed");
    }
    Ok(())
}

async fn goes_down_and_up_again(engine: &str, store: &Store) -> Result<()> {
    let newest = migrate::newest();
    assert_eq!(migrate::down(store, newest - 1).await?.len(), 1, "{engine}");
    assert!(migrate::check(store).await.is_err(), "{engine}: a step is missing");
    assert_eq!(migrate::up(store).await?.len(), 1, "{engine}");
    assert_eq!(migrate::down(store, 0).await?.len() as i64, migrate::count(), "{engine}");
    let left: BTreeSet<String> = columns(store).await?.into_keys().collect();
    assert_eq!(left, BTreeSet::from(["schema_migrations".to_owned()]), "{engine}");
    assert_eq!(migrate::up(store).await?.len() as i64, migrate::count(), "{engine}");
    assert_eq!(migrate::up(store).await?, [], "{engine}");
    migrate::check(store).await?;
    store
        .run("a later step", "INSERT INTO schema_migrations (number, name) VALUES (99, 'later')", Vec::new())
        .await?;
    let refused = migrate::up(store).await.expect_err("a newer malote's tables are left alone");
    assert!(refused.to_string().contains("newer than"), "{engine}: {refused}");
    store.run("taken back", "DELETE FROM schema_migrations WHERE number = 99", Vec::new()).await?;
    Ok(())
}

/// Every text constant of the service that is SQL, read from the sources themselves, so that none is forgotten.
fn queries() -> Result<BTreeMap<String, String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace")?.join("service/src");
    let (mut waiting, mut found) = (vec![root], BTreeMap::new());
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path)?.filter_map(|entry| Some(entry.ok()?.path())));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            of_file(&path, &mut found)?;
        }
    }
    Ok(found)
}

fn of_file(path: &PathBuf, found: &mut BTreeMap<String, String>) -> Result<()> {
    let text = fs::read_to_string(path)?;
    for part in text.split("const ").skip(1) {
        let Some((name, rest)) = part.split_once(": &str =") else { continue };
        let Some(literal) = rest.trim_start().strip_prefix('"') else { continue };
        let Some(end) = literal.find("\";") else { continue };
        let sql = literal[..end].replace("\\\"", "\"").replace("\\\n", "\n");
        let verb = sql.split_whitespace().next().unwrap_or_default();
        if ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&verb)
            && !name.contains(char::is_whitespace)
        {
            found.insert(format!("{} of {}", name, path.display()), sql);
        }
    }
    Ok(())
}

async fn can_prepare_every_query(engine: &str, store: &Store) -> Result<()> {
    let queries = queries()?;
    assert!(queries.len() > 3, "only {} queries were found", queries.len());
    for (name, sql) in queries {
        let is_of_one_engine = sql.contains("pragma_") || sql.contains("pg_");
        // Where the engines need different words, the constants' names say whose each is.
        let others = if store.is_postgres() { "_SQLITE of" } else { "_POSTGRES of" };
        if !is_of_one_engine && !name.contains(others) {
            store.prepare(&sql).await.with_context(|| format!("{engine}: {name}"))?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_command_migrates_up_and_down_and_says_where_it_stands() -> Result<()> {
    let home = Home::new()?;
    let data = home.path("data").display().to_string();
    let of = |word: &'static str| vec!["migrate", word, "--data", data.as_str(), "--json"];
    let steps = |json: serde_json::Value| {
        let all = json.as_array().cloned().unwrap_or_default();
        all.iter().filter(|step| step["applied_at"] != "").count() as i64
    };
    assert_eq!(steps(home.run(of("status")).await?.with(0).json()), 0);
    home.run(of("up")).await?.with(0);
    assert_eq!(steps(home.run(of("status")).await?.with(0).json()), migrate::count());
    home.run(of("down")).await?.with(2);
    home.run([of("down"), vec!["--yes"]].concat()).await?.with(0);
    assert_eq!(steps(home.run(of("status")).await?.with(0).json()), migrate::count() - 1);
    home.run(["migrate", "up"]).await?.with(2);
    home.run(["migrate", "up", "--database", "mysql://h"]).await?.with(2);
    let ledger = home.write("other.sqlite", "")?;
    let foreign = Store::connect(&Where::Sqlite(ledger.clone().into())).await?;
    foreign.run("making a table", "CREATE TABLE mine (x INTEGER)", Vec::new()).await?;
    foreign.close().await;
    let refused = home.run(["migrate", "up", "--database", &format!("sqlite:{ledger}")]).await?.with(2);
    assert!(refused.err.contains("another program"), "{}", refused.err);
    Ok(())
}

#[test]
fn kinds_of_columns_are_told_apart() {
    for (word, kind) in [
        ("INTEGER", Kind::Int),
        ("bigint", Kind::Int),
        ("TEXT", Kind::Text),
        ("text", Kind::Text),
        ("REAL", Kind::Real),
        ("double precision", Kind::Real),
        ("BLOB", Kind::Octets),
        ("bytea", Kind::Octets),
    ] {
        assert_eq!(Kind::of(word), Some(kind), "{word}");
    }
    assert_eq!(Kind::of("numeric"), None);
}

#[tokio::test]
async fn a_backup_comes_back_or_is_refused() -> Result<()> {
    let home = Home::new()?;
    let (data, to, again) = (home.path("data"), home.path("backup"), home.path("again"));
    let word = |path: &Path| path.display().to_string();
    let store = Store::connect(&Where::in_folder(&data)).await?;
    migrate::up(&store).await?;
    store.run("planting", "INSERT INTO tenants (id, name) VALUES (7, 'kept')", Vec::new()).await?;
    fs::create_dir_all(data.join("ledgers"))?;
    let ledger = Store::connect(&Where::Sqlite(data.join("ledgers/a--b-0.sqlite"))).await?;
    ledger.run("planting", "CREATE TABLE message (x INTEGER)", Vec::new()).await?;
    fs::write(data.join("ledgers/a--b-0.sqlite.observed.json"), "{}")?;
    fs::write(
        data.join("ledgers/broken.sqlite"),
        "this is no database, and long enough to look like one".repeat(99),
    )?;
    fs::write(data.join("master.key"), "secret")?;
    // Both databases are open and in use: a backup does not wait for an end of work.
    let made =
        home.run(["backup-state", "--json", "--data", &word(&data), "--to", &word(&to)]).await?.with(3);
    let manifest = made.json();
    assert_eq!(manifest["left_out"][0]["path"], "ledgers/broken.sqlite", "{manifest}");
    assert_eq!(manifest["files"].as_array().map(Vec::len), Some(3), "{manifest}");
    home.run(["backup-state", "--data", &word(&data), "--to", &word(&to)]).await?.with(2);
    home.run(["restore-state", "--from", &word(&to), "--data", &word(&data)]).await?.with(2);
    home.run(["restore-state", "--from", &word(&to), "--data", &word(&again)]).await?.with(0);
    let restored = Store::connect(&Where::in_folder(&again)).await?;
    migrate::check(&restored).await?;
    assert_eq!(text(&restored, "SELECT name FROM tenants WHERE id = 7").await?, ["kept"]);
    assert!(again.join("ledgers/a--b-0.sqlite").exists() && !again.join("master.key").exists());
    let mut octets = fs::read(to.join("ledgers/a--b-0.sqlite"))?;
    octets[40] ^= 1;
    fs::write(to.join("ledgers/a--b-0.sqlite"), octets)?;
    let third = home.path("third");
    let refused = home.run(["restore-state", "--from", &word(&to), "--data", &word(&third)]).await?.with(2);
    assert!(refused.err.contains("not the file"), "{}", refused.err);
    assert!(!third.exists(), "nothing is written before everything is proven");
    Ok(())
}
