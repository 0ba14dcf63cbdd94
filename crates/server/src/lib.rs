//! # server: the house put together, and its command line
//!
//! ## What
//! [`house`] composes every room into a server; [`cli`] is the binary `mainstay`; [`config`] is where settings come from.
//!
//! ## Words
//! *App*: a folder with migrations and settings. *Data folder*: where an app's database and generated secret live. *Keys*: the two tokens
//! that the house issues itself.
//!
//! ## Invariants
//! - A house that has started answers; one that cannot start has said why and what to do, and ends with a code that scripts can trust.
//! - No secret is printed but by the commands that are asked for it (`serve`, `keys`).
//! - Every key of the configuration is in one table, which reads, checks, shows and documents it.
//!
//! ## Walk
//! [`house::House::start`], then [`routes`], then [`front`] and [`caller`].
//!
//! ## Not here
//! The dialect (`data`), HTTP (`web`), engines and migrations (`store`).

pub mod audit;
pub mod caller;
pub mod cli;
pub mod config;
pub mod consumers;
pub mod database;
mod describe;
pub mod failure;
mod feed;
pub mod front;
pub mod house;
pub mod intake;
pub mod keys;
mod measures;
pub mod reconcile;
pub mod routes;
pub mod schemas;
mod sight;
pub mod stream;
pub mod study;
mod workers;

pub use config::{App, Settings};
pub use database::unwatched;
pub use failure::Failure;
pub use house::{House, Running};
