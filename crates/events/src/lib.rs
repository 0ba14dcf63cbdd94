//! What happened: an event for every change of a caller's row, written in the unit that made the change.
//!
//! # What
//! A log of events in one order without gaps, of what happened here and of what others sent. On SQLite the engine tells of each changed row and this room writes it down as the
//! unit's participant; on PostgreSQL triggers do, so that changes made past the house (with psql) are seen as well.
//!
//! # Words
//! An *event* is what one change of one row was: kind, subject, the row before and after. Its *key* says what it is in order with. Its
//! *position* is its place in the log; readers go by positions and by nothing else. A *unit* is the transaction it belongs to. An event
//! that came from outside was *taken*; its data is the whole `CloudEvent`.
//!
//! # Invariants
//! - An event is committed with its change or not at all.
//! - Positions have no gaps, and a position that was read stays what it was. An event that commits late comes later in the log; it is
//!   never put before one that somebody may have read.
//! - Events of one key are in the order of their changes.
//! - What is older than the log goes back is forgotten from its beginning; the last event stays, so no place is given twice.
//! - Each event's link is a hash over all before it: what was edited or removed past the house is found, and where.
//! - Of taken events with one source and id there is one, as long as the log goes back.
//! - Values of columns whose comment says `@sensitive` are not in events.
//!
//! # Walk
//! [`Incoming`] is what came from outside, [`take`] puts it into a unit; [`verify`] goes along the chain of links; [`Recorder`] writes a unit's events; `capture` installs PostgreSQL's triggers; `order` gives positions where the engine does not;
//! [`Events::read`] reads the log and [`Events::wait`] waits for it to grow; [`heads`] and [`at`] read it inside a transaction of another
//! room; [`present`] has an event's form on the wire.
//!
//! # Not here
//! Who may read the log or send to it (`server`); what data has to look like (`schemas`); the audit log.

mod capture;
mod chain;
mod error;
mod intake;
mod look;
mod model;
mod order;
pub mod present;
mod recorder;
mod service;
mod store;

pub use capture::install;
pub use chain::{Fault, Verified, verify};
pub use error::{BUSY, CODES, EVENT_INVALID, FORMAT_UNKNOWN, GONE, TOO_LARGE};
pub use intake::{Incoming, take};
pub use look::{Written, back, recent};
pub use model::{Head, Logged};
pub use recorder::Recorder;
pub use service::{Config, Events};
pub use store::{QUERIES, TABLES, at, first, heads, last, since};
