//! The embedded engine: SQLite with one writer thread and several reader threads.
//!
//! ## Words
//! *Reader*: a thread with a connection that may not write; short and long reads wait in lanes of their own. *Writer*: the thread
//! with the only connection that writes. *Group*: functions that share one commit.
//!
//! ## Invariants
//! - A write is answered after its commit is as durable as [`Synchronous`] says, never before.
//! - A function that fails, panics or is refused by a participant leaves nothing, and its neighbours do not notice.
//! - A read sees everything that was committed before it was asked.
//! - No thread waits without a bound: queues are bounded, functions have deadlines, and a caller that goes away stops its read.
//! - One process per database: a second one is refused when it opens the file, but may look at it ([`SqliteEngine::look`]).

mod capture;
mod checkpoint;
mod connection;
mod error;
mod exclusive;
mod ffi;
mod functions;
mod lock;
mod look;
mod preupdate;
mod queue;
mod reader;
mod sequence;
mod session;
mod setup;
mod violation;
mod wal;
mod writer;

use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use kernel::{Clock, Deadline, SystemClock};
use tokio::sync::oneshot;

use self::error::Side;
use self::queue::{Queue, Refused};
use self::reader::{ReadJob, ReadTask};
use self::session::Tape;
use self::writer::{Work, WriteTask, Writer};
use crate::catalog::Catalog;
use crate::conn::{Connection, Lane, Scope};
use crate::error::{Error, Result};
use crate::tx::{Participants, Tx};

pub use self::exclusive::Exclusive;
pub use self::lock::is_held;
pub use self::violation::{Act, Attempt, detail, failing_row};

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// Power loss: every commit is flushed to the disk.
    #[default]
    Full,
    /// The end of the process, but perhaps not power loss.
    Normal,
}

/// Where the database lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file, made when it does not exist. Its `-wal`, `-shm` and `.lock` lie beside it.
    File(PathBuf),
    /// A file of its own in the system's folder for temporary files, removed with the engine. For tests.
    Temporary,
}

/// How the engine is to run. The defaults are those of LIMITS.md.
#[derive(Clone)]
pub struct Options {
    /// What an acknowledged write survives.
    pub synchronous: Synchronous,
    /// Threads for short reads.
    pub readers: usize,
    /// Threads for long reads.
    pub long_readers: usize,
    /// Short reads that may wait; beyond it [`Error::Overloaded`].
    pub short_queue_max: usize,
    /// Long reads that may wait.
    pub long_queue_max: usize,
    /// Writes that may wait.
    pub write_queue_max: usize,
    /// Short reads that share one read transaction.
    pub read_batch_max: usize,
    /// Functions that share one commit.
    pub group_max: usize,
    /// Work after which a group commits although more functions wait.
    pub group_time: Duration,
    /// Page cache of each reader, KiB.
    pub reader_cache_kib: u32,
    /// Page cache of the writer, KiB.
    pub writer_cache_kib: u32,
    /// Bytes of the file read through memory maps; 0 for none. They count as resident memory.
    pub mmap_bytes: u64,
    /// Size to which the log grows at the first quiet moment after the first write; 0 for as it is used.
    pub wal_grow_bytes: u64,
    /// Pages in the log at which they are copied into the database; 0 for never.
    pub wal_checkpoint_pages: u32,
    /// How long a statement waits for a lock that somebody outside holds.
    pub busy_timeout: Duration,
    /// Prepared statements that each connection keeps.
    pub statements_cached_max: usize,
    /// Changes of users' rows become events of the unit that makes them.
    pub capture: bool,
    /// A function that changes rows must emit an event or be quiet about it. On in debug builds.
    pub events_required: bool,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::Full,
            readers: std::thread::available_parallelism().map_or(2, usize::from),
            long_readers: 2,
            short_queue_max: 4096,
            long_queue_max: 256,
            write_queue_max: 4096,
            read_batch_max: 32,
            group_max: 512,
            group_time: Duration::from_millis(5),
            reader_cache_kib: 4096,
            writer_cache_kib: 8192,
            mmap_bytes: 0,
            wal_grow_bytes: 64 << 20,
            wal_checkpoint_pages: 8000,
            busy_timeout: Duration::from_millis(250),
            statements_cached_max: 256,
            capture: false,
            events_required: cfg!(debug_assertions),
            clock: Arc::new(SystemClock),
        }
    }
}

/// What the engine has done since it was opened.
#[derive(Debug, Default)]
struct Stats {
    reads: AtomicU64,
    read_batches: AtomicU64,
    functions: AtomicU64,
    groups: AtomicU64,
    reruns: AtomicU64,
    replays: AtomicU64,
}

/// What the engine has done since it was opened, and what waits now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Read functions.
    pub reads: u64,
    /// Read transactions that they shared.
    pub read_batches: u64,
    /// Write functions.
    pub functions: u64,
    /// Commits that they shared.
    pub groups: u64,
    /// Groups whose functions had to run again one by one.
    pub reruns: u64,
    /// Groups that ran again with savepoints, because a function failed after its first change.
    pub replays: u64,
    /// Short reads that wait.
    pub short_waiting: usize,
    /// Long reads that wait.
    pub long_waiting: usize,
    /// Writes that wait.
    pub writes_waiting: usize,
}

/// What all threads share.
struct Shared {
    path: PathBuf,
    /// Another process has the database: nothing may be changed.
    looks: bool,
    options: Options,
    catalog: ArcSwapOption<Catalog>,
    /// Grows when connections have to forget what they know of the schema.
    epoch: AtomicU64,
    /// Pages in the log after the last commit.
    wal_pages: Arc<AtomicU32>,
    stats: Stats,
}

/// The engine. Dropping it answers what waits and ends its threads.
pub struct SqliteEngine {
    shared: Arc<Shared>,
    short: Arc<Queue<Box<dyn ReadJob>>>,
    long: Arc<Queue<Box<dyn ReadJob>>>,
    write: Arc<Queue<Work>>,
    threads: Vec<JoinHandle<()>>,
    temporary: Option<PathBuf>,
    /// None when it only looks.
    _lock: Option<File>,
}

/// Stack of the engine's threads: SQLite walks expressions on it, up to its own bound of depth, and so do our functions.
const STACK_BYTES: usize = 8 << 20;
/// How soon to come back when a queue is full.
const SOON: Duration = Duration::from_secs(1);

impl SqliteEngine {
    /// Opens the database and starts the threads. Blocks for a few milliseconds. Fails when the file cannot be used, or when
    /// another process uses it.
    pub fn open(place: Place, options: Options, participants: Participants) -> Result<Self> {
        let (path, temporary) = match place {
            Place::File(path) => (path, None),
            Place::Temporary => {
                let folder = temporary()?;
                (folder.join("main.db"), Some(folder))
            }
        };
        let lock = lock::hold(&path)?;
        Self::begin(path, options, participants, temporary, Some(lock))
    }

    /// Starts the threads; the lock is held already, or nothing will be changed.
    fn begin(
        path: PathBuf,
        options: Options,
        participants: Participants,
        temporary: Option<PathBuf>,
        lock: Option<File>,
    ) -> Result<Self> {
        ffi::without_memory_statistics();
        let shared = Arc::new(Shared {
            path,
            looks: lock.is_none(),
            options,
            catalog: ArcSwapOption::empty(),
            epoch: AtomicU64::new(0),
            wal_pages: Arc::default(),
            stats: Stats::default(),
        });
        let options = &shared.options;
        let (short, long) =
            (Arc::new(Queue::new(options.short_queue_max)), Arc::new(Queue::new(options.long_queue_max)));
        let write = Arc::new(Queue::new(options.write_queue_max));
        let mut engine =
            Self { shared: shared.clone(), short, long, write, threads: Vec::new(), temporary, _lock: lock };
        // The writer first: it makes the file and its mode. Dropping the engine ends what has begun.
        engine.start_writer(participants)?;
        engine.start_readers()?;
        Ok(engine)
    }

    fn start_writer(&mut self, participants: Participants) -> Result<()> {
        let (shared, queue) = (self.shared.clone(), self.write.clone());
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        self.spawn("sqlite-write".to_owned(), move || {
            let writer = setup::open(&shared, Side::Writer).map(|db| Writer::new(shared, queue, participants, db));
            match writer {
                Ok(writer) => {
                    drop(ready.send(Ok(())));
                    writer.serve();
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        })?;
        started.recv().map_err(|_| Error::Internal("the writer did not start".to_owned()))?
    }

    fn start_readers(&mut self) -> Result<()> {
        let options = self.shared.options.clone();
        let (ready, started) = std::sync::mpsc::channel();
        let lanes = [
            ("sqlite-read", options.readers, options.read_batch_max, &self.short, false),
            ("sqlite-long", options.long_readers, 1, &self.long, true),
        ];
        let mut bodies = Vec::new();
        for (name, count, batch_max, queue, behind) in lanes {
            for n in 0..count.max(1) {
                let (shared, queue, ready) = (self.shared.clone(), queue.clone(), ready.clone());
                bodies.push((format!("{name}-{n}"), move || match setup::open(&shared, Side::Reader) {
                    Ok(db) => {
                        drop(ready.send(Ok(())));
                        if behind {
                            ffi::step_back();
                        }
                        reader::serve(&shared, &queue, db, batch_max.max(1));
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }));
            }
        }
        drop(ready);
        for (name, body) in bodies {
            self.spawn(name, body)?;
        }
        for _ in 1..self.threads.len() {
            started.recv().map_err(|_| Error::Internal("a reader did not start".to_owned()))??;
        }
        Ok(())
    }

    fn spawn(&mut self, name: String, body: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = std::thread::Builder::new().name(name).stack_size(STACK_BYTES).spawn(body);
        self.threads.push(thread.map_err(|error| Error::Internal(format!("no thread for the database: {error}")))?);
        Ok(())
    }

    /// Runs a read function on a snapshot that holds everything committed before this call. Dropping the future stops it.
    ///
    /// Not async, here and below: such a function keeps its arguments beside what it makes of them, and every request moves its future.
    pub fn read<T, E, F>(
        &self,
        scope: Scope,
        lane: Lane,
        function: F,
    ) -> impl Future<Output = Result<T, E>> + Send + use<'_, T, E, F>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut dyn Connection) -> Result<T, E> + Send + 'static,
    {
        let judged = judge(&scope);
        let (reply, answer) = oneshot::channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let deadline = Deadline::after(&*self.shared.options.clock, scope.timeout);
        let task: Box<dyn ReadJob> =
            Box::new(ReadTask { scope, deadline, cancelled: cancelled.clone(), function, reply });
        let queue = match lane {
            Lane::Short => &self.short,
            Lane::Long => &self.long,
        };
        let guard = CancelOnDrop(cancelled);
        async move {
            judged?;
            queue.hand_in(task).await.map_err(|(_, why)| refused(why))?;
            let answer = answer.await;
            drop(guard);
            answer.unwrap_or_else(|_| Err(Error::Internal("a read function panicked".to_owned()).into()))
        }
    }

    /// Runs a transaction function on the writer, together with others; answers after the commit. It may run more than once, and
    /// runs to its end although nobody waits any more.
    pub fn write<T, E, F>(
        &self,
        scope: Scope,
        function: F,
    ) -> impl Future<Output = Result<T, E>> + Send + use<'_, T, E, F>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let judged = judge(&scope);
        let (reply, answer) = oneshot::channel();
        let deadline = Deadline::after(&*self.shared.options.clock, scope.timeout);
        let task = Work::Function(Box::new(WriteTask {
            scope,
            deadline,
            now_us: None,
            unit: None,
            tape: Tape::default(),
            function,
            outcome: None,
            reply,
        }));
        async move {
            judged?;
            self.write.hand_in(task).await.map_err(|(_, why)| refused(why))?;
            answer.await.unwrap_or_else(|_| Err(Error::Internal("the writer is gone".to_owned()).into()))
        }
    }

    /// Runs a function alone on the writer, between two groups and outside any transaction: migrations. Afterwards all connections
    /// prepare their statements anew; [`SqliteEngine::publish`] the catalog it made.
    pub async fn exclusive<T, E, F>(&self, function: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&Exclusive<'_>) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let work = Work::Alone(Box::new(move |writer: &mut Writer| drop(reply.send(writer.exclusive(function)))));
        self.write.hand_in(work).await.map_err(|(_, why)| refused(why))?;
        answer.await.unwrap_or_else(|_| Err(Error::Internal("the writer is gone".to_owned()).into()))
    }

    /// Makes a catalog the present one: errors are explained, enums compared and sequences stepped by it from the next function on.
    pub fn publish(&self, catalog: Arc<Catalog>) {
        self.shared.catalog.store(Some(catalog));
        self.shared.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// The present catalog, if one was published.
    pub fn catalog(&self) -> Option<Arc<Catalog>> {
        self.shared.catalog.load_full()
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// What it has done and what waits.
    pub fn counts(&self) -> Counts {
        let stats = &self.shared.stats;
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        Counts {
            reads: count(&stats.reads),
            read_batches: count(&stats.read_batches),
            functions: count(&stats.functions),
            groups: count(&stats.groups),
            reruns: count(&stats.reruns),
            replays: count(&stats.replays),
            short_waiting: self.short.len(),
            long_waiting: self.long.len(),
            writes_waiting: self.write.len(),
        }
    }

    /// Refuses new work, answers what waits and ends the threads. Blocks until the longest running function is done.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for SqliteEngine {
    fn drop(&mut self) {
        self.short.close();
        self.long.close();
        self.write.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the database ended in a panic");
            }
        }
        if let Some(folder) = &self.temporary
            && let Err(error) = std::fs::remove_dir_all(folder)
        {
            tracing::debug!(%error, "a temporary database was not removed");
        }
    }
}

/// Refuses a scope that cannot be entered, as setting it would fail on a server.
fn judge(scope: &Scope) -> Result<()> {
    match scope.time_zone.as_deref() {
        Some(zone) => Ok(values::datetime::Zone::setting(zone).map(|_| ())?),
        None => Ok(()),
    }
}

fn refused(why: Refused) -> Error {
    match why {
        Refused::Full => Error::Overloaded { retry_after: SOON },
        Refused::Closed => Error::Unavailable { reason: "the database is being closed".to_owned(), retry_after: SOON },
    }
}

/// Tells a reader that nobody waits any more.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A folder that nobody else has, and nobody else may open.
fn temporary() -> Result<PathBuf> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("mainstay-{}-{number}", std::process::id()));
        match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            // Left behind by an earlier process of this number, or laid there for us to fall into.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::Internal(format!("no folder for a temporary database: {error}"))),
        }
    }
}
