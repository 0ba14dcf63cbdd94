//! Configuration: defaults, then `mainstay.toml` in the app's folder, then the environment, then flags; later wins.
//!
//! [`keys::KEYS`] is the one table; reading, checking, showing and documenting walk it. An unknown key or a bad value is an error that names
//! its place and, where one is near, the key that was meant.

pub mod field;
pub mod keys;
mod load;
pub mod settings;
mod show;
mod validate;

pub use load::{App, Origin, Problem, Problems, Source, load};
pub use settings::Settings;
pub use show::{documentation, json, text};

/// The name of the file in the app's folder.
pub const FILE: &str = "mainstay.toml";

/// Where data lives unless the configuration says otherwise, relative to the app.
pub const DATA_DIR: &str = ".mainstay";
