//! A reader of the log, who remembers everything it saw.

use std::collections::HashMap;

use events::{Events, Logged};
use store::house::{Query, int, read_int, read_text};
use store::{Lane, Scope, Store};

use super::Plant;

/// The planted mistake: by ids, which are given before transactions end.
static BY_ID: Query = Query::new(
    "select id, unit, kind, subject, key, data, context, at from mainstay.events_event where id > $1 order by id",
);

/// What a reader has seen, in its order.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) seen: Vec<Logged>,
}

impl Reader {
    /// Reads on until there is nothing more.
    pub(super) async fn read_on(&mut self, events: &Events, store: &Store, plant: Plant) -> Result<(), String> {
        if plant == Plant::HighestId {
            return self.read_on_by_id(store).await;
        }
        loop {
            let last = self.seen.last().map_or(0, |event| event.position);
            let page = events.read(store, last, 7).await.map_err(|error| error.to_string())?;
            if page.is_empty() {
                return Ok(());
            }
            for event in page {
                let wanted = self.seen.last().map_or(1, |last| last.position + 1);
                if event.position != wanted {
                    return Err(format!("the reader got position {} and waited for {wanted}", event.position));
                }
                self.seen.push(event);
            }
        }
    }

    async fn read_on_by_id(&mut self, store: &Store) -> Result<(), String> {
        let last = self.seen.last().map_or(0, |event| event.id);
        let read = move |conn: &mut dyn store::Connection| {
            let mut found = Vec::new();
            BY_ID.each(conn, &[int(last)], |row| {
                let word = |column| Ok::<_, store::Error>(read_text(row, column)?.unwrap_or_default());
                let id = read_int(row, 0)?;
                found.push(Logged {
                    position: id,
                    id,
                    unit: word(1)?,
                    kind: word(2)?,
                    subject: word(3)?,
                    key: word(4)?,
                    data: word(5)?,
                    context: word(6)?,
                    at: read_int(row, 7)?,
                });
                Ok(())
            })?;
            Ok::<_, store::Error>(found)
        };
        self.seen.extend(store.read(Scope::default(), Lane::Short, read).await.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Holds what was seen against the whole log, and each key's events against each other.
    pub(super) fn judge(&self, log: &[Logged], plant: Plant) -> Result<(), String> {
        if self.seen.len() != log.len() {
            return Err(format!("the reader saw {} of {} events", self.seen.len(), log.len()));
        }
        if plant != Plant::HighestId
            && let Some((was, is)) = self.seen.iter().zip(log).find(|(was, is)| was != is)
        {
            return Err(format!("position {} was {was:?} and is {is:?}", was.position));
        }
        let mut rows: HashMap<&str, serde_json::Value> = HashMap::new();
        for event in &self.seen {
            let data: serde_json::Value = serde_json::from_str(&event.data).map_err(|error| error.to_string())?;
            let last = rows.insert(&event.key, data["after"].clone()).unwrap_or(serde_json::Value::Null);
            if last != data["before"] {
                return Err(format!("{} at {} does not follow {last}", event.key, event.position));
            }
        }
        Ok(())
    }
}
