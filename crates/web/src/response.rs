//! Short ways to say common things.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderName, StatusCode};

use crate::body::Body;

/// An answer.
pub type Response = http::Response<Body>;

/// `X-Request-Id`, on every answer.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// `application/json; charset=utf-8`
pub const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
/// `text/plain; charset=utf-8`
pub const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// `text/html; charset=utf-8`
pub const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// An answer with a body of this type.
pub fn of(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// An answer in JSON.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Response {
    of(status, JSON, body)
}

/// An answer in plain text.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Response {
    of(status, TEXT, body)
}

/// A number as a header's value, without going through the formatter.
pub fn number(n: u64) -> HeaderValue {
    HeaderValue::from(n)
}
