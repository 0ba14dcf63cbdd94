//! One at a time under a key, and the sweeping of what is old.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::{Error, Result};
use store::{Connection, Scope, Store};
use tokio::sync::Notify;

use crate::error::IN_FLIGHT;
use crate::model::{Claim, Stored};
use crate::store::{Found, forget};

/// When somebody who was told to wait should ask again.
const AGAIN: Duration = Duration::from_secs(1);
/// Answers forgotten in one transaction.
const SWEEP_MAX: i64 = 500;

/// The room's settings.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// How long an answer is kept.
    pub retention: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { retention: Duration::from_secs(24 * 3_600) }
    }
}

/// The room.
#[derive(Debug, Default)]
pub struct Idempotency {
    config: Config,
    running: Arc<Mutex<HashMap<[u8; 32], Arc<Notify>>>>,
}

/// Something that belongs to the unit of a request under a key, also when the request was done before.
pub type Beside = Arc<dyn Fn(&mut dyn Connection) -> store::Result<()> + Send + Sync>;

/// What a unit needs of a request under a key.
#[derive(Clone)]
pub struct Once {
    claim: Claim,
    retention: Duration,
    beside: Option<Beside>,
}

impl std::fmt::Debug for Once {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { claim, retention, beside } = self;
        write!(f, "Once({claim:?}, {retention:?}, beside: {})", beside.is_some())
    }
}

impl Once {
    /// What there is under the key. The first thing in the unit; afterwards nobody else gets that far until the unit has ended.
    ///
    /// # Errors
    /// Those of the store.
    pub fn find(&self, conn: &mut dyn Connection) -> store::Result<Found> {
        let found = self.claim.find(conn)?;
        if matches!(found, Found::Answer(_)) {
            self.also(conn)?;
        }
        Ok(found)
    }

    fn also(&self, conn: &mut dyn Connection) -> store::Result<()> {
        self.beside.as_ref().map_or(Ok(()), |beside| beside(conn))
    }

    /// What finds it out on PostgreSQL, as statements; [`Once::is_new`] judges their rows.
    pub fn asks(&self) -> [(&'static str, [store::Param; 1]); 2] {
        self.claim.asks()
    }

    /// May the request be done, by a row of the statement of this number: nothing was found, and nobody else is at it.
    ///
    /// # Errors
    /// Those of the store.
    pub fn is_new(number: usize, row: &dyn store::Row) -> store::Result<bool> {
        Claim::is_new(number, row)
    }

    /// Keeps the answer as long as answers are kept. The last thing in the unit.
    ///
    /// # Errors
    /// Those of the store.
    pub fn keep(&self, conn: &mut dyn Connection, answer: &Stored) -> store::Result<()> {
        let retention = i64::try_from(self.retention.as_micros()).unwrap_or(i64::MAX);
        let until = conn.now().saturating_add(retention);
        self.claim.keep(conn, answer, until)?;
        self.also(conn)
    }
}

/// A request under a key that is being answered here. While this is held no other one under the key begins here. To be let go before the
/// answer leaves: who has it may ask again at once.
#[derive(Debug)]
pub struct Running {
    once: Once,
    others: Arc<Mutex<HashMap<[u8; 32], Arc<Notify>>>>,
}

impl Running {
    /// What its unit needs.
    pub fn once(&self) -> Once {
        self.once.clone()
    }

    /// Keeps the answer for another time than is usual.
    #[must_use]
    pub fn kept_for(mut self, retention: Duration) -> Self {
        self.once.retention = retention;
        self
    }

    /// Has something done in the same unit, also when the request was done before. It may run more than once.
    #[must_use]
    pub fn beside(mut self, beside: Beside) -> Self {
        self.once.beside = Some(beside);
        self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let ended = self.others.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.once.claim.place);
        if let Some(ended) = ended {
            ended.notify_waiters();
        }
    }
}

impl Idempotency {
    /// The room with its settings.
    pub fn new(config: Config) -> Self {
        Self { config, running: Arc::default() }
    }

    /// Begins a request under a key. When one is running here already, waits for its end as long as asked to.
    ///
    /// # Errors
    /// `idempotency.in_flight` when the other one is still running.
    pub async fn begin(&self, claim: Claim, wait: Option<Duration>) -> Result<Running> {
        let busy = || Error::new(&IN_FLIGHT, "The first request has not been answered yet.").with_retry_after(AGAIN);
        let begun = async {
            loop {
                let other = match self.running.lock().unwrap_or_else(PoisonError::into_inner).entry(claim.place) {
                    std::collections::hash_map::Entry::Vacant(free) => {
                        free.insert(Arc::default());
                        return Ok(self.runs(claim));
                    }
                    std::collections::hash_map::Entry::Occupied(other) => other.get().clone(),
                };
                if wait.is_none() {
                    return Err(busy());
                }
                let ended = other.notified();
                // It may have ended between the two looks; then nobody would wake us.
                if self.running.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&claim.place) {
                    ended.await;
                }
            }
        };
        match wait {
            None => begun.await,
            Some(wait) => tokio::time::timeout(wait, begun).await.unwrap_or_else(|_| Err(busy())),
        }
    }

    fn runs(&self, claim: Claim) -> Running {
        Running { once: Once { claim, retention: self.config.retention, beside: None }, others: self.running.clone() }
    }

    /// Forgets what is old, in small transactions, until nothing is left to forget; returns how many answers.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn sweep(&self, store: &Store) -> store::Result<u64> {
        let mut all = 0;
        loop {
            let some = store
                .write(Scope::default(), |tx: &mut store::Tx<'_>| {
                    tx.quiet("stored answers whose time is over");
                    let now = tx.conn().now();
                    forget(tx.conn(), now, SWEEP_MAX)
                })
                .await?;
            all += some;
            if some < SWEEP_MAX.unsigned_abs() {
                return Ok(all);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Asking, Key};

    fn claim(key: &str) -> Claim {
        let key = Key::parse(std::iter::once(key.as_bytes())).unwrap().unwrap();
        let asking = Asking { actor: &[], method: "POST", path: "/", query: "", headers: &[], body: b"" };
        Claim::of(&key, &asking)
    }

    #[tokio::test]
    async fn one_runs_at_a_time_and_others_are_told_or_wait() {
        let room = Arc::new(Idempotency::default());
        let first = room.begin(claim("a"), None).await.unwrap();
        let refused = room.begin(claim("a"), None).await.unwrap_err();
        assert_eq!((refused.code.status, refused.retry_after), (409, Some(AGAIN)));
        assert!(room.begin(claim("b"), None).await.is_ok());
        let waiting = tokio::spawn({
            let room = room.clone();
            async move { room.begin(claim("a"), Some(Duration::from_secs(30))).await.map(drop) }
        });
        tokio::task::yield_now().await;
        drop(first);
        waiting.await.unwrap().unwrap();
        assert!(room.begin(claim("a"), None).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_when_its_time_is_over() {
        let room = Idempotency::default();
        let _first = room.begin(claim("a"), None).await.unwrap();
        let refused = room.begin(claim("a"), Some(Duration::from_secs(2))).await.unwrap_err();
        assert_eq!(refused.code, &IN_FLIGHT);
    }
}
