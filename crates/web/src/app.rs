//! The one function around every request: id, trace, limits, CORS, time, panics, log line, metrics. Ready-made layers for the same cost
//! about as much as the whole of the server beneath; this costs a small part of it.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Waiting, Poll};
use std::time::Duration;

use http::header::HeaderName;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use kernel::error::TIMEOUT;
use kernel::{Clock, Deadline, Error, Random, RequestId, Result, TraceContext};
use pin_project_lite::pin_project;
use telemetry::{Context, Gauge, Registry, context};
use tokio::time::Sleep;

use crate::bounds::RequestBody;
use crate::cors::Cors;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::problem::{self, OVERLOADED};
use crate::request::{Peer, Request};
use crate::response::{Response, X_REQUEST_ID};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// One row of a house's table of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The name under which requests are counted and logged, such as `/rest/v1/{relation}`.
    pub label: &'static str,
    /// Whether its requests are routine: logged at debug only, and answered under overload too.
    pub quiet: bool,
    /// Its own bound for bodies, in bytes.
    pub body_bytes_max: Option<usize>,
    /// Its own bound for time.
    pub time: Option<Duration>,
}

impl Route {
    /// A route with the server's limits.
    pub const fn new(label: &'static str) -> Self {
        Self { label, quiet: false, body_bytes_max: None, time: None }
    }

    /// A route of the machinery: health, metrics.
    pub const fn quiet(label: &'static str) -> Self {
        Self { quiet: true, ..Self::new(label) }
    }
}

/// What the house puts behind the server.
pub trait Handler: Send + Sync + 'static {
    /// All routes. The first also stands for requests whose matching went wrong.
    fn routes(&self) -> &[Route];

    /// Which route a request is for, as an index into [`Handler::routes`]. Looks at the head only, and is cheap.
    fn route(&self, head: &Parts) -> usize;

    /// Answers a request.
    fn handle(&self, route: usize, request: Request) -> impl Future<Output = Result<Response>> + Send;

    /// Presents an error of this route: as a problem, unless the route's dialect has its own form.
    fn present(&self, route: usize, error: &Error, id: &RequestId) -> Response {
        let _ = route;
        problem::response(error, id)
    }
}

/// Shared, so that others may ask it too.
impl<H: Handler> Handler for Arc<H> {
    fn routes(&self) -> &[Route] {
        (**self).routes()
    }

    fn route(&self, head: &Parts) -> usize {
        (**self).route(head)
    }

    fn handle(&self, route: usize, request: Request) -> impl Future<Output = Result<Response>> + Send {
        (**self).handle(route, request)
    }

    fn present(&self, route: usize, error: &Error, id: &RequestId) -> Response {
        (**self).present(route, error, id)
    }
}

/// A handler with everything around it.
pub struct App<H> {
    handler: H,
    limits: Limits,
    cors: Cors,
    pub(crate) metrics: Metrics,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// Counts as one request in flight for as long as it lives.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Gauge>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}

impl<H: Handler> App<H> {
    /// Puts the fused function around a handler.
    pub fn new(
        handler: H,
        limits: Limits,
        cors: Cors,
        registry: Arc<Registry>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let metrics = Metrics::new(registry, handler.routes());
        Self { handler, limits, cors, metrics, clock, random }
    }

    /// The handler within.
    pub const fn handler(&self) -> &H {
        &self.handler
    }

    /// The limits of the server.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Answers one request; never fails and never panics.
    ///
    /// Not async: such a function would hold the handler's future twice, and each request would move it several times.
    pub fn answer<B: Into<RequestBody>>(
        &self,
        request: http::Request<B>,
        peer: Peer,
    ) -> impl Future<Output = Response> + Send + use<'_, H, B> {
        let started = self.clock.monotonic();
        let (head, body) = request.into_parts();
        let header = |name: &HeaderName| head.headers.get(name).map(HeaderValue::as_bytes);
        let id = header(&X_REQUEST_ID)
            .and_then(RequestId::from_caller)
            .unwrap_or_else(|| RequestId::new(self.clock.now(), &*self.random));
        let trace = TraceContext::enter(header(&TRACEPARENT), header(&TRACESTATE), &*self.random);
        let context = Context { request_id: id, trace_id: trace.own.trace_id };

        let (index, matched) = match catch_unwind(AssertUnwindSafe(|| self.handler.route(&head))) {
            Ok(index) => (index, None),
            Err(panic) => (0, Some(panic)),
        };
        let route = self.handler.routes().get(index).copied().unwrap_or(Route::new("other"));
        let logged = if route.quiet {
            tracing::enabled!(target: "web::access", tracing::Level::DEBUG)
        } else {
            tracing::enabled!(target: "web::access", tracing::Level::INFO)
        };
        let about = About {
            started,
            context,
            index,
            route,
            peer,
            origin: self.cors.admitted(&head.headers),
            method: head.method.clone(),
            uri: logged.then(|| head.uri.clone()),
        };
        let work = if Cors::is_preflight(&head) {
            Work::Known { outcome: Some(Ok(self.cors.preflight(&head))) }
        } else if let Some(panic) = matched {
            Work::Known { outcome: Some(Err(self.panicked(&*panic))) }
        } else {
            let time = route.time.unwrap_or(self.limits.request_time);
            let request =
                Request { head, body: body.into(), id, trace, deadline: Deadline::since(started, time), peer };
            match self.begin(index, &route, request, context) {
                Ok((in_flight, handled)) => Work::Handled { in_flight: Some(in_flight), handled, time, timer: None },
                Err(error) => Work::Known { outcome: Some(Err(error)) },
            }
        };
        Answering { app: self, about, work }
    }

    /// Admits a request and calls the handler; what it returns is still to be driven.
    fn begin(
        &self,
        index: usize,
        route: &Route,
        mut request: Request,
        context: Context,
    ) -> Result<(InFlight, impl Future<Output = Result<Response>> + Send + use<'_, H>)> {
        let in_flight = self.admit(route)?;
        let bytes_max = route.body_bytes_max.unwrap_or(self.limits.body_bytes_max);
        request.body.bind(bytes_max, self.limits.body_idle_time)?;
        let call = AssertUnwindSafe(|| context::with(Some(context), || self.handler.handle(index, request)));
        let handled = catch_unwind(call).map_err(|panic| context::with(Some(context), || self.panicked(&*panic)))?;
        Ok((in_flight, handled))
    }

    /// Makes what came of a request its answer, and counts and logs it.
    fn finish(&self, about: &mut About, outcome: Result<Response>) -> Response {
        let context = Some(about.context);
        let id = &about.context.request_id;
        let mut response =
            outcome.unwrap_or_else(|error| context::with(context, || self.refuse(about.index, &error, id)));
        let headers = response.headers_mut();
        // A request id is made of visible ASCII only, so it always is a value.
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            headers.insert(X_REQUEST_ID, value);
        }
        if let Some(origin) = about.origin.take() {
            self.cors.mark(origin, headers);
        }
        let (status, took) = (response.status(), self.clock.monotonic().saturating_sub(about.started));
        self.metrics.answered(about.index, &about.method, status, took);
        if let Some(uri) = &about.uri {
            let line = || log_access(&about.route, &about.method, uri.path(), status.as_u16(), took, &about.peer);
            context::with(context, line);
        }
        response
    }

    fn admit(&self, route: &Route) -> Result<InFlight> {
        let before = self.metrics.in_flight.add(1);
        let admitted = InFlight(Arc::clone(&self.metrics.in_flight));
        if !route.quiet && usize::try_from(before).is_ok_and(|n| n >= self.limits.in_flight_max) {
            self.metrics.refused.inc();
            return Err(Error::new(&OVERLOADED, "").with_retry_after(Duration::from_secs(1)));
        }
        Ok(admitted)
    }

    fn panicked(&self, panic: &(dyn Any + Send)) -> Error {
        self.metrics.panics.inc();
        Error::internal(format!("panic: {}", telemetry::panic_text(panic)))
    }

    /// Presents an error; should that panic as well, as a plain problem.
    fn refuse(&self, index: usize, error: &Error, id: &RequestId) -> Response {
        // Under overload a line for each refusal would be part of the load; the counter tells.
        if error.code != &OVERLOADED {
            problem::log(error);
        }
        catch_unwind(AssertUnwindSafe(|| self.handler.present(index, error, id)))
            .unwrap_or_else(|_| problem::response(error, id))
    }
}

/// What an answer needs to know of its request.
struct About {
    started: Duration,
    context: Context,
    index: usize,
    route: Route,
    peer: Peer,
    origin: Option<HeaderValue>,
    method: http::Method,
    /// Where it is to be logged.
    uri: Option<http::Uri>,
}

pin_project! {
    /// What is left to be done for a request.
    #[project = WorkPinned]
    enum Work<F> {
        /// Nothing: what comes of it is known.
        Known { outcome: Option<Result<Response>> },
        /// The handler's future is to be driven.
        Handled {
            in_flight: Option<InFlight>,
            #[pin]
            handled: F,
            time: Duration,
            // Most answers are ready at once; it is made only if the handler has to wait.
            #[pin]
            timer: Option<Sleep>,
        },
    }
}

pin_project! {
    /// A request being answered.
    struct Answering<'a, H, F> {
        app: &'a App<H>,
        about: About,
        #[pin]
        work: Work<F>,
    }
}

impl<H: Handler, F: Future<Output = Result<Response>>> Future for Answering<'_, H, F> {
    type Output = Response;

    /// Drives the handler within its time, on behalf of its request, and turns its panic into an error.
    fn poll(self: Pin<&mut Self>, cx: &mut Waiting<'_>) -> Poll<Response> {
        let this = self.project();
        let outcome = match this.work.project() {
            WorkPinned::Known { outcome } => outcome.take().unwrap_or_else(|| Err(Error::internal("polled again"))),
            WorkPinned::Handled { in_flight, handled, time, mut timer } => {
                let context = Some(this.about.context);
                let polled = catch_unwind(AssertUnwindSafe(|| context::with(context, || handled.poll(cx))));
                let result = match polled {
                    Ok(Poll::Ready(result)) => result,
                    Ok(Poll::Pending) => {
                        if timer.is_none() {
                            timer.set(Some(tokio::time::sleep(*time)));
                        }
                        match timer.as_pin_mut().map_or(Poll::Pending, |timer| timer.poll(cx)) {
                            Poll::Ready(()) => Err(Error::new(&TIMEOUT, "")),
                            Poll::Pending => return Poll::Pending,
                        }
                    }
                    Err(panic) => Err(context::with(context, || this.app.panicked(&*panic))),
                };
                let in_flight = in_flight.take();
                result.map(|mut response| {
                    if response.body().is_stream() {
                        response.body_mut().in_flight = in_flight;
                    }
                    response
                })
            }
        };
        Poll::Ready(this.app.finish(this.about, outcome))
    }
}

/// The value of a header as text, when it is text.
pub fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn log_access(route: &Route, method: &http::Method, path: &str, status: u16, took: Duration, peer: &Peer) {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    // The query is left out: it may hold what people search for, and keys.
    macro_rules! line {
        ($level:expr) => {
            tracing::event!(
                target: "web::access",
                $level,
                http.method = method.as_str(),
                http.path = path,
                http.route = route.label,
                http.status = status,
                duration_us = micros,
                peer = %peer,
                "answered"
            )
        };
    }
    if route.quiet {
        line!(tracing::Level::DEBUG);
    } else {
        line!(tracing::Level::INFO);
    }
}
