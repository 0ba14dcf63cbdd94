//! Pipelined reads: many callers on few connections, each with its own eyes.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;

use store::postgres::{Options, PostgresEngine, prepare_database};
use store::{Error, Param, Participants, Scope};
use testkit::postgres::{Database, fresh_database};
use values::{Type, Value};

async fn house(setup: &str, shared_connections: usize) -> (Database, PostgresEngine) {
    let database = fresh_database(None);
    let options = Options { shared_connections, ..Options::default() };
    let engine = PostgresEngine::connect(database.url(), options, Participants::from([])).await.unwrap();
    engine.write::<_, Error>(Scope::default(), |tx| prepare_database(tx.conn())).await.unwrap();
    database.run(setup);
    (database, engine)
}

async fn fetch(engine: &PostgresEngine, scope: &Scope, sql: &str, params: &[Param]) -> Result<Vec<Value>, Error> {
    let mut rows = Vec::new();
    let count = engine
        .fetch(scope, sql, params, &mut |row| {
            rows.push(row.value(0, &Type::Text)?);
            Ok(())
        })
        .await?;
    assert_eq!(count, rows.len() as u64);
    Ok(rows)
}

fn user(id: u32) -> Scope {
    Scope {
        role: Some(Arc::from("authenticated")),
        claims: Arc::from(format!(r#"{{"role":"authenticated","sub":"00000000-0000-0000-0000-{id:012}"}}"#)),
        ..Scope::default()
    }
}

const NOTES: &str = "
    create table note (id int primary key, owner uuid not null);
    insert into note select n, ('00000000-0000-0000-0000-' || lpad((n % 50)::text, 12, '0'))::uuid from generate_series(0, 499) n;
    alter table note enable row level security;
    create policy own on note for select to authenticated using (owner = auth.uid());
    grant select on note to authenticated";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_share_connections_see_their_own_rows_only() {
    let (_database, engine) = house(NOTES, 2).await;
    let calls: Vec<_> = (0..50_u32)
        .map(|id| {
            let engine = engine.clone();
            tokio::spawn(async move {
                for round in 0..20 {
                    let sql =
                        ["select id from note order by id", "select id from note where id >= 0 order by id"][round % 2];
                    let rows = fetch(&engine, &user(id), sql, &[]).await.unwrap();
                    let want: Vec<_> = (0..10).map(|n| Value::Int(i64::from(id) + n * 50)).collect();
                    assert_eq!(rows, want);
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
}

#[tokio::test]
async fn a_scope_that_is_refused_gets_no_rows_of_the_one_before() {
    let (_database, engine) = house(NOTES, 1).await;
    assert_eq!(fetch(&engine, &user(1), "select id from note", &[]).await.unwrap().len(), 10);
    let nobody = Scope { role: Some(Arc::from("nobody_of_this_name")), ..user(1) };
    for _ in 0..2 {
        let refused = fetch(&engine, &nobody, "select id from note", &[]).await;
        assert_eq!(refused.unwrap_err().code(), Some("22023"));
    }
    let anonymous = Scope { role: Some(Arc::from("anon")), ..Scope::default() };
    let refused = fetch(&engine, &anonymous, "select id from note", &[]).await;
    assert_eq!(refused.unwrap_err().code(), Some("42501"));
    assert_eq!(fetch(&engine, &user(2), "select id from note", &[]).await.unwrap().len(), 10);
}

const DISTURB: &str = "select concat(set_config('role', 'service_role', false), set_config('request.jwt.claims', '{\"sub\":\"x\"}', false),
    set_config('default_transaction_read_only', 'off', false), set_config('statement_timeout', '86400000', false),
    set_config('timezone', 'Asia/Tokyo', false), set_config('search_path', 'auth', false))";

const LOOK: &str =
    "select concat_ws('|', current_user, current_setting('request.jwt.claims'), current_setting('timezone'),
    current_setting('transaction_read_only'), current_setting('search_path'), current_setting('statement_timeout'),
    current_setting('app.colour', true))";

#[tokio::test]
async fn nothing_a_statement_does_to_the_session_reaches_the_next_caller() {
    let (database, engine) = house("", 1).await;
    let before = fetch(&engine, &user(1), LOOK, &[]).await.unwrap();
    for _ in 0..3 {
        fetch(&engine, &user(1), DISTURB, &[]).await.unwrap();
        assert_eq!(fetch(&engine, &user(1), LOOK, &[]).await.unwrap(), before);
        assert_eq!(fetch(&engine, &user(1), LOOK, &[]).await.unwrap(), before);
    }
    // The same out of sight, in a function.
    database.run(&format!(
        "create function disturb() returns text language plpgsql as $$ begin return ({DISTURB}); end $$"
    ));
    engine.forget_statements();
    for _ in 0..3 {
        fetch(&engine, &user(1), "select public.disturb()", &[]).await.unwrap();
        assert_eq!(fetch(&engine, &user(1), LOOK, &[]).await.unwrap(), before);
        assert_eq!(fetch(&engine, &user(1), LOOK, &[]).await.unwrap(), before);
    }
    // A setting that only one scope has does not stay for the others.
    let colourful = Scope { settings: Arc::from([(Arc::from("app.colour"), Arc::from("blue"))]), ..user(1) };
    let Value::Text(found) = &fetch(&engine, &colourful, LOOK, &[]).await.unwrap()[0] else { panic!() };
    assert!(found.ends_with("|blue"), "{found}");
    let Value::Text(found) = &fetch(&engine, &user(1), LOOK, &[]).await.unwrap()[0] else { panic!() };
    assert!(!found.contains("blue"), "{found}");
}

#[tokio::test]
async fn fetching_cannot_write() {
    let (_database, engine) = house("create table t (id int)", 1).await;
    let refused = fetch(&engine, &Scope::default(), "insert into t values (1) returning id", &[]).await;
    assert_eq!(refused.unwrap_err().code(), Some("25006"));
}

#[tokio::test]
async fn the_right_to_a_schema_is_checked_for_each_role_even_when_the_statement_is_known() {
    let (_database, engine) = house(
        "create schema hidden; create table hidden.t (id int); insert into hidden.t values (1);
         grant select on hidden.t to anon, service_role; grant usage on schema hidden to service_role",
        1,
    )
    .await;
    let role = |name: &str| Scope { role: Some(Arc::from(name)), ..Scope::default() };
    for _ in 0..2 {
        assert_eq!(
            fetch(&engine, &role("service_role"), "select id from hidden.t", &[]).await.unwrap(),
            [Value::Int(1)]
        );
        let refused = fetch(&engine, &role("anon"), "select id from hidden.t", &[]).await;
        assert_eq!(refused.unwrap_err().code(), Some("42501"));
    }
}

#[tokio::test]
async fn a_lost_shared_connection_is_replaced() {
    let (database, engine) = house("create table t (id int); insert into t values (7)", 1).await;
    let pid = fetch(&engine, &Scope::default(), "select pg_backend_pid()", &[]).await.unwrap();
    let [Value::Int(pid)] = pid[..] else { panic!() };
    database.run(&format!("select pg_terminate_backend({pid}, 20000)"));
    // At most the first one notices.
    let mut found = fetch(&engine, &Scope::default(), "select id from t", &[]).await;
    if found.is_err() {
        assert!(matches!(found, Err(Error::Unavailable { .. })), "{found:?}");
        found = fetch(&engine, &Scope::default(), "select id from t", &[]).await;
    }
    assert_eq!(found.unwrap(), [Value::Int(7)]);
}

#[tokio::test]
async fn a_changed_table_is_read_anew() {
    let (database, engine) = house("create table t (a int); insert into t values (1)", 1).await;
    let read = async || fetch(&engine, &Scope::default(), "select * from t", &[]).await;
    assert_eq!(read().await.unwrap(), [Value::Int(1)]);
    database.run("alter table t alter a type text");
    assert_eq!(read().await.unwrap(), [Value::text("1")]);
}

#[tokio::test]
async fn a_caller_that_leaves_disturbs_nobody() {
    let (_database, engine) = house("create table t (id int); insert into t values (1)", 1).await;
    let scope = user(1);
    for _ in 0..20 {
        let leaving = fetch(&engine, &scope, "select generate_series(1, 10000)", &[]);
        // Polled once or a few times: what it has sent stays sent.
        let _ = tokio::time::timeout(std::time::Duration::ZERO, leaving).await;
        assert_eq!(fetch(&engine, &Scope::default(), "select id from t", &[]).await.unwrap(), [Value::Int(1)]);
    }
}

#[tokio::test]
async fn a_slow_statement_ends_by_the_servers_own_clock() {
    let (_database, engine) = house("", 1).await;
    let scope = Scope { timeout: std::time::Duration::from_millis(50), ..Scope::default() };
    let late = fetch(&engine, &scope, "select pg_sleep(600)", &[]).await;
    assert_eq!(late.unwrap_err().code(), Some("57014"));
}
