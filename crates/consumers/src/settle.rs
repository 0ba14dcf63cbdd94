//! What consumers say of what they got: done, not now, not ever, not yet.

use std::time::Duration;

use store::{Connection, Scope, Store, Tx};

use crate::dead;
use crate::error::ConsumersError;
use crate::model::{Durable, Group, Settled};
use crate::service::{Config, Consumers, as_house};
use crate::store as rows;

/// The longest reason that is kept, in characters.
const REASON_MAX: usize = 1_000;
/// Why an event is put back when nobody says.
const UNSAID: &str = "nack without a reason";

/// What is said of leased events.
#[derive(Clone, Debug)]
enum Saying {
    Done,
    More,
    Back { delay: Duration, reason: String },
    Never { reason: String },
}

impl Consumers {
    /// These are done.
    ///
    /// # Errors
    /// There is no such group; those of the store.
    pub async fn ack(&self, store: &Store, durable: &Durable, leases: Vec<String>) -> Result<Settled, ConsumersError> {
        self.settle(store, durable, leases, Saying::Done).await
    }

    /// These take longer: each has its time again from now.
    ///
    /// # Errors
    /// There is no such group; those of the store.
    pub async fn in_progress(
        &self,
        store: &Store,
        durable: &Durable,
        leases: Vec<String>,
    ) -> Result<Settled, ConsumersError> {
        self.settle(store, durable, leases, Saying::More).await
    }

    /// These failed: again after a delay, unless it was the last time.
    ///
    /// # Errors
    /// There is no such group; those of the store.
    pub async fn nack(
        &self,
        store: &Store,
        durable: &Durable,
        leases: Vec<String>,
        delay: Duration,
        reason: Option<&str>,
    ) -> Result<Settled, ConsumersError> {
        let reason = cut(reason.unwrap_or(UNSAID));
        self.settle(store, durable, leases, Saying::Back { delay, reason }).await
    }

    /// These can never be done: dead letters at once.
    ///
    /// # Errors
    /// There is no such group; those of the store.
    pub async fn term(
        &self,
        store: &Store,
        durable: &Durable,
        leases: Vec<String>,
        reason: Option<&str>,
    ) -> Result<Settled, ConsumersError> {
        let reason = cut(reason.unwrap_or("terminated without a reason"));
        self.settle(store, durable, leases, Saying::Never { reason }).await
    }

    /// Acknowledges one delivery inside another unit; false when the lease is not valid any more. Whoever has the lease may.
    ///
    /// # Errors
    /// Those of the store.
    pub fn ack_within(conn: &mut dyn Connection, durable: &Durable, lease: &str) -> store::Result<bool> {
        let Some(position) = position_of(lease) else { return Ok(false) };
        let mut done = false;
        conn.as_house(&mut |conn| {
            done = !rows::done(conn, durable.as_str(), &[(position, lease)])?.is_empty();
            Ok(())
        })?;
        Ok(done)
    }

    /// Wakes consumers that wait: something was acknowledged elsewhere.
    pub fn wake(&self) {
        self.moved.notify_waiters();
    }

    async fn settle(
        &self,
        store: &Store,
        durable: &Durable,
        leases: Vec<String>,
        saying: Saying,
    ) -> Result<Settled, ConsumersError> {
        let (name, config, time) = (durable.as_str().to_owned(), self.config, self.time());
        let settled = store
            .write(Scope::default(), move |tx: &mut Tx<'_>| {
                tx.quiet("deliveries are settled");
                let now = time.unwrap_or_else(|| tx.conn().now());
                as_house(tx.conn(), |conn| settle(conn, &name, &leases, &saying, &config, now))
            })
            .await?;
        self.wake();
        Ok(settled)
    }
}

fn cut(reason: &str) -> String {
    reason.chars().take(REASON_MAX).collect()
}

/// The position that a lease ends with.
fn position_of(lease: &str) -> Option<i64> {
    lease.rsplit_once('.')?.1.parse().ok()
}

fn settle(
    conn: &mut dyn Connection,
    durable: &str,
    leases: &[String],
    saying: &Saying,
    config: &Config,
    now: i64,
) -> Result<Settled, ConsumersError> {
    let known: Vec<(i64, &str)> =
        leases.iter().filter_map(|lease| Some((position_of(lease)?, lease.as_str()))).collect();
    let group = rows::group(conn, durable, false)?.ok_or_else(|| ConsumersError::NoGroup(durable.to_owned()))?;
    let mut died = 0;
    let done = match saying {
        Saying::Done => rows::done(conn, durable, &known)?,
        Saying::More => {
            let until = now.saturating_add(group.settings.ack_wait_ms.saturating_mul(1_000));
            rows::extend(conn, durable, &known, until)?
        }
        Saying::Back { delay, reason } => {
            let until = now.saturating_add(i64::try_from(delay.as_micros()).unwrap_or(i64::MAX));
            let back = rows::let_go(conn, durable, &known, until, reason)?;
            let worn = back.iter().filter(|(_, deliveries)| *deliveries >= group.settings.max_deliver);
            died += bury(conn, &group, worn.map(|(position, _)| *position), reason, config, now)?;
            back.into_iter().map(|(position, _)| position).collect()
        }
        Saying::Never { reason } => {
            let back = rows::let_go(conn, durable, &known, now, reason)?;
            let back: Vec<i64> = back.into_iter().map(|(position, _)| position).collect();
            died += bury(conn, &group, back.iter().copied(), reason, config, now)?;
            back
        }
    };
    let is_done = |lease: &&String| position_of(lease).is_some_and(|position| done.contains(&position));
    let (done, stale): (Vec<&String>, Vec<&String>) = leases.iter().partition(is_done);
    Ok(Settled { done: done.into_iter().cloned().collect(), stale: stale.into_iter().cloned().collect(), died })
}

fn bury(
    conn: &mut dyn Connection,
    group: &Group,
    positions: impl Iterator<Item = i64>,
    reason: &str,
    config: &Config,
    now: i64,
) -> Result<u64, ConsumersError> {
    let mut died = 0;
    for position in positions {
        died += u64::from(dead::give_up(conn, group, position, reason, config, now)?);
    }
    Ok(died)
}
