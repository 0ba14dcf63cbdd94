//! The writer's connection in the hands of one function, for migrations.

use std::ops::Deref;
use std::sync::Arc;

use values::EnumType;

use super::connection::Conn;
use super::error::{Side, translate};
use super::{Shared, session, setup};
use crate::catalog::Sequence;
use crate::conn::Connection;
use crate::error::{Error, Result};

/// Full control: transactions, pragmas and schema are the function's own affair. A transaction that it leaves open is rolled back,
/// and foreign keys are on again afterwards. Dereferences to the connection.
pub struct Exclusive<'c> {
    db: &'c rusqlite::Connection,
    shared: &'c Shared,
}

impl<'c> Exclusive<'c> {
    pub(super) fn new(db: &'c rusqlite::Connection, shared: &'c Shared) -> Self {
        Self { db, shared }
    }

    /// The connection as transaction functions see it; statements need an open transaction.
    pub fn connection(&self) -> impl Connection + use<'c> {
        Conn::new(self.db, self.shared, Side::Writer)
    }

    /// Makes a new or altered enum's order known before the catalog that has it is published, so that tables and indexes can use it.
    pub fn register_enum(&self, labels: &Arc<EnumType>) -> Result<()> {
        setup::enumeration(self.db, labels).map_err(|error| self.error(error))
    }

    /// Makes a new or altered sequence known before the catalog that has it is published.
    pub fn define_sequence(&self, sequence: &Sequence) {
        session::with(|session| session.sequences.get_or_insert_default().define(sequence));
    }

    /// Writes the positions of sequences into the open transaction. Call it before every commit that keeps rows drawn from them.
    pub fn flush_sequences(&self) -> Result<()> {
        let sequences = session::with(|session| session.sequences.take()).unwrap_or_default();
        let flushed = sequences.flush(self.db);
        session::with(|session| session.sequences = Some(sequences));
        flushed.map_err(|error| self.error(error))
    }

    /// A failure of the connection in PostgreSQL's words, the error of a registered function included.
    pub fn error(&self, error: rusqlite::Error) -> Error {
        translate(error, Side::Writer, self.shared.catalog.load().as_deref())
    }
}

impl Deref for Exclusive<'_> {
    type Target = rusqlite::Connection;
    fn deref(&self) -> &rusqlite::Connection {
        self.db
    }
}
