//! `CloudEvents` 1.0 as bytes: the JSON format and the HTTP binding's binary mode, read and written.
//!
//! # What
//! One event, a batch of them, or headers and a body become a [`CloudEvent`] that keeps its rules, or a [`Fault`] that says what is wrong
//! and where; and a `CloudEvent` becomes those bytes again. Specs `cloudevents/spec`, `formats/json-format` and
//! `bindings/http-protocol-binding`, 1.0.2.
//!
//! # Words
//! *Attributes* are what the event says about itself; those that the specification does not name are *extensions*. *Data* is what it
//! carries. A *mode* is how both travel: structured (one JSON object), batch (an array of them), binary (attributes in headers).
//!
//! # Invariants
//! - A [`CloudEvent`] that was read has an id, a source, a type, and nothing that could not be written in either mode.
//! - JSON data keeps its bytes: it is never taken apart and put together again.
//! - What was read in one mode and written in the other reads as the same event; of an extension's type only the text is left.
//!
//! # Walk
//! [`Mode::of`] reads the content type; [`structured`], [`batch`] and [`binary`] read events; [`CloudEvent::write_json`] and
//! [`CloudEvent::to_binary`] write them; [`Writer`] writes a structured event that nobody has as a [`CloudEvent`].
//!
//! # Not here
//! HTTP itself, who may send what, and what becomes of it.

mod binary;
mod json;
mod media;
mod model;
mod rules;

pub use binary::{Binary, binary};
pub use json::{Batch, BatchFault, Writer, batch, structured};
pub use media::{Mode, is_json};
pub use model::{Attribute, CloudEvent, Data, Fault};

/// The media type of one event in the JSON format.
pub const STRUCTURED: &str = "application/cloudevents+json";
/// The media type of a list of events in the JSON format.
pub const BATCH: &str = "application/cloudevents-batch+json";
