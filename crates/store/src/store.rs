//! The one door: a store is one of the two engines and the catalog of what it holds.

use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::future::Either;

use crate::catalog::Catalog;
use crate::conn::{Connection, Engine, Lane, Scope};
use crate::error::{Error, Result};
use crate::postgres::PostgresEngine;
use crate::sqlite::SqliteEngine;
use crate::tx::Tx;

/// An engine with its catalog.
pub struct Store {
    inner: Inner,
    catalog: ArcSwap<Catalog>,
}

enum Inner {
    Sqlite(SqliteEngine),
    Postgres(PostgresEngine),
}

impl Store {
    /// A store over the embedded engine.
    pub fn sqlite(engine: SqliteEngine, catalog: Arc<Catalog>) -> Self {
        engine.publish(catalog.clone());
        Self { inner: Inner::Sqlite(engine), catalog: ArcSwap::new(catalog) }
    }

    /// A store over a PostgreSQL server.
    pub fn postgres(engine: PostgresEngine, catalog: Arc<Catalog>) -> Self {
        Self { inner: Inner::Postgres(engine), catalog: ArcSwap::new(catalog) }
    }

    /// Which engine answers.
    pub fn engine(&self) -> Engine {
        match &self.inner {
            Inner::Sqlite(_) => Engine::Sqlite,
            Inner::Postgres(_) => Engine::Postgres,
        }
    }

    /// The embedded engine, if it is one.
    pub fn as_sqlite(&self) -> Option<&SqliteEngine> {
        match &self.inner {
            Inner::Sqlite(engine) => Some(engine),
            Inner::Postgres(_) => None,
        }
    }

    /// The server, if it is one.
    pub fn as_postgres(&self) -> Option<&PostgresEngine> {
        match &self.inner {
            Inner::Sqlite(_) => None,
            Inner::Postgres(engine) => Some(engine),
        }
    }

    /// The present catalog.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.load_full()
    }

    /// Makes a catalog the present one; statements prepared before are forgotten.
    pub fn publish(&self, catalog: Arc<Catalog>) {
        match &self.inner {
            Inner::Sqlite(engine) => engine.publish(catalog.clone()),
            Inner::Postgres(engine) => engine.forget_statements(),
        }
        self.catalog.store(catalog);
    }

    /// Runs a read function on one snapshot. Dropping the future stops it.
    ///
    /// What a server is asked is large and lies on the heap, here and below, so that what the engine in this process is asked stays small.
    pub fn read<T, E, F>(
        &self,
        scope: Scope,
        lane: Lane,
        function: F,
    ) -> impl Future<Output = Result<T, E>> + Send + use<'_, T, E, F>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut dyn Connection) -> Result<T, E> + Send + 'static,
    {
        match &self.inner {
            Inner::Sqlite(engine) => Either::Left(engine.read(scope, lane, function)),
            Inner::Postgres(engine) => Either::Right(Box::pin(engine.read(scope, lane, function))),
        }
    }

    /// Runs a transaction function; answers after the commit. It may run more than once.
    pub fn write<T, E, F>(
        &self,
        scope: Scope,
        function: F,
    ) -> impl Future<Output = Result<T, E>> + Send + use<'_, T, E, F>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        match &self.inner {
            Inner::Sqlite(engine) => Either::Left(engine.write(scope, function)),
            Inner::Postgres(engine) => Either::Right(Box::pin(engine.write(scope, function))),
        }
    }
}
