//! The macro benchmark: the real binary under load, and beside it, in the same run, what the machine could do.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml -- macro` measures, `-- rivals` holds other servers beside it. Nothing here
//! judges by time: figures are printed, and RESULTS.md says what they were on one machine on one day.

mod app;
mod args;
mod batches;
mod floor;
mod group;
mod load;
mod macros;
mod micro;
mod process;
mod report;
mod rivals;
mod sqlite;
mod stats;
mod units;

use args::Args;

/// The house runs with it, so the floors do as well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = "\
usage: benches macro  [--quick] [--json] [--binary mainstay] [--postgres URL] [--dir DIR] [--only WORD] [--rounds N] [--flush-ms MS]
       benches rivals [--quick] [--json] [--binary mainstay] [--postgres URL] [--dir DIR] [--postgrest FILE] [--pocketbase FILE]

  --quick       windows of half a second and two rounds instead of two seconds and five
  --json        one JSON object a case instead of the table
  --binary      the server to measure; built from this checkout when not given
  --postgres    a superuser's URL; the database mainstay_bench is made anew there
  --dir         where databases are made; a disk, not memory, if durable writes are to mean something
  --flush-ms    let a flush take at least this many milliseconds in everything that is measured (needs cc)
  --only        only cases whose name holds this word
";

fn main() -> std::process::ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let args = match Args::parse(words) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}\n\n{HELP}");
            return std::process::ExitCode::from(2);
        }
    };
    if let Some(ms) = args.flush_ms
        && let Err(error) = process::slow_flush(&args.dir, ms)
    {
        eprintln!("{error}");
        return std::process::ExitCode::FAILURE;
    }
    let done = match command.as_str() {
        "macro" => macros::run(&args),
        "rivals" => rivals::run(&args),
        "micro" => micro::run(&args),
        // What the commands above start for themselves, on a core of its own.
        "floor" => floor::run(&args),
        _ => {
            eprintln!("{HELP}");
            return std::process::ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}
