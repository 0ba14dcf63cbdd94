//! PostgreSQL's functions, registered on every connection in groups.

use rusqlite::Connection;

/// Registers them all.
pub(super) fn register(_db: &Connection) -> rusqlite::Result<()> {
    Ok(())
}
