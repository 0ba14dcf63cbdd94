//! The API described from the live catalog, as far as the caller's grants reach: OpenAPI 3.1 ([`document`]) with a page that shows
//! it ([`DOCS_PAGE`]), and Swagger 2.0 as the dialect has it at its root.
//!
//! OpenAPI describes nothing that the caller may not do: a relation without a select grant has no `get`, a column without one is not
//! in the row's schema, and a table out of reach is not named by those that refer to it. The Swagger document is coarser, because it
//! is PostgREST's: it lists every relation on which the role has any privilege, with all verbs and columns.
//!
//! Both engines give the same bytes. To hold the document against the rules of Redocly, outside the repository:
//!
//! ```text
//! npm install @redocly/cli
//! curl -H "apikey: $KEY" http://127.0.0.1:8000/openapi.json > openapi.json
//! npx redocly lint --extends recommended openapi.json
//! ```

mod defaults;
mod exposed;
mod eyes;
mod parts;
mod paths;
mod schema;
mod shelf;
mod swagger;
mod tree;

use std::collections::BTreeMap;

use policy::RoleGuard;
use serde_json::{Value, json};
use store::catalog::{Catalog, Privilege, Relation};

use crate::service::Config;
use exposed::Exposed;
use eyes::{Eyes, Verb};
use tree::Object;

pub(crate) use shelf::{Shelf, Shelved};
pub(crate) use swagger::swagger;

/// The page that shows the description; needs nothing from anywhere else.
pub const DOCS_PAGE: &str = include_str!("docs.html");

/// Whose privileges decide what is described (`openapi_mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OpenApiMode {
    /// The caller's.
    #[default]
    FollowPrivileges,
    /// Nobody's: all of the exposed schemas is described to everyone.
    IgnorePrivileges,
    /// There is no description.
    Disabled,
}

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

/// What people read first.
const INTRODUCTION: &str = "Tables and views of the database as REST resources, in the PostgREST dialect. What is listed is what your \
role may do.\n\nA filter is a query parameter named as a column, with `operator.value`: `eq`, `neq`, `gt`, `gte`, `lt`, `lte`, `like`, \
`ilike`, `in.(a,b)`, `is.null` and others; `not.` before the operator negates.";

/// The OpenAPI 3.1 document for one role, as JSON. Without a guard, for everyone.
pub fn document(catalog: &Catalog, guard: Option<&RoleGuard>, config: &Config, about: &About<'_>) -> String {
    let eyes = Eyes(guard);
    let exposed = exposed::exposed(catalog, &config.schemas, eyes);
    let (mut tags, mut schemas) = (Vec::new(), Object::new());
    for found in &exposed {
        tags.push(tag(found, eyes));
        add_schemas(&mut schemas, catalog, found, eyes);
    }
    // Relations of one name in several schemas share a path: OpenAPI has no other way to tell them apart by a header.
    let mut sharing: BTreeMap<String, Vec<Exposed<'_>>> = BTreeMap::new();
    for found in exposed {
        sharing.entry(paths::path(&found.relation.name.name)).or_default().push(found);
    }
    let mut all = Object::new();
    for (path, sharing) in &sharing {
        all.put(path.as_str(), paths::item(sharing, eyes));
    }
    let mut components = Object::new().with("securitySchemes", parts::security());
    // Where nothing is granted, components that nothing refers to would only puzzle.
    if !all.is_empty() {
        schemas.put("Error", parts::error());
        let text = all.to_string();
        let used = |kind: &str, name: &str| text.contains(&format!("\"#/components/{kind}/{name}\""));
        for (kind, mut part) in
            [("parameters", parts::parameters()), ("headers", parts::headers()), ("responses", parts::responses())]
        {
            part.retain(|name| used(kind, name));
            if !part.is_empty() {
                components.put(kind, part);
            }
        }
        // A row that can be written but not read is described by what is written only.
        schemas.retain(|name| name == "Error" || used("schemas", name));
        components.put("schemas", schemas);
    }
    Object::new()
        .with("openapi", "3.1.0")
        .with(
            "info",
            Object::new()
                .with("title", about.title)
                .with("version", about.version)
                .with("description", INTRODUCTION)
                .with("license", json!({"name": "Not stated", "identifier": "LicenseRef-Not-Stated"})),
        )
        .with("servers", json!([{"url": about.url}]))
        .with("security", json!([{"bearer": []}, {"apikey": []}, {}]))
        .with("tags", tags)
        .with("paths", all)
        .with("components", components)
        .to_string()
}

fn tag(found: &Exposed<'_>, eyes: Eyes<'_>) -> Value {
    let Relation { name, .. } = found.relation;
    let kind = if found.relation.is_view() { "view" } else { "table" };
    let about = found.relation.comment.clone().unwrap_or_else(|| format!("The {kind} `{}`.", name.name));
    let mut tag =
        json!({"name": found.tag, "description": about, "x-schema": name.schema, "x-path": paths::path(&name.name)});
    if let Some(part) = described_by(found) {
        tag["x-row"] = json!(format!("{}.{part}", found.id));
    }
    if let Some(columns) = eyes.partial(found.relation) {
        tag["x-select"] = json!(columns.iter().map(|name| selected(name)).collect::<Vec<_>>().join(","));
    }
    // Rows are filtered before the caller sees them: worth knowing when some seem to be missing.
    if eyes.0.is_some_and(|guard| guard.bound_by(found.relation)) {
        tag["x-row-security"] = json!(true);
    }
    tag
}

/// A column as `select` names it.
fn selected(name: &str) -> String {
    if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') { name.to_owned() } else { format!("\"{name}\"") }
}

/// The schema that tells most about the columns.
fn described_by(found: &Exposed<'_>) -> Option<&'static str> {
    let reach = found.reach;
    [(reach.select, "Row"), (reach.insert, "Insert"), (reach.update, "Update")]
        .into_iter()
        .find_map(|(is_there, part)| is_there.then_some(part))
}

fn add_schemas(schemas: &mut Object, catalog: &Catalog, found: &Exposed<'_>, eyes: Eyes<'_>) {
    let relation = found.relation;
    schemas.put(format!("{}.Row", found.id), schema::row_schema(catalog, relation, eyes));
    if found.reach.by(Verb::Post) {
        let made = schema::write_schema(catalog, relation, Privilege::Insert, eyes);
        schemas.put(format!("{}.Insert", found.id), made);
    }
    if found.reach.by(Verb::Patch) {
        let made = schema::write_schema(catalog, relation, Privilege::Update, eyes);
        schemas.put(format!("{}.Update", found.id), made);
    }
}
