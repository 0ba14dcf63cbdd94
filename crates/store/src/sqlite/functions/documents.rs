//! json and jsonb.

use values::{Result, Type, Value, ValueError, ValueRef, array, json};

use super::casts::type_named;
use super::{Scalar, int, lax, mistyped, strict, text};
use crate::sqlite::session;

type Args<'a, 'b> = &'a [ValueRef<'b>];

#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's end")]
fn raw(found: Option<&str>) -> Result<Value> {
    Ok(found.map_or(Value::Null, Value::text))
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's end")]
fn printed(found: Option<&str>) -> Result<Value> {
    Ok(found.and_then(json::as_text).map_or(Value::Null, |text| Value::text(text.into_owned())))
}

/// The texts of a `text[]`; null elements are left out, as no path step or key is null.
fn steps(args: Args<'_, '_>, n: usize) -> Result<Vec<String>> {
    Ok(array::unnest(&Type::Text, text(args, n)?)
        .into_iter()
        .filter_map(|step| match step {
            Value::Text(step) => Some(step),
            _ => None,
        })
        .collect())
}

/// `json_extract_path(document, step…)`.
fn extract<'a>(args: Args<'_, 'a>) -> Result<Option<&'a str>> {
    let steps: Result<Vec<&str>> = (1..args.len()).map(|n| text(args, n)).collect();
    Ok(json::path(text(args, 0)?, &steps?))
}

fn delete_keys(args: Args<'_, '_>) -> Result<Value> {
    let mut document = text(args, 0)?.to_owned();
    for key in steps(args, 1)? {
        document = json::delete_key(&document, &key)?;
    }
    Ok(Value::Text(document))
}

fn jsonb_set(args: Args<'_, '_>) -> Result<Value> {
    let create = args.len() < 4 || int(args, 3)? != 0;
    json::set(text(args, 0)?, &steps(args, 1)?, text(args, 2)?, create).map(Value::Text)
}

fn jsonb_insert(args: Args<'_, '_>) -> Result<Value> {
    let after = args.len() > 3 && int(args, 3)? != 0;
    json::insert(text(args, 0)?, &steps(args, 1)?, text(args, 2)?, after).map(Value::Text)
}

/// A value of a type as JSON; null is `null`.
fn written(value: ValueRef<'_>, ty: Option<&str>, out: &mut Vec<u8>) -> Result<()> {
    if value.is_null() {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    let ty = super::type_or_guess(value, ty)?;
    values::write_json_in(&ty, value, &session::values_session(), out);
    Ok(())
}

fn utf8(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| super::not_utf8())
}

/// `to_json(value)` with the value's type.
fn to_json(args: Args<'_, '_>) -> Result<String> {
    let mut out = Vec::new();
    written(args[0], args[1].as_str(), &mut out)?;
    utf8(out)
}

fn null_or(args: Args<'_, '_>, f: fn(Args<'_, '_>) -> Result<String>) -> Result<Value> {
    if args[0].is_null() { Ok(Value::Null) } else { f(args).map(Value::Text) }
}

/// `json_build_array`: the items and then the list of their types.
fn build_array(args: Args<'_, '_>) -> Result<String> {
    let (types, items) = args.split_last().ok_or_else(|| mistyped("types", None))?;
    let mut types = types.as_str().unwrap_or_default().split(',');
    let mut out = vec![b'['];
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            out.extend_from_slice(b", ");
        }
        written(*item, types.next(), &mut out)?;
    }
    out.push(b']');
    utf8(out)
}

/// `json_build_object`: keys and values in turn and then the list of their types.
fn build_object(args: Args<'_, '_>) -> Result<String> {
    let (types, items) = args.split_last().ok_or_else(|| mistyped("types", None))?;
    let types: Vec<&str> = types.as_str().unwrap_or_default().split(',').collect();
    if !items.len().is_multiple_of(2) {
        return Err(ValueError::parameter("argument list must have even number of elements")
            .with_hint("The arguments of json_build_object() must consist of alternating keys and values."));
    }
    let mut out = vec![b'{'];
    for (n, pair) in items.chunks_exact(2).enumerate() {
        if n > 0 {
            out.extend_from_slice(b", ");
        }
        let key = super::typed_text(pair[0], types.get(n * 2).copied())?.ok_or_else(|| {
            ValueError::parameter(format!("argument {} cannot be null", n * 2 + 1))
                .with_hint("Object keys should be text.")
        })?;
        values::write_json_string(&key, &mut out);
        out.extend_from_slice(b" : ");
        written(pair[1], types.get(n * 2 + 1).copied(), &mut out)?;
    }
    out.push(b'}');
    utf8(out)
}

/// Keys and ready documents in turn: what the translator makes of a row.
fn object_of_documents(args: Args<'_, '_>) -> Result<String> {
    let mut out = vec![b'{'];
    for (n, pair) in args.chunks_exact(2).enumerate() {
        if n > 0 {
            out.push(b',');
        }
        let key =
            super::typed_text(pair[0], None)?.ok_or_else(|| ValueError::parameter("field name must not be null"))?;
        values::write_json_string(&key, &mut out);
        out.push(b':');
        out.extend_from_slice(pair[1].as_str().unwrap_or("null").as_bytes());
    }
    out.push(b'}');
    utf8(out)
}

/// `jsonb_object(text[])` and `jsonb_object(keys, values)`.
fn object_of_texts(args: Args<'_, '_>) -> Result<String> {
    let mut pairs = Vec::new();
    let all = array::unnest(&Type::Text, text(args, 0)?);
    if args.len() > 1 {
        let others = array::unnest(&Type::Text, text(args, 1)?);
        if others.len() != all.len() {
            return Err(ValueError::new("2202E", "mismatched array dimensions"));
        }
        pairs.extend(all.into_iter().zip(others));
    } else {
        if !all.len().is_multiple_of(2) {
            return Err(ValueError::new("2202E", "array must have even number of elements"));
        }
        let mut all = all.into_iter();
        while let (Some(key), Some(value)) = (all.next(), all.next()) {
            pairs.push((key, value));
        }
    }
    let mut out = vec![b'{'];
    for (n, (key, value)) in pairs.iter().enumerate() {
        if n > 0 {
            out.extend_from_slice(b", ");
        }
        let Value::Text(key) = key else {
            return Err(ValueError::new("22004", "null value not allowed for object key"));
        };
        values::write_json_string(key, &mut out);
        out.extend_from_slice(b" : ");
        written(value.as_ref(), Some("text"), &mut out)?;
    }
    out.push(b'}');
    utf8(out)
}

fn binary(made: &str) -> Result<String> {
    json::normalise(made)
}

/// A row of SQLite's `json_each`, its type and value, as a document.
fn each(args: Args<'_, '_>) -> Result<String> {
    let kind = text(args, 0)?;
    match (kind, args[1]) {
        ("true" | "false" | "null", _) => Ok(kind.to_owned()),
        ("array" | "object", ValueRef::Text(document)) => json::normalise(document),
        (_, value) => {
            let mut out = Vec::new();
            written(value, None, &mut out)?;
            utf8(out)
        }
    }
}

/// The same as text: strings bare, `null` as null.
fn each_text(args: Args<'_, '_>) -> Result<Value> {
    let document = each(args)?;
    Ok(json::as_text(&document).map_or(Value::Null, |text| Value::text(text.into_owned())))
}

/// The members of an object, or the items of an array, as one of texts, so that `json_each` gives each document untouched: SQLite's
/// own reading of numbers would round them.
fn texts_of_parts(args: Args<'_, '_>) -> Result<Value> {
    let document = text(args, 0)?.trim_start();
    let mut out = Vec::new();
    match document.as_bytes().first() {
        Some(b'[') => {
            out.push(b'[');
            for (n, item) in json::elements(document).enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                values::write_json_string(item, &mut out);
            }
            out.push(b']');
        }
        Some(b'{') => {
            out.push(b'{');
            for (n, (key, value)) in json::members(document).enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                values::write_json_string(&key, &mut out);
                out.push(b':');
                values::write_json_string(value, &mut out);
            }
            out.push(b'}');
        }
        _ => return Err(ValueError::parameter("cannot take the parts of a scalar")),
    }
    utf8(out).map(Value::Text)
}

/// `array_to_json(array)` with the array's type.
fn array_to_json(args: Args<'_, '_>) -> Result<Value> {
    let ty = type_named(text(args, 1)?)?;
    let mut out = Vec::new();
    values::write_json_in(&ty, args[0], &session::values_session(), &mut out);
    utf8(out).map(Value::Text)
}

pub(super) const FUNCTIONS: &[Scalar] = &[
    strict("pg_json_member", 2, |a| raw(json::member(text(a, 0)?, text(a, 1)?))),
    strict("pg_json_item", 2, |a| raw(json::item(text(a, 0)?, int(a, 1)?))),
    strict("pg_json_member_text", 2, |a| printed(json::member(text(a, 0)?, text(a, 1)?))),
    strict("pg_jsonb_item", 2, |a| raw(json::item_or_scalar(text(a, 0)?, int(a, 1)?))),
    strict("pg_jsonb_item_text", 2, |a| printed(json::item_or_scalar(text(a, 0)?, int(a, 1)?))),
    strict("pg_json_item_text", 2, |a| printed(json::item(text(a, 0)?, int(a, 1)?))),
    strict("pg_json_path", 2, |a| raw(json::path(text(a, 0)?, &steps(a, 1)?))),
    strict("pg_json_path_text", 2, |a| printed(json::path(text(a, 0)?, &steps(a, 1)?))),
    strict("pg_json_extract", -1, |a| raw(extract(a)?)),
    strict("pg_json_extract_text", -1, |a| printed(extract(a)?)),
    strict("pg_jsonb_contains", 2, |a| json::contains(text(a, 0)?, text(a, 1)?).map(Value::bool)),
    strict("pg_jsonb_has", 2, |a| Ok(Value::bool(json::has_key(text(a, 0)?, text(a, 1)?)))),
    strict("pg_jsonb_has_any", 2, |a| Ok(Value::bool(json::has_any(text(a, 0)?, &steps(a, 1)?)))),
    strict("pg_jsonb_has_all", 2, |a| Ok(Value::bool(json::has_all(text(a, 0)?, &steps(a, 1)?)))),
    strict("pg_jsonb_concat", 2, |a| json::concat(text(a, 0)?, text(a, 1)?).map(Value::Text)),
    strict("pg_jsonb_delete_key", 2, |a| json::delete_key(text(a, 0)?, text(a, 1)?).map(Value::Text)),
    strict("pg_jsonb_delete_keys", 2, delete_keys),
    strict("pg_jsonb_delete_index", 2, |a| json::delete_index(text(a, 0)?, int(a, 1)?).map(Value::Text)),
    strict("pg_jsonb_delete_path", 2, |a| json::delete_path(text(a, 0)?, &steps(a, 1)?).map(Value::Text)),
    strict("pg_jsonb_set", 3, jsonb_set),
    strict("pg_jsonb_set", 4, jsonb_set),
    strict("pg_jsonb_insert", 3, jsonb_insert),
    strict("pg_jsonb_insert", 4, jsonb_insert),
    strict("pg_json_typeof", 1, |a| Ok(Value::text(json::type_of(text(a, 0)?)))),
    strict("pg_json_array_length", 1, |a| json::array_length(text(a, 0)?).map(Value::Int)),
    strict("pg_jsonb_strip_nulls", 1, |a| json::strip_nulls(text(a, 0)?).map(Value::Text)),
    strict("pg_jsonb_pretty", 1, |a| json::pretty(text(a, 0)?).map(Value::Text)),
    lax("pg_to_json", 2, |a| null_or(a, to_json)),
    lax("pg_to_jsonb", 2, |a| null_or(a, |a| binary(&to_json(a)?))),
    lax("pg_json_build_array", -1, |a| build_array(a).map(Value::Text)),
    lax("pg_jsonb_build_array", -1, |a| binary(&build_array(a)?).map(Value::Text)),
    lax("pg_json_build_object", -1, |a| build_object(a).map(Value::Text)),
    lax("pg_jsonb_build_object", -1, |a| binary(&build_object(a)?).map(Value::Text)),
    lax("pg_json_object", -1, |a| object_of_documents(a).map(Value::Text)),
    lax("pg_jsonb_object", -1, |a| binary(&object_of_documents(a)?).map(Value::Text)),
    strict("pg_json_object_texts", 1, |a| object_of_texts(a).map(Value::Text)),
    strict("pg_json_object_texts", 2, |a| object_of_texts(a).map(Value::Text)),
    strict("pg_jsonb_object_texts", 1, |a| binary(&object_of_texts(a)?).map(Value::Text)),
    strict("pg_jsonb_object_texts", 2, |a| binary(&object_of_texts(a)?).map(Value::Text)),
    strict("pg_array_to_json", 2, array_to_json),
    lax("pg_jsonb_each", 2, |a| each(a).map(Value::Text)),
    lax("pg_jsonb_text", 2, each_text),
    strict("pg_json_parts", 1, texts_of_parts),
    strict("pg_json_as_text", 1, |a| printed(Some(text(a, 0)?))),
];
