//! `/events/v1`: what happened, read by place. `?after=` is the last sequence that was seen, `?limit=` how many at most, `?wait=` how many
//! seconds to wait for the first when there is none yet.

use std::sync::Arc;
use std::time::Duration;

use data::Caller;
use events::{Events, GONE, Logged, present};
use http::header::CACHE_CONTROL;
use http::request::Parts as Head;
use http::{HeaderName, HeaderValue, StatusCode};
use kernel::error::{FORBIDDEN, INVALID, TIMEOUT, UNAVAILABLE};
use kernel::{Error, Result};
use store::Store;
use web::{Response, response};

use crate::front::Front;
use crate::sight;

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
    /// What reads rows for those whom row security binds.
    pub front: Arc<Front>,
    /// Roles that row security binds and that may read all the same, each what it may see.
    pub readers: Vec<String>,
}

/// Pages of the log that are passed by in one answer when the caller may see nothing of them.
const PASSED_MAX: usize = 20;

impl Feed {
    /// Whether the caller may read the log: all of it, or what it may see of it.
    pub(crate) fn admit(&self, caller: &Caller) -> Result<()> {
        if sees_all(&self.store, caller) || self.readers.iter().any(|role| **role == *caller.role) {
            return Ok(());
        }
        let why = "Events are for roles that row security does not bind, and for those named in events.reader_roles.";
        Err(Error::new(&FORBIDDEN, why))
    }

    /// Answers a reader.
    pub async fn answer(&self, head: &Head, caller: &Caller) -> Result<Response> {
        self.admit(caller)?;
        let asked = Asked::parse(head.uri.query().unwrap_or_default())?;
        let wait = Duration::from_secs(asked.wait);
        let (found, next) = self.page(caller, asked.after, asked.limit, wait).await?;
        let mut answer = response::of(StatusCode::OK, CONTENT, present::batch(&found));
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer.headers_mut().insert(NEXT, HeaderValue::from(next));
        Ok(answer)
    }

    /// What the caller sees of the log after a place, at most so many events, and the place that was reached. Where there is nothing yet, waits
    /// for it as long as told.
    pub(crate) async fn page(
        &self,
        caller: &Caller,
        after: Option<i64>,
        limit: u32,
        wait: Duration,
    ) -> Result<(Vec<Logged>, i64)> {
        let all = sees_all(&self.store, caller);
        let desk = self.front.desk();
        let mut reached = after.unwrap_or(0);
        let looking = async {
            for _ in 0..PASSED_MAX {
                let found = self.events.wait(&self.store, reached, limit, wait).await.map_err(failed)?;
                let (Some(first), Some(last)) = (found.first(), found.last()) else { break };
                // Whoever names a place wants what follows it: not having it any more must be said.
                if (after.is_some() || reached > 0) && first.position > reached + 1 {
                    let first = first.position;
                    let why = format!("The log begins at {first}; what was between is forgotten.");
                    return Err(Error::new(&GONE, why));
                }
                let last = last.position;
                let shown = if all { found } else { sight::seen(&desk, caller, &found).await? };
                reached = last;
                if !shown.is_empty() {
                    return Ok(shown);
                }
            }
            Ok(Vec::new())
        };
        let found = if wait.is_zero() {
            looking.await?
        } else {
            tokio::time::timeout(wait, looking).await.unwrap_or(Ok(Vec::new()))?
        };
        Ok((found, reached))
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
