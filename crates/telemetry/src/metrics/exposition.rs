//! The text that scrapers read: Prometheus' format 0.0.4 and `OpenMetrics` 1.0.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Family, Histogram, Kind, Registry, Series};

/// The exposition formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposition {
    /// Prometheus text format 0.0.4.
    Prometheus,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl Exposition {
    /// What a scraper with this `Accept` header wants.
    pub fn negotiate(accept: Option<&str>) -> Self {
        if accept.is_some_and(|a| a.contains("application/openmetrics-text")) {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// The `Content-Type` of the text.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

impl Registry {
    /// The text that a scraper reads.
    pub fn render(&self, exposition: Exposition) -> String {
        let mut text = Text { out: String::with_capacity(16 * 1024), open: exposition == Exposition::OpenMetrics };
        for family in self.lock().iter() {
            text.family(family);
        }
        if text.open {
            text.out.push_str("# EOF\n");
        }
        text.out
    }
}

struct Text {
    out: String,
    open: bool,
}

impl Text {
    fn family(&mut self, family: &Family) {
        let kind = match &family.series {
            Series::Counters(_) | Series::Probe(Kind::Counter, _) => "counter",
            Series::Gauges(_) | Series::Probe(Kind::Gauge, _) | Series::Constant(_) => "gauge",
            Series::Histograms(..) => "histogram",
        };
        // OpenMetrics names a counter's family without the suffix that its sample has.
        let name = if self.open && kind == "counter" { family.name.trim_end_matches("_total") } else { family.name };
        self.push(&["# HELP ", name, " "]);
        self.escaped(family.help, self.open);
        self.push(&["\n# TYPE ", name, " ", kind, "\n"]);
        let (name, labels) = (family.name, family.labels);
        match &family.series {
            Series::Counters(map) => {
                for (values, c) in map {
                    self.sample(name, "", labels, values, None, &c.get().to_string());
                }
            }
            Series::Gauges(map) => {
                for (values, g) in map {
                    self.sample(name, "", labels, values, None, &g.get().to_string());
                }
            }
            Series::Histograms(_, map) => {
                for (values, h) in map {
                    self.histogram(name, labels, values, h);
                }
            }
            Series::Probe(_, read) => self.sample(name, "", &[], &[], None, &read().to_string()),
            Series::Constant(values) => self.sample(name, "", labels, values, None, "1"),
        }
    }

    fn histogram(&mut self, name: &str, labels: &[&str], values: &[Cow<'static, str>], histogram: &Histogram) {
        let mut total = 0;
        let bounds = histogram.bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (bucket, bound) in histogram.buckets.iter().zip(bounds) {
            total += bucket.load(Ordering::Relaxed);
            self.sample(name, "_bucket", labels, values, Some(&bound), &total.to_string());
        }
        let sum = Duration::from_nanos(histogram.sum_nanos.load(Ordering::Relaxed)).as_secs_f64();
        self.sample(name, "_sum", labels, values, None, &sum.to_string());
        self.sample(name, "_count", labels, values, None, &total.to_string());
    }

    fn sample(
        &mut self,
        name: &str,
        suffix: &str,
        labels: &[&str],
        values: &[Cow<'static, str>],
        le: Option<&str>,
        value: &str,
    ) {
        self.push(&[name, suffix]);
        let mut separator = "{";
        for (label, value) in labels.iter().zip(values) {
            self.push(&[separator, label, "=\""]);
            self.escaped(value, true);
            self.out.push('"');
            separator = ",";
        }
        if let Some(le) = le {
            self.push(&[separator, "le=\"", le, "\""]);
            separator = ",";
        }
        self.push(&[if separator == "," { "} " } else { " " }, value, "\n"]);
    }

    fn push(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.push_str(part);
        }
    }

    fn escaped(&mut self, text: &str, quotes: bool) {
        for c in text.chars() {
            match c {
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '"' if quotes => self.out.push_str("\\\""),
                c => self.out.push(c),
            }
        }
    }
}
