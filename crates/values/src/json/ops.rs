//! Operators and functions of json and jsonb that compare whole documents or make new ones.
//!
//! These build, and go through the tree. Paths are lists of texts, as `#>` takes them.

use super::jsonb::{compare_top, compare_trees, into_text, key_order, sort_members};
use super::pick::type_of;
use super::scan::Json;
use crate::print::write_json_string;
use crate::{Result, Type, ValueError, ValueRef, write_json};
use std::borrow::Cow;

fn parse(text: &str) -> Result<Json<'_>> {
    let mut tree = Json::parse(text)?;
    tree.normalise()?;
    Ok(tree)
}

/// `a = b` of jsonb.
pub fn equal(a: &str, b: &str) -> Result<bool> {
    Ok(a == b || compare_top(&parse(a)?, &parse(b)?).is_eq())
}

/// `a @> b`
pub fn contains(a: &str, b: &str) -> Result<bool> {
    let (a, b) = (parse(a)?, parse(b)?);
    // At the top alone, an array contains a scalar that is one of its elements.
    if let (Json::Array(items), false) = (&a, matches!(b, Json::Array(_) | Json::Object(_))) {
        return Ok(items.iter().any(|i| compare_trees(i, &b).is_eq()));
    }
    Ok(within(&a, &b))
}

fn within(a: &Json<'_>, b: &Json<'_>) -> bool {
    match (a, b) {
        (Json::Object(a), Json::Object(b)) => b.iter().all(|(key, wanted)| {
            a.binary_search_by(|(k, _)| key_order(k, key)).is_ok_and(|at| within(&a[at].1, wanted))
        }),
        (Json::Array(a), Json::Array(b)) => b.iter().all(|wanted| a.iter().any(|found| within(found, wanted))),
        (Json::Array(_) | Json::Object(_), _) | (_, Json::Array(_) | Json::Object(_)) => false,
        _ => compare_trees(a, b).is_eq(),
    }
}

/// `a || b`
pub fn concat(a: &str, b: &str) -> Result<String> {
    let joined = match (parse(a)?, parse(b)?) {
        (Json::Object(mut x), Json::Object(y)) => {
            x.extend(y);
            sort_members(&mut x);
            Json::Object(x)
        }
        (Json::Array(mut x), Json::Array(y)) => {
            x.extend(y);
            Json::Array(x)
        }
        (Json::Array(mut x), y) => {
            x.push(y);
            Json::Array(x)
        }
        (x, Json::Array(mut y)) => {
            y.insert(0, x);
            Json::Array(y)
        }
        (x, y) => Json::Array(vec![x, y]),
    };
    Ok(joined.to_text())
}

/// `json - key`: without the member, or without the strings equal to it.
pub fn delete_key(json: &str, key: &str) -> Result<String> {
    let mut tree = parse(json)?;
    match &mut tree {
        Json::Object(m) => m.retain(|(k, _)| k != key),
        Json::Array(items) => items.retain(|i| !matches!(i, Json::String(s) if s == key)),
        _ => return Err(ValueError::parameter("cannot delete from scalar")),
    }
    Ok(tree.to_text())
}

/// `json - index`
pub fn delete_index(json: &str, index: i64) -> Result<String> {
    let mut tree = parse(json)?;
    match &mut tree {
        Json::Array(items) => {
            if let Some(at) = position(index, items.len()) {
                items.remove(at);
            }
        }
        Json::Object(_) => return Err(ValueError::parameter("cannot delete from object using integer index")),
        _ => return Err(ValueError::parameter("cannot delete from scalar")),
    }
    Ok(tree.to_text())
}

fn position(index: i64, len: usize) -> Option<usize> {
    let len_i = i64::try_from(len).ok()?;
    usize::try_from(if index < 0 { index + len_i } else { index }).ok().filter(|i| *i < len)
}

fn step_index(step: &str, level: usize) -> Result<i64> {
    step.trim().parse().map_err(|_| {
        ValueError::new("22P02", format!("path element at position {level} is not an integer: \"{step}\""))
    })
}

/// `json #- path`
pub fn delete_path<S: AsRef<str>>(json: &str, steps: &[S]) -> Result<String> {
    let mut tree = parse(json)?;
    if !matches!(tree, Json::Array(_) | Json::Object(_)) {
        return Err(ValueError::parameter("cannot delete path in scalar"));
    }
    let Some((last, before)) = steps.split_last() else { return Ok(tree.to_text()) };
    let mut at = &mut tree;
    for (level, step) in before.iter().enumerate() {
        let Some(next) = child(at, step.as_ref(), level + 1)? else { return Ok(tree.to_text()) };
        at = next;
    }
    match at {
        Json::Object(m) => m.retain(|(k, _)| k != last.as_ref()),
        Json::Array(items) => {
            if let Some(i) = position(step_index(last.as_ref(), steps.len())?, items.len()) {
                items.remove(i);
            }
        }
        _ => {}
    }
    Ok(tree.to_text())
}

fn child<'t, 'a>(at: &'t mut Json<'a>, step: &str, level: usize) -> Result<Option<&'t mut Json<'a>>> {
    Ok(match at {
        Json::Object(m) => m.iter_mut().find(|(k, _)| k == step).map(|(_, v)| v),
        Json::Array(items) => {
            let i = position(step_index(step, level)?, items.len());
            i.and_then(|i| items.get_mut(i))
        }
        _ => None,
    })
}

/// `jsonb_set(json, path, new, create)`
pub fn set<S: AsRef<str>>(json: &str, steps: &[S], new: &str, create: bool) -> Result<String> {
    change(json, steps, new, |at, step, level, new| {
        match at {
            Json::Object(m) => match m.iter_mut().find(|(k, _)| k == step) {
                Some((_, v)) => *v = new,
                None if create => {
                    m.push((Cow::Owned(step.to_owned()), new));
                    sort_members(m);
                }
                None => {}
            },
            Json::Array(items) => {
                let index = step_index(step, level)?;
                match position(index, items.len()) {
                    Some(i) => items[i] = new,
                    None if create && index < 0 => items.insert(0, new),
                    None if create => items.push(new),
                    None => {}
                }
            }
            _ => {}
        }
        Ok(())
    })
}

/// `jsonb_insert(json, path, new, after)`
pub fn insert<S: AsRef<str>>(json: &str, steps: &[S], new: &str, after: bool) -> Result<String> {
    change(json, steps, new, |at, step, level, new| {
        match at {
            Json::Object(m) => {
                if m.iter().any(|(k, _)| k == step) {
                    return Err(ValueError::parameter("cannot replace existing key")
                        .with_hint("Try using the function jsonb_set to replace key value."));
                }
                m.push((Cow::Owned(step.to_owned()), new));
                sort_members(m);
            }
            Json::Array(items) => {
                let index = step_index(step, level)?;
                match position(index, items.len()) {
                    Some(i) => items.insert(i + usize::from(after), new),
                    None if index < 0 => items.insert(0, new),
                    None => items.push(new),
                }
            }
            _ => {}
        }
        Ok(())
    })
}

fn change<S: AsRef<str>>(
    json: &str,
    steps: &[S],
    new: &str,
    edit: impl FnOnce(&mut Json<'_>, &str, usize, Json<'static>) -> Result<()>,
) -> Result<String> {
    let mut tree = parse(json)?;
    if !matches!(tree, Json::Array(_) | Json::Object(_)) {
        return Err(ValueError::parameter("cannot set path in scalar"));
    }
    let Some((last, before)) = steps.split_last() else { return Ok(tree.to_text()) };
    let mut at = &mut tree;
    for (level, step) in before.iter().enumerate() {
        let Some(next) = child(at, step.as_ref(), level + 1)? else { return Ok(tree.to_text()) };
        at = next;
    }
    edit(at, last.as_ref(), steps.len(), parse(new)?.into_owned())?;
    Ok(tree.to_text())
}

impl Json<'_> {
    /// The same tree without borrowing.
    pub fn into_owned(self) -> Json<'static> {
        match self {
            Json::Null => Json::Null,
            Json::Bool(b) => Json::Bool(b),
            Json::Number(n) => Json::Number(Cow::Owned(n.into_owned())),
            Json::String(s) => Json::String(Cow::Owned(s.into_owned())),
            Json::Array(items) => Json::Array(items.into_iter().map(Json::into_owned).collect()),
            Json::Object(m) => {
                Json::Object(m.into_iter().map(|(k, v)| (Cow::Owned(k.into_owned()), v.into_owned())).collect())
            }
        }
    }
}

/// `jsonb_strip_nulls`: without members that are null, at every depth.
pub fn strip_nulls(json: &str) -> Result<String> {
    fn strip(j: &mut Json<'_>) {
        match j {
            Json::Object(m) => {
                m.retain(|(_, v)| *v != Json::Null);
                for (_, v) in m.iter_mut() {
                    strip(v);
                }
            }
            Json::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut tree = parse(json)?;
    strip(&mut tree);
    Ok(tree.to_text())
}

/// `jsonb_pretty`
pub fn pretty(json: &str) -> Result<String> {
    fn write(j: &Json<'_>, depth: usize, out: &mut Vec<u8>) {
        let line = |depth: usize, out: &mut Vec<u8>| {
            out.push(b'\n');
            out.extend(std::iter::repeat_n(b' ', depth * 4));
        };
        match j {
            Json::Array(items) => {
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    line(depth + 1, out);
                    write(item, depth + 1, out);
                }
                line(depth, out);
                out.push(b']');
            }
            Json::Object(m) => {
                out.push(b'{');
                for (i, (key, value)) in m.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    line(depth + 1, out);
                    write_json_string(key, out);
                    out.extend_from_slice(b": ");
                    write(value, depth + 1, out);
                }
                line(depth, out);
                out.push(b'}');
            }
            scalar => scalar.write(out),
        }
    }
    let mut out = Vec::new();
    write(&parse(json)?, 0, &mut out);
    Ok(into_text(out))
}

/// `to_json`: a typed value as JSON text.
pub fn to_json(ty: &Type, v: ValueRef<'_>) -> String {
    let mut out = Vec::new();
    write_json(ty, v, &mut out);
    into_text(out)
}

/// `to_jsonb`: a typed value as jsonb text.
pub fn to_jsonb(ty: &Type, v: ValueRef<'_>) -> Result<String> {
    super::normalise(&to_json(ty, v))
}

/// `jsonb_build_array`
pub fn build_array<'a>(items: impl IntoIterator<Item = (&'a Type, ValueRef<'a>)>) -> Result<String> {
    let mut out = vec![b'['];
    for (ty, v) in items {
        if out.len() > 1 {
            out.push(b',');
        }
        write_json(ty, v, &mut out);
    }
    out.push(b']');
    super::normalise(&into_text(out))
}

/// `jsonb_build_object`: keys and values in turn; 22023 for a NULL key or an odd number.
pub fn build_object<'a>(arguments: &[(&'a Type, ValueRef<'a>)]) -> Result<String> {
    if arguments.len() % 2 == 1 {
        return Err(ValueError::parameter("argument list must have even number of elements")
            .with_hint("The arguments of jsonb_build_object() must consist of alternating keys and values."));
    }
    let mut out = vec![b'{'];
    for (i, pair) in arguments.chunks_exact(2).enumerate() {
        let (key_type, key) = pair[0];
        if key.is_null() {
            return Err(ValueError::parameter(format!("argument {}: key must not be null", i * 2 + 1)));
        }
        if i > 0 {
            out.push(b',');
        }
        let text = match (key_type, key) {
            (Type::Bool, ValueRef::Int(b)) => if b == 0 { "false" } else { "true" }.to_owned(),
            _ => crate::input::plain_text(key_type, key),
        };
        write_json_string(&text, &mut out);
        out.push(b':');
        write_json(pair[1].0, pair[1].1, &mut out);
    }
    out.push(b'}');
    super::normalise(&into_text(out))
}

/// Casts a jsonb scalar: the text that the target's input reads, for numbers and booleans; 22023 otherwise.
pub fn scalar_for_cast<'a>(json: &'a str, to: &Type) -> Result<&'a str> {
    let wanted = if *to == Type::Bool { "boolean" } else { "number" };
    let found = type_of(json);
    if found == wanted {
        return Ok(json);
    }
    let what = match found {
        "boolean" | "string" | "array" | "object" => found.to_owned(),
        "number" => "numeric".to_owned(),
        _ => "null".to_owned(),
    };
    Err(ValueError::parameter(format!("cannot cast jsonb {what} to type {}", to.base_name())))
}

#[cfg(test)]
mod tests {
    use super::super::{array_length, has_all, has_any, has_key, object_keys};
    use super::*;

    #[test]
    fn containment_and_keys_agree_with_postgresql() {
        let cases = [
            (r#"{"a":1,"b":2}"#, r#"{"b":2}"#, true),
            (r#"{"a":1}"#, r#"{"a":2}"#, false),
            ("[1,2,[1,3]]", "[1]", true),
            ("[1,2,[1,3]]", "[[3]]", true),
            ("[1,2,[1,3]]", "[3]", false),
            (r#"["a","b"]"#, r#""a""#, true),
            (r#""a""#, r#"["a"]"#, false),
            (r#"{"a":{"b":[1,2]}}"#, r#"{"a":{"b":[2]}}"#, true),
            ("[]", "[]", true),
            ("1", "1.0", true),
            (r#"{"a":[]}"#, r#"{"a":{}}"#, false),
            ("[[1]]", "1", false),
        ];
        for (a, b, want) in cases {
            assert_eq!(contains(a, b).unwrap(), want, "{a} {b}");
        }
        assert!(
            has_key(r#"{"a":1}"#, "a") && has_key(r#"["a"]"#, "a") && has_key(r#""a""#, "a") && !has_key("[1]", "1")
        );
        assert!(has_any(r#"{"a":1}"#, &["x", "a"]) && !has_all(r#"{"a":1}"#, &["x", "a"]));
        assert!(equal(r#"{"a":1,"b":2}"#, r#"{"b":2.0,"a":1}"#).unwrap());
    }

    #[test]
    fn documents_are_changed_as_postgresql_changes_them() {
        assert_eq!(concat(r#"{"a":1}"#, r#"{"a":2,"b":3}"#).unwrap(), r#"{"a": 2, "b": 3}"#);
        assert_eq!(
            (
                concat("[1]", "2").unwrap(),
                concat("1", "[2]").unwrap(),
                concat("1", "2").unwrap(),
                concat("[1]", "{}").unwrap()
            ),
            ("[1, 2]".into(), "[1, 2]".into(), "[1, 2]".into(), "[1, {}]".into())
        );
        assert_eq!(concat("{}", "1").unwrap(), "[{}, 1]");
        assert_eq!(
            (
                delete_key(r#"{"a":1,"b":2}"#, "a").unwrap(),
                delete_key(r#"["a","b"]"#, "a").unwrap(),
                delete_index("[1,2,3]", -1).unwrap()
            ),
            (r#"{"b": 2}"#.into(), r#"["b"]"#.into(), "[1, 2]".into())
        );
        assert_eq!(delete_path(r#"{"a":[1,{"b":2}]}"#, &["a", "1", "b"]).unwrap(), r#"{"a": [1, {}]}"#);
        for (json, steps, create, want) in [
            (r#"{"a":1}"#, &["a"][..], true, r#"{"a": 9}"#),
            (r#"{"a":1}"#, &["b"], true, r#"{"a": 1, "b": 9}"#),
            (r#"{"a":1}"#, &["b"], false, r#"{"a": 1}"#),
            (r#"{"a":[1,2]}"#, &["a", "0"], true, r#"{"a": [9, 2]}"#),
            ("[1]", &["5"], true, "[1, 9]"),
            ("[1]", &["-5"], true, "[9, 1]"),
            (r#"{"a":1}"#, &["x", "y"], true, r#"{"a": 1}"#),
        ] {
            assert_eq!(set(json, steps, "9", create).unwrap(), want, "{json} {steps:?}");
        }
        assert_eq!(
            set("[1]", &["x"], "9", true).unwrap_err().message,
            "path element at position 1 is not an integer: \"x\""
        );
        assert_eq!(
            (insert("[1,2]", &["0"], "9", false).unwrap(), insert("[1,2]", &["0"], "9", true).unwrap()),
            ("[9, 1, 2]".into(), "[1, 9, 2]".into())
        );
        assert_eq!(strip_nulls(r#"{"a":null,"b":[null,{"c":null}]}"#).unwrap(), r#"{"b": [null, {}]}"#);
        assert_eq!(
            pretty(r#"{"a":[1],"b":{}}"#).unwrap(),
            "{\n    \"a\": [\n        1\n    ],\n    \"b\": {\n    }\n}"
        );
    }

    #[test]
    fn documents_are_built_of_typed_values() {
        let n = Type::Numeric(None);
        assert_eq!(
            build_array([
                (&Type::Int4, ValueRef::Int(1)),
                (&n, "1.50".into()),
                (&Type::Text, ValueRef::Null),
                (&Type::Bool, ValueRef::Int(1))
            ])
            .unwrap(),
            "[1, 1.50, null, true]"
        );
        assert_eq!(
            build_object(&[(&Type::Text, "k".into()), (&Type::Jsonb, "{\"a\": 1}".into())]).unwrap(),
            r#"{"k": {"a": 1}}"#
        );
        assert_eq!(
            build_object(&[(&Type::Text, ValueRef::Null), (&Type::Int4, ValueRef::Int(1))]).unwrap_err().sqlstate,
            "22023"
        );
        assert_eq!(
            (array_length("[1,[2]]").unwrap(), object_keys(r#"{"a":1,"b":2}"#).unwrap()),
            (2, vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(
            scalar_for_cast("\"a\"", &Type::Int4).unwrap_err().message,
            "cannot cast jsonb string to type integer"
        );
    }
}
