//! `bytea` input: the hex form and the escape form.

use crate::{Result, ValueError};

/// Reads `\x0aff` or `a\\b\001`.
pub(crate) fn parse(text: &str) -> Result<Vec<u8>> {
    if let Some(hex) = text.strip_prefix("\\x") {
        return hex_bytes(hex);
    }
    let b = text.as_bytes();
    let mut out = Vec::with_capacity(b.len());
    let mut i = 0;
    while i < b.len() {
        if b[i] != b'\\' {
            out.push(b[i]);
            i += 1;
        } else if b.get(i + 1) == Some(&b'\\') {
            out.push(b'\\');
            i += 2;
        } else {
            match b.get(i + 1..i + 4) {
                Some([h @ b'0'..=b'3', m @ b'0'..=b'7', l @ b'0'..=b'7']) => {
                    out.push((h - b'0') * 64 + (m - b'0') * 8 + (l - b'0'));
                }
                _ => return Err(ValueError::new("22P02", "invalid input syntax for type bytea")),
            }
            i += 4;
        }
    }
    Ok(out)
}

/// Decodes hexadecimal digits, blanks between bytes allowed.
pub(crate) fn hex_bytes(hex: &str) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(hex.len() / 2);
    let mut high = None;
    for c in hex.chars() {
        if high.is_none() && matches!(c, ' ' | '\n' | '\t' | '\r') {
            continue;
        }
        let digit = c.to_digit(16).and_then(|d| u8::try_from(d).ok());
        let digit = digit.ok_or_else(|| ValueError::parameter(format!("invalid hexadecimal digit: \"{c}\"")))?;
        match high.take() {
            None => high = Some(digit),
            Some(h) => out.push(h << 4 | digit),
        }
    }
    if high.is_some() {
        return Err(ValueError::parameter("invalid hexadecimal data: odd number of digits"));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_forms_are_read() {
        for (text, want) in
            [("\\x0aFf", &[10u8, 255][..]), ("\\x 0a ff", &[10, 255]), ("a\\\\b\\001", b"a\\b\x01"), ("", b"")]
        {
            assert_eq!(super::parse(text).unwrap(), want);
        }
        for (text, message) in [
            ("\\xg", "invalid hexadecimal digit: \"g\""),
            ("\\x0", "invalid hexadecimal data: odd number of digits"),
            ("a\\9", "invalid input syntax for type bytea"),
        ] {
            assert_eq!(super::parse(text).unwrap_err().message, message);
        }
    }
}
