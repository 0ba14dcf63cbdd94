//! PostgreSQL's regular expressions (ARE) on the `regex` crate.
//!
//! Differences that remain: no back references and no lookaround (2201B, as for any bad pattern), and among alternatives
//! the first that matches wins, not the longest.

use super::{BYTES_MAX, too_long};
use crate::{Result, ValueError};
use regex::{Regex, RegexBuilder};
use std::fmt::Write;

/// The largest compiled pattern, in bytes.
const SIZE_MAX: usize = 1 << 20;

/// Flags of the `regexp_*` functions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a letter of the flags argument")]
pub struct Flags {
    /// `g`
    pub global: bool,
    /// `i`
    pub insensitive: bool,
    /// `n`, `m`: `.` and negated sets do not match a newline; `^` and `$` match at lines.
    pub newline: bool,
    /// `p`: only `.` and sets are newline sensitive.
    pub partial: bool,
    /// `w`: only `^` and `$` are.
    pub anchors: bool,
    /// `x`
    pub expanded: bool,
    /// `q`: the pattern is a literal.
    pub literal: bool,
}

impl Flags {
    /// Reads a flags argument; 22023 for an unknown letter.
    pub fn parse(text: &str) -> Result<Self> {
        let mut f = Self::default();
        for c in text.chars() {
            match c {
                'g' => f.global = true,
                'i' => f.insensitive = true,
                'c' => f.insensitive = false,
                'm' | 'n' => f.newline = true,
                's' => (f.newline, f.partial, f.anchors) = (false, false, false),
                'p' => f.partial = true,
                'w' => f.anchors = true,
                'x' => f.expanded = true,
                't' => f.expanded = false,
                'q' => f.literal = true,
                'e' | 'b' => {}
                _ => return Err(ValueError::parameter(format!("invalid regular expression option: \"{c}\""))),
            }
        }
        Ok(f)
    }
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Regexp {
    regex: Regex,
    global: bool,
}

fn invalid(reason: impl std::fmt::Display) -> ValueError {
    ValueError::new("2201B", format!("invalid regular expression: {reason}"))
}

/// The crate's complaint in PostgreSQL's words, where it has some.
fn reason(complaint: &str) -> &str {
    let last = complaint.lines().last().unwrap_or("syntax").trim_start_matches("error: ");
    match last {
        "unclosed group" | "unopened group" => "parentheses () not balanced",
        "repetition operator missing expression" => "quantifier operand invalid",
        "unclosed character class" => "brackets [] not balanced",
        "invalid character class range, the start must be <= the end" => "invalid character range",
        l if l.starts_with("invalid repetition count range") => "invalid repetition count(s)",
        l => l,
    }
}

impl Regexp {
    /// Compiles a pattern with flags; 2201B when it is none or says what cannot be done here.
    pub fn new(pattern: &str, flags: &str) -> Result<Self> {
        let mut f = Flags::parse(flags)?;
        let mut p = pattern;
        if let Some(rest) = p.strip_prefix("***=") {
            f.literal = true;
            p = rest;
        } else {
            p = p.strip_prefix("***:").unwrap_or(p);
            if let Some((options, rest)) = p.strip_prefix("(?").and_then(|r| r.split_once(')'))
                && !options.is_empty()
                && options.bytes().all(|b| b.is_ascii_lowercase())
            {
                let more = Flags::parse(options).map_err(|_| invalid("invalid embedded option"))?;
                f.insensitive = (f.insensitive || more.insensitive) && !options.contains('c');
                f.newline |= more.newline;
                f.partial |= more.partial;
                f.anchors |= more.anchors;
                f.expanded |= more.expanded;
                f.literal |= more.literal;
                p = rest;
            }
        }
        let source = if f.literal { regex::escape(p) } else { translate(p, f)? };
        let regex = RegexBuilder::new(&source)
            .case_insensitive(f.insensitive)
            .dot_matches_new_line(!(f.newline || f.partial))
            .multi_line(f.newline || f.anchors)
            .size_limit(SIZE_MAX)
            .nest_limit(200)
            .build();
        let regex = regex.map_err(|e| match e {
            regex::Error::CompiledTooBig(_) => invalid("regular expression is too complex"),
            regex::Error::Syntax(text) => invalid(reason(&text)),
            e => invalid(e),
        })?;
        Ok(Self { regex, global: f.global })
    }

    /// The first match or all of them. Unlike the crate's own iterator, an empty match may follow at the end of another one.
    fn each<'t>(&self, text: &'t str, global: bool) -> Vec<regex::Captures<'t>> {
        let mut out = Vec::new();
        let mut at = 0;
        while at <= text.len() && (global || out.is_empty()) {
            let Some(c) = self.regex.captures_at(text, at) else { break };
            let Some(m) = c.get(0) else { break };
            at = m.end();
            if m.is_empty() {
                at += text[at..].chars().next().map_or(1, char::len_utf8);
            }
            out.push(c);
        }
        out
    }

    /// `text ~ pattern`
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// `substring(text from pattern)`: the first group, or the whole match when there is none.
    pub fn substring<'t>(&self, text: &'t str) -> Option<&'t str> {
        let c = self.regex.captures(text)?;
        c.get(usize::from(self.regex.captures_len() > 1)).map(|m| m.as_str())
    }

    fn groups<'t>(&self, c: &regex::Captures<'t>) -> Vec<Option<&'t str>> {
        let first = usize::from(self.regex.captures_len() > 1);
        (first..self.regex.captures_len()).map(|i| c.get(i).map(|m| m.as_str())).collect()
    }

    /// `regexp_match(text, pattern)`: the groups of the first match, or the match itself; `None` (NULL) for no match.
    pub fn first_match<'t>(&self, text: &'t str) -> Option<Vec<Option<&'t str>>> {
        self.regex.captures(text).map(|c| self.groups(&c))
    }

    /// `regexp_matches(text, pattern, flags)`: one row a match, all of them only with `g`.
    pub fn matches<'t>(&self, text: &'t str) -> Vec<Vec<Option<&'t str>>> {
        self.each(text, self.global).iter().map(|c| self.groups(c)).collect()
    }

    /// `regexp_replace(text, pattern, replacement, flags)`: `\1`…`\9`, `\&` and `\\` in the replacement.
    pub fn replace(&self, text: &str, replacement: &str) -> Result<String> {
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for c in self.each(text, self.global) {
            let Some(whole) = c.get(0) else { continue };
            out.push_str(&text[from..whole.start()]);
            from = whole.end();
            let mut chars = replacement.chars();
            while let Some(ch) = chars.next() {
                if ch != '\\' {
                    out.push(ch);
                    continue;
                }
                match chars.next() {
                    Some('&') => out.push_str(whole.as_str()),
                    Some(d @ '1'..='9') => {
                        out.push_str(c.get(d as usize - '0' as usize).map_or("", |m| m.as_str()));
                    }
                    Some('\\') | None => out.push('\\'),
                    Some(other) => {
                        out.push('\\');
                        out.push(other);
                    }
                }
            }
            if out.len() > BYTES_MAX {
                return Err(too_long());
            }
        }
        out.push_str(&text[from..]);
        Ok(out)
    }

    /// `regexp_split_to_array(text, pattern)`: empty matches split between characters, but not at the ends.
    pub fn split<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let mut out = Vec::new();
        let mut from = 0;
        for m in self.each(text, true).iter().filter_map(|c| c.get(0)) {
            if m.start() >= text.len() || m.end() <= from {
                continue;
            }
            out.push(&text[from..m.start()]);
            from = m.end();
        }
        out.push(&text[from..]);
        out
    }

    /// `regexp_count(text, pattern)`
    pub fn count(&self, text: &str) -> usize {
        self.each(text, true).len()
    }
}

/// Says a PostgreSQL pattern in the words of the `regex` crate.
fn translate(pattern: &str, flags: Flags) -> Result<String> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut i = 0;
    // 1 after a quantifier, 2 after its `?`: PostgreSQL refuses a quantifier there, the crate would take it.
    let mut quantified = 0;
    while i < chars.len() {
        let c = chars[i];
        i += 1;
        let repeats = matches!(c, '*' | '+' | '?') || (c == '{' && chars.get(i).is_some_and(char::is_ascii_digit));
        quantified = match (repeats, quantified, c) {
            // Nothing repeats an anchor.
            (false, _, '^' | '$') => 3,
            (false, ..) => 0,
            (true, 0, _) => 1,
            (true, 1, '?') => 2,
            _ => return Err(invalid("quantifier operand invalid")),
        };
        if c == '{' && repeats {
            let end = (i..chars.len()).find(|k| chars[*k] == '}').ok_or_else(|| invalid("braces {} not balanced"))?;
            out.extend(&chars[i - 1..=end]);
            i = end + 1;
            continue;
        }
        match c {
            '\\' => {
                let e = *chars.get(i).ok_or_else(|| invalid("invalid escape \\ sequence"))?;
                i += 1;
                escape(e, &chars, &mut i, false, &mut out)?;
            }
            '[' => bracket(&chars, &mut i, flags.newline || flags.partial, &mut out)?,
            '(' if chars.get(i) == Some(&'?') => match chars.get(i + 1) {
                Some(':') => {
                    out.push_str("(?:");
                    i += 2;
                }
                Some('=' | '!' | '<') => return Err(invalid("lookaround is not supported")),
                _ => return Err(invalid("quantifier operand invalid")),
            },
            '{' => out.push_str("\\{"),
            ' ' | '\t' | '\n' if flags.expanded => {}
            '#' if flags.expanded => {
                while chars.get(i).is_some_and(|c| *c != '\n') {
                    i += 1;
                }
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

fn push_char(c: char, out: &mut String) {
    let _ = write!(out, "\\x{{{:x}}}", u32::from(c));
}

/// Translates what stands after a backslash.
fn escape(e: char, chars: &[char], i: &mut usize, inside: bool, out: &mut String) -> Result<()> {
    let hex = |i: &mut usize, most: usize| -> Result<char> {
        let from = *i;
        while *i < chars.len() && *i - from < most && chars[*i].is_ascii_hexdigit() {
            *i += 1;
        }
        let code: String = chars[from..*i].iter().collect();
        u32::from_str_radix(&code, 16)
            .ok()
            .and_then(char::from_u32)
            .ok_or_else(|| invalid("invalid escape \\ sequence"))
    };
    match e {
        'd' | 'D' | 's' | 'S' | 'w' | 'W' => {
            out.push('\\');
            out.push(e);
        }
        'a' => push_char('\u{7}', out),
        'b' => push_char('\u{8}', out),
        'B' => push_char('\\', out),
        'e' => push_char('\u{1b}', out),
        'f' => push_char('\u{c}', out),
        'n' => push_char('\n', out),
        'r' => push_char('\r', out),
        't' => push_char('\t', out),
        'v' => push_char('\u{b}', out),
        '0' => push_char('\0', out),
        'u' => push_char(hex(i, 4)?, out),
        'U' | 'x' => push_char(hex(i, 8)?, out),
        'm' if !inside => out.push_str("\\b{start}"),
        'M' if !inside => out.push_str("\\b{end}"),
        'y' if !inside => out.push_str("\\b"),
        'Y' if !inside => out.push_str("\\B"),
        'A' if !inside => out.push_str("\\A"),
        'Z' if !inside => out.push_str("\\z"),
        '1'..='9' => return Err(invalid("back references are not supported")),
        c if c.is_alphanumeric() => return Err(invalid("invalid escape \\ sequence")),
        c => push_char(c, out),
    }
    Ok(())
}

/// Translates a bracket expression whose `[` has been read.
fn bracket(chars: &[char], i: &mut usize, newline: bool, out: &mut String) -> Result<()> {
    let unbalanced = || invalid("brackets [] not balanced");
    // Word boundaries in their old dress.
    for (text, means) in [("[:<:]]", "\\b{start}"), ("[:>:]]", "\\b{end}")] {
        if chars[*i..].iter().take(6).collect::<String>() == text {
            *i += 6;
            out.push_str(means);
            return Ok(());
        }
    }
    out.push('[');
    if chars.get(*i) == Some(&'^') {
        *i += 1;
        out.push('^');
        if newline {
            out.push_str("\\n");
        }
    }
    let start = *i;
    loop {
        let c = *chars.get(*i).ok_or_else(unbalanced)?;
        *i += 1;
        match c {
            ']' if *i > start + 1 => break,
            '[' if chars.get(*i) == Some(&':') => {
                let end =
                    (*i..chars.len().saturating_sub(1)).find(|k| *k > *i && chars[*k] == ':' && chars[*k + 1] == ']');
                let end = end.ok_or_else(unbalanced)?;
                let class: String = chars[*i + 1..end].iter().collect();
                out.push_str(match class.as_str() {
                    "alpha" => "\\p{Alphabetic}",
                    "alnum" => "\\p{Alphabetic}\\p{Nd}",
                    "digit" => "\\d",
                    "lower" => "\\p{Lowercase}",
                    "upper" => "\\p{Uppercase}",
                    "space" => "\\s",
                    "blank" => "\\t\\x20",
                    "punct" => "[:punct:]",
                    "cntrl" => "[:cntrl:]",
                    "graph" => "[:graph:]",
                    "print" => "[:print:]",
                    "xdigit" => "[:xdigit:]",
                    "word" => "\\w",
                    _ => return Err(invalid("invalid character class")),
                });
                *i = end + 2;
            }
            '[' if matches!(chars.get(*i), Some('.' | '=')) => return Err(invalid("invalid collating element")),
            '\\' => {
                let e = *chars.get(*i).ok_or_else(unbalanced)?;
                *i += 1;
                escape(e, chars, i, true, out)?;
            }
            '-' if *i > start + 1 && chars.get(*i).is_some_and(|n| *n != ']') => out.push('-'),
            c => push_char(c, out),
        }
    }
    out.push(']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_to_postgresql() {
        let cases = [
            ("abc", "b", "", true),
            ("abc", "^b", "", false),
            ("a\nb", "a.b", "", true),
            ("a\nb", "^b", "", false),
            ("a\nb", "^b", "n", true),
            ("ABC", "abc", "i", true),
            ("ABC", "(?i)abc", "", true),
            ("foo bar", "\\mbar\\M", "", true),
            ("foobar", "\\mbar", "", false),
            ("foo", "\\yfoo\\y", "", true),
            ("a[b", "[[]", "", true),
            ("a]b", "[]]", "", true),
            ("a-b", "[a-]-", "", true),
            ("é1", "^[[:alpha:]][[:digit:]]$", "", true),
            ("a&&b", "[&][&]", "", true),
            ("x", "[^a-c]", "", true),
            ("a.b", "a\\.b", "", true),
            ("a.b", "***=a.b", "", true),
            ("axb", "***=a.b", "", false),
            ("abc", "a b c", "x", true),
            ("{", "{", "", true),
            ("aa", "^a{2}$", "", true),
            ("tab\t", "\\t", "", true),
            ("\\", "[\\\\]", "", true),
            ("a~~b", "[~]", "", true),
            ("word", "[[:<:]]word[[:>:]]", "", true),
            ("a", "[\\w]", "", true),
        ];
        for (text, pattern, flags, want) in cases {
            assert_eq!(
                Regexp::new(pattern, flags).unwrap_or_else(|e| panic!("{pattern}: {e}")).is_match(text),
                want,
                "{text} {pattern}"
            );
        }
        for pattern in ["(", "[a", "a**", "*a", "\\", "(a)\\1", "(?=a)", "[[:frob:]]", "a{5,2}", "(?:a{1000}){1000}"] {
            assert_eq!(Regexp::new(pattern, "").unwrap_err().sqlstate, "2201B", "{pattern}");
        }
        assert_eq!(Regexp::new("a", "z").unwrap_err().message, "invalid regular expression option: \"z\"");
    }

    #[test]
    fn matches_are_taken_replaced_and_split() {
        let re = |p: &str, f: &str| Regexp::new(p, f).unwrap();
        assert_eq!(re("o(.)b", "").substring("foobar"), Some("o"));
        assert_eq!(re("o.b", "").substring("foobar"), Some("oob"));
        assert_eq!(re("(b)(x)?", "").first_match("abc"), Some(vec![Some("b"), None]));
        assert_eq!(re("z", "").first_match("abc"), None);
        assert_eq!(
            re("b..", "g").matches("foobarbequebaz"),
            vec![vec![Some("bar")], vec![Some("beq")], vec![Some("baz")]]
        );
        for (t, p, r, f, want) in [
            ("foobarbaz", "b..", "X", "", "fooXbaz"),
            ("foobarbaz", "b(..)", "X\\1Y", "g", "fooXarYXazY"),
            ("abc", "b", "[\\&]", "", "a[b]c"),
            ("abc", "b", "\\\\", "", "a\\c"),
            ("abc", "x*", "-", "g", "-a-b-c-"),
        ] {
            assert_eq!(re(p, f).replace(t, r).unwrap(), want);
        }
        assert_eq!(re("\\s+", "").split("a b  c"), ["a", "b", "c"]);
        assert_eq!(re("", "").split("abc"), ["a", "b", "c"]);
        assert_eq!(re(",", "").split(",a,"), ["", "a", ""]);
        assert_eq!(re("a", "").count("banana"), 3);
    }
}
