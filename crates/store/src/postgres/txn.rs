//! One transaction on one connection, as a synchronous function sees it.
//!
//! **One flight.** `begin`, the settings of the scope and the function's first statement leave together; the server answers them
//! in order. The three are separate messages, so one could fail and the next still run. Why nothing bad follows:
//! - `begin` fails: the settings and the statement would run by themselves, as the connecting user. Their rows are never handed out
//!   (the answer to `begin` is looked at first), and the session is read-only outside of a transaction, so nothing can have been
//!   written. The connection is given up.
//! - the settings fail (no such role, a bad time zone): the transaction is aborted, so the server refuses the statement.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio_postgres::{RowStream, Statement};
use values::Type;

use super::decode::{PgRow, Zone};
use super::link::{Link, Prepared};
use super::{failure, params, scope};
use crate::conn::{Connection, Engine, Param, Row, Scope};
use crate::error::{Error, Result};

/// How long asking the server to cancel may take.
const CANCEL_PATIENCE: Duration = Duration::from_secs(5);

/// How soon to ask again when the statement goes on.
const CANCEL_AGAIN: Duration = Duration::from_millis(100);

/// Tells a running transaction that nobody waits for it any more.
#[derive(Debug, Default)]
pub(crate) struct Cancel {
    gone: AtomicBool,
    wake: Notify,
}

impl Cancel {
    /// Nobody waits any more.
    pub(crate) fn cancel(&self) {
        self.gone.store(true, Ordering::Release);
        self.wake.notify_one();
    }
    fn is_cancelled(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }
    async fn cancelled(&self) {
        // `notify_one` leaves a permit when it comes first, so no wake-up is lost between the look and the wait.
        while !self.is_cancelled() {
            self.wake.notified().await;
        }
    }
}

/// How a transaction begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One snapshot for all statements, no writes.
    Read,
    /// PostgreSQL's default isolation.
    Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing has been sent.
    New,
    /// `begin` has succeeded.
    Open,
}

pub(crate) struct Txn<'a> {
    runtime: &'a Runtime,
    link: &'a Link,
    scope: &'a Scope,
    mode: Mode,
    zone: Arc<Zone>,
    deadline: Instant,
    cancel: &'a Cancel,
    stage: Cell<Stage>,
    now: Cell<i64>,
    /// An error of `begin` that came where it could not be returned.
    late: RefCell<Option<Error>>,
    /// The server has aborted the transaction (or the part of it inside the open savepoint).
    failed: Cell<bool>,
    /// Running the whole function again may succeed.
    transient: Cell<bool>,
    /// The connection must not be used again.
    broken: Cell<bool>,
    statements: Cell<u64>,
    depth: u32,
    /// Settings of this transaction beside the scope's.
    more: Vec<(&'static str, String)>,
    /// Statements that were sent and whose answers nobody has looked at yet.
    sent: Vec<Sent<'a>>,
}

/// A statement on its way.
type Sent<'a> = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + 'a>>;

impl<'a> Txn<'a> {
    pub(crate) fn new(
        runtime: &'a Runtime,
        link: &'a Link,
        scope: &'a Scope,
        mode: Mode,
        zone: Arc<Zone>,
        deadline: Instant,
        cancel: &'a Cancel,
    ) -> Self {
        Self {
            runtime,
            link,
            scope,
            mode,
            zone,
            deadline,
            cancel,
            stage: Cell::new(Stage::New),
            now: Cell::new(0),
            late: RefCell::new(None),
            failed: Cell::new(false),
            transient: Cell::new(false),
            broken: Cell::new(false),
            statements: Cell::new(0),
            depth: 0,
            more: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Has the transaction begin with these settings too.
    pub(crate) fn with_settings(mut self, more: Vec<(&'static str, String)>) -> Self {
        self.more = more;
        self
    }

    /// The settings it begins with: the role is the last of them.
    fn settings(&self) -> Result<Vec<(&str, Cow<'_, str>)>> {
        let mut pairs: Vec<_> = self.more.iter().map(|(name, value)| (*name, Cow::Borrowed(value.as_str()))).collect();
        pairs.extend(scope::settings(self.scope, self.left()?));
        Ok(pairs)
    }

    /// May running the function again succeed, after a serialisation failure or a deadlock.
    pub(crate) fn is_transient(&self) -> bool {
        self.transient.get()
    }

    /// Must the connection be given up.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.get() || !self.link.is_alive()
    }

    /// Ends the transaction for good. When this fails, nothing is known to be committed.
    pub(crate) fn commit(&mut self) -> Result<()> {
        if self.stage.get() == Stage::New {
            return self.late.take().map_or(Ok(()), Err);
        }
        if self.failed.get() {
            // The server would answer a `commit` with a silent rollback.
            self.rollback();
            return Err(Error::sql(
                "25P02",
                "current transaction is aborted, commands ignored until end of transaction block",
            ));
        }
        let sent = std::mem::take(&mut self.sent);
        let done = self.runtime.block_on(async {
            // On its way before any answer is waited for. Had one of the statements failed, it is a rollback for the server.
            let mut commit = pin!(self.link.client.batch_execute("commit"));
            let mut done = None;
            if let Poll::Ready(early) = commit.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                done = Some(early);
            }
            for statement in sent {
                statement.await?;
            }
            match done {
                Some(done) => done,
                None => commit.await,
            }
        });
        done.map_err(|error| self.note(failure::of(&error)))
    }

    /// Lets deferred constraints speak, as a commit would, and then undoes everything.
    pub(crate) fn check_and_rollback(&self) -> Result<()> {
        if self.stage.get() == Stage::New {
            return self.late.take().map_or(Ok(()), Err);
        }
        let client = &self.link.client;
        let (checked, undone) = self.runtime.block_on(async {
            tokio::join!(
                biased;
                client.batch_execute("set constraints all immediate"),
                client.batch_execute("rollback"),
            )
        });
        undone.map_err(|error| self.give_up(failure::of(&error)))?;
        checked.map_err(|error| self.note(failure::of(&error)))
    }

    /// Undoes everything; a connection that cannot even do that is given up.
    pub(crate) fn rollback(&self) {
        if self.stage.get() == Stage::Open && !self.is_broken() {
            if self.runtime.block_on(self.link.client.batch_execute("rollback")).is_err() {
                self.broken.set(true);
            }
            self.stage.set(Stage::New);
        }
    }

    /// Undoes everything without waiting for it: what this connection sends next comes after it. Should the server refuse even this, the
    /// transaction is aborted, and the next `begin` is refused in turn, which gives the connection up.
    pub(crate) fn rollback_unseen(&self) {
        if self.stage.get() == Stage::Open && !self.is_broken() {
            self.send_unseen("rollback");
            self.stage.set(Stage::New);
        }
    }

    /// Sends a command without waiting for its answer.
    fn send_unseen(&self, sql: &str) {
        let command = pin!(self.link.client.batch_execute(sql));
        // Sent with the first poll; nobody has to be woken by the answer.
        let _ = command.poll(&mut Context::from_waker(Waker::noop()));
    }

    /// Remembers what an error means for this transaction.
    fn note(&self, error: Error) -> Error {
        self.failed.set(true);
        if failure::is_transient(&error) {
            self.transient.set(true);
        }
        if matches!(error, Error::Unavailable { .. }) {
            self.broken.set(true);
        }
        error
    }

    fn give_up(&self, error: Error) -> Error {
        self.broken.set(true);
        self.note(error)
    }

    fn left(&self) -> Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(self.note(timed_out())) } else { Ok(left) }
    }

    /// The statement that sets the scope. It must be at hand before `begin` is sent: preparing it in between would let the first
    /// statement overtake.
    async fn setup_statement(&self, count: usize) -> Result<Statement> {
        let text = scope::statement(count, true);
        if let Some(prepared) = self.link.prepared(None, &text) {
            return Ok(prepared.statement.clone());
        }
        let statement = self.link.client.prepare(&text).await.map_err(|error| self.give_up(failure::of(&error)))?;
        Ok(self.link.keep(None, &text, statement).statement.clone())
    }

    /// Sends `begin` and the settings. Both are on their way after the first poll.
    async fn open(&self, setup: &Statement, pairs: &[(&str, Cow<'_, str>)]) -> Result<()> {
        let begin = match self.mode {
            Mode::Read => "begin isolation level repeatable read, read only",
            Mode::Write => "begin read write",
        };
        let client = &self.link.client;
        let settings = async {
            let rows = client.query_raw(setup, params::settings(pairs)).await?;
            let mut rows = pin!(rows);
            let mut now = 0;
            while let Some(row) = rows.try_next().await? {
                now = row.try_get::<_, i64>(pairs.len())?;
            }
            Ok::<_, tokio_postgres::Error>(now)
        };
        let (opened, set) = tokio::join!(biased; client.batch_execute(begin), settings);
        opened.map_err(|error| self.give_up(failure::of(&error)))?;
        self.stage.set(Stage::Open);
        self.now.set(set.map_err(|error| self.unset(failure::of(&error)))?);
        Ok(())
    }

    /// The settings were refused. When they were cancelled, which nobody asks for, a function has left a time limit in the session that is too
    /// short even for them: nobody else gets this connection.
    fn unset(&self, error: Error) -> Error {
        if error.code() == Some("57014") { self.give_up(error) } else { self.note(error) }
    }

    async fn open_alone(&self) -> Result<()> {
        let pairs = self.settings()?;
        let setup = self.setup_statement(pairs.len()).await?;
        self.open(&setup, &pairs).await
    }

    async fn prepare(&self, sql: &str) -> Result<Arc<Prepared>> {
        let statement = self.link.client.prepare(sql).await.map_err(|error| self.note(failure::of(&error)))?;
        Ok(self.link.keep(self.scope.role.clone(), sql, statement))
    }

    /// Sends a statement, after or together with the beginning of the transaction.
    async fn start(&self, sql: &str, params: &[Param]) -> Result<(Arc<Prepared>, RowStream)> {
        if let Some(error) = self.late.take() {
            return Err(error);
        }
        let client = &self.link.client;
        let encoded = params::encode(params);
        let known = self.link.prepared(self.scope.role.as_deref(), sql);
        if self.stage.get() == Stage::New {
            let pairs = self.settings()?;
            let setup = self.setup_statement(pairs.len()).await?;
            if let Some(prepared) = known {
                let first = client.query_raw(&prepared.statement, encoded.iter());
                let (opened, first) = tokio::join!(biased; self.open(&setup, &pairs), first);
                opened?;
                let rows = first.map_err(|error| self.note(failure::of(&error)))?;
                return Ok((prepared, rows));
            }
            self.open(&setup, &pairs).await?;
            let prepared = self.prepare(sql).await?;
            let rows = client.query_raw(&prepared.statement, encoded.iter()).await;
            return Ok((prepared, rows.map_err(|error| self.note(failure::of(&error)))?));
        }
        let prepared = match known {
            Some(prepared) => prepared,
            None => self.prepare(sql).await?,
        };
        let rows = client.query_raw(&prepared.statement, encoded.iter()).await;
        Ok((prepared, rows.map_err(|error| self.note(failure::of(&error)))?))
    }

    /// Waits for `work`; asks the server to cancel it when the time is up or nobody waits any more.
    async fn guarded<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = pin!(work);
        let why = tokio::select! {
            biased;
            done = &mut work => return done,
            () = self.cancel.cancelled() => "canceling statement due to user request",
            // The server watches each statement by itself; this is for the sum of them.
            () = tokio::time::sleep(self.deadline.saturating_duration_since(Instant::now())) => TIMED_OUT,
        };
        loop {
            if !self.link.cancel(CANCEL_PATIENCE).await {
                return Err(self.give_up(Error::sql("57014", why)));
            }
            // It may have hit the gap between two messages; then what came after the gap runs on and is asked again.
            match tokio::time::timeout(CANCEL_AGAIN, &mut work).await {
                Ok(Err(Error::Sql(refusal))) if refusal.code == "57014" => return Err(Error::sql("57014", why)),
                Ok(done) => return done,
                Err(_) => {}
            }
        }
    }

    async fn run(
        &self,
        sql: &str,
        params: &[Param],
        each: &mut dyn FnMut(&dyn Row) -> Result<()>,
    ) -> Result<(u64, u64)> {
        if self.cancel.is_cancelled() {
            return Err(self.note(Error::sql("57014", "canceling statement due to user request")));
        }
        self.left()?;
        let first = self.statements.replace(self.statements.get() + 1) == 0 && self.depth == 0;
        let work = async {
            match self.attempt(sql, params, each).await {
                // Others changed the schema. Nothing but this statement has run, so the transaction can begin again.
                Err(error) if first && failure::is_stale_plan(&error) => {
                    self.link
                        .client
                        .batch_execute("rollback")
                        .await
                        .map_err(|error| self.give_up(failure::of(&error)))?;
                    self.stage.set(Stage::New);
                    self.failed.set(false);
                    self.transient.set(false);
                    self.link.forget(self.scope.role.as_deref(), sql);
                    self.attempt(sql, params, each).await
                }
                Err(error) if failure::is_stale_plan(&error) => {
                    self.link.forget(self.scope.role.as_deref(), sql);
                    Err(error)
                }
                done => done,
            }
        };
        self.guarded(work).await
    }

    async fn attempt(
        &self,
        sql: &str,
        params: &[Param],
        each: &mut dyn FnMut(&dyn Row) -> Result<()>,
    ) -> Result<(u64, u64)> {
        let (prepared, rows) = self.start(sql, params).await?;
        let mut rows = pin!(rows);
        let mut count = 0;
        while let Some(row) = rows.try_next().await.map_err(|error| self.note(failure::of(&error)))? {
            each(&PgRow { row: &row, decoders: &prepared.decoders, zone: &self.zone })?;
            count += 1;
        }
        Ok((count, rows.rows_affected().unwrap_or(count)))
    }

    fn command(&self, sql: &str) -> Result<()> {
        let done = self.runtime.block_on(self.link.client.batch_execute(sql));
        done.map_err(|error| self.note(failure::of(&error)))
    }
}

const TIMED_OUT: &str = "canceling statement due to statement timeout";

fn timed_out() -> Error {
    Error::sql("57014", TIMED_OUT)
}

impl<'a> Connection for Txn<'a> {
    fn engine(&self) -> Engine {
        Engine::Postgres
    }

    fn query(&mut self, sql: &str, params: &[Param], each: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<u64> {
        self.runtime.block_on(self.run(sql, params, each)).map(|(count, _)| count)
    }

    fn execute(&mut self, sql: &str, params: &[Param]) -> Result<u64> {
        self.runtime.block_on(self.run(sql, params, &mut |_| Ok(()))).map(|(_, changed)| changed)
    }

    fn send(&mut self, sql: &str, params: &[Param]) -> Result<()> {
        if self.stage.get() == Stage::New || self.failed.get() {
            return self.execute(sql, params).map(drop);
        }
        let prepared = match self.link.prepared(self.scope.role.as_deref(), sql) {
            Some(prepared) => prepared,
            None => self.runtime.block_on(self.guarded(self.prepare(sql)))?,
        };
        let (client, encoded) = (&self.link.client, params::owned(params));
        let mut statement: Sent<'a> = Box::pin(async move {
            let mut rows = pin!(client.query_raw(&prepared.statement, encoded.iter()).await?);
            while rows.try_next().await?.is_some() {}
            Ok(())
        });
        self.statements.set(self.statements.get() + 1);
        match statement.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => done.map_err(|error| self.note(failure::of(&error))),
            Poll::Pending => {
                self.sent.push(statement);
                Ok(())
            }
        }
    }

    fn as_house(&mut self, f: &mut dyn FnMut(&mut dyn Connection) -> Result<()>) -> Result<()> {
        let Some(role) = self.scope.role.clone() else { return f(self) };
        if self.stage.get() == Stage::New {
            if let Some(error) = self.late.take() {
                return Err(error);
            }
            self.runtime.block_on(self.guarded(self.open_alone()))?;
        }
        // Neither is waited for: the server takes them in order, and should it refuse one, the transaction is aborted and refuses all
        // that follows. So nothing runs with rights that were meant for something else.
        self.send_unseen("set local role none");
        let done = f(self);
        self.send_unseen(&format!("set local role {}", values::quote::ident(&role)));
        done
    }

    fn savepoint(&mut self, f: &mut dyn FnMut(&mut dyn Connection) -> Result<()>) -> Result<()> {
        if self.stage.get() == Stage::New {
            if let Some(error) = self.late.take() {
                return Err(error);
            }
            self.runtime.block_on(self.guarded(self.open_alone()))?;
        }
        self.depth += 1;
        let name = format!("s{}", self.depth);
        let mut done = self.command(&format!("savepoint {name}"));
        if done.is_ok() {
            done = f(self);
            if done.is_ok() && self.failed.get() {
                done = Err(Error::sql(
                    "25P02",
                    "current transaction is aborted, commands ignored until end of transaction block",
                ));
            }
            let end = match &done {
                Ok(()) => format!("release savepoint {name}"),
                Err(_) => format!("rollback to savepoint {name}; release savepoint {name}"),
            };
            if !self.is_broken() {
                let ended = self.command(&end);
                if done.is_err() && ended.is_ok() {
                    self.failed.set(false);
                }
                done = done.and(ended);
            }
        }
        self.depth -= 1;
        done
    }

    fn now(&self) -> i64 {
        if self.stage.get() == Stage::New
            && let Err(error) = self.runtime.block_on(self.guarded(self.open_alone()))
        {
            // There is no way to say so here: the next statement, or the commit, does.
            *self.late.borrow_mut() = Some(error);
        }
        self.now.get()
    }

    fn setting(&mut self, name: &str) -> Result<Option<String>> {
        let param = [Param::Text(Type::Text, name.to_owned())];
        let mut found = String::new();
        self.query("select pg_catalog.current_setting($1, true)", &param, &mut |row| {
            row.write_text(0, &Type::Text, &mut found)
        })?;
        // A setting that was local to an earlier transaction reads as empty.
        Ok(Some(found).filter(|text| !text.is_empty()))
    }
}
