//! JSON and jsonb.

mod jsonb;
mod ops;
mod scan;

pub use jsonb::{compare, normalise};
pub use ops::*;
pub use scan::{DEPTH_MAX, Json, elements, members, unquote, validate};
