//! The floor of events that come in by batches: one loop, one statement, a transaction of a hundred rows each, told apart by source and id.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::args::Failure;
use crate::load::{Numbers, POSTED};

/// Events of one batch.
pub const EVENTS: u64 = 100;

/// What an event carries.
const DATA: &str = r#"{"price":0.99,"currency":"EUR","note":"as long as the particulars of small events tend to be"}"#;

/// A batch as it is posted; `{}` is a number that tells it from others.
pub fn body() -> String {
    let event = |place| {
        format!(
            r#"{{"specversion":"1.0","id":"{{}}-{place}","source":"/bench","type":"org.example.sold","subject":"till/7","time":"2026-01-02T03:04:05Z","data":{DATA}}}"#
        )
    };
    format!("[{}]", (0..EVENTS).map(event).collect::<Vec<_>>().join(","))
}

/// Batches a second, and the CPU time of one in microseconds.
pub fn run(dir: &Path, window: Duration) -> Result<(f64, f64), Failure> {
    let db = Connection::open(dir.join("batches.db"))?;
    db.query_row("pragma journal_mode = wal", [], |_| Ok(()))?;
    db.execute_batch(
        "pragma synchronous = full; pragma wal_autocheckpoint = 8000; pragma cache_size = -8192;
         create table if not exists event (position integer primary key, source text not null, id text not null, type text not null,
             subject text, time text, data text, unique (source, id));",
    )?;
    let mut insert = db.prepare(
        "insert into event (source, id, type, subject, time, data) values (?1, ?2, ?3, ?4, ?5, ?6) on conflict do nothing",
    )?;
    let (mut numbers, mut batches) = (Numbers::new(0, POSTED), 0_u32);
    let (began, before) = (Instant::now(), crate::process::cpu_us(std::process::id()));
    while began.elapsed() < window {
        let number = numbers.next();
        db.execute_batch("begin immediate")?;
        for place in 0..EVENTS {
            let id = format!("{number}-{place}");
            insert.execute(params!["/bench", id, "org.example.sold", "till/7", "2026-01-02T03:04:05Z", DATA])?;
        }
        db.execute_batch("commit")?;
        batches += 1;
    }
    let cpu = crate::process::cpu_us(std::process::id()) - before;
    Ok((f64::from(batches) / began.elapsed().as_secs_f64(), cpu / f64::from(batches)))
}
