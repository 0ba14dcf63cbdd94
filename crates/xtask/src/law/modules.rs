//! No Rust file lies about unused.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::house::{House, Room, shown};
use crate::source::{Source, word};

/// Every Rust file is a target of its crate or a module of one.
pub(super) fn no_dead_files(house: &House) -> Vec<String> {
    house.rooms.values().flat_map(dead_files).collect()
}

fn dead_files(room: &Room) -> Vec<String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&Source> = room.sources.iter().filter(|source| is_target(source)).collect();
    while let Some(source) = open.pop() {
        if !reached.insert(&source.path) {
            continue;
        }
        for wanted in modules(source) {
            // Both places; the compiler refuses a module that has two.
            let inside = wanted.join("mod.rs");
            let beside = wanted.with_extension("rs");
            open.extend(room.sources.iter().filter(|source| source.path == inside || source.path == beside));
        }
    }
    room.sources.iter().filter(|source| !reached.contains(&source.path)).map(|source| shown(&source.path)).collect()
}

/// Whether Cargo finds the file by itself.
fn is_target(source: &Source) -> bool {
    let parts: Vec<&str> = source.inside.split('/').collect();
    matches!(
        &*parts,
        ["build.rs"]
            | ["src", "lib.rs" | "main.rs"]
            | ["src", "bin", _]
            | ["tests" | "benches" | "examples", _]
            | ["tests" | "benches" | "examples", _, "main.rs"]
    )
}

/// The modules that a file declares, as paths without ending.
fn modules(source: &Source) -> Vec<PathBuf> {
    let folder = source.path.parent().unwrap_or(Path::new(""));
    let stem = source.path.file_stem().unwrap_or_default().to_string_lossy();
    let home = if is_target(source) || stem == "mod" { folder.to_owned() } else { folder.join(&*stem) };
    let mut found = Vec::new();
    let mut inline: Vec<(usize, String)> = Vec::new();
    let mut depth = 0_usize;
    let mut name_next = false;
    let bytes = source.code.as_bytes();
    let mut at = 0;
    let mut last = String::new();
    while at < bytes.len() {
        if word(bytes[at]) {
            let end = bytes[at..].iter().position(|byte| !word(*byte)).map_or(bytes.len(), |length| at + length);
            let text = &source.code[at..end];
            if name_next {
                text.clone_into(&mut last);
                name_next = false;
            } else {
                name_next = text == "mod";
                last.clear();
            }
            at = end;
            continue;
        }
        match bytes[at] {
            b';' if !last.is_empty() => {
                let mut path = home.clone();
                path.extend(inline.iter().map(|(_, name)| name));
                found.push(path.join(&last));
                last.clear();
            }
            b'{' => {
                depth += 1;
                if !last.is_empty() {
                    inline.push((depth, std::mem::take(&mut last)));
                }
            }
            b'}' => {
                inline.retain(|(opened, _)| *opened != depth);
                depth = depth.saturating_sub(1);
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => last.clear(),
        }
        at += 1;
    }
    found
}
