//! A transaction is a function: what it may do beside running statements, and who follows it before it commits.

use std::borrow::Cow;
use std::sync::Arc;

use kernel::{Id, Micros, Noun, Random};

use crate::conn::{Connection, Row, Scope};
use crate::error::{Error, Result};
use crate::house::{Query, read_text};

/// Names units of work.
#[derive(Clone, Copy, Debug)]
pub enum UnitNoun {}

impl Noun for UnitNoun {
    const PREFIX: &'static str = "unit";
}

/// The id of a unit: `unit_01J…`. The same when its function runs again.
pub type UnitId = Id<UnitNoun>;

/// Something that happened inside a transaction function. Participants turn it into rows of their own in the same unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `module.noun.past_participle`, e.g. `data.row.inserted`.
    pub kind: Cow<'static, str>,
    /// What it happened to, e.g. `public.artist`.
    pub subject: Arc<str>,
    /// What it is in order with: events of one key keep theirs. The subject and, for a row, its primary key: `public.artist/1`.
    pub key: String,
    /// Particulars as a JSON object.
    pub data: String,
}

impl Event {
    /// The event that a row tells, as [`Participant::gathers`] has it.
    pub(crate) fn of_row(row: &dyn Row) -> Result<Self> {
        let word = |column| Ok::<_, Error>(read_text(row, column)?.unwrap_or_default());
        Ok(Self { kind: word(0)?.into(), subject: word(1)?.into(), key: word(2)?, data: word(3)? })
    }
    /// An event that is in order with all others of its subject.
    pub fn new(kind: impl Into<Cow<'static, str>>, subject: impl Into<Arc<str>>, data: impl Into<String>) -> Self {
        let subject = subject.into();
        Self { kind: kind.into(), key: subject.to_string(), subject, data: data.into() }
    }
}

/// What came of a transaction function that is about to be kept, for its participants.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'u> {
    /// Its id.
    pub id: UnitId,
    /// Transaction time, microseconds since 1970 UTC.
    pub at: i64,
    /// Who asked, and for what.
    pub scope: &'u Scope,
    /// What happened, in order: changes of rows first, then what rooms said.
    pub events: &'u [Event],
    /// So many of them, from the first, are written down already: PostgreSQL does that by itself.
    pub written: usize,
}

/// The request a unit belongs to, for those who look into it later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The request's id.
    pub request: String,
    /// Its place in its trace: a W3C `traceparent`.
    pub trace: String,
    /// Who was at the other end of the connection.
    pub peer: String,
}

impl Scope {
    /// Who and where, as one JSON object that stands beside each event of a unit: `actor` (`role`, `sub`), `request`, `trace`.
    pub fn context(&self) -> String {
        let mut out = Vec::with_capacity(192);
        out.extend_from_slice(b"{\"actor\":{\"role\":");
        values::write_json_string(self.role.as_deref().unwrap_or("mainstay"), &mut out);
        if !self.subject.is_empty() {
            out.extend_from_slice(b",\"sub\":");
            values::write_json_string(&self.subject, &mut out);
        }
        out.push(b'}');
        if let Some(origin) = &self.origin {
            out.extend_from_slice(b",\"request\":");
            values::write_json_string(&origin.request, &mut out);
            out.extend_from_slice(b",\"trace\":");
            values::write_json_string(&origin.trace, &mut out);
        }
        out.push(b'}');
        // Made of texts.
        String::from_utf8(out).unwrap_or_default()
    }
}

/// Follows every transaction function, inside its own savepoint, in the order the house lists them.
pub trait Participant: Send + Sync {
    /// A short name for logs.
    fn name(&self) -> &'static str;
    /// The statement that tells the changes which the database took down by itself under a unit: its parameter is the unit's id, its columns are
    /// an event's kind, subject, key and data, in order. Asked where the engine is not in this process; at most one participant has one.
    fn gathers(&self) -> Option<&'static Query> {
        None
    }
    /// Could [`Participant::prepare`] follow a unit of this scope, now (microseconds since 1970 UTC), without asking the connection anything. Where
    /// an answer costs a flight, such units go a shorter way.
    fn flies(&self, scope: &Scope, now: i64) -> bool {
        let _ = (scope, now);
        true
    }
    /// Follows one transaction function; may refuse it, and then nothing of it remains. Sees all its events. What need not be
    /// waited for is best sent with [`Connection::send`].
    fn prepare(&self, conn: &mut dyn Connection, unit: &Unit<'_>) -> Result<()>;
    /// Follows one physical commit; sees the events of all functions in it; must not refuse on business grounds.
    fn seal(&self, conn: &mut dyn Connection, group: &[Event]) -> Result<()> {
        let _ = (conn, group);
        Ok(())
    }
    /// What was prepared is committed, along with others perhaps. Called on a thread that others wait for: for waking somebody up.
    fn committed(&self) {}
}

/// The participants, in order.
pub type Participants = Arc<[Arc<dyn Participant>]>;

/// A read-write transaction as its function sees it. The function is synchronous and may be run again (after a serialisation
/// failure, or when another function of its group broke the group), so it must have no effect but through this value.
pub struct Tx<'a> {
    conn: &'a mut dyn Connection,
    unit: UnitId,
    events: Vec<Event>,
    quiet: Option<&'static str>,
}

impl<'a> Tx<'a> {
    /// Wraps a connection for the length of one transaction function.
    pub(crate) fn new(conn: &'a mut dyn Connection, unit: UnitId) -> Self {
        Self { conn, unit, events: Vec::new(), quiet: None }
    }
    /// The connection, to run statements on.
    pub fn conn(&mut self) -> &mut dyn Connection {
        self.conn
    }
    /// The unit this is; the same when the function runs again.
    pub fn unit(&self) -> UnitId {
        self.unit
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

/// A new unit's id.
pub(crate) fn new_unit(now: i64, random: &dyn Random) -> UnitId {
    UnitId::new(Micros(now), random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_says_who_and_where() {
        let mut scope = Scope::default();
        assert_eq!(scope.context(), r#"{"actor":{"role":"mainstay"}}"#);
        scope.role = Some(Arc::from("authenticated"));
        scope.subject = Arc::from("a\"b");
        let origin = Origin { request: "r".to_owned(), trace: "00-1".to_owned(), peer: "unix".to_owned() };
        scope.origin = Some(Arc::new(origin));
        let want = r#"{"actor":{"role":"authenticated","sub":"a\"b"},"request":"r","trace":"00-1"}"#;
        assert_eq!(scope.context(), want);
    }
}
