//! The room's tables and statements.

use std::collections::HashSet;
use std::fmt::Write as _;

use store::house::{Query, Tables, bytes, int, ints, read_bytes, read_int, read_text, text};
use store::{Connection, Engine, Event, Param, Result, Row};

use crate::chain::{self, Link};
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
    ],
    // The chain, from where the log is now. `at` of the anchor: nothing that happened later is forgotten.
    &[
        "create table mainstay.events_mark (name text primary key, position {int} not null, link text not null, at {int} not null) {keyed}",
        "insert into mainstay.events_mark (name, position, link, at)
            select 'anchor', coalesce((select max(position) from mainstay.events_order), 0), '', coalesce((select min(at) from mainstay.events_event), 0)",
        "insert into mainstay.events_mark (name, position, link, at) select 'head', position, '', 0 from mainstay.events_mark",
        "{sqlite} alter table mainstay.events_event add column link blob",
        "{sqlite} drop view mainstay.events_order",
        "{sqlite} create view mainstay.events_order as select id as position, id as event, link from mainstay.events_event",
        "{postgres} alter table mainstay.events_order add column link bytea",
    ]],
};

static ADD: Query = Query::new(
    "insert into mainstay.events_event (unit, kind, subject, key, data, context, at) values ($1, $2, $3, $4, $5, $6, $7)",
);
/// SQLite's: the place is the next one, and the link is known.
static ADD_LINKED: Query = Query::new(
    "insert into mainstay.events_event (id, unit, kind, subject, key, data, context, at, link)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
);
static END: Query = Query::new("select position, link from mainstay.events_order order by position desc limit 1");
static MARK: Query = Query::new("select position, link, at from mainstay.events_mark where name = $1");
static MOVE_HEAD: Query = Query::new("update mainstay.events_mark set position = $1, link = $2 where name = 'head'");
/// What is older than the chain was forgotten before it began.
static MOVE_ANCHOR: Query =
    Query::new("update mainstay.events_mark set position = $1, link = $2 where name = 'anchor' and position < $1");
static AGE_ANCHOR: Query = Query::new("update mainstay.events_mark set at = $1 where name = 'anchor' and at < $1");
static LINK_AT: Query = Query::new("select link from mainstay.events_order where position = $1");
static YOUNGEST: Query = Query::new(
    "select max(e.at) from mainstay.events_order o join mainstay.events_event e on e.id = o.event where o.position <= $1",
);
static LINKED: Query = Query::new(
    "select o.position, o.link, e.id, e.unit, e.kind, e.subject, e.key, e.data, e.context, e.at
     from mainstay.events_order o left join mainstay.events_event e on e.id = o.event
     where o.position > $1 order by o.position limit $2",
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
/// The events that are written down under a unit. For PostgreSQL, whose triggers write them.
pub(crate) static OF_UNIT: Query =
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
     select e.id, sha256(convert_to(concat(
        octet_length(e.unit), ':', e.unit, octet_length(e.kind), ':', e.kind, octet_length(e.subject), ':', e.subject,
        octet_length(e.key), ':', e.key, octet_length(e.data), ':', e.data, octet_length(e.context), ':', e.context,
        octet_length(e.at::text), ':', e.at), 'UTF8'))
     from taken t join mainstay.events_event e on e.id = t.event order by e.id",
);
static PLACE: Query = Query::new(
    "insert into mainstay.events_order (position, event, link)
     select position, event, decode(link, 'hex')
     from json_to_recordset($1::json) as placed (position bigint, event bigint, link text)",
);
static PENDING: Query = Query::new("select 1 from mainstay.events_pending limit 1");
static LOCK: Query = Query::new("select pg_catalog.pg_try_advisory_xact_lock(5642809479831)");

/// Writes the events of a unit.
pub(crate) fn add_all(conn: &mut dyn Connection, unit: &str, events: &[Event], context: &str, at: i64) -> Result<()> {
    if conn.engine() == Engine::Postgres {
        return events.iter().try_for_each(|event| add(conn, unit, event, context, at));
    }
    let (mut position, mut before) = end(conn)?;
    for event in events {
        position += 1;
        let said = chain::content([unit, &event.kind, &event.subject, &event.key, &event.data, context], at);
        before = chain::link(&before, position, &said);
        ADD_LINKED.send(
            conn,
            &[
                int(position),
                text(unit),
                text(&*event.kind),
                text(&*event.subject),
                text(event.key.as_str()),
                text(event.data.as_str()),
                text(context),
                int(at),
                bytes(before),
            ],
        )?;
    }
    Ok(())
}

fn add(conn: &mut dyn Connection, unit: &str, event: &Event, context: &str, at: i64) -> Result<()> {
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
    let found = number(conn, &SINCE, &[int(at)])?;
    Ok((found > 0).then_some(found))
}

/// Are there events without a position. For PostgreSQL.
pub(crate) fn is_pending(conn: &mut dyn Connection) -> Result<bool> {
    Ok(PENDING.each(conn, &[], |_| Ok(()))? > 0)
}

/// Forgets events that were before a time, and the oldest where there are more than `rows` (0: as many as there are), at most so many; returns how
/// many. The anchor of the chain moves along.
pub(crate) fn forget(conn: &mut dyn Connection, before: i64, rows: i64, most: i64) -> Result<u64> {
    let mut upto = number(conn, &OLD, &[int(before), int(most)])?;
    if rows > 0 {
        let (first, last) = (first(conn)?, last(conn)?);
        let surplus = (last - rows).min(first + most - 1).min(last - 1);
        upto = upto.max(if first > 0 && surplus >= first { surplus } else { 0 });
    }
    if upto == 0 {
        return Ok(0);
    }
    let mut link = None;
    LINK_AT.each(conn, &[int(upto)], |row| {
        link = read_bytes(row, 0)?;
        Ok(())
    })?;
    let youngest = number(conn, &YOUNGEST, &[int(upto)])?;
    if let Some(link) = link {
        MOVE_ANCHOR.run(conn, &[int(upto), text(crypto::hex(&link_of(Some(link))))])?;
    }
    AGE_ANCHOR.run(conn, &[int(youngest)])?;
    let gone = FORGET.run(conn, &[int(upto)])?;
    if conn.engine() == Engine::Postgres {
        FORGET_ORDER.run(conn, &[int(upto)])?;
    }
    Ok(gone)
}

/// The number that a query finds; 0 when it finds none.
fn number(conn: &mut dyn Connection, query: &'static Query, params: &[Param]) -> Result<i64> {
    let mut found = 0;
    query.each(conn, params, |row| {
        found = read_int(row, 0)?;
        Ok(())
    })?;
    Ok(found)
}

/// The first position that is still there; 0 for an empty log.
///
/// # Errors
/// Those of the store.
pub fn first(conn: &mut dyn Connection) -> Result<i64> {
    number(conn, &FIRST, &[])
}

/// The last position; 0 for an empty log.
///
/// # Errors
/// Those of the store.
pub fn last(conn: &mut dyn Connection) -> Result<i64> {
    number(conn, &LAST, &[])
}

/// Gives positions to events that have none, at most so many; returns how many. Does nothing while another server does it. For PostgreSQL.
pub(crate) fn order(conn: &mut dyn Connection, most: i64) -> Result<u64> {
    let mut mine = false;
    LOCK.each(conn, &[], |row: &dyn Row| {
        mine = row.value(0, &values::Type::Bool)? == values::Value::Int(1);
        Ok(())
    })?;
    if !mine {
        return Ok(0);
    }
    let mut found: Vec<(i64, Link)> = Vec::new();
    ORDER.each(conn, &[int(most)], |row| {
        found.push((read_int(row, 0)?, link_of(read_bytes(row, 1)?)));
        Ok(())
    })?;
    let (mut position, mut before) = end(conn)?;
    let mut placed = String::from("[");
    for (event, content) in &found {
        position += 1;
        before = chain::link(&before, position, content);
        let comma = if placed.len() > 1 { "," } else { "" };
        let link = crypto::hex(&before);
        let _ = write!(placed, r#"{comma}{{"position":{position},"event":{event},"link":"{link}"}}"#);
    }
    placed.push(']');
    if !found.is_empty() {
        PLACE.run(conn, &[text(placed)])?;
        move_head(conn, position, &before)?;
    }
    Ok(found.len() as u64)
}

/// The last place and its link; where there is none, or it is older than the chain, the chain begins there.
fn end(conn: &mut dyn Connection) -> Result<(i64, Link)> {
    let mut last = (0, chain::NOTHING);
    END.each(conn, &[], |row| {
        last = (read_int(row, 0)?, link_of(read_bytes(row, 1)?));
        Ok(())
    })?;
    Ok(last)
}

/// A link as it is kept; nothing where none is.
fn link_of(bytes: Option<Vec<u8>>) -> Link {
    bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or(chain::NOTHING)
}

fn move_head(conn: &mut dyn Connection, position: i64, link: &Link) -> Result<()> {
    MOVE_HEAD.run(conn, &[int(position), text(crypto::hex(link))]).map(drop)
}

/// The log goes up to its last event now. For SQLite, once for all that is committed together.
pub(crate) fn seal(conn: &mut dyn Connection) -> Result<()> {
    let (position, link) = end(conn)?;
    move_head(conn, position, &link)
}

/// Names of marks.
pub(crate) const ANCHOR: &str = "anchor";
pub(crate) const HEAD: &str = "head";

/// A place that is kept beside the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) position: i64,
    pub(crate) link: Link,
    pub(crate) at: i64,
}

/// Where the chain begins or ends.
pub(crate) fn mark(conn: &mut dyn Connection, name: &str) -> Result<Mark> {
    let mut mark = Mark { position: 0, link: chain::NOTHING, at: 0 };
    MARK.each(conn, &[text(name)], |row| {
        let link = read_text(row, 1)?.unwrap_or_default();
        mark = Mark { position: read_int(row, 0)?, link: unhex(&link), at: read_int(row, 2)? };
        Ok(())
    })?;
    Ok(mark)
}

fn unhex(text: &str) -> Link {
    let mut link = chain::NOTHING;
    for (byte, digits) in link.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok()).unwrap_or(0);
    }
    link
}

/// A place, the link that stands there, and the event if it is there.
pub(crate) type Linked = (i64, Option<Vec<u8>>, Option<Logged>);

/// Places after one, in order, at most so many.
pub(crate) fn linked(conn: &mut dyn Connection, after: i64, most: i64) -> Result<Vec<Linked>> {
    let mut found = Vec::new();
    LINKED.each(conn, &[int(after), int(most)], |row| {
        let position = read_int(row, 0)?;
        let word = |column| Ok::<_, store::Error>(read_text(row, column)?.unwrap_or_default());
        let event = if row.is_null(2) {
            None
        } else {
            Some(Logged {
                position,
                id: read_int(row, 2)?,
                unit: word(3)?,
                kind: word(4)?,
                subject: word(5)?,
                key: word(6)?,
                data: word(7)?,
                context: word(8)?,
                at: read_int(row, 9)?,
            })
        };
        found.push((position, read_bytes(row, 1)?, event));
        Ok(())
    })?;
    Ok(found)
}

/// All statements of the room by name, so that a test can prepare each on both engines and keep its plan.
pub static QUERIES: &[(&str, &Query)] = &[
    ("add", &ADD),
    ("add_linked", &ADD_LINKED),
    ("end", &END),
    ("mark", &MARK),
    ("move_head", &MOVE_HEAD),
    ("move_anchor", &MOVE_ANCHOR),
    ("age_anchor", &AGE_ANCHOR),
    ("link_at", &LINK_AT),
    ("youngest", &YOUNGEST),
    ("linked", &LINKED),
    ("place", &PLACE),
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
    ("back", &crate::look::BACK),
    ("recent", &crate::look::RECENT),
];
