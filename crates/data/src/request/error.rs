//! The dialect's errors (section 16): code, status, message, details, hint, and the body they become.
//!
//! The constructors, one per code, are in `codes`.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::num::NonZeroU32;
use std::time::Duration;

/// What `details` holds: text, or JSON already written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Details {
    /// Becomes a JSON string.
    Text(String),
    /// Is put into the body as it is: valid JSON by its maker's promise.
    Json(String),
}

/// How much of an error is told (`client-error-verbosity`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verbosity {
    /// All four fields.
    #[default]
    Verbose,
    /// Only code and message.
    Minimal,
}

/// An error as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// `PGRST…` or an SQLSTATE.
    pub code: Cow<'static, str>,
    /// HTTP status.
    pub status: u16,
    /// One sentence for a person.
    pub message: String,
    /// More about this case.
    pub details: Option<Details>,
    /// A way out.
    pub hint: Option<String>,
    /// Seconds until trying again makes sense, where that is known better than "soon".
    pub wait_s: Option<NonZeroU32>,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

impl ApiError {
    /// An error without details and hint.
    pub fn new(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), status, message: message.into(), details: None, hint: None, wait_s: None }
    }

    /// A database's own error: the SQLSTATE is the code, [`super::sqlstate::status_for_sqlstate`] finds the status.
    pub fn database(
        sqlstate: &str,
        anonymous: bool,
        message: impl Into<String>,
        detail: Option<String>,
        hint: Option<String>,
    ) -> Self {
        let message = message.into();
        let status = super::sqlstate::status_for(sqlstate, anonymous, &message);
        Self {
            code: Cow::Owned(sqlstate.to_owned()),
            status,
            message,
            details: detail.map(Details::Text),
            hint,
            wait_s: None,
        }
    }

    /// With textual details.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(Details::Text(details.into()));
        self
    }

    /// With details that are JSON already.
    #[must_use]
    pub fn with_json_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(Details::Json(details.into()));
        self
    }

    /// With a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Value of the `Proxy-Status` header.
    pub fn proxy_status(&self) -> String {
        format!("PostgREST; error={}", self.code)
    }

    /// Value of `WWW-Authenticate`, which every 401 carries.
    pub fn www_authenticate(&self) -> Option<String> {
        if self.status != 401 {
            return None;
        }
        if self.code != "PGRST301" && self.code != "PGRST303" {
            return Some("Bearer".to_owned());
        }
        // a header cannot hold control characters, nor a quoted-string an unescaped quote
        let mut value = String::from("Bearer error=\"invalid_token\", error_description=\"");
        for c in self.message.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()) {
            if matches!(c, '"' | '\\') {
                value.push('\\');
            }
            value.push(c);
        }
        value.push('"');
        Some(value)
    }

    /// With the time after which trying again makes sense, in whole seconds.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.wait_s = NonZeroU32::new(u32::try_from(seconds).unwrap_or(u32::MAX));
        self
    }

    /// Seconds for `Retry-After`, which every 503 carries; at least one.
    pub fn retry_after_s(&self) -> Option<u32> {
        let wait = self.wait_s.map_or(1, NonZeroU32::get);
        (self.status == 503 || self.code == idempotency::IN_FLIGHT.name).then_some(wait)
    }

    /// The JSON body.
    pub fn to_json(&self, verbosity: Verbosity) -> String {
        let mut out = String::with_capacity(96 + self.message.len());
        out.push_str("{\"code\":");
        write_json_string(&mut out, &self.code);
        if verbosity == Verbosity::Verbose {
            out.push_str(",\"details\":");
            match &self.details {
                None => out.push_str("null"),
                Some(Details::Text(text)) => write_json_string(&mut out, text),
                Some(Details::Json(json)) => out.push_str(json),
            }
            out.push_str(",\"hint\":");
            match &self.hint {
                None => out.push_str("null"),
                Some(hint) => write_json_string(&mut out, hint),
            }
        }
        out.push_str(",\"message\":");
        write_json_string(&mut out, &self.message);
        out.push('}');
        out
    }
}

/// Writes `text` as a JSON string.
pub fn write_json_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a String cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_the_four_fields_and_minimal_only_two() {
        let plain = ApiError::body("x");
        assert_eq!(
            plain.to_json(Verbosity::Verbose),
            r#"{"code":"PGRST102","details":null,"hint":null,"message":"x"}"#
        );
        let full = ApiError::ambiguous_relationship(
            "a",
            "b",
            r#"[{"cardinality":"many-to-one"}]"#.to_owned(),
            &["b!x".to_owned(), "b!y".to_owned()],
        );
        let body = full.to_json(Verbosity::Verbose);
        assert!(body.contains(r#""details":[{"cardinality":"many-to-one"}]"#), "{body}");
        assert!(body.contains("'b!x', 'b!y'"), "{body}");
        assert_eq!(full.to_json(Verbosity::Minimal).matches("\":").count(), 2);
    }

    #[test]
    fn text_is_escaped_in_bodies_and_headers() {
        let error = ApiError::invalid_token("a \"b\"\n\\ \u{1}é");
        assert!(error.to_json(Verbosity::Minimal).ends_with(r#""a \"b\"\n\\ \u0001é"}"#));
        let header = error.www_authenticate().expect("a 401 carries it");
        assert_eq!(header, r#"Bearer error="invalid_token", error_description="a \"b\"\\ ""#);
    }
}
