//! Points in time as integer microseconds, the clock as a port, deadlines.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01T00:00:00Z, without leap seconds. The same arithmetic holds in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// From whole seconds since the epoch, as tokens and headers carry them; saturates.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole milliseconds since the epoch, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// The time that has passed since `earlier`; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        Duration::from_micros(if micros < 0 { 0 } else { micros.unsigned_abs() })
    }
}

fn saturating_micros(d: Duration) -> i64 {
    i64::try_from(d.as_micros()).unwrap_or(i64::MAX)
}

impl Add<Duration> for Micros {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(saturating_micros(d)))
    }
}

impl Sub<Duration> for Micros {
    type Output = Self;
    fn sub(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(saturating_micros(d)))
    }
}

impl Micros {
    /// RFC 3339 in UTC with six digits, `2026-01-31T08:00:00.000000Z`, without the formatter: log lines are many. `None` outside the years
    /// 0 to 9999.
    pub fn to_text(self) -> Option<[u8; 27]> {
        let secs = self.as_secs();
        let (year, month, day) = civil_from_days(secs.div_euclid(86_400));
        if !(0..=9999).contains(&year) {
            return None;
        }
        let in_day = secs.rem_euclid(86_400);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let mut put = |at: std::ops::Range<usize>, mut n: i64| {
            for slot in text[at].iter_mut().rev() {
                *slot += u8::try_from(n % 10).unwrap_or_default();
                n /= 10;
            }
        };
        put(0..4, year);
        put(5..7, month);
        put(8..10, day);
        put(11..13, in_day / 3600);
        put(14..16, in_day / 60 % 60);
        put(17..19, in_day % 60);
        put(20..26, self.0.rem_euclid(1_000_000));
        Some(text)
    }
}

/// As [`Micros::to_text`]; a time outside its years shows as its number of microseconds.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_text() {
            Some(text) => f.write_str(std::str::from_utf8(&text).unwrap_or_default()),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Days since the epoch to a proleptic Gregorian date. Counts years from March, so that the leap day comes last.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468; // days from 0000-03-01 to 1970-01-01
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// The port through which the house learns the time.
pub trait Clock: Send + Sync {
    /// The time of day; may jump when the system's clock is set.
    fn now(&self) -> Micros;
    /// The time since an origin that does not move within the process; never goes back.
    fn monotonic(&self) -> Duration;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// One origin for all, so that deadlines may travel between rooms that hold different `SystemClock`s.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(d) => Micros(saturating_micros(d)),
            Err(before) => Micros(-saturating_micros(before.duration())),
        }
    }

    fn monotonic(&self) -> Duration {
        ORIGIN.elapsed()
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    passed: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub const fn at(now: Micros) -> Self {
        Self { now: AtomicI64::new(now.0), passed: AtomicI64::new(0) }
    }

    /// Lets time pass on both faces of the clock.
    pub fn advance(&self, by: Duration) {
        let by = saturating_micros(by);
        self.now.fetch_add(by, Ordering::SeqCst);
        self.passed.fetch_add(by, Ordering::SeqCst);
    }

    /// Sets the time of day, as an operator would; the monotonic time does not move.
    pub fn set(&self, now: Micros) {
        self.now.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Micros {
        Micros(self.now.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.passed.load(Ordering::SeqCst).unsigned_abs())
    }
}

/// The latest moment at which an answer is still of use, on the monotonic clock of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Duration);

impl Deadline {
    /// No deadline.
    pub const NEVER: Self = Self(Duration::MAX);

    /// The moment `wait` from now.
    pub fn after(clock: &dyn Clock, wait: Duration) -> Self {
        Self::since(clock.monotonic(), wait)
    }

    /// The moment `wait` after `started`, which was read from the monotonic clock.
    pub const fn since(started: Duration, wait: Duration) -> Self {
        Self(started.saturating_add(wait))
    }

    /// What is left; zero when it has passed.
    pub fn remaining(self, clock: &dyn Clock) -> Duration {
        if self == Self::NEVER { Duration::MAX } else { self.0.saturating_sub(clock.monotonic()) }
    }

    /// Whether it has passed.
    pub fn is_past(self, clock: &dyn Clock) -> bool {
        self.remaining(clock).is_zero()
    }

    /// The nearer of two.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        self.min(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_prints_as_rfc_3339_in_utc() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (951_868_800_000_000, "2000-03-01T00:00:00.000000Z"),
            (1_767_225_599_123_456, "2025-12-31T23:59:59.123456Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
            (-62_167_219_200_000_000, "0000-01-01T00:00:00.000000Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
            (253_402_300_800_000_000, "253402300800000000"),
            (-62_167_219_200_000_001, "-62167219200000001"),
        ] {
            assert_eq!(Micros(micros).to_string(), text);
        }
    }

    #[test]
    fn arithmetic_saturates_and_rounds_down() {
        assert_eq!(Micros(i64::MAX) + Duration::from_secs(1), Micros(i64::MAX));
        assert_eq!(Micros(5) - Duration::from_micros(7), Micros(-2));
        assert_eq!(Micros(5).since(Micros(7)), Duration::ZERO);
        assert_eq!(Micros(7).since(Micros(5)), Duration::from_micros(2));
        assert_eq!((Micros(-1).as_secs(), Micros(-1).as_millis()), (-1, -1));
        assert_eq!(Micros::from_secs(i64::MAX), Micros(i64::MAX));
    }

    #[test]
    fn a_deadline_counts_monotonic_time_only() {
        let clock = ManualClock::at(Micros::from_secs(1_000));
        let deadline = Deadline::after(&clock, Duration::from_secs(2));
        clock.set(Micros::from_secs(9_000));
        assert_eq!(deadline.remaining(&clock), Duration::from_secs(2));
        clock.advance(Duration::from_secs(2));
        assert!(deadline.is_past(&clock));
        assert_eq!(clock.now(), Micros::from_secs(9_002));
        assert!(!Deadline::NEVER.is_past(&clock));
        assert_eq!(Deadline::NEVER.earlier(deadline), deadline);
    }

    #[test]
    fn the_system_clock_is_this_century_and_does_not_go_back() {
        let (a, b) = (SystemClock.monotonic(), SystemClock.monotonic());
        assert!(a <= b);
        assert!(SystemClock.now() > Micros::from_secs(1_700_000_000));
    }
}
