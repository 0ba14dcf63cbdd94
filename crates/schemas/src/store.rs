//! The room's tables and statements.

use store::house::{Query, Tables, int, read_int, read_text, text};
use store::{Connection, Result};

/// The room's tables. A type keeps its row when its versions go, so that no number is given twice.
pub const TABLES: Tables = Tables {
    room: "schemas",
    versions: &[&[
        "create table mainstay.schemas_kind (kind text primary key, compatibility text not null, last {int} not null) {keyed}",
        "create table mainstay.schemas_version (
            kind text not null, version {int} not null, body text not null, at {int} not null, primary key (kind, version)
        ) {strict}",
        "create table mainstay.schemas_stamp (one {int} primary key, stamp {int} not null) {strict}",
        "insert into mainstay.schemas_stamp (one, stamp) values (1, 1)",
    ]],
};

static STAMP: Query = Query::new("select stamp from mainstay.schemas_stamp");
/// Whoever changes the registry holds this row until the end, so there is one at a time.
static STAMPED: Query = Query::new("update mainstay.schemas_stamp set stamp = stamp + 1");
static KINDS: Query = Query::new("select kind, compatibility, last from mainstay.schemas_kind order by kind");
static VERSIONS: Query = Query::new("select kind, version, body from mainstay.schemas_version order by kind, version");
static KIND: Query = Query::new("select compatibility, last from mainstay.schemas_kind where kind = $1");
static OF_KIND: Query =
    Query::new("select version, body from mainstay.schemas_version where kind = $1 order by version");
static KEEP_KIND: Query = Query::new(
    "insert into mainstay.schemas_kind (kind, compatibility, last) values ($1, $2, $3)
     on conflict (kind) do update set compatibility = excluded.compatibility, last = excluded.last",
);
static ADD: Query =
    Query::new("insert into mainstay.schemas_version (kind, version, body, at) values ($1, $2, $3, $4)");
static REMOVE: Query = Query::new("delete from mainstay.schemas_version where kind = $1 and version = $2");
static SIZE: Query = Query::new("select count(*), coalesce(sum(length(body)), 0) from mainstay.schemas_version");

/// The registry's stamp: another one after each change.
pub(crate) fn stamp(conn: &mut dyn Connection) -> Result<i64> {
    let mut stamp = 0;
    STAMP.each(conn, &[], |row| {
        stamp = read_int(row, 0)?;
        Ok(())
    })?;
    Ok(stamp)
}

/// Is the registry still the one with this stamp. Asked in the unit of what was judged by it.
///
/// # Errors
/// Those of the store.
pub fn is_current(conn: &mut dyn Connection, known: i64) -> Result<bool> {
    let mut found = 0;
    conn.as_house(&mut |conn| {
        found = stamp(conn)?;
        Ok(())
    })?;
    Ok(found == known)
}

/// Begins a change.
pub(crate) fn begin(conn: &mut dyn Connection) -> Result<()> {
    STAMPED.run(conn, &[]).map(drop)
}

/// A type as it stands: its compatibility and the last number that was given.
pub(crate) type KindRow = (String, i64);

/// All types: name, compatibility, last number.
pub(crate) fn kinds(conn: &mut dyn Connection) -> Result<Vec<(String, KindRow)>> {
    let mut found = Vec::new();
    KINDS.each(conn, &[], |row| {
        let word = |column| Ok::<_, store::Error>(read_text(row, column)?.unwrap_or_default());
        found.push((word(0)?, (word(1)?, read_int(row, 2)?)));
        Ok(())
    })?;
    Ok(found)
}

/// All versions: type, number, text.
pub(crate) fn versions(conn: &mut dyn Connection) -> Result<Vec<(String, i64, String)>> {
    let mut found = Vec::new();
    VERSIONS.each(conn, &[], |row| {
        found.push((read_text(row, 0)?.unwrap_or_default(), read_int(row, 1)?, read_text(row, 2)?.unwrap_or_default()));
        Ok(())
    })?;
    Ok(found)
}

/// One type.
pub(crate) fn kind(conn: &mut dyn Connection, name: &str) -> Result<Option<KindRow>> {
    let mut found = None;
    KIND.each(conn, &[text(name)], |row| {
        found = Some((read_text(row, 0)?.unwrap_or_default(), read_int(row, 1)?));
        Ok(())
    })?;
    Ok(found)
}

/// The versions of a type: number and text.
pub(crate) fn of_kind(conn: &mut dyn Connection, name: &str) -> Result<Vec<(i64, String)>> {
    let mut found = Vec::new();
    OF_KIND.each(conn, &[text(name)], |row| {
        found.push((read_int(row, 0)?, read_text(row, 1)?.unwrap_or_default()));
        Ok(())
    })?;
    Ok(found)
}

/// Keeps a type's row.
pub(crate) fn keep_kind(conn: &mut dyn Connection, name: &str, compatibility: &str, last: i64) -> Result<()> {
    KEEP_KIND.run(conn, &[text(name), text(compatibility), int(last)]).map(drop)
}

/// Adds a version.
pub(crate) fn add(conn: &mut dyn Connection, name: &str, version: i64, body: &str) -> Result<()> {
    let now = conn.now();
    ADD.run(conn, &[text(name), int(version), text(body), int(now)]).map(drop)
}

/// Removes a version; was there one.
pub(crate) fn remove(conn: &mut dyn Connection, name: &str, version: i64) -> Result<bool> {
    Ok(REMOVE.run(conn, &[text(name), int(version)])? > 0)
}

/// How many versions there are, and how long they are together.
pub(crate) fn size(conn: &mut dyn Connection) -> Result<(i64, i64)> {
    let mut found = (0, 0);
    SIZE.each(conn, &[], |row| {
        found = (read_int(row, 0)?, read_int(row, 1)?);
        Ok(())
    })?;
    Ok(found)
}

/// All statements of the room by name, so that a test can prepare each on both engines and keep its plan.
pub static QUERIES: &[(&str, &Query)] = &[
    ("stamp", &STAMP),
    ("stamped", &STAMPED),
    ("kinds", &KINDS),
    ("versions", &VERSIONS),
    ("kind", &KIND),
    ("of_kind", &OF_KIND),
    ("keep_kind", &KEEP_KIND),
    ("add", &ADD),
    ("remove", &REMOVE),
    ("size", &SIZE),
];
