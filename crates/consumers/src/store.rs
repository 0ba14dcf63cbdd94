//! The room's tables and statements.

use store::house::{Query, Tables, int, ints, read_int, read_text, text, texts};
use store::{Connection, Param, Result, Row};

use crate::model::{DeadLetter, Group, Partition, Settings};

/// The room's tables. A row of `delivery` is an event that is held: waiting (`deliveries` 0), leased (`lease` is not empty) or delayed; none of the
/// three before `due_at`. `body` is a copy of the event where the log may have forgotten it.
pub const TABLES: Tables = Tables {
    room: "consumers",
    versions: &[&[
        "create table mainstay.consumers_group (
            durable text primary key, settings text not null, created_at {int} not null
        ) {keyed}",
        "create table mainstay.consumers_partition (
            durable text not null, number {int} not null, cursor {int} not null, missed {int} not null, primary key (durable, number)
        ) {keyed}",
        "create table mainstay.consumers_delivery (
            durable text not null, position {int} not null, part {int} not null, key text not null, deliveries {int} not null,
            due_at {int} not null, lease text not null, reason text not null, body text, primary key (durable, position)
        ) {keyed}",
        "create index consumers_delivery_key on mainstay.consumers_delivery (durable, key, position, due_at)",
        "create table mainstay.consumers_dead (
            durable text not null, position {int} not null, part {int} not null, key text not null, delivered {int} not null,
            reason text not null, at {int} not null, body text, primary key (durable, position)
        ) {strict}",
    ]],
};

static GROUP: Query =
    Query::new("select durable, settings, created_at from mainstay.consumers_group where durable = $1");
static LOCK: Query =
    Query::new("select durable, settings, created_at from mainstay.consumers_group where durable = $1 {locked}");
static GROUPS: Query =
    Query::new("select durable, settings, created_at from mainstay.consumers_group order by durable");
static ADD: Query = Query::new(
    "insert into mainstay.consumers_group (durable, settings, created_at) values ($1, $2, $3) on conflict (durable) do nothing",
);
static CHANGE: Query = Query::new("update mainstay.consumers_group set settings = $2 where durable = $1");
static DROP: Query = Query::new("delete from mainstay.consumers_group where durable = $1");
static ADD_PARTITION: Query =
    Query::new("insert into mainstay.consumers_partition (durable, number, cursor, missed) values ($1, $2, $3, 0)");
static PARTITIONS: Query =
    Query::new("select cursor, missed from mainstay.consumers_partition where durable = $1 order by number");
static ADVANCE: Query = Query::new(
    "update mainstay.consumers_partition set cursor = $3 where durable = $1 and number {any(}$2{)} and cursor < $3",
);
static MISS: Query =
    Query::new("update mainstay.consumers_partition set missed = missed + $3 where durable = $1 and number = $2");
static SEEK: Query = Query::new("update mainstay.consumers_partition set cursor = $2 where durable = $1");
static DROP_PARTITIONS: Query = Query::new("delete from mainstay.consumers_partition where durable = $1");
static HOLD: Query = Query::new(
    "insert into mainstay.consumers_delivery (durable, position, part, key, deliveries, due_at, lease, reason, body)
     values ($1, $2, $3, $4, 0, 0, '', '', $5) on conflict (durable, position) do nothing",
);
static HELD: Query = Query::new(
    "select part, count(*), coalesce(sum(case when deliveries > 0 then 1 else 0 end), 0)
     from mainstay.consumers_delivery where durable = $1 group by part",
);
/// The first of each key whose time has come, unless another of the key is out.
static DUE: Query = Query::new(
    "select d.position, d.part, d.deliveries, d.reason, d.body from mainstay.consumers_delivery d
     where d.durable = $1 and d.due_at <= $2 and (d.part = $3 or $3 < 0) and (d.deliveries > 0 or $4 > 0)
       and not exists (select 1 from mainstay.consumers_delivery o
                       where o.durable = d.durable and o.key = d.key and o.position < d.position)
       and not exists (select 1 from mainstay.consumers_delivery o
                       where o.durable = d.durable and o.key = d.key and o.position > d.position and o.due_at > $2)
     order by d.position limit $5",
);
static NEXT_DUE: Query =
    Query::new("select min(due_at) from mainstay.consumers_delivery where durable = $1 and due_at > $2");
static LEASE: Query = Query::new(
    "update mainstay.consumers_delivery
     set lease = $2 || cast(position as text), due_at = $3, deliveries = deliveries + 1
     where durable = $1 and position {any(}$4{)} and due_at <= $5 returning position",
);
static DONE: Query = Query::new(
    "delete from mainstay.consumers_delivery
     where durable = $1 and position {any(}$2{)} and lease {any(}$3{)} returning position",
);
static LET_GO: Query = Query::new(
    "update mainstay.consumers_delivery set lease = '', due_at = $4, reason = $5
     where durable = $1 and position {any(}$2{)} and lease {any(}$3{)} returning position, deliveries",
);
static EXTEND: Query = Query::new(
    "update mainstay.consumers_delivery set due_at = $4
     where durable = $1 and position {any(}$2{)} and lease {any(}$3{)} returning position",
);
static DELAY: Query =
    Query::new("update mainstay.consumers_delivery set lease = '', due_at = $3 where durable = $1 and position = $2");
static FORGET: Query = Query::new("delete from mainstay.consumers_delivery where durable = $1 and position = $2");
static FORGET_ALL: Query = Query::new("delete from mainstay.consumers_delivery where durable = $1");
static LOOK: Query = Query::new(
    "select position, part, key, deliveries, body from mainstay.consumers_delivery where durable = $1 and position = $2",
);
static BURY: Query = Query::new(
    "insert into mainstay.consumers_dead (durable, position, part, key, delivered, reason, at, body)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (durable, position) do update set delivered = excluded.delivered, reason = excluded.reason, at = excluded.at",
);
static DEAD: Query = Query::new(
    "select position, part, key, delivered, reason, at, body from mainstay.consumers_dead
     where durable = $1 and position > $2 order by position limit $3",
);
static DEAD_COUNT: Query = Query::new("select count(*) from mainstay.consumers_dead where durable = $1");
static DISCARD: Query = Query::new("delete from mainstay.consumers_dead where durable = $1 and position = $2");
static DISCARD_ALL: Query = Query::new("delete from mainstay.consumers_dead where durable = $1");

fn group_of(row: &dyn Row) -> Result<Group> {
    let settings = read_text(row, 1)?.unwrap_or_default();
    let settings: Settings = serde_json::from_str(&settings)
        .map_err(|error| store::Error::Internal(format!("a group's settings cannot be read: {error}")))?;
    Ok(Group { durable: read_text(row, 0)?.unwrap_or_default(), settings, created_at: read_int(row, 2)? })
}

/// A group; `locked`: kept for this transaction until it ends.
pub(crate) fn group(conn: &mut dyn Connection, durable: &str, locked: bool) -> Result<Option<Group>> {
    let mut found = None;
    let query = if locked { &LOCK } else { &GROUP };
    query.each(conn, &[text(durable)], |row| {
        found = Some(group_of(row)?);
        Ok(())
    })?;
    Ok(found)
}

pub(crate) fn groups(conn: &mut dyn Connection) -> Result<Vec<Group>> {
    let mut found = Vec::new();
    GROUPS.each(conn, &[], |row| {
        found.push(group_of(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// Adds a group whose partitions have all read up to a position. False when somebody else was faster.
pub(crate) fn add(conn: &mut dyn Connection, group: &Group, cursor: i64) -> Result<bool> {
    let settings = written(&group.settings)?;
    if ADD.run(conn, &[text(&*group.durable), text(settings), int(group.created_at)])? == 0 {
        return Ok(false);
    }
    for number in 0..group.settings.partitions {
        ADD_PARTITION.send(conn, &[text(&*group.durable), int(i64::from(number)), int(cursor)])?;
    }
    Ok(true)
}

pub(crate) fn change(conn: &mut dyn Connection, durable: &str, settings: &Settings) -> Result<()> {
    CHANGE.run(conn, &[text(durable), text(written(settings)?)]).map(drop)
}

fn written(settings: &Settings) -> Result<String> {
    serde_json::to_string(settings).map_err(|error| store::Error::Internal(error.to_string()))
}

/// Forgets a group and everything of it; false when there is none.
pub(crate) fn drop_group(conn: &mut dyn Connection, durable: &str) -> Result<bool> {
    for query in [&FORGET_ALL, &DISCARD_ALL, &DROP_PARTITIONS] {
        query.run(conn, &[text(durable)])?;
    }
    Ok(DROP.run(conn, &[text(durable)])? > 0)
}

/// How far a group has read, by partition, with what it missed.
pub(crate) fn partitions(conn: &mut dyn Connection, durable: &str) -> Result<Vec<Partition>> {
    let mut found = Vec::new();
    PARTITIONS.each(conn, &[text(durable)], |row| {
        found.push(Partition { cursor: read_int(row, 0)?, missed: read_int(row, 1)?, ..Partition::default() });
        Ok(())
    })?;
    Ok(found)
}

/// These partitions have read up to a position, unless they are further already.
pub(crate) fn advance(conn: &mut dyn Connection, durable: &str, partitions: &[i64], cursor: i64) -> Result<()> {
    ADVANCE.send(conn, &[text(durable), ints(partitions.iter().copied()), int(cursor)])
}

pub(crate) fn miss(conn: &mut dyn Connection, durable: &str, partition: i64, positions: i64) -> Result<()> {
    MISS.send(conn, &[text(durable), int(partition), int(positions)])
}

/// All partitions go on behind a position, and nothing is held any more.
pub(crate) fn seek(conn: &mut dyn Connection, durable: &str, cursor: i64) -> Result<()> {
    FORGET_ALL.run(conn, &[text(durable)])?;
    SEEK.run(conn, &[text(durable), int(cursor)]).map(drop)
}

/// Holds an event, with a copy of it where the log may forget it.
pub(crate) fn hold(
    conn: &mut dyn Connection,
    durable: &str,
    held: (i64, u32, &str),
    body: Option<String>,
) -> Result<()> {
    let (position, partition, key) = held;
    let body = body.map_or(Param::Null, text);
    HOLD.send(conn, &[text(durable), int(position), int(i64::from(partition)), text(key), body])
}

/// What is held, by partition: all, and those that were delivered.
pub(crate) fn held(conn: &mut dyn Connection, durable: &str) -> Result<Vec<(i64, i64, i64)>> {
    let mut found = Vec::new();
    HELD.each(conn, &[text(durable)], |row| {
        found.push((read_int(row, 0)?, read_int(row, 1)?, read_int(row, 2)?));
        Ok(())
    })?;
    Ok(found)
}

/// A held event whose turn it is.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) position: i64,
    pub(crate) partition: u32,
    pub(crate) deliveries: i64,
    pub(crate) reason: String,
    pub(crate) body: Option<String>,
}

/// Which held events are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) now: i64,
    pub(crate) partition: Option<u32>,
    /// Those that were never delivered as well.
    pub(crate) fresh: bool,
    pub(crate) most: i64,
}

pub(crate) fn due(conn: &mut dyn Connection, durable: &str, turn: Turn) -> Result<Vec<Due>> {
    let mut found = Vec::new();
    let partition = turn.partition.map_or(-1, i64::from);
    let params = [text(durable), int(turn.now), int(partition), int(i64::from(turn.fresh)), int(turn.most)];
    DUE.each(conn, &params, |row| {
        found.push(Due {
            position: read_int(row, 0)?,
            partition: number(read_int(row, 1)?)?,
            deliveries: read_int(row, 2)?,
            reason: read_text(row, 3)?.unwrap_or_default(),
            body: read_text(row, 4)?,
        });
        Ok(())
    })?;
    Ok(found)
}

fn number(read: i64) -> Result<u32> {
    u32::try_from(read).map_err(|error| store::Error::Internal(error.to_string()))
}

/// When the next leased or delayed event comes due.
pub(crate) fn next_due(conn: &mut dyn Connection, durable: &str, now: i64) -> Result<Option<i64>> {
    let mut found = 0;
    NEXT_DUE.each(conn, &[text(durable), int(now)], |row| {
        found = read_int(row, 0)?;
        Ok(())
    })?;
    Ok((found > 0).then_some(found))
}

/// Leases events until a time, under a name and each one's position. Those that are not due any more are left out.
pub(crate) fn lease(
    conn: &mut dyn Connection,
    durable: &str,
    name: &str,
    positions: &[i64],
    (now, until): (i64, i64),
) -> Result<Vec<i64>> {
    let of = ints(positions.iter().copied());
    positions_of(&LEASE, conn, &[text(durable), text(name), int(until), of, int(now)])
}

fn positions_of(query: &Query, conn: &mut dyn Connection, params: &[Param]) -> Result<Vec<i64>> {
    let mut found = Vec::new();
    query.each(conn, params, |row| {
        found.push(read_int(row, 0)?);
        Ok(())
    })?;
    Ok(found)
}

fn leased(durable: &str, leases: &[(i64, &str)]) -> [Param; 3] {
    let positions = ints(leases.iter().map(|(position, _)| *position));
    [text(durable), positions, texts(leases.iter().map(|(_, lease)| (*lease).to_owned()))]
}

/// Lets go of events that are done; returns which were held under these leases.
pub(crate) fn done(conn: &mut dyn Connection, durable: &str, leases: &[(i64, &str)]) -> Result<Vec<i64>> {
    positions_of(&DONE, conn, &leased(durable, leases))
}

/// Gives more time.
pub(crate) fn extend(conn: &mut dyn Connection, durable: &str, leases: &[(i64, &str)], until: i64) -> Result<Vec<i64>> {
    let [durable, positions, leases] = leased(durable, leases);
    positions_of(&EXTEND, conn, &[durable, positions, leases, int(until)])
}

/// Puts events back until a time; returns which, and how often each was delivered.
pub(crate) fn let_go(
    conn: &mut dyn Connection,
    durable: &str,
    leases: &[(i64, &str)],
    until: i64,
    reason: &str,
) -> Result<Vec<(i64, i64)>> {
    let [durable, positions, leases] = leased(durable, leases);
    let mut found = Vec::new();
    LET_GO.each(conn, &[durable, positions, leases, int(until), text(reason)], |row| {
        found.push((read_int(row, 0)?, read_int(row, 1)?));
        Ok(())
    })?;
    Ok(found)
}

/// Puts an event back until a time.
pub(crate) fn delay(conn: &mut dyn Connection, durable: &str, position: i64, until: i64) -> Result<()> {
    DELAY.run(conn, &[text(durable), int(position), int(until)]).map(drop)
}

/// A held event without its state, as a dead letter would have it.
pub(crate) fn look(conn: &mut dyn Connection, durable: &str, position: i64) -> Result<Option<DeadLetter>> {
    let mut found = None;
    LOOK.each(conn, &[text(durable), int(position)], |row| {
        found = Some(DeadLetter {
            position: read_int(row, 0)?,
            partition: number(read_int(row, 1)?)?,
            key: read_text(row, 2)?.unwrap_or_default(),
            delivered: read_int(row, 3)?,
            reason: String::new(),
            at: 0,
            event: read_text(row, 4)?,
        });
        Ok(())
    })?;
    Ok(found)
}

/// A held event becomes a dead letter.
pub(crate) fn bury(conn: &mut dyn Connection, durable: &str, letter: &DeadLetter) -> Result<()> {
    FORGET.run(conn, &[text(durable), int(letter.position)])?;
    BURY.run(
        conn,
        &[
            text(durable),
            int(letter.position),
            int(i64::from(letter.partition)),
            text(&*letter.key),
            int(letter.delivered),
            text(&*letter.reason),
            int(letter.at),
            letter.event.as_deref().map_or(Param::Null, text),
        ],
    )
    .map(drop)
}

/// Dead letters behind a position.
pub(crate) fn dead(conn: &mut dyn Connection, durable: &str, after: i64, most: i64) -> Result<Vec<DeadLetter>> {
    let mut found = Vec::new();
    DEAD.each(conn, &[text(durable), int(after), int(most)], |row| {
        found.push(DeadLetter {
            position: read_int(row, 0)?,
            partition: number(read_int(row, 1)?)?,
            key: read_text(row, 2)?.unwrap_or_default(),
            delivered: read_int(row, 3)?,
            reason: read_text(row, 4)?.unwrap_or_default(),
            at: read_int(row, 5)?,
            event: read_text(row, 6)?,
        });
        Ok(())
    })?;
    Ok(found)
}

pub(crate) fn dead_count(conn: &mut dyn Connection, durable: &str) -> Result<i64> {
    let mut count = 0;
    DEAD_COUNT.each(conn, &[text(durable)], |row| {
        count = read_int(row, 0)?;
        Ok(())
    })?;
    Ok(count)
}

/// Forgets a dead letter; false when there is none.
pub(crate) fn discard(conn: &mut dyn Connection, durable: &str, position: i64) -> Result<bool> {
    Ok(DISCARD.run(conn, &[text(durable), int(position)])? > 0)
}

/// All statements of the room by name, so that a test can prepare each on both engines and keep its plan.
pub static QUERIES: &[(&str, &Query)] = &[
    ("group", &GROUP),
    ("lock", &LOCK),
    ("groups", &GROUPS),
    ("add", &ADD),
    ("change", &CHANGE),
    ("drop", &DROP),
    ("add_partition", &ADD_PARTITION),
    ("partitions", &PARTITIONS),
    ("advance", &ADVANCE),
    ("miss", &MISS),
    ("seek", &SEEK),
    ("drop_partitions", &DROP_PARTITIONS),
    ("hold", &HOLD),
    ("held", &HELD),
    ("due", &DUE),
    ("next_due", &NEXT_DUE),
    ("lease", &LEASE),
    ("done", &DONE),
    ("let_go", &LET_GO),
    ("extend", &EXTEND),
    ("delay", &DELAY),
    ("forget", &FORGET),
    ("forget_all", &FORGET_ALL),
    ("look", &LOOK),
    ("bury", &BURY),
    ("dead", &DEAD),
    ("dead_count", &DEAD_COUNT),
    ("discard", &DISCARD),
    ("discard_all", &DISCARD_ALL),
];
