//! Error codes.

use std::collections::BTreeMap;

use crate::house::{House, shown};

/// Rooms whose codes have no room's name: kernel's are everyone's words.
const EVERYONES: &str = "kernel";

/// Codes are unique, and `room.noun_state` but for the kernel's.
pub(super) fn named(house: &House) -> Vec<String> {
    let mut broken = Vec::new();
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    for (room, source) in house.sources().filter(|(_, source)| !source.only_for_tests()) {
        let shipped = source.shipped();
        for (at, name) in &source.strings {
            // `Code { name: "…"`, and the string is code that ships.
            let before: String = shipped[..*at].split_whitespace().rev().take(4).collect::<Vec<_>>().concat();
            if !before.ends_with("{Code") && !before.contains("name:{Code") {
                continue;
            }
            let place = format!("{}:{}", shown(&source.path), source.line(*at));
            let fits = match name.split_once('.') {
                None => room.name == EVERYONES,
                Some((first, rest)) => first == room.name && snake(rest),
            };
            if !fits || !name.split('.').all(snake) {
                broken.push(format!("{place}: `{name}` is not `{}.noun_state`", room.name));
            }
            if let Some(other) = seen.insert(name, place.clone()) {
                broken.push(format!("{place}: `{name}` is also the code at {other}"));
            }
        }
    }
    // A law that finds nothing to judge has stopped working.
    if seen.is_empty() {
        broken.push("no error code was found at all".to_owned());
    }
    broken
}

fn snake(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
