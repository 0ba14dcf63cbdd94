//! # kernel: the words every room speaks
//!
//! ## What
//! Ids, time, randomness, failures, trace context, retries and secrets: plain values and two ports, with no IO beyond the
//! system's clock and its random source, no async, no SQL, no HTTP.
//!
//! ## Words
//! *Code*: one row of a room's failure table. *Error*: what leaves a room when it fails. *Noun*: what an [`Id`] names.
//! *Micros*: a point in time. *Port*: a trait the house hands in, so that a test can hand in another.
//!
//! ## Invariants
//! - The system's clock and random source are touched in [`time`] and [`random`] and nowhere else in the house.
//! - A [`Secret`] cannot reach a log: neither `Debug` nor `Display` print it, and it does not serialize.
//! - An id, a time and a trace context have one text each: what prints, parses back to the same value.
//!
//! ## Walk
//! Start with [`Error`] and [`Code`], then [`Id`] and [`Micros`], then [`trace`].
//!
//! ## Not here
//! Status lines and headers (`web`), transactions (`store`), logging (`telemetry`).

pub mod error;
pub mod id;
pub mod random;
pub mod retry;
pub mod secret;
pub mod time;
pub mod trace;

pub use error::{Code, Error, FieldError, Result, Retry};
pub use id::{Id, Noun, RequestId};
pub use random::{Random, SeededRandom, SystemRandom};
pub use retry::{RetryBudget, RetryPolicy};
pub use secret::Secret;
pub use time::{Clock, Deadline, ManualClock, Micros, SystemClock};
pub use trace::{TraceContext, TraceParent};
