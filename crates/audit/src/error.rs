//! Why something is no record.

use std::fmt;

/// Why the log cannot do what is asked of it.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The store cannot say.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// What happened cannot be put down.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Nothing was signed yet.
    #[error("the audit log has no checkpoint yet")]
    Empty,
    /// The signed tree has no entry of this index.
    #[error("the audit log has no entry {0}")]
    NoEntry(u64),
    /// The log cannot be read as one.
    #[error("the audit log is broken: {0}")]
    Broken(String),
    /// The tree is not the continuation of the one that was signed last, so it is not signed.
    #[error(
        "the audit log was changed below its last checkpoint of {0} entries; nothing more is signed. Run `mainstay audit verify`."
    )]
    Changed(u64),
}

/// A record that cannot be an entry, or an entry that is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordError {
    /// Without its details the entry still has this many bytes, more than a tile can hold.
    TooLong(usize),
    /// The bytes are not JSON.
    Json,
    /// This member is missing or of another form.
    Member(&'static str),
    /// It reads as a record and is not written as one: not canonical, or with further members.
    Canonical,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(bytes) => {
                write!(f, "the record has {bytes} bytes without its details; an entry has at most 65535")
            }
            Self::Json => f.write_str("the entry is not JSON"),
            Self::Member(name) => write!(f, "the record's member {name:?} is missing or not of its form"),
            Self::Canonical => f.write_str("the entry is not the canonical form of a record"),
        }
    }
}
impl std::error::Error for RecordError {}
