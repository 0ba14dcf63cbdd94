//! Plans of statements instead of their answers, where that is allowed (wire contract, section 9).

use std::sync::Arc;

use store::{Connection, Engine, Param};
use values::Type;

use crate::failure::Failure;
use crate::request::PlanOptions;

/// What is to be explained: statements in the order in which they run.
pub(super) type Statements = Vec<(Arc<str>, Vec<Param>)>;

/// The body of the answer: PostgreSQL's own words, and SQLite's query plan line by line.
pub(super) fn explain(
    conn: &mut dyn Connection,
    statements: &Statements,
    options: PlanOptions,
    json: bool,
) -> Result<Vec<u8>, Failure> {
    let engine = conn.engine();
    let head = head(engine, options, json);
    let column = if engine == Engine::Sqlite { 3 } else { 0 };
    let mut lines: Vec<String> = Vec::new();
    for (sql, params) in statements {
        conn.query(&format!("{head} {sql}"), params, &mut |row| {
            let mut line = String::new();
            row.write_text(column, &Type::Text, &mut line)?;
            lines.push(line);
            Ok(())
        })?;
    }
    let mut body = Vec::new();
    match (engine, json) {
        (_, false) => body.extend_from_slice(lines.join("\n").as_bytes()),
        // Each statement's plan is a list of its own: they become one.
        (Engine::Postgres, true) => {
            let inner = |plan: &String| plan.trim().trim_start_matches('[').trim_end_matches(']').trim().to_owned();
            let plans: Vec<String> = lines.iter().map(inner).collect();
            body.extend_from_slice(format!("[{}]", plans.join(",")).as_bytes());
        }
        (Engine::Sqlite, true) => {
            body.extend_from_slice(b"[{\"Plan\":[");
            for (index, line) in lines.iter().enumerate() {
                if index > 0 {
                    body.push(b',');
                }
                values::write_json_string(line, &mut body);
            }
            body.extend_from_slice(b"]}]");
        }
    }
    Ok(body)
}

fn head(engine: Engine, options: PlanOptions, json: bool) -> String {
    if engine == Engine::Sqlite {
        return "EXPLAIN QUERY PLAN".to_owned();
    }
    let mut words = vec![if json { "format json" } else { "format text" }];
    let switches = [
        (options.analyze, "analyze"),
        (options.verbose, "verbose"),
        (options.settings, "settings"),
        (options.buffers, "buffers"),
        (options.wal, "wal"),
    ];
    words.extend(switches.into_iter().filter_map(|(on, word)| on.then_some(word)));
    format!("explain ({})", words.join(", "))
}
