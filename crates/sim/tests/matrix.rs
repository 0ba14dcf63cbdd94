//! The row-security matrix: generated apps and requests, PostgreSQL as the oracle.

use sim::matrix::{Report, check};

/// `SIM_MATRIX_SEEDS` asks for more seeds, `SIM_MATRIX_FIRST` for others.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn both_engines_give_the_same_answers_to_generated_apps() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (first, seeds) = (number("SIM_MATRIX_FIRST", 1), number("SIM_MATRIX_SEEDS", 24));
    let mut all = Report::default();
    for seed in first..first + seeds {
        match runtime.block_on(check(seed, 60)) {
            Ok(report) => {
                all.requests += report.requests;
                all.accepted += report.accepted;
                all.forbidden += report.forbidden;
                all.written += report.written;
            }
            Err(finding) => panic!("{finding}"),
        }
    }
    // Apps that refuse everything, or nothing, would compare little.
    assert!(
        all.accepted * 4 > all.requests && all.forbidden * 8 > all.requests && all.written * 10 > all.requests,
        "{all:?}"
    );
}
