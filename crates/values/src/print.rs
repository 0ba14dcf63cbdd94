//! From stored values to JSON and text. No allocation for common types.

use crate::array::{element, needs_quotes};
use crate::float::put_float;
use crate::json::elements;
use crate::sink::{Sink, put_hex, put_int};
use crate::{RangeKind, Session, Type, ValueRef, datetime, range::Range};
use std::borrow::Cow;

/// Appends the value as `row_to_json` prints it, in UTC.
pub fn write_json(ty: &Type, v: ValueRef<'_>, out: &mut Vec<u8>) {
    write_json_in(ty, v, &Session::default(), out);
}

/// [`write_json`] with the session's time zone.
pub fn write_json_in(ty: &Type, v: ValueRef<'_>, session: &Session, out: &mut Vec<u8>) {
    match v {
        ValueRef::Null => out.extend_from_slice(b"null"),
        ValueRef::Int(i) => match ty {
            Type::Bool => out.extend_from_slice(if i == 0 { b"false" } else { b"true" }),
            _ if quoted_number(ty) => {
                out.push(b'"');
                put_int(i, out);
                out.push(b'"');
            }
            _ => put_int(i, out),
        },
        ValueRef::Real(f) => {
            let quoted = !f.is_finite() || quoted_number(ty);
            if quoted {
                out.push(b'"');
            }
            put_float(f, *ty == Type::Float4, out);
            if quoted {
                out.push(b'"');
            }
        }
        ValueRef::Text(s) => json_text(ty, s, session, out),
        ValueRef::Blob(b) => {
            out.extend_from_slice(b"\"\\\\x");
            put_hex(b, out);
            out.push(b'"');
        }
    }
}

/// A number found where the declared type prints as a string.
fn quoted_number(ty: &Type) -> bool {
    matches!(ty, Type::Text | Type::Varchar(_) | Type::Bpchar(_) | Type::Name)
}

fn json_text(ty: &Type, s: &str, session: &Session, out: &mut Vec<u8>) {
    match ty {
        Type::Numeric(_) if s.ends_with(|c: char| c.is_ascii_digit()) => out.extend_from_slice(s.as_bytes()),
        Type::Json | Type::Jsonb => out.extend_from_slice(s.as_bytes()),
        Type::Array(e) => json_array(e, s, session, out),
        Type::Timestamp(_) | Type::TimestampTz(_) => {
            out.push(b'"');
            put_timestamp(s, b'T', matches!(ty, Type::TimestampTz(_)), true, session, out);
            out.push(b'"');
        }
        Type::Time(_) | Type::TimeTz | Type::Range(_) => {
            let mut text = String::new();
            write_text_in(ty, ValueRef::Text(s), session, &mut text);
            write_json_string(&text, out);
        }
        _ => write_json_string(s, out),
    }
}

fn json_array(e: &Type, s: &str, session: &Session, out: &mut Vec<u8>) {
    // The stored JSON is the printed JSON wherever an element's stored form is its printed form.
    if matches!(
        e,
        Type::Int2 | Type::Int4 | Type::Int8 | Type::Text | Type::Varchar(_) | Type::Uuid | Type::Date | Type::Enum(_)
    ) {
        out.extend_from_slice(s.as_bytes());
        return;
    }
    out.push(b'[');
    for (i, raw) in elements(s).enumerate() {
        if i > 0 {
            out.push(b',');
        }
        if raw.starts_with('[') {
            json_array(e, raw, session, out);
        } else {
            write_json_in(e, element(e, raw).as_ref(), session, out);
        }
    }
    out.push(b']');
}

/// True where a JSON string needs an escape.
const ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut i = 0;
    while i < 0x20 {
        table[i] = true;
        i += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};

/// How many bytes from the start need no escape; eight at a time.
fn plain_run(b: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let mut at = 0;
    while let Some(chunk) = b[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let zero = |w: u64| w.wrapping_sub(ONES) & !w & HIGHS;
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        if control | zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))) != 0 {
            break;
        }
        at += 8;
    }
    at + b[at..].iter().take_while(|c| !ESCAPED[usize::from(**c)]).count()
}

/// True when a text needs no escape in a JSON string.
pub(crate) fn is_plain(s: &str) -> bool {
    plain_run(s.as_bytes()) == s.len()
}

/// Appends a JSON string literal, escaped as PostgreSQL escapes.
pub fn write_json_string(s: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.reserve(s.len() + 2);
    out.push(b'"');
    let mut b = s.as_bytes();
    loop {
        let run = plain_run(b);
        out.extend_from_slice(&b[..run]);
        let Some(&c) = b.get(run) else { break };
        match c {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(c >> 4)]);
                out.push(HEX[usize::from(c & 15)]);
            }
        }
        b = &b[run + 1..];
    }
    out.push(b'"');
}

/// Appends PostgreSQL's text output of a value (NULL appends nothing), in UTC.
pub fn write_text(ty: &Type, v: ValueRef<'_>, out: &mut String) {
    write_text_in(ty, v, &Session::default(), out);
}

/// [`write_text`] with the session's time zone.
pub fn write_text_in(ty: &Type, v: ValueRef<'_>, session: &Session, out: &mut String) {
    match v {
        ValueRef::Null => {}
        ValueRef::Int(i) if *ty == Type::Bool => out.push(if i == 0 { 'f' } else { 't' }),
        ValueRef::Int(i) => put_int(i, out),
        ValueRef::Real(f) => put_float(f, *ty == Type::Float4, out),
        ValueRef::Blob(b) => {
            out.push_str("\\x");
            put_hex(b, out);
        }
        ValueRef::Text(s) => match ty {
            Type::Timestamp(_) => put_timestamp(s, b' ', false, false, session, out),
            Type::TimestampTz(_) => put_timestamp(s, b' ', true, false, session, out),
            Type::Time(_) => put_trimmed(s, out),
            Type::TimeTz => match datetime::timetz_parts(s) {
                Some((_, zone)) => {
                    put_trimmed(s.rfind(['+', '-']).map_or(s, |at| &s[..at]), out);
                    datetime::push_offset(zone, false, out);
                }
                None => out.push_str(s),
            },
            Type::Array(e) => text_array(e, s, session, out),
            Type::Range(kind) => text_range(*kind, s, session, out),
            _ => out.push_str(s),
        },
    }
}

/// Appends a stored time without the zeros at the end of its fraction.
fn put_trimmed(time: &str, out: &mut impl Sink) {
    let b = time.as_bytes();
    let mut end = b.len();
    if b.get(8) == Some(&b'.') {
        while b[end - 1] == b'0' {
            end -= 1;
        }
        end -= usize::from(end == 9);
    }
    out.put(time.get(..end).unwrap_or(time));
}

/// Appends a stored timestamp: `separator` between date and time; with `zoned`, the session's offset after it.
fn put_timestamp(s: &str, separator: u8, zoned: bool, full: bool, session: &Session, out: &mut impl Sink) {
    let b = s.as_bytes();
    if b.len() < 19 || !s.is_ascii() || b[10] != b' ' {
        return out.put(s); // an infinity, or nothing of ours
    }
    let moment = if zoned && session.zone != datetime::Zone::UTC { datetime::timestamp_us(s) } else { None };
    let shifted = moment.and_then(|us| datetime::timestamp_text(session.zone.wall(us)).ok());
    let offset = moment.filter(|_| shifted.is_some()).map_or(0, |us| session.zone.offset_at(us));
    let s = shifted.as_deref().unwrap_or(s);
    out.put(&s[..10]);
    out.put_ascii(&[separator]);
    put_trimmed(s[11..].strip_suffix('Z').unwrap_or(&s[11..]), out);
    if zoned {
        if offset == 0 {
            out.put(if full { "+00:00" } else { "+00" });
        } else {
            let mut zone = String::new();
            datetime::push_offset(offset, full, &mut zone);
            out.put(&zone);
        }
    }
}

fn text_array(e: &Type, s: &str, session: &Session, out: &mut String) {
    out.push('{');
    let mut item = String::new();
    for (i, raw) in elements(s).enumerate() {
        if i > 0 {
            out.push(',');
        }
        if raw.starts_with('[') {
            text_array(e, raw, session, out);
            continue;
        }
        let value = element(e, raw);
        if value.is_null() {
            out.push_str("NULL");
            continue;
        }
        item.clear();
        write_text_in(e, value.as_ref(), session, &mut item);
        if needs_quotes(&item) {
            out.push('"');
            for c in item.chars() {
                if matches!(c, '"' | '\\') {
                    out.push('\\');
                }
                out.push(c);
            }
            out.push('"');
        } else {
            out.push_str(&item);
        }
    }
    out.push('}');
}

fn text_range(kind: RangeKind, s: &str, session: &Session, out: &mut String) {
    let timed = matches!(kind, RangeKind::Ts | RangeKind::TsTz);
    let (true, Some(r)) = (timed, Range::stored(s)) else { return out.push_str(s) };
    if r.empty {
        return out.push_str("empty");
    }
    let ty = kind.element();
    let bound = |v: Option<&str>, out: &mut String| {
        let Some(v) = v else { return };
        let quote = if v.contains(' ') { "\"" } else { "" };
        out.push_str(quote);
        write_text_in(&ty, ValueRef::Text(v), session, out);
        out.push_str(quote);
    };
    out.push(if r.lower_inclusive { '[' } else { '(' });
    bound(r.lower, out);
    out.push(',');
    bound(r.upper, out);
    out.push(if r.upper_inclusive { ']' } else { ')' });
}

/// Appends one field of a record's text form, which is also `PostgREST`'s CSV: quoted when empty or when it holds a quote, a
/// backslash, a comma, a parenthesis or a blank; quotes and backslashes doubled. NULL is nothing at all.
pub fn write_csv_field(ty: &Type, v: ValueRef<'_>, out: &mut String) {
    if v.is_null() {
        return;
    }
    let text = match v {
        ValueRef::Text(s) if matches!(ty, Type::Text | Type::Varchar(_) | Type::Numeric(_) | Type::Uuid) => {
            Cow::Borrowed(s)
        }
        _ => Cow::Owned(crate::input::plain_text(ty, v)),
    };
    let special = |b: u8| matches!(b, b'"' | b'\\' | b',' | b'(' | b')' | 0x0b) || b.is_ascii_whitespace();
    if !text.is_empty() && !text.bytes().any(special) {
        return out.push_str(&text);
    }
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Value, input};

    /// type, input text, output text, output JSON
    const CASES: &[(&str, &str, &str, &str)] = &[
        ("bool", "yes", "t", "true"),
        ("int4", "-42", "-42", "-42"),
        ("float8", "1e20", "1e+20", "1e+20"),
        ("float8", "NaN", "NaN", "\"NaN\""),
        ("float8", "-inf", "-Infinity", "\"-Infinity\""),
        ("float4", "0.1", "0.1", "0.1"),
        ("numeric", "1.50", "1.50", "1.50"),
        ("numeric", "nan", "NaN", "\"NaN\""),
        ("text", "a\"b\\c\n\u{1}é", "a\"b\\c\n\u{1}é", "\"a\\\"b\\\\c\\n\\u0001é\""),
        ("bytea", "\\x00ff", "\\x00ff", "\"\\\\x00ff\""),
        ("date", "2020-01-05", "2020-01-05", "\"2020-01-05\""),
        ("time", "10:00:00.50", "10:00:00.5", "\"10:00:00.5\""),
        ("timetz", "10:00+02", "10:00:00+02", "\"10:00:00+02\""),
        ("timestamp", "2020-01-01 00:00:00.5", "2020-01-01 00:00:00.5", "\"2020-01-01T00:00:00.5\""),
        ("timestamp", "infinity", "infinity", "\"infinity\""),
        ("timestamptz", "2020-01-01 00:00:00", "2020-01-01 00:00:00+00", "\"2020-01-01T00:00:00+00:00\""),
        ("interval", "1 day 2 hours", "1 day 02:00:00", "\"1 day 02:00:00\""),
        (
            "uuid",
            "A0EEBC999C0B4EF8BB6D6BB9BD380A11",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"",
        ),
        ("json", "{ \"a\":1}", "{ \"a\":1}", "{ \"a\":1}"),
        ("jsonb", "{ \"a\":1}", "{\"a\": 1}", "{\"a\": 1}"),
        ("_int4", "{1,NULL,{2}}", "", ""),
        ("_int4", "{1,NULL}", "{1,NULL}", "[1,null]"),
        ("_int4", "{{1,2},{3,4}}", "{{1,2},{3,4}}", "[[1,2],[3,4]]"),
        ("_bool", "{t,f,null}", "{t,f,NULL}", "[true,false,null]"),
        (
            "_text",
            "{a b,\"NULL\",null,\"\",\"q\\\"\"}",
            "{\"a b\",\"NULL\",NULL,\"\",\"q\\\"\"}",
            "[\"a b\",\"NULL\",null,\"\",\"q\\\"\"]",
        ),
        ("_numeric", "{1.50,NaN}", "{1.50,NaN}", "[1.50,\"NaN\"]"),
        ("_float8", "{1.5,1e20,inf}", "{1.5,1e+20,Infinity}", "[1.5,1e+20,\"Infinity\"]"),
        ("_timestamptz", "{2020-01-01}", "{\"2020-01-01 00:00:00+00\"}", "[\"2020-01-01T00:00:00+00:00\"]"),
        ("_jsonb", "{\"{\\\"a\\\":1}\"}", "{\"{\\\"a\\\": 1}\"}", "[{\"a\": 1}]"),
        ("_bytea", "{\"\\\\x00ff\"}", "{\"\\\\x00ff\"}", "[\"\\\\x00ff\"]"),
        ("int4range", "[1,5]", "[1,6)", "\"[1,6)\""),
        ("tsrange", "[2020-01-01,)", "[\"2020-01-01 00:00:00\",)", "\"[\\\"2020-01-01 00:00:00\\\",)\""),
        ("bpchar", "ab ", "ab ", "\"ab \""),
    ];

    #[test]
    fn values_print_as_postgresql_prints_them() {
        for (ty, text, want_text, want_json) in CASES.iter().filter(|c| !c.2.is_empty()) {
            let ty = Type::named(ty).unwrap();
            let v = input(&ty, text).unwrap_or_else(|e| panic!("{text}: {e}"));
            let (mut t, mut j) = (String::new(), Vec::new());
            write_text(&ty, v.as_ref(), &mut t);
            write_json(&ty, v.as_ref(), &mut j);
            assert_eq!((t.as_str(), std::str::from_utf8(&j).unwrap()), (*want_text, *want_json), "{ty} {text}");
            assert_eq!(input(&ty, &t).unwrap(), v, "{ty} {t}");
        }
    }

    #[test]
    fn moments_print_in_the_sessions_zone() {
        let session = Session { now_us: None, zone: datetime::Zone::fixed(-19_800) };
        let v = input(&Type::TimestampTz(None), "2020-01-01 00:00:00.25Z").unwrap();
        let (mut t, mut j) = (String::new(), Vec::new());
        write_text_in(&Type::TimestampTz(None), v.as_ref(), &session, &mut t);
        write_json_in(&Type::TimestampTz(None), v.as_ref(), &session, &mut j);
        assert_eq!(
            (t.as_str(), j.as_slice()),
            ("2019-12-31 18:30:00.25-05:30", &b"\"2019-12-31T18:30:00.25-05:30\""[..])
        );
    }

    #[test]
    fn json_strings_are_escaped_wherever_the_escape_stands() {
        for at in 0..20 {
            for c in ['"', '\\', '\n', '\u{1f}', ' ', '\u{7f}', 'é'] {
                let s = format!("{}{c}{}", "a".repeat(at), "b".repeat(20 - at));
                let mut out = Vec::new();
                write_json_string(&s, &mut out);
                let out = String::from_utf8(out).unwrap();
                assert_eq!(crate::json::unquote(&out).unwrap(), s);
                assert_eq!(out.contains('\\'), matches!(c, '"' | '\\' | '\n' | '\u{1f}'), "{out}");
            }
        }
    }

    #[test]
    fn csv_fields_are_quoted_as_in_a_record() {
        for (v, want) in [
            (Value::Null, ""),
            (Value::text(""), "\"\""),
            (Value::text("a b"), "\"a b\""),
            (Value::text("a\"\\"), "\"a\"\"\\\\\""),
            (Value::text("(x)"), "\"(x)\""),
            (Value::text("abc"), "abc"),
        ] {
            let mut out = String::new();
            write_csv_field(&Type::Text, v.as_ref(), &mut out);
            assert_eq!(out, want);
        }
    }
}
