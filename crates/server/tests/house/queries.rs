//! Every statement of the rooms, prepared and planned on both engines: a typo fails here, and a plan that changes is seen. `BLESS=1`
//! writes the files anew.

use std::fmt::Write as _;
use std::path::Path;

use store::house::Query;
use store::{Lane, Param, Scope};
use testkit::Engine;
use values::Type;

use crate::support::{Home, SCHEMA};

/// Statements that only PostgreSQL is ever told.
const POSTGRES: &[&str] = &[
    "audit.append_pending",
    "audit.number",
    "audit.lock",
    "audit.hold",
    "events.forget_order",
    "events.order",
    "events.place",
    "events.pending",
    "events.lock",
    "events.remember_all",
    "events.unwatched",
    "idempotency.lock",
];

/// Statements that only SQLite is ever told.
const SQLITE: &[&str] = &["events.add_linked"];

/// What the file is missing of a room's statements, with their plans.
fn told(home: &Home, running: &server::Running, engine: Engine, name: &str, query: &'static Query) -> String {
    let of = if engine == Engine::Sqlite { store::Engine::Sqlite } else { store::Engine::Postgres };
    let sql = query.sql(of);
    let numbers =
        (1..20).take_while(|number| sql.contains(&format!("${number}")) || sql.contains(&format!("?{number}")));
    // A number, a text and bytes as well, or a list of them.
    let params = numbers.map(|number| {
        let is_list = sql.contains(&format!("any (${number})"));
        Param::Text(Type::Text, if is_list { "{1}" } else { "1" }.to_owned())
    });
    let params: Vec<Param> = params.collect();
    let (explain, column) = match engine {
        Engine::Sqlite => (format!("explain query plan {sql}"), 3),
        Engine::Postgres => (format!("explain (costs off) {sql}"), 0),
    };
    let plan = home.runtime.block_on(running.store.read(Scope::default(), Lane::Long, move |conn| {
        let mut plan = String::new();
        conn.query(&explain, &params, &mut |row| {
            plan.push_str("    ");
            row.write_text(column, &Type::Text, &mut plan)?;
            plan.push('\n');
            Ok(())
        })?;
        Ok::<_, store::Error>(plan)
    }));
    let words: Vec<&str> = sql.split_whitespace().collect();
    format!("{name}\n  {}\n{}\n", words.join(" "), plan.unwrap_or_else(|error| panic!("{name}: {error}\n{sql}")))
}

testkit::both! {
    fn every_statement_of_the_rooms_is_understood_and_planned_as_before(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        let mut all = String::new();
        let rooms = [
            ("audit", audit::QUERIES), ("consumers", consumers::QUERIES), ("events", events::QUERIES),
            ("idempotency", idempotency::QUERIES), ("schemas", schemas::QUERIES),
        ];
        for (room, queries) in rooms {
            for (name, query) in queries {
                let name = format!("{room}.{name}");
                let other = if engine == Engine::Postgres { SQLITE } else { POSTGRES };
                if !other.contains(&name.as_str()) {
                    let _ = write!(all, "{}", told(&home, &running, engine, &name, query));
                }
            }
        }
        home.stop(running);
        let file = if engine == Engine::Sqlite { "queries.sqlite.txt" } else { "queries.postgres.txt" };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/house").join(file);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &all).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == all, "{file} says something else; BLESS=1 writes it anew:\n{all}");
    }
}
