//! Types, versions, and what is found wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jsonschema::Validator;

/// What a new version must keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compatibility {
    /// Nothing.
    None,
    /// What is valid under the last version is valid under the new one.
    #[default]
    Backward,
    /// The same for all versions.
    BackwardTransitive,
    /// What is valid under the new version is valid under the last one.
    Forward,
    /// The same for all versions.
    ForwardTransitive,
    /// Both.
    Full,
    /// Both, for all versions.
    FullTransitive,
}

impl Compatibility {
    /// All of them with their names.
    pub const ALL: &[(Self, &str)] = &[
        (Self::None, "none"),
        (Self::Backward, "backward"),
        (Self::BackwardTransitive, "backward_transitive"),
        (Self::Forward, "forward"),
        (Self::ForwardTransitive, "forward_transitive"),
        (Self::Full, "full"),
        (Self::FullTransitive, "full_transitive"),
    ];

    /// Must the new one read what was written under old ones.
    pub(crate) fn is_backward(self) -> bool {
        matches!(self, Self::Backward | Self::BackwardTransitive | Self::Full | Self::FullTransitive)
    }

    /// Must old ones read what is written under the new one.
    pub(crate) fn is_forward(self) -> bool {
        matches!(self, Self::Forward | Self::ForwardTransitive | Self::Full | Self::FullTransitive)
    }

    /// Do all versions count, or the last one.
    pub(crate) fn is_transitive(self) -> bool {
        matches!(self, Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive)
    }
}

impl fmt::Display for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(one, _)| one == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for Compatibility {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(one, _)| *one).ok_or(())
    }
}

/// A type of event that has schemas.
#[derive(Clone, Debug)]
pub struct Kind {
    /// What new versions must keep.
    pub compatibility: Compatibility,
    /// Its versions by number.
    pub versions: BTreeMap<i64, Arc<Version>>,
}

/// A schema that was registered.
#[derive(Debug)]
pub struct Version {
    /// Its text, as it came.
    pub text: String,
    /// Its `$id`.
    pub id: Option<String>,
    pub(crate) validator: Validator,
}

/// A place of a document or of a schema, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A JSON pointer.
    pub at: String,
    /// What is wrong, in a few words.
    pub why: String,
}
