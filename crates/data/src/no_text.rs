//! No text of a request becomes text of SQL: whatever stands in values, lists, JSON keys, patterns and new names, the statements of both
//! engines are the same to the letter as for any other request of that shape.

use std::sync::Arc;

use crate::compile::{Compiled, Compiler};
use crate::plan::{Settings, plan_read};
use crate::relationships::Relationships;
use crate::request::{Parts, RequestConfig, pairs, parse};
use policy::RoleGuard;
use proptest::prelude::*;
use store::Engine;
use store::catalog::{Catalog, Name};

const SCHEMA: &str = "
    create table artist (id int primary key, name text not null, tags text[], born date, facts jsonb);
    create table album (id int primary key, artist_id int references artist, title text, price numeric(10,2), span int4range);
    create table note (id int primary key, album_id int references album, owner uuid default auth.uid(), body text);
    grant select on artist, album to anon;
    grant select on note to anon;
    alter table note enable row level security;
    create policy own on note for select using (owner = auth.uid() and exists (select 1 from album where album.id = note.album_id));
";

/// Stands in every text that is tried, and in nothing that is ours.
pub(crate) const NEEDLE: &str = "zq7x";

/// The catalog after these statements.
pub(crate) fn catalog(schema: &str) -> Arc<Catalog> {
    let mut catalog = Catalog::initial();
    let mut context = store::migrate::ddl::Context::default();
    for statement in sql::parse_statements(schema).expect("the schema reads") {
        store::migrate::ddl::apply(&mut catalog, &statement.node, &mut context).expect("the schema applies");
    }
    Arc::new(catalog)
}

/// Texts that people have tried to break out with, and any other.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let nasty = prop_oneof![
        Just("'; drop table artist; --".to_owned()),
        Just("\" or \"\"=\"".to_owned()),
        Just("\\'; select 1; /*".to_owned()),
        Just("$1 ?1 $$ $a$ :x @y".to_owned()),
        Just("excluded.name) do nothing --".to_owned()),
        Just("x') union select * from note --".to_owned()),
        Just("\u{2019}\u{ff07}\u{0}".replace('\0', "")),
        "\\PC{0,12}",
    ];
    (nasty.clone(), nasty).prop_map(|(before, after)| format!("{before}{NEEDLE}{after}"))
}

/// A value between double quotes, as lists and trees take it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The places of a request that hold text of the caller's choice.
const PLACES: usize = 12;

/// One shape of a request with these texts in it.
fn query(shape: usize, texts: &[String]) -> String {
    let t = |place: usize| texts[place % texts.len()].as_str();
    let q = |place: usize| quoted(t(place));
    let pairs = match shape {
        0 => vec![
            ("select".to_owned(), format!("{}:name,facts->{}->>{},album(title,note(body))", q(0), q(1), q(2))),
            ("name".to_owned(), format!("eq.{}", t(3))),
            ("album.title".to_owned(), format!("like.*{}*", t(4))),
            ("order".to_owned(), format!("facts->>{}.desc,id", q(5))),
        ],
        1 => vec![
            ("name".to_owned(), format!("in.({},{})", q(0), q(1))),
            ("or".to_owned(), format!("(name.ilike.{},and(name.neq.{},name.match.{}))", q(2), q(3), q(4))),
            (format!("facts->{}->>{}", q(5), q(6)), format!("not.gt.{}", t(7))),
            ("limit".to_owned(), "3".to_owned()),
        ],
        2 => vec![
            ("tags".to_owned(), format!("cs.{{{}}}", q(0))),
            ("tags".to_owned(), format!("ov.{{{}}}", q(1))),
            ("name".to_owned(), format!("like(any).{{{},{}}}", q(2), q(3))),
            ("name".to_owned(), format!("fts(english).{}", t(4))),
            ("facts".to_owned(), format!("cd.{{\"a\":{}}}", q(5))),
        ],
        _ => vec![
            ("select".to_owned(), "name,album!inner(title,artist(name))".to_owned()),
            ("album.price".to_owned(), format!("gte.{}", t(0))),
            ("album.span".to_owned(), format!("adj.{}", t(1))),
            ("album.or".to_owned(), format!("(title.eq.{},title.isdistinct.{})", q(2), q(3))),
            ("born".to_owned(), format!("lte.{}", t(4))),
            ("album.order".to_owned(), "title".to_owned()),
            ("album.limit".to_owned(), "2".to_owned()),
        ],
    };
    let mut out = String::new();
    for (key, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        pairs::encode(&mut out, &key);
        out.push('=');
        pairs::encode(&mut out, &value);
    }
    out
}

/// The texts of all statements of a read, for one engine.
fn statements(catalog: &Arc<Catalog>, engine: Engine, query: &str) -> Option<Vec<String>> {
    let parts = Parts { method: "GET", path: "/artist", query, ..Parts::default() };
    let request = parse(&parts, &RequestConfig::default()).ok()?;
    let relation = catalog.relation("public", "artist").expect("the schema has it");
    let relationships = Relationships::of(catalog);
    let plan = plan_read(&request, relation, catalog, &relationships, Settings::default()).expect("the plan is sound");
    let guard = RoleGuard::new(catalog, "anon").expect("the role exists");
    let path = [Name::from("public")];
    let compiler = Compiler { engine, catalog, guard: &guard, path: &path, as_text: false };
    let root = compiler.read(&plan).expect("the statements can be made");
    let mut out = vec![compiler.count(&plan).expect("the count can be made").0.to_string()];
    collect(&root, &mut out);
    Some(out)
}

fn collect(level: &Compiled, out: &mut Vec<String>) {
    out.push(level.sql.to_string());
    for child in level.children.iter() {
        collect(&child.level, out);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn statements_hold_nothing_that_a_request_says(
        shape in 0..4_usize,
        texts in prop::collection::vec(text(), PLACES),
    ) {
        let catalog = catalog(SCHEMA);
        let plain = vec![format!("a{NEEDLE}"); PLACES];
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let expected = statements(&catalog, engine, &query(shape, &plain)).expect("plain texts can be asked for");
            for statement in &expected {
                prop_assert!(!statement.contains(NEEDLE), "{statement}");
            }
            // A text may be refused by the grammar; it never changes the statement.
            if let Some(found) = statements(&catalog, engine, &query(shape, &texts)) {
                prop_assert_eq!(found, expected);
            }
        }
    }
}
