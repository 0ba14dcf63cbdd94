//! Trying indexes: made inside a transaction that is rolled back, with the plan and the time before and after.

use std::sync::Arc;
use std::time::Duration;

use data::compile::Compiled;
use data::rows::{self, Form};
use kernel::{Clock, SystemClock};
use sql::ast::Expr;
use store::catalog::{Name, QName};
use store::translate::physical_name;
use store::{Connection, Engine, Result, Scope, Store};

use super::{Examined, Study, failed, plan};
use crate::failure::Failure;

/// How often a request is run to be timed; the best counts.
const RUNS: usize = 5;
/// How long building one index may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// An index that helps.
#[derive(Clone, Debug)]
pub struct Advice {
    /// The level it helps.
    pub level: String,
    /// What to put into a migration.
    pub statement: String,
    /// The level's plan without it.
    pub before: Vec<String>,
    /// The level's plan with it.
    pub after: Vec<String>,
    /// The whole request's time without it.
    pub time_before: Duration,
    /// The whole request's time with it.
    pub time_after: Duration,
}

/// What one trial found: every level's plan, and the request's time.
struct Trial {
    plans: Vec<Vec<String>>,
    time: Duration,
}

/// Tries indexes for the levels that read whole tables. Nothing stays changed.
pub async fn advise(study: &Study, store: &Store) -> std::result::Result<Vec<Advice>, Failure> {
    let engine = store.engine();
    let before = run(study, store, None).await?;
    let mut found = Vec::new();
    for (number, level) in study.levels.iter().enumerate() {
        let scans = |plan: &[String]| plan.iter().filter(|line| plan::is_full_scan(engine, line.trim())).count();
        if scans(&before.plans[number]) == 0 {
            continue;
        }
        let mut best: Option<Advice> = None;
        for columns in &level.candidates {
            let name = index_name(&level.relation, columns);
            let after = run(study, store, Some(create(engine, &name, &level.relation, columns))).await?;
            let used = after.plans[number].iter().any(|line| line.contains(&name));
            if !used || best.as_ref().is_some_and(|best| best.time_after <= after.time) {
                continue;
            }
            best = Some(Advice {
                level: level.name.clone(),
                statement: format!("{};", create(Engine::Postgres, &name, &level.relation, columns)),
                before: before.plans[number].clone(),
                after: after.plans[number].clone(),
                time_before: before.time,
                time_after: after.time,
            });
        }
        found.extend(best);
    }
    Ok(found)
}

async fn run(study: &Study, store: &Store, index: Option<String>) -> Result<Trial> {
    let engine = store.engine();
    // The index is the owner's to make; the request then runs as its own role.
    let role = study.scope.role.clone();
    let scope = Scope { role: None, rollback: true, timeout: PATIENCE, ..study.scope.clone() };
    let (compiled, levels): (Arc<Compiled>, Arc<[Examined]>) =
        (Arc::new(study.compiled.clone()), study.levels.clone().into());
    store
        .write(scope, move |tx| {
            tx.quiet("an index on trial, rolled back");
            let conn = tx.conn();
            if let Some(index) = &index {
                conn.execute(index, &[])?;
            }
            if engine == Engine::Postgres
                && let Some(role) = &role
            {
                conn.execute(&format!("set local role {}", quoted(role)), &[])?;
            }
            let plans = plan::all(conn, engine, &levels)?;
            let time = timed(conn, &compiled)?;
            if engine == Engine::Postgres {
                conn.execute("reset role", &[])?;
            }
            Ok(Trial { plans, time })
        })
        .await
}

/// The best time of some runs of the whole request.
fn timed(conn: &mut dyn Connection, compiled: &Compiled) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = SystemClock.monotonic();
        rows::read(conn, compiled, Form::Json).map_err(failed)?;
        best = best.min(SystemClock.monotonic().saturating_sub(start));
    }
    Ok(best)
}

fn create(engine: Engine, name: &str, relation: &QName, columns: &[Name]) -> String {
    let columns: Vec<String> = columns.iter().map(|column| plain_or_quoted(column)).collect();
    let table = match engine {
        Engine::Sqlite => quoted(&physical_name(relation)),
        Engine::Postgres if &*relation.schema == "public" => plain_or_quoted(&relation.name),
        Engine::Postgres => format!("{}.{}", plain_or_quoted(&relation.schema), plain_or_quoted(&relation.name)),
    };
    format!("create index {} on {table} ({})", plain_or_quoted(name), columns.join(", "))
}

/// A name that PostgreSQL would give, no longer than it allows.
fn index_name(relation: &QName, columns: &[Name]) -> String {
    const BYTES_MAX: usize = 63;
    let columns: Vec<&str> = columns.iter().map(|column| &**column).collect();
    let mut name = format!("{}_{}", relation.name, columns.join("_"));
    while name.len() > BYTES_MAX - "_idx".len() {
        name.pop();
    }
    name + "_idx"
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn plain_or_quoted(name: &str) -> String {
    // What reads as a column of just this name needs no quotes.
    match sql::parse_expr(name) {
        Ok(Expr::Column { parts }) if parts.len() == 1 && &*parts[0] == name => name.to_owned(),
        _ => quoted(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_name_what_they_must_and_quote_what_is_unusual() {
        for (engine, schema, table, columns, want) in [
            (
                Engine::Postgres,
                "public",
                "track",
                &["album_id"][..],
                "create index track_album_id_idx on track (album_id)",
            ),
            (
                Engine::Postgres,
                "shop",
                "order",
                &["Customer"],
                "create index \"order_Customer_idx\" on shop.\"order\" (\"Customer\")",
            ),
            (Engine::Sqlite, "shop", "order", &["a", "b"], "create index order_a_b_idx on \"shop.order\" (a, b)"),
        ] {
            let relation = QName::new(schema, table);
            let columns: Vec<Name> = columns.iter().map(|column| Name::from(*column)).collect();
            assert_eq!(create(engine, &index_name(&relation, &columns), &relation, &columns), want);
        }
        let long = index_name(&QName::new("public", "t".repeat(60)), &[Name::from("column")]);
        assert!(long.len() <= 63 && long.ends_with("_idx"));
    }
}
