//! Where a view's columns come from, found by walking its query; and its stars written out.
//!
//! PostgreSQL fixes a view's columns when it is made, so a star must be written out then: a column that a table gets later is not
//! the view's. The same walk tells which output columns show a base column unchanged, which is what relationships through views are
//! found by. Both are the same for a text from a migration and for one from `pg_get_viewdef`.

use std::sync::Arc;

use sql::ast::{
    Cte, CteBody, Expr, FromItem, JoinCondition, JoinKind, Query, QueryBody, Select, SelectItem, TableAlias,
};

use super::{Catalog, Name, QName};

/// A base column.
pub type Origin = Option<(QName, Name)>;

/// For each output column of a query: the base column it shows unchanged, if it does. Unqualified tables are looked for along `path`.
pub fn sources(query: &Query, catalog: &Catalog, path: &[Name]) -> Vec<Origin> {
    let mut walk = Walk { catalog, path, ctes: Vec::new() };
    walk.query(&mut query.clone()).into_iter().map(|column| column.origin).collect()
}

/// Writes out every `*` and `t.*` whose columns are known. What cannot be resolved stays as it is.
pub fn expand(query: &mut Query, catalog: &Catalog, path: &[Name]) {
    Walk { catalog, path, ctes: Vec::new() }.query(query);
}

/// Finds the sources of every view of a catalog, those over other views included; for a catalog read from a server. Unqualified tables
/// are looked for along `path`.
pub fn fill(catalog: &mut Catalog, path: &[Name]) {
    let names: Vec<QName> = catalog
        .relations
        .values()
        .filter(|relation| relation.view.is_some())
        .map(|relation| relation.name.clone())
        .collect();
    // A view over views is right once those below it are: as many rounds as they are deep.
    for _ in 0..=names.len() {
        let mut changed = false;
        for name in &names {
            let Some(relation) = catalog.relations.get(name) else { continue };
            let Some(tree) = relation.view.as_ref().and_then(|view| view.query.tree()) else { continue };
            let mut found = sources(tree, catalog, path);
            found.resize(relation.columns.len(), None);
            let known = relation.view.as_ref().is_some_and(|view| view.sources == found);
            if known {
                continue;
            }
            changed = true;
            if let Some(view) =
                catalog.relations.get_mut(name).and_then(|relation| Arc::make_mut(relation).view.as_mut())
            {
                view.sources = found;
            }
        }
        if !changed {
            return;
        }
    }
}

/// A column that a query gives.
#[derive(Clone)]
struct Out {
    name: Name,
    origin: Origin,
}

/// A column that a `from` clause offers.
#[derive(Clone)]
struct Offered {
    /// The source's alias; none for a column merged by `using`.
    qualifier: Option<Name>,
    name: Name,
    origin: Origin,
    /// Hidden from `*` and from unqualified references by a merged column.
    hidden: bool,
}

/// The columns of a `from` clause; none when one of its sources is not understood.
type Scope = Option<Vec<Offered>>;

struct Walk<'c> {
    catalog: &'c Catalog,
    path: &'c [Name],
    ctes: Vec<(Name, Vec<Out>)>,
}

impl Walk<'_> {
    fn query(&mut self, query: &mut Query) -> Vec<Out> {
        let known = self.ctes.len();
        if let Some(with) = &mut query.with {
            for cte in &mut with.ctes {
                let columns = self.cte(cte);
                self.ctes.push((cte.name.clone(), columns));
            }
        }
        let out = self.body(&mut query.body);
        self.ctes.truncate(known);
        out
    }

    fn cte(&mut self, cte: &mut Cte) -> Vec<Out> {
        let CteBody::Query(query) = &mut cte.body else { return Vec::new() };
        let mut columns = self.query(query);
        for (column, name) in columns.iter_mut().zip(&cte.columns) {
            column.name = name.clone();
        }
        columns
    }

    fn body(&mut self, body: &mut QueryBody) -> Vec<Out> {
        match body {
            QueryBody::Select(select) => self.select(select),
            QueryBody::Nested(query) => self.query(query),
            // A union shows columns of several tables: of none unchanged.
            QueryBody::SetOp { left, right, .. } => {
                let left = self.body(left);
                self.body(right);
                left.into_iter().map(|column| Out { origin: None, ..column }).collect()
            }
            QueryBody::Values(rows) => {
                let width = rows.first().map_or(0, Vec::len);
                (1..=width).map(|n| Out { name: Name::from(format!("column{n}")), origin: None }).collect()
            }
        }
    }

    fn select(&mut self, select: &mut Select) -> Vec<Out> {
        let mut scope: Scope = Some(Vec::new());
        for item in &mut select.from {
            let offered = self.from(item);
            scope = match (scope, offered) {
                (Some(mut scope), Some(offered)) => {
                    scope.extend(offered);
                    Some(scope)
                }
                _ => None,
            };
        }
        let mut items = Vec::with_capacity(select.items.len());
        let mut out = Vec::with_capacity(select.items.len());
        for item in std::mem::take(&mut select.items) {
            match (&item, &scope) {
                (SelectItem::Wildcard, Some(scope)) => {
                    for column in scope.iter().filter(|column| !column.hidden) {
                        push(&mut items, &mut out, column);
                    }
                    continue;
                }
                (SelectItem::TableWildcard(name), Some(scope))
                    if scope.iter().any(|column| column.qualifier.as_ref() == Some(&name.name)) =>
                {
                    for column in scope.iter().filter(|column| column.qualifier.as_ref() == Some(&name.name)) {
                        push(&mut items, &mut out, column);
                    }
                    continue;
                }
                (SelectItem::Expr { expr, alias }, _) => {
                    let origin = scope.as_ref().and_then(|scope| origin(expr, scope));
                    let name = alias.clone().or_else(|| last_name(expr)).unwrap_or_else(|| Name::from("?column?"));
                    out.push(Out { name, origin });
                }
                (SelectItem::Wildcard | SelectItem::TableWildcard(_) | SelectItem::FieldWildcard(_), _) => {}
            }
            items.push(item);
        }
        select.items = items;
        // Groups and windows leave a plain column what it was; PostgreSQL's own rules say so too.
        out
    }

    fn from(&mut self, item: &mut FromItem) -> Scope {
        match item {
            FromItem::Table { name, alias, .. } => {
                let columns = self.table(name)?;
                Some(offer(columns, alias.as_ref(), Some(&name.name)))
            }
            FromItem::Query { query, alias, .. } => {
                let columns = self.query(query);
                Some(offer(columns, alias.as_ref(), None))
            }
            // What a function gives is computed; its columns' names may not be known.
            FromItem::Function { .. } => None,
            FromItem::Join { kind, left, right, condition, alias } => {
                let left = self.from(left);
                let right = self.from(right);
                if alias.is_some() {
                    return None;
                }
                join(*kind, left?, right?, condition)
            }
        }
    }

    fn table(&self, name: &sql::ast::ObjectName) -> Option<Vec<Out>> {
        if name.schema.is_none()
            && let Some((_, columns)) = self.ctes.iter().rev().find(|(cte, _)| *cte == name.name)
        {
            return Some(columns.clone());
        }
        let relation = match &name.schema {
            Some(schema) => self.catalog.relation(schema, &name.name),
            None => self.catalog.find_relation(self.path, &name.name),
        }?;
        let columns = relation.columns.iter().enumerate().map(|(index, column)| {
            let origin = match &relation.view {
                Some(view) => view.sources.get(index).cloned().flatten(),
                None => Some((relation.name.clone(), column.name.clone())),
            };
            Out { name: column.name.clone(), origin }
        });
        Some(columns.collect())
    }
}

fn push(items: &mut Vec<SelectItem>, out: &mut Vec<Out>, column: &Offered) {
    let parts = column.qualifier.iter().chain([&column.name]).cloned().collect();
    items.push(SelectItem::Expr { expr: Expr::Column { parts }, alias: None });
    out.push(Out { name: column.name.clone(), origin: column.origin.clone() });
}

fn offer(columns: Vec<Out>, alias: Option<&TableAlias>, own: Option<&Name>) -> Vec<Offered> {
    let qualifier = alias.map(|alias| &alias.name).or(own).cloned();
    let renamed = alias.map_or(&[][..], |alias| &alias.columns);
    columns
        .into_iter()
        .enumerate()
        .map(|(index, column)| Offered {
            qualifier: qualifier.clone(),
            name: renamed.get(index).unwrap_or(&column.name).clone(),
            origin: column.origin,
            hidden: false,
        })
        .collect()
}

fn join(kind: JoinKind, mut left: Vec<Offered>, mut right: Vec<Offered>, condition: &JoinCondition) -> Scope {
    let merged: Vec<Name> = match condition {
        JoinCondition::None | JoinCondition::On(_) => Vec::new(),
        JoinCondition::Using { columns, alias: None } => columns.clone(),
        JoinCondition::Using { .. } => return None,
        JoinCondition::Natural => {
            let has = |column: &&Offered| right.iter().any(|other| !other.hidden && other.name == column.name);
            left.iter().filter(|column| !column.hidden).filter(has).map(|column| column.name.clone()).collect()
        }
    };
    let mut out = Vec::with_capacity(left.len() + right.len());
    for name in merged {
        let take = |side: &mut Vec<Offered>| {
            side.iter_mut().find(|column| !column.hidden && column.name == name).map(|column| {
                column.hidden = true;
                column.origin.clone()
            })
        };
        let (from_left, from_right) = (take(&mut left)?, take(&mut right)?);
        let origin = match kind {
            JoinKind::Right => from_right,
            JoinKind::Full => None,
            JoinKind::Inner | JoinKind::Left | JoinKind::Cross => from_left,
        };
        out.push(Offered { qualifier: None, name, origin, hidden: false });
    }
    // A merged column of an inner join stays hidden behind the new one of the same name.
    left.retain(|column| column.qualifier.is_some() || !column.hidden);
    out.extend(left);
    out.extend(right);
    Some(out)
}

/// The base column that an expression is.
fn origin(expr: &Expr, scope: &[Offered]) -> Origin {
    let Expr::Column { parts } = expr else { return None };
    let (qualifier, name) = match parts.as_slice() {
        [name] => (None, name),
        [qualifier, name] | [_, qualifier, name] => (Some(qualifier), name),
        _ => return None,
    };
    let mut found = scope.iter().filter(|column| {
        column.name == *name
            && match qualifier {
                Some(_) => column.qualifier.as_ref() == qualifier,
                None => !column.hidden,
            }
    });
    found.next()?.origin.clone()
}

fn last_name(expr: &Expr) -> Option<Name> {
    match expr {
        Expr::Column { parts } => parts.last().cloned(),
        Expr::Function(call) => Some(call.name.name.clone()),
        Expr::Cast { expr, ty } => last_name(expr).or_else(|| Some(ty.name.name.clone())),
        _ => None,
    }
}
