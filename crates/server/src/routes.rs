//! Every path of the house, in one table, and who answers it.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data::request::{ApiError, Parts};
use data::{Answer, Caller, openapi};
use http::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, RANGE, VARY};
use http::request::Parts as Head;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use idempotency::{Asking, Claim, Idempotency, Key, Running};
use kernel::error::{INTERNAL, INVALID, NOT_FOUND, TIMEOUT, UNAUTHENTICATED};
use kernel::{Code, Error, RequestId, Result, Retry};
use serde_json::json;
use store::Origin;
use telemetry::Registry;
use telemetry::metrics::Exposition;
use web::health::{Health, Probe};
use web::{Body, Handler, Request, Response, Route, problem, response};

use crate::audit::{self, AUDIT, Log, Seen};
use crate::consumers::{self, Effect, GROUPS, Groups};
use crate::describe;
use crate::feed::{self, Feed};
use crate::front::{Desk, Front};
use crate::intake::Intake;
use crate::schemas::{SCHEMAS, Shelf};
use crate::stream::{STREAM, Streams};

/// The verb is not one of the route's.
pub const METHOD_NOT_ALLOWED: Code = Code {
    name: "server.method_not_allowed",
    status: 405,
    title: "This path does not answer to this method",
    retry: Retry::Never,
};

/// This room's failures.
pub const CODES: &[&Code] = &[&METHOD_NOT_ALLOWED];

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const PREFER: HeaderName = HeaderName::from_static("prefer");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const ACCEPT_PROFILE: HeaderName = HeaderName::from_static("accept-profile");
const CONTENT_PROFILE: HeaderName = HeaderName::from_static("content-profile");

/// Where the dialect lives.
pub const REST: &str = "/rest/v1";
/// Where events are read, and where they come in.
pub const EVENTS: &str = "/events/v1";

/// What a path leads to; the order is that of [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Unknown,
    Rest,
    Events,
    OpenApi,
    Docs,
    Index,
    Live,
    Ready,
    Startup,
    Metrics,
    Audit,
    Groups,
    Schemas,
    Stream,
}

/// The table of routes. The first stands for all that is not in it.
const TABLE: &[(Place, Route)] = &[
    (Place::Unknown, Route::new("other")),
    (Place::Rest, Route::new("/rest/v1/{relation}")),
    (Place::Events, Route::new(EVENTS)),
    (Place::OpenApi, Route::new("/openapi.json")),
    (Place::Docs, Route::new("/docs")),
    (Place::Index, Route::new("/")),
    (Place::Live, Route::quiet("/livez")),
    (Place::Ready, Route::quiet("/readyz")),
    (Place::Startup, Route::quiet("/startupz")),
    (Place::Metrics, Route::quiet("/metrics")),
    (Place::Audit, Route::new("/audit/v1/{file}")),
    (Place::Groups, Route { body_bytes_max: Some(consumers::BODY_MAX), ..Route::new("/events/v1/groups/{group}") }),
    (Place::Schemas, Route::new("/events/v1/schemas/{type}/{version}")),
    (Place::Stream, Route::new(STREAM)),
];

/// What the house writes down, for reading, and what it is told.
pub struct Logs {
    /// What happened.
    pub feed: Arc<Feed>,
    /// Where events come in.
    pub intake: Intake,
    /// The log as it grows.
    pub streams: Streams,
    /// Who consumes it.
    pub groups: Groups,
    /// What their data have to look like.
    pub registry: Shelf,
    /// The audit log, when there is one.
    pub audit: Option<Log>,
}

/// All that answers requests.
pub struct Routes {
    table: Vec<Route>,
    /// The dialect, and who may use it.
    pub front: Arc<Front>,
    /// What makes a request that comes again one effect.
    pub idempotency: Arc<Idempotency>,
    /// What can be read back.
    pub logs: Logs,
    /// What probes are told.
    pub health: Arc<Health>,
    /// What is counted; none when `/metrics` is not served.
    pub metrics: Option<Arc<Registry>>,
    /// The app's name, for the API's description.
    pub title: String,
    /// The address clients use, when it is set rather than seen in the request.
    pub public_url: Option<String>,
}

impl Routes {
    /// The routes of a house.
    pub fn new(
        front: Arc<Front>,
        idempotency: Arc<Idempotency>,
        logs: Logs,
        health: Arc<Health>,
        metrics: Option<Arc<Registry>>,
        title: String,
        public_url: Option<String>,
    ) -> Self {
        Self {
            table: TABLE.iter().map(|(_, route)| *route).collect(),
            front,
            idempotency,
            logs,
            health,
            metrics,
            title,
            public_url,
        }
    }
}

fn place(path: &str) -> Place {
    match path {
        "/" => Place::Index,
        EVENTS => Place::Events,
        STREAM => Place::Stream,
        "/openapi.json" => Place::OpenApi,
        "/docs" => Place::Docs,
        "/livez" => Place::Live,
        "/readyz" => Place::Ready,
        "/startupz" => Place::Startup,
        "/metrics" => Place::Metrics,
        _ => match path.strip_prefix(REST) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => Place::Rest,
            _ if path.strip_prefix(GROUPS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) => {
                Place::Groups
            }
            _ if path.strip_prefix(SCHEMAS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) => {
                Place::Schemas
            }
            _ if path.strip_prefix(AUDIT).is_some_and(|rest| rest.starts_with('/')) => Place::Audit,
            _ => Place::Unknown,
        },
    }
}

impl Handler for Routes {
    fn routes(&self) -> &[Route] {
        &self.table
    }

    fn route(&self, head: &Head) -> usize {
        place(head.uri.path()) as usize
    }

    /// The dialect's future is what every request waits in and is kept small; the others lie on the heap.
    fn handle(&self, route: usize, request: Request) -> impl Future<Output = Result<Response>> + Send {
        let place = TABLE.get(route).map_or(Place::Unknown, |(place, _)| *place);
        async move {
            match place {
                Place::Rest => self.rest(request).await,
                other => Box::pin(self.elsewhere(other, request)).await,
            }
        }
    }

    fn present(&self, route: usize, error: &Error, id: &RequestId) -> Response {
        if TABLE.get(route).is_some_and(|(place, _)| *place == Place::Rest) {
            let mut response = present(Answer::error(&in_dialect(error), self.front.desk().verbosity));
            problem::retry_after(error, &mut response);
            return response;
        }
        let mut response = problem::response(error, id);
        if error.code == &METHOD_NOT_ALLOWED {
            let allowed = match TABLE.get(route).map(|(place, _)| *place) {
                Some(Place::Events) => "GET, HEAD, POST",
                Some(Place::Schemas) => "GET, HEAD, POST, PUT, DELETE",
                _ => "GET, HEAD",
            };
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }
}

impl Desk {
    fn refuse(&self, error: &ApiError, head: &Head) -> Response {
        let answer = Answer::error(error, self.verbosity);
        present(if head.method == Method::HEAD { answer.without_body() } else { answer })
    }
}

impl Routes {
    /// All that is not the dialect.
    async fn elsewhere(&self, place: Place, request: Request) -> Result<Response> {
        let head = &request.head;
        match place {
            Place::Groups => {
                let desk = self.front.desk();
                let caller = desk.gate.caller(&head.headers).map_err(|error| refused(&error))?;
                self.logs.groups.answer(request, &caller).await
            }
            Place::Audit => match &self.logs.audit {
                Some(log) => audit::answer(log, &self.front.desk(), request).await,
                None => Err(Error::new(&NOT_FOUND, "The audit log is switched off (audit.enabled).")),
            },
            Place::Unknown | Place::Rest => {
                Err(Error::new(&NOT_FOUND, format!("Nothing is at {}. The data is under {REST}.", head.uri.path())))
            }
            Place::Events if head.method == Method::POST => self.intake(request).await,
            Place::Schemas => self.schemas(request).await,
            _ if head.method != Method::GET && head.method != Method::HEAD => {
                Err(Error::new(&METHOD_NOT_ALLOWED, "Use GET or HEAD."))
            }
            Place::Events => self.events(&request).await,
            Place::Stream => self.stream(&request).await,
            Place::OpenApi => Ok(self.openapi(head)),
            Place::Docs => Ok(docs()),
            Place::Index => Ok(self.index(head)),
            Place::Live => Ok(self.health.answer(Probe::Live, head)),
            Place::Ready => Ok(self.health.answer(Probe::Ready, head)),
            Place::Startup => Ok(self.health.answer(Probe::Startup, head)),
            Place::Metrics => self.metrics(head),
        }
    }

    /// The dialect: token first, then everything else in its own order.
    #[expect(clippy::manual_async_fn, reason = "an async function would hold the request twice")]
    fn rest(&self, mut request: Request) -> impl Future<Output = Result<Response>> + Send {
        async move {
            let desk = self.front.desk();
            let seen = self.logs.audit.as_ref().map(|log| (log, Seen::of(&request)));
            let mut caller = match desk.gate.caller(&request.head.headers) {
                Ok(caller) => caller,
                Err(error) => {
                    if let Some((log, seen)) = &seen {
                        log.note(seen, None, &Answer::error(&error, desk.verbosity));
                    }
                    return Ok(desk.refuse(&error, &request.head));
                }
            };
            // What other verbs send along is not read.
            let body = match request.head.method {
                Method::POST | Method::PATCH | Method::PUT => request.body.read().await?,
                _ => bytes::Bytes::new(),
            };
            let mut parts = match parts(&request.head) {
                Ok(parts) => parts,
                Err(error) => return Ok(desk.refuse(&error, &request.head)),
            };
            parts.body = body;
            if request.head.method != Method::GET {
                caller.origin = Some(Arc::new(origin(&request)));
            }
            let (running, effect) = self.once(&request.head, &parts, &caller).await?;
            let answer = desk.data.handle_once(&parts, &caller, running).await;
            if let Some((log, seen)) = &seen {
                log.note(seen, Some(&caller), &answer);
            }
            let mut response = present(answer);
            if let Some(effect) = effect {
                self.logs.groups.settled(&effect, &mut response);
            }
            Ok(response)
        }
    }

    /// Begins a write that came under an `Idempotency-Key`, or as the effect of an event. What decides about the effect or the form of its
    /// answer is part of what the request is.
    async fn once(
        &self,
        head: &Head,
        parts: &Parts<'_>,
        caller: &Caller,
    ) -> Result<(Option<Arc<Running>>, Option<Box<Effect>>)> {
        if !matches!(head.method, Method::POST | Method::PATCH | Method::PUT | Method::DELETE) {
            return Ok((None, None));
        }
        let values = head.headers.get_all(IDEMPOTENCY_KEY).iter().map(HeaderValue::as_bytes);
        let (key, effect) = (Key::parse(values)?, Effect::of(&head.headers)?.map(Box::new));
        let key = match (key, &effect) {
            (None, None) => return Ok((None, None)),
            (Some(key), None) => key,
            (None, Some(effect)) => effect.key()?,
            (Some(_), Some(_)) => {
                return Err(Error::new(&INVALID, "A request has an Idempotency-Key or a Mainstay-Inbox, not both."));
            }
        };
        let preferences: Vec<&str> = (parts.prefer.iter().flat_map(|header| header.split(',')).map(str::trim))
            .filter(|word| !word.starts_with("wait="))
            .collect();
        let (accept, prefer) = (parts.accept.join(","), preferences.join(","));
        let (profile, content) = (parts.content_profile.unwrap_or(""), parts.content_type.unwrap_or(""));
        let mut asking = Asking {
            actor: &["", &caller.role, &caller.subject],
            method: parts.method,
            path: head.uri.path(),
            query: parts.query,
            headers: &[&accept, &prefer, profile, content],
            body: &parts.body,
        };
        let of_event = [&accept, &prefer, profile, content, parts.method, head.uri.path()];
        if effect.is_some() {
            // An event has one effect, whatever it is: another one is another request in the same place.
            (asking.method, asking.path, asking.headers) = ("INBOX", "", &of_event);
        }
        let claim = Claim::of(&key, &asking);
        let wait = idempotency::wait_of(parts.prefer.iter().copied());
        let running = self.idempotency.begin(claim, wait).await?;
        let running = match &effect {
            Some(effect) => self.logs.groups.within(effect, running),
            None => running,
        };
        Ok((Some(Arc::new(running)), effect))
    }

    /// What happened, for those who see everything.
    async fn events(&self, request: &Request) -> Result<Response> {
        let desk = self.front.desk();
        let caller = desk.gate.caller(&request.head.headers).map_err(|error| refused(&error))?;
        self.logs.feed.answer(&request.head, &caller).await
    }

    /// The same as it happens.
    async fn stream(&self, request: &Request) -> Result<Response> {
        let desk = self.front.desk();
        let caller = desk.gate.caller(&request.head.headers).map_err(|error| refused(&error))?;
        self.logs.streams.answer(request, caller).await
    }

    /// What others say happened. Who may not say it is written down.
    async fn intake(&self, request: Request) -> Result<Response> {
        let desk = self.front.desk();
        let seen = self.logs.audit.as_ref().map(|_| Seen::of(&request));
        let caller = desk.gate.caller(&request.head.headers).map_err(|error| refused(&error));
        let caller = caller.inspect_err(|error| self.note(seen.as_ref(), None, error))?;
        let answered = self.logs.intake.answer(caller.clone(), request).await;
        answered.inspect_err(|error| self.note(seen.as_ref(), Some(&caller), error))
    }

    /// What data of events have to look like.
    async fn schemas(&self, request: Request) -> Result<Response> {
        let desk = self.front.desk();
        let seen = self.logs.audit.as_ref().map(|_| Seen::of(&request));
        let caller = desk.gate.caller(&request.head.headers).map_err(|error| refused(&error));
        let caller = caller.inspect_err(|error| self.note(seen.as_ref(), None, error))?;
        let answered = self.logs.registry.answer(caller.clone(), request).await;
        answered.inspect_err(|error| self.note(seen.as_ref(), Some(&caller), error))
    }

    /// Puts down that somebody was refused, if that is what the error says.
    fn note(&self, seen: Option<&Seen>, caller: Option<&Caller>, error: &Error) {
        if let (Some(log), Some(seen)) = (&self.logs.audit, seen) {
            let made = ApiError::new(error.code.name, error.code.status, error.code.title);
            log.note(seen, caller, &Answer::error(&made, self.front.desk().verbosity));
        }
    }

    /// The description of what this caller may do.
    fn openapi(&self, head: &Head) -> Response {
        let desk = self.front.desk();
        let caller = match desk.gate.caller(&head.headers) {
            Ok(caller) => caller,
            Err(error) => return desk.refuse(&error, head),
        };
        let url = format!("{}{REST}", self.address(head));
        let about = openapi::About { title: &self.title, version: env!("CARGO_PKG_VERSION"), url: &url };
        match desk.data.description(&caller, &about) {
            Ok(document) => {
                let reads = feed::sees_all(&self.logs.feed.store, &caller);
                let sends = self.logs.intake.is_open() && self.logs.intake.admit(&caller).is_ok();
                let document = describe::with_events(document, &self.address(head), reads && sends, sends);
                let mut response = response::json(StatusCode::OK, document);
                response.headers_mut().insert(VARY, HeaderValue::from_static("Authorization, apikey, Host"));
                response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
                response
            }
            Err(error) => desk.refuse(&error, head),
        }
    }

    /// The address the caller used, without a slash at its end: the configured one, or else the one that the request names. Empty when
    /// neither is there: what follows then reads as a path of wherever the document was found.
    fn address(&self, head: &Head) -> String {
        if let Some(url) = &self.public_url {
            return url.trim_end_matches('/').to_owned();
        }
        let named = web::app::header_text(&head.headers, &HOST).and_then(|host| host.parse::<Authority>().ok());
        let Some(host) = named.or_else(|| head.uri.authority().cloned()) else { return String::new() };
        let forwarded = web::app::header_text(&head.headers, &FORWARDED_PROTO);
        let scheme = if forwarded == Some("https") { "https" } else { "http" };
        format!("{scheme}://{host}")
    }

    fn index(&self, head: &Head) -> Response {
        let links = [
            ("rest", REST, "the data"),
            ("docs", "/docs", "the API, to read and to try"),
            ("openapi", "/openapi.json", "the API, for tools"),
            ("ready", "/readyz", "whether requests are answered"),
            ("metrics", "/metrics", "what is counted"),
        ];
        let version = env!("CARGO_PKG_VERSION");
        let accept = web::app::header_text(&head.headers, &ACCEPT).unwrap_or_default();
        let mut answer = if accept.contains("text/html") {
            let item = |(_, path, about): &(&str, &str, &str)| format!("<li><a href=\"{path}\">{path}</a> {about}");
            let items = links.iter().map(item).collect::<Vec<_>>().concat();
            let title = escaped(&self.title);
            let page = format!(
                "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
                 <title>{title}</title><h1>{title}</h1><p>Mainstay {version}</p><ul>{items}</ul></html>"
            );
            response::of(StatusCode::OK, response::HTML, page)
        } else {
            let links: serde_json::Map<_, _> =
                links.iter().map(|(name, path, _)| ((*name).to_owned(), json!(path))).collect();
            let body = json!({"name": self.title, "server": "mainstay", "version": version, "links": links});
            response::json(StatusCode::OK, body.to_string())
        };
        answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
        answer
    }

    fn metrics(&self, head: &Head) -> Result<Response> {
        let Some(registry) = &self.metrics else {
            return Err(Error::new(&NOT_FOUND, "Metrics are switched off (metrics.enabled)."));
        };
        let exposition = Exposition::negotiate(web::app::header_text(&head.headers, &ACCEPT));
        let content_type = HeaderValue::from_static(exposition.content_type());
        Ok(response::of(StatusCode::OK, content_type, registry.render(exposition)))
    }
}

/// The request as a unit remembers it.
pub(crate) fn origin(request: &Request) -> Origin {
    Origin {
        request: request.id.as_str().to_owned(),
        trace: request.trace.own.to_string(),
        peer: request.peer.to_string(),
    }
}

/// The gate's refusal where the dialect is not spoken.
fn refused(error: &ApiError) -> Error {
    Error::new(&UNAUTHENTICATED, error.message.clone())
}

fn docs() -> Response {
    let mut response = response::of(StatusCode::OK, response::HTML, openapi::DOCS_PAGE);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, DOCS_POLICY.clone());
    response
}

/// The page runs its own script and style, known by their digests, and asks this server only.
static DOCS_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let digest = |tag: &str| {
        let text = openapi::DOCS_PAGE
            .split_once(&format!("<{tag}>"))
            .and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
        STANDARD.encode(crypto::sha256(text.map_or("", |(inside, _)| inside).as_bytes()))
    };
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        digest("script"),
        digest("style")
    );
    HeaderValue::try_from(policy).expect("base64 and plain words can stand in a header")
});

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// What the dialect reads of a request, its body aside.
fn parts(head: &Head) -> std::result::Result<Parts<'_>, ApiError> {
    let headers = &head.headers;
    Ok(Parts {
        method: head.method.as_str(),
        path: head.uri.path().strip_prefix(REST).unwrap_or_default(),
        query: head.uri.query().unwrap_or_default(),
        accept: texts(headers, &ACCEPT)?,
        prefer: texts(headers, &PREFER)?,
        accept_profile: text(headers, &ACCEPT_PROFILE)?,
        content_profile: text(headers, &CONTENT_PROFILE)?,
        content_type: text(headers, &CONTENT_TYPE)?,
        range: text(headers, &RANGE)?,
        body: bytes::Bytes::new(),
    })
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> std::result::Result<Option<&'h str>, ApiError> {
    headers.get(name).map(|value| utf8(name, value)).transpose()
}

fn texts<'h>(headers: &'h HeaderMap, name: &HeaderName) -> std::result::Result<Vec<&'h str>, ApiError> {
    headers.get_all(name).iter().map(|value| utf8(name, value)).collect()
}

fn utf8<'h>(name: &HeaderName, value: &'h HeaderValue) -> std::result::Result<&'h str, ApiError> {
    std::str::from_utf8(value.as_bytes())
        .map_err(|_| ApiError::query(format!("The header {name} is not UTF-8"), "Headers are read as UTF-8 text."))
}

/// An answer of the dialect as HTTP has it.
fn present(answer: Answer) -> Response {
    if let Some(reason) = &answer.internal {
        tracing::error!(error.detail = reason.as_str(), "a request failed inside");
    }
    let mut response = Response::new(answer.body.map_or_else(Body::empty, Body::full));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.reserve(answer.headers.len() + 4);
    for (name, value) in answer.headers {
        // A value that cannot stand in a header is left out: the body says the same.
        if let Ok(value) = HeaderValue::try_from(value) {
            match name {
                Cow::Borrowed(name) => drop(headers.append(HeaderName::from_static(name), value)),
                // Named by SQL: judged there to be a name.
                Cow::Owned(name) => drop(HeaderName::try_from(name).map(|name| headers.append(name, value))),
            }
        }
    }
    response
}

/// A failure of the server in the form the dialect's clients read.
fn in_dialect(error: &Error) -> ApiError {
    if error.code == &INTERNAL {
        return ApiError::internal();
    }
    if error.code == &TIMEOUT {
        return ApiError::pool_timeout();
    }
    let made = ApiError::new(error.code.name, error.code.status, error.code.title);
    if error.detail.is_empty() { made } else { made.with_details(error.detail.as_str()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_leads_to_its_place_and_the_table_is_in_order() {
        for (path, want) in [
            ("/rest/v1", Place::Rest),
            ("/rest/v1/", Place::Rest),
            ("/rest/v1/artist", Place::Rest),
            ("/rest/v1/rpc/f", Place::Rest),
            ("/rest/v1x", Place::Unknown),
            ("/rest", Place::Unknown),
            ("/", Place::Index),
            ("/docs", Place::Docs),
            ("/docs/", Place::Unknown),
            ("/openapi.json", Place::OpenApi),
            ("/livez", Place::Live),
            ("/readyz", Place::Ready),
            ("/startupz", Place::Startup),
            ("/metrics", Place::Metrics),
            ("/artist", Place::Unknown),
            ("/audit/v1/checkpoint", Place::Audit),
            ("/audit/v1", Place::Unknown),
            ("/audit/v1x", Place::Unknown),
            ("/events/v1/groups", Place::Groups),
            ("/events/v1/groups/a/pull", Place::Groups),
            ("/events/v1/groupsx", Place::Unknown),
            ("/events/v1/stream", Place::Stream),
            ("/events/v1/stream/", Place::Unknown),
            ("/events/v1/schemas", Place::Schemas),
            ("/events/v1/schemas/a/1", Place::Schemas),
            ("/events/v1/schemasx", Place::Unknown),
        ] {
            assert_eq!(place(path), want, "{path}");
        }
        for (index, (place, _)) in TABLE.iter().enumerate() {
            assert_eq!(*place as usize, index);
        }
    }

    #[test]
    fn failures_of_the_server_take_the_dialects_form() {
        for (error, code, status) in [
            (Error::internal("x"), "PGRSTX00", 500),
            (Error::new(&TIMEOUT, ""), "PGRST003", 504),
            (Error::new(&web::problem::BODY_TOO_LARGE, "d"), "web.body_too_large", 413),
            (Error::new(&web::problem::OVERLOADED, ""), "web.overloaded", 503),
        ] {
            let made = in_dialect(&error);
            assert_eq!((&*made.code, made.status), (code, status));
        }
    }

    #[test]
    fn a_header_that_is_not_text_is_the_callers_mistake() {
        let mut head = http::Request::get("/rest/v1/a?b=c").body(()).unwrap().into_parts().0;
        assert_eq!((parts(&head).unwrap().path, parts(&head).unwrap().query), ("/a", "b=c"));
        head.headers.insert(PREFER, HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(parts(&head).unwrap_err().status, 400);
        head.headers.insert(PREFER, HeaderValue::from_bytes("timezone=é".as_bytes()).unwrap());
        assert_eq!(parts(&head).unwrap().prefer, ["timezone=é"]);
    }
}
