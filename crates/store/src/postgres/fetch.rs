//! Reads of one statement, pipelined: many callers share few connections, and nobody waits for anybody's answer.
//!
//! **Whose rights.** A shared connection has no transaction that belongs to one caller, so the scope is set for the session, by a
//! statement that leaves right before the caller's own. Why no caller ever sees with another's eyes:
//! 1. The two are handed to the driver under one lock, so they are neighbours on the wire, and the server runs a connection's
//!    messages in order. *Who asks and what* (role, claims, method, path, headers, cookies) is overwritten in between every single
//!    time, whatever it was before: no statement, not even one that calls `set_config` itself, can lend its identity to the next.
//! 2. The rest of a scope (search path, time zone, time limit, read-only, the operator's settings) is the same for nearly all, and
//!    is left out when the session is known to have it. It is known only after the server has confirmed it; and nothing is known
//!    any more once a statement was sent that names `set_config`, or where the database has a function, view or policy that
//!    could change its session (`rest::TAME` asks; a doubtful one counts as able to).
//! 3. A setting that only some scopes have (`Scope::settings`) is reset when a scope comes that does not have it.
//! 4. If the settings are refused (no such role), the statement behind them still runs, as whoever came before. Its rows are dropped
//!    unread, because the answer to the settings is looked at first; and it cannot have written, because the sessions are
//!    read-only.
//! 5. A statement's names are resolved when it is prepared, so preparing goes the same way: settings first, under the same lock,
//!    and the role is part of the cache's key.
//!
//! A function of the user's may leave a time limit in the session that is too short even for the settings. They are then refused before
//! the caller's statement has answered; the connection is given up, and the caller's statement goes once over another.
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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use tokio_postgres::{Client, Statement};

use super::counts::Counts;
use super::decode::PgRow;
use super::link::{Link, Prepared};
use super::rest::{self, Rest};
use super::tls::Target;
use super::{Options, PostgresEngine, failure, params, scope};
use crate::conn::{Param, Row, Scope};
use crate::error::{Error, Result};

/// How much later than the server we give up, so that the server's own answer wins when it comes.
const GRACE: Duration = Duration::from_secs(1);
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The shared connections.
pub(crate) struct Connections {
    target: Target,
    connect_timeout: Duration,
    pipeline_max: usize,
    generation: Arc<AtomicU64>,
    slots: Vec<Slot>,
    fetched: AtomicU64,
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
    /// Sets who asks.
    caller: Statement,
    /// Held while two neighbouring messages are handed to the driver.
    order: Mutex<Session>,
}

/// What is known of the session behind a connection.
#[derive(Default)]
struct Session {
    /// The rest of the scope that the server has confirmed.
    confirmed: Option<Rest>,
    /// Counts what made the rest unknown, so that an answer that comes late confirms nothing.
    changes: u64,
    /// The names in `Scope::settings` seen so far.
    names: BTreeSet<Box<str>>,
    /// Nothing in the database changes its session by itself.
    tame: bool,
}

impl Session {
    fn forget(&mut self) {
        self.confirmed = None;
        self.changes += 1;
    }
}

/// Counts a statement on its way.
struct Underway<'a>(&'a AtomicUsize);

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Connections {
    pub(crate) fn new(target: Target, options: &Options, generation: Arc<AtomicU64>) -> Self {
        Self {
            target,
            connect_timeout: options.connect_timeout,
            pipeline_max: options.pipeline_max.max(1),
            generation,
            slots: (0..options.shared_connections.max(1)).map(|_| Slot::default()).collect(),
            fetched: AtomicU64::new(0),
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
        match Link::open(&self.target, self.connect_timeout).await {
            Ok(link) => {
                *door = Door::default();
                let shared = Arc::new(Shared::new(link).await?);
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

    /// Adds what is on its way to `counts`.
    pub(crate) fn add_to(&self, counts: &mut Counts) {
        for slot in &self.slots {
            let current = slot.current.lock().unwrap_or_else(PoisonError::into_inner);
            counts.open += usize::from(current.as_ref().is_some_and(|shared| shared.link.is_alive()));
            counts.underway += slot.underway.load(Ordering::Relaxed);
        }
        counts.fetched += self.fetched.load(Ordering::Relaxed);
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
        // On the heap: whoever waits for it is moved about, and this is large.
        let work = Box::pin(self.fetch_in_time(scope, sql, params, sink));
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
        let mut again = true;
        loop {
            match self.fetch_once(scope, sql, params, sink).await {
                // Not a row has been handed out, and the connection it was is not used any more.
                Err(Trouble { disturbed: true, .. }) if again => again = false,
                done => return done.map_err(|trouble| trouble.error),
            }
        }
    }

    async fn fetch_once(
        &self,
        scope: &Scope,
        sql: &str,
        params: &[Param],
        sink: &mut (dyn FnMut(&dyn Row) -> Result<()> + Send),
    ) -> Result<u64, Trouble> {
        let connections = &self.inner.shared;
        let (slot, _underway) = connections.choose()?;
        connections.fetched.fetch_add(1, Ordering::Relaxed);
        let shared = connections.open(slot).await?;
        let done = self.fetch_on(&shared, scope, sql, params, sink).await;
        if matches!(&done, Err(trouble) if trouble.disturbed) {
            slot.give_up(&shared);
        }
        done
    }

    async fn fetch_on(
        &self,
        shared: &Shared,
        scope: &Scope,
        sql: &str,
        params: &[Param],
        sink: &mut (dyn FnMut(&dyn Row) -> Result<()> + Send),
    ) -> Result<u64, Trouble> {
        let link = &shared.link;
        if link.catch_up(self.inner.shared.generation.load(Ordering::Acquire)) {
            shared.look_around().await.map_err(Trouble::ours)?;
        }
        let zone = self.inner.zones.get(scope.time_zone.as_deref(), &link.client).await?;
        let role = scope.role.as_deref();
        let mut again = true;
        loop {
            let prepared = match link.prepared(role, sql) {
                Some(prepared) => prepared,
                None => shared.prepare(scope, sql).await?,
            };
            match shared.rows(scope, &prepared, params, &zone, sink).await {
                Err(trouble) if again && failure::is_stale_plan(&trouble.error) => {
                    // Refused before the first row, so the sink has seen nothing yet.
                    link.forget(role, sql);
                    again = false;
                }
                done => return done,
            }
        }
    }
}

/// Why a statement did not run.
struct Trouble {
    error: Error,
    /// Our own statement was cancelled, which nobody asks for: a time limit that a function left in the session has done it.
    disturbed: bool,
}

impl Trouble {
    /// An error of a statement of ours, not of the caller's.
    fn ours(error: Error) -> Self {
        Self { disturbed: error.code() == Some("57014"), error }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self { error, disturbed: false }
    }
}

impl Slot {
    /// Lets go of a connection, so that the next statement opens another one; those on their way over it go on.
    fn give_up(&self, shared: &Arc<Shared>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, shared)) {
            *current = None;
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
    ) -> Result<u64, Trouble> {
        let encoded = params::encode(params);
        let query = self.link.client.query_raw(&prepared.statement, encoded.iter());
        let rows = self.in_scope(scope, prepared.sets, query).await?;
        let mut rows = pin!(rows);
        let mut count = 0;
        while let Some(row) = rows.try_next().await.map_err(|error| failure::of(&error))? {
            sink(&PgRow { row: &row, decoders: &prepared.decoders, zone })?;
            count += 1;
        }
        Ok(count)
    }

    async fn prepare(&self, scope: &Scope, sql: &str) -> Result<Arc<Prepared>, Trouble> {
        let statement = self.in_scope(scope, false, self.link.client.prepare(sql)).await?;
        Ok(self.link.keep(scope.role.clone(), sql, statement))
    }

    /// Sends the settings and, right behind them, what `work` sends when it is first polled. `sets`: the work may change the session.
    async fn in_scope<T>(
        &self,
        scope: &Scope,
        sets: bool,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Trouble> {
        let mut work = pin!(work);
        let client = &self.link.client;
        let known = self.session().confirmed.as_ref().is_some_and(|rest| rest.is_of(scope));
        if known {
            let set = set(client, &self.caller, params::texts(&scope::caller(scope)));
            // Looked at again under the lock that orders the messages; mostly it is still so.
            let still = |session: &mut Session| {
                let still = session.confirmed.as_ref().is_some_and(|rest| rest.is_of(scope));
                if still && (sets || !session.tame) {
                    session.forget();
                }
                still
            };
            if let Some(done) = self.neighbours(set, work.as_mut(), still).await? {
                return Ok(done?);
            }
        }
        let mut pairs = scope::settings(scope, scope.timeout);
        pairs.insert(0, ("default_transaction_read_only", Cow::Borrowed("on")));
        loop {
            let (seen, stale) = self.reset_names(scope);
            let setup = self.setup_statement(pairs.len() + stale.len()).await.map_err(Trouble::ours)?;
            let mut values = params::settings(&pairs);
            params::resets(&stale, &mut values);
            let mut change = 0;
            let begin = |session: &mut Session| {
                if session.names.len() != seen {
                    // Someone has come with a new name in between; it must be reset as well.
                    return false;
                }
                session.forget();
                change = session.changes;
                if sets || !session.tame {
                    // Known before, unknown after.
                    session.changes += 1;
                }
                true
            };
            if let Some(done) = self.neighbours(set(client, &setup, values), work.as_mut(), begin).await? {
                let mut session = self.session();
                if session.changes == change {
                    session.confirmed = Some(Rest::of(scope));
                }
                return Ok(done?);
            }
        }
    }

    /// Polls both for the first time under the lock, if `agree` does, so that what they send are neighbours on the wire; then waits for
    /// both. None when `agree` does not. The outer error is the settings'.
    async fn neighbours<T>(
        &self,
        set: impl Future<Output = Result<(), tokio_postgres::Error>>,
        mut work: std::pin::Pin<&mut impl Future<Output = Result<T, tokio_postgres::Error>>>,
        agree: impl FnOnce(&mut Session) -> bool,
    ) -> Result<Option<Result<T>>, Trouble> {
        let mut set = pin!(set);
        let (mut set_done, mut work_done) = (None, None);
        let mut agree = Some(agree);
        let both = poll_fn(|context| {
            let mut order = None;
            if let Some(agree) = agree.take() {
                let mut session = self.session();
                if !agree(&mut session) {
                    return Poll::Ready(None);
                }
                order = Some(session);
            }
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
            match (set_done.take(), work_done.take()) {
                (Some(set), Some(work)) => Poll::Ready(Some((set, work))),
                (set, work) => {
                    (set_done, work_done) = (set, work);
                    Poll::Pending
                }
            }
        });
        let Some((set, work)) = both.await else { return Ok(None) };
        set.map_err(|error| Trouble::ours(failure::of(&error)))?;
        Ok(Some(work.map_err(|error| failure::of(&error))))
    }

    async fn new(link: Link) -> Result<Self> {
        let caller = link.client.prepare(&scope::caller_statement(false)).await.map_err(|error| failure::of(&error))?;
        let shared = Self { link, caller, order: Mutex::default() };
        shared.look_around().await?;
        Ok(shared)
    }

    /// Finds out whether anything in the database changes its session.
    async fn look_around(&self) -> Result<()> {
        // Until this is known, nothing is.
        self.session().tame = false;
        self.session().forget();
        let tame = rest::is_tame(&self.link.client).await?;
        self.session().tame = tame;
        Ok(())
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names that other scopes have set and this one does not, and how many names there are in all.
    fn reset_names(&self, scope: &Scope) -> (usize, Vec<Box<str>>) {
        let mut session = self.session();
        for (name, _) in &*scope.settings {
            if !session.names.contains(&**name) {
                session.names.insert((&**name).into());
            }
        }
        let given = |name: &str| scope.settings.iter().any(|(set, _)| **set == *name);
        (session.names.len(), session.names.iter().filter(|name| !given(name)).cloned().collect())
    }

    async fn setup_statement(&self, count: usize) -> Result<Statement> {
        let text = scope::statement(count, false);
        if let Some(prepared) = self.link.prepared(None, &text) {
            return Ok(prepared.statement.clone());
        }
        let statement = self.link.client.prepare(&text).await.map_err(|error| failure::of(&error))?;
        Ok(self.link.keep(None, &text, statement).statement.clone())
    }
}

/// Runs a statement that sets.
async fn set(
    client: &Client,
    statement: &Statement,
    values: Vec<params::TextParam<'_>>,
) -> Result<(), tokio_postgres::Error> {
    let answer = client.query_raw(statement, values).await?;
    let mut answer = pin!(answer);
    while answer.try_next().await?.is_some() {}
    Ok(())
}
