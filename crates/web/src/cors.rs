//! Which pages of other origins may read the answers. Active only for requests that carry `Origin`.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::response::{self, Response};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD");
const ANY: HeaderValue = HeaderValue::from_static("*");
const DAY: HeaderValue = HeaderValue::from_static("86400");
const AUTHORIZATION: HeaderValue = HeaderValue::from_static("Authorization");
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding, Range-Unit",
);

/// Who may read, and which headers of an answer.
#[derive(Debug, Clone)]
pub struct Cors {
    /// `None`: any origin. Else exactly these, such as `https://app.example.org`, and with credentials.
    pub origins: Option<Vec<String>>,
    /// The value of `Access-Control-Expose-Headers`.
    pub exposed: HeaderValue,
}

impl Default for Cors {
    fn default() -> Self {
        Self { origins: None, exposed: EXPOSED }
    }
}

impl Cors {
    /// The `Origin` of a request, if it may read the answer.
    pub(crate) fn admitted(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let listed = |list: &Vec<String>| list.iter().any(|o| o.as_bytes() == origin.as_bytes());
        self.origins.as_ref().is_none_or(listed).then(|| origin.clone())
    }

    /// Whether the request is a browser's question before the real request.
    pub(crate) fn is_preflight(head: &Parts) -> bool {
        head.method == Method::OPTIONS
            && head.headers.contains_key(ORIGIN)
            && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// The answer to such a question; the headers of [`Cors::mark`] are still to come.
    pub(crate) fn preflight(&self, head: &Parts) -> Response {
        let mut response = response::empty(StatusCode::OK);
        if self.admitted(&head.headers).is_none() {
            return response;
        }
        let asked = head.headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
        let allowed = asked
            .and_then(|asked| HeaderValue::from_bytes(&[b"Authorization, ", asked.as_bytes()].concat()).ok())
            .unwrap_or(AUTHORIZATION);
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        headers.insert(ACCESS_CONTROL_MAX_AGE, DAY);
        response
    }

    /// Marks an answer as readable by the admitted origin.
    pub(crate) fn mark(&self, origin: HeaderValue, headers: &mut HeaderMap) {
        if self.origins.is_some() {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.append(VARY, HeaderValue::from_static("Origin"));
        } else {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        }
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed.clone());
    }
}
