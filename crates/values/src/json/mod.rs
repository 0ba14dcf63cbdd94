//! JSON and jsonb.

mod jsonb;
mod ops;
mod pick;
mod scan;

pub use jsonb::{compare, normalise};
pub use ops::*;
pub use pick::{
    array_length, as_text, has_all, has_any, has_key, item, item_or_scalar, member, object_keys, path, type_of,
};
pub use scan::{DEPTH_MAX, Json, elements, members, unquote, validate};
