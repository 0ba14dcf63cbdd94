//! What the engine counts for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Connections taken, and how long was waited for them.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    acquired: AtomicU64,
    waited: AtomicU64,
    waited_us: AtomicU64,
}

impl Waits {
    /// One more was taken.
    pub(crate) fn acquired(&self) {
        self.acquired.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody had to wait so long.
    pub(crate) fn waited(&self, time: Duration) {
        self.waited.fetch_add(1, Ordering::Relaxed);
        self.waited_us.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Adds what was counted here to `counts`.
    pub(crate) fn add_to(&self, counts: &mut Counts) {
        counts.acquired += self.acquired.load(Ordering::Relaxed);
        counts.waited += self.waited.load(Ordering::Relaxed);
        counts.waited_us += self.waited_us.load(Ordering::Relaxed);
    }
}

/// What the engine has done and does, over all its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that are open, those shared by pipelined statements included.
    pub open: usize,
    /// Connections that a transaction has at the moment.
    pub in_use: usize,
    /// Transactions that wait for a connection.
    pub waiting: usize,
    /// Statements on their way over the shared connections.
    pub underway: usize,
    /// Transactions that got a connection since the start.
    pub acquired: u64,
    /// Those of them that had to wait, and those that gave up waiting.
    pub waited: u64,
    /// How long they waited, in microseconds together.
    pub waited_us: u64,
    /// Statements sent over the shared connections since the start.
    pub fetched: u64,
    /// Transactions run again because the server asked for it.
    pub reruns: u64,
}
