//! testkit: what the rooms share when they test; nothing of it ships.

pub mod postgres;
