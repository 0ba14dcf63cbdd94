//! The house as its files say it is: crates, floors, dependencies, sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Table;

use crate::source::Source;

/// Where a crate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Floor {
    /// On this floor.
    On(i64),
    /// Beside the house: nothing ships from here.
    Beside,
}

/// A crate of the house.
#[derive(Debug)]
pub(crate) struct Room {
    /// Its name, which is its folder's.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// Where it stands; none when its manifest does not say.
    pub(crate) floor: Option<Floor>,
    /// Its manifest.
    pub(crate) manifest: Table,
    /// Its Rust files.
    pub(crate) sources: Vec<Source>,
}

/// The workspace.
#[derive(Debug)]
pub(crate) struct House {
    /// Crates by name.
    pub(crate) rooms: BTreeMap<String, Room>,
}

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate lies in crates/xtask").to_owned()
}

impl House {
    /// Reads the workspace.
    pub(crate) fn open() -> Result<Self, String> {
        let mut rooms = BTreeMap::new();
        for folder in children(&root().join("crates"))? {
            let manifest = folder.join("Cargo.toml");
            if !manifest.is_file() {
                return Err(format!("{}: a folder without a manifest", folder.display()));
            }
            let room = Room::read(folder, &manifest)?;
            rooms.insert(room.name.clone(), room);
        }
        Ok(Self { rooms })
    }

    /// All Rust files with the room they belong to.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&Room, &Source)> {
        self.rooms.values().flat_map(|room| room.sources.iter().map(move |source| (room, source)))
    }
}

impl Room {
    fn read(folder: PathBuf, path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let manifest: Table = text.parse().map_err(|error| format!("{}: {error}", path.display()))?;
        let floor = manifest
            .get("package")
            .and_then(|package| package.get("metadata")?.get("house")?.get("floor"))
            .and_then(|floor| match floor {
                toml::Value::Integer(number) => Some(Floor::On(*number)),
                toml::Value::String(word) if word == "beside" => Some(Floor::Beside),
                _ => None,
            });
        let mut paths = Vec::new();
        rust_files(&folder, &mut paths)?;
        let sources = paths.into_iter().map(|path| Source::read(&folder, &path)).collect::<Result<_, _>>()?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, folder, floor, manifest, sources })
    }

    /// The names of its dependencies in these tables of the manifest, whatever they are for (`cfg`s included).
    pub(crate) fn dependencies(&self, tables: &[&str]) -> Vec<String> {
        let mut names = Vec::new();
        let targets = self.manifest.get("target").and_then(toml::Value::as_table);
        let places = std::iter::once(&self.manifest)
            .chain(targets.into_iter().flat_map(Table::values).filter_map(toml::Value::as_table));
        for place in places {
            for table in tables {
                if let Some(found) = place.get(*table).and_then(toml::Value::as_table) {
                    names.extend(found.iter().map(|(name, value)| {
                        value.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned()
                    }));
                }
            }
        }
        names
    }
}

/// A path as seen from the workspace's root.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn children(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    paths.sort();
    Ok(paths)
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            rust_files(&path, into)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            into.push(path);
        }
    }
    Ok(())
}
