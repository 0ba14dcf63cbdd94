//! Puts a record of every unit that changed something into the log, in the unit itself.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crypto::SealKey;
use kernel::{Id, Micros, Random, RequestId};
use serde_json::{Map, Value, json};
use store::{Connection, Engine, Event, Participant, Result, Scope, Unit};

use crate::model::{Details, EventsDigest, Record};
use crate::personal::{Personal, Sealed, SubjectKey};
use crate::store as rows;

/// Who acts when nobody asked.
const HOUSE: &str = "mainstay";
/// What an action or an object is called when there are several of nothing in common.
const SEVERAL: &str = "several";
/// Objects that are named in the details.
const OBJECTS_MAX: usize = 100;
/// Keys of people that are kept at hand, and for how long (microseconds).
const KEYS_MAX: usize = 10_000;
const KEPT_US: i64 = 60_000_000;

/// When a key was read, its id, and the key.
type Known = (i64, Id<SubjectKey>, Arc<SealKey>);

/// Keys that were read as they were committed.
#[derive(Default)]
struct Keys {
    known: HashMap<String, Known>,
    /// On SQLite: whose key was read in the open group, which may have been made there and go with it.
    seen: HashSet<String>,
    /// Their keys as they were right before the group's commit.
    sealed: Vec<(String, Known)>,
}

impl Keys {
    fn keep(&mut self, subject: String, known: Known) {
        if self.known.len() >= KEYS_MAX {
            self.known.clear();
        }
        self.known.insert(subject, known);
    }
}

/// The participant.
pub struct Recorder {
    random: Arc<dyn Random>,
    keys: Mutex<Keys>,
}

impl Recorder {
    /// A recorder that draws keys and nonces from `random`, which must be fit for secrets.
    pub fn new(random: Arc<dyn Random>) -> Self {
        Self { random, keys: Mutex::default() }
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the key of a person; to be called in the unit that destroys it.
    pub(crate) fn forget(&self, subject: &str) {
        let mut keys = self.keys();
        keys.known.remove(subject);
        keys.seen.remove(subject);
    }

    /// What the unit says about a person, sealed under that person's key, which is made with their first act.
    fn personal(&self, conn: &mut dyn Connection, unit: &Unit<'_>) -> Result<Option<Sealed>> {
        let origin = unit.scope.origin.as_deref();
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let personal = Personal {
            address: origin.and_then(|origin| some(&origin.peer)),
            session: None,
            subject: some(&unit.scope.subject),
        };
        if personal.is_empty() {
            return Ok(None);
        }
        let (id, key) = self.key(conn, &unit.scope.subject, unit.at)?;
        Ok(Some(personal.seal((id, &key), entry_of(unit), &*self.random)))
    }

    fn key(&self, conn: &mut dyn Connection, subject: &str, now: i64) -> Result<(Id<SubjectKey>, Arc<SealKey>)> {
        if let Some((at, id, key)) = self.keys().known.get(subject)
            && now - at < KEPT_US
        {
            return Ok((*id, key.clone()));
        }
        let Some((id, key)) = rows::subject_key(conn, subject)? else {
            let (id, key) = rows::key_of(conn, subject, &*self.random)?;
            return Ok((id, Arc::new(SealKey::new(&key))));
        };
        let key = Arc::new(SealKey::new(&key));
        match conn.engine() {
            Engine::Sqlite => drop(self.keys().seen.insert(subject.to_owned())),
            // A look costs a flight, and what is seen of others is committed.
            Engine::Postgres => self.keys().keep(subject.to_owned(), (now, id, key.clone())),
        }
        Ok((id, key))
    }
}

/// A unit's record has the unit's id.
fn entry_of(unit: &Unit<'_>) -> Id<crate::model::Entry> {
    Id::from_bytes(unit.id.to_bytes())
}

impl Participant for Recorder {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn flies(&self, scope: &Scope, now: i64) -> bool {
        let nobody = scope.subject.is_empty() && scope.origin.as_ref().is_none_or(|origin| origin.peer.is_empty());
        nobody || self.keys().known.get(&*scope.subject).is_some_and(|(at, ..)| now - at < KEPT_US)
    }

    fn prepare(&self, conn: &mut dyn Connection, unit: &Unit<'_>) -> Result<()> {
        // What changed nothing was no act.
        if unit.events.is_empty() {
            return Ok(());
        }
        conn.as_house(&mut |conn| {
            let personal = self.personal(conn, unit)?;
            let record = record(unit, personal);
            let entry = record.to_entry().map_err(|error| store::Error::Internal(error.to_string()))?;
            rows::send(conn, &entry)
        })
    }

    fn seal(&self, conn: &mut dyn Connection, _group: &[Event]) -> Result<()> {
        let seen = std::mem::take(&mut self.keys().seen);
        // Nearly always: everybody who acts is known.
        if seen.is_empty() {
            self.keys().sealed.clear();
            return Ok(());
        }
        let now = conn.now();
        let mut sealed = Vec::with_capacity(seen.len());
        for subject in seen {
            if let Some((id, key)) = rows::subject_key(conn, &subject)? {
                sealed.push((subject, (now, id, Arc::new(SealKey::new(&key)))));
            }
        }
        self.keys().sealed = sealed;
        Ok(())
    }

    fn committed(&self) {
        let mut keys = self.keys();
        for (subject, known) in std::mem::take(&mut keys.sealed) {
            keys.keep(subject, known);
        }
    }
}

/// The record of a unit.
fn record(unit: &Unit<'_>, personal: Option<Sealed>) -> Record {
    let scope = unit.scope;
    let origin = scope.origin.as_deref();
    let kinds = || unit.events.iter().map(|event| &*event.kind);
    let subjects = || unit.events.iter().map(|event| &*event.subject);
    let object = match unit.events {
        [only] => only.key.clone(),
        _ => same(subjects()).map_or_else(|| SEVERAL.to_owned(), str::to_owned),
    };
    let role = scope.role.as_deref().unwrap_or(HOUSE);
    let action = same(kinds()).map_or_else(|| common(kinds()), str::to_owned);
    Record {
        personal,
        request: origin.and_then(|origin| RequestId::from_caller(origin.request.as_bytes())),
        trace: origin.and_then(|origin| origin.trace.get(3..35)).map(str::to_owned),
        events: Some(digest(unit.events)),
        details: details(unit),
        ..Record::done((entry_of(unit), Micros(unit.at)), role, action, object)
    }
}

/// What they all are.
fn same<'a>(mut all: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// The words that all kinds begin with: `data.row` of `data.row.inserted` and `data.row.deleted`.
fn common<'a>(mut kinds: impl Iterator<Item = &'a str>) -> String {
    let mut words: Vec<&str> = kinds.next().unwrap_or_default().split('.').collect();
    for kind in kinds {
        let alike = words.iter().zip(kind.split('.')).take_while(|(a, b)| *a == b).count();
        words.truncate(alike);
    }
    if words.is_empty() { SEVERAL.to_owned() } else { words.join(".") }
}

/// The hash over the events of a unit: of each the kind, the subject, the key and the data, each with its length before it.
pub fn digest(events: &[Event]) -> EventsDigest {
    let mut all = Vec::new();
    for event in events {
        for text in [&*event.kind, &*event.subject, event.key.as_str(), event.data.as_str()] {
            all.extend((text.len() as u64).to_be_bytes());
            all.extend(text.as_bytes());
        }
    }
    EventsDigest { count: u32::try_from(events.len()).unwrap_or(u32::MAX), sha256: crypto::sha256(&all) }
}

/// How it was asked for, and how often what happened to which object.
fn details(unit: &Unit<'_>) -> Details {
    let mut details = Map::new();
    if !unit.scope.method.is_empty() {
        details.insert("method".to_owned(), json!(&*unit.scope.method));
        details.insert("path".to_owned(), json!(&*unit.scope.path));
    }
    if unit.events.len() > 1 {
        let mut objects: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
        for event in unit.events {
            if objects.len() < OBJECTS_MAX || objects.contains_key(&*event.subject) {
                *objects.entry(&event.subject).or_default().entry(&event.kind).or_default() += 1;
            }
        }
        details.insert("objects".to_owned(), json!(objects));
    }
    if details.is_empty() { Details::None } else { Details::of(&Value::Object(details)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_has_the_words_that_all_of_it_shares() {
        for (kinds, action) in [
            (&["data.row.inserted"][..], "data.row.inserted"),
            (&["data.row.inserted", "data.row.inserted"], "data.row.inserted"),
            (&["data.row.inserted", "data.row.deleted"], "data.row"),
            (&["data.row.inserted", "data.rows"], "data"),
            (&["data.row.inserted", "jobs.run.finished"], "several"),
        ] {
            let all = || kinds.iter().copied();
            assert_eq!(same(all()).map_or_else(|| common(all()), str::to_owned), action, "{kinds:?}");
        }
    }

    #[test]
    fn the_digest_tells_where_one_text_ends_and_the_next_begins() {
        let event = |kind: &'static str, data: &str| Event::new(kind, "s", data);
        let digests = [
            digest(&[event("ab", "c")]),
            digest(&[event("a", "bc")]),
            digest(&[event("ab", "c"), event("ab", "c")]),
            digest(&[]),
        ];
        for (at, one) in digests.iter().enumerate() {
            assert!(digests.iter().skip(at + 1).all(|other| other != one), "{at}");
        }
        assert_eq!(digests[2].count, 2);
    }
}
