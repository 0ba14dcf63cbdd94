//! The driver's errors in the store's words.

use std::time::Duration;

use tokio_postgres::error::DbError;

use crate::error::{Error, SqlError};

/// What `Retry-After` says when nothing better is known.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the server says in English when a cached statement's result would have other columns.
const STALE_PLAN: &str = "cached plan must not change result type";

/// Turns a driver's error into the store's.
pub(crate) fn of(error: &tokio_postgres::Error) -> Error {
    if let Some(refusal) = error.as_db_error() {
        return of_server(refusal);
    }
    // Neither an address nor a statement belongs into a reason that may be shown; the kind of I/O error is enough.
    let io = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    match io {
        Some(io) => unavailable(io.kind().to_string()),
        None if error.is_closed() => unavailable("the connection is closed".to_owned()),
        None => {
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            if cause.contains("timed out") { unavailable(cause) } else { Error::Internal(format!("{error} ({cause})")) }
        }
    }
}

fn of_server(refusal: &DbError) -> Error {
    let code = refusal.code().code();
    // Connection exceptions, shutdown, too many connections, no disk or memory left, recovery.
    let gone = code.starts_with("08") || code.starts_with("57P") || matches!(code, "53100" | "53200" | "53300");
    if gone {
        return unavailable(format!("{code}: {}", refusal.message()));
    }
    // The server may speak any language; the place in its source where this one comes from has no translation.
    let stale = code == "0A000" && refusal.routine() == Some("RevalidateCachedQuery");
    SqlError {
        code: code.to_owned(),
        message: if stale { STALE_PLAN } else { refusal.message() }.to_owned(),
        detail: refusal.detail().map(str::to_owned),
        hint: refusal.hint().map(str::to_owned),
        constraint: refusal.constraint().map(str::to_owned),
        table: refusal.table().map(str::to_owned),
        column: refusal.column().map(str::to_owned),
    }
    .into()
}

/// The database cannot be used now.
pub(crate) fn unavailable(reason: String) -> Error {
    Error::Unavailable { reason, retry_after: RETRY_AFTER }
}

/// Did a cached statement's result change its columns, so that it must be prepared again.
pub(crate) fn is_stale_plan(error: &Error) -> bool {
    matches!(error, Error::Sql(refusal) if refusal.code == "0A000" && refusal.message == STALE_PLAN)
}

/// May the same transaction succeed when it is run again.
pub(crate) fn is_transient(error: &Error) -> bool {
    matches!(error.code(), Some("40001" | "40P01")) || is_stale_plan(error)
}
