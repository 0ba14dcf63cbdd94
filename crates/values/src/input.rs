//! From text and from JSON to stored values.

use crate::{Result, Session, Type, Value, ValueError};

/// PostgreSQL's text input for a type, in UTC and without a clock.
pub fn input(ty: &Type, text: &str) -> Result<Value> {
    input_in(ty, text, &Session::default())
}

/// PostgreSQL's text input for a type, in a session.
pub fn input_in(ty: &Type, text: &str, _session: &Session) -> Result<Value> {
    match ty {
        Type::Int8 => text.trim().parse().map(Value::Int).map_err(|_| ValueError::syntax("bigint", text)),
        _ => Ok(Value::text(text)),
    }
}

/// A JSON value (one complete JSON text) for a column of this type, as `json_populate_record` reads it.
pub fn from_json(ty: &Type, json: &str) -> Result<Value> {
    from_json_in(ty, json, &Session::default())
}

/// [`from_json`] in a session.
pub fn from_json_in(ty: &Type, json: &str, session: &Session) -> Result<Value> {
    if json == "null" { Ok(Value::Null) } else { input_in(ty, json, session) }
}
