//! `date_trunc` and `extract`.

use super::civil::{Civil, civil_of, day_of, iso_week, weekday};
use super::compute::{date_of, date_timestamp, is_finite};
use super::{DAY, Interval, SECOND};
use crate::{Result, ValueError};

fn unit_error(unit: &str, ty: &str, known: bool) -> ValueError {
    if known {
        ValueError::new("0A000", format!("unit \"{unit}\" not supported for type {ty}"))
    } else {
        ValueError::parameter(format!("unit \"{unit}\" not recognized for type {ty}"))
    }
}

/// Unit names as one word: plurals and abbreviations resolved.
fn unit_word(unit: &str) -> String {
    let lower = unit.trim().to_ascii_lowercase();
    match lower.as_str() {
        "microseconds" | "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsecond" => "microsecond",
        "milliseconds" | "ms" | "msec" | "msecs" | "mseconds" | "millisecond" => "millisecond",
        "seconds" | "s" | "sec" | "secs" => "second",
        "minutes" | "m" | "min" | "mins" => "minute",
        "hours" | "h" | "hr" | "hrs" => "hour",
        "days" | "d" => "day",
        "weeks" | "w" => "week",
        "months" | "mon" | "mons" => "month",
        "quarters" | "qtr" => "quarter",
        "years" | "y" | "yr" | "yrs" => "year",
        "decades" | "dec" | "decs" => "decade",
        "centuries" | "c" | "cent" => "century",
        "millennia" | "mil" | "mils" | "millennium" => "millennium",
        other => other,
    }
    .to_owned()
}

const UNITS: [&str; 22] = [
    "microsecond",
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
    "decade",
    "century",
    "millennium",
    "dow",
    "isodow",
    "doy",
    "isoyear",
    "epoch",
    "julian",
    "timezone",
    "timezone_hour",
    "timezone_minute",
];

/// `date_trunc(unit, timestamp)`; `ty` names the type in errors. For timestamptz, shift to the zone before and back after.
pub fn date_trunc(unit: &str, us: i64, ty: &str) -> Result<i64> {
    let word = unit_word(unit);
    if !is_finite(us) {
        return Ok(us);
    }
    let c = civil_of(date_of(us));
    let start = |year: i32, month: u32| Ok(i64::from(day_of(year, month, 1)) * DAY);
    let floor = |step: i64| Ok(us.div_euclid(step) * step);
    match word.as_str() {
        "microsecond" => Ok(us),
        "millisecond" => floor(1000),
        "second" => floor(SECOND),
        "minute" => floor(60 * SECOND),
        "hour" => floor(3600 * SECOND),
        "day" => floor(DAY),
        "week" => Ok(i64::from(date_of(us) - (weekday(date_of(us)) + 6) % 7) * DAY),
        "month" => start(c.year, c.month),
        "quarter" => start(c.year, (c.month - 1) / 3 * 3 + 1),
        "year" => start(c.year, 1),
        "decade" => start(c.year.div_euclid(10) * 10, 1),
        "century" => start((c.year - 1).div_euclid(100) * 100 + 1, 1),
        "millennium" => start((c.year - 1).div_euclid(1000) * 1000 + 1, 1),
        other => Err(unit_error(&unit.to_ascii_lowercase(), ty, UNITS.contains(&other))),
    }
}

/// `date_trunc(unit, interval)`
pub fn trunc_interval(unit: &str, i: Interval) -> Result<Interval> {
    let word = unit_word(unit);
    let months = |n: i32| Ok(Interval { months: i.months / n * n, days: 0, us: 0 });
    let time = |n: i64| Ok(Interval { us: i.us / n * n, ..i });
    match word.as_str() {
        "microsecond" => Ok(i),
        "millisecond" => time(1000),
        "second" => time(SECOND),
        "minute" => time(60 * SECOND),
        "hour" => time(3600 * SECOND),
        "day" => Ok(Interval { us: 0, ..i }),
        "month" => months(1),
        "quarter" => months(3),
        "year" => months(12),
        "decade" => months(120),
        "century" => months(1200),
        "millennium" => months(12_000),
        other => {
            let e = unit_error(&unit.to_ascii_lowercase(), "interval", UNITS.contains(&other));
            Err(if other == "week" { e.with_detail("Months usually have fractional weeks.") } else { e })
        }
    }
}

/// Microseconds as a numeric of seconds with six decimals.
fn seconds_text(us: i128, scale: usize) -> String {
    let unit = 10i128.pow(u32::try_from(scale).unwrap_or(6));
    let sign = if us < 0 { "-" } else { "" };
    let us = us.unsigned_abs();
    let unit = unit.unsigned_abs();
    format!("{sign}{}.{:0scale$}", us / unit, us % unit)
}

/// `extract(unit from timestamp)` as a numeric text; `offset_s` is the zone's for timestamptz (and its epoch is UTC).
/// `None` where PostgreSQL gives NULL (a field of an infinity that has none).
pub fn extract(unit: &str, us: i64, zone: Option<i32>) -> Result<Option<String>> {
    let ty = if zone.is_some() { "timestamp with time zone" } else { "timestamp without time zone" };
    let word = unit_word(unit);
    if !is_finite(us) {
        return match word.as_str() {
            "year" | "decade" | "century" | "millennium" | "isoyear" | "epoch" | "julian" => {
                Ok(Some(if us > 0 { "Infinity" } else { "-Infinity" }.into()))
            }
            w if UNITS.contains(&w) => Ok(None),
            _ => Err(unit_error(&unit.to_ascii_lowercase(), ty, false)),
        };
    }
    let local = us + i64::from(zone.unwrap_or(0)) * SECOND;
    let days = date_of(local);
    let time = local.rem_euclid(DAY);
    let c = civil_of(days);
    let text = match (word.as_str(), zone) {
        ("microsecond", _) => (time % (60 * SECOND)).to_string(),
        ("millisecond", _) => seconds_text(i128::from(time % (60 * SECOND)), 3),
        ("second", _) => seconds_text(i128::from(time % (60 * SECOND)), 6),
        ("minute", _) => (time / (60 * SECOND) % 60).to_string(),
        ("hour", _) => (time / (3600 * SECOND)).to_string(),
        ("epoch", _) => seconds_text(i128::from(us), 6),
        ("julian", _) => {
            let day = crate::numeric::div(&time.to_string(), &DAY.to_string())?;
            let whole = crate::numeric::add(&(i64::from(days) + 2_440_588).to_string(), &day)?;
            if time == 0 { (i64::from(days) + 2_440_588).to_string() } else { whole }
        }
        ("timezone", Some(z)) => z.to_string(),
        ("timezone_hour", Some(z)) => (z / 3600).to_string(),
        ("timezone_minute", Some(z)) => (z / 60 % 60).to_string(),
        (w, _) => match date_field(w, days, c) {
            Some(n) => n.to_string(),
            None => return Err(unit_error(&unit.to_ascii_lowercase(), ty, UNITS.contains(&w))),
        },
    };
    Ok(Some(text))
}

fn date_field(unit: &str, days: i32, c: Civil) -> Option<i32> {
    let small = |n: u32| i32::try_from(n).unwrap_or(0);
    Some(match unit {
        "day" => small(c.day),
        "week" => iso_week(days).1,
        "month" => small(c.month),
        "quarter" => small((c.month - 1) / 3 + 1),
        "year" => c.year,
        "decade" => c.year.div_euclid(10),
        "century" => (c.year + 99) / 100,
        "millennium" => (c.year + 999) / 1000,
        "isoyear" => iso_week(days).0,
        "dow" => weekday(days),
        "isodow" => (weekday(days) + 6) % 7 + 1,
        "doy" => days - day_of(c.year, 1, 1) + 1,
        _ => return None,
    })
}

/// `extract(unit from date)` as a numeric text; units of time are refused with 0A000.
pub fn extract_date(unit: &str, days: i32) -> Result<Option<String>> {
    let word = unit_word(unit);
    let time_unit =
        ["microsecond", "millisecond", "second", "minute", "hour", "timezone", "timezone_hour", "timezone_minute"];
    if time_unit.contains(&word.as_str()) {
        return Err(unit_error(&unit.to_ascii_lowercase(), "date", true));
    }
    let us = date_timestamp(days);
    if is_finite(us) && word == "epoch" {
        return Ok(Some((i64::from(days) * 86_400).to_string()));
    }
    let named = |e: ValueError| ValueError { message: e.message.replace("timestamp without time zone", "date"), ..e };
    extract(unit, us, None).map_err(named)
}

/// `extract(unit from time)` as a numeric text.
pub fn extract_time(unit: &str, us: i64) -> Result<String> {
    let word = unit_word(unit);
    Ok(match word.as_str() {
        "microsecond" => (us % (60 * SECOND)).to_string(),
        "millisecond" => seconds_text(i128::from(us % (60 * SECOND)), 3),
        "second" => seconds_text(i128::from(us % (60 * SECOND)), 6),
        "minute" => (us / (60 * SECOND) % 60).to_string(),
        "hour" => (us / (3600 * SECOND)).to_string(),
        "epoch" => seconds_text(i128::from(us), 6),
        w => return Err(unit_error(&unit.to_ascii_lowercase(), "time without time zone", UNITS.contains(&w))),
    })
}

/// `extract(unit from interval)` as a numeric text.
pub fn extract_interval(unit: &str, i: Interval) -> Result<String> {
    let word = unit_word(unit);
    let years = i.months / 12;
    Ok(match word.as_str() {
        "microsecond" => (i.us % (60 * SECOND)).to_string(),
        "millisecond" => seconds_text(i128::from(i.us % (60 * SECOND)), 3),
        "second" => seconds_text(i128::from(i.us % (60 * SECOND)), 6),
        "minute" => (i.us / (60 * SECOND) % 60).to_string(),
        "hour" => (i.us / (3600 * SECOND)).to_string(),
        "day" => i.days.to_string(),
        "month" => (i.months % 12).to_string(),
        "quarter" => (i.months % 12 / 3 + 1).to_string(),
        "year" => years.to_string(),
        "decade" => (years / 10).to_string(),
        "century" => (years / 100).to_string(),
        "millennium" => (years / 1000).to_string(),
        "epoch" => {
            // A year counts 365.25 days here, a month 30.
            let quarter_days = i128::from(years) * 1461 + i128::from(i.months % 12) * 120 + i128::from(i.days) * 4;
            seconds_text(quarter_days * i128::from(DAY / 4) + i128::from(i.us), 6)
        }
        w => return Err(unit_error(&unit.to_ascii_lowercase(), "interval", UNITS.contains(&w))),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{INFINITY, timestamp_text, timestamp_us};
    use super::*;

    fn us(text: &str) -> i64 {
        timestamp_us(text).unwrap()
    }

    #[test]
    fn timestamps_are_truncated_to_units() {
        let t = us("2021-08-19 10:23:54.123456");
        for (unit, want) in [
            ("microseconds", "2021-08-19 10:23:54.123456"),
            ("milliseconds", "2021-08-19 10:23:54.123000"),
            ("second", "2021-08-19 10:23:54.000000"),
            ("minute", "2021-08-19 10:23:00.000000"),
            ("hour", "2021-08-19 10:00:00.000000"),
            ("day", "2021-08-19 00:00:00.000000"),
            ("week", "2021-08-16 00:00:00.000000"),
            ("month", "2021-08-01 00:00:00.000000"),
            ("quarter", "2021-07-01 00:00:00.000000"),
            ("year", "2021-01-01 00:00:00.000000"),
            ("decade", "2020-01-01 00:00:00.000000"),
            ("century", "2001-01-01 00:00:00.000000"),
            ("millennium", "2001-01-01 00:00:00.000000"),
        ] {
            assert_eq!(date_trunc(unit, t, "timestamp").and_then(timestamp_text).unwrap(), want);
        }
        let e = date_trunc("frob", t, "timestamp without time zone").unwrap_err();
        assert_eq!(
            (e.sqlstate, e.message.as_str()),
            ("22023", "unit \"frob\" not recognized for type timestamp without time zone")
        );
        assert_eq!(date_trunc("dow", t, "timestamp without time zone").unwrap_err().sqlstate, "0A000");
    }

    #[test]
    fn fields_are_extracted_as_numerics() {
        let t = us("2021-08-19 10:23:54.123456");
        for (unit, want) in [
            ("year", "2021"),
            ("month", "8"),
            ("day", "19"),
            ("hour", "10"),
            ("minute", "23"),
            ("second", "54.123456"),
            ("millisecond", "54123.456"),
            ("microseconds", "54123456"),
            ("epoch", "1629368634.123456"),
            ("dow", "4"),
            ("isodow", "4"),
            ("doy", "231"),
            ("week", "33"),
            ("quarter", "3"),
            ("decade", "202"),
            ("century", "21"),
            ("millennium", "3"),
            ("isoyear", "2021"),
            ("julian", "2459446.43326531777777777778"),
        ] {
            assert_eq!(extract(unit, t, None).unwrap().unwrap(), want, "{unit}");
        }
        assert_eq!(extract("timezone", t, Some(-3600)).unwrap().unwrap(), "-3600");
        assert_eq!(extract("epoch", INFINITY, None).unwrap().unwrap(), "Infinity");
        assert_eq!(extract("day", INFINITY, None).unwrap(), None);
        assert_eq!(extract_date("epoch", 1).unwrap().unwrap(), "86400");
        assert_eq!(extract_date("hour", 1).unwrap_err().message, "unit \"hour\" not supported for type date");
        assert_eq!(extract_time("second", 1_500_000).unwrap(), "1.500000");
        assert_eq!(
            extract_interval("epoch", Interval::parse("1 year 1 mon 1 day 01:00").unwrap()).unwrap(),
            "34239600.000000"
        );
        assert_eq!(extract_interval("hour", Interval::parse("-26:30").unwrap()).unwrap(), "-26");
    }
}
