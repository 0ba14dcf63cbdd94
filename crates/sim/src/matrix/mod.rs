//! The row-security matrix: generated apps, generated requests, one answer from both engines.
//!
//! # Walk
//! [`App::generate`] makes tables, grants, policies, functions and views as one migration; [`Request::generate`] makes requests to
//! them as different callers; [`check`] applies the app to both engines, sends the same requests and compares status, headers,
//! code, body and, after each write, the content of every table. PostgreSQL is right by definition.
//!
//! # Not here
//! Texts of messages: codes and statuses must be equal, wording need not be. The order of rows that nothing orders.

mod app;
mod compare;
mod condition;
mod request;
mod world;

pub use app::{App, Caller, Column, Function, Key, Kind, Relation};
pub use compare::{Finding, Report, check};
pub use request::Request;
pub use world::World;
