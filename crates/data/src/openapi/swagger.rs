//! Swagger 2.0 as PostgREST writes it at its root: code generators read its `<pk/>` and `<fk …/>` notes.

use serde_json::{Value, json};
use store::catalog::{Catalog, Column, ForeignKey, Name, Relation};
use values::Type;

use super::defaults::{Given, given};
use super::eyes::Eyes;
use super::tree::{Node, Object};
use crate::relationships::view_key;
use policy::RoleGuard;

/// What PostgreSQL says of every new database's first schema: no word of the application's.
const STANDARD_COMMENT: &str = "standard public schema";

/// The document for one schema, as JSON. Without a guard, for everyone. `base` is the path under which the dialect answers.
pub(crate) fn swagger(catalog: &Catalog, guard: Option<&RoleGuard>, schema: &str, base: &str) -> String {
    let eyes = Eyes(guard);
    let listed: Vec<&Relation> = catalog
        .relations
        .values()
        .filter(|relation| *relation.name.schema == *schema && eyes.any(relation))
        .map(|relation| &**relation)
        .collect();
    let comment = catalog.schemas.get(schema).and_then(|schema| schema.comment.as_deref());
    let (title, about) = comment
        .filter(|comment| *comment != STANDARD_COMMENT)
        .map_or(("REST API", "Tables and views of the database, in the PostgREST dialect"), split);
    let root = json!({"get": {
        "tags": ["Introspection"], "summary": "OpenAPI description (this document)",
        "produces": ["application/openapi+json", "application/json"], "responses": {"200": {"description": "OK"}}
    }});
    let mut paths = Object::new().with("/", root);
    let mut definitions = Object::new();
    let mut parameters = shared_parameters();
    for relation in listed {
        let name = &*relation.name.name;
        paths.put(format!("/{name}"), path_item(relation));
        definitions.put(name, definition(catalog, relation));
        parameters.put(
            format!("body.{name}"),
            json!({"name": name, "description": name, "required": false, "in": "body", "schema": {"$ref": format!("#/definitions/{name}")}}),
        );
        for column in &relation.columns {
            parameters.put(format!("rowFilter.{name}.{}", column.name), row_filter(column));
        }
    }
    let media: Vec<&str> = vec![
        "application/json",
        "application/vnd.pgrst.object+json;nulls=stripped",
        "application/vnd.pgrst.object+json",
        "text/csv",
    ];
    Object::new()
        .with("swagger", "2.0")
        .with("info", json!({"title": title, "description": about, "version": env!("CARGO_PKG_VERSION")}))
        .with("basePath", base)
        .with("consumes", media.clone())
        .with("produces", media)
        .with("paths", paths)
        .with("definitions", definitions)
        .with("parameters", parameters)
        .to_string()
}

/// The first line, and the rest without the empty lines between.
fn split(comment: &str) -> (&str, &str) {
    let (first, rest) = comment.split_once('\n').unwrap_or((comment, ""));
    (first, rest.trim_start_matches('\n'))
}

fn parameter(name: &str) -> Value {
    json!({"$ref": format!("#/parameters/{name}")})
}

fn path_item(relation: &Relation) -> Object {
    let name = &*relation.name.name;
    let (summary, about) = relation.comment.as_deref().map(split).unzip();
    let filters = || relation.columns.iter().map(|column| parameter(&format!("rowFilter.{name}.{}", column.name)));
    let plain = |names: &[&str]| names.iter().map(|name| parameter(name)).collect::<Vec<_>>();
    let body = parameter(&format!("body.{name}"));
    let operation = |parameters: Vec<Value>, responses: Value| {
        Object::new()
            .with("tags", vec![name])
            .maybe("summary", summary)
            .maybe("description", about.filter(|about| !about.is_empty()))
            .with("parameters", parameters)
            .with("responses", responses)
    };
    let rows = json!({"type": "array", "items": {"$ref": format!("#/definitions/{name}")}});
    let read = plain(&["select", "order", "range", "rangeUnit", "offset", "limit", "preferCount"]);
    let found = json!({"200": {"description": "OK", "schema": rows}, "206": {"description": "Partial Content"}});
    let item = Object::new().with("get", operation(filters().chain(read).collect(), found));
    if !(relation.insertable || relation.updatable || relation.deletable) {
        return item;
    }
    let done = json!({"204": {"description": "No Content"}});
    let mut post = vec![body.clone()];
    post.extend(plain(&["select", "preferPost"]));
    let returned = || plain(&["preferReturn"]);
    item.with("post", operation(post, json!({"201": {"description": "Created"}})))
        .with("delete", operation(filters().chain(returned()).collect(), done.clone()))
        .with("patch", operation(filters().chain([body]).chain(returned()).collect(), done))
}

fn shared_parameters() -> Object {
    let made = |name: &str, place: &str, about: &str| json!({"name": name, "description": about, "required": false, "in": place, "type": "string"});
    let paging = "Limiting and Pagination";
    let prefer = |choices: &[&str]| {
        let mut prefer = made("Prefer", "header", "Preference");
        prefer["enum"] = json!(choices);
        prefer
    };
    let mut unit = made("Range-Unit", "header", paging);
    unit["default"] = json!("items");
    let returned = ["return=representation", "return=minimal", "return=none"];
    let mut post = returned.to_vec();
    post.extend(["resolution=ignore-duplicates", "resolution=merge-duplicates"]);
    Object::new()
        .with("preferParams", prefer(&["params=single-object"]))
        .with("preferReturn", prefer(&returned))
        .with("preferCount", prefer(&["count=none"]))
        .with("preferPost", prefer(&post))
        .with("select", made("select", "query", "Filtering Columns"))
        .with("on_conflict", made("on_conflict", "query", "On Conflict"))
        .with("order", made("order", "query", "Ordering"))
        .with("range", made("Range", "header", paging))
        .with("rangeUnit", unit)
        .with("offset", made("offset", "query", paging))
        .with("limit", made("limit", "query", paging))
}

fn row_filter(column: &Column) -> Object {
    Object::new()
        .with("name", &*column.name)
        .maybe("description", column.comment.clone())
        .with("required", json!(false))
        .with("format", format(&column.ty))
        .with("in", "query")
        .with("type", "string")
}

fn definition(catalog: &Catalog, relation: &Relation) -> Object {
    let required: Vec<&str> =
        relation.columns.iter().filter(|column| column.not_null).map(|column| &*column.name).collect();
    let key = match &relation.primary_key {
        Some(key) => key.columns.clone(),
        None => view_key(catalog, relation),
    };
    let mut properties = Object::new();
    for (at, column) in relation.columns.iter().enumerate() {
        properties.put(&*column.name, property(catalog, relation, at, column, &key));
    }
    Object::new()
        .maybe("description", relation.comment.clone())
        .maybe("required", (!required.is_empty()).then_some(required))
        .with("properties", properties)
        .with("type", "object")
}

fn property(catalog: &Catalog, relation: &Relation, at: usize, column: &Column, key: &[Name]) -> Object {
    let mut notes = Vec::new();
    if key.contains(&column.name) {
        notes.push("This is a Primary Key.<pk/>".to_owned());
    }
    if let Some((table, target)) = points_to(catalog, relation, at) {
        notes.push(format!("This is a Foreign Key to `{table}.{target}`.<fk table='{table}' column='{target}'/>"));
    }
    let notes = (!notes.is_empty()).then(|| format!("Note:\n{}", notes.join("\n")));
    let about: Vec<String> = column.comment.iter().cloned().chain(notes).collect();
    let length = match &column.ty {
        Type::Varchar(Some(length)) | Type::Bpchar(Some(length)) => Some(json!(length)),
        _ => None,
    };
    let labels = match &column.ty {
        Type::Enum(found) => Some(json!(found.labels)),
        _ => None,
    };
    let items = match &column.ty {
        Type::Array(element) => Some(Node::from(
            Object::new()
                .maybe("type", (kind(element) != "array").then(|| kind(element)).filter(|kind| !kind.is_empty())),
        )),
        _ => None,
    };
    let kind = kind(&column.ty);
    Object::new()
        .maybe("default", default(catalog, column, kind))
        .maybe("description", (!about.is_empty()).then(|| about.join("\n\n")))
        .maybe("enum", labels)
        .with("format", format(&column.ty))
        .maybe("items", items)
        .maybe("maxLength", length)
        .maybe("type", (!kind.is_empty()).then_some(kind))
}

/// The table and column that a column refers to by a key of its own, many to one; a view's column refers where its source does.
fn points_to<'a>(catalog: &'a Catalog, relation: &'a Relation, at: usize) -> Option<(&'a Name, &'a Name)> {
    let (base, name) = match &relation.view {
        None => (relation, &relation.columns[at].name),
        Some(view) => {
            let (table, column) = view.sources.get(at)?.as_ref()?;
            (&**catalog.relations.get(table)?, column)
        }
    };
    let alone = |columns: &[Name]| matches!(columns, [one] if one == name);
    let unique = base.primary_key.iter().chain(&base.uniques).any(|key| alone(&key.columns));
    let by_name = |key: &&ForeignKey| (key.target.clone(), key.name.clone());
    let key = base.foreign_keys.iter().filter(|key| !unique && alone(&key.columns)).min_by_key(by_name)?;
    Some((&key.target.name, key.target_columns.first()?))
}

/// Swagger's word for a type; none for JSON, which is anything.
fn kind(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "boolean",
        Type::Int2 | Type::Int4 | Type::Int8 => "integer",
        Type::Float4 | Type::Float8 | Type::Numeric(_) => "number",
        Type::Json | Type::Jsonb => "",
        Type::Array(_) => "array",
        _ => "string",
    }
}

/// The type as PostgreSQL names it where no schema is searched.
fn format(ty: &Type) -> String {
    match ty {
        Type::Array(element) => format!("{}[]", format(element)),
        Type::Enum(found) => format!("{}.{}", sql::quote_ident(&found.schema), sql::quote_ident(&found.name)),
        _ => ty.base_name(),
    }
}

/// The default: text as it is, other types where it reads as JSON.
fn default(catalog: &Catalog, column: &Column, kind: &str) -> Option<Value> {
    let (Given::Constant(text) | Given::Computed(text)) = given(catalog, column)? else { return None };
    match kind {
        "string" => Some(Value::from(text)),
        "boolean" | "integer" | "number" => serde_json::from_str(&text).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_words_of_swagger_and_the_names_of_postgresql() {
        let array = Type::Array(std::sync::Arc::new(Type::Int4));
        for (ty, word, name) in [
            (Type::Bool, "boolean", "boolean"),
            (Type::Int8, "integer", "bigint"),
            (Type::Numeric(Some((10, 2))), "number", "numeric"),
            (Type::Varchar(Some(20)), "string", "character varying"),
            (Type::TimestampTz(Some(3)), "string", "timestamp with time zone"),
            (Type::Jsonb, "", "jsonb"),
            (array, "array", "integer[]"),
        ] {
            assert_eq!((kind(&ty), &*format(&ty)), (word, name));
        }
    }

    #[test]
    fn a_comments_first_line_stands_alone() {
        for (comment, want) in
            [("One", ("One", "")), ("One\nTwo", ("One", "Two")), ("One\n\nTwo\nThree", ("One", "Two\nThree"))]
        {
            assert_eq!(split(comment), want);
        }
    }
}
