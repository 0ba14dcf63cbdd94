//! Transactions in few flights: what does not depend on an answer leaves together, and a task waits instead of a thread.
//!
//! A read goes in *waves*: the statements of a wave leave together, with `begin` and the settings before the first and `commit` behind the
//! last, and what they answer says what the next wave asks. All see one snapshot. A write of one statement is one flight, its
//! `commit` included. Who says what to ask is a plain function ([`Waves`]), as everywhere in the store: it cannot wait for the
//! network, and may be made and run again.
//!
//! **Why nothing bad follows** from sending before the answers are there, beside what `txn` says of `begin` and the settings:
//! - What a write returns cannot be read: that is known from its columns, before it is sent.
//! - The statement fails: the transaction is aborted, and the `commit` behind it is a rollback for the server. The statement's answer is
//!   looked at first, so nobody takes it for a commit.
//! - The settings hold for the transaction (`set_config(…, true)`), so the next one on this connection does not have them. What is
//!   the same for nearly all scopes is set for the session, once confirmed, and only where nothing in the database could change
//!   it (see `rest`); elsewhere everything is set in every transaction.
//! - The connection is lost after the `commit` was sent: nobody knows whether it was done, and that is what the caller is told
//!   (`Unavailable`); it is not tried again.

use std::borrow::Cow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use kernel::random::{Random as _, SystemRandom};
use kernel::retry::RetryPolicy;
use tokio_postgres::RowStream;

use super::decode::{PgRow, Zone};
use super::lease::{Lease, Session};
use super::link::Prepared;
use super::rest::Rest;
use super::txn::Mode;
use super::{PostgresEngine, failure, params, scope};
use crate::conn::{Lane, Param, Row, Scope};
use crate::error::{Error, Result};

/// How much later than the server we give up, so that the server's own answer wins when it comes.
const GRACE: Duration = Duration::from_secs(1);

/// A statement of a wave.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Its text, from a bounded set of shapes.
    pub sql: &'a str,
    /// Its parameters.
    pub params: Cow<'a, [Param]>,
    /// It runs with the rights of the house rather than the caller's: for statements on the house's own tables.
    pub house: bool,
}

impl<'a> Ask<'a> {
    /// A statement of the caller's.
    pub fn new(sql: &'a str, params: impl Into<Cow<'a, [Param]>>) -> Self {
        Self { sql, params: params.into(), house: false }
    }

    /// A statement of the house's own.
    pub fn of_house(sql: &'a str, params: impl Into<Cow<'a, [Param]>>) -> Self {
        Self { house: true, ..Self::new(sql, params) }
    }

    fn rights(&self) -> Rights {
        if self.house { Rights::House } else { Rights::Caller }
    }
}

/// Statements that leave together.
#[derive(Debug, Default)]
pub struct Wave<'a> {
    /// The statements, in order. None end the read.
    pub asks: Vec<Ask<'a>>,
    /// No wave will follow, whatever these answer.
    pub last: bool,
}

/// A read in waves, as a function of what it has seen so far.
pub trait Waves<'a> {
    /// What to ask next.
    fn next(&mut self) -> Result<Wave<'a>>;
    /// Takes a row of the wave's statement of this number.
    fn row(&mut self, ask: usize, row: &dyn Row) -> Result<()>;
}

impl PostgresEngine {
    /// Runs a read in waves: read-only, on one snapshot. `waves` makes it, again when a statement's result has changed its columns in
    /// between.
    ///
    /// Dropping the future cancels the running statement.
    pub async fn read_waves<'a, W: Waves<'a> + Send>(
        &self,
        scope: &Scope,
        lane: Lane,
        waves: impl Fn() -> W + Send,
    ) -> Result<W> {
        let leases = match lane {
            Lane::Short => &self.inner.snapshots,
            Lane::Long => &self.inner.long_snapshots,
        };
        let work = async {
            let mut lease = leases.take().await?;
            let mut again = true;
            loop {
                let zone = self.inner.zones.get(scope.time_zone.as_deref(), &lease.session().link.client).await?;
                let mut made = waves();
                let mut flight = Flight::new(&mut lease, scope, &zone, Mode::Read);
                let done = flight.read(&mut made).await;
                let disturbed = flight.disturbed;
                match done {
                    Ok(()) => return Ok(made),
                    Err(error) if again && failure::is_stale_plan(&error) => lease.session().link.forget_all(),
                    Err(_) if again && disturbed => lease = leases.another(lease).await?,
                    Err(error) => return Err(error),
                }
                again = false;
            }
        };
        // On the heap: whoever waits for it is moved about, and this is large.
        in_time(scope, Box::pin(work)).await
    }

    /// Runs one statement that writes, and commits it, in one flight. `each` adds its rows to what `make` makes (again, when the server
    /// asks to run it again); answers with that and with how many rows were changed.
    ///
    /// For statements whose answer decides nothing any more: there is no looking at it before the commit, and no participant
    /// follows. Where one has to, [`PostgresEngine::write`] is the way; see [`PostgresEngine::is_followed`].
    ///
    /// Dropping the future cancels the statement if it has not committed yet.
    pub async fn write_statement<S: Send>(
        &self,
        scope: &Scope,
        sql: &str,
        params: &[Param],
        make: impl Fn() -> S + Send,
        each: impl Fn(&mut S, &dyn Row) -> Result<()> + Send + Sync,
    ) -> Result<(S, u64)> {
        let policy = RetryPolicy {
            base: Duration::from_millis(4),
            cap: Duration::from_millis(200),
            attempts_max: self.inner.options.attempts_max,
        };
        let work = async {
            let mut attempts: u32 = 0;
            let mut lease = self.inner.statements.take().await?;
            loop {
                attempts += 1;
                let zone = self.inner.zones.get(scope.time_zone.as_deref(), &lease.session().link.client).await?;
                let mut kept = make();
                let wave = Wave { asks: vec![Ask::new(sql, params)], last: true };
                let mut flight = Flight::new(&mut lease, scope, &zone, Mode::Write);
                let done = flight.fly(&wave, &mut |_, row| each(&mut kept, row)).await;
                let disturbed = flight.disturbed;
                match done {
                    Ok(changed) => return Ok((kept, changed.iter().sum())),
                    Err(_) if disturbed && attempts == 1 => lease = self.inner.statements.another(lease).await?,
                    Err(error) if failure::is_transient(&error) => {
                        // Nothing of it remains, so it may be run again.
                        let pause = policy.pause(attempts, SystemRandom.next_u64());
                        let Some(pause) = pause else { return Err(error) };
                        if failure::is_stale_plan(&error) {
                            lease.session().link.forget_all();
                        }
                        self.inner.reruns.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        tokio::time::sleep(pause).await;
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        in_time(scope, Box::pin(work)).await
    }

    /// Do participants follow each write, so that none may pass them by.
    pub fn is_followed(&self) -> bool {
        !self.inner.participants.is_empty()
    }
}

pub(super) async fn in_time<T>(scope: &Scope, work: impl Future<Output = Result<T>>) -> Result<T> {
    let deadline = tokio::time::Instant::now() + scope.timeout + GRACE;
    // On the heap: whoever waits for it is moved about, and this is large.
    let done = tokio::time::timeout_at(deadline, Box::pin(work)).await;
    done.unwrap_or_else(|_| Err(Error::sql("57014", "canceling statement due to statement timeout")))
}

/// Whose rights statements run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rights {
    Caller,
    House,
}

/// A transaction on a connection that is lent to it.
pub(super) struct Flight<'f, 'l> {
    lease: &'f mut Lease<'l>,
    scope: &'f Scope,
    zone: &'f Arc<Zone>,
    mode: Mode,
    /// `begin` and the settings have been answered.
    open: bool,
    /// Whose the role is.
    rights: Rights,
    /// The connection must not be used again.
    broken: bool,
    /// It failed because of what somebody before did to the session; another connection will do better.
    pub(super) disturbed: bool,
}

/// A message that was sent, or waits for its first poll.
struct Sent<'s, T> {
    work: Pin<Box<dyn Future<Output = Result<T, tokio_postgres::Error>> + Send + 's>>,
    done: Option<Result<T, tokio_postgres::Error>>,
}

fn sent<'s, T>(work: impl Future<Output = Result<T, tokio_postgres::Error>> + Send + 's) -> Sent<'s, T> {
    Sent { work: Box::pin(work), done: None }
}

impl<T> Sent<'_, T> {
    /// Sends it, which never waits. An answer that is there already is kept.
    fn send(&mut self, context: &mut Context<'_>) {
        if let Poll::Ready(done) = self.work.as_mut().poll(context) {
            self.done = Some(done);
        }
    }

    /// Its answer. What comes behind it on the wire must not be waited for first.
    async fn answer(self) -> Result<T> {
        let done = match self.done {
            Some(done) => done,
            None => self.work.await,
        };
        done.map_err(|error| failure::of(&error))
    }
}

impl<'f, 'l> Flight<'f, 'l> {
    pub(super) fn new(lease: &'f mut Lease<'l>, scope: &'f Scope, zone: &'f Arc<Zone>, mode: Mode) -> Self {
        Self { lease, scope, zone, mode, open: false, rights: Rights::Caller, broken: false, disturbed: false }
    }

    /// Runs a read, wave by wave.
    async fn read<'a>(&mut self, waves: &mut (impl Waves<'a> + Send)) -> Result<()> {
        loop {
            let wave = match waves.next() {
                Ok(wave) if !wave.asks.is_empty() => wave,
                ended => {
                    self.end_unseen();
                    return ended.map(drop);
                }
            };
            match self.fly(&wave, &mut |ask, row| waves.row(ask, row)).await {
                Ok(_) if wave.last => return Ok(()),
                Ok(_) => {}
                Err(error) => {
                    if !wave.last {
                        self.end_unseen();
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Ends a transaction that changed nothing, without waiting for it: what this connection sends next comes after it. Should the
    /// server refuse even this, the next `begin` is refused in turn.
    pub(super) fn end_unseen(&mut self) {
        if self.broken {
            return;
        }
        if self.open {
            let end = pin!(self.lease.session().link.client.batch_execute("rollback"));
            // Sent with the first poll; nobody has to be woken by the answer.
            let _ = end.poll(&mut Context::from_waker(Waker::noop()));
            self.open = false;
        }
        self.lease.clean = true;
    }

    /// Ends a transaction that is to be run again elsewhere, and waits until nothing of it is held any more.
    pub(super) async fn end(&mut self) {
        if !self.broken {
            // Also behind a commit that was refused. A connection that cannot even do that is not used again.
            self.broken = self.lease.session().link.client.batch_execute("rollback").await.is_err();
            self.open = false;
        }
        self.lease.clean = !self.broken;
    }

    /// Forgets what is prepared on its connection.
    pub(super) fn forget_statements(&mut self) {
        self.lease.session().link.forget_all();
    }

    /// Sends a wave, hands over the rows with the statement's number, and says how many rows each statement changed or gave.
    pub(super) async fn fly(
        &mut self,
        wave: &Wave<'_>,
        each: &mut (dyn FnMut(usize, &dyn Row) -> Result<()> + Send),
    ) -> Result<Vec<u64>> {
        // From the first message on, a task that is dropped leaves an unknown end.
        self.lease.clean = false;
        let caller = self.scope.role.as_deref();
        if !self.open {
            self.lease.session().settle(self.scope).await.inspect_err(|_| self.lease.clean = true)?;
        }
        let session = self.lease.session();
        let mut known: Vec<Option<Arc<Prepared>>> =
            wave.asks.iter().map(|ask| session.link.prepared(caller.filter(|_| !ask.house), ask.sql)).collect();
        if known.iter().any(Option::is_none) {
            self.prepare(wave, &mut known).await?;
        }
        if self.mode == Mode::Write
            && wave.last
            && let Some(error) = known.iter().flatten().find_map(|prepared| prepared.unreadable())
        {
            // Said before the commit is on its way.
            self.end_unseen();
            return Err(error);
        }
        let (open, scope, mode, zone) = (self.open, self.scope, self.mode, self.zone);
        let session = self.lease.session();
        let client = &session.link.client;
        let begin = (!open).then(|| (sent(client.batch_execute(begins(mode))), sent(session.set(scope))));
        let mut rights = self.rights;
        let mut turn = |wanted: Rights| {
            let turns = wanted != std::mem::replace(&mut rights, wanted) && caller.is_some();
            turns.then(|| {
                let role = role_text(caller.filter(|_| wanted == Rights::Caller));
                sent(async move { client.batch_execute(&role).await })
            })
        };
        let mut asks: Vec<Asked<'_>> = Vec::with_capacity(wave.asks.len());
        for (ask, prepared) in wave.asks.iter().zip(known) {
            let prepared = prepared.expect("what was not known has been prepared");
            let values = params::encode(&ask.params);
            let statement = prepared.clone();
            let query = async move { client.query_raw(&statement.statement, values.iter()).await };
            asks.push(Asked { role: turn(ask.rights()), prepared, rows: sent(query) });
        }
        // What was put off until the commit is judged with the caller's rights.
        let end = wave.last.then(|| (turn(Rights::Caller), sent(client.batch_execute("commit"))));
        self.rights = rights;
        let outcome = land(begin, asks, end, zone, each).await;
        self.open = !wave.last;
        match outcome {
            Ok(changed) => {
                self.lease.clean = wave.last;
                Ok(changed)
            }
            Err(landing) => {
                let error = self.failed(landing);
                self.lease.clean = wave.last && !self.broken;
                Err(error)
            }
        }
    }

    /// What a failure means for the connection. When `begin` was refused, what came behind it ran by itself: read-only, and unseen. When the
    /// settings were cancelled, the session's own time limit is not ours any more. Nobody gets such a connection.
    fn failed(&mut self, landing: Landing) -> Error {
        self.broken = landing.step == Step::Begin || landing.is_disturbed();
        self.open &= !self.broken;
        self.disturbed = landing.is_disturbed();
        landing.error
    }

    /// Prepares what is not known, inside the transaction: names are resolved with the rights of the role.
    async fn prepare(&mut self, wave: &Wave<'_>, known: &mut [Option<Arc<Prepared>>]) -> Result<()> {
        let (open, scope, mode, zone) = (self.open, self.scope, self.mode, self.zone);
        if !open {
            let session = self.lease.session();
            let client = &session.link.client;
            let begin = (sent(client.batch_execute(begins(mode))), sent(session.set(scope)));
            let outcome = land(Some(begin), Vec::new(), None, zone, &mut |_, _| Ok(())).await;
            self.open = true;
            if let Err(landing) = outcome {
                let error = self.failed(landing);
                self.end_unseen();
                return Err(error);
            }
        }
        for (ask, known) in wave.asks.iter().zip(known) {
            if known.is_some() {
                continue;
            }
            let session = self.lease.session();
            let role = scope.role.clone().filter(|_| !ask.house);
            if ask.rights() != self.rights && scope.role.is_some() {
                let turned = session.link.client.batch_execute(&role_text(role.as_deref())).await;
                self.rights = ask.rights();
                if let Err(error) = turned {
                    self.end_unseen();
                    return Err(failure::of(&error));
                }
            }
            let session = self.lease.session();
            match session.link.client.prepare(ask.sql).await {
                Ok(statement) => *known = Some(session.link.keep(role, ask.sql, statement)),
                Err(error) => {
                    self.end_unseen();
                    return Err(failure::of(&error));
                }
            }
        }
        Ok(())
    }
}

fn begins(mode: Mode) -> &'static str {
    match mode {
        Mode::Read => "begin isolation level repeatable read, read only",
        Mode::Write => "begin read write",
    }
}

/// Why a flight failed, and where.
struct Landing {
    error: Error,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Begin,
    Settings,
    Statement,
}

impl Landing {
    /// Our own messages were cancelled, which nobody asks for: a time limit that a function left in the session has done it.
    fn is_disturbed(&self) -> bool {
        self.step != Step::Statement && self.error.code() == Some("57014")
    }
}

/// A statement that was sent, and the change of role before it.
struct Asked<'s> {
    role: Option<Sent<'s, ()>>,
    prepared: Arc<Prepared>,
    rows: Sent<'s, RowStream>,
}

/// The command that makes this the transaction's role: the caller's, or the house's.
fn role_text(caller: Option<&str>) -> String {
    format!("set local role {}", caller.map_or_else(|| "none".to_owned(), values::quote::ident))
}

/// Polls everything once, in order, so that it is on its way; then takes the answers, in the same order.
async fn land(
    mut begin: Option<(Sent<'_, ()>, Sent<'_, ()>)>,
    mut asks: Vec<Asked<'_>>,
    mut end: Option<(Option<Sent<'_, ()>>, Sent<'_, ()>)>,
    zone: &Arc<Zone>,
    each: &mut (dyn FnMut(usize, &dyn Row) -> Result<()> + Send),
) -> Result<Vec<u64>, Landing> {
    let mut polled = false;
    std::future::poll_fn(|context| {
        // Sending never waits; the answers wake whoever waits for them later.
        if !std::mem::replace(&mut polled, true) {
            if let Some((begin, set)) = &mut begin {
                begin.send(context);
                set.send(context);
            }
            for ask in &mut asks {
                if let Some(role) = &mut ask.role {
                    role.send(context);
                }
                ask.rows.send(context);
            }
            if let Some((role, end)) = &mut end {
                if let Some(role) = role {
                    role.send(context);
                }
                end.send(context);
            }
        }
        Poll::Ready(())
    })
    .await;
    if let Some((begin, set)) = begin {
        begin.answer().await.map_err(|error| Landing { error, step: Step::Begin })?;
        set.answer().await.map_err(|error| Landing { error, step: Step::Settings })?;
    }
    let failed = |error| Landing { error, step: Step::Statement };
    let mut changed = Vec::with_capacity(asks.len());
    for (number, Asked { role, prepared, rows }) in asks.into_iter().enumerate() {
        if let Some(role) = role {
            role.answer().await.map_err(failed)?;
        }
        let mut rows = pin!(rows.answer().await.map_err(failed)?);
        let mut count = 0;
        while let Some(row) = rows.try_next().await.map_err(|error| failed(failure::of(&error)))? {
            each(number, &PgRow { row: &row, decoders: &prepared.decoders, zone }).map_err(failed)?;
            count += 1;
        }
        changed.push(rows.rows_affected().unwrap_or(count));
    }
    if let Some((role, end)) = end {
        if let Some(role) = role {
            role.answer().await.map_err(failed)?;
        }
        end.answer().await.map_err(failed)?;
    }
    Ok(changed)
}

impl Session {
    /// Makes sure that the session has what the scope says beside who asks, where that can be relied upon.
    async fn settle(&mut self, scope: &Scope) -> Result<()> {
        if !self.tame || self.rest.as_ref().is_some_and(|rest| rest.is_of(scope)) {
            return Ok(());
        }
        // A setting that only the scope before had must not stay.
        let before = self.rest.take();
        let pairs = scope::rest(scope, scope.timeout);
        let gone: Vec<Box<str>> = before
            .iter()
            .flat_map(Rest::names)
            .filter(|name| !pairs.iter().any(|(set, _)| set == name))
            .map(Box::from)
            .collect();
        let statement = self.setup(pairs.len() + gone.len(), false).await?;
        let mut values = params::settings(&pairs);
        params::resets(&gone, &mut values);
        run(&self.link.client, &statement, values).await.map_err(|error| failure::of(&error))?;
        self.rest = Some(Rest::of(scope));
        Ok(())
    }

    /// The statement that sets so many settings.
    async fn setup(&self, count: usize, local: bool) -> Result<tokio_postgres::Statement> {
        let text = scope::statement(count, local);
        if let Some(prepared) = self.link.prepared(None, &text) {
            return Ok(prepared.statement.clone());
        }
        let statement = self.link.client.prepare(&text).await.map_err(|error| failure::of(&error))?;
        Ok(self.link.keep(None, &text, statement).statement.clone())
    }

    /// Sets who asks, and everything else where the session cannot be relied upon.
    async fn set(&self, scope: &Scope) -> Result<(), tokio_postgres::Error> {
        if self.tame {
            return run(&self.link.client, &self.caller, params::texts(&scope::caller(scope))).await;
        }
        let pairs = scope::settings(scope, scope.timeout);
        let text = scope::statement(pairs.len(), true);
        if let Some(known) = self.link.prepared(None, &text) {
            return run(&self.link.client, &known.statement, params::settings(&pairs)).await;
        }
        // Sent as one message, so that the order stays as it is.
        let values = params::settings(&pairs).into_iter();
        let typed = values.map(|value| (value, tokio_postgres::types::Type::TEXT));
        let rows = self.link.client.query_typed_raw(&text, typed).await?;
        pin!(rows).try_for_each(|_| std::future::ready(Ok(()))).await
    }
}

/// Runs a statement that sets.
async fn run(
    client: &tokio_postgres::Client,
    statement: &tokio_postgres::Statement,
    values: Vec<params::TextParam<'_>>,
) -> Result<(), tokio_postgres::Error> {
    let mut rows = pin!(client.query_raw(statement, values).await?);
    while rows.try_next().await?.is_some() {}
    Ok(())
}
