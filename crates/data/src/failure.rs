//! What can go wrong while a request runs: the dialect's own refusals, and the store's.

use store::Error;

use crate::request::ApiError;

/// A failure inside the room. It becomes an answer only at the edge, where it is known who asked.
#[derive(Debug)]
pub enum Failure {
    /// The dialect refuses.
    Api(Box<ApiError>),
    /// The store refuses or cannot.
    Store(Error),
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Api(Box::new(error))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    /// The answer. `anonymous`: the request runs as the anonymous role, so that a missing privilege asks for a token (401).
    pub fn answer(self, anonymous: bool) -> ApiError {
        match self {
            Self::Api(error) => *error,
            Self::Store(Error::Sql(error)) => {
                if error.code == "0A000" && error.message.ends_with("is not supported on SQLite") {
                    return ApiError::not_implemented(error.message);
                }
                ApiError::database(&error.code, anonymous, error.message, error.detail, error.hint)
            }
            Self::Store(Error::Unavailable { reason, .. }) => ApiError::no_connection(reason),
            Self::Store(Error::Overloaded { .. }) => ApiError::queue_full(),
            Self::Store(Error::Timeout) => ApiError::pool_timeout(),
            Self::Store(Error::Internal(_)) => ApiError::internal(),
        }
    }
}
