//! The room's tables and statements. Rows are added; none is changed afterwards.
//!
//! A leaf is written in the unit of its act; its *place* (its index and one) stands apart from it, so that giving it costs little. On SQLite
//! one writer writes one leaf after the other, so a leaf's id is its place. PostgreSQL gives ids before it commits: there each leaf is
//! *pending* until the sequencer gives it a place, in the order of ids among those it sees. A transaction that commits late gets its
//! places when it is seen: nothing is skipped, and there are no gaps.

use crypto::SealKey;
use crypto::tlog::{
    Hash, LastCosigned, Note, TILE_WIDTH, Tile, TileError, TileHashes, TileKind, encode_entry, leaf_hash, perfect_root,
    tree_root,
};
use kernel::{Id, Micros, Random, Secret};
use store::house::{Query, Tables, bytes, int, read_bytes, read_int, text};
use store::{Connection, Engine, Error, Result};

use crate::personal::SubjectKey;

const WIDTH: u64 = TILE_WIDTH as u64;
/// Whoever holds it is the sequencer. The number means nothing; it only has to be this room's.
const LOCK_NUMBER: i64 = 0x6d73_6175_6469_7431;

/// The room's tables.
pub const TABLES: Tables = Tables {
    room: "audit",
    versions: &[
        &[
            "create table mainstay.audit_leaf (
            id {serial}, seq {int}, hash {bytes} not null, entry {bytes} not null
        ) {strict}",
            "create unique index audit_leaf_seq on mainstay.audit_leaf (seq)",
            "{postgres} create index audit_leaf_waiting on mainstay.audit_leaf (id) where seq is null",
            // Roots of 256^level leaves each, level 1 and up: what stands in tiles above the leaves.
            "create table mainstay.audit_node (
            level {int} not null, place {int} not null, hash {bytes} not null, primary key (level, place)
        ) {keyed}",
            "create table mainstay.audit_checkpoint (size {int} primary key, signed_at {int} not null, note {bytes} not null) {strict}",
            // What this house cosigned last for other logs, by the hash of their origin.
            "create table mainstay.audit_witness (
            origin {bytes} primary key, size {int} not null, root {bytes} not null, note {bytes} not null
        ) {keyed}",
            // The key of each person. Deleting the row erases what the log says about them.
            "create table mainstay.audit_subject (subject text primary key, id {bytes} not null, key {bytes} not null) {keyed}",
            "create unique index audit_subject_id on mainstay.audit_subject (id)",
        ],
        &[
            "{postgres} create table mainstay.audit_order (place bigint primary key, leaf bigint not null)",
            "{postgres} insert into mainstay.audit_order (place, leaf) select seq + 1, id from mainstay.audit_leaf where seq is not null",
            // Without an index: it is short, and read as a whole.
            "{postgres} create table mainstay.audit_pending (leaf bigint not null)",
            "{postgres} insert into mainstay.audit_pending (leaf) select id from mainstay.audit_leaf where seq is null",
            "{postgres} drop index mainstay.audit_leaf_waiting",
            "{postgres} drop index mainstay.audit_leaf_seq",
            "{sqlite} drop index audit_leaf_seq",
            "alter table mainstay.audit_leaf drop column seq",
            "{sqlite} create view mainstay.audit_order as select id as place, id as leaf from mainstay.audit_leaf",
            "{sqlite} create view mainstay.audit_pending as select id as leaf from mainstay.audit_leaf
            where id > (select coalesce(max(size), 0) from mainstay.audit_checkpoint)",
        ],
    ],
};

static APPEND: Query = Query::new("insert into mainstay.audit_leaf (hash, entry) values ($1, $2)");
static APPEND_PENDING: Query = Query::new(
    "with leaf as (insert into mainstay.audit_leaf (hash, entry) values ($1, $2) returning id)
     insert into mainstay.audit_pending (leaf) select id from leaf",
);
static WAITING: Query = Query::new(
    "select case when exists (select 1 from mainstay.audit_pending)
        or not exists (select 1 from mainstay.audit_checkpoint) then 1 else 0 end",
);
static SIZE: Query = Query::new("select coalesce(max(place), 0) from mainstay.audit_order");
static SIGNED_SIZE: Query = Query::new("select coalesce(max(size), 0) from mainstay.audit_checkpoint");
static NUMBER: Query = Query::new(
    "with taken as (
        delete from mainstay.audit_pending
        where ctid = any (array(select ctid from mainstay.audit_pending limit $2)) returning leaf)
     insert into mainstay.audit_order (place, leaf) select $1 + row_number() over (order by leaf), leaf from taken",
);
static HASHES: Query = Query::new(
    "select o.place, l.hash from mainstay.audit_order o join mainstay.audit_leaf l on l.id = o.leaf
     where o.place > $1 and o.place <= $2 order by o.place",
);
static ENTRIES: Query = Query::new(
    "select o.place, l.entry from mainstay.audit_order o join mainstay.audit_leaf l on l.id = o.leaf
     where o.place > $1 and o.place <= $2 order by o.place",
);
static NODES: Query = Query::new(
    "select place, hash from mainstay.audit_node where level = $1 and place >= $2 and place < $3 order by place",
);
static ADD_NODE: Query = Query::new("insert into mainstay.audit_node (level, place, hash) values ($1, $2, $3)");
static LAST: Query = Query::new("select note from mainstay.audit_checkpoint order by size desc limit 1");
static CHECKPOINT: Query = Query::new("select note from mainstay.audit_checkpoint where size = $1");
static CHECKPOINTS: Query = Query::new("select size from mainstay.audit_checkpoint order by size");
static SIGNED: Query = Query::new("insert into mainstay.audit_checkpoint (size, signed_at, note) values ($1, $2, $3)");
static LAST_SIGNED: Query = Query::new("select coalesce(max(signed_at), 0) from mainstay.audit_checkpoint");
static THIN: Query = Query::new(
    "delete from mainstay.audit_checkpoint where signed_at < $1 and size not in (
         select max(size) from mainstay.audit_checkpoint group by signed_at / $2
     )",
);
/// Places that are not of the log of a size: before its first, or behind its last and not one of those that wait for their turn.
static STRANGERS: Query = Query::new(
    "select place from mainstay.audit_order
     where place < 1 or place > $1 and (leaf not in (select leaf from mainstay.audit_pending)
         or place > $1 + (select count(*) from mainstay.audit_pending))
     order by place limit $2",
);
/// Held until the transaction ends. SQLite has one writer, so there is nobody to be kept out.
static LOCK: Query = Query::new("select pg_catalog.pg_try_advisory_xact_lock($1)");

static HOLD: Query = Query::new("select pg_catalog.pg_advisory_xact_lock($1)");
static COSIGNED: Query = Query::new("select size, root, note from mainstay.audit_witness where origin = $1");
static KEEP_COSIGNED: Query = Query::new(
    "insert into mainstay.audit_witness (origin, size, root, note) values ($1, $2, $3, $4)
     on conflict (origin) do update set size = excluded.size, root = excluded.root, note = excluded.note",
);

static SUBJECT: Query = Query::new("select id, key from mainstay.audit_subject where subject = $1");
static KEY_BY_ID: Query = Query::new("select id, key from mainstay.audit_subject where id = $1");
static MAKE_SUBJECT: Query = Query::new(
    "insert into mainstay.audit_subject (subject, id, key) values ($1, $2, $3) on conflict (subject) do nothing",
);
static FORGET_SUBJECT: Query = Query::new("delete from mainstay.audit_subject where subject = $1");

/// A person's key with its id.
pub(crate) type PersonKey = (Id<SubjectKey>, Secret<[u8; 32]>);

/// What came of a round of the sequencer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbered {
    /// How many leaves have a place.
    pub(crate) size: u64,
    /// Those of them that no checkpoint has yet.
    pub(crate) new: u64,
}

/// Adds a leaf, in the unit of its act.
pub(crate) fn append(conn: &mut dyn Connection, entry: &[u8]) -> Result<()> {
    conn.as_house(&mut |conn| {
        appending(conn).run(conn, &[bytes(leaf_hash(entry)), bytes(entry)])?;
        Ok(())
    })
}

/// The same, without waiting for it where that costs time.
pub(crate) fn send(conn: &mut dyn Connection, entry: &[u8]) -> Result<()> {
    appending(conn).send(conn, &[bytes(leaf_hash(entry)), bytes(entry)])
}

fn appending(conn: &dyn Connection) -> &'static Query {
    match conn.engine() {
        Engine::Sqlite => &APPEND,
        Engine::Postgres => &APPEND_PENDING,
    }
}

/// How many leaves there are, when all are signed for and a checkpoint is there.
pub(crate) fn settled(conn: &mut dyn Connection) -> Result<Option<u64>> {
    if one_int(conn, &WAITING)? != 0 { Ok(None) } else { size(conn).map(Some) }
}

/// Gives up to `most` leaves that wait their places, and completes the tiles they fill. `None` when another server is at it.
pub(crate) fn number(conn: &mut dyn Connection, most: i64) -> Result<Option<Numbered>> {
    let (before, size) = match conn.engine() {
        Engine::Sqlite => {
            // They have theirs; those that no checkpoint has are new.
            let signed = one_int(conn, &SIGNED_SIZE)?;
            (unsigned(signed), size(conn)?.min(unsigned(signed.saturating_add(most))))
        }
        Engine::Postgres => {
            if !locked(conn)? {
                return Ok(None);
            }
            let before = size(conn)?;
            (before, before + NUMBER.run(conn, &[int(signed(before)), int(most)])?)
        }
    };
    let (mut old, mut now, mut level) = (before, size, 0_u8);
    while old / WIDTH < now / WIDTH {
        for place in old / WIDTH..now / WIDTH {
            let row = hashes(conn, level, place * WIDTH, (place + 1) * WIDTH)?;
            let whole: Vec<Hash> = row.into_iter().map(|(_, hash)| hash).collect();
            let root = perfect_root(&whole).filter(|_| whole.len() == usize::from(TILE_WIDTH));
            let root = root.ok_or_else(|| {
                Error::Internal(format!(
                    "the audit log has a gap below tile {place} of level {level}; nothing more is sequenced"
                ))
            })?;
            ADD_NODE.run(conn, &[int(i64::from(level) + 1), int(signed(place)), bytes(root)])?;
        }
        (old, now, level) = (old / WIDTH, now / WIDTH, level + 1);
    }
    Ok(Some(Numbered { size, new: size.saturating_sub(before) }))
}

fn locked(conn: &mut dyn Connection) -> Result<bool> {
    let mut got = false;
    LOCK.each(conn, &[int(LOCK_NUMBER)], |row| {
        got = row.value(0, &values::Type::Bool)? == values::Value::Int(1);
        Ok(())
    })?;
    Ok(got)
}

/// How many leaves have a place.
pub(crate) fn size(conn: &mut dyn Connection) -> Result<u64> {
    one_int(conn, &SIZE).map(unsigned)
}

fn one_int(conn: &mut dyn Connection, query: &Query) -> Result<i64> {
    let mut found = 0;
    query.each(conn, &[], |row| {
        found = read_int(row, 0)?;
        Ok(())
    })?;
    Ok(found)
}

/// Hashes of a level of tiles as they lie there, with their places, `from` up to before `to`.
pub(crate) fn hashes(conn: &mut dyn Connection, level: u8, from: u64, to: u64) -> Result<Vec<(u64, Hash)>> {
    let mut found = Vec::new();
    // The place of a leaf is its index and one.
    let first = i64::from(level == 0);
    let mut take = |row: &dyn store::Row| {
        let hash = read_bytes(row, 1)?.unwrap_or_default();
        // A hash of another length is none; whoever verifies will say so.
        found.push((unsigned(read_int(row, 0)? - first), hash.try_into().unwrap_or_default()));
        Ok(())
    };
    if level == 0 {
        HASHES.each(conn, &[int(signed(from)), int(signed(to))], &mut take)?;
    } else {
        NODES.each(conn, &[int(i64::from(level)), int(signed(from)), int(signed(to))], &mut take)?;
    }
    Ok(found)
}

/// Entries as they lie there, with their indexes, `from` up to before `to`.
pub(crate) fn entries(conn: &mut dyn Connection, from: u64, to: u64) -> Result<Vec<(u64, Vec<u8>)>> {
    let mut found = Vec::new();
    ENTRIES.each(conn, &[int(signed(from)), int(signed(to))], |row| {
        found.push((unsigned(read_int(row, 0)? - 1), read_bytes(row, 1)?.unwrap_or_default()));
        Ok(())
    })?;
    Ok(found)
}

/// The bytes of a tile; none when the log does not reach so far.
pub(crate) fn tile(conn: &mut dyn Connection, tile: Tile) -> Result<Option<Vec<u8>>> {
    let Some(from) = tile.index.checked_mul(WIDTH).filter(|from| *from < 1 << 62) else { return Ok(None) };
    let to = from + u64::from(tile.width);
    let mut out = Vec::new();
    let count = match tile.kind {
        TileKind::Entries => {
            let found = entries(conn, from, to)?;
            for (_, entry) in &found {
                encode_entry(entry, &mut out).ok_or_else(|| Error::Internal("an entry is too long".to_owned()))?;
            }
            found.len()
        }
        TileKind::Hashes(level) => {
            let found = hashes(conn, level, from, to)?;
            out.extend(found.iter().flat_map(|(_, hash)| hash));
            found.len()
        }
    };
    Ok((count == usize::from(tile.width)).then_some(out))
}

/// What proofs over the tree of this size read.
pub(crate) fn tree<T>(
    conn: &mut dyn Connection,
    size: u64,
    build: impl FnOnce(&mut dyn FnMut(u32, u64) -> Result<Hash, TileError<Error>>) -> Result<T, TileError<Error>>,
) -> Result<T> {
    let mut hashes = TileHashes::new(size, |wanted| tile(conn, wanted));
    build(&mut |level, index| hashes.read(level, index)).map_err(|error| match error {
        TileError::Fetch(error) => error,
        other => Error::Internal(format!("the audit log has a gap: {other}")),
    })
}

/// The root of the first `size` leaves.
pub(crate) fn root(conn: &mut dyn Connection, size: u64) -> Result<Hash> {
    tree(conn, size, |read| tree_root(read, size))
}

/// The checkpoint that was signed last.
pub(crate) fn last_checkpoint(conn: &mut dyn Connection) -> Result<Option<Vec<u8>>> {
    one(conn, &LAST, &[])
}

/// The checkpoint of this size.
pub(crate) fn checkpoint(conn: &mut dyn Connection, size: u64) -> Result<Option<Vec<u8>>> {
    one(conn, &CHECKPOINT, &[int(signed(size))])
}

fn one(conn: &mut dyn Connection, query: &Query, params: &[store::Param]) -> Result<Option<Vec<u8>>> {
    let mut found = None;
    query.each(conn, params, |row| {
        found = read_bytes(row, 0)?;
        Ok(())
    })?;
    Ok(found)
}

/// The sizes that were signed.
pub(crate) fn checkpoint_sizes(conn: &mut dyn Connection) -> Result<Vec<u64>> {
    let mut sizes = Vec::new();
    CHECKPOINTS.each(conn, &[], |row| {
        sizes.push(unsigned(read_int(row, 0)?));
        Ok(())
    })?;
    Ok(sizes)
}

/// Keeps a signed checkpoint. Those older than a day are thinned to the last of each hour, once an hour: they say from when on something
/// was changed, which need not be known to the second for ever.
pub(crate) fn keep_checkpoint(conn: &mut dyn Connection, size: u64, note: &Note) -> Result<()> {
    const HOUR_US: i64 = 3_600_000_000;
    let now = conn.now();
    let last = one_int(conn, &LAST_SIGNED)?;
    if last / HOUR_US != now / HOUR_US {
        THIN.run(conn, &[int(now - 24 * HOUR_US), int(HOUR_US)])?;
    }
    SIGNED.run(conn, &[int(signed(size)), int(now), bytes(note.to_string())])?;
    Ok(())
}

/// Indexes of leaves that no log of this size has, up to `most`.
pub(crate) fn strangers(conn: &mut dyn Connection, size: u64, most: i64) -> Result<Vec<i64>> {
    let mut found = Vec::new();
    STRANGERS.each(conn, &[int(signed(size)), int(most)], |row| {
        found.push(read_int(row, 0)? - 1);
        Ok(())
    })?;
    Ok(found)
}

/// The key of a person, if it was made and is not destroyed.
pub(crate) fn subject_key(conn: &mut dyn Connection, subject: &str) -> Result<Option<PersonKey>> {
    let mut found = None;
    SUBJECT.each(conn, &[text(subject)], |row| {
        found = Some(person_key(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// The key of a person, made when there is none.
pub(crate) fn key_of(conn: &mut dyn Connection, subject: &str, random: &dyn Random) -> Result<PersonKey> {
    if let Some(known) = subject_key(conn, subject)? {
        return Ok(known);
    }
    let (id, key) = (Id::<SubjectKey>::new(Micros(conn.now()), random), SealKey::fresh(random));
    MAKE_SUBJECT.run(conn, &[text(subject), bytes(id.to_bytes()), bytes(*key.expose())])?;
    // Somebody else may just have made it.
    let gone = || Error::Internal("the key of a person is gone as soon as it was made".to_owned());
    subject_key(conn, subject)?.ok_or_else(gone)
}

/// A person's key by its id.
pub(crate) fn key_by_id(conn: &mut dyn Connection, id: Id<SubjectKey>) -> Result<Option<Secret<[u8; 32]>>> {
    let mut found = None;
    KEY_BY_ID.each(conn, &[bytes(id.to_bytes())], |row| {
        found = Some(person_key(row)?.1);
        Ok(())
    })?;
    Ok(found)
}

/// Destroys the key of a person; says whether there was one.
pub(crate) fn forget_subject(conn: &mut dyn Connection, subject: &str) -> Result<bool> {
    Ok(FORGET_SUBJECT.run(conn, &[text(subject)])? > 0)
}

fn person_key(row: &dyn store::Row) -> Result<PersonKey> {
    let broken = |_| Error::Internal("the key of a person has another length".to_owned());
    let id = read_bytes(row, 0)?.unwrap_or_default().try_into().map_err(broken)?;
    let key = read_bytes(row, 1)?.unwrap_or_default().try_into().map_err(broken)?;
    Ok((Id::from_bytes(id), Secret::new(key)))
}

/// Keeps others from the state of this origin until the transaction ends.
pub(crate) fn hold_witness(conn: &mut dyn Connection, origin: &Hash) -> Result<()> {
    if conn.engine() == Engine::Postgres {
        let number = origin.first_chunk().map_or(LOCK_NUMBER, |first| i64::from_be_bytes(*first));
        HOLD.each(conn, &[int(number)], |_| Ok(()))?;
    }
    Ok(())
}

/// What was cosigned last for an origin, and the cosigned note.
pub(crate) fn cosigned(conn: &mut dyn Connection, origin: &Hash) -> Result<Option<(LastCosigned, Vec<u8>)>> {
    let mut found = None;
    COSIGNED.each(conn, &[bytes(*origin)], |row| {
        let root = read_bytes(row, 1)?.unwrap_or_default().try_into();
        let root = root.map_err(|_| Error::Internal("a root that was cosigned has no 32 bytes".to_owned()))?;
        found =
            Some((LastCosigned { size: unsigned(read_int(row, 0)?), root }, read_bytes(row, 2)?.unwrap_or_default()));
        Ok(())
    })?;
    Ok(found)
}

/// Remembers what was cosigned.
pub(crate) fn keep_cosigned(conn: &mut dyn Connection, origin: &Hash, last: LastCosigned, note: &Note) -> Result<()> {
    let params = [bytes(*origin), int(signed(last.size)), bytes(last.root), bytes(note.to_string())];
    KEEP_COSIGNED.run(conn, &params)?;
    Ok(())
}

/// Sizes and indexes have 63 bits.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// All statements of the room by name, so that a test can prepare each on both engines and keep its plan.
pub static QUERIES: &[(&str, &Query)] = &[
    ("append", &APPEND),
    ("append_pending", &APPEND_PENDING),
    ("waiting", &WAITING),
    ("size", &SIZE),
    ("signed_size", &SIGNED_SIZE),
    ("number", &NUMBER),
    ("hashes", &HASHES),
    ("entries", &ENTRIES),
    ("nodes", &NODES),
    ("add_node", &ADD_NODE),
    ("last", &LAST),
    ("checkpoint", &CHECKPOINT),
    ("checkpoints", &CHECKPOINTS),
    ("signed", &SIGNED),
    ("last_signed", &LAST_SIGNED),
    ("thin", &THIN),
    ("strangers", &STRANGERS),
    ("lock", &LOCK),
    ("hold", &HOLD),
    ("cosigned", &COSIGNED),
    ("keep_cosigned", &KEEP_COSIGNED),
    ("subject", &SUBJECT),
    ("key_by_id", &KEY_BY_ID),
    ("make_subject", &MAKE_SUBJECT),
    ("forget_subject", &FORGET_SUBJECT),
];
