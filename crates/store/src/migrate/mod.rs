//! Migrations: a folder of SQL files, and the database that they make.
//!
//! # What
//! [`files`] finds the files; [`status`] compares them with what the database remembers; [`Migrator`] applies what is pending, each
//! file in a transaction of its own, one runner at a time. PostgreSQL runs the text as it is. For SQLite every statement is applied to
//! the [`crate::Catalog`] and translated ([`ddl`]), and the file as a whole is judged before anything of it runs: what cannot be had is
//! refused with file, line, reason and way out, and leaves the database as it was. [`lint`] reads the pending files with an
//! operator's eyes, for both engines. [`house`] keeps the house's own tables.
//!
//! # Invariants
//! A file is applied as a whole or not at all, and remembered with its checksum in the same transaction. An applied file that changed
//! or vanished stops everything until somebody decides. On SQLite the catalog and a hash of the schema are written in that
//! transaction too, so that a schema changed behind our back is noticed.

pub mod ddl;
mod failure;
pub mod files;
pub mod house;
mod initial;
pub mod lint;
mod names;
pub mod postgres;
pub mod sqlite;
mod status;
pub(crate) mod walk;

use std::sync::Arc;

use crate::catalog::Catalog;

pub use failure::{MigrationError, Refusal};
pub use files::{File, FileError, Folder, discover};
pub use status::{Applied, Entry, State, Status};

/// What a run tells while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A file begins.
    File {
        /// The file's name.
        file: &'a str,
        /// Which of the pending files, from 1.
        index: usize,
        /// How many are pending.
        total: usize,
        /// How many statements it has.
        statements: usize,
    },
    /// A statement begins.
    Statement {
        /// The file's name.
        file: &'a str,
        /// Which statement, from 1.
        index: usize,
        /// How many there are in the file.
        total: usize,
        /// Where it begins, counted from 1.
        line: u32,
        /// What it is: `create table`; on PostgreSQL its first word.
        kind: &'a str,
    },
    /// Something was accepted without effect, or is worth knowing.
    Notice {
        /// The file's name.
        file: &'a str,
        /// The statement's line.
        line: u32,
        /// What.
        text: &'a str,
    },
    /// A file is in the database.
    Applied {
        /// The file's name.
        file: &'a str,
        /// How long it took.
        duration_ms: i64,
    },
}

/// What a run did.
#[derive(Debug)]
pub struct Outcome {
    /// The files that were applied, in order.
    pub applied: Vec<Applied>,
    /// The catalog afterwards, on SQLite; on PostgreSQL it is read from the server.
    pub catalog: Option<Arc<Catalog>>,
    /// What is worth knowing about the folder.
    pub notices: Vec<String>,
}

/// Brings a database to where a folder wants it.
#[derive(Clone, Copy, Debug)]
pub struct Migrator<'f> {
    folder: &'f Folder,
    out_of_order: bool,
}

impl<'f> Migrator<'f> {
    /// For this folder.
    pub fn new(folder: &'f Folder) -> Self {
        Self { folder, out_of_order: false }
    }

    /// Applies files numbered before the last applied one too, as teams that merge branches need.
    #[must_use]
    pub fn out_of_order(mut self, allowed: bool) -> Self {
        self.out_of_order = allowed;
        self
    }

    /// Refuses to begin when folder and database tell different stories.
    fn judge_status(&self, status: &Status) -> Result<(), MigrationError> {
        let mut status = status.clone();
        if self.out_of_order {
            for entry in status.entries.iter_mut().filter(|entry| entry.state == State::OutOfOrder) {
                entry.state = State::Pending;
            }
        }
        let nothing_to_do = status.count(State::Pending) == 0 && status.count(State::OutOfOrder) == 0;
        let drift = if nothing_to_do { None } else { status.drift.clone() };
        match status.conflict().or(drift) {
            Some(conflict) => Err(MigrationError::Conflict(conflict)),
            None => Ok(()),
        }
    }
}
