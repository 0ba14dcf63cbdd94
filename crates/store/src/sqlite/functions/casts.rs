//! Casts between all pairs of types that PostgreSQL casts, modifiers included.

use std::cell::RefCell;
use std::collections::HashMap;

use values::{Family, Result, Session, Type, Value, ValueError, ValueRef, array, datetime, json, numeric};

use super::{Scalar, int, lax, mistyped, text};
use crate::sqlite::session;

type Args<'a, 'b> = &'a [ValueRef<'b>];

thread_local! {
    /// Types by the text that names them in statements.
    static NAMED: RefCell<HashMap<Box<str>, Type>> = RefCell::new(HashMap::new());
}

/// Names kept; statements come from a bounded set of shapes, so this is never reached by honest work.
const NAMES_MAX: usize = 1024;

/// The type that a name with modifiers means: `numeric(10,2)`, `timestamp(3) with time zone`, `_int4`. What is not built in (an
/// enum) is text.
pub(super) fn type_named(name: &str) -> Result<Type> {
    if let Some(ty) = NAMED.with_borrow(|named| named.get(name).cloned()) {
        return Ok(ty);
    }
    let ty = parse_type(name)?;
    NAMED.with_borrow_mut(|named| {
        if named.len() >= NAMES_MAX {
            named.clear();
        }
        named.insert(name.into(), ty.clone());
    });
    Ok(ty)
}

fn parse_type(name: &str) -> Result<Type> {
    if let Some(element) = name.strip_suffix("[]") {
        return Ok(parse_type(element)?.array_of());
    }
    let (bare, modifiers) = match (name.find('('), name.find(')')) {
        (Some(open), Some(close)) if open < close => {
            let modifiers: Vec<i64> = name[open + 1..close].split(',').filter_map(|n| n.trim().parse().ok()).collect();
            (format!("{}{}", &name[..open], &name[close + 1..]), modifiers)
        }
        _ => (name.to_owned(), Vec::new()),
    };
    let known = Type::named(&bare);
    match known {
        Some(ty) => ty.with_modifiers(&modifiers),
        None if bare.starts_with('_') => Ok(Type::Text.array_of()),
        None => Ok(Type::Text),
    }
}

fn pg_cast(args: Args<'_, '_>) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let (from, to) = (type_named(text(args, 1)?)?, type_named(text(args, 2)?)?);
    let explicit = int(args, 3)? != 0;
    cast(args[0], &from, &to, explicit, &session::values_session())
}

/// `pg_cast_enum(value, type, labels…)`: the label, if it is one.
fn pg_cast_enum(args: Args<'_, '_>) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let label = text(args, 0)?;
    if args[2..].iter().any(|known| known.as_str() == Some(label)) {
        return Ok(Value::text(label));
    }
    Err(ValueError::new("22P02", format!("invalid input value for enum {}: \"{label}\"", text(args, 1)?)))
}

/// Casts a stored value.
pub(super) fn cast(value: ValueRef<'_>, from: &Type, to: &Type, explicit: bool, session: &Session) -> Result<Value> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    match (from, to) {
        (from, to) if from == to => Ok(value.to_owned()),
        (Type::Array(from), Type::Array(to)) => cast_array(value, from, to, explicit, session),
        (_, to) if to.family() == Family::Numeric && from.family() == Family::Numeric => number(value, from, to),
        (_, to) if to.family() == Family::String => to_string(value, from, to, explicit, session),
        (from, _) if from.family() == Family::String => {
            let text = value.as_str().ok_or_else(|| mistyped("text", Some(value)))?;
            let text = if matches!(from, Type::Bpchar(_)) { text.trim_end_matches(' ') } else { text };
            values::input_in(to, text, session)
        }
        (Type::Bool, Type::Int4) | (Type::Jsonb, Type::Json) => Ok(value.to_owned()),
        (Type::Int4, Type::Bool) => Ok(Value::bool(value.as_int() != Some(0))),
        (Type::Json, Type::Jsonb) => json::normalise(value.as_str().unwrap_or_default()).map(Value::Text),
        (Type::Jsonb, to) => from_jsonb(value, to, session),
        (from, to) if from.family() == Family::DateTime || from.family() == Family::Timespan => {
            moment(value, from, to, session)
        }
        // What remains prints as the other type reads (inet and cidr, ranges with other modifiers).
        (from, to) => {
            let mut text = String::new();
            values::write_text_in(from, value, session, &mut text);
            values::input_in(to, &text, session)
        }
    }
}

fn cast_array(value: ValueRef<'_>, from: &Type, to: &Type, explicit: bool, session: &Session) -> Result<Value> {
    let text = value.as_str().ok_or_else(|| mistyped("an array", Some(value)))?;
    let mut out = Vec::with_capacity(text.len());
    level(text, from, to, explicit, session, &mut out)?;
    Ok(Value::Text(String::from_utf8(out).unwrap_or_default()))
}

fn level(array: &str, from: &Type, to: &Type, explicit: bool, session: &Session, out: &mut Vec<u8>) -> Result<()> {
    out.push(b'[');
    for (n, raw) in json::elements(array).enumerate() {
        if n > 0 {
            out.push(b',');
        }
        // Depth is bounded by the array's own six dimensions.
        if raw.starts_with('[') {
            level(raw, from, to, explicit, session, out)?;
        } else {
            let element = array::element(from, raw);
            array::push_element(cast(element.as_ref(), from, to, explicit, session)?.as_ref(), out);
        }
    }
    out.push(b']');
    Ok(())
}

/// Between numbers.
fn number(value: ValueRef<'_>, from: &Type, to: &Type) -> Result<Value> {
    let (name, range) = match to {
        Type::Int2 => ("smallint", i64::from(i16::MIN)..=i64::from(i16::MAX)),
        Type::Int4 => ("integer", i64::from(i32::MIN)..=i64::from(i32::MAX)),
        _ => ("bigint", i64::MIN..=i64::MAX),
    };
    let bounded = |n: i64| if range.contains(&n) { Ok(Value::Int(n)) } else { Err(ValueError::out_of_range(name)) };
    match to {
        Type::Int2 | Type::Int4 | Type::Int8 => match value {
            ValueRef::Int(n) => bounded(n),
            _ if from.is_float() => {
                let f = value.as_float().unwrap_or(f64::NAN).round_ties_even();
                // 2^63 is the first float beyond the range; the comparison refuses NaN too.
                if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&f) {
                    #[expect(clippy::cast_possible_truncation, reason = "whole and inside the range")]
                    bounded(f as i64)
                } else {
                    Err(ValueError::out_of_range(name))
                }
            }
            ValueRef::Text(text) => numeric::to_i64(text, name).and_then(bounded),
            other => Err(mistyped(name, Some(other))),
        },
        Type::Float4 | Type::Float8 => {
            let f = match value {
                ValueRef::Text(text) if !from.is_float() => numeric::to_f64(text)?,
                value => value.as_float().ok_or_else(|| mistyped("double precision", Some(value)))?,
            };
            if *to == Type::Float8 {
                return Ok(Value::float(f));
            }
            #[expect(clippy::cast_possible_truncation, reason = "real is single precision; the range is checked")]
            let single = f as f32;
            if single.is_infinite() && f.is_finite() {
                return Err(ValueError::new("22003", "value out of range: overflow"));
            }
            if single == 0.0 && f != 0.0 {
                return Err(ValueError::new("22003", "value out of range: underflow"));
            }
            Ok(Value::float(f64::from(single)))
        }
        _ => {
            let exact = match value {
                ValueRef::Int(n) => numeric::from_i64(n),
                #[expect(clippy::cast_possible_truncation, reason = "a stored real is a single widened")]
                _ if *from == Type::Float4 => numeric::from_f32(value.as_float().unwrap_or(f64::NAN) as f32)?,
                _ if *from == Type::Float8 => numeric::from_f64(value.as_float().unwrap_or(f64::NAN))?,
                ValueRef::Text(text) => text.to_owned(),
                other => return Err(mistyped("numeric", Some(other))),
            };
            match to {
                Type::Numeric(Some((precision, scale))) => {
                    numeric::apply_modifier(&exact, *precision, *scale).map(Value::Text)
                }
                _ => Ok(Value::Text(exact)),
            }
        }
    }
}

fn to_string(value: ValueRef<'_>, from: &Type, to: &Type, explicit: bool, session: &Session) -> Result<Value> {
    let mut text = String::new();
    match (from, value) {
        (Type::Bool, ValueRef::Int(n)) => text.push_str(if n == 0 { "false" } else { "true" }),
        // Blanks at the end of a character(n) are no part of it anywhere else.
        (Type::Bpchar(_), ValueRef::Text(s)) if !matches!(to, Type::Bpchar(_)) => {
            text.push_str(s.trim_end_matches(' '));
        }
        _ => values::write_text_in(from, value, session, &mut text),
    }
    let longest = match to {
        Type::Varchar(Some(n)) | Type::Bpchar(Some(n)) => usize::try_from(*n).ok(),
        _ => None,
    };
    // A written cast cuts; an assignment refuses, which the type's own input does.
    if let Some(longest) = longest
        && explicit
        && let Some((at, _)) = text.char_indices().nth(longest)
    {
        text.truncate(at);
    }
    values::input_in(to, &text, session)
}

fn from_jsonb(value: ValueRef<'_>, to: &Type, session: &Session) -> Result<Value> {
    let text = value.as_str().unwrap_or_default();
    let kind = match text.as_bytes().first() {
        Some(b'n') => "null",
        Some(b't' | b'f') => "boolean",
        Some(b'"') => "string",
        Some(b'[') => "array",
        Some(b'{') => "object",
        _ => "numeric",
    };
    match (kind, to) {
        ("boolean", Type::Bool) => Ok(Value::bool(text == "true")),
        ("numeric", to) if to.family() == Family::Numeric => number(ValueRef::Text(text), &Type::Numeric(None), to),
        (_, Type::Bool) => Err(ValueError::parameter(format!("cannot cast jsonb {kind} to type boolean"))),
        (_, to) if to.family() == Family::Numeric => {
            Err(ValueError::parameter(format!("cannot cast jsonb {kind} to type {}", to.base_name())))
        }
        _ => values::input_in(to, text, session),
    }
}

/// Between dates, times and timestamps. Zones are the session's.
fn moment(value: ValueRef<'_>, from: &Type, to: &Type, session: &Session) -> Result<Value> {
    let stored = value.as_str().ok_or_else(|| mistyped(&from.base_name(), Some(value)))?;
    let broken = || ValueError::datetime_syntax(&from.base_name(), stored);
    // As a timestamp without time zone, where the source is one in some way.
    let local = match from {
        Type::Date => Some(datetime::date_timestamp(datetime::date_days(stored).ok_or_else(broken)?)),
        Type::Timestamp(_) => Some(datetime::timestamp_us(stored).ok_or_else(broken)?),
        Type::TimestampTz(_) => Some(session.zone.wall(datetime::timestamp_us(stored).ok_or_else(broken)?)),
        _ => None,
    };
    match (local, from, to) {
        (Some(us), _, Type::Date) => datetime::days_text(datetime::timestamp_date(us)).map(Value::Text),
        (Some(us), _, Type::Timestamp(digits)) => {
            datetime::timestamp_text(datetime::round_timestamp(us, *digits)).map(Value::Text)
        }
        (Some(us), _, Type::TimestampTz(digits)) => {
            // The moment itself does not go through the zone and back, which a change of clocks would not survive.
            let us = match from {
                Type::TimestampTz(_) => datetime::timestamp_us(stored).ok_or_else(broken)?,
                _ => session.zone.moment(us),
            };
            datetime::timestamptz_text(datetime::round_timestamp(us, *digits)).map(Value::Text)
        }
        (Some(us), _, Type::Time(digits)) if datetime::is_finite(us) => {
            Ok(Value::Text(datetime::time_text(datetime::round_time(us.rem_euclid(datetime::DAY), *digits))))
        }
        (Some(us), _, Type::TimeTz) if datetime::is_finite(us) => Ok(Value::Text(datetime::timetz_text(
            us.rem_euclid(datetime::DAY),
            timetz_offset(from, us, stored, session),
        ))),
        (Some(_), _, Type::Time(_) | Type::TimeTz) => Ok(Value::Null),
        (None, Type::Time(_), to) => {
            let us = datetime::time_us(stored).ok_or_else(broken)?;
            Ok(Value::Text(match to {
                Type::Interval => datetime::Interval::from_us(us).to_text(),
                Type::TimeTz => {
                    let today = datetime::today_wall(session);
                    datetime::timetz_text(us, session.zone.offset_of_wall(today + us))
                }
                Type::Time(digits) => datetime::time_text(datetime::round_time(us, *digits)),
                _ => return values::input_in(to, stored, session),
            }))
        }
        (None, Type::TimeTz, Type::Time(digits)) => {
            let (us, _) = datetime::timetz_parts(stored).ok_or_else(broken)?;
            Ok(Value::Text(datetime::time_text(datetime::round_time(us, *digits))))
        }
        (None, Type::Interval, Type::Time(digits)) => {
            let us = datetime::Interval::parse(stored)?.us.rem_euclid(datetime::DAY);
            Ok(Value::Text(datetime::time_text(datetime::round_time(us, *digits))))
        }
        _ => values::input_in(to, stored, session),
    }
}

/// The offset of a moment's time of day: the moment's own, or that of its wall clock.
fn timetz_offset(from: &Type, wall: i64, stored: &str, session: &Session) -> i32 {
    match (from, datetime::timestamp_us(stored)) {
        (Type::TimestampTz(_), Some(us)) => session.zone.offset_at(us),
        _ => session.zone.offset_of_wall(wall),
    }
}

// Casts between moments and times of day see the session's zone, which does not change inside a statement.
pub(super) const FUNCTIONS: &[Scalar] = &[lax("pg_cast", 4, pg_cast), lax("pg_cast_enum", -1, pg_cast_enum)];
