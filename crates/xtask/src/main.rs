//! # xtask: the toolbox, and the law of the house
//!
//! ## What
//! `cargo x check` judges the house by its law; `cargo x test` does all that a change must pass; `cargo x new-room` lays out a room;
//! `cargo x fuzz` lets libFuzzer try the parsers; `cargo x crash` kills the server many times; `cargo x sim` lets the simulator do so to the rooms; `cargo x clients` runs real clients; `cargo x oracle` replays the request cases against a real PostgREST.
//!
//! ## Words
//! A *law* is a function from the house to the places that break it ([`law`]). A *step* of the test command is a check or the tests.
//!
//! ## Invariants
//! - Every law is a test as well, so plain `cargo test` runs them all.
//! - The last line of `cargo x test` counts everything that ran, and the exit code is zero only if nothing failed.
//!
//! ## Not here
//! What tests share (`testkit`).

mod cargo;
mod clients;
mod crash;
mod fuzz;
mod house;
mod law;
mod postgres;
mod room;
mod sim;
mod source;
mod test;
mod tests_run;

use std::io::Write as _;
use std::process::{Command, ExitCode};

use house::House;

const HELP: &str = "\
cargo x check              the law of the house, and cargo-deny where it is installed
cargo x test               everything a change must pass; installs PostgreSQL when it is missing
cargo x bless              writes anew what tests hold against kept text: statements and plans, descriptions, transcripts
cargo x bench macro|rivals [ARGS]
                           the benchmark (benches/), on the binary that is distributed unless --binary names one
cargo x dist               builds the binary that is distributed: optimized as a whole, stripped
cargo x new-room NAME N    a new crate NAME on floor N
cargo x fuzz [TARGET] [--seconds N]
                           parsers and values on inputs that grow by coverage; wants a C++ compiler
cargo x crash [--kills N] [--writers N] [--seed N] [sqlite|postgres]
                           kills the server over and over under clients that retry by key
cargo x sim [--seeds N] [--from N] [sqlite|postgres]
                           idempotency, events and the audit log under crashes, from seeds
cargo x clients            unmodified supabase-js and postgrest-py from npm and PyPI against the server, on both engines
cargo x oracle [ARGS]      the request cases against a real PostgREST (tools/oracle/README.md)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match &*words {
        ["check"] => check(),
        ["test"] => Ok(test::run()),
        ["new-room", name, floor] => room::make(name, floor).map(|()| true),
        ["bless"] => cargo::bless(),
        ["bench", rest @ ..] => cargo::bench(rest),
        ["dist"] => cargo::dist(),
        ["clients"] => clients::run(),
        ["crash", rest @ ..] => crash::run(rest),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["sim", rest @ ..] => sim::run(rest),
        ["oracle", rest @ ..] => oracle(rest),
        ["help" | "--help" | "-h"] => {
            say(HELP);
            Ok(true)
        }
        _ => Err(format!("not understood: {}\n\n{HELP}", words.join(" "))),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("{error}\n"));
            ExitCode::from(2)
        }
    }
}

/// Prints text as it is. A reader that went away is no failure of ours.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

fn check() -> Result<bool, String> {
    let broken = law::judge(&House::open()?);
    for place in &broken {
        say(&format!("{place}\n"));
    }
    say(&format!("{} laws, {} places that break one\n", law::LAWS.len(), broken.len()));
    Ok(broken.is_empty() & deny()?)
}

/// Runs cargo-deny, if it is there; the licence law says the same without it.
fn deny() -> Result<bool, String> {
    let there = Command::new("cargo").args(["deny", "--version"]).output().is_ok_and(|done| done.status.success());
    if !there {
        say("cargo-deny is not installed: licences were judged by the law\n");
        return Ok(true);
    }
    let status = Command::new("cargo")
        .args(["deny", "--offline", "check", "bans", "licenses", "sources"])
        .current_dir(house::root())
        .status();
    status.map(|status| status.success()).map_err(|error| format!("cargo deny: {error}"))
}

fn oracle(arguments: &[&str]) -> Result<bool, String> {
    let status =
        Command::new("python3").arg("tools/oracle/oracle.py").args(arguments).current_dir(house::root()).status();
    status.map(|status| status.success()).map_err(|error| format!("python3: {error}"))
}
