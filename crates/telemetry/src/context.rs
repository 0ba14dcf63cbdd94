//! On whose behalf code runs: kept in the thread for the length of a poll, so a log line knows its request without being told.
//!
//! A tracing span would do the same for about a microsecond a request; this copies 81 bytes.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Waiting, Poll};

use kernel::RequestId;
use pin_project_lite::pin_project;

/// The request, and the trace it is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// Logged as `request.id`.
    pub request_id: RequestId,
    /// Logged as `trace.id`.
    pub trace_id: [u8; 16],
}

thread_local! {
    static CURRENT: Cell<Option<Context>> = const { Cell::new(None) };
}

/// The context of the code that runs now.
pub fn current() -> Option<Context> {
    CURRENT.get()
}

/// Puts the former context back, also when the closure panics.
struct Restore(Option<Context>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Runs a closure on behalf of `context`.
pub fn with<T>(context: Option<Context>, run: impl FnOnce() -> T) -> T {
    let _restore = Restore(CURRENT.replace(context));
    run()
}

pin_project! {
    /// A future that runs on behalf of somebody, wherever it is polled. A type of its own, because an async block would hold the future
    /// twice: as what it was given, and as what it waits for.
    #[derive(Debug)]
    pub struct Scoped<F> {
        context: Option<Context>,
        #[pin]
        future: F,
    }
}

/// Runs a future on behalf of `context`, wherever it is polled.
pub const fn scope<F: Future>(context: Option<Context>, future: F) -> Scoped<F> {
    Scoped { context, future }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Waiting<'_>) -> Poll<F::Output> {
        let this = self.project();
        with(*this.context, || this.future.poll(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(id: &str) -> Context {
        Context { request_id: RequestId::from_caller(id.as_bytes()).unwrap(), trace_id: [1; 16] }
    }

    #[test]
    fn a_context_nests_and_is_put_back_after_a_panic() {
        let (a, b) = (context("a"), context("b"));
        with(Some(a), || {
            let panicked = std::panic::catch_unwind(|| with(Some(b), || panic!("on purpose")));
            assert!(panicked.is_err());
            assert_eq!(current(), Some(a));
        });
        assert_eq!(current(), None);
    }

    #[tokio::test]
    async fn a_context_is_there_after_every_await_and_not_elsewhere() {
        let a = context("a");
        let inside = scope(Some(a), async {
            tokio::task::yield_now().await;
            current()
        });
        let outside = async {
            tokio::task::yield_now().await;
            current()
        };
        assert_eq!(tokio::join!(inside, outside), (Some(a), None));
    }
}
