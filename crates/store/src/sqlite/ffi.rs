//! The calls that have no safe door: two into SQLite, one into the system.

use std::sync::Once;

use rusqlite::ffi;

/// Turns SQLite's memory statistics off, once, before the first connection of the process: they take a lock that all
/// connections share, and cost grouped readers about a sixth of their throughput on two cores (LIMITS.md section 2).
pub(super) fn without_memory_statistics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[expect(
            unsafe_code,
            reason = "sqlite3_config has no safe wrapper; it is called at most once, takes no pointer, and \
                                        answers SQLITE_MISUSE without effect when SQLite has already been initialised"
        )]
        // SAFETY: SQLITE_CONFIG_MEMSTATUS takes one int; SQLite itself refuses the call when it comes too late.
        let code = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0) };
        if code != ffi::SQLITE_OK {
            tracing::debug!(code, "SQLite's memory statistics stay on: a connection was opened before the engine");
        }
    });
}

/// Lets other threads go first when there are more than cores: for reads that scan. With 5 of 19 steps each has a third of the weight of
/// another thread: short reads keep most of their speed, and no scan starves.
pub(super) fn step_back() {
    #[cfg(target_os = "linux")]
    {
        #[expect(unsafe_code, reason = "setpriority has no safe wrapper in the standard library")]
        // SAFETY: the call takes three integers and no pointer; on Linux 0 means the calling thread alone.
        let code = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 5) };
        if code != 0 {
            tracing::debug!("a thread for long reads keeps its priority");
        }
    }
}

/// Does the open transaction hold foreign key violations that `COMMIT` would refuse.
pub(super) fn has_deferred_violations(db: &rusqlite::Connection) -> bool {
    let (mut current, mut highest) = (0, 0);
    #[expect(unsafe_code, reason = "sqlite3_db_status has no safe wrapper")]
    // SAFETY: the handle is alive for as long as `db` is borrowed, it is used on the thread that owns `db`, and both out
    // pointers are to locals.
    let code = unsafe {
        ffi::sqlite3_db_status(db.handle(), ffi::SQLITE_DBSTATUS_DEFERRED_FKS, &raw mut current, &raw mut highest, 0)
    };
    code == ffi::SQLITE_OK && current != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deferred_violation_is_seen_before_commit() {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        db.execute_batch(
            "pragma foreign_keys = on; create table a (id integer primary key);
             create table b (a integer references a deferrable initially deferred); begin",
        )
        .unwrap();
        assert!(!has_deferred_violations(&db));
        db.execute_batch("insert into b values (7)").unwrap();
        assert!(has_deferred_violations(&db));
        db.execute_batch("insert into a values (7)").unwrap();
        assert!(!has_deferred_violations(&db));
    }
}
