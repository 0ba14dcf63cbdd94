//! Bounded measurements of the embedded engine against raw loops over the same work, as ratios. `cargo run --release --example
//! sqlite_bench -- [seconds per case]`. No number here decides a test.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for a person who reads its table")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use store::sqlite::{Options, Place, SqliteEngine, Synchronous};
use store::{Connection, Error, Event, Lane, Param, Result, Row, Scope, Tx};
use values::{Type, Value};

const ROWS: i64 = 100_000;
const READ: &str = "select id, title, body, size from post where id = ?1";
const ROW: &str = "insert into post (title, body, size) values (?1, ?2, ?3)";
const OUTBOX: &str = "insert into outbox (subject, data) values (?1, ?2)";
const LEAF: &str = "insert into leaf (subject, data) values (?1, ?2)";

fn int(n: i64) -> Param {
    Param::Value(Type::Int8, Value::Int(n))
}

fn text(s: &str) -> Param {
    Param::Value(Type::Text, Value::text(s))
}

fn read(conn: &mut dyn Connection, id: i64, out: &mut Vec<u8>) -> Result<()> {
    conn.query(READ, &[int(id)], &mut |row: &dyn Row| {
        for (n, (name, ty)) in [
            ("{\"id\":", Type::Int8),
            (",\"title\":", Type::Text),
            (",\"body\":", Type::Text),
            (",\"size\":", Type::Int8),
        ]
        .iter()
        .enumerate()
        {
            out.extend_from_slice(name.as_bytes());
            row.write_json(n, ty, out)?;
        }
        out.push(b'}');
        Ok(())
    })
    .map(drop)
}

fn insert(tx: &mut Tx<'_>, n: i64) -> Result<()> {
    let title = format!("title {n}");
    tx.conn().execute(ROW, &[text(&title), text(&"body ".repeat(30)), int(n)])?;
    tx.conn().execute(OUTBOX, &[text(&title), text("{}")])?;
    tx.conn().execute(LEAF, &[text(&title), text("{}")])?;
    tx.emit(Event::new("bench.post.inserted", title, "{}"));
    Ok(())
}

async fn open(synchronous: Synchronous) -> Arc<SqliteEngine> {
    let options = Options { synchronous, ..Options::default() };
    let engine = SqliteEngine::open(Place::Temporary, options, Arc::from([])).unwrap();
    let fill = engine.exclusive::<(), Error, _>(|db| {
        db.execute_batch(
            "create table post (id integer primary key, title text not null, body text not null, size integer not null) strict;
             create index post_title on post (title);
             create table outbox (id integer primary key, subject text not null, data text not null) strict;
             create table leaf (id integer primary key, subject text not null, data text not null) strict; begin",
        )
        .and_then(|()| {
            let mut statement = db.prepare(ROW)?;
            for n in 0..ROWS {
                statement.execute((format!("title {n}"), "body ".repeat(30), n))?;
            }
            db.execute_batch("commit")
        })
        .map_err(|e| db.error(e))
    });
    fill.await.unwrap();
    Arc::new(engine)
}

/// Raw point reads: one connection, one read transaction per `batch` reads; microseconds of wall time each.
fn raw_reads(path: &std::path::Path, batch: i64, time: Duration) -> f64 {
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch("pragma query_only = on; pragma cache_size = -4096").unwrap();
    let (started, mut count, mut out) = (Instant::now(), 0_i64, Vec::new());
    while started.elapsed() < time {
        db.execute_batch("begin").unwrap();
        for _ in 0..batch {
            count += 1;
            out.clear();
            let mut statement = db.prepare_cached(READ).unwrap();
            let mut rows = statement.query([count * 7919 % ROWS + 1]).unwrap();
            let row = rows.next().unwrap().unwrap();
            out.extend_from_slice(row.get_ref(0).unwrap().as_i64().unwrap().to_string().as_bytes());
            values::write_json_string(row.get_ref(1).unwrap().as_str().unwrap(), &mut out);
            values::write_json_string(row.get_ref(2).unwrap().as_str().unwrap(), &mut out);
            out.extend_from_slice(row.get_ref(3).unwrap().as_i64().unwrap().to_string().as_bytes());
        }
        db.execute_batch("commit").unwrap();
    }
    micros(started.elapsed(), count)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for reading")]
fn micros(time: Duration, count: i64) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}

async fn reads(engine: &Arc<SqliteEngine>, clients: i64, time: Duration) -> f64 {
    let started = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let mut count = 0_i64;
                while started.elapsed() < time {
                    count += 1;
                    let id = (count * 7919 + client * 104_729) % ROWS + 1;
                    let read = engine.read::<Vec<u8>, Error, _>(Scope::default(), Lane::Short, move |conn| {
                        let mut out = Vec::with_capacity(512);
                        read(conn, id, &mut out)?;
                        Ok(out)
                    });
                    assert!(!read.await.unwrap().is_empty());
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await.unwrap();
    }
    micros(started.elapsed(), count)
}

/// The same three inserts in a raw loop, `group` of them a commit, without savepoints; units per second.
fn raw_writes(synchronous: Synchronous, group: i64, time: Duration) -> f64 {
    let folder = std::env::temp_dir().join(format!("mainstay-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let db = rusqlite::Connection::open(folder.join("raw.db")).unwrap();
    let level = if synchronous == Synchronous::Full { "full" } else { "normal" };
    db.execute_batch(&format!(
        "pragma journal_mode = wal; pragma synchronous = {level}; pragma wal_autocheckpoint = 8000;
         create table post (id integer primary key, title text not null, body text not null, size integer not null) strict;
         create index post_title on post (title);
         create table outbox (id integer primary key, subject text not null, data text not null) strict;
         create table leaf (id integer primary key, subject text not null, data text not null) strict"
    ))
    .unwrap();
    let (started, mut count) = (Instant::now(), 0_i64);
    while started.elapsed() < time {
        db.execute_batch("begin immediate").unwrap();
        for _ in 0..group {
            count += 1;
            let title = format!("title {count}");
            db.prepare_cached(ROW).unwrap().execute((&title, "body ".repeat(30), count)).unwrap();
            db.prepare_cached(OUTBOX).unwrap().execute((&title, "{}")).unwrap();
            db.prepare_cached(LEAF).unwrap().execute((&title, "{}")).unwrap();
        }
        db.execute_batch("commit").unwrap();
    }
    let rate = 1e6 / micros(started.elapsed(), count);
    drop(db);
    std::fs::remove_dir_all(folder).unwrap();
    rate
}

async fn writes(engine: &Arc<SqliteEngine>, clients: i64, time: Duration) -> (f64, Duration, Duration) {
    let started = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let (mut n, mut waits) = (client << 32, Vec::new());
                while started.elapsed() < time {
                    n += 1;
                    let asked = Instant::now();
                    engine.write::<(), Error, _>(Scope::default(), move |tx| insert(tx, n)).await.unwrap();
                    waits.push(asked.elapsed());
                }
                waits
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.unwrap());
    }
    waits.sort_unstable();
    let rate = 1e6 / micros(started.elapsed(), i64::try_from(waits.len()).unwrap());
    (rate, waits[waits.len() / 2], waits[waits.len() * 99 / 100])
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    let seconds = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(1.0_f64);
    let time = Duration::from_secs_f64(seconds.clamp(0.1, 30.0));
    let started = Instant::now();
    println!("resident memory at start {} MiB", memory("VmRSS:"));
    let engine = open(Synchronous::Full).await;
    let path = engine.path().to_owned();
    for round in 1..=2 {
        let (lone, grouped) = (raw_reads(&path, 1, time), raw_reads(&path, 32, time));
        println!("round {round}: raw point read {lone:.2} us alone, {grouped:.2} us in groups of 32");
        for clients in [1, 64] {
            let before = engine.counts();
            let each = reads(&engine, clients, time).await;
            let after = engine.counts();
            println!(
                "  engine point read, {clients:3} clients: {each:6.2} us each = {:.2} of raw grouped; {} reads in {} transactions",
                grouped / each,
                after.reads - before.reads,
                after.read_batches - before.read_batches
            );
        }
    }
    for synchronous in [Synchronous::Full, Synchronous::Normal] {
        let engine = open(synchronous).await;
        for clients in [1, 64, 256] {
            let raw = raw_writes(synchronous, clients, time);
            let before = engine.counts();
            let (rate, p50, p99) = writes(&engine, clients, time).await;
            let after = engine.counts();
            println!(
                "{synchronous:?}: writes, {clients:3} clients: {rate:7.0}/s = {:.2} of raw groups of the same size ({raw:.0}/s); p50 {p50:.1?} p99 {p99:.1?}; {} functions in {} groups, {} reruns",
                rate / raw,
                after.functions - before.functions,
                after.groups - before.groups,
                after.reruns - before.reruns
            );
        }
    }
    drop(engine);
    reopening().await;
    println!(
        "total {:.1?}, resident memory now {} MiB, most {} MiB",
        started.elapsed(),
        memory("VmRSS:"),
        memory("VmHWM:")
    );
}

/// From a closed database to its first answer.
async fn reopening() {
    let folder = std::env::temp_dir().join(format!("mainstay-bench-open-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let place = Place::File(folder.join("app.db"));
    for round in 0..4 {
        let started = Instant::now();
        let engine = SqliteEngine::open(place.clone(), Options::default(), Arc::from([])).unwrap();
        let opened = started.elapsed();
        let sql = "select count(*) from sqlite_schema";
        let read = engine
            .read::<u64, Error, _>(Scope::default(), Lane::Short, move |conn| conn.query(sql, &[], &mut |_| Ok(())));
        read.await.unwrap();
        if round > 0 {
            println!("open {opened:.1?}, first answer {:.1?}", started.elapsed());
        }
        engine
            .exclusive::<(), Error, _>(|db| {
                db.execute_batch("create table if not exists t (a) ").map_err(|e| db.error(e))
            })
            .await
            .unwrap();
        engine.close();
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// A line of the process's status, in MiB; 0 where there is none.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status
        .lines()
        .find_map(|l| l.strip_prefix(line))
        .and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
    found.unwrap_or(0) / 1024
}
