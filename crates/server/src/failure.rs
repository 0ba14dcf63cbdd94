//! Why a command or a start failed, in words for the operator, with the exit code that scripts see.

use store::migrate::{FileError, MigrationError};

use crate::config::Problems;
use crate::keys::KeysError;

/// The command did what it says.
pub const EXIT_OK: u8 = 0;
/// It could not.
pub const EXIT_FAILURE: u8 = 1;
/// It was called wrongly, or the configuration is wrong.
pub const EXIT_USAGE: u8 = 2;
/// Migrations are pending, changed or refused, or the linter found something.
pub const EXIT_MIGRATIONS: u8 = 3;

/// A failure.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command was called wrongly.
    #[error("{0}")]
    Usage(String),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] Problems),
    /// The keys cannot be had.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The migrations folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FileError),
    /// Migrations were refused, or must be looked at first.
    #[error("{0}")]
    Migrations(String),
    /// The database cannot be used.
    #[error("{0}")]
    Database(String),
    /// Nobody can listen there.
    #[error("cannot listen on {address}: {reason}. Choose another address with --listen or server.listen.")]
    Listen {
        /// Where.
        address: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl From<audit::AuditError> for Failure {
    fn from(error: audit::AuditError) -> Self {
        Self::Other(error.to_string())
    }
}

impl Failure {
    /// What the process ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Config(_) => EXIT_USAGE,
            // It is no address at all, rather than one that is taken.
            Self::Listen { reason, .. } if reason.kind() == std::io::ErrorKind::InvalidInput => EXIT_USAGE,
            Self::Migrations(_) | Self::Folder(_) => EXIT_MIGRATIONS,
            Self::Keys(_) | Self::Database(_) | Self::Listen { .. } | Self::Other(_) => EXIT_FAILURE,
        }
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Database(match error {
            store::Error::Unavailable { reason, .. } => reason,
            store::Error::Sql(error) => {
                let more = [error.detail.as_deref(), error.hint.as_deref()];
                let more: Vec<String> = more.into_iter().flatten().map(|text| format!("\n  {text}")).collect();
                format!("the database refused: {} ({}){}", error.message, error.code, more.concat())
            }
            other => other.to_string(),
        })
    }
}

impl From<MigrationError> for Failure {
    fn from(error: MigrationError) -> Self {
        match error {
            MigrationError::Files(error) => error.into(),
            MigrationError::Store(error) => error.into(),
            other => Self::Migrations(other.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_an_exit_code_that_scripts_can_trust() {
        for (failure, want) in [
            (Failure::Usage(String::new()), 2),
            (Failure::Config(Problems::default()), 2),
            (Failure::Folder(FileError::Count), 3),
            (Failure::Listen { address: String::new(), reason: std::io::ErrorKind::AddrInUse.into() }, 1),
            (Failure::Listen { address: String::new(), reason: std::io::ErrorKind::InvalidInput.into() }, 2),
            (Failure::from(MigrationError::Locked), 3),
            (Failure::from(MigrationError::Store(store::Error::Timeout)), 1),
            (Failure::from(store::Error::sql("42501", "no")), 1),
            (Failure::Other(String::new()), 1),
        ] {
            assert_eq!(failure.exit_code(), want, "{failure:?}");
        }
    }
}
