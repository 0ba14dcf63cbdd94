//! Counters, gauges and histograms, and their text for Prometheus.
//!
//! A room asks the [`Registry`] for its series once and keeps the handle; counting is one atomic addition.

mod exposition;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use exposition::Exposition;

/// The most series of one family; those that come later share one whose labels are all `other`.
pub const SERIES_MAX: usize = 1_000;

/// Buckets for the time of a request, in seconds: from what a cached read takes to what nobody waits for.
pub const REQUEST_SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }
    /// So many more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
    /// How many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Sets it.
    pub fn set(&self, n: i64) {
        self.0.store(n, Ordering::Relaxed);
    }
    /// Changes it by `n`, and says what it was before.
    pub fn add(&self, n: i64) -> i64 {
        self.0.fetch_add(n, Ordering::Relaxed)
    }
    /// What it is.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often something took how long. The buckets are fixed when the family is made.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    bounds_nanos: Box<[u64]>,
    buckets: Box<[AtomicU64]>,
    sum_nanos: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        let nanos = |s: &f64| u64::try_from(Duration::from_secs_f64(*s).as_nanos()).unwrap_or(u64::MAX);
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, bounds_nanos: bounds.iter().map(nanos).collect(), buckets, sum_nanos: AtomicU64::new(0) }
    }

    /// Counts one that took `time`.
    pub fn observe(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let at = self.bounds_nanos.partition_point(|bound| *bound < nanos);
        self.buckets[at].fetch_add(1, Ordering::Relaxed);
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|b| b.load(Ordering::Relaxed)).sum()
    }
}

/// The values of one series' labels, in the order of the family's names.
type Labels = Vec<Cow<'static, str>>;
/// Reads a number when the metrics are rendered.
type Probe = Box<dyn Fn() -> f64 + Send + Sync>;

enum Series {
    Counters(BTreeMap<Labels, Arc<Counter>>),
    Gauges(BTreeMap<Labels, Arc<Gauge>>),
    Histograms(&'static [f64], BTreeMap<Labels, Arc<Histogram>>),
    Probe(Kind, Probe),
    Constant(Labels),
}

/// Whether a probed number only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows; its name ends in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
}

struct Family {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    series: Series,
}

/// All metrics of a process.
#[derive(Default)]
pub struct Registry(Mutex<Vec<Family>>);

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registry({} families)", self.lock().len())
    }
}

/// The series with these labels, or the one that all of those beyond the bound share.
fn series<T>(map: &mut BTreeMap<Labels, Arc<T>>, mut labels: Labels, new: impl FnOnce() -> T) -> Arc<T> {
    if map.len() >= SERIES_MAX && !map.contains_key(&labels) {
        labels.fill(Cow::Borrowed("other"));
    }
    Arc::clone(map.entry(labels).or_insert_with(|| Arc::new(new())))
}

impl Registry {
    /// No metrics yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Family>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn family<T>(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        new: impl FnOnce() -> Series,
        get: impl FnOnce(&mut Series) -> Option<T>,
    ) -> T {
        let legal = |n: &str, also: &str| {
            n.bytes().all(|b| b.is_ascii_alphanumeric() || also.as_bytes().contains(&b))
                && n.bytes().next().is_some_and(|b| !b.is_ascii_digit())
        };
        assert!(
            legal(name, "_:") && labels.iter().all(|l| legal(l, "_")),
            "the metric {name} or a label of it is misnamed"
        );
        let mut families = self.lock();
        let at = match families.binary_search_by_key(&name, |f| f.name) {
            Ok(at) => at,
            Err(at) => {
                families.insert(at, Family { name, help, labels, series: new() });
                at
            }
        };
        let family = &mut families[at];
        assert!(family.labels == labels, "the metric {name} has the labels {:?}", family.labels);
        let got = get(&mut family.series);
        drop(families);
        got.unwrap_or_else(|| panic!("the metric {name} is of another kind"))
    }

    /// The counter of this name (ending in `_total`) and these label values. The same arguments give the same counter.
    ///
    /// # Panics
    /// When the name is taken by a metric of another kind or with other labels: a mistake in the program, seen at its start.
    pub fn counter(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        values: Labels,
    ) -> Arc<Counter> {
        assert!(name.ends_with("_total"), "the counter {name} must end in _total");
        assert!(labels.len() == values.len(), "the metric {name} has the labels {labels:?}");
        self.family(
            name,
            help,
            labels,
            || Series::Counters(BTreeMap::new()),
            |s| match s {
                Series::Counters(map) => Some(series(map, values, Counter::default)),
                _ => None,
            },
        )
    }

    /// The gauge of this name and these label values.
    ///
    /// # Panics
    /// As [`Registry::counter`].
    pub fn gauge(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        values: Labels,
    ) -> Arc<Gauge> {
        assert!(labels.len() == values.len(), "the metric {name} has the labels {labels:?}");
        self.family(
            name,
            help,
            labels,
            || Series::Gauges(BTreeMap::new()),
            |s| match s {
                Series::Gauges(map) => Some(series(map, values, Gauge::default)),
                _ => None,
            },
        )
    }

    /// The histogram of this name (ending in `_seconds`) and these label values. `bounds` are the upper bounds of the buckets in
    /// seconds, ascending; those of the first call hold.
    ///
    /// # Panics
    /// As [`Registry::counter`].
    pub fn histogram(
        &self,
        name: &'static str,
        help: &'static str,
        bounds: &'static [f64],
        labels: &'static [&'static str],
        values: Labels,
    ) -> Arc<Histogram> {
        assert!(bounds.is_sorted() && bounds.iter().all(|b| *b >= 0.0), "the buckets of {name} do not ascend");
        assert!(labels.len() == values.len(), "the metric {name} has the labels {labels:?}");
        self.family(
            name,
            help,
            labels,
            || Series::Histograms(bounds, BTreeMap::new()),
            |s| match s {
                Series::Histograms(bounds, map) => Some(series(map, values, || Histogram::new(bounds))),
                _ => None,
            },
        )
    }

    /// A number that is read when the metrics are rendered, such as the length of a queue.
    ///
    /// # Panics
    /// As [`Registry::counter`]; a probe of the same name is kept, not replaced.
    pub fn probe(
        &self,
        name: &'static str,
        help: &'static str,
        kind: Kind,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.family(
            name,
            help,
            &[],
            || Series::Probe(kind, Box::new(read)),
            |s| matches!(s, Series::Probe(..)).then_some(()),
        );
    }

    /// A gauge that is always 1 and tells things by its labels, such as `mainstay_build_info`.
    ///
    /// # Panics
    /// As [`Registry::counter`].
    pub fn info(&self, name: &'static str, help: &'static str, labels: &'static [&'static str], values: Labels) {
        assert!(labels.len() == values.len(), "the metric {name} has the labels {labels:?}");
        self.family(
            name,
            help,
            labels,
            || Series::Constant(values),
            |s| matches!(s, Series::Constant(_)).then_some(()),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &[f64] = &[0.5, 1.0];

    fn filled() -> Registry {
        let registry = Registry::new();
        registry
            .counter("b_total", "Has \"quotes\"\nand lines.", &["m", "r"], vec!["GET".into(), "a\"\\\n".into()])
            .add(3);
        registry.gauge("a", "Queue.", &[], vec![]).add(-2);
        let h = registry.histogram("c_seconds", "Time.", SHORT, &["m"], vec!["x".into()]);
        for millis in [500, 501, 9_000] {
            h.observe(Duration::from_millis(millis));
        }
        registry.probe("d", "Probed.", Kind::Gauge, || 1.5);
        registry.info("e_info", "Build.", &["version"], vec!["1".into()]);
        registry
    }

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let expected = r#"# HELP a Queue.
# TYPE a gauge
a -2
# HELP b_total Has "quotes"\nand lines.
# TYPE b_total counter
b_total{m="GET",r="a\"\\\n"} 3
# HELP c_seconds Time.
# TYPE c_seconds histogram
c_seconds_bucket{m="x",le="0.5"} 1
c_seconds_bucket{m="x",le="1"} 2
c_seconds_bucket{m="x",le="+Inf"} 3
c_seconds_sum{m="x"} 10.001
c_seconds_count{m="x"} 3
# HELP d Probed.
# TYPE d gauge
d 1.5
# HELP e_info Build.
# TYPE e_info gauge
e_info{version="1"} 1
"#;
        assert_eq!(filled().render(Exposition::Prometheus), expected);
    }

    #[test]
    fn open_metrics_differs_where_its_standard_does() {
        let text = filled().render(Exposition::OpenMetrics);
        assert!(text.contains("# HELP b Has \\\"quotes\\\"\\nand lines.\n# TYPE b counter\nb_total{"), "{text}");
        assert!(text.ends_with("# EOF\n"));
        for (accept, open) in [
            (None, false),
            (Some("*/*"), false),
            (Some("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1"), true),
        ] {
            assert_eq!(Exposition::negotiate(accept) == Exposition::OpenMetrics, open, "{accept:?}");
        }
    }

    #[test]
    fn the_same_name_and_labels_are_the_same_series() {
        let registry = Registry::new();
        let make = |v: &'static str| registry.counter("x_total", "X.", &["l"], vec![v.into()]);
        make("a").inc();
        make("a").inc();
        assert_eq!((make("a").get(), make("b").get()), (2, 0));
    }

    #[test]
    fn a_family_does_not_grow_beyond_its_bound() {
        let registry = Registry::new();
        for n in 0..SERIES_MAX + 50 {
            registry.counter("x_total", "X.", &["l"], vec![n.to_string().into()]).inc();
        }
        let other = registry.counter("x_total", "X.", &["l"], vec!["other".into()]);
        assert_eq!(other.get(), 50);
        assert_eq!(registry.render(Exposition::Prometheus).lines().count(), 2 + SERIES_MAX + 1);
    }

    #[test]
    fn mistakes_in_names_are_found_when_the_metric_is_made() {
        let panics = |make: fn(&Registry)| {
            let registry = filled();
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| make(&registry))).is_err()
        };
        for make in [
            (|r| drop(r.counter("bad", "No suffix.", &[], vec![]))) as fn(&Registry),
            |r| drop(r.gauge("1a", "Digit first.", &[], vec![])),
            |r| drop(r.gauge("a", "Other labels.", &["x"], vec!["".into()])),
            |r| drop(r.gauge("b_total", "Other kind.", &["m", "r"], vec!["".into(), "".into()])),
            |r| drop(r.gauge("z", "Value without label.", &[], vec!["x".into()])),
        ] {
            assert!(panics(make));
        }
    }
}
