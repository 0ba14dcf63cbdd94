//! `interval`: months, days and microseconds, each with its own sign.

use super::DAY;
use crate::{Result, ValueError};
use std::cmp::Ordering;
use std::fmt::Write;

/// An interval. Days are not always 24 hours and months not always 30 days, so the three parts stay apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interval {
    /// Months, years included.
    pub months: i32,
    /// Days, weeks included.
    pub days: i32,
    /// Microseconds, hours included.
    pub us: i64,
}

fn out_of_range() -> ValueError {
    ValueError::new("22008", "interval out of range")
}

impl Interval {
    /// An interval of microseconds alone.
    pub fn from_us(us: i64) -> Self {
        Self { us, ..Self::default() }
    }

    /// Length for comparing: a month counts 30 days, a day 24 hours.
    pub fn span_us(self) -> i128 {
        (i128::from(self.months) * 30 + i128::from(self.days)) * i128::from(DAY) + i128::from(self.us)
    }

    /// The sum, part by part; 22008 beyond the parts' range.
    pub fn plus(self, other: Self) -> Result<Self> {
        let sum = || {
            Some(Self {
                months: self.months.checked_add(other.months)?,
                days: self.days.checked_add(other.days)?,
                us: self.us.checked_add(other.us)?,
            })
        };
        sum().ok_or_else(out_of_range)
    }

    /// The opposite; 22008 when a part has none.
    pub fn negated(self) -> Result<Self> {
        let n = || {
            Some(Self {
                months: self.months.checked_neg()?,
                days: self.days.checked_neg()?,
                us: self.us.checked_neg()?,
            })
        };
        n().ok_or_else(out_of_range)
    }

    /// `interval * factor`: fractions of months go to days, fractions of days to time.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "checked before; the rules are in floats"
    )]
    pub fn times(self, factor: f64) -> Result<Self> {
        let fits = |f: f64| if f.is_finite() && f.abs() < 2_147_483_648.0 { Ok(f) } else { Err(out_of_range()) };
        let (months, days) = (fits(f64::from(self.months) * factor)?, fits(f64::from(self.days) * factor)?);
        let (whole_months, mut whole_days) = (months.trunc(), days.trunc());
        let rounded = |f: f64| (f * 1e6).round_ties_even() / 1e6;
        let month_days = rounded((months - whole_months) * 30.0);
        let mut seconds = rounded((days - whole_days + month_days - month_days.trunc()) * 86_400.0);
        if seconds.abs() >= 86_400.0 {
            whole_days += (seconds / 86_400.0).trunc();
            seconds -= (seconds / 86_400.0).trunc() * 86_400.0;
        }
        let us = (self.us as f64 * factor + seconds * 1e6).round_ties_even();
        if us.abs() >= 9.2e18 {
            return Err(out_of_range());
        }
        Ok(Self { months: whole_months as i32, days: fits(whole_days + month_days.trunc())? as i32, us: us as i64 })
    }

    /// `interval / divisor`; 22012 for zero.
    pub fn over(self, divisor: f64) -> Result<Self> {
        if divisor == 0.0 { Err(ValueError::division_by_zero()) } else { self.times(1.0 / divisor) }
    }

    /// `justify_hours`: whole days out of the hours.
    #[must_use]
    pub fn justify_hours(self) -> Self {
        let mut i = Self {
            days: self.days.saturating_add(i32::try_from(self.us / DAY).unwrap_or(0)),
            us: self.us % DAY,
            ..self
        };
        if i.days > 0 && i.us < 0 {
            i.us += DAY;
            i.days -= 1;
        } else if i.days < 0 && i.us > 0 {
            i.us -= DAY;
            i.days += 1;
        }
        i
    }

    /// `justify_days`: whole months of 30 days out of the days.
    #[must_use]
    pub fn justify_days(self) -> Self {
        let mut i = Self { months: self.months.saturating_add(self.days / 30), days: self.days % 30, ..self };
        if i.months > 0 && i.days < 0 {
            i.days += 30;
            i.months -= 1;
        } else if i.months < 0 && i.days > 0 {
            i.days -= 30;
            i.months += 1;
        }
        i
    }

    /// PostgreSQL's output: `1 year 2 mons 3 days 04:05:06.7`.
    pub fn to_text(self) -> String {
        let mut out = String::new();
        let mut before = false;
        for (n, unit) in [(self.months / 12, "year"), (self.months % 12, "mon"), (self.days, "day")] {
            if n != 0 {
                let space = if out.is_empty() { "" } else { " " };
                let plus = if before && n > 0 { "+" } else { "" };
                let plural = if n == 1 { "" } else { "s" };
                let _ = write!(out, "{space}{plus}{n} {unit}{plural}");
                before = n < 0;
            }
        }
        if out.is_empty() || self.us != 0 {
            let space = if out.is_empty() { "" } else { " " };
            let sign = if self.us < 0 {
                "-"
            } else if before {
                "+"
            } else {
                ""
            };
            let us = self.us.unsigned_abs();
            let (s, us) = (us / 1_000_000, us % 1_000_000);
            let _ = write!(out, "{space}{sign}{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
            if us > 0 {
                let _ = write!(out, ".{}", format!("{us:06}").trim_end_matches('0'));
            }
        }
        out
    }
}

/// PostgreSQL's order of two stored intervals; texts that are none come last, by their bytes.
pub fn compare_intervals(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    match (Interval::parse(a), Interval::parse(b)) {
        (Ok(a), Ok(b)) => a.span_us().cmp(&b.span_us()),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_and_printed_as_postgresql_does() {
        let cases = [
            ("1 day 02:03:04", "1 day 02:03:04"),
            ("1 year 2 months 3 days", "1 year 2 mons 3 days"),
            ("P1Y2M3DT4H5M6.7S", "1 year 2 mons 3 days 04:05:06.7"),
            ("1.5 hours", "01:30:00"),
            ("1.5 days", "1 day 12:00:00"),
            ("1.5 months", "1 mon 15 days"),
            ("1.5 years", "1 year 6 mons"),
            ("2 weeks", "14 days"),
            ("1 day ago", "-1 days"),
            ("-1 day +02:03", "-1 days +02:03:00"),
            ("90", "00:01:30"),
            ("1-2", "1 year 2 mons"),
            ("3 4:05:06", "3 days 04:05:06"),
            ("@ 1 minute", "00:01:00"),
            ("2h30m", "02:30:00"),
            ("100 milliseconds", "00:00:00.1"),
            ("PT36H", "36:00:00"),
            ("P2W", "14 days"),
            ("0", "00:00:00"),
            ("-1-2", "-1 years -2 mons"),
            ("1 year -1 mon", "11 mons"),
            ("1 mon -1 day", "1 mon -1 days"),
            ("-00:00:01.5", "-00:00:01.5"),
            ("1 decade", "10 years"),
            ("13 months", "1 year 1 mon"),
            ("25:00", "25:00:00"),
            ("1 week 1 day", "8 days"),
            ("P0001-02-03T04:05:06", "1 year 2 mons 3 days 04:05:06"),
            ("12:34.5", "00:12:34.5"),
            ("1 microsecond", "00:00:00.000001"),
        ];
        for (text, want) in cases {
            let i = Interval::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(i.to_text(), want, "{text}");
            assert_eq!(Interval::parse(want).unwrap(), i);
        }
        for (text, state) in [
            ("", "22007"),
            ("x", "22007"),
            ("1 frob", "22007"),
            ("P", "22007"),
            ("1 day 2 days", "22007"),
            ("9999999999 days", "22015"),
            ("1:99", "22015"),
            ("PT", "22007"),
        ] {
            assert_eq!(Interval::parse(text).unwrap_err().sqlstate, state, "{text}");
        }
    }

    #[test]
    fn intervals_compare_by_length() {
        assert_eq!(compare_intervals("1 mon", "30 days"), Ordering::Equal);
        assert_eq!(compare_intervals("1 day", "25:00:00"), Ordering::Less);
        assert_eq!(compare_intervals("-1 days", "00:00:00"), Ordering::Less);
    }

    #[test]
    fn scaling_hands_fractions_down() {
        for (text, factor, want) in [
            ("1 mon", 0.5, "15 days"),
            ("1 day", 0.5, "12:00:00"),
            ("01:00:00", 1.5, "01:30:00"),
            ("1 year", 2.5, "2 years 6 mons"),
            ("1 day 02:00", -1.0, "-1 days -02:00:00"),
        ] {
            assert_eq!(Interval::parse(text).unwrap().times(factor).unwrap().to_text(), want);
        }
        assert_eq!(Interval::parse("1 mon").unwrap().over(3.0).unwrap().to_text(), "10 days");
        assert_eq!(Interval::default().over(0.0).unwrap_err().sqlstate, "22012");
    }
}
