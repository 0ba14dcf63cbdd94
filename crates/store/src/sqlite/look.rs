//! Looking at a database that another process has open as its own: reading it as it is, or trying things on a copy.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Options, Place, SqliteEngine, temporary};
use crate::error::{Error, Result};

impl SqliteEngine {
    /// Opens a database that another process serves, to read what is committed there. Nothing can be changed through it, and the other
    /// process does not notice: readers of a write-ahead log hold nobody up. Fails when there is no such file.
    pub fn look(path: PathBuf, options: Options) -> Result<Self> {
        if !path.exists() {
            return Err(Error::Unavailable {
                reason: "there is no database to look at".to_owned(),
                retry_after: std::time::Duration::from_secs(5),
            });
        }
        let options = Options { wal_grow_bytes: 0, ..options };
        Self::begin(path, options, Arc::from(Vec::new()), None, None)
    }

    /// An engine over a copy of this database as it is now, in a temporary folder that goes with it. The copy is for trying things: it
    /// is as large as what the database holds.
    pub async fn copied(&self) -> Result<Self> {
        let folder = temporary()?;
        let file = folder.join("main.db");
        let target = file.to_string_lossy().into_owned();
        let made: Result<()> = self
            .exclusive(move |db| {
                // The file that is written is another one. A connection that may change nothing could not even do that.
                let copied =
                    db.execute_batch("pragma query_only = off").and_then(|()| db.execute("vacuum into ?1", [target]));
                let closed = db.execute_batch("pragma query_only = on");
                copied.and(closed).map_err(|error| db.error(error))
            })
            .await;
        let options = Options { wal_grow_bytes: 0, ..self.shared.options.clone() };
        let opened = match made {
            // Opening starts threads and waits for them: not on a thread that others wait for.
            Ok(()) => {
                tokio::task::spawn_blocking(move || Self::open(Place::File(file), options, Arc::from(Vec::new())))
                    .await
                    .map_err(|error| Error::Internal(error.to_string()))
                    .and_then(|opened| opened)
            }
            Err(error) => Err(error),
        };
        match opened {
            Ok(mut engine) => {
                engine.temporary = Some(folder);
                Ok(engine)
            }
            Err(error) => {
                if let Err(left) = std::fs::remove_dir_all(&folder) {
                    tracing::debug!(%left, "a temporary folder was not removed");
                }
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::{Lane, Scope};
    use crate::sqlite::is_held;

    async fn add(engine: &SqliteEngine) -> Result<u64> {
        engine
            .write(Scope::default(), |tx| {
                tx.quiet("a test");
                tx.conn().execute("insert into t values (1)", &[])
            })
            .await
    }

    async fn rows(engine: &SqliteEngine) -> u64 {
        let counted: Result<u64> = engine
            .read(Scope::default(), Lane::Short, |conn| conn.query("select 1 from t", &[], &mut |_| Ok(())))
            .await;
        counted.unwrap()
    }

    #[tokio::test]
    async fn who_looks_sees_what_is_committed_and_changes_only_a_copy() {
        let folder = temporary().unwrap();
        let (file, nobody) = (folder.join("main.db"), Arc::from(Vec::new()));
        assert!(!is_held(&file) && SqliteEngine::look(file.clone(), Options::default()).is_err());
        let owner = SqliteEngine::open(Place::File(file.clone()), Options::default(), nobody).unwrap();
        assert!(is_held(&file));
        let made: Result<()> = owner
            .exclusive(|db| db.execute_batch("create table t (n integer) strict").map_err(|error| db.error(error)))
            .await;
        made.unwrap();
        let looker = SqliteEngine::look(file.clone(), Options::default()).unwrap();
        add(&owner).await.unwrap();
        assert_eq!(rows(&looker).await, 1);
        assert!(add(&looker).await.is_err());
        let copy = looker.copied().await.unwrap();
        add(&copy).await.unwrap();
        assert!(add(&looker).await.is_err());
        assert_eq!((rows(&copy).await, rows(&looker).await, rows(&owner).await), (2, 1, 1));
        let temporary = copy.path().to_owned();
        copy.close();
        looker.close();
        add(&owner).await.unwrap();
        owner.close();
        assert!(!temporary.exists() && !is_held(&file));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
