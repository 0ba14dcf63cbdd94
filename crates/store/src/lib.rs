//! The store: two engines behind one door.

pub mod builtins;
pub mod catalog;
mod conn;
mod error;
pub mod house;
pub mod migrate;
pub mod postgres;
pub mod sqlite;
mod store;
pub mod translate;
mod tx;

pub use catalog::Catalog;
pub use conn::{Connection, Engine, Lane, Param, Row, Scope};
pub use error::{Error, Result, SqlError};
pub use store::Store;
pub use tx::{Event, Origin, Participant, Participants, Tx, Unit, UnitId};
