//! Expressions of PostgreSQL, translated and answered by the embedded engine, against what PostgreSQL 15 answered to the same text.
//!
//! `sqlite_expressions.tsv` has an expression and its answer a line: `select <expression>` in psql with a C locale and UTC, null as
//! `NULL`, a refusal as `ERROR <SQLSTATE>: <message>`, a line feed as `\\n`.

use std::sync::Arc;

use store::sqlite::{Options, Place, SqliteEngine};
use store::translate::{Owner, Translator};
use store::{Catalog, Error, Lane, Result, Row, Scope};

async fn answer(engine: &SqliteEngine, expression: &str) -> Result<String> {
    let query =
        sql::parse_query(&format!("select {expression}")).unwrap_or_else(|error| panic!("{expression}: {error:?}"));
    let translated = Translator::new(&Catalog::default(), &Owner, &[], &[]).select(&query)?;
    let ty = translated.columns[0].ty.clone();
    let read = engine.read::<String, Error, _>(Scope::default(), Lane::Short, move |conn| {
        let mut text = String::new();
        conn.query(&translated.sql, &[], &mut |row: &dyn Row| {
            if row.is_null(0) {
                text.push_str("NULL");
                Ok(())
            } else {
                row.write_text(0, &ty, &mut text)
            }
        })?;
        Ok(text)
    });
    read.await
}

#[tokio::test]
async fn expressions_have_the_answers_that_postgresql_gave() {
    let engine = SqliteEngine::open(Place::Temporary, Options::default(), Arc::from([])).unwrap();
    let mut wrong = Vec::new();
    for line in include_str!("sqlite_expressions.tsv").lines() {
        let (expression, want) = line.split_once('\t').unwrap();
        let got = match answer(&engine, expression).await {
            Ok(text) => text.replace('\n', "\\n"),
            Err(Error::Sql(error)) => format!("ERROR {error}"),
            Err(error) => format!("{error:?}"),
        };
        if got != want {
            wrong.push(format!("{expression}\n  is   {got}\n  not  {want}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
