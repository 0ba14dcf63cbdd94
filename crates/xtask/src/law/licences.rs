//! Licences of everything that is linked or run. `deny.toml` has the list; cargo-deny judges by it, too, where it is installed.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use toml::Table;

use crate::house::{House, root};

/// Every package in the lock file has a licence that the list allows, and comes from the registry.
pub(super) fn allowed(_: &House) -> Vec<String> {
    match packages() {
        Ok(packages) => judge(&packages, &list()),
        Err(error) => vec![error],
    }
}

fn judge(packages: &[Package], list: &BTreeSet<String>) -> Vec<String> {
    let mut broken = Vec::new();
    if list.is_empty() || packages.is_empty() {
        broken.push("deny.toml has no list, or there are no packages".to_owned());
    }
    for package in packages {
        if !holds(&package.licence, list) {
            broken.push(format!("{}: {}", package.name, package.licence));
        }
        if !package.source.is_empty() && package.source != "registry+https://github.com/rust-lang/crates.io-index" {
            broken.push(format!("{}: from {}", package.name, package.source));
        }
    }
    broken
}

struct Package {
    name: String,
    licence: String,
    /// Empty for our own.
    source: String,
}

fn packages() -> Result<Vec<Package>, String> {
    // What other systems would link is not here to be read, and is not linked.
    let about = Command::new("rustc").arg("-vV").output().map_err(|error| format!("rustc: {error}"))?;
    let about = String::from_utf8_lossy(&about.stdout).into_owned();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc does not say its host")?;
    let done = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(root())
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !done.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&done.stderr)));
    }
    let metadata: Value = serde_json::from_slice(&done.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    let text = |package: &Value, key: &str| package[key].as_str().unwrap_or_default().to_owned();
    Ok(metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|package| Package {
            name: format!("{} {}", text(package, "name"), text(package, "version")),
            licence: text(package, "license"),
            source: text(package, "source"),
        })
        .collect())
}

fn list() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("deny.toml")).unwrap_or_default();
    let table: Table = text.parse().unwrap_or_default();
    let words = table.get("licenses").and_then(|licenses| licenses.get("allow")?.as_array());
    words.into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

/// Whether an SPDX expression can be satisfied from the list: `and` needs both sides, `or` (and the old `/`) one of them.
fn holds(expression: &str, list: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let verdict = either(&words, &mut at, list);
    verdict && at == words.len()
}

fn either(words: &[&str], at: &mut usize, list: &BTreeSet<String>) -> bool {
    let mut verdict = both(words, at, list);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        verdict |= both(words, at, list);
    }
    verdict
}

fn both(words: &[&str], at: &mut usize, list: &BTreeSet<String>) -> bool {
    let mut verdict = one(words, at, list);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        verdict &= one(words, at, list);
    }
    verdict
}

fn one(words: &[&str], at: &mut usize, list: &BTreeSet<String>) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let verdict = either(words, at, list);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return verdict && closed;
    }
    let mut name = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        name = format!("{name} WITH {}", words.get(*at + 1).copied().unwrap_or_default());
        *at += 2;
    }
    list.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_holds_when_the_list_can_satisfy_it() {
        let list: BTreeSet<String> = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("MIT OR GPL-3.0", true),
            ("MIT/GPL-3.0", true),
            ("MIT AND GPL-3.0", false),
            ("MIT AND (GPL-3.0 OR ISC)", true),
            ("(MIT OR GPL-3.0) AND ISC", true),
            ("Apache-2.0 WITH LLVM-exception OR Apache-2.0", true),
            ("Apache-2.0", false),
            ("", false),
            ("MIT ISC", false),
        ] {
            assert_eq!(holds(expression, &list), expected, "{expression}");
        }
    }

    #[test]
    fn strangers_are_named() {
        let package = |licence: &str, source: &str| Package {
            name: "x 1".to_owned(),
            licence: licence.to_owned(),
            source: source.to_owned(),
        };
        let list: BTreeSet<String> = ["MIT".to_owned()].into();
        assert_eq!(judge(&[package("GPL-3.0", "")], &list), ["x 1: GPL-3.0"]);
        assert_eq!(
            judge(&[package("MIT", "git+https://example.test/x")], &list),
            ["x 1: from git+https://example.test/x"]
        );
        assert_eq!(judge(&[], &list).len(), 1);
    }
}
