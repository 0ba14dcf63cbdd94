//! From `{1,NULL,"a b"}` and from JSON to the stored form, and from the stored form to elements.

use crate::json::{elements, unquote};
use crate::print::write_json_string;
use crate::sink::put_int;
use crate::{Result, Session, Type, Value, ValueError, ValueRef, input_in};

/// PostgreSQL's greatest number of dimensions.
const DIMENSIONS_MAX: usize = 6;

fn malformed(text: &str, detail: impl Into<String>) -> ValueError {
    ValueError::new("22P02", format!("malformed array literal: \"{text}\"")).with_detail(detail)
}

fn too_deep(n: usize) -> ValueError {
    ValueError::limit(format!("number of array dimensions ({n}) exceeds the maximum allowed ({DIMENSIONS_MAX})"))
}

/// Reads an array literal; gives the stored form.
pub fn parse(element: &Type, text: &str, session: &Session) -> Result<String> {
    let mut p = Parser {
        element,
        text,
        bytes: text.as_bytes(),
        pos: 0,
        session,
        sizes: Vec::new(),
        leaf: None,
        declared: Vec::new(),
    };
    p.blanks();
    p.bounds()?;
    if p.peek() != Some(b'{') {
        return Err(malformed(text, "Array value must start with \"{\" or dimension information."));
    }
    let mut out = Vec::with_capacity(text.len() + 2);
    p.level(0, &mut out)?;
    p.blanks();
    if p.pos < p.bytes.len() {
        return Err(malformed(text, "Junk after closing right brace."));
    }
    if !p.declared.is_empty() && !p.declared.iter().copied().map(Some).eq(p.sizes.iter().copied()) {
        return Err(malformed(text, "Specified array dimensions do not match array contents."));
    }
    if p.sizes.iter().all(Option::is_some) && p.sizes.contains(&Some(0)) {
        return Ok("[]".into());
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

struct Parser<'a> {
    element: &'a Type,
    text: &'a str,
    bytes: &'a [u8],
    pos: usize,
    session: &'a Session,
    /// The length of each dimension, once one of its arrays has ended.
    sizes: Vec<Option<usize>>,
    /// The depth at which elements are, once one was seen.
    leaf: Option<usize>,
    /// The lengths that bounds before the brace promised.
    declared: Vec<usize>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace() || b == 0x0b) {
            self.pos += 1;
        }
    }

    /// `[1:3]=` before the brace: only bounds that begin at one can be kept.
    fn bounds(&mut self) -> Result<()> {
        if self.peek() != Some(b'[') {
            return Ok(());
        }
        let missing = || malformed(self.text, "Missing \"]\" after array dimensions.");
        let end = self.text.find('=').ok_or_else(missing)?;
        let bounds = self.text[self.pos..end].trim();
        let bounds = bounds.strip_prefix('[').and_then(|b| b.strip_suffix(']')).ok_or_else(missing)?;
        for bound in bounds.split("][") {
            let (low, high) = bound.split_once(':').unwrap_or(("1", bound));
            let number = |n: &str| n.trim().parse::<i32>().map_err(|_| missing());
            if number(low)? != 1 {
                return Err(ValueError::new("0A000", "arrays whose lower bound is not 1 are not supported"));
            }
            self.declared.push(usize::try_from(number(high)?).unwrap_or(0));
        }
        self.pos = end + 1;
        self.blanks();
        Ok(())
    }

    fn unexpected(&self) -> ValueError {
        match self.text[self.pos..].chars().next() {
            None => malformed(self.text, "Unexpected end of input."),
            Some(c) => malformed(self.text, format!("Unexpected \"{c}\" character.")),
        }
    }

    /// Reads one pair of braces at the position.
    fn level(&mut self, depth: usize, out: &mut Vec<u8>) -> Result<()> {
        if depth == DIMENSIONS_MAX {
            return Err(too_deep(depth + 1));
        }
        if self.sizes.len() == depth {
            self.sizes.push(None);
        }
        let uneven = || malformed(self.text, "Multidimensional arrays must have sub-arrays with matching dimensions.");
        self.pos += 1;
        out.push(b'[');
        let mut count = 0;
        self.blanks();
        if self.peek() != Some(b'}') {
            loop {
                self.blanks();
                match self.peek() {
                    Some(b'{') => {
                        if self.leaf.is_some_and(|leaf| leaf <= depth) {
                            return Err(self.unexpected());
                        }
                        self.level(depth + 1, out)?;
                    }
                    Some(b',' | b'}') | None => return Err(self.unexpected()),
                    Some(_) => {
                        if *self.leaf.get_or_insert(depth) != depth {
                            return Err(uneven());
                        }
                        self.item(out)?;
                    }
                }
                count += 1;
                self.blanks();
                match self.peek() {
                    Some(b',') => {
                        self.pos += 1;
                        out.push(b',');
                    }
                    Some(b'}') => break,
                    Some(b'{') | None => return Err(self.unexpected()),
                    Some(_) => return Err(malformed(self.text, "Unexpected array element.")),
                }
            }
        }
        self.pos += 1;
        out.push(b']');
        match self.sizes[depth] {
            Some(n) if n != count => Err(uneven()),
            _ => {
                self.sizes[depth] = Some(count);
                Ok(())
            }
        }
    }

    /// Reads one element: quoted or bare.
    fn item(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let quoted = self.peek() == Some(b'"');
        let mut item = String::new();
        let mut escaped = false;
        let mut kept = 0; // how much of a bare item is not blanks at its end
        self.pos += usize::from(quoted);
        loop {
            let c =
                self.text[self.pos..].chars().next().ok_or_else(|| malformed(self.text, "Unexpected end of input."))?;
            match c {
                '\\' => {
                    self.pos += 1;
                    let next = self.text[self.pos..].chars().next();
                    let next = next.ok_or_else(|| malformed(self.text, "Unexpected end of input."))?;
                    item.push(next);
                    self.pos += next.len_utf8();
                    escaped = true;
                    kept = item.len();
                    continue;
                }
                '"' if quoted => {
                    self.pos += 1;
                    break;
                }
                '"' => return Err(malformed(self.text, "Unexpected array element.")),
                '{' if !quoted => return Err(self.unexpected()),
                ',' | '}' if !quoted => {
                    item.truncate(kept);
                    break;
                }
                _ => {
                    item.push(c);
                    if !c.is_ascii_whitespace() {
                        kept = item.len();
                    }
                }
            }
            self.pos += c.len_utf8();
        }
        let value = if !quoted && !escaped && item.eq_ignore_ascii_case("null") {
            Value::Null
        } else {
            input_in(self.element, &item, self.session)?
        };
        push_element(value.as_ref(), out);
        Ok(())
    }
}

/// Appends one element's stored form to an array's JSON.
pub fn push_element(v: ValueRef<'_>, out: &mut Vec<u8>) {
    match v {
        ValueRef::Null => out.extend_from_slice(b"null"),
        ValueRef::Int(i) => put_int(i, out),
        ValueRef::Real(f) if f.is_infinite() => out.extend_from_slice(if f > 0.0 { b"9e999" } else { b"-9e999" }),
        ValueRef::Real(f) => {
            let text = format!("{f:?}");
            out.extend_from_slice(text.as_bytes());
        }
        ValueRef::Text(s) => write_json_string(s, out),
        ValueRef::Blob(b) => {
            out.extend_from_slice(b"\"\\\\x");
            crate::sink::put_hex(b, out);
            out.push(b'"');
        }
    }
}

/// One element of a stored array, decoded from its raw JSON. A nested array is its own raw text.
pub fn element(ty: &Type, raw: &str) -> Value {
    match raw.as_bytes().first() {
        Some(b'"') => {
            let text = unquote(raw).unwrap_or_default().into_owned();
            match ty {
                Type::Bytea => crate::bytea::parse(&text).map_or(Value::Text(text), Value::Blob),
                _ => Value::Text(text),
            }
        }
        Some(b'n') | None => Value::Null,
        Some(b't') => Value::Int(1),
        Some(b'f') => Value::Int(0),
        Some(b'[' | b'{') => Value::text(raw),
        Some(_) => match (ty.is_float(), raw.parse()) {
            (false, Ok(i)) => Value::Int(i),
            _ => raw.parse().map_or(Value::Null, Value::float),
        },
    }
}

/// A JSON array for an array column, as `json_populate_record` reads it.
pub fn from_json_array(element: &Type, json: &str, session: &Session) -> Result<String> {
    let mut out = Vec::with_capacity(json.len());
    let mut sizes = Vec::new();
    json_level(element, json, session, 0, &mut sizes, &mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn json_level(
    element: &Type,
    json: &str,
    session: &Session,
    depth: usize,
    sizes: &mut Vec<(bool, Option<usize>)>,
    out: &mut Vec<u8>,
) -> Result<()> {
    if depth == DIMENSIONS_MAX {
        return Err(too_deep(depth + 1));
    }
    let uneven = || {
        ValueError::new("22P02", "malformed JSON array")
            .with_detail("Multidimensional arrays must have sub-arrays with matching dimensions.")
    };
    let document = matches!(element, Type::Json | Type::Jsonb);
    out.push(b'[');
    let mut count = 0;
    for raw in elements(json) {
        if count > 0 {
            out.push(b',');
        }
        count += 1;
        let nested = raw.starts_with('[') && !document;
        if sizes.len() == depth {
            sizes.push((nested, None));
        }
        if sizes[depth].0 != nested {
            return Err(if nested { uneven() } else { ValueError::new("22P02", "expected JSON array") });
        }
        if nested {
            json_level(element, raw, session, depth + 1, sizes, out)?;
        } else {
            push_element(crate::from_json_in(element, raw, session)?.as_ref(), out);
        }
    }
    out.push(b']');
    if let Some((_, size)) = sizes.get_mut(depth)
        && *size.get_or_insert(count) != count
    {
        return Err(uneven());
    }
    Ok(())
}

/// True when an element must be quoted in an array literal.
pub(crate) fn needs_quotes(text: &str) -> bool {
    text.is_empty()
        || text.eq_ignore_ascii_case("null")
        || text.bytes().any(|b| matches!(b, b'"' | b'\\' | b'{' | b'}' | b',' | 0x0b) || b.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn array_literals_become_json() {
        let cases = [
            ("_int4", "{1,2,NULL}", "[1,2,null]"),
            ("_int4", " { 1 , 2 } ", "[1,2]"),
            ("_int4", "{}", "[]"),
            ("_int4", "{{1,2},{3,4}}", "[[1,2],[3,4]]"),
            ("_text", r#"{a,"b,c",NULL,"NULL",""}"#, r#"["a","b,c",null,"NULL",""]"#),
            ("_text", r#"{a b , "x\"y", c\,d}"#, r#"["a b","x\"y","c,d"]"#),
            ("_bool", "{t,f}", "[1,0]"),
            ("_numeric", "{1.50,NaN}", r#"["1.50","NaN"]"#),
            ("_float8", "{1.5,NaN,Infinity,2}", r#"[1.5,"NaN",9e999,2.0]"#),
            ("_date", "{2020-1-5}", r#"["2020-01-05"]"#),
            ("_bytea", r#"{"\\x0aff"}"#, r#"["\\x0aff"]"#),
            ("_int4", "[1:2]={1,2}", "[1,2]"),
            ("_text", "{a\\ }", "[\"a \"]"),
        ];
        for (ty, text, want) in cases {
            let ty = Type::named(ty).unwrap();
            assert_eq!(
                parse(ty.element().unwrap(), text, &Session::default()).unwrap_or_else(|e| e.message),
                want,
                "{text}"
            );
        }
    }

    #[test]
    fn malformed_array_literals_are_refused_with_reasons() {
        for (text, detail) in [
            ("", "Array value must start with \"{\" or dimension information."),
            ("1,2", "Array value must start with \"{\" or dimension information."),
            ("{1", "Unexpected end of input."),
            ("{1,}", "Unexpected \"}\" character."),
            ("{,1}", "Unexpected \",\" character."),
            ("{1}x", "Junk after closing right brace."),
            ("{{1},{2,3}}", "Multidimensional arrays must have sub-arrays with matching dimensions."),
            ("{\"1\"2}", "Unexpected array element."),
        ] {
            let e = parse(&Type::Int4, text, &Session::default()).unwrap_err();
            assert_eq!(
                (e.sqlstate, e.message, e.detail.as_deref()),
                ("22P02", format!("malformed array literal: \"{text}\""), Some(detail))
            );
        }
        assert_eq!(
            parse(&Type::Int4, "{x}", &Session::default()).unwrap_err().message,
            "invalid input syntax for type integer: \"x\""
        );
        assert_eq!(parse(&Type::Int4, "{{{{{{{1}}}}}}}", &Session::default()).unwrap_err().sqlstate, "54000");
    }
}
