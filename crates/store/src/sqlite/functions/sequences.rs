//! `nextval` and its kin.

use std::sync::Arc;

use values::{Result, Value, ValueError, ValueRef};

use super::{Scalar, int, text, volatile};
use crate::sqlite::sequence::Sequences;
use crate::sqlite::session::{self, Session};

type Args<'a, 'b> = &'a [ValueRef<'b>];

/// The sequences, which only the writer's thread has.
fn writable<'s>(session: &'s mut Session, what: &str) -> Result<&'s mut Sequences> {
    session
        .sequences
        .as_mut()
        .ok_or_else(|| ValueError::new("25006", format!("cannot execute {what}() in a read-only transaction")))
}

fn next(session: &mut Session, key: &Arc<str>) -> Result<Value> {
    let value = writable(session, "nextval")?.next(key)?;
    session.drawn.retain(|(name, _)| name != key);
    session.drawn.push((key.clone(), value));
    Ok(Value::Int(value))
}

fn nextval(args: Args<'_, '_>) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let name = text(args, 0)?;
    session::with(|session| {
        let path = session.scope.search_path.clone();
        let key = writable(session, "nextval")?.resolve(name, &path)?;
        next(session, &key)
    })
}

/// The same for a key as the catalog prints it, `schema.name` without quotes: what defaults are made of.
fn nextval_of(args: Args<'_, '_>) -> Result<Value> {
    let key = Arc::from(text(args, 0)?);
    session::with(|session| next(session, &key))
}

/// The number that this function has drawn last from a sequence named by its key; null when it has drawn none.
fn currval_of(args: Args<'_, '_>) -> Result<Value> {
    let key = text(args, 0)?;
    session::with(|session| {
        let drawn = session.drawn.iter().find(|(drawn, _)| **drawn == *key);
        Ok(drawn.map_or(Value::Null, |(_, value)| Value::Int(*value)))
    })
}

fn currval(args: Args<'_, '_>) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let name = text(args, 0)?;
    session::with(|session| {
        let path = session.scope.search_path.clone();
        let key = writable(session, "currval")?.resolve(name, &path)?;
        if let Some((_, value)) = session.drawn.iter().find(|(drawn, _)| *drawn == key) {
            return Ok(Value::Int(*value));
        }
        let bare = key.split_once('.').map_or(&*key, |(_, name)| name);
        Err(ValueError::new("55000", format!("currval of sequence \"{bare}\" is not yet defined in this session")))
    })
}

fn lastval(_: Args<'_, '_>) -> Result<Value> {
    session::with(|session| match session.drawn.last() {
        Some((_, value)) => Ok(Value::Int(*value)),
        None => Err(ValueError::new("55000", "lastval is not yet defined in this session")),
    })
}

fn setval(args: Args<'_, '_>) -> Result<Value> {
    if args.iter().any(|arg| arg.is_null()) {
        return Ok(Value::Null);
    }
    let (name, value) = (text(args, 0)?, int(args, 1)?);
    let called = args.len() < 3 || int(args, 2)? != 0;
    session::with(|session| {
        let path = session.scope.search_path.clone();
        let sequences = writable(session, "setval")?;
        let key = sequences.resolve(name, &path)?;
        sequences.set(&key, value, called).map(Value::Int)
    })
}

pub(super) const FUNCTIONS: &[Scalar] = &[
    volatile("nextval", 1, nextval),
    volatile("pg_nextval", 1, nextval_of),
    volatile("currval", 1, currval),
    volatile("pg_currval", 1, currval_of),
    volatile("lastval", 0, lastval),
    volatile("setval", 2, setval),
    volatile("setval", 3, setval),
];
