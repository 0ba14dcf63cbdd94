//! An embedded database of a test's own, with migrations run on it.

use std::sync::Arc;

use kernel::SystemClock;
use store::migrate::sqlite::load_catalog;
use store::migrate::{File, Folder, MigrationError, Migrator, Outcome, Progress, Status};
use store::sqlite::{Options, Place, SqliteEngine};
use store::{Catalog, Error};

/// A migration file.
pub(crate) fn file(name: &str, text: &str) -> File {
    File::new(name, text).unwrap()
}

/// A failure that crosses the engine's door.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) MigrationError);

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(error.into())
    }
}

/// The database.
pub(crate) struct House {
    engine: SqliteEngine,
}

impl House {
    pub(crate) fn new() -> Self {
        Self { engine: SqliteEngine::open(Place::Temporary, Options::default(), Arc::from([])).unwrap() }
    }

    /// On a file that stays, with the catalog that it holds.
    pub(crate) async fn open(path: &std::path::Path) -> Self {
        let place = Place::File(path.to_owned());
        let house = Self { engine: SqliteEngine::open(place, Options::default(), Arc::from([])).unwrap() };
        house.engine.publish(Arc::new(house.kept().await));
        house
    }

    pub(crate) async fn run(&self, folder: &Folder) -> Result<Outcome, MigrationError> {
        self.run_with(folder.clone(), |folder| Migrator::new(folder)).await
    }

    pub(crate) async fn run_with(
        &self,
        folder: Folder,
        make: fn(&Folder) -> Migrator<'_>,
    ) -> Result<Outcome, MigrationError> {
        let outcome = self
            .engine
            .exclusive(move |host| {
                make(&folder).run_sqlite(host, &SystemClock, &mut |_: &Progress<'_>| {}).map_err(Failed)
            })
            .await
            .map_err(|failed| failed.0)?;
        if let Some(catalog) = &outcome.catalog {
            self.engine.publish(catalog.clone());
        }
        Ok(outcome)
    }

    /// These files.
    pub(crate) async fn run_files(&self, files: Vec<File>) -> Result<Outcome, MigrationError> {
        self.run(&Folder { files, ..Folder::default() }).await
    }

    /// One file of this text.
    pub(crate) async fn apply(&self, name: &str, text: &str) -> Result<Outcome, MigrationError> {
        let folder = Folder { files: vec![file(name, text)], ..Folder::default() };
        self.run(&folder).await
    }
    pub(crate) async fn status(&self, folder: &Folder) -> Status {
        let folder = folder.clone();
        self.engine.exclusive(move |host| Migrator::new(&folder).status_sqlite(host)).await.unwrap()
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let sql = sql.to_owned();
        self.engine
            .exclusive(move |db| db.query_row(&sql, [], |row| row.get::<_, i64>(0)).map_err(|error| db.error(error)))
            .await
            .unwrap()
    }

    /// Rows as text, columns joined with `|`, nulls as `-`.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<String> {
        let sql = sql.to_owned();
        self.engine
            .exclusive(move |db| {
                let mut statement = db.prepare(&sql).map_err(|error| db.error(error))?;
                let width = statement.column_count();
                let mut rows = statement.raw_query();
                let mut out = Vec::new();
                while let Some(row) = rows.next().map_err(|error| db.error(error))? {
                    let cells = (0..width).map(|column| match row.get_ref(column).unwrap() {
                        rusqlite::types::ValueRef::Null => "-".to_owned(),
                        rusqlite::types::ValueRef::Integer(n) => n.to_string(),
                        rusqlite::types::ValueRef::Real(n) => n.to_string(),
                        rusqlite::types::ValueRef::Text(text) | rusqlite::types::ValueRef::Blob(text) => {
                            String::from_utf8_lossy(text).into_owned()
                        }
                    });
                    out.push(cells.collect::<Vec<_>>().join("|"));
                }
                Ok::<_, Error>(out)
            })
            .await
            .unwrap()
    }
    pub(crate) async fn batch(&self, sql: &str) {
        let sql = sql.to_owned();
        self.engine.exclusive(move |db| db.execute_batch(&sql).map_err(|error| db.error(error))).await.unwrap();
    }
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.engine.catalog().unwrap()
    }

    /// The catalog as the file keeps it.
    pub(crate) async fn kept(&self) -> Catalog {
        self.engine.exclusive(|host| load_catalog(host)).await.unwrap()
    }
}
