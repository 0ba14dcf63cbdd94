//! The page about what differs from PostgREST.

use std::collections::BTreeSet;
use std::path::Path;

use crate::house::{House, root};

const PAGE: &str = "docs/postgrest.md";
const CASES: &str = "crates/data/tests/cases";

/// The page's rows are the cases that are marked as newer than the oracle or unlike it, with their reasons.
pub(super) fn told(_: &House) -> Vec<String> {
    let page = std::fs::read_to_string(root().join(PAGE)).unwrap_or_default();
    let rows: BTreeSet<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let mut marked = BTreeSet::new();
    for entry in std::fs::read_dir(root().join(CASES)).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|ending| ending == "case") {
            marked.extend(marked_in(&path));
        }
    }
    // A law that finds nothing to judge has stopped working.
    if marked.is_empty() {
        return vec![format!("{CASES}: no marked case was found at all")];
    }
    let missing = marked.iter().filter(|row| !rows.contains(row.as_str())).map(|row| format!("{PAGE} lacks: {row}"));
    let stale = rows.iter().filter(|row| !marked.contains(**row)).map(|row| format!("{PAGE} tells of no case: {row}"));
    missing.chain(stale).collect()
}

/// The rows that the page should have about the cases of a file.
fn marked_in(path: &Path) -> Vec<String> {
    let file = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut rows = Vec::new();
    let mut case = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            case = Some(name.trim());
        } else if let Some(name) = case
            && let Some(why) =
                ["# newer than the oracle:", "# unlike the oracle:"].iter().find_map(|mark| line.strip_prefix(mark))
        {
            rows.push(format!("| `{file}`: {name} | {} |", why.trim()));
            // The first says why.
            case = None;
        }
    }
    rows
}
