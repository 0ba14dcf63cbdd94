//! Error codes.

use std::collections::{BTreeMap, BTreeSet};

use crate::house::{House, root, shown};

/// Rooms whose codes have no room's name: kernel's are everyone's words.
const EVERYONES: &str = "kernel";

/// Codes are unique, and `room.noun_state` but for the kernel's.
pub(super) fn named(house: &House) -> Vec<String> {
    let mut broken = Vec::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for code in codes(house) {
        let Found { room, name, place } = code;
        let fits = match name.split_once('.') {
            None => room == EVERYONES,
            Some((first, _)) => first == room,
        };
        if !fits || !name.split('.').all(snake) {
            broken.push(format!("{place}: `{name}` is not `{room}.noun_state`"));
        }
        if let Some(other) = seen.insert(name.clone(), place.clone()) {
            broken.push(format!("{place}: `{name}` is also the code at {other}"));
        }
    }
    // A law that finds nothing to judge has stopped working.
    if seen.is_empty() {
        broken.push("no error code was found at all".to_owned());
    }
    broken
}

/// Every code has a page in `docs/errors`, and every page there is about a code. Pages with capitals are about codes of others:
/// PostgREST's, PostgreSQL's.
pub(super) fn documented(house: &House) -> Vec<String> {
    let folder = root().join("docs/errors");
    let pages: BTreeSet<String> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".md").map(str::to_owned))
        .filter(|name| name.split('.').all(snake))
        .collect();
    let names: BTreeSet<String> = codes(house).into_iter().map(|code| code.name).collect();
    let missing = names.difference(&pages).map(|name| format!("docs/errors/{name}.md is missing"));
    let stale = pages.difference(&names).map(|name| format!("docs/errors/{name}.md: there is no such code"));
    missing.chain(stale).collect()
}

/// A code in the sources.
struct Found {
    room: String,
    name: String,
    place: String,
}

fn codes(house: &House) -> Vec<Found> {
    let mut found = Vec::new();
    for (room, source) in house.sources().filter(|(_, source)| !source.only_for_tests()) {
        let shipped = source.shipped();
        for (at, name) in &source.strings {
            // `Code { name: "…"`, in code that ships.
            let before: String = shipped[..at.saturating_sub(1)].split_whitespace().rev().take(3).collect();
            if before == "name:{Code" {
                let place = format!("{}:{}", shown(&source.path), source.line(*at));
                found.push(Found { room: room.name.clone(), name: name.clone(), place });
            }
        }
    }
    found
}

fn snake(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
