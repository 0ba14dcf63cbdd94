//! The parts of the document that operations share.

use serde_json::{Value, json};

use super::tree::Object;

/// Parameters with a meaning of their own.
pub(super) fn parameters() -> Object {
    let text = || json!({"type": "string"});
    let number = || json!({"type": "integer", "format": "int64", "minimum": 0});
    let query = |name: &str, about: &str, schema: Value| json!({"name": name, "in": "query", "description": about, "schema": schema});
    let header =
        |name: &str, about: &str| json!({"name": name, "in": "header", "description": about, "schema": text()});
    Object::new()
        .with("select", query("select", "Columns and related resources, for example `name,album(title)`.", text()))
        .with("order", query("order", "For example `name.desc.nullslast,id`.", text()))
        .with("limit", query("limit", "Rows at most.", number()))
        .with("offset", query("offset", "Rows to skip.", number()))
        .with("or", query("or", "Any of several conditions: `(a.eq.1,b.gt.2)`.", text()))
        .with("and", query("and", "All of several conditions: `(a.eq.1,b.gt.2)`.", text()))
        .with("columns", query("columns", "Which columns of the body to use.", text()))
        .with("on_conflict", query("on_conflict", "Unique columns that tell whether a row is there already.", text()))
        .with("range", header("Range", "Which rows: `0-9`."))
        .with(
            "preferRead",
            header("Prefer", "`count=exact`, `count=planned` or `count=estimated` for the total in `Content-Range`."),
        )
        .with(
            "preferInsert",
            header(
                "Prefer",
                "`return=representation`, `minimal` or `headers-only`; `resolution=merge-duplicates` or `ignore-duplicates`; \
                 `missing=default`; several are separated by commas.",
            ),
        )
        .with(
            "preferWrite",
            header(
                "Prefer",
                "`return=representation` or `minimal`; `count=exact`; `max-affected=10` with `handling=strict`; several are \
                 separated by commas.",
            ),
        )
}

/// Headers of answers.
pub(super) fn headers() -> Object {
    let about = "Which rows, and of how many: `0-9/100`, or `0-9/*` when they were not counted.";
    Object::new().with("ContentRange", json!({"description": about, "schema": {"type": "string"}}))
}

/// Answers that are refusals.
pub(super) fn responses() -> Object {
    let error = |text: &str| json!({"description": text, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}});
    Object::new()
        .with("BadRequest", error("The request cannot be understood, or a value does not fit its type."))
        .with("Unauthorized", error("A valid token is needed."))
        .with("Forbidden", error("The role may not do this."))
        .with("NotAcceptable", error("The answer cannot be given in the form asked for."))
        .with("Conflict", error("A constraint forbids it."))
        .with("RangeNotSatisfiable", error("The range lies behind the last row."))
        .with("Problem", error("Anything else that went wrong."))
}

/// How a caller says who it is.
pub(super) fn security() -> Object {
    let about = "A token whose `role` is the caller's role in the database.";
    Object::new()
        .with("bearer", json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": about}))
        .with("apikey", json!({"type": "apiKey", "in": "header", "name": "apikey", "description": about}))
}

/// A refusal.
pub(super) fn error() -> Value {
    json!({
        "type": "object",
        "required": ["code", "message", "details", "hint"],
        "properties": {
            "code": {"type": "string", "description": "A SQLSTATE, or a code of the dialect (`PGRST…`)."},
            "message": {"type": "string"},
            "details": {"type": ["string", "array", "object", "null"]},
            "hint": {"type": ["string", "null"]}
        }
    })
}
