//! The rules by which a zone's clocks change every year, in POSIX's words: `CET-1CEST,M3.5.0,M10.5.0/3`.

use super::civil::{civil_of, day_of, days_in_month};

const DAY_S: i64 = 86_400;

/// What holds after the last change that a zone's table lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    /// Standard time, seconds east.
    pub(super) standard: i32,
    /// Summer time, seconds east, when it begins and when it ends.
    pub(super) summer: Option<(i32, Moment, Moment)>,
}

/// A moment of every year, by the clock that holds before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    day: Day,
    time_s: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    /// `Jn`: the nth day, 29 February never counted.
    Julian(i32),
    /// `n`: days after 1 January.
    Plain(i32),
    /// `Mm.w.d`: the wth (5: the last) weekday d of month m.
    Week { month: u32, week: i32, weekday: i32 },
}

impl Moment {
    /// Seconds since 1970 on the wall clock.
    fn in_year(self, year: i32) -> i64 {
        let first = day_of(year, 1, 1);
        let day = match self.day {
            Day::Plain(n) => first + n,
            Day::Julian(n) => first + n - 1 + i32::from(days_in_month(year, 2) == 29 && n >= 60),
            Day::Week { month, week, weekday } => {
                let start = day_of(year, month, 1);
                // 1970-01-01 was a Thursday.
                let mut day = start + (weekday - (start + 4)).rem_euclid(7) + (week - 1) * 7;
                let length = i32::try_from(days_in_month(year, month)).unwrap_or(31);
                while day >= start + length {
                    day -= 7;
                }
                day
            }
        };
        i64::from(day) * DAY_S + i64::from(self.time_s)
    }
}

impl Rule {
    /// The changes of a year, in order: when (UTC seconds), and what holds from then on.
    fn changes(&self, year: i32) -> Option<[(i64, i32); 2]> {
        let (summer, begins, ends) = self.summer?;
        let begin = (begins.in_year(year) - i64::from(self.standard), summer);
        let end = (ends.in_year(year) - i64::from(summer), self.standard);
        Some(if begin.0 <= end.0 { [begin, end] } else { [end, begin] })
    }

    /// The last change at or before `at`, and the first after it: when, what held before, what holds after.
    pub(super) fn around(&self, at: i64) -> (i32, Option<(i64, i32)>) {
        let year = civil_of(i32::try_from(at.div_euclid(DAY_S)).unwrap_or(0)).year;
        let changes: Vec<(i64, i32)> = (year - 1..=year + 1).filter_map(|year| self.changes(year)).flatten().collect();
        let held = changes.iter().rev().find(|(when, _)| *when <= at).map_or(self.standard, |(_, east)| *east);
        (held, changes.into_iter().find(|(when, _)| *when > at))
    }

    /// Reads a POSIX zone. A bare offset is one too; its digits count westwards.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut read = Read { rest: text };
        read.name(true)?;
        let standard = -read.offset()?;
        if read.rest.is_empty() {
            return Some(Self { standard, summer: None });
        }
        read.name(false)?;
        let summer =
            if read.rest.is_empty() || read.rest.starts_with(',') { standard + 3600 } else { -read.offset()? };
        if read.rest.is_empty() {
            // What PostgreSQL takes where no rule is given: the clocks of the United States.
            read.rest = ",M3.2.0,M11.1.0";
        }
        let begins = read.moment()?;
        let ends = read.moment()?;
        read.rest.is_empty().then_some(Self { standard, summer: Some((summer, begins, ends)) })
    }
}

struct Read<'t> {
    rest: &'t str,
}

impl Read<'_> {
    fn eat(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// `CET` or `<+03>`; the first may be empty.
    fn name(&mut self, may_be_empty: bool) -> Option<()> {
        if self.eat('<') {
            self.rest = &self.rest[self.rest.find('>')? + 1..];
            return Some(());
        }
        let end =
            self.rest.find(|c: char| c.is_ascii_digit() || matches!(c, ',' | '-' | '+')).unwrap_or(self.rest.len());
        let named = end > 0 && self.rest[..end].chars().all(|c| c.is_ascii_alphabetic());
        self.rest = &self.rest[end..];
        (named || (may_be_empty && end == 0)).then_some(())
    }

    fn number(&mut self, most: i32) -> Option<i32> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let found = self.rest[..end].parse().ok().filter(|n| *n <= most)?;
        self.rest = &self.rest[end..];
        Some(found)
    }

    /// `[+-]hh[:mm[:ss]]` in seconds, as it is written.
    fn offset(&mut self) -> Option<i32> {
        let negative = self.eat('-');
        if !negative {
            self.eat('+');
        }
        let mut seconds = self.number(167)? * 3600;
        if self.eat(':') {
            seconds += self.number(59)? * 60;
            if self.eat(':') {
                seconds += self.number(60)?;
            }
        }
        Some(if negative { -seconds } else { seconds })
    }

    fn moment(&mut self) -> Option<Moment> {
        if !self.eat(',') {
            return None;
        }
        let day = if self.eat('J') {
            Day::Julian(self.number(365).filter(|n| *n > 0)?)
        } else if self.eat('M') {
            let month = u32::try_from(self.number(12).filter(|n| *n > 0)?).ok()?;
            let week = self.eat('.').then(|| self.number(5)).flatten().filter(|n| *n > 0)?;
            let weekday = self.eat('.').then(|| self.number(6)).flatten()?;
            Day::Week { month, week, weekday }
        } else {
            Day::Plain(self.number(365)?)
        };
        let time_s = if self.eat('/') { self.offset()? } else { 7200 };
        Some(Moment { day, time_s })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_say_what_holds_and_when_it_changes() {
        for (zone, at, held, next) in [
            // 2040-01-01, 2040-07-01 UTC
            ("CET-1CEST,M3.5.0,M10.5.0/3", 2_208_988_800, 3600, Some((2_216_250_000, 7200))),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 2_224_713_600, 7200, Some((2_234_998_800, 3600))),
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", 2_208_988_800, 39_600, Some((2_216_822_400, 36_000))),
            ("<+03>-3", 0, 10_800, None),
            ("UTC+2", 0, -7200, None),
            ("+05:30", 0, -19_800, None),
            ("EST5EDT", 1_720_000_000, -14_400, Some((1_730_613_600, -18_000))),
        ] {
            assert_eq!(Rule::parse(zone).unwrap().around(at), (held, next), "{zone} {at}");
        }
        for bad in ["", "Mars", "UTC+2-", "CET-1CEST,M13.5.0,M10.5.0", "UTC+168", "CET-1CEST,M3.5.0", "<x"] {
            assert!(Rule::parse(bad).is_none(), "{bad}");
        }
    }
}
