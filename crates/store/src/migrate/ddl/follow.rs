//! A rename on its way through stored trees.
//!
//! PostgreSQL's views and policies hold on to relations and columns by number, so they follow a rename by themselves; ours hold on by
//! name and are rewritten. The rewriting is good at what people write and may be wrong about the rest, so it is not trusted: what every
//! view and policy meant before ([`Meaning`]) is compared with what it means afterwards, and a difference refuses the rename.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sql::ast::{Expr, FromItem, ObjectName, OrderBy, Query, QueryBody, Select, SelectItem, TableAlias};

use super::view::Reads;
use crate::catalog::{Catalog, ExprText, Name, QName, Relation};
use crate::error::Result;
use crate::migrate::walk::{self, Visit};
use crate::translate::{Translator, physical_name, quote};

/// What a stored query or expression means: SQLite's text of it, and the columns it reads.
#[derive(Debug)]
pub(super) struct Meaning {
    sql: String,
    reads: BTreeMap<QName, BTreeSet<Name>>,
}

/// The meanings of all views and policies of a catalog, by what a message calls them. Those that cannot be translated have none.
pub(super) fn meanings(catalog: &Catalog, renamed: Option<&Following<'_>>) -> Result<BTreeMap<String, Meaning>> {
    let mut out = BTreeMap::new();
    for relation in catalog.relations.values() {
        // Under the old name, so that before and after can be compared.
        let name = match renamed {
            Some(following) if relation.name == *following.to => following.from,
            _ => &relation.name,
        };
        if let Some(tree) = relation.view.as_ref().and_then(|view| view.query.tree()) {
            let reads = Reads::default();
            let sql = Translator::new(catalog, &reads, &[Name::from("public")], &[]).select(tree)?.sql;
            out.insert(format!("view {name}"), Meaning { sql, reads: reads.into_inner() });
        }
        for policy in &relation.policies {
            for (which, condition) in [("USING", &policy.using), ("WITH CHECK", &policy.check)] {
                if let Some(condition) = condition {
                    let meaning = condition_meaning(catalog, relation, condition)?;
                    out.insert(format!("{which} of policy {} on {name}", policy.name), meaning);
                }
            }
        }
    }
    Ok(out)
}

fn condition_meaning(catalog: &Catalog, relation: &Arc<Relation>, condition: &ExprText) -> Result<Meaning> {
    let reads = Reads::default();
    let tree = condition.tree().ok_or_else(|| crate::Error::Internal("a policy cannot be read again".to_owned()))?;
    let typed = Translator::new(catalog, &reads, &[Name::from("public")], &[]).over_relation(
        tree,
        relation,
        &relation.name.name,
        None,
    )?;
    Ok(Meaning { sql: typed.sql, reads: reads.into_inner() })
}

impl Meaning {
    /// Is the other one the same but for the rename.
    pub(super) fn is(&self, after: &Self, following: &Following<'_>) -> bool {
        // A table's own name stands before its columns; its name in the file stands in `from`.
        let allowed = match following.column {
            Some((from, to)) => vec![(quote(from), quote(to))],
            None => vec![
                (quote(&physical_name(following.from)), quote(&physical_name(following.to))),
                (quote(&following.from.name), quote(&following.to.name)),
            ],
        };
        let (old, new) = (words(&self.sql), words(&after.sql));
        let renamed = |old: &str, new: &str| allowed.iter().any(|(from, to)| from == old && to == new);
        let same = old.len() == new.len() && old.iter().zip(&new).all(|(old, new)| old == new || renamed(old, new));
        let mut reads = self.reads.clone();
        if let Some(mut columns) = reads.remove(following.from) {
            if let Some((from, to)) = following.column
                && columns.remove(from)
            {
                columns.insert(to.clone());
            }
            reads.insert(following.to.clone(), columns);
        }
        same && reads == after.reads
    }
}

/// A text of ours cut at its quotes: names and strings whole, what is between them as it stands.
fn words(sql: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = sql;
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let end = match quote {
            Some(quote) => rest[1..].find(quote).map_or(rest.len(), |at| at + 2),
            None => rest.find(['\'', '"']).unwrap_or(rest.len()),
        };
        out.push(&rest[..end]);
        rest = &rest[end..];
    }
    out
}

/// A rename on its way through trees: of a relation, or of one of its columns.
pub(super) struct Following<'n> {
    pub(super) from: &'n QName,
    pub(super) to: &'n QName,
    pub(super) column: Option<(&'n Name, &'n Name)>,
}

impl Following<'_> {
    fn is(&self, name: &ObjectName) -> bool {
        name.name == self.from.name && name.schema.as_deref().unwrap_or("public") == &*self.from.schema
    }

    /// An expression over a table's row, `own` when the table is the one renamed. True when something changed.
    pub(super) fn expr(&self, tree: &mut Expr, own: bool, catalog: &Catalog) -> bool {
        let before = tree.clone();
        let mut rename = Rename { following: self, catalog, alias: own.then(|| self.from.name.clone()), open: own };
        if own && self.column.is_none() {
            // References through the table's old name.
            walk::expr(tree, &mut Qualifier(&self.from.name, &self.to.name));
        }
        walk::expr(tree, &mut rename);
        rename.tables(tree);
        *tree != before
    }

    /// A query. True when something changed.
    pub(super) fn query(&self, tree: &mut Query, catalog: &Catalog) -> bool {
        let before = tree.clone();
        let mut wrapped = Expr::Subquery(Box::new(tree.clone()));
        let mut rename = Rename { following: self, catalog, alias: None, open: false };
        walk::expr(&mut wrapped, &mut rename);
        rename.tables(&mut wrapped);
        if let Expr::Subquery(query) = wrapped {
            *tree = *query;
        }
        *tree != before
    }
}

/// Renames columns select by select, then tables.
struct Rename<'f, 'n> {
    following: &'f Following<'n>,
    catalog: &'f Catalog,
    /// The name the table itself goes by in an expression over its row.
    alias: Option<Name>,
    open: bool,
}

impl Rename<'_, '_> {
    /// Gives the relation its new name wherever it is a source. A source without an alias keeps its old name as one, so that what
    /// refers to it need not change.
    fn tables(&self, tree: &mut Expr) {
        // Where a `with` query has the table's name nothing is renamed, and so the rename is refused.
        if self.following.column.is_some() || has_with(tree, &self.following.from.name) {
            return;
        }
        walk::expr(tree, &mut Sources(self.following));
    }
}

impl Visit for Rename<'_, '_> {
    fn expr(&mut self, expr: &mut Expr) {
        let Some((from, to)) = self.following.column else { return };
        // A reference to the row's own column, outside of every subquery that could mean another by it.
        if self.open
            && let Expr::Column { parts } = expr
        {
            match parts.as_mut_slice() {
                [name] if name == from => *name = to.clone(),
                [alias, name] if name == from && Some(&*alias) == self.alias.as_ref() => *name = to.clone(),
                _ => {}
            }
        }
        for query in queries_of(expr) {
            let following = self.following;
            let catalog = self.catalog;
            each_select(query, &mut |select, order| rename_in_select(select, order, following, catalog, from, to));
        }
    }
}

/// The queries directly inside an expression.
fn queries_of(expr: &mut Expr) -> Vec<&mut Query> {
    match expr {
        Expr::Exists(query) | Expr::Subquery(query) | Expr::ArrayQuery(query) | Expr::InQuery { query, .. } => {
            vec![query]
        }
        Expr::Quantified { right: sql::ast::Quantity::Query(query), .. } => vec![query],
        _ => Vec::new(),
    }
}

/// Every select of a query's own body, its `with` queries and its derived tables, each with its `order by`; not of expressions.
fn each_select(query: &mut Query, f: &mut dyn FnMut(&mut Select, &mut [OrderBy])) {
    if let Some(with) = &mut query.with {
        for cte in &mut with.ctes {
            if let sql::ast::CteBody::Query(inner) = &mut cte.body {
                each_select(inner, f);
            }
        }
    }
    each_body(&mut query.body, &mut query.order_by, f);
}

fn each_body(body: &mut QueryBody, order: &mut [OrderBy], f: &mut dyn FnMut(&mut Select, &mut [OrderBy])) {
    match body {
        QueryBody::Select(select) => {
            for item in &mut select.from {
                each_item(item, f);
            }
            f(select, order);
        }
        QueryBody::SetOp { left, right, .. } => {
            each_body(left, &mut [], f);
            each_body(right, &mut [], f);
        }
        QueryBody::Nested(query) => each_select(query, f),
        QueryBody::Values(_) => {}
    }
}

fn each_item(item: &mut FromItem, f: &mut dyn FnMut(&mut Select, &mut [OrderBy])) {
    match item {
        FromItem::Query { query, .. } => each_select(query, f),
        FromItem::Join { left, right, .. } => {
            each_item(left, f);
            each_item(right, f);
        }
        FromItem::Table { .. } | FromItem::Function { .. } => {}
    }
}

/// Renames a column in one select that has its table among its sources; what the select calls it stays.
fn rename_in_select(
    select: &mut Select,
    order: &mut [OrderBy],
    following: &Following<'_>,
    catalog: &Catalog,
    from: &Name,
    to: &Name,
) {
    let mut aliases = Vec::new();
    let mut ambiguous = false;
    for item in &select.from {
        aliases_in(item, following, catalog, from, &mut aliases, &mut ambiguous);
    }
    if aliases.is_empty() {
        return;
    }
    for item in &mut select.items {
        if let SelectItem::Expr { expr: Expr::Column { parts }, alias } = item
            && alias.is_none()
            && parts.last() == Some(from)
        {
            *alias = Some(from.clone());
        }
    }
    let mut columns = Columns { aliases: &aliases, bare: !ambiguous, from, to };
    let mut wrapped = Expr::Subquery(Box::new(Query::from_body(QueryBody::Select(Box::new(select.clone())))));
    walk::expr(&mut wrapped, &mut columns);
    if let Expr::Subquery(query) = wrapped
        && let QueryBody::Select(changed) = query.body
    {
        *select = *changed;
    }
    // An unqualified name in `order by` means the output column, which keeps its name, where there is one.
    let shown = select.items.iter().any(|item| match item {
        SelectItem::Expr { alias: Some(alias), .. } => alias == from,
        SelectItem::Expr { expr: Expr::Column { parts }, alias: None } => parts.last() == Some(from),
        _ => false,
    });
    columns.bare &= !shown;
    for term in order {
        walk::expr(&mut term.expr, &mut columns);
    }
    // An alias that the loop above gave where nothing changed says nothing new.
    for item in &mut select.items {
        if let SelectItem::Expr { expr: Expr::Column { parts }, alias } = item
            && alias.is_some()
            && alias.as_ref() == parts.last()
        {
            *alias = None;
        }
    }
}

fn aliases_in(
    item: &FromItem,
    following: &Following<'_>,
    catalog: &Catalog,
    from: &Name,
    aliases: &mut Vec<Name>,
    ambiguous: &mut bool,
) {
    match item {
        FromItem::Table { name, alias, .. } => {
            if following.is(name) {
                aliases.push(alias.as_ref().map_or(&name.name, |alias| &alias.name).clone());
            } else {
                let schema = name.schema.as_deref().unwrap_or("public");
                *ambiguous |=
                    catalog.relation(schema, &name.name).is_none_or(|relation| relation.column(from).is_some());
            }
        }
        FromItem::Join { left, right, .. } => {
            aliases_in(left, following, catalog, from, aliases, ambiguous);
            aliases_in(right, following, catalog, from, aliases, ambiguous);
        }
        // Its columns are not looked into: an unqualified name may be one of them.
        FromItem::Query { .. } | FromItem::Function { .. } => *ambiguous = true,
    }
}

/// Is there a `with` query of this name in a tree.
fn has_with(tree: &Expr, name: &Name) -> bool {
    struct With<'f>(&'f Name, bool);
    impl Visit for With<'_> {
        fn with_query(&mut self, name: &Name) {
            self.1 |= name == self.0;
        }
    }
    let mut with = With(name, false);
    walk::expr(&mut tree.clone(), &mut with);
    with.1
}

/// Gives a table another qualifier.
struct Qualifier<'f>(&'f Name, &'f Name);

impl Visit for Qualifier<'_> {
    fn expr(&mut self, expr: &mut Expr) {
        if let Expr::Column { parts } = expr
            && parts.len() == 2
            && parts[0] == *self.0
        {
            parts[0] = self.1.clone();
        }
    }
}

/// Renames a relation among sources.
struct Sources<'f, 'n>(&'f Following<'n>);
impl Visit for Sources<'_, '_> {
    fn expr(&mut self, expr: &mut Expr) {
        for query in queries_of(expr) {
            each_select(query, &mut |select, _| {
                for item in &mut select.from {
                    self.item(item);
                }
            });
        }
    }
}
impl Sources<'_, '_> {
    fn item(&self, item: &mut FromItem) {
        match item {
            FromItem::Table { name, alias, .. } if self.0.is(name) => {
                if alias.is_none() {
                    *alias = Some(TableAlias { name: name.name.clone(), columns: Vec::new() });
                }
                let schema = &self.0.to.schema;
                *name = ObjectName {
                    schema: (&**schema != "public").then(|| schema.clone()),
                    name: self.0.to.name.clone(),
                };
            }
            FromItem::Join { left, right, .. } => {
                self.item(left);
                self.item(right);
            }
            FromItem::Query { query, .. } => each_select(query, &mut |select, _| {
                for item in &mut select.from {
                    self.item(item);
                }
            }),
            FromItem::Table { .. } | FromItem::Function { .. } => {}
        }
    }
}

/// Renames a column in one select.
struct Columns<'s> {
    aliases: &'s [Name],
    bare: bool,
    from: &'s Name,
    to: &'s Name,
}
impl Visit for Columns<'_> {
    fn expr(&mut self, expr: &mut Expr) {
        if let Expr::Column { parts } = expr {
            match parts.as_mut_slice() {
                [name] if self.bare && name == self.from => *name = self.to.clone(),
                [alias, name] | [_, alias, name] if name == self.from && self.aliases.contains(alias) => {
                    *name = self.to.clone();
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_their_quotes() {
        assert_eq!(words("a \"b\".\"c\" = 'it''s'"), ["a ", "\"b\"", ".", "\"c\"", " = ", "'it'", "'s'"]);
    }
}
