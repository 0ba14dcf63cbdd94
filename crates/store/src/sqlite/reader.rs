//! A reader: a thread with one connection that may not write. What waits is read in one read transaction.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kernel::Deadline;
use tokio::sync::oneshot;

use super::connection::Conn;
use super::error::{Side, translate, wants_reopening};
use super::queue::Queue;
use super::{Shared, session, setup};
use crate::conn::{Connection, Scope};
use crate::error::{Error, Result};

/// A read function on its way to a reader.
pub(super) trait ReadJob: Send {
    /// When its answer stops being of use.
    fn deadline(&self) -> Deadline;
    /// Raised when nobody waits any more.
    fn cancelled(&self) -> &Arc<AtomicBool>;
    /// Takes the scope out, to become the session's.
    fn scope(&mut self) -> Scope;
    /// Runs it and answers.
    fn run(self: Box<Self>, conn: &mut dyn Connection);
    /// Answers without running it.
    fn refuse(self: Box<Self>, error: Error);
}

/// The one implementation: a function and where its answer goes.
pub(super) struct ReadTask<T, E, F> {
    pub(super) scope: Scope,
    pub(super) deadline: Deadline,
    pub(super) cancelled: Arc<AtomicBool>,
    pub(super) function: F,
    pub(super) reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> ReadJob for ReadTask<T, E, F>
where
    T: Send,
    E: From<Error> + Send,
    F: FnOnce(&mut dyn Connection) -> Result<T, E> + Send,
{
    fn deadline(&self) -> Deadline {
        self.deadline
    }
    fn cancelled(&self) -> &Arc<AtomicBool> {
        &self.cancelled
    }
    fn scope(&mut self) -> Scope {
        std::mem::take(&mut self.scope)
    }
    fn run(self: Box<Self>, conn: &mut dyn Connection) {
        // The caller may be gone; then the answer has no one to go to.
        let Self { function, reply, .. } = *self;
        drop(reply.send(function(conn)));
    }
    fn refuse(self: Box<Self>, error: Error) {
        drop(self.reply.send(Err(error.into())));
    }
}

/// Runs until the queue is closed and empty.
pub(super) fn serve(shared: &Shared, queue: &Queue<Box<dyn ReadJob>>, mut db: rusqlite::Connection, batch_max: usize) {
    let mut batch = VecDeque::with_capacity(batch_max);
    let mut epoch = shared.epoch.load(Ordering::Acquire);
    // Everything in the batch was received before BEGIN, so no answer is older than its request.
    while queue.take(batch_max, &mut batch) {
        let current = shared.epoch.load(Ordering::Acquire);
        if current != epoch {
            epoch = current;
            if let Err(error) = setup::refresh(&db, shared.catalog.load().as_deref()) {
                tracing::error!(%error, "a reader could not follow the new catalog");
            }
        }
        if let Err(error) = begin(shared, &mut db) {
            for job in batch.drain(..) {
                job.refuse(again(&error));
            }
            continue;
        }
        shared.stats.read_batches.fetch_add(1, Ordering::Relaxed);
        shared.stats.reads.fetch_add(batch.len() as u64, Ordering::Relaxed);
        while let Some(job) = batch.pop_front() {
            one(shared, &db, job);
            if db.is_autocommit() && !batch.is_empty() && begin(shared, &mut db).is_err() {
                break;
            }
        }
        for job in batch.drain(..) {
            job.refuse(Error::Internal("the read transaction was lost".to_owned()));
        }
        if !db.is_autocommit()
            && let Err(error) = run(&db, "commit")
        {
            tracing::warn!(%error, "a read transaction did not end");
            drop(db.execute_batch("rollback"));
        }
    }
}

fn one(shared: &Shared, db: &rusqlite::Connection, mut job: Box<dyn ReadJob>) {
    if job.cancelled().load(Ordering::Relaxed) {
        return;
    }
    let deadline = job.deadline();
    if deadline.is_past(&*shared.options.clock) {
        return job.refuse(Error::Timeout);
    }
    let scope = job.scope();
    let cancelled = job.cancelled().clone();
    session::enter(scope, shared.options.clock.now().0, &shared.options.clock, deadline, Some(cancelled));
    let ran = catch_unwind(AssertUnwindSafe(|| job.run(&mut Conn::new(db, shared, Side::Reader))));
    session::leave();
    if ran.is_err() {
        // The reply was dropped with the function, which the caller sees as an internal error.
        tracing::error!("a read function panicked");
    }
}

fn run(db: &rusqlite::Connection, sql: &'static str) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.raw_execute().map(drop)
}

fn begin(shared: &Shared, db: &mut rusqlite::Connection) -> Result<()> {
    let Err(error) = run(db, "begin") else { return Ok(()) };
    if wants_reopening(&error) {
        *db = setup::open(shared, Side::Reader)?;
        return run(db, "begin").map_err(|error| translate(error, Side::Reader, None));
    }
    Err(translate(error, Side::Reader, None))
}

/// The same failure for another one who waits.
pub(super) fn again(error: &Error) -> Error {
    match error {
        Error::Sql(error) => Error::Sql(error.clone()),
        Error::Unavailable { reason, retry_after } => {
            Error::Unavailable { reason: reason.clone(), retry_after: *retry_after }
        }
        Error::Overloaded { retry_after } => Error::Overloaded { retry_after: *retry_after },
        Error::Timeout => Error::Timeout,
        Error::Internal(reason) => Error::Internal(reason.clone()),
    }
}
