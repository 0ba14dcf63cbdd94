//! Transaction functions on a real PostgreSQL: they commit or leave nothing, one's failure is nobody else's, and what the world
//! does to the connection is survived.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use store::postgres::{Options, PostgresEngine};
use store::{Connection, Error, Event, Lane, Param, Participant, Participants, Scope, Unit};
use testkit::postgres::{Database, fresh_database};
use values::{Type, Value};

async fn house(setup: &str) -> (Database, PostgresEngine) {
    let database = fresh_database(None);
    database.run(setup);
    let engine = connect(&database, Options::default(), Participants::from([])).await;
    (database, engine)
}

async fn connect(database: &Database, options: Options, participants: Participants) -> PostgresEngine {
    PostgresEngine::connect(database.url(), options, participants).await.unwrap()
}

fn number(value: i64) -> Param {
    Param::Text(Type::Int8, value.to_string())
}

fn one(conn: &mut dyn Connection, sql: &str, params: &[Param]) -> Result<Value, Error> {
    let mut found = Value::Null;
    conn.query(sql, params, &mut |row| {
        found = row.value(0, &Type::Text)?;
        Ok(())
    })?;
    Ok(found)
}

async fn ask(engine: &PostgresEngine, scope: Scope, sql: &'static str) -> Result<Value, Error> {
    engine.read(scope, Lane::Short, move |conn| one(conn, sql, &[])).await
}

fn as_role(role: &str) -> Scope {
    Scope { role: Some(Arc::from(role)), ..Scope::default() }
}

#[tokio::test]
async fn a_write_is_there_for_the_next_read_and_a_refused_one_is_not() {
    let (_database, engine) = house("create table t (id int primary key)").await;
    let inserted: Result<u64, Error> = engine
        .write(Scope::default(), |tx| tx.conn().execute("insert into t values ($1), ($2)", &[number(1), number(2)]))
        .await;
    assert_eq!(inserted.unwrap(), 2);
    let refused: Result<(), Error> = engine
        .write(Scope::default(), |tx| {
            tx.conn().execute("insert into t values (3)", &[])?;
            tx.conn().execute("insert into t values (1)", &[]).map(drop)
        })
        .await;
    let Err(Error::Sql(refusal)) = refused else { panic!("{refused:?}") };
    assert_eq!(
        (&*refusal.code, refusal.constraint.as_deref(), refusal.table.as_deref()),
        ("23505", Some("t_pkey"), Some("t"))
    );
    assert_eq!(refusal.detail.as_deref(), Some("Key (id)=(1) already exists."));
    assert_eq!(ask(&engine, Scope::default(), "select count(*) from t").await.unwrap(), Value::Int(2));
}

#[tokio::test]
async fn a_swallowed_error_cannot_pass_for_a_commit() {
    let (_database, engine) = house("create table t (id int primary key)").await;
    let done: Result<(), Error> = engine
        .write(Scope::default(), |tx| {
            tx.conn().execute("insert into t values (1)", &[])?;
            let _ = tx.conn().execute("insert into t values (1)", &[]);
            Ok(())
        })
        .await;
    assert_eq!(done.unwrap_err().code(), Some("25P02"));
    assert_eq!(ask(&engine, Scope::default(), "select count(*) from t").await.unwrap(), Value::Int(0));
}

#[tokio::test]
async fn what_fails_inside_a_savepoint_vanishes_alone() {
    let (_database, engine) = house("create table t (id int primary key)").await;
    engine
        .write::<_, Error>(Scope::default(), |tx| {
            tx.conn().savepoint(&mut |conn| conn.execute("insert into t values (1)", &[]).map(drop))?;
            let inner = tx.conn().savepoint(&mut |conn| {
                conn.execute("insert into t values (2)", &[])?;
                conn.savepoint(&mut |conn| conn.execute("insert into t values (3)", &[]).map(drop))?;
                conn.execute("insert into t values (1)", &[]).map(drop)
            });
            assert_eq!(inner.unwrap_err().code(), Some("23505"));
            tx.conn().execute("insert into t values (4)", &[]).map(drop)
        })
        .await
        .unwrap();
    let found = ask(&engine, Scope::default(), "select string_agg(id::text, ',' order by id) from t").await.unwrap();
    assert_eq!(found, Value::text("1,4"));
}

#[tokio::test]
async fn a_panic_is_an_error_for_its_caller_and_nothing_for_others() {
    let (_database, engine) = house("create table t (id int primary key)").await;
    let panicked: Result<(), Error> = engine
        .write(Scope::default(), |tx| {
            tx.conn().execute("insert into t values (1)", &[])?;
            panic!("out of cheese")
        })
        .await;
    assert!(panicked.unwrap_err().to_string().contains("out of cheese"));
    assert_eq!(ask(&engine, Scope::default(), "select count(*) from t").await.unwrap(), Value::Int(0));
}

const WHO: &str = "select concat_ws('|', current_user, current_setting('request.jwt.claims', true),
                   current_setting('app.settings.colour', true), current_setting('search_path'))";

#[tokio::test]
async fn the_scope_holds_for_the_first_statement_and_for_no_other_transaction() {
    let role = format!("scoped_{}", std::process::id());
    let (database, _) = house("create table secret (id int)").await;
    database.run(&format!("create role {role} nologin"));
    let options = Options { read_connections: 1, ..Options::default() };
    let engine = connect(&database, options, Participants::from([])).await;
    let scope = Scope {
        claims: Arc::from(r#"{"role":"x","sub":"7"}"#),
        settings: Arc::from([(Arc::from("app.settings.colour"), Arc::from("blue"))]),
        search_path: Arc::from([Arc::from("odd \"one"), Arc::from("public")]),
        ..as_role(&role)
    };
    for _ in 0..2 {
        // The second time everything is prepared and leaves in one flight.
        let found = ask(&engine, scope.clone(), WHO).await.unwrap();
        let want = format!(r#"{role}|{{"role":"x","sub":"7"}}|blue|"odd ""one", "public""#);
        assert_eq!(found, Value::text(want));
        let found = ask(&engine, Scope::default(), WHO).await.unwrap();
        assert_eq!(found, Value::text(r#"postgres|{}||"public""#));
        let refused = ask(&engine, scope.clone(), "select id from secret").await;
        assert_eq!(refused.unwrap_err().code(), Some("42501"));
        assert_eq!(ask(&engine, Scope::default(), "select id from secret").await.unwrap(), Value::Null);
    }
    let unknown = ask(&engine, as_role("nobody_of_this_name"), WHO).await;
    assert_eq!(unknown.unwrap_err().code(), Some("22023"));
    database.run(&format!("drop role {role}"));
}

#[tokio::test]
async fn a_read_cannot_write_and_sees_one_snapshot() {
    let (database, engine) = house("create table t (id int)").await;
    let refused = ask(&engine, Scope::default(), "insert into t values (1) returning id").await;
    assert_eq!(refused.unwrap_err().code(), Some("25006"));
    let url = database.url().to_owned();
    let counts = engine
        .read::<_, Error>(Scope::default(), Lane::Long, move |conn| {
            let before = one(conn, "select count(*) from t", &[])?;
            testkit::postgres::run(&url, "insert into t values (1)");
            Ok((before, one(conn, "select count(*) from t", &[])?))
        })
        .await;
    assert_eq!(counts.unwrap(), (Value::Int(0), Value::Int(0)));
}

#[tokio::test]
async fn parameters_are_judged_by_the_server() {
    let (_database, engine) = house("create type mood as enum ('happy')").await;
    let cases: &[(&str, Param, Result<Value, &str>)] = &[
        ("select $1::int4 + 1", Param::Text(Type::Int4, "41".into()), Ok(Value::Int(42))),
        ("select $1::int4", Param::Text(Type::Int4, "x".into()), Err("22P02")),
        ("select $1::int4", Param::Text(Type::Int4, "99999999999".into()), Err("22003")),
        ("select $1::mood", Param::Text(Type::Text, "happy".into()), Ok(Value::text("happy"))),
        ("select $1::mood", Param::Text(Type::Text, "sad".into()), Err("22P02")),
        ("select $1::date", Param::Text(Type::Date, "2024-02-30".into()), Err("22008")),
        ("select $1::text is null", Param::Null, Ok(Value::Int(1))),
        ("select $1::text", Param::Text(Type::Text, "a\0b".into()), Err("22021")),
        ("select 3 = any($1::int8[])", Param::TextList(Type::Int8, vec!["1".into(), "3".into()]), Ok(Value::Int(1))),
        ("select 3 = any($1::int8[])", Param::TextList(Type::Int8, vec!["1".into(), "y".into()]), Err("22P02")),
        (
            "select array_to_string($1::text[], '/')",
            Param::TextList(Type::Text, vec!["a,\"b".into(), String::new(), "c\\".into()]),
            Ok(Value::text("a,\"b//c\\")),
        ),
        (
            "select array_to_string($1::int8[], '/', '-')",
            Param::ValueList(Type::Int8, vec![Value::Int(5), Value::Null]),
            Ok(Value::text("5/-")),
        ),
    ];
    for (sql, param, want) in cases {
        let (sql, param) = (*sql, param.clone());
        let found = engine.read::<_, Error>(Scope::default(), Lane::Short, move |conn| one(conn, sql, &[param])).await;
        match (found, want) {
            (Ok(found), Ok(want)) => assert_eq!(found, *want, "{sql}"),
            (Err(error), Err(want)) => assert_eq!(error.code(), Some(*want), "{sql}"),
            (found, want) => panic!("{sql}: {found:?} instead of {want:?}"),
        }
    }
}

#[tokio::test]
async fn serialisation_failures_are_run_again() {
    let (database, _) = house("create table t (id int primary key, n int); insert into t values (1, 0)").await;
    database.run(&format!("alter database {} set default_transaction_isolation = serializable", database.name()));
    let engine = connect(&database, Options::default(), Participants::from([])).await;
    // Both read, wait until the other has read too, and write: under `serializable` one of them must fail and run again.
    let barrier = Arc::new(std::sync::Barrier::new(2));
    let runs = Arc::new(AtomicUsize::new(0));
    let add = || {
        let (barrier, runs) = (barrier.clone(), runs.clone());
        let first = AtomicUsize::new(1);
        engine.write::<_, Error>(Scope::default(), move |tx| {
            runs.fetch_add(1, Ordering::SeqCst);
            let n = one(tx.conn(), "select n from t where id = 1", &[])?;
            if first.swap(0, Ordering::SeqCst) == 1 {
                barrier.wait();
            }
            let Value::Int(n) = n else { panic!("{n:?}") };
            tx.conn().execute("update t set n = $1 where id = 1", &[number(n + 1)]).map(drop)
        })
    };
    let (one, two) = tokio::join!(add(), add());
    one.unwrap();
    two.unwrap();
    assert_eq!(ask(&engine, Scope::default(), "select n from t").await.unwrap(), Value::Int(2));
    assert!(runs.load(Ordering::SeqCst) >= 3);
}

#[tokio::test]
async fn a_lost_backend_is_replaced_before_anything_is_answered_wrongly() {
    let (database, _) = house("create table t (id int)").await;
    let options = Options { read_connections: 1, write_connections: 1, ..Options::default() };
    let engine = connect(&database, options, Participants::from([])).await;
    // A write that loses its backend before its commit is run again on a new one.
    let runs = Arc::new(AtomicUsize::new(0));
    let (counted, url) = (runs.clone(), database.url().to_owned());
    engine
        .write::<_, Error>(Scope::default(), move |tx| {
            tx.conn().execute("insert into t values (1)", &[])?;
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                let pid = one(tx.conn(), "select pg_backend_pid()", &[])?;
                let Value::Int(pid) = pid else { panic!("{pid:?}") };
                testkit::postgres::run(&url, &format!("select pg_terminate_backend({pid}, 20000)"));
            }
            tx.conn().execute("insert into t values (2)", &[]).map(drop)
        })
        .await
        .unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    // A read cannot be run again by itself: it says that the database is unavailable, and the next one works.
    let url = database.url().to_owned();
    let lost = engine
        .read::<_, Error>(Scope::default(), Lane::Short, move |conn| {
            let pid = one(conn, "select pg_backend_pid()", &[])?;
            let Value::Int(pid) = pid else { panic!("{pid:?}") };
            testkit::postgres::run(&url, &format!("select pg_terminate_backend({pid}, 20000)"));
            one(conn, "select count(*) from t", &[])
        })
        .await;
    assert!(matches!(lost, Err(Error::Unavailable { .. })), "{lost:?}");
    assert_eq!(ask(&engine, Scope::default(), "select count(*) from t").await.unwrap(), Value::Int(2));
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_unavailable() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    drop(socket);
    let url = format!("postgres://nobody@127.0.0.1:{port}/nothing");
    let refused = PostgresEngine::connect(&url, Options::default(), Participants::from([])).await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
    let nonsense = PostgresEngine::connect("postgres://h:port/x", Options::default(), Participants::from([])).await;
    assert!(matches!(nonsense, Err(Error::Internal(_))), "{nonsense:?}");
}

#[tokio::test]
async fn dropping_the_caller_cancels_its_statement() {
    let (database, engine) = house("create table t (id int)").await;
    let (started, running) = tokio::sync::oneshot::channel();
    let (ended, end) = tokio::sync::oneshot::channel();
    let started = Mutex::new(Some(started));
    let ended = Mutex::new(Some(ended));
    let slow = move |conn: &mut dyn Connection| {
        conn.execute("select 1", &[])?;
        let _ = started.lock().unwrap().take().unwrap().send(());
        let done = conn.execute("select pg_sleep(600)", &[]);
        let _ = ended.lock().unwrap().take().unwrap().send(done.map_err(|error| error.code().map(str::to_owned)));
        Ok::<_, Error>(())
    };
    let call = tokio::spawn({
        let engine = engine.clone();
        let scope = Scope { timeout: Duration::from_secs(600), ..Scope::default() };
        async move { engine.read(scope, Lane::Long, slow).await }
    });
    running.await.unwrap();
    call.abort();
    assert_eq!(end.await.unwrap(), Err(Some("57014".to_owned())));
    // The connection is in order again, and so is everything else.
    for _ in 0..4 {
        let found: Result<_, Error> =
            engine.read(Scope::default(), Lane::Long, |conn| one(conn, "select count(*) from t", &[])).await;
        assert_eq!(found.unwrap(), Value::Int(0));
    }
    drop(database);
}

#[tokio::test]
async fn a_statement_ends_at_its_deadline() {
    let (_database, engine) = house("").await;
    let scope = Scope { timeout: Duration::from_millis(50), ..Scope::default() };
    let late = ask(&engine, scope.clone(), "select pg_sleep(600)").await;
    assert_eq!(late.unwrap_err().code(), Some("57014"));
    // The limit is for the whole transaction, so many short statements end as well.
    let late = engine
        .read::<(), Error>(scope, Lane::Short, |conn| {
            loop {
                conn.execute("select pg_sleep(0.001)", &[])?;
            }
        })
        .await;
    assert_eq!(late.unwrap_err().code(), Some("57014"));
}

#[tokio::test]
async fn waiting_has_bounds() {
    let (database, _) = house("").await;
    let options =
        Options { read_connections: 1, queue_max: 1, acquire_timeout: Duration::from_secs(1), ..Options::default() };
    let engine = connect(&database, options, Participants::from([])).await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (started, running) = tokio::sync::oneshot::channel();
    let busy = move |conn: &mut dyn Connection| {
        let _ = started.send(());
        held.recv().unwrap();
        one(conn, "select 1", &[])
    };
    let busy = tokio::spawn({
        let engine = engine.clone();
        async move { engine.read(Scope::default(), Lane::Short, busy).await }
    });
    running.await.unwrap();
    let waiting = ask(&engine, Scope::default(), "select 2");
    tokio::pin!(waiting);
    // Polled once, so that it stands in the queue.
    assert!(tokio::time::timeout(Duration::ZERO, &mut waiting).await.is_err());
    let refused = ask(&engine, Scope::default(), "select 3").await;
    assert!(matches!(refused, Err(Error::Overloaded { .. })), "{refused:?}");
    assert!(matches!(waiting.await, Err(Error::Timeout)));
    release.send(()).unwrap();
    assert_eq!(busy.await.unwrap().unwrap(), Value::Int(1));
    // However slow this machine is: the place is free again.
    let found = loop {
        match ask(&engine, Scope::default(), "select 4").await {
            Err(Error::Timeout) => {}
            found => break found,
        }
    };
    assert_eq!(found.unwrap(), Value::Int(4));
}

#[tokio::test]
async fn schema_changes_are_noticed_by_prepared_statements() {
    let (database, _) = house("create table t (a int); insert into t values (1)").await;
    let options = Options { read_connections: 1, write_connections: 1, ..Options::default() };
    let engine = connect(&database, options, Participants::from([])).await;
    let read = || ask(&engine, Scope::default(), "select * from t");
    let write = || {
        engine.write::<_, Error>(Scope::default(), |tx| {
            tx.conn().execute("insert into t default values", &[])?;
            one(tx.conn(), "select * from t where a is not null", &[])
        })
    };
    assert_eq!(read().await.unwrap(), Value::Int(1));
    assert_eq!(write().await.unwrap(), Value::Int(1));
    database.run("delete from t where a is null; alter table t add b text; alter table t alter a type text");
    assert_eq!(read().await.unwrap(), Value::text("1"));
    // Not the first statement of its transaction: the whole function runs again.
    assert_eq!(write().await.unwrap(), Value::text("1"));
    let rows = ask(&engine, Scope::default(), "select count(*) from t").await;
    assert_eq!(rows.unwrap(), Value::Int(2));
}

#[tokio::test]
async fn a_rolled_back_scope_answers_and_leaves_nothing_but_deferred_checks_speak() {
    let (_database, engine) = house(
        "create table p (id int primary key);
         create table c (p int references p deferrable initially deferred)",
    )
    .await;
    let scope = Scope { rollback: true, ..Scope::default() };
    let done: Result<u64, Error> =
        engine.write(scope.clone(), |tx| tx.conn().execute("insert into p values (1)", &[])).await;
    assert_eq!(done.unwrap(), 1);
    let refused: Result<u64, Error> =
        engine.write(scope, |tx| tx.conn().execute("insert into c values (9)", &[])).await;
    assert_eq!(refused.unwrap_err().code(), Some("23503"));
    let refused: Result<u64, Error> =
        engine.write(Scope::default(), |tx| tx.conn().execute("insert into c values (9)", &[])).await;
    assert_eq!(refused.unwrap_err().code(), Some("23503"));
    assert_eq!(ask(&engine, Scope::default(), "select count(*) from p").await.unwrap(), Value::Int(0));
}

#[tokio::test]
async fn settings_that_sql_made_can_be_read_in_their_transaction_only() {
    let (database, _) = house("").await;
    let options = Options { write_connections: 1, ..Options::default() };
    let engine = connect(&database, options, Participants::from([])).await;
    let found = engine.write::<_, Error>(Scope::default(), |tx| {
        let before = tx.conn().setting("response.status")?;
        tx.conn().execute("select set_config('response.status', '418', true)", &[])?;
        Ok((before, tx.conn().setting("response.status")?))
    });
    assert_eq!(found.await.unwrap(), (None, Some("418".to_owned())));
    let later = engine.write::<_, Error>(Scope::default(), |tx| tx.conn().setting("response.status"));
    assert_eq!(later.await.unwrap(), None);
}

#[tokio::test]
async fn time_in_a_transaction_is_the_servers_own() {
    let (_database, engine) = house("").await;
    let (ours, theirs) = engine
        .write::<_, Error>(Scope::default(), |tx| {
            let ours = tx.conn().now();
            Ok((ours, one(tx.conn(), "select (extract(epoch from now()) * 1000000)::int8", &[])?))
        })
        .await
        .unwrap();
    assert_eq!(Value::Int(ours), theirs);
    assert!(ours > 0);
}

/// Writes each event as a row; refuses those about `refused`.
struct Ledger;

impl Participant for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }
    fn prepare(&self, conn: &mut dyn Connection, unit: &Unit<'_>) -> store::Result<()> {
        let events = unit.events;
        for event in events {
            if &*event.subject == "refused" {
                return Err(Error::sql("P0001", "not this one"));
            }
            conn.execute("insert into ledger values ($1)", &[Param::Text(Type::Text, event.subject.to_string())])?;
        }
        Ok(())
    }
    fn seal(&self, conn: &mut dyn Connection, group: &[Event]) -> store::Result<()> {
        conn.execute("insert into ledger values ($1)", &[Param::Text(Type::Text, format!("sealed {}", group.len()))])
            .map(drop)
    }
}

#[tokio::test]
async fn participants_follow_in_the_same_transaction_and_may_refuse_it() {
    let (database, _) = house("create table t (id int); create table ledger (line text)").await;
    let engine =
        connect(&database, Options::default(), Participants::from([Arc::new(Ledger) as Arc<dyn Participant>])).await;
    for (subject, code) in [("kept", None), ("refused", Some("P0001"))] {
        let done = engine
            .write::<_, Error>(Scope::default(), move |tx| {
                tx.conn().execute("insert into t values (1)", &[])?;
                tx.emit(Event::new("data.row.inserted", subject, "{}"));
                Ok(())
            })
            .await;
        assert_eq!(done.as_ref().err().and_then(Error::code), code);
    }
    let found =
        ask(&engine, Scope::default(), "select string_agg(line, ',') || (select count(*) from t) from ledger").await;
    assert_eq!(found.unwrap(), Value::text("kept,sealed 11"));
}

#[tokio::test]
async fn many_functions_at_once_fail_alone() {
    let (_database, engine) = house("create table t (id int primary key)").await;
    let calls: Vec<_> = (0..200_i64)
        .map(|id| {
            let engine = engine.clone();
            tokio::spawn(async move {
                engine
                    .write::<_, Error>(Scope::default(), move |tx| {
                        tx.conn().execute("insert into t values ($1)", &[number(id)])?;
                        match id % 10 {
                            3 => Err(Error::sql("P0001", "refused")),
                            7 => panic!("a bug"),
                            _ => Ok(()),
                        }
                    })
                    .await
                    .is_ok()
            })
        })
        .collect();
    let mut done = 0;
    for call in calls {
        done += i64::from(call.await.unwrap());
    }
    assert_eq!(done, 160);
    assert_eq!(ask(&engine, Scope::default(), "select count(*) from t").await.unwrap(), Value::Int(160));
}

#[tokio::test]
async fn notifications_arrive_and_a_lost_listener_comes_back() {
    let (database, engine) = house("").await;
    let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let listener = engine.listen("pgrst", move |payload| drop(tell.send(payload.to_owned()))).unwrap();
    let listens = "select count(*) from pg_stat_activity
                   where datname = current_database() and query = 'listen \"pgrst\"' and state = 'idle'";
    let wait_for_listener = async || {
        while ask(&engine, Scope::default(), listens).await.unwrap() != Value::Int(1) {
            tokio::task::yield_now().await;
        }
    };
    wait_for_listener().await;
    database.run("notify pgrst, 'reload schema'");
    assert_eq!(heard.recv().await.unwrap(), "reload schema");
    database.run("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query = 'listen \"pgrst\"'");
    assert_eq!(heard.recv().await.unwrap(), "", "something may have been missed");
    wait_for_listener().await;
    database.run("notify pgrst, 'reload config'");
    assert_eq!(heard.recv().await.unwrap(), "reload config");
    drop(listener);
    assert_eq!(heard.recv().await, None);
}
