//! Dates, times, timestamps and intervals.
//!
//! Inside, a timestamp is microseconds since 1970-01-01 (`i64::MIN` and `i64::MAX` are the infinities), a date is days
//! since then, a time is microseconds since midnight. Outside, all are their stored texts.

mod civil;
mod compute;
mod fields;
mod format;
mod interval;
mod interval_input;
mod parse;
mod stored;
mod zone;
mod zone_rule;
mod zone_table;

pub use civil::{Civil, civil_of, day_of, days_in_month, iso_week, weekday};
pub use compute::*;
pub use fields::*;
pub use format::{to_char, to_char_interval, to_date, to_timestamp};
pub use interval::{Interval, compare_intervals};
pub use parse::{input_date, input_time, input_timestamp, input_timestamptz, input_timetz};
pub use stored::{
    DATE_INFINITY, DATE_NEG_INFINITY, INFINITY, NEG_INFINITY, compare_timetz, date_days, days_text, push_offset,
    time_text, time_us, timestamp_text, timestamp_us, timestamptz_text, timetz_parts, timetz_text,
};

pub use zone::Zone;

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in a day.
pub const DAY: i64 = 86_400 * SECOND;
