//! A database that somebody else holds: SQLite's file by another process, a table by another session of PostgreSQL.

use std::sync::Arc;

use store::sqlite::{Exclusive, Options, Place as File, SqliteEngine};
use testkit::signal::Signal;

use crate::place::{Holder, Place, SCHEMA};

#[test]
fn a_file_that_another_process_holds_refuses_writes_for_now_and_goes_on_when_it_is_free() {
    let place = Place::new(&[("0001_schema.sql", SCHEMA)], &[]);
    let served = place.start();
    // The house's own lock is beside the file's name: under another name it is what any tool of SQLite's is, a process that holds locks.
    let alias = place.folder.join("alias.db");
    std::os::unix::fs::symlink(place.data("main.db"), &alias).unwrap();
    let other = SqliteEngine::open(File::File(alias), Options::default(), Arc::from(Vec::new())).unwrap();
    let (held, free) = (Signal::new(), Signal::new());
    let (holding, let_go) = (held.clone(), free.clone());
    let other = Arc::new(other);
    let holder = other.clone();
    let holder = place.runtime.spawn(async move {
        holder
            .exclusive(move |db: &Exclusive<'_>| -> store::Result<()> {
                db.execute_batch("begin immediate").map_err(|error| db.error(error))?;
                holding.raise();
                let_go.wait_for(1);
                Ok(())
            })
            .await
            .unwrap();
    });
    held.wait_for(1);
    for id in 2..5 {
        place.add(&served, id).is_for_later("locked");
    }
    assert_eq!(place.songs(&served), [1]);
    assert_eq!(place.get(&served, "/readyz").status, 200);
    free.raise();
    place.runtime.block_on(holder).unwrap();
    assert_eq!(Place::until(201, || place.add(&served, 9)).status, 201);
    assert_eq!(place.songs(&served), [1, 9]);
    drop(other);
    assert!(served.stop());
}

#[test]
fn a_table_that_a_session_holds_costs_its_requests_their_time_and_nobody_else_anything() {
    let database = testkit::postgres::fresh_database(None);
    let more = "create table free (id integer primary key); grant all on free to service_role;";
    let settings = [("LIMITS__REQUEST_TIMEOUT_MS", "700"), ("STORE__POSTGRES_ACQUIRE_TIMEOUT_MS", "500")];
    let place = Place::new(&[("0001_schema.sql", SCHEMA), ("0002_free.sql", more)], &settings).on(database.url());
    let served = place.start();
    let holder = Holder::of_songs(database.url());
    for _ in 0..3 {
        for answer in [place.get(&served, "/rest/v1/song"), place.add(&served, 2)] {
            assert!(matches!(answer.status, 503 | 504) || answer.text.contains("57014"), "{answer:?}");
        }
        assert_eq!(place.get(&served, "/rest/v1/free").status, 200);
        assert_eq!(place.get(&served, "/livez").status, 200);
    }
    holder.let_go();
    Place::until(200, || place.get(&served, "/rest/v1/song"));
    assert_eq!(place.songs(&served), [1]);
    assert_eq!(Place::until(201, || place.add(&served, 9)).status, 201);
}
