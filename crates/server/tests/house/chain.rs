//! The chain of events: what is done to them past the house is found, and where, on both engines.

use http::Request;
use server::Running;
use store::{Lane, Scope};
use testkit::Engine;

use crate::support::{Home, SCHEMA, service};

fn insert(home: &Home, running: &Running, ids: std::ops::Range<u32>) {
    for id in ids {
        let request = Request::post("/rest/v1/song")
            .header("authorization", service(running))
            .header("content-type", "application/json");
        assert_eq!(home.ask(running, request, &format!(r#"{{"id":{id},"title":"x"}}"#)).status(), 201);
    }
    let last = home.runtime.block_on(running.store.read(Scope::default(), Lane::Short, |conn| {
        let sql = if conn.engine() == store::Engine::Sqlite {
            "select max(id) from _mainstay_events_event"
        } else {
            "select max(id) from mainstay.events_event"
        };
        let mut last = 0;
        conn.query(sql, &[], &mut |row| {
            last = store::house::read_int(row, 0)?;
            Ok(())
        })?;
        Ok::<_, store::Error>(last)
    }));
    // Places are given a moment later on PostgreSQL.
    let request = Request::get(format!("/events/v1?after={}&wait=25", last.unwrap() - 1))
        .header("authorization", service(running));
    assert_eq!(home.ask(running, request, "").status(), 200);
}

/// Runs a statement past the house, and says what is found.
fn after(home: &Home, running: &Running, sqlite: &'static str, postgres: &'static str) -> Option<String> {
    let sql = if running.store.engine() == store::Engine::Sqlite { sqlite } else { postgres };
    let done = home.runtime.block_on(running.store.write(Scope::default(), move |tx: &mut store::Tx<'_>| {
        tx.quiet("tampering");
        tx.conn().execute(sql, &[])
    }));
    assert!(done.unwrap() > 0, "{sql}");
    found(home, running)
}

fn found(home: &Home, running: &Running) -> Option<String> {
    home.runtime.block_on(events::verify(&running.store)).unwrap().fault.map(|fault| fault.to_string())
}

testkit::both! {
    fn whoever_edits_or_removes_events_past_the_house_is_found_out_by_position(engine) {
        for (sqlite, postgres, wanted) in [
            ("update _mainstay_events_event set data = replace(data, 'x', 'y') where id = 3",
             "update mainstay.events_event set data = replace(data, 'x', 'y') where id = 3", "the event at 3 is not the one that was written there"),
            ("update _mainstay_events_event set context = '{}' where id = 1",
             "update mainstay.events_event set context = '{}' where id = 1", "the event at 1 is not the one that was written there"),
            ("update _mainstay_events_event set at = at + 1 where id = 6",
             "update mainstay.events_event set at = at + 1 where id = 6", "the event at 6 is not the one that was written there"),
            ("update _mainstay_events_event set link = zeroblob(32) where id = 4",
             "update mainstay.events_order set link = decode(repeat('00', 32), 'hex') where position = 4", "the event at 4 is not the one that was written there"),
            ("delete from _mainstay_events_event where id = 2", "delete from mainstay.events_event where id = 2", "the event at 2 is missing"),
            ("delete from _mainstay_events_event where id = 1", "delete from mainstay.events_order where position = 1", "the event at 1 is missing"),
            ("delete from _mainstay_events_event where id >= 5",
             "delete from mainstay.events_order where position >= 5", "the events from 5 on are missing; the log went up to 6"),
            ("insert into _mainstay_events_event (unit, kind, subject, key, data, context, at) select unit, kind, subject, key, data, context, at from _mainstay_events_event where id = 1",
             "insert into mainstay.events_order (position, event, link) select 7, event, link from mainstay.events_order where position = 1", "the event at 7 was put there by somebody else"),
        ] {
            let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
            let running = home.start().unwrap();
            insert(&home, &running, 10..16);
            assert_eq!(found(&home, &running), None);
            assert_eq!(after(&home, &running, sqlite, postgres).as_deref(), Some(wanted));
            home.stop(running);
        }
    }

    fn the_chain_goes_on_over_restarts_and_from_where_the_log_begins(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        assert_eq!(found(&home, &running), None);
        insert(&home, &running, 10..20);
        home.stop(running);
        let running = home.start().unwrap();
        insert(&home, &running, 20..30);
        let all = home.runtime.block_on(events::verify(&running.store)).unwrap();
        assert_eq!((all.after, all.last, all.fault), (0, 20, None));
        // Rows beyond the number that is kept are forgotten from the beginning; the anchor moves along.
        let few = events::Events::new(events::Config { rows_max: 5, ..events::Config::default() });
        assert_eq!(home.runtime.block_on(few.sweep(&running.store)).unwrap(), 15);
        assert_eq!(home.runtime.block_on(few.sweep(&running.store)).unwrap(), 0);
        let left = home.runtime.block_on(events::verify(&running.store)).unwrap();
        assert_eq!((left.after, left.last, left.link, left.fault), (15, 20, all.link, None));
        insert(&home, &running, 30..33);
        assert_eq!(found(&home, &running), None);
        let wanted = Some("the event at 16 is missing".to_owned());
        assert_eq!(after(&home, &running, "delete from _mainstay_events_event where id = 16", "delete from mainstay.events_event where id = 16"), wanted);
        home.stop(running);
    }
}

#[test]
fn a_database_of_an_older_program_begins_its_chain_where_its_log_is() {
    let home = Home::new(Engine::Sqlite, &[("0001_schema.sql", SCHEMA)]);
    let running = home.start().unwrap();
    insert(&home, &running, 10..13);
    // As the tables were before there was a chain.
    for sql in [
        "drop view _mainstay_events_order",
        "alter table _mainstay_events_event drop column link",
        "create view _mainstay_events_order as select id as position, id as event from _mainstay_events_event",
        "drop table _mainstay_events_mark",
        "update _mainstay_store_room set version = 2 where room = 'events'",
    ] {
        let done = home.runtime.block_on(running.store.write(Scope::default(), move |tx: &mut store::Tx<'_>| {
            tx.quiet("tampering");
            tx.conn().execute(sql, &[])
        }));
        done.unwrap();
    }
    home.stop(running);
    let running = home.start().unwrap();
    insert(&home, &running, 13..15);
    let all = home.runtime.block_on(events::verify(&running.store)).unwrap();
    assert_eq!((all.after, all.last, all.fault), (3, 5, None));
    home.stop(running);
}
