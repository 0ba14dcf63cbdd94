//! HTTP words in, request model out: the pure first stage of the PostgREST dialect.
//!
//! No IO, no catalog, no SQL. Every check that needs only the request itself happens here and fails with the dialect's
//! own code; whatever needs the catalog is left to the plan.

mod body;
mod codes;
mod conditions;
mod csv;
mod cursor;
mod error;
mod filter;
mod json;
mod limits;
mod logic;
mod media;
pub mod model;
mod order;
pub mod pairs;
mod parts;
pub mod payload;
mod prefer;
mod print;
mod query;
pub mod range;
mod select;
mod shape;
pub mod sqlstate;
mod wishes;

pub use body::parse_body;
pub use error::{ApiError, Details, Verbosity, write_json_string};
pub use filter::{array_elements, parse_filter_key, parse_filter_or_argument, parse_filter_value};
pub use limits::Limits;
pub use logic::parse_logic;
pub use media::{parse_accept, parse_media_type};
pub use model::*;
pub use order::parse_order;
pub use parts::{
    Parts, RequestConfig, choose_schema, content_location, location, parse, parse_method, parse_path, put_key,
    put_one_row,
};
pub use payload::{Cell, Payload, PayloadKind};
pub use prefer::parse_prefer;
pub use print::{print_filter, print_logic, print_order, print_select};
pub use query::parse_query;
pub use range::ContentRange;
pub use select::{parse_columns, parse_on_conflict, parse_select};
pub use shape::shape_key;
pub use sqlstate::status_for_sqlstate;

#[cfg(test)]
mod tests;
