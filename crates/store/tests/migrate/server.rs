//! The runner on PostgreSQL.

use kernel::SystemClock;
use store::migrate::{File, Folder, MigrationError, Migrator, Progress};
use store::postgres::{Options, PostgresEngine, load_catalog, prepare_database};
use store::{Catalog, Error, Lane, Participants, Scope};
use testkit::postgres::{Database, fresh_database};
use tokio_postgres::{Client, NoTls};

use crate::support::file;

/// A database of a test's own on the shared server, made ready for the house.
pub(crate) struct Server {
    database: Database,
    engine: PostgresEngine,
}

impl Server {
    pub(crate) async fn new() -> Self {
        let database = fresh_database(None);
        let engine = PostgresEngine::connect(database.url(), Options::default(), Participants::from([])).await.unwrap();
        engine
            .write(Scope::default(), |tx| -> Result<(), Error> {
                tx.quiet("a test makes its database ready");
                prepare_database(tx.conn())
            })
            .await
            .unwrap();
        Self { database, engine }
    }

    async fn client(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(self.database.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    pub(crate) async fn run(&self, files: Vec<File>) -> Result<(), MigrationError> {
        let folder = Folder { files, ..Folder::default() };
        Migrator::new(&folder).run_postgres(&self.engine, &SystemClock, &mut |_: &Progress<'_>| {}).await.map(drop)
    }

    pub(crate) async fn catalog(&self) -> Catalog {
        self.engine.read(Scope::default(), Lane::Long, |conn| load_catalog(conn)).await.unwrap()
    }
}

#[tokio::test]
async fn a_refusal_carries_the_line_and_column_in_the_file() {
    for (text, line, column, code) in [
        ("create table t (id int primary key);\n\n  insert into t\n  values ('x');", 4, 11, "22P02"),
        ("-- é\ncreate table t (a nosuch);", 2, 19, "42704"),
        ("create table t (a int);\ncommit;", 2, 1, "25001"),
        ("create table t (a int);\ncreate index concurrently i on t (a);", 2, 1, "25001"),
        (
            "create table p (a int primary key);\ncreate table c (a int references p deferrable initially deferred);\ninsert into c values (1);",
            3,
            1,
            "23503",
        ),
        ("select 'open", 1, 8, "42601"),
    ] {
        let server = Server::new().await;
        let error = server.run(vec![file("0001_a.sql", text)]).await.unwrap_err();
        let MigrationError::Refused(refusal) = error else { panic!("{text}: {error}") };
        assert_eq!(
            (refusal.line, refusal.column, refusal.reason.code.as_str()),
            (line, column, code),
            "{text}: {refusal}"
        );
        let left = server.catalog().await.relations.keys().filter(|name| &*name.schema == "public").count();
        assert_eq!(left, 0, "{text}");
    }
}

#[tokio::test]
async fn files_are_remembered_and_run_once() {
    let server = Server::new().await;
    let files = vec![
        file("0001_a.sql", "create table t (id int primary key); set search_path = nowhere;"),
        file("0002_b.sql", "do $$ begin insert into t values (1); end $$"),
    ];
    server.run(files.clone()).await.unwrap();
    server.run(files.clone()).await.unwrap();
    let folder = Folder { files, ..Folder::default() };
    let status = Migrator::new(&folder).status_postgres(&server.engine).await.unwrap();
    assert!(status.is_current(), "{status:?}");
    let rows = server.client().await.query("select id from t", &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn one_runner_at_a_time() {
    let server = Server::new().await;
    let other = server.client().await;
    server.run(Vec::new()).await.unwrap();
    other.execute("select pg_advisory_lock(x'73746f726d696773'::bigint)", &[]).await.unwrap();
    let error = server.run(vec![file("0001_a.sql", "select 1")]).await.unwrap_err();
    assert!(matches!(error, MigrationError::Locked), "{error}");
}
