//! Events against leaves: each unit's leaf holds a digest of its events.

use std::collections::HashMap;
use std::sync::Arc;

use audit::EventsDigest;
use events::Written;
use store::{Event, Lane, Store, UnitId};

use super::{Report, long};

/// Events or leaves of one page.
const PAGE: i64 = 1_000;
/// Leaves stand roughly in the order of time; so far they may be apart (microseconds).
const APART: i64 = 3_600_000_000;
/// The events of one unit have one time; but for clocks of two machines.
const UNIT: i64 = 1_000_000;

/// What is known of a unit from both sides.
#[derive(Default)]
struct Sides {
    at: i64,
    events: Option<EventsDigest>,
    leaf: Option<EventsDigest>,
}

/// Goes back in time along both. Units up to `floor` may have been forgotten in part; those after `ceiling` may not have their place yet.
pub(super) async fn compare(
    store: &Arc<Store>,
    floor: Option<i64>,
    ceiling: i64,
    report: &mut Report,
) -> store::Result<()> {
    // What was forgotten ends somewhere within a moment.
    let floor = floor.map_or(i64::MIN, |floor| floor.saturating_add(UNIT));
    let mut known: HashMap<String, Sides> = HashMap::new();
    let mut log = Back { store: store.clone(), at: (i64::MAX, i64::MAX), open: HashMap::new(), ended: false };
    let (mut before, mut leaves_at, mut leaves_ended) = (None, i64::MAX, false);
    // Where the audit log begins, nothing older can be asked of it.
    let mut oldest_leaf = i64::MAX;
    while !(log.ended && leaves_ended) {
        if !log.ended && (leaves_ended || log.at.0 >= leaves_at) {
            for (unit, at, digest) in log.page(report).await? {
                let sides = known.entry(unit).or_default();
                (sides.at, sides.events) = (at, Some(digest));
            }
            log.ended |= log.at.0 < floor.saturating_sub(2 * UNIT);
        } else {
            let wanted =
                audit::Wanted { before, most: usize::try_from(PAGE).unwrap_or(1_000), ..audit::Wanted::default() };
            let page = audit::search(store, wanted).await.map_err(|error| match error {
                audit::AuditError::Store(error) => error,
                other => store::Error::Internal(other.to_string()),
            })?;
            leaves_ended = page.is_empty();
            for found in page {
                before = Some(found.index);
                leaves_at = found.record.at.0;
                oldest_leaf = oldest_leaf.min(leaves_at);
                if let Some(digest) = found.record.events {
                    let unit = UnitId::from_bytes(found.record.id.to_bytes()).to_string();
                    let sides = known.entry(unit).or_default();
                    (sides.at, sides.leaf) = (leaves_at, Some(digest));
                }
            }
            leaves_ended |= leaves_at < floor.saturating_sub(APART);
        }
        // Both sides are there, or both have gone by.
        let passed = log.at.0.max(leaves_at).saturating_add(APART);
        known.retain(|unit, sides| {
            let whole = sides.events.is_some() && sides.leaf.is_some();
            if !whole && sides.at < passed {
                return true;
            }
            judge(unit, sides, (floor, oldest_leaf), ceiling, report);
            false
        });
    }
    for (unit, sides) in &known {
        judge(unit, sides, (floor, oldest_leaf), ceiling, report);
    }
    Ok(())
}

fn judge(unit: &str, sides: &Sides, (floor, oldest_leaf): (i64, i64), ceiling: i64, report: &mut Report) {
    if sides.at <= floor || sides.at > ceiling {
        return;
    }
    match (&sides.events, &sides.leaf) {
        (Some(events), Some(leaf)) => {
            report.units += 1;
            if events.count != leaf.count {
                report.differs(format!(
                    "{unit}: {} events, and its leaf in the audit log says {}",
                    events.count, leaf.count
                ));
            } else if events.sha256 != leaf.sha256 {
                report.differs(format!("{unit}: its events are not those that its leaf in the audit log was made of"));
            }
        }
        // Older than the audit log.
        (Some(_), None) if sides.at < oldest_leaf => {}
        (Some(events), None) => {
            report.differs(format!("{unit}: {} events, and no leaf in the audit log", events.count));
        }
        (None, Some(leaf)) => {
            report.differs(format!("{unit}: its leaf in the audit log says {} events, and there are none", leaf.count));
        }
        (None, None) => {}
    }
}

/// The log of events, backwards, unit by unit.
struct Back {
    store: Arc<Store>,
    at: (i64, i64),
    /// Units whose beginning may still come.
    open: HashMap<String, (i64, Vec<Event>)>,
    ended: bool,
}

impl Back {
    /// The units that are whole after another page: name, time, digest.
    async fn page(&mut self, report: &mut Report) -> store::Result<Vec<(String, i64, EventsDigest)>> {
        let from = self.at;
        let page: Vec<Written> =
            self.store.read(long(), Lane::Long, move |conn| events::back(conn, from, PAGE)).await?;
        self.ended = page.is_empty();
        for written in page {
            self.at = (written.at, written.id);
            if written.unit.is_empty() {
                report.past += 1;
                continue;
            }
            self.open.entry(written.unit).or_insert_with(|| (written.at, Vec::new())).1.push(written.event);
        }
        let passed = if self.ended { i64::MAX } else { self.at.0.saturating_add(UNIT) };
        let done: Vec<String> =
            self.open.iter().filter(|(_, (at, _))| self.ended || *at > passed).map(|(unit, _)| unit.clone()).collect();
        let whole = done.into_iter().filter_map(|unit| {
            let (at, mut all) = self.open.remove(&unit)?;
            all.reverse();
            Some((unit, at, audit::digest(&all)))
        });
        Ok(whole.collect())
    }
}
