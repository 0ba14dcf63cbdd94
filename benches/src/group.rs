//! The floor of durable inserts: a writer thread that takes what waits, a savepoint each, one commit for all. The rows are those that
//! the load posts to servers, their titles in no order, because that decides how many pages a commit has to write.

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use crate::args::Failure;
use crate::load::{Numbers, POSTED};
use crate::stats::quantile_ms;

/// At most this many in one commit.
const GROUP_MAX: usize = 512;

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Inserts {
    /// Acknowledged rows a second.
    pub per_second: f64,
    /// Half were acknowledged within this.
    pub p50_ms: f64,
    /// 99 of a hundred.
    pub p99_ms: f64,
    /// CPU time for each, in microseconds.
    pub cpu_us: f64,
}

type Job = (u64, oneshot::Sender<()>);

/// Inserts with this many tasks that wait for their answer each.
pub fn run(dir: &Path, full: bool, clients: usize, window: Duration) -> Result<Inserts, Failure> {
    let file = dir.join(if full { "group-full.db" } else { "group-normal.db" });
    let db = Connection::open(&file)?;
    db.query_row("pragma journal_mode = wal", [], |_| Ok(()))?;
    db.execute_batch(&format!(
        "pragma synchronous = {}; pragma wal_autocheckpoint = 8000; pragma cache_size = -8192;
         create table if not exists entry (entry_id integer primary key, tenant_id integer not null, title text not null,
             body text not null, created_at text not null);
         create index if not exists entry_title_idx on entry (title);",
        if full { "full" } else { "normal" }
    ))?;
    let (send, receive) = mpsc::channel::<Job>();
    let writer = std::thread::spawn(move || write(&db, &receive));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cpu_before = crate::process::cpu_us(std::process::id());
    let began = Instant::now();
    let mut latencies = runtime.block_on(async {
        let mut tasks = Vec::new();
        for client in 0..clients {
            let send = send.clone();
            tasks.push(tokio::spawn(async move {
                let mut latencies = Vec::new();
                let mut numbers = Numbers::new(client, POSTED);
                while began.elapsed() < window {
                    let (reply, answer) = oneshot::channel();
                    let asked = Instant::now();
                    if send.send((numbers.next(), reply)).is_err() || answer.await.is_err() {
                        break;
                    }
                    latencies.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                latencies
            }));
        }
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap_or_default());
        }
        all
    });
    let took = began.elapsed();
    drop(send);
    writer.join().map_err(|_| "the writer panicked")??;
    let cpu = crate::process::cpu_us(std::process::id()) - cpu_before;
    latencies.sort_unstable();
    Ok(Inserts {
        per_second: latencies.len() as f64 / took.as_secs_f64(),
        p50_ms: quantile_ms(&latencies, 0.5),
        p99_ms: quantile_ms(&latencies, 0.99),
        cpu_us: cpu / latencies.len() as f64,
    })
}

fn write(db: &Connection, jobs: &mpsc::Receiver<Job>) -> Result<(), Failure> {
    let mut begin = db.prepare("begin immediate")?;
    let mut savepoint = db.prepare("savepoint one")?;
    let mut release = db.prepare("release one")?;
    let mut commit = db.prepare("commit")?;
    let mut insert = db.prepare("insert into entry (tenant_id, title, body, created_at) values (?1, ?2, ?3, ?4)")?;
    let mut replies = Vec::with_capacity(GROUP_MAX);
    while let Ok(first) = jobs.recv() {
        begin.raw_execute()?;
        let mut next = Some(first);
        while let Some((number, reply)) = next {
            savepoint.raw_execute()?;
            insert.execute(params![1, format!("title {number}"), BODY, "2026-01-02 03:04:05.000000Z"])?;
            release.raw_execute()?;
            replies.push(reply);
            next = if replies.len() < GROUP_MAX { jobs.try_recv().ok() } else { None };
        }
        commit.raw_execute()?;
        for reply in replies.drain(..) {
            // Whoever asked may be gone at the end of the window.
            reply.send(()).ok();
        }
    }
    Ok(())
}

/// About as long as a row's worth of text.
pub const BODY: &str = "A body that somebody typed in a hurry, of about a hundred and fifty bytes, so that the row is as long as \
                        rows of this kind tend to be in real tables.";

/// The median of overwriting 4 KiB in place and having them on the disk, in milliseconds.
pub fn flush_ms(dir: &Path, times: usize) -> Result<f64, Failure> {
    use std::os::unix::fs::FileExt as _;
    let file = std::fs::OpenOptions::new().create(true).truncate(true).write(true).open(dir.join("flush.bin"))?;
    let page = [7_u8; 4096];
    file.write_all_at(&page, 0)?;
    file.sync_all()?;
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        let began = Instant::now();
        file.write_all_at(&page, 0)?;
        file.sync_data()?;
        taken.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    taken.sort_unstable();
    Ok(quantile_ms(&taken, 0.5))
}
