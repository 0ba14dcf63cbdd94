//! Which views can be written through, by PostgreSQL's rules for automatically updatable views.
//!
//! A view over one table, or over one such view, without anything that would make a row of it stand for several rows or none:
//! then a change of the view means one change of the table. Columns that show a column of the table can be set; others cannot.

use std::sync::Arc;

use sql::ast::{Distinct, Expr, FromItem, FunctionCall, Literal, Query, QueryBody, Select, SelectItem};

use super::{Catalog, Name, QName, Relation, RelationKind, Returns};
use crate::migrate::walk::{self, Visit};

/// A view's query that can be written through: a plain select from one relation.
pub(crate) struct Simple<'t> {
    /// The select.
    pub(crate) select: &'t Select,
    /// The relation below.
    pub(crate) below: &'t Arc<Relation>,
    /// Its name in the query.
    pub(crate) alias: Name,
    /// Its schema there, when it has no alias.
    pub(crate) schema: Option<Name>,
    /// The names its columns have in the query, in its own order.
    names: Vec<Name>,
}

const NOT_ONE: &str = "Views that do not select from a single table or view are not automatically updatable.";

impl<'t> Simple<'t> {
    /// Reads a view's query; the error is PostgreSQL's detail of why it cannot be written through.
    pub(crate) fn of(query: &'t Query, catalog: &'t Catalog, path: &[Name]) -> Result<Self, &'static str> {
        let QueryBody::Select(select) = &query.body else {
            return Err(match &query.body {
                QueryBody::SetOp { .. } => {
                    "Views containing UNION, INTERSECT, or EXCEPT are not automatically updatable."
                }
                _ => NOT_ONE,
            });
        };
        if select.distinct != Distinct::No {
            return Err("Views containing DISTINCT are not automatically updatable.");
        }
        if !select.group_by.is_empty() {
            return Err("Views containing GROUP BY are not automatically updatable.");
        }
        if select.having.is_some() {
            return Err("Views containing HAVING are not automatically updatable.");
        }
        if query.with.is_some() {
            return Err("Views containing WITH are not automatically updatable.");
        }
        if query.limit.is_some() || query.offset.is_some() {
            return Err("Views containing LIMIT or OFFSET are not automatically updatable.");
        }
        let mut found = Found { catalog, path, aggregate: false, window: false, set: false };
        for item in &select.items {
            match item {
                SelectItem::Expr { expr, .. } => walk::expr(&mut expr.clone(), &mut found),
                SelectItem::Wildcard | SelectItem::TableWildcard(_) | SelectItem::FieldWildcard(_) => {
                    return Err(NOT_ONE);
                }
            }
        }
        if found.aggregate {
            return Err("Views that return aggregate functions are not automatically updatable.");
        }
        if found.window {
            return Err("Views that return window functions are not automatically updatable.");
        }
        if found.set {
            return Err("Views that return set-returning functions are not automatically updatable.");
        }
        let [FromItem::Table { name, alias, .. }] = select.from.as_slice() else { return Err(NOT_ONE) };
        let below = match &name.schema {
            Some(schema) => catalog.relation(schema, &name.name),
            None => catalog.find_relation(path, &name.name),
        };
        let below =
            below.filter(|below| matches!(below.kind, RelationKind::Table | RelationKind::View)).ok_or(NOT_ONE)?;
        let renamed = alias.as_ref().map_or(&[][..], |alias| &alias.columns);
        let named = |(place, column): (usize, &super::Column)| renamed.get(place).unwrap_or(&column.name).clone();
        Ok(Self {
            select,
            below,
            alias: alias.as_ref().map_or_else(|| below.name.name.clone(), |alias| alias.name.clone()),
            schema: alias.is_none().then(|| below.name.schema.clone()),
            names: below.columns.iter().enumerate().map(named).collect(),
        })
    }

    /// The names that the columns of the relation below have in the query, in its order.
    pub(crate) fn names(&self) -> &[Name] {
        &self.names
    }

    /// The column below that an output expression is.
    fn place(&self, expr: &Expr) -> Option<usize> {
        let Expr::Column { parts } = expr else { return None };
        let last = parts.last()?;
        self.names.iter().position(|name| name == last)
    }

    /// The output expressions.
    pub(crate) fn items(&self) -> impl Iterator<Item = &'t Expr> {
        self.select.items.iter().filter_map(|item| match item {
            SelectItem::Expr { expr, .. } => Some(expr),
            SelectItem::Wildcard | SelectItem::TableWildcard(_) | SelectItem::FieldWildcard(_) => None,
        })
    }

    /// For each output column: the column below that it shows, as a place there.
    pub(crate) fn places(&self) -> Vec<Option<usize>> {
        self.items().map(|expr| self.place(expr)).collect()
    }
}

/// What PostgreSQL lets a view be used for: inserts and updates, and deletes.
fn allowed(relation: &Relation, catalog: &Catalog, path: &[Name], depth: usize) -> (bool, bool) {
    let Some(view) = &relation.view else {
        return (relation.kind == RelationKind::Table, relation.kind == RelationKind::Table);
    };
    if depth == 0 {
        return (false, false);
    }
    let Some(Ok(simple)) = view.query.tree().map(|tree| Simple::of(tree, catalog, path)) else { return (false, false) };
    let (writes, deletes) = allowed(simple.below, catalog, path, depth - 1);
    (writes && simple.places().iter().any(Option::is_some), deletes)
}

/// How deep views may lie upon views.
const DEPTH_MAX: usize = 24;

/// Writes into every view whether it can be written through.
pub(crate) fn mark(catalog: &mut Catalog) {
    let public = [Name::from("public")];
    let changed: Vec<(QName, (bool, bool))> = catalog
        .relations
        .values()
        .filter(|relation| relation.kind == RelationKind::View)
        .map(|relation| (relation, allowed(relation, catalog, &public, DEPTH_MAX)))
        .filter(|(relation, (writes, deletes))| relation.insertable != *writes || relation.deletable != *deletes)
        .map(|(relation, found)| (relation.name.clone(), found))
        .collect();
    for (name, (writes, deletes)) in changed {
        if let Some(relation) = catalog.relations.get_mut(&name) {
            let relation = Arc::make_mut(relation);
            (relation.insertable, relation.updatable, relation.deletable) = (writes, writes, deletes);
        }
    }
}

/// What the output of a query calls, subqueries aside.
struct Found<'c> {
    catalog: &'c Catalog,
    path: &'c [Name],
    aggregate: bool,
    window: bool,
    set: bool,
}

impl Visit for Found<'_> {
    fn expr(&mut self, expr: &mut Expr) {
        // Subqueries are a level of their own: nothing in them is the view's.
        if matches!(expr, Expr::Subquery(_) | Expr::Exists(_) | Expr::ArrayQuery(_) | Expr::InQuery { .. }) {
            *expr = Expr::Literal(Literal::Null);
        }
    }

    fn call(&mut self, call: &mut FunctionCall) {
        let own = |schema: &Name| self.catalog.functions(schema, &call.name.name).first();
        let own = match &call.name.schema {
            Some(schema) => own(schema),
            None => self.path.iter().find_map(own),
        };
        match own {
            Some(function) => {
                self.set |= match function.returns {
                    Returns::Void => false,
                    Returns::Scalar { set, .. }
                    | Returns::Relation { set, .. }
                    | Returns::Columns { set, .. }
                    | Returns::Record { set } => set,
                }
            }
            None if call.over.is_some() => self.window = true,
            None if crate::translate::is_aggregate(&call.name.name) => self.aggregate = true,
            None => self.set |= crate::translate::is_set_function(&call.name.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_written_through_where_its_rows_are_rows_of_one_table() {
        let catalog = Catalog::default();
        let why = |text: &str| {
            let query = sql::parse_query(text).unwrap();
            Simple::of(&query, &catalog, &[]).err().unwrap()
        };
        for (text, word) in [
            ("select distinct a from t", "DISTINCT"),
            ("select a from t group by a", "GROUP BY"),
            ("select 1 from t having true", "HAVING"),
            ("select a from t union select a from t", "UNION"),
            ("with q as (select 1) select a from t", "WITH"),
            ("select a from t limit 1", "LIMIT"),
            ("select count(*) from t", "aggregate"),
            ("select row_number() over () from t", "window"),
            ("select generate_series(1, a) from t", "set-returning"),
            ("select a from t, u", "single table"),
            ("select a from t join u on true", "single table"),
            ("select (select count(*) from u) from (select 1) t", "single table"),
        ] {
            assert!(why(text).contains(word), "{text}: {}", why(text));
        }
    }
}
