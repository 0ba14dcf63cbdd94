//! Differences that are known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use testkit::Engine;
use testkit::cases::CaseFile;

/// The lines of `known.txt`: the test's name, a tab, the reason.
pub(crate) struct Known(BTreeMap<String, String>);

impl Known {
    /// Reads the table. Empty lines and those that begin with `#` do not count.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut known = BTreeMap::new();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            let (name, reason) =
                line.split_once('\t').ok_or_else(|| format!("known.txt: no tab before the reason: {line}"))?;
            if reason.trim().is_empty() || known.insert(name.to_owned(), reason.to_owned()).is_some() {
                return Err(format!("known.txt: no reason, or twice: {line}"));
            }
        }
        Ok(Self(known))
    }

    /// Refuses lines about tests that do not exist.
    pub(crate) fn check(&self, files: &[Arc<CaseFile>]) -> Result<(), String> {
        let names: BTreeSet<String> = files
            .iter()
            .flat_map(|file| file.cases.iter().map(move |case| (file, case)))
            .flat_map(|(file, case)| {
                Engine::BOTH.map(|engine| format!("{}::{}::{}", file.name, case.name, engine.name()))
            })
            .collect();
        match self.0.keys().find(|name| !names.contains(*name)) {
            Some(name) => Err(format!("known.txt: there is no test `{name}`")),
            None => Ok(()),
        }
    }

    /// Turns the verdict on a listed case around.
    pub(crate) fn judge(&self, name: &str, verdict: Result<(), String>) -> Result<(), String> {
        match (self.0.get(name), verdict) {
            (Some(reason), Ok(())) => {
                Err(format!("known.txt lists this case ({reason}), and it passes: remove the line"))
            }
            (Some(_), Err(_)) => Ok(()),
            (None, verdict) => verdict,
        }
    }
}
