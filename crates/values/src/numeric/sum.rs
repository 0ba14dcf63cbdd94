//! Exact accumulators behind `sum`, `avg`, `variance` and `stddev`.

use super::arith::{Number, Small, infinity, quotient_scale};
use super::big::Big;
use super::math;
use crate::{Result, ValueError};

/// A running sum. Numbers of up to 30 digits stay in machine words until they no longer fit.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    count: i64,
    small: Option<(i128, u32)>,
    big: Option<Big>,
    nan: bool,
    plus_infinite: bool,
    minus_infinite: bool,
    squares: Option<Big>,
}

impl Sum {
    /// An empty sum.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty sum that keeps squares too, for [`Sum::variance`].
    pub fn with_squares() -> Self {
        Self { squares: Some(Big::zero(0)), ..Self::default() }
    }

    /// Adds a stored numeric.
    pub fn add(&mut self, n: &str) -> Result<()> {
        self.count += 1;
        if let Some(squares) = &mut self.squares
            && let Number::Finite(b) = Number::parse(n)?
        {
            *squares = squares.add(&b.mul(&b));
        }
        if let Some(x) = Small::parse(n) {
            let (mantissa, scale) = self.small.unwrap_or_default();
            if let Some(s) = (Small { mantissa, scale }).plus(x) {
                self.small = Some((s.mantissa, s.scale));
            } else {
                self.spill(Small { mantissa, scale })?;
                self.small = Some((x.mantissa, x.scale));
            }
            return Ok(());
        }
        match Number::parse(n)? {
            Number::Finite(b) => self.big = Some(self.big.take().map_or_else(|| b.clone(), |sum| sum.add(&b))),
            Number::Nan => self.nan = true,
            Number::Infinite { negative: false } => self.plus_infinite = true,
            Number::Infinite { negative: true } => self.minus_infinite = true,
        }
        Ok(())
    }

    /// Adds an integer.
    pub fn add_int(&mut self, i: i64) -> Result<()> {
        if self.squares.is_none()
            && let Some(s) = self.small.map_or(Some((i128::from(i), 0)), |(m, scale)| {
                (scale == 0).then(|| m.checked_add(i128::from(i)).map(|m| (m, 0))).flatten()
            })
        {
            self.count += 1;
            self.small = Some(s);
            return Ok(());
        }
        self.add(&i.to_string())
    }

    fn spill(&mut self, s: Small) -> Result<()> {
        let b = Big::parse(&s.to_text())?;
        self.big = Some(self.big.take().map_or_else(|| b.clone(), |sum| sum.add(&b)));
        Ok(())
    }

    /// How many values were added.
    pub fn count(&self) -> i64 {
        self.count
    }

    fn special(&self) -> Option<String> {
        if self.nan || (self.plus_infinite && self.minus_infinite) {
            Some("NaN".into())
        } else if self.plus_infinite || self.minus_infinite {
            Some(infinity(self.minus_infinite))
        } else {
            None
        }
    }

    fn total(&self) -> Result<Big> {
        let small = self.small.map(|(mantissa, scale)| Big::parse(&Small { mantissa, scale }.to_text())).transpose()?;
        Ok(match (&self.big, small) {
            (Some(b), Some(s)) => b.add(&s),
            (Some(b), None) => b.clone(),
            (None, s) => s.unwrap_or_else(|| Big::zero(0)),
        })
    }

    /// `sum`; `None` (NULL) of nothing.
    pub fn sum(&self) -> Result<Option<String>> {
        match (self.count, self.special(), &self.big, self.small) {
            (0, ..) => Ok(None),
            (_, Some(s), ..) => Ok(Some(s)),
            (_, None, None, Some((mantissa, scale))) => Ok(Some(Small { mantissa, scale }.to_text())),
            _ => self.total()?.to_text().map(Some),
        }
    }

    /// `avg`; `None` (NULL) of nothing.
    pub fn avg(&self) -> Result<Option<String>> {
        if self.count == 0 {
            return Ok(None);
        }
        if let Some(s) = self.special() {
            return Ok(Some(s));
        }
        let (total, count) = (self.total()?, Big::from_int(self.count));
        let scale = quotient_scale(&total, &count);
        total.div(&count, scale, true).to_text().map(Some)
    }

    /// `var_samp` (`sample`) or `var_pop`, and with `root` the standard deviation; `None` (NULL) of too few values. An
    /// error when this sum was not made by [`Sum::with_squares`].
    pub fn variance(&self, sample: bool, root: bool) -> Result<Option<String>> {
        let squares = self.squares.as_ref().ok_or_else(|| ValueError::parameter("this sum keeps no squares"))?;
        if self.count == 0 || (sample && self.count == 1) {
            return Ok(None);
        }
        if self.special().is_some() {
            return Ok(Some("NaN".into()));
        }
        let count = Big::from_int(self.count);
        let total = self.total()?;
        let top = squares.mul(&count).sub(&total.mul(&total));
        if top.negative || top.is_zero() {
            return Ok(Some("0".into()));
        }
        let below = if sample { Big::from_int(self.count - 1) } else { count.clone() }.mul(&count);
        let scale = quotient_scale(&top, &below);
        let variance = top.div(&below, scale, true);
        if root { math::sqrt_big(&variance, scale).to_text().map(Some) } else { variance.to_text().map(Some) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_averages_are_exact() {
        let cases: &[(&[&str], Option<&str>, Option<&str>)] = &[
            (&[], None, None),
            (&["1.5", "2.25", "-0.75"], Some("3.00"), Some("1.00000000000000000000")),
            (&["1", "2"], Some("3"), Some("1.5000000000000000")),
            (&["100", "200", "333"], Some("633"), Some("211.0000000000000000")),
            (&["1", "NaN"], Some("NaN"), Some("NaN")),
            (&["Infinity", "1"], Some("Infinity"), Some("Infinity")),
            (
                &["99999999999999999999999999999999999999999", "1", "0.5"],
                Some("100000000000000000000000000000000000000000.5"),
                Some("33333333333333333333333333333333333333333.5"),
            ),
        ];
        for (input, sum, avg) in cases {
            let mut s = Sum::new();
            input.iter().for_each(|n| s.add(n).unwrap());
            assert_eq!(s.sum().unwrap().as_deref(), *sum, "{input:?}");
            assert_eq!(s.avg().unwrap().as_deref(), *avg, "{input:?}");
        }
    }

    #[test]
    fn deviations_have_postgresqls_digits() {
        let mut s = Sum::with_squares();
        for i in [1, 2, 4] {
            s.add_int(i).unwrap();
        }
        assert_eq!(s.variance(true, false).unwrap().unwrap(), "2.3333333333333333");
        assert_eq!(s.variance(false, false).unwrap().unwrap(), "1.5555555555555556");
        assert_eq!(s.variance(true, true).unwrap().unwrap(), "1.5275252316519467");
    }
}
