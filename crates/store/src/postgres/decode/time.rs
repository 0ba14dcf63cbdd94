//! Dates, times and intervals, printed as PostgreSQL prints them with `DateStyle` ISO and `IntervalStyle` postgres.

use std::fmt::Write as _;

use super::number::{integer, padded};
use super::{Sink, broken, fixed, take};
use crate::error::Result;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// Days from 1970-01-01 to 2000-01-01, PostgreSQL's epoch.
const EPOCH_DAYS: i64 = 10_957;

/// The time zone in which `timestamptz` is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Zone {
    /// Offset zero.
    Utc,
    /// Offsets in seconds east of Greenwich, each from a moment (microseconds since 2000) on; the first from ever.
    Table(Vec<(i64, i32)>),
}

impl Zone {
    /// Seconds east of Greenwich at a moment.
    fn offset(&self, at: i64) -> i32 {
        match self {
            Self::Utc => 0,
            Self::Table(changes) => {
                let next = changes.partition_point(|(from, _)| *from <= at);
                changes.get(next.saturating_sub(1)).map_or(0, |(_, offset)| *offset)
            }
        }
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar with a year 0.
fn civil(days: i64) -> (i64, u32, u32) {
    // Counted from 0000-03-01 the leap day ends a year, and 400 years are always 146,097 days.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, small(month), small(day))
}

/// A number that the arithmetic above keeps within `u32`.
fn small(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

/// Prints a day; true when it lies before Christ, which is said after the time.
fn day<S: Sink>(days_from_2000: i64, out: &mut S) -> bool {
    let (year, month, day) = civil(days_from_2000 + EPOCH_DAYS);
    padded(small(if year > 0 { year } else { 1 - year }), 4, out);
    out.push("-");
    padded(month, 2, out);
    out.push("-");
    padded(day, 2, out);
    year <= 0
}

/// Appends a `date`, given in days since 2000-01-01.
pub(super) fn date<S: Sink>(days: i32, out: &mut S) {
    match days {
        i32::MAX => out.push("infinity"),
        i32::MIN => out.push("-infinity"),
        _ => {
            if day(i64::from(days), out) {
                out.push(" BC");
            }
        }
    }
}

/// Appends a `time`, given in microseconds since midnight.
pub(super) fn time<S: Sink>(micros: i64, out: &mut S) {
    let seconds = micros / SECOND;
    padded(small(seconds / 3600), 2, out);
    out.push(":");
    padded(small(seconds / 60 % 60), 2, out);
    out.push(":");
    padded(small(seconds % 60), 2, out);
    fraction(small(micros % SECOND), out);
}

/// Appends the fraction of a second without trailing zeros.
fn fraction<S: Sink>(micros: u32, out: &mut S) {
    if micros == 0 {
        return;
    }
    let (mut value, mut width) = (micros, 6);
    while value.is_multiple_of(10) {
        value /= 10;
        width -= 1;
    }
    out.push(".");
    padded(value, width, out);
}

/// Appends an offset: `+01`, `+05:30`; with `minutes` always at least hours and minutes.
fn offset<S: Sink>(east: i32, minutes: bool, out: &mut S) {
    let seconds = east.unsigned_abs();
    out.push(if east < 0 { "-" } else { "+" });
    padded(seconds / 3600, 2, out);
    if minutes || !seconds.is_multiple_of(3600) {
        out.push(":");
        padded(seconds / 60 % 60, 2, out);
    }
    if !seconds.is_multiple_of(60) {
        out.push(":");
        padded(seconds % 60, 2, out);
    }
}

/// Appends a `timetz`: microseconds since midnight, then seconds west of Greenwich.
pub(super) fn timetz<S: Sink>(bytes: &[u8], out: &mut S) -> Result<()> {
    let mut at = bytes;
    time(i64::from_be_bytes(take(&mut at)?), out);
    let west = i32::from_be_bytes(fixed(at)?);
    offset(west.checked_neg().ok_or_else(|| broken("timetz"))?, false, out);
    Ok(())
}

/// Appends a `timestamp` or, with a zone, a `timestamptz`, given in microseconds since 2000-01-01. The flag beside the zone asks
/// for an offset with minutes, as JSON has it.
pub(super) fn timestamp<S: Sink>(micros: i64, between: char, zone: Option<(&Zone, bool)>, out: &mut S) {
    match micros {
        i64::MAX => return out.push("infinity"),
        i64::MIN => return out.push("-infinity"),
        _ => {}
    }
    let east = zone.map_or(0, |(zone, _)| zone.offset(micros));
    let local = micros.saturating_add(i64::from(east) * SECOND);
    let before_christ = day(local.div_euclid(DAY), out);
    out.push(if between == 'T' { "T" } else { " " });
    time(local.rem_euclid(DAY), out);
    if let Some((_, minutes)) = zone {
        offset(east, minutes, out);
    }
    if before_christ {
        out.push(" BC");
    }
}

/// Appends an `interval`: microseconds, days, months.
pub(super) fn interval<S: Sink>(bytes: &[u8], out: &mut S) -> Result<()> {
    let mut at = bytes;
    let micros = i64::from_be_bytes(take(&mut at)?);
    let days = i32::from_be_bytes(take(&mut at)?);
    let months = i32::from_be_bytes(fixed(at)?);
    match (micros, days, months) {
        (i64::MAX, i32::MAX, i32::MAX) => {
            out.push("infinity");
            return Ok(());
        }
        (i64::MIN, i32::MIN, i32::MIN) => {
            out.push("-infinity");
            return Ok(());
        }
        _ => {}
    }
    let mut first = true;
    let mut negative = false;
    for (count, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if count == 0 {
            continue;
        }
        if !first {
            out.push(" ");
        }
        if negative && count > 0 {
            out.push("+");
        }
        integer(i64::from(count), out);
        out.push(" ");
        out.push(unit);
        if count != 1 {
            out.push("s");
        }
        negative = count < 0;
        first = false;
    }
    if micros != 0 || first {
        if !first {
            out.push(" ");
        }
        if micros < 0 {
            out.push("-");
        } else if negative {
            out.push("+");
        }
        let size = micros.unsigned_abs();
        let seconds = size / 1_000_000;
        let mut hours = String::new();
        // Hours may need more digits than a `u32` has; such intervals are rare enough to allocate for.
        let _ = write!(hours, "{:02}", seconds / 3600);
        out.push(&hours);
        out.push(":");
        padded(u32::try_from(seconds / 60 % 60).unwrap_or(0), 2, out);
        out.push(":");
        padded(u32::try_from(seconds % 60).unwrap_or(0), 2, out);
        fraction(u32::try_from(size % 1_000_000).unwrap_or(0), out);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_gives_the_offset_in_force() {
        let zone = Zone::Table(vec![(i64::MIN, 3600), (100, 7200), (200, 3600)]);
        for (at, want) in [(-5, 3600), (99, 3600), (100, 7200), (199, 7200), (200, 3600), (i64::MAX - 1, 3600)] {
            assert_eq!(zone.offset(at), want, "{at}");
        }
        assert_eq!(Zone::Table(Vec::new()).offset(0), 0);
    }
}
