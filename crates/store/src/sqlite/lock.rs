//! One process at a time: a lock file beside the database, held as long as the engine lives.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};

/// A file beside the database: its name with something appended.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Whether another process has this database open as its own. It may let go, or another one come, right after.
pub fn is_held(path: &Path) -> bool {
    let file = OpenOptions::new().write(true).open(beside(path, ".lock"));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Takes the lock, or says who has it. The operating system frees it when the process ends, however it ends.
pub(super) fn hold(path: &Path) -> Result<File> {
    let unavailable = |reason: String| Error::Unavailable { reason, retry_after: Duration::from_secs(5) };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(beside(path, ".lock"))
        .map_err(|e| unavailable(format!("cannot make the lock file of the database: {e}")))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(unavailable("another process is serving this data directory: stop it first".to_owned()))
        }
        Err(TryLockError::Error(e)) => Err(unavailable(format!("cannot lock the data directory: {e}"))),
    }
}
