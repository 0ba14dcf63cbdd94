//! Listening for notifications on a connection of its own.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_postgres::AsyncMessage;

use super::tls::Target;
use crate::error::{Error, Result};

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Listens as long as it lives.
#[derive(Debug)]
pub struct Listener {
    _alive: oneshot::Sender<()>,
}

impl Listener {
    pub(super) fn start(
        target: Target,
        channel: String,
        patience: Duration,
        on_notify: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self> {
        let (alive, dropped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::Internal(error.to_string()))?;
        let work = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = dropped => {}
                    () = listen(&target, &channel, patience, &on_notify) => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("postgres-listen".to_owned()).spawn(work);
        thread.map(|_| Self { _alive: alive }).map_err(|error| Error::Internal(error.to_string()))
    }
}

async fn listen(target: &Target, channel: &str, patience: Duration, on_notify: &(impl Fn(&str) + Sync)) {
    let mut pause = PAUSE_MIN;
    let mut first = true;
    loop {
        let session = session(target, channel, patience, first, on_notify).await;
        if session.heard {
            pause = PAUSE_MIN;
            first = false;
        }
        tracing::warn!(reason = session.reason, "listening for notifications was interrupted");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

struct Ended {
    /// It had been listening for a while.
    heard: bool,
    reason: String,
}

async fn session(
    target: &Target,
    channel: &str,
    patience: Duration,
    first: bool,
    on_notify: &(impl Fn(&str) + Sync),
) -> Ended {
    let ended = |heard, reason: String| Ended { heard, reason };
    let (client, mut connection) = match tokio::time::timeout(patience, target.connect()).await {
        Ok(Ok(connected)) => connected,
        Ok(Err(error)) => return ended(false, error.to_string()),
        Err(_) => return ended(false, "connecting timed out".to_owned()),
    };
    let statement = format!("listen \"{}\"", channel.replace('"', "\"\""));
    let mut listening = pin!(client.batch_execute(&statement));
    let mut heard = false;
    std::future::poll_fn(|context| {
        if !heard && let Poll::Ready(done) = listening.as_mut().poll(context) {
            match done {
                Ok(()) => heard = true,
                Err(error) => return Poll::Ready(ended(false, error.to_string())),
            }
            if !first {
                on_notify("");
            }
        }
        loop {
            match connection.poll_message(context) {
                Poll::Ready(Some(Ok(AsyncMessage::Notification(notification)))) => on_notify(notification.payload()),
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => return Poll::Ready(ended(heard, error.to_string())),
                Poll::Ready(None) => return Poll::Ready(ended(heard, "the connection ended".to_owned())),
                Poll::Pending => break,
            }
        }
        Poll::Pending
    })
    .await
}
