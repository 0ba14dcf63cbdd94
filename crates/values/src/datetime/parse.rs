//! Input of dates and times: ISO 8601, PostgreSQL's own forms, month names, zones, and the special words.

use super::civil::{civil_of, day_of, days_in_month};
use super::stored::{DATE_INFINITY, DATE_NEG_INFINITY, INFINITY, NEG_INFINITY};
use super::zone::{Zone, abbreviation, offset};
use super::{DAY, SECOND};
use crate::{Result, Session, ValueError};

/// What a text was found to say.
#[derive(Debug, Default)]
struct Fields {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<i32>,
    julian: Option<i32>,
    /// Microseconds since midnight.
    time: Option<i64>,
    /// Seconds east.
    zone: Option<Zone>,
    afternoon: Option<bool>,
    before_christ: bool,
    special: Option<Special>,
    year_digits: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Special {
    Infinity,
    NegInfinity,
    Epoch,
    Now,
    Day(i32),
}

pub(super) enum Fault {
    Syntax,
    Field,
    /// A month or day outside any calendar: PostgreSQL suspects the `DateStyle`.
    MonthDay,
    Zone,
    UnknownZone(String),
    NoClock,
}

pub(super) type Step<T> = std::result::Result<T, Fault>;

fn raise(fault: Fault, ty: &str, text: &str) -> ValueError {
    match fault {
        Fault::Syntax => ValueError::datetime_syntax(ty, text),
        Fault::Field => ValueError::datetime_field(text),
        Fault::MonthDay => {
            ValueError::datetime_field(text).with_hint("Perhaps you need a different \"datestyle\" setting.")
        }
        Fault::Zone => ValueError::new("22009", format!("time zone displacement out of range: \"{text}\"")),
        Fault::UnknownZone(zone) => ValueError::parameter(format!("time zone \"{zone}\" not recognized")),
        Fault::NoClock => ValueError::parameter(format!("\"{text}\" needs the time of a transaction")),
    }
}

/// `date` input; gives days since 1970-01-01.
pub fn input_date(text: &str, session: &Session) -> Result<i32> {
    let read = || {
        let f = scan(text)?;
        Ok(match f.special {
            Some(Special::Infinity) => DATE_INFINITY,
            Some(Special::NegInfinity) => DATE_NEG_INFINITY,
            Some(Special::Epoch) => 0,
            Some(Special::Now) => today(session)?,
            Some(Special::Day(n)) => today(session)? + n,
            None => days(&f)?,
        })
    };
    read().map_err(|f| raise(f, "date", text))
}

/// `timestamp` input: any zone in the text is ignored. Gives microseconds since 1970-01-01.
pub fn input_timestamp(text: &str, session: &Session) -> Result<i64> {
    moment(text, session, false, "timestamp")
}

/// `timestamp with time zone` input; without a zone in the text the session's holds. Gives microseconds UTC.
pub fn input_timestamptz(text: &str, session: &Session) -> Result<i64> {
    moment(text, session, true, "timestamp with time zone")
}

fn moment(text: &str, session: &Session, zoned: bool, ty: &str) -> Result<i64> {
    let read = || -> Step<i64> {
        let f = scan(text)?;
        let time = time_of(&f)?.unwrap_or(0);
        let wall = match f.special {
            Some(Special::Infinity) => return Ok(INFINITY),
            Some(Special::NegInfinity) => return Ok(NEG_INFINITY),
            Some(Special::Epoch) => return Ok(0),
            Some(Special::Now) => {
                return session.now_us.ok_or(Fault::NoClock).map(|n| if zoned { n } else { session.zone.wall(n) });
            }
            Some(Special::Day(n)) => i64::from(today(session)? + n) * DAY + time,
            None => i64::from(days(&f)?) * DAY + time,
        };
        Ok(if zoned { f.zone.unwrap_or(session.zone).moment(wall) } else { wall })
    };
    read().map_err(|f| raise(f, ty, text))
}

/// `time` input; gives microseconds since midnight.
pub fn input_time(text: &str, session: &Session) -> Result<i64> {
    clock(text, session, "time").map(|(t, _)| t)
}

/// `time with time zone` input; gives microseconds since midnight and seconds east.
pub fn input_timetz(text: &str, session: &Session) -> Result<(i64, i32)> {
    clock(text, session, "time with time zone")
}

fn clock(text: &str, session: &Session, ty: &str) -> Result<(i64, i32)> {
    let read = || -> Step<(i64, i32)> {
        let t = text.trim();
        if t.eq_ignore_ascii_case("allballs") {
            return Ok((0, 0));
        }
        // 0405, 040506, 040506.789: a time without colons.
        let spread;
        let digits = t.bytes().take_while(u8::is_ascii_digit).count();
        let source = if matches!(digits, 4 | 6) && t[digits..].bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            let pairs: Vec<&str> = (0..digits / 2).map(|i| &t[i * 2..i * 2 + 2]).collect();
            spread = format!("{}{}", pairs.join(":"), &t[digits..]);
            &spread
        } else {
            text
        };
        let f = scan(source)?;
        if f.special == Some(Special::Now) {
            let now = session.now_us.ok_or(Fault::NoClock)?;
            return Ok((session.zone.wall(now).rem_euclid(DAY), session.zone.offset_at(now)));
        }
        let time = time_of(&f)?.ok_or(Fault::Syntax)?;
        // A zone whose offset changes is taken on the day that is given, or today.
        let zone = f.zone.unwrap_or(session.zone);
        let day = days(&f).or_else(|_| today(session)).map_or(0, |day| i64::from(day) * DAY);
        Ok((time, zone.offset_of_wall(day + time)))
    };
    read().map_err(|f| raise(f, ty, text))
}

fn today(session: &Session) -> Step<i32> {
    let now = session.zone.wall(session.now_us.ok_or(Fault::NoClock)?);
    i32::try_from(now.div_euclid(DAY)).map_err(|_| Fault::Field)
}

fn days(f: &Fields) -> Step<i32> {
    if let Some(j) = f.julian {
        return Ok(j - 2_440_588);
    }
    let (Some(year), Some(month), Some(day)) = (f.year, f.month, f.day) else { return Err(Fault::Syntax) };
    let year = match (f.year_digits, year) {
        (1 | 2, y @ 0..70) => y + 2000,
        (1 | 2, y) => y + 1900,
        (_, y) => y,
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Err(Fault::MonthDay);
    }
    if f.before_christ || !(1..=9999).contains(&year) {
        return Err(Fault::Field);
    }
    if u32::try_from(day).is_ok_and(|d| d > days_in_month(year, month)) {
        return Err(Fault::Field);
    }
    Ok(day_of(year, month, day))
}

fn time_of(f: &Fields) -> Step<Option<i64>> {
    const HOUR: i64 = 3600 * SECOND;
    match (f.time, f.afternoon) {
        (Some(t), None) => Ok(Some(t)),
        (Some(t), Some(_)) if t >= 13 * HOUR => Err(Fault::Field),
        (Some(t), Some(pm)) => Ok(Some(t % (12 * HOUR) + if pm { 12 * HOUR } else { 0 })),
        (None, Some(_)) => Err(Fault::Syntax),
        (None, None) => Ok(None),
    }
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

fn month_named(word: &str) -> Option<u32> {
    let hit =
        |m: &&str| *m == word || (word.len() == 3 && m.starts_with(word)) || (word == "sept" && **m == *"september");
    MONTHS.iter().position(hit).and_then(|i| u32::try_from(i + 1).ok())
}

/// Reads all fields of a text.
fn scan(text: &str) -> Step<Fields> {
    if text.len() > 128 {
        return Err(Fault::Syntax);
    }
    let lower = text.trim().to_ascii_lowercase();
    let b = lower.as_bytes();
    let mut f = Fields::default();
    let mut i = 0;
    let mut any = false;
    while i < b.len() {
        let c = b[i];
        if c.is_ascii_whitespace() || c == b',' {
            i += 1;
            continue;
        }
        any = true;
        let parts = c.is_ascii_punctuation() && !matches!(c, b'+' | b'-');
        if !parts && f.special.is_some_and(|s| !matches!(s, Special::Day(_))) {
            return Err(Fault::Syntax);
        }
        if c.is_ascii_digit() {
            let run = digits(b, i);
            if let Some(next) = ordinal(&lower, i, run, &mut f) {
                i = next;
                continue;
            }
            i = match b.get(run) {
                Some(b':') => time(&lower, i, &mut f)?,
                Some(b'-' | b'/') => date(&lower, i, &mut f)?,
                Some(b'.') if b[run + 1..].contains(&b'.') => date(&lower, i, &mut f)?,
                _ => number(&lower, i, run, &mut f)?,
            };
        } else if matches!(c, b'+' | b'-') {
            if lower[i..] == *"-infinity" {
                f.special = Some(Special::NegInfinity);
                i = b.len();
            } else if f.time.is_some() || f.day.is_some() {
                let (zone, next) = offset(&lower, i)?;
                if f.zone.replace(Zone::fixed(zone)).is_some() {
                    return Err(Fault::Syntax);
                }
                i = next;
            } else if lower[i..] == *"+infinity" {
                f.special = Some(Special::Infinity);
                i = b.len();
            } else {
                return Err(Fault::Syntax);
            }
        } else if c.is_ascii_alphabetic() {
            i = word(&lower, i, &mut f)?;
        } else if c.is_ascii_punctuation() {
            // Punctuation that means nothing only parts what stands around it.
            i += 1;
        } else {
            return Err(Fault::Syntax);
        }
    }
    if any { Ok(f) } else { Err(Fault::Syntax) }
}

pub(super) fn digits(b: &[u8], from: usize) -> usize {
    from + b[from..].iter().take_while(|c| c.is_ascii_digit()).count()
}

pub(super) fn small(text: &str) -> Step<i32> {
    text.parse().map_err(|_| Fault::Field)
}

/// `04:05`, `04:05:06`, `04:05:06.789`
fn time(t: &str, from: usize, f: &mut Fields) -> Step<usize> {
    let b = t.as_bytes();
    let mut i = digits(b, from);
    let mut hour = i64::from(small(&t[from..i])?);
    let part = |i: &mut usize| -> Step<i64> {
        let end = digits(b, *i + 1);
        if end == *i + 1 {
            return Err(Fault::Syntax);
        }
        let n = small(&t[*i + 1..end])?;
        *i = end;
        Ok(i64::from(n))
    };
    let mut minute = part(&mut i)?;
    let mut us = 0;
    let mut second = 0;
    if b.get(i) == Some(&b':') {
        second = part(&mut i)?;
    } else if b.get(i) == Some(&b'.') {
        // "10:11.12" has no hours.
        (hour, minute, second) = (0, hour, minute);
    }
    if b.get(i) == Some(&b'.') {
        let end = digits(b, i + 1);
        us = fraction_us(&t[i + 1..end]);
        i = end;
    }
    let total = (hour * 3600 + minute * 60 + second) * SECOND + us;
    if hour > 24 || minute > 59 || second > 60 || total > DAY {
        return Err(Fault::Field);
    }
    if f.time.replace(total).is_some() {
        return Err(Fault::Syntax);
    }
    Ok(i)
}

/// A fraction's digits as microseconds, rounded.
pub(super) fn fraction_us(digits: &str) -> i64 {
    let mut us = 0;
    for i in 0..6 {
        us = us * 10 + digits.as_bytes().get(i).map_or(0, |d| i64::from(d - b'0'));
    }
    us + i64::from(digits.as_bytes().get(6).is_some_and(|d| *d >= b'5'))
}

/// A year and the number of a day in it: `2024.015`, `2024-015`. Day 366 of a shorter year is the next year's first.
fn ordinal(t: &str, from: usize, run: usize, f: &mut Fields) -> Option<usize> {
    let b = t.as_bytes();
    let separator = *b.get(run).filter(|c| matches!(c, b'.' | b'-' | b'/'))?;
    let end = digits(b, run + 1);
    let ends = b.get(end).is_none_or(|c| *c != separator && !c.is_ascii_alphanumeric());
    if run - from < 3 || end - run != 4 || !ends || f.year.is_some() || f.month.is_some() || f.day.is_some() {
        return None;
    }
    let year: i32 = t[from..run].parse().ok().filter(|year| (1..=9999).contains(year))?;
    let number: i32 = t[run + 1..end].parse().ok().filter(|number| (1..=366).contains(number))?;
    let found = civil_of(day_of(year, 1, 1) + number - 1);
    (f.year, f.year_digits) = (Some(found.year), run - from);
    (f.month, f.day) = (Some(found.month), i32::try_from(found.day).ok());
    Some(end)
}

/// A date whose parts are joined by `-`, `/` or `.`.
fn date(t: &str, from: usize, f: &mut Fields) -> Step<usize> {
    let b = t.as_bytes();
    let mut i = digits(b, from);
    let first = &t[from..i];
    let separator = b[i];
    let second_at = i + 1;
    i = second_at + b[second_at..].iter().take_while(|c| c.is_ascii_alphanumeric()).count();
    let second = &t[second_at..i];
    if second.is_empty() || f.day.is_some() {
        return Err(Fault::Syntax);
    }
    if second.starts_with(|c: char| c.is_ascii_alphabetic()) {
        f.month = Some(month_named(second).ok_or(Fault::Syntax)?);
    }
    if b.get(i) != Some(&separator) {
        return Err(Fault::Syntax);
    }
    let third_at = i + 1;
    i = digits(b, third_at);
    let third = &t[third_at..i];
    if third.is_empty() {
        return Err(Fault::Syntax);
    }
    // Years may be long, months and days have two digits at most.
    let long =
        [first, second, third].iter().filter(|p| p.len() > 2 && p.starts_with(|c: char| c.is_ascii_digit())).count();
    if long > 1 {
        return Err(Fault::Syntax);
    }
    let (first_n, third_n) = (small(first)?, small(third)?);
    let (year, day) =
        if first.len() >= 3 { (first, third_n) } else { (third, if f.month.is_some() { first_n } else { 0 }) };
    f.year = Some(small(year)?);
    f.year_digits = year.len();
    if f.month.is_some() {
        f.day = Some(day);
    } else {
        let n = u32::try_from(small(second)?).map_err(|_| Fault::Field)?;
        if first.len() >= 3 {
            (f.month, f.day) = (Some(n), Some(day));
        } else {
            // DateStyle ISO, MDY
            (f.month, f.day) = (u32::try_from(first_n).ok(), i32::try_from(n).ok());
        }
    }
    Ok(i)
}

/// Digits that stand alone: `20200105`, `040506`, a day, a year.
fn number(t: &str, from: usize, end: usize, f: &mut Fields) -> Step<usize> {
    let b = t.as_bytes();
    let run = &t[from..end];
    let n = small(run)?;
    let have_date = f.day.is_some() && f.month.is_some() && f.year.is_some();
    match run.len() {
        8 if f.day.is_none() => {
            f.year = Some(n / 10_000);
            f.year_digits = 4;
            f.month = u32::try_from(n / 100 % 100).ok();
            f.day = Some(n % 100);
        }
        6 if f.day.is_none() && f.month.is_none() => {
            f.year = Some(n / 10_000);
            f.year_digits = 2;
            f.month = u32::try_from(n / 100 % 100).ok();
            f.day = Some(n % 100);
        }
        6 | 4 if have_date && f.time.is_none() => {
            let (h, m, s) = if run.len() == 6 { (n / 10_000, n / 100 % 100, n % 100) } else { (n / 100, n % 100, 0) };
            let mut next = end;
            let mut us = 0;
            if run.len() == 6 && b.get(end) == Some(&b'.') {
                next = digits(b, end + 1);
                us = fraction_us(&t[end + 1..next]);
            }
            if h > 24 || m > 59 || s > 60 {
                return Err(Fault::Field);
            }
            f.time = Some(i64::from(h * 3600 + m * 60 + s) * SECOND + us);
            return Ok(next);
        }
        1 | 2 if f.month.is_some() && f.day.is_none() => f.day = Some(n),
        1 | 2
            if f.month.is_none()
                && f.year.is_none()
                && f.day.is_none()
                && f.time.is_none()
                && b.get(end) == Some(&b' ') =>
        {
            // "8 January 1999", or an hour before am/pm.
            let rest = t[end..].trim_start();
            if rest.starts_with("am") || rest.starts_with("pm") {
                f.time = Some(i64::from(n) * 3600 * SECOND);
            } else {
                f.day = Some(n);
            }
        }
        1..=4 if f.year.is_none() && f.month.is_some() => {
            f.year = Some(n);
            f.year_digits = run.len();
        }
        _ => return Err(Fault::Syntax),
    }
    Ok(end)
}

/// A word: a month, a weekday, a zone, `T`, am or pm, an era, or a special value.
fn word(t: &str, from: usize, f: &mut Fields) -> Step<usize> {
    let b = t.as_bytes();
    let end = from + b[from..].iter().take_while(|c| c.is_ascii_alphabetic()).count();
    let w = &t[from..end];
    if let Some(month) = month_named(w) {
        // "January 8" after "8": MDY keeps both.
        if f.month.replace(month).is_some() {
            return Err(Fault::Syntax);
        }
        // "Jan-08-1999"
        if b.get(end) == Some(&b'-') {
            return Ok(end + 1);
        }
        return Ok(end);
    }
    if WEEKDAYS.iter().any(|d| *d == w || (w.len() >= 3 && d.starts_with(w))) {
        return Ok(end);
    }
    match w {
        "t" if f.day.is_some() && b.get(end).is_some_and(u8::is_ascii_digit) => {}
        "j" if f.day.is_none() && b.get(end).is_some_and(u8::is_ascii_digit) => {
            let stop = digits(b, end);
            let j = small(&t[end..stop])?;
            let c = civil_of(j.saturating_sub(2_440_588));
            if !(1..=9999).contains(&c.year) {
                return Err(Fault::Field);
            }
            f.julian = Some(j);
            f.day = Some(1);
            return Ok(stop);
        }
        "am" | "pm" => f.afternoon = Some(w == "pm"),
        "bc" => f.before_christ = true,
        "ad" | "at" | "on" => {}
        "infinity" => f.special = Some(Special::Infinity),
        "epoch" => f.special = Some(Special::Epoch),
        "now" => f.special = Some(Special::Now),
        "today" => f.special = Some(Special::Day(0)),
        "tomorrow" => f.special = Some(Special::Day(1)),
        "yesterday" => f.special = Some(Special::Day(-1)),
        "allballs" => {
            f.time = Some(0);
            f.zone = Some(Zone::UTC);
        }
        _ => {
            // A name with a slash is a zone of the world's table.
            let stop = from
                + b[from..]
                    .iter()
                    .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, b'/' | b'_' | b'+' | b'-'))
                    .count();
            let slash = b.get(end) == Some(&b'/');
            let zone = if slash { Zone::named(&t[from..stop]).ok() } else { abbreviation(w).map(Zone::fixed) };
            match zone {
                Some(s) if f.zone.is_none() => {
                    f.zone = Some(s);
                    return Ok(if b.get(end) == Some(&b'/') { stop } else { end });
                }
                None if b.get(end) == Some(&b'/') => return Err(Fault::UnknownZone(t[from..stop].into())),
                _ => return Err(Fault::Syntax),
            }
        }
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::super::stored::{days_text, time_text, timestamp_text, timestamptz_text, timetz_text};
    use super::*;

    // 2020-05-06 07:08:09.5 UTC
    const NOW: Session = Session { now_us: Some(1_588_748_889_500_000), zone: Zone::UTC };

    #[test]
    fn dates_are_read_in_all_the_usual_forms() {
        let cases = [
            ("2020-01-05", "2020-01-05"),
            ("2020-1-5", "2020-01-05"),
            ("20200105", "2020-01-05"),
            ("1/5/2020", "2020-01-05"),
            ("Jan 5, 2020", "2020-01-05"),
            ("5 January 2020", "2020-01-05"),
            ("5-Jan-2020", "2020-01-05"),
            ("2020-Jan-05", "2020-01-05"),
            ("2020/01/05", "2020-01-05"),
            ("200105", "2020-01-05"),
            ("1/5/99", "1999-01-05"),
            ("J2451187", "1999-01-08"),
            ("2020-01-05T10:00:00Z", "2020-01-05"),
            ("2020-01-05 10:00:00+02", "2020-01-05"),
            ("epoch", "1970-01-01"),
            ("infinity", "infinity"),
            ("-infinity", "-infinity"),
            ("today", "2020-05-06"),
            ("tomorrow", "2020-05-07"),
            ("yesterday", "2020-05-05"),
            ("now", "2020-05-06"),
            ("Sunday, January 5, 2020", "2020-01-05"),
            (" 2020-01-05 ", "2020-01-05"),
            ("2024-02-29", "2024-02-29"),
            ("01.05.2020", "2020-01-05"),
        ];
        for (text, want) in cases {
            assert_eq!(input_date(text, &NOW).and_then(days_text).unwrap_or_else(|e| e.message), want, "{text}");
        }
        let errors = [
            ("", "22007"),
            ("x", "22007"),
            ("2020", "22007"),
            ("2020-01", "22007"),
            ("2020-02-30", "22008"),
            ("2020-13-01", "22008"),
            ("2020-011-05", "22007"),
            ("2020-01-32", "22008"),
            ("2023-02-29", "22008"),
            ("2020-01-01 25:00", "22008"),
            ("0044-03-15 BC", "22008"),
            ("10000-01-01", "22008"),
            ("2020-01-01 10:00 Mars/Phobos", "22023"),
            ("2020-01-01 10:00+99", "22009"),
        ];
        for (text, state) in errors {
            assert_eq!(input_date(text, &NOW).unwrap_err().sqlstate, state, "{text}");
        }
        assert_eq!(input_date("x", &NOW).unwrap_err().message, "invalid input syntax for type date: \"x\"");
        assert_eq!(input_date("now", &Session::default()).unwrap_err().sqlstate, "22023");
    }

    #[test]
    fn timestamps_are_read_with_their_zones() {
        let cases = [
            ("2020-01-05 10:11:12", "2020-01-05 10:11:12.000000Z"),
            ("2020-01-05T10:11:12.5Z", "2020-01-05 10:11:12.500000Z"),
            ("2020-01-05T10:11:12.1234567+02:00", "2020-01-05 08:11:12.123457Z"),
            ("2020-01-05 10:11:12 -0530", "2020-01-05 15:41:12.000000Z"),
            ("2020-01-05 10:11:12+5", "2020-01-05 05:11:12.000000Z"),
            ("2020-01-05 10:11 PM", "2020-01-05 22:11:00.000000Z"),
            ("2020-01-05 12:11 AM", "2020-01-05 00:11:00.000000Z"),
            ("2020-01-05 10:11:12 UTC", "2020-01-05 10:11:12.000000Z"),
            ("2020-01-05 10:11:12 EST", "2020-01-05 15:11:12.000000Z"),
            ("2020-01-05", "2020-01-05 00:00:00.000000Z"),
            ("20200105T101112Z", "2020-01-05 10:11:12.000000Z"),
            ("2020-01-05 24:00:00", "2020-01-06 00:00:00.000000Z"),
            ("2020-01-05 23:59:60", "2020-01-06 00:00:00.000000Z"),
            ("Jan 5 10:11:12 2020", "2020-01-05 10:11:12.000000Z"),
            ("Sun Jan 05 10:11:12 2020 GMT", "2020-01-05 10:11:12.000000Z"),
            ("now", "2020-05-06 07:08:09.500000Z"),
            ("NOW()", "2020-05-06 07:08:09.500000Z"),
            ("today 10:00", "2020-05-06 10:00:00.000000Z"),
            ("epoch", "1970-01-01 00:00:00.000000Z"),
            ("infinity", "infinity"),
        ];
        for (text, want) in cases {
            let got = input_timestamptz(text, &NOW).and_then(timestamptz_text).unwrap_or_else(|e| e.message);
            assert_eq!(got, want, "{text}");
        }
        assert_eq!(
            input_timestamp("2020-01-05 10:00+05", &NOW).and_then(timestamp_text).unwrap(),
            "2020-01-05 10:00:00.000000"
        );
        let east = Session { zone: Zone::fixed(7200), ..NOW };
        assert_eq!(
            input_timestamptz("2020-01-05 10:00", &east).and_then(timestamptz_text).unwrap(),
            "2020-01-05 08:00:00.000000Z"
        );
        let e = input_timestamptz("2020-13-05", &NOW).unwrap_err();
        assert_eq!(e.message, "date/time field value out of range: \"2020-13-05\"");
        assert!(e.hint.is_some());
    }

    #[test]
    fn times_are_read_with_and_without_colons() {
        for (text, want) in [
            ("04:05:06.789", "04:05:06.789000"),
            ("04:05", "04:05:00.000000"),
            ("040506", "04:05:06.000000"),
            ("0405", "04:05:00.000000"),
            ("4:05 PM", "16:05:00.000000"),
            ("24:00", "24:00:00.000000"),
            ("2020-01-01 10:00", "10:00:00.000000"),
            ("allballs", "00:00:00.000000"),
        ] {
            assert_eq!(input_time(text, &NOW).map_or_else(|e| e.message, time_text), want);
        }
        for (text, want) in [
            ("04:05:06+02", "04:05:06.000000+02:00"),
            ("04:05:06-05:30", "04:05:06.000000-05:30"),
            ("04:05", "04:05:00.000000+00:00"),
        ] {
            assert_eq!(input_timetz(text, &NOW).map(|(t, z)| timetz_text(t, z)).unwrap(), want);
        }
        for (text, state) in
            [("25:00", "22008"), ("10:60", "22008"), ("x", "22007"), ("10", "22007"), ("2020-01-01", "22007")]
        {
            assert_eq!(input_time(text, &NOW).unwrap_err().sqlstate, state, "{text}");
        }
    }
}
