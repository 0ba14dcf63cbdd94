//! A log, a room over it, and a clock in the test's hand.

use std::sync::Arc;
use std::time::Duration;

use consumers::{Ask, Config, Consumers, Delivery, Durable, Settled, Wanted};
use events::Events;
use kernel::{ManualClock, Micros, SeededRandom};
use store::postgres::PostgresEngine;
use store::sqlite::{Place, SqliteEngine};
use store::{Catalog, Event, Participants, Scope, Store, Tx, house};
use testkit::Engine;
use testkit::postgres::{Database, fresh_database};
use tokio::runtime::Runtime;

pub(crate) struct Home {
    pub(crate) runtime: Runtime,
    pub(crate) store: Arc<Store>,
    pub(crate) events: Arc<Events>,
    pub(crate) consumers: Arc<Consumers>,
    pub(crate) clock: Arc<ManualClock>,
    /// Held, so that it stays as long as the home.
    _database: Option<Database>,
}

pub(crate) fn durable(name: &str) -> Durable {
    Durable::parse(name).unwrap()
}

impl Home {
    pub(crate) fn new(engine: Engine, config: Config) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let database = (engine == Engine::Postgres).then(|| fresh_database(None));
        let events = Arc::new(Events::default());
        let followers = Participants::from([events.recorder()]);
        let catalog = Arc::new(Catalog::default());
        let store = Arc::new(match &database {
            None => {
                let options = store::sqlite::Options::default();
                Store::sqlite(SqliteEngine::open(Place::Temporary, options, followers).unwrap(), catalog)
            }
            Some(database) => {
                let connecting =
                    PostgresEngine::connect(database.url(), store::postgres::Options::default(), followers);
                Store::postgres(runtime.block_on(connecting).unwrap(), catalog)
            }
        });
        let make = |tx: &mut Tx<'_>| -> store::Result<()> {
            tx.quiet("a test's tables");
            if tx.conn().engine() == store::Engine::Postgres {
                tx.conn().execute("create schema if not exists mainstay", &[])?;
            }
            house::prepare(tx.conn(), &[&events::TABLES, &consumers::TABLES])
        };
        runtime.block_on(store.write(Scope::default(), make)).unwrap();
        let clock = Arc::new(ManualClock::at(Micros::from_secs(1_800_000_000)));
        let random = Arc::new(SeededRandom::new(7));
        let consumers = Arc::new(Consumers::new(config, events.clone(), random).with_clock(clock.clone()));
        Self { runtime, store, events, consumers, clock, _database: database }
    }

    /// Events of a subject, one for each of these keys, in one unit; the place of the first.
    pub(crate) fn happen(&self, subject: &str, keys: &[u8]) -> i64 {
        let (subject, keys) = (subject.to_owned(), keys.to_vec());
        let unit = move |tx: &mut Tx<'_>| -> store::Result<()> {
            for key in &keys {
                let mut event = Event::new("test.thing.done", subject.as_str(), "{}");
                event.key = format!("{subject}/{key}");
                tx.emit(event);
            }
            Ok(())
        };
        self.runtime.block_on(async {
            self.events.order(&self.store).await.unwrap();
            let last = self.events.last(&self.store).await.unwrap();
            self.store.write(Scope::default(), unit).await.unwrap();
            self.events.order(&self.store).await.unwrap();
            last + 1
        })
    }

    pub(crate) fn make(&self, name: &str, wanted: Wanted) {
        let name = durable(name);
        let made = self.consumers.put(&self.store, Scope::default(), &name, wanted);
        self.runtime.block_on(made).unwrap();
    }

    pub(crate) fn pull(&self, name: &str, max: u32) -> Vec<Delivery> {
        let (name, ask) = (durable(name), Ask { max, partition: None });
        let pulled = self.consumers.pull(&self.store, &name, ask, Duration::ZERO);
        self.runtime.block_on(pulled).unwrap().deliveries
    }

    pub(crate) fn ack(&self, name: &str, lease: &str) -> Settled {
        self.runtime.block_on(self.consumers.ack(&self.store, &durable(name), vec![lease.to_owned()])).unwrap()
    }

    pub(crate) fn nack(&self, name: &str, lease: &str, delay: Duration) -> Settled {
        let name = durable(name);
        let said = self.consumers.nack(&self.store, &name, vec![lease.to_owned()], delay, Some("no"));
        self.runtime.block_on(said).unwrap()
    }
}
