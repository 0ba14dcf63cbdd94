//! Query strings and forms as pairs of decoded text, and back.

use std::borrow::Cow;

use super::cursor::echo;
use super::error::ApiError;

/// One `key=value`; `value` is `None` when there was no `=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair<'a> {
    /// Decoded key.
    pub key: Cow<'a, str>,
    /// Decoded value.
    pub value: Option<Cow<'a, str>>,
}

/// Splits `application/x-www-form-urlencoded` text at `&` and decodes it: `+` is a space, `%XX` a byte of UTF-8, a
/// stray `%` stays. Empty pieces are dropped. What is not UTF-8 afterwards, or holds U+0000, comes back as `Err` with
/// the undecoded piece.
pub fn decode_pairs(text: &str) -> Result<Vec<Pair<'_>>, &str> {
    let mut pairs = Vec::with_capacity(8);
    for piece in text.split('&').filter(|piece| !piece.is_empty()) {
        let (key, value) = match piece.split_once('=') {
            Some((key, value)) => (key, Some(decode(value, true).ok_or(piece)?)),
            None => (piece, None),
        };
        pairs.push(Pair { key: decode(key, true).ok_or(piece)?, value });
    }
    Ok(pairs)
}

/// Percent-decodes one segment of a path (`+` stays).
pub fn decode_segment(text: &str) -> Option<Cow<'_, str>> {
    decode(text, false)
}

/// The client's error for a piece that does not decode. U+0000 is text, but no database text holds it: its refusal is
/// the database's own.
pub(super) fn undecodable(piece: &str) -> ApiError {
    if piece.contains("%00") || piece.contains('\0') {
        let message = "invalid byte sequence for encoding \"UTF8\": 0x00";
        return ApiError::database("22021", false, message, None, None);
    }
    ApiError::query(
        format!("\"failed to decode query string ({})\" (line 1, column 1)", echo(piece)),
        "unexpected bytes expecting UTF-8",
    )
}

fn decode(text: &str, plus_is_space: bool) -> Option<Cow<'_, str>> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|b| matches!(b, b'%' | 0) || (plus_is_space && *b == b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        out.push(match byte {
            b'+' if plus_is_space => b' ',
            b'%' => match (hex(bytes.get(at)), hex(bytes.get(at + 1))) {
                (Some(high), Some(low)) => {
                    at += 2;
                    high << 4 | low
                }
                _ => b'%',
            },
            byte => byte,
        });
    }
    if out.contains(&0) {
        return None;
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

fn hex(byte: Option<&u8>) -> Option<u8> {
    let digit = char::from(*byte?).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// Percent-encodes everything but letters, digits and `-_.~`.
pub fn encode(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// The canonical form of a query string: sorted by key, re-encoded, the values of a repeated key joined by commas.
pub fn canonical(pairs: &[Pair<'_>]) -> String {
    let mut sorted: Vec<&Pair<'_>> = pairs.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key)); // stable: repeated keys keep their order
    let mut out = String::new();
    let mut last: Option<&str> = None;
    for pair in sorted {
        if last == Some(pair.key.as_ref()) {
            out.push(',');
        } else {
            if last.is_some() {
                out.push('&');
            }
            encode(&mut out, &pair.key);
            out.push('=');
            last = Some(pair.key.as_ref());
        }
        encode(&mut out, pair.value.as_deref().unwrap_or_default());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_decode_as_forms_do() {
        type Plain<'a> = (&'a str, Option<&'a str>);
        let cases: [(&str, &[Plain<'_>]); 8] = [
            ("", &[]),
            ("a=1&b", &[("a", Some("1")), ("b", None)]),
            ("a=&=b&&", &[("a", Some("")), ("", Some("b"))]),
            ("a+b=c+d%2Be", &[("a b", Some("c d+e"))]),
            ("a=%C3%A9%e2%82%ac", &[("a", Some("é€"))]),
            ("a=%", &[("a", Some("%"))]),
            ("a=%zz%4", &[("a", Some("%zz%4"))]),
            ("a=b=c", &[("a", Some("b=c"))]),
        ];
        for (text, expected) in cases {
            let pairs = decode_pairs(text).expect(text);
            let plain: Vec<_> = pairs.iter().map(|p| (p.key.as_ref(), p.value.as_deref())).collect();
            assert_eq!(plain, expected, "{text}");
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_refused_with_their_piece() {
        for text in ["x=1&a=%FF", "x=1&a=%00", "x=1&%C3=a"] {
            assert_eq!(decode_pairs(text), Err(&text[4..]), "{text}");
        }
    }

    #[test]
    fn the_canonical_query_is_sorted_and_joins_repeated_keys() {
        let cases = [
            ("a=1&c=3&b=2&d", "a=1&b=2&c=3&d="),
            ("id=gt.0&select=*,a(b)&id=lt.9", "id=gt.0,lt.9&select=%2A%2Ca%28b%29"),
            ("t=%C3%A9&s=a+b-_.~", "s=a%20b-_.~&t=%C3%A9"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(canonical(&decode_pairs(text).expect(text)), expected, "{text}");
        }
    }
}
