//! The same requests to both engines, and what must be equal.

use std::fmt;

use data::Answer;
use serde_json::Value;
use testkit::Engine;

use super::app::{App, Key};
use super::request::Request;
use super::world::World;

/// A difference between the engines, with all that is needed to see it again.
#[derive(Debug)]
pub struct Finding {
    /// The seed of the app.
    pub seed: u64,
    /// What differs, PostgreSQL first.
    pub difference: String,
    /// The requests that lead to it, the last one shows it.
    pub requests: Vec<String>,
    /// The migration.
    pub migration: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}\n--- migration\n{}--- requests", self.seed, self.migration)?;
        for request in &self.requests {
            writeln!(f, "{request}")?;
        }
        write!(f, "--- difference\n{}", self.difference)
    }
}

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Requests sent to each engine.
    pub requests: usize,
    /// Of them, answered with a success.
    pub accepted: usize,
    /// Of them, refused by row security or grants.
    pub forbidden: usize,
    /// Successful writes.
    pub written: usize,
}

/// An answer, in the form in which both engines must agree.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    headers: Vec<String>,
    body: String,
    /// What is told to a person, for whoever reads a finding.
    note: String,
}

impl Seen {
    fn same(&self, other: &Self) -> bool {
        self.status == other.status && self.headers == other.headers && self.body == other.body
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {} {}", self.status, self.headers, self.body, self.note)
    }
}

fn seen(answer: &Answer, request: &Request) -> Seen {
    let mut headers: Vec<String> = answer.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    headers.sort();
    let text = answer.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    let mut note = answer.internal.clone().unwrap_or_default();
    let body = match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(error)) if answer.status >= 400 => {
            let part = |name: &str| error.get(name).cloned().unwrap_or_default();
            let words = format!("{} {}", part("message"), part("hint"));
            note.push_str(&words);
            if std::env::var_os("SIM_MATRIX_DETAILS").is_some() {
                format!("code {} details {}", part("code"), part("details"))
            } else {
                let details = format!(" details {}", part("details"));
                note.push_str(&details);
                format!("code {}", part("code"))
            }
        }
        Ok(mut value) => {
            arrange(&mut value, request.ordered);
            value.to_string()
        }
        Err(_) => text.into_owned(),
    };
    Seen { status: answer.status, headers, body, note }
}

/// Puts arrays into an order of their own, but for the outermost one when the request gave it an order.
fn arrange(value: &mut Value, ordered: bool) {
    match value {
        Value::Array(items) => {
            for item in items.iter_mut() {
                arrange(item, false);
            }
            if !ordered {
                items.sort_by_cached_key(Value::to_string);
            }
        }
        Value::Object(fields) => fields.values_mut().for_each(|field| arrange(field, false)),
        _ => {}
    }
}

/// A name for roles that no other process uses.
fn prefix(seed: u64) -> String {
    format!("m{}_{seed}", std::process::id())
}

/// Applies the app of a seed to both engines and sends `count` requests; the first difference ends it.
pub async fn check(seed: u64, count: usize) -> Result<Report, Box<Finding>> {
    let app = App::generate(seed, &prefix(seed));
    let requests = Request::generate(&app, count);
    match run(&app, &requests).await {
        Ok(report) => Ok(report),
        Err((at, difference)) => Err(Box::new(shrink(&app, &requests[..at], difference).await)),
    }
}

/// How often a failing list of requests is tried in a shorter form.
const TRIES: usize = 24;

/// Leaves requests out as long as the last one still shows a difference.
async fn shrink(app: &App, requests: &[Request], mut difference: String) -> Finding {
    let mut kept = requests.to_vec();
    let mut tries = 0;
    if let Some(last) = kept.last().cloned()
        && kept.len() > 1
    {
        tries += 1;
        if let Err((1, found)) = run(app, std::slice::from_ref(&last)).await {
            (kept, difference) = (vec![last], found);
        } else {
            kept.retain({
                let end = kept.len() - 1;
                let mut at = 0;
                move |request| {
                    at += 1;
                    at > end || request.writes()
                }
            });
        }
    }
    let mut at = 0;
    while kept.len() > 1 && at + 1 < kept.len() && tries < TRIES {
        tries += 1;
        let mut fewer = kept.clone();
        fewer.remove(at);
        match run(app, &fewer).await {
            Err((end, found)) if end == fewer.len() => (kept, difference) = (fewer, found),
            _ => at += 1,
        }
    }
    let requests = kept
        .iter()
        .map(|request| {
            let caller = &app.callers[request.caller];
            format!("{} {}\n{request}", caller.role, caller.claims)
        })
        .collect();
    Finding { seed: app.seed, difference, requests, migration: app.migration() }
}

/// Sends the requests; the failure says how many were sent and what differs.
async fn run(app: &App, requests: &[Request]) -> Result<Report, (usize, String)> {
    let mut report = Report::default();
    let postgres = World::open(app, Engine::Postgres).await;
    let sqlite = World::open(app, Engine::Sqlite).await;
    let (postgres, sqlite) = match (postgres, sqlite) {
        (Ok(postgres), Ok(sqlite)) => (postgres, sqlite),
        (postgres, sqlite) => {
            let said = |world: Result<World, String>| world.err().unwrap_or_else(|| "made".to_owned());
            return Err((0, format!("migration\n  postgres: {}\n  sqlite: {}", said(postgres), said(sqlite))));
        }
    };
    for (place, request) in requests.iter().enumerate() {
        let sent = place + 1;
        let expected = seen(&postgres.send(app, request).await, request);
        let found = seen(&sqlite.send(app, request).await, request);
        report.requests += 1;
        report.accepted += usize::from(expected.status < 300);
        report.forbidden += usize::from(expected.status == 401 || expected.status == 403);
        // The dialect embeds in the statement that writes, and its circles and privileges are judged first. On PostgreSQL we ask for embeds
        // afterwards, when the write may have been refused for another reason, or no row was found that has a key.
        let refused = ["\"42501\"", "\"42P17\""].iter().any(|code| found.body.contains(code));
        let late = (request.writes() || expected.body == "[]") && request.path.contains('(') && refused;
        if late && request.writes() && (expected.status < 300 || draws(app, request)) {
            // From here on the tables differ, or what their sequences give.
            return Ok(report);
        }
        if !late && !found.same(&expected) {
            return Err((sent, format!("answer\n  postgres: {expected}\n  sqlite:   {found}")));
        }
        if request.writes() {
            report.written += usize::from(expected.status < 300);
            let content = (postgres.content(app).await, sqlite.content(app).await);
            let (Ok(expected), Ok(found)) = &content else { return Err((sent, format!("content {content:?}"))) };
            if found != expected {
                return Err((sent, tables(expected, found)));
            }
        }
    }
    Ok(report)
}

/// Does the request draw numbers.
fn draws(app: &App, request: &Request) -> bool {
    let name = request.path.trim_start_matches('/').split('?').next().unwrap_or_default();
    let relation = app.relations.iter().find(|relation| relation.name == name);
    request.method == "POST" && relation.is_some_and(|relation| matches!(relation.fill, Key::Drawn | Key::AlwaysDrawn))
}

fn tables(expected: &[String], found: &[String]) -> String {
    let mut text = "content".to_owned();
    for row in expected.iter().filter(|row| !found.contains(row)) {
        text.push_str("\n  only on postgres: ");
        text.push_str(row);
    }
    for row in found.iter().filter(|row| !expected.contains(row)) {
        text.push_str("\n  only on sqlite:   ");
        text.push_str(row);
    }
    text
}
