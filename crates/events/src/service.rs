//! Reading the log, and waiting for it to grow.

use std::sync::Arc;
use std::time::Duration;

use store::{Lane, Participant, Scope, Store};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::model::Logged;
use crate::recorder::Recorder;
use crate::store as log;

/// The room's settings.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Events that one reading gets at most.
    pub page_max: u32,
    /// Events that are kept at most; 0 for any number.
    pub rows_max: u64,
    /// How long an event is kept.
    pub retention: Duration,
}

/// Events forgotten in one transaction.
const SWEEP_MAX: i64 = 1_000;

impl Default for Config {
    fn default() -> Self {
        Self { page_max: 1_000, rows_max: 0, retention: Duration::from_secs(30 * 86_400) }
    }
}

/// The room.
#[derive(Debug, Default)]
pub struct Events {
    config: Config,
    recorder: Arc<Recorder>,
    grown: Notify,
}

impl Events {
    /// The room with its settings.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// Who writes down the events of each unit.
    pub fn recorder(&self) -> Arc<dyn Participant> {
        self.recorder.clone()
    }

    /// Events after a position, in order, at most `most` of them and never more than the configuration allows.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn read(&self, store: &Store, after: i64, most: u32) -> store::Result<Vec<Logged>> {
        let most = i64::from(most.min(self.config.page_max));
        store.read(Scope::default(), Lane::Short, move |conn| log::read(conn, after, most)).await
    }

    /// The same; when there are none yet, waits for one as long as told.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn wait(&self, store: &Store, after: i64, most: u32, wait: Duration) -> store::Result<Vec<Logged>> {
        let found = self.read(store, after, most).await?;
        if !found.is_empty() || wait.is_zero() {
            return Ok(found);
        }
        let looking = async {
            loop {
                let mut grown = std::pin::pin!(self.grown.notified());
                // From here on a wake-up counts, also one that comes while the log is read.
                grown.as_mut().enable();
                let found = self.read(store, after, most).await?;
                if !found.is_empty() {
                    return Ok(found);
                }
                grown.await;
            }
        };
        tokio::time::timeout(wait, looking).await.unwrap_or_else(|_| Ok(Vec::new()))
    }

    /// Forgets what is older than the log goes back, or more than it is to hold, in small transactions; returns how many events. The last one always stays, so that
    /// no place is ever given twice.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn sweep(&self, store: &Store) -> store::Result<u64> {
        let rows = i64::try_from(self.config.rows_max).unwrap_or(i64::MAX);
        let retention = i64::try_from(self.config.retention.as_micros()).unwrap_or(i64::MAX);
        let mut all = 0;
        loop {
            let (some, taken) = store
                .write(Scope::default(), move |tx: &mut store::Tx<'_>| {
                    tx.quiet("events that are older than the log goes back");
                    let before = tx.conn().now().saturating_sub(retention);
                    let taken = log::forget_taken(tx.conn(), before, SWEEP_MAX)?;
                    Ok::<_, store::Error>((log::forget(tx.conn(), before, rows, SWEEP_MAX)?, taken))
                })
                .await?;
            all += some;
            if some.max(taken) < SWEEP_MAX.unsigned_abs() {
                return Ok(all);
            }
        }
    }

    /// The first position that is still there; 0 for an empty log.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn first(&self, store: &Store) -> store::Result<i64> {
        store.read(Scope::default(), Lane::Short, log::first).await
    }

    /// The last position; 0 for an empty log.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn last(&self, store: &Store) -> store::Result<i64> {
        store.read(Scope::default(), Lane::Short, log::last).await
    }

    /// Wakes whoever holds it when the log has grown. What grows on another server is told late or not at all: look now and then.
    pub fn grown(&self) -> Notified<'_> {
        self.grown.notified()
    }

    pub(crate) async fn wrote(&self) {
        self.recorder.wrote.notified().await;
    }

    pub(crate) fn wake(&self) {
        self.grown.notify_waiters();
    }
}
