//! The room's table and statements.

use std::borrow::Cow;

use bytes::Bytes;
use store::house::{Query, Tables, bytes as blob, int, read_bytes, read_int, read_text, text};
use store::{Connection, Engine, Error, Param, Result};

use crate::model::{Claim, Stored};

/// Bytes of a body that stand beside the answer; longer ones stand in pieces of this size in a table of their own.
const INLINE_MAX: usize = 256 * 1024;

/// The room's tables.
pub const TABLES: Tables = Tables {
    room: "idempotency",
    versions: &[&[
        "create table mainstay.idempotency_answer (
            place {bytes} primary key, fingerprint {bytes} not null, expires_at {int} not null,
            status {int} not null, headers text not null, body {bytes}, pieces {int} not null
        ) {keyed}",
        "create index idempotency_answer_expires_at on mainstay.idempotency_answer (expires_at)",
        "create table mainstay.idempotency_piece (
            place {bytes} not null, piece {int} not null, bytes {bytes} not null, primary key (place, piece)
        ) {keyed}",
    ]],
};

static FIND: Query = Query::new(
    "select fingerprint, expires_at, status, headers, body, pieces from mainstay.idempotency_answer where place = $1",
);
static PIECES: Query = Query::new("select bytes from mainstay.idempotency_piece where place = $1 order by piece");
static KEEP: Query = Query::new(
    "insert into mainstay.idempotency_answer (place, fingerprint, expires_at, status, headers, body, pieces)
     values ($1, $2, $3, $4, $5, $6, $7)",
);
static KEEP_PIECE: Query =
    Query::new("insert into mainstay.idempotency_piece (place, piece, bytes) values ($1, $2, $3)");
static FORGET: Query = Query::new("delete from mainstay.idempotency_answer where place = $1");
static FORGET_PIECES: Query = Query::new("delete from mainstay.idempotency_piece where place = $1");
static OLD: Query = Query::new(
    "select place, pieces from mainstay.idempotency_answer where expires_at <= $1 order by expires_at limit $2",
);
/// Held until the transaction ends. SQLite has one writer, so there is nobody to be kept out.
static LOCK: Query = Query::new("select pg_catalog.pg_try_advisory_xact_lock($1)");

/// What a key has to say about a request.
#[derive(Debug)]
pub enum Found {
    /// Nothing yet: do it, and keep the answer.
    New,
    /// It was done; this was the answer.
    Answer(Stored),
    /// The key was used for another request.
    Other,
    /// It is being done by another server.
    Busy,
}

impl Claim {
    /// What there is under the key. The first thing in the unit; afterwards nobody else gets that far until the unit has ended.
    pub fn find(&self, conn: &mut dyn Connection) -> Result<Found> {
        let mut found = Found::New;
        let now = conn.now();
        let mut stale = false;
        conn.as_house(&mut |conn| {
            if conn.engine() == Engine::Postgres && !locked(self, conn)? {
                found = Found::Busy;
                return Ok(());
            }
            let mut pieces = 0;
            FIND.each(conn, &[blob(self.place)], |row| {
                if read_int(row, 1)? <= now {
                    stale = true;
                } else if read_bytes(row, 0)?.as_deref() == Some(&self.fingerprint[..]) {
                    pieces = read_int(row, 5)?;
                    found = Found::Answer(stored(row)?);
                } else {
                    found = Found::Other;
                }
                Ok(())
            })?;
            if stale {
                // Its time is over; the sweeper has not come by yet.
                FORGET.run(conn, &[blob(self.place)])?;
                FORGET_PIECES.run(conn, &[blob(self.place)])?;
            }
            if pieces > 0
                && let Found::Answer(answer) = &mut found
            {
                let mut whole = Vec::new();
                PIECES.each(conn, &[blob(self.place)], |row| {
                    whole.extend_from_slice(&read_bytes(row, 0)?.unwrap_or_default());
                    Ok(())
                })?;
                answer.body = Some(Bytes::from(whole));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The same as statements for PostgreSQL, in this order, for whoever sends them without waiting for one to send the next.
    pub fn asks(&self) -> [(&'static str, [Param; 1]); 2] {
        [(LOCK.sql(Engine::Postgres), [int(self.number())]), (FIND.sql(Engine::Postgres), [blob(self.place)])]
    }

    /// Is it new, by a row of the statement of this number.
    pub fn is_new(number: usize, row: &dyn store::Row) -> Result<bool> {
        // Whatever stands there has something to say.
        Ok(number == 0 && is_true(row)?)
    }

    /// Keeps the answer until a time (microseconds since 1970 UTC). The last thing in the unit.
    pub fn keep(&self, conn: &mut dyn Connection, answer: &Stored, until: i64) -> Result<()> {
        let pieces: Vec<&[u8]> = match &answer.body {
            Some(body) if body.len() > INLINE_MAX => body.chunks(INLINE_MAX).collect(),
            _ => Vec::new(),
        };
        let inline = answer.body.as_ref().filter(|_| pieces.is_empty());
        let pairs: Vec<(&str, &str)> = answer.headers.iter().map(|(name, value)| (&**name, value.as_str())).collect();
        let headers = serde_json::to_string(&pairs).map_err(|error| Error::Internal(error.to_string()))?;
        conn.as_house(&mut |conn| {
            KEEP.send(
                conn,
                &[
                    blob(self.place),
                    blob(self.fingerprint),
                    int(until),
                    int(i64::from(answer.status)),
                    text(headers.as_str()),
                    inline.map_or(Param::Null, |body| blob(&body[..])),
                    int(i64::try_from(pieces.len()).unwrap_or(i64::MAX)),
                ],
            )?;
            for (number, piece) in (0_i64..).zip(&pieces) {
                KEEP_PIECE.send(conn, &[blob(self.place), int(number), blob(*piece)])?;
            }
            Ok(())
        })
    }
}

fn locked(claim: &Claim, conn: &mut dyn Connection) -> Result<bool> {
    let mut got = false;
    LOCK.each(conn, &[int(claim.number())], |row| {
        got = is_true(row)?;
        Ok(())
    })?;
    Ok(got)
}

fn is_true(row: &dyn store::Row) -> Result<bool> {
    Ok(row.value(0, &values::Type::Bool)? == values::Value::Int(1))
}

fn stored(row: &dyn store::Row) -> Result<Stored> {
    let status = u16::try_from(read_int(row, 2)?).map_err(|error| Error::Internal(error.to_string()))?;
    let headers: Vec<(String, String)> = serde_json::from_str(&read_text(row, 3)?.unwrap_or_default())
        .map_err(|error| Error::Internal(format!("a stored answer's headers cannot be read: {error}")))?;
    let headers = headers.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect();
    Ok(Stored { status, headers, body: read_bytes(row, 4)?.map(Bytes::from) })
}

/// Forgets answers whose time was over at `now`, at most `most` of them; returns how many.
pub(crate) fn forget(conn: &mut dyn Connection, now: i64, most: i64) -> Result<u64> {
    let mut old = Vec::new();
    OLD.each(conn, &[int(now), int(most)], |row| {
        old.push((read_bytes(row, 0)?.unwrap_or_default(), read_int(row, 1)?));
        Ok(())
    })?;
    for (place, pieces) in &old {
        FORGET.run(conn, &[blob(place.as_slice())])?;
        if *pieces > 0 {
            FORGET_PIECES.run(conn, &[blob(place.as_slice())])?;
        }
    }
    Ok(old.len() as u64)
}

/// All statements of the room by name, so that a test can prepare each on both engines and keep its plan.
pub static QUERIES: &[(&str, &Query)] = &[
    ("find", &FIND),
    ("pieces", &PIECES),
    ("keep", &KEEP),
    ("keep_piece", &KEEP_PIECE),
    ("forget", &FORGET),
    ("forget_pieces", &FORGET_PIECES),
    ("old", &OLD),
    ("lock", &LOCK),
];
