//! The room's failures.

use kernel::{Code, Retry};

/// The place that a reader names is no longer in the log.
pub const GONE: Code =
    Code { name: "events.gone", status: 410, title: "These events are forgotten", retry: Retry::Never };

/// What was sent is no event.
pub const EVENT_INVALID: Code =
    Code { name: "events.event_invalid", status: 400, title: "This is not a CloudEvent", retry: Retry::Never };
/// It was sent in a format that is not read here.
pub const FORMAT_UNKNOWN: Code = Code {
    name: "events.format_unknown",
    status: 415,
    title: "Events are not read in this format",
    retry: Retry::Never,
};
/// One event, or the list of them, is larger than is taken.
pub const TOO_LARGE: Code =
    Code { name: "events.too_large", status: 413, title: "This is more than is taken at once", retry: Retry::Never };
/// As many events as can be worked on are being worked on.
pub const BUSY: Code =
    Code { name: "events.busy", status: 429, title: "Events come faster than they can be taken", retry: Retry::Safe };

/// All of them.
pub const CODES: &[&Code] = &[&GONE, &EVENT_INVALID, &FORMAT_UNKNOWN, &TOO_LARGE, &BUSY];
