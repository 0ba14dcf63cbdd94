//! The transcripts of the handbook and the README, executed: every `console` block runs against a real server over the music store,
//! once on each engine, and what comes back must be what is written there. `handbook/README.md` says what may stand in a block.
//!
//! `BLESS=1 cargo test -p server --test transcripts sqlite` writes the real output into the pages, and with `postgres` into the blocks
//! that are PostgreSQL's alone. Read what it wrote: it is what the server says, not yet what is right.

mod transcripts {
    pub(crate) mod curl;
    pub(crate) mod page;
    pub(crate) mod place;
    pub(crate) mod shell;
}

use std::path::{Path, PathBuf};

use testkit::Engine;
use transcripts::page::{self, Page};
use transcripts::place::Place;

/// Makes two tests of each page, and the list of all pages.
macro_rules! pages {
    ($($name:ident = $file:literal)+) => {
        /// Every page that is run.
        const PAGES: &[&str] = &[$($file),+];

        testkit::both! { $(fn $name(engine) { run($file, engine) })+ }
    };
}

pages! {
    readme = "../README.md"
    page_001_what_is_an_api = "001-what-is-an-api.md"
    page_003_rest = "003-rest.md"
    page_004_status_codes = "004-status-codes.md"
    page_005_put_and_patch = "005-put-and-patch.md"
    page_006_idempotency = "006-idempotency.md"
    page_007_indexes = "007-indexes.md"
    page_009_primary_keys = "009-primary-keys.md"
    page_010_foreign_keys = "010-foreign-keys.md"
    page_011_acid = "011-acid.md"
    page_012_connection_pools = "012-connection-pools.md"
    page_015_http_methods = "015-http-methods.md"
    page_019_configuration = "019-configuration.md"
    page_021_pagination = "021-pagination.md"
    page_030_input_validation = "030-input-validation.md"
    page_034_migrations = "034-migrations.md"
    page_035_list_endpoint = "035-list-endpoint.md"
    page_036_service_layer = "036-service-layer.md"
    page_041_n_plus_one = "041-n-plus-one.md"
    page_044_idempotent_endpoints = "044-idempotent-endpoints.md"
    page_045_at_least_once_and_exactly_once = "045-at-least-once-and-exactly-once.md"
    page_054_error_handling = "054-error-handling.md"
    page_058_module_structure = "058-module-structure.md"
    page_060_sql_injection = "060-sql-injection.md"
    page_065_request_validation = "065-request-validation.md"
    page_073_integrity_in_event_driven_systems = "073-integrity-in-event-driven-systems.md"
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs a page, and says everything in which it differs.
fn run(file: &str, engine: Engine) {
    let path = root().join("handbook").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let page = Page::read(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut place = Place::new(&root(), engine);
    let (mut differences, mut outputs, mut ran) = (Vec::new(), Vec::new(), 0);
    for step in page.steps.iter().filter(|step| step.engine.is_none_or(|only| only == engine)) {
        let got = place.run(&step.command).unwrap_or_else(|error| panic!("{file}:{}: {error}", step.line));
        ran += 1;
        if page::matches(&step.want, &got) {
            continue;
        }
        let difference = page::difference(&step.want, &got);
        differences.push(format!("{file}:{}: $ {}\n{difference}", step.line, step.command));
        outputs.push((step, got));
    }
    assert!(ran > 0, "{file} shows nothing");
    if std::env::var_os("BLESS").is_some() {
        // What both engines share is SQLite's to write, so that PostgreSQL still has to agree.
        outputs.retain(|(step, _)| engine == Engine::Sqlite || step.engine.is_some());
        std::fs::write(&path, page::blessed(&text, &outputs)).expect("the page can be written to");
        return;
    }
    assert!(
        differences.is_empty(),
        "the transcript says something else than the server:\n\n{}\n\n{}",
        differences.join("\n\n"),
        place.log()
    );
}

#[test]
fn every_page_of_the_handbook_and_the_readme_are_run() {
    let mut found: Vec<String> = std::fs::read_dir(root().join("handbook"))
        .expect("the handbook is there")
        .map(|entry| entry.expect("its entries can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    // A page among the others, under the name `../README.md`.
    found.extend(root().join("README.md").is_file().then(|| "../README.md".to_owned()));
    found.sort();
    assert_eq!(found, PAGES);
}
