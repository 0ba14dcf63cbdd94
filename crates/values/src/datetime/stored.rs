//! The stored texts of dates and times: fixed width, so that their text order is their time order.

use super::civil::{civil_of, day_of};
use super::{DAY, SECOND};
use crate::{Result, ValueError};
use std::cmp::Ordering;

/// `infinity` among timestamps.
pub const INFINITY: i64 = i64::MAX;
/// `-infinity` among timestamps.
pub const NEG_INFINITY: i64 = i64::MIN;
/// `infinity` among dates.
pub const DATE_INFINITY: i32 = i32::MAX;
/// `-infinity` among dates.
pub const DATE_NEG_INFINITY: i32 = i32::MIN;

/// Days of 0001-01-01 and 9999-12-31: what fixed width can hold.
const DAYS: std::ops::RangeInclusive<i32> = -719_162..=2_932_896;

fn digits(out: &mut String, n: u32, width: usize) {
    let mut buffer = [b'0'; 10];
    let mut n = n;
    for slot in buffer[..width].iter_mut().rev() {
        *slot = b'0' + u8::try_from(n % 10).unwrap_or(0);
        n /= 10;
    }
    out.extend(buffer[..width].iter().map(|b| char::from(*b)));
}

/// The stored text of a date; 22008 outside the years 0001..=9999.
pub fn days_text(days: i32) -> Result<String> {
    let mut out = String::with_capacity(10);
    push_days(days, &mut out)?;
    Ok(out)
}

fn push_days(days: i32, out: &mut String) -> Result<()> {
    match days {
        DATE_INFINITY => out.push_str("infinity"),
        DATE_NEG_INFINITY => out.push_str("-infinity"),
        _ if !DAYS.contains(&days) => return Err(ValueError::new("22008", "date out of range")),
        _ => {
            let c = civil_of(days);
            digits(out, c.year.unsigned_abs(), 4);
            out.push('-');
            digits(out, c.month, 2);
            out.push('-');
            digits(out, c.day, 2);
        }
    }
    Ok(())
}

fn push_time(us: i64, out: &mut String) {
    let part = |n: i64| u32::try_from(n).unwrap_or(0);
    digits(out, part(us / (3600 * SECOND)), 2);
    out.push(':');
    digits(out, part(us / (60 * SECOND) % 60), 2);
    out.push(':');
    digits(out, part(us / SECOND % 60), 2);
    out.push('.');
    digits(out, part(us % SECOND), 6);
}

/// The stored text of a time of day, `24:00:00` included.
pub fn time_text(us: i64) -> String {
    let mut out = String::with_capacity(15);
    push_time(us, &mut out);
    out
}

/// The stored text of a timestamp; 22008 outside the years 0001..=9999.
pub fn timestamp_text(us: i64) -> Result<String> {
    let mut out = String::with_capacity(27);
    match us {
        INFINITY => out.push_str("infinity"),
        NEG_INFINITY => out.push_str("-infinity"),
        _ => {
            let days = i32::try_from(us.div_euclid(DAY)).ok().filter(|d| DAYS.contains(d));
            push_days(days.ok_or_else(|| ValueError::new("22008", "timestamp out of range"))?, &mut out)?;
            out.push(' ');
            push_time(us.rem_euclid(DAY), &mut out);
        }
    }
    Ok(out)
}

/// The stored text of a moment: in UTC with a `Z`.
pub fn timestamptz_text(us: i64) -> Result<String> {
    let mut out = timestamp_text(us)?;
    if us != INFINITY && us != NEG_INFINITY {
        out.push('Z');
    }
    Ok(out)
}

/// The stored text of a time with its zone, in seconds east.
pub fn timetz_text(us: i64, offset_s: i32) -> String {
    let mut out = time_text(us);
    push_offset(offset_s, true, &mut out);
    out
}

/// Appends `+05:30`; without `full`, minutes only where there are some, as PostgreSQL's text output does.
pub fn push_offset(offset_s: i32, full: bool, out: &mut String) {
    out.push(if offset_s < 0 { '-' } else { '+' });
    let s = offset_s.unsigned_abs();
    digits(out, s / 3600, 2);
    if full || !s.is_multiple_of(3600) {
        out.push(':');
        digits(out, s / 60 % 60, 2);
    }
    if !s.is_multiple_of(60) {
        out.push(':');
        digits(out, s % 60, 2);
    }
}

fn number(b: &[u8]) -> Option<i64> {
    if b.is_empty() || !b.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(b.iter().fold(0, |n, d| n * 10 + i64::from(d - b'0')))
}

/// Days of a stored date (the start of a longer text will do).
pub fn date_days(text: &str) -> Option<i32> {
    match text {
        "infinity" => return Some(DATE_INFINITY),
        "-infinity" => return Some(DATE_NEG_INFINITY),
        _ => {}
    }
    let b = text.as_bytes();
    if b.len() < 10 || b[4] != b'-' || b[7] != b'-' {
        return None;
    }
    let (y, m, d) = (number(&b[..4])?, number(&b[5..7])?, number(&b[8..10])?);
    if !(1..=12).contains(&m) {
        return None;
    }
    Some(day_of(i32::try_from(y).ok()?, u32::try_from(m).ok()?, i32::try_from(d).ok()?))
}

/// Microseconds since midnight of a stored time: `HH:MM:SS` with any fraction, or `HH:MM`.
pub fn time_us(text: &str) -> Option<i64> {
    let b = text.as_bytes();
    if b.len() < 5 || b[2] != b':' {
        return None;
    }
    let mut us = (number(&b[..2])? * 3600 + number(&b[3..5])? * 60) * SECOND;
    if b.len() == 5 {
        return Some(us);
    }
    us += number(b.get(6..8)?)? * SECOND;
    match b.get(8) {
        None => Some(us),
        Some(b'.') => {
            let f = &b[9..];
            let kept = &f[..f.len().min(6)];
            Some(us + number(kept)? * 10i64.pow(6 - u32::try_from(kept.len()).ok()?))
        }
        Some(_) => None,
    }
}

/// Microseconds of a stored timestamp or timestamptz (and of what SQLite's own date functions give).
pub fn timestamp_us(text: &str) -> Option<i64> {
    match text {
        "infinity" => return Some(INFINITY),
        "-infinity" => return Some(NEG_INFINITY),
        _ => {}
    }
    let days = i64::from(date_days(text)?) * DAY;
    let rest = text.get(10..)?;
    if rest.is_empty() {
        return Some(days);
    }
    let time = rest.strip_prefix([' ', 'T'])?;
    Some(days + time_us(time.strip_suffix('Z').unwrap_or(time))?)
}

/// Time and offset east of a stored time with zone.
pub fn timetz_parts(text: &str) -> Option<(i64, i32)> {
    let at = text.rfind(['+', '-'])?;
    let zone = &text.as_bytes()[at + 1..];
    let part = |from: usize| zone.get(from..from + 2).map_or(Some(0), number);
    let s = part(0)? * 3600 + part(3)? * 60 + part(6)?;
    let s = i32::try_from(s).ok()?;
    Some((time_us(&text[..at])?, if text.as_bytes()[at] == b'-' { -s } else { s }))
}

/// PostgreSQL's order of stored times with zone: by the moment in UTC, then by the zone.
pub fn compare_timetz(a: &str, b: &str) -> Ordering {
    match (timetz_parts(a), timetz_parts(b)) {
        (Some((ta, za)), Some((tb, zb))) => {
            let utc = |t: i64, z: i32| t - i64::from(z) * SECOND;
            utc(ta, za).cmp(&utc(tb, zb)).then(zb.cmp(&za)).then_with(|| a.cmp(b))
        }
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}
