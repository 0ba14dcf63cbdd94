//! The API described: OpenAPI 3.1 from the live catalog, as far as the caller's grants reach, and a page that shows it.
//!
//! Nothing is described that the caller may not do: a relation without a select grant has no `get`, a column without one is not in
//! the row's schema.

mod schema;

use policy::RoleGuard;
use serde_json::{Map, Value, json};
use store::catalog::{Catalog, Privilege, Relation};

use crate::service::Config;
use schema::{column_schema, insert_schema, row_schema};

/// The page that shows the description; needs nothing from anywhere else.
pub const DOCS_PAGE: &str = include_str!("docs.html");

/// What the description says about the server itself.
#[derive(Clone, Debug)]
pub struct About<'a> {
    /// The application's name.
    pub title: &'a str,
    /// The application's version.
    pub version: &'a str,
    /// The address under which the API is reached, with the dialect's prefix.
    pub url: &'a str,
}

/// The OpenAPI 3.1 document for one role.
pub fn document(catalog: &Catalog, guard: &RoleGuard, config: &Config, about: &About<'_>) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    let mut tags = Vec::new();
    for (index, schema) in config.schemas.iter().enumerate() {
        for relation in catalog.relations.values().filter(|relation| *relation.name.schema == **schema) {
            let reach = Reach::of(relation, guard);
            if !reach.any() {
                continue;
            }
            // The first schema answers without a profile header, so its names stand alone.
            let profile = (index > 0).then_some(schema.as_str());
            let name = match profile {
                None => relation.name.name.to_string(),
                Some(schema) => format!("{schema}.{}", relation.name.name),
            };
            tags.push(json!({"name": name, "description": describe(relation)}));
            schemas
                .insert(component(&name, "Row"), row_schema(relation, |column| reach.reads(relation, guard, column)));
            if reach.insert || reach.update {
                schemas.insert(
                    component(&name, "Write"),
                    insert_schema(relation, reach.insert, |column| {
                        guard.may_column(relation, Privilege::Insert, column)
                            || guard.may_column(relation, Privilege::Update, column)
                    }),
                );
            }
            let path = format!("/{}", encoded(&relation.name.name));
            let item = path_item(relation, &name, profile, &reach, guard);
            match profile {
                None => {
                    paths.insert(path, item);
                }
                // Two schemas may hold a relation of the same name; OpenAPI has one path for both, told apart by the profile header.
                Some(schema) => {
                    paths.entry(format!("{path}#{schema}")).or_insert(item);
                }
            }
        }
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": about.title,
            "version": about.version,
            "description": "A REST API over the tables and views of the database, in the PostgREST dialect. It lists what the caller's role may do.",
            "license": {"name": "See the application", "identifier": "LicenseRef-Application"}
        },
        "servers": [{"url": about.url}],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "apikey": {"type": "apiKey", "in": "header", "name": "apikey"}
            },
            "parameters": parameters(),
            "responses": responses(),
            "schemas": schemas
        },
        "security": [{"bearer": []}, {"apikey": []}, {}]
    });
    if paths_empty(&document) {
        // Nothing is granted: components that nothing refers to would only puzzle.
        document["components"] = json!({"securitySchemes": document["components"]["securitySchemes"].clone()});
    } else {
        document["components"]["schemas"]["Error"] = error_schema();
        prune_parameters(&mut document);
    }
    document
}

/// What a role may do with a relation.
struct Reach {
    select: bool,
    insert: bool,
    update: bool,
    delete: bool,
    keyed: bool,
}

impl Reach {
    fn of(relation: &Relation, guard: &RoleGuard) -> Self {
        Self {
            select: guard.may(relation, Privilege::Select),
            insert: relation.insertable && guard.may(relation, Privilege::Insert),
            update: relation.updatable && guard.may(relation, Privilege::Update),
            delete: relation.deletable && guard.may(relation, Privilege::Delete),
            keyed: relation.primary_key.is_some(),
        }
    }

    fn any(&self) -> bool {
        self.select || self.insert || self.update || self.delete
    }

    fn reads(&self, relation: &Relation, guard: &RoleGuard, column: &str) -> bool {
        self.select && guard.may_column(relation, Privilege::Select, column)
    }
}

fn describe(relation: &Relation) -> String {
    relation.comment.clone().unwrap_or_else(|| {
        let kind = if relation.is_view() { "view" } else { "table" };
        format!("The {kind} `{}`.", relation.name.name)
    })
}

/// A component's name: letters, digits and a few signs only.
fn component(name: &str, part: &str) -> String {
    let mut out: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '_' }).collect();
    out.push('.');
    out.push_str(part);
    out
}

fn reference(name: &str, part: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{}", component(name, part))})
}

fn encoded(name: &str) -> String {
    let mut out = String::new();
    crate::request::pairs::encode(&mut out, name);
    out
}

fn path_item(relation: &Relation, name: &str, profile: Option<&str>, reach: &Reach, guard: &RoleGuard) -> Value {
    let mut item = Map::new();
    let filters: Vec<Value> = relation
        .columns
        .iter()
        .filter(|column| reach.reads(relation, guard, &column.name))
        .map(|column| {
            json!({
                "name": column.name, "in": "query", "required": false,
                "description": "A filter: `operator.value`, for example `eq.1`, `gte.10`, `in.(a,b)`, `like.A*`, `is.null`; `not.` before it negates.",
                "schema": {"type": "string"},
                "x-type": column_schema(column)
            })
        })
        .collect();
    let shared = |names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| json!({"$ref": format!("#/components/parameters/{name}")})).collect()
    };
    let header = |reading: bool| -> Vec<Value> {
        profile
            .map(|schema| {
                let name = if reading { "Accept-Profile" } else { "Content-Profile" };
                json!({"name": name, "in": "header", "required": true, "schema": {"type": "string", "const": schema}})
            })
            .into_iter()
            .collect()
    };
    let with = |groups: Vec<Vec<Value>>| -> Vec<Value> { groups.into_iter().flatten().collect() };
    let rows = json!({
        "application/json": {"schema": {"type": "array", "items": reference(name, "Row")}},
        "application/vnd.pgrst.object+json": {"schema": reference(name, "Row")},
        "text/csv": {"schema": {"type": "string"}}
    });
    let body = json!({
        "required": true,
        "content": {"application/json": {"schema": {"oneOf": [
            reference(name, "Write"),
            {"type": "array", "items": reference(name, "Write")}
        ]}}, "text/csv": {"schema": {"type": "string"}}}
    });
    let one = json!({"required": true, "content": {"application/json": {"schema": reference(name, "Write")}}});
    let id = component(name, "").trim_end_matches('.').to_owned();
    let operation =
        |verb: &str, summary: String, parameters: Vec<Value>, body: Option<&Value>, answers: Value| -> Value {
            let mut operation = json!({
                "operationId": format!("{verb}.{id}"), "summary": summary, "tags": [name],
                "parameters": parameters, "responses": answers
            });
            if let Some(body) = body {
                operation["requestBody"] = body.clone();
            }
            operation
        };
    let answers = |pairs: &[(&str, Value)]| -> Value {
        let mut out = Map::new();
        for (status, answer) in pairs {
            out.insert((*status).to_owned(), answer.clone());
        }
        for (status, name) in
            [("400", "BadRequest"), ("401", "Unauthorized"), ("403", "Forbidden"), ("default", "Problem")]
        {
            out.entry(status.to_owned()).or_insert(json!({"$ref": format!("#/components/responses/{name}")}));
        }
        Value::Object(out)
    };
    let found = json!({"description": "The rows.", "headers": {"Content-Range": {"description": "Which rows, and of how many.", "schema": {"type": "string"}}}, "content": rows});
    let page = json!({"description": "A part of the rows.", "headers": {"Content-Range": {"description": "Which rows, and of how many.", "schema": {"type": "string"}}}, "content": rows});
    let none = |text: &str| json!({"description": text});
    let written = |text: &str| json!({"description": text, "content": rows});
    if reach.select {
        let parameters = with(vec![
            filters.clone(),
            shared(&["select", "order", "limit", "offset", "or", "and", "range", "preferCount"]),
            header(true),
        ]);
        item.insert(
            "get".to_owned(),
            operation(
                "list",
                format!("Read rows of {name}"),
                parameters,
                None,
                answers(&[
                    ("200", found),
                    ("206", page),
                    ("406", json!({"$ref": "#/components/responses/NotAcceptable"})),
                    ("416", json!({"$ref": "#/components/responses/RangeNotSatisfiable"})),
                ]),
            ),
        );
    }
    if reach.insert {
        let parameters = with(vec![shared(&["select", "columns", "on_conflict", "preferWrite"]), header(false)]);
        item.insert(
            "post".to_owned(),
            operation(
                "insert",
                format!("Add rows to {name}"),
                parameters,
                Some(&body),
                answers(&[
                    ("200", written("Nothing was new; existing rows were merged.")),
                    ("201", written("The rows are there. They are returned if asked for.")),
                    ("409", json!({"$ref": "#/components/responses/Conflict"})),
                ]),
            ),
        );
    }
    if reach.insert && reach.update && reach.keyed {
        let parameters = with(vec![filters.clone(), shared(&["select", "preferWrite"]), header(false)]);
        item.insert(
            "put".to_owned(),
            operation(
                "put",
                format!("Add or replace one row of {name} by its key"),
                parameters,
                Some(&one),
                answers(&[
                    ("200", written("The row was replaced.")),
                    ("201", written("The row is new.")),
                    ("204", none("Done; nothing is returned.")),
                    ("409", json!({"$ref": "#/components/responses/Conflict"})),
                ]),
            ),
        );
    }
    if reach.update {
        let parameters = with(vec![filters.clone(), shared(&["select", "or", "and", "preferWrite"]), header(false)]);
        item.insert(
            "patch".to_owned(),
            operation(
                "update",
                format!("Change the rows of {name} that the filters choose"),
                parameters,
                Some(&one),
                answers(&[
                    ("200", written("The changed rows.")),
                    ("204", none("Done; nothing is returned.")),
                    ("409", json!({"$ref": "#/components/responses/Conflict"})),
                ]),
            ),
        );
    }
    if reach.delete {
        let parameters = with(vec![filters, shared(&["select", "or", "and", "preferWrite"]), header(false)]);
        item.insert(
            "delete".to_owned(),
            operation(
                "delete",
                format!("Remove the rows of {name} that the filters choose"),
                parameters,
                None,
                answers(&[
                    ("200", written("The removed rows.")),
                    ("204", none("Done; nothing is returned.")),
                    ("409", json!({"$ref": "#/components/responses/Conflict"})),
                ]),
            ),
        );
    }
    Value::Object(item)
}

fn parameters() -> Value {
    let query = |name: &str, description: &str, schema: Value| json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema});
    let text = || json!({"type": "string"});
    let number = || json!({"type": "integer", "minimum": 0});
    json!({
        "select": query("select", "Columns and embedded resources, for example `name,album(title)`.", text()),
        "order": query("order", "For example `name.desc.nullslast,id`.", text()),
        "limit": query("limit", "Rows at most.", number()),
        "offset": query("offset", "Rows to skip.", number()),
        "or": query("or", "Any of several conditions: `(a.eq.1,b.gt.2)`.", text()),
        "and": query("and", "All of several conditions: `(a.eq.1,b.gt.2)`.", text()),
        "columns": query("columns", "Columns of the body to use.", text()),
        "on_conflict": query("on_conflict", "Unique columns that tell whether a row is there already.", text()),
        "range": {"name": "Range", "in": "header", "required": false, "description": "Which rows: `0-9`.", "schema": text()},
        "preferCount": {"name": "Prefer", "in": "header", "required": false, "description": "`count=exact`, `count=planned` or `count=estimated`, among others.", "schema": text()},
        "preferWrite": {"name": "Prefer", "in": "header", "required": false, "description": "`return=representation|minimal|headers-only`, `resolution=merge-duplicates|ignore-duplicates`, `missing=default`, `count=exact`, among others.", "schema": text()}
    })
}

fn responses() -> Value {
    let error = |text: &str| json!({"description": text, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}});
    json!({
        "BadRequest": error("The request cannot be understood or a value does not fit its type."),
        "Unauthorized": error("A valid token is needed."),
        "Forbidden": error("The role may not do this."),
        "NotAcceptable": error("The answer cannot be given in the form asked for."),
        "Conflict": error("A constraint forbids it."),
        "RangeNotSatisfiable": error("The range lies behind the last row."),
        "Problem": error("Anything else that went wrong.")
    })
}

fn error_schema() -> Value {
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

fn paths_empty(document: &Value) -> bool {
    document["paths"].as_object().is_none_or(Map::is_empty)
}

/// Leaves only the shared parts that something refers to.
fn prune_parameters(document: &mut Value) {
    for part in ["parameters", "responses", "schemas"] {
        let text = document.to_string();
        if let Some(all) = document["components"][part].as_object_mut() {
            all.retain(|name, _| text.contains(&format!("\"#/components/{part}/{name}\"")));
        }
    }
}
