//! Functions on strings. Positions and lengths count characters, from one; results are bounded by [`BYTES_MAX`].

mod digest;
mod edit;
mod format;
mod like;
mod regexp;

pub use digest::{decode, encode, md5, md5_text};
pub use edit::{
    ascii, chr, concat_ws, initcap, left, lower, lpad, overlay, repeat, replace, reverse, right, rpad, split_part,
    starts_with, strpos, substring, to_hex, translate, trim_both, trim_end, trim_start, upper,
};
pub use format::format;
pub use like::{Like, ilike, like, similar_to_regex};
pub use regexp::{Flags, Regexp};

/// The longest string a function here makes.
pub const BYTES_MAX: usize = 64 << 20;

fn too_long() -> crate::ValueError {
    crate::ValueError::limit("requested length too large")
}
