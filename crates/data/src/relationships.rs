//! Relationships between relations, found in the catalog (wire contract, section 5).
//!
//! A foreign key gives a many-to-one from its table and a one-to-many back; when its columns are unique both directions are
//! one-to-one. A table whose primary key holds two foreign keys joins their targets many-to-many. A view takes over the keys of its
//! base tables where it shows their columns unchanged.

use std::collections::HashMap;
use std::sync::Arc;

use store::catalog::{Catalog, Name, QName, Relation};

/// How many rows there may be on each side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    /// Many here belong to one there: an object.
    ManyToOne,
    /// One here has many there: an array.
    OneToMany,
    /// One here, one there: an object.
    OneToOne,
    /// Through a junction: an array.
    ManyToMany,
}

impl Cardinality {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ManyToOne => "many-to-one",
            Self::OneToMany => "one-to-many",
            Self::OneToOne => "one-to-one",
            Self::ManyToMany => "many-to-many",
        }
    }
    /// Is the embedded side a single object.
    pub fn is_to_one(self) -> bool {
        matches!(self, Self::ManyToOne | Self::OneToOne)
    }
}

/// A junction between two relations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Junction {
    /// The table in between.
    pub table: QName,
    /// Its columns that point to the origin, and the constraint.
    pub origin: (Name, Vec<Name>),
    /// Its columns that point to the target, and the constraint.
    pub target: (Name, Vec<Name>),
}

/// A way from one relation to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relationship {
    /// From.
    pub origin: QName,
    /// To.
    pub target: QName,
    /// Cardinality seen from the origin.
    pub cardinality: Cardinality,
    /// The constraint (none for a junction).
    pub constraint: Name,
    /// Columns of the origin that join.
    pub columns: Vec<Name>,
    /// Columns of the target, in the same order.
    pub target_columns: Vec<Name>,
    /// The junction of a many-to-many.
    pub junction: Option<Junction>,
    /// The foreign key points to its own table.
    pub is_self: bool,
}

/// All relationships of one catalog, by origin.
#[derive(Clone, Debug, Default)]
pub struct Relationships {
    by_origin: HashMap<QName, Vec<Arc<Relationship>>>,
}

/// Base columns, and the relations that show them under which names.
type Shown<'c> = HashMap<(&'c QName, &'c Name), Vec<(&'c Arc<Relation>, Name)>>;

/// Foreign keys as they hold for a relation: a table's own, or a view's inherited ones.
struct Edge {
    from: QName,
    from_columns: Vec<Name>,
    to: QName,
    to_columns: Vec<Name>,
    constraint: Name,
    unique: bool,
    /// The base table's name, so that self references through views are known.
    own: bool,
}

impl Relationships {
    /// Finds all relationships.
    pub fn of(catalog: &Catalog) -> Self {
        // Where each base column is shown: by the table itself and by views.
        let mut shown = Shown::new();
        for relation in catalog.relations.values() {
            match &relation.view {
                None => {
                    for column in &relation.columns {
                        shown.entry((&relation.name, &column.name)).or_default().push((relation, column.name.clone()));
                    }
                }
                Some(view) => {
                    for (column, source) in relation.columns.iter().zip(&view.sources) {
                        if let Some((table, base)) = source {
                            shown.entry((table, base)).or_default().push((relation, column.name.clone()));
                        }
                    }
                }
            }
        }
        // A relation's columns that show all of a table's key columns, in order.
        let carriers = |table: &QName, columns: &[Name]| -> Vec<(QName, Vec<Name>)> {
            let mut out: Vec<(QName, Vec<Name>)> = Vec::new();
            let Some(first) = columns.first() else { return out };
            for (relation, name) in shown_of(&shown, table, first) {
                let mut names = vec![name];
                for column in &columns[1..] {
                    match shown_of(&shown, table, column).into_iter().find(|(other, _)| *other == relation) {
                        Some((_, name)) => names.push(name),
                        None => break,
                    }
                }
                if names.len() == columns.len() && !out.iter().any(|(known, _)| *known == relation) {
                    out.push((relation, names));
                }
            }
            out
        };
        let mut edges = Vec::new();
        for relation in catalog.relations.values().filter(|relation| relation.view.is_none()) {
            for fk in &relation.foreign_keys {
                let unique =
                    relation.primary_key.iter().chain(&relation.uniques).any(|key| same_set(&key.columns, &fk.columns));
                for (from, from_columns) in carriers(&relation.name, &fk.columns) {
                    for (to, to_columns) in carriers(&fk.target, &fk.target_columns) {
                        edges.push(Edge {
                            from: from.clone(),
                            from_columns: from_columns.clone(),
                            to,
                            to_columns,
                            constraint: fk.name.clone(),
                            unique,
                            own: relation.name == fk.target,
                        });
                    }
                }
            }
        }
        let mut all = Self::default();
        for edge in &edges {
            let forth = if edge.unique { Cardinality::OneToOne } else { Cardinality::ManyToOne };
            let back = if edge.unique { Cardinality::OneToOne } else { Cardinality::OneToMany };
            all.add(Relationship {
                origin: edge.from.clone(),
                target: edge.to.clone(),
                cardinality: forth,
                constraint: edge.constraint.clone(),
                columns: edge.from_columns.clone(),
                target_columns: edge.to_columns.clone(),
                junction: None,
                is_self: edge.own && edge.from == edge.to,
            });
            all.add(Relationship {
                origin: edge.to.clone(),
                target: edge.from.clone(),
                cardinality: back,
                constraint: edge.constraint.clone(),
                columns: edge.to_columns.clone(),
                target_columns: edge.from_columns.clone(),
                junction: None,
                is_self: edge.own && edge.from == edge.to,
            });
        }
        all.add_junctions(catalog, &edges);
        all
    }

    fn add_junctions(&mut self, catalog: &Catalog, edges: &[Edge]) {
        for relation in catalog.relations.values() {
            // Views over junctions count where they show the whole key.
            let key: Vec<Name> = match (&relation.view, &relation.primary_key) {
                (None, Some(key)) => key.columns.clone(),
                (None, None) => continue,
                (Some(_), _) => view_key(catalog, relation),
            };
            if key.len() < 2 {
                continue;
            }
            let out: Vec<&Edge> = edges.iter().filter(|edge| edge.from == relation.name).collect();
            for (i, a) in out.iter().enumerate() {
                for (j, b) in out.iter().enumerate() {
                    let inside = |edge: &Edge| edge.from_columns.iter().all(|column| key.contains(column));
                    if i == j || a.constraint == b.constraint || !inside(a) || !inside(b) {
                        continue;
                    }
                    self.add(Relationship {
                        origin: a.to.clone(),
                        target: b.to.clone(),
                        cardinality: Cardinality::ManyToMany,
                        constraint: a.constraint.clone(),
                        columns: a.to_columns.clone(),
                        target_columns: b.to_columns.clone(),
                        junction: Some(Junction {
                            table: relation.name.clone(),
                            origin: (a.constraint.clone(), a.from_columns.clone()),
                            target: (b.constraint.clone(), b.from_columns.clone()),
                        }),
                        is_self: a.to == b.to,
                    });
                }
            }
        }
    }

    fn add(&mut self, relationship: Relationship) {
        let list = self.by_origin.entry(relationship.origin.clone()).or_default();
        let relationship = Arc::new(relationship);
        if !list.contains(&relationship) {
            list.push(relationship);
        }
    }

    /// All ways out of a relation.
    pub fn from_origin(&self, origin: &QName) -> &[Arc<Relationship>] {
        self.by_origin.get(origin).map_or(&[], Vec::as_slice)
    }

    /// The ways that `target!hint` may mean, inside one schema.
    pub fn find(&self, origin: &QName, target: &str, hint: Option<&str>, catalog: &Catalog) -> Vec<Arc<Relationship>> {
        let schema = &origin.schema;
        let mut found: Vec<Arc<Relationship>> = Vec::new();
        for candidate in self.from_origin(origin) {
            if candidate.target.schema != *schema {
                continue;
            }
            let many_to_one = matches!(candidate.cardinality, Cardinality::ManyToOne)
                || (candidate.cardinality == Cardinality::OneToOne && is_forward(candidate, catalog));
            let by_name = *candidate.target.name == *target
                // A self reference by the table's name is the side with many.
                && (!candidate.is_self || candidate.junction.is_some() || !many_to_one);
            let named = match hint {
                None => {
                    by_name
                        || (candidate.junction.is_none()
                            && !is_view(catalog, &candidate.target)
                            && (*candidate.constraint == *target && (!candidate.is_self || many_to_one)
                                || (many_to_one && matches!(candidate.columns.as_slice(), [one] if **one == *target))))
                }
                Some(hint) => by_name && hinted(candidate, hint),
            };
            if named {
                found.push(candidate.clone());
            }
        }
        found
    }
}

fn shown_of(shown: &Shown<'_>, table: &QName, column: &Name) -> Vec<(QName, Name)> {
    shown
        .get(&(table, column))
        .map(|list| list.iter().map(|(relation, name)| (relation.name.clone(), name.clone())).collect())
        .unwrap_or_default()
}

fn hinted(candidate: &Relationship, hint: &str) -> bool {
    let single = |columns: &[Name]| matches!(columns, [one] if **one == *hint);
    match &candidate.junction {
        Some(junction) => *junction.table.name == *hint || *junction.origin.0 == *hint || *junction.target.0 == *hint,
        None => *candidate.constraint == *hint || single(&candidate.columns) || single(&candidate.target_columns),
    }
}

/// Does the foreign key leave the origin (so that a one-to-one is the to-one side by key).
fn is_forward(candidate: &Relationship, catalog: &Catalog) -> bool {
    catalog.relations.get(&candidate.origin).is_some_and(|relation| {
        relation.foreign_keys.iter().any(|fk| fk.name == candidate.constraint && fk.columns == candidate.columns)
    })
}

fn is_view(catalog: &Catalog, name: &QName) -> bool {
    catalog.relations.get(name).is_some_and(|relation| relation.view.is_some())
}

fn same_set(a: &[Name], b: &[Name]) -> bool {
    a.len() == b.len() && a.iter().all(|name| b.contains(name))
}

/// The primary key of the first base table whose whole key the view shows, in the view's column names.
pub fn view_key(catalog: &Catalog, relation: &Relation) -> Vec<Name> {
    let Some(view) = &relation.view else { return Vec::new() };
    for (table, _) in view.sources.iter().flatten() {
        let Some(key) = catalog.relations.get(table).and_then(|base| base.primary_key.as_ref()) else { continue };
        let names: Vec<Name> = key
            .columns
            .iter()
            .filter_map(|column| {
                view.sources
                    .iter()
                    .position(|source| source.as_ref().is_some_and(|(from, name)| from == table && name == column))
                    .map(|at| relation.columns[at].name.clone())
            })
            .collect();
        if names.len() == key.columns.len() {
            return names;
        }
    }
    Vec::new()
}
