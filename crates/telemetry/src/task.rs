//! The one place where tasks are spawned.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;

use tokio::task::JoinHandle;

use crate::context;

/// Spawns a task under a name, on behalf of whoever runs now. A panic is logged with the name and ends only this task; the handle
/// reports it too.
pub fn spawn<F>(name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let context = context::current();
    tokio::spawn(async move {
        let mut future = pin!(context::scope(context, future));
        poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll,
            Err(panic) => {
                tracing::error!(task.name = name, panic = panic_text(&*panic), "a task panicked");
                // The future is not polled again: the runtime drops it with this unwinding.
                resume_unwind(panic)
            }
        })
        .await
    })
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
