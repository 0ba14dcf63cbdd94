//! The calendar: days since 1970-01-01 to year, month and day, and back (proleptic Gregorian).

/// A calendar date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// The year; 1 is the first year of our era.
    pub year: i32,
    /// 1..=12
    pub month: u32,
    /// 1..=31
    pub day: u32,
}

/// Days since 1970-01-01 of a date. Months beyond 1..=12 are the caller's mistake; days may be any number.
pub fn day_of(year: i32, month: u32, day: i32) -> i32 {
    // Count years from March, so that the leap day is the last of its year.
    let y = i64::from(year) - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i32::try_from(era * 146_097 + day_of_era - 719_468).unwrap_or(if year > 0 { i32::MAX } else { i32::MIN })
}

/// The date of a day since 1970-01-01.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "days are i32, so years fit; remainders are small"
)]
pub fn civil_of(days: i32) -> Civil {
    let z = i64::from(days) + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * day_of_year + 2) / 153;
    let month = if m < 10 { m + 3 } else { m - 9 };
    Civil {
        year: (era * 400 + year_of_era + i64::from(month <= 2)) as i32,
        month: month as u32,
        day: (day_of_year - (153 * m + 2) / 5 + 1) as u32,
    }
}

/// 28..=31
pub fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The day of the week: 0 is Sunday.
pub fn weekday(days: i32) -> i32 {
    (days.rem_euclid(7) + 4) % 7
}

/// ISO year and week of a day.
pub fn iso_week(days: i32) -> (i32, i32) {
    // The week belongs to the year of its Thursday.
    let thursday = days - (weekday(days) + 6) % 7 + 3;
    let year = civil_of(thursday).year;
    (year, (thursday - day_of(year, 1, 1)) / 7 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree_both_ways() {
        for (y, m, d, days) in [
            (1970, 1, 1, 0),
            (2000, 3, 1, 11_017),
            (1969, 12, 31, -1),
            (1, 1, 1, -719_162),
            (9999, 12, 31, 2_932_896),
            (2024, 2, 29, 19_782),
        ] {
            assert_eq!(day_of(y, m, d), days);
            assert_eq!(civil_of(days), Civil { year: y, month: m, day: u32::try_from(d).unwrap() });
        }
        for days in (-800_000..3_000_000).step_by(97) {
            let c = civil_of(days);
            assert_eq!(day_of(c.year, c.month, i32::try_from(c.day).unwrap()), days);
        }
        assert_eq!(
            (weekday(0), iso_week(day_of(2021, 1, 3)), iso_week(day_of(2020, 12, 31))),
            (4, (2020, 53), (2020, 53))
        );
    }
}
