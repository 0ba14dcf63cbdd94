//! `POST /events/v1`: events from outside, in all three modes of `CloudEvents` over HTTP. Whatever is acknowledged is in the log.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cloudevents::{CloudEvent, Data, Fault, Mode};
use data::Caller;
use events::{BUSY, EVENT_INVALID, FORMAT_UNKNOWN, Incoming, TOO_LARGE};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts as Head;
use http::{HeaderName, HeaderValue, StatusCode};
use idempotency::{Asking, Claim, Found, Idempotency, Key, Once, Stored};
use kernel::error::{FORBIDDEN, NOT_FOUND, UNAVAILABLE};
use kernel::{Code, Error, Result};
use schemas::{Registry, Schemas};
use serde_json::{Value, json};
use store::{Lane, Scope, Store, Tx};
use tokio::sync::Semaphore;
use web::{Request, Response, response};

use crate::config::Settings;
use crate::feed;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const PREFER: HeaderName = HeaderName::from_static("prefer");
/// When somebody should try again who came while all seats were taken.
const AGAIN: Duration = Duration::from_secs(1);

/// How often what came is judged anew because the registry changed meanwhile.
const TRIES: u32 = 4;

/// The settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// Is there a log that takes anything.
    pub open: bool,
    /// Roles that may send, beside those that row security does not bind.
    pub roles: Vec<String>,
    /// Events taken with one request.
    pub events_max: usize,
    /// Bytes of one event.
    pub event_bytes_max: usize,
    /// Requests that are worked on at once.
    pub in_flight_max: usize,
    /// How long a unit may take.
    pub timeout: Duration,
}

impl Config {
    /// As the app's settings want it.
    pub fn of(settings: &Settings) -> Self {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let from = &settings.events;
        Self {
            open: from.capture,
            roles: from.intake_roles.clone(),
            events_max: size(from.intake_events_max),
            event_bytes_max: size(from.intake_event_bytes_max),
            in_flight_max: size(from.intake_in_flight_max),
            timeout: Duration::from_millis(settings.limits.request_timeout_ms),
        }
    }
}

/// Where events come in.
pub struct Intake {
    store: Arc<Store>,
    idempotency: Arc<Idempotency>,
    schemas: Arc<Schemas>,
    config: Config,
    seats: Semaphore,
}

/// What came, read.
enum Came {
    One(CloudEvent),
    Many(cloudevents::Batch),
}

/// What is to be done with one of the events that came.
#[derive(Clone)]
enum Item {
    /// To be taken: what the log is told, and its id and source for the answer.
    Good(Incoming, Value),
    /// Refused, with what its sender is told.
    Bad(&'static Code, Value),
}

/// Why a unit came to nothing.
enum Failure {
    Store(store::Error),
    Refused(Error),
    /// What came was judged by schemas that are not the present ones.
    Stale,
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl Intake {
    /// The place with its settings.
    pub fn new(store: Arc<Store>, idempotency: Arc<Idempotency>, schemas: Arc<Schemas>, config: Config) -> Self {
        let seats = Semaphore::new(config.in_flight_max);
        Self { store, idempotency, schemas, config, seats }
    }

    /// Is there a log to take anything.
    pub(crate) fn is_open(&self) -> bool {
        self.config.open
    }

    /// May this caller send. Nobody may unless told so: a role that row security does not bind, or one that the operator names.
    pub(crate) fn admit(&self, caller: &Caller) -> Result<()> {
        if self.config.roles.iter().any(|role| **role == *caller.role) || feed::sees_all(&self.store, caller) {
            return Ok(());
        }
        Err(Error::new(
            &FORBIDDEN,
            "Events are taken from roles named in events.intake_roles, and from those that row security does not bind.",
        ))
    }

    /// Takes what a request brings.
    pub async fn answer(&self, caller: Caller, mut request: Request) -> Result<Response> {
        if !self.config.open {
            return Err(Error::new(&NOT_FOUND, "There is no log of events (events.capture)."));
        }
        self.admit(&caller)?;
        let _seat = self.seats.try_acquire().map_err(|_| {
            Error::new(&BUSY, "As many requests as may be are bringing events.").with_retry_after(AGAIN)
        })?;
        let body = request.body.read().await?;
        let head = &request.head;
        let content_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let content_type = content_type.map(|bytes| std::str::from_utf8(bytes).unwrap_or("\u{fffd}"));
        let running = match claim(head, &caller, &body)? {
            Some(claim) => {
                let wait = idempotency::wait_of(words(head, &PREFER));
                Some(self.idempotency.begin(claim, wait).await?)
            }
            None => None,
        };
        let once = running.as_ref().map(idempotency::Running::once);
        let came = self.read(head, content_type, &body)?;
        let strict = words(head, &PREFER).flat_map(|word| word.split(',')).any(|word| word.trim() == "handling=strict");
        let scope = scope(caller, &request, self.config.timeout);
        // Judged by a registry that is not the present one any more, it is judged again.
        let mut registry = self.schemas.registry();
        for _ in 0..TRIES {
            if let Some(answer) = self.take(&came, strict, &registry, scope.clone(), once.clone()).await? {
                return Ok(answer);
            }
            registry = self.schemas.refresh(&self.store).await.map_err(feed::failed)?;
        }
        Err(Error::new(&UNAVAILABLE, "The registry of schemas changes all the time.").with_retry_after(AGAIN))
    }

    /// Takes what came, if this registry is the present one.
    async fn take(
        &self,
        came: &Came,
        strict: bool,
        registry: &Registry,
        scope: Scope,
        once: Option<Once>,
    ) -> Result<Option<Response>> {
        match came {
            Came::One(event) => {
                if let Some(error) = unfit(registry, event) {
                    // Refused by what may not hold any more.
                    return if self.is_present(registry.stamp).await? { Err(error) } else { Ok(None) };
                }
                let incoming = Arc::from([Incoming::of(event)]);
                self.unit(scope, registry.stamp, once, incoming, |_| accepted()).await
            }
            Came::Many(events) => {
                let items: Arc<[Item]> =
                    events.iter().enumerate().map(|(at, event)| item(registry, at, event)).collect();
                if strict && let Some(fault) = items.iter().find_map(Item::fault) {
                    return if self.is_present(registry.stamp).await? { Err(fault) } else { Ok(None) };
                }
                let incoming = items.iter().filter_map(Item::good).cloned().collect();
                self.unit(scope, registry.stamp, once, incoming, move |new| results(&items, new)).await
            }
        }
    }

    async fn is_present(&self, stamp: i64) -> Result<bool> {
        let asked = self.store.read(Scope::default(), Lane::Short, move |conn| schemas::is_current(conn, stamp));
        asked.await.map_err(feed::failed)
    }

    /// What came, in whatever mode.
    fn read(&self, head: &Head, content_type: Option<&str>, body: &Bytes) -> Result<Came> {
        match Mode::of(content_type) {
            Mode::Unknown => Err(Error::new(
                &FORMAT_UNKNOWN,
                format!(
                    "Events are read as {} or {} in UTF-8, and in binary mode.",
                    cloudevents::STRUCTURED,
                    cloudevents::BATCH
                ),
            )),
            Mode::Batch => {
                let most = self.config.events_max;
                match cloudevents::batch(body, most, self.config.event_bytes_max) {
                    Ok(events) => Ok(Came::Many(events)),
                    Err(cloudevents::BatchFault::TooMany(many)) => Err(Error::new(
                        &TOO_LARGE,
                        format!("{many} events came, and at most {most} are taken at once."),
                    )),
                    Err(cloudevents::BatchFault::Unreadable(fault)) => Err(refused(&fault)),
                }
            }
            Mode::Structured | Mode::Binary if body.len() > self.config.event_bytes_max => {
                Err(Error::new(&TOO_LARGE, format!("One event has at most {} bytes.", self.config.event_bytes_max)))
            }
            Mode::Structured => cloudevents::structured(body).map(Came::One).map_err(|fault| refused(&fault)),
            Mode::Binary => {
                let headers = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
                cloudevents::binary(headers, content_type, body).map(Came::One).map_err(|fault| refused(&fault))
            }
        }
    }

    /// One unit: what is new goes into the log, and what its sender is told is kept with it when there is a key.
    async fn unit(
        &self,
        scope: Scope,
        stamp: i64,
        once: Option<Once>,
        incoming: Arc<[Incoming]>,
        tell: impl Fn(&[bool]) -> Stored + Send + 'static,
    ) -> Result<Option<Response>> {
        let done = self
            .store
            .write(scope, move |tx: &mut Tx<'_>| -> std::result::Result<(Stored, bool), Failure> {
                if let Some(once) = &once {
                    match once.find(tx.conn())? {
                        Found::New => {}
                        Found::Answer(stored) => {
                            tx.quiet("it was done before");
                            return Ok((stored, true));
                        }
                        Found::Other => return Err(Failure::Refused(Error::new(&idempotency::KEY_REUSED, ""))),
                        Found::Busy => {
                            return Err(Failure::Refused(
                                Error::new(&idempotency::IN_FLIGHT, "").with_retry_after(AGAIN),
                            ));
                        }
                    }
                }
                if !schemas::is_current(tx.conn(), stamp)? {
                    return Err(Failure::Stale);
                }
                let new = events::take(tx, &incoming)?;
                let answer = tell(&new);
                if let Some(once) = &once {
                    once.keep(tx.conn(), &answer)?;
                }
                Ok((answer, false))
            })
            .await;
        match done {
            Ok((answer, replayed)) => Ok(Some(present(answer, replayed))),
            Err(Failure::Stale) => Ok(None),
            Err(Failure::Store(error)) => Err(feed::failed(error)),
            Err(Failure::Refused(error)) => Err(error),
        }
    }
}

/// What the request claims, when it came under a key. In binary mode its headers are the event.
fn claim(head: &Head, caller: &Caller, body: &Bytes) -> Result<Option<Claim>> {
    let values = head.headers.get_all(IDEMPOTENCY_KEY).iter().map(HeaderValue::as_bytes);
    let Some(key) = Key::parse(values)? else { return Ok(None) };
    let mut said: Vec<String> = (head.headers.iter())
        .filter(|(name, _)| name.as_str().starts_with("ce-") || **name == CONTENT_TYPE)
        .map(|(name, value)| format!("{name}:{}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    said.sort_unstable();
    let headers: Vec<&str> = said.iter().map(String::as_str).collect();
    let asking = Asking {
        actor: &["", &caller.role, &caller.subject],
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &headers,
        body,
    };
    Ok(Some(Claim::of(&key, &asking)))
}

impl Item {
    fn bad(code: &'static Code, at: &str, detail: &str) -> Self {
        Self::Bad(code, json!({"status": code.status, "code": code.name, "at": at, "detail": detail}))
    }

    fn good(&self) -> Option<&Incoming> {
        match self {
            Self::Good(incoming, _) => Some(incoming),
            Self::Bad(..) => None,
        }
    }

    /// The refusal of the whole, when this is refused and all have to be good.
    fn fault(&self) -> Option<Error> {
        let Self::Bad(code, told) = self else { return None };
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        Some(Error::new(code, "None was taken, because one is refused.").with_field(text("at"), text("detail")))
    }
}

/// One of a batch.
fn item(registry: &Registry, at: usize, event: &std::result::Result<CloudEvent, Fault>) -> Item {
    match event {
        Ok(event) => {
            if let Some(error) = unfit(registry, event) {
                let place = error.fields.first().map_or("", |field| &field.path);
                return Item::bad(error.code, &format!("/{at}{place}"), &error.detail);
            }
            let told = json!({"status": 202, "id": event.id, "source": event.source});
            Item::Good(Incoming::of(event), told)
        }
        Err(fault) => Item::bad(&EVENT_INVALID, &format!("/{at}{}", fault.at), &fault.why),
    }
}

/// What is wrong with an event's data, where its type has a schema.
fn unfit(registry: &Registry, event: &CloudEvent) -> Option<Error> {
    let data = match &event.data {
        Data::Json(text) => Some(text.as_str()),
        Data::None | Data::Text(_) | Data::Bytes(_) => None,
    };
    let found = registry.judge(&event.kind, event.dataschema.as_deref(), data);
    let first = found.first()?;
    let error = Error::new(&schemas::DATA_REFUSED, format!("{}: {}", first.at, first.why));
    Some(found.into_iter().fold(error, |error, finding| error.with_field(finding.at, finding.why)))
}

/// What the sender of a batch is told of each event.
fn results(items: &[Item], new: &[bool]) -> Stored {
    let mut new = new.iter();
    let told: Vec<Value> = items
        .iter()
        .map(|item| match item {
            Item::Bad(_, told) => told.clone(),
            Item::Good(_, told) => {
                let mut told = told.clone();
                if new.next() == Some(&false) {
                    told["duplicate"] = Value::Bool(true);
                }
                told
            }
        })
        .collect();
    let headers = vec![("content-type".into(), "application/json".to_owned())];
    Stored { status: 200, headers, body: Some(Bytes::from(Value::from(told).to_string())) }
}

fn accepted() -> Stored {
    Stored { status: 202, headers: Vec::new(), body: None }
}

fn refused(fault: &Fault) -> Error {
    let error = Error::new(&EVENT_INVALID, fault.to_string());
    if fault.at.is_empty() { error } else { error.with_field(fault.at.clone(), fault.why.clone()) }
}

fn words<'h>(head: &'h Head, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    head.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

/// The sender's name is on what it sends; the statements are the house's.
pub(crate) fn scope(caller: Caller, request: &Request, timeout: Duration) -> Scope {
    Scope {
        role: Some(caller.role),
        claims: caller.claims,
        subject: caller.subject,
        origin: Some(Arc::new(crate::routes::origin(request))),
        method: Arc::from(request.head.method.as_str()),
        path: Arc::from(request.head.uri.path()),
        timeout,
        ..Scope::default()
    }
}

fn present(answer: Stored, replayed: bool) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut made = match answer.body {
        None => response::empty(status),
        Some(body) => response::json(status, body),
    };
    made.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if replayed {
        made.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    made
}
