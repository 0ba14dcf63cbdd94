//! What the house counts beside requests: its version, the process, the embedded engine's queues, the server's connections.

use std::sync::Arc;

use store::sqlite::Counts;
use store::{Store, postgres};
use telemetry::Registry;
use telemetry::metrics::Kind;

/// One number of the embedded engine: name, help, kind, where it is.
type Measure = (&'static str, &'static str, Kind, fn(&Counts) -> f64);

const SQLITE: &[Measure] = &[
    ("store_reads_total", "Read functions.", Kind::Counter, |c| whole(c.reads)),
    ("store_read_batches_total", "Read transactions they shared.", Kind::Counter, |c| whole(c.read_batches)),
    ("store_writes_total", "Write functions.", Kind::Counter, |c| whole(c.functions)),
    ("store_commits_total", "Commits they shared.", Kind::Counter, |c| whole(c.groups)),
    ("store_reruns_total", "Groups that ran again one by one.", Kind::Counter, |c| whole(c.reruns)),
    ("store_short_reads_waiting", "Short reads that wait.", Kind::Gauge, |c| waiting(c.short_waiting)),
    ("store_long_reads_waiting", "Long reads that wait.", Kind::Gauge, |c| waiting(c.long_waiting)),
    ("store_writes_waiting", "Writes that wait.", Kind::Gauge, |c| waiting(c.writes_waiting)),
];

/// One number of the connections to a server: name, help, kind, where it is.
type PostgresMeasure = (&'static str, &'static str, Kind, fn(&postgres::Counts) -> f64);

const POSTGRES: &[PostgresMeasure] = &[
    ("store_connections_open", "Open connections to PostgreSQL.", Kind::Gauge, |c| waiting(c.open)),
    ("store_connections_in_use", "Connections that a transaction has.", Kind::Gauge, |c| waiting(c.in_use)),
    ("store_connections_waiting", "Transactions that wait for a connection.", Kind::Gauge, |c| waiting(c.waiting)),
    ("store_connections_acquired_total", "Transactions that got a connection.", Kind::Counter, |c| whole(c.acquired)),
    ("store_connection_waits_total", "Transactions that had to wait for one.", Kind::Counter, |c| whole(c.waited)),
    ("store_connection_wait_seconds_total", "How long they waited.", Kind::Counter, |c| whole(c.waited_us) / 1e6),
    ("store_pipelined_underway", "Statements underway on shared connections.", Kind::Gauge, |c| waiting(c.underway)),
    ("store_pipelined_total", "Statements sent over shared connections.", Kind::Counter, |c| whole(c.fetched)),
    ("store_reruns_total", "Transactions run again as the server asked.", Kind::Counter, |c| whole(c.reruns)),
];

#[expect(clippy::cast_precision_loss, reason = "the exposition formats count in floats")]
fn whole(number: u64) -> f64 {
    number as f64
}

fn waiting(number: usize) -> f64 {
    whole(u64::try_from(number).unwrap_or(u64::MAX))
}

/// Adds them all.
pub(crate) fn register(registry: &Registry, store: &Arc<Store>) {
    telemetry::process::register(registry);
    let engine = crate::house::engine_name(store.engine());
    let labels = vec![env!("CARGO_PKG_VERSION").into(), engine.into()];
    registry.info("mainstay_info", "The version that runs, and its engine.", &["version", "engine"], labels);
    let known = store.clone();
    registry.probe("catalog_relations", "Tables and views in the catalog.", Kind::Gauge, move || {
        waiting(known.catalog().relations.len())
    });
    if store.as_postgres().is_some() {
        for (name, help, kind, of) in POSTGRES {
            let store = store.clone();
            registry.probe(name, help, *kind, move || store.as_postgres().map_or(0.0, |engine| of(&engine.counts())));
        }
    }
    if store.as_sqlite().is_some() {
        for (name, help, kind, of) in SQLITE {
            let store = store.clone();
            registry.probe(name, help, *kind, move || store.as_sqlite().map_or(0.0, |engine| of(&engine.counts())));
        }
    }
}
