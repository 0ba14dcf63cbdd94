//! # web: the house's way to speak HTTP
//!
//! ## What
//! A server with limits and a graceful end, one fused function around every request, bodies, problems, health, and a small client.
//!
//! ## Words
//! *Handler*: what the house puts behind the server: a table of routes, a matcher, one async function. *Route*: the label under
//! which requests are counted, and the limits of its own. *Problem*: an error as RFC 9457 wants it. *Drain*: to finish what was begun
//! and accept nothing new.
//!
//! ## Invariants
//! - Every answer carries `X-Request-Id`, and the same id stands in every log line of the request.
//! - Every body, head, wait and number of requests has a limit; what is beyond is refused at once.
//! - A panic in one request is that request's 500 and nobody else's.
//! - An answer that breaks off midway is seen by the caller as broken, never as complete.
//!
//! ## Walk
//! [`server::serve`] accepts; [`app::App::answer`] is the fused function; a [`Handler`] answers with a [`Response`] or a
//! `kernel::Error`, which [`problem`] presents.
//!
//! ## Not here
//! The PostgREST dialect (`data`), tokens (`crypto`), TLS, websockets.

pub mod app;
pub mod body;
pub mod bounds;
pub mod client;
pub mod cors;
pub mod health;
mod io;
pub mod limits;
mod metrics;
pub mod problem;
pub mod request;
pub mod response;
pub mod server;

pub use app::{App, Handler, Route};
pub use body::{Body, BodySender};
pub use bounds::RequestBody;
pub use cors::Cors;
pub use limits::Limits;
pub use problem::CODES;
pub use request::{Peer, Request, bearer};
pub use response::Response;
pub use server::{Drained, Listener, serve};
