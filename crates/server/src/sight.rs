//! What a caller whom row security binds sees of the log: of rows that it may read now, that they changed, and how they read now.
//!
//! An event is a copy of a row, made when nobody had asked who would read it; what it shows may have been another's before it became the
//! caller's. So nothing of the copy is shown. The rows of a page's events are read by their keys as any request of the caller's
//! reads them, with its grants and policies; an event whose row does not come back is not shown, and one whose row does has that row
//! in place of the copy. Whatever cannot be judged like this is not shown: rows that are gone, tables without a key or with one
//! that the caller may not read, acts of the house, what others sent.

use std::collections::{BTreeMap, HashMap};

use data::Caller;
use data::request::Parts;
use events::Logged;
use kernel::error::{TIMEOUT, UNAVAILABLE};
use kernel::{Error, Result};
use serde_json::Value;
use serde_json::value::RawValue;
use store::catalog::{Privilege, Relation, RelationKind};

use crate::front::Desk;

/// Rows that are read together.
const ROWS: usize = 50;

/// A row as JSON has it, its values as they are written.
type Row = HashMap<String, Box<RawValue>>;

/// An event whose row is to be read: its place in the page, the row's key, the row as it was.
type Wanted = (usize, Vec<String>, Row);

/// What an event of a row says of it.
#[derive(serde::Deserialize)]
struct Change {
    after: Option<Row>,
}

/// What the caller sees of some events, in their order.
///
/// # Errors
/// When the rows cannot be read now: what was not judged is not passed over.
pub(crate) async fn seen(desk: &Desk, caller: &Caller, events: &[Logged]) -> Result<Vec<Logged>> {
    let derived = desk.data.derived();
    let Some(guard) = derived.guard(&caller.role) else { return Ok(Vec::new()) };
    // The keys of the rows, by table.
    let mut asked: BTreeMap<&str, Vec<Wanted>> = BTreeMap::new();
    for (number, event) in events.iter().enumerate() {
        if event.is_taken() || !event.kind.starts_with("data.row.") {
            continue;
        }
        let Some(relation) = table(&derived.catalog.relations, &event.subject) else { continue };
        let Some(row) = serde_json::from_str::<Change>(&event.data).ok().and_then(|change| change.after) else {
            continue;
        };
        if let Some(key) = key_of(relation, &row) {
            asked.entry(&event.subject).or_default().push((number, key, row));
        }
    }
    let mut shown: BTreeMap<usize, Logged> = BTreeMap::new();
    let most = desk.data.config().max_rows.and_then(|rows| usize::try_from(rows).ok()).unwrap_or(ROWS).clamp(1, ROWS);
    for (subject, rows) in &asked {
        let Some(relation) = table(&derived.catalog.relations, subject) else { continue };
        for some in rows.chunks(most) {
            // What the log leaves out of a row is not shown either.
            let columns: Vec<&str> = (relation.columns.iter().map(|column| &*column.name))
                .filter(|name| guard.may_column(relation, Privilege::Select, name))
                .filter(|name| some.iter().all(|(_, _, row)| row.contains_key(*name)))
                .collect();
            let Some(names) = key_names(relation).filter(|names| names.iter().all(|name| columns.contains(name)))
            else {
                continue;
            };
            let keys: Vec<&[String]> = some.iter().map(|(_, key, _)| key.as_slice()).collect();
            let found = read(desk, caller, relation, &columns, &names, &keys).await?;
            for (number, key, _) in some {
                if let Some(row) = found.get(key) {
                    shown.insert(*number, as_now(&events[*number], key, row));
                }
            }
        }
    }
    Ok(shown.into_values().collect())
}

/// The table that a subject names, when it is one without doubt.
fn table<'c, K: Ord>(relations: &'c BTreeMap<K, std::sync::Arc<Relation>>, subject: &str) -> Option<&'c Relation> {
    let mut named = relations.values().filter(|relation| {
        let (schema, name) = (&*relation.name.schema, &*relation.name.name);
        subject.strip_prefix(schema).and_then(|rest| rest.strip_prefix('.')) == Some(name)
    });
    let found = named.next()?;
    (named.next().is_none() && matches!(found.kind, RelationKind::Table)).then_some(found)
}

fn key_names(relation: &Relation) -> Option<Vec<&str>> {
    Some(relation.primary_key.as_ref()?.columns.iter().map(|name| &**name).collect())
}

/// The values of a row's key as JSON writes them.
fn key_of(relation: &Relation, row: &Row) -> Option<Vec<String>> {
    let names = key_names(relation)?;
    names.iter().map(|name| row.get(*name).map(|value| value.get().to_owned())).collect()
}

/// A value as the dialect's filters and keys of events have it; objects, lists and null are no part of a key.
fn text_of(json: &str) -> Option<String> {
    match serde_json::from_str(json).ok()? {
        Value::String(text) => Some(text),
        Value::Number(_) | Value::Bool(_) => Some(json.to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The rows under these keys that the caller may read, by key, each as JSON.
async fn read(
    desk: &Desk,
    caller: &Caller,
    relation: &Relation,
    columns: &[&str],
    names: &[&str],
    keys: &[&[String]],
) -> Result<HashMap<Vec<String>, String>> {
    let select: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    let mut wanted: Vec<String> = keys.iter().filter_map(|key| condition(names, key)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let query = format!("select={}&or=({})", encoded(&select.join(",")), encoded(&wanted.join(",")));
    let path = format!("/{}", encoded(&relation.name.name));
    let parts = Parts {
        method: "GET",
        path: &path,
        query: &query,
        accept: vec!["application/json"],
        prefer: Vec::new(),
        accept_profile: Some(&relation.name.schema),
        content_profile: None,
        content_type: None,
        range: None,
        body: bytes::Bytes::new(),
    };
    let answer = desk.data.handle(&parts, caller).await;
    match (answer.status, answer.body) {
        (200..300, Some(body)) => {
            let rows: Vec<Box<RawValue>> = serde_json::from_slice(&body).map_err(Error::internal)?;
            let keyed = |row: Box<RawValue>| {
                let values: Row = serde_json::from_str(row.get()).ok()?;
                Some((key_of(relation, &values)?, row.get().to_owned()))
            };
            Ok(rows.into_iter().filter_map(keyed).collect())
        }
        // It may come right by itself: whoever asks again sees what is owed.
        (503, _) => Err(Error::new(&UNAVAILABLE, "The rows cannot be read now.")),
        (500.., _) => Err(Error::new(&TIMEOUT, "The rows could not be read.")),
        // Not the caller's to read, or not exposed.
        _ => Ok(HashMap::new()),
    }
}

/// `and(a.eq."1",b.eq."x")`
fn condition(names: &[&str], key: &[String]) -> Option<String> {
    let parts: Option<Vec<String>> = names
        .iter()
        .zip(key)
        .map(|(name, value)| Some(format!("{}.eq.{}", quoted(name), as_quoted(&text_of(value)?))))
        .collect();
    Some(format!("and({})", parts?.join(",")))
}

/// A name as the dialect reads it.
fn quoted(name: &str) -> String {
    if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
        name.to_owned()
    } else {
        as_quoted(name)
    }
}

fn as_quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// As it stands in a URL.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len() * 2), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"_-.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// The event with its row as it reads now, and without who did it.
fn as_now(event: &Logged, key: &[String], row: &str) -> Logged {
    let key: Vec<String> = key.iter().filter_map(|value| text_of(value)).collect();
    Logged {
        unit: String::new(),
        key: format!("{}/{}", event.subject, key.join(",")),
        data: format!("{{\"before\":null,\"after\":{row}}}"),
        context: "{}".to_owned(),
        ..event.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_asked_for_whatever_stands_in_them() {
        for (names, key, want) in [
            (&["id"][..], &["1"][..], Some(r#"and(id.eq."1")"#)),
            (&["a", "B c"], &["1.50", r#""x\"),or(""#], Some(r#"and(a.eq."1.50","B c".eq."x\"),or(")"#)),
            (&["a"], &[r#""back\\slash""#], Some(r#"and(a.eq."back\\slash")"#)),
            (&["a"], &["null"], None),
            (&["a"], &["[1]"], None),
        ] {
            let key: Vec<String> = key.iter().map(|value| (*value).to_owned()).collect();
            assert_eq!(condition(names, &key).as_deref(), want);
        }
        assert_eq!(encoded("a b&=é"), "a%20b%26%3D%C3%A9");
    }
}
