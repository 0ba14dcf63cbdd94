//! Opening a connection: pragmas, limits, functions, collations, the progress handler.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use values::{EnumType, RangeKind, Type};

use super::error::{Side, translate};
use super::{Shared, Synchronous, checkpoint, functions, preupdate, session};
use crate::catalog::Catalog;
use crate::error::{Error, Result};

/// Virtual machine steps between two looks at the deadline. A guess at tens of microseconds, not tuned.
const STEPS_BETWEEN_LOOKS: i32 = 2000;
/// Bytes in a page: SQLite's default. Other sizes were not measured here.
const PAGE_BYTES: u32 = 4096;

/// Bytes in one value, row or statement; beyond it 54000.
const VALUE_BYTES_MAX: i32 = 256 << 20;

/// Opens one of the engine's connections.
pub(super) fn open(shared: &Shared, side: Side) -> Result<Connection> {
    let failed = |error| match translate(error, Side::Writer, None) {
        Error::Unavailable { reason, retry_after } => Error::Unavailable { reason, retry_after },
        other => Error::Unavailable { reason: other.to_string(), retry_after: Duration::from_secs(5) },
    };
    let mut db = Connection::open(&shared.path).map_err(failed)?;
    configure(&mut db, shared, side).map_err(failed)?;
    refresh(&db, shared.catalog.load().as_deref()).map_err(failed)?;
    Ok(db)
}

fn configure(db: &mut Connection, shared: &Shared, side: Side) -> rusqlite::Result<()> {
    let options = &shared.options;
    db.busy_timeout(options.busy_timeout)?;
    // A double-quoted word is a name and nothing else.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    // What the schema may call is what we marked as harmless.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Plans do not depend on the values bound: else SQLite prepares a statement anew whenever a value that its planner looked at (a limit,
    // a pattern) is bound again, which costs more than most of our reads.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let cache_kib = match side {
        Side::Reader => options.reader_cache_kib,
        Side::Writer => options.writer_cache_kib,
    };
    db.execute_batch(&format!(
        "pragma temp_store = memory; pragma foreign_keys = on; pragma cache_size = -{cache_kib}; pragma mmap_size = {}",
        options.mmap_bytes
    ))?;
    if shared.looks {
        db.execute_batch("pragma query_only = on")?;
    } else if side == Side::Writer {
        // The page size holds for a new file only.
        db.execute_batch(&format!("pragma page_size = {PAGE_BYTES}"))?;
        let mode: String = db.query_row("pragma journal_mode = wal", [], |row| row.get(0))?;
        if !mode.eq_ignore_ascii_case("wal") {
            tracing::warn!(mode, "the database cannot use a write-ahead log here");
        }
        let synchronous = match options.synchronous {
            Synchronous::Full => "full",
            Synchronous::Normal => "normal",
        };
        db.execute_batch(&format!("pragma synchronous = {synchronous}; pragma wal_autocheckpoint = 0"))?;
        checkpoint::watch(db, shared.wal_pages.clone())?;
        if options.capture {
            preupdate::watch(db);
        }
    } else {
        db.execute_batch("pragma query_only = on")?;
    }
    db.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)?;
    db.set_prepared_statement_cache_capacity(options.statements_cached_max);
    db.progress_handler(STEPS_BETWEEN_LOOKS, Some(session::should_stop))?;
    functions::register(db)?;
    collations(db)
}

/// Makes a connection follow a new catalog: statements are prepared anew, enums compare by their present labels.
pub(super) fn refresh(db: &Connection, catalog: Option<&Catalog>) -> rusqlite::Result<()> {
    db.flush_prepared_statement_cache();
    if let Some(catalog) = catalog {
        for labels in catalog.enums.values() {
            enumeration(db, labels)?;
        }
    }
    Ok(())
}

/// Registers the order of an enum and of its arrays.
pub(super) fn enumeration(db: &Connection, labels: &Arc<EnumType>) -> rusqlite::Result<()> {
    let ty = Type::Enum(labels.clone());
    collation(db, &ty.clone().array_of())?;
    collation(db, &ty)
}

fn collation(db: &Connection, ty: &Type) -> rusqlite::Result<()> {
    if let (Some(name), Some(order)) = (ty.collation(), values::collation(ty)) {
        db.create_collation(name.as_str(), order)?;
    }
    Ok(())
}

fn collations(db: &Connection) -> rusqlite::Result<()> {
    let ranges = [RangeKind::Int4, RangeKind::Int8, RangeKind::Num, RangeKind::Ts, RangeKind::TsTz, RangeKind::Date];
    let plain = [
        "bool",
        "int2",
        "int4",
        "int8",
        "float4",
        "float8",
        "numeric",
        "text",
        "varchar",
        "bpchar",
        "name",
        "bytea",
        "date",
        "time",
        "timetz",
        "timestamp",
        "timestamptz",
        "interval",
        "uuid",
        "json",
        "jsonb",
        "inet",
        "cidr",
        "macaddr",
        "tsvector",
        "tsquery",
    ];
    let plain = plain.into_iter().filter_map(Type::named);
    for ty in plain.chain(ranges.map(Type::Range)) {
        collation(db, &ty)?;
        collation(db, &ty.array_of())?;
    }
    Ok(())
}
