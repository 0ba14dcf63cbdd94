//! What the folder has and what the database has, side by side.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::migrate::files::{File, Folder};

/// A migration as the database remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// The file's number.
    pub version: i64,
    /// The file's words.
    pub name: String,
    /// Its checksum then.
    pub checksum: String,
    /// When, in microseconds since 1970 UTC.
    pub applied_at: i64,
    /// How long it took.
    pub duration_ms: i64,
    /// How many statements it had.
    pub statements: i64,
}

/// How a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In the folder and in the database, unchanged.
    Applied,
    /// In the folder, not in the database.
    Pending,
    /// Pending, though a later one was applied already: it would run after what was written to follow it.
    OutOfOrder,
    /// Applied, and its file has changed since.
    Changed,
    /// Applied, and its file is gone.
    Missing,
}

/// One line of the status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The number.
    pub version: i64,
    /// The words.
    pub name: String,
    /// The file, when there is one.
    pub file: Option<String>,
    /// How it stands.
    pub state: State,
    /// The file's checksum now, or else the one it was applied with.
    pub checksum: String,
    /// When it was applied, in microseconds since 1970 UTC.
    pub applied_at: Option<i64>,
    /// How long that took.
    pub duration_ms: Option<i64>,
}

/// Everything about a folder and a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// All migrations, in order of their numbers.
    pub entries: Vec<Entry>,
    /// What is worth knowing about the folder.
    pub notices: Vec<String>,
    /// The schema of the database is not the one that the migrations made: somebody changed it by hand. On SQLite only.
    pub drift: Option<String>,
}

impl Status {
    /// How many are in this state.
    pub fn count(&self, state: State) -> usize {
        self.entries.iter().filter(|entry| entry.state == state).count()
    }

    /// Is there nothing to do and nothing wrong.
    pub fn is_current(&self) -> bool {
        self.drift.is_none() && self.entries.iter().all(|entry| entry.state == State::Applied)
    }

    /// Why a run must not begin, in words for the operator: changed, missing or out-of-order files.
    pub fn conflict(&self) -> Option<String> {
        let named = |state: State| -> Vec<String> {
            self.entries
                .iter()
                .filter(|entry| entry.state == state)
                .map(|entry| entry.file.clone().unwrap_or_else(|| format!("{}_{}", entry.version, entry.name)))
                .collect()
        };
        let parts = [
            (State::Changed, "changed after being applied", "Restore the file and put the change into a new migration"),
            (State::Missing, "was applied but its file is gone", "Restore the file"),
            (State::OutOfOrder, "is numbered before migrations that are applied already", "Give it a higher number"),
        ];
        let lines: Vec<String> = parts
            .iter()
            .filter_map(|(state, what, remedy)| {
                let files = named(*state);
                (!files.is_empty()).then(|| format!("{}: {what}. {remedy}.", files.join(", ")))
            })
            .collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

/// Compares a folder with what was applied.
pub(crate) fn compare(folder: &Folder, applied: &[Applied]) -> Status {
    let last = applied.iter().map(|applied| applied.version).max();
    let mut entries: BTreeMap<i64, Entry> = applied
        .iter()
        .map(|applied| {
            let entry = Entry {
                version: applied.version,
                name: applied.name.clone(),
                file: None,
                state: State::Missing,
                checksum: applied.checksum.clone(),
                applied_at: Some(applied.applied_at),
                duration_ms: Some(applied.duration_ms),
            };
            (applied.version, entry)
        })
        .collect();
    for file in &folder.files {
        entries
            .entry(file.version)
            .and_modify(|entry| {
                entry.file = Some(file.file.clone());
                entry.state = if entry.checksum == file.checksum { State::Applied } else { State::Changed };
                entry.checksum.clone_from(&file.checksum);
            })
            .or_insert_with(|| Entry {
                version: file.version,
                name: file.name.clone(),
                file: Some(file.file.clone()),
                state: if last.is_some_and(|last| file.version < last) { State::OutOfOrder } else { State::Pending },
                checksum: file.checksum.clone(),
                applied_at: None,
                duration_ms: None,
            });
    }
    Status { entries: entries.into_values().collect(), notices: folder.notices.clone(), drift: None }
}

/// The files that were not applied, in order.
pub(crate) fn pending<'f>(folder: &'f Folder, applied: &[Applied]) -> Vec<&'f File> {
    folder.files.iter().filter(|file| !applied.iter().any(|applied| applied.version == file.version)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::files::arrange;

    fn applied(version: i64, text: &str) -> Applied {
        let file = File::new("1_x.sql", text).unwrap();
        Applied { version, name: "x".to_owned(), checksum: file.checksum, applied_at: 5, duration_ms: 1, statements: 1 }
    }

    #[test]
    fn every_file_has_its_state() {
        let files = [("1_a.sql", "a"), ("2_b.sql", "b"), ("3_c.sql", "c"), ("9_d.sql", "d")];
        let folder = arrange(files.map(|(name, text)| File::new(name, text).unwrap()).to_vec()).unwrap();
        let status = compare(&folder, &[applied(1, "a"), applied(2, "other"), applied(4, "gone")]);
        let found: Vec<(i64, State)> = status.entries.iter().map(|entry| (entry.version, entry.state)).collect();
        assert_eq!(
            found,
            [
                (1, State::Applied),
                (2, State::Changed),
                (3, State::OutOfOrder),
                (4, State::Missing),
                (9, State::Pending)
            ]
        );
        let conflict = status.conflict().unwrap();
        for word in ["2_b.sql", "3_c.sql", "4_x"] {
            assert!(conflict.contains(word), "{conflict}");
        }
        assert!(!status.is_current());
        assert_eq!(status.count(State::Pending), 1);
    }

    #[test]
    fn pending_files_alone_are_no_conflict() {
        let folder = arrange(vec![File::new("1_a.sql", "a").unwrap(), File::new("2_b.sql", "b").unwrap()]).unwrap();
        let status = compare(&folder, &[applied(1, "a")]);
        assert_eq!(status.conflict(), None);
        assert_eq!(pending(&folder, &[applied(1, "a")])[0].file, "2_b.sql");
    }
}
