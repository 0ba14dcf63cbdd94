//! The cases: each in rounds, in turn with its floor, so that what the neighbours do hits both alike.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::app::{self, Start};
use crate::args::{Args, Failure};
use crate::load::{self, Shape, Window};
use crate::process::{Process, mainstay, move_to_client_core};
use crate::report::{self, Case, Floor};
use crate::stats::Figure;
use crate::{batches, group, micro, units};

/// Measures everything that was asked for.
pub fn run(args: &Args) -> Result<(), Failure> {
    let binary = mainstay(args.binary.as_deref())?;
    std::fs::create_dir_all(&args.dir)?;
    let dir = args.dir.canonicalize()?;
    let app = app::folder(&dir)?;
    move_to_client_core();
    let bench = Bench { args, binary: &binary, dir: &dir };
    report::head(args.json);
    bench.sqlite(&app)?;
    bench.normal(&app)?;
    bench.chinook(None)?;
    units::run(&bench, &app)?;
    if let Some(server) = &args.postgres {
        bench.postgres(&app, server)?;
    }
    if args.wants("compile") {
        micro::run(args)?;
    }
    Ok(())
}

pub struct Bench<'a> {
    /// What was asked for.
    pub args: &'a Args,
    /// The server.
    pub binary: &'a Path,
    /// Where databases are made.
    pub dir: &'a Path,
}

/// The reads of the 100,000-row table: name, path, numbers, connections, the floor's path, goal.
const READS: &[(&str, &str, u64, usize, &str, &str)] = &[
    ("point read, 64 connections", "item?item_id=eq.{}", app::ITEMS, 64, "point", "speed ≥ 0.7, p99 < 10 ms"),
    ("20-row filtered list", "item?author_id=eq.{}&order=item_id&limit=20", 2000, 64, "list", "speed ≥ 0.6"),
    (
        "1,000 rows",
        "item?item_id=gte.{}&order=item_id&limit=1000",
        app::ITEMS - 1200,
        8,
        "page",
        "CPU ≤ 1.4 of the loop",
    ),
    (
        "nested 20×5",
        "item?author_id=eq.{}&order=item_id&limit=20&select=*,note(*)",
        app::NOTED / app::PER_AUTHOR,
        16,
        "nested",
        "CPU ≤ 1.5 of the loop",
    ),
];

/// Chinook's embeds.
const CHINOOK: &[(&str, &str, u64)] = &[
    ("point", "artist?artist_id=eq.{}", 275),
    ("to-many", "artist?artist_id=eq.{}&select=name,album(title)", 275),
    ("to-one", "track?album_id=eq.{}&select=name,album(title)", 347),
    ("three levels", "artist?artist_id=eq.{}&select=name,album(title,track(name,milliseconds))", 275),
    ("many-to-many", "playlist?playlist_id=eq.{}&select=name,track(name)&track.limit=20", 18),
];

impl Bench<'_> {
    fn sqlite(&self, app: &Path) -> Result<(), Failure> {
        let data = self.dir.join("full");
        let start = Start { binary: self.binary, app, data: &data, postgres: None, synchronous: "full", settings: &[] };
        let server = start.now()?;
        self.starts(&start, server)?;
        let server = start.now()?;
        let idle = server.rss_mb();
        let file = database(&data)?;
        let floor = self.floor_http(&file)?;
        self.reads("SQLite", &server, Some((&floor, &file)))?;
        self.inserts("SQLite FULL", &server, "full")?;
        self.events(&server)?;
        let mut memory = Case::new("SQLite: resident memory, idle and after the cases", "≤ 40, ≤ 150 MB");
        memory.rss_mb.push(idle);
        memory.rss_mb.push(server.rss_mb());
        memory.note = format!("idle {idle:.1} MB, loaded {:.1} MB", server.rss_mb());
        memory.print(self.args.json);
        Ok(())
    }

    /// From the start of the process to the first answer, on a database that exists.
    fn starts(&self, start: &Start<'_>, first: Process) -> Result<(), Failure> {
        let name = "start to first answer, existing database";
        first.stop();
        if !self.args.wants(name) {
            return Ok(());
        }
        let mut case = Case::new(name, "≤ 150 ms");
        let mut took = Figure::default();
        for _ in 0..self.args.rounds() {
            let server = start.now()?;
            let asked = std::time::Instant::now();
            let shape = Shape::get("/rest/v1/item?item_id=eq.1", 1).with_token(&app::token());
            load::run(&server.said("address"), &shape, 1, None, std::time::Duration::from_millis(1), &|| 0.0)?;
            // The load warms up for a third of a millisecond and asks for one: what it takes is the first answers.
            took.push((server.took + asked.elapsed()).as_secs_f64() * 1000.0);
            server.stop();
        }
        case.p50_ms = took;
        case.note = "milliseconds in the column p50".to_owned();
        case.print(self.args.json);
        Ok(())
    }

    fn reads(&self, engine: &str, server: &Process, floor: Option<(&Process, &Path)>) -> Result<(), Failure> {
        for (name, path, numbers, connections, floor_path, goal) in READS {
            let shape = Shape::get(format!("/rest/v1/{path}"), *numbers).with_token(&app::token());
            let name = format!("{engine}: {name}");
            if self.args.wants(&name) {
                // The goals are against floors that are measured beside SQLite.
                let mut case = Case::new(&name, if floor.is_some() { goal } else { "" });
                let mut bare = Floor { name: "bare axum + reader", ..Floor::default() };
                let mut raw = Figure::default();
                for _ in 0..self.args.rounds() {
                    case.take(&self.window(server, &shape, *connections, None)?, server.rss_mb());
                    if let Some((floor, file)) = floor {
                        let shape = Shape::get(format!("/{floor_path}/{{}}"), *numbers);
                        let window = self.window(floor, &shape, *connections, None)?;
                        bare.per_second.push(window.per_second);
                        bare.cpu_us.push(window.cpu_us);
                        raw.push(number(&self.floor(&["loop", &text(file), floor_path])?, "cpu_us"));
                    }
                }
                if !raw.is_empty() {
                    let loops = case.cpu_us.over(&raw);
                    case.note.push_str(&format!("; raw loop {raw} us, CPU ÷ loop {loops}"));
                    case.floor = Some(bare);
                }
                case.print(self.args.json);
            }
            let name = format!("{engine}: point read beside two endless scans");
            if *floor_path == "point" && self.args.wants(&name) {
                self.beside_scans(&name, server, &shape)?;
            }
        }
        Ok(())
    }

    fn beside_scans(&self, name: &str, server: &Process, shape: &Shape) -> Result<(), Failure> {
        let scan = Shape::get("/rest/v1/item?body=like.*nothing-has-this*", 1).with_token(&app::token());
        let mut case = Case::new(name, "speed ≥ 0.5 of itself alone");
        let mut alone = Floor { name: "itself alone", ..Floor::default() };
        for _ in 0..self.args.rounds() {
            let window = self.window(server, shape, 64, None)?;
            alone.per_second.push(window.per_second);
            alone.cpu_us.push(window.cpu_us);
            case.take(&self.window(server, shape, 64, Some((&scan, 2)))?, server.rss_mb());
        }
        case.floor = Some(alone);
        case.print(self.args.json);
        Ok(())
    }

    fn inserts(&self, engine: &str, server: &Process, how: &str) -> Result<(), Failure> {
        for clients in [64, 256] {
            let name = format!("{engine}: durable insert, {clients} clients");
            if !self.args.wants(&name) {
                continue;
            }
            let mut case = Case::new(&name, if how == "full" { "speed ≥ 0.6, p99 < 25 ms" } else { "" });
            let mut floor = Floor { name: "raw group commit", ..Floor::default() };
            let (mut flush, mut tail) = (Figure::default(), Figure::default());
            for _ in 0..self.args.rounds() {
                case.take(&self.window(server, &insert(), clients, None)?, server.rss_mb());
                if how != "postgres" {
                    let found = self.floor(&["group", how, &clients.to_string()])?;
                    floor.per_second.push(number(&found, "per_second"));
                    floor.cpu_us.push(number(&found, "cpu_us"));
                    flush.push(number(&found, "flush_ms"));
                    tail.push(number(&found, "p99_ms"));
                }
            }
            if how != "postgres" {
                case.note = format!("flush of 4 KiB {flush} ms, floor's p99 {tail} ms");
                case.floor = Some(floor);
            }
            case.print(self.args.json);
        }
        Ok(())
    }

    /// Events that come in, a hundred with each request.
    fn events(&self, server: &Process) -> Result<(), Failure> {
        for clients in [1, 8] {
            let name = format!("SQLite FULL: batches of 100 events, {clients} clients");
            if !self.args.wants(&name) {
                continue;
            }
            let mut case = Case::new(&name, "speed ≥ 0.5");
            let mut floor = Floor { name: "raw loop of batched inserts", ..Floor::default() };
            let mut flush = Figure::default();
            let mut shape = Shape::post("/events/v1", batches::body()).with_token(&app::token());
            shape.headers = shape.headers.replace("application/json", "application/cloudevents-batch+json");
            shape.status = 200;
            for _ in 0..self.args.rounds() {
                case.take(&self.window(server, &shape, clients, None)?, server.rss_mb());
                let found = self.floor(&["batches"])?;
                floor.per_second.push(number(&found, "per_second"));
                floor.cpu_us.push(number(&found, "cpu_us"));
                flush.push(number(&found, "flush_ms"));
            }
            case.note = format!("flush of 4 KiB {flush} ms");
            case.floor = Some(floor);
            case.print(self.args.json);
        }
        Ok(())
    }

    fn normal(&self, app: &Path) -> Result<(), Failure> {
        if !self.args.wants("SQLite NORMAL: durable insert, 64 clients, 256 clients") {
            return Ok(());
        }
        let data = self.dir.join("normal");
        let start =
            Start { binary: self.binary, app, data: &data, postgres: None, synchronous: "normal", settings: &[] };
        let server = start.now()?;
        self.inserts("SQLite NORMAL", &server, "normal")
    }

    fn chinook(&self, postgres: Option<&str>) -> Result<(), Failure> {
        let engine = if postgres.is_some() { "PostgreSQL" } else { "SQLite" };
        if !CHINOOK.iter().any(|(name, ..)| self.args.wants(&format!("{engine} Chinook: {name}"))) {
            return Ok(());
        }
        let (app, data) = (app::chinook(), self.dir.join(format!("chinook-{engine}")));
        let start = Start { binary: self.binary, app: &app, data: &data, postgres, synchronous: "full", settings: &[] };
        let server = start.now()?;
        for (name, path, numbers) in CHINOOK {
            let name = format!("{engine} Chinook: {name}");
            if !self.args.wants(&name) {
                continue;
            }
            let mut case = Case::new(&name, "");
            let shape = Shape::get(format!("/rest/v1/{path}"), *numbers).with_token(&app::token());
            for _ in 0..self.args.rounds() {
                case.take(&self.window(&server, &shape, 16, None)?, server.rss_mb());
            }
            case.print(self.args.json);
        }
        Ok(())
    }

    fn postgres(&self, app: &Path, server_url: &str) -> Result<(), Failure> {
        let url = app::fresh_postgres(server_url, "mainstay_bench")?;
        let data = self.dir.join("postgres");
        let start =
            Start { binary: self.binary, app, data: &data, postgres: Some(&url), synchronous: "full", settings: &[] };
        let server = start.now()?;
        let name = "PostgreSQL: point read against raw tokio-postgres";
        if self.args.wants(name) {
            let mut case = Case::new(name, "speed ≥ 0.6");
            let mut floor = Floor { name: "pipelined tokio-postgres, no HTTP", ..Floor::default() };
            let shape = Shape::get("/rest/v1/item?item_id=eq.{}", app::ITEMS).with_token(&app::token());
            for _ in 0..self.args.rounds() {
                case.take(&self.window(&server, &shape, 64, None)?, server.rss_mb());
                let found = self.floor(&["postgres", &url])?;
                floor.per_second.push(number(&found, "per_second"));
                floor.cpu_us.push(number(&found, "cpu_us"));
            }
            case.floor = Some(floor);
            case.print(self.args.json);
        }
        self.reads("PostgreSQL", &server, None)?;
        self.inserts("PostgreSQL", &server, "postgres")?;
        server.stop();
        let url = app::fresh_postgres(server_url, "mainstay_bench_chinook")?;
        self.chinook(Some(&url))
    }

    fn window(
        &self,
        server: &Process,
        shape: &Shape,
        connections: usize,
        scans: Option<(&Shape, usize)>,
    ) -> Result<Window, Failure> {
        load::run(&server.said("address"), shape, connections, scans, self.args.window(), &|| server.cpu_us())
    }

    fn floor_http(&self, file: &Path) -> Result<Process, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        Process::start(command.args(["floor", "http"]).arg(file))
    }

    /// A floor that runs for one window and says what it found.
    fn floor(&self, words: &[&str]) -> Result<Value, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("floor").args(words).arg("--dir").arg(self.dir);
        if self.args.quick {
            command.arg("--quick");
        }
        Ok(Process::start(&mut command)?.ready.clone())
    }
}

/// A row for `entry`, its number given by the database. The answer has no body, as for anyone who does not ask for one.
pub fn insert() -> Shape {
    let body = format!("{{\"tenant_id\":1,\"title\":\"title {{}}\",\"body\":\"{}\"}}", group::BODY);
    Shape::post("/rest/v1/entry", body).with_token(&app::token())
}

fn number(found: &Value, name: &str) -> f64 {
    found[name].as_f64().unwrap_or(f64::NAN)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The database file in a data folder.
fn database(data: &Path) -> Result<std::path::PathBuf, Failure> {
    for entry in std::fs::read_dir(data)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "db") {
            return Ok(path);
        }
    }
    Err(format!("no database in {}", data.display()).into())
}
