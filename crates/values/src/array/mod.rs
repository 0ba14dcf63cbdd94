//! Arrays: held as JSON, each element in its own stored form.

mod literal;
mod ops;

pub(crate) use literal::needs_quotes;
pub use literal::{element, from_json_array, parse, push_element};
pub use ops::*;
