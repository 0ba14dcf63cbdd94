//! The JSON scanner: validates without recursion, builds a tree on demand, walks arrays and objects without allocating.
//!
//! Messages and details are those of PostgreSQL 15's JSON parser.

use crate::{Result, ValueError};
use std::borrow::Cow;

/// The deepest nesting accepted.
pub const DEPTH_MAX: usize = 1000;

/// A JSON value as a tree. Strings are decoded; numbers are the text found.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number's text.
    Number(Cow<'a, str>),
    /// A decoded string.
    String(Cow<'a, str>),
    /// The elements.
    Array(Vec<Json<'a>>),
    /// The members in the order found (or, once normalised, in jsonb's order).
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// A position in a JSON text.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    pos: usize,
}

/// What a scalar or an opening bracket turned out to be.
enum Token<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    String(Cow<'a, str>),
    OpenArray,
    OpenObject,
}

/// An array or object whose end has not come yet; an object with the key of the member being read.
enum Open<'a> {
    Array(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>, Cow<'a, str>),
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, pos: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    pub(crate) fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.pos += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.blanks();
        let hit = self.peek() == Some(byte);
        self.pos += usize::from(hit);
        hit
    }

    fn fail(detail: String) -> ValueError {
        ValueError::new("22P02", "invalid input syntax for type json").with_detail(detail)
    }

    /// The lexeme at the position, for messages.
    fn lexeme(&self) -> &'a str {
        let rest = &self.text[self.pos..];
        let word = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii())).unwrap_or(rest.len());
        if word > 0 {
            return &rest[..word];
        }
        if rest.starts_with('"') || rest.starts_with('-') {
            let mut other = Scanner { text: self.text, pos: self.pos };
            if other.scalar(false).is_ok() {
                return &self.text[self.pos..other.pos];
            }
        }
        rest.chars().next().map_or("", |c| &rest[..c.len_utf8()])
    }

    fn expected(&self, what: &str) -> ValueError {
        let lexeme = self.lexeme();
        if lexeme.is_empty() {
            return Self::fail("The input string ended unexpectedly.".into());
        }
        let first = lexeme.as_bytes()[0];
        let token = matches!(lexeme, "true" | "false" | "null")
            || matches!(first, b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"')
            || lexeme.bytes().all(|b| b.is_ascii_digit());
        if token {
            Self::fail(format!("Expected {what}, but found \"{lexeme}\"."))
        } else {
            Self::fail(format!("Token \"{lexeme}\" is invalid."))
        }
    }

    /// Reads a scalar or an opening bracket. With `decode`, strings are unescaped (and what jsonb refuses is refused).
    fn scalar(&mut self, decode: bool) -> Result<Token<'a>> {
        self.blanks();
        let start = self.pos;
        match self.peek() {
            Some(b'"') => self.string(decode).map(Token::String),
            Some(b'{') => {
                self.pos += 1;
                Ok(Token::OpenObject)
            }
            Some(b'[') => {
                self.pos += 1;
                Ok(Token::OpenArray)
            }
            Some(b'-' | b'0'..=b'9') => {
                let b = self.text.as_bytes();
                let mut i = start + usize::from(b[start] == b'-');
                let digits = |mut i: usize| {
                    while b.get(i).is_some_and(u8::is_ascii_digit) {
                        i += 1;
                    }
                    i
                };
                let whole = digits(i);
                let mut good = whole > i && (b[i] != b'0' || whole == i + 1);
                i = whole;
                if good && b.get(i) == Some(&b'.') {
                    let end = digits(i + 1);
                    good = end > i + 1;
                    i = end;
                }
                if good && matches!(b.get(i), Some(b'e' | b'E')) {
                    i += 1 + usize::from(matches!(b.get(i + 1), Some(b'+' | b'-')));
                    let end = digits(i);
                    good = end > i;
                    i = end;
                }
                let tail = self.text[i..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()));
                let end = i + tail.unwrap_or(self.text.len() - i);
                if !good || end > i {
                    return Err(Self::fail(format!("Token \"{}\" is invalid.", &self.text[start..end.max(i)])));
                }
                self.pos = i;
                Ok(Token::Number(&self.text[start..i]))
            }
            _ => {
                let token = match self.lexeme() {
                    "null" => Token::Null,
                    "true" => Token::Bool(true),
                    "false" => Token::Bool(false),
                    _ => return Err(self.expected("JSON value")),
                };
                self.pos += if matches!(token, Token::Bool(false)) { 5 } else { 4 };
                Ok(token)
            }
        }
    }

    /// Reads a string literal at the opening quote.
    fn string(&mut self, decode: bool) -> Result<Cow<'a, str>> {
        let b = self.text.as_bytes();
        let start = self.pos + 1;
        let mut i = start;
        let mut out: Option<String> = None;
        let mut copied = start;
        loop {
            match b.get(i) {
                None => return Err(Self::fail(format!("Token \"{}\" is invalid.", &self.text[self.pos..]))),
                Some(b'"') => {
                    self.pos = i + 1;
                    return Ok(match out {
                        None => Cow::Borrowed(&self.text[start..i]),
                        Some(mut s) => {
                            s.push_str(&self.text[copied..i]);
                            Cow::Owned(s)
                        }
                    });
                }
                Some(b'\\') => {
                    let (c, next) = self.escape(i, decode)?;
                    if decode {
                        let s = out.get_or_insert_with(String::new);
                        s.push_str(&self.text[copied..i]);
                        s.push(c);
                        copied = next;
                    }
                    i = next;
                }
                Some(&c) if c < 0x20 => {
                    return Err(Self::fail(format!("Character with value 0x{c:02x} must be escaped.")));
                }
                Some(_) => i += 1,
            }
        }
    }

    /// Decodes the escape whose backslash is at `i`; gives the character and where the text goes on.
    fn escape(&self, i: usize, decode: bool) -> Result<(char, usize)> {
        let b = self.text.as_bytes();
        let simple = |c| Ok((c, i + 2));
        match b.get(i + 1) {
            Some(b'"') => simple('"'),
            Some(b'\\') => simple('\\'),
            Some(b'/') => simple('/'),
            Some(b'b') => simple('\u{8}'),
            Some(b'f') => simple('\u{c}'),
            Some(b'n') => simple('\n'),
            Some(b'r') => simple('\r'),
            Some(b't') => simple('\t'),
            Some(b'u') => {
                let first = self.hex4(i + 2)?;
                if !decode {
                    return Ok(('?', i + 6));
                }
                match first {
                    0 => Err(ValueError::new("22P05", "unsupported Unicode escape sequence")
                        .with_detail("\\u0000 cannot be converted to text.")),
                    0xD800..=0xDBFF if b.get(i + 6) == Some(&b'\\') && b.get(i + 7) == Some(&b'u') => {
                        let second = self.hex4(i + 8)?;
                        let low = (0xDC00..=0xDFFF).contains(&second).then(|| second - 0xDC00);
                        low.and_then(|low| char::from_u32(0x10000 + ((first - 0xD800) << 10) + low))
                            .map(|c| (c, i + 12))
                            .ok_or_else(|| Self::fail("Unicode low surrogate must follow a high surrogate.".into()))
                    }
                    _ => char::from_u32(first)
                        .map(|c| (c, i + 6))
                        .ok_or_else(|| Self::fail("Unicode low surrogate must follow a high surrogate.".into())),
                }
            }
            _ => {
                let c = self.text[i + 1..].chars().next();
                Err(c.map_or_else(
                    || Self::fail(format!("Token \"{}\" is invalid.", &self.text[self.pos..])),
                    |c| Self::fail(format!("Escape sequence \"\\{c}\" is invalid.")),
                ))
            }
        }
    }

    fn hex4(&self, at: usize) -> Result<u32> {
        let digits = self.text.as_bytes().get(at..at + 4).filter(|d| d.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.ok_or_else(|| Self::fail("\"\\u\" must be followed by four hexadecimal digits.".into()))?;
        Ok(digits.iter().fold(0, |n, d| n * 16 + char::from(*d).to_digit(16).unwrap_or(0)))
    }

    fn too_deep() -> ValueError {
        ValueError::limit("stack depth limit exceeded").with_detail(format!("JSON is nested deeper than {DEPTH_MAX}."))
    }

    /// Validates the value at the position and steps over it. No recursion; scalars take no allocation.
    pub(crate) fn skip(&mut self) -> Result<()> {
        let mut open: Vec<bool> = Vec::new(); // true: object
        loop {
            if let token @ (Token::OpenArray | Token::OpenObject) = self.scalar(false)? {
                if open.len() == DEPTH_MAX {
                    return Err(Self::too_deep());
                }
                let object = matches!(token, Token::OpenObject);
                if !self.take(if object { b'}' } else { b']' }) {
                    open.push(object);
                    if object {
                        self.key("string or \"}\"", false)?;
                    }
                    continue;
                }
            }
            loop {
                match open.last() {
                    None => return Ok(()),
                    Some(object) => {
                        let object = *object;
                        if self.take(b',') {
                            if object {
                                self.key("string", false)?;
                            }
                            break;
                        }
                        if !self.take(if object { b'}' } else { b']' }) {
                            return Err(self.expected(if object { "\",\" or \"}\"" } else { "\",\" or \"]\"" }));
                        }
                        open.pop();
                    }
                }
            }
        }
    }

    /// Reads a member's key and its colon.
    fn key(&mut self, expected: &str, decode: bool) -> Result<Cow<'a, str>> {
        self.blanks();
        if self.peek() != Some(b'"') {
            return Err(self.expected(expected));
        }
        let key = self.string(decode)?;
        if self.take(b':') { Ok(key) } else { Err(self.expected("\":\"")) }
    }

    /// Builds the value at the position. What is open waits on a list, not on the stack.
    fn tree(&mut self) -> Result<Json<'a>> {
        let mut open: Vec<Open<'a>> = Vec::new();
        loop {
            let mut done = match self.scalar(true)? {
                Token::Null => Json::Null,
                Token::Bool(b) => Json::Bool(b),
                Token::Number(n) => Json::Number(Cow::Borrowed(n)),
                Token::String(s) => Json::String(s),
                Token::OpenArray | Token::OpenObject if open.len() == DEPTH_MAX => return Err(Self::too_deep()),
                Token::OpenArray if self.take(b']') => Json::Array(Vec::new()),
                Token::OpenObject if self.take(b'}') => Json::Object(Vec::new()),
                Token::OpenArray => {
                    open.push(Open::Array(Vec::new()));
                    continue;
                }
                Token::OpenObject => {
                    let key = self.key("string or \"}\"", true)?;
                    open.push(Open::Object(Vec::new(), key));
                    continue;
                }
            };
            loop {
                match open.pop() {
                    None => return Ok(done),
                    Some(Open::Array(mut items)) => {
                        items.push(done);
                        if self.take(b',') {
                            open.push(Open::Array(items));
                            break;
                        }
                        if !self.take(b']') {
                            return Err(self.expected("\",\" or \"]\""));
                        }
                        done = Json::Array(items);
                    }
                    Some(Open::Object(mut members, key)) => {
                        members.push((key, done));
                        if self.take(b',') {
                            let key = self.key("string", true)?;
                            open.push(Open::Object(members, key));
                            break;
                        }
                        if !self.take(b'}') {
                            return Err(self.expected("\",\" or \"}\""));
                        }
                        done = Json::Object(members);
                    }
                }
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        self.blanks();
        if self.pos == self.text.len() { Ok(()) } else { Err(self.expected("end of input")) }
    }
}

/// Accepts what the `json` type accepts.
pub fn validate(text: &str) -> Result<()> {
    let mut s = Scanner::new(text);
    s.skip()?;
    s.end()
}

impl<'a> Json<'a> {
    /// Parses a JSON text as it is: members keep their order and duplicates, numbers their text.
    pub fn parse(text: &'a str) -> Result<Self> {
        let mut s = Scanner::new(text);
        let tree = s.tree()?;
        s.end()?;
        Ok(tree)
    }
}

/// Decodes one raw JSON string literal (with its quotes); `None` when it is not one.
pub fn unquote(raw: &str) -> Option<Cow<'_, str>> {
    let mut s = Scanner::new(raw);
    (s.peek() == Some(b'"')).then(|| s.string(true).ok()).flatten()
}

/// The raw texts of the elements of a JSON array. Ends early on malformed text, which stored forms never are.
pub fn elements(array: &str) -> Elements<'_> {
    let mut scan = Scanner::new(array);
    let open = scan.take(b'[') && !scan.take(b']');
    Elements { scan, open }
}

/// Iterator of [`elements`].
pub struct Elements<'a> {
    scan: Scanner<'a>,
    open: bool,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if !self.open {
            return None;
        }
        self.scan.blanks();
        let start = self.scan.pos;
        self.open = self.scan.skip().is_ok();
        if !self.open {
            return None;
        }
        let raw = &self.scan.text[start..self.scan.pos];
        self.open = self.scan.take(b',');
        Some(raw)
    }
}

/// The members of a JSON object: decoded key, raw value. Ends early on malformed text.
pub fn members(object: &str) -> Members<'_> {
    let mut scan = Scanner::new(object);
    let open = scan.take(b'{') && !scan.take(b'}');
    Members { scan, open }
}

/// Iterator of [`members`].
pub struct Members<'a> {
    scan: Scanner<'a>,
    open: bool,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if !self.open {
            return None;
        }
        self.open = false;
        let key = self.scan.key("string", true).ok()?;
        self.scan.blanks();
        let start = self.scan.pos;
        self.scan.skip().ok()?;
        let raw = &self.scan.text[start..self.scan.pos];
        self.open = self.scan.take(b',');
        Some((key, raw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_json_is_refused_with_the_details_of_postgresql() {
        let cases = [
            ("", "The input string ended unexpectedly."),
            ("{", "The input string ended unexpectedly."),
            ("[1", "The input string ended unexpectedly."),
            ("x", "Token \"x\" is invalid."),
            ("'a'", "Token \"'\" is invalid."),
            ("01", "Token \"01\" is invalid."),
            ("1.", "Token \"1.\" is invalid."),
            ("{a}", "Token \"a\" is invalid."),
            ("{1}", "Expected string or \"}\", but found \"1\"."),
            ("{\"a\" 1}", "Expected \":\", but found \"1\"."),
            ("{\"a\":1,}", "Expected string, but found \"}\"."),
            ("[1 2]", "Expected \",\" or \"]\", but found \"2\"."),
            ("[1,]", "Expected JSON value, but found \"]\"."),
            ("1 2", "Expected end of input, but found \"2\"."),
            ("\"a", "Token \"\"a\" is invalid."),
            ("\"\\x\"", "Escape sequence \"\\x\" is invalid."),
            ("\"\\u12\"", "\"\\u\" must be followed by four hexadecimal digits."),
            ("\"a\nb\"", "Character with value 0x0a must be escaped."),
        ];
        for (text, want) in cases {
            let e = validate(text).unwrap_err();
            assert_eq!((e.sqlstate, e.detail.as_deref()), ("22P02", Some(want)), "{text}");
            assert!(Json::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded_without_overflow() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(validate(&deep(DEPTH_MAX)).is_ok());
        assert_eq!(super::super::normalise(&deep(DEPTH_MAX)).as_deref(), Ok(deep(DEPTH_MAX).as_str()));
        assert_eq!(validate(&deep(100_000)).unwrap_err().sqlstate, "54000");
        assert_eq!(Json::parse(&deep(100_000)).unwrap_err().sqlstate, "54000");
    }

    #[test]
    fn strings_are_decoded_with_surrogates() {
        for (raw, want) in [(r#""a\"b""#, "a\"b"), (r#""\u00e9\n""#, "é\n"), (r#""\ud83d\ude00""#, "😀")] {
            assert_eq!(unquote(raw).unwrap(), want);
        }
        assert_eq!(Json::parse(r#""\u0000""#).unwrap_err().sqlstate, "22P05");
        assert!(Json::parse(r#""\ud83d""#).is_err());
        assert!(validate(r#""\u0000""#).is_ok());
    }

    #[test]
    fn arrays_and_objects_are_walked_without_a_tree() {
        assert_eq!(elements(r#"[1, "a,]", [2,3], null]"#).collect::<Vec<_>>(), ["1", "\"a,]\"", "[2,3]", "null"]);
        assert_eq!(elements("[]").count(), 0);
        let m: Vec<_> = members(r#"{"a": 1, "b": {"c": 2}}"#).map(|(k, v)| (k.into_owned(), v)).collect();
        assert_eq!(m, [("a".to_owned(), "1"), ("b".to_owned(), r#"{"c": 2}"#)]);
    }
}
