//! Accepting connections, and ending well.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};

use crate::app::{App, Handler};
use crate::io::{Activity, Busy, Phase, Watched};
use crate::limits::Limits;
use crate::request::Peer;

/// Where the server listens.
#[derive(Debug)]
pub enum Listener {
    /// On a TCP port.
    Tcp(TcpListener),
    /// On a Unix socket; the path is removed when the listener goes.
    Unix(UnixListener, SocketPath),
}

/// The path of a Unix socket, removed when dropped.
#[derive(Debug)]
pub struct SocketPath(PathBuf);

impl Drop for SocketPath {
    fn drop(&mut self) {
        // Another process may have removed it; then there is nothing to do.
        std::fs::remove_file(&self.0).ok();
    }
}

impl Listener {
    /// Listens on `host:port`, or on a Unix socket when the address is `unix:/path`. A socket that a killed process left behind is
    /// replaced; one that someone answers on is not.
    pub async fn bind(address: &str) -> io::Result<Self> {
        let Some(path) = address.strip_prefix("unix:").map(Path::new) else {
            return TcpListener::bind(address).await.map(Self::Tcp);
        };
        let bound = match UnixListener::bind(path) {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse && UnixStream::connect(path).await.is_err() => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)
            }
            other => other,
        };
        Ok(Self::Unix(bound?, SocketPath(path.to_owned())))
    }

    /// The address as [`Listener::bind`] takes it, with the port that was really chosen.
    pub fn address(&self) -> io::Result<String> {
        match self {
            Self::Tcp(tcp) => Ok(tcp.local_addr()?.to_string()),
            Self::Unix(_, path) => Ok(format!("unix:{}", path.0.display())),
        }
    }

    async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(tcp) => tcp.accept().await.map(|(stream, from)| Stream::Tcp(stream, Peer::Tcp(from))),
            Self::Unix(unix, _) => unix.accept().await.map(|(stream, _)| Stream::Unix(stream)),
        }
    }
}

enum Stream {
    Tcp(TcpStream, Peer),
    Unix(UnixStream),
}

/// How the server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that had to be cut because they did not finish in time.
    pub cut: usize,
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cut {
            0 => f.write_str("everything begun was finished"),
            n => write!(f, "{n} connections did not finish in time and were cut"),
        }
    }
}

/// What connections are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Serve,
    Drain,
    Cut,
}

/// Serves until `shutdown` comes, then stops accepting, lets what was begun finish within the limits, and returns.
pub async fn serve<H: Handler>(listener: Listener, app: Arc<App<H>>, shutdown: impl Future<Output = ()>) -> Drained {
    let limits = *app.limits();
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let (order, orders) = watch::channel(Order::Serve);
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, stream) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accepted => accepted,
        };
        // The semaphore is never closed while this loop holds it.
        let Ok(slot) = slot else { break };
        match stream {
            Ok(stream) => {
                let (app, orders) = (Arc::clone(&app), orders.clone());
                telemetry::spawn("http connection", async move {
                    app.metrics.connections.add(1);
                    let open = Open(&app.metrics.connections);
                    connection(stream, &app, orders).await;
                    drop((open, slot));
                });
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // No descriptors or no memory: trying again at once would only burn the processor that others need to finish.
                tracing::warn!(error.detail = %error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    order.send_replace(Order::Drain);
    let all = u32::try_from(limits.connections_max).unwrap_or(u32::MAX);
    if tokio::time::timeout(limits.drain_time, slots.acquire_many(all)).await.is_ok() {
        return Drained { cut: 0 };
    }
    let cut = limits.connections_max - slots.available_permits();
    order.send_replace(Order::Cut);
    slots.acquire_many(all).await.ok();
    Drained { cut }
}

/// Counts as one open connection for as long as it lives.
struct Open<'a>(&'a telemetry::Gauge);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// How every HTTP/2 connection begins, and no request of HTTP/1 (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether the caller speaks HTTP/2, told from its first bytes, which stay where they are. Fails when there are none.
async fn speaks_http2(tcp: &TcpStream) -> io::Result<bool> {
    let mut first = [0; PREFACE.len()];
    loop {
        let n = tcp.peek(&mut first).await?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first[..n] != PREFACE[..n] {
            return Ok(false);
        }
        if n == PREFACE.len() {
            return Ok(true);
        }
        // A part of the preface is there. Looking does not take it away, so the socket stays ready and cannot tell of more.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn connection<H: Handler>(stream: Stream, app: &Arc<App<H>>, mut orders: watch::Receiver<Order>) {
    let limits = *app.limits();
    match stream {
        Stream::Unix(unix) => http1(unix, Peer::Unix, app, orders).await,
        Stream::Tcp(tcp, peer) => {
            // Answers are written whole; waiting for more to send would only add time. A socket that refuses this is gone already.
            tcp.set_nodelay(true).ok();
            let http2 = tokio::select! {
                spoken = tokio::time::timeout(limits.head_time, speaks_http2(&tcp)) => spoken,
                _ = other_than(Order::Serve, &mut orders) => return,
            };
            match http2 {
                Ok(Ok(true)) => self::http2(tcp, peer, app, orders).await,
                Ok(Ok(false)) => http1(tcp, peer, app, orders).await,
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }
}

async fn http1<H: Handler, S>(stream: S, peer: Peer, app: &Arc<App<H>>, orders: watch::Receiver<Order>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (limits, activity) = (*app.limits(), Arc::new(Activity::default()));
    let io = Watched::new(TokioIo::new(stream), Arc::clone(&activity), true);
    let mut builder = http1::Builder::new();
    // Saying the default makes hyper take a slower way to set aside room for the headers.
    if limits.headers_max != 100 {
        builder.max_headers(limits.headers_max);
    }
    builder
        .max_header_size(limits.head_bytes_max)
        .max_buf_size(limits.head_bytes_max.max(64 * 1024))
        .header_read_timeout(None); // the tick of `attend` watches over heads
    let connection = builder.serve_connection(
        io,
        service_fn(|request: hyper::Request<Incoming>| {
            let busy = Busy::begin(&activity);
            async move {
                let mut response = app.answer(request, peer).await;
                response.body_mut().busy = Some(busy.sending());
                Ok::<_, Infallible>(response)
            }
        }),
    );
    attend(connection, &activity, &limits, orders).await;
}

async fn http2<H: Handler>(stream: TcpStream, peer: Peer, app: &Arc<App<H>>, orders: watch::Receiver<Order>) {
    let (limits, activity) = (*app.limits(), Arc::new(Activity::default()));
    let io = Watched::new(TokioIo::new(stream), Arc::clone(&activity), false);
    let mut builder = http2::Builder::new(Tasks);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.idle_time / 2)
        .keep_alive_timeout(limits.head_time);
    let connection = builder.serve_connection(
        io,
        service_fn(|request: hyper::Request<Incoming>| {
            let (busy, app) = (Busy::begin(&activity), Arc::clone(app));
            async move {
                let mut response = app.answer(request, peer).await;
                response.body_mut().busy = Some(busy.sending());
                Ok::<_, Infallible>(response)
            }
        }),
    );
    attend(connection, &activity, &limits, orders).await;
}

/// Spawns the streams of an HTTP/2 connection.
#[derive(Clone, Copy)]
struct Tasks;

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(telemetry::spawn("http2 stream", future));
    }
}

/// Drives a connection to its end, and ends it when it is told to, when a head takes too long, and when nothing happens for too long.
async fn attend<C: GracefulConnection>(
    connection: C,
    activity: &Activity,
    limits: &Limits,
    mut orders: watch::Receiver<Order>,
) {
    enum Next {
        Ended,
        Told(Order),
    }
    let tick = (limits.head_time.min(limits.idle_time) / 4).clamp(Duration::from_millis(10), Duration::from_secs(5));
    let mut seen = Watch { phase: Phase::Idle, moved: 0, still: Duration::ZERO };
    let mut connection = pin!(connection);
    let mut timer = pin!(tokio::time::sleep(tick));
    let mut order = Order::Serve;
    loop {
        let mut told = pin!(other_than(order, &mut orders));
        let next = poll_fn(|cx| {
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Next::Ended);
            }
            while timer.as_mut().poll(cx).is_ready() {
                if seen.is_over(activity, limits, tick) {
                    return Poll::Ready(Next::Ended);
                }
                let next = timer.deadline() + tick;
                timer.as_mut().reset(next);
            }
            told.as_mut().poll(cx).map(Next::Told)
        })
        .await;
        match next {
            Next::Ended | Next::Told(Order::Cut) => return,
            Next::Told(new) => {
                order = new;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Waits for an order other than this one; when nobody can give orders any more, that means to cut.
async fn other_than(order: Order, orders: &mut watch::Receiver<Order>) -> Order {
    orders.wait_for(|new| *new != order).await.map_or(Order::Cut, |new| *new)
}

/// What was seen at the last tick.
struct Watch {
    phase: Phase,
    moved: u32,
    still: Duration,
}

impl Watch {
    fn is_over(&mut self, activity: &Activity, limits: &Limits, tick: Duration) -> bool {
        let (phase, moved) = (activity.phase(), activity.moved());
        if (phase, moved) != (self.phase, self.moved) {
            (self.phase, self.moved, self.still) = (phase, moved, Duration::ZERO);
            return false;
        }
        self.still += tick;
        match phase {
            Phase::Busy => false,
            Phase::Head => self.still >= limits.head_time,
            Phase::Sending | Phase::Idle => self.still >= limits.idle_time,
        }
    }
}
