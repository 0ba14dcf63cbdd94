//! What data of an event has to look like: JSON Schema by type and version, and which new version may follow an old one.
//!
//! # What
//! A registry. A type of event may have versions of a schema, 1, 2, 3; events of that type are judged by the latest one, or by the one
//! they name. A new version is held against those before it, as strictly as the type asks.
//!
//! # Words
//! A *version* is a schema under a type and a number. A type's *compatibility* says what a new version must keep: *backward*: whoever reads with the new
//! schema understands what was written under the old one; *forward*: whoever reads with the old one understands what is written under the new
//! one; *full*: both; *transitive*: not with the last version only but with all.
//!
//! # Invariants
//! - A version that was registered never changes, and its number is never given to another one.
//! - What the registry calls compatible is: each document that is valid under the one schema is valid under the other. It may refuse what
//!   would be compatible; it never takes what is not. *(the property in `compare`)*
//! - Judging needs nothing but the registry: no reference is followed out of a schema, and no pattern can take long.
//!
//! # Walk
//! [`Schemas::judge`] judges an event; [`register`], [`remove`] and [`set_compatibility`] change the registry inside a unit; `compare` has the
//! comparison of two schemas; [`Schemas::refresh`] sees to it that what others changed is known here.
//!
//! # Not here
//! Who may change the registry, and its routes (`server`).

mod compare;
mod error;
mod keywords;
mod model;
mod rules;
mod service;
mod store;

pub use error::{CODES, DATA_REFUSED, INCOMPATIBLE, SCHEMA_INVALID, VERSION_TAKEN};
pub use model::{Compatibility, Finding, Kind, Version};
pub use rules::{decoded, named};
pub use service::{Refused, Registered, Registry, Schemas, register, remove, set_compatibility};
pub use store::{QUERIES, TABLES, is_current};
