//! Arithmetic on dates, times and intervals.
//!
//! Functions take and give the inside forms (microseconds, days, [`Interval`]); [`crate::datetime`] has the way from and to
//! stored texts.

use super::civil::{civil_of, day_of, days_in_month};
use super::stored::{DATE_INFINITY, DATE_NEG_INFINITY, INFINITY, NEG_INFINITY};
use super::{DAY, Interval, SECOND};
use crate::{Result, ValueError};

/// Microseconds from 1970-01-01 to PostgreSQL's own epoch, 2000-01-01; rounding goes away from it.
const PG_EPOCH: i64 = 10_957 * DAY;

fn out_of_range() -> ValueError {
    ValueError::new("22008", "timestamp out of range")
}

/// True for a timestamp that is neither infinity.
pub fn is_finite(us: i64) -> bool {
    us != INFINITY && us != NEG_INFINITY
}

fn round_to(us: i64, precision: Option<u8>) -> i64 {
    let Some(p) = precision.filter(|p| *p < 6) else { return us };
    let unit = 10i64.pow(6 - u32::from(p));
    let half = unit / 2;
    if us >= 0 { (us + half) / unit * unit } else { -((half - us) / unit * unit) }
}

/// A time of day rounded to `time(p)`.
pub fn round_time(us: i64, precision: Option<u8>) -> i64 {
    round_to(us, precision)
}

/// A timestamp rounded to `timestamp(p)`.
pub fn round_timestamp(us: i64, precision: Option<u8>) -> i64 {
    if is_finite(us) { round_to(us - PG_EPOCH, precision) + PG_EPOCH } else { us }
}

pub(super) fn date_of(us: i64) -> i32 {
    i32::try_from(us.div_euclid(DAY)).unwrap_or(if us > 0 { DATE_INFINITY } else { DATE_NEG_INFINITY })
}

/// `timestamp::date`, infinities kept.
pub fn timestamp_date(us: i64) -> i32 {
    match us {
        INFINITY => DATE_INFINITY,
        NEG_INFINITY => DATE_NEG_INFINITY,
        _ => date_of(us),
    }
}

/// `date::timestamp`, infinities kept.
pub fn date_timestamp(days: i32) -> i64 {
    match days {
        DATE_INFINITY => INFINITY,
        DATE_NEG_INFINITY => NEG_INFINITY,
        _ => i64::from(days) * DAY,
    }
}

/// `timestamp + interval`: months first (the day clipped to the month's last), then days, then time.
pub fn add_interval(us: i64, i: Interval) -> Result<i64> {
    if !is_finite(us) {
        return Ok(us);
    }
    let mut days = i64::from(date_of(us));
    let time = us.rem_euclid(DAY);
    if i.months != 0 {
        let c = civil_of(date_of(us));
        let months = i64::from(c.year) * 12 + i64::from(c.month) - 1 + i64::from(i.months);
        let year = i32::try_from(months.div_euclid(12)).map_err(|_| out_of_range())?;
        let month = u32::try_from(months.rem_euclid(12) + 1).map_err(|_| out_of_range())?;
        let day = c.day.min(days_in_month(year, month));
        days = i64::from(day_of(year, month, i32::try_from(day).map_err(|_| out_of_range())?));
    }
    days += i64::from(i.days);
    let moment = days.checked_mul(DAY).and_then(|d| d.checked_add(time)).and_then(|m| m.checked_add(i.us));
    moment.ok_or_else(out_of_range)
}

/// `date + integer`; 22008 out of range, infinities kept.
pub fn add_days(days: i32, n: i64) -> Result<i32> {
    if matches!(days, DATE_INFINITY | DATE_NEG_INFINITY) {
        return Ok(days);
    }
    i32::try_from(i64::from(days) + n).map_err(|_| ValueError::new("22008", "date out of range"))
}

/// `date - date`, in days.
pub fn days_between(a: i32, b: i32) -> Result<i64> {
    if [a, b].iter().any(|d| matches!(*d, DATE_INFINITY | DATE_NEG_INFINITY)) {
        return Err(ValueError::new("22008", "cannot subtract infinite dates"));
    }
    Ok(i64::from(a) - i64::from(b))
}

/// `timestamp - timestamp`: days and time, never months.
pub fn between(a: i64, b: i64) -> Result<Interval> {
    if !is_finite(a) || !is_finite(b) {
        return Err(ValueError::new("22008", "cannot subtract infinite timestamps"));
    }
    let us = a.checked_sub(b).ok_or_else(|| ValueError::new("22008", "interval out of range"))?;
    Ok(Interval::from_us(us).justify_hours())
}

/// `time + interval`: wraps around midnight.
pub fn add_to_time(time: i64, i: Interval) -> i64 {
    (time % DAY + i.us % DAY).rem_euclid(DAY)
}

/// `age(a, b)`: the difference in years, months and days as people count them.
pub fn age(a: i64, b: i64) -> Result<Interval> {
    if !is_finite(a) || !is_finite(b) {
        return Err(ValueError::new("22008", "cannot subtract infinite timestamps"));
    }
    let negative = a < b;
    let (late, early) = if negative { (b, a) } else { (a, b) };
    let (l, e) = (civil_of(date_of(late)), civil_of(date_of(early)));
    let number = |n: u32| i64::from(n);
    let mut us = late.rem_euclid(DAY) - early.rem_euclid(DAY);
    let mut days = number(l.day) - number(e.day);
    let mut months = (i64::from(l.year) - i64::from(e.year)) * 12 + number(l.month) - number(e.month);
    if us < 0 {
        us += DAY;
        days -= 1;
    }
    while days < 0 {
        // Days are borrowed from the earlier date's month.
        let month = days_in_month(e.year, e.month);
        days += number(month);
        months -= 1;
    }
    let i = Interval { months: i32::try_from(months).unwrap_or(i32::MAX), days: i32::try_from(days).unwrap_or(0), us };
    if negative { i.negated() } else { Ok(i) }
}

/// `make_date`; 22008 for a date there is none of.
pub fn make_date(year: i32, month: i32, day: i32) -> Result<i32> {
    let bad = || ValueError::new("22008", format!("date field value out of range: {year}-{month:02}-{day:02}"));
    let m = u32::try_from(month).ok().filter(|m| (1..=12).contains(m)).ok_or_else(bad)?;
    let d = u32::try_from(day).ok().filter(|d| (1..=days_in_month(year, m)).contains(d) && (1..=9999).contains(&year));
    d.map(|_| day_of(year, m, day)).ok_or_else(bad)
}

/// `make_time`; 22008 for a time there is none of.
#[expect(clippy::cast_possible_truncation, reason = "below a day")]
pub fn make_time(hour: i32, minute: i32, second: f64) -> Result<i64> {
    let us = i64::from(hour * 3600 + minute * 60) * SECOND + (second * 1e6).round_ties_even() as i64;
    if !(0..=24).contains(&hour) || !(0..60).contains(&minute) || !(0.0..=60.0).contains(&second) || us > DAY {
        return Err(ValueError::new("22008", format!("time field value out of range: {hour}:{minute:02}:{second:02}")));
    }
    Ok(us)
}

/// `make_timestamp`
pub fn make_timestamp(year: i32, month: i32, day: i32, hour: i32, minute: i32, second: f64) -> Result<i64> {
    Ok(i64::from(make_date(year, month, day)?) * DAY + make_time(hour, minute, second)?)
}

/// `to_timestamp(double precision)`: seconds since 1970-01-01 UTC.
#[expect(clippy::cast_possible_truncation, reason = "checked before")]
pub fn from_epoch(seconds: f64) -> Result<i64> {
    if seconds.is_nan() {
        return Err(ValueError::new("22008", "timestamp cannot be NaN"));
    }
    if seconds.is_infinite() {
        return Ok(if seconds > 0.0 { INFINITY } else { NEG_INFINITY });
    }
    if seconds.abs() > 2.6e11 {
        return Err(ValueError::new(
            "22008",
            format!("timestamp out of range: \"{}\"", crate::float::to_text(seconds, false)),
        ));
    }
    Ok((seconds * 1e6).round_ties_even() as i64)
}

/// Midnight of the session's day on its wall clock; that of 1970 without a time.
pub fn today_wall(session: &crate::Session) -> i64 {
    session.zone.wall(session.now_us.unwrap_or(0)).div_euclid(DAY) * DAY
}

#[cfg(test)]
mod tests {
    use super::super::{date_days, days_text, timestamp_text, timestamp_us};
    use super::*;

    fn us(text: &str) -> i64 {
        timestamp_us(text).unwrap()
    }

    #[test]
    fn intervals_are_added_as_the_calendar_has_it() {
        for (t, i, want) in [
            ("2020-01-31 10:00:00", "1 mon", "2020-02-29 10:00:00.000000"),
            ("2020-03-31 00:00:00", "-1 mon", "2020-02-29 00:00:00.000000"),
            ("2020-01-01 00:00:00", "1 year 1 day 01:00", "2021-01-02 01:00:00.000000"),
            ("2020-01-01 00:00:00", "-00:00:01", "2019-12-31 23:59:59.000000"),
            ("infinity", "1 day", "infinity"),
        ] {
            assert_eq!(add_interval(us(t), Interval::parse(i).unwrap()).and_then(timestamp_text).unwrap(), want);
        }
        assert_eq!(between(us("2020-01-03 10:00:00"), us("2020-01-01 12:00:00")).unwrap().to_text(), "1 day 22:00:00");
        assert_eq!(
            between(us("2020-01-01 12:00:00"), us("2020-01-03 10:00:00")).unwrap().to_text(),
            "-1 days -22:00:00"
        );
    }

    #[test]
    fn ages_are_counted_as_people_do() {
        for (a, b, want) in [
            ("2020-03-01", "2019-01-31", "1 year 1 mon 1 day"),
            ("2020-01-01 12:00:00", "2019-12-31 13:00:00", "23:00:00"),
            ("2001-04-10", "1957-06-13", "43 years 9 mons 27 days"),
            ("2019-01-31", "2020-03-01", "-1 years -1 mons -1 days"),
            ("2020-02-29", "2020-01-31", "29 days"),
        ] {
            assert_eq!(age(us(a), us(b)).unwrap().to_text(), want, "{a} {b}");
        }
    }

    #[test]
    fn dates_are_made_and_counted() {
        assert_eq!(make_date(2020, 2, 29).and_then(days_text).unwrap(), "2020-02-29");
        assert_eq!(make_date(2021, 2, 29).unwrap_err().message, "date field value out of range: 2021-02-29");
        assert_eq!(days_between(date_days("2020-03-01").unwrap(), date_days("2020-02-01").unwrap()).unwrap(), 29);
        assert_eq!(from_epoch(1.5).unwrap(), 1_500_000);
        assert_eq!(add_to_time(23 * 3600 * SECOND, Interval::parse("2 hours").unwrap()), 3600 * SECOND);
    }
}
