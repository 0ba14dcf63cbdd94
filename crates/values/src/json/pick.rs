//! Operators of json and jsonb that only pick something out: they walk the text and build nothing.

use super::scan::{elements, members, unquote};
use crate::{Result, ValueError};
use std::borrow::Cow;

pub(super) fn kind(text: &str) -> u8 {
    text.trim_start_matches([' ', '\n', '\r', '\t']).bytes().next().unwrap_or(0)
}

/// `json -> key`: the raw text of a member (the last, where there are several); `None` (NULL) when there is none.
pub fn member<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    if kind(json) != b'{' {
        return None;
    }
    members(json).filter(|(k, _)| k == key).last().map(|(_, v)| v)
}

/// `json -> index`: the raw text of an element; negative counts from the end.
pub fn item(json: &str, index: i64) -> Option<&str> {
    if kind(json) != b'[' {
        return None;
    }
    if let Ok(i) = usize::try_from(index) {
        elements(json).nth(i)
    } else {
        let all: Vec<&str> = elements(json).collect();
        let back = usize::try_from(index.unsigned_abs()).ok()?;
        all.len().checked_sub(back).map(|i| all[i])
    }
}

/// `jsonb -> index`: PostgreSQL keeps a scalar as a list of one, and this operator finds it there. `json` and `#>` do not.
pub fn item_or_scalar(json: &str, index: i64) -> Option<&str> {
    match kind(json) {
        b'[' | b'{' => item(json, index),
        _ => matches!(index, 0 | -1).then_some(json),
    }
}

/// `json #> path`
pub fn path<'a, S: AsRef<str>>(json: &'a str, steps: &[S]) -> Option<&'a str> {
    let mut at = json.trim_matches([' ', '\n', '\r', '\t']);
    for step in steps {
        let step = step.as_ref();
        at = match kind(at) {
            b'{' => member(at, step)?,
            b'[' => item(at, step.trim().parse().ok()?)?,
            _ => return None,
        };
    }
    Some(at)
}

/// The text of a raw value, as `->>` gives it: strings decoded, `null` as NULL, all else as it stands.
pub fn as_text(raw: &str) -> Option<Cow<'_, str>> {
    match kind(raw) {
        b'"' => unquote(raw),
        b'n' => None,
        _ => Some(Cow::Borrowed(raw)),
    }
}

/// `jsonb_typeof`, `json_typeof`
pub fn type_of(json: &str) -> &'static str {
    match kind(json) {
        b'{' => "object",
        b'[' => "array",
        b'"' => "string",
        b't' | b'f' => "boolean",
        b'n' => "null",
        _ => "number",
    }
}

/// `json ? key`: a member of an object, a string of an array, or the string itself.
pub fn has_key(json: &str, key: &str) -> bool {
    match kind(json) {
        b'{' => members(json).any(|(k, _)| k == key),
        b'[' => elements(json).any(|raw| kind(raw) == b'"' && unquote(raw).as_deref() == Some(key)),
        b'"' => unquote(json).as_deref() == Some(key),
        _ => false,
    }
}

/// `json ?| keys`
pub fn has_any<S: AsRef<str>>(json: &str, keys: &[S]) -> bool {
    keys.iter().any(|k| has_key(json, k.as_ref()))
}

/// `json ?& keys`
pub fn has_all<S: AsRef<str>>(json: &str, keys: &[S]) -> bool {
    keys.iter().all(|k| has_key(json, k.as_ref()))
}

/// `jsonb_array_length`; 22023 for what is no array.
pub fn array_length(json: &str) -> Result<i64> {
    match kind(json) {
        b'[' => Ok(i64::try_from(elements(json).count()).unwrap_or(i64::MAX)),
        b'{' => Err(ValueError::parameter("cannot get array length of a non-array")),
        _ => Err(ValueError::parameter("cannot get array length of a scalar")),
    }
}

/// `jsonb_object_keys`; 22023 for what is no object.
pub fn object_keys(json: &str) -> Result<Vec<String>> {
    match kind(json) {
        b'{' => Ok(members(json).map(|(k, _)| k.into_owned()).collect()),
        b'[' => Err(ValueError::parameter("cannot call jsonb_object_keys on an array")),
        _ => Err(ValueError::parameter("cannot call jsonb_object_keys on a scalar")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_picked_out_without_a_tree() {
        let j = r#"{"a": {"b": [1, "two", null]}, "x\"": true}"#;
        assert_eq!(member(j, "a"), Some(r#"{"b": [1, "two", null]}"#));
        assert_eq!(member(j, "x\""), Some("true"));
        assert_eq!((member("[1]", "a"), member(j, "z")), (None, None));
        for (steps, want) in [
            (&["a", "b", "0"][..], Some("1")),
            (&["a", "b", "-1"], Some("null")),
            (&["a", "b", "9"], None),
            (&["a", "x"], None),
            (&["a", "b", "y"], None),
            (&[], Some(j)),
        ] {
            assert_eq!(path(j, steps), want, "{steps:?}");
        }
        assert_eq!(as_text("\"a\\nb\"").as_deref(), Some("a\nb"));
        assert_eq!((as_text("null"), as_text("[1]").as_deref()), (None, Some("[1]")));
    }
}
