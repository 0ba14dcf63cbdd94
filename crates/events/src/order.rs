//! Positions on PostgreSQL: events get them after they are committed, by one server at a time.

use std::time::Duration;

use store::{Engine, Lane, Scope, Store};

use crate::service::Events;
use crate::store as log;

/// Events given positions in one transaction.
const MOST: i64 = 5_000;
/// How soon after a unit's end its events are looked for.
const SOON: Duration = Duration::from_millis(2);
/// How often other servers' events are looked for: at first, and when there have been none for a while.
const OFTEN: Duration = Duration::from_millis(250);
const SELDOM: Duration = Duration::from_secs(2);
/// How long to wait after a failure.
const AGAIN: Duration = Duration::from_secs(1);

impl Events {
    /// Gives positions to events that have none; returns how many. SQLite's have theirs from the start.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn order(&self, store: &Store) -> store::Result<u64> {
        if store.engine() == Engine::Sqlite {
            return Ok(0);
        }
        // A look is cheap; most of the time there is nothing new.
        if !store.read(Scope::default(), Lane::Short, log::is_pending).await? {
            return Ok(0);
        }
        let mut all = 0;
        loop {
            let some = store
                .write(Scope::default(), |tx: &mut store::Tx<'_>| {
                    tx.quiet("positions of events");
                    log::order(tx.conn(), MOST)
                })
                .await?;
            all += some;
            if some < MOST.unsigned_abs() {
                return Ok(all);
            }
        }
    }

    /// Gives positions as events come, for ever, and wakes those who wait for them.
    pub async fn keep_order(&self, store: &Store) {
        let mut pause = OFTEN;
        loop {
            // A timeout is an occasion to look, too. What comes in a burst is looked for once.
            if tokio::time::timeout(pause, self.wrote()).await.is_ok() {
                tokio::time::sleep(SOON).await;
            }
            match self.order(store).await {
                Ok(0) if store.engine() == Engine::Postgres => pause = (pause * 2).min(SELDOM),
                Ok(_) => {
                    pause = OFTEN;
                    self.wake();
                }
                Err(error) => {
                    tracing::warn!(%error, "events cannot be given their positions; trying again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
}
