//! What can go wrong between us and a database, in PostgreSQL's words on both engines.

use std::time::Duration;

/// The store's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The statement was refused; carries a SQLSTATE on both engines.
    #[error("{0}")]
    Sql(Box<SqlError>),
    /// The engine cannot be used now (lost connection, full disk, read-only file, locked database). Try again later.
    #[error("the database is unavailable: {reason}")]
    Unavailable {
        /// For the log and the operator; no path, no address.
        reason: String,
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// A queue is full. Try again soon.
    #[error("too many requests are waiting for the database")]
    Overloaded {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// The deadline passed before a connection was free.
    #[error("timed out waiting for the database")]
    Timeout,
    /// A bug or a broken invariant of ours; the source is for the log only.
    #[error("internal error: {0}")]
    Internal(String),
}

/// A refused statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlError {
    /// Five characters, e.g. `23505`.
    pub code: String,
    /// PostgreSQL's primary message.
    pub message: String,
    /// Its detail.
    pub detail: Option<String>,
    /// Its hint.
    pub hint: Option<String>,
    /// The violated constraint.
    pub constraint: Option<String>,
    /// The relation concerned.
    pub table: Option<String>,
    /// The column concerned.
    pub column: Option<String>,
}

impl std::fmt::Display for SqlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl SqlError {
    /// An error of this SQLSTATE and message.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), ..Self::default() }
    }
    /// With a detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
    /// With a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
    /// With a constraint's name.
    #[must_use]
    pub fn constraint(mut self, name: impl Into<String>) -> Self {
        self.constraint = Some(name.into());
        self
    }
}

impl From<SqlError> for Error {
    fn from(error: SqlError) -> Self {
        Self::Sql(Box::new(error))
    }
}

impl From<values::ValueError> for SqlError {
    fn from(error: values::ValueError) -> Self {
        Self {
            code: error.sqlstate.to_owned(),
            message: error.message,
            detail: error.detail,
            hint: error.hint,
            ..Self::default()
        }
    }
}

impl From<values::ValueError> for Error {
    fn from(error: values::ValueError) -> Self {
        SqlError::from(error).into()
    }
}

impl Error {
    /// A statement error of this SQLSTATE and message.
    pub fn sql(code: &str, message: impl Into<String>) -> Self {
        SqlError::new(code, message).into()
    }
    /// The SQLSTATE, if the statement was refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Sql(error) => Some(&error.code),
            Self::Unavailable { .. } | Self::Overloaded { .. } | Self::Timeout | Self::Internal(_) => None,
        }
    }
}
