//! What the floors are made of, each in a process of its own on the server's core: `floor http FILE`, `floor loop FILE WHAT`,
//! `floor group full|normal CLIENTS`, `floor batches`, `floor postgres URL`. Each says what it found in one line of JSON.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use axum::extract::{Path as Segment, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::oneshot;

use crate::args::{Args, Failure};
use crate::process::cpu_us;
use crate::sqlite::{Read, Reads, reader};
use crate::{app, batches, group};

/// Reads that share one transaction.
const BATCH_MAX: usize = 32;

/// Runs one.
pub fn run(args: &Args) -> Result<(), Failure> {
    let words: Vec<&str> = args.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["http", file] => http(Path::new(file)),
        ["loop", file, what] => {
            let read = match *what {
                "point" => Read::Point,
                "list" => Read::List,
                "page" => Read::Page,
                _ => Read::Nested,
            };
            println!("{}", json!({"cpu_us": cpu_loop(Path::new(file), read, args.window())?}));
            Ok(())
        }
        ["group", how, clients] => {
            let clients = clients.parse()?;
            let before = group::flush_ms(&args.dir, 200)?;
            let found = group::run(&args.dir, *how == "full", clients, args.window())?;
            println!(
                "{}",
                json!({"per_second": found.per_second, "p50_ms": found.p50_ms, "p99_ms": found.p99_ms,
                       "cpu_us": found.cpu_us, "flush_ms": before})
            );
            Ok(())
        }
        ["batches"] => {
            let flush = group::flush_ms(&args.dir, 200)?;
            let (per_second, cpu) = batches::run(&args.dir, args.window())?;
            println!("{}", json!({"per_second": per_second, "cpu_us": cpu, "flush_ms": flush}));
            Ok(())
        }
        ["postgres", url] => {
            let (per_second, cpu) = pipelined(url, args.window())?;
            println!("{}", json!({"per_second": per_second, "cpu_us": cpu}));
            Ok(())
        }
        _ => Err("floor http FILE | loop FILE WHAT | group HOW CLIENTS | batches | postgres URL".into()),
    }
}

struct Job {
    read: Read,
    number: i64,
    reply: oneshot::Sender<Vec<u8>>,
}

/// axum, a queue, one thread that reads everything that waits in one transaction.
fn http(file: &Path) -> Result<(), Failure> {
    let (send, receive) = mpsc::channel::<Job>();
    let file: PathBuf = file.to_owned();
    std::thread::spawn(move || {
        if let Err(error) = serve(&file, &receive) {
            eprintln!("{error}");
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let ask = |read: Read| {
            axum::routing::get(
                move |State(queue): State<mpsc::Sender<Job>>, Segment(number): Segment<i64>| async move {
                    let (reply, answer) = oneshot::channel();
                    queue.send(Job { read, number, reply }).ok();
                    Response::from(
                        ([(CONTENT_TYPE, "application/json")], answer.await.unwrap_or_default()).into_response(),
                    )
                },
            )
        };
        let routes = axum::Router::new()
            .route("/point/{number}", ask(Read::Point))
            .route("/list/{number}", ask(Read::List))
            .route("/page/{number}", ask(Read::Page))
            .route("/nested/{number}", ask(Read::Nested))
            .with_state(send);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", json!({"address": listener.local_addr()?.to_string()}));
        axum::serve(axum::serve::ListenerExt::tap_io(listener, |io| drop(io.set_nodelay(true))), routes).await?;
        Ok(())
    })
}

fn serve(file: &Path, jobs: &mpsc::Receiver<Job>) -> Result<(), Failure> {
    let db = reader(file)?;
    let mut reads = Reads::new(&db)?;
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while let Ok(first) = jobs.recv() {
        batch.push(first);
        while batch.len() < BATCH_MAX
            && let Ok(next) = jobs.try_recv()
        {
            batch.push(next);
        }
        reads.begin()?;
        for job in batch.drain(..) {
            // Whoever asked may be gone.
            job.reply.send(reads.body(job.read, job.number)?).ok();
        }
        reads.commit()?;
    }
    Ok(())
}

/// CPU time of one read in a loop, in microseconds: a transaction each, as when nobody else asks.
fn cpu_loop(file: &Path, read: Read, window: Duration) -> Result<f64, Failure> {
    let db = reader(file)?;
    let mut reads = Reads::new(&db)?;
    let most = match read {
        Read::Point | Read::Page => app::ITEMS - 1_200,
        Read::List => app::ITEMS / app::PER_AUTHOR,
        Read::Nested => app::NOTED / app::PER_AUTHOR,
    };
    let mut number: u64 = 1;
    let mut once = |reads: &mut Reads<'_>| -> Result<usize, Failure> {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        reads.begin()?;
        let body = reads.body(read, ((number >> 33) % most + 1) as i64)?;
        reads.commit()?;
        Ok(body.len())
    };
    for _ in 0..50 {
        once(&mut reads)?;
    }
    let (began, before, mut count) = (Instant::now(), cpu_us(std::process::id()), 0_u64);
    while began.elapsed() < window {
        std::hint::black_box(once(&mut reads)?);
        count += 1;
    }
    Ok((cpu_us(std::process::id()) - before) / count as f64)
}

/// 64 tasks on two connections, statements pipelined, bodies written here.
fn pipelined(url: &str, window: Duration) -> Result<(f64, f64), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut links = Vec::new();
        for _ in 0..2 {
            let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            let statement = client
                .prepare(
                    "select item_id, tenant_id, author_id, title, body, kind, active, score, created_at::text
                     from item where item_id = $1 and tenant_id = 1",
                )
                .await?;
            links.push(std::sync::Arc::new((client, statement)));
        }
        let (began, before) = (Instant::now(), cpu_us(std::process::id()));
        let mut tasks = Vec::new();
        for place in 0..64_u64 {
            let link = links[place as usize % links.len()].clone();
            tasks.push(tokio::spawn(async move {
                let mut number = place + 1;
                let mut count = 0_u64;
                while began.elapsed() < window {
                    number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let key = ((number >> 33) % app::ITEMS + 1) as i32;
                    let rows = link.0.query(&link.1, &[&key]).await?;
                    std::hint::black_box(body(&rows));
                    count += 1;
                }
                Ok::<_, tokio_postgres::Error>(count)
            }));
        }
        let mut count = 0;
        for task in tasks {
            count += task.await??;
        }
        let per_second = count as f64 / began.elapsed().as_secs_f64();
        Ok((per_second, (cpu_us(std::process::id()) - before) / count as f64))
    })
}

fn body(rows: &[tokio_postgres::Row]) -> Vec<u8> {
    use std::io::Write as _;
    let mut out = Vec::with_capacity(512);
    out.push(b'[');
    for row in rows {
        let text = |at: usize| row.get::<_, Option<&str>>(at).map_or("null".to_owned(), |text| format!("\"{text}\""));
        // Writing to memory does not fail.
        write!(
            out,
            "{{\"item_id\":{},\"tenant_id\":{},\"author_id\":{},\"title\":{},\"body\":{},\"kind\":{},\"active\":{},\"score\":{},\"created_at\":{}}}",
            row.get::<_, i32>(0),
            row.get::<_, i32>(1),
            row.get::<_, i32>(2),
            text(3),
            text(4),
            text(5),
            row.get::<_, bool>(6),
            row.get::<_, i32>(7),
            text(8),
        )
        .ok();
    }
    out.push(b']');
    out
}
