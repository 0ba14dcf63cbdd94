//! `md5`, `encode` and `decode`.

use crate::sink::put_hex;
use crate::{Result, ValueError, bytea};
use std::fmt::Write;

/// Per-round shifts of MD5 (RFC 1321).
const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// The MD5 digest of bytes.
#[expect(clippy::many_single_char_names, reason = "the names of RFC 1321")]
pub fn md5(bytes: &[u8]) -> [u8; 16] {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the constants are the integer parts of 2^32 |sin i|"
    )]
    let table: [u32; 64] = std::array::from_fn(|i| {
        ((f64::from(u32::try_from(i).unwrap_or(0)) + 1.0).sin().abs() * 4_294_967_296.0) as u32
    });
    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let mut message = bytes.to_vec();
    message.push(0x80);
    while message.len() % 64 != 56 {
        message.push(0);
    }
    message.extend_from_slice(&(bytes.len() as u64).wrapping_mul(8).to_le_bytes());
    for block in message.chunks_exact(64) {
        let word = |i: usize| u32::from_le_bytes([block[i * 4], block[i * 4 + 1], block[i * 4 + 2], block[i * 4 + 3]]);
        let [mut a, mut b, mut c, mut d] = state;
        for i in 0..64 {
            let (f, g) = match i / 16 {
                0 => ((b & c) | (!b & d), i),
                1 => ((d & b) | (!d & c), (5 * i + 1) % 16),
                2 => (b ^ c ^ d, (3 * i + 5) % 16),
                _ => (c ^ (b | !d), (7 * i) % 16),
            };
            let sum = a.wrapping_add(f).wrapping_add(table[i]).wrapping_add(word(g));
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(SHIFTS[i / 16][i % 4]));
        }
        for (s, v) in state.iter_mut().zip([a, b, c, d]) {
            *s = s.wrapping_add(v);
        }
    }
    let mut out = [0; 16];
    for (chunk, s) in out.chunks_exact_mut(4).zip(state) {
        chunk.copy_from_slice(&s.to_le_bytes());
    }
    out
}

/// `md5(…)`: the digest in hexadecimal.
pub fn md5_text(bytes: &[u8]) -> String {
    let mut out = String::new();
    put_hex(&md5(bytes), &mut out);
    out
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn unknown(format: &str) -> ValueError {
    ValueError::parameter(format!("unrecognized encoding: \"{format}\""))
}

/// `encode(bytes, 'hex' | 'base64' | 'escape')`; base64 has lines of 76 as PostgreSQL's.
pub fn encode(bytes: &[u8], format: &str) -> Result<String> {
    let mut out = String::new();
    match format.to_ascii_lowercase().as_str() {
        "hex" => put_hex(bytes, &mut out),
        "base64" => {
            for (i, chunk) in bytes.chunks(3).enumerate() {
                if i > 0 && i % 19 == 0 {
                    out.push('\n');
                }
                let n = chunk.iter().chain([&0, &0]).take(3).fold(0usize, |n, b| n << 8 | usize::from(*b));
                for k in 0..4 {
                    out.push(if k <= chunk.len() { char::from(BASE64[n >> (18 - 6 * k) & 63]) } else { '=' });
                }
            }
        }
        "escape" => {
            for b in bytes {
                match b {
                    b'\\' => out.push_str("\\\\"),
                    0 | 0x80.. => {
                        let _ = write!(out, "\\{b:03o}");
                    }
                    _ => out.push(char::from(*b)),
                }
            }
        }
        _ => return Err(unknown(format)),
    }
    Ok(out)
}

/// `decode(text, 'hex' | 'base64' | 'escape')`
pub fn decode(text: &str, format: &str) -> Result<Vec<u8>> {
    match format.to_ascii_lowercase().as_str() {
        "hex" => bytea::hex_bytes(text),
        "escape" => bytea::parse(text),
        "base64" => base64(text),
        _ => Err(unknown(format)),
    }
}

fn base64(text: &str) -> Result<Vec<u8>> {
    let (mut out, mut bits, mut have, mut end) = (Vec::new(), 0u32, 0, 0);
    for c in text.chars() {
        if matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        }
        if c == '=' {
            end += 1;
            have += 1;
            if have < 3 {
                return Err(ValueError::parameter("unexpected \"=\" while decoding base64 sequence"));
            }
            bits <<= 6;
        } else {
            let digit = u8::try_from(c).ok().and_then(|c| BASE64.iter().position(|b| *b == c)).filter(|_| end == 0);
            let digit = digit.ok_or_else(|| {
                ValueError::parameter(format!("invalid symbol \"{c}\" found while decoding base64 sequence"))
            })?;
            bits = bits << 6 | u32::try_from(digit).unwrap_or(0);
            have += 1;
        }
        if have == 4 {
            out.extend_from_slice(&bits.to_be_bytes()[1..4 - end.min(2)]);
            (bits, have) = (0, 0);
        }
    }
    if have != 0 {
        return Err(ValueError::parameter("invalid base64 end sequence")
            .with_hint("Input data is missing padding, is truncated, or is otherwise corrupted."));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_rfc() {
        for (text, want) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ] {
            assert_eq!(md5_text(text.as_bytes()), want);
        }
    }

    #[test]
    fn encodings_go_both_ways() {
        for (bytes, format, text) in [
            (&b"\x00\xff"[..], "hex", "00ff"),
            (b"hello", "base64", "aGVsbG8="),
            (b"hell", "base64", "aGVsbA=="),
            (b"hel", "base64", "aGVs"),
            (b"a\\\x00\xff", "escape", "a\\\\\\000\\377"),
        ] {
            assert_eq!(encode(bytes, format).unwrap(), text);
            assert_eq!(decode(text, format).unwrap(), bytes);
        }
        assert_eq!(encode(&[0; 58], "base64").unwrap().find('\n'), Some(76));
        assert_eq!(encode(b"", "rot13").unwrap_err().message, "unrecognized encoding: \"rot13\"");
        for bad in ["a", "=", "aGVsbG8", "a*bc"] {
            assert_eq!(decode(bad, "base64").unwrap_err().sqlstate, "22023", "{bad}");
        }
    }
}
