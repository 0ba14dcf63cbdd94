//! What a unit costs: the same insert bare, with its event, with its leaf, and under a key, each on a server and a database of its own, in turn.

use std::path::Path;

use crate::app::{self, Start};
use crate::args::Failure;
use crate::load;
use crate::macros::{Bench, insert};
use crate::process::{cluster_cpu_us, postmaster};
use crate::report::{Case, Floor};

/// A configuration: its name, its settings, whether the insert has a key, and the goal.
type Unit = (&'static str, &'static [(&'static str, &'static str)], bool, [&'static str; 2]);

const OFF: (&str, &str) = ("MAINSTAY_EVENTS__CAPTURE", "false");
const NO_LEAF: (&str, &str) = ("MAINSTAY_AUDIT__ENABLED", "false");

/// The first is what the others are held against.
const UNITS: [Unit; 4] = [
    ("the row alone", &[OFF, NO_LEAF], false, ["", ""]),
    ("row and event", &[NO_LEAF], false, ["", ""]),
    ("row, event and leaf", &[], false, ["", ""]),
    ("row, event, leaf and key", &[], true, ["speed ≥ 0.7", "speed ≥ 0.5"]),
];

/// Measures them on SQLite, and on PostgreSQL where there is one.
pub fn run(bench: &Bench<'_>, app: &Path) -> Result<(), Failure> {
    for clients in [64, 256] {
        on(bench, app, None, clients)?;
        if bench.args.postgres.is_some() {
            on(bench, app, bench.args.postgres.as_deref(), clients)?;
        }
    }
    Ok(())
}

fn on(bench: &Bench<'_>, app: &Path, postgres: Option<&str>, clients: usize) -> Result<(), Failure> {
    let engine = if postgres.is_some() { "PostgreSQL" } else { "SQLite FULL" };
    let name = |unit: &Unit| format!("unit on {engine}: {}, {clients} clients", unit.0);
    if !UNITS.iter().any(|unit| bench.args.wants(&name(unit))) {
        return Ok(());
    }
    let postmaster = postgres.map(postmaster).transpose()?;
    let mut servers = Vec::new();
    for (number, unit) in UNITS.iter().enumerate() {
        let data =
            bench.dir.join(format!("unit-{number}-{clients}-{}", if postgres.is_some() { "pg" } else { "lite" }));
        // Each begins with an empty table.
        if data.exists() {
            std::fs::remove_dir_all(&data)?;
        }
        let url = postgres.map(|server| app::fresh_postgres(server, &format!("mainstay_unit_{number}"))).transpose()?;
        let start = Start {
            binary: bench.binary,
            app,
            data: &data,
            postgres: url.as_deref(),
            synchronous: "full",
            settings: unit.1,
        };
        servers.push((start.now()?, data));
    }
    let goal = usize::from(postgres.is_some());
    let mut cases: Vec<Case> = UNITS.iter().map(|unit| Case::new(name(unit), unit.3[goal])).collect();
    for _ in 0..bench.args.rounds() {
        let mut bare = None;
        for ((case, unit), (server, _)) in cases.iter_mut().zip(&UNITS).zip(&servers) {
            let shape = if unit.2 { insert().with_key() } else { insert() };
            // Beside PostgreSQL the work is its processes', too.
            let cpu = || server.cpu_us() + postmaster.map_or(0.0, cluster_cpu_us);
            let window = load::run(&server.said("address"), &shape, clients, None, bench.args.window(), &cpu)?;
            case.take(&window, server.rss_mb());
            let bare = bare.get_or_insert(window);
            let floor = case.floor.get_or_insert_with(|| Floor { name: "the row alone", ..Floor::default() });
            floor.per_second.push(bare.per_second);
            floor.cpu_us.push(bare.cpu_us);
        }
    }
    for case in &cases {
        case.print(bench.args.json);
    }
    for (server, data) in servers {
        server.stop();
        // A server on PostgreSQL may have kept nothing.
        if data.exists() {
            std::fs::remove_dir_all(data)?;
        }
    }
    Ok(())
}
