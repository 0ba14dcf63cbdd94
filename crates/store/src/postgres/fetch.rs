//! Reads of one statement, pipelined: many callers share few connections, and nobody waits for anybody's answer.
//!
//! **Whose rights.** A shared connection has no transaction that belongs to one caller, so the scope is set for the session, by a
//! statement that leaves right before the caller's own. Why no caller ever sees with another's eyes:
//! 1. The two are handed to the driver under one lock, so they are neighbours on the wire, and the server runs a connection's
//!    messages in order. Whatever earlier statements did to the session, *every* setting that tells callers apart is overwritten in
//!    between: nothing is skipped because "it is still set", so no statement that calls `set_config` itself can disturb the next.
//! 2. A setting that only some scopes have (`Scope::settings`) is reset when a scope comes that does not have it.
//! 3. If the settings are refused (no such role, a bad time zone), the statement behind them still runs, as whoever came before.
//!    Its rows are dropped unread, because the answer to the settings is looked at first; and it cannot have written anything,
//!    because the sessions are read-only and that, too, is set anew each time.
//! 4. A statement's names are resolved when it is prepared, so preparing goes the same way: settings first, under the same lock,
//!    and the role is part of the cache's key.
//!
//! What does outlive a statement: settings of other names that a user's function makes with `set_config(…, false)`. Functions that
//! speak through settings (`response.headers`) belong into `PostgresEngine::read`, where each caller has a transaction.
//!
//! A caller that goes away is not cancelled on the server: the cancellation could hit a neighbour. `statement_timeout` ends it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use tokio_postgres::{Config, Statement};

use super::decode::PgRow;
use super::link::{Link, Prepared};
use super::{Options, PostgresEngine, failure, params, scope};
use crate::conn::{Param, Row, Scope};
use crate::error::{Error, Result};

/// How much later than the server we give up, so that the server's own answer wins when it comes.
const GRACE: Duration = Duration::from_secs(1);
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The shared connections.
pub(crate) struct Connections {
    config: Config,
    connect_timeout: Duration,
    pipeline_max: usize,
    generation: Arc<AtomicU64>,
    slots: Vec<Slot>,
}

/// The place of one connection; it is opened when it is first needed and again when it was lost.
#[derive(Default)]
struct Slot {
    underway: AtomicUsize,
    open: tokio::sync::Mutex<Door>,
    current: Mutex<Option<Arc<Shared>>>,
}

#[derive(Default)]
struct Door {
    /// Until when connecting is not tried again, and why.
    down: Option<(Instant, String)>,
    pause: Duration,
}

struct Shared {
    link: Link,
    /// Held while two neighbouring messages are handed to the driver. Inside: the names in `Scope::settings` seen so far.
    order: Mutex<BTreeSet<Box<str>>>,
}

/// Counts a statement on its way.
struct Underway<'a>(&'a AtomicUsize);

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Connections {
    pub(crate) fn new(config: Config, options: &Options, generation: Arc<AtomicU64>) -> Self {
        Self {
            config,
            connect_timeout: options.connect_timeout,
            pipeline_max: options.pipeline_max.max(1),
            generation,
            slots: (0..options.shared_connections.max(1)).map(|_| Slot::default()).collect(),
        }
    }

    async fn open(&self, slot: &Slot) -> Result<Arc<Shared>> {
        let current = || slot.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let alive = |shared: &Arc<Shared>| shared.link.is_alive();
        if let Some(shared) = current().filter(alive) {
            return Ok(shared);
        }
        let mut door = slot.open.lock().await;
        if let Some(shared) = current().filter(alive) {
            return Ok(shared);
        }
        if let Some((until, reason)) = &door.down
            && Instant::now() < *until
        {
            return Err(failure::unavailable(reason.clone()));
        }
        match Link::open(&self.config, self.connect_timeout, true).await {
            Ok(link) => {
                *door = Door::default();
                let shared = Arc::new(Shared { link, order: Mutex::default() });
                *slot.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(shared.clone());
                Ok(shared)
            }
            Err(error) => {
                let pause = door.pause.max(PAUSE_MIN);
                door.pause = (pause * 2).min(PAUSE_MAX);
                door.down = Some((Instant::now() + pause, error.to_string()));
                Err(error)
            }
        }
    }

    /// The connection with the fewest statements on their way.
    fn choose(&self) -> Result<(&Slot, Underway<'_>)> {
        let slot = self.slots.iter().min_by_key(|slot| slot.underway.load(Ordering::Acquire));
        let slot = slot.ok_or(Error::Overloaded { retry_after: failure::RETRY_AFTER })?;
        let before = slot.underway.fetch_add(1, Ordering::AcqRel);
        let underway = Underway(&slot.underway);
        if before >= self.pipeline_max {
            return Err(Error::Overloaded { retry_after: failure::RETRY_AFTER });
        }
        Ok((slot, underway))
    }
}

impl PostgresEngine {
    /// Runs one reading statement in a scope and hands over each row; returns how many there were.
    ///
    /// Faster than [`PostgresEngine::read`] by about two, because statements of many callers are on their way together; it has its
    /// own snapshot and no transaction around it. For short statements: one that takes long delays those behind it.
    pub async fn fetch(
        &self,
        scope: &Scope,
        sql: &str,
        params: &[Param],
        sink: &mut (dyn FnMut(&dyn Row) -> Result<()> + Send),
    ) -> Result<u64> {
        let deadline = tokio::time::Instant::now() + scope.timeout + GRACE;
        let work = self.fetch_in_time(scope, sql, params, sink);
        tokio::time::timeout_at(deadline, work)
            .await
            .unwrap_or_else(|_| Err(Error::sql("57014", "canceling statement due to statement timeout")))
    }

    async fn fetch_in_time(
        &self,
        scope: &Scope,
        sql: &str,
        params: &[Param],
        sink: &mut (dyn FnMut(&dyn Row) -> Result<()> + Send),
    ) -> Result<u64> {
        let connections = &self.inner.shared;
        let (slot, _underway) = connections.choose()?;
        let shared = connections.open(slot).await?;
        let link = &shared.link;
        link.catch_up(connections.generation.load(Ordering::Acquire));
        let zone = self.inner.zones.get(scope.time_zone.as_deref(), &link.client).await?;
        let role = scope.role.as_deref();
        let mut again = true;
        loop {
            let prepared = match link.prepared(role, sql) {
                Some(prepared) => prepared,
                None => shared.prepare(scope, sql).await?,
            };
            match shared.rows(scope, &prepared, params, &zone, sink).await {
                Err(error) if again && failure::is_stale_plan(&error) => {
                    // Refused before the first row, so the sink has seen nothing yet.
                    link.forget(role, sql);
                    again = false;
                }
                done => return done,
            }
        }
    }
}

impl Shared {
    async fn rows(
        &self,
        scope: &Scope,
        prepared: &Prepared,
        params: &[Param],
        zone: &Arc<super::decode::Zone>,
        sink: &mut (dyn FnMut(&dyn Row) -> Result<()> + Send),
    ) -> Result<u64> {
        let encoded = params::encode(params);
        let rows = self.in_scope(scope, self.link.client.query_raw(&prepared.statement, encoded.iter())).await?;
        let mut rows = pin!(rows);
        let mut count = 0;
        while let Some(row) = rows.try_next().await.map_err(|error| failure::of(&error))? {
            sink(&PgRow { row: &row, decoders: &prepared.decoders, zone })?;
            count += 1;
        }
        Ok(count)
    }

    async fn prepare(&self, scope: &Scope, sql: &str) -> Result<Arc<Prepared>> {
        let statement = self.in_scope(scope, self.link.client.prepare(sql)).await?;
        Ok(self.link.keep(scope.role.clone(), sql, statement))
    }

    /// Sends the settings and, right behind them, what `work` sends when it is first polled.
    async fn in_scope<T>(
        &self,
        scope: &Scope,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        let mut pairs = scope::settings(scope, scope.timeout);
        pairs.insert(0, ("default_transaction_read_only", Cow::Borrowed("on")));
        let stale = self.reset_names(scope);
        let setup = self.setup_statement(pairs.len(), stale.len()).await?;
        let set = async {
            let mut values = params::settings(&pairs);
            params::resets(&stale, &mut values);
            let answer = self.link.client.query_raw(&setup, values).await?;
            let mut answer = pin!(answer);
            while answer.try_next().await?.is_some() {}
            Ok::<_, tokio_postgres::Error>(())
        };
        let (mut set, mut work) = (pin!(set), pin!(work));
        let (mut set_done, mut work_done) = (None, None);
        let mut sent = false;
        let (set, work) = poll_fn(|context| {
            let order = (!sent).then(|| self.order.lock().unwrap_or_else(PoisonError::into_inner));
            if set_done.is_none()
                && let Poll::Ready(done) = set.as_mut().poll(context)
            {
                set_done = Some(done);
            }
            if work_done.is_none()
                && let Poll::Ready(done) = work.as_mut().poll(context)
            {
                work_done = Some(done);
            }
            drop(order);
            sent = true;
            match (set_done.take(), work_done.take()) {
                (Some(set), Some(work)) => Poll::Ready((set, work)),
                (set, work) => {
                    (set_done, work_done) = (set, work);
                    Poll::Pending
                }
            }
        })
        .await;
        set.map_err(|error| failure::of(&error))?;
        work.map_err(|error| failure::of(&error))
    }

    /// Names that other scopes have set and this one does not.
    fn reset_names(&self, scope: &Scope) -> Vec<Box<str>> {
        let mut seen = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, _) in &*scope.settings {
            if !seen.contains(&**name) {
                seen.insert((&**name).into());
            }
        }
        if seen.len() == scope.settings.len() {
            return Vec::new();
        }
        let absent = |name: &&Box<str>| !scope.settings.iter().any(|(set, _)| **set == ***name);
        seen.iter().filter(absent).cloned().collect()
    }

    async fn setup_statement(&self, pairs: usize, resets: usize) -> Result<Statement> {
        let text = scope::statement(pairs + resets, false);
        if let Some(prepared) = self.link.prepared(None, &text) {
            return Ok(prepared.statement.clone());
        }
        let statement = self.link.client.prepare(&text).await.map_err(|error| failure::of(&error))?;
        Ok(self.link.keep(None, &text, statement).statement.clone())
    }
}
