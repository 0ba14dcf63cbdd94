//! Everything a change must pass, in one command with one closing line.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::house::{self, House};
use crate::tests_run::{self, Count};
use crate::{law, postgres, say};

/// How long the whole may take before what runs is stopped and counted as failed. A guard against what hangs, not the aim: on two idle cores
/// it takes a fraction of this from a clean clone.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// Runs all steps, whatever fails on the way; true when nothing did.
pub(crate) fn run() -> bool {
    let began = Instant::now();
    let mut total = Count::default();
    for (name, step) in STEPS {
        say(&format!("== {name}\n"));
        let start = Instant::now();
        let count = step(began + LIMIT).unwrap_or_else(|error| {
            say(&format!("{error}\n"));
            Count { passed: 0, failed: 1 }
        });
        say(&format!("== {name}: {} passed, {} failed, {} s\n", count.passed, count.failed, start.elapsed().as_secs()));
        total.passed += count.passed;
        total.failed += count.failed;
    }
    say(&format!("{} passed, {} failed\n", total.passed, total.failed));
    total.failed == 0
}

type Step = fn(Instant) -> Result<Count, String>;

const STEPS: &[(&str, Step)] = &[
    ("PostgreSQL", |_| postgres::provide().map(|()| Count { passed: 0, failed: 0 })),
    ("format", |until| command(until, &["fmt", "--all", "--", "--check", "-l"])),
    ("law", |_| law()),
    ("clippy", |until| command(until, &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])),
    ("tests", tests_run::all),
];

fn law() -> Result<Count, String> {
    let broken = law::judge(&House::open()?);
    for place in &broken {
        say(&format!("{place}\n"));
    }
    Ok(one(broken.is_empty()))
}

/// A command of Cargo's as one check.
fn command(until: Instant, arguments: &[&str]) -> Result<Count, String> {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(house::root());
    let mut show = |line: &str| say(&format!("{line}\n"));
    Ok(one(tests_run::watched(&mut command, until, &mut show)?))
}

fn one(passed: bool) -> Count {
    Count { passed: usize::from(passed), failed: usize::from(!passed) }
}
