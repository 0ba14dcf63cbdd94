//! Numeric arithmetic over canonical texts, with PostgreSQL's result scales.

use super::big::{Big, GROUP};
use super::{DIGITS_MAX, SCALE_MAX, overflow};
use crate::{Result, ValueError};

/// A numeric taken apart: finite, or one of the special values.
pub(super) enum Number {
    Finite(Big),
    Nan,
    Infinite { negative: bool },
}

impl Number {
    pub(super) fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "NaN" => Self::Nan,
            "Infinity" => Self::Infinite { negative: false },
            "-Infinity" => Self::Infinite { negative: true },
            _ => Self::Finite(Big::parse(text)?),
        })
    }
}

pub(super) fn infinity(negative: bool) -> String {
    if negative { "-Infinity" } else { "Infinity" }.into()
}

fn nan() -> String {
    "NaN".into()
}

/// A short numeric as an integer and a scale: most arithmetic of most programs.
#[derive(Clone, Copy)]
pub(super) struct Small {
    pub mantissa: i128,
    pub scale: u32,
}

impl Small {
    /// Reads a canonical text of at most 30 digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let b = text.as_bytes();
        let (negative, b) = if let [b'-', rest @ ..] = b { (true, rest) } else { (false, b) };
        if b.is_empty() || b.len() > 31 {
            return None;
        }
        let (mut mantissa, mut scale, mut point) = (0i128, 0, false);
        for c in b {
            match c {
                b'0'..=b'9' => {
                    mantissa = mantissa * 10 + i128::from(c - b'0');
                    scale += u32::from(point);
                }
                b'.' if !point => point = true,
                _ => return None,
            }
        }
        Some(Self { mantissa: if negative { -mantissa } else { mantissa }, scale })
    }

    /// The same value at a greater scale, if it fits.
    fn at(self, scale: u32) -> Option<i128> {
        self.mantissa.checked_mul(10i128.checked_pow(scale - self.scale)?)
    }

    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        Some(Self { mantissa: self.at(scale)?.checked_add(other.at(scale)?)?, scale })
    }

    fn times(self, other: Self) -> Option<Self> {
        Some(Self { mantissa: self.mantissa.checked_mul(other.mantissa)?, scale: self.scale + other.scale })
    }

    pub(super) fn to_text(self) -> String {
        let mut digits = self.mantissa.unsigned_abs().to_string();
        let scale = self.scale as usize;
        if scale > 0 {
            if digits.len() <= scale {
                digits.insert_str(0, &"0".repeat(scale + 1 - digits.len()));
            }
            digits.insert(digits.len() - scale, '.');
        }
        if self.mantissa < 0 {
            digits.insert(0, '-');
        }
        digits
    }
}

/// `a + b`
pub fn add(a: &str, b: &str) -> Result<String> {
    if let (Some(x), Some(y)) = (Small::parse(a), Small::parse(b))
        && let Some(sum) = x.plus(y)
    {
        return Ok(sum.to_text());
    }
    match (Number::parse(a)?, Number::parse(b)?) {
        (Number::Finite(x), Number::Finite(y)) => x.add(&y).to_text(),
        (Number::Nan, _) | (_, Number::Nan) => Ok(nan()),
        (Number::Infinite { negative: x }, Number::Infinite { negative: y }) if x != y => Ok(nan()),
        (Number::Infinite { negative }, _) | (_, Number::Infinite { negative }) => Ok(infinity(negative)),
    }
}

/// `a - b`
pub fn sub(a: &str, b: &str) -> Result<String> {
    add(a, &neg(b)?)
}

/// `a * b`
pub fn mul(a: &str, b: &str) -> Result<String> {
    if let (Some(x), Some(y)) = (Small::parse(a), Small::parse(b))
        && let Some(product) = x.times(y)
    {
        return Ok(product.to_text());
    }
    match (Number::parse(a)?, Number::parse(b)?) {
        (Number::Finite(x), Number::Finite(y)) => {
            if usize::try_from((x.weight + y.weight) * GROUP).is_ok_and(|n| n > DIGITS_MAX) {
                return Err(overflow());
            }
            let product = x.mul(&y);
            let most = i32::try_from(SCALE_MAX).unwrap_or(i32::MAX);
            if product.scale > most { product.rounded(most).to_text() } else { product.to_text() }
        }
        (Number::Nan, _) | (_, Number::Nan) => Ok(nan()),
        (Number::Infinite { negative: x }, Number::Infinite { negative: y }) => Ok(infinity(x != y)),
        (Number::Infinite { negative }, Number::Finite(n)) | (Number::Finite(n), Number::Infinite { negative }) => {
            Ok(if n.is_zero() { nan() } else { infinity(negative != n.negative) })
        }
    }
}

/// The scale PostgreSQL gives a quotient: at least 16 significant digits, and no less than either operand's.
pub(super) fn quotient_scale(a: &Big, b: &Big) -> i32 {
    let first = |n: &Big| n.digits.first().copied().unwrap_or(0);
    let weight = a.weight - b.weight - i32::from(first(a) <= first(b));
    (16 - weight * GROUP).max(a.scale).max(b.scale).clamp(0, 1000)
}

/// `a / b`
pub fn div(a: &str, b: &str) -> Result<String> {
    match (Number::parse(a)?, Number::parse(b)?) {
        (Number::Nan, _) | (_, Number::Nan) | (Number::Infinite { .. }, Number::Infinite { .. }) => Ok(nan()),
        (_, Number::Finite(y)) if y.is_zero() => Err(ValueError::division_by_zero()),
        (Number::Finite(x), Number::Finite(y)) => x.div(&y, quotient_scale(&x, &y), true).to_text(),
        (Number::Infinite { negative }, Number::Finite(y)) => Ok(infinity(negative != y.negative)),
        (Number::Finite(_), Number::Infinite { .. }) => Ok("0".into()),
    }
}

/// `div(a, b)`: the quotient cut to an integer.
pub fn div_trunc(a: &str, b: &str) -> Result<String> {
    match (Number::parse(a)?, Number::parse(b)?) {
        (Number::Finite(_), Number::Finite(y)) if y.is_zero() => Err(ValueError::division_by_zero()),
        (Number::Finite(x), Number::Finite(y)) => x.div(&y, 0, false).to_text(),
        _ => div(a, b),
    }
}

/// `a % b`: the sign is the dividend's.
pub fn modulo(a: &str, b: &str) -> Result<String> {
    match (Number::parse(a)?, Number::parse(b)?) {
        (Number::Nan, _) | (_, Number::Nan) => Ok(nan()),
        (_, Number::Finite(y)) if y.is_zero() => Err(ValueError::division_by_zero()),
        (Number::Infinite { .. }, _) => Ok(nan()),
        (Number::Finite(_), Number::Infinite { .. }) => Ok(a.into()),
        (Number::Finite(x), Number::Finite(y)) => {
            let mut q = x.div(&y, 0, false).mul(&y);
            q.scale = y.scale;
            x.sub(&q).to_text()
        }
    }
}

/// `- n`
pub fn neg(n: &str) -> Result<String> {
    Ok(match n.strip_prefix('-') {
        Some(positive) => positive.into(),
        None if n == "NaN" || n.bytes().all(|b| matches!(b, b'0' | b'.')) => n.into(),
        None => format!("-{n}"),
    })
}

/// `abs(n)`
pub fn abs(n: &str) -> Result<String> {
    Ok(n.strip_prefix('-').unwrap_or(n).into())
}

/// `sign(n)`: -1, 0, 1 or NaN.
pub fn sign(n: &str) -> Result<String> {
    Ok(match n {
        "NaN" => "NaN",
        _ if n.starts_with('-') => "-1",
        _ if n.bytes().all(|b| matches!(b, b'0' | b'.')) => "0",
        _ => "1",
    }
    .into())
}

fn finite(n: &str, f: impl FnOnce(Big) -> Big) -> Result<String> {
    match Number::parse(n)? {
        Number::Finite(b) => f(b).to_text(),
        _ => Ok(n.into()),
    }
}

fn bound(scale: i32) -> i32 {
    // PostgreSQL 15 clamps to its greatest result scale.
    scale.clamp(-2000, 2000)
}

/// `round(n, scale)`: halves away from zero; a negative scale rounds before the point.
pub fn round(n: &str, scale: i32) -> Result<String> {
    finite(n, |b| b.rounded(bound(scale)))
}

/// `trunc(n, scale)`
pub fn trunc(n: &str, scale: i32) -> Result<String> {
    finite(n, |b| b.truncated(bound(scale)))
}

/// `ceil(n)`
pub fn ceil(n: &str) -> Result<String> {
    finite(n, |b| {
        let t = b.truncated(0);
        if !b.negative && t.compare(&b).is_ne() { t.add(&Big::from_int(1)) } else { t }
    })
}

/// `floor(n)`
pub fn floor(n: &str) -> Result<String> {
    finite(n, |b| {
        let t = b.truncated(0);
        if b.negative && t.compare(&b).is_ne() { t.sub(&Big::from_int(1)) } else { t }
    })
}

/// `scale(n)`: digits after the point; `None` for NaN and infinities.
pub fn scale(n: &str) -> Option<usize> {
    n.ends_with(|c: char| c.is_ascii_digit()).then(|| n.split_once('.').map_or(0, |(_, f)| f.len()))
}

/// `trim_scale(n)`: without zeros at the end of the fraction.
pub fn trim_scale(n: &str) -> String {
    if n.contains('.') { n.trim_end_matches('0').trim_end_matches('.').into() } else { n.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Two = fn(&str, &str) -> Result<String>;

    #[test]
    fn arithmetic_gives_postgresqls_digits_and_scales() {
        let cases: &[(Two, &str, &str, &str)] = &[
            (add, "1.5", "2.25", "3.75"),
            (add, "0.1", "-0.1", "0.0"),
            (add, "99999999999999999999999999999999999999", "1", "100000000000000000000000000000000000000"),
            (sub, "1", "0.0001", "0.9999"),
            (mul, "1.50", "2.0", "3.000"),
            (
                mul,
                "123456789012345678901234567890",
                "987654321098765432109876543210",
                "121932631137021795226185032733622923332237463801111263526900",
            ),
            (mul, "-0.5", "0", "0.0"),
            (div, "1", "3", "0.33333333333333333333"),
            (div, "10", "3", "3.3333333333333333"),
            (div, "100", "3", "33.3333333333333333"),
            (div, "1", "30000", "0.000033333333333333333333"),
            (div, "7", "2", "3.5000000000000000"),
            (div, "1.00", "7.000", "0.14285714285714285714"),
            (div, "-22", "7", "-3.1428571428571429"),
            (div, "1000000", "3", "333333.333333333333"),
            (div, "0", "5", "0.00000000000000000000"),
            (div, "1", "Infinity", "0"),
            (div_trunc, "-7.5", "2", "-3"),
            (modulo, "7.5", "2", "1.5"),
            (modulo, "-7", "3", "-1"),
            (modulo, "5.25", "0.50", "0.25"),
            (add, "Infinity", "-Infinity", "NaN"),
            (mul, "Infinity", "-2", "-Infinity"),
            (mul, "Infinity", "0", "NaN"),
        ];
        for (f, a, b, want) in cases {
            assert_eq!(f(a, b).unwrap(), *want, "{a} {b}");
        }
        assert_eq!(div("1", "0.00").unwrap_err().sqlstate, "22012");
        assert_eq!(modulo("1", "0").unwrap_err().message, "division by zero");
    }

    #[test]
    fn rounding_goes_away_from_zero() {
        for (n, s, want) in [
            ("2.5", 0, "3"),
            ("-2.5", 0, "-3"),
            ("1.005", 2, "1.01"),
            ("1234.5", -2, "1200"),
            ("99.99", 1, "100.0"),
            ("55", -2, "100"),
            ("45", -2, "0"),
            ("1.5", 4, "1.5000"),
            ("9999.5", 0, "10000"),
            ("0.00005", 4, "0.0001"),
        ] {
            assert_eq!(round(n, s).unwrap(), want, "{n} {s}");
        }
        for (n, s, want) in [("2.59", 1, "2.5"), ("-2.59", 0, "-2"), ("1299", -2, "1200"), ("-0.4", 0, "0")] {
            assert_eq!(trunc(n, s).unwrap(), want);
        }
        for (n, up, down) in [("1.2", "2", "1"), ("-1.2", "-1", "-2"), ("3.00", "3", "3"), ("-0.5", "0", "-1")] {
            assert_eq!((ceil(n).unwrap().as_str(), floor(n).unwrap().as_str()), (up, down));
        }
    }

    #[test]
    fn arithmetic_agrees_with_machine_integers() {
        let mut seed = 42;
        for _ in 0..20_000 {
            let (a, b) = (crate::seeded::int(&mut seed), crate::seeded::int(&mut seed));
            let (x, y) = (i128::from(a), i128::from(b));
            let (sa, sb) = (Big::from_int(a), Big::from_int(b));
            assert_eq!(sa.add(&sb).to_text().unwrap(), (x + y).to_string());
            assert_eq!(sa.sub(&sb).to_text().unwrap(), (x - y).to_string());
            assert_eq!(sa.mul(&sb).to_text().unwrap(), (x * y).to_string());
            if b != 0 {
                assert_eq!(sa.div(&sb, 0, false).to_text().unwrap(), (x / y).to_string());
                assert_eq!(modulo(&a.to_string(), &b.to_string()).unwrap(), (x % y).to_string());
                let product = Big::parse(&(x * y).to_string()).unwrap();
                assert_eq!(product.div(&sb, 0, true), sa);
            }
        }
    }
}
