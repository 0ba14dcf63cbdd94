//! Roots, exponentials, logarithms and powers, computed with guard digits and shown to PostgreSQL's scales.

use super::arith::{Number, infinity};
use super::big::{Big, GROUP};
use super::overflow;
use crate::{Result, ValueError};
use std::cmp::Ordering;

/// Guard digits carried through every series.
const GUARD: i32 = 12;

fn int(i: i64) -> Big {
    Big::from_int(i)
}

/// A product rounded to a working scale.
fn times(a: &Big, b: &Big, scale: i32) -> Big {
    a.mul(b).rounded(scale)
}

#[expect(clippy::cast_possible_truncation, reason = "the C casts of PostgreSQL's scale rules; values are small")]
fn whole(f: f64) -> i32 {
    f as i32
}

/// `sqrt(n)`
pub fn sqrt(n: &str) -> Result<String> {
    match Number::parse(n)? {
        Number::Nan => Ok("NaN".into()),
        Number::Infinite { negative: false } => Ok(infinity(false)),
        Number::Finite(b) if !b.negative => {
            let weight = (b.weight + 1) * GROUP / 2 - 1;
            let scale = (16 - weight).max(b.scale).clamp(0, 1000);
            sqrt_big(&b, scale).to_text()
        }
        _ => Err(ValueError::new("2201F", "cannot take square root of a negative number")),
    }
}

/// The root rounded to a scale, by Newton's steps from a machine float.
pub(super) fn sqrt_big(b: &Big, scale: i32) -> Big {
    if b.is_zero() {
        return Big::zero(scale);
    }
    // Bring the number near one by an even power of the base, so that a float can start the search.
    let shift = b.weight - b.weight.rem_euclid(2);
    let mut near = b.clone();
    near.weight -= shift;
    let work = (scale + shift / 2 * GROUP).max(0) + GUARD;
    let start = near.to_f64().sqrt();
    let mut x = Big::parse(&super::from_f64(start).unwrap_or_default()).unwrap_or_else(|_| int(1));
    let half = Big::parse("0.5").unwrap_or_else(|_| int(1));
    let mut correct = 14;
    while correct < work + GUARD {
        correct = (correct * 2).min(work + GUARD);
        x = times(&x.add(&near.div(&x, correct + 2, true)), &half, correct + 2);
    }
    x.weight += shift / 2;
    x.strip();
    x.rounded(scale)
}

/// `exp(n)`
pub fn exp(n: &str) -> Result<String> {
    match Number::parse(n)? {
        Number::Nan => Ok("NaN".into()),
        Number::Infinite { negative } => Ok(if negative { "0".into() } else { infinity(false) }),
        Number::Finite(b) => {
            let digits = (b.to_f64() * std::f64::consts::LOG10_E).clamp(-2000.0, 2000.0);
            let scale = (16 - whole(digits)).max(b.scale).clamp(0, 1000);
            exp_big(&b, scale)?.to_text()
        }
    }
}

fn exp_big(b: &Big, scale: i32) -> Result<Big> {
    let value = b.to_f64();
    // PostgreSQL's own bounds.
    if value >= 6000.0 {
        return Err(overflow());
    }
    if value <= -6000.0 {
        return Ok(Big::zero(scale));
    }
    // Halve until small, sum the series, square back. Each squaring doubles the relative error: a digit for three of them.
    let mut halvings = 0;
    let mut size = value.abs();
    while size > 0.01 {
        size /= 2.0;
        halvings += 1;
    }
    let digits = whole(value * std::f64::consts::LOG10_E);
    let work = (scale + digits.max(0)).max(0) + halvings / 3 + GUARD + digits.abs().min(40);
    let mut divisor = int(1);
    for _ in 0..halvings {
        divisor = divisor.add(&divisor);
    }
    let x = b.div(&divisor, work + halvings / 3, true);
    let (mut sum, mut term) = (int(1).add(&x), x.clone());
    let mut i = 2;
    loop {
        term = times(&term, &x, work + 4).div(&int(i), work + 4, true);
        if term.is_zero() {
            break;
        }
        sum = sum.add(&term);
        i += 1;
    }
    for _ in 0..halvings {
        // Small results need their significant digits kept, large ones only what will be shown.
        sum = times(&sum, &sum, if digits < 0 { work - digits } else { work });
    }
    Ok(sum.rounded(scale))
}

/// PostgreSQL's guess of the decimal weight of `ln(n)`.
fn ln_weight(b: &Big) -> i32 {
    if b.is_zero() || b.negative {
        return 0;
    }
    let near = b.to_f64();
    if (0.9..=1.1).contains(&near) {
        let x = b.sub(&int(1));
        return x.digits.first().map_or(0, |d| x.weight * GROUP + whole(f64::from(*d).log10()));
    }
    let mut digits = f64::from(b.digits[0]);
    let mut weight = b.weight * GROUP;
    if let Some(d) = b.digits.get(1) {
        digits = digits * 10_000.0 + f64::from(*d);
        weight -= GROUP;
    }
    let ln = digits.ln() + f64::from(weight) * std::f64::consts::LN_10;
    whole(ln.abs().log10())
}

fn log_argument(n: &str) -> Result<std::result::Result<Big, String>> {
    match Number::parse(n)? {
        Number::Nan => Ok(Err("NaN".into())),
        Number::Infinite { negative: false } => Ok(Err(infinity(false))),
        Number::Finite(b) if b.is_zero() => Err(ValueError::new("2201E", "cannot take logarithm of zero")),
        Number::Finite(b) if !b.negative => Ok(Ok(b)),
        _ => Err(ValueError::new("2201E", "cannot take logarithm of a negative number")),
    }
}

/// `ln(n)`
pub fn ln(n: &str) -> Result<String> {
    match log_argument(n)? {
        Err(special) => Ok(special),
        Ok(b) => {
            let scale = (16 - ln_weight(&b)).max(b.scale).clamp(0, 1000);
            ln_big(&b, scale).to_text()
        }
    }
}

fn ln_big(b: &Big, scale: i32) -> Big {
    let work = scale + GUARD + 8;
    let near = b.to_f64();
    if b.weight == 0 || (0.5..2.0).contains(&near) {
        return ln_small(b, work).rounded(scale);
    }
    // b = m * 10000^w with m in 1..10000: digits that cannot be seen in the result need not be carried.
    let weight = b.weight;
    let mut m = b.clone();
    m.weight = 0;
    m.digits.truncate(usize::try_from(work / GROUP + 8).unwrap_or(usize::MAX));
    let base = ln_small(&int(10_000), work + 8);
    ln_small(&m, work).add(&base.mul(&int(i64::from(weight)))).rounded(scale)
}

/// The logarithm of a number that is neither huge nor tiny, to `work` decimal digits.
fn ln_small(b: &Big, work: i32) -> Big {
    // Take roots until the number is near one; each root halves the logarithm.
    let mut x = b.clone();
    let mut factor = int(2);
    let (low, high) = (Big::parse("0.9").unwrap_or_else(|_| int(1)), Big::parse("1.1").unwrap_or_else(|_| int(1)));
    while x.compare(&low) == Ordering::Less || x.compare(&high) == Ordering::Greater {
        x = sqrt_big(&x, work + 8);
        factor = factor.add(&factor);
    }
    // ln x = 2 artanh((x-1)/(x+1))
    let z = x.sub(&int(1)).div(&x.add(&int(1)), work, true);
    let square = times(&z, &z, work);
    let (mut sum, mut power, mut i) = (z.clone(), z, 3);
    loop {
        power = times(&power, &square, work);
        let term = power.div(&int(i), work, true);
        if term.is_zero() {
            break;
        }
        sum = sum.add(&term);
        i += 2;
    }
    sum.mul(&factor)
}

/// `log(base, n)`
pub fn log(base: &str, n: &str) -> Result<String> {
    match (log_argument(base)?, log_argument(n)?) {
        (Ok(base), Ok(n)) => {
            let (wb, wn) = (ln_weight(&base), ln_weight(&n));
            let scale = (16 - (wn - wb)).max(base.scale).max(n.scale).clamp(0, 1000);
            let (lb, ln) = (ln_big(&base, scale + GUARD + wn.max(0) + 8), ln_big(&n, scale + GUARD + 8));
            if lb.is_zero() {
                return Err(ValueError::division_by_zero());
            }
            ln.div(&lb, scale, true).to_text()
        }
        (Err(b), n) if b == "NaN" || matches!(&n, Err(s) if s == "NaN") => Ok("NaN".into()),
        (Ok(_), Err(s)) => Ok(s),
        (Err(_), Ok(_)) => Ok("0".into()),
        (Err(_), Err(_)) => Ok("NaN".into()),
    }
}

/// `log(n)`, `log10(n)`
pub fn log10(n: &str) -> Result<String> {
    log("10", n)
}

/// `power(base, exponent)`, `base ^ exponent`
pub fn power(base: &str, exponent: &str) -> Result<String> {
    let (Number::Finite(b), Number::Finite(e)) = (Number::parse(base)?, Number::parse(exponent)?) else {
        return power_special(base, exponent);
    };
    if b.is_zero() && e.negative {
        return Err(ValueError::new("2201F", "zero raised to a negative power is undefined"));
    }
    let integer = e.truncated(0).compare(&e).is_eq();
    if b.negative && !integer {
        return Err(ValueError::new(
            "2201F",
            "a negative number raised to a non-integer power yields a complex result",
        ));
    }
    if integer && let Ok(n) = e.truncated(0).to_text()?.parse::<i32>() {
        return power_int(&b, n, e.scale)?.to_text();
    }
    if b.is_zero() {
        return Big::zero(16.max(b.scale).max(e.scale)).to_text();
    }
    let magnitude = Big { negative: false, ..b.clone() };
    let estimate = ln_big(&magnitude, (8 - ln_weight(&magnitude)).clamp(0, 1000) + 8).mul(&e).to_f64();
    if estimate >= 6000.0 {
        return Err(overflow());
    }
    let digits = estimate * std::f64::consts::LOG10_E;
    let scale = (16 - whole(digits)).max(b.scale).max(e.scale).clamp(0, 1000);
    let work = scale + whole(digits).max(0) + (e.weight + 1).max(0) * GROUP + GUARD;
    let mut result = exp_big(&ln_big(&magnitude, work).mul(&e).rounded(work), scale)?;
    let odd = e.truncated(0).to_text()?.ends_with(['1', '3', '5', '7', '9']);
    result.negative = b.negative && odd && !result.is_zero();
    result.to_text()
}

fn power_int(b: &Big, n: i32, exponent_scale: i32) -> Result<Big> {
    // Decimal digits of the result before the point, to bound the work; the scale is 16 or an operand's.
    let digits = if b.is_zero() {
        0.0
    } else {
        let mut first = 0.0;
        let mut weight = f64::from(b.weight * GROUP);
        for (i, d) in b.digits.iter().take(4).enumerate() {
            first = first * 10_000.0 + f64::from(*d);
            weight -= if i > 0 { f64::from(GROUP) } else { 0.0 };
        }
        f64::from(n) * (first.log10() + weight)
    };
    if digits > 20_000.0 {
        return Err(overflow());
    }
    let scale = 16.max(b.scale).max(exponent_scale).min(1000);
    if n == 0 {
        let mut one = int(1);
        one.scale = scale;
        return Ok(one);
    }
    if b.is_zero() {
        return Ok(Big::zero(scale));
    }
    if digits + 1.0 < -f64::from(scale) {
        return Ok(Big::zero(scale));
    }
    // Keep enough significant digits at every step; products beyond them are rounded.
    let significant = 1 + scale + whole(digits) + whole(f64::from(n).abs().ln()) + 8 + GUARD;
    let mut base = b.clone();
    let mut result = if n & 1 == 1 { base.clone() } else { int(1) };
    let mut bits = n.unsigned_abs() >> 1;
    while bits > 0 {
        let product = base.mul(&base);
        let keep = (significant - 2 * base.weight * GROUP).clamp(0, 20_000);
        base = if product.scale > keep { product.rounded(keep) } else { product };
        if bits & 1 == 1 {
            let product = result.mul(&base);
            let keep = (significant - (base.weight + result.weight) * GROUP).clamp(0, 20_000);
            result = if product.scale > keep { product.rounded(keep) } else { product };
        }
        bits >>= 1;
        if base.weight > 10_000 {
            return if n < 0 { Ok(Big::zero(scale)) } else { Err(overflow()) };
        }
    }
    Ok(if n < 0 { int(1).div(&result, scale, true) } else { result.rounded(scale) })
}

fn power_special(base: &str, exponent: &str) -> Result<String> {
    let one = |s: &str| super::compare(s, "1").is_eq();
    let zero = |s: &str| super::compare(s, "0").is_eq();
    if zero(exponent) || one(base) {
        return Ok("1".into());
    }
    if base == "NaN" || exponent == "NaN" {
        return Ok("NaN".into());
    }
    if exponent.ends_with("Infinity") {
        let magnitude = super::compare(base.trim_start_matches('-'), "1");
        if base == "-1" {
            return Ok("1".into());
        }
        let grows = magnitude.is_gt() != exponent.starts_with('-');
        if zero(base) && exponent.starts_with('-') {
            return Err(ValueError::new("2201F", "zero raised to a negative power is undefined"));
        }
        return Ok(if grows { infinity(false) } else { "0".into() });
    }
    if exponent.starts_with('-') {
        return Ok("0".into());
    }
    let odd = !exponent.contains('.') && exponent.ends_with(['1', '3', '5', '7', '9']);
    if base.starts_with('-')
        && exponent.contains('.')
        && !super::arith::trim_scale(exponent).ends_with(|c: char| c.is_ascii_digit())
    {
        return Err(ValueError::new(
            "2201F",
            "a negative number raised to a non-integer power yields a complex result",
        ));
    }
    Ok(infinity(base.starts_with('-') && odd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_and_logarithms_have_postgresqls_digits() {
        type One = fn(&str) -> Result<String>;
        let cases: &[(One, &str, &str)] = &[
            (sqrt, "2", "1.414213562373095"),
            (sqrt, "100", "10.000000000000000"),
            (sqrt, "0.0001", "0.01000000000000000"),
            (sqrt, "12345678901234567890", "3513641828.8201443"),
            (sqrt, "0", "0.000000000000000"),
            (sqrt, "2.0000", "1.414213562373095"),
            (sqrt, "0.000000001234", "0.000035128336140500592"),
            (exp, "1", "2.7182818284590452"),
            (exp, "0.0", "1.0000000000000000"),
            (exp, "-5.5", "0.004086771438464067"),
            (exp, "100.0", "26881171418161354484126255515800135873611118.8"),
            (exp, "0.001", "1.0010005001667083"),
            (exp, "-100.0", "0.00000000000000000000000000000000000000000003720075976020836"),
            (ln, "2", "0.6931471805599453"),
            (ln, "10.0", "2.3025850929940457"),
            (ln, "0.5", "-0.6931471805599453"),
            (ln, "1.05", "0.048790164169432003"),
            (ln, "1.0", "0.0000000000000000"),
            (ln, "123456789.123", "18.631401767164318"),
            (ln, "0.00001", "-11.512925464970228"),
            (log10, "100", "2.0000000000000000"),
            (log10, "1000.0", "3.0000000000000000"),
        ];
        for (f, n, want) in cases {
            assert_eq!(f(n).unwrap(), *want, "{n}");
        }
        for (base, n, want) in
            [("2", "8", "3.0000000000000000"), ("2.0", "10.5", "3.3923174227787603"), ("3", "7", "1.7712437491614223")]
        {
            assert_eq!(log(base, n).unwrap(), want);
        }
        for (base, exponent, want) in [
            ("2", "3", "8.0000000000000000"),
            ("2", "-1", "0.5000000000000000"),
            ("1.05", "10", "1.6288946267774414"),
            ("1.01", "100", "2.7048138294215261"),
            ("-2", "3", "-8.0000000000000000"),
            ("2", "100", "1267650600228229401496703205376.0000000000000000"),
            ("0.5", "100", "0.0000000000000000"),
            ("9.99", "-1", "0.1001001001001001"),
            ("2", "0.5", "1.4142135623730950"),
            ("0", "1.5", "0.0000000000000000"),
            ("2.5", "-2.5", "0.1011928851253881"),
            ("1234.5", "3.25", "11151827843.303871"),
            ("100", "-20", "0.0000000000000000"),
            ("0", "0", "1.0000000000000000"),
            ("Infinity", "2", "Infinity"),
        ] {
            assert_eq!(power(base, exponent).unwrap(), want, "{base} {exponent}");
        }
        assert_eq!(sqrt("-1").unwrap_err().sqlstate, "2201F");
        assert_eq!(ln("0").unwrap_err().message, "cannot take logarithm of zero");
    }
}
