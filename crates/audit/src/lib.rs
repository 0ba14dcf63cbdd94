//! # audit: what was done, by whom, and the proof that nobody changed the record
//!
//! ## What
//! An append-only log of acts and refusals as a Merkle tree (RFC 6962), kept as C2SP tiles with signed checkpoints, and its verification
//! from files alone: whoever has the files and the log's public key can say whether an entry was changed, removed, added or moved,
//! and where.
//!
//! ## Words
//! *Record*: one act: who did what to which object, with what outcome. *Entry*: the exact bytes of a record, canonical JSON
//! (RFC 8785), of which the tree is made. *Personal*: what a record says about a person, sealed under a key of that person.
//! *Checkpoint*: the signed word of the log about its size and root. *Finding*: one thing that is wrong with a log, and where.
//!
//! ## Invariants
//! - A record has one entry: what parses prints the same bytes. *([`Record`]'s tests)*
//! - An entry is at most 65,535 bytes; larger details are replaced by their hash. *([`Record`]'s tests)*
//! - Destroying a person's key makes what records say about that person unreadable and changes no entry. *([`personal`]'s tests)*
//! - Whatever is changed in a log's files, verification says so, and where as far as it can be known. *(`tests/offline/tampering.rs`)*
//!
//! ## Walk
//! [`Record`] → [`Record::to_entry`] → [`TileWriter::append`]; reading back: [`verify()`] → [`Report`] → [`Finding`].
//!
//! ## Not here
//! The tree's mathematics, notes and witnesses' decisions (`crypto::tlog`), what happened to rows (`events`), log lines (`telemetry`).

mod align;
mod canonical;
mod error;
mod files;
mod model;
pub mod personal;
mod recorder;
mod refusals;
mod rules;
mod service;
mod store;
mod tree;
mod verify;

pub use error::{AuditError, RecordError};
pub use model::{Actor, Details, Entry, EventsDigest, Outcome, Record};
pub use personal::{Personal, Sealed, SubjectKey};
pub use recorder::{Recorder, digest};
pub use refusals::Refusal;
pub use rules::{Finding, Found, Wanted};
pub use service::{Audit, Witness, WitnessError, append, export, forget, prove, seal_for, search, verify_store};
pub use store::{QUERIES, TABLES};
pub use tree::TileWriter;
pub use verify::{LogFiles, ReadError, Report, Trust, verify};
