//! HTTP words in, request model out: the pure first stage of the PostgREST dialect.
//!
//! No IO, no catalog, no SQL. Every check that needs only the request itself happens here and fails with the dialect's
//! own code; whatever needs the catalog is left to the plan.
//!
//! **Walk.** [`parse`] takes [`Parts`] through the checks in the dialect's order: [`parse_path`], [`choose_schema`],
//! [`parse_method`], [`parse_query`] (which calls the grammars of `select`, filters, trees and `order`),
//! [`range::root_window`], [`parse_body`]. Each is public, because checks against tokens come before and lookups in the
//! catalog between and after them. What comes out is an [`ApiRequest`] of the words in [`model`]; what fails is an
//! [`ApiError`].
//!
//! **Invariants.** Names and literals are as written: nothing is folded, trimmed beyond the grammar, or rewritten (`*` in
//! LIKE patterns stays until [`like_pattern`]). Every list, depth and length has a bound in [`Limits`]. No input panics.
//! Printing a model and parsing the text gives the model back (`tests/inverse.rs`). [`shape_key`] is equal for requests
//! that differ in literals only.
//!
//! **Stricter than upstream.** Upstream's parsers stop at the first character they do not know and ignore the rest of
//! some parameters, so that `id!=eq.1` means `id=eq.1`, `select=id)x` means `select=id` and `is.nullx` means `is.null`.
//! A rest is an error here: a client never learns of its mistake otherwise, and a lost condition on a DELETE is no
//! trifle. Pairs are split at `&` only, not at `;` as well, so that a `;` inside a value survives. A filter on a JSON key
//! with a dot needs quotes (`data->>"a.b"`), and `columns=` also narrows CSV and form bodies.
//!
//! **More lenient.** Hints that begin with `left` or `inner` (`!left_id`) are hints; blanks are skipped wherever no name
//! can contain them; `limit=abc` is ignored also beside an `offset`; `in.("")` is the list of one empty text, only
//! `in.()` is empty.

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
pub use media::{negotiate, parse_accept, parse_media_type};
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
