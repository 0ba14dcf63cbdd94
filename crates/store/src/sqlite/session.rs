//! What SQL may see of the request: the thread's current scope, settings made by SQL, transaction time, and the slot in which a
//! function leaves the PostgreSQL error that SQLite has no words for.
//!
//! A connection never leaves its thread, so all of this is thread-local: functions registered with SQLite reach it without a pointer.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kernel::{Clock, Deadline};
use values::datetime::Zone;

use super::sequence::Sequences;
use crate::conn::Scope;
use crate::error::SqlError;

thread_local! {
    static SESSION: RefCell<Session> = RefCell::new(Session::default());
    static WATCH: RefCell<Watch> = const { RefCell::new(Watch::IDLE) };
    static RAISED: Cell<Option<Box<SqlError>>> = const { Cell::new(None) };
}

/// The request whose function is running on this thread.
#[derive(Default)]
pub(super) struct Session {
    pub(super) scope: Scope,
    /// Transaction time, microseconds since 1970 UTC.
    pub(super) now_us: i64,
    /// Settings made by `set_config`, which win over the scope's.
    pub(super) local: HashMap<String, String>,
    /// The zone's offset in seconds east, from the scope's or a local time zone.
    pub(super) zone: Zone,
    /// The sequences, on the thread that may use them.
    pub(super) sequences: Option<Sequences>,
    /// What `lastval` and `currval` answer in this function.
    pub(super) drawn: Vec<(Arc<str>, i64)>,
    /// The random numbers of a function that may run again.
    tape: Option<Tape>,
    clock: Option<Arc<dyn Clock>>,
}

/// The random numbers that a transaction function drew, in order: when it runs again it draws the same, so that its second run gives
/// the result of its first (HOUSE.md 11.1). They are the system's own numbers, so they stay fit for ids that nobody may guess.
#[derive(Clone, Debug, Default)]
pub(super) struct Tape {
    numbers: Vec<u64>,
    played: usize,
}

impl Tape {
    fn next(&mut self) -> u64 {
        if self.played == self.numbers.len() {
            self.numbers.push(from_system());
        }
        self.played += 1;
        self.numbers[self.played - 1]
    }
}

fn from_system() -> u64 {
    use kernel::Random as _;
    kernel::SystemRandom.next_u64()
}

/// From here on random numbers come from the tape's beginning, and new ones are added to it.
pub(super) fn play(mut tape: Tape) {
    tape.played = 0;
    with(|session| session.tape = Some(tape));
}

/// Takes the tape out.
pub(super) fn recorded() -> Tape {
    with(|session| session.tape.take()).unwrap_or_default()
}

/// What the progress handler looks at.
struct Watch {
    clock: Option<Arc<dyn Clock>>,
    deadline: Deadline,
    cancelled: Option<Arc<AtomicBool>>,
    stopped: Option<Stopped>,
}

impl Watch {
    const IDLE: Self = Self { clock: None, deadline: Deadline::NEVER, cancelled: None, stopped: None };
}

/// Why a statement was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// The deadline passed.
    Deadline,
    /// Nobody waits for the answer any more.
    Cancelled,
}

/// Runs `f` over the thread's session.
pub(super) fn with<T>(f: impl FnOnce(&mut Session) -> T) -> T {
    SESSION.with_borrow_mut(f)
}

/// Begins a function: its scope, its time, its limits. The scope's time zone was judged when it was handed in.
pub(super) fn enter(
    scope: Scope,
    now_us: i64,
    clock: &Arc<dyn Clock>,
    deadline: Deadline,
    cancelled: Option<Arc<AtomicBool>>,
) {
    let zone = scope.time_zone.as_deref().and_then(|name| Zone::setting(name).ok()).unwrap_or_default();
    with(|session| {
        session.scope = scope;
        session.now_us = now_us;
        session.zone = zone;
        session.local.clear();
        session.drawn.clear();
        session.tape = None;
        if session.clock.is_none() {
            session.clock = Some(clock.clone());
        }
    });
    RAISED.set(None);
    WATCH.with_borrow_mut(|watch| {
        if watch.clock.is_none() {
            watch.clock = Some(clock.clone());
        }
        watch.deadline = deadline;
        watch.cancelled = cancelled;
        watch.stopped = None;
    });
}

/// Ends a function: from here on nothing interrupts the thread (commit, seal).
pub(super) fn leave() -> Option<Stopped> {
    WATCH.with_borrow_mut(|watch| {
        watch.deadline = Deadline::NEVER;
        watch.cancelled = None;
        watch.stopped.take()
    })
}

/// The progress handler: true interrupts the statement.
pub(super) fn should_stop() -> bool {
    WATCH.with_borrow_mut(|watch| {
        if watch.cancelled.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            watch.stopped = Some(Stopped::Cancelled);
        } else if watch.clock.as_ref().is_some_and(|clock| watch.deadline.is_past(&**clock)) {
            watch.stopped = Some(Stopped::Deadline);
        }
        watch.stopped.is_some()
    })
}

/// Why the running function was interrupted, if it was.
pub(super) fn stopped() -> Option<Stopped> {
    WATCH.with_borrow(|watch| watch.stopped)
}

/// Leaves an error that the statement's failure will carry. The first one stays: later ones are consequences.
pub(super) fn raise(error: SqlError) {
    let kept = RAISED.take().unwrap_or_else(|| Box::new(error));
    RAISED.set(Some(kept));
}

/// Takes the error that a function left.
pub(super) fn raised() -> Option<Box<SqlError>> {
    RAISED.take()
}

/// The session of the `values` crate for the running function.
pub(super) fn values_session() -> values::Session {
    SESSION.with_borrow(|session| values::Session { now_us: Some(session.now_us), zone: session.zone })
}

/// 64 random bits.
pub(super) fn random_u64() -> u64 {
    with(|session| session.tape.as_mut().map_or_else(from_system, Tape::next))
}

/// Wall-clock time now, for `clock_timestamp()`.
pub(super) fn clock_us() -> i64 {
    SESSION.with_borrow(|session| session.clock.as_ref().map_or(session.now_us, |clock| clock.now().0))
}

/// A setting as `current_setting` sees it; `None` when nobody has set it.
pub(super) fn setting(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    SESSION.with_borrow(|session| {
        if let Some(value) = session.local.get(&name) {
            return Some(value.clone());
        }
        let scope = &session.scope;
        let own = match name.as_str() {
            "role" => Some(scope.role.as_deref().unwrap_or("none")),
            "request.jwt.claims" => Some(&*scope.claims),
            "request.method" => Some(&*scope.method),
            "request.path" => Some(&*scope.path),
            "request.headers" => Some(&*scope.headers),
            "request.cookies" => Some(&*scope.cookies),
            "timezone" => Some(scope.time_zone.as_deref().unwrap_or("UTC")),
            "statement_timeout" => return Some(format!("{}ms", scope.timeout.as_millis())),
            "search_path" => {
                let quoted: Vec<String> = scope.search_path.iter().map(|schema| values::quote::ident(schema)).collect();
                return Some(quoted.join(", "));
            }
            "server_version" => Some("15.0"),
            "server_version_num" => Some("150000"),
            "server_encoding" | "client_encoding" => Some("UTF8"),
            "datestyle" => Some("ISO, MDY"),
            "intervalstyle" => Some("postgres"),
            "transaction_isolation" => Some("serializable"),
            "is_superuser" => Some("off"),
            _ => None,
        };
        if let Some(value) = own {
            return Some(value.to_owned());
        }
        if let Some((_, value)) = scope.settings.iter().find(|(key, _)| key.eq_ignore_ascii_case(&name)) {
            return Some(value.to_string());
        }
        // Before version 9 of PostgREST every claim was a setting of its own; policies written then still read them.
        let claim = name.strip_prefix("request.jwt.claim.")?;
        claim_text(&scope.claims, claim)
    })
}

/// The current role: `set local role` in SQL, then the scope's, then the owner of everything.
pub(super) fn role() -> String {
    SESSION.with_borrow(|session| {
        let role = session.local.get("role").map(String::as_str).or(session.scope.role.as_deref());
        role.filter(|role| *role != "none").unwrap_or("postgres").to_owned()
    })
}

/// A claim as text: strings bare, everything else as JSON; `None` when absent or null.
pub(super) fn claim_text(claims: &str, name: &str) -> Option<String> {
    let all: HashMap<String, &serde_json::value::RawValue> = serde_json::from_str(claims).ok()?;
    let raw = all.get(name)?.get();
    match serde_json::from_str::<serde_json::Value>(raw).ok()? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        _ => Some(raw.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_texts_as_policies_expect_them() {
        let claims = r#"{"sub":"a\u00e9","n":1.50,"x":null,"app":{"k":[1]}}"#;
        for (name, want) in
            [("sub", Some("aé")), ("n", Some("1.50")), ("x", None), ("app", Some(r#"{"k":[1]}"#)), ("y", None)]
        {
            assert_eq!(claim_text(claims, name).as_deref(), want, "{name}");
        }
        assert_eq!(claim_text("not json", "sub"), None);
    }
}
