//! The writer under crashes, from seeds; and the simulator under planted mistakes.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use sim::writer::{Plant, Tally, run};

fn simulate(seed: u64, plant: Plant) -> Result<Tally, String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run(seed, plant))
}

/// `SIM_SEEDS` asks for more of them.
fn seeds() -> u64 {
    std::env::var("SIM_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half() {
    let mut all = Tally::default();
    for seed in 1..=seeds() {
        match simulate(seed, Plant::Nothing) {
            Ok(tally) => {
                all.functions += tally.functions;
                all.acknowledged += tally.acknowledged;
                all.crashes += tally.crashes;
                all.survived += tally.survived;
            }
            Err(reason) => panic!("{reason}"),
        }
    }
    // A simulator in which nothing happens proves nothing.
    assert!(all.crashes as u64 > seeds() && all.acknowledged > all.functions / 3, "{all:?}");
}

#[test]
fn planted_mistakes_are_seen_within_a_hundred_seeds() {
    for plant in [Plant::AnswersEarly, Plant::LeavesOutside, Plant::TrustsTheRefused] {
        let seen = (1..=100).find_map(|seed| simulate(seed, plant).err());
        assert!(seen.is_some(), "{plant:?} was never seen");
    }
}
