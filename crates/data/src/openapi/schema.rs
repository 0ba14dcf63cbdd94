//! Types as JSON Schema (2020-12, the dialect of OpenAPI 3.1).

use serde_json::{Map, Value, json};
use store::catalog::{Column, Relation};
use values::Type;

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
        Type::Time(_) | Type::TimeTz => json!({"type": "string", "format": "time"}),
        // Without a zone it is not RFC 3339's date-time.
        Type::Timestamp(_) => json!({"type": "string", "description": "A timestamp without time zone."}),
        Type::TimestampTz(_) => json!({"type": "string", "format": "date-time"}),
        Type::Json | Type::Jsonb => json!({}),
        Type::Array(element) => json!({"type": "array", "items": nullable(of_type(element))}),
        Type::Enum(found) => json!({"type": "string", "enum": found.labels}),
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

/// A column's schema, with what the database says about it.
pub(super) fn column_schema(column: &Column) -> Value {
    let mut schema = of_type(&column.ty);
    if !column.not_null {
        schema = nullable(schema);
    }
    let mut notes = Vec::new();
    notes.extend(column.comment.clone());
    notes.push(format!("SQL type `{}`.", column.ty.sql_name()));
    if column.generated.is_some() {
        notes.push("Computed by the database.".to_owned());
    }
    if let Some(default) = &column.default {
        notes.push(format!("Default `{}`.", default.text()));
    } else if column.identity.is_some() || column.sequence.is_some() {
        notes.push("Numbered by the database.".to_owned());
    }
    schema["description"] = json!(notes.join(" "));
    schema
}

/// A row as it is read.
pub(super) fn row_schema(relation: &Relation, readable: impl Fn(&str) -> bool) -> Value {
    let mut properties = Map::new();
    for column in relation.columns.iter().filter(|column| readable(&column.name)) {
        let mut schema = column_schema(column);
        let mut notes = schema["description"].as_str().unwrap_or_default().to_owned();
        if relation.primary_key.as_ref().is_some_and(|key| key.columns.contains(&column.name)) {
            notes.push_str(" Part of the primary key.");
        }
        for fk in relation.foreign_keys.iter().filter(|fk| fk.columns.contains(&column.name)) {
            notes.push_str(&format!(" Refers to `{}`.", fk.target.name));
        }
        schema["description"] = json!(notes);
        properties.insert(column.name.to_string(), schema);
    }
    // `select` may leave out or add members, so none is required.
    json!({"type": "object", "properties": properties})
}

/// A row as it is written.
pub(super) fn insert_schema(relation: &Relation, inserts: bool, writable: impl Fn(&str) -> bool) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for column in relation.columns.iter().filter(|column| column.generated.is_none() && writable(&column.name)) {
        properties.insert(column.name.to_string(), column_schema(column));
        let given =
            column.default.is_some() || column.identity.is_some() || column.sequence.is_some() || !column.not_null;
        if inserts && !given {
            required.push(column.name.to_string());
        }
    }
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["x-required-on-insert"] = json!(required);
    }
    schema
}
