//! `to_char`, `to_date` and `to_timestamp` by pattern.

use super::civil::{Civil, civil_of, day_of, days_in_month, iso_week, weekday};
use super::{DAY, Interval, SECOND, Zone, make_date, push_offset};
use crate::{Result, ValueError};
use std::fmt::Write;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// The fields patterns know, longer names before the shorter ones they begin with.
const FIELDS: [&str; 66] = [
    "SSSSS", "SSSS", "YYYY", "Y,YYY", "IYYY", "MONTH", "Month", "month", "HH24", "HH12", "IDDD", "TZH", "TZM", "A.M.",
    "P.M.", "a.m.", "p.m.", "YYY", "IYY", "DDD", "MON", "Mon", "mon", "DAY", "Day", "day", "FF1", "FF2", "FF3", "FF4",
    "FF5", "FF6", "AM", "PM", "am", "pm", "YY", "IY", "MM", "DD", "DY", "Dy", "dy", "HH", "MI", "SS", "MS", "US", "IW",
    "WW", "ID", "CC", "RM", "rm", "TZ", "tz", "OF", "AD", "BC", "ad", "bc", "Y", "I", "D", "W", "Q",
];

enum Piece<'a> {
    Field { name: &'a str, fill: bool, ordinal: Option<bool> },
    Literal(char),
    Quoted(char),
}

/// Takes a pattern apart into fields and literals.
fn pieces(pattern: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = pattern;
    let mut fill = true;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("FM").or_else(|| rest.strip_prefix("fm")) {
            fill = false;
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix("TM").or_else(|| rest.strip_prefix("FX")) {
            rest = after;
            continue;
        }
        if c == '"' {
            let mut chars = rest[1..].char_indices();
            let mut end = rest.len();
            while let Some((i, c)) = chars.next() {
                match c {
                    '"' => {
                        end = i + 2;
                        break;
                    }
                    '\\' => out.extend(chars.next().map(|(_, c)| Piece::Quoted(c))),
                    c => out.push(Piece::Quoted(c)),
                }
            }
            rest = &rest[end..];
            continue;
        }
        // Fields of digits are the same in either case; those of letters say their case.
        let field = FIELDS.iter().find(|f| rest.starts_with(**f)).or_else(|| {
            let lower = |f: &&&str| {
                f.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
                    && !matches!(**f, "MON" | "DAY" | "DY" | "MONTH")
            };
            FIELDS.iter().filter(lower).find(|f| {
                rest.len() >= f.len() && rest.is_char_boundary(f.len()) && rest[..f.len()].eq_ignore_ascii_case(f)
            })
        });
        if let Some(f) = field.filter(|_| !rest.starts_with(['J', 'j'])) {
            rest = &rest[f.len()..];
            let ordinal = if rest.starts_with("TH") {
                Some(true)
            } else if rest.starts_with("th") {
                Some(false)
            } else {
                None
            };
            if ordinal.is_some() {
                rest = &rest[2..];
            }
            out.push(Piece::Field { name: f, fill, ordinal });
            fill = true;
        } else if matches!(c, 'J' | 'j') {
            out.push(Piece::Field { name: "J", fill, ordinal: None });
            fill = true;
            rest = &rest[1..];
        } else {
            if c == '\\' && rest[1..].starts_with('"') {
                rest = &rest[1..];
            }
            let c = rest.chars().next().unwrap_or(c);
            out.push(Piece::Literal(c));
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// What a pattern's fields are filled from.
struct Source {
    civil: Civil,
    days: i32,
    hour: i64,
    minute: i64,
    second: i64,
    us: i64,
    zone: Option<i32>,
    interval: bool,
}

/// `to_char(timestamp, pattern)`; give the wall clock, and for timestamptz the zone it is in. Empty for infinities.
pub fn to_char(us: i64, zone: Option<i32>, pattern: &str) -> String {
    if !super::is_finite(us) {
        return String::new();
    }
    let days = i32::try_from(us.div_euclid(DAY)).unwrap_or(0);
    let time = us.rem_euclid(DAY);
    write(pattern, &source(civil_of(days), days, time, zone, false))
}

/// `to_char(interval, pattern)`
pub fn to_char_interval(i: Interval, pattern: &str) -> String {
    let civil = Civil { year: i.months / 12, month: (i.months % 12).unsigned_abs(), day: i.days.unsigned_abs() };
    let days = i.months.saturating_mul(30).saturating_add(i.days);
    write(pattern, &source(civil, days, i.us, None, true))
}

fn source(civil: Civil, days: i32, time: i64, zone: Option<i32>, interval: bool) -> Source {
    let s = time / SECOND;
    Source { civil, days, hour: s / 3600, minute: s / 60 % 60, second: s % 60, us: time % SECOND, zone, interval }
}

fn write(pattern: &str, s: &Source) -> String {
    let mut out = String::new();
    for piece in pieces(pattern) {
        match piece {
            Piece::Literal(c) | Piece::Quoted(c) => out.push(c),
            Piece::Field { name, fill, ordinal } => {
                let from = out.len();
                field(name, fill, s, &mut out);
                if let Some(upper) = ordinal {
                    let suffix = ordinal_suffix(&out[from..]);
                    out.push_str(&if upper { suffix.to_uppercase() } else { suffix.to_owned() });
                }
            }
        }
    }
    out
}

fn ordinal_suffix(digits: &str) -> &'static str {
    let b = digits.as_bytes();
    let (last, before) = (b.last().copied().unwrap_or(b'0'), b.len().checked_sub(2).map_or(b'0', |i| b[i]));
    match (before, last) {
        (b'1', _) => "th",
        (_, b'1') => "st",
        (_, b'2') => "nd",
        (_, b'3') => "rd",
        _ => "th",
    }
}

fn cased(word: &str, field: &str) -> String {
    if field.bytes().all(|b| b.is_ascii_uppercase()) {
        word.to_uppercase()
    } else if field.bytes().all(|b| b.is_ascii_lowercase()) {
        word.to_lowercase()
    } else {
        word.to_owned()
    }
}

fn field(name: &str, fill: bool, s: &Source, out: &mut String) {
    let number = |n: i64, width: usize, out: &mut String| {
        let width = if fill { width + usize::from(n < 0) } else { 0 };
        let _ = write!(out, "{n:0width$}");
    };
    let word = |w: String, width: usize, out: &mut String| {
        let width = if fill { width } else { 0 };
        let _ = write!(out, "{w:width$}");
    };
    let year = i64::from(s.civil.year);
    let month = s.civil.month.checked_sub(1).and_then(|m| usize::try_from(m).ok());
    let weekday_index = usize::try_from(weekday(s.days)).unwrap_or(0);
    let hour12 = if s.hour % 12 == 0 { 12 } else { s.hour % 12 };
    let day_of_year = if s.interval { i64::from(s.days) } else { i64::from(s.days - day_of(s.civil.year, 1, 1) + 1) };
    let iso = iso_week(s.days);
    match name {
        "YYYY" => number(year, 4, out),
        "YYY" => number(year % 1000, 3, out),
        "YY" => number(year % 100, 2, out),
        "Y" => number(year % 10, 1, out),
        "Y,YYY" => {
            let _ = write!(out, "{},{:03}", year / 1000, year % 1000);
        }
        "IYYY" => number(i64::from(iso.0), 4, out),
        "IYY" => number(i64::from(iso.0 % 1000), 3, out),
        "IY" => number(i64::from(iso.0 % 100), 2, out),
        "I" => number(i64::from(iso.0 % 10), 1, out),
        "MM" => number(i64::from(s.civil.month), 2, out),
        "MONTH" | "Month" | "month" => {
            if let Some(m) = month {
                word(cased(MONTHS[m], name), 9, out);
            }
        }
        "MON" | "Mon" | "mon" => {
            if let Some(m) = month {
                out.push_str(&cased(&MONTHS[m][..3], name));
            }
        }
        "RM" | "rm" => {
            if let Some(m) = month {
                word(cased(ROMAN[m], name), 4, out);
            }
        }
        "DD" => number(i64::from(s.civil.day), 2, out),
        "DDD" => number(day_of_year, 3, out),
        "IDDD" => number(i64::from((iso.1 - 1) * 7) + i64::from((weekday(s.days) + 6) % 7) + 1, 3, out),
        "D" => number(i64::from(weekday(s.days)) + 1, 1, out),
        "ID" => number(i64::from((weekday(s.days) + 6) % 7) + 1, 1, out),
        "DAY" | "Day" | "day" => word(cased(DAYS[weekday_index], name), 9, out),
        "DY" | "Dy" | "dy" => out.push_str(&cased(&DAYS[weekday_index][..3], name)),
        "HH24" => number(s.hour, 2, out),
        "HH" | "HH12" => number(hour12, 2, out),
        "MI" => number(s.minute, 2, out),
        "SS" => number(s.second, 2, out),
        "MS" | "FF3" => number(s.us / 1000, 3, out),
        "US" | "FF6" => number(s.us, 6, out),
        "FF1" => number(s.us / 100_000, 1, out),
        "FF2" => number(s.us / 10_000, 2, out),
        "FF4" => number(s.us / 100, 4, out),
        "FF5" => number(s.us / 10, 5, out),
        "SSSS" | "SSSSS" => number(s.hour * 3600 + s.minute * 60 + s.second, 1, out),
        "AM" | "PM" => out.push_str(if s.hour % 24 >= 12 { "PM" } else { "AM" }),
        "am" | "pm" => out.push_str(if s.hour % 24 >= 12 { "pm" } else { "am" }),
        "A.M." | "P.M." => out.push_str(if s.hour % 24 >= 12 { "P.M." } else { "A.M." }),
        "a.m." | "p.m." => out.push_str(if s.hour % 24 >= 12 { "p.m." } else { "a.m." }),
        "Q" => number(i64::from(s.civil.month.div_ceil(3)), 1, out),
        "W" => number(i64::from((s.civil.day.max(1) - 1) / 7 + 1), 1, out),
        "WW" => number((day_of_year - 1) / 7 + 1, 2, out),
        "IW" => number(i64::from(iso.1), 2, out),
        "CC" => number((year + 99) / 100, 2, out),
        "J" => number(i64::from(s.days) + 2_440_588, 1, out),
        "AD" | "BC" => out.push_str("AD"),
        "ad" | "bc" => out.push_str("ad"),
        "TZ" | "tz" => match s.zone {
            Some(0) => out.push_str(if name == "TZ" { "UTC" } else { "utc" }),
            Some(z) => push_offset(z, false, out),
            None => {}
        },
        "OF" => push_offset(s.zone.unwrap_or(0), false, out),
        "TZH" => push_offset(s.zone.unwrap_or(0) / 3600 * 3600, false, out),
        "TZM" => number(i64::from(s.zone.unwrap_or(0).abs() / 60 % 60), 2, out),
        _ => {}
    }
}

/// `to_date(text, pattern)`; gives days since 1970-01-01.
pub fn to_date(text: &str, pattern: &str) -> Result<i32> {
    let us = to_timestamp(text, pattern, Zone::UTC)?;
    i32::try_from(us.div_euclid(DAY)).map_err(|_| ValueError::datetime_field(text))
}

/// `to_timestamp(text, pattern)`; gives microseconds UTC, the text read in a zone unless it names one.
#[expect(clippy::too_many_lines, reason = "one arm for each field of a pattern, all filling the same few variables")]
pub fn to_timestamp(text: &str, pattern: &str, session_zone: Zone) -> Result<i64> {
    let mut rest = text.trim_start();
    let (mut year, mut month, mut day, mut day_of_year, mut julian) = (None, 1, 1, None, None);
    let (mut hour, mut minute, mut second, mut us, mut afternoon, mut zone) = (0, 0, 0, 0, None, session_zone);
    let all = pieces(pattern);
    for (i, piece) in all.iter().enumerate() {
        let name = match piece {
            Piece::Field { name, .. } => *name,
            Piece::Quoted(_) => {
                rest = rest.chars().next().map_or("", |c| &rest[c.len_utf8()..]);
                continue;
            }
            Piece::Literal(c) => {
                if c.is_alphanumeric() {
                    rest = rest.chars().next().map_or("", |c| &rest[c.len_utf8()..]);
                } else {
                    // A separator in the pattern stands for any in the text.
                    let trimmed = rest.trim_start();
                    rest = trimmed
                        .strip_prefix(|c: char| !c.is_alphanumeric() && !matches!(c, '+' | '-') || c == '-')
                        .unwrap_or(trimmed);
                }
                continue;
            }
        };
        rest = rest.trim_start();
        if rest.is_empty() {
            break;
        }
        let adjacent = matches!(all.get(i + 1), Some(Piece::Field { .. }));
        let before = rest.len();
        let mut take = |width: usize| -> Result<i64> {
            // A field runs to the next non-digit unless another field follows at once.
            let most = if adjacent { width } else { 19 };
            let sign = usize::from(rest.starts_with(['-', '+']));
            let digits = rest[sign..].bytes().take(most).take_while(u8::is_ascii_digit).count();
            let (run, tail) = rest.split_at(sign + digits);
            if digits == 0 {
                let shown: String = rest.chars().take(width).collect();
                return Err(ValueError::new("22007", format!("invalid value \"{shown}\" for \"{name}\""))
                    .with_detail("Value must be an integer."));
            }
            rest = tail;
            run.parse().map_err(|_| ValueError::datetime_field(text))
        };
        match name {
            "YYYY" | "IYYY" => year = Some(take(4)?),
            "YYY" => year = Some(take(3)? + 2000),
            "YY" => {
                year = Some(take(2)?).map(|y| {
                    if y < 70 {
                        y + 2000
                    } else if y < 100 {
                        y + 1900
                    } else {
                        y
                    }
                });
            }
            "MM" => month = take(2)?,
            "DD" => day = take(2)?,
            "DDD" => day_of_year = Some(take(3)?),
            "HH24" => hour = take(2)?,
            "HH" | "HH12" => {
                hour = take(2)?;
                if !(1..=12).contains(&hour) {
                    return Err(ValueError::new("22007", format!("hour \"{hour}\" is invalid for the 12-hour clock"))
                        .with_hint("Use the 24-hour clock, or give an hour between 1 and 12."));
                }
            }
            "MI" => minute = take(2)?,
            "SS" => second = take(2)?,
            "J" => julian = Some(take(7)?),
            "SSSS" | "SSSSS" => {
                let n = take(5)?;
                (hour, minute, second) = (n / 3600, n / 60 % 60, n % 60);
            }
            "MS" | "US" | "FF1" | "FF2" | "FF3" | "FF4" | "FF5" | "FF6" => {
                let width = match name {
                    "MS" => 3,
                    "US" => 6,
                    f => usize::from(f.as_bytes()[2] - b'0'),
                };
                let n = take(width)?;
                let digits = u32::try_from(before - rest.len()).unwrap_or(6).min(6);
                us = n * 10i64.pow(6 - digits);
            }
            "AM" | "PM" | "am" | "pm" | "A.M." | "P.M." | "a.m." | "p.m." => {
                let shown: String = rest.chars().take(name.len()).collect();
                afternoon = match shown.to_ascii_lowercase().replace('.', "").as_str() {
                    "am" => Some(false),
                    "pm" => Some(true),
                    _ => return Err(name_error(&shown, name)),
                };
                rest = &rest[shown.len()..];
            }
            "MONTH" | "Month" | "month" | "MON" | "Mon" | "mon" => {
                let full = name.len() == 5;
                let hit = MONTHS.iter().position(|m| {
                    let m = if full { m } else { &m[..3] };
                    rest.get(..m.len()).is_some_and(|r| r.eq_ignore_ascii_case(m))
                });
                let at = hit.ok_or_else(|| name_error(rest.split_whitespace().next().unwrap_or(""), name))?;
                rest = &rest[if full { MONTHS[at].len() } else { 3 }..];
                month = i64::try_from(at).unwrap_or(0) + 1;
            }
            "DAY" | "Day" | "day" | "DY" | "Dy" | "dy" => rest = rest.trim_start_matches(|c: char| c.is_alphabetic()),
            "TZ" | "tz" | "OF" | "TZH" => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                let t = input_zone(&rest[..end]).ok_or_else(|| name_error(&rest[..end], name))?;
                zone = t;
                rest = &rest[end..];
            }
            _ => {
                take(name.len())?;
            }
        }
    }
    if let Some(pm) = afternoon {
        hour = hour % 12 + if pm { 12 } else { 0 };
    }
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..60).contains(&second) {
        return Err(ValueError::datetime_field(text));
    }
    let field = || ValueError::datetime_field(text);
    let year = i32::try_from(year.unwrap_or(1)).map_err(|_| field())?;
    let days = match (julian, day_of_year) {
        (Some(j), _) => i32::try_from(j - 2_440_588).map_err(|_| field())?,
        (None, Some(n)) => {
            let last = 337 + i64::from(days_in_month(year, 2));
            let n = i32::try_from(n).ok().filter(|_| (1..=last).contains(&n)).ok_or_else(field)?;
            day_of(year, 1, n)
        }
        (None, None) => {
            let part = |n: i64| i32::try_from(n).map_err(|_| field());
            make_date(year, part(month)?, part(day)?).map_err(|_| field())?
        }
    };
    Ok(zone.moment(i64::from(days) * DAY + (hour * 3600 + minute * 60 + second) * SECOND + us))
}

/// A zone in a text: `+05:30`, `-8`, `UTC`; digits count eastwards.
fn input_zone(text: &str) -> Option<Zone> {
    if text.starts_with(['+', '-']) {
        return super::zone::offset(text, 0)
            .ok()
            .filter(|(_, end)| *end == text.len())
            .map(|(east, _)| Zone::fixed(east));
    }
    Zone::named(text).ok()
}

fn name_error(value: &str, name: &str) -> ValueError {
    ValueError::new("22007", format!("invalid value \"{value}\" for \"{name}\""))
        .with_detail("The given value did not match any of the allowed values for this field.")
}

#[cfg(test)]
mod tests {
    use super::super::{days_text, timestamp_us, timestamptz_text};
    use super::*;

    #[test]
    fn timestamps_are_written_by_pattern() {
        let t = timestamp_us("2021-08-05 15:04:09.120000").unwrap();
        for (pattern, want) in [
            ("YYYY-MM-DD HH24:MI:SS", "2021-08-05 15:04:09"),
            ("YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"", "2021-08-05T15:04:09.120Z"),
            ("Day, DD Month YYYY", "Thursday , 05 August    2021"),
            ("FMDay, FMDD FMMonth YYYY", "Thursday, 5 August 2021"),
            ("DY MON Mon mon", "THU AUG Aug aug"),
            ("HH12:MI AM", "03:04 PM"),
            ("hh:mi am", "03:04 pm"),
            ("US", "120000"),
            ("Q IW IYYY WW", "3 31 2021 31"),
            ("DDD D ID J", "217 5 4 2459432"),
            ("FMDDth", "5th"),
            ("YY Y,YYY CC", "21 2,021 21"),
            ("RM", "VIII"),
            ("SSSS", "54249"),
            ("FF1 FF3", "1 120"),
            ("yyyy/mm/dd", "2021/08/05"),
        ] {
            assert_eq!(to_char(t, None, pattern), want, "{pattern}");
        }
        assert_eq!(
            (to_char(t, Some(0), "TZ OF"), to_char(t, Some(-19_800), "OF")),
            ("UTC +00".into(), "-05:30".into())
        );
        assert_eq!(to_char_interval(Interval::parse("1 day 26:03:04").unwrap(), "DD HH24:MI:SS"), "01 26:03:04");
    }

    #[test]
    fn texts_are_read_by_pattern() {
        for (text, pattern, want) in [
            ("2021-08-05", "YYYY-MM-DD", "2021-08-05"),
            ("05 Aug 2021", "DD Mon YYYY", "2021-08-05"),
            ("20210805", "YYYYMMDD", "2021-08-05"),
            ("5/8/21", "DD/MM/YY", "2021-08-05"),
            ("2021 217", "YYYY DDD", "2021-08-05"),
            ("August 5, 2021", "Month DD, YYYY", "2021-08-05"),
        ] {
            assert_eq!(to_date(text, pattern).and_then(days_text).unwrap_or_else(|e| e.message), want, "{text}");
        }
        for (text, pattern, want) in [
            ("2021-08-05 15:04:09.12", "YYYY-MM-DD HH24:MI:SS.MS", "2021-08-05 15:04:09.120000Z"),
            ("2021-08-05 03:04 PM", "YYYY-MM-DD HH12:MI AM", "2021-08-05 15:04:00.000000Z"),
            ("2021-08-05T15:04:09", "YYYY-MM-DD\"T\"HH24:MI:SS", "2021-08-05 15:04:09.000000Z"),
        ] {
            assert_eq!(
                to_timestamp(text, pattern, Zone::UTC).and_then(timestamptz_text).unwrap_or_else(|e| e.message),
                want,
                "{text}"
            );
        }
        for (text, pattern, state) in [
            ("2021-13-05", "YYYY-MM-DD", "22008"),
            ("x", "YYYY", "22007"),
            ("13 PM", "HH12 AM", "22007"),
            ("2021 Foo", "YYYY Mon", "22007"),
        ] {
            assert_eq!(to_date(text, pattern).unwrap_err().sqlstate, state, "{text}");
        }
    }
}
