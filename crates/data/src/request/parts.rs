//! The pieces of an HTTP request the dialect reads, and the order in which they are checked (section 1).

use bytes::Bytes;

use super::body::parse_body;
use super::error::ApiError;
use super::limits::Limits;
use super::media::parse_accept;
use super::model::{ApiRequest, Filter, Method, Op, SchemaChoice, Target};
use super::model::{Comparison, Query};
use super::pairs::decode_segment;
use super::payload::Payload;
use super::prefer::parse_prefer;
use super::query::parse_query;
use super::range::root_window;

/// What the HTTP layer hands over. Header values that are not text are the caller's to refuse.
#[derive(Debug, Clone, Default)]
pub struct Parts<'a> {
    /// The verb as sent.
    pub method: &'a str,
    /// The path below the dialect's prefix, undecoded, beginning with `/` (or empty).
    pub path: &'a str,
    /// The query string without `?`, undecoded.
    pub query: &'a str,
    /// Values of all `Accept` headers.
    pub accept: Vec<&'a str>,
    /// Values of all `Prefer` headers.
    pub prefer: Vec<&'a str>,
    /// `Accept-Profile`
    pub accept_profile: Option<&'a str>,
    /// `Content-Profile`
    pub content_profile: Option<&'a str>,
    /// `Content-Type`
    pub content_type: Option<&'a str>,
    /// `Range`
    pub range: Option<&'a str>,
    /// The body, already within the server's bound on bytes.
    pub body: Bytes,
}

/// Settings this stage depends on (section 19).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestConfig {
    /// `db-schemas`; the first is the default. Never empty.
    pub schemas: Vec<String>,
    /// `db-tx-end` ends in `-allow-override`, so that `Prefer: tx=` is heard.
    pub allow_tx: bool,
    /// Bounds.
    pub limits: Limits,
}

impl Default for RequestConfig {
    fn default() -> Self {
        Self { schemas: vec!["public".to_owned()], allow_tx: false, limits: Limits::default() }
    }
}

/// Parses a request in the dialect's order: path, schema, verb, query string, ranges, body. The first failure is the
/// answer. (Tokens are checked before this, relations after it.)
pub fn parse(parts: &Parts<'_>, config: &RequestConfig) -> Result<ApiRequest, ApiError> {
    let target = parse_path(parts.path)?;
    let profile = if reads(parts.method) { parts.accept_profile } else { parts.content_profile };
    let schema = choose_schema(profile, &config.schemas)?;
    let method = parse_method(parts.method, &target)?;
    let arguments = matches!(target, Target::Function(_)) && matches!(method, Method::Get | Method::Head);
    let query = parse_query(parts.query, arguments, &config.limits)?;
    let window = root_window(method, &query, parts.range)?;
    let body = parts.body.clone();
    let payload = parse_body(method, &target, parts.content_type, body, query.columns.as_deref(), &config.limits)?;
    Ok(ApiRequest {
        method,
        target,
        schema,
        query,
        window,
        preferences: parse_prefer(parts.prefer.iter().copied(), config.allow_tx),
        accept: parse_accept(parts.accept.iter().copied()),
        payload,
    })
}

/// Parses the path: `/`, `/{relation}`, `/rpc/{function}`; anything else is PGRST125.
pub fn parse_path(path: &str) -> Result<Target, ApiError> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let name = |segment: &str| match decode_segment(segment) {
        Some(name) if !name.is_empty() => Ok(name.into_owned()),
        _ => Err(ApiError::path()),
    };
    if path.is_empty() {
        return Ok(Target::Root);
    }
    match path.split_once('/') {
        None => name(path).map(Target::Relation),
        Some(("rpc", function)) if !function.contains('/') => name(function).map(Target::Function),
        Some(_) => Err(ApiError::path()),
    }
}

/// True for verbs whose schema is chosen by `Accept-Profile`; unknown ones belong here too.
fn reads(method: &str) -> bool {
    !matches!(method, "POST" | "PATCH" | "PUT" | "DELETE")
}

/// The schema a request works in: the one its profile header names, else the first exposed one (section 12).
pub fn choose_schema(profile: Option<&str>, exposed: &[String]) -> Result<SchemaChoice, ApiError> {
    let announce = profile.is_some() || exposed.len() > 1;
    let name = match profile {
        None => exposed.first().cloned().unwrap_or_default(),
        Some(wanted) if exposed.iter().any(|name| name == wanted) => wanted.to_owned(),
        Some(wanted) => return Err(ApiError::schema(wanted, exposed)),
    };
    Ok(SchemaChoice { name, announce })
}

/// The verb, if the target has it: PGRST101 for functions, PGRST117 otherwise.
pub fn parse_method(method: &str, target: &Target) -> Result<Method, ApiError> {
    let known = match method {
        "GET" => Some(Method::Get),
        "HEAD" => Some(Method::Head),
        "POST" => Some(Method::Post),
        "PATCH" => Some(Method::Patch),
        "PUT" => Some(Method::Put),
        "DELETE" => Some(Method::Delete),
        "OPTIONS" => Some(Method::Options),
        _ => None,
    };
    let readable = matches!(known, Some(Method::Get | Method::Head | Method::Options));
    match (target, known) {
        (Target::Relation(_), Some(method)) => Ok(method),
        (Target::Function(_), Some(Method::Post)) => Ok(Method::Post),
        (Target::Root | Target::Function(_), Some(method)) if readable => Ok(method),
        (Target::Function(_), _) => Err(ApiError::rpc_method(method)),
        (Target::Root | Target::Relation(_), _) => Err(ApiError::method(method)),
    }
}

/// The key a PUT names in its URL, column by column: every filter must be a plain `eq` on the root, with no tree beside
/// them, else PGRST105. That the columns are exactly the primary key is the plan's to check.
pub fn put_key(query: &Query) -> Result<Vec<(&str, &str)>, ApiError> {
    if query.filters.is_empty() || !query.logic.is_empty() {
        return Err(ApiError::put_filters());
    }
    let mut key = Vec::with_capacity(query.filters.len());
    for at in &query.filters {
        let Filter { field, negated: false, op: Op::Compare { op: Comparison::Eq, quantified: None, value } } =
            &at.node
        else {
            return Err(ApiError::put_filters());
        };
        if !at.is_root() || !field.json_path.is_empty() {
            return Err(ApiError::put_filters());
        }
        key.push((field.name.as_str(), value.as_str()));
    }
    Ok(key)
}

/// PGRST115 unless a PUT's body is exactly one row.
pub fn put_one_row(payload: &Payload) -> Result<(), ApiError> {
    if payload.rows() == 1 { Ok(()) } else { Err(ApiError::put_key_mismatch()) }
}

/// Value of `Content-Location`: the path and the canonical query.
pub fn content_location(target: &Target, query: &Query) -> String {
    let mut out = String::from("/");
    match target {
        Target::Root => {}
        Target::Relation(name) => super::pairs::encode(&mut out, name),
        Target::Function(name) => {
            out.push_str("rpc/");
            super::pairs::encode(&mut out, name);
        }
    }
    if !query.canonical.is_empty() {
        out.push('?');
        out.push_str(&query.canonical);
    }
    out
}

/// Value of `Location` after an insert of one row: its key, as text (`None` = SQL NULL).
pub fn location<'a>(relation: &str, key: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let mut out = String::from("/");
    super::pairs::encode(&mut out, relation);
    let mut separator = '?';
    for (column, value) in key {
        out.push(separator);
        separator = '&';
        super::pairs::encode(&mut out, column);
        match value {
            None => out.push_str("=is.null"),
            Some(value) => {
                out.push_str("=eq.");
                super::pairs::encode(&mut out, value);
            }
        }
    }
    out
}
