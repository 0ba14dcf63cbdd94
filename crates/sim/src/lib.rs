//! sim: worlds made from seeds, and what must hold in them.
//!
//! # What
//! [`matrix`] makes small apps with row security and requests to them, and compares the two engines, PostgreSQL being the oracle.
//! [`writer`] runs the embedded engine's writer under crashes, failures and panics; [`units`] idempotency, events and
//! the audit log together. Nothing of it ships.
//!
//! # Invariants
//! The same seed makes the same world. Every finding is printed with its seed.

mod dice;
pub mod matrix;
pub mod units;
pub mod writer;

pub use dice::Dice;
