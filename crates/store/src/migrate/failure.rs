//! Why migrations stopped: which file, where in it, for which reason, and the way out.

use std::fmt;

use crate::error::SqlError;
use crate::migrate::files::FileError;

/// What can stop a migration run. Whatever it is, the file concerned has left nothing behind; files before it stay applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The folder cannot be used.
    #[error(transparent)]
    Files(#[from] FileError),
    /// A statement was refused.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The database and the folder tell different stories.
    #[error("{0}")]
    Conflict(String),
    /// Another process is migrating this database.
    #[error("another process is migrating this database; wait for it to finish and run again")]
    Locked,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] crate::Error),
}

/// A refused statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The file's name in its folder.
    pub file: String,
    /// The line where the trouble is, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// What kind of statement: `create table`. Empty when it could not be read.
    pub statement: String,
    /// SQLSTATE, message, detail, and the way out as its hint.
    pub reason: SqlError,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.statement.is_empty() {
            write!(f, "{}: ", self.statement)?;
        }
        write!(f, "{} ({})", self.reason.message, self.reason.code)?;
        if let Some(detail) = &self.reason.detail {
            write!(f, "\n  {detail}")?;
        }
        if let Some(hint) = &self.reason.hint {
            write!(f, "\n  {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for MigrationError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

/// Line and column (in characters, from 1) of a byte of a text.
pub(crate) fn place(text: &str, offset: usize) -> (u32, u32) {
    let end = (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let before = &text[..end];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        for (offset, want) in [(0, (1, 1)), (3, (1, 3)), (4, (2, 1)), (99, (2, 3))] {
            assert_eq!(place("éa\nbc", offset), want, "{offset}");
        }
    }

    #[test]
    fn a_refusal_says_where_why_and_what_to_do() {
        let refusal = Refusal {
            file: "0001_a.sql".to_owned(),
            line: 3,
            column: 1,
            statement: "do".to_owned(),
            reason: SqlError::new("0A000", "PL/pgSQL cannot run on SQLite").hint("Write plain SQL."),
        };
        assert_eq!(
            refusal.to_string(),
            "0001_a.sql:3:1: do: PL/pgSQL cannot run on SQLite (0A000)\n  Write plain SQL."
        );
    }
}
