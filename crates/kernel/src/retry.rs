//! When to try again: exponential pauses with full jitter, and a budget that keeps retries from becoming the load.

use std::time::Duration;

/// How one call is retried. Pure: the caller waits, and draws the random number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The longest pause before the first retry.
    pub base: Duration,
    /// The longest pause before any retry.
    pub cap: Duration,
    /// How many attempts there are in all, the first included.
    pub attempts_max: u32,
}

impl RetryPolicy {
    /// Three attempts within about a second: for a call that someone is waiting for.
    pub const BRISK: Self = Self { base: Duration::from_millis(50), cap: Duration::from_millis(500), attempts_max: 3 };

    /// The longest pause after `attempts` failed attempts: `base × 2^(attempts - 1)`, at most `cap`.
    pub fn ceiling(&self, attempts: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }

    /// The pause after `attempts` failed attempts, uniform between zero and the ceiling; `None` when it is time to give up.
    /// `random` is a uniform 64-bit number.
    pub fn pause(&self, attempts: u32, random: u64) -> Option<Duration> {
        if attempts >= self.attempts_max {
            return None;
        }
        let ceiling = self.ceiling(attempts).as_nanos();
        let nanos = (ceiling * u128::from(random)) >> 64;
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

/// A bound on retries over all calls to one dependency: each call earns a part of a retry, each retry spends a whole one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudget {
    milli: u32,
    milli_max: u32,
    milli_per_call: u32,
}

impl RetryBudget {
    /// A full budget of `retries_max` retries that regains `percent` of a retry with each call.
    pub const fn new(retries_max: u32, percent: u32) -> Self {
        let milli_max = retries_max.saturating_mul(1_000);
        Self { milli: milli_max, milli_max, milli_per_call: percent.saturating_mul(10) }
    }

    /// The budget after one more first attempt.
    #[must_use]
    pub fn earn(self) -> Self {
        Self { milli: self.milli.saturating_add(self.milli_per_call).min(self.milli_max), ..self }
    }

    /// The budget after one retry, or `None` when it is spent.
    pub fn spend(self) -> Option<Self> {
        Some(Self { milli: self.milli.checked_sub(1_000)?, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_and_end() {
        let policy = RetryPolicy { base: Duration::from_millis(100), cap: Duration::from_secs(1), attempts_max: 100 };
        for (attempts, millis) in [(0, 100), (1, 100), (2, 200), (3, 400), (4, 800), (5, 1_000), (99, 1_000)] {
            assert_eq!(policy.ceiling(attempts), Duration::from_millis(millis), "{attempts}");
        }
        assert_eq!(policy.pause(100, 0), None);
        assert_eq!(RetryPolicy::BRISK.pause(3, 0), None);
    }

    #[test]
    fn jitter_covers_everything_from_zero_to_the_ceiling() {
        let policy = RetryPolicy { base: Duration::from_secs(8), cap: Duration::from_secs(60), attempts_max: 9 };
        for (random, nanos) in [(0, 0), (1 << 63, 4_000_000_000), (u64::MAX, 7_999_999_999)] {
            assert_eq!(policy.pause(1, random), Some(Duration::from_nanos(nanos)));
        }
    }

    #[test]
    fn a_budget_is_spent_by_retries_and_earned_by_calls() {
        let mut budget = RetryBudget::new(2, 20);
        budget = budget.spend().and_then(RetryBudget::spend).unwrap();
        assert_eq!(budget.spend(), None);
        for _ in 0..4 {
            budget = budget.earn();
        }
        assert_eq!(budget.spend(), None, "four calls earn 80 percent of a retry");
        assert!(budget.earn().spend().is_some());
        assert_eq!(RetryBudget::new(1, 500).earn(), RetryBudget::new(1, 500), "never above its size");
    }
}
