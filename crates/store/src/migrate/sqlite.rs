//! Migrations on SQLite: judged as a whole, then run in one transaction per file.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernel::Clock;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _};
use sha2::{Digest, Sha256};
use sql::ast::{Located, Statement};
use values::EnumType;

use super::ddl::{self, Context, Step};
use super::failure::{MigrationError, Refusal, place};
use super::files::{File, hex};
use super::house;
use super::status::{self, Applied, Status};
use super::{Migrator, Outcome, Progress};
use crate::catalog::{Catalog, QName, Sequence};
use crate::error::{Error, Result, SqlError};
use crate::translate::physical_name;

/// What migrations need of the engine beside a connection.
pub trait SqliteHost {
    /// The connection; nothing is open on it.
    fn db(&self) -> &Connection;
    /// Makes an enum's order known to the connection.
    fn register_enum(&self, labels: &Arc<EnumType>) -> Result<()>;
    /// Makes a sequence known to the connection.
    fn define_sequence(&self, sequence: &Sequence);
    /// Writes the positions of sequences into the open transaction.
    fn flush_sequences(&self) -> Result<()>;
    /// A failure in PostgreSQL's words.
    fn error(&self, error: rusqlite::Error) -> Error;
}

impl SqliteHost for crate::sqlite::Exclusive<'_> {
    fn db(&self) -> &Connection {
        self
    }
    fn register_enum(&self, labels: &Arc<EnumType>) -> Result<()> {
        crate::sqlite::Exclusive::register_enum(self, labels)
    }
    fn define_sequence(&self, sequence: &Sequence) {
        crate::sqlite::Exclusive::define_sequence(self, sequence);
    }
    fn flush_sequences(&self) -> Result<()> {
        crate::sqlite::Exclusive::flush_sequences(self)
    }
    fn error(&self, error: rusqlite::Error) -> Error {
        crate::sqlite::Exclusive::error(self, error)
    }
}

/// A statement that has been judged: what it is, where, and what it asks of the file.
struct Judged {
    kind: &'static str,
    offset: usize,
    line: u32,
    steps: Vec<Step>,
}

/// The catalog kept in the file; the initial one when there is none yet.
pub fn load_catalog(host: &dyn SqliteHost) -> Result<Catalog> {
    house::prepare_in(host.db()).map_err(|error| host.error(error))??;
    let body = stored(host.db(), "select body from _store_catalog where id = 1").map_err(|error| host.error(error))?;
    match body {
        None => Ok(Catalog::initial()),
        Some(body) => serde_json::from_str(&body)
            .map_err(|error| Error::Internal(format!("the catalog in the file cannot be read: {error}"))),
    }
}

/// Makes everything in a catalog known to the connection: enums before anything is read in their order.
pub(crate) fn introduce(host: &dyn SqliteHost, catalog: &Catalog) -> Result<()> {
    for labels in catalog.enums.values() {
        host.register_enum(labels)?;
    }
    for sequence in catalog.sequences.values() {
        host.define_sequence(sequence);
    }
    Ok(())
}

fn stored(db: &Connection, sql: &str) -> rusqlite::Result<Option<String>> {
    db.query_row(sql, [], |row| row.get(0)).optional()
}

fn applied(db: &Connection) -> rusqlite::Result<Vec<Applied>> {
    let mut statement = db.prepare(
        "select version, name, checksum, applied_at, duration_ms, statements from _store_migration order by version",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Applied {
            version: row.get(0)?,
            name: row.get(1)?,
            checksum: row.get(2)?,
            applied_at: row.get(3)?,
            duration_ms: row.get(4)?,
            statements: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// A hash of the part of SQLite's schema that migrations made: everything but the house's own (its names begin with `_` and are not in
/// the catalog) and SQLite's.
fn schema_hash(db: &Connection, catalog: &Catalog) -> rusqlite::Result<String> {
    let ours: BTreeSet<String> = catalog.relations.keys().map(physical_name).collect();
    let mut statement =
        db.prepare("select type, name, tbl_name, coalesce(sql, '') from sqlite_schema order by type, name")?;
    let mut rows = statement.query([])?;
    let mut hash = Sha256::new();
    while let Some(row) = rows.next()? {
        let table: String = row.get(2)?;
        if table.starts_with("sqlite_") || (table.starts_with('_') && !ours.contains(&table)) {
            continue;
        }
        for column in 0..4 {
            let text: String = row.get(column)?;
            hash.update(text.as_bytes());
            hash.update([0]);
        }
    }
    Ok(hex(&hash.finalize()))
}

fn drift(db: &Connection, catalog: &Catalog) -> rusqlite::Result<Option<String>> {
    let Some(kept) = stored(db, "select schema_hash from _store_catalog where id = 1")? else {
        let others: i64 = db.query_row(
            "select count(*) from sqlite_schema where tbl_name not like 'sqlite\\_%' escape '\\' and tbl_name not like '\\_%' escape '\\'",
            [],
            |row| row.get(0),
        )?;
        let strange =
            (others > 0).then(|| "The file holds tables that no migration made. Start with an empty file.".to_owned());
        return Ok(strange);
    };
    let now = schema_hash(db, catalog)?;
    Ok((now != kept).then(|| {
        "Tables, views or indexes in the file were changed without a migration. Put the change into a migration, or restore the file."
            .to_owned()
    }))
}

impl Migrator<'_> {
    /// How the folder and a SQLite file stand to each other.
    pub fn status_sqlite(&self, host: &dyn SqliteHost) -> Result<Status> {
        let catalog = load_catalog(host)?;
        let failed = |error| host.error(error);
        let mut status = status::compare(self.folder, &applied(host.db()).map_err(failed)?);
        status.drift = drift(host.db(), &catalog).map_err(failed)?;
        Ok(status)
    }

    /// Applies the pending files to a SQLite file, each in a transaction of its own. What was applied before a failure stays.
    pub fn run_sqlite(
        &self,
        host: &dyn SqliteHost,
        clock: &dyn Clock,
        progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Outcome, MigrationError> {
        let mut catalog = load_catalog(host)?;
        introduce(host, &catalog)?;
        let status = self.status_sqlite(host)?;
        self.judge_status(&status)?;
        let known = applied(host.db()).map_err(|error| host.error(error))?;
        let pending = status::pending(self.folder, &known);
        let mut done = Vec::with_capacity(pending.len());
        for (index, file) in pending.iter().enumerate() {
            let mut next = catalog.clone();
            let judged = judge(file, &mut next)?;
            progress(&Progress::File {
                file: &file.file,
                index: index + 1,
                total: pending.len(),
                statements: judged.len(),
            });
            let run = Run { host, clock, file, catalog: &next };
            if let Some(applied) = run.transaction(&judged, progress)? {
                progress(&Progress::Applied { file: &file.file, duration_ms: applied.duration_ms });
                done.push(applied);
                catalog = next;
            } else {
                // Another process applied it while we judged.
                catalog = load_catalog(host)?;
                introduce(host, &catalog)?;
            }
        }
        if !done.is_empty() {
            // What the planner knows about new tables; a failure costs speed, not truth.
            if let Err(error) = host.db().execute_batch("pragma analysis_limit = 1000; pragma optimize = 0x10002") {
                tracing::warn!(%error, "statistics could not be gathered after the migrations");
            }
        }
        Ok(Outcome { applied: done, catalog: Some(Arc::new(catalog)), notices: status.notices })
    }

    /// Judges the pending files without running anything: what would be refused, is. Answers with how many statements there are.
    pub fn check_sqlite(&self, host: &dyn SqliteHost) -> Result<usize, MigrationError> {
        let mut catalog = load_catalog(host)?;
        let known = applied(host.db()).map_err(|error| host.error(error))?;
        let mut count = 0;
        for file in status::pending(self.folder, &known) {
            count += judge(file, &mut catalog)?.len();
        }
        Ok(count)
    }
}

/// Parses a file and applies it to a catalog.
fn judge(file: &File, catalog: &mut Catalog) -> Result<Vec<Judged>, MigrationError> {
    let statements = sql::parse_statements(&file.text).map_err(|error| Refusal {
        file: file.file.clone(),
        line: error.line,
        column: error.column,
        statement: String::new(),
        reason: SqlError::new("42601", error.message).hint(
            "This is not SQL that Mainstay can read for SQLite. Write it another way, or serve this app on PostgreSQL.",
        ),
    })?;
    let mut context = Context::default();
    let mut out = Vec::with_capacity(statements.len());
    for statement in &statements {
        let steps =
            ddl::apply(catalog, &statement.node, &mut context).map_err(|error| refuse(file, statement, error))?;
        out.push(Judged { kind: statement.node.kind(), offset: statement.offset, line: statement.line, steps });
    }
    Ok(out)
}

fn refuse(file: &File, statement: &Located<Statement>, error: Error) -> MigrationError {
    refusal(file, statement.node.kind(), statement.offset, error)
}

fn refusal(file: &File, kind: &str, offset: usize, error: Error) -> MigrationError {
    match error {
        Error::Sql(reason) => {
            let (line, column) = place(&file.text, offset);
            Refusal { file: file.file.clone(), line, column, statement: kind.to_owned(), reason: *reason }.into()
        }
        other => other.into(),
    }
}

/// One file on its way into the database.
struct Run<'r> {
    host: &'r dyn SqliteHost,
    clock: &'r dyn Clock,
    file: &'r File,
    /// The catalog as the file leaves it.
    catalog: &'r Catalog,
}

impl Run<'_> {
    fn failed(&self, error: rusqlite::Error) -> Error {
        self.host.error(error)
    }

    fn batch(&self, sql: &str) -> Result<()> {
        self.host.db().execute_batch(sql).map_err(|error| self.failed(error))
    }

    fn transaction(
        &self,
        judged: &[Judged],
        progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Option<Applied>, MigrationError> {
        match self.host.db().execute_batch("begin immediate") {
            Ok(()) => {}
            Err(rusqlite::Error::SqliteFailure(error, _)) if error.code == ErrorCode::DatabaseBusy => {
                return Err(MigrationError::Locked);
            }
            Err(error) => return Err(self.failed(error).into()),
        }
        let result = self.inside(judged, progress);
        if !matches!(result, Ok(Some(_))) && !self.host.db().is_autocommit() {
            self.batch("rollback")?;
        }
        result
    }

    fn inside(
        &self,
        judged: &[Judged],
        progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Option<Applied>, MigrationError> {
        let db = self.host.db();
        let known = applied(db).map_err(|error| self.failed(error))?;
        if known.iter().any(|applied| applied.version == self.file.version) {
            return Ok(None);
        }
        let start = self.clock.monotonic();
        for (index, statement) in judged.iter().enumerate() {
            progress(&Progress::Statement {
                file: &self.file.file,
                index: index + 1,
                total: judged.len(),
                line: statement.line,
                kind: statement.kind,
            });
            for step in &statement.steps {
                if let Step::Notice(text) = step {
                    progress(&Progress::Notice { file: &self.file.file, line: statement.line, text });
                    continue;
                }
                self.step(step).map_err(|error| refusal(self.file, statement.kind, statement.offset, error))?;
            }
        }
        self.host.flush_sequences()?;
        let elapsed = self.clock.monotonic().saturating_sub(start);
        let done = Applied {
            version: self.file.version,
            name: self.file.name.clone(),
            checksum: self.file.checksum.clone(),
            applied_at: self.clock.now().0,
            duration_ms: i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX),
            statements: i64::try_from(judged.len()).unwrap_or(i64::MAX),
        };
        self.keep(&done).map_err(|error| self.failed(error))?;
        // Deferred foreign keys are looked at here.
        self.batch("commit").map_err(|error| {
            let last = judged.last();
            refusal(self.file, last.map_or("", |last| last.kind), last.map_or(0, |last| last.offset), error)
        })?;
        Ok(Some(done))
    }

    fn keep(&self, done: &Applied) -> rusqlite::Result<()> {
        let db = self.host.db();
        db.execute(
            "insert into _store_migration (version, name, checksum, applied_at, duration_ms, statements) values (?1, ?2, ?3, ?4, ?5, ?6)",
            (done.version, &done.name, &done.checksum, done.applied_at, done.duration_ms, done.statements),
        )?;
        let body = serde_json::to_string(self.catalog)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let hash = schema_hash(db, self.catalog)?;
        db.execute(
            "insert into _store_catalog (id, body, schema_hash) values (1, ?1, ?2)
             on conflict (id) do update set body = excluded.body, schema_hash = excluded.schema_hash",
            (body, hash),
        )?;
        Ok(())
    }

    fn step(&self, step: &Step) -> Result<()> {
        match step {
            Step::Run(sql) => self.run(sql).map(drop),
            Step::Verify { sql, error } => {
                if self.run(sql)? {
                    return Err(error.clone().into());
                }
                Ok(())
            }
            Step::Schema { from, name, sql } => self.schema(from, name, sql).map_err(|error| self.failed(error)),
            Step::Enum(labels) => self.host.register_enum(labels),
            Step::Sequence(sequence) => {
                self.host.define_sequence(sequence);
                Ok(())
            }
            Step::Position { name, value, called } => self.position(name, *value, *called),
            Step::SequenceRenamed { from, to } => {
                self.host.flush_sequences()?;
                let db = self.host.db();
                let found = db
                    .query_row(
                        "select last_value, is_called from _store_sequence where name = ?1",
                        [from.to_string()],
                        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?)),
                    )
                    .optional()
                    .map_err(|error| self.failed(error))?;
                self.forget(from)?;
                match found {
                    Some((value, called)) => self.position(to, value, called),
                    None => Ok(()),
                }
            }
            Step::SequenceDropped(name) => self.forget(name),
            Step::Notice(_) => Ok(()),
        }
    }

    fn forget(&self, name: &QName) -> Result<()> {
        let gone = self.host.db().execute("delete from _store_sequence where name = ?1", [name.to_string()]);
        gone.map(drop).map_err(|error| self.failed(error))
    }

    fn position(&self, name: &QName, value: i64, called: bool) -> Result<()> {
        let text = format!("{}.{}", crate::translate::quote(&name.schema), crate::translate::quote(&name.name));
        let set = self.host.db().query_row("select setval(?1, ?2, ?3)", (text, value, i64::from(called)), |_| Ok(()));
        set.map_err(|error| self.failed(error))
    }

    /// Runs a text to its end; true when it gave a row.
    fn run(&self, sql: &str) -> Result<bool> {
        let failed = |error| self.failed(error);
        let mut statement = self.host.db().prepare(sql).map_err(failed)?;
        let mut rows = statement.raw_query();
        let mut any = false;
        while rows.next().map_err(failed)?.is_some() {
            any = true;
        }
        Ok(any)
    }

    /// Replaces the text of a table in SQLite's schema, and possibly its name there.
    fn schema(&self, from: &str, name: &str, sql: &str) -> rusqlite::Result<()> {
        let db = self.host.db();
        let cookie: i64 = db.query_row("pragma schema_version", [], |row| row.get(0))?;
        db.execute_batch("pragma writable_schema = on")?;
        let edited = db.execute(
            "update sqlite_schema set name = ?2, tbl_name = ?2, sql = ?3 where type = 'table' and name = ?1",
            (from, name, sql),
        );
        // The schema is read anew by the next statement, here and, through its version, on every other connection.
        db.execute_batch(&format!("pragma schema_version = {}; pragma writable_schema = reset", cookie + 1))?;
        if edited? != 1 {
            return Err(rusqlite::Error::StatementChangedRows(0));
        }
        // A text that SQLite cannot read back must fail here, inside the transaction.
        db.prepare(&format!("select * from {} limit 0", crate::translate::quote(name))).map(drop)
    }
}
