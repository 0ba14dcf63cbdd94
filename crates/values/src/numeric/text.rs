//! Numeric texts: input, order, and the way from and to machine numbers.

use super::{DIGITS_MAX, SCALE_MAX, arith, overflow};
use crate::{Result, ValueError};
use std::cmp::Ordering;

/// Reads any numeric input and gives the text PostgreSQL prints: `1e3` is `1000`, ` +01.50 ` is `1.50`.
pub fn canonical(text: &str) -> Result<String> {
    let bad = || ValueError::syntax("numeric", text);
    let t = crate::input::trim(text);
    let (negative, digits) = match t.as_bytes().first() {
        Some(b'-') => (true, &t[1..]),
        Some(b'+') => (false, &t[1..]),
        _ => (false, t),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return match digits.to_ascii_lowercase().as_str() {
            "nan" if t.len() == 3 => Ok("NaN".into()),
            "inf" | "infinity" => Ok(if negative { "-Infinity" } else { "Infinity" }.into()),
            _ => Err(bad()),
        };
    }
    let run = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
    let whole = &digits[..run(digits)];
    let mut rest = &digits[whole.len()..];
    let mut fraction = "";
    if let Some(after) = rest.strip_prefix('.') {
        fraction = &after[..run(after)];
        rest = &after[fraction.len()..];
    }
    if whole.is_empty() && fraction.is_empty() {
        return Err(bad());
    }
    let exponent = match rest.as_bytes().first() {
        None => 0,
        Some(b'e' | b'E') => {
            let e = &rest[1..];
            let d = e.strip_prefix(['+', '-']).unwrap_or(e);
            if d.is_empty() || run(d) != d.len() {
                return Err(bad());
            }
            e.parse::<i64>().ok().filter(|e| e.unsigned_abs() < 1_000_000).ok_or_else(overflow)?
        }
        Some(_) => return Err(bad()),
    };
    place(negative, whole, fraction, exponent)
}

/// Writes `whole.fraction` times ten to the exponent.
#[expect(
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "bounded by the input's length"
)]
fn place(negative: bool, whole: &str, fraction: &str, exponent: i64) -> Result<String> {
    let scale = (fraction.len() as i64 - exponent).max(0) as usize;
    let point = whole.len() as i64 + exponent; // digits before the point
    let digit = |i: i64| -> u8 {
        let Ok(i) = usize::try_from(i) else { return b'0' };
        let b = if i < whole.len() { whole.as_bytes().get(i) } else { fraction.as_bytes().get(i - whole.len()) };
        b.copied().unwrap_or(b'0')
    };
    let first = (0..(whole.len() + fraction.len()) as i64).find(|i| digit(*i) != b'0');
    let Some(first) = first else {
        if scale > SCALE_MAX {
            return Err(overflow());
        }
        return Ok(if scale == 0 { "0".into() } else { format!("0.{}", "0".repeat(scale)) });
    };
    if scale > SCALE_MAX || point - first > DIGITS_MAX as i64 {
        return Err(overflow());
    }
    let mut out = String::with_capacity(scale + (point - first).max(0) as usize + 3);
    if negative {
        out.push('-');
    }
    if first >= point {
        out.push('0');
    }
    for i in first..point {
        out.push(char::from(digit(i)));
    }
    if scale > 0 {
        out.push('.');
        for i in point..point + scale as i64 {
            out.push(char::from(digit(i)));
        }
    }
    Ok(out)
}

/// Where a text stands among the special values: numbers are 1.
fn class(t: &[u8]) -> u8 {
    match t {
        [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..] => 1,
        b"-Infinity" => 0,
        b"Infinity" => 2,
        b"NaN" => 3,
        _ => 4,
    }
}

/// Powers of ten for aligning short numerics.
const TENS: [i128; 18] = {
    let mut all = [1; 18];
    let mut i = 1;
    while i < 18 {
        all[i] = all[i - 1] * 10;
        i += 1;
    }
    all
};

/// A plain numeric of at most 17 bytes as an integer and its scale: nearly all there are.
fn short(t: &[u8]) -> Option<(i64, usize)> {
    let (negative, digits) = if let [b'-', rest @ ..] = t { (true, rest) } else { (false, t) };
    if digits.len() > 17 || !digits.first()?.is_ascii_digit() {
        return None;
    }
    let (mut n, mut point) = (0i64, None);
    for (i, c) in digits.iter().enumerate() {
        match c {
            b'0'..=b'9' => n = n * 10 + i64::from(c - b'0'),
            b'.' if point.is_none() => point = Some(i),
            _ => return None,
        }
    }
    let scale = point.map_or(0, |p| digits.len() - p - 1);
    Some((if negative { -n } else { n }, scale))
}

/// PostgreSQL's order of two stored numerics, without allocating. NaN is greatest; scale does not matter (`1.0 = 1.00`).
/// Total over all texts: what is no numeric comes last, by its bytes.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if let (Some((x, p)), Some((y, q))) = (short(a), short(b)) {
        return match p.cmp(&q) {
            Ordering::Equal => x.cmp(&y),
            Ordering::Less => (i128::from(x) * TENS[q - p]).cmp(&i128::from(y)),
            Ordering::Greater => i128::from(x).cmp(&(i128::from(y) * TENS[p - q])),
        };
    }
    if a == b {
        return Ordering::Equal;
    }
    match (class(a), class(b)) {
        (1, 1) => {}
        (4, 4) => return a.cmp(b),
        (x, y) => return x.cmp(&y),
    }
    match (a[0] == b'-', b[0] == b'-') {
        (false, false) => magnitude(a, b),
        (true, true) => magnitude(&b[1..], &a[1..]),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

fn magnitude(a: &[u8], b: &[u8]) -> Ordering {
    let split = |t: &[u8]| t.iter().position(|c| *c == b'.').unwrap_or(t.len());
    let (pa, pb) = (split(a), split(b));
    let strip = |t: &[u8]| t.iter().take_while(|c| **c == b'0').count();
    let (wa, wb) = (&a[..pa], &b[..pb]);
    let (wa, wb) = (&wa[strip(wa)..], &wb[strip(wb)..]);
    wa.len().cmp(&wb.len()).then_with(|| wa.cmp(wb)).then_with(|| {
        let (fa, fb) = (a.get(pa + 1..).unwrap_or(&[]), b.get(pb + 1..).unwrap_or(&[]));
        let common = fa.len().min(fb.len());
        fa[..common].cmp(&fb[..common]).then_with(|| {
            let more = |t: &[u8]| t[common..].iter().any(|c| *c != b'0');
            more(fa).cmp(&more(fb))
        })
    })
}

/// An integer as a numeric.
pub fn from_i64(i: i64) -> String {
    i.to_string()
}

/// `float8::numeric`: 15 significant digits.
pub fn from_f64(f: f64) -> Result<String> {
    from_float(f, 15)
}

/// `float4::numeric`: 6 significant digits.
pub fn from_f32(f: f32) -> Result<String> {
    from_float(f64::from(f), 6)
}

fn from_float(f: f64, digits: usize) -> Result<String> {
    if f.is_nan() {
        return Ok("NaN".into());
    }
    if f.is_infinite() {
        return Ok(if f > 0.0 { "Infinity" } else { "-Infinity" }.into());
    }
    // C's %.15g: trailing zeros go.
    let s = format!("{:.*e}", digits - 1, f);
    let (mantissa, exponent) = s.split_once('e').unwrap_or((&s, "0"));
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    canonical(&format!("{mantissa}e{exponent}"))
}

/// `numeric::float8`, and 22003 when it does not fit.
pub fn to_f64(n: &str) -> Result<f64> {
    let f: f64 = n.parse().map_err(|_| ValueError::syntax("double precision", n))?;
    if f.is_infinite() && !n.ends_with('y') {
        return Err(ValueError::text_out_of_range("double precision", n));
    }
    Ok(f)
}

/// Rounds to the nearest integer, halves away from zero; 22003 for what does not fit or is not a number. `ty` is the
/// type's name for the message (`bigint`, `integer`); its own range is the caller's to check.
pub fn to_i64(n: &str, ty: &str) -> Result<i64> {
    if let Ok(i) = n.parse() {
        return Ok(i);
    }
    if class(n.as_bytes()) != 1 {
        let what = if n == "NaN" { "NaN" } else { "infinity" };
        return Err(ValueError::new("0A000", format!("cannot convert {what} to {ty}")));
    }
    arith::round(n, 0)?.parse().map_err(|_| ValueError::out_of_range(ty))
}

/// Makes a numeric fit `numeric(precision, scale)`: rounds, and raises 22003 when it has too many digits.
pub fn apply_modifier(n: &str, precision: u16, scale: i16) -> Result<String> {
    let field = || ValueError::new("22003", "numeric field overflow");
    if n == "NaN" {
        return Ok(n.into());
    }
    if class(n.as_bytes()) != 1 {
        return Err(field()
            .with_detail(format!("A field with precision {precision}, scale {scale} cannot hold an infinite value.")));
    }
    let rounded = arith::round(n, i32::from(scale))?;
    let digits = rounded.trim_start_matches('-');
    let whole = digits.split('.').next().unwrap_or("").trim_start_matches('0').len();
    let room = i32::from(precision) - i32::from(scale);
    // A number below one may still need more than the room when the scale exceeds the precision: numeric(2,4).
    let size = if whole > 0 {
        i32::try_from(whole).unwrap_or(i32::MAX)
    } else {
        let zeros = digits.split_once('.').map_or(0, |(_, f)| f.bytes().take_while(|b| *b == b'0').count());
        if digits.bytes().all(|b| matches!(b, b'0' | b'.')) {
            i32::MIN
        } else {
            -i32::try_from(zeros).unwrap_or(i32::MAX)
        }
    };
    if size > room {
        let bound = if room == 0 { "1".into() } else { format!("10^{room}") };
        return Err(field().with_detail(format!(
            "A field with precision {precision}, scale {scale} must round to an absolute value less than {bound}."
        )));
    }
    Ok(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_input_is_read_as_postgresql_reads_it() {
        let cases = [
            ("1e3", "1000"),
            (" +01.50 ", "1.50"),
            ("-0", "0"),
            ("-0.00", "0.00"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1.5e1", "15"),
            ("1.50e1", "15.0"),
            ("1E-3", "0.001"),
            ("12.34e-3", "0.01234"),
            ("000", "0"),
            ("nan", "NaN"),
            ("inf", "Infinity"),
            ("-infinity", "-Infinity"),
            ("0e5", "0"),
            ("00012", "12"),
            ("-1.230", "-1.230"),
            ("0.00e1", "0.0"),
        ];
        for (text, want) in cases {
            assert_eq!(canonical(text).unwrap(), want, "{text}");
        }
        for text in ["", "abc", "1.2.3", "--1", "1e", "e5", ".", "1 2", "+nan", "0x10", "1_000"] {
            let e = canonical(text).unwrap_err();
            assert_eq!(
                (e.sqlstate, e.message),
                ("22P02", format!("invalid input syntax for type numeric: \"{text}\""))
            );
        }
        assert_eq!(canonical("1e200000").unwrap_err().message, "value overflows numeric format");
        assert_eq!(canonical("1e-20000").unwrap_err().sqlstate, "22003");
    }

    #[test]
    fn numerics_are_ordered_by_value() {
        let sorted = [
            "-Infinity",
            "-1000",
            "-999.9",
            "-1.5",
            "-1.25",
            "0",
            "0.0001",
            "0.1",
            "1",
            "1.25",
            "9",
            "10",
            "100.01",
            "Infinity",
            "NaN",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} {b}");
            }
        }
        for (a, b) in [("1", "1.000"), ("0", "0.00"), ("-2.50", "-2.5")] {
            assert_eq!(compare(a, b), Ordering::Equal);
        }
    }

    #[test]
    fn modifiers_round_and_refuse() {
        for (n, p, s, want) in [
            ("1.255", 5, 2, "1.26"),
            ("-1.255", 5, 2, "-1.26"),
            ("1", 5, 2, "1.00"),
            ("1250", 4, -2, "1300"),
            ("0.00125", 2, 4, "0.0013"),
            ("NaN", 3, 1, "NaN"),
            ("0", 2, 4, "0.0000"),
        ] {
            assert_eq!(apply_modifier(n, p, s).unwrap(), want);
        }
        for (n, p, s, detail) in [
            ("1000", 5, 2, "A field with precision 5, scale 2 must round to an absolute value less than 10^3."),
            ("999.995", 5, 2, "A field with precision 5, scale 2 must round to an absolute value less than 10^3."),
            ("1", 2, 2, "A field with precision 2, scale 2 must round to an absolute value less than 1."),
            ("0.01", 2, 4, "A field with precision 2, scale 4 must round to an absolute value less than 10^-2."),
            ("Infinity", 2, 1, "A field with precision 2, scale 1 cannot hold an infinite value."),
        ] {
            let e = apply_modifier(n, p, s).unwrap_err();
            assert_eq!(
                (e.sqlstate, e.message.as_str(), e.detail.as_deref()),
                ("22003", "numeric field overflow", Some(detail)),
                "{n}"
            );
        }
    }

    #[test]
    fn machine_numbers_convert_as_casts_do() {
        for (f, want) in [
            (0.1, "0.1"),
            (1e20, "100000000000000000000"),
            (123_456.789_012_345_67, "123456.789012346"),
            (-0.0, "0"),
            (1e-7, "0.0000001"),
        ] {
            assert_eq!(from_f64(f).unwrap(), want);
        }
        for (n, want) in [("1.5", 2), ("-1.5", -2), ("2.5", 3), ("0.4", 0), ("-0.4", 0)] {
            assert_eq!(to_i64(n, "integer").unwrap(), want);
        }
        assert_eq!(to_i64("1000000000000000000000.5", "bigint").unwrap_err().sqlstate, "22003");
        assert_eq!(to_i64("NaN", "integer").unwrap_err().message, "cannot convert NaN to integer");
    }
}
