//! `/events/v1`: what happened, read by place. `?after=` is the last sequence that was seen, `?limit=` how many at most, `?wait=` how many
//! seconds to wait for the first when there is none yet.

use std::sync::Arc;
use std::time::Duration;

use data::Caller;
use events::{Events, GONE, present};
use http::header::CACHE_CONTROL;
use http::request::Parts as Head;
use http::{HeaderName, HeaderValue, StatusCode};
use kernel::error::{FORBIDDEN, INVALID, TIMEOUT, UNAVAILABLE};
use kernel::{Error, Result};
use store::Store;
use web::{Response, response};

const CONTENT: HeaderValue = HeaderValue::from_static(present::BATCH);
/// The sequence after which to go on.
const NEXT: HeaderName = HeaderName::from_static("mainstay-next");
/// Events in an answer unless another number is asked for.
const LIMIT: u32 = 100;
/// The longest wait.
const WAIT_MAX: u64 = 25;

/// The log, for reading.
pub struct Feed {
    /// The room.
    pub events: Arc<Events>,
    /// Where it keeps them.
    pub store: Arc<Store>,
}

impl Feed {
    /// Answers a reader. Events show whole rows, so only roles that row security does not bind may read them.
    pub async fn answer(&self, head: &Head, caller: &Caller) -> Result<Response> {
        if !sees_all(&self.store, caller) {
            return Err(Error::new(&FORBIDDEN, "Events are for roles that row security does not bind."));
        }
        let asked = Asked::parse(head.uri.query().unwrap_or_default())?;
        let wait = Duration::from_secs(asked.wait);
        let after = asked.after.unwrap_or(0);
        let found = self.events.wait(&self.store, after, asked.limit, wait).await.map_err(failed)?;
        // Whoever names a place wants what follows it: not having it any more must be said.
        if let (Some(after), Some(first)) = (asked.after, found.first())
            && first.position > after + 1
        {
            let first = first.position;
            return Err(Error::new(&GONE, format!("The log begins at {first}; what was between is forgotten.")));
        }
        let next = found.last().map_or(after, |event| event.position);
        let mut answer = response::of(StatusCode::OK, CONTENT, present::batch(&found));
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer.headers_mut().insert(NEXT, HeaderValue::from(next));
        Ok(answer)
    }
}

/// Does row security not bind this caller.
pub(crate) fn sees_all(store: &Store, caller: &Caller) -> bool {
    let catalog = store.catalog();
    let role = catalog.roles.iter().find(|(name, _)| ***name == *caller.role);
    role.is_some_and(|(_, role)| role.bypass_rls || role.superuser)
}

/// A failure of the store as the house passes it on.
pub(crate) fn failed(error: store::Error) -> Error {
    match &error {
        store::Error::Unavailable { retry_after, .. } | store::Error::Overloaded { retry_after } => {
            let wait = *retry_after;
            Error::new(&UNAVAILABLE, "The database cannot be used now.").with_retry_after(wait).with_source(error)
        }
        store::Error::Timeout => Error::new(&TIMEOUT, "").with_source(error),
        store::Error::Sql(_) | store::Error::Internal(_) => Error::internal(error),
    }
}

struct Asked {
    after: Option<i64>,
    limit: u32,
    wait: u64,
}

impl Asked {
    fn parse(query: &str) -> Result<Self> {
        let mut asked = Self { after: None, limit: LIMIT, wait: 0 };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let refuse = |why: &str| Error::new(&INVALID, "").with_field(name, why);
            match name {
                // With its zeros, as the events have it, or without.
                "after" => {
                    let after = value.parse().ok().filter(|after| *after >= 0_i64);
                    asked.after = Some(after.ok_or_else(|| refuse("a sequence, 0 or more"))?);
                }
                "limit" => {
                    asked.limit =
                        value.parse().ok().filter(|limit| *limit > 0).ok_or_else(|| refuse("a number above 0"))?;
                }
                "wait" => {
                    asked.wait = value
                        .parse()
                        .ok()
                        .filter(|wait| *wait <= WAIT_MAX)
                        .ok_or_else(|| refuse("seconds, at most 25"))?;
                }
                _ => return Err(refuse("not a parameter; there are after, limit and wait")),
            }
        }
        Ok(asked)
    }
}
