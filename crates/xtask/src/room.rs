//! Laying out a room: the files that every crate begins with.

use std::fs;

use crate::house::root;
use crate::say;

/// Makes `crates/{name}` on a floor. `docs/adding-a-room.md` says what comes next.
pub(crate) fn make(name: &str, floor: &str) -> Result<(), String> {
    let fits = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !fits {
        return Err(format!("`{name}` is not one plain word in lower case"));
    }
    let floor = if floor == "beside" { "\"beside\"" } else { floor };
    if floor != "\"beside\"" && !matches!(floor.parse::<u8>(), Ok(0..=4)) {
        return Err(format!("`{floor}` is no floor: 0 to 4, or beside"));
    }
    let folder = root().join("crates").join(name);
    if folder.exists() {
        return Err(format!("crates/{name} is there already"));
    }
    let write = |path: &str, text: &str| {
        fs::write(folder.join(path), text).map_err(|error| format!("crates/{name}/{path}: {error}"))
    };
    fs::create_dir_all(folder.join("src")).map_err(|error| format!("crates/{name}: {error}"))?;
    write("Cargo.toml", &manifest(name, floor))?;
    write("src/lib.rs", &front_door(name))?;
    say(&format!(
        "made crates/{name}\nnext: name it in the root Cargo.toml, under [workspace.dependencies]: {name} = {{ path = \"crates/{name}\" }}\n\
         then: docs/adding-a-room.md\n"
    ));
    Ok(())
}

fn manifest(name: &str, floor: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion.workspace = true\nedition.workspace = true\nrust-version.workspace = true\n\
         license.workspace = true\npublish.workspace = true\n\n[package.metadata.house]\nfloor = {floor}\n\n[lints]\nworkspace = true\n\n\
         [dependencies]\n"
    )
}

fn front_door(name: &str) -> String {
    format!(
        "//! # {name}: what it is, in one line\n//!\n//! ## What\n//! What callers get.\n//!\n//! ## Words\n//! The nouns, each in a sentence.\n//!\n\
         //! ## Invariants\n//! What always holds, each with the test that guards it.\n//!\n//! ## Walk\n//! Where to begin reading, and what comes after it.\n\
         //!\n//! ## Not here\n//! What one would look for here, and where it is.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_what_the_law_wants() {
        let table: toml::Table = manifest("jobs", "2").parse().unwrap();
        assert_eq!(table["package"]["name"].as_str(), Some("jobs"));
        assert_eq!(table["package"]["metadata"]["house"]["floor"].as_integer(), Some(2));
        assert_eq!(table["lints"]["workspace"].as_bool(), Some(true));
        assert!(front_door("jobs").starts_with("//!"));
    }

    #[test]
    fn names_and_floors_that_are_none_are_refused() {
        for (name, floor) in [("Jobs", "2"), ("job-runs", "2"), ("", "2"), ("jobs", "9"), ("jobs", "x"), ("store", "1")]
        {
            assert!(make(name, floor).is_err(), "{name} {floor}");
        }
    }
}
