//! `cargo x crash`: the server killed many times under clients that retry by key. The tests do it a few times; this as often as asked.

use std::process::Command;

/// What it takes.
const HELP: &str = "cargo x crash [--kills N] [--writers N] [--seed N] [sqlite|postgres]";

/// Runs it.
pub(crate) fn run(words: &[&str]) -> Result<bool, String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let mut variables = vec![("CRASH_KILLS", "100"), ("CRASH_WRITERS", "64")];
    let mut filter = "once::";
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let name = match word {
            "--kills" => "CRASH_KILLS",
            "--writers" => "CRASH_WRITERS",
            "--seed" => "CRASH_SEED",
            "sqlite" => {
                filter = "once::sqlite";
                continue;
            }
            "postgres" => {
                filter = "once::postgres";
                continue;
            }
            other => return Err(format!("not understood: {other}\n\n{HELP}")),
        };
        let value = words.next().filter(|value| value.parse::<u64>().is_ok());
        variables.push((name, value.ok_or_else(|| format!("{word} wants a number\n\n{HELP}"))?));
    }
    command.args(["test", "--quiet", "--package", "server", "--test", "crash", "--"]);
    // One after the other: two at a time would kill at moments that depend on each other.
    command.args([filter, "--nocapture", "--test-threads", "1"]).envs(variables);
    command.status().map(|status| status.success()).map_err(|error| error.to_string())
}
