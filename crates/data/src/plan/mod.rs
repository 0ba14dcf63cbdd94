//! The plan: a request held against the catalog, as a tree of levels. Engine-free: it knows every column and every join, and nothing of SQL
//! text or HTTP.

mod build;
mod hoist;
mod near;

use std::sync::Arc;

use store::catalog::Relation;

use crate::relationships::Relationship;
use crate::request::{Aggregate, Field as Reference, Filter, JsonStep, LogicOp, OrderTerm, Window};

pub use build::{Settings, plan_read, plan_write};
pub use near::nearest;

/// One relation of an answer: the root, or an embed.
#[derive(Clone, Debug)]
pub struct Level {
    /// What is read.
    pub relation: Arc<Relation>,
    /// The output, in the order asked for.
    pub fields: Vec<Field>,
    /// The columns behind the fields.
    pub columns: Vec<Selected>,
    /// Embeds.
    pub children: Vec<Child>,
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// Order of the rows.
    pub order: Vec<Order>,
    /// Which slice of the rows; per parent row in an embed.
    pub window: Window,
    /// Aggregates are among the columns: the others are grouped by.
    pub grouped: bool,
    /// In a grouped level: the to-one embeds that its statement joins, each after the one it hangs on.
    pub joined: Vec<Joined>,
    /// At the root: embeds that paths addressed by their table's name although they have an alias.
    pub legacy_names: Vec<String>,
}

impl Level {
    /// The relation of a joined embed.
    pub fn relation_of(&self, joined: usize) -> &Arc<Relation> {
        &self.child_at(&self.joined[joined].path).level.relation
    }

    /// The embed at the end of a path of places among children.
    ///
    /// # Panics
    /// On a path that is not of this level, or empty.
    pub fn child_at(&self, path: &[usize]) -> &Child {
        let (last, above) = path.split_last().expect("a path has at least one place");
        &above.iter().fold(self, |level, place| &level.children[*place].level).children[*last]
    }
}

/// A write: which rows it is about, and what it gives back.
#[derive(Clone, Debug)]
pub struct WritePlan {
    /// The relation; its conditions choose the rows, all else is what the statement returns.
    pub root: Level,
    /// What is shown when the rows as they are returned do not say it: groups of them, or those of them that an inner embed leaves.
    pub again: Option<Level>,
}

/// An embed that is joined into a grouped level's statement.
#[derive(Clone, Debug)]
pub struct Joined {
    /// Where it is below the level: see [`Level::child_at`].
    pub path: Vec<usize>,
    /// The joined embed that it hangs on; `None` when that is the level itself.
    pub parent: Option<usize>,
}

/// One place of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// An index into [`Level::columns`].
    Column(usize),
    /// An index into [`Level::children`].
    Child(usize),
}

/// A selected column.
#[derive(Clone, Debug)]
pub struct Selected {
    /// Its key in the answer.
    pub key: String,
    /// Where its value comes from.
    pub source: Source,
    /// The cast of the value, before an aggregate.
    pub cast: Option<String>,
    /// The aggregate.
    pub aggregate: Option<Aggregate>,
    /// The cast of the aggregate.
    pub aggregate_cast: Option<String>,
    /// In a grouped level: which of [`Level::joined`] it is of, when not of the level's own relation.
    pub of: Option<usize>,
}

/// Where a selected value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A column of the level's relation, followed into its JSON.
    Column {
        /// The column.
        name: String,
        /// The path.
        path: Vec<JsonStep>,
    },
    /// The number of rows; of those that are there, when they are a spread's.
    CountAll,
}

/// An embed.
#[derive(Clone, Debug)]
pub struct Child {
    /// Its key in the answer and in paths.
    pub name: String,
    /// How it joins.
    pub relationship: Arc<Relationship>,
    /// What is read.
    pub level: Level,
    /// `!inner`: the parent stays only with it.
    pub inner: bool,
    /// Its columns are lifted into the parent.
    pub spread: bool,
    /// It adds a key (or columns); an empty embed only joins and filters.
    pub visible: bool,
    /// In a grouped level: which of [`Level::joined`] has its key, when not the level's own relation.
    pub of: Option<usize>,
    /// In a grouped level: which of [`Level::joined`] it is itself, for groups are by what it shows.
    pub joined: Option<usize>,
}

impl Child {
    /// An object rather than an array.
    pub fn to_one(&self) -> bool {
        self.relationship.cardinality.is_to_one()
    }
}

/// A condition on a level's rows.
#[derive(Clone, Debug)]
pub enum Condition {
    /// A comparison with a literal.
    Filter(Filter),
    /// Rows of an embed exist, or do not.
    Exists {
        /// Index into [`Level::children`].
        child: usize,
        /// They exist.
        exists: bool,
    },
    /// Several, joined.
    Group {
        /// How.
        op: LogicOp,
        /// The whole is negated.
        negated: bool,
        /// At least one.
        children: Vec<Condition>,
    },
}

/// One term of an order.
#[derive(Clone, Debug)]
pub enum Order {
    /// By a column of the level.
    Own(OrderTerm),
    /// By a column of a to-one embed.
    Related {
        /// Index into [`Level::children`].
        child: usize,
        /// The column there, and directions.
        term: OrderTerm,
    },
}

impl Order {
    /// Direction and nulls.
    pub fn term(&self) -> &OrderTerm {
        match self {
            Self::Own(term) | Self::Related { term, .. } => term,
        }
    }
    /// The column named.
    pub fn field(&self) -> &Reference {
        &self.term().field
    }
}
