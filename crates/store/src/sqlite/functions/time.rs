//! Dates, times, timestamps and intervals.

use values::datetime::{self as dt, Interval, Zone};
use values::{Result, Value, ValueError, ValueRef};

use super::{Scalar, float, int, int4, strict, text, volatile};
use crate::sqlite::session;

type Args<'a, 'b> = &'a [ValueRef<'b>];

fn broken(what: &str, text: &str) -> ValueError {
    ValueError::datetime_syntax(what, text)
}

fn date(args: Args<'_, '_>, n: usize) -> Result<i32> {
    let stored = text(args, n)?;
    dt::date_days(stored).ok_or_else(|| broken("date", stored))
}

/// A timestamp of either kind.
fn moment(args: Args<'_, '_>, n: usize) -> Result<i64> {
    let stored = text(args, n)?;
    dt::timestamp_us(stored).ok_or_else(|| broken("timestamp", stored))
}

fn time(args: Args<'_, '_>, n: usize) -> Result<i64> {
    let stored = text(args, n)?;
    dt::time_us(stored).ok_or_else(|| broken("time", stored))
}

fn interval(args: Args<'_, '_>, n: usize) -> Result<Interval> {
    Interval::parse(text(args, n)?)
}

fn days(days: i32) -> Result<Value> {
    dt::days_text(days).map(Value::Text)
}

fn timestamp(us: i64) -> Result<Value> {
    dt::timestamp_text(us).map(Value::Text)
}

fn timestamptz(us: i64) -> Result<Value> {
    dt::timestamptz_text(us).map(Value::Text)
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's end")]
fn span(interval: Interval) -> Result<Value> {
    Ok(Value::Text(interval.to_text()))
}

fn zone() -> Zone {
    session::with(|session| session.zone)
}

fn zone_of(args: Args<'_, '_>, n: usize) -> Result<Zone> {
    Zone::named(text(args, n)?)
}

/// The wall clock of the session's zone at a moment, and back.
fn local(us: i64) -> i64 {
    zone().wall(us)
}

fn global(us: i64) -> i64 {
    zone().moment(us)
}

fn plus(args: Args<'_, '_>) -> Result<Value> {
    timestamp(dt::add_interval(moment(args, 0)?, interval(args, 1)?)?)
}

fn minus(args: Args<'_, '_>) -> Result<Value> {
    timestamp(dt::add_interval(moment(args, 0)?, interval(args, 1)?.negated()?)?)
}

/// Months and days are the wall clock's, hours pass as they do.
fn tz_add(us: i64, interval: Interval) -> Result<Value> {
    let days = Interval { us: 0, ..interval };
    let us = if days.months == 0 && days.days == 0 { us } else { global(dt::add_interval(local(us), days)?) };
    timestamptz(dt::add_interval(us, Interval::from_us(interval.us))?)
}

fn tz_plus(args: Args<'_, '_>) -> Result<Value> {
    tz_add(moment(args, 0)?, interval(args, 1)?)
}

fn tz_minus(args: Args<'_, '_>) -> Result<Value> {
    tz_add(moment(args, 0)?, interval(args, 1)?.negated()?)
}

fn date_plus(args: Args<'_, '_>) -> Result<Value> {
    timestamp(dt::add_interval(dt::date_timestamp(date(args, 0)?), interval(args, 1)?)?)
}

fn date_minus(args: Args<'_, '_>) -> Result<Value> {
    timestamp(dt::add_interval(dt::date_timestamp(date(args, 0)?), interval(args, 1)?.negated()?)?)
}

fn date_at(args: Args<'_, '_>) -> Result<Value> {
    timestamp(dt::add_interval(dt::date_timestamp(date(args, 0)?), Interval::from_us(time(args, 1)?))?)
}

/// `age(x)`: from midnight of the session's day.
fn age_now(us: i64) -> Result<Value> {
    let now = local(session::with(|session| session.now_us));
    span(dt::age(now.div_euclid(dt::DAY) * dt::DAY, us)?)
}

/// An extracted field: exact for `extract`, a float for `date_part`.
fn field(found: Option<String>, exact: bool) -> Result<Value> {
    match found {
        None => Ok(Value::Null),
        Some(text) if exact => Ok(Value::Text(text)),
        Some(text) => values::numeric::to_f64(&text).map(Value::float),
    }
}

fn field_tz(args: Args<'_, '_>, exact: bool) -> Result<Value> {
    let us = moment(args, 1)?;
    field(dt::extract(text(args, 0)?, us, Some(zone().offset_at(us)))?, exact)
}

fn field_ts(args: Args<'_, '_>, exact: bool) -> Result<Value> {
    field(dt::extract(text(args, 0)?, moment(args, 1)?, None)?, exact)
}

fn field_date(args: Args<'_, '_>, exact: bool) -> Result<Value> {
    // `date_part` has no form for dates: it takes them as timestamps, which have an hour.
    if exact {
        field(dt::extract_date(text(args, 0)?, date(args, 1)?)?, true)
    } else {
        field(dt::extract(text(args, 0)?, dt::date_timestamp(date(args, 1)?), None)?, false)
    }
}

fn field_time(args: Args<'_, '_>, exact: bool) -> Result<Value> {
    field(Some(dt::extract_time(text(args, 0)?, time(args, 1)?)?), exact)
}

fn field_interval(args: Args<'_, '_>, exact: bool) -> Result<Value> {
    field(Some(dt::extract_interval(text(args, 0)?, interval(args, 1)?)?), exact)
}

/// The start of the unit on a zone's wall clock. Hours and less keep the moment's own offset, which tells two hours of one name apart.
fn truncated(unit: &str, us: i64, zone: Zone) -> Result<Value> {
    let wall = dt::date_trunc(unit, zone.wall(us), "timestamp with time zone")?;
    let offset = i64::from(zone.offset_at(us)) * dt::SECOND;
    let within =
        us.checked_add(offset).and_then(|now| now.checked_sub(wall)).is_some_and(|past| past < 3600 * dt::SECOND);
    timestamptz(if dt::is_finite(us) && within { wall - offset } else { zone.moment(wall) })
}

fn trunc_tz(args: Args<'_, '_>) -> Result<Value> {
    truncated(text(args, 0)?, moment(args, 1)?, zone())
}

/// `date_trunc(unit, timestamptz, zone)`.
fn trunc_in_zone(args: Args<'_, '_>) -> Result<Value> {
    truncated(text(args, 0)?, moment(args, 1)?, zone_of(args, 2)?)
}

fn date_bin(args: Args<'_, '_>) -> Result<i64> {
    let stride = interval(args, 0)?;
    if stride.months != 0 {
        return Err(ValueError::new("0A000", "timestamps cannot be binned into intervals containing months or years"));
    }
    let width = i64::try_from(stride.span_us()).unwrap_or(0);
    if width <= 0 {
        return Err(ValueError::new("22008", "stride must be greater than zero"));
    }
    let (us, origin) = (moment(args, 1)?, moment(args, 2)?);
    if !dt::is_finite(us) {
        return Ok(us);
    }
    if !dt::is_finite(origin) {
        return Err(ValueError::new("22008", "origin out of range"));
    }
    let past = us.checked_sub(origin).ok_or_else(|| ValueError::new("22008", "timestamp out of range"))?;
    Ok(origin + past.div_euclid(width) * width)
}

fn make_interval(args: Args<'_, '_>) -> Result<Value> {
    let part = |n: usize| if args.len() > n { int4(args, n) } else { Ok(0) };
    let out_of_range = || ValueError::new("22008", "interval out of range");
    let months = part(0)?.checked_mul(12).and_then(|m| m.checked_add(part(1).ok()?)).ok_or_else(out_of_range)?;
    let days = part(2)?.checked_mul(7).and_then(|d| d.checked_add(part(3).ok()?)).ok_or_else(out_of_range)?;
    let seconds = if args.len() > 6 { float(args, 6)? } else { 0.0 };
    if !seconds.is_finite() || seconds.abs() > 9e12 {
        return Err(out_of_range());
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    let us = (i64::from(part(4)?) * 60 + i64::from(part(5)?)) * 60 * dt::SECOND + (seconds * 1e6).round() as i64;
    span(Interval { months, days, us })
}

/// `to_char` of a wall clock; nothing of an infinity.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's end")]
fn char_text(us: i64, zone: Option<i32>, pattern: &str) -> Result<Value> {
    Ok(if dt::is_finite(us) { Value::Text(dt::to_char(us, zone, pattern)) } else { Value::Null })
}

fn make_timestamp(args: Args<'_, '_>) -> Result<i64> {
    dt::make_timestamp(int4(args, 0)?, int4(args, 1)?, int4(args, 2)?, int4(args, 3)?, int4(args, 4)?, float(args, 5)?)
}

/// Do two periods, each given by two ends in any order, share a moment.
fn overlaps(args: Args<'_, '_>) -> Result<Value> {
    let end = |n: usize| moment(args, n);
    let period = |a: i64, b: i64| if a <= b { (a, b) } else { (b, a) };
    let ((a, b), (c, d)) = (period(end(0)?, end(1)?), period(end(2)?, end(3)?));
    // A period that is one moment counts as holding it.
    Ok(Value::bool(match a.cmp(&c) {
        std::cmp::Ordering::Equal => true,
        std::cmp::Ordering::Less => c < b,
        std::cmp::Ordering::Greater => a < d,
    }))
}

pub(super) const FUNCTIONS: &[Scalar] = &[
    strict("pg_date_add_days", 2, |a| days(dt::add_days(date(a, 0)?, int(a, 1)?)?)),
    strict("pg_date_sub_days", 2, |a| days(dt::add_days(date(a, 0)?, int(a, 1)?.saturating_neg())?)),
    strict("pg_date_sub", 2, |a| dt::days_between(date(a, 0)?, date(a, 1)?).map(Value::Int)),
    strict("pg_date_add_interval", 2, date_plus),
    strict("pg_date_sub_interval", 2, date_minus),
    strict("pg_date_add_time", 2, date_at),
    strict("pg_timestamp_add", 2, plus),
    strict("pg_timestamp_sub_interval", 2, minus),
    strict("pg_timestamp_sub", 2, |a| span(dt::between(moment(a, 0)?, moment(a, 1)?)?)),
    strict("pg_timestamptz_add", 2, tz_plus),
    strict("pg_timestamptz_sub_interval", 2, tz_minus),
    strict("pg_time_add", 2, |a| Ok(Value::Text(dt::time_text(dt::add_to_time(time(a, 0)?, interval(a, 1)?))))),
    strict("pg_time_sub_interval", 2, |a| {
        Ok(Value::Text(dt::time_text(dt::add_to_time(time(a, 0)?, interval(a, 1)?.negated()?))))
    }),
    strict("pg_time_sub", 2, |a| span(Interval::from_us(time(a, 0)? - time(a, 1)?))),
    strict("pg_interval_add", 2, |a| span(interval(a, 0)?.plus(interval(a, 1)?)?)),
    strict("pg_interval_sub", 2, |a| span(interval(a, 0)?.plus(interval(a, 1)?.negated()?)?)),
    strict("pg_interval_mul", 2, |a| span(interval(a, 0)?.times(float(a, 1)?)?)),
    strict("pg_interval_div", 2, |a| span(interval(a, 0)?.over(float(a, 1)?)?)),
    strict("pg_interval_neg", 1, |a| span(interval(a, 0)?.negated()?)),
    strict("pg_justify_days", 1, |a| span(interval(a, 0)?.justify_days())),
    strict("pg_justify_hours", 1, |a| span(interval(a, 0)?.justify_hours())),
    strict("pg_justify_interval", 1, |a| span(interval(a, 0)?.justify_hours().justify_days().justify_hours())),
    strict("pg_age", 2, |a| span(dt::age(moment(a, 0)?, moment(a, 1)?)?)),
    strict("pg_age_tz", 2, |a| span(dt::age(local(moment(a, 0)?), local(moment(a, 1)?))?)),
    Scalar { pure: false, ..strict("pg_age_now", 1, |a| age_now(moment(a, 0)?)) },
    Scalar { pure: false, ..strict("pg_age_now_tz", 1, |a| age_now(local(moment(a, 0)?))) },
    strict("pg_extract_timestamp", 2, |a| field_ts(a, true)),
    strict("pg_extract_timestamptz", 2, |a| field_tz(a, true)),
    strict("pg_extract_date", 2, |a| field_date(a, true)),
    strict("pg_extract_time", 2, |a| field_time(a, true)),
    strict("pg_extract_interval", 2, |a| field_interval(a, true)),
    strict("pg_part_timestamp", 2, |a| field_ts(a, false)),
    strict("pg_part_timestamptz", 2, |a| field_tz(a, false)),
    strict("pg_part_date", 2, |a| field_date(a, false)),
    strict("pg_part_time", 2, |a| field_time(a, false)),
    strict("pg_part_interval", 2, |a| field_interval(a, false)),
    strict("pg_trunc_timestamp", 2, |a| {
        timestamp(dt::date_trunc(text(a, 0)?, moment(a, 1)?, "timestamp without time zone")?)
    }),
    strict("pg_trunc_timestamptz", 2, trunc_tz),
    strict("pg_trunc_timestamptz", 3, trunc_in_zone),
    strict("pg_trunc_interval", 2, |a| span(dt::trunc_interval(text(a, 0)?, interval(a, 1)?)?)),
    strict("pg_bin_timestamp", 3, |a| timestamp(date_bin(a)?)),
    strict("pg_bin_timestamptz", 3, |a| timestamptz(date_bin(a)?)),
    strict("pg_make_date", 3, |a| days(dt::make_date(int4(a, 0)?, int4(a, 1)?, int4(a, 2)?)?)),
    strict("pg_make_time", 3, |a| {
        Ok(Value::Text(dt::time_text(dt::make_time(int4(a, 0)?, int4(a, 1)?, float(a, 2)?)?)))
    }),
    strict("pg_make_timestamp", 6, |a| timestamp(make_timestamp(a)?)),
    strict("pg_make_timestamptz", 6, |a| timestamptz(global(make_timestamp(a)?))),
    strict("pg_make_timestamptz", 7, |a| timestamptz(zone_of(a, 6)?.moment(make_timestamp(a)?))),
    strict("pg_make_interval", -1, make_interval),
    strict("pg_to_timestamp_epoch", 1, |a| timestamptz(dt::from_epoch(float(a, 0)?)?)),
    strict("pg_isfinite_date", 1, |a| Ok(Value::bool(!text(a, 0)?.ends_with("infinity")))),
    strict("pg_timezone_timestamp", 2, |a| timestamptz(zone_of(a, 0)?.moment(moment(a, 1)?))),
    strict("pg_timezone_timestamptz", 2, |a| timestamp(zone_of(a, 0)?.wall(moment(a, 1)?))),
    strict("pg_overlaps", 4, overlaps),
    strict("pg_to_char_timestamp", 2, |a| char_text(moment(a, 0)?, None, text(a, 1)?)),
    strict("pg_to_char_timestamptz", 2, |a| {
        let us = moment(a, 0)?;
        char_text(local(us), Some(zone().offset_at(us)), text(a, 1)?)
    }),
    strict("pg_to_char_interval", 2, |a| Ok(Value::Text(dt::to_char_interval(interval(a, 0)?, text(a, 1)?)))),
    strict("pg_to_date", 2, |a| days(dt::to_date(text(a, 0)?, text(a, 1)?)?)),
    strict("pg_to_timestamp", 2, |a| timestamptz(dt::to_timestamp(text(a, 0)?, text(a, 1)?, zone())?)),
    volatile("pg_timeofday", 0, |_| timestamptz(session::clock_us())),
];
