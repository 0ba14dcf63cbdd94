//! `tsvector`: lexemes with the positions and weights they were found at.

use super::{BYTES_MAX, Config, put_quoted, token};
use crate::{Result, ValueError};
use std::collections::BTreeMap;
use std::fmt;

/// PostgreSQL's greatest position and greatest number of them per lexeme.
const POSITION_MAX: u16 = 16_383;
const POSITIONS_MAX: usize = 255;

/// A document as search sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vector {
    /// Lexeme to (position, weight), positions ascending; weight 3 is A, 0 is D.
    pub(super) lexemes: BTreeMap<String, Vec<(u16, u8)>>,
}

impl Vector {
    fn add(&mut self, lexeme: String, position: Option<(u16, u8)>) {
        let positions = self.lexemes.entry(lexeme).or_default();
        if let Some((at, weight)) = position {
            match positions.binary_search_by_key(&at, |p| p.0) {
                Ok(i) => positions[i].1 = positions[i].1.max(weight),
                Err(i) if positions.len() < POSITIONS_MAX => positions.insert(i, (at, weight)),
                Err(_) => {}
            }
        }
    }

    /// Reads `tsvector` input: `'lexeme':1A,2 other`.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || ValueError::new("42601", format!("syntax error in tsvector: \"{text}\""));
        if text.len() > BYTES_MAX {
            return Err(ValueError::limit(format!(
                "string is too long for tsvector ({} bytes, max {BYTES_MAX} bytes)",
                text.len()
            )));
        }
        let mut v = Self::default();
        let mut chars = text.chars().peekable();
        loop {
            while chars.next_if(|c| c.is_whitespace()).is_some() {}
            let Some(first) = chars.peek().copied() else { return Ok(v) };
            let mut lexeme = String::new();
            let quoted = first == '\'';
            if quoted {
                chars.next();
            }
            loop {
                match chars.peek().copied() {
                    Some('\\') => {
                        chars.next();
                        lexeme.push(chars.next().ok_or_else(bad)?);
                    }
                    Some('\'') if quoted => {
                        chars.next();
                        if chars.next_if_eq(&'\'').is_none() {
                            break;
                        }
                        lexeme.push('\'');
                    }
                    Some(c) if quoted || !(c.is_whitespace() || c == ':') => {
                        chars.next();
                        lexeme.push(c);
                    }
                    None if quoted => return Err(bad()),
                    _ => break,
                }
            }
            if lexeme.is_empty() {
                return Err(bad());
            }
            let mut placed = false;
            if chars.next_if_eq(&':').is_some() {
                loop {
                    let mut at = 0u32;
                    let mut any = false;
                    while let Some(d) = chars.peek().and_then(|c| c.to_digit(10)) {
                        at = (at * 10 + d).min(u32::from(POSITION_MAX));
                        any = true;
                        chars.next();
                    }
                    let at = u16::try_from(at).ok().filter(|at| any && *at > 0).ok_or_else(bad)?;
                    let weight = chars.next_if(|c| "ABCDabcd*".contains(*c)).map_or(0, weight_of);
                    v.add(lexeme.clone(), Some((at, weight)));
                    placed = true;
                    if chars.next_if_eq(&',').is_none() {
                        break;
                    }
                }
                if chars.peek().is_some_and(|c| !c.is_whitespace()) {
                    return Err(bad());
                }
            }
            if !placed {
                v.add(lexeme, None);
            }
        }
    }

    /// `setweight(vector, weight)`: all positions get the weight `A` to `D`.
    #[must_use]
    pub fn with_weight(mut self, weight: char) -> Self {
        for p in self.lexemes.values_mut().flatten() {
            p.1 = weight_of(weight);
        }
        self
    }

    /// `a || b`: the second document's positions continue after the first's.
    #[must_use]
    pub fn concat(mut self, other: &Self) -> Self {
        let shift = self.lexemes.values().flatten().map(|p| p.0).max().unwrap_or(0);
        for (lexeme, positions) in &other.lexemes {
            if positions.is_empty() {
                self.add(lexeme.clone(), None);
            }
            for (at, weight) in positions {
                self.add(lexeme.clone(), Some((at.saturating_add(shift).min(POSITION_MAX), *weight)));
            }
        }
        self
    }

    /// `length(vector)`: the number of lexemes.
    pub fn len(&self) -> usize {
        self.lexemes.len()
    }

    /// True without lexemes.
    pub fn is_empty(&self) -> bool {
        self.lexemes.is_empty()
    }
}

/// A is 3, D is 0.
pub(super) fn weight_of(c: char) -> u8 {
    match c.to_ascii_uppercase() {
        'A' | '*' => 3,
        'B' => 2,
        'C' => 1,
        _ => 0,
    }
}

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        for (i, (lexeme, positions)) in self.lexemes.iter().enumerate() {
            if i > 0 {
                out.push(' ');
            }
            put_quoted(lexeme, &mut out);
            for (k, (at, weight)) in positions.iter().enumerate() {
                out.push(if k == 0 { ':' } else { ',' });
                out.push_str(&at.to_string());
                if *weight > 0 {
                    out.push(char::from(b'D' - *weight));
                }
            }
        }
        f.write_str(&out)
    }
}

/// `to_tsvector(config, text)`; 54000 for a text beyond [`BYTES_MAX`].
pub fn to_vector(config: Config, text: &str) -> Result<Vector> {
    if text.len() > BYTES_MAX {
        return Err(ValueError::limit(format!(
            "string is too long for tsvector ({} bytes, max {BYTES_MAX} bytes)",
            text.len()
        )));
    }
    let mut v = Vector::default();
    for (i, token) in token::tokens(text).iter().enumerate() {
        if let Some(lexeme) = config.lexeme(token) {
            let at = u16::try_from(i + 1).unwrap_or(POSITION_MAX).min(POSITION_MAX);
            v.add(lexeme, Some((at, 0)));
        }
    }
    Ok(v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_read_and_printed() {
        for (text, want) in [
            ("a fat cat", "'a' 'cat' 'fat'"),
            ("b:2A,1 a", "'a' 'b':1,2A"),
            ("'it''s' x:3*", "'it''s' 'x':3A"),
            ("a:1 a:3 a:1B", "'a':1B,3"),
            ("", ""),
        ] {
            assert_eq!(Vector::parse(text).unwrap().to_string(), want);
        }
        for text in ["'a", "a:", "a:x", ":1"] {
            assert_eq!(Vector::parse(text).unwrap_err().sqlstate, "42601", "{text}");
        }
    }

    #[test]
    fn texts_become_vectors() {
        for (config, text, want) in [
            (Config::English, "The Fat Rats ate fat cats", "'ate':4 'cat':6 'fat':2,5 'rat':3"),
            (Config::Simple, "The Fat Rats", "'fat':2 'rats':3 'the':1"),
            (Config::English, "running well-known dogs", "'dog':5 'known':4 'run':1 'well':3 'well-known':2"),
        ] {
            assert_eq!(to_vector(config, text).unwrap().to_string(), want);
        }
        let both =
            to_vector(Config::Simple, "a b").unwrap().with_weight('A').concat(&to_vector(Config::Simple, "b").unwrap());
        assert_eq!(both.to_string(), "'a':1A 'b':2A,3");
    }
}
