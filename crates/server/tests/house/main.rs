//! A whole house: started, asked, changed under its feet and ended, on both engines.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod chain;
mod consumers;
mod events;
mod idempotency;
mod intake;
mod lifecycle;
mod panics;
mod postgres;
mod queries;
mod reconcile;
mod schemas;
mod sight;
mod stream;
mod support;
mod sweep;
