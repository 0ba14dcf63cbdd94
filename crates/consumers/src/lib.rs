//! Groups of consumers that share the log of events: each event is delivered until somebody says it is done, in order per key.
//!
//! # What
//! Durable groups over the log of the events room. A group remembers how far it has read, what it has handed out and what was not
//! acknowledged; consumers come and go. Names are those of NATS `JetStream` (durable, ack wait, max deliver, filter subject).
//!
//! # Words
//! A *group* is called by its `durable` name and has *partitions*: events of one key are always of one. Its *cursor* in a partition is the
//! position up to which it has read. What it has read and nobody has acknowledged is *held*: *waiting* for its turn, *leased* to a consumer for
//! as long as `ack_wait` says, or *delayed* after a `nack`. A *lease* is what a consumer acknowledges with. A *dead letter* is an event that
//! was delivered `max_deliver` times in vain, kept with the reason.
//!
//! # Invariants
//! - An event that the group's filters let through is not read yet, held, a dead letter or acknowledged: it never leaves this path by itself.
//! - Of the events of one key at most one is leased or delayed, and it is the first that is held.
//! - Delivered is what was committed as delivered, so a crash forgets no lease and no count.
//! - What is held, leased, handed out at once and kept as dead letters is bounded.
//! - What the log forgot before the group read it is counted as missed, never passed over in silence.
//!
//! # Walk
//! [`Consumers`] has the use cases: a group's life in `service`, [`Consumers::pull`] in `deliver`, acknowledging in `settle`, what failed for good
//! in `dead`. [`Inbox`] is the header by which a consumer's write and its acknowledgement become one unit. `rules` decides, `store` has the SQL, [`present`] what the wire sees.
//!
//! # Not here
//! Who may consume (`server`); the log itself (`events`).

mod dead;
mod deliver;
mod error;
mod inbox;
mod model;
pub mod present;
mod rules;
mod service;
mod settle;
mod store;

pub use error::{CODES, ConsumersError, GROUP_NOT_FOUND, GROUPS_FULL, LETTER_NOT_FOUND, PARTITIONS_FIXED};
pub use inbox::Inbox;
pub use model::{
    Ask, Created, DeadLetter, Delivery, Durable, Group, Partition, Pulled, Seek, Settings, Settled, Start, Status,
    Wanted,
};
pub use service::{Config, Consumers};
pub use store::{QUERIES, TABLES};
