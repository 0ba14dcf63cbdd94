//! From text and from JSON to stored values.

use crate::datetime::{self, Interval};
use crate::json::{self, unquote};
use crate::{Result, Session, Type, Value, ValueError, ValueRef, array, bytea, float, fts, network, numeric, range};

/// The blanks PostgreSQL's scalar inputs skip at both ends.
pub(crate) fn trim(text: &str) -> &str {
    // Nearly no text has blanks around it.
    let plain = |b: Option<&u8>| b.is_some_and(u8::is_ascii_graphic);
    if plain(text.as_bytes().first()) && plain(text.as_bytes().last()) {
        return text;
    }
    text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}'])
}

/// PostgreSQL's text input for a type, in UTC and without a clock.
pub fn input(ty: &Type, text: &str) -> Result<Value> {
    input_in(ty, text, &Session::default())
}

/// PostgreSQL's text input for a type, in a session. Lengths, precisions and scales in the type are applied.
pub fn input_in(ty: &Type, text: &str, session: &Session) -> Result<Value> {
    if text.contains('\0') {
        return Err(ValueError::new("22021", "invalid byte sequence for encoding \"UTF8\": 0x00"));
    }
    Ok(match ty {
        Type::Text | Type::Unknown | Type::Void | Type::Record | Type::Other(_) => Value::text(text),
        Type::Bool => Value::bool(boolean(text)?),
        Type::Int2 => Value::Int(integer(text, "smallint", i64::from(i16::MIN), i64::from(i16::MAX))?),
        Type::Int4 => Value::Int(integer(text, "integer", i64::from(i32::MIN), i64::from(i32::MAX))?),
        Type::Int8 => Value::Int(integer(text, "bigint", i64::MIN, i64::MAX)?),
        Type::Float4 => Value::float(f64::from(float::parse_f32(text)?)),
        Type::Float8 => Value::float(float::parse_f64(text)?),
        Type::Numeric(modifier) => {
            let n = numeric::canonical(text)?;
            Value::Text(match modifier {
                Some((p, s)) => numeric::apply_modifier(&n, *p, *s)?,
                None => n,
            })
        }
        Type::Varchar(_) | Type::Bpchar(_) | Type::Name => Value::Text(fit_string(ty, text, false)?),
        Type::Bytea => Value::Blob(bytea::parse(text)?),
        Type::Date => Value::Text(datetime::days_text(datetime::input_date(text, session)?).map_err(|e| at(e, text))?),
        Type::Time(p) => {
            Value::Text(datetime::time_text(datetime::round_time(datetime::input_time(text, session)?, *p)))
        }
        Type::TimeTz => {
            let (us, zone) = datetime::input_timetz(text, session)?;
            Value::Text(datetime::timetz_text(us, zone))
        }
        Type::Timestamp(p) => {
            let us = datetime::round_timestamp(datetime::input_timestamp(text, session)?, *p);
            Value::Text(datetime::timestamp_text(us).map_err(|e| at(e, text))?)
        }
        Type::TimestampTz(p) => {
            let us = datetime::round_timestamp(datetime::input_timestamptz(text, session)?, *p);
            Value::Text(datetime::timestamptz_text(us).map_err(|e| at(e, text))?)
        }
        Type::Interval => Value::Text(Interval::parse(text)?.to_text()),
        Type::Uuid => Value::Text(uuid(text)?),
        Type::Json => {
            json::validate(text)?;
            Value::text(text)
        }
        Type::Jsonb => Value::Text(json::normalise(text)?),
        Type::Array(element) => Value::Text(array::parse(element, text, session)?),
        Type::Enum(e) => {
            if e.position(text).is_none() {
                let name = crate::quote::ident(&e.name);
                return Err(ValueError::new("22P02", format!("invalid input value for enum {name}: \"{text}\"")));
            }
            Value::text(text)
        }
        Type::Range(kind) => Value::Text(range::parse(*kind, text, session)?),
        Type::TsVector => Value::Text(fts::parse_vector(text)?),
        Type::TsQuery => Value::Text(fts::parse_query(text)?),
        Type::Inet => Value::Text(network::parse_inet(text)?),
        Type::Cidr => Value::Text(network::parse_cidr(text)?),
        Type::MacAddr => Value::Text(network::parse_mac(text)?),
    })
}

/// Names the text in a range error that was raised without it.
fn at(e: ValueError, text: &str) -> ValueError {
    ValueError { message: format!("{}: \"{text}\"", e.message), ..e }
}

/// `bool` input: any beginning of true, false, yes, no; on, off; 1, 0.
pub(crate) fn boolean(text: &str) -> Result<bool> {
    let t = trim(text).to_ascii_lowercase();
    let begins = |word: &str| !t.is_empty() && word.starts_with(&t);
    match t.as_str() {
        "1" | "on" => Ok(true),
        "0" | "of" | "off" => Ok(false),
        _ if begins("true") || begins("yes") => Ok(true),
        _ if begins("false") || begins("no") => Ok(false),
        _ => Err(ValueError::syntax("boolean", text)),
    }
}

/// Integer input within a type's range.
fn integer(text: &str, ty: &str, least: i64, most: i64) -> Result<i64> {
    let t = trim(text);
    let digits = t.strip_prefix(['-', '+']).unwrap_or(t);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ValueError::syntax(ty, text));
    }
    let n = t.parse::<i64>().ok().filter(|n| (least..=most).contains(n));
    n.ok_or_else(|| ValueError::text_out_of_range(ty, text))
}

/// Makes a string fit `varchar(n)`, `char(n)` or `name`. Storing refuses what is too long unless the rest is blanks; an
/// explicit cast cuts it.
pub(crate) fn fit_string(ty: &Type, text: &str, explicit: bool) -> Result<String> {
    let cut = |n: u32| -> Result<Option<usize>> {
        let Some((at, _)) = text.char_indices().nth(usize::try_from(n).unwrap_or(usize::MAX)) else { return Ok(None) };
        if explicit || text[at..].bytes().all(|b| b == b' ') {
            return Ok(Some(at));
        }
        Err(ValueError::new("22001", format!("value too long for type {}", ty.sql_name())))
    };
    Ok(match ty {
        Type::Varchar(Some(n)) => text[..cut(*n)?.unwrap_or(text.len())].to_owned(),
        Type::Bpchar(Some(n)) => {
            let mut out = text[..cut(*n)?.unwrap_or(text.len())].to_owned();
            let missing = usize::try_from(*n).unwrap_or(0).saturating_sub(out.chars().count());
            out.extend(std::iter::repeat_n(' ', missing));
            out
        }
        Type::Name => {
            let end = (0..=text.len().min(63)).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
            text[..end].to_owned()
        }
        _ => text.to_owned(),
    })
}

/// `uuid` input: hyphens after any group of four digits, braces around all; gives the usual lower-case form.
pub fn uuid(text: &str) -> Result<String> {
    let bad = || ValueError::syntax("uuid", text);
    let braces = text.strip_prefix('{');
    let body = match braces {
        Some(b) => b.strip_suffix('}').ok_or_else(bad)?,
        None => text,
    };
    let mut out = String::with_capacity(36);
    let mut digits = 0;
    let mut hyphen = false;
    for c in body.chars() {
        match c {
            '-' if digits > 0 && digits < 32 && digits % 4 == 0 && !hyphen => hyphen = true,
            c if c.is_ascii_hexdigit() && digits < 32 => {
                if matches!(digits, 8 | 12 | 16 | 20) {
                    out.push('-');
                }
                out.push(c.to_ascii_lowercase());
                digits += 1;
                hyphen = false;
            }
            _ => return Err(bad()),
        }
    }
    if digits == 32 && !hyphen { Ok(out) } else { Err(bad()) }
}

/// A JSON value (one complete JSON text) for a column of this type, as `json_populate_record` reads it.
pub fn from_json(ty: &Type, json: &str) -> Result<Value> {
    from_json_in(ty, json, &Session::default())
}

/// [`from_json`] in a session: strings go through text input, numbers and booleans through their text; `null` is NULL;
/// objects and arrays stay JSON for `json`, `jsonb` and strings; JSON arrays become arrays.
pub fn from_json_in(ty: &Type, json: &str, session: &Session) -> Result<Value> {
    let t = json.trim_matches([' ', '\n', '\r', '\t']);
    match (t.as_bytes().first(), ty) {
        (Some(b'n'), _) if t == "null" => Ok(Value::Null),
        (_, Type::Json) => {
            json::validate(t)?;
            Ok(Value::text(t))
        }
        (_, Type::Jsonb) => json::normalise(t).map(Value::Text),
        (Some(b'"'), _) => {
            // Without escapes the string is what stands between the quotes.
            if let Some(inner) = t[1..].strip_suffix('"')
                && crate::print::is_plain(inner)
            {
                return input_in(ty, inner, session);
            }
            json::validate(t)?;
            let text = unquote(t).ok_or_else(|| {
                ValueError::new("22P05", "unsupported Unicode escape sequence")
                    .with_detail("\\u0000 cannot be converted to text.")
            })?;
            input_in(ty, &text, session)
        }
        (Some(b'['), Type::Array(element)) => {
            json::validate(t)?;
            array::from_json_array(element, t, session).map(Value::Text)
        }
        (_, Type::Array(_)) => {
            json::validate(t)?;
            Err(ValueError::new("22P02", "expected JSON array"))
        }
        _ => {
            json::validate(t)?;
            input_in(ty, t, session)
        }
    }
}

/// A stored value's plain text for functions that take text, without the session's zone.
pub(crate) fn plain_text(ty: &Type, v: ValueRef<'_>) -> String {
    let mut out = String::new();
    crate::write_text(ty, v, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EnumType;
    use std::sync::Arc;

    #[test]
    fn texts_become_stored_values() {
        let cases: &[(&str, &[i64], &str, Value)] = &[
            ("bool", &[], " YES ", Value::Int(1)),
            ("bool", &[], "of", Value::Int(0)),
            ("bool", &[], "t", Value::Int(1)),
            ("int2", &[], "-32768", Value::Int(-32768)),
            ("int4", &[], " +42 ", Value::Int(42)),
            ("int8", &[], "9223372036854775807", Value::Int(i64::MAX)),
            ("float8", &[], "1e3", Value::Real(1000.0)),
            ("float8", &[], "nan", Value::text("NaN")),
            ("float4", &[], "0.1", Value::Real(f64::from(0.1f32))),
            ("numeric", &[5, 2], "1.255", Value::text("1.26")),
            ("varchar", &[3], "abc  ", Value::text("abc")),
            ("bpchar", &[4], "ab", Value::text("ab  ")),
            ("date", &[], "2020-1-5", Value::text("2020-01-05")),
            ("time", &[0], "10:00:00.5", Value::text("10:00:01.000000")),
            ("timestamp", &[3], "2020-01-01 00:00:00.1235", Value::text("2020-01-01 00:00:00.124000")),
            ("timestamptz", &[], "2020-01-01T00:00:00+02", Value::text("2019-12-31 22:00:00.000000Z")),
            ("interval", &[], "90 min", Value::text("01:30:00")),
            ("uuid", &[], "{A0EEBC99-9C0B4EF8-BB6D6BB9-BD380A11}", Value::text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
            ("json", &[], " {\"a\" :1}", Value::text(" {\"a\" :1}")),
            ("jsonb", &[], "{\"b\":1,\"a\":2}", Value::text("{\"a\": 2, \"b\": 1}")),
            ("bytea", &[], "\\x00ff", Value::Blob(vec![0, 255])),
        ];
        for (ty, modifiers, text, want) in cases {
            let ty = Type::named(ty).unwrap().with_modifiers(modifiers).unwrap();
            assert_eq!(input(&ty, text).as_ref(), Ok(want), "{ty} {text}");
        }
    }

    #[test]
    fn bad_texts_raise_postgresqls_errors() {
        let mood =
            Type::Enum(Arc::new(EnumType { schema: "public".into(), name: "mood".into(), labels: vec!["ok".into()] }));
        let named = |n: &str| Type::named(n).unwrap();
        let cases = [
            (Type::Int4, "x", "22P02", "invalid input syntax for type integer: \"x\""),
            (Type::Int4, "1.0", "22P02", "invalid input syntax for type integer: \"1.0\""),
            (Type::Int4, "2147483648", "22003", "value \"2147483648\" is out of range for type integer"),
            (
                Type::Int8,
                "9223372036854775808",
                "22003",
                "value \"9223372036854775808\" is out of range for type bigint",
            ),
            (Type::Int2, "", "22P02", "invalid input syntax for type smallint: \"\""),
            (Type::Bool, "o", "22P02", "invalid input syntax for type boolean: \"o\""),
            (Type::Uuid, "a0eebc99", "22P02", "invalid input syntax for type uuid: \"a0eebc99\""),
            (Type::Varchar(Some(3)), "abcd", "22001", "value too long for type character varying(3)"),
            (Type::Bpchar(Some(3)), "abcd", "22001", "value too long for type character(3)"),
            (mood, "bad", "22P02", "invalid input value for enum mood: \"bad\""),
            (named("timestamptz"), "x", "22007", "invalid input syntax for type timestamp with time zone: \"x\""),
            (named("json"), "{", "22P02", "invalid input syntax for type json"),
            (Type::Text, "a\0b", "22021", "invalid byte sequence for encoding \"UTF8\": 0x00"),
        ];
        for (ty, text, state, message) in cases {
            let e = input(&ty, text).unwrap_err();
            assert_eq!((e.sqlstate, e.message.as_str()), (state, message));
        }
    }

    #[test]
    fn json_values_become_stored_values() {
        let cases = [
            ("int4", "42", Value::Int(42)),
            ("int4", "\"42\"", Value::Int(42)),
            ("text", "42.0", Value::text("42.0")),
            ("text", "true", Value::text("true")),
            ("text", "{\"a\": 1}", Value::text("{\"a\": 1}")),
            ("bool", "true", Value::Int(1)),
            ("numeric", "1.50", Value::text("1.50")),
            ("json", " {\"a\" : 1} ", Value::text("{\"a\" : 1}")),
            ("jsonb", "{\"a\" : 1}", Value::text("{\"a\": 1}")),
            ("jsonb", "\"x\"", Value::text("\"x\"")),
            ("jsonb", "null", Value::Null),
            ("_int4", "[1,null,3]", Value::text("[1,null,3]")),
            ("_int4", "\"{1,2}\"", Value::text("[1,2]")),
            ("_text", "[[\"a\"],[\"b\"]]", Value::text("[[\"a\"],[\"b\"]]")),
            ("_jsonb", "[{\"a\":1},[2]]", Value::text("[\"{\\\"a\\\": 1}\",\"[2]\"]")),
            ("date", "\"2020-01-05\"", Value::text("2020-01-05")),
            ("float8", "1e400", Value::Null),
        ];
        for (ty, json, want) in cases {
            let got = from_json(&Type::named(ty).unwrap(), json);
            if json == "1e400" {
                assert_eq!(got.unwrap_err().sqlstate, "22003");
            } else {
                assert_eq!(got, Ok(want), "{ty} {json}");
            }
        }
        for (ty, json, state) in [
            ("int4", "1.5", "22P02"),
            ("int4", "true", "22P02"),
            ("_int4", "1", "22P02"),
            ("_int4", "[[1],[2,3]]", "22P02"),
            ("text", "\"\\u0000\"", "22P05"),
            ("text", "{", "22P02"),
        ] {
            assert_eq!(from_json(&Type::named(ty).unwrap(), json).unwrap_err().sqlstate, state, "{ty} {json}");
        }
    }
}
