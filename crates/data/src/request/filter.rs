//! The grammar of filters: operator expressions, lists, array literals (section 3).

use std::borrow::Cow;

use super::cursor::{Cursor, Parsed};
use super::error::ApiError;
use super::limits::Limits;
use super::model::{Comparison, Containment, Field, Filter, FtsKind, IsValue, Op, Quantified, Quantifier};

pub(super) const OPERATOR: &str = "operator (eq, gt, ...)";
pub(super) const NOT_OR_OPERATOR: &str = "\"not\" or operator (eq, gt, ...)";
const DOT: &str = "delimiter (.)";

/// Parses the key of a filter, `[embed.path.]column[json path]`, into the path and the field.
pub fn parse_filter_key(key: &str, limits: &Limits) -> Result<(Vec<String>, Field), ApiError> {
    let parse = || {
        let mut cursor = Cursor::new(key, limits);
        cursor.skip_blanks();
        let mut name = cursor.name()?.into_owned();
        let mut path = Vec::new();
        while cursor.eat(b'.') {
            path.push(std::mem::replace(&mut name, cursor.name()?.into_owned()));
        }
        let json_path = cursor.json_path()?;
        cursor.skip_blanks();
        cursor.expect_end("letter, digit, \"-\", delimiter (.), \"->>\", \"->\" or end of input")?;
        Ok((path, Field { name, json_path }))
    };
    parse().map_err(|fail: super::cursor::Fail| fail.into_error("tree path", key, key, 0))
}

/// Parses the value of a filter, `[not.]op.value`, up to its end.
pub fn parse_filter_value(value: &str, limits: &Limits) -> Result<(bool, Op), ApiError> {
    let mut cursor = Cursor::new(value, limits);
    let parsed = expression(&mut cursor, Place::Parameter);
    parsed.map_err(|fail| fail.into_error("filter", value, value, 0))
}

/// On GET and HEAD of a function a pair is an argument unless its value is an operator expression: `None` then. A value
/// that begins as one (`not.`, `in.`, `is.`, `isdistinct.`) and does not end as one is an error.
pub fn parse_filter_or_argument(value: &str, limits: &Limits) -> Result<Option<(bool, Op)>, ApiError> {
    match parse_filter_value(value, limits) {
        Ok(expression) => Ok(Some(expression)),
        Err(error) => {
            let begun = ["not.", "in.", "is.", "isdistinct."].iter().any(|word| value.starts_with(word));
            if begun { Err(error) } else { Ok(None) }
        }
    }
}

/// Where an expression stands, which decides where its value ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A parameter of its own: the value runs to the end and nothing is quoted.
    Parameter,
    /// Inside `and=(…)`: the value ends at `,` or `)` unless quoted or an array literal.
    Tree,
}

/// `['not.'] op` with its value.
pub(super) fn expression(cursor: &mut Cursor<'_>, place: Place) -> Parsed<(bool, Op)> {
    let negated = cursor.eat_str("not.");
    let op = operation(cursor, place, if negated { OPERATOR } else { NOT_OR_OPERATOR })?;
    if place == Place::Parameter {
        cursor.expect_end("end of input")?;
    }
    Ok((negated, op))
}

/// `field.['not.'] op`, as trees have it.
pub(super) fn leaf(cursor: &mut Cursor<'_>) -> Parsed<Filter> {
    let field = cursor.field()?;
    cursor.expect(b'.', "letter, digit, \"-\", \"->>\", \"->\" or delimiter (.)")?;
    let (negated, op) = expression(cursor, Place::Tree)?;
    Ok(Filter { field, negated, op })
}

fn operation(cursor: &mut Cursor<'_>, place: Place, expecting: &'static str) -> Parsed<Op> {
    let start = cursor.at;
    let rest = cursor.rest();
    let word = &rest[..rest.bytes().take_while(u8::is_ascii_lowercase).count()];
    cursor.at += word.len();
    if let Some(op) = comparison(word) {
        let word = quantifier(cursor, op)?;
        cursor.expect(b'.', DOT)?;
        let value = value(cursor, place);
        let quantified = match word {
            None => None,
            Some(quantifier) => Some(Quantified { quantifier, elements: elements(cursor, &value)? }),
        };
        return Ok(Op::Compare { op, quantified, value: value.into_owned() });
    }
    if let Some(op) = containment(word) {
        cursor.expect(b'.', DOT)?;
        return Ok(Op::Contain { op, value: value(cursor, place).into_owned() });
    }
    if let Some(kind) = fts(word) {
        let mut language = None;
        if cursor.eat(b'(') {
            language = Some(cursor.word(OPERATOR)?.to_owned());
            cursor.expect(b')', "letter, digit or \")\"")?;
        }
        cursor.expect(b'.', DOT)?;
        return Ok(Op::Fts { kind, language, query: value(cursor, place).into_owned() });
    }
    match word {
        "in" => {
            cursor.expect(b'.', DOT)?;
            list(cursor).map(Op::In)
        }
        "is" => {
            cursor.expect(b'.', DOT)?;
            is_value(cursor).map(Op::Is)
        }
        "isdistinct" => {
            cursor.expect(b'.', DOT)?;
            Ok(Op::IsDistinct(value(cursor, place).into_owned()))
        }
        _ => {
            cursor.at = start;
            cursor.fail(expecting)
        }
    }
}

fn comparison(word: &str) -> Option<Comparison> {
    Some(match word {
        "eq" => Comparison::Eq,
        "neq" => Comparison::Neq,
        "gt" => Comparison::Gt,
        "gte" => Comparison::Gte,
        "lt" => Comparison::Lt,
        "lte" => Comparison::Lte,
        "like" => Comparison::Like,
        "ilike" => Comparison::Ilike,
        "match" => Comparison::Match,
        "imatch" => Comparison::Imatch,
        _ => return None,
    })
}

fn containment(word: &str) -> Option<Containment> {
    Some(match word {
        "cs" => Containment::Contains,
        "cd" => Containment::ContainedBy,
        "ov" => Containment::Overlaps,
        "sl" => Containment::StrictlyLeft,
        "sr" => Containment::StrictlyRight,
        "nxr" => Containment::NotExtendsRight,
        "nxl" => Containment::NotExtendsLeft,
        "adj" => Containment::Adjacent,
        _ => return None,
    })
}

fn fts(word: &str) -> Option<FtsKind> {
    Some(match word {
        "fts" => FtsKind::Raw,
        "plfts" => FtsKind::Plain,
        "phfts" => FtsKind::Phrase,
        "wfts" => FtsKind::Websearch,
        _ => return None,
    })
}

fn quantifier(cursor: &mut Cursor<'_>, op: Comparison) -> Parsed<Option<Quantifier>> {
    if op == Comparison::Neq || cursor.peek() != Some(b'(') {
        return Ok(None);
    }
    if cursor.eat_str("(any)") {
        Ok(Some(Quantifier::Any))
    } else if cursor.eat_str("(all)") {
        Ok(Some(Quantifier::All))
    } else {
        cursor.at += 1;
        cursor.fail("\"any\" or \"all\"")
    }
}

fn is_value(cursor: &mut Cursor<'_>) -> Parsed<IsValue> {
    let rest = cursor.rest();
    let length = rest.bytes().take_while(|b| b.is_ascii_alphabetic() || *b == b'_').count();
    let known = [IsValue::Null, IsValue::NotNull, IsValue::True, IsValue::False, IsValue::Unknown];
    match known.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(&rest[..length])) {
        Some(value) => {
            cursor.at += length;
            Ok(value)
        }
        None => cursor.fail("isVal: (null, not_null, true, false, unknown)"),
    }
}

/// The single value of an operator.
fn value<'a>(cursor: &mut Cursor<'a>, place: Place) -> Cow<'a, str> {
    if place == Place::Parameter {
        let rest = cursor.rest();
        cursor.at = cursor.text.len();
        return Cow::Borrowed(rest);
    }
    if let Some(text) = quoted_element(cursor) {
        return text;
    }
    let rest = cursor.rest();
    if let Some(inner) = rest.strip_prefix('{')
        && let Some(end) = inner.find(['{', '}'])
        && inner.as_bytes()[end] == b'}'
    {
        // one level of braces protects commas and parentheses
        let literal = &rest[..end + 2];
        cursor.at += literal.len();
        return Cow::Borrowed(literal);
    }
    raw_element(cursor)
}

/// A quoted text directly followed by `,`, `)` or the end; else nothing is taken.
fn quoted_element<'a>(cursor: &mut Cursor<'a>) -> Option<Cow<'a, str>> {
    if cursor.peek() != Some(b'"') {
        return None;
    }
    let start = cursor.at;
    if let Ok(text) = cursor.quoted()
        && matches!(cursor.peek(), None | Some(b',' | b')'))
    {
        return Some(text);
    }
    cursor.at = start;
    None
}

/// Raw text up to `,`, `)` or the end.
fn raw_element<'a>(cursor: &mut Cursor<'a>) -> Cow<'a, str> {
    let rest = cursor.rest();
    let text = &rest[..rest.find([',', ')']).unwrap_or(rest.len())];
    cursor.at += text.len();
    Cow::Borrowed(text)
}

/// `(a,b,"c,d")`; `()` is the empty list.
fn list(cursor: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    cursor.skip_blanks();
    cursor.expect(b'(', "\"(\"")?;
    cursor.skip_blanks();
    let mut elements = Vec::new();
    if cursor.eat(b')') {
        cursor.skip_blanks();
        return Ok(elements);
    }
    loop {
        let element = quoted_element(cursor).unwrap_or_else(|| raw_element(cursor));
        elements.push(element.into_owned());
        if elements.len() > cursor.limits.list_elements_max {
            return cursor.over("elements in a list", "list_elements_max", cursor.limits.list_elements_max);
        }
        if cursor.eat(b',') {
            continue;
        }
        cursor.expect(b')', "\",\" or \")\"")?;
        cursor.skip_blanks();
        return Ok(elements);
    }
}

fn elements(cursor: &Cursor<'_>, literal: &str) -> Parsed<Option<Vec<Option<String>>>> {
    let elements = array_elements(literal);
    if elements.as_ref().is_some_and(|elements| elements.len() > cursor.limits.list_elements_max) {
        return cursor.over("elements in an array", "list_elements_max", cursor.limits.list_elements_max);
    }
    Ok(elements)
}

/// Elements of PostgreSQL's one-dimensional array literal `{a,"b,c",NULL}`; `None` when the text is not one. The rules
/// are the database's: blanks around elements do not count, quotes and backslashes protect, a bare NULL is null.
pub fn array_elements(literal: &str) -> Option<Vec<Option<String>>> {
    let inner = literal.trim_matches(blank).strip_prefix('{')?.strip_suffix('}')?;
    let mut elements = Vec::new();
    if inner.trim_matches(blank).is_empty() {
        return Some(elements);
    }
    let mut chars = inner.chars().peekable();
    loop {
        while chars.next_if(|c| blank(*c)).is_some() {}
        let mut element = String::new();
        let quoted = chars.next_if_eq(&'"').is_some();
        if quoted {
            loop {
                match chars.next()? {
                    '"' => break,
                    '\\' => element.push(chars.next()?),
                    c => element.push(c),
                }
            }
            while chars.next_if(|c| blank(*c)).is_some() {}
            elements.push(Some(element));
        } else {
            let mut kept = 0; // trailing blanks are dropped unless escaped
            let mut escaped = false;
            while let Some(c) = chars.next_if(|c| *c != ',') {
                match c {
                    '{' | '}' | '"' => return None,
                    '\\' => {
                        element.push(chars.next()?);
                        escaped = true;
                        kept = element.len();
                    }
                    c => {
                        element.push(c);
                        if !blank(c) {
                            kept = element.len();
                        }
                    }
                }
            }
            element.truncate(kept);
            if element.is_empty() {
                return None;
            }
            let null = !escaped && element.eq_ignore_ascii_case("null");
            elements.push((!null).then_some(element));
        }
        match chars.next() {
            None => return Some(elements),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

/// Blanks as the array reader of PostgreSQL sees them.
fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}
