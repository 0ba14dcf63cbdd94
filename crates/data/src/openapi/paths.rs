//! Paths: one for each name, with the verbs that the role reaches it by.

use serde_json::{Value, json};
use store::catalog::{Privilege, Relation};

use super::exposed::Exposed;
use super::eyes::{Eyes, Verb};
use super::tree::{Node, Object};
use crate::request::pairs;

/// Query parameters that are words of the dialect; a column of such a name cannot be filtered by.
const WORDS: &[&str] = &["select", "order", "limit", "offset", "or", "and", "not", "columns", "on_conflict"];

/// What a role must know that may read some columns only.
const PARTIAL: &str = "Not every column may be read: name those that are wanted back in `select`.";

/// The path of a relation: its name, percent-encoded.
pub(super) fn path(name: &str) -> String {
    let mut out = String::from("/");
    pairs::encode(&mut out, name);
    out
}

/// A reference to one of the shared parts.
pub(super) fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

/// The verbs of one path. Relations of several schemas may share it: a header tells them apart.
pub(super) fn item(sharing: &[Exposed<'_>], eyes: Eyes<'_>) -> Object {
    let mut item = Object::new();
    for verb in Verb::ALL {
        let reached: Vec<&Exposed<'_>> = sharing.iter().filter(|exposed| exposed.reach.by(verb)).collect();
        if !reached.is_empty() {
            item.put(verb.member(), operation(verb, &reached, eyes));
        }
    }
    item
}

fn operation(verb: Verb, reached: &[&Exposed<'_>], eyes: Eyes<'_>) -> Object {
    let first = reached[0];
    let name = &first.relation.name.name;
    let (word, summary) = match verb {
        Verb::Get => ("list", format!("Read rows of {name}")),
        Verb::Post => ("insert", format!("Add rows to {name}")),
        Verb::Put => ("put", format!("Add or replace one row of {name} by its key")),
        Verb::Patch => ("update", format!("Change the rows of {name} that the filters choose")),
        Verb::Delete => ("delete", format!("Remove the rows of {name} that the filters choose")),
    };
    let tags: Vec<&str> = reached.iter().map(|exposed| exposed.tag.as_str()).collect();
    Object::new()
        .with("operationId", format!("{word}.{}", first.id))
        .with("summary", summary)
        .maybe("description", reached.iter().any(|exposed| eyes.partial(exposed.relation).is_some()).then_some(PARTIAL))
        .with("tags", tags)
        .with("parameters", parameters(verb, reached, eyes))
        .maybe("requestBody", body(verb, reached))
        .with("responses", answers(verb, reached))
}

fn parameters(verb: Verb, reached: &[&Exposed<'_>], eyes: Eyes<'_>) -> Vec<Value> {
    let shared: &[&str] = match verb {
        Verb::Get => &["select", "order", "limit", "offset", "or", "and", "range", "preferRead"],
        Verb::Post => &["select", "columns", "on_conflict", "preferInsert"],
        Verb::Put => &["select", "columns", "preferWrite"],
        Verb::Patch => &["select", "columns", "or", "and", "preferWrite"],
        Verb::Delete => &["select", "or", "and", "preferWrite"],
    };
    let mut out = Vec::new();
    if verb != Verb::Post {
        let mut seen: Vec<&str> = Vec::new();
        for exposed in reached {
            for filter in filters(exposed.relation, eyes) {
                if !seen.contains(&filter.0) {
                    seen.push(filter.0);
                    out.push(filter.1);
                }
            }
        }
    }
    out.extend(shared.iter().map(|name| reference("parameters", name)));
    out.extend(profile(verb, reached));
    out
}

/// A condition for each column that may be read, for a filter reads.
fn filters<'r>(relation: &'r Relation, eyes: Eyes<'_>) -> Vec<(&'r str, Value)> {
    let readable = |name: &str| !WORDS.contains(&name) && eyes.may_column(relation, Privilege::Select, name);
    relation
        .columns
        .iter()
        .filter(|column| readable(&column.name))
        .map(|column| {
            let about = format!("A condition on `{}` (`{}`): `operator.value`.", column.name, column.ty.sql_name());
            let text = json!({"type": "string"});
            (&*column.name, json!({"name": column.name, "in": "query", "description": about, "schema": text}))
        })
        .collect()
}

/// The header that chooses the schema; the first schema needs none.
fn profile(verb: Verb, reached: &[&Exposed<'_>]) -> Option<Value> {
    if reached.iter().all(|exposed| exposed.is_first) {
        return None;
    }
    let name = if verb == Verb::Get { "Accept-Profile" } else { "Content-Profile" };
    let schemas: Vec<&str> = reached.iter().map(|exposed| &*exposed.relation.name.schema).collect();
    let mut schema = json!({"type": "string", "enum": schemas});
    let default = reached.iter().find(|exposed| exposed.is_first);
    if let Some(default) = default {
        schema["default"] = json!(default.relation.name.schema);
    }
    let about = "The schema whose relation is meant.";
    Some(json!({"name": name, "in": "header", "required": default.is_none(), "description": about, "schema": schema}))
}

/// One of the relations that share a path.
fn any_of(reached: &[&Exposed<'_>], part: &str) -> Value {
    let mut all: Vec<Value> =
        reached.iter().map(|exposed| reference("schemas", &format!("{}.{part}", exposed.id))).collect();
    if all.len() == 1 { all.remove(0) } else { json!({"anyOf": all}) }
}

fn body(verb: Verb, reached: &[&Exposed<'_>]) -> Option<Node> {
    let json = match verb {
        Verb::Get | Verb::Delete => return None,
        Verb::Post => {
            let one = any_of(reached, "Insert");
            json!({"oneOf": [one, {"type": "array", "items": one}]})
        }
        Verb::Put => any_of(reached, "Insert"),
        Verb::Patch => any_of(reached, "Update"),
    };
    let mut content = json!({"application/json": {"schema": json}});
    if verb == Verb::Post {
        content["text/csv"] = json!({"schema": {"type": "string"}});
    }
    Some(json!({"required": true, "content": content}).into())
}

fn answers(verb: Verb, reached: &[&Exposed<'_>]) -> Object {
    let row = any_of(reached, "Row");
    let readable = reached.iter().any(|exposed| exposed.reach.select);
    let with_rows = |text: &str, headers: bool| {
        let mut answer = json!({"description": text});
        if headers {
            answer["headers"] = json!({"Content-Range": reference("headers", "ContentRange")});
        }
        if readable {
            answer["content"] = json!({
                "application/json": {"schema": {"type": "array", "items": row}},
                "application/vnd.pgrst.object+json": {"schema": row},
                "text/csv": {"schema": {"type": "string"}}
            });
        }
        answer
    };
    let none = json!({"description": "Done; nothing is returned."});
    let named = |name: &str| reference("responses", name);
    let own: Vec<(&str, Value)> = match verb {
        Verb::Get => vec![("200", with_rows("The rows.", true)), ("206", with_rows("A part of the rows.", true))],
        Verb::Post => vec![
            ("200", with_rows("Nothing was new; existing rows were merged.", false)),
            ("201", with_rows("The rows are there. They are returned if asked for.", false)),
        ],
        Verb::Put => vec![
            ("200", with_rows("The row was replaced.", false)),
            ("201", with_rows("The row is new.", false)),
            ("204", none),
        ],
        Verb::Patch => vec![("200", with_rows("The changed rows.", false)), ("204", none)],
        Verb::Delete => vec![("200", with_rows("The removed rows.", false)), ("204", none)],
    };
    let mut out = Object::new();
    for (status, answer) in own {
        out.put(status, answer);
    }
    for (status, name) in
        [("400", "BadRequest"), ("401", "Unauthorized"), ("403", "Forbidden"), ("406", "NotAcceptable")]
    {
        out.put(status, named(name));
    }
    out.put(
        if verb == Verb::Get { "416" } else { "409" },
        named(if verb == Verb::Get { "RangeNotSatisfiable" } else { "Conflict" }),
    );
    out.with("default", named("Problem"))
}
