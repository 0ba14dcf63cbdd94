//! Medians with their extremes, and latencies.

use std::fmt;

/// A figure measured several times.
#[derive(Clone, Debug, Default)]
pub struct Figure(Vec<f64>);

impl Figure {
    /// Takes one more.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The one in the middle; `NaN` when there is none.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            even if even % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        }
    }

    /// The smallest and the largest.
    pub fn range(&self) -> (f64, f64) {
        self.0.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
    }

    /// Is there none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each over the one of the other that was measured in the same round.
    pub fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(ours, theirs)| ours / theirs).collect())
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("–");
        }
        let (low, high) = self.range();
        write!(f, "{} [{} .. {}]", short(self.median()), short(low), short(high))
    }
}

/// A number in as many digits as it deserves.
pub fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1000.0 => {
            let digits = format!("{value:.0}");
            let mut out = String::new();
            for (place, digit) in digits.chars().enumerate() {
                if place > 0 && (digits.len() - place) % 3 == 0 && digit.is_ascii_digit() {
                    out.push(' ');
                }
                out.push(digit);
            }
            out
        }
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The quantile of sorted microseconds, in milliseconds.
pub fn quantile_ms(sorted: &[u32], share: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let place = (share * (sorted.len() - 1) as f64).round() as usize;
    f64::from(sorted[place]) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_medians_ranges_and_ratios_by_round() {
        let figure = Figure(vec![3.0, 1.0, 2.0]);
        assert_eq!((figure.median(), figure.range()), (2.0, (1.0, 3.0)));
        assert_eq!(figure.over(&Figure(vec![1.0, 2.0, 4.0])).median(), 0.5);
        assert_eq!(Figure(vec![1234.0, 20.0]).to_string(), "627 [20.0 .. 1 234]");
    }

    #[test]
    fn quantiles_are_of_the_sorted_list() {
        let list: Vec<u32> = (0..=100).map(|n| n * 1000).collect();
        assert_eq!((quantile_ms(&list, 0.5), quantile_ms(&list, 0.99)), (50.0, 99.0));
    }
}
