//! Looking back over the log for those who hold it against something else: rows, or the audit log.

use store::house::{Query, int, read_int, read_text};
use store::{Connection, Event, Result, Row};

pub(crate) static BACK: Query = Query::new(
    "select id, unit, at, kind, subject, key, data from mainstay.events_event
     where at < $1 or (at = $1 and id < $2) order by at desc, id desc limit $3",
);
pub(crate) static RECENT: Query =
    Query::new("select id, unit, at, kind, subject, key, data from mainstay.events_event order by id desc limit $1");

/// An event as it was written down, whether it has a position yet or not.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its id.
    pub id: i64,
    /// Its unit; empty for changes made past the house.
    pub unit: String,
    /// When, microseconds since 1970 UTC.
    pub at: i64,
    /// What happened.
    pub event: Event,
}

fn written(row: &dyn Row) -> Result<Written> {
    let word = |column| Ok::<_, store::Error>(read_text(row, column)?.unwrap_or_default());
    let event = Event { kind: word(3)?.into(), subject: word(4)?.into(), key: word(5)?, data: word(6)? };
    Ok(Written { id: read_int(row, 0)?, unit: word(1)?, at: read_int(row, 2)?, event })
}

/// Events before a moment and an id, the last ones first.
///
/// # Errors
/// Those of the store.
pub fn back(conn: &mut dyn Connection, (at, id): (i64, i64), most: i64) -> Result<Vec<Written>> {
    let mut found = Vec::new();
    BACK.each(conn, &[int(at), int(id), int(most)], |row| {
        found.push(written(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// The events that were written last, the last one first.
///
/// # Errors
/// Those of the store.
pub fn recent(conn: &mut dyn Connection, most: i64) -> Result<Vec<Written>> {
    let mut found = Vec::new();
    RECENT.each(conn, &[int(most)], |row| {
        found.push(written(row)?);
        Ok(())
    })?;
    Ok(found)
}
