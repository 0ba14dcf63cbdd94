//! The table.

use serde_json::json;

use crate::load::Window;
use crate::stats::{Figure, short};

/// Everything measured about one case, a figure a round.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Answers a second.
    pub per_second: Figure,
    /// Milliseconds.
    pub p50_ms: Figure,
    /// Milliseconds.
    pub p99_ms: Figure,
    /// The server's CPU time for each answer, microseconds.
    pub cpu_us: Figure,
    /// Resident memory after the window, MB.
    pub rss_mb: Figure,
    /// What it is held against.
    pub floor: Option<Floor>,
    /// What is to be reached, in words.
    pub goal: &'static str,
    /// Anything else worth a word.
    pub note: String,
}

/// The floor of a case, measured in turn with it.
#[derive(Clone, Debug, Default)]
pub struct Floor {
    /// What it is.
    pub name: &'static str,
    /// Answers a second; empty where the floor is CPU time alone.
    pub per_second: Figure,
    /// CPU time for each, microseconds.
    pub cpu_us: Figure,
}

impl Case {
    /// Nothing measured yet.
    pub fn new(name: impl Into<String>, goal: &'static str) -> Self {
        Self { name: name.into(), goal, ..Self::default() }
    }

    /// Takes a window.
    pub fn take(&mut self, window: &Window, rss_mb: f64) {
        self.per_second.push(window.per_second);
        self.p50_ms.push(window.p50_ms);
        self.p99_ms.push(window.p99_ms);
        self.cpu_us.push(window.cpu_us);
        self.rss_mb.push(rss_mb);
        if self.note.is_empty() && window.body_bytes > 0 {
            self.note = format!("{} B body", window.body_bytes);
        }
    }

    /// Our speed as a share of the floor's.
    pub fn speed_ratio(&self) -> Option<Figure> {
        let floor = self.floor.as_ref().filter(|floor| !floor.per_second.is_empty())?;
        Some(self.per_second.over(&floor.per_second))
    }

    /// Our CPU time as a multiple of the floor's.
    pub fn cpu_ratio(&self) -> Option<Figure> {
        let floor = self.floor.as_ref().filter(|floor| !floor.cpu_us.is_empty())?;
        Some(self.cpu_us.over(&floor.cpu_us))
    }

    /// Prints it.
    pub fn print(&self, as_json: bool) {
        if as_json {
            println!("{}", self.json());
            return;
        }
        let text = |figure: Option<Figure>| figure.map_or("–".to_owned(), |figure| format!("{figure}"));
        let floor = self.floor.as_ref().map_or("–".to_owned(), |floor| {
            let speed = if floor.per_second.is_empty() { String::new() } else { format!("{}/s, ", floor.per_second) };
            format!("{}: {speed}{} us", floor.name, floor.cpu_us)
        });
        println!(
            "| {} | {} | {} | {} | {} | {} | {floor} | {} | {} | {} | {} |",
            self.name,
            self.per_second,
            self.p50_ms,
            self.p99_ms,
            self.cpu_us,
            if self.rss_mb.is_empty() { "–".to_owned() } else { short(self.rss_mb.median()) },
            text(self.speed_ratio()),
            text(self.cpu_ratio()),
            self.goal,
            self.note,
        );
    }

    fn json(&self) -> serde_json::Value {
        let figure = |figure: &Figure| {
            let (least, most) = figure.range();
            json!({"median": figure.median(), "least": least, "most": most})
        };
        let maybe = |found: Option<Figure>| found.map(|found| figure(&found));
        json!({
            "case": self.name, "per_second": figure(&self.per_second), "p50_ms": figure(&self.p50_ms),
            "p99_ms": figure(&self.p99_ms), "cpu_us": figure(&self.cpu_us), "rss_mb": figure(&self.rss_mb),
            "floor": self.floor.as_ref().map(|floor| json!({
                "name": floor.name, "per_second": figure(&floor.per_second), "cpu_us": figure(&floor.cpu_us)})),
            "speed_ratio": maybe(self.speed_ratio()), "cpu_ratio": maybe(self.cpu_ratio()),
            "goal": self.goal, "note": self.note,
        })
    }
}

/// The table's head.
pub fn head(as_json: bool) {
    if !as_json {
        println!(
            "| case | requests/s | p50 ms | p99 ms | CPU us/request | RSS MB | floor | speed ÷ floor | CPU ÷ floor | goal | |\n\
             |---|---|---|---|---|---|---|---|---|---|---|"
        );
    }
}
