//! `/events/v1/groups`: groups of consumers over the log of events, for roles that row security does not bind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::consumers::{Ask, Consumers, ConsumersError, Created, Durable, Inbox, Seek, Wanted, present};
use bytes::Bytes;
use data::Caller;
use http::header::{ALLOW, CACHE_CONTROL};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use idempotency::{Key, Running, derive};
use kernel::error::{FORBIDDEN, INVALID, NOT_FOUND};
use kernel::{Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::{Origin, Scope, Store};
use telemetry::Registry;
use web::{Request, Response, problem, response};

use crate::feed::sees_all;
use crate::routes::METHOD_NOT_ALLOWED;

/// Where groups are.
pub const GROUPS: &str = "/events/v1/groups";
/// Names the event that a write is the effect of; in answers, what became of the delivery.
const INBOX: HeaderName = HeaderName::from_static("mainstay-inbox");
/// Bytes of a request's body.
pub const BODY_MAX: usize = 256 * 1024;
/// Events of one pull.
const PULL_MAX: u32 = 500;
/// The longest wait, seconds.
const WAIT_MAX: u64 = 25;
/// Leases of one request, and positions.
const MANY_MAX: usize = 1_000;
/// The longest delay of a nack, milliseconds: a day.
const DELAY_MS_MAX: u64 = 86_400_000;
/// Dead letters in an answer.
const LETTERS_MAX: u32 = 100;
/// How often lags are measured.
const MEASURED: Duration = Duration::from_secs(10);

/// Groups, for those who consume.
pub struct Groups {
    /// The room.
    pub consumers: Arc<Consumers>,
    /// Where it keeps them.
    pub store: Arc<Store>,
    /// How long the effect of an event is remembered.
    pub remembered: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PullBody {
    max: u32,
    wait: u64,
    partition: Option<u32>,
}

impl Default for PullBody {
    fn default() -> Self {
        Self { max: 10, wait: 0, partition: None }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SettleBody {
    acks: Vec<String>,
    delay_ms: Option<u64>,
    reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SeekBody {
    after: Option<i64>,
    time: Option<String>,
    to: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LettersBody {
    positions: Vec<i64>,
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T> {
    let body: &[u8] = if body.trim_ascii().is_empty() { b"{}" } else { body.trim_ascii() };
    // An array would be read as the members in their order.
    if !body.starts_with(b"{") {
        return Err(Error::new(&INVALID, "The body is a JSON object."));
    }
    serde_json::from_slice(body)
        .map_err(|error| Error::new(&INVALID, format!("The body is not as it should be: {error}.")))
}

fn refuse(path: &str, why: &str) -> Error {
    Error::new(&INVALID, "").with_field(path, why)
}

fn shown(status: StatusCode, body: impl Into<Bytes>) -> Response {
    let mut answer = response::json(status, body);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn told(value: &Value) -> Response {
    shown(StatusCode::OK, value.to_string())
}

impl Groups {
    /// Answers a request at or below [`GROUPS`].
    pub async fn answer(&self, mut request: Request, caller: &Caller) -> Result<Response> {
        if !sees_all(&self.store, caller) {
            return Err(Error::new(&FORBIDDEN, "Groups are for roles that row security does not bind."));
        }
        let path = request.head.uri.path().strip_prefix(GROUPS).unwrap_or_default().trim_matches('/').to_owned();
        let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
        let method = request.head.method.clone();
        let body =
            if method == Method::GET || method == Method::HEAD { Bytes::new() } else { request.body.read().await? };
        let wrong = |allowed: &'static str| {
            let error = Error::new(&METHOD_NOT_ALLOWED, format!("Use {allowed}."));
            let mut answer = problem::response(&error, &request.id);
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            Ok(answer)
        };
        let reads = method == Method::GET || method == Method::HEAD;
        let scope = || scope_of(&request, caller);
        match *words {
            [] if reads => self.list().await,
            [name] => {
                let durable = Durable::parse(name)?;
                match method {
                    Method::GET | Method::HEAD => {
                        let status = self.consumers.status(&self.store, &durable).await?;
                        Ok(told(&present::status(&status)))
                    }
                    Method::PUT => self.put(scope(), &durable, read(&body)?).await,
                    Method::DELETE => {
                        self.consumers.delete(&self.store, scope(), &durable).await?;
                        Ok(response::empty(StatusCode::NO_CONTENT))
                    }
                    _ => wrong("GET, HEAD, PUT, DELETE"),
                }
            }
            [name, "dead-letters"] if reads => {
                let query = request.head.uri.query().unwrap_or_default();
                self.letters(&Durable::parse(name)?, query).await
            }
            [] | [_, "dead-letters"] => wrong("GET, HEAD"),
            [name, "dead-letters", what @ ("replay" | "discard")] if method == Method::POST => {
                let LettersBody { positions } = read(&body)?;
                if positions.is_empty() || positions.len() > MANY_MAX {
                    return Err(refuse("positions", "1 to 1000 of them"));
                }
                let durable = Durable::parse(name)?;
                let done = if what == "replay" {
                    self.consumers.replay(&self.store, scope(), &durable, positions).await?
                } else {
                    self.consumers.discard(&self.store, scope(), &durable, positions).await?
                };
                Ok(told(&json!({ "done": done })))
            }
            [name, "pull"] if method == Method::POST => self.pull(&Durable::parse(name)?, read(&body)?).await,
            [name, what @ ("ack" | "nack" | "term" | "in-progress")] if method == Method::POST => {
                self.settle(&Durable::parse(name)?, what, read(&body)?).await
            }
            [name, "seek"] if method == Method::POST => {
                let to = seek_of(&read(&body)?)?;
                let after = self.consumers.seek(&self.store, scope(), &Durable::parse(name)?, to).await?;
                Ok(told(&json!({ "after": after })))
            }
            [_, "pull" | "ack" | "nack" | "term" | "in-progress" | "seek"]
            | [_, "dead-letters", "replay" | "discard"] => wrong("POST"),
            _ => Err(Error::new(&NOT_FOUND, "A group has no such thing.")),
        }
    }

    async fn list(&self) -> Result<Response> {
        let all = self.consumers.list(&self.store).await?;
        let all: Vec<Value> = all.iter().map(present::status).collect();
        Ok(told(&json!({ "groups": all })))
    }

    async fn put(&self, scope: Scope, durable: &Durable, wanted: Wanted) -> Result<Response> {
        let (status, created) = self.consumers.put(&self.store, scope, durable, wanted).await?;
        let code = match created {
            Created::New => StatusCode::CREATED,
            Created::Changed | Created::Same => StatusCode::OK,
        };
        Ok(shown(code, present::status(&status).to_string()))
    }

    async fn pull(&self, durable: &Durable, body: PullBody) -> Result<Response> {
        let PullBody { max, wait, partition } = body;
        if !(1..=PULL_MAX).contains(&max) {
            return Err(refuse("max", "1 to 500"));
        }
        if wait > WAIT_MAX {
            return Err(refuse("wait", "seconds, at most 25"));
        }
        let ask = Ask { max, partition };
        let pulled = self.consumers.pull(&self.store, durable, ask, Duration::from_secs(wait)).await?;
        Ok(shown(StatusCode::OK, present::pulled(&pulled)))
    }

    async fn settle(&self, durable: &Durable, what: &str, body: SettleBody) -> Result<Response> {
        let SettleBody { acks, delay_ms, reason } = body;
        if acks.is_empty() || acks.len() > MANY_MAX {
            return Err(refuse("acks", "1 to 1000 of them"));
        }
        if delay_ms.is_some() && what != "nack" {
            return Err(refuse("delay_ms", "goes with nack only"));
        }
        if reason.is_some() && what != "nack" && what != "term" {
            return Err(refuse("reason", "goes with nack and term only"));
        }
        let delay_ms = delay_ms.unwrap_or(0);
        if delay_ms > DELAY_MS_MAX {
            return Err(refuse("delay_ms", "at most 86400000"));
        }
        let (room, store) = (&self.consumers, &*self.store);
        let settled = match what {
            "ack" => room.ack(store, durable, acks).await?,
            "nack" => room.nack(store, durable, acks, Duration::from_millis(delay_ms), reason.as_deref()).await?,
            "term" => room.term(store, durable, acks, reason.as_deref()).await?,
            _ => room.in_progress(store, durable, acks).await?,
        };
        Ok(told(&present::settled(&settled)))
    }

    async fn letters(&self, durable: &Durable, query: &str) -> Result<Response> {
        let (mut after, mut limit) = (0, LETTERS_MAX);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "after" => {
                    let number = value.parse().ok().filter(|number| *number >= 0);
                    after = number.ok_or_else(|| refuse("after", "a position, 0 or more"))?;
                }
                "limit" => {
                    let number = value.parse().ok().filter(|number| (1..=LETTERS_MAX).contains(number));
                    limit = number.ok_or_else(|| refuse("limit", "1 to 100"))?;
                }
                _ => return Err(refuse(name, "not a parameter; there are after and limit")),
            }
        }
        let letters = self.consumers.dead(&self.store, durable, after, limit).await?;
        Ok(shown(StatusCode::OK, present::dead(&letters)))
    }
}

/// Acts of a caller's: done with the house's rights, told as the caller's.
fn scope_of(request: &Request, caller: &Caller) -> Scope {
    let origin = Origin {
        request: request.id.as_str().to_owned(),
        trace: request.trace.own.to_string(),
        peer: request.peer.to_string(),
    };
    Scope {
        role: Some(caller.role.clone()),
        claims: caller.claims.clone(),
        subject: caller.subject.clone(),
        origin: Some(Arc::new(origin)),
        ..Scope::default()
    }
}

fn seek_of(body: &SeekBody) -> Result<Seek> {
    match (body.after, &body.time, body.to.as_deref()) {
        (Some(after), None, None) if after >= 0 => Ok(Seek::After(after)),
        (Some(_), None, None) => Err(refuse("after", "a position, 0 or more")),
        (None, Some(time), None) => Ok(Seek::since("time", time)?),
        (None, None, Some("start")) => Ok(Seek::First),
        (None, None, Some("end")) => Ok(Seek::End),
        (None, None, Some(_)) => Err(refuse("to", "start or end")),
        _ => Err(Error::new(&INVALID, "A body has one of after, time and to.")),
    }
}

/// A write that is the effect of an event.
pub struct Effect {
    inbox: Inbox,
    /// Whether the delivery was acknowledged in the write's unit.
    acked: Arc<AtomicBool>,
}

impl Effect {
    /// As the request's headers say.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>> {
        let inbox = Inbox::parse(headers.get_all(INBOX).iter().map(HeaderValue::as_bytes))?;
        Ok(inbox.map(|inbox| Self { inbox, acked: Arc::default() }))
    }

    /// The key under which it is done once.
    pub(crate) fn key(&self) -> Result<Key> {
        let Inbox { group, source, id, step, .. } = &self.inbox;
        let derived = derive(&derive(group.as_str(), source), &derive(id, step));
        let key = Key::parse(std::iter::once(derived.as_bytes()))?;
        key.ok_or_else(|| Error::internal("a derived key is not empty"))
    }
}

impl Groups {
    /// A write that remembers its event, and acknowledges its delivery in its own unit where it was told to.
    pub(crate) fn within(&self, effect: &Effect, running: Running) -> Running {
        let running = running.kept_for(self.remembered);
        let Some(lease) = effect.inbox.ack.clone() else { return running };
        let (group, acked) = (effect.inbox.group.clone(), effect.acked.clone());
        running.beside(Arc::new(move |conn| {
            acked.store(Consumers::ack_within(conn, &group, &lease)?, Ordering::Relaxed);
            Ok(())
        }))
    }

    /// Says in the answer what became of the delivery.
    pub(crate) fn settled(&self, effect: &Effect, answer: &mut Response) {
        if effect.inbox.ack.is_none() || !answer.status().is_success() {
            return;
        }
        let acked = effect.acked.load(Ordering::Relaxed);
        answer.headers_mut().insert(INBOX, HeaderValue::from_static(if acked { "acked" } else { "stale" }));
        if acked {
            self.consumers.wake();
        }
    }
}

/// Measures how far groups are behind, now and then. Runs until it is aborted.
pub(crate) async fn measure(store: Arc<Store>, consumers: Arc<Consumers>, registry: Arc<Registry>) {
    let mut known: Vec<(String, usize)> = Vec::new();
    loop {
        match consumers.list(&store).await {
            Ok(all) => {
                let gone = known.iter().filter(|(name, _)| all.iter().all(|status| status.group.durable != *name));
                for (name, partitions) in gone {
                    for number in 0..*partitions {
                        lag(&registry, name, number, 0);
                    }
                    for (metric, help) in PER_GROUP {
                        gauge(&registry, metric, help, name, 0);
                    }
                }
                for status in &all {
                    let name = &status.group.durable;
                    for (number, partition) in status.partitions.iter().enumerate() {
                        lag(&registry, name, number, partition.lag);
                    }
                    let sum = |of: fn(&::consumers::Partition) -> i64| status.partitions.iter().map(of).sum();
                    let numbers = [sum(|p| p.pending), status.dead, sum(|p| p.missed)];
                    for ((metric, help), number) in PER_GROUP.iter().zip(numbers) {
                        gauge(&registry, metric, help, name, number);
                    }
                }
                known = all.iter().map(|status| (status.group.durable.clone(), status.partitions.len())).collect();
            }
            Err(ConsumersError::Store(error)) => tracing::debug!(%error, "groups cannot be measured now"),
            Err(error) => tracing::debug!(?error, "groups cannot be measured"),
        }
        tokio::time::sleep(MEASURED).await;
    }
}

const PER_GROUP: &[(&str, &str)] = &[
    ("consumers_ack_pending", "Events of a group that were delivered and are not acknowledged."),
    ("consumers_dead_letters", "Dead letters of a group."),
    ("consumers_missed", "Positions that the log had forgotten before a group read them."),
];

fn gauge(registry: &Registry, metric: &'static str, help: &'static str, group: &str, number: i64) {
    registry.gauge(metric, help, &["group"], vec![group.to_owned().into()]).set(number);
}

fn lag(registry: &Registry, group: &str, partition: usize, number: i64) {
    let labels = vec![group.to_owned().into(), partition.to_string().into()];
    let help = "Events that a group has not acknowledged, read or not; counted exactly up to 5000.";
    registry.gauge("consumers_lag", help, &["group", "partition"], labels).set(number);
}
