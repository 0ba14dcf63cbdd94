//! Which server a case asks: one for all that only read, one of its own for what writes.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use testkit::Engine;
use testkit::cases::{Case, CaseFile, Got, State, Step, differences};
use testkit::house::{Fixture, House};

type Settings = BTreeMap<String, Option<String>>;
/// What is made once, however many ask for it at a time.
type Once<T> = Arc<OnceLock<Result<T, String>>>;
type Shelf<K, T> = Mutex<HashMap<K, Once<T>>>;

/// Servers by what runs on them.
pub(crate) struct Places {
    fixtures_folder: PathBuf,
    fixtures: Shelf<(String, Engine), Fixture>,
    shared: Shelf<(String, Settings, Engine), House>,
    /// Verdicts on the cases of files that run in order.
    fresh: Shelf<(PathBuf, Engine), Vec<Result<(), String>>>,
}

impl Places {
    /// Nothing runs yet.
    pub(crate) fn new(fixtures_folder: PathBuf) -> Self {
        Self { fixtures_folder, fixtures: Mutex::default(), shared: Mutex::default(), fresh: Mutex::default() }
    }

    /// Runs a case. The error is what differs.
    pub(crate) fn run(&self, file: &CaseFile, at: usize, engine: Engine) -> Result<(), String> {
        let case = &file.cases[at];
        match file.state {
            State::Fresh => {
                let verdicts = once(&self.fresh, (file.path.clone(), engine), || {
                    let house = self.open(file, engine)?;
                    Ok(file.cases.iter().map(|case| replay(&house, file, case)).collect())
                });
                verdicts.get().expect("it was just made").as_ref().map_err(Clone::clone)?[at].clone()
            }
            State::Each if !case.only_reads() => replay(&self.open(file, engine)?, file, case),
            State::Shared | State::Each => {
                let key = (file.fixture.clone(), file.settings.clone(), engine);
                let house = once(&self.shared, key, || self.open(file, engine));
                replay(house.get().expect("it was just made").as_ref().map_err(Clone::clone)?, file, case)
            }
        }
    }

    fn open(&self, file: &CaseFile, engine: Engine) -> Result<House, String> {
        let fixture =
            once(&self.fixtures, (file.fixture.clone(), engine), || Fixture::build(&self.app(&file.fixture)?, engine));
        fixture.get().expect("it was just made").as_ref().map_err(Clone::clone)?.start(&keys(&file.settings)?)
    }

    /// The folder of an app.
    fn app(&self, name: &str) -> Result<PathBuf, String> {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        [self.fixtures_folder.join(name), examples.join(name)]
            .into_iter()
            .find(|app| app.join("migrations").is_dir())
            .ok_or_else(|| format!("there is no fixture `{name}`"))
    }
}

/// The house's keys for the settings of a case file.
fn keys(settings: &Settings) -> Result<testkit::house::Settings, String> {
    let mut keys = Vec::new();
    for (name, value) in settings {
        let key = match &**name {
            "schemas" | "max_rows" | "aggregates" | "plan" | "tx_end" | "openapi_mode" | "pre_request"
            | "app_settings" => {
                format!("data.{name}")
            }
            "anon_role" | "jwt_aud" | "jwt_role_claim_key" => format!("auth.{name}"),
            _ => return Err(format!("there is no setting `{name}`")),
        };
        match (value, &**name) {
            (Some(value), _) => keys.push((key, value.clone())),
            // Without a role for the anonymous there is none.
            (None, "anon_role") => keys.push((key, String::new())),
            (None, _) => {}
        }
    }
    Ok(keys)
}

fn once<K, T>(shelf: &Shelf<K, T>, key: K, make: impl FnOnce() -> Result<T, String>) -> Once<T>
where
    K: std::hash::Hash + Eq,
{
    let once = shelf.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone();
    // Outside the lock of the shelf: others are made meanwhile.
    once.get_or_init(make);
    once
}

fn replay(house: &House, file: &CaseFile, case: &Case) -> Result<(), String> {
    for step in &case.steps {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let headers = step.wire_headers(i64::try_from(now).expect("the year 292277026596 is far"));
        let got = house.ask(&step.method, &step.wire_target(), &headers, step.body.as_deref())?;
        let found = differences(step, &got);
        if !found.is_empty() {
            return Err(describe(file, case, step, &got, &found));
        }
    }
    Ok(())
}

fn describe(file: &CaseFile, case: &Case, step: &Step, got: &Got, found: &[String]) -> String {
    let mut out = format!("{}:{}: {}\n", file.path.file_name().unwrap_or_default().display(), step.line, case.name);
    let _ = writeln!(out, "  {} {}", step.method, step.target);
    for (name, value) in step.pseudo.iter().chain(step.headers.iter().map(|(n, v)| (n, v))) {
        let _ = writeln!(out, "  > {name}: {value}");
    }
    for line in step.body.iter().flat_map(|body| body.lines()) {
        let _ = writeln!(out, "  >> {line}");
    }
    for line in found.iter().flat_map(|found| found.lines()) {
        let _ = writeln!(out, "    {line}");
    }
    // An error says what went wrong, whatever was asked about it.
    if got.status >= 400 && !found.iter().any(|found| found.starts_with("body")) {
        let _ = writeln!(out, "    body: {}", String::from_utf8_lossy(&got.body));
    }
    out
}
