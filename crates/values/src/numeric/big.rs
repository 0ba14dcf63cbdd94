//! The working form of a finite numeric: base 10,000 digits around the decimal point, the way PostgreSQL computes.

use super::{DIGITS_MAX, SCALE_MAX, overflow};
use crate::{Result, ValueError};
use std::cmp::Ordering;

pub(super) const BASE: u32 = 10_000;
/// Decimal digits in one digit of the base.
pub(super) const GROUP: i32 = 4;

/// `sign * sum(digits[i] * BASE^(weight - i))`, shown with `scale` decimal digits. No leading or trailing zero digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Big {
    pub negative: bool,
    pub weight: i32,
    pub scale: i32,
    pub digits: Vec<u16>,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "sizes are bounded by DIGITS_MAX, digits by BASE"
)]
impl Big {
    pub(super) fn zero(scale: i32) -> Self {
        Self { negative: false, weight: 0, scale, digits: Vec::new() }
    }

    pub(super) fn from_int(i: i64) -> Self {
        let mut digits = Vec::new();
        let mut n = i.unsigned_abs();
        while n > 0 {
            digits.push((n % u64::from(BASE)) as u16);
            n /= u64::from(BASE);
        }
        digits.reverse();
        let mut b = Self { negative: i < 0, weight: digits.len() as i32 - 1, scale: 0, digits };
        b.strip();
        b
    }

    /// Reads a canonical finite text.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let (negative, t) = text.strip_prefix('-').map_or((false, text), |t| (true, t));
        let (whole, fraction) = t.split_once('.').unwrap_or((t, ""));
        if t.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(ValueError::syntax("numeric", text));
        }
        if whole.len() > 8 * DIGITS_MAX || fraction.len() > SCALE_MAX {
            return Err(overflow());
        }
        let number = |chunk: &[u8]| chunk.iter().fold(0u16, |n, d| n * 10 + u16::from(d - b'0'));
        let mut digits = Vec::with_capacity(t.len() / 4 + 2);
        let head = whole.len() % 4;
        if head > 0 {
            digits.push(number(&whole.as_bytes()[..head]));
        }
        digits.extend(whole.as_bytes()[head..].chunks(4).map(number));
        let weight = digits.len() as i32 - 1;
        digits.extend(fraction.as_bytes().chunks(4).map(|c| number(c) * 10u16.pow(4 - c.len() as u32)));
        let mut b = Self { negative, weight, scale: fraction.len() as i32, digits };
        b.strip();
        Ok(b)
    }

    /// Removes zero digits at both ends.
    pub(super) fn strip(&mut self) {
        let lead = self.digits.iter().take_while(|d| **d == 0).count();
        if lead > 0 {
            self.digits.drain(..lead);
            self.weight -= lead as i32;
        }
        while self.digits.last() == Some(&0) {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            self.weight = 0;
            self.negative = false;
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// The digit of this weight.
    fn at(&self, weight: i32) -> u16 {
        usize::try_from(self.weight - weight).ok().and_then(|i| self.digits.get(i)).copied().unwrap_or(0)
    }

    /// The weight of the last digit.
    fn low(&self) -> i32 {
        self.weight - self.digits.len() as i32 + 1
    }

    pub(super) fn to_text(&self) -> Result<String> {
        use std::fmt::Write;
        if self.weight >= DIGITS_MAX as i32 / GROUP || self.scale > SCALE_MAX as i32 {
            return Err(overflow());
        }
        let mut out = String::with_capacity((self.weight.max(0) as usize + 2) * 4 + self.scale as usize);
        if self.negative {
            out.push('-');
        }
        if self.weight < 0 || self.is_zero() {
            out.push('0');
        } else {
            let _ = write!(out, "{}", self.at(self.weight));
            for w in (0..self.weight).rev() {
                let _ = write!(out, "{:04}", self.at(w));
            }
        }
        if self.scale > 0 {
            out.push('.');
            let end = out.len() + self.scale as usize;
            let mut w = -1;
            while out.len() < end {
                let _ = write!(out, "{:04}", self.at(w));
                w -= 1;
            }
            out.truncate(end);
        }
        Ok(out)
    }

    pub(super) fn compare_magnitude(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.weight.cmp(&other.weight).then_with(|| self.digits.cmp(&other.digits)),
        }
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.compare_magnitude(other),
            (true, true) => other.compare_magnitude(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }

    pub(super) fn negated(mut self) -> Self {
        self.negative = !self.negative && !self.is_zero();
        self
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        if self.is_zero() || other.is_zero() {
            let mut b = if self.is_zero() { other.clone() } else { self.clone() };
            b.scale = scale;
            return b;
        }
        let (big, small) = if self.compare_magnitude(other).is_ge() { (self, other) } else { (other, self) };
        let same = big.negative == small.negative;
        let (top, low) = (big.weight + 1, big.low().min(small.low()));
        let mut digits = vec![0u16; (top - low + 1) as usize];
        let mut carry = 0i32;
        for w in low..=top {
            let (x, y) = (i32::from(big.at(w)), i32::from(small.at(w)));
            let mut d = if same { x + y } else { x - y } + carry;
            carry = 0;
            if d >= BASE as i32 {
                d -= BASE as i32;
                carry = 1;
            } else if d < 0 {
                d += BASE as i32;
                carry = -1;
            }
            digits[(top - w) as usize] = d as u16;
        }
        let mut b = Self { negative: big.negative, weight: top, scale, digits };
        b.strip();
        b
    }

    pub(super) fn sub(&self, other: &Self) -> Self {
        self.add(&other.clone().negated())
    }

    /// The exact product.
    pub(super) fn mul(&self, other: &Self) -> Self {
        let scale = self.scale + other.scale;
        if self.is_zero() || other.is_zero() {
            return Self::zero(scale);
        }
        let mut sums = vec![0u64; self.digits.len() + other.digits.len()];
        for (i, a) in self.digits.iter().enumerate() {
            for (j, b) in other.digits.iter().enumerate() {
                sums[i + j + 1] += u64::from(*a) * u64::from(*b);
            }
        }
        let mut carry = 0u64;
        for s in sums.iter_mut().rev() {
            *s += carry;
            carry = *s / u64::from(BASE);
            *s %= u64::from(BASE);
        }
        let digits = sums.into_iter().map(|s| s as u16).collect();
        let mut b =
            Self { negative: self.negative != other.negative, weight: self.weight + other.weight + 1, scale, digits };
        b.strip();
        b
    }

    /// Rounds to `scale` decimal digits, halves away from zero; a negative scale rounds before the point.
    pub(super) fn rounded(&self, scale: i32) -> Self {
        self.cut(scale, true)
    }

    /// Cuts off what is beyond `scale` decimal digits.
    pub(super) fn truncated(&self, scale: i32) -> Self {
        self.cut(scale, false)
    }

    fn cut(&self, scale: i32, round: bool) -> Self {
        let mut b = self.clone();
        b.scale = scale.max(0);
        // Decimal digits kept, counted from the first digit of the base.
        let keep = (self.weight + 1) * GROUP + scale;
        if keep < 0 || self.is_zero() {
            b.digits.clear();
            b.strip();
            return b;
        }
        let (groups, part) = ((keep / GROUP) as usize, keep % GROUP);
        if groups >= self.digits.len() {
            return b;
        }
        let next = self.digits[groups];
        b.digits.truncate(groups);
        let mut up = false;
        if part > 0 {
            let unit = 10u16.pow((GROUP - part) as u32);
            b.digits.push(next / unit * unit);
            if round && next % unit >= unit / 2 {
                let last = b.digits.len() - 1;
                b.digits[last] += unit;
                if u32::from(b.digits[last]) >= BASE {
                    b.digits[last] -= BASE as u16;
                    b.digits.pop();
                    up = true;
                }
            }
        } else {
            up = round && next >= BASE as u16 / 2;
        }
        if up {
            loop {
                match b.digits.pop() {
                    None => {
                        b.digits.push(1);
                        b.weight += 1;
                        break;
                    }
                    Some(d) if u32::from(d) + 1 < BASE => {
                        b.digits.push(d + 1);
                        break;
                    }
                    Some(_) => {}
                }
            }
        }
        b.strip();
        b
    }

    /// The quotient to `scale` decimal digits, rounded or truncated. The divisor is not zero.
    pub(super) fn div(&self, other: &Self, scale: i32, round: bool) -> Self {
        if self.is_zero() || other.is_zero() {
            return Self::zero(scale);
        }
        // Enough digits of the base that one lies wholly beyond the scale: truncation there cannot change the rounding.
        let weight = self.weight - other.weight;
        let groups = (weight + 1 + (scale + GROUP - 1).div_euclid(GROUP) + 2).max(1) as usize;
        let digits = long_division(&self.digits, &other.digits, groups);
        let mut b = Self { negative: self.negative != other.negative, weight, scale, digits };
        b.strip();
        b.cut(scale, round)
    }

    pub(super) fn to_f64(&self) -> f64 {
        let mut f = 0.0;
        for d in self.digits.iter().take(6) {
            f = f * f64::from(BASE) + f64::from(*d);
        }
        f *= f64::from(BASE).powi(self.weight + 1 - self.digits.len().min(6) as i32);
        if self.negative { -f } else { f }
    }
}

/// The first `groups` digits of `u / v`, both read as `0.d1d2…` of equal weight; the first digit may be zero.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "digits are below BASE")]
fn long_division(u: &[u16], v: &[u16], groups: usize) -> Vec<u16> {
    let base = i64::from(BASE);
    // Knuth's D: scale so that the divisor's first digit is at least half the base, then each guess is off by two at most.
    let factor = base / (i64::from(v[0]) + 1);
    let scaled = |digits: &[u16], len: usize| {
        let mut out = vec![0i64; len + 1];
        let mut carry = 0;
        for i in (0..len).rev() {
            let d = i64::from(digits.get(i).copied().unwrap_or(0)) * factor + carry;
            out[i + 1] = d % base;
            carry = d / base;
        }
        out[0] = carry;
        out
    };
    let mut rest = scaled(u, (groups + v.len()).max(u.len()));
    let divisor = &scaled(v, v.len())[1..];
    let n = divisor.len();
    let mut out = Vec::with_capacity(groups);
    for at in 0..groups {
        let top = rest[at] * base + rest[at + 1];
        let mut guess = (top / divisor[0]).min(base - 1);
        if n > 1 {
            while guess * divisor[1] > (top - guess * divisor[0]) * base + rest[at + 2] {
                guess -= 1;
            }
        }
        if guess > 0 {
            let mut borrow = 0;
            for i in (0..n).rev() {
                let d = rest[at + 1 + i] - guess * divisor[i] + borrow;
                rest[at + 1 + i] = d.rem_euclid(base);
                borrow = d.div_euclid(base);
            }
            rest[at] += borrow;
            if rest[at] < 0 {
                guess -= 1;
                let mut carry = 0;
                for i in (0..n).rev() {
                    let d = rest[at + 1 + i] + divisor[i] + carry;
                    rest[at + 1 + i] = d % base;
                    carry = d / base;
                }
                rest[at] += carry;
            }
        }
        out.push(guess as u16);
    }
    out
}
