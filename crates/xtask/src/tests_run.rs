//! Running `cargo test`, showing what matters of its output, and counting honestly.

use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Instant;

use crate::{house, say};

/// What passed and what failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Passed.
    pub(crate) passed: usize,
    /// Failed.
    pub(crate) failed: usize,
}

/// All tests of the workspace: libraries, binaries, `tests/` and documents.
pub(crate) fn all(until: Instant) -> Result<Count, String> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "--workspace", "--locked", "--no-fail-fast"]).current_dir(house::root());
    let mut tally = Tally::default();
    let passed = watched(&mut command, until, &mut |line| {
        if tally.hear(line) {
            say(&format!("{line}\n"));
        }
    })?;
    Ok(tally.total(passed))
}

/// Runs a command of its own group until it ends or time is up, and hands over each line it prints. True when it ended well.
pub(crate) fn watched(command: &mut Command, until: Instant, line: &mut dyn FnMut(&str)) -> Result<bool, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("cargo: {error}"))?;
    let (tell, lines) = channel();
    read(child.stdout.take(), tell.clone());
    read(child.stderr.take(), tell);
    let mut in_time = true;
    loop {
        match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(text) => line(&text),
            Err(RecvTimeoutError::Timeout) if in_time => {
                in_time = false;
                say("time is up: stopping what runs\n");
                // The whole group: Cargo and the tests it started.
                let group = format!("-{}", child.id());
                Command::new("kill")
                    .args(["-KILL", "--", &group])
                    .status()
                    .map_err(|error| format!("kill: {error}"))?;
            }
            // All is said; or the group was killed, and a process that left it is not waited for.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait().map_err(|error| format!("cargo: {error}"))?;
    Ok(status.success() && in_time)
}

fn read(pipe: Option<impl Read + Send + 'static>, tell: Sender<String>) {
    let Some(pipe) = pipe else { return };
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            if tell.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
}

/// What the lines of `cargo test` add up to.
#[derive(Debug, Default)]
struct Tally {
    count: Count,
    /// Binaries that were started and have not closed with a result.
    open: usize,
}

impl Tally {
    /// Takes a line; true when it is worth showing.
    fn hear(&mut self, line: &str) -> bool {
        let trimmed = line.trim_start();
        if trimmed.starts_with("Running ") || trimmed.starts_with("Doc-tests ") {
            self.open += 1;
        }
        if let Some((passed, failed)) = result(trimmed) {
            self.count.passed += passed;
            self.count.failed += failed;
            self.open = self.open.saturating_sub(1);
        }
        // libtest writes `test name ... ok`, libtest-mimic pads the dots away.
        let good = trimmed.starts_with("test ") && trimmed.ends_with(" ok");
        !good && !trimmed.is_empty()
    }

    /// The sum. A binary that died without a result is a failure, and so is a run that failed in no test (it did not compile).
    fn total(&self, ended_well: bool) -> Count {
        let mut count = self.count;
        count.failed += self.open;
        if !ended_well && count.failed == 0 {
            count.failed = 1;
        }
        count
    }
}

/// `test result: FAILED. 3 passed; 1 failed; …`
fn result(line: &str) -> Option<(usize, usize)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut parts = counts.split("; ");
    let passed = parts.next()?.strip_suffix(" passed")?.parse().ok()?;
    let failed = parts.next()?.strip_suffix(" failed")?.parse().ok()?;
    Some((passed, failed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn tally(lines: &[&str], ended_well: bool) -> (usize, usize) {
        let mut tally = Tally::default();
        for line in lines {
            tally.hear(line);
        }
        let count = tally.total(ended_well);
        (count.passed, count.failed)
    }

    #[test]
    fn results_add_up() {
        let ok = "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        let bad = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        for (lines, ended_well, expected) in [
            (&["     Running unittests src/lib.rs (x)", ok, "   Doc-tests x", ok][..], true, (6, 0)),
            (&["     Running a", ok, "     Running b", bad], false, (4, 2)),
            (&["     Running a", "     Running b", ok], false, (3, 1)),
            (&["error: could not compile"], false, (0, 1)),
            (&[], true, (0, 0)),
        ] {
            assert_eq!(tally(lines, ended_well), expected, "{lines:?}");
        }
    }

    #[test]
    fn lines_of_tests_that_pass_are_not_shown() {
        for (line, shown) in [
            ("test a::b ... ok", false),
            ("test a::b   ... ok", false),
            ("test a::b ... FAILED", true),
            ("", false),
            ("   Compiling x", true),
        ] {
            assert_eq!(Tally::default().hear(line), shown, "{line}");
        }
    }

    #[test]
    fn a_command_is_heard_to_its_end() {
        let mut heard = Vec::new();
        let until = Instant::now() + Duration::from_secs(60);
        let done = watched(Command::new("sh").args(["-c", "echo a; echo b; exit 3"]), until, &mut |line| {
            heard.push(line.to_owned());
        });
        assert_eq!((done, heard), (Ok(false), vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_command_beyond_its_time_is_stopped_with_all_it_started() {
        let done = watched(Command::new("sh").args(["-c", "sleep 600 & sleep 600"]), Instant::now(), &mut |_| {});
        assert_eq!(done, Ok(false));
    }
}
