//! The room's nouns.

use events::Logged;
use kernel::Micros;
use serde::{Deserialize, Serialize};

use crate::error::ConsumersError;

/// The longest name of a group.
const NAME_MAX: usize = 64;

/// The name of a group: letters, digits, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durable(String);

impl Durable {
    /// Reads a name.
    ///
    /// # Errors
    /// When it is empty, longer than 64 characters or has others.
    pub fn parse(text: &str) -> Result<Self, ConsumersError> {
        let fits = (1..=NAME_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ConsumersError::field("durable", "1 to 64 letters, digits, _ or -"))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a group is asked to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Into how many partitions its events fall; fixed when it is made.
    pub partitions: u32,
    /// How long a consumer has for an event, in milliseconds.
    pub ack_wait_ms: i64,
    /// How often an event is delivered at most.
    pub max_deliver: i64,
    /// How many events may be out at once.
    pub max_ack_pending: i64,
    /// Subjects it wants, `public.*` or `public.>`; all when empty.
    pub filter_subjects: Vec<String>,
    /// Types it wants, `data.row.*`; all when empty.
    pub filter_types: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            partitions: 8,
            ack_wait_ms: 30_000,
            max_deliver: 5,
            max_ack_pending: 1_000,
            filter_subjects: Vec::new(),
            filter_types: Vec::new(),
        }
    }
}

/// A request for a group; what is left out is as it was, or as groups are by default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "Settings and Start say what each is")]
pub struct Wanted {
    pub partitions: Option<u32>,
    pub ack_wait_ms: Option<i64>,
    pub max_deliver: Option<i64>,
    pub max_ack_pending: Option<i64>,
    pub filter_subjects: Option<Vec<String>>,
    pub filter_types: Option<Vec<String>>,
    pub deliver_policy: Option<Start>,
    pub opt_start_seq: Option<i64>,
    pub opt_start_time: Option<String>,
}

/// Where a new group begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// With the first event that the log still has.
    All,
    /// With the next one that comes.
    New,
    /// With the one at `opt_start_seq`.
    ByStartSequence,
    /// With the first of `opt_start_time` or later.
    ByStartTime,
}

/// Where a group goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seek {
    /// With the first event that the log still has.
    First,
    /// With the next one that comes.
    End,
    /// With the one that follows this position.
    After(i64),
    /// With the first of this time or later.
    Since(Micros),
}

impl Seek {
    /// To a time as text; `path` names it where it is none.
    ///
    /// # Errors
    /// When it is none.
    pub fn since(path: &str, text: &str) -> Result<Self, ConsumersError> {
        let read = values::datetime::input_timestamptz(text, &values::Session::default()).ok();
        let at = read.filter(|at| values::datetime::is_finite(*at));
        at.map(|at| Self::Since(Micros(at))).ok_or_else(|| ConsumersError::field(path, "a time, 2026-01-31T12:00:00Z"))
    }
}

/// A group as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub durable: String,
    /// What it was asked to be.
    pub settings: Settings,
    /// When it was made, microseconds since 1970 UTC.
    pub created_at: i64,
}

/// Whether asking for a group made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New,
    /// It was there and is otherwise now.
    Changed,
    /// It was there like this.
    Same,
}

/// How a group stands in one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// The position up to which it has read.
    pub cursor: i64,
    /// Events it has not read, and events that are held: how far behind it is.
    pub lag: i64,
    /// Events that are held and were never delivered, or not since they were put back.
    pub waiting: i64,
    /// Events that were delivered and are not acknowledged: leased or delayed.
    pub pending: i64,
    /// Positions that the log had forgotten before the group read them.
    pub missed: i64,
}

/// How a group stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Which, and what it was asked to be.
    pub group: Group,
    /// By partition.
    pub partitions: Vec<Partition>,
    /// Dead letters.
    pub dead: i64,
    /// Whether `lag` is exact. When it is not, it is at most that.
    pub exact: bool,
}

/// What a consumer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// How many events at most.
    pub max: u32,
    /// Of one partition only.
    pub partition: Option<u32>,
}

/// An event handed to a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What it is acknowledged with.
    pub lease: String,
    /// How often it was delivered, this time included.
    pub number: i64,
    /// Its partition.
    pub partition: u32,
    /// Its place in the log.
    pub position: i64,
    /// The event as the wire has it, a JSON object.
    pub event: String,
}

/// What a pull came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulled {
    /// The events.
    pub deliveries: Vec<Delivery>,
    /// Events that became dead letters on the way.
    pub died: u64,
}

/// What acknowledging came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Leases that were valid, and are not any more (but for `in-progress`).
    pub done: Vec<String>,
    /// Leases that are not, because time was over and the event went to somebody else, or because it was done before.
    pub stale: Vec<String>,
    /// How many of them became dead letters.
    pub died: u64,
}

/// An event that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its place in the log.
    pub position: i64,
    /// Its partition.
    pub partition: u32,
    /// What it is in order with.
    pub key: String,
    /// How often it was delivered.
    pub delivered: i64,
    /// Why.
    pub reason: String,
    /// When it was given up, microseconds since 1970 UTC.
    pub at: i64,
    /// The event as the wire has it; `None` when the log had forgotten it.
    pub event: Option<String>,
}

/// An event's form on the wire.
pub(crate) fn body_of(event: &Logged) -> String {
    let mut out = Vec::with_capacity(event.data.len() + 512);
    events::present::write(event, &mut out);
    // Made of texts.
    String::from_utf8(out).unwrap_or_default()
}
