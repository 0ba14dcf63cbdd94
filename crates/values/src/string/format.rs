//! `format(pattern, …)`

use super::{BYTES_MAX, too_long};
use crate::{Result, ValueError, quote};

/// `format`: `%s`, `%I`, `%L`, `%%`, with positions (`%2$s`), the `-` flag and widths (a number, `*` or `*n$`). Arguments are
/// texts, `None` for NULL.
pub fn format(pattern: &str, arguments: &[Option<&str>]) -> Result<String> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    let mut next = 0;
    let unterminated =
        || ValueError::parameter("unterminated format() type specifier").with_hint("For a single \"%\" use \"%%\".");
    let fetch =
        |at: usize| arguments.get(at).copied().ok_or_else(|| ValueError::parameter("too few arguments for format()"));
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if rest.peek() == Some(&'%') {
            rest.next();
            out.push('%');
            continue;
        }
        let number = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| -> Result<Option<usize>> {
            let mut n: Option<usize> = None;
            while let Some(d) = rest.peek().and_then(|c| c.to_digit(10)) {
                n = Some(n.unwrap_or(0) * 10 + d as usize);
                if n > Some(BYTES_MAX) {
                    return Err(ValueError::new("22003", "number is out of range"));
                }
                rest.next();
            }
            Ok(n)
        };
        let mut position = None;
        let mut width = number(&mut rest)?;
        if width.is_some() && rest.peek() == Some(&'$') {
            rest.next();
            position = width.take();
        }
        let mut left = false;
        if width.is_none() {
            while rest.peek() == Some(&'-') {
                rest.next();
                left = true;
            }
            if rest.peek() == Some(&'*') {
                rest.next();
                let at = number(&mut rest)?;
                if at.is_some() && rest.next() != Some('$') {
                    return Err(ValueError::parameter("width argument position must be ended by \"$\""));
                }
                let at = at.map_or(next, |n| n.saturating_sub(1));
                next = at + 1;
                let given: i64 = fetch(at)?.map_or(Ok(0), str::parse).map_err(|_| ValueError::syntax("integer", ""))?;
                left |= given < 0;
                width = usize::try_from(given.unsigned_abs()).ok();
            } else {
                width = number(&mut rest)?;
            }
        }
        if position == Some(0) {
            return Err(ValueError::parameter("format specifies argument 0, but arguments are numbered from 1"));
        }
        let kind = rest.next().ok_or_else(unterminated)?;
        if !matches!(kind, 's' | 'I' | 'L') {
            return Err(ValueError::parameter(format!("unrecognized format() type specifier \"{kind}\""))
                .with_hint("For a single \"%\" use \"%%\"."));
        }
        let at = position.map_or(next, |n| n - 1);
        next = at + 1;
        let text = match (kind, fetch(at)?) {
            ('s', value) => value.unwrap_or("").to_owned(),
            ('L', None) => "NULL".to_owned(),
            ('L', Some(value)) => quote::literal(value),
            (_, None) => return Err(ValueError::new("22004", "null values cannot be formatted as an SQL identifier")),
            (_, Some(value)) => quote::ident(value),
        };
        let missing = width.unwrap_or(0).saturating_sub(text.chars().count());
        if out.len() + missing + text.len() > BYTES_MAX {
            return Err(too_long());
        }
        let blanks = " ".repeat(missing);
        out.push_str(&if left { text + &blanks } else { blanks + &text });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #[test]
    fn patterns_are_filled_as_postgresql_fills_them() {
        let cases: &[(&str, &[Option<&str>], &str)] = &[
            ("Hello %s, %1$s", &[Some("World")], "Hello World, World"),
            ("%I.%L", &[Some("a b"), Some("o'c")], "\"a b\".'o''c'"),
            ("%L", &[None], "NULL"),
            ("100%%", &[], "100%"),
            ("|%10s|%-5s|", &[Some("foo"), Some("x")], "|       foo|x    |"),
            ("|%*s|", &[Some("4"), Some("a")], "|   a|"),
            ("%2$s %s", &[Some("a"), Some("b"), Some("c")], "b c"),
            ("[%s]", &[None], "[]"),
        ];
        for (pattern, arguments, want) in cases {
            assert_eq!(super::format(pattern, arguments).unwrap(), *want);
        }
        for (pattern, state) in [("%s", "22023"), ("%", "22023"), ("%x", "22023"), ("%0$s", "22023")] {
            assert_eq!(super::format(pattern, &[]).unwrap_err().sqlstate, state);
        }
    }
}
