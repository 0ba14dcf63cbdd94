//! PostgreSQL's types and values, without a database.
//!
//! How each type is stored on SQLite, read from text and from JSON, printed as text and as JSON, compared and computed,
//! exactly as PostgreSQL 15 does it (UTF-8, C collation, `DateStyle` ISO, `IntervalStyle` postgres). Pure: no clock, no IO;
//! what depends on a session (its time zone, the transaction's time) comes in as a [`Session`].
//!
//! **Words.** A *stored form* is what a SQLite cell holds ([`Value`], [`ValueRef`]); an *input* is PostgreSQL's text
//! syntax for a type; *text* is PostgreSQL's output.
//!
//! | type | stored form |
//! |---|---|
//! | boolean | INTEGER 0 or 1 |
//! | integers | INTEGER |
//! | floats | REAL; NaN as TEXT `NaN`, because SQLite turns a NaN into NULL |
//! | numeric | TEXT, exactly as PostgreSQL prints it |
//! | bytea | BLOB |
//! | date, time | TEXT `2020-01-31`, `23:59:59.000000` |
//! | timestamp | TEXT `2020-01-31 23:59:59.000000`, or `infinity`, `-infinity` |
//! | timestamptz | the same in UTC with a `Z` at the end |
//! | jsonb | TEXT in jsonb's own output form |
//! | arrays | TEXT: JSON, each element in its own stored form (numerics and dates as strings) |
//! | ranges | TEXT, canonical, bounds in their stored form without quotes |
//! | all others | TEXT, as PostgreSQL prints them |
//!
//! **Invariants.** `input(ty, text(x)) == x` for every stored `x`; [`compare`] is a total order and agrees with SQLite's
//! order under the collation that [`Type::collation`] names; nothing here panics on any input, and every size is bounded.

#![expect(
    clippy::many_single_char_names,
    reason = "short functions over digits, bytes and bounds: a and b, x and y say as much as any name"
)]

pub mod array;
mod bytea;
mod cast;
pub mod datetime;
mod error;
pub mod float;
pub mod fts;
mod input;
pub mod json;
mod network;
pub mod numeric;
mod order;
mod print;
#[cfg(test)]
mod properties;
pub mod quote;
pub mod range;
#[cfg(test)]
mod seeded;
mod sink;
pub mod string;
mod types;
mod value;

pub use cast::cast;
pub use error::{Result, ValueError};
pub use input::{from_json, from_json_in, input, input_in, uuid};
pub use order::{Collation, collation, compare};
pub use print::{write_csv_field, write_json, write_json_in, write_json_string, write_text, write_text_in};
pub use types::{CastContext, EnumType, Family, RangeKind, Storage, Type};
pub use value::{Value, ValueRef};

/// What a value's reading and printing takes from the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Session {
    /// The transaction's time in microseconds since 1970-01-01 UTC, for `now`, `today` and the like; without it they are
    /// refused, so that nothing reads a clock behind a test's back.
    pub now_us: Option<i64>,
    /// The time zone.
    pub zone: datetime::Zone,
}

impl Session {
    /// UTC, with this time as `now`.
    pub fn at(now_us: i64) -> Self {
        Self { now_us: Some(now_us), zone: datetime::Zone::UTC }
    }
}
