//! The one function around every request: id, trace, limits, CORS, time, panics, log line, metrics. Ready-made layers for the same cost
//! about as much as the whole of the server beneath; this costs a small part of it.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::header::HeaderName;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use kernel::error::TIMEOUT;
use kernel::{Clock, Deadline, Error, Random, RequestId, Result, TraceContext};
use telemetry::{Context, Gauge, Registry, context};

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
    pub async fn answer<B: Into<RequestBody>>(&self, request: http::Request<B>, peer: Peer) -> Response {
        let started = self.clock.monotonic();
        let (head, body) = request.into_parts();
        let header = |name: &HeaderName| head.headers.get(name).map(HeaderValue::as_bytes);
        let id = header(&X_REQUEST_ID)
            .and_then(RequestId::from_caller)
            .unwrap_or_else(|| RequestId::new(self.clock.now(), &*self.random));
        let trace = TraceContext::enter(header(&TRACEPARENT), header(&TRACESTATE), &*self.random);
        let context = Some(Context { request_id: id, trace_id: trace.own.trace_id });

        let (index, matched) = match catch_unwind(AssertUnwindSafe(|| self.handler.route(&head))) {
            Ok(index) => (index, None),
            Err(panic) => (0, Some(panic)),
        };
        let route = self.handler.routes().get(index).copied().unwrap_or(Route::new("other"));
        let origin = self.cors.admitted(&head.headers);
        let method = head.method.clone();
        let logged = if route.quiet {
            tracing::enabled!(target: "web::access", tracing::Level::DEBUG)
        } else {
            tracing::enabled!(target: "web::access", tracing::Level::INFO)
        };
        let uri = logged.then(|| head.uri.clone());

        let outcome = if Cors::is_preflight(&head) {
            Ok(self.cors.preflight(&head))
        } else if let Some(panic) = matched {
            Err(self.panicked(&*panic))
        } else {
            let time = route.time.unwrap_or(self.limits.request_time);
            let deadline = Deadline::since(started, time);
            let request = Request { head, body: body.into(), id, trace, deadline, peer };
            match self.begin(index, &route, request, context) {
                Ok((in_flight, handled)) => {
                    let result = within(pin!(handled), time, context, |panic| self.panicked(panic)).await;
                    result.map(|mut response| {
                        if response.body().is_stream() {
                            response.body_mut().in_flight = Some(in_flight);
                        }
                        response
                    })
                }
                Err(error) => Err(error),
            }
        };
        let mut response = outcome.unwrap_or_else(|error| context::with(context, || self.refuse(index, &error, &id)));

        let headers = response.headers_mut();
        // A request id is made of visible ASCII only, so it always is a value.
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            headers.insert(X_REQUEST_ID, value);
        }
        if let Some(origin) = origin {
            self.cors.mark(origin, headers);
        }
        let (status, took) = (response.status(), self.clock.monotonic().saturating_sub(started));
        self.metrics.answered(index, &method, status, took);
        if let Some(uri) = uri {
            context::with(context, || log_access(&route, &method, uri.path(), status.as_u16(), took, &peer));
        }
        response
    }

    /// Admits a request and calls the handler; what it returns is still to be driven. Not async, so that the request is moved into the
    /// handler's future once and not carried along beside it.
    fn begin(
        &self,
        index: usize,
        route: &Route,
        mut request: Request,
        context: Option<Context>,
    ) -> Result<(InFlight, impl Future<Output = Result<Response>> + Send + use<'_, H>)> {
        let in_flight = self.admit(route)?;
        let bytes_max = route.body_bytes_max.unwrap_or(self.limits.body_bytes_max);
        request.body.bind(bytes_max, self.limits.body_idle_time)?;
        let call = AssertUnwindSafe(|| context::with(context, || self.handler.handle(index, request)));
        let handled = catch_unwind(call).map_err(|panic| context::with(context, || self.panicked(&*panic)))?;
        Ok((in_flight, handled))
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

/// Drives a handler's future within its time, on behalf of its request, and turns its panic into an error.
async fn within<F: Future<Output = Result<Response>>>(
    mut handled: Pin<&mut F>,
    time: Duration,
    context: Option<Context>,
    panicked: impl Fn(&(dyn Any + Send)) -> Error,
) -> Result<Response> {
    // Most answers are ready at once; the timer is made only if the handler has to wait.
    let mut timer = pin!(None);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| context::with(context, || handled.as_mut().poll(cx)))) {
        Ok(Poll::Ready(result)) => Poll::Ready(result),
        Ok(Poll::Pending) => {
            if timer.is_none() {
                timer.set(Some(tokio::time::sleep(time)));
            }
            let over = timer.as_mut().as_pin_mut().map_or(Poll::Pending, |timer| timer.poll(cx));
            over.map(|()| Err(Error::new(&TIMEOUT, "")))
        }
        Err(panic) => Poll::Ready(Err(context::with(context, || panicked(&*panic)))),
    })
    .await
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
