//! Consumers of a group under SIGKILL: the server dies while events are leased, while effects are written and while they are acknowledged. In
//! the end each event has had its effect once, nothing is left over, and no key was out of order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use kernel::Random as _;
use serde_json::{Value, json};
use web::client::Client;

use crate::{Home, seeded};

/// Events that are to be consumed: changes of so many rows, each changed so often.
const ROWS: usize = 40;
const CHANGES: usize = 4;
const GROUP: &str = "/events/v1/groups/effects";

#[derive(Default)]
struct World {
    address: Mutex<String>,
    settled: AtomicUsize,
    again: AtomicUsize,
    replayed: AtomicUsize,
    stop: AtomicBool,
}

struct Consumer {
    world: Arc<World>,
    token: String,
    client: Option<Client>,
}

impl Consumer {
    /// Asks once; `None` when the server is gone meanwhile.
    async fn ask(&mut self, method: Method, path: &str, inbox: &str, body: &Value) -> Option<(u16, bool, Value)> {
        if self.client.is_none() {
            let address = self.world.address.lock().unwrap().clone();
            let Ok(client) = Client::connect(&address).await else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                return None;
            };
            self.client = Some(client);
        }
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", &self.token)
            .header("content-type", "application/json");
        if !inbox.is_empty() {
            request = request.header("mainstay-inbox", inbox);
        }
        let request = request.body(Bytes::from(body.to_string())).unwrap();
        let client = self.client.as_mut()?;
        let Ok(Ok(answer)) = tokio::time::timeout(Duration::from_secs(20), client.send(request)).await else {
            self.client = None;
            return None;
        };
        let replayed = answer.headers().contains_key("idempotency-replayed");
        let read = serde_json::from_slice(answer.body()).unwrap_or_default();
        Some((answer.status().as_u16(), replayed, read))
    }

    async fn consume(mut self, own: usize) {
        while !self.world.stop.load(Ordering::Acquire) {
            let pull = format!("{GROUP}/pull");
            let Some((200, _, pulled)) = self.ask(Method::POST, &pull, "", &json!({"max": 3, "wait": 1})).await else {
                continue;
            };
            for (number, delivery) in pulled["deliveries"].as_array().unwrap().iter().enumerate() {
                self.world.again.fetch_add(usize::from(delivery["num_delivered"] != 1), Ordering::Relaxed);
                self.work(delivery, (own + number).is_multiple_of(2)).await;
            }
        }
    }

    /// The effect, acknowledged in its unit or apart. Whatever fails is left as it is: the event comes again.
    async fn work(&mut self, delivery: &Value, together: bool) {
        let (event, lease) = (&delivery["event"], &delivery["ack"]);
        let ack = if together { format!(", ack={lease}") } else { String::new() };
        let inbox = format!("group=\"effects\", source={}, id={}{ack}", event["source"], event["id"]);
        let after = &event["data"]["after"];
        let effect = json!({"item": after["id"], "key": after["key"]});
        let Some((status, replayed, answer)) = self.ask(Method::POST, "/rest/v1/done", &inbox, &effect).await else {
            return;
        };
        // Another one may be at it whose lease was given later.
        assert!(status == 201 || status == 409 || status == 503, "{status} {answer}");
        self.world.replayed.fetch_add(usize::from(replayed), Ordering::Relaxed);
        if status == 201 && !together {
            self.ask(Method::POST, &format!("{GROUP}/ack"), "", &json!({"acks": [lease]})).await;
        }
        self.world.settled.fetch_add(usize::from(status == 201), Ordering::AcqRel);
    }
}

fn killed(home: &Home, kills: usize, seed: u64) {
    let random = seeded(seed);
    let world = Arc::new(World::default());
    let mut served = home.start();
    world.address.lock().unwrap().clone_from(&served.address);
    let consumer = || Consumer { world: world.clone(), token: home.key.clone(), client: None };
    home.runtime.block_on(async {
        let mut maker = consumer();
        let group = json!({"filter_subjects": ["public.item"], "ack_wait_ms": 400, "max_deliver": 1000});
        assert_eq!(maker.ask(Method::PUT, GROUP, "", &group).await.unwrap().0, 201);
        let rows: Vec<Value> = (1..=ROWS).map(|id| json!({"id": id, "key": "0"})).collect();
        assert_eq!(maker.ask(Method::POST, "/rest/v1/item", "", &json!(rows)).await.unwrap().0, 201);
        for change in 1..CHANGES {
            let key = json!({"key": change.to_string()});
            assert_eq!(maker.ask(Method::PATCH, "/rest/v1/item?id=gt.0", "", &key).await.unwrap().0, 204);
        }
    });
    let tasks: Vec<_> = (0..4).map(|own| home.runtime.spawn(consumer().consume(own))).collect();
    for _ in 0..kills {
        let wanted = world.settled.load(Ordering::Acquire) + usize::try_from(random.next_u64() % 12).unwrap();
        for _ in 0..4_000 {
            if world.settled.load(Ordering::Acquire) >= wanted.min(ROWS * CHANGES) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(random.next_u64() % 3_000));
        let pid = served.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
        drop(served);
        served = home.start();
        world.address.lock().unwrap().clone_from(&served.address);
    }
    let stand = home.runtime.block_on(async {
        let (mut looker, mut stand) = (consumer(), Value::Null);
        for _ in 0..600 {
            if let Some((200, _, found)) = looker.ask(Method::GET, GROUP, "", &Value::Null).await {
                stand = found;
                if stand["lag"] == 0 {
                    break;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        stand
    });
    world.stop.store(true, Ordering::Release);
    for task in tasks {
        home.runtime.block_on(task).unwrap();
    }
    assert_eq!((&stand["lag"], &stand["num_dead_letters"], &stand["num_missed"]), (&json!(0), &json!(0), &json!(0)));
    // Each change once, and each row's in order.
    let mut found: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for row in home.rows(&served, "/rest/v1/done?select=item,key&order=id") {
        found.entry(row["item"].as_i64().unwrap()).or_default().push(row["key"].as_str().unwrap().to_owned());
    }
    let wanted: Vec<String> = (0..CHANGES).map(|change| change.to_string()).collect();
    assert_eq!(found.len(), ROWS);
    for (item, changes) in found {
        assert_eq!(changes, wanted, "of row {item}");
    }
    eprintln!(
        "{kills} kills, {} events: {} delivered again, {} effects answered from what was stored; each once, in order",
        ROWS * CHANGES,
        world.again.load(Ordering::Relaxed),
        world.replayed.load(Ordering::Relaxed)
    );
}

#[test]
fn sqlite_gives_each_event_one_effect_however_often_it_is_killed() {
    killed(&Home::new(None), 10, 21);
}

#[test]
fn postgres_gives_each_event_one_effect_however_often_the_server_is_killed() {
    let database = testkit::postgres::fresh_database(None);
    killed(&Home::new(Some(database.url().to_owned())), 5, 22);
}
