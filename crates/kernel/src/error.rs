//! What leaves a room when it fails: a [`Code`] from the room's table, a detail for the caller, a source for the log.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// The result of anything that can fail at a room's door.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One row of a room's failure table. Rooms keep theirs as constants and list them in one slice (`pub const CODES`).
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Unique name, `room.what_happened`; the name of its page under `docs/errors/`.
    pub name: &'static str,
    /// The HTTP status that `web` answers with.
    pub status: u16,
    /// A short sentence, the same for every occurrence.
    pub title: &'static str,
    /// Whether sending the same request again can help.
    pub retry: Retry,
}

/// Whether a caller may send the same request again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request fails the same way.
    Never,
    /// Nothing was done; the same request may be sent again after a pause.
    Safe,
    /// It is not known whether it was done; only an idempotent request may be sent again.
    IfIdempotent,
}

/// One field of a request that was refused, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where: a JSON pointer, a query key or a header name.
    pub path: String,
    /// What is wrong with it, in a few words.
    pub detail: String,
}

/// A failure as the house passes it on. `detail` and `fields` are for the caller; `source` is for the log, once, at the edge.
pub struct Error {
    /// The row of the table this is.
    pub code: &'static Code,
    /// What happened this time, fit for the caller's eyes. May be empty.
    pub detail: String,
    /// The fields that were refused.
    pub fields: Vec<FieldError>,
    /// How long to wait before the next attempt.
    pub retry_after: Option<Duration>,
    /// What caused it; never shown to the caller.
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure of this code with a detail for the caller.
    pub fn new(code: &'static Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), fields: Vec::new(), retry_after: None, source: None }
    }

    /// A failure that is the house's own fault; the caller sees only the title.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(&INTERNAL, "").with_source(source)
    }

    /// Names a refused field.
    #[must_use]
    pub fn with_field(mut self, path: impl Into<String>, detail: impl Into<String>) -> Self {
        self.fields.push(FieldError { path: path.into(), detail: detail.into() });
        self
    }

    /// Says when to come back.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The causes from the nearest to the deepest, joined by `: `, for one log field. Empty when there are none.
    pub fn chain(&self) -> String {
        let mut text = String::new();
        let mut next: Option<&(dyn StdError + 'static)> = self.source.as_deref().map(|s| s as _);
        while let Some(cause) = next {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.code.name)
            .field("detail", &self.detail)
            .field("fields", &self.fields)
            .field("retry_after", &self.retry_after)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.detail.is_empty() { self.code.title } else { &self.detail })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|s| s as _)
    }
}

/// Something in the house broke.
pub const INTERNAL: Code =
    Code { name: "internal", status: 500, title: "Something went wrong inside the server", retry: Retry::IfIdempotent };
/// The request does not have the form it should have.
pub const INVALID: Code =
    Code { name: "invalid", status: 400, title: "The request is not well formed", retry: Retry::Never };
/// Nobody has said who is asking.
pub const UNAUTHENTICATED: Code =
    Code { name: "unauthenticated", status: 401, title: "Credentials are required", retry: Retry::Never };
/// Whoever asks may not do this.
pub const FORBIDDEN: Code = Code { name: "forbidden", status: 403, title: "This is not allowed", retry: Retry::Never };
/// There is no such thing, or the caller may not know of it.
pub const NOT_FOUND: Code =
    Code { name: "not_found", status: 404, title: "There is no such thing", retry: Retry::Never };
/// The state of things does not admit this.
pub const CONFLICT: Code =
    Code { name: "conflict", status: 409, title: "The current state does not admit this", retry: Retry::Never };
/// Something the request needs cannot be reached now.
pub const UNAVAILABLE: Code =
    Code { name: "unavailable", status: 503, title: "The server cannot do this now", retry: Retry::Safe };
/// The time allowed for the request is over.
pub const TIMEOUT: Code =
    Code { name: "timeout", status: 504, title: "The time for this request is over", retry: Retry::IfIdempotent };

/// The codes that every room may use.
pub const CODES: &[&Code] =
    &[&INTERNAL, &INVALID, &UNAUTHENTICATED, &FORBIDDEN, &NOT_FOUND, &CONFLICT, &UNAVAILABLE, &TIMEOUT];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_its_detail_and_keeps_its_causes_for_the_log() {
        let disk = std::io::Error::other("disk is full");
        let middle = Error::new(&UNAVAILABLE, "cannot write").with_source(disk);
        let top = Error::internal(middle);
        assert_eq!(top.to_string(), INTERNAL.title);
        assert_eq!(top.chain(), "cannot write: disk is full");
        assert_eq!(Error::new(&NOT_FOUND, "no such row").to_string(), "no such row");
        assert_eq!(Error::new(&NOT_FOUND, "").chain(), "");
    }

    #[test]
    fn codes_are_unique_and_their_statuses_are_failures() {
        let mut names: Vec<_> = CODES.iter().map(|c| c.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CODES.len());
        assert!(CODES.iter().all(|c| (400..600).contains(&c.status)));
    }

    #[test]
    fn an_error_stays_small_enough_to_return_by_value() {
        assert!(size_of::<Error>() <= 96, "{}", size_of::<Error>());
    }
}
