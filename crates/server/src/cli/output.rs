//! Writing for people: a closed pipe ends nothing, and colours are for terminals only.

use std::io::{self, IsTerminal as _, Write as _};

use store::migrate::Progress;

use crate::database::Watch;

/// A line on standard output. Whoever stopped reading does not want it.
pub(super) fn line(text: &str) {
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// A remark on standard error.
pub(super) fn note(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Why the command failed, on standard error.
pub(super) fn error(text: &str) {
    let (on, off) = if colours(io::stderr().is_terminal()) { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
    note(&format!("{on}error:{off} {text}"));
}

/// Bold on standard output, if it is a terminal.
pub(super) fn bold(text: &str) -> String {
    if colours(io::stdout().is_terminal()) { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
}

fn colours(terminal: bool) -> bool {
    terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

/// Whether somebody watches standard error.
pub(super) fn is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Shows migrations: a line that moves on a terminal, log lines otherwise.
pub(super) fn progress() -> Watch {
    let terminal = is_terminal();
    std::sync::Arc::new(move |progress| if terminal { moving(progress) } else { logged(progress) })
}

fn moving(progress: &Progress<'_>) {
    let mut out = io::stderr().lock();
    drop(match progress {
        Progress::File { file, index, total, .. } => write!(out, "\r\x1b[K[{index}/{total}] {file}"),
        Progress::Statement { file, index, total, .. } if index % 50 == 0 || index == total => {
            write!(out, "\r\x1b[K{file} {index}/{total}")
        }
        Progress::Statement { .. } => Ok(()),
        Progress::Notice { file, line, text } => writeln!(out, "\r\x1b[K{file}:{line}: {text}"),
        Progress::Applied { file, duration_ms } => writeln!(out, "\r\x1b[K{file} applied in {duration_ms} ms"),
    });
    drop(out.flush());
}

fn logged(progress: &Progress<'_>) {
    match progress {
        Progress::File { file, index, total, statements } => {
            tracing::info!(target: "migrations", migration = file, index, total, statements, "applying a migration");
        }
        Progress::Statement { file, index, total, line, kind } => {
            tracing::debug!(target: "migrations", migration = file, index, total, line, kind, "applying a statement");
        }
        Progress::Notice { file, line, text } => tracing::warn!(target: "migrations", migration = file, line, "{text}"),
        Progress::Applied { file, duration_ms } => {
            tracing::info!(target: "migrations", migration = file, duration_ms, "a migration is applied");
        }
    }
}
