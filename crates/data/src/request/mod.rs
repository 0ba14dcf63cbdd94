//! HTTP words in, request model out: the pure first stage of the PostgREST dialect.
//!
//! No IO, no catalog, no SQL. Every check that needs only the request itself happens here and fails with the dialect's
//! own code; whatever needs the catalog is left to the plan.

pub mod model;
pub mod payload;

pub use model::*;
