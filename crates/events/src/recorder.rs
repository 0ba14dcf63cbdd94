//! The participant: a unit's events, written before the unit commits.

use std::sync::Arc;

use store::house::Query;
use store::{Connection, Engine, Event, Participant, Result, Unit};
use tokio::sync::Notify;

use crate::store as log;

/// Writes down the events of each unit.
#[derive(Debug, Default)]
pub struct Recorder {
    pub(crate) wrote: Arc<Notify>,
}

impl Participant for Recorder {
    fn name(&self) -> &'static str {
        "events"
    }

    fn gathers(&self) -> Option<&'static Query> {
        Some(&log::OF_UNIT)
    }

    fn prepare(&self, conn: &mut dyn Connection, unit: &Unit<'_>) -> Result<()> {
        let new = &unit.events[unit.written..];
        if !new.is_empty() {
            let (id, context) = (unit.id.to_string(), unit.scope.context());
            conn.as_house(&mut |conn| log::add_all(conn, &id, new, &context, unit.at))?;
        }
        Ok(())
    }

    fn seal(&self, conn: &mut dyn Connection, group: &[Event]) -> Result<()> {
        // PostgreSQL's events have no places yet.
        if group.is_empty() || conn.engine() == Engine::Postgres { Ok(()) } else { log::seal(conn) }
    }

    fn committed(&self) {
        self.wrote.notify_one();
    }
}
