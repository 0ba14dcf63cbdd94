//! The embedded engine end to end: groups, isolation of failures, limits, reopening.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use store::sqlite::{Options, Place, SqliteEngine};
use store::{Connection, Error, Event, Lane, Param, Participant, Participants, Result, Row, Scope, Tx, Unit};
use values::{Type, Value};

const SCHEMA: &str = "create table item (id integer primary key, name text not null unique) strict;
    create table event (id integer primary key, subject text not null) strict;
    create table leaf (id integer primary key, subject text not null) strict;
    create table parent (id integer primary key) strict;
    create table child (id integer primary key, parent integer references parent deferrable initially deferred) strict";

/// Writes a row of its own for each event, and refuses some subjects.
struct Ledger {
    table: &'static str,
    refuses: fn(&str) -> bool,
}

impl Participant for Ledger {
    fn name(&self) -> &'static str {
        self.table
    }
    fn prepare(&self, conn: &mut dyn Connection, unit: &Unit<'_>) -> Result<()> {
        let events = unit.events;
        for event in events {
            let sql = format!("insert into {} (subject) values (?1)", self.table);
            conn.execute(&sql, &[Param::Text(Type::Text, event.subject.to_string())])?;
            if (self.refuses)(&event.subject) {
                return Err(Error::sql("P0001", "refused by a participant"));
            }
        }
        Ok(())
    }
}

fn nobody() -> Participants {
    Arc::from([])
}

async fn engine(options: Options, participants: Participants) -> SqliteEngine {
    let engine = SqliteEngine::open(Place::Temporary, options, participants).unwrap();
    engine.exclusive(|db| db.execute_batch(SCHEMA).map_err(|e| db.error(e))).await.unwrap();
    engine
}

fn insert(tx: &mut Tx<'_>, name: &str) -> Result<()> {
    tx.conn().execute("insert into item (name) values (?1)", &[Param::Text(Type::Text, name.to_owned())])?;
    tx.emit(Event::new("test.item.inserted", name, "{}"));
    Ok(())
}

fn quietly(tx: &mut Tx<'_>, sql: &str) -> Result<()> {
    tx.quiet("a test of the engine itself");
    tx.conn().execute(sql, &[]).map(drop)
}

fn int(conn: &mut dyn Connection, sql: &str) -> Result<i64> {
    let mut found = None;
    conn.query(sql, &[], &mut |row: &dyn Row| {
        found = Some(row.value(0, &Type::Int8)?);
        Ok(())
    })?;
    match found {
        Some(Value::Int(n)) => Ok(n),
        other => panic!("{sql} gave {other:?}"),
    }
}

async fn count(engine: &SqliteEngine, sql: &'static str) -> i64 {
    engine.read::<i64, Error, _>(Scope::default(), Lane::Short, move |conn| int(conn, sql)).await.unwrap()
}

/// Holds the writer inside a function until the guard is dropped; returns when it is held.
async fn hold_writer(engine: &Arc<SqliteEngine>) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (entered, inside) = tokio::sync::oneshot::channel();
    let gate = Mutex::new((Some(entered), held));
    let engine = engine.clone();
    tokio::spawn(async move {
        let held = engine.exclusive::<(), Error, _>(move |_| {
            let (entered, held) = gate.into_inner().unwrap();
            entered.unwrap().send(()).unwrap();
            // Ends when the sender is dropped.
            let _ = held.recv();
            Ok(())
        });
        held.await
    });
    inside.await.unwrap();
    release
}

#[tokio::test(flavor = "multi_thread")]
async fn of_four_hundred_functions_only_the_good_ones_leave_anything() {
    let participants: Participants = Arc::from([
        Arc::new(Ledger { table: "event", refuses: |_| false }) as Arc<dyn Participant>,
        Arc::new(Ledger { table: "leaf", refuses: |subject| subject.ends_with('3') }),
    ]);
    let options = Options { group_time: Duration::from_secs(3600), ..Options::default() };
    let engine = Arc::new(engine(options, participants).await);
    let held = hold_writer(&engine).await;
    let tasks: Vec<_> = (0..400)
        .map(|n| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let name = format!("item {n}");
                let ran = engine.write::<(), Error, _>(Scope::default(), move |tx| {
                    insert(tx, &name)?;
                    match n % 10 {
                        1 => Err(Error::sql("P0001", "refused by itself")),
                        2 => panic!("on purpose"),
                        _ => Ok(()),
                    }
                });
                (n % 10, ran.await)
            })
        })
        .collect();
    while engine.counts().writes_waiting < 400 {
        tokio::task::yield_now().await;
    }
    drop(held);
    for task in tasks {
        match task.await.unwrap() {
            (1 | 3, outcome) => assert_eq!(outcome.unwrap_err().code(), Some("P0001")),
            (2, outcome) => assert!(matches!(outcome, Err(Error::Internal(_)))),
            (_, outcome) => outcome.unwrap(),
        }
    }
    for table in ["select count(*) from item", "select count(*) from event", "select count(*) from leaf"] {
        assert_eq!(count(&engine, table).await, 280, "{table}");
    }
    let counts = engine.counts();
    assert_eq!((counts.functions, counts.groups, counts.replays, counts.reruns), (400, 1, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_fails_as_a_whole_runs_again_and_only_the_guilty_fail() {
    struct Sealer(AtomicU32);
    impl Participant for Sealer {
        fn name(&self) -> &'static str {
            "sealer"
        }
        fn prepare(&self, _: &mut dyn Connection, _: &Unit<'_>) -> Result<()> {
            Ok(())
        }
        fn seal(&self, _: &mut dyn Connection, group: &[Event]) -> Result<()> {
            self.0.fetch_add(1, Ordering::SeqCst);
            if group.iter().any(|e| &*e.subject == "bad") { Err(Error::sql("P0001", "unsealed")) } else { Ok(()) }
        }
    }
    let sealer = Arc::new(Sealer(AtomicU32::new(0)));
    let options = Options { group_time: Duration::from_secs(3600), ..Options::default() };
    let engine = Arc::new(engine(options, Arc::from([sealer.clone() as Arc<dyn Participant>])).await);
    let held = hold_writer(&engine).await;
    let drawn: Arc<Mutex<Vec<(&str, String)>>> = Arc::default();
    let tasks: Vec<_> = ["a", "bad", "c"]
        .map(|name| {
            let (engine, drawn) = (engine.clone(), drawn.clone());
            tokio::spawn(async move {
                let ran = engine.write::<(), Error, _>(Scope::default(), move |tx| {
                    tx.conn().query("select pg_random_uuid() || pg_random() || pg_now()", &[], &mut |row| {
                        let mut text = String::new();
                        row.write_text(0, &Type::Text, &mut text)?;
                        drawn.lock().unwrap().push((name, text));
                        Ok(())
                    })?;
                    insert(tx, name)
                });
                ran.await.is_ok()
            })
        })
        .into();
    while engine.counts().writes_waiting < 3 {
        tokio::task::yield_now().await;
    }
    drop(held);
    let mut kept = 0;
    for task in tasks {
        kept += u32::from(task.await.unwrap());
    }
    assert_eq!((kept, engine.counts().reruns, sealer.0.load(Ordering::SeqCst)), (2, 1, 4));
    // A second run gives the result of the first: the same time, the same ids.
    let drawn = drawn.lock().unwrap().clone();
    for name in ["a", "c"] {
        let of: Vec<_> = drawn.iter().filter(|(whose, _)| *whose == name).map(|(_, text)| text).collect();
        assert!(of.len() == 2 && of[0] == of[1], "{of:?}");
    }
    assert_eq!(count(&engine, "select count(*) from item where name in ('a', 'c')").await, 2);
    assert_eq!(count(&engine, "select count(*) from item").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deferred_violation_fails_its_function_and_not_its_group() {
    let engine = Arc::new(engine(Options::default(), nobody()).await);
    let held = hold_writer(&engine).await;
    let tasks: Vec<_> = [
        "insert into child (id, parent) values (1, 7)",
        "insert into parent (id) values (1)",
        "insert into child (id, parent) values (2, 1)",
    ]
    .map(|sql| {
        let engine = engine.clone();
        async move { engine.write::<(), Error, _>(Scope::default(), move |tx| quietly(tx, sql)).await }
    })
    .map(tokio::spawn)
    .into();
    while engine.counts().writes_waiting < 3 {
        tokio::task::yield_now().await;
    }
    drop(held);
    let mut codes = Vec::new();
    for task in tasks {
        codes.push(task.await.unwrap().err().and_then(|e| e.code().map(str::to_owned)));
    }
    // The order of three tasks is the runtime's; the third function needs the second.
    assert_eq!(codes[0].as_deref(), Some("23503"));
    assert_eq!(codes[1], None);
    assert_eq!(engine.counts().reruns, 0);
    assert_eq!(count(&engine, "select count(*) from parent").await, 1);
}

#[tokio::test]
async fn a_read_sees_what_was_committed_before_it_and_cannot_write() {
    let engine = engine(Options::default(), nobody()).await;
    for n in 1..=20 {
        engine.write::<(), Error, _>(Scope::default(), move |tx| insert(tx, &n.to_string())).await.unwrap();
        assert_eq!(count(&engine, "select count(*) from item").await, n);
    }
    for lane in [Lane::Short, Lane::Long] {
        let refused =
            engine.read::<u64, Error, _>(Scope::default(), lane, |conn| conn.execute("delete from item", &[]));
        assert_eq!(refused.await.unwrap_err().code(), Some("25006"));
    }
    assert_eq!(count(&engine, "select count(*) from item").await, 20);
}

#[tokio::test]
async fn a_function_asked_to_roll_back_answers_and_leaves_nothing() {
    let engine = engine(Options::default(), nobody()).await;
    let scope = Scope { rollback: true, ..Scope::default() };
    let answer = engine.write::<i64, Error, _>(scope, |tx| {
        insert(tx, "a")?;
        int(tx.conn(), "select count(*) from item")
    });
    assert_eq!(answer.await.unwrap(), 1);
    assert_eq!(count(&engine, "select count(*) from item").await, 0);
}

#[tokio::test]
async fn a_function_that_changes_rows_in_silence_is_refused() {
    let engine = engine(Options { events_required: true, ..Options::default() }, nobody()).await;
    let silent = |sql: &'static str| {
        engine.write::<(), Error, _>(Scope::default(), move |tx| tx.conn().execute(sql, &[]).map(drop))
    };
    assert!(matches!(silent("insert into item (name) values ('a')").await, Err(Error::Internal(_))));
    silent("delete from item where name = 'none'").await.unwrap();
    assert_eq!(count(&engine, "select count(*) from item").await, 0);
}

const ENDLESS: &str = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n";

#[tokio::test]
async fn an_endless_statement_ends_at_its_deadline_and_the_thread_goes_on() {
    let engine = engine(Options { readers: 1, long_readers: 1, ..Options::default() }, nobody()).await;
    let scope = Scope { timeout: Duration::from_millis(50), ..Scope::default() };
    for lane in [Lane::Short, Lane::Long] {
        let read = engine.read::<i64, Error, _>(scope.clone(), lane, |conn| int(conn, ENDLESS));
        assert_eq!(read.await.unwrap_err().code(), Some("57014"));
    }
    let write = engine.write::<(), Error, _>(scope.clone(), |tx| {
        insert(tx, "a")?;
        quietly(tx, "insert into item (name) with recursive n(i) as (select 1 union all select i + 1 from n) select i from n where i < 0")
    });
    assert_eq!(write.await.unwrap_err().code(), Some("57014"));
    assert_eq!(count(&engine, "select count(*) from item").await, 0);
    engine.write::<(), Error, _>(Scope::default(), |tx| insert(tx, "b")).await.unwrap();
    assert_eq!(count(&engine, "select count(*) from item").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_whose_caller_went_away_stops() {
    let engine = Arc::new(engine(Options { readers: 1, ..Options::default() }, nobody()).await);
    let (entered, inside) = tokio::sync::oneshot::channel();
    let reading = {
        let engine = engine.clone();
        let scope = Scope { timeout: Duration::from_secs(3600), ..Scope::default() };
        tokio::spawn(async move {
            let read = engine.read::<i64, Error, _>(scope, Lane::Short, |conn| {
                entered.send(()).unwrap();
                int(conn, ENDLESS)
            });
            read.await
        })
    };
    inside.await.unwrap();
    reading.abort();
    // The only reader is free again.
    assert_eq!(count(&engine, "select 1").await, 1);
}

#[tokio::test]
async fn a_panic_in_a_read_is_that_readers_answer_only() {
    let engine = engine(Options { readers: 1, ..Options::default() }, nobody()).await;
    let read = engine.read::<(), Error, _>(Scope::default(), Lane::Short, |_| panic!("on purpose"));
    assert!(matches!(read.await, Err(Error::Internal(_))));
    assert_eq!(count(&engine, "select 1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once_and_a_passed_deadline_is_not_run() {
    let engine = Arc::new(engine(Options { write_queue_max: 2, ..Options::default() }, nobody()).await);
    let held = hold_writer(&engine).await;
    let task = |name: &'static str, timeout| {
        let engine = engine.clone();
        let scope = Scope { timeout, ..Scope::default() };
        tokio::spawn(async move { engine.write::<(), Error, _>(scope, move |tx| insert(tx, name)).await })
    };
    let first = task("a", Duration::from_secs(60));
    let second = task("b", Duration::ZERO);
    while engine.counts().writes_waiting < 2 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(task("c", Duration::from_secs(60)).await.unwrap(), Err(Error::Overloaded { .. })));
    drop(held);
    first.await.unwrap().unwrap();
    assert!(matches!(second.await.unwrap(), Err(Error::Timeout)));
    assert_eq!(count(&engine, "select count(*) from item").await, 1);
}

#[tokio::test]
async fn savepoints_undo_alone_and_nest() {
    let engine = engine(Options::default(), nobody()).await;
    let ran = engine.write::<(), Error, _>(Scope::default(), |tx| {
        tx.quiet("a test of the engine itself");
        let conn = tx.conn();
        conn.execute("insert into item (name) values ('a')", &[])?;
        let inner = conn.savepoint(&mut |conn| {
            conn.execute("insert into item (name) values ('b')", &[])?;
            conn.savepoint(&mut |conn| conn.execute("insert into item (name) values ('c')", &[]).map(drop))?;
            Err(Error::sql("P0001", "no"))
        });
        assert_eq!(inner.unwrap_err().code(), Some("P0001"));
        conn.savepoint(&mut |conn| conn.execute("insert into item (name) values ('d')", &[]).map(drop))
    });
    ran.await.unwrap();
    assert_eq!(count(&engine, "select count(*) from item where name in ('a', 'd')").await, 2);
    assert_eq!(count(&engine, "select count(*) from item").await, 2);
}

#[tokio::test]
async fn a_full_database_is_unavailable_and_recovers() {
    let engine = engine(Options::default(), nobody()).await;
    let limit = |pages: &'static str| {
        engine.exclusive::<(), Error, _>(move |db| db.query_row(pages, [], |_| Ok(())).map_err(|e| db.error(e)))
    };
    limit("pragma max_page_count = 20").await.unwrap();
    let big = "insert into item (name) values (cast(zeroblob(1000000) as text))";
    let full = engine.write::<(), Error, _>(Scope::default(), move |tx| quietly(tx, big)).await;
    assert!(matches!(full, Err(Error::Unavailable { .. })), "{full:?}");
    assert_eq!(count(&engine, "select count(*) from item").await, 0);
    limit("pragma max_page_count = 1000000").await.unwrap();
    engine.write::<(), Error, _>(Scope::default(), move |tx| quietly(tx, big)).await.unwrap();
    assert_eq!(count(&engine, "select count(*) from item").await, 1);
}

#[tokio::test]
async fn a_writer_whose_connection_cannot_write_opens_another_one() {
    let engine = engine(Options::default(), nobody()).await;
    engine
        .exclusive::<(), Error, _>(|db| db.execute_batch("pragma query_only = on").map_err(|e| db.error(e)))
        .await
        .unwrap();
    engine.write::<(), Error, _>(Scope::default(), |tx| insert(tx, "a")).await.unwrap();
    assert_eq!(count(&engine, "select count(*) from item").await, 1);
}

#[tokio::test]
async fn a_database_locked_from_outside_is_unavailable_and_recovers() {
    let options = Options { busy_timeout: Duration::from_millis(1), ..Options::default() };
    let engine = engine(options, nobody()).await;
    let outside = rusqlite::Connection::open(engine.path()).unwrap();
    outside.execute_batch("begin immediate").unwrap();
    let locked = engine.write::<(), Error, _>(Scope::default(), |tx| insert(tx, "a")).await;
    assert!(matches!(locked, Err(Error::Unavailable { .. })), "{locked:?}");
    assert_eq!(count(&engine, "select count(*) from item").await, 0);
    outside.execute_batch("rollback").unwrap();
    engine.write::<(), Error, _>(Scope::default(), |tx| insert(tx, "a")).await.unwrap();
}

#[tokio::test]
async fn a_second_process_is_refused_and_a_reopened_database_has_everything() {
    let folder = std::env::temp_dir().join(format!("mainstay-reopen-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let place = Place::File(folder.join("app.db"));
    let engine = SqliteEngine::open(place.clone(), Options::default(), nobody()).unwrap();
    engine.exclusive(|db| db.execute_batch(SCHEMA).map_err(|e| db.error(e))).await.unwrap();
    engine.write::<(), Error, _>(Scope::default(), |tx| insert(tx, "a")).await.unwrap();
    let second = SqliteEngine::open(place.clone(), Options::default(), nobody());
    assert!(matches!(second.err(), Some(Error::Unavailable { reason, .. }) if reason.contains("another process")));
    engine.close();
    let engine = SqliteEngine::open(place, Options::default(), nobody()).unwrap();
    assert_eq!(count(&engine, "select count(*) from item").await, 1);
    engine.close();
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn readers_follow_a_schema_that_changed() {
    let engine = engine(Options { readers: 1, ..Options::default() }, nobody()).await;
    let columns = || {
        engine.read::<u64, Error, _>(Scope::default(), Lane::Short, |conn| {
            conn.query("select * from pragma_table_info('item')", &[], &mut |_| Ok(()))
        })
    };
    assert_eq!(columns().await.unwrap(), 2);
    engine
        .exclusive(|db| db.execute_batch("alter table item add column extra text").map_err(|e| db.error(e)))
        .await
        .unwrap();
    assert_eq!(columns().await.unwrap(), 3);
}

#[tokio::test]
async fn an_exclusive_function_may_turn_foreign_keys_off_and_cannot_leave_them_off() {
    let engine = engine(Options::default(), nobody()).await;
    engine
        .exclusive(|db| {
            db.execute_batch("pragma foreign_keys = off; begin; insert into child (id, parent) values (9, 9)")
                .map_err(|e| db.error(e))
        })
        .await
        .unwrap();
    assert_eq!(count(&engine, "select count(*) from child").await, 0, "the open transaction is rolled back");
    let broken = engine
        .write::<(), Error, _>(Scope::default(), |tx| quietly(tx, "insert into child (id, parent) values (9, 9)"));
    assert_eq!(broken.await.unwrap_err().code(), Some("23503"));
}

#[tokio::test]
async fn parameters_are_judged_by_their_type_and_lists_are_one_parameter() {
    let engine = engine(Options::default(), nobody()).await;
    for name in ["a", "b", "c"] {
        engine.write::<(), Error, _>(Scope::default(), move |tx| insert(tx, name)).await.unwrap();
    }
    let listed = engine.read::<u64, Error, _>(Scope::default(), Lane::Short, |conn| {
        let names = Param::TextList(Type::Text, vec!["a".to_owned(), "c".to_owned(), "x\"".to_owned()]);
        conn.query("select id from item where name in (select value from json_each(?1))", &[names], &mut |_| Ok(()))
    });
    assert_eq!(listed.await.unwrap(), 2);
    let judged = engine.read::<u64, Error, _>(Scope::default(), Lane::Short, |conn| {
        conn.query("select id from item where id = ?1", &[Param::Text(Type::Int8, "one".to_owned())], &mut |_| Ok(()))
    });
    assert_eq!(judged.await.unwrap_err().code(), Some("22P02"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_runs_into_its_deadline_does_not_take_its_neighbours_along() {
    let options = Options { group_time: Duration::from_secs(3600), ..Options::default() };
    let engine = Arc::new(engine(options, nobody()).await);
    let held = hold_writer(&engine).await;
    let endless = "insert into item (name)
        with recursive n(i) as (select 1 union all select i + 1 from n) select i from n where i < 0";
    let task = |name: &'static str, timeout| {
        let engine = engine.clone();
        let scope = Scope { timeout, ..Scope::default() };
        tokio::spawn(async move {
            engine
                .write::<(), Error, _>(scope, move |tx| {
                    insert(tx, name)?;
                    if name == "endless" { tx.conn().execute(endless, &[]).map(drop) } else { Ok(()) }
                })
                .await
        })
    };
    let tasks = [
        task("a", Duration::from_secs(3600)),
        task("endless", Duration::from_millis(300)),
        task("b", Duration::from_secs(3600)),
    ];
    while engine.counts().writes_waiting < 3 {
        tokio::task::yield_now().await;
    }
    drop(held);
    let [a, endless, b] = tasks;
    a.await.unwrap().unwrap();
    b.await.unwrap().unwrap();
    // Under load its time may be over before its turn comes.
    match endless.await.unwrap() {
        Err(Error::Timeout) => {}
        other => assert_eq!(other.unwrap_err().code(), Some("57014")),
    }
    assert_eq!(count(&engine, "select count(*) from item where name in ('a', 'b')").await, 2);
    assert_eq!(count(&engine, "select count(*) from item").await, 2);
}

#[tokio::test]
async fn a_time_zone_that_is_none_is_refused_before_anything_runs() {
    let engine = engine(Options::default(), nobody()).await;
    let scope = Scope { time_zone: Some("Mars/Olympus".into()), ..Scope::default() };
    let read = engine.read::<(), Error, _>(scope, Lane::Short, |_| Ok(()));
    assert_eq!(read.await.unwrap_err().code(), Some("22023"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_copied_beside_the_writer_and_starts_anew() {
    let options = Options { wal_checkpoint_pages: 50, wal_grow_bytes: 0, ..Options::default() };
    let engine = engine(options, nobody()).await;
    let log = || std::fs::metadata(format!("{}-wal", engine.path().display())).map_or(0, |file| file.len());
    let write = |n: u32| {
        engine.write::<(), Error, _>(Scope::default(), move |tx| insert(tx, &format!("{n}{}", "x".repeat(8_000))))
    };
    for n in 0..600 {
        write(n).await.unwrap();
    }
    // 600 commits of several pages each, in a log that holds a few times 50.
    assert!(log() < 400 * 4_096, "the log has {} bytes", log());

    // Somebody who reads an old state keeps the log from starting anew, and nobody waits for them.
    let (go, wait) = mpsc::channel::<()>();
    let (started, reads) = tokio::sync::oneshot::channel();
    let started = Mutex::new(Some(started));
    let reader = engine.read::<u64, Error, _>(Scope::default(), Lane::Long, move |conn| {
        let count = |conn: &mut dyn Connection| conn.query("select name from item", &[], &mut |_| Ok(()));
        let before = count(conn)?;
        started.lock().unwrap().take().unwrap().send(()).unwrap();
        // Ends when the other side goes.
        assert!(wait.recv().is_err());
        assert_eq!(count(conn)?, before);
        Ok(before)
    });
    let writer = async {
        reads.await.unwrap();
        for n in 600..900 {
            write(n).await.unwrap();
        }
        assert!(log() > 400 * 4_096, "the log has {} bytes", log());
        drop(go);
    };
    assert_eq!(tokio::join!(reader, writer).0.unwrap(), 600);
    assert_eq!(count(&engine, "select count(*) from item").await, 900);
}
