//! A transaction is a function: what it may do beside running statements, and who follows it before it commits.

use std::sync::Arc;

use crate::conn::Connection;
use crate::error::Result;

/// Something that happened inside a transaction function. Participants turn it into rows of their own in the same unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `module.noun.past_participle`, e.g. `data.row.inserted`.
    pub kind: &'static str,
    /// What it happened to, e.g. `public.artist`.
    pub subject: String,
    /// Particulars as a JSON object.
    pub data: String,
}

/// Follows every transaction function, inside its own savepoint, in the order the house lists them.
pub trait Participant: Send + Sync {
    /// A short name for logs.
    fn name(&self) -> &'static str;
    /// Follows one transaction function; may refuse it, and then nothing of it remains. Sees all its events.
    fn prepare(&self, conn: &mut dyn Connection, events: &[Event]) -> Result<()>;
    /// Follows one physical commit; sees the events of all functions in it; must not refuse on business grounds.
    fn seal(&self, conn: &mut dyn Connection, group: &[Event]) -> Result<()> {
        let _ = (conn, group);
        Ok(())
    }
}

/// The participants, in order.
pub type Participants = Arc<[Arc<dyn Participant>]>;

/// A read-write transaction as its function sees it. The function is synchronous and may be run again (after a serialisation
/// failure, or when another function of its group broke the group), so it must have no effect but through this value.
pub struct Tx<'a> {
    conn: &'a mut dyn Connection,
    events: Vec<Event>,
    quiet: Option<&'static str>,
}

impl<'a> Tx<'a> {
    /// Wraps a connection for the length of one transaction function.
    pub(crate) fn new(conn: &'a mut dyn Connection) -> Self {
        Self { conn, events: Vec::new(), quiet: None }
    }
    /// The connection, to run statements on.
    pub fn conn(&mut self) -> &mut dyn Connection {
        self.conn
    }
    /// Records that something happened.
    pub fn emit(&mut self, event: Event) {
        self.events.push(event);
    }
    /// Declares that this function changes rows without an event, and why.
    pub fn quiet(&mut self, reason: &'static str) {
        self.quiet = Some(reason);
    }
    /// What happened, and the connection again, for the participants.
    pub(crate) fn finish(self) -> (Vec<Event>, Option<&'static str>) {
        (self.events, self.quiet)
    }
}
