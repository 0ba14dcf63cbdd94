//! Which JSON Schema keywords there are for the comparison of two schemas: what only describes, what holds schemas, what stands alone.

use serde_json::{Map, Value};

/// Keywords that decide nothing by themselves.
const DESCRIBE: &[&str] = &[
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "definitions",
    "$vocabulary",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
];
/// Keywords whose meaning depends on nothing beside them: alike in both schemas they ask for the same.
pub(crate) const ALONE: &[&str] = &[
    "pattern",
    "format",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "not",
    "oneOf",
    "dependentRequired",
    "dependentSchemas",
];
/// Keywords that mean something together: alike in both schemas, all of them, they ask for the same.
pub(crate) const TOGETHER: &[&[&str]] = &[&["contains", "minContains", "maxContains"], &["if", "then", "else"]];

/// Does a keyword decide nothing by itself.
pub(crate) fn describes(keyword: &str) -> bool {
    DESCRIBE.contains(&keyword)
}

/// Are two schemas the same but for what only describes. What is not known to hold schemas is compared as it is.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    let (Value::Object(a), Value::Object(b)) = (a, b) else { return a == b };
    let decides = |object: &Map<String, Value>| object.keys().filter(|key| !describes(key)).count();
    decides(a) == decides(b)
        && a.iter().filter(|(key, _)| !describes(key)).all(|(key, value)| {
            b.get(key).is_some_and(|other| match key.as_str() {
                "properties" | "patternProperties" | "dependentSchemas" => same_named(value, other),
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => same_list(value, other),
                "items" | "additionalProperties" | "propertyNames" | "not" | "contains" | "if" | "then" | "else" => {
                    same(value, other)
                }
                _ => value == other,
            })
        })
}

fn same_named(a: &Value, b: &Value) -> bool {
    let (Value::Object(a), Value::Object(b)) = (a, b) else { return a == b };
    a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
}

fn same_list(a: &Value, b: &Value) -> bool {
    let (Value::Array(a), Value::Array(b)) = (a, b) else { return a == b };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

/// Does a schema point somewhere else; then what it means is not in it alone.
pub(crate) fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(object) => {
            object.iter().any(|(key, value)| key == "$ref" || key == "$dynamicRef" || refers(value))
        }
        Value::Array(list) => list.iter().any(refers),
        _ => false,
    }
}

/// Do all references point to definitions or to the whole: to what two schemas that are the same and have the same definitions share.
pub(crate) fn points_home(schema: &Value) -> bool {
    match schema {
        Value::Object(object) => object.iter().all(|(key, value)| match value {
            Value::String(to) if key == "$ref" => {
                to == "#" || to.starts_with("#/$defs/") || to.starts_with("#/definitions/")
            }
            _ => points_home(value),
        }),
        Value::Array(list) => list.iter().all(points_home),
        _ => true,
    }
}

/// Does something below the root have an address of its own; then references cannot be followed by their pointers alone.
pub(crate) fn has_own_addresses(schema: &Value, root: bool) -> bool {
    match schema {
        Value::Object(object) => object.iter().any(|(key, value)| {
            (!root && key == "$id")
                || key == "$dynamicRef"
                || key == "$dynamicAnchor"
                || has_own_addresses(value, false)
        }),
        Value::Array(list) => list.iter().any(|value| has_own_addresses(value, false)),
        _ => false,
    }
}
