//! A place in the text being parsed, and the pieces all grammars share: names, JSON paths, quoted strings.

use std::borrow::Cow;

use super::error::ApiError;
use super::limits::Limits;
use super::model::{Arrow, Field, JsonKey, JsonStep};

/// Why a parser gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fail {
    /// At this byte something else was expected.
    Syntax { at: usize, expecting: &'static str },
    /// Well-formed so far, but beyond a bound.
    Limit { at: usize, what: &'static str, name: &'static str, max: usize },
}

pub(super) type Parsed<T> = Result<T, Fail>;

/// What a name may begin with, for error texts.
pub(super) const FIELD_NAME: &str = "field name (* or [a..z0..9_$])";

/// Longest piece of a client's text that an error repeats, in bytes.
const ECHO_BYTES_MAX: usize = 512;

impl Fail {
    /// The client's error: `what` was being parsed, `shown` is the parameter as written, `input` the text that
    /// positions refer to, preceded on the line by `before` characters the client did not write here.
    pub(super) fn into_error(self, what: &str, shown: &str, input: &str, before: usize) -> ApiError {
        let (at, details) = match self {
            Self::Syntax { at, expecting } => {
                let found = input[at..].chars().next();
                let unexpected = found.map_or_else(|| "end of input".to_owned(), |c| format!("\"{c}\""));
                (at, format!("unexpected {unexpected} expecting {expecting}"))
            }
            Self::Limit { at, what, name, max } => (at, format!("more than {max} {what} (limit {name})")),
        };
        let line = 1 + input[..at].matches('\n').count();
        let column = input[..at].rsplit('\n').next().map_or(0, |text| text.chars().count());
        let column = 1 + column + if line == 1 { before } else { 0 };
        ApiError::query(format!("\"failed to parse {what} ({})\" (line {line}, column {column})", echo(shown)), details)
    }
}

/// The client's text, cut where it is long.
pub(super) fn echo(text: &str) -> Cow<'_, str> {
    if text.len() <= ECHO_BYTES_MAX {
        return Cow::Borrowed(text);
    }
    let mut end = ECHO_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

/// Text and place.
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) limits: &'a Limits,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, limits: &'a Limits) -> Self {
        Self { text, at: 0, limits }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn done(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Skips an ASCII byte if it is next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Skips a text if it is next.
    pub(super) fn eat_str(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    pub(super) fn starts_with(&self, text: &str) -> bool {
        self.rest().starts_with(text)
    }

    pub(super) fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    pub(super) fn fail<T>(&self, expecting: &'static str) -> Parsed<T> {
        Err(Fail::Syntax { at: self.at, expecting })
    }

    pub(super) fn over<T>(&self, what: &'static str, name: &'static str, max: usize) -> Parsed<T> {
        Err(Fail::Limit { at: self.at, what, name, max })
    }

    pub(super) fn expect(&mut self, byte: u8, expecting: &'static str) -> Parsed<()> {
        if self.eat(byte) { Ok(()) } else { self.fail(expecting) }
    }

    pub(super) fn expect_end(&self, expecting: &'static str) -> Parsed<()> {
        if self.done() { Ok(()) } else { self.fail(expecting) }
    }

    /// A `"quoted"` text; the opening quote is next. A backslash takes the following character literally.
    pub(super) fn quoted(&mut self) -> Parsed<Cow<'a, str>> {
        debug_assert_eq!(self.peek(), Some(b'"'), "the caller saw the quote");
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut unescaped: Option<String> = None;
        let mut from = start;
        let mut at = start;
        while let Some(offset) = bytes[at..].iter().position(|b| matches!(b, b'"' | b'\\')) {
            at += offset;
            if bytes[at] == b'"' {
                self.at = at + 1;
                return Ok(match unescaped {
                    None => Cow::Borrowed(&self.text[start..at]),
                    Some(mut text) => {
                        text.push_str(&self.text[from..at]);
                        Cow::Owned(text)
                    }
                });
            }
            unescaped.get_or_insert_default().push_str(&self.text[from..at]);
            from = at + 1; // the escaped character itself begins the next literal piece
            let Some(escaped) = self.text[from..].chars().next() else { break };
            at = from + escaped.len_utf8();
        }
        Err(Fail::Syntax { at: self.text.len(), expecting: "\"\\\"\"" })
    }

    /// A name: quoted, or words joined by single dashes (a dash before `>` begins a JSON arrow). Each word is trimmed.
    pub(super) fn name(&mut self) -> Parsed<Cow<'a, str>> {
        if self.peek() == Some(b'"') {
            return self.quoted();
        }
        self.dashed(is_word, FIELD_NAME)
    }

    /// A JSON key: quoted, or anything but the reserved characters, joined by single dashes.
    fn json_key(&mut self) -> Parsed<Cow<'a, str>> {
        if self.peek() == Some(b'"') {
            return self.quoted();
        }
        self.dashed(
            |c| !matches!(c, '(' | '-' | ':' | '.' | ',' | '>' | ')'),
            "any non reserved character different from: .,>()",
        )
    }

    /// Runs of `allowed` characters joined by dashes that do not begin an arrow; blanks around each run are dropped.
    fn dashed(&mut self, allowed: impl Fn(char) -> bool, expecting: &'static str) -> Parsed<Cow<'a, str>> {
        let start = self.at;
        let mut joined: Option<String> = None;
        loop {
            let from = self.at;
            self.skip_while(&allowed);
            if self.at == from {
                return self.fail(expecting);
            }
            let run = self.text[from..self.at].trim();
            let dash = self.peek() == Some(b'-') && self.text.as_bytes().get(self.at + 1) != Some(&b'>');
            if let Some(joined) = &mut joined {
                joined.push('-');
                joined.push_str(run);
            } else if !dash && from == start {
                // the usual case, one word: no copy
                return if run.is_empty() {
                    Err(Fail::Syntax { at: start, expecting })
                } else {
                    Ok(Cow::Borrowed(run))
                };
            } else {
                joined = Some(run.to_owned());
            }
            if !dash {
                return Ok(Cow::Owned(joined.unwrap_or_default()));
            }
            self.at += 1;
        }
    }

    /// One trimmed word without dashes: casts, text search configurations.
    pub(super) fn word(&mut self, expecting: &'static str) -> Parsed<&'a str> {
        let from = self.at;
        self.skip_while(&is_word);
        let word = self.text[from..self.at].trim();
        if word.is_empty() { self.fail(expecting) } else { Ok(word) }
    }

    fn skip_while(&mut self, allowed: &impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !allowed(c)).unwrap_or(rest.len());
    }

    /// Zero or more JSON steps.
    pub(super) fn json_path(&mut self) -> Parsed<Vec<JsonStep>> {
        let mut path = Vec::new();
        loop {
            let arrow = if self.eat_str("->>") {
                Arrow::Text
            } else if self.eat_str("->") {
                Arrow::Json
            } else {
                return Ok(path);
            };
            let key = match self.json_index()? {
                Some(index) => JsonKey::Index(index),
                None => JsonKey::Key(self.json_key()?.into_owned()),
            };
            if path.len() == self.limits.path_steps_max {
                return self.over("steps in a JSON path", "path_steps_max", self.limits.path_steps_max);
            }
            path.push(JsonStep { arrow, key });
        }
    }

    /// A run of digits counts as an array index only before another step, a cast, a dot, a comma or the end.
    fn json_index(&mut self) -> Parsed<Option<i64>> {
        let start = self.at;
        let negative = self.eat(b'-');
        let digits = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        let ended =
            self.done() || matches!(self.peek(), Some(b'.' | b',')) || self.starts_with("->") || self.starts_with("::");
        if self.at > digits && ended {
            return match self.text[start..self.at].parse() {
                Ok(index) => Ok(Some(index)),
                Err(_) => Err(Fail::Syntax { at: digits, expecting: "an array index that fits 64 bits" }),
            };
        }
        if negative {
            let expecting =
                if self.at > digits { "digit, \"->\", \"::\", \".\", \",\" or end of input" } else { "digit" };
            return self.fail(expecting);
        }
        self.at = start;
        Ok(None)
    }

    /// A name and its JSON path, blanks around both skipped.
    pub(super) fn field(&mut self) -> Parsed<Field> {
        self.skip_blanks();
        let name = self.name()?.into_owned();
        let json_path = self.json_path()?;
        self.skip_blanks();
        Ok(Field { name, json_path })
    }

    /// Names separated by dots, up to the end: the embeds of a key.
    pub(super) fn path(&mut self) -> Parsed<Vec<String>> {
        let mut path = vec![self.name()?.into_owned()];
        while self.eat(b'.') {
            path.push(self.name()?.into_owned());
        }
        Ok(path)
    }
}

/// Characters of an unquoted name.
fn is_word(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() || matches!(c, '_' | ' ' | '$') } else { c.is_alphabetic() }
}

/// True when a name can be written without quotes and be read back the same.
pub(super) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.split('-').all(|word| !word.is_empty() && word.trim() == word && word.chars().all(is_word))
}
