//! Views that cannot be read through their physical twin, because something in them depends on who asks.
//!
//! PostgreSQL reads the relations of a view as its owner. But a view with the invoker's rights inside it, and the body of a function that
//! it calls, still work as the current user. Such a view is unfolded into the statement, where both guards are known.

use std::sync::Arc;

use sql::ast::{FunctionCall, ObjectName, Query};

use super::scope::Frame;
use super::{DEPTH_MAX, Guard, Owner, Translator, quote, unsupported};
use crate::catalog::{Catalog, Name, Relation, View};
use crate::error::{Result, SqlError};
use crate::migrate::walk::{self, Visit};

impl<'a> Translator<'a> {
    /// The view's query in place of its name; none when its physical twin will do.
    pub(super) fn view(&mut self, relation: &Arc<Relation>, view: &View) -> Result<Option<String>> {
        let guard: &'a dyn Guard = if view.security_invoker { self.caller } else { &Owner };
        let Some(tree) = view.query.tree() else {
            return if view.security_invoker {
                Err(unsupported(format!("the query of view {}", relation.name)))
            } else {
                Ok(None)
            };
        };
        if !view.security_invoker && !depends_on_caller(self.catalog, tree, 0) {
            return Ok(None);
        }
        if self.depth >= DEPTH_MAX {
            return Err(SqlError::new("54001", "stack depth limit exceeded").into());
        }
        let public = [Name::from("public")];
        let before = std::mem::replace(&mut self.guard, guard);
        self.frames.push(Frame::barrier());
        let result = self.with_path(&public, |this| this.query(tree));
        self.frames.pop();
        self.guard = before;
        let (sql, _) = result?;
        let names: Vec<String> = relation.columns.iter().map(|column| quote(&column.name)).collect();
        Ok(Some(format!("(WITH \"~v\"({}) AS ({sql}) SELECT * FROM \"~v\")", names.join(", "))))
    }
}

/// Does a view's query read a view with the invoker's rights, or call a function of the user's, itself or through other views.
fn depends_on_caller(catalog: &Catalog, tree: &Query, depth: usize) -> bool {
    let mut mentions = Mentions { catalog, views: Vec::new(), calls: false };
    walk::query(&mut tree.clone(), &mut mentions);
    mentions.calls
        || depth > DEPTH_MAX
        || mentions.views.iter().filter_map(|relation| relation.view.as_ref()).any(|view| {
            view.security_invoker || view.query.tree().is_some_and(|tree| depends_on_caller(catalog, tree, depth + 1))
        })
}

/// What a query names.
struct Mentions<'c> {
    catalog: &'c Catalog,
    views: Vec<&'c Arc<Relation>>,
    /// A function of the user's is called.
    calls: bool,
}

impl Visit for Mentions<'_> {
    fn table(&mut self, name: &mut ObjectName) {
        let found = self.catalog.relation(name.schema.as_deref().unwrap_or("public"), &name.name);
        self.views.extend(found.filter(|relation| relation.is_view()));
    }
    fn call(&mut self, call: &mut FunctionCall) {
        let schema = call.name.schema.as_deref().unwrap_or("public");
        self.calls |= !self.catalog.functions(schema, &call.name.name).is_empty();
    }
}
