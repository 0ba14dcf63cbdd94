//! What the operating system knows about this process, read from `/proc` when the metrics are rendered. Elsewhere than on Linux
//! these metrics are absent.

use std::fs;

use crate::metrics::{Kind, Registry};

/// Linux reports processor time to programs in hundredths of a second, whatever the kernel's own tick.
const TICKS_PER_SECOND: f64 = 100.0;

/// Adds the `process_*` metrics, named as Prometheus' own client libraries name them.
pub fn register(registry: &Registry) {
    if cpu_seconds().is_none() {
        return;
    }
    // A probe that cannot be read says NaN, which is how the exposition formats say "unknown".
    let unknown = f64::NAN;
    registry.probe("process_cpu_seconds_total", "Processor time used, user and system.", Kind::Counter, move || {
        cpu_seconds().unwrap_or(unknown)
    });
    registry.probe("process_resident_memory_bytes", "Memory in RAM.", Kind::Gauge, move || {
        status_kib("VmRSS:").map_or(unknown, |kib| kib * 1024.0)
    });
    registry.probe("process_virtual_memory_bytes", "Memory in the address space.", Kind::Gauge, move || {
        status_kib("VmSize:").map_or(unknown, |kib| kib * 1024.0)
    });
    registry.probe("process_threads", "Threads.", Kind::Gauge, move || status_kib("Threads:").unwrap_or(unknown));
    registry.probe("process_open_fds", "Open file descriptors.", Kind::Gauge, move || {
        // The listing itself holds one while it counts.
        fs::read_dir("/proc/self/fd")
            .map_or(unknown, |entries| f64::from(u32::try_from(entries.count()).unwrap_or(u32::MAX)) - 1.0)
    });
    registry.probe("process_max_fds", "The most file descriptors that may be open.", Kind::Gauge, move || {
        max_fds().unwrap_or(unknown)
    });
    let started = start_seconds().unwrap_or(unknown);
    registry.probe(
        "process_start_time_seconds",
        "When the process started, in seconds since the epoch.",
        Kind::Gauge,
        move || started,
    );
}

/// Field `n` (from 1, as in proc(5)) of `/proc/self/stat`. The name of the program may hold spaces and brackets, so counting
/// starts after the last bracket.
fn stat_field(n: usize) -> Option<f64> {
    field_of_stat(&fs::read_to_string("/proc/self/stat").ok()?, n)
}

fn field_of_stat(stat: &str, n: usize) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    after_name.split_ascii_whitespace().nth(n.checked_sub(3)?)?.parse().ok()
}

fn cpu_seconds() -> Option<f64> {
    Some((stat_field(14)? + stat_field(15)?) / TICKS_PER_SECOND)
}

fn start_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let booted: f64 = stat.lines().find_map(|l| l.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(booted + stat_field(22)? / TICKS_PER_SECOND)
}

fn status_kib(name: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|l| l.strip_prefix(name))?;
    value.split_ascii_whitespace().next()?.parse().ok()
}

fn max_fds() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let soft =
        limits.lines().find_map(|l| l.strip_prefix("Max open files"))?.split_ascii_whitespace().next()?.to_owned();
    soft.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::metrics::Exposition;

    #[test]
    fn a_program_with_brackets_in_its_name_does_not_shift_the_fields() {
        let stat = "42 (a) b) c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 777 1 1";
        for (n, value) in [(4, 1.0), (14, 250.0), (15, 50.0), (22, 777.0)] {
            assert_eq!(field_of_stat(stat, n), Some(value), "{n}");
        }
    }

    #[test]
    fn every_process_metric_has_a_plausible_value() {
        let registry = Registry::new();
        register(&registry);
        let text = registry.render(Exposition::Prometheus);
        for (name, at_least) in [
            ("process_cpu_seconds_total", 0.0),
            ("process_resident_memory_bytes", 100_000.0),
            ("process_virtual_memory_bytes", 100_000.0),
            ("process_threads", 1.0),
            ("process_open_fds", 3.0),
            ("process_max_fds", 3.0),
            ("process_start_time_seconds", 1_600_000_000.0),
        ] {
            let line = text.lines().find(|l| l.strip_prefix(name).is_some_and(|r| r.starts_with(' '))).expect(name);
            let value: f64 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
            assert!(value >= at_least, "{line}");
        }
    }
}
