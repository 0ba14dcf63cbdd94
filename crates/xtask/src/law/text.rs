//! What every Rust file looks like.

use crate::house::{House, shown};

/// Every Rust file opens with `//!`.
pub(super) fn documented(house: &House) -> Vec<String> {
    let broken = house.sources().filter(|(_, source)| !source.text.starts_with("//!"));
    broken.map(|(_, source)| shown(&source.path)).collect()
}

/// No `#[allow(…)]`.
pub(super) fn no_allow(house: &House) -> Vec<String> {
    let mut broken = Vec::new();
    for (_, source) in house.sources() {
        for mark in ["#[allow(", "#![allow("] {
            for (at, _) in source.code.match_indices(mark) {
                broken.push(format!("{}:{}: use #[expect(…, reason = …)]", shown(&source.path), source.line(at)));
            }
        }
    }
    broken
}
