//! A request as a handler gets it.

use std::fmt;
use std::net::SocketAddr;

use http::request::Parts;
use kernel::{Deadline, RequestId, TraceContext};

use crate::bounds::RequestBody;

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A socket address.
    Tcp(SocketAddr),
    /// Someone on this machine, through a Unix socket.
    Unix,
    /// The house itself.
    Inside,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
            Self::Inside => f.write_str("inside"),
        }
    }
}

/// A request with everything the fused function found out about it.
#[derive(Debug)]
pub struct Request {
    /// Method, URI, headers.
    pub head: Parts,
    /// The body, bound but not read.
    pub body: RequestBody,
    /// The id that the answer will carry.
    pub id: RequestId,
    /// Where the request stands in its trace.
    pub trace: TraceContext,
    /// When the answer is of no use any more.
    pub deadline: Deadline,
    /// Who asks.
    pub peer: Peer,
}
