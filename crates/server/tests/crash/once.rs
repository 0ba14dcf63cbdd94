//! Retries by key under SIGKILL: clients that send each request again until it is answered, across any number of kills. In the end every
//! request has had its effect once, and the log of events tells exactly the rows that are there.
//!
//! `CRASH_KILLS` and `CRASH_WRITERS` say how many; `cargo x crash` sets them.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use kernel::{Random as _, SeededRandom};
use serde_json::Value;
use web::client::Client;

use crate::{Home, Served, seeded};

/// Rows of the migration's, deleted before all else.
const MIGRATED: usize = 2;

/// What the clients share.
#[derive(Default)]
struct World {
    /// Where the server is now.
    address: Mutex<String>,
    /// How many rows of `item` are to be there under each key in the end.
    wanted: Mutex<BTreeMap<String, usize>>,
    answered: AtomicUsize,
    replayed: AtomicUsize,
    again: AtomicUsize,
    stop: AtomicBool,
}

/// A request that is sent until it is answered.
struct Once<'w> {
    world: &'w World,
    token: &'w str,
    client: Option<Client>,
}

impl Once<'_> {
    async fn send(&mut self, key: &str, method: Method, path: &str, body: &str) {
        for attempt in 0.. {
            assert!(attempt < 20_000, "{key} is never answered");
            if attempt > 0 {
                self.world.again.fetch_add(1, Ordering::Relaxed);
            }
            let Some(client) = &mut self.client else {
                let address = self.world.address.lock().unwrap().clone();
                match Client::connect(&address).await {
                    Ok(client) => self.client = Some(client),
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
                continue;
            };
            let request = Request::builder()
                .method(method.clone())
                .uri(path)
                .header("authorization", self.token)
                .header("content-type", "application/json")
                .header("idempotency-key", key)
                .body(Bytes::copy_from_slice(body.as_bytes()))
                .unwrap();
            match tokio::time::timeout(Duration::from_secs(20), client.send(request)).await {
                Ok(Ok(answer)) => match answer.status().as_u16() {
                    200 | 201 | 204 => {
                        let replayed = answer.headers().contains_key("idempotency-replayed");
                        self.world.replayed.fetch_add(usize::from(replayed), Ordering::Relaxed);
                        self.world.answered.fetch_add(1, Ordering::AcqRel);
                        return;
                    }
                    // Still running, or not now.
                    409 | 503 | 504 => tokio::time::sleep(Duration::from_millis(5)).await,
                    status => panic!("{key}: {status} {}", String::from_utf8_lossy(answer.body())),
                },
                Ok(Err(_)) | Err(_) => self.client = None,
            }
        }
    }
}

/// One client: inserts, changes and deletes, one after the other.
async fn work(world: Arc<World>, token: String, name: String, seed: u64) {
    let random = SeededRandom::new(seed);
    let mut once = Once { world: &world, token: &token, client: None };
    let mut mine: Vec<String> = Vec::new();
    for number in 0.. {
        if world.stop.load(Ordering::Acquire) {
            return;
        }
        let key = format!("{name}.{number}");
        match random.next_u64() % 6 {
            0..=2 => {
                let rows = if random.next_u64().is_multiple_of(2) { 1 } else { 3 };
                world.wanted.lock().unwrap().insert(key.clone(), rows);
                let body = vec![format!("{{\"key\":\"{key}\"}}"); rows].join(",");
                once.send(&key, Method::POST, "/rest/v1/item", &format!("[{body}]")).await;
                mine.push(key);
            }
            3 | 4 => {
                let body = format!("{{\"n\":{}}}", random.next_u64() % 1_000_000);
                once.send(&key, Method::PATCH, "/rest/v1/pair?id=in.(1,2)", &body).await;
            }
            _ => {
                let Some(gone) = mine.pop() else { continue };
                world.wanted.lock().unwrap().insert(gone.clone(), 0);
                once.send(&key, Method::DELETE, &format!("/rest/v1/item?key=eq.{gone}"), "").await;
            }
        }
    }
}

fn number_of(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// All events, by place.
fn events(home: &Home, served: &Served) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let page = home.rows(served, &format!("/events/v1?after={}&limit=1000&wait=1", all.len()));
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// The rows that the events tell of: what was inserted, as it was changed last, without what was deleted.
fn told(events: &[Value]) -> BTreeMap<String, Value> {
    let mut rows = BTreeMap::new();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence"].as_str().unwrap().parse(), Ok(number + 1), "a gap in the order of events");
        let key = event["partitionkey"].as_str().unwrap().to_owned();
        let (before, after) = (&event["data"]["before"], &event["data"]["after"]);
        if event["type"] == "data.row.deleted" && number < MIGRATED {
            continue;
        }
        let had = if after.is_null() { rows.remove(&key) } else { rows.insert(key.clone(), after.clone()) };
        assert_eq!(had.as_ref().unwrap_or(&Value::Null), before, "{key} at {}", number + 1);
    }
    rows
}

fn check(home: &Home, served: &Served, world: &World) {
    let items = home.rows(served, "/rest/v1/item?select=id,key");
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for row in &items {
        *found.entry(row["key"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let wanted = world.wanted.lock().unwrap();
    let wanted: BTreeMap<_, _> =
        wanted.iter().filter(|(_, rows)| **rows > 0).map(|(key, rows)| (key.clone(), *rows)).collect();
    assert_eq!(found, wanted, "what was answered, once each");
    let mut rows = BTreeMap::new();
    for row in items {
        rows.insert(format!("public.item/{}", row["id"]), row);
    }
    for row in home.rows(served, "/rest/v1/pair?select=id,n") {
        rows.insert(format!("public.pair/{}", row["id"]), row);
    }
    let events = events(home, served);
    assert_eq!(told(&events), rows, "the events tell the rows that are there");
    // The events of a unit have one leaf between them, and no leaf is without.
    let mut units: BTreeMap<String, usize> = BTreeMap::new();
    for event in &events {
        *units.entry(event["causationid"].as_str().unwrap().trim_start_matches("unit_").to_owned()).or_default() += 1;
    }
    assert_eq!(leaves(home, units.len()), units, "events and leaves");
    let verified =
        home.mainstay(&["audit", "verify", home.folder.path().to_str().unwrap(), "--json"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

/// How many events each leaf of the audit log is about, by the unit's id. The last ones get their places a moment later.
fn leaves(home: &Home, wanted: usize) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for _ in 0..100 {
        let app = home.folder.path().to_str().unwrap();
        let said = home.mainstay(&["audit", "search", app, "--limit", "10000000", "--json"]).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        found.clear();
        for line in String::from_utf8(said.stdout).unwrap().lines() {
            let leaf: Value = serde_json::from_str(line).unwrap();
            let id = leaf["record"]["id"].as_str().unwrap().trim_start_matches("aud_").to_owned();
            let count = usize::try_from(leaf["record"]["events"]["count"].as_u64().unwrap()).unwrap();
            assert_eq!(found.insert(id, count), None, "two leaves of one unit");
        }
        if found.len() >= wanted {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    found
}

fn killed(home: &Home, default_kills: usize, seed: u64) {
    let (kills, writers) = (number_of("CRASH_KILLS", default_kills), number_of("CRASH_WRITERS", 16));
    let random = seeded(seed);
    let world = Arc::new(World::default());
    let mut served = home.start();
    world.address.lock().unwrap().clone_from(&served.address);
    // A migration's rows are no events: the pair is made anew, so that the events tell of it from the first on.
    home.runtime.block_on(async {
        let mut once = Once { world: &world, token: &home.key, client: None };
        once.send("clear", Method::DELETE, "/rest/v1/pair?id=gt.0", "").await;
        once.send("pair", Method::POST, "/rest/v1/pair", r#"[{"id":1,"n":0},{"id":2,"n":0}]"#).await;
    });
    let clients: Vec<_> = (0..writers)
        .map(|number| {
            home.runtime.spawn(work(world.clone(), home.key.clone(), format!("w{number}"), random.next_u64()))
        })
        .collect();
    for kill in 0..kills {
        let start = world.answered.load(Ordering::Acquire);
        let more = 5 + usize::try_from(random.next_u64() % 200).unwrap();
        let mut looks = 0;
        while world.answered.load(Ordering::Acquire) < start + more {
            looks += 1;
            assert!(looks < 240_000, "the clients do not get on");
            std::thread::sleep(Duration::from_micros(500));
        }
        std::thread::sleep(Duration::from_micros(random.next_u64() % 3000));
        let sent = Command::new("kill").args(["-KILL", &served.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        drop(served);
        served = home.start();
        world.address.lock().unwrap().clone_from(&served.address);
        if (kill + 1) % 100 == 0 {
            eprintln!("{} kills, {} requests answered", kill + 1, world.answered.load(Ordering::Acquire));
        }
    }
    world.stop.store(true, Ordering::Release);
    for client in clients {
        home.runtime.block_on(client).unwrap();
    }
    check(home, &served, &world);
    eprintln!(
        "{kills} kills under {writers} clients: {} requests answered, {} of them sent again, {} answered from what was stored; none lost, none doubled",
        world.answered.load(Ordering::Acquire),
        world.again.load(Ordering::Relaxed),
        world.replayed.load(Ordering::Relaxed)
    );
}

#[test]
fn sqlite_does_each_request_once_however_often_it_is_killed() {
    killed(&Home::new(None), 12, 11);
}

#[test]
fn postgres_does_each_request_once_however_often_the_server_is_killed() {
    let database = testkit::postgres::fresh_database(None);
    killed(&Home::new(Some(database.url().to_owned())), 6, 12);
}
