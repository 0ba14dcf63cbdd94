//! Changes of rows, taken down as they happen: SQLite tells before each row is changed, so that triggers and cascades are seen too.
//!
//! Only users' tables are looked at, and only while a transaction function runs: migrations and the house's own tables are not. A
//! statement or savepoint that is undone takes its events with it ([`mark`], [`back_to`]).

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;
use values::Type;

use super::preupdate::{Change, Changed, State};
use crate::catalog::{Catalog, Name, RelationKind};
use crate::error::{Error, Result, SqlError};
use crate::translate::physical_name;
use crate::tx::Event;

/// Bytes of events that one unit may leave. Beyond it the unit is refused rather than held in memory.
const BYTES_MAX: usize = 256 << 20;

/// The word in a column's comment that keeps its values out of events.
const SENSITIVE: &str = "@sensitive";

thread_local! {
    static BUFFER: RefCell<Buffer> = RefCell::new(Buffer::default());
}

/// What is known of a table whose changes are taken down.
struct Table {
    subject: Arc<str>,
    /// Place in SQLite's table, name and type of each column that is told.
    columns: Vec<(i32, Name, Type)>,
    /// The same of the primary key.
    key: Vec<(i32, Type)>,
}

#[derive(Default)]
struct Buffer {
    tables: HashMap<String, Table>,
    on: bool,
    events: Vec<Event>,
    bytes: usize,
    failed: Option<Error>,
}

/// A row is about to be changed.
pub(super) fn changed(table: &str, row: &Changed) {
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.on {
            buffer.take(table, row);
        }
    });
}

/// Something broke while a change was taken down: the unit must not be kept.
pub(super) fn broken() {
    BUFFER.with(|buffer| {
        if let Ok(mut buffer) = buffer.try_borrow_mut() {
            buffer.failed.get_or_insert_with(|| Error::Internal("taking down a change panicked".to_owned()));
        }
    });
}

/// Learns which tables there are.
pub(super) fn learn(db: &Connection, catalog: &Catalog) -> rusqlite::Result<()> {
    let mut tables = HashMap::new();
    let mut places = db.prepare("select name, cid from pragma_table_xinfo(?1)")?;
    for (name, relation) in catalog.relations.iter().filter(|(_, relation)| relation.kind == RelationKind::Table) {
        let physical = physical_name(name);
        let found = places.query_map([&physical], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i32>(1)?)))?;
        let found: HashMap<String, i32> = found.collect::<rusqlite::Result<_>>()?;
        let place = |column: &str| found.get(column).copied();
        let told = relation.columns.iter().filter(|column| !is_sensitive(column.comment.as_deref()));
        let columns =
            told.filter_map(|column| Some((place(&column.name)?, column.name.clone(), column.ty.clone()))).collect();
        let key = relation.primary_key.iter().flat_map(|key| &key.columns);
        let key = key.filter_map(|name| Some((place(name)?, relation.column(name)?.ty.clone()))).collect();
        tables.insert(physical, Table { subject: Arc::from(name.to_string()), columns, key });
    }
    BUFFER.with_borrow_mut(|buffer| buffer.tables = tables);
    Ok(())
}

/// Are a column's values kept out of events.
pub(crate) fn is_sensitive(comment: Option<&str>) -> bool {
    comment.is_some_and(|comment| comment.split_whitespace().any(|word| word == SENSITIVE))
}

/// From here on changes are taken down.
pub(super) fn begin() {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.on = true;
        buffer.bytes = 0;
        buffer.events.clear();
        buffer.failed = None;
    });
}

/// No more; what happened since [`begin`].
pub(super) fn end() -> Result<Vec<Event>> {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.on = false;
        let events = std::mem::take(&mut buffer.events);
        buffer.failed.take().map_or(Ok(events), Err)
    })
}

/// How many events there are now.
pub(super) fn mark() -> usize {
    BUFFER.with_borrow(|buffer| buffer.events.len())
}

/// What came after the mark was undone.
pub(super) fn back_to(mark: usize) {
    BUFFER.with_borrow_mut(|buffer| buffer.events.truncate(mark));
}

impl Buffer {
    fn take(&mut self, name: &str, row: &Changed) {
        let Some(table) = self.tables.get(name) else { return };
        if self.failed.is_some() {
            return;
        }
        let Some(event) = table.event(row) else {
            self.failed = Some(Error::Internal(format!("a change of {name} cannot be told")));
            return;
        };
        self.bytes += event.data.len();
        if self.bytes > BYTES_MAX {
            let refused = SqlError::new("54000", "one transaction changes too much")
                .hint("Its events are held in memory until it ends. Change fewer rows at a time.");
            self.failed = Some(refused.into());
        }
        self.events.push(event);
    }
}

impl Table {
    /// The event of a change; `None` when SQLite does not tell of a column.
    fn event(&self, row: &Changed) -> Option<Event> {
        let (kind, named) = match row.change {
            Change::Insert => ("data.row.inserted", State::After),
            Change::Update => ("data.row.updated", State::After),
            Change::Delete => ("data.row.deleted", State::Before),
        };
        let mut data = Vec::with_capacity(256);
        data.extend_from_slice(b"{\"before\":");
        self.row((row.change != Change::Insert).then_some((row, State::Before)), &mut data)?;
        data.extend_from_slice(b",\"after\":");
        self.row((row.change != Change::Delete).then_some((row, State::After)), &mut data)?;
        data.push(b'}');
        let mut key = String::with_capacity(self.subject.len() + 12);
        key.push_str(&self.subject);
        for (number, (place, ty)) in self.key.iter().enumerate() {
            key.push(if number == 0 { '/' } else { ',' });
            values::write_text_in(ty, row.column(named, *place)?, &values::Session::default(), &mut key);
        }
        Some(Event { kind: kind.into(), subject: self.subject.clone(), key, data: String::from_utf8(data).ok()? })
    }

    /// A row as a JSON object, times in UTC; null when there is none.
    fn row(&self, row: Option<(&Changed, State)>, out: &mut Vec<u8>) -> Option<()> {
        let Some((row, state)) = row else {
            out.extend_from_slice(b"null");
            return Some(());
        };
        let session = values::Session::default();
        out.push(b'{');
        for (number, (place, name, ty)) in self.columns.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            values::write_json_string(name, out);
            out.push(b':');
            values::write_json_in(ty, row.column(state, *place)?, &session, out);
        }
        out.push(b'}');
        Some(())
    }
}
