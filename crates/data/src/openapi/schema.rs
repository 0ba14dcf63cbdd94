//! Types as JSON Schema (2020-12, the dialect of OpenAPI 3.1).

use serde_json::{Value, json};
use store::catalog::{Catalog, Column, Identity, Privilege, Relation};
use values::Type;

use super::defaults::{Given, given};
use super::eyes::Eyes;
use super::tree::Object;
use crate::relationships::view_key;

/// The schema of a value of this type on the wire.
fn of_type(ty: &Type) -> Value {
    match ty {
        Type::Bool => json!({"type": "boolean"}),
        Type::Int2 => json!({"type": "integer", "format": "int16", "minimum": -32768, "maximum": 32767}),
        Type::Int4 => json!({"type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX}),
        Type::Int8 => json!({"type": "integer", "format": "int64"}),
        Type::Float4 => json!({"type": "number", "format": "float"}),
        Type::Float8 => json!({"type": "number", "format": "double"}),
        Type::Numeric(_) => json!({"type": "number"}),
        Type::Varchar(Some(length)) | Type::Bpchar(Some(length)) => json!({"type": "string", "maxLength": length}),
        Type::Uuid => json!({"type": "string", "format": "uuid"}),
        Type::Date => json!({"type": "string", "format": "date"}),
        Type::TimestampTz(_) => json!({"type": "string", "format": "date-time"}),
        Type::Json | Type::Jsonb => json!({}),
        Type::Array(element) => json!({"type": "array", "items": nullable(of_type(element))}),
        Type::Enum(found) => json!({"type": "string", "enum": found.labels}),
        // Times and timestamps without a zone are not RFC 3339's, so they carry no format.
        _ => json!({"type": "string"}),
    }
}

fn nullable(mut schema: Value) -> Value {
    if let Some(ty) = schema.get("type").and_then(Value::as_str).map(str::to_owned) {
        schema["type"] = json!([ty, "null"]);
        if let Some(labels) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            labels.push(Value::Null);
        }
    }
    schema
}

/// A constant as the schema's `default`: only where it is certain how the wire writes it.
fn default_value(ty: &Type, text: &str) -> Option<Value> {
    match ty {
        Type::Bool => text.parse().ok().map(Value::Bool),
        Type::Int2 | Type::Int4 | Type::Int8 => text.parse::<i64>().ok().map(Value::from),
        Type::Float4 | Type::Float8 | Type::Numeric(_) => serde_json::from_str(text).ok().filter(Value::is_number),
        Type::Text | Type::Varchar(_) | Type::Enum(_) | Type::Uuid => Some(Value::from(text)),
        _ => None,
    }
}

/// A column's schema, with what the database says about it.
fn column_schema(catalog: &Catalog, relation: &Relation, column: &Column, eyes: Eyes<'_>) -> Value {
    let mut schema = of_type(&column.ty);
    if !column.not_null {
        schema = nullable(schema);
    }
    let mut notes: Vec<String> = column.comment.iter().map(|comment| sentence(comment)).collect();
    notes.push(format!("SQL type `{}`.", column.ty.sql_name()));
    if column.generated.is_some() {
        schema["readOnly"] = json!(true);
        notes.push("Computed by the database.".to_owned());
    }
    match given(catalog, column) {
        None => {}
        Some(Given::Numbered) => notes.push("Numbered by the database.".to_owned()),
        Some(Given::Computed(text)) => notes.push(format!("Default `{text}`.")),
        Some(Given::Constant(text)) => match default_value(&column.ty, &text) {
            Some(value) => schema["default"] = value,
            None => notes.push(format!("Default `{text}`.")),
        },
    }
    let part_of_key = match &relation.primary_key {
        Some(key) => key.columns.contains(&column.name),
        None => view_key(catalog, relation).contains(&column.name),
    };
    if part_of_key {
        notes.push("Part of the primary key.".to_owned());
    }
    for key in relation.foreign_keys.iter().filter(|key| key.columns.contains(&column.name)) {
        // A table that the role cannot reach is not named to it.
        if eyes.knows(catalog, &key.target) {
            notes.push(format!("Refers to `{}`.", key.target.name));
        }
    }
    schema["description"] = json!(notes.join(" "));
    schema
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?', ':']) { text.to_owned() } else { format!("{text}.") }
}

/// A row as it is read.
pub(super) fn row_schema(catalog: &Catalog, relation: &Relation, eyes: Eyes<'_>) -> Object {
    let mut properties = Object::new();
    for column in &relation.columns {
        if eyes.may_column(relation, Privilege::Select, &column.name) {
            properties.put(&*column.name, column_schema(catalog, relation, column, eyes));
        }
    }
    // `select` may leave out or add members, so none is required.
    Object::new().with("type", "object").with("properties", properties)
}

/// A row as it is written: with [`Privilege::Insert`] as it is added, with [`Privilege::Update`] as it is changed.
pub(super) fn write_schema(catalog: &Catalog, relation: &Relation, privilege: Privilege, eyes: Eyes<'_>) -> Object {
    let mut properties = Object::new();
    let mut required = Vec::new();
    let writable = |column: &&Column| column.generated.is_none() && eyes.may_column(relation, privilege, &column.name);
    for column in relation.columns.iter().filter(writable) {
        if column.identity == Some(Identity::Always) {
            continue;
        }
        properties.put(&*column.name, column_schema(catalog, relation, column, eyes));
        if privilege == Privilege::Insert && column.not_null && given(catalog, column).is_none() {
            required.push(column.name.to_string());
        }
    }
    Object::new()
        .with("type", "object")
        .maybe("required", (!required.is_empty()).then_some(required))
        .with("properties", properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_described_as_the_wire_writes_them() {
        for (ty, want) in [
            (Type::Bool, r#"{"type":["boolean","null"]}"#),
            (Type::Int8, r#"{"format":"int64","type":["integer","null"]}"#),
            (Type::Varchar(Some(3)), r#"{"maxLength":3,"type":["string","null"]}"#),
            (Type::Jsonb, "{}"),
            (
                Type::Array(std::sync::Arc::new(Type::Text)),
                r#"{"items":{"type":["string","null"]},"type":["array","null"]}"#,
            ),
        ] {
            assert_eq!(nullable(of_type(&ty)).to_string(), want);
        }
    }

    #[test]
    fn a_default_is_given_only_where_the_wire_writes_it_alike() {
        for (ty, text, want) in [
            (Type::Int4, "42", Some(json!(42))),
            (Type::Int4, "x", None),
            (Type::Numeric(None), "-1.5", Some(json!(-1.5))),
            (Type::Bool, "true", Some(json!(true))),
            (Type::Text, "a b", Some(json!("a b"))),
            (Type::Date, "today", None),
            (Type::Jsonb, "{}", None),
        ] {
            assert_eq!(default_value(&ty, text), want, "{ty:?} {text}");
        }
    }
}
