//! `mainstay new`: a folder with an app that serves at once.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Ended, output};
use crate::failure::{EXIT_OK, Failure};

pub(super) const EXAMPLES: &str = "Example:\n  mainstay new shop && mainstay serve shop";

/// What is made: path in the folder, text.
const FILES: &[(&str, &str)] = &[
    ("mainstay.toml", include_str!("scaffold/mainstay.toml")),
    ("migrations/0001_init.sql", include_str!("scaffold/0001_init.sql")),
    ("README.md", include_str!("scaffold/README.md")),
    (".gitignore", include_str!("scaffold/gitignore")),
];

#[derive(Args)]
pub(super) struct New {
    /// The folder to make; it must not exist or be empty
    folder: PathBuf,
}

impl New {
    pub(super) fn run(self) -> Ended {
        make(&self.folder)?;
        let folder = self.folder.display();
        output::line(&format!("Made {folder}:"));
        for (path, _) in FILES {
            output::line(&format!("  {path}"));
        }
        output::line(&format!("\nNext: mainstay serve {folder}"));
        Ok(EXIT_OK)
    }
}

fn make(folder: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| Failure::Other(format!("{}: {error}", path.display()));
    match fs::read_dir(folder) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(Failure::Usage(format!("{} is not empty. Choose another folder.", folder.display())));
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(folder, error)),
    }
    let name = folder.file_name().map_or_else(|| "app".to_owned(), |name| name.to_string_lossy().into_owned());
    for (path, text) in FILES {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        }
        fs::write(&path, text.replace("{{name}}", &name)).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}
