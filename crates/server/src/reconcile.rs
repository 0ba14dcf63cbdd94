//! Holding rows, events and the audit log's leaves against each other: what was changed in one of them past the house is in none of the others.

mod rows;
mod units;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use store::{Scope, Store};
use telemetry::Registry;
use telemetry::metrics::Kind;

/// Differences that are told.
const TOLD_MAX: usize = 100;

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// So many of the last events are held against the rows they are about.
    pub rows: u32,
    /// Units that are younger are left alone: their leaves may not have their places yet.
    pub settle: Duration,
    /// Is there an audit log to hold units against.
    pub leaves: bool,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The last place whose link is right.
    pub chained: i64,
    /// Units whose events were held against their leaf.
    pub units: u64,
    /// Rows that were held against their last event.
    pub rows: u64,
    /// Events of changes made past the house (with psql), which have no leaf.
    pub past: u64,
    /// What differs, a sentence each.
    pub differences: Vec<String>,
    /// There are more differences.
    pub more: bool,
}

impl Report {
    fn differs(&mut self, how: String) {
        if self.differences.len() < TOLD_MAX {
            self.differences.push(how);
        } else {
            self.more = true;
        }
    }
}

/// Looks at all of it.
///
/// # Errors
/// Those of the store.
pub async fn reconcile(store: &Arc<Store>, wanted: Wanted, now: i64) -> store::Result<Report> {
    let mut report = Report::default();
    let chain = events::verify(store).await?;
    report.chained = chain.last;
    if let Some(fault) = chain.fault {
        report.differs(fault.to_string());
    }
    if wanted.leaves {
        let settle = i64::try_from(wanted.settle.as_micros()).unwrap_or(i64::MAX);
        let floor = (chain.after > 0).then_some(chain.forgotten_until);
        units::compare(store, floor, now.saturating_sub(settle), &mut report).await?;
    }
    rows::compare(store, wanted.rows, &mut report).await?;
    Ok(report)
}

/// For reads that look at much.
fn long() -> Scope {
    Scope { timeout: Duration::from_secs(3_600), ..Scope::default() }
}

/// What the last round found, for the metrics.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    differences: AtomicU64,
    rounds: AtomicU64,
}

impl Findings {
    /// Adds them to what is counted.
    pub(crate) fn register(self: &Arc<Self>, registry: &Registry) {
        let (found, rounds) = (self.clone(), self.clone());
        let help = "Differences between rows, events and audit leaves that the last round found.";
        registry.probe("events_reconcile_differences", help, Kind::Gauge, move || small(&found.differences));
        let help = "Rounds in which they were held against each other.";
        registry.probe("events_reconcile_rounds_total", help, Kind::Counter, move || small(&rounds.rounds));
    }
}

fn small(number: &AtomicU64) -> f64 {
    u32::try_from(number.load(Ordering::Relaxed)).map_or(f64::INFINITY, f64::from)
}

/// Looks at all of it now and then, for ever; says what differs.
pub(crate) async fn watch(
    store: Arc<Store>,
    wanted: Wanted,
    every: Duration,
    clock: Arc<dyn kernel::Clock>,
    findings: Arc<Findings>,
) {
    loop {
        tokio::time::sleep(every).await;
        match reconcile(&store, wanted, clock.now().0).await {
            Ok(report) => {
                let all = u64::try_from(report.differences.len()).unwrap_or(u64::MAX);
                findings.differences.store(all, Ordering::Relaxed);
                findings.rounds.fetch_add(1, Ordering::Relaxed);
                for difference in report.differences.iter().take(10) {
                    tracing::error!(difference = difference.as_str(), "rows, events and audit leaves do not agree");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "rows, events and audit leaves could not be compared; trying again later");
            }
        }
    }
}
