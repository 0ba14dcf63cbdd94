//! jsonb: its normal form and its order.

use super::scan::Json;
use crate::{Result, ValueError, numeric, print::write_json_string};
use std::borrow::Cow;
use std::cmp::Ordering;

/// The largest power of ten a number inside jsonb may be written out to. PostgreSQL's own bound (131,072 digits) would let
/// ten bytes of input become a hundred thousand of output.
const EXPONENT_MAX: i64 = 1000;

impl Json<'_> {
    /// Brings the tree into jsonb's form: keys by length and then bytes, the last of duplicates, numbers written out.
    #[must_use = "the tree is changed only when this succeeds"]
    pub fn normalise(&mut self) -> Result<()> {
        match self {
            Self::Number(n) if n.bytes().any(|b| !b.is_ascii_digit()) => {
                let exponent = n.find(['e', 'E']).map_or(Ok(0), |at| n[at + 1..].parse::<i64>());
                if !exponent.is_ok_and(|e| e.abs() <= EXPONENT_MAX) {
                    return Err(ValueError::new("22003", "value overflows numeric format"));
                }
                *n = Cow::Owned(numeric::canonical(n)?);
            }
            Self::Array(items) => {
                for item in items {
                    item.normalise()?;
                }
            }
            Self::Object(members) => {
                for (_, value) in members.iter_mut() {
                    value.normalise()?;
                }
                sort_members(members);
            }
            _ => {}
        }
        Ok(())
    }

    /// Appends jsonb's output form.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
            Self::Number(n) => out.extend_from_slice(n.as_bytes()),
            Self::String(s) => write_json_string(s, out),
            Self::Array(items) => {
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.extend_from_slice(b", ");
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (i, (key, value)) in members.iter().enumerate() {
                    if i > 0 {
                        out.extend_from_slice(b", ");
                    }
                    write_json_string(key, out);
                    out.extend_from_slice(b": ");
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }

    /// jsonb's output form.
    pub fn to_text(&self) -> String {
        let mut out = Vec::new();
        self.write(&mut out);
        into_text(out)
    }

    /// jsonb's name of the kind of value: `jsonb_typeof`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::String(_) => 1,
            Self::Number(_) => 2,
            Self::Bool(_) => 3,
            Self::Array(_) => 4,
            Self::Object(_) => 5,
        }
    }
}

/// The writers only ever append whole UTF-8 sequences.
pub(super) fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

pub(super) fn sort_members(members: &mut Vec<(Cow<'_, str>, Json<'_>)>) {
    // Stable, so that of equal keys the last one written comes last; keep that one.
    members.sort_by(|(a, _), (b, _)| key_order(a, b));
    let mut kept = 0;
    for i in 0..members.len() {
        if i + 1 == members.len() || members[i].0 != members[i + 1].0 {
            members.swap(kept, i);
            kept += 1;
        }
    }
    members.truncate(kept);
}

pub(super) fn key_order(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.as_bytes().cmp(b.as_bytes()))
}

/// A JSON text in jsonb's output form.
pub fn normalise(text: &str) -> Result<String> {
    let mut tree = Json::parse(text)?;
    tree.normalise()?;
    Ok(tree.to_text())
}

/// jsonb's btree order of two stored texts. Texts that are not JSON come after all that are, by their bytes.
pub fn compare(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    match (Json::parse(a), Json::parse(b)) {
        (Ok(a), Ok(b)) => compare_top(&a, &b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}

/// At the top PostgreSQL holds a scalar as an array of one, so an empty array is less than any scalar.
pub(super) fn compare_top(a: &Json<'_>, b: &Json<'_>) -> Ordering {
    let scalar = |j: &Json<'_>| !matches!(j, Json::Array(_) | Json::Object(_));
    match (a, b) {
        (Json::Array(items), s) if scalar(s) => {
            if items.is_empty() {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (s, Json::Array(items)) if scalar(s) => {
            if items.is_empty() {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        _ => compare_trees(a, b),
    }
}

pub(super) fn compare_trees(a: &Json<'_>, b: &Json<'_>) -> Ordering {
    match (a, b) {
        (Json::String(a), Json::String(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Json::Number(a), Json::Number(b)) => numeric::compare(a, b),
        (Json::Bool(a), Json::Bool(b)) => a.cmp(b),
        (Json::Array(a), Json::Array(b)) => a.len().cmp(&b.len()).then_with(|| {
            a.iter().zip(b).map(|(a, b)| compare_trees(a, b)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
        }),
        (Json::Object(a), Json::Object(b)) => a.len().cmp(&b.len()).then_with(|| {
            a.iter()
                .zip(b)
                .map(|(a, b)| a.0.as_bytes().cmp(b.0.as_bytes()).then_with(|| compare_trees(&a.1, &b.1)))
                .find(|o| o.is_ne())
                .unwrap_or(Ordering::Equal)
        }),
        _ => a.rank().cmp(&b.rank()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jsonb_is_printed_as_postgresql_prints_it() {
        let cases = [
            (r#"{"bb":1,"a":[1,2],"a":{"x":null}}"#, r#"{"a": {"x": null}, "bb": 1}"#),
            ("[1e3, 1.50, -0, 1E-3, 12345678901234567890.10]", "[1000, 1.50, 0, 0.001, 12345678901234567890.10]"),
            (r#""\u00e9\/\t""#, r#""é/\t""#),
            (" true ", "true"),
            ("{}", "{}"),
            ("[ ]", "[]"),
            (r#"{"aa":1,"b":2,"ab":3,"b":4,"b":5}"#, r#"{"b": 5, "aa": 1, "ab": 3}"#),
        ];
        for (text, want) in cases {
            assert_eq!(normalise(text).unwrap(), want);
            assert_eq!(normalise(want).unwrap(), want);
        }
        assert_eq!(normalise("1e1001").unwrap_err().sqlstate, "22003");
    }

    #[test]
    fn jsonb_sorts_as_the_btree_does() {
        // ascending, as `order by` on PostgreSQL 15 gave it
        let sorted = [
            "[]",
            "null",
            r#""a""#,
            r#""b""#,
            "-1",
            "1",
            "2.5",
            "10",
            "false",
            "true",
            "[null]",
            "[1]",
            "[true]",
            "[[]]",
            "[1, 2]",
            "{}",
            r#"{"a": 1}"#,
            r#"{"a": 2}"#,
            r#"{"b": 0}"#,
            r#"{"a": 0, "b": 0}"#,
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} {b}");
            }
        }
        assert_eq!(compare("1.0", "1.00"), Ordering::Equal);
    }
}
