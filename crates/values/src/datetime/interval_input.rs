//! Reading intervals: PostgreSQL's words, SQL's year-month form, and ISO 8601.

use super::parse::fraction_us;
use super::{Interval, SECOND};
use crate::{Result, ValueError};

impl Interval {
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
        if !sign.is_empty() || out.is_empty() {
            return Err(Fault::Syntax);
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
