//! `LIKE`, `ILIKE` and `SIMILAR TO`.

use crate::{Result, ValueError};

/// One piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Char(char),
    One,
    Many,
    /// An escape with nothing after it: an error when matching gets there.
    Dangling,
}

/// A `LIKE` pattern, taken apart once and matched often.
#[derive(Debug, Clone)]
pub struct Like {
    pieces: Vec<Piece>,
    fold: bool,
}

/// One character folded as `lower()` folds, without growing.
fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut l = c.to_lowercase();
    match (l.next(), l.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

impl Like {
    /// Reads a pattern: `%` and `_`, the escape character before what is meant literally (`None`: no escapes). With
    /// `insensitive`, case does not matter.
    pub fn new(pattern: &str, escape: Option<char>, insensitive: bool) -> Self {
        let mut pieces = Vec::with_capacity(pattern.len());
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            let piece = if Some(c) == escape {
                chars.next().map_or(Piece::Dangling, Piece::Char)
            } else {
                match c {
                    '%' => Piece::Many,
                    '_' => Piece::One,
                    c => Piece::Char(c),
                }
            };
            pieces.push(match piece {
                Piece::Char(c) if insensitive => Piece::Char(fold(c)),
                Piece::Many if pieces.last() == Some(&Piece::Many) => continue,
                p => p,
            });
        }
        Self { pieces, fold: insensitive }
    }

    /// True when the whole text matches. Time grows with text times pattern at worst. 22025 when the comparison comes to an
    /// escape at the pattern's end.
    pub fn matches(&self, text: &str) -> Result<bool> {
        let (mut at, mut piece) = (0, 0);
        // Where the last `%` stood and what it has swallowed so far: the only place to come back to.
        let mut back: Option<(usize, usize)> = None;
        loop {
            let c = text[at..].chars().next();
            match (self.pieces.get(piece), c) {
                (Some(Piece::Many), _) => {
                    piece += 1;
                    self.refuse_dangling(piece, &text[at..])?;
                    back = Some((piece, at));
                    continue;
                }
                (Some(Piece::One), Some(c)) => {
                    at += c.len_utf8();
                    piece += 1;
                    continue;
                }
                (Some(Piece::Char(p)), Some(c)) if *p == if self.fold { fold(c) } else { c } => {
                    at += c.len_utf8();
                    piece += 1;
                    continue;
                }
                (None, None) => return Ok(true),
                (Some(Piece::Dangling), Some(_)) => {
                    return Err(dangling());
                }
                (Some(_), None) => return Ok(false),
                _ => {}
            }
            let Some((resume, from)) = back else { return Ok(false) };
            let Some(skipped) = text[from..].chars().next() else { return Ok(false) };
            at = from + skipped.len_utf8();
            piece = resume;
            back = Some((resume, at));
        }
    }

    /// PostgreSQL looks at what follows a `%` before it searches: an escape at the end is found even if nothing matches.
    fn refuse_dangling(&self, piece: usize, text: &str) -> Result<()> {
        let wild = self.pieces[piece..].iter().take_while(|p| matches!(p, Piece::Many | Piece::One)).count();
        let singles = self.pieces[piece..piece + wild].iter().filter(|p| **p == Piece::One).count();
        if self.pieces.get(piece + wild) == Some(&Piece::Dangling) && text.chars().count() >= singles {
            return Err(dangling());
        }
        Ok(())
    }

    /// The literal text every match begins with, for an index range; empty when case does not matter.
    pub fn prefix(&self) -> String {
        if self.fold {
            return String::new();
        }
        self.pieces.iter().map_while(|p| if let Piece::Char(c) = p { Some(*c) } else { None }).collect()
    }
}

fn dangling() -> ValueError {
    ValueError::new("22025", "LIKE pattern must not end with escape character")
}

/// `text LIKE pattern`
pub fn like(text: &str, pattern: &str, escape: Option<char>) -> Result<bool> {
    Like::new(pattern, escape, false).matches(text)
}

/// `text ILIKE pattern`
pub fn ilike(text: &str, pattern: &str, escape: Option<char>) -> Result<bool> {
    Like::new(pattern, escape, true).matches(text)
}

/// The regular expression (PostgreSQL's) that `SIMILAR TO pattern` stands for.
pub fn similar_to_regex(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut out = String::from("^(?:");
    let mut chars = pattern.chars();
    let mut bracket = false;
    while let Some(c) = chars.next() {
        if Some(c) == escape {
            let next = chars.next().ok_or_else(|| ValueError::new("22025", "invalid escape sequence"))?;
            out.push('\\');
            out.push(next);
        } else if bracket {
            if c == '\\' {
                out.push('\\');
            }
            bracket = c != ']';
            out.push(c);
        } else {
            match c {
                '%' => out.push_str(".*"),
                '_' => out.push('.'),
                '(' => out.push_str("(?:"),
                '[' => {
                    bracket = true;
                    out.push('[');
                }
                '\\' | '.' | '^' | '$' => {
                    out.push('\\');
                    out.push(c);
                }
                c => out.push(c),
            }
        }
    }
    out.push_str(")$");
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        let cases = [
            ("abc", "abc", true),
            ("abc", "a%", true),
            ("abc", "_b_", true),
            ("abc", "b", false),
            ("abc", "%c", true),
            ("abc", "%", true),
            ("", "%", true),
            ("", "_", false),
            ("a%c", "a\\%c", true),
            ("abc", "a\\%c", false),
            ("héllo", "h_llo", true),
            ("aXbXc", "a%X%c", true),
            ("mississippi", "m%iss%ppi", true),
            ("ABC", "abc", false),
            ("a\\b", "a\\\\b", true),
            ("abab", "%ab", true),
        ];
        for (text, pattern, want) in cases {
            assert_eq!(like(text, pattern, Some('\\')).unwrap(), want, "{text} {pattern}");
        }
        assert!(ilike("ÀBC", "àb%", Some('\\')).unwrap() && ilike("straße", "STRAß_", Some('\\')).unwrap());
        assert!(like("a!b", "a!b", None).unwrap() && like("a%", "a!%", Some('!')).unwrap());
        assert_eq!(like("ab", "a\\", Some('\\')).unwrap_err().sqlstate, "22025");
        assert_eq!((like("a", "a\\", Some('\\')), like("x", "a\\", Some('\\'))), (Ok(false), Ok(false)));
        assert!(like("ca", "c%_\\", Some('\\')).is_err());
        assert_eq!(Like::new("abc\\_d%", Some('\\'), false).prefix(), "abc_d");
    }

    #[test]
    fn hostile_patterns_end_soon() {
        let text = "a".repeat(5000);
        assert!(!like(&text, &format!("{}b", "%a".repeat(50)), None).unwrap());
    }

    #[test]
    fn similar_to_is_anchored_and_knows_alternatives() {
        let similar = |t: &str, p: &str| {
            super::super::Regexp::new(&similar_to_regex(p, Some('\\')).unwrap(), "").unwrap().is_match(t)
        };
        for (t, p, want) in [
            ("abc", "abc", true),
            ("abc", "a", false),
            ("abc", "%(b|d)%", true),
            ("abc", "(b|c)%", false),
            ("a.c", "a.c", true),
            ("abc", "a.c", false),
            ("aac", "a{2}c", true),
            ("x1", "[a-z][0-9]", true),
        ] {
            assert_eq!(similar(t, p), want, "{t} {p}");
        }
    }
}
