//! `/events/v1/stream`: the log as it grows, as server-sent events. A reader is sent what it reads from the log at its own pace: nothing is
//! gathered for one that is slow, and one that takes nothing for too long is cut off like any other answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use data::Caller;
use events::{Logged, present};
use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use kernel::error::{INVALID, UNAVAILABLE};
use kernel::{Clock, Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use web::{Body, BodySender, Request, Response, response};

use crate::feed::Feed;

/// Where streams begin.
pub const STREAM: &str = "/events/v1/stream";
const CONTENT: HeaderValue = HeaderValue::from_static("text/event-stream");
/// The last event that a reader has seen, as it says when it comes again.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Asks proxies to pass on what comes as it comes.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Events that are read together.
const PAGE: u32 = 50;
/// Events that wait to be sent.
const WAITING: usize = 4;
/// When a reader that lost its stream comes again.
const RETRY: &[u8] = b"retry: 2000\n\n";
/// How often a stream without events says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// When a reader may ask again who found no room.
const AGAIN: Duration = Duration::from_secs(5);

/// The streams of a house.
pub struct Streams {
    feed: Arc<Feed>,
    clock: Arc<dyn Clock>,
    seats: Arc<Semaphore>,
    heartbeat: Duration,
    ending: watch::Sender<bool>,
}

/// One stream.
struct Stream {
    feed: Arc<Feed>,
    caller: Caller,
    heartbeat: Duration,
    /// The position that was reached, and the one that the reader was told.
    reached: i64,
    told: i64,
    _seat: OwnedSemaphorePermit,
}

impl Streams {
    /// Streams of a log, so many at once. Each is heard of before an answer would count as idle.
    pub fn new(feed: Arc<Feed>, clock: Arc<dyn Clock>, most: usize, idle: Duration) -> Self {
        let heartbeat = HEARTBEAT.min(idle / 3).max(Duration::from_millis(1));
        let seats = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Self { feed, clock, seats, heartbeat, ending: watch::Sender::new(false) }
    }

    /// Ends all of them, and those that begin from now on.
    pub fn end(&self) {
        self.ending.send_replace(true);
    }

    /// Begins a stream.
    pub(crate) async fn answer(&self, request: &Request, caller: Caller) -> Result<Response> {
        self.feed.admit(&caller)?;
        let after = after_of(request)?;
        let busy = |_| Error::new(&UNAVAILABLE, "As many streams are open as may be.").with_retry_after(AGAIN);
        let seat = self.seats.clone().try_acquire_owned().map_err(busy)?;
        // What can be refused is refused before the stream begins.
        let (first, reached) = self.feed.page(&caller, after, PAGE, Duration::ZERO).await?;
        let (sender, body) = Body::stream(WAITING);
        let mut answer = response::of(StatusCode::OK, CONTENT, Bytes::new());
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer.headers_mut().insert(UNBUFFERED, HeaderValue::from_static("no"));
        if request.head.method == Method::HEAD {
            return Ok(answer);
        }
        *answer.body_mut() = body;
        let expires = expires_in(&caller, &*self.clock);
        let mut ending = self.ending.subscribe();
        let told = after.unwrap_or(0);
        let stream = Stream { feed: self.feed.clone(), caller, heartbeat: self.heartbeat, reached, told, _seat: seat };
        telemetry::spawn("events stream", async move {
            let over = async {
                match expires {
                    Some(expires) => tokio::time::sleep(expires).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = sender.gone() => return,
                _ = ending.wait_for(|ending| *ending) => {}
                () = over => {}
                () = stream.run(&sender, first) => {}
            }
            // A reader that is cut off in the middle would not know that it missed nothing.
            sender.finish().await.ok();
        });
        Ok(answer)
    }
}

impl Stream {
    /// Sends until the reader is gone, or may not read any more, or the log cannot be read; then it is the reader's to come again.
    async fn run(mut self, sender: &BodySender, mut events: Vec<Logged>) {
        if sender.send(Bytes::from_static(RETRY)).await.is_err() {
            return;
        }
        loop {
            let any = !events.is_empty();
            for event in events {
                if sender.send(framed(&event)).await.is_err() {
                    return;
                }
                self.told = event.position;
            }
            if (!any || self.reached > self.told) && sender.send(self.alive()).await.is_err() {
                return;
            }
            if self.feed.admit(&self.caller).is_err() {
                return;
            }
            match self.feed.page(&self.caller, Some(self.reached), PAGE, self.heartbeat).await {
                Ok((more, reached)) => (events, self.reached) = (more, reached),
                Err(error) => {
                    tracing::debug!(error.code = error.code.name, "a stream of events ends");
                    return;
                }
            }
        }
    }

    /// A sign of life, with the place that was reached where the reader may not see what is there.
    fn alive(&mut self) -> Bytes {
        if self.reached > self.told {
            self.told = self.reached;
            return Bytes::from(format!(":\nid: {}\n\n", self.reached));
        }
        Bytes::from_static(b":\n\n")
    }
}

/// An event as the stream has it (WHATWG HTML, section 9.2.6). A line break within ends a line of it, and begins another.
fn framed(event: &Logged) -> Bytes {
    let mut json = Vec::with_capacity(event.data.len() + 512);
    present::write(event, &mut json);
    let mut out = format!("id: {}\n", event.position).into_bytes();
    out.reserve(json.len() + 16);
    for line in json.split(|byte| *byte == b'\n' || *byte == b'\r') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
    Bytes::from(out)
}

/// Where a reader goes on: behind the last event that it says it has seen, else behind `after`.
fn after_of(request: &Request) -> Result<Option<i64>> {
    let refuse = |name: &str| Error::new(&INVALID, "").with_field(name, "a sequence, 0 or more");
    let read = |name: &str, text: &str| text.parse().ok().filter(|at| *at >= 0_i64).ok_or_else(|| refuse(name));
    let mut after = None;
    let query = request.head.uri.query().unwrap_or_default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("after", text)) => after = Some(read("after", text)?),
            _ => return Err(Error::new(&INVALID, "").with_field(pair, "not a parameter; there is after")),
        }
    }
    match request.head.headers.get(LAST_EVENT_ID) {
        None => Ok(after),
        // A reader that has seen none says so.
        Some(value) if value.is_empty() => Ok(after),
        Some(value) => read("Last-Event-ID", value.to_str().unwrap_or_default()).map(Some),
    }
}

/// How long the caller's token is good for; `None` when it says nothing about that.
fn expires_in(caller: &Caller, clock: &dyn Clock) -> Option<Duration> {
    let claims: serde_json::Value = serde_json::from_str(&caller.claims).ok()?;
    let expires = claims.get("exp")?.as_f64()?;
    #[expect(clippy::cast_precision_loss, reason = "a time in seconds, to a thousandth")]
    let now = clock.now().as_millis() as f64 / 1_000.0;
    // Beyond what a duration holds is never.
    Duration::try_from_secs_f64((expires - now).max(0.0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stays_one_whatever_line_breaks_it_has() {
        let event = Logged {
            position: 7,
            id: 1,
            unit: String::new(),
            kind: "data.row.inserted".to_owned(),
            subject: "public.song".to_owned(),
            key: "public.song/1".to_owned(),
            data: "{\"before\":null,\r\n\"after\":{}}".to_owned(),
            context: "{}".to_owned(),
            at: 0,
        };
        let text = String::from_utf8(framed(&event).to_vec()).unwrap();
        assert!(text.starts_with("id: 7\ndata: {\"specversion\":\"1.0\""), "{text}");
        assert!(text.ends_with("\"data\":{\"before\":null,\ndata: \ndata: \"after\":{}}}\n\n"), "{text}");
    }
}
