//! A scope as settings of the server's.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use crate::conn::Scope;

/// The settings a scope asks for. The role comes last, so that the others are set with the rights of the connecting user.
pub(crate) fn settings(scope: &Scope, left: Duration) -> Vec<(&str, Cow<'_, str>)> {
    let mut pairs = rest(scope, left);
    pairs.extend(CALLER.into_iter().zip(caller(scope)).map(|(name, value)| (name, Cow::Borrowed(value))));
    pairs
}

/// What it asks for beside who asks.
pub(crate) fn rest(scope: &Scope, left: Duration) -> Vec<(&str, Cow<'_, str>)> {
    let mut pairs: Vec<(&str, Cow<'_, str>)> = Vec::with_capacity(10 + scope.settings.len());
    pairs.push(("search_path", Cow::Owned(search_path(scope))));
    pairs.push(("timezone", Cow::Borrowed(scope.time_zone.as_deref().unwrap_or("UTC"))));
    // Zero would mean no limit at all.
    pairs.push(("statement_timeout", Cow::Owned(left.as_millis().clamp(1, 2_147_483_647).to_string())));
    pairs.extend(scope.settings.iter().map(|(name, value)| (&**name, Cow::Borrowed(&**value))));
    pairs
}

/// The settings that say who asks and what: those that differ from one request to the next.
pub(crate) const CALLER: [&str; 6] =
    ["request.jwt.claims", "request.method", "request.path", "request.headers", "request.cookies", "role"];

/// Their values.
pub(crate) fn caller(scope: &Scope) -> [&str; 6] {
    let role = scope.role.as_deref().unwrap_or("none");
    [&scope.claims, &scope.method, &scope.path, &scope.headers, &scope.cookies, role]
}

/// The statement that sets [`CALLER`], for the transaction (`local`) or for the session.
pub(crate) fn caller_statement(local: bool) -> String {
    let mut text = String::from("select ");
    for (index, name) in CALLER.iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        let _ = write!(text, "{comma}pg_catalog.set_config('{name}', ${}, {local}) is null", index + 1);
    }
    text
}

fn search_path(scope: &Scope) -> String {
    let mut text = String::new();
    for (index, schema) in scope.search_path.iter().enumerate() {
        // Always quoted: `$user` must not be special here, and no keyword can be either.
        let _ = write!(text, "{}\"{}\"", if index > 0 { ", " } else { "" }, schema.replace('"', "\"\""));
    }
    if text.is_empty() { "\"\"".to_owned() } else { text }
}

/// The statement that sets `count` settings: for the transaction (`local`) or for the session. Answers with the transaction's
/// time as its last column; the settings' values are not sent back.
pub(crate) fn statement(count: usize, local: bool) -> String {
    let mut text = String::from("select ");
    for index in 0..count {
        let (name, value) = (index * 2 + 1, index * 2 + 2);
        let _ = write!(text, "pg_catalog.set_config(${name}, ${value}, {local}) is null, ");
    }
    text.push_str("(extract(epoch from pg_catalog.now()) * 1000000)::pg_catalog.int8");
    text
}
