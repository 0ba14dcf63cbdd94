//! No text of a write becomes text of SQL: whatever its body, filters and JSON paths say, the statements of both engines are the same to the
//! letter as for any other write of that shape. The like of `crate::no_text`, which is about reads.

use std::sync::Arc;

use policy::RoleGuard;
use proptest::prelude::*;
use store::Engine;
use store::catalog::{Catalog, Name};

use super::{Steps, Upsert, Write, Writer};
use crate::compile::{Compiled, Compiler};
use crate::no_text::{NEEDLE, catalog, text};
use crate::plan::{Settings, plan_write};
use crate::relationships::Relationships;
use crate::request::{Method, Missing, Parts, RequestConfig, Resolution, pairs, parse};
use crate::rows::Form;

const SCHEMA: &str = "
    create table artist (id int primary key, name text not null default 'nobody', tags text[], facts jsonb, shout text generated always as (upper(name)) stored);
    create table album (id int primary key, artist_id int references artist, title text);
    create function albums() returns bigint language sql as 'select count(*) from album';
    create view singer as select id, name as label, facts from artist where name <> 'x' and id not in (select a.id from album a) with check option;
    grant select, insert, update, delete on artist, singer to anon;
    grant select on album to anon;
    alter table artist enable row level security;
    create policy seen on artist for select using (name <> 'y');
    create policy kept on artist using (id in (select artist_id from album)) with check (name <> 'z' and albums() < 9);
";

/// How many texts a shape has room for.
const PLACES: usize = 8;
/// How many shapes there are.
const SHAPES: usize = 7;

fn json(text: &str) -> String {
    let mut out = Vec::new();
    values::write_json_string(text, &mut out);
    String::from_utf8(out).expect("made of text")
}

/// Verb, relation, query, wishes and body of a shape with these texts in it.
fn shape(shape: usize, texts: &[String]) -> (&'static str, &'static str, String, Vec<&'static str>, String) {
    let t = |place: usize| texts[place].as_str();
    let (j, quoted) = (|place: usize| json(t(place)), |place: usize| json(t(place)));
    let row = |id: u32, first: usize| {
        format!("{{\"id\":{id},\"name\":{},\"facts\":{{{}:{}}}}}", j(first), j(first + 1), j(first + 2))
    };
    let (method, relation, pairs, prefer, body) = match shape {
        0 => (
            "POST",
            "artist",
            vec![("select", format!("{}:name,facts->>{}", quoted(6), quoted(7)))],
            vec!["return=representation"],
            row(1, 0),
        ),
        1 => (
            "POST",
            "artist",
            vec![("columns", "id,name,facts,tags".to_owned())],
            vec!["missing=default"],
            format!("[{},{{\"id\":2,\"tags\":[{}]}}]", row(1, 0), j(3)),
        ),
        2 => (
            "POST",
            "artist",
            vec![("on_conflict", "id".to_owned())],
            vec!["resolution=merge-duplicates"],
            format!("[{},{}]", row(1, 0), row(2, 3)),
        ),
        3 => (
            "POST",
            "singer",
            vec![("on_conflict", "id".to_owned())],
            vec!["resolution=ignore-duplicates"],
            format!("{{\"id\":1,\"label\":{}}}", j(0)),
        ),
        4 => (
            "PATCH",
            "singer",
            vec![
                ("label", format!("eq.{}", t(0))),
                ("or", format!("(label.like.{},facts->>{}.eq.{})", quoted(1), quoted(2), quoted(3))),
            ],
            vec!["return=representation"],
            format!("{{\"label\":{}}}", j(4)),
        ),
        5 => ("PUT", "artist", vec![("id", "eq.1".to_owned())], vec![], row(1, 0)),
        _ => (
            "DELETE",
            "artist",
            vec![
                ("name", format!("in.({},{})", quoted(0), quoted(1))),
                ("select", format!("{}:id,album(title)", quoted(2))),
            ],
            vec!["return=representation"],
            String::new(),
        ),
    };
    let mut query = String::new();
    for (key, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        pairs::encode(&mut query, key);
        query.push('=');
        pairs::encode(&mut query, &value);
    }
    (method, relation, query, prefer, body)
}

/// The texts of all statements of a write, once its values are bound.
fn statements(catalog: &Arc<Catalog>, engine: Engine, place: usize, texts: &[String]) -> Option<Vec<String>> {
    let (method, relation, query, prefer, body) = shape(place, texts);
    let path = format!("/{relation}");
    let parts = Parts {
        method,
        path: &path,
        query: &query,
        prefer,
        content_type: (!body.is_empty()).then_some("application/json"),
        body: body.into(),
        ..Parts::default()
    };
    let request = parse(&parts, &RequestConfig::default()).ok()?;
    let relation = catalog.relation("public", relation).expect("the schema has it");
    let relationships = Relationships::of(catalog);
    let plan = plan_write(&request, relation, catalog, &relationships, Settings::default()).expect("the plan is sound");
    let guard = Arc::new(RoleGuard::new(catalog, "anon").expect("the role exists"));
    let path = [Name::from("public")];
    let compiler = Compiler { engine, catalog, guard: &*guard, path: &path, as_text: false };
    let form = request.preferences.returning.map(|_| Form::Json);
    let writer = Writer {
        compiler: &compiler,
        guard: &guard,
        catalog,
        relation,
        plan: &plan.root,
        again: plan.again.as_ref(),
        form,
        location: false,
    };
    let missing = request.preferences.missing.unwrap_or(Missing::Null);
    let resolution = match request.method {
        Method::Put => Some(Resolution::MergeDuplicates),
        _ => request.preferences.resolution,
    };
    let upsert = resolution.map(|resolution| Upsert { resolution, key: vec![Name::from("id")] });
    let made = match (&request.payload, request.method) {
        (Some(payload), Method::Patch) => writer.update(payload, missing),
        (Some(payload), Method::Post | Method::Put) => writer.insert(payload, missing, upsert.as_ref()),
        _ => writer.delete(),
    };
    let mut write = made.expect("the statements can be made");
    if let Some(payload) = &request.payload {
        write.bind(payload, &values::Session::default()).ok()?;
    }
    Some(texts_of(&write))
}

fn texts_of(write: &Write) -> Vec<String> {
    let mut out = Vec::new();
    let mut add = |text: &Arc<str>| out.push(text.to_string());
    match &write.steps {
        Steps::Nothing => {}
        Steps::Statements(statements) => statements.iter().for_each(|(text, _)| add(text)),
        Steps::Checked { look, change, .. } => [look, change].into_iter().for_each(&mut add),
        Steps::Rows { shapes, .. } => {
            for shape in shapes.iter() {
                add(&shape.insert);
                shape.update.iter().for_each(&mut add);
                shape.probe.iter().for_each(|(text, _)| add(text));
                shape.afresh.iter().flat_map(|(proposed, again)| [proposed, again]).for_each(&mut add);
                shape.propose.iter().for_each(|(text, _, _)| add(text));
                shape.find.iter().chain(&shape.violates).for_each(|(text, _)| add(text));
            }
        }
    }
    if let Some(each) = &write.each {
        let texts = [Some(&each.places), each.before.as_ref(), each.look.as_ref(), Some(&each.change)];
        texts.into_iter().flatten().for_each(&mut add);
    }
    if let Some(explain) = &write.explain {
        out.extend(explain.outside.iter().map(|(text, _)| text.to_string()));
        out.extend(explain.look.iter().map(|(text, _)| text.to_string()));
        out.extend(explain.after.iter().map(|(text, _)| text.to_string()));
    }
    if let Some(returning) = &write.returning {
        embeds(&returning.level, &mut out);
    }
    out
}

fn embeds(level: &Compiled, out: &mut Vec<String>) {
    for child in level.children.iter() {
        out.push(child.level.sql.to_string());
        embeds(&child.level, out);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn statements_hold_nothing_that_a_write_says(
        place in 0..SHAPES,
        texts in prop::collection::vec(text(), PLACES),
    ) {
        let catalog = catalog(SCHEMA);
        let plain = vec![format!("a{NEEDLE}"); PLACES];
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let expected = statements(&catalog, engine, place, &plain).unwrap_or_else(|| panic!("plain texts can be written in shape {place}"));
            prop_assert!(!expected.is_empty());
            for statement in &expected {
                prop_assert!(!statement.contains(NEEDLE), "{statement}");
            }
            // A text may be refused by the grammar; it never changes the statement.
            if let Some(found) = statements(&catalog, engine, place, &texts) {
                prop_assert_eq!(found, expected);
            }
        }
    }
}
