//! Replays the tables of requests and answers in `cases/` on both engines; `cases/README.md` describes them. Every case is a test:
//! `filters-text::a sentence that names the case::sqlite`.
//!
//! `known.txt` lists differences that are known, each with its reason: such a case passes by differing, and fails once it does not
//! differ any more, so the list stays true.

mod runner;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use runner::known::Known;
use runner::places::Places;
use testkit::Engine;
use testkit::cases::CaseFile;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Half of a case's time is waiting, for a server to start or a database to be copied.
    arguments.test_threads.get_or_insert_with(|| 2 * std::thread::available_parallelism().map_or(2, usize::from));
    let trials = match trials() {
        Ok(trials) => trials,
        // What cannot be read is a failure among the others, so that it is counted.
        Err(error) => vec![Trial::test("the files can be read", move || Err(Failed::from(error)))],
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials() -> Result<Vec<Trial>, String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files: Vec<Arc<CaseFile>> = paths(&tests.join("cases"))?
        .iter()
        .map(|path| testkit::cases::read(path).map(Arc::new))
        .collect::<Result<_, _>>()?;
    let known = Arc::new(Known::read(&tests.join("known.txt"))?);
    known.check(&files)?;
    let places = Arc::new(Places::new(tests.join("fixtures")));
    let mut trials = Vec::new();
    for file in &files {
        for at in 0..file.cases.len() {
            for engine in Engine::BOTH {
                let name = format!("{}::{}::{}", file.name, file.cases[at].name, engine.name());
                let (file, places, known, id) = (file.clone(), places.clone(), known.clone(), name.clone());
                trials.push(Trial::test(name, move || {
                    known.judge(&id, places.run(&file, at, engine)).map_err(Failed::from)
                }));
            }
        }
    }
    Ok(trials)
}

fn paths(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "case"))
        .collect();
    paths.sort();
    Ok(paths)
}
