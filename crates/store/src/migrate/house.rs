//! The house's own tables, versioned and made when a database is opened, before anything of the user's.
//!
//! On SQLite they stand beside the user's tables and their names begin with `_store_`, which no table of the user's may; on
//! PostgreSQL they are in the schema `mainstay`. Each version is one text per engine; a version that was released never changes.

use rusqlite::Connection;
use rusqlite::TransactionBehavior;
use tokio_postgres::Client;

use crate::error::{Error, Result};

/// One step of the house's own schema.
struct Version {
    number: i64,
    sqlite: &'static str,
    postgres: &'static str,
}

/// All of them, in order.
const VERSIONS: &[Version] = &[Version {
    number: 1,
    sqlite: "create table if not exists _store_migration (
            version integer primary key,
            name text not null,
            checksum text not null,
            applied_at integer not null,
            duration_ms integer not null,
            statements integer not null
        ) strict;
        create table if not exists _store_catalog (
            id integer primary key check (id = 1),
            body text not null,
            schema_hash text not null
        ) strict;
        create table if not exists _store_sequence (
            name text primary key, last_value integer not null, is_called integer not null
        ) strict, without rowid;",
    postgres: "create table if not exists mainstay._store_migration (
            version bigint primary key,
            name text not null,
            checksum text not null,
            applied_at bigint not null,
            duration_ms bigint not null,
            statements bigint not null
        )",
}];

/// The newest version this program knows.
fn newest() -> i64 {
    VERSIONS.last().map_or(0, |version| version.number)
}

fn too_new(found: i64) -> Error {
    Error::Unavailable {
        reason: format!(
            "the database was last opened by a newer mainstay (its own tables are at version {found}, this program knows {}); \
             run the newer program",
            newest()
        ),
        retry_after: std::time::Duration::from_secs(60),
    }
}

/// Brings the house's tables in a SQLite file up to date. Safe to call at every start.
pub fn prepare_sqlite(db: &mut Connection) -> rusqlite::Result<Result<()>> {
    prepare_in(db)
}

/// The same for a connection that is shared; nothing may be open on it.
pub(crate) fn prepare_in(db: &Connection) -> rusqlite::Result<Result<()>> {
    let found = version(db)?;
    if found == newest() {
        return Ok(Ok(()));
    }
    let transaction = rusqlite::Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    transaction.execute_batch("create table if not exists _store_house (id integer primary key check (id = 1), version integer not null) strict")?;
    let found = version(&transaction)?;
    if found > newest() {
        return Ok(Err(too_new(found)));
    }
    for version in VERSIONS.iter().filter(|version| version.number > found) {
        transaction.execute_batch(version.sqlite)?;
    }
    transaction.execute(
        "insert into _store_house (id, version) values (1, ?1) on conflict (id) do update set version = excluded.version",
        [newest()],
    )?;
    transaction.commit()?;
    Ok(Ok(()))
}

fn version(db: &Connection) -> rusqlite::Result<i64> {
    let exists: bool =
        db.query_row("select exists (select 1 from sqlite_schema where name = '_store_house')", [], |row| row.get(0))?;
    if !exists {
        return Ok(0);
    }
    let mut statement = db.prepare("select version from _store_house where id = 1")?;
    let mut rows = statement.query([])?;
    match rows.next()? {
        Some(row) => row.get(0),
        None => Ok(0),
    }
}

/// Brings the house's tables in a PostgreSQL database up to date, one server at a time. Needs the schema `mainstay`, and makes it when
/// it may.
pub async fn prepare_postgres(client: &mut Client) -> Result<()> {
    let failed = |error: tokio_postgres::Error| super::postgres::failed(&error);
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.execute("select pg_advisory_xact_lock($1)", &[&super::postgres::LOCK]).await.map_err(failed)?;
    transaction
        .batch_execute(
            "create schema if not exists mainstay;
             create table if not exists mainstay._store_house (id bigint primary key check (id = 1), version bigint not null)",
        )
        .await
        .map_err(failed)?;
    let found =
        transaction.query_opt("select version from mainstay._store_house where id = 1", &[]).await.map_err(failed)?;
    let found: i64 = found.map_or(0, |row| row.get(0));
    if found > newest() {
        return Err(too_new(found));
    }
    for version in VERSIONS.iter().filter(|version| version.number > found) {
        transaction.batch_execute(version.postgres).await.map_err(failed)?;
    }
    let sql = "insert into mainstay._store_house (id, version) values (1, $1) on conflict (id) do update set version = excluded.version";
    transaction.execute(sql, &[&newest()]).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preparing_twice_is_preparing_once_and_a_newer_file_is_left_alone() {
        let mut db = Connection::open_in_memory().unwrap();
        prepare_sqlite(&mut db).unwrap().unwrap();
        prepare_sqlite(&mut db).unwrap().unwrap();
        let tables: i64 = db
            .query_row("select count(*) from sqlite_schema where name like '\\_store\\_%' escape '\\'", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(tables, 4);
        db.execute_batch("update _store_house set version = 999").unwrap();
        let refused = prepare_sqlite(&mut db).unwrap().unwrap_err();
        assert!(refused.to_string().contains("newer"), "{refused}");
    }
}
