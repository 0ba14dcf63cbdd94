//! Text to tokens, by PostgreSQL's rules with `standard_conforming_strings` on.
//!
//! A token is a kind and a range of bytes; what stands inside is decoded only when a parser asks ([`decode`]), so
//! splitting a large file costs one pass and no allocation per token.

pub mod decode;

use crate::error::SyntaxError;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An unquoted word.
    Word,
    /// `"…"` or `U&"…"`.
    QuotedIdent,
    /// A string in any spelling, with its continuations on later lines and its `uescape`.
    String,
    /// `b'…'`.
    Bits,
    /// `x'…'`.
    HexBits,
    /// Decimal, hexadecimal, octal or binary digits.
    Integer,
    /// A number with a point or an exponent.
    Numeric,
    /// `$n` or `?n`.
    Param,
    /// An operator, including `=`, `<`, `*`, `=>`.
    Op,
    /// One of `( ) [ ] , ; .`, or `:`, `::`, `:=`, `..`.
    Punct,
    /// The end of the text.
    End,
}

/// A token and where it stands, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

/// Reads tokens one after the other.
#[derive(Clone, Debug)]
pub struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

/// All tokens of a text, the last being [`TokenKind::End`].
pub fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer::new(text);
    let mut tokens = Vec::with_capacity(text.len() / 4 + 1);
    loop {
        let token = lexer.token()?;
        tokens.push(token);
        if token.kind == TokenKind::End {
            return Ok(tokens);
        }
    }
}

impl<'a> Lexer<'a> {
    /// A lexer at the start of a text. A byte order mark there is skipped.
    pub fn new(text: &'a str) -> Self {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, bytes: text.as_bytes(), at }
    }

    fn error(&self, offset: usize, message: impl Into<String>) -> SyntaxError {
        SyntaxError::at(self.text, offset, message)
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// The next token.
    pub fn token(&mut self) -> Result<Token, SyntaxError> {
        self.skip_space()?;
        let start = self.at;
        let Some(&first) = self.bytes.get(start) else {
            return Ok(Token { kind: TokenKind::End, start, end: start });
        };
        let kind = match first {
            b'\'' => {
                self.quoted(start, false)?;
                TokenKind::String
            }
            b'"' => {
                self.quoted_ident(start)?;
                TokenKind::QuotedIdent
            }
            b'e' | b'E' if self.peek(1) == b'\'' => {
                self.at += 1;
                self.quoted(start, true)?;
                TokenKind::String
            }
            b'n' | b'N' if self.peek(1) == b'\'' => {
                self.at += 1;
                self.quoted(start, false)?;
                TokenKind::String
            }
            b'b' | b'B' if self.peek(1) == b'\'' => self.bits(start, TokenKind::Bits)?,
            b'x' | b'X' if self.peek(1) == b'\'' => self.bits(start, TokenKind::HexBits)?,
            b'u' | b'U' if self.peek(1) == b'&' && matches!(self.peek(2), b'\'' | b'"') => self.unicode(start)?,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => {
                while is_word_byte(self.peek(0)) {
                    self.at += 1;
                }
                TokenKind::Word
            }
            b'0'..=b'9' => self.number(start)?,
            b'.' if self.peek(1).is_ascii_digit() => self.number(start)?,
            b'$' => self.dollar(start)?,
            b'(' | b')' | b'[' | b']' | b',' | b';' => {
                self.at += 1;
                TokenKind::Punct
            }
            b'.' => {
                self.at += if self.peek(1) == b'.' { 2 } else { 1 };
                TokenKind::Punct
            }
            b':' => {
                self.at += if matches!(self.peek(1), b':' | b'=') { 2 } else { 1 };
                TokenKind::Punct
            }
            _ if is_op_byte(first) => self.operator(start)?,
            b'\\' => return Err(self.error(start, "commands of psql that start with a backslash are not SQL")),
            _ => {
                return Err(
                    self.error(start, format!("syntax error at or near \"{}\"", char::from(first).escape_debug()))
                );
            }
        };
        Ok(Token { kind, start, end: self.at })
    }

    /// Skips white space and comments.
    fn skip_space(&mut self) -> Result<(), SyntaxError> {
        loop {
            match self.peek(0) {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b'-' if self.peek(1) == b'-' => self.skip_line(),
                b'/' if self.peek(1) == b'*' => self.skip_block()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_line(&mut self) {
        while self.at < self.bytes.len() && !matches!(self.bytes[self.at], b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn skip_block(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ if self.at >= self.bytes.len() => return Err(self.error(start, "unterminated /* comment")),
                _ => self.at += 1,
            }
        }
    }

    /// A quoted run from its opening quote, with continuations: the next quote after white space that holds a line end.
    fn quoted(&mut self, start: usize, escapes: bool) -> Result<(), SyntaxError> {
        loop {
            self.at += 1;
            loop {
                match self.bytes.get(self.at) {
                    None => return Err(self.error(start, "unterminated quoted string")),
                    Some(b'\'') if self.peek(1) == b'\'' => self.at += 2,
                    Some(b'\'') => break,
                    Some(b'\\') if escapes => self.at += 2,
                    Some(_) => self.at += 1,
                }
            }
            self.at += 1;
            let Some(next) = continuation(self.bytes, self.at) else { return Ok(()) };
            self.at = next;
        }
    }

    fn quoted_ident(&mut self, start: usize) -> Result<(), SyntaxError> {
        let open = self.at;
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                None => return Err(self.error(start, "unterminated quoted identifier")),
                Some(b'"') if self.peek(1) == b'"' => self.at += 2,
                Some(b'"') => break,
                Some(0) => return Err(self.error(self.at, "an identifier cannot hold a zero byte")),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        if self.at - open == 2 {
            return Err(self.error(start, "zero-length delimited identifier"));
        }
        Ok(())
    }

    fn bits(&mut self, start: usize, kind: TokenKind) -> Result<TokenKind, SyntaxError> {
        self.at += 1;
        self.quoted(start, false)?;
        Ok(kind)
    }

    /// `U&'…'` or `U&"…"`, with the `uescape` that may follow.
    fn unicode(&mut self, start: usize) -> Result<TokenKind, SyntaxError> {
        self.at += 2;
        let kind = if self.peek(0) == b'"' {
            self.quoted_ident(start)?;
            TokenKind::QuotedIdent
        } else {
            self.quoted(start, false)?;
            TokenKind::String
        };
        let end = self.at;
        self.skip_space()?;
        let word = self.bytes.get(self.at..self.at + 7).unwrap_or_default();
        if !word.eq_ignore_ascii_case(b"uescape") || is_word_byte(self.peek(7)) {
            self.at = end;
            return Ok(kind);
        }
        self.at += 7;
        self.skip_space()?;
        let escape = self.bytes.get(self.at..self.at + 3).unwrap_or_default();
        let usable =
            |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_hexdigit() && !matches!(byte, b'+' | b'\'' | b'"');
        match escape {
            [b'\'', byte, b'\''] if usable(*byte) => self.at += 3,
            _ => return Err(self.error(self.at, "UESCAPE must be followed by one character in quotes")),
        }
        Ok(kind)
    }

    fn digits(&mut self, of_base: impl Fn(u8) -> bool) {
        while of_base(self.peek(0)) || (self.peek(0) == b'_' && of_base(self.peek(1))) {
            self.at += 1;
        }
    }

    fn number(&mut self, start: usize) -> Result<TokenKind, SyntaxError> {
        let mut kind = TokenKind::Integer;
        let base: Option<fn(u8) -> bool> = match (self.peek(0), self.peek(1)) {
            (b'0', b'x' | b'X') => Some(|byte| byte.is_ascii_hexdigit()),
            (b'0', b'o' | b'O') => Some(|byte| matches!(byte, b'0'..=b'7')),
            (b'0', b'b' | b'B') => Some(|byte| matches!(byte, b'0' | b'1')),
            _ => None,
        };
        if let Some(of_base) = base {
            self.at += 2;
            self.digits(of_base);
            if self.at == start + 2 {
                return Err(self.error(start, "a number needs digits after its base"));
            }
        } else {
            self.digits(|byte| byte.is_ascii_digit());
            if self.peek(0) == b'.' && self.peek(1) != b'.' {
                kind = TokenKind::Numeric;
                self.at += 1;
                if self.peek(0).is_ascii_digit() {
                    self.digits(|byte| byte.is_ascii_digit());
                }
            }
            if matches!(self.peek(0), b'e' | b'E') {
                let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
                if self.peek(1 + sign).is_ascii_digit() {
                    kind = TokenKind::Numeric;
                    self.at += 1 + sign;
                    self.digits(|byte| byte.is_ascii_digit());
                }
            }
        }
        if is_word_byte(self.peek(0)) {
            return Err(self.error(start, "trailing junk after numeric literal"));
        }
        Ok(kind)
    }

    /// `$1`, or a string in dollar quotes.
    fn dollar(&mut self, start: usize) -> Result<TokenKind, SyntaxError> {
        self.at += 1;
        if self.peek(0).is_ascii_digit() {
            return self.param(start);
        }
        while is_word_byte(self.peek(0)) && self.peek(0) != b'$' {
            self.at += 1;
        }
        if self.peek(0) != b'$' {
            return Err(self.error(start, "syntax error at or near \"$\""));
        }
        self.at += 1;
        let tag = &self.bytes[start..self.at];
        match find(&self.bytes[self.at..], tag) {
            Some(length) => self.at += length + tag.len(),
            None => return Err(self.error(start, "unterminated dollar-quoted string")),
        }
        Ok(TokenKind::String)
    }

    fn param(&mut self, start: usize) -> Result<TokenKind, SyntaxError> {
        while self.peek(0).is_ascii_digit() {
            self.at += 1;
        }
        if is_word_byte(self.peek(0)) {
            return Err(self.error(start, "trailing junk after parameter"));
        }
        match self.text[start + 1..self.at].parse::<u16>() {
            Ok(number) if number > 0 => Ok(TokenKind::Param),
            _ => Err(self.error(start, "parameters are numbered from 1 to 65535")),
        }
    }

    /// The longest run of operator characters, cut where a comment begins, and without a trailing `+` or `-` unless a
    /// character stands in it that standard operators do not have.
    fn operator(&mut self, start: usize) -> Result<TokenKind, SyntaxError> {
        let mut end = start;
        while end < self.bytes.len() && is_op_byte(self.bytes[end]) {
            if matches!(&self.bytes[end..], [b'-', b'-', ..] | [b'/', b'*', ..]) {
                break;
            }
            end += 1;
        }
        if self.bytes[end - 1] == b'?' && self.bytes.get(end).is_some_and(u8::is_ascii_digit) {
            if end - start == 1 {
                self.at = end;
                return self.param(start);
            }
            end -= 1;
        }
        if end - start > 1 && !self.bytes[start..end].iter().any(|byte| b"~!@#^&|`?%".contains(byte)) {
            while end - start > 1 && matches!(self.bytes[end - 1], b'+' | b'-') {
                end -= 1;
            }
        }
        self.at = end;
        Ok(TokenKind::Op)
    }
}

/// Where a string goes on: the opening quote after white space and line comments that hold a line end.
fn continuation(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut line_ended = false;
    loop {
        match bytes.get(at)? {
            b'\n' | b'\r' => {
                line_ended = true;
                at += 1;
            }
            b' ' | b'\t' | 0x0b | 0x0c => at += 1,
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                at += bytes[at..].iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
            }
            b'\'' if line_ended => return Some(at),
            _ => return None,
        }
    }
}

/// Where a tag begins in a text. Tags start with a dollar, so only dollars are looked at.
fn find(text: &[u8], tag: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text[from..].iter().position(|byte| *byte == b'$')?;
        if text[at..].starts_with(tag) {
            return Some(at);
        }
        from = at + 1;
    }
}

pub(crate) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

fn is_op_byte(byte: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match tokens(text) {
            Ok(tokens) => {
                let shown: Vec<String> = tokens
                    .iter()
                    .filter(|token| token.kind != TokenKind::End)
                    .map(|token| format!("{:?}:{}", token.kind, &text[token.start..token.end]))
                    .collect();
                shown.join(" ")
            }
            Err(error) => format!("! {error}"),
        }
    }

    #[test]
    fn tokens_end_where_postgresql_ends_them() {
        for (text, expected) in [
            ("a+-b", "Word:a Op:+ Op:- Word:b"),
            ("a@-b", "Word:a Op:@- Word:b"),
            ("a<--x\nb", "Word:a Op:< Word:b"),
            ("a/*x/*y*/z*/b", "Word:a Word:b"),
            ("a->>'b'", "Word:a Op:->> String:'b'"),
            ("x=-1", "Word:x Op:= Op:- Integer:1"),
            ("x*/*c*/y", "Word:x Op:* Word:y"),
            ("a::int[1:2]", "Word:a Punct::: Word:int Punct:[ Integer:1 Punct:: Integer:2 Punct:]"),
            ("1..2", "Integer:1 Punct:.. Integer:2"),
            ("1.5e-3 .5 1. 0x1F 1_000", "Numeric:1.5e-3 Numeric:.5 Numeric:1. Integer:0x1F Integer:1_000"),
            ("$1 ?2 x=?3 y ?| z", "Param:$1 Param:?2 Word:x Op:= Param:?3 Word:y Op:?| Word:z"),
            ("a ? 'k'", "Word:a Op:? String:'k'"),
            ("$a$ '$b$ $a$", "String:$a$ '$b$ $a$"),
            ("$$;$$;", "String:$$;$$ Punct:;"),
            ("'it''s' E'a\\'b' \"q\"\"r\"", "String:'it''s' String:E'a\\'b' QuotedIdent:\"q\"\"r\""),
            ("'a'\n -- c\n 'b'", "String:'a'\n -- c\n 'b'"),
            ("'a' 'b'", "String:'a' String:'b'"),
            ("U&'d!0061' uescape '!' x", "String:U&'d!0061' uescape '!' Word:x"),
            ("u&\"\\0441\" uescapes", "QuotedIdent:u&\"\\0441\" Word:uescapes"),
            ("b'01' X'1f' n'x'", "Bits:b'01' HexBits:X'1f' String:n'x'"),
            ("a$b été", "Word:a$b Word:été"),
            ("f(a=>1,b:=2)", "Word:f Punct:( Word:a Op:=> Integer:1 Punct:, Word:b Punct::= Integer:2 Punct:)"),
            ("'open", "! unterminated quoted string (line 1, column 1)"),
            ("x\n  /* /* */", "! unterminated /* comment (line 2, column 3)"),
            ("$x$ y", "! unterminated dollar-quoted string (line 1, column 1)"),
            ("12ab", "! trailing junk after numeric literal (line 1, column 1)"),
            ("\"\"", "! zero-length delimited identifier (line 1, column 1)"),
            ("$0", "! parameters are numbered from 1 to 65535 (line 1, column 1)"),
            ("é \\d", "! commands of psql that start with a backslash are not SQL (line 1, column 3)"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
