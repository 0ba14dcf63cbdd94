//! Transactions in few flights: reads in waves on one snapshot, writes of one statement, and what others do to their sessions.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;
use std::time::Duration;

use store::postgres::{Ask, Options, PostgresEngine, Wave, Waves, prepare_database};
use store::{Error, Lane, Param, Participants, Row, Scope};
use testkit::cluster::Cluster;
use testkit::postgres::{Database, fresh_database};
use tokio_postgres::{Client, NoTls};
use values::{Type, Value};

async fn house(setup: &str) -> (Database, PostgresEngine) {
    let database = fresh_database(None);
    let engine = engine(database.url()).await;
    database.run(setup);
    (database, engine)
}

/// One connection for each way of asking, on a prepared database.
async fn engine(url: &str) -> PostgresEngine {
    let options = Options {
        shared_connections: 1,
        snapshot_connections: 1,
        statement_connections: 1,
        write_connections: 1,
        ..Options::default()
    };
    let engine = PostgresEngine::connect(url, options, Participants::from([])).await.unwrap();
    engine.write::<_, Error>(Scope::default(), |tx| prepare_database(tx.conn())).await.unwrap();
    engine
}

/// Asks one thing after the other, each in a wave of its own, or all in one; keeps the first column of all rows.
struct Script {
    waves: Vec<Vec<&'static str>>,
    found: Vec<(usize, Value)>,
}

impl Waves<'static> for Script {
    fn next(&mut self) -> Result<Wave<'static>, Error> {
        if self.waves.is_empty() {
            return Ok(Wave::default());
        }
        let asks = self.waves.remove(0).into_iter().map(|sql| Ask::new(sql, &[][..])).collect();
        Ok(Wave { asks, last: self.waves.is_empty() })
    }
    fn row(&mut self, ask: usize, row: &dyn Row) -> Result<(), Error> {
        self.found.push((ask, row.value(0, &Type::Text)?));
        Ok(())
    }
}

async fn read(engine: &PostgresEngine, scope: &Scope, waves: &[&[&'static str]]) -> Result<Vec<(usize, Value)>, Error> {
    let made = || Script { waves: waves.iter().map(|wave| wave.to_vec()).collect(), found: Vec::new() };
    engine.read_waves(scope, Lane::Short, made).await.map(|script| script.found)
}

async fn write(
    engine: &PostgresEngine,
    scope: &Scope,
    sql: &str,
    params: &[Param],
) -> Result<(Vec<Value>, u64), Error> {
    let take = |rows: &mut Vec<Value>, row: &dyn Row| {
        rows.push(row.value(0, &Type::Text)?);
        Ok(())
    };
    engine.write_statement(scope, sql, params, Vec::new, take).await
}

fn role(name: &str) -> Scope {
    Scope { role: Some(Arc::from(name)), ..Scope::default() }
}

fn user(id: u32) -> Scope {
    let claims = format!(r#"{{"role":"authenticated","sub":"00000000-0000-0000-0000-{id:012}"}}"#);
    Scope { claims: Arc::from(claims), ..role("authenticated") }
}

const NOTES: &str = "
    create table note (id int primary key, owner uuid not null);
    insert into note select n, ('00000000-0000-0000-0000-' || lpad((n % 5)::text, 12, '0'))::uuid from generate_series(0, 49) n;
    alter table note enable row level security;
    create policy own on note to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
    grant all on note to authenticated";

/// A script that somebody else comes between.
struct Between<'d>(Script, &'d Database);
impl Waves<'static> for Between<'_> {
    fn next(&mut self) -> Result<Wave<'static>, Error> {
        let database = self.1;
        if self.0.found.len() == 2 {
            database.run("insert into t values (2)");
        }
        self.0.next()
    }
    fn row(&mut self, ask: usize, row: &dyn Row) -> Result<(), Error> {
        self.0.row(ask, row)
    }
}

const COUNT: &str = "select count(*) from t";

#[tokio::test]
async fn the_waves_of_a_read_see_one_snapshot_and_answer_by_their_number() {
    let (database, engine) = house("create table t (id int); insert into t values (1)").await;
    for before in [1, 2] {
        let waves =
            || Between(Script { waves: vec![vec!["select 7", COUNT], vec![COUNT]], found: Vec::new() }, &database);
        let found = engine.read_waves(&Scope::default(), Lane::Short, waves).await.unwrap().0.found;
        let want = [(0, Value::Int(7)), (1, Value::Int(before)), (0, Value::Int(before))];
        assert_eq!(found, want);
    }
}

const OWN: &str = "select count(*) from note";

#[tokio::test]
async fn each_caller_has_its_own_eyes_and_hands_on_one_connection() {
    let (_database, engine) = house(NOTES).await;
    for round in 0..3 {
        for id in 0..5 {
            assert_eq!(read(&engine, &user(id), &[&[OWN], &[OWN, OWN]]).await.unwrap().len(), 3);
            let sql = "insert into note values ($1, $2) returning owner";
            let key = |n: u32| Param::Text(Type::Int4, (1000 + n * 10 + round).to_string());
            let owner = |n: u32| Param::Text(Type::Uuid, format!("00000000-0000-0000-0000-{n:012}"));
            let (rows, changed) = write(&engine, &user(id), sql, &[key(id), owner(id)]).await.unwrap();
            assert_eq!((rows.len(), changed), (1, 1));
            let refused = write(&engine, &user(id), sql, &[key(id + 100), owner(id + 1)]).await;
            assert_eq!(refused.unwrap_err().code(), Some("42501"));
            let found = read(&engine, &user(id), &[&[OWN]]).await.unwrap();
            assert_eq!(found, [(0, Value::Int(11 + i64::from(round)))]);
        }
        let refused = read(&engine, &role("anon"), &[&[OWN]]).await;
        assert_eq!(refused.unwrap_err().code(), Some("42501"));
        let refused = read(&engine, &role("nobody_of_this_name"), &[&[OWN]]).await;
        assert_eq!(refused.unwrap_err().code(), Some("22023"));
    }
}

#[tokio::test]
async fn what_a_refused_statement_did_is_not_there() {
    let (_database, engine) = house(
        "create table t (id int primary key, parent int references t deferrable initially deferred);
         grant all on t to anon",
    )
    .await;
    for (sql, want) in [
        ("insert into t values (1, 1) returning id", Ok(vec![Value::Int(1)])),
        ("insert into t values (2, null), (1, null) returning id", Err("23505")),
        // Refused by the commit.
        ("insert into t values (3, 99) returning id", Err("23503")),
        ("insert into t values (4, null) returning 1 / (id - 4)", Err("22012")),
        ("select count(*) from t", Ok(vec![Value::Int(1)])),
        ("update t set parent = null", Ok(vec![])),
    ] {
        // The second time it is prepared already, and everything is one flight.
        for _ in 0..2 {
            match (write(&engine, &role("anon"), sql, &[]).await, &want) {
                (Ok((rows, _)), Ok(want)) => assert_eq!(&rows, want, "{sql}"),
                (Err(error), Err(want)) => assert_eq!(error.code(), Some(*want), "{sql}: {error}"),
                (Err(error), Ok(_)) if sql.contains("(1, 1)") => assert_eq!(error.code(), Some("23505")),
                (found, _) => panic!("{sql}: {found:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_read_cannot_write() {
    let (_database, engine) = house("create table t (id int)").await;
    let refused = read(&engine, &Scope::default(), &[&["select 1"], &["insert into t values (1) returning id"]]).await;
    assert_eq!(refused.unwrap_err().code(), Some("25006"));
    assert_eq!(read(&engine, &Scope::default(), &[&["select count(*) from t"]]).await.unwrap(), [(0, Value::Int(0))]);
}

#[tokio::test]
async fn a_changed_table_is_read_anew_in_any_wave() {
    let (database, engine) = house("create table t (a int); insert into t values (1)").await;
    let waves: &[&[&str]] = &[&["select 1"], &["select * from t"]];
    assert_eq!(read(&engine, &Scope::default(), waves).await.unwrap()[1], (0, Value::Int(1)));
    let change = "update t set a = a returning *";
    assert_eq!(write(&engine, &Scope::default(), change, &[]).await.unwrap().0, [Value::Int(1)]);
    database.run("alter table t alter a type text");
    assert_eq!(read(&engine, &Scope::default(), waves).await.unwrap()[1], (0, Value::text("1")));
    assert_eq!(write(&engine, &Scope::default(), change, &[]).await.unwrap().0, [Value::text("1")]);
}

const LOOK: &str =
    "select concat_ws('|', current_user, current_setting('request.jwt.claims'), current_setting('timezone'),
    current_setting('search_path'), current_setting('statement_timeout'), current_setting('app.colour', true))";

#[tokio::test]
async fn what_one_scope_sets_beside_who_asks_is_not_there_for_the_next() {
    let (_database, engine) = house("").await;
    let plain = read(&engine, &user(1), &[&[LOOK]]).await.unwrap();
    let odd = Scope {
        settings: Arc::from([(Arc::from("app.colour"), Arc::from("blue"))]),
        search_path: Arc::from([Arc::from("auth")]),
        time_zone: Some(Arc::from("Asia/Tokyo")),
        timeout: Duration::from_secs(77),
        ..user(2)
    };
    for _ in 0..2 {
        let found = read(&engine, &odd, &[&[LOOK]]).await.unwrap();
        let Value::Text(text) = &found[0].1 else { panic!("{found:?}") };
        assert!(text.ends_with("|Asia/Tokyo|\"auth\"|77s|blue"), "{text}");
        let found = read(&engine, &user(1), &[&[LOOK]]).await.unwrap();
        // A setting that was once set and is not any more reads as empty.
        let Value::Text(text) = &found[0].1 else { panic!("{found:?}") };
        let Value::Text(want) = &plain[0].1 else { panic!("{plain:?}") };
        assert_eq!(text.trim_end_matches('|'), want.trim_end_matches('|'));
    }
}

#[tokio::test]
async fn a_caller_that_leaves_ends_its_statement_and_leaves_nothing_behind() {
    let (database, engine) = house("create table t (id int)").await;
    let admin = client(database.url()).await;
    let leaving = {
        let engine = engine.clone();
        tokio::spawn(async move {
            let sql = "insert into t select 1 from pg_sleep(600)";
            write(&engine, &Scope::default(), sql, &[]).await
        })
    };
    let running = "select 1 from pg_stat_activity where query like 'insert into t select%' and state = 'active'";
    while admin.query(running, &[]).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    leaving.abort();
    while !admin.query(running, &[]).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(read(&engine, &Scope::default(), &[&["select count(*) from t"]]).await.unwrap(), [(0, Value::Int(0))]);
    assert_eq!(write(&engine, &Scope::default(), "insert into t values (1)", &[]).await.unwrap().1, 1);
}

#[tokio::test]
async fn a_write_whose_rows_cannot_be_read_is_not_done() {
    let (_database, engine) = house("create table t (id int, p point); grant select, insert on t to anon").await;
    let insert = "insert into t values (1, '(1,2)') returning p";
    for _ in 0..2 {
        assert!(matches!(write(&engine, &role("anon"), insert, &[]).await, Err(Error::Internal(_))));
    }
    assert_eq!(read(&engine, &Scope::default(), &[&["select count(*) from t"]]).await.unwrap(), [(0, Value::Int(0))]);
}

async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A function of the user's leaves a time limit of a millisecond in the session. The next caller's settings need longer, because they ask
/// for a role while the table of roles is locked: so they are surely cancelled, and another connection, which may wait, must do. That
/// table belongs to the whole server, so the test has one of its own: who else waits for the lock can only be the other connection.
#[tokio::test]
async fn a_time_limit_left_behind_is_not_the_next_callers() {
    let cluster = Cluster::start();
    let url = cluster.url();
    let admin = client(&url).await;
    let shorten = "select public.shorten()";
    let pid = "select pg_backend_pid()";
    for way in ["fetch", "waves", "statement", "thread"] {
        let late = format!("late_{way}");
        let engine = engine(&url).await;
        let setup = format!(
            "create or replace function public.shorten() returns text language plpgsql as $$ begin
                 return set_config('statement_timeout', '1', false); end $$;
             create role {late} nologin"
        );
        admin.batch_execute(&setup).await.unwrap();
        let run = async |scope: Scope, sql: &'static str| -> Result<Value, Error> {
            match way {
                "fetch" => {
                    let mut found = Value::Null;
                    let mut take = |row: &dyn Row| row.value(0, &Type::Text).map(|value| found = value);
                    engine.fetch(&scope, sql, &[], &mut take).await?;
                    Ok(found)
                }
                "waves" => Ok(read(&engine, &scope, &[&[sql]]).await?.remove(0).1),
                "thread" => {
                    let ask = move |tx: &mut store::Tx<'_>| {
                        let mut found = Value::Null;
                        tx.quiet("nothing is changed");
                        let mut take = |row: &dyn Row| row.value(0, &Type::Text).map(|value| found = value);
                        tx.conn().query(sql, &[], &mut take)?;
                        Ok(found)
                    };
                    engine.write::<_, Error>(scope, ask).await
                }
                _ => Ok(write(&engine, &scope, sql, &[]).await?.0.remove(0)),
            }
        };
        let Value::Int(first) = run(role("anon"), pid).await.unwrap() else { panic!("a number") };
        run(role("anon"), shorten).await.unwrap();
        admin.batch_execute("begin; lock table pg_authid in access exclusive mode").await.unwrap();
        let release = async {
            let another = format!(
                "select 1 from pg_locks where relation = 'pg_authid'::regclass and not granted and pid <> {first}"
            );
            while admin.query(&another, &[]).await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            admin.batch_execute("rollback").await.unwrap();
        };
        let (found, ()) = tokio::join!(run(role(&late), pid), release);
        let Value::Int(second) = found.unwrap() else { panic!("a number") };
        assert_ne!(first, second, "{way}");
    }
}
