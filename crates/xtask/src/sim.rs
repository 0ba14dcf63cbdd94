//! `cargo x sim`: the simulator over as many seeds as asked. The tests run a few hundred.

use std::process::Command;

/// What it takes.
const HELP: &str = "cargo x sim [--seeds N] [--from N] [sqlite|postgres]";

/// Runs it.
pub(crate) fn run(words: &[&str]) -> Result<bool, String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let (mut seeds, mut from, mut engine) = ("1000", "1", "sqlite");
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let number = match word {
            "--seeds" => &mut seeds,
            "--from" => &mut from,
            "sqlite" | "postgres" => {
                engine = word;
                continue;
            }
            other => return Err(format!("not understood: {other}\n\n{HELP}")),
        };
        let value = words.next().filter(|value| value.parse::<u64>().is_ok());
        *number = value.ok_or_else(|| format!("{word} wants a number\n\n{HELP}"))?;
    }
    command.args(["run", "--quiet", "--release", "--package", "sim", "--example", "units", "--", engine, from, seeds]);
    command.status().map(|status| status.success()).map_err(|error| error.to_string())
}
