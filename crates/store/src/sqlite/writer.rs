//! The writer: one thread, one connection, groups of functions that share one commit.
//!
//! A group takes what waits and never waits for more. Savepoints cost time (LIMITS.md section 1), so it begins without: a function that fails
//! before it has changed anything leaves nothing to undo, and one that fails later makes the group roll back and run again, this
//! time with a savepoint for each function, as do the groups after it for a while. A function that is to be rolled back anyway has
//! a savepoint from the start. Answers go out after the commit. When the group as a whole fails (a participant's
//! seal, the commit, a disk error that made SQLite roll everything back), its functions run again one by one, each in a transaction
//! of its own, and only the guilty fail.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kernel::Deadline;
use tokio::sync::oneshot;

use super::checkpoint::Checkpoints;
use super::connection::Conn;
use super::error::{Side, translate, wants_reopening};
use super::exclusive::Exclusive;
use super::queue::Queue;
use super::reader::again;
use super::sequence::{self, Sequences};
use super::session::{self, Stopped, Tape};
use super::{Shared, capture, ffi, setup, wal};
use crate::conn::Scope;
use crate::error::{Error, Result, SqlError};
use crate::tx::{Event, Participants, Tx, Unit, UnitId, new_unit};

/// A write function on its way to the writer. It may run several times and answers once.
pub(super) trait WriteJob: Send {
    /// Who asks.
    fn scope(&self) -> &Scope;
    /// When its answer stops being of use.
    fn deadline(&self) -> Deadline;
    /// Nobody waits for it any more.
    fn abandoned(&self) -> bool;
    /// Transaction time: that of the first run, so that a second one gives the same result.
    fn now_us(&mut self, now: i64) -> i64;
    /// Its unit's id, made when it first runs.
    fn unit(&mut self, now: i64) -> UnitId;
    /// What it drew at random when it last ran.
    fn tape(&mut self) -> &mut Tape;
    /// Runs it and keeps the answer; true when it succeeded.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Makes the answer a failure, unless it is one.
    fn refuse(&mut self, error: Error);
    /// Sends the answer.
    fn answer(self: Box<Self>);
}

/// The one implementation: a function and where its answer goes.
pub(super) struct WriteTask<T, E, F> {
    pub(super) scope: Scope,
    pub(super) deadline: Deadline,
    pub(super) now_us: Option<i64>,
    pub(super) unit: Option<UnitId>,
    pub(super) tape: Tape,
    pub(super) function: F,
    pub(super) outcome: Option<Result<T, E>>,
    pub(super) reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> WriteJob for WriteTask<T, E, F>
where
    T: Send,
    E: From<Error> + Send,
    F: Fn(&mut Tx<'_>) -> Result<T, E> + Send,
{
    fn scope(&self) -> &Scope {
        &self.scope
    }
    fn deadline(&self) -> Deadline {
        self.deadline
    }
    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }
    fn now_us(&mut self, now: i64) -> i64 {
        *self.now_us.get_or_insert(now)
    }
    fn unit(&mut self, now: i64) -> UnitId {
        *self.unit.get_or_insert_with(|| new_unit(now, &kernel::SystemRandom))
    }
    fn tape(&mut self) -> &mut Tape {
        &mut self.tape
    }
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        self.outcome = None;
        let outcome = (self.function)(tx);
        let kept = outcome.is_ok();
        self.outcome = Some(outcome);
        kept
    }
    fn refuse(&mut self, error: Error) {
        if !matches!(self.outcome, Some(Err(_))) {
            self.outcome = Some(Err(error.into()));
        }
    }
    fn answer(self: Box<Self>) {
        let Self { outcome, reply, .. } = *self;
        let outcome = outcome.unwrap_or_else(|| Err(Error::Internal("a function was not run".to_owned()).into()));
        // The caller may be gone; what it asked for is done nevertheless.
        drop(reply.send(outcome));
    }
}

/// Something that needs the writer for itself.
pub(super) type Alone = Box<dyn FnOnce(&mut Writer) + Send>;

/// What the writer's queue holds.
pub(super) enum Work {
    /// A function, to be grouped.
    Function(Box<dyn WriteJob>),
    /// Everything else.
    Alone(Alone),
}

/// What became of one function inside an open transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Its changes stand.
    Kept,
    /// Its changes are gone; its answer says why, or it asked for that.
    Undone,
    /// It failed after it had changed something, without a savepoint to go back to.
    Spoiled,
    /// SQLite rolled back the whole transaction.
    Lost,
}

/// What a function can be undone with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    /// The whole transaction: it is the only function in it.
    Transaction,
    /// A savepoint.
    Savepoint,
    /// Nothing, in the hope that it is not needed.
    Hope,
}

/// Functions that have savepoints after one has spoiled its group.
const WARY: usize = 4096;

/// How long the writer must have nothing to do before it grows the log.
const IDLE: Duration = Duration::from_millis(500);
/// Failures of the file in a row after which the rest of a group is refused without trying.
const FILE_FAILURES_MAX: u32 = 2;

/// The thread's state.
pub(super) struct Writer {
    shared: Arc<Shared>,
    queue: Arc<Queue<Work>>,
    participants: Participants,
    db: rusqlite::Connection,
    waiting: VecDeque<Work>,
    epoch: u64,
    log: wal::Growth,
    checkpoints: Checkpoints,
    /// How many more functions have savepoints.
    wary: usize,
}

impl Writer {
    /// Takes the connection over; to be called on the writer's thread.
    pub(super) fn new(
        shared: Arc<Shared>,
        queue: Arc<Queue<Work>>,
        participants: Participants,
        db: rusqlite::Connection,
    ) -> Self {
        let exists = db.prepare("select 1 from _store_sequence limit 0").is_ok();
        if !exists
            && !shared.looks
            && let Err(error) = db.execute_batch(sequence::TABLE)
        {
            // A file that cannot be written can still be read; a write will say so.
            tracing::warn!(%error, "the table of sequences cannot be made");
        }
        let epoch = shared.epoch.load(Ordering::Acquire);
        let log = wal::Growth::new(&shared);
        let checkpoints = Checkpoints::new(shared.clone());
        let waiting = VecDeque::new();
        let mut writer = Self { shared, queue, participants, db, waiting, epoch, log, checkpoints, wary: 0 };
        writer.reload_sequences();
        writer
    }

    /// Runs until the queue is closed and empty.
    pub(super) fn serve(mut self) {
        loop {
            if self.waiting.is_empty() {
                if self.log.due() && !self.queue.wait(IDLE) {
                    let queue = self.queue.clone();
                    self.log.grow(&self.db, &|| queue.len() > 0);
                }
                if !self.queue.take(self.shared.options.group_max, &mut self.waiting) {
                    break;
                }
            }
            self.follow();
            match self.waiting.pop_front() {
                Some(Work::Function(job)) => self.group(job),
                Some(Work::Alone(work)) => work(&mut self),
                None => {}
            }
            self.checkpoints.turn(&self.db);
        }
        // The last values drawn by functions that were rolled back.
        if let Err(error) = self.write_sequences() {
            tracing::warn!(%error, "the sequences were not written at the end");
        }
    }

    /// Follows a catalog published since the last group.
    fn follow(&mut self) {
        let current = self.shared.epoch.load(Ordering::Acquire);
        if current == self.epoch {
            return;
        }
        self.epoch = current;
        let catalog = self.shared.catalog.load_full();
        if let Err(error) = setup::refresh(&self.db, catalog.as_deref()) {
            tracing::error!(%error, "the writer could not follow the new catalog");
        }
        if let Some(catalog) = catalog {
            session::with(|session| session.sequences.get_or_insert_default().learn(&catalog));
            if self.shared.options.capture
                && let Err(error) = capture::learn(&self.db, &catalog)
            {
                tracing::error!(%error, "the writer does not know the new tables: their changes make no events");
            }
        }
    }

    fn group(&mut self, first: Box<dyn WriteJob>) {
        if let Err(error) = self.begin() {
            return self.refuse_waiting(first, &error);
        }
        let clock = self.shared.options.clock.clone();
        let opened = clock.monotonic();
        let alone = self.waiting.is_empty() && self.queue.len() == 0;
        let (mut done, mut events, mut kept) = (Vec::new(), Vec::new(), 0_usize);
        let mut next = Some(first);
        while let Some(mut job) = next.take() {
            if job.deadline().is_past(&*clock) {
                job.refuse(Error::Timeout);
                job.answer();
            } else if !job.abandoned() {
                let guard = if alone && done.is_empty() {
                    Guard::Transaction
                } else if self.wary > 0 || job.scope().rollback {
                    Guard::Savepoint
                } else {
                    Guard::Hope
                };
                let step = self.attempt(&mut *job, guard, &mut events);
                done.push(job);
                match step {
                    Step::Kept => kept += 1,
                    Step::Undone if guard == Guard::Transaction => return Self::answer(done),
                    Step::Undone => {}
                    Step::Spoiled => return self.replay(done),
                    Step::Lost => return self.one_by_one(done),
                }
            }
            let slow = clock.monotonic().saturating_sub(opened) >= self.shared.options.group_time;
            if !slow && done.len() < self.shared.options.group_max {
                next = self.next_function();
            }
        }
        self.wary = self.wary.saturating_sub(done.len());
        self.shared.stats.groups.fetch_add(1, Ordering::Relaxed);
        self.shared.stats.functions.fetch_add(done.len() as u64, Ordering::Relaxed);
        match self.finish(kept, &events) {
            Ok(()) => Self::answer(done),
            Err(error) if done.len() == 1 => {
                done[0].refuse(error);
                Self::answer(done);
            }
            Err(_) => self.one_by_one(done),
        }
    }

    /// The next function that waits, if the next thing that waits is one.
    fn next_function(&mut self) -> Option<Box<dyn WriteJob>> {
        if self.waiting.is_empty() {
            self.queue.take_now(self.shared.options.group_max, &mut self.waiting);
        }
        match self.waiting.pop_front()? {
            Work::Function(job) => Some(job),
            alone @ Work::Alone(_) => {
                self.waiting.push_front(alone);
                None
            }
        }
    }

    fn answer(done: Vec<Box<dyn WriteJob>>) {
        for job in done {
            job.answer();
        }
    }

    /// Nothing can be written now: everybody who waits learns it at once.
    fn refuse_waiting(&mut self, first: Box<dyn WriteJob>, error: &Error) {
        let mut all = vec![first];
        while let Some(job) = self.next_function() {
            all.push(job);
        }
        for job in &mut all {
            job.refuse(again(error));
        }
        Self::answer(all);
    }

    /// Runs the functions of a spoiled group again, before all others and with savepoints.
    fn replay(&mut self, done: Vec<Box<dyn WriteJob>>) {
        self.abandon();
        self.shared.stats.replays.fetch_add(1, Ordering::Relaxed);
        self.wary = WARY;
        for job in done.into_iter().rev() {
            self.waiting.push_front(Work::Function(job));
        }
    }

    /// Runs one function inside the open transaction.
    fn attempt(&mut self, job: &mut dyn WriteJob, guard: Guard, events: &mut Vec<Event>) -> Step {
        if guard == Guard::Savepoint
            && let Err(error) = self.run("savepoint function")
        {
            job.refuse(translate(error, Side::Writer, None));
            return Step::Lost;
        }
        let clock = self.shared.options.clock.clone();
        let now_us = job.now_us(clock.now().0);
        session::enter(job.scope().clone(), now_us, &clock, job.deadline(), None);
        session::play(std::mem::take(job.tape()));
        let (kept, wrote) = self.perform(job, events);
        let stopped = session::leave();
        *job.tape() = session::recorded();
        if self.db.is_autocommit() {
            job.refuse(Error::Unavailable {
                reason: "the database gave the transaction up".to_owned(),
                retry_after: Duration::from_secs(1),
            });
            if stopped == Some(Stopped::Deadline) {
                tracing::warn!("a write function ran into its deadline and took its group with it");
            }
            return Step::Lost;
        }
        let ended = match (kept, guard) {
            (true, Guard::Savepoint) => self.run("release function"),
            (false, Guard::Transaction) => self.run("rollback"),
            (false, Guard::Savepoint) => self.run("rollback to function").and_then(|()| self.run("release function")),
            (false, Guard::Hope) if wrote => return Step::Spoiled,
            (true, Guard::Transaction | Guard::Hope) | (false, Guard::Hope) => Ok(()),
        };
        match ended {
            Ok(()) if kept => Step::Kept,
            Ok(()) => Step::Undone,
            Err(error) => {
                job.refuse(translate(error, Side::Writer, None));
                self.abandon();
                Step::Lost
            }
        }
    }

    /// Runs the function and its followers: may its changes stand, and are there any.
    fn perform(&self, job: &mut dyn WriteJob, events: &mut Vec<Event>) -> (bool, bool) {
        let mut conn = Conn::new(&self.db, &self.shared, Side::Writer);
        let kept = self.follow_up(job, &mut conn, events);
        (kept, conn.wrote())
    }

    fn follow_up(&self, job: &mut dyn WriteJob, conn: &mut Conn<'_>, events: &mut Vec<Event>) -> bool {
        let changes = self.db.total_changes();
        let at = session::with(|session| session.now_us);
        let id = job.unit(at);
        capture::begin();
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let mut tx = Tx::new(conn, id);
            let kept = job.run(&mut tx);
            (kept, tx.finish())
        }));
        let captured = capture::end();
        let (own, quiet) = match ran {
            Ok((true, finished)) => finished,
            Ok((false, _)) => return false,
            Err(panic) => {
                job.refuse(panicked("a transaction function", &*panic));
                return false;
            }
        };
        let mut own = own;
        match captured {
            // What rows did comes first: what a room says happened to them follows from it.
            Ok(rows) if !rows.is_empty() => drop(own.splice(0..0, rows)),
            Ok(_) => {}
            Err(error) => {
                job.refuse(error);
                return false;
            }
        }
        let silent = own.is_empty() && quiet.is_none() && self.db.total_changes() != changes;
        if silent && self.shared.options.events_required {
            let reason = "a transaction function changed rows, emitted no event and was not quiet about it";
            job.refuse(Error::Internal(reason.to_owned()));
            return false;
        }
        let unit = Unit { id, at, scope: job.scope(), events: &own, written: 0 };
        for participant in self.participants.iter() {
            let prepared = catch_unwind(AssertUnwindSafe(|| participant.prepare(conn, &unit)));
            let refused = match prepared {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error,
                Err(panic) => panicked(participant.name(), &*panic),
            };
            job.refuse(refused);
            return false;
        }
        // COMMIT would refuse the whole group for it; here it is still known whose it is.
        if ffi::has_deferred_violations(&self.db) {
            job.refuse(SqlError::new("23503", "a deferred foreign key constraint is violated").into());
            return false;
        }
        if job.scope().rollback {
            return false;
        }
        events.extend(own);
        true
    }

    /// Seals, writes the sequences and commits; on failure nothing of the transaction remains.
    fn finish(&mut self, kept: usize, events: &[Event]) -> Result<()> {
        let finished = self.seal(kept, events).and_then(|()| {
            let sequences = take_sequences();
            let flushed = sequences.flush(&self.db);
            session::with(|session| session.sequences = Some(sequences));
            flushed.and_then(|()| self.run("commit")).map_err(|e| translate(e, Side::Writer, None))
        });
        match finished {
            Ok(()) => {
                session::with(|session| session.sequences.get_or_insert_default().written());
                self.log.wrote();
                if kept > 0 {
                    self.participants.iter().for_each(|participant| participant.committed());
                }
                Ok(())
            }
            Err(error) => {
                self.abandon();
                Err(error)
            }
        }
    }

    fn seal(&self, kept: usize, events: &[Event]) -> Result<()> {
        if kept == 0 || self.participants.is_empty() {
            return Ok(());
        }
        let clock = &self.shared.options.clock;
        session::enter(Scope::default(), clock.now().0, clock, Deadline::NEVER, None);
        let mut conn = Conn::new(&self.db, &self.shared, Side::Writer);
        for participant in self.participants.iter() {
            catch_unwind(AssertUnwindSafe(|| participant.seal(&mut conn, events)))
                .unwrap_or_else(|panic| Err(panicked(participant.name(), &*panic)))?;
        }
        if ffi::has_deferred_violations(&self.db) {
            return Err(SqlError::new("23503", "a deferred foreign key constraint is violated").into());
        }
        Ok(())
    }

    /// Runs the functions of a failed group again, each in its own transaction.
    fn one_by_one(&mut self, done: Vec<Box<dyn WriteJob>>) {
        self.abandon();
        self.shared.stats.reruns.fetch_add(1, Ordering::Relaxed);
        let mut failures = 0;
        for mut job in done {
            // A function that took the group down with its deadline has had its time.
            if job.deadline().is_past(&*self.shared.options.clock) {
                job.refuse(Error::sql("57014", "canceling statement due to statement timeout"));
                job.answer();
                continue;
            }
            if failures >= FILE_FAILURES_MAX {
                job.refuse(Error::Unavailable {
                    reason: "the database cannot be written".to_owned(),
                    retry_after: Duration::from_secs(5),
                });
                job.answer();
                continue;
            }
            match self.alone(&mut *job) {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures = if matches!(error, Error::Unavailable { .. }) { failures + 1 } else { 0 };
                    job.refuse(error);
                }
            }
            job.answer();
        }
    }

    fn alone(&mut self, job: &mut dyn WriteJob) -> Result<()> {
        self.begin()?;
        let mut events = Vec::new();
        match self.attempt(job, Guard::Transaction, &mut events) {
            Step::Kept => self.finish(1, &events),
            Step::Undone | Step::Spoiled | Step::Lost => {
                self.abandon();
                Ok(())
            }
        }
    }

    /// Ends whatever transaction is open, without keeping it.
    fn abandon(&self) {
        if !self.db.is_autocommit()
            && let Err(error) = self.run("rollback")
        {
            tracing::error!(%error, "a transaction did not roll back");
        }
    }

    fn begin(&mut self) -> Result<()> {
        // A connection that was opened while the file could not be written stays one that reads, and says so only at the first
        // change: it begins without complaint. Whether the file can be written now, a new connection finds out.
        if self.db.is_readonly(rusqlite::MAIN_DB).unwrap_or(false) {
            self.db = setup::open(&self.shared, Side::Writer)?;
        }
        let Err(error) = self.run("begin immediate") else { return Ok(()) };
        if wants_reopening(&error) {
            self.db = setup::open(&self.shared, Side::Writer)?;
            return self.run("begin immediate").map_err(|e| translate(e, Side::Writer, None));
        }
        Err(translate(error, Side::Writer, None))
    }

    fn run(&self, sql: &'static str) -> rusqlite::Result<()> {
        self.db.prepare_cached(sql)?.raw_execute().map(drop)
    }

    /// Writes what sequences have moved, in a transaction of its own.
    fn write_sequences(&mut self) -> Result<()> {
        if !session::with(|session| session.sequences.as_ref().is_some_and(Sequences::is_dirty)) {
            return Ok(());
        }
        self.begin()?;
        self.finish(0, &[])
    }

    fn reload_sequences(&mut self) {
        let mut sequences = take_sequences();
        if let Err(error) = sequences.load(&self.db) {
            tracing::error!(%error, "the sequences cannot be read");
        }
        if let Some(catalog) = self.shared.catalog.load_full() {
            sequences.learn(&catalog);
        }
        session::with(|session| session.sequences = Some(sequences));
    }

    /// Runs `f` with the connection to itself, outside any transaction.
    pub(super) fn exclusive<T, E: From<Error>>(
        &mut self,
        f: impl FnOnce(&Exclusive<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.write_sequences()?;
        let clock = self.shared.options.clock.clone();
        session::enter(Scope::default(), clock.now().0, &clock, Deadline::NEVER, None);
        let exclusive = Exclusive::new(&self.db, &self.shared);
        let result = catch_unwind(AssertUnwindSafe(|| f(&exclusive)))
            .unwrap_or_else(|panic| Err(panicked("an exclusive function", &*panic).into()));
        self.abandon();
        if let Err(error) = self.db.execute_batch("pragma foreign_keys = on") {
            tracing::error!(%error, "foreign keys cannot be turned on again");
        }
        self.db.flush_prepared_statement_cache();
        self.write_sequences()?;
        self.reload_sequences();
        // Readers prepare their statements anew; this thread has done it.
        self.epoch = self.shared.epoch.fetch_add(1, Ordering::AcqRel) + 1;
        result
    }
}

/// Takes the thread's sequences out, so that statements may run beside them.
fn take_sequences() -> Sequences {
    session::with(|session| session.sequences.take()).unwrap_or_default()
}

/// What a panic said, for the log.
fn panicked(who: &str, panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::Internal(format!("{who} panicked: {}", said.unwrap_or("no message")))
}
