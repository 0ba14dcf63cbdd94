//! What the files have made so far, as far as findings depend on it.

use std::collections::BTreeMap;

use sql::ast::{Name, ObjectName};

use super::allowed;
use super::rules::Found;
use crate::catalog::Catalog;
use crate::migrate::files::File;

/// A table as the findings see it.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each asked for by name")]
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    /// Made by these files: it holds few rows and nobody uses it.
    pub(super) new: bool,
    pub(super) primary_key: bool,
    pub(super) row_security: bool,
    pub(super) policies: usize,
    /// It is a view; whether its callers' rights bind inside.
    pub(super) view: Option<bool>,
    /// Granted to a role of callers.
    pub(super) granted: bool,
    /// Columns that each index begins with, in order.
    pub(super) indexes: Vec<Vec<Name>>,
    /// Columns of foreign keys, and whether these files added them.
    pub(super) foreign_keys: Vec<(Vec<Name>, bool, Mark)>,
    /// Columns known to hold no null, because a check says so.
    pub(super) checked: Vec<Name>,
    /// Where it was made.
    pub(super) made: Mark,
    /// Where row security was switched on.
    pub(super) secured: Mark,
    /// Where it was first granted.
    pub(super) opened: Mark,
}

/// Where something stood: its index among the places.
pub(super) type Mark = Option<usize>;

/// A statement's place, and what the comments above it allow.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) allowed: Vec<String>,
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct World {
    tables: BTreeMap<(Name, Name), Table>,
    places: Vec<Place>,
}

fn key(name: &ObjectName) -> (Name, Name) {
    (name.schema.clone().unwrap_or_else(|| Name::from("public")), name.name.clone())
}

impl World {
    pub(super) fn new(existing: Option<&Catalog>) -> Self {
        let mut world = Self::default();
        for relation in existing.into_iter().flat_map(|catalog| catalog.relations.values()) {
            let keys = relation.primary_key.iter().chain(&relation.uniques).map(|key| key.columns.clone());
            let others =
                relation.indexes.iter().map(|index| index.keys.iter().map_while(|key| key.column.clone()).collect());
            let table = Table {
                primary_key: relation.primary_key.is_some(),
                view: relation.view.as_ref().map(|view| view.security_invoker),
                row_security: relation.row_security,
                policies: relation.policies.len(),
                indexes: keys.chain(others).collect(),
                ..Table::default()
            };
            world.tables.insert((relation.name.schema.clone(), relation.name.name.clone()), table);
        }
        world
    }

    /// The table, made up when nobody has seen it: then it is taken for one in use.
    pub(super) fn table(&mut self, name: &ObjectName) -> &mut Table {
        self.tables.entry(key(name)).or_default()
    }

    /// Made by these files.
    pub(super) fn is_new(&self, name: &ObjectName) -> bool {
        self.tables.get(&key(name)).is_some_and(|table| table.new)
    }

    pub(super) fn forget(&mut self, name: &ObjectName) {
        self.tables.remove(&key(name));
    }

    pub(super) fn rename(&mut self, name: &ObjectName, to: &Name) {
        if let Some(table) = self.tables.remove(&key(name)) {
            self.tables.insert((key(name).0, to.clone()), table);
        }
    }

    /// The mark of the statement being read.
    #[expect(clippy::unnecessary_wraps, reason = "a mark may be missing elsewhere")]
    pub(super) fn here(&self) -> Mark {
        Some(self.places.len())
    }

    /// The statement just read stood here.
    pub(super) fn at(&mut self, file: &File, line: u32, lines: &[&str]) {
        self.places.push(Place { file: file.file.clone(), line, allowed: allowed(lines, line) });
    }

    /// What can only be said at the end.
    pub(super) fn finish(self) -> Vec<(Found, Place)> {
        let mut out = Vec::new();
        let mut say = |code: &'static str, mark: Mark, message: String| {
            if let Some(place) = mark.and_then(|at| self.places.get(at)) {
                out.push((Found::new(code, message), place.clone()));
            }
        };
        for ((_, name), table) in &self.tables {
            if table.new && !table.primary_key {
                say("no-primary-key", table.made, format!("table \"{name}\" has no primary key"));
            }
            if table.row_security && table.policies == 0 {
                say("no-policy", table.secured, format!("table \"{name}\" has row security but no policy"));
            }
            match table.view {
                Some(false) if table.granted => {
                    let message = format!("view \"{name}\" is granted to callers and reads with its owner's rights");
                    say("view-owner-rights", table.opened, message);
                }
                None if table.granted && !table.row_security => {
                    let message = format!("table \"{name}\" is granted to callers without row security");
                    say("no-row-security", table.opened, message);
                }
                _ => {}
            }
            for (columns, added, mark) in &table.foreign_keys {
                let served = table.indexes.iter().any(|index| {
                    index.len() >= columns.len() && index[..columns.len()].iter().all(|column| columns.contains(column))
                });
                if *added && !served {
                    let columns: Vec<&str> = columns.iter().map(|column| &**column).collect();
                    say(
                        "foreign-key-unindexed",
                        *mark,
                        format!("no index on \"{name}\" begins with the foreign key's ({})", columns.join(", ")),
                    );
                }
            }
        }
        out
    }
}
