//! SQLite's failures in PostgreSQL's words.

use std::time::Duration;

use rusqlite::{ErrorCode, ffi};

use super::session::{self, Stopped};
use super::violation::{self, Broken};
use crate::catalog::Catalog;
use crate::error::{Error, SqlError};

/// Which side of the engine a failure came from: the same code means something else on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// A connection that may not write.
    Reader,
    /// The writer.
    Writer,
}

/// How soon to come back when the disk or the file is at fault.
const DISK: Duration = Duration::from_secs(5);
/// How soon to come back when somebody else holds the file.
const BUSY: Duration = Duration::from_secs(1);

/// Translates a failure. An error raised by one of our functions on this thread wins over what SQLite made of it.
pub(super) fn translate(error: rusqlite::Error, side: Side, catalog: Option<&Catalog>) -> Error {
    let raised = session::raised();
    let (code, message) = match error {
        rusqlite::Error::SqliteFailure(code, message) => (code, message.unwrap_or_default()),
        rusqlite::Error::SqlInputError { error: code, msg, .. } => (code, msg),
        rusqlite::Error::NulError(_) => {
            return Error::sql("22021", "invalid byte sequence for encoding \"UTF8\": 0x00");
        }
        other => return raised.map_or_else(|| Error::Internal(other.to_string()), Error::Sql),
    };
    if let Some(raised) = raised {
        return Error::Sql(raised);
    }
    refused(code, &message, side, catalog)
}

fn refused(code: ffi::Error, message: &str, side: Side, catalog: Option<&Catalog>) -> Error {
    let unavailable =
        |what: &str, retry_after| Error::Unavailable { reason: format!("{what}: {message}"), retry_after };
    match code.code {
        ErrorCode::ConstraintViolation => constraint(code.extended_code, message, catalog),
        ErrorCode::OperationInterrupted => interrupted(),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => unavailable("the database is locked", BUSY),
        ErrorCode::ReadOnly if side == Side::Reader => {
            Error::sql("25006", "cannot execute a statement that writes in a read-only transaction")
        }
        ErrorCode::ReadOnly => unavailable("the database cannot be written", DISK),
        ErrorCode::DiskFull => unavailable("the disk is full", DISK),
        ErrorCode::SystemIoFailure => unavailable("the disk failed", DISK),
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => unavailable("the database cannot be opened", DISK),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => unavailable("the database file is damaged", DISK),
        ErrorCode::OutOfMemory => unavailable("there is no memory left", BUSY),
        ErrorCode::FileLockingProtocolFailed | ErrorCode::SchemaChanged | ErrorCode::OperationAborted => {
            unavailable("the transaction was given up", BUSY)
        }
        ErrorCode::TooBig => Error::sql("54000", "a value or a statement is too big"),
        ErrorCode::TypeMismatch => Error::sql("22P02", "a value does not have the type of its column"),
        ErrorCode::AuthorizationForStatementDenied => Error::sql("42501", "permission denied"),
        _ => plain(message),
    }
}

/// The answer to a statement that the progress handler stopped.
pub(super) fn interrupted() -> Error {
    match session::stopped() {
        Some(Stopped::Cancelled) => Error::sql("57014", "canceling statement due to user request"),
        Some(Stopped::Deadline) | None => Error::sql("57014", "canceling statement due to statement timeout"),
    }
}

fn constraint(extended: i32, message: &str, catalog: Option<&Catalog>) -> Error {
    let subject = message.split_once(": ").map_or("", |(_, subject)| subject);
    let broken = match extended {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            match subject.strip_prefix("index '").and_then(|name| name.strip_suffix('\'')) {
                Some(index) => Broken::UniqueIndex(index),
                None => Broken::Unique(subject.split(", ").collect()),
            }
        }
        ffi::SQLITE_CONSTRAINT_NOTNULL => Broken::NotNull(subject),
        ffi::SQLITE_CONSTRAINT_CHECK => Broken::Check(subject),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Broken::ForeignKey,
        ffi::SQLITE_CONSTRAINT_DATATYPE => return SqlError::new("22P02", message).into(),
        // `raise(abort, …)` in a trigger; PostgreSQL's own code for a message without one.
        ffi::SQLITE_CONSTRAINT_TRIGGER => return SqlError::new("P0001", message).into(),
        _ => return SqlError::new("23000", message).into(),
    };
    violation::explain(catalog, &broken).into()
}

/// `SQLITE_ERROR` says everything in its message.
fn plain(message: &str) -> Error {
    let quoted = |prefix: &str| message.strip_prefix(prefix);
    let (code, text) = if let Some(name) = quoted("no such table: ") {
        ("42P01", format!("relation \"{name}\" does not exist"))
    } else if let Some(name) = quoted("no such column: ") {
        ("42703", format!("column \"{}\" does not exist", name.split(" - ").next().unwrap_or(name)))
    } else if let Some(name) = quoted("no such function: ") {
        ("42883", format!("function {name} does not exist"))
    } else if let Some(name) = quoted("ambiguous column name: ") {
        ("42702", format!("column reference \"{name}\" is ambiguous"))
    } else if message.contains("syntax error") || message == "incomplete input" {
        ("42601", message.to_owned())
    } else if message.starts_with("integer overflow") {
        ("22003", "bigint out of range".to_owned())
    } else if message.starts_with("malformed JSON") {
        ("22P02", "invalid input syntax for type json".to_owned())
    } else if message.contains("already exists") {
        ("42P07", message.to_owned())
    } else if message.contains("too many") || message.contains("too large") || message.contains("stack overflow") {
        ("54001", message.to_owned())
    } else if message.starts_with("sub-select returns") {
        ("42601", message.to_owned())
    } else {
        // What our own texts cannot cause is our own bug, but a caller's expression may: it stays a refusal.
        ("XX000", message.to_owned())
    };
    Error::sql(code, text)
}

/// May the same statement succeed on a fresh connection: the file or its lock table is at fault, not the statement.
pub(super) fn wants_reopening(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::NotADatabase
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::ReadOnly
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_carry_the_states_that_postgresql_would_give() {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        db.execute_batch(
            "pragma foreign_keys = on;
             create table a (id integer primary key, b text not null, c integer constraint c_small check (c < 10), unique (b, c));
             create table s (i integer) strict; create index e on a (lower(b)); create unique index u on a (upper(b));
             create table f (a integer references a); insert into a values (1, 'x', 1), (2, 'y', 2)",
        )
        .unwrap();
        for (sql, code) in [
            ("insert into a values (1, 'z', 3)", "23505"),
            ("insert into a values (3, 'x', 1)", "23505"),
            ("insert into a values (3, 'X', 3)", "23505"),
            ("insert into a (id) values (4)", "23502"),
            ("insert into a values (4, 'q', 10)", "23514"),
            ("insert into f values (9)", "23503"),
            ("delete from nowhere", "42P01"),
            ("select z from a", "42703"),
            ("select nofun(1)", "42883"),
            ("select a.id from a join a as b on true where id = 1", "42702"),
            ("selekt", "42601"),
            ("insert into s values ('x')", "22P02"),
            ("insert into a values ('x', 'y', 1)", "22P02"),
            ("select 9223372036854775807 + 1, sum(9223372036854775807) from a", "22003"),
            ("select json_extract('{', '$')", "22P02"),
            ("select zeroblob(2000000000)", "54000"),
        ] {
            let error = db
                .prepare(sql)
                .and_then(|mut statement| statement.query([]).and_then(|mut rows| rows.next().map(|_| ())))
                .unwrap_err();
            assert_eq!(translate(error, Side::Writer, None).code(), Some(code), "{sql}");
        }
    }
}
