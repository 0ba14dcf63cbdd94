//! Growing the write-ahead log once, while nobody waits, so that later commits overwrite blocks that the file already has.
//!
//! A commit that makes the file grow pays for the file system's journal too: in LIMITS.md section 1 a lone durable write takes about twice as long.

use std::fs::File;
use std::path::PathBuf;

use super::Shared;
use super::lock::beside;

/// One step; between two of them the writer looks whether somebody waits.
const STEP_BYTES: u64 = 4 << 20;

/// Whether and how far the log is to grow.
pub(super) struct Growth {
    path: PathBuf,
    wanted: u64,
    due: bool,
}

impl Growth {
    pub(super) fn new(shared: &Shared) -> Self {
        Self { path: beside(&shared.path, "-wal"), wanted: shared.options.wal_grow_bytes, due: false }
    }

    /// A first commit has been made, so more will follow: a database that is only read needs no log.
    pub(super) fn wrote(&mut self) {
        if self.wanted > 0 {
            self.due = true;
        }
    }

    /// Should it grow at the next quiet moment.
    pub(super) fn due(&self) -> bool {
        self.due
    }

    /// Writes pages that spill into the log and rolls them back: the log keeps its size, the database does not change. Gives up
    /// as soon as somebody waits, and goes on at the next quiet moment.
    pub(super) fn grow(&mut self, db: &rusqlite::Connection, somebody_waits: &dyn Fn() -> bool) {
        let size = || std::fs::metadata(&self.path).map_or(0, |m| m.len());
        if size() < self.wanted {
            // What the log holds goes into the database first: else it could not be given back on a disk that has become full.
            empty(db);
            if let Err(error) = db.execute_batch("begin immediate; create table _store_ballast (bytes blob)") {
                tracing::debug!(%error, "the log does not grow now");
            }
            let mut full = false;
            while !full && !db.is_autocommit() && size() < self.wanted && !somebody_waits() {
                let sql = "insert into _store_ballast values (zeroblob(?1))";
                if let Err(error) = db.execute(sql, [i64::try_from(STEP_BYTES).unwrap_or(i64::MAX)]) {
                    tracing::debug!(%error, "the log does not grow any further");
                    full = true;
                }
            }
            if !db.is_autocommit()
                && let Err(error) = db.execute_batch("rollback")
            {
                tracing::warn!(%error, "growing the log did not roll back");
            }
            if full {
                // Most likely a small disk, and it is not ours alone: what was taken is given back, and the log grows as it is used.
                (self.wanted, self.due) = (0, false);
                empty(db);
                return;
            }
        }
        if size() >= self.wanted {
            self.due = false;
            self.wanted = 0;
            // So that the next commit does not pay for all of it.
            if let Err(error) = File::open(&self.path).and_then(|file| file.sync_data()) {
                tracing::debug!(%error, "the grown log was not synced");
            }
        }
    }
}

/// Copies the log into the database and cuts it to nothing, unless somebody reads an old state or there is no room.
fn empty(db: &rusqlite::Connection) {
    if let Err(error) = db.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())) {
        tracing::debug!(%error, "the log keeps its size");
    }
}
