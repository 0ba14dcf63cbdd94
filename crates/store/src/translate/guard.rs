//! What the translator asks about rights, and who answers.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::Expr;

use crate::catalog::{Catalog, Function, Name, Policy, Privilege, Relation};
use crate::error::{Error, Result};

/// What a reference wants of a relation.
#[derive(Debug)]
pub struct Access<'a> {
    /// The privilege.
    pub privilege: Privilege,
    /// The columns concerned. Empty means the relation as a whole was named without any column (`count(*)`): one column's privilege is
    /// enough to read, and `delete` knows no columns.
    pub columns: &'a BTreeSet<Name>,
}

/// What a statement does with a table, as far as that decides which policies it brings in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Its rows are read.
    Select,
    /// Rows come; `reads` when columns are returned or compared, `merges` when a row that is there may be updated instead.
    Insert {
        /// Columns are returned or compared.
        reads: bool,
        /// A row that is there may be updated.
        merges: bool,
    },
    /// Rows change.
    Update {
        /// Columns are returned or compared.
        reads: bool,
    },
    /// Rows go.
    Delete {
        /// Columns are returned or compared.
        reads: bool,
    },
}

/// Decides what a statement may touch. Implemented by the policy room for a role; [`Owner`] for the house itself.
pub trait Guard {
    /// Refuses (42501) or accepts the use of a relation.
    fn check(&self, relation: &Relation, access: &Access<'_>) -> Result<()>;
    /// The condition that rows must meet to be seen, or none.
    fn visible(&self, catalog: &Catalog, relation: &Relation) -> Result<Option<Arc<Expr>>>;
    /// The condition that existing rows must meet to be touched by `privilege` (`Update` or `Delete`), or none. Without the select policies:
    /// these are asked for through [`Guard::visible`] when the statement reads the table's columns.
    fn touchable(&self, catalog: &Catalog, relation: &Relation, privilege: Privilege) -> Result<Option<Arc<Expr>>>;
    /// Refuses or accepts a call of a function of the user's.
    fn execute(&self, function: &Function) -> Result<()>;
    /// Every policy that binds this use of a table, with the condition of it that is asked: those that are folded away included.
    fn rules<'r>(&self, relation: &'r Relation, usage: Usage) -> Vec<(&'r Policy, &'r Arc<Expr>)> {
        let _ = (relation, usage);
        Vec::new()
    }
    /// The guard that refuses at once, where this one keeps a refusal for later.
    fn at_once(&self) -> Option<&dyn Guard> {
        None
    }
}

/// Nothing is refused and no row is hidden: migrations, owners' views, the house's own work.
#[derive(Clone, Copy, Debug)]
pub struct Owner;

impl Guard for Owner {
    fn check(&self, _: &Relation, _: &Access<'_>) -> Result<()> {
        Ok(())
    }
    fn visible(&self, _: &Catalog, _: &Relation) -> Result<Option<Arc<Expr>>> {
        Ok(None)
    }
    fn touchable(&self, _: &Catalog, _: &Relation, _: Privilege) -> Result<Option<Arc<Expr>>> {
        Ok(None)
    }
    fn execute(&self, _: &Function) -> Result<()> {
        Ok(())
    }
}

/// A guard whose refusals wait until the statement is understood, as PostgreSQL's do: it asks for privileges when a statement begins to
/// run, and whatever is wrong with its text, its names or its types has been said by then.
pub struct Deferred<'g> {
    guard: &'g dyn Guard,
    first: RefCell<Option<Error>>,
    of_view: RefCell<Option<Error>>,
}

impl<'g> Deferred<'g> {
    /// Over the guard that judges.
    pub fn new(guard: &'g dyn Guard) -> Self {
        Self { guard, first: RefCell::new(None), of_view: RefCell::new(None) }
    }

    /// The first refusal of a view: PostgreSQL asks for these while it plans.
    pub fn judge_views(&self) -> Result<()> {
        self.of_view.take().map_or(Ok(()), Err)
    }

    /// The first refusal, now that everything else has been said.
    pub fn judge(&self) -> Result<()> {
        self.first.take().map_or(Ok(()), Err)
    }

    fn keep(&self, refusal: Error) {
        self.first.borrow_mut().get_or_insert(refusal);
    }
}

impl Guard for Deferred<'_> {
    fn check(&self, relation: &Relation, access: &Access<'_>) -> Result<()> {
        let Err(refusal) = self.guard.check(relation, access) else { return Ok(()) };
        if relation.is_view() && self.of_view.borrow().is_none() {
            *self.of_view.borrow_mut() = self.guard.check(relation, access).err();
        }
        self.keep(refusal);
        Ok(())
    }
    fn visible(&self, catalog: &Catalog, relation: &Relation) -> Result<Option<Arc<Expr>>> {
        self.guard.visible(catalog, relation)
    }
    fn touchable(&self, catalog: &Catalog, relation: &Relation, privilege: Privilege) -> Result<Option<Arc<Expr>>> {
        self.guard.touchable(catalog, relation, privilege)
    }
    fn execute(&self, function: &Function) -> Result<()> {
        if let Err(refusal) = self.guard.execute(function) {
            self.keep(refusal);
        }
        Ok(())
    }
    fn rules<'r>(&self, relation: &'r Relation, usage: Usage) -> Vec<(&'r Policy, &'r Arc<Expr>)> {
        self.guard.rules(relation, usage)
    }
    fn at_once(&self) -> Option<&dyn Guard> {
        Some(self.guard)
    }
}
