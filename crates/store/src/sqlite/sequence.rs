//! Sequences: kept in the writer's memory, never rolled back, written before the commit of every group that moved them.
//!
//! So a value that an acknowledged row carries is never given out again after a crash, and a burst costs one row per group.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;
use values::{Result, ValueError};

use crate::catalog::{Catalog, Sequence};

/// The table they are kept in, made when the database is opened.
pub(super) const TABLE: &str = "create table if not exists _store_sequence
    (name text primary key, last_value integer not null, is_called integer not null) strict, without rowid";

#[derive(Clone, Copy, Debug)]
struct State {
    last: i64,
    called: bool,
    dirty: bool,
}

/// All sequences of the database, by `schema.name`.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    states: HashMap<Arc<str>, State>,
    definitions: HashMap<Arc<str>, Arc<Sequence>>,
    dirty: bool,
}

impl Sequences {
    /// Reads all positions again; what has moved and was not written is lost, so write first.
    pub(super) fn load(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut statement = db.prepare("select name, last_value, is_called from _store_sequence")?;
        let rows = statement.query_map([], |row| {
            Ok((
                Arc::<str>::from(row.get::<_, String>(0)?),
                State { last: row.get(1)?, called: row.get(2)?, dirty: false },
            ))
        })?;
        self.states = rows.collect::<rusqlite::Result<_>>()?;
        self.dirty = false;
        Ok(())
    }

    /// Learns the definitions of a catalog.
    pub(super) fn learn(&mut self, catalog: &Catalog) {
        self.definitions = catalog.sequences.values().map(|s| (Arc::from(s.name.to_string()), s.clone())).collect();
    }

    /// Learns or forgets one definition, while a migration runs.
    pub(super) fn define(&mut self, sequence: &Sequence) {
        self.definitions.insert(Arc::from(sequence.name.to_string()), Arc::new(sequence.clone()));
    }

    /// Writes what has moved, inside the transaction that is open.
    pub(super) fn flush(&self, db: &Connection) -> rusqlite::Result<()> {
        if !self.dirty {
            return Ok(());
        }
        let mut statement = db.prepare_cached(
            "insert into _store_sequence (name, last_value, is_called) values (?1, ?2, ?3)
             on conflict (name) do update set last_value = excluded.last_value, is_called = excluded.is_called",
        )?;
        for (name, state) in self.states.iter().filter(|(_, state)| state.dirty) {
            statement.execute((&**name, state.last, state.called))?;
        }
        Ok(())
    }

    /// Marks everything as written, once the transaction with [`Sequences::flush`] is on disk.
    pub(super) fn written(&mut self) {
        if std::mem::take(&mut self.dirty) {
            for state in self.states.values_mut() {
                state.dirty = false;
            }
        }
    }

    /// Has anything moved that is not on disk.
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// The key of a sequence named in SQL, quoted and qualified as PostgreSQL reads a `regclass`.
    pub(super) fn resolve(&self, name: &str, search_path: &[Arc<str>]) -> Result<Arc<str>> {
        let unknown = || ValueError::new("42P01", format!("relation \"{name}\" does not exist"));
        let parts = identifiers(name).ok_or_else(unknown)?;
        let found = match parts.as_slice() {
            [name] => search_path
                .iter()
                .find_map(|schema| self.definitions.get_key_value(format!("{schema}.{name}").as_str())),
            [schema, name] => self.definitions.get_key_value(format!("{schema}.{name}").as_str()),
            _ => None,
        };
        found.map(|(key, _)| key.clone()).ok_or_else(unknown)
    }

    /// The next value.
    pub(super) fn next(&mut self, key: &Arc<str>) -> Result<i64> {
        let definition = self.definition(key)?;
        let name = &definition.name.name;
        let state =
            self.states.entry(key.clone()).or_insert(State { last: definition.start, called: false, dirty: false });
        let next = if state.called {
            let stepped = state.last.checked_add(definition.increment);
            match stepped.filter(|n| (definition.min..=definition.max).contains(n)) {
                Some(next) => next,
                None if definition.cycle && definition.increment > 0 => definition.min,
                None if definition.cycle => definition.max,
                None => {
                    let (word, bound) = if definition.increment > 0 {
                        ("maximum", definition.max)
                    } else {
                        ("minimum", definition.min)
                    };
                    let message = format!("nextval: reached {word} value of sequence \"{name}\" ({bound})");
                    return Err(ValueError::new("2200H", message));
                }
            }
        } else {
            state.last
        };
        *state = State { last: next, called: true, dirty: true };
        self.dirty = true;
        Ok(next)
    }

    /// Moves it.
    pub(super) fn set(&mut self, key: &Arc<str>, value: i64, called: bool) -> Result<i64> {
        let definition = self.definition(key)?;
        if !(definition.min..=definition.max).contains(&value) {
            return Err(ValueError::new(
                "22003",
                format!(
                    "setval: value {value} is out of bounds for sequence \"{}\" ({}..{})",
                    definition.name.name, definition.min, definition.max
                ),
            ));
        }
        self.states.insert(key.clone(), State { last: value, called, dirty: true });
        self.dirty = true;
        Ok(value)
    }

    fn definition(&self, key: &Arc<str>) -> Result<Arc<Sequence>> {
        let found = self.definitions.get(key).cloned();
        found.ok_or_else(|| ValueError::new("42P01", format!("relation \"{key}\" does not exist")))
    }
}

/// The parts of a dotted name, quotes taken off and the rest folded. `None` when it is not one.
fn identifiers(text: &str) -> Option<Vec<String>> {
    let (mut parts, mut rest) = (Vec::new(), text.trim());
    loop {
        let part = if let Some(quoted) = rest.strip_prefix('"') {
            let (mut part, mut chars) = (String::new(), quoted.char_indices());
            rest = loop {
                match chars.next()? {
                    (at, '"') if quoted[at + 1..].starts_with('"') => {
                        part.push('"');
                        chars.next();
                    }
                    (at, '"') => break &quoted[at + 1..],
                    (_, c) => part.push(c),
                }
            };
            part
        } else {
            let end = rest.find(['.', '"']).unwrap_or(rest.len());
            let part = rest[..end].trim().to_lowercase();
            rest = &rest[end..];
            part
        };
        if part.is_empty() {
            return None;
        }
        parts.push(part);
        match rest.strip_prefix('.') {
            Some(more) => rest = more,
            None => return rest.trim().is_empty().then_some(parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalog::QName;

    fn sequence(name: &str, increment: i64, min: i64, max: i64, cycle: bool) -> Sequence {
        let start = if increment > 0 { min } else { max };
        Sequence {
            name: QName::new("public", name),
            start,
            increment,
            min,
            max,
            cycle,
            owned_by: None,
            grants: BTreeSet::new(),
        }
    }

    #[test]
    fn names_are_read_as_regclass_reads_them() {
        for (text, want) in [
            ("a", Some(vec!["a"])),
            ("Public.A", Some(vec!["public", "a"])),
            ("\"A b\".\"c\"\"d\"", Some(vec!["A b", "c\"d"])),
            ("a.", None),
            ("\"a", None),
            ("", None),
        ] {
            assert_eq!(identifiers(text), want.map(|w| w.into_iter().map(String::from).collect()), "{text}");
        }
    }

    #[test]
    fn values_step_end_and_cycle_as_postgresql_does() {
        for (increment, min, max, cycle, want) in [
            (1, 1, 3, false, vec!["1", "2", "3", "2200H"]),
            (2, 1, 4, true, vec!["1", "3", "1"]),
            (-1, -2, -1, false, vec!["-1", "-2", "2200H"]),
            (1, i64::MAX - 1, i64::MAX, false, vec!["9223372036854775806", "9223372036854775807", "2200H"]),
        ] {
            let mut sequences = Sequences::default();
            sequences.define(&sequence("s", increment, min, max, cycle));
            let key = sequences.resolve("S", &[Arc::from("public")]).unwrap();
            let got: Vec<String> = want
                .iter()
                .map(|_| sequences.next(&key).map_or_else(|error| error.sqlstate.to_owned(), |n| n.to_string()))
                .collect();
            assert_eq!(got, want);
        }
    }

    #[test]
    fn positions_survive_a_reload_and_setval_is_bounded() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(TABLE).unwrap();
        let mut sequences = Sequences::default();
        sequences.define(&sequence("s", 1, 1, 100, false));
        let key = sequences.resolve("public.s", &[]).unwrap();
        assert_eq!(sequences.set(&key, 41, true).unwrap(), 41);
        assert_eq!(sequences.next(&key).unwrap(), 42);
        sequences.flush(&db).unwrap();
        sequences.written();
        sequences.load(&db).unwrap();
        assert_eq!(sequences.next(&key).unwrap(), 43);
        assert_eq!(sequences.set(&key, 0, true).unwrap_err().sqlstate, "22003");
        assert_eq!(sequences.set(&key, 7, false).and_then(|_| sequences.next(&key)).unwrap(), 7);
        assert_eq!(sequences.resolve("t", &[Arc::from("public")]).unwrap_err().sqlstate, "42P01");
    }
}
