//! Rows, events and audit leaves held against each other: what was done to one of them past the house is told, on both engines.

use http::Request;
use server::Running;
use server::reconcile::{Report, Wanted, reconcile};
use std::time::Duration;
use store::Scope;

use crate::support::{Home, service};

const SCHEMA: &str = "
create table song (id integer primary key, title text not null, price numeric(6,2), at timestamptz, more jsonb, secret text);
comment on column song.secret is '@sensitive';
create table verse (song_id integer not null references song on delete cascade, number integer, line text, primary key (song_id, number));
create table loose (line text);
grant usage on schema public to service_role;
grant all on song, verse, loose to service_role;
";

fn ask(home: &Home, running: &Running, method: &str, path: &str, body: &str) {
    let request = Request::builder().method(method).uri(path).header("authorization", service(running));
    let kind = if path == "/events/v1" { "application/cloudevents-batch+json" } else { "application/json" };
    let answer = home.ask(running, request.header("content-type", kind), body);
    assert!(answer.status().is_success(), "{method} {path} {:?}", answer.body());
}

fn compared(home: &Home, running: &Running) -> Report {
    let wanted = Wanted { rows: 1_000, settle: Duration::ZERO, leaves: true };
    home.runtime.block_on(reconcile(&running.store, wanted, i64::MAX)).unwrap()
}

/// A house in which a few things happened, with all leaves in their places.
fn lived(engine: testkit::Engine) -> (Home, Running) {
    let home =
        Home::with(engine, &[("0001_schema.sql", SCHEMA)], |settings| settings.audit.checkpoint_interval_ms = 50);
    let running = home.start().unwrap();
    ask(
        &home,
        &running,
        "POST",
        "/rest/v1/song?columns=id,title,price,at,more,secret",
        r#"[{"id":1,"title":"One","price":12.5,"at":"2026-01-31T12:00:00+01:00","more":{"b": [1, 2.50],"a":null},"secret":"s"},{"id":2,"title":"Two"},{"id":3,"title":"Three"}]"#,
    );
    ask(
        &home,
        &running,
        "POST",
        "/rest/v1/verse",
        r#"[{"song_id":2,"number":1,"line":"a"},{"song_id":1,"number":1,"line":"b"}]"#,
    );
    ask(&home, &running, "PATCH", "/rest/v1/song?id=eq.3", r#"{"title":"Trois"}"#);
    ask(&home, &running, "DELETE", "/rest/v1/song?id=eq.2", "");
    ask(&home, &running, "POST", "/rest/v1/loose", r#"{"line":"no key"}"#);
    ask(
        &home,
        &running,
        "POST",
        "/events/v1",
        r#"[{"specversion":"1.0","id":"1","source":"/s","type":"data.row.inserted","subject":"public.song","partitionkey":"public.song/9","data":{"before":null,"after":{"id":9}}}]"#,
    );
    for _ in 0..400 {
        let report = compared(&home, &running);
        if report.differences.is_empty() && report.units == 6 && report.chained == 10 {
            assert_eq!((report.rows, report.past), (5, 0));
            return (home, running);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("never agreed: {:?}", compared(&home, &running));
}

testkit::both! {
    fn what_is_done_to_rows_events_or_leaves_past_the_house_is_told(engine) {
        for (sqlite, postgres, wanted) in [
            ("update song set price = 13 where id = 1", "alter table song disable trigger all; update song set price = 13 where id = 1", "public.song/1: price is not what its last event says"),
            ("delete from song where id = 3", "alter table song disable trigger all; delete from song where id = 3", "public.song/3: the row is gone, and no event says so"),
            ("insert into song (id, title) values (2, 'back')", "alter table song disable trigger all; insert into song (id, title) values (2, 'back')", "public.song/2: the row is there, and its last event says that it was deleted"),
            ("delete from _mainstay_audit_leaf where id = 4", "delete from mainstay.audit_leaf where id = 4", "2 events, and no leaf in the audit log"),
            ("update _mainstay_events_event set data = replace(data, 'Trois', 'Drei')", "update mainstay.events_event set data = replace(data, 'Trois', 'Drei')", "its events are not those that its leaf in the audit log was made of"),
            ("delete from _mainstay_events_event where id = 9", "delete from mainstay.events_event where id = 9", "its leaf in the audit log says 1 events, and there are none"),
        ] {
            let (home, mut running) = lived(engine);
            match &home.database {
                Some(database) => testkit::postgres::run(database.url(), postgres),
                None if sqlite.contains("_mainstay_") => past_the_house(&home, &running, sqlite),
                // What migrations change is not taken down.
                None => {
                    home.stop(running);
                    std::fs::write(home.folder.join("migrations").join("0002_past.sql"), sqlite).unwrap();
                    running = home.start().unwrap();
                }
            }
            let report = compared(&home, &running);
            assert!(report.differences.iter().any(|told| told.contains(wanted)), "{sqlite}: {:?}", report.differences);
            home.stop(running);
        }
    }
}

/// Changes the house's own tables, which nothing is taken down of.
fn past_the_house(home: &Home, running: &Running, sql: &'static str) {
    let done = home.runtime.block_on(running.store.write(Scope::default(), move |tx: &mut store::Tx<'_>| {
        tx.quiet("tampering");
        tx.conn().execute(sql, &[])
    }));
    assert!(done.unwrap() > 0, "{sql}");
}
