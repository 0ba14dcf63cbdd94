//! Answers: status, headers, body.

use std::borrow::Cow;

use bytes::Bytes;
use idempotency::Stored;
use store::catalog::{Relation, RelationKind};

use crate::request::{ApiError, MediaType, Verbosity};
use crate::service::Derived;

/// An answer, still without HTTP's own machinery.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body; `None` for answers that have none by their nature (HEAD, 204).
    pub body: Option<Bytes>,
    /// What went wrong inside, for the log only.
    pub internal: Option<String>,
}

/// What caches must tell apart.
const VARY: &str = "Accept, Prefer, Range";

impl Answer {
    /// An answer without headers and body.
    pub fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((Cow::Borrowed(name), value.into()));
        self
    }

    /// Adds a header if there is a value.
    #[must_use]
    pub fn maybe(self, name: &'static str, value: Option<String>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Adds a body and its type.
    #[must_use]
    pub fn body(mut self, media: &MediaType, body: Vec<u8>) -> Self {
        self.headers.push((Cow::Borrowed("content-type"), media.content_type()));
        self.body = Some(Bytes::from(body));
        self
    }

    /// Says what the answer depends on.
    #[must_use]
    pub fn varies(self) -> Self {
        self.header("vary", VARY)
    }

    /// An answer that was given before, as it was then.
    pub(super) fn replayed(stored: Stored) -> Self {
        let Stored { status, headers, body } = stored;
        Self { status, headers, body, internal: None }.header("idempotency-replayed", "true")
    }

    /// What is kept of it for requests that come again.
    pub(super) fn to_stored(&self) -> Stored {
        Stored { status: self.status, headers: self.headers.clone(), body: self.body.clone() }
    }

    /// The same answer to HEAD.
    #[must_use]
    pub fn without_body(mut self) -> Self {
        self.body = None;
        self
    }

    /// An error of the dialect.
    pub fn error(error: &ApiError, verbosity: Verbosity) -> Self {
        let body = error.to_json(verbosity).into_bytes();
        Self::new(error.status)
            .header("proxy-status", error.proxy_status())
            .maybe("www-authenticate", error.www_authenticate())
            .maybe("retry-after", error.retry_after_s().map(|seconds| seconds.to_string()))
            .body(&MediaType::Json, body)
    }

    /// A bug of ours: the reason is for the log.
    pub fn internal(reason: String) -> Self {
        let mut answer = Self::error(&ApiError::internal(), Verbosity::Verbose);
        answer.internal = Some(reason);
        answer
    }
}

/// The verbs a relation has, grants aside.
pub(super) fn options(derived: &Derived, relation: &Relation) -> Answer {
    let mut allow = String::from("OPTIONS,GET,HEAD");
    let keyed = relation.primary_key.is_some()
        || (relation.kind != RelationKind::Table
            && !crate::relationships::view_key(&derived.catalog, relation).is_empty());
    if relation.insertable {
        allow.push_str(",POST");
    }
    if relation.insertable && relation.updatable && keyed {
        allow.push_str(",PUT");
    }
    if relation.updatable {
        allow.push_str(",PATCH");
    }
    if relation.deletable {
        allow.push_str(",DELETE");
    }
    let mut answer = Answer::new(200).header("allow", allow).header("access-control-allow-origin", "*").varies();
    answer.body = Some(Bytes::new());
    answer
}
