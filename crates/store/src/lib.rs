//! The store: two engines behind one door.

pub mod catalog;
mod conn;
mod error;

pub use catalog::Catalog;
pub use conn::{Connection, Engine, Lane, Param, Row, Scope};
pub use error::{Error, Result, SqlError};
