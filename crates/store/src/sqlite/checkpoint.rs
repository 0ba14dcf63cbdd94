//! Copying the log into the database beside the writer, so that no commit waits for all of it.
//!
//! Left to itself, SQLite does that inside the commit that finds the log long, and for tens of milliseconds nobody's write is answered.
//! Here a thread with a connection of its own copies what the log holds while commits go on appending; between two groups the writer
//! then copies the little that came meanwhile, after which the log starts from its beginning again.
//! A checkpoint decides nothing about durability: what was committed is in the log, on disk, before and after.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::error::Side;
use super::{Shared, setup};

/// How often the thread copies before the writer does the rest: what comes during one round is the work of the next.
const ROUNDS: u32 = 2;
/// How many lengths of the log the thread may fall behind before the writer waits for it.
const BEHIND_MAX: u32 = 2;

/// When the log is copied, and by whom.
pub(super) struct Checkpoints {
    shared: Arc<Shared>,
    /// Pages in the log at which it is time. More than the configured number while somebody reads an old state and the log cannot start
    /// again.
    due: u32,
    helper: Option<Helper>,
    underway: bool,
}

/// The thread that copies.
struct Helper {
    ask: Option<SyncSender<()>>,
    done: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

/// Tells `pages` after each commit how long the log is. Takes the place of SQLite's own checkpoints.
pub(super) fn watch(db: &mut Connection, pages: Arc<AtomicU32>) -> rusqlite::Result<()> {
    db.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, length: i32| {
        pages.store(u32::try_from(length).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }))
}

impl Checkpoints {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let due = shared.options.wal_checkpoint_pages;
        Self { shared, due, helper: None, underway: false }
    }

    /// Between two groups: has one begun, ended, or to begin. Waits only for a copy that falls far behind, so that the log stays bounded.
    pub(super) fn turn(&mut self, db: &Connection) {
        let every = self.shared.options.wal_checkpoint_pages;
        let pages = self.shared.wal_pages.load(Ordering::Relaxed);
        if every == 0 {
            return;
        }
        if !self.underway {
            if pages < every {
                // The log has begun anew.
                self.due = every;
            } else if pages >= self.due {
                self.underway = self.begin();
                if !self.underway {
                    self.finish(db, every);
                }
            }
            return;
        }
        let behind = pages >= self.due.saturating_add(every.saturating_mul(BEHIND_MAX));
        let ended = match &self.helper {
            Some(helper) if behind => helper.done.recv().is_ok(),
            Some(helper) => match helper.done.try_recv() {
                Ok(()) => true,
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => false,
            },
            None => false,
        };
        if !ended {
            self.helper = None;
        }
        self.underway = false;
        self.finish(db, every);
    }

    /// Asks the thread; false when there is none.
    fn begin(&mut self) -> bool {
        if self.helper.is_none() {
            self.helper = Helper::start(self.shared.clone());
        }
        let ask = self.helper.as_ref().and_then(|helper| helper.ask.as_ref());
        ask.is_some_and(|ask| ask.try_send(()).is_ok())
    }

    /// What came since the thread looked last.
    fn finish(&mut self, db: &Connection, every: u32) {
        match copy(db) {
            Ok((log, copied)) if copied >= log => {
                self.due = every;
                self.shared.wal_pages.store(0, Ordering::Relaxed);
            }
            Ok((log, _)) => self.due = log.saturating_add(every),
            Err(error) => {
                tracing::warn!(%error, "the log was not copied into the database");
                self.due = self.shared.wal_pages.load(Ordering::Relaxed).saturating_add(every);
            }
        }
    }
}

impl Helper {
    fn start(shared: Arc<Shared>) -> Option<Self> {
        let (ask, asked) = sync_channel::<()>(1);
        let (tell, done) = sync_channel::<()>(1);
        let body = move || {
            let db = match setup::open(&shared, Side::Reader) {
                Ok(db) => db,
                Err(error) => return tracing::warn!(%error, "the log is copied by the writer itself"),
            };
            while asked.recv().is_ok() {
                for _ in 0..ROUNDS {
                    if let Err(error) = copy(&db) {
                        tracing::debug!(%error, "a copy of the log ended early");
                    }
                }
                if tell.send(()).is_err() {
                    break;
                }
            }
        };
        match std::thread::Builder::new().name("sqlite-copy".to_owned()).spawn(body) {
            Ok(thread) => Some(Self { ask: Some(ask), done, thread: Some(thread) }),
            Err(error) => {
                tracing::warn!(%error, "no thread to copy the log");
                None
            }
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // Without anybody to ask it, the thread ends; a copy under way is finished first.
        self.ask = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that copies the log ended in a panic");
        }
    }
}

/// Copies as far as readers allow, without waiting for anybody: pages in the log, and how many of them are in the database now.
fn copy(db: &Connection) -> rusqlite::Result<(u32, u32)> {
    let pages = |number: i64| u32::try_from(number).unwrap_or(0);
    db.query_row("pragma wal_checkpoint(passive)", [], |row| Ok((pages(row.get(1)?), pages(row.get(2)?))))
}
