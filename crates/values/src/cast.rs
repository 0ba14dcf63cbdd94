//! Casts between types, over stored values.

use crate::datetime::{self, DAY, Interval};
use crate::input::{boolean, fit_string, plain_text};
use crate::{
    Family, Result, Session, Type, Value, ValueError, ValueRef, array, input_in, json, numeric, write_text_in,
};

/// `CAST(v AS to)`. With `explicit`, strings too long are cut, as a written cast does; without, they are refused, as storing
/// into a column does. Which casts happen by themselves is [`Type::cast_context`]'s to say. 42846 when there is no such cast.
pub fn cast(from: &Type, to: &Type, v: ValueRef<'_>, explicit: bool, session: &Session) -> Result<Value> {
    if v.is_null() {
        return Ok(Value::Null);
    }
    if from == to {
        return Ok(v.to_owned());
    }
    let (source, target) = (from.family(), to.family());
    match (source, target) {
        (Family::Numeric, Family::Numeric) => number(from, to, v),
        (_, Family::String) => {
            let text = match (from, v) {
                (Type::Bool, ValueRef::Int(b)) => if b == 0 { "false" } else { "true" }.to_owned(),
                (Type::Inet, ValueRef::Text(s)) if !s.contains('/') => {
                    format!("{s}/{}", if s.contains(':') { 128 } else { 32 })
                }
                (Type::Bpchar(_), ValueRef::Text(s)) if !matches!(to, Type::Bpchar(_)) => {
                    s.trim_end_matches(' ').to_owned()
                }
                _ => {
                    let mut out = String::new();
                    write_text_in(from, v, session, &mut out);
                    out
                }
            };
            fit_string(to, &text, explicit).map(Value::Text)
        }
        (Family::String | Family::Unknown, _) => {
            let text = plain_text(from, v);
            let text = if matches!(from, Type::Bpchar(_)) { text.trim_end_matches(' ') } else { &text };
            input_in(to, text, session)
        }
        (Family::Bool, Family::Numeric) if *to == Type::Int4 => Ok(v.to_owned()),
        (Family::Numeric, Family::Bool) if *from == Type::Int4 => Ok(Value::bool(v.as_int().unwrap_or(0) != 0)),
        (Family::DateTime | Family::Timespan, Family::DateTime | Family::Timespan) => moment(from, to, v, session),
        (Family::Json, Family::Json) => match (to, v) {
            (Type::Jsonb, ValueRef::Text(s)) => json::normalise(s).map(Value::Text),
            _ => Ok(v.to_owned()),
        },
        (Family::Json, Family::Numeric | Family::Bool) if *from == Type::Jsonb => {
            let text = json::scalar_for_cast(v.as_str().unwrap_or(""), to)?;
            if *to == Type::Bool {
                return boolean(text).map(Value::bool);
            }
            number(&Type::Numeric(None), to, ValueRef::Text(text))
        }
        (Family::Array, Family::Array) => match (from.element(), to.element(), v) {
            (Some(a), Some(b), ValueRef::Text(s)) => elements(a, b, s, explicit, session).map(Value::Text),
            _ => Err(none(from, to)),
        },
        _ if from.unmodified() == to.unmodified() => Ok(v.to_owned()),
        (Family::Network, Family::Network) => input_in(to, &plain_text(from, v), session),
        _ => Err(none(from, to)),
    }
}

fn none(from: &Type, to: &Type) -> ValueError {
    ValueError::new("42846", format!("cannot cast type {} to type {}", from.base_name(), to.base_name()))
}

fn elements(from: &Type, to: &Type, stored: &str, explicit: bool, session: &Session) -> Result<String> {
    let mut out = vec![b'['];
    for raw in json::elements(stored) {
        if out.len() > 1 {
            out.push(b',');
        }
        if raw.starts_with('[') {
            out.extend_from_slice(elements(from, to, raw, explicit, session)?.as_bytes());
        } else {
            let v = cast(from, to, array::element(from, raw).as_ref(), explicit, session)?;
            array::push_element(v.as_ref(), &mut out);
        }
    }
    out.push(b']');
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// An integer that fits its type; 22003 otherwise.
fn fit_integer(to: &Type, i: i64) -> Result<Value> {
    let fits = match to {
        Type::Int2 => i16::try_from(i).is_ok(),
        Type::Int4 => i32::try_from(i).is_ok(),
        _ => true,
    };
    if fits { Ok(Value::Int(i)) } else { Err(ValueError::out_of_range(&to.base_name())) }
}

fn number(from: &Type, to: &Type, v: ValueRef<'_>) -> Result<Value> {
    match to {
        Type::Int2 | Type::Int4 | Type::Int8 => match v {
            ValueRef::Int(i) => fit_integer(to, i),
            ValueRef::Real(f) => {
                let whole = f.round_ties_even();
                if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&whole) {
                    return Err(ValueError::out_of_range(&to.base_name()));
                }
                #[expect(clippy::cast_possible_truncation, reason = "within range, whole")]
                fit_integer(to, whole as i64)
            }
            ValueRef::Text(_) if from.is_float() => Err(ValueError::out_of_range(&to.base_name())),
            ValueRef::Text(n) => fit_integer(to, numeric::to_i64(n, &to.base_name())?),
            _ => Err(none(from, to)),
        },
        Type::Float4 | Type::Float8 => {
            let f = match v {
                ValueRef::Text(n) => numeric::to_f64(n)?,
                v => v.as_float().ok_or_else(|| none(from, to))?,
            };
            if *to == Type::Float8 {
                return Ok(Value::float(f));
            }
            #[expect(clippy::cast_possible_truncation, reason = "the cast's meaning; its overflow is checked")]
            let single = f as f32;
            if single.is_infinite() && f.is_finite() {
                return Err(ValueError::new("22003", "value out of range: overflow"));
            }
            if single == 0.0 && f != 0.0 {
                return Err(ValueError::new("22003", "value out of range: underflow"));
            }
            Ok(Value::float(f64::from(single)))
        }
        Type::Numeric(modifier) => {
            let n = match v {
                ValueRef::Int(i) => numeric::from_i64(i),
                #[expect(clippy::cast_possible_truncation, reason = "a real is stored as the double of the same value")]
                ValueRef::Real(f) if *from == Type::Float4 => numeric::from_f32(f as f32)?,
                ValueRef::Real(f) => numeric::from_f64(f)?,
                ValueRef::Text(n) => numeric::canonical(n)?,
                _ => return Err(none(from, to)),
            };
            Ok(Value::Text(match modifier {
                Some((p, s)) => numeric::apply_modifier(&n, *p, *s)?,
                None => n,
            }))
        }
        _ => Err(none(from, to)),
    }
}

/// Casts among dates, times, timestamps and intervals.
fn moment(from: &Type, to: &Type, v: ValueRef<'_>, session: &Session) -> Result<Value> {
    let stored = v.as_str().unwrap_or("");
    let bad = || ValueError::datetime_syntax(&from.base_name(), stored);
    let zone = session.zone;
    // Everything with a date goes through the wall clock in the session's zone.
    let wall = match from {
        Type::Date => Some(datetime::date_timestamp(datetime::date_days(stored).ok_or_else(bad)?)),
        Type::Timestamp(_) => Some(datetime::timestamp_us(stored).ok_or_else(bad)?),
        Type::TimestampTz(_) => Some(zone.wall(datetime::timestamp_us(stored).ok_or_else(bad)?)),
        _ => None,
    };
    let text = match (wall, to) {
        (Some(w), Type::Date) => datetime::days_text(datetime::timestamp_date(w))?,
        (Some(w), Type::Timestamp(p)) => datetime::timestamp_text(datetime::round_timestamp(w, *p))?,
        (Some(w), Type::TimestampTz(p)) => {
            // From one timestamptz to another only the precision changes: it does not go through the wall clock and back.
            let us = match from {
                Type::TimestampTz(_) => datetime::timestamp_us(stored).ok_or_else(bad)?,
                _ => zone.moment(w),
            };
            datetime::timestamptz_text(datetime::round_timestamp(us, *p))?
        }
        (Some(w), _) if !datetime::is_finite(w) => return Ok(Value::Null),
        (Some(w), Type::Time(p)) if *from != Type::Date => {
            datetime::time_text(datetime::round_time(w.rem_euclid(DAY), *p))
        }
        (Some(w), Type::TimeTz) if matches!(from, Type::TimestampTz(_)) => {
            datetime::timetz_text(w.rem_euclid(DAY), zone.offset_of_wall(w))
        }
        (None, _) => match (from, to) {
            (Type::Time(_), Type::Time(p)) => {
                datetime::time_text(datetime::round_time(datetime::time_us(stored).ok_or_else(bad)?, *p))
            }
            (Type::Time(_), Type::Interval) => Interval::from_us(datetime::time_us(stored).ok_or_else(bad)?).to_text(),
            (Type::Time(_), Type::TimeTz) => {
                let us = datetime::time_us(stored).ok_or_else(bad)?;
                datetime::timetz_text(us, zone.offset_of_wall(datetime::today_wall(session) + us))
            }
            (Type::TimeTz, Type::Time(p)) => {
                datetime::time_text(datetime::round_time(datetime::timetz_parts(stored).ok_or_else(bad)?.0, *p))
            }
            (Type::Interval, Type::Time(p)) => {
                datetime::time_text(datetime::round_time(Interval::parse(stored)?.us.rem_euclid(DAY), *p))
            }
            _ => return Err(none(from, to)),
        },
        _ => return Err(none(from, to)),
    };
    Ok(Value::Text(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input;

    #[test]
    fn casts_give_what_postgresql_gives() {
        let cases: &[(&str, &str, &str, &[i64], &str)] = &[
            ("int4", "5", "int8", &[], "5"),
            ("numeric", "2.5", "int4", &[], "3"),
            ("numeric", "-2.5", "int4", &[], "-3"),
            ("float8", "2.5", "int4", &[], "2"),
            ("float8", "3.5", "int8", &[], "4"),
            ("int4", "5", "numeric", &[5, 2], "5.00"),
            ("float8", "0.1", "numeric", &[], "0.1"),
            ("float4", "0.1", "numeric", &[], "0.1"),
            ("numeric", "0.1", "float4", &[], "0.1"),
            ("bool", "t", "text", &[], "true"),
            ("bool", "t", "int4", &[], "1"),
            ("int4", "7", "bool", &[], "t"),
            ("text", " 42 ", "int4", &[], "42"),
            ("text", "abcdef", "varchar", &[3], "abc"),
            ("bpchar", "ab  ", "text", &[], "ab"),
            ("int4", "12345", "varchar", &[3], "123"),
            ("date", "2020-01-05", "timestamp", &[], "2020-01-05 00:00:00"),
            ("timestamptz", "2020-01-05 10:00+00", "date", &[], "2020-01-05"),
            ("timestamp", "2020-01-05 10:11:12.5", "time", &[], "10:11:12.5"),
            ("time", "10:00", "interval", &[], "10:00:00"),
            ("interval", "1 day 25:00", "time", &[], "01:00:00"),
            ("timestamp", "2020-01-05 10:11:12.5", "timestamp", &[0], "2020-01-05 10:11:13"),
            ("json", "{\"b\":1, \"a\":2}", "jsonb", &[], "{\"a\": 2, \"b\": 1}"),
            ("jsonb", "1.5", "int4", &[], "2"),
            ("jsonb", "true", "bool", &[], "t"),
            ("_int4", "{1,NULL}", "_text", &[], "{1,NULL}"),
            ("_text", "{1.5,2}", "_numeric", &[], "{1.5,2}"),
            ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "text", &[], "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
            ("timestamptz", "2020-01-05 10:00+00", "text", &[], "2020-01-05 10:00:00+00"),
            ("numeric", "1.255", "numeric", &[5, 2], "1.26"),
        ];
        for (from, text, to, modifiers, want) in cases {
            let (from, to) = (Type::named(from).unwrap(), Type::named(to).unwrap().with_modifiers(modifiers).unwrap());
            let v = input(&from, text).unwrap();
            let got =
                cast(&from, &to, v.as_ref(), true, &Session::default()).unwrap_or_else(|e| panic!("{text} {to}: {e}"));
            assert_eq!(plain_text(&to, got.as_ref()), *want, "{from} {text} -> {to}");
        }
        for (from, text, to, state) in [
            ("int8", "5000000000", "int4", "22003"),
            ("float8", "NaN", "int4", "22003"),
            ("float8", "1e300", "float4", "22003"),
            ("text", "x", "int4", "22P02"),
            ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "int4", "42846"),
            ("jsonb", "\"1\"", "int4", "22023"),
            ("int8", "1", "bool", "42846"),
        ] {
            let (from, to) = (Type::named(from).unwrap(), Type::named(to).unwrap());
            let v = input(&from, text).unwrap();
            assert_eq!(
                cast(&from, &to, v.as_ref(), true, &Session::default()).unwrap_err().sqlstate,
                state,
                "{from} -> {to}"
            );
        }
        let e = cast(&Type::Text, &Type::Varchar(Some(3)), "abcd".into(), false, &Session::default()).unwrap_err();
        assert_eq!(e.sqlstate, "22001");
    }
}
