//! One connection inside one transaction: cached statements, parameters in, rows out.

use rusqlite::types::{Null, ToSqlOutput, ValueRef as Raw};
use rusqlite::{Statement, ToSql};
use values::{Type, Value, ValueRef};

use super::error::{Side, interrupted, translate};
use super::{Shared, capture, session};
use crate::conn::{Connection, Engine, Param, Row};
use crate::error::{Error, Result};

/// What transaction functions get.
pub(super) struct Conn<'c> {
    db: &'c rusqlite::Connection,
    shared: &'c Shared,
    side: Side,
    depth: u32,
    wrote: bool,
}

/// Savepoints inside savepoints; beyond it somebody recurses.
const DEPTH_MAX: u32 = 64;

impl<'c> Conn<'c> {
    pub(super) fn new(db: &'c rusqlite::Connection, shared: &'c Shared, side: Side) -> Self {
        Self { db, shared, side, depth: 0, wrote: false }
    }

    /// Has any statement that may have changed something come to its end: without one, there is nothing to undo.
    pub(super) fn wrote(&self) -> bool {
        self.wrote
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        translate(error, self.side, self.shared.catalog.load().as_deref())
    }

    /// A failed disk makes SQLite roll the whole transaction back by itself; what the function did next would then be committed
    /// statement by statement. And a function of many small statements never meets the progress handler.
    fn ready(&self) -> Result<()> {
        if self.db.is_autocommit() {
            return Err(Error::Unavailable {
                reason: "the database gave the transaction up".to_owned(),
                retry_after: std::time::Duration::from_secs(1),
            });
        }
        if session::should_stop() { Err(interrupted()) } else { Ok(()) }
    }

    fn prepare(&self, sql: &str, params: &[Param]) -> Result<rusqlite::CachedStatement<'c>> {
        self.ready()?;
        let mut statement = self.db.prepare_cached(sql).map_err(|e| self.failed(e))?;
        let wanted = statement.parameter_count();
        if wanted != params.len() {
            return Err(Error::Internal(format!("a statement with {wanted} parameters was given {}", params.len())));
        }
        for (n, param) in params.iter().enumerate() {
            self.bind(&mut statement, n + 1, param)?;
        }
        Ok(statement)
    }

    fn bind(&self, statement: &mut Statement<'_>, at: usize, param: &Param) -> Result<()> {
        let bound = match param {
            Param::Null => statement.raw_bind_parameter(at, Null),
            Param::Value(_, value) => statement.raw_bind_parameter(at, Bound(value.as_ref())),
            Param::Text(ty, text) => {
                // Text needs no judge but for the one character that PostgreSQL's texts cannot hold.
                if matches!(ty, Type::Text | Type::Unknown) && !text.contains('\0') {
                    statement.raw_bind_parameter(at, text.as_str())
                } else {
                    let value = values::input_in(ty, text, &session::values_session())?;
                    statement.raw_bind_parameter(at, Bound(value.as_ref()))
                }
            }
            Param::TextList(ty, texts) => {
                let session = session::values_session();
                let values: values::Result<Vec<Value>> =
                    texts.iter().map(|t| values::input_in(ty, t, &session)).collect();
                statement.raw_bind_parameter(at, list(&values?))
            }
            Param::ValueList(_, values) => statement.raw_bind_parameter(at, list(values)),
        };
        bound.map_err(|e| self.failed(e))
    }

    fn run(&self, sql: &'static str) -> Result<()> {
        self.db.prepare_cached(sql).and_then(|mut s| s.raw_execute()).map(drop).map_err(|e| self.failed(e))
    }
}

impl Connection for Conn<'_> {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    fn query(&mut self, sql: &str, params: &[Param], each: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<u64> {
        let mark = capture::mark();
        let mut statement = self.prepare(sql, params)?;
        let reads = statement.readonly();
        let session = session::values_session();
        let mut rows = statement.raw_query();
        let mut count = 0;
        loop {
            match rows.next() {
                Ok(Some(row)) => {
                    // With `returning`, everything has been changed before the first row comes out.
                    self.wrote |= !reads;
                    each(&Fetched { row, session: &session })?;
                }
                Ok(None) => {
                    self.wrote |= !reads;
                    return Ok(count);
                }
                // SQLite undoes a statement that fails.
                Err(error) => {
                    capture::back_to(mark);
                    return Err(self.failed(error));
                }
            }
            count += 1;
        }
    }

    fn execute(&mut self, sql: &str, params: &[Param]) -> Result<u64> {
        let mark = capture::mark();
        let mut statement = self.prepare(sql, params)?;
        let reads = statement.readonly();
        let mut rows = statement.raw_query();
        let undone = |error| {
            capture::back_to(mark);
            self.failed(error)
        };
        while rows.next().map_err(undone)?.is_some() {}
        self.wrote |= !reads;
        Ok(if reads { 0 } else { self.db.changes() })
    }

    fn send(&mut self, sql: &str, params: &[Param]) -> Result<()> {
        self.execute(sql, params).map(drop)
    }

    fn as_house(&mut self, f: &mut dyn FnMut(&mut dyn Connection) -> Result<()>) -> Result<()> {
        // Rights are judged when a caller's statement is translated; what is handed in here has none to be judged.
        f(self)
    }

    fn has_broken_references(&mut self) -> bool {
        super::ffi::has_deferred_violations(self.db)
    }

    fn savepoint(&mut self, f: &mut dyn FnMut(&mut dyn Connection) -> Result<()>) -> Result<()> {
        self.ready()?;
        if self.depth == DEPTH_MAX {
            return Err(Error::sql("54001", "savepoints are nested too deeply"));
        }
        // Equal names nest: each statement means the innermost one.
        self.run("savepoint inner")?;
        let mark = capture::mark();
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        if result.is_err() {
            if self.db.is_autocommit() {
                return result;
            }
            self.run("rollback to inner")?;
            capture::back_to(mark);
        }
        self.run("release inner")?;
        result
    }

    fn now(&self) -> i64 {
        session::with(|session| session.now_us)
    }

    fn setting(&mut self, name: &str) -> Result<Option<String>> {
        Ok(session::with(|session| session.local.get(&name.to_ascii_lowercase()).cloned()))
    }
}

/// A stored value as a bound parameter.
struct Bound<'a>(ValueRef<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            ValueRef::Null => Raw::Null,
            ValueRef::Int(n) => Raw::Integer(n),
            ValueRef::Real(f) => Raw::Real(f),
            ValueRef::Text(s) => Raw::Text(s.as_bytes()),
            ValueRef::Blob(b) => Raw::Blob(b),
        }))
    }
}

/// One JSON array of stored values. Bytes have no JSON of their own: they are hexadecimal strings, to be read with `unhex(value)`.
fn list(values: &[Value]) -> String {
    use std::fmt::Write as _;
    let mut out = Vec::with_capacity(values.len() * 8 + 2);
    out.push(b'[');
    for (n, value) in values.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        match value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Int(n) => out.extend_from_slice(n.to_string().as_bytes()),
            // SQLite reads a number beyond the range as infinity, and has no other word for it.
            Value::Real(f) if f.is_infinite() => out.extend_from_slice(if *f > 0.0 { b"9e999" } else { b"-9e999" }),
            Value::Real(f) => out.extend_from_slice(format!("{f:?}").as_bytes()),
            Value::Text(text) => values::write_json_string(text, &mut out),
            Value::Blob(bytes) => {
                let mut hex = String::with_capacity(bytes.len() * 2 + 2);
                hex.push('"');
                for byte in bytes {
                    let _ = write!(hex, "{byte:02x}");
                }
                hex.push('"');
                out.extend_from_slice(hex.as_bytes());
            }
        }
    }
    out.push(b']');
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A row of an open statement.
struct Fetched<'r, 's> {
    row: &'r rusqlite::Row<'s>,
    session: &'r values::Session,
}

impl Fetched<'_, '_> {
    fn cell(&self, column: usize) -> Result<ValueRef<'_>> {
        let raw = self.row.get_ref(column).map_err(|error| Error::Internal(error.to_string()))?;
        stored(raw).map_err(|_| Error::Internal(format!("column {column} of a row is not UTF-8")))
    }
}

/// A SQLite value as a stored value. Fails on text that is not UTF-8, which only a damaged file can hold.
pub(super) fn stored(raw: Raw<'_>) -> Result<ValueRef<'_>, std::str::Utf8Error> {
    Ok(match raw {
        Raw::Null => ValueRef::Null,
        Raw::Integer(n) => ValueRef::Int(n),
        Raw::Real(f) => ValueRef::Real(f),
        Raw::Text(bytes) => ValueRef::Text(std::str::from_utf8(bytes)?),
        Raw::Blob(bytes) => ValueRef::Blob(bytes),
    })
}

impl Row for Fetched<'_, '_> {
    fn is_null(&self, column: usize) -> bool {
        matches!(self.row.get_ref(column), Ok(Raw::Null) | Err(_))
    }

    fn write_json(&self, column: usize, ty: &Type, out: &mut Vec<u8>) -> Result<()> {
        values::write_json_in(ty, self.cell(column)?, self.session, out);
        Ok(())
    }

    fn write_text(&self, column: usize, ty: &Type, out: &mut String) -> Result<()> {
        values::write_text_in(ty, self.cell(column)?, self.session, out);
        Ok(())
    }

    fn value(&self, column: usize, _ty: &Type) -> Result<Value> {
        Ok(self.cell(column)?.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_json_that_sqlite_reads_back() {
        let values = [
            Value::Int(-1),
            Value::Real(1.0),
            Value::Real(1e300),
            Value::Real(f64::INFINITY),
            Value::text("a\"b\\ é\u{1}"),
            Value::Null,
            Value::Blob(vec![0, 255]),
        ];
        let db = rusqlite::Connection::open_in_memory().unwrap();
        let mut statement = db.prepare("select value from json_each(?1)").unwrap();
        let back: Vec<Value> = statement
            .query_map([list(&values)], |row| Ok(stored(row.get_ref(0)?).unwrap().to_owned()))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        assert_eq!(back[..6], values[..6]);
        assert_eq!(back[6], Value::text("00ff"));
    }
}
