//! Gathers the handbook's pages into the binary.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let folder = Path::new(&root).join("../../handbook");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages = Vec::new();
    if let Ok(entries) = fs::read_dir(&folder) {
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path.canonicalize()?);
            }
        }
    }
    pages.sort();
    let mut out = String::from("&[");
    for page in pages {
        let name = page.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(out, "({name:?}, include_str!({:?})),", page.display().to_string());
    }
    out.push(']');
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("handbook.rs"), out)
}
