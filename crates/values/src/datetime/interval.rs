//! `interval`: months, days and microseconds, each with its own sign.

use super::parse::fraction_us;
use super::{DAY, SECOND};
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

    /// Reads any interval input.
    pub fn parse(text: &str) -> Result<Self> {
        let syntax = || ValueError::datetime_syntax("interval", text);
        let t = text.trim();
        if t.len() > 256 || !t.is_ascii() {
            return Err(syntax());
        }
        let parsed = if t.starts_with(['P', 'p']) { iso(&t[1..]) } else { words(&t.to_ascii_lowercase()) };
        match parsed {
            Ok(total) => total
                .finish()
                .ok_or_else(|| ValueError::new("22015", format!("interval field value out of range: \"{text}\""))),
            Err(Fault::Syntax) => Err(syntax()),
            Err(Fault::Range) => {
                Err(ValueError::new("22015", format!("interval field value out of range: \"{text}\"")))
            }
        }
    }
}

enum Fault {
    Syntax,
    Range,
}

/// Parts being added up while reading.
#[derive(Default)]
struct Total {
    months: i64,
    days: i64,
    us: i128,
    seen: u16,
}

/// A signed decimal as read: whole part, and the fraction as millionths and as a float.
struct Amount {
    whole: i64,
    fraction: f64,
    fraction_us: i64,
}

impl Total {
    fn finish(self) -> Option<Interval> {
        Some(Interval {
            months: i32::try_from(self.months).ok()?,
            days: i32::try_from(self.days).ok()?,
            us: i64::try_from(self.us).ok()?,
        })
    }

    #[expect(clippy::cast_possible_truncation, reason = "fractions of a few days")]
    fn fraction_days(&mut self, days: f64) {
        let whole = days.trunc();
        self.days += whole as i64;
        self.fraction_seconds((days - whole) * 86_400.0);
    }

    #[expect(clippy::cast_possible_truncation, reason = "fractions of a day")]
    fn fraction_seconds(&mut self, seconds: f64) {
        self.us += i128::from((seconds * 1e6).round_ties_even() as i64);
    }

    #[expect(clippy::cast_possible_truncation, reason = "a fraction of some years in months")]
    fn add(&mut self, n: &Amount, unit: Unit) -> std::result::Result<(), Fault> {
        let bit = 1 << unit as u16;
        if self.seen & bit != 0 {
            return Err(Fault::Syntax);
        }
        self.seen |= bit;
        let whole = n.whole;
        let years = |years: i32, months: &mut i64| -> std::result::Result<(), Fault> {
            let more = whole
                .checked_mul(12 * i64::from(years))
                .filter(|m| m.abs() < i64::from(i32::MAX) * 2)
                .ok_or(Fault::Range)?;
            *months += more + (n.fraction * 12.0 * f64::from(years)).round() as i64;
            Ok(())
        };
        let time = i128::from(whole);
        match unit {
            Unit::Microsecond => self.us += time + i128::from(n.fraction.round() as i64),
            Unit::Millisecond => {
                self.us += time * 1000;
                self.fraction_seconds(n.fraction / 1000.0);
            }
            Unit::Second => self.us += time * i128::from(SECOND) + i128::from(n.fraction_us),
            Unit::Minute => {
                self.us += time * 60 * i128::from(SECOND);
                self.fraction_seconds(n.fraction * 60.0);
            }
            Unit::Hour => {
                self.us += time * 3600 * i128::from(SECOND);
                self.fraction_seconds(n.fraction * 3600.0);
            }
            Unit::Day => {
                self.days = self.days.checked_add(whole).ok_or(Fault::Range)?;
                self.fraction_seconds(n.fraction * 86_400.0);
            }
            Unit::Week => {
                self.days = whole.checked_mul(7).and_then(|d| self.days.checked_add(d)).ok_or(Fault::Range)?;
                self.fraction_days(n.fraction * 7.0);
            }
            Unit::Month => {
                self.months = self.months.checked_add(whole).ok_or(Fault::Range)?;
                self.fraction_days(n.fraction * 30.0);
            }
            Unit::Year => years(1, &mut self.months)?,
            Unit::Decade => years(10, &mut self.months)?,
            Unit::Century => years(100, &mut self.months)?,
            Unit::Millennium => years(1000, &mut self.months)?,
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
    Decade,
    Century,
    Millennium,
}

fn unit(word: &str) -> Option<Unit> {
    Some(match word {
        "us" | "usec" | "usecs" | "microsecond" | "microseconds" | "microsecon" | "useconds" | "usecond" => {
            Unit::Microsecond
        }
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" | "mseconds" | "msecond" => Unit::Millisecond,
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Second,
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Minute,
        "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Hour,
        "d" | "day" | "days" => Unit::Day,
        "w" | "week" | "weeks" => Unit::Week,
        "mon" | "mons" | "month" | "months" => Unit::Month,
        "y" | "yr" | "yrs" | "year" | "years" => Unit::Year,
        "dec" | "decs" | "decade" | "decades" => Unit::Decade,
        "c" | "cent" | "century" | "centuries" => Unit::Century,
        "mil" | "mils" | "millennium" | "millennia" => Unit::Millennium,
        _ => return None,
    })
}

fn amount(t: &str) -> std::result::Result<Amount, Fault> {
    let (negative, d) = match t.as_bytes().first() {
        Some(b'-') => (true, &t[1..]),
        Some(b'+') => (false, &t[1..]),
        _ => (false, t),
    };
    let (whole, fraction) = d.split_once('.').unwrap_or((d, ""));
    if d.is_empty() || d == "." || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(Fault::Syntax);
    }
    let n: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| Fault::Range)? };
    let f: f64 = if fraction.is_empty() { 0.0 } else { format!("0.{fraction}").parse().map_err(|_| Fault::Syntax)? };
    let us = fraction_us(fraction);
    Ok(if negative {
        Amount { whole: -n, fraction: -f, fraction_us: -us }
    } else {
        Amount { whole: n, fraction: f, fraction_us: us }
    })
}

/// `[sign]HH:MM[:SS[.f]]` as microseconds.
fn clock(t: &str) -> std::result::Result<i128, Fault> {
    let (negative, d) = match t.as_bytes().first() {
        Some(b'-') => (true, &t[1..]),
        Some(b'+') => (false, &t[1..]),
        _ => (false, t),
    };
    let mut parts: Vec<&str> = d.split(':').collect();
    if parts.len() > 3 || parts.iter().any(|p| p.is_empty()) {
        return Err(Fault::Syntax);
    }
    // "mm:ss.f" has no hours.
    if parts.len() == 2 && parts[1].contains('.') {
        parts.insert(0, "0");
    }
    let whole = |p: &str| {
        if p.bytes().all(|b| b.is_ascii_digit()) {
            p.parse::<i64>().map_err(|_| Fault::Range)
        } else {
            Err(Fault::Syntax)
        }
    };
    let (hours, minutes) = (whole(parts[0])?, whole(parts[1])?);
    let seconds = parts.get(2).map_or(Ok(Amount { whole: 0, fraction: 0.0, fraction_us: 0 }), |s| amount(s))?;
    if minutes > 59 || seconds.whole > 60 || hours > i64::from(i32::MAX) {
        return Err(Fault::Range);
    }
    let us =
        i128::from(hours * 3600 + minutes * 60 + seconds.whole) * i128::from(SECOND) + i128::from(seconds.fraction_us);
    Ok(if negative { -us } else { us })
}

/// `1 day 02:03:04`, `1 year 2 mons`, `1.5h ago`, `@ 1 minute`, `1-2`, `3 4:05:06`
fn words(t: &str) -> std::result::Result<Total, Fault> {
    let mut total = Total::default();
    let mut tokens: Vec<&str> = Vec::new();
    let parts =
        |c: char| c.is_ascii_whitespace() || (c.is_ascii_punctuation() && !matches!(c, '+' | '-' | ':' | '.' | '@'));
    for token in t.split(parts).filter(|w| !w.is_empty()) {
        let token = token.strip_prefix('@').unwrap_or(token);
        // "1day", "2h30m": split where digits and letters meet.
        let mut start = 0;
        let b = token.as_bytes();
        for i in 1..b.len() {
            let meets = b[i].is_ascii_alphabetic() != b[i - 1].is_ascii_alphabetic();
            if meets {
                tokens.push(&token[start..i]);
                start = i;
            }
        }
        if !token.is_empty() {
            tokens.push(&token[start..]);
        }
    }
    let ago = tokens.last() == Some(&"ago");
    if ago {
        tokens.pop();
    }
    if tokens.is_empty() {
        return Err(Fault::Syntax);
    }
    let joined: Vec<String>;
    // "- 1 day": a sign that stands apart belongs to what follows.
    if tokens.iter().any(|t| matches!(*t, "-" | "+")) {
        let mut out: Vec<String> = Vec::new();
        let mut sign = "";
        for t in &tokens {
            if matches!(*t, "-" | "+") {
                sign = t;
            } else {
                out.push(format!("{sign}{t}"));
                sign = "";
            }
        }
        joined = out;
        tokens = joined.iter().map(String::as_str).collect();
    }
    let mut i = 0;
    while i < tokens.len() {
        let token = tokens[i];
        i += 1;
        if token.contains(':') {
            if total.seen & TIME != 0 {
                return Err(Fault::Syntax);
            }
            total.seen |= TIME;
            total.us += clock(token)?;
        } else if let Some((years, months)) =
            token[1..].split_once('-').map(|(_, m)| (&token[..token.len() - m.len() - 1], m))
        {
            // SQL's year-month
            let (y, m) = (amount(years)?, amount(months)?);
            if !(0..12).contains(&m.whole) {
                return Err(Fault::Range);
            }
            let n = y.whole.checked_mul(12).ok_or(Fault::Range)?;
            total.months += if years.starts_with('-') { n - m.whole } else { n + m.whole };
        } else {
            let n = amount(token)?;
            match tokens.get(i) {
                Some(word) if word.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                    total.add(&n, unit(word).ok_or(Fault::Syntax)?)?;
                    i += 1;
                }
                // "3 4:05:06": days before a time.
                Some(next) if next.contains(':') => total.add(&n, Unit::Day)?,
                _ if i == tokens.len() => total.add(&n, Unit::Second)?,
                _ => return Err(Fault::Syntax),
            }
        }
    }
    if ago {
        total.months = -total.months;
        total.days = -total.days;
        total.us = -total.us;
    }
    Ok(total)
}

/// Hours, minutes and seconds, the fields a clock time stands for.
const TIME: u16 = 1 << Unit::Hour as u16 | 1 << Unit::Minute as u16 | 1 << Unit::Second as u16;

/// ISO 8601 after the `P`: `1Y2M3DT4H5M6.7S`, `2W`, `0001-02-03T04:05:06`.
fn iso(t: &str) -> std::result::Result<Total, Fault> {
    let mut total = Total::default();
    let upper = t.to_ascii_uppercase();
    let (date, time) = match upper.split_once('T') {
        Some((_, "")) => return Err(Fault::Syntax),
        Some((d, t)) => (d.to_owned(), t.to_owned()),
        None => (upper.clone(), String::new()),
    };
    if date.is_empty() && time.is_empty() {
        return Err(Fault::Syntax);
    }
    let alternative =
        |s: &str, sep: char| !s.is_empty() && s.contains(sep) && !s.contains(|c: char| c.is_ascii_alphabetic());
    let designated = |s: &str, units: &[(u8, Unit)], total: &mut Total| -> std::result::Result<(), Fault> {
        let mut start = 0;
        for (i, c) in s.bytes().enumerate() {
            if c.is_ascii_alphabetic() {
                let (_, unit) = units.iter().find(|(u, _)| *u == c).ok_or(Fault::Syntax)?;
                total.add(&amount(&s[start..i])?, *unit)?;
                start = i + 1;
            }
        }
        if start == s.len() { Ok(()) } else { Err(Fault::Syntax) }
    };
    if alternative(&date, '-') && !date.starts_with('-') {
        let parts: Vec<&str> = date.split('-').collect();
        for (part, unit) in parts.iter().zip([Unit::Year, Unit::Month, Unit::Day]) {
            total.add(&amount(part)?, unit)?;
        }
    } else {
        designated(
            &date,
            &[(b'Y', Unit::Year), (b'M', Unit::Month), (b'W', Unit::Week), (b'D', Unit::Day)],
            &mut total,
        )?;
    }
    if alternative(&time, ':') {
        total.us += clock(&time)?;
    } else {
        designated(&time, &[(b'H', Unit::Hour), (b'M', Unit::Minute), (b'S', Unit::Second)], &mut total)?;
    }
    Ok(total)
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
