//! Views and policies that lead back to themselves, found before anything is unfolded.
//!
//! PostgreSQL looks for them when it rewrites a statement: earlier than it asks for a privilege, and also in conditions that it folds away
//! later. While a view is opened, it and whatever leads to it are *open*; a policy opens its table if either of its conditions
//! has a subquery, whichever of the two is asked. To open what is open already is the error `42P17`. The body of a function is planned
//! by itself and starts anew.

use std::sync::Arc;

use sql::ast::{Expr, FromItem, ObjectName, Query};
use sql::visit::{self, Scope, Visitor};

use super::query::has_query;
use super::through::Target;
use super::{Guard, Owner, Translator, Usage};
use crate::catalog::updatable::Simple;
use crate::catalog::{Catalog, Name, QName, Relation, RelationKind};
use crate::error::{Result, SqlError};

/// The search through one statement.
struct Search<'s> {
    catalog: &'s Catalog,
    caller: &'s dyn Guard,
    open: Vec<QName>,
}

/// The relations that a tree names, those of its subqueries included.
#[derive(Default)]
struct Named(Vec<ObjectName>);

impl Visitor for Named {
    fn source(&mut self, source: &FromItem, scope: &Scope) {
        if let FromItem::Table { name, .. } = source
            && !scope.is_cte(name)
        {
            self.0.push(name.clone());
        }
    }
}

impl Search<'_> {
    fn query(&mut self, query: &Query, path: &[Name], guard: &dyn Guard) -> Result<()> {
        let mut named = Named::default();
        visit::query(query, &mut named);
        self.relations(&named, path, guard)
    }

    fn expr(&mut self, expr: &Expr, path: &[Name], guard: &dyn Guard) -> Result<()> {
        let mut named = Named::default();
        visit::expr(expr, &mut named);
        self.relations(&named, path, guard)
    }

    fn relations(&mut self, named: &Named, path: &[Name], guard: &dyn Guard) -> Result<()> {
        for name in &named.0 {
            let found = match &name.schema {
                Some(schema) => self.catalog.relation(schema, &name.name),
                None => self.catalog.find_relation(path, &name.name),
            };
            let Some(relation) = found.cloned() else { continue };
            match relation.view.as_ref().filter(|_| relation.kind == RelationKind::View) {
                Some(view) => {
                    let Some(tree) = view.query.tree() else { continue };
                    let inner: &dyn Guard = if view.security_invoker { self.caller } else { &Owner };
                    self.opening(&relation, "rules", |this| this.query(tree, &public(), inner))?;
                }
                None => self.policies(&relation, guard, Usage::Select)?,
            }
        }
        Ok(())
    }

    /// The policies that bind a use of a table.
    fn policies(&mut self, relation: &Arc<Relation>, guard: &dyn Guard, usage: Usage) -> Result<()> {
        let rules = guard.rules(relation, usage);
        let queries = |text: &Option<crate::catalog::ExprText>| {
            text.as_ref().and_then(|text| text.tree()).is_some_and(|tree| has_query(tree))
        };
        if !rules.iter().any(|(policy, _)| queries(&policy.using) || queries(&policy.check)) {
            return Ok(());
        }
        self.opening(relation, "policy", |this| {
            rules.iter().try_for_each(|(_, condition)| this.expr(condition, &public(), guard))
        })
    }

    fn opening(&mut self, relation: &Relation, what: &str, inside: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if self.open.contains(&relation.name) {
            let message = format!("infinite recursion detected in {what} for relation \"{}\"", relation.name.name);
            return Err(SqlError::new("42P17", message).into());
        }
        self.open.push(relation.name.clone());
        let result = inside(self);
        self.open.pop();
        result
    }

    /// The conditions of views that a write goes through, each asked with its view's rights. Those of an insert are its check options.
    fn through(&mut self, relation: &Arc<Relation>, inserts: bool, cascaded: bool) -> Result<()> {
        let Some(view) = relation.view.as_ref().filter(|_| relation.kind == RelationKind::View) else { return Ok(()) };
        let Some(tree) = view.query.tree() else { return Ok(()) };
        let catalog = self.catalog;
        let Ok(simple) = Simple::of(tree, catalog, &public()) else { return Ok(()) };
        let inner: &dyn Guard = if view.security_invoker { self.caller } else { &Owner };
        let cascaded = cascaded || view.check_option.as_deref() == Some("cascaded");
        if let Some(filter) = &simple.select.filter
            && (!inserts || cascaded || view.check_option.is_some())
        {
            self.expr(filter, &public(), inner)?;
        }
        self.through(simple.below, inserts, cascaded)
    }
}

fn public() -> [Name; 1] {
    [Name::from("public")]
}

impl<'a> Translator<'a> {
    fn search(&self) -> Search<'a> {
        Search { catalog: self.catalog, caller: self.caller, open: Vec::new() }
    }

    /// Refuses a query that leads back to what it comes from.
    pub(super) fn circles_of_query(&self, query: &Query) -> Result<()> {
        self.search().query(query, self.search_path, self.guard)
    }

    /// Refuses a write that leads back to what it comes from: by its own expressions, by the views it goes through, by policies.
    pub(super) fn circles_of_write<'e>(
        &self,
        target: &Target<'a>,
        usage: Usage,
        exprs: impl IntoIterator<Item = &'e Expr>,
    ) -> Result<()> {
        let mut search = self.search();
        search.through(&target.named, matches!(usage, Usage::Insert { .. }), false)?;
        for expr in exprs {
            search.expr(expr, self.search_path, self.guard)?;
        }
        search.policies(&target.table, target.guard, usage)
    }
}
