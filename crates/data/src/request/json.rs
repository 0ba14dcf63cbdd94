//! A strict JSON scanner that builds nothing: it checks syntax and says where values begin and end.

use std::borrow::Cow;

/// Why a text is not usable JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonFail {
    /// Not JSON (RFC 8259), or followed by something else.
    Syntax,
    /// More arrays and objects inside each other than allowed.
    Depth,
}

/// A place in a JSON text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth_max: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, depth_max: usize) -> Self {
        Self { text, at: 0, depth_max }
    }

    /// The next byte that is no blank, not consumed.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Consumes this byte if it is the next that is no blank.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<(), JsonFail> {
        if self.eat(byte) { Ok(()) } else { Err(JsonFail::Syntax) }
    }

    pub(super) fn expect_end(&mut self) -> Result<(), JsonFail> {
        if self.peek().is_none() { Ok(()) } else { Err(JsonFail::Syntax) }
    }

    /// Skips one value of any kind that lies `depth` levels deep; gives its byte range.
    pub(super) fn value(&mut self, depth: usize) -> Result<(usize, usize), JsonFail> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => {
                self.string()?;
            }
            Some(b'{') => {
                self.enter(depth)?;
                if !self.eat(b'}') {
                    loop {
                        if self.peek() != Some(b'"') {
                            return Err(JsonFail::Syntax);
                        }
                        self.string()?;
                        self.expect(b':')?;
                        self.value(depth + 1)?;
                        if !self.eat(b',') {
                            break;
                        }
                    }
                    self.expect(b'}')?;
                }
            }
            Some(b'[') => {
                self.enter(depth)?;
                if !self.eat(b']') {
                    loop {
                        self.value(depth + 1)?;
                        if !self.eat(b',') {
                            break;
                        }
                    }
                    self.expect(b']')?;
                }
            }
            Some(b't') => self.literal("true")?,
            Some(b'f') => self.literal("false")?,
            Some(b'n') => self.literal("null")?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => return Err(JsonFail::Syntax),
        }
        Ok((start, self.at))
    }

    /// Checks that one more level may begin, and steps over its bracket.
    fn enter(&mut self, depth: usize) -> Result<(), JsonFail> {
        if depth >= self.depth_max {
            return Err(JsonFail::Depth);
        }
        self.at += 1;
        Ok(())
    }

    /// Skips a string, whose quote is next; gives the range between the quotes and whether it holds escapes.
    pub(super) fn string(&mut self) -> Result<(usize, usize, bool), JsonFail> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok((start, at, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    at += match bytes.get(at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(b'u') => {
                            let digits = bytes.get(at + 2..at + 6).ok_or(JsonFail::Syntax)?;
                            if !digits.iter().all(u8::is_ascii_hexdigit) {
                                return Err(JsonFail::Syntax);
                            }
                            6
                        }
                        _ => return Err(JsonFail::Syntax),
                    };
                }
                Some(0..=0x1f) | None => return Err(JsonFail::Syntax),
                Some(_) => at += 1,
            }
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), JsonFail> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(JsonFail::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonFail> {
        let bytes = self.text.as_bytes();
        let mut at = self.at + usize::from(bytes[self.at] == b'-');
        let digits = |at: &mut usize| {
            let from = *at;
            while bytes.get(*at).is_some_and(u8::is_ascii_digit) {
                *at += 1;
            }
            *at - from
        };
        let leading_zero = bytes.get(at) == Some(&b'0');
        let whole = digits(&mut at);
        if whole == 0 || (leading_zero && whole > 1) {
            return Err(JsonFail::Syntax);
        }
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            if digits(&mut at) == 0 {
                return Err(JsonFail::Syntax);
            }
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            at += 1;
            at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
            if digits(&mut at) == 0 {
                return Err(JsonFail::Syntax);
            }
        }
        self.at = at;
        Ok(())
    }
}

/// The text of a scanned string. `None` when its escapes make no text: a lone surrogate.
pub(super) fn unescape(raw: &str, escaped: bool) -> Option<Cow<'_, str>> {
    if !escaped {
        return Some(Cow::Borrowed(raw));
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let kind = *rest.as_bytes().get(at + 1)?;
        rest = &rest[at + 2..];
        out.push(match kind {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = u32::from_str_radix(rest.get(..4)?, 16).ok()?;
                rest = &rest[4..];
                if (0xD800..0xDC00).contains(&high) {
                    let low = rest.strip_prefix("\\u")?;
                    let unit = u32::from_str_radix(low.get(..4)?, 16).ok()?;
                    let low_half = unit.checked_sub(0xDC00).filter(|half| *half < 0x400)?;
                    rest = &low[4..];
                    char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + low_half)?
                } else {
                    char::from_u32(high)?
                }
            }
            literal => char::from(literal), // the scanner let only " \ / through
        });
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Result<(), JsonFail> {
        let mut scanner = Scanner::new(text, 4);
        scanner.value(0)?;
        scanner.expect_end()
    }

    #[test]
    fn exactly_json_is_accepted() {
        let good = [
            "null",
            " true ",
            "false",
            "0",
            "-0",
            "12",
            "-1.50",
            "1e5",
            "1E+5",
            "0.1e-2",
            "\"\"",
            "\"é\\n\\u00e9\"",
            "[]",
            "{}",
            "[ 1 , [ ] , { } ]",
            "{\"a\" : {\"b\":[1]} , \"a\":2}",
            "\"\\ud83d\\ude00\"",
            "\r\n\t1",
            "[[[[]]]]",
        ];
        for text in good {
            assert_eq!(scan(text), Ok(()), "{text}");
        }
        let bad = [
            "",
            " ",
            "nul",
            "nullx",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "NaN",
            "Infinity",
            "'a'",
            "\"",
            "\"a\nb\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[",
            "]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{1:1}",
            "{\"a\" 1}",
            "{}{}",
            "1 1",
            "\u{feff}1",
            "[1}",
            "/**/1",
        ];
        for text in bad {
            assert_eq!(scan(text), Err(JsonFail::Syntax), "{text}");
        }
        assert_eq!(scan("[[[[[]]]]]"), Err(JsonFail::Depth));
        assert_eq!(scan("{\"a\":[{\"a\":[{}]}]}"), Err(JsonFail::Depth));
    }

    #[test]
    fn escapes_become_text_and_lone_surrogates_none() {
        let cases = [
            ("a", Some("a")),
            (r#"\"\\\/\b\f\n\r\t"#, Some("\"\\/\u{8}\u{c}\n\r\t")),
            (r"\u00e9x\u0041", Some("éxA")),
            (r"\ud83d\ude00!", Some("😀!")),
            (r"\ud83d", None),
            (r"\ud83dx", None),
            (r"\ud83d\u0041", None),
            (r"\ude00", None),
        ];
        for (raw, expected) in cases {
            assert_eq!(unescape(raw, true).as_deref(), expected, "{raw}");
        }
    }
}
