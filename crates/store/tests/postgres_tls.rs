//! TLS to PostgreSQL: who reads along and whom we talk to, as the URL asks.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::time::Duration;

use store::postgres::{Options, PostgresEngine};
use store::{Connection, Error, Lane, Participants, Scope};
use testkit::postgres::{Encrypted, fresh_database};
use values::Value;

async fn connect(url: &str) -> Result<PostgresEngine, Error> {
    PostgresEngine::connect(url, Options::default(), Participants::from([])).await
}

fn one(conn: &mut dyn Connection, sql: &str) -> Result<Value, Error> {
    let mut found = Value::Null;
    conn.query(sql, &[], &mut |row| {
        found = row.value(0, &values::Type::Text)?;
        Ok(())
    })?;
    Ok(found)
}

/// Is the way private: for a function's connection, and for the shared ones.
async fn private(engine: &PostgresEngine) -> Vec<Value> {
    const ASK: &str = "select ssl::text from pg_stat_ssl where pid = pg_backend_pid()";
    let function = engine.read(Scope::default(), Lane::Short, |conn| one(conn, ASK)).await.unwrap();
    let mut shared = Value::Null;
    engine
        .fetch(&Scope::default(), ASK, &[], &mut |row| {
            shared = row.value(0, &values::Type::Text)?;
            Ok(())
        })
        .await
        .unwrap();
    vec![function, shared]
}

#[tokio::test]
async fn the_url_says_who_may_read_along_and_whom_we_believe() {
    let server = Encrypted::start();
    let by_name = server.url().replace("127.0.0.1", "localhost");
    let other = Encrypted::start();
    let (signer, own, stranger) = (server.signer(), server.certificate(), other.signer());
    let file = |file: &std::path::Path| format!("sslrootcert={}", file.display());
    for (url, wishes, want) in [
        (server.url(), "sslmode=disable".to_owned(), Ok("false")),
        (server.url(), "sslmode=prefer".to_owned(), Ok("true")),
        (server.url(), String::new(), Ok("true")),
        (server.url(), "sslmode=require".to_owned(), Ok("true")),
        (server.url(), format!("sslmode=verify-ca&{}", file(&signer)), Ok("true")),
        (server.url(), format!("sslmode=require&{}", file(&signer)), Ok("true")),
        (&by_name, format!("sslmode=verify-full&{}", file(&signer)), Ok("true")),
        (&by_name, format!("sslmode=verify-full&{}", file(&own)), Ok("true")),
        (server.url(), format!("sslmode=verify-full&{}", file(&signer)), Err("another host")),
        (server.url(), format!("sslmode=verify-full&{}", file(&own)), Err("another host")),
        (&by_name, format!("sslmode=verify-full&{}", file(&stranger)), Err("signed by nobody we trust")),
        (server.url(), format!("sslmode=verify-ca&{}", file(&stranger)), Err("signed by nobody we trust")),
        (server.url(), format!("sslmode=require&{}", file(&stranger)), Err("signed by nobody we trust")),
    ] {
        let connected = connect(&format!("{url}?{wishes}")).await;
        match (connected, want) {
            (Ok(engine), Ok(want)) => {
                assert_eq!(private(&engine).await, vec![Value::text(want), Value::text(want)], "{wishes}");
            }
            (Err(Error::Unavailable { reason, .. }), Err(want)) => {
                assert!(reason.contains(want), "{wishes}: {reason}");
                assert!(!reason.contains("localhost") && !reason.contains("127.0.0.1"), "{reason}");
            }
            (found, want) => panic!("{wishes}: {found:?} instead of {want:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_the_url_asks_for_it() {
    let database = fresh_database(None);
    let refused = connect(&format!("{}?sslmode=require", database.url())).await;
    let Err(Error::Unavailable { reason, .. }) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("does not speak TLS"), "{reason}");
}

#[tokio::test]
async fn a_statement_is_cancelled_over_tls_too() {
    let server = Encrypted::start();
    let url = format!("{}?sslmode=require", server.url());
    let options = Options { read_connections: 1, ..Options::default() };
    let engine = PostgresEngine::connect(&url, options, Participants::from([])).await.unwrap();
    let pid = || engine.read(Scope::default(), Lane::Short, |conn| one(conn, "select pg_backend_pid()"));
    let before: Result<Value, Error> = pid().await;
    let scope = Scope { timeout: Duration::from_millis(300), ..Scope::default() };
    // The server's own clock is taken away, so only asking for it ends the statement.
    let late: Result<(), Error> = engine
        .read(scope, Lane::Short, |conn| {
            conn.query("select set_config('statement_timeout', '0', true)", &[], &mut |_| Ok(()))?;
            conn.query("select pg_sleep(600)", &[], &mut |_| Ok(())).map(drop)
        })
        .await;
    assert_eq!(late.unwrap_err().code(), Some("57014"));
    // Where the server could not be asked, the connection would have been given up.
    assert_eq!(pid().await.unwrap(), before.unwrap());
}
