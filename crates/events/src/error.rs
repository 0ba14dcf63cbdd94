//! The room's failures.

use kernel::{Code, Retry};

/// The place that a reader names is no longer in the log.
pub const GONE: Code =
    Code { name: "events.gone", status: 410, title: "These events are forgotten", retry: Retry::Never };

/// All of them.
pub const CODES: &[&Code] = &[&GONE];
