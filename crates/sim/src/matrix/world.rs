//! One generated app on one engine.

use std::sync::Arc;

use data::request::Parts;
use data::{Answer, Config, Data};
use store::migrate::{File, Folder, Migrator, files};
use store::postgres::PostgresEngine;
use store::sqlite::{Options, Place, SqliteEngine};
use store::{Lane, Scope, Store};
use testkit::Engine;
use testkit::postgres::{Cluster, Database, fresh_database};

use super::app::App;
use super::request::Request;

/// An app that is served.
pub struct World {
    data: Data,
    store: Arc<Store>,
    database: Option<Database>,
    roles: Vec<String>,
}

impl World {
    /// Applies the app's migration to an empty database of this engine. The failure is the engine's own text.
    pub async fn open(app: &App, engine: Engine) -> Result<Self, String> {
        match engine {
            Engine::Sqlite => Self::sqlite(app).await,
            Engine::Postgres => Self::postgres(app).await,
        }
    }

    async fn sqlite(app: &App) -> Result<Self, String> {
        let options = Options { readers: 1, long_readers: 1, wal_grow_bytes: 0, ..Options::default() };
        let engine =
            SqliteEngine::open(Place::Temporary, options, Arc::from(Vec::new())).map_err(|error| error.to_string())?;
        let file = File::new("0001_app.sql", app.migration()).map_err(|error| error.to_string())?;
        let folder: Folder = files::arrange(vec![file]).map_err(|error| error.to_string())?;
        let made: Result<Result<_, String>, store::Error> = engine
            .exclusive(move |host| {
                let outcome = Migrator::new(&folder).run_sqlite(host, &kernel::SystemClock, &mut |_| {});
                Ok(outcome.map_err(|error| error.to_string()))
            })
            .await;
        let outcome = made.map_err(|error| error.to_string())??;
        let catalog = outcome.catalog.ok_or("no catalog came of the migration")?;
        let store = Arc::new(Store::sqlite(engine, catalog));
        Ok(Self { data: Data::new(store.clone(), Config::default()), store, database: None, roles: Vec::new() })
    }

    async fn postgres(app: &App) -> Result<Self, String> {
        let database = fresh_database(None);
        let failed = |error: store::Error| error.to_string();
        let engine =
            PostgresEngine::connect(database.url(), store::postgres::Options::default(), Arc::from(Vec::new()))
                .await
                .map_err(failed)?;
        engine
            .write(Scope::default(), |tx| {
                tx.quiet("a database of its own");
                store::postgres::prepare_database(tx.conn())
            })
            .await
            .map_err(failed)?;
        let migration = app.migration();
        engine
            .write(Scope::default(), move |tx| {
                tx.quiet("a migration");
                for statement in migration.split(";\n").filter(|statement| !statement.is_empty()) {
                    tx.conn().execute(statement, &[])?;
                }
                Ok::<_, store::Error>(())
            })
            .await
            .map_err(failed)?;
        let catalog = engine.catalog().await.map_err(failed)?;
        let store = Arc::new(Store::postgres(engine, Arc::new(catalog)));
        let data = Data::new(store.clone(), Config::default());
        Ok(Self { data, store, database: Some(database), roles: app.roles.clone() })
    }

    /// Sends a request.
    pub async fn send(&self, app: &App, request: &Request) -> Answer {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let parts = Parts {
            method: request.method,
            path,
            query,
            accept: request.accept.into_iter().collect(),
            prefer: request.prefer.clone(),
            content_type: (!request.body.is_empty()).then_some("application/json"),
            body: request.body.clone().into(),
            ..Parts::default()
        };
        let caller = &app.callers[request.caller];
        let caller = data::Caller {
            role: Arc::from(&*caller.role),
            subject: Arc::from(""),
            origin: None,
            anonymous: caller.role == "anon",
            claims: Arc::from(&*caller.claims),
            headers: Arc::from("{}"),
            cookies: Arc::from("{}"),
        };
        self.data.handle(&parts, &caller).await
    }

    /// All rows of all tables as the owner sees them, in an order of their own.
    pub async fn content(&self, app: &App) -> Result<Vec<String>, String> {
        let catalog = self.store.catalog();
        let mut reads = Vec::new();
        for relation in app.relations.iter().filter(|relation| relation.table) {
            let names: Vec<String> = relation.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
            let found = catalog.relation("public", &relation.name).ok_or("a table is missing")?;
            let types: Vec<values::Type> = relation
                .columns
                .iter()
                .map(|column| found.column(&column.name).map_or(values::Type::Text, |found| found.ty.clone()))
                .collect();
            reads.push((
                relation.name.clone(),
                format!("select {} from \"{}\"", names.join(", "), relation.name),
                types,
            ));
        }
        self.store
            .read(Scope::default(), Lane::Short, move |conn| {
                let mut all = Vec::new();
                for (name, sql, types) in &reads {
                    conn.query(sql, &[], &mut |row| {
                        let mut text = name.clone().into_bytes();
                        for (place, ty) in types.iter().enumerate() {
                            text.push(b' ');
                            row.write_json(place, ty, &mut text)?;
                        }
                        all.push(String::from_utf8_lossy(&text).into_owned());
                        Ok(())
                    })?;
                }
                all.sort();
                Ok::<_, store::Error>(all)
            })
            .await
            .map_err(|error| error.to_string())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let Some(database) = self.database.take() else { return };
        // Roles outlive the database on PostgreSQL, and cannot be dropped while it holds grants to them.
        drop(database);
        if !std::thread::panicking() {
            for role in &self.roles {
                testkit::postgres::run(&Cluster::shared().url("postgres"), &format!("drop role if exists {role}"));
            }
        }
    }
}
