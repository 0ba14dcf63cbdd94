//! A PostgreSQL that goes away and comes back, and one that says that it has no room, no connection, no time.

use http::Method;
use testkit::cluster::Cluster;

use crate::place::{Place, SCHEMA};

#[test]
fn a_postgresql_that_is_stopped_is_503_and_is_used_again_as_soon_as_it_is_back() {
    let cluster = Cluster::start();
    let place = Place::new(&[("0001_schema.sql", SCHEMA)], &[]).on(&cluster.url());
    let served = place.start();
    for (round, stop) in [Cluster::stop, Cluster::crash].into_iter().enumerate() {
        let id = 10 * (round + 1);
        assert_eq!(Place::until(201, || place.add(&served, id)).status, 201);
        stop(&cluster);
        for _ in 0..3 {
            Place::until(503, || place.get(&served, "/rest/v1/song")).is_for_later("PGRST000");
            Place::until(503, || place.add(&served, id + 1)).is_for_later("PGRST000");
        }
        let probe = Place::until(503, || place.get(&served, "/readyz?verbose"));
        assert!(probe.text.contains("store") && !probe.text.contains("127.0.0.1"), "{probe:?}");
        assert_eq!(place.get(&served, "/livez").status, 200);
        assert_eq!(place.get(&served, "/metrics").status, 200);
        // What needs no database is answered, too.
        assert_eq!(place.get(&served, "/openapi.json").status, 200);

        cluster.up();
        Place::until(200, || place.get(&served, "/rest/v1/song"));
        Place::until(200, || place.get(&served, "/readyz"));
        assert_eq!(Place::until(201, || place.add(&served, id + 2)).status, 201);
    }
    assert_eq!(place.songs(&served), [1, 10, 12, 20, 22]);
    assert!(served.stop());
}

#[test]
fn a_postgresql_that_is_away_at_the_start_stops_it_in_words() {
    let cluster = Cluster::start();
    let place = Place::new(&[("0001_schema.sql", SCHEMA)], &[]).on(&cluster.url());
    cluster.stop();
    let (code, out, error) = place.run(&["serve", place.path(), "--listen", "127.0.0.1:0", "--json"]);
    assert_eq!(code, 1, "{out}{error}");
    assert!(error.contains("PostgreSQL") && error.contains("connect"), "{error}");
    let (code, out, error) = place.run(&["db", "status", place.path()]);
    assert_eq!(code, 1, "{out}{error}");
    cluster.up();
    assert_eq!(place.songs(&place.start()), [1]);
}

#[test]
fn what_a_postgresql_cannot_do_now_is_for_later_and_what_it_will_never_do_is_not() {
    let database = testkit::postgres::fresh_database(None);
    let trigger = "create function refuse() returns trigger language plpgsql as $$
        begin raise exception using errcode = new.title, message = 'refused on purpose'; end $$;
        create trigger refuse before insert on song for each row execute function refuse();";
    let place = Place::new(&[("0001_schema.sql", SCHEMA), ("0002_refuse.sql", trigger)], &[]).on(database.url());
    let served = place.start();
    for (state, later) in [
        ("53000", true),
        ("53100", true),
        ("53200", true),
        ("53300", true),
        ("53400", false),
        ("57P01", true),
        ("57P02", true),
        ("57P03", true),
        ("08006", true),
        ("58030", false),
        ("23514", false),
        ("57014", false),
    ] {
        let body = format!("{{\"id\":2,\"title\":\"{state}\"}}");
        let answer = place.ask(&served, Method::POST, "/rest/v1/song", body);
        if later {
            answer.is_for_later("");
        } else {
            assert!(answer.status != 503 && answer.retry_after.is_none(), "{state} {answer:?}");
        }
        assert_eq!(place.songs(&served), [1], "{state}");
    }
}
