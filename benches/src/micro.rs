//! Parse, plan and compile of a request, in this process: what it costs before the engine is asked.

use std::hint::black_box;
use std::sync::Arc;

use data::compile::Compiler;
use data::plan::{Settings, plan_read};
use data::request::{Limits, Parts, RequestConfig, Target, parse};
use data::service::Derived;
use store::catalog::{Catalog, Name};
use store::sqlite::{Options, Place, SqliteEngine};
use store::{Engine, Participants};

use crate::app;
use crate::args::{Args, Failure};
use crate::process::cpu_us;
use crate::report::Case;
use crate::stats::Figure;

/// The embed cases of Chinook, as queries.
const CASES: &[(&str, &str, &str)] = &[
    ("to-many", "/artist", "artist_id=eq.1&select=name,album(title)"),
    ("to-one", "/track", "album_id=eq.1&select=name,album(title)"),
    ("three levels", "/artist", "artist_id=eq.1&select=name,album(title,track(name,milliseconds))"),
    ("many-to-many", "/playlist", "playlist_id=eq.1&select=name,track(name)&track.limit=20"),
    ("policies", "/invoice", "invoice_id=eq.1&select=*,invoice_line(quantity,track(name))"),
];

/// Measures them.
pub fn run(args: &Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let catalog = runtime.block_on(chinook())?;
    let derived = Derived::of(&catalog);
    let guard = derived.guard(&Arc::from("authenticated")).ok_or("the example has no role authenticated")?;
    let config = RequestConfig { schemas: vec!["public".to_owned()], allow_tx: false, limits: Limits::default() };
    let path = [Name::from("public")];
    let once = |relation: &'static str, query: &'static str| -> Result<usize, Failure> {
        let parts = Parts { method: "GET", path: relation, query, accept: vec!["*/*"], ..Parts::default() };
        let request = parse(&parts, &config).map_err(|error| error.message.to_string())?;
        let Target::Relation(name) = &request.target else { return Err("not a relation".into()) };
        let relation = derived.catalog.relation("public", name).ok_or("no such relation")?;
        let settings = Settings { max_rows: None, aggregates: false };
        let plan = plan_read(&request, relation, &derived.catalog, &derived.relationships, settings)
            .map_err(|error| error.message.to_string())?;
        let compiler =
            Compiler { engine: Engine::Sqlite, catalog: &derived.catalog, guard: &*guard, path: &path, as_text: false };
        let compiled = compiler.read(&plan).map_err(|failure| failure.answer(false).message.to_string())?;
        Ok(black_box(compiled.sql.len()))
    };
    for (name, relation, query) in CASES {
        let name = format!("compile, uncached: {name}");
        let mut case = Case::new(&name, "< 20 us");
        let mut figure = Figure::default();
        for _ in 0..args.rounds() {
            let (before, mut count) = (cpu_us(std::process::id()), 0_u64);
            let began = std::time::Instant::now();
            while began.elapsed() < args.window() / 2 {
                for _ in 0..100 {
                    once(relation, query)?;
                }
                count += 100;
            }
            figure.push((cpu_us(std::process::id()) - before) / count as f64);
        }
        case.cpu_us = figure;
        case.print(args.json);
    }
    Ok(())
}

/// The catalog of the example, migrated into a temporary file.
async fn chinook() -> Result<Arc<Catalog>, Failure> {
    let folder = Arc::new(store::migrate::discover(&app::chinook())?);
    let participants: Participants = Arc::from([]);
    let options = Options::default();
    let engine =
        tokio::task::spawn_blocking(move || SqliteEngine::open(Place::Temporary, options, participants)).await??;
    let outcome = engine
        .exclusive(move |db| store::migrate::Migrator::new(&folder).run_sqlite(db, &kernel::SystemClock, &mut |_| {}))
        .await
        .map_err(|error: store::migrate::MigrationError| error.to_string())?;
    outcome.catalog.ok_or_else(|| "the migrations made nothing".into())
}
