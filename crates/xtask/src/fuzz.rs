//! `cargo x fuzz`: the fuzz targets with coverage, built by the stable compiler and run by libFuzzer for some seconds each.
//!
//! What is found lands in `target/fuzz`, with the input that reproduces it. Seeds that are worth keeping stand in `fuzz/corpus`; what a run adds
//! stays in `target/fuzz/corpus` and is used again by the next one.

use std::path::Path;
use std::process::Command;

use crate::house::root;
use crate::say;

/// The targets, and the features of the fuzz crate that they need.
const TARGETS: &[(&str, &[&str])] = &[("sql", &[]), ("values", &[]), ("request", &["--features", "request"])];

/// What libFuzzer wants of the compiler: counters at every edge and the operands of comparisons. `cargo fuzz` sets the same.
const FLAGS: &[&str] = &[
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// Bytes of the longest input: about what a request's head may be.
const INPUT_BYTES_MAX: u32 = 4096;
/// Seconds after which one input has taken too long.
const INPUT_SECONDS_MAX: u32 = 10;

/// Runs one target, or all, for a number of seconds each. False when something was found.
pub(crate) fn run(arguments: &[&str]) -> Result<bool, String> {
    let (mut seconds, mut wanted) = (60, None);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match *word {
            "--seconds" => {
                let number = words.next().and_then(|word| word.parse::<u32>().ok()).filter(|number| *number > 0);
                seconds = number.ok_or("--seconds wants a whole number")?;
            }
            name if TARGETS.iter().any(|(target, _)| *target == name) => wanted = Some(name),
            other => {
                let names: Vec<&str> = TARGETS.iter().map(|(target, _)| *target).collect();
                return Err(format!("no fuzz target {other}: there are {}", names.join(", ")));
            }
        }
    }
    let mut good = true;
    for (target, features) in TARGETS.iter().filter(|(target, _)| wanted.is_none_or(|wanted| wanted == *target)) {
        good &= one(target, features, seconds)?;
    }
    Ok(good)
}

fn one(target: &str, features: &[&str], seconds: u32) -> Result<bool, String> {
    let home = root().join("target/fuzz");
    let (found, grown) = (home.join("found").join(target), home.join("corpus").join(target));
    for folder in [&found, &grown] {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let seeds = root().join("fuzz/corpus").join(target);
    let host = host()?;
    say(&format!("fuzz {target}: {seconds} s\n"));
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--release", "--locked", "--target", &host, "--bin", target])
        .args(features)
        .arg("--")
        .args([&grown, &seeds])
        .arg(format!("-artifact_prefix={}/", found.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .args(["-print_final_stats=1", "-verbosity=0"])
        .current_dir(root().join("fuzz"))
        .env("RUSTFLAGS", FLAGS.join(" "))
        .env("CARGO_TARGET_DIR", built(&home))
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        say(&format!("fuzz {target}: found something, see {}\n", found.display()));
    }
    Ok(status.success())
}

/// A folder of its own for what is built: other flags would build everything anew each time.
fn built(home: &Path) -> std::path::PathBuf {
    std::env::var_os("FUZZ_TARGET_DIR").map_or_else(|| home.join("build"), Into::into)
}

/// The machine's own triple. Naming it keeps the flags away from build scripts and macros.
fn host() -> Result<String, String> {
    let done = Command::new("rustc").arg("-vV").output().map_err(|error| format!("rustc: {error}"))?;
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "rustc does not say what machine it is for".to_owned())
}
