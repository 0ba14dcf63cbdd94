//! HTTP words in, request model out: the pure first stage of the PostgREST dialect.
//!
//! No IO, no catalog, no SQL. Every check that needs only the request itself happens here and fails with the dialect's
//! own code; whatever needs the catalog is left to the plan.

mod cursor;
mod error;
mod filter;
mod limits;
mod logic;
pub mod model;
mod order;
pub mod pairs;
pub mod payload;
mod prefer;
mod query;
pub mod range;
mod select;
pub mod sqlstate;

pub use error::{ApiError, Details, Verbosity, write_json_string};
pub use filter::{array_elements, parse_filter_key, parse_filter_or_argument, parse_filter_value};
pub use limits::Limits;
pub use logic::parse_logic;
pub use model::*;
pub use order::parse_order;
pub use payload::{Cell, Payload, PayloadKind};
pub use prefer::parse_prefer;
pub use query::parse_query;
pub use range::ContentRange;
pub use select::{parse_columns, parse_on_conflict, parse_select};
pub use sqlstate::status_for_sqlstate;
