//! The app's database: the engine the settings ask for, its migrations, its catalog.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kernel::SystemClock;
use store::catalog::Catalog;
use store::house;
use store::migrate::{Folder, MigrationError, Migrator, Outcome, Progress, Status, sqlite};
use store::postgres::{self, PostgresEngine};
use store::sqlite::{Place, SqliteEngine, is_held};
use store::{Lane, Participants, Scope, Store};

use crate::config::App;
use crate::config::settings::Synchronous;
use crate::failure::Failure;
use crate::house::TABLES;
use crate::keys::make_data_dir;

/// The database's file in the data folder.
pub const FILE: &str = "main.db";

/// An open engine.
pub enum Database {
    /// The embedded one.
    Sqlite(SqliteEngine),
    /// A server.
    Postgres(PostgresEngine),
}

/// Told what migrations do while they run.
pub type Watch = Arc<dyn Fn(&Progress<'_>) + Send + Sync>;

/// Tells nobody.
pub fn unwatched() -> Watch {
    Arc::new(|_| {})
}

impl Database {
    /// Opens the database of an app, making it when it is not there.
    pub async fn open(app: &App, participants: Participants) -> Result<Self, Failure> {
        let settings = &app.settings.store;
        let millis = Duration::from_millis;
        if let Some(url) = &settings.url {
            // Most writes are single statements, which need no thread, also where somebody follows them.
            let writes = settings.postgres_write_connections;
            let options = postgres::Options {
                snapshot_connections: size(settings.postgres_read_connections),
                long_snapshot_connections: size(settings.postgres_long_connections),
                statement_connections: size(writes),
                // What needs a function between two statements is rarer.
                read_connections: size(settings.postgres_read_connections.div_ceil(4)),
                long_connections: size(settings.postgres_long_connections.div_ceil(4)),
                write_connections: size(writes.div_ceil(4)),
                queue_max: size(settings.read_queue_max),
                acquire_timeout: millis(settings.postgres_acquire_timeout_ms),
                connect_timeout: millis(settings.postgres_connect_timeout_ms),
                capture: app.settings.events.capture,
                ..postgres::Options::default()
            };
            let engine = PostgresEngine::connect(url.expose(), options, participants).await.map_err(not_connected)?;
            return Ok(Self::Postgres(engine));
        }
        make_data_dir(&app.data_dir())?;
        let (place, options) = (Place::File(file(app)), sqlite_options(app));
        let opened = on_a_thread(move || SqliteEngine::open(place, options, participants)).await?;
        Ok(Self::Sqlite(opened.map_err(|error| not_opened(&app.data_dir(), error))?))
    }

    /// Opens the database of an app to look at it. A SQLite file that a server has open is read beside it, and cannot be changed.
    pub async fn look(app: &App) -> Result<Self, Failure> {
        if app.settings.store.url.is_some() || !is_held(&file(app)) {
            return Self::open(app, Participants::from([])).await;
        }
        let (path, options) = (file(app), sqlite_options(app));
        let opened = on_a_thread(move || SqliteEngine::look(path, options)).await?;
        Ok(Self::Sqlite(opened.map_err(|error| not_opened(&app.data_dir(), error))?))
    }

    /// The same to try things that are rolled back: a file that a server has open is copied first, so that the server is not held up.
    /// Says whether it is a copy.
    pub async fn to_try(app: &App) -> Result<(Self, bool), Failure> {
        let copies = app.settings.store.url.is_none() && is_held(&file(app));
        match Self::look(app).await? {
            Self::Sqlite(engine) if copies => Ok((Self::Sqlite(engine.copied().await?), true)),
            other => Ok((other, false)),
        }
    }

    /// Makes the database ready for the house, before any migration: roles, helpers, the rooms' own tables.
    pub async fn prepare(&self) -> Result<(), Failure> {
        let rooms = TABLES;
        match self {
            // What is there already is not made again: a file that cannot be written can still be read.
            Self::Sqlite(engine) => {
                if !engine.read(Scope::default(), Lane::Short, |conn| house::is_current(conn, rooms)).await? {
                    let make = |tx: &mut store::Tx<'_>| {
                        tx.quiet("the rooms' own tables");
                        house::prepare(tx.conn(), rooms)
                    };
                    engine.write(Scope::default(), make).await?;
                }
            }
            Self::Postgres(engine) => {
                let make = |tx: &mut store::Tx<'_>| {
                    tx.quiet("the house's own roles and helpers, and the rooms' own tables");
                    postgres::prepare_database(tx.conn())?;
                    house::prepare(tx.conn(), rooms)
                };
                engine.write(Scope::default(), make).await?;
            }
        }
        Ok(())
    }

    /// Has changes of every table taken down. A table of somebody else's cannot be watched: that is said, and the rest goes on.
    pub async fn capture(&self) {
        let Self::Postgres(engine) = self else { return };
        let install = |tx: &mut store::Tx<'_>| {
            tx.quiet("triggers that take down changes");
            events::install(tx.conn())
        };
        match engine.write(Scope::default(), install).await {
            Ok(0) => {}
            Ok(tables) => tracing::info!(tables, "changes of these tables become events from now on"),
            Err(error) => tracing::error!(%error, "changes do not become events: triggers cannot be made"),
        }
    }

    /// How the folder and the database stand to each other.
    pub async fn status(&self, folder: &Arc<Folder>) -> Result<Status, Failure> {
        match self {
            Self::Sqlite(engine) => {
                let folder = folder.clone();
                Ok(engine.exclusive(move |db| Migrator::new(&folder).status_sqlite(db)).await?)
            }
            Self::Postgres(engine) => Ok(Migrator::new(folder).status_postgres(engine).await?),
        }
    }

    /// Applies the pending migrations.
    pub async fn migrate(&self, folder: &Arc<Folder>, watch: Watch) -> Result<Outcome, Failure> {
        match self {
            Self::Sqlite(engine) => {
                let folder = folder.clone();
                let run = move |db: &store::sqlite::Exclusive<'_>| -> Result<Outcome, MigrationError> {
                    Migrator::new(&folder).run_sqlite(db, &SystemClock, &mut |progress| watch(progress))
                };
                Ok(engine.exclusive(run).await?)
            }
            Self::Postgres(engine) => {
                Ok(Migrator::new(folder).run_postgres(engine, &SystemClock, &mut |progress| watch(progress)).await?)
            }
        }
    }

    /// Judges the pending migrations without running anything, and says how many statements there are. On PostgreSQL only the server
    /// can judge, so nothing is said.
    pub async fn check(&self, folder: &Arc<Folder>) -> Result<Option<usize>, Failure> {
        match self {
            Self::Sqlite(engine) => {
                let folder = folder.clone();
                let judge = move |db: &store::sqlite::Exclusive<'_>| Migrator::new(&folder).check_sqlite(db);
                Ok(Some(engine.exclusive(judge).await?))
            }
            Self::Postgres(_) => Ok(None),
        }
    }

    /// The catalog as the database has it now.
    pub async fn catalog(&self) -> Result<Catalog, store::Error> {
        match self {
            Self::Sqlite(engine) => engine.exclusive(|db| sqlite::load_catalog(db)).await,
            Self::Postgres(engine) => engine.catalog().await,
        }
    }

    /// The store over this engine.
    pub fn into_store(self, catalog: Arc<Catalog>) -> Store {
        match self {
            Self::Sqlite(engine) => Store::sqlite(engine, catalog),
            Self::Postgres(engine) => Store::postgres(engine, catalog),
        }
    }
}

fn file(app: &App) -> PathBuf {
    app.data_dir().join(FILE)
}

/// Opening starts threads and waits for them: not on a thread that others wait for.
async fn on_a_thread<T: Send + 'static>(open: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(open).await.map_err(|error| Failure::Other(error.to_string()))
}

fn sqlite_options(app: &App) -> store::sqlite::Options {
    let settings = &app.settings.store;
    let defaults = store::sqlite::Options::default();
    store::sqlite::Options {
        synchronous: match settings.synchronous {
            Synchronous::Full => store::sqlite::Synchronous::Full,
            Synchronous::Normal => store::sqlite::Synchronous::Normal,
        },
        readers: settings.readers.map_or(defaults.readers, size),
        long_readers: size(settings.long_readers),
        short_queue_max: size(settings.read_queue_max),
        write_queue_max: size(settings.write_queue_max),
        reader_cache_kib: u32::try_from(settings.reader_cache_kib).unwrap_or(u32::MAX),
        writer_cache_kib: u32::try_from(settings.writer_cache_kib).unwrap_or(u32::MAX),
        capture: app.settings.events.capture,
        ..defaults
    }
}

/// A refusal to open, with the folder it is about: what the engine says names no path, because callers may see it.
fn not_opened(folder: &std::path::Path, error: store::Error) -> Failure {
    match error {
        store::Error::Unavailable { reason, .. } => Failure::Database(format!("{}: {reason}", folder.display())),
        other => other.into(),
    }
}

/// The same for a server. Its URL is a secret and is not shown.
fn not_connected(error: store::Error) -> Failure {
    match error {
        store::Error::Unavailable { reason, .. } => Failure::Database(format!(
            "cannot connect to PostgreSQL (store.url): {reason}. Is the server running, and is the URL right? `mainstay config show` tells where it comes from."
        )),
        other => other.into(),
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
