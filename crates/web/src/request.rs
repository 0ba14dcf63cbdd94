//! A request as a handler gets it.

use std::fmt;
use std::net::SocketAddr;

use http::HeaderMap;
use http::header::AUTHORIZATION;
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

/// The token of `Authorization: Bearer …`; the scheme may be written in any case. `None` when the header is absent, of another scheme or not
/// text; `Some("")` when the scheme stands alone.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_found_whatever_the_case_of_its_scheme() {
        for (value, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("BEARER   abc ", Some("abc")),
            ("Bearer", Some("")),
            ("Bearer ", Some("")),
            ("Bearerabc", None),
            ("Basic YTpi", None),
            ("", None),
            ("B\u{e9}arer abc", None),
        ] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(bearer(&headers), token, "{value}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
