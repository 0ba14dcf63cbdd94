//! `numeric`: exact decimals held as the text PostgreSQL prints.
//!
//! Every function takes and gives canonical texts (`-12.50`, `NaN`, `Infinity`), so that the engine can register them as
//! they are. Results are bounded by [`DIGITS_MAX`] digits before the point and [`SCALE_MAX`] after it.

mod arith;
mod big;
mod math;
mod sum;
mod text;

pub use arith::{abs, add, ceil, div, div_trunc, floor, modulo, mul, neg, round, scale, sign, sub, trim_scale, trunc};
pub use math::{exp, ln, log, log10, power, sqrt};
pub use sum::Sum;
pub use text::{apply_modifier, canonical, compare, from_f32, from_f64, from_i64, to_f64, to_i64};

/// The most digits before the point; PostgreSQL allows 131,072.
pub const DIGITS_MAX: usize = 20_000;

/// The most digits after the point, PostgreSQL's own bound.
pub const SCALE_MAX: usize = 16_383;

fn overflow() -> crate::ValueError {
    crate::ValueError::new("22003", "value overflows numeric format")
}
