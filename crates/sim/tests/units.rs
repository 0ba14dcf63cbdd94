//! Idempotency, events and the audit log under crashes and beside transactions that lag, from seeds; and the simulator under planted
//! mistakes.

use sim::units::{Plant, Server, Tally, run};
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("there is a runtime")
}

/// `SIM_SEEDS` asks for more of them, `SIM_FIRST` for others.
fn seeds(otherwise: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("SIM_FIRST").unwrap_or(1);
    first..first + number("SIM_SEEDS").unwrap_or(otherwise)
}

#[test]
fn on_sqlite_nothing_is_lost_doubled_or_untold() {
    let mut all = Tally::default();
    for seed in seeds(150) {
        all.add(runtime().block_on(run(seed, Plant::Nothing)).unwrap_or_else(|finding| panic!("{finding}")));
    }
    // A simulator in which nothing happens proves nothing.
    assert!(all.crashes > 150 && all.survived > 30 && all.replayed > all.crashes && all.events > 3_000, "{all:?}");
}

#[test]
fn on_postgresql_a_reader_sees_every_event_beside_transactions_that_lag() {
    let runtime = runtime();
    let mut all = Tally::default();
    runtime.block_on(async {
        let server = Server::start().await.unwrap_or_else(|finding| panic!("{finding}"));
        for seed in seeds(60) {
            all.add(server.run(seed, Plant::Nothing).await.unwrap_or_else(|finding| panic!("{finding}")));
        }
    });
    assert!(all.crashes > 10 && all.replayed > 100 && all.events > 500, "{all:?}");
}

#[test]
fn planted_mistakes_are_seen_within_a_hundred_seeds() {
    for plant in [Plant::EventsOutside, Plant::AnswersOutside] {
        let seen = (1..=100).find_map(|seed| runtime().block_on(run(seed, plant)).err());
        assert!(seen.is_some(), "{plant:?} was never seen");
    }
    runtime().block_on(async {
        let server = Server::start().await.unwrap_or_else(|finding| panic!("{finding}"));
        for seed in 1..=100 {
            if let Err(finding) = server.run(seed, Plant::HighestId).await {
                assert!(finding.contains("the reader saw"), "{finding}");
                return;
            }
        }
        panic!("a reader that goes by the highest id was never seen");
    });
}
