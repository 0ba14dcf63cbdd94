//! `cargo run -p sim --example units -- <sqlite|postgres> <first seed> <seeds>`: runs the seeds, prints every finding, and says how long
//! it took. What `cargo x sim` calls.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sim::units::{Plant, Server, Tally, run};

/// Seeds that run at once: each waits for its disk most of the time.
const AT_ONCE: usize = 4;

/// How often it says how far it is, in seeds.
const PROGRESS: u64 = 500;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: u64| words.get(at).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let on_server = words.first().is_some_and(|engine| engine == "postgres");
    let (first, seeds) = (number(1, 1), number(2, 100));
    let began = Instant::now();
    let (next, broken, all) = (AtomicU64::new(first), AtomicU64::new(0), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(async {
                    let server =
                        if on_server { Some(Server::start().await.expect("a house on PostgreSQL")) } else { None };
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= first + seeds {
                            break;
                        }
                        let behind = seed - first;
                        if behind > 0 && behind.is_multiple_of(PROGRESS) {
                            eprintln!("{behind} of {seeds} seeds begun, {} broken", broken.load(Ordering::Relaxed));
                        }
                        let done = match &server {
                            Some(server) => server.run(seed, Plant::Nothing).await,
                            None => run(seed, Plant::Nothing).await,
                        };
                        match done {
                            Ok(tally) => all.lock().expect("nobody panics with it").add(tally),
                            Err(finding) => {
                                broken.fetch_add(1, Ordering::Relaxed);
                                eprintln!("{finding}");
                            }
                        }
                    }
                });
            });
        }
    });
    let broken = broken.into_inner();
    let all = all.into_inner().expect("nobody panics with it");
    eprintln!("{seeds} seeds from {first}, {broken} broken, in {:.0} s: {all:?}", began.elapsed().as_secs_f64());
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
