//! What stands inside a token.

use crate::ast::Name;

/// PostgreSQL keeps this many bytes of an identifier.
const IDENTIFIER_BYTES_MAX: usize = 63;

/// Why a token's inside makes no sense; the place is in bytes from the token's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Where in the token.
    pub at: usize,
    /// What is wrong.
    pub message: &'static str,
}

fn error<T>(at: usize, message: &'static str) -> Result<T, DecodeError> {
    Err(DecodeError { at, message })
}

/// The name behind an unquoted word: folded to lower case (ASCII only, as PostgreSQL folds UTF-8) and cut as
/// PostgreSQL cuts it.
pub fn word(text: &str) -> Name {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        cut(&text.to_ascii_lowercase()).into()
    } else {
        cut(text).into()
    }
}

/// The longest beginning that PostgreSQL keeps of an identifier.
fn cut(name: &str) -> &str {
    let mut end = name.len().min(IDENTIFIER_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// The name behind a quoted identifier.
pub fn quoted_ident(text: &str) -> Result<Name, DecodeError> {
    if text.starts_with('"') {
        let inner = &text[1..text.len() - 1];
        return Ok(if inner.contains("\"\"") { cut(&inner.replace("\"\"", "\"")).into() } else { cut(inner).into() });
    }
    let close = text.rfind('"').unwrap_or(text.len());
    let inner = text.get(3..close).unwrap_or_default().replace("\"\"", "\"");
    let name = unicode(&inner, unicode_escape(&text[close..]))?;
    if name.is_empty() { error(0, "zero-length delimited identifier") } else { Ok(cut(&name).into()) }
}

/// The value of a string in any spelling.
pub fn string(text: &str) -> Result<String, DecodeError> {
    let value = match text.as_bytes() {
        [b'$', ..] => {
            let tag = text[1..].find('$').map_or(text.len(), |at| at + 2);
            text.get(tag..text.len() - tag).unwrap_or_default().to_owned()
        }
        [b'e' | b'E', ..] => return escaped(text),
        [b'u' | b'U', ..] => {
            let (body, tail) = text.split_at(unicode_end(text));
            unicode(&plain(body), unicode_escape(tail))?
        }
        _ => plain(text),
    };
    if value.contains('\0') { error(0, "a string cannot hold a zero byte") } else { Ok(value) }
}

/// The digits of a bit string.
pub fn bits(text: &str, hex: bool) -> Result<String, DecodeError> {
    let digits = plain(&text[1..]);
    let fits = |byte: u8| if hex { byte.is_ascii_hexdigit() } else { matches!(byte, b'0' | b'1') };
    if digits.bytes().all(fits) { Ok(digits) } else { error(0, "a bit string holds other characters than its digits") }
}

/// An integer in decimal digits, whatever its base. None when another base exceeds 128 bits.
pub fn integer(text: &str) -> Option<String> {
    let digits = text.replace('_', "");
    let radix = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => return Some(digits),
    };
    u128::from_str_radix(&digits[2..], radix).ok().map(|value| value.to_string())
}

/// The pieces between quotes of a string with continuations, each still with its doubled quotes.
fn pieces(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = text.as_bytes();
    let mut at = bytes.iter().position(|byte| *byte == b'\'');
    std::iter::from_fn(move || {
        let open = at?;
        let mut end = open + 1;
        let escapes = matches!(bytes[0], b'e' | b'E');
        while end < bytes.len() {
            match bytes[end] {
                b'\'' if bytes.get(end + 1) == Some(&b'\'') => end += 2,
                b'\'' => break,
                b'\\' if escapes => end += 2,
                _ => end += 1,
            }
        }
        at = super::continuation(bytes, end + 1);
        Some((open + 1, text.get(open + 1..end).unwrap_or_default()))
    })
}

fn plain(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for (_, piece) in pieces(text) {
        let mut rest = piece;
        while let Some(at) = rest.find('\'') {
            value.push_str(&rest[..=at]);
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        value.push_str(rest);
    }
    value
}

/// The end of the string itself in `U&'…' uescape 'x'`.
fn unicode_end(text: &str) -> usize {
    pieces(text).last().map_or(text.len(), |(start, piece)| start + piece.len() + 1)
}

fn unicode_escape(tail: &str) -> char {
    let bytes = tail.as_bytes();
    match bytes {
        [.., b'\'', escape, b'\''] => char::from(*escape),
        _ => '\\',
    }
}

/// Resolves `\XXXX` and `\+XXXXXX`.
fn unicode(text: &str, escape: char) -> Result<String, DecodeError> {
    let mut value = String::with_capacity(text.len());
    let mut rest = text;
    let mut surrogate = None;
    while let Some(at) = rest.find(escape) {
        let after = &rest[at + 1..];
        let (code, length) = if after.starts_with(escape) {
            (Some(u32::from(escape)), 1)
        } else if let Some(digits) = after.strip_prefix('+') {
            (hex(digits, 6), 7)
        } else {
            (hex(after, 4), 4)
        };
        if surrogate.is_some() && at > 0 {
            return error(0, "invalid Unicode surrogate pair");
        }
        value.push_str(&rest[..at]);
        let Some(code) = code else { return error(0, "invalid Unicode escape") };
        push_code(&mut value, &mut surrogate, code)?;
        rest = &after[length..];
    }
    if surrogate.is_some() {
        return error(0, "invalid Unicode surrogate pair");
    }
    value.push_str(rest);
    Ok(value)
}

fn hex(text: &str, digits: usize) -> Option<u32> {
    let digits = text.get(..digits)?;
    if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) { u32::from_str_radix(digits, 16).ok() } else { None }
}

/// Appends a code point, joining surrogate pairs.
fn push_code(value: &mut String, surrogate: &mut Option<u32>, code: u32) -> Result<(), DecodeError> {
    let code = match (surrogate.take(), code) {
        (None, 0xd800..=0xdbff) => {
            *surrogate = Some(code);
            return Ok(());
        }
        (Some(high), 0xdc00..=0xdfff) => 0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00),
        (Some(_), _) => return error(0, "invalid Unicode surrogate pair"),
        (None, code) => code,
    };
    match char::from_u32(code) {
        Some('\0') | None => error(0, "invalid Unicode escape value"),
        Some(letter) => {
            value.push(letter);
            Ok(())
        }
    }
}

/// Resolves the escapes of `E'…'`. Byte escapes must together be UTF-8.
fn escaped(text: &str) -> Result<String, DecodeError> {
    let mut value = Vec::with_capacity(text.len());
    let mut surrogate = None;
    for (start, piece) in pieces(text) {
        let bytes = piece.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let fail = |message| error(start + at, message);
            if bytes[at] != b'\\' {
                if surrogate.is_some() {
                    return fail("invalid Unicode surrogate pair");
                }
                value.push(bytes[at]);
                at += if bytes[at] == b'\'' { 2 } else { 1 };
                continue;
            }
            let Some(&letter) = bytes.get(at + 1) else { return fail("unterminated escape") };
            if let b'u' | b'U' = letter {
                let digits = if letter == b'u' { 4 } else { 8 };
                let Some(code) = piece.get(at + 2..).and_then(|rest| hex(rest, digits)) else {
                    return fail("invalid Unicode escape");
                };
                let mut letters = String::new();
                push_code(&mut letters, &mut surrogate, code)?;
                value.extend_from_slice(letters.as_bytes());
                at += 2 + digits;
                continue;
            }
            if surrogate.is_some() {
                return fail("invalid Unicode surrogate pair");
            }
            let (byte, length) = byte_escape(&bytes[at + 1..]);
            value.push(byte);
            at += 1 + length;
        }
    }
    if surrogate.is_some() {
        return error(0, "invalid Unicode surrogate pair");
    }
    match String::from_utf8(value) {
        Ok(value) if value.contains('\0') => error(0, "a string cannot hold a zero byte"),
        Ok(value) => Ok(value),
        Err(_) => error(0, "the escapes are not valid UTF-8"),
    }
}

/// The byte behind an escape and how many bytes it takes, from after the backslash on.
fn byte_escape(after: &[u8]) -> (u8, usize) {
    let number = |from: usize, digits: usize, radix: u32| {
        let mut value = 0u32;
        let mut length = 0;
        for byte in after.iter().skip(from).take(digits) {
            let Some(digit) = char::from(*byte).to_digit(radix) else { break };
            value = value * radix + digit;
            length += 1;
        }
        // PostgreSQL keeps the low byte of an octal escape above 0o377.
        (value.to_le_bytes()[0], from + length)
    };
    match after {
        [b'b', ..] => (8, 1),
        [b'f', ..] => (12, 1),
        [b'n', ..] => (b'\n', 1),
        [b'r', ..] => (b'\r', 1),
        [b't', ..] => (b'\t', 1),
        [b'v', ..] => (11, 1),
        [b'0'..=b'7', ..] => number(0, 3, 8),
        [b'x', digit, ..] if digit.is_ascii_hexdigit() => number(1, 2, 16),
        [other, ..] => (*other, 1),
        [] => (b'\\', 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_decoded_in_every_spelling() {
        for (text, expected) in [
            ("'it''s'", Ok("it's")),
            (r"'a\nb'", Ok(r"a\nb")),
            (r"E'a\nb\'c\\'", Ok("a\nb'c\\")),
            (r"e'\x41\102\u00e9\U0001F600'", Ok("ABé😀")),
            (r"E'\ud83d\ude00'", Ok("😀")),
            (r"E'\ud83d'", Err("invalid Unicode surrogate pair")),
            (r"E'\xff'", Err("the escapes are not valid UTF-8")),
            (r"E'\000'", Err("a string cannot hold a zero byte")),
            (r"E'\xc3\xa9'", Ok("é")),
            (r"E'\é\q'", Ok("éq")),
            ("'a'\n  'b'", Ok("ab")),
            ("E'a'\n'\\n'", Ok("a\n")),
            ("$$a'b$$", Ok("a'b")),
            ("$tag$ $$ $tag$", Ok(" $$ ")),
            (r"U&'d\0061t\+000061'", Ok("data")),
            ("U&'d!0061' uescape '!'", Ok("da")),
            ("U&'a\\\\b'", Ok("a\\b")),
            (r"U&'\00g1'", Err("invalid Unicode escape")),
            ("n'x'", Ok("x")),
        ] {
            assert_eq!(string(text).as_deref().map_err(|error| error.message), expected, "{text}");
        }
    }

    #[test]
    fn identifiers_are_folded_unescaped_and_cut() {
        assert_eq!(&*word("ÀBc"), "Àbc");
        assert_eq!(word(&"x".repeat(70)).len(), 63);
        assert_eq!(quoted_ident("\"a\"\"B\"").as_deref(), Ok("a\"B"));
        assert_eq!(quoted_ident("U&\"\\0441x\"").as_deref(), Ok("сx"));
        assert_eq!(quoted_ident("U&\"!0041\" uescape '!'").as_deref(), Ok("A"));
    }

    #[test]
    fn integers_of_any_base_become_decimal() {
        for (text, expected) in [
            ("1_000", Some("1000")),
            ("0x1F", Some("31")),
            ("0o17", Some("15")),
            ("0b101", Some("5")),
            ("007", Some("007")),
        ] {
            assert_eq!(integer(text).as_deref(), expected, "{text}");
        }
        assert_eq!(integer(&format!("0x{}", "f".repeat(40))), None);
    }
}
