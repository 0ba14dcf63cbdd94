//! Who may touch the world outside, and through what.

use std::collections::BTreeSet;

use crate::house::{Floor, House, shown};
use crate::source::word;

/// Crates from outside, and the rooms that may name them. Everyone else goes through those rooms. Benchmarks and the like in
/// `dev-dependencies` count as well.
const OWNERS: &[(&str, &[&str])] = &[
    ("rusqlite", &["store"]),
    ("libsqlite3-sys", &["store"]),
    ("tokio-postgres", &["store", "testkit"]),
    ("postgres-protocol", &["store"]),
    ("postgres-types", &["store"]),
    ("axum", &["web"]),
    ("hyper", &["web"]),
    ("hyper-util", &["web"]),
    ("ring", &["crypto", "testkit"]),
    ("rustls", &["web", "store"]),
    ("tokio-rustls", &["web", "store"]),
    ("rustls-native-certs", &["store"]),
    ("getrandom", &["kernel"]),
    ("rand", &[]),
    ("clap", &["server"]),
    ("toml", &["server", "xtask"]),
    ("mimalloc", &["server"]),
    ("tracing-subscriber", &["telemetry", "web"]),
    ("anyhow", &[]),
    ("chrono", &[]),
    ("reqwest", &[]),
];

/// Calls, the rooms whose shipped code may make them, and why there. Rooms beside the house and tests are free.
const CALLS: &[(&str, &[&str], &str)] = &[
    ("std::fs", &["store", "server", "telemetry", "web"], "databases; the app's folder; /proc; sockets that are files"),
    ("std::env", &["server", "store"], "configuration; the folder for temporary files"),
    ("env::var", &["server"], "configuration"),
    (
        "tokio::spawn",
        &["telemetry", "store"],
        "tasks have names; a connection to PostgreSQL is driven by a task of the driver",
    ),
    ("SystemTime::now", &["kernel"], "Clock is a port"),
    (
        "Instant::now",
        &["kernel", "store"],
        "Clock is a port; pauses between tries of a connection are no part of a result",
    ),
    ("thread::sleep", &["telemetry", "store"], "log lines gather; a transaction is tried again after a pause"),
    ("process::exit", &["server"], "exit codes"),
];

/// Exceptions that are to go: room, what, and what has to happen. One that is not needed any more breaks the law, too.
const DEBTS: &[(&str, &str, &str)] = &[];

/// Crates from outside are named by their owners only.
pub(super) fn crates(house: &House) -> Vec<String> {
    let mut broken = Vec::new();
    let mut debts: BTreeSet<(&str, &str)> = DEBTS.iter().map(|(room, what, _)| (*room, *what)).collect();
    for room in house.rooms.values() {
        for name in room.dependencies(&["dependencies", "build-dependencies", "dev-dependencies"]) {
            let Some((owned, owners)) = OWNERS.iter().find(|(owned, _)| *owned == name) else { continue };
            if !owners.contains(&&*room.name) && !debts.remove(&(&*room.name, *owned)) {
                broken.push(format!("{} depends on {name}, which belongs to {owners:?}", room.name));
            }
        }
    }
    broken.extend(debts.iter().map(|debt| format!("{debt:?}: the debt is paid, remove its line")));
    broken
}

/// Calls into the system stand where they belong.
pub(super) fn calls(house: &House) -> Vec<String> {
    let mut broken = Vec::new();
    for (room, source) in house.sources() {
        if room.floor == Some(Floor::Beside) || source.only_for_tests() || source.inside == "build.rs" {
            continue;
        }
        let code = source.shipped();
        for (call, rooms, _) in CALLS {
            if rooms.contains(&&*room.name) {
                continue;
            }
            for (at, _) in code.match_indices(call) {
                let whole = at == 0 || !word(code.as_bytes()[at - 1]);
                if whole && !code.as_bytes().get(at + call.len()).is_some_and(|byte| word(*byte)) {
                    broken.push(format!("{}:{}: {call} belongs to {rooms:?}", shown(&source.path), source.line(at)));
                }
            }
        }
    }
    broken
}
