//! The one place where tasks are spawned.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::task::JoinHandle;

use crate::context::{self, Scoped};

pin_project! {
    /// A task's future, whose panic is said under the task's name.
    struct Named<F> {
        name: &'static str,
        #[pin]
        future: Scoped<F>,
    }
}

impl<F: Future> Future for Named<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        catch_unwind(AssertUnwindSafe(|| this.future.poll(cx))).unwrap_or_else(|panic| {
            tracing::error!(task.name = *this.name, panic = panic_text(&*panic), "a task panicked");
            // The future is not polled again: the runtime drops it with this unwinding.
            resume_unwind(panic)
        })
    }
}

/// Spawns a task under a name, on behalf of whoever runs now. A panic is logged with the name and ends only this task; the handle
/// reports it too.
pub fn spawn<F>(name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(Named { name, future: context::scope(context::current(), future) })
}

/// What a panic said, as far as it said it in text.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no text)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_answers_through_its_handle_and_its_panic_stays_its_own() {
        assert_eq!(spawn("adder", async { 1 + 1 }).await.unwrap(), 2);
        let failed = spawn("faulty", async { panic!("on purpose") }).await;
        assert!(failed.unwrap_err().is_panic());
    }

    #[test]
    fn a_panic_tells_its_text() {
        assert_eq!(panic_text(&"plain"), "plain");
        assert_eq!(panic_text(&"owned".to_owned()), "owned");
        assert_eq!(panic_text(&7), "(no text)");
    }
}
