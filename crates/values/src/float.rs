//! `real` and `double precision`: reading and PostgreSQL's shortest exact output.

use crate::sink::{Sink, put_int};
use crate::{Result, ValueError};
use std::fmt::Write;

/// Reads `float8` input.
pub fn parse_f64(text: &str) -> Result<f64> {
    let t = crate::input::trim(text);
    let f: f64 = t.parse().map_err(|_| ValueError::syntax("double precision", text))?;
    in_range(f.is_infinite(), f == 0.0, t).then_some(f).ok_or_else(|| out_of_range(text, "double precision"))
}

/// Reads `float4` input.
pub fn parse_f32(text: &str) -> Result<f32> {
    let t = crate::input::trim(text);
    let f: f32 = t.parse().map_err(|_| ValueError::syntax("real", text))?;
    in_range(f.is_infinite(), f == 0.0, t).then_some(f).ok_or_else(|| out_of_range(text, "real"))
}

fn out_of_range(text: &str, ty: &str) -> ValueError {
    ValueError::new("22003", format!("\"{}\" is out of range for type {ty}", crate::input::trim(text)))
}

/// Infinite only when written so; zero only when every digit was.
fn in_range(infinite: bool, zero: bool, t: &str) -> bool {
    let digits = || t.split(['e', 'E']).next().unwrap_or("");
    let too_large = infinite && t.contains(|c: char| c.is_ascii_digit());
    let too_small = zero && digits().contains(|c| matches!(c, '1'..='9'));
    !too_large && !too_small
}

/// A buffer on the stack for the standard library's shortest digits.
struct Digits {
    bytes: [u8; 40],
    len: usize,
}

impl Write for Digits {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        let end = self.len + s.len();
        self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?.copy_from_slice(s.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// A double that is a decimal of at most 15 digits and 6 places, which is how people write them. The quotient of two exact
/// integers is rounded as reading the decimal would be, so equality proves the digits; the fewest places that do are the
/// shortest form.
#[expect(clippy::cast_possible_truncation, clippy::float_cmp, reason = "whole and below 1e15; equality is the proof")]
fn few_places(f: f64) -> Option<(i64, u32)> {
    if !(1e-4..1e15).contains(&f.abs()) {
        return None;
    }
    let mut unit = 1.0;
    for places in 0..=6 {
        let digits = (f * unit).round();
        if digits.abs() >= 1e15 {
            return None;
        }
        if digits / unit == f {
            return Some((digits as i64, places));
        }
        unit *= 10.0;
    }
    None
}

/// Appends an integer with a point before its last `places` digits.
fn put_fixed(digits: i64, places: u32, out: &mut impl Sink) {
    let unit = 10i64.pow(places);
    if digits < 0 {
        out.put("-");
    }
    put_int((digits / unit).abs(), out);
    if places > 0 {
        out.put(".");
        let fraction = (digits % unit).abs();
        for p in (0..places).rev() {
            let digit = fraction / 10i64.pow(p) % 10;
            out.put_ascii(&[b'0' + u8::try_from(digit).unwrap_or(0)]);
        }
    }
}

/// From here on a double may lie halfway between two decimals of 16 digits.
const TIES: f64 = 70_368_744_177_664.0;
/// From here on every double is whole.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// A float in scientific form with the fewest digits that read back the same.
///
/// PostgreSQL wants the digits strictly between the midpoints to the neighbours, and the even one of two equally near. The
/// standard library accepts a midpoint where reading would round to even; that can only happen where a short decimal is a
/// midpoint exactly: for `real`, and for whole numbers from 2^53 on.
fn shortest(f: f64, single: bool) -> Digits {
    let format = |arguments: std::fmt::Arguments<'_>| {
        let mut d = Digits { bytes: [0; 40], len: 0 };
        // The longest form has 24 bytes, so the buffer cannot be too small.
        let _ = d.write_fmt(arguments);
        d
    };
    #[expect(clippy::cast_possible_truncation, reason = "a real is stored as the double of the same value")]
    let first = if single { format(format_args!("{:e}", f as f32)) } else { format(format_args!("{f:e}")) };
    if !single && !(TIES..1e30).contains(&f.abs()) {
        return first;
    }
    let fraction =
        |d: &Digits| d.bytes[..d.len].iter().take_while(|b| **b != b'e').filter(|b| b.is_ascii_digit()).count() - 1;
    for digits in fraction(&first)..17 {
        let d = format(format_args!("{f:.digits$e}"));
        let text = std::str::from_utf8(&d.bytes[..d.len]).unwrap_or("");
        if !single && f.abs() < WHOLE {
            // Fractions of a quarter or a half: a tie between two last digits, but no midpoint in reach.
            return if text.parse::<f64>() == Ok(f) { d } else { first };
        }
        if inside(f, text, single) {
            return d;
        }
    }
    first
}

/// True when a decimal lies strictly between the midpoints to a float's neighbours.
fn inside(f: f64, text: &str, single: bool) -> bool {
    if single {
        #[expect(clippy::cast_possible_truncation, reason = "a real is stored as the double of the same value")]
        let (s, d) = (f as f32, text.parse::<f64>().unwrap_or(f64::NAN));
        let (low, high) = (f64::from(s.next_down()).midpoint(f), f64::from(s.next_up()).midpoint(f));
        return low < d && d < high;
    }
    // Whole numbers below 2^100: exact in integers.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, positive, below 1e30")]
    let whole = |f: f64| f.abs() as u128;
    let decimal = crate::numeric::canonical(text).ok().and_then(|t| t.trim_start_matches('-').parse::<u128>().ok());
    let (low, high) = (whole(f.abs().next_down()), whole(f.abs().next_up()));
    decimal.is_some_and(|d| low + whole(f) < 2 * d && 2 * d < high + whole(f))
}

/// Appends a float as PostgreSQL prints it: the fewest digits that read back the same, in scientific form below 1e-4 and
/// from 1e15 (`real`: 1e6) on.
pub(crate) fn put_float(f: f64, single: bool, out: &mut impl Sink) {
    if f.is_nan() {
        return out.put("NaN");
    }
    if f.is_infinite() {
        return out.put(if f > 0.0 { "Infinity" } else { "-Infinity" });
    }
    let limit = if single { 6 } else { 15 };
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 1e6")]
    if f.fract() == 0.0 && f.abs() < 1e6 && (f != 0.0 || f.is_sign_positive()) {
        return put_int(f as i64, out);
    }
    if !single && let Some((digits, places)) = few_places(f) {
        return put_fixed(digits, places, out);
    }
    let d = shortest(f, single);
    let text = &d.bytes[..d.len];
    let at = text.iter().position(|b| *b == b'e').unwrap_or(text.len());
    if at == text.len() {
        return;
    }
    let (negative, mantissa) = if text[0] == b'-' { (true, &text[1..at]) } else { (false, &text[..at]) };
    let exponent: i32 = std::str::from_utf8(&text[at + 1..]).ok().and_then(|e| e.parse().ok()).unwrap_or(0);
    let (first, rest) = (&mantissa[..1], mantissa.get(2..).unwrap_or(&[]));
    if negative {
        out.put("-");
    }
    if exponent < -4 || exponent >= limit {
        out.put_ascii(first);
        if !rest.is_empty() {
            out.put(".");
            out.put_ascii(rest);
        }
        out.put(if exponent < 0 { "e-" } else { "e+" });
        if exponent.abs() < 10 {
            out.put("0");
        }
        put_int(i64::from(exponent.abs()), out);
    } else if exponent < 0 {
        out.put("0.");
        out.put(&"000"[..usize::try_from(-exponent - 1).unwrap_or(0).min(3)]);
        out.put_ascii(first);
        out.put_ascii(rest);
    } else {
        let whole = usize::try_from(exponent).unwrap_or(0);
        out.put_ascii(first);
        if rest.len() > whole {
            out.put_ascii(&rest[..whole]);
            out.put(".");
            out.put_ascii(&rest[whole..]);
        } else {
            out.put_ascii(rest);
            for _ in rest.len()..whole {
                out.put("0");
            }
        }
    }
}

/// A float as PostgreSQL prints it.
pub fn to_text(f: f64, single: bool) -> String {
    let mut out = String::new();
    put_float(f, single, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_postgresql_prints_them() {
        let cases = [
            (0.1, "0.1"),
            (1.0, "1"),
            (-0.0, "-0"),
            (1e20, "1e+20"),
            (1e15, "1e+15"),
            (1e14, "100000000000000"),
            (123_456_789.5, "123456789.5"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-10, "1.5e-10"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (1e300, "1e+300"),
            (1.0 / 3.0, "0.3333333333333333"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            (5e-324, "5e-324"),
            (999_999_999_999_999.0, "999999999999999"),
            (-1234.5, "-1234.5"),
            (-626_481_989_100_661.2, "-626481989100661.2"),
        ];
        for (f, want) in cases {
            assert_eq!(to_text(f, false), want);
        }
        for (f, want) in [
            (0.1f32, "0.1"),
            (1e6, "1e+06"),
            (123_456.0, "123456"),
            (1_234_567.0, "1.234567e+06"),
            (1.0 / 3.0, "0.33333334"),
            (3.4e38, "3.4e+38"),
            (1_070_834.3, "1.0708342e+06"),
            (-78_012_816.0, "-7.8012816e+07"),
        ] {
            assert_eq!(to_text(f64::from(f), true), want);
        }
    }

    #[test]
    fn floats_are_read_within_their_range() {
        for (text, want) in [
            (" 1.5 ", 1.5),
            ("1e3", 1000.0),
            (".5", 0.5),
            ("-inf", f64::NEG_INFINITY),
            ("Infinity", f64::INFINITY),
            ("0e-999", 0.0),
        ] {
            assert!(parse_f64(text).unwrap().total_cmp(&want).is_eq(), "{text}");
        }
        for (text, state, message) in [
            ("x", "22P02", "invalid input syntax for type double precision: \"x\""),
            ("", "22P02", "invalid input syntax for type double precision: \"\""),
            ("1e400", "22003", "\"1e400\" is out of range for type double precision"),
            ("1e-400", "22003", "\"1e-400\" is out of range for type double precision"),
        ] {
            let e = parse_f64(text).unwrap_err();
            assert_eq!((e.sqlstate, e.message.as_str()), (state, message));
        }
        assert_eq!(parse_f32("1e40").unwrap_err().message, "\"1e40\" is out of range for type real");
    }
}
