//! # telemetry: what the house says about itself
//!
//! ## What
//! Log lines, the request they belong to, metrics, and the one way to spawn a task.
//!
//! ## Words
//! *Context*: the request (and trace) on whose behalf code runs now; every log line carries it. *Family*: one metric name with
//! its label names. *Series*: one set of label values of a family. *Sink*: where lines wait for the writer thread.
//!
//! ## Invariants
//! - Nothing here waits for the outside: a log line that finds the sink full is dropped and counted, never waited for.
//! - Counting is an atomic addition; the lock of a family is taken only to make a series or to render.
//! - A family has at most [`metrics::SERIES_MAX`] series; what comes after counts under `other`.
//! - A task's panic is logged under the task's name, and its context follows it.
//!
//! ## Walk
//! [`log::init`] once at start; [`metrics::Registry`] handed to the rooms; [`context::scope`] around a request; [`spawn`].
//!
//! ## Not here
//! The `/metrics` route (`web` and `server`), OTLP (`observe`).

pub mod context;
pub mod log;
pub mod metrics;
pub mod process;
mod sink;
mod task;

pub use context::Context;
pub use metrics::{Counter, Gauge, Histogram, Registry};
pub use sink::Sink;
pub use task::{panic_text, spawn};
