//! Events from outside: put into a unit once each, however often they come.

use std::collections::HashSet;
use std::sync::Arc;

use cloudevents::{Attribute, CloudEvent};
use store::{Engine, Event, Result, Tx};

use crate::store as log;

/// How a taken event's data begins: it is a `CloudEvent`. What happened here never begins like this.
pub(crate) const TAKEN: &str = "{\"specversion\":\"1.0\"";
/// Where a taken event that has a `sequence` of its own shows its place in this log.
pub(crate) const POSITION: &str = "mainstayposition";
/// Characters of an id that stand in its place as they are; longer ones are told by their digest.
const ID_MAX: usize = 128;

/// An event that came, ready for the log.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// What tells it from all others: source and id.
    place: String,
    event: Event,
}

impl Incoming {
    /// What the log is told of an event.
    pub fn of(event: &CloudEvent) -> Self {
        // What another log says of its own order means nothing in this one.
        if event.extension(POSITION).is_some() {
            let mut event = event.clone();
            event.extensions.retain(|(name, _)| name != POSITION);
            return Self::of(&event);
        }
        let key = match event.extension("partitionkey") {
            Some(Attribute::Text(key)) if !key.is_empty() => key,
            _ => event.subject.as_ref().unwrap_or(&event.source),
        };
        // Ids of one source stand together, in their own order: most are given one after the other.
        let source = crypto::hex(&crypto::sha256(event.source.as_bytes()));
        let id = if event.id.len() > ID_MAX {
            format!("#{}", crypto::hex(&crypto::sha256(event.id.as_bytes())))
        } else {
            format!("/{}", event.id)
        };
        let place = format!("{}{id}", &source[..32]);
        let subject = Arc::from(event.subject.as_deref().unwrap_or(&event.source));
        let key = key.clone();
        Self { place, event: Event { kind: event.kind.clone().into(), subject, key, data: event.to_json() } }
    }
}

/// Takes events into a unit, in their order; says of each whether it is new. Others were taken before and are left out.
///
/// # Errors
/// Those of the store.
pub fn take(tx: &mut Tx<'_>, incoming: &[Incoming]) -> Result<Vec<bool>> {
    let places: Vec<&str> = incoming.iter().map(|one| one.place.as_str()).collect();
    let mut new = vec![false; places.len()];
    let conn = tx.conn();
    conn.as_house(&mut |conn| {
        match conn.engine() {
            Engine::Sqlite => {
                for (place, new) in places.iter().zip(&mut new) {
                    *new = log::remember(conn, place)?;
                }
            }
            // One flight for all, and in one order, so that two who bring the same do not wait for each other.
            Engine::Postgres => {
                let mut found: HashSet<String> = log::remember_all(conn, &places)?;
                for (place, new) in places.iter().zip(&mut new) {
                    *new = found.remove(*place);
                }
            }
        }
        Ok(())
    })?;
    if new.contains(&true) {
        let taken = incoming.iter().zip(&new).filter(|(_, new)| **new);
        taken.for_each(|(one, _)| tx.emit(one.event.clone()));
    } else {
        tx.quiet("all of these events were taken before");
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming(source: &str, id: &str, more: &str) -> Incoming {
        let text = format!(r#"{{"specversion":"1.0","id":"{id}","source":"{source}","type":"t"{more}}}"#);
        Incoming::of(&cloudevents::structured(text.as_bytes()).unwrap())
    }

    #[test]
    fn places_differ_where_source_or_id_does_and_stay_short() {
        let long = "x".repeat(500);
        let all = [
            incoming("/a", "1", ""),
            incoming("/a", "2", ""),
            incoming("/b", "1", ""),
            incoming("/a", &long, ""),
            incoming("/a", &long[1..], ""),
        ];
        let places: HashSet<&str> = all.iter().map(|one| one.place.as_str()).collect();
        assert_eq!(places.len(), all.len());
        assert!(places.iter().all(|place| place.len() <= 32 + 1 + ID_MAX));
        assert_eq!(incoming("/a", "1", r#","subject":"s""#).place, all[0].place);
    }

    #[test]
    fn an_event_is_in_order_with_its_partition_its_subject_or_its_source() {
        for (more, key, subject) in [
            ("", "/a", "/a"),
            (r#","subject":"s""#, "s", "s"),
            (r#","subject":"s","partitionkey":"p""#, "p", "s"),
            (r#","partitionkey":"""#, "/a", "/a"),
        ] {
            let made = incoming("/a", "1", more).event;
            assert_eq!((made.key.as_str(), &*made.subject), (key, subject));
            assert!(made.data.starts_with(TAKEN));
        }
    }
}
