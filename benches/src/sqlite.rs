//! Straight to bytes: the columns of held statements, written as JSON with fragments that are known beforehand. What is left when
//! everything that a backend does around the rows is taken away.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Statement};

use crate::args::Failure;

/// The item's columns as the API gives them.
const ITEM: &[(&str, Kind)] = &[
    ("item_id", Kind::Plain),
    ("tenant_id", Kind::Plain),
    ("author_id", Kind::Plain),
    ("title", Kind::Plain),
    ("body", Kind::Plain),
    ("kind", Kind::Plain),
    ("active", Kind::Bool),
    ("score", Kind::Plain),
    ("created_at", Kind::Moment),
];
const NOTE: &[(&str, Kind)] =
    &[("note_id", Kind::Plain), ("tenant_id", Kind::Plain), ("item_id", Kind::Plain), ("body", Kind::Plain)];

const ITEM_COLUMNS: &str = "item_id, tenant_id, author_id, title, body, kind, active, score, created_at";

#[derive(Clone, Copy)]
enum Kind {
    Plain,
    Bool,
    Moment,
}

/// Opens the measured server's file for reading, set up as its readers are.
pub fn reader(path: &Path) -> Result<Connection, Failure> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.execute_batch("pragma query_only = on; pragma cache_size = -4096; pragma temp_store = memory")?;
    Ok(db)
}

/// The four reads, as statements that are held.
pub struct Reads<'c> {
    begin: Statement<'c>,
    commit: Statement<'c>,
    point: Statement<'c>,
    list: Statement<'c>,
    page: Statement<'c>,
    notes: Statement<'c>,
    item: Vec<Vec<u8>>,
    note: Vec<Vec<u8>>,
}

/// Which read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// One item by its key.
    Point,
    /// 20 items of an author.
    List,
    /// 1,000 items from one on.
    Page,
    /// 20 items of an author with their notes.
    Nested,
}

impl<'c> Reads<'c> {
    /// Prepares them.
    pub fn new(db: &'c Connection) -> Result<Self, Failure> {
        let items =
            |rest: &str| db.prepare(&format!("select {ITEM_COLUMNS} from item where tenant_id = ?2 and {rest}"));
        Ok(Self {
            begin: db.prepare("begin")?,
            commit: db.prepare("commit")?,
            point: items("item_id = ?1")?,
            list: items("author_id = ?1 order by item_id limit 20")?,
            page: items("item_id >= ?1 order by item_id limit 1000")?,
            notes: db.prepare(
                "select note_id, tenant_id, item_id, body from note
                 where tenant_id = ?2 and item_id in (select value from json_each(?1)) order by item_id, note_id",
            )?,
            item: fragments(ITEM),
            note: fragments(NOTE),
        })
    }

    /// Begins the transaction that reads share.
    pub fn begin(&mut self) -> Result<(), Failure> {
        Ok(self.begin.raw_execute().map(drop)?)
    }

    /// Ends it.
    pub fn commit(&mut self) -> Result<(), Failure> {
        Ok(self.commit.raw_execute().map(drop)?)
    }

    /// The body of a read.
    pub fn body(&mut self, read: Read, number: i64) -> Result<Vec<u8>, Failure> {
        let mut out = Vec::with_capacity(512);
        out.push(b'[');
        match read {
            Read::Point => rows(&mut self.point, number, ITEM, &self.item, &mut out)?,
            Read::List => rows(&mut self.list, number, ITEM, &self.item, &mut out)?,
            Read::Page => rows(&mut self.page, number, ITEM, &self.item, &mut out)?,
            Read::Nested => self.nested(number, &mut out)?,
        }
        out.push(b']');
        Ok(out)
    }

    fn nested(&mut self, number: i64, out: &mut Vec<u8>) -> Result<(), Failure> {
        let mut parents = Vec::new();
        let mut keys = Vec::with_capacity(20);
        let mut ends = Vec::with_capacity(20);
        self.list.raw_bind_parameter(1, number)?;
        self.list.raw_bind_parameter(2, 1)?;
        let mut found = self.list.raw_query();
        while let Some(row) = found.next()? {
            write(row, ITEM, &self.item, &mut parents)?;
            parents.pop();
            keys.push(row.get::<_, i64>(0)?);
            ends.push(parents.len());
        }
        drop(found);
        let list: Vec<String> = keys.iter().map(i64::to_string).collect();
        self.notes.raw_bind_parameter(1, format!("[{}]", list.join(",")))?;
        self.notes.raw_bind_parameter(2, 1)?;
        let mut children = vec![Vec::new(); keys.len()];
        let mut found = self.notes.raw_query();
        while let Some(row) = found.next()? {
            let key = row.get::<_, i64>(2)?;
            // Both lists are in the order of the key.
            if let Ok(place) = keys.binary_search(&key) {
                let into: &mut Vec<u8> = &mut children[place];
                if !into.is_empty() {
                    into.push(b',');
                }
                write(row, NOTE, &self.note, into)?;
            }
        }
        let mut start = 0;
        for (end, notes) in ends.into_iter().zip(children) {
            if start > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&parents[start..end]);
            out.extend_from_slice(b",\"note\":[");
            out.extend_from_slice(&notes);
            out.extend_from_slice(b"]}");
            start = end;
        }
        Ok(())
    }
}

fn rows(
    statement: &mut Statement<'_>,
    number: i64,
    columns: &[(&str, Kind)],
    fragments: &[Vec<u8>],
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    statement.raw_bind_parameter(1, number)?;
    statement.raw_bind_parameter(2, 1)?;
    let mut found = statement.raw_query();
    let start = out.len();
    while let Some(row) = found.next()? {
        if out.len() > start {
            out.push(b',');
        }
        write(row, columns, fragments, out)?;
    }
    Ok(())
}

fn fragments(columns: &[(&str, Kind)]) -> Vec<Vec<u8>> {
    let open = |place: usize| if place == 0 { '{' } else { ',' };
    columns.iter().enumerate().map(|(place, (name, _))| format!("{}\"{name}\":", open(place)).into_bytes()).collect()
}

fn write(
    row: &rusqlite::Row<'_>,
    columns: &[(&str, Kind)],
    fragments: &[Vec<u8>],
    out: &mut Vec<u8>,
) -> rusqlite::Result<()> {
    for (place, ((_, kind), fragment)) in columns.iter().zip(fragments).enumerate() {
        out.extend_from_slice(fragment);
        match (row.get_ref(place)?, kind) {
            (ValueRef::Integer(number), Kind::Bool) => {
                out.extend_from_slice(if number == 0 { b"false" } else { b"true" });
            }
            (ValueRef::Integer(number), _) => digits(number, out),
            // `2026-01-02 03:04:05.000000Z` becomes `2026-01-02T03:04:05+00:00`.
            (ValueRef::Text(text), Kind::Moment) if text.len() >= 19 => {
                out.push(b'"');
                out.extend_from_slice(&text[..10]);
                out.push(b'T');
                out.extend_from_slice(&text[11..19]);
                out.extend_from_slice(b"+00:00\"");
            }
            (ValueRef::Text(text), _) => string(text, out),
            (ValueRef::Real(number), _) => out.extend_from_slice(number.to_string().as_bytes()),
            (ValueRef::Null | ValueRef::Blob(_), _) => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
    Ok(())
}

fn digits(number: i64, out: &mut Vec<u8>) {
    let mut buffer = [0_u8; 20];
    let mut at = buffer.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&buffer[at..]);
}

fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    if text.iter().all(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\') {
        out.extend_from_slice(text);
    } else {
        for byte in text {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
                byte if *byte < 0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                byte => out.push(*byte),
            }
        }
    }
    out.push(b'"');
}
