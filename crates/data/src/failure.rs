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
            Self::Store(Error::Unavailable { reason, retry_after }) => {
                ApiError::no_connection(reason).with_retry_after(retry_after)
            }
            Self::Store(Error::Overloaded { retry_after }) => ApiError::queue_full().with_retry_after(retry_after),
            Self::Store(Error::Timeout) => ApiError::pool_timeout(),
            Self::Store(Error::Internal(_)) => ApiError::internal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_refusal_for_now_says_when_to_come_again() {
        let away =
            |wait| Failure::from(Error::Unavailable { reason: "the disk is full".to_owned(), retry_after: wait });
        let full = |wait| Failure::from(Error::Overloaded { retry_after: wait });
        for (failure, wanted) in [
            (away(Duration::from_secs(5)), Some(5)),
            (away(Duration::from_millis(1_200)), Some(2)),
            (away(Duration::ZERO), Some(1)),
            (full(Duration::from_secs(1)), Some(1)),
            (Failure::from(Error::Timeout), None),
            (Failure::from(Error::sql("57P01", "gone")), Some(1)),
            (Failure::from(Error::sql("23505", "twice")), None),
        ] {
            assert_eq!(failure.answer(false).retry_after_s(), wanted);
        }
    }
}
