//! Verification of a log from its files alone.

mod independent;
mod log;
mod tampering;
