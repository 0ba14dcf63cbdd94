//! The PostgREST dialect as pure stages, each of which may reject its own kind of mistake.
//!
//! # What
//! `/rest/v1`: reads, embeds and writes over the tables and views of the exposed schemas, spoken as PostgREST speaks it (the wire
//! contract's sections are cited in the modules).
//!
//! # Words
//! A *request* is HTTP words parsed ([`request`]); a *plan* is a request held against the catalog, a tree of *levels* ([`plan`]); a *compiled*
//! level is a statement with its output places ([`compile`]); *rows* are its answer, written straight to bytes ([`rows`]).
//!
//! # Invariants
//! - No literal of a request stands in a statement's text: all are parameters, and names are quoted and known to the catalog.
//! - A page costs one statement per embedded level, never one per row.
//! - One request, one transaction: what an error answers to has changed nothing.
//!
//! # Walk
//! [`service::Data::handle`]: parse → plan → compile → run → present.
//!
//! # Not here
//! Tokens (crypto), grants and policies (policy), SQLite's spelling of SQL (store).

mod cache;
pub mod compile;
mod failure;
mod grouped;
mod json;
#[cfg(test)]
mod no_text;
pub mod openapi;
pub mod plan;
pub mod relationships;
pub mod request;
pub mod rows;
pub mod service;
mod tree;
mod write;

pub use failure::Failure;
pub use service::{Answer, Caller, Config, Data};
