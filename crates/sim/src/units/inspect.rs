//! What must hold of a database, whatever happened to it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use audit::{Audit, Record, Trust, Wanted};
use crypto::tlog::NoteSigner;
use events::{Events, Logged};
use kernel::Secret;
use store::house::Query;
use store::{Event, Lane, Scope, Store};

use super::reader::Reader;
use super::work::{Jobs, number};
use super::{Plant, Tally};

static ITEMS: Query = Query::new("select id, job, note from item order by id");
static ANSWERS: Query = Query::new("select count(*) from mainstay.idempotency_answer");

/// The log's room over a store.
pub(super) fn audit_of(store: &Arc<Store>) -> Audit {
    let signer = NoteSigner::from_seed("sim.example/audit", &Secret::new([7; 32])).expect("the name is one");
    Audit::new(store.clone(), signer, None)
}

/// A row: its job and its note.
type Items = BTreeMap<i64, (i64, String)>;

async fn items(store: &Store) -> store::Result<(Items, i64)> {
    let read = |conn: &mut dyn store::Connection| {
        let (mut items, mut answers) = (Items::new(), 0);
        ITEMS.each(conn, &[], |row| {
            let note = store::house::read_text(row, 2)?.unwrap_or_default();
            items.insert(number(row, 0)?, (number(row, 1)?, note));
            Ok(())
        })?;
        ANSWERS.each(conn, &[], |row| {
            answers = number(row, 0)?;
            Ok(())
        })?;
        Ok::<_, store::Error>((items, answers))
    };
    store.read(Scope::default(), Lane::Short, read).await
}

/// The whole log, by positions.
pub(super) async fn log(events: &Events, store: &Store) -> Result<Vec<Logged>, String> {
    let mut reader = Reader::default();
    reader.read_on(events, store, Plant::Nothing).await?;
    Ok(reader.seen)
}

/// Everything that must hold now that nothing runs. `settled` requests have their last word; of others either is right.
pub(super) async fn judge(
    (events, store): (&Events, &Arc<Store>),
    jobs: &Jobs,
    reader: &Reader,
    plant: Plant,
    tally: &mut Tally,
) -> Result<(), String> {
    let said = |error: store::Error| error.to_string();
    let log = log(events, store).await?;
    let (items, answers) = items(store).await.map_err(said)?;
    rows_are_told(&items, &log)?;
    effects_are_once(jobs, &log)?;
    reader.judge(&log, plant)?;
    tally.events = reader.seen.len();
    if jobs.values().all(|job| job.answer.is_some() || job.refused) {
        let acknowledged = jobs.values().filter(|job| job.answer.is_some()).count();
        if i64::try_from(acknowledged) != Ok(answers) {
            return Err(format!("{acknowledged} answers were given and {answers} are kept"));
        }
    }
    leaves_commit_to(store, &log).await
}

/// The events, followed from the first, lead to the rows.
fn rows_are_told(items: &Items, log: &[Logged]) -> Result<(), String> {
    let mut told = Items::new();
    for event in log {
        let data: serde_json::Value = serde_json::from_str(&event.data).map_err(|error| error.to_string())?;
        let row = |side: &str| {
            let row = &data[side];
            Some((row["id"].as_i64()?, (row["job"].as_i64()?, row["note"].as_str()?.to_owned())))
        };
        if let Some((id, before)) = row("before")
            && told.remove(&id) != Some(before)
        {
            return Err(format!("event {} changes a row that was not so", event.position));
        }
        if let Some((id, after)) = row("after") {
            told.insert(id, after);
        }
    }
    if told == *items { Ok(()) } else { Err(format!("the events tell the rows {told:?}, and there are {items:?}")) }
}

/// Each request's rows were inserted by one unit, that of its answer, and those of refused requests by none.
fn effects_are_once(jobs: &Jobs, log: &[Logged]) -> Result<(), String> {
    let mut inserted: HashMap<i64, Vec<(&str, i64)>> = HashMap::new();
    for event in log.iter().filter(|event| event.kind == "data.row.inserted") {
        let data: serde_json::Value = serde_json::from_str(&event.data).map_err(|error| error.to_string())?;
        let (job, id) = (data["after"]["job"].as_i64().unwrap_or(0), data["after"]["id"].as_i64().unwrap_or(0));
        inserted.entry(job).or_default().push((&event.unit, id));
    }
    for (number, job) in jobs {
        let found = inserted.remove(number).unwrap_or_default();
        if let Some(answer) = &job.answer {
            let answer: serde_json::Value = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
            let unit = answer["unit"].as_str().unwrap_or_default();
            let mut ids: Vec<i64> = found.iter().map(|(_, id)| *id).collect();
            ids.sort_unstable();
            // Where the unit had no say in the answer, it is that of the first row.
            let unit = if unit.is_empty() { found.first().map_or("", |(of, _)| of) } else { unit };
            if answer["ids"] != serde_json::json!(ids) || found.iter().any(|(of, _)| *of != unit) {
                return Err(format!("job {number} was answered {answer}, and inserted {found:?}"));
            }
        } else if job.refused && !found.is_empty() {
            return Err(format!("job {number} was refused and inserted {found:?}"));
        } else if !found.is_empty() && found.len() != job.act.inserts() {
            return Err(format!("job {number} is there by half: {found:?}"));
        }
    }
    if inserted.is_empty() { Ok(()) } else { Err(format!("nobody asked for {inserted:?}")) }
}

/// Each unit with events has one leaf, which commits to exactly these, and no leaf is without; the log verifies.
async fn leaves_commit_to(store: &Arc<Store>, log: &[Logged]) -> Result<(), String> {
    let audit = audit_of(store);
    audit.seal().await.map_err(|error| error.to_string())?;
    let mut units: BTreeMap<&str, Vec<&Logged>> = BTreeMap::new();
    for event in log {
        units.entry(&event.unit).or_default().push(event);
    }
    let wanted = Wanted { most: usize::MAX, ..Wanted::default() };
    let found = audit::search(store, wanted).await.map_err(|error| error.to_string())?;
    for found in &found {
        let Record { id, events, .. } = &found.record;
        let unit = id.to_string().replacen("aud_", "unit_", 1);
        let Some(mut own) = units.remove(unit.as_str()) else {
            return Err(format!("leaf {} is of {unit}, which has no events, or has two leaves", found.index));
        };
        own.sort_by_key(|event| event.id);
        let own: Vec<Event> = own
            .into_iter()
            .map(|event| Event {
                kind: event.kind.clone().into(),
                subject: event.subject.as_str().into(),
                key: event.key.clone(),
                data: event.data.clone(),
            })
            .collect();
        if *events != Some(audit::digest(&own)) {
            return Err(format!("leaf {} does not commit to the events of {unit}", found.index));
        }
    }
    if let Some(unit) = units.keys().next() {
        return Err(format!("{unit} has events and no leaf"));
    }
    let trust = Trust { log: audit.key().clone(), witnesses: Vec::new(), witnesses_min: 0, known: Vec::new() };
    let report = audit::verify_store(store, trust).await.map_err(|error| error.to_string())?;
    if !report.is_clean() || report.entries != found.len() as u64 {
        return Err(format!("the audit log does not verify: {:?}", report.findings));
    }
    Ok(())
}
