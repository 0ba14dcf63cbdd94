//! Time zones: offsets, the abbreviations that never change their meaning, names of the world's zones, and POSIX rules.

use super::parse::{Fault, Step, digits, small};
use super::zone_rule::Rule;
use super::zone_table::{self, Table};
use super::{DAY, SECOND, is_finite};
use crate::{Result, ValueError};

/// A time zone: an offset, or a zone whose offset changes.
#[derive(Clone, Copy)]
pub struct Zone(Kind);

#[derive(Clone, Copy)]
enum Kind {
    Fixed(i32),
    Table(&'static Table),
    Rule(Rule),
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Kind::Fixed(a), Kind::Fixed(b)) => a == b,
            (Kind::Table(a), Kind::Table(b)) => std::ptr::eq(a, b),
            (Kind::Rule(a), Kind::Rule(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Zone {}

impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Kind::Fixed(east) => write!(f, "Zone({east})"),
            Kind::Table(table) => write!(f, "Zone({})", table.name),
            Kind::Rule(rule) => write!(f, "Zone({rule:?})"),
        }
    }
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Kind::Fixed(0));

    /// A zone that is always this many seconds east of Greenwich.
    pub fn fixed(east_s: i32) -> Self {
        Self(Kind::Fixed(east_s))
    }

    /// The zone that `at time zone` and literals name: an abbreviation, a name of the world's zones in any case, or a POSIX rule, whose
    /// digits count westwards (22023 for others).
    pub fn named(name: &str) -> Result<Self> {
        if let Some(east) = abbreviation(&name.to_ascii_lowercase()) {
            return Ok(Self::fixed(east));
        }
        Self::of_database(name).ok_or_else(|| ValueError::parameter(format!("time zone \"{name}\" not recognized")))
    }

    /// The zone that the setting `TimeZone` names: a number of hours eastwards, a name of the world's zones, or a POSIX rule (22023 for
    /// others). Abbreviations are no settings.
    pub fn setting(name: &str) -> Result<Self> {
        let number = name.trim_start();
        let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
        if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
            && let Ok(hours) = number.parse::<f64>()
            && hours.abs() < 168.0
        {
            #[expect(clippy::cast_possible_truncation, reason = "bounded above; PostgreSQL cuts off as well")]
            return Ok(Self::fixed((hours * 3600.0) as i32));
        }
        Self::of_database(name)
            .ok_or_else(|| ValueError::parameter(format!("invalid value for parameter \"TimeZone\": \"{name}\"")))
    }

    fn of_database(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("gmt") {
            return Some(Self::UTC);
        }
        if let Some(table) = zone_table::find(name) {
            return Some(Self(Kind::Table(table)));
        }
        let rule = Rule::parse(name)?;
        Some(Self(if rule.summer.is_some() { Kind::Rule(rule) } else { Kind::Fixed(rule.standard) }))
    }

    /// Seconds east at a moment (UTC seconds), and the next change: when, and what holds from then on.
    fn around(self, at: i64) -> (i32, Option<(i64, i32)>) {
        match self.0 {
            Kind::Fixed(east) => (east, None),
            Kind::Table(table) => table.around(at),
            Kind::Rule(rule) => rule.around(at),
        }
    }

    /// Seconds east at a moment (microseconds UTC).
    pub fn offset_at(self, us: i64) -> i32 {
        self.around(us.div_euclid(SECOND)).0
    }

    /// Seconds east where the wall clock shows this. What it shows twice is the later moment, what it skips is read by the clock before:
    /// both are standard time, as in PostgreSQL.
    pub fn offset_of_wall(self, wall_us: i64) -> i32 {
        let wall = wall_us.div_euclid(SECOND);
        let (before, next) = self.around(wall - DAY / SECOND);
        let Some((when, after)) = next else { return before };
        let (as_before, as_after) = (wall - i64::from(before), wall - i64::from(after));
        if as_before < when && as_after < when {
            before
        } else if as_before > when && as_after >= when {
            after
        } else if as_before > as_after {
            before
        } else {
            after
        }
    }

    /// The wall clock at a moment; infinities stay.
    pub fn wall(self, us: i64) -> i64 {
        if is_finite(us) { us.saturating_add(i64::from(self.offset_at(us)) * SECOND) } else { us }
    }

    /// The moment at which the wall clock shows this; infinities stay.
    pub fn moment(self, wall_us: i64) -> i64 {
        if is_finite(wall_us) {
            wall_us.saturating_sub(i64::from(self.offset_of_wall(wall_us)) * SECOND)
        } else {
            wall_us
        }
    }
}

/// A zone offset at its sign: `+2`, `-0530`, `+05:30`, `+05:30:15`.
pub(super) fn offset(t: &str, from: usize) -> Step<(i32, usize)> {
    let b = t.as_bytes();
    let mut i = digits(b, from + 1);
    let run = &t[from + 1..i];
    let mut parts = [0i32; 3];
    match run.len() {
        1 | 2 => {
            parts[0] = small(run)?;
            for slot in &mut parts[1..] {
                if b.get(i) == Some(&b':') {
                    let end = digits(b, i + 1);
                    if end == i + 1 {
                        return Err(Fault::Syntax);
                    }
                    *slot = small(&t[i + 1..end])?;
                    i = end;
                }
            }
        }
        3 | 4 => {
            let n = small(run)?;
            parts = [n / 100, n % 100, 0];
        }
        _ => return Err(Fault::Syntax),
    }
    if parts[0] > 15 || parts[1] > 59 || parts[2] > 59 {
        return Err(Fault::Zone);
    }
    let s = parts[0] * 3600 + parts[1] * 60 + parts[2];
    Ok((if b[from] == b'-' { -s } else { s }, i))
}

/// Seconds east of an abbreviation that never changes its meaning with the date.
pub(super) fn abbreviation(word: &str) -> Option<i32> {
    let hours = match word {
        "z" | "zulu" | "utc" | "gmt" | "uct" | "ut" | "wet" => 0.0,
        "bst" | "cet" | "met" | "wat" | "west" => 1.0,
        "cest" | "eet" | "mest" | "sast" | "cat" | "ist" => 2.0,
        "eest" | "msk" | "eat" => 3.0,
        "pkt" => 5.0,
        "hkt" | "sgt" | "awst" => 8.0,
        "jst" | "kst" => 9.0,
        "acst" => 9.5,
        "aest" => 10.0,
        "acdt" => 10.5,
        "aedt" => 11.0,
        "nzst" => 12.0,
        "nzdt" => 13.0,
        "est" | "cdt" => -5.0,
        "edt" | "ast" => -4.0,
        "adt" => -3.0,
        "cst" | "mdt" => -6.0,
        "mst" | "pdt" => -7.0,
        "pst" | "akdt" => -8.0,
        "akst" => -9.0,
        "hst" => -10.0,
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "a table of small constants")]
    Some((hours * 3600.0) as i32)
}

#[cfg(test)]
mod tests {
    use super::super::{timestamp_text, timestamp_us};
    use super::*;

    #[test]
    fn zones_count_east_as_settings_and_west_as_posix_names() {
        for (zone, named, setting) in [
            ("UTC", Some(0), Some(0)),
            ("Etc/UTC", Some(0), Some(0)),
            ("EST", Some(-18_000), Some(-18_000)),
            ("UTC+2", Some(-7200), Some(-7200)),
            ("+05:30", Some(-19_800), Some(-19_800)),
            ("5", Some(-18_000), Some(18_000)),
            ("-4", Some(14_400), Some(-14_400)),
            ("5.5", None, Some(19_800)),
            ("<+03>-3", Some(10_800), Some(10_800)),
            ("z", Some(0), None),
            ("cest", Some(7200), None),
            ("asia/kolkata", Some(19_800), Some(19_800)),
            ("Mars/Phobos", None, None),
            ("", None, None),
        ] {
            assert_eq!(Zone::named(zone).ok().map(|zone| zone.offset_at(0)), named, "{zone}");
            assert_eq!(Zone::setting(zone).ok().map(|zone| zone.offset_at(0)), setting, "{zone}");
        }
        assert_eq!(Zone::named("Mars/Phobos").unwrap_err().message, "time zone \"Mars/Phobos\" not recognized");
        let refused = Zone::setting("Mars/Phobos").unwrap_err();
        assert_eq!(refused.message, "invalid value for parameter \"TimeZone\": \"Mars/Phobos\"");
    }

    #[test]
    fn walls_are_read_as_postgresql_reads_them() {
        for (zone, wall, moment) in [
            ("Europe/Berlin", "2024-01-15 09:30:00", "2024-01-15 08:30:00.000000"),
            ("Europe/Berlin", "2024-07-15 09:30:00", "2024-07-15 07:30:00.000000"),
            // Skipped, and shown twice.
            ("Europe/Berlin", "2024-03-31 02:30:00", "2024-03-31 01:30:00.000000"),
            ("Europe/Berlin", "2024-10-27 02:30:00", "2024-10-27 01:30:00.000000"),
            ("Europe/Berlin", "2024-03-31 03:00:00", "2024-03-31 01:00:00.000000"),
            ("Europe/Berlin", "2050-07-01 12:00:00", "2050-07-01 10:00:00.000000"),
            ("America/New_York", "2024-03-10 02:30:00", "2024-03-10 07:30:00.000000"),
            ("America/New_York", "2024-11-03 01:30:00", "2024-11-03 06:30:00.000000"),
        ] {
            let zone = Zone::named(zone).unwrap();
            let us = timestamp_us(&format!("{wall}.000000")).unwrap();
            assert_eq!(timestamp_text(zone.moment(us)).unwrap(), moment, "{zone:?} {wall}");
        }
    }
}
