//! Numbers, printed as PostgreSQL prints them.

use super::{Sink, broken, take};
use crate::error::Result;

/// Appends an integer.
pub(super) fn integer<S: Sink>(value: i64, out: &mut S) {
    let mut buffer = [0_u8; 20];
    let mut at = buffer.len();
    let mut left = value.unsigned_abs();
    loop {
        at -= 1;
        buffer[at] = digit(left % 10);
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    ascii(&buffer[at..], out);
}

/// Appends `value` with at least `width` digits.
pub(super) fn padded<S: Sink>(value: u32, width: usize, out: &mut S) {
    let mut buffer = [b'0'; 10];
    let mut at = buffer.len();
    let mut left = value;
    while left > 0 {
        at -= 1;
        buffer[at] = digit(u64::from(left % 10));
        left /= 10;
    }
    ascii(&buffer[at.min(buffer.len() - width)..], out);
}

fn digit(value: u64) -> u8 {
    b"0123456789"[usize::try_from(value % 10).unwrap_or(0)]
}

fn ascii<S: Sink>(bytes: &[u8], out: &mut S) {
    // The buffers above hold digits, signs, points and letters only.
    if let Ok(text) = std::str::from_utf8(bytes) {
        out.push(text);
    }
}

/// Appends a `float4`: the shortest text that reads back as the same number, in powers of ten from six digits up.
pub(super) fn float4<S: Sink>(value: f32, out: &mut S) {
    if value.is_finite() {
        shortest(format_args!("{value:e}"), 6, out);
    } else {
        special(value.is_nan(), value > 0.0, out);
    }
}

/// Appends a `float8`, in powers of ten from fifteen digits up.
pub(super) fn float8<S: Sink>(value: f64, out: &mut S) {
    if value.is_finite() {
        shortest(format_args!("{value:e}"), 15, out);
    } else {
        special(value.is_nan(), value > 0.0, out);
    }
}

fn special<S: Sink>(nan: bool, positive: bool, out: &mut S) {
    out.push(match (nan, positive) {
        (true, _) => "NaN",
        (_, true) => "Infinity",
        _ => "-Infinity",
    });
}

/// A little buffer to print a float into without allocating.
struct Small {
    bytes: [u8; 32],
    used: usize,
}

impl std::fmt::Write for Small {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.used + text.len();
        self.bytes.get_mut(self.used..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}

/// Turns Rust's `d.ddde±x`, which has the shortest digits, into PostgreSQL's form.
fn shortest<S: Sink>(number: std::fmt::Arguments<'_>, scientific_from: i32, out: &mut S) {
    let mut small = Small { bytes: [0; 32], used: 0 };
    // 17 digits, two signs, a point and an exponent of three digits fit.
    let _ = std::fmt::Write::write_fmt(&mut small, number);
    let text = std::str::from_utf8(&small.bytes[..small.used]).unwrap_or_default();
    let (text, negative) = text.strip_prefix('-').map_or((text, false), |rest| (rest, true));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if negative {
        out.push("-");
    }
    if exponent < -4 || exponent >= scientific_from {
        out.push(mantissa);
        out.push(if exponent < 0 { "e-" } else { "e+" });
        padded(exponent.unsigned_abs(), 2, out);
        return;
    }
    if exponent < 0 {
        out.push("0.");
        for _ in 1..-exponent {
            out.push("0");
        }
        out.push(first);
        out.push(rest);
        return;
    }
    let whole = usize::try_from(exponent).unwrap_or(0);
    out.push(first);
    if rest.len() <= whole {
        out.push(rest);
        for _ in rest.len()..whole {
            out.push("0");
        }
    } else {
        out.push(&rest[..whole]);
        out.push(".");
        out.push(&rest[whole..]);
    }
}

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;

/// Is this `numeric` a number and not NaN or an infinity.
pub(super) fn is_finite(bytes: &[u8]) -> Result<bool> {
    let sign = bytes.get(4..6).ok_or_else(|| broken("numeric"))?;
    Ok(!matches!(u16::from_be_bytes([sign[0], sign[1]]), NAN | INFINITY | NEGATIVE_INFINITY))
}

/// Appends a `numeric`: digits to the base of ten thousand, the first of weight 10000^weight, with `scale` decimals.
pub(super) fn numeric<S: Sink>(bytes: &[u8], out: &mut S) -> Result<()> {
    let mut at = bytes;
    let _count = u16::from_be_bytes(take(&mut at)?);
    let weight = i32::from(i16::from_be_bytes(take(&mut at)?));
    let sign = u16::from_be_bytes(take(&mut at)?);
    let scale = i32::from(u16::from_be_bytes(take(&mut at)?));
    match sign {
        NAN => special(true, false, out),
        INFINITY => special(false, true, out),
        NEGATIVE_INFINITY => special(false, false, out),
        _ => {
            if sign == NEGATIVE {
                out.push("-");
            }
            let (groups, _) = at.as_chunks::<2>();
            let group = |index: i32| -> u32 {
                let found = usize::try_from(index).ok().and_then(|index| groups.get(index));
                u32::from(found.map_or(0, |group| u16::from_be_bytes(*group)))
            };
            if weight < 0 {
                out.push("0");
            } else {
                integer(i64::from(group(0)), out);
                for index in 1..=weight {
                    padded(group(index), 4, out);
                }
            }
            if scale > 0 {
                out.push(".");
            }
            let mut index = weight + 1;
            let mut left = scale;
            while left >= 4 {
                padded(group(index), 4, out);
                index += 1;
                left -= 4;
            }
            match left {
                1 => padded(group(index) / 1000, 1, out),
                2 => padded(group(index) / 100, 2, out),
                3 => padded(group(index) / 10, 3, out),
                _ => {}
            }
        }
    }
    Ok(())
}
