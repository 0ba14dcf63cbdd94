//! Floors, and what every crate takes from the workspace.

use toml::Value;

use crate::house::{Floor, House, Room};

/// The words of everyone: crates of its own floor may use it, too.
const KERNEL: &str = "kernel";

/// Crates depend on lower floors only; on what stands beside the house only in tests, or from beside.
pub(super) fn lower_only(house: &House) -> Vec<String> {
    let mut broken = Vec::new();
    for room in house.rooms.values() {
        let Some(own) = room.floor else {
            broken.push(format!("{}: no [package.metadata.house] floor", room.name));
            continue;
        };
        for (tables, in_tests) in [(&["dependencies", "build-dependencies"][..], false), (&["dev-dependencies"], true)]
        {
            for name in room.dependencies(tables) {
                if let Some(other) = house.rooms.get(&name)
                    && !may(own, other, in_tests)
                {
                    broken.push(format!("{} ({own:?}) depends on {name} ({:?})", room.name, other.floor));
                }
            }
        }
    }
    broken
}

fn may(own: Floor, other: &Room, in_tests: bool) -> bool {
    match (own, other.floor) {
        (Floor::Beside, _) | (_, None) => true,
        (Floor::On(_), Some(Floor::Beside)) => in_tests,
        (Floor::On(own), Some(Floor::On(floor))) => floor < own || (floor == own && other.name == KERNEL),
    }
}

/// Lints, edition, licence and the rest come from the workspace; the folder is the name.
pub(super) fn inherited(house: &House) -> Vec<String> {
    let mut broken = Vec::new();
    let true_at = |value: Option<&Value>| value.and_then(Value::as_bool) == Some(true);
    for room in house.rooms.values() {
        if !true_at(room.manifest.get("lints").and_then(|lints| lints.get("workspace"))) {
            broken.push(format!("{}: no `[lints] workspace = true`", room.name));
        }
        let package = room.manifest.get("package");
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            if !true_at(package.and_then(|package| package.get(key)?.get("workspace"))) {
                broken.push(format!("{}: no `{key}.workspace = true`", room.name));
            }
        }
        if package.and_then(|package| package.get("name")?.as_str()) != Some(&room.name) {
            broken.push(format!("{}: the package has another name than its folder", room.folder.display()));
        }
    }
    broken
}
