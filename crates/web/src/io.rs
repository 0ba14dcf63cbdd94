//! A connection that knows whether it is idle. hyper's own header timer makes and drops a runtime timer for each request; here the
//! connection keeps one slow tick, and reading, answering and writing only bump a number.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};

/// What a connection is doing, told by its parts and looked at on each tick.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// Requests whose answer is being found.
    busy: AtomicU32,
    /// Answers that are being sent.
    sending: AtomicU32,
    /// 1 while the head of a request comes in (HTTP/1 only).
    head: AtomicU32,
    /// Bumped when something changed that allows more time.
    moved: AtomicU32,
}

/// What the connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The house answers; its own limits hold.
    Busy,
    /// Headers are coming in.
    Head,
    /// An answer is on its way; every write that the caller takes gives it more time.
    Sending,
    /// Nothing is under way.
    Idle,
}

impl Activity {
    pub(crate) fn phase(&self) -> Phase {
        if self.busy.load(Ordering::Relaxed) > 0 {
            Phase::Busy
        } else if self.sending.load(Ordering::Relaxed) > 0 {
            Phase::Sending
        } else if self.head.load(Ordering::Relaxed) > 0 {
            Phase::Head
        } else {
            Phase::Idle
        }
    }

    pub(crate) fn moved(&self) -> u32 {
        self.moved.load(Ordering::Relaxed)
    }

    fn bump(&self) {
        self.moved.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts as one request of its connection for as long as it lives: first as one whose answer is being found, then as one that is
/// being sent.
#[derive(Debug)]
pub(crate) struct Busy {
    activity: Arc<Activity>,
    sending: bool,
}

impl Busy {
    pub(crate) fn begin(activity: &Arc<Activity>) -> Self {
        activity.busy.fetch_add(1, Ordering::Relaxed);
        activity.head.store(0, Ordering::Relaxed);
        Self { activity: Arc::clone(activity), sending: false }
    }

    pub(crate) fn sending(mut self) -> Self {
        self.sending = true;
        self.activity.sending.fetch_add(1, Ordering::Relaxed);
        self.activity.busy.fetch_sub(1, Ordering::Relaxed);
        self.activity.bump();
        self
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.activity.bump();
        let count = if self.sending { &self.activity.sending } else { &self.activity.busy };
        count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream whose reads and writes are noted.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
    /// Whether the first byte of a request begins the time for its head.
    heads: bool,
}

impl<S> Watched<S> {
    pub(crate) const fn new(stream: S, activity: Arc<Activity>, heads: bool) -> Self {
        Self { stream, activity, heads }
    }
}

impl<S: Read + Unpin> Read for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        if this.heads && polled.is_ready() && this.activity.phase() == Phase::Idle {
            this.activity.head.store(1, Ordering::Relaxed);
            this.activity.bump();
        }
        polled
    }
}

impl<S: Write + Unpin> Write for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(cx, buf);
        if polled.is_ready() {
            this.activity.bump_unless_head();
        }
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        if polled.is_ready() {
            this.activity.bump_unless_head();
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl Activity {
    /// Progress of an answer gives it more time; it must not give more time to a head that trickles in beside it.
    fn bump_unless_head(&self) {
        if self.head.load(Ordering::Relaxed) == 0 {
            self.bump();
        }
    }
}
