//! What replays cases: the servers they ask, and the differences that are known.

pub(crate) mod known;
pub(crate) mod places;
