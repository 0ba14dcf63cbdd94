//! `cargo run -p sim --example matrix -- <first seed> <seeds> <requests>`: compares the engines and prints every difference.

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let first = numbers.first().copied().unwrap_or(1);
    let seeds = numbers.get(1).copied().unwrap_or(40);
    let requests = usize::try_from(numbers.get(2).copied().unwrap_or(60)).unwrap_or(60);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let (mut differing, mut total, mut accepted, mut written, mut forbidden) = (0, 0, 0, 0, 0);
    for seed in first..first + seeds {
        match runtime.block_on(sim::matrix::check(seed, requests)) {
            Ok(report) => {
                total += report.requests;
                accepted += report.accepted;
                written += report.written;
                forbidden += report.forbidden;
            }
            Err(finding) => {
                differing += 1;
                eprintln!("{finding}\n=======");
            }
        }
    }
    eprintln!(
        "{seeds} seeds, {differing} differ; {total} requests, {accepted} accepted, {written} writes, {forbidden} forbidden"
    );
}
