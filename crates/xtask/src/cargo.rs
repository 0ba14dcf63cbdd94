//! Commands of the toolbox that are cargo with the right words: `bless`, `bench`, `dist`.

use std::process::Command;

use crate::house::root;
use crate::say;

/// What is kept as text and written anew by `BLESS=1`: the package, its test, and the part of it.
const KEPT: &[(&str, &str, &str)] =
    &[("server", "house", "queries"), ("data", "openapi", ""), ("server", "transcripts", "")];

/// Writes everything anew that tests hold against kept text. What changed is for `git diff` to show.
pub(crate) fn bless() -> Result<bool, String> {
    let mut all = true;
    for (package, test, part) in KEPT {
        say(&format!("blessing {package}: {test} {part}\n"));
        all &= run(cargo(&["test", "--quiet", "--package", package, "--test", test, "--", part]).env("BLESS", "1"))?;
    }
    Ok(all)
}

/// The benchmark, on the binary that is distributed unless `--binary` names another one.
pub(crate) fn bench(words: &[&str]) -> Result<bool, String> {
    let mut benches = cargo(&["run", "--release", "--quiet", "--manifest-path", "benches/Cargo.toml", "--"]);
    benches.args(words);
    let asks = matches!(words.first(), Some(&("macro" | "rivals")));
    if asks && !words.contains(&"--binary") {
        let Some(binary) = built()? else { return Ok(false) };
        benches.arg("--binary").arg(binary);
    }
    run(&mut benches)
}

/// The binary that is distributed.
pub(crate) fn dist() -> Result<bool, String> {
    let Some(binary) = built()? else { return Ok(false) };
    let bytes = std::fs::metadata(&binary).map_err(|error| format!("{binary}: {error}"))?.len();
    say(&format!("{binary}, {} KiB\n", bytes / 1024));
    Ok(true)
}

/// Builds it and gives its path; none when that failed.
fn built() -> Result<Option<String>, String> {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| root().join("target").display().to_string());
    let done = run(&mut cargo(&["build", "--profile", "dist", "--package", "server"]))?;
    Ok(done.then(|| format!("{target}/dist/mainstay")))
}

fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words).current_dir(root());
    command
}

fn run(command: &mut Command) -> Result<bool, String> {
    command.status().map(|status| status.success()).map_err(|error| format!("cargo: {error}"))
}
