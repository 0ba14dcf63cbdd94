//! The room's tables and statements.

use std::collections::HashSet;

use store::house::{Query, Tables, int, ints, read_int, read_text, text};
use store::{Connection, Engine, Event, Result, Row};

use crate::model::{Head, Logged};

/// The room's tables.
///
/// On SQLite the rows are written one after the other by one writer, so an event's id is its place. PostgreSQL gives ids before it
/// commits: there each event stands in `pending` too, and whoever has the sequencer's lock moves it from there into the order.
pub const TABLES: Tables = Tables {
    room: "events",
    versions: &[&[
        "create table mainstay.events_event (
            id {serial}, unit text not null, kind text not null, subject text not null, key text not null,
            data text not null, context text not null, at {int} not null
        ) {strict}",
        "{postgres} create index events_event_unit on mainstay.events_event (unit)",
        "create index events_event_at on mainstay.events_event (at)",
        "{sqlite} create view mainstay.events_order as select id as position, id as event from mainstay.events_event",
        "{postgres} create table mainstay.events_order (position bigint primary key, event bigint not null)",
        "{postgres} create table mainstay.events_pending (event bigint primary key)",
        "{postgres} create function mainstay.events_pend() returns trigger language plpgsql as $body$
begin
    insert into mainstay.events_pending (event) values (new.id);
    return null;
end
$body$",
        "{postgres} create trigger events_pend after insert on mainstay.events_event
            for each row execute function mainstay.events_pend()",
        // Arguments: how many columns the key has, their names, then the names of columns that are kept out.
        "{postgres} create function mainstay.events_capture() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $body$
declare
    keys int := tg_argv[0]::int;
    hidden text[] := tg_argv[keys + 1 : tg_nargs - 1];
    named jsonb;
    before text := 'null';
    after text := 'null';
    key text := tg_table_schema || '.' || tg_table_name;
begin
    if tg_op <> 'INSERT' then
        before := case when cardinality(hidden) > 0 then (to_jsonb(old) - hidden)::text else row_to_json(old)::text end;
    end if;
    if tg_op <> 'DELETE' then
        after := case when cardinality(hidden) > 0 then (to_jsonb(new) - hidden)::text else row_to_json(new)::text end;
    end if;
    if keys > 0 then
        named := case when tg_op = 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
        key := key || '/' || (select string_agg(named ->> name, ',' order by number)
                              from unnest(tg_argv[1 : keys]) with ordinality as part (name, number));
    end if;
    insert into mainstay.events_event (unit, kind, subject, key, data, context, at) values (
        coalesce(current_setting('mainstay.unit', true), ''),
        case tg_op when 'INSERT' then 'data.row.inserted' when 'UPDATE' then 'data.row.updated' else 'data.row.deleted' end,
        tg_table_schema || '.' || tg_table_name,
        key,
        '{\"before\":' || before || ',\"after\":' || after || '}',
        coalesce(nullif(current_setting('mainstay.context', true), ''),
                 '{\"actor\":{\"role\":' || to_json(session_user::text) || '}}'),
        (extract(epoch from now()) * 1000000)::bigint);
    return null;
end
$body$",
    ],
    // What was taken from outside, as long as the log goes back: it is not taken again.
    &[
        "create table mainstay.events_taken (place text primary key, at {int} not null) {keyed}",
        "create index events_taken_at on mainstay.events_taken (at)",
    ]],
};

static ADD: Query = Query::new(
    "insert into mainstay.events_event (unit, kind, subject, key, data, context, at) values ($1, $2, $3, $4, $5, $6, $7)",
);
static REMEMBER: Query =
    Query::new("insert into mainstay.events_taken (place, at) values ($1, $2) on conflict do nothing");
/// The same for many, in one flight; says which are new. For PostgreSQL.
static REMEMBER_ALL: Query = Query::new(
    "insert into mainstay.events_taken (place, at)
     select place, $2 from (select distinct json_array_elements_text($1::json) as place) as given order by place
     on conflict do nothing returning place",
);
static FORGET_TAKEN: Query = Query::new(
    "delete from mainstay.events_taken
     where place in (select place from mainstay.events_taken where at < $1 order by at limit $2)",
);
static READ: Query = Query::new(
    "select o.position, e.id, e.unit, e.kind, e.subject, e.key, e.data, e.context, e.at
     from mainstay.events_order o join mainstay.events_event e on e.id = o.event
     where o.position > $1 order by o.position limit $2",
);
/// What readers choose by, without what happened.
static HEADS: Query = Query::new(
    "select o.position, e.kind, e.subject, e.key
     from mainstay.events_order o join mainstay.events_event e on e.id = o.event
     where o.position > $1 order by o.position limit $2",
);
static SOME: Query = Query::new(
    "select o.position, e.id, e.unit, e.kind, e.subject, e.key, e.data, e.context, e.at
     from mainstay.events_order o join mainstay.events_event e on e.id = o.event
     where o.position {any(}$1{)} order by o.position",
);
static SINCE: Query = Query::new(
    "select min(o.position) from mainstay.events_event e join mainstay.events_order o on o.event = e.id where e.at >= $1",
);
static OF_UNIT: Query =
    Query::new("select kind, subject, key, data from mainstay.events_event where unit = $1 order by id");
/// The place up to which the oldest of those there are were before a time, the last event aside: the log never forgets where it was.
static OLD: Query = Query::new(
    "select max(position) from (
        select o.position from mainstay.events_order o join mainstay.events_event e on e.id = o.event
        where e.at < $1 and o.position < (select max(position) from mainstay.events_order)
        order by o.position limit $2) as old",
);
static FORGET: Query = Query::new(
    "delete from mainstay.events_event where id in (select event from mainstay.events_order where position <= $1)",
);
/// On SQLite the order is a view.
static FORGET_ORDER: Query = Query::new("delete from mainstay.events_order where position <= $1");
static FIRST: Query = Query::new("select min(position) from mainstay.events_order");
static LAST: Query = Query::new("select max(position) from mainstay.events_order");
static ORDER: Query = Query::new(
    "with taken as (
        delete from mainstay.events_pending
        where event in (select event from mainstay.events_pending order by event limit $1) returning event)
     insert into mainstay.events_order (position, event)
     select (select coalesce(max(position), 0) from mainstay.events_order) + row_number() over (order by event), event from taken",
);
static PENDING: Query = Query::new("select 1 from mainstay.events_pending limit 1");
static LOCK: Query = Query::new("select pg_catalog.pg_try_advisory_xact_lock(5642809479831)");

/// Writes an event of a unit.
pub(crate) fn add(conn: &mut dyn Connection, unit: &str, event: &Event, context: &str, at: i64) -> Result<()> {
    ADD.send(
        conn,
        &[
            text(unit),
            text(&*event.kind),
            text(&*event.subject),
            text(event.key.as_str()),
            text(event.data.as_str()),
            text(context),
            int(at),
        ],
    )
}

/// Remembers an event that came by what tells it from others; is it new.
pub(crate) fn remember(conn: &mut dyn Connection, place: &str) -> Result<bool> {
    let now = conn.now();
    Ok(REMEMBER.run(conn, &[text(place), int(now)])? > 0)
}

/// The same for many; returns those that are new. For PostgreSQL.
pub(crate) fn remember_all(conn: &mut dyn Connection, places: &[&str]) -> Result<HashSet<String>> {
    let now = conn.now();
    let places = serde_json::to_string(places).map_err(|error| store::Error::Internal(error.to_string()))?;
    let mut new = HashSet::new();
    REMEMBER_ALL.each(conn, &[text(places), int(now)], |row| {
        new.extend(read_text(row, 0)?);
        Ok(())
    })?;
    Ok(new)
}

/// Forgets what was taken before a time, the oldest first and at most so many; returns how many.
pub(crate) fn forget_taken(conn: &mut dyn Connection, before: i64, most: i64) -> Result<u64> {
    FORGET_TAKEN.run(conn, &[int(before), int(most)])
}

/// The events that are written down under a unit. For PostgreSQL, whose triggers write them.
pub(crate) fn of_unit(conn: &mut dyn Connection, unit: &str) -> Result<Vec<Event>> {
    let mut found = Vec::new();
    OF_UNIT.each(conn, &[text(unit)], |row| {
        let word = |column| Ok::<_, store::Error>(read_text(row, column)?.unwrap_or_default());
        found.push(Event { kind: word(0)?.into(), subject: word(1)?.into(), key: word(2)?, data: word(3)? });
        Ok(())
    })?;
    Ok(found)
}

/// Events after a position, in order, at most so many.
pub(crate) fn read(conn: &mut dyn Connection, after: i64, most: i64) -> Result<Vec<Logged>> {
    let mut found = Vec::new();
    READ.each(conn, &[int(after), int(most)], |row| {
        found.push(logged(row)?);
        Ok(())
    })?;
    Ok(found)
}

fn logged(row: &dyn Row) -> Result<Logged> {
    let word = |column| Ok::<_, store::Error>(read_text(row, column)?.unwrap_or_default());
    Ok(Logged {
        position: read_int(row, 0)?,
        id: read_int(row, 1)?,
        unit: word(2)?,
        kind: word(3)?,
        subject: word(4)?,
        key: word(5)?,
        data: word(6)?,
        context: word(7)?,
        at: read_int(row, 8)?,
    })
}

/// Events after a position without what happened, in order, at most so many. For readers that choose.
///
/// # Errors
/// Those of the store.
pub fn heads(conn: &mut dyn Connection, after: i64, most: i64) -> Result<Vec<Head>> {
    let mut found = Vec::new();
    HEADS.each(conn, &[int(after), int(most)], |row| {
        let word = |column| Ok::<_, store::Error>(read_text(row, column)?.unwrap_or_default());
        found.push(Head { position: read_int(row, 0)?, kind: word(1)?, subject: word(2)?, key: word(3)? });
        Ok(())
    })?;
    Ok(found)
}

/// The events at these positions, in order; those that are forgotten are left out.
///
/// # Errors
/// Those of the store.
pub fn at(conn: &mut dyn Connection, positions: &[i64]) -> Result<Vec<Logged>> {
    let mut found = Vec::new();
    SOME.each(conn, &[ints(positions.iter().copied())], |row| {
        found.push(logged(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// The first position of an event of this time (microseconds since 1970 UTC) or a later one; `None` when there is none yet.
///
/// # Errors
/// Those of the store.
pub fn since(conn: &mut dyn Connection, at: i64) -> Result<Option<i64>> {
    let mut found = 0;
    SINCE.each(conn, &[int(at)], |row| {
        found = read_int(row, 0)?;
        Ok(())
    })?;
    Ok((found > 0).then_some(found))
}

/// Are there events without a position. For PostgreSQL.
pub(crate) fn is_pending(conn: &mut dyn Connection) -> Result<bool> {
    Ok(PENDING.each(conn, &[], |_| Ok(()))? > 0)
}

/// Forgets events that were before a time, the oldest first and at most so many; returns how many.
pub(crate) fn forget(conn: &mut dyn Connection, before: i64, most: i64) -> Result<u64> {
    let mut upto = 0;
    OLD.each(conn, &[int(before), int(most)], |row| {
        upto = read_int(row, 0)?;
        Ok(())
    })?;
    if upto == 0 {
        return Ok(0);
    }
    let gone = FORGET.run(conn, &[int(upto)])?;
    if conn.engine() == Engine::Postgres {
        FORGET_ORDER.run(conn, &[int(upto)])?;
    }
    Ok(gone)
}

/// The first position that is still there; 0 for an empty log.
///
/// # Errors
/// Those of the store.
pub fn first(conn: &mut dyn Connection) -> Result<i64> {
    let mut first = 0;
    FIRST.each(conn, &[], |row| {
        first = read_int(row, 0)?;
        Ok(())
    })?;
    Ok(first)
}

/// The last position; 0 for an empty log.
///
/// # Errors
/// Those of the store.
pub fn last(conn: &mut dyn Connection) -> Result<i64> {
    let mut last = 0;
    LAST.each(conn, &[], |row| {
        last = read_int(row, 0)?;
        Ok(())
    })?;
    Ok(last)
}

/// Gives positions to events that have none, at most so many; returns how many. Does nothing while another server does it. For PostgreSQL.
pub(crate) fn order(conn: &mut dyn Connection, most: i64) -> Result<u64> {
    let mut mine = false;
    LOCK.each(conn, &[], |row: &dyn Row| {
        mine = row.value(0, &values::Type::Bool)? == values::Value::Int(1);
        Ok(())
    })?;
    if mine { ORDER.run(conn, &[int(most)]) } else { Ok(0) }
}

/// All statements of the room by name, so that a test can prepare each on both engines and keep its plan.
pub static QUERIES: &[(&str, &Query)] = &[
    ("add", &ADD),
    ("remember", &REMEMBER),
    ("remember_all", &REMEMBER_ALL),
    ("forget_taken", &FORGET_TAKEN),
    ("read", &READ),
    ("heads", &HEADS),
    ("some", &SOME),
    ("since", &SINCE),
    ("of_unit", &OF_UNIT),
    ("old", &OLD),
    ("forget", &FORGET),
    ("forget_order", &FORGET_ORDER),
    ("first", &FIRST),
    ("last", &LAST),
    ("order", &ORDER),
    ("pending", &PENDING),
    ("lock", &LOCK),
    ("unwatched", &crate::capture::UNWATCHED),
];
