//! Errors as RFC 9457 wants them, and the codes of this room.

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use kernel::{Code, Error, RequestId, Retry};
use serde_json::json;

use crate::response::{self, Response};

/// The body is longer than the route takes.
pub const BODY_TOO_LARGE: Code =
    Code { name: "web.body_too_large", status: 413, title: "The body is too large", retry: Retry::Never };
/// The body stopped coming.
pub const BODY_TIMEOUT: Code =
    Code { name: "web.body_timeout", status: 408, title: "The body did not come in time", retry: Retry::Safe };
/// The body is not framed as HTTP wants it, or the connection broke.
pub const BODY_BROKEN: Code =
    Code { name: "web.body_broken", status: 400, title: "The body cannot be read", retry: Retry::Safe };
/// As many requests are being answered as the server takes on.
pub const OVERLOADED: Code =
    Code { name: "web.overloaded", status: 503, title: "The server is busy", retry: Retry::Safe };

/// This room's failures.
pub const CODES: &[&Code] = &[&BODY_TOO_LARGE, &BODY_TIMEOUT, &BODY_BROKEN, &OVERLOADED];

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// The status of an error; a code with an impossible one counts as 500.
pub fn status(error: &Error) -> StatusCode {
    StatusCode::from_u16(error.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The answer for an error: `application/problem+json`, and `Retry-After` where the error knows.
pub fn response(error: &Error, id: &RequestId) -> Response {
    let code = error.code;
    let mut body = json!({
        "type": format!("urn:mainstay:error:{}", code.name),
        "title": code.title,
        "status": code.status,
        "code": code.name,
        "instance": id.as_str(),
    });
    if !error.detail.is_empty() {
        body["detail"] = error.detail.as_str().into();
    }
    if !error.fields.is_empty() {
        body["fields"] = error.fields.iter().map(|f| json!({"path": f.path, "detail": f.detail})).collect();
    }
    let mut response = response::of(status(error), PROBLEM, body.to_string());
    retry_after(error, &mut response);
    response
}

/// Puts `Retry-After` (whole seconds, rounded up) on an answer when the error knows when to come back.
pub fn retry_after(error: &Error, response: &mut Response) {
    if let Some(wait) = error.retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response.headers_mut().insert(RETRY_AFTER, response::number(seconds));
    }
}

/// Says once, at the edge, why a request failed: an error when it is the house's fault, a detail of no interest when it is the
/// caller's.
pub fn log(error: &Error) {
    let (code, detail) = (error.code.name, error.detail.as_str());
    if error.code.status >= 500 {
        tracing::error!(error.code = code, error.detail = detail, error.source = error.chain(), "a request failed");
    } else {
        tracing::debug!(
            error.code = code,
            error.detail = detail,
            error.source = error.chain(),
            "a request was refused"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_problem_tells_what_the_caller_may_know_and_no_more() {
        let error = Error::new(&BODY_TOO_LARGE, "At most 5 bytes.")
            .with_field("/a", "too long")
            .with_retry_after(Duration::from_millis(1_001))
            .with_source(std::io::Error::other("secret of the house"));
        let response = response(&error, &RequestId::from_caller(b"abc").unwrap());
        assert_eq!(response.status(), 413);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["retry-after"], "2");
        let body: serde_json::Value = serde_json::from_slice(response.body().as_full().unwrap()).unwrap();
        let expected = json!({
            "type": "urn:mainstay:error:web.body_too_large", "title": "The body is too large", "status": 413,
            "code": "web.body_too_large", "instance": "abc", "detail": "At most 5 bytes.",
            "fields": [{"path": "/a", "detail": "too long"}],
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn codes_are_named_after_this_room() {
        assert!(CODES.iter().all(|c| c.name.starts_with("web.") && (400..600).contains(&c.status)));
    }
}
