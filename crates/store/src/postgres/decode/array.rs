//! Arrays and ranges: values within values.

use super::{Decoder, Sink, Zone, broken, take};
use crate::error::Result;

/// PostgreSQL allows six dimensions; the recursion below goes no deeper.
const DIMENSIONS_MAX: i32 = 6;

struct Array<'a> {
    /// Length and lower bound of each dimension, outermost first.
    dimensions: Vec<(usize, i32)>,
    elements: &'a [u8],
}

fn parse(bytes: &[u8]) -> Result<Array<'_>> {
    let mut at = bytes;
    let count = i32::from_be_bytes(take(&mut at)?);
    let _has_nulls: [u8; 4] = take(&mut at)?;
    let _element_type: [u8; 4] = take(&mut at)?;
    if !(0..=DIMENSIONS_MAX).contains(&count) {
        return Err(broken("array"));
    }
    let mut dimensions = Vec::with_capacity(6);
    for _ in 0..count {
        let length = i32::from_be_bytes(take(&mut at)?);
        dimensions.push((usize::try_from(length).map_err(|_| broken("array"))?, i32::from_be_bytes(take(&mut at)?)));
    }
    Ok(Array { dimensions, elements: at })
}

/// The next element; none for null.
fn next<'a>(at: &mut &'a [u8]) -> Result<Option<&'a [u8]>> {
    let length = i32::from_be_bytes(take(at)?);
    let Ok(length) = usize::try_from(length) else { return Ok(None) };
    let (element, rest) = at.split_at_checked(length).ok_or_else(|| broken("array"))?;
    *at = rest;
    Ok(Some(element))
}

/// Appends an array as nested JSON arrays; lower bounds are not shown.
pub(super) fn json(element: &Decoder, bytes: &[u8], zone: &Zone, out: &mut Vec<u8>) -> Result<()> {
    fn level(
        element: &Decoder,
        dimensions: &[(usize, i32)],
        at: &mut &[u8],
        zone: &Zone,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(((length, _), inner)) = dimensions.split_first() else {
            if let Some(bytes) = next(at)? {
                return element.json(bytes, None, zone, out);
            }
            out.extend_from_slice(b"null");
            return Ok(());
        };
        out.push(b'[');
        for index in 0..*length {
            if index > 0 {
                out.push(b',');
            }
            level(element, inner, at, zone, out)?;
        }
        out.push(b']');
        Ok(())
    }
    let array = parse(bytes)?;
    if array.dimensions.is_empty() {
        out.extend_from_slice(b"[]");
        return Ok(());
    }
    level(element, &array.dimensions, &mut { array.elements }, zone, out)
}

/// Appends an array as a literal: `{1,2}`, `{"a b",NULL}`, `[0:1]={…}`.
pub(super) fn text<S: Sink>(element: &Decoder, bytes: &[u8], zone: &Zone, out: &mut S) -> Result<()> {
    fn level<S: Sink>(
        element: &Decoder,
        dimensions: &[(usize, i32)],
        at: &mut &[u8],
        zone: &Zone,
        scratch: &mut String,
        out: &mut S,
    ) -> Result<()> {
        let Some(((length, _), inner)) = dimensions.split_first() else {
            match next(at)? {
                Some(bytes) => {
                    scratch.clear();
                    element.text(bytes, zone, scratch)?;
                    let plain = !scratch.is_empty()
                        && !scratch.eq_ignore_ascii_case("null")
                        && !scratch.contains(|c| matches!(c, '"' | '\\' | '{' | '}' | ',') || is_space(c));
                    if plain { out.push(scratch) } else { quoted(scratch, "\\\"", out) }
                }
                None => out.push("NULL"),
            }
            return Ok(());
        };
        out.push("{");
        for index in 0..*length {
            if index > 0 {
                out.push(",");
            }
            level(element, inner, at, zone, scratch, out)?;
        }
        out.push("}");
        Ok(())
    }
    let array = parse(bytes)?;
    if array.dimensions.is_empty() {
        out.push("{}");
        return Ok(());
    }
    if array.dimensions.iter().any(|(_, lower)| *lower != 1) {
        for (length, lower) in &array.dimensions {
            let upper = i64::from(*lower) + i64::try_from(*length).unwrap_or(0) - 1;
            out.push(&format!("[{lower}:{upper}]"));
        }
        out.push("=");
    }
    level(element, &array.dimensions, &mut { array.elements }, zone, &mut String::new(), out)
}

/// What PostgreSQL's scanners call a space.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

/// Appends `text` in double quotes; `quote` is how a quote inside is written.
fn quoted<S: Sink>(text: &str, quote: &str, out: &mut S) {
    out.push("\"");
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\\']) {
        out.push(&rest[..at]);
        out.push(if rest.as_bytes()[at] == b'"' { quote } else { "\\\\" });
        rest = &rest[at + 1..];
    }
    out.push(rest);
    out.push("\"");
}

const EMPTY: u8 = 0x01;
const LOWER_INCLUSIVE: u8 = 0x02;
const UPPER_INCLUSIVE: u8 = 0x04;
const LOWER_INFINITE: u8 = 0x08;
const UPPER_INFINITE: u8 = 0x10;

/// Appends a range: `[1,5)`, `(,"2020-01-01 00:00:00"]`, `empty`.
pub(super) fn range<S: Sink>(element: &Decoder, bytes: &[u8], zone: &Zone, out: &mut S) -> Result<()> {
    let mut at = bytes;
    let [flags] = take(&mut at)?;
    if flags & EMPTY != 0 {
        out.push("empty");
        return Ok(());
    }
    let mut bound = |out: &mut S| -> Result<()> {
        let Some(bytes) = next(&mut at)? else { return Err(broken("range")) };
        let mut text = String::new();
        element.text(bytes, zone, &mut text)?;
        let special = |c| matches!(c, '"' | '\\' | '(' | ')' | '[' | ']' | ',') || is_space(c);
        if text.is_empty() || text.contains(special) {
            quoted(&text, "\"\"", out);
        } else {
            out.push(&text);
        }
        Ok(())
    };
    out.push(if flags & LOWER_INCLUSIVE != 0 { "[" } else { "(" });
    if flags & LOWER_INFINITE == 0 {
        bound(out)?;
    }
    out.push(",");
    if flags & UPPER_INFINITE == 0 {
        bound(out)?;
    }
    out.push(if flags & UPPER_INCLUSIVE != 0 { "]" } else { ")" });
    Ok(())
}

/// Appends a multirange: `{[1,5),[7,8)}`.
pub(super) fn multirange<S: Sink>(element: &Decoder, bytes: &[u8], zone: &Zone, out: &mut S) -> Result<()> {
    let mut at = bytes;
    let count = i32::from_be_bytes(take(&mut at)?);
    out.push("{");
    for index in 0..count {
        if index > 0 {
            out.push(",");
        }
        range(element, next(&mut at)?.ok_or_else(|| broken("multirange"))?, zone, out)?;
    }
    out.push("}");
    Ok(())
}
