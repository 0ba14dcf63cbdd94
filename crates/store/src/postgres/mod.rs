//! The PostgreSQL engine: the same transaction functions as on SQLite, on a server beside us.
//!
//! Functions are synchronous and run on threads with a connection each ([`pool`]); their transactions are in [`txn`]. What needs no
//! function between two statements goes without threads: a single reading statement is pipelined over few shared connections
//! ([`fetch`]), a read in several statements and a write in one leave in as few flights as their answers allow, on connections lent
//! to a task ([`waves`], [`lease`]). The way to the server is in [`tls`].

mod counts;
mod decode;
mod failure;
mod fetch;
mod followed;
mod introspect;
mod lease;
mod link;
mod listen;
mod params;
mod pool;
mod prepare;
mod rest;
mod scope;
mod tls;
mod txn;
mod waves;
mod zones;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kernel::random::{Random as _, SystemRandom};
use kernel::retry::RetryPolicy;
use kernel::time::{Clock as _, SystemClock};
use tokio::sync::oneshot;

use self::decode::Zone;
use self::lease::Leases;
use self::pool::{Job, Limits, Pool, Ticket, Work, Worker};
use self::tls::Target;
use self::txn::{Cancel, Mode, Txn};
use crate::catalog::Catalog;
use crate::conn::{Connection, Lane, Scope};
use crate::error::{Error, Result};
use crate::house;
use crate::tx::{Event, Participants, Tx, Unit, new_unit};

pub use self::counts::Counts;
pub use self::followed::Before;
pub use self::introspect::load_catalog;
pub use self::listen::Listener;
pub use self::prepare::prepare_database;
pub use self::tls::judge_url;
pub use self::waves::{Ask, Wave, Waves};

/// How the engine uses the server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections for reads in the short lane.
    pub read_connections: usize,
    /// Connections for reads in the long lane.
    pub long_connections: usize,
    /// Connections for writes.
    pub write_connections: usize,
    /// Connections that [`PostgresEngine::fetch`] shares among all callers.
    pub shared_connections: usize,
    /// Connections that [`PostgresEngine::read_waves`] borrows for reads in the short lane.
    pub snapshot_connections: usize,
    /// Connections that [`PostgresEngine::read_waves`] borrows for reads in the long lane.
    pub long_snapshot_connections: usize,
    /// Connections that [`PostgresEngine::write_statement`] borrows.
    pub statement_connections: usize,
    /// How many functions may wait for each kind of connection.
    pub queue_max: usize,
    /// How many statements may be on their way over one shared connection.
    pub pipeline_max: usize,
    /// How long a function may wait for a connection.
    pub acquire_timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a connection may be idle before it is closed.
    pub idle: Duration,
    /// How old a connection may grow before it is replaced.
    pub lifetime: Duration,
    /// Transactions carry their unit's id and context as settings, for the triggers that take down changes of rows.
    pub capture: bool,
    /// How often a write may be run, the first time included, when the server asks for it (serialisation failures, deadlocks).
    pub attempts_max: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            read_connections: 4,
            long_connections: 2,
            write_connections: 16,
            shared_connections: 4,
            snapshot_connections: 4,
            long_snapshot_connections: 2,
            statement_connections: 16,
            queue_max: 1_024,
            pipeline_max: 256,
            acquire_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            idle: Duration::from_secs(600),
            lifetime: Duration::from_secs(1_800),
            capture: false,
            attempts_max: 8,
        }
    }
}

/// A PostgreSQL server as an engine of the store. Cheap to clone; the last clone closes the connections.
#[derive(Clone)]
pub struct PostgresEngine {
    inner: Arc<Inner>,
}

struct Inner {
    target: Target,
    options: Options,
    participants: Participants,
    short: Pool,
    long: Pool,
    writes: Pool,
    shared: fetch::Connections,
    snapshots: Leases,
    long_snapshots: Leases,
    statements: Leases,
    reruns: AtomicU64,
    zones: zones::Zones,
    generation: Arc<AtomicU64>,
}

impl std::fmt::Debug for PostgresEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL holds a password.
        f.debug_struct("PostgresEngine").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

impl PostgresEngine {
    /// Connects to the server at `url` and makes sure that it answers.
    ///
    /// Fails with `Unavailable` when it does not, and with `Internal` when the URL cannot be read.
    pub async fn connect(url: &str, options: Options, participants: Participants) -> Result<Self> {
        let target = Target::parse(url)?;
        let generation = Arc::new(AtomicU64::new(0));
        let pool = |name, threads_max| {
            let limits = Limits {
                name,
                threads_max,
                queue_max: options.queue_max,
                connect: options.connect_timeout,
                idle: options.idle,
                lifetime: options.lifetime,
            };
            Pool::new(target.clone(), limits, generation.clone())
        };
        let leases = |count| Leases::new(target.clone(), count, &options, generation.clone());
        let inner = Inner {
            short: pool("read", options.read_connections.max(1)),
            long: pool("long", options.long_connections.max(1)),
            writes: pool("write", options.write_connections.max(1)),
            shared: fetch::Connections::new(target.clone(), &options, generation.clone()),
            snapshots: leases(options.snapshot_connections),
            long_snapshots: leases(options.long_snapshot_connections),
            statements: leases(options.statement_connections),
            reruns: AtomicU64::new(0),
            zones: zones::Zones::default(),
            generation,
            target,
            options,
            participants,
        };
        let engine = Self { inner: Arc::new(inner) };
        engine
            .read(Scope::default(), Lane::Short, |conn| conn.query("select 1", &[], &mut |_| Ok(())))
            .await
            .map(|_| engine)
    }

    /// Runs `f` in a read-only transaction that sees one snapshot, on a thread of the lane.
    ///
    /// Dropping the future cancels the running statement.
    pub async fn read<T, E>(
        &self,
        scope: Scope,
        lane: Lane,
        f: impl FnOnce(&mut dyn Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let pool = match lane {
            Lane::Short => &self.inner.short,
            Lane::Long => &self.inner.long,
        };
        let inner = self.inner.clone();
        self.run(pool, move |worker, ready, cancel, answer| {
            if let Err(error) = ready {
                return answer(Err(error.into()));
            }
            inner.read_on(worker, &scope, cancel, f, answer);
        })
        .await
    }

    /// Runs `f` in a read-write transaction and commits it, after the participants have followed; runs it again when the server
    /// asks for that.
    ///
    /// Dropping the future cancels the running statement; a function that has already begun to commit commits.
    pub async fn write<T, E>(
        &self,
        scope: Scope,
        f: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let inner = self.inner.clone();
        self.run(&self.inner.writes, move |worker, ready, cancel, answer| {
            answer(match ready {
                Ok(()) => inner.write_on(worker, &scope, cancel, &f),
                Err(error) => Err(error.into()),
            });
        })
        .await
    }

    /// A connection of its own as the user the URL names, for migrations: nothing is set, and nobody else uses it.
    pub(crate) async fn owner(&self) -> Result<tokio_postgres::Client> {
        let connecting = tokio::time::timeout(self.inner.options.connect_timeout, self.inner.target.connect());
        let (client, traffic) =
            connecting.await.map_err(|_| failure::unavailable("connecting timed out".to_owned()))??;
        // Its error reaches whoever uses the client.
        tokio::spawn(async move { drop(traffic.await) });
        Ok(client)
    }

    /// The live catalog, with what its views show.
    pub async fn catalog(&self) -> Result<Catalog> {
        self.read(Scope::default(), Lane::Long, load_catalog).await
    }

    /// What it has done and does.
    pub fn counts(&self) -> Counts {
        let inner = &*self.inner;
        let mut counts = Counts { reruns: inner.reruns.load(Ordering::Relaxed), ..Counts::default() };
        for pool in [&inner.short, &inner.long, &inner.writes] {
            pool.add_to(&mut counts);
        }
        for leases in [&inner.snapshots, &inner.long_snapshots, &inner.statements] {
            leases.add_to(&mut counts);
        }
        inner.shared.add_to(&mut counts);
        counts
    }

    /// Forgets all prepared statements, before their next use: for after the schema has changed.
    pub fn forget_statements(&self) {
        self.inner.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Listens for `notify <channel>` on a connection of its own, and calls `on_notify` with each payload, until the listener is
    /// dropped. When the connection was lost, `on_notify` is called once with an empty payload after it has come back: something
    /// may have been missed.
    pub fn listen(&self, channel: &str, on_notify: impl Fn(&str) + Send + Sync + 'static) -> Result<Listener> {
        Listener::start(self.inner.target.clone(), channel.to_owned(), self.inner.options.connect_timeout, on_notify)
    }

    /// Queues `work` and waits for its answer.
    async fn run<T, E>(
        &self,
        pool: &Pool,
        work: impl FnOnce(&mut Worker, Result<()>, &Cancel, Box<dyn FnOnce(Result<T, E>) + '_>) + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let cancel = Arc::new(Cancel::default());
        let ticket = Arc::new(Ticket::default());
        let guard = CancelOnDrop(cancel.clone(), ticket.clone());
        let boxed: Work = Box::new(move |worker, ready| {
            let answer = Box::new(move |result| drop(reply.send(result)));
            // What `work` catches by itself leaves the connection in order; what it does not must not kill the thread.
            if catch_unwind(AssertUnwindSafe(|| work(worker, ready, &cancel, answer))).is_err() {
                worker.give_up();
            }
        });
        pool.submit(Job { ticket: ticket.clone(), work: boxed, waits_since: None })?;
        let mut answer = answer;
        let result = tokio::select! {
            biased;
            result = &mut answer => result,
            () = tokio::time::sleep(self.inner.options.acquire_timeout) => {
                if ticket.give_up() {
                    return Err(Error::Timeout.into());
                }
                answer.await
            }
        };
        drop(guard);
        result.unwrap_or_else(|_| Err(Error::Internal("a thread of the store ended early".to_owned()).into()))
    }
}

/// Ends what nobody waits for any more: takes it out of the queue, or cancels it when it runs.
struct CancelOnDrop(Arc<Cancel>, Arc<Ticket>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if !self.1.give_up() {
            self.0.cancel();
        }
    }
}

/// Runs a transaction function so that its panic is an error.
fn caught<T, E: From<Error>>(f: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Error::Internal(format!("a transaction function panicked: {text}")).into())
    })
}

impl Inner {
    /// What tells the changes that the database took down by itself.
    fn gathers(&self) -> Option<&'static house::Query> {
        self.participants.iter().find_map(|participant| participant.gathers())
    }

    fn zone(&self, worker: &Worker, scope: &Scope) -> Result<Arc<Zone>> {
        let name = scope.time_zone.as_deref();
        if let Some(zone) = self.zones.known(name) {
            return Ok(zone);
        }
        let link = worker.link()?;
        worker.runtime.block_on(self.zones.get(name, &link.client))
    }

    fn read_on<T, E: From<Error>>(
        &self,
        worker: &mut Worker,
        scope: &Scope,
        cancel: &Cancel,
        f: impl FnOnce(&mut dyn Connection) -> Result<T, E>,
        answer: impl FnOnce(Result<T, E>),
    ) {
        let deadline = Instant::now() + scope.timeout;
        let (zone, link) = match self.zone(worker, scope).and_then(|zone| Ok((zone, worker.link()?))) {
            Ok(found) => found,
            Err(error) => return answer(Err(error.into())),
        };
        let mut txn = Txn::new(&worker.runtime, link, scope, Mode::Read, zone, deadline, cancel);
        // The caller need not wait for the end of a transaction that changed nothing.
        answer(caught(|| f(&mut txn)));
        txn.rollback_unseen();
        let broken = txn.is_broken();
        drop(txn);
        if broken {
            worker.give_up();
        }
    }

    fn write_on<T, E: From<Error>>(
        &self,
        worker: &mut Worker,
        scope: &Scope,
        cancel: &Cancel,
        f: &dyn Fn(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let policy = RetryPolicy {
            base: Duration::from_millis(4),
            cap: Duration::from_millis(200),
            attempts_max: self.options.attempts_max,
        };
        let deadline = Instant::now() + scope.timeout;
        let id = new_unit(SystemClock.now().0, &SystemRandom);
        let unit_settings = if self.options.capture {
            vec![("mainstay.unit", id.to_string()), ("mainstay.context", scope.context())]
        } else {
            Vec::new()
        };
        let mut attempts = 0;
        let mut reconnected = false;
        loop {
            attempts += 1;
            let zone = self.zone(worker, scope)?;
            let mut txn = Txn::new(&worker.runtime, worker.link()?, scope, Mode::Write, zone, deadline, cancel)
                .with_settings(unit_settings.clone());
            let done = caught(|| {
                let mut tx = Tx::new(&mut txn, id);
                let value = f(&mut tx)?;
                let (said, _quiet) = tx.finish();
                if self.participants.is_empty() {
                    return Ok(value);
                }
                let mut events = Vec::new();
                if let Some(gathers) = self.gathers() {
                    let unit = [house::text(id.to_string())];
                    txn.as_house(&mut |conn| {
                        gathers.each(conn, &unit, |row| {
                            events.push(Event::of_row(row)?);
                            Ok(())
                        })?;
                        Ok(())
                    })?;
                }
                let written = events.len();
                events.extend(said);
                let unit = Unit { id, at: txn.now(), scope, events: &events, written };
                for participant in self.participants.iter() {
                    participant.prepare(&mut txn, &unit)?;
                }
                for participant in self.participants.iter() {
                    participant.seal(&mut txn, &events)?;
                }
                Ok(value)
            });
            // Before the commit is sent nothing can have been committed, so even a lost connection allows another run.
            let safe_to_repeat = done.is_err();
            let done = done.and_then(|value| {
                let ended = if scope.rollback { txn.check_and_rollback() } else { txn.commit() };
                ended.map(|()| value).map_err(E::from)
            });
            let (transient, broken) = (txn.is_transient(), txn.is_broken());
            if done.is_err() {
                txn.rollback();
            }
            drop(txn);
            if broken {
                worker.give_up();
            }
            let Err(error) = done else {
                self.participants.iter().for_each(|participant| participant.committed());
                return done;
            };
            if broken && safe_to_repeat && !reconnected {
                reconnected = true;
                worker.ready()?;
                continue;
            }
            let pause = policy.pause(attempts, SystemRandom.next_u64()).filter(|_| transient);
            match pause {
                Some(pause) if Instant::now() + pause < deadline => {
                    self.reruns.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(pause);
                }
                _ => return Err(error),
            }
            worker.ready()?;
        }
    }
}
