//! PostgreSQL's functions, registered on every connection: a table per subject, one routine that registers them.
//!
//! A function takes stored values and gives a stored value; the `values` crate does the work. An error goes through the thread's
//! slot ([`session::raise`]), so that it reaches the caller with its own SQLSTATE.

mod aggregates;
mod arrays;
mod casts;
mod context;
mod documents;
mod numbers;
mod ranges;
mod search;
mod sequences;
mod strings;
mod time;

#[cfg(test)]
mod tests;

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Null, ToSqlOutput, Value as Owned};
use values::{Result, Value, ValueError, ValueRef};

use super::connection::stored;
use super::session;
use crate::error::SqlError;

/// A scalar function.
#[derive(Clone, Copy)]
pub(super) struct Scalar {
    name: &'static str,
    /// How many arguments; -1 for any number.
    args: i32,
    /// Null when any argument is.
    strict: bool,
    /// The same arguments always give the same value: usable in indexes and generated columns.
    pure: bool,
    call: fn(&[ValueRef<'_>]) -> Result<Value>,
}

/// Null in, null out; the same arguments, the same value.
const fn strict(name: &'static str, args: i32, call: fn(&[ValueRef<'_>]) -> Result<Value>) -> Scalar {
    Scalar { name, args, strict: true, pure: true, call }
}

/// Sees nulls; the same arguments, the same value.
const fn lax(name: &'static str, args: i32, call: fn(&[ValueRef<'_>]) -> Result<Value>) -> Scalar {
    Scalar { name, args, strict: false, pure: true, call }
}

/// Depends on the session, the moment or chance.
const fn volatile(name: &'static str, args: i32, call: fn(&[ValueRef<'_>]) -> Result<Value>) -> Scalar {
    Scalar { name, args, strict: false, pure: false, call }
}

/// Joins tables into one, while compiling.
const fn join<const N: usize>(parts: &[&[Scalar]]) -> [Scalar; N] {
    let mut all = [parts[0][0]; N];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let mut n = 0;
        while n < parts[part].len() {
            all[at] = parts[part][n];
            at += 1;
            n += 1;
        }
        part += 1;
    }
    assert!(at == N, "the length of a joined table is the sum of its parts'");
    all
}

/// Registers them all.
pub(super) fn register(db: &Connection) -> rusqlite::Result<()> {
    for group in [
        ANY,
        numbers::FUNCTIONS,
        strings::FUNCTIONS,
        time::FUNCTIONS,
        documents::FUNCTIONS,
        arrays::FUNCTIONS,
        ranges::FUNCTIONS,
        search::FUNCTIONS,
        casts::FUNCTIONS,
        context::FUNCTIONS,
        sequences::FUNCTIONS,
    ] {
        for function in group {
            scalar(db, *function)?;
        }
    }
    aggregates::register(db)
}

/// Harmless, so that views, checks, defaults and indexes may call it.
fn flags(pure: bool) -> FunctionFlags {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    if pure { flags | FunctionFlags::SQLITE_DETERMINISTIC } else { flags }
}

fn scalar(db: &Connection, function: Scalar) -> rusqlite::Result<()> {
    let Scalar { name, args, strict, pure, call } = function;
    db.create_scalar_function(name, args, flags(pure), move |context| {
        with_arguments(context, |args| {
            if strict && args.iter().any(|arg| arg.is_null()) { Ok(Value::Null) } else { call(args) }
        })
        .map(Output)
    })
}

/// What needs no subject of its own.
const ANY: &[Scalar] = &[
    lax("pg_num_nulls", -1, |a| Ok(count(a.iter().filter(|arg| arg.is_null())))),
    // `pg_typeof(value)` with the name of its type, which is printed in full.
    lax("pg_typeof", 2, |a| Ok(Value::Text(casts::type_named(text(a, 1)?)?.sql_name()))),
    lax("pg_num_nonnulls", -1, |a| Ok(count(a.iter().filter(|arg| !arg.is_null())))),
];

fn count(matching: impl Iterator) -> Value {
    Value::Int(i64::try_from(matching.count()).unwrap_or(i64::MAX))
}

/// How many arguments fit without an allocation.
const FEW: usize = 6;

/// Runs `f` over the arguments in stored form, and leaves its error for the statement.
fn with_arguments<T>(context: &Context<'_>, f: impl FnOnce(&[ValueRef<'_>]) -> Result<T>) -> rusqlite::Result<T> {
    let count = context.len();
    let argument = |n| stored(context.get_raw(n)).map_err(|_| not_utf8());
    if count <= FEW {
        let mut few = [ValueRef::Null; FEW];
        for (n, slot) in few.iter_mut().enumerate().take(count) {
            *slot = argument(n).map_err(failed)?;
        }
        f(&few[..count]).map_err(failed)
    } else {
        let many: Result<Vec<ValueRef<'_>>> = (0..count).map(argument).collect();
        many.and_then(|many| f(&many)).map_err(failed)
    }
}

fn not_utf8() -> ValueError {
    ValueError::new("22021", "invalid byte sequence for encoding \"UTF8\"")
}

/// Leaves the error for the statement; SQLite itself only learns that something failed.
fn failed(error: ValueError) -> rusqlite::Error {
    session::raise(SqlError::from(error));
    rusqlite::Error::UserFunctionError("refused".into())
}

/// A stored value on its way to SQLite.
struct Output(Value);

impl rusqlite::ToSql for Output {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        use rusqlite::types::ValueRef as Raw;
        Ok(match &self.0 {
            Value::Null => Null.to_sql()?,
            Value::Int(n) => ToSqlOutput::Owned(Owned::Integer(*n)),
            Value::Real(f) => ToSqlOutput::Owned(Owned::Real(*f)),
            Value::Text(text) => ToSqlOutput::Borrowed(Raw::Text(text.as_bytes())),
            Value::Blob(bytes) => ToSqlOutput::Borrowed(Raw::Blob(bytes)),
        })
    }
}

/// The argument as text; what the translator guarantees, so the other case is a wrong table entry.
fn text<'a>(args: &[ValueRef<'a>], n: usize) -> Result<&'a str> {
    match args.get(n) {
        Some(ValueRef::Text(text)) => Ok(text),
        other => Err(mistyped("text", other.copied())),
    }
}

/// The argument as an integer.
fn int(args: &[ValueRef<'_>], n: usize) -> Result<i64> {
    match args.get(n) {
        Some(ValueRef::Int(n)) => Ok(*n),
        other => Err(mistyped("integer", other.copied())),
    }
}

/// The argument as an `integer`, cut to its range.
fn int4(args: &[ValueRef<'_>], n: usize) -> Result<i32> {
    let n = int(args, n)?;
    Ok(i32::try_from(n).unwrap_or(if n < 0 { i32::MIN } else { i32::MAX }))
}

/// The argument as a float.
fn float(args: &[ValueRef<'_>], n: usize) -> Result<f64> {
    let arg = args.get(n).copied();
    arg.and_then(ValueRef::as_float).ok_or_else(|| mistyped("double precision", arg))
}

/// The argument as the text of a numeric; an integer is one too.
fn numeric<'a>(args: &[ValueRef<'a>], n: usize) -> Result<std::borrow::Cow<'a, str>> {
    match args.get(n) {
        Some(ValueRef::Text(text)) => Ok((*text).into()),
        Some(ValueRef::Int(n)) => Ok(values::numeric::from_i64(*n).into()),
        Some(ValueRef::Real(f)) => values::numeric::from_f64(*f).map(Into::into),
        other => Err(mistyped("numeric", other.copied())),
    }
}

fn mistyped(wanted: &str, got: Option<ValueRef<'_>>) -> ValueError {
    let got = match got {
        None => "nothing",
        Some(ValueRef::Null) => "null",
        Some(ValueRef::Int(_)) => "an integer",
        Some(ValueRef::Real(_)) => "a float",
        Some(ValueRef::Text(_)) => "a text",
        Some(ValueRef::Blob(_)) => "bytes",
    };
    ValueError::new("42804", format!("a function that takes {wanted} was given {got}"))
}

/// The type of that name; without one, the widest type of the value's storage class.
fn type_or_guess(value: ValueRef<'_>, name: Option<&str>) -> Result<values::Type> {
    match name {
        Some(name) if !name.is_empty() => casts::type_named(name),
        _ => Ok(match value {
            ValueRef::Int(_) => values::Type::Int8,
            ValueRef::Real(_) => values::Type::Float8,
            ValueRef::Blob(_) => values::Type::Bytea,
            ValueRef::Null | ValueRef::Text(_) => values::Type::Text,
        }),
    }
}

/// A value of a type as PostgreSQL prints it; `None` for null.
fn typed_text(value: ValueRef<'_>, ty: Option<&str>) -> Result<Option<String>> {
    if value.is_null() {
        return Ok(None);
    }
    let ty = type_or_guess(value, ty)?;
    let mut out = String::new();
    values::write_text_in(&ty, value, &session::values_session(), &mut out);
    Ok(Some(out))
}
